/*
 * metrics.c: AUC, average precision, the ROC and calibration curves, confusion, log-loss, NDCG and the Gini
 * coefficient.
 */
#include "metrics.h"

#include "sort.h"

#include <math.h>

#define STRIDE (1L << 18) /* elements between polls: about a millisecond */

/* The rows in ascending score; number is the weight, negative for the negative class. */
typedef struct ranked {
    lt_keyed *row;
    int64_t n;
    double positives, negatives; /* weight of each class */
} ranked;

static lt_status rank_scores(lt_env *env, const double *score, const uint8_t *positive, const double *weight, int64_t n,
                             ranked *out)
{
    out->n = 0;
    out->positives = out->negatives = 0;
    LT_TRY(lt_alloc(env, &out->row, (size_t)n, sizeof *out->row, "the scores to rank"));
    for (int64_t i = 0; i < n; i++) {
        double w = weight == NULL ? 1 : weight[i];

        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        if (isnan(score[i]))
            return lt_fail(env, LT_INVALID, "a score is NaN");
        if (!(w >= 0 && isfinite(w)))
            return lt_fail(env, LT_INVALID, "a weight is %g", w);
        if (w == 0)
            continue;
        out->row[out->n].key = lt_sort_key(score[i]);
        out->row[out->n++].number = positive[i] ? w : -w;
        *(positive[i] ? &out->positives : &out->negatives) += w;
    }
    return lt_sort(env, out->row, out->n);
}

/* Adds up the weights of the rows that share row i's score, walking by step (+1 or -1); returns the first row beyond.
 */
static int64_t tie_group(const ranked *r, int64_t i, int step, double *positives, double *negatives)
{
    uint64_t key = r->row[i].key;

    *positives = *negatives = 0;
    for (; i >= 0 && i < r->n && r->row[i].key == key; i += step) {
        double w = r->row[i].number;

        *(w > 0 ? positives : negatives) += fabs(w);
    }
    return i;
}

/*
 * The probability that a positive scores above a negative, a tie counting half: the Mann-Whitney statistic with
 * mid-ranks (Hanley and McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC)
 * curve", 1982), each pair weighing the product of its weights.
 */
lt_status lt_auc(lt_env *env, const double *score, const uint8_t *positive, const double *weight, int64_t n,
                 double *out)
{
    double below = 0, area = 0;
    int64_t groups = 0;
    ranked r;

    LT_TRY(rank_scores(env, score, positive, weight, n, &r));
    for (int64_t i = 0; i < r.n;) {
        double p, q;

        if (groups++ % STRIDE == 0)
            LT_TRY(lt_poll(env));
        i = tie_group(&r, i, 1, &p, &q);
        area += p * (below + 0.5 * q);
        below += q;
    }
    *out = r.positives > 0 && r.negatives > 0 ? area / r.positives / r.negatives : NAN;
    lt_free(env, r.row);
    return LT_OK;
}

lt_status lt_roc_curve(lt_env *env, const double *score, const uint8_t *positive, const double *weight, int64_t n,
                       lt_roc_point **points, int64_t *n_points)
{
    double true_positives = 0, false_positives = 0;
    int64_t distinct = 0, at = 0;
    ranked r;

    LT_TRY(rank_scores(env, score, positive, weight, n, &r));
    if (!(r.positives > 0 && r.negatives > 0)) {
        lt_fail(env, LT_INVALID, "a ROC curve needs both classes");
        return lt_fail_detail(env, "All labels with a weight above 0 are %s.",
                              r.positives > 0   ? "positive"
                              : r.negatives > 0 ? "negative"
                                                : "missing");
    }
    for (int64_t i = 0; i < r.n; i++)
        distinct += i == 0 || r.row[i].key != r.row[i - 1].key;
    LT_TRY(lt_alloc(env, points, (size_t)distinct + 1, sizeof **points, "the ROC curve"));
    (*points)[0] = (lt_roc_point){INFINITY, 0, 0};
    for (int64_t i = r.n - 1; i >= 0;) {
        double threshold = lt_sort_number(r.row[i].key);
        double p, q;

        if (at % STRIDE == 0)
            LT_TRY(lt_poll(env));
        i = tie_group(&r, i, -1, &p, &q);
        true_positives += p;
        false_positives += q;
        (*points)[++at] =
            (lt_roc_point){threshold, fmin(1, false_positives / r.negatives), fmin(1, true_positives / r.positives)};
    }
    /* Weights were added up in two orders: the end is (1, 1) whatever was rounded. */
    (*points)[at].false_positive_rate = (*points)[at].true_positive_rate = 1;
    *n_points = distinct + 1;
    lt_free(env, r.row);
    return LT_OK;
}

