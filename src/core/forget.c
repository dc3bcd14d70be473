/*
 * forget.c: a user taken out of a stored version (see forget.h).
 */
#include "forget.h"

#include <math.h>
#include <string.h>

#define COUNTED_MAGIC 0x314e434c /* "LCN1" */
#define POLL_EVERY 4096          /* users, pairs, or examples */

/* ---- what training counted ---- */

static bool counts(const lt_examples *ex, int64_t i, bool ratings)
{
    return ex->user[i] >= 0 && ex->item[i] >= 0 && (ratings || ex->label[i] > 0) &&
           (ex->domain == NULL || !ex->domain[i]);
}

/* The pair of an example, from pair k on: examples and pairs are both in order of user, then item. */
static int64_t pair_of(const lt_pairs *seen, const lt_examples *ex, int64_t i, int64_t k)
{
    if (k < seen->start[ex->user[i]])
        k = seen->start[ex->user[i]];
    while (seen->col[k] < ex->item[i])
        k++;
    return k;
}

/* The training part's latest times and sums of weights of the split pairs. */
static lt_status take_split(lt_env *env, const lt_dataset *d, const lt_pairs *seen, bool ratings, lt_counted *out)
{
    const lt_examples *ex = &d->train;
    int64_t at = 0;

    if (ex->time != NULL)
        LT_TRY(lt_alloc(env, &out->time, (size_t)out->n_split, sizeof *out->time, "what training counted"));
    if (ex->weight != NULL)
        LT_TRY(lt_alloc(env, &out->weight, (size_t)out->n_split, sizeof *out->weight, "what training counted"));
    for (int64_t i = 0; i < out->n_split && out->time != NULL; i++)
        out->time[i] = -INFINITY;
    for (int64_t i = 0, k = 0; i < ex->n && at < out->n_split; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (!counts(ex, i, ratings))
            continue;
        k = pair_of(seen, ex, i, k);
        while (at < out->n_split && out->split[at] < k)
            at++;
        if (at == out->n_split || out->split[at] != k)
            continue;
        if (out->time != NULL)
            out->time[at] = fmax(out->time[at], ex->time[i]);
        if (out->weight != NULL)
            out->weight[at] += ex->weight[i];
    }
    return LT_OK;
}

lt_status lt_counted_take(lt_env *env, const lt_dataset *d, const lt_pairs *seen, lt_counted *out)
{
    bool ratings = d->label_kind == LT_LABEL_REAL;
    size_t capacity = 0;

    memset(out, 0, sizeof *out);
    out->n = seen->start[seen->rows];
    LT_TRY(lt_alloc(env, &out->rows, (size_t)out->n, sizeof *out->rows, "what training counted"));
    for (int64_t i = 0, k = 0; i < d->train.n; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (!counts(&d->train, i, ratings))
            continue;
        k = pair_of(seen, &d->train, i, k);
        out->rows[k]++;
    }
    for (int64_t i = 0, k = 0; i < d->validation.n; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (!counts(&d->validation, i, ratings))
            continue;
        k = pair_of(seen, &d->validation, i, k);
        if (out->rows[k] == 0 || (out->n_split > 0 && out->split[out->n_split - 1] == k))
            continue;
        LT_TRY(lt_grow(env, &out->split, &capacity, (size_t)out->n_split + 1, sizeof *out->split,
                       "what training counted"));
        out->split[out->n_split++] = (int32_t)k;
    }
    return take_split(env, d, seen, ratings, out);
}

bool lt_counted_is_plain(const lt_counted *c)
{
    for (int64_t k = 0; c->rows != NULL && k < c->n; k++)
        if (c->rows[k] != 1)
            return false;
    return c->n_split == 0;
}

/* Rows take a byte each where that is enough. */
void lt_counted_write(lt_writer *w, const lt_counted *c)
{
    bool small = true;

    for (int64_t k = 0; c->rows != NULL && k < c->n; k++)
        small &= c->rows[k] <= UINT8_MAX;
    lt_write_i32(w, COUNTED_MAGIC);
    lt_write_i64(w, c->n);
    lt_write_u8(w, c->rows == NULL ? 0 : small ? 1 : 2);
    if (c->rows != NULL && small)
        for (int64_t k = 0; k < c->n; k++)
            lt_write_u8(w, (uint8_t)c->rows[k]);
    if (c->rows != NULL && !small)
        lt_write_i32s(w, c->rows, c->n);
    lt_write_i32s(w, c->split, c->n_split);
    lt_write_f64s(w, c->time, c->time == NULL ? 0 : c->n_split);
    lt_write_f64s(w, c->weight, c->weight == NULL ? 0 : c->n_split);
}

