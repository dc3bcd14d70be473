/* test_encoder_text.c: text to columns: words, scripts, signs and weights against a naive version, likeness, damage. */
#include "tap.h"

#include "encoder.h"
#include "random.h"

/* ---- helpers ---- */

static void add_row(lt_env *env, lt_encoder *e, const char *text)
{
    lt_encoder_begin_row(env, e);
    if (text != NULL && lt_encode_text(env, e, 0, text, (int64_t)strlen(text)) != LT_OK)
        ok(false, "text %s", text);
    lt_encoder_end_row(env, e);
}

static void fit(lt_env *env, lt_encoder *e, int32_t buckets, const char *const *text, int n, lt_table *out)
{
    lt_encoder_init(env, e);
    fine(env, lt_encoder_add_text(env, e, "title", buckets));
    for (int j = 0; j < n; j++)
        add_row(env, e, text[j]);
    fine(env, lt_encoder_finish(env, e, 2, true, NULL, 0, out));
}

/* The row at hand of a frozen encoder, spread out; returns how many entries it has. */
static int64_t spread(const lt_encoder *e, double *x)
{
    memset(x, 0, (size_t)e->sparse * sizeof *x);
    for (int64_t k = 0; k < e->row.start[1]; k++)
        x[e->row.col[k]] = (double)e->row.val[k];
    return e->row.start[1];
}

static double cosine(lt_env *env, lt_encoder *e, const char *a, const char *b)
{
    double *x = calloc((size_t)e->sparse, sizeof *x), *y = calloc((size_t)e->sparse, sizeof *y), dot = 0;

    add_row(env, e, a);
    spread(e, x);
    add_row(env, e, b);
    spread(e, y);
    for (int32_t i = 0; i < e->sparse; i++)
        dot += x[i] * y[i];
    free(x);
    free(y);
    return dot;
}

static bool same_entries(lt_env *env, lt_encoder *e, const char *a, const char *b)
{
    double *x = calloc((size_t)e->sparse, sizeof *x), *y = calloc((size_t)e->sparse, sizeof *y);
    bool same;

    add_row(env, e, a);
    spread(e, x);
    add_row(env, e, b);
    spread(e, y);
    same = memcmp(x, y, (size_t)e->sparse * sizeof *x) == 0;
    free(x);
    free(y);
    return same;
}

/* ---- what is counted ---- */

/* Distinct buckets of a text where there are so many that nothing collides, all idf alike. */
static int64_t things(lt_env *env, const char *text)
{
    lt_encoder e;
    lt_table t;

    lt_encoder_init(env, &e);
    lt_encoder_add_text(env, &e, "title", 1 << 20);
    add_row(env, &e, text);
    lt_encoder_finish(env, &e, 1, true, NULL, 0, &t);
    return t.start[1];
}

static void counted(lt_env *env)
{
    /* words, and runs of 3 to 5 of <word> */
    ok(things(env, "") == 0 && things(env, " -- !? ") == 0, "nothing to count");
    ok(things(env, "a") == 1 + 1, "a: the word, <a>");
    ok(things(env, "cup") == 1 + 3 + 2 + 1, "cup: <cu cup up>, <cup cup>, <cup>");
    ok(things(env, "where") == 1 + 5 + 4 + 3, "where: five, four and three runs");
    ok(things(env, "cup cup, cup") == 1 + 6, "said three times, they are the same things");
    ok(things(env, "cup-12") == 7 + 1 + 2 + 1, "hyphens end words, digits make them");
    ok(things(env, "\xD1\x87\xD0\xB0\xD0\xB9") == 7, "three cyrillic letters are as three latin ones");
    ok(things(env, "\xC3\xA9t\xC3\xA9") == 7, "and accented ones");
    ok(things(env, "\xE8\x8C\xB6\xE5\xA3\xB6") == 1 + 1 + 2 + 1, "two Chinese characters: word, pair, runs of <..>");
    ok(things(env, "cup\xE3\x80\x81"
                   "cup\xC2\xA0"
                   "cup\xE2\x80\x94"
                   "cup\xEF\xBC\x81") == 7,
       "CJK comma, hard space, dash, full-width mark end words");
    ok(things(env, "\xE3\x80\x8C\xE8\x8C\xB6\xE5\xA3\xB6\xE3\x80\x8D") == 5, "so do CJK quotation marks");
    ok(things(env, "\xE4\xBD\x90\xE3\x80\x85") == 5, "but the mark of repetition belongs to its word");
    ok(things(env, "c\xFCp") == 7 && things(env, "\xFF") == 2 && things(env, "\xE8\x8C") == 1 + 2 + 1,
       "bytes that are no character count as one each");
}

