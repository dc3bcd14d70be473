/*
 * test_item_knn.c: cosines against the definition, dense.
 */
#include "neighbors_data.h"

extern const lt_algorithm lt_item_knn;

static matrix naive(const interactions *s, double shrinkage, int most)
{
    matrix w = {{{0}}};
    double norm[ITEMS] = {0};

    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            norm[i] += s->x[u][i] * s->x[u][i];
    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++) {
            double dot = 0;

            for (int u = 0; u < USERS; u++)
                dot += s->x[u][i] * s->x[u][j];
            if (i != j && dot != 0)
                w.at[i][j] = dot / (sqrt(norm[i] * norm[j]) + shrinkage);
        }
    prune(&w, most, false);
    return w;
}

static void test_weights(int what, const char *name)
{
    static const setting cases[][2] = {{{"shrinkage", 0}, {"neighbors", 3}},
                                       {{"shrinkage", 10}, {"neighbors", 3}},
                                       {{"shrinkage", 10}, {"neighbors", 0}}};
    lt_env *env = test_env();
    interactions *s = interactions_of(env, what);
    matrix before = {{{0}}};

    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        double most = cases[c][1].value;
        matrix want = naive(s, cases[c][0].value, most == 0 ? ITEMS : (int)most), got;
        lt_model m;

        fine(env, train_model(env, &lt_item_knn, &s->data, cases[c], 2, &m));
        got = weights_in(&m);
        ok(entries(&got) == entries(&want), "%s: %d weights are kept", name, entries(&want));
        near(difference(&got, &want), 0, 1e-7, "%s: shrinkage %g, neighbors %g", name, cases[c][0].value, most);
        ok(difference(&got, &before) > 0.01, "and not what the options before gave");
        before = got;
        if (c == 0)
            check_serving(env, &m, s, s->x, name);
    }
    test_env_drop(env);
}

int main(void)
{
    lt_env *env = test_env();
    matrix plain, weighted;
    lt_model m;

    test_weights(0, "without weights");
    test_weights(WEIGHTED, "with weights");
    test_weights(WEIGHTED | SIGNED, "with labels below 0");
    fine(env, train_model(env, &lt_item_knn, &interactions_of(env, 0)->data, NULL, 0, &m));
    plain = weights_in(&m);
    fine(env, train_model(env, &lt_item_knn, &interactions_of(env, WEIGHTED)->data, NULL, 0, &m));
    weighted = weights_in(&m);
    ok(difference(&plain, &weighted) > 0.01, "weights change the similarities");
    for (int i = 0; i < ITEMS; i++)
        ok(plain.at[i][i] == 0 && plain.at[i][COLD] == 0 && plain.at[COLD][i] == 0,
           "item %d is no neighbor of itself, nor of an item nobody has", i);
    check_cancel(env, &lt_item_knn, &interactions_of(env, 0)->data);
    test_env_drop(env);
    return done();
}
