/*
 * ranking_groups.c: what groups of items get of users' lists, and how far lists are from users' tastes.
 *
 * Legend: g a group of items, L the first k of a user's list, R the user's relevant items, C what could have been in
 * the list: the catalogue without what the user has, or the test's candidates.  An item may be in several groups, or in
 * none.
 */
#include "ranking.h"

#include "spread.h"

#include <math.h>
#include <string.h>

#define SMOOTHING 0.01 /* of Kullback and Leibler's divergence */

lt_status lt_group_tally_init(lt_env *env, lt_group_tally *t, const lt_groups *groups, int n_k,
                              const lt_popularity *popularity)
{
    size_t n = (size_t)groups->n;

    memset(t, 0, sizeof *t);
    t->groups = *groups;
    LT_TRY(lt_alloc(env, &t->members, n, sizeof(double), "the groups' figures"));
    LT_TRY(lt_alloc(env, &t->rankable, n, sizeof(double), "the groups' figures"));
    LT_TRY(lt_alloc(env, &t->relevant, n, sizeof(double), "the groups' figures"));
    LT_TRY(lt_alloc(env, &t->shown, n * (size_t)n_k, sizeof(double), "the groups' figures"));
    LT_TRY(lt_alloc(env, &t->hits, n * (size_t)n_k, sizeof(double), "the groups' figures"));
    LT_TRY(lt_alloc(env, &t->taste, n, sizeof(double), "the groups' figures"));
    LT_TRY(lt_alloc(env, &t->list, n, sizeof(double), "the groups' figures"));
    LT_TRY(lt_alloc(env, &t->p, n, sizeof(double), "the groups' figures"));
    LT_TRY(lt_alloc(env, &t->q, n, sizeof(double), "the groups' figures"));
    LT_TRY(lt_alloc(env, &t->touched, n, sizeof *t->touched, "the groups' figures"));
    for (int32_t i = 0; i < popularity->items; i++)
        for (int64_t e = groups->start[i]; e < groups->start[i + 1]; e++)
            t->members[groups->group[e]] += popularity->hidden == NULL || !popularity->hidden[i];
    return LT_OK;
}

static bool is_hidden(const lt_popularity *p, int32_t item)
{
    return p->hidden != NULL && p->hidden[item];
}

/* Adds to each group of an item. */
static void add_item(const lt_groups *groups, int32_t item, double amount, double *of)
{
    for (int64_t e = groups->start[item]; e < groups->start[item + 1]; e++)
        of[groups->group[e]] += amount;
}

/* Adds an item to a distribution over groups, taste or list: it counts 1 in all. */
static void spread_item(lt_group_tally *t, int32_t item, double *of)
{
    const lt_groups *groups = &t->groups;
    int64_t from = groups->start[item], to = groups->start[item + 1];

    for (int64_t e = from; e < to; e++) {
        int32_t g = groups->group[e];

        if (t->taste[g] == 0 && t->list[g] == 0)
            t->touched[t->n_touched++] = g;
        of[g] += 1.0 / (double)(to - from);
    }
}

void lt_group_tally_user(lt_group_tally *t, const lt_popularity *p, const lt_ranked *user)
{
    for (int64_t i = 0; i < user->n_relevant; i++)
        if (user->relevant[i] >= 0 && !is_hidden(p, user->relevant[i]))
            add_item(&t->groups, user->relevant[i], 1, t->relevant);
    for (int64_t i = 0; i < user->n_history; i++)
        if (user->history[i] >= 0 && !is_hidden(p, user->history[i]))
            spread_item(t, user->history[i], t->taste);
    if (user->candidates != NULL) {
        int64_t h = 0; /* both ascend */

        for (int64_t i = 0; i < user->n_candidates; i++) {
            int32_t item = user->candidates[i];

            while (h < user->n_history && user->history[h] < item)
                h++;
            if (!is_hidden(p, item) && (user->ranks_history || h == user->n_history || user->history[h] != item))
                add_item(&t->groups, item, 1, t->rankable);
        }
        return;
    }
    t->whole++;
    for (int64_t i = 0; i < user->n_history && !user->ranks_history; i++)
        if (user->history[i] >= 0 && !is_hidden(p, user->history[i]))
            add_item(&t->groups, user->history[i], -1, t->rankable);
}

