/*
 * content.c: items by what they are, in the space of a model that knows who buys what.
 *
 * A model of factors (als, or ease's item-item weights cut down to their leading vectors, see low_rank.c) gives each
 * item with interactions a vector y_i.  A ridge regression from the items' encoded features to these vectors (Gantner,
 * Drumond, Freudenthaler, Rendle and Schmidt-Thieme, "Learning attribute-to-feature mappings for cold-start
 * recommendations", 2010) says where an item belongs that nobody has bought.  What an item is taken for is
 *     (n_i y_i + shrinkage * f_i M) / (n_i + shrinkage),
 * n_i being its interactions: features for a new one, its buyers for a well-known one, with all between, so that no
 * other model has to take over (the concern of Volkovs, Yu and Poutanen, "DropoutNet: addressing cold start in
 * recommender systems", 2017).  It is the mean of y_i given both, when y_i is off by a variance of 1 / n_i and f_i M by
 * one of 1 / shrinkage; for the same reason the regression gives item i the weight n_i / (n_i + shrinkage).
 *
 * Users have no vectors of their own: they are folded in from their history over those vectors, as als does, so that
 * strangers, baskets and what was bought a moment ago, new items included, are answered alike.  Over ease's vectors
 * there is no solve: an item has one vector as part of a history, another as a candidate, and a user is the sum of the
 * former.
 *
 * Arrays, I items, c columns of features, t = k (als), k + 1 (als of ratings: the item's bias is last) or 2k (ease: as
 * a candidate, then in a history): "form" 1 x 1, "own" I x t, "count" I x 1 (interactions behind own), "map"
 * (1 + c) x t, "shrinkage" 1 x 1, "fold_in" as factors.h has it.
 */
#include "bundle.h"
#include "blas.h"
#include "factors.h"
#include "image.h"
#include "low_rank.h"
#include "ridge.h"

#include <float.h>
#include <math.h>
#include <string.h>

extern const lt_algorithm lt_als, lt_content, lt_ease;

#define FACTORS_MOST 512 /* the largest symmetric eigenproblem solved between two polls */

enum { OF_ALS, OF_ALS_RATINGS, OF_EASE };

static const lt_option options[] = {
    {"base", LT_OPT_TEXT, "", 0, 0, NULL,
     "the trained als or ease model whose vectors of items are learned from features, by name; empty: als is trained "
     "on the same data"},
    {"factors", LT_OPT_INT, "64", 1, FACTORS_MOST, NULL,
     "length of the vectors of items; a base of algorithm als has its own"},
    {"regularization", LT_OPT_FLOAT, "1", 1e-6, 1e12, NULL,
     "strength of the l2 penalty of the map from features to vectors"},
    {"shrinkage", LT_OPT_FLOAT, "30", 0, 1e12, NULL,
     "interactions with which an item's own vector counts as much as the one its features predict"},
};

/* ---- training ---- */

/* The vectors to learn, by the data's items. */
typedef struct target {
    int32_t form, t;
    float *own, *count;
    lt_fold fold;
} target;

static int32_t columns_of(const lt_design *d)
{
    return d->item_dense + d->item_sparse;
}

static lt_status add_target(lt_env *env, const lt_dataset *data, lt_model *m, int32_t form, int32_t k, target *out)
{
    int32_t *stored, items = data->design.items;

    out->form = form;
    out->t = form == OF_EASE ? 2 * k : form == OF_ALS_RATINGS ? k + 1 : k;
    LT_TRY(lt_model_add_i32(env, m, "form", 1, 1, &stored));
    *stored = form;
    LT_TRY(lt_model_add_f32(env, m, "own", items, out->t, &out->own));
    return lt_model_add_f32(env, m, "count", items, 1, &out->count);
}

