/*
 * mlp_network.c: the network that predicts: its arrays, and examples through it in blocks.
 *
 * Invariant: lt_mlp_load accepts a model only when every array has the shape that "shape" and the design demand and no
 * array is left over (but "privacy", which nothing here reads), so that nothing after it checks an index.  "shape" is
 * [activation, embedding, outputs of layer 0, ..., of layer L-1].  The product branch is there when "user_factors" is,
 * with as many factors as that has columns.
 */
#include "mlp_network.h"
#include "forget.h"
#include "threads.h"

#include <math.h>
#include <string.h>

/* Values of one layer in a block: 256 kB, which the second-level cache holds. */
#define BLOCK_VALUES 65536
#define BLOCK_LEAST 16
#define BLOCK_MOST 1024

static const char *const weight_names[LT_MLP_LAYERS] = {NULL, "W1", "W2",  "W3",  "W4",  "W5",  "W6",  "W7",
                                                        "W8", "W9", "W10", "W11", "W12", "W13", "W14", "W15"};
static const char *const bias_names[LT_MLP_LAYERS] = {"b0", "b1", "b2",  "b3",  "b4",  "b5",  "b6",  "b7",
                                                      "b8", "b9", "b10", "b11", "b12", "b13", "b14", "b15"};

/* ---- arrays ---- */

int lt_mlp_arrays(lt_network *net, lt_mlp_array out[LT_MLP_ARRAYS])
{
    int64_t e = net->embedding, k = net->factors, h = net->width[0];
    int n = 0, last = net->layers - 1;

    if (net->dense > 0)
        out[n++] = (lt_mlp_array){"W0_dense", net->dense, h, &net->dense_in, .layer = 0};
    if (net->sparse > 0)
        out[n++] = (lt_mlp_array){"W0_sparse", net->sparse, h, &net->sparse_in, .by_row = true, .layer = 0};
    if (e > 0) {
        out[n++] = (lt_mlp_array){"W0_embedding", 2 * e, h, &net->embedding_in, .layer = 0};
        out[n++] = (lt_mlp_array){"user_embedding", net->users, e, &net->user, .by_row = true, .layer = -1};
        out[n++] = (lt_mlp_array){"item_embedding", net->items, e, &net->item, .by_row = true, .layer = -1};
    }
    if (k > 0) {
        out[n++] = (lt_mlp_array){"user_factors", net->users, k, &net->user_factors, .by_row = true, .layer = -1};
        out[n++] = (lt_mlp_array){"item_factors", net->items, k, &net->item_factors, .by_row = true, .layer = -1};
        out[n++] = (lt_mlp_array){"W_factors", k, 1, &net->factors_out, .layer = last};
    }
    for (int l = 0; l < net->layers; l++) {
        if (l > 0)
            out[n++] = (lt_mlp_array){weight_names[l], net->width[l - 1], net->width[l], &net->weight[l], .layer = l};
        out[n++] = (lt_mlp_array){bias_names[l], 1, net->width[l], &net->bias[l], .bias = true, .layer = l};
    }
    return n;
}

lt_status lt_mlp_alloc(lt_env *env, lt_network *net)
{
    lt_mlp_array array[LT_MLP_ARRAYS];
    int n = lt_mlp_arrays(net, array);

    for (int i = 0; i < n; i++)
        LT_TRY(lt_alloc(env, array[i].values, (size_t)(array[i].rows * array[i].cols), sizeof(float),
                        "the network's weights"));
    return LT_OK;
}

void lt_mlp_copy(lt_network *to, lt_network *from)
{
    lt_mlp_array target[LT_MLP_ARRAYS], source[LT_MLP_ARRAYS];
    int n = lt_mlp_arrays(to, target);

    lt_mlp_arrays(from, source);
    for (int i = 0; i < n; i++)
        memcpy(*target[i].values, *source[i].values, (size_t)(source[i].rows * source[i].cols) * sizeof(float));
}

