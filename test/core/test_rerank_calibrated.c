/*
 * test_rerank_calibrated.c: calibrated against its definition with the divergence worked out from scratch, exhaustive
 * search, lists made by hand, and what it does for the tail in the mean.
 */
#include "recommend.h"
#include "rerank_data.h"

enum { SMALL = 12, SMALL_K = 4, CATALOGUE = 400, LISTS = 4000 };

#define DEFAULT_SMOOTHING 0.01

/* The objective as rerank_calibrated.c writes it, of the list items[0..k). */
static double divergence(const list *l, const int32_t *items, int64_t k, double smoothing)
{
    const lt_groups *g = l->in.groups;
    double kl = 0;

    for (int32_t v = 0; v < g->n; v++) {
        double p = g->target == NULL ? 0 : g->target[v], q = 0;

        for (int64_t r = 0; r < k; r++)
            for (int64_t e = g->start[items[r]]; e < g->start[items[r] + 1]; e++)
                if (g->group[e] == v)
                    q += 1.0 / (double)(g->start[items[r] + 1] - g->start[items[r]]) / (double)k;
        if (p > 0)
            kl += p * log(p / ((1 - smoothing) * q + smoothing * p));
    }
    return kl;
}

static double objective(const list *l, const int32_t *items, int64_t k, double smoothing)
{
    double sum = 0;

    for (int64_t r = 0; r < k; r++)
        sum += naive_relevance(l, items[r]);
    return (1 - l->in.strength) * sum - l->in.strength * divergence(l, items, k, smoothing);
}

/* A list without ties. */
static void distinct_list(lt_env *env, lt_random *random, int64_t n, int64_t k, list *l)
{
    do {
        random_list(env, random, l);
    } while (l->in.n < n);
    l->in.n = n;
    l->in.k = k;
    l->in.groups = &l->groups;
    for (int64_t i = 0; i < n; i++)
        l->score[i] = lt_random_normal(random);
    l->in.strength = 0.02 + 0.97 * lt_random_uniform(random);
}

/* ---- by hand ---- */

/* Steck's example: somebody who watched 70 romances and 30 action films, where the romances score higher. */
static void test_example(lt_env *env)
{
    enum { FILMS = 40, ROMANCE = 0, ACTION = 1 };
    list l = {.target = {0.7, 0.3}};
    int action[2] = {0};

    for (int i = 0; i < FILMS; i++) {
        l.score[i] = 1 - i / 100.0;
        l.group[i] = i < FILMS / 2 ? ROMANCE : ACTION;
        l.start[i + 1] = i + 1;
    }
    l.groups = (lt_groups){2, l.start, l.group, l.target};
    l.in = (lt_rerank_input){.n = FILMS, .k = 10, .score = l.score, .groups = &l.groups};
    for (int calibrated = 0; calibrated < 2; calibrated++) {
        l.in.strength = 0.99 * calibrated;
        ok(run(env, "calibrated", &l), "strength %g", l.in.strength);
        for (int r = 0; r < 10; r++)
            action[calibrated] += l.group[l.chosen[r]] == ACTION;
    }
    ok(action[0] == 0, "the ten best are romances");
    ok(action[1] == 3, "calibrated, seven are romances and three action films");
    near(divergence(&l, l.chosen, 10, DEFAULT_SMOOTHING), 0, 1e-15, "which is the user's taste");
    ok(l.chosen[0] == 0 && values_descend(&l), "the best comes first, and values descend");

    /* the same by segments, where the taste is in numbers of interactions */
    for (int i = 0; i < FILMS; i++)
        l.segment[i] = l.group[i] == ROMANCE ? LT_HEAD : LT_TAIL;
    l.in.groups = NULL;
    l.in.segment = l.segment;
    l.in.user_taste[LT_HEAD] = 70;
    l.in.user_taste[LT_TAIL] = 30;
    ok(run(env, "calibrated", &l) && tail_items(&l, 10) == 3, "so by head and tail");
    l.in.user_taste[LT_HEAD] = 0;
    l.in.user_taste[LT_TAIL] = 0;
    ok(run(env, "calibrated", &l) && tail_items(&l, 10) == 0 && l.chosen[9] == 9, "an unknown taste changes nothing");
    l.in.groups = &l.groups;
    l.groups.target = NULL;
    ok(run(env, "calibrated", &l) && l.chosen[0] == 0 && l.chosen[9] == 9, "nor does an unknown target");
    l.in.strength = 1;
    ok(run(env, "calibrated", &l) && l.chosen[0] == 0 && l.chosen[9] == 9, "not even at strength 1");
}

/*
 * Values a (p = 0.5), b (0.5) and c (0); items: c, none, a and b, a.  Strength 1: worth 0, 0, twice
 * 0.5 ln(1 + 0.495 / 0.005), and 0.5 ln(1 + 0.99 / 0.005).
 */
