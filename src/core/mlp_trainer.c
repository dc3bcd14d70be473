/*
 * mlp_trainer.c: forward and backward of a training batch, the optimizer's step, and the frozen result.
 *
 * A hidden layer is: inputs times weights, batch norm (if asked for), bias, activation, dropout (if asked for).
 * Sparse columns' weights, embeddings and factors have gradients for the rows a batch touches, and only those rows make
 * a step, moments and penalties included ("lazy" updates).  Each such row counts its own steps, so that Adam treats a
 * rare row as if the batches without it had not been.
 */
#include "mlp_network.h"

#include <math.h>
#include <string.h>

/* The batch's share in the running mean and variance. */
#define NORM_RATE 0.1f
#define EMBEDDING_SD 0.03 /* larger ones are noise that rare rows never lose; smaller ones are slow to leave zero */
#define FILL_BLOCK 65536  /* random values between polls */

/* ---- initial weights ---- */

/* Uniform with the standard deviation given: cheaper than normal and as good. */
static lt_status fill(lt_env *env, float *w, int64_t n, double sd, lt_random *rng)
{
    double limit = sqrt(3) * sd;

    for (int64_t i = 0; i < n; i++) {
        if (i % FILL_BLOCK == 0)
            LT_TRY(lt_poll(env));
        w[i] = (float)((2 * lt_random_uniform(rng) - 1) * limit);
    }
    return LT_OK;
}

/* He et al. 2015 where half of what comes in has been cut off, Glorot and Bengio 2010 elsewhere. */
static double initial_sd(const lt_network *net, int layer, double inputs)
{
    bool cut = net->activation == LT_RELU || net->activation == LT_GELU;

    inputs = inputs < 1 ? 1 : inputs;
    return cut && layer > 0 && layer < net->layers - 1 ? sqrt(2 / inputs) : sqrt(2 / (inputs + net->width[layer]));
}

/* ---- parameters ---- */

static lt_status add_parameter(lt_env *env, lt_mlp_trainer *t, lt_parameter p, lt_parameter **out)
{
    int moments = lt_optimizer_moments(t->optimizer.kind);
    size_t values = (size_t)(p.rows * p.cols);

    if (p.by_row) {
        LT_TRY(lt_alloc(env, &p.place, (size_t)p.rows, sizeof *p.place, "the network's gradients"));
        LT_TRY(lt_alloc(env, &p.steps, (size_t)p.rows, sizeof *p.steps, "the network's gradients"));
    } else
        LT_TRY(lt_alloc(env, &p.gradient, values, sizeof(float), "the network's gradients"));
    if (moments >= 1)
        LT_TRY(lt_alloc(env, &p.first, values, sizeof(float), "the optimizer's moments"));
    if (moments >= 2)
        LT_TRY(lt_alloc(env, &p.second, values, sizeof(float), "the optimizer's moments"));
    *out = &t->parameter[t->n_parameters++];
    **out = p;
    return LT_OK;
}

/* The trainer's name for a network's array. */
static lt_parameter **parameter_of(lt_mlp_trainer *t, const lt_mlp_array *array)
{
    lt_network *net = &t->net;

    if (array->bias)
        return &t->bias[array->layer];
    if (array->values == &net->factors_out)
        return &t->factors_out;
    if (array->layer > 0)
        return &t->weight[array->layer];
    return array->values == &net->dense_in       ? &t->dense_in
           : array->values == &net->sparse_in    ? &t->sparse_in
           : array->values == &net->user         ? &t->user
           : array->values == &net->item         ? &t->item
           : array->values == &net->user_factors ? &t->user_factors
           : array->values == &net->item_factors ? &t->item_factors
                                                 : &t->embedding_in;
}

static lt_status init_layer(lt_env *env, lt_mlp_trainer *t, int l)
{
    const char *what = "a batch on its way through the network";
    size_t h = (size_t)t->net.width[l], bh = (size_t)t->batch * h;

    LT_TRY(lt_alloc(env, &t->z[l], bh, sizeof(float), what));
    if (l == t->net.layers - 1)
        return LT_OK;
    LT_TRY(lt_alloc(env, &t->a[l], bh, sizeof(float), what));
    if (t->dropout > 0)
        LT_TRY(lt_alloc(env, &t->mask[l], bh, sizeof(float), what));
    if (t->batch_norm) {
        float **of[] = {&t->mean[l],         &t->variance[l],         &t->inverse_sd[l],
                        &t->running_mean[l], &t->running_variance[l], &t->norm_scale[l]};

        LT_TRY(lt_alloc(env, &t->normal[l], bh, sizeof(float), what));
        for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
            LT_TRY(lt_alloc(env, of[i], h, sizeof(float), "batch norm"));
        for (size_t j = 0; j < h; j++)
            t->norm_scale[l][j] = 1;
        LT_TRY(add_parameter(env, t, (lt_parameter){.rows = 1, .cols = (int64_t)h, .weight = t->norm_scale[l]},
                             &t->scale[l]));
    }
    return LT_OK;
}

