/*
 * mlp.c: the multi-layer perceptron's training.
 *
 * Objective, over n examples of weight w (class weights included) and label y:
 *     sum_i w_i loss(margin_i, y_i) + regularization/2 ||W||^2 + l1 |W|_1
 * over all weights but biases and batch norm's scales.  A batch's gradient is the mean over its examples, weights
 * scaled to mean 1, plus (regularization W + l1 sign W) / sum_i w_i.  Rows of embeddings and of sparse columns are
 * penalised in the batches that touch them, so a rare row less than the formula says.
 *
 * Squared and Huber loss train on the label standardised, and the last layer takes the scale back at the end: margins,
 * losses logged and huber_delta are in the label's unit, the penalty and tolerance in standard deviations' (squared).
 *
 * Unknown users and items have the zero embedding.  That zero is trained: each example loses its user's embedding, and
 * likewise its item's, with probability ID_DROPOUT (after DropoutNet, Volkovs et al. 2017), so that an unknown user
 * gets what is likely for users at large, which is close to popularity.
 *
 * Implicit feedback: negatives are drawn afresh each epoch, those of the validation part once (an item held out for the
 * same user may be among them, as it may among those of training).
 *
 * The softmax loss (mlp_softmax.c) is one of groups, each a positive with negatives of its own: every pair goes through
 * the network, so that it holds for any.  Sums and means above are then over positives, with their weights.  Groups are
 * never divided between batches; a batch has as many whole ones as batch_size examples hold, at least one.  The loss
 * does not change when all margins of a user move together: they compare items for one user, and exp(margin), the
 * prediction, is a relative figure.
 */
#include "mlp_objective.h"
#include "mlp_softmax.h"
#include "private_fit.h"
#include "shuffle.h"

#include <math.h>
#include <string.h>

extern const lt_algorithm lt_mlp;

#define ID_DROPOUT 0.05

/* Training, from options to weights. */
typedef struct lt_job {
    const lt_dataset *data;
    const lt_options *options;
    lt_inputs inputs;
    lt_mlp_objective objective;
    int epochs;
    lt_random rng;
    lt_mlp_trainer trainer;
    int32_t *positive, *chosen; /* with softmax: its positives; the examples of a run's batches */
} lt_job;

/* ---- the objective ---- */

static lt_link link_of(const lt_job *job)
{
    return job->objective.softmax ? LT_LINK_EXP : lt_loss_link(job->objective.loss);
}

/* What the loss demands of labels, so that it has a minimum. */
static lt_status check_labels(lt_env *env, const lt_job *job, const lt_examples *ex)
{
    bool balanced = lt_option_is(job->options, "class_weight", "balanced");

    for (int64_t i = 0; i < ex->n; i++) {
        double y = lt_mlp_label(ex, i);

        if (job->objective.loss == LT_LOSS_LOGISTIC && !(y >= 0 && y <= 1))
            return lt_fail(env, LT_INVALID, "the logistic loss needs labels from 0 to 1, but one is %g", y);
        if (job->objective.loss == LT_LOSS_POISSON && !(y >= 0))
            return lt_fail(env, LT_INVALID, "the Poisson loss needs labels of at least 0, but one is %g", y);
        if (balanced && y != 0 && y != 1)
            return lt_fail(env, LT_INVALID, "class_weight = balanced needs labels 0 and 1, but one is %g", y);
    }
    return LT_OK;
}

/* Class weights, the weights' and the label's scale, and the penalties per step; *start is the constant model's margin.
 */
