/*
 * logistic_objective.c: what log-loss, gradient and Hessian of a linear model are summed with, and over what.
 *
 * In blocks of rows (logistic_blocks.c) for supervised models and every Hessian; factored (logistic_factored.c) where
 * there are users and items, whose parts of the margins are computed once each.  Both go through the examples in order,
 * each by a plan that shares them out by their number alone: the same sums for every number of threads.
 *
 * Sums run in double throughout: features are float, but a million rows' gradient must vanish to 1e-6 of its parts.
 */
#include "logistic_parts.h"
#include "vectorize.h"

#include "blas.h"
#include <math.h>
#include <string.h>

#define BLOCK_CELLS 16384 /* of a block's dense columns: 128 kB, half of what the second-level cache gives it */
#define BLOCK_MOST 512
#define BLOCK_LEAST 16
#define POLL_EVERY 16384 /* table rows of light work between polls */
#define TASK_CELLS 4e6   /* multiplications a task: a few milliseconds */
#define TASK_MOST 262144 /* rows a task */
#define SLOTS_MOST 64
#define SLOTS_WIDE 8 /* for sums wider than WIDE: clearing and adding up then costs what a pass does */
#define WIDE 4096
#define SLOT_MEMORY 64e6 /* bytes of Hessians, which are wider still */
#define ADDED 8192       /* sums a task of adding up */

/* ---- setting up ---- */

lt_logistic_groups lt_logistic_find_groups(const lt_design *d)
{
    lt_logistic_groups g;

    g.row_dense = 1;
    g.user_dense = g.row_dense + d->row_dense;
    g.item_dense = g.user_dense + d->user_dense;
    g.sparse = g.row_sparse = 1 + d->dense;
    g.user_sparse = g.row_sparse + d->row_sparse;
    g.item_sparse = g.user_sparse + d->user_sparse;
    g.user_ids = g.item_sparse + d->item_sparse;
    g.item_ids = g.user_ids + (d->user_ids ? d->users : 0);
    return g;
}

double lt_logistic_share(const lt_table *t, int64_t row, const double *dense, const double *sparse)
{
    double sum = 0;

    if (row < 0 || row >= t->n)
        return 0;
    for (int32_t j = 0; j < t->dense; j++)
        sum += t->x[row * t->dense + j] * dense[j];
    if (t->sparse > 0)
        for (int64_t e = t->start[row]; e < t->start[row + 1]; e++)
            sum += t->val[e] * sparse[t->col[e]];
    return sum;
}

lt_status lt_logistic_cross_table(lt_env *env, const lt_cross *c, bool item, const lt_table *from, int64_t n,
                                  lt_table *out)
{
    const char *what = "the crosses' entries";
    int32_t dense = item ? c->item_dense_count : c->user_dense_count;
    int64_t at = 0, most = n * dense + (from->sparse > 0 ? from->start[n] : 0);

    memset(out, 0, sizeof *out);
    out->n = n;
    out->sparse = dense + (item ? c->item_sparse_count : c->user_sparse_count);
    LT_TRY(lt_alloc(env, &out->start, (size_t)n + 1, sizeof *out->start, what));
    LT_TRY(lt_alloc(env, &out->col, (size_t)most, sizeof *out->col, what));
    LT_TRY(lt_alloc(env, &out->val, (size_t)most, sizeof *out->val, what));
    for (int64_t i = 0; i < n; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        at += (item ? lt_cross_item : lt_cross_user)(c, from, i, out->col + at, out->val + at);
        out->start[i + 1] = at;
    }
    return LT_OK;
}

lt_status lt_logistic_check_label(lt_env *env, float label)
{
    if (label == 0 || label == 1)
        return LT_OK;
    lt_fail(env, LT_INVALID, "the label %g is neither 0 nor 1", label);
    return lt_fail_hint(env, "Logistic models need a boolean label, or numbers 0 and 1.");
}

/* How many of the labels are 1, and how many neither 0 nor 1. */
static LT_VECTORIZED void count_labels(const float *label, int64_t n, int64_t *ones, int64_t *others)
{
    int64_t one = 0, other = 0;

    for (int64_t i = 0; i < n; i++) {
        one += label[i] == 1;
        other += label[i] != 0 && label[i] != 1;
    }
    *ones = one;
    *others = other;
}

lt_status lt_logistic_count_labels(lt_env *env, const lt_examples *ex, int64_t count[2])
{
    int64_t others;

    count_labels(ex->label, ex->n, &count[1], &others);
    count[0] = ex->n - count[1];
    for (int64_t i = 0; others > 0 && i < ex->n; i++)
        LT_TRY(lt_logistic_check_label(env, ex->label[i]));
    return LT_OK;
}

static double mean_entries(const lt_table *t)
{
    return t != NULL && t->n > 0 && t->sparse > 0 ? (double)t->start[t->n] / (double)t->n : 0;
}

