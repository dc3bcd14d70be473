/*
 * logistic_fit.h: minimises log-loss + l2 / 2 |w|_2^2 + l1 |w|_1, the intercept w[0] not penalised.
 *
 * The validation metric (lt_dataset.measure) is asked for after each of the first five iterations, each tenth and the
 * last: there may be hundreds, each cheaper than the ranking of a few hundred users.
 */
#ifndef LT_LOGISTIC_FIT_H
#define LT_LOGISTIC_FIT_H

#include "logistic_objective.h"
#include "model.h"

#define LT_LOGISTIC_NEWTON_MOST 2000 /* coefficients - 1 with which Hessians are made at all */
#define LT_LOGISTIC_MOST_WORK 2e11   /* multiplications; beyond, the covariance is not worth its time */

typedef enum lt_logistic_solver {
    LT_LOGISTIC_AUTO,
    LT_LOGISTIC_NEWTON,    /* without l1 only */
    LT_LOGISTIC_NEWTON_CG, /* without l1 only */
    LT_LOGISTIC_LBFGS,
} lt_logistic_solver;

typedef struct lt_logistic_fitter {
    lt_logistic_objective train, validation;
    bool has_validation;
    const lt_dataset *data; /* whose measure is asked; NULL: none */
    const lt_model *model;  /* its algorithm, link and design */
    lt_logistic_solver solver;
    int64_t c; /* coefficients */
    double l2, l1, tolerance;
    int epochs;   /* at most */
    double start; /* env->seconds when training began */
    double *w;    /* c: from where to start; then the optimum */
    double loss;  /* of the last evaluation: summed, penalty excluded */
    lt_epoch row; /* not logged yet unless its epoch is 0: see report() */
    /* The Hessian's factor and the square roots of its diagonal, from about the optimum; NULL: not made. */
    double *factor, *root;
} lt_logistic_fitter;

/* Sets fit's epochs and converged, and logs an epoch an iteration. LT_DIVERGED when the loss is not finite. */
lt_status lt_logistic_fit(lt_env *env, lt_logistic_fitter *f, lt_fit *fit);

/* Whether the covariance is defined and affordable. */
bool lt_logistic_has_covariance(const lt_logistic_fitter *f);

/*
 * From the inverse of the penalised Hessian at w: diagonal (c) and, unless NULL, block (dense x dense), its first rows
 * and columns. NaN where the data do not determine a coefficient. Leaves f->loss at w.
 */
lt_status lt_logistic_covariance(lt_env *env, lt_logistic_fitter *f, double *diagonal, int dense, double *block);

#endif
