/*
 * test_validate.c: a model's rankings against naive measures, and validation figures by formula.
 */
#include "recommend_data.h"

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

/* A similarity for diversity: of numbers that differ by d, 1 / (1 + d). */
static lt_status alike(lt_env *env, void *context, lt_rerank_input *in)
{
    lt_similarity *s;
    float *matrix;

    (void)context;
    LT_TRY(lt_alloc(env, &s, 1, sizeof *s, "test"));
    LT_TRY(lt_alloc(env, &matrix, (size_t)(in->n * in->n), sizeof *matrix, "test"));
    for (int64_t i = 0; i < in->n; i++)
        for (int64_t j = 0; j < in->n; j++)
            matrix[i * in->n + j] = 1 / (1 + fabsf((float)(in->item[i] - in->item[j])));
    in->similarity = s;
    return lt_similarity_init(env, s, NULL, matrix, in->n);
}

/* Hits among the first k of a list that are not among the k most popular of what is not excluded, over k. */
static double naive_serendipity(const trained *t, const lt_list *list, int k, const uint8_t *excluded,
                                const int32_t *relevant, int64_t n_relevant)
{
    const int32_t *rank = t->r.popularity.rank;
    int surprises = 0;

    for (int i = 0; i < k && i < list->n; i++) {
        int better = 0;

        for (int32_t other = 0; other < t->bundle.items.n; other++)
            better += !excluded[other] && rank[other] < rank[list->item[i]];
        surprises += better >= k && has(relevant, n_relevant, list->item[i]);
    }
    return (double)surprises / k;
}

/* What is ranked: the catalogue without what is seen, all of it, or some items of each user. */
enum { UNSEEN, EVERYTHING, SAMPLED };

static void evaluation_case(lt_env *env, const trained *t, const char *method, double strength, int ranked,
                            const char *what)
{
    lt_test test = make_test(env, t, 3);
    lt_pairs sampled = {0};
    int k[] = {3, 8}, auc_users = 0, ties = 0;
    int32_t items = t->bundle.items.n;
    lt_rerank_stage stage = {.method = lt_reranker_find(method), .strength = strength};
    uint8_t *excluded;
    double sum[2][LT_MEASURES] = {{0}}, got, auc = 0, shown[2][3] = {{0}}, could[3] = {0};
    int with_pairs[2] = {0};
    lt_ranking_metrics m;

    test.relevant.cols = items;
    test.ranks_seen = ranked == EVERYTHING;
    if (ranked == SAMPLED) {
        fine(env, lt_sample_candidates(env, &test, 9, 4, &sampled));
        test.candidates = &sampled;
    }
    lt_alloc(env, &excluded, (size_t)items, 1, "test");
    test.alike = alike;
    fine(env, lt_ranking_init(env, &m, k, 2, &t->r.popularity));
    fine(env, lt_ranking_go_deep(env, &m, NULL));
    fine(env, lt_evaluate_ranking(env, &t->r, &test,
                                  &(lt_request){.stages = &stage, .n_stages = 1, .adjust = t->r.own, .seed = 50}, &m));
    for (int32_t row = 0; row < test.relevant.rows; row++) {
        const int32_t *relevant = test.relevant.col + test.relevant.start[row];
        int64_t n = test.relevant.start[row + 1] - test.relevant.start[row];
        int32_t u = test.user[row];
        lt_request q = {.subject.user = u,
                        .popularity_only = u < 0,
                        .excluded = excluded,
                        .k = 8,
                        .stages = &stage,
                        .n_stages = 1,
                        .adjust = t->r.own,
                        .seed = 50 + (uint64_t)(u < 0 ? t->bundle.users.n : u)};
        float margin[SHOP_ITEMS];
        double wins = 0, pairs = 0;
        lt_list list;

        memset(excluded, 0, (size_t)items);
        if (u >= 0) {
            q.subject.history = test.seen->col + test.seen->start[u];
            q.subject.n_history = test.seen->start[u + 1] - test.seen->start[u];
        }
        for (int64_t i = 0; i < q.subject.n_history && ranked != EVERYTHING; i++)
            excluded[q.subject.history[i]] = 1;
        for (int32_t i = 0; i < items && ranked == SAMPLED; i++)
            if (!lt_pairs_has(&sampled, row, i))
                excluded[i] = 1;
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
            sum[j][LT_RECALL_CAPPED] += (double)hits / (double)(n < k[j] ? n : k[j]);
            sum[j][LT_NDCG] += dcg / ideal;
            sum[j][LT_SERENDIPITY] += naive_serendipity(t, &list, k[j], excluded, relevant, n);
            for (int a = 0; a < k[j] && a < list.n; a++) {
                double pairs = (double)(list.n < k[j] ? list.n : k[j]) * (double)((list.n < k[j] ? list.n : k[j]) - 1);

                shown[j][t->r.popularity.segment[list.item[a]]]++;
                for (int b = 0; b < k[j] && b < list.n; b++)
                    if (a != b)
                        sum[j][LT_DIVERSITY] += (1 - 1 / (1 + fabs((double)(list.item[a] - list.item[b])))) / pairs;
            }
            with_pairs[j] += list.n > 1;
        }
        for (int32_t i = 0; i < items; i++)
            could[t->r.popularity.segment[i]] += !excluded[i];
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
            lt_ranking_value(env, &m, (lt_measure)measure, j, &got, NULL);
            near(got, sum[j][measure] / test.relevant.rows, 1e-12, "%s: %s at %d", what, lt_measure_names[measure],
                 k[j]);
        }
    for (int j = 0; j < 2; j++) {
        double mean = 0, squares = 0;

        for (int s = 0; s < 3; s++) {
            mean += shown[j][s] / could[s] / 3;
            squares += shown[j][s] / could[s] * shown[j][s] / could[s] / 3;
        }
        lt_ranking_value(env, &m, LT_POPRSP, j, &got, NULL);
        near(got, sqrt(squares - mean * mean) / mean, 1e-10, "%s: poprsp at %d", what, k[j]);
        lt_ranking_value(env, &m, LT_SERENDIPITY, j, &got, NULL);
        near(got, sum[j][LT_SERENDIPITY] / test.relevant.rows, 1e-12, "%s: serendipity at %d", what, k[j]);
        lt_ranking_value(env, &m, LT_DIVERSITY, j, &got, NULL);
        near(got, sum[j][LT_DIVERSITY] / with_pairs[j], 1e-6, "%s: diversity at %d", what, k[j]);
    }
    lt_ranking_value(env, &m, LT_RANK_AUC, 0, &got, NULL);
    near(got, auc / auc_users, 1e-12, "%s: auc, with %d ties", what, ties);
    ok(m.users == test.relevant.rows && test.user[0] == -1, "%s: each user once, the stranger too", what);
}

