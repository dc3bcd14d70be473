/*
 * rerank_random.c: seeded exploration.
 *
 * A share `strength` of the places of the list of the k best is given to candidates from outside it: an explored place
 * gets a random one whose segment is the displaced item's or nearer the tail.  The displaced item does not come back.
 * A place for which no such candidate is left keeps its item.
 *
 * More strength never lowers the number of tail items in a list: each exploration replaces an item by one at least as
 * near the tail, and the explorations at a strength are, for the same seed, the first of those at a greater one: places
 * are explored in a random order that does not depend on strength.  How many are is strength * length, the fraction
 * rounded up with its own probability, again by one number drawn before.
 */
#include "rerank.h"

#include "random.h"

#include <math.h>

static lt_status run(lt_env *env, const lt_rerank_input *in, int32_t *chosen, double *value, int64_t *n_chosen)
{
    int64_t length = lt_rerank_length(in);
    int64_t begin[4] = {0}; /* where in pool each segment's candidates from outside the list begin; the last: the end */
    int64_t filled[3] = {0}; /* how many of them there are, and later are left */
    int64_t explored;
    int32_t *order, *place, *pool;
    lt_random random;

    LT_TRY(lt_alloc(env, &order, 2 * (size_t)in->n + (size_t)length, sizeof *order, "the candidates' order"));
    pool = order + in->n;
    place = pool + in->n;
    LT_TRY(lt_rerank_order(env, in->n, &in->score, 1, order));
    for (int64_t i = length; i < in->n; i++)
        filled[lt_rerank_segment(in, order[i])]++;
    for (int s = 0; s < 3; s++) {
        begin[s + 1] = begin[s] + filled[s];
        filled[s] = 0;
    }
    for (int64_t i = length; i < in->n; i++) {
        lt_segment s = lt_rerank_segment(in, order[i]);

        pool[begin[s] + filled[s]++] = order[i];
    }

    lt_random_seed(&random, in->seed);
    explored = (int64_t)floor(in->strength * (double)length + lt_random_uniform(&random));
    for (int64_t r = 0; r < length; r++)
        place[r] = (int32_t)r;
    lt_random_shuffle(&random, place, length);
    for (int64_t e = 0; e < explored && e < length; e++) {
        int32_t *slot = &order[place[e]];
        int64_t choices = 0, pick;
        int s = lt_rerank_segment(in, *slot);

        for (int nearer = s; nearer < 3; nearer++)
            choices += filled[nearer];
        if (choices == 0)
            continue;
        pick = lt_random_below(&random, choices);
        for (; pick >= filled[s]; s++)
            pick -= filled[s];
        *slot = pool[begin[s] + pick];
        pool[begin[s] + pick] = pool[begin[s] + --filled[s]];
    }
    for (int64_t r = 0; r < length; r++) {
        chosen[r] = order[r];
        value[r] = in->score[order[r]];
    }
    *n_chosen = length;
    lt_free(env, order);
    return LT_OK;
}

const lt_reranker lt_rerank_random = {
    .name = "random",
    .help = "Gives a share of the places to random candidates of the same segment or one nearer the tail.",
    .raises_tail = true,
    .needs_segment = true,
    .max_strength = 1,
    .run = run,
};
