/*
 * test_dataset.c: column numbering, negative sampling and gathering, against naive versions.
 */
#include "dataset.h"
#include "tap.h"

static float uniform(lt_random *r)
{
    return (float)(2 * lt_random_uniform(r) - 1);
}

/* A table of random rows; dense values are zero now and then, and rows without entries occur. */
static lt_table make_table(lt_env *env, lt_random *r, int64_t n, int32_t dense, int32_t sparse)
{
    lt_table t = {.n = n, .dense = dense, .sparse = sparse};

    if (dense > 0)
        lt_alloc(env, &t.x, (size_t)(n * dense), sizeof *t.x, "x");
    for (int64_t i = 0; i < n * dense; i++)
        t.x[i] = lt_random_below(r, 4) == 0 ? 0 : uniform(r);
    if (sparse == 0)
        return t;
    lt_alloc(env, &t.start, (size_t)n + 1, sizeof *t.start, "start");
    lt_alloc(env, &t.col, (size_t)(n * sparse), sizeof *t.col, "col");
    lt_alloc(env, &t.val, (size_t)(n * sparse), sizeof *t.val, "val");
    for (int64_t i = 0; i < n; i++) {
        int64_t at = t.start[i];

        for (int32_t c = 0; c < sparse; c++) {
            if (lt_random_below(r, 3) == 0) {
                t.col[at] = c;
                t.val[at++] = uniform(r);
            }
        }
        t.start[i + 1] = at;
    }
    return t;
}

static float dense_value(const lt_table *t, int64_t row, int32_t col)
{
    return row < 0 ? 0 : t->x[row * t->dense + col];
}

static float sparse_value(const lt_table *t, int64_t row, int32_t col)
{
    for (int64_t k = row < 0 ? 0 : t->start[row]; row >= 0 && k < t->start[row + 1]; k++)
        if (t->col[k] == col)
            return t->val[k];
    return 0;
}

/* The whole input row, column by column as dataset.h numbers them. */
static void naive_row(const lt_inputs *in, int64_t row, int64_t user, int64_t item, float *dense, float *sparse)
{
    const lt_design *d = in->design;

    const lt_table *of = user < 0 && in->stranger != NULL ? in->stranger : in->user;
    int64_t u = of == in->stranger ? 0 : user;

    for (int32_t j = 0; j < d->row_dense; j++)
        *dense++ = dense_value(in->row, row, j);
    for (int32_t j = 0; j < d->user_dense; j++)
        *dense++ = dense_value(of, u, j);
    for (int32_t j = 0; j < d->item_dense; j++)
        *dense++ = dense_value(in->item, item, j);
    for (int32_t j = 0; j < d->row_sparse; j++)
        *sparse++ = sparse_value(in->row, row, j);
    for (int32_t j = 0; j < d->user_sparse; j++)
        *sparse++ = sparse_value(of, u, j);
    for (int32_t j = 0; j < d->item_sparse; j++)
        *sparse++ = sparse_value(in->item, item, j);
    for (int32_t j = 0; d->user_ids && j < d->users; j++)
        *sparse++ = j == user;
    for (int32_t j = 0; d->item_ids && j < d->items; j++)
        *sparse++ = j == item;
    for (int c = 0; c < d->n_crosses; c++) {
        const lt_cross *x = &d->cross[c];

        for (int32_t a = 0; a < x->user_dense_count + x->user_sparse_count; a++) {
            float v = a < x->user_dense_count ? dense_value(of, u, x->user_dense_first + a)
                                              : sparse_value(of, u, x->user_sparse_first + a - x->user_dense_count);

            for (int32_t b = 0; b < x->item_dense_count + x->item_sparse_count; b++)
                *sparse++ = v * (b < x->item_dense_count
                                     ? dense_value(in->item, item, x->item_dense_first + b)
                                     : sparse_value(in->item, item, x->item_sparse_first + b - x->item_dense_count));
        }
    }
}

