/*
 * mlp_network.h: the network that predicts, and the one that trains.
 *
 * Legend: b examples of a batch, d dense and s sparse input columns, e width of an embedding, k factors, h outputs of a
 * layer, L layers (hidden ones and the output), U users, I items.
 *
 * The first layer takes [dense | sparse | user embedding | item embedding], each with its own block of weights.  The
 * product branch, if any, is k more inputs of the output unit beside the last hidden layer: the product, factor by
 * factor, of a vector of the user's and one of the item's, which are not the embeddings (He et al. 2017, "Neural
 * collaborative filtering": without hidden layers and embeddings GMF, with them NeuMF).  An unknown user or item has
 * the zero embedding and zero factors.
 */
#ifndef LT_MLP_NETWORK_H
#define LT_MLP_NETWORK_H

#include "mlp_layers.h"
#include "model.h"
#include "optimizer.h"

#define LT_MLP_LAYERS 16
#define LT_MLP_WIDTH 4096 /* the widest layer */

/* mlp_options.c */
enum { LT_MLP_OPTIONS = 21 };
extern const lt_option lt_mlp_options[LT_MLP_OPTIONS];

/* Weights that predict: batch norm and the label's scale are folded into them. */
typedef struct lt_network {
    lt_activation activation;                       /* of the hidden layers; the output is the margin itself */
    int32_t dense, sparse, embedding, users, items; /* embedding 0: none */
    int32_t factors;                                /* 0: no product branch */
    int layers;                                     /* L >= 1 */
    int32_t width[LT_MLP_LAYERS];                   /* h of each layer; the last is 1 */
    float *dense_in;                                /* d x h of layer 0 */
    float *sparse_in;                               /* s x h */
    float *embedding_in;                            /* 2e x h: the user's part, then the item's */
    float *user, *item;                             /* U x e, I x e */
    float *user_factors, *item_factors;             /* U x k, I x k */
    float *factors_out;                             /* k x 1: the products' weights into the output unit */
    float *weight[LT_MLP_LAYERS];                   /* [l]: h of layer l-1 x h of layer l; [0] is NULL */
    float *bias[LT_MLP_LAYERS];
} lt_network;

/* The arrays of a network, in one order for allocating, storing, checking and loading. */
enum { LT_MLP_ARRAYS = 8 + 2 * LT_MLP_LAYERS };
typedef struct lt_mlp_array {
    const char *name;
    int64_t rows, cols;
    float **values; /* the member of lt_network */
    bool by_row;    /* a batch touches few of its rows */
    bool bias;
    int layer; /* whose input weights or bias it is; -1: an embedding or factors */
} lt_mlp_array;
/* Those with at least one value; returns how many. */
int lt_mlp_arrays(lt_network *net, lt_mlp_array out[LT_MLP_ARRAYS]);

/* Allocates the arrays for the shape given in *net. */
lt_status lt_mlp_alloc(lt_env *env, lt_network *net);
void lt_mlp_copy(lt_network *to, lt_network *from); /* of the same shape */
/* Hands the network's arrays over to a model, without a copy, and a view of them; lt_mlp_load checks names, shapes and
 * that every weight is finite. */
lt_status lt_mlp_store(lt_env *env, lt_network *net, lt_model *model);
lt_status lt_mlp_load(lt_env *env, const lt_model *model, lt_network *net);
/* The same view of a model that has been checked: cheap. */
lt_status lt_mlp_view(lt_env *env, const lt_model *model, lt_network *net);
lt_status lt_mlp_extend(lt_env *env, lt_model *model, const lt_design *grown); /* of lt_algorithm */

/* Room for one block of examples going through the network. */
typedef struct lt_mlp_block {
    int b;           /* the most examples it takes */
    float *z, *a;    /* b x widest layer */
    float *embedded; /* b x 2e */
    float *products; /* b x k */
} lt_mlp_block;
lt_status lt_mlp_block_init(lt_env *env, const lt_network *net, lt_mlp_block *block);
void lt_mlp_block_free(lt_env *env, lt_mlp_block *block);

/* z (b x h of layer 0) = inputs times weights, without bias. user and item (b) may be NULL. embedded: room for b x 2e.
 */
lt_status lt_mlp_first(lt_env *env, const lt_network *net, const lt_batch *in, const int32_t *user, const int32_t *item,
                       float *embedded, float *z);
