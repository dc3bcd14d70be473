/*
 * mlp_batch.c: batches through the network and back, on the team's threads.
 *
 * A run of several batches is one lt_run.  A batch is some phases in which each task takes its share of the parts,
 * then one in which each takes its share of the weights; a task of a phase waits until all before it are done.  Without
 * batch norm a part goes forward and back in one phase (in several, a block each, when it has more than one block);
 * with batch norm each hidden layer, forward and backward, begins with figures of all parts, so there is a phase a
 * layer and a part is one block.
 *
 * Nothing is allocated, polled or reported in tasks: lt_mlp_run makes room for what the batches hold beforehand.
 */
#include "mlp_trainer.h"
#include "threads.h"

#include <math.h>
#include <string.h>

/* The batch's share in the running mean and variance. */
#define NORM_RATE 0.1f
/* Rows of the next batch that are fetched while one is worked on. */
#define AHEAD_MOST 64
/* A thread's least share of the weights. */
#define LEAST_VALUES 512

typedef struct lt_mlp_work {
    lt_mlp_trainer *t;
    const lt_mlp_pass *pass;
    int batches;
    int phases;   /* of a batch, the step left out */
    int sharing;  /* tasks of such a phase */
    int stepping; /* tasks of the step */
    lt_stages stages;
} lt_mlp_work;

/* ---- dividing ---- */

void lt_mlp_plan(lt_mlp_trainer *t, int which, const lt_examples *ex, const int32_t *index, int b, uint64_t seed)
{
    lt_mlp_batch *batch = &t->plan[which];

    *batch = (lt_mlp_batch){.index = index, .b = b, .bound = batch->bound, .seed = seed, .losses = b};
    for (int at = 0; at < b;) {
        at = b - at < t->block_rows ? b : at + t->block_rows;
        while (t->group > 1 && at < b && ex->label[index[at]] == 0)
            at++;
        batch->bound[++batch->blocks] = at;
    }
    if (t->group > 1) {
        batch->losses = 0;
        for (int i = 0; i < b; i++)
            batch->losses += ex->label[index[i]] == 1;
    }
}

static int blocks_first(const lt_mlp_trainer *t, const lt_mlp_batch *batch, int part)
{
    int first = part * t->blocks_of_part;

    return first < batch->blocks ? first : batch->blocks;
}

/* ---- forward ---- */

/* Gathers the part's examples, some without their user or item. */
static void gather(lt_mlp_trainer *t, const lt_mlp_pass *pass, const lt_mlp_batch *batch, lt_mlp_part *p)
{
    const lt_examples *ex = pass->examples;
    const int32_t *index = batch->index + p->first;
    int n = p->end - p->first;

    lt_random_seed(&p->rng, batch->seed + (uint64_t)(p - t->part));
    lt_gather(NULL, pass->inputs, ex, index, 0, n, &p->in);
    if (t->user_of == NULL)
        return;
    for (int i = 0; i < n; i++) {
        int32_t *user = &t->user_of[p->first + i], *item = &t->item_of[p->first + i];

        *user = ex->user == NULL || lt_random_uniform(&p->rng) < t->id_dropout ? -1 : ex->user[index[i]];
        *item = ex->item == NULL || lt_random_uniform(&p->rng) < t->id_dropout ? -1 : ex->item[index[i]];
        if (t->group > 1 && ex->label[index[i]] == 0)
            *user = user[-1]; /* a group compares items for one user, known or not */
    }
}

/* The part's share of what batch norm wants to know of layer l. */
static void observe(lt_mlp_trainer *t, lt_mlp_part *p, int l)
{
    if (t->batch_norm && l < t->net.layers - 1)
        lt_column_moments(p->n, t->net.width[l], p->z[l], p->mean[l], p->squares[l]);
}

/* Batch norm of layer l: the parts' figures put together (Chan, Golub and LeVeque, "Updating formulae and a pairwise
 * algorithm for computing sample variances", 1979), by each part for itself. */
