/*
 * exposure.c: lists brought within bounds on exposure, one user after the other, in memory of a few numbers an item.
 *
 * A minimum of appearances for every item or every producer, as FairRec guarantees it (Patro, Biswas, Ganguly, Gummadi,
 * Chakraborty, WWW 2020), and a bound on the share of places that popular items get, as CPFair has it (Naghiaei,
 * Rahmani, Deldjoo, SIGIR 2022).  Both papers decide on all lists together, from all scores; here lists leave as they
 * are made.
 *
 * The minimum.  need(t) is how often target t must still appear, D their sum, R the places of the lists to come.  A
 * list of n places takes at least ceil(n D / R) items that are needed: those it has by itself count, and the user's
 * best-scoring others take the places of the lowest-placed items that are not needed.  A target whose need is more than
 * the lists after this one can hold of it is taken whatever its score.
 *
 * It is exact where nothing is excluded and an item has one value at most: with u lists to come of k places each, s(t)
 * the most a list can have of t (an item: 1), the needs can be met if and only if D <= k u and need(t) <= s(t) u for
 * all t (Gale and Ryser), and both outlive a list.  For what must be taken, need(t) - s(t)(u - 1), is at most need(t) /
 * u, so that together it is at most D / u <= k; the items that may be taken are at least D / u, for min(need(t), s(t))
 * >= need(t) / u; and so D - ceil(D / u) <= k (u - 1).  D / R never rises, so no list gives away more than ceil(k D /
 * R) places as it was before the first.  FairRec's envy-freeness up to one item among users is not claimed. What users
 * have already (bounds.seen) makes it a heuristic: the pace is set to end when a twentieth of the places is left, which
 * are kept for what users could not be given, and what is missing in the end is counted.
 *
 * The head's share h.  After p places head items may have had floor(h p) of them; what a list leaves of that, later
 * ones may use.  Those of a list that are too many give way, the lowest-placed first and those needed last, to the best
 * of mid and tail; where these do not suffice the list keeps its length, and later lists pay.  Needs of head items are
 * met within the share, where mid and tail have k items at least: they are feasible while their sum is at most
 * floor(h P) - floor(h p), P being all places, and a list takes what of them later ones could not.  Values whose items
 * are of the head and of the rest have no such guarantee.
 *
 * The order of a list is kept; new items follow, the best-scoring first.
 */
#include "exposure.h"

#include "topk.h"

#include <math.h>
#include <string.h>

#define RESERVE 20 /* one in so many places is kept back */

enum { PLAIN, NEEDED, FORCED, GONE }; /* of a place in the list; PLAIN gives way first */

/* ---- targets ---- */

static int64_t first_target(const lt_exposure_bounds *b, int32_t item)
{
    return b->groups == NULL ? item : b->groups->start[item];
}

static int64_t end_target(const lt_exposure_bounds *b, int32_t item)
{
    return b->groups == NULL ? item + 1 : b->groups->start[item + 1];
}

static int32_t target_at(const lt_exposure_bounds *b, int64_t at)
{
    return b->groups == NULL ? (int32_t)at : b->groups->group[at];
}

static bool is_head(const lt_exposure_bounds *b, int32_t item)
{
    return b->segment[item] == LT_HEAD;
}

static bool is_hidden(const lt_exposure_bounds *b, int32_t item)
{
    return b->hidden != NULL && b->hidden[item];
}

/* What the items a user has take away from targets: `sign` times that to lost, so that it can be taken back. */
static void count_lost(lt_exposure *e, int32_t user, int sign)
{
    const lt_exposure_bounds *b = &e->bounds;

    if (b->seen == NULL)
        return;
    for (int64_t s = b->seen->start[user]; s < b->seen->start[user + 1]; s++) {
        int32_t item = b->seen->col[s];

        if (is_hidden(b, item))
            continue;
        for (int64_t at = first_target(b, item); at < end_target(b, item); at++) {
            int32_t t = target_at(b, at);
            int64_t had = ++e->claimed[t]; /* of the target's items, so far */

            e->lost[t] += e->size[t] - had < e->most[t] ? sign : 0;
        }
    }
    for (int64_t s = b->seen->start[user]; s < b->seen->start[user + 1]; s++)
        for (int64_t at = first_target(b, b->seen->col[s]); at < end_target(b, b->seen->col[s]); at++)
            e->claimed[target_at(b, at)] = 0;
}

