/*
 * recommend.h: a loaded model answering: scores, lists, validation.
 */
#ifndef LT_RECOMMEND_H
#define LT_RECOMMEND_H

#include "bundle.h"
#include "popularity.h"
#include "ranking.h"
#include "rerank.h"

/*
 * What is done to a score before it orders lists: divided by popularity^popularity, multiplied by exp(trend * the
 * item's trend).  trends: I, as lt_bundle.trend; NULL: none are known.  prepared: see lt_adjustment_prepare.
 */
typedef struct lt_adjustment {
    double popularity, trend; /* exponents */
    const double *trends;
    const double *prepared;
} lt_adjustment;

/* A bundle made ready: popularity and the algorithm's per-item state. Read-only once made. */
typedef struct lt_recommender {
    const lt_bundle *bundle;
    lt_scorer scorer;
    /* of a recommender */
    lt_popularity popularity;
    double *log_count; /* I: ln(max(interactions, 1)) */
    float *popular;    /* I: the margin for somebody of whom nothing is known */
    lt_adjustment own; /* at the model's own exponents */
    /* least and most of the items' log_count and trend */
    double log_counts[2], trends[2];
} lt_recommender;

lt_status lt_recommender_init(lt_env *env, lt_recommender *r, const lt_bundle *bundle);

/* Works out once what the adjustment does to each item; without, it is worked out for every score. */
lt_status lt_adjustment_prepare(lt_env *env, const lt_recommender *r, lt_adjustment *a);
/* The recommender's own adjustment with another popularity exponent. */
lt_adjustment lt_adjustment_with(const lt_recommender *r, double popularity);

typedef struct lt_request {
    lt_subject subject;
    bool popularity_only;      /* nothing is known of the user: rank by popularity */
    const uint8_t *excluded;   /* I; NULL: none */
    const int32_t *left_out;   /* items left out besides, ascending */
    int64_t n_left_out;
    const int32_t *candidates; /* NULL: the whole catalogue */
    int64_t n_candidates;
    int64_t k;
    lt_adjustment adjust;
    const lt_rerank_stage *stages; /* how the list is reranked; see lt_recommend */
    int n_stages;
    uint64_t seed;
} lt_request;

/*
 * Whether the model can say more of somebody than what is popular: a number, features, or a history that the algorithm
 * answers from.  A request for anybody else is popularity_only.
 */
bool lt_recommender_knows(const lt_recommender *r, const lt_subject *subject);

typedef struct lt_list {
    int64_t n;
    int32_t *item;
    double *score; /* what ordered the list */
    double *base;  /* the model's prediction */
} lt_list;

/*
 * The margin that a list for the subject has of one item. popular: it is popularity's, for nothing is known of them; so
 * it is for algorithms that only rank or answer from histories, unless they predict ratings. 0 for an item these do not
 * know (-1); of other algorithms, unknown users and items contribute nothing.
 */
lt_status lt_score_item(lt_env *env, const lt_recommender *r, const lt_subject *subject, int32_t item, float *margin,
                        bool *popular);

/* What orders the whole catalogue for somebody, value[0..I): margins, popularity taken out at the model's exponent. */
lt_status lt_recommender_values(lt_env *env, const lt_recommender *r, const lt_subject *subject, float *value);

/* The user's own share of head, mid and tail among items[0..n). */
void lt_taste(const lt_popularity *popularity, const int32_t *items, int64_t n, double taste[3]);

/*
 * The k best of the candidates, reranked. A pointwise method acts on all of them, when it comes first; what else there
 * is reorders the max(500, 10 k) best by score.  subject.history (when given) is also the taste that personalised
 * methods use.
 */
lt_status lt_recommend(lt_env *env, const lt_recommender *r, const lt_request *request, lt_list *out);

/*
 * The k items most similar to `item`, without it: as the algorithm says, else by the cosine of the items' encoded
 * features; LT_UNSUPPORTED where there are none. list->base is the score.
 */
lt_status lt_similar(lt_env *env, const lt_recommender *r, int32_t item, int64_t k, lt_list *out);

