/*
 * metrics.h: accuracy of predictions, and inequality. Each definition is written, with its source, where it is
 * implemented. Measures of recommended lists are in ranking.h.
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

#endif
