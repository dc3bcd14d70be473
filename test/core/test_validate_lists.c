/*
 * test_validate_lists.c: a model's rankings of a test's users against naive measures, and their sampled candidates.
 */
#include "recommend_data.h"

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

int main(void)
{
    test_evaluation();
    return done();
}
