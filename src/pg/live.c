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

#include <float.h>
#include <math.h>

#include "ids.h"
#include "lib/qunique.h"
#include "relation.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* A generic plan: an index on the user column is right for everybody, and a plan for each of the first calls is not. */
static SPIPlanPtr prepare(const char *query, Oid type)
{
    SPIPlanPtr plan = SPI_prepare_cursor(query, 1, &type, CURSOR_OPT_GENERIC_PLAN);

    if (plan == NULL || SPI_keepplan(plan) != 0)
        elog(ERROR, "cannot prepare \"%s\": %s", query, SPI_result_code_string(SPI_result));
    return plan;
}

/* SELECT <select> FROM relation WHERE column = $1, the parameter of the column's type. */
static char *query_of(const char *select, const char *relation, const char *column)
{
    return psprintf("SELECT %s FROM %s WHERE %s OPERATOR(pg_catalog.=) $1", select, relation, quote_identifier(column));
}

/* Forgets a plan that was made for something else (a query, or a relation), or for another type of the user column. */
static void check_plan(SPIPlanPtr *plan, const char *made_for, Oid made_type, const char *now, Oid type)
{
    if (*plan == NULL || (strcmp(made_for, now) == 0 && made_type == type))
        return;
    SPI_freeplan(*plan);
    *plan = NULL;
}

static void put_back(SPIPlanPtr *plan, SPIPlanPtr ran)
{
    if (*plan == NULL)
        *plan = ran;
    else
        SPI_freeplan(ran);
}

/*
 * Runs a plan.  What it reads may be a view whose functions call this very function for the same model, and find that
 * the plan has to be made anew: nobody else has it while it runs.
 */
static pg_noinline int execute_alone(SPIPlanPtr *plan, Datum value, long limit)
{
    SPIPlanPtr running = *plan;
    volatile int result = 0;

    *plan = NULL;
    PG_TRY();
    {
        result = SPI_execute_plan(running, &value, NULL, true, limit);
    }
    PG_CATCH();
    {
        put_back(plan, running);
        PG_RE_THROW();
    }
    PG_END_TRY();
    put_back(plan, running);
    return result;
}

