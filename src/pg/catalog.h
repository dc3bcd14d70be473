/*
 * catalog.h: models in the catalog tables: definitions, versions, stored bytes, rights.
 *
 * The tables belong to the extension's owner. These functions check the calling role's rights themselves and switch to
 * the owner only for their own fixed queries; sources are always read as the caller.
 */
#ifndef LTPG_CATALOG_H
#define LTPG_CATALOG_H

#include "longtail.h"

#include "bundle.h"
#include "catalog_roles.h"
#include "datatype/timestamp.h"

/* What train was asked, without the options. Column names are NULL where a role is not given. */
typedef struct ltpg_definition {
    const char *name;
    const char *algorithm;
    Oid source;
    const char *user_column, *item_column, *label_column, *weight_column, *time_column;
    Oid user_features, item_features;
    Jsonb *options;
} ltpg_definition;

typedef enum ltpg_right { LTPG_USE, LTPG_OWN } ltpg_right;

/*
 * A version of a model.  activated: of the active one, the transaction that wrote the model's row; with it a version is
 * told from one of the same number that was rolled back, or that a dump brought back.  Else 0.
 */
typedef struct ltpg_version {
    int model_id;
    int version;
    TransactionId activated;
} ltpg_version;

#define LTPG_ACTIVE_VERSION 0
#define LTPG_NO_VERSION (-1) /* the model itself: the active version's number, or 0 when none is */

/*
 * The model's version, by number or one of the above. An unknown model or version, or one without a right to it, is an
 * error, the same for every role that may not see it. With missing_ok an unknown model returns false.
 */
extern bool ltpg_catalog_find(const char *model, int version, ltpg_right right, bool missing_ok, ltpg_version *out);
/* The version of a model that is active now, whoever may use it; false: there is none. */
extern bool ltpg_catalog_active(int model_id, ltpg_version *out);
/* Whether the current role may use the model of that owner; an error unless it has the right to it. */
extern bool ltpg_catalog_may_use(int model_id, const ltpg_role *owner);
extern void ltpg_catalog_check(const char *model, int model_id, const ltpg_role *owner, ltpg_right right);
/* An error where the transaction's snapshot, older than the model's lock, does not show all its versions. */
extern void ltpg_catalog_check_snapshot(int model_id);
/* What retrain uses (LTPG_NO_VERSION), or what a version was trained by. */
extern ltpg_definition *ltpg_catalog_definition(int model_id, int version);

/* One thing a search tried. */
typedef struct ltpg_trial {
    int candidate; /* of the plan */
    int scoring;   /* which of the candidate's */
    const char *algorithm;
    Jsonb *options;     /* those tried */
    double value, aplt; /* NaN: not measured */
    int epochs;         /* -1: it failed */
    double seconds;
    bool chosen;
    const char *error; /* NULL: none */
} ltpg_trial;

/* Results of a training besides the weights. */
typedef struct ltpg_training {
    const char *algorithm; /* of this version, as are the options: auto is a definition's */
    Jsonb *options;
    int64 rows, rows_skipped, users, items; /* users -1: supervised */
    int features;
    lt_fit fit;
    const char *metric;
    double metric_value, active_value; /* NaN: not measured */
    bool promoted;
    const char *decision;
    double seconds;
    int n_epochs;
    lt_epoch *epochs;
    int n_trials;
    ltpg_trial *trials;
    TimestampTz trained;
} ltpg_training;

/* One named part of a version's bytes: "model", "seen" of a recommender, "validated" where another was measured than
 * is served, "profile" (core/profile.h; not of versions that 0.1.0 stored). */
#define LTPG_PROFILE_PART "profile"
typedef struct ltpg_part {
    const char *name;
    const uint8 *bytes;
    size_t n;
} ltpg_part;

/*
 * Stores a version in the current transaction and returns its number. begun_with: the id of the model of that name when
 * the training began, 0: there was none; where there is another by now, 40001. new_definition: creates the model, or
 * replaces the definition of an existing one that the caller owns; else the model must exist. Concurrent stores of one
 * model wait for each other only here.
 */
extern int ltpg_catalog_store(const ltpg_definition *definition, int begun_with, bool new_definition,
                              const ltpg_training *training, const ltpg_part *parts, int n_parts);
extern bool ltpg_catalog_has_part(const ltpg_version *version, const char *part);
/*
 * Stores a version like an existing one but for what grew, in the current transaction, makes it the active one and
 * returns its number. users and items: how many there are now.
 */
extern int ltpg_catalog_store_refreshed(const char *model, const ltpg_version *from, int64 users, int64 items,
                                        int features, const char *decision, double seconds, const ltpg_part *parts,
                                        int n_parts);
/* The bytes of a part, palloc'ed in the current context; checksums are verified. */
extern uint8 *ltpg_catalog_load(const ltpg_version *version, const char *part, size_t *n);

/*
 * Locks the model of this id within SPI_connect, so that all that changes one model follows each other; an error where
 * it was dropped, or given to an owner whose rights the current role has not, since it was found.
 */
extern void ltpg_catalog_lock(const char *model, int model_id);
/* Before the model's row is written or deleted: what serves its active version now will not be found any more. */
extern void ltpg_catalog_supersede(int model_id);
/* Stores a part that is not there yet, within SPI_connect. */
extern void ltpg_catalog_store_part(int model_id, int version, const ltpg_part *part);

/* The number of a version, argument `at`: LTPG_ACTIVE_VERSION for NULL; an error below 1. */
extern int ltpg_version_argument(FunctionCallInfo fcinfo, int at);

extern void ltpg_catalog_promote(const char *model, int version);
/* Removes one version, for good; an error for the active one, and for the newest, so that no number comes again. */
extern void ltpg_catalog_drop_version(const char *model, int version);
extern void ltpg_catalog_drop(const char *model);
extern void ltpg_catalog_grant(const char *model, const char *role, bool grant);
/* As ALTER ... OWNER TO. */
extern void ltpg_catalog_set_owner(const char *model, const char *role);

#endif
