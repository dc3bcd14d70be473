/*
 * catalog_transfer.c: a version's rows in all catalog tables, gathered.
 *
 * The caller may own the model; that is asked before.  Queries are as those of catalog.c.
 */
#include "catalog_transfer.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog_query.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* ---- fields of the result at hand ---- */

static const char *text_field(MemoryContext context, int row, int column)
{
    bool is_null;
    Datum value = ltpg_field(row, column, &is_null);

    return is_null ? "" : MemoryContextStrdup(context, TextDatumGetCString(value));
}

static int64 whole_field(int row, int column, int64 otherwise)
{
    bool is_null;
    Datum value = ltpg_field(row, column, &is_null);

    if (is_null)
        return otherwise;
    return SPI_gettypeid(SPI_tuptable->tupdesc, column) == INT8OID ? DatumGetInt64(value) : DatumGetInt32(value);
}

static double float_field(int row, int column)
{
    bool is_null;
    Datum value = ltpg_field(row, column, &is_null);

    return is_null ? NAN : DatumGetFloat8(value);
}

/* ---- the tables ---- */

static const char *json_of(Jsonb *json)
{
    return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

static const char *column_of(const char *name)
{
    return name == NULL ? "" : name;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(column_of(a), column_of(b)) == 0;
}

static bool same_roles(const ltpg_definition *a, const ltpg_definition *b)
{
    return a->source == b->source && a->user_features == b->user_features && a->item_features == b->item_features &&
           same_text(a->user_column, b->user_column) && same_text(a->item_column, b->item_column) &&
           same_text(a->label_column, b->label_column) && same_text(a->weight_column, b->weight_column) &&
           same_text(a->time_column, b->time_column);
}

/* By name; of one that is gone, there is none. */
static lt_archive_relation relation_of(Oid relation)
{
    char *name = get_rel_name(relation);
    char *schema = name == NULL ? NULL : get_namespace_name(get_rel_namespace(relation));

    if (schema == NULL)
        return (lt_archive_relation){"", ""};
    return (lt_archive_relation){schema, name};
}

static void gather_definition(const ltpg_version *version, lt_archive *out)
{
    const ltpg_definition *own = ltpg_catalog_definition(version->model_id, version->version);
    const ltpg_definition *again = ltpg_catalog_definition(version->model_id, LTPG_NO_VERSION);

    if (!same_roles(own, again))
        again = own;
    out->release = LONGTAIL_VERSION;
    out->encoding = GetDatabaseEncodingName();
    out->model = own->name;
    out->version = version->version;
    out->source = relation_of(own->source);
    out->user_features = relation_of(own->user_features);
    out->item_features = relation_of(own->item_features);
    out->has_user_features = OidIsValid(own->user_features);
    out->has_item_features = OidIsValid(own->item_features);
    out->user_column = column_of(own->user_column);
    out->item_column = column_of(own->item_column);
    out->label_column = column_of(own->label_column);
    out->weight_column = column_of(own->weight_column);
    out->time_column = column_of(own->time_column);
    out->algorithm = own->algorithm;
    out->options = json_of(own->options);
    out->definition_algorithm = again->algorithm;
    out->definition_options = json_of(again->options);
}

static void give_version(ltpg_arguments *a, const ltpg_version *version)
{
    memset(a, 0, sizeof *a);
    ltpg_give(a, INT4OID, Int32GetDatum(version->model_id));
    ltpg_give(a, INT4OID, Int32GetDatum(version->version));
}

static void gather_figures(MemoryContext caller, const ltpg_version *version, lt_archive *out)
{
    ltpg_arguments a;
    bool is_null;

    give_version(&a, version);
    ltpg_catalog_run("SELECT rows, rows_skipped, users, items, features, epochs, loss, validation_metric,"
                     " validation_value, active_value, seconds, trained"
                     " FROM longtail.model_version WHERE model_id = $1 AND version = $2",
                     &a, true, SPI_OK_SELECT);
    if (SPI_processed != 1)
        elog(ERROR, "version %d of model %d is gone", version->version, version->model_id);
    out->rows = whole_field(0, 1, 0);
    out->rows_skipped = whole_field(0, 2, 0);
    out->users = whole_field(0, 3, -1);
    out->items = whole_field(0, 4, 0);
    out->features = (int32)whole_field(0, 5, 0);
    out->epochs = (int32)whole_field(0, 6, 0);
    out->loss = float_field(0, 7);
    out->metric = text_field(caller, 0, 8);
    out->metric_value = float_field(0, 9);
    out->active_value = float_field(0, 10);
    out->seconds = float_field(0, 11);
    out->trained = DatumGetTimestampTz(ltpg_field(0, 12, &is_null));
}

static void gather_log(MemoryContext caller, const ltpg_version *version, lt_archive *out)
{
    ltpg_arguments a;

    give_version(&a, version);
    ltpg_catalog_run("SELECT epoch, train_loss, validation_loss, validation_metric, seconds"
                     " FROM longtail.training_epoch WHERE model_id = $1 AND version = $2 ORDER BY epoch",
                     &a, true, SPI_OK_SELECT);
    out->n_log = (int32)SPI_processed;
    out->log =
        MemoryContextAllocExtended(caller, Max(SPI_processed, 1) * sizeof *out->log, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    for (int32 i = 0; i < out->n_log; i++)
        out->log[i] = (lt_epoch){.epoch = (int)whole_field(i, 1, 0),
                                 .train_loss = float_field(i, 2),
                                 .validation_loss = float_field(i, 3),
                                 .validation_metric = float_field(i, 4),
                                 .seconds = float_field(i, 5)};
}

static void gather_trials(MemoryContext caller, const ltpg_version *version, lt_archive *out)
{
    ltpg_arguments a;
    bool is_null;

    give_version(&a, version);
    ltpg_catalog_run(
        "SELECT algorithm, options::pg_catalog.text, error, validation_value, aplt, epochs, seconds, chosen"
        " FROM longtail.training_trial WHERE model_id = $1 AND version = $2 ORDER BY trial",
        &a, true, SPI_OK_SELECT);
    out->n_trials = (int32)SPI_processed;
    out->trial = MemoryContextAllocExtended(caller, Max(SPI_processed, 1) * sizeof *out->trial,
                                            MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    for (int32 i = 0; i < out->n_trials; i++)
        out->trial[i] = (lt_archive_trial){.algorithm = text_field(caller, i, 1),
                                           .options = text_field(caller, i, 2),
                                           .error = text_field(caller, i, 3),
                                           .value = float_field(i, 4),
                                           .aplt = float_field(i, 5),
                                           .epochs = (int32)whole_field(i, 6, -1),
                                           .seconds = float_field(i, 7),
                                           .chosen = DatumGetBool(ltpg_field(i, 8, &is_null))};
}

static void gather_parts(MemoryContext caller, const ltpg_version *version, lt_archive *out)
{
    ltpg_arguments a;

    give_version(&a, version);
    ltpg_catalog_run("SELECT DISTINCT part FROM longtail.model_data WHERE model_id = $1 AND version = $2 ORDER BY part",
                     &a, true, SPI_OK_SELECT);
    if (SPI_processed > LT_ARCHIVE_PARTS)
        elog(ERROR, "version %d of model %d has " UINT64_FORMAT " parts", version->version, version->model_id,
             SPI_processed);
    out->n_parts = (int32)SPI_processed;
    for (int32 i = 0; i < out->n_parts; i++)
        out->part[i].name = text_field(caller, i, 1);
}

void ltpg_catalog_gather(const ltpg_version *version, lt_archive *out)
{
    MemoryContext caller = CurrentMemoryContext;

    memset(out, 0, sizeof *out);
    gather_definition(version, out);
    SPI_connect();
    gather_figures(caller, version, out);
    gather_log(caller, version, out);
    gather_trials(caller, version, out);
    gather_parts(caller, version, out);
    SPI_finish();
    for (int32 i = 0; i < out->n_parts; i++) {
        size_t n;

        out->part[i].bytes = ltpg_catalog_load(version, out->part[i].name, &n);
        out->part[i].n = (int64)n;
    }
}
