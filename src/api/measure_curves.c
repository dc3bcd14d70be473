/*
 * measure_curves.c: what arrays of scores and labels give: roc_curve, calibration_curve, confusion.
 */
#include "measure.h"

#include <math.h>

#include "funcapi.h"
#include "metrics.h"
#include "utils/float.h"

PG_FUNCTION_INFO_V1(longtail_roc_curve);
PG_FUNCTION_INFO_V1(longtail_calibration_curve);
PG_FUNCTION_INFO_V1(longtail_confusion);

ltpg_scored ltpg_scored_arguments(FunctionCallInfo fcinfo)
{
    ArrayType *labels = PG_GETARG_ARRAYTYPE_P(1);
    int n, n_labels = ltpg_array_length(labels, "labels");
    int null_at = ltpg_array_first_null(labels);
    ltpg_scored s = {.score = ltpg_float8s(PG_GETARG_ARRAYTYPE_P(0), "scores", &n)};

    s.n = n;
    s.positive = (const uint8 *)ARR_DATA_PTR(labels);
    if (null_at > 0)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("labels[%d] is NULL", null_at)));
    if (n != n_labels)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("scores and labels differ in length"),
                        errdetail("scores has %d elements, labels has %d.", n, n_labels)));
    for (int i = 0; i < n; i++)
        if (isnan(s.score[i]))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("scores[%d] is NaN", i + 1)));
    return s;
}

void ltpg_check_probabilities(const ltpg_scored *s)
{
    for (int64 i = 0; i < s->n; i++)
        if (!(s->score[i] >= 0 && s->score[i] <= 1))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("scores[" INT64_FORMAT "] is %s", i + 1, float8out_internal(s->score[i])),
                            errdetail("It must be a probability, from 0 to 1.")));
}

/* (scores float8[], labels bool[]) */
Datum longtail_roc_curve(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    lt_env *env = ltpg_env(CurrentMemoryContext, ltpg_training_memory);
    ltpg_scored s = ltpg_scored_arguments(fcinfo);
    lt_roc_point *point;
    int64_t n_points;

    LTPG(env, lt_roc_curve(env, s.score, s.positive, NULL, s.n, &point, &n_points));
    InitMaterializedSRF(fcinfo, 0);
    for (int64 i = 0; i < n_points; i++) {
        Datum values[3] = {Float8GetDatum(point[i].threshold), Float8GetDatum(point[i].false_positive_rate),
                           Float8GetDatum(point[i].true_positive_rate)};
        bool nulls[3] = {false};

        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    PG_RETURN_NULL();
}

/* (scores float8[], labels bool[], bins integer) */
Datum longtail_calibration_curve(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    lt_env *env = ltpg_env(CurrentMemoryContext, ltpg_training_memory);
    ltpg_scored s = ltpg_scored_arguments(fcinfo);
    int32 bins = PG_GETARG_INT32(2);
    lt_calibration_bin *bin;
    int64_t n_bins;

    if (bins < 1 || bins > LT_MOST_BINS)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("bins is %d", bins),
                        errdetail("It must be from 1 to %d.", LT_MOST_BINS)));
    ltpg_check_probabilities(&s);
    LTPG(env, lt_calibration_curve(env, s.score, s.positive, s.n, bins, &bin, &n_bins));
    InitMaterializedSRF(fcinfo, 0);
    for (int64 i = 0; i < n_bins; i++) {
        Datum values[6] = {Int32GetDatum(bin[i].bin),       Float8GetDatum(bin[i].lower),
                           Float8GetDatum(bin[i].upper),    Float8GetDatum(bin[i].mean_predicted),
                           Float8GetDatum(bin[i].observed), Int64GetDatum(bin[i].n)};
        bool nulls[6] = {false};

        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    PG_RETURN_NULL();
}

static void put_confusion(ReturnSetInfo *result, const lt_confusion *c)
{
    double rates[5] = {c->precision, c->recall, c->f1, c->accuracy, c->specificity};
    Datum values[9] = {Int64GetDatum(c->true_positive), Int64GetDatum(c->false_positive),
                       Int64GetDatum(c->true_negative), Int64GetDatum(c->false_negative)};
    bool nulls[9] = {false};

    for (int i = 0; i < 5; i++) {
        values[4 + i] = Float8GetDatum(rates[i]);
        nulls[4 + i] = isnan(rates[i]);
    }
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* (scores float8[], labels bool[], threshold float8) */
Datum longtail_confusion(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    lt_env *env = ltpg_env(CurrentMemoryContext, ltpg_training_memory);
    ltpg_scored s = ltpg_scored_arguments(fcinfo);
    double threshold = PG_GETARG_FLOAT8(2);
    lt_confusion c;

    if (isnan(threshold))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("threshold is NaN"),
                        errdetail("It must be a number.")));
    LTPG(env, lt_confusion_at(env, s.score, s.positive, s.n, threshold, &c));
    InitMaterializedSRF(fcinfo, 0);
    put_confusion(result, &c);
    PG_RETURN_NULL();
}
