/*
 * mlp_score.c: one user against the catalogue, and what a margin is made of.
 *
 * Scoring: the first layer is linear, so its sum splits into the user's part (with the row of context), the item's part
 * and the crosses.  Items' parts are computed once a model (I x h floats); a user's part once a call.  The product
 * branch is one more inner product an item.
 *
 * Explaining: integrated gradients (Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017) along
 * the straight line from nothing (numbers at their mean, no category, unknown user and item) to the example, by the
 * midpoint rule.  They share the margin's distance to the baseline out among the inputs by how much each moved it on
 * the way; they are not effects of changing one input alone.  Of the product branch, half is the user's and half the
 * item's, which is its integral exactly.  What the rule misses is spread in proportion to size, so that the sum is the
 * margin exactly.
 *
 * Similar items: the mean of the cosines of their embeddings, of their factors and of their encoded features, those the
 * model has; a cosine with nothing (an item never trained, or without features) is 0.
 */
#include "mlp_network.h"
#include "image.h"

#include <math.h>
#include <string.h>

#define STEPS 128       /* points on the line */
#define POLL_EVERY 4096 /* items between polls */

typedef struct lt_mlp_scorer {
    lt_network net;
    float *item_part;     /* I x h of layer 0 */
    int64_t item_entries; /* the most sparse entries an item has */
} lt_mlp_scorer;

/* The input columns where each group begins. */
typedef struct groups {
    int32_t user_dense, item_dense;
    int32_t user_sparse, item_sparse, user_ids, item_ids;
} groups;

static groups groups_of(const lt_design *d)
{
    groups g;

    g.user_dense = d->row_dense;
    g.item_dense = g.user_dense + d->user_dense;
    g.user_sparse = d->row_sparse;
    g.item_sparse = g.user_sparse + d->user_sparse;
    g.user_ids = g.item_sparse + d->item_sparse;
    g.item_ids = g.user_ids + (d->user_ids ? d->users : 0);
    return g;
}

/* z (h) += scale times an input column's weights. */
static void add_column(const float *weights, int64_t column, int32_t h, float scale, float *z)
{
    lt_add_scaled(h, scale, weights + (size_t)column * (size_t)h, z);
}

static void add_sparse_row(const lt_network *net, const lt_table *t, int64_t row, int32_t first, float *z)
{
    if (t->sparse == 0)
        return;
    for (int64_t k = t->start[row]; k < t->start[row + 1]; k++)
        add_column(net->sparse_in, first + t->col[k], net->width[0], t->val[k], z);
}

static void add_table_row(const lt_network *net, const lt_table *t, int64_t row, int32_t dense_first,
                          int32_t sparse_first, float *z)
{
    for (int32_t j = 0; j < t->dense; j++)
        add_column(net->dense_in, dense_first + j, net->width[0], t->x[row * t->dense + j], z);
    add_sparse_row(net, t, row, sparse_first, z);
}

/* ---- the catalogue ---- */

lt_status lt_mlp_prepare(lt_env *env, lt_scorer *scorer)
{
    const lt_design *d = &scorer->model->design;
    const lt_table *item = scorer->item;
    groups at = groups_of(d);
    lt_mlp_scorer *s;
    lt_network *net;
    int32_t h, e, items;

    LT_TRY(lt_alloc(env, &s, 1, sizeof *s, "the prepared model"));
    net = &s->net;
    LT_TRY(lt_mlp_view(env, scorer->model, net));
    h = net->width[0];
    e = net->embedding;
    LT_TRY(lt_alloc(env, &s->item_part, (size_t)d->items * (size_t)h, sizeof *s->item_part, "the prepared items"));
    items = item->n < d->items ? (int32_t)item->n : d->items; /* no rows when items have no features */
    if (d->item_dense > 0 && items > 0)
        LT_TRY(lt_product(env, false, false, items, h, d->item_dense, item->x,
                          net->dense_in + (size_t)at.item_dense * (size_t)h, 0, s->item_part));
    if (e > 0)
        LT_TRY(lt_product(env, false, false, d->items, h, e, net->item, net->embedding_in + (size_t)e * (size_t)h, 1,
                          s->item_part));
    for (int32_t i = 0; i < d->items; i++) {
        float *z = s->item_part + (size_t)i * (size_t)h;

        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (d->item_ids)
            add_column(net->sparse_in, (int64_t)at.item_ids + i, h, 1, z);
        if (i < items && d->item_sparse > 0) {
            int64_t entries = item->start[i + 1] - item->start[i];

            add_sparse_row(net, item, i, at.item_sparse, z);
            s->item_entries = entries > s->item_entries ? entries : s->item_entries;
        }
    }
    scorer->state = s;
    return LT_OK;
}

