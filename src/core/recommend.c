/*
 * recommend.c: from a user to a list, and from lists to a validation figure.
 *
 * Scores: the model's margin; less popularity_exponent * ln(popularity) where the model says so; through the link.
 * Lists are ordered before the link, where nothing saturates. A multiplication of a count, or of odds, by
 * popularity^-g is a subtraction of g ln(popularity) from its logarithm; a margin without a link takes lt_boost.
 */
#include "recommend.h"

#include "metrics.h"
#include "topk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POOL 500              /* candidates that reordering methods look at, at least */
#define VALIDATION_USERS 2000 /* users ranked for a validation figure, at most */
#define EPOCH_USERS 300       /* and for an epoch's */
#define VALIDATION_K 10
#define POLL_EVERY (1 << 20) /* comparisons of scores */
#define RELEVANT 2           /* a mark that is not an exclusion's */

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
    r->scorer = (lt_scorer){.model = &bundle->model,
                            .user = &bundle->user,
                            .item = &bundle->item,
                            .item_count = bundle->item_count};
    if (!lt_bundle_is_recommender(bundle))
        return LT_OK;
    LT_TRY(lt_popularity_build(env, bundle->item_count, bundle->items.n, bundle->head_share, bundle->tail_share,
                               &r->popularity));
    LT_TRY(lt_alloc(env, &r->log_count, (size_t)p->items, sizeof *r->log_count, "the items' popularity"));
    LT_TRY(lt_alloc(env, &r->popular, (size_t)p->items, sizeof *r->popular, "the items' popularity"));
    for (int32_t i = 0; i < p->items; i++) {
        r->log_count[i] = p->count[i] > 1 ? log(p->count[i]) : 0;
        r->popular[i] = (float)popular_margin(bundle->model.link, (p->count[i] + 1) / (p->total + p->items));
    }
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

static int32_t item_at(const int32_t *candidates, int64_t i)
{
    return candidates == NULL ? (int32_t)i : candidates[i];
}

/* A margin with popularity taken out at the given exponent; on the scale that orders lists (see the banner). */
static float adjusted(const lt_recommender *r, float margin, int32_t item, double exponent)
{
    if (exponent == 0)
        return margin;
    if (r->bundle->model.link == LT_LINK_IDENTITY)
        return (float)lt_boost(margin, r->popularity.count[item], exponent);
    return (float)(margin - exponent * r->log_count[item]);
}

/* The figure users see for a margin or an ordering value. */
static double shown(const lt_recommender *r, double value)
{
    return lt_link_apply(r->bundle->model.link, value);
}

/* margin[0..n): the model's, or popularity's for somebody unknown. */
static lt_status score_candidates(lt_env *env, const lt_recommender *r, const lt_request *q, int64_t n, float *margin)
{
    const lt_algorithm *algorithm = r->bundle->model.algorithm;

    if (!q->popularity_only)
        return algorithm->score(env, &r->scorer, &q->subject, q->candidates, n, margin);
    for (int64_t i = 0; i < n; i++)
        margin[i] = r->popular[item_at(q->candidates, i)];
    return LT_OK;
}