static void normalise(lt_mlp_trainer *t, const lt_mlp_batch *batch, lt_mlp_part *p, int l, bool first_batch)
{
    int h = t->net.width[l], parts = lt_mlp_parts_of(t, batch);
    float *mean = p->sum, *variance = p->sum + h, b = (float)batch->b;

    memset(mean, 0, 2 * (size_t)h * sizeof *mean);
    for (int k = 0; k < parts; k++)
        lt_add_scaled(h, (float)t->part[k].n / b, t->part[k].mean[l], mean);
    for (int k = 0; k < parts; k++)
        for (int j = 0; j < h; j++) {
            float off = t->part[k].mean[l][j] - mean[j];

            variance[j] += (t->part[k].squares[l][j] + (float)t->part[k].n * off * off) / b;
        }
    lt_batch_norm(p->n, h, t->norm_scale[l], mean, variance, p->z[l], p->normal[l], p->inverse_sd[l]);
    /* The running figures begin with the first batch's, so that a short training is not pulled towards nothing. */
    for (int j = 0; j < h && p == t->part; j++) {
        float rate = first_batch ? 1 : NORM_RATE, unbiased = batch->b > 1 ? b / (b - 1) : 1;

        t->running_mean[l][j] += rate * (mean[j] - t->running_mean[l][j]);
        t->running_variance[l][j] += rate * (variance[j] * unbiased - t->running_variance[l][j]);
    }
}

/* From the block's examples to z of layer 0. */
static void enter(lt_mlp_trainer *t, lt_mlp_part *p)
{
    const lt_network *net = &t->net;
    size_t row = (size_t)(p->from - p->first), e = (size_t)net->embedding;
    lt_batch in = {.b = p->n};

    if (net->dense > 0)
        in.x = p->in.x + row * (size_t)net->dense;
    if (net->sparse > 0) {
        in.start = p->in.start + row;
        in.col = p->in.col;
        in.val = p->in.val;
    }
    lt_mlp_first(NULL, net, &in, t->user_of == NULL ? NULL : t->user_of + p->from,
                 t->item_of == NULL ? NULL : t->item_of + p->from, t->embedded + (size_t)p->from * 2 * e, p->z[0]);
    observe(t, p, 0);
}

/* From z of hidden layer l, batch norm done, to z of the next. */
static void up(lt_mlp_trainer *t, lt_mlp_part *p, int l)
{
    const lt_network *net = &t->net;
    int h = net->width[l];

    lt_bias_activate(net->activation, p->n, h, net->bias[l], p->z[l], p->a[l]);
    if (t->dropout > 0) {
        lt_dropout_mask(&p->rng, t->dropout, (int64_t)p->n * h, p->mask[l]);
        lt_multiply((int64_t)p->n * h, p->mask[l], p->a[l]);
    }
    lt_product(NULL, false, false, p->n, net->width[l + 1], h, p->a[l], net->weight[l + 1], 0, p->z[l + 1]);
    observe(t, p, l + 1);
}

/* Margins from z of the last layer, the loss and its slopes. */
static void judge(lt_mlp_trainer *t, const lt_mlp_pass *pass, const lt_mlp_batch *batch, lt_mlp_part *p)
{
    const lt_network *net = &t->net;
    int last = net->layers - 1;

    lt_add_bias(p->n, 1, net->bias[last], p->z[last]);
    if (net->factors > 0)
        lt_mlp_add_products(NULL, net, p->n, t->user_of + p->from, t->item_of + p->from,
                            t->products + (size_t)p->from * (size_t)net->factors, p->z[last]);
    pass->loss(pass->context, pass->examples, batch, batch->index + p->from, p->n, p->z[last], t->slope + p->from,
               p->sums);
}

/* ---- backward: gradients are added to what the part's earlier blocks left ---- */

static float *gradient_of(const lt_mlp_part *p, const lt_parameter *of)
{
    return p->gradient + of->at;
}

/* The gradient of weights: rows (n x inputs) transposed, times g (n x outputs). */
static void weights_back(lt_mlp_part *p, const lt_parameter *of, const float *rows, const float *g)
{
    lt_product(NULL, true, false, (int)of->rows, (int)of->cols, p->n, rows, g, p->from > p->first, gradient_of(p, of));
}

