/*
 * builder.h: rows, as they come in, to a dataset.
 *
 * Fitting: ids and features are new; the bundle's dictionaries and encoders are filled. Frozen: the bundle is a stored
 * one; ids it does not know become -1, -2, ... in order of appearance.  Whether a row belongs to the validation part
 * depends on its ids (random), its time (time) or, without ids, its position, never on the bundle: two models can be
 * measured on the same part.
 */
#ifndef LT_BUILDER_H
#define LT_BUILDER_H

#include "bundle.h"

typedef struct lt_builder {
    lt_bundle *bundle;
    bool frozen;
    bool has_label, has_weight, has_time;
    bool pairs; /* the bundle has users and items */
    uint64_t seed;
    int32_t min_users; /* option: items of fewer have no rows */
    int64_t n;
    /* fitting: provisional numbers of items that are stored whoever has them, set by the caller; NULL: none */
    const int32_t *named;
    size_t n_named;
    int64_t dropped;      /* of the source's own rows, those of items that too few users have, after numbering */
    bool drops;           /* there are such rows, of any source: their item is -1 */
    int32_t *user, *item; /* those of the last rows follow at lt_builder_flush */
    float *label, *weight;
    double *time;
    int64_t own;     /* rows of the source itself: those behind them are of another one; -1 while it is read */
    bool counted;    /* weights are 1 for the source's own rows */
    uint8_t *domain; /* n: rows, or combined rows, of the other source alone; NULL: none */
    size_t cap_user, cap_item, cap_label, cap_weight, cap_time;
    lt_keys *user_keys, *item_keys;             /* of rows whose ids have not been looked up yet */
    lt_table_builder rows;                      /* frozen: encoded row features */
    lt_dictionary unknown_users, unknown_items; /* frozen */
} lt_builder;

/* One row besides its features. Ids are bytes as in dictionary.h; unused members are ignored. */
typedef struct lt_row {
    const void *user, *item;
    int64_t user_length, item_length;
    double label, weight, time;
} lt_row;

lt_status lt_builder_init(lt_env *env, lt_builder *b, lt_bundle *bundle, bool frozen, const lt_options *options);
/* Takes the row whose features were just ended in bundle->row_encoder (lt_encoder_end_row has been called). */
lt_status lt_builder_add(lt_env *env, lt_builder *b, const lt_row *row);
/* After the last row of a source, before anybody else looks into the dictionaries or adds to them. */
lt_status lt_builder_flush(lt_env *env, lt_builder *b);

/*
 * Fitting only: rows from here on are of another source, and only ever trained on. Those the split would hold out are
 * left out. Without a weight column the source's own rows have weight 1, repeated ones too.
 */
lt_status lt_builder_start_domain(lt_env *env, lt_builder *b);

/*
 * Fitting only, after the last row: sorts ids and renumbers. Items may be added to the dictionary (items of
 * item_features nobody bought) before this; the maps give each provisional number's final one, or -1: an item that
 * fewer than min_users users have and that is not named, or a user who has no other items.
 */
lt_status lt_builder_number_ids(lt_env *env, lt_builder *b, int32_t **user_map, int32_t **item_map);

/*
 * Splits, combines duplicates, encodes rows. Examples come out sorted by (user, item), training before validation.
 * In fitting, design, user and item tables of `out` are the bundle's, which must be complete by then but for the row
 * encoder and the item counts, which this fills.
 */
lt_status lt_builder_finish(lt_env *env, lt_builder *b, const lt_options *options, lt_dataset *out);

/* As lt_dataset.had, of the validation part as well. */
lt_status lt_builder_all_seen(lt_env *env, const lt_dataset *d, lt_pairs *out);

#endif
