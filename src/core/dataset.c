/*
 * dataset.c: the input columns' numbering, negative sampling, and gathering examples into batches.
 *
 * Invariants: a gathered example's sparse columns ascend, because the groups are visited in the order of the numbering
 * and each group's entries ascend; crosses leave out the products that are zero.
 */
#include "dataset.h"

#include "sampler.h"
#include "spill.h"

#include <math.h>
#include <string.h>

#define POLL_EVERY 256       /* rows between polls */
#define POLL_DRAWS (1 << 15) /* draws between polls: about a millisecond */
#define DESIGN_FIELDS 10
#define CROSS_FIELDS 8 /* of lt_cross, all but `first` */
#define ROWS_AHEAD 8   /* rows that are fetched before they are copied */
#define PREFETCHED 256 /* values of such a row, at most; the processor sees to the rest */

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

/* ---- gathering ---- */

static int64_t cross_side(const lt_table *t, int64_t row, int32_t dense_first, int32_t dense_count,
                          int32_t sparse_first, int32_t sparse_count, int32_t *col, float *val)
{
    int64_t n = 0;

    if (row < 0)
        return 0;
    for (int32_t j = 0; j < dense_count; j++) {
        float v = t->x[row * t->dense + dense_first + j];

        if (v != 0) {
            col[n] = j;
            val[n++] = v;
        }
    }
    if (sparse_count > 0) {
        for (int64_t k = t->start[row]; k < t->start[row + 1]; k++) {
            int32_t j = t->col[k] - sparse_first;

            if (j >= 0 && j < sparse_count && t->val[k] != 0) {
                col[n] = dense_count + j;
                val[n++] = t->val[k];
            }
        }
    }
    return n;
}

int64_t lt_cross_user(const lt_cross *c, const lt_table *user, int64_t row, int32_t *col, float *val)
{
    return cross_side(user, row, c->user_dense_first, c->user_dense_count, c->user_sparse_first, c->user_sparse_count,
                      col, val);
}

int64_t lt_cross_item(const lt_cross *c, const lt_table *item, int64_t row, int32_t *col, float *val)
{
    return cross_side(item, row, c->item_dense_first, c->item_dense_count, c->item_sparse_first, c->item_sparse_count,
                      col, val);
}

static int64_t entries_of(const lt_table *t, int64_t row)
{
    return row >= 0 && t->sparse > 0 ? t->start[row + 1] - t->start[row] : 0;
}

/* Room for `more` entries behind the first n. */
static lt_status reserve(lt_env *env, lt_batch *out, int64_t n, int64_t more)
{
    LT_TRY(lt_grow(env, &out->col, &out->cap_col, (size_t)(n + more), sizeof *out->col, "a batch's entries"));
    return lt_grow(env, &out->val, &out->cap_val, (size_t)(n + more), sizeof *out->val, "a batch's entries");
}

/* Some of a table's numbers; apart: what is around them will not be wanted soon. */
static void copy(const lt_table *t, bool apart, void *to, const void *from, size_t bytes)
{
    if (apart && t->spill != NULL)
        t->spill->read(t->spill->context, from, to, bytes);
    else
        memcpy(to, from, bytes);
}

static int64_t append(lt_batch *out, int64_t n, const lt_table *t, bool apart, int64_t row, int32_t first)
{
    size_t entries = (size_t)entries_of(t, row);

    if (entries == 0)
        return n;
    copy(t, apart, out->col + n, t->col + t->start[row], entries * sizeof *t->col);
    copy(t, apart, out->val + n, t->val + t->start[row], entries * sizeof *t->val);
    for (size_t k = 0; k < entries; k++)
        out->col[n++] += first;
    return n;
}

static lt_status append_cross(lt_env *env, lt_batch *out, int64_t *n, const lt_inputs *in, const lt_cross *c, int64_t u,
                              int64_t i)
{
    int64_t most_u = c->user_dense_count + entries_of(in->user, u);
    int64_t most_i = c->item_dense_count + entries_of(in->item, i);
    int32_t width = c->item_dense_count + c->item_sparse_count;
    int64_t users, items, at = *n, at_u, at_i;

    /* The two sides are listed at the far end of the arrays while their products are written in front. */
    LT_TRY(reserve(env, out, *n, most_u * most_i + most_u + most_i));
    at_u = *n + most_u * most_i;
    at_i = at_u + most_u;
    users = lt_cross_user(c, in->user, u, out->col + at_u, out->val + at_u);
    items = lt_cross_item(c, in->item, i, out->col + at_i, out->val + at_i);
    for (int64_t a = at_u; a < at_u + users; a++) {
        for (int64_t b = at_i; b < at_i + items; b++, at++) {
            out->col[at] = c->first + out->col[a] * width + out->col[b];
            out->val[at] = out->val[a] * out->val[b];
        }
    }
    *n = at;
    return LT_OK;
}

