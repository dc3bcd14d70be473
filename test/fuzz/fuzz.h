/*
 * fuzz.h: what every fuzz target includes: an environment with a budget, and input taken apart.
 *
 * A target is one file with LLVMFuzzerTestOneInput, which may do anything but crash, hang, leak, or leave a failing
 * call without an error that can be shown.  It is run by driver.c over corpus/<target> and mutations of that
 * (`make test`), or by libFuzzer (`make torture`).
 */
#ifndef LT_FUZZ_H
#define LT_FUZZ_H

#include "tap.h"

#define FUZZ_BUDGET ((size_t)1 << 26)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Says what must never be, and ends the process, which saves the input. */
#define must(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                    \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static lt_env *fuzz_env(void) __attribute__((unused));
static lt_env *fuzz_env(void)
{
    lt_env *env = test_env();

    env->budget = FUZZ_BUDGET;
    return env;
}

/* Whether the call was fine; where it was not, it said why. */
static bool fuzz_fine(lt_env *env, lt_status status) __attribute__((unused));
static bool fuzz_fine(lt_env *env, lt_status status)
{
    if (status == LT_OK)
        return true;
    must(env->error.status == status && env->error.message[0] != '\0');
    env->error = (lt_error){0};
    return false;
}

/* ---- input, taken from its beginning; behind its end are zeros ---- */

typedef struct fuzz_input {
    const uint8_t *bytes;
    size_t n;
} fuzz_input;

static void fuzz_take(fuzz_input *in, void *out, size_t size) __attribute__((unused));
static void fuzz_take(fuzz_input *in, void *out, size_t size)
{
    size_t there = size < in->n ? size : in->n;

    memset(out, 0, size);
    if (there > 0)
        memcpy(out, in->bytes, there);
    in->bytes += there;
    in->n -= there;
}

static int fuzz_below(fuzz_input *in, int bound) __attribute__((unused));
static int fuzz_below(fuzz_input *in, int bound)
{
    uint8_t v;

    fuzz_take(in, &v, 1);
    return v % bound;
}

/* A number of any bits, or a usual one. */
static double fuzz_number(fuzz_input *in) __attribute__((unused));
static double fuzz_number(fuzz_input *in)
{
    static const double usual[] = {0, 1, -1, 0.5, 0.1, 2, 3, 10, 100, 1e18, -1e300, 1e300, 1e-300};
    uint8_t how;
    double v;

    fuzz_take(in, &how, 1);
    if (how % 2 == 0)
        return usual[how / 2 % (sizeof usual / sizeof *usual)];
    fuzz_take(in, &v, sizeof v);
    return v;
}

/* Up to 40 bytes, the first of which says how many, as a text. */
static const char *fuzz_text(fuzz_input *in, char out[41]) __attribute__((unused));
static const char *fuzz_text(fuzz_input *in, char out[41])
{
    int length = fuzz_below(in, 41);

    fuzz_take(in, out, (size_t)length);
    out[length] = '\0';
    return out;
}

#endif