static lt_status measure(lt_env *env, lt_job *job, const lt_examples *ex, double *start)
{
    double of_class[2] = {0, 0}, total = 0, sum = 0, squares = 0;
    lt_link link = lt_loss_link(job->objective.loss);
    int64_t losses = job->objective.softmax ? job->data->train.n : ex->n; /* of groups or of examples */

    job->objective.class_weight[0] = job->objective.softmax ? 0 : 1;
    job->objective.class_weight[1] = 1;
    for (int64_t i = 0; i < ex->n; i++)
        of_class[lt_mlp_label(ex, i) == 1] += lt_mlp_weight(&job->objective, ex, i);
    if (lt_option_is(job->options, "class_weight", "balanced") && of_class[0] > 0 && of_class[1] > 0)
        for (int c = 0; c < 2; c++)
            job->objective.class_weight[c] = (of_class[0] + of_class[1]) / (2 * of_class[c]);
    for (int64_t i = 0; i < ex->n; i++) {
        double w = lt_mlp_weight(&job->objective, ex, i);

        total += w;
        sum += w * lt_mlp_label(ex, i);
    }
    if (!(total > 0))
        return lt_fail(env, LT_INVALID, "the weights of all training examples are zero");
    for (int64_t i = 0; i < ex->n; i++) {
        double d = lt_mlp_label(ex, i) - sum / total;

        squares += lt_mlp_weight(&job->objective, ex, i) * d * d;
    }
    job->objective.mean = 0;
    job->objective.sd = 1;
    if (link == LT_LINK_IDENTITY) {
        job->objective.mean = sum / total;
        job->objective.sd = squares > 0 ? sqrt(squares / total) : 1;
    }
    *start = link == LT_LINK_IDENTITY || job->objective.softmax ? 0 : lt_link_margin(link, sum / total);
    job->objective.weight_scale = (double)losses / total;
    job->trainer.optimizer.l2 = (float)(lt_option_float(job->options, "regularization") / total);
    job->trainer.optimizer.l1 = (float)(lt_option_float(job->options, "l1") / total);
    return LT_OK;
}

/* ---- one epoch ---- */

static lt_status diverged(lt_env *env, const lt_job *job, int epoch)
{
    lt_fail(env, LT_DIVERGED, "training diverged in epoch %d: the loss is no longer a finite number", epoch);
    return lt_fail_hint(env, "Lower learning_rate, which is %g.", lt_option_float(job->options, "learning_rate"));
}

/* The order of an epoch: of all examples, or with softmax of the positives, each of which brings its negatives. *n is
 * how many. */
static lt_status shuffle(lt_env *env, lt_job *job, const lt_examples *ex, int32_t *index, int64_t *n)
{
    uint64_t seed = lt_random_next(&job->rng);

    *n = job->objective.softmax ? 0 : ex->n;
    for (int64_t i = 0; i < ex->n && job->objective.softmax; i++)
        if (ex->label[i] == 1)
            job->positive[(*n)++] = (int32_t)i;
    return lt_shuffle(env, seed, job->positive, *n, index);
}

/* The examples of the next batch, number `which` of its run, from order[*at] of n; *at moves behind them. Returns how
 * many. */
static int next_batch(lt_job *job, const lt_examples *ex, const int32_t *order, int64_t n, int64_t *at, int which,
                      const int32_t **chosen)
{
    int most = job->trainer.batch, b;

    if (!job->objective.softmax) {
        *chosen = order + *at;
        b = n - *at < most ? (int)(n - *at) : most;
        *at += b;
        return b;
    }
    *chosen = job->chosen + (int64_t)which * most;
    return lt_softmax_batch(ex, order, n, most, at, job->chosen + (int64_t)which * most);
}

static lt_status run_epoch(lt_env *env, lt_job *job, const lt_examples *ex, int32_t *index, int epoch, double *loss)
{
    lt_mlp_trainer *t = &job->trainer;
    lt_mlp_pass pass = {.inputs = &job->inputs,
                        .examples = ex,
                        .loss = job->objective.softmax ? lt_mlp_groups_loss : lt_mlp_examples_loss,
                        .context = &job->objective};
    double sums[2] = {0, 0};
    int64_t n, at = 0;

    LT_TRY(shuffle(env, job, ex, index, &n));
    while (at < n) {
        int batches = 0;

        while (at < n && batches < t->most_batches) {
            const int32_t *chosen;
            bool first = at == 0;
            int b = next_batch(job, ex, index, n, &at, batches, &chosen);

            if (t->batch_norm && b == 1 && !first)
                continue; /* one example has no variance; the next shuffle brings it in */
            lt_mlp_plan(t, batches++, ex, chosen, b, lt_random_next(&job->rng));
        }
        LT_TRY(lt_poll(env));
        LT_TRY(lt_mlp_run(env, t, &pass, batches, sums));
        if (!isfinite(sums[0]))
            return diverged(env, job, epoch);
    }
    *loss = sums[1] > 0 ? sums[0] / sums[1] : 0;
    return LT_OK;
}

