/*
 * test_rerank_diversity.c: mmr and dpp against naive versions, exhaustive search and what more strength should do; and
 * the similarity they go by.
 */
#include "rerank_data.h"

enum { SMALL = 12, SMALL_K = 4, LISTS = 2000 };

#define FLOOR 1e-5 /* of rerank_dpp.c */

/* ---- similarity ---- */

static void test_similarity(lt_env *env)
{
    /* dense (1, 0), (1, 1), (0, 0), (-2, 0), (0, 0); sparse besides: the second 1 at 5, the last two 2 and 3 there */
    static float x[] = {1, 0, 1, 1, 0, 0, -2, 0, 0, 0};
    static int64_t start[] = {0, 0, 1, 1, 2, 3};
    static int32_t col[] = {5, 5, 5};
    static float val[] = {1, 2, 3};
    static const double want[5][5] = {{1, 0.5773502691896258, 0, -0.7071067811865476, 0},
                                      {0.5773502691896258, 1, 0, 0, 0.5773502691896258},
                                      {0, 0, 0, 0, 0},
                                      {-0.7071067811865476, 0, 0, 1, 0.7071067811865476},
                                      {0, 0.5773502691896258, 0, 0.7071067811865476, 1}};
    lt_table both = {.n = 5, .dense = 2, .sparse = 7, .x = x, .start = start, .col = col, .val = val};
    lt_similarity s;
    float row[5], again[5], matrix[25];
    double by_vectors, by_matrix;

    fine(env, lt_similarity_init(env, &s, &both, NULL, 5));
    for (int i = 0; i < 5; i++) {
        fine(env, lt_similarity_to(env, &s, i, row));
        for (int j = 0; j < 5; j++) {
            near(row[j], want[i][j], 1e-7, "cosine of %d and %d, by hand", i, j);
            matrix[i * 5 + j] = (float)want[i][j];
        }
    }
    fine(env, lt_similarity_to(env, &s, 1, row));
    fine(env, lt_similarity_to(env, &s, 1, again));
    ok(memcmp(row, again, sizeof row) == 0, "asked again, the same");
    fine(env, lt_similarity_mean(env, &s, 5, &by_vectors));
    near(by_vectors, 2 * 0.5773502691896258 / 10, 1e-7, "the mean over all pairs, by hand");
    fine(env, lt_similarity_mean(env, &s, 4, &by_vectors));
    near(by_vectors, (0.5773502691896258 - 0.7071067811865476) / 6, 1e-7, "of the first four");
    lt_similarity_free(env, &s);
    fine(env, lt_similarity_init(env, &s, NULL, matrix, 5));
    fine(env, lt_similarity_to(env, &s, 3, row));
    ok(memcmp(row, matrix + 15, sizeof row) == 0, "a matrix is taken as it is");
    fine(env, lt_similarity_mean(env, &s, 4, &by_matrix));
    near(by_matrix, by_vectors, 1e-7, "the mean by a matrix is that by vectors");
    lt_similarity_free(env, &s);
    fine(env, lt_similarity_init(env, &s, &(lt_table){.dense = 2}, NULL, 0));
}

/* As many rows as a catalogue has: each of the three may be cancelled on its way. */
static void test_similarity_cancelled(lt_env *env)
{
    enum { ROWS = 5000, BETWEEN_POLLS = 1024 };
    static float x[ROWS], out[ROWS];
    lt_table rows = {.n = ROWS, .dense = 1, .x = x};
    test_context *context = env->context;
    lt_similarity s;
    double mean;

    for (int step = 0; step < 3; step++) {
        lt_status status = LT_OK;

        fine(env, lt_similarity_init(env, &s, &rows, NULL, ROWS));
        context->cancel_at = context->polls + ROWS / BETWEEN_POLLS;
        if (step == 0)
            status = lt_similarity_init(env, &s, &rows, NULL, ROWS);
        else if (step == 1)
            status = lt_similarity_to(env, &s, 7, out);
        else
            status = lt_similarity_mean(env, &s, ROWS, &mean);
        context->cancel_at = 0;
        ok(status == LT_CANCELLED, "similarity is cancelled, step %d", step);
    }
}

/* ---- lists in the open ---- */

