/*
 * rows.c: growing rows of float8 for aggregates, and float8 arrays from SQL.
 */
#include "rows.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "random.h"
#include "utils/memutils.h"

#define FIRST_CAPACITY 8 /* rows; small, for there may be many groups */

MemoryContext ltpg_aggregate_context(FunctionCallInfo fcinfo)
{
    MemoryContext context;

    if (!AggCheckCallContext(fcinfo, &context))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("a part of an aggregate cannot be called by itself")));
    return context;
}

void ltpg_rows_init(ltpg_rows *rows, MemoryContext context, int32 width)
{
    memset(rows, 0, sizeof *rows);
    rows->context = context;
    rows->width = width;
}

Size ltpg_rows_bytes(const ltpg_rows *rows)
{
    return (Size)rows->capacity * rows->width * sizeof(double);
}

static void reserve(ltpg_rows *rows, int64 need)
{
    Size row = (Size)rows->width * sizeof(double);
    Size limit = (Size)ltpg_training_memory * 1024;
    int64 most = limit / row;
    int64 capacity = Max(rows->capacity * 2, FIRST_CAPACITY);

    if (need <= rows->capacity)
        return;
    if (need > most)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("not enough memory for the rows of one group"),
                        errdetail("%zu kB are needed for " INT64_FORMAT " rows of %d numbers; the limit is %d kB.",
                                  (Size)need * row / 1024 + 1, need, rows->width, ltpg_training_memory),
                        errhint("Raise longtail.training_memory, or aggregate fewer rows.")));
    capacity = Min(Max(capacity, need), most);
    if (rows->values == NULL)
        rows->values = MemoryContextAllocHuge(rows->context, (Size)capacity * row);
    else
        rows->values = repalloc_huge(rows->values, (Size)capacity * row);
    rows->capacity = capacity;
}

double *ltpg_rows_add(ltpg_rows *rows)
{
    reserve(rows, rows->n + 1);
    return rows->values + rows->n++ * rows->width;
}

void ltpg_rows_append(ltpg_rows *to, const ltpg_rows *from)
{
    Assert(to->width == from->width);
    if (from->n == 0)
        return;
    reserve(to, to->n + from->n);
    memcpy(to->values + to->n * to->width, from->values, (Size)from->n * from->width * sizeof(double));
    to->n += from->n;
}

void ltpg_rows_send(StringInfo buffer, const ltpg_rows *rows)
{
    Size bytes = (Size)rows->n * rows->width * sizeof(double);

    if (bytes > MaxAllocSize - buffer->len - 64)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("one parallel worker's rows of one group exceed 1 GB"),
                 errdetail("The worker has " INT64_FORMAT " rows of %d numbers, %zu MB.", rows->n, rows->width,
                           bytes / (1024 * 1024)),
                 errhint("SET max_parallel_workers_per_gather = 0 for this query.")));
    pq_sendint32(buffer, rows->width);
    pq_sendint64(buffer, rows->n);
    pq_sendbytes(buffer, (const char *)rows->values, (int)bytes);
}

void ltpg_rows_receive(StringInfo buffer, ltpg_rows *rows)
{
    int64 n;

    rows->width = pq_getmsgint(buffer, 4);
    n = pq_getmsgint64(buffer);
    if (n > 0) {
        reserve(rows, n);
        pq_copymsgbytes(buffer, (char *)rows->values, (int)(n * rows->width * sizeof(double)));
    }
    rows->n = n;
}

/* ---- an order of its own ---- */

typedef struct row_key {
    uint64 key;
    int64 row;
} row_key;

static int compare_keys(const void *a, const void *b, void *arg)
{
    const row_key *x = a, *y = b;
    const ltpg_rows *rows = arg;

    CHECK_FOR_INTERRUPTS();
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return memcmp(rows->values + x->row * rows->width, rows->values + y->row * rows->width,
                  rows->width * sizeof(double));
}

int64 *ltpg_rows_order(lt_env *env, const ltpg_rows *rows, uint64 seed)
{
    row_key *keys;
    int64 *order;

    LTPG(env, lt_alloc(env, &keys, rows->n, sizeof *keys, "the order of the rows"));
    LTPG(env, lt_alloc(env, &order, rows->n, sizeof *order, "the order of the rows"));
    for (int64 i = 0; i < rows->n; i++) {
        if (i % 4096 == 0)
            CHECK_FOR_INTERRUPTS();
        keys[i].key = lt_hash_bytes(rows->values + i * rows->width, rows->width * sizeof(double), seed);
        keys[i].row = i;
    }
    qsort_arg(keys, rows->n, sizeof *keys, compare_keys, (void *)rows);
    for (int64 i = 0; i < rows->n; i++)
        order[i] = keys[i].row;
    lt_free(env, keys);
    return order;
}

/* ---- arrays ---- */

int ltpg_array_length(ArrayType *array, const char *what)
{
    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("%s must be a one-dimensional array", what),
                        errdetail("It has %d dimensions.", ARR_NDIM(array))));
    return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
}

int ltpg_array_first_null(ArrayType *array)
{
    int n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    const bits8 *bitmap = ARR_NULLBITMAP(array);

    for (int i = 0; bitmap != NULL && i < n; i++)
        if ((bitmap[i / 8] & (1 << (i % 8))) == 0)
            return i + 1;
    return 0;
}

const float8 *ltpg_float8s(ArrayType *array, const char *what, int *n)
{
    int null_at;

    *n = ltpg_array_length(array, what);
    null_at = ltpg_array_first_null(array);
    if (null_at > 0)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s[%d] is NULL", what, null_at)));
    return (const float8 *)ARR_DATA_PTR(array);
}
