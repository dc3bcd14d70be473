/*
 * test_chart.c: charts: ticks worked by hand, numbers, escapes, and that any data give well-formed XML.
 */
#include "chart.h"
#include "tap.h"

/* ---- a parser of as much XML as charts use ---- */

typedef struct xml {
    const char *at;
    const char *wrong; /* NULL: nothing so far */
    char open[32][32]; /* the elements that are open */
    int depth, elements;
} xml;

static void fail(xml *x, const char *what)
{
    if (x->wrong == NULL)
        x->wrong = what;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == ':';
}

/* A reference: one of the five names, or a number that XML allows. */
static void parse_reference(xml *x)
{
    char *end;
    unsigned long c;

    if (strncmp(x->at, "&#x", 3) != 0) {
        fail(x, "a bare &");
        return;
    }
    c = strtoul(x->at + 3, &end, 16);
    if (*end != ';' || end == x->at + 3)
        fail(x, "a bad reference");
    if (c < 0x20 || (c >= 0xD800 && c <= 0xDFFF) || c == 0xFFFE || c == 0xFFFF || c > 0x10FFFF)
        fail(x, "a character that XML forbids");
    x->at = end;
}

static void parse_name(xml *x, char name[32])
{
    int n = 0;

    while (name_char(*x->at) && n < 31)
        name[n++] = *x->at++;
    name[n] = '\0';
    if (n == 0)
        fail(x, "a name is missing");
}

static void parse_attribute(xml *x)
{
    char name[32];

    parse_name(x, name);
    if (strncmp(x->at, "=\"", 2) != 0) {
        fail(x, "an attribute without a value");
        return;
    }
    for (x->at += 2; *x->at != '"' && *x->at != '\0' && x->wrong == NULL; x->at++) {
        if (*x->at == '<')
            fail(x, "< in an attribute");
        if (*x->at == '&')
            parse_reference(x);
    }
    if (*x->at == '"')
        x->at++;
}

static void parse_tag(xml *x)
{
    char name[32];
    bool closing = x->at[1] == '/';

    x->at += closing ? 2 : 1;
    parse_name(x, name);
    if (closing) {
        if (x->depth == 0 || strcmp(x->open[--x->depth], name) != 0)
            fail(x, "a tag closes what is not open");
    } else {
        x->elements++;
        while (*x->at == ' ' && x->wrong == NULL) {
            x->at++;
            parse_attribute(x);
        }
        if (*x->at == '/')
            x->at++;
        else if (x->depth < 32)
            strcpy(x->open[x->depth++], name);
    }
    if (*x->at == '>')
        x->at++;
    else
        fail(x, "a tag is not closed");
}

/* What is wrong with a document, or NULL. */
static const char *wrong_with(const char *text)
{
    xml x = {.at = text};

    while (*x.at != '\0' && x.wrong == NULL) {
        if (*x.at == '<') {
            parse_tag(&x);
            continue;
        }
        if (*x.at == '&')
            parse_reference(&x);
        if ((unsigned char)*x.at >= 0x7F || ((unsigned char)*x.at < 0x20 && *x.at != '\n'))
            fail(&x, "not ASCII");
        x.at++;
    }
    if (x.wrong == NULL && (x.depth != 0 || x.elements == 0))
        return "an element is not closed";
    return x.wrong;
}

/* ---- what the tests share ---- */

static int count(const char *text, const char *what)
{
    int n = 0;

    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + strlen(what), what))
        n++;
    return n;
}

/* The chart's text, which is well formed and has no number that is none. */
static const char *draw(lt_env *env, const lt_chart *chart, const char *what)
{
    lt_markup m;
    const char *wrong;

    lt_markup_init(env, &m);
    fine(env, lt_chart_svg(env, chart, &m));
    wrong = wrong_with(m.text);
    if (!ok(wrong == NULL, "%s: well-formed", what))
        printf("# %s\n", wrong);
    ok(strstr(m.text, "nan") == NULL && strstr(m.text, "inf") == NULL, "%s: every coordinate is a number", what);
    ok(m.n == strlen(m.text), "%s: as long as it says", what);
    return m.text;
}

