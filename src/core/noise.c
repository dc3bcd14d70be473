/*
 * noise.c: random numbers nobody can repeat, in stock of some kilobytes, and what is made of them.
 *
 * A normal number is half the sum of four by Marsaglia's polar method.  The low bits of a single one tell which numbers
 * the generator can give and which it cannot, and so what the noise was added to (Mironov, "On significance of the
 * least significant bits for differential privacy", 2012); of four there are too many ways to get near any number to
 * look them through (Holohan and Braghin, "Secure random sampling in differential privacy", 2021).
 */
#include "noise.h"

#include <math.h>

#define STOCK (int)(sizeof((lt_noise *)0)->drawn / sizeof(uint64_t))
#define POLLED 4096 /* numbers between polls */

lt_status lt_noise_init(lt_env *env, bool seeded, uint64_t seed, lt_noise *noise)
{
    *noise = (lt_noise){.env = env, .seeded = seeded, .at = STOCK};
    if (!seeded && env->secure_random == NULL)
        return lt_fail(env, LT_UNSUPPORTED, "there is no secure source of random numbers here");
    lt_random_seed(&noise->random, seed);
    return LT_OK;
}

static lt_status next(lt_noise *noise, uint64_t *out)
{
    lt_env *env = noise->env;

    if (noise->seeded) {
        *out = lt_random_next(&noise->random);
        return LT_OK;
    }
    if (noise->at == STOCK) {
        if (!env->secure_random(env->context, noise->drawn, sizeof noise->drawn))
            return lt_fail(env, LT_UNSUPPORTED, "the secure source of random numbers gives none");
        noise->at = 0;
    }
    *out = noise->drawn[noise->at];
    noise->drawn[noise->at++] = 0;
    return LT_OK;
}

lt_status lt_noise_uniform(lt_noise *noise, double *out)
{
    uint64_t bits = 0;

    LT_TRY(next(noise, &bits));
    *out = (double)((bits >> 11) + 1) * 0x1.0p-53;
    return LT_OK;
}

/* Two of variance 1. */
static lt_status pair(lt_noise *noise, double out[2])
{
    double u = 0, v = 0, s;

    do {
        LT_TRY(lt_noise_uniform(noise, &u));
        LT_TRY(lt_noise_uniform(noise, &v));
        u = 2 * u - 1;
        v = 2 * v - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    s = sqrt(-2 * log(s) / s);
    out[0] = u * s;
    out[1] = v * s;
    return LT_OK;
}

lt_status lt_noise_add(lt_noise *noise, double sd, int64_t n, float *v)
{
    for (int64_t i = 0; i < n; i++) {
        double a[2] = {0}, b[2] = {0};

        if (i % POLLED == 0)
            LT_TRY(lt_poll(noise->env));
        LT_TRY(pair(noise, a));
        LT_TRY(pair(noise, b));
        v[i] = (float)(v[i] + sd * (a[0] + a[1] + b[0] + b[1]) / 2);
    }
    return LT_OK;
}

/* From one that takes part to the next the gap is geometric. */
lt_status lt_noise_sample(lt_noise *noise, double q, int64_t n, int32_t *out, int64_t *many)
{
    double gap = q < 1 ? 1 / log1p(-q) : 0, u = 0;

    *many = 0;
    for (int64_t i = 0; i < n; i++) {
        if (*many % POLLED == 0)
            LT_TRY(lt_poll(noise->env));
        if (q < 1) {
            LT_TRY(lt_noise_uniform(noise, &u));
            u = floor(log(u) * gap);
            if (u >= (double)(n - i))
                break;
            i += (int64_t)u;
        }
        out[(*many)++] = (int32_t)i;
    }
    return LT_OK;
}
