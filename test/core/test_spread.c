/*
 * test_spread.c: entropy, mean absolute deviation, coefficient of variation and the divergences, against hand-worked
 * cases and scipy 1.10.
 */
#include "random.h"
#include "spread.h"
#include "tap.h"

typedef lt_status of_amounts(lt_env *env, const double *amount, int64_t n, double *out);
typedef lt_status of_two(lt_env *env, const double *p, const double *q, int64_t n, double *out);

/* The value; a failure is 1e99, which no test wants. */
static double one(lt_env *env, of_amounts *f, const double *amount, int64_t n)
{
    double out = 0;

    return f(env, amount, n, &out) == LT_OK ? out : 1e99;
}

static double two(lt_env *env, of_two *f, const double *p, const double *q, int64_t n)
{
    double out = 0;

    return f(env, p, q, n, &out) == LT_OK ? out : 1e99;
}

static void test_by_hand(lt_env *env)
{
    static const double equal[] = {3, 3, 3, 3}, all[] = {0, 0, 7, 0}, halves[] = {4, 2, 1, 1}, none[] = {0, 0};
    static const double debt[] = {-2, 2, 3, 5};

    near(one(env, lt_entropy, equal, 4), 2, 1e-15, "entropy: four alike are two bits");
    near(one(env, lt_entropy, all, 4), 0, 0, "entropy: one has all");
    near(one(env, lt_entropy, halves, 4), 1.75, 1e-15, "entropy: 1/2, 1/4, 1/8, 1/8");
    near(one(env, lt_entropy, equal, 1), 0, 0, "entropy of one");
    near(one(env, lt_entropy, none, 2), NAN, 0, "entropy: nothing to share");
    near(one(env, lt_entropy, none, 0), NAN, 0, "entropy of nothing");

    near(one(env, lt_mean_absolute_deviation, equal, 4), 0, 0, "deviation: all alike");
    near(one(env, lt_mean_absolute_deviation, halves, 4), 1, 0, "deviation: 4, 2, 1, 1 about 2");
    near(one(env, lt_mean_absolute_deviation, none, 2), 0, 0, "deviation: nobody has anything");
    near(one(env, lt_mean_absolute_deviation, debt, 4), 2, 0, "deviation: amounts below 0");
    near(one(env, lt_mean_absolute_deviation, equal, 1), 0, 0, "deviation of one");
    near(one(env, lt_mean_absolute_deviation, none, 0), NAN, 0, "deviation of nothing");

    near(one(env, lt_coefficient_of_variation, equal, 4), 0, 0, "variation: all alike");
    near(one(env, lt_coefficient_of_variation, all, 4), sqrt(3), 1e-15, "variation: one has all");
    near(one(env, lt_coefficient_of_variation, halves, 4), sqrt(6.0 / 4) / 2, 1e-15, "variation: 4, 2, 1, 1");
    near(one(env, lt_coefficient_of_variation, equal, 1), 0, 0, "variation of one");
    near(one(env, lt_coefficient_of_variation, none, 2), NAN, 0, "variation: nothing to share");
    near(one(env, lt_coefficient_of_variation, none, 0), NAN, 0, "variation of nothing");
}

static void test_divergences_by_hand(lt_env *env)
{
    static const double p[] = {1, 1, 0}, q[] = {2, 1, 1}, apart[] = {0, 0, 5}, tripled[] = {6, 3, 3};
    static const double fair[] = {1, 1}, loaded[] = {3, 1}, none[] = {0, 0, 0};

    /* 1/2 log2((1/2) / (1/2)) + 1/2 log2((1/2) / (1/4)) */
    near(two(env, lt_kl_divergence, p, q, 3), 0.5, 1e-15, "KL by hand");
    near(two(env, lt_kl_divergence, q, p, 3), INFINITY, 0, "KL: something where the other has nothing");
    near(two(env, lt_kl_divergence, fair, loaded, 2), 0.5 * log2(2.0 / 3) + 0.5, 1e-15,
         "KL of a fair and a loaded coin");
    near(two(env, lt_kl_divergence, loaded, fair, 2), 0.75 * log2(1.5) - 0.25, 1e-15, "KL the other way");
    near(two(env, lt_kl_divergence, q, tripled, 3), 0, 0, "KL: the unit does not matter");
    near(two(env, lt_kl_divergence, p, none, 3), NAN, 0, "KL from nothing");
    near(two(env, lt_kl_divergence, none, p, 3), NAN, 0, "KL to nothing");
    near(two(env, lt_kl_divergence, p, q, 0), NAN, 0, "KL without rows");
    near(two(env, lt_kl_divergence, p, q, 1), 0, 0, "KL of one category");

    near(two(env, lt_js_divergence, p, apart, 3), 1, 0, "JS: nothing in common");
    near(two(env, lt_js_divergence, p, p, 3), 0, 0, "JS of itself");
    near(two(env, lt_js_divergence, q, tripled, 3), 0, 0, "JS: the unit does not matter");
    /* m = (1/2, 3/8, 1/8): (1/2 log2(4/3)) / 2 + (1/4 log2(2/3) + 1/4) / 2 */
    near(two(env, lt_js_divergence, p, q, 3), log2(4.0 / 3) / 4 + (log2(2.0 / 3) + 1) / 8, 1e-15, "JS by hand");
    near(two(env, lt_js_divergence, p, none, 3), NAN, 0, "JS with nothing");
    near(two(env, lt_js_divergence, p, q, 0), NAN, 0, "JS without rows");
}

