/*
 * plain_exp.h: exponential functions for loops that are to vectorise: plain arithmetic without branches or calls.
 */
#ifndef LT_PLAIN_EXP_H
#define LT_PLAIN_EXP_H

#include <stdint.h>
#include <string.h>

/*
 * exp: 2^n e^r with |r| <= ln 2 / 2 and e^r by its series
 * to the seventh power; relative error below 3e-7.  Beyond +-87 it stays at the edge, which the callers cannot tell
 * from the truth.
 */
static inline float lt_exp_plain(float x)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number in the low bits */
    float t, n, r, p, power;
    uint32_t bits;

    x = x > 87.0f ? 87.0f : x;
    x = x < -87.0f ? -87.0f : x;
    t = x * 1.44269504f + magic;
    n = t - magic;
    r = (x - n * 0.693359375f) + n * 2.12194440e-4f; /* ln 2 in two parts, the first exact in few bits */
    p = 1 + r * (1 + r * (1 / 2.0f +
                          r * (1 / 6.0f + r * (1 / 24.0f + r * (1 / 120.0f + r * (1 / 720.0f + r * (1 / 5040.0f)))))));
    memcpy(&bits, &t, sizeof bits);
    bits = (bits + 127) << 23;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/* ln(1 + e) for e from 0 to 1, by the series of 2 artanh(e / (2 + e)); relative error below 3e-7. */
static inline float lt_log1p_plain(float e)
{
    float s = e / (2 + e), q = s * s;

    return 2 * s *
           (1 + q * (1 / 3.0f + q * (1 / 5.0f + q * (1 / 7.0f + q * (1 / 9.0f + q * (1 / 11.0f + q * (1 / 13.0f)))))));
}

#endif