lt_status lt_mlp_trainer_init(lt_env *env, lt_mlp_trainer *t, double inputs, lt_random *rng)
{
    lt_mlp_array array[LT_MLP_ARRAYS];
    size_t widest = 1, embedded = (size_t)t->batch * 2 * (size_t)t->net.embedding;
    size_t products = (size_t)t->batch * (size_t)t->net.factors;
    int n;

    LT_TRY(lt_mlp_alloc(env, &t->net));
    n = lt_mlp_arrays(&t->net, array);
    for (int i = 0; i < n; i++) {
        const lt_mlp_array *a = &array[i];
        double from = a->layer > 0 ? (double)a->rows : inputs;
        double sd = a->layer < 0 ? EMBEDDING_SD : initial_sd(&t->net, a->layer, from);

        if (!a->bias)
            LT_TRY(fill(env, *a->values, a->rows * a->cols, sd, rng));
        LT_TRY(add_parameter(
            env, t,
            (lt_parameter){
                .rows = a->rows, .cols = a->cols, .weight = *a->values, .penalised = !a->bias, .by_row = a->by_row},
            parameter_of(t, a)));
    }
    for (int32_t k = 0; k < t->net.factors; k++)
        t->net.factors_out[k] = 1; /* begins as the inner product, that of a factorization */
    for (int l = 0; l < t->net.layers; l++) {
        LT_TRY(init_layer(env, t, l));
        widest = (size_t)t->net.width[l] > widest ? (size_t)t->net.width[l] : widest;
    }
    for (int i = 0; i < 2; i++)
        LT_TRY(lt_alloc(env, &t->gradient[i], (size_t)t->batch * widest, sizeof(float), "a batch's gradients"));
    LT_TRY(lt_alloc(env, &t->products, products, sizeof(float), "a batch's embeddings"));
    LT_TRY(lt_alloc(env, &t->embedded, embedded, sizeof(float), "a batch's embeddings"));
    return lt_alloc(env, &t->embedded_gradient, embedded, sizeof(float), "a batch's embeddings");
}

/* ---- forward ---- */

/* The running figures begin with the first batch's, so that a short training is not pulled towards nothing. */
static void run_norm(lt_mlp_trainer *t, int l, int b)
{
    float rate = t->step == 0 ? 1 : NORM_RATE;
    float unbiased = b > 1 ? (float)b / (float)(b - 1) : 1;

    for (int j = 0; j < t->net.width[l]; j++) {
        t->running_mean[l][j] += rate * (t->mean[l][j] - t->running_mean[l][j]);
        t->running_variance[l][j] += rate * (t->variance[l][j] * unbiased - t->running_variance[l][j]);
    }
}

lt_status lt_mlp_forward(lt_env *env, lt_mlp_trainer *t, const lt_batch *in, const int32_t *user, const int32_t *item,
                         lt_random *rng)
{
    lt_network *net = &t->net;
    int b = in->b, last = net->layers - 1;

    LT_TRY(lt_mlp_first(env, net, in, user, item, t->embedded, t->z[0]));
    for (int l = 0; l < last; l++) {
        int h = net->width[l];

        if (t->batch_norm) {
            lt_batch_norm(b, h, t->norm_scale[l], t->z[l], t->normal[l], t->mean[l], t->variance[l], t->inverse_sd[l]);
            run_norm(t, l, b);
        }
        lt_bias_activate(net->activation, b, h, net->bias[l], t->z[l], t->a[l]);
        if (t->dropout > 0) {
            lt_dropout_mask(rng, t->dropout, (int64_t)b * h, t->mask[l]);
            lt_multiply((int64_t)b * h, t->mask[l], t->a[l]);
        }
        LT_TRY(lt_product(env, false, false, b, net->width[l + 1], h, t->a[l], net->weight[l + 1], 0, t->z[l + 1]));
    }
    lt_add_bias(b, 1, net->bias[last], t->z[last]);
    return lt_mlp_add_products(env, net, b, user, item, t->products, t->z[last]);
}

/* ---- backward ---- */

