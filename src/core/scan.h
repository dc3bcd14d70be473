/*
 * scan.h: the items with the largest margins, of models whose margin is a dot product.
 *
 * Legend: I items, k factors; x the user's vector (k), y_i item i's.
 *
 *     margin_i = (float) (x . y_i + base + bias_i)
 * x . y_i is float: products and sums are rounded one by one, in an order that depends on k alone, so that it is the
 * same number on every machine; what follows is double and rounded once.
 *
 * The plain scan computes all margins.  The compressed one reads a copy of the vectors in a quarter of the memory,
 * which bounds each margin from above, and computes only those that may be among the best: the list is the same, bit by
 * bit.
 */
#ifndef LT_SCAN_H
#define LT_SCAN_H

#include "topk.h"

#define LT_SCAN_BLOCK 16   /* items that are read at once */
#define LT_SCAN_WORTH 8192 /* items from which on a copy pays for itself */

/* Vectors to search in: the caller sets what stands before `code`. */
typedef struct lt_scan {
    int32_t items, k;
    const float *item; /* I x k, finite */
    const float *bias; /* I, finite; NULL: all 0 */
    /*
     * The copy, NULL: none. y_i is about scale[i] * code: blocks of LT_SCAN_BLOCK items, within them groups of 4
     * factors, within these 4 numbers an item, from -127 to 127, and 0 beyond k. Items behind the last whole block have
     * none.
     */
    int8_t *code;                /* lt_scan_code_size(I, k) */
    float *scale;                /* I, the whole blocks of which are used */
    float most_scale, most_bias; /* the largest of scale and of |bias| */
} lt_scan;

/* Bytes of code, all groups of 4 factors. */
int64_t lt_scan_code_size(int32_t items, int32_t k);
/* Makes the copy. Polls. */
lt_status lt_scan_compress(lt_env *env, lt_scan *scan);

/* x . y in the order of scans. */
float lt_dot(const float *x, const float *y, int32_t k);

/* Somebody's margins: base and x (k, any numbers). */
typedef struct lt_seek {
    const lt_scan *scan;
    float *x;
    double base;
} lt_seek;

float lt_scan_margin(const lt_seek *seek, int32_t item);
/* margin[0..n) of items[0..n); items NULL: all, n = I. Polls. */
lt_status lt_scan_margins(lt_env *env, const lt_seek *seek, const int32_t *items, int64_t n, float *margin);

/* What orders items, from their margins, and which are left out. Each may be NULL: the margin itself, none. */
typedef struct lt_scan_order {
    /* An item's value, which never falls where the margin rises; NaN leaves it out. */
    float (*value)(const void *context, float margin, int32_t item);
    /* A margin that no item with at least this value is below; goes with `value`. */
    double (*least_margin)(const void *context, float value);
    bool (*left_out)(const void *context, int32_t item);
    const void *context;
} lt_scan_order;

/*
 * Offers top the items that may be among its best, by the order's values; those left out and NaN are not among them.
 * What top holds afterwards does not depend on whether there is a copy. computed, if not NULL: how many margins were
 * computed in full. Polls.
 */
lt_status lt_scan_best(lt_env *env, const lt_seek *seek, const lt_scan_order *order, lt_top *top, int64_t *computed);

#endif
