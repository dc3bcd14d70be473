/*
 * test_als.c: alternating least squares against its objective written out in double, and what it must recover.
 */
#include "factors_data.h"

#define USERS 60
#define ITEMS 45

static double target_weight(const lt_dataset *d, int64_t e)
{
    return d->seen.val == NULL ? 1 : d->seen.val[e];
}

static double product(const lt_factors *f, int32_t u, int32_t i)
{
    double sum = 0;

    for (int32_t j = 0; j < f->k; j++)
        sum += (double)f->user[(int64_t)u * f->k + j] * f->item[(int64_t)i * f->k + j];
    return sum;
}

/* The implicit objective without penalties. */
static double naive_loss(const lt_dataset *d, const lt_model *m)
{
    lt_factors f = lt_factors_of(m);
    double sum = 0, total = 0;

    for (int32_t u = 0; u < f.users; u++) {
        for (int32_t i = 0; i < f.items; i++)
            sum += f.fold.unobserved * product(&f, u, i) * product(&f, u, i);
        for (int64_t e = d->seen.start[u]; e < d->seen.start[u + 1]; e++) {
            double miss = 1 - product(&f, u, d->seen.col[e]);

            sum += target_weight(d, e) * miss * miss;
            total += target_weight(d, e);
        }
    }
    return sum / total;
}

/* The largest entry of half the gradient in the users' vectors, penalties included. */
static double user_gradient(const lt_dataset *d, const lt_model *m)
{
    lt_factors f = lt_factors_of(m);
    double most = 0;

    for (int32_t u = 0; u < f.users; u++)
        for (int32_t j = 0; j < f.k; j++) {
            int64_t n = d->seen.start[u + 1] - d->seen.start[u];
            double g = f.fold.regularization * pow((double)n + f.fold.unobserved * f.items, f.fold.frequency) *
                       f.user[(int64_t)u * f.k + j];

            for (int32_t i = 0; i < f.items; i++)
                g += f.fold.unobserved * product(&f, u, i) * f.item[(int64_t)i * f.k + j];
            for (int64_t e = d->seen.start[u]; e < d->seen.start[u + 1]; e++)
                g -= target_weight(d, e) * (1 - product(&f, u, d->seen.col[e])) *
                     f.item[(int64_t)d->seen.col[e] * f.k + j];
            most = fmax(most, fabs(g));
        }
    return most;
}

/* Any number of factors, with and without weights: users at their minimum (single precision against a gradient whose
 * terms sum to about 10), the loss reported that of the definition. */
static void test_objective(lt_env *env)
{
    static const char *const factors[] = {"1", "3", "16", "32", "64", "100"};

    for (int what = 0; what <= VALUES; what++)
        for (int k = 0; k < 6; k++) {
            lt_dataset *d = tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, what, 3);
            double loss;
            lt_model *m = fit_with(env, &lt_als, d,
                                   OPTIONS("factors", factors[k], "epochs", "4", "regularization", "0.02"), &loss);

            ok(user_gradient(d, m) < 2e-4, "k = %s: users are at their minimum (%.2g)", factors[k],
               user_gradient(d, m));
            near(loss, naive_loss(d, m), 2e-5, "k = %s: the loss is the definition's", factors[k]);
        }
}

/* The logged loss falls every sweep: few steps of either solver never raise the objective, and the penalty is small. */
static double last_loss;
static int rises;

static void watch(void *context, const lt_epoch *epoch)
{
    (void)context;
    rises += epoch->epoch > 1 && epoch->train_loss > last_loss * (1 + 1e-6);
    last_loss = epoch->train_loss;
}

