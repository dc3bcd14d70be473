/*
 * loss.h: what training minimises, per example, as a function of the margin.
 */
#ifndef LT_LOSS_H
#define LT_LOSS_H

#include "model.h"

typedef enum lt_loss {
    LT_LOSS_LOGISTIC, /* -(y ln p + (1-y) ln(1-p)), p = 1 / (1 + exp(-margin)); y in [0, 1] */
    LT_LOSS_SQUARED,  /* (margin - y)^2 / 2 */
    LT_LOSS_HUBER,    /* the same up to |margin - y| = delta, then delta (|margin - y| - delta/2) (Huber 1964) */
    LT_LOSS_POISSON,  /* exp(margin) - y margin: the negative log-likelihood without ln y!; y >= 0 */
} lt_loss;

/* The loss of one example; *slope is its derivative by the margin. delta is Huber's, in the label's unit. */
double lt_loss_value(lt_loss loss, double delta, double margin, double label, double *slope);

/* The sum of weight * loss of n examples; that of their weights is added to *weights. slope (n) is scale * weight *
 * derivative. In float, but for the sums. */
double lt_loss_values(lt_loss loss, double delta, int n, const float *margin, const float *label, const float *weight,
                      double scale, float *slope, double *weights);

lt_link lt_loss_link(lt_loss loss);

/* The margin whose prediction is `mean`; for a mean at the edge of the link's range (no positive, no count at all) the
 * margin of 1e-6 short of it, since the edge itself is infinite. */
double lt_link_margin(lt_link link, double mean);

#endif
