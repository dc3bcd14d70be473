/*
 * duplicates.h: what several rows of one user and item are together: option `duplicates`, in training and of one user's
 * rows read now.
 */
#ifndef LT_DUPLICATES_H
#define LT_DUPLICATES_H

#include "dataset.h"

typedef enum lt_combination { LT_KEEP, LT_SUM, LT_MEAN, LT_MAX, LT_LAST } lt_combination;

/* What a choice of option `duplicates` stands for; auto depends on whether there are labels. */
lt_combination lt_combination_of(const char *choice, bool has_label);
/* Of rows order[from..to) of one pair, the row that stands for them: the latest; of several, or without times (NULL),
 * the last. */
int32_t lt_last_row(const double *time, const int32_t *order, int64_t from, int64_t to);
/* One value of rows order[from..to) of one pair; `last` is the row that stands for them. */
float lt_combine(lt_combination how, const float *value, const int32_t *order, int64_t from, int64_t to, int32_t last);

/* One user's rows, in the order they were read; a NULL array is a column that is not there. Items below 0 are unknown.
 */
typedef struct lt_events {
    int64_t n; /* at most INT32_MAX */
    int32_t *item;
    float *label, *weight;
    double *time;
} lt_events;

/*
 * The user's row of what lt_builder_all_seen makes of the same rows, were they of one part: a history, whose arrays are
 * new ones. items: I. val without weights (or, where kind is REAL, labels) and time without times are NULL. Labels
 * that are NULL are all positive.
 */
lt_status lt_events_history(lt_env *env, const lt_events *rows, lt_combination how, lt_label_kind kind, int32_t items,
                            lt_pairs *out);

#endif
