/*
 * scan_kernel.c: whole-number dot products of 16 items at once (see scan_kernel.h).
 *
 * The codes of 16 items lie side by side, 4 factors of each, so that a wide register has one item's sum in each lane
 * and no sum runs across lanes.  The copy is read once, in order, which is what takes the time when it is not in a
 * cache.
 */
#include "scan_kernel.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define WITH_X86 1
#include <immintrin.h>
#endif

#define BLOCK LT_SCAN_BLOCK

static int64_t next_plain(const lt_scan *scan, const lt_scan_query *q, int64_t block, int64_t end, float least,
                          float bound[BLOCK], uint32_t *found)
{
    for (; block < end; block++) {
        const int8_t *code = scan->code + block * q->groups * 4 * BLOCK;
        int32_t sum[BLOCK] = {0};

        *found = 0;
        for (int32_t g = 0; g < q->groups; g++)
            for (int i = 0; i < BLOCK; i++)
                for (int j = 0; j < 4; j++)
                    sum[i] += code[(g * BLOCK + i) * 4 + j] * q->p[4 * g + j];
        for (int i = 0; i < BLOCK; i++) {
            bound[i] = scan->scale[block * BLOCK + i] * (q->step * (float)sum[i] + q->slack);
            if (scan->bias != NULL)
                bound[i] += scan->bias[block * BLOCK + i];
            *found |= (uint32_t) !(bound[i] < least) << i;
        }
        if (*found != 0)
            break;
    }
    return block;
}

#ifdef WITH_X86

/* Two factors at a time in 16 bits; four items a register, whose two halves are added up at the end. */
__attribute__((target("avx2"))) static int64_t next_avx2(const lt_scan *scan, const lt_scan_query *q, int64_t block,
                                                         int64_t end, float least, float bound[BLOCK], uint32_t *found)
{
    const __m256 step = _mm256_set1_ps(q->step), slack = _mm256_set1_ps(q->slack), limit = _mm256_set1_ps(least);

    for (; block < end; block++) {
        const int8_t *code = scan->code + block * q->groups * 4 * BLOCK;
        __m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                          _mm256_setzero_si256()};

        *found = 0;
        for (int32_t g = 0; g < q->groups; g++) {
            __m256i p = _mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)(q->p + 4 * g)));

            for (int i = 0; i < 4; i++) {
                __m128i four = _mm_loadu_si128((const __m128i *)(code + g * 4 * BLOCK + 16 * i));

                sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(_mm256_cvtepi8_epi16(four), p));
            }
        }
        for (int half = 0; half < 2; half++) {
            int64_t first = block * BLOCK + 8 * half;
            __m256i dot = _mm256_permute4x64_epi64(_mm256_hadd_epi32(sum[2 * half], sum[2 * half + 1]), 0xd8);
            __m256 upper = _mm256_mul_ps(_mm256_loadu_ps(scan->scale + first),
                                         _mm256_add_ps(_mm256_mul_ps(step, _mm256_cvtepi32_ps(dot)), slack));

            if (scan->bias != NULL)
                upper = _mm256_add_ps(upper, _mm256_loadu_ps(scan->bias + first));
            _mm256_storeu_ps(bound + 8 * half, upper);
            *found |= (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(upper, limit, _CMP_NLT_UQ)) << 8 * half;
        }
        if (*found != 0)
            break;
    }
    return block;
}

/*
 * Four factors at a time, which takes bytes without a sign on one side: the codes plus 128, so that 128 times the sum
 * of p goes off again, and p in two halves. What wraps around on the way is back at the end.
 */
__attribute__((target("avx512f,avx512bw,avx512vnni"))) static int64_t next_vnni(const lt_scan *scan,
                                                                                const lt_scan_query *q, int64_t block,
                                                                                int64_t end, float least,
                                                                                float bound[BLOCK], uint32_t *found)
{
    const __m512 step = _mm512_set1_ps(q->step), slack = _mm512_set1_ps(q->slack), limit = _mm512_set1_ps(least);
    const __m512i shift = _mm512_set1_epi8((char)-128), offset = _mm512_set1_epi32((int32_t)(128u * (uint32_t)q->sum));
    const int32_t *high = (const int32_t *)(const void *)q->high, *low = (const int32_t *)(const void *)q->low;

    for (; block < end; block++) {
        const int8_t *code = scan->code + block * q->groups * 4 * BLOCK;
        __m512i upper_half = _mm512_setzero_si512(), lower_half = _mm512_setzero_si512(), dot;
        __m512 upper;

        for (int32_t g = 0; g < q->groups; g++) {
            __m512i y = _mm512_xor_si512(_mm512_loadu_si512(code + (int64_t)g * 4 * BLOCK), shift);

            upper_half = _mm512_dpbusd_epi32(upper_half, y, _mm512_set1_epi32(high[g]));
            lower_half = _mm512_dpbusd_epi32(lower_half, y, _mm512_set1_epi32(low[g]));
        }
        dot = _mm512_sub_epi32(_mm512_add_epi32(_mm512_slli_epi32(upper_half, 8), lower_half), offset);
        upper = _mm512_mul_ps(_mm512_loadu_ps(scan->scale + block * BLOCK),
                              _mm512_add_ps(_mm512_mul_ps(step, _mm512_cvtepi32_ps(dot)), slack));
        if (scan->bias != NULL)
            upper = _mm512_add_ps(upper, _mm512_loadu_ps(scan->bias + block * BLOCK));
        *found = _mm512_cmp_ps_mask(upper, limit, _CMP_NLT_UQ);
        if (*found != 0) {
            _mm512_storeu_ps(bound, upper);
            break;
        }
    }
    return block;
}

#endif

lt_scan_kernel lt_scan_kernel_at(int at)
{
    lt_scan_kernel usable[4];
    int n = 0;

#ifdef WITH_X86
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni"))
        usable[n++] = (lt_scan_kernel){"avx512vnni", next_vnni};
    if (__builtin_cpu_supports("avx2"))
        usable[n++] = (lt_scan_kernel){"avx2", next_avx2};
#endif
    usable[n++] = (lt_scan_kernel){"plain", next_plain};
    return at < n ? usable[at] : (lt_scan_kernel){NULL, NULL};
}
