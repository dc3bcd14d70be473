/*
 * sieve.c: items against many users, a tile at a time that stays in the first-level cache.
 *
 * A value is at least a bar T where  x . y_i >= T a_i - add_i - c,  with a_i = 1 / by_i for T > 0 and by_i elsewhere,
 * and bias_i being a part of add_i from here on.  The left side is counted roughly, and what it may be wrong by, the
 * slack, is taken off the right one.
 *
 * With bytes: y_i is about s_i p_i and x about r q, whole numbers from -127 to 127, so that x . y_i is about
 * r s_i (q . p_i), wrong by |x . y_i - r q . s_i p_i| <= |x| |y_i - s_i p_i| + |x - r q| |s_i p_i|  at most.  Divided
 * by r s_i the condition reads q . p_i >= (T / r) (a_i / s_i) - (1 / r) (add_i / s_i) - (c / r) (1 / s_i) - slack, in
 * which only the first factors are the user's and only the second ones the item's.  Lengths are taken the greatest of
 * a tile, so that the slack is one number for a user and a tile.  Vectors that are mostly alike in length make it a
 * percent or two of |x| |y|: at the height of the tenth best item that lets hardly more than ten others through.
 *
 * Without: r = s_i = 1, and products come from BLAS; the slack is for rounding alone.
 *
 * Items stand in the order of what a user of usual length could value them at most, so that the bars rise at once, and
 * a user is through who has a bar that nothing behind can reach (as in the buckets of LEMP: Teflioudi, Gemulla,
 * Mykytiuk, "LEMP: fast retrieval of large entries in a matrix product", SIGMOD 2015).
 *
 * Layout of byte: groups of 64 places; in a group, step after step of four factors, and in a step the places' four
 * numbers each, + 128 (the instruction multiplies unsigned by signed numbers); `start`, -128 times the sum of q, takes
 * that off again.
 *
 * All rounding of the right side is far below the slack, which has a part for it; comparisons let through what is not a
 * number, so that infinities on the right side do no harm.
 */
#include "sieve.h"

#include "blas.h"
#include "sort.h"
#include "vectorize.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_BYTES 1
#include <immintrin.h>
#define BYTES_TARGET __attribute__((target("avx512f,avx512bw,avx512vnni")))
#endif

#define GROUP 64    /* places looked at together: a bit each */
#define TILE 256    /* places */
#define AT_ONCE 6   /* users that share what is loaded of a group */
#define SMALL 1e-10 /* sizes of numbers that are sifted */
#define LARGE 1e10
#define FLATTEST 1e-6 /* of the longest item's scale: scales are no less */

/* The greatest of its items, in units of their scales where a user's unit is to be multiplied with. */
struct lt_sieve_tile {
    float error, length, whole; /* |y - s p| / s, |p|, |y| / s */
    float add, one;             /* |add| / s, 1 / s */
    /* the greatest, or least, of this and all tiles behind */
    double most_length, most_add;
    double least_above, most_below;
};

static int64_t groups_of(int64_t places)
{
    return (places + GROUP - 1) / GROUP;
}

/* ---- items ---- */

static double norm_of(const float *x, int32_t k)
{
    double sum = 0;

    for (int32_t j = 0; j < k; j++)
        sum += (double)x[j] * x[j];
    return sqrt(sum);
}

static float greatest_of(const float *x, int32_t k)
{
    float most = 0;

    for (int32_t j = 0; j < k; j++)
        most = fabsf(x[j]) > most ? fabsf(x[j]) : most;
    return most;
}

static bool is_of_size(double x)
{
    return x == 0 || (fabs(x) >= SMALL && fabs(x) <= LARGE);
}

static double add_of(const lt_sieve_items *of, int32_t item)
{
    return (of->bias == NULL ? 0 : of->bias[item]) + (of->add == NULL ? 0 : of->add[item]);
}

static double by_of(const lt_sieve_items *of, int32_t item)
{
    return of->by == NULL ? 1 : of->by[item];
}

/* Places by what somebody of usual length could value an item at most. */
static lt_status put_in_order(lt_env *env, lt_sieve *s)
{
    const lt_sieve_items *of = &s->of;
    lt_keyed *v;

    LT_TRY(lt_alloc(env, &v, (size_t)of->items, sizeof *v, "the items of many lists"));
    for (int32_t i = 0; i < of->items; i++) {
        double most = of->length * norm_of(of->vector + (int64_t)i * of->k, of->k) + add_of(of, i);

        v[i].key = lt_sort_key(-(most > 0 ? most * by_of(of, i) : most / by_of(of, i)));
        v[i].index = i;
    }
    LT_TRY(lt_sort(env, v, of->items));
    for (int32_t place = 0; place < of->items; place++)
        s->item[place] = (int32_t)v[place].index;
    lt_free(env, v);
    return LT_OK;
}

