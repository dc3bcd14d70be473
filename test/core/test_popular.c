/* test_popular.c: the popularity algorithm against counting by hand. */
#include "recommend_data.h"

extern const lt_algorithm lt_popular;

#define DAY 86400.0

/* user, item, label, weight, time: item 1 is bought most, item 3 of late. */
static const event sales[] = {
    {.user = 1, .item = 1, .label = 1, .weight = 1, .time = 0 * DAY},
    {.user = 1, .item = 1, .label = 1, .weight = 1, .time = 1 * DAY},
    {.user = 2, .item = 1, .label = 1, .weight = 1, .time = 2 * DAY},
    {.user = 3, .item = 1, .label = 0, .weight = 1, .time = 10 * DAY},
    {.user = 2, .item = 2, .label = 1, .weight = 9, .time = 0 * DAY},
    {.user = 3, .item = 3, .label = 1, .weight = 2, .time = 9 * DAY},
    {.user = 1, .item = 3, .label = 1, .weight = 1, .time = 10 * DAY},
    {.user = 3, .item = 4, .label = 0, .weight = 1, .time = 10 * DAY},
};
enum { SALES = sizeof sales / sizeof sales[0] };

/* The number of an item by its id. */
static int32_t item_of(const trained *t, int id)
{
    id_bytes key = id_of(id);

    return lt_dictionary_find(&t->bundle.items, key.b, sizeof key.b);
}

static double count_of(const trained *t, int id)
{
    return lt_model_array(&t->bundle.model, "count")->d[item_of(t, id)];
}

static void counts(lt_env *env)
{
    const trained *t = train_on(env, &lt_popular, PAIRS | LABEL, sales, SALES, OPTIONS("split", "none"));
    const trained *weighted =
        train_on(env, &lt_popular, PAIRS | LABEL | WEIGHT, sales, SALES, OPTIONS("split", "none"));
    const trained *timed =
        train_on(env, &lt_popular, PAIRS | LABEL | TIME, sales, SALES, OPTIONS("split", "none", "half_life", "2"));
    const trained *once =
        train_on(env, &lt_popular, PAIRS | LABEL | TIME, sales, SALES, OPTIONS("split", "none", "duplicates", "max"));
    float margin[4];
    double total = 0;

    ok(count_of(t, 1) == 3 && count_of(t, 2) == 1 && count_of(t, 3) == 2 && count_of(t, 4) == 0,
       "repeats count, labels of 0 do not");
    ok(count_of(once, 1) == 2, "unless duplicates are combined");
    ok(count_of(weighted, 1) == 3 && count_of(weighted, 2) == 9 && count_of(weighted, 3) == 3, "weights count");
    near(count_of(timed, 1), exp2(-5) + exp2(-4.5) + exp2(-4), 1e-12, "decayed");
    near(count_of(timed, 3), exp2(-0.5) + 1, 1e-12, "half-lives end at the latest row of all, bought or not");

    fine(env, lt_popular.score(env, &t->r.scorer, &(lt_subject){.user = -1}, NULL, 4, margin));
    for (int i = 0; i < 4; i++) {
        double p = lt_link_apply(t->bundle.model.link, margin[i]);

        near(p, (lt_model_array(&t->bundle.model, "count")->d[i] + 1) / (6 + 4), 1e-6, "a smoothed share");
        total += p;
    }
    near(total, 1, 1e-6, "shares are those of one interaction");
    fine(env, lt_popular.score(env, &timed->r.scorer, &(lt_subject){.user = 0}, NULL, 4, margin));
    total = 0;
    for (int i = 0; i < 4; i++)
        total += lt_link_apply(timed->bundle.model.link, margin[i]);
    near(total, 1, 1e-6, "decayed ones too");
}

/* What is served: everybody alike, and the exponent takes what was bought out. */
static void serving(lt_env *env)
{
    const trained *t =
        train_on(env, &lt_popular, PAIRS | LABEL | TIME, sales, SALES, OPTIONS("split", "none", "half_life", "2"));
    lt_request q = {.subject.user = -1, .k = 4};
    lt_subject somebody = {.user = 1, .n_history = 2, .history = (int32_t[]){0, 1}};
    int32_t some[] = {item_of(t, 3), -1, item_of(t, 4)};
    double contribution[3];
    lt_list list;
    float margin[3], again[3];

    ok(lt_recommender_knows(&t->r, &q.subject), "strangers are answered by the model");
    fine(env, lt_recommend(env, &t->r, &q, &list));
    ok(list.n == 4 && list.item[0] == item_of(t, 3) && list.item[1] == item_of(t, 1) && list.item[2] == item_of(t, 2) &&
           list.item[3] == item_of(t, 4),
       "the latest sales lead");
    q.adjust.popularity = 10;
    fine(env, lt_recommend(env, &t->r, &q, &list));
    ok(list.item[3] == item_of(t, 1), "a large exponent puts what was bought most last");

    fine(env, lt_popular.score(env, &t->r.scorer, &somebody, some, 3, margin));
    fine(env, lt_popular.score(env, &t->r.scorer, &(lt_subject){.user = -1}, some, 3, again));
    ok(memcmp(margin, again, sizeof margin) == 0, "a customer gets what a stranger gets");
    ok(margin[1] == margin[2], "an item unknown is one that nobody bought");
    fine(env, lt_popular.explain_history(env, &t->r.scorer, &somebody, some[0], contribution));
    ok((float)contribution[0] == margin[0] && contribution[1] == 0 && contribution[2] == 0, "explained by itself");
}