static bool gather_matches(const lt_inputs *in, const lt_examples *ex, const int32_t *index, int64_t first,
                           const lt_batch *batch)
{
    const lt_design *d = in->design;
    float *dense = calloc((size_t)d->dense + 1, sizeof *dense), *sparse = calloc((size_t)d->sparse + 1, sizeof *sparse);
    bool same = true;

    for (int k = 0; k < batch->b; k++) {
        int64_t e = index == NULL ? first + k : index[k];
        int32_t last = -1;

        naive_row(in, ex->row == NULL ? ex->row_first + e : ex->row[e], ex->user == NULL ? -1 : ex->user[e],
                  ex->item == NULL ? -1 : ex->item[e], dense, sparse);
        for (int32_t j = 0; j < d->dense; j++)
            same = same && batch->x[(int64_t)k * d->dense + j] == dense[j];
        for (int64_t s = batch->start[k]; s < batch->start[k + 1]; s++) {
            same = same && batch->col[s] > last && batch->col[s] < d->sparse;
            last = batch->col[s];
            if (same) {
                same = batch->val[s] == sparse[last];
                sparse[last] = 0;
            }
        }
        for (int32_t j = 0; j < d->sparse; j++)
            same = same && sparse[j] == 0;
    }
    free(dense);
    free(sparse);
    return same;
}

/* Every kind of column, and two crosses: dense and sparse by sparse, sparse by dense and sparse. */
static void full_design(lt_env *env, lt_design *d)
{
    *d = (lt_design){.row_dense = 3,
                     .row_sparse = 4,
                     .user_dense = 2,
                     .user_sparse = 5,
                     .item_dense = 3,
                     .item_sparse = 6,
                     .users = 7,
                     .items = 9,
                     .user_ids = true,
                     .item_ids = true,
                     .n_crosses = 2};
    lt_alloc(env, &d->cross, 2, sizeof *d->cross, "crosses");
    d->cross[0] = (lt_cross){.user_dense_first = 0,
                             .user_dense_count = 2,
                             .user_sparse_first = 1,
                             .user_sparse_count = 3,
                             .item_sparse_first = 2,
                             .item_sparse_count = 4};
    d->cross[1] = (lt_cross){.user_sparse_first = 0,
                             .user_sparse_count = 5,
                             .item_dense_first = 1,
                             .item_dense_count = 2,
                             .item_sparse_first = 0,
                             .item_sparse_count = 3};
}

static void test_design(void)
{
    lt_env *env = test_env();
    lt_design d, back;
    lt_writer w;
    lt_reader r;
    bool sound = true;

    full_design(env, &d);
    fine(env, lt_design_finish(env, &d));
    ok(d.dense == 8 && d.cross[0].first == 4 + 5 + 6 + 7 + 9, "groups are numbered in order");
    ok(d.cross[1].first == d.cross[0].first + 5 * 4 && d.sparse == d.cross[1].first + 5 * 5, "crosses follow");

    lt_writer_init(env, &w);
    lt_design_write(&w, &d);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_design_read(&r, &back));
    ok(r.at == w.n && back.dense == d.dense && back.sparse == d.sparse && back.user_ids && back.item_ids &&
           back.users == 7 && back.items == 9 && memcmp(back.cross, d.cross, 2 * sizeof *d.cross) == 0,
       "a design reads back as written");
    for (size_t n = 0; n < w.n; n++) {
        lt_reader_init(env, &r, w.bytes, n);
        sound = sound && lt_design_read(&r, &back) == LT_CORRUPT;
    }
    ok(sound, "a design cut short is corrupt");
    d.cross[1].item_sparse_count = 7;
    lt_writer_init(env, &w);
    lt_design_write(&w, &d);
    lt_reader_init(env, &r, w.bytes, w.n);
    ok(lt_design_read(&r, &back) == LT_CORRUPT, "a cross beyond its side's columns is corrupt");

    d = (lt_design){.row_sparse = 1, .users = INT32_MAX, .items = 2, .user_ids = true};
    ok(lt_design_finish(env, &d) == LT_INVALID, "more columns than INT32_MAX are refused");
    d = (lt_design){.user_sparse = 100000, .item_sparse = 100000, .n_crosses = 1};
    lt_alloc(env, &d.cross, 1, sizeof *d.cross, "crosses");
    d.cross[0] = (lt_cross){.user_sparse_count = 100000, .item_sparse_count = 100000};
    ok(lt_design_finish(env, &d) == LT_INVALID, "so is a cross of that size");
    test_env_drop(env);
}

