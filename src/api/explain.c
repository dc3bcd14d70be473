/*
 * explain.c: longtail.explain: a score taken apart, by input column or by the user's own items.
 *
 * Whichever it is, contributions sum to the margin of the score.
 */
#include "longtail.h"

#include <math.h>

#include "cache.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_explain);

typedef struct reason {
    int32 place; /* -1: the baseline, else the input column or the place in the history */
    double contribution;
} reason;

typedef struct explanation {
    lt_env *env;
    const ltpg_model *model;
    ReturnSetInfo *result;
} explanation;

static int compare_reasons(const void *a, const void *b)
{
    const reason *left = a, *right = b;

    if ((left->place < 0) != (right->place < 0))
        return left->place < 0 ? -1 : 1;
    if (fabs(left->contribution) != fabs(right->contribution))
        return fabs(left->contribution) > fabs(right->contribution) ? -1 : 1;
    return (left->place > right->place) - (left->place < right->place);
}

static void put_reason(const explanation *e, const char *name, double contribution)
{
    Datum value[2] = {CStringGetTextDatum(name), Float8GetDatum(contribution)};
    bool null[2] = {false};

    tuplestore_putvalues(e->result->setResult, e->result->setDesc, value, null);
}

/* contribution[0] is the baseline; those of 0 are left out, the baseline only if it may be. Sorted, the largest first.
 */
static reason *take_reasons(const double *contribution, int64 n, bool baseline, int64 *taken)
{
    reason *reasons = palloc_extended((1 + (Size)n) * sizeof *reasons, MCXT_ALLOC_HUGE);

    *taken = 0;
    for (int64 i = -1; i < n; i++)
        if (contribution[i + 1] != 0 || (i < 0 && baseline))
            reasons[(*taken)++] = (reason){(int32)i, contribution[i + 1]};
    qsort(reasons, *taken, sizeof *reasons, compare_reasons);
    return reasons;
}

/* ---- by input column ---- */

static const char *column_reason(const explanation *e, int32 column)
{
    const lt_design *d = &e->model->bundle.model.design;

    if (column < 0)
        return "(baseline)";
    /* beyond the inputs: what was learned of the two themselves */
    if (column >= d->dense + d->sparse)
        return column == d->dense + d->sparse ? "user embedding" : "item embedding";
    return ltpg_model_column_name(e->env, e->model, column);
}

static void explain_columns(const explanation *e, lt_subject *subject, int32 item)
{
    const lt_model *weights = &e->model->bundle.model;
    int32 columns = weights->design.dense + weights->design.sparse + 2;
    int32 no_row = -1; /* as in recommend, the row's own features are at their mean */
    lt_table none = {0};
    lt_inputs in = {&weights->design, &none, &e->model->bundle.user, &e->model->bundle.item, subject->features};
    lt_examples one = {.n = 1, .row = &no_row, .user = &subject->user, .item = &item};
    double *contribution = palloc0((1 + (Size)columns) * sizeof *contribution);
    reason *reasons;
    int64 n;

    LTPG(e->env, weights->algorithm->explain(e->env, weights, &in, &one, contribution));
    reasons = take_reasons(contribution, columns, true, &n);
    for (int64 i = 0; i < n; i++)
        put_reason(e, column_reason(e, reasons[i].place), reasons[i].contribution);
}

/* ---- by the user's own items ---- */

static void explain_history(const explanation *e, const lt_subject *subject, int32 item)
{
    double *contribution =
        palloc_extended((1 + (Size)subject->n_history) * sizeof *contribution, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    reason *reasons;
    int64 n;

    LTPG(e->env, e->model->bundle.model.algorithm->explain_history(e->env, &e->model->recommender.scorer, subject, item,
                                                                   contribution));
    reasons = take_reasons(contribution, subject->n_history, false, &n);
    for (int64 i = 0; i < n; i++)
        put_reason(e,
                   reasons[i].place < 0
                       ? "(baseline)"
                       : psprintf("has %s", ltpg_model_item_text(e->model, subject->history[reasons[i].place])),
                   reasons[i].contribution);
}

/* explain(model, user_id, item_id) */
Datum longtail_explain(PG_FUNCTION_ARGS)
{
    explanation e = {.env = ltpg_env(CurrentMemoryContext, 0), .result = (ReturnSetInfo *)fcinfo->resultinfo};
    const lt_algorithm *algorithm;
    ltpg_model *model;
    lt_subject subject;
    int32 item;
    float margin;
    bool popular;

    InitMaterializedSRF(fcinfo, 0);
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
        return (Datum)0;
    e.model = model = ltpg_model_open(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    ltpg_model_check_recommender(model);
    algorithm = model->bundle.model.algorithm;
    subject =
        ltpg_live_subject(model, PG_GETARG_DATUM(1), get_fn_expr_argtype(fcinfo->flinfo, 1), algorithm->uses_history);
    item = ltpg_model_item(model, PG_GETARG_DATUM(2), get_fn_expr_argtype(fcinfo->flinfo, 2));
    if (algorithm->explain_history == NULL && algorithm->explain == NULL)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("algorithm \"%s\" does not explain its scores", algorithm->name)));
    if (algorithm->explain_history == NULL) {
        explain_columns(&e, &subject, item);
        return (Datum)0;
    }
    LTPG(e.env, lt_score_item(e.env, &model->recommender, &subject, item, &margin, &popular));
    if (popular)
        put_reason(&e, "(popularity)", margin);
    else if (item >= 0)
        explain_history(&e, &subject, item);
    return (Datum)0;
}