/* A side's sparse columns are a category's as a rule: one entry. */
static double count_entries(const lt_inputs *in, const lt_examples *ex)
{
    const lt_design *d = in->design;
    double entries = d->row_sparse > 0 ? mean_entries(in->row) : 0;

    if (ex->user != NULL)
        entries += (d->user_sparse > 0 ? mean_entries(in->user) : 0) + d->user_ids;
    if (ex->item != NULL)
        entries += (d->item_sparse > 0 ? mean_entries(in->item) : 0) + d->item_ids;
    for (int i = 0; i < d->n_crosses; i++) {
        const lt_cross *c = &d->cross[i];

        entries += (double)(c->user_dense_count + (c->user_sparse_count > 0)) *
                   (c->item_dense_count + (c->item_sparse_count > 0));
    }
    return entries;
}

static lt_status make_members(lt_env *env, lt_logistic_objective *o)
{
    const char *what = "a block of rows";

    o->members = lt_threads(env);
    LT_TRY(lt_alloc(env, &o->member, (size_t)o->members, sizeof *o->member, what));
    for (int k = 0; k < o->members; k++) {
        lt_logistic_member *m = &o->member[k];

        LT_TRY(lt_alloc(env, &m->margin, 3 * (size_t)o->block, sizeof *m->margin, what));
        m->residual = m->margin + o->block;
        m->curvature = m->residual + o->block;
    }
    return LT_OK;
}

lt_status lt_logistic_objective_init(lt_env *env, lt_logistic_objective *o, const lt_inputs *in,
                                     const lt_examples *examples, const double class_weight[2])
{
    int64_t width = 1 + (int64_t)in->design->dense, count[2];

    LT_TRY(lt_blas_load(env));
    memset(o, 0, sizeof *o);
    o->in = *in;
    o->examples = examples;
    o->class_weight[0] = class_weight[0];
    o->class_weight[1] = class_weight[1];
    o->columns = 1 + in->design->dense + in->design->sparse;
    LT_TRY(lt_logistic_count_labels(env, examples, count));
    if (examples->weight == NULL)
        o->total_weight = class_weight[0] * (double)count[0] + class_weight[1] * (double)count[1];
    for (int64_t i = 0; examples->weight != NULL && i < examples->n; i++) {
        if (!(examples->weight[i] >= 0 && isfinite(examples->weight[i])))
            return lt_fail(env, LT_INVALID, "the weight %g is not a number of at least 0", examples->weight[i]);
        o->total_weight += class_weight[examples->label[i] != 0] * examples->weight[i];
    }
    o->entries = count_entries(in, examples);
    o->block = (int)(BLOCK_CELLS / width);
    o->block = o->block > BLOCK_MOST ? BLOCK_MOST : o->block < BLOCK_LEAST ? BLOCK_LEAST : o->block;
    LT_TRY(make_members(env, o));
    LT_TRY(lt_alloc(env, &o->slot_loss, SLOTS_MOST, sizeof *o->slot_loss, "a block of rows"));
    o->factored = examples->user != NULL || examples->item != NULL;
    return o->factored ? lt_logistic_factor(env, o) : LT_OK;
}

void lt_logistic_objective_free(lt_env *env, lt_logistic_objective *o)
{
    for (int k = 0; k < o->members; k++) {
        lt_logistic_member *m = &o->member[k];

        lt_batch_free(env, &m->batch);
        lt_free(env, m->z);
        lt_free(env, m->margin);
        lt_free(env, m->collapsed);
        lt_free(env, m->used);
        lt_free(env, m->touched);
    }
    lt_free(env, o->member);
    lt_free(env, o->partial);
    lt_free(env, o->slot_loss);
    lt_free(env, o->curvature);
    lt_logistic_factor_free(env, o);
}

double lt_logistic_hessian_work(const lt_logistic_objective *o)
{
    double dense = 1 + o->in.design->dense, sparse = o->entries;

    return (double)o->examples->n * (dense * dense + sparse * dense + sparse * sparse) / 2;
}

/* ---- sharing out ---- */

lt_logistic_plan lt_logistic_share_out(int64_t n, int block, double cells, double width)
{
    lt_logistic_plan p = {.n = n};
    double memory = SLOT_MEMORY / (width * sizeof(double)), rows = TASK_CELLS / cells;
    int most = width <= WIDE ? SLOTS_MOST : memory >= SLOTS_WIDE ? SLOTS_WIDE : memory > 2 ? (int)memory : 2;
    int64_t least = (n + most - 1) / most;

    rows = rows > TASK_MOST ? TASK_MOST : rows < block ? block : rows;
    p.rows = (int64_t)rows < least ? (int64_t)rows : least;
    p.rows = (p.rows + block - 1) / block * block;
    p.rows = p.rows > 0 ? p.rows : block;
    p.slots = (n + p.rows - 1) / p.rows < most ? (int)((n + p.rows - 1) / p.rows) : most;
    return p;
}

