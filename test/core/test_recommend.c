/*
 * test_recommend.c: lists against a full sort, and by hand.
 */
#include "lists.h"
#include "recommend_data.h"
#include "sort.h"

/* ---- lists ---- */

#define MANY 700 /* items: more than the pool of 500 */

typedef struct ranked {
    int32_t item; /* index among the candidates while sorting */
    int32_t rank; /* by popularity: what decides between equal values */
    float value;
} ranked;

static int by_value(const void *a, const void *b)
{
    const ranked *x = a, *y = b;

    return x->value != y->value ? (x->value < y->value) - (x->value > y->value)
                                : (x->rank > y->rank) - (x->rank < y->rank);
}

/* lt_recommend by sorting everything; pool methods: lt_rerank on the best max(500, 10 k). */
static void list_case(lt_env *env, const trained *t, const lt_request *q, const char *what)
{
    bool pops = strcmp(q->stages->method->name, "popularity") == 0, whole = q->stages->method->pointwise;
    int64_t n = q->candidates ? q->n_candidates : t->bundle.items.n, left = 0, k = q->k < n ? q->k : n, pool, at = 0;
    lt_link link = t->bundle.model.link;
    float *margin;
    ranked *all;
    double *score, *popularity;
    uint8_t *segment;
    int32_t *chosen;
    lt_list list;
    bool same = true, bases = true;

    lt_alloc(env, &margin, (size_t)n, sizeof *margin, "test");
    lt_alloc(env, &all, (size_t)n, sizeof *all, "test");
    naive_margins(env, t, q, n, margin);
    for (int64_t i = 0; i < n; i++) {
        int32_t item = q->candidates ? q->candidates[i] : (int32_t)i;
        double exponent = t->bundle.popularity_exponent + (pops ? q->stages->strength : 0);

        if (q->excluded == NULL || !q->excluded[item])
            all[left++] =
                (ranked){(int32_t)i, t->r.popularity.rank[item], (float)naive_value(t, margin[i], item, exponent)};
    }
    qsort(all, (size_t)left, sizeof *all, by_value);
    pool = whole ? k : 10 * k > 500 ? 10 * k : 500;
    pool = pool < left ? pool : left;
    lt_alloc(env, &score, (size_t)pool + 1, sizeof *score, "test");
    lt_alloc(env, &popularity, (size_t)pool + 1, sizeof *popularity, "test");
    lt_alloc(env, &segment, (size_t)pool + 1, 1, "test");
    lt_alloc(env, &chosen, (size_t)pool + 1, sizeof *chosen, "test");
    for (int64_t i = 0; i < pool; i++) {
        int32_t item = q->candidates ? q->candidates[all[i].item] : all[i].item;

        chosen[i] = (int32_t)i;
        score[i] = lt_link_apply(link, all[i].value);
        popularity[i] = t->r.popularity.count[item];
        segment[i] = t->r.popularity.segment[item];
    }
    at = pool;
    if (!whole) {
        lt_rerank_input in = {.n = pool,
                              .k = k,
                              .score = score,
                              .popularity = popularity,
                              .segment = segment,
                              .strength = q->stages->strength,
                              .seed = q->seed};
        double *value;

        lt_alloc(env, &value, (size_t)pool + 1, sizeof *value, "test");
        for (int64_t i = 0; i < q->subject.n_history; i++)
            in.user_taste[t->r.popularity.segment[q->subject.history[i]]]++;
        for (int s = 0; s < 3 && q->subject.n_history > 0; s++)
            in.user_taste[s] /= (double)q->subject.n_history;
        fine(env, lt_rerank(env, q->stages->method, &in, chosen, value, &at));
        score = value;
    }
    fine(env, lt_recommend(env, &t->r, q, &list));
    same = list.n == at;
    for (int64_t i = 0; i < at && same; i++) {
        int32_t candidate = all[chosen[i]].item;

        same = list.item[i] == (q->candidates ? q->candidates[candidate] : candidate) &&
               fabs(list.score[i] - score[i]) <= 1e-12 * fabs(score[i]);
        bases = bases && list.base[i] == lt_link_apply(link, margin[candidate]);
    }
    ok(same && bases, "%s: %d of %d", what, (int)at, (int)left);
}

