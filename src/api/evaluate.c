/*
 * evaluate.c: longtail.evaluate: a version measured on rows it was not trained on.
 *
 * Of recommenders the figures are those of users' lists (evaluate_test.c). Labels, where the model has them, also give
 * figures of single predictions (k is NULL).
 */
#include "evaluate.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "metrics.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_evaluate);

static void put(void *context, const char *metric, int k, double figure, int64 n)
{
    ReturnSetInfo *result = context;
    Datum value[4] = {CStringGetTextDatum(metric), Int32GetDatum(k), Float8GetDatum(figure), Int64GetDatum(n)};
    bool null[4] = {false, k == 0, isnan(figure), false};

    tuplestore_putvalues(result->setResult, result->setDesc, value, null);
}

/* ---- rankings ---- */

static int cutoffs(FunctionCallInfo fcinfo, int n, int **out)
{
    Datum *values;
    bool *nulls;
    int count;

    deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), INT4OID, sizeof(int32), true, TYPALIGN_INT, &values, &nulls, &count);
    *out = palloc(Max(count, 1) * sizeof(int));
    for (int i = 0; i < count; i++) {
        (*out)[i] = nulls[i] ? 0 : DatumGetInt32(values[i]);
        if ((*out)[i] < 1)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("every k must be a whole number of at least 1")));
    }
    return count;
}

static void evaluate_rankings(const ltpg_evaluation *e, const ltpg_method *method, const int *k, int n_k,
                              ReturnSetInfo *result)
{
    bool by_group = lt_option_text(&e->options, "user_attribute")[0] != '\0';
    lt_ranking_metrics m = ltpg_evaluation_measure(e, method, k, n_k, by_group);

    for (int j = 0; j < n_k; j++)
        for (int measure = 0; measure < LT_MEASURES; measure++) {
            double figure;
            int64_t n;

            if (measure == LT_RANK_AUC || ((measure == LT_REO || measure == LT_RSP) && e->attribute == NULL))
                continue;
            LTPG(e->env, lt_ranking_value(e->env, &m, measure, j, &figure, &n));
            put(result, lt_measure_names[measure], k[j], figure, n);
        }
    if (by_group)
        ltpg_evaluate_user_groups(e, &m, put, result);
    put(result, "auc", 0, m.auc_users > 0 ? m.auc_sum / m.auc_users : NAN, m.auc_users);
}

/* ---- single predictions ---- */

static void evaluate_predictions(const ltpg_evaluation *e, ReturnSetInfo *result)
{
    const lt_examples *ex = &e->data.train;
    lt_inputs in = lt_dataset_inputs(&e->data);
    lt_link link = e->model->bundle.model.link;
    float *margin;
    double *prediction, auc, squares = 0, absolutes = 0, right = 0, label = 0, deviance = 0;
    uint8 *positive;

    LTPG(e->env, lt_alloc(e->env, &margin, (size_t)ex->n, sizeof *margin, "the predictions"));
    LTPG(e->env, lt_alloc(e->env, &prediction, (size_t)ex->n, sizeof *prediction, "the predictions"));
    LTPG(e->env, lt_alloc(e->env, &positive, (size_t)ex->n, 1, "the predictions"));
    LTPG(e->env, e->model->bundle.model.algorithm->predict(e->env, &e->model->bundle.model, &in, ex, margin));
    for (int64 i = 0; i < ex->n; i++) {
        double error;

        prediction[i] = lt_link_apply(link, margin[i]);
        positive[i] = ex->label[i] > 0;
        error = prediction[i] - ex->label[i];
        squares += error * error;
        absolutes += fabs(error);
        right += (prediction[i] > 0.5) == positive[i];
        deviance += lt_poisson_deviance(prediction[i], ex->label[i]);
        label += ex->label[i];
    }
    if (link == LT_LINK_LOGISTIC) {
        bool ranked = lt_bundle_is_recommender(&e->model->bundle);

        LTPG(e->env, lt_auc(e->env, prediction, positive, NULL, ex->n, &auc));
        put(result, "log_loss", 0, lt_log_loss(prediction, positive, NULL, ex->n), ex->n);
        put(result, ranked ? "label_auc" : "auc", 0, auc, ex->n);
        put(result, "accuracy", 0, ex->n > 0 ? right / ex->n : NAN, ex->n);
        return;
    }
    put(result, "rmse", 0, ex->n > 0 ? sqrt(squares / ex->n) : NAN, ex->n);
    put(result, "mae", 0, ex->n > 0 ? absolutes / ex->n : NAN, ex->n);
    if (link == LT_LINK_EXP)
        put(result, "poisson_deviance", 0, ex->n > 0 ? deviance / ex->n : NAN, ex->n);
    {
        double mean = ex->n > 0 ? label / ex->n : 0, total = 0;

        for (int64 i = 0; i < ex->n; i++)
            total += (ex->label[i] - mean) * (ex->label[i] - mean);
        put(result, "r2", 0, total > 0 ? 1 - squares / total : NAN, ex->n);
    }
}

/* evaluate(model, test, k, method, strength, options) */
Datum longtail_evaluate(PG_FUNCTION_ARGS)
{
    static const char *const names[] = {"model", "test", "k", NULL, NULL, "options"};
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    ltpg_evaluation e;
    ltpg_method method;
    int *k, n_k;

    ltpg_refuse_nulls(fcinfo, names, lengthof(names));
    n_k = cutoffs(fcinfo, 2, &k);
    ltpg_evaluation_open(&e, fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_JSONB_P(5));
    method = ltpg_method_read(fcinfo, e.env, e.model, &ltpg_evaluate_arguments);
    InitMaterializedSRF(fcinfo, 0);
    ltpg_evaluation_read(&e, PG_GETARG_OID(1), &method.options);
    if (lt_bundle_is_recommender(&e.model->bundle))
        evaluate_rankings(&e, &method, k, n_k, result);
    if (e.data.label_kind != LT_LABEL_IMPLICIT && !e.model->bundle.model.algorithm->ranks_only)
        evaluate_predictions(&e, result);
    return (Datum)0;
}
