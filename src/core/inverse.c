/*
 * inverse.c: the inverse of a symmetric positive definite matrix, through its Cholesky factor A = L L^T.
 *
 * Three passes over blocks of BLOCK columns, each in place over the lower triangle: A becomes L, L becomes L^-1, and
 * that becomes L^-T L^-1 = A^-1 (the steps of LAPACK's potrf and potri).  LAPACK's own routines would be as fast and
 * could not be cancelled before they are through, so it is called for diagonal blocks alone and everything between them
 * is a BLAS call on tiles, with a poll before each.
 *
 * Legend: columns are contiguous, element (i, j) is a[i + j * n]; block (p, q) begins at element (p BLOCK, q BLOCK).
 */
#include "inverse.h"

#include <cblas.h>

extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
extern void dtrtri_(const char *uplo, const char *diag, const int *n, double *a, const int *lda, int *info);
extern void dlauum_(const char *uplo, const int *n, double *a, const int *lda, int *info);

#define BLOCK 256

typedef struct matrix {
    int n, blocks;
    double *a;
} matrix;

/* Columns (and rows) of block p: all are BLOCK but the last. */
static int size_of(const matrix *m, int p)
{
    return m->n - p * BLOCK < BLOCK ? m->n - p * BLOCK : BLOCK;
}

static double *block(const matrix *m, int p, int q)
{
    return m->a + (size_t)p * BLOCK + (size_t)q * BLOCK * (size_t)m->n;
}

/* A becomes L, block column after block column: what the columns left of it contribute is taken off first. */
static lt_status factor(lt_env *env, const matrix *m)
{
    for (int q = 0; q < m->blocks; q++) {
        int columns = size_of(m, q), before = q * BLOCK, info;

        LT_TRY(lt_poll(env));
        cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, columns, before, -1, block(m, q, 0), m->n, 1,
                    block(m, q, q), m->n);
        dpotrf_("L", &columns, block(m, q, q), &m->n, &info);
        if (info != 0)
            return lt_fail(env, LT_DIVERGED, "a matrix to invert is not positive definite");
        for (int p = q + 1; p < m->blocks; p++) {
            LT_TRY(lt_poll(env));
            cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, size_of(m, p), columns, before, -1, block(m, p, 0),
                        m->n, block(m, q, 0), m->n, 1, block(m, p, q), m->n);
            cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, size_of(m, p), columns, 1,
                        block(m, q, q), m->n, block(m, p, q), m->n);
        }
    }
    return LT_OK;
}

/*
 * L becomes L^-1, from the last block column to the first.  Below the diagonal block D of a column with rest C, and
 * with M the inverse of what is to the right, the inverse has -M C D^-1; going upwards, a block of C is overwritten
 * when no other needs it any more.
 */
static lt_status invert_factor(lt_env *env, const matrix *m)
{
    for (int q = m->blocks - 1; q >= 0; q--) {
        int columns = size_of(m, q), info;

        for (int p = m->blocks - 1; p > q; p--) {
            LT_TRY(lt_poll(env));
            cblas_dtrmm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, size_of(m, p), columns, 1,
                        block(m, p, p), m->n, block(m, p, q), m->n);
            cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, size_of(m, p), columns, (p - q - 1) * BLOCK, 1,
                        block(m, p, q + 1), m->n, block(m, q + 1, q), m->n, 1, block(m, p, q), m->n);
            cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, size_of(m, p), columns, -1,
                        block(m, q, q), m->n, block(m, p, q), m->n);
        }
        dtrtri_("L", "N", &columns, block(m, q, q), &m->n, &info);
        if (info != 0)
            return lt_fail(env, LT_DIVERGED, "a matrix to invert is not positive definite");
    }
    return LT_OK;
}

/*
 * M = L^-1 becomes M^T M, from the first block row to the last: row p of it is made of M's rows from p on, so that
 * nothing needs M's row p afterwards.
 */
static lt_status square(lt_env *env, const matrix *m)
{
    for (int p = 0; p < m->blocks; p++) {
        int rows = size_of(m, p), below = m->n - p * BLOCK - rows, info;

        for (int q = 0; q < p; q++) {
            LT_TRY(lt_poll(env));
            cblas_dtrmm(CblasColMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, rows, size_of(m, q), 1,
                        block(m, p, p), m->n, block(m, p, q), m->n);
            if (below > 0)
                cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, rows, size_of(m, q), below, 1, block(m, p + 1, p),
                            m->n, block(m, p + 1, q), m->n, 1, block(m, p, q), m->n);
        }
        LT_TRY(lt_poll(env));
        dlauum_("L", &rows, block(m, p, p), &m->n, &info);
        if (below > 0)
            cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, rows, below, 1, block(m, p + 1, p), m->n, 1,
                        block(m, p, p), m->n);
    }
    return LT_OK;
}

/* The upper triangle from the lower, by blocks: a cache holds one, read along columns and written along rows. */
static lt_status mirror(lt_env *env, const matrix *m)
{
    size_t n = (size_t)m->n;

    for (int q = 0; q < m->blocks; q++) {
        LT_TRY(lt_poll(env));
        for (int p = q; p < m->blocks; p++) {
            const double *from = block(m, p, q);
            double *to = block(m, q, p);
            int rows = size_of(m, p), columns = size_of(m, q);

            for (int j = 0; j < columns; j++)
                for (int i = p == q ? j + 1 : 0; i < rows; i++)
                    to[(size_t)j + (size_t)i * n] = from[(size_t)i + (size_t)j * n];
        }
    }
    return LT_OK;
}

lt_status lt_invert(lt_env *env, int n, double *a)
{
    matrix m = {.n = n, .blocks = (n + BLOCK - 1) / BLOCK, .a = a};

    LT_TRY(factor(env, &m));
    LT_TRY(invert_factor(env, &m));
    LT_TRY(square(env, &m));
    return mirror(env, &m);
}
