/* test_encoder.c: every kind by hand, the calendar, places, stored form, and fitting against frozen encoding. */
#include "tap.h"

#include "encoder.h"
#include "random.h"

#include <float.h>

/* The value of a sparse column in row j, 0 when it has no entry. */
static double sparse_at(const lt_table *t, int64_t j, int32_t column)
{
    for (int64_t k = t->start[j]; t->sparse > 0 && k < t->start[j + 1]; k++)
        if (t->col[k] == column)
            return (double)t->val[k];
    return 0;
}

static int64_t entries(const lt_table *t, int64_t j)
{
    return t->sparse > 0 ? t->start[j + 1] - t->start[j] : 0;
}

static void add(lt_env *env, lt_encoder *e, const char *name, lt_kind kind)
{
    lt_status status = lt_encoder_add(env, e, name, kind);

    if (status != LT_OK)
        ok(false, "adding %s: %s", name, env->error.message);
}

static void token(lt_env *env, lt_encoder *e, int feature, const char *text)
{
    if (lt_encode_token(env, e, feature, text, (int64_t)strlen(text)) != LT_OK)
        ok(false, "token %s", text);
}

static void is_name(lt_env *env, const lt_encoder *e, bool dense, int32_t column, const char *want)
{
    char name[100] = "";

    if (!ok(lt_encoder_column_name(env, e, dense, column, name, sizeof name) == LT_OK && strcmp(name, want) == 0,
            "column \"%s\"", want))
        printf("# got %s\n", name);
}

/* A column of numbers, NaN for NULL, fitted alone. */
static void fit_column(lt_env *env, lt_encoder *e, const double *x, int64_t n, bool standardize, lt_table *out)
{
    lt_encoder_init(env, e);
    add(env, e, "x", LT_NUMBER);
    for (int64_t j = 0; j < n; j++) {
        lt_encoder_begin_row(env, e);
        if (!isnan(x[j]))
            lt_encode_number(env, e, 0, x[j]);
        lt_encoder_end_row(env, e);
    }
    fine(env, lt_encoder_finish(env, e, 1, standardize, NULL, 0, out));
}

static void numbers(lt_env *env)
{
    const double plain[] = {1, 2, NAN, 6}, constant[] = {0.1, 0.1, 0.1, NAN, 0.1, 0.1, 0.1};
    const double large[] = {1e9 + 1, 1e9 + 2, 1e9 + 6}, huge[] = {1e308, -1e308, 1e308, 5}, tiny[] = {1e-310, 2e-310};
    const double none[] = {NAN, NAN};
    double sd = sqrt(14.0 / 3), *many = malloc(30000 * sizeof *many), sum = 0, square = 0;
    lt_encoder e;
    lt_table t;

    fit_column(env, &e, plain, 4, true, &t);
    near(t.x[0], -2 / sd, 1e-6, "1 of 1, 2, 6: mean 3, variance 14/3");
    near(t.x[3], 3 / sd, 1e-6, "6");
    near(t.x[2], 0, 0, "NULL is the mean");
    ok(t.sparse == 1 && sparse_at(&t, 2, 0) == 1 && entries(&t, 0) == 0 && e.feature[0].nulls == 1, "and flagged");
    is_name(env, &e, true, 0, "x");
    is_name(env, &e, false, 0, "x is null");
    ok(lt_encoder_column_name(env, &e, true, 1, (char[9]){0}, 9) == LT_INVALID, "no such column");
    fine(env, lt_encoder_begin_row(env, &e));
    fine(env, lt_encode_number(env, &e, 0, 1e300));
    fine(env, lt_encoder_end_row(env, &e));
    near(e.row.x[0], (double)(float)1e18, 0, "an outlier is bounded");

    fit_column(env, &e, plain, 4, false, &t);
    ok(t.x[0] == 1 && t.x[1] == 2 && t.x[2] == 0 && t.x[3] == 6, "as they are when not standardised");

    fit_column(env, &e, large, 3, true, &t);
    near(t.x[0], -2 / sd, 1e-6, "a mean of 1e9 costs no digits");
    near(t.x[2], 3 / sd, 1e-6, "at either end");
    near(e.feature[0].mean[0], 1e9 + 3, 0, "its mean");

    fit_column(env, &e, constant, 7, true, &t);
    ok(t.x[0] == 0 && t.x[3] == 0 && t.x[6] == 0, "a constant column is 0");
    lt_encoder_begin_row(env, &e);
    lt_encode_number(env, &e, 0, 5);
    lt_encoder_end_row(env, &e);
    ok(e.row.x[0] == 0, "and stays so");
    fit_column(env, &e, huge, 4, true, &t);
    ok(isfinite(t.x[0]) && isfinite(t.x[1]) && isfinite(t.x[3]), "numbers near the end of their range do no harm");
    fit_column(env, &e, tiny, 2, true, &t);
    ok(isfinite(t.x[0]) && isfinite(t.x[1]), "nor those near zero");
    fit_column(env, &e, none, 2, true, &t);
    ok(t.x[0] == 0 && sparse_at(&t, 1, 0) == 1, "a column of NULLs");
    fit_column(env, &e, plain, 1, true, &t);
    ok(t.n == 1 && t.x[0] == 0 && t.sparse == 0, "one row");
    fit_column(env, &e, plain, 0, true, &t);
    ok(t.n == 0 && t.dense == 1 && t.sparse == 0, "no rows");

    /* many chunks against one long double pass: a trend, so that chunk means differ, on a large offset */
    for (int i = 0; i < 30000; i++)
        many[i] = 1e6 + i * 0.001 + (i * 7919 % 101) * 0.01;
    fit_column(env, &e, many, 30000, true, &t);
    for (int i = 0; i < 30000; i++)
        sum += many[i] - 1e6;
    for (int i = 0; i < 30000; i++)
        square += (many[i] - 1e6 - sum / 30000) * (many[i] - 1e6 - sum / 30000);
    near(e.feature[0].mean[0], 1e6 + sum / 30000, 1e-9, "the mean over many chunks");
    near(e.feature[0].scale[0] * sqrt(square / 30000), 1, 1e-12, "and the scale");
    free(many);
}

