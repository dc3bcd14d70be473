/*
 * neighbors.c: scoring from a history by weights from item to item.
 *
 * They are stored per source, since a score reads the rows of a history.  Sums are double: a margin and its explanation
 * differ by one rounding to float.
 */
#include "neighbors.h"

#include "vectorize.h"

#include <math.h>
#include <string.h>

#define POLL_EVERY (1 << 20) /* entries between polls */

/* ---- checking and growing ---- */

/* W, as the model has it. */
typedef struct weights {
    int32_t items;
    const int32_t *start, *item; /* NULL: every weight is there */
    const float *weight;
} weights;

static weights weights_of(const lt_model *m)
{
    const lt_array *start = lt_model_array(m, "start");

    return (weights){.items = m->design.items,
                     .start = start == NULL ? NULL : start->i,
                     .item = start == NULL ? NULL : lt_model_array(m, "item")->i,
                     .weight = lt_model_array(m, "weight")->f};
}

static lt_status corrupt(lt_env *env, const lt_model *m, const char *what)
{
    return lt_fail(env, LT_CORRUPT, "%s of a model of algorithm \"%s\"", what, m->algorithm->name);
}

static lt_status check_lists(lt_env *env, const lt_model *m, const lt_array *start, const lt_array *item, int64_t n)
{
    int32_t items = m->design.items;

    if (start->i == NULL || start->rows != 1 || start->cols != (int64_t)items + 1 || item == NULL || item->i == NULL ||
        item->rows != 1 || item->cols != n || start->i[0] != 0 || start->i[items] != n)
        return corrupt(env, m, "the arrays do not fit the items");
    for (int32_t i = 0; i < items; i++)
        if (start->i[i + 1] < start->i[i])
            return corrupt(env, m, "the items' neighbors are out of order");
    for (int32_t i = 0; i < items; i++) {
        if (i % 1024 == 0)
            LT_TRY(lt_poll(env));
        for (int32_t k = start->i[i]; k < start->i[i + 1]; k++)
            if (item->i[k] < 0 || item->i[k] >= items || (k > start->i[i] && item->i[k] <= item->i[k - 1]))
                return corrupt(env, m, "a neighbor is out of range or out of order");
    }
    return LT_OK;
}

