/*
 * normal.h: the normal equations of one row of factors against fixed ones: least squares for a vector.
 *
 * Legend: k factors, u unknowns; n fixed rows that count.
 */
#ifndef LT_NORMAL_H
#define LT_NORMAL_H

#include "base.h"

/* gramian (k x k, both halves, rows `gramian_stride` apart) = scale * sum of y y^T over the n rows, `stride` apart.
 * Shared among the threads of env; the same for every number of them. */
lt_status lt_gramian(lt_env *env, const float *rows, int64_t n, int32_t k, int64_t stride, double scale, float *gramian,
                     int64_t gramian_stride);

/*
 * Normal equations of one row against fixed ones, solved by Cholesky:
 *     A = gramian + penalty I + sum_h w_h y_h y_h^T,  b = sum_h w_h target_h y_h,  over rows index[0..n).
 * With `intercept` each fixed row is followed by a 1, so that there are k + 1 unknowns.
 */
typedef struct lt_normal {
    int32_t k;
    bool intercept;
    int64_t stride, gramian_stride;
    const float *fixed;
    const float *gramian;      /* k x k; NULL: none */
    int32_t unknowns;          /* k + intercept */
    int32_t wide;              /* unknowns, rounded up to what a vector register holds */
    float *a, *b, *block, *by; /* working memory */
} lt_normal;

/* Working memory, for the fields above `unknowns` as they are set. */
lt_status lt_normal_init(lt_env *env, lt_normal *e);
void lt_normal_free(lt_env *env, lt_normal *e);
/*
 * A is factored, b filled. weight and target: NULL is all ones. A singular A gets the least penalty that helps.
 * LT_DIVERGED when there are numbers that are not finite.  env: NULL in a task of a team, where there is no polling and
 * no message.
 */
lt_status lt_normal_build(lt_env *env, lt_normal *e, int64_t n, const int32_t *index, const float *weight,
                          const float *target, double penalty);
/* x (unknowns) = A^-1 x, after build. */
void lt_normal_solve(const lt_normal *e, float *x);

#endif
