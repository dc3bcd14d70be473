/*
 * rerank.c: how long each rerank method takes to make 20 of 500 candidates, in the core alone.
 *
 *   make bench ONLY=rerank
 *
 * 50 lists of random scores, higher for what is popular; similarity by vectors of 64 factors, their lengths included;
 * groups are 300 values, of which each candidate has one, or one to five, and the user's taste knows 60.  Each line:
 * the median and the 95th percentile of 1000 runs after 50 to warm up, in microseconds.
 */
#include "bench.h"
#include "random.h"
#include "rerank.h"

enum { N = 500, K = 20, FACTORS = 64, LISTS = 50, RUNS = 1000, VALUES = 300, LIKED = 60, MOST = 5 };

typedef struct list {
    double score[N], popularity[N];
    uint8_t segment[N];
    float x[N * FACTORS];
    int64_t one_start[N + 1], more_start[N + 1];
    int32_t one[N], more[N * MOST];
    double target[VALUES];
} list;

static void fill(lt_random *random, list *l)
{
    lt_popularity popularity;
    double total = 0;

    for (int i = 0; i < N; i++) {
        int32_t value = (int32_t)lt_random_below(random, VALUES / MOST);
        int64_t values = 1 + lt_random_below(random, MOST);

        l->popularity[i] = 1 + (double)(int64_t)(2000 / (1 + 500 * lt_random_uniform(random)));
        l->score[i] = l->popularity[i] / 100 + lt_random_normal(random);
        for (int f = 0; f < FACTORS; f++)
            l->x[i * FACTORS + f] = 0.3f + (float)lt_random_normal(random);
        l->one[i] = (int32_t)lt_random_below(random, VALUES);
        l->one_start[i + 1] = i + 1;
        l->more_start[i + 1] = l->more_start[i] + values;
        for (int64_t v = 0; v < values; v++)
            l->more[l->more_start[i] + v] = value + (int32_t)v * (VALUES / MOST);
    }
    must(lt_popularity_build(&environment, l->popularity, N, 0.2, 0.2, &popularity));
    for (int i = 0; i < N; i++)
        l->segment[i] = popularity.segment[i];
    for (int v = 0; v < VALUES; v += VALUES / LIKED)
        total += l->target[v] = lt_random_uniform(random);
    for (int v = 0; v < VALUES; v++)
        l->target[v] /= total;
}

static double one_run(const lt_reranker *method, double strength, int groups, const list *l, uint64_t seed)
{
    double begin = bench_now(NULL), value[K];
    lt_table rows = {.n = N, .dense = FACTORS, .x = (float *)l->x};
    lt_groups values = {VALUES, groups == 1 ? l->one_start : l->more_start, groups == 1 ? l->one : l->more, l->target};
    lt_rerank_input in = {.n = N,
                          .k = K,
                          .score = l->score,
                          .popularity = l->popularity,
                          .segment = l->segment,
                          .user_taste = {0.2, 0.5, 0.3},
                          .groups = groups == 0 ? NULL : &values,
                          .strength = strength,
                          .seed = seed};
    lt_similarity similarity = {0};
    int32_t chosen[K];
    int64_t n;

    if (method->needs_similarity) {
        must(lt_similarity_init(&environment, &similarity, &rows, NULL, N));
        in.similarity = &similarity;
    }
    must(lt_rerank(&environment, method, &in, chosen, value, &n));
    if (method->needs_similarity)
        lt_similarity_free(&environment, &similarity);
    return bench_now(NULL) - begin;
}

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

int main(void)
{
    static const struct {
        const char *name, *method;
        double strength;
        int groups;
    } lines[] = {{"none", "none", 0, 0},
                 {"popularity 0.5", "popularity", 0.5, 0},
                 {"xquad 0.5", "xquad", 0.5, 0},
                 {"calibrated 0.5, head, mid and tail", "calibrated", 0.5, 0},
                 {"calibrated 0.5, one of 300 values", "calibrated", 0.5, 1},
                 {"calibrated 0.5, one to five of 300", "calibrated", 0.5, 2},
                 {"calibrated 1, one to five of 300", "calibrated", 1, 2},
                 {"mmr 0.5", "mmr", 0.5, 0},
                 {"dpp 0.5", "dpp", 0.5, 0},
                 {"quota 0.25", "quota", 0.25, 0},
                 {"random 0.25", "random", 0.25, 0}};
    static list lists[LISTS];
    lt_random random;

    lt_random_seed(&random, 1);
    for (int i = 0; i < LISTS; i++)
        fill(&random, &lists[i]);
    printf("%-36s %10s %10s\n", "20 of 500", "median", "95 %");
    for (size_t m = 0; m < sizeof lines / sizeof *lines; m++) {
        const lt_reranker *method = lt_reranker_find(lines[m].method);
        double took[RUNS];

        for (int r = -LISTS; r < RUNS; r++) {
            double t = one_run(method, lines[m].strength, lines[m].groups, &lists[(r + LISTS) % LISTS], (uint64_t)r);

            if (r >= 0)
                took[r] = t;
        }
        qsort(took, RUNS, sizeof *took, ascending);
        printf("%-36s %7.1f us %7.1f us\n", lines[m].name, 1e6 * took[RUNS / 2], 1e6 * took[RUNS * 95 / 100]);
    }
    return 0;
}