/* What the lists to come have room for of a target. */
static int64_t room(const lt_exposure *e, int32_t t)
{
    return e->users_left * e->most[t] - e->lost[t];
}

/* Head items that may be among the first p of all places. */
static int64_t head_allowed(const lt_exposure *e, int64_t p)
{
    return (int64_t)floor(e->bounds.head_share * (double)p + 1e-9);
}

/* ---- before the first list ---- */

/* Places of all lists: a user who has nearly everything gets fewer. */
static lt_status count_places(lt_env *env, const lt_exposure_bounds *b, int64_t catalogue, int64_t *places)
{
    *places = 0;
    for (int32_t user = 0; user < b->users; user++) {
        int64_t left = catalogue;

        LT_TRY(lt_poll(env));
        for (int64_t s = b->seen == NULL ? 0 : b->seen->start[user]; b->seen != NULL && s < b->seen->start[user + 1];
             s++)
            left -= !is_hidden(b, b->seen->col[s]);
        *places += left < b->k ? left : b->k;
    }
    return LT_OK;
}

/* The largest minimum that any lists could keep. width: the most values an item has. */
static int64_t largest_minimum(const lt_exposure *e, int64_t targets, int64_t head_items, int64_t width)
{
    int64_t largest = e->all_places * width / targets;

    if (e->bounds.groups == NULL && head_items > 0 && head_allowed(e, e->all_places) / head_items < largest)
        largest = head_allowed(e, e->all_places) / head_items;
    for (int32_t t = 0; t < e->targets; t++)
        if (e->size[t] > 0 && e->bounds.users * e->most[t] < largest)
            largest = e->bounds.users * e->most[t];
    return largest;
}

static lt_status take_needs(lt_env *env, lt_exposure *e, int64_t head_items)
{
    const lt_exposure_bounds *b = &e->bounds;
    int64_t targets = 0, width = 1, largest;

    for (int32_t t = 0; t < e->targets; t++)
        targets += e->size[t] > 0;
    for (int32_t i = 0; b->groups != NULL && i < b->items; i++)
        if (end_target(b, i) - first_target(b, i) > width)
            width = end_target(b, i) - first_target(b, i);
    if (b->minimum == 0 || targets == 0)
        return LT_OK;
    largest = largest_minimum(e, targets, head_items, width);
    if (b->minimum > largest) {
        lt_fail(env, LT_INVALID, "%lld lists of %lld cannot show each of %lld %s %lld times", (long long)b->users,
                (long long)b->k, (long long)targets, b->groups == NULL ? "items" : "values", (long long)b->minimum);
        if (b->groups == NULL && head_items > 0 && b->head_share < 1)
            lt_fail_detail(env, "Of %lld places, head items, of which there are %lld, may have %lld.",
                           (long long)e->all_places, (long long)head_items, (long long)head_allowed(e, e->all_places));
        else if (b->seen != NULL && e->all_places < b->users * b->k)
            lt_fail_detail(env, "They have %lld places, for users have some of the items already.",
                           (long long)e->all_places);
        return lt_fail_hint(env, "The largest minimum that they have room for is %lld.", (long long)largest);
    }
    for (int32_t user = 0; user < b->users; user++) {
        LT_TRY(lt_poll(env));
        count_lost(e, user, 1);
    }
    for (int32_t t = 0; t < e->targets; t++) {
        int64_t possible = room(e, t) < b->minimum ? room(e, t) : b->minimum;

        if (e->size[t] == 0)
            continue;
        e->need[t] = possible;
        e->never[t] = b->minimum - possible;
        e->needed += possible;
        if (b->groups == NULL && is_head(b, t))
            e->head_need += possible;
    }
    return LT_OK;
}

