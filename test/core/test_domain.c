/*
 * test_domain.c: rows of another source in the builder, and hidden items in popularity and measures of the catalogue.
 */
#include "ranking.h"
#include "shop_data.h"

#include <math.h>

/* The source's n rows, then those of the other one from `own` on. */
static lt_dataset build_two(lt_env *env, lt_bundle *bundle, const event *v, int own, int n, bool weights, bool times,
                            const lt_options *o)
{
    lt_builder b;
    lt_dataset data;
    int32_t *user_map, *item_map;

    fine(env, lt_bundle_init(env, bundle, o));
    bundle->user_id = bundle->item_id = LT_ID_INTEGER;
    fine(env, lt_builder_init(env, &b, bundle, false, o));
    b.has_weight = weights;
    b.has_time = times;
    for (int i = 0; i < n; i++) {
        id_bytes user = id_of(v[i].user), item = id_of(v[i].item);
        lt_row row = {
            .user = &user, .item = &item, .user_length = 8, .item_length = 8, .weight = v[i].weight, .time = v[i].time};

        if (i == own)
            fine(env, lt_builder_start_domain(env, &b));
        lt_encoder_begin_row(env, &bundle->row_encoder);
        lt_encoder_end_row(env, &bundle->row_encoder);
        if (lt_builder_add(env, &b, &row) != LT_OK)
            ok(false, "a row is taken");
    }
    fine(env, lt_builder_number_ids(env, &b, &user_map, &item_map));
    for (int side = 0; side < 2; side++) {
        lt_encoder *e = side == 0 ? &bundle->user_encoder : &bundle->item_encoder;

        fine(env, lt_encoder_finish(env, e, 1, true, NULL, 0, side == 0 ? &bundle->user : &bundle->item));
    }
    fine(env, lt_builder_finish(env, &b, o, &data));
    return data;
}

static bool trained_on(const lt_dataset *d, int32_t user, int32_t item)
{
    for (int64_t i = 0; i < d->train.n; i++)
        if (d->train.user[i] == user && d->train.item[i] == item)
            return true;
    return false;
}

/* Users and items 0, 1, 2, ...: their numbers are those of the dictionary. */
static void test_time(void)
{
    static const event rows[] = {
        {.user = 0, .item = 0, .time = 1},
        {.user = 0, .item = 0, .time = 2},
        {.user = 0, .item = 1, .time = 3},
        {.user = 1, .item = 0, .time = 4},
        {.user = 1, .item = 1, .time = 9},                /* held out */
        {.user = 0, .item = 0, .time = 1, .weight = 0.5}, /* both have it */
        {.user = 1, .item = 1, .time = 2, .weight = 0.5}, /* was seen there before it was bought */
        {.user = 1, .item = 2, .time = 4, .weight = 0.5}, /* only there */
        {.user = 2, .item = 0, .time = 5, .weight = 0.5}, /* later than the cut */
        {.user = 3, .item = 1, .time = 0, .weight = 3},
    };
    lt_env *env = test_env();
    lt_options o = options_of(env, &lt_logistic, OPTIONS("split", "time", "validation_fraction", "0.2"));
    lt_bundle bundle;
    lt_dataset d = build_two(env, &bundle, rows, 5, 10, false, true, &o);

    ok(d.validation.n == 1 && d.validation.user[0] == 1 && d.validation.item[0] == 1, "only the source is held out");
    ok(d.train.n == 6, "five pairs are trained on, and one of both: %d", (int)d.train.n);
    ok(trained_on(&d, 1, 1) && trained_on(&d, 1, 2) && trained_on(&d, 3, 1), "the other source's among them");
    ok(!trained_on(&d, 2, 0), "but none later than the cut");
    for (int64_t i = 0; i < d.train.n; i++) {
        bool own = d.train.user[i] == 0 || (d.train.user[i] == 1 && d.train.item[i] == 0);

        ok(d.train.domain[i] == !own, "where pair %d comes from", (int)i);
        near(d.train.weight[i], own ? 1 : d.train.user[i] == 3 ? 3 : 0.5, 0, "and its weight");
    }
    ok(lt_pairs_has(&d.seen, 1, 1) && lt_pairs_has(&d.seen, 1, 2) && d.seen.val != NULL, "trainers see them");
    ok(!lt_pairs_has(&d.had, 1, 1) && !lt_pairs_has(&d.had, 1, 2) && lt_pairs_has(&d.had, 1, 0), "users have not");
    ok(d.item_count[0] == 2 && d.item_count[1] == 1 && d.item_count[2] == 0, "items count the source's own");
    {
        lt_pairs all;

        fine(env, lt_builder_all_seen(env, &d, &all));
        ok(lt_pairs_has(&all, 1, 1) && !lt_pairs_has(&all, 1, 2),
           "what is stored of users is theirs, validation included");
    }
    test_env_drop(env);
}

