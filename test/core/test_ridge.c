/*
 * test_ridge.c: ridge regression against eliminated normal equations.
 */
#include "ridge.h"

#include "random.h"
#include "tap.h"

#define ROWS_N 60
#define DENSE 3
#define SPARSE 9
#define COLUMNS (1 + DENSE + SPARSE)
#define TARGETS 4

/* Random rows, about a third of the sparse entries there. full: with a 1 before. */
static lt_table random_table(lt_env *env, double full[ROWS_N][COLUMNS])
{
    lt_table t = {.n = ROWS_N, .dense = DENSE, .sparse = SPARSE};
    lt_random r;

    lt_random_seed(&r, 3);
    lt_alloc(env, &t.x, ROWS_N * DENSE, sizeof *t.x, "test");
    lt_alloc(env, &t.start, ROWS_N + 1, sizeof *t.start, "test");
    lt_alloc(env, &t.col, ROWS_N * SPARSE, sizeof *t.col, "test");
    lt_alloc(env, &t.val, ROWS_N * SPARSE, sizeof *t.val, "test");
    for (int i = 0; i < ROWS_N; i++) {
        int64_t n = t.start[i];

        full[i][0] = 1;
        for (int j = 0; j < DENSE; j++)
            full[i][1 + j] = t.x[i * DENSE + j] = (float)lt_random_normal(&r);
        for (int j = 0; j < SPARSE; j++) {
            full[i][1 + DENSE + j] = 0;
            if (lt_random_uniform(&r) > 0.35)
                continue;
            t.col[n] = j;
            full[i][1 + DENSE + j] = t.val[n++] = (float)lt_random_normal(&r);
        }
        t.start[i + 1] = n;
    }
    return t;
}

/* The normal equations, eliminated. */
static void naive_ridge(double full[ROWS_N][COLUMNS], const float *weight, const float *y, double penalty,
                        double map[COLUMNS][TARGETS])
{
    double a[COLUMNS][COLUMNS + TARGETS] = {{0}};

    for (int i = 0; i < ROWS_N; i++)
        for (int p = 0; p < COLUMNS; p++) {
            for (int q = 0; q < COLUMNS; q++)
                a[p][q] += weight[i] * full[i][p] * full[i][q];
            for (int c = 0; c < TARGETS; c++)
                a[p][COLUMNS + c] += weight[i] * full[i][p] * y[i * TARGETS + c];
        }
    for (int p = 1; p < COLUMNS; p++)
        a[p][p] += penalty;
    for (int p = 0; p < COLUMNS; p++)
        for (int q = 0; q < COLUMNS; q++) {
            double factor = a[q][p] / a[p][p];

            for (int c = p; q != p && c < COLUMNS + TARGETS; c++)
                a[q][c] -= factor * a[p][c];
        }
    for (int p = 0; p < COLUMNS; p++)
        for (int c = 0; c < TARGETS; c++)
            map[p][c] = a[p][COLUMNS + c] / a[p][p];
}

static void test_ridge(void)
{
    lt_env *env = test_env();
    test_context *context = env->context;
    double full[ROWS_N][COLUMNS], want[COLUMNS][TARGETS], worst, apart = 0, loss = 0, total = 0;
    lt_table x = random_table(env, full);
    float weight[ROWS_N], y[ROWS_N * TARGETS], map[COLUMNS * TARGETS], predicted[ROWS_N * TARGETS];
    lt_ridge_fit_result result;
    lt_random r;
    size_t used;

    lt_random_seed(&r, 4);
    for (int i = 0; i < ROWS_N; i++) {
        weight[i] = i % 7 == 0 ? 0 : (float)lt_random_uniform(&r);
        for (int c = 0; c < TARGETS; c++)
            y[i * TARGETS + c] = (float)(5 + full[i][1 + c % 3] + lt_random_normal(&r));
    }
    used = env->used;
    for (int p = 0; p < 3; p++) {
        double penalty = (double[]){1e-3, 1, 100}[p];

        naive_ridge(full, weight, y, penalty, want);
        fine(env, lt_ridge_fit(env, &x, weight, y, TARGETS, penalty, map, &result));
        worst = 0;
        for (int j = 0; j < COLUMNS; j++)
            for (int c = 0; c < TARGETS; c++)
                worst = fmax(worst, fabs(map[j * TARGETS + c] - want[j][c]));
        ok(worst < 2e-4 && result.converged, "penalty %g: the solution of the normal equations (%.1e in %d steps)",
           penalty, worst, result.steps);
    }
    ok(env->used == used, "memory is given back");
    fine(env, lt_ridge_predict(env, &x, map, TARGETS, predicted));
    for (int i = 0; i < ROWS_N; i++)
        for (int c = 0; c < TARGETS; c++) {
            double sum = 0;

            for (int j = 0; j < COLUMNS; j++)
                sum += full[i][j] * map[j * TARGETS + c];
            apart = fmax(apart, fabs(sum - predicted[i * TARGETS + c]));
            loss += weight[i] * (sum - y[i * TARGETS + c]) * (sum - y[i * TARGETS + c]);
            total += weight[i];
        }
    ok(apart < 1e-5, "predictions are rows times the map (%.1e)", apart);
    near(result.loss, loss / total, 1e-5, "the loss is the mean of the squared residuals");
    memset(weight, 0, sizeof weight);
    fine(env, lt_ridge_fit(env, &x, weight, y, TARGETS, 1, map, &result));
    ok(map[0] == 0 && map[COLUMNS] == 0, "nothing to learn from: nothing");
    context->polls = 0;
    context->cancel_at = 2;
    ok(lt_ridge_fit(env, &x, weight, y, TARGETS, 1, map, &result) == LT_CANCELLED, "can be cancelled");
    context->cancel_at = 0;
    test_env_drop(env);
}

int main(void)
{
    test_ridge();
    return done();
}
