/*
 * test_builder.c: splitting, ordering, combining and numbering rows, by hand and as properties.
 */
#include "shop_data.h"

#define USERS 32
#define ITEMS 16

static int user_in(const built *b, int32_t u)
{
    return u >= 0 ? number_in(&b->builder.bundle->users, u) : number_in(&b->builder.unknown_users, -1 - u);
}

static int item_in(const built *b, int32_t i)
{
    return i >= 0 ? number_in(&b->builder.bundle->items, i) : number_in(&b->builder.unknown_items, -1 - i);
}

static void shuffle(event *v, int n, uint64_t seed)
{
    lt_random r;

    lt_random_seed(&r, seed);
    for (int i = n - 1; i > 0; i--) {
        int j = (int)lt_random_below(&r, i + 1);
        event t = v[i];

        v[i] = v[j];
        v[j] = t;
    }
}

/* ---- random splits ---- */

/* side[user * ITEMS + item]: 0 no such row, 1 training, 2 validation. */
static void sides_of(const built *b, char side[USERS * ITEMS])
{
    const lt_examples *part[2] = {&b->data.train, &b->data.validation};

    memset(side, 0, USERS * ITEMS);
    for (int p = 0; p < 2; p++)
        for (int64_t i = 0; i < part[p]->n; i++)
            side[user_in(b, part[p]->user[i]) * ITEMS + item_in(b, part[p]->item[i])] = (char)(p + 1);
}

static void test_random(void)
{
    lt_env *env = test_env();
    lt_options o = options_of(env, &lt_logistic, OPTIONS("split", "random", "validation_fraction", "0.3"));
    lt_options other =
        options_of(env, &lt_logistic, OPTIONS("split", "random", "validation_fraction", "0.3", "seed", "2"));
    event *v = random_events(env, 400, USERS, ITEMS, 1);
    char want[USERS * ITEMS], got[USERS * ITEMS];
    lt_bundle whole, small, again;
    built b = build(env, &whole, false, PAIRS | LABEL, v, 400, &o);

    sides_of(&b, want);
    ok(b.status == LT_OK && b.data.train.n + b.data.validation.n == 400, "every row is on one side");
    ok(llabs(b.data.validation.n - 120) <= 4 * 9, "about the fraction is held out: %d of 400",
       (int)b.data.validation.n); /* a binomial's sd is 9.2 */

    build(env, &small, false, PAIRS | LABEL, v, 60, &o);
    ok(small.users.n < USERS || small.items.n < ITEMS, "a bundle that knows less");
    shuffle(v, 400, 7);
    b = build(env, &again, false, PAIRS | LABEL, v, 400, &o);
    sides_of(&b, got);
    ok(memcmp(want, got, sizeof want) == 0, "a random split does not depend on the rows' order");
    b = build(env, &small, true, PAIRS | LABEL, v, 400, &o);
    sides_of(&b, got);
    ok(b.status == LT_OK && memcmp(want, got, sizeof want) == 0, "nor on the bundle");
    b = build(env, &again, false, PAIRS | LABEL, v, 200, &o);
    sides_of(&b, got);
    for (int i = 0; i < USERS * ITEMS; i++)
        if (got[i] == 0)
            want[i] = 0;
    ok(memcmp(want, got, sizeof want) == 0, "nor on the other rows");
    b = build(env, &again, false, PAIRS | LABEL, v, 200, &other);
    sides_of(&b, got);
    ok(memcmp(want, got, sizeof want) != 0, "another seed is another split");
    test_env_drop(env);
}

