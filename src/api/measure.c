/*
 * measure.c: accuracy and inequality over any query: auc, log_loss, gini, roc_curve.
 *
 * The definitions, with their sources, stand where they are computed (metrics.c of the core).  auc and gini need all
 * values at once and gather them (rows.h); log_loss is a pair of running sums.
 */
#include "rows.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "metrics.h"
#include "utils/float.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(longtail_auc_add);
PG_FUNCTION_INFO_V1(longtail_auc_final);
PG_FUNCTION_INFO_V1(longtail_gini_add);
PG_FUNCTION_INFO_V1(longtail_gini_final);
PG_FUNCTION_INFO_V1(longtail_rows_combine);
PG_FUNCTION_INFO_V1(longtail_rows_serialize);
PG_FUNCTION_INFO_V1(longtail_rows_deserialize);
PG_FUNCTION_INFO_V1(longtail_log_loss_add);
PG_FUNCTION_INFO_V1(longtail_log_loss_combine);
PG_FUNCTION_INFO_V1(longtail_log_loss_final);
PG_FUNCTION_INFO_V1(longtail_roc_curve);

/* ---- arguments ---- */

static void out_of_range(const char *what, double value, const char *range)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is %s", what, float8out_internal(value)),
                    errdetail("It must be %s.", range)));
}

/* A boolean or integer label at an argument's place. */
static bool label_argument(FunctionCallInfo fcinfo, int at)
{
    int32 label;

    if (get_fn_expr_argtype(fcinfo->flinfo, at) == BOOLOID)
        return PG_GETARG_BOOL(at);
    label = PG_GETARG_INT32(at);
    if (label != 0 && label != 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("label is %d", label),
                        errdetail("It must be 0 or 1.")));
    return label == 1;
}

/* The weight at an argument's place, 1 when the aggregate has none. */
static double weight_argument(FunctionCallInfo fcinfo, int at)
{
    double weight = PG_NARGS() > at ? PG_GETARG_FLOAT8(at) : 1;

    if (!(weight >= 0 && isfinite(weight)))
        out_of_range("weight", weight, "finite and not negative");
    return weight;
}

static bool any_null(FunctionCallInfo fcinfo, int from)
{
    for (int i = from; i < PG_NARGS(); i++)
        if (PG_ARGISNULL(i))
            return true;
    return false;
}

/* ---- gathered rows ---- */

static ltpg_rows *new_rows(MemoryContext context, int32 width)
{
    ltpg_rows *rows = MemoryContextAlloc(context, sizeof *rows);

    ltpg_rows_init(rows, context, width);
    return rows;
}

Datum longtail_rows_combine(PG_FUNCTION_ARGS)
{
    MemoryContext context = ltpg_aggregate_context(fcinfo);
    ltpg_rows *to = PG_ARGISNULL(0) ? NULL : (ltpg_rows *)PG_GETARG_POINTER(0);
    const ltpg_rows *from = PG_ARGISNULL(1) ? NULL : (ltpg_rows *)PG_GETARG_POINTER(1);

    if (from == NULL && to == NULL)
        PG_RETURN_NULL();
    if (to == NULL)
        to = new_rows(context, from->width);
    if (from != NULL)
        ltpg_rows_append(to, from);
    PG_RETURN_POINTER(to);
}

