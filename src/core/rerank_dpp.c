/*
 * rerank_dpp.c: diverse lists by a determinantal point process: its greedy maximum (Chen, Zhang and Zhou, "Fast greedy
 * MAP inference for determinantal point process to improve recommendation diversity", NeurIPS 2018).
 *
 * The list Y grows greedily by the item that leaves the greatest
 *
 *     (1 - strength) * sum over Y of relevance(i)  +  strength * ln det S_Y,
 *
 * S_Y the matrix of the similarities of Y's items: the squared volume that their vectors of length 1 span, 1 where all
 * are unlike and 0 where one repeats others.  It is the paper's trade-off theta * sum r_i + (1 - theta) * ln det S_Y
 * with theta = 1 - strength, the likeliest set of the process with kernel L_ij = q_i S_ij q_j, q_i = exp(alpha r_i),
 * alpha = (1 - strength) / (2 * strength).  relevance: see lt_rerank_relevance.
 *
 * ln det grows by ln d_i^2, where d_i^2 is what remains of item i's vector beside those chosen: from S_ii = 1 it falls
 * with each item j that is chosen by e_i^2, e_i = (S_ij - sum over earlier steps of c_j c_i) / d_j, the next column of
 * the candidates' Cholesky rows c_i.  So it never grows from step to step, as lt_rerank_grow asks.
 *
 * d_i^2 counts as at least FLOOR, about what rounding leaves of a float's cosine between equal vectors: those that
 * repeat others cost alike, so that they fill the list by relevance once nothing else is left.  One of them that is
 * chosen adds no column: it spans nothing new; and a matrix that is no kernel, which a relation may hold, does no harm.
 * An item whose vector is all zeros counts as like none other.
 *
 * Nothing is said of the tail: which items are unlike those of the head is the data's affair.
 */
#include "rerank.h"

#include "vectorize.h"

#include <math.h>

#define FLOOR 1e-5

typedef struct list {
    const lt_similarity *similarity;
    int64_t n, columns;
    double **column; /* columns of n: c */
    double *rest;    /* n: d^2 */
    float *likeness; /* n */
} list;

static double gain(const void *context, int64_t i, int64_t t)
{
    (void)t;
    return log(fmax(((const list *)context)->rest[i], FLOOR));
}

/* column (n) -= times * other. */
LT_VECTORIZED static void subtract(int64_t n, double times, const double *restrict other, double *restrict column)
{
    for (int64_t i = 0; i < n; i++)
        column[i] -= times * other[i];
}

/* The column is complete but for its scale: d^2 without its squares. */
LT_VECTORIZED static void finish(int64_t n, double scale, double *restrict column, double *restrict rest)
{
    for (int64_t i = 0; i < n; i++) {
        column[i] *= scale;
        rest[i] -= column[i] * column[i];
    }
}

static lt_status add(lt_env *env, void *context, int64_t i)
{
    list *l = context;
    double *column;

    if (l->rest[i] <= FLOOR)
        return LT_OK;
    LT_TRY(lt_alloc(env, &column, (size_t)l->n, sizeof *column, "the candidates' similarity"));
    LT_TRY(lt_similarity_to(env, l->similarity, i, l->likeness));
    for (int64_t j = 0; j < l->n; j++)
        column[j] = l->likeness[j];
    for (int64_t s = 0; s < l->columns; s++)
        subtract(l->n, l->column[s][i], l->column[s], column);
    finish(l->n, 1 / sqrt(l->rest[i]), column, l->rest);
    l->column[l->columns++] = column;
    return LT_OK;
}

static lt_status run(lt_env *env, const lt_rerank_input *in, int32_t *chosen, double *value, int64_t *n_chosen)
{
    list l = {.similarity = in->similarity, .n = in->n};
    lt_rerank_growth growth = {gain, add, &l};

    LT_TRY(lt_alloc(env, &l.column, (size_t)lt_rerank_length(in), sizeof *l.column, "the candidates' similarity"));
    LT_TRY(lt_alloc(env, &l.rest, (size_t)in->n, sizeof *l.rest, "the candidates' similarity"));
    LT_TRY(lt_alloc(env, &l.likeness, (size_t)in->n, sizeof *l.likeness, "the candidates' similarity"));
    for (int64_t i = 0; i < in->n; i++)
        l.rest[i] = 1;
    LT_TRY(lt_rerank_grow(env, in, &growth, chosen, value, n_chosen));
    for (int64_t c = 0; c < l.columns; c++)
        lt_free(env, l.column[c]);
    lt_free(env, l.likeness);
    lt_free(env, l.rest);
    lt_free(env, l.column);
    return LT_OK;
}

const lt_reranker lt_rerank_dpp = {
    .name = "dpp",
    .help = "Mixes relevance with how much of the items' space a list spans, by a determinantal point process.",
    .needs_similarity = true,
    .max_strength = 1,
    .run = run,
};
