/*
 * dataset.c: the input columns' numbering, pairs of users and items, and negative sampling.
 */
#include "dataset.h"

#include "sampler.h"

#include <math.h>
#include <string.h>

#define POLL_EVERY 256       /* rows between polls */
#define POLL_DRAWS (1 << 15) /* draws between polls: about a millisecond */
#define DESIGN_FIELDS 10
#define CROSS_FIELDS 8 /* of lt_cross, all but `first` */

/* ---- design ---- */

lt_status lt_design_finish(lt_env *env, lt_design *d)
{
    int64_t dense = (int64_t)d->row_dense + d->user_dense + d->item_dense;
    int64_t sparse = (int64_t)d->row_sparse + d->user_sparse + d->item_sparse;

    sparse += (int64_t)(d->user_ids ? d->users : 0) + (d->item_ids ? d->items : 0);
    for (int i = 0; i < d->n_crosses && sparse <= INT32_MAX; i++) {
        lt_cross *c = &d->cross[i];
        int64_t cells;

        c->first = (int32_t)sparse;
        if (__builtin_mul_overflow((int64_t)c->user_dense_count + c->user_sparse_count,
                                   (int64_t)c->item_dense_count + c->item_sparse_count, &cells) ||
            __builtin_add_overflow(sparse, cells, &sparse))
            sparse = INT64_MAX;
    }
    if (dense > INT32_MAX || sparse > INT32_MAX || dense + sparse >= INT32_MAX) { /* an intercept fits, too */
        lt_fail(env, LT_INVALID, "the features encode to more than %d columns", INT32_MAX);
        return lt_fail_hint(env, "Raise min_count, exclude a feature or a cross.");
    }
    d->dense = (int32_t)dense;
    d->sparse = (int32_t)sparse;
    return LT_OK;
}

int32_t lt_design_grown_column(const lt_design *d, const lt_design *grown, int32_t column)
{
    int32_t items = d->row_sparse + d->user_sparse + d->item_sparse + (d->user_ids ? d->users : 0);
    int32_t crosses = items + (d->item_ids ? d->items : 0);

    if (column >= items && d->user_ids)
        column += grown->users - d->users;
    if (column >= crosses + (d->user_ids ? grown->users - d->users : 0) && d->item_ids)
        column += grown->items - d->items;
    return column;
}

void lt_design_write(lt_writer *w, const lt_design *d)
{
    int32_t fields[DESIGN_FIELDS] = {d->row_dense,   d->row_sparse, d->user_dense, d->user_sparse, d->item_dense,
                                     d->item_sparse, d->users,      d->items,      d->user_ids,    d->item_ids};

    lt_write_i32s(w, fields, DESIGN_FIELDS);
    lt_write_i32(w, d->n_crosses);
    for (int i = 0; i < d->n_crosses; i++) {
        const lt_cross *c = &d->cross[i];
        int32_t part[CROSS_FIELDS] = {c->user_dense_first,  c->user_dense_count, c->user_sparse_first,
                                      c->user_sparse_count, c->item_dense_first, c->item_dense_count,
                                      c->item_sparse_first, c->item_sparse_count};

        lt_write_i32s(w, part, CROSS_FIELDS);
    }
}

static bool in_range(int32_t first, int32_t count, int32_t columns)
{
    return first >= 0 && count >= 0 && count <= columns && first <= columns - count;
}

