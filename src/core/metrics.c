/*
 * metrics.c: AUC, the ROC curve, log-loss and the Gini coefficient.
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
    *out = sum > 0 ? ranked_sum / ((double)n * sum) : NAN;
    lt_free(env, order);
    return LT_OK;
}
