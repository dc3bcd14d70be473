/*
 * method.c: reading the arguments method, strength and options, to the stages that a list goes through.
 *
 * The options of a call hold what the function takes itself, what methods share (facts.h), what the method takes, and
 * `then`: further stages, as objects with method, strength and that stage's options.
 */
#include "method.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/numeric.h"

const lt_reranker *ltpg_method_find(const char *name)
{
    const lt_reranker *method = lt_reranker_find(name);

    if (method == NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown rerank method \"%s\"", name),
                        errhint("SELECT name, description FROM longtail.rerank_methods() lists them.")));
    return method;
}

static void check_strength(const lt_reranker *method, double strength)
{
    if (!(strength >= 0 && strength <= method->max_strength) || isinf(strength))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("strength of method \"%s\" is %s", method->name, float8out_internal(strength)),
                        isinf(method->max_strength) ? errdetail("It must be a number of at least 0.")
                                                    : errdetail("It must be from 0 to %g.", method->max_strength)));
}

/* ---- json ---- */

/* The value of a key, taken out of the object; NULL when it is not there. */
static JsonbValue *take(Jsonb **object, const char *key)
{
    JsonbValue *value = getKeyJsonValueFromContainer(&(*object)->root, key, strlen(key), NULL);

    if (value != NULL)
        *object = ltpg_options_without(*object, key);
    return value;
}

/* ---- one stage ---- */

/* What the function takes, what methods share and what this one takes, set from an object. */
static lt_options options_of(lt_env *env, const lt_reranker *method, const lt_option *own, int n_own,
                             const Jsonb *given)
{
    lt_option *spec = palloc((n_own + ltpg_facts_options_count + method->n_options) * sizeof *spec);
    int n = n_own + ltpg_facts_options_count;
    lt_options o;

    if (n_own > 0)
        memcpy(spec, own, n_own * sizeof *spec);
    memcpy(spec + n_own, ltpg_facts_options, ltpg_facts_options_count * sizeof *spec);
    if (method->n_options > 0)
        memcpy(spec + n, method->options, method->n_options * sizeof *spec);
    LTPG(env, lt_options_init_own(env, &o, spec, n + method->n_options));
    ltpg_options_set(env, &o, given);
    return o;
}

/* An element of `then`: its method and strength, which are taken out of *object. */
static lt_rerank_stage read_then(const JsonbValue *element, Jsonb **object)
{
    const JsonbValue *name, *strength;
    lt_rerank_stage stage = {0};

    if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"then\" must be a list of objects"),
                        errhint("For example {\"then\": [{\"method\": \"random\", \"strength\": 0.1}]}.")));
    *object = JsonbValueToJsonb((JsonbValue *)element);
    name = take(object, "method");
    strength = take(object, "strength");
    if (name == NULL || name->type != jbvString || strength == NULL || strength->type != jbvNumeric)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("an element of option \"then\" lacks a method or a strength"),
                 errdetail("Each has a \"method\" (text), a \"strength\" (number), and the method's own options.")));
    if (take(object, "then") != NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"then\" has another inside it"),
                        errhint("One list has all further stages, in their order.")));
    stage.method = ltpg_method_find(pnstrdup(name->val.string.val, name->val.string.len));
    stage.strength = DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(strength->val.numeric)));
    check_strength(stage.method, stage.strength);
    return stage;
}

/* ---- the stages of a call ---- */

