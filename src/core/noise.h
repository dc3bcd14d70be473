/*
 * noise.h: the random numbers of private training: which rows take part, and the normal noise.
 *
 * Whoever could repeat them could take the noise away again, so they come from env->secure_random.  Seeded ones, which
 * promise nothing, are for results that shall be the same each time.
 */
#ifndef LT_NOISE_H
#define LT_NOISE_H

#include "random.h"
#include "base.h"

typedef struct lt_noise {
    lt_env *env;
    bool seeded;
    lt_random random; /* seeded ones */
    uint64_t drawn[512];
    int at; /* those of `drawn` before it are used up */
} lt_noise;

/* LT_UNSUPPORTED where secure numbers are wanted and the environment has no source of them. */
lt_status lt_noise_init(lt_env *env, bool seeded, uint64_t seed, lt_noise *noise);

/* In (0, 1]. */
lt_status lt_noise_uniform(lt_noise *noise, double *out);

/* Adds normal numbers of standard deviation sd, each for itself, to v (n). Polls. */
lt_status lt_noise_add(lt_noise *noise, double sd, int64_t n, float *v);

/* Each of 0 .. n-1 with probability q, apart from all others: ascending in out (n), *many of them. Polls. */
lt_status lt_noise_sample(lt_noise *noise, double q, int64_t n, int32_t *out, int64_t *many);

#endif
