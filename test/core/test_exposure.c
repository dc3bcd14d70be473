/*
 * test_exposure.c: bounds on exposure over all lists: on thousands of random markets against what the lists show, a
 * maximum flow and FairRec as its paper has it.
 */
#include "exposure.h"
#include "random.h"
#include "tap.h"
#include "topk.h"

#define MOST_ITEMS 40
#define MOST_USERS 40

/* A market: scores, who has what, and what the plain and the bounded lists are. */
typedef struct market {
    int32_t items, users, k;
    float value[MOST_USERS][MOST_ITEMS];
    uint8_t excluded[MOST_USERS][MOST_ITEMS], segment[MOST_ITEMS], hidden[MOST_ITEMS];
    int64_t start[MOST_USERS + 1], value_start[MOST_ITEMS + 1];
    int32_t col[MOST_USERS * MOST_ITEMS], value_of[3 * MOST_ITEMS];
    lt_pairs seen;
    lt_groups groups;
    lt_exposure_bounds bounds;
    lt_exposure e;
    int64_t n[MOST_USERS], kept[MOST_USERS];
    int32_t plain[MOST_USERS][MOST_ITEMS], list[MOST_USERS][MOST_ITEMS];
} market;

static double taste(const market *m, const int32_t lists[][MOST_ITEMS])
{
    double sum = 0;

    for (int32_t u = 0; u < m->users; u++)
        for (int64_t p = 0; p < m->n[u]; p++)
            sum += m->value[u][lists[u][p]];
    return sum;
}

/* Scores of a few factors and the items' popularity; nothing seen, no groups, no bounds. */
static void open_market(market *m, lt_random *rng, int32_t users, int32_t items, int32_t k)
{
    double factor[MOST_ITEMS][3];

    memset(m, 0, sizeof *m);
    m->items = items;
    m->users = users;
    m->k = k;
    for (int32_t i = 0; i < items; i++)
        for (int f = 0; f < 3; f++)
            factor[i][f] = lt_random_normal(rng);
    for (int32_t u = 0; u < users; u++) {
        double mine[3];

        for (int f = 0; f < 3; f++)
            mine[f] = lt_random_normal(rng);
        for (int32_t i = 0; i < items; i++)
            m->value[u][i] =
                (float)(8 + 6.0 / (i + 1) + mine[0] * factor[i][0] + mine[1] * factor[i][1] + mine[2] * factor[i][2]);
    }
    for (int32_t i = 0; i < items; i++)
        m->segment[i] = i < items / 5 ? LT_HEAD : i < items / 2 ? LT_MID : LT_TAIL;
    m->bounds = (lt_exposure_bounds){
        .head_share = 1, .segment = m->segment, .hidden = m->hidden, .items = items, .users = users, .k = k};
}

static void have(market *m, lt_random *rng, double share)
{
    int64_t n = 0;

    for (int32_t u = 0; u < m->users; u++) {
        m->start[u] = n;
        for (int32_t i = 0; i < m->items; i++)
            if (lt_random_uniform(rng) < share) {
                m->excluded[u][i] = 1;
                m->col[n++] = i;
            }
    }
    m->start[m->users] = n;
    m->seen = (lt_pairs){.rows = m->users, .cols = m->items, .start = m->start, .col = m->col};
    m->bounds.seen = &m->seen;
}

/* Values of an attribute: none to `most` an item. */
static void attribute(market *m, lt_random *rng, int32_t values, int least, int most)
{
    int64_t n = 0;

    for (int32_t i = 0; i < m->items; i++) {
        int32_t first = (int32_t)lt_random_below(rng, values);
        int64_t has = least + lt_random_below(rng, most - least + 1);

        m->value_start[i] = n;
        for (int64_t v = 0; v < has && v < values && !m->hidden[i]; v++)
            m->value_of[n++] = (int32_t)((first + v) % values);
    }
    m->value_start[m->items] = n;
    m->groups = (lt_groups){.n = values, .start = m->value_start, .group = m->value_of};
    m->bounds.groups = &m->groups;
}

