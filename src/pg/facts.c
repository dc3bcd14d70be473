/*
 * facts.c: which facts a method needs by its options, and making them.
 */
#include "facts_parts.h"

#include "rerank.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include <math.h>

const lt_option ltpg_facts_options[] = {
    {"attribute", LT_OPT_TEXT, "", 0, 0, NULL,
     "a column of items, such as their category or supplier, that calibrated goes by instead of head, mid and tail; an "
     "array has several values"},
    {"attributes", LT_OPT_TEXT, "", 0, 0, NULL, "the relation that has it; not given: the model's item_features"},
    {"values", LT_OPT_NAMES, "[]", 0, 0, NULL,
     "items with one of these values of the attribute are what xquad, quota and random take for the tail"},
    {"similarity", LT_OPT_TEXT, "auto", 0, 0, NULL,
     "how mmr and dpp tell how alike items are: model, features, auto (the first of these that there is), or the name "
     "of a relation of item, item and a number from -1 to 1"},
};
const int ltpg_facts_options_count = lengthof(ltpg_facts_options);

struct ltpg_facts {
    ltpg_model *model;
    const ltpg_candidates *candidates;
    ltpg_attribute *attribute; /* or, where it is NULL, how alike they are: */
    ltpg_item_pairs *pairs;    /* NULL: by vectors of the model */
    lt_vectors_by by;
};

/* ---- shares ---- */

ltpg_shares ltpg_shares_read(const Jsonb *target)
{
    ltpg_shares s = {0};
    JsonbIterator *it;
    JsonbValue v;
    double total = 0;

    if (!JB_ROOT_IS_OBJECT(target))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"target\" must be an object"),
                        errhint("For example {\"target\": {\"new\": 0.3, \"old\": 0.7}}.")));
    s.value = palloc(Max(JB_ROOT_COUNT(target), 1) * sizeof *s.value);
    s.share = palloc(Max(JB_ROOT_COUNT(target), 1) * sizeof *s.share);
    it = JsonbIteratorInit((JsonbContainer *)&target->root);
    JsonbIteratorNext(&it, &v, false);
    while (JsonbIteratorNext(&it, &v, false) == WJB_KEY) {
        double share = NAN;

        s.value[s.n] = pnstrdup(v.val.string.val, v.val.string.len);
        JsonbIteratorNext(&it, &v, true);
        if (v.type == jbvNumeric)
            share = DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(v.val.numeric)));
        if (!(share >= 0 && isfinite(share)))
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("the share of \"%s\" in option \"target\" must be a number of at least 0", s.value[s.n])));
        s.share[s.n++] = share;
        total += share;
    }
    if (!(total > 0 && isfinite(total)))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the shares in option \"target\" add up to %g", total),
                        errdetail("At least one of them must be above 0.")));
    for (int i = 0; i < s.n; i++)
        s.share[i] /= total;
    return s;
}

/* ---- which ---- */

static bool is_given(const lt_options *options, const char *name)
{
    return lt_option_text(options, name)[0] != '\0';
}

/* Whether it takes the items that option values names for the tail. */
static bool takes_values(const lt_reranker *method)
{
    return method->needs_segment && method != &lt_rerank_calibrated;
}

static void refuse_no_values(const lt_reranker *method)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("rerank method \"%s\" needs option \"values\" with an attribute", method->name),
                    errdetail("It takes the items that have one of these values for the tail."),
                    errhint("For example {\"attribute\": \"brand\", \"values\": [\"small brand\"]}.")));
}

void ltpg_facts_check(const lt_reranker *method, const lt_options *options)
{
    if (!is_given(options, "attribute") && is_given(options, "attributes"))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"attributes\" needs option \"attribute\""),
                 errdetail("The one is a relation, the other its column.")));
    if (takes_values(method) && is_given(options, "attribute") && lt_option_value(options, "values")->n == 0)
        refuse_no_values(method);
}

