/*
 * dictionary.c: byte strings to dense numbers, by open addressing.
 *
 * Invariants: slots is a power of two, at most 0.7 of them taken; a key sits at the first free slot at or after its
 * hash's.  start[0] = 0 and start[n] is the number of bytes used.  Once finished, keys ascend by bytes, shorter first.
 */
#include "dictionary.h"

#include "random.h"
#include "sort.h"

#include <math.h>
#include <string.h>

#define FIRST_SLOTS 16
#define MAX_SLOTS (UINT32_C(1) << 31)
#define POLL_EVERY 65536 /* keys: about a millisecond of work */
#define POLL_CHECKED 64  /* keys of unknown making, each of which may have to be compared with all others */

static uint32_t hash_key(const void *key, int64_t length)
{
    uint64_t word, product;

    if (length != 8)
        return (uint32_t)(lt_hash_bytes(key, length, 0) >> 32);
    /* Integer ids: one multiplication folded. The slots' order is private, so the machine's byte order is fine. */
    memcpy(&word, key, sizeof word);
    product = (word ^ (word >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
    product = (product ^ (product >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(product >> 32);
}

static int64_t key_length(const lt_dictionary *d, int32_t number)
{
    return d->start[number + 1] - d->start[number];
}

static bool same_bytes(const char *a, const char *b, int64_t length)
{
    uint64_t x, y;

    if (length != 8)
        return length == 0 || memcmp(a, b, (size_t)length) == 0;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x == y;
}

/* The slot that holds the key, or the free one where it belongs. */
static uint32_t find_slot(const lt_dictionary *d, uint32_t hash, const void *key, int64_t length)
{
    uint32_t mask = d->slots - 1;
    uint32_t at = hash & mask;

    for (;; at = (at + 1) & mask) {
        int32_t number = d->slot[at];

        if (number < 0)
            return at;
        if (d->hash[number] == hash && key_length(d, number) == length &&
            same_bytes(d->bytes + d->start[number], key, length))
            return at;
    }
}

/* A new slot array holding the n keys, whose hashes are known and which differ. */
static lt_status rebuild_slots(lt_env *env, lt_dictionary *d, uint32_t slots)
{
    int32_t *slot;
    int64_t passed = 0;

    LT_TRY(lt_alloc(env, &slot, slots, sizeof *slot, "a dictionary"));
    memset(slot, 0xFF, slots * sizeof *slot);
    lt_free(env, d->slot);
    d->slot = slot;
    d->slots = slots;
    for (int32_t i = 0; i < d->n; i++) {
        uint32_t at = d->hash[i] & (slots - 1);

        if (i % POLL_EVERY == POLL_EVERY - 1)
            LT_TRY(lt_poll(env));
        while (slot[at] >= 0) {
            at = (at + 1) & (slots - 1);
            if (++passed % POLL_EVERY == 0) /* keys may have been chosen for their hashes */
                LT_TRY(lt_poll(env));
        }
        slot[at] = i;
    }
    return LT_OK;
}

static bool too_full(int64_t keys, uint32_t slots)
{
    return keys * 10 > (int64_t)slots * 7 && slots < MAX_SLOTS;
}

static uint32_t slots_for(int64_t keys)
{
    uint32_t slots = FIRST_SLOTS;

    while (too_full(keys, slots))
        slots *= 2;
    return slots;
}

lt_status lt_dictionary_init(lt_env *env, lt_dictionary *d)
{
    memset(d, 0, sizeof *d);
    LT_TRY(lt_grow(env, &d->start, &d->cap_n, 1, sizeof *d->start, "a dictionary"));
    LT_TRY(lt_grow(env, &d->bytes, &d->cap_bytes, 0, 1, "a dictionary"));
    LT_TRY(lt_grow(env, &d->count, &d->cap_count, 0, sizeof *d->count, "a dictionary"));
    LT_TRY(lt_grow(env, &d->hash, &d->cap_hash, 0, sizeof *d->hash, "a dictionary"));
    return rebuild_slots(env, d, FIRST_SLOTS);
}

void lt_dictionary_free(lt_env *env, lt_dictionary *d)
{
    lt_free(env, d->start);
    lt_free(env, d->bytes);
    lt_free(env, d->count);
    lt_free(env, d->hash);
    lt_free(env, d->slot);
    memset(d, 0, sizeof *d);
}

static lt_status add_hashed(lt_env *env, lt_dictionary *d, uint32_t hash, const void *key, int64_t length,
                            double weight, int32_t *number)
{
    uint32_t at = find_slot(d, hash, key, length);
    size_t n = (size_t)d->n, end;

    *number = d->slot[at];
    if (*number >= 0) {
        d->count[*number] += weight;
        return LT_OK;
    }
    if (d->n >= INT32_MAX - 1)
        return lt_fail(env, LT_INVALID, "more than %d distinct values", INT32_MAX - 1);
    if (too_full((int64_t)d->n + 1, d->slots)) {
        LT_TRY(rebuild_slots(env, d, d->slots * 2));
        at = find_slot(d, hash, key, length);
    }
    end = (size_t)d->start[n];
    LT_TRY(lt_grow(env, &d->start, &d->cap_n, n + 2, sizeof *d->start, "a dictionary"));
    LT_TRY(lt_grow(env, &d->bytes, &d->cap_bytes, end + (size_t)length, 1, "a dictionary"));
    LT_TRY(lt_grow(env, &d->count, &d->cap_count, n + 1, sizeof *d->count, "a dictionary"));
    LT_TRY(lt_grow(env, &d->hash, &d->cap_hash, n + 1, sizeof *d->hash, "a dictionary"));
    if (length > 0)
        memcpy(d->bytes + end, key, (size_t)length);
    d->start[n + 1] = (int64_t)end + length;
    d->count[n] = weight;
    d->hash[n] = hash;
    *number = d->slot[at] = d->n++;
    return LT_OK;
}

lt_status lt_dictionary_add(lt_env *env, lt_dictionary *d, const void *key, int64_t length, double weight,
                            int32_t *number)
{
    return add_hashed(env, d, hash_key(key, length), key, length, weight, number);
}

/* The keys' hashes; what looking them up will read is on its way into the cache. */
static void fetch_keys(const lt_dictionary *d, const lt_keys *k, uint32_t *hash)
{
    uint32_t mask = d->slots - 1;
    int32_t number[LT_KEYS_MOST];

    for (int i = 0; i < k->n; i++) {
        hash[i] = hash_key(k->bytes + k->start[i], k->start[i + 1] - k->start[i]);
        __builtin_prefetch(&d->slot[hash[i] & mask]);
    }
    for (int i = 0; i < k->n; i++) {
        number[i] = d->slot[hash[i] & mask];
        if (number[i] < 0)
            continue;
        __builtin_prefetch(&d->hash[number[i]]);
        __builtin_prefetch(&d->start[number[i]]);
        __builtin_prefetch(&d->count[number[i]]);
    }
    for (int i = 0; i < k->n; i++)
        if (number[i] >= 0)
            __builtin_prefetch(d->bytes + d->start[number[i]]);
}

lt_status lt_dictionary_add_keys(lt_env *env, lt_dictionary *d, const lt_keys *k, double weight, int32_t *number)
{
    uint32_t hash[LT_KEYS_MOST];

    fetch_keys(d, k, hash);
    for (int i = 0; i < k->n; i++)
        LT_TRY(add_hashed(env, d, hash[i], k->bytes + k->start[i], k->start[i + 1] - k->start[i], weight, &number[i]));
    return LT_OK;
}

void lt_dictionary_find_keys(const lt_dictionary *d, const lt_keys *k, int32_t *number)
{
    uint32_t hash[LT_KEYS_MOST];

    fetch_keys(d, k, hash);
    for (int i = 0; i < k->n; i++)
        number[i] = d->slot[find_slot(d, hash[i], k->bytes + k->start[i], k->start[i + 1] - k->start[i])];
}

int32_t lt_dictionary_find(const lt_dictionary *d, const void *key, int64_t length)
{
    return d->slot[find_slot(d, hash_key(key, length), key, length)];
}

const char *lt_dictionary_key(const lt_dictionary *d, int32_t number, int64_t *length)
{
    *length = key_length(d, number);
    return d->bytes + d->start[number];
}

/* ---- sorting ---- */

/*
 * By the first eight bytes, read as a big-endian number and padded with zeros, in linear time; keys that share them are
 * then compared.  Integer ids never do.
 */
static uint64_t prefix_of(const char *key, int64_t length)
{
    uint64_t prefix = 0;

    for (int i = 0; i < 8; i++)
        prefix = prefix << 8 | (i < length ? (unsigned char)key[i] : 0);
    return prefix;
}

static bool comes_after(const lt_dictionary *d, const lt_keyed *a, const lt_keyed *b)
{
    int64_t na, nb;
    const char *ka = lt_dictionary_key(d, a->index, &na), *kb = lt_dictionary_key(d, b->index, &nb);
    int order = memcmp(ka, kb, (size_t)(na < nb ? na : nb));

    return order != 0 ? order > 0 : na > nb;
}

/* Bottom-up merge sort of v[0..n) by whole keys; spare holds n. */
static lt_status sort_run(lt_env *env, const lt_dictionary *d, lt_keyed *v, lt_keyed *spare, int64_t n)
{
    lt_keyed *from = v, *to = spare;
    int64_t done = 0;

    for (int64_t width = 1; width < n; width *= 2) {
        lt_keyed *swap = from;

        for (int64_t first = 0; first < n; first += 2 * width) {
            int64_t middle = first + width < n ? first + width : n;
            int64_t end = middle + width < n ? middle + width : n;
            int64_t a = first, b = middle;

            for (int64_t at = first; at < end; at++) {
                if (++done % POLL_EVERY == 0)
                    LT_TRY(lt_poll(env));
                to[at] = a < middle && (b == end || !comes_after(d, &from[a], &from[b])) ? from[a++] : from[b++];
            }
        }
        from = to;
        to = swap;
    }
    if (from != v)
        memcpy(v, from, (size_t)n * sizeof *v);
    return LT_OK;
}

static lt_status sort_keys(lt_env *env, const lt_dictionary *d, lt_keyed *v, int64_t n)
{
    lt_keyed *spare;

    LT_TRY(lt_sort(env, v, n));
    LT_TRY(lt_alloc(env, &spare, (size_t)n, sizeof *spare, "sorting a dictionary"));
    for (int64_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && v[end].key == v[first].key; end++)
            ;
        if (first / POLL_EVERY != end / POLL_EVERY)
            LT_TRY(lt_poll(env));
        if (end - first > 1)
            LT_TRY(sort_run(env, d, v + first, spare, end - first));
    }
    lt_free(env, spare);
    return LT_OK;
}

lt_status lt_dictionary_finish(lt_env *env, lt_dictionary *d, double min_count, int32_t **map, int32_t *dropped)
{
    lt_dictionary old = *d;
    lt_keyed *keys;
    int64_t kept = 0, bytes = 0;

    LT_TRY(lt_alloc(env, map, (size_t)old.n, sizeof **map, "a dictionary"));
    LT_TRY(lt_alloc(env, &keys, (size_t)old.n, sizeof *keys, "sorting a dictionary"));
    for (int32_t i = 0; i < old.n; i++) {
        int64_t length;
        const char *key = lt_dictionary_key(&old, i, &length);

        if (i % POLL_EVERY == POLL_EVERY - 1)
            LT_TRY(lt_poll(env));
        (*map)[i] = -1;
        if (old.count[i] < min_count)
            continue;
        keys[kept++] = (lt_keyed){.key = prefix_of(key, length), .index = i};
        bytes += length;
    }
    *dropped = old.n - (int32_t)kept;
    LT_TRY(sort_keys(env, &old, keys, kept));

    d->n = (int32_t)kept;
    d->cap_n = (size_t)kept + 1;
    d->cap_count = d->cap_hash = (size_t)kept;
    d->cap_bytes = (size_t)bytes;
    LT_TRY(lt_alloc(env, &d->start, d->cap_n, sizeof *d->start, "a dictionary"));
    LT_TRY(lt_alloc(env, &d->bytes, d->cap_bytes, 1, "a dictionary"));
    LT_TRY(lt_alloc(env, &d->count, d->cap_count, sizeof *d->count, "a dictionary"));
    LT_TRY(lt_alloc(env, &d->hash, d->cap_hash, sizeof *d->hash, "a dictionary"));
    for (int32_t i = 0; i < d->n; i++) {
        int32_t from = (int32_t)keys[i].index;
        int64_t length;
        const char *key = lt_dictionary_key(&old, from, &length);

        if (i % POLL_EVERY == POLL_EVERY - 1)
            LT_TRY(lt_poll(env));
        (*map)[from] = i;
        d->start[i + 1] = d->start[i] + length;
        memcpy(d->bytes + d->start[i], key, (size_t)length);
        d->count[i] = old.count[from];
        d->hash[i] = old.hash[from];
    }
    lt_free(env, keys);
    lt_free(env, old.start);
    lt_free(env, old.bytes);
    lt_free(env, old.count);
    lt_free(env, old.hash);
    return rebuild_slots(env, d, slots_for(d->n));
}

lt_status lt_dictionary_remove(lt_env *env, lt_dictionary *d, int32_t number)
{
    int64_t from = d->start[number], length = key_length(d, number);
    size_t after = (size_t)(d->n - number - 1);

    memmove(d->bytes + from, d->bytes + from + length, (size_t)(d->start[d->n] - from - length));
    for (int32_t i = number; i < d->n; i++)
        d->start[i] = d->start[i + 1] - length;
    memmove(d->count + number, d->count + number + 1, after * sizeof *d->count);
    memmove(d->hash + number, d->hash + number + 1, after * sizeof *d->hash);
    d->n--;
    return rebuild_slots(env, d, slots_for(d->n));
}

/* ---- stored form: starts, bytes, counts; the slots are built again ---- */

void lt_dictionary_write(lt_writer *w, const lt_dictionary *d)
{
    lt_write_i64s(w, d->start, (int64_t)d->n + 1);
    lt_write_bytes(w, d->bytes, d->start[d->n]);
    lt_write_f64s(w, d->count, d->n);
}

static void check_keys(lt_reader *r, const lt_dictionary *d)
{
    for (int32_t i = 0; i < d->n && r->status == LT_OK; i++)
        if (d->start[i + 1] < d->start[i] || d->start[i + 1] > d->start[d->n])
            lt_reader_corrupt(r, "a dictionary's keys overlap");
    for (int32_t i = 0; i < d->n && r->status == LT_OK; i++) {
        int64_t length;
        const char *key = lt_dictionary_key(d, i, &length);

        if (i % POLL_EVERY == POLL_EVERY - 1)
            r->status = lt_poll(r->env);
        if (!isfinite(d->count[i]) || d->count[i] < 0)
            lt_reader_corrupt(r, "a dictionary's count is out of range");
        d->hash[i] = hash_key(key, length);
    }
}

/* With the slots built: a key that is there twice is found at its first place. */
static void check_repeats(lt_reader *r, const lt_dictionary *d)
{
    for (int32_t i = 0; i < d->n && r->status == LT_OK; i++) {
        int64_t length;
        const char *key = lt_dictionary_key(d, i, &length);

        if (i % POLL_CHECKED == POLL_CHECKED - 1)
            r->status = lt_poll(r->env);
        if (d->slot[find_slot(d, d->hash[i], key, length)] != i)
            lt_reader_corrupt(r, "a dictionary's key is there twice");
    }
}

lt_status lt_dictionary_read(lt_reader *r, lt_dictionary *d)
{
    int64_t starts, bytes, counts;

    memset(d, 0, sizeof *d);
    d->start = lt_read_i64s(r, &starts);
    d->bytes = lt_read_bytes(r, &bytes);
    d->count = lt_read_f64s(r, &counts);
    if (r->status == LT_OK &&
        (starts < 1 || starts > INT32_MAX || counts != starts - 1 || d->start[0] != 0 || d->start[starts - 1] != bytes))
        lt_reader_corrupt(r, "a dictionary's sizes do not fit");
    LT_TRY(r->status);
    d->n = (int32_t)counts;
    d->cap_n = (size_t)starts;
    d->cap_bytes = (size_t)bytes;
    d->cap_count = d->cap_hash = (size_t)counts;
    r->status = lt_alloc(r->env, &d->hash, d->cap_hash, sizeof *d->hash, "a dictionary");
    LT_TRY(r->status);
    check_keys(r, d);
    LT_TRY(r->status);
    r->status = rebuild_slots(r->env, d, slots_for(d->n));
    if (r->status == LT_OK)
        check_repeats(r, d);
    return r->status;
}
