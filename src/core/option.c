/*
 * option.c: hyper-parameters: the options every algorithm has, and setting, checking and reading any of them.
 *
 * Invariant: each lt_value always holds a value its lt_option permits.  Defaults pass through the same checks as users'
 * values, so a default outside its own range fails at once.
 * An algorithm's own option replaces the common one of the same name, so that its default may differ.
 */
#include "option.h"

#include "encoder.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INTS 64     /* elements of an INTS option */
#define MAX_NAME 64     /* bytes of a name compared when looking for the nearest */
#define MAX_QUOTED 100  /* bytes of a user's text repeated in an error */
#define MAX_SEED 0x1p53 /* the largest whole number that JSON readers hand on exactly */

const lt_option lt_common_options[] = {
    {"seed", LT_OPT_INT, "1", 0, MAX_SEED, NULL,
     "start of the random numbers; the same seed and data give the same model"},
    {"split", LT_OPT_ENUM, "auto", 0, 0, "auto|random|time|none",
     "how the validation part is held out: by time (the latest rows), at random, or not at all; auto: time when there "
     "is a time column, else random"},
    {"validation_fraction", LT_OPT_FLOAT, "0.1", 0, 0.9, NULL, "share of the rows held out for validation"},
    {"validation_metric", LT_OPT_ENUM, "auto", 0, 0, "auto|log_loss|auc|rmse|mae|poisson_deviance|ndcg|recall",
     "what is measured on the validation part; auto: ndcg at 10 for implicit feedback, log_loss for boolean labels, "
     "poisson_deviance with the Poisson loss, rmse for other numbers; always ndcg for algorithms that only rank"},
    {"search", LT_OPT_OBJECT, "{}", 0, 0, NULL,
     "options to try, each with a list of values: every combination is trained, measured on the validation part, and "
     "the best is kept; popularity_exponent and the trend's options are tried without training again; with algorithm "
     "auto also {\"ease\": {...}}, for one algorithm alone"},
    {"ndcg_budget", LT_OPT_FLOAT, "0", 0, 1, NULL,
     "of all trials whose validation metric is lower than the best by at most this share of it, a search keeps the one "
     "with most tail items in its lists (APLT at 10)"},
    {"refit", LT_OPT_ENUM, "auto", 0, 0, "auto|always|never",
     "whether the version is trained again, on the validation part as well, after it was measured; auto: after a "
     "search, with algorithm auto, and when it builds on a model that was"},
    {"domain_source", LT_OPT_TEXT, "", 0, 0, NULL,
     "a relation of another shop or kind of interaction, with columns named as the source's, whose rows are added to "
     "training alone; {\"domain\": {\"source\": ..., \"weight\": ...}} gives both options; items that only it has are "
     "not recommended"},
    {"domain_weight", LT_OPT_FLOAT, "1", 0, 1e6, NULL, "what the weights of domain_source's rows are multiplied by"},
    {"promote", LT_OPT_ENUM, "if_better", 0, 0, "if_better|always|never",
     "whether a retrained version becomes the active one; if_better: when its validation metric is not worse than the "
     "active version's by more than promote_tolerance"},
    {"promote_tolerance", LT_OPT_FLOAT, "0.01", 0, 1, NULL,
     "how much worse, relatively, a new version may be and still be promoted"},
    {"features", LT_OPT_NAMES, "[]", 0, 0, NULL,
     "restricts the features to the columns named; a name after a minus sign is excluded; empty: all"},
    {"categorical", LT_OPT_NAMES, "[]", 0, 0, NULL, "number columns to treat as categories"},
    {"text", LT_OPT_NAMES, "[]", 0, 0, NULL,
     "text columns to read as text, by words and parts of words, such as titles and descriptions; others are "
     "categories"},
    {"text_buckets", LT_OPT_INT, "4096", LT_TEXT_LEAST_BUCKETS, LT_TEXT_MOST_BUCKETS, NULL,
     "columns that each text is hashed into; fewer take less memory and tell less apart"},
    {"crosses", LT_OPT_PAIRS, "[]", 0, 0, NULL, "pairs [user feature, item feature] whose products become features"},
    {"min_count", LT_OPT_INT, "2", 1, 1e9, NULL, "a category seen fewer times in training is folded into (other)"},
    {"min_users", LT_OPT_INT, "1", 1, 1e9, NULL,
     "items, and categories of features, that fewer users have are left out of training and not stored in any form; "
     "without users, rows are counted; items of item_features stay, as items that nobody has"},
    {"invalid", LT_OPT_ENUM, "error", 0, 0, "error|skip",
     "what to do with rows that hold NaN or infinity: stop with an error, or skip and count them"},
    {"duplicates", LT_OPT_ENUM, "auto", 0, 0, "auto|keep|sum|mean|max|last",
     "how several rows of one user and item are combined; auto: sum for implicit feedback, keep otherwise"},
    {"standardize", LT_OPT_BOOL, "true", 0, 0, NULL,
     "whether numbers are scaled to mean 0 and standard deviation 1 before training"},
    {"propensity_exponent", LT_OPT_FLOAT, "0", 0, 2, NULL,
     "training weighs positives by the inverse of their item's popularity to this power, as if popular items had not "
     "been seen more for being popular; 0: all alike; 0.25 and 0.5 are the first to try"},
    {"propensity_clip", LT_OPT_FLOAT, "10", 1, 1e9, NULL,
     "the largest weight that propensity_exponent gives, beside a mean of 1"},
    {"popularity_exponent", LT_OPT_FLOAT, "0", 0, 10, NULL,
     "scores are divided by the item's popularity to this power when ranking; small ones such as "
     "0.15 are the first to try"},
    {"trend_exponent", LT_OPT_FLOAT, "0", 0, 10, NULL,
     "scores are multiplied by the item's trend to this power when ranking: its share of recent interactions over its "
     "share of all; needs a time column; 0.5 to 1 where tastes move with the season"},
    {"trend_half_life", LT_OPT_FLOAT, "7", 1e-6, 1e9, NULL,
     "days after which an interaction counts half in the trend, before the latest one of training"},
    {"trend_smoothing", LT_OPT_FLOAT, "0.1", 0, 1e6, NULL,
     "what the share of all interactions weighs in the share of recent ones, so that few recent ones do not decide; "
     "with 0 an item without any is as good as gone"},
    {"rerank", LT_OPT_ENUM, "none", 0, 0, "none|popularity|xquad|calibrated|mmr|dpp|quota|random",
     "how recommend reorders its list for the long tail unless the call says otherwise"},
    {"rerank_strength", LT_OPT_FLOAT, "0", 0, 10, NULL,
     "how strongly rerank acts; 0 leaves the order alone, all methods but popularity take at most 1"},
    {"rerank_options", LT_OPT_OBJECT, "{}", 0, 0, NULL,
     "what else is said of rerank, as the options of recommend have it: {\"then\": [{\"method\": \"random\", "
     "\"strength\": 0.1}]}"},
    {"head_share", LT_OPT_FLOAT, "0.2", 0, 1, NULL,
     "share of all interactions that the most popular items, the head, receive"},
    {"tail_share", LT_OPT_FLOAT, "0.2", 0, 1, NULL,
     "share of all interactions that the least popular items, the tail, receive"},
};
const int lt_common_options_count = sizeof lt_common_options / sizeof lt_common_options[0];

