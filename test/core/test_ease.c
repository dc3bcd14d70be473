/*
 * test_ease.c: the closed form by Gauss-Jordan elimination; each column is a ridge regression on the others; memory
 * refused before it is taken.
 */
#include "neighbors_data.h"

extern const lt_algorithm lt_ease;

static matrix naive(const interactions *s, double regularization, int most)
{
    static double a[ITEMS][2 * ITEMS];
    matrix w = {{{0}}};

    memset(a, 0, sizeof a);
    for (int i = 0; i < ITEMS; i++) {
        for (int j = 0; j < ITEMS; j++)
            for (int u = 0; u < USERS; u++)
                a[i][j] += s->x[u][i] * s->x[u][j];
        a[i][i] += regularization;
        a[i][ITEMS + i] = 1;
    }
    for (int i = 0; i < ITEMS; i++)
        for (int r = 0; r < ITEMS; r++) {
            double factor = a[r][i] / a[i][i];

            for (int c = 0; c < 2 * ITEMS && r != i; c++)
                a[r][c] -= factor * a[i][c];
        }
    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++)
            if (i != j)
                w.at[i][j] = -a[i][ITEMS + j] / a[i][i] / (a[j][ITEMS + j] / a[j][j]);
    prune(&w, most, true);
    return w;
}

static void test_weights(int what, const char *name)
{
    static const setting cases[][2] = {{{"regularization", 5}, {"neighbors", 0}},
                                       {{"regularization", 50}, {"neighbors", 0}},
                                       {{"regularization", 50}, {"neighbors", ITEMS - 1}},
                                       {{"regularization", 50}, {"neighbors", 4}}};
    lt_env *env = test_env();
    interactions *s = interactions_of(env, what);
    matrix before = {{{0}}};

    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        double most = cases[c][1].value;
        matrix want = naive(s, cases[c][0].value, most == 0 ? ITEMS : (int)most), got;
        lt_model m;

        fine(env, train_model(env, &lt_ease, &s->data, cases[c], 2, &m));
        got = weights_in(&m);
        ok(entries(&got) == entries(&want), "%s: %d weights are kept", name, entries(&want));
        near(difference(&got, &want), 0, 1e-6, "%s: regularization %g, neighbors %g", name, cases[c][0].value, most);
        ok((difference(&got, &before) > 0.01) == (c != 2), "options that differ in effect give other weights");
        before = got;
        check_serving(env, &m, s, s->x, name);
    }
    test_env_drop(env);
}

/* The normal equations of |x_j - X w|^2 + regularization |w|^2 with w_j = 0: what the closed form claims to solve. */
static void test_optimum(void)
{
    lt_env *env = test_env();
    interactions *s = interactions_of(env, WEIGHTED);
    double worst = 0;
    matrix w;
    lt_model m;

    fine(env, train_model(env, &lt_ease, &s->data, SETTINGS({"regularization", 7}, {"neighbors", 0}), &m));
    w = weights_in(&m);
    for (int j = 0; j < ITEMS; j++)
        for (int i = 0; i < ITEMS; i++) {
            double gradient = 7 * w.at[i][j];

            for (int u = 0; u < USERS; u++) {
                double miss = -s->x[u][j];

                for (int k = 0; k < ITEMS; k++)
                    miss += s->x[u][k] * w.at[k][j];
                gradient += s->x[u][i] * miss;
            }
            worst = i == j ? worst : fmax(worst, fabs(gradient));
        }
    near(worst, 0, 1e-4, "each column solves its ridge regression");
    test_env_drop(env);
}

static void test_memory(void)
{
    lt_env *env = test_env();
    int64_t start[] = {0, 2};
    int32_t col[] = {1, 70000};
    lt_dataset data = {.design = {.users = 1, .items = 100000},
                       .seen = {.rows = 1, .cols = 100000, .start = start, .col = col}};
    interactions *s = interactions_of(env, 0);
    size_t used, least;
    lt_model m;

    env->budget = (size_t)1 << 30;
    used = env->used;
    ok(train_model(env, &lt_ease, &data, NULL, 0, &m) == LT_NO_MEMORY, "100,000 items are refused");
    ok(strstr(env->error.message, "100000 items") != NULL && strstr(env->error.message, "kB") != NULL, "%s",
       env->error.message);
    ok(strstr(env->error.detail, "1048576 kB") != NULL && strstr(env->error.detail, "39062500 kB") != NULL, "%s",
       env->error.detail);
    ok(strstr(env->error.hint, "rp3beta") != NULL && strstr(env->error.hint, "graph_filter") != NULL &&
           strstr(env->error.hint, "item_knn") != NULL && strstr(env->error.hint, "als") != NULL &&
           strstr(env->error.hint, "training_memory") != NULL,
       "%s", env->error.hint);
    ok(env->used < used + 8192, "before memory is taken"); /* options */

    /* with what the hint asks for, training goes through */
    for (int neighbors = 0; neighbors < 6; neighbors += 5) {
        const setting keep[] = {{"neighbors", neighbors}};

        for (least = 0; least < 64; least++) {
            env->budget = env->used + 4096 + 512 * least;
            if (train_model(env, &lt_ease, &s->data, keep, 1, &m) == LT_OK)
                break;
        }
        ok(least > 0 && least < 64 && env->error.status == LT_NO_MEMORY &&
               strstr(env->error.message, "ease over 17 items") != NULL,
           "neighbors %d: what does not fit is refused at once, not halfway", neighbors);
    }
    test_env_drop(env);
}

int main(void)
{
    lt_env *env = test_env();
    matrix w;
    lt_model m;

    test_weights(0, "without weights");
    test_weights(WEIGHTED, "with weights");
    test_weights(WEIGHTED | SIGNED, "with labels below 0");
    test_optimum();
    test_memory();
    fine(env, train_model(env, &lt_ease, &interactions_of(env, 0)->data, SETTINGS({"neighbors", 0}), &m));
    w = weights_in(&m);
    for (int i = 0; i < ITEMS; i++)
        ok(w.at[i][COLD] == 0 && w.at[COLD][i] == 0, "item %d: no weight to or from an item nobody has", i);
    check_cancel(env, &lt_ease, &interactions_of(env, 0)->data);
    test_env_drop(env);
    return done();
}
