/*
 * rerank_mmr.c: maximal marginal relevance (Carbonell and Goldstein, "The use of MMR, diversity-based reranking for
 * reordering documents and producing summaries", SIGIR 1998).
 *
 * The list grows greedily by the candidate with the highest
 *
 *     (1 - strength) * relevance(i) - strength * max over the list's items j of similarity(i, j),
 *
 * whose lambda is 1 - strength.  Of an empty list the maximum is -1, the least similarity there is, so that the most
 * relevant comes first at any strength, and values descend.  relevance: see lt_rerank_relevance.
 *
 * Nothing is said of the tail: which items are unlike those of the head is the data's affair.
 */
#include "rerank.h"

typedef struct list {
    const lt_similarity *similarity;
    float *nearest;  /* n: each candidate's greatest similarity to the list */
    float *likeness; /* n: to one item of it */
} list;

static double gain(const void *context, int64_t i, int64_t t)
{
    (void)t;
    return -((const list *)context)->nearest[i];
}

static lt_status add(lt_env *env, void *context, int64_t i)
{
    list *l = context;

    LT_TRY(lt_similarity_to(env, l->similarity, i, l->likeness));
    for (int64_t j = 0; j < l->similarity->n; j++)
        l->nearest[j] = l->likeness[j] > l->nearest[j] ? l->likeness[j] : l->nearest[j];
    return LT_OK;
}

static lt_status run(lt_env *env, const lt_rerank_input *in, int32_t *chosen, double *value, int64_t *n_chosen)
{
    list l = {.similarity = in->similarity};
    lt_rerank_growth growth = {gain, add, &l};

    LT_TRY(lt_alloc(env, &l.nearest, 2 * (size_t)in->n, sizeof *l.nearest, "the candidates' similarity"));
    l.likeness = l.nearest + in->n;
    for (int64_t i = 0; i < in->n; i++)
        l.nearest[i] = -1;
    LT_TRY(lt_rerank_grow(env, in, &growth, chosen, value, n_chosen));
    lt_free(env, l.nearest);
    return LT_OK;
}

const lt_reranker lt_rerank_mmr = {
    .name = "mmr",
    .help = "Mixes relevance with unlikeness to the nearest item that the list has already.",
    .needs_similarity = true,
    .max_strength = 1,
    .run = run,
};
