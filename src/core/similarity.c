/*
 * similarity.c: how alike candidates are, one of them against all at a time.
 *
 * The dense part of a cosine is one product of a matrix and a vector; the sparse part lays one row out wide and walks
 * the others over it.
 */
#include "similarity.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

lt_status lt_similarity_init(lt_env *env, lt_similarity *s, const lt_table *rows, const float *matrix, int64_t n)
{
    *s = (lt_similarity){.n = n, .rows = rows, .matrix = matrix};
    if (rows == NULL)
        return LT_OK;
    LT_TRY(lt_alloc(env, &s->scale, (size_t)n, sizeof *s->scale, "the candidates' similarity"));
    LT_TRY(lt_alloc(env, &s->wide, (size_t)rows->sparse, sizeof *s->wide, "the candidates' similarity"));
    for (int64_t i = 0; i < n; i++) {
        double squares = 0;

        for (int32_t j = 0; j < rows->dense; j++)
            squares += (double)rows->x[i * rows->dense + j] * rows->x[i * rows->dense + j];
        for (int64_t e = rows->sparse > 0 ? rows->start[i] : 0; rows->sparse > 0 && e < rows->start[i + 1]; e++)
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

void lt_similarity_to(const lt_similarity *s, int64_t i, float *out)
{
    const lt_table *t = s->rows;

    if (t == NULL) {
        memcpy(out, s->matrix + i * s->n, (size_t)s->n * sizeof *out);
        return;
    }
    memset(out, 0, (size_t)s->n * sizeof *out);
    if (t->dense > 0)
        cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)s->n, t->dense, 1, t->x, t->dense, t->x + i * t->dense, 1, 0, out,
                    1);
    if (t->sparse > 0) {
        for (int64_t e = t->start[i]; e < t->start[i + 1]; e++)
            s->wide[t->col[e]] = t->val[e];
        for (int64_t j = 0; j < s->n; j++) {
            float sum = 0;

            for (int64_t e = t->start[j]; e < t->start[j + 1]; e++)
                sum += t->val[e] * s->wide[t->col[e]];
            out[j] += sum;
        }
        for (int64_t e = t->start[i]; e < t->start[i + 1]; e++)
            s->wide[t->col[e]] = 0;
    }
    for (int64_t j = 0; j < s->n; j++)
        out[j] = within_one(out[j] * s->scale[i] * s->scale[j]);
    out[i] = s->scale[i] > 0 ? 1 : 0;
}
