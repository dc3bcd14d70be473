/*
 * test_recommend.c: lists against a full sort, rankings against naive measures, validation figures by hand.
 */
#include "metrics.h"
#include "recommend.h"
#include "shop_data.h"

/* A trained recommender: everything a test needs of it. */
typedef struct trained {
    lt_bundle bundle;
    lt_recommender r;
    lt_dataset data;
    lt_options options;
} trained;

static trained *train_on(lt_env *env, const lt_algorithm *algorithm, int what, const event *v, int n,
                         const char *const *list)
{
    trained *t;
    built rows;
    lt_fit fit;

    lt_alloc(env, &t, 1, sizeof *t, "test");
    t->options = options_of(env, algorithm, list);
    rows = build(env, &t->bundle, false, what, v, n, &t->options);
    t->data = rows.data;
    if (rows.status == LT_OK) {
        t->bundle.model = (lt_model){.algorithm = algorithm};
        rows.status = algorithm->train(env, &t->data, &t->options, &t->bundle.model, &fit);
    }
    if (rows.status == LT_OK)
        rows.status = lt_recommender_init(env, &t->r, &t->bundle);
    if (rows.status != LT_OK)
        printf("Bail out! %s\n", env->error.message);
    return t;
}

/* ---- lists ---- */

#define MANY 700 /* items: more than the pool of 500 */

typedef struct ranked {
    int32_t item; /* index among the candidates while sorting */
    float value;
} ranked;

static int by_value(const void *a, const void *b)
{
    const ranked *x = a, *y = b;

    return x->value != y->value ? (x->value < y->value) - (x->value > y->value)
                                : (x->item > y->item) - (x->item < y->item);
}

static double log_odds(double p)
{
    return log(p) - log1p(-p);
}

/* The margin of every candidate. */
static void naive_margins(lt_env *env, const trained *t, const lt_request *q, int64_t n, float *margin)
{
    const lt_popularity *p = &t->r.popularity;

    if (!q->popularity_only) {
        fine(env, t->bundle.model.algorithm->score(env, &t->r.scorer, &q->subject, q->candidates, n, margin));
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        double share = (p->count[q->candidates ? q->candidates[i] : i] + 1) / (p->total + p->items);

        margin[i] = (float)(t->bundle.model.link == LT_LINK_LOGISTIC ? log_odds(share)
                            : t->bundle.model.link == LT_LINK_EXP    ? log(share)
                                                                     : share);
    }
}

/* What orders a list: log-odds and log-counts less exponent ln popularity; a margin by lt_boost's definition. */
static double naive_value(const trained *t, float margin, int32_t item, double exponent)
{
    double pop = fmax(t->r.popularity.count[item], 1);

    if (t->bundle.model.link == LT_LINK_IDENTITY)
        return margin >= 0 ? margin / pow(pop, exponent) : margin * pow(pop, exponent);
    return margin - exponent * log(pop);
}

