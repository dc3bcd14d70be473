/*
 * test_metrics.c: the sort, top-k, AUC, the ROC curve, log-loss, Gini and popularity, against hand-worked cases, naive
 * versions and scikit-learn 1.2.1.
 */
#include "metrics_data.h"
#include "popularity.h"
#include "sort.h"
#include "topk.h"

static void test_sort(lt_env *env, lt_random *random)
{
    static const double numbers[] = {-INFINITY, -1e308, -1.5, -1, -1e-308, -0.0, 0.0, 5e-324, 1, 1.5, 1e308, INFINITY};
    int wrong = 0;

    for (size_t i = 0; i + 1 < sizeof numbers / sizeof *numbers; i++) {
        bool same = numbers[i] == numbers[i + 1];

        wrong += same ? lt_sort_key(numbers[i]) != lt_sort_key(numbers[i + 1])
                      : lt_sort_key(numbers[i]) >= lt_sort_key(numbers[i + 1]);
        wrong += lt_sort_number(lt_sort_key(numbers[i])) != numbers[i];
    }
    ok(wrong == 0, "keys order as their numbers and give them back");

    for (int round = 0; round < 200; round++) {
        int64_t n = round < 100 ? round : lt_random_below(random, 3000);
        lt_keyed *v = calloc((size_t)n + 1, sizeof *v);

        for (int64_t i = 0; i < n; i++) {
            double x = round % 2 ? (double)lt_random_below(random, 20) - 10 : lt_random_normal(random);

            v[i].key = lt_sort_key(x);
            v[i].index = i;
        }
        if (lt_sort(env, v, n) != LT_OK)
            wrong++;
        for (int64_t i = 1; i < n; i++)
            wrong += v[i - 1].key > v[i].key || (v[i - 1].key == v[i].key && v[i - 1].index > v[i].index);
        free(v);
    }
    ok(wrong == 0, "sorts ascending and stably at every length");
}

static void test_top_k(lt_random *random)
{
    float scores[300], value[310];
    uint8_t excluded[300];
    int32_t index[310];
    int wrong = 0, nan_seen = 0;

    for (int round = 0; round < 3000; round++) {
        int64_t n = lt_random_below(random, 301);
        int64_t k = lt_random_below(random, round % 3 ? 12 : 310);
        bool exclude = round % 2;
        int64_t got, want = 0;
        bool taken[300] = {false};

        for (int64_t i = 0; i < n; i++) {
            int64_t kind = lt_random_below(random, 40);

            scores[i] = round % 5 ? (float)lt_random_normal(random) : (float)lt_random_below(random, 6);
            if (kind == 0)
                scores[i] = NAN;
            if (kind == 1)
                scores[i] = lt_random_below(random, 2) ? INFINITY : -INFINITY;
            nan_seen += isnan(scores[i]);
            excluded[i] = lt_random_below(random, 4) == 0;
        }
        got = lt_top_k(scores, exclude ? excluded : NULL, n, k, index, value);
        for (; want < k; want++) { /* the best not yet taken, k times */
            int64_t best = -1;

            for (int64_t i = 0; i < n; i++)
                if (!taken[i] && !isnan(scores[i]) && !(exclude && excluded[i]) &&
                    (best < 0 || scores[i] > scores[best]))
                    best = i;
            if (best < 0)
                break;
            taken[best] = true;
            if (want >= got || index[want] != best || value[want] != scores[best])
                wrong++;
        }
        wrong += want != got;
    }
    ok(nan_seen > 0 && wrong == 0, "top-k is what picking the best k times gives");
    ok(lt_top_k(scores, NULL, 0, 10, index, value) == 0, "nothing of nothing");
    ok(lt_top_k(scores, NULL, 300, 0, index, value) == 0, "none when k is 0");
}

static double naive_auc(const double *score, const uint8_t *positive, const double *weight, int64_t n)
{
    double won = 0, pairs = 0;

    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            double w = weight == NULL ? 1 : weight[i] * weight[j];

            if (!positive[i] || positive[j])
                continue;
            pairs += w;
            won += w * (score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0);
        }
    }
    return pairs > 0 ? won / pairs : NAN;
}

static double trapezoids(const lt_roc_point *points, int64_t n)
{
    double area = 0;

    for (int64_t i = 1; i < n; i++)
        area += (points[i].false_positive_rate - points[i - 1].false_positive_rate) *
                (points[i].true_positive_rate + points[i - 1].true_positive_rate) / 2;
    return area;
}

