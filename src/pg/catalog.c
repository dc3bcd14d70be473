/*
 * catalog.c: the queries on the catalog tables, all of them here, all fixed text, run as the extension's owner.
 *
 * Every query names its schema and takes values as parameters only, and no operator or function in it is looked up
 * on the caller's search_path: what stands there would run as the owner.
 */
#include "catalog.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "catalog_forget.h"
#include "catalog_query.h"
#include "codec.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "relation.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define CHUNK (4 * 1024 * 1024) /* bytes a stored row */

/* ---- definitions ---- */

static const char *name_field(MemoryContext context, int column)
{
    bool is_null;
    Datum value = ltpg_field(0, column, &is_null);

    return is_null ? NULL : MemoryContextStrdup(context, NameStr(*DatumGetName(value)));
}

/* What 0.1.0 made is of type regclass until the extension is updated. */
static Oid relation_field(int column)
{
    bool is_null;
    Datum value = ltpg_field(0, column, &is_null);

    if (is_null)
        return InvalidOid;
    if (SPI_gettypeid(SPI_tuptable->tupdesc, column) != REGCLASSOID)
        return ltpg_relation_find(value);
    return OidIsValid(DatumGetObjectId(value)) ? DatumGetObjectId(value) : LTPG_LEFT_BEHIND;
}

ltpg_definition *ltpg_catalog_definition(int model_id, int version)
{
    MemoryContext caller = CurrentMemoryContext;
    ltpg_definition *d = palloc0(sizeof *d);
    ltpg_arguments a = {0};
    Jsonb *options;
    bool is_null;

    SPI_connect();
    ltpg_give(&a, INT4OID, Int32GetDatum(model_id));
    ltpg_give(&a, INT4OID, Int32GetDatum(version));
    ltpg_catalog_run(
        version == LTPG_NO_VERSION
            ? "SELECT name, algorithm::name, source, user_column, item_column, label_column, weight_column,"
              " time_column, user_features, item_features, options FROM longtail.model WHERE model_id = $1"
            : "SELECT m.name, v.algorithm::name, v.source, v.user_column, v.item_column, v.label_column,"
              " v.weight_column, v.time_column, v.user_features, v.item_features, v.options"
              " FROM longtail.model m JOIN longtail.model_version v USING (model_id)"
              " WHERE model_id = $1 AND v.version = $2",
        &a, true, SPI_OK_SELECT);
    if (SPI_processed != 1)
        elog(ERROR, "model %d is gone", model_id);
    d->name = MemoryContextStrdup(caller, TextDatumGetCString(ltpg_field(0, 1, &is_null)));
    d->algorithm = name_field(caller, 2);
    d->source = relation_field(3);
    d->user_column = name_field(caller, 4);
    d->item_column = name_field(caller, 5);
    d->label_column = name_field(caller, 6);
    d->weight_column = name_field(caller, 7);
    d->time_column = name_field(caller, 8);
    d->user_features = relation_field(9);
    d->item_features = relation_field(10);
    options = DatumGetJsonbP(ltpg_field(0, 11, &is_null));
    d->options = MemoryContextAlloc(caller, VARSIZE(options));
    memcpy(d->options, options, VARSIZE(options));
    SPI_finish();
    return d;
}

static void give_roles(ltpg_arguments *a, const ltpg_definition *d)
{
    ltpg_give_relation(a, d->source);
    ltpg_give_name(a, d->user_column);
    ltpg_give_name(a, d->item_column);
    ltpg_give_name(a, d->label_column);
    ltpg_give_name(a, d->weight_column);
    ltpg_give_name(a, d->time_column);
    ltpg_give_relation(a, d->user_features);
    ltpg_give_relation(a, d->item_features);
}

static void give_definition(ltpg_arguments *a, const ltpg_definition *d)
{
    ltpg_give_text(a, d->algorithm);
    give_roles(a, d);
    ltpg_give(a, JSONBOID, JsonbPGetDatum(d->options));
}

/* ---- storing ---- */

