/* test_markov.c: sequence rules against the definition over all pairs of a user's rows. */
#include "alike.h"

extern const lt_algorithm lt_markov;

#define USERS 25
#define ITEMS 14
#define ROWS 400
#define DAY 86400.0

typedef struct markov {
    int window, neighbors;
    double decay, basket, half_life, alpha, shrinkage;
} markov;

static const markov plain = {3, 0, 0.5, 0.5, 0, 1, 10};

/* Rows in order of user, then item; times collide often, and a sixth of the rows are labelled 0. Item 13 never comes.
 */
static lt_dataset *make_data(lt_env *env, bool weighted)
{
    lt_random rng;
    lt_dataset *d;
    lt_examples *ex;

    lt_alloc(env, &d, 1, sizeof *d, "test");
    ex = &d->train;
    d->design = (lt_design){.users = USERS, .items = ITEMS};
    d->label_kind = LT_LABEL_BINARY;
    lt_alloc(env, &ex->user, ROWS, sizeof *ex->user, "test");
    lt_alloc(env, &ex->item, ROWS, sizeof *ex->item, "test");
    lt_alloc(env, &ex->label, ROWS, sizeof *ex->label, "test");
    lt_alloc(env, &ex->time, ROWS, sizeof *ex->time, "test");
    if (weighted)
        lt_alloc(env, &ex->weight, ROWS, sizeof *ex->weight, "test");
    lt_random_seed(&rng, 11);
    for (int32_t u = 0; u < USERS; u++)
        for (int32_t i = 0; i < ITEMS - 1; i++)
            for (uint64_t again = lt_random_below(&rng, 3); again > 0 && ex->n < ROWS; again--) {
                ex->user[ex->n] = u;
                ex->item[ex->n] = i;
                ex->label[ex->n] = lt_random_below(&rng, 6) > 0;
                ex->time[ex->n] = DAY * (double)lt_random_below(&rng, 9);
                if (weighted)
                    ex->weight[ex->n] = (float)lt_random_below(&rng, 5) / 2;
                ex->n++;
            }
    return d;
}

static lt_options options_of(lt_env *env, markov m)
{
    lt_options o;

    fine(env, lt_options_init(env, &o, lt_markov.options, lt_markov.n_options));
    fine(env, lt_options_set_number(env, &o, "window", m.window));
    fine(env, lt_options_set_number(env, &o, "neighbors", m.neighbors));
    fine(env, lt_options_set_number(env, &o, "decay", m.decay));
    fine(env, lt_options_set_number(env, &o, "basket", m.basket));
    fine(env, lt_options_set_number(env, &o, "half_life", m.half_life));
    fine(env, lt_options_set_number(env, &o, "alpha", m.alpha));
    fine(env, lt_options_set_number(env, &o, "shrinkage", m.shrinkage));
    return o;
}

static lt_scorer *train(lt_env *env, const lt_dataset *d, markov how)
{
    lt_options o = options_of(env, how);
    lt_scorer *scorer;
    lt_model *model;
    lt_fit fit;

    lt_alloc(env, &scorer, 1, sizeof *scorer, "test");
    lt_alloc(env, &model, 1, sizeof *model, "test");
    model->algorithm = &lt_markov;
    fine(env, lt_markov.train(env, d, &o, model, &fit));
    fine(env, lt_markov.check(env, model));
    scorer->model = model;
    fine(env, lt_markov.prepare(env, scorer));
    return scorer;
}

/* The distinct times, ascending, of a user's rows labelled 1. */
static int times_of(const lt_examples *ex, int user, double *times)
{
    int n = 0;

    for (int64_t i = 0; i < ex->n; i++) {
        int at = 0;

        if (ex->user[i] != user || ex->label[i] <= 0)
            continue;
        while (at < n && times[at] < ex->time[i])
            at++;
        if (at < n && times[at] == ex->time[i])
            continue;
        memmove(times + at + 1, times + at, (size_t)(n - at) * sizeof *times);
        times[at] = ex->time[i];
        n++;
    }
    return n;
}