/*
 * AP = sum_t (R_t - R_(t-1)) P_t over the distinct scores t from the highest down, P_t and R_t precision and recall of
 * those who score at least t: the step sum, rows that tie being found together, as scikit-learn's
 * average_precision_score. Not the area by trapezoids, which is too high (Davis and Goadrich, "The relationship between
 * precision-recall and ROC curves", 2006), and not the mean over a list in the order it came in.
 */
lt_status lt_average_precision(lt_env *env, const double *score, const uint8_t *positive, const double *weight,
                               int64_t n, double *out)
{
    double true_positives = 0, all = 0, sum = 0;
    int64_t groups = 0;
    ranked r;

    LT_TRY(rank_scores(env, score, positive, weight, n, &r));
    for (int64_t i = r.n - 1; i >= 0;) {
        double p, q;

        if (groups++ % STRIDE == 0)
            LT_TRY(lt_poll(env));
        i = tie_group(&r, i, -1, &p, &q);
        true_positives += p;
        all += p + q;
        sum += p * (true_positives / all);
    }
    *out = r.positives > 0 ? sum / r.positives : NAN;
    lt_free(env, r.row);
    return LT_OK;
}

double lt_log_loss(const double *probability, const uint8_t *positive, const double *weight, int64_t n)
{
    double loss = 0, total = 0;

    for (int64_t i = 0; i < n; i++) {
        double w = weight == NULL ? 1 : weight[i];
        double p = fmin(fmax(probability[i], 1e-15), 1 - 1e-15);

        if (isnan(probability[i]))
            return NAN; /* fmax would have hidden it */
        loss -= w * (positive[i] ? log(p) : log1p(-p));
        total += w;
    }
    return total > 0 ? loss / total : NAN;
}

double lt_poisson_deviance(double p, double y)
{
    return 2 * ((y > 0 ? y * log(y / p) : 0) - (y - p));
}

/*
 * G = sum_i (2 i - n - 1) x_i / (n sum_i x_i) over x in ascending order, i from 1: half the mean absolute difference
 * relative to the mean (Gini 1912; as exposure's inequality: Fleder and Hosanagar, "Blockbuster culture's next rise or
 * fall", 2009).
 */
lt_status lt_gini(lt_env *env, const double *amount, int64_t n, double *out)
{
    double sum = 0, ranked_sum = 0;
    lt_keyed *order;

    LT_TRY(lt_alloc(env, &order, (size_t)n, sizeof *order, "the amounts to rank"));
    for (int64_t i = 0; i < n; i++) {
        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        if (!(amount[i] >= 0 && isfinite(amount[i])))
            return lt_fail(env, LT_INVALID, "an amount is %g", amount[i]);
        order[i].key = lt_sort_key(amount[i]);
        order[i].number = amount[i];
    }
    LT_TRY(lt_sort(env, order, n));
    for (int64_t i = 0; i < n; i++) {
        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        sum += order[i].number;
        ranked_sum += (double)(2 * i + 1 - n) * order[i].number;
    }
    lt_free(env, order);
    if (!isfinite((double)n * sum))
        return lt_fail(env, LT_INVALID, "the amounts are too large to add up");
    *out = sum > 0 ? ranked_sum / ((double)n * sum) : NAN;
    return LT_OK;
}

/* The upper end of bin b, from 0, of so many. */
static double bin_end(int32_t b, int32_t bins)
{
    return (double)(b + 1) / bins;
}

/*
 * The reliability diagram's numbers (Murphy and Winkler, "Reliability of subjective probability forecasts of
 * precipitation and temperature", 1977), in bins of equal width closed above, as scikit-learn's calibration_curve with
 * strategy 'uniform'.
 */
lt_status lt_calibration_curve(lt_env *env, const double *probability, const uint8_t *positive, int64_t n, int32_t bins,
                               lt_calibration_bin **out, int64_t *n_out)
{
    lt_calibration_bin *bin;
    int64_t filled = 0;

    if (bins < 1 || bins > LT_MOST_BINS)
        return lt_fail(env, LT_INVALID, "bins is %d: it must be from 1 to %d", (int)bins, LT_MOST_BINS);
    LT_TRY(lt_alloc(env, &bin, (size_t)bins, sizeof *bin, "the calibration curve"));
    for (int64_t i = 0; i < n; i++) {
        double p = probability[i];
        int32_t b;

        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        if (!(p >= 0 && p <= 1))
            return lt_fail(env, LT_INVALID, "a probability is %g", p);
        b = (int32_t)(p * bins);
        if (b > 0 && p <= bin_end(b - 1, bins))
            b--;
        bin[b].n++;
        bin[b].mean_predicted += p; /* sums until the end */
        bin[b].observed += positive[i] != 0;
    }
    for (int32_t b = 0; b < bins; b++) {
        lt_calibration_bin of = bin[b];

        if (of.n == 0)
            continue;
        of.bin = b + 1;
        of.lower = b == 0 ? 0 : bin_end(b - 1, bins);
        of.upper = bin_end(b, bins);
        of.mean_predicted /= (double)of.n;
        of.observed /= (double)of.n;
        bin[filled++] = of;
    }
    *out = bin;
    *n_out = filled;
    return LT_OK;
}

