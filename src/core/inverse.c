/*
 * inverse.c: the inverse of a symmetric positive definite matrix, through its Cholesky factor A = L L^T.
 *
 * Three passes over blocks of BLOCK columns, each in place over the lower triangle: A becomes L, L becomes L^-1, and
 * that becomes L^-T L^-1 = A^-1 (the steps of LAPACK's potrf and potri).  LAPACK's own routines would be as fast and
 * could not be cancelled before they are through, so it is called for diagonal blocks alone and everything between them
 * is a BLAS call on tiles, with a poll before each (inverse_blocks.h).
 *
 * Legend: columns are contiguous, element (i, j) is a[i + j * n]; block (p, q) begins at element (p BLOCK, q BLOCK).
 */
#include "inverse.h"
#include "blas.h"

#define BLOCK 512

typedef struct matrix {
    int n, blocks;
    void *a;
} matrix;

/* Columns (and rows) of block p: all are BLOCK but the last. */
static int size_of(const matrix *m, int p)
{
    return m->n - p * BLOCK < BLOCK ? m->n - p * BLOCK : BLOCK;
}

#define REAL float
#define NAME(f) f##_f32
#define GEMM cblas_sgemm
#define SYRK cblas_ssyrk
#define TRMM cblas_strmm
#define TRSM cblas_strsm
#define LAPACK(f) s##f##_
#include "inverse_blocks.h"
#undef REAL
#undef NAME
#undef GEMM
#undef SYRK
#undef TRMM
#undef TRSM
#undef LAPACK

#define REAL double
#define NAME(f) f##_f64
#define GEMM cblas_dgemm
#define SYRK cblas_dsyrk
#define TRMM cblas_dtrmm
#define TRSM cblas_dtrsm
#define LAPACK(f) d##f##_
#include "inverse_blocks.h"

lt_status lt_invert_f32(lt_env *env, int n, float *a)
{
    return invert_f32(env, n, a);
}

lt_status lt_invert_f64(lt_env *env, int n, double *a)
{
    return invert_f64(env, n, a);
}