static void test_descent(lt_env *env)
{
    lt_dataset *d = tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, 0, 4);
    double exact, gradient;

    env->log = watch;
    rises = 0;
    fit_with(env, &lt_als, d, OPTIONS("regularization", "0", "factors", "8", "epochs", "30"), NULL);
    ok(rises == 0, "the loss falls in every sweep of cg");
    fit_with(env, &lt_als, d, OPTIONS("regularization", "0", "factors", "8", "epochs", "30", "solver", "cholesky"),
             NULL);
    ok(rises == 0, "and of cholesky");
    env->log = test_log;
    fit_with(env, &lt_als, d, OPTIONS("factors", "8", "epochs", "60"), &gradient);
    fit_with(env, &lt_als, d, OPTIONS("factors", "8", "epochs", "60", "solver", "cholesky"), &exact);
    near(gradient, exact, 0.01 * exact, "both solvers reach the same loss");
    d = tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, VALUES, 4);
    ok(differ(fit_with(env, &lt_als, d, OPTIONS("factors", "8", "epochs", "2", "cg_steps", "40"), NULL),
              fit_with(env, &lt_als, d, OPTIONS("factors", "8", "epochs", "2", "solver", "cholesky"), NULL)) < 2e-3,
       "with enough steps cg is cholesky");
}

static void test_options(lt_env *env)
{
    lt_dataset *d = tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, 0, 5);
    static const char *const change[][2] = {{"regularization", "0.1"},
                                            {"unobserved_weight", "0.02"},
                                            {"frequency_scaling", "0"},
                                            {"solver", "cholesky"},
                                            {"cg_steps", "1"},
                                            {"epochs", "2"},
                                            {"seed", "2"}};
    lt_model *base = fit_with(env, &lt_als, d, OPTIONS("factors", "8", "epochs", "3"), NULL);

    ok(differ(base, fit_with(env, &lt_als, d, OPTIONS("factors", "8", "epochs", "3"), NULL)) == 0,
       "a seed gives one model");
    for (size_t c = 0; c < sizeof change / sizeof change[0]; c++)
        ok(differ(base, fit_with(env, &lt_als, d, OPTIONS("factors", "8", "epochs", "3", change[c][0], change[c][1]),
                                 NULL)) > 1e-4,
           "option %s changes the model", change[c][0]);
    ok(lt_model_array(fit_with(env, &lt_als, d, OPTIONS("factors", "5"), NULL), "user_factors")->cols == 5,
       "option factors is the length of vectors");
    ok(differ(base, fit_with(env, &lt_als, tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, VALUES, 5),
                             OPTIONS("factors", "8", "epochs", "3"), NULL)) > 1e-3,
       "weights change the model");
}

/* ---- ratings ---- */

static double rmse(lt_env *env, const lt_dataset *d, const lt_model *m, const lt_pairs *held, bool by_mean)
{
    lt_factors f = lt_factors_of(m);
    double sum = 0;
    int64_t n = 0;

    for (int32_t u = 0; u < held->rows; u++)
        for (int64_t e = held->start[u]; e < held->start[u + 1]; e++) {
            lt_examples one = {.n = 1, .user = &u, .item = &held->col[e]};
            float margin = (float)f.fold.mean;

            if (lt_pairs_has(&d->seen, u, held->col[e]))
                continue;
            if (!by_mean && m->algorithm->predict(env, m, NULL, &one, &margin) != LT_OK)
                return INFINITY;
            sum += (margin - held->val[e]) * (margin - held->val[e]);
            n++;
        }
    return sqrt(sum / (double)n);
}

static void test_ratings(lt_env *env)
{
    lt_dataset *d = tastes(env, LT_LABEL_REAL, 200, 150, VALUES, 6);
    lt_dataset *other = tastes(env, LT_LABEL_REAL, 200, 150, VALUES, 7); /* the same taste, other pairs */
    double loss, error, mean;
    lt_model *m = fit_with(env, &lt_als, d, OPTIONS("factors", "2", "epochs", "40", "regularization", "0.005"), &loss);
    lt_examples strangers = {.n = 1, .user = &(int32_t){-1}, .item = &(int32_t){3}};
    lt_factors f = lt_factors_of(m);
    float margin;

    mean = rmse(env, d, m, &other->seen, true);
    error = rmse(env, d, m, &other->seen, false);
    ok(mean > 0.6, "the mean leaves much to say (%.3f)", mean);
    ok(error < 0.14, "ratings of rank two come back to about their noise of 0.1 (%.3f)", error);
    near(sqrt(loss), 0.1, 0.02, "the loss is the mean squared error");
    fine(env, lt_als.predict(env, m, NULL, &strangers, &margin));
    near(margin, f.fold.mean + f.item_bias[3], 1e-6, "an unknown user gets the mean and the item's bias");
    m = fit_with(env, &lt_als, d, OPTIONS("factors", "2", "loss", "implicit"), &loss);
    ok(lt_factors_of(m).user_bias == NULL && loss > 0.1, "loss implicit takes ratings as weights");
}

