/*
 * evaluate_users.c: longtail.evaluate_users, the measures of each user's list, and longtail.compare, how sure the
 * difference between two ways of serving the same users is.
 */
#include "evaluate.h"

#include <math.h>

#include "bootstrap.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_evaluate_users);
PG_FUNCTION_INFO_V1(longtail_compare);

/* evaluate_users(model, test, k, method, strength, options) */
Datum longtail_evaluate_users(PG_FUNCTION_ARGS)
{
    static const char *const names[] = {"model", "test", "k", NULL, NULL, "options"};
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    ltpg_evaluation e;
    ltpg_method method;
    lt_ranking_metrics m;
    int k;

    ltpg_refuse_nulls(fcinfo, names, lengthof(names));
    k = PG_GETARG_INT32(2);
    ltpg_evaluation_open(&e, fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_JSONB_P(5));
    ltpg_model_check_recommender(e.model);
    method = ltpg_method_read(fcinfo, e.env, e.model, &ltpg_evaluate_arguments);
    InitMaterializedSRF(fcinfo, 0);
    ltpg_evaluation_read(&e, PG_GETARG_OID(1), &method.options);
    m = ltpg_evaluation_measure(&e, &method, &k, 1, true);
    for (int32 row = 0; row < e.test.relevant.rows; row++) {
        Datum value[3] = {CStringGetTextDatum(ltpg_evaluation_user(&e, row))};
        bool null[3] = {false};

        CHECK_FOR_INTERRUPTS();
        for (int measure = 0; measure < LT_MEASURES; measure++) {
            double figure = lt_ranking_kept(&m, row, measure, 0);

            if (!lt_measure_of_users(measure) || isnan(figure))
                continue;
            value[1] = CStringGetTextDatum(lt_measure_names[measure]);
            value[2] = Float8GetDatum(figure);
            tuplestore_putvalues(result->setResult, result->setDesc, value, null);
        }
    }
    return (Datum)0;
}

/* ---- compare ---- */

static const lt_option compare_options[] = {
    {"samples", LT_OPT_INT, "2000", 1, 1000000, NULL, "samples that are drawn of the users"},
    {"level", LT_OPT_FLOAT, "0.95", 0.01, 0.9999, NULL,
     "of the interval: the share of such intervals that hold the truth"},
    {"metrics", LT_OPT_NAMES, "[]", 0, 0, NULL, "the measures to compare; empty: all that users have values of"},
};

/* One of the two: what is measured, and its users' values. */
typedef struct side {
    ltpg_evaluation e;
    lt_options options;
    lt_ranking_metrics m;
} side;

/* A key of what one side differs in; an error where it is of another type. */
static bool side_has(const Jsonb *given, const char *key, enum jbvType type, JsonbValue *out)
{
    if (getKeyJsonValueFromContainer((JsonbContainer *)&given->root, key, strlen(key), out) == NULL ||
        out->type == jbvNull)
        return false;
    if (out->type != type)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"%s\" of a side must be a %s", key, type == jbvString ? "text" : "number")));
    return true;
}

static void measure_side(FunctionCallInfo fcinfo, int at, const side *other, const int *k, side *s)
{
    lt_option *own = palloc((ltpg_evaluate_options_count + lengthof(compare_options)) * sizeof *own);
    ltpg_method_arguments arguments = ltpg_evaluate_arguments;
    Jsonb *given = PG_GETARG_JSONB_P(at), *options = PG_GETARG_JSONB_P(5);
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0)), *method_name = NULL;
    bool has_strength;
    double strength = 0;
    JsonbValue value;
    ltpg_method method;

    memcpy(own, ltpg_evaluate_options, ltpg_evaluate_options_count * sizeof *own);
    memcpy(own + ltpg_evaluate_options_count, compare_options, sizeof compare_options);
    arguments.own = own;
    arguments.n_own += lengthof(compare_options);
    if (!JB_ROOT_IS_OBJECT(given) || !JB_ROOT_IS_OBJECT(options))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a, b and options must be JSON objects"),
                        errhint("For example '{\"method\": \"xquad\", \"strength\": 0.3}'.")));
    if (side_has(given, "model", jbvString, &value))
        name = pnstrdup(value.val.string.val, value.val.string.len);
    if (side_has(given, "method", jbvString, &value))
        method_name = pnstrdup(value.val.string.val, value.val.string.len);
    has_strength = side_has(given, "strength", jbvNumeric, &value);
    if (has_strength)
        strength = ltpg_options_number(given, "strength", 0);
    given = ltpg_options_without(ltpg_options_without(ltpg_options_without(given, "model"), "method"), "strength");
    given = ltpg_options_merge(options, given);
    if (other == NULL)
        ltpg_evaluation_open(&s->e, fcinfo, name, given);
    else
        ltpg_evaluation_open_beside(&s->e, &other->e, name, given);
    ltpg_model_check_recommender(s->e.model);
    method = ltpg_method_make(s->e.env, s->e.model, method_name, has_strength ? &strength : NULL, given, &arguments);
    s->options = method.options;
    ltpg_evaluation_read(&s->e, PG_GETARG_OID(1), &method.options);
    s->m = ltpg_evaluation_measure(&s->e, &method, k, 1, true);
}

