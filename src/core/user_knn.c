/*
 * user_knn.c: recommends what people with the same taste have, and what friends have.
 *
 * For somebody with the items H, of strengths s_i, the weight of a user v of training is
 *     w_v = sum_{i in H} s_i r_vi / (|s| |r_v| + shrinkage)  +  social_weight * edge_v,
 * the cosine of what the two have, shrunk towards 0 where there is little of it, and the edge to v that option social
 * gave, if there is one.  The margin of item j is the sum of w_v r_vj over the `neighbors` users of the largest
 * positive w_v, of equals the lower numbers; a user is no neighbor of their own.  Nearest neighbors after Resnick et
 * al., "GroupLens", 1994, in the form without centring of Ferrari Dacrema, Cremonesi and Jannach, 2019; trust as a
 * source of neighbors after Massa and Avesani, "Trust-aware recommender systems", 2007.
 *
 * Neighbors are looked for when a question is asked, among those who share an item with the asker: a purchase of a
 * moment ago, an unknown user and a basket are nothing special.  Given the neighbors and |s| a margin is linear in the
 * strengths, so that it is exactly the sum of the items' contributions and, as the baseline, that of the edges.
 *
 * Legend: U users, I items, n pairs, e edges. A model's arrays:
 *     start 1 x (U + 1) i32, item 1 x n i32, weight 1 x n f32: r, user v's items ascending in item[start[v] ..
 *         start[v + 1]); weight is absent when all are 1
 *     social_start 1 x (U + 1) i32, social_user 1 x e i32, social_weight 1 x e f32: the edges; absent without any
 *     settings 1 x 3 f64: neighbors (0: all), shrinkage, social_weight
 */
#include "forget.h"
#include "image.h"
#include "topk.h"

#include <math.h>
#include <string.h>

extern const lt_algorithm lt_user_knn;

#define CHUNK 65536 /* users, items or pairs between polls */

enum { NEIGHBORS, SHRINKAGE, SOCIAL_WEIGHT, SETTINGS };

static const lt_option options[] = {
    {"neighbors", LT_OPT_INT, "100", 0, 1e9, NULL, "the most similar users who are asked; 0: all who share an item"},
    {"shrinkage", LT_OPT_FLOAT, "10", 0, 1e12, NULL,
     "added to the denominator of a similarity, so that those resting on few items count less"},
    {"social", LT_OPT_TEXT, "", 0, 0, NULL,
     "a relation with an edge a row, from the user in user_column to the one in friend_column, of the strength in an "
     "optional column weight: neighbors besides those by taste; empty: none"},
    {"friend_column", LT_OPT_TEXT, "friend_id", 0, 0, NULL, "the column of social that names the other user"},
    {"social_weight", LT_OPT_FLOAT, "1", 0, 1e12, NULL,
     "the similarity that an edge of strength 1 is worth; the most there is by taste is 1"},
};

/* ---- training ---- */

/* Compressed rows as arrays of the model; those of p's values only where there are any. */
static lt_status store_rows(lt_env *env, lt_model *model, const lt_pairs *p, const char *const name[3])
{
    int64_t n = p->start[p->rows];
    int32_t *start, *col;
    float *val;

    if (n > INT32_MAX)
        return lt_fail(env, LT_INVALID, "a user_knn model cannot hold more than %d pairs", INT32_MAX);
    LT_TRY(lt_model_add_i32(env, model, name[0], 1, (int64_t)p->rows + 1, &start));
    LT_TRY(lt_model_add_i32(env, model, name[1], 1, n, &col));
    for (int32_t r = 0; r <= p->rows; r++)
        start[r] = (int32_t)p->start[r];
    LT_TRY(lt_poll(env));
    memcpy(col, p->col, (size_t)n * sizeof *col);
    if (p->val == NULL)
        return LT_OK;
    LT_TRY(lt_model_add_f32(env, model, name[2], 1, n, &val));
    memcpy(val, p->val, (size_t)n * sizeof *val);
    return LT_OK;
}

static const char *const taste_names[3] = {"start", "item", "weight"};
static const char *const social_names[3] = {"social_start", "social_user", "social_weight"};

static lt_status user_knn_train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model, lt_fit *fit)
{
    double *settings;

    model->link = LT_LINK_IDENTITY;
    model->design = data->design;
    LT_TRY(store_rows(env, model, &data->seen, taste_names));
    if (data->social.rows > 0)
        LT_TRY(store_rows(env, model, &data->social, social_names));
    LT_TRY(lt_model_add_f64(env, model, "settings", 1, SETTINGS, &settings));
    settings[NEIGHBORS] = (double)lt_option_int(o, "neighbors");
    settings[SHRINKAGE] = lt_option_float(o, "shrinkage");
    settings[SOCIAL_WEIGHT] = lt_option_float(o, "social_weight");
    *fit = (lt_fit){.epochs = 1, .loss = NAN, .converged = true};
    return LT_OK;
}

