/*
 * ranking.h: measures of recommended lists, their accuracy and what the tail gets, accumulated over users at several
 * cut-offs. Each definition is written, with its source, where it is implemented.
 */
#ifndef LT_RANKING_H
#define LT_RANKING_H

#include "popularity.h"

typedef enum lt_measure {
    LT_HIT_RATE,
    LT_PRECISION,
    LT_RECALL,
    LT_RECALL_CAPPED,
    LT_F1,
    LT_NDCG,
    LT_MAP,
    LT_MRR,
    LT_RANK_AUC,
    LT_ARP,
    LT_APLT,
    LT_TAIL_COVERAGE,
    LT_CATALOGUE_COVERAGE,
    LT_GINI,
    LT_NOVELTY,
    LT_MEASURES
} lt_measure;
extern const char *const lt_measure_names[LT_MEASURES];

typedef struct lt_ranking_metrics {
    int n_k;
    const int *k; /* the caller's, as is popularity: both must outlive this */
    const lt_popularity *popularity;
    int64_t users;
    double *sum;      /* n_k x LT_MEASURES: sums over users */
    int64_t *listed;  /* n_k: users whose list has an item of the catalogue */
    double *exposure; /* n_k x I: how often each item was in a list */
    double auc_sum;
    int64_t auc_users;
} lt_ranking_metrics;

/* LT_INVALID for a cut-off below 1. */
lt_status lt_ranking_init(lt_env *env, lt_ranking_metrics *m, const int *k, int n_k, const lt_popularity *popularity);
/*
 * One user's list: items[0..n) best first (n may be below k or 0; items < 0 are unknown to the catalogue), and the
 * held-out relevant items, relevant[0..n_relevant) ascending, n_relevant > 0, which may hold -1 for items the catalogue
 * does not know (they count in the denominators of recall and of the ideal DCG: they could have been shown).
 */
void lt_ranking_add(lt_ranking_metrics *m, const int32_t *items, int64_t n, const int32_t *relevant,
                    int64_t n_relevant);
/* The user's AUC over the full ranking; NaN is left out. */
void lt_ranking_add_auc(lt_ranking_metrics *m, double auc);
/* One measure at k[j]; NaN where it is not defined: no users, no lists, no tail. */
lt_status lt_ranking_value(lt_env *env, const lt_ranking_metrics *m, lt_measure measure, int j, double *out);

#endif
