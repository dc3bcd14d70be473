/*
 * rerank_data.h: random lists of candidates, with all that any rerank method looks at, for the rerankers' tests.
 */
#ifndef LT_TEST_RERANK_DATA_H
#define LT_TEST_RERANK_DATA_H

#include "random.h"
#include "rerank.h"
#include "tap.h"

enum { MOST = 80, DIMENSIONS = 6, GROUPS = 7, VALUES = 3 };

typedef struct list {
    double score[MOST], popularity[MOST];
    uint8_t segment[MOST];
    float x[MOST * DIMENSIONS];
    lt_table vectors;
    lt_similarity similarity;
    int64_t start[MOST + 1];
    int32_t group[MOST * VALUES];
    double target[GROUPS];
    lt_groups groups;
    lt_rerank_input in;
    int32_t chosen[MOST];
    double value[MOST];
    int64_t n_chosen;
} list;

static bool run(lt_env *env, const char *method, list *l) __attribute__((unused));
static bool run(lt_env *env, const char *method, list *l)
{
    lt_status status = lt_rerank(env, lt_reranker_find(method), &l->in, l->chosen, l->value, &l->n_chosen);

    if (status != LT_OK)
        printf("# %s: %s\n", method, env->error.message);
    return status == LT_OK;
}

/* Vectors around a few directions, as items of a kind have; some equal, some opposite, some of zeros. */
static void random_vectors(lt_env *env, lt_random *random, list *l)
{
    float kind[4][DIMENSIONS];

    for (int c = 0; c < 4 * DIMENSIONS; c++)
        kind[c / DIMENSIONS][c % DIMENSIONS] = (float)lt_random_normal(random);
    for (int64_t i = 0; i < l->in.n; i++) {
        int64_t c = lt_random_below(random, 4), how = lt_random_below(random, 12);
        float *x = l->x + i * DIMENSIONS;

        for (int d = 0; d < DIMENSIONS; d++)
            x[d] = how == 0 ? 0 : how == 1 ? -kind[c][d] : kind[c][d];
        for (int d = 0; d < DIMENSIONS && how > 2; d++)
            x[d] += 0.5f * (float)lt_random_normal(random);
    }
    l->vectors = (lt_table){.n = l->in.n, .dense = DIMENSIONS, .x = l->x};
    if (lt_similarity_init(env, &l->similarity, &l->vectors, NULL, l->in.n) != LT_OK)
        printf("# %s\n", env->error.message);
    l->in.similarity = &l->similarity;
}

/* None to three values a candidate; target, of which some values have nothing, is unknown for some. */
static void random_groups(lt_random *random, list *l)
{
    double total = 0;

    for (int64_t i = 0; i < l->in.n; i++) {
        int64_t values = lt_random_below(random, VALUES + 1);

        l->start[i + 1] = l->start[i];
        for (int32_t g = (int32_t)lt_random_below(random, 2); g < GROUPS && values > 0; values--) {
            l->group[l->start[i + 1]++] = g;
            g += 1 + (int32_t)lt_random_below(random, 3);
        }
    }
    for (int g = 0; g < GROUPS; g++)
        total += l->target[g] = lt_random_below(random, 3) == 0 ? 0 : lt_random_uniform(random);
    for (int g = 0; g < GROUPS && total > 0; g++)
        l->target[g] /= total;
    l->groups = (lt_groups){GROUPS, l->start, l->group, lt_random_below(random, 8) == 0 ? NULL : l->target};
}

static void random_list(lt_env *env, lt_random *random, list *l) __attribute__((unused));

/*
 * Ties, huge and negative scores, never seen items, no tail, nothing but tail, k beyond n, empty lists.  Groups stand
 * beside the input: what is not told of them calibrates to head, mid and tail.
 */