/* S (n x n) of a list's candidates, in doubles; the diagonal is 1. */
static void matrix_of(lt_env *env, const list *l, double *s)
{
    float row[MOST];

    for (int64_t i = 0; i < l->in.n; i++) {
        bool known = lt_similarity_to(env, l->in.similarity, i, row) == LT_OK;

        for (int64_t j = 0; j < l->in.n; j++)
            s[i * MOST + j] = i == j ? 1 : known ? row[j] : NAN;
    }
}

/* The determinant of S over items[0..k), by elimination with the largest pivot. */
static double determinant(const double *s, const int32_t *items, int64_t k)
{
    double a[MOST][MOST], det = 1;

    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < k; j++)
            a[i][j] = s[items[i] * MOST + items[j]];
    for (int64_t c = 0; c < k; c++) {
        int64_t pivot = c;

        for (int64_t i = c + 1; i < k; i++)
            if (fabs(a[i][c]) > fabs(a[pivot][c]))
                pivot = i;
        if (a[pivot][c] == 0)
            return 0;
        if (pivot != c)
            det = -det;
        for (int64_t j = 0; j < k; j++) {
            double held = a[pivot][j];

            a[pivot][j] = a[c][j];
            a[c][j] = held;
        }
        det *= a[c][c];
        for (int64_t i = c + 1; i < k; i++)
            for (int64_t j = k - 1; j >= c; j--)
                a[i][j] -= a[i][c] / a[c][c] * a[c][j];
    }
    return det;
}

/*
 * A list without ties, whose vectors are `dims` random numbers: n <= dims are independent.  shared: besides, how much
 * all vectors have in common.
 */
static void plain_list(lt_env *env, lt_random *random, int64_t n, int64_t k, int dims, float shared, list *l)
{
    memset(l, 0, sizeof *l);
    l->in = (lt_rerank_input){.n = n, .k = k, .score = l->score, .segment = l->segment};
    if (lt_alloc(env, &l->vectors.x, (size_t)(n * dims), sizeof(float), "test") != LT_OK)
        abort();
    l->vectors.n = n;
    l->vectors.dense = dims;
    for (int64_t i = 0; i < n; i++) {
        l->score[i] = lt_random_normal(random);
        for (int d = 0; d < dims; d++)
            l->vectors.x[i * dims + d] = shared + (float)lt_random_normal(random);
    }
    if (lt_similarity_init(env, &l->similarity, &l->vectors, NULL, n) != LT_OK)
        abort();
    l->in.similarity = &l->similarity;
}

/* ---- the same choices as naive ones ---- */

static void naive_mmr(const list *l, const double *s, int32_t *chosen)
{
    bool taken[MOST] = {false};

    for (int64_t t = 0; t < l->n_chosen; t++) {
        double best_value = -INFINITY;

        for (int64_t i = 0; i < l->in.n; i++) {
            double nearest = -1, value;

            for (int64_t r = 0; r < t; r++)
                nearest = fmax(nearest, s[i * MOST + chosen[r]]);
            value = (1 - l->in.strength) * naive_relevance(l, i) - l->in.strength * nearest;
            if (!taken[i] && value > best_value) {
                best_value = value;
                chosen[t] = (int32_t)i;
            }
        }
        taken[chosen[t]] = true;
    }
}

/* Each step's determinants in full. */
static void naive_dpp(const list *l, const double *s, int32_t *chosen)
{
    bool taken[MOST] = {false};
    double relevance = 0;

    for (int64_t t = 0; t < l->n_chosen; t++) {
        double best_value = -INFINITY;
        int32_t best = -1;

        for (int32_t i = 0; i < l->in.n; i++) {
            double value;

            if (taken[i])
                continue;
            chosen[t] = i;
            value = (1 - l->in.strength) * (relevance + naive_relevance(l, i)) +
                    l->in.strength * log(determinant(s, chosen, t + 1));
            if (value > best_value) {
                best_value = value;
                best = i;
            }
        }
        chosen[t] = best;
        taken[best] = true;
        relevance += naive_relevance(l, best);
    }
}

