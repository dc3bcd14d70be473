/*
 * test_scan.c: the best of many margins, with and without the compressed copy, against a full sort; what the innermost
 * loops of all instruction sets say.
 */
#include "random.h"
#include "scan.h"
#include "scan_kernel.h"
#include "tap.h"

/* ---- by the definitions ---- */

/* 16 partial sums, then halves added to halves. */
static float naive_dot(const float *x, const float *y, int32_t k)
{
    volatile float sum[16] = {0};

    for (int32_t j = 0; j < k; j++) {
        volatile float product = x[j] * y[j];

        sum[j % 16] += product;
    }
    for (int half = 8; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            sum[l] += sum[l + half];
    return sum[0];
}

static float naive_margin(const lt_seek *seek, int32_t i)
{
    const lt_scan *s = seek->scan;
    double dot = naive_dot(seek->x, s->item + (int64_t)i * s->k, s->k);

    return (float)(dot + (seek->base + (s->bias == NULL ? 0 : s->bias[i])));
}

/* An order: margins multiplied (divided where below 0) by what an item has, or added to; some items left out. */
typedef struct ordered {
    const double *by;
    double most;
    bool multiplied;
    const uint8_t *out;
} ordered;

static float value(const void *context, float margin, int32_t item)
{
    const ordered *o = context;

    if (o->by == NULL)
        return margin;
    if (o->multiplied)
        return (float)(margin > 0 ? margin * o->by[item] : margin / o->by[item]);
    return (float)(margin + o->by[item]);
}

static double least_margin(const void *context, float v)
{
    const ordered *o = context;

    if (o->by == NULL)
        return v;
    if (o->multiplied)
        return v > 0 ? (v < 1e-30 ? 0 : v * (1 - 1e-6) / o->most) : (v * (1 + 1e-6) - 1e-44) * o->most;
    return v - o->most - 1e-6 * (fabs(v) + fabs(o->most)) - 1e-40;
}

static bool left_out(const void *context, int32_t item)
{
    const ordered *o = context;

    return o->out != NULL && o->out[item];
}

typedef struct ranked {
    int32_t item, rank;
    float value;
} ranked;

static int by_value(const void *a, const void *b)
{
    const ranked *x = a, *y = b;

    return x->value != y->value ? (x->value < y->value) - (x->value > y->value)
                                : (x->rank > y->rank) - (x->rank < y->rank);
}

/* ---- random cases ---- */

enum { PLAIN, EQUAL, ZEROS, HUGE_ROWS, TINY_ROWS, MIXED, SPIKES, WHOLE, HALVES, SHAPES };
static const char *const shapes[] = {"plain",       "equal",  "zeros",         "huge",  "tiny",
                                     "mixed sizes", "spikes", "whole numbers", "halves"};

static void fill(lt_random *rng, int shape, float *row, int64_t n, int32_t k)
{
    for (int64_t i = 0; i < n; i++) {
        double size = 1;

        if (shape == HUGE_ROWS)
            size = pow(10, 36 * lt_random_uniform(rng));
        else if (shape == TINY_ROWS)
            size = pow(10, -46 * lt_random_uniform(rng));
        else if (shape == MIXED)
            size = pow(10, 12 * lt_random_uniform(rng) - 6);
        for (int32_t j = 0; j < k; j++) {
            double draw = lt_random_normal(rng);

            if (shape == ZEROS && i % 3 != 0)
                draw = 0;
            if (shape == SPIKES && j != i % k)
                draw *= 1e-6;
            if (shape == WHOLE)
                draw = rint(draw);
            if (shape == HALVES) /* what the copy leaves is as large as can be, and up in some rows, down in others */
                draw = j == 1 ? 1
                              : (double)(126 - i / 20 % 100 - (i % 2 ? 1 : 0)) / 127 + (i % 2 ? 0.4999 : -0.4999) / 127;
            row[i * k + j] = shape == EQUAL && i > 0 && i % 7 != 0 ? row[j] : (float)(size * draw);
        }
    }
}

static bool same_floats(const float *a, const float *b, int64_t n)
{
    return n == 0 || memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

/* One case; *saved: whether the copy spared any margin. */
static bool one_case(lt_env *env, lt_random *rng, int items_shape, int user_shape, int64_t *computed, int64_t *all)
{
    int32_t n = 1 + lt_random_below(rng, 400), k = 1 + lt_random_below(rng, lt_random_below(rng, 4) == 0 ? 200 : 40);
    int64_t room = 1 + lt_random_below(rng, lt_random_below(rng, 5) == 0 ? 2 * n : 20), left = 0, in_full;
    int order_kind = (int)lt_random_below(rng, 4), out_kind = (int)lt_random_below(rng, 4);
    float *item, *bias, *x, *margin, got_value[2][800];
    int32_t *rank, got[2][800];
    bool same = true;
    double *by;
    uint8_t *out;
    ranked *want;
    lt_scope scope;

    lt_scope_open(env, &scope);
    env = &scope.env;
    lt_alloc(env, &item, (size_t)n * (size_t)k, sizeof *item, "test");
    lt_alloc(env, &bias, (size_t)n, sizeof *bias, "test");
    lt_alloc(env, &x, (size_t)k, sizeof *x, "test");
    lt_alloc(env, &margin, (size_t)n, sizeof *margin, "test");
    lt_alloc(env, &rank, (size_t)n, sizeof *rank, "test");
    lt_alloc(env, &by, (size_t)n, sizeof *by, "test");
    lt_alloc(env, &out, (size_t)n, 1, "test");
    lt_alloc(env, &want, (size_t)n, sizeof *want, "test");
    fill(rng, items_shape, item, n, k);
    fill(rng, user_shape, x, 1, k);
    if (user_shape == SPIKES && lt_random_below(rng, 3) == 0)
        x[0] = lt_random_below(rng, 2) == 0 ? NAN : INFINITY;

    lt_scan scan = {.items = n, .k = k, .item = item};
    lt_seek seek = {.scan = &scan, .x = x, .base = lt_random_below(rng, 2) == 0 ? 0 : lt_random_normal(rng)};
    ordered o = {.multiplied = order_kind == 1, .most = -INFINITY, .out = out_kind == 0 ? NULL : out};
    lt_scan_order order = {.value = value, .least_margin = least_margin, .left_out = left_out, .context = &o};

    if (lt_random_below(rng, 2) == 0) {
        fill(rng, lt_random_below(rng, 4) == 0 ? WHOLE : PLAIN, bias, n, 1);
        scan.bias = bias;
    }
    for (int32_t i = 0; i < n; i++) {
        rank[i] = i + 1;
        by[i] = o.multiplied ? exp(2 * lt_random_normal(rng) - 1) : 3 * lt_random_normal(rng);
        o.most = fmax(o.most, by[i]);
        out[i] = out_kind == 1 ? lt_random_below(rng, 3) == 0 : out_kind == 2;
    }
    for (int32_t i = n - 1; i > 0; i--) {
        int32_t j = (int32_t)lt_random_below(rng, i + 1), was = rank[i];

        rank[i] = rank[j];
        rank[j] = was;
    }
    if (order_kind < 2)
        o.by = by;
    for (int32_t i = 0; i < n; i++) {
        float m = naive_margin(&seek, i), v = value(&o, m, i);

        margin[i] = m;
        if (!isnan(v) && !left_out(&o, i))
            want[left++] = (ranked){i, rank[i], v};
    }
    qsort(want, (size_t)left, sizeof *want, by_value);
    left = left < room ? left : room;
    for (int copy = 0; copy < 2; copy++) {
        lt_top top = {.k = room, .index = got[copy], .value = got_value[copy], .rank = rank};

        if (copy)
            same = same && lt_scan_compress(env, &scan) == LT_OK;
        same =
            same && lt_scan_best(env, &seek, order_kind == 3 && out_kind == 0 ? NULL : &order, &top, &in_full) == LT_OK;
        lt_top_sort(&top);
        same = same && top.n == left;
        for (int64_t i = 0; i < left && same; i++)
            same = got[copy][i] == want[i].item && memcmp(&got_value[copy][i], &want[i].value, sizeof(float)) == 0;
        if (!same)
            printf("# copy %d: n %d k %d room %d left %d order %d out %d bias %d\n", copy, n, k, (int)room, (int)left,
                   order_kind, out_kind, scan.bias != NULL);
    }
    *computed += in_full;
    *all += n;
    for (int32_t i = 0; i < n && same; i++) {
        float one, naive = naive_margin(&seek, i);

        same = lt_scan_margins(env, &seek, &i, 1, &one) == LT_OK &&
               ((isnan(one) && isnan(naive)) || same_floats(&one, &naive, 1));
    }
    lt_scope_close(&scope);
    return same;
}

static void test_cases(lt_env *env)
{
    lt_random rng;

    lt_random_seed(&rng, 11);
    for (int items = 0; items < SHAPES; items++) {
        for (int user = 0; user < SHAPES; user++) {
            int64_t computed = 0, all = 0;
            int right = 0;

            for (int i = 0; i < 60; i++)
                right += one_case(env, &rng, items, user, &computed, &all);
            ok(right == 60, "%s items, %s user: %d lists of 60 (%.2f of the margins computed)", shapes[items],
               shapes[user], right, (double)computed / (double)all);
        }
    }
}

/* ---- the copy ---- */

/* While there is room for more items, the order is asked for the value of a bound, and then of the margin. */
typedef struct watched {
    int32_t item;
    float bound;
    int seen, broken; /* margins, and those above their bound */
    double nearest;   /* the least a bound was above, in parts of what the copy's rounding may make */
    const double *rounding;
} watched;

static float watch(const void *context, float margin, int32_t item)
{
    watched *w = *(watched *const *)context;

    if (w->item != item) {
        w->item = item;
        w->bound = margin;
        return margin;
    }
    w->seen++;
    w->broken += !(margin <= w->bound);
    w->nearest = fmin(w->nearest, ((double)w->bound - margin) / w->rounding[item]);
    w->item = -1;
    return margin;
}

static double any_margin(const void *context, float v)
{
    (void)context;
    (void)v;
    return -INFINITY;
}

/* Bounds hold, and where rounding goes one way all along by no more than two thousandths of it. */
static void test_bounds(lt_env *env)
{
    enum { N = 64, MOST = 130 };
    int seen = 0, broken = 0;
    double nearest = INFINITY;
    lt_random rng;

    lt_random_seed(&rng, 21);
    for (int c = 0; c < 4000; c++) {
        int32_t k = 1 + (int32_t)lt_random_below(&rng, MOST), index[N + 1];
        float item[N * MOST], x[MOST], bias[N], best[N + 1];
        double rounding[N], sum = 0, size = pow(10, 8 * lt_random_uniform(&rng));
        lt_scan scan = {.items = N, .k = k, .item = item, .bias = c % 3 ? bias : NULL};
        lt_seek seek = {.scan = &scan, .x = x, .base = c % 2 ? size * lt_random_normal(&rng) : 0};
        watched w = {.item = -1, .nearest = INFINITY, .rounding = rounding}, *pointer = &w;
        lt_scan_order order = {.value = watch, .least_margin = any_margin, .context = &pointer};
        lt_top top = {.k = N + 1, .index = index, .value = best};
        lt_scope scope;

        fill(&rng, c % 4 ? HALVES : (int)lt_random_below(&rng, SHAPES), item, N, k);
        fill(&rng, PLAIN, bias, N, 1);
        for (int32_t j = 0; j < k; j++) {
            x[j] = (float)(c % 8 > 4 ? lt_random_normal(&rng) : j == 0 ? 1 : j == 1 ? 1e-6 : (32000.4999 + j) / 32639);
            sum += fabs(x[j]);
        }
        for (int32_t i = 0; i < N; i++) {
            double most = 0;

            bias[i] *= (float)size;
            for (int32_t j = 0; j < k; j++)
                most = fmax(most, fabs(item[(int64_t)i * k + j]));
            rounding[i] = most / 127 * sum / 2;
        }
        lt_scope_open(env, &scope);
        if (lt_scan_compress(&scope.env, &scan) == LT_OK)
            lt_scan_best(&scope.env, &seek, &order, &top, NULL);
        lt_scope_close(&scope);
        seen += w.seen;
        broken += w.broken;
        if (scan.bias == NULL && c % 2 == 0)
            nearest = fmin(nearest, w.nearest);
    }
    ok(broken == 0 && seen > 3800 * N, "%d bounds of %d are below their margin", broken, seen);
    ok(nearest < 2e-3, "the nearest is %.1e of its rounding above", nearest);
}

/* Sums that leave the range of floats on the way are what they are. */
static void test_overflow(lt_env *env)
{
    enum { N = 32, K = 16 };
    float item[N * K], x[K], best[3];
    int32_t index[3];
    lt_scan scan = {.items = N, .k = K, .item = item};
    lt_seek seek = {.scan = &scan, .x = x};
    lt_top top = {.k = 3, .index = index, .value = best};

    for (int j = 0; j < K; j++)
        x[j] = 2;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < K; j++)
            item[i * K + j] = i == 20 ? (j == 0 ? 2e38f : -2e37f) : (float)i;
    fine(env, lt_scan_compress(env, &scan));
    fine(env, lt_scan_best(env, &seek, NULL, &top, NULL));
    lt_top_sort(&top);
    ok(index[0] == 20 && isinf(best[0]) && index[1] == 31, "an infinite margin is found behind a bound that is not");
}

static void test_saves(lt_env *env)
{
    enum { N = 5003, K = 64 };
    int32_t index[10], *rank;
    float *item, x[K], best[10];
    int64_t computed;
    lt_random rng;

    lt_random_seed(&rng, 5);
    fine(env, lt_alloc(env, &item, (size_t)N * K, sizeof *item, "test"));
    fine(env, lt_alloc(env, &rank, N, sizeof *rank, "test"));
    fill(&rng, PLAIN, item, N, K);
    fill(&rng, PLAIN, x, 1, K);

    lt_scan scan = {.items = N, .k = K, .item = item};
    lt_seek seek = {.scan = &scan, .x = x};
    lt_top top = {.k = 10, .index = index, .value = best};

    fine(env, lt_scan_best(env, &seek, NULL, &top, &computed));
    ok(computed == N, "without a copy every margin is computed");
    top.n = 0;
    fine(env, lt_scan_compress(env, &scan));
    fine(env, lt_scan_best(env, &seek, NULL, &top, &computed));
    ok(computed < N / 20, "with it few are: %d of %d", (int)computed, N);
    top = (lt_top){.k = 0, .index = index, .value = best};
    fine(env, lt_scan_best(env, &seek, NULL, &top, &computed));
    ok(top.n == 0 && computed == 0, "none when no room is given");
    ((test_context *)env->context)->cancel_at = ((test_context *)env->context)->polls + 1;
    top.k = 10;
    ok(lt_scan_best(env, &seek, NULL, &top, &computed) == LT_CANCELLED, "and it can be cancelled");
    ((test_context *)env->context)->cancel_at = 0;
}

/* The bounds of all kernels, block by block, are those of plain C; and they are bounds. */
static void test_kernels(lt_env *env)
{
    static const int32_t ks[] = {1, 3, 4, 17, 64, 200, 512, 2048};
    enum { N = 16 * 9 };
    lt_random rng;

    lt_random_seed(&rng, 8);
    for (int at = 0; lt_scan_kernel_at(at).name != NULL; at++) {
        lt_scan_kernel kernel = lt_scan_kernel_at(at), plain = kernel;
        int64_t blocks = 0, agree = 0;

        for (int i = at; lt_scan_kernel_at(i).name != NULL; i++)
            plain = lt_scan_kernel_at(i);
        for (size_t c = 0; c < sizeof ks / sizeof *ks; c++) {
            int32_t k = ks[c], groups = (k + 3) / 4, whole = INT32_MAX / 127 / k < 32639 ? INT32_MAX / 127 / k : 32639;
            float *item, bias[N];
            lt_scan_query q = {.groups = groups, .step = 0.25f, .slack = 3.5f};
            lt_scan scan = {.items = N, .k = k, .bias = c % 2 ? bias : NULL};

            lt_alloc(env, &item, (size_t)N * (size_t)k, sizeof *item, "test");
            lt_alloc(env, &q.p, (size_t)groups * 4, sizeof *q.p, "test");
            lt_alloc(env, &q.high, (size_t)groups * 4, 1, "test");
            lt_alloc(env, &q.low, (size_t)groups * 4, 1, "test");
            fill(&rng, c % 3 ? PLAIN : EQUAL, item, N, k);
            fill(&rng, PLAIN, bias, N, 1);
            for (int64_t j = 0; c == 7 && j < (int64_t)N * k; j++)
                item[j] = j / k % 2 ? -1 : 1; /* sums as large as they get */
            scan.item = item;
            fine(env, lt_scan_compress(env, &scan));
            for (int32_t j = 0; j < k; j++) {
                int p = c == 7 ? (j == 0 ? -whole : whole) : (int)lt_random_below(&rng, 2 * whole + 1) - whole;

                q.p[j] = (int16_t)p;
                q.high[j] = (int8_t)floor((p + 128) / 256.0);
                q.low[j] = (int8_t)(p - 256 * q.high[j]);
                q.sum += p;
            }
            for (int64_t b = 0; b < N / LT_SCAN_BLOCK; b++) {
                float least = 0, one[16], other[16];
                uint32_t found, wanted;
                int64_t got, want;

                for (int pass = 0; pass < 2; pass++) { /* all of a block, then about half */
                    least = pass == 0 ? -INFINITY : other[7];
                    want = plain.next(&scan, &q, b, N / LT_SCAN_BLOCK, least, other, &wanted);
                    got = kernel.next(&scan, &q, b, N / LT_SCAN_BLOCK, least, one, &found);
                    agree += got == want && found == wanted && same_floats(one, other, 16);
                    blocks++;
                }
            }
        }
        ok(agree == blocks, "%s: %d blocks of %d as in plain C", kernel.name, (int)agree, (int)blocks);
    }
}

int main(void)
{
    lt_env *env = test_env();

    test_kernels(env);
    test_saves(env);
    test_bounds(env);
    test_overflow(env);
    test_cases(env);
    test_env_drop(env);
    return done();
}
