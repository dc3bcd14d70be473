/*
 * neighbors_fit.c: sparse products of interactions, and the best of each row.
 *
 * The weights kept are chosen per target, so that every item that anybody has had can be recommended from as many
 * others; chosen per source, popular targets crowd the rest out.
 * Products are made a row at a time into a dense row of sums (Gustavson, "Two fast algorithms for sparse matrices",
 * 1978), which are double.  Rows are the tasks of the team: each member has such a row, and what is kept of a target
 * goes to its place in a batch, which is appended to the lists when the team is through with it.
 */
#include "neighbors.h"
#include "threads.h"
#include "vectorize.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_ENTRIES (1 << 20) /* room for those kept of a batch of targets */

/* ---- lists ---- */

/* What a member finds the sources of a target in: I each. */
typedef struct scratch {
    int32_t *source, *tie;
    float *weight;
    uint32_t *key;
} scratch;

/* The targets a run is over. */
typedef struct batch {
    lt_neighbor_row row;
    void *context;
    bool by_magnitude;
    int32_t first, room; /* target of task 0; entries there is room for of each */
    scratch *scratch;    /* by member */
    int32_t *source;     /* by task, `room` each: those kept */
    float *weight;
    int32_t *n;
} batch;

static int32_t room_of(const lt_neighbor_lists *l)
{
    return l->most > 0 ? l->most : l->items;
}

/* Targets of a batch. */
static int32_t batch_size(const lt_env *env, int32_t items, int32_t room)
{
    int32_t size = BATCH_ENTRIES / (room > 0 ? room : 1), least = 4 * lt_threads(env);

    size = size > least ? size : least;
    return size < items ? size : items;
}

size_t lt_neighbor_lists_memory(const lt_env *env, int32_t items, int64_t most)
{
    size_t n = (size_t)items, room = most > 0 && most < items ? (size_t)most : n;

    return (size_t)lt_threads(env) * 4 * n * sizeof(int32_t) +
           (size_t)batch_size(env, items, (int32_t)room) * (2 * room + 1) * sizeof(int32_t);
}

lt_status lt_neighbor_lists_init(lt_env *env, lt_neighbor_lists *l, int32_t items, int64_t most, int64_t expected)
{
    *l = (lt_neighbor_lists){.items = items, .most = most < items ? (int32_t)most : 0};
    l->cap_source = l->cap_weight = (size_t)expected;
    LT_TRY(lt_alloc(env, &l->source, l->cap_source, sizeof *l->source, "the items' neighbors"));
    LT_TRY(lt_alloc(env, &l->weight, l->cap_weight, sizeof *l->weight, "the items' neighbors"));
    return lt_alloc(env, &l->start, (size_t)items + 1, sizeof *l->start, "the items' neighbors");
}

static int compare_items(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;

    return (left > right) - (left < right);
}

/* By what entries are chosen: the order of weights above 0, or of magnitudes; what is not kept at all is 0. */
LT_VECTORIZED static void find_keys(const float *weight, int32_t n, bool by_magnitude, uint32_t *key)
{
    for (int32_t k = 0; k < n; k++) {
        float by = by_magnitude ? fabsf(weight[k]) : weight[k];

        by = by > 0 ? by : 0;
        memcpy(&key[k], &by, sizeof by); /* floats above 0 are in the order of their bits */
    }
}

/* The `most`-th largest of n > most keys, digit by digit; *room: how many that equal it are among these. */
static uint32_t find_limit(const uint32_t *key, int32_t n, int32_t most, int32_t *room)
{
    static const int shifts[] = {20, 10, 0};
    uint32_t limit = 0;

    *room = most;
    for (int digit = 0; digit < 3; digit++) {
        int32_t count[2048] = {0};
        int shift = shifts[digit], value = digit == 0 ? 2047 : 1023;

        for (int32_t k = 0; k < n; k++)
            if (digit == 0 || key[k] >> (shift + 10) == limit)
                count[key[k] >> shift & (uint32_t)value]++;
        for (; count[value] < *room; value--)
            *room -= count[value];
        limit = limit << 10 | (uint32_t)value;
    }
    return limit;
}

/* The highest item number kept among the entries of key `limit`, `room` of which are. */
static int32_t last_of_ties(scratch *s, int32_t n, uint32_t limit, int32_t room)
{
    int32_t ties = 0;

    for (int32_t k = 0; k < n; k++)
        if (s->key[k] == limit)
            s->tie[ties++] = s->source[k];
    if (ties <= room)
        return INT32_MAX;
    qsort(s->tie, (size_t)ties, sizeof *s->tie, compare_items);
    return s->tie[room - 1];
}

static void fill_target(void *context, int64_t task, int member)
{
    batch *b = context;
    scratch *s = &b->scratch[member];
    int32_t n = b->row(b->context, b->first + (int32_t)task, member, s->source, s->weight), last = INT32_MAX;
    int32_t *source = b->source + task * b->room, kept = 0;
    float *weight = b->weight + task * b->room;
    uint32_t limit = 0;

    find_keys(s->weight, n, b->by_magnitude, s->key);
    if (n > b->room) {
        int32_t room;

        limit = find_limit(s->key, n, b->room, &room);
        last = limit > 0 ? last_of_ties(s, n, limit, room) : last;
    }
    for (int32_t k = 0; k < n; k++)
        if (s->key[k] > limit || (s->key[k] == limit && limit > 0 && s->source[k] <= last)) {
            source[kept] = s->source[k];
            weight[kept++] = s->weight[k];
        }
    b->n[task] = kept;
}

