/*
 * propensity.h: training on what was seen as if popular items had not been seen more for being popular.
 */
#ifndef LT_PROPENSITY_H
#define LT_PROPENSITY_H

#include "model.h"

/*
 * What a positive of each item weighs: out (items) = min(clip, s count^-exponent), where s keeps the weight of all
 * positives what it was: sum of weight out = sum of weight. count: positives of each item; weight: the sum of theirs.
 * Items without a positive have 1. exponent >= 0, clip >= 1: with either at its least all weights are 1.
 */
lt_status lt_propensity_weights(lt_env *env, const double *count, const double *weight, int32_t items, double exponent,
                                double clip, double *out);

/*
 * The dataset an algorithm is trained on: *data, and with option propensity_exponent above 0 its positives (of
 * ratings, every row) weighed by that: train.weight or seen.val, whichever `algorithm` reads, are new arrays, and
 * `histories` is data->seen, which must live on.  LT_INVALID where the option would do nothing.
 */
lt_status lt_propensity_apply(lt_env *env, const lt_dataset *data, const lt_algorithm *algorithm,
                              const lt_options *options, lt_dataset *out);
/* Gives back what was allocated. */
void lt_propensity_free(lt_env *env, const lt_dataset *data, lt_dataset *applied);

#endif
