/*
 * env.c: the core's environment in a backend: memory from a MemoryContext, cancelling, the clock, errors; and arguments
 * that are NULL.
 */
#include "longtail.h"

#include "blas.h"
#include "threads.h"

#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* What the callbacks are given. */
typedef struct env_context {
    MemoryContext memory;
    ltpg_progress *progress;
    MemoryContextCallback stop; /* of the team */
} env_context;

static void *env_alloc(void *context, size_t bytes)
{
    return MemoryContextAllocExtended(((env_context *)context)->memory, bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
}

static void *env_resize(void *context, void *pointer, size_t bytes)
{
    return repalloc_huge(pointer, bytes);
}

static void env_release(void *context, void *pointer)
{
    pfree(pointer);
}

static bool env_cancelled(void *context)
{
    CHECK_FOR_INTERRUPTS();
    return false;
}

static bool env_pending(void *context)
{
    return InterruptPending != 0;
}

static double env_seconds(void *context)
{
    instr_time now;

    INSTR_TIME_SET_CURRENT(now);
    return INSTR_TIME_GET_DOUBLE(now);
}

static bool env_secure_random(void *context, void *bytes, size_t n)
{
    return pg_strong_random(bytes, n);
}

static void env_log(void *context, const lt_epoch *epoch)
{
    ltpg_progress_epoch(((env_context *)context)->progress, epoch);
}

lt_env *ltpg_env(MemoryContext context, int budget_kb)
{
    lt_env *env = MemoryContextAllocZero(context, sizeof *env);
    env_context *callback = MemoryContextAllocZero(context, sizeof *callback);

    env->alloc = env_alloc;
    env->release = env_release;
    env->resize = env_resize;
    env->cancelled = env_cancelled;
    env->pending = env_pending;
    env->seconds = env_seconds;
    env->secure_random = env_secure_random;
    callback->memory = context;
    env->context = callback;
    env->budget = (size_t)budget_kb * 1024;
    return env;
}

void ltpg_env_log(lt_env *env, ltpg_progress *progress)
{
    ((env_context *)env->context)->progress = progress;
    env->log = env_log;
}

/* ---- threads ---- */

/* Once a session. */
static void warn_of_slow_kernel(void)
{
    static bool warned;
    const char *set = getenv("OPENBLAS_CORETYPE");

    if (warned || !lt_blas_slow())
        return;
    warned = true;
    ereport(WARNING, (errmsg("OpenBLAS uses its kernel for %s, slower than this processor allows", lt_blas_kernel()),
                      errdetail("The processor has %s.", lt_vector_instructions()),
                      set != NULL ? errhint("The server's environment has OPENBLAS_CORETYPE=%s: start it without.", set)
                                  : errhint("A newer OpenBLAS may know this processor.")));
}

static void stop_team(void *team)
{
    lt_team_stop(team);
}

void ltpg_env_team(lt_env *env)
{
    env_context *context = env->context;
    struct lt_team *team;

    LTPG(env, lt_blas_load(env));
    warn_of_slow_kernel();
    if (env->team != NULL || ltpg_threads == 1)
        return;
    LTPG(env, lt_team_start(env, ltpg_threads, &team));
    context->stop.func = stop_team;
    context->stop.arg = team;
    MemoryContextRegisterResetCallback(context->memory, &context->stop);
    env->team = team;
}

static int sqlstate_of(lt_status status)
{
    switch (status) {
    case LT_INVALID:
    case LT_ONE_CLASS:
        return ERRCODE_INVALID_PARAMETER_VALUE;
    case LT_NO_MEMORY:
        return ERRCODE_OUT_OF_MEMORY;
    case LT_CANCELLED:
        return ERRCODE_QUERY_CANCELED;
    case LT_CORRUPT:
        return ERRCODE_DATA_CORRUPTED;
    case LT_DIVERGED:
        return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
    case LT_UNSUPPORTED:
        return ERRCODE_FEATURE_NOT_SUPPORTED;
    case LT_OK:
        break;
    }
    return ERRCODE_INTERNAL_ERROR;
}

void ltpg_raise(lt_env *env)
{
    const lt_error *e = &env->error;
    bool over_budget = e->status == LT_NO_MEMORY && env->budget != 0 && e->hint[0] == '\0';

    ereport(ERROR,
            (errcode(sqlstate_of(e->status)), errmsg("%s", e->message),
             e->detail[0] != '\0' ? errdetail("%s", e->detail) : 0, e->hint[0] != '\0' ? errhint("%s", e->hint) : 0,
             over_budget ? errhint("Raise longtail.training_memory, or give fewer rows or columns.") : 0));
}

/* ---- arguments ---- */

void ltpg_refuse_null(FunctionCallInfo fcinfo, int at, const char *name)
{
    if (PG_ARGISNULL(at))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", name)));
}

void ltpg_refuse_nulls(FunctionCallInfo fcinfo, const char *const *names, int n)
{
    for (int at = 0; at < n; at++)
        if (names[at] != NULL)
            ltpg_refuse_null(fcinfo, at, names[at]);
}

char *ltpg_text_argument(FunctionCallInfo fcinfo, int at, const char *name)
{
    ltpg_refuse_null(fcinfo, at, name);
    return text_to_cstring(PG_GETARG_TEXT_PP(at));
}
