/*
 * encoder.h: columns of rows to numbers, the same way in training and ever after.
 *
 * One encoder per side: the row's own columns, the user's, the item's. While fitting it keeps raw values and
 * dictionaries; lt_encoder_finish turns them into a table and freezes the encoder. A frozen encoder encodes single
 * rows; a category it does not know contributes nothing.
 *
 * Columns by kind (d dense, s sparse):
 *   NUMBER     1 dense, standardised ((x - mean) / sd over non-NULL rows, population sd; a constant column gives 0);
 *              NULL encodes as 0 (the mean) and sets 1 sparse "is null" column, which exists only if NULLs were seen
 *   BOOLEAN    as NUMBER without standardising: 0 or 1; NULL encodes as 0 with the "is null" column
 *   CATEGORY   one sparse column a category seen at least min_count times, sorted by key, plus "(other)" when some
 *              were rarer, plus "is null" when NULLs were seen.  The rarer ones are remembered, so that they are
 *              "(other)" ever after; a category never seen has no column
 *   BAG        as CATEGORY with several tokens a row, each 1 (repeats of a token add up); NULL is an empty bag
 *   VECTOR     width dense, each standardised like NUMBER, one "is null" column for the whole
 *   TIMESTAMP  sine and cosine of hour of day, day of week and day of year: 6 dense, and "is null" as above
 *   DATE       the last four of those
 *   TEXT       words and runs of 3 to 5 characters, hashed into a fixed number of sparse columns, "buckets" (see
 *              encoder_text.c), and "is null" as above; a row's entries have length 1, or there are none
 * Non-finite numbers never come in: the caller has counted and refused or skipped those rows.  A number farther than
 * 1e18 standard deviations from the mean encodes as 1e18, so that sums of products stay finite.
 */
#ifndef LT_ENCODER_H
#define LT_ENCODER_H

#include "dictionary.h"
#include "table.h"

typedef enum lt_kind {
    LT_NUMBER,
    LT_BOOLEAN,
    LT_CATEGORY,
    LT_BAG,
    LT_VECTOR,
    LT_TIMESTAMP,
    LT_DATE,
    LT_TEXT, /* stored versions have these numbers: a new kind goes last */
} lt_kind;

#define LT_TEXT_LEAST_BUCKETS 16
#define LT_TEXT_MOST_BUCKETS (1 << 20)
#define LT_TEXT_MOST_BYTES 10000 /* of a text that are looked at */

typedef struct lt_feature {
    const char *name;
    lt_kind kind;
    int32_t width;        /* dense columns; VECTOR: fixed by the first non-NULL row, 0 until then */
    int32_t dense_first;  /* first dense column; while fitting, the first raw column */
    int32_t sparse_first; /* first sparse column: categories, then other, then null; valid once frozen */
    int32_t sparse_count;
    int32_t other_column;     /* sparse column of "(other)", or -1 */
    int32_t null_column;      /* sparse column of "is null", or -1 */
    double *mean, *scale;     /* width; encoded = (x - mean) * scale */
    lt_dictionary dictionary; /* CATEGORY, BAG: those with a column of their own; TEXT, while fitting: the texts */
    lt_dictionary rare;       /* those folded into "(other)" */
    int32_t buckets;          /* TEXT */
    double *idf;              /* TEXT: buckets; 0 where no text fitted has anything */
    int64_t nulls;            /* rows fitted without a value, places without a row included */
} lt_feature;

/* Private: counts of the text at hand, all zero between texts. */
typedef struct lt_text_tally {
    int32_t *count;    /* 2 a bucket: of what is added, of what is subtracted */
    uint64_t *touched; /* a bit a bucket */
} lt_text_tally;