static int index_of(const double *times, double time)
{
    int at = 0;

    while (times[at] != time)
        at++;
    return at;
}

/* W by the definition. */
static void naive(const lt_dataset *d, markov how, double w[ITEMS][ITEMS])
{
    const lt_examples *ex = &d->train;
    double total[ITEMS] = {0}, latest = 0;

    memset(w, 0, ITEMS * ITEMS * sizeof(double));
    for (int64_t i = 0; i < ex->n; i++)
        latest = fmax(latest, ex->time[i]);
    for (int u = 0; u < USERS; u++) {
        double times[ROWS];

        times_of(ex, u, times);
        for (int64_t a = 0; a < ex->n; a++)
            for (int64_t b = 0; b < ex->n; b++) {
                double add = ex->weight == NULL ? 1 : ex->weight[b];
                int distance;

                if (a == b || ex->user[a] != u || ex->user[b] != u || ex->label[a] <= 0 || ex->label[b] <= 0)
                    continue;
                distance = index_of(times, ex->time[b]) - index_of(times, ex->time[a]);
                if (distance < 0 || distance > how.window)
                    continue;
                add *= distance == 0 ? how.basket : pow(how.decay, distance - 1);
                if (how.half_life > 0)
                    add *= pow(0.5, (latest - ex->time[b]) / DAY / how.half_life);
                total[ex->item[a]] += add;
                if (ex->item[a] != ex->item[b])
                    w[ex->item[a]][ex->item[b]] += add;
            }
    }
    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++)
            if (w[i][j] > 0)
                w[i][j] /= pow(total[i] + how.shrinkage, how.alpha);
    for (int j = 0; j < ITEMS && how.neighbors > 0; j++)
        for (int kept = 0, done[ITEMS] = {0}; kept < ITEMS; kept++) {
            int best = -1;

            for (int i = 0; i < ITEMS; i++)
                if (!done[i] && (best < 0 || (float)w[i][j] > (float)w[best][j]))
                    best = i;
            done[best] = 1;
            if (kept >= how.neighbors)
                w[best][j] = 0;
        }
}

static double worst_rule(lt_env *env, const lt_scorer *scorer, double w[ITEMS][ITEMS])
{
    double worst = 0;
    float score[ITEMS];

    for (int32_t i = 0; i < ITEMS; i++) {
        if (lt_markov.similar(env, scorer, i, score) != LT_OK)
            return INFINITY;
        for (int j = 0; j < ITEMS; j++)
            worst = fmax(worst, fabs(score[j] - w[i][j]));
    }
    return worst;
}

/* Every option, alone, agrees with the definition and changes a rule. */
static void definition(lt_env *env)
{
    static const markov ways[] = {
        {3, 0, 0.5, 0.5, 0, 1, 10}, {1, 0, 0.5, 0.5, 0, 1, 10},   {3, 2, 0.5, 0.5, 0, 1, 10},
        {3, 0, 0, 0.5, 0, 1, 10},   {3, 0, 0.9, 0.5, 0, 1, 10},   {3, 0, 0.5, 0, 0, 1, 10},
        {3, 0, 0.5, 2, 0, 1, 10},   {3, 0, 0.5, 0.5, 2, 1, 10},   {3, 0, 0.5, 0.5, 0, 0, 10},
        {3, 0, 0.5, 0.5, 0, 1, 0},  {3, 0, 0.5, 0.5, 0, 0.5, 10}, {1000, 100, 1, 1, 1, 0.5, 1},
    };

    for (int weighted = 0; weighted < 2; weighted++) {
        const lt_dataset *d = make_data(env, weighted);
        double first[ITEMS][ITEMS], w[ITEMS][ITEMS];

        naive(d, plain, first);
        for (size_t k = 0; k < sizeof ways / sizeof ways[0]; k++) {
            const lt_scorer *scorer = train(env, d, ways[k]);

            naive(d, ways[k], w);
            near(worst_rule(env, scorer, w), 0, ways[k].alpha == 0 ? 1e-4 : 1e-6, "weights %d, way %zu: as defined",
                 weighted, k);
            ok((worst_rule(env, scorer, first) > 1e-3) == (k > 0), "and unlike the first but for the first");
        }
    }
}

