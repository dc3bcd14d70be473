/*
 * tap.h: what every core test includes: TAP output for prove, and an environment over malloc.
 *
 * A test is one program that includes this file, calls ok()/near()/is_status() and ends with `return done();`.
 * The environment keeps a list of what it gave, so that everything is freed at the end as the server would.
 */
#ifndef LT_TAP_H
#define LT_TAP_H

#include "base.h"
#include "threads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int tap_count, tap_failed;

static bool ok_at(bool condition, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5), unused));
static bool ok_at(bool condition, const char *file, int line, const char *format, ...)
{
    va_list args;

    printf("%sok %d - ", condition ? "" : "not ", ++tap_count);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    if (!condition) {
        tap_failed++;
        printf("# failed at %s:%d\n", file, line);
    }
    fflush(stdout);
    return condition;
}
#define ok(condition, ...) ok_at((condition), __FILE__, __LINE__, __VA_ARGS__)

/* |got - want| <= absolute tolerance; NaN equals NaN. */
#define near(got, want, tolerance, ...)                                                                                \
    do {                                                                                                               \
        double got_ = (got), want_ = (want);                                                                           \
        if (!ok((isnan(got_) && isnan(want_)) || got_ == want_ || fabs(got_ - want_) <= (tolerance), __VA_ARGS__))     \
            printf("# got %.17g, want %.17g\n", got_, want_);                                                          \
    } while (0)

static int done(void) __attribute__((unused));
static int done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed != 0;
}

/* ---- an environment ---- */

typedef struct test_block {
    struct test_block *next, **link;
    size_t pad; /* keeps what follows 16-byte aligned */
    size_t pad2;
} test_block;

typedef struct test_context {
    test_block *blocks;
    long polls;
    long cancel_at; /* 0: never; else the poll that says yes */
    int epochs_logged;
    lt_epoch last;
} test_context;

static void *test_alloc(void *context, size_t bytes)
{
    test_context *c = context;
    test_block *b = malloc(sizeof *b + bytes);

    if (b == NULL)
        return NULL;
    b->next = c->blocks;
    b->link = &c->blocks;
    if (b->next != NULL)
        b->next->link = &b->next;
    c->blocks = b;
    return b + 1;
}

static void test_release(void *context, void *pointer)
{
    test_block *b = (test_block *)pointer - 1;

    (void)context;
    *b->link = b->next;
    if (b->next != NULL)
        b->next->link = b->link;
    free(b);
}

static bool test_cancelled(void *context)
{
    test_context *c = context;

    return ++c->polls == c->cancel_at;
}

static void test_log(void *context, const lt_epoch *epoch)
{
    test_context *c = context;

    c->epochs_logged++;
    c->last = *epoch;
}

static double test_seconds(void *context)
{
    struct timespec t;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static lt_env *test_env(void) __attribute__((unused));
static lt_env *test_env(void)
{
    lt_env *env = calloc(1, sizeof *env);

    env->alloc = test_alloc;
    env->release = test_release;
    env->cancelled = test_cancelled;
    env->log = test_log;
    env->seconds = test_seconds;
    env->context = calloc(1, sizeof(test_context));
    return env;
}

/* A team of that many threads, in place of the one before. */
static void test_env_team(lt_env *env, int members) __attribute__((unused));
static void test_env_team(lt_env *env, int members)
{
    lt_team_stop(env->team);
    env->team = NULL;
    if (members > 1 && lt_team_start(env, members, &env->team) != LT_OK)
        abort();
}

static void test_env_drop(lt_env *env) __attribute__((unused));
static void test_env_drop(lt_env *env)
{
    test_context *c = env->context;

    lt_team_stop(env->team);
    while (c->blocks != NULL)
        test_release(c, c->blocks + 1);
    free(c);
    free(env);
}

/* The status of a call that should succeed; prints the error when it does not. */
#define fine(env, call)                                                                                                \
    do {                                                                                                               \
        lt_status status_ = (call);                                                                                    \
        if (!ok(status_ == LT_OK, "%s", #call))                                                                        \
            printf("# %s\n", (env)->error.message);                                                                    \
    } while (0)

#endif
