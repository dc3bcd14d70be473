/*
 * als_solve.c: half a sweep of alternating least squares.
 *
 * Conjugate gradient, a few steps from where the row stood (Takacs, Pilaszy and Tikk, "Applications of the conjugate
 * gradient method for implicit feedback collaborative filtering", 2011): a step multiplies by A = gramian + penalty I
 * + sum w f f^T without forming it.  That product is nearly all of the time.  It goes through the held rows once, four
 * at a time: their inner products with the direction, then the rows again, from registers, into the sum.
 *
 * The objective comes along: its value at the start is a by-product of the first residual, and a step of length alpha
 * along the residual r lowers it by alpha |r|^2.
 */
#include "als_solve.h"

#include "vectorize.h"

#include <math.h>
#include <string.h>

#define POLL_EVERY (1 << 23) /* multiplications */
#define AHEAD 8              /* pairs ahead whose rows are fetched into the nearest cache */
#define REGISTERS 4          /* blocks of lanes that stay in registers */
#define INLINE static inline __attribute__((always_inline))

typedef float lanes __attribute__((vector_size(LT_ALS_LANES * sizeof(float)), may_alias));
typedef float lanes8 __attribute__((vector_size(8 * sizeof(float))));
typedef float four __attribute__((vector_size(4 * sizeof(float))));

