/*
 * columns.c: decoding datums into an encoder's row, by kind.
 */
#include "columns.h"

#include <math.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "parser/parse_coerce.h"
#include "tsearch/ts_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

bool ltpg_is_text(Oid type)
{
    char category;
    bool preferred;

    get_type_category_preferred(getBaseType(type), &category, &preferred);
    return category == TYPCATEGORY_STRING;
}

static bool is_text_like(Oid type)
{
    return type == UUIDOID || get_typtype(type) == TYPTYPE_ENUM || ltpg_is_text(type);
}

bool ltpg_is_time(Oid type)
{
    type = getBaseType(type);
    return type == TIMESTAMPOID || type == TIMESTAMPTZOID || type == DATEOID;
}

bool ltpg_is_number(Oid type)
{
    switch (getBaseType(type)) {
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case FLOAT4OID:
    case FLOAT8OID:
    case NUMERICOID:
    case BOOLOID:
        return true;
    default:
        return false;
    }
}

/*
 * A type such as pgvector's: one that can be cast to real[] by a function.  Base types are superusers' alone: the
 * function of another, which anybody can make, would run as whoever reads a column of it.
 */
static bool casts_to_real_array(Oid type, Oid *function)
{
    return get_typtype(type) == TYPTYPE_BASE &&
           find_coercion_pathway(FLOAT4ARRAYOID, type, COERCION_EXPLICIT, function) == COERCION_PATH_FUNC;
}

bool ltpg_column_kind(Oid type, lt_kind as, lt_kind *kind)
{
    Oid element, cast;

    type = getBaseType(type);
    element = get_element_type(type);
    if (type == BOOLOID)
        *kind = LT_BOOLEAN;
    else if (ltpg_is_number(type))
        *kind = as == LT_CATEGORY ? LT_CATEGORY : LT_NUMBER;
    else if (type == TIMESTAMPOID || type == TIMESTAMPTZOID)
        *kind = LT_TIMESTAMP;
    else if (type == DATEOID)
        *kind = LT_DATE;
    else if (type == TSVECTOROID)
        *kind = LT_BAG;
    else if (element == FLOAT4OID || element == FLOAT8OID || element == NUMERICOID)
        *kind = LT_VECTOR;
    else if (OidIsValid(element) && (is_text_like(element) || ltpg_is_number(element)))
        *kind = LT_BAG;
    else if (OidIsValid(element))
        return false;
    else if (is_text_like(type))
        *kind = as == LT_TEXT && ltpg_is_text(type) ? LT_TEXT : LT_CATEGORY;
    else if (casts_to_real_array(type, &cast))
        *kind = LT_VECTOR;
    else
        return false;
    return true;
}

void ltpg_column_init(ltpg_column *column, const char *name, Oid type, lt_kind kind)
{
    Oid function;
    bool is_varlena;

    memset(column, 0, sizeof *column);
    column->name = name;
    column->type = getBaseType(type);
    column->kind = kind;
    column->element = get_element_type(column->type);
    if (kind == LT_VECTOR && !OidIsValid(column->element)) {
        casts_to_real_array(column->type, &function);
        fmgr_info(function, &column->output);
        column->element = FLOAT4OID;
    } else {
        getTypeOutputInfo(column->type, &function, &is_varlena);
        fmgr_info(function, &column->output);
    }
    if (OidIsValid(column->element)) {
        get_typlenbyvalalign(column->element, &column->element_length, &column->element_by_value,
                             &column->element_align);
        getTypeOutputInfo(column->element, &function, &is_varlena);
        fmgr_info(function, &column->element_output);
    }
}

ltpg_plain ltpg_plain_of(Oid type)
{
    switch (getBaseType(type)) {
    case BOOLOID:
        return LTPG_PLAIN_BOOL;
    case INT2OID:
        return LTPG_PLAIN_INT2;
    case INT4OID:
        return LTPG_PLAIN_INT4;
    case INT8OID:
        return LTPG_PLAIN_INT8;
    case FLOAT4OID:
        return LTPG_PLAIN_FLOAT4;
    case FLOAT8OID:
        return LTPG_PLAIN_FLOAT8;
    case DATEOID:
        return LTPG_PLAIN_DATE;
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return LTPG_PLAIN_TIMESTAMP;
    default:
        return LTPG_PLAIN_NONE;
    }
}

/* Integers and booleans are finite. */
#define PLAIN_INTEGERS(get)                                                                                            \
    for (int i = 0; i < count; i++)                                                                                    \
    out[i] = is_null[i] ? NAN : (double)get(value[i])

#define PLAIN_NUMBERS(get, finite)                                                                                     \
    for (int i = 0; i < count; i++) {                                                                                  \
        if (is_null[i])                                                                                                \
            out[i] = NAN;                                                                                              \
        else {                                                                                                         \
            out[i] = get(value[i]);                                                                                    \
            valid &= finite;                                                                                           \
        }                                                                                                              \
    }

static inline double date_seconds(Datum value)
{
    return (double)DatumGetDateADT(value) * SECS_PER_DAY + UNIX_TO_POSTGRES_SECONDS;
}

static inline double timestamp_seconds(Datum value)
{
    return (double)DatumGetTimestamp(value) / USECS_PER_SEC + UNIX_TO_POSTGRES_SECONDS;
}

