/*
 * sampler.c: drawing from count^exponent by the alias method (Walker 1977, in Vose's form, 1991).
 *
 * Exponent 0 draws all items alike, 1 by popularity, 0.75 is that of word2vec (Mikolov et al., "Distributed
 * representations of words and phrases and their compositionality", 2013).
 */
#include "sampler.h"

#include <math.h>
#include <string.h>

#define POLL_EVERY (1 << 16) /* items: a power of each */

/* The alias table of s->p. */
static lt_status make_table(lt_env *env, lt_sampler *s)
{
    int32_t *stack, n = s->n, low = 0, high = n; /* items below the average grow from the left, others from the right */

    LT_TRY(lt_alloc(env, &s->keep, (size_t)n, sizeof *s->keep, "the items' sampling probabilities"));
    LT_TRY(lt_alloc(env, &s->other, (size_t)n, sizeof *s->other, "the items' sampling probabilities"));
    LT_TRY(lt_alloc(env, &stack, (size_t)n, sizeof *stack, "the items' sampling probabilities"));
    for (int32_t i = 0; i < n; i++) {
        s->keep[i] = s->p[i] * n;
        s->other[i] = i;
        if (s->keep[i] < 1)
            stack[low++] = i;
        else
            stack[--high] = i;
    }
    while (low > 0 && high < n) {
        int32_t small = stack[--low], large = stack[high];

        s->other[small] = large;
        s->keep[large] -= 1 - s->keep[small];
        if (s->keep[large] < 1) {
            high++;
            stack[low++] = large;
        }
    }
    /* What is left is 1 but for rounding. */
    while (low > 0)
        s->keep[stack[--low]] = 1;
    while (high < n)
        s->keep[stack[high++]] = 1;
    lt_free(env, stack);
    return LT_OK;
}

lt_status lt_sampler_init(lt_env *env, lt_sampler *s, int32_t n, const double *count, double exponent)
{
    bool alike = exponent == 0 || count == NULL;
    double total = 0;

    memset(s, 0, sizeof *s);
    s->n = n;
    LT_TRY(lt_alloc(env, &s->p, (size_t)n, sizeof *s->p, "the items' sampling probabilities"));
    for (int32_t i = 0; i < n; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        s->p[i] = alike ? 1 : count[i] > 0 ? pow(count[i], exponent) : 0;
        total += s->p[i];
    }
    s->least = 1;
    for (int32_t i = 0; i < n; i++) {
        s->p[i] = total > 0 ? s->p[i] / total : 1.0 / n;
        if (s->p[i] > 0 && s->p[i] < s->least)
            s->least = s->p[i];
    }
    return alike || total <= 0 ? LT_OK : make_table(env, s);
}

void lt_sampler_free(lt_env *env, lt_sampler *s)
{
    lt_free(env, s->p);
    lt_free(env, s->keep);
    lt_free(env, s->other);
    memset(s, 0, sizeof *s);
}

int32_t lt_sampler_draw(const lt_sampler *s, lt_random *rng)
{
    int32_t i = (int32_t)lt_random_below(rng, s->n);

    return s->keep == NULL || lt_random_uniform(rng) < s->keep[i] ? i : s->other[i];
}