/* Users that both sides measured: their rows. */
typedef struct pairing {
    int64 n;
    int32 *a, *b;
} pairing;

static pairing pair_users(const side *a, const side *b)
{
    lt_env *env = a->e.env;
    pairing p = {0};
    lt_dictionary users;

    LTPG(env, lt_dictionary_init(env, &users));
    for (int32 row = 0; row < a->e.test.relevant.rows; row++) {
        const char *user = ltpg_evaluation_user(&a->e, row);
        int32 number;

        LTPG(env, lt_dictionary_add(env, &users, user, strlen(user), 1, &number)); /* each is new: row */
    }
    LTPG(env, lt_alloc(env, &p.a, (size_t)b->e.test.relevant.rows, sizeof *p.a, "the users"));
    LTPG(env, lt_alloc(env, &p.b, (size_t)b->e.test.relevant.rows, sizeof *p.b, "the users"));
    for (int32 row = 0; row < b->e.test.relevant.rows; row++) {
        const char *user = ltpg_evaluation_user(&b->e, row);
        int32 number = lt_dictionary_find(&users, user, strlen(user));

        CHECK_FOR_INTERRUPTS();
        if (number < 0)
            continue;
        p.a[p.n] = number;
        p.b[p.n++] = row;
    }
    return p;
}

static bool is_wanted(const lt_options *options, lt_measure measure)
{
    const lt_value *wanted = lt_option_value(options, "metrics");

    for (int i = 0; i < wanted->n; i++)
        if (strcmp(wanted->names[i], lt_measure_names[measure]) == 0)
            return true;
    return wanted->n == 0;
}

static void check_metrics(const lt_options *options)
{
    const lt_value *wanted = lt_option_value(options, "metrics");

    for (int i = 0; i < wanted->n; i++) {
        bool found = false;

        for (int measure = 0; measure < LT_MEASURES && !found; measure++)
            found = lt_measure_of_users(measure) && strcmp(wanted->names[i], lt_measure_names[measure]) == 0;
        if (!found)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("users have no value of metric \"%s\"", wanted->names[i]),
                            errhint("longtail.evaluate_users gives all they have.")));
    }
}

static void put_number(Datum *value, bool *null, int at, double number)
{
    value[at] = Float8GetDatum(number);
    null[at] = isnan(number);
}

static void compare_measure(const side *a, const side *b, const pairing *p, lt_measure measure, double *difference,
                            ReturnSetInfo *result)
{
    double of_a = 0, of_b = 0;
    int64 n = 0;
    lt_bootstrap_interval between;
    Datum value[8] = {CStringGetTextDatum(lt_measure_names[measure])};
    bool null[8] = {false};

    for (int64 i = 0; i < p->n; i++) {
        double left = lt_ranking_kept(&a->m, p->a[i], measure, 0), right = lt_ranking_kept(&b->m, p->b[i], measure, 0);

        if (isnan(left) || isnan(right))
            continue;
        of_a += left;
        of_b += right;
        difference[n++] = left - right;
    }
    LTPG(a->e.env, lt_bootstrap_difference(a->e.env, difference, n, lt_option_int(&a->options, "samples"),
                                           lt_option_float(&a->options, "level"),
                                           (uint64)lt_option_int(&a->options, "seed"), &between));
    put_number(value, null, 1, n > 0 ? of_a / n : NAN);
    put_number(value, null, 2, n > 0 ? of_b / n : NAN);
    put_number(value, null, 3, between.difference);
    put_number(value, null, 4, between.lower);
    put_number(value, null, 5, between.upper);
    put_number(value, null, 6, between.p_value);
    value[7] = Int64GetDatum(n);
    tuplestore_putvalues(result->setResult, result->setDesc, value, null);
}

/* compare(model, test, a, b, k, options) */
Datum longtail_compare(PG_FUNCTION_ARGS)
{
    static const char *const names[] = {"model", "test", "a", "b", "k", "options"};
    side a, b;
    pairing p;
    double *difference;
    int k;

    ltpg_refuse_nulls(fcinfo, names, lengthof(names));
    k = PG_GETARG_INT32(4);
    InitMaterializedSRF(fcinfo, 0);
    measure_side(fcinfo, 2, NULL, &k, &a);
    check_metrics(&a.options);
    measure_side(fcinfo, 3, &a, &k, &b);
    p = pair_users(&a, &b);
    LTPG(a.e.env, lt_alloc(a.e.env, &difference, (size_t)p.n, sizeof *difference, "the differences"));
    for (int measure = 0; measure < LT_MEASURES; measure++)
        if (lt_measure_of_users(measure) && is_wanted(&a.options, measure))
            compare_measure(&a, &b, &p, measure, difference, (ReturnSetInfo *)fcinfo->resultinfo);
    return (Datum)0;
}