/* ---- setting up ---- */

static lt_status choose_loss(lt_env *env, lt_job *job)
{
    lt_label_kind kind = job->data->label_kind;

    job->objective.loss = lt_option_is(job->options, "loss", "logistic")  ? LT_LOSS_LOGISTIC
                          : lt_option_is(job->options, "loss", "squared") ? LT_LOSS_SQUARED
                          : lt_option_is(job->options, "loss", "huber")   ? LT_LOSS_HUBER
                          : lt_option_is(job->options, "loss", "poisson") ? LT_LOSS_POISSON
                          : kind == LT_LABEL_REAL                         ? LT_LOSS_SQUARED
                                                                          : LT_LOSS_LOGISTIC;
    job->objective.delta = lt_option_float(job->options, "huber_delta");
    job->objective.softmax = lt_option_is(job->options, "loss", "softmax");
    if (job->objective.softmax && job->data->design.items == 0) {
        lt_fail(env, LT_INVALID, "loss = softmax ranks items for users, but there are no items");
        return lt_fail_hint(env, "Name user_column and item_column, or choose another loss.");
    }
    if (job->objective.softmax && kind != LT_LABEL_IMPLICIT) {
        lt_fail(env, LT_INVALID, "loss = softmax is for implicit feedback, but there are labels");
        return lt_fail_hint(env, "Leave out label_column, or choose another loss.");
    }
    if (job->objective.softmax && lt_option_is(job->options, "class_weight", "balanced"))
        return lt_fail(env, LT_INVALID,
                       "class_weight = balanced does nothing with loss = softmax, which has no classes");
    if (kind == LT_LABEL_IMPLICIT && lt_option_bool(job->options, "sampling_correction") &&
        job->objective.loss != LT_LOSS_LOGISTIC)
        return lt_fail(env, LT_INVALID, "sampling_correction needs the logistic loss or softmax");
    return LT_OK;
}

/* The network's shape and the way it is trained. */
static lt_status choose_network(lt_env *env, lt_job *job)
{
    const lt_options *o = job->options;
    const lt_design *d = &job->data->design;
    const lt_value *hidden = lt_option_value(o, "hidden");
    lt_mlp_trainer *t = &job->trainer;
    lt_optimizer_kind kind = lt_option_is(o, "optimizer", "adam")       ? LT_OPTIMIZER_ADAM
                             : lt_option_is(o, "optimizer", "momentum") ? LT_OPTIMIZER_MOMENTUM
                                                                        : LT_OPTIMIZER_SGD;

    if (hidden->n >= LT_MLP_LAYERS)
        return lt_fail(env, LT_INVALID, "option \"hidden\" names %d layers, but %d is the most", hidden->n,
                       LT_MLP_LAYERS - 1);
    t->net = (lt_network){.dense = d->dense, .sparse = d->sparse, .users = d->users, .items = d->items};
    t->net.activation = lt_option_is(o, "activation", "relu")      ? LT_RELU
                        : lt_option_is(o, "activation", "tanh")    ? LT_TANH
                        : lt_option_is(o, "activation", "sigmoid") ? LT_SIGMOID
                                                                   : LT_GELU;
    t->net.embedding = d->users > 0 && d->items > 0 ? (int32_t)lt_option_int(o, "embedding") : 0;
    t->net.factors = d->users > 0 && d->items > 0 ? (int32_t)lt_option_int(o, "factors") : 0;
    t->net.layers = hidden->n + 1;
    for (int l = 0; l < hidden->n; l++)
        t->net.width[l] = (int32_t)hidden->numbers[l];
    t->net.width[hidden->n] = 1;
    t->batch = (int)lt_option_int(o, "batch_size");
    t->group = 1;
    t->id_dropout = ID_DROPOUT;
    if (job->objective.softmax) {
        int group = (int)lt_option_int(o, "negatives") + 1;

        t->batch = t->batch > group ? t->batch : group;
        t->group = group;
    }
    t->batch_norm = lt_option_bool(o, "batch_norm");
    t->dropout = lt_option_float(o, "dropout");
    return lt_optimizer_init(env, &t->optimizer, kind, lt_option_float(o, "learning_rate"),
                             lt_option_float(o, "momentum"));
}