static void categories(lt_env *env)
{
    static const char *const seen[] = {"b", "a", "\xC3\xA9", NULL, "b", "a", "rare", "b"};
    static const double want[8][5] = {{0, 1}, {1}, {0, 0, 1}, {0, 0, 0, 1}, {0, 1}, {1}, {0, 0, 1}, {0, 1}};
    char name[6];
    bool same = true;
    lt_encoder e;
    lt_table t;

    lt_encoder_init(env, &e);
    add(env, &e, "letter", LT_CATEGORY);
    for (int j = 0; j < 8; j++) {
        lt_encoder_begin_row(env, &e);
        if (seen[j] != NULL)
            token(env, &e, 0, seen[j]);
        lt_encoder_end_row(env, &e);
    }
    lt_encoder_begin_row(env, &e);
    token(env, &e, 0, "dropped");
    token(env, &e, 0, "rare");
    lt_encoder_drop_row(&e);
    fine(env, lt_encoder_finish(env, &e, 2, true, NULL, 0, &t));
    ok(t.sparse == 4 && t.dense == 0 && t.x == NULL, "two categories, (other), is null");
    for (int j = 0; j < 8; j++)
        for (int32_t c = 0; c < 4; c++)
            same = same && sparse_at(&t, j, c) == want[j][c];
    ok(same, "one-hot, rare ones folded");
    ok(e.feature[0].nulls == 1, "one NULL");
    is_name(env, &e, false, 0, "letter=a");
    is_name(env, &e, false, 1, "letter=b");
    is_name(env, &e, false, 2, "letter=(other)");
    is_name(env, &e, false, 3, "letter is null");

    lt_encoder_begin_row(env, &e);
    token(env, &e, 0, "\xC3\xA9");
    lt_encoder_end_row(env, &e);
    ok(e.row.start[1] == 1 && e.row.col[0] == 2, "a rare one is still (other)");
    lt_encoder_begin_row(env, &e);
    token(env, &e, 0, "dropped");
    lt_encoder_end_row(env, &e);
    ok(e.row.start[1] == 0, "one never seen in a fitted row contributes nothing");
    lt_encoder_begin_row(env, &e);
    lt_encoder_end_row(env, &e);
    ok(e.row.start[1] == 1 && e.row.col[0] == 3, "NULL is NULL");

    lt_encoder_init(env, &e);
    add(env, &e, "l", LT_CATEGORY);
    lt_encoder_begin_row(env, &e);
    token(env, &e, 0, "\xC3\xA9\xC3\xA9");
    lt_encoder_end_row(env, &e);
    fine(env, lt_encoder_finish(env, &e, 1, true, NULL, 0, &t));
    ok(t.sparse == 1 && e.feature[0].rare.n == 0, "no (other) when none is rarer");
    lt_encoder_column_name(env, &e, false, 0, name, sizeof name);
    ok(strcmp(name, "l=\xC3\xA9") == 0, "a name is cut between characters");
    lt_encoder_column_name(env, &e, false, 0, name, 5);
    ok(strcmp(name, "l=\xC3\xA9") == 0, "when it happens to fit");
    lt_encoder_column_name(env, &e, false, 0, name, 4);
    ok(strcmp(name, "l=") == 0, "and when not");
}

