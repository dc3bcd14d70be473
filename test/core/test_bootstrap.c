/*
 * test_bootstrap.c: the paired bootstrap against all resamples there are, the normal approximation, and its own rules.
 */
#include "bootstrap.h"
#include "random.h"
#include "tap.h"

/* The shares of all n^n resampled means, in units of 1/n: exact, for the differences are whole numbers. */
typedef struct exact {
    double at[400]; /* share of resamples whose sum is index - 200 */
} exact;

static void enumerate(const double *difference, int n, exact *e)
{
    long resamples = 1;

    memset(e, 0, sizeof *e);
    for (int i = 0; i < n; i++)
        resamples *= n;
    for (long r = 0; r < resamples; r++) {
        long digits = r;
        int sum = 0;

        for (int i = 0; i < n; i++, digits /= n)
            sum += (int)difference[digits % n];
        e->at[sum + 200] += 1.0 / (double)resamples;
    }
}

/* The share of resamples whose sum is at most (or below) so much. */
static double share_to(const exact *e, long sum, bool below)
{
    double share = 0;

    for (long s = -200; s < sum + !below; s++)
        share += e->at[s + 200];
    return share;
}

/* Whether x is where the means' distribution passes the share q, give or take the error of drawing. */
static bool is_quantile(const exact *e, double x, int n, double q, double error)
{
    long sum = lround(x * n);

    return share_to(e, sum, true) <= q + error && share_to(e, sum, false) >= q - error;
}

static void test_exact(lt_env *env)
{
    enum { SAMPLES = 100000, CASES = 6 };
    static const double difference[CASES][7] = {
        {1, -1}, {3, -1, 2}, {5, 0, 0, -1}, {4, 4, -1, 7, -6}, {9, -2, 3, 1, 0, 2}, {-1, -1, 2, -3, 0, -1, 4},
    };
    static const int n[CASES] = {2, 3, 4, 5, 6, 7};
    static const double level = 0.9;

    for (int c = 0; c < CASES; c++) {
        lt_bootstrap_interval got;
        double mean = 0, p, p_error, error = 5 * sqrt(0.05 * 0.95 / SAMPLES); /* five standard errors */
        exact e;

        enumerate(difference[c], n[c], &e);
        for (int i = 0; i < n[c]; i++)
            mean += difference[c][i] / n[c];
        p = fmin(share_to(&e, 0, false), 1 - share_to(&e, 0, true));
        p_error = 2 * 5 * sqrt(p * (1 - p) / SAMPLES) + 2.0 / SAMPLES;
        fine(env, lt_bootstrap_difference(env, difference[c], n[c], SAMPLES, level, 3, &got));
        near(got.difference, mean, 1e-15, "%d differences: their mean", n[c]);
        near(got.p_value, fmin(1, 2 * p), p_error, "%d differences: p of all resamples, within 5 standard errors",
             n[c]);
        ok(is_quantile(&e, got.lower, n[c], 0.05, error), "%d differences: lower end", n[c]);
        ok(is_quantile(&e, got.upper, n[c], 0.95, error), "%d differences: upper end", n[c]);
        ok(got.n == n[c], "%d differences: n", n[c]);
    }
}

/*
 * Of 2000 differences the mean is all but normal.  An end of the interval, from 2000 resampled means, has a standard
 * error of sqrt(0.025 * 0.975 / 2000) / 0.0584 = 0.06 standard errors of the mean; four of those are allowed.
 */
static void test_normal(lt_env *env, lt_random *random)
{
    enum { N = 2000, SAMPLES = 2000 };
    static double difference[N];

    for (int round = 0; round < 6; round++) {
        lt_bootstrap_interval got;
        double sum = 0, squares = 0, mean, error, q;

        for (int i = 0; i < N; i++) {
            difference[i] = 0.01 * round + 0.4 * lt_random_normal(random);
            if (round % 2 == 1) /* most users see no difference */
                difference[i] *= lt_random_below(random, 3) == 0;
            sum += difference[i];
            squares += difference[i] * difference[i];
        }
        mean = sum / N;
        error = sqrt((squares / N - mean * mean) / N);
        q = erfc(fabs(mean) / error / sqrt(2)) / 2;
        fine(env, lt_bootstrap_difference(env, difference, N, SAMPLES, 0.95, (uint64_t)round, &got));
        near(got.difference, mean, 1e-15, "the mean");
        near(got.lower, mean - 1.959964 * error, 0.25 * error, "lower end as the normal's");
        near(got.upper, mean + 1.959964 * error, 0.25 * error, "upper end as the normal's");
        near(got.p_value, 2 * q, 2 * 4 * sqrt(q * (1 - q) / SAMPLES) + 4.0 / SAMPLES, "p as the normal's");
    }
}

