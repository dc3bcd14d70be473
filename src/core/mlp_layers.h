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
 * beta is 0 or 1. Polls between blocks of rows, so that a large layer can be cancelled; env NULL: does not, and
 * succeeds.
 */
lt_status lt_product(lt_env *env, bool a_transposed, bool b_transposed, int m, int n, int k, const float *a,
                     const float *b, float beta, float *c);

/* z (b x h) += bias (h) in every row; out = f(z). With LT_RELU out may be z, which then does as well on the way back.
 */
void lt_bias_activate(lt_activation f, int b, int h, const float *bias, float *z, float *out);
/* gradient (b x h, by out) becomes the one by z: times f'(z). Its columns are added to sums (h): the bias's gradient.
 */
void lt_activate_back(lt_activation f, int b, int h, const float *z, float *gradient, float *sums);
void lt_add_bias(int b, int h, const float *bias, float *z);
/* sums (h) += the columns of g (b x h). */
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
 * Batch norm (Ioffe and Szegedy 2015), before the activation; its shift is the layer's bias, added after.  The batch
 * may be in several parts: of each, the columns' means and sums of squares around them (h); of all together, put
 * together by the caller, mean and variance (h). Forward: normal (b x h) = (z - mean) / sd; z = scale * normal;
 * inverse_sd (h) for the way back.
 */
#define LT_BATCH_NORM_EPSILON 1e-5
void lt_column_moments(int b, int h, const float *z, float *mean, float *squares);
void lt_batch_norm(int b, int h, const float *scale, const float *mean, const float *variance, float *z, float *normal,
                   float *inverse_sd);
/* sums (h) += the columns of g * normal: the scale's gradient. */
void lt_column_products(int b, int h, const float *g, const float *normal, float *sums);
/* g (b x h) by z + bias becomes the one by the input; by_bias and by_scale (h) are the gradients of all of the batch,
 * which has `all` examples. */
void lt_batch_norm_back(int b, int h, int all, const float *scale, const float *normal, const float *inverse_sd,
                        const float *by_bias, const float *by_scale, float *g);

#endif