static void test_auc(lt_env *env, lt_random *random)
{
    static const double score[] = {0.9, 0.8, 0.8, 0.7, 0.3, 0.3, 0.1};
    static const uint8_t label[] = {1, 1, 0, 0, 1, 0, 0};
    static const uint8_t all_positive[] = {1, 1, 1, 1, 1, 1, 1};
    static const double thresholds[] = {INFINITY, 0.9, 0.8, 0.7, 0.3, 0.1};
    static const double fpr[] = {0, 0, 0.25, 0.5, 0.75, 1};
    static const double tpr[] = {0, 1.0 / 3, 2.0 / 3, 2.0 / 3, 1, 1};
    double bad[] = {1, NAN}, negative_weight[] = {1, -1};
    double worst = 0, worst_curve = 0, auc = 0;
    lt_roc_point *points;
    int64_t n_points;

    fine(env, lt_auc(env, score, label, NULL, 7, &auc));
    near(auc, 0.75, 0, "AUC by hand, ties in mid-ranks");
    fine(env, lt_auc(env, score, all_positive, NULL, 7, &auc));
    near(auc, NAN, 0, "AUC of one class is NaN");
    fine(env, lt_auc(env, score, label, NULL, 0, &auc));
    near(auc, NAN, 0, "AUC of nothing is NaN");
    ok(lt_auc(env, bad, label, NULL, 2, &auc) == LT_INVALID, "a NaN score is refused");
    ok(lt_auc(env, score, label, negative_weight, 2, &auc) == LT_INVALID, "a negative weight is refused");

    fine(env, lt_roc_curve(env, score, label, NULL, 7, &points, &n_points));
    ok(n_points == 6, "a point per distinct score and the first");
    for (int64_t i = 0; i < 6 && i < n_points; i++)
        ok(points[i].threshold == thresholds[i] && fabs(points[i].false_positive_rate - fpr[i]) < 1e-15 &&
               fabs(points[i].true_positive_rate - tpr[i]) < 1e-15,
           "ROC point %d as scikit-learn's", (int)i);
    ok(lt_roc_curve(env, score, all_positive, NULL, 7, &points, &n_points) == LT_INVALID, "no ROC curve of one class");

    for (int round = 0; round < 300; round++) {
        double s[120], w[120];
        uint8_t y[120];
        int64_t n = lt_random_below(random, 121);
        const double *weight = round % 2 ? w : NULL;
        double want;

        for (int64_t i = 0; i < n; i++) {
            s[i] = round % 3 ? lt_random_normal(random) : (double)lt_random_below(random, 5) - 2;
            y[i] = lt_random_below(random, 3) == 0;
            w[i] = (double)lt_random_below(random, 4) / 3;
        }
        want = naive_auc(s, y, weight, n);
        if (lt_auc(env, s, y, weight, n, &auc) != LT_OK || isnan(auc) != isnan(want))
            worst = INFINITY;
        else if (!isnan(want)) {
            worst = fmax(worst, fabs(auc - want));
            if (lt_roc_curve(env, s, y, weight, n, &points, &n_points) != LT_OK)
                worst_curve = INFINITY;
            else
                worst_curve = fmax(worst_curve, fabs(trapezoids(points, n_points) - want));
        }
    }
    near(worst, 0, 1e-13, "AUC is the share of pairs in order");
    near(worst_curve, 0, 1e-13, "the area under the ROC curve is the AUC");
}

/* The figures are scikit-learn's on the same numbers. */
static void test_sklearn(lt_env *env)
{
    static scored s;
    double auc = 0;

    make_scored(&s);
    fine(env, lt_auc(env, s.score, s.label, NULL, SCORED, &auc));
    near(auc, 0.6313069851878738, 1e-12, "AUC as scikit-learn's, 200 distinct scores");
    fine(env, lt_auc(env, s.score, s.label, s.weight, SCORED, &auc));
    near(auc, 0.626076688608587, 1e-12, "weighted AUC as scikit-learn's");
    fine(env, lt_auc(env, s.fine_score, s.label, NULL, SCORED, &auc));
    near(auc, 0.5071431762026157, 1e-12, "AUC as scikit-learn's, distinct scores");
    near(lt_log_loss(s.probability, s.label, NULL, SCORED), 0.7367463342754447, 1e-12, "log-loss as scikit-learn's");
    near(lt_log_loss(s.probability, s.label, s.weight, SCORED), 0.7437516840657017, 1e-12,
         "weighted log-loss as scikit-learn's");

    ((test_context *)env->context)->cancel_at = ((test_context *)env->context)->polls + 1;
    ok(lt_auc(env, s.score, s.label, NULL, SCORED, &auc) == LT_CANCELLED, "AUC can be cancelled");
    env->budget = env->used + 1000;
    ok(lt_auc(env, s.score, s.label, NULL, SCORED, &auc) == LT_NO_MEMORY, "AUC keeps to the budget");
    env->budget = 0;
}

static void test_log_loss_edges(void)
{
    static const double p[] = {0, 1, 0.25};
    static const uint8_t y[] = {1, 0, 1};
    static const double bad[] = {0.5, NAN};

    near(lt_log_loss(p + 2, y + 2, NULL, 1), log(4), 1e-15, "log-loss of one row");
    near(lt_log_loss(p, y, NULL, 2), -log(1e-15), 0.1, "certain and wrong is clipped, not infinite");
    near(lt_log_loss(p, y, NULL, 0), NAN, 0, "log-loss of nothing is NaN");
    near(lt_log_loss(bad, y, NULL, 2), NAN, 0, "log-loss of NaN is NaN");
}

