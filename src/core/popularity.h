/*
 * popularity.h: the catalogue's popularity, and its head, mid and tail.
 */
#ifndef LT_POPULARITY_H
#define LT_POPULARITY_H

#include "base.h"

typedef enum lt_segment { LT_HEAD, LT_MID, LT_TAIL } lt_segment; /* in this order: methods compare them */
extern const char *const lt_segment_names[3];

typedef struct lt_popularity {
    int32_t items;         /* I */
    double *count;         /* I: interactions */
    int32_t *rank;         /* I: 1 is the most popular; ties by item number */
    uint8_t *segment;      /* I: lt_segment */
    double *novelty;       /* I: self-information in bits */
    double total;          /* interactions of all items */
    const uint8_t *hidden; /* I: not part of the catalogue; NULL: all are. Measures of the catalogue leave them out */
} lt_popularity;

/*
 * head: items in descending popularity until the interactions before them reach head_share of all; mid: until
 * 1 - tail_share; tail: the rest, items never seen included. An item belongs where the interactions strictly before it
 * end, so that an item of the tail is never more popular than one outside it. The design's shares are 0.2 and 0.2.
 * LT_INVALID for a count that is negative or not finite, and for shares outside 0..1 or adding up to more than 1.
 */
lt_status lt_popularity_build(lt_env *env, const double *count, int32_t items, double head_share, double tail_share,
                              lt_popularity *out);
/* Marks items, which have no interactions, as hidden: ranks are then those of the others, and theirs come behind. */
lt_status lt_popularity_hide(lt_env *env, lt_popularity *p, const uint8_t *hidden);

#endif
