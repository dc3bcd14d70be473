/*
 * low_rank.h: the best approximation of a matrix of weights from item to item by vectors.
 *
 * Legend: I items, k factors.
 */
#ifndef LT_LOW_RANK_H
#define LT_LOW_RANK_H

#include "base.h"

/* W, I x I, as neighbors.h stores it. */
typedef struct lt_item_weights {
    int32_t items;
    const int32_t *start, *item; /* NULL: weight is I x I */
    const float *weight;
} lt_item_weights;

/*
 * left and right (I x k): W_ij is about left_i . right_j, with the singular values shared out between both.  k <= I;
 * deterministic for a seed. Polls.
 */
lt_status lt_low_rank(lt_env *env, const lt_item_weights *w, int32_t k, uint64_t seed, float *left, float *right);

#endif
