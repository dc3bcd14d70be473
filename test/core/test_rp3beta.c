/*
 * test_rp3beta.c: walks against products of dense matrices of chances.
 */
#include "neighbors_data.h"

extern const lt_algorithm lt_rp3beta;

/* A step of negative weight is not taken. */
static double taken(double x)
{
    return x > 0 ? x : 0;
}

/* step[u][i]: P^alpha; W. */
static matrix naive(const interactions *s, double alpha, double beta, int most, double step[USERS][ITEMS])
{
    matrix w = {{{0}}};
    double of_user[USERS] = {0}, of_item[ITEMS] = {0};

    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++) {
            of_user[u] += taken(s->x[u][i]);
            of_item[i] += taken(s->x[u][i]);
        }
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            step[u][i] = s->x[u][i] > 0 ? pow(s->x[u][i] / of_user[u], alpha) : 0;
    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++)
            for (int u = 0; u < USERS; u++)
                if (i != j && s->x[u][i] > 0 && s->x[u][j] > 0)
                    w.at[i][j] += pow(s->x[u][i] / of_item[i], alpha) * step[u][j] / pow(of_item[j], beta);
    prune(&w, most, false);
    return w;
}

static void test_walks(int what, const char *name)
{
    static const setting cases[][3] = {{{"alpha", 1}, {"beta", 0}, {"neighbors", 4}},
                                       {{"alpha", 0.5}, {"beta", 0}, {"neighbors", 4}},
                                       {{"alpha", 0.5}, {"beta", 0.4}, {"neighbors", 4}},
                                       {{"alpha", 0.5}, {"beta", 0.4}, {"neighbors", 0}}};
    lt_env *env = test_env();
    interactions *s = interactions_of(env, what);
    matrix before = {{{0}}};

    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        double most = cases[c][2].value, step[USERS][ITEMS];
        matrix want = naive(s, cases[c][0].value, cases[c][1].value, most == 0 ? ITEMS : (int)most, step), got;
        lt_model m;

        fine(env, train_model(env, &lt_rp3beta, &s->data, cases[c], 3, &m));
        got = weights_in(&m);
        ok(entries(&got) == entries(&want), "%s: %d weights are kept", name, entries(&want));
        near(difference(&got, &want), 0, 1e-6, "%s: alpha %g, beta %g, neighbors %g", name, cases[c][0].value,
             cases[c][1].value, most);
        ok(difference(&got, &before) > 0.001, "and not what the options before gave");
        before = got;
        check_serving(env, &m, s, step, name);
    }
    test_env_drop(env);
}

/* With alpha 1 and beta 0, a row of W and the chance of coming back are the chances of all walks: they sum to 1. */
static void test_chances(void)
{
    lt_env *env = test_env();
    interactions *s = interactions_of(env, 0);
    double step[USERS][ITEMS], total = 0, users = 0, back = 0;
    matrix w;
    lt_model m;

    fine(env, train_model(env, &lt_rp3beta, &s->data, SETTINGS({"alpha", 1}, {"beta", 0}, {"neighbors", 0}), &m));
    w = weights_in(&m);
    naive(s, 1, 0, ITEMS, step);
    for (int j = 0; j < ITEMS; j++)
        total += w.at[2][j];
    for (int u = 0; u < USERS; u++) {
        users += s->x[u][2];
        back += step[u][2];
    }
    near(total + back / users, 1, 1e-6, "the chances of walks from an item sum to 1");
    test_env_drop(env);
}

static void test_check(void)
{
    lt_env *env = test_env();
    lt_model m;
    double *alpha;

    fine(env, train_model(env, &lt_rp3beta, &interactions_of(env, 0)->data, NULL, 0, &m));
    alpha = lt_model_array(&m, "alpha")->d;
    for (int i = 0; i < 3; i++) {
        *alpha = ((const double[]){NAN, -1, INFINITY})[i];
        ok(lt_rp3beta.check(env, &m) == LT_CORRUPT, "a stored alpha of %g is refused", *alpha);
    }
    check_cancel(env, &lt_rp3beta, &interactions_of(env, 0)->data);
    test_env_drop(env);
}

int main(void)
{
    test_walks(0, "without weights");
    test_walks(WEIGHTED, "with weights");
    test_walks(WEIGHTED | SIGNED, "with labels below 0");
    test_chances();
    test_check();
    return done();
}
