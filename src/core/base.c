/*
 * base.c: errors and budgeted memory.
 *
 * Each allocation carries a header with its size, so that freeing gives the budget back.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The header takes one alignment unit, so that what follows it is aligned for AVX-512 and a cache line. */
#define LT_ALIGN 64
#define FAST (1 << 20) /* bytes up to which memory doubles when it grows */

typedef struct lt_header {
    void *base;  /* what the allocator gave */
    size_t size; /* bytes counted against the budget */
} lt_header;

static lt_header *header_of(void *pointer)
{
    return (lt_header *)((char *)pointer - LT_ALIGN);
}

lt_status lt_fail(lt_env *env, lt_status status, const char *format, ...)
{
    va_list args;

    env->error.status = status;
    env->error.detail[0] = env->error.hint[0] = '\0';
    va_start(args, format);
    vsnprintf(env->error.message, sizeof env->error.message, format, args);
    va_end(args);
    return status;
}

lt_status lt_fail_detail(lt_env *env, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(env->error.detail, sizeof env->error.detail, format, args);
    va_end(args);
    return env->error.status;
}

lt_status lt_fail_hint(lt_env *env, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(env->error.hint, sizeof env->error.hint, format, args);
    va_end(args);
    return env->error.status;
}

/* count * size in *bytes, when as much may be taken on top of what is in use. */
static lt_status check_budget(lt_env *env, size_t count, size_t size, size_t given_back, const char *what,
                              size_t *bytes)
{
    size_t used = env->used - given_back;

    if (__builtin_mul_overflow(count, size, bytes) || *bytes > SIZE_MAX - 2 * LT_ALIGN)
        return lt_fail(env, LT_NO_MEMORY, "%s would take more memory than can be addressed", what);
    if (env->budget != 0 && (*bytes > env->budget || used > env->budget - *bytes)) {
        lt_fail(env, LT_NO_MEMORY, "not enough memory for %s", what);
        return lt_fail_detail(env, "%zu kB are needed on top of %zu kB in use; the limit is %zu kB.", *bytes / 1024 + 1,
                              used / 1024, env->budget / 1024);
    }
    return LT_OK;
}

static lt_status no_memory(lt_env *env, size_t bytes, const char *what)
{
    lt_fail(env, LT_NO_MEMORY, "out of memory for %s", what);
    return lt_fail_detail(env, "%zu kB were asked for, with %zu kB in use.", bytes / 1024 + 1, env->used / 1024);
}

static char *aligned(char *base)
{
    return (char *)(((uintptr_t)base + 2 * LT_ALIGN - 1) & ~(uintptr_t)(LT_ALIGN - 1));
}

lt_status lt_alloc(lt_env *env, void *out, size_t count, size_t size, const char *what)
{
    size_t bytes;
    char *base, *pointer;

    *(void **)out = NULL;
    LT_TRY(check_budget(env, count, size, 0, what, &bytes));
    base = env->alloc(env->context, bytes + 2 * LT_ALIGN);
    if (base == NULL)
        return no_memory(env, bytes, what);
    pointer = aligned(base);
    header_of(pointer)->base = base;
    header_of(pointer)->size = bytes;
    memset(pointer, 0, bytes);
    env->used += bytes;
    *(void **)out = pointer;
    return LT_OK;
}

/* The same memory with another size: large blocks are mapped elsewhere, not copied. */
static lt_status resize(lt_env *env, char **pointer, size_t count, size_t size, const char *what)
{
    size_t before = header_of(*pointer)->size, at = (size_t)(*pointer - (char *)header_of(*pointer)->base), bytes;
    char *base, *moved;

    LT_TRY(check_budget(env, count, size, before, what, &bytes));
    base = env->resize(env->context, header_of(*pointer)->base, bytes + 2 * LT_ALIGN);
    if (base == NULL)
        return no_memory(env, bytes, what);
    moved = aligned(base);
    if (moved != base + at)
        memmove(moved, base + at, before < bytes ? before : bytes);
    header_of(moved)->base = base;
    header_of(moved)->size = bytes;
    if (bytes > before)
        memset(moved + before, 0, bytes - before);
    env->used = env->used - before + bytes;
    *pointer = moved;
    return LT_OK;
}

