/*
 * test_graph_filter.c: the filter against products of dense normalised matrices.
 */
#include "neighbors_data.h"

extern const lt_algorithm lt_graph_filter;

static double positive(double x)
{
    return x > 0 ? x : 0;
}

static matrix naive(const interactions *s, double alpha, int most)
{
    matrix w = {{{0}}};
    double of_user[USERS] = {0}, of_item[ITEMS] = {0};

    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++) {
            of_user[u] += positive(s->x[u][i]);
            of_item[i] += positive(s->x[u][i]);
        }
    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++)
            for (int u = 0; u < USERS; u++)
                if (i != j && s->x[u][i] > 0 && s->x[u][j] > 0)
                    w.at[i][j] +=
                        s->x[u][i] * s->x[u][j] / of_user[u] / pow(of_item[i], alpha) / pow(of_item[j], 1 - alpha);
    prune(&w, most, false);
    return w;
}

static void test_filter(int what, const char *name)
{
    static const setting cases[][2] = {
        {{"alpha", 0.5}, {"neighbors", 0}}, {{"alpha", 0.5}, {"neighbors", 5}}, {{"alpha", 1}, {"neighbors", 5}}};
    lt_env *env = test_env();
    interactions *s = interactions_of(env, what);
    matrix before = {{{0}}};

    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        double alpha = cases[c][0].value, most = cases[c][1].value;
        matrix want = naive(s, alpha, most == 0 ? ITEMS : (int)most), got;
        lt_model m;

        fine(env, train_model(env, &lt_graph_filter, &s->data, cases[c], 2, &m));
        got = weights_in(&m);
        ok(entries(&got) == entries(&want), "%s: %d weights are kept", name, entries(&want));
        near(difference(&got, &want), 0, 1e-6, "%s: alpha %g, neighbors %g", name, alpha, most);
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
