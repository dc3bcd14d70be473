/*
 * facts.c: what rerank methods want to know of candidates, read live or out of the model.
 */
#include "facts.h"

#include "rerank.h"

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
    const lt_reranker *method;
    lt_vectors_by by;
};

ltpg_facts *ltpg_facts_make(ltpg_model *model, const ltpg_candidates *candidates, const lt_reranker *method,
                            const lt_options *options, bool many)
{
    ltpg_facts *facts;

    if (!method->needs_similarity)
        return NULL;
    facts = palloc0(sizeof *facts);
    facts->model = model;
    facts->method = method;
    facts->by = LT_VECTORS_AUTO;
    return facts;
}

lt_status ltpg_facts_fill(lt_env *env, void *context, lt_rerank_input *in)
{
    ltpg_facts *facts = context;
    lt_table *rows;
    lt_similarity *similarity;

    LT_TRY(lt_alloc(env, &rows, 1, sizeof *rows, "the candidates"));
    LT_TRY(lt_alloc(env, &similarity, 1, sizeof *similarity, "the candidates"));
    LT_TRY(lt_item_vectors(env, &facts->model->recommender, facts->by, in->item, in->n, rows));
    LT_TRY(lt_similarity_init(env, similarity, rows, NULL, in->n));
    in->similarity = similarity;
    return LT_OK;
}
