/*
 * blas.h: BLAS and LAPACK, loaded when first called.
 *
 * OpenBLAS takes a process some milliseconds to load, and most backends only serve: what they do needs none of it.  So
 * the library is not linked; the functions declared here and in <cblas.h> load it at the first call and pass on.
 *
 * It is the OpenMP build, told in each thread that calls it to use that thread alone.  The serial build is not an
 * alternative: its working memory is handed out without a lock, and two threads in sgemm at once get wrong results; nor
 * is the build with a pool of its own, which it starts in every process that loads it.
 */
#ifndef LT_BLAS_H
#define LT_BLAS_H

#include "base.h"

#include <cblas.h>

/*
 * Loads the library, if that was not done before; LT_UNSUPPORTED, with the loader's words, when it cannot be had.
 * Whoever starts threads or long work makes sure of this first.
 */
lt_status lt_blas_load(lt_env *env);
/*
 * Whether `threads` threads can call: each takes a buffer of 128 MiB of address space at its first call, and OpenBLAS
 * tries for ever, deaf to cancels, when there is none (a limit of the process, strict overcommit). LT_NO_MEMORY.
 */
lt_status lt_blas_room(lt_env *env, int threads);
/*
 * What becomes of a call that has to load the library and cannot: `raise` gets the error, and must not return.  As with
 * lt_env.cancelled, memory is left to its owner.  Without one such a call ends the process.
 */
void lt_blas_when_missing(void (*raise)(lt_env *env));
/* Before the first BLAS call of a thread that lt_blas_load was not called in. Not to be called before that. */
void lt_blas_enter_thread(void);

/* Where the library is, what it says of itself, and the name of the kernel it chose for the processor. Once loaded. */
const char *lt_blas_path(void);
const char *lt_blas_config(void);
const char *lt_blas_kernel(void);
/* The widest instructions of this processor that a kernel can be written for: "AVX-512", "AVX2", "baseline". */
const char *lt_vector_instructions(void);
/* Whether the kernel uses less than that: the environment may have said so (OPENBLAS_CORETYPE), or it is old. */
bool lt_blas_slow(void);

/* LAPACK, by its Fortran names: pointers to everything, matrices by columns. */
void spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info);
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void spotrs_(const char *uplo, const int *n, const int *nrhs, const float *a, const int *lda, float *b, const int *ldb,
             int *info);
void dpotrs_(const char *uplo, const int *n, const int *nrhs, const double *a, const int *lda, double *b,
             const int *ldb, int *info);
void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void strtri_(const char *uplo, const char *diag, const int *n, float *a, const int *lda, int *info);
void dtrtri_(const char *uplo, const char *diag, const int *n, double *a, const int *lda, int *info);
void slauum_(const char *uplo, const int *n, float *a, const int *lda, int *info);
void dlauum_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void ssyev_(const char *jobz, const char *uplo, const int *n, float *a, const int *lda, float *w, float *work,
            const int *lwork, int *info);

#endif
