/*
 * explain.c: longtail.explain: a score taken apart by input column.
 */
#include "longtail.h"

#include <math.h>

#include "cache.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_explain);

typedef struct reason {
    int32 column; /* -1: the baseline; beyond the inputs: the user's, then the item's embedding */
    double contribution;
} reason;

static int compare_reasons(const void *a, const void *b)
{
    const reason *left = a, *right = b;

    if ((left->column < 0) != (right->column < 0))
        return left->column < 0 ? -1 : 1;
    if (fabs(left->contribution) != fabs(right->contribution))
        return fabs(left->contribution) > fabs(right->contribution) ? -1 : 1;
    return (left->column > right->column) - (left->column < right->column);
}

static const char *reason_name(lt_env *env, const ltpg_model *model, int32 column)
{
    const lt_design *d = &model->bundle.model.design;

    if (column < 0)
        return "(baseline)";
    if (column >= d->dense + d->sparse)
        return column == d->dense + d->sparse ? "user embedding" : "item embedding";
    return ltpg_model_column_name(env, model, column);
}

/* explain(model, user_id, item_id) */
Datum longtail_explain(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    ltpg_model *model;
    lt_table none = {0};
    lt_inputs in = {0};
    lt_examples one = {.n = 1};
    Oid user_type;
    int32 user, item, n = 0, columns;
    int32 no_row = -1; /* as in recommend, the row's own features are at their mean */
    double *contribution;
    reason *reasons;

    InitMaterializedSRF(fcinfo, 0);
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
        return (Datum)0;
    model = ltpg_model_open(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    ltpg_model_check_recommender(model);
    user_type = get_fn_expr_argtype(fcinfo->flinfo, 1);
    user = ltpg_model_user(model, PG_GETARG_DATUM(1), user_type);
    item = ltpg_model_item(model, PG_GETARG_DATUM(2), get_fn_expr_argtype(fcinfo->flinfo, 2));
    in = (lt_inputs){&model->bundle.model.design, &none, &model->bundle.user, &model->bundle.item, NULL};
    if (user < 0)
        in.stranger = ltpg_live_user(model, PG_GETARG_DATUM(1), user_type);
    one.row = &no_row;
    one.user = &user;
    one.item = &item;
    columns = in.design->dense + in.design->sparse + 2;
    contribution = palloc0((1 + (Size)columns) * sizeof *contribution);
    LTPG(env, model->bundle.model.algorithm->explain(env, &model->bundle.model, &in, &one, contribution));
    reasons = palloc((1 + (Size)columns) * sizeof *reasons);
    for (int32 c = -1; c < columns; c++)
        if (c < 0 || contribution[c + 1] != 0)
            reasons[n++] = (reason){c, contribution[c + 1]};
    qsort(reasons, n, sizeof *reasons, compare_reasons);
    for (int32 i = 0; i < n; i++) {
        Datum value[2] = {CStringGetTextDatum(reason_name(env, model, reasons[i].column)),
                          Float8GetDatum(reasons[i].contribution)};
        bool null[2] = {false};

        tuplestore_putvalues(result->setResult, result->setDesc, value, null);
    }
    return (Datum)0;
}