/* The product branch: each side's factors by the other's. */
static void products_back(lt_mlp_trainer *t, lt_mlp_part *p)
{
    const lt_network *net = &t->net;
    int k = net->factors;

    weights_back(p, t->factors_out, t->products + (size_t)p->from * (size_t)k, t->slope + p->from);
    for (int i = p->from; i < p->from + p->n; i++) {
        float *by_user = t->factors_gradient + (size_t)i * 2 * (size_t)k, *by_item = by_user + k;
        int32_t user = t->user_of[i], item = t->item_of[i];
        const float *of_user, *of_item;

        if (user < 0 || user >= net->users || item < 0 || item >= net->items)
            continue; /* neither of them makes a step for it: see owned */
        of_user = net->user_factors + (size_t)user * (size_t)k;
        of_item = net->item_factors + (size_t)item * (size_t)k;
        for (int j = 0; j < k; j++) {
            float g = t->slope[i] * net->factors_out[j];

            by_user[j] = g * of_item[j];
            by_item[j] = g * of_user[j];
        }
    }
}

/* The gradient by the outputs of layer l, in place of the one by its normalised ones; p->sum has room. */
static void normalise_back(lt_mlp_trainer *t, const lt_mlp_batch *batch, lt_mlp_part *p, int l, float *g)
{
    int h = t->net.width[l], parts = lt_mlp_parts_of(t, batch);
    float *by_bias = p->sum, *by_scale = p->sum + h;

    memset(p->sum, 0, 2 * (size_t)h * sizeof *p->sum);
    for (int k = 0; k < parts; k++) {
        lt_add_scaled(h, 1, gradient_of(&t->part[k], t->bias[l]), by_bias);
        lt_add_scaled(h, 1, gradient_of(&t->part[k], t->scale[l]), by_scale);
    }
    lt_batch_norm_back(p->n, h, batch->b, t->norm_scale[l], p->normal[l], p->inverse_sd[l], by_bias, by_scale, g);
}

/* Gradients by z of layer l: those of layer 0 outlive the block where rows are stepped by them. */
static float *back_of(lt_mlp_trainer *t, lt_mlp_part *p, int l)
{
    if (l == t->net.layers - 1)
        return t->slope + p->from;
    if (l == 0 && t->sparse_in != NULL)
        return t->first_gradient + (size_t)p->from * (size_t)t->net.width[0];
    return p->back[l % 2];
}

/* From the gradient by layer l's z, batch norm undone, to its weights', and to the one by the z of the layer before. */
static void down(lt_mlp_trainer *t, lt_mlp_part *p, int l)
{
    const lt_network *net = &t->net;
    int out = net->width[l], in = net->width[l - 1], b = p->n;
    float *g = back_of(t, p, l), *to = back_of(t, p, l - 1);

    weights_back(p, t->weight[l], p->a[l - 1], g);
    if (t->turned[l] != NULL)
        lt_product(NULL, false, false, b, in, out, g, t->turned[l], 0, to);
    else
        lt_product(NULL, false, true, b, in, out, g, net->weight[l], 0, to);
    if (t->dropout > 0)
        lt_multiply((int64_t)b * in, p->mask[l - 1], to);
    lt_activate_back(net->activation, b, in, p->z[l - 1], to, gradient_of(p, t->bias[l - 1]));
    if (t->batch_norm)
        lt_column_products(b, in, to, p->normal[l - 1], gradient_of(p, t->scale[l - 1]));
}

/* From the gradient by layer 0's z to the inputs' weights. */
static void leave(lt_mlp_trainer *t, lt_mlp_part *p)
{
    const lt_network *net = &t->net;
    int e = net->embedding, h = net->width[0], row = p->from - p->first;
    const float *g = back_of(t, p, 0);

    if (net->dense > 0)
        weights_back(p, t->dense_in, p->in.x + (size_t)row * (size_t)net->dense, g);
    if (e > 0) {
        size_t at = (size_t)p->from * 2 * (size_t)e;

        weights_back(p, t->embedding_in, t->embedded + at, g);
        lt_product(NULL, false, true, p->n, 2 * e, h, g, net->embedding_in, 0, t->embedded_gradient + at);
    }
}