/* One series in one panel. */
static const char *draw_series(lt_env *env, lt_series_kind kind, const double *x, const double *y, int64_t n, bool log,
                               const char *what)
{
    lt_series series = {.kind = kind, .name = "s", .colour = LT_BLUE, .n = n, .x = x, .y = y, .width = 0.5};
    lt_panel panel = {.height = 200,
                      .x = {.label = "x", .log = log},
                      .y = {.label = "y", .log = log},
                      .series = &series,
                      .n_series = 1};
    lt_chart chart = {.title = "t", .subtitle = "s", .panels = &panel, .n_panels = 1};

    return draw(env, &chart, what);
}

/* ---- tests ---- */

static void check_ticks(const lt_axis *axis, double min, double max, int want, const char *expected)
{
    char got[512] = "";
    lt_ticks t;

    lt_ticks_make(axis, min, max, want, &t);
    snprintf(got, sizeof got, "[%g %g]", t.min, t.max);
    for (int i = 0; i < t.n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), " %s", t.label[i]);
    if (!ok(strcmp(got, expected) == 0, "ticks of %g to %g", min, max))
        printf("# got  %s\n# want %s\n", got, expected);
}

static void test_ticks(void)
{
    static const lt_axis linear = {.label = NULL}, log = {.log = true}, percent = {.percent = true},
                         zero = {.from_zero = true}, whole = {.whole = true}, given = {.given = true};

    check_ticks(&linear, 0, 1, 5, "[0 1] 0 0.2 0.4 0.6 0.8 1.0");
    check_ticks(&linear, 0.013, 0.097, 5, "[0 0.1] 0 0.02 0.04 0.06 0.08 0.10");
    check_ticks(&linear, -3, 12, 4, "[-5 15] -5 0 5 10 15");
    check_ticks(&linear, 0, 4600, 5, "[0 5000] 0 1k 2k 3k 4k 5k");
    check_ticks(&linear, 0, 2300, 5, "[0 2500] 0 0.5k 1.0k 1.5k 2.0k 2.5k");
    check_ticks(&linear, 0, 3.4e6, 4, "[0 4e+06] 0 1M 2M 3M 4M");
    check_ticks(&linear, 1e6, 1e6 + 10, 5, "[1e+06 1.00001e+06] 1000000 1000002 1000004 1000006 1000008 1000010");
    check_ticks(&linear, 0, 4e-9, 4, "[0 4e-09] 0 1e-9 2e-9 3e-9 4e-9");
    check_ticks(&linear, 7, 7, 4, "[6 8] 6.0 6.5 7.0 7.5 8.0");
    check_ticks(&linear, 0, 0, 4, "[-1 1] -1.0 -0.5 0 0.5 1.0");
    check_ticks(&linear, NAN, NAN, 5, "[0 1] 0 0.2 0.4 0.6 0.8 1.0");
    check_ticks(&zero, 3, 9, 5, "[0 10] 0 2 4 6 8 10");
    check_ticks(&zero, 0, 0, 5, "[0 1] 0 0.2 0.4 0.6 0.8 1.0");
    check_ticks(&zero, 5, 5, 5, "[0 5] 0 1 2 3 4 5");
    check_ticks(&whole, 1, 2, 5, "[1 2] 1 2");
    check_ticks(&given, 0.5, 2.9, 5, "[0.5 2.9] 0.5 1.0 1.5 2.0 2.5");
    check_ticks(&percent, 0, 0.47, 5, "[0 0.5] 0\xC2\xA0% 10\xC2\xA0% 20\xC2\xA0% 30\xC2\xA0% 40\xC2\xA0% 50\xC2\xA0%");
    check_ticks(&percent, 0, 0.012, 3, "[0 0.015] 0\xC2\xA0% 0.5\xC2\xA0% 1.0\xC2\xA0% 1.5\xC2\xA0%");
    check_ticks(&log, 1, 12000, 5, "[1 20000] 1 10 100 1k 10k");
    check_ticks(&log, 3, 45, 5, "[2 50] 2 5 10 20 50");
    check_ticks(&log, 1e-7, 1e-3, 5, "[1e-07 0.001] 1e-7 1e-6 1e-5 0.0001 0.001");
    check_ticks(&log, 1, 1e20, 4, "[1 1e+20] 100 100k 100M 100G 100T 1e17 1e20");
    check_ticks(&log, 5, 5, 5, "[2 10] 2 5 10");
    check_ticks(&log, NAN, NAN, 5, "[1 10] 1 2 5 10");
}

