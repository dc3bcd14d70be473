/*
 * train.c: longtail.train and longtail.retrain: relation to stored version.
 *
 * The walk: definition and options checked (search.c) -> rows read and encoded (read.c) -> every candidate trained and
 * measured on the held-out part, one chosen (trials.c) -> compared with the active version (decide.c) -> trained again
 * on all rows, where asked for -> stored.  Nothing is locked until the version is stored, and nothing is visible before
 * the transaction commits.
 */
#include "training.h"

#include <math.h>

#include "access/htup_details.h"
#include "builder.h"
#include "catalog_forget.h"
#include "forget.h"
#include "funcapi.h"
#include "method.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(longtail_train);
PG_FUNCTION_INFO_V1(longtail_retrain);

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

static int store(ltpg_run *run, int begun_with, bool new_definition)
{
    lt_writer model, seen, counted_bytes;
    ltpg_part parts[5];
    int n_parts = 1;

    ltpg_progress_phase(run->progress, "storing");
    if (run->serves_validated) {
        model = run->validated;
    } else {
        lt_writer_init(run->env, &model);
        lt_bundle_write(&model, &run->bundle);
        LTPG(run->env, model.status);
    }
    parts[0] = (ltpg_part){"model", model.bytes, model.n};
    if (lt_bundle_is_recommender(&run->bundle)) {
        lt_pairs had;
        lt_counted counted;

        LTPG(run->env, lt_builder_all_seen(run->env, &run->dataset, &had));
        lt_writer_init(run->env, &seen);
        lt_pairs_write(&seen, &had);
        LTPG(run->env, seen.status);
        parts[n_parts++] = (ltpg_part){"seen", seen.bytes, seen.n};
        if (!run->serves_validated) { /* else the dataset is not what the weights were trained on */
            LTPG(run->env, lt_counted_take(run->env, &run->dataset, &had, &counted));
            if (!lt_counted_is_plain(&counted)) {
                lt_writer_init(run->env, &counted_bytes);
                lt_counted_write(&counted_bytes, &counted);
                LTPG(run->env, counted_bytes.status);
                parts[n_parts++] = (ltpg_part){"counted", counted_bytes.bytes, counted_bytes.n};
            }
        }
    }
    if (run->validated.n > 0 && !run->serves_validated)
        parts[n_parts++] = (ltpg_part){"validated", run->validated.bytes, run->validated.n};
    if (run->profile.n > 0)
        parts[n_parts++] = (ltpg_part){LTPG_PROFILE_PART, run->profile.bytes, run->profile.n};
    run->result.trained = GetCurrentTimestamp();
    return ltpg_catalog_store(run->definition, begun_with, new_definition, &run->result, parts, n_parts);
}

static Datum result_row(FunctionCallInfo fcinfo, const ltpg_run *run, int version)
{
    const ltpg_training *r = &run->result;
    bool recommender = r->users >= 0;
    TupleDesc description;
    Datum value[15];
    bool null[15] = {false};

    if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    value[0] = CStringGetTextDatum(run->definition->name);
    value[1] = Int32GetDatum(version);
    value[2] = CStringGetTextDatum(r->algorithm);
    value[3] = BoolGetDatum(r->promoted);
    value[4] = Int64GetDatum(r->rows);
    value[5] = Int64GetDatum(r->rows_skipped);
    value[6] = Int64GetDatum(r->users);
    value[7] = Int64GetDatum(r->items);
    null[6] = null[7] = !recommender;
    value[8] = Int32GetDatum(r->features);
    value[9] = Int32GetDatum(r->fit.epochs);
    value[10] = Float8GetDatum(r->fit.loss);
    null[10] = isnan(r->fit.loss); /* algorithms that minimise nothing */
    value[11] = CStringGetTextDatum(r->metric);
    value[12] = Float8GetDatum(r->metric_value);
    null[12] = isnan(r->metric_value);
    value[13] = Float8GetDatum(r->seconds);
    value[14] = Int64GetDatum(run->spilled);
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), value, null));
}

/*
 * Everything from a definition on. given: options laid over the definition's for this version, or NULL; begun_with: the
 * model's id, 0: there is none yet.
 */
static Datum train(FunctionCallInfo fcinfo, ltpg_definition *definition, const Jsonb *given, int begun_with,
                   bool new_definition, bool has_active)
{
    ltpg_run run = {.definition = definition};
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    instr_time start, end;
    MemoryContext old;
    int version;

    INSTR_TIME_SET_CURRENT(start);
    ltpg_plan_make(env, definition, given, &run.plan);
    ltpg_method_check(env, lt_option_text(&run.plan.options, "rerank"),
                      lt_option_float(&run.plan.options, "rerank_strength"),
                      lt_option_text(&run.plan.options, "rerank_options"));
    check_definition(definition, ltpg_algorithm(definition->algorithm));
    ltpg_privacy_prepare(env, definition, &run.plan);
    ltpg_env_team(env);
    run.progress = ltpg_progress_start(definition->name);
    run.memory = AllocSetContextCreate(CurrentMemoryContext, "longtail training", ALLOCSET_DEFAULT_SIZES);
    run.env = ltpg_env(run.memory, ltpg_training_memory);
    ltpg_env_spill(run.env, run.memory);
    run.env->team = env->team;
    old = MemoryContextSwitchTo(run.memory);
    ltpg_run_read(&run);
    MemoryContextSwitchTo(old);
    ltpg_run_trials(&run);
    ltpg_run_decide(&run, new_definition, has_active);
    ltpg_run_refit(&run);
    INSTR_TIME_SET_CURRENT(end);
    INSTR_TIME_SUBTRACT(end, start);
    run.result.seconds = INSTR_TIME_GET_DOUBLE(end);
    version = store(&run, begun_with, new_definition);
    run.spilled += ltpg_env_close_files(run.env);
    ltpg_progress_end(run.progress);
    if (has_active && !new_definition)
        ereport(NOTICE, (errmsg("model \"%s\" version %d %s", definition->name, version, run.result.decision)));
    if (new_definition)
        ltpg_run_advise(&run);
    return result_row(fcinfo, &run, version);
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
    Datum result;

    PreventCommandIfReadOnly("longtail.train()");
    d->name = ltpg_text_argument(fcinfo, 0, "model");
    ltpg_refuse_null(fcinfo, 1, "source");
    d->source = PG_GETARG_OID(1);
    d->algorithm = ltpg_text_argument(fcinfo, 2, "algorithm");
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
    if (!ltpg_catalog_find(d->name, LTPG_NO_VERSION, LTPG_OWN, true, &found))
        PG_RETURN_DATUM(train(fcinfo, d, NULL, 0, true, false));
    ltpg_catalog_training_begins(found.model_id);
    result = train(fcinfo, d, NULL, found.model_id, true, false);
    PopActiveSnapshot();
    PG_RETURN_DATUM(result);
}

/* retrain(model, options) */
Datum longtail_retrain(PG_FUNCTION_ARGS)
{
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    ltpg_version found;
    Datum result;

    PreventCommandIfReadOnly("longtail.retrain()");
    ltpg_catalog_find(name, LTPG_NO_VERSION, LTPG_OWN, false, &found);
    ltpg_catalog_training_begins(found.model_id);
    result = train(fcinfo, ltpg_catalog_definition(found.model_id, LTPG_NO_VERSION), PG_GETARG_JSONB_P(1),
                   found.model_id, false, found.version > 0);
    PopActiveSnapshot();
    PG_RETURN_DATUM(result);
}
