/*
 * metrics.h: accuracy of predictions, accuracy of rankings, and what the tail gets.
 * Each definition is written, with its source, where it is implemented.
 */
#ifndef LT_METRICS_H
#define LT_METRICS_H

#include "base.h"
#include "dataset.h"

/* Area under the ROC curve with mid-ranks for ties and optional weights (NULL: 1). NaN when one class is missing. */
lt_status lt_auc(lt_env *env, const double *score, const uint8_t *positive, const double *weight, int64_t n, double *out);
/* Mean of -ln p of what happened; p is clipped to [1e-15, 1 - 1e-15], as scikit-learn does for float64. NaN when n = 0 */
double lt_log_loss(const double *probability, const uint8_t *positive, const double *weight, int64_t n);
/* Gini coefficient of n amounts >= 0 (all equal: 0; one has all: (n-1)/n). Sorts `amount` in place. NaN for n = 0 or sum 0 */
double lt_gini(double *amount, int64_t n);

/* A point of the ROC curve, from the highest threshold down; first is (0, 0) at +Infinity, last is (1, 1). */
typedef struct lt_roc_point {
    double threshold, false_positive_rate, true_positive_rate;
} lt_roc_point;
lt_status lt_roc_curve(lt_env *env, const double *score, const uint8_t *positive, const double *weight, int64_t n,
                       lt_roc_point **points, int64_t *n_points); /* one point per distinct score; LT_INVALID with one class */

/* The catalogue's popularity and its head, mid and tail. */
typedef enum lt_segment { LT_HEAD, LT_MID, LT_TAIL } lt_segment;
extern const char *const lt_segment_names[3];
typedef struct lt_popularity {
    int32_t items;
    double *count;      /* I */
    int32_t *rank;      /* I: 1 is the most popular; ties by item number */
    uint8_t *segment;   /* I: lt_segment */
    double *novelty;    /* I: -log2(max(count, 1) / total): self-information in bits (Zhou et al. 2010) */
    double total;
} lt_popularity;
/*
 * head: items in descending popularity until the interactions before them reach head_share of all; mid: until
 * 1 - tail_share; tail: the rest, items never seen included. An item belongs where the interactions strictly before it
 * end.  Default shares 0.2 and 0.2.
 */
lt_status lt_popularity_build(lt_env *env, const double *count, int32_t items, double head_share, double tail_share,
                              lt_popularity *out);

/* Accumulates ranking metrics over users at several cut-offs. */
typedef enum lt_measure {
    LT_HIT_RATE, LT_PRECISION, LT_RECALL, LT_F1, LT_NDCG, LT_MAP, LT_MRR, LT_RANK_AUC,
    LT_ARP, LT_APLT, LT_TAIL_COVERAGE, LT_CATALOGUE_COVERAGE, LT_GINI, LT_NOVELTY,
    LT_MEASURES
} lt_measure;
extern const char *const lt_measure_names[LT_MEASURES];

typedef struct lt_ranking_metrics {
    int n_k;
    const int *k;
    const lt_popularity *popularity;
    int64_t users;
    double *sum;      /* n_k x LT_MEASURES */
    double *exposure; /* n_k x I: how often each item was in a list */
    double auc_sum;
    int64_t auc_users;
    double *idcg; /* discounts' running sum */
} lt_ranking_metrics;

lt_status lt_ranking_init(lt_env *env, lt_ranking_metrics *m, const int *k, int n_k, const lt_popularity *popularity);
/*
 * One user's list: items[0..n) best first (n may be below k; items < 0 are unknown to the catalogue), and the held-out
 * relevant items, relevant[0..n_relevant) ascending, n_relevant > 0, which may hold -1 for items the catalogue does not
 * know (they count in the denominators of recall and of the ideal DCG: they could have been shown).
 */
void lt_ranking_add(lt_ranking_metrics *m, const int32_t *items, int64_t n, const int32_t *relevant, int64_t n_relevant);
/* The user's AUC over the full ranking, when known. */
void lt_ranking_add_auc(lt_ranking_metrics *m, double auc);
/* value of one measure at k[j]; NaN when there are no users. */
double lt_ranking_value(const lt_ranking_metrics *m, lt_measure measure, int j);

/* The k best of n scores, descending, ties by lower index; excluded[i] != 0 and NaN scores are left out. Returns how many. */
int64_t lt_top_k(const float *score, const uint8_t *excluded, int64_t n, int64_t k, int32_t *index, float *value);

#endif