static void list_cases(lt_env *env, const trained *t, const char *name)
{
    static const char *const methods[] = {"none", "popularity", "xquad", "quota", "random"};
    int32_t items = t->bundle.items.n, candidates[] = {17, 3, 5, 99, 200, 1}, history[40];
    uint8_t *some, *everything;
    char what[120];

    lt_alloc(env, &some, (size_t)items, 1, "test");
    lt_alloc(env, &everything, (size_t)items, 1, "test");
    memset(everything, 1, (size_t)items);
    for (int32_t i = 0; i < items; i += 3)
        some[i] = 1;
    for (int i = 0; i < 40; i++)
        history[i] = 7 * i;
    for (int m = 0; m < 5; m++) {
        for (int shape = 0; shape < 8; shape++) {
            static const char *const shapes[] = {"whole",     "excluded",     "candidates", "both",
                                                 "all of it", "nothing left", "of nothing", "stranger"};
            lt_rerank_stage stage = {.method = lt_reranker_find(methods[m]), .strength = 0.4};
            lt_request q = {.subject = {.user = 2, .n_history = 40, .history = history},
                            .k = 10,
                            .stages = &stage,
                            .n_stages = 1,
                            .adjust = t->r.own,
                            .seed = 9};

            q.excluded = shape == 1 || shape == 3 ? some : shape == 5 ? everything : NULL;
            if (shape == 2 || shape == 3 || shape == 6)
                q.candidates = candidates;
            q.n_candidates = shape == 6 ? 0 : 6;
            q.k = shape == 4 ? items + 100 : shape == 1 ? 60 : 10;
            if (shape == 7)
                q.subject = (lt_subject){.user = -1};
            q.popularity_only = shape == 7;
            snprintf(what, sizeof what, "%s, %s, %s", name, methods[m], shapes[shape]);
            list_case(env, t, &q, what);
            stage.strength = 0;
            snprintf(what, sizeof what, "%s, %s at strength 0, %s", name, methods[m], shapes[shape]);
            list_case(env, t, &q, what);
        }
    }
}

/* Popular items have low numbers, by a power law. */
static event *long_tail(lt_env *env, int n, int users, double low, double high)
{
    lt_random r;
    event *v;

    lt_random_seed(&r, 42);
    lt_alloc(env, &v, (size_t)(n + MANY), sizeof *v, "test");
    for (int i = 0; i < n + MANY; i++) {
        int item = i < MANY ? i : (int)(MANY * pow(lt_random_uniform(&r), 3));

        v[i] = (event){.user = (int)lt_random_below(&r, users), .item = item};
        v[i].label = floor(low + (high - low) * lt_random_uniform(&r));
    }
    return v;
}

