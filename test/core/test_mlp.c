/*
 * test_mlp.c: what training must achieve: patterns learnt, parameters recovered, stopping, seeds, cancels, bad data.
 */
#include "tap.h"

#include "mlp_data.h"

#define TOO_MANY 16 /* hidden layers */

/* ---- patterns ---- */

static void test_xor(lt_env *env, const char *activation)
{
    lt_dataset *data = dense_data(env, LT_LABEL_BINARY, 400, 0, 2, 3);
    lt_options o = options_new(env);
    lt_model model;
    const float *margin;
    int right = 0;

    for (int64_t i = 0; i < 400; i++) {
        float *x = data->row.x + 2 * i;

        x[0] = x[0] > 0 ? 1 : -1;
        x[1] = x[1] > 0 ? 1 : -1;
        data->train.label[i] = x[0] != x[1];
    }
    hidden(env, &o, 1, 16, 0);
    choose(env, &o, "activation", activation);
    set(env, &o, "learning_rate", 0.02);
    set(env, &o, "batch_size", 32);
    set(env, &o, "epochs", 100);
    model = train(env, data, &o);
    margin = margins(env, &model, data, &data->train);
    for (int64_t i = 0; i < 400; i++)
        right += (margin[i] > 0) == (data->train.label[i] == 1);
    ok(model.link == LT_LINK_LOGISTIC && right == 400, "%s learns exclusive or (%d of 400)", activation, right);
}

static int32_t poisson(lt_random *rng, double mean)
{
    double limit = exp(-mean), product = lt_random_uniform(rng);
    int32_t n = 0;

    for (; product > limit; n++)
        product *= lt_random_uniform(rng);
    return n;
}

/* Standard errors of the best estimate are about 0.01; the last steps of Adam wander by about as much. */
static void test_poisson(lt_env *env)
{
    lt_dataset *data = dense_data(env, LT_LABEL_REAL, 8000, 0, 2, 4);
    lt_options o = options_new(env);
    lt_model model;
    lt_random rng;

    lt_random_seed(&rng, 9);
    for (int64_t i = 0; i < data->train.n; i++)
        data->train.label[i] = (float)poisson(&rng, exp(0.5 + 0.8 * data->row.x[2 * i] - 0.4 * data->row.x[2 * i + 1]));
    hidden(env, &o, 0, 0, 0);
    choose(env, &o, "loss", "poisson");
    set(env, &o, "learning_rate", 0.003);
    set(env, &o, "epochs", 40);
    model = train(env, data, &o);
    ok(model.link == LT_LINK_EXP, "Poisson loss has the exponential link");
    near(lt_model_array(&model, "W0_dense")->f[0], 0.8, 0.05, "Poisson: first coefficient");
    near(lt_model_array(&model, "W0_dense")->f[1], -0.4, 0.05, "Poisson: second coefficient");
    near(lt_model_array(&model, "b0")->f[0], 0.5, 0.05, "Poisson: intercept");
}

/* One label in ten is far off: Huber's loss hardly minds, the squared one does. The label is neither centred nor
 * scaled. */
static void test_huber(lt_env *env)
{
    lt_dataset *data = dense_data(env, LT_LABEL_REAL, 4000, 0, 2, 5);
    lt_options o = options_new(env);
    lt_model model;
    lt_random rng;

    lt_random_seed(&rng, 10);
    for (int64_t i = 0; i < data->train.n; i++)
        data->train.label[i] = (float)(200 + 30 * data->row.x[2 * i] - 10 * data->row.x[2 * i + 1] +
                                       5 * lt_random_normal(&rng) + (i % 10 == 0 ? 300 : 0));
    hidden(env, &o, 0, 0, 0);
    choose(env, &o, "loss", "huber");
    set(env, &o, "huber_delta", 5);
    set(env, &o, "learning_rate", 0.002);
    set(env, &o, "epochs", 60);
    set(env, &o, "early_stopping", 0);
    model = train(env, data, &o);
    ok(model.link == LT_LINK_IDENTITY, "Huber loss predicts the label itself");
    near(lt_model_array(&model, "W0_dense")->f[0], 30, 1, "Huber: first coefficient");
    near(lt_model_array(&model, "W0_dense")->f[1], -10, 1, "Huber: second coefficient");
    near(lt_model_array(&model, "b0")->f[0], 200, 2, "Huber: intercept, outliers or not");
    choose(env, &o, "loss", "auto");
    model = train(env, data, &o);
    near(lt_model_array(&model, "b0")->f[0], 230, 2, "squared (auto for numbers): the intercept is the mean");
}

