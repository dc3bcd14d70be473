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
#include "loss.h"
#include "mlp_network.h"
#include "mlp_softmax.h"

#include <math.h>
#include <string.h>

extern const lt_algorithm lt_mlp;

#define ID_DROPOUT 0.05
#define LABELS_AHEAD 8

/* Training, from options to weights. */
typedef struct lt_job {
    const lt_dataset *data;
    const lt_options *options;
    lt_inputs inputs;
    lt_loss loss;
    bool softmax; /* instead of loss */
    double delta;
    double mean, sd;        /* training works on (label - mean) / sd */
    double class_weight[2]; /* for labels 0 and 1; with softmax 0 and 1 */
    double weight_scale;    /* makes the weights' mean 1 */
    int epochs;
    lt_random rng;
    lt_mlp_trainer trainer;
    lt_batch batch;
    int32_t *user, *item; /* of the batch; -1 where left out */
    float *slope;         /* of the batch */
    int32_t *chosen;      /* the batch's examples, with softmax */
} lt_job;

/* ---- losses of sets of examples ---- */

static double label_of(const lt_examples *ex, int64_t i)
{
    return ex->label == NULL ? 1 : ex->label[i];
}

static double weight_of(const lt_job *job, const lt_examples *ex, int64_t i)
{
    return (ex->weight == NULL ? 1 : ex->weight[i]) * job->class_weight[label_of(ex, i) == 1];
}

static lt_link link_of(const lt_job *job)
{
    return job->softmax ? LT_LINK_EXP : lt_loss_link(job->loss);
}

