/*
 * recommend.c: longtail.recommend, recommend_basket, similar_items, item_stats: lists of items; and what recommend_all
 * shares with them.
 *
 * The walk: cache -> live reads of the user -> score, top-k, rerank (core) -> rows out.
 *
 * A user the model does not know is scored by features from user_features, where there are any, by what the source says
 * they have, where the algorithm answers from that, and else gets the most popular items, reranked as asked.  A basket
 * is somebody of whom nothing else is known.
 */
#include "listing.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "ids.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_recommend);
PG_FUNCTION_INFO_V1(longtail_recommend_typed);
PG_FUNCTION_INFO_V1(longtail_recommend_basket);
PG_FUNCTION_INFO_V1(longtail_recommend_basket_typed);
PG_FUNCTION_INFO_V1(longtail_similar_items);
PG_FUNCTION_INFO_V1(longtail_item_stats);

ltpg_model *ltpg_listing_model(FunctionCallInfo fcinfo)
{
    ltpg_model *model = ltpg_model_open(fcinfo, ltpg_text_argument(fcinfo, 0, "model"));

    ltpg_model_check_recommender(model);
    return model;
}

int ltpg_listing_k(FunctionCallInfo fcinfo, int n)
{
    ltpg_refuse_null(fcinfo, n, "k");
    if (PG_GETARG_INT32(n) < 1)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k must be at least 1, not %d", PG_GETARG_INT32(n))));
    return PG_GETARG_INT32(n);
}

/* The numbers of an array argument of items (any id type, or an untyped literal); unknown and NULL ones left out. */
static int32 *items_argument(FunctionCallInfo fcinfo, const ltpg_model *model, int n, const char *what, int64 *count)
{
    Oid type = get_fn_expr_argtype(fcinfo->flinfo, n);
    Datum array = PG_GETARG_DATUM(n);
    Oid element;
    Datum *values;
    bool *nulls;
    int16 length;
    bool by_value;
    char align;
    int32 *items;
    int given;

    if (type == UNKNOWNOID) {
        Oid input, parameter;

        getTypeInputInfo(TEXTARRAYOID, &input, &parameter);
        array = OidInputFunctionCall(input, DatumGetCString(array), parameter, -1);
        type = TEXTARRAYOID;
    }
    element = get_base_element_type(type);
    if (!OidIsValid(element))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("%s must be an array of items, not %s", what, format_type_be(type))));
    get_typlenbyvalalign(element, &length, &by_value, &align);
    deconstruct_array(DatumGetArrayTypeP(array), element, length, by_value, align, &values, &nulls, &given);
    items = palloc(Max(given, 1) * sizeof *items);
    *count = 0;
    for (int i = 0; i < given; i++) {
        int32 item = nulls[i] ? -1 : ltpg_model_item(model, values[i], element);

        if (item >= 0)
            items[(*count)++] = item;
    }
    return items;
}

/* Each candidate once. */
static void take_candidates(FunctionCallInfo fcinfo, const ltpg_model *model, int n, lt_request *request)
{
    int32 *items;
    int64 count;

    if (PG_ARGISNULL(n))
        return;
    items = items_argument(fcinfo, model, n, "candidates", &count);
    request->n_candidates = ltpg_unique_items(items, count);
    request->candidates = items;
}

/* What is known of the user, history included where it is needed. */
static void take_user(FunctionCallInfo fcinfo, ltpg_model *model, bool exclude_seen, bool uses_taste,
                      lt_request *request)
{
    bool history = exclude_seen || uses_taste || model->bundle.model.algorithm->uses_history;

    request->subject.user = -1;
    if (!PG_ARGISNULL(1))
        request->subject =
            ltpg_live_subject(model, PG_GETARG_DATUM(1), get_fn_expr_argtype(fcinfo->flinfo, 1), history);
}

/* The items of an anonymous session, as somebody's history. */
static void take_basket(FunctionCallInfo fcinfo, ltpg_model *model, lt_request *request)
{
    request->subject.user = -1;
    if (!PG_ARGISNULL(1)) {
        int32 *items = items_argument(fcinfo, model, 1, "items", &request->subject.n_history);

        request->subject.n_history = ltpg_unique_items(items, request->subject.n_history);
        request->subject.history = items;
    }
}

/* What is left out: the history or basket, where it is, and argument n. */
static void take_left_out(FunctionCallInfo fcinfo, const ltpg_model *model, bool exclude_seen, int n,
                          lt_request *request)
{
    int64 n_history = exclude_seen ? request->subject.n_history : 0, given;
    int32 *items, *all;

    request->left_out = request->subject.history;
    request->n_left_out = n_history;
    if (PG_ARGISNULL(n))
        return;
    items = items_argument(fcinfo, model, n, "exclude", &given);
    all = palloc_extended(Max(n_history + given, 1) * sizeof *all, MCXT_ALLOC_HUGE);
    if (n_history > 0)
        memcpy(all, request->subject.history, n_history * sizeof *all);
    if (given > 0)
        memcpy(all + n_history, items, given * sizeof *all);
    request->n_left_out = ltpg_unique_items(all, n_history + given);
    request->left_out = all;
}

const char *ltpg_listing_segment(const ltpg_model *model, int32 item)
{
    return lt_segment_names[model->recommender.popularity.segment[item]];
}