/* From block->z, as lt_mlp_first leaves it, to margin (b), the product branch left out. */
lt_status lt_mlp_rest(lt_env *env, const lt_network *net, int b, lt_mlp_block *block, float *margin);
/* margin (b) += the product branch. user and item (b) may be NULL. products: room for b x k. */
lt_status lt_mlp_add_products(lt_env *env, const lt_network *net, int b, const int32_t *user, const int32_t *item,
                              float *products, float *margin);
/* margin (ex->n) of examples, without their offsets. */
lt_status lt_mlp_margins(lt_env *env, const lt_network *net, const lt_inputs *in, const lt_examples *ex, float *margin);

/* ---- training: mlp_trainer.c ---- */

/* Weights with their gradient and moments. */
typedef struct lt_parameter {
    int64_t rows, cols;
    float *weight;
    float *gradient; /* rows x cols; by_row: one row for each of touched */
    float *first, *second;
    bool penalised;
    /* by_row: gradients and steps of the touched rows alone */
    bool by_row;
    int32_t *place;   /* rows: 1 + the row's place in touched, or 0 */
    int32_t *touched; /* the batch's rows, in the order they were met */
    int32_t n_touched;
    int32_t *steps; /* rows: steps the row has made */
    size_t cap_gradient, cap_touched;
} lt_parameter;

typedef struct lt_mlp_trainer {
    lt_network net; /* the weights as they are; with batch norm they are not those that predict */
    lt_optimizer optimizer;
    bool batch_norm;
    double dropout;
    int64_t step;
    int n_parameters;
    lt_parameter parameter[LT_MLP_ARRAYS + LT_MLP_LAYERS];
    lt_parameter *dense_in, *sparse_in, *embedding_in, *user, *item; /* NULL where there is none */
    lt_parameter *user_factors, *item_factors, *factors_out;
    lt_parameter *weight[LT_MLP_LAYERS], *bias[LT_MLP_LAYERS], *scale[LT_MLP_LAYERS];
    /* batch norm, per hidden layer (h): the batch's figures, the running ones, and its scale */
    float *mean[LT_MLP_LAYERS], *variance[LT_MLP_LAYERS], *inverse_sd[LT_MLP_LAYERS];
    float *running_mean[LT_MLP_LAYERS], *running_variance[LT_MLP_LAYERS], *norm_scale[LT_MLP_LAYERS];
    /* a batch on its way: before and after each layer's activation, dropout's masks, batch norm's output */
    int batch; /* the most examples */
    float *z[LT_MLP_LAYERS], *a[LT_MLP_LAYERS], *mask[LT_MLP_LAYERS], *normal[LT_MLP_LAYERS];
    float *embedded, *embedded_gradient; /* b x 2e */
    float *products;                     /* b x k */
    float *gradient[2];                  /* b x widest layer */
} lt_mlp_trainer;

/* From a shape, with options already in *t: net's shape, optimizer, batch_norm, dropout, batch. inputs: how many input
 * values an example usually has, for the scale of the random weights. */
lt_status lt_mlp_trainer_init(lt_env *env, lt_mlp_trainer *t, double inputs, lt_random *rng);
/* Forward: margins in t->z[L-1]. */
lt_status lt_mlp_forward(lt_env *env, lt_mlp_trainer *t, const lt_batch *in, const int32_t *user, const int32_t *item,
                         lt_random *rng);
/* Backward from slope (b), the loss's derivative by each margin, to the gradients; then one step of the optimizer. */
lt_status lt_mlp_backward(lt_env *env, lt_mlp_trainer *t, const lt_batch *in, const int32_t *user, const int32_t *item,
                          float *slope);
lt_status lt_mlp_step(lt_env *env, lt_mlp_trainer *t);
/* The predicting network: batch norm folded in, margin = scale * margin + shift, rows never trained set to zero. */
void lt_mlp_freeze(lt_mlp_trainer *t, double scale, double shift, lt_network *out);

/* Gives back what training alone needs. */
void lt_mlp_trainer_free(lt_env *env, lt_mlp_trainer *t);

/* ---- scoring: mlp_score.c, the functions of lt_algorithm ---- */

lt_status lt_mlp_prepare(lt_env *env, lt_scorer *scorer);
lt_status lt_mlp_image(struct lt_image *im, lt_scorer *scorer);
lt_status lt_mlp_score(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items, int64_t n,
                       float *margin);
lt_status lt_mlp_explain(lt_env *env, const lt_model *model, const lt_inputs *in, const lt_examples *one,
                         double *contribution);
lt_status lt_mlp_similar(lt_env *env, const lt_scorer *scorer, int32_t item, float *score);
lt_status lt_mlp_item_vectors(lt_env *env, const lt_scorer *scorer, const int32_t *items, int64_t n, lt_table *out);

#endif
