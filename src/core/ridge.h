/*
 * ridge.h: weighted ridge regression of several numbers a row on the columns of a table.
 *
 * Legend: n rows, c = d + s columns (dense, then sparse), t numbers a row (targets).
 */
#ifndef LT_RIDGE_H
#define LT_RIDGE_H

#include "table.h"

/* What fitting reports. */
typedef struct lt_ridge_fit_result {
    int steps;
    bool converged;
    double loss; /* mean squared residual of a target per unit of weight, the penalty excluded */
} lt_ridge_fit_result;

/*
 * map ((1 + c) x t: the intercept, then a row a column) minimises
 *     sum_i weight_i |y_i - map_0 - x_i map_1..c|^2 + regularization |map_1..c|^2,     y n x t, weight n, at least 0.
 * regularization > 0; the intercept is not penalised.  Weights that are all 0 give 0.  Polls.
 */
lt_status lt_ridge_fit(lt_env *env, const lt_table *x, const float *weight, const float *y, int32_t t,
                       double regularization, float *map, lt_ridge_fit_result *result);

/* y (n x t) = map_0 + x map_1..c. Polls. */
lt_status lt_ridge_predict(lt_env *env, const lt_table *x, const float *map, int32_t t, float *y);

#endif