static void test_gather(void)
{
    lt_env *env = test_env();
    lt_random r;
    lt_design d;
    lt_table row, user, item, stranger;
    lt_inputs in = {.design = &d, .row = &row, .user = &user, .item = &item};
    lt_batch batch = {0};
    int32_t rows[50], users[50], items[50], index[20];
    lt_examples ex = {.n = 50, .row = rows, .user = users, .item = items};

    lt_random_seed(&r, 3);
    full_design(env, &d);
    lt_design_finish(env, &d);
    row = make_table(env, &r, 60, 3, 4);
    user = make_table(env, &r, 7, 2, 5);
    stranger = make_table(env, &r, 1, 2, 5);
    item = make_table(env, &r, 9, 3, 6);
    for (int i = 0; i < 50; i++) {
        rows[i] = (int32_t)lt_random_below(&r, 60);
        users[i] = (int32_t)lt_random_below(&r, 8) - 1;
        items[i] = (int32_t)lt_random_below(&r, 10) - 1;
    }
    for (int i = 0; i < 20; i++)
        index[i] = (int32_t)lt_random_below(&r, 50);
    rows[12] = -1; /* no row: all zero */
    index[3] = 12;
    fine(env, lt_gather(env, &in, &ex, NULL, 10, 30, &batch));
    ok(gather_matches(&in, &ex, NULL, 10, &batch), "a run of examples, all kinds of columns, unknown users and items");
    fine(env, lt_gather(env, &in, &ex, index, 0, 20, &batch));
    ok(gather_matches(&in, &ex, index, 0, &batch), "an index of examples");
    in.stranger = &stranger;
    fine(env, lt_gather(env, &in, &ex, index, 0, 20, &batch));
    ok(gather_matches(&in, &ex, index, 0, &batch), "an unknown user with features");
    ex.row = NULL;
    ex.row_first = 5;
    fine(env, lt_gather(env, &in, &ex, index, 0, 20, &batch));
    ok(gather_matches(&in, &ex, index, 0, &batch), "rows side by side");
    ex.user = NULL;
    fine(env, lt_gather(env, &in, &ex, NULL, 0, 50, &batch));
    ok(gather_matches(&in, &ex, NULL, 0, &batch), "no users");
    ex.item = NULL;
    ex.row = rows;

    d = (lt_design){.row_dense = 3};
    lt_design_finish(env, &d);
    fine(env, lt_gather(env, &in, &ex, index, 0, 20, &batch));
    ok(gather_matches(&in, &ex, index, 0, &batch) && batch.start[20] == 0, "dense rows only, by index");
    ex.row = NULL;
    fine(env, lt_gather(env, &in, &ex, NULL, 7, 40, &batch));
    ok(gather_matches(&in, &ex, NULL, 7, &batch), "dense rows only, side by side");
    d = (lt_design){0};
    lt_design_finish(env, &d);
    fine(env, lt_gather(env, &in, &ex, NULL, 0, 50, &batch));
    ok(batch.start[50] == 0, "no columns at all");
    lt_batch_free(env, &batch);
    test_env_drop(env);
}

/* ---- sampling ---- */

#define USERS 40
#define ITEMS 30

