/*
 * spread.c: entropy, mean absolute deviation, coefficient of variation; Kullback-Leibler and Jensen-Shannon divergence.
 *
 * Legend: x_i an amount, S their sum, s_i = x_i / S a share; p_i and q_i are shares as well in the divergences.
 * Logarithms are to base 2 throughout and 0 log 0 is 0. Sums are over all n: an amount of 0 is an item that got
 * nothing, which deviations count and entropy does not see.
 */
#include "spread.h"

#include <math.h>

#define STRIDE (1L << 16) /* elements between polls: about a millisecond with a logarithm for each */

/* Their sum, each checked; `least` is the least an amount may be. */
static lt_status add_up(lt_env *env, const double *amount, int64_t n, double least, double *sum)
{
    *sum = 0;
    for (int64_t i = 0; i < n; i++) {
        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        if (!(amount[i] >= least && isfinite(amount[i])))
            return lt_fail(env, LT_INVALID, "an amount is %g", amount[i]);
        *sum += amount[i];
    }
    if (!isfinite(*sum))
        return lt_fail(env, LT_INVALID, "the amounts are too large to add up");
    return LT_OK;
}

/* H = -sum_i s_i log2 s_i (Shannon, "A mathematical theory of communication", 1948). */
lt_status lt_entropy(lt_env *env, const double *amount, int64_t n, double *out)
{
    double bits = 0, sum;

    LT_TRY(add_up(env, amount, n, 0, &sum));
    for (int64_t i = 0; i < n; i++) {
        double share = amount[i] / sum;

        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        if (share > 0)
            bits -= share * log2(share);
    }
    *out = sum > 0 ? bits : NAN;
    return LT_OK;
}

/*
 * sum_i |x_i - S/n| / n: about the mean, not about the median, and over n. (The difference between groups' means that
 * goes by the same letters in work on fairness, Zhu, Hu and Caverlee, "Fairness-aware tensor-based recommendation",
 * 2018, is another measure.)
 */
lt_status lt_mean_absolute_deviation(lt_env *env, const double *amount, int64_t n, double *out)
{
    double deviations = 0, mean;

    LT_TRY(add_up(env, amount, n, -INFINITY, &mean));
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++) {
        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        deviations += fabs(amount[i] - mean) / (double)n;
    }
    *out = n > 0 ? deviations : NAN;
    return LT_OK;
}

/*
 * sqrt(sum_i (x_i - m)^2 / n) / m with the mean m = S/n: the population's standard deviation, over n and not n - 1
 * (Pearson, "Mathematical contributions to the theory of evolution III", 1896).
 */
lt_status lt_coefficient_of_variation(lt_env *env, const double *amount, int64_t n, double *out)
{
    double squares = 0, mean;

    LT_TRY(add_up(env, amount, n, 0, &mean));
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++) {
        double deviation = (amount[i] - mean) / mean; /* squared in the amounts' unit, 1e200 would be infinite */

        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        squares += deviation * deviation;
    }
    *out = mean > 0 ? sqrt(squares / (double)n) : NAN;
    return LT_OK;
}

/*
 * sum_i p_i log2(p_i / q_i) (Kullback and Leibler, "On information and sufficiency", 1951), infinite by that definition
 * when there is an i with q_i = 0 < p_i. Nothing is smoothed here: Steck's calibration, which mixes a little of p into
 * q, does so itself.
 */
lt_status lt_kl_divergence(lt_env *env, const double *p, const double *q, int64_t n, double *out)
{
    double bits = 0, p_sum, q_sum;

    LT_TRY(add_up(env, p, n, 0, &p_sum));
    LT_TRY(add_up(env, q, n, 0, &q_sum));
    for (int64_t i = 0; i < n; i++) {
        double from = p[i] / p_sum, to = q[i] / q_sum;

        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        if (from > 0)
            bits += from * (log2(from) - log2(to));
    }
    *out = p_sum > 0 && q_sum > 0 ? fmax(bits, 0) : NAN; /* of equal shares rounding may leave -1e-17 */
    return LT_OK;
}

/*
 * KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2 (Lin, "Divergence measures based on the Shannon entropy", 1991):
 * the divergence, not its square root, which is the Jensen-Shannon distance.
 */
lt_status lt_js_divergence(lt_env *env, const double *p, const double *q, int64_t n, double *out)
{
    double bits = 0, p_sum, q_sum;

    LT_TRY(add_up(env, p, n, 0, &p_sum));
    LT_TRY(add_up(env, q, n, 0, &q_sum));
    for (int64_t i = 0; i < n; i++) {
        double a = p[i] / p_sum, b = q[i] / q_sum, both = a + b;

        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        /* 1 + log2 of a's part of a + b is log2(a / m), without the m that may be too small to hold. */
        if (a > 0)
            bits += a / 2 * (1 + log2(a / both));
        if (b > 0)
            bits += b / 2 * (1 + log2(b / both));
    }
    *out = p_sum > 0 && q_sum > 0 ? fmin(fmax(bits, 0), 1) : NAN;
    return LT_OK;
}