typedef struct lt_encoder {
    int n_features;
    lt_feature *feature;
    size_t cap_features;
    bool frozen;
    int32_t dense, sparse; /* columns; valid once frozen */
    int64_t n;             /* rows fitted */
    /*
     * While fitting: a category that fewer than min_users users have contributes nothing, as one never seen, and is
     * stored nowhere; so does a column of TEXT that fewer rows have something in.  user: of each row of the table;
     * NULL: each row is a user of its own.
     */
    int32_t min_users;
    const int32_t *user;
    struct lt_encoder_raw *raw; /* private, while fitting */
    bool *given;                /* private: n_features; has the row at hand a value? */
    size_t cap_given;
    lt_table row; /* frozen: the single row being encoded (n = 1) */
    size_t cap_entries;
    lt_text_tally tally; /* private: frozen, with TEXT */
} lt_encoder;

lt_status lt_encoder_init(lt_env *env, lt_encoder *e);
/* Before the first row. LT_INVALID for a name that is there already. */
lt_status lt_encoder_add(lt_env *env, lt_encoder *e, const char *name, lt_kind kind); /* any kind but TEXT */
lt_status lt_encoder_add_text(lt_env *env, lt_encoder *e, const char *name, int32_t buckets);

/*
 * A row: begin, at most one value call per feature (bags: one per token), end. Features without a call are NULL.
 * While fitting, end appends the row to the raw store (`lt_encoder_drop_row` instead forgets it); when frozen, it
 * leaves the encoded row in e->row.  `feature` is the index in e->feature.
 */
lt_status lt_encoder_begin_row(lt_env *env, lt_encoder *e);
lt_status lt_encode_number(lt_env *env, lt_encoder *e, int feature, double value); /* NUMBER, BOOLEAN */
lt_status lt_encode_token(lt_env *env, lt_encoder *e, int feature, const void *key, int64_t length); /* CATEGORY, BAG */
/* TEXT: lower case already; any bytes will do. More than LT_TEXT_MOST_BYTES are not looked at. */
lt_status lt_encode_text(lt_env *env, lt_encoder *e, int feature, const char *text, int64_t length);
/* A bag that is present but may be empty need not be announced. LT_INVALID naming the feature when widths differ; a
 * vector of no elements is NULL. */
lt_status lt_encode_vector(lt_env *env, lt_encoder *e, int feature, const double *values, int n);
lt_status lt_encode_time(lt_env *env, lt_encoder *e, int feature, double unix_seconds); /* TIMESTAMP, DATE; UTC */
lt_status lt_encoder_end_row(lt_env *env, lt_encoder *e);
void lt_encoder_drop_row(lt_encoder *e);

/*
 * While fitting, numbers may also be put in place: those of features side by side stand side by side from
 * lt_encoder_numbers on, between begin and end of a row, until a vector is encoded.  NaN is NULL; infinities are the
 * caller's to refuse.
 */
bool lt_encoder_is_number(const lt_encoder *e, int feature); /* one raw number: NUMBER, BOOLEAN, TIMESTAMP, DATE */
double *lt_encoder_numbers(lt_encoder *e, int feature);

/*
 * Fits means, scales and dictionaries and encodes the raw rows into *out. place == NULL: row j of the input becomes
 * row j, and n_out is e->n whatever was passed. Else place[j] is row j's place in 0..n_out-1 or -1 to leave it out
 * (from the fit as well); places without a row are encoded as all NULL, and count as NULLs seen.  No two rows share a
 * place.  The raw store is freed as it is consumed.
 */
lt_status lt_encoder_finish(lt_env *env, lt_encoder *e, double min_count, bool standardize, const int64_t *place,
                            int64_t n_out, lt_table *out);

/* The name a user reads for a column: "price", "country=Iceland", "colour is null", "embedding[3]", "ts sin(hour)",
 * "title~bucket 17". */
lt_status lt_encoder_column_name(lt_env *env, const lt_encoder *e, bool dense, int32_t column, char *out, size_t size);

void lt_encoder_write(lt_writer *w, const lt_encoder *e); /* frozen only */
lt_status lt_encoder_read(lt_reader *r, lt_encoder *e);

#endif