/* ---- stored models ---- */

static bool is_row_of(const lt_array *a, int64_t cols)
{
    return a != NULL && a->rows == 1 && (cols < 0 || a->cols == cols);
}

/* Rows of U users whose columns are below `limit`; without the first array there must be none of the others. */
static lt_status check_rows(lt_env *env, const lt_model *m, const char *const name[3], int32_t limit)
{
    const lt_array *start = lt_model_array(m, name[0]), *col = lt_model_array(m, name[1]);
    const lt_array *val = lt_model_array(m, name[2]);
    int64_t users = m->design.users;

    if (!is_row_of(start, users + 1) || start->i == NULL || !is_row_of(col, -1) || col->i == NULL ||
        (val != NULL && (!is_row_of(val, col->cols) || val->f == NULL)))
        return lt_fail(env, LT_CORRUPT, "the arrays \"%s\" and \"%s\" of a user_knn model do not fit its users",
                       name[0], name[1]);
    if (start->i[0] != 0 || start->i[users] != col->cols)
        return lt_fail(env, LT_CORRUPT, "the array \"%s\" of a user_knn model does not end where it must", name[0]);
    for (int64_t u = 0; u < users; u++)
        if (start->i[u + 1] < start->i[u])
            return lt_fail(env, LT_CORRUPT, "the array \"%s\" of a user_knn model descends", name[0]);
    for (int64_t u = 0; u < users; u++)
        for (int32_t k = start->i[u]; k < start->i[u + 1]; k++)
            if (col->i[k] < 0 || col->i[k] >= limit || (k > start->i[u] && col->i[k] <= col->i[k - 1]))
                return lt_fail(env, LT_CORRUPT, "the array \"%s\" of a user_knn model is out of range or order",
                               name[1]);
    for (int64_t k = 0; val != NULL && k < val->cols; k++)
        if (!isfinite(val->f[k]))
            return lt_fail(env, LT_CORRUPT, "a weight of a user_knn model is not finite");
    return LT_OK;
}

static lt_status user_knn_check(lt_env *env, const lt_model *m)
{
    const lt_array *settings = lt_model_array(m, "settings");

    LT_TRY(check_rows(env, m, taste_names, m->design.items));
    if (lt_model_array(m, social_names[0]) != NULL)
        LT_TRY(check_rows(env, m, social_names, m->design.users));
    if (!is_row_of(settings, SETTINGS) || settings->d == NULL)
        return lt_fail(env, LT_CORRUPT, "a user_knn model has no settings");
    for (int s = 0; s < SETTINGS; s++)
        if (!(settings->d[s] >= 0 && settings->d[s] <= 1e12))
            return lt_fail(env, LT_CORRUPT, "a setting of a user_knn model is out of range");
    return LT_OK;
}

/* New users have nothing, and nobody has the new items. */
static lt_status user_knn_extend(lt_env *env, lt_model *m, const lt_design *grown)
{
    for (int k = 0; k < m->n_arrays; k++) {
        lt_array *a = &m->array[k];
        int32_t *start;

        if (strcmp(a->name, taste_names[0]) != 0 && strcmp(a->name, social_names[0]) != 0)
            continue;
        LT_TRY(lt_alloc(env, &start, (size_t)grown->users + 1, sizeof *start, "the users' rows"));
        for (int64_t u = 0; u <= grown->users; u++)
            start[u] = a->i[u < a->cols ? u : a->cols - 1];
        a->i = start;
        a->cols = (int64_t)grown->users + 1;
    }
    return LT_OK;
}

/* Row `user` out of stored rows; also, where columns are users, their column. */
static void remove_user(lt_model *m, const char *const name[3], int32_t user, bool columns)
{
    lt_array *start = (lt_array *)lt_model_array(m, name[0]), *col = (lt_array *)lt_model_array(m, name[1]),
             *val = (lt_array *)lt_model_array(m, name[2]);
    int32_t kept = 0, from = 0;

    if (start == NULL)
        return;
    for (int64_t u = 0; u + 1 < start->cols; u++) {
        int32_t to = start->i[u + 1];

        for (int32_t k = from; k < to; k++) {
            if (u == user || (columns && col->i[k] == user))
                continue;
            col->i[kept] = col->i[k] - (columns && col->i[k] > user);
            if (val != NULL)
                val->f[kept] = val->f[k];
            kept++;
        }
        from = to;
        if (u != user)
            start->i[u < user ? u + 1 : u] = kept;
    }
    start->cols--;
    col->cols = kept;
    if (val != NULL)
        val->cols = kept;
}

