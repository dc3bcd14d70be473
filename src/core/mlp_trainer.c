/*
 * mlp_trainer.c: what training keeps: weights, moments, room for batches; and the frozen result.
 *
 * A hidden layer is: inputs times weights, batch norm (if asked for), bias, activation, dropout (if asked for).
 * Sparse columns' weights, embeddings and factors are stepped where a batch touches their rows, moments and penalties
 * included ("lazy" updates).  Each such row counts its own steps, so that Adam treats a rare row as if the batches
 * without it had not been.
 */
#include "mlp_trainer.h"

#include <math.h>
#include <string.h>

#define EMBEDDING_SD 0.03 /* larger ones are noise that rare rows never lose; smaller ones are slow to leave zero */
#define FILL_BLOCK 65536  /* random values between polls */
#define LINE 16           /* values of a cache line */
/* Weights of one layer that are kept turned as well: BLAS is slow to turn small ones itself, at every product. */
#define TURNED_MOST 32768

/*
 * How batches are divided.  Small blocks keep all of an example's way in the second-level cache and let many threads
 * share a batch; but every part writes a gradient and has it read again, which has to be little beside its products.
 */
#define BLOCK_ROWS 64
#define BLOCK_ROWS_LARGE 128 /* of a network with more than SMALL_VALUES dense weights */
#define BLOCK_ROWS_LEAST 16
#define SMALL_VALUES 32768
#define PARTS_VALUES (1 << 22) /* values that the parts' gradients may take, with at least PARTS_LEAST parts */
#define PARTS_LEAST 4
#define PARTS_MOST 256
#define TASK_FLOPS 1e9 /* of a block at most: some milliseconds */
#define RUN_FLOPS 5e8  /* of the batches of one run, if it has several */
#define BATCHES_MOST 32

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

/* Places for the dense parameters, penalised ones first, each at the begin of a cache line. */
static void lay_out(lt_mlp_trainer *t)
{
    for (int penalised = 1; penalised >= 0; penalised--) {
        for (int i = 0; i < t->n_parameters; i++) {
            lt_parameter *p = &t->parameter[i];

            if (p->by_row || p->penalised != penalised)
                continue;
            p->at = t->n_values;
            t->n_values += (p->rows * p->cols + LINE - 1) / LINE * LINE;
        }
        if (penalised)
            t->n_penalised = t->n_values;
    }
}

/* Weights and moments of all parameters; *weight is where the network has the parameter's. */
static lt_status make_parameters(lt_env *env, lt_mlp_trainer *t, float ***weight)
{
    int moments = lt_optimizer_moments(t->optimizer.kind);
    const char *weights = "the network's weights", *of_optimizer = "the optimizer's moments";

    lay_out(t);
    LT_TRY(lt_alloc(env, &t->values, (size_t)t->n_values, sizeof(float), weights));
    if (moments >= 1)
        LT_TRY(lt_alloc(env, &t->first, (size_t)t->n_values, sizeof(float), of_optimizer));
    if (moments >= 2)
        LT_TRY(lt_alloc(env, &t->second, (size_t)t->n_values, sizeof(float), of_optimizer));
    for (int i = 0; i < t->n_parameters; i++) {
        lt_parameter *p = &t->parameter[i];
        size_t values = (size_t)(p->rows * p->cols);

        if (!p->by_row)
            p->weight = t->values + p->at;
        else {
            LT_TRY(lt_alloc(env, &p->weight, values, sizeof(float), weights));
            if (moments >= 1)
                LT_TRY(lt_alloc(env, &p->first, values, sizeof(float), of_optimizer));
            if (moments >= 2)
                LT_TRY(lt_alloc(env, &p->second, values, sizeof(float), of_optimizer));
            LT_TRY(lt_alloc(env, &p->place, (size_t)p->rows, sizeof *p->place, "the network's gradients"));
            LT_TRY(lt_alloc(env, &p->steps, (size_t)p->rows, sizeof *p->steps, "the network's gradients"));
            if (p != t->sparse_in)
                LT_TRY(lt_grow(env, &p->entry, &p->cap_entries, (size_t)t->batch, sizeof *p->entry, "a batch"));
        }
        *weight[i] = p->weight;
    }
    return LT_OK;
}

