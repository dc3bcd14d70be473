/*
 * test_mlp_layers.c: the layers' arithmetic against plain double-precision versions.
 */
#include "tap.h"

#include "mlp_layers.h"

#define GELU_SLOPE 0.7978845608028654 /* sqrt(2 / pi) */
#define B 7
#define H 5
#define K 3

static void fill(lt_random *rng, float *v, int n)
{
    for (int i = 0; i < n; i++)
        v[i] = (float)lt_random_normal(rng);
}

/* Every form of the product the network uses, the one-column and one-row ones included. */
static void test_product(lt_env *env, lt_random *rng)
{
    static const int sizes[][3] = {{B, H, K}, {B, 1, K}, {B, H, 1}, {1, H, K}, {B, 1, 1}};

    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int form = 0; form < 8; form++) {
            int m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
            bool at = form & 1, bt = form & 2;
            float beta = form & 4 ? 1 : 0, a[B * K], b[K * H], c[B * H], before[B * H];
            double worst = 0;

            fill(rng, a, m * k);
            fill(rng, b, k * n);
            fill(rng, c, m * n);
            memcpy(before, c, sizeof c);
            if (lt_product(env, at, bt, m, n, k, a, b, beta, c) != LT_OK)
                worst = INFINITY;
            for (int i = 0; i < m; i++)
                for (int j = 0; j < n; j++) {
                    double sum = beta * (double)before[i * n + j];

                    for (int l = 0; l < k; l++)
                        sum += (double)a[at ? l * m + i : i * k + l] * (double)b[bt ? j * k + l : l * n + j];
                    worst = fmax(worst, fabs(sum - c[i * n + j]));
                }
            ok(worst < 1e-5, "product %d x %d x %d, form %d", m, n, k, form);
        }
}

static void test_product_polls(lt_env *env)
{
    test_context *c = env->context;
    const int n = 800;
    float *a = calloc((size_t)n * n, sizeof *a), *out = calloc((size_t)n * n, sizeof *out);

    c->polls = 0;
    c->cancel_at = 1;
    ok(lt_product(env, false, false, n, n, n, a, a, 0, out) == LT_CANCELLED, "a large product can be cancelled");
    c->cancel_at = 0;
    free(a);
    free(out);
}

static double activation(lt_activation f, double z)
{
    switch (f) {
    case LT_RELU:
        return z > 0 ? z : 0;
    case LT_TANH:
        return tanh(z);
    case LT_SIGMOID:
        return 1 / (1 + exp(-z));
    case LT_GELU:
    case LT_ACTIVATIONS:
        break;
    }
    return z / 2 * (1 + tanh(GELU_SLOPE * (z + 0.044715 * z * z * z)));
}

static void test_activations(void)
{
    static const char *const names[] = {"relu", "tanh", "sigmoid", "gelu"};
    const double step = 1e-5;

    for (int f = 0; f < LT_ACTIVATIONS; f++) {
        double value = 0, slope = 0, sums = 0;

        for (double x = -60; x <= 60; x += 0.037) {
            float z = (float)x, bias = 0.25f, out, g = 2, sum = 1;
            double at = (double)z + 0.25;

            lt_bias_activate((lt_activation)f, 1, 1, &bias, &z, &out);
            value = fmax(value, fabs(out - activation((lt_activation)f, at)) / (1 + fabs(at)));
            lt_activate_back((lt_activation)f, 1, 1, &z, &g, &sum);
            sums = fmax(sums, fabs(sum - 1 - g));
            slope =
                fmax(slope,
                     fabs(g / 2 - (activation((lt_activation)f, at + step) - activation((lt_activation)f, at - step)) /
                                      (2 * step)));
        }
        ok(value < 1e-6, "%s (worst %g)", names[f], value);
        ok(slope < 5e-6, "slope of %s (worst %g)", names[f], slope);
        ok(sums < 1e-6, "sums of slopes of %s (worst %g)", names[f], sums);
    }
    for (int f = 0; f < LT_ACTIVATIONS; f++) {
        float z = NAN, bias = 0, out = 0;

        lt_bias_activate((lt_activation)f, 1, 1, &bias, &z, &out);
        ok(isnan(out), "%s passes NaN on", names[f]);
    }
}

static void test_dropout(lt_random *rng)
{
    enum { N = 100003 };
    static float mask[N];
    const double rate = 0.3;
    double sum = 0, dropped = 0, neighbours = 0;
    bool two_values = true;

    lt_dropout_mask(rng, rate, N, mask);
    for (int i = 0; i < N; i++) {
        sum += mask[i];
        dropped += mask[i] == 0;
        neighbours += i > 0 && mask[i] == 0 && mask[i - 1] == 0;
        two_values = two_values && (mask[i] == 0 || fabs(mask[i] - 1 / 0.7) < 1e-4);
    }
    /* five standard errors of a share of N */
    near(dropped / N, rate, 5 * sqrt(rate * (1 - rate) / N), "share dropped");
    near(neighbours / N, rate * rate, 5 * sqrt(0.09 / N), "neighbours are dropped independently");
    near(sum / N, 1, 5 * sqrt(rate / (1 - rate) / N), "dropout keeps the expectation");
    ok(two_values, "what is kept is scaled up");
}

/* Two columns by hand: (1, 3) has mean 2 and variance 1; a constant column has none. */
static void test_batch_norm_by_hand(void)
{
    float z[] = {1, 5, 3, 5}, scale[] = {2, 3}, normal[4], mean[2], variance[2], inverse_sd[2];

    lt_column_moments(2, 2, z, mean, variance);
    near(variance[0], 2, 1e-6, "sum of squares");
    variance[0] /= 2;
    lt_batch_norm(2, 2, scale, mean, variance, z, normal, inverse_sd);
    near(mean[0], 2, 1e-6, "mean");
    near(variance[0], 1, 1e-6, "variance");
    near(z[0], -2 / sqrt(1 + 1e-5), 1e-6, "scaled");
    near(z[2], 2 / sqrt(1 + 1e-5), 1e-6, "scaled, the other row");
    near(z[1], 0, 1e-6, "a constant column becomes 0");
    near(variance[1], 0, 1e-6, "and has no variance");
}

static void test_sparse(lt_random *rng)
{
    int64_t start[] = {0, 2, 2, 5};
    int32_t col[] = {0, 3, 1, 2, 3};
    float val[] = {1, -2, 0.5f, 1, 3}, w[4 * H], z[3 * H], sums[H];
    double worst = 0;

    fill(rng, w, 4 * H);
    for (int ones = 0; ones < 2; ones++) {
        memset(z, 0, sizeof z);
        lt_sparse_product(3, H, start, col, ones ? NULL : val, w, z);
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < H; j++) {
                double sum = 0;

                for (int64_t k = start[i]; k < start[i + 1]; k++)
                    sum += (ones ? 1 : val[k]) * (double)w[col[k] * H + j];
                worst = fmax(worst, fabs(sum - z[i * H + j]));
            }
    }
    ok(worst < 1e-5, "sparse rows times weights");
    sums[1] = 10;
    lt_column_sums(3, H, z, sums);
    near(sums[1], 10 + (double)z[1] + z[H + 1] + z[2 * H + 1], 1e-5, "column sums are added");
}

int main(void)
{
    lt_env *env = test_env();
    lt_random rng;

    lt_random_seed(&rng, 7);
    test_product(env, &rng);
    test_product_polls(env);
    test_activations();
    test_dropout(&rng);
    test_batch_norm_by_hand();
    test_sparse(&rng);
    test_env_drop(env);
    return done();
}