static lt_status run(lt_env *env, market *m)
{
    float best[MOST_ITEMS];

    LT_TRY(lt_exposure_init(env, &m->e, &m->bounds));
    for (int32_t u = 0; u < m->users; u++) {
        uint8_t mask[MOST_ITEMS];

        for (int32_t i = 0; i < m->items; i++)
            mask[i] = m->excluded[u][i] || m->hidden[i];
        m->n[u] = lt_top_k(m->value[u], mask, m->items, m->k, m->plain[u], best);
        memcpy(m->list[u], m->plain[u], sizeof m->list[u]);
        LT_TRY(lt_exposure_apply(env, &m->e, m->value[u], m->bounds.seen == NULL ? NULL : m->excluded[u], m->list[u],
                                 m->n[u], &m->kept[u]));
    }
    return LT_OK;
}

/* ---- what the lists show, counted here ---- */

/* Selections without repeats of what the user may have; what stayed is in its order, what is new by value. */
static bool lists_are_whole(const market *m)
{
    for (int32_t u = 0; u < m->users; u++) {
        uint8_t had[MOST_ITEMS] = {0};
        int64_t place = 0;

        for (int64_t p = 0; p < m->n[u]; p++) {
            int32_t item = m->list[u][p];

            if (item < 0 || item >= m->items || had[item]++ || m->excluded[u][item] || m->hidden[item])
                return false;
            if (p < m->kept[u]) {
                while (place < m->n[u] && m->plain[u][place] != item)
                    place++;
                if (place++ >= m->n[u])
                    return false;
            } else if (p > m->kept[u] && m->value[u][m->list[u][p - 1]] < m->value[u][item]) {
                return false;
            }
        }
    }
    return true;
}

static int64_t shown(const market *m, int32_t target)
{
    int64_t n = 0;

    for (int32_t u = 0; u < m->users; u++)
        for (int64_t p = 0; p < m->n[u]; p++) {
            int32_t item = m->list[u][p];

            if (m->bounds.groups == NULL)
                n += item == target;
            else
                for (int64_t v = m->value_start[item]; v < m->value_start[item + 1]; v++)
                    n += m->value_of[v] == target;
        }
    return n;
}

static bool exists(const market *m, int32_t target)
{
    if (m->bounds.groups == NULL)
        return !m->hidden[target];
    for (int64_t v = 0; v < m->value_start[m->items]; v++)
        if (m->value_of[v] == target)
            return true;
    return false;
}

static int64_t lacking(const market *m, int32_t *targets)
{
    int64_t lack = 0;

    *targets = 0;
    for (int32_t t = 0; t < (m->bounds.groups == NULL ? m->items : m->groups.n); t++)
        if (exists(m, t) && shown(m, t) < m->bounds.minimum) {
            lack += m->bounds.minimum - shown(m, t);
            ++*targets;
        }
    return lack;
}

/* No prefix of users has more of the head than its share, but where mid and tail have nothing left to give. */
static bool head_is_bounded(const market *m)
{
    int64_t places = 0, head = 0;

    for (int32_t u = 0; u < m->users; u++) {
        int64_t body = 0, mine = 0, may = 0;

        for (int64_t p = 0; p < m->n[u]; p++) {
            mine += m->segment[m->list[u][p]] == LT_HEAD;
            body += m->segment[m->list[u][p]] != LT_HEAD;
        }
        for (int32_t i = 0; i < m->items; i++)
            may += m->segment[i] != LT_HEAD && !m->excluded[u][i] && !m->hidden[i];
        places += m->n[u];
        head += mine;
        if ((double)head > m->bounds.head_share * (double)places + 1e-9 && mine > 0 && body < may)
            return false;
    }
    return true;
}

static bool same_lists(const market *a, const market *b)
{
    for (int32_t u = 0; u < a->users; u++)
        if (memcmp(a->list[u], b->list[u], (size_t)a->n[u] * sizeof a->list[u][0]) != 0)
            return false;
    return true;
}

/* The most places any user gave away. */
static int64_t given_away(const market *m)
{
    int64_t most = 0;

    for (int32_t u = 0; u < m->users; u++)
        if (m->n[u] - m->kept[u] > most)
            most = m->n[u] - m->kept[u];
    return most;
}

/* ---- the most that can be done: a maximum flow from items to users, by augmenting paths ---- */

typedef struct flow {
    const market *m;
    uint8_t gives[MOST_ITEMS][MOST_USERS], item_met[MOST_ITEMS], user_met[MOST_USERS];
    int64_t has[MOST_USERS];
} flow;

