/*
 * factors.c: what models of user and item vectors share (see factors.h).
 *
 * A user whose history is that of training, by its hash, is scored by the stored vector; anybody else with a history is
 * folded in (Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", 2008).  Contributions
 * of the history follow section 5 there: a folded-in x is A^-1 sum_h w_h target_h y_h, so that item i's margin is a sum
 * over h of w_h target_h y_i^T A^-1 y_h.
 */
#include "factors.h"
#include "blas.h"
#include "forget.h"
#include "image.h"

#include <math.h>
#include <string.h>

/* ---- arrays ---- */

static int32_t hash_history(int64_t n, const int32_t *item, const float *weight)
{
    uint64_t hash = lt_hash_bytes(item, n * (int64_t)sizeof *item, 0);

    if (weight != NULL)
        hash = lt_hash_bytes(weight, n * (int64_t)sizeof *weight, hash);
    return (int32_t)(uint32_t)(hash ^ hash >> 32);
}

static void put_fold(double *out, const lt_fold *f)
{
    const double v[LT_FOLD_SETTINGS] = {f->ratings,        f->mean,      f->liked, f->unobserved,
                                        f->regularization, f->frequency, f->items, f->scale};

    memcpy(out, v, sizeof v);
}

void lt_factors_set_fold(lt_model *m, const lt_fold *fold)
{
    put_fold(lt_model_array(m, "fold_in")->d, fold);
}

lt_status lt_factors_add(lt_env *env, lt_model *m, const lt_pairs *histories, int32_t k, bool user_bias, bool item_bias,
                         const lt_fold *fold, lt_factors_out *out)
{
    int32_t users = m->design.users, items = m->design.items, *history;
    double *settings;

    memset(out, 0, sizeof *out);
    LT_TRY(lt_model_add_f32(env, m, "user_factors", users, k, &out->user));
    LT_TRY(lt_model_add_f32(env, m, "item_factors", items, k, &out->item));
    if (user_bias)
        LT_TRY(lt_model_add_f32(env, m, "user_bias", users, 1, &out->user_bias));
    if (item_bias)
        LT_TRY(lt_model_add_f32(env, m, "item_bias", items, 1, &out->item_bias));
    LT_TRY(lt_model_add_i32(env, m, "history", users, 1, &history));
    LT_TRY(lt_model_add_f64(env, m, "fold_in", 1, LT_FOLD_SETTINGS, &settings));
    put_fold(settings, fold);
    for (int32_t u = 0; u < users; u++) {
        lt_subject s = {.user = u};

        lt_subject_take_history(&s, histories, u);
        history[u] = hash_history(s.n_history, s.history, s.history_weight);
    }
    return LT_OK;
}

static const float *floats(const lt_model *m, const char *name)
{
    const lt_array *a = lt_model_array(m, name);

    return a == NULL ? NULL : a->f;
}

lt_factors lt_factors_of(const lt_model *m)
{
    const double *s = lt_model_array(m, "fold_in")->d;
    lt_factors f = {.users = m->design.users,
                    .items = m->design.items,
                    .k = (int32_t)lt_model_array(m, "item_factors")->cols,
                    .user = floats(m, "user_factors"),
                    .item = floats(m, "item_factors"),
                    .user_bias = floats(m, "user_bias"),
                    .item_bias = floats(m, "item_bias"),
                    .history = lt_model_array(m, "history")->i};

    f.fold = (lt_fold){.ratings = s[0],
                       .mean = s[1],
                       .liked = s[2],
                       .unobserved = s[3],
                       .regularization = s[4],
                       .frequency = s[5],
                       .items = s[6],
                       .scale = s[7]};
    return f;
}

static lt_status check_factors(lt_env *env, const lt_model *m, const char *name, bool required, int64_t rows,
                               int64_t cols)
{
    const lt_array *a = lt_model_array(m, name);

    if (a == NULL && !required)
        return LT_OK;
    if (a == NULL || a->f == NULL || a->rows != rows || a->cols != cols)
        return lt_fail(env, LT_CORRUPT, "the array \"%s\" of a model of factors does not fit its users and items",
                       name);
    for (int64_t j = 0; j < rows * cols; j++)
        if (!isfinite(a->f[j]))
            return lt_fail(env, LT_CORRUPT, "a number of the array \"%s\" of a model of factors is not finite", name);
    return LT_OK;
}

