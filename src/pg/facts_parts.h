/*
 * facts_parts.h: the parts that facts are made of: keys, an attribute, a relation of pairs.
 *
 * Relations are read as the caller, so that privileges and row-level security hold.  For one list, one query asks for
 * its items by key; for many lists the whole relation is read once, into numbers by item, and no query is made a list.
 */
#ifndef LTPG_FACTS_PARTS_H
#define LTPG_FACTS_PARTS_H

#include "facts.h"

/* ---- keys: a list's items as values of a relation's column (facts_keys.c) ---- */

typedef struct ltpg_keys {
    lt_id_kind kind; /* of the column */
    lt_dictionary number;
} ltpg_keys;

/* The kind of a column that holds items; an error when it cannot, or the model's items cannot be told by it. */
extern lt_id_kind ltpg_keys_kind(const ltpg_model *model, Oid relation, const char *column, Oid type);
extern void ltpg_keys_init(lt_env *env, ltpg_keys *keys, lt_id_kind kind);
/* The number of the key of candidate in->item[i] or of an item of the model, which joins the keys; -1 for none. */
extern int32 ltpg_keys_candidate(lt_env *env, ltpg_keys *keys, const ltpg_model *model,
                                 const ltpg_candidates *candidates, const lt_rerank_input *in, int64 i);
extern int32 ltpg_keys_item(lt_env *env, ltpg_keys *keys, const ltpg_model *model, int32 item);
/* The number of what a row has; -1 when it is none of the keys. */
extern int32 ltpg_keys_find(const ltpg_keys *keys, Datum value, Oid type);
/* The item of the model that a value of a column of `kind` is; -1 for none. For many lists, as ltpg_keys_find for one. */
extern int32 ltpg_keys_model_item(const ltpg_model *model, lt_id_kind kind, Datum value, Oid type);
/* All keys as an array of `type`, the column's. */
extern Datum ltpg_keys_array(const ltpg_keys *keys, Oid type);

/* A relation by the name that an option has; *name is how queries say it. */
extern Oid ltpg_facts_relation(const char *given, const char *option, char **name);

/* Called for every row with its types; memory it takes in the current context is gone after the query. */
typedef void (*ltpg_fact_row)(void *context, TupleDesc type, const Datum *value, const bool *null);
/* Runs a query of `columns` columns: with its n parameters, within SPI_connect; and without any. */
extern void ltpg_facts_query(const char *query, int n, Oid *types, Datum *parameters, int columns, ltpg_fact_row each,
                             void *context);
extern void ltpg_facts_scan(const char *query, ltpg_fact_row each, void *context);

/* ---- an attribute of items (facts_attribute.c) ---- */

typedef struct ltpg_attribute ltpg_attribute;
/* As ltpg_facts_make. */
extern ltpg_attribute *ltpg_attribute_make(ltpg_model *model, const ltpg_candidates *candidates,
                                           const lt_reranker *method, const lt_options *options, bool many);
/* Fills in->groups, or in->group and what xquad takes for the user's taste. */
extern void ltpg_attribute_fill(lt_env *env, ltpg_attribute *attribute, lt_rerank_input *in);

/* ---- how alike items are, by a relation of pairs (facts_pairs.c) ---- */

typedef struct ltpg_item_pairs ltpg_item_pairs;
extern ltpg_item_pairs *ltpg_item_pairs_make(ltpg_model *model, const ltpg_candidates *candidates, const char *relation,
                                             bool many);
/* n x n, symmetric, 1 on the diagonal, 0 for pairs that the relation does not have. */
extern const float *ltpg_item_pairs_matrix(lt_env *env, ltpg_item_pairs *pairs, const lt_rerank_input *in);

#endif
