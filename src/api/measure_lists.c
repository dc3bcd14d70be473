/*
 * measure_lists.c: measures of lists over any query: ndcg of one list, bootstrap_difference of two runs.
 */
#include "measure.h"

#include <math.h>

#include "access/htup_details.h"
#include "bootstrap.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "metrics.h"

PG_FUNCTION_INFO_V1(longtail_ndcg_add);
PG_FUNCTION_INFO_V1(longtail_ndcg_final);
PG_FUNCTION_INFO_V1(longtail_bootstrap_add);
PG_FUNCTION_INFO_V1(longtail_bootstrap_final);

/* Whether a column has one value in all rows. */
static bool constant(const ltpg_measured *m, int column, double *other)
{
    for (int64 i = 1; i < m->n; i++) {
        *other = m->column[column][i];
        if (*other != m->column[column][0])
            return false;
    }
    return true;
}

/* ---- ndcg ---- */

/* (internal, rank bigint, relevant bool | float8, k integer); rows are [rank or 0, gain, k] */
Datum longtail_ndcg_add(PG_FUNCTION_ARGS)
{
    ltpg_rows *rows = ltpg_measure_state(fcinfo, 3);
    bool binary = get_fn_expr_argtype(fcinfo->flinfo, 2) == BOOLOID;
    int64 rank = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
    double gain, *row;
    int32 k;

    if (PG_ARGISNULL(2) || PG_ARGISNULL(3))
        PG_RETURN_POINTER(rows);
    gain = binary ? PG_GETARG_BOOL(2) : ltpg_amount_argument(fcinfo, 2, "gain");
    k = PG_GETARG_INT32(3);
    if (!PG_ARGISNULL(1) && (rank < 1 || rank > PG_INT32_MAX))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("rank is " INT64_FORMAT, rank),
                        errdetail("It must be from 1 to %d, or NULL for an item that was not listed.", PG_INT32_MAX)));
    if (k < 1)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k is %d", k), errdetail("It must be at least 1.")));
    row = ltpg_rows_add(rows);
    row[0] = rank;
    row[1] = gain;
    row[2] = k;
    PG_RETURN_POINTER(rows);
}

Datum longtail_ndcg_final(PG_FUNCTION_ARGS)
{
    ltpg_measured m;
    int32 *rank;
    double value, other;

    if (!ltpg_measured_open(fcinfo, &m))
        PG_RETURN_NULL();
    if (!constant(&m, 2, &other))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k differs between the rows of one group"),
                 errdetail("Rows have both %.0f and %.0f.", fmin(m.column[2][0], other), fmax(m.column[2][0], other)),
                 errhint("Give a constant, or one value for each group.")));
    LTPG(m.env, lt_alloc(m.env, &rank, m.n, sizeof *rank, "the ranks"));
    for (int64 i = 0; i < m.n; i++)
        rank[i] = (int32)m.column[0][i];
    if (lt_ndcg(m.env, rank, m.column[1], m.n, (int32)m.column[2][0], &value) != LT_OK) {
        if (m.env->error.status == LT_INVALID)
            lt_fail_hint(m.env, "The rows of one group are one list: GROUP BY its user, and average the results.");
        ltpg_raise(m.env);
    }
    ltpg_measured_close(&m);
    return ltpg_number_or_null(fcinfo, value);
}

/* ---- bootstrap_difference ---- */

static const lt_option bootstrap_options[] = {
    {"samples", LT_OPT_INT, "2000", 1, 1e6, NULL, "how many times the rows are drawn again"},
    {"level", LT_OPT_FLOAT, "0.95", 0.01, 0.9999, NULL, "how often such intervals hold the true difference"},
    {"seed", LT_OPT_INT, "1", 0, 9007199254740992.0, NULL, "seed of the draws"},
};

/* What the options of the last row were; most calls give the same to all rows. */
typedef struct known_options {
    Jsonb *given; /* NULL: none */
    double samples, level, seed;
} known_options;