/* Users know some items each; user 0 all of them, user 1 all but item 7. Popularity falls with the item's number. */
static void make_implicit(lt_env *env, lt_dataset *d)
{
    int64_t n = 0;
    lt_random r;

    memset(d, 0, sizeof *d);
    d->label_kind = LT_LABEL_IMPLICIT;
    d->design.users = USERS;
    d->design.items = ITEMS;
    lt_design_finish(env, &d->design);
    d->seen.rows = USERS;
    d->seen.cols = ITEMS;
    lt_alloc(env, &d->seen.start, USERS + 1, sizeof *d->seen.start, "start");
    lt_alloc(env, &d->seen.col, USERS * ITEMS, sizeof *d->seen.col, "col");
    lt_alloc(env, &d->item_count, ITEMS, sizeof *d->item_count, "count");
    lt_alloc(env, &d->train.user, USERS * ITEMS, sizeof *d->train.user, "user");
    lt_alloc(env, &d->train.item, USERS * ITEMS, sizeof *d->train.item, "item");
    lt_alloc(env, &d->train.weight, USERS * ITEMS, sizeof *d->train.weight, "weight");
    lt_alloc(env, &d->train.label, USERS * ITEMS, sizeof *d->train.label, "label");
    lt_random_seed(&r, 5);
    for (int32_t u = 0; u < USERS; u++) {
        for (int32_t i = 0; i < ITEMS; i++) {
            if (u == 0 || (u == 1 && i != 7) || (u > 1 && lt_random_below(&r, 5) == 0)) {
                d->seen.col[n] = i;
                d->train.user[n] = u;
                d->train.item[n] = i;
                d->train.label[n] = 1;
                d->train.weight[n] = (float)(1 + n % 3);
                n++;
            }
        }
        d->seen.start[u + 1] = n;
    }
    d->train.n = n;
    for (int i = 0; i < ITEMS; i++)
        d->item_count[i] = ITEMS - i; /* the last item, 1; sampling goes by these and not by the pairs above */
}

static void test_pairs(void)
{
    lt_env *env = test_env();
    lt_dataset d;
    bool naive[USERS][ITEMS] = {{false}}, same = true;

    make_implicit(env, &d);
    for (int64_t k = 0; k < d.train.n; k++)
        naive[d.train.user[k]][d.train.item[k]] = true;
    for (int32_t u = 0; u < USERS; u++)
        for (int32_t i = 0; i < ITEMS; i++)
            same = same && lt_pairs_has(&d.seen, u, i) == naive[u][i];
    ok(same, "lt_pairs_has finds exactly the pairs there are");
    ok(!lt_pairs_has(&d.seen, -1, 0) && !lt_pairs_has(&d.seen, USERS, 0) && !lt_pairs_has(&d.seen, 0, ITEMS),
       "and none out of range");
    test_env_drop(env);
}

/* Each user's draws follow p_i / sum of unknown p; chi-squared over all users' items. */
static void check_shares(lt_env *env, const lt_dataset *d, double exponent)
{
    static double drawn[USERS][ITEMS];
    lt_examples out;
    lt_random r;
    double chi = 0, limit;
    int cells = 0, known = 0;
    int64_t negatives = 0;
    bool in_order = true;

    memset(drawn, 0, sizeof drawn);
    lt_random_seed(&r, 11);
    fine(env, lt_sample_negatives(env, d, &d->train, &d->seen, 300, exponent, false, &r, &out));
    for (int64_t k = 0, p = -1; k < out.n; k++) {
        if (out.label[k] == 1) {
            p++;
            in_order = in_order && out.item[k] == d->train.item[p];
        } else {
            negatives++;
            known += lt_pairs_has(&d->seen, out.user[k], out.item[k]);
            drawn[out.user[k]][out.item[k]]++;
        }
        in_order = in_order && out.user[k] == d->train.user[p] && out.weight[k] == d->train.weight[p];
    }
    ok(in_order, "exponent %g: each positive is kept, its user and weight go to its negatives", exponent);
    ok(known == 0, "exponent %g: no known positive is drawn", exponent);
    for (int32_t u = 2; u < USERS; u++) {
        double total = 0, draws = 0;

        for (int32_t i = 0; i < ITEMS; i++) {
            total += lt_pairs_has(&d->seen, u, i) ? 0 : pow(d->item_count[i], exponent);
            draws += drawn[u][i];
        }
        for (int32_t i = 0; i < ITEMS; i++) {
            double want = draws * pow(d->item_count[i], exponent) / total;

            if (!lt_pairs_has(&d->seen, u, i) && want > 0) {
                chi += (drawn[u][i] - want) * (drawn[u][i] - want) / want;
                cells++;
            }
        }
        cells--;
    }
    /* Five standard deviations of chi-squared with that many degrees of freedom. */
    limit = cells + 5 * sqrt(2.0 * cells);
    ok(chi < limit && chi > cells - 5 * sqrt(2.0 * cells), "exponent %g: shares follow popularity (%.0f of %.0f)",
       exponent, chi, limit);
    ok(drawn[0][0] == 0 && drawn[1][7] > 0, "exponent %g: nothing for the user who has everything", exponent);
    ok(negatives <= 300 * (d->train.n - ITEMS) && negatives > 300 * (d->train.n - 2 * ITEMS),
       "exponent %g: so many negatives a positive", exponent);
}

