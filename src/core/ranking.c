/*
 * ranking.c: accuracy of lists and exposure of items at cut-offs k.
 *
 * Legend: L the first k of a user's list, R the user's relevant items, h hits (items of L in R), r a rank from 1.
 * Users count once each.  Binary gains throughout; an item the catalogue does not know takes its place in L and is
 * never a hit.  Denominators do not shrink with short lists, and exposure is over the whole catalogue.
 *
 * A user has a value of each measure that is a mean over users, or NaN where it is not defined for them; then they are
 * left out of the mean.
 */
#include "ranking.h"

#include "metrics.h"
#include "spread.h"

#include <math.h>
#include <string.h>

const char *const lt_measure_names[LT_MEASURES] = {
    [LT_HIT_RATE] = "hit_rate",
    [LT_PRECISION] = "precision",
    [LT_RECALL] = "recall",
    [LT_RECALL_CAPPED] = "recall_capped",
    [LT_F1] = "f1",
    [LT_NDCG] = "ndcg",
    [LT_MAP] = "map",
    [LT_MRR] = "mrr",
    [LT_RANK_AUC] = "auc",
    [LT_ARP] = "arp",
    [LT_APLT] = "aplt",
    [LT_ACLT] = "aclt",
    [LT_TAIL_COVERAGE] = "tail_coverage",
    [LT_CATALOGUE_COVERAGE] = "catalogue_coverage",
    [LT_GINI] = "gini",
    [LT_ENTROPY] = "entropy",
    [LT_EXPOSURE_HEAD] = "exposure_head",
    [LT_EXPOSURE_MID] = "exposure_mid",
    [LT_EXPOSURE_TAIL] = "exposure_tail",
    [LT_EXPOSURE_MAD] = "exposure_mad",
    [LT_EXPOSURE_CV] = "exposure_cv",
    [LT_NOVELTY] = "novelty",
    [LT_DIVERSITY] = "diversity",
    [LT_SERENDIPITY] = "serendipity",
    [LT_UPD] = "upd",
    [LT_TASTE_KL] = "taste_kl",
    [LT_TASTE_JS] = "taste_js",
    [LT_POPREO] = "popreo",
    [LT_POPRSP] = "poprsp",
    [LT_REO] = "reo",
    [LT_RSP] = "rsp",
};

bool lt_measure_of_users(lt_measure measure)
{
    switch (measure) {
    case LT_TAIL_COVERAGE:
    case LT_CATALOGUE_COVERAGE:
    case LT_GINI:
    case LT_ENTROPY:
    case LT_EXPOSURE_HEAD:
    case LT_EXPOSURE_MID:
    case LT_EXPOSURE_TAIL:
    case LT_EXPOSURE_MAD:
    case LT_EXPOSURE_CV:
    case LT_POPREO:
    case LT_POPRSP:
    case LT_REO:
    case LT_RSP:
        return false;
    default:
        return true;
    }
}

/* ---- making ready ---- */

lt_status lt_ranking_init(lt_env *env, lt_ranking_metrics *m, const int *k, int n_k, const lt_popularity *popularity)
{
    memset(m, 0, sizeof *m);
    m->n_k = n_k;
    m->k = k;
    m->popularity = popularity;
    for (int j = 0; j < n_k; j++) {
        if (k[j] < 1)
            return lt_fail(env, LT_INVALID, "k must be at least 1, not %d", k[j]);
        m->longest = k[j] > m->longest ? k[j] : m->longest;
    }
    if (m->longest > popularity->items)
        m->longest = popularity->items; /* no list is longer */
    LT_TRY(lt_alloc(env, &m->sum, (size_t)n_k, sizeof *m->sum * LT_MEASURES, "ranking measures"));
    LT_TRY(lt_alloc(env, &m->defined, (size_t)n_k, sizeof *m->defined * LT_MEASURES, "ranking measures"));
    LT_TRY(lt_alloc(env, &m->hit, (size_t)m->longest, 1, "ranking measures"));
    return lt_alloc(env, &m->exposure, (size_t)n_k * (size_t)popularity->items, sizeof *m->exposure,
                    "the items' exposure");
}

