/*
 * inverse.c: the inverse of a symmetric positive definite matrix, through its Cholesky factor A = L L^T.
 *
 * Three passes over blocks of BLOCK columns or rows, each in place over the lower triangle: A becomes L, L becomes
 * L^-1, and that becomes L^-T L^-1 = A^-1 (the steps of LAPACK's potrf and potri).  LAPACK's own routines could not be
 * cancelled before they are through, and would start threads of theirs; so they are called for diagonal blocks alone,
 * and everything between them is a BLAS call on tiles, shared by the team (inverse_blocks.h).  Tiles do not depend on
 * how many threads there are, nor does the outcome.
 *
 * Legend: columns are contiguous, element (i, j) is a[i + j * n]; block (p, q) begins at element (p BLOCK, q BLOCK).
 */
#include "inverse.h"
#include "blas.h"
#include "threads.h"

#include <string.h>

#define BLOCK 512
#define SLICE 512 /* rows or columns of a block that are a task, where blocks can be cut */
#define FEW 4     /* block rows so short that tasks are half of that, for all threads to have some */

typedef struct matrix {
    int n, blocks;
    void *a;
    int side;      /* of a whole block */
    void *room;    /* a block row: lt_invert_room; its columns are `side` apart */
    int at, slice; /* the block column or row that the team is at, and the columns of a task */
    bool singular;
} matrix;

/* Columns (and rows) of block p: all are BLOCK but the last. */
static int size_of(const matrix *m, int p)
{
    return m->n - p * BLOCK < BLOCK ? m->n - p * BLOCK : BLOCK;
}

size_t lt_invert_room(int n)
{
    return n < BLOCK ? (size_t)n * (size_t)n : (size_t)(n + BLOCK - 1) / BLOCK * BLOCK * BLOCK;
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
