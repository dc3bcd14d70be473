/*
 * bootstrap.c: the paired bootstrap of a mean difference.
 *
 * Efron and Tibshirani, "An introduction to the bootstrap", 1993: the differences are drawn n at a time with
 * replacement, and the means of many such samples show how far the mean could have been elsewhere.
 *
 * The interval is the percentile interval (chapter 13): of the B means in ascending order the k-th and the (B + 1 -
 * k)th with k = floor((B + 1) (1 - level) / 2), not interpolated.  The p-value is that interval turned round: the
 * smallest 1 - level at which it leaves 0 out, twice the smaller share of means at or beyond 0, p = min(1, 2 (1 +
 * min(#{mean <= 0}, #{mean >= 0})) / (B + 1)), the 1 being the sample itself (Davison and Hinkley, "Bootstrap methods
 * and their application", 1997, 4.2).  So p is at most 1 - level exactly when 0 lies outside the interval.  Not the
 * test that shifts the differences to a mean of 0 first (Efron and Tibshirani 16.4), which can disagree with the
 * interval.
 *
 * Invariant: the differences are sorted before the first draw, so that the order they came in does not matter.
 */
#include "bootstrap.h"

#include "random.h"
#include "sort.h"

#include <math.h>

#define STRIDE (1L << 18) /* draws between polls: about a millisecond */

/* The differences in ascending order; *most is the largest by size. */
static lt_status ascending(lt_env *env, const double *difference, int64_t n, double **out, double *most)
{
    lt_keyed *row;

    *most = 0;
    LT_TRY(lt_alloc(env, &row, (size_t)n, sizeof *row, "the differences to sort"));
    LT_TRY(lt_alloc(env, out, (size_t)n, sizeof **out, "the differences"));
    for (int64_t i = 0; i < n; i++) {
        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        if (!isfinite(difference[i]))
            return lt_fail(env, LT_INVALID, "a difference is %g", difference[i]);
        row[i].key = lt_sort_key(difference[i]);
        *most = fmax(*most, fabs(difference[i]));
    }
    LT_TRY(lt_sort(env, row, n));
    for (int64_t i = 0; i < n; i++)
        (*out)[i] = lt_sort_number(row[i].key);
    lt_free(env, row);
    return LT_OK;
}

/* The mean of n draws, some at a time, so that a large n can be cancelled as well. */
static lt_status resampled(lt_env *env, lt_random *random, const double *sorted, int64_t n, double *mean)
{
    double sum = 0;

    for (int64_t done = 0; done < n;) {
        int64_t until = n - done > STRIDE ? done + STRIDE : n;

        for (; done < until; done++)
            sum += sorted[lt_random_below(random, n)];
        if (done < n)
            LT_TRY(lt_poll(env));
    }
    *mean = sum / (double)n;
    return LT_OK;
}

lt_status lt_bootstrap_difference(lt_env *env, const double *difference, int64_t n, int64_t samples, double level,
                                  uint64_t seed, lt_bootstrap_interval *out)
{
    int64_t below = 0, above = 0; /* resampled means at or below 0, at or above 0 */
    int64_t k, beyond, every = n < STRIDE ? STRIDE / (n + 1) + 1 : 1;
    double sum = 0, size = 0;
    double *sorted, *mean;
    double most, rounding;
    lt_random random;

    *out = (lt_bootstrap_interval){NAN, NAN, NAN, NAN, n};
    if (!(level > 0 && level < 1))
        return lt_fail(env, LT_INVALID, "level is %g: it must be between 0 and 1", level);
    /* An inexact 1 - level must not cost a place: 0.05 / 2 * 2000 is 50 for everybody. */
    k = (int64_t)floor((double)(samples + 1) * (1 - level) / 2 * (1 + 1e-12));
    if (k < 1) {
        lt_fail(env, LT_INVALID, "%lld samples are too few for an interval of level %g", (long long)samples, level);
        return lt_fail_hint(env, "Take at least %.0f.", ceil(2 / (1 - level) * (1 - 1e-12)) - 1);
    }
    if (n == 0)
        return LT_OK;
    LT_TRY(ascending(env, difference, n, &sorted, &most));
    if (!isfinite(most * (double)n))
        return lt_fail(env, LT_INVALID, "the differences are too large to add up: one is %g", most);
    for (int64_t i = 0; i < n; i++) {
        sum += sorted[i];
        size += fabs(sorted[i]);
    }
    out->difference = sum / (double)n;
    if (n < 2) {
        lt_free(env, sorted);
        return LT_OK; /* one difference says nothing about how others would differ */
    }
    /* Differences such as 0.1, 0.2 and -0.3 add up to 0 but for rounding, which must not pick a side. */
    rounding = 1e-12 * size / (double)n;
    LT_TRY(lt_alloc(env, &mean, (size_t)samples, sizeof *mean, "the resampled means"));
    lt_random_seed(&random, seed);
    for (int64_t b = 0; b < samples; b++) {
        if (b % every == 0)
            LT_TRY(lt_poll(env));
        LT_TRY(resampled(env, &random, sorted, n, &mean[b]));
        if (fabs(mean[b]) <= rounding)
            mean[b] = 0;
        below += mean[b] <= 0;
        above += mean[b] >= 0;
    }
    beyond = below < above ? below : above;
    out->p_value = fmin(1, 2.0 * (double)(1 + beyond) / (double)(samples + 1));
    LT_TRY(lt_kth_smallest(env, mean, samples, k - 1, &out->lower));
    LT_TRY(lt_kth_smallest(env, mean, samples, samples - k, &out->upper));
    lt_free(env, mean);
    lt_free(env, sorted);
    return LT_OK;
}