/* An als model's vectors; theirs: each item's number there, or -1; NULL: the same. */
static lt_status take_als(lt_env *env, const lt_dataset *data, const lt_model *als, const int32_t *theirs,
                          const double *count, lt_model *m, target *out)
{
    lt_factors f = lt_factors_of(als);

    if (f.fold.ratings != 0 && data->label_kind != LT_LABEL_REAL) {
        lt_fail(env, LT_INVALID, "option \"base\" names a model of ratings, but there are no ratings here");
        return lt_fail_hint(env, "Name a label_column with ratings, or train the base without.");
    }
    LT_TRY(add_target(env, data, m, f.fold.ratings != 0 ? OF_ALS_RATINGS : OF_ALS, f.k, out));
    out->fold = f.fold;
    for (int32_t i = 0; i < data->design.items; i++) {
        int32_t at = theirs == NULL ? i : theirs[i];
        float *own = out->own + (int64_t)i * out->t;

        if (at < 0)
            continue;
        memcpy(own, f.item + (int64_t)at * f.k, (size_t)f.k * sizeof *own);
        if (out->form == OF_ALS_RATINGS)
            own[f.k] = f.item_bias[at];
        out->count[i] = (float)count[at];
    }
    return LT_OK;
}

static lt_status take_ease(lt_env *env, const lt_dataset *data, const lt_options *o, const lt_bundle *base,
                           const int32_t *theirs, lt_model *m, target *out)
{
    const lt_array *start = lt_model_array(&base->model, "start");
    lt_item_weights w = {.items = base->items.n,
                         .start = start == NULL ? NULL : start->i,
                         .item = start == NULL ? NULL : lt_model_array(&base->model, "item")->i,
                         .weight = lt_model_array(&base->model, "weight")->f};
    int32_t k = (int32_t)lt_option_int(o, "factors");
    float *left, *right;

    k = k < w.items ? k : w.items;
    LT_TRY(add_target(env, data, m, OF_EASE, k, out));
    LT_TRY(lt_alloc(env, &left, (size_t)w.items * (size_t)k, sizeof *left, "the items' vectors"));
    LT_TRY(lt_alloc(env, &right, (size_t)w.items * (size_t)k, sizeof *right, "the items' vectors"));
    LT_TRY(lt_low_rank(env, &w, k, (uint64_t)lt_option_int(o, "seed"), left, right));
    for (int32_t i = 0; i < data->design.items; i++) {
        float *own = out->own + (int64_t)i * out->t;

        if (theirs[i] < 0)
            continue;
        memcpy(own, right + (int64_t)theirs[i] * k, (size_t)k * sizeof *own);
        memcpy(own + k, left + (int64_t)theirs[i] * k, (size_t)k * sizeof *own);
        out->count[i] = (float)base->item_count[theirs[i]];
    }
    lt_free(env, left);
    lt_free(env, right);
    return LT_OK;
}

static lt_status take_base(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *m, target *out)
{
    const lt_bundle *base = data->base[0];
    const lt_algorithm *algorithm = base->model.algorithm;
    const char *name = lt_option_text(o, "base");
    int32_t items = data->design.items, *theirs;
    int64_t length;
    bool any = false;

    if (data->histories != NULL) {
        lt_fail(env, LT_INVALID, "option \"propensity_exponent\" does nothing with option \"base\"");
        return lt_fail_hint(env, "Train model \"%s\" with it.", name);
    }
    if (algorithm != &lt_als && algorithm != &lt_ease) {
        lt_fail(env, LT_INVALID, "model \"%s\" is of algorithm \"%s\", which has no vectors to learn from features",
                name, algorithm->name);
        return lt_fail_hint(env, "Option \"base\" names a model of algorithm als or ease.");
    }
    LT_TRY(lt_alloc(env, &theirs, (size_t)items, sizeof *theirs, "the items' numbers"));
    for (int32_t i = 0; i < items; i++) {
        const char *key = lt_dictionary_key(data->item_ids, i, &length);

        theirs[i] = lt_dictionary_find(&base->items, key, length);
        any |= theirs[i] >= 0 && base->item_count[theirs[i]] > 0;
    }
    if (!any)
        return lt_fail(env, LT_INVALID, "model \"%s\" knows none of the items", name);
    LT_TRY(algorithm == &lt_als ? take_als(env, data, &base->model, theirs, base->item_count, m, out)
                                : take_ease(env, data, o, base, theirs, m, out));
    lt_free(env, theirs);
    return LT_OK;
}

