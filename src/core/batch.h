/*
 * batch.h: lists for many users at once, on all threads of the environment's team.
 *
 * A user's list is what lt_recommend makes of the same request, bit by bit, whoever else is in the run and however many
 * threads there are.
 */
#ifndef LT_BATCH_H
#define LT_BATCH_H

#include "lists.h"
#include "sieve.h"

/* What lists are asked for. */
typedef struct lt_batch_request {
    lt_request how; /* k, adjustment, stages and seed, to which each user's number is added; the rest is not read */
    const lt_pairs *histories; /* U x I: what users have */
    bool excludes_history;     /* it is left out */
    bool wants_margins;        /* of all items, beside the lists */
} lt_batch_request;

typedef struct lt_batch_member lt_batch_member;

typedef struct lt_batch_lists {
    int32_t most;   /* users of a run at most */
    int32_t least;  /* as many make use of the threads */
    int64_t places; /* of a list at most */
    /* the lists of the last run's users first .. first + n - 1, by user - first */
    int32_t first, n;
    int64_t *length;
    int32_t *item;        /* n x places, as the next two */
    double *score, *base; /* as in lt_list */
    float *margin;        /* n x I; NULL unless they are wanted */
    /* batch.c's own */
    const lt_recommender *r;
    lt_batch_request request; /* the stages of it that act on lists; what others do is in its adjustment, prepared */
    int members;
    lt_batch_member *member;
    lt_status *status; /* of each task of a run */
    bool sifts;        /* by the sieve */
    bool heeds;        /* tasks end when a cancel is pending */
    bool asks;         /* stages want facts, which only the calling thread may get */
    int32_t together;  /* users of a task */
    lt_sieve sieve;
    /* users of a run x pool, and how many each has; with the sieve */
    int64_t pool, *held;
    int32_t *pool_item;
    float *pool_value, *pool_margin;
} lt_batch_lists;

/*
 * r and what the request points to must stay.  bytes: whether the sieve may use them where it can.  Memory: O(I k), and
 * up to some MB for the users of a run.
 */
lt_status lt_batch_init(lt_env *env, lt_batch_lists *b, const lt_recommender *r, const lt_batch_request *request,
                        bool bytes);
/*
 * Lists of the n <= most users from number `first` on.  The team's members run with environments of their own, from
 * malloc, whose memory is given back before this returns.
 */
lt_status lt_batch_run(lt_env *env, lt_batch_lists *b, int32_t first, int32_t n);

#endif
