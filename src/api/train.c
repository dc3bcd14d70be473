/*
 * train.c: longtail.train and longtail.retrain: relation to stored version.
 *
 * The walk: definition and options checked -> rows read and encoded -> trained -> measured on the held-out part ->
 * compared with the active version -> stored.  Nothing is locked until the version is stored, and nothing is visible
 * before the transaction commits.
 */
#include "longtail.h"

#include <math.h>

#include "bases.h"
#include "cache.h"
#include "catalog/pg_index.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "funcapi.h"
#include "ids.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(longtail_train);
PG_FUNCTION_INFO_V1(longtail_retrain);

/* What a training works with. */
typedef struct training {
    lt_env *env;
    ltpg_definition *definition;
    const lt_algorithm *algorithm;
    lt_options options;
    ltpg_progress *progress;
    lt_bundle bundle;
    lt_dataset dataset;
    lt_measuring measuring;
    ltpg_training result;
} training;

/* ---- checking ---- */

static void check_definition(const ltpg_definition *d, const lt_algorithm *algorithm)
{
    bool recommender = d->user_column != NULL && d->item_column != NULL;

    if (d->name[0] == '\0')
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a model's name cannot be empty")));
    if ((d->user_column != NULL) != (d->item_column != NULL))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("user_column and item_column go together"),
                        errhint("Give both for a recommender, neither for a model of the rows themselves.")));
    if (!recommender && d->label_column == NULL)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is nothing to learn without label_column"),
                 errhint("Give label_column, or user_column and item_column for implicit feedback.")));
    if (!recommender && (OidIsValid(d->user_features) || OidIsValid(d->item_features)))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("user_features and item_features need user_column and item_column")));
    if (recommender ? !algorithm->recommender : !algorithm->supervised)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        recommender ? errmsg("algorithm \"%s\" does not recommend", algorithm->name)
                                    : errmsg("algorithm \"%s\" needs user_column and item_column", algorithm->name)));
}

/* True when the relation has an index whose first column this is, or is not one that can have indexes. */
static bool has_index_led_by(Oid relation, const char *column)
{
    char kind = get_rel_relkind(relation);
    AttrNumber number = get_attnum(relation, column);
    bool found = false;
    Relation r;
    ListCell *cell;

    if (kind != RELKIND_RELATION && kind != RELKIND_MATVIEW && kind != RELKIND_PARTITIONED_TABLE)
        return true;
    r = table_open(relation, AccessShareLock);
    foreach (cell, RelationGetIndexList(r)) {
        HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));

        if (!HeapTupleIsValid(tuple))
            continue;
        found |= ((Form_pg_index)GETSTRUCT(tuple))->indkey.values[0] == number;
        ReleaseSysCache(tuple);
    }
    table_close(r, AccessShareLock);
    return found;
}

/* Serving reads a user's rows: say so when that would be a scan of the whole table. */
static void advise_index(Oid relation, const char *column)
{
    if (OidIsValid(relation) && !has_index_led_by(relation, column))
        ereport(NOTICE, (errmsg("recommending reads a user's rows of %s and finds no index led by \"%s\"",
                                ltpg_relation_name(relation, "source"), column),
                         errhint("CREATE INDEX ON %s (%s);", ltpg_relation_name(relation, "source"),
                                 quote_identifier(column))));
}

/*
 * What a purchase alone has, its price or quantity, fits the item bought and no sampled negative. A model learns that
 * instead of who buys what; it happens to whoever gives a table of purchases and leaves no column out.
 */
static void advise_features(const ltpg_definition *d, const lt_bundle *bundle)
{
    const lt_encoder *rows = &bundle->row_encoder;
    StringInfoData names, excluded;

    if (d->label_column != NULL || rows->n_features == 0)
        return;
    initStringInfo(&names);
    initStringInfo(&excluded);
    for (int i = 0; i < rows->n_features; i++) {
        appendStringInfo(&names, "%s\"%s\"", i == 0 ? "" : ", ", rows->feature[i].name);
        appendStringInfo(&excluded, "%s\"-%s\"", i == 0 ? "" : ", ", rows->feature[i].name);
    }
    ereport(NOTICE,
            (errmsg("columns of the source are used as features, and are not known when recommending: %s", names.data),
             errhint("Leave out what only a past interaction has: options => '{\"features\": [%s]}'.", excluded.data)));
}

