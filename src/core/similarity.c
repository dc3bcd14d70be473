/*
 * similarity.c: how alike candidates are: one of them and all others, or several among themselves.
 *
 * The dense part of a cosine is one product of a matrix and a vector.  The sparse part lays one row out wide and walks
 * the others over it; or, where many rows are to come, walks the row's own columns, which are few, and what others have
 * there: of 500 candidates with 200 of 10,000 columns each, a twentieth of the work.
 */
#include "similarity.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#define POLL_EVERY 1024 /* rows */

static int64_t row_start(const lt_table *t, int64_t row)
{
    return t->sparse > 0 ? t->start[row] : 0;
}

/* Entries column by column, each column's rows ascending. */
static lt_status take_columns(lt_env *env, lt_similarity *s)
{
    const lt_table *t = s->rows;
    int64_t entries = t->start[s->n];
    int32_t *next;

    LT_TRY(lt_alloc(env, &s->by_column, (size_t)t->sparse + 1, sizeof *s->by_column, "the candidates' similarity"));
    LT_TRY(lt_alloc(env, &next, (size_t)t->sparse, sizeof *next, "the candidates' similarity"));
    LT_TRY(lt_alloc(env, &s->entry, (size_t)entries, sizeof *s->entry, "the candidates' similarity"));
    LT_TRY(lt_alloc(env, &s->value, (size_t)entries, sizeof *s->value, "the candidates' similarity"));
    for (int64_t e = 0; e < entries; e++)
        s->by_column[t->col[e] + 1]++;
    for (int32_t c = 0; c < t->sparse; c++) {
        s->by_column[c + 1] += s->by_column[c];
        next[c] = s->by_column[c];
    }
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t e = t->start[i]; e < t->start[i + 1]; e++) {
            int32_t at = next[t->col[e]]++;

            s->entry[at] = (int32_t)i;
            s->value[at] = t->val[e];
        }
    lt_free(env, next);
    return lt_poll(env);
}

lt_status lt_similarity_init(lt_env *env, lt_similarity *s, const lt_table *rows, const float *matrix, int64_t n,
                             bool often)
{
    *s = (lt_similarity){.n = n, .rows = rows, .matrix = matrix};
    if (rows == NULL)
        return LT_OK;
    LT_TRY(lt_alloc(env, &s->scale, (size_t)n, sizeof *s->scale, "the candidates' similarity"));
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
    if (rows->sparse > 0 && often && rows->start[n] <= INT32_MAX)
        return take_columns(env, s);
    return lt_alloc(env, &s->wide, (size_t)rows->sparse, sizeof *s->wide, "the candidates' similarity");
}

void lt_similarity_free(lt_env *env, lt_similarity *s)
{
    lt_free(env, s->scale);
    lt_free(env, s->wide);
    lt_free(env, s->by_column);
    lt_free(env, s->entry);
    lt_free(env, s->value);
}

static float within_one(float cosine)
{
    return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
}

/* out += the sparse products with row i, by way of its own columns. */
static void multiply_columns(const lt_similarity *s, int64_t i, float *out)
{
    const lt_table *t = s->rows;

    for (int64_t e = t->start[i]; e < t->start[i + 1]; e++)
        for (int32_t at = s->by_column[t->col[e]]; at < s->by_column[t->col[e] + 1]; at++)
            out[s->entry[at]] += t->val[e] * s->value[at];
}

/* The same, by way of the other rows. */
static lt_status multiply_rows(lt_env *env, const lt_similarity *s, int64_t i, float *out)
{
    const lt_table *t = s->rows;

    for (int64_t e = t->start[i]; e < t->start[i + 1]; e++)
        s->wide[t->col[e]] = t->val[e];
    for (int64_t j = 0; j < s->n; j++) {
        float sum = 0;

        if (j % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        for (int64_t e = t->start[j]; e < t->start[j + 1]; e++)
            sum += t->val[e] * s->wide[t->col[e]];
        out[j] += sum;
    }
    for (int64_t e = t->start[i]; e < t->start[i + 1]; e++)
        s->wide[t->col[e]] = 0;
    return LT_OK;
}

lt_status lt_similarity_to(lt_env *env, const lt_similarity *s, int64_t i, float *out)
{
    const lt_table *t = s->rows;

    if (t == NULL) {
        memcpy(out, s->matrix + i * s->n, (size_t)s->n * sizeof *out);
        return LT_OK;
    }
    memset(out, 0, (size_t)s->n * sizeof *out);
    for (int64_t from = 0; from < s->n && t->dense > 0; from += POLL_EVERY) {
        int64_t rows = s->n - from < POLL_EVERY ? s->n - from : POLL_EVERY;

        LT_TRY(lt_poll(env));
        cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)rows, t->dense, 1, t->x + from * t->dense, t->dense,
                    t->x + i * t->dense, 1, 0, out + from, 1);
    }
    if (t->sparse > 0 && s->by_column != NULL)
        multiply_columns(s, i, out);
    else if (t->sparse > 0)
        LT_TRY(multiply_rows(env, s, i, out));
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
