/*
 * lbfgs.h: minimises a smooth convex function of many variables, plus weighted absolute values of them.
 */
#ifndef LT_LBFGS_H
#define LT_LBFGS_H

#include "base.h"

typedef struct lt_lbfgs {
    int64_t n;           /* variables */
    const double *l1;    /* n: adds sum_j l1[j] |w_j|; NULL is none */
    const double *scale; /* n: positive, about the smooth part's second derivatives; the preconditioner */
    int iterations;      /* at most */
    double tolerance;    /* stops when |derivative_j| <= tolerance * scale_j * max(1, max |w|) for all j */
    double stall;        /* stops as well when 10 iterations lowered the value by less than this share; 0: never */
    void *context;
    /* value and gradient[0..n) of the smooth part at w. */
    lt_status (*evaluate)(lt_env *env, void *context, const double *w, double *value, double *gradient);
    /* Called after iteration 1, 2, ... with the point accepted, which is the one evaluated last. */
    lt_status (*progress)(lt_env *env, void *context, int iteration, const double *w);
} lt_lbfgs;

/* From w[0..n) to the minimum, in place. LT_DIVERGED when the value at the start is not finite. */
lt_status lt_lbfgs_minimize(lt_env *env, const lt_lbfgs *spec, double *w, int *iterations, bool *converged);

#endif
