/*
 * scan.c: the items with the largest margins (see scan.h).
 *
 * The compressed scan, with s_i the scale and q_i the codes of item i, t the step and p the whole numbers of x:
 *     y_i = s_i q_i + r_i,  |r_ij| <= s_i / 2;    x = t p + u,  |u_j| <= t / 2
 *     x . y_i = s_i t (q_i . p) + s_i (q_i . u) + r_i . x
 *             <= s_i (t (q_i . p) + 127 k t / 2 + |x| / 2),   |x| the sum of the |x_j|,
 * which is what it takes from above, and q_i . p is exact in 32 bits.  The margin, as it is computed, is at most
 * (k / 16 + 6) 2^-24 of the sum of |x_j y_ij| <= 128 s_i |x| off, since no sum there is longer, and k 2^-149 for
 * products below the range of floats.  So each error but the last grows with s_i alone, and one number a user, slack,
 * bounds all of them: an item whose s_i (t (q_i . p) + slack) is below what it takes to be among the best is passed
 * over.  It is quantisation with a bound, as in the VA-file (Weber, Schek and Blott, "A quantitative analysis and
 * performance study for similarity-search methods in high-dimensional spaces", 1998), with both passes in one.
 *
 * x is kept in 16 bits, so that the items' rounding is all that counts.  Numbers that this does not hold for (x all
 * zero, tiny, huge or not finite, products that could overflow) are left to the plain scan.
 */
#include "scan.h"

#include "scan_kernel.h"
#include "vectorize.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define LANES 16
#define BLOCK LT_SCAN_BLOCK
#define LINE 64 /* bytes that come from memory at once */
#define WAITING 16
#define CHUNK 256              /* margins the plain scan computes at once */
#define POLL_BYTES (1LL << 22) /* read between polls */
#define MOST_WHOLE 32639       /* 127 * 256 + 127: two halves with a sign */
#define LEAST_SCALE 1e-30f     /* of items that are nothing beside others */
#define LEAST_X 1e-20
#define MOST_X 1e20
#define MOST_MARGIN 1e37

/* ---- margins ---- */

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

/*
 * out[r] = x . row r: 16 partial sums, each of every 16th product, then halves added to halves.  The compiler may not
 * change the order, and does not join products and sums (-ffp-contract=off).
 */
LT_VECTORIZED static void dots(const float *row, int64_t n, int32_t k, const float *x, float *out)
{
    for (int64_t r = 0; r < n; r++, row += k) {
        lanes sums = {0}, a, b;
        float sum[LANES];
        int32_t j = 0;

        for (; j + LANES <= k; j += LANES) {
            memcpy(&a, row + j, sizeof a);
            memcpy(&b, x + j, sizeof b);
            sums += a * b;
        }
        memcpy(sum, &sums, sizeof sum);
        for (int l = 0; j < k; j++, l++)
            sum[l] += row[j] * x[j];
        for (int half = LANES / 2; half > 0; half /= 2)
            for (int l = 0; l < half; l++)
                sum[l] += sum[l + half];
        out[r] = sum[0];
    }
}

float lt_dot(const float *x, const float *y, int32_t k)
{
    float sum;

    dots(y, 1, k, x, &sum);
    return sum;
}

static float with_bias(const lt_seek *seek, float dot, int32_t item)
{
    return (float)(dot + (seek->base + (seek->scan->bias == NULL ? 0 : seek->scan->bias[item])));
}

float lt_scan_margin(const lt_seek *seek, int32_t item)
{
    const lt_scan *scan = seek->scan;

    return with_bias(seek, lt_dot(seek->x, scan->item + (int64_t)item * scan->k, scan->k), item);
}

/* margin[0..n) of the items from `first` on. */
static void margins_from(const lt_seek *seek, int64_t first, int64_t n, float *margin)
{
    const lt_scan *scan = seek->scan;

    dots(scan->item + first * scan->k, n, scan->k, seek->x, margin);
    for (int64_t i = 0; (scan->bias != NULL || seek->base != 0) && i < n; i++)
        margin[i] = with_bias(seek, margin[i], (int32_t)(first + i));
}

