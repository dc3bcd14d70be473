/*
 * logistic_link.h: the log-loss of margins and its first two derivatives, many examples at a time.
 */
#ifndef LT_LOGISTIC_LINK_H
#define LT_LOGISTIC_LINK_H

#include <stdint.h>

/*
 * Returns sum_k weight_k * log-loss_k over n examples, where weight_k is weight[k] (NULL: 1) times class_weight[label].
 * residual[k] = weight_k (p_k - label_k) and curvature[k] = weight_k p_k (1 - p_k), either of them NULL if not asked
 * for; residual may be margin itself.  Exponentials and logarithms are good to 4 units in the last place.  The sum's
 * order depends on n alone.
 */
double lt_logistic_link(int64_t n, const float *label, const float *weight, const double class_weight[2],
                        const double *margin, double *residual, double *curvature);

#endif
