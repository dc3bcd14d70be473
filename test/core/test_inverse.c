/*
 * test_inverse.c: a matrix times its inverse; what is not positive definite; cancelling.
 */
#include "inverse.h"
#include "random.h"
#include "tap.h"

/* The inverse by either function, in double. */
static lt_status invert(lt_env *env, bool single, int n, double *a)
{
    size_t cells = (size_t)n * (size_t)n;
    float *f;

    if (!single)
        return lt_invert_f64(env, n, a);
    LT_TRY(lt_alloc(env, &f, cells, sizeof *f, "test"));
    for (size_t k = 0; k < cells; k++)
        f[k] = (float)a[k];
    LT_TRY(lt_invert_f32(env, n, f));
    for (size_t k = 0; k < cells; k++)
        a[k] = f[k];
    lt_free(env, f);
    return LT_OK;
}

/*
 * A random symmetric matrix with enough on the diagonal to be positive definite; what lies above it is junk that must
 * not be read.
 */
static double *matrix_of(lt_env *env, int n, double **whole)
{
    lt_random r;
    double *a;

    lt_random_seed(&r, (uint64_t)n);
    lt_alloc(env, &a, (size_t)n * (size_t)n, sizeof *a, "test");
    lt_alloc(env, whole, (size_t)n * (size_t)n, sizeof **whole, "test");
    for (int j = 0; j < n; j++)
        for (int i = j; i < n; i++) {
            double v = i == j ? 3 * sqrt(n) : lt_random_normal(&r);

            (*whole)[i * n + j] = (*whole)[j * n + i] = v;
            a[j + i * n] = NAN;
            a[i + j * n] = v;
        }
    return a;
}

static void multiply(int n, const double *a, const double *v, double *out)
{
    for (int i = 0; i < n; i++) {
        out[i] = 0;
        for (int j = 0; j < n; j++)
            out[i] += a[i * n + j] * v[j];
    }
}

static void test_size(bool single, int n)
{
    lt_env *env = test_env();
    double *whole, *a = matrix_of(env, n, &whole), *v, *once, *twice, worst = 0, skew = 0;
    lt_random r;

    fine(env, invert(env, single, n, a));
    lt_alloc(env, &v, (size_t)n, sizeof *v, "test");
    lt_alloc(env, &once, (size_t)n, sizeof *once, "test");
    lt_alloc(env, &twice, (size_t)n, sizeof *twice, "test");
    lt_random_seed(&r, 1);
    for (int trial = 0; trial < 3; trial++) {
        for (int i = 0; i < n; i++)
            v[i] = lt_random_normal(&r);
        multiply(n, a, v, once);
        multiply(n, whole, once, twice);
        for (int i = 0; i < n; i++)
            worst = fmax(worst, isnan(twice[i]) ? INFINITY : fabs(twice[i] - v[i]));
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            skew = fmax(skew, fabs(a[i * n + j] - a[j * n + i]));
    ok(worst < (single ? 1e-4 : 1e-11) && skew == 0, "%s %d x %d: undoes the matrix (%.1e), and is symmetric",
       single ? "float" : "double", n, n, worst);
    test_env_drop(env);
}

/* Any number of threads makes the same inverse. */
static void test_threads(bool single)
{
    enum { N = 1700 };
    static const int members[] = {1, 2, 5};
    lt_env *env = test_env();
    double *first = NULL, *whole;

    for (int t = 0; t < 3; t++) {
        double *a = matrix_of(env, N, &whole);

        test_env_team(env, members[t]);
        fine(env, invert(env, single, N, a));
        first = t == 0 ? a : first;
        ok(memcmp(first, a, (size_t)N * N * sizeof *a) == 0, "%s, %d threads: the same inverse",
           single ? "float" : "double", members[t]);
    }
    test_env_drop(env);
}

static void test_refusals(bool single)
{
    lt_env *env = test_env();
    test_context *c = env->context;
    double a[4] = {1, 2, 0, 1}, *whole, *large = matrix_of(env, 1100, &whole);
    long polls;

    ok(invert(env, single, 2, a) == LT_DIVERGED, "not positive definite: %s", env->error.message);
    fine(env, invert(env, single, 0, a));
    c->polls = 0;
    fine(env, invert(env, single, 1100, large));
    polls = c->polls;
    ok(polls > 12, "polled %ld times for 3 x 3 blocks", polls);
    for (long at = 1; at <= polls; at += polls - 1) {
        c->polls = 0;
        c->cancel_at = at;
        ok(invert(env, single, 1100, matrix_of(env, 1100, &whole)) == LT_CANCELLED, "cancelled at poll %ld", at);
    }
    test_env_drop(env);
}

int main(void)
{
    static const int sizes[] = {1, 2, 7, 511, 512, 513, 1100};

    for (int single = 0; single < 2; single++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            test_size(single, sizes[i]);
        test_threads(single);
        test_refusals(single);
    }
    return done();
}
