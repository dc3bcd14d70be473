/*
 * topk.c: selection through a bounded heap that lives in the caller's output arrays.
 *
 * The root is the worst of the k best so far.  A block of scores none of which reaches the root is passed over without
 * a branch an element.  Which are the best does not depend on the order they are offered in.
 *
 * Invariant of the heap, once it is full: a parent is worse than its children (a lower value, or an equal one and a
 * higher rank).  Before, the arrays are in the order of arrival.
 */
#include "topk.h"

#include <math.h>

#define BLOCK 32

static int32_t rank_of(const lt_top *t, int32_t index)
{
    if (t->rank == NULL)
        return index;
    return t->rank[t->item == NULL ? index : t->item[index]];
}

static bool worse(const lt_top *t, int64_t a, int64_t b)
{
    return t->value[a] < t->value[b] ||
           (t->value[a] == t->value[b] && rank_of(t, t->index[a]) > rank_of(t, t->index[b]));
}

static void swap(lt_top *t, int64_t a, int64_t b)
{
    int32_t i = t->index[a];
    float v = t->value[a];

    t->index[a] = t->index[b];
    t->value[a] = t->value[b];
    t->index[b] = i;
    t->value[b] = v;
}

/* Of the first n. */
static void sift_down(lt_top *t, int64_t n, int64_t at)
{
    for (;;) {
        int64_t child = 2 * at + 1;

        if (child >= n)
            return;
        if (child + 1 < n && worse(t, child + 1, child))
            child++;
        if (!worse(t, child, at))
            return;
        swap(t, at, child);
        at = child;
    }
}

static void heapify(lt_top *t)
{
    for (int64_t at = t->n / 2 - 1; at >= 0; at--)
        sift_down(t, t->n, at);
}

bool lt_top_takes(const lt_top *t, int32_t index, float value)
{
    if (t->n < t->k)
        return !isnan(value);
    return t->k > 0 && (value > t->value[0] || (value == t->value[0] && rank_of(t, index) < rank_of(t, t->index[0])));
}

void lt_top_offer(lt_top *t, int32_t index, float value)
{
    if (!lt_top_takes(t, index, value))
        return;
    if (t->n < t->k) {
        t->index[t->n] = index;
        t->value[t->n++] = value;
        if (t->n == t->k)
            heapify(t);
        return;
    }
    t->index[0] = index;
    t->value[0] = value;
    sift_down(t, t->n, 0);
}

float lt_top_least(const lt_top *t)
{
    if (t->k == 0)
        return INFINITY;
    return t->n < t->k ? -INFINITY : t->value[0];
}

void lt_top_sort(lt_top *t)
{
    if (t->n < t->k)
        heapify(t);
    for (int64_t last = t->n - 1; last > 0; last--) {
        swap(t, 0, last); /* the worst goes behind the rest */
        sift_down(t, last, 0);
    }
}

static bool any_reaches(const float *score, float least)
{
    int reaches = 0;

    for (int j = 0; j < BLOCK; j++)
        reaches |= score[j] >= least;
    return reaches != 0;
}

static void offer(lt_top *t, const float *score, const uint8_t *excluded, int64_t n)
{
    for (int64_t i = 0; i < n;) {
        int64_t end = i + BLOCK <= n ? i + BLOCK : n;
        float least = lt_top_least(t);

        if (end - i == BLOCK && !any_reaches(score + i, least)) {
            i = end;
            continue;
        }
        for (; i < end; i++)
            if (score[i] >= least && (excluded == NULL || !excluded[i])) {
                lt_top_offer(t, (int32_t)i, score[i]);
                least = lt_top_least(t);
            }
    }
}

void lt_top_offer_all(lt_top *t, const float *score, int64_t n)
{
    offer(t, score, NULL, n);
}

int64_t lt_top_k(const float *score, const uint8_t *excluded, int64_t n, int64_t k, int32_t *index, float *value)
{
    lt_top t = {.k = k < n ? k : n, .index = index, .value = value};

    offer(&t, score, excluded, n);
    lt_top_sort(&t);
    return t.n;
}
