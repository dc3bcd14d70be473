/*
 * table.h: encoded rows. Legend, here and everywhere: n rows, d dense columns, s sparse columns.
 *
 * A row is d floats plus, when s > 0, sparse entries (column, value) with columns 0..s-1 in ascending order.
 */
#ifndef LT_TABLE_H
#define LT_TABLE_H

#include "base.h"
#include "codec.h"

typedef struct lt_table {
    int64_t n;
    int32_t dense;          /* d */
    int32_t sparse;         /* s */
    float *x;               /* n x d, row-major; NULL when d = 0 */
    int64_t *start;         /* n+1; NULL when s = 0 */
    int32_t *col;           /* start[n] */
    float *val;             /* start[n] */
    struct lt_spill *spill; /* x, col and val are in mapped files (spill.h); NULL: in memory */
} lt_table;

/*
 * Rows first .. end-1 are done with for now: where they are in a file, their memory is given back. For whoever goes
 * through rows in order; may be called in a task.
 */
void lt_table_drop(const lt_table *t, int64_t first, int64_t end);
/*
 * `rows` rows are visited side by side, or written anywhere: the table is dropped once that comes to much. lt_gather
 * does it; whoever wants rows here and there uses spill->read.  Tasks may call it.
 */
void lt_table_touch(const lt_table *t, int64_t rows, bool side_by_side);

/* Appends one row (a table with n = 1 and the same columns each time) to a table grown with lt_grow. */
typedef struct lt_table_builder {
    lt_table t;
    size_t cap_x, cap_start, cap_col, cap_val;
} lt_table_builder;
lt_status lt_table_append(lt_env *env, lt_table_builder *b, const lt_table *one_row);

/* Further rows for a table that is there: the builder takes over its arrays. */
lt_table_builder lt_table_reopen(const lt_table *t);

/* Row `row` of t as a table of one, which points into t and start. */
lt_table lt_table_row(const lt_table *t, int64_t row, int64_t start[2]);

/* Rows rows[0..n) of t in memory of their own; a number below 0 gives a row of zeros. */
lt_status lt_table_pick(lt_env *env, const lt_table *t, const int32_t *rows, int64_t n, lt_table *out);

void lt_table_write(lt_writer *w, const lt_table *t);
/* Checks everything: starts ascend, columns in range and ascending within a row, values finite. */
lt_status lt_table_read(lt_reader *r, lt_table *t);

#endif
