/*
 * encoder.c: rows in, one value at a time: kept raw while fitting, encoded at once when frozen; names and stored form.
 *
 * Invariants: a frozen encoder's columns follow from its features in order (lt_encoder_freeze), so they are never
 * stored. Encoding a row with a frozen encoder takes no memory once e->row has room for the longest row so far.
 */
#include "encoder_raw.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define FORMAT_VERSION 1
#define MAX_FEATURES 4096 /* more than a table can have columns */

/* ---- features ---- */

lt_status lt_encoder_init(lt_env *env, lt_encoder *e)
{
    memset(e, 0, sizeof *e);
    return lt_alloc(env, &e->raw, 1, sizeof *e->raw, "the raw rows");
}

static lt_status add_feature(lt_env *env, lt_encoder *e, const char *name, lt_kind kind, int32_t buckets)
{
    struct lt_encoder_raw *raw = e->raw;
    size_t length = strlen(name) + 1;
    lt_feature *f;
    char *copy;

    assert(!e->frozen && e->n == 0);
    if (e->n_features >= MAX_FEATURES)
        return lt_fail(env, LT_INVALID, "more than %d features", MAX_FEATURES);
    for (int i = 0; i < e->n_features; i++)
        if (strcmp(e->feature[i].name, name) == 0)
            return lt_fail(env, LT_INVALID, "feature \"%.64s\" is there twice", name);
    LT_TRY(lt_grow(env, &e->feature, &e->cap_features, (size_t)e->n_features + 1, sizeof *f, "the features"));
    LT_TRY(lt_grow(env, &e->given, &e->cap_given, (size_t)e->n_features + 1, sizeof *e->given, "the features"));
    LT_TRY(lt_alloc(env, &copy, length, 1, "the features"));
    memcpy(copy, name, length);
    f = &e->feature[e->n_features];
    *f = (lt_feature){.name = copy, .kind = kind, .other_column = -1, .null_column = -1, .buckets = buckets};
    if (lt_kind_has_tokens(kind)) {
        LT_TRY(lt_dictionary_init(env, &f->dictionary));
    } else if (kind != LT_VECTOR) {
        f->dense_first = raw->columns++;
        f->width = kind == LT_TIMESTAMP ? 6 : kind == LT_DATE ? 4 : 1;
        LT_TRY(lt_grow(env, &raw->x, &raw->cap_x, (size_t)raw->columns, sizeof *raw->x, "the raw rows"));
        raw->committed = raw->columns;
    }
    e->n_features++;
    return LT_OK;
}

lt_status lt_encoder_add(lt_env *env, lt_encoder *e, const char *name, lt_kind kind)
{
    assert(kind != LT_TEXT);
    return add_feature(env, e, name, kind, 0);
}

lt_status lt_encoder_add_text(lt_env *env, lt_encoder *e, const char *name, int32_t buckets)
{
    assert(buckets >= LT_TEXT_LEAST_BUCKETS && buckets <= LT_TEXT_MOST_BUCKETS);
    return add_feature(env, e, name, LT_TEXT, buckets);
}

/* ---- sparse columns of a row ---- */

static void sift_down(int32_t *v, float *val, int64_t at, int64_t n)
{
    int32_t moving = v[at];
    float moving_val = val[at];

    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && v[child + 1] > v[child])
            child++;
        if (v[child] <= moving)
            break;
        v[at] = v[child];
        val[at] = val[child];
    }
    v[at] = moving;
    val[at] = moving_val;
}

/*
 * Rows come nearly sorted, as features are given in order and a text's columns ascend; only a large bag is worth a
 * heap.
 */
static void sort_columns(int32_t *v, float *val, int64_t n)
{
    int64_t sorted = 1;

    while (sorted < n && v[sorted - 1] <= v[sorted])
        sorted++;
    if (n - sorted <= 32) {
        for (int64_t i = sorted; i < n; i++) {
            int32_t moving = v[i];
            float moving_val = val[i];
            int64_t at = i;

            for (; at > 0 && v[at - 1] > moving; at--) {
                v[at] = v[at - 1];
                val[at] = val[at - 1];
            }
            v[at] = moving;
            val[at] = moving_val;
        }
        return;
    }
    for (int64_t i = n / 2 - 1; i >= 0; i--)
        sift_down(v, val, i, n);
    for (int64_t end = n - 1; end > 0; end--) {
        int32_t largest = v[0];
        float largest_val = val[0];

        v[0] = v[end];
        val[0] = val[end];
        v[end] = largest;
        val[end] = largest_val;
        sift_down(v, val, 0, end);
    }
}

