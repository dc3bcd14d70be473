/*
 * blend.c: two stored models as one.
 *
 * The versions blended are copied whole into the model, so that it goes on as it is when they are retrained or dropped.
 * Each model scores the whole catalogue for the user; what it gives is put on a common scale, and the score is
 *     weight * (the first's) + (1 - weight) * (the second's).
 * Scales: zscore, the distance from the user's mean score in standard deviations (after Fox and Shaw 1994, "Combination
 * of multiple searches", with standardised scores); rank, 1 / (60 + rank) (Cormack, Clarke and Buettcher 2009,
 * "Reciprocal rank fusion").  An item that one of the models does not know has its lowest scaled score there.
 *
 * Arrays, I items and U users of the blend, for the models p = 0, 1: "items p" I x 1 and "users p" U x 1, the number
 * there, or -1; "weight" 1 x 1; "by rank" 1 x 1.
 */
#include "forget.h"
#include "image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const lt_algorithm lt_blend;

#define PARTS 2
#define STEPS 10       /* weights tried: 0, 1 / STEPS, ... */
#define RANK_OFFSET 60 /* the constant of reciprocal rank fusion */

static const char *const item_map[PARTS] = {"items 0", "items 1"}, *const user_map[PARTS] = {"users 0", "users 1"};

static const lt_option options[] = {
    {"models", LT_OPT_NAMES, "[]", 0, 0, NULL, "the two trained models to blend, by name"},
    {"weight", LT_OPT_FLOAT, "-1", -1, 1, NULL,
     "share of the first model, from 0 to 1; negative: the one of 0, 0.1, ... 1 that is best on the validation part"},
    {"scale", LT_OPT_ENUM, "zscore", 0, 0, "zscore|rank",
     "how scores of two models are made comparable: standardised over the catalogue, or 1 / (60 + rank)"},
};

/* ---- training ---- */

static lt_status map_ids(lt_env *env, lt_model *m, const char *name, const lt_dictionary *own,
                         const lt_dictionary *theirs, int32_t *found)
{
    int32_t *map;

    LT_TRY(lt_model_add_i32(env, m, name, own->n, 1, &map));
    *found = 0;
    for (int32_t i = 0; i < own->n; i++) {
        int64_t length;
        const char *key = lt_dictionary_key(own, i, &length);

        map[i] = lt_dictionary_find(theirs, key, length);
        *found += map[i] >= 0;
    }
    return LT_OK;
}

static lt_status take_parts(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *m)
{
    const lt_value *names = lt_option_value(o, "models");

    if (data->n_bases != PARTS) {
        lt_fail(env, LT_INVALID, "a blend is of %d models, and option \"models\" names %d", PARTS, data->n_bases);
        return lt_fail_hint(env, "For example {\"models\": [\"shop als\", \"shop content\"]}.");
    }
    LT_TRY(lt_alloc(env, &m->part, PARTS, sizeof *m->part, "the blend"));
    for (; m->n_parts < PARTS; m->n_parts++) {
        const lt_bundle *base = data->base[m->n_parts];
        int32_t items, users;

        if (!lt_bundle_is_recommender(base))
            return lt_fail(env, LT_INVALID, "model \"%s\" has no users and items", names->names[m->n_parts]);
        if (lt_bundle_depth(base) >= LT_BUNDLE_DEPTH)
            return lt_fail(env, LT_INVALID, "model \"%s\" is a blend of blends %d deep already",
                           names->names[m->n_parts], LT_BUNDLE_DEPTH);
        m->part[m->n_parts] = *base;
        LT_TRY(map_ids(env, m, item_map[m->n_parts], data->item_ids, &base->items, &items));
        LT_TRY(map_ids(env, m, user_map[m->n_parts], data->user_ids, &base->users, &users));
        if (items == 0)
            return lt_fail(env, LT_INVALID, "model \"%s\" knows none of the items", names->names[m->n_parts]);
    }
    return LT_OK;
}