lt_status lt_mlp_image(lt_image *im, lt_scorer *scorer)
{
    const lt_model *m = scorer->model;
    lt_mlp_scorer *s = scorer->state;

    LT_TRY(lt_image_structs(im, &s, 1, sizeof *s));
    LT_TRY(lt_mlp_view(im->env, m, &s->net));
    LT_TRY(lt_image_array(im, &s->item_part, (int64_t)m->design.items * s->net.width[0], sizeof *s->item_part));
    scorer->state = s;
    return LT_OK;
}

/* ---- one user ---- */

/* The user's side of one cross. */
typedef struct crossing {
    int64_t n;
    int32_t *col;
    float *val;
} crossing;

/* Where the user's features are; false when there are none. */
static bool user_features(const lt_scorer *scorer, const lt_subject *subject, const lt_table **table, int64_t *row)
{
    *table = subject->features != NULL ? subject->features : scorer->user;
    *row = subject->features != NULL ? 0 : subject->user;
    return *row >= 0 && *row < (*table)->n;
}

static void user_part(const lt_scorer *scorer, const lt_subject *subject, float *z)
{
    const lt_mlp_scorer *s = scorer->state;
    const lt_network *net = &s->net;
    const lt_design *d = &scorer->model->design;
    const lt_table *table;
    groups at = groups_of(d);
    int32_t h = net->width[0], e = net->embedding, u = subject->user;
    int64_t row;

    if (subject->row != NULL)
        add_table_row(net, subject->row, 0, 0, 0, z);
    if (user_features(scorer, subject, &table, &row))
        add_table_row(net, table, row, at.user_dense, at.user_sparse, z);
    if (u < 0 || u >= d->users)
        return;
    if (d->user_ids)
        add_column(net->sparse_in, (int64_t)at.user_ids + u, h, 1, z);
    for (int32_t k = 0; k < e; k++)
        add_column(net->embedding_in, k, h, net->user[(size_t)u * (size_t)e + (size_t)k], z);
}

/* The user's factors times the products' weights (k); zero for an unknown one. */
static void weigh_factors(const lt_network *net, int32_t user, float *out)
{
    size_t k = (size_t)net->factors;

    if (k == 0)
        return;
    memset(out, 0, k * sizeof *out);
    if (user < 0 || user >= net->users)
        return;
    memcpy(out, net->factors_out, k * sizeof *out);
    lt_multiply(net->factors, net->user_factors + (size_t)user * k, out);
}

/* margin (b) += the product branch of items[0..b), or of first .. first+b-1; weighed (k) as weigh_factors leaves it. */
static lt_status add_products(lt_env *env, const lt_network *net, const float *weighed, const int32_t *items,
                              int64_t first, int b, float *margin)
{
    size_t k = (size_t)net->factors;

    if (items == NULL)
        return lt_product(env, false, false, b, 1, net->factors, net->item_factors + (size_t)first * k, weighed, 1,
                          margin);
    for (int i = 0; i < b; i++)
        if (items[i] >= 0 && items[i] < net->items)
            LT_TRY(lt_product(env, false, false, 1, 1, net->factors, net->item_factors + (size_t)items[i] * k, weighed,
                              1, margin + i));
    return LT_OK;
}