lt_status lt_factors_check(lt_env *env, const lt_model *m)
{
    const lt_array *item = lt_model_array(m, "item_factors"), *history = lt_model_array(m, "history"),
                   *fold = lt_model_array(m, "fold_in");

    if (item == NULL || item->cols < 1 || item->cols > LT_FACTORS_MOST)
        return lt_fail(env, LT_CORRUPT, "the number of factors of a model is not from 1 to %d", LT_FACTORS_MOST);
    LT_TRY(check_factors(env, m, "item_factors", true, m->design.items, item->cols));
    LT_TRY(check_factors(env, m, "user_factors", true, m->design.users, item->cols));
    LT_TRY(check_factors(env, m, "item_bias", false, m->design.items, 1));
    LT_TRY(check_factors(env, m, "user_bias", false, m->design.users, 1));
    if (history == NULL || history->i == NULL || history->rows != m->design.users || history->cols != 1)
        return lt_fail(env, LT_CORRUPT, "the array \"history\" of a model of factors does not fit its users");
    if (fold == NULL || fold->d == NULL || fold->rows != 1 || fold->cols != LT_FOLD_SETTINGS)
        return lt_fail(env, LT_CORRUPT, "the settings of a model of factors are not there");
    for (int j = 0; j < LT_FOLD_SETTINGS; j++)
        if (!isfinite(fold->d[j]) || (j >= 3 && fold->d[j] < 0)) /* mean and liked may be negative */
            return lt_fail(env, LT_CORRUPT, "the settings of a model of factors are out of range");
    return LT_OK;
}

/* One array with rows appended, all `fill`. */
static lt_status grow(lt_env *env, lt_model *m, const char *name, int64_t rows, float fill)
{
    lt_array *a = (lt_array *)lt_model_array(m, name);
    float *more;

    if (a == NULL)
        return LT_OK;
    LT_TRY(lt_alloc(env, &more, (size_t)rows * (size_t)a->cols, sizeof *more, "the model's weights"));
    memcpy(more, a->f, (size_t)a->rows * (size_t)a->cols * sizeof *more);
    for (int64_t j = a->rows * a->cols; j < rows * a->cols; j++)
        more[j] = fill;
    lt_free(env, a->f);
    a->f = more;
    a->rows = rows;
    return LT_OK;
}

/* Strangers are at the origin. An item's bias is its popularity: where there are no ratings it is the lowest there is.
 */
lt_status lt_factors_extend(lt_env *env, lt_model *m, const lt_design *grown)
{
    lt_factors f = lt_factors_of(m);
    lt_array *history = (lt_array *)lt_model_array(m, "history");
    float lowest = 0;
    int32_t *more;

    for (int32_t i = 0; f.item_bias != NULL && f.fold.ratings == 0 && i < f.items; i++)
        lowest = i == 0 || f.item_bias[i] < lowest ? f.item_bias[i] : lowest;
    LT_TRY(grow(env, m, "user_factors", grown->users, 0));
    LT_TRY(grow(env, m, "item_factors", grown->items, 0));
    LT_TRY(grow(env, m, "user_bias", grown->users, 0));
    LT_TRY(grow(env, m, "item_bias", grown->items, lowest));
    LT_TRY(lt_alloc(env, &more, (size_t)grown->users, sizeof *more, "the model's weights"));
    memcpy(more, history->i, (size_t)f.users * sizeof *more);
    for (int32_t u = f.users; u < grown->users; u++)
        more[u] = hash_history(0, NULL, NULL);
    lt_free(env, history->i);
    history->i = more;
    history->rows = grown->users;
    return LT_OK;
}

/* Items' vectors were learned from their interactions too. */
lt_status lt_factors_forget(lt_env *env, lt_model *m, lt_leaver *who)
{
    static const char *const by_user[] = {"user_factors", "user_bias", "history"};

    (void)env;
    who->left |= LT_LEFT_WEIGHTS;
    for (int a = 0; who->user >= 0 && a < 3; a++)
        lt_model_remove_row(m, by_user[a], who->user);
    return LT_OK;
}

/* ---- predicting and scoring ---- */

static double item_base(const lt_factors *f, int32_t item)
{
    return f->fold.mean + (f->item_bias == NULL ? 0 : f->item_bias[item]);
}

lt_status lt_factors_predict(lt_env *env, const lt_model *m, const lt_inputs *in, const lt_examples *ex, float *margin)
{
    lt_factors f = lt_factors_of(m);

    (void)in;
    for (int64_t e = 0; e < ex->n; e++) {
        int32_t user = ex->user == NULL ? -1 : ex->user[e], item = ex->item == NULL ? -1 : ex->item[e];
        double sum = f.fold.mean;

        if (e % 4096 == 0)
            LT_TRY(lt_poll(env));
        if (item >= 0 && item < f.items)
            sum = item_base(&f, item);
        if (user >= 0 && user < f.users) {
            sum += f.user_bias == NULL ? 0 : f.user_bias[user];
            if (item >= 0 && item < f.items)
                sum += lt_dot(f.user + (int64_t)user * f.k, f.item + (int64_t)item * f.k, f.k);
        }
        margin[e] = (float)sum;
    }
    return LT_OK;
}

