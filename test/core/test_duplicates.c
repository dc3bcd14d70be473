/*
 * test_duplicates.c: one user's rows as a history, against what the builder makes of the same rows, and by hand.
 */
#include "duplicates.h"
#include "shop_data.h"

#define USERS 12
#define ITEMS 9
#define ROWS_MADE 600

/* The rows of one user among v, in order, items numbered as the bundle numbers them. */
static lt_events rows_of(lt_env *env, const lt_bundle *b, const event *v, int user, int what)
{
    lt_events rows = {0};

    lt_alloc(env, &rows.item, ROWS_MADE, sizeof *rows.item, "test");
    if (what & LABEL)
        lt_alloc(env, &rows.label, ROWS_MADE, sizeof *rows.label, "test");
    if (what & WEIGHT)
        lt_alloc(env, &rows.weight, ROWS_MADE, sizeof *rows.weight, "test");
    if (what & TIME)
        lt_alloc(env, &rows.time, ROWS_MADE, sizeof *rows.time, "test");
    for (int i = 0; i < ROWS_MADE; i++) {
        id_bytes id = id_of(v[i].item);

        if (v[i].user != user)
            continue;
        rows.item[rows.n] = lt_dictionary_find(&b->items, id.b, sizeof id.b);
        if (what & LABEL)
            rows.label[rows.n] = (float)v[i].label;
        if (what & WEIGHT)
            rows.weight[rows.n] = (float)v[i].weight;
        if (what & TIME)
            rows.time[rows.n] = v[i].time;
        rows.n++;
    }
    return rows;
}

/* Whether row `user` of the pairs is the one row of the history. */
static bool same_row(const lt_pairs *pairs, int32_t user, const lt_pairs *history)
{
    int64_t from = pairs->start[user], n = pairs->start[user + 1] - from;

    if (history->rows != 1 || history->start[0] != 0 || history->start[1] != n || history->cols != pairs->cols ||
        (pairs->val == NULL) != (history->val == NULL) || (pairs->time == NULL) != (history->time == NULL))
        return false;
    for (int64_t i = 0; i < n; i++)
        if (history->col[i] != pairs->col[from + i] ||
            (pairs->val != NULL && fabsf(history->val[i] - pairs->val[from + i]) > 1e-5f * fabsf(history->val[i])) ||
            (pairs->time != NULL && history->time[i] != pairs->time[from + i]))
            return false;
    return true;
}

/* labels: 0 none, 1 boolean, 2 ratings. */
static void against_builder(const char *choice, int labels, int what)
{
    lt_env *env = test_env();
    lt_options o = options_of(env, &lt_logistic, OPTIONS("split", "none", "duplicates", choice));
    event *v;
    lt_random r;
    lt_bundle bundle;
    lt_pairs all, history;
    built b;
    int same = 0, pairs = 0;

    lt_random_seed(&r, 11);
    lt_alloc(env, &v, ROWS_MADE, sizeof *v, "test");
    for (int i = 0; i < ROWS_MADE; i++)
        v[i] = (event){.user = (int)lt_random_below(&r, USERS),
                       .item = (int)lt_random_below(&r, ITEMS),
                       .label = (double)lt_random_below(&r, labels == 2 ? 5 : 2),
                       .weight = (double)(1 + lt_random_below(&r, 8)) / 4,
                       .time = (double)lt_random_below(&r, 5)}; /* many of one time */
    what |= labels > 0 ? LABEL : 0;
    b = build(env, &bundle, false, PAIRS | what, v, ROWS_MADE, &o);
    fine(env, b.status);
    fine(env, lt_builder_all_seen(env, &b.data, &all));
    for (int32_t u = 0; u < bundle.users.n; u++) {
        lt_events rows = rows_of(env, &bundle, v, number_in(&bundle.users, u), what);

        fine(env, lt_events_history(env, &rows, lt_combination_of(choice, labels > 0), b.data.label_kind,
                                    bundle.items.n, &history));
        same += same_row(&all, u, &history);
        pairs += (int)history.start[1];
    }
    ok(same == USERS && bundle.users.n == USERS && pairs > USERS * ITEMS / 3,
       "%s, %s labels%s%s: %d of %d histories are the builder's, of %d pairs", choice,
       labels == 0   ? "no"
       : labels == 1 ? "boolean"
                     : "rating",
       what & WEIGHT ? ", weights" : "", what & TIME ? ", times" : "", same, USERS, pairs);
    test_env_drop(env);
}

static void test_by_hand(void)
{
    lt_env *env = test_env();
    int32_t item[] = {4, -1, 2, 4, 2, 4};
    float weight[] = {1, 9, 2, 3, 5, 2};
    double time[] = {10, 99, 30, 40, 20, 5};
    lt_events rows = {.n = 6, .item = item, .weight = weight, .time = time};
    lt_events nothing = {.n = 0, .item = item, .weight = weight, .time = time};
    lt_pairs h;

    fine(env, lt_events_history(env, &rows, LT_SUM, LT_LABEL_IMPLICIT, 7, &h));
    ok(h.start[1] == 2 && h.col[0] == 2 && h.col[1] == 4, "known items, each once, ascending");
    ok(h.val[0] == 7 && h.val[1] == 6, "sums: 2 + 5 and 1 + 3 + 2");
    ok(h.time[0] == 30 && h.time[1] == 40, "the latest times");
    fine(env, lt_events_history(env, &rows, LT_MEAN, LT_LABEL_IMPLICIT, 7, &h));
    ok(h.val[0] == 3.5f && h.val[1] == 2, "means");
    fine(env, lt_events_history(env, &rows, LT_MAX, LT_LABEL_IMPLICIT, 7, &h));
    ok(h.val[0] == 5 && h.val[1] == 3, "largest ones");
    fine(env, lt_events_history(env, &rows, LT_LAST, LT_LABEL_IMPLICIT, 7, &h));
    ok(h.val[0] == 2 && h.val[1] == 3, "those of the latest row");
    rows.label = weight;
    fine(env, lt_events_history(env, &rows, LT_KEEP, LT_LABEL_REAL, 7, &h));
    ok(h.val[0] == 2 && h.val[1] == 3, "a rating kept is the latest");
    rows.weight = NULL;
    rows.label = NULL;
    rows.time = NULL;
    fine(env, lt_events_history(env, &rows, LT_KEEP, LT_LABEL_REAL, 7, &h));
    ok(h.start[1] == 2 && h.val == NULL && h.time == NULL, "columns that are gone are unknown");
    fine(env, lt_events_history(env, &nothing, LT_SUM, LT_LABEL_IMPLICIT, 7, &h));
    ok(h.start[1] == 0, "no rows, no history");
    test_env_drop(env);
}

int main(void)
{
    static const char *const choices[] = {"auto", "keep", "sum", "mean", "max", "last"};

    for (int c = 0; c < 6; c++)
        for (int labels = 0; labels < 3; labels++)
            for (int what = 0; what < 4; what++)
                against_builder(choices[c], labels, (what & 1 ? WEIGHT : 0) | (what & 2 ? TIME : 0));
    test_by_hand();
    return done();
}