/* The weight that validates best; of equal ones that nearest to a half. */
static lt_status learn_weight(lt_env *env, const lt_dataset *data, const lt_model *m, double *weight, lt_fit *fit)
{
    double best = NAN, best_weight = 0.5, start = env->seconds(env->context);

    for (int step = 0; step <= STEPS; step++) {
        lt_epoch epoch = {.epoch = step + 1, .epochs = STEPS + 1, .train_loss = NAN, .validation_loss = NAN};
        double value = NAN;

        *weight = (double)step / STEPS;
        LT_TRY(lt_poll(env));
        if (data->measure != NULL && data->validation.n > 0)
            LT_TRY(data->measure(env, data->measure_context, m, &value));
        if (isnan(value)) {
            lt_fail(env, LT_INVALID, "there is no validation part to learn the blend's weight on");
            return lt_fail_hint(env, "Give option \"weight\", or a validation_fraction.");
        }
        epoch.validation_metric = value;
        epoch.seconds = env->seconds(env->context) - start;
        if (env->log != NULL)
            env->log(env->context, &epoch);
        if (isnan(best) || value > best || (value == best && fabs(*weight - 0.5) < fabs(best_weight - 0.5))) {
            best = value;
            best_weight = *weight;
        }
    }
    *weight = best_weight;
    fit->epochs = STEPS + 1;
    return LT_OK;
}

static lt_status train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *m, lt_fit *fit)
{
    double *weight;
    int32_t *by_rank;

    m->link = LT_LINK_IDENTITY;
    m->design = data->design;
    *fit = (lt_fit){.loss = NAN, .converged = true};
    LT_TRY(take_parts(env, data, o, m));
    LT_TRY(lt_model_add_f64(env, m, "weight", 1, 1, &weight));
    LT_TRY(lt_model_add_i32(env, m, "by rank", 1, 1, &by_rank));
    *by_rank = lt_option_is(o, "scale", "rank");
    *weight = lt_option_float(o, "weight");
    return *weight < 0 ? learn_weight(env, data, m, weight, fit) : LT_OK;
}

static bool map_ok(const lt_array *a, int32_t n, int32_t most)
{
    if (a == NULL || a->i == NULL || a->rows != n || a->cols != 1)
        return false;
    for (int32_t i = 0; i < n; i++)
        if (a->i[i] < -1 || a->i[i] >= most)
            return false;
    return true;
}

static lt_status check(lt_env *env, const lt_model *m)
{
    const lt_array *weight = lt_model_array(m, "weight"), *by_rank = lt_model_array(m, "by rank");

    if (m->n_parts != PARTS || weight == NULL || weight->d == NULL || weight->rows * weight->cols != 1 ||
        by_rank == NULL || by_rank->i == NULL || by_rank->rows * by_rank->cols != 1 ||
        !(weight->d[0] >= 0 && weight->d[0] <= 1))
        return lt_fail(env, LT_CORRUPT, "the blend's weight or models are missing");
    for (int p = 0; p < PARTS; p++) {
        if (!lt_bundle_is_recommender(&m->part[p]) ||
            !map_ok(lt_model_array(m, item_map[p]), m->design.items, m->part[p].items.n) ||
            !map_ok(lt_model_array(m, user_map[p]), m->design.users, m->part[p].users.n))
            return lt_fail(env, LT_CORRUPT, "the blend's numbers do not fit its models");
    }
    return LT_OK;
}

/* ---- scoring ---- */

typedef struct state {
    struct {
        lt_recommender r;
        const int32_t *item, *user;
        double weight;
    } part[PARTS];
    bool by_rank;
} state;

static lt_status prepare(lt_env *env, lt_scorer *scorer)
{
    const lt_model *m = scorer->model;
    double weight = lt_model_array(m, "weight")->d[0];
    state *s;

    LT_TRY(lt_alloc(env, &s, 1, sizeof *s, "the blend"));
    s->by_rank = lt_model_array(m, "by rank")->i[0] != 0;
    for (int p = 0; p < PARTS; p++) {
        s->part[p].item = lt_model_array(m, item_map[p])->i;
        s->part[p].user = lt_model_array(m, user_map[p])->i;
        s->part[p].weight = p == 0 ? weight : 1 - weight;
        LT_TRY(lt_recommender_init(env, &s->part[p].r, &m->part[p]));
    }
    scorer->state = s;
    return LT_OK;
}

