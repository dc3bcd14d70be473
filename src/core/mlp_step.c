/*
 * mlp_step.c: the optimizer's step of a batch, one share of the weights a thread.
 *
 * Of the dense weights a share is a range.  Of those by row it is every so manyeth row: each thread looks through all
 * of the batch's entries for its own, chains those of a row, and adds them up in their order, so that the shares do not
 * show in the result.
 */
#include "mlp_trainer.h"

#include <string.h>

/* Values of the gradient added up at a time: they stay in the first-level cache. */
#define SUM_BLOCK 1024

/* Adds the parts' gradients up and makes the step of the dense values from .. end-1. */
static void step_dense(lt_mlp_trainer *t, const lt_mlp_batch *batch, int64_t step, int64_t from, int64_t end)
{
    float sum[SUM_BLOCK];
    int parts = lt_mlp_parts_of(t, batch);

    while (from < end) {
        bool penalised = from < t->n_penalised;
        int64_t stop = from + SUM_BLOCK < end ? from + SUM_BLOCK : end;

        if (penalised && stop > t->n_penalised)
            stop = t->n_penalised;
        memcpy(sum, t->part[0].gradient + from, (size_t)(stop - from) * sizeof *sum);
        for (int k = 1; k < parts; k++)
            lt_add_scaled(stop - from, 1, t->part[k].gradient + from, sum);
        lt_optimizer_step(&t->optimizer, step, penalised, stop - from, sum, t->first == NULL ? NULL : t->first + from,
                          t->second == NULL ? NULL : t->second + from, t->values + from);
        from = stop;
    }
}

/* The dense values from .. end-1, where they are of a layer's weights, to its turned ones. */
static void turn_weights(lt_mlp_trainer *t, int64_t from, int64_t end)
{
    for (int l = 1; l < t->net.layers; l++) {
        const lt_parameter *w = t->weight[l];
        int64_t begin = from > w->at ? from - w->at : 0, stop = end - w->at, size = w->rows * w->cols;

        stop = stop < size ? stop : size;
        for (int64_t i = begin; i < stop && t->turned[l] != NULL;) {
            int64_t row = i / w->cols, col = i % w->cols;

            for (; col < w->cols && i < stop; col++, i++)
                t->turned[l][col * w->rows + row] = w->weight[i];
        }
    }
}

void lt_mlp_weights_changed(lt_mlp_trainer *t)
{
    turn_weights(t, 0, t->n_values);
}

/* ---- rows ---- */

/* What one thread steps of a by-row parameter: the rows whose number leaves `share` when divided by `shares`. */
typedef struct row_share {
    lt_parameter *p;
    int share, shares;
    int32_t first, last; /* first entries of its rows: where the chain of them begins and ends; -1 */
} row_share;

/* Entry k of the batch is of this row. */
static inline void add_entry(row_share *s, int64_t row, int32_t k, int32_t example, float value)
{
    lt_parameter *p = s->p;
    lt_mlp_entry *all = p->entry, *e = all + k, *head;

    if (row < 0 || row >= p->rows || (s->shares > 1 && (int)((uint32_t)row % (uint32_t)s->shares) != s->share))
        return;
    *e =
        (lt_mlp_entry){.row = (int32_t)row, .example = example, .value = value, .next = -1, .last = k, .following = -1};
    if (p->place[row] != 0) {
        head = all + p->place[row] - 1;
        all[head->last].next = k;
        head->last = k;
        return;
    }
    /* Its weights are wanted soon, and are rarely in the cache. */
    __builtin_prefetch(p->weight + row * p->cols);
    if (p->first != NULL)
        __builtin_prefetch(p->first + row * p->cols);
    if (p->second != NULL)
        __builtin_prefetch(p->second + row * p->cols);
    p->place[row] = k + 1;
    if (s->first < 0)
        s->first = k;
    else
        all[s->last].following = k;
    s->last = k;
}

/* Steps of the rows met. gradient: a row an example, `stride` apart. */
static void step_met(const lt_mlp_trainer *t, const row_share *s, const float *gradient, int64_t stride)
{
    lt_parameter *p = s->p;
    float sum[LT_MLP_WIDTH];

    for (int32_t k = s->first; k >= 0; k = p->entry[k].following) {
        int64_t row = p->entry[k].row, at = row * p->cols;

        memset(sum, 0, (size_t)p->cols * sizeof *sum);
        for (const lt_mlp_entry *e = p->entry + k;; e = p->entry + e->next) {
            lt_add_scaled(p->cols, e->value, gradient + e->example * stride, sum);
            if (e->next < 0)
                break;
        }
        p->place[row] = 0;
        if (p->steps[row] < INT32_MAX)
            p->steps[row]++;
        lt_optimizer_step(&t->optimizer, p->steps[row], p->penalised, p->cols, sum,
                          p->first == NULL ? NULL : p->first + at, p->second == NULL ? NULL : p->second + at,
                          p->weight + at);
    }
}

/* Embeddings or factors: example i is of row id[i], if `other`, unless NULL, is known too, one of `others`. */
static void step_ids(lt_mlp_trainer *t, int b, lt_parameter *p, const int32_t *id, const int32_t *other, int64_t others,
                     const float *gradient, int share, int shares)
{
    row_share s = {.p = p, .share = share, .shares = shares, .first = -1};

    for (int i = 0; i < b; i++)
        if (other == NULL || (other[i] >= 0 && other[i] < others))
            add_entry(&s, id[i], i, i, 1);
    step_met(t, &s, gradient, 2 * p->cols);
}

static void step_sparse(lt_mlp_trainer *t, const lt_mlp_batch *batch, int share, int shares)
{
    row_share s = {.p = t->sparse_in, .share = share, .shares = shares, .first = -1};
    int32_t at = 0;

    for (int k = 0; k < lt_mlp_parts_of(t, batch); k++) {
        const lt_mlp_part *p = &t->part[k];
        const lt_batch *in = &p->in;

        for (int i = 0; i < p->end - p->first; i++)
            for (int64_t j = in->start[i]; j < in->start[i + 1]; j++)
                add_entry(&s, in->col[j], at + (int32_t)j, p->first + i, in->val == NULL ? 1 : in->val[j]);
        at += (int32_t)in->start[p->end - p->first];
    }
    step_met(t, &s, t->net.layers == 1 ? t->slope : t->first_gradient, t->sparse_in->cols);
}

void lt_mlp_step(lt_mlp_trainer *t, const lt_mlp_batch *batch, int64_t step, int share, int shares)
{
    int64_t lines = t->n_values / 16, from = lines * share / shares * 16, end = lines * (share + 1) / shares * 16;
    int32_t *user = t->user_of, *item = t->item_of;

    step_dense(t, batch, step, from, end);
    turn_weights(t, from, end);
    if (t->sparse_in != NULL)
        step_sparse(t, batch, share, shares);
    if (t->user != NULL) {
        step_ids(t, batch->b, t->user, user, NULL, 0, t->embedded_gradient, share, shares);
        step_ids(t, batch->b, t->item, item, NULL, 0, t->embedded_gradient + t->item->cols, share, shares);
    }
    if (t->user_factors != NULL) {
        step_ids(t, batch->b, t->user_factors, user, item, t->net.items, t->factors_gradient, share, shares);
        step_ids(t, batch->b, t->item_factors, item, user, t->net.users, t->factors_gradient + t->net.factors, share,
                 shares);
    }
}