static float rank_one(int32_t u, int32_t i)
{
    double a = sin(1.7 * u + 0.3), b = cos(2.3 * i + 1);

    return a * b > 0;
}

static void test_rank_one(lt_env *env)
{
    lt_dataset *data = pair_data(env, LT_LABEL_BINARY, 60, 60, rank_one, 0.75, 0.25, 6);
    lt_options o = options_new(env);
    lt_model model;
    const float *margin;
    double right = 0;

    hidden(env, &o, 1, 32, 0);
    set(env, &o, "learning_rate", 0.01);
    set(env, &o, "embedding", 4);
    set(env, &o, "batch_size", 64);
    set(env, &o, "epochs", 40);
    model = train(env, data, &o);
    margin = margins(env, &model, data, &data->validation);
    for (int64_t i = 0; i < data->validation.n; i++)
        right += (margin[i] > 0) == (data->validation.label[i] == 1);
    right /= (double)data->validation.n;
    ok(right > 0.93, "embeddings learn a product of signs: %.3f of unseen pairs right", right);
}

/* Users of two tastes, items of two kinds; within a kind, lower numbers are liked by more. */
static float taste(int32_t u, int32_t i)
{
    uint64_t mix = (uint64_t)(u * 7919 + i * 104729) * UINT64_C(0x9e3779b97f4a7c15);

    return u % 2 == i % 2 && (mix >> 40) % 100 < (uint64_t)(90 - i * 2);
}

static void test_implicit(lt_env *env)
{
    enum { USERS = 120, ITEMS = 40 };
    lt_dataset *data = pair_data(env, LT_LABEL_IMPLICIT, USERS, ITEMS, taste, 0.6, 0.2, 7);
    lt_options o = options_new(env);
    lt_model model;
    lt_scorer scorer = {.model = &model, .user = &data->user, .item = &data->item};
    lt_subject nobody = {.user = -1};
    float score[ITEMS];
    double above = 0, all = 0, popular = 0, rare = 0;

    set(env, &o, "learning_rate", 0.005);
    set(env, &o, "embedding", 8);
    set(env, &o, "epochs", 15);
    model = train(env, data, &o);
    fine(env, lt_mlp.prepare(env, &scorer));
    for (int64_t e = 0; e < data->validation.n; e++) {
        int32_t u = data->validation.user[e];
        lt_subject subject = {.user = u};

        if (lt_mlp.score(env, &scorer, &subject, NULL, ITEMS, score) != LT_OK)
            break;
        for (int32_t i = 0; i < ITEMS; i++)
            if (taste(u, i) == 0) {
                above += score[data->validation.item[e]] > score[i];
                all++;
            }
    }
    ok(above / all > 0.9, "held-out positives rank above what a user never takes (%.3f)", above / all);
    fine(env, lt_mlp.score(env, &scorer, &nobody, NULL, ITEMS, score));
    for (int32_t i = 0; i < 10; i++) {
        popular += score[i] / 10;
        rare += score[ITEMS - 1 - i] / 10;
    }
    ok(popular > rare + 0.5, "a cold user is shown what is popular (%.2f against %.2f)", popular, rare);
}

static float by_item(int32_t u, int32_t i)
{
    return (u * 37 + i * 11) % 100 < 5 + 4 * i;
}