/*
 * Locks the model's row, so that stores and promotions of one model follow each other. 0: there is none.  Whose it is
 * is asked again: since the training began another role may have made a model of this name.
 */
static int lock_model(const char *name)
{
    ltpg_arguments a = {0};
    ltpg_role owner;
    bool is_null;
    int model_id;

    ltpg_give_text(&a, name);
    ltpg_catalog_run("SELECT model_id, owner FROM longtail.model WHERE name = $1 FOR UPDATE", &a, false, SPI_OK_SELECT);
    if (SPI_processed == 0)
        return 0;
    model_id = DatumGetInt32(ltpg_field(0, 1, &is_null));
    owner = ltpg_role_stored(ltpg_field(0, 2, &is_null), SPI_gettypeid(SPI_tuptable->tupdesc, 2));
    ltpg_catalog_check(name, model_id, &owner, LTPG_OWN);
    ltpg_catalog_check_snapshot(model_id);
    return model_id;
}

void ltpg_catalog_lock(const char *model, int model_id)
{
    if (lock_model(model) != model_id)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" was dropped meanwhile", model)));
}

void ltpg_catalog_supersede(int model_id)
{
    ltpg_version active;

    if (ltpg_catalog_active(model_id, &active))
        ltpg_shared_supersede(&active);
}

/*
 * Forgetting waits for trainings of the model it is asked for, by its id: one that began with another model of this
 * name, or with none, was not waited for, and may have read whoever was forgotten since.  But for a model that this
 * transaction itself has made: the statement that trains it again does not see it yet when it begins.
 */
static void check_same_model(const char *name, int model_id, int begun_with)
{
    ltpg_arguments a = {0};
    bool is_null;

    if (model_id == begun_with)
        return;
    ltpg_give(&a, INT4OID, Int32GetDatum(model_id));
    ltpg_catalog_run("SELECT xmin FROM longtail.model WHERE model_id = $1", &a, false, SPI_OK_SELECT);
    if (SPI_processed == 1 && TransactionIdIsCurrentTransactionId(DatumGetTransactionId(ltpg_field(0, 1, &is_null))))
        return;
    ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                    begun_with == 0 ? errmsg("model \"%s\" was made by another session while it was trained", name)
                                    : errmsg("model \"%s\" was dropped and made again while it was trained", name),
                    errhint("Train again.")));
}

/*
 * Creates the model, or replaces the definition of the one that the training began with (0: none), which the caller
 * owns; returns its id, its row locked.
 */
static int store_definition(const ltpg_definition *d, int begun_with)
{
    ltpg_arguments a = {0};
    ltpg_role owner = ltpg_role_of(GetUserId());
    bool is_null;
    int model_id;

    ltpg_give_text(&a, d->name);
    ltpg_give_role(&a, &owner);
    give_definition(&a, d);
    ltpg_catalog_run(
        "INSERT INTO longtail.model (name, owner, algorithm, source, user_column, item_column, label_column,"
        " weight_column, time_column, user_features, item_features, options)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (name) DO NOTHING RETURNING model_id",
        &a, false, SPI_OK_INSERT_RETURNING);
    if (SPI_processed == 1)
        return DatumGetInt32(ltpg_field(0, 1, &is_null));
    model_id = lock_model(d->name);
    if (model_id == 0)
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("model \"%s\" was dropped while it was trained", d->name)));
    check_same_model(d->name, model_id, begun_with);
    ltpg_catalog_supersede(model_id);
    memset(&a, 0, sizeof a);
    ltpg_give(&a, INT4OID, Int32GetDatum(model_id));
    give_definition(&a, d);
    ltpg_catalog_run(
        "UPDATE longtail.model SET algorithm = $2, source = $3, user_column = $4, item_column = $5, label_column = $6,"
        " weight_column = $7, time_column = $8, user_features = $9, item_features = $10, options = $11"
        " WHERE model_id = $1",
        &a, false, SPI_OK_UPDATE);
    return model_id;
}