/* ---- refusals ---- */

static void refused(lt_env *env, const lt_dataset *d, const char *const *list, lt_status want, const char *what)
{
    lt_options o = options_of(env, &lt_als, list);
    lt_model m = {.algorithm = &lt_als};
    lt_fit fit;
    lt_status got = lt_als.train(env, d, &o, &m, &fit);

    ok(got == want && env->error.message[0] != '\0', "%s: %s", what, env->error.message);
}

static void test_refusals(lt_env *env)
{
    lt_dataset *d = tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, 0, 8);
    lt_dataset *none = tastes(env, LT_LABEL_IMPLICIT, 3, 3, 0, 8);
    test_context *context = env->context;

    refused(env, d, OPTIONS("loss", "squared"), LT_INVALID, "ratings without a label");
    memset(none->seen.start, 0, 4 * sizeof(int64_t));
    refused(env, none, OPTIONS("factors", "2"), LT_INVALID, "no pairs");
    context->cancel_at = context->polls + 10;
    refused(env, d, OPTIONS("epochs", "10000"), LT_CANCELLED, "cancelled");
    env->budget = env->used + 10000;
    refused(env, d, OPTIONS("factors", "64"), LT_NO_MEMORY, "no memory");
    env->budget = 0;
}

static bool same_arrays(const lt_model *a, const lt_model *b)
{
    bool same = a->n_arrays == b->n_arrays;

    for (int i = 0; same && i < a->n_arrays; i++) {
        const lt_array *x = &a->array[i], *y = &b->array[i];

        same = x->rows == y->rows && x->cols == y->cols &&
               (x->f == NULL || memcmp(x->f, y->f, (size_t)(x->rows * x->cols) * sizeof *x->f) == 0);
    }
    return same;
}

/* More rows than one task takes: 400 x 300 pairs of 64 factors make some thirty. */
static void test_threads(lt_env *env)
{
    static const struct {
        lt_label_kind kind;
        int what;
        const char *solver, *factors;
    } cases[] = {{LT_LABEL_IMPLICIT, 0, "cg", "64"},
                 {LT_LABEL_IMPLICIT, VALUES, "cg", "20"},
                 {LT_LABEL_IMPLICIT, 0, "cholesky", "64"},
                 {LT_LABEL_REAL, VALUES, "cg", "64"},
                 {LT_LABEL_REAL, VALUES, "cholesky", "20"}};

    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        lt_dataset *d = tastes(env, cases[c].kind, 400, 300, cases[c].what, 3);
        lt_model *alone = NULL;
        double loss, alone_loss = 0;

        for (int members = 1; members <= 5; members += members == 1 ? 1 : 3) {
            lt_model *m;

            test_env_team(env, members);
            m = fit_with(env, &lt_als, d,
                         OPTIONS("factors", cases[c].factors, "solver", cases[c].solver, "epochs", "3"), &loss);
            if (members == 1) {
                alone = m;
                alone_loss = loss;
            } else {
                ok(same_arrays(alone, m) && loss == alone_loss, "case %zu: %d threads make the model of one", c,
                   members);
            }
        }
        test_env_team(env, 1);
    }
}

int main(void)
{
    lt_env *env = test_env();

    test_objective(env);
    test_descent(env);
    test_options(env);
    test_ratings(env);
    test_threads(env);
    test_refusals(env);
    test_env_drop(env);
    return done();
}