static lt_status image(lt_image *im, lt_scorer *scorer)
{
    const lt_model *m = scorer->model;
    state *s = scorer->state;

    LT_TRY(lt_image_structs(im, &s, 1, sizeof *s));
    for (int p = 0; p < PARTS; p++) {
        s->part[p].item = lt_model_array(m, item_map[p])->i;
        s->part[p].user = lt_model_array(m, user_map[p])->i;
        LT_TRY(lt_image_recommender(im, &s->part[p].r, &m->part[p]));
    }
    scorer->state = s;
    return LT_OK;
}

typedef struct known {
    int32_t item;
    int64_t at; /* in the blend's history */
} known;

static int by_item(const void *a, const void *b)
{
    const known *x = a, *y = b;

    return (x->item > y->item) - (x->item < y->item);
}

/* The subject in a model's own numbers. place: of each item kept, where it was in the blend's history. */
static lt_status translate(lt_env *env, const state *s, int p, const lt_subject *subject, lt_subject *out,
                           int64_t **place)
{
    known *all;
    int32_t *item;
    float *weight;
    double *time;
    int64_t n = 0;

    LT_TRY(lt_alloc(env, &all, (size_t)subject->n_history, sizeof *all, "the history"));
    for (int64_t h = 0; h < subject->n_history; h++)
        if (s->part[p].item[subject->history[h]] >= 0)
            all[n++] = (known){s->part[p].item[subject->history[h]], h};
    qsort(all, (size_t)n, sizeof *all, by_item);
    LT_TRY(lt_alloc(env, &item, (size_t)n, sizeof *item, "the history"));
    LT_TRY(lt_alloc(env, &weight, (size_t)n, sizeof *weight, "the history"));
    LT_TRY(lt_alloc(env, &time, (size_t)n, sizeof *time, "the history"));
    LT_TRY(lt_alloc(env, place, (size_t)n, sizeof **place, "the history"));
    for (int64_t h = 0; h < n; h++) {
        (*place)[h] = all[h].at;
        item[h] = all[h].item;
        weight[h] = subject->history_weight == NULL ? 1 : subject->history_weight[all[h].at];
        time[h] = subject->history_time == NULL ? 0 : subject->history_time[all[h].at];
    }
    *out = (lt_subject){.user = subject->user < 0 ? -1 : s->part[p].user[subject->user],
                        .n_history = n,
                        .history = item,
                        .history_weight = subject->history_weight == NULL ? NULL : weight,
                        .history_time = subject->history_time == NULL ? NULL : time};
    return LT_OK;
}

typedef struct placed {
    float value;
    int32_t item;
} placed;

static int by_value(const void *a, const void *b)
{
    const placed *x = a, *y = b;

    return x->value != y->value ? (x->value < y->value) - (x->value > y->value)
                                : (x->item > y->item) - (x->item < y->item);
}

/* value[0..n) becomes 1 / (60 + rank); equal values share their mean rank. */
static lt_status to_ranks(lt_env *env, float *value, int32_t n)
{
    placed *order;

    LT_TRY(lt_alloc(env, &order, (size_t)n, sizeof *order, "the ranks"));
    for (int32_t i = 0; i < n; i++)
        order[i] = (placed){value[i], i};
    qsort(order, (size_t)n, sizeof *order, by_value);
    for (int32_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && order[to].value == order[from].value; to++)
            ;
        for (int32_t i = from; i < to; i++)
            value[order[i].item] = (float)(1 / (RANK_OFFSET + (from + 1 + to) / 2.0));
    }
    lt_free(env, order);
    return LT_OK;
}

/* scaled = scale * value - shift; a constant model says nothing. */
static void standard_scale(const float *value, int32_t n, double *scale, double *shift)
{
    double sum = 0, squares = 0, mean;

    for (int32_t i = 0; i < n; i++)
        sum += value[i];
    mean = n > 0 ? sum / n : 0;
    for (int32_t i = 0; i < n; i++)
        squares += (value[i] - mean) * (value[i] - mean);
    *scale = squares > 0 ? 1 / sqrt(squares / n) : 0;
    *shift = *scale * mean;
}

