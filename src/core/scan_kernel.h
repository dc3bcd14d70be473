/*
 * scan_kernel.h: the innermost loop of the compressed scan, one for each instruction set.
 *
 * All give the same numbers: integers are exact, and the few floats that follow are rounded one by one.
 */
#ifndef LT_SCAN_KERNEL_H
#define LT_SCAN_KERNEL_H

#include "scan.h"

/* A user's vector in whole numbers: x is about step * p. */
typedef struct lt_scan_query {
    int32_t groups;     /* of 4 factors: k / 4, rounded up */
    int16_t *p;         /* groups * 4; zeros beyond k */
    int8_t *high, *low; /* the same: p = 256 high + low */
    int32_t sum;        /* of p */
    float step, slack;
} lt_scan_query;

/*
 * Looks for the first of the blocks [block, end) with an item whose bound is not below `least`:
 *     scale_i * (step * code_i . p + slack) + bias_i
 * Returns it, with all its bounds and a bit for each such item (the first is the lowest), or `end`.
 */
typedef int64_t lt_scan_next(const lt_scan *scan, const lt_scan_query *q, int64_t block, int64_t end, float least,
                             float bound[LT_SCAN_BLOCK], uint32_t *found);

typedef struct lt_scan_kernel {
    const char *name;
    lt_scan_next *next;
} lt_scan_kernel;

/* Those this machine can run, the fastest first; `at` counts from 0. name is NULL behind the last. */
lt_scan_kernel lt_scan_kernel_at(int at);

#endif