static void check_number(double value, bool percent, const char *expected)
{
    char got[LT_NUMBER_SIZE];

    lt_number_text(value, percent, got);
    if (!ok(strcmp(got, expected) == 0, "%g in short", value))
        printf("# got %s, want %s\n", got, expected);
}

static void test_numbers(void)
{
    check_number(0, false, "0");
    check_number(-0.0, false, "0");
    check_number(12000, false, "12k");
    check_number(12345, false, "12.3k");
    check_number(123456, false, "123k");
    check_number(999600, false, "1M");
    check_number(0.05, false, "0.05");
    check_number(0.08342, false, "0.0834");
    check_number(-1234, false, "-1.23k");
    check_number(345.6, false, "346");
    check_number(3.4e6, false, "3.4M");
    check_number(1e-7, false, "1e-7");
    check_number(1e300, false, "1e300");
    check_number(0.123, true, "12.3\xC2\xA0%");
    check_number(NAN, false, "\xE2\x80\x93");
}

/* Texts of the server's may be long: the third poll of this one says yes. */
static void test_markup_cancelled(lt_env *env)
{
    test_context *context = env->context;
    const size_t length = 1000000;
    char *text = malloc(length + 1);
    lt_markup m;

    memset(text, 'a', length);
    text[length] = '\0';
    lt_markup_init(env, &m);
    context->polls = 0;
    context->cancel_at = 3;
    lt_markup_text(&m, text);
    context->cancel_at = 0;
    ok(m.status == LT_CANCELLED && m.n < length / 2, "escaping a long text can be cancelled");
    lt_free(env, m.text);
    free(text);
}

static void test_texts(lt_env *env)
{
    lt_markup m;

    lt_markup_init(env, &m);
    lt_markup_text(&m, "<script>alert('a' & \"b\")</script>");
    ok(strcmp(m.text, "&#x3C;script&#x3E;alert(&#x27;a&#x27; &#x26; &#x22;b&#x22;)&#x3C;/script&#x3E;") == 0,
       "escaped");
    m.n = 0;
    lt_markup_text(&m, "a\tb\nc\x01"
                       "d\x7F"
                       "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    ok(strcmp(m.text, "a b c&#xFFFD;d&#xFFFD;&#xE9;&#x20AC;&#x1F600;") == 0,
       "control characters, and two to four bytes");
    m.n = 0;
    /* a lone byte, a cut sequence, an overlong one, a surrogate, beyond the last, U+FFFF */
    lt_markup_text(&m, "\xFF \xE2\x82 \xC0\x80 \xED\xA0\x80 \xF4\x90\x80\x80 \xEF\xBF\xBF");
    ok(strstr(m.text, "&#xD800;") == NULL && strstr(m.text, "&#xFFFF;") == NULL && strstr(m.text, "&#x0;") == NULL &&
           count(m.text, "&#xFFFD;") >= 6,
       "bytes that are no characters");
    ok(lt_text_fits("one two three", 10, lt_text_width("one two t", 10)) == 7, "broken at a space");
    ok(lt_text_fits("onetwothree", 10, 1) == 1, "at least one character");
    ok(lt_text_fits("one", 10, 1000) == 3, "or all of it");
    test_markup_cancelled(env);
    near(lt_text_width("abc", 20), 2 * lt_text_width("abc", 10), 1e-9, "widths go with the size");
}