/* Segments as groups of one item's each. */
static lt_status group_by_segment(lt_env *env, const lt_popularity *p, lt_groups *out)
{
    int64_t *start;
    int32_t *group;

    LT_TRY(lt_alloc(env, &start, (size_t)p->items + 1, sizeof *start, "the items' segments"));
    LT_TRY(lt_alloc(env, &group, (size_t)p->items, sizeof *group, "the items' segments"));
    for (int32_t i = 0; i < p->items; i++) {
        start[i + 1] = i + 1;
        group[i] = p->segment[i];
    }
    *out = (lt_groups){.n = 3, .start = start, .group = group};
    return LT_OK;
}

lt_status lt_ranking_go_deep(lt_env *env, lt_ranking_metrics *m, const lt_groups *attribute)
{
    const lt_popularity *p = m->popularity;
    lt_groups segments;

    m->in_depth = true;
    LT_TRY(group_by_segment(env, p, &segments));
    LT_TRY(lt_group_tally_init(env, &m->by_segment, &segments, m->n_k, p));
    if (attribute != NULL)
        LT_TRY(lt_group_tally_init(env, &m->by_attribute, attribute, m->n_k, p));
    LT_TRY(lt_alloc(env, &m->popular, (size_t)m->longest, sizeof *m->popular, "a list by popularity"));
    LT_TRY(lt_alloc(env, &m->by_rank, (size_t)p->items, sizeof *m->by_rank, "the items by popularity"));
    for (int32_t i = 0; i < p->items; i++)
        m->by_rank[p->rank[i] - 1] = i;
    return LT_OK;
}

lt_status lt_ranking_keep(lt_env *env, lt_ranking_metrics *m, int64_t users)
{
    return lt_alloc(env, &m->kept, (size_t)users * (size_t)m->n_k, sizeof *m->kept * LT_MEASURES,
                    "the users' measures");
}

double lt_ranking_kept(const lt_ranking_metrics *m, int64_t row, lt_measure measure, int j)
{
    return m->kept[(row * m->n_k + j) * LT_MEASURES + measure];
}

/* ---- accuracy ---- */