static void test_lists(void)
{
    static const struct {
        const char *name;
        const lt_algorithm *algorithm;
        double low, high;
        const char *options[12];
    } cases[] = {
        {"logistic", &lt_logistic, 0, 2, {"epochs", "20"}},
        {"logistic with exponent", &lt_logistic, 0, 2, {"epochs", "20", "popularity_exponent", "0.15"}},
        {"perceptron", &lt_mlp, 0, 2, {"hidden", "4", "epochs", "1"}},
        {"margins without a link", &lt_mlp, -3, 4, {"hidden", "4", "epochs", "2", "loss", "squared"}},
        {"the same with exponent",
         &lt_mlp,
         -3,
         4,
         {"hidden", "4", "epochs", "2", "loss", "squared", "popularity_exponent", "0.15"}},
        {"counts", &lt_mlp, 0, 6, {"hidden", "4", "epochs", "2", "loss", "poisson", "popularity_exponent", "0.3"}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_env *env = test_env();
        event *v = long_tail(env, 3000, 20, cases[i].low, cases[i].high);
        trained *t = train_on(env, cases[i].algorithm, PAIRS | LABEL, v, 3000 + MANY, cases[i].options);

        list_cases(env, t, cases[i].name);
        test_env_drop(env);
    }
}

/* ---- models whose margins are dot products ---- */

extern const lt_algorithm lt_als, lt_bpr;

static bool same_list(const lt_list *a, const lt_list *b)
{
    size_t n = (size_t)a->n;

    return a->n == b->n && memcmp(a->item, b->item, n * sizeof *a->item) == 0 &&
           memcmp(a->score, b->score, n * sizeof *a->score) == 0 && memcmp(a->base, b->base, n * sizeof *a->base) == 0;
}

/* Lists from a search are those from all margins, bit by bit. */
static void search_cases(lt_env *env, trained *t, const char *name)
{
    static const char *const methods[] = {"none", "popularity", "xquad", "random"};
    static const double exponents[] = {0, 0.15, 0.8};
    int32_t items = t->bundle.items.n, history[60], lists = 0, right = 0, full = 0;
    uint8_t *some, *hidden;
    float *margin;

    lt_alloc(env, &some, (size_t)items, 1, "test");
    lt_alloc(env, &hidden, (size_t)items, 1, "test");
    lt_alloc(env, &margin, (size_t)items, sizeof *margin, "test");
    for (int32_t i = 0; i < items; i += 3)
        some[i] = hidden[i / 2] = 1;
    for (int i = 0; i < 60; i++)
        history[i] = 11 * i;
    for (int c = 0; c < 4 * 3 * 3 * 2 * 3 * 2; c++) {
        int shape = c / 12 % 3, user = c / 72 % 3;
        lt_rerank_stage stage = {.method = lt_reranker_find(methods[c % 4]), .strength = 0.4};
        lt_request q = {.subject = {.user = user < 2 ? 3 * user : -1, .n_history = user == 0 ? 0 : 60},
                        .k = shape == 0   ? 10
                             : shape == 1 ? 1
                                          : items + 5,
                        .adjust = lt_adjustment_with(&t->r, exponents[c / 4 % 3]),
                        .stages = &stage,
                        .n_stages = 1,
                        .excluded = c / 36 % 2 ? some : NULL,
                        .seed = 4};
        lt_scope scope;
        lt_list one, other;

        q.subject.history = history;
        q.adjust.trend = c / 216 % 2;
        if (c / 36 % 2 == 0) {
            q.left_out = history;
            q.n_left_out = 60;
        }
        t->bundle.hidden = c % 5 == 0 ? hidden : NULL;
        lt_scope_open(env, &scope);
        if (lt_recommend(&scope.env, &t->r, &q, &one) == LT_OK &&
            lt_score_candidates(&scope.env, &t->r, &q, margin) == LT_OK &&
            lt_choose(&scope.env, &t->r, &q, margin, &other) == LT_OK) {
            right += same_list(&one, &other);
            full += one.n > 0;
        }
        for (int64_t i = 0; i < one.n; i++)
            if ((q.excluded != NULL && some[one.item[i]]) || has(q.left_out, q.n_left_out, one.item[i]) ||
                (t->bundle.hidden != NULL && hidden[one.item[i]]))
                right = -1000;
        lt_scope_close(&scope);
        lists++;
    }
    ok(right == lists && full == lists, "%s, %d items: %d lists of %d are the same both ways", name, items, right,
       lists);
}

static void test_search(void)
{
    static const struct {
        const char *name;
        const lt_algorithm *algorithm;
        int items;
        double high;
        const char *options[10];
    } cases[] = {
        {"als", &lt_als, 700, 0, {"epochs", "2", "factors", "8"}},
        {"als", &lt_als, 9000, 0, {"epochs", "2", "factors", "8", "popularity_exponent", "0.15"}},
        {"als of ratings", &lt_als, 9000, 5, {"epochs", "2", "factors", "8"}},
        {"bpr", &lt_bpr, 9000, 0, {"epochs", "2", "factors", "6", "popularity_exponent", "0.15"}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum { EVENTS = 30000 };
        lt_env *env = test_env();
        lt_random r;
        event *v;

        lt_random_seed(&r, 6);
        lt_alloc(env, &v, EVENTS, sizeof *v, "test");
        for (int j = 0; j < EVENTS; j++) {
            int item = j < cases[i].items ? j : (int)(cases[i].items * pow(lt_random_uniform(&r), 3));

            v[j] = (event){.user = (int)lt_random_below(&r, 100), .item = item, .time = 86400.0 * (j % 300)};
            v[j].label = floor(cases[i].high * lt_random_uniform(&r));
        }
        search_cases(env,
                     train_on(env, cases[i].algorithm, PAIRS | TIME | (cases[i].high > 0 ? LABEL : 0), v, EVENTS,
                              cases[i].options),
                     cases[i].name);
        test_env_drop(env);
    }
}

/* Expected counts that only doubles can hold are still told apart. */
static void test_large_counts(void)
{
    lt_env *env = test_env();
    event *v = long_tail(env, 3000, 20, 0, 6);
    trained *t =
        train_on(env, &lt_mlp, PAIRS | LABEL, v, 3000 + MANY, OPTIONS("hidden", "4", "epochs", "2", "loss", "poisson"));
    const lt_array *bias = lt_model_array(&t->bundle.model, "b1");
    lt_rerank_stage none = {.method = lt_reranker_find("none")};
    lt_request q = {.subject.user = 2, .k = 10, .stages = &none, .n_stages = 1};
    lt_list list;

    bias->f[0] += 200;
    fine(env, lt_recommender_init(env, &t->r, &t->bundle));
    list_case(env, t, &q, "counts of 1e86");
    fine(env, lt_recommend(env, &t->r, &q, &list));
    ok(list.score[0] > 1e80 && list.score[0] > list.score[9], "from %g to %g", list.score[0], list.score[9]);
    test_env_drop(env);
}

static void test_figures(void)
{
    static event v[] = {{.user = 1, .item = 1, .label = 1}, {.user = 1, .item = 2, .label = 0},
                        {.user = 2, .item = 1, .label = 1}, {.user = 2, .item = 2, .label = 1},
                        {.user = 3, .item = 1, .label = 1}, {.user = 3, .item = 3, .label = 0}};
    lt_env *env = test_env();
    trained *t = train_on(env, &lt_logistic, PAIRS | LABEL, v, 6, OPTIONS("split", "none"));
    lt_rerank_stage stage = {.method = lt_reranker_find("popularity"), .strength = 1};
    lt_request q = {.subject.user = -1, .popularity_only = true, .k = 3};
    double taste[3];
    lt_list list;

    /* interactions 3, 1 and 0; shares smoothed by one each, of 4 + 3 */
    fine(env, lt_recommend(env, &t->r, &q, &list));
    ok(list.n == 3 && list.item[0] == 0 && list.item[1] == 1 && list.item[2] == 2, "strangers get what is popular");
    near(list.score[0], 4.0 / 7, 1e-6, "its score is its share");
    near(list.base[2], 1.0 / 7, 1e-6, "and so is the base score");
    q.stages = &stage;
    q.n_stages = 1;
    fine(env, lt_recommend(env, &t->r, &q, &list));
    ok(list.item[0] == 0, "4/3 to 2/5 and 1/6, over 3, 1 and 1: still the first"); /* odds 0.444, 0.4, 0.167 */
    near(list.score[0] / (1 - list.score[0]), 4.0 / 9, 1e-6, "its odds, divided by its popularity");
    near(list.base[0], 4.0 / 7, 1e-6, "the base score is as before");
    stage.strength = 2;
    fine(env, lt_recommend(env, &t->r, &q, &list));
    ok(list.item[0] == 1 && list.item[1] == 2 && list.item[2] == 0, "more strength brings it down");

    lt_taste(&t->r.popularity, (int32_t[]){0, 1, -1, 2, 0}, 5, taste);
    near(taste[0] + taste[1] + taste[2], 1, 1e-12, "taste: shares of the known items");
    near(taste[LT_TAIL], 0.25, 1e-12, "of the tail: item 3 alone");
    lt_taste(&t->r.popularity, (int32_t[]){-1}, 1, taste);
    ok(taste[0] == 0 && taste[1] == 0 && taste[2] == 0, "no known item, no taste");
    test_env_drop(env);
}

/* ---- the trend ---- */

static void test_trend(void)
{
    lt_env *env = test_env();
    /* item 1: two long ago; item 2: one long ago, one now; item 3: one half a week ago */
    event v[] = {{.user = 1, .item = 1, .time = 0},
                 {.user = 2, .item = 1, .time = 0},
                 {.user = 1, .item = 2, .time = 0},
                 {.user = 3, .item = 2, .time = 86400 * 70},
                 {.user = 2, .item = 3, .time = 86400 * 66.5}};
    trained *t = train_on(env, &lt_logistic, PAIRS | TIME, v, 5,
                          OPTIONS("split", "none", "id_features", "item", "trend_smoothing", "0.5"));
    double old = 1.0 / 1024, half = 0.70710678118654752, all = 3 * old + 1 + half;
    double want[] = {(2 * old / all + 0.5 * 0.4) / 1.5 / 0.4, ((1 + old) / all + 0.5 * 0.4) / 1.5 / 0.4,
                     (half / all + 0.5 * 0.2) / 1.5 / 0.2};
    lt_request q = {.subject.user = 0, .k = 3, .adjust = {.trend = 2, .trends = t->bundle.trend}};
    lt_list list;
    lt_options o = options_of(env, &lt_logistic, OPTIONS("trend_exponent", "1"));
    lt_bundle bundle;
    built rows;
    double time[2000], latest;

    for (int i = 0; i < 3; i++)
        near(t->bundle.trend[i], log(want[i]), 1e-12, "the trend of item %d", i + 1);
    fine(env, lt_recommend(env, &t->r, &q, &list));
    for (int i = 0; i < 3; i++)
        near(log_odds(list.score[i]), log_odds(list.base[i]) + 2 * log(want[list.item[i]]), 1e-5,
             "log-odds move by exponent times trend");
    t->bundle.model.link = LT_LINK_IDENTITY; /* as scores without a link would be */
    fine(env, lt_recommend(env, &t->r, &q, &list));
    for (int i = 0; i < 3; i++)
        near(list.score[i] / list.base[i], list.base[i] > 0 ? pow(want[list.item[i]], 2) : pow(want[list.item[i]], -2),
             1e-5, "scores are multiplied, negative ones divided");
    for (int i = 0; i < 2000; i++)
        time[i] = (i * 7919) % 2000; /* every number below 2000 once */
    time[5] = 1e12;
    fine(env, lt_latest_time(env, time, 2000, &latest));
    ok(latest == 1997 || latest == 1998, "one time in a thousand may be later: %g", latest);
    fine(env, lt_latest_time(env, time, 900, &latest));
    ok(latest == 1e12, "of fewer than a thousand none");
    rows = build(env, &bundle, false, PAIRS, v, 5, &o);
    ok(rows.status == LT_INVALID && strstr(env->error.hint, "time_column") != NULL, "no times, no trend: %s",
       env->error.message);
    test_env_drop(env);
}

int main(void)
{
    test_lists();
    test_search();
    test_large_counts();
    test_figures();
    test_trend();
    return done();
}
