/*
 * loss.c: losses and links.
 */
#include "loss.h"

#include <math.h>

/* The margin's distance to an edge of a link's range that a constant model may start from. */
#define EDGE 1e-6

double lt_loss_value(lt_loss loss, double delta, double margin, double label, double *slope)
{
    double e, residual;

    switch (loss) {
    case LT_LOSS_LOGISTIC:
        /* ln(1 + exp(margin)) - y margin, through the exponential that cannot overflow. */
        e = exp(-fabs(margin));
        *slope = (margin >= 0 ? 1 : e) / (1 + e) - label;
        return (margin > 0 ? margin : 0) - label * margin + (e < 1e-8 ? e : log(1 + e));
    case LT_LOSS_POISSON:
        e = exp(margin);
        *slope = e - label;
        return e - label * margin;
    case LT_LOSS_HUBER:
        residual = margin - label;
        if (fabs(residual) > delta) {
            *slope = residual > 0 ? delta : -delta;
            return delta * (fabs(residual) - delta / 2);
        }
        *slope = residual;
        return residual * residual / 2;
    case LT_LOSS_SQUARED:
        break;
    }
    residual = margin - label;
    *slope = residual;
    return residual * residual / 2;
}

lt_link lt_loss_link(lt_loss loss)
{
    switch (loss) {
    case LT_LOSS_LOGISTIC:
        return LT_LINK_LOGISTIC;
    case LT_LOSS_POISSON:
        return LT_LINK_EXP;
    case LT_LOSS_SQUARED:
    case LT_LOSS_HUBER:
        break;
    }
    return LT_LINK_IDENTITY;
}

double lt_link_margin(lt_link link, double mean)
{
    switch (link) {
    case LT_LINK_LOGISTIC:
        mean = mean < EDGE ? EDGE : mean > 1 - EDGE ? 1 - EDGE : mean;
        return log(mean / (1 - mean));
    case LT_LINK_EXP:
        return log(mean < EDGE ? EDGE : mean);
    case LT_LINK_IDENTITY:
        break;
    }
    return mean;
}