/* All there is are users' own rows. */
static lt_status user_knn_forget(lt_env *env, lt_model *m, lt_leaver *who)
{
    (void)env;
    if (who->user < 0)
        return LT_OK;
    remove_user(m, taste_names, who->user, false);
    remove_user(m, social_names, who->user, true);
    return LT_OK;
}

/* ---- scoring ---- */

typedef struct score_state {
    lt_pairs by_user, by_item; /* U x I, I x U */
    lt_pairs social;           /* U x U; rows 0: none */
    double *norm;              /* U: |r_v| */
    double *item_norm;         /* I */
    const double *settings;
} score_state;

static double value_of(const lt_pairs *p, int64_t at)
{
    return p->val == NULL ? 1 : (double)p->val[at];
}

/* A view of stored rows; only start is made anew. */
static lt_status load_rows(lt_env *env, const lt_model *m, const char *const name[3], int32_t cols, lt_pairs *out)
{
    const lt_array *start = lt_model_array(m, name[0]), *val = lt_model_array(m, name[2]);

    *out = (lt_pairs){.rows = m->design.users,
                      .cols = cols,
                      .col = lt_model_array(m, name[1])->i,
                      .val = val == NULL ? NULL : val->f};
    LT_TRY(lt_alloc(env, &out->start, (size_t)start->cols, sizeof *out->start, "a scorer's users"));
    for (int64_t u = 0; u < start->cols; u++)
        out->start[u] = start->i[u];
    return lt_poll(env);
}

static lt_status find_norms(lt_env *env, const lt_pairs *p, double **out)
{
    LT_TRY(lt_alloc(env, out, (size_t)p->rows, sizeof **out, "a scorer's norms"));
    for (int32_t r = 0; r < p->rows; r++) {
        double sum = 0;

        if (r % CHUNK == 0)
            LT_TRY(lt_poll(env));
        for (int64_t k = p->start[r]; k < p->start[r + 1]; k++)
            sum += value_of(p, k) * value_of(p, k);
        (*out)[r] = sqrt(sum);
    }
    return LT_OK;
}

static lt_status user_knn_prepare(lt_env *env, lt_scorer *scorer)
{
    const lt_model *m = scorer->model;
    score_state *s;

    LT_TRY(lt_alloc(env, &s, 1, sizeof *s, "a scorer"));
    LT_TRY(load_rows(env, m, taste_names, m->design.items, &s->by_user));
    LT_TRY(lt_pairs_transpose(env, &s->by_user, &s->by_item));
    if (lt_model_array(m, social_names[0]) != NULL)
        LT_TRY(load_rows(env, m, social_names, m->design.users, &s->social));
    LT_TRY(find_norms(env, &s->by_user, &s->norm));
    LT_TRY(find_norms(env, &s->by_item, &s->item_norm));
    s->settings = lt_model_array(m, "settings")->d;
    scorer->state = s;
    return LT_OK;
}

/* What load_rows made. */
static lt_status image_rows(lt_image *im, const lt_model *m, const char *const name[3], lt_pairs *rows)
{
    const lt_array *val = lt_model_array(m, name[2]);

    if (rows->start == NULL)
        return LT_OK;
    rows->col = lt_model_array(m, name[1])->i;
    rows->val = val == NULL ? NULL : val->f;
    return lt_image_array(im, &rows->start, (int64_t)rows->rows + 1, sizeof *rows->start);
}

static lt_status user_knn_image(lt_image *im, lt_scorer *scorer)
{
    const lt_model *m = scorer->model;
    score_state *s = scorer->state;

    LT_TRY(lt_image_structs(im, &s, 1, sizeof *s));
    LT_TRY(image_rows(im, m, taste_names, &s->by_user));
    LT_TRY(image_rows(im, m, social_names, &s->social));
    LT_TRY(lt_image_pairs(im, &s->by_item));
    LT_TRY(lt_image_array(im, &s->norm, s->by_user.rows, sizeof *s->norm));
    LT_TRY(lt_image_array(im, &s->item_norm, s->by_item.rows, sizeof *s->item_norm));
    s->settings = lt_model_array(m, "settings")->d;
    scorer->state = s;
    return LT_OK;
}

