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

#endif