/* Every item that is not seen as a candidate is the whole catalogue. */
static void evaluate_all_candidates(lt_env *env, const trained *t, lt_test *test)
{
    static const int k = 5;
    lt_request plain = {0};
    lt_ranking_metrics m[2];
    double got[2];

    for (int whole = 0; whole < 2; whole++) {
        if (whole)
            test->candidates = NULL;
        fine(env, lt_ranking_init(env, &m[whole], &k, 1, &t->r.popularity));
        fine(env, lt_ranking_go_deep(env, &m[whole], NULL));
        fine(env, lt_evaluate_ranking(env, &t->r, test, &plain, &m[whole]));
    }
    for (int measure = 0; measure < LT_MEASURES; measure++) {
        lt_ranking_value(env, &m[0], measure, 0, &got[0], NULL);
        lt_ranking_value(env, &m[1], measure, 0, &got[1], NULL);
        if (measure == LT_REO || measure == LT_RSP) /* of an attribute */
            continue;
        ok(got[0] == got[1], "all negatives are full ranking: %s %g", lt_measure_names[measure], got[0]);
    }
}

/* Each user's candidates: the relevant items and as many others as asked, of those the user has not. */
static void sampling_case(lt_env *env, const trained *t)
{
    lt_test test = make_test(env, t, 3);
    int32_t items = test.relevant.cols = t->bundle.items.n;
    int64_t drawn[SHOP_ITEMS] = {0}, possible[SHOP_ITEMS] = {0};
    int good = 0, others = 0;
    lt_pairs a, b;

    for (uint64_t seed = 0; seed < 400; seed++) {
        fine(env, lt_sample_candidates(env, &test, 3, seed, &a));
        for (int32_t row = 0; row < test.relevant.rows; row++) {
            const int32_t *relevant = test.relevant.col + test.relevant.start[row];
            int64_t n = test.relevant.start[row + 1] - test.relevant.start[row], known = 0, wrong = 0;

            for (int64_t i = 0; i < n; i++)
                known += relevant[i] >= 0;
            for (int32_t item = 0; item < items; item++) {
                bool had = test.user[row] >= 0 && lt_pairs_has(test.seen, test.user[row], item);
                bool there = lt_pairs_has(&a, row, item);

                if (has(relevant, n, item))
                    wrong += !there;
                else if (had)
                    wrong += there;
                else {
                    drawn[item] += there;
                    possible[item]++;
                }
            }
            for (int64_t i = a.start[row] + 1; i < a.start[row + 1]; i++)
                wrong += a.col[i] <= a.col[i - 1];
            wrong += a.start[row + 1] - a.start[row] != known + 3;
            good += wrong == 0;
        }
    }
    ok(good == 400 * test.relevant.rows, "three negatives of each user, and what is relevant");
    for (int item = 1; item < items; item++) /* users differ in how many they have: rates are near each other only */
        others += fabs((double)drawn[item] / (double)possible[item] - (double)drawn[0] / (double)possible[0]) > 0.1;
    ok(others == 0, "every item about as often, %.2f", (double)drawn[0] / (double)possible[0]);
    fine(env, lt_sample_candidates(env, &test, 3, 1, &a));
    fine(env, lt_sample_candidates(env, &test, 3, 1, &b));
    ok(memcmp(a.col, b.col, (size_t)a.start[a.rows] * sizeof *a.col) == 0, "the same for a seed");
    fine(env, lt_sample_candidates(env, &test, 3, 2, &b));
    ok(memcmp(a.col, b.col, (size_t)a.start[a.rows] * sizeof *a.col) != 0, "others for another");
    fine(env, lt_sample_candidates(env, &test, 1000, 1, &a));
    ok(a.start[1] == items, "more than there are: all of a stranger's");
    test.candidates = &a;
    test.alike = alike;
    evaluate_all_candidates(env, t, &test);
}

