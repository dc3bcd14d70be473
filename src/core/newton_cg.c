/*
 * newton_cg.c: truncated Newton: each step solved for by conjugate gradients, only as well as it is worth (Dembo,
 * Eisenstat and Steihaug, "Inexact Newton methods", 1982), preconditioned by the Hessian's diagonal (Hsia, Chiang and
 * Lin, "Preconditioned conjugate gradient methods in truncated Newton frameworks for large-scale linear
 * classification", 2018), with a backtracking line search.
 *
 * The residual of the k-th step's equations is brought down to min(0.1, sqrt(|g_k| / |g_0|)) of the gradient, in the
 * norm of the preconditioner: convergence is faster than linear, and no early step is solved better than the quadratic
 * model is true.
 * Vectors are gone through in pieces by all threads; a dot product is the sum of the pieces' in order.
 */
#include "newton_cg.h"
#include "threads.h"
#include "vectorize.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define PIECE 16384
#define PRODUCTS_MOST 500 /* a step */
#define BACKTRACKS 40
#define SUFFICIENT 1e-4 /* Armijo's constant */
#define FORCING 0.1
#define LEAST_SHARE 1e-8 /* of scale, that the preconditioner does not fall below */
#define STALL_PRODUCTS 10

typedef struct state {
    const lt_newton_cg *spec;
    double *w, *next, *gradient, *next_gradient;
    double *inverse;                           /* of the preconditioner */
    double *step, *rest, *direction, *product; /* of the conjugate gradients */
    double *sum;                               /* of each piece */
    double factor;                             /* of the work at hand */
} state;

/* One of the works below over all pieces; *total is the sum of what they return. */
typedef double (*work)(const state *t, int64_t first, int64_t end);

typedef struct job {
    const state *t;
    work run;
} job;

static void run_piece(void *context, int64_t piece, int member)
{
    const job *j = context;
    int64_t first = piece * PIECE, end = first + PIECE;

    (void)member;
    j->t->sum[piece] = j->run(j->t, first, end < j->t->spec->n ? end : j->t->spec->n);
}

static lt_status over_all(lt_env *env, const state *t, work run, double *total)
{
    job j = {t, run};
    int64_t pieces = (t->spec->n + PIECE - 1) / PIECE;

    LT_TRY(lt_run(env, pieces, run_piece, &j));
    *total = 0;
    for (int64_t p = 0; p < pieces; p++)
        *total += t->sum[p];
    return LT_OK;
}

/* step = 0, rest = -gradient, direction = rest / preconditioner; rest . direction. */
static LT_VECTORIZED double begin(const state *t, int64_t first, int64_t end)
{
    double sum = 0;

    for (int64_t j = first; j < end; j++) {
        t->step[j] = 0;
        t->rest[j] = -t->gradient[j];
        t->direction[j] = t->rest[j] * t->inverse[j];
        sum += t->rest[j] * t->direction[j];
    }
    return sum;
}

static LT_VECTORIZED double bend(const state *t, int64_t first, int64_t end)
{
    double sum = 0;

    for (int64_t j = first; j < end; j++)
        sum += t->direction[j] * t->product[j];
    return sum;
}

/* step and rest along the direction by `factor`; rest . rest / preconditioner. */
static LT_VECTORIZED double advance(const state *t, int64_t first, int64_t end)
{
    double sum = 0;

    for (int64_t j = first; j < end; j++) {
        t->step[j] += t->factor * t->direction[j];
        t->rest[j] -= t->factor * t->product[j];
        sum += t->rest[j] * t->rest[j] * t->inverse[j];
    }
    return sum;
}

static LT_VECTORIZED double turn(const state *t, int64_t first, int64_t end)
{
    for (int64_t j = first; j < end; j++)
        t->direction[j] = t->rest[j] * t->inverse[j] + t->factor * t->direction[j];
    return 0;
}

static LT_VECTORIZED double slope(const state *t, int64_t first, int64_t end)
{
    double sum = 0;

    for (int64_t j = first; j < end; j++)
        sum += t->gradient[j] * t->step[j];
    return sum;
}

static LT_VECTORIZED double move(const state *t, int64_t first, int64_t end)
{
    for (int64_t j = first; j < end; j++)
        t->next[j] = t->w[j] + t->factor * t->step[j];
    return 0;
}

