/*
 * exposure.c: longtail.exposure: what was really shown, by the user's own log of impressions.
 *
 * One query, run as the caller: the log counted by period and item, beside the items' segments and values of an
 * attribute.  Every period has a row for every group of items in the catalogue, what was not shown at all included.
 * The Gini coefficient of n_1 <= ... <= n_s impressions of the s items shown, of N there are, is that of all N:
 * 2 sum_r (N - s + r) n_r / (N sum n) - (N + 1) / N.
 */
#include "longtail.h"

#include "cache.h"
#include "catalog/pg_type.h"
#include "columns.h"
#include "funcapi.h"
#include "ids.h"
#include "source.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_exposure);

static const char *const periods[] = {"hour", "day", "week", "month", "quarter", "year", "all"};

static const char *period_argument(FunctionCallInfo fcinfo, int n)
{
    const char *given = PG_ARGISNULL(n) ? "NULL" : text_to_cstring(PG_GETARG_TEXT_PP(n));

    for (int p = 0; p < (int)lengthof(periods); p++)
        if (strcmp(given, periods[p]) == 0)
            return periods[p];
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown period \"%s\"", given),
                    errhint("It is hour, day, week, month, quarter, year or all.")));
}

/* SQL: the text of an id of the model's kind, as item_stats gives it; a text that is none stays what it is. */
static const char *id_text(const ltpg_model *model, Oid type, const char *role, const char *column)
{
    lt_id_kind kind = model->bundle.item_id, given = ltpg_id_kind(type);
    const char *text = psprintf("%s::pg_catalog.text", column);

    if (given == LT_ID_NONE || (given != kind && given != LT_ID_TEXT && kind != LT_ID_TEXT))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("%s is of type %s, which has no ids of the items of model \"%s\"", role,
                               format_type_be(type), model->definition->name),
                        errhint("Ids are integers, text or uuid.")));
    if (kind == given || kind == LT_ID_TEXT)
        return text;
    if (kind == LT_ID_UUID)
        return psprintf("pg_catalog.lower(%s)", text);
    return psprintf("CASE WHEN %s ~ '^[[:space:]]*[+-]?[0-9]{1,18}[[:space:]]*$' THEN "
                    "%s::pg_catalog.int8::pg_catalog.text ELSE %s END",
                    text, text, text);
}

/* SQL: the start of the period that a row of the log is of. */
static const char *period_of(FunctionCallInfo fcinfo, Oid log, int n, const char *period)
{
    const char *column;
    Oid type;

    if (PG_ARGISNULL(n) || strcmp(period, "all") == 0)
        return "NULL::pg_catalog.timestamptz";
    column = NameStr(*PG_GETARG_NAME(n));
    ltpg_column_find(log, column, "time_column", &type);
    column = psprintf("l.%s", quote_identifier(column));
    if (ltpg_is_number(type) && type != BOOLOID)
        column = psprintf("pg_catalog.to_timestamp(%s::pg_catalog.float8)", column);
    else if (!ltpg_is_time(type))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("time_column is of type %s", format_type_be(type)),
                        errhint("It must be a timestamp, a date, or a number: seconds since 1970.")));
    return psprintf("pg_catalog.date_trunc(%s, %s::pg_catalog.timestamptz)", quote_literal_cstr(period), column);
}

/* SQL: item_id and value of the attribute, each pair once; nothing without an attribute. */
static const char *values_query(FunctionCallInfo fcinfo, const ltpg_model *model, int attribute, int attributes)
{
    Oid relation = PG_ARGISNULL(attributes) ? model->definition->item_features : PG_GETARG_OID(attributes), type;
    const char *key, *from;

    if (PG_ARGISNULL(attribute)) {
        if (!PG_ARGISNULL(attributes))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("attributes is given, attribute is NULL"),
                            errhint("Name the column to group items by.")));
        return "SELECT NULL::pg_catalog.text AS item_id, NULL::pg_catalog.text AS value WHERE false";
    }
    if (!OidIsValid(relation))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("attribute needs a relation to read it from"),
                        errdetail("Model \"%s\" has no item_features.", model->definition->name),
                        errhint("Name one in the argument attributes.")));
    from = ltpg_from_values(relation, "relation of attributes", NameStr(*PG_GETARG_NAME(attribute)), "attribute");
    key = ltpg_features_key(relation, model->definition->item_column);
    ltpg_column_find(relation, key, "the items' id", &type);
    return psprintf(
        "SELECT DISTINCT %s AS item_id, v.value::pg_catalog.text AS value FROM %s WHERE v.value IS NOT NULL",
        id_text(model, type, "the items' id", psprintf("f.%s", quote_identifier(key))), from);
}