/* Who is asked, and what they count. Before the choice `user` and `weight` hold all who have something to say. */
typedef struct neighborhood {
    int64_t n;
    int32_t *user;
    double *weight; /* w_v */
    double norm;    /* |s| */
} neighborhood;

static double strength_of(const lt_subject *subject, int64_t k)
{
    return subject->history_weight == NULL ? 1 : (double)subject->history_weight[k];
}

static bool is_item(const score_state *s, int32_t item)
{
    return item >= 0 && item < s->by_item.rows;
}

/* weight[v] += what the two have in common / (|s| |r_v| + shrinkage). */
static lt_status add_taste(lt_env *env, const score_state *s, const lt_subject *subject, double norm, double *weight)
{
    for (int64_t k = 0; k < subject->n_history; k++) {
        int32_t i = subject->history[k];
        double strength = strength_of(subject, k);

        LT_TRY(lt_poll(env));
        if (!is_item(s, i))
            continue;
        for (int64_t e = s->by_item.start[i]; e < s->by_item.start[i + 1]; e++)
            weight[s->by_item.col[e]] += strength * value_of(&s->by_item, e);
    }
    for (int32_t v = 0; v < s->by_user.rows; v++) {
        if (v % CHUNK == 0)
            LT_TRY(lt_poll(env));
        if (weight[v] != 0)
            weight[v] /= norm * s->norm[v] + s->settings[SHRINKAGE];
    }
    return LT_OK;
}

static double edge_weight(const score_state *s, int64_t edge)
{
    return s->settings[SOCIAL_WEIGHT] * value_of(&s->social, edge);
}

/* Keeps the `most` of the largest weights. */
static lt_status choose_neighbors(lt_env *env, neighborhood *hood, int64_t most)
{
    double *weight = hood->weight;
    int32_t *user = hood->user, *best;
    float *key, *best_key;

    if (most == 0 || hood->n <= most)
        return LT_OK;
    LT_TRY(lt_alloc(env, &key, (size_t)hood->n, sizeof *key, "the neighbors"));
    LT_TRY(lt_alloc(env, &best_key, (size_t)most, sizeof *best_key, "the neighbors"));
    LT_TRY(lt_alloc(env, &best, (size_t)most, sizeof *best, "the neighbors"));
    for (int64_t k = 0; k < hood->n; k++)
        key[k] = (float)weight[k];
    LT_TRY(lt_poll(env));
    hood->n = lt_top_k(key, NULL, hood->n, most, best, best_key);
    LT_TRY(lt_alloc(env, &hood->user, (size_t)hood->n, sizeof *hood->user, "the neighbors"));
    LT_TRY(lt_alloc(env, &hood->weight, (size_t)hood->n, sizeof *hood->weight, "the neighbors"));
    for (int64_t k = 0; k < hood->n; k++) {
        hood->user[k] = user[best[k]];
        hood->weight[k] = weight[best[k]];
    }
    lt_free(env, best);
    lt_free(env, best_key);
    lt_free(env, key);
    lt_free(env, user);
    lt_free(env, weight);
    return LT_OK;
}

static lt_status find_neighbors(lt_env *env, const score_state *s, const lt_subject *subject, neighborhood *hood)
{
    int32_t self = subject->user, users = s->by_user.rows;
    double norm = 0;

    memset(hood, 0, sizeof *hood);
    for (int64_t k = 0; k < subject->n_history; k++)
        norm += strength_of(subject, k) * strength_of(subject, k);
    hood->norm = sqrt(norm);
    LT_TRY(lt_alloc(env, &hood->weight, (size_t)users, sizeof *hood->weight, "the neighbors"));
    LT_TRY(lt_alloc(env, &hood->user, (size_t)users, sizeof *hood->user, "the neighbors"));
    LT_TRY(add_taste(env, s, subject, hood->norm, hood->weight));
    if (self >= 0 && self < s->social.rows)
        for (int64_t e = s->social.start[self]; e < s->social.start[self + 1]; e++)
            hood->weight[s->social.col[e]] += edge_weight(s, e);
    if (self >= 0 && self < users)
        hood->weight[self] = 0;
    for (int32_t v = 0; v < users; v++) {
        if (!(hood->weight[v] > 0))
            continue;
        hood->weight[hood->n] = hood->weight[v];
        hood->user[hood->n++] = v;
    }
    return choose_neighbors(env, hood, (int64_t)s->settings[NEIGHBORS]);
}

static void free_neighbors(lt_env *env, neighborhood *hood)
{
    lt_free(env, hood->user);
    lt_free(env, hood->weight);
}

