/*
 * spread.h: how evenly amounts are spread, and how far two ways of spreading them are from each other. Each definition
 * is written, with its source, where it is implemented. The Gini coefficient is in metrics.h.
 *
 * amount, p, q: n each, in any unit: only shares of the sum count, but for the mean absolute deviation. LT_INVALID for
 * an amount that is negative (the mean absolute deviation takes those) or not finite, and for a sum that is not.
 */
#ifndef LT_SPREAD_H
#define LT_SPREAD_H

#include "base.h"

/* In bits: 0 when one has everything, log2 n when all have the same. NaN for n = 0 or sum 0. */
lt_status lt_entropy(lt_env *env, const double *amount, int64_t n, double *out);
/* In the unit of the amounts. NaN for n = 0. */
lt_status lt_mean_absolute_deviation(lt_env *env, const double *amount, int64_t n, double *out);
/* Standard deviation over mean: 0 when all are equal, sqrt(n - 1) when one has everything. NaN for n = 0 or sum 0. */
lt_status lt_coefficient_of_variation(lt_env *env, const double *amount, int64_t n, double *out);

/*
 * One row a category, p and q the amounts of it in two distributions. Both in bits; NaN when p or q sums to 0.
 * Kullback and Leibler's: from p to q, 0 to infinity, which it is when q has nothing of what p has.
 * Jensen and Shannon's: symmetric, 0 to 1.
 */
lt_status lt_kl_divergence(lt_env *env, const double *p, const double *q, int64_t n, double *out);
lt_status lt_js_divergence(lt_env *env, const double *p, const double *q, int64_t n, double *out);

#endif
