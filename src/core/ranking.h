/*
 * ranking.h: measures of recommended lists, their accuracy and what the tail gets, accumulated over users at several
 * cut-offs. Each definition is written, with its source, where it is implemented.
 */
#ifndef LT_RANKING_H
#define LT_RANKING_H

#include "popularity.h"
#include "rerank.h"

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
    LT_ACLT,
    LT_TAIL_COVERAGE,
    LT_CATALOGUE_COVERAGE,
    LT_GINI,
    LT_ENTROPY,
    LT_EXPOSURE_HEAD,
    LT_EXPOSURE_MID,
    LT_EXPOSURE_TAIL,
    LT_EXPOSURE_MAD,
    LT_EXPOSURE_CV,
    LT_NOVELTY,
    LT_DIVERSITY,
    LT_SERENDIPITY,
    LT_UPD,
    LT_TASTE_KL,
    LT_TASTE_JS,
    LT_POPREO,
    LT_POPRSP,
    LT_REO,
    LT_RSP,
    LT_MEASURES
} lt_measure;
extern const char *const lt_measure_names[LT_MEASURES];
/* Whether it is a mean over users, who then have a value each, or one of the catalogue. */
bool lt_measure_of_users(lt_measure measure);

/* What groups of items, which may overlap, had and got, over users. */
typedef struct lt_group_tally {
    lt_groups groups;     /* of the I items; start NULL: none */
    double *members;      /* by group: items of the catalogue */
    double whole;         /* users whose list could have had any item, but for */
    double *rankable;     /* by group: what to add to whole * members for what could have been in all lists */
    double *relevant;     /* by group: of all users, those of them that are relevant */
    double *shown, *hits; /* n_k x groups: of these, those in the first k of the list */
    double *taste, *list; /* scratch by group: what the user has, and what the list has; 0 between users */
    double *p, *q;        /* scratch */
    int32_t *touched;     /* scratch: groups that taste or list has anything of */
    int32_t n_touched;
} lt_group_tally;

typedef struct lt_ranking_metrics {
    int n_k;
    const int *k;    /* the caller's, as is popularity: both must outlive this */
    int64_t longest; /* k */
    const lt_popularity *popularity;
    int64_t users;
    double *sum;      /* n_k x LT_MEASURES: sums over users */
    int64_t *defined; /* n_k x LT_MEASURES: users that have a value */
    double *exposure; /* n_k x I: how often each item was in a list */
    double auc_sum;
    int64_t auc_users;
    double *kept;  /* see lt_ranking_keep */
    uint8_t *hit;  /* longest: whether each place of the user's list is a hit */
    bool in_depth; /* see lt_ranking_go_deep; what follows is of it */
    lt_group_tally by_segment, by_attribute;
    int32_t *by_rank; /* I: items by popularity */
    int32_t *popular; /* longest: the user's list by popularity */
} lt_ranking_metrics;

/* LT_INVALID for a cut-off below 1. */
lt_status lt_ranking_init(lt_env *env, lt_ranking_metrics *m, const int *k, int n_k, const lt_popularity *popularity);
/*
 * From now on also what takes longer or more memory: serendipity, popularity deviation and taste, popreo and poprsp;
 * diversity where lt_ranked has a similarity.  attribute: groups of the I items, which taste then is about, and reo and
 * rsp; NULL: taste is about segments.
 */
lt_status lt_ranking_go_deep(lt_env *env, lt_ranking_metrics *m, const lt_groups *attribute);
/* Makes room to keep each user's values: those of user `row`, in the order they are added, come to lt_ranking_kept. */
lt_status lt_ranking_keep(lt_env *env, lt_ranking_metrics *m, int64_t users);
/* NaN where it is not defined for the user. */
double lt_ranking_kept(const lt_ranking_metrics *m, int64_t row, lt_measure measure, int j);

/* A user's list and what it is measured by. */
typedef struct lt_ranked {
    const int32_t *items; /* n, best first; n may be below k or 0; below 0: unknown to the catalogue */
    int64_t n;
    /*
     * Held-out items, ascending, at least one, which may be -1 for those the catalogue does not know: they count in
     * the denominators of recall and of the ideal DCG, for they could have been shown.
     */
    const int32_t *relevant;
    int64_t n_relevant;
    double auc; /* of the whole ranking; NaN is left out */
    /* read in depth */
    const int32_t *history; /* what the user has, ascending */
    int64_t n_history;
    bool ranks_history;        /* it could be in the list */
    const int32_t *candidates; /* ascending, the only items that could be; NULL: the whole catalogue */
    int64_t n_candidates;
    const lt_similarity *similarity; /* of items[0..n); NULL: unknown */
} lt_ranked;

lt_status lt_ranking_add(lt_env *env, lt_ranking_metrics *m, const lt_ranked *user);
/*
 * One measure at k[j]; NaN where it is not defined: no users, no lists, no tail, not looked at in depth.  users, if not
 * NULL: how many the figure is over.
 */
lt_status lt_ranking_value(lt_env *env, const lt_ranking_metrics *m, lt_measure measure, int j, double *out,
                           int64_t *users);

/* ---- groups of items (ranking_groups.c) ---- */

lt_status lt_group_tally_init(lt_env *env, lt_group_tally *t, const lt_groups *groups, int n_k,
                              const lt_popularity *popularity);
/* What could have been in the user's list, what is relevant, and what they have, as t->taste. */
void lt_group_tally_user(lt_group_tally *t, const lt_popularity *popularity, const lt_ranked *user);
/* Their list, cut to n items, as t->list, and what the groups got in it. hit: n. */
void lt_group_tally_list(lt_group_tally *t, int j, const int32_t *items, const uint8_t *hit, int64_t n);
/* How far the list is from the taste, in bits; NaN without either. */
lt_status lt_group_tally_divergence(lt_env *env, lt_group_tally *t, double *kl, double *js);
void lt_group_tally_next_list(lt_group_tally *t);
void lt_group_tally_next_user(lt_group_tally *t);
/* REO at k[j] or, not relevant, RSP. */
double lt_group_tally_parity(const lt_group_tally *t, int j, bool relevant);

#endif
