/*
 * recommend.c: from a user to a list.
 *
 * Scores: the model's margin; less popularity_exponent * ln(popularity) and plus trend_exponent * trend where the model
 * says so; through the link.  Lists are ordered before the link, where nothing saturates.  A multiplication of a count,
 * or of odds, by popularity^-g is a subtraction of g ln(popularity) from its logarithm; a margin without a link is
 * multiplied, and a negative one divided, as by lt_boost.
 */
#include "lists.h"

#include "topk.h"

#include <math.h>
#include <string.h>

#define POOL 500 /* candidates that reordering methods look at, at least */

/*
 * The margin of an item for somebody of whom nothing is known: the link's inverse of its smoothed share of all
 * interactions.
 */
static double popular_margin(lt_link link, double share)
{
    switch (link) {
    case LT_LINK_LOGISTIC:
        return log(share / (1 - share + 1e-12));
    case LT_LINK_EXP:
        return log(share);
    case LT_LINK_IDENTITY:
        break;
    }
    return share;
}

lt_status lt_recommender_init(lt_env *env, lt_recommender *r, const lt_bundle *bundle)
{
    const lt_popularity *p = &r->popularity;

    memset(r, 0, sizeof *r);
    r->bundle = bundle;
    r->scorer = (lt_scorer){
        .model = &bundle->model, .user = &bundle->user, .item = &bundle->item, .item_count = bundle->item_count};
    if (!lt_bundle_is_recommender(bundle))
        return LT_OK;
    LT_TRY(lt_popularity_build(env, bundle->item_count, bundle->items.n, bundle->head_share, bundle->tail_share,
                               &r->popularity));
    LT_TRY(lt_popularity_hide(env, &r->popularity, bundle->hidden));
    LT_TRY(lt_alloc(env, &r->log_count, (size_t)p->items, sizeof *r->log_count, "the items' popularity"));
    LT_TRY(lt_alloc(env, &r->popular, (size_t)p->items, sizeof *r->popular, "the items' popularity"));
    for (int32_t i = 0; i < p->items; i++) {
        r->log_count[i] = p->count[i] > 1 ? log(p->count[i]) : 0;
        r->popular[i] = (float)popular_margin(bundle->model.link, (p->count[i] + 1) / (p->total + p->items));
    }
    r->own = (lt_adjustment){
        .popularity = bundle->popularity_exponent, .trend = bundle->trend_exponent, .trends = bundle->trend};
    LT_TRY(lt_adjustment_prepare(env, r, &r->own));
    return bundle->model.algorithm->prepare(env, &r->scorer);
}

bool lt_recommender_knows(const lt_recommender *r, const lt_subject *subject)
{
    const lt_algorithm *algorithm = r->bundle->model.algorithm;

    return subject->user >= 0 || subject->features != NULL || algorithm->same_for_all ||
           (algorithm->uses_history && subject->n_history > 0);
}

void lt_taste(const lt_popularity *popularity, const int32_t *items, int64_t n, double taste[3])
{
    int64_t known = 0;

    taste[0] = taste[1] = taste[2] = 0;
    for (int64_t i = 0; i < n; i++) {
        if (items[i] < 0)
            continue;
        taste[popularity->segment[items[i]]]++;
        known++;
    }
    for (int s = 0; s < 3 && known > 0; s++)
        taste[s] /= (double)known;
}

int32_t lt_item_at(const int32_t *candidates, int64_t i)
{
    return candidates == NULL ? (int32_t)i : candidates[i];
}

/* Of a positive score, the factor; of a margin with a link, what is added. */
static double effect(const lt_recommender *r, int32_t item, const lt_adjustment *a)
{
    double boost = -a->popularity * r->log_count[item]; /* of the score's logarithm */

    if (a->trends != NULL)
        boost += a->trend * a->trends[item];
    return r->bundle->model.link == LT_LINK_IDENTITY ? exp(boost) : boost;
}

lt_status lt_adjustment_prepare(lt_env *env, const lt_recommender *r, lt_adjustment *a)
{
    double *prepared;

    if (a->popularity == 0 && a->trend == 0)
        return LT_OK;
    LT_TRY(lt_alloc(env, &prepared, (size_t)r->popularity.items, sizeof *prepared, "the items' popularity"));
    for (int32_t i = 0; i < r->popularity.items; i++)
        prepared[i] = effect(r, i, a);
    a->prepared = prepared;
    return LT_OK;
}

lt_adjustment lt_adjustment_with(const lt_recommender *r, double popularity)
{
    lt_adjustment a = r->own;

    if (popularity == a.popularity)
        return a;
    a.popularity = popularity;
    a.prepared = NULL;
    return a;
}

float lt_adjusted(const lt_recommender *r, float margin, int32_t item, const lt_adjustment *a)
{
    double by;

    if (a->popularity == 0 && a->trend == 0)
        return margin;
    by = a->prepared != NULL ? a->prepared[item] : effect(r, item, a);
    if (r->bundle->model.link == LT_LINK_IDENTITY)
        return (float)(margin > 0 ? margin * by : margin / by);
    return (float)(margin + by);
}

