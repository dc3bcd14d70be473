/*
 * dictionary.h: byte strings to dense numbers 0..n-1, with counts. Used for user ids, item ids and categories.
 *
 * Keys are bytes. Integer ids are stored as 8 bytes big-endian with the sign bit flipped, so that byte order is
 * numeric order; uuids as their 16 bytes; text as itself in the database's encoding.
 * Finishing sorts by key, so that the numbering never depends on the order rows came in.
 */
#ifndef LT_DICTIONARY_H
#define LT_DICTIONARY_H

#include "codec.h"

#include <string.h>

typedef struct lt_dictionary {
    int32_t n;
    int64_t *start; /* n+1 offsets into bytes */
    char *bytes;
    double *count; /* n; how often (or with how much weight) lt_dictionary_add saw the key */
    /* private */
    size_t cap_n, cap_bytes, cap_count;
    int32_t *slot; /* open addressing, -1 empty */
    uint32_t slots;
    uint32_t *hash; /* n */
    size_t cap_hash;
} lt_dictionary;

lt_status lt_dictionary_init(lt_env *env, lt_dictionary *d);
/* For large ones that are done with early; d is as before lt_dictionary_init. */
void lt_dictionary_free(lt_env *env, lt_dictionary *d);
/* Finds or adds; *number is its provisional number; adds weight to its count. LT_INVALID beyond INT32_MAX - 1 keys. */
lt_status lt_dictionary_add(lt_env *env, lt_dictionary *d, const void *key, int64_t length, double weight,
                            int32_t *number);
/*
 * Keys side by side, to be looked up together: the waits for memory overlap, which in a large dictionary are nearly all
 * of the time.  Key i is bytes[start[i] .. start[i+1]).
 */
#define LT_KEYS_MOST 256
typedef struct lt_keys {
    int n;
    int64_t start[LT_KEYS_MOST + 1];
    char *bytes;
    size_t cap_bytes;
} lt_keys;
/* One key more; n is below LT_KEYS_MOST. */
static inline lt_status lt_keys_append(lt_env *env, lt_keys *k, const void *key, int64_t length)
{
    size_t end = (size_t)k->start[k->n];

    if (end + (size_t)length > k->cap_bytes || k->bytes == NULL)
        LT_TRY(lt_grow(env, &k->bytes, &k->cap_bytes, end + (size_t)length, 1, "the ids of rows"));
    if (length == 8)
        memcpy(k->bytes + end, key, 8);
    else if (length > 0)
        memcpy(k->bytes + end, key, (size_t)length);
    k->start[++k->n] = (int64_t)end + length;
    return LT_OK;
}
/* As lt_dictionary_add and lt_dictionary_find for each of k->n keys, in order; number has room for them. */
lt_status lt_dictionary_add_keys(lt_env *env, lt_dictionary *d, const lt_keys *k, double weight, int32_t *number);
void lt_dictionary_find_keys(const lt_dictionary *d, const lt_keys *k, int32_t *number);
/* -1 when absent. */
int32_t lt_dictionary_find(const lt_dictionary *d, const void *key, int64_t length);
const char *lt_dictionary_key(const lt_dictionary *d, int32_t number, int64_t *length);
/*
 * Sorts by key and drops keys whose count is below min_count. map (n old entries, from lt_alloc) gives each old
 * number's new one, or -1 when dropped; *dropped counts those.
 */
lt_status lt_dictionary_finish(lt_env *env, lt_dictionary *d, double min_count, int32_t **map, int32_t *dropped);

/* Takes a key out; the numbers behind it move up. */
lt_status lt_dictionary_remove(lt_env *env, lt_dictionary *d, int32_t number);

/* Reading checks that every key is there once. What was read may be added to: those who came after training stand
 * behind the sorted ones. */
void lt_dictionary_write(lt_writer *w, const lt_dictionary *d);
lt_status lt_dictionary_read(lt_reader *r, lt_dictionary *d);

#endif
