/*
 * mlp_layers.c: products, activations, dropout and batch norm of one batch.
 *
 * Loops run along rows, so that each is a plain vector loop; sums over a batch keep one running sum a column.
 */
#include "mlp_layers.h"
#include "blas.h"
#include "plain_exp.h"
#include "vectorize.h"

#include <math.h>
#include <string.h>

/* About five milliseconds of multiplications between two polls. */
#define PRODUCT_BLOCK 2.5e8

LT_VECTORIZED
static void outer(int m, int n, const float *restrict a, const float *restrict b, float beta, float *restrict c)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            c[(size_t)i * n + j] = beta == 0 ? a[i] * b[j] : c[(size_t)i * n + j] + a[i] * b[j];
}

lt_status lt_product(lt_env *env, bool a_transposed, bool b_transposed, int m, int n, int k, const float *a,
                     const float *b, float beta, float *c)
{
    double block_rows = PRODUCT_BLOCK / ((double)n * k + 1);
    int rows = block_rows >= m ? m : block_rows < 16 ? 16 : (int)block_rows;

    if (n == 1) { /* B is one column either way */
        cblas_sgemv(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans, a_transposed ? k : m, a_transposed ? m : k,
                    1, a, a_transposed ? m : k, b, 1, beta, c, 1);
        return LT_OK;
    }
    if (k == 1) {
        outer(m, n, a, b, beta, c);
        return LT_OK;
    }
    for (int i = 0; i < m; i += rows) {
        if (i > 0 && env != NULL)
            LT_TRY(lt_poll(env));
        cblas_sgemm(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans, b_transposed ? CblasTrans : CblasNoTrans,
                    m - i < rows ? m - i : rows, n, k, 1, a_transposed ? a + i : a + (size_t)i * k,
                    a_transposed ? m : k, b, b_transposed ? k : n, beta, c + (size_t)i * n, n);
    }
    return LT_OK;
}

/* ---- activations ---- */

static inline float sigmoid(float z)
{
    return 1 / (1 + lt_exp_plain(-z));
}

static inline float relu_of(float z)
{
    return z < 0 ? 0 : z; /* NaN stays NaN, so that divergence shows */
}

static inline float relu_slope(float z)
{
    return z > 0 ? 1.0f : 0.0f;
}

static inline float tanh_of(float z)
{
    return 1 - 2 / (1 + lt_exp_plain(2 * z));
}

static inline float tanh_slope(float z)
{
    float t = tanh_of(z);

    return 1 - t * t;
}

static inline float sigmoid_slope(float z)
{
    float s = sigmoid(z);

    return s * (1 - s);
}

/* The tanh form of Hendrycks and Gimpel 2016: z sigmoid(2 sqrt(2/pi) (z + 0.044715 z^3)). */
#define GELU_1 1.59576912f
#define GELU_3 0.07135481f

static inline float gelu_of(float z)
{
    return z * sigmoid(z * (GELU_1 + GELU_3 * z * z));
}

static inline float gelu_slope(float z)
{
    float s = sigmoid(z * (GELU_1 + GELU_3 * z * z));

    return s + z * s * (1 - s) * (GELU_1 + 3 * GELU_3 * z * z);
}

/* One forward and one backward loop an activation. */
#define ACTIVATION(name)                                                                                               \
    LT_VECTORIZED                                                                                                      \
    static void name##_forward(int b, int h, const float *restrict bias, float *restrict z, float *restrict out)       \
    {                                                                                                                  \
        for (int i = 0; i < b; i++, z += h, out += h)                                                                  \
            for (int j = 0; j < h; j++) {                                                                              \
                z[j] += bias[j];                                                                                       \
                out[j] = name##_of(z[j]);                                                                              \
            }                                                                                                          \
    }                                                                                                                  \
    LT_VECTORIZED                                                                                                      \
    static void name##_back(int b, int h, const float *restrict z, float *restrict gradient, float *restrict sums)     \
    {                                                                                                                  \
        for (int i = 0; i < b; i++, z += h, gradient += h)                                                             \
            for (int j = 0; j < h; j++) {                                                                              \
                gradient[j] *= name##_slope(z[j]);                                                                     \
                sums[j] += gradient[j];                                                                                \
            }                                                                                                          \
    }