/* What the team left in the batch, behind the lists. */
static lt_status append(lt_env *env, lt_neighbor_lists *l, const batch *b, int32_t targets)
{
    for (int32_t t = 0; t < targets; t++) {
        size_t n = (size_t)b->n[t], at = (size_t)l->n;

        LT_TRY(lt_grow(env, &l->source, &l->cap_source, at + n, sizeof *l->source, "the items' neighbors"));
        LT_TRY(lt_grow(env, &l->weight, &l->cap_weight, at + n, sizeof *l->weight, "the items' neighbors"));
        memcpy(l->source + at, b->source + (int64_t)t * b->room, n * sizeof *l->source);
        memcpy(l->weight + at, b->weight + (int64_t)t * b->room, n * sizeof *l->weight);
        l->n += (int64_t)n;
        l->start[++l->targets] = l->n;
    }
    return LT_OK;
}

lt_status lt_neighbor_lists_fill(lt_env *env, lt_neighbor_lists *l, bool by_magnitude, lt_neighbor_row row,
                                 void *context)
{
    batch b = {.row = row, .context = context, .by_magnitude = by_magnitude, .room = room_of(l)};
    int32_t size = batch_size(env, l->items, b.room);
    size_t n = (size_t)l->items, entries = (size_t)size * (size_t)b.room;
    int members = lt_threads(env);

    LT_TRY(lt_alloc(env, &b.scratch, (size_t)members, sizeof *b.scratch, "a row of weights"));
    for (int m = 0; m < members; m++) {
        LT_TRY(lt_alloc(env, &b.scratch[m].source, n, sizeof(int32_t), "a row of weights"));
        LT_TRY(lt_alloc(env, &b.scratch[m].tie, n, sizeof(int32_t), "a row of weights"));
        LT_TRY(lt_alloc(env, &b.scratch[m].weight, n, sizeof(float), "a row of weights"));
        LT_TRY(lt_alloc(env, &b.scratch[m].key, n, sizeof(uint32_t), "a row of weights"));
    }
    LT_TRY(lt_alloc(env, &b.source, entries, sizeof *b.source, "the items' neighbors"));
    LT_TRY(lt_alloc(env, &b.weight, entries, sizeof *b.weight, "the items' neighbors"));
    LT_TRY(lt_alloc(env, &b.n, (size_t)size, sizeof *b.n, "the items' neighbors"));
    for (b.first = 0; b.first < l->items; b.first += size) {
        int32_t targets = l->items - b.first < size ? l->items - b.first : size;

        LT_TRY(lt_run(env, targets, fill_target, &b));
        LT_TRY(append(env, l, &b, targets));
    }
    for (int m = 0; m < members; m++) {
        lt_free(env, b.scratch[m].source);
        lt_free(env, b.scratch[m].tie);
        lt_free(env, b.scratch[m].weight);
        lt_free(env, b.scratch[m].key);
    }
    lt_free(env, b.scratch);
    lt_free(env, b.source);
    lt_free(env, b.weight);
    lt_free(env, b.n);
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

/* ---- products ---- */

/* A member's row of sums. */
typedef struct sums {
    double *sum;    /* I: 0 in between */
    uint8_t *there; /* I: 0 in between */
} sums;

typedef struct product {
    const lt_pairs *source; /* U x I */
    lt_pairs target;        /* I x U */
    const double *norm;
    double shrinkage;
    sums *sums; /* by member */
} product;

/* Row j of the product, as a lt_neighbor_row. */
static int32_t product_row(void *context, int32_t j, int member, int32_t *source, float *weight)
{
    const product *p = context;
    const lt_pairs *a = &p->target, *b = p->source;
    double *sum = p->sums[member].sum;
    uint8_t *there = p->sums[member].there;
    int32_t n = 0, kept = 0;

    for (int64_t e = a->start[j]; e < a->start[j + 1]; e++) {
        int64_t from = b->start[a->col[e]], end = b->start[a->col[e] + 1];
        double factor = a->val == NULL ? 1 : a->val[e];

        for (int64_t k = from; k < end; k++) {
            int32_t i = b->col[k];

            if (!there[i]) {
                there[i] = 1;
                source[n++] = i;
            }
            sum[i] += b->val == NULL ? factor : factor * b->val[k];
        }
    }
    for (int32_t k = 0; k < n; k++) {
        int32_t i = source[k];
        double total = sum[i];

        sum[i] = 0;
        there[i] = 0;
        if (i == j || total == 0)
            continue;
        source[kept] = i;
        weight[kept++] = (float)(p->norm == NULL ? total : total / (p->norm[i] * p->norm[j] + p->shrinkage));
    }
    return kept;
}

lt_status lt_neighbors_multiply(lt_env *env, const lt_pairs *source, const lt_pairs *target, const double *norm,
                                double shrinkage, int64_t most, lt_model *model)
{
    product p = {.source = source, .norm = norm, .shrinkage = shrinkage};
    lt_pairs timeless = *target;
    int members = lt_threads(env);
    lt_neighbor_lists lists;

    timeless.time = NULL;
    LT_TRY(lt_pairs_transpose(env, &timeless, &p.target));
    LT_TRY(lt_neighbor_lists_init(env, &lists, target->cols, most, 0));
    LT_TRY(lt_alloc(env, &p.sums, (size_t)members, sizeof *p.sums, "a row of weights"));
    for (int m = 0; m < members; m++) {
        LT_TRY(lt_alloc(env, &p.sums[m].sum, (size_t)target->cols, sizeof(double), "a row of weights"));
        LT_TRY(lt_alloc(env, &p.sums[m].there, (size_t)target->cols, sizeof(uint8_t), "a row of weights"));
    }
    LT_TRY(lt_neighbor_lists_fill(env, &lists, false, product_row, &p));
    for (int m = 0; m < members; m++) {
        lt_free(env, p.sums[m].sum);
        lt_free(env, p.sums[m].there);
    }
    lt_free(env, p.sums);
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
