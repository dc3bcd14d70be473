/*
 * neighbors.c: sparse products of interactions, the best of each row, and scoring from a history.
 *
 * The weights kept are chosen per target, so that every item that anybody has had can be recommended from as many
 * others; chosen per source, popular targets crowd the rest out.  They are stored per source, since a score reads the
 * rows of a history.
 * Products are made a row at a time into a dense row of sums (Gustavson, "Two fast algorithms for sparse matrices",
 * 1978). Sums are double: a margin and its explanation differ by one rounding to float.
 */
#include "neighbors.h"

#include "topk.h"
#include "vectorize.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POLL_EVERY (1 << 20) /* entries between polls */

/* ---- training: lists ---- */

lt_status lt_neighbor_lists_init(lt_env *env, lt_neighbor_lists *l, int32_t items, int64_t most, int64_t expected)
{
    size_t n = (size_t)items;

    *l = (lt_neighbor_lists){.items = items, .most = most < items ? (int32_t)most : 0};
    l->cap_source = l->cap_weight = (size_t)expected;
    LT_TRY(lt_alloc(env, &l->source, l->cap_source, sizeof *l->source, "the items' neighbors"));
    LT_TRY(lt_alloc(env, &l->weight, l->cap_weight, sizeof *l->weight, "the items' neighbors"));
    LT_TRY(lt_alloc(env, &l->start, n + 1, sizeof *l->start, "the items' neighbors"));
    LT_TRY(lt_alloc(env, &l->key, n, sizeof *l->key, "the items' neighbors"));
    LT_TRY(lt_alloc(env, &l->best_key, n, sizeof *l->best_key, "the items' neighbors"));
    return lt_alloc(env, &l->best, n, sizeof *l->best, "the items' neighbors");
}

static int compare_items(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;

    return (left > right) - (left < right);
}

/*
 * What an entry's key must exceed to be kept, and, where not all that equal it can be, the highest item number among
 * those of them that are.
 */
static void find_limit(lt_neighbor_lists *l, const int32_t *source, int32_t n, float *limit, int32_t *last)
{
    int64_t held = lt_top_k(l->key, NULL, n, l->most, l->best, l->best_key);
    int32_t ties = 0, room = 0;

    *limit = l->best_key[held - 1];
    for (int64_t k = held; k > 0 && l->best_key[k - 1] == *limit; k--)
        room++;
    for (int32_t k = 0; k < n; k++)
        if (l->key[k] == *limit)
            l->best[ties++] = source[k];
    if (ties > room)
        qsort(l->best, (size_t)ties, sizeof *l->best, compare_items);
    *last = ties > room ? l->best[room - 1] : INT32_MAX;
}

lt_status lt_neighbor_lists_add(lt_env *env, lt_neighbor_lists *l, const int32_t *source, const float *weight,
                                int32_t n, bool by_magnitude)
{
    float limit = 0;
    int32_t last = -1;
    size_t room = (size_t)l->n + (size_t)(l->most > 0 && l->most < n ? l->most : n);

    LT_TRY(lt_grow(env, &l->source, &l->cap_source, room, sizeof *l->source, "the items' neighbors"));
    LT_TRY(lt_grow(env, &l->weight, &l->cap_weight, room, sizeof *l->weight, "the items' neighbors"));
    for (int32_t k = 0; k < n; k++)
        l->key[k] = by_magnitude ? fabsf(weight[k]) : weight[k];
    if (l->most > 0 && l->most < n)
        find_limit(l, source, n, &limit, &last);
    for (int32_t k = 0; k < n; k++)
        if (l->key[k] > 0 && (l->key[k] > limit || (l->key[k] == limit && source[k] <= last))) {
            l->source[l->n] = source[k];
            l->weight[l->n++] = weight[k];
        }
    l->start[++l->targets] = l->n;
    return LT_OK;
}

/* By target becomes by source; targets come in ascending order, so that each row's are. */
lt_status lt_neighbor_lists_store(lt_env *env, lt_neighbor_lists *l, lt_model *model)
{
    int32_t *start, *item, *at;
    float *weight;

    if (l->n > INT32_MAX) {
        lt_fail(env, LT_INVALID, "%lld weights between items are more than a model can hold", (long long)l->n);
        lt_fail_detail(env, "The limit is %d.", INT32_MAX);
        return lt_fail_hint(env, "Lower neighbors.");
    }
    lt_free(env, l->key);
    lt_free(env, l->best_key);
    lt_free(env, l->best);
    LT_TRY(lt_model_add_i32(env, model, "start", 1, (int64_t)l->items + 1, &start));
    LT_TRY(lt_model_add_i32(env, model, "item", 1, l->n, &item));
    LT_TRY(lt_model_add_f32(env, model, "weight", 1, l->n, &weight));
    LT_TRY(lt_alloc(env, &at, (size_t)l->items + 1, sizeof *at, "the items' neighbors"));
    for (int64_t k = 0; k < l->n; k++)
        start[l->source[k] + 1]++;
    for (int32_t i = 0; i < l->items; i++)
        start[i + 1] += start[i];
    memcpy(at, start, (size_t)l->items * sizeof *at);
    for (int32_t j = 0; j < l->targets; j++) {
        if (j % 256 == 0)
            LT_TRY(lt_poll(env));
        for (int64_t k = l->start[j]; k < l->start[j + 1]; k++) {
            int32_t to = at[l->source[k]]++;

            item[to] = j;
            weight[to] = l->weight[k];
        }
    }
    lt_free(env, at);
    lt_free(env, l->start);
    lt_free(env, l->source);
    lt_free(env, l->weight);
    return LT_OK;
}