void lt_group_tally_list(lt_group_tally *t, int j, const int32_t *items, const uint8_t *hit, int64_t n)
{
    for (int64_t r = 0; r < n; r++) {
        if (items[r] < 0)
            continue;
        add_item(&t->groups, items[r], 1, t->shown + (int64_t)j * t->groups.n);
        if (hit[r])
            add_item(&t->groups, items[r], 1, t->hits + (int64_t)j * t->groups.n);
        spread_item(t, items[r], t->list);
    }
}

/*
 * p is what the user has, q what the list has, as shares of groups; an item in m groups counts 1 / m for each, an item
 * in none not at all.
 *
 * KL: sum_g p_g log2(p_g / q~_g), q~ = (1 - a) q + a p with a = 0.01, so that a group the list lacks costs no endless
 * amount (Steck, "Calibrated recommendations", 2018, whose weights by rank and age are 1 here).  JS: see spread.c.
 */
lt_status lt_group_tally_divergence(lt_env *env, lt_group_tally *t, double *kl, double *js)
{
    double p_sum = 0, q_sum = 0;
    int32_t n = 0;

    *kl = *js = NAN;
    for (int32_t i = 0; i < t->n_touched; i++) {
        p_sum += t->taste[t->touched[i]];
        q_sum += t->list[t->touched[i]];
    }
    if (p_sum == 0 || q_sum == 0)
        return LT_OK;
    for (; n < t->n_touched; n++) {
        t->p[n] = t->taste[t->touched[n]] / p_sum;
        t->q[n] = t->list[t->touched[n]] / q_sum;
    }
    LT_TRY(lt_js_divergence(env, t->p, t->q, n, js));
    for (int32_t i = 0; i < n; i++)
        t->q[i] = (1 - SMOOTHING) * t->q[i] + SMOOTHING * t->p[i];
    return lt_kl_divergence(env, t->p, t->q, n, kl);
}

void lt_group_tally_next_list(lt_group_tally *t)
{
    int32_t kept = 0;

    for (int32_t i = 0; i < t->n_touched; i++) {
        t->list[t->touched[i]] = 0;
        if (t->taste[t->touched[i]] > 0)
            t->touched[kept++] = t->touched[i];
    }
    t->n_touched = kept;
}

void lt_group_tally_next_user(lt_group_tally *t)
{
    for (int32_t i = 0; i < t->n_touched; i++)
        t->taste[t->touched[i]] = t->list[t->touched[i]] = 0;
    t->n_touched = 0;
}

/*
 * Standard deviation over mean, over groups, of the chance to be shown (Zhu, Wang and Caverlee, "Measuring and
 * mitigating item under-recommendation bias in personalized ranking systems", 2020): 0 when all groups have the same.
 *   RSP, ranking-based statistical parity:   P(R@k | g)    = sum over users of |L in g| / sum over users of |C in g|
 *   REO, ranking-based equal opportunity:    P(R@k | g, y) = sum of |L and R in g| / sum of |R in g|
 * The deviation is the population's, as theirs is.  A group that could not be shown (or has nothing relevant) has no
 * chance to compare and is left out; NaN when there is none, or no chance above 0.  Elliot's PopRSP and PopREO know two
 * groups, a head of 80 % of the interactions and the rest; ours know three, head, mid and tail.
 */
double lt_group_tally_parity(const lt_group_tally *t, int j, bool relevant)
{
    const double *got = (relevant ? t->hits : t->shown) + (int64_t)j * t->groups.n;
    double mean = 0, squares = 0;
    int32_t n = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (int32_t g = 0; g < t->groups.n; g++) {
            double could = relevant ? t->relevant[g] : t->rankable[g] + t->whole * t->members[g];

            if (could <= 0)
                continue;
            if (pass == 0) {
                mean += got[g] / could;
                n++;
            } else {
                squares += (got[g] / could - mean) * (got[g] / could - mean);
            }
        }
        if (mean == 0)
            return NAN;
        if (pass == 0)
            mean /= n;
    }
    return sqrt(squares / n) / mean;
}
