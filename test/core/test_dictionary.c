/* test_dictionary.c: numbering by key, counts, folding, stored form, against a naive list. */
#include "tap.h"

#include "dictionary.h"
#include "random.h"

typedef struct naive_key {
    char bytes[24];
    int64_t length;
    double count;
    int32_t number; /* provisional */
} naive_key;

static int by_bytes(const void *a, const void *b)
{
    const naive_key *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, (size_t)(x->length < y->length ? x->length : y->length));

    return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

static int64_t make_key(lt_random *rng, char *out)
{
    int64_t length = lt_random_below(rng, 4) == 0 ? 8 : lt_random_below(rng, 20);

    /* few distinct bytes, zeros and high ones among them, so that prefixes meet */
    for (int64_t i = 0; i < length; i++)
        out[i] = "\0\x01"
                 "a\xFF"[lt_random_below(rng, i < 8 ? 2 : 4)];
    return length;
}

static void against_naive(lt_env *env, int adds, double min_count, uint64_t seed)
{
    naive_key *list = calloc((size_t)adds, sizeof *list);
    int32_t n = 0, number, *map, dropped, kept = 0, at = 0;
    bool numbers = true, sorted = true, mapped = true, found = true;
    lt_dictionary d;
    lt_random rng;

    lt_random_seed(&rng, seed);
    fine(env, lt_dictionary_init(env, &d));
    for (int i = 0; i < adds; i++) {
        char key[24];
        int64_t length = make_key(&rng, key);
        double weight = (double)lt_random_below(&rng, 3);
        int32_t j = 0;

        while (j < n && !(list[j].length == length && memcmp(list[j].bytes, key, (size_t)length) == 0))
            j++;
        if (j == n) {
            memcpy(list[n].bytes, key, (size_t)length);
            list[n].length = length;
            list[n].number = n;
            n++;
        }
        list[j].count += weight;
        numbers = lt_dictionary_add(env, &d, key, length, weight, &number) == LT_OK && number == j && numbers;
    }
    ok(numbers && d.n == n, "%d distinct keys of %d keep their provisional numbers", n, adds);
    fine(env, lt_dictionary_finish(env, &d, min_count, &map, &dropped));
    qsort(list, (size_t)n, sizeof *list, by_bytes);
    for (int32_t j = 0; j < n; j++) {
        int64_t length;
        const char *key;

        number = lt_dictionary_find(&d, list[j].bytes, list[j].length);
        if (list[j].count < min_count) {
            mapped = mapped && map[list[j].number] == -1;
            found = found && number == -1;
            continue;
        }
        kept++;
        mapped = mapped && map[list[j].number] == at;
        found = found && number == at;
        key = lt_dictionary_key(&d, at, &length);
        sorted = sorted && length == list[j].length && memcmp(key, list[j].bytes, (size_t)length) == 0 &&
                 d.count[at] == list[j].count;
        at++;
    }
    ok(d.n == kept && dropped == n - kept, "%d are kept", kept);
    ok(sorted, "in the order of their bytes, with their counts");
    ok(mapped && found, "mapped, and found again");
    ok(lt_dictionary_find(&d, "never there", 11) == -1, "an unknown key is not");
    free(list);
}

static void stored(lt_env *env)
{
    static const char *const names[] = {"pear", "", "apple", "apple pie", "\xC3\xA4pfel", "zebra"};
    int32_t number, *map, dropped;
    lt_dictionary d, back;
    lt_writer w, again;
    lt_reader r;

    fine(env, lt_dictionary_init(env, &d));
    for (int i = 0; i < 6; i++)
        fine(env, lt_dictionary_add(env, &d, names[i], (int64_t)strlen(names[i]), i + 1, &number));
    fine(env, lt_dictionary_finish(env, &d, 0, &map, &dropped));
    ok(map[0] == 3 && map[1] == 0 && map[2] == 1 && map[3] == 2 && map[4] == 5 && map[5] == 4, "byte order");
    fine(env, lt_dictionary_add(env, &d, "pear", 4, 1, &number));
    ok(number == 3 && d.count[3] == 2, "a finished one still counts");
    lt_writer_init(env, &w);
    lt_dictionary_write(&w, &d);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_dictionary_read(&r, &back));
    lt_writer_init(env, &again);
    lt_dictionary_write(&again, &back);
    ok(w.n == again.n && memcmp(w.bytes, again.bytes, w.n) == 0, "stored and read, it is the same");
    ok(lt_dictionary_find(&back, "\xC3\xA4pfel", 6) == 5 && lt_dictionary_find(&back, "", 0) == 0 &&
           lt_dictionary_find(&back, "appl", 4) == -1,
       "and finds the same");
    fine(env, lt_dictionary_add(env, &back, "new", 3, 1, &number));
    ok(number == 6, "and can grow");

    lt_writer_init(env, &w);
    lt_dictionary_write(&w, &back);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_dictionary_read(&r, &back));
    ok(back.n == 7 && lt_dictionary_find(&back, "new", 3) == 6, "what came later is stored behind the sorted ones");
    memcpy(d.bytes + d.start[4], "apple", 5);
    lt_writer_init(env, &w);
    lt_dictionary_write(&w, &d);
    lt_reader_init(env, &r, w.bytes, w.n);
    ok(lt_dictionary_read(&r, &back) == LT_CORRUPT, "a key that is there twice is refused");
    memcpy(d.bytes + d.start[4], "zebra", 5);
    d.count[1] = NAN;
    lt_writer_init(env, &w);
    lt_dictionary_write(&w, &d);
    lt_reader_init(env, &r, w.bytes, w.n);
    ok(lt_dictionary_read(&r, &back) == LT_CORRUPT, "so is a count that is no number");
}

