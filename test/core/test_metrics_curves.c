/*
 * test_metrics_curves.c: average precision, the calibration curve, confusion and the NDCG of one list, against
 * hand-worked cases, naive versions and scikit-learn 1.2.1.
 */
#include "metrics_data.h"

#define MOST 64

/* ---- average precision ---- */

/* The definition read aloud: at each row's score as a threshold, precision; its mean over the positives. */
static double naive_average_precision(const double *score, const uint8_t *positive, const double *weight, int64_t n)
{
    double sum = 0, positives = 0;

    for (int64_t i = 0; i < n; i++) {
        double found = 0, all = 0, w = weight == NULL ? 1 : weight[i];

        for (int64_t j = 0; j < n; j++) {
            if (score[j] < score[i])
                continue;
            all += weight == NULL ? 1 : weight[j];
            found += positive[j] ? (weight == NULL ? 1 : weight[j]) : 0;
        }
        if (positive[i] && w > 0) {
            sum += w * found / all;
            positives += w;
        }
    }
    return positives > 0 ? sum / positives : NAN;
}

static void test_average_precision(lt_env *env, lt_random *random)
{
    static const double score[] = {0.9, 0.8, 0.8, 0.7, 0.3, 0.3, 0.1};
    static const uint8_t label[] = {1, 1, 0, 0, 1, 0, 0}, positives[] = {1, 1, 1, 1, 1, 1, 1}, negatives[7] = {0};
    static const double tied[] = {2, 2, 2, 2, 2, 2, 2}, bad[] = {1, NAN}, debt[] = {1, -1};
    static const double weight[] = {1, 0, 3, 0, 2, 1, 5};
    double ap = 0, worst = 0;

    /* Thresholds 0.9: 1 of 1; 0.8: 2 of 3; 0.3: 3 of 6. */
    fine(env, lt_average_precision(env, score, label, NULL, 7, &ap));
    near(ap, (1 + 2.0 / 3 + 0.5) / 3, 1e-15, "by hand, ties as one threshold");
    /* What is left: 0.9: 1 of 1; 0.8: 1 of 4; 0.3: 3 of 7. */
    fine(env, lt_average_precision(env, score, label, weight, 7, &ap));
    near(ap, (1 + 2 * 3.0 / 7) / 3, 1e-15, "by hand, weighted");
    fine(env, lt_average_precision(env, tied, label, NULL, 7, &ap));
    near(ap, 3.0 / 7, 1e-15, "all tied: the share of positives");
    fine(env, lt_average_precision(env, score, positives, NULL, 7, &ap));
    near(ap, 1, 0, "only positives");
    fine(env, lt_average_precision(env, score, negatives, NULL, 7, &ap));
    near(ap, NAN, 0, "no positives: not defined");
    fine(env, lt_average_precision(env, score, label, NULL, 0, &ap));
    near(ap, NAN, 0, "no rows: not defined");
    fine(env, lt_average_precision(env, score, label, NULL, 1, &ap));
    near(ap, 1, 0, "one positive");
    ok(lt_average_precision(env, bad, label, NULL, 2, &ap) == LT_INVALID, "a NaN score is refused");
    ok(lt_average_precision(env, score, label, debt, 2, &ap) == LT_INVALID, "a negative weight is refused");

    for (int round = 0; round < 500; round++) {
        double s[MOST], w[MOST], want;
        uint8_t y[MOST];
        int64_t n = lt_random_below(random, MOST + 1);
        const double *weights = round % 2 ? w : NULL;

        for (int64_t i = 0; i < n; i++) {
            s[i] = round % 3 ? lt_random_normal(random) : (double)lt_random_below(random, 5) - 2;
            y[i] = lt_random_below(random, 3) == 0;
            w[i] = (double)lt_random_below(random, 4) / 3;
        }
        want = naive_average_precision(s, y, weights, n);
        if (lt_average_precision(env, s, y, weights, n, &ap) != LT_OK || isnan(ap) != isnan(want))
            worst = INFINITY;
        else if (!isnan(want))
            worst = fmax(worst, fabs(ap - want));
    }
    near(worst, 0, 1e-13, "the mean over the positives of precision at their score");
}

/* ---- calibration ---- */

