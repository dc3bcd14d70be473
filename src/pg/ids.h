/*
 * ids.h: user and item ids of any integer type, text-like type or uuid, as the bytes of core/dictionary.h and back.
 */
#ifndef LTPG_IDS_H
#define LTPG_IDS_H

#include "longtail.h"

#include "bundle.h"

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

/* palloc'ed text; a datum of the given id type. */
extern char *ltpg_key_text(lt_id_kind kind, const char *bytes, int64 length);
extern Datum ltpg_key_datum(lt_id_kind kind, const char *bytes, int64 length, Oid type);
/* False where an integer id cannot be a value of the (smaller) integer type. */
extern bool ltpg_key_fits(lt_id_kind kind, const char *bytes, Oid type);

#endif