/* From the margins' slopes to z of the last layer's inputs. */
static void turn(lt_mlp_trainer *t, lt_mlp_part *p)
{
    int last = t->net.layers - 1;

    lt_column_sums(p->n, 1, t->slope + p->from, gradient_of(p, t->bias[last]));
    if (t->net.factors > 0)
        products_back(t, p);
    if (last > 0)
        down(t, p, last);
    else
        leave(t, p);
}

/* ---- a part's phases ---- */

/* The examples of the same part of the next batch, or NULL: this thread will most likely gather them. */
static void look_ahead(const lt_mlp_trainer *t, lt_mlp_part *p, const lt_mlp_batch *next)
{
    int part = (int)(p - t->part), first, n;

    p->ahead = NULL;
    if (next == NULL)
        return;
    first = next->bound[blocks_first(t, next, part)];
    n = next->bound[blocks_first(t, next, part + 1)] - first;
    p->ahead = next->index + first;
    p->ahead_end = p->ahead + (n < AHEAD_MOST ? n : AHEAD_MOST);
}

/* A share of them at a time, between products: a core has only so many fetches on their way. */
static void fetch_ahead(const lt_mlp_trainer *t, const lt_mlp_pass *pass, lt_mlp_part *p)
{
    int n = AHEAD_MOST / (2 * t->net.layers);

    if (p->ahead == NULL)
        return;
    n = p->ahead_end - p->ahead < n ? (int)(p->ahead_end - p->ahead) : n;
    lt_gather_ahead(pass->inputs, pass->examples, p->ahead, n);
    p->ahead += n;
}

/* Takes the part's block of the phase; false when it has none. */
static bool take_block(lt_mlp_trainer *t, const lt_mlp_pass *pass, const lt_mlp_batch *batch, lt_mlp_part *p, int phase)
{
    int first = blocks_first(t, batch, (int)(p - t->part)), end = blocks_first(t, batch, (int)(p - t->part) + 1);
    int block = first + phase;

    if (block >= end)
        return false;
    p->from = batch->bound[block];
    p->n = batch->bound[block + 1] - p->from;
    if (phase == 0) {
        p->first = p->from;
        p->end = batch->bound[end];
        memset(p->gradient + t->n_penalised, 0, (size_t)(t->n_values - t->n_penalised) * sizeof *p->gradient);
        gather(t, pass, batch, p);
    }
    return true;
}

static void advance(lt_mlp_trainer *t, const lt_mlp_pass *pass, const lt_mlp_batch *batch, lt_mlp_part *p, int phase)
{
    int last = t->net.layers - 1;

    if (!take_block(t, pass, batch, p, phase))
        return;
    enter(t, p);
    for (int l = 0; l < last; l++) {
        fetch_ahead(t, pass, p);
        up(t, p, l);
    }
    fetch_ahead(t, pass, p);
    judge(t, pass, batch, p);
    turn(t, p);
    for (int l = last - 1; l > 0; l--) {
        fetch_ahead(t, pass, p);
        down(t, p, l);
    }
    fetch_ahead(t, pass, p);
    if (last > 0)
        leave(t, p);
}

/* With batch norm: up to layer `phase`, where the margins are reached back again, then down, a layer a phase. */
static void advance_normal(lt_mlp_trainer *t, const lt_mlp_pass *pass, const lt_mlp_batch *batch, lt_mlp_part *p,
                           int phase, bool first_batch)
{
    int last = t->net.layers - 1, l = 2 * last - phase;

    if (phase == 0) {
        if (take_block(t, pass, batch, p, 0))
            enter(t, p);
        return;
    }
    if (p - t->part >= lt_mlp_parts_of(t, batch))
        return;
    if (phase <= last) {
        normalise(t, batch, p, phase - 1, first_batch);
        up(t, p, phase - 1);
    }
    if (phase < last)
        return;
    if (phase == last) {
        judge(t, pass, batch, p);
        turn(t, p);
        return;
    }
    normalise_back(t, batch, p, l, back_of(t, p, l));
    if (l > 0)
        down(t, p, l);
    else
        leave(t, p);
}