lt_status lt_exposure_init(lt_env *env, lt_exposure *e, const lt_exposure_bounds *bounds)
{
    const lt_exposure_bounds *b = &e->bounds;
    int64_t catalogue = 0, head_items = 0, places;

    memset(e, 0, sizeof *e);
    e->bounds = *bounds;
    e->targets = b->groups == NULL ? b->items : b->groups->n;
    e->users_left = b->users;
    LT_TRY(lt_alloc(env, &e->need, (size_t)e->targets, sizeof *e->need, "the exposures"));
    LT_TRY(lt_alloc(env, &e->never, (size_t)e->targets, sizeof *e->never, "the exposures"));
    LT_TRY(lt_alloc(env, &e->size, (size_t)e->targets, sizeof *e->size, "the exposures"));
    LT_TRY(lt_alloc(env, &e->most, (size_t)e->targets, sizeof *e->most, "the exposures"));
    LT_TRY(lt_alloc(env, &e->lost, (size_t)e->targets, sizeof *e->lost, "the exposures"));
    LT_TRY(lt_alloc(env, &e->claimed, (size_t)e->targets, sizeof *e->claimed, "the exposures"));
    LT_TRY(lt_alloc(env, &e->mask, (size_t)b->items, sizeof *e->mask, "the exposures"));
    for (int32_t i = 0; i < b->items; i++) {
        if (is_hidden(b, i))
            continue;
        catalogue++;
        head_items += is_head(b, i);
        for (int64_t at = first_target(b, i); at < end_target(b, i); at++)
            e->size[target_at(b, at)]++;
    }
    for (int32_t t = 0; t < e->targets; t++)
        e->most[t] = e->size[t] < b->k ? e->size[t] : b->k;
    places = b->k < catalogue ? b->k : catalogue;
    LT_TRY(lt_alloc(env, &e->value, (size_t)places, sizeof *e->value, "the list"));
    LT_TRY(lt_alloc(env, &e->found, (size_t)places, sizeof *e->found, "the list"));
    LT_TRY(lt_alloc(env, &e->added, (size_t)places, sizeof *e->added, "the list"));
    LT_TRY(lt_alloc(env, &e->state, (size_t)places, sizeof *e->state, "the list"));
    LT_TRY(count_places(env, b, catalogue, &e->all_places));
    e->places_left = e->all_places;
    LT_TRY(take_needs(env, e, head_items));
    if (b->seen != NULL) {
        e->reserve = e->all_places / RESERVE;
        if (e->reserve > e->all_places - e->needed)
            e->reserve = e->all_places > e->needed ? e->all_places - e->needed : 0;
    }
    return LT_OK;
}

/* ---- one list ---- */

typedef struct work {
    lt_exposure *e;
    const float *value;
    const uint8_t *excluded;
    int32_t *item;
    int64_t n, n_added, holes; /* holes: places given up and not filled again */
    int64_t heads, most_heads;
    int64_t needed; /* items in the list that are */
} work;

static bool is_needed(const lt_exposure *e, int32_t item)
{
    for (int64_t at = first_target(&e->bounds, item); at < end_target(&e->bounds, item); at++) {
        int32_t t = target_at(&e->bounds, at);

        if (e->claimed[t] < e->need[t])
            return true;
    }
    return false;
}

static void claim(lt_exposure *e, int32_t item, int by)
{
    for (int64_t at = first_target(&e->bounds, item); at < end_target(&e->bounds, item); at++)
        e->claimed[target_at(&e->bounds, at)] += by;
}

/* How often a target must be in this list because later ones have no room for it. users_left is of those already. */
static int64_t forced(const lt_exposure *e, int32_t t)
{
    return e->need[t] - room(e, t);
}

/* What of the list is needed; of several items of a target the best-placed. */
static void survey(work *w)
{
    lt_exposure *e = w->e;

    for (int64_t p = 0; p < w->n; p++) {
        e->state[p] = is_needed(e, w->item[p]) ? NEEDED : PLAIN;
        w->needed += e->state[p] == NEEDED;
        claim(e, w->item[p], 1);
        w->heads += is_head(&e->bounds, w->item[p]);
        for (int64_t at = first_target(&e->bounds, w->item[p]);
             e->state[p] == NEEDED && at < end_target(&e->bounds, w->item[p]); at++) {
            int32_t t = target_at(&e->bounds, at);

            if (e->claimed[t] <= forced(e, t))
                e->state[p] = FORCED;
        }
    }
}

/* The lowest-placed item of the list, of the head if so wanted, of the lowest state there is up to `worst`; or -1. */
static int64_t lowest(const work *w, bool head, int worst)
{
    for (int state = PLAIN; state <= worst; state++)
        for (int64_t p = w->n - 1; p >= 0; p--)
            if (w->e->state[p] == state && (!head || is_head(&w->e->bounds, w->item[p])))
                return p;
    return -1;
}