static lt_status train_base(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *m, target *out,
                            lt_fit *fit)
{
    lt_model als = {.algorithm = &lt_als};
    lt_dataset unmeasured = *data;
    lt_options own;

    unmeasured.measure = NULL; /* als is not what is being trained */
    LT_TRY(lt_options_init(env, &own, lt_als.options, lt_als.n_options));
    LT_TRY(lt_options_set_number(env, &own, "factors", lt_option_float(o, "factors")));
    LT_TRY(lt_options_set_number(env, &own, "seed", lt_option_float(o, "seed")));
    LT_TRY(lt_als.train(env, &unmeasured, &own, &als, fit));
    LT_TRY(take_als(env, data, &als, NULL, data->item_count, m, out));
    for (int a = 0; a < als.n_arrays; a++) {
        lt_free(env, als.array[a].f);
        lt_free(env, als.array[a].d);
        lt_free(env, als.array[a].i);
    }
    return LT_OK;
}

static lt_status learn_map(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *m, const target *y,
                           lt_fit *fit)
{
    int32_t items = data->design.items;
    lt_ridge_fit_result result;
    double *shrinkage, *fold;
    float *weight, *map;

    LT_TRY(lt_model_add_f64(env, m, "shrinkage", 1, 1, &shrinkage));
    LT_TRY(lt_model_add_f64(env, m, "fold_in", 1, LT_FOLD_SETTINGS, &fold));
    LT_TRY(lt_model_add_f32(env, m, "map", 1 + (int64_t)columns_of(&data->design), y->t, &map));
    *shrinkage = lt_option_float(o, "shrinkage");
    lt_factors_set_fold(m, &y->fold);
    LT_TRY(lt_alloc(env, &weight, (size_t)items, sizeof *weight, "the items' weights"));
    for (int32_t i = 0; i < items; i++)
        weight[i] = y->count[i] > 0 ? (float)(y->count[i] / (y->count[i] + *shrinkage)) : 0;
    LT_TRY(lt_ridge_fit(env, &data->item, weight, y->own, y->t, lt_option_float(o, "regularization"), map, &result));
    lt_free(env, weight);
    fit->loss = result.loss;
    fit->converged = result.converged;
    return LT_OK;
}

static lt_status train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *m, lt_fit *fit)
{
    target y = {0};

    *fit = (lt_fit){.epochs = 1};
    m->link = LT_LINK_IDENTITY;
    m->design = data->design;
    if (columns_of(&data->design) == 0) {
        lt_fail(env, LT_INVALID, "algorithm \"content\" learns from features of items, and there are none");
        return lt_fail_hint(env, "Give item_features, a relation with a row an item; its texts, such as titles, go "
                                 "into option \"text\".");
    }
    LT_TRY(data->n_bases > 0 ? take_base(env, data, o, m, &y) : train_base(env, data, o, m, &y, fit));
    return learn_map(env, data, o, m, &y, fit);
}

/* ---- checking and growing ---- */

static bool floats_ok(const lt_array *a, int64_t rows, int64_t cols, float least)
{
    if (a == NULL || a->f == NULL || a->rows != rows || a->cols != cols)
        return false;
    for (int64_t j = 0; j < rows * cols; j++)
        if (!(a->f[j] >= least && a->f[j] <= FLT_MAX))
            return false;
    return true;
}

static lt_status check(lt_env *env, const lt_model *m)
{
    const lt_array *form = lt_model_array(m, "form"), *own = lt_model_array(m, "own"),
                   *shrinkage = lt_model_array(m, "shrinkage"), *fold = lt_model_array(m, "fold_in");
    int64_t t = own == NULL ? 0 : own->cols, most = 2 * LT_FACTORS_MOST;

    if (form == NULL || form->i == NULL || form->rows * form->cols != 1 || form->i[0] < OF_ALS ||
        form->i[0] > OF_EASE || t < 1 || t > most || (form->i[0] == OF_ALS_RATINGS && t < 2) ||
        (form->i[0] == OF_EASE && t % 2 != 0) || columns_of(&m->design) == 0)
        return lt_fail(env, LT_CORRUPT, "the form of a model of algorithm \"content\" is out of range");
    if (shrinkage == NULL || shrinkage->d == NULL || shrinkage->rows * shrinkage->cols != 1 ||
        !(shrinkage->d[0] >= 0 && isfinite(shrinkage->d[0])) || fold == NULL || fold->d == NULL || fold->rows != 1 ||
        fold->cols != LT_FOLD_SETTINGS)
        return lt_fail(env, LT_CORRUPT, "the settings of a model of algorithm \"content\" are out of range");
    if (!floats_ok(own, m->design.items, t, -FLT_MAX) ||
        !floats_ok(lt_model_array(m, "count"), m->design.items, 1, 0) ||
        !floats_ok(lt_model_array(m, "map"), 1 + (int64_t)columns_of(&m->design), t, -FLT_MAX))
        return lt_fail(env, LT_CORRUPT, "the arrays of a model of algorithm \"content\" do not fit its items");
    return LT_OK;
}

