/*
 * exposure.h: what all lists together must show: every item, or every value of an attribute, at least so often; items
 * of the head not too often.
 *
 * Legend: I items, U users, T targets (items, or values), k places a list.
 */
#ifndef LT_EXPOSURE_H
#define LT_EXPOSURE_H

#include "dataset.h"
#include "popularity.h"
#include "rerank.h"

typedef struct lt_exposure_bounds {
    int64_t minimum;         /* how often each target must appear, over all lists; 0: no matter */
    double head_share;       /* most of all places that head items get; 1: no matter */
    const lt_groups *groups; /* whose values are the targets; NULL: each item is one */
    const uint8_t *segment;  /* I: lt_segment */
    const uint8_t *hidden;   /* I: not of the catalogue; NULL: none */
    const lt_pairs *seen;    /* U x I: what each user's list leaves out; NULL: nothing */
    int32_t items, users;
    int64_t k;
} lt_exposure_bounds;

/* The lists so far, and what is left to do. Read after the last list. */
typedef struct lt_exposure {
    lt_exposure_bounds bounds;
    int32_t targets;
    int64_t *need;     /* T: appearances still wanted */
    int64_t *never;    /* T: appearances that no list has room for: users have the items */
    int64_t *size;     /* T: its items */
    int64_t *most;     /* T: the most a list can have of it: min(size, k) */
    int64_t *lost;     /* T: what lists to come can have less because users have the items */
    int64_t needed;    /* the sum of need */
    int64_t head_need; /* that of head items; values have none */
    int64_t users_left;
    int64_t all_places, places_left;
    int64_t reserve; /* places that the pace leaves for what is missing then */
    int64_t head;    /* places that head items got */
    /* of one list */
    int64_t *claimed; /* T: what the list has of its need; 0 between lists */
    uint8_t *mask;    /* I */
    float *value;     /* k, as the rest */
    int32_t *found, *added;
    uint8_t *state; /* of places */
} lt_exposure;

/*
 * LT_INVALID where the bounds cannot be kept by any lists, with the largest minimum that can. The bounds' arrays must
 * stay.  Memory: O(I + T + k).
 */
lt_status lt_exposure_init(lt_env *env, lt_exposure *e, const lt_exposure_bounds *bounds);

/*
 * The next user's list, item[0..n), best first, brought within the bounds; users come in order, each once.  value: I,
 * what orders items for the user; excluded: I, what the list may not have (the user's row of bounds->seen); NULL: none.
 * *kept: the first of them are of the list as it was, in its order; those behind are new, the best first.  A list keeps
 * its length and has no item twice.
 */
lt_status lt_exposure_apply(lt_env *env, lt_exposure *e, const float *value, const uint8_t *excluded, int32_t *item,
                            int64_t n, int64_t *kept);

/* After the last list: targets that were not shown often enough, and the appearances they lack. */
int32_t lt_exposure_short(const lt_exposure *e, int64_t *missing);

#endif