/* A model's scaled scores of its own items; *lowest is the least of them. */
static lt_status scaled_scores(lt_env *env, const state *s, int p, const lt_subject *theirs, float **out,
                               double *lowest, double *scale)
{
    int32_t n = s->part[p].r.bundle->items.n;
    double shift;
    float *value;

    LT_TRY(lt_alloc(env, &value, (size_t)n, sizeof *value, "the scores"));
    LT_TRY(lt_recommender_values(env, &s->part[p].r, theirs, value));
    standard_scale(value, n, scale, &shift);
    if (s->by_rank)
        LT_TRY(to_ranks(env, value, n));
    *lowest = INFINITY;
    for (int32_t i = 0; i < n; i++) {
        if (!s->by_rank)
            value[i] = (float)(*scale * value[i] - shift);
        *lowest = value[i] < *lowest ? value[i] : *lowest;
    }
    *out = value;
    return LT_OK;
}

static lt_status score_scoped(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items,
                              int64_t n, float *margin)
{
    const state *s = scorer->state;

    memset(margin, 0, (size_t)n * sizeof *margin);
    for (int p = 0; p < PARTS; p++) {
        lt_subject theirs;
        int64_t *place;
        double lowest, scale;
        float *value;

        LT_TRY(translate(env, s, p, subject, &theirs, &place));
        LT_TRY(scaled_scores(env, s, p, &theirs, &value, &lowest, &scale));
        for (int64_t i = 0; i < n; i++) {
            int32_t item = s->part[p].item[items == NULL ? i : items[i]];

            margin[i] += (float)(s->part[p].weight * (item >= 0 ? value[item] : lowest));
        }
    }
    return LT_OK;
}

static lt_status score(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items, int64_t n,
                       float *margin)
{
    lt_scope scope;
    lt_status status;

    lt_scope_open(env, &scope);
    status = score_scoped(&scope.env, scorer, subject, items, n, margin);
    lt_scope_close(&scope);
    return status;
}

/* ---- explaining ---- */

/*
 * Standardising is linear in a model's margin, so that what the model says of the past items carries over; whatever
 * else there is (means, models that do not go by history, ranks, popularity exponents) is the baseline.
 */
static lt_status explain_scoped(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, int32_t item,
                                double *contribution)
{
    const state *s = scorer->state;
    float margin;
    double rest;

    LT_TRY(score(env, scorer, subject, &item, 1, &margin));
    rest = margin;
    for (int p = 0; p < PARTS; p++) {
        const lt_recommender *r = &s->part[p].r;
        const lt_algorithm *algorithm = r->bundle->model.algorithm;
        lt_subject theirs;
        int64_t *place;
        double lowest, scale, *own;
        float *value;

        if (s->by_rank || s->part[p].item[item] < 0 || algorithm->explain_history == NULL ||
            r->bundle->popularity_exponent != 0 || r->bundle->trend_exponent != 0)
            continue;
        LT_TRY(translate(env, s, p, subject, &theirs, &place));
        if (!lt_recommender_knows(r, &theirs))
            continue;
        LT_TRY(scaled_scores(env, s, p, &theirs, &value, &lowest, &scale));
        LT_TRY(lt_alloc(env, &own, (size_t)theirs.n_history + 1, sizeof *own, "the explanation"));
        LT_TRY(algorithm->explain_history(env, &r->scorer, &theirs, s->part[p].item[item], own));
        for (int64_t h = 0; h < theirs.n_history; h++) {
            double share = s->part[p].weight * scale * own[1 + h];

            contribution[1 + place[h]] += share;
            rest -= share;
        }
    }
    contribution[0] = rest;
    return LT_OK;
}

static lt_status explain_history(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, int32_t item,
                                 double *contribution)
{
    lt_scope scope;
    lt_status status;

    memset(contribution, 0, (size_t)(1 + subject->n_history) * sizeof *contribution);
    lt_scope_open(env, &scope);
    status = explain_scoped(&scope.env, scorer, subject, item, contribution);
    lt_scope_close(&scope);
    return status;
}

/* ---- similar items ---- */

