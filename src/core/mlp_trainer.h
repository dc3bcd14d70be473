/*
 * mlp_trainer.h: the network that trains.
 *
 * Legend: as mlp_network.h; b examples of a batch.
 *
 * A batch is divided into blocks of examples, blocks behind one another make up a part, and parts are what threads
 * share.  Each part has room of its own for its examples' way through the network and a gradient of its own.  When all
 * parts are through, their gradients are added up, in the parts' order, and the optimizer makes its step, each thread
 * on a share of the weights.  The division depends on the network and the batch alone, and so does the result, to the
 * last bit: on how many threads there are it does not.
 *
 * Dense parameters lie one behind the other in one array, `values`; so do each part's gradients, and the moments.
 * Parameters of which a batch touches few rows (embeddings, factors, sparse columns' weights) have no gradient array:
 * a thread adds up what a row gets, in the order of the batch's examples, and makes the row's step at once.
 */
#ifndef LT_MLP_TRAINER_H
#define LT_MLP_TRAINER_H

#include "mlp_network.h"
#include "optimizer.h"

/* What a batch has for a by-row parameter: an example's user, item or sparse column. Others are named by number. */
typedef struct lt_mlp_entry {
    int32_t row, example;
    float value;       /* the gradient by the row is this times the example's */
    int32_t next;      /* of the same row; -1: none */
    int32_t last;      /* the first entry of a row knows the last one ... */
    int32_t following; /* ... and the first one of the thread's next row; -1: none */
} lt_mlp_entry;

/* Weights with their moments. */
typedef struct lt_parameter {
    int64_t rows, cols;
    float *weight;
    bool penalised;
    int64_t at; /* of a dense one: where it begins in the trainer's arrays */
    /* by_row: steps of the touched rows alone */
    bool by_row;
    float *first, *second;
    int32_t *place; /* rows: 1 + the first of the batch's entries with this row, or 0 */
    int32_t *steps; /* rows: steps the row has made */
    lt_mlp_entry *entry;
    size_t cap_entries;
} lt_parameter;

/* A part: the examples first .. end-1 of the batch, of which the block of n from `from` is on its way. */
typedef struct lt_mlp_part {
    int first, end;
    int from, n;
    lt_random rng;
    lt_batch in;                                /* of all its examples */
    const int32_t *ahead, *ahead_end;           /* examples of the next batch to be fetched; NULL: none */
    double sums[2];                             /* of weight * loss and of weight, of all batches of a run */
    float *gradient;                            /* of the dense parameters */
    float *z[LT_MLP_LAYERS], *a[LT_MLP_LAYERS]; /* the block's values before and after activation; may be one */
    float *mask[LT_MLP_LAYERS];                 /* of dropout */
    float *back[2];                             /* gradients by z, n x widest layer */
    /* batch norm, per hidden layer: its output (n x h), this part's mean and sum of squares around it, the batch's
     * inverse standard deviation, and its sums for the way back */
    float *normal[LT_MLP_LAYERS];
    float *mean[LT_MLP_LAYERS], *squares[LT_MLP_LAYERS], *inverse_sd[LT_MLP_LAYERS];
    float *sum; /* widest x 2 */
} lt_mlp_part;

/* One batch: examples index[0..b), in blocks bound[0] = 0 .. bound[blocks] = b. */
typedef struct lt_mlp_batch {
    const int32_t *index;
    int b, blocks;
    int *bound;
    uint64_t seed; /* of its random draws */
    int losses;    /* what the loss is the mean of: examples or groups */
} lt_mlp_batch;

/* What batches are made of. */
typedef struct lt_mlp_pass {
    const lt_inputs *inputs;
    const lt_examples *examples;
    /* Examples index[0..n) of the batch, all from ex, with their margins: adds weight * loss and weight to sums; slope
     * (n) is the derivative of the batch's mean. Called by several threads. */
    void (*loss)(const void *context, const lt_examples *ex, const lt_mlp_batch *batch, const int32_t *index, int n,
                 const float *margin, float *slope, double sums[2]);
    const void *context;
} lt_mlp_pass;