static lt_status read_rows(lt_reader *r, lt_counted *c)
{
    uint8_t form = lt_read_u8(r);
    int64_t n = c->n;

    if (form > 2 || c->n < 0 || (size_t)c->n > r->n)
        lt_reader_corrupt(r, "what training counted is malformed");
    if (r->status != LT_OK || form == 0)
        return r->status;
    if (form == 2) {
        c->rows = lt_read_i32s(r, &n);
    } else {
        r->status = lt_alloc(r->env, &c->rows, (size_t)c->n, sizeof *c->rows, "what training counted");
        for (int64_t k = 0; k < c->n && r->status == LT_OK; k++)
            c->rows[k] = lt_read_u8(r);
    }
    if (r->status == LT_OK && n != c->n)
        lt_reader_corrupt(r, "what training counted does not fit");
    for (int64_t k = 0; k < c->n && r->status == LT_OK; k++)
        if (c->rows[k] < 0)
            lt_reader_corrupt(r, "what training counted is negative");
    return r->status;
}

lt_status lt_counted_read(lt_reader *r, lt_counted *c)
{
    int64_t times, weights;

    memset(c, 0, sizeof *c);
    if (lt_read_i32(r) != COUNTED_MAGIC)
        lt_reader_corrupt(r, "these are not what training counted");
    c->n = lt_read_i64(r);
    LT_TRY(read_rows(r, c));
    c->split = lt_read_i32s(r, &c->n_split);
    c->time = lt_read_f64s(r, &times);
    c->weight = lt_read_f64s(r, &weights);
    if (r->status == LT_OK && ((times != 0 && times != c->n_split) || (weights != 0 && weights != c->n_split)))
        lt_reader_corrupt(r, "what training counted does not fit");
    for (int64_t i = 0; i < c->n_split && r->status == LT_OK; i++)
        if (c->split[i] <= (i > 0 ? c->split[i - 1] : -1) || c->split[i] >= c->n)
            lt_reader_corrupt(r, "what training counted is out of range or order");
    for (int64_t i = 0; i < c->n_split && r->status == LT_OK; i++)
        if ((times > 0 && !isfinite(c->time[i])) || (weights > 0 && !isfinite(c->weight[i])))
            lt_reader_corrupt(r, "what training counted is out of range");
    if (times == 0)
        c->time = NULL;
    if (weights == 0)
        c->weight = NULL;
    return r->status;
}

static void remove_counted(lt_counted *c, int64_t from, int64_t to)
{
    int64_t kept = 0;

    if (c->rows != NULL)
        memmove(c->rows + from, c->rows + to, (size_t)(c->n - to) * sizeof *c->rows);
    for (int64_t i = 0; i < c->n_split; i++) {
        if (c->split[i] >= from && c->split[i] < to)
            continue;
        c->split[kept] = c->split[i] - (int32_t)(c->split[i] >= to ? to - from : 0);
        if (c->time != NULL)
            c->time[kept] = c->time[i];
        if (c->weight != NULL)
            c->weight[kept] = c->weight[i];
        kept++;
    }
    c->n_split = kept;
    c->n -= to - from;
}

/* ---- sums by item ---- */

