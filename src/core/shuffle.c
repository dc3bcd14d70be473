/*
 * shuffle.c: a random order by scattering (Rao, "Generation of random permutation of given number of elements using
 * random sampling numbers", 1961; Sandelius, "A simple randomization procedure", 1962): every number goes to one of
 * some buckets, all alike, and each bucket, small enough for a cache, is shuffled by itself.
 *
 * Chunks of the numbers and buckets are tasks, each with random numbers of its own.  A chunk draws its numbers' buckets
 * twice, once to count and once to place them, which is cheaper than to keep them.
 */
#include "shuffle.h"
#include "random.h"
#include "threads.h"

#define BUCKETS 64
#define CHUNK 65536

typedef struct scatter {
    uint64_t seed;
    const int32_t *from;
    int32_t *order;
    int64_t n, chunks;
    int64_t *place; /* chunks x BUCKETS: how many, then where the first goes */
    int64_t begin[BUCKETS + 1];
} scatter;

/* Buckets of the chunk's numbers are 6 bits each of its random ones. */
static void each(const scatter *s, int64_t chunk, int64_t *place, int32_t *order)
{
    int64_t end = (chunk + 1) * CHUNK < s->n ? (chunk + 1) * CHUNK : s->n;
    lt_random rng;
    uint64_t bits = 0;
    int left = 0;

    lt_random_seed(&rng, s->seed + (uint64_t)chunk);
    for (int64_t i = chunk * CHUNK; i < end; i++, left--, bits >>= 6) {
        if (left == 0) {
            bits = lt_random_next(&rng);
            left = 10;
        }
        if (order == NULL)
            place[bits % BUCKETS]++;
        else
            order[place[bits % BUCKETS]++] = s->from == NULL ? (int32_t)i : s->from[i];
    }
}

static void count(void *context, int64_t chunk, int member)
{
    const scatter *s = context;

    (void)member;
    each(s, chunk, s->place + chunk * BUCKETS, NULL);
}

static void put(void *context, int64_t chunk, int member)
{
    const scatter *s = context;

    (void)member;
    each(s, chunk, s->place + chunk * BUCKETS, s->order);
}

static void shuffle(void *context, int64_t bucket, int member)
{
    const scatter *s = context;
    lt_random rng;

    (void)member;
    lt_random_seed(&rng, s->seed + (uint64_t)(s->chunks + bucket));
    lt_random_shuffle(&rng, s->order + s->begin[bucket], s->begin[bucket + 1] - s->begin[bucket]);
}

lt_status lt_shuffle(lt_env *env, uint64_t seed, const int32_t *from, int64_t n, int32_t *order)
{
    scatter s = {.seed = seed, .from = from, .order = order, .n = n, .chunks = (n + CHUNK - 1) / CHUNK};
    int64_t at = 0;

    LT_TRY(lt_alloc(env, &s.place, (size_t)s.chunks * BUCKETS, sizeof *s.place, "a random order"));
    LT_TRY(lt_run(env, s.chunks, count, &s));
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        s.begin[bucket] = at;
        for (int64_t chunk = 0; chunk < s.chunks; chunk++) {
            int64_t many = s.place[chunk * BUCKETS + bucket];

            s.place[chunk * BUCKETS + bucket] = at;
            at += many;
        }
    }
    s.begin[BUCKETS] = at;
    LT_TRY(lt_run(env, s.chunks, put, &s));
    LT_TRY(lt_run(env, BUCKETS, shuffle, &s));
    lt_free(env, s.place);
    return LT_OK;
}
