/*
 * catalog_query.c: running the catalog's own queries, as the extension's owner.
 *
 * No operator or function in a query is looked up on the caller's search_path: what stands there would run as the
 * owner.
 */
#include "catalog_query.h"

#include <math.h>

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "relation.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

void ltpg_give(ltpg_arguments *a, Oid type, Datum value)
{
    Assert(a->n < MAX_ARGS);
    a->type[a->n] = type;
    a->value[a->n] = value;
    a->null[a->n++] = ' ';
}

void ltpg_give_null(ltpg_arguments *a, Oid type)
{
    ltpg_give(a, type, (Datum)0);
    a->null[a->n - 1] = 'n';
}

void ltpg_give_text(ltpg_arguments *a, const char *value)
{
    if (value == NULL)
        ltpg_give_null(a, TEXTOID);
    else
        ltpg_give(a, TEXTOID, CStringGetTextDatum(value));
}

void ltpg_give_name(ltpg_arguments *a, const char *value)
{
    if (value == NULL)
        ltpg_give_null(a, NAMEOID);
    else
        ltpg_give(a, NAMEOID, DirectFunctionCall1(namein, CStringGetDatum(value)));
}

void ltpg_give_relation(ltpg_arguments *a, Oid relation)
{
    if (relation == LTPG_LEFT_BEHIND)
        ltpg_give(a, REGCLASSOID, ObjectIdGetDatum(InvalidOid));
    else if (OidIsValid(relation))
        ltpg_give(a, REGCLASSOID, ObjectIdGetDatum(relation));
    else
        ltpg_give_null(a, REGCLASSOID);
}

void ltpg_give_float(ltpg_arguments *a, double value)
{
    if (isnan(value))
        ltpg_give_null(a, FLOAT8OID);
    else
        ltpg_give(a, FLOAT8OID, Float8GetDatum(value));
}

Oid ltpg_catalog_owner(void)
{
    Oid schema = get_namespace_oid("longtail", false);
    Oid table = get_relname_relid("model", schema);
    Relation relation = table_open(table, AccessShareLock);
    Oid owner = relation->rd_rel->relowner;

    table_close(relation, AccessShareLock);
    return owner;
}

void ltpg_catalog_run(const char *query, ltpg_arguments *a, bool read_only, int expected)
{
    int nest = NewGUCNestLevel();
    Oid user;
    int context, result;

    GetUserIdAndSecContext(&user, &context);
    SetUserIdAndSecContext(ltpg_catalog_owner(), context | SECURITY_LOCAL_USERID_CHANGE);
    set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                      false);
    result = SPI_execute_with_args(query, a->n, a->type, a->value, a->null, read_only, 0);
    AtEOXact_GUC(true, nest);
    SetUserIdAndSecContext(user, context);
    if (result != expected)
        elog(ERROR, "catalog query failed: %s", SPI_result_code_string(result));
}

Datum ltpg_field(int row, int column, bool *is_null)
{
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, is_null);
}
