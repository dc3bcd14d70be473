/*
 * similar.c: the items most like an item, as the algorithm learned it or by their features.
 */
#include "lists.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define POLL_EVERY 1024 /* items */

/* "ease, als": the algorithms that learn it. */
static void name_algorithms(char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (int i = 0; lt_algorithms[i] != NULL && used < size; i++)
        if (lt_algorithms[i]->similar != NULL)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", lt_algorithms[i]->name);
}

/* Dot product of rows a and b, whose sparse entries were laid out in wide[] for row a. */
static double dot(const lt_table *t, int64_t a, int64_t b, const float *wide)
{
    double sum = 0;

    for (int32_t j = 0; j < t->dense; j++)
        sum += (double)t->x[a * t->dense + j] * t->x[b * t->dense + j];
    for (int64_t k = t->sparse > 0 ? t->start[b] : 0; t->sparse > 0 && k < t->start[b + 1]; k++)
        sum += (double)t->val[k] * wide[t->col[k]];
    return sum;
}

static double norm(const lt_table *t, int64_t row)
{
    double sum = 0;

    for (int32_t j = 0; j < t->dense; j++)
        sum += (double)t->x[row * t->dense + j] * t->x[row * t->dense + j];
    for (int64_t k = t->sparse > 0 ? t->start[row] : 0; t->sparse > 0 && k < t->start[row + 1]; k++)
        sum += (double)t->val[k] * t->val[k];
    return sqrt(sum);
}

/* Cosine of the rows' angles; 0 with a row of zeros. */
static lt_status cosines(lt_env *env, const lt_table *t, int32_t item, float *score)
{
    double own = norm(t, item);
    float *wide;

    LT_TRY(lt_alloc(env, &wide, (size_t)t->sparse, sizeof *wide, "an item's features"));
    for (int64_t k = t->sparse > 0 ? t->start[item] : 0; t->sparse > 0 && k < t->start[item + 1]; k++)
        wide[t->col[k]] = t->val[k];
    for (int64_t i = 0; i < t->n; i++) {
        double lengths = own * norm(t, i);

        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        score[i] = lengths > 0 ? (float)(dot(t, item, i, wide) / lengths) : 0;
    }
    lt_free(env, wide);
    return LT_OK;
}

lt_status lt_similar(lt_env *env, const lt_recommender *r, int32_t item, int64_t k, lt_list *out)
{
    const lt_algorithm *algorithm = r->bundle->model.algorithm;
    const lt_table *features = &r->bundle->item;
    int64_t n = r->bundle->items.n;
    float *score, *value;
    uint8_t *excluded;
    char names[256];

    k = k < n ? k : n;
    LT_TRY(lt_alloc(env, &score, (size_t)n, sizeof *score, "the items' similarity"));
    LT_TRY(lt_alloc(env, &value, (size_t)k, sizeof *value, "the list"));
    LT_TRY(lt_alloc(env, &excluded, (size_t)n, 1, "the exclusions"));
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
        excluded[i] = r->bundle->hidden[i];
    excluded[item] = 1;
    out->n = lt_best(r, NULL, score, excluded, n, k, out->item, value);
    for (int64_t i = 0; i < out->n; i++)
        out->score[i] = value[i];
    out->base = out->score;
    lt_free(env, excluded);
    lt_free(env, value);
    lt_free(env, score);
    return LT_OK;
}