/* The figure users see for a margin or an ordering value. */
static double shown(const lt_recommender *r, double value)
{
    return lt_link_apply(r->bundle->model.link, value);
}

int64_t lt_candidates_of(const lt_recommender *r, const lt_request *q)
{
    return q->candidates == NULL ? r->bundle->items.n : q->n_candidates;
}

lt_status lt_score_candidates(lt_env *env, const lt_recommender *r, const lt_request *q, float *margin)
{
    const lt_algorithm *algorithm = r->bundle->model.algorithm;
    int64_t n = lt_candidates_of(r, q);

    if (!q->popularity_only)
        return algorithm->score(env, &r->scorer, &q->subject, q->candidates, n, margin);
    for (int64_t i = 0; i < n; i++)
        margin[i] = r->popular[lt_item_at(q->candidates, i)];
    return LT_OK;
}

lt_status lt_score_item(lt_env *env, const lt_recommender *r, const lt_subject *subject, int32_t item, float *margin,
                        bool *popular)
{
    const lt_algorithm *algorithm = r->bundle->model.algorithm;
    bool ratings = r->bundle->label_kind == LT_LABEL_REAL && !algorithm->ranks_only;

    *popular = false;
    *margin = 0;
    if (algorithm->ranks_only || algorithm->uses_history) {
        if (item < 0)
            return LT_OK;
        *popular = !ratings && !lt_recommender_knows(r, subject);
    }
    if (!*popular)
        return algorithm->score(env, &r->scorer, subject, &item, 1, margin);
    *margin = r->popular[item];
    return LT_OK;
}

lt_status lt_recommender_values(lt_env *env, const lt_recommender *r, const lt_subject *subject, float *value)
{
    lt_request q = {.subject = *subject, .popularity_only = !lt_recommender_knows(r, subject)};

    LT_TRY(lt_score_candidates(env, r, &q, value));
    for (int32_t i = 0; i < r->bundle->items.n; i++)
        value[i] = lt_adjusted(r, value[i], i, &r->own);
    return LT_OK;
}

/* Reorders item[0..pool) (ordered by value[]) with the stages from number `first` on; out->item: places among them. */
static lt_status rerank_pool(lt_env *env, const lt_recommender *r, const lt_request *q, int first, const int32_t *item,
                             const float *value, int64_t pool, lt_list *out)
{
    lt_rerank_input in = {.n = pool,
                          .k = q->k < pool ? q->k : pool,
                          .seed = q->seed,
                          .item = item,
                          .n_history = q->subject.n_history,
                          .history = q->subject.history};
    double *score, *popularity;
    uint8_t *segment;

    LT_TRY(lt_alloc(env, &score, (size_t)pool, sizeof *score, "the candidates"));
    LT_TRY(lt_alloc(env, &popularity, (size_t)pool, sizeof *popularity, "the candidates"));
    LT_TRY(lt_alloc(env, &segment, (size_t)pool, sizeof *segment, "the candidates"));
    for (int64_t i = 0; i < pool; i++) {
        score[i] = shown(r, value[i]);
        popularity[i] = r->popularity.count[item[i]];
        segment[i] = r->popularity.segment[item[i]];
    }
    in.score = score;
    in.popularity = popularity;
    in.segment = segment;
    lt_taste(&r->popularity, q->subject.history, q->subject.n_history, in.user_taste);
    LT_TRY(lt_rerank_stages(env, q->stages + first, q->n_stages - first, &in, out->item, out->score, &out->n));
    lt_free(env, segment);
    lt_free(env, popularity);
    lt_free(env, score);
    return LT_OK;
}

lt_status lt_arrange(lt_env *env, const lt_recommender *r, const lt_request *q, int first, const int32_t *item,
                     const float *value, const float *margin, int64_t pool, lt_list *out)
{
    LT_TRY(lt_alloc(env, &out->item, (size_t)pool, sizeof *out->item, "the list"));
    LT_TRY(lt_alloc(env, &out->score, (size_t)pool, sizeof *out->score, "the list"));
    LT_TRY(lt_alloc(env, &out->base, (size_t)pool, sizeof *out->base, "the list"));
    if (first < q->n_stages) {
        LT_TRY(rerank_pool(env, r, q, first, item, value, pool, out));
    } else {
        out->n = pool;
        for (int64_t i = 0; i < pool; i++) {
            out->item[i] = (int32_t)i;
            out->score[i] = shown(r, value[i]);
        }
    }
    for (int64_t i = 0; i < out->n; i++) {
        out->base[i] = shown(r, margin[out->item[i]]);
        out->item[i] = item[out->item[i]];
    }
    return LT_OK;
}

/*
 * Of equal values the more popular item is the better one: best[0..k), what a selection by index left of n candidates,
 * gets those of the candidates tied with its last value, and every run of equal values is put in order.
 */