lt_status lt_scan_margins(lt_env *env, const lt_seek *seek, const int32_t *items, int64_t n, float *margin)
{
    int64_t most = POLL_BYTES / ((int64_t)seek->scan->k * (int64_t)sizeof(float)) + 1;

    for (int64_t first = 0; first < n; first += most) {
        int64_t take = n - first < most ? n - first : most;

        LT_TRY(lt_poll(env));
        if (items == NULL)
            margins_from(seek, first, take, margin + first);
        for (int64_t j = first; items != NULL && j < first + take; j++)
            margin[j] = lt_scan_margin(seek, items[j]);
    }
    return LT_OK;
}

/* ---- the copy ---- */

static int64_t whole_blocks(const lt_scan *scan)
{
    return scan->items / BLOCK;
}

static int32_t groups_of(int32_t k)
{
    return (k + 3) / 4;
}

int64_t lt_scan_code_size(int32_t items, int32_t k)
{
    return (int64_t)(items / BLOCK) * groups_of(k) * 4 * BLOCK;
}

static void take_most(lt_scan *scan)
{
    scan->most_scale = scan->most_bias = 0;
    for (int64_t i = 0; i < whole_blocks(scan) * BLOCK; i++)
        scan->most_scale = fmaxf(scan->most_scale, scan->scale[i]);
    for (int64_t i = 0; scan->bias != NULL && i < scan->items; i++)
        scan->most_bias = fmaxf(scan->most_bias, fabsf(scan->bias[i]));
}

/* code[0..k) of one item; returns its scale, which is never 0 or out of the range of normal floats. */
LT_VECTORIZED static float encode(const float *y, int32_t k, int8_t *code)
{
    const float round = 12582912; /* 1.5 * 2^23: floats around it are whole */
    float most[LANES] = {0}, scale = LEAST_SCALE, by;
    int32_t j = 0;

    for (; j + LANES <= k; j += LANES)
        for (int l = 0; l < LANES; l++)
            most[l] = most[l] < fabsf(y[j + l]) ? fabsf(y[j + l]) : most[l];
    for (; j < k; j++)
        most[0] = most[0] < fabsf(y[j]) ? fabsf(y[j]) : most[0];
    for (int l = 0; l < LANES; l++)
        scale = scale < most[l] / 127 ? most[l] / 127 : scale;
    by = 1 / scale;
    for (j = 0; j < k; j++)
        code[j] = (int8_t)(int32_t)(y[j] * by + round - round);
    return scale;
}

lt_status lt_scan_compress(lt_env *env, lt_scan *scan)
{
    int32_t k = scan->k, groups = groups_of(k);
    int8_t *row;

    LT_TRY(lt_alloc(env, &scan->code, (size_t)lt_scan_code_size(scan->items, k), 1, "the items' compressed vectors"));
    LT_TRY(lt_alloc(env, &scan->scale, (size_t)scan->items, sizeof *scan->scale, "the items' compressed vectors"));
    LT_TRY(lt_alloc(env, &row, (size_t)groups * 4, 1, "the items' compressed vectors"));
    for (int64_t i = 0; i < whole_blocks(scan) * BLOCK; i++) {
        int8_t *code = scan->code + (i / BLOCK * groups * BLOCK + i % BLOCK) * 4;

        if (i % 4096 == 0)
            LT_TRY(lt_poll(env));
        scan->scale[i] = encode(scan->item + i * k, k, row);
        for (int32_t g = 0; g < groups; g++)
            memcpy(code + (int64_t)g * BLOCK * 4, row + 4 * g, 4);
    }
    lt_free(env, row);
    take_most(scan);
    return LT_OK;
}

/* ---- the best ---- */

