/*
 * fuzz_archive.c: an exported model's bytes, with any checksum and with the right one.
 */
#include "archive.h"
#include "fuzz.h"

static void use(lt_env *env, const uint8_t *bytes, size_t n)
{
    lt_archive a;
    lt_writer w;
    uint32_t sum = 0;

    if (!fuzz_fine(env, lt_archive_read(env, bytes, n, &a)))
        return;
    for (int i = 0; i < a.n_parts; i++) {
        const uint8_t *part = a.part[i].bytes;

        must(a.part[i].n == 0 || (part >= bytes && part + a.part[i].n <= bytes + n));
        sum = lt_crc32c(sum, part, (size_t)a.part[i].n);
    }
    lt_writer_init(env, &w);
    lt_archive_write(&w, &a);
    must(w.status != LT_OK || (w.n == n && memcmp(w.bytes, bytes, n) == 0) || sum == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    lt_env *env = fuzz_env();

    use(env, bytes, n);
    if (n > 4) {
        uint8_t *sealed = malloc(n);
        uint32_t sum = lt_crc32c(0, bytes, n - 4);

        memcpy(sealed, bytes, n);
        for (int i = 0; i < 4; i++)
            sealed[n - 4 + (size_t)i] = (uint8_t)(sum >> 8 * i);
        use(env, sealed, n);
        free(sealed);
    }
    test_env_drop(env);
    return 0;
}
