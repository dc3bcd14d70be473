/*
 * recommend_data.h: a trained recommender in one call, and what orders its lists by the definitions.
 */
#ifndef LT_TEST_RECOMMEND_DATA_H
#define LT_TEST_RECOMMEND_DATA_H

#include "recommend.h"
#include "shop_data.h"

/* A trained recommender: everything a test needs of it. */
typedef struct trained {
    lt_bundle bundle;
    lt_recommender r;
    lt_dataset data;
    lt_options options;
} trained;

static trained *train_on(lt_env *env, const lt_algorithm *algorithm, int what, const event *v, int n,
                         const char *const *list)
{
    trained *t;
    built rows;
    lt_fit fit;

    lt_alloc(env, &t, 1, sizeof *t, "test");
    t->options = options_of(env, algorithm, list);
    rows = build(env, &t->bundle, false, what, v, n, &t->options);
    t->data = rows.data;
    if (rows.status == LT_OK) {
        t->bundle.model = (lt_model){.algorithm = algorithm};
        rows.status = algorithm->train(env, &t->data, &t->options, &t->bundle.model, &fit);
    }
    if (rows.status == LT_OK)
        rows.status = lt_recommender_init(env, &t->r, &t->bundle);
    if (rows.status != LT_OK)
        printf("Bail out! %s\n", env->error.message);
    return t;
}

static double log_odds(double p)
{
    return log(p) - log1p(-p);
}

/* The margin of every candidate. */
static void naive_margins(lt_env *env, const trained *t, const lt_request *q, int64_t n, float *margin)
    __attribute__((unused));
static void naive_margins(lt_env *env, const trained *t, const lt_request *q, int64_t n, float *margin)
{
    const lt_popularity *p = &t->r.popularity;

    if (!q->popularity_only) {
        fine(env, t->bundle.model.algorithm->score(env, &t->r.scorer, &q->subject, q->candidates, n, margin));
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        double share = (p->count[q->candidates ? q->candidates[i] : i] + 1) / (p->total + p->items);

        margin[i] = (float)(t->bundle.model.link == LT_LINK_LOGISTIC ? log_odds(share)
                            : t->bundle.model.link == LT_LINK_EXP    ? log(share)
                                                                     : share);
    }
}

/* What orders a list: log-odds and log-counts less exponent ln popularity; a margin by lt_boost's definition. */
static double naive_value(const trained *t, float margin, int32_t item, double exponent) __attribute__((unused));
static double naive_value(const trained *t, float margin, int32_t item, double exponent)
{
    double pop = fmax(t->r.popularity.count[item], 1);

    if (t->bundle.model.link == LT_LINK_IDENTITY)
        return margin >= 0 ? margin / pow(pop, exponent) : margin * pow(pop, exponent);
    return margin - exponent * log(pop);
}

static bool has(const int32_t *items, int64_t n, int32_t item) __attribute__((unused));
static bool has(const int32_t *items, int64_t n, int32_t item)
{
    for (int64_t i = 0; i < n; i++)
        if (items[i] == item)
            return true;
    return false;
}

#endif