/* A search going on. */
typedef struct search {
    const lt_seek *seek;
    const lt_scan_order *order;
    lt_top *top;
    float least;       /* items whose margin is below are not among the best */
    double allowance;  /* of the compressed scan: what a bound lacks for the margin */
    float least_bound; /* items whose bound is below are not among the best */
    int64_t computed;
} search;

/* The largest float that is not above; -infinity for NaN. */
static float not_above(double value)
{
    float f;

    if (!(value >= -(double)FLT_MAX))
        return -INFINITY;
    f = value >= (double)FLT_MAX ? FLT_MAX : (float)value;
    return f > value ? nextafterf(f, -INFINITY) : f;
}

static void renew_least(search *s)
{
    double least = lt_top_least(s->top);

    if (s->order->value != NULL)
        least = isfinite(least) ? s->order->least_margin(s->order->context, (float)least) : -INFINITY;
    s->least = not_above(least);
    /* A margin is the sum of bound and allowance rounded, so one float less. */
    s->least_bound = not_above(nextafterf(s->least, -INFINITY) - s->allowance);
}

static float value_of(const search *s, float margin, int32_t item)
{
    return s->order->value == NULL ? margin : s->order->value(s->order->context, margin, item);
}

static void offer(search *s, int32_t item, float margin)
{
    float value = value_of(s, margin, item);

    if (!lt_top_takes(s->top, item, value) ||
        (s->order->left_out != NULL && s->order->left_out(s->order->context, item)))
        return;
    lt_top_offer(s->top, item, value);
    renew_least(s);
}

static lt_status scan_plain(lt_env *env, search *s, int64_t first, int64_t end)
{
    float margin[CHUNK];

    for (int64_t most = POLL_BYTES / ((int64_t)s->seek->scan->k * (int64_t)sizeof(float)), done = most; first < end;) {
        int64_t n = end - first < CHUNK ? end - first : CHUNK;

        if (done >= most) {
            LT_TRY(lt_poll(env));
            done = 0;
        }
        margins_from(s->seek, first, n, margin);
        for (int64_t i = 0; i < n; i++)
            if (margin[i] >= s->least)
                offer(s, (int32_t)(first + i), margin[i]);
        s->computed += n;
        done += n;
        first += n;
    }
    return LT_OK;
}

/* Whether the bounds hold for this x (k numbers); its largest number, and the sum of all, without signs. */
static bool compressible(const lt_seek *seek, double *most, double *sum)
{
    const lt_scan *scan = seek->scan;

    *most = *sum = 0;
    for (int32_t j = 0; j < scan->k; j++) {
        *most = fmax(*most, fabs(seek->x[j]));
        *sum += fabs(seek->x[j]);
    }
    return scan->code != NULL && *most >= LEAST_X && *sum <= MOST_X &&
           128 * (double)scan->most_scale * *sum <= MOST_MARGIN && scan->most_bias <= MOST_MARGIN &&
           fabs(seek->base) <= MOST_MARGIN;
}

static lt_status make_query(lt_env *env, const lt_seek *seek, double most, double sum, lt_scan_query *q)
{
    int32_t k = seek->scan->k, whole = INT32_MAX / 127 / k < MOST_WHOLE ? INT32_MAX / 127 / k : MOST_WHOLE;
    double step = most / whole, rest = 0.50001 * step * k, slack;
    size_t n = 4 * (size_t)groups_of(k);

    *q = (lt_scan_query){.groups = groups_of(k), .step = (float)step};
    LT_TRY(lt_alloc(env, &q->p, n, sizeof *q->p, "a user's vector"));
    LT_TRY(lt_alloc(env, &q->high, n, 1, "a user's vector"));
    LT_TRY(lt_alloc(env, &q->low, n, 1, "a user's vector"));
    for (int32_t j = 0; j < k; j++) {
        int32_t p = (int32_t)rint(seek->x[j] / step), low = (p + 32768) % 256; /* above 0, where % rounds down */

        q->p[j] = (int16_t)p;
        q->low[j] = (int8_t)(low < 128 ? low : low - 256);
        q->high[j] = (int8_t)((p - q->low[j]) / 256);
        q->sum += p;
    }
    slack = 127 * rest + 0.50003 * sum;                     /* what the whole numbers leave: u and r */
    slack += ((double)k / LANES + 6) * 0x1p-24 * 128 * sum; /* the margin's roundings */
    slack += 8 * 0x1p-24 * 128 * (sum + rest);              /* the kernel's */
    q->slack = (float)(slack * 1.00001);
    return LT_OK;
}