/* With the correction, the odds of item i are those in the full table, whatever the sampling. */
static void test_correction(lt_env *env)
{
    enum { USERS = 400, ITEMS = 10 };
    lt_dataset *data = pair_data(env, LT_LABEL_IMPLICIT, USERS, ITEMS, by_item, 1, 0, 8);
    lt_options o;
    lt_model model;
    lt_examples ex = {.n = ITEMS};
    int32_t items[ITEMS];

    for (int32_t i = 0; i < ITEMS; i++)
        items[i] = i;
    ex.item = items;
    data->design.item_ids = true;
    fine(env, lt_design_finish(env, &data->design));
    o = options_new(env);
    hidden(env, &o, 0, 0, 0);
    set(env, &o, "embedding", 0);
    set(env, &o, "learning_rate", 0.01);
    set(env, &o, "epochs", 60);
    set(env, &o, "early_stopping", 0);
    set(env, &o, "negative_exponent", 0.5);
    fine(env, lt_options_set_bool(env, &o, "sampling_correction", true));
    model = train(env, data, &o);
    for (int32_t i = 1; i < ITEMS; i += 4) {
        const float *margin = margins(env, &model, data, &ex);
        double share = data->item_count[i] / USERS;

        near(lt_link_apply(model.link, margin[i]) / share, 1, 0.25, "item %d keeps its share %.2f", i, share);
    }
}

static float by_user(int32_t u, int32_t i)
{
    return u % 4 != 0 && i >= 0;
}

/* Three users of four take everything. Of a user nobody knows, that is what is known; the last user is in the
 * validation part alone and no better known. */
static void test_cold_user(lt_env *env)
{
    enum { USERS = 200, ITEMS = 20 };
    lt_dataset *data = pair_data(env, LT_LABEL_BINARY, USERS, ITEMS, by_user, 1, 0, 19);
    lt_options o = options_new(env);
    lt_model model;
    int32_t user[] = {1, 4, -1, USERS - 1}, item[] = {0, 0, 0, 0};
    lt_examples ex = {.n = 4, .user = user, .item = item};
    const float *margin;

    data->train.n -= ITEMS;
    set(env, &o, "learning_rate", 0.01);
    set(env, &o, "early_stopping", 0);
    model = train(env, data, &o);
    margin = margins(env, &model, data, &ex);
    ok(margin[0] > 3 && margin[1] < -3, "known users are known (%.1f, %.1f)", margin[0], margin[1]);
    near(lt_link_apply(model.link, margin[2]), 0.75, 0.1, "an unknown user is an average one");
    near(margin[3], margin[2], 0, "and so is one without training examples");
}

/* ---- weights and classes ---- */

static void test_weights(lt_env *env)
{
    lt_dataset *data = dense_data(env, LT_LABEL_BINARY, 1000, 0, 1, 11);
    lt_options o = options_new(env);
    lt_model model, other;

    fine(env, lt_alloc(env, &data->train.weight, 1000, sizeof(float), "test"));
    for (int64_t i = 0; i < 1000; i++) {
        data->row.x[i] = 0;
        data->train.label[i] = i < 100;
        data->train.weight[i] = i < 100 ? 3 : 1;
    }
    hidden(env, &o, 0, 0, 0);
    model = train(env, data, &o);
    near(lt_link_apply(model.link, margins(env, &model, data, &data->train)[0]), 0.25, 0.02, "weights count");
    choose(env, &o, "class_weight", "balanced");
    model = train(env, data, &o);
    near(lt_link_apply(model.link, margins(env, &model, data, &data->train)[0]), 0.5, 0.02, "balanced classes");

    choose(env, &o, "class_weight", "none");
    choose(env, &o, "optimizer", "sgd");
    set(env, &o, "learning_rate", 0.5);
    model = train(env, data, &o);
    for (int64_t i = 0; i < 1000; i++)
        data->train.weight[i] *= 1000;
    set(env, &o, "regularization", 0.1);
    other = train(env, data, &o);
    near(lt_model_array(&other, "b0")->f[0], lt_model_array(&model, "b0")->f[0], 1e-4,
         "the unit of the weights does not matter, but to the penalty");
}