static bool same_options(const known_options *known, const Jsonb *given)
{
    if (known->given == NULL || given == NULL)
        return known->given == given;
    return VARSIZE(known->given) == VARSIZE(given) && memcmp(known->given, given, VARSIZE(given)) == 0;
}

static const known_options *read_options(FunctionCallInfo fcinfo, const Jsonb *given)
{
    known_options *known = fcinfo->flinfo->fn_extra;
    lt_env *env;
    lt_options o;

    if (known != NULL && same_options(known, given))
        return known;
    env = ltpg_env(CurrentMemoryContext, 0);
    LTPG(env, lt_options_init_own(env, &o, bootstrap_options, lengthof(bootstrap_options)));
    if (given != NULL)
        ltpg_options_set(env, &o, given);
    if (known == NULL)
        known = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof *known);
    if (known->given != NULL)
        pfree(known->given);
    known->given = NULL;
    if (given != NULL) {
        known->given = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, VARSIZE(given));
        memcpy(known->given, given, VARSIZE(given));
    }
    known->samples = (double)lt_option_int(&o, "samples");
    known->level = lt_option_float(&o, "level");
    known->seed = (double)lt_option_int(&o, "seed");
    return known;
}

/* (internal, a float8, b float8 [, options jsonb]); rows are [a - b], with options [a - b, samples, level, seed] */
Datum longtail_bootstrap_add(PG_FUNCTION_ARGS)
{
    bool with_options = PG_NARGS() > 3;
    ltpg_rows *rows = ltpg_measure_state(fcinfo, with_options ? 4 : 1);
    double difference, *row;

    if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
        PG_RETURN_POINTER(rows);
    difference = ltpg_finite_argument(fcinfo, 1, "a") - ltpg_finite_argument(fcinfo, 2, "b");
    if (!isfinite(difference))
        ltpg_out_of_range("a - b", difference, "finite");
    row = ltpg_rows_add(rows);
    row[0] = difference;
    if (with_options) {
        const known_options *o = read_options(fcinfo, PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3));

        row[1] = o->samples;
        row[2] = o->level;
        row[3] = o->seed;
    }
    PG_RETURN_POINTER(rows);
}

static Datum interval_tuple(FunctionCallInfo fcinfo, const lt_bootstrap_interval *b)
{
    TupleDesc description;
    Datum values[5] = {Float8GetDatum(b->difference), Float8GetDatum(b->lower), Float8GetDatum(b->upper),
                       Float8GetDatum(b->p_value), Int64GetDatum(b->n)};
    bool nulls[5] = {isnan(b->difference), isnan(b->lower), isnan(b->upper), isnan(b->p_value), false};

    if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

Datum longtail_bootstrap_final(PG_FUNCTION_ARGS)
{
    static const char *const names[] = {NULL, "samples", "level", "seed"};
    int64 samples = LT_BOOTSTRAP_SAMPLES, seed = 1;
    double level = LT_BOOTSTRAP_LEVEL, other;
    lt_bootstrap_interval interval;
    ltpg_measured m;

    if (!ltpg_measured_open(fcinfo, &m))
        PG_RETURN_NULL();
    if (((ltpg_rows *)PG_GETARG_POINTER(0))->width > 1) {
        for (int c = 1; c <= 3; c++)
            if (!constant(&m, c, &other))
                ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                                errmsg("options differ between the rows of one group"),
                                errdetail("Rows have a \"%s\" of both %g and %g.", names[c],
                                          fmin(m.column[c][0], other), fmax(m.column[c][0], other)),
                                errhint("Give a constant, or one value for each group.")));
        samples = (int64)m.column[1][0];
        level = m.column[2][0];
        seed = (int64)m.column[3][0];
    }
    LTPG(m.env, lt_bootstrap_difference(m.env, m.column[0], m.n, samples, level, (uint64)seed, &interval));
    ltpg_measured_close(&m);
    return interval_tuple(fcinfo, &interval);
}