/* id: the user's number, u: the row of in->user that has the features; they differ for a stranger. */
static lt_status gather_sparse(lt_env *env, const lt_inputs *in, bool apart, int64_t r, int64_t id, int64_t u,
                               int64_t i, lt_batch *out, int64_t *n)
{
    const lt_design *d = in->design;
    int32_t ids = d->row_sparse + d->user_sparse + d->item_sparse;

    /* A side without columns has no table to look into. */
    LT_TRY(reserve(env, out, *n,
                   (d->row_sparse > 0 ? entries_of(in->row, r) : 0) +
                       (d->user_sparse > 0 ? entries_of(in->user, u) : 0) +
                       (d->item_sparse > 0 ? entries_of(in->item, i) : 0) + 2));
    if (d->row_sparse > 0)
        *n = append(out, *n, in->row, apart, r, 0);
    if (d->user_sparse > 0)
        *n = append(out, *n, in->user, apart, u, d->row_sparse);
    if (d->item_sparse > 0)
        *n = append(out, *n, in->item, apart, i, d->row_sparse + d->user_sparse);
    if (d->user_ids && id >= 0) {
        out->col[*n] = ids + (int32_t)id;
        out->val[(*n)++] = 1;
    }
    if (d->user_ids)
        ids += d->users;
    if (d->item_ids && i >= 0) {
        out->col[*n] = ids + (int32_t)i;
        out->val[(*n)++] = 1;
    }
    for (int c = 0; c < d->n_crosses && u >= 0 && i >= 0; c++)
        LT_TRY(append_cross(env, out, n, in, &d->cross[c], u, i));
    return LT_OK;
}

static void gather_dense(float *x, const lt_table *t, bool apart, int64_t row, int32_t width)
{
    if (width == 0)
        return;
    if (row >= 0)
        copy(t, apart, x, t->x + row * width, (size_t)width * sizeof *x);
    else
        memset(x, 0, (size_t)width * sizeof *x);
}

/* Dense columns of the row's own only. */
static void gather_rows(const lt_inputs *in, const lt_examples *ex, const int32_t *index, int64_t first, int b,
                        float *x)
{
    const lt_table *t = in->row;
    int32_t width = in->design->dense;

    if (index == NULL && ex->row == NULL) {
        memcpy(x, in->row->x + (ex->row_first + first) * width, (size_t)b * (size_t)width * sizeof *x);
        return;
    }
    for (int k = 0; k < b; k++, x += width) {
        int64_t e = index == NULL ? first + k : index[k];
        int64_t row = ex->row == NULL ? ex->row_first + e : ex->row[e];

        /* Shuffled rows are nowhere near each other. */
        if (index != NULL && ex->row == NULL && t->spill == NULL && k + ROWS_AHEAD < b) {
            const float *ahead = t->x + (ex->row_first + index[k + ROWS_AHEAD]) * width;

            for (int32_t j = 0; j < width && j < PREFETCHED; j += 16)
                __builtin_prefetch(ahead + j);
        }
        gather_dense(x, t, true, row, width);
    }
}

void lt_gather_ahead(const lt_inputs *in, const lt_examples *ex, const int32_t *index, int b)
{
    const lt_table *t = in->row;
    int32_t width = t == NULL || t->spill != NULL ? 0 : t->dense, most = width < PREFETCHED ? width : PREFETCHED;

    for (int k = 0; k < b; k++) {
        int64_t row = ex->row == NULL ? ex->row_first + index[k] : ex->row[index[k]];

        if (ex->label != NULL)
            __builtin_prefetch(&ex->label[index[k]]);
        if (row < 0 || width == 0)
            continue;
        for (int32_t j = 0; j < most; j += 16)
            __builtin_prefetch(t->x + row * width + j);
        __builtin_prefetch(t->x + row * width + most - 1);
    }
}

/* Room for the entries of one example that gather_sparse demands. */
static int64_t entries_most(const lt_inputs *in, int64_t row, int64_t user, int64_t item)
{
    const lt_design *d = in->design;
    const lt_table *of_user = user < 0 && in->stranger != NULL ? in->stranger : in->user;
    int64_t u = user < 0 && in->stranger != NULL ? 0 : user;
    int64_t most = (d->row_sparse > 0 ? entries_of(in->row, row) : 0) +
                   (d->user_sparse > 0 ? entries_of(of_user, u) : 0) +
                   (d->item_sparse > 0 ? entries_of(in->item, item) : 0) + 2;

    for (int c = 0; c < d->n_crosses && u >= 0 && item >= 0; c++) {
        int64_t most_u = d->cross[c].user_dense_count + entries_of(of_user, u);
        int64_t most_i = d->cross[c].item_dense_count + entries_of(in->item, item);

        most += most_u * most_i + most_u + most_i;
    }
    return most;
}