/*
 * SQL: all rows, in order.  What the log has of an item is `item` (l is a row of it), as an id of item_stats
 * `item_text`; `period` as of period_of, `values` as of values_query.
 */
static const char *exposure_query(const ltpg_model *model, Oid log, const char *item, const char *item_text,
                                  const char *period, const char *values)
{
    /*
     * A period is a number in here, as NULL is one, and rows of no impressions are added rather than joined for that.
     * Operators have operands of one type: those of two could be others' in the caller's search_path.
     */
    return psprintf(
        "WITH known AS MATERIALIZED (SELECT item_id, segment FROM longtail.item_stats(%s)),"
        " valued AS MATERIALIZED (%s),"
        " shown AS (SELECT %s AS period, %s AS item_id, pg_catalog.count(*) AS n FROM %s AS l WHERE %s IS NOT NULL"
        " GROUP BY 1, 2),"
        " numbered AS MATERIALIZED (SELECT *, pg_catalog.dense_rank() OVER (ORDER BY period) AS p FROM shown),"
        " whole AS (SELECT p, pg_catalog.min(period) AS period, pg_catalog.sum(n) AS n FROM numbered GROUP BY p),"
        " placed AS (SELECT p, coalesce(segment, 'unknown') AS segment, value, n,"
        " pg_catalog.row_number() OVER (PARTITION BY p, segment, value ORDER BY n) AS r"
        " FROM numbered LEFT JOIN known USING (item_id) LEFT JOIN valued USING (item_id)),"
        " groups AS (SELECT segment, value, pg_catalog.count(*) AS items FROM known LEFT JOIN valued USING (item_id)"
        " GROUP BY 1, 2),"
        " parts AS ("
        "SELECT p, segment, value, pg_catalog.sum(n) AS n, pg_catalog.count(*) AS shown, pg_catalog.sum(n * r) AS nr,"
        " NULL::pg_catalog.int8 AS items FROM placed GROUP BY 1, 2, 3"
        " UNION ALL SELECT p, segment, value, 0, 0, 0, items FROM whole CROSS JOIN groups),"
        " cells AS (SELECT p, segment, value, pg_catalog.sum(n)::pg_catalog.float8 AS n,"
        " pg_catalog.sum(shown)::pg_catalog.float8 AS shown, pg_catalog.sum(nr)::pg_catalog.float8 AS nr,"
        " pg_catalog.max(items)::pg_catalog.float8 AS items FROM parts GROUP BY 1, 2, 3)"
        " SELECT whole.period, segment, value, c.n::pg_catalog.int8, c.n / whole.n::pg_catalog.float8,"
        " shown::pg_catalog.int8, items::pg_catalog.int8, shown / items,"
        " 2::pg_catalog.float8 * ((items - shown) * c.n + nr) / (items * nullif(c.n, 0::pg_catalog.float8))"
        " - (items + 1::pg_catalog.float8) / items"
        " FROM cells AS c JOIN whole USING (p)"
        " ORDER BY p, pg_catalog.array_position(ARRAY['head', 'mid', 'tail', 'unknown'], segment), value",
        quote_literal_cstr(model->definition->name), values, period, item_text, ltpg_relation_name(log, "log"), item);
}

static void put_row(void *context, TupleTableSlot *slot)
{
    tuplestore_puttupleslot(((ReturnSetInfo *)context)->setResult, slot);
}

/* exposure(model, log, item_column, time_column, period, attribute, attributes) */
Datum longtail_exposure(PG_FUNCTION_ARGS)
{
    static const char *const names[] = {"model", "log", "item_column"};
    ltpg_model *model;
    const char *item, *period, *query;
    Oid log, type;
    int nest;

    ltpg_refuse_nulls(fcinfo, names, lengthof(names));
    model = ltpg_model_open(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    ltpg_model_check_recommender(model);
    log = PG_GETARG_OID(1);
    item = NameStr(*PG_GETARG_NAME(2));
    period = period_argument(fcinfo, 4);
    ltpg_column_find(log, item, "item_column", &type);
    item = psprintf("l.%s", quote_identifier(item));
    InitMaterializedSRF(fcinfo, 0);
    query = exposure_query(model, log, item, id_text(model, type, "item_column", item),
                           period_of(fcinfo, log, 3, period), values_query(fcinfo, model, 5, 6));
    /* how many groups there are is not known before, so that a plan looks dear enough to be compiled, which takes
     * longer */
    nest = NewGUCNestLevel();
    set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    ltpg_scan(query, NULL, 0, put_row, fcinfo->resultinfo);
    AtEOXact_GUC(true, nest);
    return (Datum)0;
}