/* lt_recommend by sorting everything; pool methods: lt_rerank on the best max(500, 10 k). */
static void list_case(lt_env *env, const trained *t, const lt_request *q, const char *what)
{
    bool pops = strcmp(q->method->name, "popularity") == 0, whole = pops || strcmp(q->method->name, "none") == 0;
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
        double exponent = t->bundle.popularity_exponent + (pops ? q->strength : 0);

        if (q->excluded == NULL || !q->excluded[item])
            all[left++] = (ranked){(int32_t)i, (float)naive_value(t, margin[i], item, exponent)};
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
                              .strength = q->strength,
                              .seed = q->seed};
        double *value;

        lt_alloc(env, &value, (size_t)pool + 1, sizeof *value, "test");
        for (int64_t i = 0; i < q->subject.n_history; i++)
            in.user_taste[t->r.popularity.segment[q->subject.history[i]]]++;
        for (int s = 0; s < 3 && q->subject.n_history > 0; s++)
            in.user_taste[s] /= (double)q->subject.n_history;
        fine(env, lt_rerank(env, q->method, &in, chosen, value, &at));
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
            lt_request q = {.subject = {.user = 2, .n_history = 40, .history = history},
                            .k = 10,
                            .method = lt_reranker_find(methods[m]),
                            .strength = 0.4,
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
            q.strength = 0;
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

static void test_figures(void)
{
    static event v[] = {{.user = 1, .item = 1, .label = 1}, {.user = 1, .item = 2, .label = 0},
                        {.user = 2, .item = 1, .label = 1}, {.user = 2, .item = 2, .label = 1},
                        {.user = 3, .item = 1, .label = 1}, {.user = 3, .item = 3, .label = 0}};
    lt_env *env = test_env();
    trained *t = train_on(env, &lt_logistic, PAIRS | LABEL, v, 6, OPTIONS("split", "none"));
    lt_request q = {.subject.user = -1, .popularity_only = true, .k = 3, .method = lt_reranker_find("none")};
    double taste[3];
    lt_list list;

    /* interactions 3, 1 and 0; shares smoothed by one each, of 4 + 3 */
    fine(env, lt_recommend(env, &t->r, &q, &list));
    ok(list.n == 3 && list.item[0] == 0 && list.item[1] == 1 && list.item[2] == 2, "strangers get what is popular");
    near(list.score[0], 4.0 / 7, 1e-6, "its score is its share");
    near(list.base[2], 1.0 / 7, 1e-6, "and so is the base score");
    q.method = lt_reranker_find("popularity");
    q.strength = 1;
    fine(env, lt_recommend(env, &t->r, &q, &list));
    ok(list.item[0] == 0, "4/3 to 2/5 and 1/6, over 3, 1 and 1: still the first"); /* odds 0.444, 0.4, 0.167 */
    near(list.score[0] / (1 - list.score[0]), 4.0 / 9, 1e-6, "its odds, divided by its popularity");
    near(list.base[0], 4.0 / 7, 1e-6, "the base score is as before");
    q.strength = 2;
    fine(env, lt_recommend(env, &t->r, &q, &list));
    ok(list.item[0] == 1 && list.item[1] == 2 && list.item[2] == 0, "more strength brings it down");

    lt_taste(&t->r.popularity, (int32_t[]){0, 1, -1, 2, 0}, 5, taste);
    near(taste[0] + taste[1] + taste[2], 1, 1e-12, "taste: shares of the known items");
    near(taste[LT_TAIL], 0.25, 1e-12, "of the tail: item 3 alone");
    lt_taste(&t->r.popularity, (int32_t[]){-1}, 1, taste);
    ok(taste[0] == 0 && taste[1] == 0 && taste[2] == 0, "no known item, no taste");
    test_env_drop(env);
}

/* ---- evaluation ---- */

#define SHOP_USERS 30
#define SHOP_ITEMS 24

/* Relevant items of each user and of a stranger, with some unknown ones; the seen ones are those of training. */
static lt_test make_test(lt_env *env, const trained *t, uint64_t seed)
{
    int32_t *user, users = t->bundle.users.n;
    lt_test test = {.seen = &t->data.seen};
    lt_random r;
    int64_t n = 0;

    lt_random_seed(&r, seed);
    lt_alloc(env, &user, (size_t)users + 1, sizeof *user, "test");
    lt_alloc(env, &test.relevant.start, (size_t)users + 2, sizeof(int64_t), "test");
    lt_alloc(env, &test.relevant.col, (size_t)(users + 1) * SHOP_ITEMS, sizeof(int32_t), "test");
    for (int32_t u = -1; u < users; u++) {
        int64_t first = n;

        for (int32_t i = -1; i < t->bundle.items.n; i++)
            if (lt_random_below(&r, 6) == 0)
                test.relevant.col[n++] = i;
        if (n == first)
            continue;
        user[test.relevant.rows++] = u;
        test.relevant.start[test.relevant.rows] = n;
    }
    test.user = user;
    return test;
}

static bool has(const int32_t *items, int64_t n, int32_t item)
{
    for (int64_t i = 0; i < n; i++)
        if (items[i] == item)
            return true;
    return false;
}

static void evaluation_case(lt_env *env, const trained *t, const char *method, double strength, const char *what)
{
    lt_test test = make_test(env, t, 3);
    int k[] = {3, 8}, auc_users = 0, ties = 0;
    int32_t items = t->bundle.items.n;
    uint8_t *excluded;
    double sum[2][LT_MEASURES] = {{0}}, got, auc = 0;
    lt_ranking_metrics m;

    lt_alloc(env, &excluded, (size_t)items, 1, "test");
    fine(env, lt_ranking_init(env, &m, k, 2, &t->r.popularity));
    fine(env, lt_evaluate_ranking(env, &t->r, &test, lt_reranker_find(method), strength, NULL, 50, &m));
    for (int32_t row = 0; row < test.relevant.rows; row++) {
        const int32_t *relevant = test.relevant.col + test.relevant.start[row];
        int64_t n = test.relevant.start[row + 1] - test.relevant.start[row];
        int32_t u = test.user[row];
        lt_request q = {.subject.user = u,
                        .popularity_only = u < 0,
                        .excluded = excluded,
                        .k = 8,
                        .method = lt_reranker_find(method),
                        .strength = strength,
                        .seed = 50 + (uint64_t)row};
        float margin[SHOP_ITEMS];
        double wins = 0, pairs = 0;
        lt_list list;

        memset(excluded, 0, (size_t)items);
        if (u >= 0) {
            q.subject.history = test.seen->col + test.seen->start[u];
            q.subject.n_history = test.seen->start[u + 1] - test.seen->start[u];
        }
        for (int64_t i = 0; i < q.subject.n_history; i++)
            excluded[q.subject.history[i]] = 1;
        lt_recommend(env, &t->r, &q, &list);
        for (int j = 0; j < 2; j++) {
            int hits = 0;
            double dcg = 0, ideal = 0;

            for (int i = 0; i < k[j] && i < list.n; i++)
                if (has(relevant, n, list.item[i])) {
                    hits++;
                    dcg += 1 / log2(i + 2);
                }
            for (int i = 0; i < k[j] && i < n; i++)
                ideal += 1 / log2(i + 2);
            sum[j][LT_HIT_RATE] += hits > 0;
            sum[j][LT_PRECISION] += (double)hits / k[j];
            sum[j][LT_RECALL] += (double)hits / (double)n;
            sum[j][LT_NDCG] += dcg / ideal;
        }
        /* every pair of a relevant and another item */
        q.candidates = NULL;
        naive_margins(env, t, &q, items, margin);
        for (int32_t a = 0; a < items; a++)
            for (int32_t b = 0; b < items; b++) {
                float x = (float)naive_value(t, margin[a], a, t->bundle.popularity_exponent);
                float y = (float)naive_value(t, margin[b], b, t->bundle.popularity_exponent);

                if (excluded[a] || excluded[b] || !has(relevant, n, a) || has(relevant, n, b))
                    continue;
                wins += x > y ? 1 : x == y ? 0.5 : 0;
                ties += x == y;
                pairs++;
            }
        if (pairs > 0) {
            auc += wins / pairs;
            auc_users++;
        }
    }
    for (int j = 0; j < 2; j++)
        for (int measure = LT_HIT_RATE; measure <= LT_NDCG; measure++) {
            if (measure == LT_F1)
                continue;
            lt_ranking_value(env, &m, (lt_measure)measure, j, &got);
            near(got, sum[j][measure] / test.relevant.rows, 1e-12, "%s: %s at %d", what, lt_measure_names[measure],
                 k[j]);
        }
    lt_ranking_value(env, &m, LT_RANK_AUC, 0, &got);
    near(got, auc / auc_users, 1e-12, "%s: auc, with %d ties", what, ties);
    ok(m.users == test.relevant.rows && test.user[0] == -1, "%s: each user once, the stranger too", what);
}

static void test_evaluation(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, 300, SHOP_USERS, SHOP_ITEMS, 8);
    trained *t = train_on(env, &lt_logistic, PAIRS | LABEL, v, 300, OPTIONS("popularity_exponent", "0.2"));
    lt_test test = make_test(env, t, 3);
    int k[] = {5};
    lt_ranking_metrics m;
    test_context *c = env->context;
    double got;

    evaluation_case(env, t, "none", 0, "logistic");
    evaluation_case(env, t, "popularity", 0.5, "popularity");
    evaluation_case(env, t, "quota", 0.5, "quota");
    evaluation_case(env, t, "random", 1, "random");
    t = train_on(env, &lt_mlp, PAIRS | LABEL, v, 300, OPTIONS("hidden", "3", "epochs", "2", "loss", "squared"));
    evaluation_case(env, t, "none", 0, "perceptron");
    /* four kinds of items, and nothing else to tell them apart */
    t = train_on(env, &lt_logistic, PAIRS | LABEL | SIDES, v, 300, OPTIONS("id_features", "none"));
    for (int j = 0; j < t->bundle.model.design.item_dense; j++)
        for (int i = 0; i < t->bundle.items.n; i++)
            t->bundle.item.x[i * t->bundle.item.dense + j] = 0;
    fine(env, lt_recommender_init(env, &t->r, &t->bundle));
    evaluation_case(env, t, "none", 0, "items that tie");

    test.seen = NULL;
    fine(env, lt_ranking_init(env, &m, k, 1, &t->r.popularity));
    fine(env, lt_evaluate_ranking(env, &t->r, &test, lt_reranker_find("none"), 0, NULL, 0, &m));
    lt_ranking_value(env, &m, LT_RANK_AUC, 0, &got);
    ok(got > 0 && got < 1, "nothing seen: nothing is excluded");
    c->polls = 0;
    c->cancel_at = 5;
    ok(lt_evaluate_ranking(env, &t->r, &test, lt_reranker_find("none"), 0, NULL, 0, &m) == LT_CANCELLED, "cancelled");
    test_env_drop(env);
}

