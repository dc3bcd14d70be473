/*
 * lbfgs.c: limited-memory BFGS (Nocedal 1980; Liu and Nocedal 1989) and its orthant-wise form for l1 penalties (OWL-QN:
 * Andrew and Gao, "Scalable training of L1-regularized log-linear models", ICML 2007).
 *
 * One loop does both: without l1 the pseudo-gradient is the gradient and there is no orthant to stay in.  The first
 * Hessian is diagonal: spec->scale times the usual factor s'y / y'y, both in the scaled metric, so that a column which
 * one row in a million has moves as fast as the others.
 * Invariants: every pair kept has s'y > 0; with l1, a variable never changes sign within a step but stops at 0 exactly.
 */
#include "lbfgs.h"
#include "blas.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define HISTORY 10
#define BACKTRACKS 40
#define WINDOW 10       /* iterations over which a stall is measured */
#define SUFFICIENT 1e-4 /* Armijo's constant */

typedef struct state {
    const lt_lbfgs *spec;
    int n; /* BLAS's type */
    double *w, *next;
    double *gradient, *next_gradient;
    double *slope; /* pseudo-gradient: the derivative along the steepest descent side */
    double *direction;
    double *s[HISTORY], *y[HISTORY], rho[HISTORY];
    int kept, newest;
    double gamma; /* of the first inverse Hessian, gamma / scale */
} state;

static double penalty(const state *t, const double *w)
{
    double sum = 0;

    if (t->spec->l1 != NULL)
        for (int j = 0; j < t->n; j++)
            sum += t->spec->l1[j] * fabs(w[j]);
    return sum;
}

static void find_slope(state *t)
{
    const double *l1 = t->spec->l1;

    memcpy(t->slope, t->gradient, (size_t)t->n * sizeof *t->slope);
    for (int j = 0; l1 != NULL && j < t->n; j++) {
        double g = t->gradient[j];

        if (t->w[j] != 0)
            t->slope[j] = g + copysign(l1[j], t->w[j]);
        else
            t->slope[j] = fabs(g) <= l1[j] ? 0 : g - copysign(l1[j], g);
    }
}

static bool is_optimal(const state *t)
{
    double largest = 1;

    for (int j = 0; j < t->n; j++)
        largest = fmax(largest, fabs(t->w[j]));
    for (int j = 0; j < t->n; j++)
        if (fabs(t->slope[j]) > t->spec->tolerance * largest * t->spec->scale[j])
            return false;
    return true;
}

/* direction = -H slope, by the two-loop recursion. */
static void find_direction(state *t)
{
    double alpha[HISTORY], *d = t->direction;

    for (int j = 0; j < t->n; j++)
        d[j] = -t->slope[j];
    for (int k = 0; k < t->kept; k++) {
        int i = (t->newest - k + HISTORY) % HISTORY;

        alpha[i] = t->rho[i] * cblas_ddot(t->n, t->s[i], 1, d, 1);
        cblas_daxpy(t->n, -alpha[i], t->y[i], 1, d, 1);
    }
    for (int j = 0; j < t->n; j++)
        d[j] *= t->gamma / t->spec->scale[j];
    for (int k = t->kept - 1; k >= 0; k--) {
        int i = (t->newest - k + HISTORY) % HISTORY;
        double beta = t->rho[i] * cblas_ddot(t->n, t->y[i], 1, d, 1);

        cblas_daxpy(t->n, alpha[i] - beta, t->s[i], 1, d, 1);
    }
    /* With l1 the quadratic model holds in one orthant only: components that leave the descent side are dropped. */
    for (int j = 0; t->spec->l1 != NULL && j < t->n; j++)
        if (t->spec->l1[j] > 0 && d[j] * t->slope[j] >= 0)
            d[j] = 0;
}

/* next = w + step * direction, held in the orthant of w (of the descent side, where w is 0). */
static void move(state *t, double step)
{
    for (int j = 0; j < t->n; j++) {
        t->next[j] = t->w[j] + step * t->direction[j];
        if (t->spec->l1 != NULL && t->spec->l1[j] > 0) {
            double orthant = t->w[j] != 0 ? t->w[j] : -t->slope[j];

            if (t->next[j] * orthant <= 0)
                t->next[j] = 0;
        }
    }
}