/* All rows of one positive label. */
static void simple(lt_env *env)
{
    /* one user: items 0 and 1 together, then 2, then 0 again and 3 */
    lt_dataset d = {.design = {.users = 1, .items = 4},
                    .label_kind = LT_LABEL_IMPLICIT,
                    .train = {.n = 5,
                              .user = (int32_t[]){0, 0, 0, 0, 0},
                              .item = (int32_t[]){0, 0, 1, 2, 3},
                              .label = (float[]){1, 1, 1, 1, 1},
                              .time = (double[]){1, 3, 1, 2, 3}}};
    const lt_scorer *scorer = train(env, &d, (markov){1, 0, 1, 0, 0, 1, 0});
    float score[4];

    fine(env, lt_markov.similar(env, scorer, 0, score));
    ok(score[0] == 0 && score[1] == 0 && score[2] == 1 && score[3] == 0, "after 0 comes 2");
    fine(env, lt_markov.similar(env, scorer, 2, score));
    ok(score[0] == 0.5F && score[1] == 0 && score[2] == 0 && score[3] == 0.5F, "after 2 come 0 and 3");
    fine(env, lt_markov.similar(env, scorer, 3, score));
    ok(score[0] + score[1] + score[2] + score[3] == 0, "after 3 nothing");
    scorer = train(env, &d, (markov){1, 0, 1, 1, 0, 0, 0});
    fine(env, lt_markov.similar(env, scorer, 3, score));
    ok(score[0] == 1 && score[1] + score[2] + score[3] == 0, "but 0 came with it");
}

static void serving(lt_env *env)
{
    const lt_dataset *d = make_data(env, true);
    const markov how = {2, 0, 0.5, 0.5, 0, 1, 10};
    const lt_scorer *scorer = train(env, d, how);
    double w[ITEMS][ITEMS], contribution[6], worst = 0, exact = 0;
    int32_t items[] = {1, 2, 4, 7, 9}, pick[] = {5, -1};
    double times[] = {30, 10, 30, 20, NAN};
    float margin[ITEMS], some[2], basket[ITEMS];
    lt_subject s = {.user = 3, .n_history = 5, .history = items, .history_time = times};

    naive(d, how, w);
    cosines_of(env, scorer, ITEMS, "markov");
    fine(env, lt_markov.score(env, scorer, &s, NULL, ITEMS, margin));
    for (int j = 0; j < ITEMS; j++) {
        double sum = 0;

        fine(env, lt_markov.explain_history(env, scorer, &s, j, contribution));
        for (int k = 0; k < 6; k++)
            sum += contribution[k];
        worst = fmax(worst, fabs(margin[j] - (w[1][j] + w[4][j] + 0.5 * w[7][j])));
        exact = fmax(exact, fabs(margin[j] - sum));
        ok(contribution[0] == 0 && contribution[2] == 0 && contribution[5] == 0, "older steps give no reason");
        near(contribution[4], 0.5 * w[7][j], 1e-6, "a step back counts less");
    }
    near(worst, 0, 1e-6, "the last two steps answer");
    near(exact, 0, 1e-6, "contributions sum to the margin");
    fine(env, lt_markov.score(env, scorer, &s, pick, 2, some));
    ok(some[0] == margin[5] && some[1] == 0, "single items alike");

    s.history_weight = (float[]){2, 3, 4, 5, 6};
    fine(env, lt_markov.score(env, scorer, &s, NULL, ITEMS, basket));
    ok(memcmp(margin, basket, sizeof margin) == 0, "how much somebody had of an item does not matter");
    s.history_time = NULL;
    fine(env, lt_markov.score(env, scorer, &s, NULL, ITEMS, basket));
    worst = 0;
    for (int j = 0; j < ITEMS; j++)
        worst = fmax(worst, fabs(basket[j] - (w[1][j] + w[2][j] + w[4][j] + w[7][j] + w[9][j])));
    near(worst, 0, 1e-6, "a basket is one step");
    s = (lt_subject){.user = 3};
    fine(env, lt_markov.score(env, scorer, &s, NULL, ITEMS, margin));
    for (int j = 0; j < ITEMS; j++)
        ok(margin[j] == 0, "nothing follows from nothing");
    s = (lt_subject){.user = -1, .n_history = 2, .history = (int32_t[]){-1, 13}};
    fine(env, lt_markov.score(env, scorer, &s, NULL, ITEMS, margin));
    ok(margin[0] == 0, "nor from an item that never came");
}

