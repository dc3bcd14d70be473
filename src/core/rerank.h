/*
 * rerank.h: reordering a scored list: for the tail, for a user's taste, for variety.
 *
 * Legend: n candidates, k wanted; an item is `of the tail` as lt_rerank_segment says.
 *
 * Invariants, tested as properties: strength 0 is the identity (the k best by score, with their scores); the output is
 * a selection without repeats from the input, min(k, n) long.  Of a method that raises the tail: more strength never
 * lowers the number of tail items in any list; each method's file proves it for itself and says on what condition.
 * Where scores tie, the lower index goes first.
 */
#ifndef LT_RERANK_H
#define LT_RERANK_H

#include "base.h"
#include "option.h"
#include "popularity.h"
#include "similarity.h"

/* Values of an attribute of the candidates (categories, suppliers), and the share that each should have of a list. */
typedef struct lt_groups {
    int32_t n;            /* values */
    const int64_t *start; /* candidates + 1 */
    const int32_t
        *group; /* start[candidates]: each candidate's values, each once; an item counts 1 / its values each */
    const double *target; /* n, adding up to 1; NULL: unknown */
} lt_groups;

typedef struct lt_rerank_input {
    int64_t n;
    const double *score;      /* higher is better; any scale, finite */
    const double *popularity; /* interactions, >= 0; NULL where the method needs none */
    const uint8_t *segment;   /* lt_segment of each; NULL where the method needs none */
    const uint8_t *group;     /* what counts as the tail, in the place of segment; NULL: segment == LT_TAIL */
    double user_taste[3];     /* the user's share of head, mid, tail interactions; all 0: unknown */
    const lt_groups *groups;  /* what to calibrate; NULL: segments, to user_taste */
    const lt_similarity *similarity;
    int64_t k;
    double strength;
    uint64_t seed;
    const lt_options *options; /* of the method; NULL: its defaults */
    bool logit;                /* scores are log-odds: popularity subtracts strength * ln pop instead of multiplying */
    /* for lt_rerank_stage.facts */
    const int32_t
        *item; /* numbers of the candidates: in the catalogue (below 0: not of it), or places in a call's list */
    int64_t n_history; /* what the user has */
    const int32_t *history;
} lt_rerank_input;

typedef struct lt_reranker {
    const char *name, *help;
    bool pointwise;                       /* each item's score changes by itself: it may act on a whole catalogue */
    bool raises_tail;                     /* see above */
    bool needs_popularity, needs_segment; /* a group, or groups, will do for a segment */
    bool needs_similarity;
    bool uses_taste;     /* reads user_taste, or groups' target: wants the user's history */
    double max_strength; /* 1, or INFINITY */
    const lt_option *options;
    int n_options;
    /* chosen[0..*n_chosen) indexes the input, best first; value[] is the score that ordered it. */
    lt_status (*run)(lt_env *env, const lt_rerank_input *in, int32_t *chosen, double *value, int64_t *n_chosen);
} lt_reranker;

extern const lt_reranker *const lt_rerankers[];        /* NULL-terminated: the registry */
const lt_reranker *lt_reranker_find(const char *name); /* NULL when there is none */
/*
 * Checks the input (finite scores, strength in range, and unless that is 0 what the method needs is there), then runs.
 * chosen and value hold min(k, n). LT_INVALID with what is wrong.
 */
lt_status lt_rerank(lt_env *env, const lt_reranker *method, const lt_rerank_input *in, int32_t *chosen, double *value,
                    int64_t *n_chosen);

/*
 * One of several methods, one after the other.  facts, if not NULL, fills what the method wants to know of the
 * candidates beyond popularity and segments: group, groups or similarity of in->item[0..n), and the user's taste for a
 * group; the next stage gets none of these.
 */