/* The gradient of one row of a by-row parameter, zero when the batch meets it first. */
static lt_status touch(lt_env *env, lt_parameter *p, int64_t row, float **gradient)
{
    size_t cols = (size_t)p->cols;
    int32_t n = p->n_touched;

    if (p->place[row] == 0) {
        LT_TRY(lt_grow(env, &p->touched, &p->cap_touched, (size_t)n + 1, sizeof *p->touched, "a batch's gradients"));
        LT_TRY(
            lt_grow(env, &p->gradient, &p->cap_gradient, ((size_t)n + 1) * cols, sizeof(float), "a batch's gradients"));
        memset(p->gradient + (size_t)n * cols, 0, cols * sizeof(float));
        p->touched[n] = (int32_t)row;
        p->place[row] = ++p->n_touched;
    }
    *gradient = p->gradient + (size_t)(p->place[row] - 1) * cols;
    return LT_OK;
}

static lt_status sparse_back(lt_env *env, lt_parameter *p, const lt_batch *in, const float *g)
{
    for (int i = 0; i < in->b; i++, g += p->cols)
        for (int64_t k = in->start[i]; k < in->start[i + 1]; k++) {
            float *row;

            LT_TRY(touch(env, p, in->col[k], &row));
            lt_add_scaled(p->cols, in->val == NULL ? 1 : in->val[k], g, row);
        }
    return LT_OK;
}

/* g: b rows at a distance of 2e. */
static lt_status embedding_back(lt_env *env, lt_parameter *p, const int32_t *number, int b, const float *g)
{
    for (int i = 0; i < b && number != NULL; i++, g += 2 * p->cols) {
        float *row;

        if (number[i] < 0 || number[i] >= p->rows)
            continue;
        LT_TRY(touch(env, p, number[i], &row));
        lt_add_scaled(p->cols, 1, g, row);
    }
    return LT_OK;
}

/* The product branch: each side's factors by the other's. */
static lt_status products_back(lt_env *env, lt_mlp_trainer *t, int b, const int32_t *user, const int32_t *item,
                               const float *slope)
{
    const lt_network *net = &t->net;
    size_t k = (size_t)net->factors;

    LT_TRY(lt_product(env, true, false, net->factors, 1, b, t->products, slope, 0, t->factors_out->gradient));
    for (int i = 0; i < b; i++) {
        const float *p, *q;
        float *by_user, *by_item;

        if (user[i] < 0 || user[i] >= net->users || item[i] < 0 || item[i] >= net->items)
            continue;
        p = net->user_factors + (size_t)user[i] * k;
        q = net->item_factors + (size_t)item[i] * k;
        LT_TRY(touch(env, t->user_factors, user[i], &by_user));
        LT_TRY(touch(env, t->item_factors, item[i], &by_item));
        for (size_t j = 0; j < k; j++) {
            float g = slope[i] * net->factors_out[j];

            by_user[j] += g * q[j];
            by_item[j] += g * p[j];
        }
    }
    return LT_OK;
}

lt_status lt_mlp_backward(lt_env *env, lt_mlp_trainer *t, const lt_batch *in, const int32_t *user, const int32_t *item,
                          float *slope)
{
    lt_network *net = &t->net;
    int b = in->b, e = net->embedding, h = net->width[0];
    float *g = slope; /* by the layer's z, after batch norm and bias; b x h */

    if (net->factors > 0 && user != NULL && item != NULL)
        LT_TRY(products_back(env, t, b, user, item, slope));
    for (int l = net->layers - 1;; l--) {
        int out = net->width[l];

        if (l < net->layers - 1) {
            if (t->dropout > 0)
                lt_multiply((int64_t)b * out, t->mask[l], g);
            lt_activate_back(net->activation, (int64_t)b * out, t->z[l], g);
        }
        lt_column_sums(b, out, g, t->bias[l]->gradient);
        if (l < net->layers - 1 && t->batch_norm)
            lt_batch_norm_back(b, out, t->norm_scale[l], t->normal[l], t->inverse_sd[l], t->bias[l]->gradient,
                               t->scale[l]->gradient, g);
        if (l == 0)
            break;
        LT_TRY(lt_product(env, true, false, net->width[l - 1], out, b, t->a[l - 1], g, 0, t->weight[l]->gradient));
        LT_TRY(lt_product(env, false, true, b, net->width[l - 1], out, g, net->weight[l], 0, t->gradient[l % 2]));
        g = t->gradient[l % 2];
    }
    if (net->dense > 0)
        LT_TRY(lt_product(env, true, false, net->dense, h, b, in->x, g, 0, t->dense_in->gradient));
    if (e > 0) {
        LT_TRY(lt_product(env, true, false, 2 * e, h, b, t->embedded, g, 0, t->embedding_in->gradient));
        LT_TRY(lt_product(env, false, true, b, 2 * e, h, g, net->embedding_in, 0, t->embedded_gradient));
        LT_TRY(embedding_back(env, t->user, user, b, t->embedded_gradient));
        LT_TRY(embedding_back(env, t->item, item, b, t->embedded_gradient + e));
    }
    if (net->sparse > 0)
        LT_TRY(sparse_back(env, t->sparse_in, in, g));
    return LT_OK;
}