static int next_version(int model_id)
{
    ltpg_arguments a = {0};
    bool is_null;

    ltpg_give(&a, INT4OID, Int32GetDatum(model_id));
    ltpg_catalog_run("SELECT coalesce(max(version), 0) + 1 FROM longtail.model_version WHERE model_id = $1", &a, false,
                     SPI_OK_SELECT);
    return DatumGetInt32(ltpg_field(0, 1, &is_null));
}

static void store_version(int model_id, int version, const ltpg_definition *d, const ltpg_training *t)
{
    ltpg_arguments a = {0};

    ltpg_give(&a, INT4OID, Int32GetDatum(model_id));
    ltpg_give(&a, INT4OID, Int32GetDatum(version));
    ltpg_give_text(&a, t->algorithm);
    ltpg_give(&a, JSONBOID, JsonbPGetDatum(t->options));
    ltpg_give(&a, INT8OID, Int64GetDatum(t->rows));
    ltpg_give(&a, INT8OID, Int64GetDatum(t->rows_skipped));
    if (t->users < 0) {
        ltpg_give_null(&a, INT8OID);
        ltpg_give_null(&a, INT8OID);
    } else {
        ltpg_give(&a, INT8OID, Int64GetDatum(t->users));
        ltpg_give(&a, INT8OID, Int64GetDatum(t->items));
    }
    ltpg_give(&a, INT4OID, Int32GetDatum(t->features));
    ltpg_give(&a, INT4OID, Int32GetDatum(t->fit.epochs));
    ltpg_give_float(&a, t->fit.loss);
    ltpg_give_text(&a, t->metric);
    ltpg_give_float(&a, t->metric_value);
    ltpg_give_float(&a, t->active_value);
    ltpg_give_text(&a, t->decision);
    ltpg_give(&a, FLOAT8OID, Float8GetDatum(t->seconds));
    ltpg_give(&a, TIMESTAMPTZOID, TimestampTzGetDatum(t->trained));
    give_roles(&a, d);
    ltpg_catalog_run(
        "INSERT INTO longtail.model_version (model_id, version, algorithm, options, rows, rows_skipped, users, items,"
        " features, epochs, loss, validation_metric, validation_value, active_value, decision, seconds, trained,"
        " source, user_column, item_column, label_column, weight_column, time_column, user_features, item_features)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,"
        " $22, $23, $24, $25)",
        &a, false, SPI_OK_INSERT);
}

void ltpg_catalog_store_part(int model_id, int version, const ltpg_part *part)
{
    size_t at = 0;

    for (int chunk = 0; chunk == 0 || at < part->n; chunk++) {
        size_t n = Min(part->n - at, CHUNK);
        bytea *bytes = palloc(VARHDRSZ + n);
        ltpg_arguments a = {0};

        SET_VARSIZE(bytes, VARHDRSZ + n);
        memcpy(VARDATA(bytes), part->bytes + at, n);
        ltpg_give(&a, INT4OID, Int32GetDatum(model_id));
        ltpg_give(&a, INT4OID, Int32GetDatum(version));
        ltpg_give_text(&a, part->name);
        ltpg_give(&a, INT4OID, Int32GetDatum(chunk));
        ltpg_give(&a, INT8OID, Int64GetDatum(lt_crc32c(0, part->bytes + at, n)));
        ltpg_give(&a, BYTEAOID, PointerGetDatum(bytes));
        ltpg_catalog_run("INSERT INTO longtail.model_data (model_id, version, part, chunk, checksum, bytes)"
                         " VALUES ($1, $2, $3, $4, $5, $6)",
                         &a, false, SPI_OK_INSERT);
        pfree(bytes);
        at += n;
        CHECK_FOR_INTERRUPTS();
    }
}