lt_status lt_design_read(lt_reader *r, lt_design *d)
{
    int64_t n;
    const int32_t *fields = lt_read_i32s(r, &n);
    int32_t crosses = lt_read_i32(r);

    memset(d, 0, sizeof *d);
    if (r->status != LT_OK)
        return r->status;
    for (int64_t i = 0; i < n; i++) {
        if (n != DESIGN_FIELDS || fields[i] < 0) {
            lt_reader_corrupt(r, "design");
            return r->status;
        }
    }
    /* A cross takes more than one byte, which bounds the allocation. */
    if (n != DESIGN_FIELDS || fields[8] > 1 || fields[9] > 1 || crosses < 0 || (size_t)crosses > r->n - r->at) {
        lt_reader_corrupt(r, "design");
        return r->status;
    }
    d->row_dense = fields[0];
    d->row_sparse = fields[1];
    d->user_dense = fields[2];
    d->user_sparse = fields[3];
    d->item_dense = fields[4];
    d->item_sparse = fields[5];
    d->users = fields[6];
    d->items = fields[7];
    d->user_ids = fields[8] != 0;
    d->item_ids = fields[9] != 0;
    d->n_crosses = crosses;
    r->status = lt_alloc(r->env, &d->cross, (size_t)crosses, sizeof *d->cross, "the crosses");
    for (int32_t i = 0; i < crosses && r->status == LT_OK; i++) {
        lt_cross *c = &d->cross[i];
        const int32_t *part = lt_read_i32s(r, &n);

        if (r->status != LT_OK)
            break;
        if (n != CROSS_FIELDS || !in_range(part[0], part[1], d->user_dense) ||
            !in_range(part[2], part[3], d->user_sparse) || !in_range(part[4], part[5], d->item_dense) ||
            !in_range(part[6], part[7], d->item_sparse)) {
            lt_reader_corrupt(r, "cross");
            break;
        }
        c->user_dense_first = part[0];
        c->user_dense_count = part[1];
        c->user_sparse_first = part[2];
        c->user_sparse_count = part[3];
        c->item_dense_first = part[4];
        c->item_dense_count = part[5];
        c->item_sparse_first = part[6];
        c->item_sparse_count = part[7];
    }
    if (r->status == LT_OK && lt_design_finish(r->env, d) != LT_OK)
        lt_reader_corrupt(r, "design");
    return r->status;
}

/* ---- pairs ---- */

int64_t lt_pairs_find(const lt_pairs *p, int32_t row, int32_t col)
{
    int64_t low, high;

    if (row < 0 || row >= p->rows)
        return -1;
    low = p->start[row];
    high = p->start[row + 1];
    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (p->col[middle] < col)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->start[row + 1] && p->col[low] == col ? low : -1;
}

bool lt_pairs_has(const lt_pairs *p, int32_t row, int32_t col)
{
    return lt_pairs_find(p, row, col) >= 0;
}