static lt_status user_crossings(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, crossing **out)
{
    const lt_design *d = &scorer->model->design;
    const lt_table *table;
    int64_t row;
    bool known = user_features(scorer, subject, &table, &row);

    LT_TRY(lt_alloc(env, out, (size_t)d->n_crosses, sizeof **out, "the user's crosses"));
    for (int c = 0; c < d->n_crosses && known; c++) {
        crossing *x = &(*out)[c];
        int64_t entries = table->sparse > 0 ? table->start[row + 1] - table->start[row] : 0;
        size_t most = (size_t)(d->cross[c].user_dense_count + entries);

        LT_TRY(lt_alloc(env, &x->col, most, sizeof *x->col, "the user's crosses"));
        LT_TRY(lt_alloc(env, &x->val, most, sizeof *x->val, "the user's crosses"));
        x->n = lt_cross_user(&d->cross[c], table, row, x->col, x->val);
    }
    return LT_OK;
}

static void add_crosses(const lt_scorer *scorer, const crossing *user, int32_t item, const crossing *room, float *z)
{
    const lt_mlp_scorer *s = scorer->state;
    const lt_design *d = &scorer->model->design;

    for (int c = 0; c < d->n_crosses; c++) {
        const lt_cross *cross = &d->cross[c];
        int64_t columns = (int64_t)cross->item_dense_count + cross->item_sparse_count;
        int64_t n = user[c].n == 0 ? 0 : lt_cross_item(cross, scorer->item, item, room->col, room->val);

        for (int64_t i = 0; i < user[c].n; i++)
            for (int64_t j = 0; j < n; j++)
                add_column(s->net.sparse_in, cross->first + user[c].col[i] * columns + room->col[j], s->net.width[0],
                           user[c].val[i] * room->val[j], z);
    }
}

lt_status lt_mlp_score(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items, int64_t n,
                       float *margin)
{
    const lt_mlp_scorer *s = scorer->state;
    const lt_design *d = &scorer->model->design;
    int32_t h = s->net.width[0];
    size_t most = (size_t)d->item_dense + (size_t)s->item_entries;
    crossing *user = NULL, room = {0};
    lt_mlp_block block;
    float *part, *weighed;

    LT_TRY(lt_alloc(env, &part, (size_t)h, sizeof *part, "the user's part"));
    user_part(scorer, subject, part);
    LT_TRY(lt_alloc(env, &weighed, (size_t)s->net.factors, sizeof *weighed, "the user's part"));
    weigh_factors(&s->net, subject->user, weighed);
    if (d->n_crosses > 0) {
        LT_TRY(user_crossings(env, scorer, subject, &user));
        LT_TRY(lt_alloc(env, &room.col, most, sizeof *room.col, "an item's crosses"));
        LT_TRY(lt_alloc(env, &room.val, most, sizeof *room.val, "an item's crosses"));
    }
    LT_TRY(lt_mlp_block_init(env, &s->net, &block));
    for (int64_t first = 0; first < n; first += block.b) {
        int b = n - first < block.b ? (int)(n - first) : block.b;

        LT_TRY(lt_poll(env));
        for (int i = 0; i < b; i++) {
            int32_t item = items == NULL ? (int32_t)(first + i) : items[first + i];
            float *z = block.z + (size_t)i * (size_t)h;

            memcpy(z, part, (size_t)h * sizeof *z);
            if (item < 0 || item >= d->items)
                continue; /* unknown: the user's part is all there is */
            lt_add_scaled(h, 1, s->item_part + (size_t)item * (size_t)h, z);
            if (d->n_crosses > 0 && item < scorer->item->n)
                add_crosses(scorer, user, item, &room, z);
        }
        LT_TRY(lt_mlp_rest(env, &s->net, b, &block, margin + first));
        if (s->net.factors > 0)
            LT_TRY(add_products(env, &s->net, weighed, items == NULL ? NULL : items + first, first, b, margin + first));
    }
    lt_mlp_block_free(env, &block);
    for (int c = 0; c < d->n_crosses; c++) {
        lt_free(env, user[c].col);
        lt_free(env, user[c].val);
    }
    lt_free(env, user);
    lt_free(env, room.col);
    lt_free(env, room.val);
    lt_free(env, part);
    lt_free(env, weighed);
    return LT_OK;
}