static void store_epochs(int model_id, int version, const ltpg_training *t)
{
    for (int i = 0; i < t->n_epochs; i++) {
        const lt_epoch *e = &t->epochs[i];
        ltpg_arguments a = {0};

        ltpg_give(&a, INT4OID, Int32GetDatum(model_id));
        ltpg_give(&a, INT4OID, Int32GetDatum(version));
        ltpg_give(&a, INT4OID, Int32GetDatum(e->epoch));
        ltpg_give_float(&a, e->train_loss);
        ltpg_give_float(&a, e->validation_loss);
        ltpg_give_float(&a, e->validation_metric);
        ltpg_give(&a, FLOAT8OID, Float8GetDatum(e->seconds));
        ltpg_catalog_run("INSERT INTO longtail.training_epoch (model_id, version, epoch, train_loss, validation_loss,"
                         " validation_metric, seconds) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                         &a, false, SPI_OK_INSERT);
    }
}

static void store_trials(int model_id, int version, const ltpg_training *t)
{
    for (int i = 0; i < t->n_trials; i++) {
        const ltpg_trial *trial = &t->trials[i];
        ltpg_arguments a = {0};

        ltpg_give(&a, INT4OID, Int32GetDatum(model_id));
        ltpg_give(&a, INT4OID, Int32GetDatum(version));
        ltpg_give(&a, INT4OID, Int32GetDatum(i + 1));
        ltpg_give_text(&a, trial->algorithm);
        ltpg_give(&a, JSONBOID, JsonbPGetDatum(trial->options));
        ltpg_give_text(&a, t->metric);
        ltpg_give_float(&a, trial->value);
        ltpg_give_float(&a, trial->aplt);
        if (trial->epochs < 0)
            ltpg_give_null(&a, INT4OID);
        else
            ltpg_give(&a, INT4OID, Int32GetDatum(trial->epochs));
        ltpg_give(&a, FLOAT8OID, Float8GetDatum(trial->seconds));
        ltpg_give(&a, BOOLOID, BoolGetDatum(trial->chosen));
        ltpg_give_text(&a, trial->error);
        ltpg_catalog_run(
            "INSERT INTO longtail.training_trial (model_id, version, trial, algorithm, options, validation_metric,"
            " validation_value, aplt, epochs, seconds, chosen, error)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            &a, false, SPI_OK_INSERT);
    }
}

static void set_active(int model_id, int version)
{
    ltpg_arguments a = {0};

    ltpg_catalog_supersede(model_id);
    ltpg_give(&a, INT4OID, Int32GetDatum(model_id));
    ltpg_give(&a, INT4OID, Int32GetDatum(version));
    ltpg_catalog_run("UPDATE longtail.model SET active_version = $2 WHERE model_id = $1"
                     " AND EXISTS (SELECT FROM longtail.model_version WHERE model_id = $1 AND version = $2)",
                     &a, false, SPI_OK_UPDATE);
    if (SPI_processed == 0)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("version %d was dropped meanwhile", version)));
}

int ltpg_catalog_store(const ltpg_definition *definition, int begun_with, bool new_definition,
                       const ltpg_training *training, const ltpg_part *parts, int n_parts)
{
    int model_id, version;

    SPI_connect();
    model_id = new_definition ? store_definition(definition, begun_with) : lock_model(definition->name);
    if (model_id == 0)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("model \"%s\" was dropped while it was trained", definition->name)));
    if (!new_definition)
        check_same_model(definition->name, model_id, begun_with);
    version = next_version(model_id);
    store_version(model_id, version, definition, training);
    for (int i = 0; i < n_parts; i++)
        ltpg_catalog_store_part(model_id, version, &parts[i]);
    store_epochs(model_id, version, training);
    store_trials(model_id, version, training);
    if (training->promoted)
        set_active(model_id, version);
    SPI_finish();
    return version;
}