/* ---- values, against long-hand arithmetic on a bucket seen through single texts ---- */

static void values(lt_env *env)
{
    static const char *const text[] = {"red tea cup", "blue tea cup", "green tea pot", "tea", NULL, "tin"};
    static const char *const one[] = {"green", "tea", "pot"};
    enum { BUCKETS = 4096, TEXTS = 6 };
    double *x = calloc(BUCKETS + 1, sizeof *x), *y = calloc(BUCKETS + 1, sizeof *y), norm = 0, dot = 0, length = 0;
    bool right = true, unit = true;
    int32_t rows[BUCKETS] = {0};
    lt_encoder e;
    lt_table t;

    fit(env, &e, BUCKETS, text, TEXTS, &t);
    ok(t.dense == 0 && t.sparse == BUCKETS + 1 && t.n == TEXTS, "the buckets, is null");
    ok(t.start[5] - t.start[4] == 1 && t.col[t.start[4]] == BUCKETS && t.val[t.start[4]] == 1, "NULL has its column");
    ok(e.feature[0].nulls == 1 && e.feature[0].null_column == BUCKETS, "and is counted");
    ok(e.feature[0].dictionary.n == 0, "the texts are not kept");
    for (int j = 0; j < TEXTS; j++) {
        double square = 0;

        for (int64_t k = t.start[j]; k < t.start[j + 1]; k++) {
            square += (double)t.val[k] * (double)t.val[k];
            if (t.col[k] < BUCKETS)
                rows[t.col[k]]++;
        }
        unit = unit && fabs(square - 1) < 1e-5;
    }
    ok(unit, "each row has length 1");
    for (int b = 0; b < BUCKETS; b++)
        right = right && fabs(e.feature[0].idf[b] - (rows[b] > 0 ? 1 + log(6.0 / (1 + rows[b])) : 0)) < 1e-12;
    ok(right, "idf is 1 + ln((1 + 5) / (1 + rows)) where there are rows");

    /* a text of three words is the sum of three texts, apart from each one's length: words do not run together */
    for (int w = 0; w < 3; w++) {
        double first = 0;

        add_row(env, &e, one[w]);
        spread(&e, y);
        for (int b = 0; b < BUCKETS; b++) /* every count is 1 here: undo the scaling by its bucket */
            if (y[b] != 0 && first == 0)
                first = fabs(y[b]) / e.feature[0].idf[b];
        for (int b = 0; b < BUCKETS; b++)
            x[b] += y[b] / first;
    }
    add_row(env, &e, text[2]);
    spread(&e, y);
    for (int b = 0; b < BUCKETS; b++) {
        norm += x[b] * x[b];
        length += y[b] * y[b];
        dot += x[b] * y[b];
    }
    near(dot / sqrt(norm * length), 1, 1e-6, "the words' vectors add up to the text's");
    ok(y[BUCKETS] == 0, "a text is not NULL");
    add_row(env, &e, "");
    ok(e.row.start[1] == 0, "nor is an empty one");
    add_row(env, &e, "zzzz qqqq");
    ok(spread(&e, y) <= 2, "what no text had contributes nothing, but for a rare collision");
    add_row(env, &e, NULL);
    ok(e.row.start[1] == 1 && e.row.col[0] == BUCKETS, "NULL when frozen");

    /* damping: three times a word is 1 + ln 3 of it, against a word said once */
    add_row(env, &e, "tea tin");
    spread(&e, x);
    add_row(env, &e, "tea tea tea tin");
    spread(&e, y);
    right = true;
    for (int b = 0, base = -1; b < BUCKETS; b++) {
        if (x[b] == 0)
            continue;
        if (base < 0 && e.feature[0].idf[b] == 1 + log(6.0 / 2))
            base = b; /* of tin, which one row has */
        if (base >= 0 && rows[b] == 4) {
            double times = y[b] / y[base] / (x[b] / x[base]);

            right = right && fabs(times - (1 + log(3))) < 1e-4;
        }
    }
    ok(right, "a word said three times counts 1 + ln 3");
    free(x);
    free(y);
}

/* ---- likeness ---- */