/* Takes it out of the list. False: there is none. */
static bool give_up(work *w, bool head, int worst)
{
    lt_exposure *e = w->e;
    int64_t p = lowest(w, head, worst);

    if (p < 0)
        return false;
    w->needed -= e->state[p] != PLAIN;
    w->heads -= is_head(&e->bounds, w->item[p]);
    w->holes++;
    claim(e, w->item[p], -1);
    e->state[p] = GONE;
    return true;
}

/* Puts an item that is needed, or not, into the list; what gives way for it is at most `worst`. */
static bool take(work *w, int32_t item, int worst)
{
    lt_exposure *e = w->e;
    bool head = is_head(&e->bounds, item) && w->heads >= w->most_heads;
    bool needed = is_needed(e, item);

    if ((head || w->holes == 0) && !give_up(w, head, worst))
        return false;
    w->holes--;
    w->needed += needed;
    w->heads += is_head(&e->bounds, item);
    claim(e, item, 1);
    e->added[w->n_added++] = item;
    return true;
}

/* What joins a list: what is needed, of head, mid and tail or of one of these; items of a target; what there is. */
typedef enum wanted { NEEDED_ANY, NEEDED_BODY, NEEDED_HEAD, OF_TARGET, BODY, ANY } wanted;

static bool is_wanted(const work *w, int32_t item, wanted what, int32_t target)
{
    const lt_exposure_bounds *b = &w->e->bounds;

    switch (what) {
    case NEEDED_ANY:
        return is_needed(w->e, item);
    case NEEDED_BODY:
        return !is_head(b, item) && is_needed(w->e, item);
    case NEEDED_HEAD:
        return is_head(b, item) && is_needed(w->e, item);
    case OF_TARGET:
        for (int64_t at = first_target(b, item); at < end_target(b, item); at++)
            if (target_at(b, at) == target)
                return true;
        return false;
    case BODY:
        return !is_head(b, item);
    case ANY:
        break;
    }
    return true;
}

/* The n best items of a kind that could join the list, into found[]. */
static int64_t find(work *w, wanted what, int32_t target, int64_t n)
{
    lt_exposure *e = w->e;
    const lt_exposure_bounds *b = &e->bounds;

    if (what == NEEDED_ANY && b->groups == NULL)
        for (int32_t i = 0; i < b->items; i++) /* what the list has of them is left out below */
            e->mask[i] = e->need[i] == 0;
    else
        for (int32_t i = 0; i < b->items; i++)
            e->mask[i] = !is_wanted(w, i, what, target);
    for (int32_t i = 0; w->excluded != NULL && i < b->items; i++)
        e->mask[i] |= w->excluded[i];
    for (int32_t i = 0; b->hidden != NULL && i < b->items; i++)
        e->mask[i] |= b->hidden[i];
    for (int64_t p = 0; p < w->n; p++)
        if (e->state[p] != GONE)
            e->mask[w->item[p]] = 1;
    for (int64_t a = 0; a < w->n_added; a++)
        e->mask[e->added[a]] = 1;
    return lt_top_k(w->value, e->mask, b->items, n, e->found, e->value);
}

/* Brings up to `missing` items that are needed into the list, the best first; what gives way is at most `worst`. */
static lt_status take_needed(lt_env *env, work *w, wanted what, int64_t missing, int worst)
{
    if (missing > w->n)
        missing = w->n;
    while (missing > 0) {
        int64_t found, taken = 0;

        LT_TRY(lt_poll(env));
        if (what == NEEDED_ANY && w->heads >= w->most_heads && lowest(w, true, worst) < 0)
            what = NEEDED_BODY;
        found = find(w, what, 0, missing);
        /* one may satisfy what others are needed for: these are looked for again */
        for (int64_t f = 0; f < found; f++)
            taken += is_needed(w->e, w->e->found[f]) && take(w, w->e->found[f], worst);
        if (taken == 0)
            return LT_OK;
        missing -= taken;
    }
    return LT_OK;
}