int ltpg_catalog_store_refreshed(const char *model, const ltpg_version *from, int64 users, int64 items, int features,
                                 const char *decision, double seconds, const ltpg_part *parts, int n_parts)
{
    ltpg_arguments a = {0};
    int version;

    SPI_connect();
    ltpg_catalog_lock(model, from->model_id);
    version = next_version(from->model_id);
    ltpg_give(&a, INT4OID, Int32GetDatum(from->model_id));
    ltpg_give(&a, INT4OID, Int32GetDatum(from->version));
    ltpg_give(&a, INT4OID, Int32GetDatum(version));
    ltpg_give(&a, INT8OID, Int64GetDatum(users));
    ltpg_give(&a, INT8OID, Int64GetDatum(items));
    ltpg_give(&a, INT4OID, Int32GetDatum(features));
    ltpg_give_text(&a, decision);
    ltpg_give(&a, FLOAT8OID, Float8GetDatum(seconds));
    ltpg_give(&a, TIMESTAMPTZOID, TimestampTzGetDatum(GetCurrentTimestamp()));
    ltpg_catalog_run(
        "INSERT INTO longtail.model_version (model_id, version, algorithm, options, rows, rows_skipped, users, items,"
        " features, epochs, loss, validation_metric, validation_value, active_value, decision, seconds, trained,"
        " source, user_column, item_column, label_column, weight_column, time_column, user_features, item_features)"
        " SELECT model_id, $3, algorithm, options, rows, rows_skipped, $4, $5, $6, epochs, loss, validation_metric,"
        " validation_value, active_value, $7, $8, $9, source, user_column, item_column, label_column, weight_column,"
        " time_column, user_features, item_features FROM longtail.model_version WHERE model_id = $1 AND version = $2",
        &a, false, SPI_OK_INSERT);
    for (int i = 0; i < n_parts; i++)
        ltpg_catalog_store_part(from->model_id, version, &parts[i]);
    memset(&a, 0, sizeof a);
    ltpg_give(&a, INT4OID, Int32GetDatum(from->model_id));
    ltpg_give(&a, INT4OID, Int32GetDatum(from->version));
    ltpg_give(&a, INT4OID, Int32GetDatum(version));
    ltpg_catalog_run("INSERT INTO longtail.model_data (model_id, version, part, chunk, checksum, bytes)"
                     " SELECT model_id, $3, part, chunk, checksum, bytes FROM longtail.model_data"
                     " WHERE model_id = $1 AND version = $2 AND part NOT IN ('model', 'seen')",
                     &a, false, SPI_OK_INSERT);
    set_active(from->model_id, version);
    SPI_finish();
    return version;
}

/* ---- loading ---- */

bool ltpg_catalog_has_part(const ltpg_version *version, const char *part)
{
    ltpg_arguments a = {0};
    bool found;

    SPI_connect();
    ltpg_give(&a, INT4OID, Int32GetDatum(version->model_id));
    ltpg_give(&a, INT4OID, Int32GetDatum(version->version));
    ltpg_give_text(&a, part);
    ltpg_catalog_run("SELECT FROM longtail.model_data WHERE model_id = $1 AND version = $2 AND part = $3 AND chunk = 0",
                     &a, true, SPI_OK_SELECT);
    found = SPI_processed > 0;
    SPI_finish();
    return found;
}

uint8 *ltpg_catalog_load(const ltpg_version *version, const char *part, size_t *n)
{
    MemoryContext caller = CurrentMemoryContext;
    ltpg_arguments a = {0};
    uint8 *bytes;
    size_t at = 0;
    bool is_null;

    SPI_connect();
    ltpg_give(&a, INT4OID, Int32GetDatum(version->model_id));
    ltpg_give(&a, INT4OID, Int32GetDatum(version->version));
    ltpg_give_text(&a, part);
    ltpg_catalog_run(
        "SELECT checksum, bytes FROM longtail.model_data WHERE model_id = $1 AND version = $2 AND part = $3"
        " ORDER BY chunk",
        &a, true, SPI_OK_SELECT);
    bytes = MemoryContextAllocHuge(caller, Max(SPI_processed, 1) * (Size)CHUNK);
    for (uint64 i = 0; i < SPI_processed; i++) {
        int64 checksum = DatumGetInt64(ltpg_field(i, 1, &is_null));
        bytea *chunk = DatumGetByteaPP(ltpg_field(i, 2, &is_null));
        size_t size = VARSIZE_ANY_EXHDR(chunk);

        if (size > CHUNK || lt_crc32c(0, VARDATA_ANY(chunk), size) != (uint32)checksum)
            ereport(ERROR,
                    (errcode(ERRCODE_DATA_CORRUPTED),
                     errmsg("stored bytes of model %d, version %d are damaged", version->model_id, version->version),
                     errdetail("The checksum of part \"%s\", chunk " UINT64_FORMAT " does not match.", part, i),
                     errhint("Promote another version, or train again.")));
        memcpy(bytes + at, VARDATA_ANY(chunk), size);
        at += size;
        if ((void *)chunk != DatumGetPointer(ltpg_field(i, 2, &is_null)))
            pfree(chunk);
    }
    SPI_finish();
    *n = at;
    return bytes;
}