static void test_evaluation(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, 300, SHOP_USERS, SHOP_ITEMS, 8);
    trained *t = train_on(env, &lt_logistic, PAIRS | LABEL, v, 300, OPTIONS("popularity_exponent", "0.2"));
    lt_test test = make_test(env, t, 3);
    int k[] = {5};
    lt_request plain = {0};
    lt_ranking_metrics m;
    test_context *c = env->context;
    double got;

    evaluation_case(env, t, "none", 0, UNSEEN, "logistic");
    evaluation_case(env, t, "popularity", 0.5, UNSEEN, "popularity");
    evaluation_case(env, t, "quota", 0.5, UNSEEN, "quota");
    evaluation_case(env, t, "random", 1, UNSEEN, "random");
    evaluation_case(env, t, "none", 0, EVERYTHING, "what is seen, too");
    evaluation_case(env, t, "none", 0, SAMPLED, "sampled negatives");
    evaluation_case(env, t, "popularity", 0.5, SAMPLED, "sampled negatives by popularity");
    sampling_case(env, t);
    t = train_on(env, &lt_mlp, PAIRS | LABEL, v, 300, OPTIONS("hidden", "3", "epochs", "2", "loss", "squared"));
    evaluation_case(env, t, "none", 0, UNSEEN, "perceptron");
    /* four kinds of items, and nothing else to tell them apart */
    t = train_on(env, &lt_logistic, PAIRS | LABEL | SIDES, v, 300, OPTIONS("id_features", "none"));
    for (int j = 0; j < t->bundle.model.design.item_dense; j++)
        for (int i = 0; i < t->bundle.items.n; i++)
            t->bundle.item.x[i * t->bundle.item.dense + j] = 0;
    fine(env, lt_recommender_init(env, &t->r, &t->bundle));
    evaluation_case(env, t, "none", 0, UNSEEN, "items that tie");

    test.seen = NULL;
    fine(env, lt_ranking_init(env, &m, k, 1, &t->r.popularity));
    fine(env, lt_evaluate_ranking(env, &t->r, &test, &plain, &m));
    lt_ranking_value(env, &m, LT_RANK_AUC, 0, &got, NULL);
    ok(got > 0 && got < 1, "nothing seen: nothing is excluded");
    c->polls = 0;
    c->cancel_at = 5;
    ok(lt_evaluate_ranking(env, &t->r, &test, &plain, &m) == LT_CANCELLED, "cancelled");
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