static bool augment(flow *f, int32_t item)
{
    if (f->item_met[item]++)
        return false;
    for (int32_t u = 0; u < f->m->users; u++) {
        if (f->m->excluded[u][item] || f->gives[item][u] || f->user_met[u])
            continue;
        f->user_met[u] = 1;
        if (f->has[u] < f->m->n[u]) {
            f->has[u]++;
            f->gives[item][u] = 1;
            return true;
        }
        for (int32_t other = 0; other < f->m->items; other++)
            if (f->gives[other][u] && augment(f, other)) {
                f->gives[other][u] = 0;
                f->gives[item][u] = 1;
                return true;
            }
    }
    return false;
}

/* Appearances of items, up to the minimum each, that some lists have. */
static int64_t most_met(const market *m)
{
    flow f = {.m = m};
    int64_t met = 0;

    for (int64_t round = 0; round < m->bounds.minimum; round++)
        for (int32_t i = 0; i < m->items; i++) {
            memset(f.item_met, 0, sizeof f.item_met);
            memset(f.user_met, 0, sizeof f.user_met);
            met += !m->hidden[i] && augment(&f, i);
        }
    return met;
}

/* ---- random markets ---- */

static int between(lt_random *rng, int least, int most)
{
    return least + (int)lt_random_below(rng, most - least + 1);
}

/* Nothing seen: whatever can be asked for is done, and nobody gives away more than their share. */
static void test_exact(lt_env *env)
{
    static market m, again;
    lt_random rng;
    int whole = 0, exact = 0, bounded = 0, fair = 0, alike = 0, refused = 0, counted = 0, rounds = 4000, unbounded = 0;

    lt_random_seed(&rng, 1);
    for (int round = 0; round < rounds; round++) {
        int32_t items = between(&rng, 2, MOST_ITEMS), users = between(&rng, 1, MOST_USERS), targets;
        int64_t largest, needed, places, missing, body = 0;
        lt_status status;

        open_market(&m, &rng, users, items, between(&rng, 1, items));
        if (round % 4 == 1)
            attribute(&m, &rng, between(&rng, 1, 12), round % 8 == 1, 1);
        for (int32_t i = 0; round % 4 == 2 && i < items - 1; i++)
            m.hidden[i] = lt_random_uniform(&rng) < 0.1;
        for (int32_t i = 0; i < items; i++)
            body += !m.hidden[i] && m.segment[i] != LT_HEAD;
        if (round % 2 == 0 && body >= m.k)
            m.bounds.head_share = lt_random_uniform(&rng);
        /* the largest that is not refused, and often less */
        for (largest = 0, status = LT_OK; status == LT_OK; largest += status == LT_OK) {
            m.bounds.minimum = largest + 1;
            status = lt_exposure_init(env, &m.e, &m.bounds);
            if (status == LT_OK && m.e.needed == 0)
                break;
        }
        refused += strstr(env->error.hint, "largest minimum") != NULL || m.e.needed == 0;
        m.bounds.minimum = round % 3 == 0 ? largest : lt_random_below(&rng, largest + 1);
        if (lt_exposure_init(env, &m.e, &m.bounds) != LT_OK || (needed = m.e.needed, run(env, &m)) != LT_OK) {
            printf("# %s\n", env->error.message);
            continue;
        }
        places = (int64_t)users * m.n[0];
        again = m;
        run(env, &again);
        whole += lists_are_whole(&m);
        missing = lacking(&m, &targets);
        exact += missing == 0;
        counted += lt_exposure_short(&m.e, &missing) == targets;
        bounded += head_is_bounded(&m);
        if (m.bounds.head_share == 1) {
            unbounded++;
            fair += given_away(&m) <= (m.k * needed + places - 1) / places;
        }
        alike += same_lists(&m, &again);
    }
    ok(whole == rounds, "%d of %d: lists are selections without repeats, in order", whole, rounds);
    ok(exact == rounds, "%d: every target appears as often as asked for", exact);
    ok(counted == rounds, "%d: what is reported is what the lists show", counted);
    ok(refused == rounds, "%d: what no lists have room for is refused", refused);
    ok(bounded == rounds, "%d: the head has its share in every prefix", bounded);
    ok(fair == unbounded, "%d of %d: nobody gives away more than ceil(k D / R)", fair, unbounded);
    ok(alike == rounds, "%d: the same again", alike);
}

