/*
 * test_shuffle.c: an order made by all threads is a permutation, the same for any number of them, and random.
 */
#include "tap.h"

#include "shuffle.h"

static bool permutes(const int32_t *order, int64_t n, const int32_t *from)
{
    char *met = calloc((size_t)n + 1, 1);
    bool all = true;

    for (int64_t i = 0; i < n; i++) {
        int32_t v = from == NULL ? order[i] : order[i] / 3;

        all = all && v >= 0 && v < n && (from == NULL || order[i] == from[v]) && met[v]++ == 0;
    }
    free(met);
    return all;
}

int main(void)
{
    enum { N = 200001, SMALL = 4, DRAWS = 24000 };
    static const int64_t sizes[] = {0, 1, 2, 65536, N};
    static int32_t one[N], several[N], from[N];
    lt_env *env = test_env();
    int counts[SMALL][SMALL] = {{0}}, pairs = 0;
    double chi = 0, near_by = 0;

    for (int i = 0; i < N; i++)
        from[i] = 3 * i;
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        test_env_team(env, 1);
        fine(env, lt_shuffle(env, 5, NULL, sizes[k], one));
        ok(permutes(one, sizes[k], NULL), "%ld numbers, each once", (long)sizes[k]);
        test_env_team(env, 3);
        fine(env, lt_shuffle(env, 5, NULL, sizes[k], several));
        ok(memcmp(one, several, (size_t)sizes[k] * sizeof *one) == 0, "the same on three threads");
        fine(env, lt_shuffle(env, 5, from, sizes[k], several));
        ok(permutes(several, sizes[k], from), "numbers of another array, each once");
    }
    fine(env, lt_shuffle(env, 6, NULL, N, several));
    ok(memcmp(one, several, sizeof one) != 0, "another seed, another order");
    for (int i = 0; i + 1 < N; i++) {
        near_by += fabs((double)one[i] - i) / N;
        pairs += one[i + 1] == one[i] + 1;
    }
    near(near_by / N, 1.0 / 3, 0.01, "numbers go a third of the way on average");
    ok(pairs < 10, "neighbours part (%d did not)", pairs);

    test_env_team(env, 1);
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        int32_t order[SMALL];

        if (lt_shuffle(env, seed * 1000003, NULL, SMALL, order) != LT_OK)
            abort();
        for (int i = 0; i < SMALL; i++)
            counts[i][order[i]]++;
    }
    for (int i = 0; i < SMALL; i++)
        for (int j = 0; j < SMALL; j++)
            chi += pow(counts[i][j] - DRAWS / SMALL, 2) / (DRAWS / SMALL);
    ok(chi < 30, "every number comes to every place alike (chi square %.1f of 9 degrees)", chi);
    test_env_drop(env);
    return done();
}
