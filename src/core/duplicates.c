/*
 * duplicates.c: combining the rows of a pair.
 */
#include "duplicates.h"

#include <stdlib.h>
#include <string.h>

lt_combination lt_combination_of(const char *choice, bool has_label)
{
    if (strcmp(choice, "sum") == 0)
        return LT_SUM;
    if (strcmp(choice, "mean") == 0)
        return LT_MEAN;
    if (strcmp(choice, "max") == 0)
        return LT_MAX;
    if (strcmp(choice, "last") == 0)
        return LT_LAST;
    return strcmp(choice, "auto") == 0 && !has_label ? LT_SUM : LT_KEEP;
}

int32_t lt_last_row(const double *time, const int32_t *order, int64_t from, int64_t to)
{
    int32_t last = order[to - 1];

    for (int64_t i = to - 1; time != NULL && i >= from; i--)
        if (time[order[i]] > time[last])
            last = order[i];
    return last;
}

float lt_combine(lt_combination how, const float *value, const int32_t *order, int64_t from, int64_t to, int32_t last)
{
    double sum = 0;
    float max = value[order[from]];

    if (how == LT_LAST)
        return value[last];
    for (int64_t i = from; i < to; i++) {
        sum += value[order[i]];
        max = value[order[i]] > max ? value[order[i]] : max;
    }
    return how == LT_MAX ? max : (float)(how == LT_MEAN ? sum / (double)(to - from) : sum);
}

/* ---- one user's rows ---- */

static int compare_keys(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* The rows of known items, those of LT_KEEP that say no left out, by item and in their order. */
static lt_status order_rows(lt_env *env, const lt_events *rows, bool only_positive, int32_t **order, int64_t *n)
{
    uint64_t *key;

    LT_TRY(lt_alloc(env, &key, (size_t)rows->n, sizeof *key, "a user's rows"));
    LT_TRY(lt_alloc(env, order, (size_t)rows->n, sizeof **order, "a user's rows"));
    *n = 0;
    for (int64_t i = 0; i < rows->n; i++)
        if (rows->item[i] >= 0 && !(only_positive && rows->label[i] <= 0))
            key[(*n)++] = (uint64_t)rows->item[i] << 32 | (uint64_t)i;
    qsort(key, (size_t)*n, sizeof *key, compare_keys);
    for (int64_t i = 0; i < *n; i++)
        (*order)[i] = (int32_t)(key[i] & UINT32_MAX);
    lt_free(env, key);
    return LT_OK;
}

lt_status lt_events_history(lt_env *env, const lt_events *rows, lt_combination how, lt_label_kind kind, int32_t items,
                            lt_pairs *out)
{
    bool ratings = kind == LT_LABEL_REAL, labelled = kind == LT_LABEL_BINARY && rows->label != NULL;
    const float *value = ratings ? rows->label : rows->weight;
    /* Rows that were kept apart are still one pair: its weights add up, and its latest rating holds. */
    lt_combination values = how != LT_KEEP ? how : ratings ? LT_LAST : LT_SUM;
    int32_t *order;
    int64_t n;

    memset(out, 0, sizeof *out);
    LT_TRY(order_rows(env, rows, labelled && how == LT_KEEP, &order, &n));
    out->rows = 1;
    out->cols = items;
    LT_TRY(lt_alloc(env, &out->start, 2, sizeof *out->start, "a user's items"));
    LT_TRY(lt_alloc(env, &out->col, (size_t)n, sizeof *out->col, "a user's items"));
    if (value != NULL)
        LT_TRY(lt_alloc(env, &out->val, (size_t)n, sizeof *out->val, "a user's items"));
    if (rows->time != NULL)
        LT_TRY(lt_alloc(env, &out->time, (size_t)n, sizeof *out->time, "a user's items"));
    for (int64_t from = 0, to; from < n; from = to) {
        int64_t at = out->start[1];
        int32_t last;

        for (to = from + 1; to < n && rows->item[order[to]] == rows->item[order[from]];)
            to++;
        last = lt_last_row(rows->time, order, from, to);
        if (labelled && how != LT_KEEP && lt_combine(how, rows->label, order, from, to, last) <= 0)
            continue;
        out->col[at] = rows->item[last];
        if (value != NULL)
            out->val[at] = lt_combine(values, value, order, from, to, last);
        if (rows->time != NULL)
            out->time[at] = rows->time[last];
        out->start[1]++;
    }
    lt_free(env, order);
    return LT_OK;
}