/* Reorders the `pool` candidates best[] (ordered by value[]) with a method that looks at the list. */
static lt_status rerank_pool(lt_env *env, const lt_recommender *r, const lt_request *q, const int32_t *best,
                             const float *value, int64_t pool, lt_list *out)
{
    lt_rerank_input in = {
        .n = pool, .k = q->k < pool ? q->k : pool, .strength = q->strength, .seed = q->seed, .options = q->options};
    double *score, *popularity;
    uint8_t *segment;
    int32_t *chosen;

    LT_TRY(lt_alloc(env, &score, (size_t)pool, sizeof *score, "the candidates"));
    LT_TRY(lt_alloc(env, &popularity, (size_t)pool, sizeof *popularity, "the candidates"));
    LT_TRY(lt_alloc(env, &segment, (size_t)pool, sizeof *segment, "the candidates"));
    LT_TRY(lt_alloc(env, &chosen, (size_t)pool, sizeof *chosen, "the candidates"));
    for (int64_t i = 0; i < pool; i++) {
        int32_t item = item_at(q->candidates, best[i]);

        score[i] = shown(r, value[i]);
        popularity[i] = r->popularity.count[item];
        segment[i] = r->popularity.segment[item];
    }
    in.score = score;
    in.popularity = popularity;
    in.segment = segment;
    lt_taste(&r->popularity, q->subject.history, q->subject.n_history, in.user_taste);
    LT_TRY(lt_rerank(env, q->method, &in, chosen, out->score, &out->n));
    for (int64_t i = 0; i < out->n; i++)
        out->item[i] = best[chosen[i]];
    lt_free(env, chosen);
    lt_free(env, segment);
    lt_free(env, popularity);
    lt_free(env, score);
    return LT_OK;
}

/* How many candidates a request has. */
static int64_t candidates_of(const lt_recommender *r, const lt_request *q)
{
    return q->candidates == NULL ? r->bundle->items.n : q->n_candidates;
}

/*
 * Of equal values the more popular item is the better one: best[0..k), what a selection by index left of n candidates,
 * gets those of the candidates tied with its last value, and every run of equal values is put in order.
 */
static void break_ties(const lt_recommender *r, const lt_request *q, const float *value, const uint8_t *excluded,
                       int64_t n, int32_t *best, float *best_value, int64_t k)
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
        while (at > certain && rank[item_at(q->candidates, best[at - 1])] > rank[item_at(q->candidates, i)]) {
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
               rank[item_at(q->candidates, best[at - 1])] > rank[item_at(q->candidates, item)];
             at--)
            best[at] = best[at - 1];
        best[at] = item;
    }
}

/* The list from the candidates' margins. */
static lt_status choose(lt_env *env, const lt_recommender *r, const lt_request *q, const float *margin, lt_list *out)
{
    int64_t n = candidates_of(r, q);
    bool whole = strcmp(q->method->name, "none") == 0 || strcmp(q->method->name, "popularity") == 0;
    double exponent = q->popularity_exponent + (whole && q->method->needs_popularity ? q->strength : 0);
    int64_t k = q->k < n ? q->k : n;
    int64_t pool = whole ? k : (10 * k > POOL ? 10 * k : POOL);
    float *ordering, *value;
    uint8_t *excluded = NULL;
    int32_t *best;

    if (pool > n)
        pool = n;
    LT_TRY(lt_alloc(env, &ordering, (size_t)n, sizeof *ordering, "the scores"));
    LT_TRY(lt_alloc(env, &value, (size_t)pool, sizeof *value, "the list"));
    LT_TRY(lt_alloc(env, &best, (size_t)pool, sizeof *best, "the list"));
    LT_TRY(lt_alloc(env, &out->item, (size_t)pool, sizeof *out->item, "the list"));
    LT_TRY(lt_alloc(env, &out->score, (size_t)pool, sizeof *out->score, "the list"));
    LT_TRY(lt_alloc(env, &out->base, (size_t)pool, sizeof *out->base, "the list"));
    if (q->excluded != NULL && q->candidates != NULL) {
        LT_TRY(lt_alloc(env, &excluded, (size_t)n, 1, "the exclusions"));
        for (int64_t i = 0; i < n; i++)
            excluded[i] = q->excluded[q->candidates[i]];
    }
    for (int64_t i = 0; i < n; i++)
        ordering[i] = adjusted(r, margin[i], item_at(q->candidates, i), exponent);
    pool = lt_top_k(ordering, excluded != NULL ? excluded : q->excluded, n, pool, best, value);
    break_ties(r, q, ordering, excluded != NULL ? excluded : q->excluded, n, best, value, pool);
    if (whole) {
        out->n = pool;
        for (int64_t i = 0; i < pool; i++) {
            out->item[i] = best[i];
            out->score[i] = shown(r, value[i]);
        }
    } else {
        LT_TRY(rerank_pool(env, r, q, best, value, pool, out));
    }
    for (int64_t i = 0; i < out->n; i++) {
        out->base[i] = shown(r, margin[out->item[i]]);
        out->item[i] = item_at(q->candidates, out->item[i]);
    }
    lt_free(env, excluded);
    lt_free(env, best);
    lt_free(env, value);
    lt_free(env, ordering);
    return LT_OK;
}

