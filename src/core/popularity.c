/*
 * popularity.c: ranks, segments and self-information from interaction counts.
 */
#include "popularity.h"

#include "sort.h"

#include <math.h>
#include <string.h>

const char *const lt_segment_names[3] = {"head", "mid", "tail"};

/* A share of the total that is meant to fall on a whole number of interactions does, although 0.07 * 100 > 7. */
static const double rounding = 1e-12;

static lt_status check(lt_env *env, const double *count, int32_t items, double head_share, double tail_share)
{
    if (!(head_share >= 0 && tail_share >= 0 && head_share + tail_share <= 1 + rounding))
        return lt_fail(env, LT_INVALID, "shares of head (%g) and tail (%g) must be at least 0 and add up to at most 1",
                       head_share, tail_share);
    for (int32_t i = 0; i < items; i++)
        if (!(count[i] >= 0 && isfinite(count[i])))
            return lt_fail(env, LT_INVALID, "an item's number of interactions is %g", count[i]);
    return LT_OK;
}

lt_status lt_popularity_build(lt_env *env, const double *count, int32_t items, double head_share, double tail_share,
                              lt_popularity *out)
{
    size_t n = (size_t)items;
    double before = 0;
    double head_end, mid_end;
    lt_keyed *order;

    LT_TRY(check(env, count, items, head_share, tail_share));
    memset(out, 0, sizeof *out);
    out->items = items;
    LT_TRY(lt_alloc(env, &out->count, n, sizeof *out->count, "item counts"));
    LT_TRY(lt_alloc(env, &out->rank, n, sizeof *out->rank, "popularity ranks"));
    LT_TRY(lt_alloc(env, &out->segment, n, sizeof *out->segment, "segments"));
    LT_TRY(lt_alloc(env, &out->novelty, n, sizeof *out->novelty, "novelties"));
    LT_TRY(lt_alloc(env, &order, n, sizeof *order, "the order of popularity"));
    for (int32_t i = 0; i < items; i++) {
        out->count[i] = count[i];
        out->total += count[i];
        order[i].key = lt_sort_key(-count[i]); /* stable: equal counts stay in item order */
        order[i].index = i;
    }
    LT_TRY(lt_sort(env, order, items));
    head_end = (head_share - rounding) * out->total;
    mid_end = (1 - tail_share - rounding) * out->total;
    for (int32_t r = 0; r < items; r++) {
        int64_t i = order[r].index;

        out->rank[i] = r + 1;
        out->segment[i] = before < head_end ? LT_HEAD : before < mid_end ? LT_MID : LT_TAIL;
        if (count[i] == 0)
            out->segment[i] = LT_TAIL; /* with no tail share, rounding must not make a never seen item mid */
        /*
         * Self-information -log2(count / total) (Zhou et al., "Solving the apparent diversity-accuracy dilemma of
         * recommender systems", 2010). A never seen item counts as seen once: it is as novel as it gets, not infinite.
         */
        out->novelty[i] = log2(fmax(out->total, 1) / fmax(count[i], 1));
        before += count[i];
    }
    lt_free(env, order);
    return LT_OK;
}

lt_status lt_popularity_hide(lt_env *env, lt_popularity *p, const uint8_t *hidden)
{
    int32_t *order, next = 1;

    p->hidden = hidden;
    if (hidden == NULL)
        return LT_OK;
    LT_TRY(lt_alloc(env, &order, (size_t)p->items, sizeof *order, "popularity ranks"));
    for (int32_t i = 0; i < p->items; i++)
        order[p->rank[i] - 1] = i;
    for (int last = 0; last < 2; last++)
        for (int32_t r = 0; r < p->items; r++)
            if (hidden[order[r]] == last)
                p->rank[order[r]] = next++;
    lt_free(env, order);
    return LT_OK;
}
