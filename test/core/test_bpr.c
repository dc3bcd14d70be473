/*
 * test_bpr.c: Bayesian personalised ranking: its step against finite differences, what it ranks, seeds, options.
 */
#include "factors_data.h"

#define USERS 60
#define ITEMS 45

/* One user with one of two items: an epoch is one triple. */
static lt_dataset *one_triple(lt_env *env)
{
    lt_dataset *d = tastes(env, LT_LABEL_IMPLICIT, 1, 2, 0, 1);

    d->seen.start[1] = 1;
    d->seen.col[0] = 1;
    d->item_count[0] = 0;
    d->item_count[1] = 1;
    return d;
}

/* The objective of the triple (0, 1, 0) at v = [x (k), y_0 (k), y_1 (k), b_0, b_1]. */
static double objective(const double *v, int k, double regularization)
{
    double margin = v[3 * k + 1] - v[3 * k], squares = 0;

    for (int j = 0; j < k; j++)
        margin += v[j] * (v[2 * k + j] - v[k + j]);
    for (int j = 0; j < 3 * k + 2; j++)
        squares += v[j] * v[j];
    return log1p(exp(-margin)) + regularization / 2 * squares;
}

static void read_all(const lt_model *m, int k, double *v)
{
    lt_factors f = lt_factors_of(m);

    for (int j = 0; j < k; j++) {
        v[j] = f.user[j];
        v[k + j] = f.item[j];
        v[2 * k + j] = f.item[k + j];
    }
    v[3 * k] = f.item_bias[0];
    v[3 * k + 1] = f.item_bias[1];
}

/* The least rate there is leaves the start as it was; what another one moves it by, over the rate, is the gradient. */
static void test_step(lt_env *env)
{
    enum { K = 5, N = 3 * K + 2 };
    lt_dataset *d = one_triple(env);
    double start[N], moved[N], worst = 0, largest = 0;

    read_all(fit_with(env, &lt_bpr, d,
                      OPTIONS("factors", "5", "epochs", "1", "learning_rate", "1e-9", "regularization", "2"), NULL),
             K, start);
    read_all(fit_with(env, &lt_bpr, d,
                      OPTIONS("factors", "5", "epochs", "1", "learning_rate", "0.5", "regularization", "2"), NULL),
             K, moved);
    for (int j = 0; j < N; j++) {
        double h = 1e-5, kept = start[j], up, down, gradient;

        start[j] = kept + h;
        up = objective(start, K, 2);
        start[j] = kept - h;
        down = objective(start, K, 2);
        start[j] = kept;
        gradient = (up - down) / (2 * h);
        worst = fmax(worst, fabs((start[j] - moved[j]) / 0.5 - gradient));
        largest = fmax(largest, fabs(gradient));
    }
    ok(worst < 1e-5 && largest > 0.1, "a step is the gradient by finite differences (%.2g of %.2g)", worst, largest);
}

/* Share of (pair there, pair not there) of a user that the margins order rightly. */
static double area(lt_env *env, const lt_dataset *d, const lt_model *m, bool folded)
{
    lt_scorer s = {.model = m};
    double right = 0, all = 0;
    float margin[ITEMS];

    fine(env, lt_bpr.prepare(env, &s));
    for (int32_t u = 0; u < USERS; u++) {
        lt_subject subject = history_of(d, folded ? -1 : u, u);

        if (lt_bpr.score(env, &s, &subject, NULL, ITEMS, margin) != LT_OK)
            printf("Bail out! %s\n", env->error.message);
        for (int32_t i = 0; i < ITEMS; i++)
            for (int32_t j = 0; j < ITEMS && lt_pairs_has(&d->seen, u, i); j++)
                if (!lt_pairs_has(&d->seen, u, j)) {
                    right += margin[i] > margin[j];
                    all++;
                }
    }
    return right / all;
}

static void test_ranks(lt_env *env)
{
    lt_dataset *d = tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, 0, 2);
    test_context *context = env->context;
    double loss, stored, folded;
    lt_model *m;

    context->epochs_logged = 0;
    m = fit_with(env, &lt_bpr, d, OPTIONS("factors", "4", "regularization", "0.05"), &loss);
    stored = area(env, d, m, false);
    folded = area(env, d, m, true);
    ok(context->epochs_logged == 50 && context->last.train_loss == loss, "every epoch is logged");
    ok(m->link == LT_LINK_LOGISTIC && loss < 0.5, "pairs are told apart (%.3f, 0.693 by chance)", loss);
    ok(stored > 0.8, "what users have ranks above what they have not (%.3f)", stored);
    ok(folded > 0.8, "and so it does for their histories folded in (%.3f)", folded);
}

