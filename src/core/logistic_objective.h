/*
 * logistic_objective.h: the weighted log-loss of a linear model over examples, with its derivatives. No penalties.
 *
 * Legend: n examples; c = 1 + dense + sparse coefficients w in the order of the input columns, the intercept first.
 */
#ifndef LT_LOGISTIC_OBJECTIVE_H
#define LT_LOGISTIC_OBJECTIVE_H

#include "dataset.h"

/* Where each group's coefficients begin among the c; a cross's at sparse + its `first`. */
typedef struct lt_logistic_groups {
    int32_t row_dense, user_dense, item_dense, sparse;
    int32_t row_sparse, user_sparse, item_sparse, user_ids, item_ids;
} lt_logistic_groups;

lt_logistic_groups lt_logistic_find_groups(const lt_design *d);

/* One table row times the coefficients of its dense and sparse columns. 0 for a row that is not in the table. */
double lt_logistic_share(const lt_table *t, int64_t row, const double *dense, const double *sparse);

/* One cross's non-zero entries, for every user and every item: tables of sparse columns only. */
typedef struct lt_logistic_cross {
    lt_table user, item;
} lt_logistic_cross;

typedef struct lt_logistic_objective {
    lt_inputs in;
    const lt_examples *examples;
    double class_weight[2]; /* multiplies the weight of label 0 and 1 */
    int32_t columns;        /* c */
    double total_weight;    /* of all examples, class weights included */
    bool factored;          /* there are users or items: their parts are computed once each, not per example */

    /* a block of rows */
    int block;
    lt_batch batch;
    double *z;                             /* block x (1 + dense): 1, then the dense columns */
    double *margin, *residual, *curvature; /* block; factored: n, and no curvature */

    /* factored */
    double *user_part, *item_part; /* a user's (item's) own share of the margin; then the sum of its residuals */
    lt_logistic_cross *cross;      /* design.n_crosses */
    int64_t *user_start, *by_user; /* with crosses: examples sorted by user; users + 1, n */
    double *collapsed;             /* item-side vector of one user and cross */
    bool *used;                    /* collapsed[b] is set */
    int32_t *touched;              /* the b that are */
} lt_logistic_objective;

/* LT_INVALID for a label other than 0 and 1. */
lt_status lt_logistic_check_label(lt_env *env, float label);

/* Refers to *in, *examples for as long as it lives. LT_INVALID for labels other than 0 and 1 and negative weights. */
lt_status lt_logistic_objective_init(lt_env *env, lt_logistic_objective *o, const lt_inputs *in,
                                     const lt_examples *examples, const double class_weight[2]);
void lt_logistic_objective_free(lt_env *env, lt_logistic_objective *o);

/*
 * *loss = sum_i weight_i * log-loss_i. gradient (c) and hessian (c x c, lower triangle, row-major; the upper one is
 * left as it is) may be NULL.
 */
lt_status lt_logistic_evaluate(lt_env *env, lt_logistic_objective *o, const double *w, double *loss, double *gradient,
                               double *hessian);

/* The Hessian's diagonal (c) at w = 0. */
lt_status lt_logistic_curvature(lt_env *env, lt_logistic_objective *o, double *diagonal);

/* One side of a cross for the first n rows of its table; an entry's column counts from the block's first. */
lt_status lt_logistic_cross_table(lt_env *env, const lt_cross *c, bool item, const lt_table *from, int64_t n,
                                  lt_table *out);

#endif
