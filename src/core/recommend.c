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

/* The least and the most of n numbers; 0 for none. */
static void find_range(const double *v, int64_t n, double range[2])
{
    range[0] = range[1] = v == NULL || n == 0 ? 0 : v[0];
    for (int64_t i = 1; v != NULL && i < n; i++) {
        range[0] = fmin(range[0], v[i]);
        range[1] = fmax(range[1], v[i]);
    }
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
    find_range(r->log_count, p->items, r->log_counts);
    find_range(bundle->trend, p->items, r->trends);
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

int64_t lt_best(const lt_recommender *r, const int32_t *candidates, const float *value, int64_t n, int64_t k,
                int32_t *best, float *best_value)
{
    lt_top top = {.k = k, .index = best, .value = best_value, .rank = r->popularity.rank, .item = candidates};

    lt_top_offer_all(&top, value, n);
    lt_top_sort(&top);
    return top.n;
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

/* Whether the item is among the request's left_out. */
static bool listed(const lt_request *q, int32_t item)
{
    int64_t low = 0, high = q->n_left_out;

    while (low < high) {
        int64_t middle = (low + high) / 2;

        if (q->left_out[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < q->n_left_out && q->left_out[low] == item;
}

static bool masked(const lt_recommender *r, const lt_request *q, int32_t item)
{
    return (q->excluded != NULL && q->excluded[item]) || (r->bundle->hidden != NULL && r->bundle->hidden[item]);
}

lt_status lt_choose(lt_env *env, const lt_recommender *r, const lt_request *q, const float *margin, lt_list *out)
{
    int first; /* the first stage that looks at the list; popularity before it is a further adjustment */
    lt_adjustment adjust = lt_ordering(q, &first);
    int64_t n = lt_candidates_of(r, q), pool = lt_pool(q, first, n);
    float *ordering, *value, *of_pool;
    int32_t *best;

    LT_TRY(lt_alloc(env, &ordering, (size_t)n, sizeof *ordering, "the scores"));
    LT_TRY(lt_alloc(env, &value, (size_t)pool, sizeof *value, "the list"));
    LT_TRY(lt_alloc(env, &of_pool, (size_t)pool, sizeof *of_pool, "the list"));
    LT_TRY(lt_alloc(env, &best, (size_t)pool, sizeof *best, "the list"));
    for (int64_t i = 0; i < n; i++) {
        int32_t item = lt_item_at(q->candidates, i);

        ordering[i] = masked(r, q, item) || (q->candidates != NULL && listed(q, item))
                          ? NAN
                          : lt_adjusted(r, margin[i], item, &adjust);
    }
    for (int64_t j = 0; q->candidates == NULL && j < q->n_left_out; j++)
        ordering[q->left_out[j]] = NAN;
    pool = lt_best(r, q->candidates, ordering, n, pool, best, value);
    for (int64_t i = 0; i < pool; i++) {
        of_pool[i] = margin[best[i]];
        best[i] = lt_item_at(q->candidates, best[i]);
    }
    LT_TRY(lt_arrange(env, r, q, first, best, value, of_pool, pool, out));
    lt_free(env, best);
    lt_free(env, of_pool);
    lt_free(env, value);
    lt_free(env, ordering);
    return LT_OK;
}

/* ---- dot products ---- */

/* What orders the catalogue in a search, as lt_scan_order wants it. */
typedef struct searched {
    const lt_recommender *r;
    const lt_request *q;
    lt_adjustment adjust;
    double most; /* no item's effect is above */
} searched;

static float value_of(const void *context, float margin, int32_t item)
{
    const searched *s = context;

    return lt_adjusted(s->r, margin, item, &s->adjust);
}

/* lt_adjusted turned around, for the item that gains most; what it rounds is allowed for. */
static double least_margin(const void *context, float value)
{
    const searched *s = context;

    if (s->r->bundle->model.link != LT_LINK_IDENTITY)
        return value - s->most - 1e-6 * (fabs(value) + fabs(s->most)) - 1e-40;
    if (value <= 0)
        return (value * (1 + 1e-6) - 1e-44) * s->most;
    return value < 1e-30 ? 0 : value * (1 - 1e-6) / s->most;
}

static bool left_out(const void *context, int32_t item)
{
    const searched *s = context;

    return masked(s->r, s->q, item) || listed(s->q, item);
}

/* The least number that no item's effect is above, and a little more. */
static double most_effect(const lt_recommender *r, const lt_adjustment *a)
{
    double most = fmax(-a->popularity * r->log_counts[0], -a->popularity * r->log_counts[1]) +
                  fmax(a->trend * r->trends[0], a->trend * r->trends[1]);

    most += 1e-9 * (1 + fabs(most));
    return r->bundle->model.link == LT_LINK_IDENTITY ? exp(most) : most;
}

/* lt_recommend over the whole catalogue, where margins are dot products: most of them are not even computed. */
static lt_status search(lt_env *env, const lt_recommender *r, const lt_request *q, lt_list *out)
{
    int first;
    searched s = {.r = r, .q = q, .adjust = lt_ordering(q, &first)};
    lt_scan_order order = {.left_out = left_out, .context = &s};
    lt_top top = {.k = lt_pool(q, first, r->bundle->items.n), .rank = r->popularity.rank};
    float *margin;
    lt_seek seek;

    if (s.adjust.popularity != 0 || s.adjust.trend != 0) {
        s.most = most_effect(r, &s.adjust);
        order.value = value_of;
        order.least_margin = least_margin;
    }
    LT_TRY(lt_alloc(env, &margin, (size_t)top.k, sizeof *margin, "the list"));
    LT_TRY(lt_alloc(env, &top.value, (size_t)top.k, sizeof *top.value, "the list"));
    LT_TRY(lt_alloc(env, &top.index, (size_t)top.k, sizeof *top.index, "the list"));
    LT_TRY(r->bundle->model.algorithm->seek(env, &r->scorer, &q->subject, &seek));
    LT_TRY(lt_scan_best(env, &seek, &order, &top, NULL));
    lt_top_sort(&top);
    LT_TRY(lt_scan_margins(env, &seek, top.index, top.n, margin));
    LT_TRY(lt_arrange(env, r, q, first, top.index, top.value, margin, top.n, out));
    lt_free(env, seek.x);
    lt_free(env, top.index);
    lt_free(env, top.value);
    lt_free(env, margin);
    return LT_OK;
}

lt_status lt_recommend(lt_env *env, const lt_recommender *r, const lt_request *q, lt_list *out)
{
    float *margin;

    if (q->candidates == NULL && !q->popularity_only && r->bundle->model.algorithm->seek != NULL)
        return search(env, r, q, out);
    LT_TRY(lt_alloc(env, &margin, (size_t)lt_candidates_of(r, q), sizeof *margin, "the scores"));
    LT_TRY(lt_score_candidates(env, r, q, margin));
    LT_TRY(lt_choose(env, r, q, margin, out));
    lt_free(env, margin);
    return LT_OK;
}