/* What users have is left out: what is missing is reported, and is little more than the flow cannot do either. */
static void test_seen(lt_env *env)
{
    static market m;
    lt_random rng;
    int whole = 0, bounded = 0, counted = 0, rounds = 4000, ran = 0, perfect = 0, flows = 0;
    int64_t possible = 0, met = 0;

    lt_random_seed(&rng, 2);
    for (int round = 0; round < rounds; round++) {
        int32_t items = between(&rng, 5, MOST_ITEMS), targets, reported_targets;
        int64_t missing, reported;

        open_market(&m, &rng, between(&rng, 1, MOST_USERS), items, between(&rng, 1, items < 10 ? items : 10));
        have(&m, &rng, 0.3 * lt_random_uniform(&rng));
        if (round % 4 == 1)
            attribute(&m, &rng, between(&rng, 1, 12), 0, 3);
        if (round % 2 == 1)
            m.bounds.head_share = lt_random_uniform(&rng);
        m.bounds.minimum = between(&rng, 0, 6);
        if (lt_exposure_init(env, &m.e, &m.bounds) != LT_OK)
            continue;
        ran++;
        fine(env, run(env, &m));
        whole += lists_are_whole(&m);
        bounded += head_is_bounded(&m);
        missing = lacking(&m, &targets);
        reported_targets = lt_exposure_short(&m.e, &reported);
        counted += reported_targets == targets && reported == missing;
        if (m.bounds.groups == NULL && m.bounds.head_share == 1) {
            int64_t most = most_met(&m), done = m.bounds.minimum * items - missing;

            possible += most;
            met += done;
            flows++;
            perfect += done == most;
        }
    }
    ok(ran > 1000, "%d markets", ran);
    ok(whole == ran, "%d: lists are selections without repeats, in order, of what is not seen", whole);
    ok(bounded == ran, "%d: the head has its share", bounded);
    ok(counted == ran, "%d: what is missing is reported", counted);
    ok(met <= possible && (double)met >= 0.998 * (double)possible && perfect >= 0.95 * flows,
       "%lld appearances of %lld that a maximum flow has; all of them in %d of %d markets", (long long)met,
       (long long)possible, perfect, flows);
}

/* Without bounds, or with bounds that hold already, lists are as they were. */
static void test_identity(lt_env *env)
{
    static market m;
    lt_random rng;
    int same = 0;

    lt_random_seed(&rng, 3);
    for (int round = 0; round < 200; round++) {
        open_market(&m, &rng, 20, 30, 5);
        have(&m, &rng, 0.1);
        if (round % 2 == 0)
            attribute(&m, &rng, 3, 0, 2);
        run(env, &m);
        same += memcmp(m.list, m.plain, sizeof m.list) == 0;
    }
    ok(same == 200, "without bounds nothing is changed");
}

/* Two users, lists of 2 of 4 items, by hand. */
static void test_by_hand(lt_env *env)
{
    static market m;
    static const float value[2][4] = {{9, 8, 3, 2}, {9, 8, 2, 5}};
    int64_t missing;

    m = (market){.items = 4, .users = 2, .k = 2, .segment = {LT_HEAD, LT_MID, LT_TAIL, LT_TAIL}};
    memcpy(m.value[0], value[0], sizeof value[0]);
    memcpy(m.value[1], value[1], sizeof value[1]);
    m.bounds =
        (lt_exposure_bounds){.minimum = 1, .head_share = 1, .segment = m.segment, .items = 4, .users = 2, .k = 2};
    fine(env, run(env, &m));
    ok(m.list[0][0] == 0 && m.list[0][1] == 1 && m.kept[0] == 2, "the first list has two that are needed");
    ok(m.list[1][0] == 3 && m.list[1][1] == 2 && m.kept[1] == 0, "the second gets the others, the better one first");
    m.bounds.minimum = 2;
    ok(lt_exposure_init(env, &m.e, &m.bounds) == LT_INVALID && strstr(env->error.hint, "is 1."),
       "twice is too much: %s; %s", env->error.message, env->error.hint);
    m.bounds.minimum = 0;
    m.bounds.head_share = 0.25;
    fine(env, run(env, &m));
    ok(m.list[0][0] == 1 && m.list[0][1] == 2 && m.kept[0] == 1,
       "of two places a quarter is none: the head's item goes");
    ok(m.list[1][0] == 0 && m.list[1][1] == 1 && m.kept[1] == 2, "of four it is one");
    m.bounds.minimum = 1;
    m.bounds.head_share = 0.2;
    ok(lt_exposure_init(env, &m.e, &m.bounds) == LT_INVALID, "the head's item has no place: %s; %s", env->error.message,
       env->error.detail);
    m.bounds.head_share = 1;
    have(&m, &(lt_random){{1, 2, 3, 4}}, 0);
    m.start[1] = m.start[2] = 1;
    m.col[0] = 2;
    m.excluded[0][2] = 1;
    m.start[2] = 2;
    m.col[1] = 2;
    m.excluded[1][2] = 1;
    fine(env, run(env, &m));
    ok(lt_exposure_short(&m.e, &missing) == 1 && missing == 1, "an item that both have cannot be shown");
}