/* Features given to an algorithm that learns from interactions alone. */
static void advise_no_features(const ltpg_definition *d)
{
    if (OidIsValid(d->user_features) || OidIsValid(d->item_features))
        ereport(NOTICE, (errmsg("algorithm \"%s\" does not look at features", d->algorithm),
                         errdetail("user_features is not read, and item_features only for its items, which join the "
                                   "catalogue.")));
}

/* ---- training ---- */

/* Lists of options "features", "categorical" and "text" that name no column are mistakes. */
static void check_names_used(const training *t, const char *option)
{
    const lt_value *list = lt_option_value(&t->options, option);
    const lt_encoder *encoders[] = {&t->bundle.row_encoder, &t->bundle.user_encoder, &t->bundle.item_encoder};

    for (int i = 0; i < list->n; i++) {
        const char *name = list->names[i];
        bool found = name[0] == '-' && strcmp(option, "features") == 0;

        for (int e = 0; e < 3; e++)
            for (int f = 0; f < encoders[e]->n_features; f++)
                found |= strcmp(encoders[e]->feature[f].name, name) == 0;
        if (!found)
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                            errmsg("option \"%s\" names \"%s\", which is no feature column", option, name),
                            errhint("Columns with a role, ids and columns that do not exist cannot be features.")));
    }
}

static void read_data(training *t)
{
    ltpg_reading reading;

    ltpg_progress_phase(t->progress, "reading");
    LTPG(t->env, lt_bundle_init(t->env, &t->bundle, &t->options));
    ltpg_read_training(t->env, t->definition, !t->algorithm->no_features, &t->options, &t->bundle, &t->dataset,
                       &reading);
    check_names_used(t, "features");
    check_names_used(t, "categorical");
    check_names_used(t, "text");
    t->result.rows = reading.rows;
    t->result.rows_skipped = reading.rows_skipped;
    t->result.users = lt_bundle_is_recommender(&t->bundle) ? t->bundle.users.n : -1;
    t->result.items = t->bundle.items.n;
    if (reading.rows == 0)
        ereport(ERROR,
                (errcode(ERRCODE_NO_DATA_FOUND),
                 errmsg("there are no rows to train on in %s", ltpg_relation_name(t->definition->source, "source")),
                 reading.rows_skipped > 0
                     ? errdetail(INT64_FORMAT
                                 " row(s) were skipped: NULL ids, labels, weights or times, or invalid numbers.",
                                 reading.rows_skipped)
                     : 0));
}

static void fit(training *t)
{
    ltpg_progress_phase(t->progress, "training");
    t->bundle.model.algorithm = t->algorithm;
    t->measuring = (lt_measuring){.bundle = &t->bundle, .data = &t->dataset, .options = &t->options};
    t->dataset.measure = lt_measure_epoch;
    t->dataset.measure_context = &t->measuring;
    ltpg_load_bases(&t->options, &t->dataset);
    LTPG(t->env, t->algorithm->train(t->env, &t->dataset, &t->options, &t->bundle.model, &t->result.fit));
    t->result.features = t->bundle.model.design.dense + t->bundle.model.design.sparse;
}

static void validate(training *t)
{
    lt_recommender recommender;

    ltpg_progress_phase(t->progress, "validating");
    LTPG(t->env, lt_recommender_init(t->env, &recommender, &t->bundle));
    LTPG(t->env,
         lt_validate(t->env, &recommender, &t->dataset, &t->options, &t->result.metric, &t->result.metric_value));
}

/*
 * The active version's figure on this training's validation part, read and encoded as that version does.  False when it
 * cannot read the source as it is now.
 */