lt_status lt_mlp_store(lt_env *env, lt_network *net, lt_model *model)
{
    lt_mlp_array array[LT_MLP_ARRAYS];
    int n = lt_mlp_arrays(net, array);
    double *shape;

    LT_TRY(lt_model_add_f64(env, model, "shape", 1, 2 + net->layers, &shape));
    shape[0] = net->activation;
    shape[1] = net->embedding;
    for (int l = 0; l < net->layers; l++)
        shape[2 + l] = net->width[l];
    for (int i = 0; i < n; i++) {
        LT_TRY(lt_grow(env, &model->array, &model->cap_arrays, (size_t)model->n_arrays + 1, sizeof *model->array,
                       "the model"));
        model->array[model->n_arrays++] =
            (lt_array){.name = array[i].name, .rows = array[i].rows, .cols = array[i].cols, .f = *array[i].values};
    }
    return LT_OK;
}

static bool whole(double v, double low, double high)
{
    return v >= low && v <= high && v == floor(v);
}

lt_status lt_mlp_view(lt_env *env, const lt_model *model, lt_network *net)
{
    const lt_array *shape = lt_model_array(model, "shape"), *factors = lt_model_array(model, "user_factors");
    const lt_design *d = &model->design;
    lt_mlp_array array[LT_MLP_ARRAYS];
    int n;

    if (shape == NULL || shape->d == NULL || shape->rows != 1 || shape->cols < 3 || shape->cols > 2 + LT_MLP_LAYERS)
        return lt_fail(env, LT_CORRUPT, "the network's shape is missing or malformed");
    if (!whole(shape->d[0], 0, LT_ACTIVATIONS - 1) || !whole(shape->d[1], 0, LT_MLP_WIDTH))
        return lt_fail(env, LT_CORRUPT, "the network's activation or embedding is out of range");
    *net = (lt_network){.activation = (lt_activation)(int)shape->d[0],
                        .dense = d->dense,
                        .sparse = d->sparse,
                        .embedding = (int32_t)shape->d[1],
                        .users = d->users,
                        .items = d->items,
                        .layers = (int)shape->cols - 2};
    if (factors != NULL) {
        if (factors->cols < 1 || factors->cols > LT_MLP_WIDTH)
            return lt_fail(env, LT_CORRUPT, "the network's number of factors is out of range");
        net->factors = (int32_t)factors->cols;
    }
    if ((net->embedding > 0 || net->factors > 0) && (d->users <= 0 || d->items <= 0))
        return lt_fail(env, LT_CORRUPT, "the network has embeddings but no users or items");
    for (int l = 0; l < net->layers; l++) {
        if (!whole(shape->d[2 + l], 1, l == net->layers - 1 ? 1 : LT_MLP_WIDTH))
            return lt_fail(env, LT_CORRUPT, "the width of the network's layer %d is out of range", l);
        net->width[l] = (int32_t)shape->d[2 + l];
    }
    n = lt_mlp_arrays(net, array);
    for (int i = 0; i < n; i++) {
        const lt_array *a = lt_model_array(model, array[i].name);

        if (a == NULL || a->f == NULL || a->rows != array[i].rows || a->cols != array[i].cols)
            return lt_fail(env, LT_CORRUPT, "array \"%s\" is not the %lld x %lld it should be", array[i].name,
                           (long long)array[i].rows, (long long)array[i].cols);
        *array[i].values = a->f;
    }
    return LT_OK;
}

lt_status lt_mlp_load(lt_env *env, const lt_model *model, lt_network *net)
{
    lt_mlp_array array[LT_MLP_ARRAYS];
    int n, extra;

    LT_TRY(lt_mlp_view(env, model, net));
    n = lt_mlp_arrays(net, array);
    extra = 1 + (lt_model_array(model, "privacy") != NULL);
    if (model->n_arrays != extra + n)
        return lt_fail(env, LT_CORRUPT, "the network has %d arrays where its shape has %d", model->n_arrays, extra + n);
    for (int i = 0; i < n; i++)
        for (int64_t j = 0; j < array[i].rows * array[i].cols; j++)
            if (!isfinite((*array[i].values)[j]))
                return lt_fail(env, LT_CORRUPT, "array \"%s\" holds a value that is not finite", array[i].name);
    return LT_OK;
}

