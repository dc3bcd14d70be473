/*
 * bpr.c: Bayesian personalised ranking (Rendle, Freudenthaler, Gantner and Schmidt-Thieme, "BPR: Bayesian personalized
 * ranking from implicit feedback", 2009).
 *
 * For a pair (u, i) that was seen and an item j that u has not, the loss is
 *     -ln sigma(m_ui - m_uj) + regularization / 2 (|x_u|^2 + |y_i|^2 + |y_j|^2 + b_i^2 + b_j^2),   m_ui = b_i +
 * x_u.y_i, followed downhill triple by triple (bpr_blocks.c), so that a seed gives one model.  An epoch has as many
 * positives as there are pairs, each as often as its share of the weights says, rounded up or down at random.
 *
 * The loss does not fix the level of margins: they are differences of log-odds, and only order items.
 *
 * Unknown users, baskets and changed histories are folded in as als does it (factors.h), item vectors held: of the
 * closed forms tried this came nearest to the rankings of trained users.  The solve's scale is not that of logistic
 * margins; a sample of the trained users says by how much to multiply.
 */
#include "bpr_blocks.h"
#include "factors.h"
#include "lanes.h"

#include <math.h>
#include <string.h>

extern const lt_algorithm lt_bpr;

#define START 0.1         /* standard deviation of the length of the vectors at the start */
#define SAMPLED_USERS 500 /* for the scale of folding in */
#define FOLD_UNOBSERVED 0.1
#define FOLD_REGULARIZATION 0.3

static const lt_option options[] = {
    {"factors", LT_OPT_INT, "64", 1, LT_FACTORS_MOST, NULL, "length of the vectors of users and items"},
    {"epochs", LT_OPT_INT, "50", 1, 100000, NULL, "passes over the pairs seen"},
    {"learning_rate", LT_OPT_FLOAT, "0.05", 1e-9, 100, NULL, "step size of the gradient descent"},
    {"regularization", LT_OPT_FLOAT, "0.01", 0, 1e6, NULL,
     "strength of the l2 penalty on the vectors and biases that a step touches"},
    {"negatives", LT_OPT_INT, "1", 1, 1000, NULL, "items drawn for each pair seen, to be ranked below its item"},
    {"negative_exponent", LT_OPT_FLOAT, "0", 0, 2, NULL,
     "negatives are drawn in proportion to popularity to this power; 0: all alike"},
    {"item_bias", LT_OPT_BOOL, "true", 0, 0, NULL, "whether items have a bias, the part of a score all users share"},
};

typedef struct bpr_job {
    const lt_dataset *data;
    int64_t n;          /* pairs */
    double *share;      /* lt_bpr_fit's */
    lt_sampler sampler; /* of negatives */
    lt_bpr_fit bpr;
} bpr_job;

/* ---- setting up ---- */

/* Ratings above 0 count as the weight of a positive, as weights do; those at or below it as no positive. */
static lt_status weigh_pairs(lt_env *env, bpr_job *job)
{
    const lt_pairs *seen = &job->data->seen;
    double total = 0;

    if (seen->val == NULL)
        return LT_OK;
    for (int64_t e = 0; e < job->n; e++)
        total += fmaxf(seen->val[e], 0);
    if (!(total > 0))
        return lt_fail(env, LT_INVALID, "there are no pairs of users and items with a weight above zero to train on");
    LT_TRY(lt_alloc(env, &job->share, (size_t)job->n + 1, sizeof *job->share, "the pairs"));
    for (int64_t e = 0; e < job->n; e++)
        job->share[e + 1] = job->share[e] + fmaxf(seen->val[e], 0) / total * (double)job->n;
    return LT_OK;
}

/* Where one side's vectors are worked on, with normal numbers, and behind them `bias`. */
static lt_status start_side(lt_env *env, const lt_bpr_fit *bpr, int32_t rows, lt_random *rng, float bias, float **out)
{
    double deviation = START / sqrt(bpr->k);

    LT_TRY(lt_alloc(env, out, (size_t)rows * (size_t)bpr->stride, sizeof **out, "the factors"));
    for (int32_t r = 0; r < rows; r++) {
        float *row = *out + (int64_t)r * bpr->stride;

        if (r % 1024 == 0)
            LT_TRY(lt_poll(env));
        for (int32_t j = 0; j < bpr->k; j++)
            row[j] = (float)(deviation * lt_random_normal(rng));
        if (bpr->bias)
            row[bpr->k] = bias;
    }
    return LT_OK;
}

static void store_side(const lt_bpr_fit *bpr, int32_t rows, const float *from, float *stored, float *bias)
{
    for (int32_t r = 0; r < rows; r++) {
        memcpy(stored + (int64_t)r * bpr->k, from + (int64_t)r * bpr->stride, (size_t)bpr->k * sizeof *stored);
        if (bias != NULL)
            bias[r] = from[(int64_t)r * bpr->stride + bpr->k];
    }
}

/* The scale at which folded-in vectors come nearest to those of training, over some users. */
static lt_status find_scale(lt_env *env, const lt_dataset *data, const lt_model *model, double *scale)
{
    lt_scorer scorer = {.model = model};
    lt_factors f = lt_factors_of(model);
    double cross = 0, square = 0;
    int32_t step = f.users / SAMPLED_USERS + 1;
    float *x;

    LT_TRY(lt_factors_prepare(env, &scorer));
    LT_TRY(lt_alloc(env, &x, (size_t)f.k + 1, sizeof *x, "a user's vector"));
    for (int32_t u = 0; u < f.users; u += step) {
        lt_subject s = {.user = -1};

        LT_TRY(lt_poll(env));
        lt_subject_take_history(&s, lt_dataset_histories(data), u);
        LT_TRY(lt_factors_user(env, &scorer, &s, x));
        for (int32_t j = 0; j < f.k; j++) {
            cross += (double)x[j] * f.user[(int64_t)u * f.k + j];
            square += (double)x[j] * x[j];
        }
    }
    *scale = cross > 0 && square > 0 ? cross / square : 1;
    return LT_OK;
}