/* ---- validation ---- */

/* The metric by its textbook formula over the validation part. */
static double naive_metric(const char *metric, const double *p, const lt_examples *ex)
{
    double sum = 0, total = 0, pairs = 0;

    for (int64_t i = 0; i < ex->n; i++) {
        double w = ex->weight ? ex->weight[i] : 1, y = ex->label[i];

        if (strcmp(metric, "log_loss") == 0)
            sum -= w * log(y > 0 ? p[i] : 1 - p[i]);
        else if (strcmp(metric, "rmse") == 0)
            sum += w * (y - p[i]) * (y - p[i]);
        else if (strcmp(metric, "mae") == 0)
            sum += w * fabs(y - p[i]);
        else if (strcmp(metric, "poisson_deviance") == 0)
            sum += 2 * w * ((y > 0 ? y * log(y / p[i]) : 0) - y + p[i]);
        total += w;
        for (int64_t j = 0; j < ex->n; j++)
            if (strcmp(metric, "auc") == 0 && y > 0 && ex->label[j] <= 0) {
                double both = w * (ex->weight ? ex->weight[j] : 1);

                sum += both * (p[i] > p[j] ? 1 : p[i] == p[j] ? 0.5 : 0);
                pairs += both;
            }
    }
    if (strcmp(metric, "auc") == 0)
        return sum / pairs;
    return strcmp(metric, "rmse") == 0 ? sqrt(sum / total) : sum / total;
}

