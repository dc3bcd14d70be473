/*
 * loss.c: losses and links.
 */
#include "loss.h"
#include "plain_exp.h"
#include "vectorize.h"

#include <math.h>

/* The margin's distance to an edge of a link's range that a constant model may start from. */
#define EDGE 1e-6
#define VALUES 64 /* of a loss at a time */

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

/* As LT_LOSS_LOGISTIC above. value is weighted. */
LT_VECTORIZED
static void logistic(int n, const float *restrict margin, const float *restrict label, const float *restrict weight,
                     float scale, float *restrict value, float *restrict slope)
{
    for (int i = 0; i < n; i++) {
        float m = margin[i], e = lt_exp_plain(-fabsf(m));

        slope[i] = scale * weight[i] * ((m >= 0 ? 1 : e) / (1 + e) - label[i]);
        value[i] = weight[i] * ((m > 0 ? m : 0) - label[i] * m + lt_log1p_plain(e));
    }
}

/* Four sums side by side: each addition waits for the last of its own. */
static double total(int n, const float *v)
{
    double sum[4] = {0, 0, 0, 0};
    int i = 0;

    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            sum[k] += v[i + k];
    for (; i < n; i++)
        sum[0] += v[i];
    return sum[0] + sum[1] + (sum[2] + sum[3]);
}

double lt_loss_values(lt_loss loss, double delta, int n, const float *margin, const float *label, const float *weight,
                      double scale, float *slope, double *weights)
{
    float value[VALUES];
    double sum = 0, by_margin;

    *weights += total(n, weight);
    for (int from = 0; from < n && loss == LT_LOSS_LOGISTIC; from += VALUES) {
        int many = n - from < VALUES ? n - from : VALUES;

        logistic(many, margin + from, label + from, weight + from, (float)scale, value, slope + from);
        sum += total(many, value);
    }
    for (int i = 0; i < n && loss != LT_LOSS_LOGISTIC; i++) {
        sum += weight[i] * lt_loss_value(loss, delta, margin[i], label[i], &by_margin);
        slope[i] = (float)(scale * weight[i] * by_margin);
    }
    return sum;
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
