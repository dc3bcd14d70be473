/*
 * encoder_fit.c: from raw rows to a frozen encoder and an encoded table.
 *
 * Means and variances: two passes within a chunk while it is in cache, chunks merged as Chan, Golub and LeVeque
 * ("Updating formulae and a pairwise algorithm for computing sample variances", 1979), all relative to the column's
 * first value, so that a large mean costs no digits and a constant column has a sum of squares of exactly 0.
 *
 * Memory: raw chunks are freed while the table fills, so the peak is the raw rows plus the table.  Where raw rows were
 * spilled, the table is in a file too, and of both only what is worked on is in memory.
 *
 * Threads take chunks; moments are merged in the order of the chunks, whoever took them.
 */
#include "encoder_raw.h"
#include "spill.h"
#include "threads.h"
#include "vectorize.h"

#include <string.h>

/* Per raw column, over the rows with a place. */
typedef struct moments {
    int32_t columns;
    double *n, *shift, *mean, *m2; /* mean is of x - shift */
    bool *shifted;                 /* shift is known */
    double *chunk;                 /* n, mean and m2 of each group at hand */
} moments;

#define CHUNKS_AT_ONCE 4 /* a thread */

typedef struct fit {
    const int64_t *place; /* NULL: row j's place is j */
    int64_t n_out;
    bool *filled;       /* n_out; NULL when place is */
    int32_t *raw_first; /* a feature's first raw column, -1 for none */
    int32_t **number;   /* a feature's provisional number to its column in the feature's block, -1 for none */
    int32_t *col;       /* sparse columns of one row */
    float *val;
    size_t cap_col, cap_val;
} fit;

static lt_status check_places(lt_env *env, const lt_encoder *e, fit *t)
{
    if (t->place == NULL)
        return LT_OK;
    LT_TRY(lt_alloc(env, &t->filled, (size_t)t->n_out, sizeof *t->filled, "the places of rows"));
    for (int64_t j = 0; j < e->n; j++) {
        if (t->place[j] >= t->n_out || (t->place[j] >= 0 && t->filled[t->place[j]]))
            return lt_fail(env, LT_INVALID, "row %lld has a place that is taken or not there", (long long)j);
        if (t->place[j] >= 0)
            t->filled[t->place[j]] = true;
    }
    return LT_OK;
}

/* ---- numbers ---- */

/* Chunks that are worked on together, from `first` on: what threads share. */
typedef struct chunks {
    const lt_encoder *e;
    const fit *t;
    lt_chunk *chunk;
    size_t first, n;
    size_t *group; /* where groups that are measured together begin, and the last ends */
    const moments *m;
    lt_table *out;
    const int32_t *target;
    const double *mean, *scale;
} chunks;

static size_t chunks_at_once(const lt_env *env, const struct lt_encoder_raw *raw, size_t first)
{
    size_t most = CHUNKS_AT_ONCE * (size_t)lt_threads(env);

    return raw->n_chunks - first < most ? raw->n_chunks - first : most;
}

static lt_status init_moments(lt_env *env, moments *m, int32_t columns)
{
    double *all;
    size_t n = (size_t)columns;

    *m = (moments){.columns = columns};
    LT_TRY(lt_alloc(env, &all, (4 + 3 * CHUNKS_AT_ONCE * (size_t)lt_threads(env)) * n, sizeof *all,
                    "means and variances"));
    m->n = all;
    m->shift = all + n;
    m->mean = all + 2 * n;
    m->m2 = all + 3 * n;
    m->chunk = all + 4 * n;
    return lt_alloc(env, &m->shifted, n, sizeof *m->shifted, "means and variances");
}

/* Columns' first values. */
static void find_shifts(moments *m, const lt_chunk *c, const fit *t)
{
    for (int32_t k = 0; k < c->columns; k++) {
        for (int32_t r = 0; r < c->rows && !m->shifted[k]; r++) {
            double x = c->x[(size_t)r * (size_t)c->columns + (size_t)k];

            if (lt_place_of(t->place, c->first + r) < 0 || isnan(x))
                continue;
            m->shift[k] = x;
            m->shifted[k] = true;
        }
    }
}