/* Whether sorted[0..n) has the item. */
static bool holds(const int32_t *sorted, int64_t n, int32_t item)
{
    int64_t low = 0, high = n;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (sorted[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && sorted[low] == item;
}

/* Discount of rank r (Jarvelin and Kekalainen, "Cumulated gain-based evaluation of IR techniques", 2002; base 2). */
static double discount(int64_t r)
{
    return 1 / log2((double)r + 1);
}

static void measure_accuracy(double *value, int k, const uint8_t *hit, int64_t n, int64_t n_relevant)
{
    int64_t possible = n_relevant < k ? n_relevant : k; /* most hits a list of k can have */
    int64_t hits = 0, first = 0;
    double dcg = 0, ideal = 0, precisions = 0;
    double precision, recall;

    for (int m = LT_HIT_RATE; m <= LT_MRR; m++)
        value[m] = 0;
    for (int64_t r = 1; r <= n; r++) {
        if (!hit[r - 1])
            continue;
        hits++;
        if (first == 0)
            first = r;
        dcg += discount(r);
        precisions += (double)hits / (double)r;
    }
    if (hits == 0)
        return;
    for (int64_t r = 1; r <= possible; r++)
        ideal += discount(r);
    precision = (double)hits / k;
    recall = (double)hits / (double)n_relevant;
    value[LT_HIT_RATE] = 1;          /* 1 with a hit: its mean is the share of users who have one */
    value[LT_PRECISION] = precision; /* h / k */
    value[LT_RECALL] = recall;       /* h / |R| */
    /* h / min(k, |R|): recall as Liang et al., "Variational autoencoders for collaborative filtering", 2018, define it
     */
    value[LT_RECALL_CAPPED] = (double)hits / (double)possible;
    value[LT_F1] = 2 * precision * recall / (precision + recall); /* the two's harmonic mean, of each user */
    value[LT_NDCG] = dcg / ideal; /* sum over hits of 1/log2(r+1), over that of the best list: min(k, |R|) hits first */
    /* sum over hits of (hits up to r) / r, over min(k, |R|), as RecBole's; Elliot's is the mean precision at 1 to k */
    value[LT_MAP] = precisions / (double)possible;
    value[LT_MRR] = 1 / (double)first; /* 1 / rank of the first hit; Voorhees, "The TREC-8 QA track report", 1999 */
}

/* ---- what kind of items ---- */

/*
 * ACLT, average coverage of long-tail items, is the number of tail items in L, APLT, average percentage of them, their
 * share of it; both are 0 of an empty list (Abdollahpouri, Burke and Mobasher, "Managing popularity bias in recommender
 * systems with personalized re-ranking", 2019).  Elliot's are these, of a tail of all items but those with
 * the first 80 % of the interactions; RecBole's TailPercentage is APLT of the 10 % of items that have the fewest.
 *
 * ARP, average recommendation popularity: mean interactions of the listed items (Yin et al., "Challenging the long tail
 * recommendation", 2012; RecBole's AveragePopularity).  Novelty: the same of their self-information (Zhou et al. 2010).
 * A list without an item of the catalogue has neither: counted as 0 it would pass for the least popular of lists.
 */
static void measure_items(lt_ranking_metrics *m, int j, const int32_t *items, int64_t n, double *value)
{
    const lt_popularity *p = m->popularity;
    double *exposure = m->exposure + (size_t)j * (size_t)p->items;
    double count = 0, novelty = 0;
    int64_t known = 0, tail = 0;

    for (int64_t r = 0; r < n; r++) {
        if (items[r] < 0)
            continue;
        known++;
        count += p->count[items[r]];
        novelty += p->novelty[items[r]];
        tail += p->segment[items[r]] == LT_TAIL;
        exposure[items[r]] += 1;
    }
    value[LT_APLT] = n > 0 ? (double)tail / (double)n : 0;
    value[LT_ACLT] = (double)tail;
    if (known == 0)
        return;
    value[LT_ARP] = count / (double)known;
    value[LT_NOVELTY] = novelty / (double)known;
}

/*
 * Intra-list diversity: the mean over pairs of L of 1 - similarity (Smyth and McClave, "Similarity vs. diversity",
 * 2001; Ziegler et al., "Improving recommendation lists through topic diversification", 2005, add up the similarities
 * instead).  From 0 to 2, as similarity is a cosine.  Lists of fewer than 2 items have no pair.
 */
static lt_status measure_diversity(lt_env *env, const lt_similarity *s, int64_t n, double *value)
{
    double alike;

    if (s == NULL || n < 2)
        return LT_OK;
    LT_TRY(lt_similarity_mean(env, s, n, &alike));
    *value = 1 - alike;
    return LT_OK;
}

static bool could_be_shown(const lt_popularity *p, const lt_ranked *user, int32_t item)
{
    return (p->hidden == NULL || !p->hidden[item]) &&
           (user->ranks_history || !holds(user->history, user->n_history, item));
}

/* The m->longest most popular of what the user could have been shown; returns how many there are. */
static int64_t list_by_popularity(const lt_ranking_metrics *m, const lt_ranked *user, int32_t *list)
{
    const lt_popularity *p = m->popularity;
    int64_t n = 0;

    for (int32_t r = 0; user->candidates == NULL && r < p->items && n < m->longest; r++)
        if (could_be_shown(p, user, m->by_rank[r]))
            list[n++] = m->by_rank[r];
    for (int64_t i = 0; i < user->n_candidates && m->longest > 0; i++) {
        int32_t item = user->candidates[i];
        int64_t at = n;

        if (!could_be_shown(p, user, item) || (n == m->longest && p->rank[list[n - 1]] < p->rank[item]))
            continue;
        if (n < m->longest)
            n++;
        else
            at--;
        for (; at > 0 && p->rank[list[at - 1]] > p->rank[item]; at--)
            list[at] = list[at - 1];
        list[at] = item;
    }
    return n;
}

/*
 * Hits that a list of the k most popular items which could be listed would not have made, over k (Murakami, Mori and
 * Orihara, "Metrics for evaluating the serendipity of recommendation lists", 2007: useful and not expected from a
 * primitive method; Ge, Delgado-Battenfeld and Jannach, "Beyond accuracy", 2010, divide by the number of unexpected
 * items instead, so that one lucky item makes a whole serendipitous list).  Ours is at most precision and may be
 * compared with it.
 */
static double serendipity(int k, const int32_t *items, const uint8_t *hit, int64_t n, const int32_t *popular,
                          int64_t n_popular)
{
    int64_t surprises = 0;

    for (int64_t r = 0; r < n; r++) {
        bool expected = !hit[r];

        for (int64_t i = 0; i < n_popular && i < k && !expected; i++)
            expected = popular[i] == items[r];
        surprises += !expected;
    }
    return (double)surprises / k;
}

/*
 * User popularity deviation: Jensen and Shannon's divergence between the user's head, mid and tail and the list's, in
 * bits (Abdollahpouri, Mansoury, Burke, Mobasher and Malthouse, "User-centered evaluation of popularity bias in
 * recommender systems", 2021). They average over groups of users first, by their interest in what is popular; ours is
 * the mean over all users. taste_kl and taste_js are of the attribute, where there is one.
 */
static lt_status measure_taste(lt_env *env, lt_ranking_metrics *m, int j, const int32_t *items, int64_t n,
                               double *value)
{
    lt_group_tally_list(&m->by_segment, j, items, m->hit, n);
    LT_TRY(lt_group_tally_divergence(env, &m->by_segment, &value[LT_TASTE_KL], &value[LT_UPD]));
    value[LT_TASTE_JS] = value[LT_UPD];
    lt_group_tally_next_list(&m->by_segment);
    if (m->by_attribute.groups.start == NULL)
        return LT_OK;
    lt_group_tally_list(&m->by_attribute, j, items, m->hit, n);
    LT_TRY(lt_group_tally_divergence(env, &m->by_attribute, &value[LT_TASTE_KL], &value[LT_TASTE_JS]));
    lt_group_tally_next_list(&m->by_attribute);
    return LT_OK;
}

/* ---- a user ---- */

static void take(lt_ranking_metrics *m, int j, const double *value)
{
    for (int measure = 0; measure < LT_MEASURES; measure++)
        if (!isnan(value[measure])) {
            m->sum[j * LT_MEASURES + measure] += value[measure];
            m->defined[j * LT_MEASURES + measure]++;
        }
    if (m->kept != NULL)
        memcpy(m->kept + (m->users * m->n_k + j) * LT_MEASURES, value, LT_MEASURES * sizeof *value);
}

lt_status lt_ranking_add(lt_env *env, lt_ranking_metrics *m, const lt_ranked *user)
{
    int64_t n = user->n < m->longest ? user->n : m->longest, n_popular = 0;

    for (int64_t r = 0; r < n; r++)
        m->hit[r] = user->items[r] >= 0 && holds(user->relevant, user->n_relevant, user->items[r]);
    if (m->in_depth) {
        lt_group_tally_user(&m->by_segment, m->popularity, user);
        if (m->by_attribute.groups.start != NULL)
            lt_group_tally_user(&m->by_attribute, m->popularity, user);
        n_popular = list_by_popularity(m, user, m->popular);
    }
    for (int j = 0; j < m->n_k; j++) {
        int64_t length = n < m->k[j] ? n : m->k[j];
        double value[LT_MEASURES];

        for (int measure = 0; measure < LT_MEASURES; measure++)
            value[measure] = NAN;
        value[LT_RANK_AUC] = user->auc; /* the same at every k */
        measure_accuracy(value, m->k[j], m->hit, length, user->n_relevant);
        measure_items(m, j, user->items, length, value);
        if (m->in_depth) {
            LT_TRY(measure_diversity(env, user->similarity, length, &value[LT_DIVERSITY]));
            LT_TRY(measure_taste(env, m, j, user->items, length, value));
            value[LT_SERENDIPITY] = serendipity(m->k[j], user->items, m->hit, length, m->popular, n_popular);
        }
        take(m, j, value);
    }
    lt_group_tally_next_user(&m->by_segment);
    lt_group_tally_next_user(&m->by_attribute);
    if (!isnan(user->auc)) {
        m->auc_sum += user->auc;
        m->auc_users++;
    }
    m->users++;
    return LT_OK;
}

/* ---- the figures ---- */

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

/* Distinct items shown to anybody over the items there are, of the tail or of the whole catalogue. */
static double coverage(const lt_popularity *p, const double *exposure, bool tail_only)
{
    int64_t shown = 0, there = 0;

    for (int32_t i = 0; i < p->items; i++) {
        if ((tail_only && p->segment[i] != LT_TAIL) || (p->hidden != NULL && p->hidden[i]))
            continue;
        there++;
        shown += exposure[i] > 0;
    }
    return ratio((double)shown, (double)there);
}

/* A segment's share of all places that items of the catalogue were shown in. */
static double exposure_of(const lt_popularity *p, const double *exposure, lt_segment segment)
{
    double part = 0, whole = 0;

    for (int32_t i = 0; i < p->items; i++) {
        part += p->segment[i] == segment ? exposure[i] : 0;
        whole += exposure[i];
    }
    return ratio(part, whole);
}

/*
 * How exposure is spread over the catalogue's items; one never shown has an exposure of 0.
 * Gini: see metrics.c; RecBole's is the same, Elliot's 1 - Gini n / (n - 1).
 * Entropy, in bits, is that of the distribution of shown places over items.  Elliot's is the same where all lists are
 * as long (else its weights are those of lists, not of places); RecBole's is in nats, over the number of items shown.
 * Mean absolute deviation: of an item's exposure as the share of users in whose list it is.
 * Coefficient of variation: the population's standard deviation over the mean.
 */
static lt_status measure_spread(lt_env *env, const lt_ranking_metrics *m, lt_measure measure, const double *exposure,
                                double *out)
{
    const lt_popularity *p = m->popularity;
    double *of, total = 0;
    int32_t n = 0;

    LT_TRY(lt_alloc(env, &of, (size_t)p->items, sizeof *of, "the items' exposure"));
    for (int32_t i = 0; i < p->items; i++)
        if (p->hidden == NULL || !p->hidden[i])
            total += of[n++] = exposure[i];
    if (measure == LT_GINI)
        LT_TRY(lt_gini(env, of, n, out));
    else if (measure == LT_ENTROPY)
        LT_TRY(lt_entropy(env, of, n, out));
    else if (measure == LT_EXPOSURE_CV)
        LT_TRY(lt_coefficient_of_variation(env, of, n, out));
    else if (total > 0) {
        LT_TRY(lt_mean_absolute_deviation(env, of, n, out));
        *out /= (double)m->users;
    }
    lt_free(env, of);
    return LT_OK;
}

lt_status lt_ranking_value(lt_env *env, const lt_ranking_metrics *m, lt_measure measure, int j, double *out,
                           int64_t *users)
{
    const double *exposure = m->exposure + (size_t)j * (size_t)m->popularity->items;
    int64_t over = m->users;

    *out = NAN;
    if (measure == LT_RANK_AUC)
        over = m->auc_users;
    else if (lt_measure_of_users(measure))
        over = m->defined[j * LT_MEASURES + measure];
    if (users != NULL)
        *users = over;
    if (over == 0)
        return LT_OK;
    switch (measure) {
    case LT_RANK_AUC:
        *out = m->auc_sum / (double)over;
        return LT_OK;
    /* Herlocker et al., "Evaluating collaborative filtering recommender systems", 2004: catalogue coverage; of the
     * tail alone: Abdollahpouri, Burke and Mobasher 2019, where it is called long-tail coverage. */
    case LT_TAIL_COVERAGE:
    case LT_CATALOGUE_COVERAGE:
        *out = coverage(m->popularity, exposure, measure == LT_TAIL_COVERAGE);
        return LT_OK;
    case LT_EXPOSURE_HEAD:
    case LT_EXPOSURE_MID:
    case LT_EXPOSURE_TAIL:
        *out = exposure_of(m->popularity, exposure, (lt_segment)(measure - LT_EXPOSURE_HEAD));
        return LT_OK;
    case LT_GINI:
    case LT_ENTROPY:
    case LT_EXPOSURE_MAD:
    case LT_EXPOSURE_CV:
        return measure_spread(env, m, measure, exposure, out);
    case LT_POPREO:
    case LT_POPRSP:
        if (m->in_depth)
            *out = lt_group_tally_parity(&m->by_segment, j, measure == LT_POPREO);
        return LT_OK;
    case LT_REO:
    case LT_RSP:
        if (m->by_attribute.groups.start != NULL)
            *out = lt_group_tally_parity(&m->by_attribute, j, measure == LT_REO);
        return LT_OK;
    default:
        *out = m->sum[j * LT_MEASURES + measure] / (double)over;
        return LT_OK;
    }
}
