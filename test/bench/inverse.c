/*
 * inverse.c: ease against LAPACK's inverse of the same matrix.
 *
 *     inverse [items [threads ...]]        10000 items; 1 and 2 threads
 *
 * A line a number of threads: seconds of training ease (products, inverse, the 200 largest weights an item), of
 * lt_invert_f32 alone, and of spotrf and spotri out of the same library with as many threads; then the ratios.  The
 * best of two, each followed by its peer at once.
 */
#include "blas.h"
#include "inverse.h"
#include "random.h"

#include "../core/tap.h"
#include "model.h"

#include <dlfcn.h>

extern const lt_algorithm lt_ease;

#define PAIRS_AN_ITEM 200
#define USERS_AN_ITEM 3
#define RUNS 2

/* Interactions of users with a taste for some stretch of the items, which are unequally popular. */
static void make_pairs(lt_env *env, int items, lt_dataset *d)
{
    int32_t users = USERS_AN_ITEM * items;
    int64_t n = 0, most = (int64_t)PAIRS_AN_ITEM * items;
    uint8_t *has = calloc((size_t)items, 1);
    lt_random r;

    lt_random_seed(&r, 1);
    memset(d, 0, sizeof *d);
    d->label_kind = LT_LABEL_IMPLICIT;
    d->design.users = users;
    d->design.items = items;
    d->seen = (lt_pairs){.rows = users, .cols = items};
    lt_alloc(env, &d->seen.start, (size_t)users + 1, sizeof(int64_t), "pairs");
    lt_alloc(env, &d->seen.col, (size_t)most, sizeof(int32_t), "pairs");
    for (int32_t u = 0; u < users; u++) {
        int64_t first = n, end = most * (u + 1) / users;
        double center = lt_random_uniform(&r);

        for (int64_t draw = first; draw < end; draw++) {
            double near = center + 0.1 * lt_random_normal(&r), at = lt_random_uniform(&r);
            int32_t i = (int32_t)((near - floor(near)) * items / 2 + at * at * items / 2);

            has[i < items ? i : 0] = 1;
        }
        for (int32_t i = 0; i < items; i++)
            if (has[i]) {
                d->seen.col[n++] = i;
                has[i] = 0;
            }
        d->seen.start[u + 1] = n;
    }
    free(has);
}

/* X^T X + regularization, whole. */
static void make_matrix(const lt_pairs *seen, float regularization, float *a)
{
    size_t n = (size_t)seen->cols;

    memset(a, 0, n * n * sizeof *a);
    for (int32_t u = 0; u < seen->rows; u++)
        for (int64_t j = seen->start[u]; j < seen->start[u + 1]; j++)
            for (int64_t i = seen->start[u]; i < seen->start[u + 1]; i++)
                a[(size_t)seen->col[i] + (size_t)seen->col[j] * n]++;
    for (size_t i = 0; i < n; i++)
        a[i + i * n] += regularization;
}

typedef void (*lapack)(const char *uplo, const int *n, float *a, const int *lda, int *info);

int main(int argc, char **argv)
{
    static const char *const usual[] = {"1", "2"};
    int items = argc > 1 ? atoi(argv[1]) : 10000, info, sets = argc > 2 ? argc - 2 : 2;
    size_t cells = (size_t)items * (size_t)items;
    lt_env *env = test_env();
    float *start = malloc(cells * sizeof *start), *a = malloc(cells * sizeof *a);
    lapack potrf, potri;
    void (*set_threads)(int);
    lt_dataset d;
    void *library;

    if (start == NULL || a == NULL || lt_blas_load(env) != LT_OK)
        return 1;
    library = dlopen(lt_blas_path(), RTLD_NOW);
    *(void **)&potrf = dlsym(library, "spotrf_");
    *(void **)&potri = dlsym(library, "spotri_");
    *(void **)&set_threads = dlsym(library, "openblas_set_num_threads");
    make_pairs(env, items, &d);
    make_matrix(&d.seen, 200, start);
    printf("%d items, %lld interactions, kernel %s\n", items, (long long)d.seen.start[d.seen.rows], lt_blas_kernel());
    for (int s = 0; s < sets; s++) {
        int threads = atoi(argc > 2 ? argv[2 + s] : usual[s]);
        double best[3] = {INFINITY, INFINITY, INFINITY}, since;

        test_env_team(env, threads);
        for (int run = 0; run < RUNS; run++) {
            lt_model m = {.algorithm = &lt_ease};
            lt_scope scope;
            lt_options o;
            lt_fit fit;

            lt_scope_open(env, &scope);
            lt_options_init(&scope.env, &o, lt_ease.options, lt_ease.n_options);
            since = test_seconds(NULL);
            if (lt_ease.train(&scope.env, &d, &o, &m, &fit) != LT_OK)
                return 1;
            best[0] = fmin(best[0], test_seconds(NULL) - since);
            lt_scope_close(&scope);
            memcpy(a, start, cells * sizeof *a);
            since = test_seconds(NULL);
            if (lt_invert_f32(env, items, a) != LT_OK)
                return 1;
            best[1] = fmin(best[1], test_seconds(NULL) - since);
            memcpy(a, start, cells * sizeof *a);
            set_threads(threads);
            since = test_seconds(NULL);
            potrf("L", &items, a, &items, &info);
            potri("L", &items, a, &items, &info);
            best[2] = fmin(best[2], test_seconds(NULL) - since);
            set_threads(1);
        }
        printf("%d threads: ease %.2f s, inverse %.2f s, potrf + potri %.2f s; ratios %.2f and %.2f\n", threads,
               best[0], best[1], best[2], best[0] / best[2], best[1] / best[2]);
        fflush(stdout);
    }
    test_env_drop(env);
    return 0;
}