/* Items whose margin is still to be computed: their vectors are on the way from memory meanwhile. */
typedef struct waiting {
    int n;
    int32_t item[WAITING];
    float bound[WAITING];
} waiting;

/* Neither by its bound nor by the value that gives; NaN says nothing. */
static bool ruled_out(const search *s, int32_t item, float bound)
{
    return bound < s->least_bound || value_of(s, (float)(bound + s->allowance), item) < lt_top_least(s->top);
}

static void settle(search *s, waiting *w)
{
    for (int i = 0; i < w->n; i++) {
        if (ruled_out(s, w->item[i], w->bound[i]))
            continue;
        offer(s, w->item[i], lt_scan_margin(s->seek, w->item[i]));
        s->computed++;
    }
    w->n = 0;
}

static void wait_for(search *s, waiting *w, int32_t item, float bound)
{
    const lt_scan *scan = s->seek->scan;
    const float *y = scan->item + (int64_t)item * scan->k;

    for (int32_t j = 0; j < scan->k; j += LINE / (int32_t)sizeof *y)
        __builtin_prefetch(y + j);
    w->item[w->n] = item;
    w->bound[w->n++] = bound;
    if (w->n == WAITING)
        settle(s, w);
}

static lt_status scan_compressed(lt_env *env, search *s, const lt_scan_query *q, int64_t blocks)
{
    lt_scan_next *next = lt_scan_kernel_at(0).next;
    int64_t stretch = POLL_BYTES / ((int64_t)q->groups * 4 * BLOCK) + 1;
    waiting w = {.n = 0};
    float bound[BLOCK];
    uint32_t found;

    for (int64_t from = 0; from < blocks; from += stretch) {
        int64_t end = blocks - from < stretch ? blocks : from + stretch;

        LT_TRY(lt_poll(env));
        for (int64_t block = from;; block++) {
            block = next(s->seek->scan, q, block, end, s->least_bound, bound, &found);
            if (block >= end)
                break;
            for (; found != 0; found &= found - 1) {
                int at = __builtin_ctz(found);
                int32_t item = (int32_t)(block * BLOCK + at);

                if (!ruled_out(s, item, bound[at]))
                    wait_for(s, &w, item, bound[at]);
            }
        }
        settle(s, &w);
    }
    return LT_OK;
}

lt_status lt_scan_best(lt_env *env, const lt_seek *seek, const lt_scan_order *order, lt_top *top, int64_t *computed)
{
    const lt_scan *scan = seek->scan;
    const lt_scan_order by_margin = {0};
    search s = {.seek = seek, .order = order == NULL ? &by_margin : order, .top = top};
    lt_scan_query q = {0};
    int64_t blocks = 0;
    double most, sum;

    if (compressible(seek, &most, &sum)) {
        blocks = whole_blocks(scan);
        LT_TRY(make_query(env, seek, most, sum, &q));
        s.allowance = seek->base + 1e-6 * (fabs(seek->base) + scan->most_bias) + scan->k * 0x1p-148 + 0x1p-144;
    }
    renew_least(&s);
    if (top->k > 0 && blocks > 0)
        LT_TRY(scan_compressed(env, &s, &q, blocks));
    if (top->k > 0)
        LT_TRY(scan_plain(env, &s, blocks * BLOCK, scan->items));
    if (computed != NULL)
        *computed = s.computed;
    lt_free(env, q.low);
    lt_free(env, q.high);
    lt_free(env, q.p);
    return LT_OK;
}