static void test_sampling(void)
{
    lt_env *env = test_env();
    lt_dataset d;
    lt_examples out, again;
    lt_random r, s;
    double drawn = 0, rate = 0, want = 0;
    int positives = 0;

    make_implicit(env, &d);
    check_shares(env, &d, 0);
    check_shares(env, &d, 0.75);
    check_shares(env, &d, 1.5);

    lt_random_seed(&r, 2);
    lt_random_seed(&s, 2);
    fine(env, lt_sample_negatives(env, &d, &d.train, &d.seen, 3, 1, true, &r, &out));
    fine(env, lt_sample_negatives(env, &d, &d.train, &d.seen, 3, 1, true, &s, &again));
    ok(out.n == again.n && memcmp(out.item, again.item, (size_t)out.n * sizeof *out.item) == 0,
       "the same seed draws the same");

    /* User 5: exp(-offset) of an item, summed over the items unknown, is the number drawn. */
    for (int32_t i = 0; i < ITEMS; i++)
        want += lt_pairs_has(&d.seen, 5, i) ? 0 : d.item_count[i];
    for (int64_t k = 0; k < out.n; k++) {
        if (out.user[k] != 5)
            continue;
        if (out.label[k] == 1) {
            positives++;
            continue;
        }
        drawn++;
        rate = exp(-out.offset[k]) / d.item_count[out.item[k]];
    }
    near(rate * want, drawn, 1e-4 * drawn, "the correction is the expected number of draws");
    near(drawn, 3.0 * positives, 0, "all of which were made");
    ok(out.row == NULL, "no rows where rows have no features");

    d.design.row_dense = 1;
    d.train.row_first = 100;
    fine(env, lt_sample_negatives(env, &d, &d.train, &d.seen, 1, 0, false, &r, &out));
    ok(out.row[0] == 100 && out.row[out.n - 1] == 100 + d.train.n - 1, "negatives have their positive's row");
    d.train.user = NULL;
    fine(env, lt_sample_negatives(env, &d, &d.train, &d.seen, 2, 1, true, &r, &out));
    ok(out.n == 3 * d.train.n && out.user == NULL && isfinite(out.offset[0]), "without users nothing is known");
    for (int i = 0; i < ITEMS; i++)
        d.item_count[i] = i == 3 ? 10 : 0;
    fine(env, lt_sample_negatives(env, &d, &d.train, &d.seen, 2, 1, true, &r, &out));
    ok(out.item[1] == 3 && isfinite(out.offset[0]), "items without interactions are not drawn with an exponent");

    d.design.items = 0;
    ok(lt_sample_negatives(env, &d, &d.train, &d.seen, 2, 1, true, &r, &out) == LT_INVALID, "no items are refused");
    d.design.items = ITEMS;
    ((test_context *)env->context)->polls = 0;
    ((test_context *)env->context)->cancel_at = 1;
    ok(lt_sample_negatives(env, &d, &d.train, &d.seen, 2, 1, true, &r, &out) == LT_CANCELLED, "cancel acts");
    test_env_drop(env);
}

int main(void)
{
    test_design();
    test_gather();
    test_pairs();
    test_sampling();
    return done();
}
