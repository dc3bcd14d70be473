/*
 * random.c: xoshiro256** and what is drawn from it.
 */
#include "random.h"

#include <math.h>
#include <string.h>

#define SHUFFLED 32 /* draws at a time */

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void lt_random_seed(lt_random *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

uint64_t lt_random_next(lt_random *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double lt_random_uniform(lt_random *r)
{
    return (double)(lt_random_next(r) >> 11) * 0x1.0p-53;
}

/* Marsaglia's polar method; the second number of a pair is dropped, so that the state is the generator's alone. */
double lt_random_normal(lt_random *r)
{
    double u, v, s;

    do {
        u = 2 * lt_random_uniform(r) - 1;
        v = 2 * lt_random_uniform(r) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    return u * sqrt(-2 * log(s) / s);
}

/* Lemire's multiplication with rejection ("Fast random integer generation in an interval", 2019). */
int64_t lt_random_below(lt_random *r, int64_t bound)
{
    uint64_t n = (uint64_t)bound;
    __uint128_t product = (__uint128_t)lt_random_next(r) * n;

    if ((uint64_t)product < n) {
        uint64_t reject = -n % n;

        while ((uint64_t)product < reject)
            product = (__uint128_t)lt_random_next(r) * n;
    }
    return (int64_t)(product >> 64);
}

/* Numbers are drawn some ahead of their swaps, so that what they name is there when it is wanted. */
void lt_random_shuffle(lt_random *r, int32_t *v, int64_t n)
{
    int64_t drawn[SHUFFLED];

    for (int64_t i = n - 1; i > 0; i -= SHUFFLED) {
        int64_t many = i < SHUFFLED ? i : SHUFFLED;

        for (int64_t k = 0; k < many; k++) {
            drawn[k] = lt_random_below(r, i - k + 1);
            __builtin_prefetch(&v[drawn[k]], 1);
        }
        for (int64_t k = 0; k < many; k++) {
            int32_t t = v[i - k];

            v[i - k] = v[drawn[k]];
            v[drawn[k]] = t;
        }
    }
}

uint64_t lt_hash_bytes(const void *bytes, int64_t length, uint64_t seed)
{
    const unsigned char *p = bytes;
    uint64_t state = seed ^ ((uint64_t)length * UINT64_C(0x9e3779b97f4a7c15));
    uint64_t hash = splitmix(&state);

    while (length > 0) {
        unsigned char word[8] = {0};
        uint64_t value = 0;
        int64_t take = length < 8 ? length : 8;

        memcpy(word, p, (size_t)take);
        for (int i = 0; i < 8; i++) /* little-endian on every machine */
            value |= (uint64_t)word[i] << (8 * i);
        state = hash ^ value;
        hash = splitmix(&state);
        p += take;
        length -= take;
    }
    return hash;
}
