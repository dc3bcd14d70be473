/*
 * driver.c: a fuzz target over its corpus and over seeded mutations of it: what `make test` runs, without libFuzzer.
 *
 *     fuzz_TARGET DIRECTORY MUTATIONS [NUMBER]      NUMBER: that mutation alone, as a failure names it
 *
 * The same mutations every time.  TAP; a crash is the sanitizer's to report, with the input's number before it.
 */
#define _DEFAULT_SOURCE /* scandir */
#include "fuzz.h"
#include "random.h"

#include <dirent.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <unistd.h>

#define MOST_BYTES (1 << 20)
#define SECONDS 30 /* an input may take */

typedef struct seed {
    char *name;
    uint8_t *bytes;
    size_t n;
} seed;

static seed *seeds;
static int n_seeds;
static char at_hand[200]; /* the input that is run */

static void say_input(void)
{
    printf("# %s\n", at_hand);
    fflush(stdout);
}

static void on_signal(int number)
{
    say_input();
    signal(number, SIG_DFL);
    raise(number);
}

static int no_dots(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void read_corpus(const char *directory)
{
    struct dirent **entries;
    int n = scandir(directory, &entries, no_dots, alphasort);

    seeds = calloc((size_t)(n > 0 ? n : 1), sizeof *seeds);
    for (int i = 0; i < n; i++) {
        seed *s = &seeds[n_seeds++];
        char path[2000];
        FILE *in;

        snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        in = fopen(path, "rb");
        s->name = entries[i]->d_name;
        s->bytes = malloc(MOST_BYTES);
        s->n = in == NULL ? 0 : fread(s->bytes, 1, MOST_BYTES, in);
        if (in != NULL)
            fclose(in);
    }
    free(entries);
}

static void run(const uint8_t *bytes, size_t n)
{
    uint8_t *exact = malloc(n > 0 ? n : 1); /* so that a byte too far is noticed */

    if (n > 0)
        memcpy(exact, bytes, n);
    alarm(SECONDS);
    LLVMFuzzerTestOneInput(exact, n);
    alarm(0);
    free(exact);
}

static uint64_t number(lt_random *r)
{
    static const uint64_t extreme[] = {0,
                                       1,
                                       2,
                                       UINT64_MAX,
                                       INT64_MAX,
                                       INT32_MAX,
                                       UINT32_MAX,
                                       UINT64_C(0x7ff0000000000000),
                                       UINT64_C(0x7ff8000000000000),
                                       UINT64_C(0x7fefffffffffffff),
                                       UINT64_C(1) << 62};

    return extreme[lt_random_below(r, sizeof extreme / sizeof *extreme)];
}

/* One change of bytes[0..n), which has room for MOST_BYTES; the new length. */
static size_t change(lt_random *r, uint8_t *bytes, size_t n)
{
    size_t at = (size_t)lt_random_below(r, (int64_t)n + 1), length = 1 + (size_t)lt_random_below(r, 24);
    const seed *other = &seeds[lt_random_below(r, n_seeds)];
    uint64_t v = number(r);
    size_t width = lt_random_below(r, 2) ? 4 : 8, from;

    switch (lt_random_below(r, 8)) {
    case 0: /* cut off */
        return at;
    case 1: /* cut out */
        length = length < n - at ? length : n - at;
        memmove(bytes + at, bytes + at + length, n - at - length);
        return n - length;
    case 2: /* put in, from another */
        if (other->n == 0 || n + length > MOST_BYTES)
            return n;
        from = (size_t)lt_random_below(r, (int64_t)other->n);
        length = length < other->n - from ? length : other->n - from;
        memmove(bytes + at + length, bytes + at, n - at);
        memcpy(bytes + at, other->bytes + from, length);
        return n + length;
    case 3: /* over, from another */
        from = other->n == 0 ? 0 : (size_t)lt_random_below(r, (int64_t)other->n);
        length = length < other->n - from ? length : other->n - from;
        length = length < n - at ? length : n - at;
        memcpy(bytes + at, other->bytes + from, length);
        return n;
    case 4:
        memcpy(bytes + at, &v, width < n - at ? width : n - at);
        return n;
    case 5:
        if (at < n)
            bytes[at] = (uint8_t)lt_random_next(r);
        return n;
    case 6:
        if (at < n)
            bytes[at] = (uint8_t)(bytes[at] + (lt_random_below(r, 2) ? 1 : -1));
        return n;
    default:
        if (at < n)
            bytes[at] ^= (uint8_t)(1 << lt_random_below(r, 8));
        return n;
    }
}

static void mutation(int number)
{
    uint8_t *bytes = malloc(MOST_BYTES);
    const seed *s;
    lt_random r;
    size_t n;

    lt_random_seed(&r, (uint64_t)number);
    s = &seeds[lt_random_below(&r, n_seeds)];
    n = s->n;
    memcpy(bytes, s->bytes, n);
    for (int64_t changes = 1 + lt_random_below(&r, 4); changes > 0; changes--)
        n = change(&r, bytes, n);
    snprintf(at_hand, sizeof at_hand, "mutation %d, of %s", number, s->name);
    run(bytes, n);
    free(bytes);
}

int main(int argc, char **argv)
{
    int mutations = argc > 2 ? atoi(argv[2]) : 0;

    __sanitizer_set_death_callback(say_input);
    signal(SIGABRT, on_signal);
    signal(SIGALRM, on_signal);
    read_corpus(argc > 1 ? argv[1] : ".");
    if (argc > 3) {
        mutation(atoi(argv[3]));
        return 0;
    }
    for (int i = 0; i < n_seeds; i++) {
        snprintf(at_hand, sizeof at_hand, "%s", seeds[i].name);
        run(seeds[i].bytes, seeds[i].n);
    }
    ok(n_seeds > 0, "%d inputs of the corpus", n_seeds);
    for (int i = 0; i < mutations && n_seeds > 0; i++)
        mutation(i);
    ok(n_seeds > 0, "%d mutations of them", mutations);
    for (int i = 0; i < n_seeds; i++)
        free(seeds[i].bytes);
    return done();
}