/* ---- explaining ---- */

/* slope (h): the margin's mean derivative by the first layer's z on the line from 0 to v (h). */
static lt_status mean_slope(lt_env *env, const lt_network *net, const float *v, float *slope)
{
    int last = net->layers - 1;
    float *z[LT_MLP_LAYERS], *a, *g[2], *gradient;
    size_t widest = 1;

    for (int l = 0; l <= last; l++) {
        widest = (size_t)net->width[l] > widest ? (size_t)net->width[l] : widest;
        LT_TRY(lt_alloc(env, &z[l], (size_t)STEPS * (size_t)net->width[l], sizeof *a, "the explanation"));
    }
    LT_TRY(lt_alloc(env, &a, STEPS * widest, sizeof *a, "the explanation"));
    for (int i = 0; i < 2; i++)
        LT_TRY(lt_alloc(env, &g[i], STEPS * widest, sizeof *a, "the explanation"));

    for (int i = 0; i < STEPS; i++)
        lt_add_scaled(net->width[0], ((float)i + 0.5f) / STEPS, v, z[0] + (size_t)i * (size_t)net->width[0]);
    for (int l = 0; l < last; l++) {
        lt_bias_activate(net->activation, STEPS, net->width[l], net->bias[l], z[l], a);
        LT_TRY(
            lt_product(env, false, false, STEPS, net->width[l + 1], net->width[l], a, net->weight[l + 1], 0, z[l + 1]));
    }
    memset(slope, 0, (size_t)net->width[0] * sizeof *slope);
    gradient = g[0];
    for (int i = 0; i < STEPS; i++)
        gradient[i] = 1.0f / STEPS;
    for (int l = last; l > 0; l--) {
        float *to = gradient == g[0] ? g[1] : g[0];

        LT_TRY(lt_product(env, false, true, STEPS, net->width[l - 1], net->width[l], gradient, net->weight[l], 0, to));
        gradient = to;
        /* the last sums are the slope; others are not wanted */
        lt_activate_back(net->activation, STEPS, net->width[l - 1], z[l - 1], gradient, l == 1 ? slope : a);
    }
    if (last == 0)
        lt_column_sums(STEPS, 1, gradient, slope);

    for (int l = 0; l <= last; l++)
        lt_free(env, z[l]);
    lt_free(env, a);
    lt_free(env, g[0]);
    lt_free(env, g[1]);
    return LT_OK;
}

static double product(const float *weights, int64_t column, int32_t h, const float *slope)
{
    double sum = 0;

    for (int32_t j = 0; j < h; j++)
        sum += (double)weights[(size_t)column * (size_t)h + (size_t)j] * slope[j];
    return sum;
}

/* Each input's value times the mean derivative by it. */
static void share_out(const lt_network *net, const lt_batch *in, const float *embedded, const float *slope,
                      double *contribution)
{
    double *dense = contribution + 1, *sparse = dense + net->dense, *ids = sparse + net->sparse;
    int32_t h = net->width[0], e = net->embedding;

    for (int32_t j = 0; j < net->dense; j++)
        dense[j] = in->x[j] * product(net->dense_in, j, h, slope);
    for (int64_t k = in->start[0]; net->sparse > 0 && k < in->start[1]; k++)
        sparse[in->col[k]] += (in->val == NULL ? 1 : in->val[k]) * product(net->sparse_in, in->col[k], h, slope);
    for (int32_t k = 0; k < 2 * e; k++)
        ids[k >= e] += embedded[k] * product(net->embedding_in, k, h, slope);
}

