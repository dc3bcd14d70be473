/*
 * als_solve.h: half a sweep of alternating least squares: one side's rows solved, the other side's held.
 *
 * Rows of factors are a multiple of LT_LANES floats apart, 64-byte aligned, the numbers behind the last one 0.
 */
#ifndef LT_ALS_SOLVE_H
#define LT_ALS_SOLVE_H

#include "factors.h"

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
    int64_t tasks; /* of the rows: task t's are those from first[t] on, before first[t + 1]; lt_als_share */
    const int32_t *first;
} lt_als_side;

/* What a member of the team works in. */
typedef struct lt_als_member {
    float *weight, *target;         /* the longest row's; NULL where all are the solver's ones */
    float *x, *r, *p, *q, *product; /* stride each */
    lt_normal normal;               /* for the exact solution */
} lt_als_member;

typedef struct lt_als_solver {
    int32_t unknowns, stride;
    int steps; /* of conjugate gradient; 0: exactly, by Cholesky */
    int members;
    lt_als_member *member;
    float *ones;  /* the longest row's, where there are no weights */
    float *zero;  /* stride: a row of zeros */
    double *loss; /* by task */
} lt_als_solver;

/*
 * Cuts rows to tasks of about the same work, by their pairs alone, so that what is added up task by task is the same
 * for every number of threads.  *first: *tasks + 1.
 */
lt_status lt_als_share(lt_env *env, const lt_pairs *pairs, int32_t unknowns, int64_t *tasks, int32_t **first);

/* For sides of that many tasks and that many pairs a row, at most; plain: pairs have no values and are no ratings. */
lt_status lt_als_solver_init(lt_env *env, lt_als_solver *s, int32_t unknowns, int64_t longest, int64_t tasks,
                             bool plain);
void lt_als_solver_free(lt_env *env, lt_als_solver *s);

/* Solves all rows, by the team; *loss is the sum of what they minimise without the penalties. Polls. */
lt_status lt_als_half(lt_env *env, lt_als_solver *s, const lt_als_side *side, double *loss);

#endif
