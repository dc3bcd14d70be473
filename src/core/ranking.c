/*
 * ranking.c: accuracy of lists and exposure of items at cut-offs k.
 *
 * Legend: L the first k of a user's list, R the user's relevant items, h hits (items of L in R), r a rank from 1.
 * Users count once each.  Binary gains throughout; an item the catalogue does not know takes its place in L and is
 * never a hit.  Denominators do not shrink with short lists, and exposure is over the whole catalogue.
 */
#include "ranking.h"

#include "metrics.h"

#include <math.h>
#include <string.h>

const char *const lt_measure_names[LT_MEASURES] = {
    "hit_rate", "precision", "recall",        "recall_capped",      "f1",   "ndcg",    "map", "mrr", "auc",
    "arp",      "aplt",      "tail_coverage", "catalogue_coverage", "gini", "novelty",
};

lt_status lt_ranking_init(lt_env *env, lt_ranking_metrics *m, const int *k, int n_k, const lt_popularity *popularity)
{
    memset(m, 0, sizeof *m);
    m->n_k = n_k;
    m->k = k;
    m->popularity = popularity;
    for (int j = 0; j < n_k; j++)
        if (k[j] < 1)
            return lt_fail(env, LT_INVALID, "k must be at least 1, not %d", k[j]);
    LT_TRY(lt_alloc(env, &m->sum, (size_t)n_k, sizeof *m->sum * LT_MEASURES, "ranking measures"));
    LT_TRY(lt_alloc(env, &m->listed, (size_t)n_k, sizeof *m->listed, "ranking measures"));
    return lt_alloc(env, &m->exposure, (size_t)n_k * (size_t)popularity->items, sizeof *m->exposure,
                    "the items' exposure");
}