static void test_values(lt_env *env)
{
    static const int32_t order[] = {2, 3, 0, 1};
    list l = {.score = {3, 2, 1, 0}, .start = {0, 1, 1, 3, 4}, .group = {2, 0, 1, 0}, .target = {0.5, 0.5, 0}};
    lt_options o;

    l.groups = (lt_groups){3, l.start, l.group, l.target};
    l.in = (lt_rerank_input){.n = 4, .k = 4, .score = l.score, .groups = &l.groups, .strength = 1};
    ok(run(env, "calibrated", &l) && memcmp(l.chosen, order, sizeof order) == 0, "several values and none, by hand");
    near(l.value[0], log(1 + 0.495 / 0.005), 1e-12, "an item of two values counts half for each");
    near(l.value[1], 0.5 * log(1 + 0.99 / (0.495 + 0.01)), 1e-12, "what a second item of a value is worth");
    ok(l.value[2] == 0 && l.value[3] == 0, "one that nobody wants, and one of no value, are worth nothing");
    fine(env, lt_options_init(env, &o, lt_reranker_find("calibrated")->options, 1));
    l.in.options = &o;
    ok(run(env, "calibrated", &l), "options at their defaults");
    near(l.value[0], log(1 + 0.495 / 0.005), 1e-12, "are those of no options");
    fine(env, lt_options_set_number(env, &o, "smoothing", 0.5));
    ok(run(env, "calibrated", &l), "smoothing 0.5");
    near(l.value[0], log(1 + 0.25 / 0.25), 1e-12, "is that share of the taste");
    ok(lt_options_set_number(env, &o, "smoothing", 0) == LT_INVALID, "smoothing 0 is refused");
}

/* ---- against the definition ---- */

static void test_naive(lt_env *env, lt_random *random)
{
    int differ = 0, reordered = 0, ascend = 0;
    lt_options o;

    fine(env, lt_options_init(env, &o, lt_reranker_find("calibrated")->options, 1));
    for (int round = 0; round < 1500; round++) {
        double smoothing = round % 2 ? DEFAULT_SMOOTHING : 0.001 + 0.4 * lt_random_uniform(random);
        bool taken[MOST] = {false};
        list l;

        distinct_list(env, random, 1 + lt_random_below(random, 40), 1 + lt_random_below(random, 12), &l);
        if (lt_options_set_number(env, &o, "smoothing", smoothing) != LT_OK)
            abort();
        l.in.options = round % 2 ? NULL : &o;
        differ += !run(env, "calibrated", &l);
        ascend += !values_descend(&l);
        for (int64_t t = 0; t < l.n_chosen; t++) {
            int32_t items[MOST], best = -1;
            double best_value = -INFINITY;

            memcpy(items, l.chosen, sizeof items);
            for (int32_t i = 0; i < l.in.n; i++) {
                double value;

                items[t] = i;
                value = objective(&l, items, t + 1, smoothing);
                if (!taken[i] && value > best_value + 1e-13) {
                    best_value = value;
                    best = i;
                }
            }
            taken[l.chosen[t]] = true;
            if (best != l.chosen[t]) /* equal up to rounding: the better by score */
                differ += fabs(objective(&l, l.chosen, t + 1, smoothing) - best_value) > 1e-12 ||
                          l.score[l.chosen[t]] < l.score[best];
            reordered += t > 0 && l.score[l.chosen[t]] > l.score[l.chosen[t - 1]];
        }
    }
    ok(differ == 0 && reordered > 1000, "every step leaves the greatest objective (%d differ)", differ);
    ok(ascend == 0, "values descend");
}

/* ---- against exhaustive search ---- */

static void search(const list *l, double *best, double *worst)
{
    *best = -INFINITY;
    *worst = INFINITY;
    for (uint32_t set = 0; set < 1u << l->in.n; set++) {
        int32_t items[SMALL];
        int64_t members = 0;
        double value;

        for (int32_t i = 0; i < l->in.n; i++)
            if (set >> i & 1)
                items[members++] = i;
        if (members != l->n_chosen)
            continue;
        value = objective(l, items, members, DEFAULT_SMOOTHING);
        *best = fmax(*best, value);
        *worst = fmin(*worst, value);
    }
}

static void test_exhaustive(lt_env *env, lt_random *random)
{
    int lists = 0, equal = 0, above = 0, far = 0;
    double least = 1;

    for (int round = 0; round < 400; round++) {
        double best, worst, got;
        list l;

        distinct_list(env, random, 4 + lt_random_below(random, SMALL - 3), 2 + lt_random_below(random, SMALL_K - 1),
                      &l);
        if (!run(env, "calibrated", &l))
            abort();
        search(&l, &best, &worst);
        got = objective(&l, l.chosen, l.n_chosen, DEFAULT_SMOOTHING);
        lists++;
        above += got > best + 1e-9;
        equal += got >= best - 1e-9;
        far += got - worst < (1 - exp(-1)) * (best - worst) - 1e-9;
        if (best > worst + 1e-9)
            least = fmin(least, (got - worst) / (best - worst));
    }
    ok(above == 0 && far == 0, "always 1 - 1/e of the way from the worst list to the best (at least %.3f)", least);
    ok(equal >= lists * 9 / 10, "and the best in %d of %d", equal, lists);
}

