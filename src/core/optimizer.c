/*
 * optimizer.c: SGD, momentum and Adam.
 *
 * Adam is in the form at the end of section 2 of Kingma and Ba, "Adam: a method for stochastic optimization", 2015:
 *     m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  w -= rate_t m / (sqrt(v) + epsilon)
 *     rate_t = rate sqrt(1 - b2^t) / (1 - b1^t)
 * The rate is read from a table: rows of an embedding each count their own steps, and two powers a row would cost more
 * than the row.
 */
#include "optimizer.h"
#include "vectorize.h"

#include <math.h>

#define BETA1 0.9
#define BETA2 0.999
#define EPSILON 1e-8f
/* From here on 1 - BETA2^t is 1 in float: 0.999^16384 < 8e-8. */
#define ADAM_STEPS 16384

lt_status lt_optimizer_init(lt_env *env, lt_optimizer *o, lt_optimizer_kind kind, double rate, double momentum)
{
    *o = (lt_optimizer){.kind = kind, .rate = (float)rate, .momentum = (float)momentum};
    if (kind != LT_OPTIMIZER_ADAM)
        return LT_OK;
    LT_TRY(lt_alloc(env, &o->adam_rate, ADAM_STEPS + 1, sizeof *o->adam_rate, "the optimizer's rates"));
    for (int t = 1; t <= ADAM_STEPS; t++)
        o->adam_rate[t] = (float)(rate * sqrt(1 - pow(BETA2, t)) / (1 - pow(BETA1, t)));
    return LT_OK;
}

int lt_optimizer_moments(lt_optimizer_kind kind)
{
    return kind == LT_OPTIMIZER_ADAM ? 2 : kind == LT_OPTIMIZER_MOMENTUM ? 1 : 0;
}

LT_VECTORIZED
static void step_sgd(float rate, float l2, float l1, int64_t n, const float *restrict g, float *restrict w)
{
    for (int64_t i = 0; i < n; i++) {
        float sign = w[i] > 0 ? l1 : w[i] < 0 ? -l1 : 0;

        w[i] -= rate * (g[i] + l2 * w[i] + sign);
    }
}

LT_VECTORIZED
static void step_momentum(float rate, float momentum, float l2, float l1, int64_t n, const float *restrict g,
                          float *restrict m, float *restrict w)
{
    for (int64_t i = 0; i < n; i++) {
        float sign = w[i] > 0 ? l1 : w[i] < 0 ? -l1 : 0;

        m[i] = momentum * m[i] + (g[i] + l2 * w[i] + sign);
        w[i] -= rate * m[i];
    }
}

LT_VECTORIZED
static void step_adam(float rate, float l2, float l1, int64_t n, const float *restrict g, float *restrict m,
                      float *restrict v, float *restrict w)
{
    for (int64_t i = 0; i < n; i++) {
        float sign = w[i] > 0 ? l1 : w[i] < 0 ? -l1 : 0;
        float slope = g[i] + l2 * w[i] + sign;

        m[i] = (float)BETA1 * m[i] + (float)(1 - BETA1) * slope;
        v[i] = (float)BETA2 * v[i] + (float)(1 - BETA2) * slope * slope;
        w[i] -= rate * m[i] / (sqrtf(v[i]) + EPSILON);
    }
}

void lt_optimizer_step(const lt_optimizer *o, int64_t step, bool penalised, int64_t n, const float *gradient,
                       float *first, float *second, float *weight)
{
    float l2 = penalised ? o->l2 : 0;
    float l1 = penalised ? o->l1 : 0;

    switch (o->kind) {
    case LT_OPTIMIZER_SGD:
        step_sgd(o->rate, l2, l1, n, gradient, weight);
        break;
    case LT_OPTIMIZER_MOMENTUM:
        step_momentum(o->rate, o->momentum, l2, l1, n, gradient, first, weight);
        break;
    case LT_OPTIMIZER_ADAM:
        step_adam(o->adam_rate[step < ADAM_STEPS ? step : ADAM_STEPS], l2, l1, n, gradient, first, second, weight);
        break;
    }
}