static void likeness(lt_env *env)
{
    static const char *const title[] = {
        "red ceramic teapot with lid",
        "blue ceramic teapot with lid",
        "leather wallet with zip",
        "garden hose 20m",
        "\xD0\xBA\xD1\x80\xD0\xB0\xD1\x81\xD0\xBD\xD1\x8B\xD0\xB9 \xD1\x87\xD0\xB0\xD0\xB9\xD0\xBD\xD0\xB8\xD0\xBA",
        "\xD1\x81\xD0\xB8\xD0\xBD\xD0\xB8\xD0\xB9 \xD1\x87\xD0\xB0\xD0\xB9\xD0\xBD\xD0\xB8\xD0\xBA",
        "\xD1\x88\xD0\xB0\xD1\x80\xD1\x84",
        "\xE7\xBA\xA2\xE8\x89\xB2\xE9\x99\xB6\xE7\x93\xB7\xE8\x8C\xB6\xE5\xA3\xB6",
        "\xE8\x93\x9D\xE8\x89\xB2\xE9\x99\xB6\xE7\x93\xB7\xE8\x8C\xB6\xE5\xA3\xB6",
        "\xE7\x9A\xAE\xE9\x9D\xA9\xE9\x92\xB1\xE5\x8C\x85",
        "pocket lamp",
        "wool scarf",
        "wooden spoon"};
    /* red teapot, teapots (plural, another case), scarf; red ceramic teapot, ceramic teapot set, wallet */
    static const char russian[] = "\xD1\x87\xD0\xB0\xD0\xB9\xD0\xBD\xD0\xB8\xD0\xBA\xD0\xB0\xD0\xBC\xD0\xB8";
    static const char chinese[] = "\xE9\x99\xB6\xE7\x93\xB7\xE8\x8C\xB6\xE5\xA3\xB6\xE5\xA5\x97\xE8\xA3\x85";
    static const int32_t buckets[] = {4096, 1 << 20};
    enum { TITLES = sizeof title / sizeof title[0] };
    lt_encoder e;
    lt_table t;

    for (size_t b = 0; b < 2; b++) {
        fit(env, &e, buckets[b], title, TITLES, &t);
        near(cosine(env, &e, title[0], title[0]), 1, 1e-5, "a title is like itself");
        near(cosine(env, &e, title[0], "lid with teapot ceramic red"), 1, 1e-5, "in any order");
        ok(cosine(env, &e, title[0], title[1]) > 0.7, "two titles but for the colour: %.2f",
           cosine(env, &e, title[0], title[1]));
        ok(cosine(env, &e, title[0], "red cermic teapots with lids") > 0.6, "misspelt and inflected: %.2f",
           cosine(env, &e, title[0], "red cermic teapots with lids"));
        ok(fabs(cosine(env, &e, title[0], title[3])) < 0.1 && fabs(cosine(env, &e, title[11], title[12])) < 0.2,
           "unrelated titles: %.2f, %.2f", cosine(env, &e, title[0], title[3]), cosine(env, &e, title[11], title[12]));
        ok(cosine(env, &e, title[4], title[5]) > 0.4 && cosine(env, &e, title[4], russian) > 0.4 &&
               fabs(cosine(env, &e, title[4], title[6])) < 0.15,
           "cyrillic: %.2f, inflected %.2f, unrelated %.2f", cosine(env, &e, title[4], title[5]),
           cosine(env, &e, title[4], russian), cosine(env, &e, title[4], title[6]));
        ok(cosine(env, &e, title[7], title[8]) > 0.5 && cosine(env, &e, title[7], chinese) > 0.4 &&
               fabs(cosine(env, &e, title[7], title[9])) < 0.1,
           "Chinese: %.2f, part of a run %.2f, unrelated %.2f", cosine(env, &e, title[7], title[8]),
           cosine(env, &e, title[7], chinese), cosine(env, &e, title[7], title[9]));
    }
}

/* Signs keep the inner product of unrelated texts at 0 on average, however few the buckets (Weinberger et al.). */
static void unbiased(lt_env *env)
{
    enum { TEXTS = 400 };
    char text[TEXTS][24];
    const char *all[TEXTS];
    double sum = 0;
    lt_random rng;
    lt_encoder e;
    lt_table t;

    lt_random_seed(&rng, 3);
    for (int j = 0; j < TEXTS; j++) {
        for (int i = 0; i < 12; i++)
            text[j][i] = (char)('a' + lt_random_below(&rng, 26));
        text[j][12] = '\0';
        all[j] = text[j];
    }
    fit(env, &e, 64, all, TEXTS, &t);
    for (int j = 0; j + 1 < TEXTS; j += 2)
        sum += cosine(env, &e, text[j], text[j + 1]);
    /* 200 products of standard deviation about 1/8; without signs their mean would be about 0.3 */
    ok(fabs(sum / (TEXTS / 2)) < 0.04, "unrelated texts in 64 buckets have cosine 0 on average: %.3f", sum / TEXTS * 2);
}