static void test_options(lt_env *env)
{
    lt_dataset *d = tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, 0, 5);
    static const char *const change[][2] = {
        {"regularization", "0.1"}, {"learning_rate", "0.01"}, {"negatives", "2"}, {"negative_exponent", "1"},
        {"item_bias", "false"},    {"epochs", "2"},           {"seed", "2"}};
    lt_model *base = fit_with(env, &lt_bpr, d, OPTIONS("factors", "16", "epochs", "5"), NULL);

    ok(differ(base, fit_with(env, &lt_bpr, d, OPTIONS("factors", "16", "epochs", "5"), NULL)) == 0,
       "a seed gives one model");
    for (size_t c = 0; c < sizeof change / sizeof change[0]; c++)
        ok(differ(base, fit_with(env, &lt_bpr, d, OPTIONS("factors", "16", "epochs", "5", change[c][0], change[c][1]),
                                 NULL)) > 1e-4,
           "option %s changes the model", change[c][0]);
    ok(lt_model_array(fit_with(env, &lt_bpr, d, OPTIONS("item_bias", "false", "epochs", "1"), NULL), "item_bias") ==
           NULL,
       "without item_bias there is none");
    ok(lt_model_array(fit_with(env, &lt_bpr, d, OPTIONS("factors", "5", "epochs", "1"), NULL), "user_factors")->cols ==
           5,
       "option factors is the length of vectors");
    ok(differ(base, fit_with(env, &lt_bpr, tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, VALUES, 5),
                             OPTIONS("factors", "16", "epochs", "5"), NULL)) > 1e-3,
       "weights change the model");
}

/* A pair of weight 0 is never learned from, so its item stays below everything that is. */
static void test_weights(lt_env *env)
{
    lt_dataset *d = tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, VALUES, 6);
    lt_factors f;
    double others = 0;

    for (int64_t e = 0; e < d->seen.start[USERS]; e++)
        d->seen.val[e] = d->seen.col[e] != 7;
    f = lt_factors_of(fit_with(env, &lt_bpr, d, OPTIONS("factors", "2"), NULL));
    for (int32_t i = 0; i < ITEMS; i++)
        others += i == 7 ? 0 : f.item_bias[i] / (ITEMS - 1);
    ok(f.item_bias[7] < others - 0.3, "an item of weight 0 only loses (%.2f, others %.2f)", f.item_bias[7], others);
}

/* Negatives by popularity: when only item 7 has any, it alone is ever ranked below another. */
static void test_negatives(lt_env *env)
{
    static const char *const exponents[] = {"0", "0.5"};

    for (int e = 0; e < 2; e++) {
        lt_dataset *d = tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, 0, 9);
        int below = 0;
        lt_factors f;

        for (int32_t i = 0; i < ITEMS; i++)
            d->item_count[i] = i == 7 ? 3 : 0;
        f = lt_factors_of(fit_with(
            env, &lt_bpr, d,
            OPTIONS("factors", "2", "epochs", "3", "regularization", "0", "negative_exponent", exponents[e]), NULL));
        for (int32_t i = 0; i < ITEMS; i++)
            below += i != 7 && f.item_bias[i] < 0;
        ok((below > 0) == (e == 0) && (f.item_bias[7] < -0.5) == (e == 1),
           "exponent %s: %d other items have a bias below 0, item 7 has %.2f", exponents[e], below, f.item_bias[7]);
    }
}

/* Every `step`-th pair stays. */
static lt_dataset *thinned(lt_env *env, lt_dataset *d, int step)
{
    int64_t n = 0, from = 0;

    (void)env;
    memset(d->item_count, 0, (size_t)d->design.items * sizeof *d->item_count);
    for (int32_t u = 0; u < d->seen.rows; u++) {
        int64_t end = d->seen.start[u + 1];

        for (int64_t e = from; e < end; e++)
            if ((e * 2654435761u >> 8) % step == 0) {
                d->seen.col[n] = d->seen.col[e];
                d->item_count[d->seen.col[n++]]++;
            }
        from = end;
        d->seen.start[u + 1] = n;
    }
    return d;
}