/* Damage never reads out of bounds (the sanitizers watch), and truncation never passes. */
static void damaged(lt_env *env)
{
    bool refused = true, sane = true;
    int32_t number, *map, dropped;
    lt_dictionary d;
    lt_random rng;
    lt_writer w;
    lt_reader r;

    lt_random_seed(&rng, 5);
    fine(env, lt_dictionary_init(env, &d));
    for (int i = 0; i < 20; i++) {
        char key[24];
        int64_t length = make_key(&rng, key);

        fine(env, lt_dictionary_add(env, &d, key, length, 1, &number));
    }
    fine(env, lt_dictionary_finish(env, &d, 0, &map, &dropped));
    lt_writer_init(env, &w);
    lt_dictionary_write(&w, &d);
    for (size_t n = 0; n < w.n; n++) {
        lt_env *own = test_env();
        lt_dictionary back;

        lt_reader_init(own, &r, w.bytes, n);
        refused = refused && lt_dictionary_read(&r, &back) == LT_CORRUPT;
        test_env_drop(own);
    }
    ok(refused, "every truncation is refused");
    for (int i = 0; i < 20000; i++) {
        lt_env *own = test_env();
        uint8_t *bytes = malloc(w.n);
        lt_dictionary back;
        lt_status status;

        own->budget = 1 << 20;
        memcpy(bytes, w.bytes, w.n);
        for (int64_t k = lt_random_below(&rng, 3); k >= 0; k--)
            bytes[lt_random_below(&rng, (int64_t)w.n)] ^= (uint8_t)(1 + lt_random_below(&rng, 255));
        lt_reader_init(own, &r, bytes, w.n);
        status = lt_dictionary_read(&r, &back);
        if (status == LT_OK)
            for (int32_t j = 0; j < back.n; j++) {
                int64_t length;
                const char *key = lt_dictionary_key(&back, j, &length);

                sane = sane && lt_dictionary_find(&back, key, length) == j;
            }
        sane = sane && (status == LT_OK || status == LT_CORRUPT);
        free(bytes);
        test_env_drop(own);
    }
    ok(sane, "damaged bytes are refused, or give a dictionary that finds its keys");
}

/* By batches as one by one: numbers and counts, repeats within a batch and keys that are not there included. */
static void batches(lt_env *env)
{
    static const char *const text[] = {"",         "a",         "b",        "userid 1",
                                       "userid 2", "userid 10", "userid 1", "longer than eight"};
    lt_dictionary one, many;
    lt_keys *k;
    lt_random r;
    bool same = true;

    lt_random_seed(&r, 9);
    lt_dictionary_init(env, &one);
    lt_dictionary_init(env, &many);
    fine(env, lt_alloc(env, &k, 1, sizeof *k, "test"));
    for (int batch = 0; batch < 200; batch++) {
        int32_t number[LT_KEYS_MOST], want = -1;

        k->n = 0;
        for (int i = 0; i <= batch % LT_KEYS_MOST; i++) {
            int64_t id = lt_random_below(&r, 20000);
            const char *word = text[lt_random_below(&r, 8)];

            same = same && (i % 3 == 0 ? lt_keys_append(env, k, word, (int64_t)strlen(word))
                                       : lt_keys_append(env, k, &id, sizeof id)) == LT_OK;
        }
        lt_dictionary_find_keys(&many, k, number);
        for (int i = 0; i < k->n; i++)
            same = same && number[i] == lt_dictionary_find(&one, k->bytes + k->start[i], k->start[i + 1] - k->start[i]);
        same = same && lt_dictionary_add_keys(env, &many, k, 2, number) == LT_OK;
        for (int i = 0; i < k->n; i++) {
            same = same && lt_dictionary_add(env, &one, k->bytes + k->start[i], k->start[i + 1] - k->start[i], 2,
                                             &want) == LT_OK;
            same = same && number[i] == want;
        }
    }
    same = same && one.n == many.n && memcmp(one.count, many.count, (size_t)one.n * sizeof *one.count) == 0;
    ok(same && one.n > 5000, "%d keys by batches are as one by one", (int)one.n);
}

static void cancelled(void)
{
    lt_env *env = test_env();
    int32_t number, *map, dropped;
    lt_status status = LT_OK;
    lt_dictionary d;

    lt_dictionary_init(env, &d);
    for (int64_t i = 0; i < 200000 && status == LT_OK; i++)
        status = lt_dictionary_add(env, &d, &i, sizeof i, 1, &number);
    ok(status == LT_OK, "200000 keys");
    ((test_context *)env->context)->polls = 0;
    ((test_context *)env->context)->cancel_at = 5;
    ok(lt_dictionary_finish(env, &d, 0, &map, &dropped) == LT_CANCELLED, "sorting them can be cancelled");
    test_env_drop(env);
}

int main(void)
{
    lt_env *env = test_env();

    against_naive(env, 0, 1, 1);
    against_naive(env, 1, 0, 2);
    against_naive(env, 5000, 0, 3);
    against_naive(env, 5000, 4, 4);
    against_naive(env, 3000, 1e9, 5);
    stored(env);
    damaged(env);
    batches(env);
    cancelled();
    test_env_drop(env);
    return done();
}
