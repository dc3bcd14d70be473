/*
 * live.c: what the live tables say of a user now: the items they have, and their features.
 *
 * Plans are prepared once a model and kept; they run as the calling role, so its privileges and row-level security
 * hold at every call. Both queries want an index led by the user column.
 *
 * A plan holds names and types, and both may change in a session: before each run the relation's name and the user
 * column's type are compared with the plan's; the types of what comes out are taken from the result itself.
 */
#include "cache.h"

#include "ids.h"
#include "lib/qunique.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/*
 * SELECT <select> FROM relation WHERE column = $1, the parameter of the column's type; of the rows whose label is true
 * or 1 where a label is given: an item that was shown and left alone is not one that the user has.
 */
static SPIPlanPtr prepare(const char *select, const char *relation, const char *column, Oid type, const char *label)
{
    const char *query = psprintf(
        "SELECT %s FROM %s WHERE %s OPERATOR(pg_catalog.=) $1%s", select, relation, quote_identifier(column),
        label == NULL ? ""
                      : psprintf(" AND CAST(%s AS pg_catalog.int4) OPERATOR(pg_catalog.>) 0", quote_identifier(label)));
    SPIPlanPtr plan = SPI_prepare(query, 1, &type);

    if (plan == NULL || SPI_keepplan(plan) != 0)
        elog(ERROR, "cannot prepare \"%s\": %s", query, SPI_result_code_string(SPI_result));
    return plan;
}

/* Forgets a plan that was made for another name of the relation or another type of its user column. */
static void check_plan(SPIPlanPtr *plan, const char *made_for, Oid made_type, const char *relation, Oid type)
{
    if (*plan == NULL || (strcmp(made_for, relation) == 0 && made_type == type))
        return;
    SPI_freeplan(*plan);
    *plan = NULL;
}

/* Runs a plan for one user; false, and no row, when the id cannot be a value of the column. */
static bool execute(SPIPlanPtr plan, lt_id_kind kind, Datum user, Oid given, Oid column_type, long limit)
{
    ltpg_key key;
    Datum value;

    ltpg_key_make(&key, user, given, kind);
    if (!ltpg_key_fits(kind, key.bytes, column_type))
        return false;
    value = ltpg_key_datum(kind, key.bytes, key.length, column_type);
    if (SPI_execute_plan(plan, &value, NULL, true, limit) != SPI_OK_SELECT)
        elog(ERROR, "reading a user's rows failed");
    return true;
}

static int compare_items(const void *a, const void *b)
{
    int32 left = *(const int32 *)a, right = *(const int32 *)b;

    return (left > right) - (left < right);
}

int64 ltpg_unique_items(int32 *items, int64 n)
{
    qsort(items, n, sizeof *items, compare_items);
    return qunique(items, n, sizeof *items, compare_items);
}

/* Text does not read as the integers or uuids it was at training: better said so than at the first row that fails. */
static void check_id_column(const ltpg_model *model, const char *column, const char *role, lt_id_kind kind, Oid *type)
{
    Oid source = model->definition->source;

    ltpg_column_find(source, column, role, type);
    if (ltpg_id_kind(*type) != kind && kind != LT_ID_TEXT)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("column \"%s\" of %s is of another kind than when model \"%s\" was trained", column,
                               ltpg_relation_name(source, "source"), model->definition->name),
                        errdetail("It is of type %s.", format_type_be(*type)),
                        errhint("Train the model again, or say exclude_seen => false.")));
}