static double validated(lt_env *env, const trained *t, const lt_dataset *data, const char *wanted, const char **metric)
{
    double value = -1;

    *metric = wanted;
    fine(env, lt_validate(env, &t->r, data, &t->options, metric, &value));
    return value;
}

static void pointwise_case(const lt_algorithm *algorithm, int what, double scale, const char *const *options,
                           const char *by_default, const char *const *metrics)
{
    lt_env *env = test_env();
    event *v = random_events(env, 200, 20, 20, 4);
    lt_inputs in;
    float *margin;
    double *p;
    const char *metric;
    trained *t;

    for (int i = 0; i < 200; i++)
        v[i].label = scale == 1 ? v[i].label : floor(scale * v[i].label + v[i].price / 2.0);
    t = train_on(env, algorithm, what, v, 200, options);
    in = lt_dataset_inputs(&t->data);
    ok(t->data.validation.n > 10, "%d rows to validate on", (int)t->data.validation.n);
    lt_alloc(env, &margin, (size_t)t->data.validation.n, sizeof *margin, "test");
    lt_alloc(env, &p, (size_t)t->data.validation.n, sizeof *p, "test");
    fine(env, algorithm->predict(env, &t->bundle.model, &in, &t->data.validation, margin));
    for (int64_t i = 0; i < t->data.validation.n; i++)
        p[i] = lt_link_apply(t->bundle.model.link, margin[i]);
    for (; *metrics != NULL; metrics++)
        near(validated(env, t, &t->data, *metrics, &metric), naive_metric(*metrics, p, &t->data.validation), 1e-10,
             "%s of %s%s", *metrics, algorithm->name, what & WEIGHT ? ", weighted" : "");
    near(validated(env, t, &t->data, NULL, &metric), naive_metric(by_default, p, &t->data.validation), 1e-10, "auto");
    ok(strcmp(metric, by_default) == 0, "is %s", by_default);
    if (!(what & PAIRS)) {
        metric = "ndcg";
        ok(lt_validate(env, &t->r, &t->data, &t->options, &metric, p) == LT_INVALID && env->error.hint[0] != '\0', "%s",
           env->error.message);
    }
    t->data.validation.n = 0;
    ok(isnan(validated(env, t, &t->data, NULL, &metric)), "no rows, no figure");
    test_env_drop(env);
}