/* The bytes of one place; `error` becomes |y - s p| / s, `length` |p|. */
static void pack(lt_sieve *s, int32_t place, const float *y, double scale, double *error, double *length)
{
    uint8_t *group = s->byte + place / GROUP * ((int64_t)GROUP * s->steps * 4) + place % GROUP * 4;
    double off = 0, sum = 0;

    for (int32_t j = 0; j < s->of.k; j++) {
        double exact = y[j] / scale, p = rint(exact);

        group[j / 4 * (GROUP * 4) + j % 4] = (uint8_t)((int)p + 128);
        off += (exact - p) * (exact - p);
        sum += p * p;
    }
    for (int32_t j = s->of.k; j < s->steps * 4; j++)
        group[j / 4 * (GROUP * 4) + j % 4] = 128;
    *error = sqrt(off);
    *length = sqrt(sum);
}

static void raise_to(float *most, double x)
{
    *most = fmaxf(*most, (float)x);
}

static void put_item(lt_sieve *s, int32_t place, double least_scale)
{
    const lt_sieve_items *of = &s->of;
    int32_t item = s->item[place];
    const float *y = of->vector + (int64_t)item * of->k;
    double length = norm_of(y, of->k), add = add_of(of, item), by = by_of(of, item), scale = 1, error = 0, whole;
    lt_sieve_tile *t = &s->tile[place / TILE];

    if (s->bytes) {
        scale = fmax(greatest_of(y, of->k) / 127.0, least_scale);
        pack(s, place, y, scale, &error, &whole);
        raise_to(&t->length, whole);
    } else {
        memcpy(s->vector + (int64_t)place * of->k, y, (size_t)of->k * sizeof *y);
    }
    s->one[place] = (float)(1 / scale);
    s->above[place] = (float)(1 / by / scale);
    s->below[place] = (float)(by / scale);
    s->add[place] = (float)(add / scale);
    raise_to(&t->error, error);
    raise_to(&t->whole, length / scale);
    raise_to(&t->add, fabs(add) / scale);
    raise_to(&t->one, 1 / scale);
    if (place % TILE == 0) {
        t->most_add = add;
        t->least_above = 1 / by;
    }
    t->most_length = fmax(t->most_length, length);
    t->most_add = fmax(t->most_add, add);
    t->least_above = fmin(t->least_above, 1 / by);
    t->most_below = fmax(t->most_below, by);
}

/* From each tile's own to those of all behind as well. */
static void look_ahead(lt_sieve *s)
{
    for (int32_t at = (s->of.items - 1) / TILE - 1; at >= 0; at--) {
        lt_sieve_tile *t = &s->tile[at];
        const lt_sieve_tile *behind = t + 1;

        t->most_length = fmax(t->most_length, behind->most_length);
        t->most_add = fmax(t->most_add, behind->most_add);
        t->least_above = fmin(t->least_above, behind->least_above);
        t->most_below = fmax(t->most_below, behind->most_below);
    }
}

lt_status lt_sieve_init(lt_env *env, lt_sieve *s, const lt_sieve_items *items, bool bytes, bool *fits)
{
    size_t places = (size_t)groups_of(items->items) * GROUP;
    float most = 0;
    double least_scale;

    memset(s, 0, sizeof *s);
    s->of = *items;
    s->bytes = bytes;
    s->adds = items->bias != NULL || items->add != NULL;
    s->steps = (items->k + 3) / 4;
    *fits = true;
    for (int32_t i = 0; i < items->items && *fits; i++) {
        float greatest = greatest_of(items->vector + (int64_t)i * items->k, items->k);

        if (i % 4096 == 0)
            LT_TRY(lt_poll(env));
        most = fmaxf(most, greatest);
        *fits = greatest <= LARGE && fabs(add_of(items, i)) <= LARGE && by_of(items, i) >= SMALL &&
                by_of(items, i) <= LARGE;
    }
    if (!*fits)
        return LT_OK;
    least_scale = fmax(FLATTEST * most, SMALL) / 127;
    LT_TRY(lt_alloc(env, &s->item, (size_t)items->items, sizeof *s->item, "the items of many lists"));
    LT_TRY(lt_alloc(env, &s->above, places, sizeof *s->above, "the items of many lists"));
    LT_TRY(lt_alloc(env, &s->below, places, sizeof *s->below, "the items of many lists"));
    LT_TRY(lt_alloc(env, &s->add, places, sizeof *s->add, "the items of many lists"));
    LT_TRY(lt_alloc(env, &s->one, places, sizeof *s->one, "the items of many lists"));
    LT_TRY(lt_alloc(env, &s->tile, places / TILE + 1, sizeof *s->tile, "the items of many lists"));
    if (bytes)
        LT_TRY(lt_alloc(env, &s->byte, places, (size_t)s->steps * 4, "the items of many lists"));
    else
        LT_TRY(lt_alloc(env, &s->vector, places, (size_t)items->k * sizeof *s->vector, "the items of many lists"));
    LT_TRY(put_in_order(env, s));
    for (int32_t place = 0; place < items->items; place++) {
        if (place % 1024 == 0)
            LT_TRY(lt_poll(env));
        put_item(s, place, least_scale);
    }
    look_ahead(s);
    s->of.vector = s->of.bias = NULL;
    s->of.add = s->of.by = NULL;
    return LT_OK;
}

