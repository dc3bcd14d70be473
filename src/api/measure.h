/*
 * measure.h: what the measures over any query share: arguments, and gathered rows on their way to the core.
 *
 * An aggregate that needs all its values at once gathers them in ltpg_rows (rows.h), combined and sent between
 * processes by longtail_rows_*.  Its final function is: open, one call of the core, close.
 */
#ifndef LONGTAIL_MEASURE_H
#define LONGTAIL_MEASURE_H

#include "rows.h"

#define LTPG_MEASURE_COLUMNS 4 /* the most numbers a row has */

/* An error of the argument `what`: its value, and the range it must be in. */
extern void ltpg_out_of_range(const char *what, double value, const char *range) __attribute__((noreturn));
/* Whether an argument from number `from` on is NULL. */
extern bool ltpg_any_null(FunctionCallInfo fcinfo, int from);
/* The argument of that number; errors unless it is finite, and finite and not negative. */
extern double ltpg_finite_argument(FunctionCallInfo fcinfo, int at, const char *what);
extern double ltpg_amount_argument(FunctionCallInfo fcinfo, int at, const char *what);

/* The state in argument 0 of a transition function; begun where there is none yet. */
extern ltpg_rows *ltpg_measure_state(FunctionCallInfo fcinfo, int32 width);

/* The rows of a state in a final function. */
typedef struct ltpg_measured {
    MemoryContext context, caller;
    lt_env *env; /* of a context that close deletes; the budget is longtail.training_memory */
    int64 n;
    const double *column[LTPG_MEASURE_COLUMNS]; /* n each */
} ltpg_measured;
/* False when no row came in: the result is NULL. */
extern bool ltpg_measured_open(FunctionCallInfo fcinfo, ltpg_measured *m);
extern void ltpg_measured_close(ltpg_measured *m);
/* Predictions and what happened. */
typedef struct ltpg_scored {
    int64 n;
    const double *score;   /* n */
    const uint8 *positive; /* n */
} ltpg_scored;
/* Arguments 0 and 1: scores float8[], none of them NaN, and labels boolean[] (measure_curves.c). */
extern ltpg_scored ltpg_scored_arguments(FunctionCallInfo fcinfo);
/* An error unless all scores are from 0 to 1. */
extern void ltpg_check_probabilities(const ltpg_scored *s);

/* A result: NULL for NaN. */
extern Datum ltpg_number_or_null(FunctionCallInfo fcinfo, double value);

#endif
