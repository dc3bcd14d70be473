/*
 * measure_spread.c: how evenly amounts are spread, over any query: gini, entropy, mean_absolute_deviation,
 * coefficient_of_variation; and how far two ways of spreading are from each other: kl_divergence, js_divergence.
 */
#include "measure.h"

#include "metrics.h"
#include "spread.h"

PG_FUNCTION_INFO_V1(longtail_amount_add);
PG_FUNCTION_INFO_V1(longtail_number_add);
PG_FUNCTION_INFO_V1(longtail_gini_final);
PG_FUNCTION_INFO_V1(longtail_entropy_final);
PG_FUNCTION_INFO_V1(longtail_mean_absolute_deviation_final);
PG_FUNCTION_INFO_V1(longtail_coefficient_of_variation_final);
PG_FUNCTION_INFO_V1(longtail_divergence_add);
PG_FUNCTION_INFO_V1(longtail_kl_divergence_final);
PG_FUNCTION_INFO_V1(longtail_js_divergence_final);

/* ---- one column ---- */

/* (internal, amount float8) */
Datum longtail_amount_add(PG_FUNCTION_ARGS)
{
    ltpg_rows *rows = ltpg_measure_state(fcinfo, 1);

    if (!PG_ARGISNULL(1)) {
        double amount = ltpg_amount_argument(fcinfo, 1, "amount");

        *ltpg_rows_add(rows) = amount;
    }
    PG_RETURN_POINTER(rows);
}

/* The same of amounts that may be below 0. */
Datum longtail_number_add(PG_FUNCTION_ARGS)
{
    ltpg_rows *rows = ltpg_measure_state(fcinfo, 1);

    if (!PG_ARGISNULL(1)) {
        double number = ltpg_finite_argument(fcinfo, 1, "amount");

        *ltpg_rows_add(rows) = number;
    }
    PG_RETURN_POINTER(rows);
}

typedef lt_status spread(lt_env *env, const double *amount, int64_t n, double *out);

static Datum spread_final(FunctionCallInfo fcinfo, spread *measure)
{
    ltpg_measured m;
    double value;

    if (!ltpg_measured_open(fcinfo, &m))
        PG_RETURN_NULL();
    LTPG(m.env, measure(m.env, m.column[0], m.n, &value));
    ltpg_measured_close(&m);
    return ltpg_number_or_null(fcinfo, value);
}

Datum longtail_gini_final(PG_FUNCTION_ARGS)
{
    return spread_final(fcinfo, lt_gini);
}

Datum longtail_entropy_final(PG_FUNCTION_ARGS)
{
    return spread_final(fcinfo, lt_entropy);
}

Datum longtail_mean_absolute_deviation_final(PG_FUNCTION_ARGS)
{
    return spread_final(fcinfo, lt_mean_absolute_deviation);
}

Datum longtail_coefficient_of_variation_final(PG_FUNCTION_ARGS)
{
    return spread_final(fcinfo, lt_coefficient_of_variation);
}

/* ---- two columns ---- */

/* (internal, p float8, q float8) */
Datum longtail_divergence_add(PG_FUNCTION_ARGS)
{
    ltpg_rows *rows = ltpg_measure_state(fcinfo, 2);
    double p, q, *row;

    if (ltpg_any_null(fcinfo, 1))
        PG_RETURN_POINTER(rows);
    p = ltpg_amount_argument(fcinfo, 1, "p");
    q = ltpg_amount_argument(fcinfo, 2, "q");
    row = ltpg_rows_add(rows);
    row[0] = p;
    row[1] = q;
    PG_RETURN_POINTER(rows);
}

typedef lt_status divergence(lt_env *env, const double *p, const double *q, int64_t n, double *out);

static Datum divergence_final(FunctionCallInfo fcinfo, divergence *measure)
{
    ltpg_measured m;
    double value;

    if (!ltpg_measured_open(fcinfo, &m))
        PG_RETURN_NULL();
    LTPG(m.env, measure(m.env, m.column[0], m.column[1], m.n, &value));
    ltpg_measured_close(&m);
    return ltpg_number_or_null(fcinfo, value);
}

Datum longtail_kl_divergence_final(PG_FUNCTION_ARGS)
{
    return divergence_final(fcinfo, lt_kl_divergence);
}

Datum longtail_js_divergence_final(PG_FUNCTION_ARGS)
{
    return divergence_final(fcinfo, lt_js_divergence);
}
