/*
 * test_graph_filter.c: the filter against R^T R of a dense R.
 */
#include "neighbors_data.h"

extern const lt_algorithm lt_graph_filter;

static double positive(double x)
{
    return x > 0 ? x : 0;
}

static matrix naive(const interactions *s, int most)
{
    matrix w = {{{0}}};
    double of_user[USERS] = {0}, of_item[ITEMS] = {0}, r[USERS][ITEMS];

    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++) {
            of_user[u] += positive(s->x[u][i]);
            of_item[i] += positive(s->x[u][i]);
        }
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            r[u][i] = s->x[u][i] > 0 ? s->x[u][i] / sqrt(of_user[u]) / sqrt(of_item[i]) : 0;
    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++)
            for (int u = 0; u < USERS && i != j; u++)
                w.at[i][j] += r[u][i] * r[u][j];
    prune(&w, most, false);
    return w;
}

static void test_filter(int what, const char *name)
{
    lt_env *env = test_env();
    interactions *s = interactions_of(env, what);
    matrix before = {{{0}}};

    for (int most = 0; most < 6; most += 5) {
        matrix want = naive(s, most == 0 ? ITEMS : most), got;
        lt_model m;

        fine(env, train_model(env, &lt_graph_filter, &s->data, SETTINGS({"neighbors", most}), &m));
        got = weights_in(&m);
        ok(entries(&got) == entries(&want), "%s: %d weights are kept", name, entries(&want));
        near(difference(&got, &want), 0, 1e-6, "%s: neighbors %d", name, most);
        ok(difference(&got, &before) > 0.001, "and not what the options before gave");
        before = got;
        check_serving(env, &m, s, s->x, name);
    }
    test_env_drop(env);
}

int main(void)
{
    lt_env *env = test_env();

    test_filter(0, "without weights");
    test_filter(WEIGHTED, "with weights");
    test_filter(WEIGHTED | SIGNED, "with labels below 0");
    check_cancel(env, &lt_graph_filter, &interactions_of(env, 0)->data);
    test_env_drop(env);
    return done();
}
