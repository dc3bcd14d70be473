/*
 * facts.h: what rerank methods want to know of candidates beyond popularity and segments: values of an attribute, who
 * counts as the tail, how alike they are.  Read as the caller from live relations, or out of the model.
 */
#ifndef LTPG_FACTS_H
#define LTPG_FACTS_H

#include "cache.h"

/* What options of rerank methods say where facts are; ltpg_facts_options has their table. */
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
/*
 * The facts a method needs by its options (of which ltpg_facts_options are a part); NULL when popularity and segments
 * are enough.  model: NULL for candidates of no model; candidates: NULL for the model's items.  many: for many lists,
 * so that attributes of all items are read at once, not those of each list.  Errors: a relation or column that is
 * not there or may not be read, attribute without a place to read it from, similarity without a source.
 */
extern ltpg_facts *ltpg_facts_make(ltpg_model *model, const ltpg_candidates *candidates, const lt_reranker *method,
                                   const lt_options *options, bool many);
/* lt_rerank_stage.facts, its context being a ltpg_facts. */
extern lt_status ltpg_facts_fill(lt_env *env, void *context, lt_rerank_input *in);

#endif