const char *lt_option_type_name(lt_option_type type)
{
    switch (type) {
    case LT_OPT_INT:
        return "integer";
    case LT_OPT_FLOAT:
        return "number";
    case LT_OPT_BOOL:
        return "boolean";
    case LT_OPT_ENUM:
        return "choice";
    case LT_OPT_INTS:
        return "list of integers";
    case LT_OPT_NAMES:
        return "list of names";
    case LT_OPT_PAIRS:
        return "list of pairs of names";
    case LT_OPT_OBJECT:
        return "object";
    case LT_OPT_TEXT:
        return "text";
    }
    return "unknown";
}

/* ---- error texts ---- */

/* A user's text cut to MAX_QUOTED bytes, never inside a UTF-8 character. */
static const char *clip(char out[MAX_QUOTED + 4], const char *text)
{
    size_t n = strlen(text);

    if (n <= MAX_QUOTED) {
        memcpy(out, text, n + 1);
        return out;
    }
    for (n = MAX_QUOTED; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80; n--)
        ;
    memcpy(out, text, n);
    memcpy(out + n, "...", 4);
    return out;
}

/* The shortest of 6, 15 and 17 digits that reads back as the same number. */
static const char *number_text(char out[32], double v)
{
    static const int digits[] = {6, 15, 17};

    for (size_t i = 0; i < sizeof digits / sizeof digits[0]; i++) {
        snprintf(out, 32, "%.*g", digits[i], v);
        if (strtod(out, NULL) == v)
            break;
    }
    /* "1e+05" reads worse than "100000" */
    if (v == floor(v) && fabs(v) <= MAX_SEED)
        snprintf(out, 32, "%.0f", v);
    return out;
}

