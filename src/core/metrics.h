/*
 * metrics.h: accuracy of predictions and of one list, and inequality. Each definition is written, with its source,
 * where it is implemented. Measures of recommended lists over users are in ranking.h, of spread in spread.h.
 *
 * score, positive, weight: n each; weight NULL is 1 for all. A row of weight 0 is as if it were not there.
 */
#ifndef LT_METRICS_H
#define LT_METRICS_H

#include "base.h"

/* Area under the ROC curve, ties counting half. NaN when one class is missing. LT_INVALID for a score that is NaN or a
 * weight that is negative or not finite. */
lt_status lt_auc(lt_env *env, const double *score, const uint8_t *positive, const double *weight, int64_t n,
                 double *out);
/* Mean precision over the positives, of the threshold each is found at. NaN without positives; LT_INVALID as lt_auc. */
lt_status lt_average_precision(lt_env *env, const double *score, const uint8_t *positive, const double *weight,
                               int64_t n, double *out);
/* Mean of -ln p of what happened; p is clipped to [1e-15, 1 - 1e-15], as scikit-learn does for float64. NaN without
 * rows, and when a p is NaN. */
double lt_log_loss(const double *probability, const uint8_t *positive, const double *weight, int64_t n);
/* Of one count y >= 0 whose expected value p > 0 was predicted: McCullagh and Nelder 1989, 2.3. */
double lt_poisson_deviance(double p, double y);
/* Gini coefficient of n amounts (all equal: 0; one has all: (n-1)/n). NaN for n = 0 or sum 0. LT_INVALID for an amount
 * that is negative or not finite. */
lt_status lt_gini(lt_env *env, const double *amount, int64_t n, double *out);

/* A point of the ROC curve, from the highest threshold down; first is (0, 0) at +Infinity, last is (1, 1). */
typedef struct lt_roc_point {
    double threshold, false_positive_rate, true_positive_rate;
} lt_roc_point;
/* One point per distinct score after the first. LT_INVALID with one class, and as lt_auc. */
lt_status lt_roc_curve(lt_env *env, const double *score, const uint8_t *positive, const double *weight, int64_t n,
                       lt_roc_point **points, int64_t *n_points);

/* One bin of a calibration curve: the predictions in (lower, upper], the first bin's in [0, upper]. */
typedef struct lt_calibration_bin {
    int32_t bin; /* from 1 */
    double lower, upper;
    double mean_predicted, observed; /* mean prediction, share of positives */
    int64_t n;                       /* above 0: bins without predictions are left out */
} lt_calibration_bin;
/* The bins of equal width, ascending. LT_INVALID for bins outside 1..LT_MOST_BINS and for p that is no probability. */
#define LT_MOST_BINS 10000
lt_status lt_calibration_curve(lt_env *env, const double *probability, const uint8_t *positive, int64_t n, int32_t bins,
                               lt_calibration_bin **out, int64_t *n_out);

/* What a threshold does; rates are NaN where nothing is in their denominator. */
typedef struct lt_confusion {
    int64_t true_positive, false_positive, true_negative, false_negative;
    double precision, recall, f1, accuracy, specificity;
} lt_confusion;
/* Predicted positive: score >= threshold, as in the ROC curve. LT_INVALID for NaN. */
lt_status lt_confusion_at(lt_env *env, const double *score, const uint8_t *positive, int64_t n, double threshold,
                          lt_confusion *out);

/*
 * NDCG of the first k of one list: n items with a gain >= 0 each, rank from 1 or 0 for an item that was not listed, in
 * any order. NaN when no item has a gain above 0. LT_INVALID for k < 1, ranks below 0 or used twice, and gains that are
 * negative or not finite, or whose sum is not.
 */
lt_status lt_ndcg(lt_env *env, const int32_t *rank, const double *gain, int64_t n, int32_t k, double *out);

#endif
