/*
 * validate.c: from lists to figures: rankings of test users, and the validation metric of a model in training.
 */
#include "lists.h"

#include "metrics.h"
#include "random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VALIDATION_USERS 2000 /* users ranked for a validation figure, at most */
#define EPOCH_USERS 300       /* and for an epoch's */
#define VALIDATION_K 10
#define POLL_EVERY (1 << 20) /* comparisons of scores */
#define RELEVANT 2           /* a mark that is not an exclusion's */

static void free_list(lt_env *env, lt_list *list)
{
    lt_free(env, list->item);
    lt_free(env, list->score);
    lt_free(env, list->base);
}

/*
 * The user's AUC: the chance that a relevant item is ranked above another one that is neither relevant nor excluded,
 * ties counting one half.  NaN when there is no such pair.  score, of q's n candidates, is in any unit that orders and
 * is left rearranged; excluded (I) is left as it came.
 */
static lt_status ranking_auc(lt_env *env, const lt_request *q, int64_t n, float *score, uint8_t *excluded,
                             const int32_t *relevant, int64_t n_relevant, float *positive, double *auc)
{
    int64_t positives = 0, negatives = 0;
    double wins = 0;

    for (int64_t j = 0; j < n_relevant; j++)
        if (relevant[j] >= 0 && !excluded[relevant[j]])
            excluded[relevant[j]] = RELEVANT;
    for (int64_t i = 0; i < n; i++) {
        uint8_t mark = excluded[lt_item_at(q->candidates, i)];

        if (mark == RELEVANT)
            positive[positives++] = score[i];
        else if (mark == 0)
            score[negatives++] = score[i];
    }
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

static void mark_all(uint8_t *marks, const int32_t *items, int64_t n, uint8_t mark)
{
    for (int64_t i = 0; i < n; i++)
        if (items[i] >= 0)
            marks[items[i]] = mark;
}

/* Row `row` of the test as a request like *how; features and start are what it points to. */
static lt_request request_of(const lt_recommender *r, const lt_test *test, int32_t row, const lt_request *how,
                             lt_table *features, int64_t start[2])
{
    int32_t user = test->user[row];
    int32_t stranger = test->strangers != NULL && user < 0 ? test->stranger_row[-1 - user] : -1;
    lt_request q = *how;

    q.subject = (lt_subject){.user = user};
    q.seed = how->seed + (uint64_t)(user >= 0 ? user : r->bundle->users.n - 1 - user); /* strangers come last */
    if (stranger >= 0) {
        *features = lt_table_row(test->strangers, stranger, start);
        q.subject.features = features;
    }
    if (test->seen != NULL && user >= 0)
        lt_subject_take_history(&q.subject, test->seen, user);
    if (test->candidates != NULL) {
        q.candidates = test->candidates->col + test->candidates->start[row];
        q.n_candidates = test->candidates->start[row + 1] - test->candidates->start[row];
    }
    q.popularity_only = !lt_recommender_knows(r, &q.subject);
    return q;
}

/* The AUC of a request's ranking. scratch: two times as many as there are items. */
static lt_status request_auc(lt_env *env, const lt_recommender *r, const lt_request *q, const float *margin,
                             float *scratch, uint8_t *excluded, const lt_ranked *user, double *auc)
{
    int64_t n = lt_candidates_of(r, q);

    for (int64_t i = 0; i < n; i++) {
        int32_t item = lt_item_at(q->candidates, i);

        scratch[i] = lt_adjusted(r, margin[i], item, &q->adjust);
    }
    return ranking_auc(env, q, n, scratch, excluded, user->relevant, user->n_relevant, scratch + r->bundle->items.n,
                       auc);
}

/* Adds a user's list to m, with how alike its items are where that is asked for. */
static lt_status add_list(lt_env *env, const lt_test *test, lt_ranked *user, lt_ranking_metrics *m)
{
    lt_rerank_input in = {.n = user->n, .item = user->items};
    lt_status status = LT_OK;
    lt_scope scope;

    if (!m->in_depth || test->alike == NULL)
        return lt_ranking_add(env, m, user);
    lt_scope_open(env, &scope);
    if (user->n > 1)
        status = test->alike(&scope.env, test->alike_context, &in);
    user->similarity = in.similarity;
    if (status == LT_OK)
        status = lt_ranking_add(&scope.env, m, user);
    lt_scope_close(&scope);
    return status;
}

lt_status lt_evaluate_rankings(lt_env *env, const lt_recommender *r, const lt_test *test, const lt_request *how,
                               int n_how, lt_ranking_metrics *m)
{
    size_t items = (size_t)r->bundle->items.n;
    uint8_t *excluded;
    float *margin, *scratch;

    LT_TRY(lt_alloc(env, &excluded, items, 1, "the exclusions"));
    LT_TRY(lt_alloc(env, &scratch, items, 2 * sizeof *scratch, "the scores"));
    LT_TRY(lt_alloc(env, &margin, items, sizeof *margin, "the scores"));
    for (int32_t i = 0; i < r->bundle->items.n && r->bundle->hidden != NULL; i++)
        excluded[i] = r->bundle->hidden[i];
    for (int32_t row = 0; row < test->relevant.rows; row++) {
        int64_t start[2];
        lt_table features;
        lt_request q = request_of(r, test, row, how, &features, start);
        lt_ranked user = {.relevant = test->relevant.col + test->relevant.start[row],
                          .n_relevant = test->relevant.start[row + 1] - test->relevant.start[row],
                          .auc = NAN,
                          .history = q.subject.history,
                          .n_history = q.subject.n_history,
                          .ranks_history = test->ranks_seen,
                          .candidates = q.candidates,
                          .n_candidates = q.n_candidates};

        LT_TRY(lt_poll(env));
        if (!test->ranks_seen)
            mark_all(excluded, q.subject.history, q.subject.n_history, 1);
        LT_TRY(lt_score_candidates(env, r, &q, margin));
        for (int h = 0; h < n_how; h++) {
            lt_list list;

            q = request_of(r, test, row, &how[h], &features, start);
            q.excluded = excluded;
            q.k = m[h].longest;
            LT_TRY(lt_choose(env, r, &q, margin, &list));
            if (!test->lists_only)
                LT_TRY(request_auc(env, r, &q, margin, scratch, excluded, &user, &user.auc));
            user.items = list.item;
            user.n = list.n;
            LT_TRY(add_list(env, test, &user, &m[h]));
            free_list(env, &list);
        }
        mark_all(excluded, q.subject.history, q.subject.n_history, 0);
        for (int64_t i = 0; i < q.subject.n_history && r->bundle->hidden != NULL; i++)
            excluded[q.subject.history[i]] = r->bundle->hidden[q.subject.history[i]];
    }
    lt_free(env, margin);
    lt_free(env, scratch);
    lt_free(env, excluded);
    return LT_OK;
}

lt_status lt_evaluate_ranking(lt_env *env, const lt_recommender *r, const lt_test *test, const lt_request *how,
                              lt_ranking_metrics *m)
{
    return lt_evaluate_rankings(env, r, test, how, 1, m);
}

/* ---- sampled negatives ---- */

static int compare_items(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;

    return (left > right) - (left < right);
}

lt_status lt_sample_candidates(lt_env *env, const lt_test *test, int64_t negatives, uint64_t seed, lt_pairs *out)
{
    int32_t rows = test->relevant.rows, items = test->relevant.cols;
    size_t cap = 0;
    uint8_t *taken;
    int32_t *free_items;

    memset(out, 0, sizeof *out);
    out->rows = rows;
    out->cols = items;
    LT_TRY(lt_alloc(env, &taken, (size_t)items, 1, "the negatives"));
    LT_TRY(lt_alloc(env, &free_items, (size_t)items, sizeof *free_items, "the negatives"));
    LT_TRY(lt_alloc(env, &out->start, (size_t)rows + 1, sizeof *out->start, "the negatives"));
    for (int32_t row = 0; row < rows; row++) {
        const int32_t *relevant = test->relevant.col + test->relevant.start[row];
        int64_t n_relevant = test->relevant.start[row + 1] - test->relevant.start[row];
        int64_t at = out->start[row], left = 0, drawn;
        lt_subject had = {0};
        lt_random random;

        LT_TRY(lt_poll(env));
        if (test->seen != NULL && test->user[row] >= 0)
            lt_subject_take_history(&had, test->seen, test->user[row]);
        mark_all(taken, had.history, had.n_history, 1);
        mark_all(taken, relevant, n_relevant, 1);
        for (int32_t i = 0; i < items; i++)
            if (!taken[i] && (test->hidden == NULL || !test->hidden[i]))
                free_items[left++] = i;
        mark_all(taken, had.history, had.n_history, 0);
        mark_all(taken, relevant, n_relevant, 0);
        drawn = negatives < left ? negatives : left;
        LT_TRY(lt_grow(env, &out->col, &cap, (size_t)(at + n_relevant + drawn), sizeof *out->col, "the negatives"));
        for (int64_t j = 0; j < n_relevant; j++)
            if (relevant[j] >= 0)
                out->col[at++] = relevant[j];
        lt_random_seed(&random, seed + (uint64_t)row);
        for (int64_t j = 0; j < drawn; j++) { /* the first steps of a shuffle */
            int64_t pick = j + lt_random_below(&random, left - j);

            out->col[at++] = free_items[pick];
            free_items[pick] = free_items[j];
        }
        qsort(out->col + out->start[row], (size_t)(at - out->start[row]), sizeof *out->col, compare_items);
        out->start[row + 1] = at;
    }
    lt_free(env, free_items);
    lt_free(env, taken);
    return LT_OK;
}

/* ---- the validation part ---- */

bool lt_metric_higher_is_better(const char *metric)
{
    return strcmp(metric, "ndcg") == 0 || strcmp(metric, "recall") == 0 || strcmp(metric, "auc") == 0;
}

static bool is_seen(const lt_dataset *data, int64_t i)
{
    return (data->label_kind == LT_LABEL_REAL || data->train.label[i] > 0) &&
           (data->train.domain == NULL || !data->train.domain[i]);
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
    test->seen = &data->had;
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

/* A figure for each adjustment. */
static lt_status validate_ranking(lt_env *env, const lt_recommender *r, const lt_dataset *data, lt_measure measure,
                                  int32_t most, const lt_adjustment *adjust, int n, lt_validation *out)
{
    int k = VALIDATION_K;
    lt_request *how;
    lt_ranking_metrics *m;
    lt_test test;
    float *lot;

    LT_TRY(lt_alloc(env, &how, (size_t)n, sizeof *how, "the validation"));
    LT_TRY(lt_alloc(env, &m, (size_t)n, sizeof *m, "the validation"));
    LT_TRY(ranking_test(env, data, &test, &lot));
    LT_TRY(thin(env, &test, lot, most));
    for (int i = 0; i < n; i++) {
        how[i] = (lt_request){.adjust = adjust[i]};
        if (how[i].adjust.prepared == NULL)
            LT_TRY(lt_adjustment_prepare(env, r, &how[i].adjust));
        LT_TRY(lt_ranking_init(env, &m[i], &k, 1, &r->popularity));
    }
    LT_TRY(lt_evaluate_rankings(env, r, &test, how, n, m));
    for (int i = 0; i < n; i++) {
        LT_TRY(lt_ranking_value(env, &m[i], measure, 0, &out[i].value, NULL));
        LT_TRY(lt_ranking_value(env, &m[i], LT_APLT, 0, &out[i].aplt, NULL));
    }
    return LT_OK;
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

bool lt_metric_of_lists(const char *metric)
{
    return strcmp(metric, "ndcg") == 0 || strcmp(metric, "recall") == 0;
}

/* most: users ranked. */
static lt_status validate(lt_env *env, const lt_recommender *r, const lt_dataset *data, const lt_options *options,
                          int32_t most, const lt_adjustment *adjust, int n, const char **metric, lt_validation *out)
{
    double value;

    if (*metric == NULL)
        *metric = metric_of(r, data, options);
    for (int i = 0; i < n; i++)
        out[i] = (lt_validation){NAN, NAN};
    if (lt_metric_of_lists(*metric) && !lt_bundle_is_recommender(r->bundle)) {
        lt_fail(env, LT_INVALID, "validation metric \"%s\" needs users and items", *metric);
        return lt_fail_hint(env, "Give user_column and item_column, or use log_loss, auc, rmse or mae.");
    }
    if (!lt_metric_of_lists(*metric) && r->bundle->model.algorithm->ranks_only) {
        lt_fail(env, LT_INVALID, "validation metric \"%s\" is of single predictions, and algorithm \"%s\" only ranks",
                *metric, r->bundle->model.algorithm->name);
        return lt_fail_hint(env, "Use ndcg or recall.");
    }
    if (data->validation.n == 0)
        return LT_OK;
    if (lt_metric_of_lists(*metric))
        return validate_ranking(env, r, data, strcmp(*metric, "ndcg") == 0 ? LT_NDCG : LT_RECALL, most, adjust, n, out);
    LT_TRY(validate_pointwise(env, r, data, options, *metric, &value));
    for (int i = 0; i < n; i++)
        out[i].value = value;
    return LT_OK;
}

lt_status lt_validate_adjusted(lt_env *env, const lt_recommender *r, const lt_dataset *data, const lt_options *options,
                               const lt_adjustment *adjust, int n, const char **metric, lt_validation *out)
{
    return validate(env, r, data, options, VALIDATION_USERS, adjust, n, metric, out);
}

/* Under the bundle's own adjustment. */
static lt_status validate_as_served(lt_env *env, const lt_recommender *r, const lt_dataset *data,
                                    const lt_options *options, int32_t most, const char **metric, double *value)
{
    lt_validation figure;

    LT_TRY(validate(env, r, data, options, most, &r->own, 1, metric, &figure));
    *value = figure.value;
    return LT_OK;
}

lt_status lt_validate(lt_env *env, const lt_recommender *r, const lt_dataset *data, const lt_options *options,
                      const char **metric, double *value)
{
    return validate_as_served(env, r, data, options, VALIDATION_USERS, metric, value);
}

static lt_status measure_epoch(lt_env *env, const lt_measuring *m, const lt_model *model, double *value)
{
    lt_bundle lent = *m->bundle;
    lt_recommender r = {.bundle = &lent};
    const char *metric;

    lent.model = *model;
    metric = metric_of(&r, m->data, m->options);
    if (lt_metric_of_lists(metric)) /* single predictions need nothing made ready */
        LT_TRY(lt_recommender_init(env, &r, &lent));
    return validate_as_served(env, &r, m->data, m->options, EPOCH_USERS, &metric, value);
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