int64_t lt_encoder_merge_columns(int32_t *col, float *val, int64_t n, int32_t *out, float *out_val)
{
    int64_t kept = 0;

    sort_columns(col, val, n);
    for (int64_t i = 0; i < n; i++) {
        if (kept > 0 && out[kept - 1] == col[i]) {
            out_val[kept - 1] += val[i];
            continue;
        }
        out[kept] = col[i];
        out_val[kept++] = val[i];
    }
    return kept;
}

int64_t lt_encoder_null_columns(const lt_encoder *e, int32_t *col, float *val, int64_t n)
{
    for (int i = 0; i < e->n_features; i++) {
        if (e->given[i] || e->feature[i].null_column < 0)
            continue;
        col[n] = e->feature[i].null_column;
        val[n++] = 1;
    }
    return n;
}

static lt_status reserve_entries(lt_env *env, lt_encoder *e, size_t need)
{
    size_t capacity = e->cap_entries;

    LT_TRY(lt_grow(env, &e->row.col, &capacity, need, sizeof *e->row.col, "an encoded row"));
    return lt_grow(env, &e->row.val, &e->cap_entries, need, sizeof *e->row.val, "an encoded row");
}

/* ---- rows ---- */

/* Forgets an unfinished row; the width of a vector first seen in it is unknown again. */
void lt_encoder_drop_row(lt_encoder *e)
{
    struct lt_encoder_raw *raw = e->raw;

    if (e->n_features > 0)
        memset(e->given, 0, (size_t)e->n_features * sizeof *e->given);
    if (e->frozen) {
        if (e->dense > 0)
            memset(e->row.x, 0, (size_t)e->dense * sizeof *e->row.x);
        if (e->sparse > 0)
            e->row.start[1] = 0;
        return;
    }
    if (raw->columns > raw->committed) {
        for (int i = 0; i < e->n_features; i++)
            if (e->feature[i].kind == LT_VECTOR && e->feature[i].dense_first >= raw->committed)
                e->feature[i].width = 0;
        raw->columns = raw->committed;
    }
    for (int32_t i = 0; i < raw->columns; i++)
        raw->x[i] = NAN;
    raw->n_tokens = 0;
}

lt_status lt_encoder_begin_row(lt_env *env, lt_encoder *e)
{
    (void)env;
    lt_encoder_drop_row(e);
    return LT_OK;
}

lt_status lt_encode_number(lt_env *env, lt_encoder *e, int feature, double value)
{
    lt_feature *f = &e->feature[feature];

    assert(f->kind == LT_NUMBER || f->kind == LT_BOOLEAN);
    if (!isfinite(value))
        return lt_fail(env, LT_INVALID, "feature \"%.64s\" is not a finite number", f->name);
    e->given[feature] = true;
    if (e->frozen)
        e->row.x[f->dense_first] = lt_encode_cell(value, f->mean[0], f->scale[0]);
    else
        e->raw->x[f->dense_first] = value;
    return LT_OK;
}

lt_status lt_encode_time(lt_env *env, lt_encoder *e, int feature, double unix_seconds)
{
    lt_feature *f = &e->feature[feature];

    assert(lt_kind_is_time(f->kind));
    if (!isfinite(unix_seconds))
        return lt_fail(env, LT_INVALID, "feature \"%.64s\" is not a finite time", f->name);
    e->given[feature] = true;
    if (e->frozen)
        lt_encode_cycles(f->kind, unix_seconds, e->row.x + f->dense_first);
    else
        e->raw->x[f->dense_first] = unix_seconds;
    return LT_OK;
}

bool lt_encoder_is_number(const lt_encoder *e, int feature)
{
    return !lt_kind_has_tokens(e->feature[feature].kind) && e->feature[feature].kind != LT_VECTOR;
}

double *lt_encoder_numbers(lt_encoder *e, int feature)
{
    assert(!e->frozen && lt_encoder_is_number(e, feature));
    return e->raw->x + e->feature[feature].dense_first;
}

/* While fitting, tokens and texts are numbers in their feature's dictionary. */
static lt_status keep_token(lt_env *env, lt_encoder *e, int feature, const void *key, int64_t length)
{
    struct lt_encoder_raw *raw = e->raw;
    int32_t number;

    LT_TRY(lt_dictionary_add(env, &e->feature[feature].dictionary, key, length, 1, &number));
    LT_TRY(lt_grow(env, &raw->token, &raw->cap_token, raw->n_tokens + 1, sizeof *raw->token, "the raw rows"));
    raw->token[raw->n_tokens++] = (lt_token){feature, number};
    return LT_OK;
}

