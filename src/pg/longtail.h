/*
 * longtail.h: what the adapter offers to src/api: errors, environment, options, settings.
 *
 * Everything here may ereport. Memory of an environment lives in the MemoryContext it was made in.
 */
#ifndef LONGTAIL_H
#define LONGTAIL_H

#include "compat.h"

#include "fmgr.h"
#include "utils/jsonb.h"

#include "base.h"
#include "option.h"

/* ---- settings (module.c) ---- */

extern int ltpg_training_memory;   /* kB */
extern int ltpg_cache_memory;      /* kB */
extern int ltpg_progress_interval; /* seconds; 0 is off */
extern int ltpg_threads;
extern bool ltpg_shared_cache;

/* ---- progress of a training (progress.c) ---- */

/* Collects the epochs, shows the activity in pg_stat_activity, and tells the client every progress_interval. */
typedef struct ltpg_progress ltpg_progress;
extern ltpg_progress *ltpg_progress_start(const char *model);
extern void ltpg_progress_phase(ltpg_progress *progress, const char *phase); /* one word: reading, training, ... */
extern void ltpg_progress_rows(ltpg_progress *progress, int64 rows);         /* read so far, in phase reading */
extern void ltpg_progress_epoch(ltpg_progress *progress, const lt_epoch *epoch);
/* The epochs since the last call; they live where the progress was started. */
extern int ltpg_progress_epochs(ltpg_progress *progress, lt_epoch **epochs);
/* What phases and epochs from now on are of; trial 0: the training as a whole. */
extern void ltpg_progress_trial(ltpg_progress *progress, int trial, int trials, const char *algorithm);
extern void ltpg_progress_end(ltpg_progress *progress);

/* ---- environment and errors (env.c) ---- */

/*
 * An environment over `context` with the given budget in kB (0: none). Cancelling acts from inside core calls: the
 * poll runs CHECK_FOR_INTERRUPTS, which does not return when it throws; nothing is lost, for the core keeps
 * nothing outside the context.
 */
extern lt_env *ltpg_env(MemoryContext context, int budget_kb);
/* The environment's training log goes to `progress` from now on. */
extern void ltpg_env_log(lt_env *env, ltpg_progress *progress);

/*
 * BLAS is loaded, and env->team, if there is none, is one of longtail.threads threads, which end with the environment's
 * context.  For calls that train, or that score for many users.
 */
extern void ltpg_env_team(lt_env *env);

/*
 * Gives an environment over `memory`, with a budget, temporary files for rows beyond it (core/spill.h).  Their space is
 * given back by closing them, to be done where no error is raised; then nothing may look at the rows any more, and what
 * was written is told.
 */
extern void ltpg_env_spill(lt_env *env, MemoryContext memory);
extern int64 ltpg_env_close_files(lt_env *env);

/* Raises the environment's error, whatever its status; the one place where a lt_status becomes an ereport. */
extern void ltpg_raise(lt_env *env) __attribute__((noreturn));
#define LTPG(env, call)                                                                                                \
    do {                                                                                                               \
        if ((call) != LT_OK)                                                                                           \
            ltpg_raise(env);                                                                                           \
    } while (0)

/* ---- arguments (env.c) ---- */

/* An error where the argument of that number is NULL; where one of 0..n-1 is that has a name. */
extern void ltpg_refuse_null(FunctionCallInfo fcinfo, int at, const char *name);
extern void ltpg_refuse_nulls(FunctionCallInfo fcinfo, const char *const *names, int n);
/* A text argument, palloc'ed; an error where it is NULL. */
extern char *ltpg_text_argument(FunctionCallInfo fcinfo, int at, const char *name);

/* ---- algorithms and options (options.c) ---- */

/* "auto": no algorithm, but a choice of several; its options are those all share, and which to try. */
extern const struct lt_algorithm ltpg_auto;
/* By name, auto included; an error for one that there is not. */
extern const struct lt_algorithm *ltpg_algorithm(const char *name);

/* Sets options from a JSON object. Any other JSON value, an unknown key or a bad value is an error.  An object given
 * for an option ("rerank": {"method": "xquad", "strength": 0.3}) sets option and option_key. */
extern void ltpg_options_set(lt_env *env, lt_options *options, const Jsonb *given);
/* Whether a key of such an object sets an option of this list. */
extern bool ltpg_options_have(const lt_options *options, const char *key);
/* One text, or one number, of an options object, without its table; `otherwise` when it is not there. */
extern const char *ltpg_options_text(const Jsonb *given, const char *name, const char *otherwise);
extern double ltpg_options_number(const Jsonb *given, const char *name, double otherwise);
/* Whether an options object has a key; what is no object has none, here and above. */
extern bool ltpg_options_give(const Jsonb *given, const char *name);
/* Options objects: of a text; the keys of two, the second's where both have one; without a key. */
extern Jsonb *ltpg_options_parse(const char *json);
extern Jsonb *ltpg_options_merge(const Jsonb *a, const Jsonb *b);
extern Jsonb *ltpg_options_without(const Jsonb *given, const char *key);

#endif
