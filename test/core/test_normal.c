/*
 * test_normal.c: normal equations against the same in double, by elimination; gramians by any number of threads.
 */
#include "normal.h"
#include "random.h"
#include "tap.h"

enum { HELD = 150 };

/* x = A^-1 b by elimination without pivots: A is positive definite. */
static void eliminate(int u, double *a, double *b)
{
    for (int j = 0; j < u; j++)
        for (int i = j + 1; i < u; i++) {
            double f = a[i * u + j] / a[j * u + j];

            for (int c = j; c < u; c++)
                a[i * u + c] -= f * a[j * u + c];
            b[i] -= f * b[j];
        }
    for (int j = u - 1; j >= 0; j--) {
        for (int c = j + 1; c < u; c++)
            b[j] -= a[j * u + c] * b[c];
        b[j] /= a[j * u + j];
    }
}

static void test_solve(int k, bool intercept, bool weighted)
{
    lt_env *env = test_env();
    int u = k + intercept, n = 0;
    int32_t index[HELD];
    float *held, *x, weight[HELD], target[HELD];
    double *a, *b, *gramian, worst = 0;
    lt_normal e = {.k = k, .intercept = intercept, .stride = k + 3, .gramian_stride = k + 5};
    float *given;
    lt_random r;

    lt_random_seed(&r, (uint64_t)k);
    lt_alloc(env, &held, (size_t)(HELD * (k + 3)), sizeof *held, "test");
    lt_alloc(env, &given, (size_t)(k * (k + 5)), sizeof *given, "test");
    lt_alloc(env, &a, (size_t)(u * u), sizeof *a, "test");
    lt_alloc(env, &b, (size_t)u, sizeof *b, "test");
    lt_alloc(env, &x, (size_t)u, sizeof *x, "test");
    lt_alloc(env, &gramian, (size_t)(k * k), sizeof *gramian, "test");
    for (int i = 0; i < HELD * (k + 3); i++)
        held[i] = (float)lt_random_normal(&r);
    for (int h = 0; h < HELD; h++)
        for (int i = 0; i < k; i++)
            for (int j = 0; j < k; j++)
                gramian[i * k + j] += 0.1 * held[h * (k + 3) + i] * held[h * (k + 3) + j];
    fine(env, lt_gramian(env, held, HELD, k, k + 3, 0.1, given, k + 5));
    for (int i = 0; i < k; i++)
        for (int j = 0; j < k; j++)
            worst = fmax(worst, fabs(given[i * (k + 5) + j] - gramian[i * k + j]));
    ok(worst < 1e-4, "%d: the gramian (%.1e)", k, worst);
    for (int h = 0; h < HELD; h += 1 + h % 3) {
        index[n] = h;
        weight[n] = weighted ? (float)(0.5 + h % 4) : 1;
        target[n] = weighted ? (float)lt_random_normal(&r) : 1;
        n++;
    }
    for (int i = 0; i < u; i++)
        for (int j = 0; j < u; j++)
            a[i * u + j] = (i < k && j < k ? gramian[i * k + j] : 0) + (i == j ? 7 : 0);
    for (int h = 0; h < n; h++)
        for (int i = 0; i < u; i++) {
            double yi = i < k ? held[index[h] * (k + 3) + i] : 1;

            for (int j = 0; j < u; j++)
                a[i * u + j] += weight[h] * yi * (j < k ? held[index[h] * (k + 3) + j] : 1);
            b[i] += weight[h] * target[h] * yi;
        }
    e.fixed = held;
    e.gramian = given;
    fine(env, lt_normal_init(env, &e));
    for (int again = 0; again < 2; again++) {
        fine(env,
             lt_normal_build(again ? NULL : env, &e, n, index, weighted ? weight : NULL, weighted ? target : NULL, 7));
        memcpy(x, e.b, (size_t)u * sizeof *x);
        lt_normal_solve(&e, x);
    }
    eliminate(u, a, b);
    worst = 0;
    for (int i = 0; i < u; i++)
        worst = fmax(worst, fabs(x[i] - b[i]));
    ok(worst < 2e-5, "%d unknowns%s: solved (%.1e)", u, weighted ? ", weighted" : "", worst);
    lt_normal_free(env, &e);
    test_env_drop(env);
}

/* Two unknowns that are the same: the least penalty makes them share. */
static void test_singular(void)
{
    lt_env *env = test_env();
    float held[2] = {1, 1}, x[2];
    int32_t index[1] = {0};
    lt_normal e = {.k = 2, .stride = 2, .fixed = held};

    fine(env, lt_normal_init(env, &e));
    fine(env, lt_normal_build(env, &e, 1, index, NULL, NULL, 0));
    memcpy(x, e.b, sizeof x);
    lt_normal_solve(&e, x);
    near(x[0], 0.5, 1e-2, "what is singular is solved all the same");
    near(x[1], x[0], 1e-2, "and alike");
    held[0] = NAN;
    ok(lt_normal_build(env, &e, 1, index, NULL, NULL, 1) == LT_DIVERGED && env->error.message[0] != '\0',
       "what is not a number is refused: %s", env->error.message);
    ok(lt_normal_build(NULL, &e, 1, index, NULL, NULL, 1) == LT_DIVERGED, "and without an environment");
    test_env_drop(env);
}

static void test_threads(void)
{
    enum { N = 3000, K = 24 };
    static const int members[] = {1, 2, 5};
    static float rows[N * K], gramian[3][K * K];
    lt_env *env = test_env();
    lt_random r;

    lt_random_seed(&r, 1);
    for (int i = 0; i < N * K; i++)
        rows[i] = (float)lt_random_normal(&r);
    for (int t = 0; t < 3; t++) {
        test_env_team(env, members[t]);
        fine(env, lt_gramian(env, rows, N, K, K, 1, gramian[t], K));
        ok(memcmp(gramian[0], gramian[t], sizeof gramian[0]) == 0, "%d threads: the same gramian", members[t]);
    }
    test_env_drop(env);
}

int main(void)
{
    static const int sizes[] = {1, 2, 3, 15, 16, 17, 64, 100, 255, 256, 257, 300};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int what = 0; what < 4; what++)
            test_solve(sizes[i], what & 1, what & 2);
    test_singular();
    test_threads();
    return done();
}
