/*
 * topk.c: selection through a bounded heap that lives in the caller's output arrays.
 *
 * The root is the worst of the k best so far.  Scores are read in index order, so one that only equals the root comes
 * later and loses the tie: entering takes a strictly higher score, which NaN never has, and a block of scores none of
 * which beats the root is passed over without a branch an element.
 *
 * Invariant of the heap: a parent is worse than its children (a lower value, or an equal one at a higher index).
 */
#include "topk.h"

#include <math.h>

#define BLOCK 32

static bool worse(const int32_t *index, const float *value, int64_t a, int64_t b)
{
    return value[a] < value[b] || (value[a] == value[b] && index[a] > index[b]);
}

static void swap(int32_t *index, float *value, int64_t a, int64_t b)
{
    int32_t i = index[a];
    float v = value[a];

    index[a] = index[b];
    value[a] = value[b];
    index[b] = i;
    value[b] = v;
}

static void sift_down(int32_t *index, float *value, int64_t n, int64_t at)
{
    for (;;) {
        int64_t child = 2 * at + 1;

        if (child >= n)
            return;
        if (child + 1 < n && worse(index, value, child + 1, child))
            child++;
        if (!worse(index, value, child, at))
            return;
        swap(index, value, at, child);
        at = child;
    }
}

static bool any_above(const float *score, float worst)
{
    int above = 0;

    for (int j = 0; j < BLOCK; j++)
        above |= score[j] > worst;
    return above != 0;
}

int64_t lt_top_k(const float *score, const uint8_t *excluded, int64_t n, int64_t k, int32_t *index, float *value)
{
    int64_t held = 0;
    int64_t i = 0;

    for (; i < n && held < k; i++) {
        if ((excluded != NULL && excluded[i]) || isnan(score[i]))
            continue;
        index[held] = (int32_t)i;
        value[held++] = score[i];
    }
    for (int64_t at = held / 2 - 1; at >= 0; at--)
        sift_down(index, value, held, at);
    while (i < n && held > 0) {
        int64_t end = i + BLOCK <= n ? i + BLOCK : n;

        if (end - i == BLOCK && !any_above(score + i, value[0])) {
            i = end;
            continue;
        }
        for (; i < end; i++) {
            if (!(score[i] > value[0]) || (excluded != NULL && excluded[i]))
                continue;
            index[0] = (int32_t)i;
            value[0] = score[i];
            sift_down(index, value, held, 0);
        }
    }
    for (int64_t last = held - 1; last > 0; last--) {
        swap(index, value, 0, last); /* the worst goes behind the rest */
        sift_down(index, value, last, 0);
    }
    return held;
}