static void bags(lt_env *env)
{
    lt_encoder e;
    lt_table t;

    lt_encoder_init(env, &e);
    add(env, &e, "tags", LT_BAG);
    lt_encoder_begin_row(env, &e);
    token(env, &e, 0, "red");
    token(env, &e, 0, "blue");
    token(env, &e, 0, "red");
    lt_encoder_end_row(env, &e);
    lt_encoder_begin_row(env, &e);
    lt_encoder_end_row(env, &e);
    lt_encoder_begin_row(env, &e);
    token(env, &e, 0, "blue");
    token(env, &e, 0, "once");
    token(env, &e, 0, "single");
    lt_encoder_end_row(env, &e);
    fine(env, lt_encoder_finish(env, &e, 2, true, NULL, 0, &t));
    ok(t.sparse == 3, "blue, red, (other), and no column for NULL");
    ok(sparse_at(&t, 0, 0) == 1 && sparse_at(&t, 0, 1) == 2 && entries(&t, 0) == 2, "repeats add up");
    ok(entries(&t, 1) == 0, "an empty bag has no entries");
    ok(sparse_at(&t, 2, 0) == 1 && sparse_at(&t, 2, 2) == 2, "so do rare tokens in (other)");
    lt_encoder_begin_row(env, &e);
    for (int i = 0; i < 300; i++)
        token(env, &e, 0, i % 3 == 0 ? "red" : i % 3 == 1 ? "once" : "blue");
    lt_encoder_end_row(env, &e);
    ok(e.row.start[1] == 3 && e.row.val[0] == 100 && e.row.val[1] == 100 && e.row.val[2] == 100 && e.row.col[2] == 2,
       "a large bag");
}