LT_VECTORIZED
static void add_values(const lt_chunk *c, const fit *t, const double *restrict shift, double *restrict n,
                       double *restrict mean)
{
    int32_t d = c->columns;

    for (int32_t r = 0; r < c->rows; r++) {
        const double *x = c->x + (size_t)r * (size_t)d;

        if (lt_place_of(t->place, c->first + r) < 0)
            continue;
        for (int32_t k = 0; k < d; k++) {
            double v = x[k] - shift[k];

            n[k] += isnan(v) ? 0 : 1;
            mean[k] += isnan(v) ? 0 : v;
        }
    }
}

LT_VECTORIZED
static void add_squares(const lt_chunk *c, const fit *t, const double *restrict shift, const double *restrict mean,
                        double *restrict m2)
{
    int32_t d = c->columns;

    for (int32_t r = 0; r < c->rows; r++) {
        const double *x = c->x + (size_t)r * (size_t)d;

        if (lt_place_of(t->place, c->first + r) < 0)
            continue;
        for (int32_t k = 0; k < d; k++) {
            double v = x[k] - shift[k] - mean[k];

            m2[k] += isnan(v) ? 0 : v * v;
        }
    }
}

/* The moments of a group of chunks. */
static void measure_task(void *context, int64_t task, int member)
{
    const chunks *s = context;
    const lt_chunk *first = &s->chunk[s->group[task]], *end = &s->chunk[s->group[task + 1]];
    const double *shift = s->m->shift;
    double *n = s->m->chunk + 3 * task * s->m->columns, *mean = n + s->m->columns, *m2 = mean + s->m->columns;

    (void)member;
    for (int32_t k = 0; k < s->m->columns; k++)
        n[k] = mean[k] = m2[k] = 0;
    for (const lt_chunk *c = first; c < end; c++)
        add_values(c, s->t, shift, n, mean);
    for (int32_t k = 0; k < first->columns; k++)
        mean[k] /= n[k] > 0 ? n[k] : 1;
    for (const lt_chunk *c = first; c < end; c++)
        add_squares(c, s->t, shift, mean, m2);
}

static void merge_chunk(moments *m, int32_t columns, const double *chunk)
{
    const double *n = chunk, *mean = chunk + m->columns, *m2 = chunk + 2 * m->columns;

    for (int32_t k = 0; k < columns; k++) {
        double both = m->n[k] + n[k], apart = mean[k] - m->mean[k];

        if (n[k] == 0)
            continue;
        m->mean[k] += apart * (n[k] / both);
        m->m2[k] += m2[k] + apart * apart * (m->n[k] * (n[k] / both));
        m->n[k] = both;
    }
}

static lt_status measure_chunks(lt_env *env, const lt_encoder *e, const fit *t, moments *m)
{
    struct lt_encoder_raw *raw = e->raw;
    chunks s = {.e = e, .t = t, .chunk = raw->chunk, .m = m};
    int64_t most = raw->file != NULL ? lt_threads(env) : CHUNKS_AT_ONCE * lt_threads(env);

    LT_TRY(init_moments(env, m, raw->columns));
    LT_TRY(lt_alloc(env, &s.group, (size_t)most + 1, sizeof *s.group, "means and variances"));
    for (size_t end = 0; end < raw->n_chunks;) {
        int64_t groups = 0;

        for (s.group[0] = end; groups < most && end < raw->n_chunks; s.group[++groups] = end) {
            int64_t group = raw->chunk[end].group;

            for (; end < raw->n_chunks && raw->chunk[end].group == group; end++)
                find_shifts(m, &raw->chunk[end], t);
        }
        LT_TRY(lt_run(env, groups, measure_task, &s));
        for (int64_t i = 0; i < groups; i++)
            merge_chunk(m, raw->chunk[s.group[i]].columns, m->chunk + 3 * (size_t)m->columns * (size_t)i);
        for (size_t i = s.group[0]; i < end; i++)
            lt_encoder_drop_chunk(env, &raw->chunk[i]);
    }
    lt_free(env, s.group);
    return LT_OK;
}

/* mean and scale of one column; a column that cannot be scaled, constant or out of range, encodes as 0 throughout. */
static void set_scale(const moments *m, int32_t k, bool standardize, double *mean, double *scale)
{
    *mean = 0;
    *scale = 1;
    if (!standardize)
        return;
    *mean = m->shift[k] + m->mean[k];
    *scale = m->m2[k] > 0 ? 1 / sqrt(m->m2[k] / m->n[k]) : 0;
    if (!isfinite(*mean))
        *mean = *scale = 0;
    if (!isfinite(*scale))
        *scale = 0;
}

