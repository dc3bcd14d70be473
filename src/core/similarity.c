/*
 * similarity.c: how alike candidates are: one of them and all others, or several among themselves.
 *
 * The dense part of a cosine is one product of a matrix and a vector; the sparse part lays one row out wide and walks
 * the others over it.
 */
#include "similarity.h"
#include "blas.h"

#include <math.h>
#include <string.h>

#define POLL_EVERY 1024 /* rows */

static int64_t row_start(const lt_table *t, int64_t row)
{
    return t->sparse > 0 ? t->start[row] : 0;
}

lt_status lt_similarity_init(lt_env *env, lt_similarity *s, const lt_table *rows, const float *matrix, int64_t n)
{
    *s = (lt_similarity){.n = n, .rows = rows, .matrix = matrix};
    if (rows == NULL)
        return LT_OK;
    LT_TRY(lt_alloc(env, &s->scale, (size_t)n, sizeof *s->scale, "the candidates' similarity"));
    LT_TRY(lt_alloc(env, &s->wide, (size_t)rows->sparse, sizeof *s->wide, "the candidates' similarity"));
    for (int64_t i = 0; i < n; i++) {
        double squares = 0;

        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        for (int32_t j = 0; j < rows->dense; j++)
            squares += (double)rows->x[i * rows->dense + j] * rows->x[i * rows->dense + j];
        for (int64_t e = row_start(rows, i); e < row_start(rows, i + 1); e++)
            squares += (double)rows->val[e] * rows->val[e];
        s->scale[i] = squares > 0 ? (float)(1 / sqrt(squares)) : 0;
    }
    return LT_OK;
}

void lt_similarity_free(lt_env *env, lt_similarity *s)
{
    lt_free(env, s->scale);
    lt_free(env, s->wide);
}

static float within_one(float cosine)
{
    return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
}

/* out[from..to): the products of those rows with row i, which is laid out in wide. */
static void multiply(const lt_similarity *s, int64_t i, int64_t from, int64_t to, float *out)
{
    const lt_table *t = s->rows;

    memset(out + from, 0, (size_t)(to - from) * sizeof *out);
    if (t->dense > 0)
        cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)(to - from), t->dense, 1, t->x + from * t->dense, t->dense,
                    t->x + i * t->dense, 1, 0, out + from, 1);
    for (int64_t j = from; j < to && t->sparse > 0; j++) {
        float sum = 0;

        for (int64_t e = t->start[j]; e < t->start[j + 1]; e++)
            sum += t->val[e] * s->wide[t->col[e]];
        out[j] += sum;
    }
}

lt_status lt_similarity_to(lt_env *env, const lt_similarity *s, int64_t i, float *out)
{
    const lt_table *t = s->rows;

    if (t == NULL) {
        memcpy(out, s->matrix + i * s->n, (size_t)s->n * sizeof *out);
        return LT_OK;
    }
    for (int64_t e = row_start(t, i); e < row_start(t, i + 1); e++)
        s->wide[t->col[e]] = t->val[e];
    for (int64_t from = 0; from < s->n; from += POLL_EVERY) {
        LT_TRY(lt_poll(env));
        multiply(s, i, from, s->n - from < POLL_EVERY ? s->n : from + POLL_EVERY, out);
    }
    for (int64_t e = row_start(t, i); e < row_start(t, i + 1); e++)
        s->wide[t->col[e]] = 0;
    for (int64_t j = 0; j < s->n; j++)
        out[j] = within_one(out[j] * s->scale[i] * s->scale[j]);
    out[i] = s->scale[i] > 0 ? 1 : 0;
    return LT_OK;
}

/* The sum over pairs, each vector by the sum of those before it: what would be m^2 / 2 products are m. */
static lt_status add_products(lt_env *env, const lt_similarity *s, int64_t m, double *pairs)
{
    const lt_table *t = s->rows;
    double *sum, *wide;

    LT_TRY(lt_alloc(env, &sum, (size_t)t->dense + (size_t)t->sparse, sizeof *sum, "the candidates' similarity"));
    wide = sum + t->dense;
    *pairs = 0;
    for (int64_t i = 0; i < m; i++) {
        double scale = s->scale[i];

        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        for (int32_t j = 0; j < t->dense; j++) {
            double x = scale * (double)t->x[i * t->dense + j];

            *pairs += x * sum[j];
            sum[j] += x;
        }
        for (int64_t e = row_start(t, i); e < row_start(t, i + 1); e++) {
            double x = scale * (double)t->val[e];

            *pairs += x * wide[t->col[e]];
            wide[t->col[e]] += x;
        }
    }
    lt_free(env, sum);
    return LT_OK;
}

lt_status lt_similarity_mean(lt_env *env, const lt_similarity *s, int64_t m, double *out)
{
    double pairs = 0;

    if (s->rows != NULL) {
        LT_TRY(add_products(env, s, m, &pairs));
    } else {
        for (int64_t i = 1; i < m; i++) {
            if (i % POLL_EVERY == 1)
                LT_TRY(lt_poll(env));
            for (int64_t j = 0; j < i; j++)
                pairs += (double)s->matrix[i * s->n + j];
        }
    }
    *out = fmax(-1, fmin(1, pairs / ((double)m * (double)(m - 1) / 2)));
    return LT_OK;
}