/* "must be ..." for an option; the caller adds what it got as detail. */
static lt_status fail_value(lt_env *env, const lt_option *spec)
{
    char low[32], high[32], choices[256], range[96] = "";
    size_t n = 0;

    if (isfinite(spec->minimum) && isfinite(spec->maximum))
        snprintf(range, sizeof range, " from %s to %s", number_text(low, spec->minimum),
                 number_text(high, spec->maximum));
    else if (isfinite(spec->minimum))
        snprintf(range, sizeof range, " not below %s", number_text(low, spec->minimum));
    else if (isfinite(spec->maximum))
        snprintf(range, sizeof range, " not above %s", number_text(high, spec->maximum));

    switch (spec->type) {
    case LT_OPT_INT:
        return lt_fail(env, LT_INVALID, "option \"%s\" must be a whole number%s", spec->name, range);
    case LT_OPT_FLOAT:
        return lt_fail(env, LT_INVALID, "option \"%s\" must be a number%s", spec->name, range);
    case LT_OPT_BOOL:
        return lt_fail(env, LT_INVALID, "option \"%s\" must be true or false", spec->name);
    case LT_OPT_ENUM:
        for (const char *c = spec->choices; *c != '\0' && n < sizeof choices - 3; c++) {
            if (*c == '|')
                choices[n++] = ',';
            choices[n++] = *c == '|' ? ' ' : *c;
        }
        choices[n] = '\0';
        return lt_fail(env, LT_INVALID, "option \"%s\" must be one of %s", spec->name, choices);
    case LT_OPT_INTS:
        return lt_fail(env, LT_INVALID, "option \"%s\" must be a list of at most %d whole numbers%s", spec->name,
                       MAX_INTS, range);
    case LT_OPT_NAMES:
        return lt_fail(env, LT_INVALID, "option \"%s\" must be a list of names, such as [\"price\"]", spec->name);
    case LT_OPT_PAIRS:
        return lt_fail(env, LT_INVALID,
                       "option \"%s\" must be a list of pairs of names, such as [[\"country\", \"category\"]]",
                       spec->name);
    case LT_OPT_OBJECT:
        return lt_fail(env, LT_INVALID, "option \"%s\" must be an object", spec->name);
    case LT_OPT_TEXT:
        return lt_fail(env, LT_INVALID, "option \"%s\" must be a text", spec->name);
    }
    return lt_fail(env, LT_INVALID, "option \"%s\" has an unknown type", spec->name);
}

static lt_status fail_number(lt_env *env, const lt_option *spec, double got)
{
    char text[32];

    fail_value(env, spec);
    return lt_fail_detail(env, "Got %s.", number_text(text, got));
}