lt_status lt_encode_token(lt_env *env, lt_encoder *e, int feature, const void *key, int64_t length)
{
    lt_feature *f = &e->feature[feature];
    int32_t number, column = -1;

    assert(f->kind == LT_CATEGORY || f->kind == LT_BAG);
    e->given[feature] = true;
    if (!e->frozen)
        return keep_token(env, e, feature, key, length);
    number = lt_dictionary_find(&f->dictionary, key, length);
    if (number >= 0)
        column = f->sparse_first + number;
    else if (f->other_column >= 0 && lt_dictionary_find(&f->rare, key, length) >= 0)
        column = f->other_column;
    if (column < 0)
        return LT_OK;
    LT_TRY(reserve_entries(env, e, (size_t)e->row.start[1] + 1));
    e->row.col[e->row.start[1]] = column;
    e->row.val[e->row.start[1]++] = 1;
    return LT_OK;
}

lt_status lt_encode_text(lt_env *env, lt_encoder *e, int feature, const char *text, int64_t length)
{
    lt_feature *f = &e->feature[feature];
    int64_t *n;

    assert(f->kind == LT_TEXT);
    length = length < LT_TEXT_MOST_BYTES ? length : LT_TEXT_MOST_BYTES;
    e->given[feature] = true;
    if (!e->frozen)
        return keep_token(env, e, feature, text, length);
    n = &e->row.start[1];
    LT_TRY(reserve_entries(env, e, (size_t)(*n + lt_text_most_entries(f, length))));
    *n += lt_text_entries(&e->tally, f, text, length, e->row.col + *n, e->row.val + *n);
    return LT_OK;
}

static lt_status set_width(lt_env *env, lt_encoder *e, lt_feature *f, int n)
{
    struct lt_encoder_raw *raw = e->raw;

    if (n > INT32_MAX - raw->columns)
        return lt_fail(env, LT_INVALID, "more than %d columns", INT32_MAX);
    LT_TRY(lt_grow(env, &raw->x, &raw->cap_x, (size_t)raw->columns + (size_t)n, sizeof *raw->x, "the raw rows"));
    f->width = n;
    f->dense_first = raw->columns;
    raw->columns += n;
    return LT_OK;
}