/* Facts of an attribute, or NULL: the method does without. */
static ltpg_facts *make_attribute(ltpg_facts *facts, const lt_reranker *method, const lt_options *options, bool many)
{
    bool given = facts->candidates != NULL && facts->candidates->attribute != NULL;
    bool values = lt_option_value(options, "values")->n > 0;

    if (!given && !is_given(options, "attribute")) {
        if (values)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"values\" needs option \"attribute\""),
                     errdetail("They are values of that column.")));
        return NULL;
    }
    if (takes_values(method) && !values) {
        if (given)
            refuse_no_values(method);
        return NULL; /* the attribute is there for something else that the function does */
    }
    facts->attribute = ltpg_attribute_make(facts->model, facts->candidates, method, options, many);
    return facts;
}

static ltpg_facts *make_similarity(ltpg_facts *facts, const lt_reranker *method, const lt_options *options, bool many)
{
    const char *by = lt_option_text(options, "similarity");

    if (strcmp(by, "auto") == 0)
        facts->by = LT_VECTORS_AUTO;
    else if (strcmp(by, "model") == 0)
        facts->by = LT_VECTORS_MODEL;
    else if (strcmp(by, "features") == 0)
        facts->by = LT_VECTORS_FEATURES;
    else
        facts->pairs = ltpg_item_pairs_make(facts->model, facts->candidates, by, many);
    if (facts->pairs == NULL && facts->model == NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("rerank method \"%s\" needs to know how alike the items are", method->name),
                        errhint("Give model => the name of a trained model, or name a relation of item, item and a "
                                "number from -1 to 1 in option \"similarity\".")));
    return facts;
}

ltpg_facts *ltpg_facts_make(ltpg_model *model, const ltpg_candidates *candidates, const lt_reranker *method,
                            const lt_options *options, bool many)
{
    ltpg_facts *facts;

    if (!method->needs_similarity && !method->needs_segment)
        return NULL;
    facts = palloc0(sizeof *facts);
    facts->model = model;
    facts->candidates = candidates;
    if (method->needs_similarity)
        return make_similarity(facts, method, options, many);
    return make_attribute(facts, method, options, many);
}

/* ---- making them ---- */

/* Vectors of the candidates; those that the model does not know are like nothing. */
static const lt_table *vectors(lt_env *env, const ltpg_facts *facts, const lt_rerank_input *in)
{
    const ltpg_candidates *c = facts->candidates;
    lt_table *rows;
    int32 *item;

    LTPG(env, lt_alloc(env, &rows, 1, sizeof *rows, "the candidates"));
    LTPG(env, lt_alloc(env, &item, in->n, sizeof *item, "the candidates"));
    for (int64 i = 0; i < in->n; i++)
        item[i] = c == NULL ? in->item[i] : ltpg_model_item(facts->model, c->item[in->item[i]], c->type);
    LTPG(env, lt_item_vectors(env, &facts->model->recommender, facts->by, item, in->n, rows));
    lt_free(env, item);
    return rows;
}

static void fill_similarity(lt_env *env, const ltpg_facts *facts, lt_rerank_input *in)
{
    lt_similarity *similarity;
    const lt_table *rows = NULL;
    const float *matrix = NULL;

    LTPG(env, lt_alloc(env, &similarity, 1, sizeof *similarity, "the candidates"));
    if (facts->pairs != NULL)
        matrix = ltpg_item_pairs_matrix(env, facts->pairs, in);
    else
        rows = vectors(env, facts, in);
    LTPG(env, lt_similarity_init(env, similarity, rows, matrix, in->n));
    in->similarity = similarity;
}

lt_status ltpg_facts_fill(lt_env *env, void *context, lt_rerank_input *in)
{
    ltpg_facts *facts = context;

    if (facts->attribute != NULL)
        ltpg_attribute_fill(env, facts->attribute, in);
    else
        fill_similarity(env, facts, in);
    return LT_OK;
}

const lt_groups *ltpg_facts_groups(lt_env *env, ltpg_model *model, const lt_options *options)
{
    lt_rerank_input in = {.n = model->bundle.items.n};
    int32 *item;

    LTPG(env, lt_alloc(env, &item, (size_t)in.n, sizeof *item, "the items' attribute"));
    for (int32 i = 0; i < in.n; i++)
        item[i] = i;
    in.item = item;
    LTPG(env, ltpg_facts_fill(env, ltpg_facts_make(model, NULL, &lt_rerank_calibrated, options, true), &in));
    lt_free(env, item);
    return in.groups;
}