static void limits(lt_env *env)
{
    static const event shown[] = {{.user = 1, .item = 1, .label = 0}, {.user = 1, .item = 2, .label = 0}};
    const trained *t = train_on(env, &lt_popular, PAIRS | LABEL, shown, 2, OPTIONS("split", "none"));
    float margin[2];

    fine(env, lt_popular.score(env, &t->r.scorer, &(lt_subject){.user = -1}, NULL, 2, margin));
    near(exp(margin[0]), 0.5, 1e-6, "where nothing was bought all items are alike");
    ok(margin[0] == margin[1], "all of them");

    {
        lt_options o = options_of(env, &lt_popular, OPTIONS("split", "none", "half_life", "3"));
        lt_bundle bundle;
        built rows = build(env, &bundle, false, PAIRS | LABEL, sales, SALES, &o);
        lt_model model = {.algorithm = &lt_popular};
        lt_fit fit;

        ok(lt_popular.train(env, &rows.data, &o, &model, &fit) == LT_INVALID &&
               strstr(env->error.message, "half_life") != NULL && strstr(env->error.hint, "time_column") != NULL,
           "a half-life without times is refused");
        o = options_of(env, &lt_popular, NULL);
        ((test_context *)env->context)->cancel_at = ((test_context *)env->context)->polls + 1;
        ok(lt_popular.train(env, &rows.data, &o, &model, &fit) == LT_CANCELLED, "cancelled");
        env->budget = env->used + 16;
        ok(lt_popular.train(env, &rows.data, &o, &model, &fit) == LT_NO_MEMORY, "over budget");
        env->budget = 0;
    }
}

static void extending(lt_env *env)
{
    trained *t = train_on(env, &lt_popular, PAIRS | LABEL, sales, SALES, OPTIONS("split", "none"));
    lt_design grown = t->bundle.model.design;
    lt_scorer scorer = t->r.scorer;
    float margin[6];

    grown.items += 2;
    grown.users += 1;
    fine(env, lt_popular.extend(env, &t->bundle.model, &grown));
    t->bundle.model.design = grown;
    fine(env, lt_popular.check(env, &t->bundle.model));
    fine(env, lt_popular.prepare(env, &scorer));
    fine(env, lt_popular.score(env, &scorer, &(lt_subject){.user = 3}, NULL, 6, margin));
    near(exp(margin[5]), 1.0 / 12, 1e-6, "a new item has its pseudo-interaction");
    near(exp(margin[item_of(t, 1)]), 4.0 / 12, 1e-6, "and the others keep theirs");
}

static void corrupt(lt_env *env)
{
    trained *t = train_on(env, &lt_popular, PAIRS | LABEL, sales, SALES, OPTIONS("split", "none"));
    lt_model *m = &t->bundle.model;
    lt_array *count = &m->array[0], *smoothing = &m->array[1], kept;
    static const double bad[] = {-1, NAN, INFINITY};

    fine(env, lt_popular.check(env, m));
    for (int i = 0; i < 3; i++) {
        double was = count->d[2];

        count->d[2] = bad[i];
        ok(lt_popular.check(env, m) == LT_CORRUPT, "a count of %g", bad[i]);
        count->d[2] = was;
        was = *smoothing->d;
        *smoothing->d = bad[i];
        ok(lt_popular.check(env, m) == LT_CORRUPT, "a smoothing of %g", bad[i]);
        *smoothing->d = was;
    }
    count->d[0] = count->d[1] = 1.7e308;
    ok(lt_popular.check(env, m) == LT_CORRUPT, "counts that add up to infinity");
    count->d[0] = count->d[1] = 1;
    kept = *count;
    count->cols--;
    ok(lt_popular.check(env, m) == LT_CORRUPT, "too few items");
    *count = kept;
    count->d = NULL;
    ok(lt_popular.check(env, m) == LT_CORRUPT, "counts of another type");
    *count = kept;
    smoothing->name = "other";
    ok(lt_popular.check(env, m) == LT_CORRUPT, "no smoothing");
}

int main(void)
{
    lt_env *env = test_env();

    counts(env);
    serving(env);
    limits(env);
    extending(env);
    corrupt(env);
    test_env_drop(env);
    return done();
}