/* ---- users ---- */

lt_status lt_sieve_work_init(lt_env *env, const lt_sieve *s, int32_t most, lt_sieve_work *w)
{
    size_t n = (size_t)most;

    memset(w, 0, sizeof *w);
    LT_TRY(lt_alloc(env, &w->bar, n, sizeof *w->bar, "the users of many lists"));
    LT_TRY(lt_alloc(env, &w->unit, n, sizeof *w->unit, "the users of many lists"));
    LT_TRY(lt_alloc(env, &w->constant, n, sizeof *w->constant, "the users of many lists"));
    LT_TRY(lt_alloc(env, &w->slack, n, sizeof *w->slack, "the users of many lists"));
    LT_TRY(lt_alloc(env, &w->length, n, sizeof *w->length, "the users of many lists"));
    LT_TRY(lt_alloc(env, &w->error, n, sizeof *w->error, "the users of many lists"));
    LT_TRY(lt_alloc(env, &w->norm, n, sizeof *w->norm, "the users of many lists"));
    LT_TRY(lt_alloc(env, &w->scale, n, sizeof *w->scale, "the users of many lists"));
    LT_TRY(lt_alloc(env, &w->active, n + AT_ONCE, sizeof *w->active, "the users of many lists"));
    if (!s->bytes) {
        LT_TRY(lt_alloc(env, &w->gathered, n, (size_t)s->of.k * sizeof *w->gathered, "the users of many lists"));
        return lt_alloc(env, &w->dot, n, TILE * sizeof *w->dot, "the users of many lists");
    }
    LT_TRY(lt_alloc(env, &w->start, n, sizeof *w->start, "the users of many lists"));
    return lt_alloc(env, &w->word, n, (size_t)s->steps * sizeof *w->word, "the users of many lists");
}

bool lt_sieve_fits(const lt_sieve *s, const float *x, float c)
{
    return is_of_size(greatest_of(x, s->of.k)) && fabsf(c) <= (float)LARGE;
}

static void set_bar(const lt_sieve *s, lt_sieve_work *w, int32_t user, float bar)
{
    w->bar[user] = bar * w->unit[user];
    w->scale[user] = bar > 0 ? s->above : s->below;
}

static void enter(const lt_sieve *s, lt_sieve_work *w, int32_t user, const float *x)
{
    int32_t k = s->of.k;
    float greatest = greatest_of(x, k);
    double unit = s->bytes && greatest > 0 ? 127.0 / greatest : 1, off = 0;

    w->norm[user] = (float)norm_of(x, k);
    w->unit[user] = (float)unit;
    w->constant[user] = (float)(x[k] * unit);
    w->adds |= x[k] != 0;
    if (s->bytes) {
        int8_t *q = (int8_t *)(w->word + (int64_t)user * s->steps);
        int32_t sum = 0;

        memset(q, 0, (size_t)s->steps * 4);
        for (int32_t j = 0; j < k; j++) {
            double exact = x[j] * unit, whole = rint(exact);

            q[j] = (int8_t)whole;
            sum += q[j];
            off += (exact - whole) * (exact - whole);
        }
        w->start[user] = -128 * sum;
    }
    w->length[user] = (float)(w->norm[user] * unit);
    w->error[user] = (float)sqrt(off);
    set_bar(s, w, user, -INFINITY);
}

/* ---- a tile ---- */

