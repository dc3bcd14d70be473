/*
 * test_logistic_use.c: what logistic models are asked for: scores, explanations, sampled negatives, a log, refusals.
 */
#include "logistic_data.h"

static void test_scoring(void)
{
    lt_env *env = test_env();
    lt_dataset d = recommender_data(env, 900);
    lt_inputs in = lt_dataset_inputs(&d);
    fitted f = train(env, &d, NULL);
    lt_scorer scorer = {.model = &f.model, .user = &d.user, .item = &d.item};
    int32_t users[ITEMS], items[ITEMS] = {14, 3, -1, 3, 0}, all[ITEMS], rows[ITEMS];
    float margin[ITEMS], want[ITEMS];
    lt_examples ex = {.n = ITEMS, .user = users, .item = all, .row = rows};
    lt_subject subject = {0};
    lt_table context, stranger;
    lt_random r;
    double worst = 0, *contribution;

    lt_random_seed(&r, 8);
    context = random_table(env, &r, 1, 2, 2);
    stranger = random_table(env, &r, 1, 2, 3);
    fine(env, lt_logistic.prepare(env, &scorer));
    for (int i = 0; i < ITEMS; i++)
        all[i] = i;
    in.row = &context;
    for (int32_t u = -1; u < USERS; u++) {
        for (int with_row = 0; with_row < 2; with_row++) {
            for (int i = 0; i < ITEMS; i++) {
                users[i] = u;
                rows[i] = with_row ? 0 : -1;
            }
            subject = (lt_subject){.user = u, .row = with_row ? &context : NULL};
            lt_logistic.predict(env, &f.model, &in, &ex, want);
            lt_logistic.score(env, &scorer, &subject, NULL, ITEMS, margin);
            for (int i = 0; i < ITEMS; i++)
                worst = fmax(worst, fabs(margin[i] - want[i]));
        }
    }
    near(worst, 0, 1e-5, "score is predict, for every user and an unknown one, with and without a row's context");

    worst = 0;
    lt_logistic.score(env, &scorer, &subject, items, 5, margin);
    for (int i = 0; i < 5; i++)
        if (items[i] >= 0)
            worst = fmax(worst, fabs(margin[i] - want[items[i]]));
    ok(worst < 1e-5 && isfinite(margin[2]), "a list of items, in its order, an unknown one in it");

    for (int i = 0; i < ITEMS; i++)
        users[i] = -1;
    in.stranger = &stranger;
    lt_logistic.predict(env, &f.model, &in, &ex, want);
    subject = (lt_subject){.user = -1, .features = &stranger, .row = &context};
    lt_logistic.score(env, &scorer, &subject, NULL, ITEMS, margin);
    worst = 0;
    for (int i = 0; i < ITEMS; i++)
        worst = fmax(worst, fabs(margin[i] - want[i]));
    near(worst, 0, 1e-5, "a user known by features alone");
    subject.features = NULL;
    lt_logistic.score(env, &scorer, &subject, NULL, ITEMS, margin);
    ok(fabs(margin[0] - want[0]) > 1e-3, "which matter");

    worst = 0;
    lt_alloc(env, &contribution, (size_t)(1 + d.design.dense + d.design.sparse + 2), sizeof *contribution, "parts");
    in = lt_dataset_inputs(&d);
    for (int i = 0; i < 50; i++) {
        lt_examples one = {
            .n = 1, .row_first = i, .user = d.train.user + i, .item = d.train.item + i, .label = d.train.label + i};
        double sum = 0;

        lt_logistic.explain(env, &f.model, &in, &one, contribution);
        lt_logistic.predict(env, &f.model, &in, &one, want);
        for (int j = 0; j < 1 + d.design.dense + d.design.sparse; j++)
            sum += contribution[j];
        worst = fmax(worst, fabs(sum - want[0]));
    }
    near(worst, 0, 1e-5, "explain's contributions add up to the margin");
    near(contribution[0], array(&f, "coefficients")[0], 0, "from the intercept on");

    f.model.design.row_dense++;
    lt_design_finish(env, &f.model.design);
    ok(lt_logistic.check(env, &f.model) == LT_CORRUPT, "check refuses arrays that do not fit the design");
    f.model.design.row_dense--;
    lt_design_finish(env, &f.model.design);
    fine(env, lt_logistic.check(env, &f.model));
    f.model.array[0].d[3] = NAN;
    ok(lt_logistic.check(env, &f.model) == LT_CORRUPT, "and coefficients that are not numbers");
    test_env_drop(env);
}

