/*
 * logistic_link.c: log-loss and derivatives of eight examples at a time.
 *
 * Everything goes by e = exp(-|margin|), which cannot overflow: the loss is log(1 + e) plus what the margin is on the
 * wrong side of 0.
 *
 * exp: x = k ln 2 + r with |r| <= ln 2 / 2, the Taylor polynomial of degree 12 in r (its remainder is 2e-16 of the
 * value), multiplied by 2^k by adding k to the exponent's bits.  k is rounded by adding 1.5 * 2^52, whose last bits
 * then are k. log1p: 2 atanh(s) for s = e / (2 + e), or for s = (e - 1) / (e + 3) plus ln 2 from sqrt(2) - 1 on, so
 * that s^2 <= 0.0295 and ten terms of the series are enough (the eleventh is 1e-17 of the sum).  Neither subtracts
 * close numbers: small values keep their last places.
 */
#include "logistic_link.h"
#include "vectorize.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define LANES 8
#define INLINE static inline __attribute__((always_inline))

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef int64_t masks __attribute__((vector_size(LANES * sizeof(int64_t)))); /* of a comparison: 0 or -1 */
typedef uint64_t bits __attribute__((vector_size(LANES * sizeof(uint64_t))));
typedef float floats __attribute__((vector_size(LANES * sizeof(float))));

#define LOG2E 0x1.71547652b82fep0
#define LN2_HIGH 0x1.62e42fee00000p-1 /* 32 bits: times k exactly */
#define LN2_LOW 0x1.a39ef35793c76p-33
#define LN2 0x1.62e42fefa39efp-1
#define ROUNDER 0x1.8p52
#define LEAST (-708.0)                /* exp of it is about the smallest normal double */
#define HALF_WAY 0x1.a827999fcef32p-2 /* sqrt(2) - 1 */

/* Of vectors: yes where the mask is set, no elsewhere; a number in all lanes. */
#define CHOOSE(mask, yes, no) ((lanes)(((mask) & (masks)(yes)) | (~(mask) & (masks)(no))))
#define ALL(x) ((lanes){x, x, x, x, x, x, x, x})

/* From the highest power down, even and odd powers apart: half as long a chain of operations that wait for each other.
 */
static const double exp_even[] = {1.0 / 3628800, 1.0 / 40320, 1.0 / 720, 1.0 / 24, 1.0 / 2, 1};
static const double exp_odd[] = {1.0 / 362880, 1.0 / 5040, 1.0 / 120, 1.0 / 6, 1};
static const double log_even[] = {2.0 / 17, 2.0 / 13, 2.0 / 9, 2.0 / 5};
static const double log_odd[] = {2.0 / 19, 2.0 / 15, 2.0 / 11, 2.0 / 7, 2.0 / 3};

/* exp(x) for x <= 0; below LEAST as if it were LEAST. */
INLINE void exponential(const lanes *x, lanes *out)
{
    lanes held = CHOOSE(*x < LEAST, ALL(LEAST), *x);
    lanes rounded = held * LOG2E + ROUNDER, k = rounded - ROUNDER;
    lanes r = (held - k * LN2_HIGH) - k * LN2_LOW, square = r * r;
    lanes even = ALL(1.0 / 479001600), odd = ALL(1.0 / 39916800), sum;

    for (int i = 0; i < 6; i++)
        even = even * square + exp_even[i];
    for (int i = 0; i < 5; i++)
        odd = odd * square + exp_odd[i];
    sum = even + odd * r;
    *out = (lanes)((bits)sum + ((bits)rounded << 52));
}

/* log(1 + e) for 0 <= e <= 1. */
INLINE void log_of_more(const lanes *e, lanes *out)
{
    masks high = *e > HALF_WAY;
    lanes s = CHOOSE(high, *e - 1, *e) / CHOOSE(high, *e + 3, *e + 2), square = s * s;
    lanes fourth = square * square, even = ALL(2.0 / 21), odd = ALL(log_odd[0]);

    for (int i = 0; i < 4; i++)
        even = even * fourth + log_even[i];
    for (int i = 1; i < 5; i++)
        odd = odd * fourth + log_odd[i];
    /* 2/3 q + 2/5 q^2 + 2/7 q^3 + ...: odd holds 2/3, 2/7, ..., even 2/5, 2/9, ... */
    *out = s * square * (odd + square * even) + 2 * s + CHOOSE(high, ALL(LN2), ALL(0));
}

/* b <= LANES floats as doubles, `rest` behind them. */
INLINE void load_floats(const float *from, int b, float rest, lanes *out)
{
    floats narrow = {rest, rest, rest, rest, rest, rest, rest, rest};

    if (b == LANES)
        memcpy(&narrow, from, sizeof narrow);
    else
        memcpy(&narrow, from, (size_t)b * sizeof *from);
    *out = __builtin_convertvector(narrow, lanes);
}

INLINE void store(double *to, int b, const lanes *from)
{
    if (b == LANES)
        memcpy(to, from, sizeof *from);
    else
        memcpy(to, from, (size_t)b * sizeof *to);
}

/* Examples 0 .. b-1, b <= LANES. The lanes beyond weigh 0. */
INLINE void eight(int b, const float *label, const float *weight, const double class_weight[2], const double *margin,
                  double *residual, double *curvature, lanes *loss)
{
    lanes m = ALL(0), y, w, size, negative, e, share, p, more;
    masks positive;

    if (b == LANES)
        memcpy(&m, margin, sizeof m);
    else
        memcpy(&m, margin, (size_t)b * sizeof *margin);
    load_floats(label, b, 0, &y);
    w = CHOOSE(y != 0, ALL(class_weight[1]), ALL(class_weight[0]));
    if (weight != NULL) {
        load_floats(weight, b, 0, &size);
        w *= size;
    }
    for (int l = b; l < LANES; l++)
        w[l] = 0;

    positive = m > 0;
    negative = CHOOSE(positive, -m, m);
    exponential(&negative, &e);
    log_of_more(&e, &more);
    *loss += w * (more + (CHOOSE(positive, m, ALL(0)) - y * m));
    if (residual == NULL)
        return;
    share = 1 / (1 + e);
    p = CHOOSE(positive, share, e * share);
    p = w * (p - y);
    store(residual, b, &p);
    if (curvature != NULL) {
        p = w * (e * share * share);
        store(curvature, b, &p);
    }
}

static LT_VECTORIZED double link_all(int64_t n, const float *label, const float *weight, const double class_weight[2],
                                     const double *margin, double *residual, double *curvature)
{
    lanes loss = ALL(0);
    int64_t k = 0;

    for (; k + LANES <= n; k += LANES)
        eight(LANES, label + k, weight == NULL ? NULL : weight + k, class_weight, margin + k,
              residual == NULL ? NULL : residual + k, curvature == NULL ? NULL : curvature + k, &loss);
    if (k < n)
        eight((int)(n - k), label + k, weight == NULL ? NULL : weight + k, class_weight, margin + k,
              residual == NULL ? NULL : residual + k, curvature == NULL ? NULL : curvature + k, &loss);
    return ((loss[0] + loss[1]) + (loss[2] + loss[3])) + ((loss[4] + loss[5]) + (loss[6] + loss[7]));
}

double lt_logistic_link(int64_t n, const float *label, const float *weight, const double class_weight[2],
                        const double *margin, double *residual, double *curvature)
{
    return link_all(n, label, weight, class_weight, margin, residual, curvature);
}