static void test_naive(lt_env *env, lt_random *random)
{
    double s[MOST * MOST];
    int32_t want[MOST];

    for (int dpp = 0; dpp < 2; dpp++) {
        const char *method = dpp ? "dpp" : "mmr";
        int differ = 0, reordered = 0, ascend = 0;

        for (int round = 0; round < 500; round++) {
            int64_t n = 1 + lt_random_below(random, 30);
            list l, plain;

            plain_list(env, random, n, 1 + lt_random_below(random, 10), 40, 0.5f, &l);
            l.in.strength = 0.02 + 0.97 * lt_random_uniform(random);
            differ += !run(env, method, &l);
            matrix_of(env, &l, s);
            (dpp ? naive_dpp : naive_mmr)(&l, s, want);
            differ += memcmp(l.chosen, want, (size_t)l.n_chosen * sizeof *want) != 0;
            ascend += !values_descend(&l);
            plain = l;
            plain.in.score = plain.score;
            differ += !run(env, "none", &plain);
            reordered += memcmp(l.chosen, plain.chosen, (size_t)l.n_chosen * sizeof *want) != 0;
        }
        ok(differ == 0 && reordered > 200, "%s chooses as its definition does (%d differ, %d are reordered)", method,
           differ, reordered);
        ok(ascend == 0, "%s: values descend", method);
    }
}

/* ---- by hand ---- */

static void test_by_hand(lt_env *env)
{
    /* relevances 1, 0.9, 0.5, 0: the second is like the first, the third halfway, the last at right angles */
    static const float matrix[] = {1, 0.95f, 0.5f, 0, 0.95f, 1, 0.5f, 0, 0.5f, 0.5f, 1, 0, 0, 0, 0, 1};
    static const int32_t mmr_order[] = {0, 3, 2, 1}, dpp_order[] = {0, 2, 3, 1};
    static const double mmr_value[] = {1, 0, 0, -0.025};
    list l = {.score = {1, 0.9, 0.5, 0}};

    fine(env, lt_similarity_init(env, &l.similarity, NULL, matrix, 4));
    l.in = (lt_rerank_input){.n = 4, .k = 4, .score = l.score, .similarity = &l.similarity, .strength = 0.5};
    /* beside the first they are worth -0.025, 0 and 0: of equal values the better by score */
    ok(run(env, "mmr", &l) && memcmp(l.chosen, dpp_order, sizeof dpp_order) == 0, "mmr by hand");
    for (int r = 0; r < 4; r++)
        near(l.value[r], mmr_value[r], 1e-7, "its value at rank %d", r + 1);
    l.in.strength = 0.6; /* -0.21, -0.1, 0 */
    ok(run(env, "mmr", &l) && memcmp(l.chosen, mmr_order, sizeof mmr_order) == 0, "more strength, more unlike");

    /* d^2: 1 - 0.95^2, 1 - 0.5^2, 1; value 0.45 + ln(0.0975) / 2, 0.25 + ln(0.75) / 2 = 0.106, 0 */
    l.in.strength = 0.5;
    ok(run(env, "dpp", &l) && memcmp(l.chosen, dpp_order, sizeof dpp_order) == 0, "dpp by hand");
    near(l.value[0], 0.5, 1e-12, "its value for the first is its relevance's share");
    near(l.value[1], 0.25 + log(0.75) / 2, 1e-7, "for the second what remains of it");
    near(l.value[2], 0, 1e-12, "for one at right angles all of it");
    /* det of the four: 1 * det of the first three = 1 + 2 * 0.95 * 0.25 - 0.9025 - 0.25 - 0.25 */
    near(l.value[3], 0.45 + log((1 + 0.475 - 0.9025 - 0.5) / 0.75) / 2, 1e-5,
         "for the last what the determinant loses");
}

/* ---- against exhaustive search ---- */

/* dpp's objective of a list. */
static double objective(const list *l, const double *s, const int32_t *items, int64_t k)
{
    double sum = 0;

    for (int64_t r = 0; r < k; r++)
        sum += naive_relevance(l, items[r]);
    return (1 - l->in.strength) * sum + l->in.strength * log(fmax(determinant(s, items, k), 1e-300));
}