static void test_hostile(lt_env *env)
{
    static const double x[3] = {0, 1, 2}, y[3] = {1, 3, 2};
    const char *bad = "]]></title><script>x</script> \"&amp;\" \x02\xFF'";
    lt_series series = {.kind = LT_CHART_LINE, .name = bad, .n = 3, .x = x, .y = y};
    lt_mark mark = {.x = 1, .y = 3, .label = bad, .tooltip = bad, .strong = true, .rule = true};
    lt_band bands[2] = {{0, 1, bad, LT_GREEN}, {1, 2, bad, LT_GREY}};
    lt_panel panel = {.height = 200,
                      .x = {.label = bad},
                      .y = {.label = bad},
                      .series = &series,
                      .n_series = 1,
                      .marks = &mark,
                      .n_marks = 1,
                      .bands = bands,
                      .n_bands = 2};
    lt_chart chart = {.title = bad, .subtitle = bad, .panels = &panel, .n_panels = 1};
    const char *svg = draw(env, &chart, "hostile texts");
    char *long_name = malloc(100001);

    ok(strstr(svg, "<script") == NULL, "no script");
    ok(count(svg, "<title") == 2, "one title, and the mark's");
    memset(long_name, 'w', 100000);
    long_name[100000] = '\0';
    chart.title = long_name;
    chart.subtitle = "";
    svg = draw(env, &chart, "a long title");
    ok(strstr(svg, "&#x2026;</text>") != NULL, "a long title is cut");
    free(long_name);
}

static void test_degenerate(lt_env *env)
{
    static const lt_series_kind kinds[] = {LT_CHART_LINE, LT_CHART_STEP, LT_CHART_AREA, LT_CHART_POINTS, LT_CHART_BARS};
    static const double values[] = {NAN, 1, INFINITY, 0, -INFINITY, -5, 1e308, -1e308, 1e-300, 2, 2, NAN};
    static const double same[] = {3, 3, 3}, huge[] = {-1e300, 1e300};
    const char *svg;

    for (int k = 0; k < 5; k++)
        for (int log = 0; log < 2; log++) {
            char what[64];

            snprintf(what, sizeof what, "kind %d%s", k, log ? ", log" : "");
            draw_series(env, kinds[k], values, values, 0, log, what);
            draw_series(env, kinds[k], values + 1, values + 9, 1, log, what);
            draw_series(env, kinds[k], values, values, 12, log, what);
            draw_series(env, kinds[k], same, same, 3, log, what);
            draw_series(env, kinds[k], huge, huge, 2, log, what);
            draw_series(env, kinds[k], values, same, 3, log, what);
        }
    svg = draw_series(env, LT_CHART_LINE, (const double[]){1, 2, 3, 4, 5}, (const double[]){1, 2, NAN, 4, 5}, 5, false,
                      "a gap");
    ok(count(strstr(svg, "clip-path="), "M") == 2, "a gap parts a line in two");
    svg = draw_series(env, LT_CHART_POINTS, values, values, 12, true, "points on a log axis");
    ok(count(svg, "<circle cx") == 2, "numbers above 0 are there: 1e-300; 1 and 2, which are one pixel then");
}

/* The coordinates of a line from (0, 0) to (10, 100) are those of the corners, and the middle is in the middle. */
static void test_places(lt_env *env)
{
    static const double x[3] = {0, 5, 10}, y[3] = {0, 50, 100};
    const char *svg = draw_series(env, LT_CHART_LINE, x, y, 3, false, "a line"), *at;
    double left, bottom, x1, y1, x2, y2;

    at = strstr(strstr(svg, "clip-path="), "d=\"M") + 4;
    ok(sscanf(at, "%lf %lfL%lf %lfL%lf %lf", &left, &bottom, &x1, &y1, &x2, &y2) == 6, "three points");
    near(x1 - left, x2 - x1, 0.11, "x is linear");
    near(bottom - y1, y1 - y2, 0.11, "y is linear");
    near(bottom - y2, 200, 0.11, "as high as asked for");
    svg = draw_series(env, LT_CHART_LINE, (const double[]){1, 10, 100}, (const double[]){1, 10, 100}, 3, true,
                      "a log line");
    at = strstr(strstr(svg, "clip-path="), "d=\"M") + 4;
    ok(sscanf(at, "%lf %lfL%lf %lfL%lf %lf", &left, &bottom, &x1, &y1, &x2, &y2) == 6, "three points");
    near(x1 - left, x2 - x1, 0.11, "x is logarithmic");
    near(bottom - y1, y1 - y2, 0.11, "y is logarithmic");
}