static inline float sigmoid_of(float z)
{
    return sigmoid(z);
}

ACTIVATION(relu)
ACTIVATION(tanh)
ACTIVATION(sigmoid)
ACTIVATION(gelu)

LT_VECTORIZED
static void relu_in_place(int b, int h, const float *restrict bias, float *restrict z)
{
    for (int i = 0; i < b; i++, z += h)
        for (int j = 0; j < h; j++)
            z[j] = relu_of(z[j] + bias[j]);
}

void lt_bias_activate(lt_activation f, int b, int h, const float *bias, float *z, float *out)
{
    switch (f) {
    case LT_RELU:
        if (out == z)
            relu_in_place(b, h, bias, z);
        else
            relu_forward(b, h, bias, z, out);
        break;
    case LT_TANH:
        tanh_forward(b, h, bias, z, out);
        break;
    case LT_SIGMOID:
        sigmoid_forward(b, h, bias, z, out);
        break;
    case LT_GELU:
    case LT_ACTIVATIONS:
        gelu_forward(b, h, bias, z, out);
        break;
    }
}

void lt_activate_back(lt_activation f, int b, int h, const float *z, float *gradient, float *sums)
{
    switch (f) {
    case LT_RELU:
        relu_back(b, h, z, gradient, sums);
        break;
    case LT_TANH:
        tanh_back(b, h, z, gradient, sums);
        break;
    case LT_SIGMOID:
        sigmoid_back(b, h, z, gradient, sums);
        break;
    case LT_GELU:
    case LT_ACTIVATIONS:
        gelu_back(b, h, z, gradient, sums);
        break;
    }
}

LT_VECTORIZED
static void add_bias(int b, int h, const float *bias, float *z)
{
    for (int i = 0; i < b; i++, z += h)
        for (int j = 0; j < h; j++)
            z[j] += bias[j];
}

void lt_add_bias(int b, int h, const float *bias, float *z)
{
    add_bias(b, h, bias, z);
}

LT_VECTORIZED
static void column_sums(int b, int h, const float *restrict g, float *restrict sums)
{
    for (int i = 0; i < b; i++, g += h)
        for (int j = 0; j < h; j++)
            sums[j] += g[j];
}

void lt_column_sums(int b, int h, const float *g, float *sums)
{
    column_sums(b, h, g, sums);
}

/* ---- sparse inputs ---- */

LT_VECTORIZED
static void add_scaled(int64_t n, float alpha, const float *restrict x, float *restrict y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += alpha * x[i];
}

void lt_add_scaled(int64_t n, float alpha, const float *x, float *y)
{
    add_scaled(n, alpha, x, y);
}

LT_VECTORIZED
static void sparse_product(int b, int h, const int64_t *start, const int32_t *col, const float *val,
                           const float *restrict w, float *restrict z)
{
    for (int i = 0; i < b; i++, z += h)
        for (int64_t e = start[i]; e < start[i + 1]; e++) {
            const float *row = w + (size_t)col[e] * (size_t)h;
            float v = val == NULL ? 1 : val[e];

            for (int j = 0; j < h; j++)
                z[j] += v * row[j];
        }
}

void lt_sparse_product(int b, int h, const int64_t *start, const int32_t *col, const float *val, const float *w,
                       float *z)
{
    sparse_product(b, h, start, col, val, w, z);
}

/* ---- dropout ---- */

/* Numbers are a hash of the place and of what is drawn once, so that none waits for another: the finalizer of
 * MurmurHash3 (Appleby 2011). */