typedef struct lt_mlp_trainer {
    /* set by the caller */
    lt_network net; /* its shape; then the weights as they are: with batch norm they are not those that predict */
    lt_optimizer optimizer;
    bool batch_norm;
    double dropout;
    double id_dropout; /* how often an example loses its user, and its item */
    int batch;         /* the most examples of a batch */
    int group;      /* examples follow each other in groups of up to so many, label 1, then labels 0; 1: they do not */
    int block_rows; /* examples of a block; 0: as many as suit the network */
    int parts_most; /* 0: as suits the network */
    /* parameters */
    int64_t step;
    int n_parameters;
    lt_parameter parameter[LT_MLP_ARRAYS + LT_MLP_LAYERS];
    lt_parameter *dense_in, *sparse_in, *embedding_in, *user, *item; /* NULL where there is none */
    lt_parameter *user_factors, *item_factors, *factors_out;
    lt_parameter *weight[LT_MLP_LAYERS], *bias[LT_MLP_LAYERS], *scale[LT_MLP_LAYERS];
    int64_t n_values, n_penalised; /* dense ones; penalised ones come first */
    float *values, *first, *second;
    float *turned[LT_MLP_LAYERS]; /* weight[l] with columns as rows, for the way back */
    /* batch norm, per hidden layer (h): the running figures, and its scale */
    float *running_mean[LT_MLP_LAYERS], *running_variance[LT_MLP_LAYERS], *norm_scale[LT_MLP_LAYERS];
    /* a run */
    int most_batches;
    lt_mlp_batch *plan; /* most_batches */
    int parts, blocks_of_part;
    int block_most; /* examples of the largest block there can be */
    lt_mlp_part *part;
    /* of a batch: users and items, -1 where left out; gradients by what has rows */
    int32_t *user_of, *item_of;
    float *slope;             /* b */
    float *first_gradient;    /* b x h of layer 0, by its z, for sparse columns; of a single layer that is slope */
    float *embedded;          /* b x 2e */
    float *embedded_gradient; /* b x 2e */
    float *products;          /* b x k */
    float *factors_gradient;  /* b x 2k */
} lt_mlp_trainer;

/* From a shape, with the caller's fields set. inputs: how many input values an example usually has, for the scale of
 * the random weights. */
lt_status lt_mlp_trainer_init(lt_env *env, lt_mlp_trainer *t, double inputs, lt_random *rng);
/* The predicting network: batch norm folded in, margin = scale * margin + shift, rows never trained set to zero. */
void lt_mlp_freeze(lt_mlp_trainer *t, double scale, double shift, lt_network *out);
/* Gives back what training alone needs. */
void lt_mlp_trainer_free(lt_env *env, lt_mlp_trainer *t);

/* ---- mlp_batch.c ---- */

/* Fills plan[which] for the examples index[0..b). index must stay until lt_mlp_run. */
void lt_mlp_plan(lt_mlp_trainer *t, int which, const lt_examples *ex, const int32_t *index, int b, uint64_t seed);
/* Trains on plan[0..batches), one after the other, with the threads of env. sums[0] and [1] are added to: of weight *
 * loss and of weight. */
lt_status lt_mlp_run(lt_env *env, lt_mlp_trainer *t, const lt_mlp_pass *pass, int batches, double sums[2]);
/* Parts of the batch that have examples: the first ones. */
static inline int lt_mlp_parts_of(const lt_mlp_trainer *t, const lt_mlp_batch *batch)
{
    return (batch->blocks + t->blocks_of_part - 1) / t->blocks_of_part;
}

/* ---- mlp_step.c ---- */

/* One of `shares` shares of the step of a batch whose parts are through; it is number `step` of all, from 1. */
void lt_mlp_step(lt_mlp_trainer *t, const lt_mlp_batch *batch, int64_t step, int share, int shares);
/* The weights were set from outside. */
void lt_mlp_weights_changed(lt_mlp_trainer *t);

#endif
