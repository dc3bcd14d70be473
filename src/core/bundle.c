/*
 * bundle.c: a model version as bytes, and the names of its input columns.
 */
#include "bundle.h"
#include "rerank.h"
#include "sort.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LEAST_TREND (-60) /* a factor of 1e-26: the last of all that have any */
#define MOST_TREND 60
#define BUNDLE_MAGIC 0x324d544c /* "LTM2" */

lt_status lt_bundle_init(lt_env *env, lt_bundle *b, const lt_options *options)
{
    memset(b, 0, sizeof *b);
    b->head_share = lt_option_float(options, "head_share");
    b->tail_share = lt_option_float(options, "tail_share");
    b->popularity_exponent = lt_option_float(options, "popularity_exponent");
    b->trend_exponent = lt_option_float(options, "trend_exponent");
    b->rerank = lt_option_text(options, "rerank");
    b->rerank_strength = lt_option_float(options, "rerank_strength");
    b->rerank_options = lt_option_text(options, "rerank_options");
    LT_TRY(lt_dictionary_init(env, &b->users));
    LT_TRY(lt_dictionary_init(env, &b->items));
    LT_TRY(lt_encoder_init(env, &b->row_encoder));
    LT_TRY(lt_encoder_init(env, &b->user_encoder));
    return lt_encoder_init(env, &b->item_encoder);
}

static const lt_feature *find_feature(const lt_encoder *e, const char *name)
{
    for (int i = 0; i < e->n_features; i++)
        if (strcmp(e->feature[i].name, name) == 0)
            return &e->feature[i];
    return NULL;
}

/* ["country", "category"] in either order, one of the user's features and one of the item's. */
static lt_status make_cross(lt_env *env, const lt_bundle *b, const char *first, const char *second, lt_cross *out)
{
    const lt_feature *user = find_feature(&b->user_encoder, first);
    const lt_feature *item = find_feature(&b->item_encoder, second);

    if (user == NULL || item == NULL) { /* a name may be there on both sides */
        user = find_feature(&b->user_encoder, second);
        item = find_feature(&b->item_encoder, first);
    }
    if (user == NULL || item == NULL) {
        lt_fail(env, LT_INVALID, "cannot cross \"%s\" with \"%s\"", first, second);
        return lt_fail_hint(env, "A cross names one column of user_features and one of item_features.");
    }
    *out = (lt_cross){
        .user_dense_first = user->dense_first,
        .user_dense_count = user->width,
        .user_sparse_first = user->sparse_first,
        .user_sparse_count = user->sparse_count,
        .item_dense_first = item->dense_first,
        .item_dense_count = item->width,
        .item_sparse_first = item->sparse_first,
        .item_sparse_count = item->sparse_count,
    };
    return LT_OK;
}

lt_status lt_bundle_design(lt_env *env, const lt_bundle *b, const lt_options *options, lt_design *design)
{
    const lt_value *crosses = lt_option_value(options, "crosses");

    memset(design, 0, sizeof *design);
    design->row_dense = b->row_encoder.dense;
    design->row_sparse = b->row_encoder.sparse;
    design->user_dense = b->user_encoder.dense;
    design->user_sparse = b->user_encoder.sparse;
    design->item_dense = b->item_encoder.dense;
    design->item_sparse = b->item_encoder.sparse;
    design->users = b->users.n;
    design->items = b->items.n;
    if (lt_bundle_is_recommender(b) && lt_options_find(options, "id_features") >= 0) {
        bool both = lt_option_is(options, "id_features", "both");

        design->user_ids = both || lt_option_is(options, "id_features", "user");
        design->item_ids =
            both || lt_option_is(options, "id_features", "item") || lt_option_is(options, "id_features", "auto");
    }
    LT_TRY(lt_alloc(env, &design->cross, (size_t)crosses->n / 2, sizeof(lt_cross), "the crosses"));
    for (int i = 0; i + 1 < crosses->n; i += 2)
        LT_TRY(make_cross(env, b, crosses->names[i], crosses->names[i + 1], &design->cross[design->n_crosses++]));
    return lt_design_finish(env, design);
}