typedef struct lt_rerank_stage {
    const lt_reranker *method;
    double strength;
    const lt_options *options; /* the method's; NULL: its defaults */
    lt_status (*facts)(lt_env *env, void *context, lt_rerank_input *in);
    void *context;
} lt_rerank_stage;

/*
 * The stages on one list, n_stages >= 1; in's strength and options are not read.  A stage but the last hands on its
 * first max(50, 3 k), by the scores it gave them where it is pointwise, else with the scores they came with dealt out
 * anew in its order: the best score to the first.  So what must hold of the list comes last.
 */
lt_status lt_rerank_stages(lt_env *env, const lt_rerank_stage *stages, int n_stages, const lt_rerank_input *in,
                           int32_t *chosen, double *value, int64_t *n_chosen);

/* score * popularity^-strength for score >= 0; score * popularity^strength below 0, so that popularity always costs.
 * popularity below 1 counts as 1. */
double lt_boost(double score, double popularity, double strength);

/* ---- what the methods share ---- */

extern const lt_reranker lt_rerank_xquad, lt_rerank_calibrated, lt_rerank_mmr, lt_rerank_dpp, lt_rerank_quota,
    lt_rerank_random;

/* order[0..n): the candidates by key[0] descending, ties by key[1] descending and so on, then by index. */
lt_status lt_rerank_order(lt_env *env, int64_t n, const double *const *key, int n_keys, int32_t *order);

/*
 * relevance[0..n): scores mapped linearly to 0..1, the lowest candidate's being 0 and the highest's 1 (all 1 where they
 * are equal), so that a score's scale and origin do not matter, and strength means the same for every list.
 */
void lt_rerank_relevance(const lt_rerank_input *in, double *relevance);

/*
 * The list that grows greedily by the candidate of the highest (1 - strength) * relevance + strength * gain, of equal
 * ones the better by score.  A candidate's gain must never grow as the list does: one whose value was below the step's
 * best when it was last looked at is not looked at again, and values descend.
 */
typedef struct lt_rerank_growth {
    double (*gain)(const void *context, int64_t i, int64_t t); /* of candidate i, which would be item t + 1 */
    lt_status (*add)(lt_env *env, void *context, int64_t i);   /* candidate i is in the list */
    void *context;
} lt_rerank_growth;
/* chosen and value as lt_reranker.run has them. */
lt_status lt_rerank_grow(lt_env *env, const lt_rerank_input *in, const lt_rerank_growth *growth, int32_t *chosen,
                         double *value, int64_t *n_chosen);

static inline int64_t lt_rerank_length(const lt_rerank_input *in)
{
    return in->k < in->n ? in->k : in->n;
}

static inline lt_segment lt_rerank_segment(const lt_rerank_input *in, int64_t i)
{
    if (in->group != NULL)
        return in->group[i] ? LT_TAIL : in->segment != NULL && in->segment[i] == LT_HEAD ? LT_HEAD : LT_MID;
    return (lt_segment)in->segment[i];
}

/* The candidates by score in two queues, of the rest [0] and of the tail [1], for methods that merge them. */
typedef struct lt_rerank_queues {
    int32_t *order;  /* n: all candidates, best first */
    int64_t next[2]; /* the place in order of each queue's first; n when it is empty */
} lt_rerank_queues;

lt_status lt_rerank_queues_init(lt_env *env, const lt_rerank_input *in, lt_rerank_queues *q);
/* Takes the first of a queue that is not empty. */
int32_t lt_rerank_take(const lt_rerank_input *in, lt_rerank_queues *q, bool tail);

/*
 * FA*IR's table: minimum[i] is how many tail items the first i + 1 of k must hold so that a list whose places are drawn
 * with probability p from the tail would hold fewer in some prefix with probability *fail, which is about alpha when
 * adjusted, and more when not. 0 <= p <= 1, 0 < alpha <= 0.5.
 */
lt_status lt_quota_table(lt_env *env, int64_t k, double p, double alpha, bool adjust, int32_t *minimum, double *fail);

#endif