static bool is_optimal(const state *t)
{
    double largest = 1;

    for (int64_t j = 0; j < t->spec->n; j++)
        largest = fmax(largest, fabs(t->w[j]));
    for (int64_t j = 0; j < t->spec->n; j++)
        if (fabs(t->gradient[j]) > t->spec->tolerance * largest * t->spec->scale[j])
            return false;
    return true;
}

static lt_status find_preconditioner(lt_env *env, state *t)
{
    LT_TRY(t->spec->diagonal(env, t->spec->context, t->inverse));
    for (int64_t j = 0; j < t->spec->n; j++)
        t->inverse[j] = 1 / fmax(t->inverse[j], LEAST_SHARE * t->spec->scale[j]);
    return LT_OK;
}

/* Sets step. *first_norm: the first gradient's norm, set by the first call. */
static lt_status find_step(lt_env *env, state *t, double value, double *first_norm)
{
    const lt_newton_cg *spec = t->spec;
    double left, start, goal, unused;

    LT_TRY(over_all(env, t, begin, &left));
    start = sqrt(left);
    if (*first_norm == 0)
        *first_norm = start;
    goal = start * fmin(FORCING, sqrt(start / *first_norm));
    for (int k = 0; k < PRODUCTS_MOST && sqrt(left) > goal; k++) {
        double curve, before = left;

        LT_TRY(spec->product(env, spec->context, t->direction, t->product));
        LT_TRY(over_all(env, t, bend, &curve));
        if (!(curve > DBL_MIN))
            break;
        t->factor = left / curve;
        LT_TRY(over_all(env, t, advance, &left));
        /* What this product lowered the quadratic model by. */
        if (STALL_PRODUCTS * t->factor * before / 2 < spec->stall * fabs(value))
            break;
        t->factor = left / before;
        LT_TRY(over_all(env, t, turn, &unused));
    }
    return LT_OK;
}

/* Sets next, next_gradient and *value (which comes in as the value at w); *moved says whether a point was found. */
static lt_status line_search(lt_env *env, state *t, double *value, bool *moved)
{
    /* What sums of millions of terms cannot resolve must not refuse a step. */
    double noise = 1e-13 * fabs(*value), along, unused;

    *moved = false;
    LT_TRY(over_all(env, t, slope, &along));
    t->factor = 1;
    for (int k = 0; k < BACKTRACKS; k++, t->factor /= 2) {
        double next;

        LT_TRY(over_all(env, t, move, &unused));
        LT_TRY(t->spec->evaluate(env, t->spec->context, t->next, &next, t->next_gradient));
        if (next <= *value + SUFFICIENT * t->factor * along + noise) {
            *value = next;
            *moved = true;
            return LT_OK;
        }
    }
    return LT_OK;
}

lt_status lt_newton_cg_minimize(lt_env *env, const lt_newton_cg *spec, double *w, int *iterations, bool *converged)
{
    size_t n = (size_t)spec->n, pieces = (n + PIECE - 1) / PIECE;
    double *memory, value, first_norm = 0;
    state t = {.spec = spec};
    int done = 0;

    LT_TRY(lt_alloc(env, &memory, 9 * n + pieces, sizeof *memory, "the optimiser's vectors"));
    t.w = memory;
    t.next = t.w + n;
    t.gradient = t.next + n;
    t.next_gradient = t.gradient + n;
    t.inverse = t.next_gradient + n;
    t.step = t.inverse + n;
    t.rest = t.step + n;
    t.direction = t.rest + n;
    t.product = t.direction + n;
    t.sum = t.product + n;
    memcpy(t.w, w, n * sizeof *w);
    LT_TRY(spec->evaluate(env, spec->context, t.w, &value, t.gradient));
    if (!isfinite(value))
        return lt_fail(env, LT_DIVERGED, "the loss is not finite");

    while (!(*converged = is_optimal(&t)) && done < spec->iterations) {
        double before = value, *swap;
        bool moved;

        LT_TRY(find_preconditioner(env, &t));
        LT_TRY(find_step(env, &t, value, &first_norm));
        LT_TRY(line_search(env, &t, &value, &moved));
        if (!moved)
            break;
        swap = t.w, t.w = t.next, t.next = swap;
        swap = t.gradient, t.gradient = t.next_gradient, t.next_gradient = swap;
        LT_TRY(spec->progress(env, spec->context, ++done, t.w));
        if (before - value < spec->stall * fabs(value)) {
            *converged = true;
            break;
        }
    }
    memcpy(w, t.w, n * sizeof *w);
    *iterations = done;
    lt_free(env, memory);
    return LT_OK;
}
