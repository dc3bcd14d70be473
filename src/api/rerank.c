/*
 * rerank.c: boost, and rerank for lists that any query scored.
 *
 * rerank takes arrays, so that it works on whatever LATERAL hands it.  Popularity and segments come with the call, over
 * the items of the call, or else from a model, over its catalogue; the user's own taste comes from a model only.
 */
#include "cache.h"
#include "rows.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "method.h"
#include "rerank.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

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

/* ---- the list ---- */

/* Arguments of longtail.rerank, in order. */
enum { ITEMS, SCORES, K, METHOD, STRENGTH, POPULARITY, MODEL, USER_ID, OPTIONS, ATTRIBUTES };

typedef struct item_list {
    int n;
    Datum *item;
    Oid type;
} item_list;

static void refuse_null(FunctionCallInfo fcinfo, int at, const char *what)
{
    if (PG_ARGISNULL(at))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", what)));
}

typedef struct hashed_item {
    uint32 hash;
    int at;
} hashed_item;

static int compare_hashed(const void *a, const void *b)
{
    const hashed_item *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->at - y->at;
}

static void refuse_duplicates(const item_list *list, Oid collation)
{
    TypeCacheEntry *type = lookup_type_cache(list->type, TYPECACHE_HASH_PROC_FINFO | TYPECACHE_EQ_OPR_FINFO);
    hashed_item *hashed = palloc(Max(list->n, 1) * sizeof *hashed);

    if (!OidIsValid(type->hash_proc_finfo.fn_oid) || !OidIsValid(type->eq_opr_finfo.fn_oid))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg("items of type %s cannot be told apart", format_type_be(list->type)),
                        errdetail("The type has no hash function."), errhint("Cast the items to text.")));
    if (!OidIsValid(collation))
        collation = type->typcollation;
    for (int i = 0; i < list->n; i++) {
        hashed[i].hash = DatumGetUInt32(FunctionCall1Coll(&type->hash_proc_finfo, collation, list->item[i]));
        hashed[i].at = i;
    }
    qsort(hashed, list->n, sizeof *hashed, compare_hashed);
    for (int i = 0; i < list->n; i++)
        for (int j = i + 1; j < list->n && hashed[j].hash == hashed[i].hash; j++)
            if (DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo, collation, list->item[hashed[i].at],
                                               list->item[hashed[j].at]))) {
                Oid output;
                bool varlena;

                getTypeOutputInfo(list->type, &output, &varlena);
                ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                                errmsg("item \"%s\" is in the list twice",
                                       OidOutputFunctionCall(output, list->item[hashed[i].at])),
                                errdetail("It is at positions %d and %d.", hashed[i].at + 1, hashed[j].at + 1)));
            }
    pfree(hashed);
}

static item_list read_items(ArrayType *array, Oid collation)
{
    item_list list = {.type = ARR_ELEMTYPE(array)};
    int null_at;
    int16 length;
    bool by_value;
    char align;

    ltpg_array_length(array, "items");
    null_at = ltpg_array_first_null(array);
    if (null_at > 0)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("items[%d] is NULL", null_at)));
    get_typlenbyvalalign(list.type, &length, &by_value, &align);
    deconstruct_array(array, list.type, length, by_value, align, &list.item, NULL, &list.n);
    refuse_duplicates(&list, collation);
    return list;
}

static const float8 *read_numbers(ArrayType *array, const char *what, int n_items)
{
    int n;
    const float8 *value = ltpg_float8s(array, what, &n);

    if (n != n_items)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("items and %s differ in length", what),
                        errdetail("items has %d elements, %s has %d.", n_items, what, n)));
    for (int i = 0; i < n; i++)
        if (!isfinite(value[i]))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("%s[%d] is %s", what, i + 1, float8out_internal(value[i]))));
    return value;
}

/* ---- options ---- */

/* What rerank takes besides the options of methods; the shares make segments of popularity that is given. */
static const lt_option rerank_options[] = {
    {"seed", LT_OPT_INT, "0", 0, 9007199254740992.0, NULL, "seed of random exploration"},
    {"target", LT_OPT_OBJECT, "", 0, 0, NULL, "the share that each value of the attribute should have: {\"a\": 0.5}"},
    {"head_share", LT_OPT_FLOAT, "0.2", 0, 1, NULL, "as the option of training, with popularity given"},
    {"tail_share", LT_OPT_FLOAT, "0.2", 0, 1, NULL, "as the option of training, with popularity given"},
};

/* ---- rerank ---- */

/* Popularity and segments from the counts given with the call. */
static void use_given_popularity(lt_env *env, const lt_options *o, const float8 *count, lt_rerank_input *in)
{
    lt_popularity popularity;

    for (int64 i = 0; i < in->n; i++)
        if (count[i] < 0)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("popularity[%d] is %s", (int)i + 1, float8out_internal(count[i])),
                            errdetail("Popularity is a number of interactions.")));
    LTPG(env, lt_popularity_build(env, count, (int32_t)in->n, lt_option_float(o, "head_share"),
                                  lt_option_float(o, "tail_share"), &popularity));
    in->popularity = count;
    in->segment = popularity.segment;
}

/* Popularity and segments from the model; an item it does not know is of the tail. */
static void use_model_popularity(lt_env *env, const ltpg_model *model, const item_list *list, lt_rerank_input *in)
{
    const lt_popularity *known = &model->recommender.popularity;
    double *popularity;
    uint8_t *segment;

    LTPG(env, lt_alloc(env, &popularity, list->n, sizeof *popularity, "the items' popularity"));
    LTPG(env, lt_alloc(env, &segment, list->n, sizeof *segment, "the items' segments"));
    for (int i = 0; i < list->n; i++) {
        int32 item = ltpg_model_item(model, list->item[i], list->type);

        popularity[i] = item >= 0 ? known->count[item] : 0;
        segment[i] = item >= 0 ? known->segment[item] : LT_TAIL;
    }
    in->popularity = popularity;
    in->segment = segment;
}