lt_status lt_recommend(lt_env *env, const lt_recommender *r, const lt_request *q, lt_list *out)
{
    int64_t n = candidates_of(r, q);
    float *margin;

    LT_TRY(lt_alloc(env, &margin, (size_t)n, sizeof *margin, "the scores"));
    LT_TRY(score_candidates(env, r, q, n, margin));
    LT_TRY(choose(env, r, q, margin, out));
    lt_free(env, margin);
    return LT_OK;
}

static void free_list(lt_env *env, lt_list *list)
{
    lt_free(env, list->item);
    lt_free(env, list->score);
    lt_free(env, list->base);
}

/*
 * The user's AUC: the chance that a relevant item is ranked above another one that is neither relevant nor excluded,
 * ties counting one half.  NaN when there is no such pair.  score (I) is in any unit that orders and is left
 * rearranged; excluded (I) is left as it came.
 */
static lt_status ranking_auc(lt_env *env, int64_t n, float *score, uint8_t *excluded, const int32_t *relevant,
                             int64_t n_relevant, float *positive, double *auc)
{
    int64_t positives = 0, negatives = 0;
    double wins = 0;

    for (int64_t j = 0; j < n_relevant; j++)
        if (relevant[j] >= 0 && !excluded[relevant[j]]) {
            positive[positives++] = score[relevant[j]];
            excluded[relevant[j]] = RELEVANT;
        }
    for (int64_t i = 0; i < n; i++)
        if (!excluded[i])
            score[negatives++] = score[i];
    for (int64_t j = 0; j < n_relevant; j++)
        if (relevant[j] >= 0 && excluded[relevant[j]] == RELEVANT)
            excluded[relevant[j]] = 0;
    for (int64_t j = 0; j < positives; j++) {
        int32_t below = 0, ties = 0;

        if (j % (1 + POLL_EVERY / (1 + negatives)) == 0)
            LT_TRY(lt_poll(env));
        for (int64_t i = 0; i < negatives; i++) {
            below += score[i] < positive[j];
            ties += score[i] == positive[j];
        }
        wins += below + 0.5 * ties;
    }
    *auc = positives > 0 && negatives > 0 ? wins / ((double)positives * (double)negatives) : NAN;
    return LT_OK;
}

