/*
 * test_privacy.c: the accountant against published figures, numeric integration and what must hold of any.
 */
#include "tap.h"

#include "privacy.h"

static double log_sum(double a, double b)
{
    double high = fmax(a, b);

    return high == -INFINITY ? high : high + log(exp(a - high) + exp(b - high));
}

/* The definition: the integral of N(z) ((1 - q) + q exp((2 z - 1) / (2 sigma^2)))^order, by the trapezoidal rule. */
static double integrated(double q, double sigma, double order)
{
    double from = -12 * sigma, end = order + 12 * sigma, step = sigma / 200, sum = -INFINITY;

    for (double z = from; z < end; z += step) {
        double ratio = log_sum(log1p(-q), log(q) + (2 * z - 1) / (2 * sigma * sigma));

        sum = log_sum(sum, -z * z / (2 * sigma * sigma) + order * ratio);
    }
    return (sum + log(step / (sigma * sqrt(2 * 3.14159265358979324)))) / (order - 1);
}

static void test_integral(void)
{
    static const double rates[] = {0.0005, 0.01, 0.2, 0.7}, sigmas[] = {0.6, 1, 2.7, 9},
                        orders[] = {1.1, 1.5, 2, 3.7, 8, 10.9, 33};
    double worst = 0;

    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < 7; k++) {
                double want = integrated(rates[i], sigmas[j], orders[k]);
                double got = lt_privacy_renyi(rates[i], sigmas[j], orders[k]);

                worst = fmax(worst, fabs(got - want) / (want + 1e-6));
            }
    near(worst, 0, 1e-5, "divergences of 112 cases are their integrals, relative and above 1e-6");
    near(lt_privacy_renyi(1, 3, 7.5), 7.5 / 18, 1e-15, "with all rows it is the plain Gaussian's");
    near(lt_privacy_renyi(0, 1, 2), 0, 0, "with none it is nothing");
    near(lt_privacy_renyi(0.2, 0.01, 40) * 2 * 0.01 * 0.01, 40, 0.1, "hardly any noise: nearly the plain Gaussian's");
}

/* From divergence to epsilon as papers before 2020 do it, the least over some orders. */
static double older_epsilon(double q, double sigma, double steps, double delta, const double *order, int n)
{
    double least = INFINITY;

    for (int i = 0; i < n; i++)
        least = fmin(least, steps * lt_privacy_renyi(q, sigma, order[i]) - log(delta) / (order[i] - 1));
    return least;
}

static void test_published(lt_env *env)
{
    /* tensorflow_privacy's own test: 50 steps at q = 0.01, sigma = 2.5 */
    static const double order[] = {1.5, 2.5, 5, 50, 100},
                        figure[] = {6.5007e-4, 1.0854e-3, 2.1808e-3, 2.3846e-2, 167.42};
    double orders[640], epsilon, at_5;

    for (int i = 0; i < 5; i++)
        near(50 * lt_privacy_renyi(0.01, 2.5, order[i]) / figure[i], 1, 1e-4, "TF Privacy: 50 steps, order %g: %g",
             order[i], figure[i]);
    for (int i = 0; i < 640; i++)
        orders[i] = 1.1 + i / 10.0;
    near(older_epsilon(0.01, 4, 10000, 1e-5, orders, 640), 1.26, 0.005,
         "Abadi et al. 2016, section 3.2: 1.26 at q 0.01, sigma 4, delta 1e-5, 10,000 steps");
    near(older_epsilon(256 / 60000.0, 1.12, 60 * 235, 1e-5, (const double[]){10, 20, 100}, 3), 2.95, 0.005,
         "Opacus: 2.95 for 60 epochs of 60,000 rows, batches of 256, sigma 1.12, orders 10, 20 and 100");
    near(older_epsilon(256 / 60000.0, 0.7, 70 / (256 / 60000.0), 1e-5, orders, 640), 8.68, 0.02,
         "Bu et al. 2020, figure 4: 8.68 at sigma 0.7 after 70 epochs of the same");
    /* Opacus, compute_dp_sgd_privacy: 300 steps at 1 %, sigma 1, orders 2, 5, 10, 20, 100: 2.39, by order 5 */
    at_5 = 300 * lt_privacy_renyi(0.01, 1, 5) + log(4 / 5.0) - (log(1e-5) + log(5)) / 4;
    near(at_5, 2.39, 0.005, "Opacus: 2.39 after 300 steps at 1 %%, sigma 1, by order 5");
    fine(env, lt_privacy_epsilon(env, 0.01, 1, 300, 1e-5, &epsilon));
    ok(epsilon <= at_5 && epsilon > 0.5 * at_5, "more orders show a little less: %g", epsilon);
    fine(env, lt_privacy_epsilon(env, 0.01, 4, 10000, 1e-5, &epsilon));
    ok(epsilon < 1.26 && epsilon > 0.95, "Abadi's case by today's conversion: %g", epsilon);
}