/* ---- the life of a model ---- */

int ltpg_version_argument(FunctionCallInfo fcinfo, int at)
{
    if (PG_ARGISNULL(at))
        return LTPG_ACTIVE_VERSION;
    if (PG_GETARG_INT32(at) < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("version must be at least 1, not %d", PG_GETARG_INT32(at))));
    return PG_GETARG_INT32(at);
}

void ltpg_catalog_promote(const char *model, int version)
{
    ltpg_version found;

    ltpg_catalog_find(model, version, LTPG_OWN, false, &found);
    SPI_connect();
    ltpg_catalog_lock(model, found.model_id);
    set_active(found.model_id, found.version);
    SPI_finish();
}

void ltpg_catalog_drop_version(const char *model, int version)
{
    static const char *const deletes[] = {
        "DELETE FROM longtail.model_data WHERE model_id = $1 AND version = $2",
        "DELETE FROM longtail.training_epoch WHERE model_id = $1 AND version = $2",
        "DELETE FROM longtail.training_trial WHERE model_id = $1 AND version = $2",
        "DELETE FROM longtail.model_version WHERE model_id = $1 AND version = $2",
    };
    ltpg_arguments a = {0};
    ltpg_version found;
    bool is_null;

    ltpg_catalog_find(model, version, LTPG_OWN, false, &found);
    SPI_connect();
    ltpg_catalog_lock(model, found.model_id);
    ltpg_give(&a, INT4OID, Int32GetDatum(found.model_id));
    ltpg_catalog_run("SELECT active_version FROM longtail.model WHERE model_id = $1", &a, false, SPI_OK_SELECT);
    if (DatumGetInt32(ltpg_field(0, 1, &is_null)) == version)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_IN_USE), errmsg("version %d of model \"%s\" is the active one", version, model),
                 errhint("Promote another version first, or drop the model.")));
    if (next_version(found.model_id) == version + 1)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_IN_USE), errmsg("version %d of model \"%s\" is the newest", version, model),
                 errhint("No number is given twice: the newest version stays until there is a newer one.")));
    ltpg_give(&a, INT4OID, Int32GetDatum(version));
    for (int i = 0; i < (int)lengthof(deletes); i++)
        ltpg_catalog_run(deletes[i], &a, false, SPI_OK_DELETE);
    SPI_finish();
    /* The model's row is written, so that a promotion that waits and has an old snapshot fails. */
    ltpg_catalog_renew(found.model_id);
}

void ltpg_catalog_drop(const char *model)
{
    static const char *const deletes[] = {
        "DELETE FROM longtail.model_data WHERE model_id = $1",
        "DELETE FROM longtail.training_epoch WHERE model_id = $1",
        "DELETE FROM longtail.training_trial WHERE model_id = $1",
        "DELETE FROM longtail.model_version WHERE model_id = $1",
        "DELETE FROM longtail.model_grant WHERE model_id = $1",
        "DELETE FROM longtail.model WHERE model_id = $1",
    };
    ltpg_arguments a = {0};
    ltpg_version found;

    ltpg_catalog_find(model, LTPG_NO_VERSION, LTPG_OWN, false, &found);
    SPI_connect();
    ltpg_catalog_lock(model, found.model_id);
    ltpg_catalog_supersede(found.model_id);
    ltpg_give(&a, INT4OID, Int32GetDatum(found.model_id));
    for (int i = 0; i < (int)lengthof(deletes); i++)
        ltpg_catalog_run(deletes[i], &a, false, SPI_OK_DELETE);
    SPI_finish();
}