static lt_status fit_numbers(lt_env *env, lt_encoder *e, fit *t, bool standardize)
{
    moments m;

    LT_TRY(measure_chunks(env, e, t, &m));
    for (int i = 0; i < e->n_features; i++) {
        lt_feature *f = &e->feature[i];
        bool scaled = standardize && (f->kind == LT_NUMBER || f->kind == LT_VECTOR);

        t->raw_first[i] = -1;
        if (lt_kind_has_tokens(f->kind))
            continue;
        f->nulls = t->n_out;
        LT_TRY(lt_alloc(env, &f->mean, (size_t)f->width, sizeof *f->mean, "the features"));
        LT_TRY(lt_alloc(env, &f->scale, (size_t)f->width, sizeof *f->scale, "the features"));
        if (f->width == 0)
            continue;
        t->raw_first[i] = f->dense_first;
        f->nulls = t->n_out - (int64_t)m.n[f->dense_first];
        for (int32_t k = 0; k < f->width; k++)
            set_scale(&m, f->dense_first + (lt_kind_is_time(f->kind) ? 0 : k), scaled, &f->mean[k], &f->scale[k]);
    }
    lt_free(env, m.shifted);
    lt_free(env, m.n);
    return LT_OK;
}

/* ---- the table ---- */

LT_VECTORIZED
static void encode_dense(const lt_encoder *e, const fit *t, const lt_chunk *c, lt_table *out, const int32_t *target,
                         const double *mean, const double *scale)
{
    int64_t row = c->first;
    int32_t plain = 0; /* raw columns before this one map to themselves */

    while (plain < c->columns && target[plain] == plain)
        plain++;
    for (int32_t r = 0; r < c->rows; r++, row++) {
        const double *restrict x = c->x + (size_t)r * (size_t)c->columns;
        int64_t at = lt_place_of(t->place, row);
        float *restrict y;

        if (at < 0)
            continue;
        y = out->x + (size_t)at * (size_t)out->dense;
        for (int32_t k = 0; k < plain; k++)
            y[k] = lt_encode_cell(x[k], mean[k], scale[k]);
        for (int32_t k = plain; k < c->columns; k++)
            if (target[k] >= 0)
                y[target[k]] = lt_encode_cell(x[k], mean[k], scale[k]);
        for (int i = 0; i < e->n_features; i++) {
            const lt_feature *f = &e->feature[i];

            if (lt_kind_is_time(f->kind) && !isnan(x[t->raw_first[i]]))
                lt_encode_cycles(f->kind, x[t->raw_first[i]], y + f->dense_first);
        }
    }
}

static void encode_task(void *context, int64_t task, int member)
{
    const chunks *s = context;

    (void)member;
    encode_dense(s->e, s->t, &s->chunk[s->first + (size_t)task], s->out, s->target, s->mean, s->scale);
    lt_table_touch(s->out, s->chunk[s->first + (size_t)task].rows, false);
}

static lt_status reserve_entries(lt_env *env, fit *t, size_t need)
{
    LT_TRY(lt_grow(env, &t->col, &t->cap_col, need, sizeof *t->col, "an encoded row"));
    return lt_grow(env, &t->val, &t->cap_val, need, sizeof *t->val, "an encoded row");
}