static void test_calibration(lt_env *env)
{
    static const double p[] = {0, 0.1, 0.2, 0.25, 0.3, 0.95, 1, 0.3};
    static const uint8_t y[] = {0, 1, 0, 1, 1, 1, 1, 0};
    static const double above[] = {0.5, 1.0000001}, nan[] = {NAN}, debt[] = {-1e-9};
    double edge[101];
    lt_calibration_bin *bin = NULL;
    int64_t n = 0, wrong = 0;

    fine(env, lt_calibration_curve(env, p, y, 8, 10, &bin, &n));
    ok(n == 4, "bins without predictions are left out: %d", (int)n);
    ok(bin[0].bin == 1 && bin[0].n == 2 && bin[0].lower == 0 && bin[0].upper == 0.1, "0 and 0.1 are in the first");
    ok(bin[1].bin == 2 && bin[1].n == 1 && bin[1].lower == 0.1 && bin[1].upper == 0.2, "0.2 closes the second");
    ok(bin[2].bin == 3 && bin[2].n == 3 && bin[2].lower == 0.2 && bin[2].upper == 0.3, "0.3 closes the third");
    near(bin[2].mean_predicted, 0.85 / 3, 1e-15, "the mean prediction");
    near(bin[2].observed, 2.0 / 3, 1e-15, "what was observed");
    ok(bin[3].bin == 10 && bin[3].n == 2 && bin[3].upper == 1 && bin[3].observed == 1, "1 closes the last");
    fine(env, lt_calibration_curve(env, p, y, 8, 1, &bin, &n));
    ok(n == 1 && bin[0].n == 8 && bin[0].lower == 0 && bin[0].upper == 1, "one bin has all");
    fine(env, lt_calibration_curve(env, p, y, 0, 10, &bin, &n));
    ok(n == 0, "nothing of nothing");

    for (int32_t bins = 1; bins <= 100; bins++) {
        uint8_t labels[101] = {0};

        for (int32_t b = 0; b <= bins; b++)
            edge[b] = (double)b / bins;
        if (lt_calibration_curve(env, edge, labels, bins + 1, bins, &bin, &n) != LT_OK || n != bins)
            wrong++;
        for (int64_t b = 0; b < n; b++)
            wrong += bin[b].n != 1 + (b == 0) || bin[b].upper != edge[b + 1];
    }
    ok(wrong == 0, "an end belongs to the bin it closes, however it rounds");

    ok(lt_calibration_curve(env, above, y, 2, 10, &bin, &n) == LT_INVALID, "above 1 is no probability");
    ok(lt_calibration_curve(env, debt, y, 1, 10, &bin, &n) == LT_INVALID, "nor is below 0");
    ok(lt_calibration_curve(env, nan, y, 1, 10, &bin, &n) == LT_INVALID, "nor NaN");
    ok(lt_calibration_curve(env, p, y, 8, 0, &bin, &n) == LT_INVALID, "no bins");
    ok(lt_calibration_curve(env, p, y, 8, LT_MOST_BINS + 1, &bin, &n) == LT_INVALID, "too many bins");
}

/* ---- confusion ---- */

static void test_confusion(lt_env *env)
{
    static const double score[] = {0.9, 0.5, 0.5, 0.4, 0.3, 0.2, 0.1}, bad[] = {0.1, NAN};
    static const uint8_t label[] = {1, 1, 0, 1, 0, 0, 0};
    lt_confusion c = {0};

    fine(env, lt_confusion_at(env, score, label, 7, 0.5, &c));
    ok(c.true_positive == 2 && c.false_positive == 1 && c.true_negative == 3 && c.false_negative == 1,
       "the threshold itself is positive");
    near(c.precision, 2.0 / 3, 1e-15, "precision");
    near(c.recall, 2.0 / 3, 1e-15, "recall");
    near(c.f1, 2.0 / 3, 1e-15, "F1");
    near(c.accuracy, 5.0 / 7, 1e-15, "accuracy");
    near(c.specificity, 0.75, 1e-15, "specificity");
    fine(env, lt_confusion_at(env, score, label, 7, INFINITY, &c));
    ok(c.true_negative == 4 && c.false_negative == 3 && isnan(c.precision) && c.recall == 0 && c.f1 == 0 &&
           c.specificity == 1,
       "nothing predicted: no precision, an F1 of 0");
    fine(env, lt_confusion_at(env, score, label, 1, -INFINITY, &c));
    ok(c.true_positive == 1 && c.f1 == 1 && c.accuracy == 1 && isnan(c.specificity), "no negatives: no specificity");
    fine(env, lt_confusion_at(env, score + 4, label + 4, 3, 0.5, &c));
    ok(c.true_negative == 3 && isnan(c.precision) && isnan(c.recall) && isnan(c.f1) && c.accuracy == 1,
       "no positives, none predicted: no F1");
    fine(env, lt_confusion_at(env, score, label, 0, 0.5, &c));
    ok(c.true_positive + c.true_negative == 0 && isnan(c.accuracy), "nothing of nothing");
    ok(lt_confusion_at(env, bad, label, 2, 0.5, &c) == LT_INVALID, "a NaN score is refused");
    ok(lt_confusion_at(env, score, label, 2, NAN, &c) == LT_INVALID, "a NaN threshold is refused");
}