/* The model as it stands, its fold-in included. */
static lt_status store(lt_env *env, const bpr_job *job, const lt_factors_out *out, lt_fold *fold, lt_model *model)
{
    lt_scope scope;
    lt_status status;

    store_side(&job->bpr, job->data->design.users, job->bpr.user, out->user, NULL);
    store_side(&job->bpr, job->data->design.items, job->bpr.item, out->item, out->item_bias);
    fold->scale = 1;
    lt_factors_set_fold(model, fold);
    lt_scope_open(env, &scope);
    status = find_scale(&scope.env, job->data, model, &fold->scale);
    lt_scope_close(&scope);
    lt_factors_set_fold(model, fold);
    return status;
}

static lt_status start(lt_env *env, const lt_dataset *data, const lt_options *o, bpr_job *job, lt_model *model,
                       lt_fold *fold, lt_factors_out *out)
{
    int32_t k = (int32_t)lt_option_int(o, "factors"), users = data->design.users, items = data->design.items;
    bool bias = lt_option_bool(o, "item_bias");
    lt_random rng;

    *job = (bpr_job){.data = data, .n = data->seen.start[users]};
    if (job->n == 0)
        return lt_fail(env, LT_INVALID, "there are no pairs of users and items to train on");
    if (job->n > INT32_MAX)
        return lt_fail(env, LT_INVALID, "there are more than %d pairs", INT32_MAX);
    *fold = (lt_fold){.unobserved = FOLD_UNOBSERVED,
                      .regularization = FOLD_REGULARIZATION,
                      .frequency = 1,
                      .items = items,
                      .scale = 1};
    LT_TRY(lt_factors_add(env, model, lt_dataset_histories(data), k, false, bias, fold, out));
    LT_TRY(weigh_pairs(env, job));
    LT_TRY(lt_sampler_init(env, &job->sampler, items, data->item_count, lt_option_float(o, "negative_exponent")));
    job->bpr = (lt_bpr_fit){.seen = &data->seen,
                            .share = job->share,
                            .sampler = &job->sampler,
                            .negatives = (int)lt_option_int(o, "negatives"),
                            .seed = (uint64_t)lt_option_int(o, "seed"),
                            .k = k,
                            .stride = (k + bias + LT_LANES - 1) / LT_LANES * LT_LANES,
                            .bias = bias,
                            .rate = (float)lt_option_float(o, "learning_rate"),
                            .penalty = (float)lt_option_float(o, "regularization")};
    lt_random_seed(&rng, job->bpr.seed);
    LT_TRY(start_side(env, &job->bpr, users, &rng, 1, &job->bpr.user));
    LT_TRY(start_side(env, &job->bpr, items, &rng, 0, &job->bpr.item));
    return lt_bpr_fit_init(env, &job->bpr);
}

static lt_status bpr_train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model, lt_fit *fit)
{
    double since = env->seconds(env->context);
    int epochs = (int)lt_option_int(o, "epochs");
    bool measured = data->measure != NULL && data->validation.n > 0;
    lt_factors_out out;
    lt_fold fold;
    bpr_job job;

    *fit = (lt_fit){.converged = true};
    model->link = LT_LINK_LOGISTIC;
    model->design = data->design;
    LT_TRY(start(env, data, o, &job, model, &fold, &out));
    for (int epoch = 1; epoch <= epochs; epoch++) {
        lt_epoch line = {.epoch = epoch, .epochs = epochs, .validation_loss = NAN, .validation_metric = NAN};

        LT_TRY(lt_bpr_epoch(env, &job.bpr, epoch, &line.train_loss));
        if (!isfinite(line.train_loss)) {
            lt_fail(env, LT_DIVERGED, "training diverged in epoch %d: the loss is no longer a finite number", epoch);
            return lt_fail_hint(env, "Lower learning_rate, which is %g.", lt_option_float(o, "learning_rate"));
        }
        fit->epochs = epoch;
        fit->loss = line.train_loss;
        if (measured || epoch == epochs)
            LT_TRY(store(env, &job, &out, &fold, model));
        if (measured)
            LT_TRY(data->measure(env, data->measure_context, model, &line.validation_metric));
        line.seconds = env->seconds(env->context) - since;
        if (env->log != NULL)
            env->log(env->context, &line);
    }
    lt_bpr_fit_free(env, &job.bpr);
    lt_free(env, job.bpr.user);
    lt_free(env, job.bpr.item);
    lt_free(env, job.share);
    lt_sampler_free(env, &job.sampler);
    return LT_OK;
}

const lt_algorithm lt_bpr = {
    .name = "bpr",
    .help = "matrix factorisation by pairwise ranking: what users have above what they have not",
    .recommender = true,
    .uses_history = true,
    .no_features = true,
    .weights = LT_WEIGHTS_OF_PAIRS,
    .ranks_only = true,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = bpr_train,
    .check = lt_factors_check,
    .prepare = lt_factors_prepare,
    .image = lt_factors_image,
    .score = lt_factors_score,
    .seek = lt_factors_seek,
    .explain_history = lt_factors_explain,
    .similar = lt_factors_similar,
    .item_vectors = lt_factors_item_vectors,
    .extend = lt_factors_extend,
    .forget = lt_factors_forget,
};
