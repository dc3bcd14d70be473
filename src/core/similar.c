/*
 * similar.c: how alike items are, as the algorithm learned it or by their features: the most alike, and vectors.
 */
#include "lists.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* "ease, als": the algorithms that learn it. */
static void name_algorithms(char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (int i = 0; lt_algorithms[i] != NULL && used < size; i++)
        if (lt_algorithms[i]->similar != NULL)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", lt_algorithms[i]->name);
}

/* Cosine of the items' features; 0 with a row of zeros. */
static lt_status cosines(lt_env *env, const lt_table *t, int32_t item, float *score)
{
    lt_similarity similarity;

    LT_TRY(lt_similarity_init(env, &similarity, t, NULL, t->n));
    LT_TRY(lt_similarity_to(env, &similarity, item, score));
    lt_similarity_free(env, &similarity);
    return LT_OK;
}

lt_status lt_item_vectors(lt_env *env, const lt_recommender *r, lt_vectors_by by, const int32_t *items, int64_t n,
                          lt_table *out)
{
    const lt_algorithm *algorithm = r->bundle->model.algorithm;
    const lt_table *features = &r->bundle->item;

    if (by != LT_VECTORS_FEATURES && algorithm->item_vectors != NULL) {
        LT_TRY(algorithm->item_vectors(env, &r->scorer, items, n, out));
        if (out->dense + out->sparse > 0)
            return LT_OK;
    }
    if (by != LT_VECTORS_MODEL && features->dense + features->sparse > 0)
        return lt_table_pick(env, features, items, n, out);
    lt_fail(env, LT_UNSUPPORTED,
            by == LT_VECTORS_FEATURES ? "a model of \"%s\" has no features of items"
                                      : "algorithm \"%s\" has no vectors that say how alike items are",
            algorithm->name);
    return lt_fail_hint(env,
                        "Name a relation of (item, item, similarity) in option \"similarity\", or use a model that "
                        "has %s.",
                        by == LT_VECTORS_MODEL ? "them, such as als" : "item_features");
}

lt_status lt_similar(lt_env *env, const lt_recommender *r, int32_t item, int64_t k, lt_list *out)
{
    const lt_algorithm *algorithm = r->bundle->model.algorithm;
    const lt_table *features = &r->bundle->item;
    int64_t n = r->bundle->items.n;
    float *score, *value;
    char names[256];

    k = k < n ? k : n;
    LT_TRY(lt_alloc(env, &score, (size_t)n, sizeof *score, "the items' similarity"));
    LT_TRY(lt_alloc(env, &value, (size_t)k, sizeof *value, "the list"));
    LT_TRY(lt_alloc(env, &out->item, (size_t)k, sizeof *out->item, "the list"));
    LT_TRY(lt_alloc(env, &out->score, (size_t)k, sizeof *out->score, "the list"));
    if (algorithm->similar != NULL) {
        LT_TRY(algorithm->similar(env, &r->scorer, item, score));
    } else if (features->dense + features->sparse > 0) {
        LT_TRY(cosines(env, features, item, score));
    } else {
        name_algorithms(names, sizeof names);
        lt_fail(env, LT_UNSUPPORTED, "algorithm \"%s\" does not learn how similar items are", algorithm->name);
        return lt_fail_hint(env, "These do: %s. With item_features every algorithm compares items by them.", names);
    }
    for (int64_t i = 0; i < n && r->bundle->hidden != NULL; i++)
        if (r->bundle->hidden[i])
            score[i] = NAN;
    score[item] = NAN;
    out->n = lt_best(r, NULL, score, n, k, out->item, value);
    for (int64_t i = 0; i < out->n; i++)
        out->score[i] = value[i];
    out->base = out->score;
    lt_free(env, value);
    lt_free(env, score);
    return LT_OK;
}