/* ---- bounds and damage ---- */

static void bounds(lt_env *env)
{
    char *text = malloc(20001);
    char name[40];
    lt_encoder e, back;
    lt_random rng;
    lt_writer w;
    lt_reader r;
    lt_table t;
    bool same = true, sane = true;
    int64_t place[3] = {1, -1, 3};

    for (int i = 0; i < 20000; i++)
        text[i] = i % 7 == 0 ? ' ' : (char)('a' + i * i % 26);
    text[20000] = '\0';
    lt_encoder_init(env, &e);
    lt_encoder_add_text(env, &e, "title", 4096);
    add_row(env, &e, text);
    add_row(env, &e, "left out");
    add_row(env, &e, "kept");
    fine(env, lt_encoder_finish(env, &e, 1, true, place, 4, &t));
    ok(t.start[1] == 1 && t.start[3] - t.start[2] == 1 && t.col[0] == 4096, "places without a row are NULL");
    ok(e.feature[0].nulls == 2, "which counts");
    add_row(env, &e, "left");
    ok(spread(&e, (double[4097]){0}) <= 2, "rows without a place are not fitted");
    text[10000] = '\0';
    add_row(env, &e, text);
    ok(e.row.start[1] == t.start[2] - t.start[1] &&
           memcmp(e.row.val, t.val + t.start[1], (size_t)e.row.start[1] * sizeof(float)) == 0,
       "of a long text, the first 10,000 bytes count");
    ok(lt_encoder_column_name(env, &e, false, 16, name, sizeof name) == LT_OK && strcmp(name, "title~bucket 17") == 0,
       "title~bucket 17");
    ok(lt_encoder_column_name(env, &e, false, 4096, name, sizeof name) == LT_OK && strcmp(name, "title is null") == 0,
       "title is null");

    lt_writer_init(env, &w);
    lt_encoder_write(&w, &e);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_encoder_read(&r, &back));
    lt_random_seed(&rng, 5);
    for (int j = 0; j < 3000; j++) {
        int64_t n = lt_random_below(&rng, 60);

        for (int64_t i = 0; i < n; i++)
            text[i] = (char)lt_random_below(&rng, 256);
        lt_encoder_begin_row(env, &e);
        sane = sane && lt_encode_text(env, &e, 0, text, n) == LT_OK;
        lt_encoder_end_row(env, &e);
        lt_encoder_begin_row(env, &back);
        lt_encode_text(env, &back, 0, text, n);
        lt_encoder_end_row(env, &back);
        same = same && e.row.start[1] == back.row.start[1] &&
               memcmp(e.row.col, back.row.col, (size_t)e.row.start[1] * sizeof(int32_t)) == 0 &&
               memcmp(e.row.val, back.row.val, (size_t)e.row.start[1] * sizeof(float)) == 0;
        for (int64_t k = 0; k < e.row.start[1]; k++)
            sane = sane && isfinite(e.row.val[k]) && e.row.val[k] != 0 && e.row.col[k] < e.sparse &&
                   (k == 0 || e.row.col[k] > e.row.col[k - 1]);
    }
    ok(sane, "any bytes encode, columns ascending");
    ok(same, "the stored encoder encodes the same bits");
    ok(same_entries(env, &e, "kept kept", "kept  kept!"), "what is between words does not matter");
    free(text);
}

/* Buckets and signs are stored by number with the weights: they may never change. */
static void constant(lt_env *env)
{
    static const char *const text[] = {"tea", "\xE8\x8C\xB6"};
    static const int32_t want[] = {1, -307, 377, 975, 1312, -3308, 4087, 2251, -3920};
    bool same;
    lt_encoder e;
    lt_table t;

    fit(env, &e, 4096, text, 2, &t);
    same = t.start[2] == 9;
    for (int64_t k = 0; same && k < 9; k++)
        same = t.col[k] == abs(want[k]) && (t.val[k] < 0) == (want[k] < 0);
    ok(same, "buckets and signs are those of every release");
}

int main(void)
{
    lt_env *env = test_env();

    counted(env);
    values(env);
    likeness(env);
    unbiased(env);
    bounds(env);
    constant(env);
    test_env_drop(env);
    return done();
}