/* Whether some item of the tile, or of those behind it, may reach the user's bar. */
static bool may_reach(const lt_sieve_tile *t, const lt_sieve_work *w, int32_t user)
{
    double unit = w->unit[user], bar = w->bar[user] / unit, constant = w->constant[user] / unit;
    double most = w->norm[user] * t->most_length;
    double rounding = 1e-5 * (most + fabs(t->most_add) + fabs(constant));

    return !(most + t->most_add + constant + rounding < bar * (bar > 0 ? t->least_above : t->most_below));
}

/* What products of the user with the tile's items, and the rest of the comparison, may be wrong by. */
static float slack_of(const lt_sieve *s, const lt_sieve_tile *t, const lt_sieve_work *w, int32_t user)
{
    float rounding = (float)(s->of.k + 16) * 1.2e-7F;
    float product = w->length[user] * (t->error + rounding * t->whole) + w->error[user] * t->length;

    return 1.001F * product + 2e-6F * (w->unit[user] * t->add + fabsf(w->constant[user]) * t->one);
}

/* Of the `active` users those whom this tile or the rest may have something for; returns how many. */
static int32_t stay_active(const lt_sieve *s, const lt_sieve_tile *t, lt_sieve_work *w, int32_t active)
{
    int32_t stay = 0;

    for (int32_t a = 0; a < active; a++) {
        int32_t user = w->active[a];

        if (!may_reach(t, w, user))
            continue;
        w->slack[user] = slack_of(s, t, w, user);
        w->active[stay++] = user;
    }
    for (int32_t more = 0; stay > 0 && more < AT_ONCE; more++) /* to make up a whole number at once */
        w->active[stay + more] = w->active[stay - 1];
    return stay;
}

#ifdef HAS_BYTES
/* A bit for each place of the group that may reach the user's bar, from products of 16 each. */
static inline __attribute__((always_inline)) BYTES_TARGET uint64_t compare(const lt_sieve *s, const lt_sieve_work *w,
                                                                           int64_t group, int32_t user, bool adds,
                                                                           __m512i a, __m512i b, __m512i c, __m512i d)
{
    const __m512i product[4] = {a, b, c, d};
    const __m512 bar = _mm512_set1_ps(w->bar[user]), slack = _mm512_set1_ps(w->slack[user]);
    const __m512 unit = _mm512_set1_ps(w->unit[user]), constant = _mm512_set1_ps(w->constant[user]);
    int64_t at = group * GROUP;
    uint64_t found = 0;

    for (int j = 0; j < 4; j++, at += 16) {
        __m512 least = _mm512_fmsub_ps(bar, _mm512_load_ps(w->scale[user] + at), slack);

        if (adds) {
            least = _mm512_fnmadd_ps(unit, _mm512_load_ps(s->add + at), least);
            least = _mm512_fnmadd_ps(constant, _mm512_load_ps(s->one + at), least);
        }
        found |= (uint64_t)_mm512_cmp_ps_mask(_mm512_cvtepi32_ps(product[j]), least, _CMP_NLT_UQ) << 16 * j;
    }
    return found;
}

/* Of users user[0..AT_ONCE). All sums are in registers: 4 a user, by name, since gcc would keep an array in memory. */
#define EACH_USER(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5)
#define START(u)                                                                                                       \
    const int32_t *word##u = w->word + (int64_t)user[u] * s->steps;                                                    \
    __m512i a##u = _mm512_set1_epi32(w->start[user[u]]), b##u = a##u, c##u = a##u, d##u = a##u;