lt_status lt_bundle_take_trend(lt_env *env, lt_bundle *b, const lt_pairs *seen, double half_life, double smoothing)
{
    int64_t n = seen->start[seen->rows];
    double latest, recent = 0, *count;

    b->trend = NULL;
    if (seen->time == NULL)
        return LT_OK;
    LT_TRY(lt_alloc(env, &b->trend, (size_t)seen->cols, sizeof *b->trend, "the items' trends"));
    LT_TRY(lt_alloc(env, &count, (size_t)seen->cols, sizeof *count, "the items' trends"));
    LT_TRY(lt_latest_time(env, seen->time, n, &latest));
    for (int64_t k = 0; k < n; k++) {
        double left = exp2(fmin(0, seen->time[k] - latest) / (86400 * half_life));

        if (k % (1 << 16) == 0)
            LT_TRY(lt_poll(env));
        b->trend[seen->col[k]] += left;
        count[seen->col[k]]++;
        recent += left;
    }
    for (int32_t i = 0; i < seen->cols; i++) {
        double share = count[i] / (double)n;

        if (count[i] > 0)
            b->trend[i] = fmax(LEAST_TREND, log((b->trend[i] / recent + smoothing * share) / (1 + smoothing) / share));
    }
    lt_free(env, count);
    return LT_OK;
}

/* A longer copy of values by item; the new items have 0. */
static lt_status grow_values(lt_env *env, double **values, int32_t n, int32_t grown)
{
    double *longer;

    LT_TRY(lt_alloc(env, &longer, (size_t)grown, sizeof *longer, "the items' counts"));
    memcpy(longer, *values, (size_t)n * sizeof *longer);
    *values = longer;
    return LT_OK;
}

lt_status lt_bundle_grow(lt_env *env, lt_bundle *b)
{
    lt_model *m = &b->model;
    lt_design grown = m->design;
    uint8_t *hidden;

    if (m->algorithm->extend == NULL)
        return lt_fail(env, LT_UNSUPPORTED, "algorithm \"%s\" cannot take in new users and items", m->algorithm->name);
    LT_TRY(lt_alloc(env, &grown.cross, (size_t)grown.n_crosses, sizeof *grown.cross, "the crosses"));
    for (int i = 0; i < grown.n_crosses; i++)
        grown.cross[i] = m->design.cross[i];
    grown.users = b->users.n;
    grown.items = b->items.n;
    LT_TRY(lt_design_finish(env, &grown));
    LT_TRY(grow_values(env, &b->item_count, m->design.items, grown.items));
    if (b->trend != NULL)
        LT_TRY(grow_values(env, &b->trend, m->design.items, grown.items));
    if (b->hidden != NULL) {
        LT_TRY(lt_alloc(env, &hidden, (size_t)grown.items, 1, "the hidden items"));
        memcpy(hidden, b->hidden, (size_t)m->design.items);
        b->hidden = hidden;
    }
    LT_TRY(m->algorithm->extend(env, m, &grown));
    m->design = grown;
    return LT_OK;
}

/* A column of a side's own table, dense ones before sparse ones. */
static lt_status side_column_name(lt_env *env, const lt_encoder *e, int32_t column, char *out, size_t size)
{
    bool dense = column < e->dense;

    return lt_encoder_column_name(env, e, dense, dense ? column : column - e->dense, out, size);
}

/* The feature's i-th column, its dense ones before its sparse ones, as a column of the side's own table. */
static int32_t cross_column(const lt_encoder *e, int32_t dense_first, int32_t dense_count, int32_t sparse_first,
                            int32_t i)
{
    return i < dense_count ? dense_first + i : e->dense + sparse_first + (i - dense_count);
}

