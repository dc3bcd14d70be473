/*
 * optimizer.h: one step of gradient descent on an array of weights.
 */
#ifndef LT_OPTIMIZER_H
#define LT_OPTIMIZER_H

#include "base.h"

typedef enum lt_optimizer_kind {
    LT_OPTIMIZER_SGD,      /* w -= rate g */
    LT_OPTIMIZER_MOMENTUM, /* v = momentum v + g; w -= rate v (heavy ball, Polyak 1964) */
    LT_OPTIMIZER_ADAM,     /* Kingma and Ba 2015, betas 0.9 and 0.999, epsilon 1e-8 */
} lt_optimizer_kind;

typedef struct lt_optimizer {
    lt_optimizer_kind kind;
    float rate, momentum;
    float l2, l1;     /* penalties per step, where asked for: g + l2 w + l1 sign(w) */
    float *adam_rate; /* Adam's rate at its first steps; see optimizer.c */
} lt_optimizer;

/* l2 and l1 start at 0. */
lt_status lt_optimizer_init(lt_env *env, lt_optimizer *o, lt_optimizer_kind kind, double rate, double momentum);

/* How many arrays of moments the kind keeps beside the weights: 0, 1 (first) or 2 (first, second). */
int lt_optimizer_moments(lt_optimizer_kind kind);

/* Step number `step` (1 is the first these weights make) of n weights. Moments start at 0; those not kept are NULL. */
void lt_optimizer_step(const lt_optimizer *o, int64_t step, bool penalised, int64_t n, const float *gradient,
                       float *first, float *second, float *weight);

#endif
