/*
 * coefficients.c: longtail.coefficients of a predictor and of a stored model: what a logistic model learned, in the
 * units of its columns, with Wald tests.
 */
#include "coefficients.h"

#include <math.h>

#include "cache.h"
#include "funcapi.h"
#include "predictor.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_predictor_coefficients);
PG_FUNCTION_INFO_V1(longtail_model_coefficients);

/* One row; figures that are not defined are NULL. */
static void put_coefficient(ReturnSetInfo *result, const char *name, const lt_coefficient *c)
{
    double figure[5] = {c->coefficient, c->standard_error, c->z, c->p_value, c->odds_ratio};
    Datum value[6] = {CStringGetTextDatum(name)};
    bool null[6] = {false};

    for (int i = 0; i < 5; i++) {
        value[1 + i] = Float8GetDatum(figure[i]);
        null[1 + i] = isnan(figure[i]);
    }
    tuplestore_putvalues(result->setResult, result->setDesc, value, null);
}

/* coefficients(predictor) */
Datum longtail_predictor_coefficients(PG_FUNCTION_ARGS)
{
    bytea *value = PG_GETARG_BYTEA_PP(0);
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    ltpg_predictor p;
    lt_coefficient *row;

    LTPG(env, ltpg_predictor_decode(env, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &p));
    LTPG(env, lt_alloc(env, &row, 1 + (size_t)ltpg_predictor_width(&p), sizeof *row, "the coefficients"));
    LTPG(env, lt_coefficients(env, &p.model, p.mean, p.scale, row));
    InitMaterializedSRF(fcinfo, 0);
    for (int32 j = 0; j <= ltpg_predictor_width(&p); j++)
        put_coefficient(result, j == 0 ? "(intercept)" : psprintf("features[%d]", j), &row[j]);
    return (Datum)0;
}

/* coefficients(model): one row an input column, the intercept first. */
Datum longtail_model_coefficients(PG_FUNCTION_ARGS)
{
    ltpg_model *model = ltpg_model_open(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    const lt_bundle *b = &model->bundle;
    const lt_design *d = &b->model.design;
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    double *mean = palloc0(Max(d->dense, 1) * sizeof *mean);
    double *scale = palloc0(Max(d->dense, 1) * sizeof *scale);
    lt_coefficient *row;

    InitMaterializedSRF(fcinfo, 0);
    lt_encoder_scales(&b->row_encoder, mean, scale);
    lt_encoder_scales(&b->user_encoder, mean + d->row_dense, scale + d->row_dense);
    lt_encoder_scales(&b->item_encoder, mean + d->row_dense + d->user_dense, scale + d->row_dense + d->user_dense);
    LTPG(env, lt_alloc(env, &row, 1 + (size_t)d->dense + (size_t)d->sparse, sizeof *row, "the coefficients"));
    LTPG(env, lt_coefficients(env, &b->model, mean, scale, row));
    put_coefficient(result, "(intercept)", &row[0]);
    for (int32 c = 0; c < d->dense + d->sparse; c++)
        put_coefficient(result, ltpg_model_column_name(env, model, c), &row[c + 1]);
    return (Datum)0;
}
