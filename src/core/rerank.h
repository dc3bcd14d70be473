/*
 * rerank.h: reordering a scored list for the tail.
 *
 * Invariants, tested as properties: strength 0 is the identity (the k best by score); the output is a selection without
 * repeats from the input; more strength never lowers the mean share of tail items.
 */
#ifndef LT_RERANK_H
#define LT_RERANK_H

#include "base.h"
#include "metrics.h"
#include "option.h"
#include "random.h"

typedef struct lt_rerank_input {
    int64_t n;
    const double *score;       /* higher is better; any scale, finite */
    const double *popularity;  /* interactions, >= 0; NULL where the method needs none */
    const uint8_t *segment;    /* lt_segment of each; NULL where the method needs none */
    const uint8_t *group;      /* protected (tail) membership for quota; NULL: segment == LT_TAIL */
    double user_taste[3];      /* the user's own share of head, mid, tail interactions; all 0: unknown, uniform over segments */
    int64_t k;
    double strength;
    uint64_t seed;
    const lt_options *options; /* of the method */
    bool logit;                /* scores are log-odds: popularity subtracts strength * ln pop instead of multiplying */
} lt_rerank_input;

typedef struct lt_reranker {
    const char *name, *help;
    bool needs_popularity, needs_segment;
    double max_strength; /* 1, or INFINITY */
    const lt_option *options;
    int n_options;
    /* chosen[0..*n_chosen) indexes the input, best first; value[] is the score that ordered it. */
    lt_status (*run)(lt_env *env, const lt_rerank_input *in, int32_t *chosen, double *value, int64_t *n_chosen);
} lt_reranker;

extern const lt_reranker *const lt_rerankers[]; /* NULL-terminated */
const lt_reranker *lt_reranker_find(const char *name);
/* Checks the input (finite scores, strength in range, what the method needs is there), then runs. */
lt_status lt_rerank(lt_env *env, const lt_reranker *method, const lt_rerank_input *in, int32_t *chosen, double *value,
                    int64_t *n_chosen);

/* score * popularity^-strength for score >= 0; score * popularity^strength below 0, so that popularity always costs.
 * popularity below 1 counts as 1. */
double lt_boost(double score, double popularity, double strength);

#endif