/* The labels of a part as text: rows carry their position as label. */
static const char *labels(const lt_examples *ex)
{
    static char text[400];
    size_t at = 0;

    text[0] = '\0';
    for (int64_t i = 0; i < ex->n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%g", i > 0 ? " " : "", ex->label[i]);
    return text;
}

static void test_supervised(void)
{
    lt_env *env = test_env();
    lt_options o = options_of(env, &lt_logistic, OPTIONS("validation_fraction", "0.4"));
    event v[40] = {0};
    lt_bundle first, second;
    built a, b;
    char held_out[400];
    bool never_empty = true;

    for (int i = 0; i < 40; i++)
        v[i] = (event){.label = i, .price = i, .colour = i % 3};
    a = build(env, &first, false, LABEL | ROWS, v, 40, &o);
    snprintf(held_out, sizeof held_out, "%s", labels(&a.data.validation));
    ok(a.status == LT_OK && a.data.train.n + a.data.validation.n == 40 && a.data.validation.n > 4 &&
           a.data.validation.row_first == a.data.train.n,
       "rows without ids: the validation part's rows stand behind the training part's");
    ok(a.data.label_kind == LT_LABEL_REAL && a.data.train.user == NULL && a.data.train.item == NULL &&
           a.data.seen.start == NULL && a.data.item_count == NULL,
       "no users, no items, nothing seen");
    for (int64_t i = 1; i < a.data.train.n; i++)
        never_empty = never_empty && a.data.train.label[i] > a.data.train.label[i - 1];
    ok(never_empty, "and stay in order");
    for (int i = 0; i < 40; i++)
        v[i].price = 40 - i;
    b = build(env, &first, true, LABEL | ROWS, v, 40, &o);
    ok(strcmp(held_out, labels(&b.data.validation)) == 0, "rows without ids are split by position: frozen");
    b = build(env, &second, false, LABEL | ROWS, v, 40, &o);
    ok(strcmp(held_out, labels(&b.data.validation)) == 0, "and fitting");

    never_empty = true;
    for (int seed = 0; seed < 50; seed++)
        for (int n = 0; n <= 3; n++) {
            lt_options tight = options_of(env, &lt_logistic, OPTIONS("validation_fraction", "0.9"));

            lt_options_set_number(env, &tight, "seed", seed);
            b = build(env, &second, false, LABEL | ROWS, v, n, &tight);
            never_empty = never_empty && b.status == LT_OK && (n == 0 || b.data.train.n > 0) &&
                          b.data.train.n + b.data.validation.n == n;
        }
    ok(never_empty, "of 1, 2 or 3 rows some are trained on whatever the seed; no rows are fine");
    test_env_drop(env);
}

/* ---- splits by time ---- */

static void time_case(const char *split, const char *fraction, int n, const double *time, const char *want)
{
    lt_env *env = test_env();
    lt_options o = options_of(env, &lt_logistic, OPTIONS("split", split, "validation_fraction", fraction));
    event v[32] = {0};
    lt_bundle bundle;
    built b;

    for (int i = 0; i < n; i++)
        v[i] = (event){.label = i, .time = time[i]};
    b = build(env, &bundle, false, LABEL | TIME, v, n, &o);
    if (!ok(b.status == LT_OK && strcmp(labels(&b.data.validation), want) == 0, "split %s of %s, %d rows: [%s]", split,
            fraction, n, want))
        printf("# got [%s]\n", labels(&b.data.validation));
    test_env_drop(env);
}

static void test_time(void)
{
    static const double up[20] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
    static const double mixed[5] = {5, -1e300, 4, 2, 3};
    static const double ends_tied[10] = {1, 1, 1, 2, 2, 2, 3, 3, 3, 3};
    static const double starts_tied[10] = {1, 1, 1, 1, 1, 1, 1, 1, 2, 3};
    static const double most_tied[10] = {1, 2, 2, 2, 2, 2, 2, 2, 2, 2};
    static const double same[6] = {4, 4, 4, 4, 4, 4};
    lt_env *env = test_env();
    lt_options o = options_of(env, &lt_logistic, OPTIONS("split", "time"));
    lt_bundle bundle;
    event v[2] = {{.label = 1}, {.label = 0}};
    built b;

    time_case("auto", "0.1", 10, up, "9");
    time_case("time", "0.1", 20, up, "18 19");
    time_case("time", "0.3", 10, up, "7 8 9");
    time_case("time", "0.25", 10, up, "7 8 9");
    time_case("time", "0.9", 20, up, "2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19");
    time_case("time", "0.9", 5, up, "1 2 3 4");
    time_case("time", "0.9", 2, up, "1");
    time_case("time", "0.000001", 4, up, "3");
    time_case("time", "0.9", 1, up, "");
    time_case("time", "0", 10, up, "");
    time_case("none", "0.5", 10, up, "");
    time_case("time", "0.4", 5, mixed, "0 2");
    time_case("time", "0.3", 10, ends_tied, "6 7 8 9");       /* 4 is nearer to 3 than 0 is */
    time_case("time", "0.1", 10, ends_tied, "");              /* 0 is nearer to 1 than 4 is */
    time_case("time", "0.6", 10, ends_tied, "3 4 5 6 7 8 9"); /* 7 is nearer to 6 than 4 is */
    time_case("time", "0.5", 10, ends_tied, "6 7 8 9");       /* 4 is nearer to 5 than 7 is */
    time_case("time", "0.9", 10, starts_tied, "8 9");         /* all ten would leave nothing to train on */
    time_case("time", "0.1", 10, most_tied, "");
    time_case("time", "0.8", 10, most_tied, "1 2 3 4 5 6 7 8 9");
    time_case("time", "0.3", 6, same, "");

    b = build(env, &bundle, false, LABEL, v, 2, &o);
    ok(b.status == LT_INVALID && strstr(env->error.message, "time") != NULL && env->error.hint[0] != '\0',
       "a split by time without times: %s", env->error.message);
    test_env_drop(env);
}

/* ---- duplicates ---- */

/* Users 1 and 2; the pair (1, 1) three times, the latest in the middle and the largest label last. */
static const event repeated[] = {
    {.user = 1, .item = 1, .label = 3, .weight = 1, .time = 10, .price = 1, .colour = 1},
    {.user = 2, .item = 1, .label = 7, .weight = 5, .time = 10, .price = 2, .colour = 1},
    {.user = 1, .item = 1, .label = 4, .weight = 4, .time = 30, .price = 3, .colour = 2},
    {.user = 1, .item = 2, .label = 9, .weight = 6, .time = 10, .price = 4, .colour = 2},
    {.user = 1, .item = 1, .label = 5, .weight = 1, .time = 20, .price = 5, .colour = 1},
};

/* The number an encoded price stands for. */
static double price_at(const lt_bundle *b, const lt_table *row, int64_t at)
{
    const lt_feature *f = &b->row_encoder.feature[0];

    return row->x[at * row->dense + f->dense_first] / f->scale[0] + f->mean[0];
}

static void duplicate_case(const char *how, int what, double label, double weight, double price)
{
    lt_env *env = test_env();
    lt_options o = options_of(env, &lt_logistic, OPTIONS("split", "none", "duplicates", how));
    lt_bundle bundle;
    built b = build(env, &bundle, false, PAIRS | ROWS | what, repeated, 5, &o);
    const lt_examples *ex = &b.data.train;

    ok(b.status == LT_OK && ex->n == 3 && ex->user[0] == 0 && ex->item[0] == 0 && ex->item[1] == 1 && ex->user[2] == 1,
       "duplicates %s%s: one row a pair", how, what & TIME ? " by time" : "");
    near(ex->label[0], what & LABEL ? label : 1, 1e-6, "label");
    near(ex->label[2], what & LABEL ? 7 : 1, 1e-6, "a pair that is there once keeps its label");
    if (what & WEIGHT)
        near(ex->weight[0], weight, 1e-6, "weight");
    near(price_at(&bundle, &b.data.row, 0), price, 1e-5, "the features are those of the last row");
    near(price_at(&bundle, &b.data.row, 2), 2, 1e-5, "other rows keep theirs");
    near(bundle.row_encoder.feature[0].mean[0], (price + 4 + 2) / 3, 1e-12, "rows that are gone are not fitted");
    near(b.data.item_count[0], 2, 0, "each pair counts as one interaction");
    test_env_drop(env);
}

static void test_duplicates(void)
{
    lt_env *env = test_env();
    lt_options keep = options_of(env, &lt_logistic, OPTIONS("split", "none"));
    lt_options sum =
        options_of(env, &lt_logistic, OPTIONS("split", "time", "validation_fraction", "0.4", "duplicates", "sum"));
    lt_options last = options_of(env, &lt_logistic, OPTIONS("split", "none", "duplicates", "last"));
    lt_options mean = options_of(env, &lt_logistic, OPTIONS("split", "none", "duplicates", "mean"));
    event v[5] = {{.user = 1, .item = 1, .time = 9, .label = 1, .weight = 8},
                  {.user = 1, .item = 1, .time = 1, .label = 0, .weight = 1},
                  {.user = 1, .item = 1, .time = 2, .label = 1, .weight = 2},
                  {.user = 1, .item = 1, .time = 8, .label = 1, .weight = 4},
                  {.user = 2, .item = 1, .time = 3, .label = 1, .weight = 1}};
    lt_bundle bundle;
    built b;

    duplicate_case("sum", LABEL | WEIGHT, 12, 6, 5);
    duplicate_case("sum", LABEL | WEIGHT | TIME, 12, 6, 3);
    duplicate_case("mean", LABEL | WEIGHT, 4, 2, 5);
    duplicate_case("mean", LABEL | WEIGHT | TIME, 4, 2, 3);
    duplicate_case("max", LABEL | WEIGHT, 5, 4, 5);
    duplicate_case("max", LABEL | WEIGHT | TIME, 5, 4, 3);
    duplicate_case("last", LABEL | WEIGHT, 5, 1, 5);
    duplicate_case("last", LABEL | WEIGHT | TIME, 4, 4, 3);
    duplicate_case("last", LABEL | TIME, 4, 0, 3);
    duplicate_case("auto", WEIGHT, 1, 6, 5); /* implicit feedback adds up */
    duplicate_case("auto", 0, 1, 0, 5);

    b = build(env, &bundle, false, PAIRS | LABEL | ROWS, repeated, 5, &keep);
    ok(b.data.train.n == 5 && b.data.train.label[0] == 3 && b.data.train.label[1] == 4 && b.data.train.label[2] == 5,
       "labels: all rows are kept, those of a pair in their order");
    near(b.data.item_count[0], 4, 0, "each counts");
    ok(b.data.seen.start[1] == 2 && b.data.seen.start[2] == 3, "but what was seen is seen once");

    b = build(env, &bundle, false, PAIRS | WEIGHT | TIME, v, 5, &sum);
    ok(b.data.train.n == 2 && b.data.train.weight[0] == 3 && b.data.validation.n == 1 &&
           b.data.validation.weight[0] == 12 && b.data.validation.row_first == 2,
       "rows are combined within training and within validation");
    v[2].time = 9;
    b = build(env, &bundle, false, PAIRS | WEIGHT | TIME, v, 5, &last);
    ok(b.data.train.weight[0] == 2, "of two rows of the latest time the later one is the last");
    b = build(env, &bundle, false, PAIRS | LABEL, v, 5, &mean);
    ok(b.data.train.label[0] == 0.75f && b.data.label_kind == LT_LABEL_REAL && bundle.label_kind == LT_LABEL_REAL,
       "the mean of labels 0 and 1 is a number");
    b = build(env, &bundle, false, PAIRS | LABEL, v, 5, &keep);
    ok(b.data.label_kind == LT_LABEL_BINARY, "each by itself is not");
    test_env_drop(env);
}

/* ---- the canonical order ---- */

static bool same_table(const lt_table *a, const lt_table *b)
{
    int64_t entries = a->sparse > 0 && a->start != NULL ? a->start[a->n] : 0;

    if (a->n != b->n || a->dense != b->dense || a->sparse != b->sparse)
        return false;
    if (a->n * a->dense > 0 && memcmp(a->x, b->x, (size_t)(a->n * a->dense) * sizeof(float)) != 0)
        return false;
    return a->sparse == 0 || (memcmp(a->start, b->start, ((size_t)a->n + 1) * sizeof(int64_t)) == 0 &&
                              memcmp(a->col, b->col, (size_t)entries * sizeof(int32_t)) == 0 &&
                              memcmp(a->val, b->val, (size_t)entries * sizeof(float)) == 0);
}

static bool same_examples(const lt_examples *a, const lt_examples *b)
{
    size_t n = (size_t)a->n;

    return a->n == b->n && a->row_first == b->row_first && memcmp(a->user, b->user, n * sizeof(int32_t)) == 0 &&
           memcmp(a->item, b->item, n * sizeof(int32_t)) == 0 && memcmp(a->label, b->label, n * sizeof(float)) == 0 &&
           memcmp(a->weight, b->weight, n * sizeof(float)) == 0;
}

static bool same_dataset(const lt_dataset *a, const lt_dataset *b)
{
    size_t users = (size_t)a->seen.rows + 1;

    return same_examples(&a->train, &b->train) && same_examples(&a->validation, &b->validation) &&
           same_table(&a->row, &b->row) && same_table(&a->user, &b->user) && same_table(&a->item, &b->item) &&
           a->label_kind == b->label_kind && a->design.sparse == b->design.sparse &&
           memcmp(a->seen.start, b->seen.start, users * sizeof(int64_t)) == 0 &&
           memcmp(a->seen.col, b->seen.col, (size_t)a->seen.start[users - 1] * sizeof(int32_t)) == 0 &&
           memcmp(a->item_count, b->item_count, (size_t)a->seen.cols * sizeof(double)) == 0;
}

static bool is_sorted(const lt_examples *ex)
{
    for (int64_t i = 1; i < ex->n; i++)
        if (ex->user[i - 1] > ex->user[i] || (ex->user[i - 1] == ex->user[i] && ex->item[i - 1] > ex->item[i]))
            return false;
    return true;
}

/* Are the examples' row features those of their events, encoded alone? The pairs differ. */
static bool rows_match(lt_env *env, const built *b, const lt_examples *ex, const event *v, int n)
{
    lt_encoder *e = &b->builder.bundle->row_encoder;
    const lt_table *t = &b->data.row;

    for (int64_t i = 0; i < ex->n; i++) {
        int64_t row = ex->row_first + i, entries;
        int at = 0;

        while (at < n && (v[at].user != user_in(b, ex->user[i]) || v[at].item != item_in(b, ex->item[i])))
            at++;
        if (at == n || encode_event(env, e, &v[at]) != LT_OK || row >= t->n)
            return false;
        entries = t->start[row + 1] - t->start[row];
        if (memcmp(e->row.x, t->x + row * t->dense, (size_t)t->dense * sizeof(float)) != 0 ||
            entries != e->row.start[1] ||
            memcmp(e->row.col, t->col + t->start[row], (size_t)entries * sizeof(int32_t)) != 0 ||
            memcmp(e->row.val, t->val + t->start[row], (size_t)entries * sizeof(float)) != 0)
            return false;
    }
    return true;
}

/* 256 rows, 32 users and 16 items: means of whole numbers are then exact, whatever the order they are added in. */
static void test_order(void)
{
    enum { N = 256 };
    lt_env *env = test_env();
    const int what = PAIRS | LABEL | WEIGHT | ROWS | SIDES;
    const char *const *list =
        OPTIONS("split", "random", "validation_fraction", "0.25", "id_features", "both", "crosses", "");
    lt_options o = options_of(env, &lt_logistic, list);
    event *v = random_events(env, N, USERS, ITEMS, 3);
    lt_bundle first, other;
    built a = build(env, &first, false, what, v, N, &o), b;
    bool same = true, matches = true;

    ok(a.status == LT_OK && first.users.n == USERS && first.items.n == ITEMS, "a dataset with all there is %s",
       env->error.message);
    ok(is_sorted(&a.data.train) && is_sorted(&a.data.validation) && a.data.validation.row_first == a.data.train.n,
       "sorted by user and item, training first");
    ok(a.data.row.n == N && rows_match(env, &a, &a.data.train, v, N) && rows_match(env, &a, &a.data.validation, v, N),
       "row features are placed with their examples");
    for (int k = 0; k < 5; k++) {
        shuffle(v, N, (uint64_t)k);
        b = build(env, &other, false, what, v, N, &o);
        same = same && b.status == LT_OK && same_dataset(&a.data, &b.data);
        matches = matches && rows_match(env, &b, &b.data.train, v, N);
    }
    ok(same, "rows in five other orders make the same dataset, bit for bit");
    ok(matches, "with the row features in their places");
    v[0].weight += 1;
    b = build(env, &other, false, what, v, N, &o);
    ok(!same_dataset(&a.data, &b.data), "another weight makes another one");

    build(env, &other, false, what, v, N / 8, &o);
    b = build(env, &other, true, what, v, N, &o);
    ok(b.status == LT_OK && is_sorted(&b.data.train) && b.data.train.user[0] < 0 && b.data.row.n == N,
       "frozen rows, some of unknown users, sorted");
    ok(rows_match(env, &b, &b.data.train, v, N) && rows_match(env, &b, &b.data.validation, v, N),
       "frozen row features are gathered with their examples");
    ok(b.data.design.sparse == other.model.design.sparse, "the design is the stored model's");
    test_env_drop(env);
}

/* ---- frozen ---- */

static void test_frozen(void)
{
    static const event known[] = {{.user = 1, .item = 20, .label = 1}, {.user = 2, .item = 10, .label = 0}};
    static const event rows[] = {{.user = 7, .item = 20, .label = 1}, {.user = 1, .item = 20, .label = 0},
                                 {.user = 2, .item = 99, .label = 1}, {.user = 8, .item = 10, .label = 1},
                                 {.user = 1, .item = 10, .label = 1}, {.user = 7, .item = 98, .label = 1},
                                 {.user = 2, .item = 10, .label = 1}, {.user = 2, .item = 10, .label = 1}};
    static const int32_t user[] = {-2, -1, -1, 0, 0, 1, 1, 1}, item[] = {0, -2, 1, 0, 1, -1, 0, 0};
    lt_env *env = test_env();
    lt_options o = options_of(env, &lt_logistic, OPTIONS("split", "none"));
    lt_bundle bundle;
    built b = build(env, &bundle, false, PAIRS | LABEL, known, 2, &o);

    ok(b.data.label_kind == LT_LABEL_BINARY && bundle.item_count == b.data.item_count, "a bundle of two users");
    ok(b.data.seen.rows == 2 && b.data.seen.cols == 2 && b.data.seen.start[1] == 1 && b.data.seen.start[2] == 1 &&
           b.data.seen.col[0] == 1 && b.data.item_count[0] == 0 && b.data.item_count[1] == 1,
       "a label of 0 is nothing seen, and no interaction");
    b = build(env, &bundle, true, PAIRS | LABEL, rows, 8, &o);
    ok(b.status == LT_OK && b.data.train.n == 8 && memcmp(b.data.train.user, user, sizeof user) == 0 &&
           memcmp(b.data.train.item, item, sizeof item) == 0,
       "unknown ids are -1, -2, ... in order of appearance");
    ok(user_in(&b, -1) == 7 && user_in(&b, -2) == 8 && item_in(&b, -1) == 99 && item_in(&b, -2) == 98,
       "and can be told apart");
    ok(b.data.seen.start[1] == 1 && b.data.seen.start[2] == 2 && b.data.seen.col[0] == 0 && b.data.seen.col[1] == 0,
       "seen: known pairs with a positive label, once each");
    ok(b.data.item_count[0] == 3 && b.data.item_count[1] == 0 && bundle.item_count[1] == 1,
       "counts: each of their rows; the bundle's stay");
    ok(bundle.users.n == 2 && bundle.items.n == 2, "the bundle's ids stay");

    bundle.label_kind = LT_LABEL_REAL;
    b = build(env, &bundle, true, PAIRS | LABEL, rows, 8, &o);
    ok(b.data.label_kind == LT_LABEL_REAL && b.data.seen.start[1] == 2 && b.data.item_count[1] == 1,
       "of ratings, a 0 is seen as well");
    b = build(env, &bundle, false, PAIRS, rows, 8, &o);
    ok(b.data.label_kind == LT_LABEL_IMPLICIT && b.data.train.n == 7 && b.data.train.label[1] == 1 &&
           b.data.seen.start[b.data.seen.rows] == 7,
       "without labels every pair is a positive");
    b = build(env, &bundle, true, PAIRS, rows, 0, &o);
    ok(b.status == LT_OK && b.data.train.n == 0 && b.data.validation.n == 0, "no rows at all");
    test_env_drop(env);
}

/* Cancelled at any poll of the finish, it says so; there are polls enough for a few milliseconds each. */
static void test_cancel(void)
{
    enum { N = 300000 };
    lt_env *env = test_env();
    test_context *c = env->context;
    lt_options o = options_of(env, &lt_logistic, OPTIONS("split", "random", "duplicates", "last"));
    lt_bundle bundle;
    lt_builder b;
    lt_dataset data;
    long polls = 0;

    for (int attempt = 0; attempt < 2; attempt++) {
        lt_bundle_init(env, &bundle, &o);
        bundle.user_id = bundle.item_id = LT_ID_INTEGER;
        lt_builder_init(env, &b, &bundle, false, &o);
        for (int i = 0; i < N; i++) {
            id_bytes user = id_of(i % 1009), item = id_of(i % 997);

            lt_builder_add(env, &b, &(lt_row){.user = &user, .item = &item, .user_length = 8, .item_length = 8});
        }
        lt_builder_number_ids(env, &b, &(int32_t *){NULL}, &(int32_t *){NULL});
        c->polls = 0;
        c->cancel_at = attempt == 0 ? 0 : polls / 2;
        ok(lt_builder_finish(env, &b, &o, &data) == (attempt == 0 ? LT_OK : LT_CANCELLED),
           attempt == 0 ? "300,000 rows" : "cancelled in between");
        polls = c->polls;
        if (attempt == 0)
            ok(polls >= 4 * (N / 65536), "polled %ld times", polls);
        c->cancel_at = 0;
    }
    test_env_drop(env);
}

/* Many rows on any number of threads: by part, user, item and position, as labels, which are positions, tell. */
static void test_large(void)
{
    enum { N = 400000, SOME = 700, ITEMS_THERE = 50 };
    lt_env *plain = test_env();
    lt_dataset first = {0};

    for (int threads = 1; threads <= 3; threads++) {
        lt_env *env = threads == 1 ? plain : test_env();
        lt_options o = options_of(env, &lt_logistic, OPTIONS("split", "random", "duplicates", "keep"));
        lt_bundle bundle;
        lt_builder b;
        lt_dataset data;
        lt_random r;
        bool ordered = true, same = true;

        test_env_team(env, threads);
        lt_bundle_init(env, &bundle, &o);
        bundle.user_id = bundle.item_id = LT_ID_INTEGER;
        lt_builder_init(env, &b, &bundle, false, &o);
        b.has_label = true;
        lt_random_seed(&r, 11);
        for (int i = 0; i < N; i++) { /* a tenth are one user's */
            id_bytes user = id_of(i % 10 == 0 ? 7 : (int)lt_random_below(&r, SOME)),
                     item = id_of((int)lt_random_below(&r, ITEMS_THERE));

            lt_builder_add(env, &b,
                           &(lt_row){.user = &user, .item = &item, .user_length = 8, .item_length = 8, .label = i});
        }
        fine(env, lt_builder_number_ids(env, &b, &(int32_t *){NULL}, &(int32_t *){NULL}));
        fine(env, lt_builder_finish(env, &b, &o, &data));
        for (int p = 0; p < 2; p++) {
            const lt_examples *ex = p == 0 ? &data.train : &data.validation;

            for (int64_t i = 1; i < ex->n; i++) {
                int64_t order = (int64_t)ex->user[i] - ex->user[i - 1];

                order = order != 0 ? order : (int64_t)ex->item[i] - ex->item[i - 1];
                ordered = ordered && (order > 0 || (order == 0 && ex->label[i] > ex->label[i - 1]));
            }
        }
        ok(data.train.n + data.validation.n == N && data.validation.n > N / 20 && ordered,
           "%d rows in order, on %d threads", (int)N, threads);
        if (threads == 1) {
            first = data;
            continue;
        }
        same = data.train.n == first.train.n &&
               memcmp(data.train.label, first.train.label, (size_t)first.train.n * sizeof(float)) == 0 &&
               memcmp(data.train.user, first.train.user, (size_t)N * sizeof(int32_t)) == 0 &&
               memcmp(data.train.item, first.train.item, (size_t)N * sizeof(int32_t)) == 0 &&
               memcmp(data.validation.label, first.validation.label, (size_t)first.validation.n * sizeof(float)) == 0 &&
               memcmp(data.seen.start, first.seen.start, (size_t)first.seen.rows * sizeof(int64_t)) == 0;
        ok(same, "the same as on one");
        test_env_drop(env);
    }
    test_env_drop(plain);
}

int main(void)
{
    test_large();
    test_random();
    test_supervised();
    test_time();
    test_duplicates();
    test_order();
    test_frozen();
    test_cancel();
    return done();
}