static void test_gini(lt_env *env, lt_random *random)
{
    static const double equal[] = {3, 3, 3, 3}, one[] = {0, 0, 7, 0}, linear[] = {4, 1, 3, 2}, none[] = {0, 0};
    static const double bad[] = {1, -1};
    double amount[200];
    double gini = 0, sum = 0, differences = 0;

    fine(env, lt_gini(env, equal, 4, &gini));
    near(gini, 0, 0, "Gini of equal amounts");
    fine(env, lt_gini(env, one, 4, &gini));
    near(gini, 0.75, 0, "Gini when one has all");
    fine(env, lt_gini(env, linear, 4, &gini));
    near(gini, 0.25, 1e-15, "Gini of 1, 2, 3, 4");
    fine(env, lt_gini(env, none, 2, &gini));
    near(gini, NAN, 0, "Gini of zeros is NaN");
    fine(env, lt_gini(env, none, 0, &gini));
    near(gini, NAN, 0, "Gini of nothing is NaN");
    ok(lt_gini(env, bad, 2, &gini) == LT_INVALID, "a negative amount is refused");
    ok(lt_gini(env, (double[]){1e308, 1e308}, 2, &gini) == LT_INVALID, "a sum that is no number, too");

    for (int i = 0; i < 200; i++) {
        amount[i] = floor(exp(2 * lt_random_normal(random)));
        sum += amount[i];
    }
    for (int i = 0; i < 200; i++)
        for (int j = 0; j < 200; j++)
            differences += fabs(amount[i] - amount[j]);
    fine(env, lt_gini(env, amount, 200, &gini));
    near(gini, differences / (2 * 200 * sum), 1e-13, "Gini is half the relative mean difference");
}

static void test_popularity(lt_env *env)
{
    /* Interactions before each, in order of popularity (items 2, 4, 1, 0, 5, 3): 0, 50, 70, 85, 95, 100 of 100. */
    static const double count[] = {10, 15, 50, 0, 20, 5};
    double hundred[94];
    static const double nothing[] = {0, 0, 0}, bad[] = {1, -1};
    static const int32_t rank[] = {4, 3, 1, 6, 2, 5};
    static const uint8_t segment[] = {LT_TAIL, LT_MID, LT_HEAD, LT_TAIL, LT_MID, LT_TAIL};
    lt_popularity p;

    fine(env, lt_popularity_build(env, count, 6, 0.2, 0.2, &p));
    ok(memcmp(p.rank, rank, sizeof rank) == 0, "ranks");
    ok(memcmp(p.segment, segment, sizeof segment) == 0, "head, mid and tail");
    near(p.novelty[2], 1, 1e-15, "half of all interactions: one bit");
    near(p.novelty[3], log2(100), 1e-14, "never seen: as if seen once");
    near(p.total, 100, 0, "total");

    fine(env, lt_popularity_build(env, count, 6, 0, 0, &p));
    ok(p.segment[2] == LT_MID && p.segment[3] == LT_TAIL, "without shares all are mid but the never seen");
    fine(env, lt_popularity_build(env, count, 6, 0.5, 0.05, &p));
    ok(p.segment[2] == LT_HEAD && p.segment[4] == LT_MID && p.segment[0] == LT_MID && p.segment[5] == LT_TAIL,
       "an item begins a segment when those before it fill the last one exactly");
    for (int i = 0; i < 94; i++)
        hundred[i] = i == 0 ? 7 : 1;
    fine(env, lt_popularity_build(env, hundred, 94, 0.07, 0.2, &p));
    ok(p.segment[0] == LT_HEAD && p.segment[1] == LT_MID, "7 of 100 fill a share of 0.07, although 0.07 * 100 > 7");
    fine(env, lt_popularity_build(env, nothing, 3, 0.2, 0.2, &p));
    ok(p.segment[0] == LT_TAIL && p.rank[0] == 1 && p.rank[2] == 3 && p.novelty[0] == 0,
       "without interactions all are tail, ranked by number");
    fine(env, lt_popularity_build(env, nothing, 0, 0.2, 0.2, &p));
    ok(lt_popularity_build(env, bad, 2, 0.2, 0.2, &p) == LT_INVALID, "a negative count is refused");
    ok(lt_popularity_build(env, count, 6, 0.7, 0.4, &p) == LT_INVALID, "shares above 1 together are refused");
}

int main(void)
{
    lt_env *env = test_env();
    lt_random random;

    lt_random_seed(&random, 1);
    test_sort(env, &random);
    test_top_k(&random);
    test_auc(env, &random);
    test_sklearn(env);
    test_log_loss_edges();
    test_gini(env, &random);
    test_popularity(env);
    test_env_drop(env);
    return done();
}
