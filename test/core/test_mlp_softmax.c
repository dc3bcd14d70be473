/*
 * test_mlp_softmax.c: the sampled softmax against the full one, its correction, what it learns; the product branch as a
 * factorization (GMF) and beside a network (NeuMF).
 */
#include "tap.h"

#include "mlp_data.h"
#include "mlp_softmax.h"

/* ---- the loss ---- */

static double full_softmax(const double *margin, int n, int positive)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += exp(margin[i] - margin[positive]);
    return log(sum);
}

/* With every item in the group once, drawn alike, it is the softmax over the catalogue and so is its gradient. */
static void test_full(lt_env *env)
{
    enum { N = 9 };
    const double step = 1e-6;
    float margin[N], offset[N], slope[N];
    double exact[N], worst = 0, sum = 0;
    lt_random rng;

    (void)env;
    lt_random_seed(&rng, 1);
    for (int i = 0; i < N; i++) {
        margin[i] = (float)(3 * lt_random_normal(&rng));
        exact[i] = margin[i];
        offset[i] = 7.25f;
    }
    near(lt_softmax_loss(N, margin, offset, slope), full_softmax(exact, N, 0), 1e-12, "all items: the full softmax");
    for (int i = 0; i < N; i++) {
        double before = exact[i], up, down;

        exact[i] = before + step;
        up = full_softmax(exact, N, 0);
        exact[i] = before - step;
        down = full_softmax(exact, N, 0);
        exact[i] = before;
        worst = fmax(worst, fabs(slope[i] - (up - down) / (2 * step)));
        sum += slope[i];
    }
    ok(worst < 1e-6 && fabs(sum) < 1e-6, "and its gradient (worst %g)", worst);
    near(lt_softmax_loss(N, margin, NULL, NULL), full_softmax(exact, N, 0), 1e-12,
         "without offsets as with equal ones");
    near(lt_softmax_loss(1, margin, offset, slope), 0, 0, "a positive without negatives has nothing to learn");
    near(slope[0], 0, 0, "and no slope");
    margin[1] = 1e30f;
    ok(isfinite(lt_softmax_loss(N, margin, offset, slope)) && slope[1] == 1, "margins far apart do not overflow");
}

/* An item drawn w times as often weighs as one drawn once at w times the odds: margin - ln(w). */
static void test_offsets(void)
{
    float margin[3] = {0.5f, 1, -1}, offset[3] = {0, (float)-log(4), (float)log(2)}, slope[3];
    double z = exp(0.5) + exp(1) / 4 + exp(-1) * 2;

    near(lt_softmax_loss(3, margin, offset, slope), log(z) - 0.5, 1e-6, "offsets weigh the odds");
    near(slope[1], exp(1) / 4 / z, 1e-6, "in the slope too");
    near(slope[0], exp(0.5) / z - 1, 1e-6, "and the positive's");
}

static void test_groups(void)
{
    float label[] = {1, 0, 0, 1, 1, 0};
    lt_examples ex = {.n = 6, .label = label};
    int32_t order[] = {4, 0, 3}, chosen[5];
    int64_t at = 0;
    int b;

    ok(lt_softmax_end(&ex, 0) == 3 && lt_softmax_end(&ex, 3) == 4 && lt_softmax_end(&ex, 4) == 6,
       "a group is a positive and the negatives behind it");
    b = lt_softmax_batch(&ex, order, 3, 5, &at, chosen);
    ok(b == 5 && at == 2 && chosen[0] == 4 && chosen[1] == 5 && chosen[2] == 0 && chosen[4] == 2,
       "a batch has whole groups");
    b = lt_softmax_batch(&ex, order, 3, 5, &at, chosen);
    ok(b == 1 && at == 3 && chosen[0] == 3, "and the last what is left");
}

/* ---- the correction ---- */

enum { SHOPPERS = 3000, GOODS = 60 };

/* Each user has one item; item i is had by a number that falls with i. */
static float one_each(int32_t u, int32_t i)
{
    double place = (u + 0.5) / SHOPPERS;

    return i == (int32_t)(GOODS * place * place);
}

static void set_bool(lt_env *env, lt_options *o, const char *name, bool value)
{
    fine(env, lt_options_set_bool(env, o, name, value));
}

/* ln of (how many times as likely the first items are as the last) by the model, and by the counts. */
static double learned_odds(lt_env *env, const lt_dataset *data, const lt_options *o, double *truth)
{
    lt_model model = train(env, data, o);
    int32_t items[GOODS];
    lt_examples ex = {.n = GOODS, .item = items};
    const float *margin;
    double first = 0, last = 0, few = 0, many = 0;

    for (int32_t i = 0; i < GOODS; i++)
        items[i] = i;
    margin = margins(env, &model, data, &ex);
    for (int32_t i = 0; i < 10; i++) {
        first += margin[i] / 10;
        last += margin[GOODS - 10 + i] / 10;
        many += log(data->item_count[i]) / 10;
        few += log(data->item_count[GOODS - 10 + i]) / 10;
    }
    ok(model.link == LT_LINK_EXP, "predictions are relative likelihoods");
    *truth = many - few;
    return first - last;
}