/* Random weights, scaled by how many values the first examples have, and the output's bias. */
static lt_status start_network(lt_env *env, lt_job *job, const lt_examples *ex)
{
    lt_mlp_trainer *t = &job->trainer;
    int b = ex->n < t->batch ? (int)ex->n : t->batch;
    lt_batch batch = {0};
    double start = 0, sparse;

    LT_TRY(measure(env, job, ex, &start));
    LT_TRY(lt_gather(env, &job->inputs, ex, NULL, 0, b, &batch));
    sparse = t->net.sparse > 0 ? (double)batch.start[b] / b : 0;
    lt_batch_free(env, &batch);
    LT_TRY(lt_mlp_trainer_init(env, t, t->net.dense + 2.0 * t->net.embedding + sparse, &job->rng));
    t->net.bias[t->net.layers - 1][0] = (float)start;
    if (!job->objective.softmax)
        return LT_OK;
    LT_TRY(lt_alloc(env, &job->positive, (size_t)job->data->train.n, sizeof *job->positive, "the examples' order"));
    return lt_alloc(env, &job->chosen, (size_t)t->batch * (size_t)t->most_batches, sizeof *job->chosen, "a batch");
}

static void free_examples(lt_env *env, lt_examples *ex)
{
    lt_free(env, ex->row);
    lt_free(env, ex->user);
    lt_free(env, ex->item);
    lt_free(env, ex->label);
    lt_free(env, ex->weight);
    lt_free(env, ex->offset);
}

/* `positives` with negatives drawn; other labels' examples as they are. */
static lt_status draw(lt_env *env, lt_job *job, const lt_examples *positives, lt_examples *out)
{
    const lt_options *o = job->options;
    bool correction = lt_option_bool(o, "sampling_correction") ||
                      (job->objective.softmax && !lt_option_value(o, "sampling_correction")->given);

    *out = *positives;
    if (job->data->label_kind == LT_LABEL_IMPLICIT && positives->n == 0)
        *out = (lt_examples){0}; /* what is drawn is freed, the data's own arrays are not */
    else if (job->data->label_kind == LT_LABEL_IMPLICIT)
        LT_TRY(lt_sample_negatives(env, job->data, positives, &job->data->seen, (int)lt_option_int(o, "negatives"),
                                   lt_option_float(o, "negative_exponent"), correction, &job->rng, out));
    if (out->n > INT32_MAX)
        return lt_fail(env, LT_INVALID, "there are more than %d examples%s", INT32_MAX,
                       out->n > positives->n ? ", sampled negatives included" : "");
    return LT_OK;
}

/* ---- epochs and when to stop ---- */

/* The validation metric of the network as a model. */
static lt_status measure_metric(lt_env *env, const lt_job *job, lt_network *net, double *value)
{
    lt_model model = {.algorithm = &lt_mlp, .link = link_of(job), .design = job->data->design};
    lt_scope scope;
    lt_status status;

    lt_scope_open(env, &scope);
    status = lt_mlp_store(&scope.env, net, &model);
    if (status == LT_OK)
        status = job->data->measure(&scope.env, job->data->measure_context, &model, value);
    lt_scope_close(&scope);
    return status;
}

static void log_epoch(lt_env *env, const lt_job *job, int epoch, double loss, double validation, double metric,
                      double since)
{
    double unit = job->objective.sd * job->objective.sd;
    lt_epoch line = {.epoch = epoch,
                     .epochs = job->epochs,
                     .train_loss = loss * unit,
                     .validation_loss = validation * unit,
                     .validation_metric = metric,
                     .seconds = env->seconds(env->context) - since};

    if (env->log != NULL)
        env->log(env->context, &line);
}