/* Whoever is new is unknown: the zero embedding and no factors; columns of their ids have no weights. */
lt_status lt_mlp_extend(lt_env *env, lt_model *model, const lt_design *grown)
{
    for (int i = 0; i < model->n_arrays; i++) {
        lt_array *a = &model->array[i];
        bool sparse = strcmp(a->name, "W0_sparse") == 0;
        int64_t rows = sparse                              ? grown->sparse
                       : strncmp(a->name, "user_", 5) == 0 ? grown->users
                       : strncmp(a->name, "item_", 5) == 0 ? grown->items
                                                           : a->rows;
        float *more;

        if (rows == a->rows)
            continue;
        LT_TRY(lt_alloc(env, &more, (size_t)(rows * a->cols), sizeof *more, "the network's weights"));
        for (int32_t r = 0; r < a->rows; r++) {
            int64_t to = sparse ? lt_design_grown_column(&model->design, grown, r) : r;

            memcpy(more + to * a->cols, a->f + r * a->cols, (size_t)a->cols * sizeof *more);
        }
        lt_free(env, a->f);
        a->f = more;
        a->rows = rows;
    }
    return LT_OK;
}

lt_status lt_mlp_forget(lt_env *env, lt_model *model, lt_leaver *who)
{
    int32_t column = lt_design_user_column(&model->design, who->user);

    (void)env;
    who->left |= LT_LEFT_WEIGHTS;
    for (int i = 0; who->user >= 0 && i < model->n_arrays; i++)
        if (strncmp(model->array[i].name, "user_", 5) == 0)
            lt_model_remove_row(model, model->array[i].name, who->user);
    if (column >= 0)
        lt_model_remove_row(model, "W0_sparse", column);
    return LT_OK;
}

/* ---- blocks of examples ---- */

lt_status lt_mlp_block_init(lt_env *env, const lt_network *net, lt_mlp_block *block)
{
    int32_t widest = 1;
    size_t b;

    for (int l = 0; l < net->layers; l++)
        if (net->width[l] > widest)
            widest = net->width[l];
    block->b = BLOCK_VALUES / widest;
    block->b = block->b < BLOCK_LEAST ? BLOCK_LEAST : block->b > BLOCK_MOST ? BLOCK_MOST : block->b;
    b = (size_t)block->b;
    LT_TRY(lt_alloc(env, &block->z, b * (size_t)widest, sizeof(float), "a block of examples"));
    LT_TRY(lt_alloc(env, &block->a, b * (size_t)widest, sizeof(float), "a block of examples"));
    LT_TRY(lt_alloc(env, &block->products, b * (size_t)net->factors, sizeof(float), "a block of examples"));
    return lt_alloc(env, &block->embedded, b * 2 * (size_t)net->embedding, sizeof(float), "a block of examples");
}

void lt_mlp_block_free(lt_env *env, lt_mlp_block *block)
{
    lt_free(env, block->z);
    lt_free(env, block->a);
    lt_free(env, block->embedded);
    lt_free(env, block->products);
}

/* Row `number` of a table of embeddings, or zeros for a number it does not have. */
static void embed(const float *table, int32_t rows, int32_t e, const int32_t *number, int b, float *out)
{
    for (int i = 0; i < b; i++, out += 2 * e) {
        if (number != NULL && number[i] >= 0 && number[i] < rows)
            memcpy(out, table + (size_t)number[i] * (size_t)e, (size_t)e * sizeof *out);
        else
            memset(out, 0, (size_t)e * sizeof *out);
    }
}

lt_status lt_mlp_first(lt_env *env, const lt_network *net, const lt_batch *in, const int32_t *user, const int32_t *item,
                       float *embedded, float *z)
{
    int b = in->b, h = net->width[0], e = net->embedding;

    if (net->dense > 0)
        LT_TRY(lt_product(env, false, false, b, h, net->dense, in->x, net->dense_in, 0, z));
    else
        memset(z, 0, (size_t)b * (size_t)h * sizeof *z);
    if (e > 0) {
        embed(net->user, net->users, e, user, b, embedded);
        embed(net->item, net->items, e, item, b, embedded + e);
        LT_TRY(lt_product(env, false, false, b, h, 2 * e, embedded, net->embedding_in, 1, z));
    }
    if (net->sparse > 0)
        lt_sparse_product(b, h, in->start, in->col, in->val, net->sparse_in, z);
    return LT_OK;
}