lt_status lt_evaluate_ranking(lt_env *env, const lt_recommender *r, const lt_test *test, const lt_request *how,
                              lt_ranking_metrics *m)
{
    int64_t n = r->bundle->items.n;
    uint8_t *excluded;
    float *margin, *positive;
    double auc;
    int k = 0;

    for (int j = 0; j < m->n_k; j++)
        k = m->k[j] > k ? m->k[j] : k;
    LT_TRY(lt_alloc(env, &excluded, (size_t)n, 1, "the exclusions"));
    LT_TRY(lt_alloc(env, &positive, (size_t)n, sizeof *positive, "the scores"));
    LT_TRY(lt_alloc(env, &margin, (size_t)n, sizeof *margin, "the scores"));
    for (int32_t row = 0; row < test->relevant.rows; row++) {
        const int32_t *relevant = test->relevant.col + test->relevant.start[row];
        int64_t n_relevant = test->relevant.start[row + 1] - test->relevant.start[row];
        lt_request q = *how;
        int32_t stranger =
            test->strangers != NULL && test->user[row] < 0 ? test->stranger_row[-1 - test->user[row]] : -1;
        int64_t start[2];
        lt_table features;
        lt_list list;

        LT_TRY(lt_poll(env));
        q.subject = (lt_subject){.user = test->user[row]};
        q.excluded = excluded;
        q.k = k;
        q.seed = how->seed + (uint64_t)row;
        if (stranger >= 0) {
            features = lt_table_row(test->strangers, stranger, start);
            q.subject.features = &features;
        }
        if (test->seen != NULL && test->user[row] >= 0)
            lt_subject_take_history(&q.subject, test->seen, test->user[row]);
        q.popularity_only = !lt_recommender_knows(r, &q.subject);
        for (int64_t i = 0; i < q.subject.n_history; i++)
            excluded[q.subject.history[i]] = 1;
        LT_TRY(score_candidates(env, r, &q, n, margin));
        LT_TRY(choose(env, r, &q, margin, &list));
        lt_ranking_add(m, list.item, list.n, relevant, n_relevant);
        free_list(env, &list);
        if (!test->lists_only) {
            for (int64_t i = 0; i < n; i++)
                margin[i] = adjusted(r, margin[i], (int32_t)i, how->popularity_exponent);
            LT_TRY(ranking_auc(env, n, margin, excluded, relevant, n_relevant, positive, &auc));
            lt_ranking_add_auc(m, auc);
        }
        for (int64_t i = 0; i < q.subject.n_history; i++)
            excluded[q.subject.history[i]] = 0;
    }
    lt_free(env, margin);
    lt_free(env, positive);
    lt_free(env, excluded);
    return LT_OK;
}

bool lt_metric_higher_is_better(const char *metric)
{
    return strcmp(metric, "ndcg") == 0 || strcmp(metric, "recall") == 0 || strcmp(metric, "auc") == 0;
}

static bool is_seen(const lt_dataset *data, int64_t i)
{
    return data->label_kind == LT_LABEL_REAL || data->train.label[i] > 0;
}

/*
 * The validation part as a ranking test: per user, held-out positives that are not in training. Users and items the
 * bundle does not know count as well, so that versions which know different ones are measured on the same test.
 * lot: of each row's user.
 */
static lt_status ranking_test(lt_env *env, const lt_dataset *data, lt_test *test, float **lot)
{
    const lt_examples *ex = &data->validation, *train = &data->train;
    int32_t rows = 0, *user;
    int64_t n = 0, at = 0, last = -1; /* last: the example added last */

    memset(test, 0, sizeof *test);
    LT_TRY(lt_alloc(env, &test->relevant.start, (size_t)ex->n + 1, sizeof(int64_t), "the validation part"));
    LT_TRY(lt_alloc(env, &test->relevant.col, (size_t)ex->n, sizeof(int32_t), "the validation part"));
    LT_TRY(lt_alloc(env, &user, (size_t)ex->n, sizeof *user, "the validation part"));
    LT_TRY(lt_alloc(env, lot, (size_t)ex->n, sizeof **lot, "the validation part"));
    for (int64_t i = 0; i < ex->n; i++) {
        int32_t u = ex->user[i], item = ex->item[i];

        /* both parts come sorted by user, then item */
        while (at < train->n && (train->user[at] < u || (train->user[at] == u && train->item[at] < item) ||
                                 (train->user[at] == u && train->item[at] == item && !is_seen(data, at))))
            at++;
        if (ex->label[i] <= 0 || (at < train->n && train->user[at] == u && train->item[at] == item))
            continue;
        if (last >= 0 && ex->user[last] == u && ex->item[last] == item)
            continue;
        if (last < 0 || ex->user[last] != u) {
            (*lot)[rows] = data->validation_lot[i];
            user[rows++] = u < 0 ? -1 : u;
        }
        last = i;
        test->relevant.col[n++] = item;
        test->relevant.start[rows] = n;
    }
    test->relevant.rows = rows;
    test->relevant.cols = data->design.items;
    test->user = user;
    test->seen = &data->seen;
    test->lists_only = true;
    return LT_OK;
}

static int compare_lots(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;

    return (left > right) - (left < right);
}