static void test_random(void)
{
    enum { OWN = 300, ALL = 900 };
    lt_env *env = test_env();
    lt_options o = options_of(env, &lt_logistic, OPTIONS("split", "random", "validation_fraction", "0.3"));
    event v[ALL];
    lt_bundle alone, both;
    lt_dataset a, d;
    int shared = 0;

    for (int i = 0; i < ALL; i++)
        v[i] = (event){.user = i * 7 % 30, .item = i * 11 % 37, .weight = 1 + i % 3};
    a = build_two(env, &alone, v, OWN, OWN, true, false, &o);
    d = build_two(env, &both, v, OWN, ALL, true, false, &o);
    ok(a.validation.n == d.validation.n &&
           memcmp(a.validation.user, d.validation.user, 4 * (size_t)a.validation.n) == 0,
       "another source leaves the validation part alone");
    for (int64_t i = 0; i < d.validation.n; i++)
        shared += trained_on(&d, d.validation.user[i], d.validation.item[i]);
    ok(shared == 0 && d.train.n > a.train.n, "and gives none of it away");
    ok(a.train.domain == NULL && a.had.col == a.seen.col, "without one there is nothing apart");
    for (int32_t i = 0; i < a.design.items; i++)
        if (a.item_count[i] != d.item_count[i])
            ok(false, "item %d counts the same", (int)i);
    test_env_drop(env);
}

/* Six items, of which 1 and 4 are hidden: as if there were four. */
static void test_hidden(void)
{
    static const double all[] = {5, 0, 3, 0, 0, 2}, visible[] = {5, 3, 0, 2};
    static const uint8_t hidden[] = {0, 1, 0, 0, 1, 0};
    static const int32_t shown[] = {0, 2, 5}, as_if[] = {0, 1, 3}, at[] = {0, 2, 3, 5};
    lt_env *env = test_env();
    lt_popularity p, q;
    /* of what they have, item 1 is hidden; item 3 is number 2 of those there are */
    static const int32_t has[] = {1, 3}, has_as_if[] = {2};
    static const int64_t start[] = {0, 1, 2, 3, 4, 5, 6};
    static const int32_t group[] = {0, 1, 1, 1, 1, 0}, group_as_if[] = {0, 1, 1, 0};
    const lt_groups of = {.n = 2, .start = start, .group = group}, as = {.n = 2, .start = start, .group = group_as_if};
    lt_ranking_metrics m, n;
    int k = 3;

    fine(env, lt_popularity_build(env, all, 6, 0.2, 0.2, &p));
    fine(env, lt_popularity_hide(env, &p, hidden));
    fine(env, lt_popularity_build(env, visible, 4, 0.2, 0.2, &q));
    for (int i = 0; i < 4; i++)
        ok(p.rank[at[i]] == q.rank[i] && p.segment[at[i]] == q.segment[i], "item %d ranks among those there are",
           at[i]);
    ok(p.rank[1] > 4 && p.rank[4] > 4, "hidden ones come behind");
    fine(env, lt_ranking_init(env, &m, &k, 1, &p));
    fine(env, lt_ranking_init(env, &n, &k, 1, &q));
    fine(env, lt_ranking_go_deep(env, &m, &of));
    fine(env, lt_ranking_go_deep(env, &n, &as));
    fine(env,
         lt_ranking_add(env, &m, &(lt_ranked){shown, 3, &shown[1], 1, .auc = NAN, .history = has, .n_history = 2}));
    fine(env, lt_ranking_add(env, &n,
                             &(lt_ranked){as_if, 3, &as_if[1], 1, .auc = NAN, .history = has_as_if, .n_history = 1}));
    for (int measure = 0; measure < LT_MEASURES; measure++) {
        double with, without;

        if (measure == LT_RANK_AUC)
            continue;
        fine(env, lt_ranking_value(env, &m, measure, 0, &with, NULL));
        fine(env, lt_ranking_value(env, &n, measure, 0, &without, NULL));
        near(with, without, 1e-12, "%s", lt_measure_names[measure]);
    }
    test_env_drop(env);
}

int main(void)
{
    test_time();
    test_random();
    test_hidden();
    return done();
}