static lt_status user_knn_score(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items,
                                int64_t n, float *margin)
{
    const score_state *s = scorer->state;
    neighborhood hood;
    int64_t work = 0;
    double *sum;

    LT_TRY(find_neighbors(env, s, subject, &hood));
    LT_TRY(lt_alloc(env, &sum, (size_t)s->by_item.rows, sizeof *sum, "the scores"));
    for (int64_t k = 0; k < hood.n; k++) {
        int32_t v = hood.user[k];

        for (int64_t e = s->by_user.start[v]; e < s->by_user.start[v + 1]; e++)
            sum[s->by_user.col[e]] += hood.weight[k] * value_of(&s->by_user, e);
        work += 1 + s->by_user.start[v + 1] - s->by_user.start[v];
        if (work > CHUNK) {
            LT_TRY(lt_poll(env));
            work = 0;
        }
    }
    for (int64_t k = 0; k < n; k++) {
        int64_t i = items == NULL ? k : items[k];

        margin[k] = i >= 0 && i < s->by_item.rows ? (float)sum[i] : 0;
    }
    lt_free(env, sum);
    free_neighbors(env, &hood);
    return LT_OK;
}

/* ---- reasons ---- */

/* The value at (row, col), 0 where there is none. */
static double pair_value(const lt_pairs *p, int32_t row, int32_t col)
{
    int64_t at = lt_pairs_find(p, row, col);

    return at < 0 ? 0 : value_of(p, at);
}

static lt_status user_knn_explain_history(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, int32_t item,
                                          double *contribution)
{
    const score_state *s = scorer->state;
    neighborhood hood;

    memset(contribution, 0, (1 + (size_t)subject->n_history) * sizeof *contribution);
    if (!is_item(s, item))
        return LT_OK;
    LT_TRY(find_neighbors(env, s, subject, &hood));
    for (int64_t k = 0; k < hood.n; k++) {
        int32_t v = hood.user[k];
        double has = pair_value(&s->by_user, v, item);
        double denominator = hood.norm * s->norm[v] + s->settings[SHRINKAGE];

        LT_TRY(lt_poll(env));
        if (has == 0)
            continue;
        if (subject->user >= 0 && subject->user < s->social.rows)
            contribution[0] += s->settings[SOCIAL_WEIGHT] * pair_value(&s->social, subject->user, v) * has;
        for (int64_t h = 0; h < subject->n_history; h++) {
            double common = is_item(s, subject->history[h])
                                ? strength_of(subject, h) * pair_value(&s->by_user, v, subject->history[h])
                                : 0;

            if (common != 0)
                contribution[1 + h] += common / denominator * has;
        }
    }
    free_neighbors(env, &hood);
    return LT_OK;
}

/* The items' cosine by who has them, shrunk alike. */
static lt_status user_knn_similar(lt_env *env, const lt_scorer *scorer, int32_t item, float *score)
{
    const score_state *s = scorer->state;
    int64_t work = 0;
    double *sum;

    LT_TRY(lt_alloc(env, &sum, (size_t)s->by_item.rows, sizeof *sum, "the similarities"));
    for (int64_t k = s->by_item.start[item]; k < s->by_item.start[item + 1]; k++) {
        int32_t v = s->by_item.col[k];

        for (int64_t e = s->by_user.start[v]; e < s->by_user.start[v + 1]; e++)
            sum[s->by_user.col[e]] += value_of(&s->by_item, k) * value_of(&s->by_user, e);
        work += 1 + s->by_user.start[v + 1] - s->by_user.start[v];
        if (work > CHUNK) {
            LT_TRY(lt_poll(env));
            work = 0;
        }
    }
    for (int32_t j = 0; j < s->by_item.rows; j++)
        score[j] = sum[j] == 0 ? 0 : (float)(sum[j] / (s->item_norm[item] * s->item_norm[j] + s->settings[SHRINKAGE]));
    lt_free(env, sum);
    return LT_OK;
}

const lt_algorithm lt_user_knn = {
    .name = "user_knn",
    .help = "user-based neighbors: recommends what users of the same taste have, and optionally what friends have",
    .recommender = true,
    .uses_history = true,
    .no_features = true,
    .weights = LT_WEIGHTS_OF_PAIRS,
    .ranks_only = true,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = user_knn_train,
    .check = user_knn_check,
    .prepare = user_knn_prepare,
    .image = user_knn_image,
    .score = user_knn_score,
    .explain_history = user_knn_explain_history,
    .similar = user_knn_similar,
    .extend = user_knn_extend,
    .forget = user_knn_forget,
};