/* Sets next, next_gradient and *value (which comes in as the value at w); *moved says whether a step was found. */
static lt_status line_search(lt_env *env, state *t, double *value, bool *moved)
{
    const lt_lbfgs *spec = t->spec;
    /* What sums of millions of terms cannot resolve must not refuse a step. */
    double step = 1, noise = 1e-13 * fabs(*value);

    *moved = false;
    for (int k = 0; k < BACKTRACKS; k++, step /= 2) {
        double slope = 0, next;

        move(t, step);
        for (int j = 0; j < t->n; j++)
            slope += t->slope[j] * (t->next[j] - t->w[j]);
        if (slope >= 0)
            return LT_OK;
        LT_TRY(spec->evaluate(env, spec->context, t->next, &next, t->next_gradient));
        next += penalty(t, t->next);
        if (isfinite(next) && next <= *value + SUFFICIENT * slope + noise) {
            *value = next;
            *moved = true;
            return LT_OK;
        }
    }
    return LT_OK;
}

/* Takes next over as w and keeps the pair of differences. */
static void accept(state *t)
{
    int slot = t->kept == 0 ? 0 : (t->newest + 1) % HISTORY;
    double *s = t->s[slot], *y = t->y[slot], *swap, sy = 0, yy = 0, ss = 0;

    for (int j = 0; j < t->n; j++) {
        s[j] = t->next[j] - t->w[j];
        y[j] = t->next_gradient[j] - t->gradient[j];
        sy += s[j] * y[j];
        yy += y[j] * y[j] / t->spec->scale[j];
        ss += s[j] * s[j] * t->spec->scale[j];
    }
    if (sy > DBL_EPSILON * sqrt(ss * yy)) {
        t->rho[slot] = 1 / sy;
        t->gamma = sy / yy;
        t->newest = slot;
        if (t->kept < HISTORY)
            t->kept++;
    }
    swap = t->w, t->w = t->next, t->next = swap;
    swap = t->gradient, t->gradient = t->next_gradient, t->next_gradient = swap;
}

lt_status lt_lbfgs_minimize(lt_env *env, const lt_lbfgs *spec, double *w, int *iterations, bool *converged)
{
    const char *what = "the optimiser's vectors";
    size_t n = (size_t)spec->n, vectors = 6 + 2 * HISTORY;
    double *memory, *at, value, earlier[WINDOW];
    state t = {.spec = spec, .n = (int)spec->n, .gamma = 1};
    int done = 0;

    LT_TRY(lt_alloc(env, &memory, n * vectors, sizeof *memory, what));
    at = memory;
    t.w = at, at += n;
    t.next = at, at += n;
    t.gradient = at, at += n;
    t.next_gradient = at, at += n;
    t.slope = at, at += n;
    t.direction = at, at += n;
    for (int i = 0; i < HISTORY; i++) {
        t.s[i] = at, at += n;
        t.y[i] = at, at += n;
    }
    memcpy(t.w, w, n * sizeof *w);
    LT_TRY(spec->evaluate(env, spec->context, t.w, &value, t.gradient));
    if (!isfinite(value))
        return lt_fail(env, LT_DIVERGED, "the loss is not finite");
    value += penalty(&t, t.w);
    find_slope(&t);

    while (!(*converged = is_optimal(&t)) && done < spec->iterations) {
        bool moved;

        if (done >= WINDOW && earlier[done % WINDOW] - value < spec->stall * fabs(value)) {
            *converged = true;
            break;
        }
        earlier[done % WINDOW] = value;
        find_direction(&t);
        LT_TRY(line_search(env, &t, &value, &moved));
        if (!moved && t.kept > 0) {
            /* The curvature gathered misleads here: once more along the steepest descent. */
            t.kept = 0;
            t.gamma = 1;
            find_direction(&t);
            LT_TRY(line_search(env, &t, &value, &moved));
        }
        if (!moved)
            break;
        accept(&t);
        find_slope(&t);
        LT_TRY(spec->progress(env, spec->context, ++done, t.w));
    }
    memcpy(w, t.w, n * sizeof *w);
    *iterations = done;
    lt_free(env, memory);
    return LT_OK;
}
