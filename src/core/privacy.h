/*
 * privacy.h: what noisy training promises: the accountant of differential privacy.
 *
 * The mechanism: each of `steps` times every row takes part with probability q, what the rows add up to is changed by
 * at most 1 (in Euclidean norm) by each, and normal noise of standard deviation sigma is added to every number.  The
 * promise, (epsilon, delta), is about data sets that differ by one row that is there or is not.
 */
#ifndef LT_PRIVACY_H
#define LT_PRIVACY_H

#include "base.h"

/* The Renyi divergence of one step, of the order > 1; q in [0, 1], sigma > 0. Infinity where it is beyond numbers. */
double lt_privacy_renyi(double q, double sigma, double order);

/* The least epsilon the accountant can show for a delta in (0, 1). */
lt_status lt_privacy_epsilon(lt_env *env, double q, double sigma, int64_t steps, double delta, double *epsilon);

/* The least sigma, to a ten-thousandth, for an epsilon of at most `epsilon`; *spent is what it gives. LT_INVALID when
 * none is enough. */
lt_status lt_privacy_noise(lt_env *env, double q, int64_t steps, double epsilon, double delta, double *sigma,
                           double *spent);

#endif
