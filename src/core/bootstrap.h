/*
 * bootstrap.h: how sure the mean of paired differences is.
 */
#ifndef LT_BOOTSTRAP_H
#define LT_BOOTSTRAP_H

#include "base.h"

/* In the unit of the differences; lower, upper and p_value are NaN for n < 2, difference too for n = 0. */
typedef struct lt_bootstrap_interval {
    double difference; /* the mean */
    double lower, upper;
    double p_value; /* two-sided, of "the mean is 0" */
    int64_t n;
} lt_bootstrap_interval;

#define LT_BOOTSTRAP_SAMPLES 2000
#define LT_BOOTSTRAP_LEVEL 0.95

/*
 * difference: n numbers a - b, one a unit that was measured twice (a user under two rankings), in any order: only their
 * multiset and the seed decide.  Takes n * samples draws, some nanoseconds each.  LT_INVALID for a difference that is
 * not finite, for sums that would not be, for a level outside (0, 1), and for samples too few for the level: fewer than
 * 2 / (1 - level) - 1.
 */
lt_status lt_bootstrap_difference(lt_env *env, const double *difference, int64_t n, int64_t samples, double level,
                                  uint64_t seed, lt_bootstrap_interval *out);

#endif