lt_status lt_mlp_explain(lt_env *env, const lt_model *model, const lt_inputs *in, const lt_examples *one,
                         double *contribution)
{
    lt_network net;
    lt_mlp_block block;
    lt_batch batch = {0};
    float *v, *slope, margin, baseline, product = 0;
    double missing, size = 0;
    size_t columns, h;

    LT_TRY(lt_mlp_view(env, model, &net));
    h = (size_t)net.width[0];
    columns = 1 + (size_t)net.dense + (size_t)net.sparse + 2;
    memset(contribution, 0, columns * sizeof *contribution);
    LT_TRY(lt_mlp_block_init(env, &net, &block));
    LT_TRY(lt_alloc(env, &v, h, sizeof *v, "the explanation"));
    LT_TRY(lt_alloc(env, &slope, h, sizeof *slope, "the explanation"));
    LT_TRY(lt_gather(env, in, one, NULL, 0, 1, &batch));
    LT_TRY(lt_mlp_first(env, &net, &batch, one->user, one->item, block.embedded, v));
    memset(block.z, 0, h * sizeof *v);
    LT_TRY(lt_mlp_rest(env, &net, 1, &block, &baseline));
    memcpy(block.z, v, h * sizeof *v);
    LT_TRY(lt_mlp_rest(env, &net, 1, &block, &margin));
    LT_TRY(mean_slope(env, &net, v, slope));
    share_out(&net, &batch, block.embedded, slope, contribution);
    LT_TRY(lt_mlp_add_products(env, &net, 1, one->user, one->item, block.products, &product));
    LT_TRY(lt_mlp_add_products(env, &net, 1, one->user, one->item, block.products, &margin)); /* as predict does */
    contribution[columns - 2] += product / 2.0;
    contribution[columns - 1] += product / 2.0;

    contribution[0] = baseline;
    missing = margin;
    for (size_t j = 0; j < columns; j++) {
        missing -= contribution[j];
        size += j > 0 ? fabs(contribution[j]) : 0;
    }
    for (size_t j = 1; j < columns && size > 0; j++)
        contribution[j] += missing * (fabs(contribution[j]) / size);
    if (size == 0)
        contribution[0] += missing;

    lt_free(env, v);
    lt_free(env, slope);
    lt_batch_free(env, &batch);
    lt_mlp_block_free(env, &block);
    return LT_OK;
}

/* ---- similar items ---- */

/* score (t->n) += share times the cosine of each row of t with row `item`. room (sparse columns): zeros, left so. */
static lt_status add_cosines(lt_env *env, const lt_table *t, int32_t item, double share, float *room, float *score)
{
    int32_t d = t->dense;
    const float *of = d > 0 ? t->x + (size_t)item * (size_t)d : NULL;
    double own = 0;

    for (int32_t j = 0; j < d; j++)
        own += (double)of[j] * of[j];
    for (int64_t k = t->sparse > 0 ? t->start[item] : 0; t->sparse > 0 && k < t->start[item + 1]; k++) {
        room[t->col[k]] = t->val[k];
        own += (double)t->val[k] * t->val[k];
    }
    for (int64_t i = 0; i < t->n; i++) {
        double product = 0, square = 0;

        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        for (int32_t j = 0; j < d; j++) {
            double v = t->x[i * d + j];

            product += v * of[j];
            square += v * v;
        }
        for (int64_t k = t->sparse > 0 ? t->start[i] : 0; t->sparse > 0 && k < t->start[i + 1]; k++) {
            product += (double)t->val[k] * room[t->col[k]];
            square += (double)t->val[k] * t->val[k];
        }
        if (own > 0 && square > 0)
            score[i] += (float)(share * product / sqrt(own * square));
    }
    for (int64_t k = t->sparse > 0 ? t->start[item] : 0; t->sparse > 0 && k < t->start[item + 1]; k++)
        room[t->col[k]] = 0;
    return LT_OK;
}