static void limits(lt_env *env)
{
    test_context *c = env->context;
    lt_dataset *d = make_data(env, true), untimed = *d, none = *d;
    lt_options o = options_of(env, plain);
    lt_scorer *scorer = train(env, d, plain);
    lt_model model = {.algorithm = &lt_markov}, *m = (lt_model *)scorer->model;
    lt_array *settings = (lt_array *)lt_model_array(m, "settings"), kept = *settings;
    lt_design grown = m->design;
    float margin[ITEMS + 2];
    lt_fit fit;

    untimed.train.time = NULL;
    ok(lt_markov.train(env, &untimed, &o, &model, &fit) == LT_INVALID && strstr(env->error.hint, "time_column") != NULL,
       "no order without times");
    c->cancel_at = c->polls + 4;
    ok(lt_markov.train(env, d, &o, &model, &fit) == LT_CANCELLED, "cancelled");
    env->budget = env->used + 4096;
    ok(lt_markov.train(env, d, &o, &model, &fit) == LT_NO_MEMORY, "over budget");
    env->budget = 0;
    none.train.n = 0;
    fine(env, lt_markov.score(env, train(env, &none, plain), &(lt_subject){.n_history = 1, .history = (int32_t[]){2}},
                              NULL, ITEMS, margin));
    ok(margin[1] == 0, "no rows, no rules");

    d->train.weight[0] = 3e38F;
    d->train.label[0] = d->train.label[1] = 1;
    d->train.time[0] = d->train.time[1];
    fine(env, lt_markov.check(env, train(env, d, (markov){3, 0, 1, 1e6, 0, 0, 0})->model));
    fine(env, lt_markov.check(env, train(env, d, (markov){3, 0, 1, 1, 1e-9, 2, 0})->model));

    settings->cols = 1;
    ok(lt_markov.check(env, m) == LT_CORRUPT, "too few settings");
    *settings = kept;
    for (int k = 0; k < 2; k++) {
        static const double bad[] = {-1, NAN, 1001};

        for (int b = 0; b < 3; b++) {
            double was = settings->d[k];

            settings->d[k] = bad[b];
            ok(lt_markov.check(env, m) == LT_CORRUPT, "setting %d of %g", k, bad[b]);
            settings->d[k] = was;
        }
    }
    ((lt_array *)lt_model_array(m, "weight"))->f[0] = NAN;
    ok(lt_markov.check(env, m) == LT_CORRUPT, "a weight that is none");
    ((lt_array *)lt_model_array(m, "weight"))->f[0] = 1;
    grown.items += 2;
    fine(env, lt_markov.extend(env, m, &grown));
    m->design = grown;
    fine(env, lt_markov.check(env, m));
    fine(env, lt_markov.prepare(env, scorer));
    fine(env, lt_markov.similar(env, scorer, ITEMS + 1, margin));
    ok(margin[0] == 0 && margin[ITEMS] == 0, "new items follow nothing yet");
}

int main(void)
{
    lt_env *env = test_env();

    definition(env);
    simple(env);
    serving(env);
    limits(env);
    test_env_drop(env);
    return done();
}