bool ltpg_plain_numbers(ltpg_plain plain, const Datum *value, const bool *is_null, int count, double *out)
{
    bool valid = true;

    switch (plain) {
    case LTPG_PLAIN_NONE:
        return false;
    case LTPG_PLAIN_BOOL:
        PLAIN_INTEGERS(DatumGetBool);
        break;
    case LTPG_PLAIN_INT2:
        PLAIN_INTEGERS(DatumGetInt16);
        break;
    case LTPG_PLAIN_INT4:
        PLAIN_INTEGERS(DatumGetInt32);
        break;
    case LTPG_PLAIN_INT8:
        PLAIN_INTEGERS(DatumGetInt64);
        break;
    case LTPG_PLAIN_FLOAT4:
        PLAIN_NUMBERS(DatumGetFloat4, isfinite(out[i]));
        break;
    case LTPG_PLAIN_FLOAT8:
        PLAIN_NUMBERS(DatumGetFloat8, isfinite(out[i]));
        break;
    case LTPG_PLAIN_DATE:
        PLAIN_NUMBERS(date_seconds, !DATE_NOT_FINITE(DatumGetDateADT(value[i])));
        break;
    case LTPG_PLAIN_TIMESTAMP:
        PLAIN_NUMBERS(timestamp_seconds, !TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value[i])));
        break;
    }
    return valid;
}

bool ltpg_number(Datum value, Oid type, double *out)
{
    ltpg_plain plain = ltpg_plain_of(type);

    if (plain != LTPG_PLAIN_NONE)
        return ltpg_plain_numbers(plain, &value, &(bool){false}, 1, out);
    if (type != NUMERICOID)
        elog(ERROR, "type %u is not a number", type);
    *out = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
    return isfinite(*out);
}

/* The bytes of a text-like or other value, as its output function writes it. */
static void encode_token(lt_env *env, lt_encoder *encoder, int feature, Datum value, Oid type, FmgrInfo *output)
{
    if (type == TEXTOID || type == VARCHAROID) {
        struct varlena *string = PG_DETOAST_DATUM_PACKED(value);

        LTPG(env, lt_encode_token(env, encoder, feature, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string)));
    } else {
        const char *string = type == BPCHAROID ? TextDatumGetCString(DirectFunctionCall1(rtrim1, value))
                                               : OutputFunctionCall(output, value);

        LTPG(env, lt_encode_token(env, encoder, feature, string, strlen(string)));
    }
}

/* In lower case by the database's collation. No more of a long one is read than is looked at. */
static void encode_text(lt_env *env, lt_encoder *encoder, ltpg_column *column, Datum value)
{
    const char *string;
    int length;

    if (column->type == TEXTOID || column->type == VARCHAROID || column->type == BPCHAROID) {
        struct varlena *slice = PG_DETOAST_DATUM_SLICE(value, 0, LT_TEXT_MOST_BYTES);

        string = VARDATA_ANY(slice);
        length = VARSIZE_ANY_EXHDR(slice);
    } else {
        string = OutputFunctionCall(&column->output, value);
        length = strlen(string);
    }
    /* whole characters: str_tolower refuses a part of one */
    string = str_tolower(string, pg_mbcliplen(string, length, LT_TEXT_MOST_BYTES), DEFAULT_COLLATION_OID);
    LTPG(env, lt_encode_text(env, encoder, column->feature, string, strlen(string)));
}

static void encode_tsvector(lt_env *env, lt_encoder *encoder, int feature, Datum value)
{
    TSVector vector = DatumGetTSVector(value);
    WordEntry *entry = ARRPTR(vector);

    for (int i = 0; i < vector->size; i++)
        LTPG(env, lt_encode_token(env, encoder, feature, STRPTR(vector) + entry[i].pos, entry[i].len));
}

static void encode_bag(lt_env *env, lt_encoder *encoder, ltpg_column *column, Datum value)
{
    Datum *elements;
    bool *nulls;
    int n;

    deconstruct_array(DatumGetArrayTypeP(value), column->element, column->element_length, column->element_by_value,
                      column->element_align, &elements, &nulls, &n);
    for (int i = 0; i < n; i++)
        if (!nulls[i])
            encode_token(env, encoder, column->feature, elements[i], column->element, &column->element_output);
}

static bool encode_vector(lt_env *env, lt_encoder *encoder, ltpg_column *column, Datum value)
{
    Datum *elements;
    bool *nulls;
    double *numbers;
    int n;

    if (!OidIsValid(get_element_type(column->type)))
        value = FunctionCall3(&column->output, value, Int32GetDatum(-1), BoolGetDatum(true));
    deconstruct_array(DatumGetArrayTypeP(value), column->element, column->element_length, column->element_by_value,
                      column->element_align, &elements, &nulls, &n);
    numbers = palloc(Max(n, 1) * sizeof *numbers);
    for (int i = 0; i < n; i++)
        if (nulls[i] || !ltpg_number(elements[i], column->element, &numbers[i]))
            return false;
    LTPG(env, lt_encode_vector(env, encoder, column->feature, numbers, n));
    return true;
}

bool ltpg_column_encode(lt_env *env, lt_encoder *encoder, ltpg_column *column, Datum value, bool is_null)
{
    double number;

    if (is_null)
        return true;
    switch (column->kind) {
    case LT_NUMBER:
    case LT_BOOLEAN:
        if (!ltpg_number(value, column->type, &number))
            break;
        LTPG(env, lt_encode_number(env, encoder, column->feature, number));
        return true;
    case LT_CATEGORY:
        encode_token(env, encoder, column->feature, value, column->type, &column->output);
        return true;
    case LT_TEXT:
        encode_text(env, encoder, column, value);
        return true;
    case LT_BAG:
        if (column->type == TSVECTOROID)
            encode_tsvector(env, encoder, column->feature, value);
        else
            encode_bag(env, encoder, column, value);
        return true;
    case LT_VECTOR:
        if (!encode_vector(env, encoder, column, value))
            break;
        return true;
    case LT_TIMESTAMP:
    case LT_DATE:
        if (!ltpg_number(value, column->type, &number))
            break;
        LTPG(env, lt_encode_time(env, encoder, column->feature, number));
        return true;
    }
    column->invalid++;
    return false;
}
