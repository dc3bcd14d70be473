/*
 * rerank_list.h: a scored list of any query, reranked: what rerank and rerank_agg share.
 */
#ifndef LONGTAIL_RERANK_LIST_H
#define LONGTAIL_RERANK_LIST_H

#include "method.h"

typedef struct ltpg_rerank_call {
    ltpg_candidates candidates; /* target is set here */
    Oid collation;              /* by which items are told apart */
    const float8 *score;        /* n */
    const float8 *popularity;   /* n; NULL: the model's, or unknown */
    ltpg_model *model;          /* NULL: none */
    const int32 *history;       /* of the user, in the model */
    int64 n_history;
    int k;
    const char *method;     /* NULL: the model's own, as is */
    const double *strength; /* this */
    Jsonb *options;         /* NULL: none */
} ltpg_rerank_call;

typedef struct ltpg_reranked {
    int64_t n;
    int32_t *at;            /* n: places in the list, best first */
    double *value;          /* n: what ordered them */
    const uint8_t *segment; /* of each item of the list; NULL: unknown */
} ltpg_reranked;

/* Errors: whatever is wrong with the list, its items twice, the method or its options. */
extern ltpg_reranked ltpg_rerank_list(lt_env *env, ltpg_rerank_call *call);
/* An error unless k is at least 1. */
extern void ltpg_rerank_check_k(int k);
/* An error, naming array and place, unless the number is finite. */
extern void ltpg_rerank_check_number(double value, const char *what, int at);

#endif