/* The p-value and the interval say the same, at any level and number of samples. */
static void test_rules(lt_env *env, lt_random *random)
{
    int disagree = 0, significant = 0, disorder = 0, moved = 0, mirrored = 0;

    for (int round = 0; round < 1000; round++) {
        static const double levels[] = {0.5, 0.8, 0.9, 0.95, 0.99};
        double level = levels[lt_random_below(random, 5)];
        int64_t n = 2 + lt_random_below(random, 12), samples = 199 + lt_random_below(random, 300);
        double difference[16], turned[16];
        lt_bootstrap_interval a, b;

        for (int64_t i = 0; i < n; i++)
            difference[i] = (double)(lt_random_below(random, 7) - 2 - round % 2) / 10;
        for (int64_t i = 0; i < n; i++)
            turned[i] = difference[n - 1 - i];
        if (lt_bootstrap_difference(env, difference, n, samples, level, 9, &a) != LT_OK ||
            lt_bootstrap_difference(env, turned, n, samples, level, 9, &b) != LT_OK)
            disagree = 1 << 20;
        disagree += (a.lower > 0 || a.upper < 0) != (a.p_value <= (1 - level) * (1 + 1e-9));
        significant += a.lower > 0 || a.upper < 0;
        disorder += !(a.lower <= a.upper);
        moved += memcmp(&a, &b, sizeof a) != 0;
        /* 0.1, 0.2, -0.3 are not 1, 2, -3 tenths in binary: the same draws must be on the same side of 0. */
        for (int64_t i = 0; i < n; i++)
            turned[i] = nearbyint(difference[i] * 10);
        if (lt_bootstrap_difference(env, turned, n, samples, level, 9, &b) != LT_OK)
            disagree = 1 << 20;
        mirrored += a.p_value != b.p_value || fabs(a.lower - b.lower / 10) > 1e-14;
    }
    ok(significant > 100 && significant < 900 && disagree == 0, "p is at most 1 - level when 0 is outside (%d times)",
       significant);
    ok(disorder == 0, "lower is at most upper");
    ok(moved == 0, "the order of the differences does not matter");
    ok(mirrored == 0, "nor does their scale, or how sums round");
}

static void test_edges(lt_env *env)
{
    static const double same[] = {0.25, 0.25, 0.25}, none[] = {0, 0, 0}, bad[] = {1, NAN}, endless[] = {1, -INFINITY};
    static const double huge[] = {1e308, 1e308}, mixed[] = {3, -1, 2, 5, -4};
    lt_bootstrap_interval got, again;
    test_context *context = env->context;

    fine(env, lt_bootstrap_difference(env, none, 0, 2000, 0.95, 1, &got));
    ok(got.n == 0 && isnan(got.difference) && isnan(got.lower) && isnan(got.p_value), "nothing of nothing");
    fine(env, lt_bootstrap_difference(env, same, 1, 2000, 0.95, 1, &got));
    ok(got.n == 1 && got.difference == 0.25 && isnan(got.lower) && isnan(got.upper) && isnan(got.p_value),
       "one difference has no interval");
    fine(env, lt_bootstrap_difference(env, same, 3, 1999, 0.95, 1, &got));
    ok(got.lower == 0.25 && got.upper == 0.25, "equal differences");
    near(got.p_value, 0.001, 1e-15, "the smallest p is 2 / (samples + 1)");
    fine(env, lt_bootstrap_difference(env, none, 3, 2000, 0.95, 1, &got));
    ok(got.lower == 0 && got.upper == 0 && got.p_value == 1, "no difference at all");
    fine(env, lt_bootstrap_difference(env, mixed, 5, 2000, 0.95, 1, &got));
    fine(env, lt_bootstrap_difference(env, mixed, 5, 2000, 0.95, 1, &again));
    ok(memcmp(&got, &again, sizeof got) == 0, "the same seed, the same interval");
    fine(env, lt_bootstrap_difference(env, mixed, 5, 2000, 0.95, 2, &again));
    ok(got.p_value != again.p_value, "another seed, another draw");

    ok(lt_bootstrap_difference(env, bad, 2, 2000, 0.95, 1, &got) == LT_INVALID, "NaN is refused");
    ok(lt_bootstrap_difference(env, endless, 2, 2000, 0.95, 1, &got) == LT_INVALID, "infinity is refused");
    ok(lt_bootstrap_difference(env, huge, 2, 2000, 0.95, 1, &got) == LT_INVALID, "what cannot be added is refused");
    ok(lt_bootstrap_difference(env, mixed, 5, 2000, 1, 1, &got) == LT_INVALID, "level 1 is refused");
    ok(lt_bootstrap_difference(env, mixed, 5, 2000, NAN, 1, &got) == LT_INVALID, "level NaN is refused");
    ok(lt_bootstrap_difference(env, mixed, 5, 38, 0.95, 1, &got) == LT_INVALID, "38 samples are too few for 0.95");
    ok(strcmp(env->error.hint, "Take at least 39.") == 0, "and it says how many are not: %s", env->error.hint);
    fine(env, lt_bootstrap_difference(env, mixed, 5, 39, 0.95, 1, &got));
    ok(lt_bootstrap_difference(env, mixed, 5, 0, 0.5, 1, &got) == LT_INVALID, "no samples");

    context->cancel_at = context->polls + 5;
    ok(lt_bootstrap_difference(env, mixed, 5, 1000000, 0.95, 1, &got) == LT_CANCELLED, "it can be cancelled");
    env->budget = env->used + 1000;
    ok(lt_bootstrap_difference(env, mixed, 5, 2000, 0.95, 1, &got) == LT_NO_MEMORY, "it keeps to the budget");
    env->budget = 0;
}

int main(void)
{
    lt_env *env = test_env();
    lt_random random;

    lt_random_seed(&random, 11);
    test_exact(env);
    test_normal(env, &random);
    test_rules(env, &random);
    test_edges(env);
    test_env_drop(env);
    return done();
}
