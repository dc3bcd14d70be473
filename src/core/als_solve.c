/*
 * als_solve.c: half a sweep of alternating least squares.
 *
 * Conjugate gradient, a few steps from where the row stood (Takacs, Pilaszy and Tikk, "Applications of the conjugate
 * gradient method for implicit feedback collaborative filtering", 2011): a step multiplies by A = gramian + penalty I
 * + sum w f f^T without forming it.  That product is nearly all of the time.  It goes through the held rows once, four
 * at a time: their inner products with the direction, then the rows again, from registers, into the sum.  The last
 * step needs the sum's product with the direction alone, which the inner products give.
 *
 * The objective comes along: its value at the start is a by-product of the first residual, and a step of length alpha
 * along the residual r lowers it by alpha |r|^2.
 *
 * Rows do not depend on each other, so that threads share them (Zhou, Wilkinson, Schreiber and Pan, "Large-scale
 * parallel collaborative filtering for the Netflix prize", 2008); the outcome is the same for every number of threads.
 */
#include "als_solve.h"

#include "lanes.h"
#include "threads.h"
#include "vectorize.h"

#include <math.h>
#include <string.h>

#define TASK (1 << 20)      /* multiplications of a task by conjugate gradient, about */
#define LONGEST (1LL << 31) /* multiplications of a row, from which the caller solves it alone, polling */
#define AHEAD 8             /* pairs ahead whose rows are fetched into the nearest cache */
#define NEAR 128            /* rows that stay there from one pass to the next */
#define REGISTERS 4         /* blocks of lanes that stay in registers */

