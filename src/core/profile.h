/*
 * profile.h: what a training's data looked like: features, labels, days, newcomers.  Stored beside a version, read when
 * its health is asked for.
 *
 * A profile has no ids and no texts.  How much days and newcomers vary by themselves is learned from the last days of
 * the training's own rows, so that what is usual raises no alarm.  Days are of 86400 seconds, counted back from the
 * latest row.
 */
#ifndef LT_PROFILE_H
#define LT_PROFILE_H

#include "builder.h"
#include "drift.h"
#include "popularity.h"

#define LT_PROFILE_DAYS 28
#define LT_PROFILE_AGES 12 /* 1, 2, 4, ... 2048 days */
#define LT_PROFILE_GROUPS 20

typedef struct lt_profile {
    int64_t rows; /* of the source */
    bool has_time;
    double first, latest; /* times of rows */
    int32_t days;         /* there are counts of, 0 .. LT_PROFILE_DAYS */
    double day_rows[LT_PROFILE_DAYS];
    /* of rows of those days, the share whose user, or item, came first at most 2^i days before them; NaN: the rows do
     * not go back so far */
    double new_users[LT_PROFILE_AGES], new_items[LT_PROFILE_AGES];
    /* of a recommender with times or without: the rows' shares of head, mid and tail, and of groups of items; as
     * lt_drift.natural, of these */
    double segment_share[3], group_share[LT_PROFILE_GROUPS];
    double natural_segments, natural_groups;
    lt_drift_side row, user, item;
    bool has_label;
    int64_t label_rows;
    lt_drift label;
} lt_profile;

/* Rows on their way from lt_profile_rows to lt_profile_features. */
typedef struct lt_profile_sample {
    int64_t n;
    int32_t *item;
    uint8_t *day;
    double *item_rows; /* I: not combined, as days have them; NULL: no items */
} lt_profile_sample;

/* Between the last row of the source, ids numbered, and lt_builder_finish. */
lt_status lt_profile_rows(lt_env *env, lt_builder *b, lt_profile *out, lt_profile_sample *sample);
/* After lt_builder_finish. Frees the sample. */
lt_status lt_profile_features(lt_env *env, const lt_bundle *bundle, const lt_dataset *data, lt_profile *profile,
                              lt_profile_sample *sample);

/* How the items' groups stand: in descending popularity, each with a twentieth of all interactions or so. I numbers. */
lt_status lt_profile_groups(lt_env *env, const lt_popularity *popularity, uint8_t *group);
/* The share of rows whose user (item) is unknown to a model of that age in days; NaN where it is not known. */
double lt_profile_new(const double *by_age, double days);

void lt_profile_write(lt_writer *w, const lt_profile *p);
lt_status lt_profile_read(lt_reader *r, lt_profile *p);
/* LT_CORRUPT unless the profile is of these encoders. */
lt_status lt_profile_check(lt_env *env, const lt_profile *p, const lt_bundle *b);

#endif
