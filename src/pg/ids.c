/*
 * ids.c: ids to bytes and back. Integers are big-endian with the sign bit flipped: byte order is numeric order.
 */
#include "ids.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/uuid.h"

#define SIGN_BIT UINT64CONST(0x8000000000000000)

lt_id_kind ltpg_id_kind(Oid type)
{
    char category;
    bool preferred;

    type = getBaseType(type);
    switch (type) {
    case INT2OID:
    case INT4OID:
    case INT8OID:
        return LT_ID_INTEGER;
    case UUIDOID:
        return LT_ID_UUID;
    case UNKNOWNOID:
        return LT_ID_TEXT;
    default:
        get_type_category_preferred(type, &category, &preferred);
        return category == TYPCATEGORY_STRING ? LT_ID_TEXT : LT_ID_NONE;
    }
}

static int64 integer_of(Datum value, Oid type)
{
    switch (getBaseType(type)) {
    case INT2OID:
        return DatumGetInt16(value);
    case INT4OID:
        return DatumGetInt32(value);
    default:
        return DatumGetInt64(value);
    }
}

/* The text of an id of a text-like type; char(n) without its padding. */
static char *text_of(Datum value, Oid type)
{
    Oid output;
    bool is_varlena;

    if (type == UNKNOWNOID)
        return DatumGetCString(value);
    type = getBaseType(type);
    if (type == BPCHAROID)
        return TextDatumGetCString(DirectFunctionCall1(rtrim1, value));
    getTypeOutputInfo(type, &output, &is_varlena);
    return OidOutputFunctionCall(output, value);
}

void ltpg_key_make(ltpg_key *key, Datum value, Oid type, lt_id_kind kind)
{
    lt_id_kind given = ltpg_id_kind(type);

    if (given == LT_ID_NONE)
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("a value of type %s cannot be an id", format_type_be(type)),
                 errhint("Ids are integers, text or uuid.")));
    if (kind == LT_ID_INTEGER && given == LT_ID_INTEGER)
        ltpg_key_integer(key, integer_of(value, type));
    else if (kind == LT_ID_INTEGER)
        ltpg_key_integer(key, DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(text_of(value, type)))));
    else if (kind == LT_ID_UUID) {
        if (given == LT_ID_TEXT)
            value = DirectFunctionCall1(uuid_in, CStringGetDatum(text_of(value, type)));
        else if (given != LT_ID_UUID)
            ereport(ERROR,
                    (errcode(ERRCODE_DATATYPE_MISMATCH),
                     errmsg("an id of type %s was given where the model's ids are uuids", format_type_be(type))));
        memcpy(key->small, DatumGetUUIDP(value)->data, UUID_LEN);
        key->bytes = key->small;
        key->length = UUID_LEN;
    } else if (given == LT_ID_TEXT && getBaseType(type) != BPCHAROID && type != UNKNOWNOID && get_typlen(type) == -1) {
        struct varlena *text = PG_DETOAST_DATUM_PACKED(value);

        key->bytes = VARDATA_ANY(text);
        key->length = VARSIZE_ANY_EXHDR(text);
    } else {
        Oid output;
        bool is_varlena;

        if (given == LT_ID_TEXT)
            key->bytes = text_of(value, type);
        else {
            getTypeOutputInfo(type, &output, &is_varlena);
            key->bytes = OidOutputFunctionCall(output, value);
        }
        key->length = strlen(key->bytes);
    }
}

void ltpg_key_column_init(ltpg_key_column *column, Oid type, lt_id_kind kind)
{
    type = getBaseType(type);
    *column = (ltpg_key_column){.type = type, .kind = kind, .how = LTPG_KEY_ANY};
    if (kind == LT_ID_INTEGER && ltpg_id_kind(type) == LT_ID_INTEGER)
        column->how = type == INT2OID ? LTPG_KEY_INT2 : type == INT4OID ? LTPG_KEY_INT4 : LTPG_KEY_INT8;
    else if (kind == LT_ID_TEXT && (type == TEXTOID || type == VARCHAROID))
        column->how = LTPG_KEY_TEXT;
}

static int64 key_integer(const char *bytes)
{
    uint64 sortable;

    memcpy(&sortable, bytes, sizeof sortable);
    return (int64)(pg_ntoh64(sortable) ^ SIGN_BIT);
}

char *ltpg_key_text(lt_id_kind kind, const char *bytes, int64 length)
{
    pg_uuid_t uuid;

    switch (kind) {
    case LT_ID_INTEGER:
        return psprintf(INT64_FORMAT, key_integer(bytes));
    case LT_ID_UUID:
        memcpy(uuid.data, bytes, UUID_LEN);
        return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&uuid)));
    default:
        return pnstrdup(bytes, length);
    }
}

Datum ltpg_key_datum(lt_id_kind kind, const char *bytes, int64 length, Oid type)
{
    Oid input, parameter;

    if (type == TEXTOID && kind == LT_ID_TEXT)
        return PointerGetDatum(cstring_to_text_with_len(bytes, length));
    if (type == INT8OID && kind == LT_ID_INTEGER)
        return Int64GetDatum(key_integer(bytes));
    getTypeInputInfo(type, &input, &parameter);
    return OidInputFunctionCall(input, ltpg_key_text(kind, bytes, length), parameter, -1);
}

bool ltpg_key_fits(lt_id_kind kind, const char *bytes, Oid type)
{
    int64 value;

    if (kind != LT_ID_INTEGER)
        return true;
    value = key_integer(bytes);
    switch (getBaseType(type)) {
    case INT2OID:
        return value >= PG_INT16_MIN && value <= PG_INT16_MAX;
    case INT4OID:
        return value >= PG_INT32_MIN && value <= PG_INT32_MAX;
    default:
        return true;
    }
}