ltpg_seen ltpg_live_seen(ltpg_model *model, Datum user, Oid type)
{
    const ltpg_definition *d = model->definition;
    MemoryContext caller = CurrentMemoryContext;
    ltpg_seen seen = {0};
    const char *relation;
    Oid user_type, item_type;

    SPI_connect();
    relation = ltpg_relation_name(d->source, "source of the model, from which seen items are read,");
    check_id_column(model, d->user_column, "user_column", model->bundle.user_id, &user_type);
    check_id_column(model, d->item_column, "item_column", model->bundle.item_id, &item_type);
    check_plan(&model->seen_plan, model->seen_relation, model->seen_user_type, relation, user_type);
    if (model->seen_plan == NULL) {
        model->seen_relation = MemoryContextStrdup(model->memory, relation);
        model->seen_user_type = user_type;
        model->seen_plan = prepare(quote_identifier(d->item_column), relation, d->user_column, user_type,
                                   model->bundle.label_kind == LT_LABEL_BINARY ? d->label_column : NULL);
    }
    if (execute(model->seen_plan, model->bundle.user_id, user, type, user_type, 0)) {
        item_type = SPI_gettypeid(SPI_tuptable->tupdesc, 1);
        seen.item = MemoryContextAllocHuge(caller, Max(SPI_processed, 1) * sizeof(int32));
        for (uint64 i = 0; i < SPI_processed; i++) {
            bool is_null;
            Datum item = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);
            int32 number = is_null ? -1 : ltpg_model_item(model, item, item_type);

            if (number >= 0)
                seen.item[seen.n++] = number;
        }
        seen.n = ltpg_unique_items(seen.item, seen.n);
    }
    SPI_finish();
    return seen;
}

/* Makes the plan for user_features as that relation is now. */
static void prepare_user(ltpg_model *model, const char *relation, const char *key, Oid key_type)
{
    MemoryContext old = MemoryContextSwitchTo(model->memory);

    model->user_features = ltpg_features_bind(model->definition->user_features, &model->bundle.user_encoder, 1);
    model->user_relation = pstrdup(relation);
    MemoryContextSwitchTo(old);
    model->user_key_type = key_type;
    model->user_plan = prepare(model->user_features.select + strlen(", "), relation, key, key_type, NULL);
}

/* Whether the columns that came are of the types that are going to be read. */
static bool types_hold(const ltpg_features *features, TupleDesc row)
{
    for (int i = 0; i < features->n; i++)
        if (getBaseType(SPI_gettypeid(row, features->column[i].attnum)) != features->column[i].type)
            return false;
    return true;
}

const lt_table *ltpg_live_user(ltpg_model *model, Datum user, Oid type)
{
    const ltpg_definition *d = model->definition;
    lt_encoder *encoder = &model->bundle.user_encoder;
    const char *relation, *key;
    Oid key_type;
    bool found;

    if (!OidIsValid(d->user_features) || encoder->n_features == 0)
        return NULL;
    SPI_connect();
    relation = ltpg_relation_name(d->user_features, "user_features relation");
    key = ltpg_features_key(d->user_features, d->user_column);
    ltpg_column_find(d->user_features, key, "key", &key_type);
    check_plan(&model->user_plan, model->user_relation, model->user_key_type, relation, key_type);
    if (model->user_plan == NULL)
        prepare_user(model, relation, key, key_type);
    found = execute(model->user_plan, model->bundle.user_id, user, type, key_type, 1) && SPI_processed > 0;
    while (found && !types_hold(&model->user_features, SPI_tuptable->tupdesc)) {
        SPI_freeplan(model->user_plan);
        model->user_plan = NULL;
        prepare_user(model, relation, key, key_type);
        found = execute(model->user_plan, model->bundle.user_id, user, type, key_type, 1) && SPI_processed > 0;
    }
    if (found) {
        TupleTableSlot *slot = MakeSingleTupleTableSlot(SPI_tuptable->tupdesc, &TTSOpsHeapTuple);

        ExecStoreHeapTuple(SPI_tuptable->vals[0], slot, false);
        slot_getallattrs(slot);
        found = ltpg_features_encode(model->env, &model->user_features, encoder, slot);
        ExecDropSingleTupleTableSlot(slot);
    }
    SPI_finish();
    return found ? &encoder->row : NULL;
}