/* ndcg and recall at 10 of the held-out pairs, by ranking users one by one; only the `most` rows of the lowest lots. */
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
    for (int32_t row = 0; row < rows; row++) {
        int32_t u = ex->user[first[row]], lower = 0;
        const lt_pairs *seen = &t->data.seen;
        lt_request q = {.subject.user = u, .k = 10};
        uint8_t *excluded;
        double hits = 0, dcg = 0, ideal = 0, n = first[row + 1] - first[row];
        lt_list list;

        for (int32_t other = 0; other < rows; other++)
            lower += t->data.validation_lot[first[other]] <= t->data.validation_lot[first[row]];
        if (lower > most)
            continue;
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

/* ---- after each epoch ---- */

/* What was logged, and what the last measuring left behind. */
static struct {
    int n;
    double metric[300];
} curve;
static int measured;
static long kept_bytes;
static size_t used_before[2]; /* the second time and the last */

static void log_metric(void *context, const lt_epoch *epoch)
{
    (void)context;
    if (curve.n < 300)
        curve.metric[curve.n++] = epoch->validation_metric;
}

static long blocks_of(const lt_env *env)
{
    long n = 0;

    for (const test_block *b = ((const test_context *)env->context)->blocks; b != NULL; b = b->next)
        n++;
    return n;
}

/* lt_measure_epoch in an environment of tap.h's, or in a scope of it. */
static lt_status measure_and_count(lt_env *env, void *context, const lt_model *model, double *value)
{
    size_t used = env->used;
    lt_status status = lt_measure_epoch(env, context, model, value);

    measured++;
    used_before[measured > 2] = used;
    kept_bytes += (long)(env->used - used);
    return status;
}

/* Trained for 1, 2, ... epochs, measuring nothing: the figure at the end is the curve's after that many. */
static void curve_case(const lt_algorithm *algorithm, int what, const char *metric, const char *const *list)
{
    lt_env *env = test_env();
    event *v = random_events(env, 300, 30, 20, 4);
    lt_measuring context;
    const char *used_metric;
    double value, worst = 0;
    int epochs;
    trained t = {.options = options_of(env, algorithm, list)};
    lt_fit fit;

    fine(env, lt_options_set_text(env, &t.options, "validation_metric", metric));
    t.data = build(env, &t.bundle, false, what, v, 300, &t.options).data;
    context = (lt_measuring){&t.bundle, &t.data, &t.options};
    t.data.measure = measure_and_count;
    t.data.measure_context = &context;
    env->log = log_metric;
    curve.n = measured = 0;
    kept_bytes = 0;
    fine(env, algorithm->train(env, &t.data, &t.options, &(lt_model){.algorithm = algorithm}, &fit));
    epochs = curve.n;
    ok(epochs == fit.epochs && epochs >= 3 && measured == epochs && kept_bytes == 0,
       "%s, %s: measured after each of %d epochs, keeping nothing", algorithm->name, metric, epochs);
    if (what & LABEL)
        ok(used_before[0] == used_before[1], "nor does the trainer for it");
    t.data.measure = NULL;
    for (int k = 1; k <= epochs && k <= 5; k++) {
        fine(env, lt_options_set_number(env, &t.options, "epochs", k));
        t.bundle.model = (lt_model){.algorithm = algorithm};
        fine(env, algorithm->train(env, &t.data, &t.options, &t.bundle.model, &fit));
        ok(isnan(curve.metric[epochs + k * (k + 1) / 2 - 1]), "not measured unless asked");
        fine(env, lt_recommender_init(env, &t.r, &t.bundle));
        used_metric = NULL;
        fine(env, lt_validate(env, &t.r, &t.data, &t.options, &used_metric, &value));
        if (!(fabs(value - curve.metric[k - 1]) <= worst))
            worst = fabs(value - curve.metric[k - 1]);
    }
    near(worst, 0, 1e-12, "as if training had ended there");
    test_env_drop(env);
}

static void test_curve(void)
{
    static const char *const metrics[] = {"log_loss", "auc", "rmse", "ndcg", "recall"};
    const char *const *newton = OPTIONS("validation_fraction", "0.3", "solver", "newton", "tolerance", "1e-10"),
                      *const *lbfgs = OPTIONS("validation_fraction", "0.3", "solver", "lbfgs", "epochs", "5"),
                      *const *mlp = OPTIONS("validation_fraction", "0.3", "epochs", "4", "early_stopping", "0"),
                      *const *norm = OPTIONS("validation_fraction", "0.3", "epochs", "3", "batch_norm", "true",
                                             "hidden", "5", "early_stopping", "0");

    for (int i = 0; i < 5; i++) {
        int what = i < 3 ? LABEL | ROWS : PAIRS | SIDES;

        curve_case(&lt_logistic, what, metrics[i], newton);
        curve_case(&lt_logistic, what, metrics[i], lbfgs);
        curve_case(&lt_mlp, what, metrics[i], mlp);
        curve_case(&lt_mlp, what, metrics[i], norm);
    }
    curve_case(&lt_mlp, LABEL | PAIRS, "auc", mlp);
    curve_case(&lt_logistic, PAIRS, "auc", lbfgs);
}

/* Beside many cheap iterations only some are measured, the last always. */
static void test_sparse_curve(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, 300, 30, 20, 4);
    trained *t =
        train_on(env, &lt_logistic, PAIRS | SIDES, v, 300,
                 OPTIONS("validation_fraction", "0.3", "solver", "lbfgs", "epochs", "57", "tolerance", "1e-12"));
    lt_measuring context = {&t->bundle, &t->data, &t->options};
    test_context *c = env->context;
    lt_model model = {.algorithm = &lt_logistic};
    const char *metric = NULL;
    double value;
    int wrong = 0;
    long blocks;
    size_t used;
    lt_fit fit;

    t->data.measure = lt_measure_epoch;
    t->data.measure_context = &context;
    env->log = log_metric;
    curve.n = 0;
    fine(env, lt_logistic.train(env, &t->data, &t->options, &model, &fit));
    ok(curve.n == fit.epochs && curve.n > 12 && curve.n < 300 && curve.n % 10 != 0, "%d iterations", curve.n);
    for (int k = 1; k <= curve.n; k++)
        wrong += isnan(curve.metric[k - 1]) != (k > 5 && k % 10 != 0 && k < curve.n);
    ok(wrong == 0, "the first five, each tenth and the last are measured");
    near(curve.metric[curve.n - 1], validated(env, t, &t->data, NULL, &metric), 1e-12, "the last is the version's");

    used = env->used;
    blocks = blocks_of(env);
    fine(env, lt_measure_epoch(env, &context, &model, &value));
    ok(env->used == used && blocks_of(env) == blocks, "nothing is kept");
    c->polls = 0;
    c->cancel_at = 3;
    ok(lt_measure_epoch(env, &context, &model, &value) == LT_CANCELLED && env->error.status == LT_CANCELLED &&
           env->used == used && blocks_of(env) == blocks,
       "cancelled, nothing is kept");
    c->cancel_at = 0;
    env->budget = env->used + 2000;
    fine(env, lt_measure_epoch(env, &context, &model, &value));
    ok(isnan(value) && env->used == used && blocks_of(env) == blocks, "no figure when memory does not suffice");
    env->budget = 0;
    t->data.validation.n = 0;
    curve.n = 0;
    model = (lt_model){.algorithm = &lt_logistic};
    fine(env, lt_logistic.train(env, &t->data, &t->options, &model, &fit));
    ok(curve.n == fit.epochs && isnan(curve.metric[0]) && isnan(curve.metric[curve.n - 1]),
       "no validation part: not measured");
    test_env_drop(env);
}