lt_status lt_neighbors_check(lt_env *env, const lt_model *m)
{
    const lt_array *start = lt_model_array(m, "start"), *weight = lt_model_array(m, "weight");
    int64_t n;

    if (weight == NULL || weight->f == NULL || weight->rows != (start == NULL ? m->design.items : 1) ||
        (start == NULL && weight->cols != m->design.items))
        return corrupt(env, m, "the weights do not fit the items");
    n = weight->rows * weight->cols;
    if (start != NULL)
        LT_TRY(check_lists(env, m, start, lt_model_array(m, "item"), n));
    for (int64_t k = 0; k < n; k++) {
        if (k % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (!isfinite(weight->f[k]))
            return corrupt(env, m, "a weight is not finite");
    }
    return LT_OK;
}

lt_status lt_neighbors_extend(lt_env *env, lt_model *m, const lt_design *grown)
{
    size_t old = (size_t)m->design.items, items = (size_t)grown->items;

    for (int a = 0; a < m->n_arrays; a++) {
        lt_array *array = &m->array[a];
        bool lists = lt_model_array(m, "start") != NULL;

        if (strcmp(array->name, "start") == 0) {
            int32_t *start;

            LT_TRY(lt_alloc(env, &start, items + 1, sizeof *start, "the model's weights"));
            memcpy(start, array->i, (old + 1) * sizeof *start);
            for (size_t i = old + 1; i <= items; i++)
                start[i] = start[old];
            lt_free(env, array->i);
            array->i = start;
            array->cols = (int64_t)items + 1;
        } else if (strcmp(array->name, "weight") == 0 && !lists) {
            float *weight;

            LT_TRY(lt_alloc(env, &weight, items * items, sizeof *weight, "the model's weights"));
            for (size_t i = 0; i < old; i++)
                memcpy(weight + i * items, array->f + i * old, old * sizeof *weight);
            lt_free(env, array->f);
            array->f = weight;
            array->rows = array->cols = (int64_t)items;
        }
    }
    return LT_OK;
}

/* ---- scoring ---- */

lt_status lt_neighbors_prepare(lt_env *env, lt_scorer *scorer)
{
    weights *w;

    LT_TRY(lt_alloc(env, &w, 1, sizeof *w, "a scorer"));
    *w = weights_of(scorer->model);
    scorer->state = w;
    return LT_OK;
}

static double strength_of(const lt_subject *subject, int64_t k)
{
    return subject->history_weight == NULL ? 1 : subject->history_weight[k];
}

static bool known(const weights *w, int32_t item)
{
    return item >= 0 && item < w->items;
}

/* margin[0..I) += strength * W's row. Returns how many entries that took. */
LT_VECTORIZED static int64_t add_row(const weights *w, int32_t source, double strength, double *margin)
{
    if (w->start == NULL) {
        const float *row = w->weight + (size_t)source * (size_t)w->items;

        for (int32_t j = 0; j < w->items; j++)
            margin[j] += strength * row[j];
        return w->items;
    }
    for (int32_t k = w->start[source]; k < w->start[source + 1]; k++)
        margin[w->item[k]] += strength * w->weight[k];
    return w->start[source + 1] - w->start[source];
}

lt_status lt_neighbors_score(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items,
                             int64_t n, float *margin)
{
    const weights *w = scorer->state;
    int64_t work = 0;
    double *sum;

    LT_TRY(lt_alloc(env, &sum, (size_t)w->items, sizeof *sum, "the scores"));
    for (int64_t k = 0; k < subject->n_history; k++) {
        if (known(w, subject->history[k]))
            work += add_row(w, subject->history[k], strength_of(subject, k), sum);
        if (work > POLL_EVERY) {
            work = 0;
            LT_TRY(lt_poll(env));
        }
    }
    for (int64_t k = 0; k < n; k++) {
        int64_t i = items == NULL ? k : items[k];

        margin[k] = i >= 0 && i < w->items ? (float)sum[i] : 0;
    }
    lt_free(env, sum);
    return LT_OK;
}

/* W from source to target. */
static double weight_between(const weights *w, int32_t source, int32_t target)
{
    int32_t low, high;

    if (w->start == NULL)
        return w->weight[(size_t)source * (size_t)w->items + (size_t)target];
    low = w->start[source];
    high = w->start[source + 1];
    while (low < high) {
        int32_t middle = low + (high - low) / 2;

        if (w->item[middle] < target)
            low = middle + 1;
        else
            high = middle;
    }
    return low < w->start[source + 1] && w->item[low] == target ? w->weight[low] : 0;
}

lt_status lt_neighbors_explain_history(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, int32_t item,
                                       double *contribution)
{
    const weights *w = scorer->state;

    LT_TRY(lt_poll(env));
    contribution[0] = 0;
    for (int64_t k = 0; k < subject->n_history; k++)
        contribution[1 + k] = known(w, subject->history[k]) && known(w, item)
                                  ? strength_of(subject, k) * weight_between(w, subject->history[k], item)
                                  : 0;
    return LT_OK;
}

lt_status lt_neighbors_similar(lt_env *env, const lt_scorer *scorer, int32_t item, float *score)
{
    const weights *w = scorer->state;
    lt_subject alone = {.user = -1, .n_history = 1, .history = &item};

    return lt_neighbors_score(env, scorer, &alone, NULL, w->items, score);
}

/* ---- vectors ---- */

static float largest(const float *weight, int64_t n)
{
    float most = 0;

    for (int64_t k = 0; k < n; k++)
        most = fabsf(weight[k]) > most ? fabsf(weight[k]) : most;
    return most;
}

static lt_status dense_rows(lt_env *env, const weights *w, const int32_t *items, int64_t n, lt_table *out)
{
    const lt_table whole = {.n = w->items, .dense = w->items, .x = (float *)w->weight};

    LT_TRY(lt_table_pick(env, &whole, items, n, out));
    for (int64_t i = 0; i < n; i++)
        if (known(w, items[i]))
            out->x[i * w->items + items[i]] = largest(out->x + i * w->items, w->items);
    return LT_OK;
}

/* Row `item` to col and val, its diagonal in its place; returns how many entries. */
static int64_t sparse_row(const weights *w, int32_t item, int32_t *col, float *val)
{
    float diagonal = largest(w->weight + w->start[item], w->start[item + 1] - w->start[item]);
    int32_t k = w->start[item];
    int64_t n = 0;

    for (; k < w->start[item + 1] && w->item[k] < item; k++) {
        col[n] = w->item[k];
        val[n++] = w->weight[k];
    }
    if (diagonal > 0) {
        col[n] = item;
        val[n++] = diagonal;
    }
    for (; k < w->start[item + 1]; k++) {
        if (w->item[k] == item)
            continue;
        col[n] = w->item[k];
        val[n++] = w->weight[k];
    }
    return n;
}

lt_status lt_neighbors_item_vectors(lt_env *env, const lt_scorer *scorer, const int32_t *items, int64_t n,
                                    lt_table *out)
{
    const weights *w = scorer->state;
    size_t room = 0;

    if (w->start == NULL)
        return dense_rows(env, w, items, n, out);
    for (int64_t i = 0; i < n; i++)
        room += known(w, items[i]) ? (size_t)(w->start[items[i] + 1] - w->start[items[i]]) + 1 : 0;
    *out = (lt_table){.n = n, .sparse = w->items};
    LT_TRY(lt_alloc(env, &out->start, (size_t)n + 1, sizeof *out->start, "the items' vectors"));
    LT_TRY(lt_alloc(env, &out->col, room, sizeof *out->col, "the items' vectors"));
    LT_TRY(lt_alloc(env, &out->val, room, sizeof *out->val, "the items' vectors"));
    for (int64_t i = 0; i < n; i++) {
        int64_t at = out->start[i];

        if (i % 4096 == 0)
            LT_TRY(lt_poll(env));
        out->start[i + 1] = at + (known(w, items[i]) ? sparse_row(w, items[i], out->col + at, out->val + at) : 0);
    }
    return LT_OK;
}
