/* test_option.c: the option table, its checks and its error texts. */
#include "tap.h"

#include "model.h"

static const lt_option own[] = {
    {"epochs", LT_OPT_INT, "20", 1, 100000, NULL, "passes"},
    {"learning_rate", LT_OPT_FLOAT, "0.05", 0, INFINITY, NULL, "step"},
    {"hidden", LT_OPT_INTS, "[64, 32]", 1, 65536, NULL, "layers"},
    {"split", LT_OPT_ENUM, "none", 0, 0, "auto|random|time|none", "own default"},
    {"friends", LT_OPT_TEXT, "", 0, 0, NULL, "relation"},
    {"friend_column", LT_OPT_TEXT, "friend_id", 0, 0, NULL, "column"},
};
#define OWN ((int)(sizeof own / sizeof own[0]))

static void is_error(lt_env *env, lt_status status, const char *message, const char *detail, const char *hint)
{
    bool same = status == LT_INVALID && strcmp(env->error.message, message) == 0 &&
                strcmp(env->error.detail, detail) == 0 && strcmp(env->error.hint, hint) == 0;

    if (!ok(same, "refused: %s", message))
        printf("# status %d\n# %s\n# %s\n# %s\n", status, env->error.message, env->error.detail, env->error.hint);
}

static void defaults(lt_env *env)
{
    lt_options o;

    fine(env, lt_options_init(env, &o, own, OWN));
    ok(o.n == lt_common_options_count + OWN - 1, "an own option replaces the common one of its name");
    ok(lt_option_is(&o, "split", "none"), "the own default holds");
    ok(lt_option_int(&o, "seed") == 1 && lt_option_int(&o, "epochs") == 20, "integers");
    near(lt_option_float(&o, "learning_rate"), 0.05, 0, "numbers");
    ok(lt_option_bool(&o, "standardize"), "booleans");
    ok(lt_option_value(&o, "hidden")->n == 2 && lt_option_value(&o, "hidden")->numbers[0] == 64 &&
           lt_option_value(&o, "hidden")->numbers[1] == 32,
       "lists");
    ok(lt_option_value(&o, "crosses")->n == 0 && lt_option_value(&o, "features")->n == 0, "empty lists");
    ok(lt_option_is(&o, "friends", "") && lt_option_is(&o, "friend_column", "friend_id"), "texts");
    for (int i = 0; i < o.n; i++)
        if (o.value[i].given)
            ok(false, "%s counts as given", o.spec[i]->name);
    fine(env, lt_options_set_number(env, &o, "epochs", 3));
    ok(lt_option_value(&o, "epochs")->given, "what was set is given");
}

/* The tables of the algorithms themselves: every default passes its own check, every help is a phrase. */
static void registry(lt_env *env)
{
    for (int a = 0; lt_algorithms[a] != NULL; a++) {
        lt_options o;

        fine(env, lt_options_init(env, &o, lt_algorithms[a]->options, lt_algorithms[a]->n_options));
        for (int i = 0; i < o.n; i++) {
            size_t n = strlen(o.spec[i]->help);

            if (n < 10 || o.spec[i]->help[n - 1] == '.')
                ok(false, "%s.%s has a help text without a full stop", lt_algorithms[a]->name, o.spec[i]->name);
            for (int j = 0; j < i; j++)
                if (strcmp(o.spec[i]->name, o.spec[j]->name) == 0)
                    ok(false, "%s.%s is there twice", lt_algorithms[a]->name, o.spec[i]->name);
        }
        ok(lt_algorithm_find(lt_algorithms[a]->name) == lt_algorithms[a], "%s is found", lt_algorithms[a]->name);
    }
    ok(lt_algorithm_find("nonsense") == NULL, "an unknown algorithm is not");
}