/* Runs a plan for one user; false, and no row, when the id cannot be a value of the column. */
static bool execute(SPIPlanPtr *plan, lt_id_kind kind, Datum user, Oid given, Oid column_type, long limit)
{
    ltpg_key key;
    Datum value;

    ltpg_key_make(&key, user, given, kind);
    if (!ltpg_key_fits(kind, key.bytes, column_type))
        return false;
    value = ltpg_key_datum(kind, key.bytes, key.length, column_type);
    if (execute_alone(plan, value, limit) != SPI_OK_SELECT)
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

/* ---- what the user has ---- */

static bool is_time_or_number(Oid type)
{
    return ltpg_is_time(type) || ltpg_is_number(type);
}

/* Columns that say more of a row than its item; number: in what is selected, 0: not there, or no longer of use. */
typedef struct live_columns {
    int label, weight, time;
    int n;
    StringInfoData select;
} live_columns;

static void add_column(live_columns *c, int *number, Oid source, const char *column, bool (*takes)(Oid))
{
    AttrNumber attribute = column == NULL ? 0 : get_attnum(source, column);

    if (attribute <= 0 || !takes(getBaseType(get_atttype(source, attribute))))
        return;
    appendStringInfo(&c->select, ", %s", quote_identifier(column));
    *number = ++c->n;
}

/*
 * The query for what a user has, as the source is now. An item that was shown and left alone is not one of them; where
 * labels of several rows are combined, that is known only when all of them are read.
 */
static const char *seen_query(const ltpg_model *model, const char *relation, live_columns *columns)
{
    const ltpg_definition *d = model->definition;
    lt_label_kind kind = model->bundle.label_kind;
    bool shown = kind == LT_LABEL_BINARY && model->duplicates == LT_KEEP;
    char *query;

    memset(columns, 0, sizeof *columns);
    initStringInfo(&columns->select);
    appendStringInfoString(&columns->select, quote_identifier(d->item_column));
    columns->n = 1;
    if (kind != LT_LABEL_IMPLICIT && !shown)
        add_column(columns, &columns->label, d->source, d->label_column, ltpg_is_number);
    add_column(columns, &columns->weight, d->source, d->weight_column, ltpg_is_number);
    add_column(columns, &columns->time, d->source, d->time_column, is_time_or_number);
    query = query_of(columns->select.data, relation, d->user_column);
    if (!shown)
        return query;
    return psprintf("%s AND CAST(%s AS pg_catalog.int4) OPERATOR(pg_catalog.>) 0", query,
                    quote_identifier(d->label_column));
}

/* A number of the row, if its column is there; false for NULL and what is not finite: training takes no such row. */
static bool live_number(HeapTuple row, TupleDesc type, int number, double most, double *out)
{
    bool is_null;
    Datum value;

    if (number == 0)
        return true;
    value = SPI_getbinval(row, type, number, &is_null);
    return !is_null && ltpg_number(value, getBaseType(SPI_gettypeid(type, number)), out) && fabs(*out) <= most;
}

/* The rows just read, without those that training would not take. */
static lt_events take_rows(const ltpg_model *model, const live_columns *columns)
{
    TupleDesc type = SPI_tuptable->tupdesc;
    Oid item_type = SPI_gettypeid(type, 1);
    uint64 n = Max(SPI_processed, 1);
    lt_events rows = {.item = palloc_extended(n * sizeof *rows.item, MCXT_ALLOC_HUGE)};

    if (columns->label > 0)
        rows.label = palloc_extended(n * sizeof *rows.label, MCXT_ALLOC_HUGE);
    if (columns->weight > 0)
        rows.weight = palloc_extended(n * sizeof *rows.weight, MCXT_ALLOC_HUGE);
    if (columns->time > 0)
        rows.time = palloc_extended(n * sizeof *rows.time, MCXT_ALLOC_HUGE);
    for (uint64 i = 0; i < SPI_processed; i++) {
        HeapTuple row = SPI_tuptable->vals[i];
        bool is_null;
        Datum item = SPI_getbinval(row, type, 1, &is_null);
        double label = 0, weight = 0, time = 0;

        if (is_null || !live_number(row, type, columns->label, FLT_MAX, &label) ||
            !live_number(row, type, columns->weight, FLT_MAX, &weight) || weight < 0 ||
            !live_number(row, type, columns->time, DBL_MAX, &time))
            continue;
        rows.item[rows.n] = ltpg_model_item(model, item, item_type);
        if (rows.label != NULL)
            rows.label[rows.n] = (float)label;
        if (rows.weight != NULL)
            rows.weight[rows.n] = (float)weight;
        if (rows.time != NULL)
            rows.time[rows.n] = time;
        rows.n++;
    }
    return rows;
}

/* Of an imported model whose source stayed behind: the user's row of the stored pairs, which are kept with it. */
static lt_pairs had_at_training(ltpg_model *model, int32 user)
{
    MemoryContext old = MemoryContextSwitchTo(model->memory);
    int64_t *start, from = 0;
    lt_pairs seen;

    if (model->had.start == NULL)
        model->had = ltpg_model_seen(model->env, model);
    MemoryContextSwitchTo(old);
    seen = model->had;
    start = palloc0(2 * sizeof *start);
    if (user >= 0) {
        from = seen.start[user];
        start[1] = seen.start[user + 1] - from;
    }
    seen.rows = 1;
    seen.start = start;
    seen.col += from;
    seen.val = seen.val == NULL ? NULL : seen.val + from;
    seen.time = seen.time == NULL ? NULL : seen.time + from;
    return seen;
}

lt_pairs ltpg_live_seen(ltpg_model *model, Datum user, Oid type)
{
    const ltpg_definition *d = model->definition;
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    lt_events rows = {0};
    live_columns columns;
    lt_pairs seen;
    const char *relation, *query;
    Oid user_type, item_type;

    if (d->source == LTPG_LEFT_BEHIND)
        return had_at_training(model, ltpg_model_user(model, user, type));
    SPI_connect();
    relation = ltpg_relation_name(d->source, "source of the model, from which seen items are read,");
    check_id_column(model, d->user_column, "user_column", model->bundle.user_id, &user_type);
    check_id_column(model, d->item_column, "item_column", model->bundle.item_id, &item_type);
    query = seen_query(model, relation, &columns);
    check_plan(&model->seen_plan, model->seen_query, model->seen_user_type, query, user_type);
    if (model->seen_plan == NULL) {
        char *made_for = MemoryContextStrdup(model->memory, query);

        model->seen_plan = prepare(query, user_type);
        model->seen_query = made_for;
        model->seen_user_type = user_type;
    }
    if (execute(&model->seen_plan, model->bundle.user_id, user, type, user_type, 0))
        rows = take_rows(model, &columns);
    LTPG(env, lt_events_history(env, &rows, model->duplicates, model->bundle.label_kind, model->bundle.items.n, &seen));
    SPI_finish();
    return seen;
}

/* ---- the user's features ---- */

/* Makes the plan for user_features as that relation is now. */
static void prepare_user(ltpg_model *model, const char *relation, const char *key, Oid key_type)
{
    MemoryContext old = MemoryContextSwitchTo(model->memory);
    ltpg_features features = ltpg_features_bind(model->definition->user_features, &model->bundle.user_encoder, 1);
    char *made_for = pstrdup(relation);

    MemoryContextSwitchTo(old);
    model->user_plan = prepare(query_of(features.select + strlen(", "), relation, key), key_type);
    model->user_features = features;
    model->user_relation = made_for;
    model->user_key_type = key_type;
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

    if (!OidIsValid(d->user_features) || d->user_features == LTPG_LEFT_BEHIND || encoder->n_features == 0)
        return NULL;
    SPI_connect();
    relation = ltpg_relation_name(d->user_features, "user_features relation");
    key = ltpg_features_key(d->user_features, d->user_column);
    ltpg_column_find(d->user_features, key, "key", &key_type);
    check_plan(&model->user_plan, model->user_relation, model->user_key_type, relation, key_type);
    if (model->user_plan == NULL)
        prepare_user(model, relation, key, key_type);
    found = execute(&model->user_plan, model->bundle.user_id, user, type, key_type, 1) && SPI_processed > 0;
    while (found && !types_hold(&model->user_features, SPI_tuptable->tupdesc)) {
        SPI_freeplan(model->user_plan);
        model->user_plan = NULL;
        prepare_user(model, relation, key, key_type);
        found = execute(&model->user_plan, model->bundle.user_id, user, type, key_type, 1) && SPI_processed > 0;
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

lt_subject ltpg_live_subject(ltpg_model *model, Datum user, Oid type, bool history)
{
    lt_subject subject = {.user = ltpg_model_user(model, user, type)};

    if (subject.user < 0)
        subject.features = ltpg_live_user(model, user, type);
    if (history) {
        lt_pairs seen = ltpg_live_seen(model, user, type);

        lt_subject_take_history(&subject, &seen, 0);
    }
    return subject;
}