/* sum[j] = the sum of a[j]'s numbers. */
LT_INLINE void sums(const lt_lanes a[4], lt_lanes4 *sum)
{
    lt_lanes ab = __builtin_shufflevector(a[0], a[1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29) +
                  __builtin_shufflevector(a[0], a[1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    lt_lanes cd = __builtin_shufflevector(a[2], a[3], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29) +
                  __builtin_shufflevector(a[2], a[3], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    lt_lanes abcd = __builtin_shufflevector(ab, cd, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
                    __builtin_shufflevector(ab, cd, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    lt_lanes8 half = __builtin_shufflevector(abcd, abcd, 0, 1, 2, 3, 4, 5, 6, 7) +
                     __builtin_shufflevector(abcd, abcd, 8, 9, 10, 11, 12, 13, 14, 15);

    *sum = __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
}

/* What a pass through the rows is for. */
typedef enum pass {
    RESIDUAL,  /* q = sum of w (t - row . p) row; returns the sum of w (t - row . p)^2 */
    PRODUCT,   /* q = sum of w (row . p) row; returns the sum of w (row . p)^2 */
    CURVATURE, /* the same sum returned, q left alone */
} pass;

/* Four rows of `blocks` lanes. */
LT_INLINE void four_rows(pass what, int blocks, const lt_lanes *const row[4], const lt_lanes *p, const float *w,
                         const float *t, lt_lanes *q, lt_lanes4 *squares)
{
    lt_lanes4 weight, target, product, slope;
    lt_lanes a[4];

    for (int j = 0; j < 4; j++)
        a[j] = row[j][0] * p[0];
    for (int b = 1; b < blocks; b++)
        for (int j = 0; j < 4; j++)
            a[j] += row[j][b] * p[b];
    sums(a, &product);
    memcpy(&weight, w, sizeof weight);
    if (what == RESIDUAL) {
        memcpy(&target, t, sizeof target);
        product = target - product;
    }
    slope = weight * product;
    *squares += slope * product;
    for (int b = 0; what != CURVATURE && b < blocks; b++)
        q[b] += (slope[0] * row[0][b] + slope[1] * row[1][b]) + (slope[2] * row[2][b] + slope[3] * row[3][b]);
}

/* One pass through the rows index[0..n); fetch: they are not in the nearest cache. */
LT_INLINE double all_rows(pass what, int blocks, int64_t n, bool fetch, const int32_t *index, const lt_lanes *held,
                          const lt_lanes *zero, const float *w, const float *t, const lt_lanes *p, lt_lanes *q)
{
    lt_lanes register_p[REGISTERS], register_q[REGISTERS] = {0}, *sum = blocks <= REGISTERS ? register_q : q;
    const lt_lanes *row[4];
    lt_lanes4 squares = {0};
    int64_t h = 0;

    for (int b = 0; what != CURVATURE && b < blocks; b++)
        sum[b] = (lt_lanes){0};
    for (int b = 0; blocks <= REGISTERS && b < blocks; b++)
        register_p[b] = p[b];
    if (blocks <= REGISTERS)
        p = register_p;
    for (; h + 4 <= n; h += 4) {
        for (int j = 0; j < 4; j++) {
            row[j] = held + (int64_t)index[h + j] * blocks;
            if (fetch && h + 4 + AHEAD <= n)
                for (int b = 0; b < blocks; b++)
                    __builtin_prefetch(held + (int64_t)index[h + AHEAD + j] * blocks + b);
        }
        four_rows(what, blocks, row, p, w + h, t + h, sum, &squares);
    }
    if (h < n) {
        float last_w[4] = {0}, last_t[4] = {0};

        for (int j = 0; j < 4; j++) {
            bool there = h + j < n;

            row[j] = there ? held + (int64_t)index[h + j] * blocks : zero;
            last_w[j] = there ? w[h + j] : 0;
            last_t[j] = there ? t[h + j] : 0;
        }
        four_rows(what, blocks, row, p, last_w, last_t, sum, &squares);
    }
    for (int b = 0; what != CURVATURE && blocks <= REGISTERS && b < blocks; b++)
        q[b] = sum[b];
    return ((double)squares[0] + squares[1]) + ((double)squares[2] + squares[3]);
}

/* q = gramian p + penalty p. */
LT_INLINE void quadratic(int blocks, const lt_lanes *gramian, float penalty, const lt_lanes *p, lt_lanes *q)
{
    lt_lanes even[REGISTERS], odd[REGISTERS];
    const float *number = (const float *)p;
    int registers = blocks <= REGISTERS ? blocks : 0;

    for (int b = 0; b < blocks; b++)
        q[b] = penalty * p[b];
    if (gramian == NULL)
        return;
    for (int b = 0; b < registers; b++)
        even[b] = odd[b] = (lt_lanes){0};
    for (int j = 0; registers > 0 && j < blocks * LT_LANES; j += 2)
        for (int b = 0; b < registers; b++) {
            even[b] += number[j] * gramian[j * blocks + b];
            odd[b] += number[j + 1] * gramian[(j + 1) * blocks + b];
        }
    for (int b = 0; b < registers; b++)
        q[b] += even[b] + odd[b];
    for (int j = 0; registers == 0 && j < blocks * LT_LANES; j++)
        for (int b = 0; b < blocks; b++)
            q[b] += number[j] * gramian[j * blocks + b];
}

LT_INLINE double dot(int blocks, const lt_lanes *a, const lt_lanes *b)
{
    lt_lanes product = a[0] * b[0];

    for (int i = 1; i < blocks; i++)
        product += a[i] * b[i];
    return lt_lanes_sum(&product);
}

/* A row to solve: its pairs, and those of the row after it, to be fetched meanwhile. */
typedef struct row_pairs {
    int64_t n, n_next;
    const int32_t *index, *next;
    const float *weight, *target;
    float penalty;
} row_pairs;

/* One row. Returns the objective at the new m->x, penalty included. */
LT_INLINE double gradient_steps(int blocks, const lt_als_solver *s, const lt_als_member *m, const lt_als_side *side,
                                const row_pairs *row)
{
    const lt_lanes *held = (const lt_lanes *)side->held, *zero = (const lt_lanes *)s->zero;
    const lt_lanes *gramian = (const lt_lanes *)side->gramian;
    lt_lanes *x = (lt_lanes *)m->x, *r = (lt_lanes *)m->r, *p = (lt_lanes *)m->p, *q = (lt_lanes *)m->q;
    double residual, next,
        value = all_rows(RESIDUAL, blocks, row->n, true, row->index, held, zero, row->weight, row->target, x, r);
    bool fetch = row->n * blocks > NEAR * REGISTERS;

    quadratic(blocks, gramian, row->penalty, x, q);
    value += dot(blocks, x, q);
    for (int b = 0; b < blocks; b++) {
        r[b] -= q[b];
        p[b] = r[b];
    }
    residual = dot(blocks, r, r);
    /* the next row's first pairs come from afar while this one's are at hand */
    for (int64_t h = 0; h < row->n_next && h < NEAR / 2; h++)
        for (int b = 0; b < blocks && b < REGISTERS; b++)
            __builtin_prefetch(held + (int64_t)row->next[h] * blocks + b, 0, 2);
    for (int step = 1; step <= s->steps && residual > 1e-20; step++) {
        double curvature, length;

        quadratic(blocks, gramian, row->penalty, p, q);
        curvature = dot(blocks, p, q);
        if (step == s->steps) {
            curvature +=
                all_rows(CURVATURE, blocks, row->n, fetch, row->index, held, zero, row->weight, row->target, p, NULL);
        } else {
            lt_lanes *product = (lt_lanes *)m->product;

            curvature +=
                all_rows(PRODUCT, blocks, row->n, fetch, row->index, held, zero, row->weight, row->target, p, product);
            for (int b = 0; b < blocks; b++)
                q[b] += product[b];
        }
        if (!(curvature > 0))
            break;
        length = residual / curvature;
        value -= length * residual;
        for (int b = 0; b < blocks; b++)
            x[b] += (float)length * p[b];
        if (step == s->steps)
            break;
        for (int b = 0; b < blocks; b++)
            r[b] -= (float)length * q[b];
        next = dot(blocks, r, r);
        for (int b = 0; b < blocks; b++)
            p[b] = r[b] + (float)(next / residual) * p[b];
        residual = next;
    }
    return value;
}

LT_VECTORIZED static double solve_row(const lt_als_solver *s, const lt_als_member *m, const lt_als_side *side,
                                      const row_pairs *row)
{
    int blocks = s->stride / LT_LANES;

    /* registers hold the sums where their number is known */
    if (blocks == 4)
        return gradient_steps(4, s, m, side, row);
    if (blocks == 2)
        return gradient_steps(2, s, m, side, row);
    return gradient_steps(blocks, s, m, side, row);
}

/* The same by Cholesky. At the solution the objective is sum w target^2 - b . x. env: NULL in a task. */
static lt_status solve_exactly(lt_env *env, lt_als_member *m, const lt_als_side *side, const row_pairs *row,
                               double *value)
{
    lt_normal *e = &m->normal;

    e->fixed = side->held;
    e->gramian = side->gramian;
    LT_TRY(lt_normal_build(env, e, row->n, row->index, row->weight, row->target, row->penalty));
    memcpy(m->x, e->b, (size_t)e->unknowns * sizeof *m->x);
    lt_normal_solve(e, m->x);
    *value = 0;
    for (int64_t h = 0; h < row->n; h++)
        *value += (double)row->weight[h] * row->target[h] * row->target[h];
    for (int32_t j = 0; j < e->unknowns; j++)
        *value -= (double)e->b[j] * m->x[j];
    return LT_OK;
}

/* Weights and targets of a row's pairs. */
static void describe_row(const lt_als_solver *s, lt_als_member *m, const lt_als_side *side, int32_t r, row_pairs *row)
{
    const lt_pairs *pairs = side->pairs;
    int64_t from = pairs->start[r], end = pairs->start[r + 1];
    double size = (double)(end - from) + side->frequency_offset;

    row->n = end - from;
    row->index = pairs->col + from;
    row->n_next = r + 1 < pairs->rows ? pairs->start[r + 2] - end : 0;
    row->next = pairs->col + end;
    row->penalty = (float)(side->regularization * (side->frequency == 1 ? size : pow(size, side->frequency)));
    row->weight = row->target = s->ones;
    if (s->ones != NULL)
        return;
    row->weight = m->weight;
    row->target = m->target;
    for (int64_t h = 0; h < row->n; h++) {
        float v = pairs->val == NULL ? 1 : pairs->val[from + h];

        m->weight[h] = side->ratings ? 1 : fmaxf(v, 0);
        m->target[h] = side->ratings ? v - (float)side->mean - side->held_bias[row->index[h]] : 1;
    }
}

/* One row to side->solved; its part of the loss is added. env: NULL in a task. */
static lt_status solve(lt_env *env, const lt_als_solver *s, lt_als_member *m, const lt_als_side *side, int32_t r,
                       double *loss)
{
    float *x = side->solved + (int64_t)r * s->stride;
    int32_t last = s->unknowns - 1;
    double value, squares = 0;
    row_pairs row;

    describe_row(s, m, side, r, &row);
    if (row.n == 0) { /* nothing but penalties: the minimum is 0 */
        memset(x, 0, (size_t)s->unknowns * sizeof *x);
        if (side->ratings) {
            side->solved_bias[r] = 0;
            x[last] = 1;
        }
        return LT_OK;
    }
    memcpy(m->x, x, (size_t)s->unknowns * sizeof *x);
    if (side->ratings)
        m->x[last] = side->solved_bias[r];
    if (s->steps > 0)
        value = solve_row(s, m, side, &row);
    else
        LT_TRY(solve_exactly(env, m, side, &row, &value));
    for (int32_t j = 0; j < s->unknowns; j++)
        squares += (double)m->x[j] * m->x[j];
    memcpy(x, m->x, (size_t)s->unknowns * sizeof *x);
    if (side->ratings) {
        side->solved_bias[r] = x[last];
        x[last] = 1;
    }
    *loss += value - row.penalty * squares;
    return LT_OK;
}

/* ---- rows by tasks ---- */

typedef struct half {
    const lt_als_solver *solver;
    const lt_als_side *side;
} half;

/* Whether a row takes so long that whoever solves it has to poll. */
static bool is_long(const lt_als_solver *s, const lt_pairs *pairs, int32_t r)
{
    return s->steps == 0 && (pairs->start[r + 1] - pairs->start[r] + s->unknowns) * s->unknowns * s->unknowns > LONGEST;
}

static void solve_task(void *context, int64_t task, int member)
{
    const half *h = context;
    double loss = 0;

    for (int32_t r = h->side->first[task]; r < h->side->first[task + 1]; r++)
        if (!is_long(h->solver, h->side->pairs, r) &&
            solve(NULL, h->solver, &h->solver->member[member], h->side, r, &loss) != LT_OK)
            loss = NAN;
    h->solver->loss[task] = loss;
}

lt_status lt_als_half(lt_env *env, lt_als_solver *s, const lt_als_side *side, double *loss)
{
    half h = {.solver = s, .side = side};

    *loss = 0;
    for (int32_t r = 0; r < side->pairs->rows; r++) {
        if (!is_long(s, side->pairs, r))
            continue;
        LT_TRY(lt_poll(env));
        LT_TRY(solve(env, s, &s->member[0], side, r, loss));
    }
    LT_TRY(lt_run(env, side->tasks, solve_task, &h));
    for (int64_t t = 0; t < side->tasks; t++)
        *loss += s->loss[t];
    return isfinite(*loss) ? LT_OK
                           : lt_fail(env, LT_DIVERGED, "training diverged: a factor is no longer a finite number");
}

lt_status lt_als_share(lt_env *env, const lt_pairs *pairs, int32_t unknowns, int64_t *tasks, int32_t **first)
{
    int64_t work = 0;
    int32_t t = 0;

    for (int pass = 0; pass < 2; pass++) {
        t = 0;
        for (int32_t r = 0; r < pairs->rows; r++) {
            if (work == 0) {
                if (pass == 1)
                    (*first)[t] = r;
                t++;
            }
            work += 8 * (pairs->start[r + 1] - pairs->start[r] + unknowns / 2) * unknowns;
            work = work < TASK ? work : 0;
        }
        work = 0;
        if (pass == 0)
            LT_TRY(lt_alloc(env, first, (size_t)t + 1, sizeof **first, "the shares of threads"));
    }
    *tasks = t;
    (*first)[t] = pairs->rows;
    return LT_OK;
}

/* ---- memory ---- */

lt_status lt_als_solver_init(lt_env *env, lt_als_solver *s, int32_t unknowns, int64_t longest, int64_t tasks,
                             bool plain)
{
    memset(s, 0, sizeof *s);
    s->unknowns = unknowns;
    s->stride = (unknowns + LT_LANES - 1) / LT_LANES * LT_LANES;
    s->members = lt_threads(env);
    LT_TRY(lt_alloc(env, &s->loss, (size_t)tasks, sizeof *s->loss, "the loss"));
    LT_TRY(lt_alloc(env, &s->zero, (size_t)s->stride, sizeof *s->zero, "a row's solution"));
    LT_TRY(lt_alloc(env, &s->member, (size_t)s->members, sizeof *s->member, "a row's solution"));
    if (plain) {
        LT_TRY(lt_alloc(env, &s->ones, (size_t)longest, sizeof *s->ones, "a row's pairs"));
        for (int64_t h = 0; h < longest; h++)
            s->ones[h] = 1;
    }
    for (int i = 0; i < s->members; i++) {
        lt_als_member *m = &s->member[i];
        float **vector[] = {&m->x, &m->r, &m->p, &m->q, &m->product};

        for (int v = 0; v < 5; v++)
            LT_TRY(lt_alloc(env, vector[v], (size_t)s->stride, sizeof(float), "a row's solution"));
        if (!plain) {
            LT_TRY(lt_alloc(env, &m->weight, (size_t)longest, sizeof(float), "a row's pairs"));
            LT_TRY(lt_alloc(env, &m->target, (size_t)longest, sizeof(float), "a row's pairs"));
        }
        m->normal = (lt_normal){.k = unknowns, .stride = s->stride, .gramian_stride = s->stride};
        LT_TRY(lt_normal_init(env, &m->normal));
    }
    return LT_OK;
}

void lt_als_solver_free(lt_env *env, lt_als_solver *s)
{
    for (int i = 0; i < s->members; i++) {
        lt_als_member *m = &s->member[i];
        float *memory[] = {m->x, m->r, m->p, m->q, m->product, m->weight, m->target};

        for (int v = 0; v < 7; v++)
            lt_free(env, memory[v]);
        lt_normal_free(env, &m->normal);
    }
    lt_free(env, s->member);
    lt_free(env, s->ones);
    lt_free(env, s->zero);
    lt_free(env, s->loss);
}