static lt_status cross_name(lt_env *env, const lt_bundle *b, int32_t column, char *out, size_t size)
{
    const lt_design *d = &b->model.design;

    for (int i = 0; i < d->n_crosses; i++) {
        const lt_cross *c = &d->cross[i];
        int32_t users = c->user_dense_count + c->user_sparse_count;
        int32_t items = c->item_dense_count + c->item_sparse_count;
        int32_t at = column - c->first;
        size_t n;

        if (at < 0 || at >= users * items)
            continue;
        /* each name is cut to its room at a character's end, the user's to a half */
        LT_TRY(side_column_name(
            env, &b->user_encoder,
            cross_column(&b->user_encoder, c->user_dense_first, c->user_dense_count, c->user_sparse_first, at / items),
            out, size / 2));
        n = strlen(out);
        n += (size_t)snprintf(out + n, size - n, " x ");
        return side_column_name(
            env, &b->item_encoder,
            cross_column(&b->item_encoder, c->item_dense_first, c->item_dense_count, c->item_sparse_first, at % items),
            out + n, size - n);
    }
    return lt_fail(env, LT_CORRUPT, "input column %d belongs to no feature", (int)column);
}

lt_id_of lt_bundle_column_id(const lt_bundle *b, int32_t column, int32_t *number)
{
    const lt_design *d = &b->model.design;

    *number = column - d->dense - d->row_sparse - d->user_sparse - d->item_sparse;
    if (*number < 0)
        return LT_ID_OF_NOBODY;
    if (d->user_ids) {
        if (*number < d->users)
            return LT_ID_OF_USER;
        *number -= d->users;
    }
    return d->item_ids && *number < d->items ? LT_ID_OF_ITEM : LT_ID_OF_NOBODY;
}

lt_status lt_bundle_column_name(lt_env *env, const lt_bundle *b, int32_t column, char *out, size_t size)
{
    const lt_encoder *sides[3] = {&b->row_encoder, &b->user_encoder, &b->item_encoder};
    bool dense = column < b->model.design.dense;
    int32_t at = dense ? column : column - b->model.design.dense;

    for (int i = 0; i < 3; i++) {
        int32_t columns = dense ? sides[i]->dense : sides[i]->sparse;

        if (at < columns)
            return lt_encoder_column_name(env, sides[i], dense, at, out, size);
        at -= columns;
    }
    return cross_name(env, b, column - b->model.design.dense, out, size);
}

void lt_pairs_write(lt_writer *w, const lt_pairs *p)
{
    lt_write_i32(w, p->rows);
    lt_write_i32(w, p->cols);
    lt_write_i64s(w, p->start, p->rows + 1);
    lt_write_i32s(w, p->col, p->start[p->rows]);
    lt_write_f32s(w, p->val, p->val == NULL ? 0 : p->start[p->rows]);
    lt_write_f64s(w, p->time, p->time == NULL ? 0 : p->start[p->rows]);
}

lt_status lt_pairs_read(lt_reader *r, lt_pairs *p)
{
    int64_t n_start, n_col, n_val, n_time;

    memset(p, 0, sizeof *p);
    p->rows = lt_read_i32(r);
    p->cols = lt_read_i32(r);
    p->start = lt_read_i64s(r, &n_start);
    p->col = lt_read_i32s(r, &n_col);
    p->val = lt_read_f32s(r, &n_val);
    p->time = lt_read_f64s(r, &n_time);
    if (r->status == LT_OK && ((n_val != 0 && n_val != n_col) || (n_time != 0 && n_time != n_col)))
        lt_reader_corrupt(r, "the seen items' values do not fit them");
    if (n_val == 0)
        p->val = NULL;
    if (n_time == 0)
        p->time = NULL;
    if (r->status == LT_OK && (p->rows < 0 || p->cols < 0 || n_start != (int64_t)p->rows + 1 || p->start[0] != 0 ||
                               p->start[p->rows] != n_col))
        lt_reader_corrupt(r, "the seen items do not fit together");
    for (int32_t i = 0; r->status == LT_OK && i < p->rows; i++)
        if (p->start[i] > p->start[i + 1] || p->start[i + 1] > n_col)
            lt_reader_corrupt(r, "the seen items' rows are out of order");
    for (int32_t i = 0; r->status == LT_OK && i < p->rows; i++)
        for (int64_t k = p->start[i]; k < p->start[i + 1]; k++)
            if (p->col[k] <= (k > p->start[i] ? p->col[k - 1] : -1) || p->col[k] >= p->cols)
                lt_reader_corrupt(r, "a seen item is out of range or order");
    for (int64_t k = 0; r->status == LT_OK && k < n_col; k++)
        if ((p->val != NULL && !isfinite(p->val[k])) || (p->time != NULL && !isfinite(p->time[k])))
            lt_reader_corrupt(r, "a seen item's weight or time is out of range");
    return r->status;
}

