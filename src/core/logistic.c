/*
 * logistic.c: penalised logistic regression.
 *
 * Minimises, over the intercept and one coefficient an input column (encoded columns, so standardised ones),
 *     sum_i weight_i * log-loss_i + regularization / 2 * |w|_2^2 + l1 * |w|_1,    the intercept not penalised,
 * which is scikit-learn's with C = 1 / regularization.  For implicit feedback negatives are sampled once.  How it is
 * minimised is logistic_fit.c's affair, how evaluated logistic_objective.c's.
 *
 * Legend: c = 1 + dense + sparse. A model's arrays, all f64, in encoded units:
 *     coefficients         1 x c, the intercept first
 *     covariance_diagonal  1 x c, the coefficients' variances, from the inverse of the penalised Hessian at the
 * optimum; NaN where the data do not determine the coefficient.  Absent with l1, with more than 2,000 columns, or when
 * it would take longer than the fit (LT_LOGISTIC_MOST_WORK). covariance_dense     (1 + dense) x (1 + dense), the same
 * inverse's first block; absent with covariance_diagonal, and with more than 600 dense columns.  The intercept in the
 * user's units is b - sum_j mean_j scale_j w_j, so its variance takes all of it; sparse columns have no mean to shift
 * by.
 */
#include "logistic_fit.h"
#include "forget.h"
#include "image.h"
#include "logistic_private.h"
#include "private_fit.h"

#include <math.h>
#include <string.h>

extern const lt_algorithm lt_logistic;

#define COVARIANCE_COLUMNS 600
#define CHUNK 1024 /* examples or items between polls */

static const lt_option options[] = {
    {"regularization", LT_OPT_FLOAT, "1.0", 0, 1e30, NULL,
     "strength of the l2 penalty, regularization / 2 times the sum of squared coefficients"},
    {"l1", LT_OPT_FLOAT, "0", 0, 1e30, NULL, "strength of the l1 penalty, which sets coefficients to exactly 0"},
    {"tolerance", LT_OPT_FLOAT, "1e-6", 1e-12, 1, NULL,
     "training stops when coefficients are about this close to the optimum, relative to the largest or 1; for "
     "recommenders with over 1000 columns also when ten passes over the rows lower the loss by less than this share, "
     "with newton_cg a hundredth of it"},
    {"epochs", LT_OPT_INT, "200", 1, 1e6, NULL, "the most iterations"},
    {"solver", LT_OPT_ENUM, "auto", 0, 0, "auto|newton|newton_cg|lbfgs",
     "newton (few columns, no l1), newton_cg (no l1) or lbfgs; auto takes the first that is cheap"},
    {"class_weight", LT_OPT_ENUM, "none", 0, 0, "none|balanced",
     "balanced weights each class by rows / (2 * rows of the class)"},
    {"id_features", LT_OPT_ENUM, "auto", 0, 0, "auto|none|item|user|both",
     "a column for each item or user of a recommender; auto is item"},
    {"negatives", LT_OPT_INT, "4", 1, 1000, NULL, "sampled negatives a positive, for implicit feedback"},
    {"negative_exponent", LT_OPT_FLOAT, "0", 0, 10, NULL,
     "negatives are drawn in proportion to an item's interactions to this power; 0 is uniformly"},
    {"sampling_correction", LT_OPT_BOOL, "false", 0, 0, NULL,
     "correct probabilities for the sampling, to those of the whole catalogue"},
    LT_PRIVATE_OPTIONS,
    {"learning_rate", LT_OPT_FLOAT, "0", 0, 100, NULL,
     "step size of differentially private training; 0: by the number of columns"},
    {"batch_size", LT_OPT_INT, "0", 0, 1e9, NULL,
     "rows a step of differentially private training takes on average; 0: all"},
};

/* ---- training ---- */

static lt_status check_options(lt_env *env, const lt_options *o, int64_t columns)
{
    bool newton = lt_option_is(o, "solver", "newton"), cg = lt_option_is(o, "solver", "newton_cg");

    if ((newton || cg) && lt_option_float(o, "l1") > 0)
        lt_fail(env, LT_INVALID, "solver %s cannot be combined with an l1 penalty", newton ? "newton" : "newton_cg");
    else if (lt_option_float(o, "learning_rate") > 0 || lt_option_int(o, "batch_size") > 0)
        return lt_fail(env, LT_INVALID, "options \"learning_rate\" and \"batch_size\" of logistic need dp_epsilon");
    else if (newton && columns > LT_LOGISTIC_NEWTON_MOST)
        lt_fail(env, LT_INVALID, "solver newton is for at most %d columns, and there are %lld", LT_LOGISTIC_NEWTON_MOST,
                (long long)columns);
    else
        return LT_OK;
    return lt_fail_hint(env, "Use solver lbfgs or auto.");
}

