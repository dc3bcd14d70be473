/*
 * sort.h: a stable sort of numbers that carry something along.
 */
#ifndef LT_SORT_H
#define LT_SORT_H

#include "base.h"

typedef struct lt_keyed {
    uint64_t key; /* from lt_sort_key */
    union {
        double number;
        int64_t index;
    };
} lt_keyed;

/* Keys order as their numbers do; -0 and 0 are one key. x must not be NaN. */
uint64_t lt_sort_key(double x);
double lt_sort_number(uint64_t key); /* the number a key was made of */
/* Ascending by key, equal keys in the order they came in. Takes n more elements of memory while it works. */
lt_status lt_sort(lt_env *env, lt_keyed *v, int64_t n);
/* The k-th smallest of v[0..n), k from 0, by quickselect; v is rearranged. */
lt_status lt_kth_smallest(lt_env *env, double *v, int64_t n, int64_t k, double *out);
/*
 * The time that recency is counted from: the latest of time[0..n) but for one in a thousand, so that a row dated into
 * the future does not make all others old.  Whatever is later counts in full.
 */
lt_status lt_latest_time(lt_env *env, const double *time, int64_t n, double *out);

#endif
