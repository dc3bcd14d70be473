/*
 * base.h: what every file of the core stands on: status, error, environment, memory.
 *
 * The core is C11 and BLAS.  It never prints, never jumps and has no global state.  The caller hands in a
 * lt_env; every fallible function takes it first and returns a lt_status, leaving the error in env->error.
 *
 * Lifetime rule: memory from lt_alloc belongs to the environment.  On an error the core just returns; the
 * caller drops the whole environment (a MemoryContext in the server, a list in the tests).  lt_free exists for
 * large buffers that are done with early.
 */
#ifndef LT_BASE_H
#define LT_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum lt_status {
    LT_OK = 0,
    LT_INVALID,     /* a bad option value or bad data; the message names it */
    LT_NO_MEMORY,   /* over env->budget, or the allocator had no more */
    LT_CANCELLED,   /* env->cancelled said so */
    LT_ONE_CLASS,   /* all labels are the same: there is nothing to tell apart */
    LT_CORRUPT,     /* stored bytes do not decode */
    LT_DIVERGED,    /* training left the range of numbers */
    LT_UNSUPPORTED, /* the algorithm cannot do what was asked */
} lt_status;

typedef struct lt_error {
    lt_status status;
    char message[512]; /* one sentence, lower case, no full stop: PostgreSQL's style */
    char detail[512];  /* "" or full sentences */
    char hint[512];    /* "" or full sentences */
} lt_error;

/* One row of the training log. NaN where a figure was not computed. */
typedef struct lt_epoch {
    int epoch;
    int epochs; /* the most there can be */
    double train_loss;
    double validation_loss;
    double validation_metric;
    double seconds; /* since training began */
} lt_epoch;

typedef struct lt_env {
    void *(*alloc)(void *context, size_t bytes); /* 16-byte aligned; NULL when there is none */
    void (*release)(void *context, void *pointer);
    /* What alloc gave, with another size: the contents move along, where need be. NULL result: there is none; the old
     * memory stays.  May be NULL. */
    void *(*resize)(void *context, void *pointer, size_t bytes);
    /* Cheap; polled at least every few milliseconds of work. It may also not return at all (the server throws). */
    bool (*cancelled)(void *context);
    bool (*pending)(void *context); /* whether `cancelled` has something to see to; always returns; may be NULL */
    void (*log)(void *context, const lt_epoch *epoch); /* may be NULL */
    double (*seconds)(void *context);                  /* a monotonic clock */
    /* Fills `bytes` with random bytes nobody can foresee or repeat; false: there are none. NULL: no such source. */
    bool (*secure_random)(void *context, void *bytes, size_t n);
    void *context;
    size_t budget; /* bytes lt_alloc may hold at once; 0 is no limit */
    size_t used;
    struct lt_team *team;   /* threads.h; NULL: the caller works alone */
    struct lt_spill *spill; /* spill.h; NULL: all rows stay in memory */
    lt_error error;
} lt_env;

/* Sets env->error and returns status, so that `return lt_fail(...)` reads well. */
lt_status lt_fail(lt_env *env, lt_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Adds to the error just set. Both return the error's status. */
lt_status lt_fail_detail(lt_env *env, const char *format, ...) __attribute__((format(printf, 2, 3)));
lt_status lt_fail_hint(lt_env *env, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Memory. count * size is checked for overflow and against the budget BEFORE it is taken; `what` names it in the
 * error ("the encoded rows"), which carries the figure needed. *out is zeroed memory, 64-byte aligned, never NULL
 * on LT_OK (count 0 gives a pointer that may be freed).
 */
lt_status lt_alloc(lt_env *env, void *out, size_t count, size_t size, const char *what);
/* Grows *out (from lt_alloc, or NULL) to hold `need` elements, *capacity by at least a half; new memory is zeroed. */
lt_status lt_grow(lt_env *env, void *out, size_t *capacity, size_t need, size_t size, const char *what);
void lt_free(lt_env *env, void *pointer); /* NULL is fine */

/*
 * A stretch of work whose memory is all given back at its end, whoever took it and on errors too.  Calls are made with
 * scope.env: the outer environment's budget, clock and cancelling, but no log.  Closing hands an error on to the outer
 * environment.  The scope must stay where it is while it is open.
 */
typedef struct lt_scope {
    lt_env env;
    lt_env *outer;
    struct lt_scope_block *blocks;
} lt_scope;
void lt_scope_open(lt_env *outer, lt_scope *scope);
void lt_scope_close(lt_scope *scope);

/* `LT_TRY(f(...))` returns the status of a failing call. */
#define LT_TRY(call)                                                                                                   \
    do {                                                                                                               \
        lt_status try_status_ = (call);                                                                                \
        if (try_status_ != LT_OK)                                                                                      \
            return try_status_;                                                                                        \
    } while (0)

/* LT_CANCELLED when the caller wants out. */
lt_status lt_poll(lt_env *env);

#endif