/* Items' part of a scorer. */
typedef struct factors_state {
    float *gramian; /* k x k: unobserved * sum of y y^T */
    float *length;  /* I: of items' vectors */
    lt_scan scan;
} factors_state;

static float length_of(const float *y, int32_t k)
{
    double squares = 0;

    for (int32_t j = 0; j < k; j++)
        squares += (double)y[j] * y[j];
    return (float)sqrt(squares);
}

lt_status lt_factors_renew_scan(lt_env *env, const lt_scorer *scorer)
{
    lt_factors f = lt_factors_of(scorer->model);
    factors_state *s = scorer->state;

    lt_free(env, s->scan.code);
    lt_free(env, s->scan.scale);
    s->scan = (lt_scan){.items = f.items, .k = f.k, .item = f.item, .bias = f.item_bias};
    return f.items < LT_SCAN_WORTH ? LT_OK : lt_scan_compress(env, &s->scan);
}

lt_status lt_factors_prepare(lt_env *env, lt_scorer *scorer)
{
    lt_factors f = lt_factors_of(scorer->model);
    factors_state *s;

    LT_TRY(lt_alloc(env, &s, 1, sizeof *s, "a scorer"));
    LT_TRY(lt_alloc(env, &s->length, (size_t)f.items, sizeof *s->length, "a scorer's items"));
    for (int32_t i = 0; i < f.items; i++)
        s->length[i] = length_of(f.item + (int64_t)i * f.k, f.k);
    if (f.fold.unobserved > 0) {
        LT_TRY(lt_alloc(env, &s->gramian, (size_t)f.k * (size_t)f.k, sizeof *s->gramian, "a scorer's items"));
        LT_TRY(lt_gramian(env, f.item, f.items, f.k, f.k, f.fold.unobserved, s->gramian, f.k));
    }
    scorer->state = s;
    return lt_factors_renew_scan(env, scorer);
}

lt_status lt_factors_image(lt_image *im, lt_scorer *scorer)
{
    lt_factors f = lt_factors_of(scorer->model);
    factors_state *s = scorer->state;

    LT_TRY(lt_image_structs(im, &s, 1, sizeof *s));
    LT_TRY(lt_image_array(im, &s->gramian, (int64_t)f.k * f.k, sizeof *s->gramian));
    LT_TRY(lt_image_array(im, &s->length, f.items, sizeof *s->length));
    LT_TRY(lt_image_array(im, &s->scan.code, lt_scan_code_size(f.items, f.k), 1));
    LT_TRY(lt_image_array(im, &s->scan.scale, f.items, sizeof *s->scan.scale));
    s->scan.item = f.item;
    s->scan.bias = f.item_bias;
    scorer->state = s;
    return LT_OK;
}

/* Weights and targets of a history as folding in takes them; from lt_alloc. */
static lt_status describe(lt_env *env, const lt_factors *f, const lt_subject *subject, float **weight, float **target)
{
    const float *given = subject->history_weight;

    LT_TRY(lt_alloc(env, weight, (size_t)subject->n_history, sizeof **weight, "a history"));
    LT_TRY(lt_alloc(env, target, (size_t)subject->n_history, sizeof **target, "a history"));
    for (int64_t h = 0; h < subject->n_history; h++) {
        bool ratings = f->fold.ratings != 0;

        (*weight)[h] = ratings || given == NULL ? 1 : fmaxf(given[h], 0);
        (*target)[h] = !ratings        ? 1
                       : given == NULL ? (float)f->fold.liked
                                       : (float)(given[h] - item_base(f, subject->history[h]));
    }
    return LT_OK;
}

/* The equations of a history, factored. */
static lt_status build(lt_env *env, const lt_factors *f, const factors_state *state, const lt_subject *subject,
                       const float *weight, const float *target, lt_normal *e)
{
    double penalty = f->fold.regularization *
                     pow((double)subject->n_history + f->fold.unobserved * f->fold.items, f->fold.frequency);

    *e = (lt_normal){.k = f->k,
                     .intercept = f->user_bias != NULL,
                     .stride = f->k,
                     .gramian_stride = f->k,
                     .fixed = f->item,
                     .gramian = state->gramian};
    LT_TRY(lt_normal_init(env, e));
    return lt_normal_build(env, e, subject->n_history, subject->history, weight, target, penalty);
}