/* The best and the worst objective of all sets of k. */
static void search(const list *l, const double *s, double *best, double *worst)
{
    int64_t n = l->in.n, k = l->n_chosen;

    *best = -INFINITY;
    *worst = INFINITY;
    for (uint32_t set = 0; set < 1u << n; set++) {
        int32_t items[SMALL];
        int64_t members = 0;
        double value;

        for (int32_t i = 0; i < n; i++)
            if (set >> i & 1)
                items[members++] = i;
        if (members != k)
            continue;
        value = objective(l, s, items, k);
        *best = fmax(*best, value);
        *worst = fmin(*worst, value);
    }
}

/*
 * The objective is submodular, and with a constant added per item it grows with every one, so that the greedy list has
 * at least 1 - 1/e of the best list's (Nemhauser, Wolsey and Fisher, 1978).  The constant: FLOOR's, which no step
 * exceeds.
 */
static void test_exhaustive(lt_env *env, lt_random *random)
{
    double s[MOST * MOST], nearest_to_bound = INFINITY;
    int equal = 0, below = 0, above = 0, lists = 0, close = 0;

    for (int round = 0; round < 400; round++) {
        int64_t n = 4 + lt_random_below(random, SMALL - 3);
        double best, worst, got, shift;
        list l;

        plain_list(env, random, n, 2 + lt_random_below(random, SMALL_K - 1), 4 + (int)lt_random_below(random, 10),
                   (float)lt_random_uniform(random), &l);
        l.in.strength = 0.05 + 0.95 * lt_random_uniform(random);
        below += !run(env, "dpp", &l);
        matrix_of(env, &l, s);
        search(&l, s, &best, &worst);
        got = objective(&l, s, l.chosen, l.n_chosen);
        shift = -l.in.strength * log(FLOOR) * (double)l.n_chosen;
        lists++;
        equal += got >= best - 1e-9;
        close += got >= worst + 0.9 * (best - worst);
        above += got > best + 1e-9;
        below += got + shift < (1 - exp(-1)) * (best + shift);
        nearest_to_bound = fmin(nearest_to_bound, (got + shift) / (best + shift));
    }
    ok(below == 0 && above == 0, "greedy dpp keeps its guarantee (at worst %.3f of the best)", nearest_to_bound);
    ok(equal >= lists * 75 / 100, "and finds the best list in %d of %d", equal, lists);
    ok(close >= lists * 95 / 100, "and nine tenths of the way from the worst to it in %d", close);
}

/* ---- beyond the rank, and what is no kernel ---- */

static void test_rank(lt_env *env, lt_random *random)
{
    float matrix[25];
    int wrong = 0, spans = 0;
    list l;

    for (int round = 0; round < 300; round++) {
        int64_t after = 0;

        plain_list(env, random, 40, 20, 3, 0, &l);
        l.in.strength = 0.5;
        wrong += !run(env, "dpp", &l) || !is_selection(&l);
        for (int64_t r = 4; r < 20; r++) /* after three independent ones, by relevance */
            after += l.score[l.chosen[r]] > l.score[l.chosen[r - 1]];
        wrong += after > 0;
        spans += l.value[2] > l.value[3] + 2;
    }
    ok(wrong == 0 && spans == 300, "beyond the rank dpp fills by relevance (%d wrong)", wrong);

    for (int i = 0; i < 25; i++) /* -1 between all: no kernel */
        matrix[i] = i % 6 == 0 ? 1 : -1;
    l = (list){.score = {5, 4, 3, 2, 1}};
    fine(env, lt_similarity_init(env, &l.similarity, NULL, matrix, 5));
    for (int what = 0; what < 2; what++) {
        l.in = (lt_rerank_input){.n = 5, .k = 5, .score = l.score, .similarity = &l.similarity, .strength = 0.7};
        ok(run(env, what ? "mmr" : "dpp", &l) && is_selection(&l) && l.chosen[0] == 0 && l.chosen[4] == 4,
           "a matrix that is no kernel, by %s", what ? "mmr" : "dpp");
        ok(isfinite(l.value[4]) && values_descend(&l), "with values");
    }
    wrong = 0;
    for (int round = 0; round < 300; round++) {
        float any[20 * 20];

        for (int i = 0; i < 20; i++)
            for (int j = 0; j <= i; j++)
                any[i * 20 + j] = any[j * 20 + i] = i == j ? 1 : (float)(2 * lt_random_uniform(random) - 1);
        plain_list(env, random, 20, 20, 1, 0, &l);
        l.similarity = (lt_similarity){.n = 20, .matrix = any};
        l.in.strength = lt_random_uniform(random);
        wrong += !run(env, "dpp", &l) || !is_selection(&l) || !values_descend(&l) || !isfinite(l.value[19]);
    }
    ok(wrong == 0, "nor does any other matrix do harm");

    /* nothing is known of 1 and 2: they are like none, and each keeps its place */
    l = (list){.score = {3, 2, 1, 0}, .x = {1, 0, 0, 0, 0, 0, 1, 0.001f}};
    l.vectors = (lt_table){.n = 4, .dense = 2, .x = l.x};
    fine(env, lt_similarity_init(env, &l.similarity, &l.vectors, NULL, 4));
    for (int what = 0; what < 2; what++) {
        l.in = (lt_rerank_input){.n = 4, .k = 4, .score = l.score, .similarity = &l.similarity, .strength = 1};
        ok(run(env, what ? "mmr" : "dpp", &l) && l.chosen[0] == 0 && l.chosen[1] == 1 && l.chosen[2] == 2,
           "items of which nothing is known, by %s", what ? "mmr" : "dpp");
    }
    ok(lt_rerank(env, lt_reranker_find("mmr"), &(lt_rerank_input){.n = 4, .k = 2, .strength = 1, .score = l.score},
                 l.chosen, l.value, &l.n_chosen) == LT_INVALID &&
           strstr(env->error.message, "alike") != NULL,
       "without similarity: %s", env->error.message);
}