/* Option early_stopping, -1 resolved. */
static int64_t patience_of(const lt_job *job)
{
    int64_t given = lt_option_int(job->options, "early_stopping");

    if (given >= 0)
        return given;
    return job->data->label_kind == LT_LABEL_IMPLICIT ? 0 : 3;
}

/* Trains until the last epoch or until early stopping; *kept is the network to keep. */
static lt_status run(lt_env *env, lt_job *job, lt_fit *fit, lt_network *kept)
{
    double since = env->seconds(env->context), tolerance = lt_option_float(job->options, "tolerance");
    int64_t patience = patience_of(job);
    double watched = INFINITY, best = INFINITY, loss = 0, validation = NAN, metric = NAN;
    bool implicit = job->data->label_kind == LT_LABEL_IMPLICIT, restore;
    lt_examples train, held_out;
    lt_network now = {0};
    float *margin;
    int32_t *index;
    size_t examples;
    int64_t stale = 0;

    LT_TRY(draw(env, job, &job->data->validation, &held_out));
    LT_TRY(draw(env, job, &job->data->train, &train));
    LT_TRY(start_network(env, job, &train));
    restore = held_out.n > 0 && patience > 0;
    now = job->trainer.net;
    LT_TRY(lt_mlp_alloc(env, &now));
    *kept = now;
    if (restore)
        LT_TRY(lt_mlp_alloc(env, kept));
    LT_TRY(lt_alloc(env, &margin, (size_t)held_out.n, sizeof *margin, "the validation part's margins"));
    /* Later epochs may leave out fewer negatives than the first. */
    examples = (size_t)job->data->train.n * (implicit ? (size_t)lt_option_int(job->options, "negatives") + 1 : 1);
    LT_TRY(lt_alloc(env, &index, examples, sizeof *index, "the examples' order"));

    for (int epoch = 1; epoch <= job->epochs; epoch++) {
        if (epoch > 1 && implicit) {
            free_examples(env, &train);
            LT_TRY(draw(env, job, &job->data->train, &train));
        }
        LT_TRY(run_epoch(env, job, &train, index, epoch, &loss));
        fit->epochs = epoch;
        if (held_out.n > 0) {
            lt_mlp_freeze(&job->trainer, job->objective.sd, job->objective.mean, &now);
            LT_TRY(lt_mlp_frozen_loss(env, &job->objective, &now, &job->inputs, &held_out, margin, &validation));
            if (!isfinite(validation))
                return diverged(env, job, epoch);
            if (job->data->measure != NULL)
                LT_TRY(measure_metric(env, job, &now, &metric));
        }
        log_epoch(env, job, epoch, loss, validation, metric, since);
        if (restore && validation < best) {
            lt_network better = now;

            best = validation;
            fit->loss = loss * job->objective.sd * job->objective.sd;
            now = *kept;
            *kept = better;
        }
        stale++;
        if ((restore ? validation : loss) < watched - tolerance) {
            watched = restore ? validation : loss;
            stale = 0;
        }
        if (patience > 0 && stale >= patience) {
            fit->converged = true;
            break;
        }
    }
    if (!restore) {
        lt_mlp_freeze(&job->trainer, job->objective.sd, job->objective.mean, kept);
        fit->loss = loss * job->objective.sd * job->objective.sd;
    }
    lt_free(env, index);
    lt_free(env, margin);
    if (implicit) {
        free_examples(env, &train);
        free_examples(env, &held_out);
    }
    return LT_OK;
}

/* ---- with differential privacy ---- */

static lt_status measure_private(lt_env *env, void *context, lt_network *net, double *value)
{
    return measure_metric(env, context, net, value);
}