lt_status lt_mlp_rest(lt_env *env, const lt_network *net, int b, lt_mlp_block *block, float *margin)
{
    int last = net->layers - 1;

    for (int l = 0; l < last; l++) {
        lt_bias_activate(net->activation, b, net->width[l], net->bias[l], block->z, block->a);
        LT_TRY(lt_product(env, false, false, b, net->width[l + 1], net->width[l], block->a, net->weight[l + 1], 0,
                          block->z));
    }
    for (int i = 0; i < b; i++)
        margin[i] = block->z[i] + net->bias[last][0];
    return LT_OK;
}

lt_status lt_mlp_add_products(lt_env *env, const lt_network *net, int b, const int32_t *user, const int32_t *item,
                              float *products, float *margin)
{
    size_t k = (size_t)net->factors;

    if (k == 0 || user == NULL || item == NULL)
        return LT_OK;
    for (int i = 0; i < b; i++) {
        bool known = user[i] >= 0 && user[i] < net->users && item[i] >= 0 && item[i] < net->items;
        float *out = products + (size_t)i * k;

        if (known)
            memcpy(out, net->user_factors + (size_t)user[i] * k, k * sizeof *out);
        else
            memset(out, 0, k * sizeof *out);
        if (known)
            lt_multiply((int64_t)k, net->item_factors + (size_t)item[i] * k, out);
    }
    return lt_product(env, false, false, b, 1, net->factors, products, net->factors_out, 1, margin);
}

/* Blocks of examples, and room of every member of the team for one. */
typedef struct margins_work {
    const lt_network *net;
    const lt_inputs *in;
    const lt_examples *ex;
    lt_mlp_block *block;
    lt_batch *batch;
    float *margin;
} margins_work;

static void block_margins(void *context, int64_t task, int member)
{
    const margins_work *w = context;
    const lt_examples *ex = w->ex;
    lt_mlp_block *block = &w->block[member];
    lt_batch *batch = &w->batch[member];
    int64_t i = task * block->b;
    const int32_t *user = ex->user == NULL ? NULL : ex->user + i;
    const int32_t *item = ex->item == NULL ? NULL : ex->item + i;
    int b = ex->n - i < block->b ? (int)(ex->n - i) : block->b;

    lt_gather(NULL, w->in, ex, NULL, i, b, batch);
    lt_mlp_first(NULL, w->net, batch, user, item, block->embedded, block->z);
    lt_mlp_rest(NULL, w->net, b, block, w->margin + i);
    lt_mlp_add_products(NULL, w->net, b, user, item, block->products, w->margin + i);
}

lt_status lt_mlp_margins(lt_env *env, const lt_network *net, const lt_inputs *in, const lt_examples *ex, float *margin)
{
    int members = lt_threads(env), b;
    int64_t entries = 0;
    margins_work w = {.net = net, .in = in, .ex = ex, .margin = margin};

    LT_TRY(lt_alloc(env, &w.block, (size_t)members, sizeof *w.block, "blocks of examples"));
    LT_TRY(lt_alloc(env, &w.batch, (size_t)members, sizeof *w.batch, "blocks of examples"));
    for (int m = 0; m < members; m++)
        LT_TRY(lt_mlp_block_init(env, net, &w.block[m]));
    b = w.block[0].b;
    for (int64_t i = 0; i < ex->n; i += b) {
        int64_t most = lt_gather_most(in, ex, NULL, i, ex->n - i < b ? (int)(ex->n - i) : b);

        LT_TRY(lt_poll(env));
        entries = most > entries ? most : entries;
    }
    for (int m = 0; m < members; m++)
        LT_TRY(lt_batch_reserve(env, in->design, ex->n < b ? (int)ex->n : b, entries, &w.batch[m]));
    LT_TRY(lt_run(env, (ex->n + b - 1) / b, block_margins, &w));
    for (int m = 0; m < members; m++) {
        lt_batch_free(env, &w.batch[m]);
        lt_mlp_block_free(env, &w.block[m]);
    }
    lt_free(env, w.batch);
    lt_free(env, w.block);
    return LT_OK;
}