LT_VECTORIZED
static void dropout_mask(uint32_t low, uint32_t high, uint32_t cut, float keep, int64_t n, float *restrict mask)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t x = (uint32_t)i * UINT32_C(0x9e3779b9) ^ low;

        x = (x ^ (x >> 16)) * UINT32_C(0x85ebca6b);
        x = ((x ^ (x >> 13)) + high) * UINT32_C(0xc2b2ae35);
        mask[i] = ((x ^ (x >> 16)) & 0xffff) < cut ? 0 : keep;
    }
}

void lt_dropout_mask(lt_random *rng, double rate, int64_t n, float *mask)
{
    uint32_t cut = (uint32_t)lrint(rate * 65536);
    uint64_t drawn = lt_random_next(rng);

    dropout_mask((uint32_t)drawn, (uint32_t)(drawn >> 32), cut, (float)(65536.0 / (65536.0 - cut)), n, mask);
}

LT_VECTORIZED
static void multiply(int64_t n, const float *restrict mask, float *restrict v)
{
    for (int64_t i = 0; i < n; i++)
        v[i] *= mask[i];
}

void lt_multiply(int64_t n, const float *mask, float *v)
{
    multiply(n, mask, v);
}

/* ---- batch norm ---- */

LT_VECTORIZED
static void column_moments(int b, int h, const float *restrict z, float *restrict mean, float *restrict squares)
{
    memset(mean, 0, (size_t)h * sizeof *mean);
    memset(squares, 0, (size_t)h * sizeof *squares);
    for (int i = 0; i < b; i++)
        for (int j = 0; j < h; j++)
            mean[j] += z[(size_t)i * h + j];
    for (int j = 0; j < h; j++)
        mean[j] /= (float)b;
    for (int i = 0; i < b; i++)
        for (int j = 0; j < h; j++) {
            float d = z[(size_t)i * h + j] - mean[j];

            squares[j] += d * d;
        }
}

void lt_column_moments(int b, int h, const float *z, float *mean, float *squares)
{
    column_moments(b, h, z, mean, squares);
}

LT_VECTORIZED
static void batch_norm(int b, int h, const float *scale, const float *mean, const float *variance, float *restrict z,
                       float *restrict normal, float *restrict inverse_sd)
{
    for (int j = 0; j < h; j++)
        inverse_sd[j] = 1 / sqrtf(variance[j] + (float)LT_BATCH_NORM_EPSILON);
    for (int i = 0; i < b; i++, z += h, normal += h)
        for (int j = 0; j < h; j++) {
            normal[j] = (z[j] - mean[j]) * inverse_sd[j];
            z[j] = scale[j] * normal[j];
        }
}

void lt_batch_norm(int b, int h, const float *scale, const float *mean, const float *variance, float *z, float *normal,
                   float *inverse_sd)
{
    batch_norm(b, h, scale, mean, variance, z, normal, inverse_sd);
}

LT_VECTORIZED
static void column_products(int b, int h, const float *restrict g, const float *restrict normal, float *restrict sums)
{
    for (int i = 0; i < b; i++, g += h, normal += h)
        for (int j = 0; j < h; j++)
            sums[j] += g[j] * normal[j];
}

void lt_column_products(int b, int h, const float *g, const float *normal, float *sums)
{
    column_products(b, h, g, normal, sums);
}

LT_VECTORIZED
static void batch_norm_back(int b, int h, int all, const float *scale, const float *restrict normal,
                            const float *inverse_sd, const float *by_bias, const float *by_scale, float *restrict g)
{
    for (int i = 0; i < b; i++, g += h, normal += h)
        for (int j = 0; j < h; j++)
            g[j] = scale[j] * inverse_sd[j] * (g[j] - (by_bias[j] + normal[j] * by_scale[j]) / (float)all);
}

void lt_batch_norm_back(int b, int h, int all, const float *scale, const float *normal, const float *inverse_sd,
                        const float *by_bias, const float *by_scale, float *g)
{
    batch_norm_back(b, h, all, scale, normal, inverse_sd, by_bias, by_scale, g);
}