static void test_pointwise(void)
{
    static const char *const classes[] = {"log_loss", "auc", "rmse", "mae", NULL},
                             *const numbers[] = {"rmse", "mae", NULL},
                             *const counts[] = {"poisson_deviance", "rmse", "mae", NULL};

    pointwise_case(&lt_logistic, LABEL | ROWS, 1, OPTIONS("validation_fraction", "0.3"), "log_loss", classes);
    pointwise_case(&lt_logistic, LABEL | ROWS | WEIGHT, 1, OPTIONS("validation_fraction", "0.3"), "log_loss", classes);
    pointwise_case(&lt_logistic, LABEL | PAIRS | SIDES | ROWS | WEIGHT, 1, OPTIONS("validation_fraction", "0.3"),
                   "log_loss", classes);
    pointwise_case(&lt_mlp, LABEL | ROWS, 2, OPTIONS("hidden", "3", "epochs", "3", "validation_fraction", "0.3"),
                   "rmse", numbers);
    pointwise_case(&lt_mlp, LABEL | ROWS | WEIGHT, 2,
                   OPTIONS("hidden", "3", "epochs", "3", "validation_fraction", "0.3"), "rmse", numbers);
    pointwise_case(&lt_mlp, LABEL | ROWS | WEIGHT, 2,
                   OPTIONS("hidden", "3", "epochs", "3", "loss", "poisson", "validation_fraction", "0.3"),
                   "poisson_deviance", counts);
    pointwise_case(&lt_logistic, LABEL | ROWS, 1, OPTIONS("validation_fraction", "0.3", "validation_metric", "auc"),
                   "auc", classes);
    ok(lt_metric_higher_is_better("ndcg") && lt_metric_higher_is_better("recall") &&
           lt_metric_higher_is_better("auc") && !lt_metric_higher_is_better("log_loss") &&
           !lt_metric_higher_is_better("rmse") && !lt_metric_higher_is_better("mae") &&
           !lt_metric_higher_is_better("poisson_deviance"),
       "which way is better");
}

/* ndcg and recall at 10 of the held-out pairs, by ranking users one by one; only rows (rows / most) apart. */
static void naive_ranking(lt_env *env, const trained *t, int32_t most, double *ndcg, double *recall)
{
    const lt_examples *ex = &t->data.validation;
    int32_t rows = 0, *first, kept;

    *ndcg = *recall = 0;
    lt_alloc(env, &first, (size_t)ex->n + 1, sizeof *first, "test");
    for (int32_t i = 0; i < ex->n; i++)
        if (i == 0 || ex->user[i] != ex->user[i - 1])
            first[rows++] = i;
    first[rows] = (int32_t)ex->n;
    kept = rows < most ? rows : most;
    for (int32_t j = 0; j < kept; j++) {
        int32_t row = rows <= most ? j : (int32_t)((int64_t)j * rows / most), u = ex->user[first[row]];
        const lt_pairs *seen = &t->data.seen;
        lt_request q = {.subject.user = u, .k = 10, .method = lt_reranker_find("none")};
        uint8_t *excluded;
        double hits = 0, dcg = 0, ideal = 0, n = first[row + 1] - first[row];
        lt_list list;

        lt_alloc(env, &excluded, (size_t)t->bundle.items.n, 1, "test");
        for (int64_t i = seen->start[u]; i < seen->start[u + 1]; i++)
            excluded[seen->col[i]] = 1;
        q.excluded = excluded;
        lt_recommend(env, &t->r, &q, &list);
        for (int i = 0; i < list.n; i++)
            if (has(ex->item + first[row], first[row + 1] - first[row], list.item[i])) {
                hits++;
                dcg += 1 / log2(i + 2);
            }
        for (int i = 0; i < n && i < 10; i++)
            ideal += 1 / log2(i + 2);
        *ndcg += dcg / ideal / kept;
        *recall += hits / n / kept;
    }
}

