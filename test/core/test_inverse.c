/*
 * test_inverse.c: a matrix times its inverse; what is not positive definite; cancelling.
 */
#include "inverse.h"
#include "random.h"
#include "tap.h"

/* B^T B + n / 10, B random: positive definite; the upper triangle is left as junk that must not be read. */
static double *matrix_of(lt_env *env, int n, double **whole)
{
    lt_random r;
    double *b, *a;

    lt_random_seed(&r, (uint64_t)n);
    lt_alloc(env, &b, (size_t)n * (size_t)n, sizeof *b, "test");
    lt_alloc(env, &a, (size_t)n * (size_t)n, sizeof *a, "test");
    lt_alloc(env, whole, (size_t)n * (size_t)n, sizeof **whole, "test");
    for (int i = 0; i < n * n; i++)
        b[i] = lt_random_normal(&r);
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            double sum = i == j ? 0.1 * n : 0;

            for (int k = 0; k < n; k++)
                sum += b[i * n + k] * b[j * n + k];
            (*whole)[i * n + j] = (*whole)[j * n + i] = a[i + j * n] = sum;
            if (i != j)
                a[j + i * n] = NAN;
        }
    return a;
}

static void test_size(int n)
{
    lt_env *env = test_env();
    double *whole, *a = matrix_of(env, n, &whole), worst = 0, skew = 0;

    fine(env, lt_invert(env, n, a));
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double sum = i == j ? -1 : 0;

            for (int k = 0; k < n; k++)
                sum += whole[i * n + k] * a[j * n + k];
            worst = fmax(worst, isnan(sum) ? INFINITY : fabs(sum));
            skew = fmax(skew, fabs(a[i * n + j] - a[j * n + i]));
        }
    ok(worst < 1e-10 && skew == 0, "%d x %d: times the matrix it is the identity (%.1e), and it is symmetric", n, n,
       worst);
    test_env_drop(env);
}

static void test_refusals(void)
{
    lt_env *env = test_env();
    test_context *c = env->context;
    double a[4] = {1, 2, 0, 1}, *whole, *large = matrix_of(env, 600, &whole);
    long polls;

    ok(lt_invert(env, 2, a) == LT_DIVERGED, "not positive definite: %s", env->error.message);
    fine(env, lt_invert(env, 0, a));
    c->polls = 0;
    fine(env, lt_invert(env, 600, large));
    polls = c->polls;
    ok(polls > 12, "polled %ld times for 3 x 3 blocks", polls);
    for (long at = 1; at <= polls; at += polls - 1) {
        c->polls = 0;
        c->cancel_at = at;
        ok(lt_invert(env, 600, matrix_of(env, 600, &whole)) == LT_CANCELLED, "cancelled at poll %ld", at);
    }
    test_env_drop(env);
}

int main(void)
{
    static const int sizes[] = {1, 2, 7, 255, 256, 257, 600};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        test_size(sizes[i]);
    test_refusals();
    return done();
}
