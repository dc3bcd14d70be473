/*
 * alike.h: what item_vectors say of items, for the tests of each algorithm that has them.
 */
#ifndef LT_TEST_ALIKE_H
#define LT_TEST_ALIKE_H

#include "model.h"
#include "similarity.h"
#include "tap.h"

/*
 * cosine (n x n) between items 0..n-1 by their vectors.  On the way: an item asked for twice is like itself, and one
 * that is not of the catalogue like none.
 */
static float *cosines_of(lt_env *env, const lt_scorer *scorer, int32_t n, const char *what) __attribute__((unused));
static float *cosines_of(lt_env *env, const lt_scorer *scorer, int32_t n, const char *what)
{
    int32_t *items;
    lt_table rows;
    lt_similarity s;
    float *cosine, *one;
    bool stranger_is_zero = true;

    fine(env, lt_alloc(env, &items, (size_t)n + 2, sizeof *items, "test"));
    fine(env, lt_alloc(env, &cosine, (size_t)n * (size_t)n, sizeof *cosine, "test"));
    fine(env, lt_alloc(env, &one, (size_t)n + 2, sizeof *one, "test"));
    for (int32_t i = 0; i < n; i++)
        items[i] = i;
    items[n] = -1;
    items[n + 1] = 2;
    fine(env, scorer->model->algorithm->item_vectors(env, scorer, items, n + 2, &rows));
    ok(rows.n == n + 2 && rows.dense + rows.sparse > 0, "%s: a row an item", what);
    fine(env, lt_similarity_init(env, &s, &rows, NULL, n + 2));
    for (int32_t i = 0; i < n; i++) {
        if (lt_similarity_to(env, &s, i, one) != LT_OK)
            one[n] = NAN;
        memcpy(cosine + (int64_t)i * n, one, (size_t)n * sizeof *one);
        stranger_is_zero = stranger_is_zero && one[n] == 0;
    }
    ok(stranger_is_zero && s.scale[n] == 0, "%s: an unknown item has zeros", what);
    fine(env, lt_similarity_to(env, &s, 2, one));
    near(one[n + 1], 1, 1e-6, "%s: an item is like itself", what);
    return cosine;
}

/* The greatest difference of an algorithm's similar and its vectors' cosines, of items other than themselves. */
static double apart_from_similar(lt_env *env, const lt_scorer *scorer, int32_t n, const char *what)
    __attribute__((unused));
static double apart_from_similar(lt_env *env, const lt_scorer *scorer, int32_t n, const char *what)
{
    float *cosine = cosines_of(env, scorer, n, what), *score;
    double worst = 0;

    fine(env, lt_alloc(env, &score, (size_t)n, sizeof *score, "test"));
    for (int32_t i = 0; i < n; i++) {
        if (scorer->model->algorithm->similar(env, scorer, i, score) != LT_OK)
            return INFINITY;
        for (int32_t j = 0; j < n; j++)
            worst = i == j ? worst : fmax(worst, fabs(score[j] - cosine[(int64_t)i * n + j]));
    }
    return worst;
}

#endif