static bool is_relevant(int32_t item, const int32_t *relevant, int64_t n)
{
    int64_t low = 0;

    while (n > 0) {
        int64_t half = n / 2;

        if (relevant[low + half] < item) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return relevant[low] == item;
}

/* Discount of rank r (Jarvelin and Kekalainen, "Cumulated gain-based evaluation of IR techniques", 2002; base 2). */
static double discount(int64_t r)
{
    return 1 / log2((double)r + 1);
}

static void add_accuracy(double *sum, int k, const int32_t *items, int64_t n, const int32_t *relevant,
                         int64_t n_relevant)
{
    int64_t possible = n_relevant < k ? n_relevant : k; /* most hits a list of k can have */
    int64_t hits = 0, first = 0;
    double dcg = 0, ideal = 0, precisions = 0;
    double precision, recall;

    for (int64_t r = 1; r <= n; r++) {
        if (items[r - 1] < 0 || relevant[n_relevant - 1] < items[r - 1])
            continue;
        if (!is_relevant(items[r - 1], relevant, n_relevant))
            continue;
        hits++;
        if (first == 0)
            first = r;
        dcg += discount(r);
        precisions += (double)hits / (double)r;
    }
    if (hits == 0)
        return; /* every measure of accuracy is 0 */
    for (int64_t r = 1; r <= possible; r++)
        ideal += discount(r);
    precision = (double)hits / k;
    recall = (double)hits / (double)n_relevant;
    sum[LT_HIT_RATE] += 1;          /* share of users with a hit */
    sum[LT_PRECISION] += precision; /* h / k */
    sum[LT_RECALL] += recall;       /* h / |R| */
    /* h / min(k, |R|): recall as Liang et al., "Variational autoencoders for collaborative filtering", 2018, define it
     */
    sum[LT_RECALL_CAPPED] += (double)hits / (double)possible;
    sum[LT_F1] += 2 * precision * recall / (precision + recall); /* the two's harmonic mean, of each user */
    sum[LT_NDCG] += dcg / ideal; /* sum over hits of 1/log2(r+1), over that of the best list: min(k, |R|) hits first */
    sum[LT_MAP] += precisions / (double)possible; /* sum over hits of (hits up to r) / r, over min(k, |R|) */
    sum[LT_MRR] += 1 / (double)first; /* 1 / rank of the first hit; Voorhees, "The TREC-8 QA track report", 1999 */
}

static void add_exposure(lt_ranking_metrics *m, int j, const int32_t *items, int64_t n)
{
    const lt_popularity *p = m->popularity;
    double *sum = m->sum + (size_t)j * LT_MEASURES;
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
    if (n > 0)
        sum[LT_APLT] += (double)tail / (double)n;
    if (known == 0)
        return;
    m->listed[j]++;
    sum[LT_ARP] += count / (double)known;
    sum[LT_NOVELTY] += novelty / (double)known;
}

void lt_ranking_add(lt_ranking_metrics *m, const int32_t *items, int64_t n, const int32_t *relevant, int64_t n_relevant)
{
    m->users++;
    for (int j = 0; j < m->n_k; j++) {
        int64_t length = n < m->k[j] ? n : m->k[j];

        add_accuracy(m->sum + (size_t)j * LT_MEASURES, m->k[j], items, length, relevant, n_relevant);
        add_exposure(m, j, items, length);
    }
}

void lt_ranking_add_auc(lt_ranking_metrics *m, double auc)
{
    if (isnan(auc))
        return;
    m->auc_sum += auc;
    m->auc_users++;
}

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

/* Of the exposure of the catalogue's items. */
static lt_status gini(lt_env *env, const lt_popularity *p, const double *exposure, double *out)
{
    double *of;
    int32_t n = 0;

    if (p->hidden == NULL)
        return lt_gini(env, exposure, p->items, out);
    LT_TRY(lt_alloc(env, &of, (size_t)p->items, sizeof *of, "the items' exposure"));
    for (int32_t i = 0; i < p->items; i++)
        if (!p->hidden[i])
            of[n++] = exposure[i];
    LT_TRY(lt_gini(env, of, n, out));
    lt_free(env, of);
    return LT_OK;
}

lt_status lt_ranking_value(lt_env *env, const lt_ranking_metrics *m, lt_measure measure, int j, double *out)
{
    const double *exposure = m->exposure + (size_t)j * (size_t)m->popularity->items;
    double sum = m->sum[(size_t)j * LT_MEASURES + measure];

    *out = NAN;
    if (m->users == 0 && measure != LT_RANK_AUC)
        return LT_OK;
    switch (measure) {
    case LT_RANK_AUC: /* mean over users of the AUC of their whole ranking: the same at every k */
        *out = ratio(m->auc_sum, (double)m->auc_users);
        return LT_OK;
    /*
     * Average recommendation popularity: mean interactions of the listed items, of each list, averaged over users
     * (Yin et al., "Challenging the long tail recommendation", 2012). Novelty: the same of their self-information
     * (Zhou et al. 2010). A list without an item of the catalogue has neither and is left out: counted as 0 it would
     * pass for the least popular of lists.
     */
    case LT_ARP:
    case LT_NOVELTY:
        *out = ratio(sum, (double)m->listed[j]);
        return LT_OK;
    /* Herlocker et al., "Evaluating collaborative filtering recommender systems", 2004: catalogue coverage; of the
     * tail alone: Abdollahpouri, Burke and Mobasher 2019, where it is called long-tail coverage. */
    case LT_TAIL_COVERAGE:
    case LT_CATALOGUE_COVERAGE:
        *out = coverage(m->popularity, exposure, measure == LT_TAIL_COVERAGE);
        return LT_OK;
    /* Of exposure over the whole catalogue: an item never shown has an exposure of 0. */
    case LT_GINI:
        return gini(env, m->popularity, exposure, out);
    /*
     * The rest are sums over users. APLT, the average percentage of long-tail items: |L in tail| / |L|, 0 for an empty
     * list (Abdollahpouri, Burke and Mobasher, "Controlling popularity bias in learning-to-rank recommendation", 2017).
     */
    default:
        *out = sum / (double)m->users;
        return LT_OK;
    }
}