/* The sparse entries of row r into t->col and t->val, columns repeated as often as they occur; returns how many. */
static lt_status row_columns(lt_env *env, lt_encoder *e, fit *t, const lt_chunk *c, int32_t r, int64_t *count)
{
    int64_t n, kept = 0;
    const lt_token *token = lt_row_tokens(c, r, &n);

    LT_TRY(reserve_entries(env, t, (size_t)n + (size_t)e->n_features));
    for (int i = 0; i < e->n_features; i++)
        e->given[i] = t->raw_first[i] >= 0 && t->raw_first[i] < c->columns &&
                      !isnan(c->x[(size_t)r * (size_t)c->columns + (size_t)t->raw_first[i]]);
    for (int64_t k = 0; k < n; k++) {
        const lt_feature *f = &e->feature[token[k].feature];

        e->given[token[k].feature] = true;
        if (f->kind == LT_TEXT) {
            int64_t length;
            const char *text = lt_dictionary_key(&f->dictionary, token[k].number, &length);

            LT_TRY(lt_poll(env)); /* texts are long */
            LT_TRY(
                reserve_entries(env, t, (size_t)(kept + lt_text_most_entries(f, length) + n) + (size_t)e->n_features));
            kept += lt_text_entries(&e->tally, f, text, length, t->col + kept, t->val + kept);
            continue;
        }
        if (t->number[token[k].feature][token[k].number] < 0)
            continue; /* too few users have it */
        t->col[kept] = f->sparse_first + t->number[token[k].feature][token[k].number];
        t->val[kept++] = 1;
    }
    *count = lt_encoder_null_columns(e, t->col, t->val, kept);
    return LT_OK;
}

/* An array of the table, where it is to be. */
static lt_status table_array(lt_env *env, const lt_table *t, void *out, size_t count, size_t size)
{
    lt_spill *s = t->spill;

    if (s == NULL || count == 0)
        return lt_alloc(env, out, count, size, "the encoded rows");
    *(void **)out = s->map(s->context, s->create(s->context), count * size);
    return LT_OK;
}

/* How many entries each place gets, then where each place's entries start. */
static lt_status size_entries(lt_env *env, lt_encoder *e, fit *t, lt_table *out)
{
    const struct lt_encoder_raw *raw = e->raw;
    int64_t row = 0, n, nulls = 0;

    LT_TRY(lt_alloc(env, &out->start, (size_t)out->n + 1, sizeof *out->start, "the encoded rows"));
    for (int i = 0; i < e->n_features; i++)
        nulls += e->feature[i].null_column >= 0;
    for (size_t i = 0; i < raw->n_chunks; i++) {
        for (int32_t r = 0; r < raw->chunk[i].rows; r++, row++) {
            if (lt_place_of(t->place, row) < 0)
                continue;
            LT_TRY(row_columns(env, e, t, &raw->chunk[i], r, &n));
            out->start[lt_place_of(t->place, row) + 1] = lt_encoder_merge_columns(t->col, t->val, n, t->col, t->val);
        }
        lt_encoder_drop_chunk(env, &raw->chunk[i]);
        LT_TRY(lt_poll(env));
    }
    for (int64_t j = 0; j < out->n; j++) {
        if (t->filled != NULL && !t->filled[j])
            out->start[j + 1] = nulls;
        out->start[j + 1] += out->start[j];
    }
    LT_TRY(table_array(env, out, &out->col, (size_t)out->start[out->n], sizeof *out->col));
    return table_array(env, out, &out->val, (size_t)out->start[out->n], sizeof *out->val);
}

static lt_status encode_sparse(lt_env *env, lt_encoder *e, fit *t, const lt_chunk *c, lt_table *out)
{
    int64_t row = c->first, n;

    for (int32_t r = 0; r < c->rows; r++, row++) {
        int64_t at = lt_place_of(t->place, row);

        if (at < 0)
            continue;
        LT_TRY(row_columns(env, e, t, c, r, &n));
        lt_encoder_merge_columns(t->col, t->val, n, out->col + out->start[at], out->val + out->start[at]);
    }
    lt_table_touch(out, c->rows, false);
    return LT_OK;
}

/* Places without a row: every "is null" column. */
static lt_status encode_gaps(lt_env *env, lt_encoder *e, const fit *t, lt_table *out)
{
    lt_encoder_drop_row(e); /* nothing is given */
    for (int64_t j = 0; t->filled != NULL && j < out->n; j++) {
        if (j % 65536 == 0)
            LT_TRY(lt_poll(env));
        if (!t->filled[j])
            lt_encoder_null_columns(e, out->col + out->start[j], out->val + out->start[j], 0);
    }
    return LT_OK;
}

