/*
 * gather.c: examples gathered into batches: the columns of row, user and item, ids and crosses, side by side.
 *
 * Invariants: a gathered example's sparse columns ascend, because the groups are visited in the order of the numbering
 * and each group's entries ascend; crosses leave out the products that are zero.
 */
#include "dataset.h"
#include "spill.h"

#include <string.h>

#define ROWS_AHEAD 8   /* rows that are fetched before they are copied */
#define PREFETCHED 256 /* values of such a row, at most; the processor sees to the rest */

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

    LT_TRY(lt_batch_reserve(env, d, b, 0, out));
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
    /* The most that one row asks for before it knows what it has: everything twice. */
    return lt_batch_reserve(env, d, b, b * entries + user + item + most_entries(in->row) + 2 + beside, out);
}

void lt_batch_free(lt_env *env, lt_batch *b)
{
    lt_free(env, b->x);
    lt_free(env, b->start);
    lt_free(env, b->col);
    lt_free(env, b->val);
    memset(b, 0, sizeof *b);
}
