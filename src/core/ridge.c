/*
 * ridge.c: ridge regression by conjugate gradient on the normal equations.
 *
 * A = Z^T W Z + penalty, Z being the rows with a 1 before them, is only ever multiplied by: texts have thousands of
 * columns, and a step costs no more than going through the entries twice (Hestenes and Stiefel 1952, preconditioned by
 * A's diagonal).  All targets step together, each with lengths of its own, so that an entry is read once for all.
 */
#include "ridge.h"

#include "vectorize.h"

#include <math.h>
#include <string.h>

#define STEPS 500
#define TOLERANCE 1e-5         /* of a target's residual, beside the right-hand side */
#define POLL_EVERY (1LL << 22) /* multiplications */

/* What a fit works with. */
typedef struct ridge {
    const lt_table *x;
    int32_t t;
    int64_t columns; /* 1 + c */
    const float *weight;
    double penalty;
    float *map, *residual, *direction, *product, *inverse; /* (1 + c) x t each; inverse: of A's diagonal, 1 + c */
    float *row;                                            /* t */
} ridge;

static void add_scaled(int32_t t, float scale, const float *restrict from, float *restrict to)
{
    for (int32_t c = 0; c < t; c++)
        to[c] += scale * from[c];
}

/* out (t) = map_0 + x_i map_1..c. Returns how many columns the row has. */
LT_VECTORIZED static int64_t row_forward(const lt_table *x, int64_t i, int32_t t, const float *map, float *out)
{
    const float *dense = map + t, *sparse = dense + (int64_t)x->dense * t;
    int64_t from = x->sparse > 0 ? x->start[i] : 0, to = x->sparse > 0 ? x->start[i + 1] : 0;

    memcpy(out, map, (size_t)t * sizeof *out);
    for (int32_t j = 0; j < x->dense; j++)
        add_scaled(t, x->x[i * x->dense + j], dense + (int64_t)j * t, out);
    for (int64_t e = from; e < to; e++)
        add_scaled(t, x->val[e], sparse + (int64_t)x->col[e] * t, out);
    return x->dense + to - from + 1;
}

/* sum ((1 + c) x t) += the row's columns times in (t). */
LT_VECTORIZED static void row_back(const lt_table *x, int64_t i, int32_t t, const float *in, float *sum)
{
    float *dense = sum + t, *sparse = dense + (int64_t)x->dense * t;
    int64_t from = x->sparse > 0 ? x->start[i] : 0, to = x->sparse > 0 ? x->start[i + 1] : 0;

    add_scaled(t, 1, in, sum);
    for (int32_t j = 0; j < x->dense; j++)
        add_scaled(t, x->x[i * x->dense + j], in, dense + (int64_t)j * t);
    for (int64_t e = from; e < to; e++)
        add_scaled(t, x->val[e], in, sparse + (int64_t)x->col[e] * t);
}

static lt_status poll_after(lt_env *env, int64_t *work, int64_t more)
{
    *work += more;
    if (*work < POLL_EVERY)
        return LT_OK;
    *work = 0;
    return lt_poll(env);
}

/* product = A direction. */
static lt_status multiply(lt_env *env, ridge *r)
{
    int64_t work = POLL_EVERY;

    for (int64_t j = 0; j < r->columns * r->t; j++)
        r->product[j] = j < r->t ? 0 : (float)r->penalty * r->direction[j];
    for (int64_t i = 0; i < r->x->n; i++) {
        int64_t columns;

        if (r->weight[i] == 0)
            continue;
        columns = row_forward(r->x, i, r->t, r->direction, r->row);
        for (int32_t c = 0; c < r->t; c++)
            r->row[c] *= r->weight[i];
        row_back(r->x, i, r->t, r->row, r->product);
        LT_TRY(poll_after(env, &work, 2 * columns * r->t));
    }
    return LT_OK;
}

/* A's diagonal inverted, and the residual at map = 0. */
static lt_status begin(lt_env *env, ridge *r, const float *y)
{
    const lt_table *x = r->x;
    int64_t work = POLL_EVERY;

    for (int64_t j = 1; j < r->columns; j++)
        r->inverse[j] = (float)r->penalty;
    for (int64_t i = 0; i < x->n; i++) {
        float w = r->weight[i];

        if (w == 0)
            continue;
        r->inverse[0] += w;
        for (int32_t j = 0; j < x->dense; j++)
            r->inverse[1 + j] += w * x->x[i * x->dense + j] * x->x[i * x->dense + j];
        for (int64_t e = x->sparse > 0 ? x->start[i] : 0; x->sparse > 0 && e < x->start[i + 1]; e++)
            r->inverse[1 + x->dense + x->col[e]] += w * x->val[e] * x->val[e];
        for (int32_t c = 0; c < r->t; c++)
            r->row[c] = w * y[i * r->t + c];
        row_back(x, i, r->t, r->row, r->residual);
        LT_TRY(poll_after(env, &work, (x->dense + 16) * (int64_t)r->t));
    }
    for (int64_t j = 0; j < r->columns; j++)
        r->inverse[j] = r->inverse[j] > 0 ? 1 / r->inverse[j] : 0;
    return LT_OK;
}