static void vectors(lt_env *env)
{
    const double a[] = {1, 10}, b[] = {3, 10}, wide[] = {1, 2, 3};
    lt_encoder e;
    lt_table t;

    lt_encoder_init(env, &e);
    add(env, &e, "flag", LT_BOOLEAN);
    add(env, &e, "v", LT_VECTOR);
    add(env, &e, "price", LT_NUMBER);
    add(env, &e, "never", LT_VECTOR);
    lt_encoder_begin_row(env, &e);
    lt_encode_number(env, &e, 2, 4);
    fine(env, lt_encode_vector(env, &e, 1, wide, 0));
    lt_encoder_end_row(env, &e);
    lt_encoder_begin_row(env, &e);
    fine(env, lt_encode_vector(env, &e, 1, wide, 3));
    lt_encoder_drop_row(&e);
    lt_encoder_begin_row(env, &e);
    lt_encode_number(env, &e, 0, 1);
    fine(env, lt_encode_vector(env, &e, 1, a, 2));
    lt_encoder_end_row(env, &e);
    lt_encoder_begin_row(env, &e);
    lt_encode_number(env, &e, 2, 8);
    ok(lt_encode_vector(env, &e, 1, wide, 3) == LT_INVALID && strstr(env->error.message, "\"v\"") != NULL,
       "another width is refused by name; a dropped row has none");
    fine(env, lt_encode_vector(env, &e, 1, b, 2));
    lt_encoder_end_row(env, &e);
    fine(env, lt_encoder_finish(env, &e, 2, true, NULL, 0, &t));
    ok(t.dense == 4 && t.sparse == 4, "flag, two elements, price; four flags");
    ok(t.x[0] == 0 && t.x[1] == 0 && t.x[2] == 0 && t.x[3] == -1, "a row from before the width was known");
    ok(t.x[4] == 1 && t.x[5] == -1 && t.x[6] == 0 && t.x[7] == 0, "booleans as they are, vectors standardised");
    ok(t.x[8] == 0 && t.x[9] == 1 && t.x[10] == 0 && t.x[11] == 1, "the last row");
    ok(sparse_at(&t, 0, 1) == 1 && sparse_at(&t, 1, 1) == 0 && sparse_at(&t, 1, 2) == 1 && sparse_at(&t, 2, 0) == 1 &&
           sparse_at(&t, 0, 3) == 1,
       "one flag for the whole vector");
    is_name(env, &e, true, 2, "v[2]");
    is_name(env, &e, true, 3, "price");
    is_name(env, &e, false, 1, "v is null");
    lt_encoder_begin_row(env, &e);
    ok(lt_encode_vector(env, &e, 1, wide, 3) == LT_INVALID, "another width is refused when frozen");
    fine(env, lt_encode_vector(env, &e, 3, wide, 3));
    lt_encoder_end_row(env, &e);
    ok(sparse_at(&e.row, 0, 3) == 0 && sparse_at(&e.row, 0, 0) == 1, "a vector training never saw contributes nothing");
}

/* ---- calendar ---- */