/*
 * Keeps about the `most` rows of the lowest lots, so that measuring stays cheap. Lots depend on users' ids alone: every
 * version is measured on the same users.  lot: of each row.
 */
static lt_status thin(lt_env *env, lt_test *test, const float *lot, int32_t most)
{
    int32_t rows = test->relevant.rows, kept = 0;
    int32_t *user = (int32_t *)test->user;
    int64_t n = 0;
    float *sorted, limit;

    if (rows <= most)
        return LT_OK;
    LT_TRY(lt_alloc(env, &sorted, (size_t)rows, sizeof *sorted, "the validation part"));
    memcpy(sorted, lot, (size_t)rows * sizeof *sorted);
    qsort(sorted, (size_t)rows, sizeof *sorted, compare_lots);
    limit = sorted[most];
    lt_free(env, sorted);
    for (int32_t row = 0; row < rows; row++) {
        int64_t from = test->relevant.start[row], to = test->relevant.start[row + 1];

        if (lot[row] >= limit)
            continue;
        user[kept] = user[row];
        test->relevant.start[kept++] = n;
        memmove(test->relevant.col + n, test->relevant.col + from, (size_t)(to - from) * sizeof(int32_t));
        n += to - from;
    }
    test->relevant.start[kept] = n;
    test->relevant.rows = kept;
    return LT_OK;
}

static lt_status validate_ranking(lt_env *env, const lt_recommender *r, const lt_dataset *data, lt_measure measure,
                                  int32_t most, double *value)
{
    int k = VALIDATION_K;
    lt_request plain = {.method = lt_reranker_find("none"), .popularity_exponent = r->bundle->popularity_exponent};
    lt_ranking_metrics m;
    lt_test test;
    float *lot;

    LT_TRY(ranking_test(env, data, &test, &lot));
    LT_TRY(thin(env, &test, lot, most));
    LT_TRY(lt_ranking_init(env, &m, &k, 1, &r->popularity));
    LT_TRY(lt_evaluate_ranking(env, r, &test, &plain, &m));
    return lt_ranking_value(env, &m, measure, 0, value);
}

static double pointwise(const char *metric, const double *prediction, const float *label, const float *weight,
                        int64_t n)
{
    double sum = 0, total = 0;

    for (int64_t i = 0; i < n; i++) {
        double w = weight != NULL ? weight[i] : 1;
        double p = prediction[i], y = label[i], loss;

        if (strcmp(metric, "rmse") == 0)
            loss = (p - y) * (p - y);
        else if (strcmp(metric, "mae") == 0)
            loss = fabs(p - y);
        else
            loss = lt_poisson_deviance(p, y);
        sum += w * loss;
        total += w;
    }
    if (total == 0)
        return NAN;
    return strcmp(metric, "rmse") == 0 ? sqrt(sum / total) : sum / total;
}

/* Metrics of single predictions; implicit feedback is given sampled negatives, the same for every model. */
static lt_status validate_pointwise(lt_env *env, const lt_recommender *r, const lt_dataset *data,
                                    const lt_options *options, const char *metric, double *value)
{
    const lt_examples *ex = &data->validation;
    lt_inputs in = lt_dataset_inputs(data);
    lt_examples sampled;
    float *margin;
    double *prediction, *weight = NULL;
    uint8_t *positive;

    if (data->label_kind == LT_LABEL_IMPLICIT) {
        lt_random rng;

        lt_random_seed(&rng, (uint64_t)lt_option_int(options, "seed"));
        LT_TRY(lt_sample_negatives(env, data, ex, &data->seen, 1, 0, false, &rng, &sampled));
        ex = &sampled;
    }
    LT_TRY(lt_alloc(env, &margin, (size_t)ex->n, sizeof *margin, "the predictions"));
    LT_TRY(lt_alloc(env, &prediction, (size_t)ex->n, sizeof *prediction, "the predictions"));
    LT_TRY(lt_alloc(env, &positive, (size_t)ex->n, 1, "the predictions"));
    LT_TRY(r->bundle->model.algorithm->predict(env, &r->bundle->model, &in, ex, margin));
    if (ex->weight != NULL)
        LT_TRY(lt_alloc(env, &weight, (size_t)ex->n, sizeof *weight, "the predictions"));
    for (int64_t i = 0; i < ex->n; i++) {
        prediction[i] = lt_link_apply(r->bundle->model.link, margin[i]);
        positive[i] = ex->label[i] > 0;
        if (weight != NULL)
            weight[i] = ex->weight[i];
    }
    if (strcmp(metric, "log_loss") == 0)
        *value = lt_log_loss(prediction, positive, weight, ex->n);
    else if (strcmp(metric, "auc") == 0)
        LT_TRY(lt_auc(env, prediction, positive, weight, ex->n, value));
    else
        *value = pointwise(metric, prediction, ex->label, ex->weight, ex->n);
    return LT_OK;
}

