/*
 * ids.h: user and item ids of any integer type, text-like type or uuid, as the bytes of core/dictionary.h and back.
 */
#ifndef LTPG_IDS_H
#define LTPG_IDS_H

#include "longtail.h"

#include "bundle.h"
#include "port/pg_bswap.h"

typedef struct ltpg_key {
    const char *bytes; /* into `small`, or palloc'ed */
    int64 length;
    char small[16];
} ltpg_key;

/* LT_ID_NONE for a type that cannot be an id. Domains count as what they are over. */
extern lt_id_kind ltpg_id_kind(Oid type);

/*
 * The key of a non-NULL datum as an id of kind `kind`; the datum may be of any id type or an untyped literal. A text
 * that does not read as the kind is an error (22P02); a key must stay where it is (it may point into itself).
 */
extern void ltpg_key_make(ltpg_key *key, Datum value, Oid type, lt_id_kind kind);

/*
 * The same for many values of one type, which is looked at once: keys of a column. The kind is the type's own or, as
 * for ltpg_key_make, one that it can be read as.
 */
typedef struct ltpg_key_column {
    Oid type;
    lt_id_kind kind;
    enum { LTPG_KEY_INT2, LTPG_KEY_INT4, LTPG_KEY_INT8, LTPG_KEY_TEXT, LTPG_KEY_ANY } how;
} ltpg_key_column;
extern void ltpg_key_column_init(ltpg_key_column *column, Oid type, lt_id_kind kind);

static inline void ltpg_key_integer(ltpg_key *key, int64 value)
{
    uint64 sortable = pg_hton64((uint64)value ^ UINT64CONST(0x8000000000000000));

    memcpy(key->small, &sortable, sizeof sortable);
    key->bytes = key->small;
    key->length = sizeof sortable;
}

static inline void ltpg_key_of(ltpg_key *key, const ltpg_key_column *column, Datum value)
{
    switch (column->how) {
    case LTPG_KEY_INT2:
        ltpg_key_integer(key, DatumGetInt16(value));
        break;
    case LTPG_KEY_INT4:
        ltpg_key_integer(key, DatumGetInt32(value));
        break;
    case LTPG_KEY_INT8:
        ltpg_key_integer(key, DatumGetInt64(value));
        break;
    case LTPG_KEY_TEXT: {
        struct varlena *text = PG_DETOAST_DATUM_PACKED(value);

        key->bytes = VARDATA_ANY(text);
        key->length = VARSIZE_ANY_EXHDR(text);
        break;
    }
    case LTPG_KEY_ANY:
        ltpg_key_make(key, value, column->type, column->kind);
        break;
    }
}

/* palloc'ed text; a datum of the given id type. */
extern char *ltpg_key_text(lt_id_kind kind, const char *bytes, int64 length);
extern Datum ltpg_key_datum(lt_id_kind kind, const char *bytes, int64 length, Oid type);
/* False where an integer id cannot be a value of the (smaller) integer type. */
extern bool ltpg_key_fits(lt_id_kind kind, const char *bytes, Oid type);

#endif
