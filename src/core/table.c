/*
 * table.c: encoded rows: growing, storing and checking them.
 *
 * Invariants, checked on reading: start[0] = 0, starts ascend, start[n] entries, columns in 0..s-1 and strictly
 * ascending within a row, every value finite.
 */
#include "table.h"

#include "spill.h"

#include <math.h>
#include <string.h>

#define PAGE 4096 /* what a place of a mapping that is written brings into memory */

void lt_table_drop(const lt_table *t, int64_t first, int64_t end)
{
    lt_spill *s = t->spill;

    if (s == NULL || first >= end)
        return;
    if (t->dense > 0)
        s->drop(s->context, t->x + first * t->dense, (size_t)(end - first) * (size_t)t->dense * sizeof *t->x);
    if (t->sparse > 0) {
        int64_t from = t->start[first], entries = t->start[end] - from;

        s->drop(s->context, t->col + from, (size_t)entries * sizeof *t->col);
        s->drop(s->context, t->val + from, (size_t)entries * sizeof *t->val);
    }
}

void lt_table_touch(const lt_table *t, int64_t rows, bool side_by_side)
{
    size_t dense = (size_t)t->dense * sizeof *t->x, sparse;

    if (t->spill == NULL)
        return;
    sparse = t->sparse > 0 && t->n > 0 ? (size_t)(t->start[t->n] / t->n + 1) * sizeof *t->col : 0;
    if (!side_by_side) {
        dense = dense > PAGE ? dense : PAGE;
        sparse = sparse > PAGE ? sparse : t->sparse > 0 ? PAGE : 0;
    }
    if (lt_spill_touch(t->spill, (size_t)rows * (dense + 2 * sparse)))
        lt_table_drop(t, 0, t->n);
}

lt_status lt_table_append(lt_env *env, lt_table_builder *b, const lt_table *one_row)
{
    lt_table *t = &b->t;
    size_t d = (size_t)one_row->dense, n = (size_t)t->n;
    size_t at, more;

    t->dense = one_row->dense;
    t->sparse = one_row->sparse;
    if (d > 0) {
        LT_TRY(lt_grow(env, &t->x, &b->cap_x, (n + 1) * d, sizeof *t->x, "the encoded rows"));
        memcpy(t->x + n * d, one_row->x, d * sizeof *t->x);
    }
    if (t->sparse > 0) {
        LT_TRY(lt_grow(env, &t->start, &b->cap_start, n + 2, sizeof *t->start, "the encoded rows"));
        at = (size_t)t->start[n];
        more = (size_t)one_row->start[1];
        LT_TRY(lt_grow(env, &t->col, &b->cap_col, at + more, sizeof *t->col, "the encoded rows"));
        LT_TRY(lt_grow(env, &t->val, &b->cap_val, at + more, sizeof *t->val, "the encoded rows"));
        if (more > 0) {
            memcpy(t->col + at, one_row->col, more * sizeof *t->col);
            memcpy(t->val + at, one_row->val, more * sizeof *t->val);
        }
        t->start[n + 1] = (int64_t)(at + more);
    }
    t->n++;
    return LT_OK;
}

lt_table_builder lt_table_reopen(const lt_table *t)
{
    lt_table_builder b = {.t = *t};

    b.cap_x = (size_t)t->n * (size_t)t->dense;
    if (t->start != NULL) {
        b.cap_start = (size_t)t->n + 1;
        b.cap_col = b.cap_val = (size_t)t->start[t->n];
    }
    return b;
}

lt_table lt_table_row(const lt_table *t, int64_t row, int64_t start[2])
{
    lt_table one = {.n = 1, .dense = t->dense, .sparse = t->sparse};

    if (t->dense > 0)
        one.x = t->x + row * t->dense;
    if (t->sparse > 0) {
        start[0] = 0;
        start[1] = t->start[row + 1] - t->start[row];
        one.start = start;
        one.col = t->col + t->start[row];
        one.val = t->val + t->start[row];
    }
    return one;
}