static const char *metric_of(const lt_recommender *r, const lt_dataset *data, const lt_options *options)
{
    if (!lt_option_is(options, "validation_metric", "auto"))
        return lt_option_text(options, "validation_metric");
    if (data->label_kind == LT_LABEL_IMPLICIT || r->bundle->model.algorithm->ranks_only)
        return "ndcg";
    if (r->bundle->model.link == LT_LINK_LOGISTIC)
        return "log_loss";
    return r->bundle->model.link == LT_LINK_EXP ? "poisson_deviance" : "rmse";
}

static bool is_ranking(const char *metric)
{
    return strcmp(metric, "ndcg") == 0 || strcmp(metric, "recall") == 0;
}

/* most: users ranked. */
static lt_status validate(lt_env *env, const lt_recommender *r, const lt_dataset *data, const lt_options *options,
                          int32_t most, const char **metric, double *value)
{
    if (*metric == NULL)
        *metric = metric_of(r, data, options);
    *value = NAN;
    if (is_ranking(*metric) && !lt_bundle_is_recommender(r->bundle)) {
        lt_fail(env, LT_INVALID, "validation metric \"%s\" needs users and items", *metric);
        return lt_fail_hint(env, "Give user_column and item_column, or use log_loss, auc, rmse or mae.");
    }
    if (!is_ranking(*metric) && r->bundle->model.algorithm->ranks_only) {
        lt_fail(env, LT_INVALID, "validation metric \"%s\" is of single predictions, and algorithm \"%s\" only ranks",
                *metric, r->bundle->model.algorithm->name);
        return lt_fail_hint(env, "Use ndcg or recall.");
    }
    if (data->validation.n == 0)
        return LT_OK;
    if (is_ranking(*metric))
        return validate_ranking(env, r, data, strcmp(*metric, "ndcg") == 0 ? LT_NDCG : LT_RECALL, most, value);
    return validate_pointwise(env, r, data, options, *metric, value);
}

lt_status lt_validate(lt_env *env, const lt_recommender *r, const lt_dataset *data, const lt_options *options,
                      const char **metric, double *value)
{
    return validate(env, r, data, options, VALIDATION_USERS, metric, value);
}

static lt_status measure_epoch(lt_env *env, const lt_measuring *m, const lt_model *model, double *value)
{
    lt_bundle lent = *m->bundle;
    lt_recommender r = {.bundle = &lent};
    const char *metric;

    lent.model = *model;
    metric = metric_of(&r, m->data, m->options);
    if (is_ranking(metric)) /* single predictions need nothing made ready */
        LT_TRY(lt_recommender_init(env, &r, &lent));
    return validate(env, &r, m->data, m->options, EPOCH_USERS, &metric, value);
}

lt_status lt_measure_epoch(lt_env *env, void *context, const lt_model *model, double *value)
{
    lt_scope scope;
    lt_status status;

    lt_scope_open(env, &scope);
    status = measure_epoch(&scope.env, context, model, value);
    lt_scope_close(&scope);
    if (status != LT_NO_MEMORY)
        return status;
    *value = NAN;
    env->error.status = LT_OK;
    return LT_OK;
}
