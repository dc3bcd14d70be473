/*
 * als.c: matrix factorisation by alternating least squares.
 *
 * Implicit feedback (Hu, Koren and Volinsky 2008; in the form and with the scales of Rendle, Krichene, Zhang and Koren,
 * "Revisiting the performance of iALS on item recommendation benchmarks", 2022): over user vectors x and item vectors
 * y, sum over pairs seen of w (1 - x.y)^2 + unobserved_weight * sum over all pairs of (x.y)^2
 *         + regularization * sum_u (n_u + unobserved_weight I)^frequency_scaling |x_u|^2, and likewise for items,
 * n_u being how many items user u has, and w the pair's weight (1 without weights).
 *
 * Ratings (Zhou, Wilkinson, Schreiber and Pan, "Large-scale parallel collaborative filtering for the Netflix prize",
 * 2008, with biases): over pairs seen only,
 *     sum (rating - mean - b_u - b_i - x.y)^2 + regularization * sum_u n_u^frequency_scaling (|x_u|^2 + b_u^2), ...
 * A bias is one more unknown beside a 1 in the vectors held.
 *
 * A sweep solves the items, then the users.  The last one solves the users exactly, so that a stored vector is what
 * folding in the same history gives.
 */
#include "als_solve.h"

#include <math.h>
#include <string.h>

extern const lt_algorithm lt_als;

#define START 0.1 /* standard deviation of the length of the vectors at the start, as in the paper of 2022 */

static const lt_option options[] = {
    {"factors", LT_OPT_INT, "64", 1, LT_FACTORS_MOST, NULL, "length of the vectors of users and items"},
    {"epochs", LT_OPT_INT, "15", 1, 10000, NULL, "sweeps; each solves all items, then all users"},
    {"regularization", LT_OPT_FLOAT, "-1", -1, 1e12, NULL,
     "strength of the l2 penalty; -1: 0.003 with the implicit loss, 0.05 with the squared one"},
    {"unobserved_weight", LT_OPT_FLOAT, "0.4", 0, 1e6, NULL,
     "weight of a pair that was not seen beside the 1 of one that was; of the implicit loss"},
    {"frequency_scaling", LT_OPT_FLOAT, "1", 0, 2, NULL,
     "the penalty of a user or item grows with how many pairs it has to this power"},
    {"solver", LT_OPT_ENUM, "cg", 0, 0, "cg|cholesky",
     "how a vector is solved for: some steps of conjugate gradient from where it was, or exactly"},
    {"cg_steps", LT_OPT_INT, "3", 1, 1000, NULL, "steps of solver cg"},
    {"loss", LT_OPT_ENUM, "auto", 0, 0, "auto|implicit|squared",
     "implicit: pairs there are against those there are not, labels or weights as confidence; squared: the ratings in "
     "the label column; auto: squared where labels are numbers, else implicit"},
};

/* Training, from options to arrays. */
typedef struct als_job {
    bool ratings;
    int epochs, steps;
    lt_fold fold;
    double total;      /* weight of all pairs */
    lt_pairs of_items; /* I x U */
    int64_t tasks[2];  /* of the users' rows and of the items' */
    int32_t *first[2];
    lt_factors_out out; /* the model's arrays */
    float *user, *item; /* U and I x solver.stride; the model's own where these have that shape */
    float *gramian;
    lt_als_solver solver;
} als_job;

static lt_status choose_loss(lt_env *env, const lt_dataset *data, const lt_options *o, als_job *job)
{
    bool numbers = data->label_kind == LT_LABEL_REAL;

    job->ratings = lt_option_is(o, "loss", "squared") || (numbers && lt_option_is(o, "loss", "auto"));
    if (job->ratings && !numbers) {
        lt_fail(env, LT_INVALID, "loss squared is for ratings, but there is no label column of numbers");
        return lt_fail_hint(env, "Name a label_column with ratings, or use loss implicit.");
    }
    return LT_OK;
}

