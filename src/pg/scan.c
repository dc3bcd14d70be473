/*
 * scan.c: running a query row by row without keeping its result, and naming relations and columns.
 *
 * A DestReceiver of our own takes the executor's slots as they come: no tuplestore, no copy. The scan is serial and
 * unsynchronised because the order of rows decides floating-point sums and shuffles: the same table must give the same
 * weights.
 */
#include "source.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/pg_index.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "relation.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

typedef struct row_receiver {
    DestReceiver pub;
    const Oid *types;
    int n;
    ltpg_row_function each;
    void *context;
    MemoryContext row_memory;
} row_receiver;

static bool receive_row(TupleTableSlot *slot, DestReceiver *self)
{
    row_receiver *r = (row_receiver *)self;
    MemoryContext old = MemoryContextSwitchTo(r->row_memory);

    slot_getallattrs(slot);
    r->each(r->context, slot);
    MemoryContextSwitchTo(old);
    MemoryContextReset(r->row_memory);
    return true;
}

static void receive_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
    const row_receiver *r = (row_receiver *)self;

    for (int i = 0; i < r->n; i++) {
        Form_pg_attribute column = TupleDescAttr(typeinfo, i);

        if (OidIsValid(r->types[i]) && getBaseType(column->atttypid) != r->types[i])
            ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                            errmsg("column \"%s\" was changed to type %s while it was going to be read",
                                   NameStr(column->attname), format_type_be(column->atttypid)),
                            errdetail("It was of type %s.", format_type_be(r->types[i])), errhint("Try again.")));
    }
}

static void receive_nothing(DestReceiver *self)
{
}

void ltpg_scan(const char *query, const Oid *types, int n, ltpg_row_function each, void *context)
{
    row_receiver receiver = {
        /* any kind but DestNone, which SPI takes for a utility command, and DestSPI, which it counts itself */
        .pub = {receive_row, receive_startup, receive_nothing, receive_nothing, DestTuplestore},
        .types = types,
        .n = n,
        .each = each,
        .context = context,
    };
    SPIExecuteOptions options = {.read_only = true, .dest = &receiver.pub};
    int nest = NewGUCNestLevel();
    int result;

    receiver.row_memory = AllocSetContextCreate(CurrentMemoryContext, "longtail row", ALLOCSET_DEFAULT_SIZES);
    set_config_option("synchronize_seqscans", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    set_config_option("max_parallel_workers_per_gather", "0", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                      false);
    SPI_connect();
    result = SPI_execute_extended(query, &options);
    if (result != SPI_OK_SELECT)
        elog(ERROR, "reading rows failed: %s", SPI_result_code_string(result));
    SPI_finish();
    AtEOXact_GUC(true, nest);
    MemoryContextDelete(receiver.row_memory);
}

char *ltpg_relation_name(Oid relation, const char *role)
{
    char *name = get_rel_name(relation);

    if (relation == LTPG_LEFT_BEHIND)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the %s is not in this database", role),
                        errdetail("The model came from another database without it."),
                        errhint("Name a relation by calling longtail.train again, or import the model again where "
                                "there is one.")));
    if (name == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the %s does not exist any more", role),
                        errhint("Name an existing one by calling longtail.train again.")));
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name);
}

static char *column_list(TupleDesc columns)
{
    StringInfoData list;

    initStringInfo(&list);
    for (int i = 0; i < columns->natts; i++)
        if (!TupleDescAttr(columns, i)->attisdropped)
            appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", NameStr(TupleDescAttr(columns, i)->attname));
    return list.data;
}

/* A number that was given for a relation, or stands for one that was dropped, is not an internal error. */
static Relation open_relation(Oid relation)
{
    Relation r = try_table_open(relation, AccessShareLock);

    if (r == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relation)));
    return r;
}

AttrNumber ltpg_column_find(Oid relation, const char *column, const char *role, Oid *type)
{
    AttrNumber number = get_attnum(relation, column);

    if (number <= 0) {
        Relation r = open_relation(relation);

        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("column \"%s\" named as %s does not exist in %s", column, role,
                               ltpg_relation_name(relation, role)),
                        errhint("Its columns are: %s.", column_list(RelationGetDescr(r)))));
    }
    *type = getBaseType(get_atttype(relation, number));
    return number;
}

const char *ltpg_from_values(Oid relation, const char *role, const char *column, const char *column_role)
{
    const char *name = ltpg_relation_name(relation, role), *quoted = quote_identifier(column);
    Oid type;

    ltpg_column_find(relation, column, column_role, &type);
    if (OidIsValid(get_base_element_type(type)))
        return psprintf("%s AS f, pg_catalog.unnest(f.%s) AS v (value)", name, quoted);
    return psprintf("%s AS f, LATERAL (SELECT f.%s AS value) AS v", name, quoted);
}

/* The only column of the primary key, or NULL. */
static const char *primary_key_column(Oid relation)
{
    Relation r = open_relation(relation);
    List *indexes = RelationGetIndexList(r);
    const char *name = NULL;
    ListCell *cell;

    foreach (cell, indexes) {
        HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
        Form_pg_index index;

        if (!HeapTupleIsValid(tuple))
            continue;
        index = (Form_pg_index)GETSTRUCT(tuple);
        if (index->indisprimary && index->indnkeyatts == 1)
            name = get_attname(relation, index->indkey.values[0], false);
        ReleaseSysCache(tuple);
    }
    table_close(r, AccessShareLock);
    return name;
}

const char *ltpg_features_key(Oid relation, const char *column)
{
    const char *key = column != NULL && get_attnum(relation, column) > 0 ? column : primary_key_column(relation);

    if (key == NULL)
        ereport(
            ERROR,
            (errcode(ERRCODE_UNDEFINED_COLUMN),
             errmsg("cannot tell which column of %s holds the ids", ltpg_relation_name(relation, "features relation")),
             column == NULL ? errhint("It needs a single-column primary key; with model => a model's name, a column "
                                      "named as that model's item_column.")
                            : errhint("It needs a column named \"%s\" or a single-column primary key.", column)));
    return key;
}