/* sum[j] = the sum of a[j]'s numbers. */
INLINE void sums(const lanes a[4], four *sum)
{
    lanes ab = __builtin_shufflevector(a[0], a[1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29) +
               __builtin_shufflevector(a[0], a[1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    lanes cd = __builtin_shufflevector(a[2], a[3], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29) +
               __builtin_shufflevector(a[2], a[3], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    lanes abcd = __builtin_shufflevector(ab, cd, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
                 __builtin_shufflevector(ab, cd, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    lanes8 half = __builtin_shufflevector(abcd, abcd, 0, 1, 2, 3, 4, 5, 6, 7) +
                  __builtin_shufflevector(abcd, abcd, 8, 9, 10, 11, 12, 13, 14, 15);

    *sum = __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
}

/* q += sum_j w_j (t_j - row_j . p) row_j, and *loss += w (t - row . p)^2, over four rows of `blocks` lanes. */
INLINE void four_rows(int blocks, const lanes *const row[4], const lanes *p, const float *w, const float *t, lanes *q,
                      four *loss)
{
    four weight, target, product, slope;
    lanes a[4];

    for (int j = 0; j < 4; j++)
        a[j] = row[j][0] * p[0];
    for (int b = 1; b < blocks; b++)
        for (int j = 0; j < 4; j++)
            a[j] += row[j][b] * p[b];
    sums(a, &product);
    memcpy(&weight, w, sizeof weight);
    memcpy(&target, t, sizeof target);
    target -= product;
    slope = weight * target;
    *loss += slope * target;
    for (int b = 0; b < blocks; b++)
        q[b] += (slope[0] * row[0][b] + slope[1] * row[1][b]) + (slope[2] * row[2][b] + slope[3] * row[3][b]);
}

/* q = sum over rows index[0..n) of w (t - row . p) row, and the sum of w (t - row . p)^2. */
INLINE double all_rows(int blocks, int64_t n, const int32_t *index, const lanes *held, const lanes *zero,
                       const float *w, const float *t, const lanes *p, lanes *q)
{
    lanes register_p[REGISTERS], register_q[REGISTERS] = {0}, *sum = blocks <= REGISTERS ? register_q : q;
    const lanes *row[4];
    four loss = {0};
    int64_t h = 0;

    for (int b = 0; b < blocks; b++)
        sum[b] = (lanes){0};
    for (int b = 0; blocks <= REGISTERS && b < blocks; b++)
        register_p[b] = p[b];
    if (blocks <= REGISTERS)
        p = register_p;
    for (; h + 4 <= n; h += 4) {
        for (int j = 0; j < 4; j++) {
            row[j] = held + (int64_t)index[h + j] * blocks;
            if (h + 4 + AHEAD <= n)
                for (int b = 0; b < blocks; b++)
                    __builtin_prefetch(held + (int64_t)index[h + AHEAD + j] * blocks + b);
        }
        four_rows(blocks, row, p, w + h, t + h, sum, &loss);
    }
    if (h < n) {
        float last_w[4] = {0}, last_t[4] = {0};

        for (int j = 0; j < 4; j++) {
            bool there = h + j < n;

            row[j] = there ? held + (int64_t)index[h + j] * blocks : zero;
            last_w[j] = there ? w[h + j] : 0;
            last_t[j] = there ? t[h + j] : 0;
        }
        four_rows(blocks, row, p, last_w, last_t, sum, &loss);
    }
    for (int b = 0; blocks <= REGISTERS && b < blocks; b++)
        q[b] = sum[b];
    return ((double)loss[0] + loss[1]) + ((double)loss[2] + loss[3]);
}

/* q = gramian p + penalty p - q. */
INLINE void add_quadratic(int blocks, const lanes *gramian, float penalty, const lanes *p, lanes *q)
{
    lanes even[REGISTERS], odd[REGISTERS];
    const float *number = (const float *)p;
    int registers = blocks <= REGISTERS ? blocks : 0;

    for (int b = 0; b < blocks; b++)
        q[b] = penalty * p[b] - q[b];
    if (gramian == NULL)
        return;
    for (int b = 0; b < registers; b++)
        even[b] = odd[b] = (lanes){0};
    for (int j = 0; registers > 0 && j < blocks * LT_ALS_LANES; j += 2)
        for (int b = 0; b < registers; b++) {
            even[b] += number[j] * gramian[j * blocks + b];
            odd[b] += number[j + 1] * gramian[(j + 1) * blocks + b];
        }
    for (int b = 0; b < registers; b++)
        q[b] += even[b] + odd[b];
    for (int j = 0; registers == 0 && j < blocks * LT_ALS_LANES; j++)
        for (int b = 0; b < blocks; b++)
            q[b] += number[j] * gramian[j * blocks + b];
}

INLINE double dot(int blocks, const lanes *a, const lanes *b)
{
    double sum = 0;
    lanes product = a[0] * b[0];

    for (int i = 1; i < blocks; i++)
        product += a[i] * b[i];
    for (int j = 0; j < LT_ALS_LANES; j++)
        sum += product[j];
    return sum;
}

/* One row, its pairs' weights and targets in s. Returns the objective at the new s->x, penalty included. */
INLINE double gradient_steps(int blocks, const lt_als_solver *s, const lt_als_side *side, int64_t n,
                             const int32_t *index, float penalty)
{
    const lanes *held = (const lanes *)side->held, *zero = (const lanes *)s->zero;
    const lanes *gramian = (const lanes *)side->gramian;
    lanes *x = (lanes *)s->x, *r = (lanes *)s->r, *p = (lanes *)s->p, *q = (lanes *)s->q;
    double value = all_rows(blocks, n, index, held, zero, s->weight, s->target, x, q), residual, next;

    for (int b = 0; b < blocks; b++)
        r[b] = q[b];
    add_quadratic(blocks, gramian, penalty, x, q); /* what the residual lacks, less what it has */
    for (int b = 0; b < blocks; b++) {
        lanes lacking = q[b] + r[b];

        r[b] = -q[b];
        p[b] = r[b];
        q[b] = lacking;
    }
    value += dot(blocks, x, q);
    residual = dot(blocks, r, r);
    for (int step = 0; step < s->steps && residual > 1e-20; step++) {
        double curvature, length;

        all_rows(blocks, n, index, held, zero, s->weight, s->nothing, p, q);
        add_quadratic(blocks, gramian, penalty, p, q);
        curvature = dot(blocks, p, q);
        if (!(curvature > 0))
            break;
        length = residual / curvature;
        for (int b = 0; b < blocks; b++) {
            x[b] += (float)length * p[b];
            r[b] -= (float)length * q[b];
        }
        value -= length * residual;
        next = dot(blocks, r, r);
        for (int b = 0; b < blocks; b++)
            p[b] = r[b] + (float)(next / residual) * p[b];
        residual = next;
    }
    return value;
}

LT_VECTORIZED static double solve_row(const lt_als_solver *s, const lt_als_side *side, int64_t n, const int32_t *index,
                                      double penalty)
{
    int blocks = s->stride / LT_ALS_LANES;

    /* registers hold the sums where their number is known */
    if (blocks == 4)
        return gradient_steps(4, s, side, n, index, (float)penalty);
    if (blocks == 2)
        return gradient_steps(2, s, side, n, index, (float)penalty);
    return gradient_steps(blocks, s, side, n, index, (float)penalty);
}

/* The same by Cholesky. At the solution the objective is sum w target^2 - b . x. */
static lt_status solve_exactly(lt_env *env, lt_als_solver *s, const lt_als_side *side, int64_t n, const int32_t *index,
                               double penalty, double *value)
{
    lt_normal *e = &s->normal;

    e->fixed = side->held;
    e->gramian = side->gramian;
    LT_TRY(lt_normal_build(env, e, n, index, s->weight, s->target, penalty));
    memcpy(s->x, e->b, (size_t)s->unknowns * sizeof *s->x);
    lt_normal_solve(e, s->x);
    *value = 0;
    for (int64_t h = 0; h < n; h++)
        *value += (double)s->weight[h] * s->target[h] * s->target[h];
    for (int32_t j = 0; j < s->unknowns; j++)
        *value -= (double)e->b[j] * s->x[j];
    return LT_OK;
}

/* Weights and targets of a row's pairs. */
static void describe_row(lt_als_solver *s, const lt_als_side *side, int64_t from, int64_t n)
{
    const float *val = side->pairs->val == NULL ? NULL : side->pairs->val + from;

    for (int64_t h = 0; h < n; h++) {
        float v = val == NULL ? 1 : val[h];

        s->weight[h] = side->ratings ? 1 : fmaxf(v, 0);
        s->target[h] = side->ratings ? v - (float)side->mean - side->held_bias[side->pairs->col[from + h]] : 1;
    }
}

lt_status lt_als_half(lt_env *env, lt_als_solver *s, const lt_als_side *side, double *loss)
{
    const lt_pairs *pairs = side->pairs;
    int32_t last = s->unknowns - 1;
    int64_t work = 0;

    *loss = 0;
    for (int32_t row = 0; row < pairs->rows; row++) {
        int64_t from = pairs->start[row], n = pairs->start[row + 1] - from;
        double penalty = side->regularization * pow((double)n + side->frequency_offset, side->frequency);
        float *x = side->solved + (int64_t)row * s->stride;
        double value, squares = 0;

        work += (s->steps > 0 ? s->steps + 1 : s->unknowns) * (n + s->unknowns) * s->unknowns;
        if (work > POLL_EVERY) {
            LT_TRY(lt_poll(env));
            work = 0;
        }
        if (n == 0) { /* nothing but penalties: the minimum is 0 */
            memset(x, 0, (size_t)s->unknowns * sizeof *x);
            if (side->ratings) {
                side->solved_bias[row] = 0;
                x[last] = 1;
            }
            continue;
        }
        describe_row(s, side, from, n);
        memcpy(s->x, x, (size_t)s->unknowns * sizeof *x);
        if (side->ratings)
            s->x[last] = side->solved_bias[row];
        if (s->steps > 0)
            value = solve_row(s, side, n, pairs->col + from, penalty);
        else
            LT_TRY(solve_exactly(env, s, side, n, pairs->col + from, penalty, &value));
        for (int32_t j = 0; j < s->unknowns; j++)
            squares += (double)s->x[j] * s->x[j];
        *loss += value - penalty * squares;
        memcpy(x, s->x, (size_t)s->unknowns * sizeof *x);
        if (side->ratings) {
            side->solved_bias[row] = x[last];
            x[last] = 1;
        }
    }
    return isfinite(*loss) ? LT_OK
                           : lt_fail(env, LT_DIVERGED, "training diverged: a factor is no longer a finite number");
}

lt_status lt_als_solver_init(lt_env *env, lt_als_solver *s, int32_t unknowns, int64_t longest)
{
    float **vector[] = {&s->x, &s->r, &s->p, &s->q, &s->zero};
    float **pairs[] = {&s->weight, &s->target, &s->nothing};

    memset(s, 0, sizeof *s);
    s->unknowns = unknowns;
    s->stride = (unknowns + LT_ALS_LANES - 1) / LT_ALS_LANES * LT_ALS_LANES;
    for (int v = 0; v < 5; v++)
        LT_TRY(lt_alloc(env, vector[v], (size_t)s->stride, sizeof(float), "a row's solution"));
    for (int v = 0; v < 3; v++)
        LT_TRY(lt_alloc(env, pairs[v], (size_t)longest, sizeof(float), "a row's pairs"));
    s->normal = (lt_normal){.k = unknowns, .stride = s->stride, .gramian_stride = s->stride};
    return lt_normal_init(env, &s->normal);
}

void lt_als_solver_free(lt_env *env, lt_als_solver *s)
{
    float *memory[] = {s->x, s->r, s->p, s->q, s->zero, s->weight, s->target, s->nothing};

    for (int v = 0; v < 8; v++)
        lt_free(env, memory[v]);
    lt_normal_free(env, &s->normal);
}
