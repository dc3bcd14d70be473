/*
 * predictor_json.c: the text form of a predictor.
 *
 * {"algorithm": "logistic", "link": "logistic", "features": 2, "mean": [...], "scale": [...],
 *  "arrays": [{"name": "coefficients", "rows": 1, "cols": 3, "type": "float8", "values": [...]}],
 *  "fit": {"rows": 100, "epochs": 7, "loss": 0.43, "converged": true}}
 *
 * Invariant: reading what was written gives the same bits.  Numbers are written with the server's own shortest exact
 * digits, float4 and float8 each by its own rule; what JSON's numbers (or numeric, which reads them) cannot say, NaN,
 * the infinities and minus zero, is written as a string.
 */
#include "predictor.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"

static const char *const link_names[] = {
    [LT_LINK_IDENTITY] = "identity",
    [LT_LINK_LOGISTIC] = "logistic",
    [LT_LINK_EXP] = "exp",
};

/* ---- writing ---- */

static void put_text(StringInfo out, const char *text, double value)
{
    bool plain = isfinite(value) && !(value == 0 && signbit(value));

    appendStringInfo(out, plain ? "%s" : "\"%s\"", text);
}

static void put_float8(StringInfo out, double value)
{
    char text[DOUBLE_SHORTEST_DECIMAL_LEN];

    double_to_shortest_decimal_buf(value, text);
    put_text(out, text, value);
}

static void put_float4(StringInfo out, float value)
{
    char text[FLOAT_SHORTEST_DECIMAL_LEN];

    float_to_shortest_decimal_buf(value, text);
    put_text(out, text, value);
}

static void put_float8s(StringInfo out, const double *values, int64 n)
{
    appendStringInfoChar(out, '[');
    for (int64 i = 0; i < n; i++) {
        if (i > 0)
            appendStringInfoString(out, ", ");
        put_float8(out, values[i]);
    }
    appendStringInfoChar(out, ']');
}

static void put_float4s(StringInfo out, const float *values, int64 n)
{
    appendStringInfoChar(out, '[');
    for (int64 i = 0; i < n; i++) {
        if (i > 0)
            appendStringInfoString(out, ", ");
        put_float4(out, values[i]);
    }
    appendStringInfoChar(out, ']');
}

char *ltpg_predictor_to_json(const ltpg_predictor *p)
{
    StringInfoData out;

    initStringInfo(&out);
    appendStringInfo(&out,
                     "{\"algorithm\": \"%s\", \"link\": \"%s\", \"features\": %d, \"mean\": ", p->model.algorithm->name,
                     link_names[p->model.link], ltpg_predictor_width(p));
    put_float8s(&out, p->mean, ltpg_predictor_width(p));
    appendStringInfoString(&out, ", \"scale\": ");
    put_float8s(&out, p->scale, ltpg_predictor_width(p));
    appendStringInfoString(&out, ", \"arrays\": [");
    for (int i = 0; i < p->model.n_arrays; i++) {
        const lt_array *a = &p->model.array[i];

        if (i > 0)
            appendStringInfoString(&out, ", ");
        appendStringInfoString(&out, "{\"name\": ");
        escape_json(&out, a->name);
        appendStringInfo(&out,
                         ", \"rows\": " INT64_FORMAT ", \"cols\": " INT64_FORMAT ", \"type\": \"%s\", \"values\": ",
                         (int64)a->rows, (int64)a->cols, a->f != NULL ? "float4" : "float8");
        if (a->f != NULL)
            put_float4s(&out, a->f, a->rows * a->cols);
        else
            put_float8s(&out, a->d, a->rows * a->cols);
        appendStringInfoChar(&out, '}');
    }
    appendStringInfo(&out, "], \"fit\": {\"rows\": " INT64_FORMAT ", \"epochs\": %d, \"loss\": ", (int64)p->rows,
                     p->fit.epochs);
    put_float8(&out, p->fit.loss);
    appendStringInfo(&out, ", \"converged\": %s}}", p->fit.converged ? "true" : "false");
    return out.data;
}

/* ---- reading ---- */

#define BAD(...)                                                                                                       \
    ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("invalid input for type longtail.predictor"), \
                    errdetail(__VA_ARGS__)))