static void test_scipy(lt_env *env)
{
    double a[50], b[50];

    for (int i = 0; i < 50; i++) {
        a[i] = 1 + i * i % 17;
        b[i] = i * 5 % 13;
    }
    near(one(env, lt_entropy, a, 50), 5.336230164924369, 1e-13, "entropy as scipy's");
    near(one(env, lt_entropy, b, 50), 5.294630051041321, 1e-13, "entropy with zeros as scipy's");
    near(one(env, lt_coefficient_of_variation, a, 50), 0.6154245076547532, 1e-14, "variation as scipy's");
    near(one(env, lt_coefficient_of_variation, b, 50), 0.6281530218072122, 1e-14, "variation with zeros as scipy's");
    near(one(env, lt_mean_absolute_deviation, a, 50), 4.9056, 1e-13, "mean absolute deviation as numpy's");
    near(one(env, lt_mean_absolute_deviation, b, 50), 3.2616, 1e-13, "mean absolute deviation with zeros as numpy's");
    near(two(env, lt_kl_divergence, b, a, 50), 0.7559910410445244, 1e-13, "KL as scipy's");
    near(two(env, lt_kl_divergence, a, b, 50), INFINITY, 0, "infinite KL as scipy's");
    near(two(env, lt_js_divergence, a, b, 50), 0.18155625172111978, 1e-13, "JS as the square of scipy's distance");
}

/* What must hold of any amounts. */
static void test_rules(lt_env *env, lt_random *random)
{
    int outside = 0, asymmetric = 0, moved = 0, identity = 0, checked = 0;

    for (int round = 0; round < 3000; round++) {
        int64_t n = 1 + lt_random_below(random, 30);
        double p[30], q[30], m[30], scaled[30], p_sum = 0, q_sum = 0, h_p, h_q, h_m, kl, js, scale;

        scale = exp2((double)(lt_random_below(random, 600) - 300)); /* a power of 2 changes no digit */
        for (int64_t i = 0; i < n; i++) {
            p[i] = (double)lt_random_below(random, 4) * lt_random_uniform(random);
            q[i] = (double)lt_random_below(random, 3);
            p_sum += p[i];
            q_sum += q[i];
            scaled[i] = p[i] * scale;
        }
        if (p_sum == 0 || q_sum == 0)
            continue;
        checked++;
        for (int64_t i = 0; i < n; i++)
            m[i] = (p[i] / p_sum + q[i] / q_sum) / 2;
        h_p = one(env, lt_entropy, p, n);
        h_q = one(env, lt_entropy, q, n);
        h_m = one(env, lt_entropy, m, n);
        kl = two(env, lt_kl_divergence, p, q, n);
        js = two(env, lt_js_divergence, p, q, n);
        outside += !(h_p >= 0 && h_p <= log2((double)n) + 1e-13) || !(kl >= 0) || !(js >= 0 && js <= 1);
        asymmetric += fabs(js - two(env, lt_js_divergence, q, p, n)) > 1e-15;
        identity += fabs(js - (h_m - (h_p + h_q) / 2)) > 1e-13; /* Lin's other form */
        moved += one(env, lt_entropy, scaled, n) != h_p || two(env, lt_kl_divergence, scaled, q, n) != kl ||
                 one(env, lt_coefficient_of_variation, scaled, n) != one(env, lt_coefficient_of_variation, p, n) ||
                 one(env, lt_mean_absolute_deviation, scaled, n) != scale * one(env, lt_mean_absolute_deviation, p, n);
    }
    ok(checked > 2500 && outside == 0, "entropy, KL and JS keep to their ranges");
    ok(asymmetric == 0, "JS is symmetric");
    ok(identity == 0, "JS is the entropy of the mean less the mean of the entropies");
    ok(moved == 0, "the unit does not matter, but for the deviation that has it");
}

static void test_refused(lt_env *env)
{
    static const double negative[] = {1, -1}, nan[] = {1, NAN}, endless[] = {1, INFINITY}, huge[] = {1.7e308, 1.7e308};
    static const double fine_ones[] = {1, 2};
    static double many[200000];
    test_context *context = env->context;
    double out;

    ok(lt_entropy(env, negative, 2, &out) == LT_INVALID, "entropy of a debt");
    ok(lt_coefficient_of_variation(env, negative, 2, &out) == LT_INVALID, "variation with a debt");
    ok(lt_kl_divergence(env, fine_ones, negative, 2, &out) == LT_INVALID, "KL with a debt");
    ok(lt_js_divergence(env, negative, fine_ones, 2, &out) == LT_INVALID, "JS with a debt");
    ok(lt_entropy(env, nan, 2, &out) == LT_INVALID, "entropy with NaN");
    ok(lt_mean_absolute_deviation(env, nan, 2, &out) == LT_INVALID, "deviation with NaN");
    ok(lt_mean_absolute_deviation(env, endless, 2, &out) == LT_INVALID, "deviation with infinity");
    ok(lt_js_divergence(env, fine_ones, endless, 2, &out) == LT_INVALID, "JS with infinity");
    ok(lt_entropy(env, huge, 2, &out) == LT_INVALID, "a sum beyond all numbers");
    context->cancel_at = context->polls + 3;
    ok(lt_entropy(env, many, 200000, &out) == LT_CANCELLED, "entropy can be cancelled");
    context->cancel_at = context->polls + 9;
    ok(lt_js_divergence(env, many, many, 200000, &out) == LT_CANCELLED, "JS can be cancelled");
}

int main(void)
{
    lt_env *env = test_env();
    lt_random random;

    lt_random_seed(&random, 5);
    test_by_hand(env);
    test_divergences_by_hand(env);
    test_scipy(env);
    test_rules(env, &random);
    test_refused(env);
    test_env_drop(env);
    return done();
}
