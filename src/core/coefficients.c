/*
 * coefficients.c: a logistic model's coefficients in the units of its columns.
 *
 * With encoded columns v_j = (x_j - mean_j) scale_j the margin b + sum_j w_j v_j is, in the columns' own units,
 * (b - sum_j w_j scale_j mean_j) + sum_j (w_j scale_j) x_j.  Variances follow through the same linear map: scale_j^2
 * var(w_j), and g' V g for the intercept, where g = (1, -scale_1 mean_1, ...) and V is the covariance of b and the
 * dense coefficients; sparse columns are not shifted and do not enter.
 *
 * z = coefficient / standard error, tested against the normal distribution on both sides (Wald 1943).  With an l2
 * penalty the standard errors are those of the penalised estimate (le Cessie and van Houwelingen 1992), whose
 * coefficients are drawn towards 0: small penalties leave them as in the textbooks.
 */
#include "coefficients.h"

#include <math.h>
#include <string.h>

static lt_coefficient wald(double coefficient, double variance)
{
    lt_coefficient out = {coefficient, sqrt(variance), NAN, NAN, exp(coefficient)};

    if (!(variance > 0)) /* NaN too */
        out.standard_error = NAN;
    out.z = coefficient / out.standard_error;
    out.p_value = erfc(fabs(out.z) / sqrt(2));
    return out;
}

/* The intercept's shift by column j, as a share of w_j. */
static double shift(const double *mean, const double *scale, int64_t j)
{
    return mean[j] * scale[j];
}

/* g' V g; NaN without V, unless no column is shifted. */
static double intercept_variance(const lt_model *m, const double *mean, const double *scale)
{
    const lt_array *diagonal = lt_model_array(m, "covariance_diagonal");
    const lt_array *block = lt_model_array(m, "covariance_dense");
    int64_t d = m->design.dense;
    double sum;

    if (diagonal == NULL)
        return NAN;
    sum = diagonal->d[0];
    for (int64_t j = 0; j < d; j++) {
        double g = -shift(mean, scale, j);

        if (g == 0)
            continue;
        if (block == NULL)
            return NAN;
        sum += 2 * g * block->d[1 + j];
        for (int64_t k = 0; k < d; k++) {
            double h = -shift(mean, scale, k);

            if (h != 0)
                sum += g * h * block->d[(1 + j) * (1 + d) + 1 + k];
        }
    }
    return sum;
}

lt_status lt_coefficients(lt_env *env, const lt_model *m, const double *mean, const double *scale, lt_coefficient *out)
{
    const lt_array *w = lt_model_array(m, "coefficients");
    const lt_array *diagonal = lt_model_array(m, "covariance_diagonal");
    int64_t d = m->design.dense;
    double intercept;

    if (strcmp(m->algorithm->name, "logistic") != 0) {
        lt_fail(env, LT_UNSUPPORTED, "a model of algorithm \"%s\" has no coefficients", m->algorithm->name);
        return lt_fail_hint(env, "Train with algorithm logistic.");
    }
    intercept = w->d[0];
    for (int64_t j = 0; j < d; j++)
        intercept -= w->d[1 + j] * shift(mean, scale, j);
    out[0] = wald(intercept, intercept_variance(m, mean, scale));
    out[0].odds_ratio = NAN;
    for (int64_t j = 1; j < w->cols; j++) {
        double unit = j <= d ? scale[j - 1] : 1;

        out[j] = wald(w->d[j] * unit, diagonal == NULL ? NAN : diagonal->d[j] * unit * unit);
    }
    return LT_OK;
}

void lt_encoder_scales(const lt_encoder *e, double *mean, double *scale)
{
    for (int i = 0; i < e->n_features; i++) {
        const lt_feature *f = &e->feature[i];

        for (int32_t k = 0; k < f->width; k++) {
            mean[f->dense_first + k] = f->mean[k];
            scale[f->dense_first + k] = f->scale[k];
        }
    }
}