lt_status lt_mlp_similar(lt_env *env, const lt_scorer *scorer, int32_t item, float *score)
{
    const lt_network *net = &((const lt_mlp_scorer *)scorer->state)->net;
    lt_table part[3] = {{.n = net->items, .dense = net->embedding, .x = net->item},
                        {.n = net->items, .dense = net->factors, .x = net->item_factors},
                        *scorer->item};
    int parts = 0;
    float *room;

    part[2].n = part[2].n < net->items ? part[2].n : net->items;
    for (int p = 0; p < 3; p++)
        parts += part[p].dense > 0 || part[p].sparse > 0;
    memset(score, 0, (size_t)net->items * sizeof *score);
    LT_TRY(lt_alloc(env, &room, (size_t)part[2].sparse, sizeof *room, "the similar items"));
    for (int p = 0; p < 3; p++)
        if (item < part[p].n && (part[p].dense > 0 || part[p].sparse > 0))
            LT_TRY(add_cosines(env, &part[p], item, 1.0 / parts, room, score));
    lt_free(env, room);
    return LT_OK;
}

/* ---- vectors ---- */

static double length_of(const lt_table *t, int64_t row)
{
    double squares = 0;

    for (int64_t j = row * t->dense; j < (row + 1) * t->dense; j++)
        squares += (double)t->x[j] * t->x[j];
    for (int64_t k = t->sparse > 0 ? t->start[row] : 0; t->sparse > 0 && k < t->start[row + 1]; k++)
        squares += (double)t->val[k] * t->val[k];
    return sqrt(squares);
}

/* `from`'s row, made of length 1, as columns first, first + 1, ... of row i of `out`, and its sparse entries behind. */
static void put_row(const lt_table *from, int32_t item, int32_t first, lt_table *out, int64_t i)
{
    double length = length_of(from, item);
    float scale = length > 0 ? (float)(1 / length) : 0;

    for (int32_t j = 0; j < from->dense; j++)
        out->x[i * out->dense + first + j] = scale * from->x[(int64_t)item * from->dense + j];
    for (int64_t k = from->sparse > 0 ? from->start[item] : 0; from->sparse > 0 && k < from->start[item + 1]; k++) {
        out->col[out->start[i + 1]] = from->col[k];
        out->val[out->start[i + 1]++] = scale * from->val[k];
    }
}

/* Embedding, factors and features side by side, each of length 1: the cosine is the mean of what lt_mlp_similar adds.
 */
lt_status lt_mlp_item_vectors(lt_env *env, const lt_scorer *scorer, const int32_t *items, int64_t n, lt_table *out)
{
    const lt_network *net = &((const lt_mlp_scorer *)scorer->state)->net;
    const lt_table part[3] = {{.n = net->items, .dense = net->embedding, .x = net->item},
                              {.n = net->items, .dense = net->factors, .x = net->item_factors},
                              *scorer->item};
    int64_t entries = 0;

    *out = (lt_table){.n = n};
    if (net->embedding + net->factors == 0)
        return LT_OK;
    out->dense = net->embedding + net->factors + part[2].dense;
    out->sparse = part[2].sparse;
    for (int64_t i = 0; i < n && out->sparse > 0; i++)
        entries += items[i] < 0 || items[i] >= part[2].n ? 0 : part[2].start[items[i] + 1] - part[2].start[items[i]];
    LT_TRY(lt_alloc(env, &out->x, (size_t)n * (size_t)out->dense, sizeof *out->x, "the items' vectors"));
    LT_TRY(lt_alloc(env, &out->start, (size_t)n + 1, sizeof *out->start, "the items' vectors"));
    LT_TRY(lt_alloc(env, &out->col, (size_t)entries, sizeof *out->col, "the items' vectors"));
    LT_TRY(lt_alloc(env, &out->val, (size_t)entries, sizeof *out->val, "the items' vectors"));
    for (int64_t i = 0; i < n; i++) {
        int32_t first = 0;

        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        out->start[i + 1] = out->start[i];
        for (int p = 0; p < 3; first += part[p++].dense)
            if (items[i] >= 0 && items[i] < part[p].n)
                put_row(&part[p], items[i], first, out, i);
    }
    return LT_OK;
}
