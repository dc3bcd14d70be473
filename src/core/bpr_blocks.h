/*
 * bpr_blocks.h: an epoch of Bayesian personalised ranking, by blocks of users and items.
 */
#ifndef LT_BPR_BLOCKS_H
#define LT_BPR_BLOCKS_H

#include "dataset.h"
#include "sampler.h"

#define LT_BPR_PARTS 16 /* of users, and of items, at most */

/*
 * Legend: n pairs, k factors; rows of users and items are `stride` floats apart, a multiple of LT_LANES, on 64 bytes.
 *
 * With a bias there is one more number in a row, behind the factors: an item's is its bias, a user's is 1.
 */
typedef struct lt_bpr_fit {
    const lt_pairs *seen;
    const double *share;       /* n + 1: running sum of the pairs' weights, scaled to mean 1; NULL: all 1 */
    const lt_sampler *sampler; /* of negatives */
    int negatives;
    uint64_t seed;
    int32_t k, stride;
    bool bias;
    float rate, penalty;
    float *user, *item; /* U and I x stride */
    struct lt_bpr_blocks *blocks;
} lt_bpr_fit;

/* Of all fields but blocks, which it makes: what epochs work in. */
lt_status lt_bpr_fit_init(lt_env *env, lt_bpr_fit *bpr);
void lt_bpr_fit_free(lt_env *env, lt_bpr_fit *bpr);

/*
 * An epoch, by env's team; the same for every number of threads.  *loss: the mean of -ln sigma over the triples, each
 * as it was met; 0 when nobody lacks anything.
 */
lt_status lt_bpr_epoch(lt_env *env, lt_bpr_fit *bpr, int epoch, double *loss);

#endif
