/*
 * fuzz_option.c: options of every algorithm and rerank method, set to any values; what is taken is in its range.
 */
#include "fuzz.h"
#include "model.h"
#include "rerank.h"

static void set(lt_env *env, lt_options *o, fuzz_input *in)
{
    char text[41], more[3][41];
    const char *name, *names[3];
    double numbers[4];
    int n;

    name = fuzz_below(in, 8) > 0 && o->n > 0 ? o->spec[fuzz_below(in, o->n)]->name : fuzz_text(in, text);
    switch (fuzz_below(in, 7)) {
    case 0:
        fuzz_fine(env, lt_options_set_number(env, o, name, fuzz_number(in)));
        return;
    case 1:
        fuzz_fine(env, lt_options_set_bool(env, o, name, fuzz_below(in, 2)));
        return;
    case 2:
        fuzz_fine(env, lt_options_set_text(env, o, name, fuzz_text(in, more[0])));
        return;
    case 3:
        n = fuzz_below(in, 5);
        for (int i = 0; i < n; i++)
            numbers[i] = fuzz_number(in);
        fuzz_fine(env, lt_options_set_numbers(env, o, name, numbers, n));
        return;
    case 4:
        n = fuzz_below(in, 4);
        for (int i = 0; i < n; i++)
            names[i] = fuzz_text(in, more[i]);
        fuzz_fine(env, lt_options_set_names(env, o, name, names, n));
        return;
    case 5:
        fuzz_fine(env, lt_options_set_object(env, o, name, fuzz_text(in, more[0])));
        return;
    default:
        must(!fuzz_fine(env, lt_options_bad_type(env, o, name, "null")));
    }
}

/* A text is one of "a|b|c". */
static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);

    for (const char *c = choices; c != NULL; c = strchr(c, '|') == NULL ? NULL : strchr(c, '|') + 1)
        if (strncmp(c, text, length) == 0 && (c[length] == '|' || c[length] == '\0'))
            return true;
    return false;
}

static void check(const lt_options *o)
{
    for (int i = 0; i < o->n; i++) {
        const lt_option *s = o->spec[i];
        const lt_value *v = &o->value[i];

        must(lt_options_find(o, s->name) == i);
        if (s->type == LT_OPT_INT || s->type == LT_OPT_FLOAT)
            must(v->number >= s->minimum && v->number <= s->maximum);
        if (s->type == LT_OPT_INT)
            must((double)lt_option_int(o, s->name) == v->number);
        if (s->type == LT_OPT_ENUM)
            must(is_choice(s->choices, lt_option_text(o, s->name)));
        if (s->type == LT_OPT_TEXT || s->type == LT_OPT_OBJECT)
            must(lt_option_text(o, s->name) != NULL);
        if (s->type == LT_OPT_INTS)
            for (int k = 0; k < v->n; k++)
                must(v->numbers[k] >= s->minimum && v->numbers[k] <= s->maximum);
        if (s->type == LT_OPT_NAMES || s->type == LT_OPT_PAIRS)
            for (int k = 0; k < v->n; k++)
                must(v->names[k] != NULL);
        if (s->type == LT_OPT_PAIRS)
            must(v->n % 2 == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    lt_env *env = fuzz_env();
    fuzz_input in = {bytes, n};
    int which = fuzz_below(&in, 32), algorithms = 0, methods = 0;
    lt_options o;

    while (lt_algorithms[algorithms] != NULL)
        algorithms++;
    while (lt_rerankers[methods] != NULL)
        methods++;
    which %= algorithms + methods;
    if (which < algorithms)
        must(lt_options_init(env, &o, lt_algorithms[which]->options, lt_algorithms[which]->n_options) == LT_OK);
    else
        must(lt_options_init_own(env, &o, lt_rerankers[which - algorithms]->options,
                                 lt_rerankers[which - algorithms]->n_options) == LT_OK);
    check(&o);
    for (int i = 0; i < 50 && in.n > 0; i++)
        set(env, &o, &in);
    check(&o);
    test_env_drop(env);
    return 0;
}