static lt_status fail_text(lt_env *env, const lt_option *spec, const char *got)
{
    char text[MAX_QUOTED + 4];

    fail_value(env, spec);
    return lt_fail_detail(env, "Got \"%s\".", clip(text, got));
}

/* Levenshtein's distance over the first MAX_NAME bytes. */
static int edit_distance(const char *a, const char *b)
{
    int row[MAX_NAME + 1];
    int na = (int)(strlen(a) < MAX_NAME ? strlen(a) : MAX_NAME);
    int nb = (int)(strlen(b) < MAX_NAME ? strlen(b) : MAX_NAME);

    for (int j = 0; j <= nb; j++)
        row[j] = j;
    for (int i = 1; i <= na; i++) {
        int diagonal = row[0];

        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (row[j] + 1 < best)
                best = row[j] + 1;
            row[j] = best;
        }
    }
    return row[nb];
}

static lt_status find_or_fail(lt_env *env, const lt_options *o, const char *name, int *index)
{
    char text[MAX_QUOTED + 4];
    int nearest = 0, least = MAX_NAME + 1;

    *index = lt_options_find(o, name);
    if (*index >= 0)
        return LT_OK;
    for (int i = 0; i < o->n; i++) {
        int distance = edit_distance(name, o->spec[i]->name);

        if (distance < least) {
            least = distance;
            nearest = i;
        }
    }
    lt_fail(env, LT_INVALID, "unknown option \"%s\"", clip(text, name));
    if (o->n == 0)
        return lt_fail_hint(env, "There are no options here.");
    /* with less than half of it in common it is not a slip of the pen */
    if (2 * (size_t)least > strlen(name) && o->spec[0] == lt_common_options)
        return lt_fail_hint(
            env, "longtail.options(algorithm) lists those that there are; others may be of another algorithm.");
    return lt_fail_hint(env, "Did you mean \"%s\"?%s", o->spec[nearest]->name,
                        o->spec[0] == lt_common_options ? " longtail.options(algorithm) lists all." : "");
}

/* ---- setting ---- */

static lt_status copy_text(lt_env *env, const char *text, const char **out)
{
    size_t n = strlen(text) + 1;
    char *copy;

    LT_TRY(lt_alloc(env, &copy, n, 1, "the options"));
    memcpy(copy, text, n);
    *out = copy;
    return LT_OK;
}

static bool in_range(const lt_option *spec, double v, bool whole)
{
    return isfinite(v) && v >= spec->minimum && v <= spec->maximum && (!whole || v == floor(v));
}

static bool is_choice(const lt_option *spec, const char *text)
{
    size_t n = strlen(text);

    for (const char *c = spec->choices; c != NULL; c = strchr(c, '|')) {
        if (*c == '|')
            c++;
        if (strcspn(c, "|") == n && memcmp(c, text, n) == 0)
            return true;
    }
    return false;
}

lt_status lt_options_set_number(lt_env *env, lt_options *o, const char *name, double value)
{
    int i;

    LT_TRY(find_or_fail(env, o, name, &i));
    if ((o->spec[i]->type != LT_OPT_INT && o->spec[i]->type != LT_OPT_FLOAT) ||
        !in_range(o->spec[i], value, o->spec[i]->type == LT_OPT_INT))
        return fail_number(env, o->spec[i], value);
    o->value[i].number = value;
    o->value[i].given = true;
    return LT_OK;
}

lt_status lt_options_set_bool(lt_env *env, lt_options *o, const char *name, bool value)
{
    int i;

    LT_TRY(find_or_fail(env, o, name, &i));
    if (o->spec[i]->type != LT_OPT_BOOL)
        return lt_options_bad_type(env, o, name, value ? "true" : "false");
    o->value[i].number = value;
    o->value[i].given = true;
    return LT_OK;
}

