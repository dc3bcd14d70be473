/*
 * columns.h: columns of a relation to features of a core encoder.
 */
#ifndef LTPG_COLUMNS_H
#define LTPG_COLUMNS_H

#include "longtail.h"

#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "encoder.h"
#include "executor/tuptable.h"

/* A time as a number is in unix seconds; PostgreSQL counts from later. */
#define UNIX_TO_POSTGRES_SECONDS ((double)(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* Types whose numbers are in the datum itself, or next to it: they are read in place, many rows by one decision. */
typedef enum ltpg_plain {
    LTPG_PLAIN_NONE,
    LTPG_PLAIN_BOOL,
    LTPG_PLAIN_INT2,
    LTPG_PLAIN_INT4,
    LTPG_PLAIN_INT8,
    LTPG_PLAIN_FLOAT4,
    LTPG_PLAIN_FLOAT8,
    LTPG_PLAIN_DATE,
    LTPG_PLAIN_TIMESTAMP,
} ltpg_plain;
extern ltpg_plain ltpg_plain_of(Oid type);

/* One column that feeds a feature. */
typedef struct ltpg_column {
    const char *name;
    Oid type; /* base type */
    lt_kind kind;
    int feature;     /* in the encoder */
    int attnum;      /* in the tuples read, from 1 */
    FmgrInfo output; /* text of a category, or cast to real[] of a vector */
    Oid element;     /* arrays */
    int16 element_length;
    bool element_by_value;
    char element_align;
    FmgrInfo element_output;
    int64 invalid; /* rows with NaN or infinity, counted by ltpg_column_encode */
} ltpg_column;

/*
 * Whether a column of this type can be a feature, and of which kind. `as` is what was asked for or fitted: LT_CATEGORY
 * makes numbers categories, LT_TEXT makes text types text; any other asks for nothing.
 */
extern bool ltpg_column_kind(Oid type, lt_kind as, lt_kind *kind);
/* text, varchar, char and their like, which LT_TEXT takes. */
extern bool ltpg_is_text(Oid type);
/* Looks up what decoding needs; type and kind must be those of a feature. */
extern void ltpg_column_init(ltpg_column *column, const char *name, Oid type, lt_kind kind);
/* Gives one value to the encoder's row being built. False when it holds NaN or an infinity; the value is then dropped.
 */
extern bool ltpg_column_encode(lt_env *env, lt_encoder *encoder, ltpg_column *column, Datum value, bool is_null);

/* As ltpg_number for each of count values; a NULL is NaN. False: some are NaN or infinite without being NULL. */
extern bool ltpg_plain_numbers(ltpg_plain plain, const Datum *value, const bool *is_null, int count, double *out);

/* A number of any numeric type or boolean; timestamps and dates as unix seconds. False when it is NaN or infinite. */
extern bool ltpg_number(Datum value, Oid type, double *out);
/* Whether ltpg_number takes the type. */
extern bool ltpg_is_number(Oid type);
extern bool ltpg_is_time(Oid type);

#endif