static bool leap(int64_t y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

typedef struct instant {
    double seconds;
    double hour, weekday, day, days; /* fraction of the day; from Monday; from 1 January; in the year */
    const char *what;
} instant;

static void encode_instant(lt_env *env, lt_encoder *e, double seconds)
{
    lt_encoder_begin_row(env, e);
    lt_encode_time(env, e, 0, seconds);
    lt_encode_time(env, e, 1, seconds);
    lt_encoder_end_row(env, e);
}

static bool parts_match(const float *x, double hour, double weekday, double day, double days)
{
    const double parts[] = {hour, weekday / 7, day / days}, turn = 2 * acos(-1);
    bool same = true;

    for (int p = 0; p < 3; p++)
        same = same && fabs((double)x[2 * p] - sin(turn * parts[p])) < 1e-6 &&
               fabs((double)x[2 * p + 1] - cos(turn * parts[p])) < 1e-6;
    return same && memcmp(x + 2, x + 6, 4 * sizeof *x) == 0;
}

static void calendar(lt_env *env)
{
    static const instant known[] = {
        {0, 0, 3, 0, 365, "1970-01-01 00:00, a Thursday"},
        {951827696.25, (12 * 3600 + 34 * 60 + 56.25) / 86400, 1, 59, 366, "2000-02-29 12:34:56.25, a Tuesday"},
        {-0.5, (86400 - 0.5) / 86400, 2, 364, 365, "1969-12-31 23:59:59.5, a Wednesday"},
        {-2203891200.0, 0, 3, 59, 365, "1900-03-01, a Thursday after no leap day"},
        {1735689599, 86399.0 / 86400, 1, 365, 366, "2024-12-31 23:59:59, a Tuesday"},
        {-62135596800.0, 0, 0, 0, 365, "0001-01-01, a Monday"},
        {4107542400.0, 0, 0, 59, 365, "2100-03-01, a Monday"},
        {9224318015999.0, 86399.0 / 86400, 6, 365, 366, "294276-12-31 23:59:59, a Sunday, the last timestamp"},
    };
    int64_t day = -719162 - 146097, weekday = 0; /* 1 January 400 years before the year 1: a Monday too */
    bool same = true;
    lt_encoder e;
    lt_table t;

    lt_encoder_init(env, &e);
    add(env, &e, "ts", LT_TIMESTAMP);
    add(env, &e, "d", LT_DATE);
    lt_encoder_begin_row(env, &e);
    lt_encoder_end_row(env, &e);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        encode_instant(env, &e, known[i].seconds);
    fine(env, lt_encoder_finish(env, &e, 2, true, NULL, 0, &t));
    ok(t.dense == 10 && t.sparse == 2 && t.x[0] == 0 && t.x[1] == 0 && t.x[9] == 0 && entries(&t, 0) == 2,
       "NULL is the middle of every circle, flagged");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        ok(parts_match(t.x + (i + 1) * 10, known[i].hour, known[i].weekday, known[i].day, known[i].days), "%s",
           known[i].what);
    is_name(env, &e, true, 0, "ts sin(hour)");
    is_name(env, &e, true, 5, "ts cos(day of year)");
    is_name(env, &e, true, 6, "d sin(day of week)");
    is_name(env, &e, false, 1, "d is null");

    for (int64_t year = -399; year < 2450; year++)
        for (int64_t d = 0; d < 365 + leap(year); d++, day++, weekday = (weekday + 1) % 7) {
            if (d % 5 != 0 && d < 360) /* the year's end in full */
                continue;
            encode_instant(env, &e, (double)day * 86400 + 21600);
            same = same && parts_match(e.row.x, 0.25, (double)weekday, (double)d, 365 + leap(year));
        }
    ok(same, "3000 years agree with counting days one by one");
    encode_instant(env, &e, 1e300);
    for (int i = 0; i < 10; i++)
        same = same && isfinite(e.row.x[i]);
    ok(same, "any finite instant encodes");
}

/* ---- places ---- */

static void places(lt_env *env)
{
    static const int64_t place[] = {4, -1, 0, 2}, taken[] = {1, 1, 0, 2}, outside[] = {5, 0, 1, 2};
    static const double x[] = {1, 1e6, 3, 5};
    static const char *const category[] = {"b", "z", "a", "b"};
    lt_encoder e;
    lt_table t;

    for (int bad = 0; bad < 3; bad++) {
        lt_encoder_init(env, &e);
        add(env, &e, "x", LT_NUMBER);
        add(env, &e, "c", LT_CATEGORY);
        for (int j = 0; j < 4; j++) {
            lt_encoder_begin_row(env, &e);
            lt_encode_number(env, &e, 0, x[j]);
            token(env, &e, 1, category[j]);
            lt_encoder_end_row(env, &e);
        }
        if (bad > 0)
            ok(lt_encoder_finish(env, &e, 1, true, bad == 1 ? taken : outside, 5, &t) == LT_INVALID,
               bad == 1 ? "a place taken twice" : "a place outside");
        else
            fine(env, lt_encoder_finish(env, &e, 1, true, place, 5, &t));
        if (bad > 0)
            continue;
        ok(t.n == 5 && t.dense == 1 && t.sparse == 4, "five places: x is null, a, b, c is null");
        near(e.feature[0].mean[0], 3, 0, "rows without a place do not count");
        near(t.x[0], 0, 0, "row 2");
        near(t.x[2], 2 / sqrt(8.0 / 3), 1e-6, "row 3");
        near(t.x[4], -2 / sqrt(8.0 / 3), 1e-6, "row 0");
        ok(sparse_at(&t, 0, 1) == 1 && sparse_at(&t, 2, 2) == 1 && sparse_at(&t, 4, 2) == 1 && entries(&t, 0) == 1,
           "their categories");
        for (int j = 1; j < 4; j += 2)
            ok(t.x[j] == 0 && entries(&t, j) == 2 && sparse_at(&t, j, 0) == 1 && sparse_at(&t, j, 3) == 1,
               "place %d has no row: all NULL", j);
        ok(e.feature[0].nulls == 2 && e.feature[1].nulls == 2, "which counts");
    }
}

/* ---- fitting, frozen encoding and the stored form agree, on random rows ---- */

enum { FEATURES = 10 };
static const lt_kind kinds[FEATURES] = {LT_NUMBER,   LT_CATEGORY, LT_BAG,    LT_VECTOR,  LT_TIMESTAMP,
                                        LT_CATEGORY, LT_DATE,     LT_NUMBER, LT_BOOLEAN, LT_TEXT};

/* Row j of a random data set: the same calls whenever it is asked for. */
static void random_row(lt_env *env, lt_encoder *e, uint64_t seed, int64_t j, bool late)
{
    lt_random rng;
    char text[32];
    double v[5];

    lt_random_seed(&rng, seed * 1000003 + (uint64_t)j);
    for (int f = 0; f < FEATURES; f++) {
        if (lt_random_below(&rng, 10) == 0 || (late && kinds[f] == LT_VECTOR && j < 5000))
            continue;
        switch (kinds[f]) {
        case LT_NUMBER:
            lt_encode_number(env, e, f, f == 0 ? 1e7 + lt_random_normal(&rng) : exp(5 * lt_random_normal(&rng)));
            break;
        case LT_BOOLEAN:
            lt_encode_number(env, e, f, (double)lt_random_below(&rng, 2));
            break;
        case LT_CATEGORY:
            snprintf(text, sizeof text, "c%d", (int)(exp(6 * lt_random_uniform(&rng))));
            token(env, e, f, text);
            break;
        case LT_BAG:
            for (int64_t k = lt_random_below(&rng, j % 50 == 0 ? 200 : 6); k > 0; k--) {
                snprintf(text, sizeof text, "%d", (int)(exp(7 * lt_random_uniform(&rng))));
                token(env, e, f, text);
            }
            break;
        case LT_VECTOR:
            for (int k = 0; k < 5; k++)
                v[k] = k == 3 ? 7 : lt_random_normal(&rng);
            lt_encode_vector(env, e, f, v, 5);
            break;
        case LT_TIMESTAMP:
        case LT_DATE:
            lt_encode_time(env, e, f, 1e9 * lt_random_normal(&rng));
            break;
        case LT_TEXT:
            snprintf(text, sizeof text, "%d and %d", (int)(exp(7 * lt_random_uniform(&rng))),
                     (int)(exp(5 * lt_random_uniform(&rng))));
            lt_encode_text(env, e, f, text, (int64_t)strlen(text));
            break;
        }
    }
}

static bool same_row(const lt_table *t, int64_t j, const lt_table *one)
{
    size_t d = (size_t)t->dense, n = (size_t)entries(t, j);

    return one->dense == t->dense && one->sparse == t->sparse && (size_t)one->start[1] == n &&
           memcmp(t->x + (size_t)j * d, one->x, d * sizeof(float)) == 0 &&
           memcmp(t->col + t->start[j], one->col, n * sizeof(int32_t)) == 0 &&
           memcmp(t->val + t->start[j], one->val, n * sizeof(float)) == 0;
}

static void *counted_alloc(void *context, size_t bytes);
static long allocations;

static void property(lt_env *env, int64_t n, bool late, uint64_t seed)
{
    static const char *const names[FEATURES] = {"n", "c", "b", "v", "ts", "c2", "d", "n2", "t", "w"};
    int64_t *place = malloc((size_t)n * sizeof *place), kept = 0;
    void *(*alloc)(void *, size_t) = env->alloc;
    bool same = true, back_same = true;
    lt_encoder e, back;
    lt_writer w, again;
    lt_random rng;
    lt_reader r;
    lt_table t;

    lt_random_seed(&rng, seed);
    lt_encoder_init(env, &e);
    for (int f = 0; f < FEATURES; f++)
        kinds[f] == LT_TEXT ? (void)lt_encoder_add_text(env, &e, names[f], 100) : add(env, &e, names[f], kinds[f]);
    for (int64_t j = 0; j < n; j++) {
        lt_encoder_begin_row(env, &e);
        random_row(env, &e, seed, j, late);
        lt_encoder_end_row(env, &e);
        if (j % 7 == 0) {
            lt_encoder_begin_row(env, &e);
            random_row(env, &e, seed + 1, j, false);
            lt_encoder_drop_row(&e);
        }
        place[j] = j % 11 == 5 ? -1 : kept++;
    }
    for (int64_t j = 0; j < n; j++) /* reversed, with a gap at every third place */
        if (place[j] >= 0)
            place[j] = (kept - 1 - place[j]) * 3 / 2;
    fine(env, lt_encoder_finish(env, &e, 3, true, place, kept * 3 / 2 + 1, &t));
    lt_writer_init(env, &w);
    lt_encoder_write(&w, &e);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_encoder_read(&r, &back));
    lt_writer_init(env, &again);
    lt_encoder_write(&again, &back);
    ok(r.at == r.n && w.n == again.n && memcmp(w.bytes, again.bytes, w.n) == 0, "an encoder comes back byte for byte");
    ok(back.n == n && back.dense == e.dense && back.sparse == e.sparse, "with %d dense and %d sparse columns",
       back.dense, back.sparse);
    env->alloc = counted_alloc;
    for (int round = 0; round < 2; round++) {
        allocations = 0;
        for (int64_t j = 0; j < n; j++) {
            if (place[j] < 0)
                continue;
            lt_encoder_begin_row(env, &e);
            random_row(env, &e, seed, j, late);
            lt_encoder_end_row(env, &e);
            same = same && same_row(&t, place[j], &e.row);
            if (round > 0)
                continue;
            lt_encoder_begin_row(env, &back);
            random_row(env, &back, seed, j, late);
            lt_encoder_end_row(env, &back);
            back_same = back_same && same_row(&t, place[j], &back.row);
        }
    }
    env->alloc = alloc;
    ok(same, "frozen encoding of %d rows equals fitting's, bit for bit", (int)kept);
    ok(back_same, "so does the stored encoder's");
    ok(allocations == 0, "without taking memory once rows as long were seen");
    free(place);
}