/*
 * A model of the items alone must learn their shares. Without the correction, negatives drawn by popularity cancel
 * what is popular; drawn uniformly there is little to correct.
 */
static void test_correction(lt_env *env)
{
    lt_dataset *data = pair_data(env, LT_LABEL_IMPLICIT, SHOPPERS, GOODS, one_each, 1, 0, 2);
    lt_options o = options_new(env);
    double truth, odds;

    data->design.item_ids = true;
    fine(env, lt_design_finish(env, &data->design));
    hidden(env, &o, 0, 0, 0);
    set(env, &o, "embedding", 0);
    choose(env, &o, "loss", "softmax");
    set(env, &o, "learning_rate", 0.01);
    set(env, &o, "epochs", 30);
    set(env, &o, "negative_exponent", 1);
    odds = learned_odds(env, data, &o, &truth);
    ok(truth > 1, "some items are popular (%.2f)", truth);
    near(odds, truth, 0.2, "drawn by popularity, corrected: the items' shares");
    set_bool(env, &o, "sampling_correction", true);
    near(learned_odds(env, data, &o, &truth), odds, 0, "which is the default");
    set_bool(env, &o, "sampling_correction", false);
    near(learned_odds(env, data, &o, &truth), 0, 0.2, "not corrected: popularity is gone");
    set(env, &o, "negative_exponent", 0);
    near(learned_odds(env, data, &o, &truth), truth, 0.2, "drawn alike: the items' shares");
}

/* ---- what is learned ---- */

enum { USERS = 150, ITEMS = 60 };

/* Users of three tastes, items of three kinds; within a kind, lower numbers are liked by more, and kind 0 by most. */
static float taste(int32_t u, int32_t i)
{
    uint64_t mix = (uint64_t)(u * 7919 + i * 104729) * UINT64_C(0x9e3779b97f4a7c15);

    return u % 3 == i % 3 && (mix >> 40) % 100 < (uint64_t)(90 - i - 10 * (i % 3));
}

/* The share of held-out positives among the 10 best items that the user does not have; model NULL: by popularity. */
static double hit_rate(lt_env *env, const lt_dataset *data, const lt_model *model)
{
    lt_scorer scorer = {.model = model, .user = &data->user, .item = &data->item};
    float score[ITEMS];
    int64_t hits = 0;

    if (model != NULL)
        fine(env, lt_mlp.prepare(env, &scorer));
    for (int64_t e = 0; e < data->validation.n; e++) {
        lt_subject subject = {.user = data->validation.user[e]};
        int32_t item = data->validation.item[e], above = 0;

        for (int32_t i = 0; i < ITEMS; i++)
            score[i] = (float)data->item_count[i];
        if (model != NULL && lt_mlp.score(env, &scorer, &subject, NULL, ITEMS, score) != LT_OK)
            abort();
        for (int32_t i = 0; i < ITEMS; i++)
            above += score[i] > score[item] && !lt_pairs_has(&data->seen, subject.user, i);
        hits += above < 10;
    }
    return (double)hits / (double)data->validation.n;
}

static void test_learning(lt_env *env)
{
    static const char *const losses[] = {"logistic", "softmax"};
    lt_dataset *data = pair_data(env, LT_LABEL_IMPLICIT, USERS, ITEMS, taste, 0.6, 0.2, 3);
    double popular = hit_rate(env, data, NULL);

    for (int loss = 0; loss < 2; loss++)
        for (int neumf = 0; neumf < 2; neumf++) {
            lt_options o = options_new(env);
            lt_model model;
            double rate;

            hidden(env, &o, neumf ? 2 : 0, 16, 8);
            set(env, &o, "factors", 8);
            set(env, &o, "embedding", neumf ? 8 : 0);
            choose(env, &o, "loss", losses[loss]);
            set(env, &o, "learning_rate", 0.005);
            set(env, &o, "epochs", 30);
            model = train(env, data, &o);
            rate = hit_rate(env, data, &model);
            ok(rate > 0.8 && popular < 0.6, "%s, %s: hits %.3f, popularity %.3f", neumf ? "NeuMF" : "GMF", losses[loss],
               rate, popular);
        }
}

static float rank_one(int32_t u, int32_t i)
{
    return sin(1.7 * u + 0.3) * cos(2.3 * i + 1) > 0;
}

/* Labels as a product: the branch alone finds it. */
static void test_factorization(lt_env *env)
{
    lt_dataset *data = pair_data(env, LT_LABEL_BINARY, 60, 60, rank_one, 0.75, 0.25, 4);
    lt_options o = options_new(env);
    lt_model model;
    const float *margin;
    double right = 0;

    hidden(env, &o, 0, 0, 0);
    set(env, &o, "factors", 4);
    set(env, &o, "embedding", 0);
    set(env, &o, "learning_rate", 0.01);
    set(env, &o, "batch_size", 64);
    set(env, &o, "epochs", 40);
    model = train(env, data, &o);
    margin = margins(env, &model, data, &data->validation);
    for (int64_t i = 0; i < data->validation.n; i++)
        right += (margin[i] > 0) == (data->validation.label[i] == 1);
    right /= (double)data->validation.n;
    ok(right > 0.93, "GMF learns a product of signs: %.3f of unseen pairs right", right);
}