lt_status lt_factors_user(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, float *x)
{
    const lt_factors factors = lt_factors_of(scorer->model), *f = &factors;
    int32_t u = subject->user;
    bool known = u >= 0 && u < f->users;
    float *weight, *target;
    lt_normal e;

    memset(x, 0, ((size_t)f->k + 1) * sizeof *x);
    if (subject->n_history > 0 &&
        !(known && f->history[u] == hash_history(subject->n_history, subject->history, subject->history_weight))) {
        LT_TRY(describe(env, f, subject, &weight, &target));
        LT_TRY(build(env, f, scorer->state, subject, weight, target, &e));
        lt_normal_solve(&e, e.b);
        for (int32_t j = 0; j < e.unknowns; j++)
            x[j] = (float)f->fold.scale * e.b[j];
        lt_normal_free(env, &e);
        lt_free(env, weight);
        lt_free(env, target);
    } else if (known) {
        memcpy(x, f->user + (int64_t)u * f->k, (size_t)f->k * sizeof *x);
        x[f->k] = f->user_bias == NULL ? 0 : f->user_bias[u];
    }
    return LT_OK;
}

lt_status lt_factors_seek(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, lt_seek *out)
{
    lt_factors f = lt_factors_of(scorer->model);
    const factors_state *state = scorer->state;

    out->scan = &state->scan;
    LT_TRY(lt_alloc(env, &out->x, (size_t)f.k + 1, sizeof *out->x, "a user's vector"));
    LT_TRY(lt_factors_user(env, scorer, subject, out->x));
    out->base = f.fold.mean + out->x[f.k];
    return LT_OK;
}

lt_status lt_factors_score(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items,
                           int64_t n, float *margin)
{
    lt_seek seek;

    LT_TRY(lt_factors_seek(env, scorer, subject, &seek));
    LT_TRY(lt_scan_margins(env, &seek, items, n, margin));
    lt_free(env, seek.x);
    return LT_OK;
}

/*
 * The baseline is the margin less the history's contributions: means and biases, and where the vector stored in
 * training is used, what differs between it and the history's.
 */
lt_status lt_factors_explain(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, int32_t item,
                             double *contribution)
{
    lt_factors f = lt_factors_of(scorer->model);
    float *weight, *target, *v, margin;
    double total = 0;
    lt_normal e;

    LT_TRY(lt_factors_score(env, scorer, subject, &item, 1, &margin));
    if (subject->n_history > 0) {
        LT_TRY(describe(env, &f, subject, &weight, &target));
        LT_TRY(build(env, &f, scorer->state, subject, weight, target, &e));
        LT_TRY(lt_alloc(env, &v, (size_t)e.unknowns, sizeof *v, "an explanation"));
        memcpy(v, f.item + (int64_t)item * f.k, (size_t)f.k * sizeof *v);
        if (e.intercept)
            v[f.k] = 1;
        lt_normal_solve(&e, v);
        for (int64_t h = 0; h < subject->n_history; h++) {
            double along = lt_dot(v, f.item + (int64_t)subject->history[h] * f.k, f.k);

            if (e.intercept)
                along += v[f.k];
            contribution[1 + h] = f.fold.scale * weight[h] * target[h] * along;
            total += contribution[1 + h];
        }
        lt_free(env, v);
        lt_normal_free(env, &e);
        lt_free(env, weight);
        lt_free(env, target);
    }
    contribution[0] = margin - total;
    return LT_OK;
}

lt_status lt_factors_similar(lt_env *env, const lt_scorer *scorer, int32_t item, float *score)
{
    lt_factors f = lt_factors_of(scorer->model);
    const factors_state *state = scorer->state;
    const float *y = f.item + (int64_t)item * f.k;

    for (int32_t i = 0; i < f.items; i++) {
        float lengths = state->length[i] * state->length[item];

        if (i % 4096 == 0)
            LT_TRY(lt_poll(env));
        score[i] = lengths > 0 ? lt_dot(f.item + (int64_t)i * f.k, y, f.k) / lengths : 0;
    }
    return LT_OK;
}

lt_status lt_factors_item_vectors(lt_env *env, const lt_scorer *scorer, const int32_t *items, int64_t n, lt_table *out)
{
    lt_factors f = lt_factors_of(scorer->model);

    return lt_table_pick(env, &(lt_table){.n = f.items, .dense = f.k, .x = (float *)f.item}, items, n, out);
}