static lt_status init_parameters(lt_env *env, lt_mlp_trainer *t, double inputs, lt_random *rng)
{
    lt_mlp_array array[LT_MLP_ARRAYS];
    float **weight[LT_MLP_ARRAYS + LT_MLP_LAYERS];
    int n = lt_mlp_arrays(&t->net, array), hidden = t->net.layers - 1;

    for (int i = 0; i < n; i++) {
        weight[t->n_parameters] = array[i].values;
        *parameter_of(t, &array[i]) = &t->parameter[t->n_parameters];
        t->parameter[t->n_parameters++] = (lt_parameter){
            .rows = array[i].rows, .cols = array[i].cols, .penalised = !array[i].bias, .by_row = array[i].by_row};
    }
    for (int l = 0; l < hidden && t->batch_norm; l++) {
        weight[t->n_parameters] = &t->norm_scale[l];
        t->scale[l] = &t->parameter[t->n_parameters];
        t->parameter[t->n_parameters++] = (lt_parameter){.rows = 1, .cols = t->net.width[l]};
    }
    LT_TRY(make_parameters(env, t, weight));
    for (int i = 0; i < n; i++) {
        const lt_mlp_array *a = &array[i];
        double from = a->layer > 0 ? (double)a->rows : inputs;
        double sd = a->layer < 0 ? EMBEDDING_SD : initial_sd(&t->net, a->layer, from);

        if (!a->bias)
            LT_TRY(fill(env, *a->values, a->rows * a->cols, sd, rng));
    }
    for (int32_t k = 0; k < t->net.factors; k++)
        t->net.factors_out[k] = 1; /* begins as the inner product, that of a factorization */
    for (int l = 0; l < hidden; l++) {
        size_t h = (size_t)t->net.width[l], next = (size_t)t->net.width[l + 1];

        if (next > 1 && h * next <= TURNED_MOST)
            LT_TRY(lt_alloc(env, &t->turned[l + 1], h * next, sizeof(float), "the network's weights"));
        if (!t->batch_norm)
            continue;
        LT_TRY(lt_alloc(env, &t->running_mean[l], h, sizeof(float), "batch norm"));
        LT_TRY(lt_alloc(env, &t->running_variance[l], h, sizeof(float), "batch norm"));
        for (size_t j = 0; j < h; j++)
            t->norm_scale[l][j] = 1;
    }
    lt_mlp_weights_changed(t);
    return LT_OK;
}

/* ---- room for batches ---- */

static lt_status init_part(lt_env *env, lt_mlp_trainer *t, lt_mlp_part *p, size_t widest)
{
    const char *what = "a batch on its way through the network";
    size_t b = (size_t)t->block_most;

    LT_TRY(lt_alloc(env, &p->gradient, (size_t)t->n_values, sizeof(float), "the network's gradients"));
    for (int l = 0; l < t->net.layers; l++) {
        size_t h = (size_t)t->net.width[l], bh = b * h;

        LT_TRY(lt_alloc(env, &p->z[l], bh, sizeof(float), what));
        if (l == t->net.layers - 1)
            break;
        p->a[l] = p->z[l];
        if (t->net.activation != LT_RELU || t->dropout > 0)
            LT_TRY(lt_alloc(env, &p->a[l], bh, sizeof(float), what));
        if (t->dropout > 0)
            LT_TRY(lt_alloc(env, &p->mask[l], bh, sizeof(float), what));
        if (!t->batch_norm)
            continue;
        LT_TRY(lt_alloc(env, &p->normal[l], bh, sizeof(float), what));
        LT_TRY(lt_alloc(env, &p->mean[l], h, sizeof(float), what));
        LT_TRY(lt_alloc(env, &p->squares[l], h, sizeof(float), what));
        LT_TRY(lt_alloc(env, &p->inverse_sd[l], h, sizeof(float), what));
    }
    for (int i = 0; i < 2; i++)
        LT_TRY(lt_alloc(env, &p->back[i], b * widest, sizeof(float), what));
    return lt_alloc(env, &p->sum, 2 * widest, sizeof(float), what);
}

/* How batches are divided: by the network and the size of a batch alone. */
static void divide(lt_mlp_trainer *t, double flops)
{
    int64_t most = PARTS_VALUES / t->n_values, blocks;

    most = most < PARTS_LEAST ? PARTS_LEAST : most > PARTS_MOST ? PARTS_MOST : most;
    most = t->parts_most > 0 ? t->parts_most : most;
    if (t->block_rows == 0) {
        double rows = t->n_values > SMALL_VALUES ? BLOCK_ROWS_LARGE : BLOCK_ROWS;

        rows = rows * flops > TASK_FLOPS ? TASK_FLOPS / flops : rows;
        if (t->batch_norm && rows < (double)t->batch / (double)most)
            rows = ceil((double)t->batch / (double)most); /* a part is one block */
        t->block_rows = rows < BLOCK_ROWS_LEAST ? BLOCK_ROWS_LEAST : (int)rows;
    }
    t->block_rows = t->block_rows < t->batch ? t->block_rows : t->batch;
    blocks = (t->batch + t->block_rows - 1) / t->block_rows;
    t->blocks_of_part = t->batch_norm ? 1 : (int)((blocks + most - 1) / most);
    t->parts = (int)((blocks + t->blocks_of_part - 1) / t->blocks_of_part);
    t->block_most = t->block_rows + t->group - 1 < t->batch ? t->block_rows + t->group - 1 : t->batch;
    t->most_batches = (int)(RUN_FLOPS / (flops * t->batch));
    t->most_batches = t->most_batches < 1 ? 1 : t->most_batches > BATCHES_MOST ? BATCHES_MOST : t->most_batches;
}