lt_status lt_encode_vector(lt_env *env, lt_encoder *e, int feature, const double *values, int n)
{
    lt_feature *f = &e->feature[feature];

    assert(f->kind == LT_VECTOR);
    if (n == 0)
        return LT_OK;
    for (int i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return lt_fail(env, LT_INVALID, "feature \"%.64s\" has an element that is not a finite number", f->name);
    /* training saw only NULLs: there is nothing to encode it into */
    if (f->width == 0 && e->frozen) {
        e->given[feature] = true;
        return LT_OK;
    }
    if (f->width == 0)
        LT_TRY(set_width(env, e, f, n));
    if (n != f->width) {
        lt_fail(env, LT_INVALID, "feature \"%.64s\" has vectors of different widths", f->name);
        return lt_fail_detail(env, "Got %d elements where %d are expected.", n, (int)f->width);
    }
    e->given[feature] = true;
    if (e->frozen)
        for (int i = 0; i < n; i++)
            e->row.x[f->dense_first + i] = lt_encode_cell(values[i], f->mean[i], f->scale[i]);
    else
        memcpy(e->raw->x + f->dense_first, values, (size_t)n * sizeof *values);
    return LT_OK;
}

lt_status lt_encoder_end_row(lt_env *env, lt_encoder *e)
{
    int64_t n;

    if (!e->frozen) {
        if (e->n_features > 0)
            LT_TRY(lt_encoder_keep_row(env, e->raw));
        e->n++;
        return LT_OK;
    }
    if (e->sparse == 0)
        return LT_OK;
    LT_TRY(reserve_entries(env, e, (size_t)e->row.start[1] + (size_t)e->n_features));
    n = lt_encoder_null_columns(e, e->row.col, e->row.val, e->row.start[1]);
    e->row.start[1] = lt_encoder_merge_columns(e->row.col, e->row.val, n, e->row.col, e->row.val);
    return LT_OK;
}

/* ---- freezing ---- */

lt_status lt_encoder_freeze(lt_env *env, lt_encoder *e)
{
    int64_t dense = 0, sparse = 0;
    int32_t buckets = 0;

    for (int i = 0; i < e->n_features; i++) {
        lt_feature *f = &e->feature[i];
        int64_t categories = f->kind == LT_TEXT ? f->buckets : f->dictionary.n;

        f->dense_first = (int32_t)dense;
        f->sparse_first = (int32_t)sparse;
        dense += f->width;
        f->other_column = f->rare.n > 0 ? (int32_t)(sparse + categories++) : -1;
        f->null_column = f->nulls > 0 && f->kind != LT_BAG ? (int32_t)(sparse + categories++) : -1;
        f->sparse_count = (int32_t)categories;
        sparse += categories;
        buckets = f->buckets > buckets ? f->buckets : buckets;
        if (dense > INT32_MAX || sparse > INT32_MAX)
            return lt_fail(env, LT_INVALID, "more than %d columns", INT32_MAX);
    }
    e->dense = (int32_t)dense;
    e->sparse = (int32_t)sparse;
    e->row = (lt_table){.n = 1, .dense = e->dense, .sparse = e->sparse};
    if (dense > 0)
        LT_TRY(lt_alloc(env, &e->row.x, (size_t)dense, sizeof *e->row.x, "an encoded row"));
    if (sparse > 0) {
        LT_TRY(lt_alloc(env, &e->row.start, 2, sizeof *e->row.start, "an encoded row"));
        LT_TRY(reserve_entries(env, e, (size_t)e->n_features));
    }
    if (buckets > 0)
        LT_TRY(lt_text_tally_init(env, &e->tally, buckets));
    e->frozen = true;
    return LT_OK;
}

/* ---- names ---- */

static void write_name(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void write_name(char *out, size_t size, const char *format, ...)
{
    va_list args;
    size_t n;

    va_start(args, format);
    n = (size_t)vsnprintf(out, size, format, args);
    va_end(args);
    if (n < size)
        return;
    /* cut short: not inside a UTF-8 character, whose first byte says how many it has */
    for (n = size - 1; n > 0 && ((unsigned char)out[n - 1] & 0xC0) == 0x80; n--)
        ;
    if (n > 0 && (unsigned char)out[n - 1] >= 0xC0) {
        unsigned char lead = (unsigned char)out[n - 1];

        if (n - 1 + (lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2) > size - 1)
            out[n - 1] = '\0';
    }
}

lt_status lt_encoder_column_name(lt_env *env, const lt_encoder *e, bool dense, int32_t column, char *out, size_t size)
{
    static const char *const cycles[] = {"sin(hour)",        "cos(hour)",        "sin(day of week)",
                                         "cos(day of week)", "sin(day of year)", "cos(day of year)"};

    for (int at = 0; at < e->n_features; at++) {
        const lt_feature *f = &e->feature[at];
        int32_t i = column - (dense ? f->dense_first : f->sparse_first);

        if (i < 0 || i >= (dense ? f->width : f->sparse_count))
            continue;
        if (!dense && column == f->null_column) {
            write_name(out, size, "%s is null", f->name);
        } else if (!dense && column == f->other_column) {
            write_name(out, size, "%s=(other)", f->name);
        } else if (f->kind == LT_TEXT) {
            write_name(out, size, "%s~bucket %d", f->name, (int)i + 1); /* as SQL counts */
        } else if (!dense) {
            int64_t length;
            const char *key = lt_dictionary_key(&f->dictionary, i, &length);

            write_name(out, size, "%s=%.*s", f->name, (int)(length < INT32_MAX ? length : INT32_MAX), key);
        } else if (f->kind == LT_VECTOR) {
            write_name(out, size, "%s[%d]", f->name, (int)i + 1); /* as SQL counts */
        } else if (lt_kind_is_time(f->kind)) {
            write_name(out, size, "%s %s", f->name, cycles[i + (f->kind == LT_DATE ? 2 : 0)]);
        } else {
            write_name(out, size, "%s", f->name);
        }
        return LT_OK;
    }
    return lt_fail(env, LT_INVALID, "there is no %s column %d", dense ? "dense" : "sparse", (int)column);
}

/* ---- stored form ---- */

void lt_encoder_write(lt_writer *w, const lt_encoder *e)
{
    assert(e->frozen);
    lt_write_u8(w, FORMAT_VERSION);
    lt_write_i64(w, e->n);
    lt_write_i32(w, e->n_features);
    for (int i = 0; i < e->n_features; i++) {
        const lt_feature *f = &e->feature[i];

        lt_write_text(w, f->name);
        lt_write_u8(w, (uint8_t)f->kind);
        lt_write_i64(w, f->nulls);
        if (f->kind == LT_TEXT) {
            lt_write_f64s(w, f->idf, f->buckets);
        } else if (lt_kind_has_tokens(f->kind)) {
            lt_dictionary_write(w, &f->dictionary);
            lt_dictionary_write(w, &f->rare);
        } else {
            lt_write_f64s(w, f->mean, f->width);
            lt_write_f64s(w, f->scale, f->width);
        }
    }
}

static lt_status read_feature(lt_reader *r, lt_encoder *e)
{
    lt_feature f = {.other_column = -1, .null_column = -1};
    int64_t means = 0, scales = 0, buckets;
    uint8_t kind;

    f.name = lt_read_text(r);
    kind = lt_read_u8(r);
    f.nulls = lt_read_i64(r);
    if (kind > LT_TEXT)
        lt_reader_corrupt(r, "a feature's kind is unknown");
    if (f.nulls < 0)
        lt_reader_corrupt(r, "a feature's number of NULLs is negative");
    for (int i = 0; i < e->n_features && r->status == LT_OK; i++)
        if (strcmp(e->feature[i].name, f.name) == 0)
            lt_reader_corrupt(r, "a feature is there twice");
    LT_TRY(r->status);
    f.kind = (lt_kind)kind;
    if (f.kind == LT_TEXT) {
        f.idf = lt_read_f64s(r, &buckets);
        if (r->status == LT_OK && (buckets < LT_TEXT_LEAST_BUCKETS || buckets > LT_TEXT_MOST_BUCKETS))
            lt_reader_corrupt(r, "a text's number of buckets is out of range");
        for (int64_t i = 0; i < buckets && r->status == LT_OK; i++)
            if (f.idf[i] != 0 && !(f.idf[i] >= 1 && f.idf[i] <= LT_TEXT_MOST_IDF))
                lt_reader_corrupt(r, "a text's weight is out of range");
        f.buckets = (int32_t)buckets;
    } else if (lt_kind_has_tokens(f.kind)) {
        LT_TRY(lt_dictionary_read(r, &f.dictionary));
        LT_TRY(lt_dictionary_read(r, &f.rare));
    } else {
        f.mean = lt_read_f64s(r, &means);
        f.scale = lt_read_f64s(r, &scales);
        if (means != scales || means > INT32_MAX ||
            (f.kind != LT_VECTOR && means != (f.kind == LT_TIMESTAMP ? 6
                                              : f.kind == LT_DATE    ? 4
                                                                     : 1)))
            lt_reader_corrupt(r, "a feature's width does not fit its kind");
        for (int64_t i = 0; i < means && r->status == LT_OK; i++)
            if (!isfinite(f.mean[i]) || !isfinite(f.scale[i]) || f.scale[i] < 0)
                lt_reader_corrupt(r, "a feature's mean or scale is out of range");
        f.width = (int32_t)means;
    }
    LT_TRY(r->status);
    r->status = lt_grow(r->env, &e->feature, &e->cap_features, (size_t)e->n_features + 1, sizeof f, "the features");
    if (r->status == LT_OK)
        r->status =
            lt_grow(r->env, &e->given, &e->cap_given, (size_t)e->n_features + 1, sizeof *e->given, "the features");
    LT_TRY(r->status);
    e->feature[e->n_features++] = f;
    return LT_OK;
}

lt_status lt_encoder_read(lt_reader *r, lt_encoder *e)
{
    int32_t features;

    memset(e, 0, sizeof *e);
    if (lt_read_u8(r) != FORMAT_VERSION)
        lt_reader_corrupt(r, "its encoder has an unknown format");
    e->n = lt_read_i64(r);
    features = lt_read_i32(r);
    if (e->n < 0 || features < 0 || features > MAX_FEATURES)
        lt_reader_corrupt(r, "its encoder's number of features is out of range");
    LT_TRY(r->status);
    for (int32_t i = 0; i < features; i++)
        LT_TRY(read_feature(r, e));
    r->status = lt_encoder_freeze(r->env, e);
    if (r->status == LT_INVALID) { /* what a user can cause while fitting, only damage can cause here */
        r->status = LT_OK;
        lt_reader_corrupt(r, "its encoder has too many columns");
    }
    return r->status;
}
