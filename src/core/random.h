/*
 * random.h: seeded random numbers, identical on every platform.
 *
 * xoshiro256** seeded through splitmix64 (Blackman and Vigna, "Scrambled linear pseudorandom number generators",
 * 2018).  The server's own generator is not reachable from the core, and its stream is not promised across versions,
 * while a model's seed must give the same weights on all of them.
 */
#ifndef LT_RANDOM_H
#define LT_RANDOM_H

#include <stdint.h>

typedef struct lt_random {
    uint64_t s[4];
} lt_random;

void lt_random_seed(lt_random *r, uint64_t seed);
uint64_t lt_random_next(lt_random *r);
double lt_random_uniform(lt_random *r);               /* [0, 1) */
double lt_random_normal(lt_random *r);                /* mean 0, variance 1 */
int64_t lt_random_below(lt_random *r, int64_t bound); /* 0 .. bound-1, unbiased; bound > 0 */
void lt_random_shuffle(lt_random *r, int32_t *v, int64_t n);

/* A stateless 64-bit mix of bytes, for splits that must not depend on row order. */
uint64_t lt_hash_bytes(const void *bytes, int64_t length, uint64_t seed);

#endif
