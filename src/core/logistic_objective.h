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

/*
 * How n rows are shared out: in rounds of `slots` tasks of `rows` rows each.  A slot is memory for sums, filled by one
 * task a round; slots are added up in order, so that sums depend on n and not on who ran what.
 */
typedef struct lt_logistic_plan {
    int64_t n, rows;
    int slots; /* that are used: at most one a task */
} lt_logistic_plan;

/* A member of the team's own working memory; block examples each. */
typedef struct lt_logistic_member {
    double *z; /* block x (1 + dense): 1, then the dense columns */
    double *margin, *residual, *curvature;
    lt_batch batch;
    double *collapsed; /* item-side vector of one user and cross */
    bool *used;        /* collapsed[b] is set */
    int32_t *touched;  /* the b that are */
} lt_logistic_member;

typedef struct lt_logistic_objective {
    lt_inputs in;
    const lt_examples *examples;
    double class_weight[2]; /* multiplies the weight of label 0 and 1 */
    int32_t columns;        /* c */
    double total_weight;    /* of all examples, class weights included */
    double entries;         /* sparse entries an example, about: crosses' as if of one category a side */
    bool factored;          /* there are users or items: their parts are computed once each, not per example */
    float *curvature;       /* n, NULL until kept: the examples', in the order of by user if factored */

    int block, members;
    lt_logistic_member *member;
    double *partial; /* slots side by side, of any width there was */
    size_t partial_capacity;
    double *slot_loss;

    /* factored: the examples sorted by user, those without one at the end */
    int64_t *user_start; /* users + 2 */
    int32_t *item;       /* n; design.items is none */
    float *label, *weight, *offset;
    int64_t *order;               /* with columns of the row's own: which example it is */
    double *row_value;            /* and by example, the row's share of the margin; then the residual */
    double *user_part, *user_sum; /* a user's own share of the margin; the sum of its residuals */
    double *item_part;            /* an item's: one, then the other */
    double *head;                 /* of each task: what belongs to its first user */
    lt_logistic_cross *cross;     /* design.n_crosses */
} lt_logistic_objective;

/* LT_INVALID for a label other than 0 and 1. */
lt_status lt_logistic_check_label(lt_env *env, float label);

/* How many labels are 0 and 1. LT_INVALID for others. */
lt_status lt_logistic_count_labels(lt_env *env, const lt_examples *ex, int64_t count[2]);

/* Refers to *in, *examples for as long as it lives. LT_INVALID for labels other than 0 and 1 and negative weights. */
lt_status lt_logistic_objective_init(lt_env *env, lt_logistic_objective *o, const lt_inputs *in,
                                     const lt_examples *examples, const double class_weight[2]);
void lt_logistic_objective_free(lt_env *env, lt_logistic_objective *o);

/*
 * *loss = sum_i weight_i * log-loss_i. gradient (c) and hessian (c x c, lower triangle, row-major) may be NULL. All run
 * on the threads of env, with the same results for any number of them.
 */
lt_status lt_logistic_evaluate(lt_env *env, lt_logistic_objective *o, const double *w, double *loss, double *gradient,
                               double *hessian);

/* Multiplications it takes to make a Hessian. */
double lt_logistic_hessian_work(const lt_logistic_objective *o);

/* The Hessian's diagonal (c) at w = 0, whatever the offsets. */
lt_status lt_logistic_curvature(lt_env *env, lt_logistic_objective *o, double *diagonal);

/*
 * From then on evaluations with a gradient and no Hessian keep what the next two need: the Hessian's diagonal and its
 * product with v (c each) where the last such evaluation was.
 */
lt_status lt_logistic_keep_curvature(lt_env *env, lt_logistic_objective *o);
lt_status lt_logistic_diagonal(lt_env *env, lt_logistic_objective *o, double *diagonal);
lt_status lt_logistic_product(lt_env *env, lt_logistic_objective *o, const double *v, double *product);

/* One side of a cross for the first n rows of its table; an entry's column counts from the block's first. */
lt_status lt_logistic_cross_table(lt_env *env, const lt_cross *c, bool item, const lt_table *from, int64_t n,
                                  lt_table *out);

#endif