/* Every user has 6 of 30 items, at random: with the correction the margin is the log-odds of 6 in 30. */
static void test_implicit(void)
{
    lt_env *env = test_env();
    lt_dataset d = {.label_kind = LT_LABEL_IMPLICIT};
    fitted a, b;
    lt_random r;
    int64_t n = 0;
    int users = 200, n_items = 30;

    d.design = (lt_design){.users = users, .items = n_items};
    lt_design_finish(env, &d.design);
    d.seen.rows = users;
    d.seen.cols = n_items;
    lt_alloc(env, &d.seen.start, (size_t)users + 1, sizeof *d.seen.start, "start");
    lt_alloc(env, &d.seen.col, 6 * (size_t)users, sizeof *d.seen.col, "col");
    lt_alloc(env, &d.item_count, (size_t)n_items, sizeof *d.item_count, "count");
    lt_alloc(env, &d.train.user, 6 * (size_t)users, sizeof *d.train.user, "user");
    lt_alloc(env, &d.train.label, 6 * (size_t)users, sizeof *d.train.label, "label");
    lt_random_seed(&r, 6);
    for (int u = 0; u < users; u++) {
        int32_t left = 6;

        for (int32_t i = 0; i < n_items; i++) {
            if (lt_random_below(&r, n_items - i) < left) {
                d.seen.col[n] = i;
                d.item_count[i]++;
                d.train.user[n] = u;
                d.train.label[n++] = 1;
                left--;
            }
        }
        d.seen.start[u + 1] = n;
    }
    d.train.item = d.seen.col;
    d.train.n = n;
    d.validation = d.train;
    d.validation.n = 60;
    a = train(env, &d, NULL);
    trained(&a, env, "implicit");
    near(array(&a, "coefficients")[0], log(0.25), 1e-6, "without the correction: one positive to four negatives");
    a = train(env, &d, OPTIONS("sampling_correction", "true"));
    near(array(&a, "coefficients")[0], log(6.0 / 24.0), 1e-5, "with it: the whole catalogue's odds");
    a = train(env, &d, OPTIONS("sampling_correction", "true", "negatives", "9"));
    near(array(&a, "coefficients")[0], log(6.0 / 24.0), 1e-5, "however many are drawn");
    ok(isfinite(((test_context *)env->context)->last.validation_loss), "validation has negatives of its own");

    d.design.item_ids = true;
    lt_design_finish(env, &d.design);
    a = train(env, &d, OPTIONS("negative_exponent", "0.5", "seed", "3"));
    b = train(env, &d, OPTIONS("negative_exponent", "0.5", "seed", "3"));
    ok(memcmp(array(&a, "coefficients"), array(&b, "coefficients"), 31 * sizeof(double)) == 0, "a seed gives one fit");
    b = train(env, &d, OPTIONS("negative_exponent", "0.5", "seed", "4"));
    ok(memcmp(array(&a, "coefficients"), array(&b, "coefficients"), 31 * sizeof(double)) != 0, "another seed another");
    test_env_drop(env);
}

/*
 * The first 10 of 30 items are had by 60 % of users, the others by 10 %. Negatives drawn by popularity push the popular
 * down; corrected (logQ), each item's margin is the log-odds of its share whatever they are drawn by.
 */