static lt_status encode_rows(lt_env *env, lt_encoder *e, fit *t, lt_table *out)
{
    struct lt_encoder_raw *raw = e->raw;
    chunks s = {.e = e, .t = t, .chunk = raw->chunk, .out = out};
    int32_t *target;
    double *mean, *scale;

    LT_TRY(lt_alloc(env, &target, (size_t)raw->columns, sizeof *target, "the features"));
    LT_TRY(lt_alloc(env, &mean, (size_t)raw->columns, sizeof *mean, "the features"));
    LT_TRY(lt_alloc(env, &scale, (size_t)raw->columns, sizeof *scale, "the features"));
    for (int32_t k = 0; k < raw->columns; k++)
        target[k] = -1;
    for (int i = 0; i < e->n_features; i++) {
        const lt_feature *f = &e->feature[i];

        for (int32_t k = 0; t->raw_first[i] >= 0 && !lt_kind_is_time(f->kind) && k < f->width; k++) {
            target[t->raw_first[i] + k] = f->dense_first + k;
            mean[t->raw_first[i] + k] = f->mean[k];
            scale[t->raw_first[i] + k] = f->scale[k];
        }
    }
    s.target = target;
    s.mean = mean;
    s.scale = scale;
    *out = (lt_table){.n = t->n_out, .dense = e->dense, .sparse = e->sparse};
    if (raw->file != NULL)
        out->spill = env->spill;
    if (out->sparse > 0)
        LT_TRY(size_entries(env, e, t, out));
    if (out->dense > 0)
        LT_TRY(table_array(env, out, &out->x, (size_t)out->n, (size_t)out->dense * sizeof *out->x));
    for (s.first = 0; s.first < raw->n_chunks; s.first += s.n) {
        s.n = chunks_at_once(env, raw, s.first);
        if (out->dense > 0)
            LT_TRY(lt_run(env, (int64_t)s.n, encode_task, &s));
        for (size_t i = s.first; i < s.first + s.n; i++) {
            LT_TRY(lt_poll(env));
            if (out->sparse > 0)
                LT_TRY(encode_sparse(env, e, t, &raw->chunk[i], out));
            lt_encoder_free_chunk(env, &raw->chunk[i]);
        }
    }
    if (out->sparse > 0)
        LT_TRY(encode_gaps(env, e, t, out));
    lt_free(env, target);
    lt_free(env, mean);
    lt_free(env, scale);
    return LT_OK;
}

lt_status lt_encoder_finish(lt_env *env, lt_encoder *e, double min_count, bool standardize, const int64_t *place,
                            int64_t n_out, lt_table *out)
{
    fit t = {.place = place, .n_out = place == NULL ? e->n : n_out};

    lt_encoder_drop_row(e); /* a width known only from an unfinished row */
    LT_TRY(lt_encoder_map_raw(env, e->raw));
    LT_TRY(check_places(env, e, &t));
    LT_TRY(lt_alloc(env, &t.raw_first, (size_t)e->n_features, sizeof *t.raw_first, "the features"));
    LT_TRY(lt_alloc(env, &t.number, (size_t)e->n_features, sizeof *t.number, "the features"));
    LT_TRY(fit_numbers(env, e, &t, standardize));
    LT_TRY(lt_categories_fit(env, e, place, t.n_out, min_count, t.number));
    LT_TRY(lt_encoder_freeze(env, e));
    for (int i = 0; i < e->n_features; i++)
        if (e->feature[i].kind == LT_TEXT)
            LT_TRY(lt_text_fit(env, &e->tally, &e->feature[i], e->min_users));
    LT_TRY(encode_rows(env, e, &t, out));

    for (int i = 0; i < e->n_features; i++) {
        lt_free(env, t.number[i]);
        if (e->feature[i].kind == LT_TEXT)
            lt_dictionary_free(env, &e->feature[i].dictionary);
    }
    lt_free(env, t.number);
    lt_free(env, t.raw_first);
    lt_free(env, t.filled);
    lt_free(env, t.col);
    lt_free(env, t.val);
    lt_table_drop(out, 0, out->n);
    if (e->raw->file != NULL)
        env->spill->close(env->spill->context, e->raw->file);
    lt_free(env, e->raw->x);
    lt_free(env, e->raw->token);
    lt_free(env, e->raw->chunk);
    lt_free(env, e->raw);
    e->raw = NULL;
    e->user = NULL; /* the caller's */
    if (e->n_features == 0)
        e->n = 0; /* nothing was fitted: what is stored then does not depend on who was there */
    return LT_OK;
}
