/*
 * rows.h: what aggregates and array functions gather: rows of float8 that grow in an aggregate's context, and float8
 * arrays from SQL.
 *
 * Legend: n rows of `width` numbers, row-major.
 *
 * Memory: rows of one state stay within longtail.training_memory, checked before more is taken.  Nothing here depends
 * on the order rows came in: ltpg_rows_order gives an order that only their contents and a seed decide, so that
 * parallel plans and scans that start elsewhere give the same result.
 */
#ifndef LONGTAIL_ROWS_H
#define LONGTAIL_ROWS_H

#include "longtail.h"

#include "lib/stringinfo.h"
#include "utils/array.h"

typedef struct ltpg_rows {
    MemoryContext context;
    int32 width;
    int64 n, capacity;
    double *values;
} ltpg_rows;

/* The context a state of the aggregate that calls lives in; an error when no aggregate does. */
extern MemoryContext ltpg_aggregate_context(FunctionCallInfo fcinfo);

extern void ltpg_rows_init(ltpg_rows *rows, MemoryContext context, int32 width);
/* Room for one more row; the caller fills its `width` numbers. */
extern double *ltpg_rows_add(ltpg_rows *rows);
/* The widths must be equal. */
extern void ltpg_rows_append(ltpg_rows *to, const ltpg_rows *from);
extern Size ltpg_rows_bytes(const ltpg_rows *rows);

/* Between the processes of one parallel query; `from` is freshly initialised except for its context. */
extern void ltpg_rows_send(StringInfo buffer, const ltpg_rows *rows);
extern void ltpg_rows_receive(StringInfo buffer, ltpg_rows *rows);

/* The rows' numbers in an order that depends only on the multiset of rows and the seed, from env. */
extern int64 *ltpg_rows_order(lt_env *env, const ltpg_rows *rows, uint64 seed);

/*
 * The values of a one-dimensional float8 array without NULLs; errors name the array as `what` and the
 * position counted from 1.  The values stay those of the array.
 */
extern const float8 *ltpg_float8s(ArrayType *array, const char *what, int *n);
/* Errors unless the array has one dimension (or is empty); gives the number of elements. */
extern int ltpg_array_length(ArrayType *array, const char *what);
/* The first NULL element counted from 1, or 0. */
extern int ltpg_array_first_null(ArrayType *array);

#endif