/* sum (t) = of each target, a . b; scaled: a is the inverse of the diagonal times a. */
static void inner(const ridge *r, const float *a, const float *b, bool scaled, double *sum)
{
    memset(sum, 0, (size_t)r->t * sizeof *sum);
    for (int64_t j = 0; j < r->columns; j++)
        for (int32_t c = 0; c < r->t; c++)
            sum[c] += (double)a[j * r->t + c] * b[j * r->t + c] * (scaled ? r->inverse[j] : 1);
}

/* One step of every target that is not there yet; rho (t): residual . preconditioned residual. */
static lt_status step(lt_env *env, ridge *r, double *rho, double *curvature, double *next)
{
    LT_TRY(multiply(env, r));
    inner(r, r->direction, r->product, false, curvature);
    for (int32_t c = 0; c < r->t; c++)
        curvature[c] = curvature[c] > 0 ? rho[c] / curvature[c] : 0; /* the length of the step */
    for (int64_t j = 0; j < r->columns; j++)
        for (int32_t c = 0; c < r->t; c++) {
            r->map[j * r->t + c] += (float)curvature[c] * r->direction[j * r->t + c];
            r->residual[j * r->t + c] -= (float)curvature[c] * r->product[j * r->t + c];
        }
    LT_TRY(lt_poll(env));
    inner(r, r->residual, r->residual, true, next);
    for (int64_t j = 0; j < r->columns; j++)
        for (int32_t c = 0; c < r->t; c++) {
            int64_t at = j * r->t + c;

            r->direction[at] =
                r->inverse[j] * r->residual[at] + (rho[c] > 0 ? (float)(next[c] / rho[c]) * r->direction[at] : 0);
        }
    memcpy(rho, next, (size_t)r->t * sizeof *rho);
    return lt_poll(env);
}

static lt_status measure(lt_env *env, const ridge *r, const float *y, double *loss)
{
    double sum = 0, total = 0;
    int64_t work = POLL_EVERY;

    for (int64_t i = 0; i < r->x->n; i++) {
        int64_t columns = row_forward(r->x, i, r->t, r->map, r->row);

        for (int32_t c = 0; c < r->t; c++) {
            double apart = y[i * r->t + c] - r->row[c];

            sum += r->weight[i] * apart * apart;
        }
        total += r->weight[i];
        LT_TRY(poll_after(env, &work, columns * r->t));
    }
    *loss = total > 0 ? sum / total / r->t : 0;
    return isfinite(*loss) ? LT_OK : lt_fail(env, LT_DIVERGED, "the map from features has numbers that are not finite");
}

static lt_status fit_scoped(lt_env *env, ridge *r, const float *y, lt_ridge_fit_result *result)
{
    size_t values = (size_t)r->columns * (size_t)r->t, t = (size_t)r->t;
    double *rho, *first, *curvature, *next;

    LT_TRY(lt_alloc(env, &r->residual, values, sizeof *r->residual, "the map from features"));
    LT_TRY(lt_alloc(env, &r->direction, values, sizeof *r->direction, "the map from features"));
    LT_TRY(lt_alloc(env, &r->product, values, sizeof *r->product, "the map from features"));
    LT_TRY(lt_alloc(env, &r->inverse, (size_t)r->columns, sizeof *r->inverse, "the map from features"));
    LT_TRY(lt_alloc(env, &r->row, t, sizeof *r->row, "the map from features"));
    LT_TRY(lt_alloc(env, &rho, 4 * t, sizeof *rho, "the map from features"));
    first = rho + t;
    curvature = first + t;
    next = curvature + t;
    LT_TRY(begin(env, r, y));
    memset(r->map, 0, values * sizeof *r->map);
    for (size_t j = 0; j < values; j++)
        r->direction[j] = r->inverse[j / t] * r->residual[j];
    inner(r, r->residual, r->residual, true, rho);
    memcpy(first, rho, t * sizeof *first);
    while (!result->converged && result->steps < STEPS) {
        LT_TRY(step(env, r, rho, curvature, next));
        result->steps++;
        result->converged = true;
        for (int32_t c = 0; c < r->t; c++)
            if (rho[c] > TOLERANCE * TOLERANCE * first[c])
                result->converged = false;
    }
    return measure(env, r, y, &result->loss);
}

lt_status lt_ridge_fit(lt_env *env, const lt_table *x, const float *weight, const float *y, int32_t t,
                       double regularization, float *map, lt_ridge_fit_result *result)
{
    ridge r = {.x = x,
               .t = t,
               .columns = 1 + (int64_t)x->dense + x->sparse,
               .weight = weight,
               .penalty = regularization,
               .map = map};
    lt_scope scope;
    lt_status status;

    *result = (lt_ridge_fit_result){0};
    lt_scope_open(env, &scope);
    status = fit_scoped(&scope.env, &r, y, result);
    lt_scope_close(&scope);
    return status;
}

lt_status lt_ridge_predict(lt_env *env, const lt_table *x, const float *map, int32_t t, float *y)
{
    int64_t work = POLL_EVERY;

    for (int64_t i = 0; i < x->n; i++)
        LT_TRY(poll_after(env, &work, row_forward(x, i, t, map, y + i * t) * t));
    return LT_OK;
}
