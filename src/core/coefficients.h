/*
 * coefficients.h: what a logistic model learned, in the units of its columns, with Wald tests.
 *
 * Legend: d dense and s sparse input columns; c = 1 + d + s coefficients, the intercept first.
 */
#ifndef LT_COEFFICIENTS_H
#define LT_COEFFICIENTS_H

#include "encoder.h"
#include "model.h"

/* NaN where a figure is not defined; odds_ratio is NaN for the intercept. */
typedef struct lt_coefficient {
    double coefficient, standard_error, z, p_value, odds_ratio;
} lt_coefficient;

/*
 * out (c) for a checked model whose dense column j was encoded as (x - mean[j]) * scale[j]; mean and scale: d each.
 * LT_UNSUPPORTED for a model that is not logistic.
 */
lt_status lt_coefficients(lt_env *env, const lt_model *m, const double *mean, const double *scale, lt_coefficient *out);

/* The means and scales (e->dense each) of a frozen encoder's dense columns, for the part of mean and scale it fills. */
void lt_encoder_scales(const lt_encoder *e, double *mean, double *scale);

#endif