/* Sums over the pairs: their weight, and ratings' mean and deviation. */
static lt_status measure_pairs(lt_env *env, const lt_pairs *seen, als_job *job)
{
    double squares = 0;
    int64_t n = seen->start[seen->rows];

    for (int64_t e = 0; e < n; e++)
        job->total += job->ratings || seen->val == NULL ? 1 : fmaxf(seen->val[e], 0);
    if (!(job->total > 0))
        return lt_fail(env, LT_INVALID, "there are no pairs of users and items with a weight above zero to train on");
    if (!job->ratings)
        return LT_OK;
    for (int64_t e = 0; e < n; e++)
        job->fold.mean += seen->val[e] / (double)n;
    for (int64_t e = 0; e < n; e++)
        squares += (seen->val[e] - job->fold.mean) * (seen->val[e] - job->fold.mean);
    job->fold.liked = sqrt(squares / (double)n);
    return LT_OK;
}

static int64_t longest_row(const lt_pairs *p)
{
    int64_t longest = 0;

    for (int32_t r = 0; r < p->rows; r++)
        longest = p->start[r + 1] - p->start[r] > longest ? p->start[r + 1] - p->start[r] : longest;
    return longest;
}

static lt_status read_options(lt_env *env, const lt_dataset *data, const lt_options *o, als_job *job)
{
    double regularization = lt_option_float(o, "regularization");

    memset(job, 0, sizeof *job);
    LT_TRY(choose_loss(env, data, o, job));
    job->epochs = (int)lt_option_int(o, "epochs");
    job->steps = lt_option_is(o, "solver", "cg") ? (int)lt_option_int(o, "cg_steps") : 0;
    job->fold = (lt_fold){.ratings = job->ratings,
                          .unobserved = job->ratings ? 0 : lt_option_float(o, "unobserved_weight"),
                          .regularization = regularization >= 0 ? regularization
                                            : job->ratings      ? 0.05
                                                                : 0.003,
                          .frequency = lt_option_float(o, "frequency_scaling"),
                          .items = data->design.items,
                          .scale = 1};
    return LT_OK;
}

/* Where one side's vectors are worked on, with normal numbers, and a 1 behind them for the other side's bias. */
static lt_status start_side(lt_env *env, const als_job *job, int32_t rows, float *stored, lt_random *rng, float **out)
{
    int32_t stride = job->solver.stride, k = job->solver.unknowns - job->ratings;
    double deviation = START / sqrt(k);

    *out = stored;
    if (k != stride)
        LT_TRY(lt_alloc(env, out, (size_t)rows * (size_t)stride, sizeof **out, "the factors"));
    for (int32_t r = 0; r < rows; r++) {
        float *x = *out + (int64_t)r * stride;

        if (r % 1024 == 0)
            LT_TRY(lt_poll(env));
        for (int32_t j = 0; j < k; j++)
            x[j] = (float)(deviation * lt_random_normal(rng));
        if (job->ratings)
            x[k] = 1;
    }
    return LT_OK;
}

static lt_status start(lt_env *env, const lt_dataset *data, const lt_options *o, als_job *job, lt_model *model)
{
    int32_t k = (int32_t)lt_option_int(o, "factors"), users = data->design.users, items = data->design.items;
    bool plain = !job->ratings && data->seen.val == NULL;
    int64_t longest[2];
    lt_random rng;

    LT_TRY(
        lt_factors_add(env, model, lt_dataset_histories(data), k, job->ratings, job->ratings, &job->fold, &job->out));
    LT_TRY(lt_pairs_transpose(env, &data->seen, &job->of_items));
    longest[0] = longest_row(&data->seen);
    longest[1] = longest_row(&job->of_items);
    LT_TRY(lt_als_share(env, &data->seen, k + job->ratings, &job->tasks[0], &job->first[0]));
    LT_TRY(lt_als_share(env, &job->of_items, k + job->ratings, &job->tasks[1], &job->first[1]));
    LT_TRY(lt_als_solver_init(env, &job->solver, k + job->ratings, longest[0] > longest[1] ? longest[0] : longest[1],
                              job->tasks[0] > job->tasks[1] ? job->tasks[0] : job->tasks[1], plain));
    LT_TRY(lt_alloc(env, &job->gramian, (size_t)job->solver.stride * (size_t)job->solver.stride, sizeof *job->gramian,
                    "the factors"));
    lt_random_seed(&rng, (uint64_t)lt_option_int(o, "seed"));
    LT_TRY(start_side(env, job, users, job->out.user, &rng, &job->user));
    return start_side(env, job, items, job->out.item, &rng, &job->item);
}

