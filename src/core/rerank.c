/*
 * rerank.c: the registry, the checks all methods share, methods one after the other, and `none` and `popularity`.
 */
#include "rerank.h"

#include "sort.h"

#include <math.h>
#include <string.h>

/* ---- what the methods share ---- */

lt_status lt_rerank_order(lt_env *env, int64_t n, const double *const *key, int n_keys, int32_t *order)
{
    lt_keyed *sorted;

    LT_TRY(lt_alloc(env, &sorted, (size_t)n, sizeof *sorted, "the candidates' order"));
    for (int64_t i = 0; i < n; i++)
        sorted[i].index = i;
    for (int level = n_keys - 1; level >= 0; level--) { /* the sort is stable: the last one rules */
        for (int64_t i = 0; i < n; i++)
            sorted[i].key = lt_sort_key(-key[level][sorted[i].index]);
        LT_TRY(lt_sort(env, sorted, n));
    }
    for (int64_t i = 0; i < n; i++)
        order[i] = (int32_t)sorted[i].index;
    lt_free(env, sorted);
    return LT_OK;
}

void lt_rerank_relevance(const lt_rerank_input *in, double *relevance)
{
    double low = INFINITY, high = -INFINITY, range;

    for (int64_t i = 0; i < in->n; i++) {
        low = fmin(low, in->score[i]);
        high = fmax(high, in->score[i]);
    }
    range = high / 2 - low / 2; /* halves, lest the difference overflow */
    for (int64_t i = 0; i < in->n; i++)
        relevance[i] = range > 0 ? (in->score[i] / 2 - low / 2) / range : 1;
}

static int64_t next_of(const lt_rerank_input *in, const int32_t *order, int64_t at, bool tail)
{
    while (at < in->n && (lt_rerank_segment(in, order[at]) == LT_TAIL) != tail)
        at++;
    return at;
}

lt_status lt_rerank_queues_init(lt_env *env, const lt_rerank_input *in, lt_rerank_queues *q)
{
    LT_TRY(lt_alloc(env, &q->order, (size_t)in->n, sizeof *q->order, "the candidates' order"));
    LT_TRY(lt_rerank_order(env, in->n, &in->score, 1, q->order));
    q->next[false] = next_of(in, q->order, 0, false);
    q->next[true] = next_of(in, q->order, 0, true);
    return LT_OK;
}

int32_t lt_rerank_take(const lt_rerank_input *in, lt_rerank_queues *q, bool tail)
{
    int32_t taken = q->order[q->next[tail]];

    q->next[tail] = next_of(in, q->order, q->next[tail] + 1, tail);
    return taken;
}

#define POLL_EVERY 65536 /* candidates */

