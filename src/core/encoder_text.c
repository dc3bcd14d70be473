/*
 * encoder_text.c: a text in any language to a fixed number of columns.
 *
 * What is counted: words, and the runs of 3 to 5 characters of each word between marks, `<word>`, which see what words
 * of one stem, or a misspelling, have in common (Bojanowski, Grave, Joulin and Mikolov, "Enriching word vectors with
 * subword information", 2017); of Chinese, Japanese and Korean, whose words are often two characters with no space
 * between, runs of 2 as well.  A word is a maximal run of letters and digits.  Any character beyond ASCII counts as a
 * letter, save for the spaces, punctuation and symbols of `separators`: no table of scripts is needed.
 *
 * Each is hashed to a bucket and to a sign, so that what collides cancels on average (Weinberger, Dasgupta, Langford,
 * Smola and Attenberg, "Feature hashing for large scale multitask learning", 2009).  A bucket holds
 *     idf[bucket] (damp(added) - damp(subtracted)),   damp(c) = 1 + ln c, or 0 for c = 0
 *     idf = 1 + ln((1 + n) / (1 + rows that have the bucket)),   n rows with a text
 * and the row's buckets together have length 1.  A bucket that no row fitted has contributes nothing, as an unseen
 * category does.
 *
 * Characters are those of UTF-8; a byte that begins none is a character by itself, so that every other encoding is read
 * too, a character beyond ASCII then being its bytes.
 *
 * Invariants: buckets and signs are a function of the bytes alone, on every machine and in every release, for weights
 * are stored by bucket.  The tally is all zero between texts.
 */
#include "encoder_raw.h"

#include <string.h>

#define SHORTEST 3
#define LONGEST 5
#define WORD_SEED UINT64_C(0x9e3779b97f4a7c15) /* a word and a run of the same characters are two things */
#define RUN_SEED UINT64_C(0xbf58476d1ce4e5b9)

typedef struct range {
    uint32_t first, last;
} range;

/* Spaces, punctuation and symbols of Unicode, ascending. */
static const range separators[] = {
    {0x0000, 0x002F},  {0x003A, 0x0040}, {0x005B, 0x0060}, {0x007B, 0x00A9}, /* ASCII, controls, Latin-1 */
    {0x00AB, 0x00B4},  {0x00B6, 0x00B9}, {0x00BB, 0x00BF}, {0x00D7, 0x00D7}, /* but not a and o raised, nor micro */
    {0x00F7, 0x00F7},  {0x055A, 0x055F}, {0x0589, 0x058A}, {0x05BE, 0x05BE}, /* Armenian, Hebrew */
    {0x05F3, 0x05F4},  {0x060C, 0x060C}, {0x061B, 0x061F}, {0x066A, 0x066D}, /* Arabic */
    {0x06D4, 0x06D4},  {0x0964, 0x0965}, {0x0E4F, 0x0E4F}, {0x0E5A, 0x0E5B}, /* Devanagari, Thai */
    {0x0F08, 0x0F14},  {0x104A, 0x104F}, {0x1361, 0x1368}, {0x1680, 0x1680}, /* Tibetan, Myanmar, Ethiopic, Ogham */
    {0x17D4, 0x17DA},  {0x2000, 0x2BFF},                                     /* Khmer; spaces, marks, symbols */
    {0x2E00, 0x2E7F},  {0x3000, 0x3004}, {0x3008, 0x303F}, {0x30FB, 0x30FB}, /* CJK, but not repetition and zero */
    {0xFE10, 0xFE1F},  {0xFE30, 0xFE6F}, {0xFEFF, 0xFEFF}, {0xFF00, 0xFF0F}, /* CJK forms, full width */
    {0xFF1A, 0xFF20},  {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFD}, /* full width, specials */
    {0x1F000, 0x1FAFF}                                                       /* pictures */
};

/* Scripts whose words are short and not spaced: kana, Chinese characters, Hangul, and their extensions. */
static const range dense_scripts[] = {
    {0x3005, 0x3007}, {0x3041, 0x30FF}, {0x3400, 0x9FFF}, {0xAC00, 0xD7AF}, {0xF900, 0xFAFF}, {0x20000, 0x3FFFF},
};

static bool in_ranges(const range *ranges, size_t n, uint32_t c)
{
    while (n > 0) {
        size_t half = n / 2;

        if (c > ranges[half].last) {
            ranges += half + 1;
            n -= half + 1;
        } else if (c < ranges[half].first) {
            n = half;
        } else {
            return true;
        }
    }
    return false;
}

#define IS_SEPARATOR(c) in_ranges(separators, sizeof separators / sizeof separators[0], c)
#define IS_DENSE(c) in_ranges(dense_scripts, sizeof dense_scripts / sizeof dense_scripts[0], c)

/* The character at `at`, and where the next one is. A byte that begins none is above every character. */
static uint32_t next_character(const unsigned char *text, int64_t length, int64_t *at)
{
    uint32_t c = text[*at], lead = c;
    int more = lead >= 0xF0 && lead < 0xF8 ? 3 : lead >= 0xE0 && lead < 0xF0 ? 2 : lead >= 0xC2 && lead < 0xE0 ? 1 : 0;

    (*at)++;
    if (lead < 0x80)
        return lead;
    if (more == 0 || length - *at < more)
        return UINT32_C(0x80000000) | lead;
    c = lead & (0x3F >> more);
    for (int i = 0; i < more; i++) {
        if ((text[*at + i] & 0xC0) != 0x80)
            return UINT32_C(0x80000000) | lead;
        c = c << 6 | (text[*at + i] & 0x3F);
    }
    *at += more;
    return c;
}