lt_status lt_leaver_sums(lt_env *env, const lt_leaver *who, const double *value, int32_t without, double *sum)
{
    const lt_pairs *seen = who->seen;

    memset(sum, 0, (size_t)seen->cols * sizeof *sum);
    for (int32_t u = 0; u < seen->rows; u++) {
        if (u % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        for (int64_t k = seen->start[u]; u != without && k < seen->start[u + 1]; k++)
            sum[seen->col[k]] += value == NULL ? 1 : value[k];
    }
    return LT_OK;
}

lt_status lt_leaver_shrink(lt_env *env, const lt_leaver *who, double *count)
{
    const lt_pairs *seen = who->seen;
    double *pairs;

    LT_TRY(lt_alloc(env, &pairs, (size_t)seen->cols, sizeof *pairs, "the items' counts"));
    LT_TRY(lt_leaver_sums(env, who, NULL, -1, pairs));
    for (int64_t k = seen->start[who->user]; k < seen->start[who->user + 1]; k++)
        count[seen->col[k]] *= (pairs[seen->col[k]] - 1) / pairs[seen->col[k]];
    lt_free(env, pairs);
    return LT_OK;
}

/* ---- counts of the bundle ---- */

/* Rows and weights of pairs in training, into the leaver. */
static lt_status take_pairs(lt_env *env, const lt_bundle *b, const lt_counted *c, lt_leaver *who)
{
    int64_t n = who->seen->start[who->seen->rows];
    bool by_weight = who->seen->val != NULL && b->label_kind != LT_LABEL_REAL;
    double *rows, *weight;

    LT_TRY(lt_alloc(env, &rows, (size_t)n, sizeof *rows, "what training counted"));
    LT_TRY(lt_alloc(env, &weight, (size_t)n, sizeof *weight, "what training counted"));
    for (int64_t k = 0; k < n; k++) {
        if (k % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        rows[k] = c == NULL || c->rows == NULL ? 1 : c->rows[k];
        weight[k] = by_weight && rows[k] > 0 ? (double)who->seen->val[k] : rows[k];
    }
    for (int64_t i = 0; c != NULL && c->weight != NULL && i < c->n_split; i++)
        weight[c->split[i]] = c->weight[i];
    who->rows = rows;
    who->weight = weight;
    return LT_OK;
}

/* The pairs of the training part, as trends were made of them; those of `without` left out. */
static lt_status trained_pairs(lt_env *env, const lt_leaver *who, const lt_counted *c, int32_t without, lt_pairs *out)
{
    const lt_pairs *seen = who->seen;
    int64_t n = 0, at = 0;

    *out = (lt_pairs){.rows = seen->rows, .cols = seen->cols};
    LT_TRY(lt_alloc(env, &out->start, (size_t)seen->rows + 1, sizeof *out->start, "the items' trends"));
    LT_TRY(lt_alloc(env, &out->col, (size_t)seen->start[seen->rows], sizeof *out->col, "the items' trends"));
    LT_TRY(lt_alloc(env, &out->time, (size_t)seen->start[seen->rows], sizeof *out->time, "the items' trends"));
    for (int32_t u = 0; u < seen->rows; u++) {
        if (u % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        for (int64_t k = seen->start[u]; k < seen->start[u + 1]; k++) {
            bool split;

            while (c != NULL && at < c->n_split && c->split[at] < k)
                at++;
            split = c != NULL && at < c->n_split && c->split[at] == k && c->time != NULL;
            if (u == without || who->rows[k] == 0)
                continue;
            out->col[n] = seen->col[k];
            out->time[n++] = split ? c->time[at] : seen->time[k];
        }
        out->start[u + 1] = n;
    }
    return LT_OK;
}

static bool same(const double *a, const double *b, int32_t n)
{
    return memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

/* Trends made again without the user, where they can be. */
static lt_status forget_trend(lt_env *env, lt_bundle *b, const lt_counted *c, double half_life, double smoothing,
                              lt_leaver *who)
{
    lt_bundle lent;
    lt_pairs pairs;

    if (b->trend == NULL)
        return LT_OK;
    if (who->seen->time != NULL) {
        LT_TRY(trained_pairs(env, who, c, -1, &pairs));
        LT_TRY(lt_bundle_take_trend(env, &lent, &pairs, half_life, smoothing));
        if (same(lent.trend, b->trend, b->items.n)) {
            LT_TRY(trained_pairs(env, who, c, who->user, &pairs));
            return lt_bundle_take_trend(env, b, &pairs, half_life, smoothing);
        }
    }
    who->left |= LT_LEFT_COUNTS;
    return LT_OK;
}

static lt_status forget_counts(lt_env *env, lt_bundle *b, lt_leaver *who)
{
    const lt_pairs *seen = who->seen;
    double *sum;

    LT_TRY(lt_alloc(env, &sum, (size_t)b->items.n, sizeof *sum, "the items' counts"));
    LT_TRY(lt_leaver_sums(env, who, who->rows, -1, sum));
    if (same(sum, b->item_count, b->items.n)) {
        LT_TRY(lt_leaver_sums(env, who, who->rows, who->user, b->item_count));
    } else {
        who->left |= LT_LEFT_COUNTS;
        LT_TRY(lt_leaver_shrink(env, who, b->item_count));
        for (int32_t i = 0; i < b->items.n; i++)
            b->item_count[i] = rint(b->item_count[i]);
    }
    LT_TRY(lt_leaver_sums(env, who, NULL, who->user, sum));
    for (int64_t k = seen->start[who->user]; k < seen->start[who->user + 1]; k++)
        if (sum[seen->col[k]] == 0)
            who->left |= LT_LEFT_ITEMS;
    lt_free(env, sum);
    return LT_OK;
}

/* ---- the whole ---- */

static void remove_pairs(lt_pairs *p, int32_t row)
{
    int64_t from = p->start[row], to = p->start[row + 1], n = p->start[p->rows];

    memmove(p->col + from, p->col + to, (size_t)(n - to) * sizeof *p->col);
    if (p->val != NULL)
        memmove(p->val + from, p->val + to, (size_t)(n - to) * sizeof *p->val);
    if (p->time != NULL)
        memmove(p->time + from, p->time + to, (size_t)(n - to) * sizeof *p->time);
    for (int32_t r = row; r < p->rows; r++)
        p->start[r] = p->start[r + 1] - (to - from);
    p->rows--;
}

static void remove_row(lt_table *t, int64_t row)
{
    if (row >= t->n) /* a table without columns may be short */
        return;
    if (t->dense > 0)
        memmove(t->x + row * t->dense, t->x + (row + 1) * t->dense,
                (size_t)((t->n - row - 1) * t->dense) * sizeof *t->x);
    if (t->sparse > 0) {
        int64_t from = t->start[row], to = t->start[row + 1], n = t->start[t->n];

        memmove(t->col + from, t->col + to, (size_t)(n - to) * sizeof *t->col);
        memmove(t->val + from, t->val + to, (size_t)(n - to) * sizeof *t->val);
        for (int64_t r = row; r < t->n; r++)
            t->start[r] = t->start[r + 1] - (to - from);
    }
    t->n--;
}

void lt_model_remove_row(lt_model *m, const char *name, int64_t row)
{
    lt_array *a = (lt_array *)lt_model_array(m, name);
    size_t cell, after;
    char *values;

    if (a == NULL)
        return;
    cell = a->f != NULL ? sizeof *a->f : a->d != NULL ? sizeof *a->d : sizeof *a->i;
    values = a->f != NULL ? (char *)a->f : a->d != NULL ? (char *)a->d : (char *)a->i;
    after = (size_t)((a->rows - row - 1) * a->cols) * cell;
    memmove(values + (size_t)(row * a->cols) * cell, values + (size_t)((row + 1) * a->cols) * cell, after);
    a->rows--;
}

int32_t lt_design_user_column(const lt_design *d, int32_t user)
{
    return d->user_ids && user >= 0 ? d->row_sparse + d->user_sparse + d->item_sparse + user : -1;
}

lt_status lt_bundle_forget(lt_env *env, lt_bundle *b, const void *key, int64_t length, double half_life,
                           double smoothing, lt_pairs *seen, lt_counted *counted, int *left, bool *found)
{
    lt_model *m = &b->model;
    lt_leaver who = {.key = key, .length = length, .user = lt_dictionary_find(&b->users, key, length), .seen = seen};

    who.found = who.user >= 0;
    if (seen != NULL && (seen->rows != b->users.n || seen->cols != b->items.n ||
                         (counted != NULL && counted->n != seen->start[seen->rows])))
        return lt_fail(env, LT_CORRUPT, "what users have does not fit the version's users and items");
    if (who.found && seen != NULL)
        LT_TRY(take_pairs(env, b, counted, &who));
    if (m->algorithm->forget != NULL)
        LT_TRY(m->algorithm->forget(env, m, &who));
    else
        who.left |= LT_LEFT_WEIGHTS;
    *found = who.found;
    *left = who.found ? who.left : 0;
    if (who.user < 0)
        return LT_OK;
    if (seen != NULL) {
        LT_TRY(forget_counts(env, b, &who));
        LT_TRY(forget_trend(env, b, counted, half_life, smoothing, &who));
        if (counted != NULL)
            remove_counted(counted, seen->start[who.user], seen->start[who.user + 1]);
        remove_pairs(seen, who.user);
    } else {
        who.left |= LT_LEFT_COUNTS;
    }
    remove_row(&b->user, who.user);
    LT_TRY(lt_dictionary_remove(env, &b->users, who.user));
    m->design.users--;
    *left = who.left;
    return lt_design_finish(env, &m->design);
}
