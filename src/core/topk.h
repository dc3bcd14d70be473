/*
 * topk.h: the k best of many scores.
 */
#ifndef LT_TOPK_H
#define LT_TOPK_H

#include "base.h"

/* The best so far, while they are looked for. */
typedef struct lt_top {
    int64_t k, n;        /* room, and how many there are */
    int32_t *index;      /* k */
    float *value;        /* k */
    const int32_t *rank; /* of equal values that of the lower rank is better; NULL: that of the lower index */
    const int32_t *item; /* rank is of item[index]; NULL: of the index itself */
} lt_top;

/* Whether this would be among them; NaN never is. */
bool lt_top_takes(const lt_top *t, int32_t index, float value);
/* Adds it if it is. */
void lt_top_offer(lt_top *t, int32_t index, float value);
/* No lower value is taken any more. */
float lt_top_least(const lt_top *t);
/* The best first; nothing may be offered afterwards. */
void lt_top_sort(lt_top *t);

/*
 * The k best of n <= INT32_MAX scores, descending, ties by lower index; items with excluded[i] != 0 (NULL: none) and
 * NaN scores are left out. index and value hold min(k, n). Returns how many there are.
 */
int64_t lt_top_k(const float *score, const uint8_t *excluded, int64_t n, int64_t k, int32_t *index, float *value);
/* Offers index i with score[i], i in [0, n). */
void lt_top_offer_all(lt_top *t, const float *score, int64_t n);

#endif