lt_status lt_mlp_trainer_init(lt_env *env, lt_mlp_trainer *t, double inputs, lt_random *rng)
{
    const char *what = "a batch's embeddings";
    size_t b = (size_t)t->batch, widest = 1, blocks;
    const lt_network *net = &t->net;
    double flops = 0; /* of an example, forward and backward */

    t->batch_norm = t->batch_norm && net->layers > 1;
    LT_TRY(init_parameters(env, t, inputs, rng));
    for (int l = 0; l < net->layers; l++) {
        widest = (size_t)net->width[l] > widest ? (size_t)net->width[l] : widest;
        flops += 6.0 * (l == 0 ? inputs : net->width[l - 1]) * net->width[l];
    }
    divide(t, flops);
    LT_TRY(lt_alloc(env, &t->part, (size_t)t->parts, sizeof *t->part, "a batch"));
    for (int k = 0; k < t->parts; k++)
        LT_TRY(init_part(env, t, &t->part[k], widest));
    blocks = (size_t)t->parts * (size_t)t->blocks_of_part;
    LT_TRY(lt_alloc(env, &t->plan, (size_t)t->most_batches, sizeof *t->plan, "a batch"));
    for (int i = 0; i < t->most_batches; i++)
        LT_TRY(lt_alloc(env, &t->plan[i].bound, blocks + 1, sizeof *t->plan[i].bound, "a batch"));
    LT_TRY(lt_alloc(env, &t->slope, b, sizeof *t->slope, "a batch"));
    if (net->sparse > 0 && net->layers > 1)
        LT_TRY(lt_alloc(env, &t->first_gradient, b * (size_t)net->width[0], sizeof(float), "a batch's gradients"));
    if (net->embedding == 0 && net->factors == 0)
        return LT_OK;
    LT_TRY(lt_alloc(env, &t->user_of, b, sizeof *t->user_of, "a batch"));
    LT_TRY(lt_alloc(env, &t->item_of, b, sizeof *t->item_of, "a batch"));
    LT_TRY(lt_alloc(env, &t->products, b * (size_t)net->factors, sizeof(float), what));
    LT_TRY(lt_alloc(env, &t->factors_gradient, 2 * b * (size_t)net->factors, sizeof(float), what));
    LT_TRY(lt_alloc(env, &t->embedded, 2 * b * (size_t)net->embedding, sizeof(float), what));
    return lt_alloc(env, &t->embedded_gradient, 2 * b * (size_t)net->embedding, sizeof(float), what);
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
        float *factor = t->part[0].sum; /* free between batches */

        for (int j = 0; j < out->width[l]; j++) {
            factor[j] = t->norm_scale[l][j] / sqrtf(t->running_variance[l][j] + (float)LT_BATCH_NORM_EPSILON);
            out->bias[l][j] -= t->running_mean[l][j] * factor[j];
        }
        scale_layer(out, l, factor);
    }
    scale_layer(out, last, &margin_scale);
    out->bias[last][0] = (float)(scale * out->bias[last][0] + shift);
}

static void free_part(lt_env *env, lt_mlp_part *p)
{
    void *own[] = {p->gradient, p->back[0], p->back[1], p->sum};

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        lt_free(env, own[i]);
    for (int l = 0; l < LT_MLP_LAYERS; l++) {
        void *of_layer[] = {
            p->z[l],      p->a[l] == p->z[l] ? NULL : p->a[l], p->mask[l], p->normal[l], p->inverse_sd[l], p->mean[l],
            p->squares[l]};

        for (size_t i = 0; i < sizeof of_layer / sizeof of_layer[0]; i++)
            lt_free(env, of_layer[i]);
    }
    lt_batch_free(env, &p->in);
}

void lt_mlp_trainer_free(lt_env *env, lt_mlp_trainer *t)
{
    void *own[] = {t->values,   t->first,    t->second,         t->user_of,           t->item_of,         t->slope,
                   t->products, t->embedded, t->first_gradient, t->embedded_gradient, t->factors_gradient};

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        lt_free(env, own[i]);
    for (int i = 0; i < t->n_parameters; i++) {
        lt_parameter *p = &t->parameter[i];
        void *of_rows[] = {p->weight, p->first, p->second, p->place, p->steps, p->entry};

        for (size_t k = 0; p->by_row && k < sizeof of_rows / sizeof of_rows[0]; k++)
            lt_free(env, of_rows[k]);
    }
    for (int l = 0; l < LT_MLP_LAYERS; l++) {
        lt_free(env, t->turned[l]);
        lt_free(env, t->running_mean[l]);
        lt_free(env, t->running_variance[l]);
    }
    for (int k = 0; k < t->parts; k++)
        free_part(env, &t->part[k]);
    for (int i = 0; i < t->most_batches; i++)
        lt_free(env, t->plan[i].bound);
    lt_free(env, t->part);
    lt_free(env, t->plan);
}