lt_status lt_table_pick(lt_env *env, const lt_table *t, const int32_t *rows, int64_t n, lt_table *out)
{
    int64_t entries = 0;

    *out = (lt_table){.n = n, .dense = t->dense, .sparse = t->sparse};
    for (int64_t i = 0; i < n && t->sparse > 0; i++)
        entries += rows[i] < 0 ? 0 : t->start[rows[i] + 1] - t->start[rows[i]];
    LT_TRY(lt_alloc(env, &out->x, (size_t)n * (size_t)t->dense, sizeof *out->x, "the picked rows"));
    for (int64_t i = 0; i < n && t->dense > 0; i++)
        if (rows[i] >= 0)
            memcpy(out->x + i * t->dense, t->x + (int64_t)rows[i] * t->dense, (size_t)t->dense * sizeof *out->x);
    if (t->sparse == 0)
        return LT_OK;
    LT_TRY(lt_alloc(env, &out->start, (size_t)n + 1, sizeof *out->start, "the picked rows"));
    LT_TRY(lt_alloc(env, &out->col, (size_t)entries, sizeof *out->col, "the picked rows"));
    LT_TRY(lt_alloc(env, &out->val, (size_t)entries, sizeof *out->val, "the picked rows"));
    for (int64_t i = 0; i < n; i++) {
        int64_t from = rows[i] < 0 ? 0 : t->start[rows[i]];
        int64_t length = rows[i] < 0 ? 0 : t->start[rows[i] + 1] - from;

        out->start[i + 1] = out->start[i] + length;
        if (length == 0)
            continue;
        memcpy(out->col + out->start[i], t->col + from, (size_t)length * sizeof *out->col);
        memcpy(out->val + out->start[i], t->val + from, (size_t)length * sizeof *out->val);
    }
    return LT_OK;
}

void lt_table_write(lt_writer *w, const lt_table *t)
{
    int64_t entries = t->sparse > 0 && t->start != NULL ? t->start[t->n] : 0;
    int64_t none = 0;

    lt_write_i64(w, t->n);
    lt_write_i32(w, t->dense);
    lt_write_i32(w, t->sparse);
    lt_write_f32s(w, t->x, t->n * t->dense);
    if (t->sparse == 0)
        return;
    /* an empty table that never grew has no start array */
    lt_write_i64s(w, t->start != NULL ? t->start : &none, t->n + 1);
    lt_write_i32s(w, t->col, entries);
    lt_write_f32s(w, t->val, entries);
}

static bool all_finite(const float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return false;
    return true;
}

static void check_entries(lt_reader *r, const lt_table *t)
{
    for (int64_t i = 0; i < t->n; i++) {
        int32_t before = -1;

        if (t->start[i + 1] < t->start[i] || t->start[i + 1] > t->start[t->n]) {
            lt_reader_corrupt(r, "rows of a table overlap");
            return;
        }
        for (int64_t k = t->start[i]; k < t->start[i + 1]; k++) {
            if (t->col[k] <= before || t->col[k] >= t->sparse) {
                lt_reader_corrupt(r, "a table's column is out of range");
                return;
            }
            before = t->col[k];
        }
    }
}

lt_status lt_table_read(lt_reader *r, lt_table *t)
{
    int64_t cells, values, starts, cols;

    memset(t, 0, sizeof *t);
    t->n = lt_read_i64(r);
    t->dense = lt_read_i32(r);
    t->sparse = lt_read_i32(r);
    t->x = lt_read_f32s(r, &values);
    if (r->status == LT_OK && (t->n < 0 || t->dense < 0 || t->sparse < 0 ||
                               __builtin_mul_overflow(t->n, (int64_t)t->dense, &cells) || cells != values))
        lt_reader_corrupt(r, "a table's size does not fit its values");
    if (r->status == LT_OK && !all_finite(t->x, values))
        lt_reader_corrupt(r, "a table's value is not finite");
    if (r->status == LT_OK && t->sparse > 0) {
        t->start = lt_read_i64s(r, &starts);
        t->col = lt_read_i32s(r, &cols);
        t->val = lt_read_f32s(r, &values);
        if (r->status == LT_OK &&
            (starts == 0 || starts - 1 != t->n || t->start[0] != 0 || t->start[t->n] != cols || cols != values))
            lt_reader_corrupt(r, "a table's rows do not fit its entries");
        if (r->status == LT_OK)
            check_entries(r, t);
        if (r->status == LT_OK && !all_finite(t->val, values))
            lt_reader_corrupt(r, "a table's value is not finite");
    }
    /* so that a caller who forgets the status finds no rows */
    if (r->status != LT_OK)
        memset(t, 0, sizeof *t);
    return r->status;
}