/* The weighted, standardised similarities of the models that have them and know the item. */
static lt_status similar_scoped(lt_env *env, const lt_scorer *scorer, int32_t item, float *similarity)
{
    const state *s = scorer->state;
    int32_t n = scorer->model->design.items;

    memset(similarity, 0, (size_t)n * sizeof *similarity);
    for (int p = 0; p < PARTS; p++) {
        const lt_recommender *r = &s->part[p].r;
        int32_t theirs = s->part[p].item[item], m = r->bundle->items.n;
        double scale, shift;
        float *value;

        if (theirs < 0 || r->bundle->model.algorithm->similar == NULL)
            continue;
        LT_TRY(lt_alloc(env, &value, (size_t)m, sizeof *value, "the similarities"));
        LT_TRY(r->bundle->model.algorithm->similar(env, &r->scorer, theirs, value));
        standard_scale(value, m, &scale, &shift);
        for (int32_t i = 0; i < n; i++)
            if (s->part[p].item[i] >= 0)
                similarity[i] += (float)(s->part[p].weight * (scale * value[s->part[p].item[i]] - shift));
    }
    return LT_OK;
}

static lt_status similar(lt_env *env, const lt_scorer *scorer, int32_t item, float *similarity)
{
    lt_scope scope;
    lt_status status;

    lt_scope_open(env, &scope);
    status = similar_scoped(&scope.env, scorer, item, similarity);
    lt_scope_close(&scope);
    return status;
}

/* Those of the first model that has any; an item it does not know has zeros. */
static lt_status item_vectors(lt_env *env, const lt_scorer *scorer, const int32_t *items, int64_t n, lt_table *out)
{
    const state *s = scorer->state;
    int32_t *theirs;

    *out = (lt_table){.n = n};
    LT_TRY(lt_alloc(env, &theirs, (size_t)n, sizeof *theirs, "the items' vectors"));
    for (int p = 0; p < PARTS && out->dense + out->sparse == 0; p++) {
        const lt_recommender *r = &s->part[p].r;

        for (int64_t i = 0; i < n; i++)
            theirs[i] = items[i] < 0 ? -1 : s->part[p].item[items[i]];
        if (r->bundle->model.algorithm->item_vectors != NULL)
            LT_TRY(r->bundle->model.algorithm->item_vectors(env, &r->scorer, theirs, n, out));
    }
    lt_free(env, theirs);
    return LT_OK;
}

/* The models inside do not know whoever is new. */
static lt_status extend(lt_env *env, lt_model *m, const lt_design *grown)
{
    for (int a = 0; a < m->n_arrays; a++) {
        lt_array *array = &m->array[a];
        bool items = strncmp(array->name, "items ", 6) == 0, users = strncmp(array->name, "users ", 6) == 0;
        int32_t n = items ? grown->items : grown->users, *map;

        if (!items && !users)
            continue;
        LT_TRY(lt_alloc(env, &map, (size_t)n, sizeof *map, "the blend"));
        for (int32_t i = 0; i < n; i++)
            map[i] = i < array->rows ? array->i[i] : -1;
        array->i = map;
        array->rows = n;
    }
    return LT_OK;
}

/* Somebody may be known to the models inside alone. */
static lt_status forget(lt_env *env, lt_model *m, lt_leaver *who)
{
    who->left |= LT_LEFT_WEIGHTS;
    for (int p = 0; p < m->n_parts; p++) {
        int32_t gone = lt_dictionary_find(&m->part[p].users, who->key, who->length);
        lt_array *map = (lt_array *)lt_model_array(m, user_map[p]);
        bool found;
        int left;

        LT_TRY(lt_bundle_forget(env, &m->part[p], who->key, who->length, 0, 0, NULL, NULL, &left, &found));
        who->found |= found;
        for (int64_t u = 0; gone >= 0 && u < map->rows; u++)
            map->i[u] -= map->i[u] > gone;
        if (who->user >= 0)
            lt_model_remove_row(m, user_map[p], who->user);
    }
    return LT_OK;
}

const lt_algorithm lt_blend = {
    .name = "blend",
    .help = "two trained models as one, their scores weighted by a given or learned share",
    .recommender = true,
    .uses_history = true,
    .no_features = true,
    .ranks_only = true,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = train,
    .check = check,
    .prepare = prepare,
    .image = image,
    .score = score,
    .explain_history = explain_history,
    .similar = similar,
    .item_vectors = item_vectors,
    .extend = extend,
    .forget = forget,
};