static bool validate_active(training *t, double *value)
{
    MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "longtail comparison", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    lt_env *env = ltpg_env(memory, ltpg_training_memory);
    ltpg_model *active = ltpg_model_load(t->definition->name, LTPG_ACTIVE_VERSION);
    lt_dataset dataset;
    ltpg_reading reading;
    bool readable;

    ltpg_progress_phase(t->progress, "comparing");
    readable = active->bundle.label_kind == t->bundle.label_kind &&
               ltpg_can_read(t->definition, t->definition->source, &active->bundle);
    if (readable) {
        ltpg_read_frozen(env, t->definition, t->definition->source, &t->options, &active->bundle, active->env, &dataset,
                         &reading);
        LTPG(env, lt_validate(env, &active->recommender, &dataset, &t->options, &t->result.metric, value));
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
    return readable;
}

/*
 * Promote or not, and why, in words for longtail.model_versions.  What was asked to be compared and cannot be is held
 * back: a night that lost rows, columns or the sense of its ids must not reach the users.
 */
static void decide(training *t, bool new_definition, bool has_active)
{
    ltpg_training *r = &t->result;
    double tolerance = lt_option_float(&t->options, "promote_tolerance");
    double slack;

    r->active_value = NAN;
    if (lt_option_is(&t->options, "promote", "never")) {
        r->promoted = false;
        r->decision = "not promoted: option promote is never";
        return;
    }
    r->promoted = true;
    if (new_definition)
        r->decision = "promoted: a new definition";
    else if (!has_active)
        r->decision = "promoted: no version was active";
    else if (lt_option_is(&t->options, "promote", "always"))
        r->decision = "promoted: option promote is always";
    else if (lt_option_is(&t->options, "split", "none") || lt_option_float(&t->options, "validation_fraction") == 0)
        r->decision = "promoted: no validation part to compare on was asked for";
    else if (isnan(r->metric_value)) {
        r->promoted = false;
        r->decision = "not promoted: the rows leave no validation part to compare on";
    } else if (!validate_active(t, &r->active_value)) {
        r->promoted = false;
        r->decision = "not promoted: the active version cannot be compared, for columns it was trained on are gone or"
                      " of another kind";
    } else if (isnan(r->active_value)) {
        r->promoted = false;
        r->decision = "not promoted: the active version gives no figure on the validation part";
    } else {
        slack = tolerance * fabs(r->active_value);
        r->promoted = lt_metric_higher_is_better(r->metric) ? r->metric_value >= r->active_value - slack
                                                            : r->metric_value <= r->active_value + slack;
        r->decision =
            psprintf("%s: %s %.6g, active version %.6g on the same rows, tolerance %g",
                     r->promoted ? "promoted" : "not promoted", r->metric, r->metric_value, r->active_value, tolerance);
    }
}

static int store(training *t, bool new_definition)
{
    lt_writer model, seen;
    ltpg_part parts[2];
    int n_parts = 1;

    ltpg_progress_phase(t->progress, "storing");
    lt_writer_init(t->env, &model);
    lt_bundle_write(&model, &t->bundle);
    LTPG(t->env, model.status);
    parts[0] = (ltpg_part){"model", model.bytes, model.n};
    if (lt_bundle_is_recommender(&t->bundle)) {
        lt_pairs had;

        LTPG(t->env, lt_builder_all_seen(t->env, &t->dataset, &had));
        lt_writer_init(t->env, &seen);
        lt_pairs_write(&seen, &had);
        LTPG(t->env, seen.status);
        parts[n_parts++] = (ltpg_part){"seen", seen.bytes, seen.n};
    }
    t->result.n_epochs = ltpg_progress_epochs(t->progress, &t->result.epochs);
    t->result.trained = GetCurrentTimestamp();
    return ltpg_catalog_store(t->definition, new_definition, &t->result, parts, n_parts);
}

static Datum result_row(FunctionCallInfo fcinfo, const training *t, int version)
{
    const ltpg_training *r = &t->result;
    bool recommender = r->users >= 0;
    TupleDesc description;
    Datum value[14];
    bool null[14] = {false};

    if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    value[0] = CStringGetTextDatum(t->definition->name);
    value[1] = Int32GetDatum(version);
    value[2] = CStringGetTextDatum(t->definition->algorithm);
    value[3] = BoolGetDatum(r->promoted);
    value[4] = Int64GetDatum(r->rows);
    value[5] = Int64GetDatum(r->rows_skipped);
    value[6] = Int64GetDatum(r->users);
    value[7] = Int64GetDatum(r->items);
    null[6] = null[7] = !recommender;
    value[8] = Int32GetDatum(r->features);
    value[9] = Int32GetDatum(r->fit.epochs);
    value[10] = Float8GetDatum(r->fit.loss);
    value[11] = CStringGetTextDatum(r->metric);
    value[12] = Float8GetDatum(r->metric_value);
    null[12] = isnan(r->metric_value);
    value[13] = Float8GetDatum(r->seconds);
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), value, null));
}