/* What the loss demands of labels, so that it has a minimum. */
static lt_status check_labels(lt_env *env, const lt_job *job, const lt_examples *ex)
{
    bool balanced = lt_option_is(job->options, "class_weight", "balanced");

    for (int64_t i = 0; i < ex->n; i++) {
        double y = label_of(ex, i);

        if (job->loss == LT_LOSS_LOGISTIC && !(y >= 0 && y <= 1))
            return lt_fail(env, LT_INVALID, "the logistic loss needs labels from 0 to 1, but one is %g", y);
        if (job->loss == LT_LOSS_POISSON && !(y >= 0))
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
    lt_link link = lt_loss_link(job->loss);
    int64_t losses = job->softmax ? job->data->train.n : ex->n; /* of groups or of examples */

    job->class_weight[0] = job->softmax ? 0 : 1;
    job->class_weight[1] = 1;
    for (int64_t i = 0; i < ex->n; i++)
        of_class[label_of(ex, i) == 1] += weight_of(job, ex, i);
    if (lt_option_is(job->options, "class_weight", "balanced") && of_class[0] > 0 && of_class[1] > 0)
        for (int c = 0; c < 2; c++)
            job->class_weight[c] = (of_class[0] + of_class[1]) / (2 * of_class[c]);
    for (int64_t i = 0; i < ex->n; i++) {
        double w = weight_of(job, ex, i);

        total += w;
        sum += w * label_of(ex, i);
    }
    if (!(total > 0))
        return lt_fail(env, LT_INVALID, "the weights of all training examples are zero");
    for (int64_t i = 0; i < ex->n; i++) {
        double d = label_of(ex, i) - sum / total;

        squares += weight_of(job, ex, i) * d * d;
    }
    job->mean = 0;
    job->sd = 1;
    if (link == LT_LINK_IDENTITY) {
        job->mean = sum / total;
        job->sd = squares > 0 ? sqrt(squares / total) : 1;
    }
    *start = link == LT_LINK_IDENTITY || job->softmax ? 0 : lt_link_margin(link, sum / total);
    job->weight_scale = (double)losses / total;
    job->trainer.optimizer.l2 = (float)(lt_option_float(job->options, "regularization") / total);
    job->trainer.optimizer.l1 = (float)(lt_option_float(job->options, "l1") / total);
    return LT_OK;
}

/* Mean loss in standardised units of a frozen network, whose margins are in the label's. */
static lt_status frozen_loss(lt_env *env, const lt_job *job, const lt_network *net, const lt_examples *ex,
                             float *margin, double *loss)
{
    double sum = 0, total = 0, slope;

    LT_TRY(lt_mlp_margins(env, net, &job->inputs, ex, margin));
    for (int64_t i = 0, end; i < ex->n; i = end) {
        const float *offset = ex->offset == NULL ? NULL : ex->offset + i;
        double w = weight_of(job, ex, i);

        end = job->softmax ? lt_softmax_end(ex, i) : i + 1;
        sum +=
            w * (job->softmax ? lt_softmax_loss((int)(end - i), margin + i, offset, NULL)
                              : lt_loss_value(job->loss, job->delta, (double)margin[i] + (offset == NULL ? 0 : *offset),
                                              label_of(ex, i), &slope));
        total += w;
    }
    *loss = total > 0 ? sum / total / (job->sd * job->sd) : NAN;
    return LT_OK;
}

/* ---- one epoch ---- */

static lt_status diverged(lt_env *env, const lt_job *job, int epoch)
{
    lt_fail(env, LT_DIVERGED, "training diverged in epoch %d: the loss is no longer a finite number", epoch);
    return lt_fail_hint(env, "Lower learning_rate, which is %g.", lt_option_float(job->options, "learning_rate"));
}

/* The embeddings' rows of a batch, some left out. */
static void batch_ids(lt_job *job, const int32_t *number, const int32_t *index, int b, int32_t *out)
{
    for (int i = 0; i < b; i++)
        out[i] = number == NULL || lt_random_uniform(&job->rng) < ID_DROPOUT ? -1 : number[index[i]];
}

/* Sums of w loss and of w are added to; slopes are those of the batch's mean. */
static void batch_loss(lt_job *job, const lt_examples *ex, const int32_t *index, int b, const float *margin,
                       double *loss_sum, double *weight_sum)
{
    double delta = job->delta / job->sd;

    for (int k = 0; k < b; k++) {
        int64_t i = index[k];
        double w = weight_of(job, ex, i);
        double m = (double)margin[k] + (ex->offset == NULL ? 0 : ex->offset[i]);
        double slope;

        /* Labels lie in the rows' order: each would be waited for. */
        if (ex->label != NULL && k + LABELS_AHEAD < b)
            __builtin_prefetch(&ex->label[index[k + LABELS_AHEAD]]);
        *loss_sum += w * lt_loss_value(job->loss, delta, m, (label_of(ex, i) - job->mean) / job->sd, &slope);
        *weight_sum += w;
        job->slope[k] = (float)(w * job->weight_scale * slope / b);
    }
}

/* The same for a batch of groups: the mean is over them. */
static void batch_softmax(lt_job *job, const lt_examples *ex, const int32_t *index, int b, const float *margin,
                          double *loss_sum, double *weight_sum)
{
    int groups = 0, n;

    for (int k = 0; k < b; k++)
        groups += ex->label[index[k]] == 1;
    for (int k = 0; k < b; k += n) {
        int64_t i = index[k];
        double w = weight_of(job, ex, i);

        n = (int)(lt_softmax_end(ex, i) - i);
        *loss_sum += w * lt_softmax_loss(n, margin + k, ex->offset == NULL ? NULL : ex->offset + i, job->slope + k);
        *weight_sum += w;
        for (int j = k; j < k + n; j++)
            job->slope[j] *= (float)(w * job->weight_scale / groups);
    }
}

/* The order of an epoch: of all examples, or with softmax of the positives, each of which brings its negatives. Returns
 * how many. */
static int64_t shuffled(lt_job *job, const lt_examples *ex, int32_t *index)
{
    int64_t n = 0;

    for (int64_t i = 0; i < ex->n; i++)
        if (!job->softmax || ex->label[i] == 1)
            index[n++] = (int32_t)i;
    lt_random_shuffle(&job->rng, index, n);
    return n;
}

/* The examples of the next batch, from order[*at] of n; *at moves behind them. Returns how many. */
static int next_batch(lt_job *job, const lt_examples *ex, const int32_t *order, int64_t n, int64_t *at,
                      const int32_t **chosen)
{
    int most = job->trainer.batch, b;

    if (!job->softmax) {
        *chosen = order + *at;
        b = n - *at < most ? (int)(n - *at) : most;
        *at += b;
        return b;
    }
    *chosen = job->chosen;
    return lt_softmax_batch(ex, order, n, most, at, job->chosen);
}

static lt_status run_epoch(lt_env *env, lt_job *job, const lt_examples *ex, int32_t *index, int epoch, double *loss)
{
    lt_mlp_trainer *t = &job->trainer;
    double loss_sum = 0, weight_sum = 0;
    int64_t n = shuffled(job, ex, index), at = 0;

    while (at < n) {
        const int32_t *chosen;
        bool first = at == 0;
        int b = next_batch(job, ex, index, n, &at, &chosen);

        LT_TRY(lt_poll(env));
        if (t->batch_norm && b == 1 && !first)
            continue; /* one example has no variance; the next shuffle brings it in */
        LT_TRY(lt_gather(env, &job->inputs, ex, chosen, 0, b, &job->batch));
        if (job->user != NULL) {
            batch_ids(job, ex->user, chosen, b, job->user);
            batch_ids(job, ex->item, chosen, b, job->item);
        }
        for (int k = 1; k < b && job->softmax && job->user != NULL; k++)
            if (ex->label[chosen[k]] == 0)
                job->user[k] = job->user[k - 1]; /* a group compares items for one user, known or not */
        LT_TRY(lt_mlp_forward(env, t, &job->batch, job->user, job->item, &job->rng));
        (job->softmax ? batch_softmax : batch_loss)(job, ex, chosen, b, t->z[t->net.layers - 1], &loss_sum,
                                                    &weight_sum);
        if (!isfinite(loss_sum))
            return diverged(env, job, epoch);
        LT_TRY(lt_mlp_backward(env, t, &job->batch, job->user, job->item, job->slope));
        LT_TRY(lt_mlp_step(env, t));
    }
    *loss = weight_sum > 0 ? loss_sum / weight_sum : 0;
    return LT_OK;
}

/* ---- setting up ---- */

static lt_status choose_loss(lt_env *env, lt_job *job)
{
    lt_label_kind kind = job->data->label_kind;

    job->loss = lt_option_is(job->options, "loss", "logistic")  ? LT_LOSS_LOGISTIC
                : lt_option_is(job->options, "loss", "squared") ? LT_LOSS_SQUARED
                : lt_option_is(job->options, "loss", "huber")   ? LT_LOSS_HUBER
                : lt_option_is(job->options, "loss", "poisson") ? LT_LOSS_POISSON
                : kind == LT_LABEL_REAL                         ? LT_LOSS_SQUARED
                                                                : LT_LOSS_LOGISTIC;
    job->delta = lt_option_float(job->options, "huber_delta");
    job->softmax = lt_option_is(job->options, "loss", "softmax");
    if (job->softmax && job->data->design.items == 0) {
        lt_fail(env, LT_INVALID, "loss = softmax ranks items for users, but there are no items");
        return lt_fail_hint(env, "Name user_column and item_column, or choose another loss.");
    }
    if (job->softmax && kind != LT_LABEL_IMPLICIT) {
        lt_fail(env, LT_INVALID, "loss = softmax is for implicit feedback, but there are labels");
        return lt_fail_hint(env, "Leave out label_column, or choose another loss.");
    }
    if (job->softmax && lt_option_is(job->options, "class_weight", "balanced"))
        return lt_fail(env, LT_INVALID,
                       "class_weight = balanced does nothing with loss = softmax, which has no classes");
    if (kind == LT_LABEL_IMPLICIT && lt_option_bool(job->options, "sampling_correction") &&
        job->loss != LT_LOSS_LOGISTIC)
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
    if (job->softmax) {
        int group = (int)lt_option_int(o, "negatives") + 1;

        t->batch = t->batch > group ? t->batch : group;
        LT_TRY(lt_alloc(env, &job->chosen, (size_t)t->batch, sizeof *job->chosen, "a batch"));
    }
    t->batch_norm = lt_option_bool(o, "batch_norm");
    t->dropout = lt_option_float(o, "dropout");
    LT_TRY(lt_alloc(env, &job->slope, (size_t)t->batch, sizeof *job->slope, "a batch"));
    if (t->net.embedding > 0 || t->net.factors > 0) {
        LT_TRY(lt_alloc(env, &job->user, (size_t)t->batch, sizeof *job->user, "a batch"));
        LT_TRY(lt_alloc(env, &job->item, (size_t)t->batch, sizeof *job->item, "a batch"));
    }
    return lt_optimizer_init(env, &t->optimizer, kind, lt_option_float(o, "learning_rate"),
                             lt_option_float(o, "momentum"));
}

/* Random weights, scaled by how many values the first examples have, and the output's bias. */
static lt_status start_network(lt_env *env, lt_job *job, const lt_examples *ex)
{
    lt_mlp_trainer *t = &job->trainer;
    int b = ex->n < t->batch ? (int)ex->n : t->batch;
    double start = 0;

    LT_TRY(measure(env, job, ex, &start));
    LT_TRY(lt_gather(env, &job->inputs, ex, NULL, 0, b, &job->batch));
    LT_TRY(lt_mlp_trainer_init(
        env, t, t->net.dense + 2.0 * t->net.embedding + (t->net.sparse > 0 ? (double)job->batch.start[b] / b : 0),
        &job->rng));
    t->net.bias[t->net.layers - 1][0] = (float)start;
    return LT_OK;
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
    bool correction =
        lt_option_bool(o, "sampling_correction") || (job->softmax && !lt_option_value(o, "sampling_correction")->given);

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
    double unit = job->sd * job->sd;
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
            lt_mlp_freeze(&job->trainer, job->sd, job->mean, &now);
            LT_TRY(frozen_loss(env, job, &now, &held_out, margin, &validation));
            if (!isfinite(validation))
                return diverged(env, job, epoch);
            if (job->data->measure != NULL)
                LT_TRY(measure_metric(env, job, &now, &metric));
        }
        log_epoch(env, job, epoch, loss, validation, metric, since);
        if (restore && validation < best) {
            lt_network better = now;

            best = validation;
            fit->loss = loss * job->sd * job->sd;
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
        lt_mlp_freeze(&job->trainer, job->sd, job->mean, kept);
        fit->loss = loss * job->sd * job->sd;
    }
    lt_free(env, index);
    lt_free(env, margin);
    if (implicit) {
        free_examples(env, &train);
        free_examples(env, &held_out);
    }
    return LT_OK;
}

static lt_status mlp_train(lt_env *env, const lt_dataset *data, const lt_options *options, lt_model *model, lt_fit *fit)
{
    lt_job *job;
    lt_network kept = {0}, stored;

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
    LT_TRY(run(env, job, fit, &kept));

    model->link = link_of(job);
    model->design = data->design;
    lt_mlp_trainer_free(env, &job->trainer);
    lt_batch_free(env, &job->batch);
    LT_TRY(lt_mlp_store(env, &kept, model));
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
};