/*
 * Vectors of items[0..n) (below 0: all zeros) for lt_similarity, by what the model learned or by the items' encoded
 * features; auto: the first of these that there is.  LT_UNSUPPORTED where there is none.
 */
typedef enum lt_vectors_by { LT_VECTORS_AUTO, LT_VECTORS_MODEL, LT_VECTORS_FEATURES } lt_vectors_by;
lt_status lt_item_vectors(lt_env *env, const lt_recommender *r, lt_vectors_by by, const int32_t *items, int64_t n,
                          lt_table *out);

/* What evaluation ranks: one row a user, the row's columns the relevant items (numbers ascending, below 0 for unknown).
 */
typedef struct lt_test {
    lt_pairs relevant;
    const int32_t *user;         /* relevant.rows numbers in the bundle, below 0 unknown */
    const lt_pairs *seen;        /* by bundle user: their histories, whose items are not ranked; NULL: none */
    bool ranks_seen;             /* they are ranked all the same */
    const lt_pairs *candidates;  /* by row: the only items ranked, relevant ones included; NULL: the whole catalogue */
    const uint8_t *hidden;       /* I: items that are no negatives; NULL: none */
    /* Fills in->similarity of in->item[0..n), for diversity (lt_ranking_go_deep); NULL: that is not measured. */
    lt_status (*alike)(lt_env *env, void *context, lt_rerank_input *in);
    void *alike_context;
    bool lists_only;             /* no AUC, which takes as long as a linear model's lists */
    const lt_table *strangers;   /* features of unknown users; NULL: none have any */
    const int32_t *stranger_row; /* of users -1, -2, ...: the row there, or -1: they get what is popular */
} lt_test;

/*
 * Candidates: each user's relevant items and `negatives` others that they have not, drawn without replacement and
 * uniformly, or all there are; the same for a seed. test->relevant.cols is I.
 */
lt_status lt_sample_candidates(lt_env *env, const lt_test *test, int64_t negatives, uint64_t seed, lt_pairs *out);

/*
 * Ranks the catalogue for every test user and adds it to m, whose largest k is the list's length. how: adjustment,
 * stages and seed, to which each user's number is added, so that a list does not depend on who else is tested; the rest
 * of it is set here.
 */
lt_status lt_evaluate_ranking(lt_env *env, const lt_recommender *r, const lt_test *test, const lt_request *how,
                              lt_ranking_metrics *m);
/* The same in n_how ways at once, how[i] into m[i]; users are scored once for all of them. */
lt_status lt_evaluate_rankings(lt_env *env, const lt_recommender *r, const lt_test *test, const lt_request *how,
                               int n_how, lt_ranking_metrics *m);

/*
 * The validation metric of r on data->validation, where data is encoded with r's bundle. *metric names it; NULL is
 * replaced by what option validation_metric says, auto resolved. NaN when there are no validation examples.
 */
lt_status lt_validate(lt_env *env, const lt_recommender *r, const lt_dataset *data, const lt_options *options,
                      const char **metric, double *value);
/*
 * The same under each of n adjustments in place of the bundle's own, and the share of tail items in the lists of 10
 * (APLT) where the metric is of lists, else NaN.  Users are scored once for all of them.
 */
typedef struct lt_validation {
    double value, aplt;
} lt_validation;
lt_status lt_validate_adjusted(lt_env *env, const lt_recommender *r, const lt_dataset *data, const lt_options *options,
                               const lt_adjustment *adjust, int n, const char **metric, lt_validation *out);
/*
 * lt_dataset.measure: the same of a model in training, except that ndcg and recall are of 300 users at most, those of
 * the lowest lots, so that an epoch's figure costs little beside the epoch.  NaN as well when memory does not suffice:
 * the figure is not worth the training.  Keeps no memory.
 */
typedef struct lt_measuring { /* the context */
    const lt_bundle *bundle;  /* all but the model */
    const lt_dataset *data;
    const lt_options *options;
} lt_measuring;
lt_status lt_measure_epoch(lt_env *env, void *context, const lt_model *model, double *value);
/* Whether the metric is of lists, not of single predictions. */
bool lt_metric_of_lists(const char *metric);
/* Whether a higher value of the metric is better. */
bool lt_metric_higher_is_better(const char *metric);

#endif