/* The vectors into the model, where they are not worked on there. */
static void store_side(const als_job *job, int32_t rows, const float *from, float *stored)
{
    int32_t stride = job->solver.stride, k = job->solver.unknowns - job->ratings;

    for (int32_t r = 0; from != stored && r < rows; r++)
        memcpy(stored + (int64_t)r * k, from + (int64_t)r * stride, (size_t)k * sizeof *stored);
}

/* Items (or users) solved; held are the rows of the other side. */
static lt_status half(lt_env *env, als_job *job, bool items, const lt_pairs *pairs, double *loss)
{
    const float *held = items ? job->user : job->item;
    lt_als_side side = {.pairs = pairs,
                        .held = held,
                        .solved = items ? job->item : job->user,
                        .gramian = job->fold.unobserved > 0 ? job->gramian : NULL,
                        .ratings = job->ratings,
                        .mean = job->fold.mean,
                        .held_bias = items ? job->out.user_bias : job->out.item_bias,
                        .solved_bias = items ? job->out.item_bias : job->out.user_bias,
                        .regularization = job->fold.regularization,
                        .frequency_offset = job->fold.unobserved * pairs->cols,
                        .frequency = job->fold.frequency,
                        .tasks = job->tasks[items],
                        .first = job->first[items]};

    if (side.gramian != NULL)
        LT_TRY(lt_gramian(env, held, pairs->cols, job->solver.unknowns, job->solver.stride, job->fold.unobserved,
                          job->gramian, job->solver.stride));
    return lt_als_half(env, &job->solver, &side, loss);
}

static lt_status sweep(lt_env *env, const lt_dataset *data, als_job *job, int epoch, lt_model *model, double since,
                       lt_fit *fit)
{
    lt_epoch line = {.epoch = epoch, .epochs = job->epochs, .validation_loss = NAN, .validation_metric = NAN};
    double loss;

    job->solver.steps = job->steps;
    LT_TRY(half(env, job, true, &job->of_items, &loss));
    job->solver.steps = epoch == job->epochs ? 0 : job->steps;
    LT_TRY(half(env, job, false, &data->seen, &loss));
    store_side(job, data->design.users, job->user, job->out.user);
    store_side(job, data->design.items, job->item, job->out.item);
    fit->epochs = epoch;
    fit->loss = line.train_loss = loss / job->total;
    if (data->measure != NULL && data->validation.n > 0)
        LT_TRY(data->measure(env, data->measure_context, model, &line.validation_metric));
    line.seconds = env->seconds(env->context) - since;
    if (env->log != NULL)
        env->log(env->context, &line);
    return LT_OK;
}

static lt_status als_train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model, lt_fit *fit)
{
    double since = env->seconds(env->context);
    als_job job;

    *fit = (lt_fit){.converged = true};
    model->link = LT_LINK_IDENTITY;
    model->design = data->design;
    LT_TRY(read_options(env, data, o, &job));
    LT_TRY(measure_pairs(env, &data->seen, &job));
    LT_TRY(start(env, data, o, &job, model));
    for (int epoch = 1; epoch <= job.epochs; epoch++)
        LT_TRY(sweep(env, data, &job, epoch, model, since, fit));
    if (job.user != job.out.user)
        lt_free(env, job.user);
    if (job.item != job.out.item)
        lt_free(env, job.item);
    lt_als_solver_free(env, &job.solver);
    lt_free(env, job.gramian);
    lt_free(env, job.first[0]);
    lt_free(env, job.first[1]);
    lt_free(env, job.of_items.start);
    lt_free(env, job.of_items.col);
    lt_free(env, job.of_items.val);
    lt_free(env, job.of_items.time);
    return LT_OK;
}

const lt_algorithm lt_als = {
    .name = "als",
    .help = "matrix factorisation by alternating least squares, of implicit feedback or of ratings",
    .recommender = true,
    .uses_history = true,
    .no_features = true,
    .weights = LT_WEIGHTS_OF_PAIRS,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = als_train,
    .check = lt_factors_check,
    .predict = lt_factors_predict,
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
