/*
 * test_sampler.c: the chances of the alias table, and what it draws.
 */
#include "sampler.h"
#include "tap.h"

enum { ITEMS = 1000 };

/* The chance of each item by the table: it is kept in its own place or taken for another's. */
static void chances(const lt_sampler *s, double *out)
{
    for (int32_t i = 0; i < s->n; i++)
        out[i] = s->keep[i] / s->n;
    for (int32_t i = 0; i < s->n; i++)
        out[s->other[i]] += (1 - s->keep[i]) / s->n;
}

/* To the rounding of a thousand sums. */
static void test_table(lt_env *env, double exponent)
{
    double count[ITEMS], got[ITEMS], total = 0, worst = 0;
    lt_sampler s;

    for (int i = 0; i < ITEMS; i++) {
        count[i] = i % 7 == 0 ? 0 : floor(5000.0 / (i + 1)) + 1;
        total += count[i] > 0 ? pow(count[i], exponent) : 0;
    }
    fine(env, lt_sampler_init(env, &s, ITEMS, count, exponent));
    chances(&s, got);
    for (int i = 0; i < ITEMS; i++) {
        double want = count[i] > 0 ? pow(count[i], exponent) / total : 0;

        worst = fmax(worst, fmax(fabs(got[i] - want), fabs(s.p[i] - want)));
    }
    ok(worst < 1e-13, "exponent %g: chances are popularity's power (worst %g)", exponent, worst);
    lt_sampler_free(env, &s);
}

static void test_alike(lt_env *env)
{
    double none[4] = {0};
    lt_random a, b;
    lt_sampler s;
    int same = 0;

    fine(env, lt_sampler_init(env, &s, 4, (const double[]){5, 0, 1, 2}, 0));
    ok(s.keep == NULL && s.p[1] == 0.25 && s.least == 0.25, "exponent 0 draws all alike");
    lt_random_seed(&a, 3);
    lt_random_seed(&b, 3);
    for (int i = 0; i < 100; i++)
        same += lt_sampler_draw(&s, &a) == (int32_t)lt_random_below(&b, 4);
    ok(same == 100, "by one random number each");
    lt_sampler_free(env, &s);
    fine(env, lt_sampler_init(env, &s, 4, none, 1));
    ok(s.keep == NULL && s.p[3] == 0.25, "and so does any when no item has a count");
    lt_sampler_free(env, &s);
    fine(env, lt_sampler_init(env, &s, 1, (const double[]){7}, 2));
    ok(lt_sampler_draw(&s, &a) == 0, "one item");
    lt_sampler_free(env, &s);
}

static void test_draws(lt_env *env)
{
    const double count[3] = {16, 1, 0};
    int drawn[3] = {0};
    lt_random rng;
    lt_sampler s;

    fine(env, lt_sampler_init(env, &s, 3, count, 0.5));
    near(s.least, 0.2, 1e-15, "the rarest is one in five");
    lt_random_seed(&rng, 1);
    for (int i = 0; i < 100000; i++)
        drawn[lt_sampler_draw(&s, &rng)]++;
    near(drawn[0], 80000, 5 * sqrt(100000 * 0.8 * 0.2), "four in five are the popular one"); /* five deviations */
    ok(drawn[2] == 0, "what nobody has is not drawn");
    ((test_context *)env->context)->cancel_at = ((test_context *)env->context)->polls + 1;
    ok(lt_sampler_init(env, &s, 3, count, 1) == LT_CANCELLED, "cancel acts");
}

int main(void)
{
    lt_env *env = test_env();

    test_table(env, 0.5);
    test_table(env, 1);
    test_table(env, 2);
    test_alike(env);
    test_draws(env);
    test_env_drop(env);
    return done();
}
