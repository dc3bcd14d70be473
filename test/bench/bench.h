/*
 * bench.h: what the measurements of the core share: an environment over malloc, and the end of one that fails.
 */
#ifndef BENCH_H
#define BENCH_H

#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void *bench_take(void *context, size_t bytes)
{
    (void)context;
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void bench_give(void *context, void *pointer)
{
    (void)context;
    free(pointer);
}

static bool bench_goes_on(void *context)
{
    (void)context;
    return false;
}

static double bench_now(void *context)
{
    struct timespec t;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static lt_env environment = {
    .alloc = bench_take, .release = bench_give, .cancelled = bench_goes_on, .seconds = bench_now};

static inline void must(lt_status status)
{
    if (status == LT_OK)
        return;
    fprintf(stderr, "%s\n", environment.error.message);
    exit(1);
}

#endif