lt_status lt_options_set_text(lt_env *env, lt_options *o, const char *name, const char *value)
{
    int i;

    LT_TRY(find_or_fail(env, o, name, &i));
    if (o->spec[i]->type != LT_OPT_TEXT && (o->spec[i]->type != LT_OPT_ENUM || !is_choice(o->spec[i], value)))
        return fail_text(env, o->spec[i], value);
    LT_TRY(copy_text(env, value, &o->value[i].text));
    o->value[i].given = true;
    return LT_OK;
}

lt_status lt_options_set_object(lt_env *env, lt_options *o, const char *name, const char *json)
{
    int i;

    LT_TRY(find_or_fail(env, o, name, &i));
    if (o->spec[i]->type != LT_OPT_OBJECT)
        return lt_options_bad_type(env, o, name, "an object");
    LT_TRY(copy_text(env, json, &o->value[i].text));
    o->value[i].given = true;
    return LT_OK;
}

/* The empty list has no element type: a caller reading JSON may set any list option to it with either setter. */
static bool is_list(const lt_option *spec)
{
    return spec->type == LT_OPT_INTS || spec->type == LT_OPT_NAMES || spec->type == LT_OPT_PAIRS;
}

lt_status lt_options_set_numbers(lt_env *env, lt_options *o, const char *name, const double *values, int n)
{
    lt_value *v;
    int i;

    LT_TRY(find_or_fail(env, o, name, &i));
    if (o->spec[i]->type != LT_OPT_INTS && !(n == 0 && is_list(o->spec[i])))
        return lt_options_bad_type(env, o, name, "a list of numbers");
    if (n > MAX_INTS) {
        fail_value(env, o->spec[i]);
        return lt_fail_detail(env, "Got %d elements.", n);
    }
    for (int j = 0; j < n; j++)
        if (!in_range(o->spec[i], values[j], true))
            return fail_number(env, o->spec[i], values[j]);
    v = &o->value[i];
    LT_TRY(lt_alloc(env, &v->numbers, (size_t)n, sizeof *v->numbers, "the options"));
    if (n > 0)
        memcpy(v->numbers, values, (size_t)n * sizeof *values);
    v->n = n;
    v->given = true;
    return LT_OK;
}

lt_status lt_options_set_names(lt_env *env, lt_options *o, const char *name, const char *const *values, int n)
{
    lt_value *v;
    const char **names;
    int i;

    LT_TRY(find_or_fail(env, o, name, &i));
    if (o->spec[i]->type != LT_OPT_NAMES && o->spec[i]->type != LT_OPT_PAIRS && !(n == 0 && is_list(o->spec[i])))
        return lt_options_bad_type(env, o, name, "a list of strings");
    if (o->spec[i]->type == LT_OPT_PAIRS && n % 2 != 0) {
        fail_value(env, o->spec[i]);
        return lt_fail_detail(env, "Got an odd number of names, %d.", n);
    }
    for (int j = 0; j < n; j++)
        if (values[j][0] == '\0')
            return fail_text(env, o->spec[i], values[j]);
    LT_TRY(lt_alloc(env, &names, (size_t)n, sizeof *names, "the options"));
    for (int j = 0; j < n; j++)
        LT_TRY(copy_text(env, values[j], &names[j]));
    v = &o->value[i];
    v->names = names;
    v->n = n;
    v->given = true;
    return LT_OK;
}

lt_status lt_options_bad_type(lt_env *env, const lt_options *o, const char *name, const char *found)
{
    char text[MAX_QUOTED + 4];
    int i;

    LT_TRY(find_or_fail(env, o, name, &i));
    fail_value(env, o->spec[i]);
    return lt_fail_detail(env, "Got %s.", clip(text, found));
}