/* Nothing is known of a new item but its features. */
static lt_status extend(lt_env *env, lt_model *m, const lt_design *grown)
{
    static const char *const names[] = {"own", "count"};

    for (int n = 0; n < 2; n++) {
        lt_array *a = (lt_array *)lt_model_array(m, names[n]);
        float *more;

        LT_TRY(lt_alloc(env, &more, (size_t)grown->items * (size_t)a->cols, sizeof *more, "the model's weights"));
        memcpy(more, a->f, (size_t)(a->rows * a->cols) * sizeof *more);
        lt_free(env, a->f);
        a->f = more;
        a->rows = grown->items;
    }
    return LT_OK;
}

/* ---- serving ---- */

/* A model of factors with the blended vectors as its items' and without users. */
typedef struct state {
    lt_model factors;
    lt_scorer scorer; /* of that; its lengths are not those of items nobody has */
    lt_factors f;     /* a view of it */
    float *history;   /* I x k: items as part of a history; NULL: users are solved for */
} state;

/* blended (I x t): predictions from features, then weighed against the items' own vectors. */
static lt_status blend(lt_env *env, const lt_scorer *scorer, float **blended)
{
    const lt_model *m = scorer->model;
    const lt_array *own = lt_model_array(m, "own");
    const float *count = lt_model_array(m, "count")->f;
    double shrinkage = lt_model_array(m, "shrinkage")->d[0];
    int32_t t = (int32_t)own->cols;

    LT_TRY(lt_alloc(env, blended, (size_t)(own->rows * t), sizeof **blended, "the items' vectors"));
    LT_TRY(lt_ridge_predict(env, scorer->item, lt_model_array(m, "map")->f, t, *blended));
    for (int64_t i = 0; i < own->rows; i++) {
        float share = count[i] > 0 ? (float)(count[i] / (count[i] + shrinkage)) : 0;

        for (int64_t j = i * t; j < (i + 1) * t; j++)
            (*blended)[j] = share * own->f[j] + (1 - share) * (*blended)[j];
    }
    return LT_OK;
}

static lt_status prepare(lt_env *env, lt_scorer *scorer)
{
    const lt_model *m = scorer->model;
    int32_t items = m->design.items, form = lt_model_array(m, "form")->i[0];
    int32_t t = (int32_t)lt_model_array(m, "own")->cols;
    int32_t k = form == OF_EASE ? t / 2 : t - (form == OF_ALS_RATINGS);
    bool bias = form == OF_ALS_RATINGS;
    const float *count = lt_model_array(m, "count")->f;
    lt_factors_out out;
    float *blended;
    state *s;

    LT_TRY(lt_alloc(env, &s, 1, sizeof *s, "a scorer"));
    LT_TRY(blend(env, scorer, &blended));
    /* Field by field: an image takes structs as they are, with the padding between fields, which is zero so far. */
    s->factors.algorithm = &lt_als;
    s->factors.design.items = items;
    LT_TRY(lt_factors_add(env, &s->factors, &(lt_pairs){0}, k, bias, bias, &(lt_fold){0}, &out));
    memcpy(lt_model_array(&s->factors, "fold_in")->d, lt_model_array(m, "fold_in")->d,
           LT_FOLD_SETTINGS * sizeof(double));
    for (int64_t i = 0; i < items; i++) {
        if (count[i] > 0)
            memcpy(out.item + i * k, blended + i * t, (size_t)k * sizeof *blended);
        if (bias)
            out.item_bias[i] = blended[i * t + k];
    }
    s->scorer.model = &s->factors;
    LT_TRY(lt_factors_prepare(env, &s->scorer));
    /* Those nobody has come later: that a user does not have them says nothing, so users stay where they were. */
    for (int64_t i = 0; i < items; i++)
        memcpy(out.item + i * k, blended + i * t, (size_t)k * sizeof *blended);
    LT_TRY(lt_factors_renew_scan(env, &s->scorer));
    if (form == OF_EASE) {
        LT_TRY(lt_alloc(env, &s->history, (size_t)items * (size_t)k, sizeof *s->history, "a scorer's items"));
        for (int64_t i = 0; i < items; i++)
            memcpy(s->history + i * k, blended + i * t + k, (size_t)k * sizeof *blended);
    }
    lt_free(env, blended);
    LT_TRY(lt_factors_check(env, &s->factors));
    s->f = lt_factors_of(&s->factors);
    scorer->state = s;
    return LT_OK;
}

