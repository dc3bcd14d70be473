/*
 * rerank_list.c: a scored list of any query, reranked.
 *
 * Popularity and segments come with the list, over its own items, or else from a model, over its catalogue; the user's
 * own taste comes from a model, or is what option target says.
 */
#include "rerank_list.h"

#include <math.h>

#include "rerank.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

static const lt_option rerank_options[] = {
    LTPG_SEED_OPTION,
    {"target", LT_OPT_OBJECT, "", 0, 0, NULL, "the share that each value of the attribute should have: {\"a\": 0.5}"},
    {"head_share", LT_OPT_FLOAT, "0.2", 0, 1, NULL, "as the option of training, with popularity given"},
    {"tail_share", LT_OPT_FLOAT, "0.2", 0, 1, NULL, "as the option of training, with popularity given"},
};

/* ---- the items ---- */

static void complain_of_duplicate(const ltpg_candidates *list, int first, int second)
{
    Oid output;
    bool varlena;

    getTypeOutputInfo(list->type, &output, &varlena);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("item \"%s\" is in the list twice", OidOutputFunctionCall(output, list->item[first])),
                    errdetail("It is at positions %d and %d.", first + 1, second + 1)));
}

/* Through a table of places by hash, at most half full. */
static void refuse_duplicates(const ltpg_candidates *list, Oid collation)
{
    TypeCacheEntry *type = lookup_type_cache(list->type, TYPECACHE_HASH_PROC_FINFO | TYPECACHE_EQ_OPR_FINFO);
    uint32 slots = 16;
    uint32 *hash;
    int32 *slot;

    if (!OidIsValid(type->hash_proc_finfo.fn_oid) || !OidIsValid(type->eq_opr_finfo.fn_oid))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg("items of type %s cannot be told apart", format_type_be(list->type)),
                        errdetail("The type has no hash function."), errhint("Cast the items to text.")));
    if (!OidIsValid(collation))
        collation = type->typcollation;
    while (slots / 2 < (uint32)list->n)
        slots *= 2;
    slot = palloc_extended(slots * sizeof *slot, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    hash = palloc_extended(Max(list->n, 1) * sizeof *hash, MCXT_ALLOC_HUGE);
    for (int i = 0; i < list->n; i++) {
        uint32 at;

        hash[i] = DatumGetUInt32(FunctionCall1Coll(&type->hash_proc_finfo, collation, list->item[i]));
        for (at = hash[i] & (slots - 1); slot[at] != 0; at = (at + 1) & (slots - 1)) {
            int other = slot[at] - 1;

            if (hash[other] == hash[i] &&
                DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo, collation, list->item[other], list->item[i])))
                complain_of_duplicate(list, other, i);
        }
        slot[at] = i + 1;
    }
    pfree(hash);
    pfree(slot);
}

void ltpg_rerank_check_number(double value, const char *what, int at)
{
    if (!isfinite(value))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("%s[%d] is %s", what, at + 1, float8out_internal(value))));
}

void ltpg_rerank_check_k(int k)
{
    if (k < 1)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k is %d", k), errdetail("It must be at least 1.")));
}

/* ---- popularity and taste ---- */

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
static void use_model_popularity(lt_env *env, const ltpg_model *model, const ltpg_candidates *list, lt_rerank_input *in)
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

/* Without popularity, methods need facts that stand in for it, and shares of it have nothing to be of. */
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

static void check_shares(const lt_options *o)
{
    static const char *const share[] = {"head_share", "tail_share"};

    for (int i = 0; i < (int)lengthof(share); i++)
        if (lt_option_value(o, share[i])->given)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("option \"%s\" is given without popularity", share[i]),
                     errdetail("It makes segments of the popularity given with the call; a model has its own.")));
}

/* Whether a stage calibrates an attribute, which a target is then of. */
static bool has_attribute(const ltpg_rerank_call *call, const ltpg_method *m)
{
    if (call->candidates.attribute != NULL)
        return true;
    for (int s = 0; s < m->n_stages; s++)
        if (lt_option_text(m->stages[s].options, "attribute")[0] != '\0')
            return true;
    return false;
}

/* A target of head, mid and tail is in the place of the user's taste. */
static void use_target(const Jsonb *target, double taste[3])
{
    ltpg_shares shares = ltpg_shares_read(target);

    taste[LT_HEAD] = taste[LT_MID] = taste[LT_TAIL] = 0;
    for (int i = 0; i < shares.n; i++) {
        int segment = 0;

        while (segment < 3 && strcmp(shares.value[i], lt_segment_names[segment]) != 0)
            segment++;
        if (segment == 3)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("option \"target\" names \"%s\", which is none of head, mid and tail", shares.value[i]),
                     errhint("For shares of something else give attributes, an array with each item's value, or "
                             "options \"attribute\" and \"attributes\".")));
        taste[segment] = shares.share[i];
    }
}

/* ---- the walk ---- */

static const Jsonb *target_of(const Jsonb *options)
{
    JsonbValue *target = NULL;

    if (options != NULL && JB_ROOT_IS_OBJECT(options))
        target = getKeyJsonValueFromContainer((JsonbContainer *)&options->root, "target", 6, NULL);
    return target == NULL ? NULL : JsonbValueToJsonb(target);
}

static int32 *places(int n)
{
    int32 *place = palloc_extended(Max(n, 1) * sizeof *place, MCXT_ALLOC_HUGE);

    for (int i = 0; i < n; i++)
        place[i] = i;
    return place;
}

ltpg_reranked ltpg_rerank_list(lt_env *env, ltpg_rerank_call *call)
{
    ltpg_candidates *list = &call->candidates;
    const ltpg_method_arguments arguments = {
        .own = rerank_options, .n_own = lengthof(rerank_options), .candidates = list};
    lt_rerank_input in = {.n = list->n, .score = call->score, .k = call->k};
    ltpg_reranked out = {0};
    ltpg_method method;

    ltpg_rerank_check_k(call->k);
    refuse_duplicates(list, call->collation);
    list->target = target_of(call->options);
    method = ltpg_method_make(env, call->model, call->method, call->strength, call->options, &arguments);
    in.seed = (uint64_t)lt_option_int(&method.options, "seed");
    in.item = places(list->n);
    if (call->popularity == NULL)
        check_shares(&method.options);
    if (call->popularity != NULL)
        use_given_popularity(env, &method.options, call->popularity, &in);
    else if (call->model != NULL)
        use_model_popularity(env, call->model, list, &in);
    else
        check_popularity(&method);
    if (call->model != NULL)
        lt_taste(&call->model->recommender.popularity, call->history, call->n_history, in.user_taste);
    if (list->target != NULL && !has_attribute(call, &method))
        use_target(list->target, in.user_taste);
    in.n_history = call->n_history;
    in.history = call->history;
    LTPG(env, lt_alloc(env, &out.at, list->n, sizeof *out.at, "the reranked list"));
    LTPG(env, lt_alloc(env, &out.value, list->n, sizeof *out.value, "the reranked list"));
    LTPG(env, lt_rerank_stages(env, method.stages, method.n_stages, &in, out.at, out.value, &out.n));
    out.segment = in.segment;
    return out;
}