/* Class weights from the labels; LT_ONE_CLASS unless both are there. */
static lt_status weigh_classes(lt_env *env, const lt_options *o, const lt_examples *ex, double class_weight[2])
{
    int64_t count[2];
    double weight[2];

    if (ex->n == 0)
        return lt_fail(env, LT_INVALID, "there are no rows to train on");
    LT_TRY(lt_logistic_count_labels(env, ex, count));
    for (int k = 0; k < 2; k++)
        weight[k] = ex->weight == NULL ? (double)count[k] : 0;
    for (int64_t i = 0; ex->weight != NULL && i < ex->n; i++)
        weight[ex->label[i] != 0] += ex->weight[i];
    if (weight[0] <= 0 || weight[1] <= 0) {
        lt_fail(env, LT_ONE_CLASS, "all labels of the training rows are the same");
        return lt_fail_hint(env, "A logistic model needs rows of both classes, with weights above zero.");
    }
    for (int k = 0; k < 2; k++)
        class_weight[k] = lt_option_is(o, "class_weight", "balanced") ? (double)ex->n / (2.0 * (double)count[k]) : 1;
    return LT_OK;
}

/* What is trained on or validated with: the examples themselves, or with sampled negatives in *sampled. */
static lt_status find_examples(lt_env *env, const lt_dataset *data, const lt_options *o, const lt_examples *from,
                               uint64_t stream, lt_examples *sampled, const lt_examples **out)
{
    lt_random rng;

    *out = from;
    if (data->label_kind != LT_LABEL_IMPLICIT || from->n == 0)
        return LT_OK;
    lt_random_seed(&rng, (uint64_t)lt_option_int(o, "seed") ^ stream);
    *out = sampled;
    return lt_sample_negatives(env, data, from, &data->seen, (int)lt_option_int(o, "negatives"),
                               lt_option_float(o, "negative_exponent"), lt_option_bool(o, "sampling_correction"), &rng,
                               sampled);
}

static lt_status copy_design(lt_env *env, const lt_design *from, lt_design *to)
{
    *to = *from;
    LT_TRY(lt_alloc(env, &to->cross, (size_t)from->n_crosses, sizeof *to->cross, "the design"));
    if (from->n_crosses > 0)
        memcpy(to->cross, from->cross, (size_t)from->n_crosses * sizeof *to->cross);
    return LT_OK;
}

static void examples_free(lt_env *env, lt_examples *ex)
{
    lt_free(env, ex->row);
    lt_free(env, ex->user);
    lt_free(env, ex->item);
    lt_free(env, ex->label);
    lt_free(env, ex->weight);
    lt_free(env, ex->offset);
}