/* Rows out; item ids in the type of the result's first column. */
static void put_list(ReturnSetInfo *result, const ltpg_model *model, const lt_list *list)
{
    Oid type = TupleDescAttr(result->setDesc, 0)->atttypid;

    for (int64 i = 0; i < list->n; i++) {
        int64_t length;
        const char *bytes = lt_dictionary_key(&model->bundle.items, list->item[i], &length);
        Datum value[5] = {ltpg_key_datum(model->bundle.item_id, bytes, length, type), Float8GetDatum(list->score[i]),
                          Float8GetDatum(list->base[i]), Int32GetDatum((int32)i + 1),
                          CStringGetTextDatum(ltpg_listing_segment(model, list->item[i]))};
        bool null[5] = {false};

        tuplestore_putvalues(result->setResult, result->setDesc, value, null);
    }
}

double ltpg_listing_exponent(FunctionCallInfo fcinfo, const ltpg_model *model, int n)
{
    double exponent = PG_ARGISNULL(n) ? model->bundle.popularity_exponent : PG_GETARG_FLOAT8(n);

    if (!(exponent >= 0 && exponent <= 10))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("popularity_exponent must be from 0 to 10, not %g", exponent)));
    return exponent;
}

static const lt_option list_options[] = {LTPG_SEED_OPTION};

/* What is to be done with the list, into the request. */
static ltpg_method take_method(FunctionCallInfo fcinfo, lt_env *env, ltpg_model *model, int method, lt_request *request)
{
    ltpg_method_arguments arguments = {
        .method = method, .strength = 4, .options = 9, .own = list_options, .n_own = lengthof(list_options)};
    ltpg_method m = ltpg_method_read(fcinfo, env, model, &arguments);

    request->stages = m.stages;
    request->n_stages = m.n_stages;
    request->seed = (uint64)lt_option_int(&m.options, "seed");
    return m;
}

/*
 * A list for a user or a basket. Arguments: model, user or basket, k, then method or item_type, strength, exclude_seen
 * or exclude_basket, candidates, exclude, popularity_exponent, options and, where item_type took its place, method.
 */
static Datum recommend(FunctionCallInfo fcinfo, bool basket, bool typed)
{
    ltpg_model *model = ltpg_listing_model(fcinfo);
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    lt_request request = {.k = ltpg_listing_k(fcinfo, 2)};
    bool exclude_seen = PG_ARGISNULL(5) || PG_GETARG_BOOL(5);
    ltpg_method method;
    lt_list list;

    InitMaterializedSRF(fcinfo, 0);
    method = take_method(fcinfo, env, model, typed ? 10 : 3, &request);
    request.adjust = lt_adjustment_with(&model->recommender, ltpg_listing_exponent(fcinfo, model, 8));
    if (basket)
        take_basket(fcinfo, model, &request);
    else
        take_user(fcinfo, model, exclude_seen, method.uses_taste, &request);
    request.popularity_only = !lt_recommender_knows(&model->recommender, &request.subject);
    take_left_out(fcinfo, model, exclude_seen, 7, &request);
    take_candidates(fcinfo, model, 6, &request);
    LTPG(env, lt_recommend(env, &model->recommender, &request, &list));
    put_list((ReturnSetInfo *)fcinfo->resultinfo, model, &list);
    return (Datum)0;
}

Datum longtail_recommend(PG_FUNCTION_ARGS)
{
    return recommend(fcinfo, false, false);
}

Datum longtail_recommend_typed(PG_FUNCTION_ARGS)
{
    return recommend(fcinfo, false, true);
}

Datum longtail_recommend_basket(PG_FUNCTION_ARGS)
{
    return recommend(fcinfo, true, false);
}

Datum longtail_recommend_basket_typed(PG_FUNCTION_ARGS)
{
    return recommend(fcinfo, true, true);
}

/* similar_items(model, item_id, k) */
Datum longtail_similar_items(PG_FUNCTION_ARGS)
{
    ltpg_model *model = ltpg_listing_model(fcinfo);
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    int k = ltpg_listing_k(fcinfo, 2);
    int32 item =
        PG_ARGISNULL(1) ? -1 : ltpg_model_item(model, PG_GETARG_DATUM(1), get_fn_expr_argtype(fcinfo->flinfo, 1));
    lt_list list;

    InitMaterializedSRF(fcinfo, 0);
    if (item < 0)
        return (Datum)0;
    LTPG(env, lt_similar(env, &model->recommender, item, k, &list));
    for (int64 i = 0; i < list.n; i++) {
        Datum value[4] = {CStringGetTextDatum(ltpg_model_item_text(model, list.item[i])), Float8GetDatum(list.score[i]),
                          Int32GetDatum((int32)i + 1), CStringGetTextDatum(ltpg_listing_segment(model, list.item[i]))};
        bool null[4] = {false};

        tuplestore_putvalues(result->setResult, result->setDesc, value, null);
    }
    return (Datum)0;
}

/* item_stats(model) */
Datum longtail_item_stats(PG_FUNCTION_ARGS)
{
    ltpg_model *model = ltpg_listing_model(fcinfo);
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    const lt_popularity *p = &model->recommender.popularity;

    InitMaterializedSRF(fcinfo, 0);
    for (int32 item = 0; item < p->items; item++) {
        const double *trend = model->bundle.trend;
        Datum value[6] = {CStringGetTextDatum(ltpg_model_item_text(model, item)),
                          Float8GetDatum(p->count[item]),
                          Int32GetDatum(p->rank[item]),
                          CStringGetTextDatum(ltpg_listing_segment(model, item)),
                          Float8GetDatum(p->novelty[item]),
                          Float8GetDatum(trend == NULL ? 0 : exp(trend[item]))};
        bool null[6] = {[5] = trend == NULL};

        CHECK_FOR_INTERRUPTS();
        if (p->hidden != NULL && p->hidden[item])
            continue;
        tuplestore_putvalues(result->setResult, result->setDesc, value, null);
    }
    return (Datum)0;
}
