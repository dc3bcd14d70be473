/*
 * test_loss.c: losses against finite differences and known values; links; optimizers' steps by hand.
 */
#include "tap.h"

#include "loss.h"
#include "optimizer.h"

static void test_slopes(void)
{
    static const double margins[] = {-30, -2, -0.7, 0.01, 0.9, 3, 20};
    static const double labels[] = {0, 1, 0.3};
    const double step = 1e-5;

    for (int loss = LT_LOSS_LOGISTIC; loss <= LT_LOSS_POISSON; loss++) {
        double worst = 0;

        for (size_t i = 0; i < sizeof margins / sizeof margins[0]; i++)
            for (size_t j = 0; j < sizeof labels / sizeof labels[0]; j++) {
                double m = margins[i], y = labels[j], slope, unused, difference;

                lt_loss_value((lt_loss)loss, 1.5, m, y, &slope);
                difference = (lt_loss_value((lt_loss)loss, 1.5, m + step, y, &unused) -
                              lt_loss_value((lt_loss)loss, 1.5, m - step, y, &unused)) /
                             (2 * step);
                worst = fmax(worst, fabs(slope - difference) / (1 + fabs(difference)));
            }
        ok(worst < 1e-8, "slope of loss %d is its difference quotient (worst %g)", loss, worst);
    }
}

/* Many at a time, in float, against one at a time; the count leaves a rest at every width. */
static void test_many(void)
{
    enum { N = 203 };
    float margin[N], label[N], weight[N], slope[N];

    for (int loss = LT_LOSS_LOGISTIC; loss <= LT_LOSS_POISSON; loss++) {
        double sum = 0, weights = 1, want = 0, of_weights = 1, worst = 0;

        for (int i = 0; i < N; i++) {
            double by_margin;

            margin[i] = (float)(i - 100) / (loss == LT_LOSS_POISSON ? 30.0f : 5.0f);
            label[i] = (float)(i % 3) / 2;
            weight[i] = (float)(1 + i % 5);
            want += weight[i] * lt_loss_value((lt_loss)loss, 1.5, margin[i], label[i], &by_margin);
            of_weights += weight[i];
            slope[i] = (float)(0.25 * weight[i] * by_margin);
        }
        for (int i = 0; i < N; i++) {
            float one;

            lt_loss_values((lt_loss)loss, 1.5, 1, &margin[i], &label[i], &weight[i], 0.25, &one, &sum);
            worst = fmax(worst, fabs(one - slope[i]) / (1 + fabs(slope[i])));
        }
        sum = lt_loss_values((lt_loss)loss, 1.5, N, margin, label, weight, 0.25, slope, &weights);
        near(sum / want, 1, 2e-7, "many values of loss %d", loss);
        near(weights, of_weights, 0, "and their weights");
        ok(worst < 1e-6, "many slopes of loss %d (worst %g)", loss, worst);
    }
    margin[0] = NAN;
    ok(isnan(lt_loss_values(LT_LOSS_LOGISTIC, 0, 1, margin, label, weight, 1, slope, (double[]){0})),
       "no margin, no loss, among many too");
    margin[0] = -20;
    label[0] = 0;
    weight[0] = 1;
    near(lt_loss_values(LT_LOSS_LOGISTIC, 0, 1, margin, label, weight, 1, slope, (double[]){0}) / exp(-20), 1, 1e-6,
         "a small loss keeps its digits in float");
}

static void test_values(void)
{
    double slope;

    near(lt_loss_value(LT_LOSS_LOGISTIC, 0, 0, 1, &slope), log(2), 1e-15, "logistic loss of a coin");
    near(lt_loss_value(LT_LOSS_LOGISTIC, 0, log(3), 1, &slope), -log(0.75), 1e-15, "logistic loss at probability 3/4");
    near(lt_loss_value(LT_LOSS_LOGISTIC, 0, -1000, 1, &slope), 1000, 1e-12, "logistic loss does not overflow");
    near(slope, -1, 1e-15, "nor does its slope");
    near(lt_loss_value(LT_LOSS_LOGISTIC, 0, 40, 1, &slope) / exp(-40), 1, 1e-12, "a tiny loss keeps its digits");
    near(lt_loss_value(LT_LOSS_HUBER, 2, 7, 2, &slope), 8, 0, "Huber's loss is linear beyond delta");
    near(lt_loss_value(LT_LOSS_HUBER, 2, 3, 2, &slope), 0.5, 0, "and squared within");
    near(lt_loss_value(LT_LOSS_POISSON, 0, log(2), 3, &slope), 2 - 3 * log(2), 1e-15, "Poisson loss");
    ok(isnan(lt_loss_value(LT_LOSS_LOGISTIC, 0, NAN, 1, &slope)), "no margin, no loss");
}