/* The candidate of the highest value; bound: the value of each when last looked at, -INFINITY of those taken. */
static lt_status best_to_add(lt_env *env, const lt_rerank_input *in, const lt_rerank_growth *growth,
                             const int32_t *order, const double *relevance, double *bound, int64_t t, int32_t *best,
                             double *value)
{
    *value = -INFINITY;
    for (int64_t r = 0; r < in->n; r++) {
        int32_t i = order[r];

        if (r % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (bound[i] <= *value)
            continue;
        bound[i] = (1 - in->strength) * relevance[i] + in->strength * growth->gain(growth->context, i, t);
        if (bound[i] > *value) {
            *value = bound[i];
            *best = i;
        }
    }
    bound[*best] = -INFINITY;
    return LT_OK;
}

lt_status lt_rerank_grow(lt_env *env, const lt_rerank_input *in, const lt_rerank_growth *growth, int32_t *chosen,
                         double *value, int64_t *n_chosen)
{
    int64_t length = lt_rerank_length(in);
    double *relevance, *bound;
    int32_t *order;

    LT_TRY(lt_alloc(env, &relevance, 2 * (size_t)in->n, sizeof *relevance, "the candidates' relevance"));
    LT_TRY(lt_alloc(env, &order, (size_t)in->n, sizeof *order, "the candidates' order"));
    bound = relevance + in->n;
    for (int64_t i = 0; i < in->n; i++)
        bound[i] = INFINITY;
    lt_rerank_relevance(in, relevance);
    LT_TRY(lt_rerank_order(env, in->n, &in->score, 1, order));
    for (int64_t t = 0; t < length; t++) {
        LT_TRY(best_to_add(env, in, growth, order, relevance, bound, t, &chosen[t], &value[t]));
        if (t + 1 < length)
            LT_TRY(growth->add(env, growth->context, chosen[t]));
    }
    *n_chosen = length;
    lt_free(env, order);
    lt_free(env, relevance);
    return LT_OK;
}

/* ---- none ---- */

static lt_status run_none(lt_env *env, const lt_rerank_input *in, int32_t *chosen, double *value, int64_t *n_chosen)
{
    int32_t *order;

    LT_TRY(lt_alloc(env, &order, (size_t)in->n, sizeof *order, "the candidates' order"));
    LT_TRY(lt_rerank_order(env, in->n, &in->score, 1, order));
    *n_chosen = lt_rerank_length(in);
    for (int64_t r = 0; r < *n_chosen; r++) {
        chosen[r] = order[r];
        value[r] = in->score[order[r]];
    }
    lt_free(env, order);
    return LT_OK;
}

static const lt_reranker rerank_none = {
    .name = "none",
    .help = "The best by score; strength is ignored.",
    .pointwise = true,
    .raises_tail = true,
    .max_strength = INFINITY,
    .run = run_none,
};

/* ---- popularity ---- */

static double at_least_one(double popularity)
{
    return popularity > 1 ? popularity : 1;
}

double lt_boost(double score, double popularity, double strength)
{
    return score * pow(at_least_one(popularity), score >= 0 ? -strength : strength);
}

/*
 * value = score * popularity^-strength, or for log-odds score - strength * ln popularity: the odds divided by a power
 * of the popularity, as inverse propensity weighting does with propensity ~ popularity^strength (Steck, "Item
 * popularity and recommendation accuracy", 2011).
 *
 * More strength never lowers the number of tail items in a list, provided that every tail item is at most as popular as
 * every other (segments come from popularity): let tail item t rank above other item h.  More strength multiplies t's
 * lead by (pop_h / pop_t)^more >= 1 (adds more * ln(pop_h / pop_t) >= 0), so t stays above h.  If the list held fewer
 * tail items than before, one of those from before would now be below an item that was outside, hence below it: no.
 * Where values tie because a product underflowed, overflowed or a score is 0, the less popular goes first and then the
 * higher score, as they did before they underflowed.  Two values apart by a rounding error may still change places.
 */
static lt_status run_popularity(lt_env *env, const lt_rerank_input *in, int32_t *chosen, double *value,
                                int64_t *n_chosen)
{
    const double *key[3];
    double *boosted, *rareness;
    int32_t *order;

    LT_TRY(lt_alloc(env, &boosted, 2 * (size_t)in->n, sizeof *boosted, "boosted scores"));
    LT_TRY(lt_alloc(env, &order, (size_t)in->n, sizeof *order, "the candidates' order"));
    rareness = boosted + in->n;
    for (int64_t i = 0; i < in->n; i++) {
        double popularity = at_least_one(in->popularity[i]);

        boosted[i] = in->logit ? in->score[i] - in->strength * log(popularity)
                               : lt_boost(in->score[i], popularity, in->strength);
        rareness[i] = -popularity;
    }
    key[0] = boosted;
    key[1] = rareness;
    key[2] = in->score;
    LT_TRY(lt_rerank_order(env, in->n, key, 3, order));
    *n_chosen = lt_rerank_length(in);
    for (int64_t r = 0; r < *n_chosen; r++) {
        chosen[r] = order[r];
        value[r] = boosted[order[r]];
    }
    lt_free(env, order);
    lt_free(env, boosted);
    return LT_OK;
}

static const lt_reranker rerank_popularity = {
    .name = "popularity",
    .help = "Divides each score by popularity^strength; log-odds lose strength times ln popularity.",
    .pointwise = true,
    .raises_tail = true,
    .needs_popularity = true,
    .max_strength = INFINITY,
    .run = run_popularity,
};

/* ---- the registry ---- */

const lt_reranker *const lt_rerankers[] = {
    &rerank_none,          &rerank_popularity, &lt_rerank_xquad,
    &lt_rerank_calibrated, &lt_rerank_mmr,     &lt_rerank_dpp,
    &lt_rerank_quota,      &lt_rerank_random,  NULL,
};

const lt_reranker *lt_reranker_find(const char *name)
{
    for (const lt_reranker *const *method = lt_rerankers; *method != NULL; method++)
        if (strcmp((*method)->name, name) == 0)
            return *method;
    return NULL;
}

static lt_status check(lt_env *env, const lt_reranker *method, const lt_rerank_input *in)
{
    bool acts = in->strength != 0; /* the identity looks at scores alone */

    if (in->n < 0 || in->n > INT32_MAX)
        return lt_fail(env, LT_INVALID, "%lld candidates are more than can be reranked", (long long)in->n);
    if (in->k < 0)
        return lt_fail(env, LT_INVALID, "k must not be negative, and is %lld", (long long)in->k);
    if (!(in->strength >= 0 && in->strength <= method->max_strength && isfinite(in->strength))) {
        lt_fail(env, LT_INVALID, "strength %g is out of range for method \"%s\"", in->strength, method->name);
        return isfinite(method->max_strength)
                   ? lt_fail_detail(env, "It must be between 0 and %g.", method->max_strength)
                   : lt_fail_detail(env, "It must be a finite number of at least 0.");
    }
    if (acts && method->needs_popularity && in->popularity == NULL)
        return lt_fail(env, LT_INVALID, "method \"%s\" needs the candidates' popularity", method->name);
    if (acts && method->needs_segment && in->segment == NULL && in->group == NULL && in->groups == NULL)
        return lt_fail(env, LT_INVALID, "method \"%s\" needs the candidates' segments", method->name);
    if (acts && method->needs_similarity && in->similarity == NULL)
        return lt_fail(env, LT_INVALID, "method \"%s\" needs to know how alike the candidates are", method->name);
    for (int64_t i = 0; i < in->n; i++) {
        if (!isfinite(in->score[i]))
            return lt_fail(env, LT_INVALID, "the score of candidate %lld is %g", (long long)i + 1, in->score[i]);
        if (acts && method->needs_popularity && !(in->popularity[i] >= 0 && isfinite(in->popularity[i])))
            return lt_fail(env, LT_INVALID, "the popularity of candidate %lld is %g", (long long)i + 1,
                           in->popularity[i]);
    }
    return LT_OK;
}

lt_status lt_rerank(lt_env *env, const lt_reranker *method, const lt_rerank_input *in, int32_t *chosen, double *value,
                    int64_t *n_chosen)
{
    *n_chosen = 0;
    LT_TRY(check(env, method, in));
    LT_TRY(lt_poll(env));
    if (in->strength == 0) /* the identity of every method, with the scores as they came */
        return run_none(env, in, chosen, value, n_chosen);
    return method->run(env, in, chosen, value, n_chosen);
}

/* ---- one method after the other ---- */

#define HANDED_ON 50 /* candidates that a stage hands on, at least */

/* The n_picked candidates pick[] of `in`, whose arrays are replaced by theirs; popularity and segments go along. */
static lt_status keep_picked(lt_env *env, lt_rerank_input *in, const int32_t *pick, int64_t n_picked)
{
    double *popularity = NULL;
    uint8_t *segment = NULL;
    int32_t *item = NULL;

    if (in->popularity != NULL)
        LT_TRY(lt_alloc(env, &popularity, (size_t)n_picked, sizeof *popularity, "the candidates"));
    if (in->segment != NULL)
        LT_TRY(lt_alloc(env, &segment, (size_t)n_picked, sizeof *segment, "the candidates"));
    if (in->item != NULL)
        LT_TRY(lt_alloc(env, &item, (size_t)n_picked, sizeof *item, "the candidates"));
    for (int64_t i = 0; i < n_picked; i++) {
        if (popularity != NULL)
            popularity[i] = in->popularity[pick[i]];
        if (segment != NULL)
            segment[i] = in->segment[pick[i]];
        if (item != NULL)
            item[i] = in->item[pick[i]];
    }
    in->n = n_picked;
    in->popularity = popularity;
    in->segment = segment;
    in->item = item;
    return LT_OK;
}

/* The scores with which the list goes on: see lt_rerank_stages. */
static lt_status hand_on(lt_env *env, const lt_reranker *method, const lt_rerank_input *in, const double *value,
                         int64_t n_chosen, const double **score)
{
    double *dealt;
    int32_t *order;

    LT_TRY(lt_alloc(env, &dealt, (size_t)n_chosen, sizeof *dealt, "the candidates"));
    LT_TRY(lt_alloc(env, &order, (size_t)in->n, sizeof *order, "the candidates"));
    LT_TRY(lt_rerank_order(env, in->n, &in->score, 1, order));
    for (int64_t r = 0; r < n_chosen; r++)
        dealt[r] = method->pointwise ? value[r] : in->score[order[r]];
    lt_free(env, order);
    *score = dealt;
    return LT_OK;
}

static lt_status run_stages(lt_env *env, const lt_rerank_stage *stages, int n_stages, const lt_rerank_input *in,
                            int32_t *chosen, double *value, int64_t *n_chosen)
{
    lt_rerank_input now = *in;
    int64_t handed_on = in->k < INT32_MAX / 3 ? 3 * in->k : in->k;
    int32_t *place; /* of now's candidates in `in` */

    LT_TRY(lt_alloc(env, &place, (size_t)in->n, sizeof *place, "the candidates"));
    for (int64_t i = 0; i < in->n; i++)
        place[i] = (int32_t)i;
    for (int s = 0; s < n_stages; s++) {
        const lt_rerank_stage *stage = &stages[s];
        bool last = s == n_stages - 1;

        now.strength = stage->strength;
        now.options = stage->options;
        now.k = last ? in->k : (handed_on < HANDED_ON ? HANDED_ON : handed_on);
        if (s > 0) { /* these are of all candidates */
            now.group = NULL;
            now.groups = NULL;
            now.similarity = NULL;
            memcpy(now.user_taste, in->user_taste, sizeof now.user_taste); /* facts may have put another in its place */
        }
        if (stage->facts != NULL)
            LT_TRY(stage->facts(env, stage->context, &now));
        LT_TRY(lt_rerank(env, stage->method, &now, chosen, value, n_chosen));
        if (!last) {
            LT_TRY(hand_on(env, stage->method, &now, value, *n_chosen, &now.score));
            LT_TRY(keep_picked(env, &now, chosen, *n_chosen));
        }
        for (int64_t r = 0; r < *n_chosen; r++)
            chosen[r] = place[chosen[r]];
        memcpy(place, chosen, (size_t)*n_chosen * sizeof *place);
    }
    return LT_OK;
}

lt_status lt_rerank_stages(lt_env *env, const lt_rerank_stage *stages, int n_stages, const lt_rerank_input *in,
                           int32_t *chosen, double *value, int64_t *n_chosen)
{
    lt_scope scope;
    lt_status status;

    lt_scope_open(env, &scope);
    status = run_stages(&scope.env, stages, n_stages, in, chosen, value, n_chosen);
    lt_scope_close(&scope);
    return status;
}