lt_status lt_grow(lt_env *env, void *out, size_t *capacity, size_t need, size_t size, const char *what)
{
    void *old = *(void **)out;
    void *grown;
    size_t wanted = *capacity < 16 ? 16 : *capacity;

    if (old != NULL && need <= *capacity)
        return LT_OK;
    /* What is large and need not be copied to grow takes less in advance. */
    while (wanted < need)
        wanted = wanted > SIZE_MAX / 2                         ? need
                 : env->resize != NULL && wanted > FAST / size ? wanted + wanted / 2
                                                               : wanted * 2;
    if (old != NULL && env->resize != NULL) {
        LT_TRY(resize(env, (char **)out, wanted, size, what));
        *capacity = wanted;
        return LT_OK;
    }
    LT_TRY(lt_alloc(env, &grown, wanted, size, what));
    if (old != NULL) {
        memcpy(grown, old, *capacity * size);
        lt_free(env, old);
    }
    *(void **)out = grown;
    *capacity = wanted;
    return LT_OK;
}

void lt_free(lt_env *env, void *pointer)
{
    if (pointer == NULL)
        return;
    env->used -= header_of(pointer)->size;
    env->release(env->context, header_of(pointer)->base);
}

lt_status lt_poll(lt_env *env)
{
    if (env->cancelled(env->context))
        return lt_fail(env, LT_CANCELLED, "cancelled");
    return LT_OK;
}

/* ---- scopes ---- */

/* Before each allocation of a scope: a chain through all of them. Two pointers keep the allocator's alignment. */
typedef struct lt_scope_block {
    struct lt_scope_block *next, *previous;
} lt_scope_block;

static void *scope_alloc(void *context, size_t bytes)
{
    lt_scope *scope = context;
    lt_scope_block *b = scope->outer->alloc(scope->outer->context, sizeof *b + bytes);

    if (b == NULL)
        return NULL;
    *b = (lt_scope_block){.next = scope->blocks};
    if (b->next != NULL)
        b->next->previous = b;
    scope->blocks = b;
    return b + 1;
}

static void scope_release(void *context, void *pointer)
{
    lt_scope *scope = context;
    lt_scope_block *b = (lt_scope_block *)pointer - 1;

    if (b->next != NULL)
        b->next->previous = b->previous;
    if (b->previous != NULL)
        b->previous->next = b->next;
    else
        scope->blocks = b->next;
    scope->outer->release(scope->outer->context, b);
}

static bool scope_cancelled(void *context)
{
    lt_scope *scope = context;

    return scope->outer->cancelled(scope->outer->context);
}

static bool scope_pending(void *context)
{
    lt_scope *scope = context;

    return scope->outer->pending != NULL && scope->outer->pending(scope->outer->context);
}

static double scope_seconds(void *context)
{
    lt_scope *scope = context;

    return scope->outer->seconds(scope->outer->context);
}

void lt_scope_open(lt_env *outer, lt_scope *scope)
{
    *scope = (lt_scope){.outer = outer,
                        .env = {.alloc = scope_alloc,
                                .release = scope_release,
                                .cancelled = scope_cancelled,
                                .pending = scope_pending,
                                .seconds = scope_seconds,
                                .context = scope,
                                .budget = outer->budget,
                                .used = outer->used,
                                .team = outer->team}};
}

void lt_scope_close(lt_scope *scope)
{
    while (scope->blocks != NULL)
        scope_release(scope, scope->blocks + 1);
    if (scope->env.error.status != LT_OK)
        scope->outer->error = scope->env.error;
}