static void test_links(void)
{
    static const double means[] = {0.001, 0.3, 0.97};

    ok(lt_loss_link(LT_LOSS_LOGISTIC) == LT_LINK_LOGISTIC && lt_loss_link(LT_LOSS_POISSON) == LT_LINK_EXP &&
           lt_loss_link(LT_LOSS_SQUARED) == LT_LINK_IDENTITY && lt_loss_link(LT_LOSS_HUBER) == LT_LINK_IDENTITY,
       "each loss has its link");
    for (int link = LT_LINK_IDENTITY; link <= LT_LINK_EXP; link++) {
        double worst = 0;

        for (int i = 0; i < 3; i++)
            worst = fmax(worst, fabs(lt_link_apply((lt_link)link, lt_link_margin((lt_link)link, means[i])) - means[i]));
        ok(worst < 1e-12, "link %d turns its own margin back into the mean", link);
        ok(link == LT_LINK_IDENTITY || isfinite(lt_link_margin((lt_link)link, 0)), "a mean of 0 has a finite margin");
    }
    ok(isfinite(lt_link_margin(LT_LINK_LOGISTIC, 1)), "so has a mean of 1");
}

/* The steps the definitions give for two weights over three gradients, in double. */
static void test_steps(lt_env *env)
{
    static const float gradient[3][2] = {{0.5f, -2}, {0.1f, 1}, {-0.3f, 0}};
    const double l2 = 0.01, l1 = 0.002, rate = 0.1;

    for (int kind = LT_OPTIMIZER_SGD; kind <= LT_OPTIMIZER_ADAM; kind++) {
        lt_optimizer o;
        float w[2] = {1, -0.5f}, first[2] = {0, 0}, second[2] = {0, 0};
        double want[2] = {1, -0.5}, m[2] = {0, 0}, v[2] = {0, 0};

        fine(env, lt_optimizer_init(env, &o, (lt_optimizer_kind)kind, rate, 0.8));
        o.l2 = (float)l2;
        o.l1 = (float)l1;
        for (int t = 1; t <= 3; t++) {
            for (int j = 0; j < 2; j++) {
                double g = gradient[t - 1][j] + l2 * want[j] + l1 * (want[j] > 0 ? 1 : -1);

                if (kind == LT_OPTIMIZER_SGD)
                    want[j] -= rate * g;
                else if (kind == LT_OPTIMIZER_MOMENTUM) {
                    m[j] = 0.8 * m[j] + g;
                    want[j] -= rate * m[j];
                } else {
                    m[j] = 0.9 * m[j] + 0.1 * g;
                    v[j] = 0.999 * v[j] + 0.001 * g * g;
                    want[j] -= rate * (m[j] / (1 - pow(0.9, t))) / (sqrt(v[j] / (1 - pow(0.999, t))) + 1e-8);
                }
            }
            lt_optimizer_step(&o, t, true, 2, gradient[t - 1], first, second, w);
        }
        near(w[0], want[0], 1e-6, "optimizer %d, first weight after three steps", kind);
        near(w[1], want[1], 1e-6, "optimizer %d, second weight", kind);
    }
}

static void test_penalties(lt_env *env)
{
    lt_optimizer o;
    float w[3] = {2, -2, 0}, g[3] = {0, 0, 0};

    fine(env, lt_optimizer_init(env, &o, LT_OPTIMIZER_SGD, 1, 0));
    o.l2 = 0.25f;
    lt_optimizer_step(&o, 1, false, 3, g, NULL, NULL, w);
    near(w[0], 2, 0, "what is not penalised stays");
    lt_optimizer_step(&o, 1, true, 3, g, NULL, NULL, w);
    near(w[0], 1.5, 0, "l2 shrinks in proportion");
    o.l2 = 0;
    o.l1 = 0.25f;
    lt_optimizer_step(&o, 1, true, 3, g, NULL, NULL, w);
    near(w[0], 1.25, 0, "l1 shrinks by its own size");
    near(w[1], -1.25, 0, "towards zero from below as well");
    near(w[2], 0, 0, "and leaves zero alone");
}

/* Far into training the table of rates has ended; the first step after a long time is Adam's plain rate. */
static void test_late_step(lt_env *env)
{
    lt_optimizer o;
    float w = 0, m = 1, v = 1, g = 1;

    fine(env, lt_optimizer_init(env, &o, LT_OPTIMIZER_ADAM, 0.01, 0));
    lt_optimizer_step(&o, INT64_C(3000000000), true, 1, &g, &m, &v, &w);
    near(w, -0.01, 1e-8, "Adam's corrections have faded");
}

int main(void)
{
    lt_env *env = test_env();

    test_slopes();
    test_values();
    test_many();
    test_links();
    test_steps(env);
    test_penalties(env);
    test_late_step(env);
    test_env_drop(env);
    return done();
}
