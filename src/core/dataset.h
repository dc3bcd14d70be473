/*
 * dataset.h: what a model is trained on.
 *
 * Legend: n examples, U users, I items; h outputs of the first layer.
 *
 * An example is (row, user, item, label, weight, offset).  A supervised dataset has only row features (user and item
 * NULL); a recommender's has users and items, whose features are kept once per user and per item, never per example.
 * Input columns are numbered in two groups:
 *   dense:  [row.dense | user.dense | item.dense]
 *   sparse: [row.sparse | user.sparse | item.sparse | U user ids if design.user_ids | I item ids if design.item_ids |
 *            one block per cross: user_count x item_count]
 * A negative user or item is an unknown one, without id column or features (but see lt_inputs.stranger).
 */
#ifndef LT_DATASET_H
#define LT_DATASET_H

#include "encoder.h"
#include "option.h"
#include "random.h"
#include "table.h"

/* The cross of one user feature's columns and one item feature's columns. Columns are those of the side's own table:
 * dense ones as they are, sparse ones counted on behind the dense. */
typedef struct lt_cross {
    int32_t user_dense_first, user_dense_count, user_sparse_first, user_sparse_count;
    int32_t item_dense_first, item_dense_count, item_sparse_first, item_sparse_count;
    int32_t first; /* sparse input column of the block's first cell: (user column) * (item columns) + (item column) */
} lt_cross;

typedef struct lt_design {
    int32_t row_dense, row_sparse, user_dense, user_sparse, item_dense, item_sparse;
    int32_t users, items; /* U, I */
    bool user_ids, item_ids;
    int n_crosses;
    lt_cross *cross;
    int32_t dense, sparse; /* totals; set by lt_design_finish */
} lt_design;

/*
 * The non-zero entries of one side of a cross for one row of the side's table, ascending: col counts from the block's
 * first user (item) column. Returns how many; there is room for dense_count + the row's sparse entries. Row -1 has
 * none.
 */
int64_t lt_cross_user(const lt_cross *c, const lt_table *user, int64_t row, int32_t *col, float *val);
int64_t lt_cross_item(const lt_cross *c, const lt_table *item, int64_t row, int32_t *col, float *val);

/* Totals and crosses' first columns. LT_INVALID when there are more than INT32_MAX columns. */
lt_status lt_design_finish(lt_env *env, lt_design *d);
/* Where a sparse column of a design is in the same one with more users and items. */
int32_t lt_design_grown_column(const lt_design *d, const lt_design *grown, int32_t column);
void lt_design_write(lt_writer *w, const lt_design *d);
lt_status lt_design_read(lt_reader *r, lt_design *d);

/* Where features come from: tables indexed by an example's row, user and item. A table may have n = 0 when its side
 * has no columns. */
typedef struct lt_inputs {
    const lt_design *design;
    const lt_table *row, *user, *item;
    const lt_table *stranger; /* one row: the features of a user numbered -1; NULL: none are known */
} lt_inputs;

/* n examples. NULL arrays mean: row: i itself plus row_first; user, item: none; weight: 1; offset: 0. */
typedef struct lt_examples {
    int64_t n;
    int64_t row_first;
    int32_t *row, *user, *item;
    float *label, *weight;
    float *offset;   /* added to the margin while training only: the sampling correction */
    double *time;    /* unix seconds, or the number a time column had; NULL: there is none */
    uint8_t *domain; /* 1: of another source, added to training; NULL: none is */
} lt_examples;

/* Compressed rows: row r's columns are col[start[r] .. start[r+1]), ascending. */
typedef struct lt_pairs {
    int32_t rows, cols;
    int64_t *start; /* rows + 1 */
    int32_t *col;
    float *val;   /* NULL is all ones */
    double *time; /* NULL: unknown */
} lt_pairs;

/* Where in col[] the pair is, or -1. */
int64_t lt_pairs_find(const lt_pairs *p, int32_t row, int32_t col);
bool lt_pairs_has(const lt_pairs *p, int32_t row, int32_t col);
/* Columns become rows; val and time go along. Polls. */
lt_status lt_pairs_transpose(lt_env *env, const lt_pairs *p, lt_pairs *out);