static void setting(lt_env *env)
{
    static const lt_option variant = {.name = "variant", .type = LT_OPT_TEXT, .default_value = ""};
    const char *pair[] = {"country", "category", "age"};
    char mutable_name[] = "price";
    const char *names[] = {mutable_name, "-colour"};
    double layers[65];
    lt_options o;

    for (int i = 0; i < 65; i++)
        layers[i] = i + 1;
    fine(env, lt_options_init(env, &o, own, OWN));
    fine(env, lt_options_set_number(env, &o, "seed", 0x1p53));
    ok(lt_option_int(&o, "seed") == (int64_t)1 << 53, "the largest seed");
    fine(env, lt_options_set_number(env, &o, "learning_rate", 1e300));
    fine(env, lt_options_set_bool(env, &o, "standardize", false));
    ok(!lt_option_bool(&o, "standardize"), "false");
    fine(env, lt_options_set_text(env, &o, "split", "time"));
    ok(strcmp(lt_option_text(&o, "split"), "time") == 0, "a choice");
    fine(env, lt_options_set_numbers(env, &o, "hidden", layers, 64));
    ok(lt_option_value(&o, "hidden")->n == 64 && lt_option_value(&o, "hidden")->numbers[63] == 64, "64 elements");
    fine(env, lt_options_set_numbers(env, &o, "hidden", NULL, 0));
    fine(env, lt_options_set_names(env, &o, "hidden", NULL, 0));
    fine(env, lt_options_set_numbers(env, &o, "features", NULL, 0));
    fine(env, lt_options_set_names(env, &o, "features", names, 2));
    mutable_name[0] = 'X';
    ok(strcmp(lt_option_value(&o, "features")->names[0], "price") == 0, "names are copied");
    fine(env, lt_options_set_names(env, &o, "crosses", pair, 2));
    ok(lt_option_value(&o, "crosses")->n == 2, "a pair");

    fine(env, lt_options_set_text(env, &o, "friends", mutable_name));
    mutable_name[0] = 'P';
    ok(lt_option_is(&o, "friends", "Xrice"), "any text, copied");
    fine(env, lt_options_set_text(env, &o, "friend_column", ""));
    ok(lt_option_is(&o, "friend_column", ""), "also an empty one");
    ok(strcmp(lt_option_type_name(LT_OPT_TEXT), "text") == 0, "its type's name");

    is_error(env, lt_options_set_number(env, &o, "friends", 2), "option \"friends\" must be a text", "Got 2.", "");
    is_error(env, lt_options_set_bool(env, &o, "friends", true), "option \"friends\" must be a text", "Got true.", "");
    is_error(env, lt_options_set_names(env, &o, "friends", names, 2), "option \"friends\" must be a text",
             "Got a list of strings.", "");
    is_error(env, lt_options_set_numbers(env, &o, "friends", NULL, 0), "option \"friends\" must be a text",
             "Got a list of numbers.", "");
    is_error(env, lt_options_set_number(env, &o, "epochs", 0.5),
             "option \"epochs\" must be a whole number from 1 to 100000", "Got 0.5.", "");
    is_error(env, lt_options_set_number(env, &o, "epochs", 100001),
             "option \"epochs\" must be a whole number from 1 to 100000", "Got 100001.", "");
    is_error(env, lt_options_set_number(env, &o, "epochs", NAN),
             "option \"epochs\" must be a whole number from 1 to 100000", "Got nan.", "");
    is_error(env, lt_options_set_number(env, &o, "validation_fraction", 0.95),
             "option \"validation_fraction\" must be a number from 0 to 0.9", "Got 0.95.", "");
    is_error(env, lt_options_set_number(env, &o, "learning_rate", -1),
             "option \"learning_rate\" must be a number not below 0", "Got -1.", "");
    is_error(env, lt_options_set_number(env, &o, "learning_rate", INFINITY),
             "option \"learning_rate\" must be a number not below 0", "Got inf.", "");
    is_error(env, lt_options_set_number(env, &o, "standardize", 1), "option \"standardize\" must be true or false",
             "Got 1.", "");
    is_error(env, lt_options_set_bool(env, &o, "epochs", true),
             "option \"epochs\" must be a whole number from 1 to 100000", "Got true.", "");
    is_error(env, lt_options_set_text(env, &o, "promote", "maybe"),
             "option \"promote\" must be one of if_better, always, never", "Got \"maybe\".", "");
    is_error(env, lt_options_set_text(env, &o, "promote", "if_better|always"),
             "option \"promote\" must be one of if_better, always, never", "Got \"if_better|always\".", "");
    is_error(env, lt_options_set_text(env, &o, "promote", ""),
             "option \"promote\" must be one of if_better, always, never", "Got \"\".", "");
    is_error(env, lt_options_set_text(env, &o, "epochs", "10"),
             "option \"epochs\" must be a whole number from 1 to 100000", "Got \"10\".", "");
    is_error(env, lt_options_set_numbers(env, &o, "hidden", layers, 65),
             "option \"hidden\" must be a list of at most 64 whole numbers from 1 to 65536", "Got 65 elements.", "");
    layers[1] = 2.5;
    is_error(env, lt_options_set_numbers(env, &o, "hidden", layers, 2),
             "option \"hidden\" must be a list of at most 64 whole numbers from 1 to 65536", "Got 2.5.", "");
    is_error(env, lt_options_set_numbers(env, &o, "features", layers, 2),
             "option \"features\" must be a list of names, such as [\"price\"]", "Got a list of numbers.", "");
    is_error(env, lt_options_set_names(env, &o, "crosses", pair, 3),
             "option \"crosses\" must be a list of pairs of names, such as [[\"country\", \"category\"]]",
             "Got an odd number of names, 3.", "");
    is_error(env, lt_options_set_names(env, &o, "epochs", names, 2),
             "option \"epochs\" must be a whole number from 1 to 100000", "Got a list of strings.", "");
    is_error(env, lt_options_bad_type(env, &o, "seed", "null"),
             "option \"seed\" must be a whole number from 0 to 9007199254740992", "Got null.", "");

    is_error(env, lt_options_set_number(env, &o, "epoch", 3), "unknown option \"epoch\"", "",
             "Did you mean \"epochs\"? longtail.options(algorithm) lists all.");
    is_error(env, lt_options_set_bool(env, &o, "standardise", true), "unknown option \"standardise\"", "",
             "Did you mean \"standardize\"? longtail.options(algorithm) lists all.");
    is_error(env, lt_options_bad_type(env, &o, "lerning_rate", "null"), "unknown option \"lerning_rate\"", "",
             "Did you mean \"learning_rate\"? longtail.options(algorithm) lists all.");
    is_error(env, lt_options_set_bool(env, &o, "zzyzx_quorum", true), "unknown option \"zzyzx_quorum\"", "",
             "longtail.options(algorithm) lists those that there are; others may be of another algorithm.");
    ok(lt_option_is(&o, "split", "time") && lt_option_int(&o, "epochs") == 20, "a refused value changes nothing");
    fine(env, lt_options_init_own(env, &o, &variant, 1));
    is_error(env, lt_options_set_text(env, &o, "varient", ""), "unknown option \"varient\"", "",
             "Did you mean \"variant\"?");
}

/* A long text is repeated in part, never cut inside a character. */
static void long_texts(lt_env *env)
{
    char text[2000];
    const char *detail = env->error.detail;
    lt_options o;
    size_t n;

    text[0] = 'x';
    for (size_t i = 1; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xC3\xA4", 3);
    fine(env, lt_options_init(env, &o, NULL, 0));
    ok(lt_options_set_text(env, &o, "promote", text) == LT_INVALID, "a long text is refused");
    n = strlen(detail);
    ok(n < 130 && strcmp(detail + n - 5, "...\".") == 0 && (detail[n - 6] & 0xC0) == 0x80 && (n - 5 - 6) % 2 == 0,
       "and cut between characters");
    ok(lt_options_set_text(env, &o, text, "x") == LT_INVALID && strlen(env->error.message) < 140, "so is a long name");
}

int main(void)
{
    lt_env *env = test_env();

    defaults(env);
    registry(env);
    setting(env);
    long_texts(env);
    test_env_drop(env);
    return done();
}
