/*
 * facts.h: what rerank methods want to know of candidates beyond popularity and segments: values of an attribute, who
 * counts as the tail, how alike they are.  Read as the caller from live relations, or out of the model.
 *
 * Methods that go by an attribute: calibrated by the shares of its values; xquad, quota and random by option values,
 * whose items they take for the tail.  Methods that go by similarity: mmr and dpp.  Others, and options that a method
 * has no use for, want nothing: several methods can be given the same options.
 */
#ifndef LTPG_FACTS_H
#define LTPG_FACTS_H

#include "cache.h"

/* What options of rerank methods say where facts are. */
extern const lt_option ltpg_facts_options[]; /* attribute, attributes, values, similarity */
extern const int ltpg_facts_options_count;

/* Candidates that are not a model's: those of a call of rerank. lt_rerank_input.item then has places in it. */
typedef struct ltpg_candidates {
    int n;
    const Datum *item;
    Oid type;
    const Datum *attribute; /* n, text; NULL: read from where the options say */
    const bool *attribute_null;
    const Jsonb *target; /* {"value": share}; NULL: by the user's history */
} ltpg_candidates;

typedef struct ltpg_facts ltpg_facts;
/* Errors of options that lack each other: values or attributes without an attribute, attribute without values. */
extern void ltpg_facts_check(const lt_reranker *method, const lt_options *options);
/*
 * The facts a method needs by its options (of which ltpg_facts_options are a part); NULL when popularity and segments
 * are enough.  model: NULL for candidates of no model; candidates: NULL for the model's items.  many: for many lists,
 * so that relations are read at once, whole, not for each list.  Errors: a relation or column that is not there or may
 * not be read, attribute without a place to read it from, similarity without a source.
 */
extern ltpg_facts *ltpg_facts_make(ltpg_model *model, const ltpg_candidates *candidates, const lt_reranker *method,
                                   const lt_options *options, bool many);
/* The values of options attribute and attributes as groups of all the model's items, as calibrated reads them. */
extern const lt_groups *ltpg_facts_groups(lt_env *env, ltpg_model *model, const lt_options *options);
/* lt_rerank_stage.facts, its context being a ltpg_facts. Raises its errors itself. */
extern lt_status ltpg_facts_fill(lt_env *env, void *context, lt_rerank_input *in);

/* {"value": share}, the shares adding up to 1; an error where it is nothing of the kind. */
typedef struct ltpg_shares {
    int n;
    const char **value;
    double *share;
} ltpg_shares;
extern ltpg_shares ltpg_shares_read(const Jsonb *target);

#endif