static lt_status set_default(lt_env *env, lt_options *o, int i)
{
    const lt_option *spec = o->spec[i];
    const char *text = spec->default_value;
    double numbers[MAX_INTS];
    int n = 0;
    char *end;

    switch (spec->type) {
    case LT_OPT_INT:
    case LT_OPT_FLOAT:
        LT_TRY(lt_options_set_number(env, o, spec->name, strtod(text, NULL)));
        break;
    case LT_OPT_BOOL:
        LT_TRY(lt_options_set_bool(env, o, spec->name, strcmp(text, "true") == 0));
        break;
    case LT_OPT_ENUM:
    case LT_OPT_TEXT:
        LT_TRY(lt_options_set_text(env, o, spec->name, text));
        break;
    case LT_OPT_OBJECT:
        LT_TRY(lt_options_set_object(env, o, spec->name, text));
        break;
    case LT_OPT_INTS:
        for (text++; n < MAX_INTS; text = end + strspn(end, ", ")) {
            numbers[n] = strtod(text, &end);
            if (end == text)
                break;
            n++;
        }
        LT_TRY(lt_options_set_numbers(env, o, spec->name, numbers, n));
        break;
    case LT_OPT_NAMES:
    case LT_OPT_PAIRS:
        assert(strcmp(text, "[]") == 0); /* no names are known before there is a table */
        LT_TRY(lt_options_set_names(env, o, spec->name, NULL, 0));
        break;
    }
    o->value[i].given = false;
    return LT_OK;
}

/* The first n_common of the common options, then a function's or an algorithm's own. */
static lt_status init(lt_env *env, lt_options *o, int n_common, const lt_option *own, int n_own)
{
    size_t most = (size_t)(n_common + n_own);

    memset(o, 0, sizeof *o);
    LT_TRY(lt_alloc(env, &o->spec, most, sizeof *o->spec, "the options"));
    LT_TRY(lt_alloc(env, &o->value, most, sizeof *o->value, "the options"));
    for (int i = 0; i < n_common; i++)
        o->spec[o->n++] = &lt_common_options[i];
    for (int i = 0; i < n_own; i++) {
        int at = lt_options_find(o, own[i].name);

        o->spec[at >= 0 ? at : o->n++] = &own[i];
    }
    for (int i = 0; i < o->n; i++)
        LT_TRY(set_default(env, o, i));
    return LT_OK;
}

lt_status lt_options_init(lt_env *env, lt_options *o, const lt_option *own, int n_own)
{
    return init(env, o, lt_common_options_count, own, n_own);
}

lt_status lt_options_init_own(lt_env *env, lt_options *o, const lt_option *own, int n_own)
{
    return init(env, o, 0, own, n_own);
}

/* ---- reading ---- */

int lt_options_find(const lt_options *o, const char *name)
{
    for (int i = 0; i < o->n; i++)
        if (strcmp(o->spec[i]->name, name) == 0)
            return i;
    return -1;
}

const lt_value *lt_option_value(const lt_options *o, const char *name)
{
    int i = lt_options_find(o, name);

    assert(i >= 0);
    return &o->value[i];
}

int64_t lt_option_int(const lt_options *o, const char *name)
{
    assert(o->spec[lt_options_find(o, name)]->type == LT_OPT_INT);
    return (int64_t)lt_option_value(o, name)->number;
}

double lt_option_float(const lt_options *o, const char *name)
{
    return lt_option_value(o, name)->number;
}

bool lt_option_bool(const lt_options *o, const char *name)
{
    assert(o->spec[lt_options_find(o, name)]->type == LT_OPT_BOOL);
    return lt_option_value(o, name)->number != 0;
}

const char *lt_option_text(const lt_options *o, const char *name)
{
    lt_option_type type = o->spec[lt_options_find(o, name)]->type;

    assert(type == LT_OPT_ENUM || type == LT_OPT_TEXT || type == LT_OPT_OBJECT);
    (void)type;
    return lt_option_value(o, name)->text;
}

bool lt_option_is(const lt_options *o, const char *name, const char *text)
{
    return strcmp(lt_option_text(o, name), text) == 0;
}
