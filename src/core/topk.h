/*
 * topk.h: the k best of many scores.
 */
#ifndef LT_TOPK_H
#define LT_TOPK_H

#include "base.h"

/*
 * The k best of n <= INT32_MAX scores, descending, ties by lower index; items with excluded[i] != 0 (NULL: none) and
 * NaN scores are left out. index and value hold min(k, n). Returns how many there are.
 */
int64_t lt_top_k(const float *score, const uint8_t *excluded, int64_t n, int64_t k, int32_t *index, float *value);

#endif