static JsonbValue member(JsonbContainer *object, const char *key)
{
    JsonbValue v;

    if (getKeyJsonValueFromContainer(object, key, (int)strlen(key), &v) == NULL)
        BAD("Key \"%s\" is missing.", key);
    return v;
}

static JsonbContainer *object_member(JsonbContainer *object, const char *key)
{
    JsonbValue v = member(object, key);

    if (v.type != jbvBinary || !JsonContainerIsObject(v.val.binary.data))
        BAD("Key \"%s\" must hold an object.", key);
    return v.val.binary.data;
}

static const char *text_member(JsonbContainer *object, const char *key)
{
    JsonbValue v = member(object, key);

    if (v.type != jbvString)
        BAD("Key \"%s\" must hold a string.", key);
    return pnstrdup(v.val.string.val, v.val.string.len);
}

static int64 whole_member(JsonbContainer *object, const char *key, double most)
{
    JsonbValue v = member(object, key);
    double value = -1;

    if (v.type == jbvNumeric)
        value = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(v.val.numeric)));
    if (!(value >= 0 && value <= most && value == floor(value)))
        BAD("Key \"%s\" must hold a whole number from 0 to %.0f.", key, most);
    return (int64)value;
}

/* The digits of a number, or what a string says in its place. */
static char *number_text(const JsonbValue *v, const char *key)
{
    if (v->type == jbvNumeric)
        return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
    if (v->type != jbvString || v->val.string.len > 9) /* "-Infinity" is the longest */
        BAD("Key \"%s\" must hold numbers.", key);
    return pnstrdup(v->val.string.val, v->val.string.len);
}

static void check_number(const JsonbValue *v, const char *key, const char *text, const char *end, bool finite)
{
    if (end == text || *end != '\0')
        BAD("Key \"%s\" must hold numbers.", key);
    if (v->type == jbvNumeric && !finite)
        BAD("Key \"%s\" holds a number out of range.", key);
}

/* strtod and strtof round correctly, each to its own type; they read NaN, Infinity and -0 too. */
static double read_float8(const JsonbValue *v, const char *key)
{
    char *text = number_text(v, key);
    char *end;
    double value = strtod(text, &end);

    check_number(v, key, text, end, isfinite(value));
    pfree(text); /* there may be millions */
    return value;
}

static float read_float4(const JsonbValue *v, const char *key)
{
    char *text = number_text(v, key);
    char *end;
    float value = strtof(text, &end);

    check_number(v, key, text, end, isfinite(value));
    pfree(text); /* there may be millions */
    return value;
}

/* A list of exactly n members; -1: of any length. */
static JsonbContainer *list_member(JsonbContainer *object, const char *key, int64 n)
{
    JsonbValue v = member(object, key);

    if (v.type != jbvBinary || !JsonContainerIsArray(v.val.binary.data))
        BAD("Key \"%s\" must hold a list.", key);
    if (n >= 0 && JsonContainerSize(v.val.binary.data) != n)
        BAD("Key \"%s\" holds a list of %u where " INT64_FORMAT " are expected.", key,
            (unsigned)JsonContainerSize(v.val.binary.data), n);
    return v.val.binary.data;
}

/* Reads exactly n numbers into one of f and d. */
static void read_values(JsonbContainer *object, const char *key, int64 n, float *f, double *d)
{
    JsonbIterator *it = JsonbIteratorInit(list_member(object, key, n));
    JsonbValue v;
    int64 i = 0;

    JsonbIteratorNext(&it, &v, true);
    while (JsonbIteratorNext(&it, &v, true) == WJB_ELEM) {
        if (f != NULL)
            f[i++] = read_float4(&v, key);
        else
            d[i++] = read_float8(&v, key);
    }
}

static void only_keys(JsonbContainer *object, const char *const *keys)
{
    JsonbIterator *it = JsonbIteratorInit(object);
    JsonbValue v;

    JsonbIteratorNext(&it, &v, true);
    while (JsonbIteratorNext(&it, &v, true) == WJB_KEY) {
        const char *const *k = keys;

        while (*k != NULL &&
               (strlen(*k) != (size_t)v.val.string.len || memcmp(*k, v.val.string.val, v.val.string.len) != 0))
            k++;
        if (*k == NULL)
            BAD("Key \"%s\" is unknown.", pnstrdup(v.val.string.val, v.val.string.len));
        JsonbIteratorNext(&it, &v, true);
    }
}