/* The label's mean and standard deviation, which the weights then have, are the only figures of all rows it takes. */
static lt_status run_private(lt_env *env, lt_job *job, lt_network *kept, lt_privacy *privacy)
{
    const lt_options *o = job->options;
    const lt_dataset *data = job->data;
    lt_mlp_trainer *t = &job->trainer;
    lt_private_fit *f;
    double start;

    LT_TRY(lt_private_check(env, o));
    LT_TRY(measure(env, job, &data->train, &start));
    job->objective.weight_scale = 1;
    t->optimizer.l2 = (float)(lt_option_float(o, "regularization") / (double)data->train.n);
    t->optimizer.l1 = (float)(lt_option_float(o, "l1") / (double)data->train.n);
    LT_TRY(lt_mlp_trainer_init(env, t, t->net.dense + (t->net.sparse > 0), &job->rng));
    *kept = t->net;
    LT_TRY(lt_mlp_alloc(env, kept));
    LT_TRY(lt_alloc(env, &f, 1, sizeof *f, "the training"));
    LT_TRY(lt_private_init(env,
                           &(lt_private_spec){.inputs = &job->inputs,
                                              .train = &data->train,
                                              .validation = &data->validation,
                                              .options = o,
                                              .objective = job->objective,
                                              .optimizer = t->optimizer,
                                              .batch = t->batch,
                                              .epochs = job->epochs,
                                              .measure = data->measure == NULL ? NULL : measure_private,
                                              .context = job},
                           &t->net, f));
    return lt_private_run(env, f, kept, privacy);
}

static lt_status mlp_train(lt_env *env, const lt_dataset *data, const lt_options *options, lt_model *model, lt_fit *fit)
{
    lt_job *job;
    lt_network kept = {0}, stored;
    bool private = lt_private_wanted(options);
    lt_privacy privacy;

    *fit = (lt_fit){0};
    if (data->train.n == 0)
        return lt_fail(env, LT_INVALID, "there are no examples to train on");
    LT_TRY(lt_alloc(env, &job, 1, sizeof *job, "the training"));
    job->data = data;
    job->options = options;
    job->inputs = lt_dataset_inputs(data);
    job->epochs = (int)lt_option_int(options, "epochs");
    lt_random_seed(&job->rng, (uint64_t)lt_option_int(options, "seed"));
    LT_TRY(choose_loss(env, job));
    LT_TRY(check_labels(env, job, &data->train));
    LT_TRY(check_labels(env, job, &data->validation));
    LT_TRY(choose_network(env, job));
    if (private)
        LT_TRY(run_private(env, job, &kept, &privacy));
    else
        LT_TRY(run(env, job, fit, &kept));
    if (private)
        *fit = (lt_fit){.epochs = job->epochs, .loss = NAN};

    model->link = link_of(job);
    model->design = data->design;
    lt_mlp_trainer_free(env, &job->trainer);
    LT_TRY(lt_mlp_store(env, &kept, model));
    if (private)
        LT_TRY(lt_privacy_store(env, &privacy, model));
    /* A loss can stay finite for one more epoch than the weights. */
    if (lt_mlp_load(env, model, &stored) != LT_OK)
        return diverged(env, job, fit->epochs);
    return LT_OK;
}

static lt_status mlp_check(lt_env *env, const lt_model *model)
{
    lt_network net;

    return lt_mlp_load(env, model, &net);
}

static lt_status mlp_predict(lt_env *env, const lt_model *model, const lt_inputs *in, const lt_examples *ex,
                             float *margin)
{
    lt_network net;

    LT_TRY(lt_mlp_view(env, model, &net));
    return lt_mlp_margins(env, &net, in, ex, margin);
}

const lt_algorithm lt_mlp = {
    .name = "mlp",
    .help = "multi-layer perceptron on features and learned embeddings of users and items",
    .supervised = true,
    .recommender = true,
    .weights = LT_WEIGHTS_OF_EXAMPLES,
    .options = lt_mlp_options,
    .n_options = LT_MLP_OPTIONS,
    .train = mlp_train,
    .check = mlp_check,
    .predict = mlp_predict,
    .prepare = lt_mlp_prepare,
    .image = lt_mlp_image,
    .score = lt_mlp_score,
    .explain = lt_mlp_explain,
    .similar = lt_mlp_similar,
    .item_vectors = lt_mlp_item_vectors,
    .extend = lt_mlp_extend,
    .forget = lt_mlp_forget,
};