#define MULTIPLY(u)                                                                                                    \
    x = _mm512_set1_epi32(word##u[step]);                                                                              \
    a##u = _mm512_dpbusd_epi32(a##u, y0, x);                                                                           \
    b##u = _mm512_dpbusd_epi32(b##u, y1, x);                                                                           \
    c##u = _mm512_dpbusd_epi32(c##u, y2, x);                                                                           \
    d##u = _mm512_dpbusd_epi32(d##u, y3, x);
#define COMPARE(u) found[u] = compare(s, w, group, user[u], adds, a##u, b##u, c##u, d##u);

static inline __attribute__((always_inline)) BYTES_TARGET void
sift_bytes(const lt_sieve *s, const lt_sieve_work *w, int64_t group, const int32_t *user, bool adds, uint64_t *found)
{
    const uint8_t *byte = s->byte + group * ((int64_t)GROUP * 4) * s->steps;
    __m512i x, y0, y1, y2, y3;

    EACH_USER(START)
    for (int32_t step = 0; step < s->steps; step++, byte += GROUP * 4) {
        y0 = _mm512_load_si512(byte);
        y1 = _mm512_load_si512(byte + 64);
        y2 = _mm512_load_si512(byte + 128);
        y3 = _mm512_load_si512(byte + 192);
        EACH_USER(MULTIPLY)
    }
    EACH_USER(COMPARE)
}

static BYTES_TARGET void sift_group(const lt_sieve *s, const lt_sieve_work *w, int64_t group, const int32_t *user,
                                    uint64_t *found)
{
    if (w->adds)
        sift_bytes(s, w, group, user, true, found);
    else
        sift_bytes(s, w, group, user, false, found);
}
#endif

bool lt_sieve_has_bytes(void)
{
#ifdef HAS_BYTES
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vnni");
#else
    return false;
#endif
}

/* The same of one user, from products. */
LT_VECTORIZED
static uint64_t sift_floats(const float *dot, const float *scale, const float *add, const float *one, float bar,
                            float unit, float constant, float slack)
{
    uint8_t reaches[GROUP];
    int any = 0;
    uint64_t found = 0;

    for (int j = 0; j < GROUP; j++) {
        reaches[j] = !(dot[j] < bar * scale[j] - unit * add[j] - constant * one[j] - slack);
        any |= reaches[j];
    }
    for (int j = 0; any && j < GROUP; j++)
        found |= (uint64_t)reaches[j] << j;
    return found;
}

/* Offers what was found among the group's places to a user. */
static void offer_found(const lt_sieve *s, lt_sieve_work *w, int64_t group, uint64_t found, int32_t user,
                        lt_sieve_offer offer, void *context)
{
    int64_t beyond = (group + 1) * GROUP - s->of.items;

    if (beyond > 0)
        found &= UINT64_MAX >> beyond;
    for (; found != 0; found &= found - 1)
        set_bar(s, w, user, offer(context, user, s->item[group * GROUP + __builtin_ctzll(found)]));
}

static void run_bytes(const lt_sieve *s, lt_sieve_work *w, int64_t group, int64_t end, int32_t active,
                      lt_sieve_offer offer, void *context)
{
#ifdef HAS_BYTES
    uint64_t found[AT_ONCE];

    for (int32_t a = 0; a < active; a += AT_ONCE)
        for (int64_t g = group; g < end; g++) {
            sift_group(s, w, g, w->active + a, found);
            for (int32_t u = 0; u < AT_ONCE && a + u < active; u++)
                if (found[u] != 0)
                    offer_found(s, w, g, found[u], w->active[a + u], offer, context);
        }
#else
    (void)s, (void)w, (void)group, (void)end, (void)active, (void)offer, (void)context;
#endif
}

/* x: of all users, n x (k + 1). */
static void run_floats(const lt_sieve *s, lt_sieve_work *w, const float *x, int64_t group, int64_t end, int32_t active,
                       lt_sieve_offer offer, void *context)
{
    int32_t k = s->of.k, first = (int32_t)(group * GROUP);
    int32_t places = s->of.items - first < TILE ? s->of.items - first : TILE;

    for (int32_t a = 0; a < active; a++)
        memcpy(w->gathered + (int64_t)a * k, x + (int64_t)w->active[a] * (k + 1), (size_t)k * sizeof *x);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, active, places, k, 1, w->gathered, k,
                s->vector + (int64_t)first * k, k, 0, w->dot, TILE);
    for (int32_t a = 0; a < active; a++) {
        int32_t user = w->active[a];

        for (int64_t g = group; g < end; g++) {
            int64_t at = g * GROUP;
            uint64_t found = sift_floats(w->dot + (int64_t)a * TILE + (at - first), w->scale[user] + at, s->add + at,
                                         s->one + at, w->bar[user], w->unit[user], w->constant[user], w->slack[user]);

            if (found != 0)
                offer_found(s, w, g, found, user, offer, context);
        }
    }
}

void lt_sieve_run(const lt_sieve *s, lt_sieve_work *w, const float *x, int32_t n, lt_sieve_offer offer, void *context)
{
    int64_t groups = groups_of(s->of.items);
    int32_t active = n;

    w->adds = s->adds;
    for (int32_t user = 0; user < n; user++) {
        enter(s, w, user, x + (int64_t)user * (s->of.k + 1));
        w->active[user] = user;
    }
    for (int64_t group = 0; group < groups; group += TILE / GROUP) {
        int64_t end = group + TILE / GROUP < groups ? group + TILE / GROUP : groups;

        active = stay_active(s, &s->tile[group * GROUP / TILE], w, active);
        if (active == 0)
            return;
        if (s->bytes)
            run_bytes(s, w, group, end, active, offer, context);
        else
            run_floats(s, w, x, group, end, active, offer, context);
    }
}
