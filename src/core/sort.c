/*
 * sort.c: radix sort by bytes, least significant first (Knuth, TAOCP vol. 3, 5.2.5).
 *
 * It is stable, takes time linear in n, and skips the bytes all keys share: floats widened to double leave three
 * bytes equal, counts more.  The C library's qsort would take memory outside the budget and cannot be cancelled.
 */
#include "sort.h"

#include <string.h>

#define BYTES 8
#define SHORT 48          /* below it, insertion beats filling eight histograms */
#define STRIDE (1L << 18) /* elements between polls: about a millisecond */

static const uint64_t sign_bit = UINT64_C(1) << 63;

/* The bits of IEEE doubles order like integers once negative ones are reversed and put below. */
uint64_t lt_sort_key(double x)
{
    uint64_t bits;

    x += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &x, sizeof bits);
    return bits & sign_bit ? ~bits : bits | sign_bit;
}

double lt_sort_number(uint64_t key)
{
    uint64_t bits = key & sign_bit ? key ^ sign_bit : ~key;
    double x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static void insertion_sort(lt_keyed *v, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        lt_keyed moving = v[i];
        int64_t j = i;

        for (; j > 0 && v[j - 1].key > moving.key; j--)
            v[j] = v[j - 1];
        v[j] = moving;
    }
}

lt_status lt_sort(lt_env *env, lt_keyed *v, int64_t n)
{
    int64_t count[BYTES][256];
    lt_keyed *from = v, *to;
    lt_keyed *scratch;

    if (n < SHORT) {
        insertion_sort(v, n);
        return LT_OK;
    }
    LT_TRY(lt_alloc(env, &scratch, (size_t)n, sizeof *scratch, "sorting"));
    memset(count, 0, sizeof count);
    for (int64_t i = 0; i < n; i++) {
        if (i % STRIDE == 0)
            LT_TRY(lt_poll(env));
        for (int b = 0; b < BYTES; b++)
            count[b][v[i].key >> (8 * b) & 255]++;
    }
    to = scratch;
    for (int b = 0; b < BYTES; b++) {
        int64_t *place = count[b];
        int64_t before = 0;
        lt_keyed *swap;

        if (place[v[0].key >> (8 * b) & 255] == n)
            continue; /* all keys share this byte */
        for (int c = 0; c < 256; c++) {
            int64_t here = place[c];

            place[c] = before;
            before += here;
        }
        for (int64_t i = 0; i < n; i++) {
            if (i % STRIDE == 0)
                LT_TRY(lt_poll(env));
            to[place[from[i].key >> (8 * b) & 255]++] = from[i];
        }
        swap = from;
        from = to;
        to = swap;
    }
    if (from != v)
        memcpy(v, from, (size_t)n * sizeof *v);
    lt_free(env, scratch);
    return LT_OK;
}

lt_status lt_kth_smallest(lt_env *env, double *v, int64_t n, int64_t k, double *out)
{
    int64_t low = 0, high = n - 1;

    while (low < high) {
        double pivot = v[low + (high - low) / 2];
        int64_t i = low, j = high;

        LT_TRY(lt_poll(env));
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i <= j) {
                double t = v[i];

                v[i++] = v[j];
                v[j--] = t;
            }
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            break;
    }
    *out = v[k];
    return LT_OK;
}

lt_status lt_latest_time(lt_env *env, const double *time, int64_t n, double *out)
{
    double *copy;

    *out = 0;
    if (n == 0)
        return LT_OK;
    LT_TRY(lt_alloc(env, &copy, (size_t)n, sizeof *copy, "the times"));
    memcpy(copy, time, (size_t)n * sizeof *copy);
    LT_TRY(lt_kth_smallest(env, copy, n, n - 1 - n / 1000, out));
    lt_free(env, copy);
    return LT_OK;
}