int64_t lt_gather_most(const lt_inputs *in, const lt_examples *ex, const int32_t *index, int64_t first, int b)
{
    int64_t most = 0;

    for (int k = 0; k < b && in->design->sparse > 0; k++) {
        int64_t e = index == NULL ? first + k : index[k];

        most += entries_most(in, ex->row == NULL ? ex->row_first + e : ex->row[e], ex->user == NULL ? -1 : ex->user[e],
                             ex->item == NULL ? -1 : ex->item[e]);
    }
    return most;
}

lt_status lt_batch_reserve(lt_env *env, const lt_design *d, int b, int64_t entries, lt_batch *out)
{
    LT_TRY(lt_grow(env, &out->x, &out->cap_x, (size_t)b * (size_t)d->dense, sizeof *out->x, "a batch"));
    LT_TRY(lt_grow(env, &out->start, &out->cap_start, (size_t)b + 1, sizeof *out->start, "a batch"));
    return reserve(env, out, 0, entries);
}

lt_status lt_gather(lt_env *env, const lt_inputs *in, const lt_examples *ex, const int32_t *index, int64_t first, int b,
                    lt_batch *out)
{
    const lt_design *d = in->design;
    bool apart = index != NULL || ex->row != NULL;
    int64_t n = 0;

    LT_TRY(lt_grow(env, &out->x, &out->cap_x, (size_t)b * (size_t)d->dense, sizeof *out->x, "a batch"));
    LT_TRY(lt_grow(env, &out->start, &out->cap_start, (size_t)b + 1, sizeof *out->start, "a batch"));
    out->b = b;
    out->start[0] = 0;
    if (in->row != NULL && !apart)
        lt_table_touch(in->row, b, true);
    if (d->sparse == 0 && d->dense == d->row_dense) {
        if (d->dense > 0)
            gather_rows(in, ex, index, first, b, out->x);
        memset(out->start, 0, ((size_t)b + 1) * sizeof *out->start);
        return LT_OK;
    }
    for (int k = 0; k < b; k++) {
        int64_t e = index == NULL ? first + k : index[k];
        int64_t row = ex->row == NULL ? ex->row_first + e : ex->row[e];
        int64_t id = ex->user == NULL ? -1 : ex->user[e];
        int64_t item = ex->item == NULL ? -1 : ex->item[e];
        bool stranger = id < 0 && in->stranger != NULL;
        lt_inputs of = *in;
        int64_t user = stranger ? 0 : id;
        float *x = out->x + (int64_t)k * d->dense;

        if (stranger)
            of.user = in->stranger;
        gather_dense(x, in->row, apart, row, d->row_dense);
        gather_dense(x + d->row_dense, of.user, apart, user, d->user_dense);
        gather_dense(x + d->row_dense + d->user_dense, in->item, apart, item, d->item_dense);
        if (d->sparse > 0)
            LT_TRY(gather_sparse(env, &of, apart, row, id, user, item, out, &n));
        out->start[k + 1] = n;
    }
    return LT_OK;
}

static int64_t most_entries(const lt_table *t)
{
    int64_t most = 0;

    for (int64_t r = 0; t != NULL && t->sparse > 0 && r < t->n; r++)
        most = entries_of(t, r) > most ? entries_of(t, r) : most;
    return most;
}

lt_status lt_gather_reserve(lt_env *env, const lt_inputs *in, int b, lt_batch *out)
{
    const lt_design *d = in->design;
    int64_t user = most_entries(in->user), item = most_entries(in->item), stranger = most_entries(in->stranger);
    int64_t entries = most_entries(in->row) + 2, beside = 0;

    user = stranger > user ? stranger : user;
    entries += user + item;
    for (int c = 0; c < d->n_crosses; c++) {
        int64_t most_user = d->cross[c].user_dense_count + user, most_item = d->cross[c].item_dense_count + item;
        int64_t needs = most_user * most_item + most_user + most_item; /* what append_cross asks for */

        entries += most_user * most_item;
        beside = needs > beside ? needs : beside;
    }
    entries = entries < d->sparse ? entries : d->sparse;
    LT_TRY(lt_grow(env, &out->x, &out->cap_x, (size_t)b * (size_t)d->dense, sizeof *out->x, "a batch"));
    LT_TRY(lt_grow(env, &out->start, &out->cap_start, (size_t)b + 1, sizeof *out->start, "a batch"));
    /* The most that one row asks for before it knows what it has: everything twice. */
    return reserve(env, out, b * entries, user + item + most_entries(in->row) + 2 + beside);
}

void lt_batch_free(lt_env *env, lt_batch *b)
{
    lt_free(env, b->x);
    lt_free(env, b->start);
    lt_free(env, b->col);
    lt_free(env, b->val);
    memset(b, 0, sizeof *b);
}