/* ---- training: products ---- */

typedef struct product {
    const lt_pairs *source; /* U x I */
    lt_pairs target;        /* I x U */
    double *sum;            /* I */
    int32_t *row;           /* I: 1 + the target that sum[i] is of */
    int32_t *found;         /* I: the items met */
    float *weight;          /* I: theirs */
    int64_t work;           /* entries since the last poll */
} product;

/* sum[] and found[] of target j; returns how many there are, or -1 when cancelled. */
static int32_t product_row(lt_env *env, product *p, int32_t j)
{
    const lt_pairs *a = &p->target, *b = p->source;
    int32_t n = 0;

    for (int64_t e = a->start[j]; e < a->start[j + 1]; e++) {
        int32_t user = a->col[e];
        double factor = a->val == NULL ? 1 : a->val[e];

        p->work += b->start[user + 1] - b->start[user];
        if (p->work > POLL_EVERY) {
            p->work = 0;
            if (lt_poll(env) != LT_OK)
                return -1;
        }
        for (int64_t k = b->start[user]; k < b->start[user + 1]; k++) {
            int32_t i = b->col[k];

            if (p->row[i] != j + 1) {
                p->row[i] = j + 1;
                p->sum[i] = 0;
                p->found[n++] = i;
            }
            p->sum[i] += b->val == NULL ? factor : factor * b->val[k];
        }
    }
    return n;
}

lt_status lt_neighbors_multiply(lt_env *env, const lt_pairs *source, const lt_pairs *target, const double *norm,
                                double shrinkage, int64_t most, lt_model *model)
{
    lt_pairs timeless = *target;
    int32_t items = target->cols;
    size_t n = (size_t)items;
    product p = {.source = source};
    lt_neighbor_lists lists;

    timeless.time = NULL;
    LT_TRY(lt_pairs_transpose(env, &timeless, &p.target));
    LT_TRY(lt_neighbor_lists_init(env, &lists, items, most, 0));
    LT_TRY(lt_alloc(env, &p.sum, n, sizeof *p.sum, "a row of weights"));
    LT_TRY(lt_alloc(env, &p.row, n, sizeof *p.row, "a row of weights"));
    LT_TRY(lt_alloc(env, &p.found, n, sizeof *p.found, "a row of weights"));
    LT_TRY(lt_alloc(env, &p.weight, n, sizeof *p.weight, "a row of weights"));
    for (int32_t j = 0; j < items; j++) {
        int32_t found = product_row(env, &p, j), kept = 0;

        if (found < 0)
            return env->error.status;
        if (j % 256 == 0)
            LT_TRY(lt_poll(env));
        for (int32_t k = 0; k < found; k++) {
            int32_t i = p.found[k];
            double weight = p.sum[i];

            if (i == j || weight == 0)
                continue;
            p.found[kept] = i;
            p.weight[kept++] = (float)(norm == NULL ? weight : weight / (norm[i] * norm[j] + shrinkage));
        }
        p.work += 4 * found;
        LT_TRY(lt_neighbor_lists_add(env, &lists, p.found, p.weight, kept, false));
    }
    lt_free(env, p.sum);
    lt_free(env, p.row);
    lt_free(env, p.found);
    lt_free(env, p.weight);
    lt_free(env, p.target.start);
    lt_free(env, p.target.col);
    lt_free(env, p.target.val);
    return lt_neighbor_lists_store(env, &lists, model);
}

/* of_user (U) and of_item (I) += the sums of the pairs' weights, or numbers of pairs; negative weights count as 0. */
static void add_degrees(const lt_pairs *seen, double *of_user, double *of_item)
{
    for (int32_t u = 0; u < seen->rows; u++)
        for (int64_t k = seen->start[u]; k < seen->start[u + 1]; k++) {
            double x = seen->val == NULL ? 1 : fmax(seen->val[k], 0);

            of_user[u] += x;
            of_item[seen->col[k]] += x;
        }
}

lt_status lt_neighbors_of_graph(lt_env *env, const lt_pairs *seen, lt_weigh_pair weigh, const double *parameters,
                                int64_t most, lt_model *model)
{
    lt_pairs source = *seen, target = *seen;
    size_t n = (size_t)seen->start[seen->rows];
    double *of_user, *of_item;

    LT_TRY(lt_alloc(env, &of_user, (size_t)seen->rows, sizeof *of_user, "the weighted interactions"));
    LT_TRY(lt_alloc(env, &of_item, (size_t)seen->cols, sizeof *of_item, "the weighted interactions"));
    LT_TRY(lt_alloc(env, &source.val, n, sizeof *source.val, "the weighted interactions"));
    LT_TRY(lt_alloc(env, &target.val, n, sizeof *target.val, "the weighted interactions"));
    add_degrees(seen, of_user, of_item);
    for (int32_t u = 0; u < seen->rows; u++) {
        if (u % 256 == 0)
            LT_TRY(lt_poll(env));
        for (int64_t k = seen->start[u]; k < seen->start[u + 1]; k++) {
            double x = seen->val == NULL ? 1 : seen->val[k];

            if (x > 0) /* and so are the sums; otherwise 0 */
                weigh(parameters, x, of_user[u], of_item[seen->col[k]], &source.val[k], &target.val[k]);
        }
    }
    lt_free(env, of_user);
    lt_free(env, of_item);
    LT_TRY(lt_neighbors_multiply(env, &source, &target, NULL, 0, most, model));
    lt_free(env, source.val);
    lt_free(env, target.val);
    return LT_OK;
}

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