static void test_ranking(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, 700, 60, 40, 4);
    const char *const *options = OPTIONS("validation_fraction", "0.3", "epochs", "10");
    trained *t = train_on(env, &lt_logistic, PAIRS, v, 700, options);
    double ndcg, recall;
    const char *metric;

    naive_ranking(env, t, 2000, &ndcg, &recall);
    near(validated(env, t, &t->data, NULL, &metric), ndcg, 1e-12, "implicit feedback: ndcg of the held-out pairs");
    ok(strcmp(metric, "ndcg") == 0 && ndcg > 0, "is what auto says");
    near(validated(env, t, &t->data, "recall", &metric), recall, 1e-12, "recall");
    ok(validated(env, t, &t->data, "auc", &metric) > 0.5, "auc against sampled negatives");
    near(validated(env, t, &t->data, "auc", &metric), validated(env, t, &t->data, "auc", &metric), 0,
         "which are the same every time");
    test_env_drop(env);
}

/* Beyond 2000 users, every (users / 2000)-th is ranked with all that is theirs. */
static void test_thin(void)
{
    enum { USERS = 3100, PER_USER = 3 };
    lt_env *env = test_env();
    lt_random r;
    event *v;
    trained *t;
    double ndcg, recall;
    const char *metric;

    lt_random_seed(&r, 6);
    lt_alloc(env, &v, USERS * PER_USER, sizeof *v, "test");
    for (int i = 0; i < USERS * PER_USER; i++)
        v[i] = (event){
            .user = i / PER_USER, .item = (i % PER_USER) * 10 + (int)lt_random_below(&r, 10), .time = i % PER_USER};
    t = train_on(env, &lt_logistic, PAIRS | TIME, v, USERS * PER_USER,
                 OPTIONS("validation_fraction", "0.6", "epochs", "3"));
    ok(t->data.validation.n == 2 * USERS, "%d users have two rows each", USERS);
    naive_ranking(env, t, 2000, &ndcg, &recall);
    near(validated(env, t, &t->data, "recall", &metric), recall, 1e-12, "2000 of them are ranked: recall");
    near(validated(env, t, &t->data, "ndcg", &metric), ndcg, 1e-12, "ndcg");
    test_env_drop(env);
}

/* A version that knows less is measured on the same test. */
static void test_unknown(void)
{
    static const event old[] = {{.user = 1, .item = 1},
                                {.user = 1, .item = 2},
                                {.user = 2, .item = 2},
                                {.user = 2, .item = 3},
                                {.user = 3, .item = 1}};
    static const event rows[] = {
        {.user = 1, .item = 2, .time = 1},  {.user = 8, .item = 2, .time = 1},  {.user = 9, .item = 1, .time = 1},
        {.user = 9, .item = 77, .time = 1}, {.user = 2, .item = 1, .time = 1},  {.user = 3, .item = 3, .time = 1},
        {.user = 1, .item = 1, .time = 2},  /* found: the catalogue is three items */
        {.user = 1, .item = 2, .time = 2},  /* was in training */
        {.user = 1, .item = 99, .time = 2}, /* unknown: cannot be found */
        {.user = 8, .item = 1, .time = 2},  /* an unknown user gets what is popular */
        {.user = 8, .item = 2, .time = 2},  /* in training as well, although unknown */
        {.user = 9, .item = 99, .time = 2}, {.user = 9, .item = 77, .time = 2},
    };
    lt_env *env = test_env();
    trained *t = train_on(env, &lt_logistic, PAIRS, old, 5, OPTIONS("split", "none", "epochs", "3"));
    lt_options by_time = options_of(env, &lt_logistic, OPTIONS("split", "time", "validation_fraction", "0.5"));
    built frozen = build(env, &t->bundle, true, PAIRS | TIME, rows, 13, &by_time);
    const char *metric;

    ok(frozen.status == LT_OK && frozen.data.validation.n == 7, "seven rows held out of one's own test");
    near(validated(env, t, &frozen.data, "recall", &metric), (0.5 + 1 + 0) / 3, 1e-12,
         "unknown users and items count: halves, all and nothing");
    test_env_drop(env);
}

int main(void)
{
    test_lists();
    test_figures();
    test_evaluation();
    test_pointwise();
    test_ranking();
    test_thin();
    test_unknown();
    return done();
}