/* What all users have is never a negative, by a bit or by a hash: its bias only rises. */
static void test_common(lt_env *env)
{
    enum { U = 200, I = 1400, COMMON = 70 };

    for (int sparse = 0; sparse < 2; sparse++) {
        lt_dataset *d = tastes(env, LT_LABEL_IMPLICIT, U, I, 0, 4);
        int64_t n = 0;
        int below = 0;
        lt_factors f;
        lt_random rng;

        lt_random_seed(&rng, 1);
        for (int32_t u = 0; u < U; u++) {
            for (int32_t i = 0; i < I; i++)
                if (sparse ? i % (I / 5) == 9 : i % (I / COMMON) == 9 || lt_random_uniform(&rng) < 0.2)
                    d->seen.col[n++] = i;
            d->seen.start[u + 1] = n;
        }
        f = lt_factors_of(
            fit_with(env, &lt_bpr, d,
                     OPTIONS("factors", "4", "epochs", "20", "learning_rate", "0.01", "regularization", "0"), NULL));
        for (int32_t i = 0; i < I; i++)
            below += (sparse ? i % (I / 5) == 9 : i % (I / COMMON) == 9) && f.item_bias[i] <= 0;
        ok(below == 0, "%s: %d items that all users have were a negative", sparse ? "sparse" : "dense", below);
    }
}

/* Many parts of users and items; pairs known by a bit each, or by a hash. */
static void test_threads(lt_env *env)
{
    static const struct {
        int what, step;
        const char *exponent, *bias;
        double loss;
    } cases[] = {{0, 1, "0", "true", 0.5}, {VALUES, 1, "0.5", "true", 0.55}, {0, 60, "0", "false", 0.6}};

    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        lt_dataset *d = tastes(env, LT_LABEL_IMPLICIT, 300, 1500, cases[c].what, 3);
        lt_model *alone = NULL;
        double loss;

        if (cases[c].step > 1)
            d = thinned(env, d, cases[c].step);
        for (int members = 1; members <= 5; members += members == 1 ? 1 : 3) {
            lt_model *m;

            test_env_team(env, members);
            m = fit_with(env, &lt_bpr, d,
                         OPTIONS("factors", "8", "epochs", cases[c].step > 1 ? "60" : "4", "negative_exponent",
                                 cases[c].exponent, "item_bias", cases[c].bias),
                         &loss);
            alone = members == 1 ? m : alone;
            ok(differ(alone, m) == 0, "case %zu: %d threads make the model of one", c, members);
        }
        ok(loss < cases[c].loss, "case %zu: pairs are told apart (%.3f, 0.693 by chance)", c, loss);
        test_env_team(env, 1);
    }
}

static void refused(lt_env *env, const lt_dataset *d, const char *const *list, lt_status want, const char *what)
{
    lt_options o = options_of(env, &lt_bpr, list);
    lt_model m = {.algorithm = &lt_bpr};
    lt_fit fit;
    lt_status got = lt_bpr.train(env, d, &o, &m, &fit);

    ok(got == want && env->error.message[0] != '\0', "%s: %s", what, env->error.message);
}

static void test_refusals(lt_env *env)
{
    lt_dataset *d = tastes(env, LT_LABEL_IMPLICIT, USERS, ITEMS, 0, 8);
    lt_dataset *all = tastes(env, LT_LABEL_IMPLICIT, 1, 1, 0, 8);
    test_context *context = env->context;

    context->cancel_at = context->polls + 10;
    refused(env, d, OPTIONS("epochs", "100000"), LT_CANCELLED, "cancelled");
    env->budget = env->used + 10000;
    refused(env, d, OPTIONS("factors", "64"), LT_NO_MEMORY, "no memory");
    env->budget = 0;
    refused(env, d, OPTIONS("learning_rate", "100", "regularization", "1000"), LT_DIVERGED, "too long a step");
    all->seen.start[1] = 0;
    refused(env, all, OPTIONS("factors", "2"), LT_INVALID, "no pairs");
    all->seen.start[1] = 1;
    all->seen.col[0] = 0;
    fit_with(env, &lt_bpr, all, OPTIONS("factors", "2"), NULL);
}

int main(void)
{
    lt_env *env = test_env();

    test_step(env);
    test_ranks(env);
    test_options(env);
    test_weights(env);
    test_negatives(env);
    test_common(env);
    test_threads(env);
    test_refusals(env);
    test_env_drop(env);
    return done();
}