static lt_status logistic_train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model, lt_fit *fit)
{
    lt_inputs in = lt_dataset_inputs(data);
    lt_examples sampled = {0}, validation_sampled = {0};
    const lt_examples *train, *validation;
    double class_weight[2], *diagonal, *block = NULL;
    lt_logistic_fitter f = {.l2 = lt_option_float(o, "regularization"),
                            .l1 = lt_option_float(o, "l1"),
                            .tolerance = lt_option_float(o, "tolerance"),
                            .epochs = (int)lt_option_int(o, "epochs"),
                            .c = 1 + (int64_t)data->design.dense + data->design.sparse,
                            .start = env->seconds(env->context)};

    if (lt_private_wanted(o)) {
        model->link = LT_LINK_LOGISTIC;
        LT_TRY(copy_design(env, &data->design, &model->design));
        return lt_logistic_train_private(env, data, o, model, fit);
    }
    LT_TRY(check_options(env, o, f.c));
    f.solver = lt_option_is(o, "solver", "newton")      ? LT_LOGISTIC_NEWTON
               : lt_option_is(o, "solver", "newton_cg") ? LT_LOGISTIC_NEWTON_CG
               : lt_option_is(o, "solver", "lbfgs")     ? LT_LOGISTIC_LBFGS
                                                        : LT_LOGISTIC_AUTO;
    model->link = LT_LINK_LOGISTIC;
    LT_TRY(copy_design(env, &data->design, &model->design));
    LT_TRY(lt_model_add_f64(env, model, "coefficients", 1, f.c, &f.w));
    LT_TRY(find_examples(env, data, o, &data->train, 0, &sampled, &train));
    LT_TRY(
        find_examples(env, data, o, &data->validation, UINT64_C(0x76616c69646174), &validation_sampled, &validation));
    LT_TRY(weigh_classes(env, o, train, class_weight));
    LT_TRY(lt_logistic_objective_init(env, &f.train, &in, train, class_weight));
    f.has_validation = validation->n > 0;
    f.data = data;
    f.model = &(lt_model){.algorithm = &lt_logistic, .link = model->link, .design = model->design};
    if (f.has_validation)
        LT_TRY(lt_logistic_objective_init(env, &f.validation, &in, validation, class_weight));

    LT_TRY(lt_logistic_fit(env, &f, fit));
    if (lt_logistic_has_covariance(&f)) {
        int dense = 1 + data->design.dense;

        LT_TRY(lt_model_add_f64(env, model, "covariance_diagonal", 1, f.c, &diagonal));
        if (dense <= 1 + COVARIANCE_COLUMNS)
            LT_TRY(lt_model_add_f64(env, model, "covariance_dense", dense, dense, &block));
        LT_TRY(lt_logistic_covariance(env, &f, diagonal, dense, block));
    }
    fit->loss = f.loss / f.train.total_weight;

    lt_logistic_objective_free(env, &f.train);
    if (f.has_validation)
        lt_logistic_objective_free(env, &f.validation);
    examples_free(env, &sampled);
    examples_free(env, &validation_sampled);
    return LT_OK;
}

/* ---- using the model ---- */

static const double *coefficients(const lt_model *m)
{
    return lt_model_array(m, "coefficients")->d;
}

static lt_status check_array(lt_env *env, const lt_model *m, const char *name, bool required, int64_t rows,
                             int64_t cols)
{
    const lt_array *a = lt_model_array(m, name);

    if (a == NULL && !required)
        return LT_OK;
    if (a == NULL || a->d == NULL || a->rows != rows || a->cols != cols)
        return lt_fail(env, LT_CORRUPT, "the array \"%s\" of a logistic model does not fit its columns", name);
    return LT_OK;
}

static lt_status logistic_check(lt_env *env, const lt_model *m)
{
    int64_t dense = 1 + (int64_t)m->design.dense, c = dense + m->design.sparse;

    LT_TRY(check_array(env, m, "coefficients", true, 1, c));
    LT_TRY(check_array(env, m, "covariance_diagonal", false, 1, c));
    LT_TRY(check_array(env, m, "covariance_dense", false, dense, dense));
    for (int64_t j = 0; j < c; j++)
        if (!isfinite(coefficients(m)[j]))
            return lt_fail(env, LT_CORRUPT, "a coefficient of a logistic model is not finite");
    return LT_OK;
}

static lt_status logistic_predict(lt_env *env, const lt_model *m, const lt_inputs *in, const lt_examples *ex,
                                  float *margin)
{
    const double *w = coefficients(m);
    int dense = m->design.dense;
    lt_batch batch = {0};

    for (int64_t first = 0; first < ex->n; first += CHUNK) {
        int b = (int)(ex->n - first < CHUNK ? ex->n - first : CHUNK);

        LT_TRY(lt_poll(env));
        LT_TRY(lt_gather(env, in, ex, NULL, first, b, &batch));
        for (int k = 0; k < b; k++) {
            double sum = w[0];

            for (int j = 0; j < dense; j++)
                sum += batch.x[(int64_t)k * dense + j] * w[1 + j];
            for (int64_t e = batch.start[k]; e < batch.start[k + 1]; e++)
                sum += batch.val[e] * w[1 + dense + batch.col[e]];
            margin[first + k] = (float)sum;
        }
    }
    lt_batch_free(env, &batch);
    return LT_OK;
}

