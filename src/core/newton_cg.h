/*
 * newton_cg.h: minimises a smooth convex function of very many variables by products with its Hessian.
 */
#ifndef LT_NEWTON_CG_H
#define LT_NEWTON_CG_H

#include "base.h"

typedef struct lt_newton_cg {
    int64_t n;           /* variables */
    const double *scale; /* n: positive, about the largest second derivatives */
    int iterations;      /* at most */
    double tolerance;    /* stops when |derivative_j| <= tolerance * scale_j * max(1, max |w|) for all j */
    double stall;        /* stops as well when an iteration lowered the value by less than this share; 0: never */
    void *context;
    /* value and gradient[0..n) at w; the next two are of the Hessian where this was called last. */
    lt_status (*evaluate)(lt_env *env, void *context, const double *w, double *value, double *gradient);
    lt_status (*diagonal)(lt_env *env, void *context, double *diagonal);
    lt_status (*product)(lt_env *env, void *context, const double *v, double *product);
    /* Called after iteration 1, 2, ... with the point accepted, which is the one evaluated last. */
    lt_status (*progress)(lt_env *env, void *context, int iteration, const double *w);
} lt_newton_cg;

/*
 * From w[0..n) to the minimum, in place, on the threads of env: the same for any number of them. LT_DIVERGED when the
 * value at the start is not finite.
 */
lt_status lt_newton_cg_minimize(lt_env *env, const lt_newton_cg *spec, double *w, int *iterations, bool *converged);

#endif