/* ---- what strength does ---- */

static double mean_similarity(const double *s, const int32_t *items, int64_t k)
{
    double sum = 0;

    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < i; j++)
            sum += s[items[i] * MOST + items[j]];
    return sum / (double)(k * (k - 1) / 2);
}

/* Over the same lists: as strength rises lists are ever more varied, and ever less relevant. */
static void test_strength(lt_env *env, lt_random *random)
{
    enum { STEPS = 11 };
    list *lists;

    fine(env, lt_alloc(env, &lists, LISTS, sizeof *lists, "test"));
    for (int i = 0; i < LISTS; i++)
        plain_list(env, random, 60, 10, 16, 0.5f, &lists[i]);
    for (int dpp = 0; dpp < 2; dpp++) {
        const char *method = dpp ? "dpp" : "mmr";
        double likeness[STEPS] = {0}, volume[STEPS] = {0}, relevance[STEPS] = {0};
        int risen = 0, shrunk = 0, gained = 0;

        for (int i = 0; i < LISTS; i++) {
            double s[MOST * MOST];
            list *l = &lists[i];

            l->in.score = l->score;
            l->in.similarity = &l->similarity;
            matrix_of(env, l, s);
            for (int step = 0; step < STEPS; step++) {
                l->in.strength = step / (double)(STEPS - 1);
                risen += !run(env, method, l);
                likeness[step] += mean_similarity(s, l->chosen, 10) / LISTS;
                volume[step] += log(fmax(determinant(s, l->chosen, 10), 1e-300)) / LISTS;
                for (int r = 0; r < 10; r++)
                    relevance[step] += l->score[l->chosen[r]] / LISTS;
            }
        }
        for (int step = 1; step < STEPS; step++) {
            risen += likeness[step] > likeness[step - 1];
            shrunk += volume[step] < volume[step - 1];
            gained += relevance[step] > relevance[step - 1];
        }
        printf("# %s: mean similarity %.3f to %.3f, ln det %.2f to %.2f\n", method, likeness[0], likeness[STEPS - 1],
               volume[0], volume[STEPS - 1]);
        ok(risen == 0 && likeness[STEPS - 1] < likeness[0] - 0.1, "%s: more strength, less alike", method);
        ok(shrunk == 0 && volume[STEPS - 1] > volume[0] + 0.5, "%s: more strength, more volume", method);
        ok(gained == 0, "%s: at the price of relevance", method);
    }
}

int main(void)
{
    lt_env *env = test_env();
    lt_random random;

    lt_random_seed(&random, 11);
    test_similarity(env);
    test_similarity_cancelled(env);
    test_by_hand(env);
    test_naive(env, &random);
    test_exhaustive(env, &random);
    test_rank(env, &random);
    test_strength(env, &random);
    test_env_drop(env);
    return done();
}