lt_status lt_mlp_step(lt_env *env, lt_mlp_trainer *t)
{
    t->step++;
    for (int i = 0; i < t->n_parameters; i++) {
        lt_parameter *p = &t->parameter[i];

        if (p->rows * p->cols > FILL_BLOCK)
            LT_TRY(lt_poll(env));
        if (!p->by_row) {
            lt_optimizer_step(&t->optimizer, t->step, p->penalised, p->rows * p->cols, p->gradient, p->first, p->second,
                              p->weight);
            continue;
        }
        for (int32_t k = 0; k < p->n_touched; k++) {
            int32_t row = p->touched[k];
            int64_t at = row * p->cols;

            p->place[row] = 0;
            if (p->steps[row] < INT32_MAX)
                p->steps[row]++;
            lt_optimizer_step(&t->optimizer, p->steps[row], p->penalised, p->cols, p->gradient + k * p->cols,
                              p->first == NULL ? NULL : p->first + at, p->second == NULL ? NULL : p->second + at,
                              p->weight + at);
        }
        p->n_touched = 0;
    }
    return LT_OK;
}

/* ---- freezing ---- */

/* scale (h): what each output of the layer is multiplied by, in every array that leads into it. */
static void scale_layer(lt_network *net, int layer, const float *scale)
{
    lt_mlp_array array[LT_MLP_ARRAYS];
    int n = lt_mlp_arrays(net, array);

    for (int i = 0; i < n; i++) {
        float *w = *array[i].values;

        if (array[i].layer != layer || array[i].bias)
            continue;
        for (int64_t r = 0; r < array[i].rows; r++, w += array[i].cols)
            for (int64_t j = 0; j < array[i].cols; j++)
                w[j] *= scale[j];
    }
}

/* A row no batch has touched holds random numbers: a category or user of the validation part alone. Zero says that
 * nothing is known. */
static void forget_untouched(const lt_parameter *p, float *w)
{
    for (int64_t r = 0; p != NULL && r < p->rows; r++)
        if (p->steps[r] == 0)
            memset(w + r * p->cols, 0, (size_t)p->cols * sizeof *w);
}

void lt_mlp_freeze(lt_mlp_trainer *t, double scale, double shift, lt_network *out)
{
    int last = t->net.layers - 1;
    float margin_scale = (float)scale;

    lt_mlp_copy(out, &t->net);
    forget_untouched(t->sparse_in, out->sparse_in);
    forget_untouched(t->user, out->user);
    forget_untouched(t->item, out->item);
    forget_untouched(t->user_factors, out->user_factors);
    forget_untouched(t->item_factors, out->item_factors);
    for (int l = 0; l < last && t->batch_norm; l++) {
        /* the batch's room, free between batches */
        float *factor = t->inverse_sd[l];

        for (int j = 0; j < out->width[l]; j++) {
            factor[j] = t->norm_scale[l][j] / sqrtf(t->running_variance[l][j] + (float)LT_BATCH_NORM_EPSILON);
            out->bias[l][j] -= t->running_mean[l][j] * factor[j];
        }
        scale_layer(out, l, factor);
    }
    scale_layer(out, last, &margin_scale);
    out->bias[last][0] = (float)(scale * out->bias[last][0] + shift);
}

void lt_mlp_trainer_free(lt_env *env, lt_mlp_trainer *t)
{
    for (int i = 0; i < t->n_parameters; i++) {
        lt_parameter *p = &t->parameter[i];
        void *part[] = {p->weight, p->gradient, p->first, p->second, p->place, p->touched, p->steps};

        for (size_t k = 0; k < sizeof part / sizeof part[0]; k++)
            lt_free(env, part[k]);
    }
    for (int l = 0; l < t->net.layers; l++) {
        void *part[] = {t->z[l], t->a[l], t->mask[l], t->normal[l]};

        for (size_t k = 0; k < sizeof part / sizeof part[0]; k++)
            lt_free(env, part[k]);
    }
    lt_free(env, t->gradient[0]);
    lt_free(env, t->gradient[1]);
    lt_free(env, t->embedded);
    lt_free(env, t->embedded_gradient);
    lt_free(env, t->products);
}