/* One step of the plain Gaussian is known exactly: Balle and Wang, "Improving the Gaussian mechanism", 2018. */
static double exact_delta(double sigma, double epsilon)
{
    double a = 1 / (2 * sigma), b = epsilon * sigma;

    return (erfc(-(a - b) / sqrt(2)) - exp(epsilon) * erfc((a + b) / sqrt(2))) / 2;
}

static void test_exact(lt_env *env)
{
    static const double sigmas[] = {0.5, 1, 3, 10, 40};

    for (int i = 0; i < 5; i++) {
        double epsilon;

        fine(env, lt_privacy_epsilon(env, 1, sigmas[i], 1, 1e-6, &epsilon));
        ok(exact_delta(sigmas[i], epsilon) <= 1e-6, "sigma %g: epsilon %g is true", sigmas[i], epsilon);
        ok(exact_delta(sigmas[i], 0.85 * epsilon) > 1e-6, "and not much more than need be");
    }
}

static void test_noise(lt_env *env)
{
    static const double wanted[] = {0.05, 0.5, 1, 8, 100};
    double before = INFINITY;

    for (int i = 0; i < 5; i++) {
        double sigma, spent, less;

        fine(env, lt_privacy_noise(env, 0.02, 500, wanted[i], 1e-6, &sigma, &spent));
        fine(env, lt_privacy_epsilon(env, 0.02, sigma * 0.999, 500, 1e-6, &less));
        ok(spent <= wanted[i] && less > wanted[i], "epsilon %g takes sigma %g, and no less: %g, %g", wanted[i], sigma,
           spent, less);
        ok(sigma < before, "which is less than for a smaller epsilon");
        before = sigma;
        fine(env, lt_privacy_epsilon(env, 0.02, sigma, 500, 1e-6, &less));
        near(less, spent, 0, "what is spent is what the accountant says of it");
    }
    ok(lt_privacy_noise(env, 0.02, 500, 1e-5, 1e-6, &before, &before) == LT_INVALID, "no noise is enough: %s",
       env->error.message);
    for (int64_t steps = 1; steps <= 100000; steps *= 10) {
        double epsilon;

        fine(env, lt_privacy_epsilon(env, 0.001, 0.9, steps, 1e-6, &epsilon));
        ok(isfinite(epsilon) && epsilon > 0, "%lld steps: %g", (long long)steps, epsilon);
    }
}

int main(void)
{
    lt_env *env = test_env();
    test_context *c = env->context;
    double epsilon;

    test_integral();
    test_published(env);
    test_exact(env);
    test_noise(env);
    c->cancel_at = c->polls + 3;
    ok(lt_privacy_epsilon(env, 0.1, 1, 10, 1e-6, &epsilon) == LT_CANCELLED, "it can be cancelled");
    test_env_drop(env);
    return done();
}