void lt_bundle_write(lt_writer *w, const lt_bundle *b)
{
    lt_write_i32(w, BUNDLE_MAGIC);
    lt_write_u8(w, (uint8_t)b->user_id);
    lt_write_u8(w, (uint8_t)b->item_id);
    lt_write_u8(w, (uint8_t)b->label_kind);
    lt_write_f64(w, b->head_share);
    lt_write_f64(w, b->tail_share);
    lt_write_f64(w, b->popularity_exponent);
    lt_write_f64(w, b->trend_exponent);
    lt_write_text(w, b->rerank);
    lt_write_f64(w, b->rerank_strength);
    lt_write_text(w, b->rerank_options);
    lt_encoder_write(w, &b->row_encoder);
    if (lt_bundle_is_recommender(b)) {
        lt_dictionary_write(w, &b->users);
        lt_dictionary_write(w, &b->items);
        lt_encoder_write(w, &b->user_encoder);
        lt_encoder_write(w, &b->item_encoder);
        lt_table_write(w, &b->user);
        lt_table_write(w, &b->item);
        lt_write_f64s(w, b->item_count, b->items.n);
        lt_write_bytes(w, b->hidden, b->hidden == NULL ? 0 : b->items.n);
        lt_write_f64s(w, b->trend, b->trend == NULL ? 0 : b->items.n);
    }
    lt_model_write(w, &b->model);
}

static bool share_ok(double share)
{
    return share >= 0 && share <= 1;
}

/* of exponents and rerank_strength, as their options have it */
static bool exponent_ok(double exponent)
{
    return exponent >= 0 && exponent <= 10;
}

/* A table without columns is never looked into, whatever its rows; but see the crosses in lt_bundle_read. */
static bool table_fits(const lt_table *t, const lt_encoder *e, int32_t n)
{
    return t->dense == e->dense && t->sparse == e->sparse && (t->n == n || e->dense + e->sparse == 0);
}

/* Ids of integers and uuids are read as so many bytes wherever they go. */
static void check_ids(lt_reader *r, const lt_dictionary *d, lt_id_kind kind)
{
    int64_t want = kind == LT_ID_INTEGER ? 8 : 16, length;

    for (int32_t i = 0; r->status == LT_OK && kind != LT_ID_TEXT && i < d->n; i++) {
        lt_dictionary_key(d, i, &length);
        if (length != want)
            lt_reader_corrupt(r, "an id is not of its kind's length");
    }
}