/* One value an item and enough of each: at strength 1 a list whose shares can be the taste's has them. */
static void test_exact(lt_env *env, lt_random *random)
{
    int wrong = 0;

    for (int round = 0; round < 1000; round++) {
        int64_t k = 1 + lt_random_below(random, 20);
        list l;

        distinct_list(env, random, MOST, k, &l);
        memset(l.target, 0, sizeof l.target);
        for (int64_t place = 0; place < k; place++)
            l.target[lt_random_below(random, 3)] += 1 / (double)k;
        for (int i = 0; i < MOST; i++) {
            l.group[i] = (int32_t)lt_random_below(random, 3);
            l.start[i + 1] = i + 1;
        }
        for (int i = 0; i < 60; i++)
            l.group[i] = i % 3;
        l.groups.target = l.target;
        l.in.strength = 1;
        wrong += !run(env, "calibrated", &l) || divergence(&l, l.chosen, k, DEFAULT_SMOOTHING) > 1e-12;
    }
    ok(wrong == 0, "a taste that a list can have, it has (%d have not)", wrong);
}

/* ---- the tail ---- */

/*
 * A catalogue of Zipf's popularity; users whose histories were drawn by it; lists of a model that overrates what is
 * popular, so that they have less of the tail than the histories.  Strength after strength, over the same lists, the
 * mean share of the tail rises; so does the nearness to the users' tastes.
 */
static void test_tail(lt_env *env, lt_random *random)
{
    enum { STEPS = 11, HISTORY = 30, K = 10 };
    double count[CATALOGUE], running[CATALOGUE], tail[STEPS] = {0}, total = 0;
    int fallen = 0, nearer = 0, farther = 0;
    lt_popularity popularity;

    for (int i = 0; i < CATALOGUE; i++) {
        count[i] = floor(4000.0 / (i + 1));
        running[i] = total += count[i];
    }
    fine(env, lt_popularity_build(env, count, CATALOGUE, 0.2, 0.2, &popularity));
    for (int i = 0; i < LISTS; i++) {
        int32_t history[HISTORY];
        double kl[STEPS];
        list l = {.in = {.n = MOST, .k = K}};

        for (int h = 0; h < HISTORY; h++) {
            double at = lt_random_uniform(random) * total;

            for (history[h] = 0; running[history[h]] <= at; history[h]++)
                ;
        }
        lt_taste(&popularity, history, HISTORY, l.in.user_taste);
        for (int j = 0; j < MOST; j++) {
            int64_t item = lt_random_below(random, CATALOGUE);

            l.segment[j] = popularity.segment[item];
            l.score[j] = 2 * log(count[item]) + 1.5 * lt_random_normal(random);
        }
        l.in.score = l.score;
        l.in.segment = l.segment;
        for (int step = 0; step < STEPS; step++) {
            l.in.strength = step / (double)(STEPS - 1);
            if (!run(env, "calibrated", &l))
                abort();
            tail[step] += (double)tail_items(&l, K) / K / LISTS;
            kl[step] = 0;
            for (int s = 0; s < 3; s++) {
                double p = l.in.user_taste[s], q = 0;

                for (int r = 0; r < K; r++)
                    q += (l.segment[l.chosen[r]] == s) / (double)K;
                kl[step] += p > 0 ? p * log(p / (0.99 * q + 0.01 * p)) : 0;
            }
        }
        nearer += kl[STEPS - 1] < kl[0] - 1e-12;
        farther += kl[STEPS - 1] > kl[0] + 1e-12;
    }
    for (int step = 1; step < STEPS; step++)
        fallen += tail[step] < tail[step - 1];
    printf("# mean share of the tail: %.4f at 0, %.4f at 0.5, %.4f at 1\n", tail[0], tail[STEPS / 2], tail[STEPS - 1]);
    ok(fallen == 0 && tail[STEPS - 1] > tail[0] + 0.05, "more strength never lowers the mean share of the tail");
    ok(nearer > LISTS * 8 / 10 && farther == 0, "lists come nearer to the taste (%d of %d, %d go away)", nearer, LISTS,
       farther);
}

int main(void)
{
    lt_env *env = test_env();
    lt_random random;

    lt_random_seed(&random, 13);
    test_example(env);
    test_values(env);
    test_naive(env, &random);
    test_exhaustive(env, &random);
    test_exact(env, &random);
    test_tail(env, &random);
    test_env_drop(env);
    return done();
}
