/*
 * newcomers.c: rows of user_features and item_features whose ids a stored model does not know.
 */
#include "newcomers.h"

#include "ids.h"
#include "utils/builtins.h"

typedef struct newcomers {
    lt_env *env;
    lt_encoder *encoder;
    lt_dictionary *ids;
    lt_id_kind kind;
    lt_table_builder rows;
    ltpg_features features;
    const char *relation, *key;
    Oid key_type;
    int32 known; /* ids there were */
} newcomers;

static void read_row(void *context, TupleTableSlot *slot)
{
    newcomers *r = context;
    ltpg_key key;
    int32_t number;

    if (slot->tts_isnull[0])
        return;
    ltpg_key_make(&key, slot->tts_values[0], r->key_type, r->kind);
    number = lt_dictionary_find(r->ids, key.bytes, key.length);
    if (number >= r->known)
        ereport(ERROR, (errcode(ERRCODE_CARDINALITY_VIOLATION),
                        errmsg("%s has more than one row for \"%s\" %s", r->relation, r->key,
                               ltpg_key_text(r->kind, key.bytes, key.length)),
                        errhint("A features relation has one row an id; SELECT DISTINCT ON in a view can choose it.")));
    if (number >= 0 || !ltpg_features_encode(r->env, &r->features, r->encoder, slot))
        return;
    LTPG(r->env, lt_dictionary_add(r->env, r->ids, key.bytes, key.length, 0, &number));
    if (r->encoder->n_features > 0)
        LTPG(r->env, lt_table_append(r->env, &r->rows, &r->encoder->row));
}

/* One side's; returns how many. */
static int64 read_side(newcomers *r, Oid relation, const char *id_column, lt_table *table)
{
    Oid *types;
    int n;

    if (!OidIsValid(relation))
        return 0;
    r->relation = ltpg_relation_name(relation, "features relation");
    r->key = ltpg_features_key(relation, id_column);
    r->known = r->ids->n;
    ltpg_column_find(relation, r->key, "key", &r->key_type);
    if (ltpg_id_kind(r->key_type) != r->kind && r->kind != LT_ID_TEXT)
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH),
                 errmsg("column \"%s\" of %s is of another kind than when the model was trained", r->key, r->relation),
                 errhint("Train the model again.")));
    r->rows = lt_table_reopen(table);
    r->features = ltpg_features_bind(relation, r->encoder, 2);
    types = ltpg_features_types(&r->features, 2, &n);
    types[0] = r->key_type;
    ltpg_scan(psprintf("SELECT %s%s FROM %s", quote_identifier(r->key), r->features.select, r->relation), types, n,
              read_row, r);
    *table = r->rows.t;
    return r->ids->n - r->known;
}

void ltpg_read_newcomers(lt_env *env, const ltpg_definition *d, lt_bundle *bundle, int64 *users, int64 *items)
{
    newcomers user = {.env = env, .encoder = &bundle->user_encoder, .ids = &bundle->users, .kind = bundle->user_id};
    newcomers item = {.env = env, .encoder = &bundle->item_encoder, .ids = &bundle->items, .kind = bundle->item_id};

    *users = read_side(&user, d->user_features, d->user_column, &bundle->user);
    *items = read_side(&item, d->item_features, d->item_column, &bundle->item);
}