/* ---- FairRec (Patro et al. 2020), its algorithm 1, with alpha = 1 ---- */

static void fairrec(market *m, int64_t copies)
{
    int64_t left[MOST_ITEMS], total = (int64_t)m->items * copies;

    memset(m->n, 0, sizeof m->n);
    for (int32_t i = 0; i < m->items; i++)
        left[i] = copies;
    for (int phase = 1; phase <= 2; phase++) {
        for (int32_t turn = 0; turn < m->users * m->k; turn++) {
            int32_t u = turn % m->users, best = -1;

            if ((phase == 1 && total == 0) || m->n[u] == m->k)
                continue;
            for (int32_t i = 0; i < m->items; i++) {
                bool has = false;

                for (int64_t p = 0; p < m->n[u]; p++)
                    has |= m->list[u][p] == i;
                if (!has && (phase == 2 || left[i] > 0) && (best < 0 || m->value[u][i] > m->value[u][best]))
                    best = i;
            }
            if (best < 0)
                continue;
            m->list[u][m->n[u]++] = best;
            left[best] -= phase == 1;
            total -= phase == 1;
        }
    }
}

static void test_fairrec(lt_env *env)
{
    static market m, theirs;
    lt_random rng;
    double plain = 0, ours = 0, paper = 0, worst_ours = 1, worst_paper = 1;
    int kept = 0, paper_kept = 0;

    lt_random_seed(&rng, 4);
    for (int round = 0; round < 200; round++) {
        int32_t targets;

        open_market(&m, &rng, 40, 40, 8);
        m.bounds.minimum = 1 + round % 8;
        run(env, &m);
        plain += taste(&m, (const int32_t(*)[MOST_ITEMS])m.plain);
        ours += taste(&m, (const int32_t(*)[MOST_ITEMS])m.list);
        kept += lacking(&m, &targets) == 0;
        theirs = m;
        fairrec(&theirs, m.bounds.minimum);
        paper += taste(&theirs, (const int32_t(*)[MOST_ITEMS])theirs.list);
        paper_kept += lacking(&theirs, &targets) == 0;
        for (int32_t u = 0; u < m.users; u++) {
            double best = 0, mine = 0, its = 0;

            for (int64_t p = 0; p < m.k; p++) {
                best += m.value[u][m.plain[u][p]];
                mine += m.value[u][m.list[u][p]];
                its += theirs.value[u][theirs.list[u][p]];
            }
            worst_ours = fmin(worst_ours, mine / best);
            worst_paper = fmin(worst_paper, its / best);
        }
    }
    ok(kept == 200, "ours keeps the minimum in all");
    ok(ours > 0.985 * paper,
       "scores kept: %.4f, FairRec %.4f (its minimum is kept in %d of 200); worst user %.3f, %.3f", ours / plain,
       paper / plain, paper_kept, worst_ours, worst_paper);
}

int main(void)
{
    lt_env *env = test_env();

    test_by_hand(env);
    test_identity(env);
    test_exact(env);
    test_seen(env);
    test_fairrec(env);
    test_env_drop(env);
    return done();
}