static void break_ties(const lt_recommender *r, const int32_t *candidates, const float *value, const uint8_t *excluded,
                       int64_t n, int32_t *best, const float *best_value, int64_t k)
{
    const int32_t *rank = r->popularity.rank;
    float last = k > 0 ? best_value[k - 1] : 0;
    int64_t certain = k;

    while (certain > 0 && best_value[certain - 1] == last)
        certain--;
    for (int64_t i = 0, held = certain; i < n && k > 0; i++) {
        int64_t at;

        if (value[i] != last || (excluded != NULL && excluded[i]))
            continue;
        at = held < k ? held++ : k;
        while (at > certain && rank[lt_item_at(candidates, best[at - 1])] > rank[lt_item_at(candidates, i)]) {
            if (at < k)
                best[at] = best[at - 1];
            at--;
        }
        if (at < k)
            best[at] = (int32_t)i;
    }
    for (int64_t i = 1; i < certain; i++) {
        int32_t item = best[i];
        int64_t at = i;

        for (; at > 0 && best_value[at - 1] == best_value[i] &&
               rank[lt_item_at(candidates, best[at - 1])] > rank[lt_item_at(candidates, item)];
             at--)
            best[at] = best[at - 1];
        best[at] = item;
    }
}

int64_t lt_best(const lt_recommender *r, const int32_t *candidates, const float *value, const uint8_t *excluded,
                int64_t n, int64_t k, int32_t *best, float *best_value)
{
    k = lt_top_k(value, excluded, n, k, best, best_value);
    break_ties(r, candidates, value, excluded, n, best, best_value, k);
    return k;
}

lt_adjustment lt_ordering(const lt_request *q, int *first)
{
    lt_adjustment adjust = q->adjust;

    for (*first = 0; *first < q->n_stages && q->stages[*first].method->pointwise; ++*first)
        if (q->stages[*first].method->needs_popularity && q->stages[*first].strength > 0) {
            adjust.popularity += q->stages[*first].strength;
            adjust.prepared = NULL;
        }
    return adjust;
}

int64_t lt_pool(const lt_request *q, int first, int64_t n)
{
    int64_t k = q->k < n ? q->k : n, pool = 10 * k > POOL ? 10 * k : POOL;

    if (first == q->n_stages)
        return k;
    return pool < n ? pool : n;
}

lt_status lt_choose(lt_env *env, const lt_recommender *r, const lt_request *q, const float *margin, lt_list *out)
{
    int first; /* the first stage that looks at the list; popularity before it is a further adjustment */
    lt_adjustment adjust = lt_ordering(q, &first);
    int64_t n = lt_candidates_of(r, q), pool = lt_pool(q, first, n);
    const uint8_t *hidden = r->bundle->hidden;
    float *ordering, *value, *of_pool;
    uint8_t *excluded = NULL;
    int32_t *best;

    LT_TRY(lt_alloc(env, &ordering, (size_t)n, sizeof *ordering, "the scores"));
    LT_TRY(lt_alloc(env, &value, (size_t)pool, sizeof *value, "the list"));
    LT_TRY(lt_alloc(env, &of_pool, (size_t)pool, sizeof *of_pool, "the list"));
    LT_TRY(lt_alloc(env, &best, (size_t)pool, sizeof *best, "the list"));
    if (hidden != NULL || (q->excluded != NULL && q->candidates != NULL)) {
        LT_TRY(lt_alloc(env, &excluded, (size_t)n, 1, "the exclusions"));
        for (int64_t i = 0; i < n; i++) {
            int32_t item = lt_item_at(q->candidates, i);

            excluded[i] = (q->excluded != NULL && q->excluded[item]) || (hidden != NULL && hidden[item]);
        }
    }
    for (int64_t i = 0; i < n; i++)
        ordering[i] = lt_adjusted(r, margin[i], lt_item_at(q->candidates, i), &adjust);
    pool = lt_best(r, q->candidates, ordering, excluded != NULL ? excluded : q->excluded, n, pool, best, value);
    for (int64_t i = 0; i < pool; i++) {
        of_pool[i] = margin[best[i]];
        best[i] = lt_item_at(q->candidates, best[i]);
    }
    LT_TRY(lt_arrange(env, r, q, first, best, value, of_pool, pool, out));
    lt_free(env, excluded);
    lt_free(env, best);
    lt_free(env, of_pool);
    lt_free(env, value);
    lt_free(env, ordering);
    return LT_OK;
}

lt_status lt_recommend(lt_env *env, const lt_recommender *r, const lt_request *q, lt_list *out)
{
    float *margin;

    LT_TRY(lt_alloc(env, &margin, (size_t)lt_candidates_of(r, q), sizeof *margin, "the scores"));
    LT_TRY(lt_score_candidates(env, r, q, margin));
    LT_TRY(lt_choose(env, r, q, margin, out));
    lt_free(env, margin);
    return LT_OK;
}