/* Beyond 2000 users, those of the lowest lots are ranked with all that is theirs. */
static void test_thin(void)
{
    enum { USERS = 3100, PER_USER = 3 };
    lt_env *env = test_env();
    lt_random r;
    event *v;
    trained *t;
    double ndcg, recall, value;
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
    naive_ranking(env, t, 300, &ndcg, &recall);
    fine(env, lt_measure_epoch(env, &(lt_measuring){&t->bundle, &t->data, &t->options}, &t->bundle.model, &value));
    near(value, ndcg, 1e-12, "300 of them after an epoch");
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
    lt_bundle fresh;
    built fitted = build(env, &fresh, false, PAIRS | TIME, rows, 13, &by_time);
    const char *metric;
    int same = 0;

    ok(frozen.status == LT_OK && frozen.data.validation.n == 7, "seven rows held out of one's own test");
    near(validated(env, t, &frozen.data, "recall", &metric), (0.5 + 1 + 0) / 3, 1e-12,
         "unknown users and items count: halves, all and nothing");
    for (int64_t i = 0; i < 7; i++)
        for (int64_t j = 0; j < 7; j++)
            same += frozen.data.validation_lot[i] == fitted.data.validation_lot[j];
    ok(same == 3 * 3 + 2 * 2 + 2 * 2, "a user's lot is the same where the user is known and where not");
    test_env_drop(env);
}

int main(void)
{
    test_evaluation();
    test_pointwise();
    test_ranking();
    test_thin();
    test_curve();
    test_sparse_curve();
    test_unknown();
    return done();
}