/* A penalty on the scale of the data's curvature halves the slope of ridge regression: w = xy / (xx + penalty). */
static void test_regularization(lt_env *env)
{
    lt_dataset *data = dense_data(env, LT_LABEL_REAL, 1000, 0, 1, 12);
    lt_options o = options_new(env);
    lt_model model;
    double xx = 0, xy = 0, mean = 0, square = 0, sd;

    for (int64_t i = 0; i < 1000; i++) {
        data->row.x[i] = i % 2 == 0 ? 1 : -1;
        data->train.label[i] = 5 + 4 * data->row.x[i] + (i % 4 < 2 ? 1 : -1);
        mean += data->train.label[i] / 1000;
        square += data->train.label[i] * data->train.label[i] / 1000;
    }
    sd = sqrt(square - mean * mean);
    for (int64_t i = 0; i < 1000; i++) {
        xx += data->row.x[i] * data->row.x[i];
        xy += data->row.x[i] * (data->train.label[i] - mean) / sd;
    }
    hidden(env, &o, 0, 0, 0);
    choose(env, &o, "optimizer", "sgd");
    set(env, &o, "learning_rate", 0.05);
    set(env, &o, "epochs", 100);
    set(env, &o, "early_stopping", 0);
    set(env, &o, "regularization", 1000);
    model = train(env, data, &o);
    near(lt_model_array(&model, "W0_dense")->f[0], sd * xy / (xx + 1000), 0.06, "ridge regression's slope");
    near(lt_model_array(&model, "b0")->f[0], 5, 0.06, "the bias is not penalised");
    set(env, &o, "regularization", 0);
    set(env, &o, "l1", 300);
    model = train(env, data, &o);
    near(lt_model_array(&model, "W0_dense")->f[0], sd * (xy - 300) / xx, 0.06, "the lasso's slope");
}

/* ---- stopping ---- */

static struct {
    int n;
    double train[500], validation[500];
} history;

static void remember(void *context, const lt_epoch *e)
{
    (void)context;
    if (history.n < 500) {
        history.train[history.n] = e->train_loss;
        history.validation[history.n++] = e->validation_loss;
    }
}

static double squared_loss(lt_env *env, const lt_model *model, const lt_dataset *data, const lt_examples *ex)
{
    const float *margin = margins(env, model, data, ex);
    double sum = 0;

    for (int64_t i = 0; i < ex->n; i++)
        sum += (margin[i] - ex->label[i]) * (margin[i] - ex->label[i]) / 2;
    return sum / (double)ex->n;
}

/* Few noisy examples and many weights: the validation loss turns. Batch norm is on, so that the figures logged must be
 * those of the folded weights. */