static void *counted_alloc(void *context, size_t bytes)
{
    allocations++;
    return test_alloc(context, bytes);
}

/* ---- refusals and damage ---- */

static void refusals(lt_env *env)
{
    lt_env *own;
    lt_status status;
    lt_encoder e;
    lt_table t;

    lt_encoder_init(env, &e);
    add(env, &e, "x", LT_NUMBER);
    ok(lt_encoder_add(env, &e, "x", LT_CATEGORY) == LT_INVALID && strstr(env->error.message, "\"x\"") != NULL,
       "a name is there once");
    lt_encoder_begin_row(env, &e);
    ok(lt_encode_number(env, &e, 0, NAN) == LT_INVALID && lt_encode_number(env, &e, 0, INFINITY) == LT_INVALID,
       "numbers must be finite");
    fine(env, lt_encoder_finish(env, &e, 1, true, NULL, 0, &t));
    ok(t.n == 0, "an unfinished row is not there");
    lt_encoder_init(env, &e);
    fine(env, lt_encoder_finish(env, &e, 1, true, NULL, 0, &t));
    ok(e.dense == 0 && e.sparse == 0 && t.n == 0, "an encoder without features");
    lt_encoder_begin_row(env, &e);
    fine(env, lt_encoder_end_row(env, &e));

    own = test_env();
    lt_encoder_init(own, &e);
    add(own, &e, "x", LT_NUMBER);
    for (int j = 0; j < 20000; j++) {
        lt_encoder_begin_row(own, &e);
        lt_encode_number(own, &e, 0, j);
        lt_encoder_end_row(own, &e);
    }
    ((test_context *)own->context)->cancel_at = 4;
    ok(lt_encoder_finish(own, &e, 1, true, NULL, 0, &t) == LT_CANCELLED, "fitting can be cancelled");
    test_env_drop(own);

    own = test_env();
    own->budget = 3 << 20;
    lt_encoder_init(own, &e);
    add(own, &e, "x", LT_VECTOR);
    status = LT_OK;
    for (int j = 0; j < 2000 && status == LT_OK; j++) {
        double v[1000] = {0};

        lt_encoder_begin_row(own, &e);
        status = lt_encode_vector(own, &e, 0, v, 1000);
        if (status == LT_OK)
            status = lt_encoder_end_row(own, &e);
    }
    ok(status == LT_NO_MEMORY, "the budget holds");
    test_env_drop(own);
}

