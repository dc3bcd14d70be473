/*
 * facts_keys.c: items of a list as keys of a relation, and the queries that ask for them.
 */
#include "facts_parts.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "ids.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* ---- keys ---- */

lt_id_kind ltpg_keys_kind(const ltpg_model *model, Oid relation, const char *column, Oid type)
{
    lt_id_kind kind = ltpg_id_kind(type);

    if (kind == LT_ID_NONE)
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH),
                 errmsg("column \"%s\" of %s cannot hold items", column, ltpg_relation_name(relation, "relation")),
                 errdetail("It is of type %s.", format_type_be(type)), errhint("Ids are integers, text or uuid.")));
    if (model != NULL && kind != model->bundle.item_id && kind != LT_ID_TEXT)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("column \"%s\" of %s is of another kind than the items of model \"%s\"", column,
                               ltpg_relation_name(relation, "relation"), model->definition->name),
                        errdetail("It is of type %s.", format_type_be(type))));
    return kind;
}

void ltpg_keys_init(lt_env *env, ltpg_keys *keys, lt_id_kind kind)
{
    keys->kind = kind;
    LTPG(env, lt_dictionary_init(env, &keys->number));
}

int32 ltpg_keys_item(lt_env *env, ltpg_keys *keys, const ltpg_model *model, int32 item)
{
    int64_t length;
    const char *bytes;
    int32 number;

    if (item < 0)
        return -1;
    bytes = lt_dictionary_key(&model->bundle.items, item, &length);
    if (model->bundle.item_id != keys->kind) { /* the column is text, see ltpg_keys_kind */
        bytes = ltpg_key_text(model->bundle.item_id, bytes, length);
        length = strlen(bytes);
    }
    LTPG(env, lt_dictionary_add(env, &keys->number, bytes, length, 0, &number));
    return number;
}

int32 ltpg_keys_candidate(lt_env *env, ltpg_keys *keys, const ltpg_model *model, const ltpg_candidates *candidates,
                          const lt_rerank_input *in, int64 i)
{
    ltpg_key key;
    int32 number;

    if (candidates == NULL)
        return ltpg_keys_item(env, keys, model, in->item[i]);
    ltpg_key_make(&key, candidates->item[in->item[i]], candidates->type, keys->kind);
    LTPG(env, lt_dictionary_add(env, &keys->number, key.bytes, key.length, 0, &number));
    return number;
}

int32 ltpg_keys_find(const ltpg_keys *keys, Datum value, Oid type)
{
    ltpg_key key;

    ltpg_key_make(&key, value, type, keys->kind);
    return lt_dictionary_find(&keys->number, key.bytes, key.length);
}

static bool is_uuid(const char *text)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    for (int i = 0; i < (int)sizeof shape; i++)
        if (shape[i] == 'x' ? strchr("0123456789abcdef", text[i]) == NULL || text[i] == '\0' : text[i] != shape[i])
            return false;
    return true;
}

/* A text is the item that is written like it: of integers "05" is none, nor is "five", as with ltpg_keys_find. */
int32 ltpg_keys_model_item(const ltpg_model *model, lt_id_kind kind, Datum value, Oid type)
{
    ltpg_key key;
    char *text, *end;
    int32 item;

    if (kind == model->bundle.item_id)
        return ltpg_model_item(model, value, type);
    ltpg_key_make(&key, value, type, kind); /* text, see ltpg_keys_kind */
    text = pnstrdup(key.bytes, key.length);
    if (model->bundle.item_id == LT_ID_INTEGER) {
        errno = 0;
        value = Int64GetDatum(strtoll(text, &end, 10));
        item = errno != 0 || end == text ? -1 : ltpg_model_item(model, value, INT8OID);
    } else {
        item = is_uuid(text) ? ltpg_model_item(model, CStringGetTextDatum(text), TEXTOID) : -1;
    }
    return item >= 0 && strcmp(text, ltpg_model_item_text(model, item)) == 0 ? item : -1;
}

Datum ltpg_keys_array(const ltpg_keys *keys, Oid type)
{
    Datum *value = palloc(Max(keys->number.n, 1) * sizeof *value);
    int16 length;
    bool by_value;
    char align;
    int n = 0;

    for (int32 i = 0; i < keys->number.n; i++) {
        int64_t size;
        const char *bytes = lt_dictionary_key(&keys->number, i, &size);

        if (ltpg_key_fits(keys->kind, bytes, type))
            value[n++] = ltpg_key_datum(keys->kind, bytes, size, type);
    }
    get_typlenbyvalalign(type, &length, &by_value, &align);
    return PointerGetDatum(construct_array(value, n, type, length, by_value, align));
}

/* ---- relations and queries ---- */

Oid ltpg_facts_relation(const char *given, const char *option, char **name)
{
    Oid relation = DatumGetObjectId(DirectFunctionCall1(regclassin, CStringGetDatum(given)));

    if (get_rel_name(relation) == NULL) /* regclass takes numbers, and a hyphen for none */
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("relation \"%s\" of option \"%s\" does not exist", given, option)));
    *name = ltpg_relation_name(relation, psprintf("relation \"%s\" of option \"%s\"", given, option));
    return relation;
}

void ltpg_facts_query(const char *query, int n, Oid *types, Datum *parameters, int columns, ltpg_fact_row each,
                      void *context)
{
    Datum *value = palloc(columns * sizeof *value);
    bool *null = palloc(columns * sizeof *null);

    if (SPI_execute_with_args(query, n, types, parameters, NULL, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "reading \"%s\" failed", query);
    for (uint64 i = 0; i < SPI_processed; i++) {
        heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, value, null);
        each(context, SPI_tuptable->tupdesc, value, null);
    }
    SPI_freetuptable(SPI_tuptable);
}

typedef struct scanned {
    ltpg_fact_row each;
    void *context;
} scanned;

static void scan_row(void *context, TupleTableSlot *slot)
{
    const scanned *s = context;

    s->each(s->context, slot->tts_tupleDescriptor, slot->tts_values, slot->tts_isnull);
}

void ltpg_facts_scan(const char *query, ltpg_fact_row each, void *context)
{
    scanned s = {each, context};

    ltpg_scan(query, NULL, 0, scan_row, &s); /* rows are read by the types they have */
}