static void test_early_stopping(lt_env *env)
{
    lt_dataset *data = dense_data(env, LT_LABEL_REAL, 200, 100, 8, 13);
    lt_options o = options_new(env);
    lt_model model = {.algorithm = &lt_mlp};
    lt_random rng;
    lt_fit fit;
    int best = 0;

    lt_random_seed(&rng, 14);
    for (int64_t i = 0; i < 200; i++)
        data->train.label[i] = (float)(50 + 10 * data->row.x[8 * i] + 10 * lt_random_normal(&rng));
    env->log = remember;
    history.n = 0;
    set(env, &o, "batch_size", 16);
    set(env, &o, "learning_rate", 0.01);
    set(env, &o, "epochs", 200);
    fine(env, lt_options_set_bool(env, &o, "batch_norm", true));
    fine(env, lt_mlp.train(env, data, &o, &model, &fit));
    for (int k = 1; k < history.n; k++)
        best = history.validation[k] < history.validation[best] ? k : best;
    ok(fit.converged && fit.epochs == history.n && history.n < 200, "stops after %d epochs", fit.epochs);
    ok(best < history.n - 1 && history.validation[best] < history.validation[history.n - 1] - 0.5,
       "the best epoch (%d) is not the last", best + 1);
    near(squared_loss(env, &model, data, &data->validation) / history.validation[best], 1, 1e-5,
         "the model kept is the best epoch's");
    near(fit.loss, history.train[best], 1e-9, "with its training loss");

    history.n = 0;
    set(env, &o, "early_stopping", 0);
    set(env, &o, "epochs", 30);
    model = (lt_model){.algorithm = &lt_mlp};
    fine(env, lt_mlp.train(env, data, &o, &model, &fit));
    ok(history.n == 30 && !fit.converged, "without early stopping all epochs are run");
    near(squared_loss(env, &model, data, &data->validation) / history.validation[29], 1, 1e-5,
         "and the last one's weights are kept");

    history.n = 0;
    set(env, &o, "early_stopping", 2);
    set(env, &o, "tolerance", 1000);
    data->validation.n = 0;
    model = (lt_model){.algorithm = &lt_mlp};
    fine(env, lt_mlp.train(env, data, &o, &model, &fit));
    ok(fit.converged && fit.epochs == 3 && isnan(history.validation[0]),
       "without a validation part the training loss is watched (%d epochs)", fit.epochs);
    env->log = test_log;
}

/* ---- the same and not the same ---- */

static bool same_weights(const lt_model *a, const lt_model *b)
{
    for (int i = 0; i < a->n_arrays; i++)
        if (a->array[i].f != NULL &&
            memcmp(a->array[i].f, b->array[i].f, (size_t)(a->array[i].rows * a->array[i].cols) * sizeof(float)) != 0)
            return false;
    return a->n_arrays == b->n_arrays;
}

static void test_seeds(lt_env *env)
{
    lt_dataset *data = pair_data(env, LT_LABEL_IMPLICIT, 30, 20, taste, 0.7, 0.2, 15);
    lt_options o = options_new(env);
    lt_model first, second, other;

    set(env, &o, "dropout", 0.2);
    set(env, &o, "epochs", 3);
    first = train(env, data, &o);
    second = train(env, data, &o);
    set(env, &o, "seed", 2);
    other = train(env, data, &o);
    ok(same_weights(&first, &second), "the same seed gives the same bytes");
    ok(!same_weights(&first, &other), "another seed gives others");
}

static void test_cancel(lt_env *env)
{
    lt_dataset *data = pair_data(env, LT_LABEL_IMPLICIT, 30, 20, taste, 0.7, 0.2, 16);
    lt_options o = options_new(env);
    test_context *c = env->context;
    bool all = true;
    long polls;
    lt_model model;

    c->polls = 0;
    model = train(env, data, &o);
    polls = c->polls;
    ok(polls > 20 && model.n_arrays > 0, "training asks %ld times whether to go on", polls);
    for (long at = 1; at < polls; at += polls / 10) {
        lt_fit fit;

        model = (lt_model){.algorithm = &lt_mlp};
        c->polls = 0;
        c->cancel_at = at;
        all = all && lt_mlp.train(env, data, &o, &model, &fit) == LT_CANCELLED;
    }
    c->cancel_at = 0;
    ok(all, "and stops wherever the answer is no");
}

/* ---- what cannot be trained ---- */

static void refuse(lt_env *env, const lt_dataset *data, const lt_options *o, lt_status status, const char *part,
                   const char *what)
{
    lt_model model = {.algorithm = &lt_mlp};
    lt_fit fit;

    env->error = (lt_error){.status = LT_OK};
    ok(lt_mlp.train(env, data, o, &model, &fit) == status &&
           (strstr(env->error.message, part) != NULL || strstr(env->error.hint, part) != NULL),
       "%s", what);
    if (strstr(env->error.message, part) == NULL && strstr(env->error.hint, part) == NULL)
        printf("# %s\n", env->error.message);
}

