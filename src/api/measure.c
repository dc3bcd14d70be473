/*
 * measure.c: accuracy of predictions over any query: auc, average_precision, log_loss; and what all measures share.
 *
 * The definitions, with their sources, stand where they are computed (metrics.c and spread.c of the core).  log_loss is
 * a pair of running sums; everything else needs all values at once and gathers them.
 */
#include "measure.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "metrics.h"
#include "utils/float.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(longtail_rows_combine);
PG_FUNCTION_INFO_V1(longtail_rows_serialize);
PG_FUNCTION_INFO_V1(longtail_rows_deserialize);
PG_FUNCTION_INFO_V1(longtail_auc_add);
PG_FUNCTION_INFO_V1(longtail_auc_final);
PG_FUNCTION_INFO_V1(longtail_average_precision_final);
PG_FUNCTION_INFO_V1(longtail_log_loss_add);
PG_FUNCTION_INFO_V1(longtail_log_loss_combine);
PG_FUNCTION_INFO_V1(longtail_log_loss_final);

/* ---- arguments ---- */

void ltpg_out_of_range(const char *what, double value, const char *range)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is %s", what, float8out_internal(value)),
                    errdetail("It must be %s.", range)));
}

double ltpg_finite_argument(FunctionCallInfo fcinfo, int at, const char *what)
{
    double value = PG_GETARG_FLOAT8(at);

    if (!isfinite(value))
        ltpg_out_of_range(what, value, "finite");
    return value;
}

double ltpg_amount_argument(FunctionCallInfo fcinfo, int at, const char *what)
{
    double amount = PG_GETARG_FLOAT8(at);

    if (!(amount >= 0 && isfinite(amount)))
        ltpg_out_of_range(what, amount, "finite and not negative");
    return amount;
}

bool ltpg_any_null(FunctionCallInfo fcinfo, int from)
{
    for (int i = from; i < PG_NARGS(); i++)
        if (PG_ARGISNULL(i))
            return true;
    return false;
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
    return PG_NARGS() > at ? ltpg_amount_argument(fcinfo, at, "weight") : 1;
}

/* ---- gathered rows ---- */

static ltpg_rows *new_rows(MemoryContext context, int32 width)
{
    ltpg_rows *rows = MemoryContextAlloc(context, sizeof *rows);

    ltpg_rows_init(rows, context, width);
    return rows;
}

ltpg_rows *ltpg_measure_state(FunctionCallInfo fcinfo, int32 width)
{
    MemoryContext context = ltpg_aggregate_context(fcinfo);

    return PG_ARGISNULL(0) ? new_rows(context, width) : (ltpg_rows *)PG_GETARG_POINTER(0);
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

bool ltpg_measured_open(FunctionCallInfo fcinfo, ltpg_measured *m)
{
    const ltpg_rows *rows = PG_ARGISNULL(0) ? NULL : (ltpg_rows *)PG_GETARG_POINTER(0);

    ltpg_aggregate_context(fcinfo);
    if (rows == NULL || rows->n == 0)
        return false;
    Assert(rows->width <= LTPG_MEASURE_COLUMNS);
    m->n = rows->n;
    m->context = AllocSetContextCreate(CurrentMemoryContext, "longtail measure", ALLOCSET_DEFAULT_SIZES);
    m->caller = MemoryContextSwitchTo(m->context);
    m->env = ltpg_env(m->context, ltpg_training_memory);
    m->env->used += ltpg_rows_bytes(rows);
    m->column[0] = rows->values;
    for (int32 c = 0; c < rows->width && rows->width > 1; c++) {
        double *column;

        LTPG(m->env, lt_alloc(m->env, &column, m->n, sizeof *column, "the rows of one group"));
        for (int64 i = 0; i < m->n; i++)
            column[i] = rows->values[i * rows->width + c];
        m->column[c] = column;
    }
    return true;
}

void ltpg_measured_close(ltpg_measured *m)
{
    MemoryContextSwitchTo(m->caller);
    MemoryContextDelete(m->context);
}

Datum ltpg_number_or_null(FunctionCallInfo fcinfo, double value)
{
    if (isnan(value))
        PG_RETURN_NULL();
    PG_RETURN_FLOAT8(value);
}

/* ---- auc, average_precision ---- */

/* (internal, score float8, label bool | integer [, weight float8]); rows are [score, label, weight] */
Datum longtail_auc_add(PG_FUNCTION_ARGS)
{
    ltpg_rows *rows = ltpg_measure_state(fcinfo, 3);
    double score, weight, *row;
    bool label;

    if (ltpg_any_null(fcinfo, 1))
        PG_RETURN_POINTER(rows);
    score = PG_GETARG_FLOAT8(1);
    label = label_argument(fcinfo, 2);
    weight = weight_argument(fcinfo, 3);
    if (isnan(score))
        ltpg_out_of_range("score", score, "a number");
    row = ltpg_rows_add(rows);
    row[0] = score;
    row[1] = label;
    row[2] = weight;
    PG_RETURN_POINTER(rows);
}

typedef lt_status accuracy(lt_env *env, const double *score, const uint8_t *positive, const double *weight, int64_t n,
                           double *out);

static Datum accuracy_final(FunctionCallInfo fcinfo, accuracy *measure)
{
    ltpg_measured m;
    uint8_t *positive;
    double value;

    if (!ltpg_measured_open(fcinfo, &m))
        PG_RETURN_NULL();
    LTPG(m.env, lt_alloc(m.env, &positive, m.n, sizeof *positive, "the labels"));
    for (int64 i = 0; i < m.n; i++)
        positive[i] = m.column[1][i] != 0;
    LTPG(m.env, measure(m.env, m.column[0], positive, m.column[2], m.n, &value));
    ltpg_measured_close(&m);
    return ltpg_number_or_null(fcinfo, value);
}

Datum longtail_auc_final(PG_FUNCTION_ARGS)
{
    return accuracy_final(fcinfo, lt_auc);
}

Datum longtail_average_precision_final(PG_FUNCTION_ARGS)
{
    return accuracy_final(fcinfo, lt_average_precision);
}

/* ---- log_loss: the state is {sum of weight * loss, sum of weight} ---- */

static double *sums(FunctionCallInfo fcinfo, int at)
{
    ArrayType *state = PG_GETARG_ARRAYTYPE_P(at);

    if (ARR_NDIM(state) != 1 || ARR_DIMS(state)[0] != 2 || ARR_HASNULL(state) || ARR_ELEMTYPE(state) != FLOAT8OID)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the state of log_loss is an array of two numbers")));
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
        ltpg_out_of_range("probability", probability, "from 0 to 1");
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