static void test_popular_negatives(void)
{
    enum { SHOPPERS = 1000, GOODS = 30 };
    static const char *const exponents[] = {"0", "1"};
    lt_env *env = test_env();
    lt_dataset d = {.label_kind = LT_LABEL_IMPLICIT, .design = {.users = SHOPPERS, .items = GOODS, .item_ids = true}};
    size_t most = SHOPPERS * GOODS;
    double gap[2][2]; /* uncorrected and corrected, by exponent: popular items' margins above the others' */
    lt_random r;

    lt_design_finish(env, &d.design);
    d.seen.rows = SHOPPERS;
    d.seen.cols = GOODS;
    lt_alloc(env, &d.seen.start, SHOPPERS + 1, sizeof *d.seen.start, "start");
    lt_alloc(env, &d.seen.col, most, sizeof *d.seen.col, "col");
    lt_alloc(env, &d.item_count, GOODS, sizeof *d.item_count, "count");
    lt_alloc(env, &d.train.user, most, sizeof *d.train.user, "user");
    lt_alloc(env, &d.train.label, most, sizeof *d.train.label, "label");
    lt_random_seed(&r, 7);
    for (int u = 0; u < SHOPPERS; u++) {
        for (int32_t i = 0; i < GOODS; i++)
            if (lt_random_uniform(&r) < (i < 10 ? 0.6 : 0.1)) {
                d.seen.col[d.train.n] = i;
                d.item_count[i]++;
                d.train.user[d.train.n] = u;
                d.train.label[d.train.n++] = 1;
            }
        d.seen.start[u + 1] = d.train.n;
    }
    d.train.item = d.seen.col;
    for (int corrected = 0; corrected < 2; corrected++)
        for (int e = 0; e < 2; e++) {
            fitted f = train(env, &d,
                             OPTIONS("regularization", "0.01", "negatives", "20", "negative_exponent", exponents[e],
                                     "sampling_correction", corrected ? "true" : "false"));
            double high = 0, low = 0;

            for (int i = 0; i < GOODS; i++)
                *(i < 10 ? &high : &low) += array(&f, "coefficients")[1 + i] / (i < 10 ? 10 : 20);
            gap[corrected][e] = high - low;
        }
    near(gap[1][0], log(0.6 / 0.4) - log(0.1 / 0.9), 0.15, "drawn alike, corrected: the items' odds");
    near(gap[1][1], gap[1][0], 0.15, "drawn by popularity, corrected: the same");
    ok(gap[0][1] < gap[1][1] - 1, "not corrected they push popular items down (%.2f, %.2f corrected)", gap[0][1],
       gap[1][1]);
    ok(gap[0][1] < gap[0][0] - 1, "which negatives drawn alike do not (%.2f)", gap[0][0]);
    test_env_drop(env);
}

static void test_epochs(void)
{
    lt_env *env = test_env();
    lt_dataset d = mixed_data(env, 1000, 3);
    test_context *context = env->context;
    const char *solvers[] = {"newton", "lbfgs"};

    d.train.n = 700;
    d.validation = d.train;
    d.validation.row_first = 700;
    d.validation.n = 300;
    d.validation.label = d.train.label + 700;
    for (int s = 0; s < 2; s++) {
        fitted f;
        float margin[300];
        lt_inputs in = lt_dataset_inputs(&d);
        double loss = 0;

        context->epochs_logged = 0;
        f = train(env, &d, OPTIONS("solver", solvers[s]));
        lt_logistic.predict(env, &f.model, &in, &d.validation, margin);
        for (int i = 0; i < 300; i++)
            loss += log1p(exp(d.validation.label[i] == 1 ? -margin[i] : margin[i])) / 300;
        ok(context->epochs_logged == f.fit.epochs && context->last.epoch == f.fit.epochs && context->last.epochs == 200,
           "%s: an epoch logged an iteration (%d)", solvers[s], f.fit.epochs);
        near(context->last.validation_loss, loss, 1e-6, "%s: validation loss", solvers[s]);
        near(context->last.train_loss, f.fit.loss, 1e-6, "%s: training loss", solvers[s]);
        ok(isnan(context->last.validation_metric) && context->last.seconds >= 0, "%s: the rest", solvers[s]);
        f = train(env, &d, OPTIONS("solver", solvers[s], "epochs", "2"));
        ok(f.fit.epochs == 2 && !f.fit.converged, "%s: epochs are the most iterations", solvers[s]);
    }
    test_env_drop(env);
}