/* model == NULL and candidates == NULL: only checked, nothing is read. */
static ltpg_method read_stages(lt_env *env, ltpg_model *model, const lt_reranker *method, double strength, Jsonb *given,
                               const ltpg_method_arguments *a)
{
    JsonbValue *then;
    int further = 0;
    ltpg_method m;

    if (!JB_ROOT_IS_OBJECT(given))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must be a JSON object"),
                        errhint("For example '{\"seed\": 1}'.")));
    then = take(&given, "then");
    if (then != NULL) {
        if (then->type != jbvBinary || !JsonContainerIsArray(then->val.binary.data))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"then\" must be a list"),
                            errhint("For example {\"then\": [{\"method\": \"random\", \"strength\": 0.1}]}.")));
        further = (int)JsonContainerSize(then->val.binary.data);
    }
    m.n_stages = 1 + further;
    m.stages = palloc0(m.n_stages * sizeof *m.stages);
    m.options = options_of(env, method, a->own, a->n_own, given);
    m.uses_taste = false;
    for (int s = 0; s < m.n_stages; s++) {
        lt_rerank_stage *stage = &m.stages[s];
        lt_options *options = palloc(sizeof *options);

        if (s == 0) {
            *stage = (lt_rerank_stage){.method = method, .strength = strength};
            *options = m.options;
        } else {
            Jsonb *object;

            *stage = read_then(getIthJsonbValueFromContainer(then->val.binary.data, s - 1), &object);
            *options = options_of(env, stage->method, NULL, 0, object);
        }
        stage->options = options;
        if (!a->measures_attribute)
            ltpg_facts_check(stage->method, options);
        if (stage->strength == 0) /* the identity, which wants to know nothing */
            continue;
        m.uses_taste |= stage->method->uses_taste;
        if (model != NULL || a->candidates != NULL)
            stage->context = ltpg_facts_make(model, a->candidates, stage->method, options, a->many);
        if (stage->context != NULL)
            stage->facts = ltpg_facts_fill;
    }
    return m;
}

ltpg_method ltpg_method_make(lt_env *env, ltpg_model *model, const char *given_name, const double *given_strength,
                             Jsonb *given, const ltpg_method_arguments *a)
{
    const char *own = model == NULL ? "" : model->bundle.rerank;
    const char *name = given_name == NULL ? own : given_name;
    const lt_reranker *method;
    double strength;

    if (name[0] == '\0')
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("method must not be NULL"),
                        errhint("NULL takes the model's own method, and no model is given.")));
    method = ltpg_method_find(name);
    if (given_strength != NULL)
        strength = *given_strength;
    else if (strcmp(name, "none") == 0)
        strength = 0;
    else if (strcmp(name, own) == 0)
        strength = model->bundle.rerank_strength;
    else
        ereport(
            ERROR,
            (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("method \"%s\" needs a strength", name),
             own[0] == '\0' ? 0 : errhint("The model's own method is \"%s\"; another needs its strength named.", own)));
    check_strength(method, strength);
    if (given_name == NULL && strcmp(name, "none") == 0 && strength > 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("strength %g needs a method: the model's own is \"none\"", strength),
                        errhint("Name one in the call, or set option \"rerank\" in training.")));
    if (given == NULL)
        given = ltpg_options_parse("{}");
    if (given_name == NULL && JB_ROOT_IS_OBJECT(given))
        given = ltpg_options_merge(ltpg_options_parse(model->bundle.rerank_options), given);
    return read_stages(env, model, method, strength, given, a);
}

ltpg_method ltpg_method_read(FunctionCallInfo fcinfo, lt_env *env, ltpg_model *model, const ltpg_method_arguments *a)
{
    const char *name = PG_ARGISNULL(a->method) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(a->method));
    double strength = PG_ARGISNULL(a->strength) ? 0 : PG_GETARG_FLOAT8(a->strength);

    return ltpg_method_make(env, model, name, PG_ARGISNULL(a->strength) ? NULL : &strength,
                            PG_ARGISNULL(a->options) ? NULL : PG_GETARG_JSONB_P(a->options), a);
}

ltpg_method ltpg_method_at(const ltpg_method *method, double strength)
{
    ltpg_method m = *method;

    check_strength(method->stages[0].method, strength);
    m.stages = palloc(m.n_stages * sizeof *m.stages);
    memcpy(m.stages, method->stages, m.n_stages * sizeof *m.stages);
    m.stages[0].strength = strength;
    if (strength == 0) { /* the identity, which wants to know nothing */
        m.stages[0].facts = NULL;
        m.stages[0].context = NULL;
    }
    return m;
}

void ltpg_method_check(lt_env *env, const char *name, double strength, const char *options)
{
    const lt_reranker *method = ltpg_method_find(name);
    ltpg_method_arguments nothing = {0};

    check_strength(method, strength);
    read_stages(env, NULL, method, strength, ltpg_options_parse(options), &nothing);
}