/* ---- a run ---- */

/* Task `task` of a run: see lt_mlp_work. */
static void work_on(void *context, int64_t task, int member)
{
    lt_mlp_work *w = context;
    lt_mlp_trainer *t = w->t;
    int tasks = w->phases * w->sharing + w->stepping; /* of a batch */
    int number = (int)(task / tasks), rest = (int)(task % tasks), phase = rest / w->sharing;
    const lt_mlp_batch *batch = &t->plan[number];

    (void)member;
    if (phase >= w->phases) {
        int share = rest - w->phases * w->sharing;

        lt_stages_wait(&w->stages, task - share);
        lt_mlp_step(t, batch, t->step + number + 1, share, w->stepping);
    } else {
        lt_stages_wait(&w->stages, task - rest % w->sharing);
        for (int k = rest % w->sharing; k < t->parts; k += w->sharing) {
            if (phase == 0)
                look_ahead(t, &t->part[k], number + 1 < w->batches ? batch + 1 : NULL);
            if (t->batch_norm)
                advance_normal(t, w->pass, batch, &t->part[k], phase, t->step + number == 0);
            else
                advance(t, w->pass, batch, &t->part[k], phase);
        }
    }
    lt_stages_done(&w->stages);
}

/* Room for what the batches' examples hold. */
static lt_status reserve(lt_env *env, lt_mlp_trainer *t, const lt_mlp_pass *pass, int batches)
{
    for (int i = 0; i < batches; i++) {
        const lt_mlp_batch *batch = &t->plan[i];
        int64_t entries = 0;

        for (int k = 0; k < lt_mlp_parts_of(t, batch); k++) {
            int first = batch->bound[blocks_first(t, batch, k)], end = batch->bound[blocks_first(t, batch, k + 1)];
            int64_t most = lt_gather_most(pass->inputs, pass->examples, batch->index + first, 0, end - first);

            LT_TRY(lt_batch_reserve(env, pass->inputs->design, end - first, most, &t->part[k].in));
            entries += most;
        }
        if (t->sparse_in == NULL)
            continue;
        if (entries >= INT32_MAX)
            return lt_fail(env, LT_INVALID, "a batch has more than %d values of sparse features", INT32_MAX);
        LT_TRY(lt_grow(env, &t->sparse_in->entry, &t->sparse_in->cap_entries, (size_t)entries,
                       sizeof *t->sparse_in->entry, "a batch's sparse features"));
    }
    return LT_OK;
}

lt_status lt_mlp_run(lt_env *env, lt_mlp_trainer *t, const lt_mlp_pass *pass, int batches, double sums[2])
{
    bool by_row = t->sparse_in != NULL || t->user != NULL || t->user_factors != NULL;
    int threads = t->parts > 1 ? lt_threads(env) : 1; /* what is not worth dividing is not worth a second thread */
    lt_mlp_work w = {.t = t, .pass = pass, .batches = batches};
    int64_t shares = t->n_values / LEAST_VALUES + 1, tasks;

    w.phases = t->batch_norm && t->net.layers > 1 ? 2 * t->net.layers - 1 : t->blocks_of_part;
    w.sharing = t->parts < threads ? t->parts : threads;
    w.stepping = !by_row && shares < threads ? (int)shares : threads;
    LT_TRY(reserve(env, t, pass, batches));
    for (int k = 0; k < t->parts; k++)
        t->part[k].sums[0] = t->part[k].sums[1] = 0;
    tasks = (int64_t)batches * (w.phases * w.sharing + w.stepping);
    if (t->parts > 1)
        LT_TRY(lt_run(env, tasks, work_on, &w));
    else
        for (int64_t i = 0; i < tasks; i++) {
            work_on(&w, i, 0);
            LT_TRY(lt_poll(env));
        }
    t->step += batches;
    for (int k = 0; k < t->parts; k++) {
        sums[0] += t->part[k].sums[0];
        sums[1] += t->part[k].sums[1];
    }
    return LT_OK;
}