static lt_status logistic_explain(lt_env *env, const lt_model *m, const lt_inputs *in, const lt_examples *one,
                                  double *contribution)
{
    const double *w = coefficients(m);
    int dense = m->design.dense;
    lt_batch batch = {0};

    memset(contribution, 0, (1 + (size_t)dense + (size_t)m->design.sparse + 2) * sizeof *contribution);
    LT_TRY(lt_gather(env, in, one, NULL, 0, 1, &batch));
    contribution[0] = w[0];
    for (int j = 0; j < dense; j++)
        contribution[1 + j] = w[1 + j] * batch.x[j];
    for (int64_t e = batch.start[0]; e < batch.start[1]; e++)
        contribution[1 + dense + batch.col[e]] += w[1 + dense + batch.col[e]] * batch.val[e];
    lt_batch_free(env, &batch);
    return LT_OK;
}

/* ---- scoring a catalogue ---- */

typedef struct score_state {
    double *item_part; /* items: an item's own share of the margin, its id included */
    lt_table *cross;   /* design.n_crosses: the items' entries */
    int64_t width;     /* columns of all crosses' item sides */
} score_state;

static lt_status logistic_prepare(lt_env *env, lt_scorer *scorer)
{
    const lt_design *d = &scorer->model->design;
    const double *w = coefficients(scorer->model);
    lt_logistic_groups g = lt_logistic_find_groups(d);
    score_state *s;

    LT_TRY(lt_alloc(env, &s, 1, sizeof *s, "a scorer"));
    LT_TRY(lt_alloc(env, &s->item_part, (size_t)d->items, sizeof *s->item_part, "a scorer's items"));
    LT_TRY(lt_alloc(env, &s->cross, (size_t)d->n_crosses, sizeof *s->cross, "a scorer's crosses"));
    for (int32_t i = 0; i < d->items; i++) {
        if (i % CHUNK == 0)
            LT_TRY(lt_poll(env));
        s->item_part[i] = lt_logistic_share(scorer->item, i, w + g.item_dense, w + g.item_sparse) +
                          (d->item_ids ? w[g.item_ids + i] : 0);
    }
    for (int c = 0; c < d->n_crosses; c++) {
        LT_TRY(lt_logistic_cross_table(env, &d->cross[c], true, scorer->item, scorer->item->n, &s->cross[c]));
        s->width += s->cross[c].sparse;
    }
    scorer->state = s;
    return LT_OK;
}

static lt_status logistic_image(lt_image *im, lt_scorer *scorer)
{
    const lt_design *d = &scorer->model->design;
    score_state *s = scorer->state;

    LT_TRY(lt_image_structs(im, &s, 1, sizeof *s));
    LT_TRY(lt_image_array(im, &s->item_part, d->items, sizeof *s->item_part));
    LT_TRY(lt_image_structs(im, &s->cross, d->n_crosses, sizeof *s->cross));
    for (int c = 0; c < d->n_crosses; c++)
        LT_TRY(lt_image_table(im, &s->cross[c]));
    scorer->state = s;
    return LT_OK;
}

/* collapsed (state.width): what one unit of each crossed item column adds to the margin of a user with these features.
 */
static lt_status collapse(lt_env *env, const lt_scorer *scorer, const lt_table *user, int64_t row, double *collapsed)
{
    const lt_design *d = &scorer->model->design;
    const score_state *s = scorer->state;
    const double *w = coefficients(scorer->model) + 1 + d->dense;
    size_t most = (size_t)user->dense + (user->sparse > 0 ? (size_t)(user->start[row + 1] - user->start[row]) : 0);
    int32_t *col;
    float *val;

    LT_TRY(lt_alloc(env, &col, most, sizeof *col, "a user's entries"));
    LT_TRY(lt_alloc(env, &val, most, sizeof *val, "a user's entries"));
    for (int c = 0; c < d->n_crosses; c++) {
        int32_t width = s->cross[c].sparse;
        int64_t n = lt_cross_user(&d->cross[c], user, row, col, val);

        for (int64_t k = 0; k < n; k++)
            for (int32_t b = 0; b < width; b++)
                collapsed[b] += val[k] * w[d->cross[c].first + (int64_t)col[k] * width + b];
        collapsed += width;
    }
    lt_free(env, col);
    lt_free(env, val);
    return LT_OK;
}