lt_status lt_logistic_rounds(lt_env *env, lt_logistic_objective *o, const lt_logistic_plan *plan, int64_t width,
                             lt_task run, void *context, int64_t *first)
{
    size_t need = (size_t)plan->slots * (size_t)width;

    if (need > o->partial_capacity) {
        lt_free(env, o->partial);
        o->partial = NULL;
        o->partial_capacity = 0;
        LT_TRY(lt_alloc(env, &o->partial, need, sizeof *o->partial, "the threads' sums"));
        o->partial_capacity = need;
    }
    for (*first = 0; *first < plan->n; *first += plan->slots * plan->rows) {
        int64_t left = (plan->n - *first + plan->rows - 1) / plan->rows;

        LT_TRY(lt_run(env, left < plan->slots ? left : plan->slots, run, context));
    }
    return LT_OK;
}

typedef struct adding {
    const double *from;
    double *to;
    int slots;
    int64_t stride, width;
} adding;

static LT_VECTORIZED void add_slots(const double *from, int slots, int64_t stride, int64_t n, double *restrict to)
{
    for (int s = 0; s < slots; s++, from += stride)
        for (int64_t j = 0; j < n; j++)
            to[j] += from[j];
}

static void add_some(void *context, int64_t task, int member)
{
    const adding *a = context;
    int64_t at = task * ADDED, left = a->width - at;

    (void)member;
    add_slots(a->from + at, a->slots, a->stride, left < ADDED ? left : ADDED, a->to + at);
}

lt_status lt_logistic_add_up(lt_env *env, const lt_logistic_objective *o, int slots, int64_t stride, int64_t from,
                             int64_t width, double *to)
{
    adding a = {.from = o->partial + from, .to = to, .slots = slots, .stride = stride, .width = width};

    return lt_run(env, (width + ADDED - 1) / ADDED, add_some, &a);
}

/* ---- either way ---- */

static lt_status pass(lt_env *env, lt_logistic_objective *o, lt_logistic_purpose purpose, const double *w, double *loss,
                      double *sum)
{
    memset(sum, 0, (size_t)o->columns * sizeof *sum);
    if (o->factored)
        return lt_logistic_factored(env, o, purpose, w, loss, sum);
    return lt_logistic_blocks(env, o, purpose, w, loss, sum, NULL);
}

lt_status lt_logistic_evaluate(lt_env *env, lt_logistic_objective *o, const double *w, double *loss, double *gradient,
                               double *hessian)
{
    *loss = 0;
    if (hessian != NULL) {
        memset(gradient, 0, (size_t)o->columns * sizeof *gradient);
        memset(hessian, 0, (size_t)o->columns * (size_t)o->columns * sizeof *hessian);
        return lt_logistic_blocks(env, o, LT_LOGISTIC_HESSIAN, w, loss, gradient, hessian);
    }
    if (gradient != NULL)
        return pass(env, o, LT_LOGISTIC_GRADIENT, w, loss, gradient);
    if (o->factored)
        return lt_logistic_factored(env, o, LT_LOGISTIC_LOSS, w, loss, NULL);
    return lt_logistic_blocks(env, o, LT_LOGISTIC_LOSS, w, loss, NULL, NULL);
}

lt_status lt_logistic_keep_curvature(lt_env *env, lt_logistic_objective *o)
{
    if (o->curvature != NULL)
        return LT_OK;
    return lt_alloc(env, &o->curvature, (size_t)o->examples->n, sizeof *o->curvature, "the examples' curvature");
}

lt_status lt_logistic_diagonal(lt_env *env, lt_logistic_objective *o, double *diagonal)
{
    return pass(env, o, LT_LOGISTIC_DIAGONAL, NULL, NULL, diagonal);
}

lt_status lt_logistic_product(lt_env *env, lt_logistic_objective *o, const double *v, double *product)
{
    return pass(env, o, LT_LOGISTIC_PRODUCT, v, NULL, product);
}

static LT_VECTORIZED void curvatures_at_0(const float *label, const float *weight, const double class_weight[2],
                                          int64_t n, float *restrict curvature)
{
    float quarter[2] = {(float)(class_weight[0] / 4), (float)(class_weight[1] / 4)};

    for (int64_t i = 0; i < n; i++)
        curvature[i] = label[i] != 0 ? quarter[1] : quarter[0];
    for (int64_t i = 0; weight != NULL && i < n; i++)
        curvature[i] *= weight[i];
}

lt_status lt_logistic_curvature(lt_env *env, lt_logistic_objective *o, double *diagonal)
{
    const float *label = o->factored ? o->label : o->examples->label;
    const float *weight = o->factored ? o->weight : o->examples->weight;
    bool kept = o->curvature != NULL;

    LT_TRY(lt_logistic_keep_curvature(env, o));
    curvatures_at_0(label, weight, o->class_weight, o->examples->n, o->curvature);
    LT_TRY(lt_logistic_diagonal(env, o, diagonal));
    if (!kept) {
        lt_free(env, o->curvature);
        o->curvature = NULL;
    }
    return LT_OK;
}