/* Without popularity, methods need facts that stand in for it. */
static void check_popularity(const ltpg_method *m)
{
    for (int s = 0; s < m->n_stages; s++) {
        const lt_reranker *method = m->stages[s].method;

        if (method->needs_popularity || (method->needs_segment && m->stages[s].facts == NULL))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("rerank method \"%s\" needs the items' popularity", method->name),
                            errhint("Give popularity => an array of each item's number of interactions, or model => "
                                    "the name of a trained model.")));
    }
}

/* What facts are read of. */
static void take_candidates(FunctionCallInfo fcinfo, const item_list *list, ltpg_candidates *out)
{
    out->n = list->n;
    out->item = list->item;
    out->type = list->type;
    if (!PG_ARGISNULL(OPTIONS)) {
        const Jsonb *options = PG_GETARG_JSONB_P(OPTIONS);
        JsonbValue *target = getKeyJsonValueFromContainer((JsonbContainer *)&options->root, "target", 6, NULL);

        if (target != NULL)
            out->target = JsonbValueToJsonb(target);
    }
    if (!PG_ARGISNULL(ATTRIBUTES)) {
        ArrayType *attributes = PG_GETARG_ARRAYTYPE_P(ATTRIBUTES);
        Datum *value;
        bool *null;
        int n;

        ltpg_array_length(attributes, "attributes");
        deconstruct_array(attributes, TEXTOID, -1, false, TYPALIGN_INT, &value, &null, &n);
        if (n != list->n)
            ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("items and attributes differ in length"),
                            errdetail("items has %d elements, attributes has %d.", list->n, n)));
        out->attribute = value;
        out->attribute_null = null;
    }
}

static int32 *places(int n)
{
    int32 *place = palloc(Max(n, 1) * sizeof *place);

    for (int i = 0; i < n; i++)
        place[i] = i;
    return place;
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

static void put_list(FunctionCallInfo fcinfo, const item_list *list, const lt_rerank_input *in, const int32_t *chosen,
                     const double *value, int64 n_chosen)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;

    InitMaterializedSRF(fcinfo, 0);
    for (int64 i = 0; i < n_chosen; i++) {
        int32_t at = chosen[i];
        Datum values[5] = {list->item[at], Float8GetDatum(value[i]), Float8GetDatum(in->score[at]),
                           Int32GetDatum((int32)i + 1)};
        bool nulls[5] = {false};

        nulls[4] = in->segment == NULL;
        if (in->segment != NULL)
            values[4] = CStringGetTextDatum(lt_segment_names[in->segment[at]]);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
}

Datum longtail_rerank(PG_FUNCTION_ARGS)
{
    lt_env *env = ltpg_env(CurrentMemoryContext, ltpg_cache_memory);
    lt_rerank_input in = {0};
    ltpg_candidates candidates = {0};
    ltpg_method_arguments arguments = {.method = METHOD,
                                       .strength = STRENGTH,
                                       .options = OPTIONS,
                                       .own = rerank_options,
                                       .n_own = lengthof(rerank_options),
                                       .candidates = &candidates};
    ltpg_method method;
    ltpg_model *model;
    item_list list;
    int32_t *chosen;
    double *value;
    int64_t n_chosen;

    refuse_null(fcinfo, K, "k");
    if (PG_GETARG_INT32(K) < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k is %d", PG_GETARG_INT32(K)),
                        errdetail("It must be at least 1.")));
    model = open_model(fcinfo);
    if (PG_ARGISNULL(ITEMS) && PG_ARGISNULL(SCORES)) {
        InitMaterializedSRF(fcinfo, 0); /* array_agg over no rows */
        PG_RETURN_NULL();
    }
    refuse_null(fcinfo, ITEMS, "items");
    refuse_null(fcinfo, SCORES, "scores");

    list = read_items(PG_GETARG_ARRAYTYPE_P(ITEMS), PG_GET_COLLATION());
    in.n = list.n;
    in.score = read_numbers(PG_GETARG_ARRAYTYPE_P(SCORES), "scores", list.n);
    in.k = PG_GETARG_INT32(K);
    take_candidates(fcinfo, &list, &candidates);
    method = ltpg_method_read(fcinfo, env, model, &arguments);
    in.seed = (uint64_t)lt_option_int(&method.options, "seed");
    in.item = places(list.n);
    if (!PG_ARGISNULL(POPULARITY))
        use_given_popularity(env, &method.options, read_numbers(PG_GETARG_ARRAYTYPE_P(POPULARITY), "popularity", list.n), &in);
    else if (model != NULL)
        use_model_popularity(env, model, &list, &in);
    else
        check_popularity(&method);
    if (!PG_ARGISNULL(USER_ID)) {
        lt_pairs seen = ltpg_live_seen(model, PG_GETARG_DATUM(USER_ID), get_fn_expr_argtype(fcinfo->flinfo, USER_ID));

        lt_taste(&model->recommender.popularity, seen.col, seen.start[1], in.user_taste);
        in.n_history = seen.start[1];
        in.history = seen.col;
    }
    LTPG(env, lt_alloc(env, &chosen, list.n, sizeof *chosen, "the reranked list"));
    LTPG(env, lt_alloc(env, &value, list.n, sizeof *value, "the reranked list"));
    LTPG(env, lt_rerank_stages(env, method.stages, method.n_stages, &in, chosen, value, &n_chosen));
    put_list(fcinfo, &list, &in, chosen, value, n_chosen);
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
