/*
 * encoder_raw.h: what encoder.c (rows in), encoder_raw.c (keeping them), encoder_fit.c and encoder_categories.c
 * (fitting), encoder_calendar.c and encoder_text.c share.
 *
 * Raw rows are kept in chunks, so that fitting can free each as soon as it is encoded.  A chunk is row-major doubles,
 * NaN for NULL, plus the row's tokens as provisional dictionary numbers.  A vector's columns are appended when its
 * width becomes known; chunks from before then simply have fewer columns.
 *
 * Where the environment spills, chunks go to a file once there are more than it wants in memory, and each as it is full
 * from then on; fitting finds them mapped.  Chunks are smaller there; sums are taken by groups of them, which do not
 * depend on it.
 */
#ifndef LT_ENCODER_RAW_H
#define LT_ENCODER_RAW_H

#include "encoder.h"

#include <math.h>

typedef struct lt_token {
    int32_t feature, number;
} lt_token;

typedef struct lt_chunk {
    int32_t rows, capacity, columns;
    double *x; /* capacity x columns */
    int64_t n_tokens;
    int64_t *token_end; /* one a row, once a row had tokens: where the row's tokens end */
    lt_token *token;
    size_t cap_token;
    int64_t first;   /* row; set once all are there */
    int64_t group;   /* chunks of one group are one where nothing is spilled */
    bool spilled;    /* x, token_end and token are, or will be, in the mapping, one behind the other: */
    size_t at, size; /* bytes in the file */
} lt_chunk;

struct lt_encoder_raw {
    int32_t columns;   /* raw columns known */
    int32_t committed; /* those known before the row at hand */
    double *x;         /* the row at hand */
    size_t cap_x;
    lt_token *token; /* its tokens */
    size_t n_tokens, cap_token;
    lt_chunk *chunk;
    size_t n_chunks, cap_chunks;
    int32_t group_rows, group_capacity; /* of the last group */
    int64_t group_tokens, groups;
    size_t held; /* bytes of chunks in memory, as they were made */
    void *file;  /* of chunks that were spilled; NULL: none were */
    size_t file_bytes;
};

/* Appends the row at hand. */
lt_status lt_encoder_keep_row(lt_env *env, struct lt_encoder_raw *raw);
/* After the last row: chunks' first rows; where there is a file, all chunks are in it, mapped. */
lt_status lt_encoder_map_raw(lt_env *env, struct lt_encoder_raw *raw);
/* A chunk is done with: for now; for good. */
void lt_encoder_drop_chunk(lt_env *env, const lt_chunk *c);
void lt_encoder_free_chunk(lt_env *env, lt_chunk *c);

/* The tokens of row r of a chunk; *n: how many. */
static inline const lt_token *lt_row_tokens(const lt_chunk *c, int32_t r, int64_t *n)
{
    int64_t first;

    *n = 0;
    if (c->token_end == NULL)
        return NULL;
    first = r > 0 ? c->token_end[r - 1] : 0;
    *n = c->token_end[r] - first;
    return c->token + first;
}

/* Where a raw row goes in the table, -1: nowhere; place NULL: where it stands. */
static inline int64_t lt_place_of(const int64_t *place, int64_t row)
{
    return place == NULL ? row : place[row];
}

/*
 * Finishes the dictionaries of categories, of the rows with a place among n_out; counts NULLs of what has tokens.
 * number[i], for feature i with categories: each provisional number's column in the feature's block, -1 for none.
 */
lt_status lt_categories_fit(lt_env *env, lt_encoder *e, const int64_t *place, int64_t n_out, double min_count,
                            int32_t **number);

/* Beyond this, a product with a weight could overflow to infinity and a sum of two of those to NaN. */
#define LT_ENCODED_MOST 1e18

/* NaN, which is NULL, encodes as 0. */
static inline float lt_encode_cell(double x, double mean, double scale)
{
    double v = (x - mean) * scale;

    v = v > LT_ENCODED_MOST ? LT_ENCODED_MOST : v;
    v = v < -LT_ENCODED_MOST ? -LT_ENCODED_MOST : v;
    return isnan(v) ? 0.0f : (float)v;
}

/* Kept as numbers of a dictionary while fitting. */
static inline bool lt_kind_has_tokens(lt_kind kind)
{
    return kind == LT_CATEGORY || kind == LT_BAG || kind == LT_TEXT;
}

static inline bool lt_kind_is_time(lt_kind kind)
{
    return kind == LT_TIMESTAMP || kind == LT_DATE;
}

#define LT_TEXT_MOST_IDF 100 /* 1 + ln(2^63) is less than half of it */

lt_status lt_text_tally_init(lt_env *env, lt_text_tally *t, int32_t buckets);
/* Bound of what lt_text_entries writes for a text of so many bytes. */
int64_t lt_text_most_entries(const lt_feature *f, int64_t length);
/*
 * The entries of a text by f->idf, their columns ascending from f->sparse_first; returns how many. t has room for the
 * feature's buckets, and is left as it was.
 */
int64_t lt_text_entries(lt_text_tally *t, const lt_feature *f, const char *text, int64_t length, int32_t *col,
                        float *val);
/* Learns f->idf from the feature's dictionary, whose counts are rows; of buckets that fewer than `least` have,
 * nothing. */
lt_status lt_text_fit(lt_env *env, lt_text_tally *t, lt_feature *f, double least);

/* Cyclic parts into out[0..6) (TIMESTAMP) or out[0..4) (DATE). */
void lt_encode_cycles(lt_kind kind, double unix_seconds, float *out);
/* Appends the "is null" columns of the features not in e->given; returns the new count. */
int64_t lt_encoder_null_columns(const lt_encoder *e, int32_t *col, float *val, int64_t n);
/* Sorts n entries and adds up repeats of a column: the distinct ones go to out and out_val (may be col and val), their
 * number is returned. */
int64_t lt_encoder_merge_columns(int32_t *col, float *val, int64_t n, int32_t *out, float *out_val);
/* From kinds, widths, dictionaries and NULL counts to column numbers; freezes the encoder. LT_INVALID when there are
 * more than INT32_MAX columns. */
lt_status lt_encoder_freeze(lt_env *env, lt_encoder *e);

#endif
