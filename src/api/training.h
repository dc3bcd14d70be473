/*
 * training.h: what the steps of a training share: train.c walks through them.
 *
 * A training has one or several candidates: an algorithm with options.  All are trained on one dataset, read once, each
 * in memory of its own; the one chosen becomes the version.
 *
 * Lifetime: the plan, the results and what is stored live as long as the call; the bundle, the dataset and the weights
 * live in training.memory, which is given back as a whole when the chosen candidate is trained again on all rows.
 */
#ifndef LONGTAIL_TRAINING_H
#define LONGTAIL_TRAINING_H

#include "catalog.h"
#include "recommend.h"
#include "source.h"

/* Options that act on the scores of a trained model: it is measured in several ways without training again. */
#define LTPG_SCORINGS 4
extern const char *const ltpg_scoring_names[LTPG_SCORINGS]; /* popularity_exponent, trend_exponent, ... */
typedef struct ltpg_scoring {
    double popularity_exponent, trend_exponent, trend_half_life, trend_smoothing;
} ltpg_scoring;

typedef struct ltpg_candidate {
    const lt_algorithm *algorithm;
    lt_options options;
    Jsonb *tried;  /* what the search says of it: {"regularization": 50} */
    Jsonb *stored; /* all that was said: the version's options, should it be the one */
    int n_scorings;
    ltpg_scoring *scoring; /* ways to measure it in, at least one */
    bool scorings_searched;
    int32 most_items; /* a default algorithm is left out for more than these; 0: never */
} ltpg_candidate;

typedef struct ltpg_plan {
    bool private;       /* differentially private */
    bool searched;      /* several things were asked to be tried: trials are told and stored */
    lt_options options; /* of reading, choosing and promoting: what all candidates share */
    const char *metric; /* what all are measured by; NULL: what the first one calls for */
    ltpg_reads reads;   /* what some candidate reads beside roles */
    int n;
    ltpg_candidate *candidate;
} ltpg_plan;

typedef struct ltpg_run {
    ltpg_definition *definition;
    ltpg_plan plan;
    ltpg_progress *progress;
    MemoryContext memory;
    lt_env *env;
    lt_bundle bundle; /* with the weights of the chosen candidate, once there is one */
    lt_dataset dataset;
    ltpg_candidate *chosen;
    ltpg_scoring scoring;  /* of the chosen trial */
    bool base_refitted;    /* a model that it builds on was trained again after it was measured, and so must this be */
    lt_writer validated;   /* the bundle as it was measured, when the version was trained again since; else empty */
    lt_writer profile;     /* of the rows read last (core/profile.h); empty: there is none */
    bool serves_validated; /* there was not enough memory to train again: those are the version's */
    int64 spilled;         /* bytes that were written to temporary files */
    ltpg_training result;
} ltpg_run;

/* What the options ask to be tried, every combination checked (search.c). given: options laid over the definition's, or
 * NULL. */
extern void ltpg_plan_make(lt_env *env, const ltpg_definition *definition, const Jsonb *given, ltpg_plan *plan);

/* Where the training is to be differentially private: refuses what breaks the promise, and hides what rows are held
 * out (privacy.c). */
extern void ltpg_privacy_prepare(lt_env *env, const ltpg_definition *definition, ltpg_plan *plan);

/* Reads and encodes the relations (read.c). */
extern void ltpg_run_read(ltpg_run *run);

/* Trains and measures every candidate, and chooses (trials.c). */
extern void ltpg_run_trials(ltpg_run *run);
/* Trains the chosen candidate again on all rows, and on what its bases serve, where option refit says so. */
extern void ltpg_run_refit(ltpg_run *run);

/* Promote or not (decide.c). */
extern void ltpg_run_decide(ltpg_run *run, bool new_definition, bool has_active);

/* Notices of what a new definition could do better (advise.c). */
extern void ltpg_run_advise(const ltpg_run *run);

#endif
