/*
 * rerank.c: boost, and rerank for lists that any query scored.
 *
 * rerank takes arrays, so that it works on whatever LATERAL hands it; rerank_list.c does the rest.
 */
#include "rerank_list.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "rerank.h"
#include "rows.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(longtail_boost);
PG_FUNCTION_INFO_V1(longtail_rerank);
PG_FUNCTION_INFO_V1(longtail_rerank_methods);

/* (score float8, popularity float8, strength float8) */
Datum longtail_boost(PG_FUNCTION_ARGS)
{
    double strength = PG_GETARG_FLOAT8(2);

    if (!(strength >= 0 && isfinite(strength)))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("strength is %s", float8out_internal(strength)),
                 errdetail("It must be finite and not negative.")));
    PG_RETURN_FLOAT8(lt_boost(PG_GETARG_FLOAT8(0), PG_GETARG_FLOAT8(1), strength));
}

/* ---- rerank ---- */

/* Arguments of longtail.rerank, in order. */
enum { ITEMS, SCORES, K, METHOD, STRENGTH, POPULARITY, MODEL, USER_ID, OPTIONS, ATTRIBUTES };

static void read_items(ArrayType *array, ltpg_candidates *list)
{
    int null_at;
    int16 length;
    bool by_value;
    char align;
    Datum *item;

    ltpg_array_length(array, "items");
    null_at = ltpg_array_first_null(array);
    if (null_at > 0)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("items[%d] is NULL", null_at)));
    list->type = ARR_ELEMTYPE(array);
    get_typlenbyvalalign(list->type, &length, &by_value, &align);
    deconstruct_array(array, list->type, length, by_value, align, &item, NULL, &list->n);
    list->item = item;
}

static void check_length(const ltpg_candidates *list, const char *what, int n)
{
    if (n != list->n)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("items and %s differ in length", what),
                        errdetail("items has %d elements, %s has %d.", list->n, what, n)));
}

static const float8 *read_numbers(ArrayType *array, const char *what, const ltpg_candidates *list)
{
    int n;
    const float8 *value = ltpg_float8s(array, what, &n);

    check_length(list, what, n);
    for (int i = 0; i < n; i++)
        ltpg_rerank_check_number(value[i], what, i);
    return value;
}

static void read_attributes(ArrayType *array, ltpg_candidates *list)
{
    Datum *value;
    bool *null;
    int n;

    ltpg_array_length(array, "attributes");
    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &value, &null, &n);
    check_length(list, "attributes", n);
    list->attribute = value;
    list->attribute_null = null;
}

static ltpg_model *open_model(FunctionCallInfo fcinfo)
{
    ltpg_model *model;

    if (PG_ARGISNULL(MODEL)) {
        if (!PG_ARGISNULL(USER_ID))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("user_id is given without a model"),
                            errhint("Give model => the name of a trained model that knows the user.")));
        return NULL;
    }
    model = ltpg_model_open(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(MODEL)));
    ltpg_model_check_recommender(model);
    return model;
}

static void put_list(FunctionCallInfo fcinfo, const ltpg_rerank_call *call, const ltpg_reranked *list)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;

    InitMaterializedSRF(fcinfo, 0);
    for (int64 i = 0; i < list->n; i++) {
        int32_t at = list->at[i];
        Datum values[5] = {call->candidates.item[at], Float8GetDatum(list->value[i]), Float8GetDatum(call->score[at]),
                           Int32GetDatum((int32)i + 1)};
        bool nulls[5] = {false};

        nulls[4] = list->segment == NULL;
        if (list->segment != NULL)
            values[4] = CStringGetTextDatum(lt_segment_names[list->segment[at]]);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
}

Datum longtail_rerank(PG_FUNCTION_ARGS)
{
    lt_env *env = ltpg_env(CurrentMemoryContext, ltpg_training_memory);
    ltpg_rerank_call call = {.collation = PG_GET_COLLATION()};
    ltpg_candidates *list = &call.candidates;
    double strength;
    ltpg_reranked out;

    ltpg_refuse_null(fcinfo, K, "k");
    call.k = PG_GETARG_INT32(K);
    ltpg_rerank_check_k(call.k);
    call.model = open_model(fcinfo);
    if (PG_ARGISNULL(ITEMS) && PG_ARGISNULL(SCORES)) {
        InitMaterializedSRF(fcinfo, 0); /* array_agg over no rows */
        PG_RETURN_NULL();
    }
    ltpg_refuse_null(fcinfo, ITEMS, "items");
    ltpg_refuse_null(fcinfo, SCORES, "scores");
    read_items(PG_GETARG_ARRAYTYPE_P(ITEMS), list);
    call.score = read_numbers(PG_GETARG_ARRAYTYPE_P(SCORES), "scores", list);
    if (!PG_ARGISNULL(POPULARITY))
        call.popularity = read_numbers(PG_GETARG_ARRAYTYPE_P(POPULARITY), "popularity", list);
    if (!PG_ARGISNULL(ATTRIBUTES))
        read_attributes(PG_GETARG_ARRAYTYPE_P(ATTRIBUTES), list);
    if (!PG_ARGISNULL(METHOD))
        call.method = text_to_cstring(PG_GETARG_TEXT_PP(METHOD));
    if (!PG_ARGISNULL(STRENGTH)) {
        strength = PG_GETARG_FLOAT8(STRENGTH);
        call.strength = &strength;
    }
    if (!PG_ARGISNULL(OPTIONS))
        call.options = PG_GETARG_JSONB_P(OPTIONS);
    if (!PG_ARGISNULL(USER_ID)) {
        lt_pairs seen =
            ltpg_live_seen(call.model, PG_GETARG_DATUM(USER_ID), get_fn_expr_argtype(fcinfo->flinfo, USER_ID));

        call.n_history = seen.start[1];
        call.history = seen.col;
    }
    out = ltpg_rerank_list(env, &call);
    put_list(fcinfo, &call, &out);
    PG_RETURN_NULL();
}

/* ---- rerank_methods ---- */

static Datum option_names(const lt_reranker *method)
{
    Datum *names = palloc((method->n_options + 1) * sizeof *names);

    for (int i = 0; i < method->n_options; i++)
        names[i] = CStringGetTextDatum(method->options[i].name);
    return PointerGetDatum(construct_array(names, method->n_options, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum longtail_rerank_methods(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;

    InitMaterializedSRF(fcinfo, 0);
    for (int i = 0; lt_rerankers[i] != NULL; i++) {
        const lt_reranker *m = lt_rerankers[i];
        Datum values[7] = {CStringGetTextDatum(m->name),
                           CStringGetTextDatum(m->help),
                           Float8GetDatum(m->max_strength),
                           BoolGetDatum(m->needs_popularity || m->needs_segment),
                           BoolGetDatum(m->needs_similarity),
                           BoolGetDatum(m->raises_tail),
                           option_names(m)};
        bool nulls[7] = {false};

        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    PG_RETURN_NULL();
}