/* ---- NDCG ---- */

static void test_ndcg(lt_env *env, lt_random *random)
{
    /* Listed: no, yes, yes; two more relevant that were not. */
    static const int32_t rank[] = {3, 1, 2, 0, 0}, twice[] = {2, 1, 2}, below[] = {-1};
    static const double gain[] = {1, 0, 1, 1, 1}, graded[] = {3, 0.5, 0, 2, 0}, nothing[5] = {0};
    static const double debt[] = {-1}, nan[] = {NAN}, huge[] = {1.7e308, 1.7e308, 1};
    double second = 1 / log2(3), got = 0;
    int above = 0, not_best = 0;

    fine(env, lt_ndcg(env, rank, gain, 5, 3, &got));
    near(got, (second + 0.5) / (1 + second + 0.5), 1e-15, "by hand, two relevant items unlisted");
    fine(env, lt_ndcg(env, rank, gain, 5, 2, &got));
    near(got, second / (1 + second), 1e-15, "cut at 2: the hit at 3 is lost, the ideal has two");
    fine(env, lt_ndcg(env, rank, gain, 5, 1, &got));
    near(got, 0, 0, "cut at 1");
    fine(env, lt_ndcg(env, rank, gain, 5, 100, &got));
    near(got, (second + 0.5) / (1 + second + 0.5 + 1 / log2(5)), 1e-15, "a k beyond the list: the ideal has all four");
    fine(env, lt_ndcg(env, rank, graded, 5, 3, &got));
    near(got, (0.5 + 3 * 0.5) / (3 + 2 * second + 0.5 * 0.5), 1e-15, "gains of 3, 2 and 0.5, linear");
    fine(env, lt_ndcg(env, rank, nothing, 5, 3, &got));
    near(got, NAN, 0, "nothing relevant: not defined");
    fine(env, lt_ndcg(env, rank, gain, 0, 3, &got));
    near(got, NAN, 0, "no rows: not defined");
    fine(env, lt_ndcg(env, rank + 3, gain + 3, 2, 3, &got));
    near(got, 0, 0, "an empty list of a user with relevant items");
    ok(lt_ndcg(env, twice, graded, 3, 3, &got) == LT_INVALID && strstr(env->error.message, "rank 2 ") != NULL,
       "a rank used twice is refused");
    ok(lt_ndcg(env, below, gain, 1, 3, &got) == LT_INVALID, "a rank below 0 is refused");
    ok(lt_ndcg(env, rank, gain, 5, 0, &got) == LT_INVALID, "k = 0 is refused");
    ok(lt_ndcg(env, rank, debt, 1, 3, &got) == LT_INVALID, "a negative gain is refused");
    ok(lt_ndcg(env, rank, nan, 1, 3, &got) == LT_INVALID, "a NaN gain is refused");
    ok(lt_ndcg(env, rank, huge, 3, 3, &got) == LT_INVALID, "gains beyond all numbers are refused");

    for (int round = 0; round < 500; round++) {
        int32_t order[MOST], k = 1 + (int32_t)lt_random_below(random, MOST);
        double g[MOST];
        int64_t n = 1 + lt_random_below(random, MOST);

        for (int32_t i = 0; i < n; i++) {
            order[i] = i + 1;
            g[i] = (double)lt_random_below(random, 4) + (i == 0);
        }
        lt_random_shuffle(random, order, n);
        above += lt_ndcg(env, order, g, n, k, &got) != LT_OK || !(got >= 0 && got <= 1 + 1e-15);
        for (int32_t i = 0; i < n; i++) { /* by gain descending */
            order[i] = 1;
            for (int32_t j = 0; j < n; j++)
                order[i] += g[j] > g[i] || (g[j] == g[i] && j < i);
        }
        not_best += lt_ndcg(env, order, g, n, k, &got) != LT_OK || got != 1;
    }
    ok(above == 0, "no list is above 1");
    ok(not_best == 0, "the best list is 1");
}

