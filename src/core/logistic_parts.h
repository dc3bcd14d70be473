/*
 * logistic_parts.h: what the ways through the examples of logistic_blocks.c and logistic_factored.c share.
 */
#ifndef LT_LOGISTIC_PARTS_H
#define LT_LOGISTIC_PARTS_H

#include "logistic_objective.h"
#include "threads.h"

/* What a way through the examples is for. */
typedef enum lt_logistic_purpose {
    LT_LOGISTIC_LOSS,
    LT_LOGISTIC_GRADIENT, /* and the loss; keeps the curvature where there is room for it */
    LT_LOGISTIC_HESSIAN,  /* and both; in blocks only */
    LT_LOGISTIC_PRODUCT,  /* of the Hessian with w, by the curvature kept */
    LT_LOGISTIC_DIAGONAL, /* of the Hessian, by the curvature kept */
} lt_logistic_purpose;

/* Shares out n rows that cost `cells` multiplications each, sums being `width` doubles; whole blocks of `block`. */
lt_logistic_plan lt_logistic_share_out(int64_t n, int block, double cells, double width);

/*
 * Runs a plan's rounds: task t of a round that begins at *first has rows *first + t * rows and on, for slot t.
 * When slots have a width, o->partial has memory for them, which a slot's first task must clear.
 */
lt_status lt_logistic_rounds(lt_env *env, lt_logistic_objective *o, const lt_logistic_plan *plan, int64_t width,
                             lt_task run, void *context, int64_t *first);

/* to[0..width) += the slots' [from .. from + width), slots being `stride` apart. */
lt_status lt_logistic_add_up(lt_env *env, const lt_logistic_objective *o, int slots, int64_t stride, int64_t from,
                             int64_t width, double *to);

/*
 * One way each through all examples. w: coefficients (of LT_LOGISTIC_PRODUCT, the vector); sum (c): gradient, product
 * or diagonal, from zeros.
 */
lt_status lt_logistic_blocks(lt_env *env, lt_logistic_objective *o, lt_logistic_purpose purpose, const double *w,
                             double *loss, double *sum, double *hessian);
lt_status lt_logistic_factored(lt_env *env, lt_logistic_objective *o, lt_logistic_purpose purpose, const double *w,
                               double *loss, double *sum);
/* Sets up and gives back what only the latter needs. */
lt_status lt_logistic_factor(lt_env *env, lt_logistic_objective *o);
void lt_logistic_factor_free(lt_env *env, lt_logistic_objective *o);

#endif
