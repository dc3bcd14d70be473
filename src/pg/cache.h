/*
 * cache.h: models ready to score, kept in the session.
 *
 * Entries are immutable and keyed by ltpg_version, so nothing has to be invalidated: each
 * statement looks up which version is active and whether its role may use it, then finds that version here or loads it.
 */
#ifndef LTPG_CACHE_H
#define LTPG_CACHE_H

#include "longtail.h"

#include "catalog.h"
#include "duplicates.h"
#include "executor/spi.h"
#include "recommend.h"
#include "source.h"

typedef struct ltpg_model {
    ltpg_version version;
    const ltpg_definition *definition;
    lt_bundle bundle;
    lt_recommender recommender;
    lt_combination duplicates; /* how training combined rows of one pair */
    lt_env *env;               /* everything of the model lives here */
    MemoryContext memory;
    bool mapped; /* from the file that backends share */
    int pins;    /* statements using it; a pinned model is never dropped */
    uint64 last_use;
    struct ltpg_model *next;
    /* live reads (live.c): prepared when first needed */
    lt_pairs had; /* what stands for them where the source was left behind */
    SPIPlanPtr seen_plan, user_plan;
    char *seen_query, *user_relation; /* what the plans were made for, in `memory` */
    Oid seen_user_type, user_key_type;
    ltpg_features user_features;
    /* how rows of the type last given to predict feed the features (api/predict.c) */
    uint64 row_identifier; /* typcache's, which changes with the type's definition; 0: none yet */
    MemoryContext row_memory;
    TupleDesc row_description;
    ltpg_features row_features;
} ltpg_model;

/*
 * The model's active version, for the current role, pinned while fcinfo->flinfo lives. Calls with the same name in one
 * statement look it up once.
 */
extern ltpg_model *ltpg_model_open(FunctionCallInfo fcinfo, const char *name);
/*
 * The active version with the weights its validation figure is of, where it was trained again since: *other, if not
 * NULL, is then set. Not kept: it lives in the current memory context.
 */
extern ltpg_model *ltpg_model_load_validated(const char *name, bool *other);
/* This transaction has changed versions of the model: what the session keeps of it is not served any more. */
extern void ltpg_model_outdate(int model_id);
/* A version by number, in the same way. */
extern ltpg_model *ltpg_model_load(const char *name, int version);

/* An error unless the model recommends (has users and items). */
extern void ltpg_model_check_recommender(const ltpg_model *model);
/* The number of an item or user given as a datum of any id type, or -1. */
extern int32 ltpg_model_item(const ltpg_model *model, Datum value, Oid type);
extern int32 ltpg_model_user(const ltpg_model *model, Datum value, Oid type);
/* The text of an item's id, palloc'ed. */
extern char *ltpg_model_item_text(const ltpg_model *model, int32 item);
/* How a user reads an input column, palloc'ed: "price", "country=Iceland", "item id=85123A". */
extern char *ltpg_model_column_name(lt_env *env, const ltpg_model *model, int32 column);

/* Sorts item numbers and keeps each once; returns how many are left. */
extern int64 ltpg_unique_items(int32 *items, int64 n);
/*
 * What a user has in the live source table, read as the current role: one row of pairs, with the weights, ratings and
 * times that lt_dataset.seen would have of it. val and time are NULL where their column is gone.
 */
extern lt_pairs ltpg_live_seen(ltpg_model *model, Datum user, Oid type);
/*
 * The user's features from the live user_features relation, encoded; NULL when there is no such relation or no row.
 * Valid until the next call for this model.
 */
extern const lt_table *ltpg_live_user(ltpg_model *model, Datum user, Oid type);
/* What is known of a user: number, live features (of somebody unknown) and, when asked for, live history. */
extern lt_subject ltpg_live_subject(ltpg_model *model, Datum user, Oid type, bool history);
/* Training pairs of a version: what users had then. In env. */
extern lt_pairs ltpg_model_seen(lt_env *env, const ltpg_model *model);

#endif
