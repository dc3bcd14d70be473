/*
 * mlp_layers.h: the layers' arithmetic on one batch, forward beside backward. No memory of its own.
 *
 * Legend: b examples of a batch, h outputs of a layer, `in` its inputs.  Matrices are row-major, a row an example.
 */
#ifndef LT_MLP_LAYERS_H
#define LT_MLP_LAYERS_H

#include "base.h"
#include "random.h"

typedef enum lt_activation { LT_RELU, LT_TANH, LT_SIGMOID, LT_GELU, LT_ACTIVATIONS } lt_activation;

/*
 * C (m x n) = A (m x k) B (k x n) + beta C, where A is stored as k x m when a_transposed, B as n x k when b_transposed.
 * beta is 0 or 1. Polls between blocks of rows, so that a large layer can be cancelled.
 */
lt_status lt_product(lt_env *env, bool a_transposed, bool b_transposed, int m, int n, int k, const float *a,
                     const float *b, float beta, float *c);

/* z (b x h) += bias (h) in every row; out = f(z). */
void lt_bias_activate(lt_activation f, int b, int h, const float *bias, float *z, float *out);
/* gradient (by out, n values) becomes the one by z: times f'(z). */
void lt_activate_back(lt_activation f, int64_t n, const float *z, float *gradient);
void lt_add_bias(int b, int h, const float *bias, float *z);
/* sums (h) of the columns of g (b x h): the bias's gradient. */
void lt_column_sums(int b, int h, const float *g, float *sums);

/* y += alpha x, n values: a sparse column's row of weights, and its gradient. */
void lt_add_scaled(int64_t n, float alpha, const float *x, float *y);
/* z (b x h) += sparse rows times w (columns x h). val NULL is all ones. */
void lt_sparse_product(int b, int h, const int64_t *start, const int32_t *col, const float *val, const float *w,
                       float *z);

/* Inverted dropout (Srivastava et al. 2014): a mask of n values, 0 with probability rate (to 1/65536), else what keeps
 * the expectation. Forward and backward are both a product with it. */
void lt_dropout_mask(lt_random *rng, double rate, int64_t n, float *mask);
void lt_multiply(int64_t n, const float *mask, float *v);

/*
 * Batch norm (Ioffe and Szegedy 2015), before the activation; its shift is the layer's bias, added after.
 * Forward: normal (b x h) = (z - mean) / sd, columns of this batch; z = scale * normal; mean and variance (h) come out,
 * inverse_sd (h) for the way back.
 */
#define LT_BATCH_NORM_EPSILON 1e-5
void lt_batch_norm(int b, int h, const float *scale, float *z, float *normal, float *mean, float *variance,
                   float *inverse_sd);
/* g (b x h) by z + bias becomes the one by the input; bias_gradient (h) must hold g's column sums already. */
void lt_batch_norm_back(int b, int h, const float *scale, const float *normal, const float *inverse_sd,
                        const float *bias_gradient, float *scale_gradient, float *g);

#endif