static void read_array(lt_env *env, JsonbContainer *array, lt_model *m)
{
    static const char *const keys[] = {"name", "rows", "cols", "type", "values", NULL};
    const char *name = text_member(array, "name");
    const char *type = text_member(array, "type");
    int64 rows = whole_member(array, "rows", INT32_MAX);
    int64 cols = whole_member(array, "cols", INT32_MAX);
    float *f = NULL;
    double *d = NULL;

    only_keys(array, keys);
    if (lt_model_array(m, name) != NULL)
        BAD("Array \"%s\" is there twice.", name);
    /* before room is taken: hostile text shall cost no more than its own size */
    list_member(array, "values", rows * cols);
    if (strcmp(type, "float4") == 0)
        LTPG(env, lt_model_add_f32(env, m, name, rows, cols, &f));
    else if (strcmp(type, "float8") == 0)
        LTPG(env, lt_model_add_f64(env, m, name, rows, cols, &d));
    else
        BAD("Array \"%s\" has type \"%s\" where float4 or float8 is expected.", name, type);
    read_values(array, "values", rows * cols, f, d);
}

static void read_arrays(lt_env *env, JsonbContainer *root, lt_model *m)
{
    JsonbIterator *it = JsonbIteratorInit(list_member(root, "arrays", -1));
    JsonbValue v;

    JsonbIteratorNext(&it, &v, true);
    while (JsonbIteratorNext(&it, &v, true) == WJB_ELEM) {
        if (v.type != jbvBinary || !JsonContainerIsObject(v.val.binary.data))
            BAD("Key \"arrays\" must hold a list of objects.");
        read_array(env, v.val.binary.data, m);
    }
}

static lt_link read_link(const char *name)
{
    for (int i = 0; i < (int)lengthof(link_names); i++)
        if (strcmp(link_names[i], name) == 0)
            return (lt_link)i;
    BAD("Link \"%s\" is unknown.", name);
    return LT_LINK_IDENTITY; /* not reached */
}

void ltpg_predictor_from_json(lt_env *env, char *text, ltpg_predictor *out)
{
    static const char *const keys[] = {"algorithm", "link", "features", "mean", "scale", "arrays", "fit", NULL};
    static const char *const fit_keys[] = {"rows", "epochs", "loss", "converged", NULL};
    Jsonb *json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
    JsonbContainer *root = &json->root, *fit;
    JsonbValue v;
    const char *algorithm;
    int64 width;

    memset(out, 0, sizeof *out);
    if (!JB_ROOT_IS_OBJECT(json))
        BAD("A JSON object is expected.");
    only_keys(root, keys);
    algorithm = text_member(root, "algorithm");
    out->model.algorithm = lt_algorithm_find(algorithm);
    if (out->model.algorithm == NULL)
        BAD("Algorithm \"%s\" is unknown.", algorithm);
    out->model.link = read_link(text_member(root, "link"));
    width = whole_member(root, "features", JB_CMASK);
    list_member(root, "mean", width);
    out->model.design.row_dense = (int32_t)width;
    LTPG(env, lt_design_finish(env, &out->model.design));
    LTPG(env, lt_alloc(env, &out->mean, width, sizeof *out->mean, "the means"));
    LTPG(env, lt_alloc(env, &out->scale, width, sizeof *out->scale, "the scales"));
    read_values(root, "mean", width, NULL, out->mean);
    read_values(root, "scale", width, NULL, out->scale);
    read_arrays(env, root, &out->model);
    fit = object_member(root, "fit");
    only_keys(fit, fit_keys);
    out->rows = whole_member(fit, "rows", 9007199254740992.0);
    out->fit.epochs = (int)whole_member(fit, "epochs", INT32_MAX);
    v = member(fit, "loss");
    out->fit.loss = read_float8(&v, "loss");
    v = member(fit, "converged");
    if (v.type != jbvBool)
        BAD("Key \"converged\" must hold true or false.");
    out->fit.converged = v.val.boolean;
    if (ltpg_predictor_check(env, out) != LT_OK)
        BAD("%s", ltpg_predictor_complaint(env));
}