static double share(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : NAN;
}

/*
 * F1 is 2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall (van Rijsbergen, "Information retrieval",
 * 1979): 0 where positives were all missed, although precision has no value when nothing was predicted positive.
 */
lt_status lt_confusion_at(lt_env *env, const double *score, const uint8_t *positive, int64_t n, double threshold,
                          lt_confusion *out)
{
    int64_t count[2][2] = {{0}}; /* by label, by prediction */

    if (isnan(threshold))
        return lt_fail(env, LT_INVALID, "the threshold is NaN");
    for (int64_t i = 0; i < n; i++) {
        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        if (isnan(score[i]))
            return lt_fail(env, LT_INVALID, "a score is NaN");
        count[positive[i] != 0][score[i] >= threshold]++;
    }
    *out = (lt_confusion){
        .true_positive = count[1][1],
        .false_positive = count[0][1],
        .true_negative = count[0][0],
        .false_negative = count[1][0],
        .precision = share(count[1][1], count[1][1] + count[0][1]),
        .recall = share(count[1][1], count[1][1] + count[1][0]),
        .f1 = share(2 * count[1][1], 2 * count[1][1] + count[0][1] + count[1][0]),
        .accuracy = share(count[1][1] + count[0][0], n),
        .specificity = share(count[0][0], count[0][0] + count[0][1]),
    };
    return LT_OK;
}

/*
 * DCG = sum over the first k ranks r of gain / log2(r + 1); NDCG is that over the DCG of the gains in descending order,
 * those of items not listed among them (Jarvelin and Kekalainen, "Cumulated gain-based evaluation of IR techniques",
 * 2002, with log2(r + 1) for their log2 r, so that rank 2 is discounted as well). Gains count as they are: with 0 and 1
 * this is what ranking.c measures; for the variant with 2^g - 1 (Burges et al., "Learning to rank using gradient
 * descent", 2005) such gains are handed in.
 */
lt_status lt_ndcg(lt_env *env, const int32_t *rank, const double *gain, int64_t n, int32_t k, double *out)
{
    double dcg = 0, ideal = 0, sum = 0;
    lt_keyed *order;
    int64_t listed = 0;

    if (k < 1)
        return lt_fail(env, LT_INVALID, "k must be at least 1, not %d", (int)k);
    LT_TRY(lt_alloc(env, &order, (size_t)n, sizeof *order, "the list"));
    for (int64_t i = 0; i < n; i++) {
        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        if (rank[i] < 0)
            return lt_fail(env, LT_INVALID, "a rank is %d", (int)rank[i]);
        if (!(gain[i] >= 0 && isfinite(gain[i])))
            return lt_fail(env, LT_INVALID, "a gain is %g", gain[i]);
        sum += gain[i];
        if (rank[i] > 0)
            order[listed++] = (lt_keyed){.key = (uint64_t)rank[i], .number = gain[i]};
    }
    if (!isfinite(sum))
        return lt_fail(env, LT_INVALID, "the gains are too large to add up");
    LT_TRY(lt_sort(env, order, listed));
    for (int64_t i = 0; i < listed; i++) {
        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        if (i > 0 && order[i].key == order[i - 1].key)
            return lt_fail(env, LT_INVALID, "rank %llu occurs twice in one list", (unsigned long long)order[i].key);
        if (order[i].key <= (uint64_t)k)
            dcg += order[i].number / log2((double)order[i].key + 1);
    }
    for (int64_t i = 0; i < n; i++)
        order[i] = (lt_keyed){.key = lt_sort_key(gain[i]), .number = gain[i]};
    LT_TRY(lt_sort(env, order, n));
    for (int64_t r = 1; r <= n && r <= k; r++) {
        if (r % STRIDE == 0)
            LT_TRY(lt_poll(env));
        ideal += order[n - r].number / log2((double)r + 1);
    }
    *out = ideal > 0 ? dcg / ideal : NAN;
    lt_free(env, order);
    return LT_OK;
}
