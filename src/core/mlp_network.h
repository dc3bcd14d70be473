/*
 * mlp_network.h: the network that predicts.
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

#define LT_MLP_LAYERS 16
#define LT_MLP_WIDTH 4096 /* the widest layer */

/* mlp_options.c */
enum { LT_MLP_OPTIONS = 24 };
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
lt_status lt_mlp_forget(lt_env *env, lt_model *model, struct lt_leaver *who);

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