/* Everything from a checked definition on. given: options laid over the definition's for this version, or NULL. */
static Datum run(FunctionCallInfo fcinfo, ltpg_definition *definition, const Jsonb *given, bool new_definition,
                 bool has_active)
{
    training t = {.definition = definition};
    instr_time start, end;
    int version;

    INSTR_TIME_SET_CURRENT(start);
    t.env = ltpg_env(CurrentMemoryContext, ltpg_training_memory);
    t.algorithm = ltpg_algorithm(definition->algorithm);
    LTPG(t.env, lt_options_init(t.env, &t.options, t.algorithm->options, t.algorithm->n_options));
    ltpg_options_set(t.env, &t.options, definition->options);
    t.result.options = definition->options;
    if (given != NULL) {
        ltpg_options_set(t.env, &t.options, given);
        t.result.options = DatumGetJsonbP(
            DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(definition->options), JsonbPGetDatum(given)));
    }
    check_definition(definition, t.algorithm);
    t.progress = ltpg_progress_start(definition->name);
    ltpg_env_log(t.env, t.progress);
    read_data(&t);
    fit(&t);
    validate(&t);
    decide(&t, new_definition, has_active);
    INSTR_TIME_SET_CURRENT(end);
    INSTR_TIME_SUBTRACT(end, start);
    t.result.seconds = INSTR_TIME_GET_DOUBLE(end);
    version = store(&t, new_definition);
    ltpg_progress_end(t.progress);
    if (has_active && !new_definition)
        ereport(NOTICE, (errmsg("model \"%s\" version %d %s", definition->name, version, t.result.decision)));
    if (new_definition) {
        ltpg_features_advise_text(definition->source, &t.bundle.row_encoder);
        ltpg_features_advise_text(definition->user_features, &t.bundle.user_encoder);
        ltpg_features_advise_text(definition->item_features, &t.bundle.item_encoder);
    }
    if (lt_bundle_is_recommender(&t.bundle) && new_definition) {
        advise_features(definition, &t.bundle);
        advise_index(definition->source, definition->user_column);
        if (t.algorithm->no_features)
            advise_no_features(definition);
        else if (OidIsValid(definition->user_features))
            advise_index(definition->user_features,
                         ltpg_features_key(definition->user_features, definition->user_column));
    }
    return result_row(fcinfo, &t, version);
}

static const char *text_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
    if (PG_ARGISNULL(n))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", name)));
    return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static const char *name_argument(FunctionCallInfo fcinfo, int n)
{
    return PG_ARGISNULL(n) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(n)));
}

static Oid relation_argument(FunctionCallInfo fcinfo, int n)
{
    return PG_ARGISNULL(n) ? InvalidOid : PG_GETARG_OID(n);
}

/* train(model, source, algorithm, user, item, label, weight, time, user_features, item_features, options) */
Datum longtail_train(PG_FUNCTION_ARGS)
{
    ltpg_definition *d = palloc0(sizeof *d);
    ltpg_version found;

    PreventCommandIfReadOnly("longtail.train()");
    d->name = text_argument(fcinfo, 0, "model");
    if (PG_ARGISNULL(1))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("source must not be NULL")));
    d->source = PG_GETARG_OID(1);
    d->algorithm = text_argument(fcinfo, 2, "algorithm");
    d->user_column = name_argument(fcinfo, 3);
    d->item_column = name_argument(fcinfo, 4);
    d->label_column = name_argument(fcinfo, 5);
    d->weight_column = name_argument(fcinfo, 6);
    d->time_column = name_argument(fcinfo, 7);
    d->user_features = relation_argument(fcinfo, 8);
    d->item_features = relation_argument(fcinfo, 9);
    if (PG_ARGISNULL(10))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("options must not be NULL"),
                        errhint("'{}' takes every default.")));
    d->options = PG_GETARG_JSONB_P(10);
    /* Before the work: whoever may not replace the model need not wait to be told. */
    ltpg_catalog_find(d->name, LTPG_NO_VERSION, LTPG_OWN, true, &found);
    PG_RETURN_DATUM(run(fcinfo, d, NULL, true, false));
}

/* retrain(model, options) */
Datum longtail_retrain(PG_FUNCTION_ARGS)
{
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    ltpg_version found;

    PreventCommandIfReadOnly("longtail.retrain()");
    ltpg_catalog_find(name, LTPG_NO_VERSION, LTPG_OWN, false, &found);
    PG_RETURN_DATUM(run(fcinfo, ltpg_catalog_definition(found.model_id, LTPG_NO_VERSION), PG_GETARG_JSONB_P(1), false,
                        found.version > 0));
}
