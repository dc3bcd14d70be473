/*
 * low_rank.c: truncated singular value decomposition by random directions.
 *
 * Subspace iteration from random directions, some more than are kept (Halko, Martinsson and Tropp, "Finding structure
 * with randomness", 2011): X spans ever better what W^T W stretches most.  With X orthonormal and Y = W X, the
 * eigenvectors E of Y^T Y turn Y into the left singular vectors times their values, and X into the right ones.
 */
#include "low_rank.h"
#include "blas.h"

#include "random.h"

#include <math.h>
#include <string.h>

#define MORE 10                     /* directions beyond those kept */
#define ROUNDS 6                    /* products with W^T W */
#define POLL_EVERY (1LL << 22)      /* multiplications */
#define POLL_EVERY_BLAS (1LL << 26) /* of a matrix product, which is that much faster */

/* y (I x l) = W x, or W^T x. */
static lt_status multiply(lt_env *env, const lt_item_weights *w, bool transposed, int32_t l, const float *x, float *y)
{
    int64_t n = w->items, work = 0, rows = POLL_EVERY_BLAS / (n * l) + 1;

    if (transposed)
        memset(y, 0, (size_t)(n * l) * sizeof *y);
    for (int64_t i = 0; w->start == NULL && i < n; i += rows) {
        int take = (int)(n - i < rows ? n - i : rows);

        LT_TRY(lt_poll(env));
        if (transposed)
            cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)n, l, take, 1, w->weight + i * n, (int)n,
                        x + i * l, l, 1, y, l);
        else
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, take, l, (int)n, 1, w->weight + i * n, (int)n, x, l,
                        0, y + i * l, l);
    }
    for (int64_t i = 0; w->start != NULL && i < n; i++) {
        if (!transposed)
            memset(y + i * l, 0, (size_t)l * sizeof *y);
        for (int32_t e = w->start[i]; e < w->start[i + 1]; e++) {
            int64_t from = transposed ? i : w->item[e], to = transposed ? w->item[e] : i;

            cblas_saxpy(l, w->weight[e], x + from * l, 1, y + to * l, 1);
        }
        work += (int64_t)(w->start[i + 1] - w->start[i]) * l;
        if (work > POLL_EVERY) {
            LT_TRY(lt_poll(env));
            work = 0;
        }
    }
    return LT_OK;
}

/*
 * x's columns (I x l) orthonormal, by Gram and Schmidt, twice, since once loses digits.  A column that is nothing
 * beside those before it becomes 0.  beside: room for l x I, where columns are contiguous.
 */
static lt_status orthonormalise(lt_env *env, int64_t n, int32_t l, float *x, float *beside, float *along)
{
    for (int64_t i = 0; i < n; i++)
        for (int32_t v = 0; v < l; v++)
            beside[v * n + i] = x[i * l + v];
    for (int32_t v = 0; v < l; v++) {
        float *column = beside + v * n, before = cblas_snrm2((int)n, column, 1), after;

        for (int pass = 0; pass < 2 && v > 0; pass++) {
            LT_TRY(lt_poll(env));
            cblas_sgemv(CblasRowMajor, CblasNoTrans, v, (int)n, 1, beside, (int)n, column, 1, 0, along, 1);
            LT_TRY(lt_poll(env));
            cblas_sgemv(CblasRowMajor, CblasTrans, v, (int)n, -1, beside, (int)n, along, 1, 1, column, 1);
        }
        after = cblas_snrm2((int)n, column, 1);
        cblas_sscal((int)n, after > 1e-6f * before ? 1 / after : 0, column, 1);
    }
    for (int64_t i = 0; i < n; i++)
        for (int32_t v = 0; v < l; v++)
            x[i * l + v] = beside[v * n + i];
    return LT_OK;
}

/* out (I x k) = x (I x l) times the last k columns' eigenvectors, each scaled. e: l x l, an eigenvector a row. */
static lt_status turn(lt_env *env, int64_t n, int32_t l, int32_t k, const float *x, const float *e, const float *scale,
                      float *out)
{
    int64_t rows = POLL_EVERY_BLAS / ((int64_t)l * k) + 1;

    for (int64_t i = 0; i < n; i += rows) {
        int take = (int)(n - i < rows ? n - i : rows);

        LT_TRY(lt_poll(env));
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, take, k, l, 1, x + i * l, l, e + (int64_t)(l - k) * l, l,
                    0, out + i * k, k);
    }
    for (int64_t i = 0; i < n; i++)
        for (int32_t v = 0; v < k; v++)
            out[i * k + v] *= scale[l - k + v];
    return LT_OK;
}

static lt_status low_rank_scoped(lt_env *env, const lt_item_weights *w, int32_t k, uint64_t seed, float *left,
                                 float *right)
{
    int32_t l = w->items - k < MORE ? w->items : k + MORE;
    size_t n = (size_t)w->items, values = n * (size_t)l;
    float *x, *y, *beside, *e, *value, *work;
    int room = 16 * l, info;
    lt_random random;

    LT_TRY(lt_alloc(env, &x, values, sizeof *x, "the vectors of item-item weights"));
    LT_TRY(lt_alloc(env, &y, values, sizeof *y, "the vectors of item-item weights"));
    LT_TRY(lt_alloc(env, &beside, values, sizeof *beside, "the vectors of item-item weights"));
    LT_TRY(lt_alloc(env, &e, (size_t)l * (size_t)l, sizeof *e, "the vectors of item-item weights"));
    LT_TRY(lt_alloc(env, &value, (size_t)l, sizeof *value, "the vectors of item-item weights"));
    LT_TRY(lt_alloc(env, &work, (size_t)room, sizeof *work, "the vectors of item-item weights"));
    lt_random_seed(&random, seed);
    for (size_t j = 0; j < values; j++)
        x[j] = (float)lt_random_normal(&random);
    LT_TRY(orthonormalise(env, w->items, l, x, beside, value));
    for (int round = 0; round < ROUNDS; round++) {
        LT_TRY(multiply(env, w, false, l, x, y));
        LT_TRY(multiply(env, w, true, l, y, x));
        LT_TRY(orthonormalise(env, w->items, l, x, beside, value));
    }
    LT_TRY(multiply(env, w, false, l, x, y));
    cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, l, w->items, 1, y, l, 0, e, l);
    ssyev_("V", "L", &l, e, &l, value, work, &room, &info); /* row-major upper is column-major lower */
    for (int32_t v = 0; v < l; v++)
        if (info != 0 || !isfinite(value[v]))
            return lt_fail(env, LT_DIVERGED, "the item-item weights have numbers that are not finite");
    /* the value's root is the singular value s: left is Y E / sqrt(s), right X E sqrt(s) */
    for (int32_t v = 0; v < l; v++)
        value[v] = value[v] > 1e-12f * value[l - 1] ? sqrtf(sqrtf(value[v])) : 0;
    LT_TRY(turn(env, w->items, l, k, x, e, value, right));
    for (int32_t v = 0; v < l; v++)
        value[v] = value[v] > 0 ? 1 / value[v] : 0;
    return turn(env, w->items, l, k, y, e, value, left);
}

lt_status lt_low_rank(lt_env *env, const lt_item_weights *w, int32_t k, uint64_t seed, float *left, float *right)
{
    lt_scope scope;
    lt_status status;

    lt_scope_open(env, &scope);
    status = low_rank_scoped(&scope.env, w, k, seed, left, right);
    lt_scope_close(&scope);
    return status;
}