/* ---- counting ---- */

static uint64_t mix(uint64_t hash, uint32_t c)
{
    hash = (hash ^ c) * UINT64_C(0x94d049bb133111eb);
    return hash ^ (hash >> 29);
}

static void tally(lt_text_tally *t, int32_t buckets, uint64_t hash)
{
    uint32_t bucket;

    hash *= UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    bucket = (uint32_t)(((hash >> 32) * (uint64_t)buckets) >> 32);
    t->count[2 * bucket + (hash >> 31 & 1)]++;
    t->touched[bucket / 64] |= UINT64_C(1) << bucket % 64;
}

/* The character at `at` of the word first..end with its marks, which stand at first - 1 and at end. */
static uint32_t marked_character(const unsigned char *text, int64_t first, int64_t end, int64_t *at)
{
    if (*at >= first && *at < end)
        return next_character(text, end, at);
    (*at)++;
    return *at <= first ? '<' : '>';
}

static void tally_word(lt_text_tally *t, int32_t buckets, const unsigned char *text, int64_t first, int64_t end)
{
    uint64_t word = WORD_SEED;

    for (int64_t at = first; at < end;)
        word = mix(word, next_character(text, end, &at));
    tally(t, buckets, word);
    for (int64_t from = first - 1; from < end;) {
        int64_t at = from;
        uint32_t c = marked_character(text, first, end, &at);
        bool dense = IS_DENSE(c);
        uint64_t run = mix(RUN_SEED, c);

        from = at;
        for (int n = 2; n <= LONGEST && at <= end; n++) {
            c = marked_character(text, first, end, &at);
            run = mix(run, c);
            if (n >= SHORTEST || (dense && IS_DENSE(c)))
                tally(t, buckets, run);
        }
    }
}

static void tally_text(lt_text_tally *t, int32_t buckets, const unsigned char *text, int64_t length)
{
    int64_t at = 0, first = -1;

    while (at < length) {
        int64_t here = at;
        bool separates = IS_SEPARATOR(next_character(text, length, &at));

        if (!separates && first < 0) {
            first = here;
        } else if (separates && first >= 0) {
            tally_word(t, buckets, text, first, here);
            first = -1;
        }
    }
    if (first >= 0)
        tally_word(t, buckets, text, first, length);
}

static double damp(int32_t count)
{
    return count < 2 ? count : 1 + log(count);
}

/* ---- what the encoder uses ---- */

lt_status lt_text_tally_init(lt_env *env, lt_text_tally *t, int32_t buckets)
{
    LT_TRY(lt_alloc(env, &t->count, 2 * (size_t)buckets, sizeof *t->count, "the buckets of a text"));
    return lt_alloc(env, &t->touched, ((size_t)buckets + 63) / 64, sizeof *t->touched, "the buckets of a text");
}

int64_t lt_text_most_entries(const lt_feature *f, int64_t length)
{
    /* a character begins at most 4 runs and a mark 3; a text has no more words than characters */
    int64_t most = 8 * length;

    return most < f->buckets ? most : f->buckets;
}

int64_t lt_text_entries(lt_text_tally *t, const lt_feature *f, const char *text, int64_t length, int32_t *col,
                        float *val)
{
    int64_t n = 0;
    double square = 0;

    tally_text(t, f->buckets, (const unsigned char *)text, length);
    for (int32_t w = 0; w < (f->buckets + 63) / 64; w++) {
        for (uint64_t bits = t->touched[w]; bits != 0; bits &= bits - 1) {
            int32_t bucket = 64 * w + __builtin_ctzll(bits), *count = &t->count[2 * bucket];
            double v = f->idf[bucket] * (damp(count[0]) - damp(count[1]));

            count[0] = count[1] = 0;
            if (v == 0)
                continue;
            square += v * v;
            col[n] = f->sparse_first + bucket;
            val[n++] = (float)v;
        }
        t->touched[w] = 0;
    }
    for (int64_t i = 0; i < n; i++)
        val[i] = (float)((double)val[i] / sqrt(square));
    return n;
}

lt_status lt_text_fit(lt_env *env, lt_text_tally *t, lt_feature *f, double least)
{
    const lt_dictionary *texts = &f->dictionary;
    double *rows, n = 0;
    int32_t *col;
    float *val;

    LT_TRY(lt_alloc(env, &f->idf, (size_t)f->buckets, sizeof *f->idf, "the weights of a text"));
    LT_TRY(lt_alloc(env, &rows, (size_t)f->buckets, sizeof *rows, "the weights of a text"));
    LT_TRY(lt_alloc(env, &col, (size_t)f->buckets, sizeof *col, "an encoded row"));
    LT_TRY(lt_alloc(env, &val, (size_t)f->buckets, sizeof *val, "an encoded row"));
    for (int32_t b = 0; b < f->buckets; b++)
        f->idf[b] = 1;
    for (int32_t i = 0; i < texts->n; i++) {
        int64_t length, entries;
        const char *text = lt_dictionary_key(texts, i, &length);

        LT_TRY(lt_poll(env));
        if (texts->count[i] == 0) /* of rows without a place */
            continue;
        n += texts->count[i];
        entries = lt_text_entries(t, f, text, length, col, val);
        for (int64_t k = 0; k < entries; k++)
            rows[col[k] - f->sparse_first] += texts->count[i];
    }
    for (int32_t b = 0; b < f->buckets; b++)
        f->idf[b] = rows[b] >= fmax(least, 1) ? 1 + log((1 + n) / (1 + rows[b])) : 0;
    lt_free(env, rows);
    lt_free(env, col);
    lt_free(env, val);
    return LT_OK;
}