static void test_refusals(void)
{
    lt_env *env = test_env();
    test_context *context = env->context;
    lt_dataset d = formula_data(env), none = {0}, recommender = recommender_data(env, 300);
    size_t used;
    fitted f;

    d.train.n = 0;
    f = train(env, &d, NULL);
    ok(f.status == LT_INVALID && strstr(env->error.message, "no rows") != NULL, "no rows: %s", env->error.message);
    d.train.n = 1;
    f = train(env, &d, NULL);
    ok(f.status == LT_ONE_CLASS && env->error.hint[0] != '\0', "one class: %s", env->error.message);
    d.train.n = 300;
    d.train.label[7] = 2;
    f = train(env, &d, NULL);
    ok(f.status == LT_INVALID, "a label of 2: %s", env->error.message);
    d.train.label[7] = NAN;
    ok(train(env, &d, NULL).status == LT_INVALID, "a label of NaN: %s", env->error.message);
    d.train.label[7] = 1;
    ok(train(env, &d, OPTIONS("solver", "newton", "l1", "1")).status == LT_INVALID, "newton with l1: %s",
       env->error.message);

    none.train = d.train;
    lt_design_finish(env, &none.design);
    f = train(env, &none, NULL);
    trained(&f, env, "no columns");
    {
        double ones = 0;

        for (int i = 0; i < 300; i++)
            ones += d.train.label[i];
        near(array(&f, "coefficients")[0], log(ones / (300 - ones)), 1e-8, "the intercept is the log-odds");
        near(array(&f, "covariance_diagonal")[0], 1 / ones + 1 / (300 - ones), 1e-6, "its variance 1/n1 + 1/n0");
        f = train(env, &none, OPTIONS("solver", "lbfgs"));
        near(array(&f, "coefficients")[0], log(ones / (300 - ones)), 1e-6, "by lbfgs, too");
    }

    /* Cancelled at polls all over the work. */
    for (int solver = 0; solver < 2; solver++) {
        const char *const *options = OPTIONS("solver", solver ? "lbfgs" : "newton");
        bool acted = true;
        long polls;

        context->polls = context->cancel_at = 0;
        train(env, &recommender, options);
        polls = context->polls;
        for (long at = 1; at <= polls; at += 1 + polls / 40) {
            context->polls = 0;
            context->cancel_at = at;
            acted = acted && train(env, &recommender, options).status == LT_CANCELLED;
        }
        ok(acted, "cancel acts wherever it comes, %s", solver ? "lbfgs" : "newton");
    }
    context->cancel_at = 0;

    for (int solver = 0; solver < 2; solver++) {
        size_t arrays = 0;
        lt_options o;

        f = (fitted){.model.algorithm = &lt_logistic};
        lt_options_init(env, &o, lt_logistic.options, lt_logistic.n_options);
        lt_options_set_text(env, &o, "solver", solver ? "lbfgs" : "newton");
        used = env->used;
        fine(env, lt_logistic.train(env, &recommender, &o, &f.model, &f.fit));
        for (int k = 0; k < f.model.n_arrays; k++)
            arrays += (size_t)(f.model.array[k].rows * f.model.array[k].cols) * sizeof(double);
        ok(env->used - used < arrays + 4096, "training keeps only the model (%zu of %zu bytes)", env->used - used,
           arrays);
    }
    test_env_drop(env);
}

int main(void)
{
    test_scoring();
    test_implicit();
    test_popular_negatives();
    test_epochs();
    test_refusals();
    return done();
}