static lt_status logistic_score(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items,
                                int64_t n, float *margin)
{
    const lt_design *d = &scorer->model->design;
    const double *w = coefficients(scorer->model);
    const lt_table *user = subject->features != NULL ? subject->features : scorer->user;
    int64_t row = subject->features != NULL ? 0 : subject->user;
    lt_logistic_groups g = lt_logistic_find_groups(d);
    score_state *s = scorer->state;
    bool crossed = d->n_crosses > 0 && row >= 0 && row < user->n;
    double *collapsed = NULL, base = w[0] + lt_logistic_share(user, row, w + g.user_dense, w + g.user_sparse);

    if (d->user_ids && subject->user >= 0 && subject->user < d->users)
        base += w[g.user_ids + subject->user];
    if (subject->row != NULL)
        base += lt_logistic_share(subject->row, 0, w + g.row_dense, w + g.row_sparse);
    if (crossed) {
        LT_TRY(lt_alloc(env, &collapsed, (size_t)s->width, sizeof *collapsed, "a user's crosses"));
        LT_TRY(collapse(env, scorer, user, row, collapsed));
    }
    for (int64_t k = 0; k < n; k++) {
        int64_t i = items == NULL ? k : items[k];
        const double *v = collapsed;
        double m = base;

        if (k % CHUNK == 0)
            LT_TRY(lt_poll(env));
        if (i >= 0 && i < d->items)
            m += s->item_part[i];
        for (int c = 0; crossed && i >= 0 && c < d->n_crosses; c++) {
            const lt_table *t = &s->cross[c];

            for (int64_t e = t->start[i]; e < t->start[i + 1]; e++)
                m += t->val[e] * v[t->col[e]];
            v += t->sparse;
        }
        margin[k] = (float)m;
    }
    lt_free(env, collapsed);
    return LT_OK;
}

/* One row of values an input column, the intercept first: those of new columns are `fresh`. */
static lt_status extend_array(lt_env *env, lt_model *m, const lt_design *grown, const char *name, double fresh)
{
    const lt_design *d = &m->design;
    lt_array *a = (lt_array *)lt_model_array(m, name);
    int64_t c = 1 + (int64_t)grown->dense + grown->sparse;
    double *wider;

    if (a == NULL)
        return LT_OK;
    LT_TRY(lt_alloc(env, &wider, (size_t)c, sizeof *wider, "the coefficients"));
    for (int64_t j = 0; j < c; j++)
        wider[j] = fresh;
    for (int32_t j = 0; j < 1 + d->dense; j++)
        wider[j] = a->d[j];
    for (int32_t j = 0; j < d->sparse; j++)
        wider[1 + d->dense + lt_design_grown_column(d, grown, j)] = a->d[1 + d->dense + j];
    a->d = wider;
    a->cols = c;
    return LT_OK;
}

/* An id that was not trained on has no effect of its own, known how well nobody knows. */
static lt_status logistic_extend(lt_env *env, lt_model *m, const lt_design *grown)
{
    LT_TRY(extend_array(env, m, grown, "coefficients", 0));
    return extend_array(env, m, grown, "covariance_diagonal", NAN);
}

/* One value out of a row of them. */
static void remove_value(lt_model *m, const char *name, int64_t at)
{
    lt_array *a = (lt_array *)lt_model_array(m, name);

    if (a == NULL)
        return;
    memmove(a->d + at, a->d + at + 1, (size_t)(a->cols - at - 1) * sizeof *a->d);
    a->cols--;
}

static lt_status logistic_forget(lt_env *env, lt_model *m, lt_leaver *who)
{
    int32_t column = lt_design_user_column(&m->design, who->user);

    (void)env;
    who->left |= LT_LEFT_WEIGHTS;
    if (column >= 0) {
        remove_value(m, "coefficients", 1 + (int64_t)m->design.dense + column);
        remove_value(m, "covariance_diagonal", 1 + (int64_t)m->design.dense + column);
    }
    return LT_OK;
}

const lt_algorithm lt_logistic = {
    .name = "logistic",
    .help = "logistic regression: a linear model of the log-odds, with standard errors",
    .supervised = true,
    .recommender = true,
    .weights = LT_WEIGHTS_OF_EXAMPLES,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = logistic_train,
    .check = logistic_check,
    .predict = logistic_predict,
    .prepare = logistic_prepare,
    .image = logistic_image,
    .score = logistic_score,
    .explain = logistic_explain,
    .extend = logistic_extend,
    .forget = logistic_forget,
};
