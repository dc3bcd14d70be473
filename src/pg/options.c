/*
 * options.c: an algorithm by name, and a jsonb object into its option list. What is allowed stands in the option tables
 * of the core.
 */
#include "longtail.h"

#include "model.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

/* The values of a list option, either numbers or (possibly nested) strings. */
typedef struct option_list {
    int n_numbers, n_names, capacity;
    double *numbers;
    const char **names;
    bool mixed; /* something that is neither */
} option_list;

static double json_number(const JsonbValue *v)
{
    return DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(v->val.numeric)));
}

static const char *json_string(const JsonbValue *v)
{
    return pnstrdup(v->val.string.val, v->val.string.len);
}

static option_list read_list(JsonbIterator **it)
{
    option_list list = {0};
    JsonbValue v;
    JsonbIteratorToken token;
    int depth = 1;

    list.capacity = 16;
    list.numbers = palloc(list.capacity * sizeof(double));
    list.names = palloc(list.capacity * sizeof(char *));
    while (depth > 0 && (token = JsonbIteratorNext(it, &v, false)) != WJB_DONE) {
        if (token == WJB_BEGIN_ARRAY)
            depth++;
        else if (token == WJB_END_ARRAY)
            depth--;
        else if (token != WJB_ELEM || (v.type != jbvNumeric && v.type != jbvString))
            list.mixed = true;
        else {
            if (list.n_numbers + list.n_names == list.capacity) {
                list.capacity *= 2;
                list.numbers = repalloc(list.numbers, list.capacity * sizeof(double));
                list.names = repalloc(list.names, list.capacity * sizeof(char *));
            }
            if (v.type == jbvNumeric)
                list.numbers[list.n_numbers++] = json_number(&v);
            else
                list.names[list.n_names++] = json_string(&v);
        }
    }
    return list;
}

static lt_status set_list(lt_env *env, lt_options *options, const char *name, JsonbIterator **it)
{
    option_list list = read_list(it);
    int at = lt_options_find(options, name);
    bool names = at >= 0 && (options->spec[at]->type == LT_OPT_NAMES || options->spec[at]->type == LT_OPT_PAIRS);

    if (list.mixed || (list.n_numbers > 0 && list.n_names > 0))
        return lt_options_bad_type(env, options, name, "a list of mixed values");
    if (list.n_names > 0 || (names && list.n_numbers == 0))
        return lt_options_set_names(env, options, name, list.names, list.n_names);
    return lt_options_set_numbers(env, options, name, list.numbers, list.n_numbers);
}

static lt_status set_value(lt_env *env, lt_options *options, const char *name, JsonbIteratorToken token,
                           const JsonbValue *v, JsonbIterator **it);

static lt_status set_packed(lt_env *env, lt_options *options, const char *name, const JsonbValue *v);

/* Whether there are options o_something, which an object for o may set. */
static bool has_parts(const lt_options *options, const char *name)
{
    const char *start = psprintf("%s_", name);

    for (int i = 0; i < options->n; i++)
        if (strncmp(options->spec[i]->name, start, strlen(start)) == 0)
            return true;
    return false;
}

/* {"method": m, "strength": s} given for option o: o = m, o_strength = s. */
static lt_status set_object(lt_env *env, lt_options *options, const char *name, JsonbIterator **it)
{
    JsonbValue v;
    JsonbIteratorToken token;

    if (!has_parts(options, name))
        return lt_options_bad_type(env, options, name, "an object");
    while ((token = JsonbIteratorNext(it, &v, false)) == WJB_KEY) {
        const char *key = json_string(&v);
        const char *target = strcmp(key, "method") == 0 ? name : psprintf("%s_%s", name, key);

        JsonbIteratorNext(it, &v, true);
        LT_TRY(set_packed(env, options, target, &v));
    }
    return LT_OK;
}

static lt_status set_value(lt_env *env, lt_options *options, const char *name, JsonbIteratorToken token,
                           const JsonbValue *v, JsonbIterator **it)
{
    if (token == WJB_BEGIN_ARRAY)
        return set_list(env, options, name, it);
    if (token == WJB_BEGIN_OBJECT)
        return set_object(env, options, name, it);
    switch (v->type) {
    case jbvNumeric:
        return lt_options_set_number(env, options, name, json_number(v));
    case jbvBool:
        return lt_options_set_bool(env, options, name, v->val.boolean);
    case jbvString:
        return lt_options_set_text(env, options, name, json_string(v));
    default:
        return lt_options_bad_type(env, options, name, "null");
    }
}

