/*
 * scan.c: how long the best of a catalogue's margins take, in the core alone.
 *
 *   make bench ONLY=scan
 *
 * Vectors of 64 factors: "plain" are independent normal numbers; "trained" fall off from factor to factor, and are long
 * where an item is popular, as those of als are; popularity falls with rank by a power law, and items are in no order.
 * Against the product of the whole matrix by BLAS (sgemv, one thread), which has not looked for the best yet.  Each
 * figure is the least of 15 runs for one of five users, averaged over the users; computed: margins that the compressed
 * scan computed in full.
 */
#include "bench.h"
#include "blas.h"
#include "random.h"
#include "scan.h"

#include <math.h>

enum { K = 64, USERS = 5, RUNS = 15, MOST = 500 };

static void fill(lt_random *rng, bool trained, float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double length = trained ? pow(lt_random_uniform(rng) + 1e-4, -0.3) : 1;

        for (int j = 0; j < K; j++)
            v[i * K + j] = (float)(length * lt_random_normal(rng) * (trained ? exp(-0.03 * j) : 1));
    }
}

/* Milliseconds of the best of n for a user; *computed as lt_scan_best has it. */
static double best(const lt_seek *seek, const int32_t *rank, int64_t n, int64_t *computed)
{
    static int32_t index[MOST];
    static float value[MOST];
    double least = INFINITY;

    for (int run = 0; run < RUNS; run++) {
        lt_top top = {.k = n, .index = index, .value = value, .rank = rank};
        double from = bench_now(NULL), took;

        must(lt_scan_best(&environment, seek, NULL, &top, computed));
        lt_top_sort(&top);
        took = 1e3 * (bench_now(NULL) - from);
        least = fmin(least, took);
    }
    return least;
}

static void measure(int32_t items, bool trained)
{
    lt_env *env = &environment;
    double gemv = 0, plain[2] = {0}, compressed[2] = {0};
    int64_t computed[2] = {0}, some;
    float *item, *margin, x[USERS][K];
    lt_scan with, without;
    lt_random rng;
    int32_t *rank;

    lt_random_seed(&rng, 1);
    must(lt_alloc(env, &item, (size_t)items * K, sizeof *item, "vectors"));
    must(lt_alloc(env, &margin, (size_t)items, sizeof *margin, "margins"));
    must(lt_alloc(env, &rank, (size_t)items, sizeof *rank, "ranks"));
    for (int32_t i = 0; i < items; i++)
        rank[i] = i + 1;
    fill(&rng, trained, item, items);
    fill(&rng, trained, x[0], USERS);
    without = with = (lt_scan){.items = items, .k = K, .item = item};
    must(lt_scan_compress(env, &with));
    for (int u = 0; u < USERS; u++) {
        double least = INFINITY;

        for (int run = 0; run < RUNS; run++) {
            double from = bench_now(NULL);

            cblas_sgemv(CblasRowMajor, CblasNoTrans, items, K, 1, item, K, x[u], 1, 0, margin, 1);
            least = fmin(least, 1e3 * (bench_now(NULL) - from));
        }
        gemv += least / USERS;
        for (int many = 0; many < 2; many++) {
            int64_t n = many ? MOST : 10;

            plain[many] += best(&(lt_seek){.scan = &without, .x = x[u]}, rank, n, &some) / USERS;
            compressed[many] += best(&(lt_seek){.scan = &with, .x = x[u]}, rank, n, &some) / USERS;
            computed[many] += some / USERS;
        }
    }
    for (int many = 0; many < 2; many++)
        printf("%9d  %-8s  %3d  %8.3f  %8.3f  %10.3f  %5.2f  %8lld\n", items, trained ? "trained" : "plain",
               many ? MOST : 10, gemv, plain[many], compressed[many], compressed[many] / gemv,
               (long long)computed[many]);
    lt_free(env, with.code);
    lt_free(env, with.scale);
    lt_free(env, rank);
    lt_free(env, margin);
    lt_free(env, item);
}

int main(void)
{
    static const int32_t sizes[] = {10000, 100000, 1000000};

    printf("    items  vectors     k  sgemv ms  plain ms  compressed  ratio  computed\n");
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int trained = 0; trained < 2; trained++)
            measure(sizes[s], trained);
    return 0;
}