/* The parts that only a recommender has. */
static lt_status read_sides(lt_reader *r, lt_bundle *b)
{
    int64_t n_counts, n_hidden, n_trends;

    LT_TRY(lt_dictionary_read(r, &b->users));
    LT_TRY(lt_dictionary_read(r, &b->items));
    LT_TRY(lt_encoder_read(r, &b->user_encoder));
    LT_TRY(lt_encoder_read(r, &b->item_encoder));
    LT_TRY(lt_table_read(r, &b->user));
    LT_TRY(lt_table_read(r, &b->item));
    b->item_count = lt_read_f64s(r, &n_counts);
    b->hidden = (uint8_t *)lt_read_bytes(r, &n_hidden);
    b->trend = lt_read_f64s(r, &n_trends);
    if (n_hidden == 0)
        b->hidden = NULL;
    if (n_trends == 0)
        b->trend = NULL;
    if (r->status != LT_OK)
        return r->status;
    if (!table_fits(&b->user, &b->user_encoder, b->users.n) || !table_fits(&b->item, &b->item_encoder, b->items.n) ||
        n_counts != b->items.n || (n_hidden != 0 && n_hidden != b->items.n) ||
        (n_trends != 0 && n_trends != b->items.n))
        lt_reader_corrupt(r, "users, items and their features do not fit together");
    check_ids(r, &b->users, b->user_id);
    check_ids(r, &b->items, b->item_id);
    for (int64_t i = 0; r->status == LT_OK && i < n_counts; i++)
        if (!(b->item_count[i] >= 0) || isinf(b->item_count[i]))
            lt_reader_corrupt(r, "an item's count is out of range");
    for (int64_t i = 0; r->status == LT_OK && i < n_hidden; i++)
        if (b->hidden[i] > 1)
            lt_reader_corrupt(r, "a hidden item is out of range");
    for (int64_t i = 0; r->status == LT_OK && i < n_trends; i++)
        if (!(b->trend[i] >= LEAST_TREND && b->trend[i] <= MOST_TREND))
            lt_reader_corrupt(r, "an item's trend is out of range");
    return r->status;
}

int lt_bundle_depth(const lt_bundle *b)
{
    int most = 0;

    for (int i = 0; i < b->model.n_parts; i++) {
        int depth = 1 + lt_bundle_depth(&b->model.part[i]);

        most = depth > most ? depth : most;
    }
    return most;
}

lt_status lt_bundle_read(lt_reader *r, lt_bundle *b)
{
    const lt_design *d = &b->model.design;

    memset(b, 0, sizeof *b);
    if (lt_read_i32(r) != BUNDLE_MAGIC)
        lt_reader_corrupt(r, "these are not a model's bytes");
    b->user_id = lt_read_u8(r);
    b->item_id = lt_read_u8(r);
    b->label_kind = lt_read_u8(r);
    b->head_share = lt_read_f64(r);
    b->tail_share = lt_read_f64(r);
    b->popularity_exponent = lt_read_f64(r);
    b->trend_exponent = lt_read_f64(r);
    b->rerank = lt_read_text(r);
    b->rerank_strength = lt_read_f64(r);
    b->rerank_options = lt_read_text(r);
    if (r->status != LT_OK)
        return r->status;
    if (b->user_id > LT_ID_UUID || b->item_id > LT_ID_UUID ||
        (b->user_id == LT_ID_NONE) != (b->item_id == LT_ID_NONE) || b->label_kind > LT_LABEL_IMPLICIT ||
        !share_ok(b->head_share) || !share_ok(b->tail_share) || !exponent_ok(b->popularity_exponent) ||
        !exponent_ok(b->trend_exponent) || lt_reranker_find(b->rerank) == NULL || !exponent_ok(b->rerank_strength))
        lt_reader_corrupt(r, "the model's head is out of range");
    if (r->status != LT_OK)
        return r->status;
    LT_TRY(lt_encoder_read(r, &b->row_encoder));
    if (lt_bundle_is_recommender(b))
        LT_TRY(read_sides(r, b));
    LT_TRY(lt_model_read(r, &b->model));
    if (d->row_dense != b->row_encoder.dense || d->row_sparse != b->row_encoder.sparse ||
        d->user_dense != b->user_encoder.dense || d->user_sparse != b->user_encoder.sparse ||
        d->item_dense != b->item_encoder.dense || d->item_sparse != b->item_encoder.sparse || d->users != b->users.n ||
        d->items != b->items.n || (d->n_crosses > 0 && (b->user.n != b->users.n || b->item.n != b->items.n)))
        lt_reader_corrupt(r, "the weights do not fit the encoders");
    return r->status;
}