/* A value of the object that options are, nested ones still packed. */
static lt_status set_packed(lt_env *env, lt_options *options, const char *name, const JsonbValue *v)
{
    int at = lt_options_find(options, name);
    JsonbIterator *it;
    JsonbValue start;
    JsonbIteratorToken token;

    if (v->type != jbvBinary)
        return set_value(env, options, name, WJB_VALUE, v, NULL);
    if (at >= 0 && options->spec[at]->type == LT_OPT_OBJECT && JsonContainerIsObject(v->val.binary.data))
        return lt_options_set_object(env, options, name, JsonbToCString(NULL, v->val.binary.data, v->val.binary.len));
    it = JsonbIteratorInit(v->val.binary.data);
    token = JsonbIteratorNext(&it, &start, false);
    return set_value(env, options, name, token, &start, &it);
}

static void refuse_other(const Jsonb *given, const char *example)
{
    if (!JB_ROOT_IS_OBJECT(given))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must be a JSON object"),
                        errhint("For example '%s'.", example)));
}

void ltpg_options_set(lt_env *env, lt_options *options, const Jsonb *given)
{
    JsonbIterator *it;
    JsonbValue v;
    JsonbIteratorToken token;

    refuse_other(given, "{\"epochs\": 10}");
    it = JsonbIteratorInit((JsonbContainer *)&given->root);
    JsonbIteratorNext(&it, &v, false);
    while ((token = JsonbIteratorNext(&it, &v, false)) == WJB_KEY) {
        const char *name = json_string(&v);

        JsonbIteratorNext(&it, &v, true);
        LTPG(env, set_packed(env, options, name, &v));
    }
}

/* Whether there is a key, and its value; whatever is no object has none. */
static bool find_key(const Jsonb *given, const char *name, JsonbValue *value)
{
    return JB_ROOT_IS_OBJECT(given) &&
           getKeyJsonValueFromContainer((JsonbContainer *)&given->root, name, strlen(name), value) != NULL;
}

const char *ltpg_options_text(const Jsonb *given, const char *name, const char *otherwise)
{
    JsonbValue value;

    return find_key(given, name, &value) && value.type == jbvString ? json_string(&value) : otherwise;
}

double ltpg_options_number(const Jsonb *given, const char *name, double otherwise)
{
    JsonbValue value;

    return find_key(given, name, &value) && value.type == jbvNumeric ? json_number(&value) : otherwise;
}

bool ltpg_options_give(const Jsonb *given, const char *name)
{
    JsonbValue value;

    return find_key(given, name, &value);
}

Jsonb *ltpg_options_parse(const char *json)
{
    return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
}

Jsonb *ltpg_options_merge(const Jsonb *a, const Jsonb *b)
{
    return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(a), JsonbPGetDatum(b)));
}

Jsonb *ltpg_options_without(const Jsonb *given, const char *key)
{
    refuse_other(given, "{\"seed\": 1}");
    return DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(given), CStringGetTextDatum(key)));
}

bool ltpg_options_have(const lt_options *options, const char *key)
{
    return lt_options_find(options, key) >= 0 || has_parts(options, key);
}

static const lt_option auto_options[] = {
    {"algorithms", LT_OPT_NAMES, "[]", 0, 0, NULL,
     "the algorithms to try; empty: for implicit feedback popularity, item_knn, rp3beta, graph_filter, als, ease up to "
     "10,000 items, and markov with a time column; else logistic and mlp"},
};

const lt_algorithm ltpg_auto = {
    .name = "auto",
    .help = "tries several algorithms and options, and keeps what is best on the validation part",
    .supervised = true,
    .recommender = true,
    .options = auto_options,
    .n_options = lengthof(auto_options),
};

const lt_algorithm *ltpg_algorithm(const char *name)
{
    const lt_algorithm *algorithm = strcmp(name, ltpg_auto.name) == 0 ? &ltpg_auto : lt_algorithm_find(name);

    if (algorithm == NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown algorithm \"%s\"", name),
                        errhint("SELECT name, description FROM longtail.algorithms() lists them.")));
    return algorithm;
}
