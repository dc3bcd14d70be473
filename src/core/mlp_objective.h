/*
 * mlp_objective.h: what a perceptron's training minimises, over batches and over sets of examples.
 */
#ifndef LT_MLP_OBJECTIVE_H
#define LT_MLP_OBJECTIVE_H

#include "loss.h"
#include "mlp_trainer.h"

typedef struct lt_mlp_objective {
    lt_loss loss;
    bool softmax; /* instead of loss */
    double delta;
    double mean, sd;        /* training works on (label - mean) / sd */
    double class_weight[2]; /* for labels 0 and 1; with softmax 0 and 1 */
    double weight_scale;    /* makes the weights' mean 1 */
} lt_mlp_objective;

static inline double lt_mlp_label(const lt_examples *ex, int64_t i)
{
    return ex->label == NULL ? 1 : ex->label[i];
}

static inline double lt_mlp_weight(const lt_mlp_objective *o, const lt_examples *ex, int64_t i)
{
    return (ex->weight == NULL ? 1 : ex->weight[i]) * o->class_weight[lt_mlp_label(ex, i) == 1];
}

/* lt_mlp_pass.loss, context being a lt_mlp_objective: of single examples, and of groups. */
void lt_mlp_examples_loss(const void *context, const lt_examples *ex, const lt_mlp_batch *batch, const int32_t *index,
                          int n, const float *margin, float *slope, double sums[2]);
void lt_mlp_groups_loss(const void *context, const lt_examples *ex, const lt_mlp_batch *batch, const int32_t *index,
                        int n, const float *margin, float *slope, double sums[2]);

/* Mean loss in standardised units of a frozen network, whose margins, put into margin (ex->n), are in the label's. */
lt_status lt_mlp_frozen_loss(lt_env *env, const lt_mlp_objective *o, const lt_network *net, const lt_inputs *inputs,
                             const lt_examples *ex, float *margin, double *loss);

#endif
