/*
 * live.c: what the live tables say of a user now: the items they have, and their features.
 *
 * Plans are prepared once a model and kept; they run as the calling role, so its privileges and row-level security
 * hold at every call. Both queries want an index led by the user column.
 */
#include "cache.h"

#include "ids.h"
#include "lib/qunique.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* SELECT <select> FROM relation WHERE column = $1, the parameter of the column's type. */
static SPIPlanPtr
prepare(const char *select, const char *relation, const char *column, Oid type)
{
    const char *query = psprintf("SELECT %s FROM %s WHERE %s OPERATOR(pg_catalog.=) $1", select, relation,
                                 quote_identifier(column));
    SPIPlanPtr plan = SPI_prepare(query, 1, &type);

    if (plan == NULL || SPI_keepplan(plan) != 0)
        elog(ERROR, "cannot prepare \"%s\": %s", query, SPI_result_code_string(SPI_result));
    return plan;
}

/* Runs a plan for one user; false, and no row, when the id cannot be a value of the column. */
static bool
execute(SPIPlanPtr plan, lt_id_kind kind, Datum user, Oid given, Oid column_type, long limit)
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

static int
compare_items(const void *a, const void *b)
{
    int32 left = *(const int32 *) a, right = *(const int32 *) b;

    return (left > right) - (left < right);
}

ltpg_seen
ltpg_live_seen(ltpg_model *model, Datum user, Oid type)
{
    const ltpg_definition *d = model->definition;
    MemoryContext caller = CurrentMemoryContext;
    ltpg_seen seen = {0};

    SPI_connect();
    if (model->seen_plan == NULL)
    {
        const char *relation = ltpg_relation_name(d->source, "source of the model, from which seen items are read,");

        ltpg_column_find(d->source, d->user_column, "user_column", &model->seen_user_type);
        ltpg_column_find(d->source, d->item_column, "item_column", &model->seen_item_type);
        model->seen_plan =
            prepare(quote_identifier(d->item_column), relation, d->user_column, model->seen_user_type);
    }
    if (execute(model->seen_plan, model->bundle.user_id, user, type, model->seen_user_type, 0))
    {
        seen.item = MemoryContextAllocHuge(caller, Max(SPI_processed, 1) * sizeof(int32));
        for (uint64 i = 0; i < SPI_processed; i++)
        {
            bool is_null;
            Datum item = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);
            int32 number = is_null ? -1 : ltpg_model_item(model, item, model->seen_item_type);

            if (number >= 0)
                seen.item[seen.n++] = number;
        }
        qsort(seen.item, seen.n, sizeof(int32), compare_items);
        seen.n = qunique(seen.item, seen.n, sizeof(int32), compare_items);
    }
    SPI_finish();
    return seen;
}

const lt_table *
ltpg_live_user(ltpg_model *model, Datum user, Oid type)
{
    const ltpg_definition *d = model->definition;
    lt_encoder *encoder = &model->bundle.user_encoder;
    bool found;

    if (!OidIsValid(d->user_features) || encoder->n_features == 0)
        return NULL;
    SPI_connect();
    if (model->user_plan == NULL)
    {
        const char *relation = ltpg_relation_name(d->user_features, "user_features relation");
        const char *key = ltpg_features_key(d->user_features, d->user_column);
        MemoryContext old = MemoryContextSwitchTo(model->memory);

        model->user_features = ltpg_features_bind(d->user_features, encoder, 1);
        MemoryContextSwitchTo(old);
        ltpg_column_find(d->user_features, key, "key", &model->user_key_type);
        model->user_plan = prepare(model->user_features.select + strlen(", "), relation, key, model->user_key_type);
    }
    found = execute(model->user_plan, model->bundle.user_id, user, type, model->user_key_type, 1) && SPI_processed > 0;
    if (found)
    {
        TupleTableSlot *slot = MakeSingleTupleTableSlot(SPI_tuptable->tupdesc, &TTSOpsHeapTuple);

        ExecStoreHeapTuple(SPI_tuptable->vals[0], slot, false);
        slot_getallattrs(slot);
        found = ltpg_features_encode(model->env, &model->user_features, encoder, slot);
        ExecDropSingleTupleTableSlot(slot);
    }
    SPI_finish();
    return found ? &encoder->row : NULL;
}