Datum longtail_rows_serialize(PG_FUNCTION_ARGS)
{
    StringInfoData buffer;

    ltpg_aggregate_context(fcinfo);
    pq_begintypsend(&buffer);
    ltpg_rows_send(&buffer, (ltpg_rows *)PG_GETARG_POINTER(0));
    PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

Datum longtail_rows_deserialize(PG_FUNCTION_ARGS)
{
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    ltpg_rows *rows = new_rows(CurrentMemoryContext, 0);
    StringInfoData buffer = {.data = VARDATA_ANY(bytes), .len = VARSIZE_ANY_EXHDR(bytes)};

    ltpg_aggregate_context(fcinfo);
    ltpg_rows_receive(&buffer, rows);
    pq_getmsgend(&buffer);
    PG_RETURN_POINTER(rows);
}

/* ---- auc ---- */

/* (internal, score float8, label bool | integer [, weight float8]); rows are [score, label, weight] */
Datum longtail_auc_add(PG_FUNCTION_ARGS)
{
    MemoryContext context = ltpg_aggregate_context(fcinfo);
    ltpg_rows *rows = PG_ARGISNULL(0) ? new_rows(context, 3) : (ltpg_rows *)PG_GETARG_POINTER(0);
    double score, weight, *row;
    bool label;

    if (any_null(fcinfo, 1))
        PG_RETURN_POINTER(rows);
    score = PG_GETARG_FLOAT8(1);
    label = label_argument(fcinfo, 2);
    weight = weight_argument(fcinfo, 3);
    if (isnan(score))
        out_of_range("score", score, "a number");
    row = ltpg_rows_add(rows);
    row[0] = score;
    row[1] = label;
    row[2] = weight;
    PG_RETURN_POINTER(rows);
}

Datum longtail_auc_final(PG_FUNCTION_ARGS)
{
    const ltpg_rows *rows = PG_ARGISNULL(0) ? NULL : (ltpg_rows *)PG_GETARG_POINTER(0);
    MemoryContext context, old;
    lt_env *env;
    double *score, *weight, auc;
    uint8_t *positive;

    ltpg_aggregate_context(fcinfo);
    if (rows == NULL)
        PG_RETURN_NULL();
    context = AllocSetContextCreate(CurrentMemoryContext, "longtail auc", ALLOCSET_DEFAULT_SIZES);
    old = MemoryContextSwitchTo(context);
    env = ltpg_env(context, ltpg_training_memory);
    env->used += ltpg_rows_bytes(rows);
    LTPG(env, lt_alloc(env, &score, rows->n, sizeof *score, "the scores"));
    LTPG(env, lt_alloc(env, &weight, rows->n, sizeof *weight, "the weights"));
    LTPG(env, lt_alloc(env, &positive, rows->n, sizeof *positive, "the labels"));
    for (int64 i = 0; i < rows->n; i++) {
        score[i] = rows->values[i * 3];
        positive[i] = rows->values[i * 3 + 1] != 0;
        weight[i] = rows->values[i * 3 + 2];
    }
    LTPG(env, lt_auc(env, score, positive, weight, rows->n, &auc));
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
    if (isnan(auc))
        PG_RETURN_NULL();
    PG_RETURN_FLOAT8(auc);
}

/* ---- gini ---- */

Datum longtail_gini_add(PG_FUNCTION_ARGS)
{
    MemoryContext context = ltpg_aggregate_context(fcinfo);
    ltpg_rows *rows = PG_ARGISNULL(0) ? new_rows(context, 1) : (ltpg_rows *)PG_GETARG_POINTER(0);
    double amount;

    if (PG_ARGISNULL(1))
        PG_RETURN_POINTER(rows);
    amount = PG_GETARG_FLOAT8(1);
    if (!(amount >= 0 && isfinite(amount)))
        out_of_range("amount", amount, "finite and not negative");
    *ltpg_rows_add(rows) = amount;
    PG_RETURN_POINTER(rows);
}

Datum longtail_gini_final(PG_FUNCTION_ARGS)
{
    const ltpg_rows *rows = PG_ARGISNULL(0) ? NULL : (ltpg_rows *)PG_GETARG_POINTER(0);
    MemoryContext context;
    lt_env *env;
    double gini;

    ltpg_aggregate_context(fcinfo);
    if (rows == NULL)
        PG_RETURN_NULL();
    context = AllocSetContextCreate(CurrentMemoryContext, "longtail gini", ALLOCSET_DEFAULT_SIZES);
    env = ltpg_env(context, ltpg_training_memory);
    env->used += ltpg_rows_bytes(rows);
    LTPG(env, lt_gini(env, rows->values, rows->n, &gini));
    MemoryContextDelete(context);
    if (isnan(gini))
        PG_RETURN_NULL();
    PG_RETURN_FLOAT8(gini);
}

/* ---- log_loss: the state is {sum of weight * loss, sum of weight} ---- */

static double *sums(FunctionCallInfo fcinfo, int at)
{
    ArrayType *state = PG_GETARG_ARRAYTYPE_P(at);

    if (ARR_NDIM(state) != 1 || ARR_DIMS(state)[0] != 2 || ARR_HASNULL(state) || ARR_ELEMTYPE(state) != FLOAT8OID)
        elog(ERROR, "expected an array of two float8 values");
    return (double *)ARR_DATA_PTR(state);
}

/* Adds to the state of argument 0, in place where that is the aggregate's own. */
static Datum add_sums(FunctionCallInfo fcinfo, double loss, double weight)
{
    ArrayType *state = AggCheckCallContext(fcinfo, NULL) ? PG_GETARG_ARRAYTYPE_P(0) : PG_GETARG_ARRAYTYPE_P_COPY(0);
    double *to = (double *)ARR_DATA_PTR(state);

    to[0] += loss;
    to[1] += weight;
    PG_RETURN_ARRAYTYPE_P(state);
}

/* strict (float8[], probability float8, label bool | integer [, weight float8]) */
Datum longtail_log_loss_add(PG_FUNCTION_ARGS)
{
    double probability = PG_GETARG_FLOAT8(1);
    uint8_t positive = label_argument(fcinfo, 2);
    double weight = weight_argument(fcinfo, 3);

    sums(fcinfo, 0);
    if (!(probability >= 0 && probability <= 1))
        out_of_range("probability", probability, "from 0 to 1");
    return add_sums(fcinfo, weight * lt_log_loss(&probability, &positive, NULL, 1), weight);
}

Datum longtail_log_loss_combine(PG_FUNCTION_ARGS)
{
    const double *from = sums(fcinfo, 1);

    sums(fcinfo, 0);
    return add_sums(fcinfo, from[0], from[1]);
}

Datum longtail_log_loss_final(PG_FUNCTION_ARGS)
{
    const double *state = sums(fcinfo, 0);

    if (state[1] == 0)
        PG_RETURN_NULL();
    PG_RETURN_FLOAT8(state[0] / state[1]);
}

/* ---- roc_curve ---- */

/* (scores float8[], labels bool[]) */
Datum longtail_roc_curve(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    ArrayType *label_array = PG_GETARG_ARRAYTYPE_P(1);
    lt_env *env = ltpg_env(CurrentMemoryContext, ltpg_training_memory);
    int n, n_labels, null_at;
    const float8 *scores = ltpg_float8s(PG_GETARG_ARRAYTYPE_P(0), "scores", &n);
    lt_roc_point *point;
    int64_t n_points;

    n_labels = ltpg_array_length(label_array, "labels");
    null_at = ltpg_array_first_null(label_array);
    if (null_at > 0)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("labels[%d] is NULL", null_at)));
    if (n != n_labels)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("scores and labels differ in length"),
                        errdetail("scores has %d elements, labels has %d.", n, n_labels)));
    for (int i = 0; i < n; i++)
        if (isnan(scores[i]))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("scores[%d] is NaN", i + 1)));
    LTPG(env, lt_roc_curve(env, scores, (const uint8_t *)ARR_DATA_PTR(label_array), NULL, n, &point, &n_points));
    InitMaterializedSRF(fcinfo, 0);
    for (int64 i = 0; i < n_points; i++) {
        Datum values[3] = {Float8GetDatum(point[i].threshold), Float8GetDatum(point[i].false_positive_rate),
                           Float8GetDatum(point[i].true_positive_rate)};
        bool nulls[3] = {false};

        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    PG_RETURN_NULL();
}
