/*
 * sampler.h: items drawn at random in proportion to a power of their popularity: the negatives of implicit feedback.
 */
#ifndef LT_SAMPLER_H
#define LT_SAMPLER_H

#include "base.h"
#include "random.h"

#define LT_SAMPLER_REJECTED 100 /* draws of items a user has after which a negative is left out */

typedef struct lt_sampler {
    int32_t n;      /* items */
    double *p;      /* n: probability of each item; they sum to 1 */
    double least;   /* the smallest positive p */
    double *keep;   /* n: the alias table; NULL when all items are equally likely */
    int32_t *other; /* n */
} lt_sampler;

/* p in proportion to count^exponent; all alike with exponent 0, count NULL, or when no item has a count. Polls. */
lt_status lt_sampler_init(lt_env *env, lt_sampler *s, int32_t n, const double *count, double exponent);
void lt_sampler_free(lt_env *env, lt_sampler *s);
/* One or two random numbers, whatever the number of items. */
int32_t lt_sampler_draw(const lt_sampler *s, lt_random *rng);

#endif