static void random_list(lt_env *env, lt_random *random, list *l)
{
    int64_t scores = lt_random_below(random, 6), tails = lt_random_below(random, 8);
    bool biased = lt_random_below(random, 3) > 0;
    lt_popularity p;

    memset(l, 0, sizeof *l);
    l->in.n = lt_random_below(random, 4) == 0 ? lt_random_below(random, 3) : lt_random_below(random, MOST + 1);
    l->in.k = lt_random_below(random, l->in.n + 6);
    l->in.seed = lt_random_next(random);
    for (int64_t i = 0; i < l->in.n; i++) {
        double x = lt_random_normal(random);

        l->popularity[i] = floor(exp(2 * lt_random_normal(random)));
        if (biased) /* as most models are: the popular score higher */
            x += log1p(l->popularity[i]);
        l->score[i] = scores == 0   ? (double)lt_random_below(random, 4) - 1
                      : scores == 1 ? x * 1e300
                      : scores == 2 ? 1
                      : scores == 3 ? exp(x)
                      : scores == 4 ? -exp(x)
                                    : x;
    }
    if (lt_popularity_build(env, l->popularity, (int32_t)l->in.n, 0.2, lt_random_uniform(random) * 0.8, &p) == LT_OK)
        memcpy(l->segment, p.segment, (size_t)l->in.n);
    for (int64_t i = 0; i < l->in.n && tails < 2; i++)
        l->segment[i] = tails == 0 ? LT_TAIL : LT_MID;
    l->in.score = l->score;
    l->in.popularity = l->popularity;
    l->in.segment = l->segment;
    for (int s = 0; s < 3 && scores != 5; s++) /* unknown for a sixth of the lists */
        l->in.user_taste[s] = (double)lt_random_below(random, 5);
    random_vectors(env, random, l);
    random_groups(random, l);
}

static int64_t tail_items(const list *l, int64_t prefix) __attribute__((unused));
static int64_t tail_items(const list *l, int64_t prefix)
{
    int64_t tail = 0;

    for (int64_t r = 0; r < prefix; r++)
        tail += l->segment[l->chosen[r]] == LT_TAIL;
    return tail;
}

static bool is_selection(const list *l) __attribute__((unused));
static bool is_selection(const list *l)
{
    bool seen[MOST] = {false};

    if (l->n_chosen != (l->in.k < l->in.n ? l->in.k : l->in.n))
        return false;
    for (int64_t r = 0; r < l->n_chosen; r++) {
        if (l->chosen[r] < 0 || l->chosen[r] >= l->in.n || seen[l->chosen[r]])
            return false;
        seen[l->chosen[r]] = true;
    }
    return true;
}

/* The k best by score, ties by index, by picking the best again and again; the values are the scores. */
static bool is_identity(const list *l) __attribute__((unused));
static bool is_identity(const list *l)
{
    bool taken[MOST] = {false};

    for (int64_t r = 0; r < l->n_chosen; r++) {
        int64_t best = -1;

        for (int64_t i = 0; i < l->in.n; i++)
            if (!taken[i] && (best < 0 || l->score[i] > l->score[best]))
                best = i;
        taken[best] = true;
        if (l->chosen[r] != best || l->value[r] != l->score[best])
            return false;
    }
    return true;
}

static bool values_descend(const list *l) __attribute__((unused));
static bool values_descend(const list *l)
{
    for (int64_t r = 1; r < l->n_chosen; r++)
        if (l->value[r] > l->value[r - 1])
            return false;
    return true;
}

/* relevance as rerank.h defines it. */
static double naive_relevance(const list *l, int64_t i) __attribute__((unused));
static double naive_relevance(const list *l, int64_t i)
{
    double low = INFINITY, high = -INFINITY;

    for (int64_t j = 0; j < l->in.n; j++) {
        low = fmin(low, l->score[j]);
        high = fmax(high, l->score[j]);
    }
    return high > low ? (l->score[i] / 2 - low / 2) / (high / 2 - low / 2) : 1;
}

#endif
