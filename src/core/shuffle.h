/*
 * shuffle.h: a random order of many numbers, made by all threads.
 */
#ifndef LT_SHUFFLE_H
#define LT_SHUFFLE_H

#include "base.h"

/* order[0..n) = from[0..n) (NULL: 0 .. n-1) in a random order, every order being as likely; from is another array. The
 * order depends on the seed alone. */
lt_status lt_shuffle(lt_env *env, uint64_t seed, const int32_t *from, int64_t n, int32_t *order);

#endif