/* The figures are scikit-learn's on the same numbers. */
static void test_sklearn(lt_env *env)
{
    static const double predicted[] = {
        0.07532593856655301, 0.15094464285714293, 0.25040476190476224, 0.34961397058823485, 0.45143947368421117,
        0.5525797598627782,  0.6516407129455924,  0.7502087378640768,  0.8482295081967227,  0.922653846153845};
    static const double observed[] = {
        0.32081911262798635, 0.35892857142857143, 0.43562610229276894, 0.43014705882352944, 0.47192982456140353,
        0.5403087478559176,  0.5853658536585366,  0.6310679611650486,  0.663023679417122,   0.7062937062937062};
    static const double ndcg_at[][2] = {{5, 0.6643565003109037}, {10, 0.5442744869460783}, {40, 0.8549039854838635}};
    static scored s;
    int32_t rank[40];
    double gain[40], got = 0;
    lt_calibration_bin *bin = NULL;
    lt_confusion c = {0};
    int64_t n = 0;
    test_context *context = env->context;

    make_scored(&s);
    fine(env, lt_average_precision(env, s.score, s.label, NULL, SCORED, &got));
    near(got, 0.6269542224604249, 1e-12, "average precision as scikit-learn's, 200 distinct scores");
    fine(env, lt_average_precision(env, s.score, s.label, s.weight, SCORED, &got));
    near(got, 0.6260654175654826, 1e-12, "weighted average precision as scikit-learn's");
    fine(env, lt_average_precision(env, s.fine_score, s.label, NULL, SCORED, &got));
    near(got, 0.5160548857956553, 1e-12, "average precision as scikit-learn's, distinct scores");

    fine(env, lt_calibration_curve(env, s.probability, s.label, SCORED, 10, &bin, &n));
    ok(n == 10, "ten bins");
    for (int64_t b = 0; b < n; b++) {
        near(bin[b].mean_predicted, predicted[b], 1e-12, "mean prediction of bin %d as scikit-learn's", bin[b].bin);
        near(bin[b].observed, observed[b], 1e-12, "observed of bin %d as scikit-learn's", bin[b].bin);
    }
    fine(env, lt_confusion_at(env, s.probability, s.label, SCORED, 0.5, &c));
    ok(c.true_negative == 1476 && c.false_positive == 961 && c.false_negative == 1036 && c.true_positive == 1527,
       "confusion as scikit-learn's");
    near(c.precision, 0.6137459807073955, 1e-14, "precision as scikit-learn's");
    near(c.recall, 0.5957861880608661, 1e-14, "recall as scikit-learn's");
    near(c.f1, 0.6046327459908929, 1e-14, "F1 as scikit-learn's");
    near(c.accuracy, 0.6006, 1e-14, "accuracy as scikit-learn's");

    for (int i = 0; i < 40; i++) {
        gain[i] = i * 7 % 5;
        rank[i] = 1;
        for (int j = 0; j < 40; j++)
            rank[i] += sin(j + 1.0) > sin(i + 1.0);
    }
    for (int j = 0; j < 3; j++) {
        fine(env, lt_ndcg(env, rank, gain, 40, (int32_t)ndcg_at[j][0], &got));
        near(got, ndcg_at[j][1], 1e-13, "NDCG at %g as scikit-learn's", ndcg_at[j][0]);
    }

    context->cancel_at = context->polls + 1;
    ok(lt_average_precision(env, s.score, s.label, NULL, SCORED, &got) == LT_CANCELLED,
       "average precision can be cancelled");
    context->cancel_at = context->polls + 1;
    ok(lt_calibration_curve(env, s.score, s.label, SCORED, 10, &bin, &n) == LT_CANCELLED,
       "so can the calibration curve");
    context->cancel_at = context->polls + 1;
    ok(lt_confusion_at(env, s.score, s.label, SCORED, 0.5, &c) == LT_CANCELLED, "and confusion");
    context->cancel_at = context->polls + 1;
    ok(lt_ndcg(env, rank, gain, 40, 5, &got) == LT_CANCELLED, "and NDCG");
    env->budget = env->used + 100;
    ok(lt_ndcg(env, rank, gain, 40, 5, &got) == LT_NO_MEMORY, "NDCG keeps to the budget");
    env->budget = 0;
}

int main(void)
{
    lt_env *env = test_env();
    lt_random random;

    lt_random_seed(&random, 7);
    test_average_precision(env, &random);
    test_calibration(env);
    test_confusion(env);
    test_ndcg(env, &random);
    test_sklearn(env);
    test_env_drop(env);
    return done();
}
