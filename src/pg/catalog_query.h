/*
 * catalog_query.h: running the catalog's own queries, as the extension's owner.
 *
 * Queries are fixed text; values are parameters.
 */
#ifndef LTPG_CATALOG_QUERY_H
#define LTPG_CATALOG_QUERY_H

#include "longtail.h"

#define MAX_ARGS 25

/* Arguments of a query, gathered one by one. */
typedef struct ltpg_arguments {
    int n;
    Oid type[MAX_ARGS];
    Datum value[MAX_ARGS];
    char null[MAX_ARGS];
} ltpg_arguments;

extern void ltpg_give(ltpg_arguments *a, Oid type, Datum value);
extern void ltpg_give_null(ltpg_arguments *a, Oid type);
/* NULL for NULL, for InvalidOid and for NaN; 0 for LTPG_LEFT_BEHIND. */
extern void ltpg_give_text(ltpg_arguments *a, const char *value);
extern void ltpg_give_name(ltpg_arguments *a, const char *value);
extern void ltpg_give_relation(ltpg_arguments *a, Oid relation);
extern void ltpg_give_float(ltpg_arguments *a, double value);

/* Who owns the catalog tables. */
extern Oid ltpg_catalog_owner(void);
/*
 * Runs one query as the owner; results are in SPI_tuptable. The caller is connected to SPI.  expected: SPI_OK_SELECT or
 * another; what else comes is an error.
 */
extern void ltpg_catalog_run(const char *query, ltpg_arguments *a, bool read_only, int expected);
/* A field of the result, column counting from 1. */
extern Datum ltpg_field(int row, int column, bool *is_null);

#endif
