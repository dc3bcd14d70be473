/*
 * source.h: the caller's relations to a core dataset.
 *
 * Relations are read with the caller's rights (row-level security included), serially and in the order of storage, so
 * that the same table gives the same dataset, and under one snapshot.
 */
#ifndef LTPG_SOURCE_H
#define LTPG_SOURCE_H

#include "longtail.h"

#include "builder.h"
#include "catalog.h"
#include "columns.h"
#include "executor/tuptable.h"
#include "profile.h"

/* Called for every row a query gives. Memory it takes in the current context is gone after the row. */
typedef void (*ltpg_row_function)(void *context, TupleTableSlot *slot);
/*
 * Runs a SELECT as the current user, each row given to `each`.  types: the base types that its first n columns were
 * found to have, InvalidOid where it does not matter; an error where they have others by now, for what is looked up
 * before a query may have changed when the query has waited for its locks.
 */
extern void ltpg_scan(const char *query, const Oid *types, int n, ltpg_row_function each, void *context);

/* "schema"."relation"; an error that names `role` ("source of model ...") when it is gone. */
extern char *ltpg_relation_name(Oid relation, const char *role);
/* The column's number and base type; an error naming relation, role and, as a hint, the columns there are. */
extern AttrNumber ltpg_column_find(Oid relation, const char *column, const char *role, Oid *type);
/* The column of a features relation that holds the key: named as `column`, if not NULL, or else the single-column
 * primary key. */
extern const char *ltpg_features_key(Oid relation, const char *column);

/*
 * SQL, to stand behind FROM: the rows f of a relation and the values v.value of a column of it, an array's elements one
 * by one.  Errors as of ltpg_relation_name, and of ltpg_column_find with `column_role`.
 */
extern const char *ltpg_from_values(Oid relation, const char *role, const char *column, const char *column_role);

/* Columns side by side, here and in the encoder, whose numbers are read at once while it is fitted. */
typedef struct ltpg_features_run {
    ltpg_plain plain;
    int first, count; /* of ltpg_features.column */
} ltpg_features_run;

/* The columns of a relation that feed an encoder whose features are named like them, in the order of `select`. */
typedef struct ltpg_features {
    int n;
    ltpg_column *column;
    char *select; /* ", a, b": what to append to a select list */
    int n_runs, n_others;
    ltpg_features_run *run;
    int *other; /* columns in no run */
} ltpg_features;

/*
 * The features of a relation, added to a new encoder; `taken` are the columns that have a role (NULLs are skipped).
 * Columns of other types are left out with a NOTICE, or are an error when option "features" names them.
 */
extern ltpg_features ltpg_features_choose(lt_env *env, Oid relation, const lt_options *options,
                                          const char *const *taken, int n_taken, lt_encoder *encoder, int first);
/* A NOTICE for each text column most of whose values were folded into "(other)" by the fit just made. */
extern void ltpg_features_advise_text(Oid relation, const lt_encoder *encoder);
/*
 * Matches a frozen encoder's features to a relation's columns, from attnum `first` of what will be selected. A column
 * that is gone or changed to another kind is an error.
 */
extern ltpg_features ltpg_features_bind(Oid relation, const lt_encoder *encoder, int first);
/* The types for ltpg_scan of `first - 1` other columns, to be filled in, and these behind them; *n: how many. */
extern Oid *ltpg_features_types(const ltpg_features *features, int first, int *n);
/* The same of those columns that are there and of the same kind still; gone, one a feature, marks the others. */
extern ltpg_features ltpg_features_bind_some(Oid relation, const lt_encoder *encoder, int first, bool *gone);
/* Whether ltpg_features_bind would find every column. */
extern bool ltpg_features_fit(Oid relation, const lt_encoder *encoder);
/* Encodes one row of the bound columns into encoder->row or, fitting, appends it. False (row dropped): NaN or infinity.
 */
extern bool ltpg_features_encode(lt_env *env, ltpg_features *features, lt_encoder *encoder, TupleTableSlot *slot);

typedef struct ltpg_reading {
    int64 rows;         /* taken */
    int64 rows_skipped; /* NULL ids, NULL labels, invalid numbers under "invalid": "skip" */
    /* given by a training that wants them; else NULL */
    ltpg_progress *progress;
    lt_profile *profile; /* rows -1: there was not enough memory for it */
} ltpg_reading;

/* Edges between users (social.c), by provisional numbers. */
typedef struct ltpg_social {
    bool given;
    int64 n;
    int32 *from, *to; /* n */
    float *weight;    /* n */
    size_t cap_from, cap_to, cap_weight;
} ltpg_social;
/* Reads the relation that option social names, if the algorithm has it and it does; adds new users to the bundle's. */
extern void ltpg_social_read(lt_env *env, const ltpg_definition *definition, const lt_options *options,
                             lt_bundle *bundle, ltpg_social *edges);
/* Once users have their final numbers, which user_map gives: the edges as rows; nothing when none were given. */
extern void ltpg_social_finish(lt_env *env, ltpg_social *edges, const int32 *user_map, int32 users, lt_pairs *out);

/* Whose columns are features; each takes in those before. */
typedef enum ltpg_reads { LTPG_READS_NONE, LTPG_READS_ITEMS, LTPG_READS_ALL } ltpg_reads;
static inline ltpg_reads ltpg_reads_of(const lt_algorithm *algorithm)
{
    return algorithm->no_features ? LTPG_READS_NONE : algorithm->item_features_only ? LTPG_READS_ITEMS : LTPG_READS_ALL;
}

/*
 * Reads everything a training needs: fills an empty bundle, the dataset, and the profile if there is one. Also where
 * columns of items are no features, item_features is read for its items, which join the catalogue.
 */
extern void ltpg_read_training(lt_env *env, const ltpg_definition *definition, ltpg_reads reads,
                               const lt_options *options, lt_bundle *bundle, lt_dataset *dataset,
                               ltpg_reading *reading);
/* Whether the relation has what a stored bundle was trained on, in columns that the definition gives the same roles. */
extern bool ltpg_can_read(const ltpg_definition *definition, Oid relation, const lt_bundle *bundle);
/* Reads the definition's rows from `relation` as a stored bundle, which lives in bundle_env, encodes them. */
extern void ltpg_read_frozen(lt_env *env, const ltpg_definition *definition, Oid relation, const lt_options *options,
                             lt_bundle *bundle, lt_env *bundle_env, lt_dataset *dataset, ltpg_reading *reading);

#endif
