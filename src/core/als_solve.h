/*
 * als_solve.h: half a sweep of alternating least squares: one side's rows solved, the other side's held.
 */
#ifndef LT_ALS_SOLVE_H
#define LT_ALS_SOLVE_H

#include "factors.h"

/* Rows of factors are a multiple of LT_ALS_LANES floats apart, 64-byte aligned, the numbers behind the last one 0. */
#define LT_ALS_LANES 16

/*
 * Legend: m rows to solve, c rows held; u unknowns a row, padded to `stride`.
 *
 * Each row r minimises
 *     sum_h w_h (target_h - x . f_h)^2 + x^T gramian x + penalty_r |x|^2,  h over pairs' row r,
 *     penalty_r = regularization * (n_r + frequency_offset)^frequency.
 * Implicit: w is pairs.val (those below 0 count as 0), target 1.  Ratings: w is 1, target = val - mean -
 * held_bias[h]; column u - 1 of every held row is 1, so that the last unknown is the row's bias.
 */
typedef struct lt_als_side {
    const lt_pairs *pairs; /* m x c */
    const float *held;     /* c x stride */
    float *solved;         /* m x stride: where the solver starts from, and the solution */
    const float *gramian;  /* stride x stride; NULL: none */
    bool ratings;
    double mean;
    const float *held_bias; /* c, ratings only */
    float *solved_bias;     /* m, ratings only */
    double regularization, frequency_offset, frequency;
} lt_als_side;

typedef struct lt_als_solver {
    int32_t unknowns, stride;
    int steps;                        /* of conjugate gradient; 0: exactly, by Cholesky */
    float *weight, *target, *nothing; /* the longest row's */
    float *x, *r, *p, *q;             /* stride each */
    float *zero;                      /* stride: a row of zeros */
    lt_normal normal;                 /* for the exact solution */
} lt_als_solver;

/* longest: the most pairs a row of either side has. steps as in the struct. */
lt_status lt_als_solver_init(lt_env *env, lt_als_solver *s, int32_t unknowns, int64_t longest);
void lt_als_solver_free(lt_env *env, lt_als_solver *s);

/* Solves all rows; *loss is the sum of what they minimise without the penalties. Polls. */
lt_status lt_als_half(lt_env *env, lt_als_solver *s, const lt_als_side *side, double *loss);

#endif