static lt_status image(lt_image *im, lt_scorer *scorer)
{
    state *s = scorer->state;

    LT_TRY(lt_image_structs(im, &s, 1, sizeof *s));
    LT_TRY(lt_image_model(im, &s->factors));
    s->scorer.model = &s->factors;
    LT_TRY(lt_factors_image(im, &s->scorer));
    s->f = lt_factors_of(&s->factors);
    LT_TRY(lt_image_array(im, &s->history, (int64_t)s->f.items * s->f.k, sizeof *s->history));
    scorer->state = s;
    return LT_OK;
}

static float strength_of(const lt_subject *subject, int64_t h)
{
    return subject->history_weight == NULL ? 1 : subject->history_weight[h];
}

static lt_status seek(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, lt_seek *out)
{
    const state *s = scorer->state;
    int32_t k = s->f.k;

    if (s->history == NULL)
        return lt_factors_seek(env, &s->scorer, subject, out);
    LT_TRY(lt_factors_seek(env, &s->scorer, &(lt_subject){.user = -1}, out)); /* from the origin */
    out->base = 0;
    for (int64_t h = 0; h < subject->n_history; h++) {
        const float *y = s->history + (int64_t)subject->history[h] * k;
        float strength = strength_of(subject, h);

        if (h % 4096 == 0)
            LT_TRY(lt_poll(env));
        for (int32_t j = 0; j < k; j++)
            out->x[j] += strength * y[j];
    }
    return LT_OK;
}

static lt_status score(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items, int64_t n,
                       float *margin)
{
    lt_seek found;

    LT_TRY(seek(env, scorer, subject, &found));
    LT_TRY(lt_scan_margins(env, &found, items, n, margin));
    lt_free(env, found.x);
    return LT_OK;
}

static lt_status explain_history(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, int32_t item,
                                 double *contribution)
{
    const state *s = scorer->state;
    int32_t k = s->f.k;
    float margin;

    if (s->history == NULL)
        return lt_factors_explain(env, &s->scorer, subject, item, contribution);
    LT_TRY(score(env, scorer, subject, &item, 1, &margin));
    contribution[0] = margin; /* what rounding leaves of it */
    for (int64_t h = 0; h < subject->n_history; h++) {
        contribution[1 + h] = (double)strength_of(subject, h) *
                              lt_dot(s->history + (int64_t)subject->history[h] * k, s->f.item + (int64_t)item * k, k);
        contribution[0] -= contribution[1 + h];
    }
    return LT_OK;
}

static lt_status similar(lt_env *env, const lt_scorer *scorer, int32_t item, float *similarity)
{
    const state *s = scorer->state;
    int32_t k = s->f.k;
    const float *y = s->f.item + (int64_t)item * k;
    float length = cblas_snrm2(k, y, 1);

    for (int32_t i = 0; i < s->f.items; i++) {
        const float *other = s->f.item + (int64_t)i * k;
        float lengths = length * cblas_snrm2(k, other, 1);

        if (i % 4096 == 0)
            LT_TRY(lt_poll(env));
        similarity[i] = lengths > 0 ? lt_dot(other, y, k) / lengths : 0;
    }
    return LT_OK;
}

static lt_status item_vectors(lt_env *env, const lt_scorer *scorer, const int32_t *items, int64_t n, lt_table *out)
{
    return lt_factors_item_vectors(env, &((const state *)scorer->state)->scorer, items, n, out);
}

const lt_algorithm lt_content = {
    .name = "content",
    .help = "items by their features in the space of an als or ease model, so that new ones find their buyers",
    .recommender = true,
    .uses_history = true,
    .item_features_only = true,
    .weights = LT_WEIGHTS_OF_PAIRS,
    .ranks_only = true,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = train,
    .check = check,
    .prepare = prepare,
    .image = image,
    .score = score,
    .seek = seek,
    .explain_history = explain_history,
    .similar = similar,
    .item_vectors = item_vectors,
    .extend = extend,
};
