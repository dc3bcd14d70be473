/*
 * bundle.h: everything a stored model version holds: ids, encoders, encoded users and items, popularity, weights.
 *
 * The bundle is what training fills, the catalog stores, and scoring reads. A supervised model has only the row encoder
 * and the weights.
 */
#ifndef LT_BUNDLE_H
#define LT_BUNDLE_H

#include "dataset.h"
#include "dictionary.h"
#include "encoder.h"
#include "model.h"

/* How an id's bytes are to be read; see dictionary.h for the bytes. */
typedef enum lt_id_kind { LT_ID_NONE, LT_ID_INTEGER, LT_ID_TEXT, LT_ID_UUID } lt_id_kind;

typedef struct lt_bundle {
    lt_id_kind user_id, item_id; /* LT_ID_NONE: a supervised model */
    lt_label_kind label_kind;
    lt_dictionary users, items;
    lt_encoder row_encoder, user_encoder, item_encoder;
    lt_table user, item; /* encoded features of known users and items */
    double *item_count;  /* I: interactions in training, of the source's own */
    uint8_t *hidden;     /* I: items that only another source has (option domain): never recommended; NULL: none */
    double head_share, tail_share;
    double popularity_exponent; /* of the base score */
    double trend_exponent;
    double *trend;      /* I: ln of the share of recent interactions over that of all; NULL: training knew no times */
    const char *rerank; /* the default method, strength and its options, JSON */
    double rerank_strength;
    const char *rerank_options;
    lt_model model;
} lt_bundle;

static inline bool lt_bundle_is_recommender(const lt_bundle *b)
{
    return b->item_id != LT_ID_NONE;
}

/* All encoders and dictionaries empty; what the options say about serving is taken over. */
lt_status lt_bundle_init(lt_env *env, lt_bundle *b, const lt_options *options);
/* The model's design from the frozen encoders, the ids and the options crosses and id_features. LT_INVALID for a cross
 * that does not name one user and one item feature. */
lt_status lt_bundle_design(lt_env *env, const lt_bundle *b, const lt_options *options, lt_design *design);
/*
 * The id an input column (dense ones first, then sparse) stands for: LT_ID_OF_USER or LT_ID_OF_ITEM with its number, or
 * LT_ID_OF_NOBODY for a column of features.
 */
typedef enum lt_id_of { LT_ID_OF_NOBODY, LT_ID_OF_USER, LT_ID_OF_ITEM } lt_id_of;
lt_id_of lt_bundle_column_id(const lt_bundle *b, int32_t column, int32_t *number);
/* How a user reads an input column of features. */
lt_status lt_bundle_column_name(lt_env *env, const lt_bundle *b, int32_t column, char *out, size_t size);

/*
 * Fills trend from the times in `seen`, the training pairs; without times it stays NULL.  An interaction counts half
 * after half_life days before the latest one (lt_latest_time); with r the sum of an item's, R that of all, p the item's
 * pairs and P all: trend = ln( (r / R + smoothing p / P) / (1 + smoothing) / (p / P) ),    at least -60; 0 without
 * pairs.
 */
lt_status lt_bundle_take_trend(lt_env *env, lt_bundle *b, const lt_pairs *seen, double half_life, double smoothing);

/*
 * After ids were appended to `users` and `items`, and rows to their tables where these have columns: counts, design and
 * weights follow.  LT_UNSUPPORTED when the algorithm cannot.
 */
lt_status lt_bundle_grow(lt_env *env, lt_bundle *b);

/* How deep models stand within models at most, which bounds the stack: a blend of two has depth 1. */
#define LT_BUNDLE_DEPTH 8
int lt_bundle_depth(const lt_bundle *b);

void lt_bundle_write(lt_writer *w, const lt_bundle *b);
/* LT_CORRUPT, naming the part, when anything does not fit anything else. */
lt_status lt_bundle_read(lt_reader *r, lt_bundle *b);

void lt_pairs_write(lt_writer *w, const lt_pairs *p);
lt_status lt_pairs_read(lt_reader *r, lt_pairs *p);

#endif