static void damaged(lt_env *env)
{
    bool refused = true, sane = true;
    int survived = 0;
    lt_encoder e;
    lt_random rng;
    lt_writer w;
    lt_table t;

    lt_random_seed(&rng, 11);
    lt_encoder_init(env, &e);
    add(env, &e, "n", LT_NUMBER);
    add(env, &e, "c", LT_CATEGORY);
    add(env, &e, "b", LT_BAG);
    add(env, &e, "v", LT_VECTOR);
    add(env, &e, "ts", LT_TIMESTAMP);
    fine(env, lt_encoder_add_text(env, &e, "w", 16));
    for (int j = 0; j < 6; j++) {
        const double v[] = {j, 2 * j};

        lt_encoder_begin_row(env, &e);
        if (j > 0)
            lt_encode_number(env, &e, 0, j);
        token(env, &e, 1, j < 3 ? "a" : j < 5 ? "bb" : "c");
        token(env, &e, 2, j % 2 ? "red" : "blue");
        lt_encode_vector(env, &e, 3, v, 2);
        lt_encode_text(env, &e, 5, "red", 3);
        lt_encoder_end_row(env, &e);
    }
    fine(env, lt_encoder_finish(env, &e, 2, true, NULL, 0, &t));
    lt_writer_init(env, &w);
    lt_encoder_write(&w, &e);
    for (size_t n = 0; n < w.n; n++) {
        lt_env *own = test_env();
        lt_encoder back;
        lt_reader r;

        lt_reader_init(own, &r, w.bytes, n);
        refused = refused && lt_encoder_read(&r, &back) == LT_CORRUPT;
        test_env_drop(own);
    }
    ok(refused, "every truncation is refused");
    for (int i = 0; i < 20000; i++) {
        lt_env *own = test_env();
        uint8_t *bytes = malloc(w.n);
        lt_encoder back;
        lt_status status;
        lt_reader r;

        own->budget = 1 << 20;
        memcpy(bytes, w.bytes, w.n);
        for (int64_t k = lt_random_below(&rng, 3); k >= 0; k--)
            bytes[lt_random_below(&rng, (int64_t)w.n)] ^= (uint8_t)(1 + lt_random_below(&rng, 255));
        lt_reader_init(own, &r, bytes, w.n);
        status = lt_encoder_read(&r, &back);
        sane = sane && (status == LT_OK || status == LT_CORRUPT);
        survived += status == LT_OK;
        if (status == LT_OK) {
            char name[32];

            lt_encoder_begin_row(own, &back);
            for (int f = 0; f < back.n_features; f++)
                switch (back.feature[f].kind) {
                case LT_NUMBER:
                case LT_BOOLEAN:
                    lt_encode_number(own, &back, f, 1e10);
                    break;
                case LT_CATEGORY:
                case LT_BAG:
                    lt_encode_token(own, &back, f, "c", 1);
                    lt_encode_token(own, &back, f, "red", 3);
                    break;
                case LT_VECTOR:
                    lt_encode_vector(own, &back, f, (const double[]){-1e10, 3}, 2);
                    break;
                case LT_TEXT:
                    lt_encode_text(own, &back, f, "red tea", 7);
                    break;
                default:
                    lt_encode_time(own, &back, f, 1e10);
                }
            sane = sane && lt_encoder_end_row(own, &back) == LT_OK;
            for (int32_t c = 0; c < back.dense; c++)
                sane = sane && isfinite(back.row.x[c]) &&
                       lt_encoder_column_name(own, &back, true, c, name, sizeof name) == LT_OK;
            for (int32_t c = 0; c < back.sparse; c++)
                sane = sane && lt_encoder_column_name(own, &back, false, c, name, sizeof name) == LT_OK;
            for (int64_t k = 0; back.sparse > 0 && k < back.row.start[1]; k++)
                sane = sane && back.row.col[k] >= 0 && back.row.col[k] < back.sparse;
        }
        free(bytes);
        test_env_drop(own);
    }
    ok(sane && survived > 0, "20000 damaged copies are refused, or encode within their columns (%d do)", survived);
}

int main(void)
{
    lt_env *env = test_env();

    numbers(env);
    categories(env);
    bags(env);
    vectors(env);
    calendar(env);
    places(env);
    property(env, 1, false, 1);
    property(env, 50, false, 2);
    property(env, 9000, false, 3);
    property(env, 9000, true, 4);
    refusals(env);
    damaged(env);
    test_env_drop(env);
    return done();
}