typedef enum lt_label_kind {
    LT_LABEL_BINARY, /* 0 or 1 */
    LT_LABEL_REAL,
    LT_LABEL_IMPLICIT, /* positives only: label is 1; trainers sample negatives */
} lt_label_kind;

struct lt_model;
struct lt_bundle;

typedef struct lt_dataset {
    lt_design design;
    lt_table row, user, item;
    lt_label_kind label_kind;
    lt_examples train, validation; /* IMPLICIT: positives only */
    float *validation_lot;         /* of each validation example: a number in [0, 1) drawn by its user's id alone */
    lt_dictionary unknown_users;   /* encoded by a stored bundle: the ids of users -1, -2, ... */
    /*
     * U x I, what users have: training pairs with a positive label, or any pair if REAL. val: the sum of a pair's
     * weights (NULL without weights), if REAL its latest label; time: its latest (NULL without a time column).
     */
    lt_pairs seen;
    /* seen with the weights as they were read, where training has others (propensity.h): what users are served from.
     * NULL: seen. */
    const lt_pairs *histories;
    lt_pairs had;    /* the same without what another source added: what is known of users when they are served */
    lt_pairs social; /* U x U: edges between users and their weights; rows = 0: none were given */
    const lt_dictionary *user_ids, *item_ids; /* of a recommender */
    int n_bases;                              /* stored versions that option base or models named */
    const struct lt_bundle *const *base;
    double
        *item_count; /* I: interactions in the training part, another source's left out; NULL when there are no items */
    /* The validation metric of a model as it stands after an epoch, for the training log; NULL: not measured. */
    lt_status (*measure)(lt_env *env, void *context, const struct lt_model *model, double *value);
    void *measure_context;
} lt_dataset;

lt_inputs lt_dataset_inputs(const lt_dataset *d);

/* The histories that users of training come with when they are served, of all sources. */
static inline const lt_pairs *lt_dataset_histories(const lt_dataset *d)
{
    return d->histories != NULL ? d->histories : &d->seen;
}

/*
 * Negative sampling for implicit feedback. For each positive, `per_positive` items drawn with probability proportional
 * to item_count^exponent (0: uniform over all I), never one in known->row(user). After 100 rejected draws a user's
 * negative is left out (a user who has nearly everything).  The result holds positives and negatives; row and weight
 * are copied from the positive. With correction, offset[i] = -ln(expected number of times pair i's negatives were
 * drawn), so that the trained margin is that of the full catalogue (case-control correction: King and Zeng 2001).
 */
lt_status lt_sample_negatives(lt_env *env, const lt_dataset *d, const lt_examples *positives, const lt_pairs *known,
                              int per_positive, double exponent, bool correction, lt_random *rng, lt_examples *out);

/* A batch of gathered inputs: dense b x design.dense and sparse entries over design.sparse. */
typedef struct lt_batch {
    int b;
    float *x;       /* b x dense */
    int64_t *start; /* b + 1 */
    int32_t *col;
    float *val;
    size_t cap_x, cap_start, cap_col, cap_val;
} lt_batch;

/* Gathers examples index[0..b) (NULL: first .. first+b-1) of ex. Unknown users and items have no entries,
 * nor has row -1, whose numbers are 0. */
lt_status lt_gather(lt_env *env, const lt_inputs *in, const lt_examples *ex, const int32_t *index, int64_t first, int b,
                    lt_batch *out);
/* Room for any b examples: lt_gather then asks env for nothing, cannot fail, and may run in a task (threads.h). */
lt_status lt_gather_reserve(lt_env *env, const lt_inputs *in, int b, lt_batch *out);
/* Brings the rows' own numbers and the labels nearer, for a lt_gather of the same soon. */
void lt_gather_ahead(const lt_inputs *in, const lt_examples *ex, const int32_t *index, int b);
/* How many sparse entries lt_gather of the same wants room for, and making it: then it allocates nothing, and its env
 * may be NULL. */
int64_t lt_gather_most(const lt_inputs *in, const lt_examples *ex, const int32_t *index, int64_t first, int b);
lt_status lt_batch_reserve(lt_env *env, const lt_design *d, int b, int64_t entries, lt_batch *out);
void lt_batch_free(lt_env *env, lt_batch *b);

#endif