/* What later lists have no room for. */
static lt_status take_forced(lt_env *env, work *w)
{
    lt_exposure *e = w->e;

    for (int32_t t = 0; t < e->targets; t++)
        while (e->need[t] > 0 && e->claimed[t] < forced(e, t)) {
            LT_TRY(lt_poll(env));
            if (find(w, OF_TARGET, t, 1) == 0 || !take(w, e->found[0], NEEDED))
                break;
        }
    return LT_OK;
}

/* Needed items that a list of n places has to have for all needs to be met in time. */
static int64_t pace(const lt_exposure *e, int64_t n)
{
    int64_t left = e->places_left - e->reserve, q;

    if (left < e->places_left / 2)
        left = e->places_left / 2;
    q = left <= n ? e->needed : (int64_t)ceil((double)n * (double)e->needed / (double)left - 1e-9);
    return q < n ? q : n;
}

static lt_status meet_needs(lt_env *env, work *w)
{
    lt_exposure *e = w->e;
    int64_t done = e->all_places - e->places_left + w->n;
    int64_t head_must = e->head_need - (head_allowed(e, e->all_places) - head_allowed(e, done)), head_has = 0;

    LT_TRY(take_forced(env, w));
    for (int64_t p = 0; head_must > 0 && p < w->n; p++)
        head_has += is_head(&e->bounds, w->item[p]) && (e->state[p] == NEEDED || e->state[p] == FORCED);
    for (int64_t a = 0; head_must > 0 && a < w->n_added; a++)
        head_has += is_head(&e->bounds, e->added[a]);
    LT_TRY(take_needed(env, w, NEEDED_HEAD, head_must - head_has, NEEDED));
    return take_needed(env, w, NEEDED_ANY, pace(e, w->n) - w->needed, PLAIN);
}

/* Places given up for nobody yet: to the best of mid and tail, or else of all. */
static void fill_holes(work *w)
{
    for (wanted what = BODY; what <= ANY && w->holes > 0; what++) {
        int64_t found = find(w, what, 0, w->holes);

        w->most_heads = what == ANY ? INT64_MAX : w->most_heads;
        for (int64_t f = 0; f < found; f++)
            take(w, w->e->found[f], PLAIN);
    }
}

/* The list as it is now: what stayed, in its order, then what is new, by value. Counts it. */
static int64_t settle(work *w)
{
    lt_exposure *e = w->e;
    const lt_exposure_bounds *b = &e->bounds;
    int64_t kept = 0, n;

    for (int64_t p = 0; p < w->n; p++)
        if (e->state[p] != GONE)
            w->item[kept++] = w->item[p];
    n = kept;
    for (int64_t a = 0; a < w->n_added; a++) {
        int64_t at = n++;

        for (; at > kept && w->value[w->item[at - 1]] < w->value[e->added[a]]; at--)
            w->item[at] = w->item[at - 1];
        w->item[at] = e->added[a];
    }
    for (int64_t p = 0; p < n; p++) {
        e->head += is_head(b, w->item[p]);
        for (int64_t at = first_target(b, w->item[p]); at < end_target(b, w->item[p]); at++) {
            int32_t t = target_at(b, at);

            e->claimed[t] = 0;
            if (e->need[t] == 0)
                continue;
            e->need[t]--;
            e->needed--;
            e->head_need -= b->groups == NULL && is_head(b, t);
        }
    }
    e->places_left -= n;
    return kept;
}

lt_status lt_exposure_apply(lt_env *env, lt_exposure *e, const float *value, const uint8_t *excluded, int32_t *item,
                            int64_t n, int64_t *kept)
{
    work w = {.e = e, .value = value, .excluded = excluded, .item = item, .n = n};

    if (e->needed > 0)
        count_lost(e, (int32_t)(e->bounds.users - e->users_left), -1);
    e->users_left--;
    w.most_heads = head_allowed(e, e->all_places - e->places_left + n) - e->head;
    survey(&w);
    while (w.heads > w.most_heads && give_up(&w, true, FORCED))
        ;
    if (e->needed > 0)
        LT_TRY(meet_needs(env, &w));
    fill_holes(&w);
    *kept = settle(&w);
    return LT_OK;
}

int32_t lt_exposure_short(const lt_exposure *e, int64_t *missing)
{
    int32_t targets = 0;

    *missing = 0;
    for (int32_t t = 0; t < e->targets; t++) {
        *missing += e->need[t] + e->never[t];
        targets += e->need[t] + e->never[t] > 0;
    }
    return targets;
}