/* ---- the ways of training ---- */

static double last_loss;

static void remember(void *context, const lt_epoch *e)
{
    (void)context;
    last_loss = e->validation_loss;
}

/* Groups larger than the batch, a user who has everything, weights, validation, the same twice, a cancel. */
static void test_training(lt_env *env)
{
    lt_dataset *data = pair_data(env, LT_LABEL_IMPLICIT, USERS, ITEMS, taste, 0.6, 0.2, 5);
    lt_options o = options_new(env);
    test_context *c = env->context;
    lt_model first, second;
    lt_fit fit;
    const lt_array *a, *b;
    float *weight;
    long polls;

    choose(env, &o, "loss", "softmax");
    set(env, &o, "batch_size", 4);
    set(env, &o, "negatives", 7);
    set(env, &o, "factors", 4);
    set(env, &o, "dropout", 0.1);
    set(env, &o, "epochs", 2);
    set_bool(env, &o, "batch_norm", true);
    env->log = remember;
    c->polls = 0;
    first = train(env, data, &o);
    polls = c->polls;
    env->log = test_log;
    ok(last_loss > 0 && last_loss < log(8) + 0.5, "the validation loss is that of groups of 8 (%.3f)", last_loss);
    second = train(env, data, &o);
    a = lt_model_array(&first, "user_factors");
    b = lt_model_array(&second, "user_factors");
    ok(memcmp(a->f, b->f, (size_t)(a->rows * a->cols) * sizeof *a->f) == 0, "the same seed gives the same factors");
    c->polls = 0;
    c->cancel_at = polls / 2;
    second = (lt_model){.algorithm = &lt_mlp};
    ok(lt_mlp.train(env, data, &o, &second, &fit) == LT_CANCELLED, "a cancel stops it");
    c->cancel_at = 0;

    /* Equal weights are none, in whatever unit. */
    set_bool(env, &o, "batch_norm", false);
    set(env, &o, "regularization", 0);
    first = train(env, data, &o);
    fine(env, lt_alloc(env, &weight, (size_t)data->train.n, sizeof *weight, "test"));
    for (int64_t i = 0; i < data->train.n; i++)
        weight[i] = 4;
    data->train.weight = weight;
    second = train(env, data, &o);
    a = lt_model_array(&first, "user_factors");
    b = lt_model_array(&second, "user_factors");
    ok(memcmp(a->f, b->f, (size_t)(a->rows * a->cols) * sizeof *a->f) == 0, "weights are relative to their mean");
}

static float everything(int32_t u, int32_t i)
{
    return u >= 0 && i >= 0;
}

static void test_degenerate(lt_env *env)
{
    lt_dataset *data = pair_data(env, LT_LABEL_IMPLICIT, 5, 4, everything, 1, 0, 6);
    lt_options o = options_new(env);
    lt_model model;

    choose(env, &o, "loss", "softmax");
    set(env, &o, "epochs", 2);
    model = train(env, data, &o);
    ok(isfinite(margins(env, &model, data, &data->train)[0]), "users who have everything");
    set_bool(env, &o, "batch_norm", true);
    set(env, &o, "batch_size", 1);
    model = train(env, data, &o);
    ok(isfinite(margins(env, &model, data, &data->train)[0]), "with batch norm");
}

static void refuse(lt_env *env, const lt_dataset *data, const lt_options *o, const char *part, const char *what)
{
    lt_model model = {.algorithm = &lt_mlp};
    lt_fit fit;

    env->error = (lt_error){.status = LT_OK};
    ok(lt_mlp.train(env, data, o, &model, &fit) == LT_INVALID && strstr(env->error.message, part) != NULL, "%s: %s",
       what, env->error.message);
}

static void test_refusals(lt_env *env)
{
    lt_dataset *rows = dense_data(env, LT_LABEL_BINARY, 20, 0, 2, 7);
    lt_dataset *labelled = pair_data(env, LT_LABEL_BINARY, 5, 4, everything, 1, 0, 8);
    lt_dataset *implicit = pair_data(env, LT_LABEL_IMPLICIT, 5, 4, everything, 1, 0, 9);
    lt_options o = options_new(env);

    choose(env, &o, "loss", "softmax");
    refuse(env, rows, &o, "there are no items", "softmax of rows");
    refuse(env, labelled, &o, "there are labels", "softmax of labels");
    choose(env, &o, "class_weight", "balanced");
    refuse(env, implicit, &o, "balanced", "softmax with balanced classes");
    choose(env, &o, "class_weight", "none");
    choose(env, &o, "loss", "squared");
    set_bool(env, &o, "sampling_correction", true);
    refuse(env, implicit, &o, "sampling_correction", "a correction of the squared loss");
}

int main(void)
{
    lt_env *env = test_env();

    test_full(env);
    test_offsets();
    test_groups();
    test_correction(env);
    test_learning(env);
    test_factorization(env);
    test_training(env);
    test_degenerate(env);
    test_refusals(env);
    test_env_drop(env);
    return done();
}