static void test_many(lt_env *env)
{
    static const lt_series_kind kinds[] = {LT_CHART_LINE, LT_CHART_STEP, LT_CHART_AREA, LT_CHART_POINTS, LT_CHART_BARS};
    enum { N = 1000000 };
    double *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);

    for (int i = 0; i < N; i++) {
        x[i] = i;
        y[i] = sin(i * 1e-5) + 0.1 * sin(i * 12.9898);
    }
    y[765432] = 9;
    for (int k = 0; k < 5; k++) {
        const char *svg = draw_series(env, kinds[k], x, y, N, false, "a million");
        size_t most = kinds[k] == LT_CHART_POINTS ? 7000000 : 100000;

        ok(strlen(svg) < most, "a million are thinned: %zu bytes", strlen(svg));
        if (kinds[k] == LT_CHART_LINE) { /* the axis goes to 10, the outlier is near it */
            double top = INFINITY, px, py;

            for (const char *at = strstr(svg, "clip-path="); (at = strpbrk(at + 1, "ML")) != NULL;)
                if (sscanf(at + 1, "%lf %lf", &px, &py) == 2)
                    top = fmin(top, py);
            ok(top < 130, "an outlier among them is seen, at %g", top);
        }
    }
    free(x);
    free(y);
}

static void test_marks(lt_env *env)
{
    lt_mark marks[40] = {{.x = 0}};
    lt_panel panel = {.height = 200, .marks = marks, .n_marks = 40};
    lt_chart chart = {.title = "t", .subtitle = "s", .panels = &panel, .n_panels = 1};
    const char *svg;
    int weak;

    for (int i = 0; i < 40; i++)
        marks[i] = (lt_mark){.x = i < 38 ? 1 + i * 1e-4 : i, .y = 1, .label = "weak"};
    marks[20].strong = true;
    marks[20].label = "strong";
    svg = draw(env, &chart, "crowded marks");
    weak = count(svg, ">weak<");
    ok(weak >= 2 && weak < 15, "labels without room are left out: %d are there", weak);
    ok(count(svg, ">strong<") == 1, "but not the strong one");
    ok(count(svg, "<circle") == 40, "and no point");
}

static void test_errors(lt_env *env)
{
    lt_panel panel = {.height = 200, .x = {.given = true, .min = 2, .max = 2}};
    lt_chart chart = {.title = "t", .subtitle = "s", .panels = &panel, .n_panels = 1};
    lt_markup m, again;

    lt_markup_init(env, &m);
    ok(lt_chart_svg(env, &chart, &m) == LT_INVALID, "an empty range is refused");
    panel.x = (lt_axis){.given = true, .log = true, .min = 0, .max = 2};
    ok(lt_chart_svg(env, &chart, &m) == LT_INVALID, "and 0 on a log axis");
    panel.x = (lt_axis){.label = "x"};
    env->budget = env->used + 100;
    ok(lt_chart_svg(env, &chart, &m) == LT_NO_MEMORY, "memory is bounded");
    env->budget = 0;
    lt_markup_init(env, &m);
    lt_markup_init(env, &again);
    fine(env, lt_chart_svg(env, &chart, &m));
    fine(env, lt_chart_svg(env, &chart, &again));
    ok(strcmp(m.text, again.text) == 0, "the same chart gives the same text");
    ok(strstr(m.text, "role=\"img\"") != NULL && strstr(m.text, "viewBox=\"0 0 760 ") != NULL, "what readers look for");
    ok(strstr(m.text, "prefers-color-scheme:dark") != NULL, "dark as well");
    ok(wrong_with("<a><b></a></b>") != NULL && wrong_with("<a>&</a>") != NULL && wrong_with("<a") != NULL,
       "the parser of this test finds errors");
}

int main(void)
{
    lt_env *env = test_env();

    test_ticks();
    test_numbers();
    test_texts(env);
    test_hostile(env);
    test_degenerate(env);
    test_places(env);
    test_many(env);
    test_marks(env);
    test_errors(env);
    test_env_drop(env);
    return done();
}