lt_status lt_pairs_transpose(lt_env *env, const lt_pairs *p, lt_pairs *out)
{
    int64_t n = p->start[p->rows];
    int64_t *at;

    memset(out, 0, sizeof *out);
    out->rows = p->cols;
    out->cols = p->rows;
    LT_TRY(lt_alloc(env, &out->start, (size_t)out->rows + 1, sizeof *out->start, "the interactions by item"));
    LT_TRY(lt_alloc(env, &out->col, (size_t)n, sizeof *out->col, "the interactions by item"));
    if (p->val != NULL)
        LT_TRY(lt_alloc(env, &out->val, (size_t)n, sizeof *out->val, "the interactions by item"));
    if (p->time != NULL)
        LT_TRY(lt_alloc(env, &out->time, (size_t)n, sizeof *out->time, "the interactions by item"));
    LT_TRY(lt_alloc(env, &at, (size_t)out->rows + 1, sizeof *at, "the interactions by item"));
    for (int64_t k = 0; k < n; k++)
        out->start[p->col[k] + 1]++;
    for (int32_t r = 0; r < out->rows; r++)
        out->start[r + 1] += out->start[r];
    memcpy(at, out->start, (size_t)out->rows * sizeof *at);
    for (int32_t r = 0; r < p->rows; r++) {
        if (r % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        for (int64_t k = p->start[r]; k < p->start[r + 1]; k++) {
            int64_t to = at[p->col[k]]++;

            out->col[to] = r;
            if (p->val != NULL)
                out->val[to] = p->val[k];
            if (p->time != NULL)
                out->time[to] = p->time[k];
        }
    }
    lt_free(env, at);
    return LT_OK;
}

lt_inputs lt_dataset_inputs(const lt_dataset *d)
{
    return (lt_inputs){.design = &d->design, .row = &d->row, .user = &d->user, .item = &d->item};
}

/* ---- negative sampling ---- */

/*
 * rate[u] = per_positive * (positives of u) / (probability of the items u does not have): times p[i], the expected
 * number of times pair (u, i) was drawn. Unknown users share rate[U].
 */
static lt_status sampling_rates(lt_env *env, const lt_sampler *s, const lt_examples *positives, const lt_pairs *known,
                                int per_positive, int32_t users, double **out)
{
    double *rate;

    LT_TRY(lt_alloc(env, &rate, (size_t)users + 1, sizeof *rate, "the users' sampling rates"));
    for (int64_t i = 0; i < positives->n; i++) {
        int32_t u = positives->user == NULL ? -1 : positives->user[i];

        rate[u < 0 || u >= users ? users : u] += per_positive;
    }
    for (int32_t u = 0; u < users; u++) {
        double left = 1;

        if (u < known->rows)
            for (int64_t k = known->start[u]; k < known->start[u + 1]; k++)
                left -= s->p[known->col[k]];
        /* A user who has everything has no negatives to correct for; rounding must not make the rate infinite. */
        rate[u] /= left > s->least ? left : s->least;
    }
    *out = rate;
    return LT_OK;
}

lt_status lt_sample_negatives(lt_env *env, const lt_dataset *d, const lt_examples *positives, const lt_pairs *known,
                              int per_positive, double exponent, bool correction, lt_random *rng, lt_examples *out)
{
    const char *what = "the sampled negatives";
    bool rows = positives->row != NULL || d->design.row_dense > 0 || d->design.row_sparse > 0;
    size_t most;
    lt_sampler s;
    double *rate = NULL;
    int64_t at = 0, draws = POLL_DRAWS;

    memset(out, 0, sizeof *out);
    if (positives->n > 0 && (d->design.items <= 0 || positives->item == NULL))
        return lt_fail(env, LT_INVALID, "negatives cannot be sampled without items");
    if (__builtin_mul_overflow((size_t)positives->n, (size_t)per_positive + 1, &most))
        return lt_fail(env, LT_NO_MEMORY, "%s would take more memory than can be addressed", what);
    if (rows)
        LT_TRY(lt_alloc(env, &out->row, most, sizeof *out->row, what));
    if (positives->user != NULL)
        LT_TRY(lt_alloc(env, &out->user, most, sizeof *out->user, what));
    LT_TRY(lt_alloc(env, &out->item, most, sizeof *out->item, what));
    LT_TRY(lt_alloc(env, &out->label, most, sizeof *out->label, what));
    if (positives->weight != NULL)
        LT_TRY(lt_alloc(env, &out->weight, most, sizeof *out->weight, what));
    if (correction)
        LT_TRY(lt_alloc(env, &out->offset, most, sizeof *out->offset, what));
    LT_TRY(lt_sampler_init(env, &s, d->design.items, d->item_count, exponent));
    if (correction)
        LT_TRY(sampling_rates(env, &s, positives, known, per_positive, d->design.users, &rate));

    for (int64_t i = 0; i < positives->n; i++) {
        int32_t u = positives->user == NULL ? -1 : positives->user[i];
        bool has_all = u >= 0 && u < known->rows && known->start[u + 1] - known->start[u] >= s.n;

        for (int k = 0; k <= per_positive; k++) {
            int32_t item = positives->item[i];
            int rejected = 0;

            if (draws >= POLL_DRAWS) {
                LT_TRY(lt_poll(env));
                draws = 0;
            }
            draws++;
            if (k > 0) {
                if (has_all)
                    break;
                while (lt_pairs_has(known, u, item = lt_sampler_draw(&s, rng)) && ++rejected < LT_SAMPLER_REJECTED)
                    ;
                draws += rejected;
                if (rejected == LT_SAMPLER_REJECTED)
                    continue;
            }
            if (rows)
                out->row[at] = positives->row != NULL ? positives->row[i] : (int32_t)(positives->row_first + i);
            if (out->user != NULL)
                out->user[at] = u;
            out->item[at] = item;
            out->label[at] = k == 0;
            if (out->weight != NULL)
                out->weight[at] = positives->weight[i];
            if (correction) {
                double p = item >= 0 ? s.p[item] : 0;

                /* A positive the sampler cannot draw (no count) is taken for the rarest one it can. */
                p = p > 0 ? p : s.least;
                p *= rate[u < 0 || u >= d->design.users ? d->design.users : u];
                out->offset[at] = p > 0 ? (float)-log(p) : 0; /* 0: nothing is drawn with per_positive = 0 */
            }
            at++;
        }
    }
    out->n = at;
    lt_sampler_free(env, &s);
    lt_free(env, rate);
    return LT_OK;
}