static void test_refusals(lt_env *env)
{
    lt_dataset *data = dense_data(env, LT_LABEL_REAL, 100, 20, 2, 17);
    lt_options o = options_new(env);
    double deep[TOO_MANY];

    for (int64_t i = 0; i < 100; i++)
        data->train.label[i] = (float)i - 50;
    choose(env, &o, "loss", "poisson");
    refuse(env, data, &o, LT_INVALID, "-50", "a negative count");
    choose(env, &o, "loss", "logistic");
    refuse(env, data, &o, LT_INVALID, "from 0 to 1", "a label that is no probability");
    choose(env, &o, "loss", "squared");
    choose(env, &o, "class_weight", "balanced");
    refuse(env, data, &o, LT_INVALID, "class_weight", "balanced classes of numbers");
    choose(env, &o, "class_weight", "none");

    choose(env, &o, "optimizer", "sgd");
    set(env, &o, "learning_rate", 100);
    refuse(env, data, &o, LT_DIVERGED, "learning_rate", "divergence, with a hint");
    set(env, &o, "learning_rate", 0.001);

    for (int i = 0; i < TOO_MANY; i++)
        deep[i] = 2;
    fine(env, lt_options_set_numbers(env, &o, "hidden", deep, TOO_MANY));
    refuse(env, data, &o, LT_INVALID, "hidden", "more layers than there may be");
    hidden(env, &o, 1, 4, 0);

    fine(env, lt_alloc(env, &data->train.weight, 100, sizeof(float), "test"));
    refuse(env, data, &o, LT_INVALID, "weights", "weights that are all zero");
    data->train.weight = NULL;
    env->budget = env->used + 1000;
    refuse(env, data, &o, LT_NO_MEMORY, "memory", "no memory");
    env->budget = 0;
    data->train.n = 0;
    refuse(env, data, &o, LT_INVALID, "no examples", "nothing to train on");
}

/* Degenerate data that must simply work. */
static void test_degenerate(lt_env *env)
{
    lt_dataset *data = dense_data(env, LT_LABEL_BINARY, 33, 0, 1, 18);
    lt_options o = options_new(env);
    lt_model model;

    fine(env, lt_options_set_bool(env, &o, "batch_norm", true));
    set(env, &o, "batch_size", 16); /* the last batch has one example */
    set(env, &o, "epochs", 2);
    model = train(env, data, &o);
    ok(isfinite(margins(env, &model, data, &data->train)[0]), "one class alone");
    data->label_kind = LT_LABEL_REAL;
    for (int64_t i = 0; i < 33; i++)
        data->train.label[i] = 7;
    model = train(env, data, &o);
    near(margins(env, &model, data, &data->train)[0], 7, 2, "one value alone");
    data->train.n = 1;
    model = train(env, data, &o);
    ok(isfinite(margins(env, &model, data, &data->train)[0]), "one example");
    data->design.row_dense = 0;
    data->row.dense = 0;
    fine(env, lt_design_finish(env, &data->design));
    model = train(env, data, &o);
    ok(isfinite(margins(env, &model, data, &data->train)[0]), "no features");
}

int main(void)
{
    static const char *const activations[] = {"relu", "tanh", "sigmoid", "gelu"};
    lt_env *env = test_env();

    for (int i = 0; i < 4; i++)
        test_xor(env, activations[i]);
    test_poisson(env);
    test_huber(env);
    test_rank_one(env);
    test_implicit(env);
    test_correction(env);
    test_cold_user(env);
    test_weights(env);
    test_regularization(env);
    test_early_stopping(env);
    test_seeds(env);
    test_cancel(env);
    test_refusals(env);
    test_degenerate(env);
    test_env_drop(env);
    return done();
}
