/*
 * forget.h: a user taken out of a stored version.
 *
 * By compaction: users' numbers behind theirs move up, so that nothing else needs to know that somebody was there.
 * Items keep their numbers.  What was learned of all users together (factors of items, networks, similarities) cannot
 * be unlearned; the rest is as if they had never been, and how far that goes is told.
 *
 * Counts of interactions are taken back by what the version's "seen" and "counted" say of training.  They are first
 * made again with the user, by the sums that training made: only where these are the stored ones, to the bit, are they
 * made again without; else an item's count shrinks by the user's share in its pairs, and LT_LEFT_COUNTS is told.
 */
#ifndef LT_FORGET_H
#define LT_FORGET_H

#include "bundle.h"

/*
 * Of each pair of the stored "seen" (training and validation part), what training counted of it: rows, and of pairs
 * with rows in both parts what cannot be told from "seen" otherwise: the training part's latest time and its sum of
 * weights.
 */
typedef struct lt_counted {
    int64_t n;       /* pairs of seen */
    int32_t *rows;   /* n; NULL: all 1 */
    int64_t n_split; /* pairs in both parts: */
    int32_t *split;  /* n_split: which, ascending */
    double *time;    /* n_split; NULL: no times */
    double *weight;  /* n_split; NULL: no weights */
} lt_counted;

/* seen: lt_builder_all_seen's of the dataset. The examples must be those that the stored weights were trained on. */
lt_status lt_counted_take(lt_env *env, const lt_dataset *d, const lt_pairs *seen, lt_counted *out);
/* Every pair was one row of the training part: there is nothing to store. */
bool lt_counted_is_plain(const lt_counted *c);
void lt_counted_write(lt_writer *w, const lt_counted *c);
lt_status lt_counted_read(lt_reader *r, lt_counted *c);

/* What still says something of a user who was forgotten; bits. */
enum {
    LT_LEFT_WEIGHTS = 1, /* weights of others were learned from their interactions */
    LT_LEFT_COUNTS = 2,  /* counts, or trends, that could not be made again without them */
    LT_LEFT_ITEMS = 4,   /* items that nobody else has */
};

/* Somebody leaving, as an algorithm's forget sees them. */
typedef struct lt_leaver {
    const char *key; /* the id */
    int64_t length;
    int32_t user;                /* number; -1: the version itself does not know them, but its parts may */
    const lt_pairs *seen;        /* of all users; NULL: not known */
    const double *rows, *weight; /* of each pair of seen in training: how many, and the sum of their weights */
    int left;                    /* LT_LEFT_...; the algorithm adds to it */
    bool found;                  /* the version, or a part, knew them */
} lt_leaver;

/* sum[0..seen->cols): values of the pairs (NULL: 1), added up by item in the order of pairs; those of user `without`,
 * -1 for nobody, are left out. */
lt_status lt_leaver_sums(lt_env *env, const lt_leaver *who, const double *value, int32_t without, double *sum);
/* Where counts are not those sums: count[i] shrinks by the share of the pairs of i that are theirs. */
lt_status lt_leaver_shrink(lt_env *env, const lt_leaver *who, double *count);

/*
 * Takes the user with this id out of the bundle and its parts, and their pairs out of seen and counted (both NULL: not
 * known; they are then left alone).  half_life and smoothing: options trend_half_life and trend_smoothing of the
 * version.  *left: LT_LEFT_...; false in *found: nothing was changed.
 */
lt_status lt_bundle_forget(lt_env *env, lt_bundle *b, const void *key, int64_t length, double half_life,
                           double smoothing, lt_pairs *seen, lt_counted *counted, int *left, bool *found);

/* Steps of it for algorithms: a row out of an array of rows by user; absent: nothing. */
void lt_model_remove_row(lt_model *m, const char *name, int64_t row);
/* The sparse input column of the user's id, -1 without (option id_features). */
int32_t lt_design_user_column(const lt_design *d, int32_t user);

#endif
