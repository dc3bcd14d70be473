/*
 * rerank_calibrated.c: lists whose make-up is the user's own: Steck, "Calibrated recommendations", RecSys 2018.
 *
 * The list S grows greedily by the item that leaves the greatest
 *
 *     (1 - strength) * sum over S of relevance(i)  -  strength * KL(p || q~),
 *     KL(p || q~) = sum over groups g of p_g ln(p_g / q~_g),      q~ = (1 - smoothing) q + smoothing p.
 *
 * p: the shares that groups should have, lt_groups.target, or the user's taste for head, mid and tail.  q: the shares
 * they have of S; an item of m groups counts 1 / m for each, an item of none for a group of its own that p has nothing
 * of, so that it brings the list no nearer.  relevance: see lt_rerank_relevance.  Of the paper's variants this is the
 * one without weights by rank (w_r = 1): a place is a place, and the objective is one of sets.
 *
 * With t items in S and C_g what they count for g, the list with one more has ln q~_g = ln((1 - smoothing) C'_g +
 * smoothing (t + 1) p_g) - ln(t + 1).  What does not depend on which item it is cancels, so that the step's choice is
 *
 *     value(i) = (1 - strength) * relevance(i) + strength * sum over i's groups g of
 *                p_g ln(1 + (1 - smoothing) / m / ((1 - smoothing) C_g + smoothing (t + 1) p_g)),
 *
 * the objective's growth beyond that by an item of no group.  It never grows from step to step, for C_g and t do not
 * shrink, as lt_rerank_grow asks.  (The objective is submodular up to what cancels, as the paper shows.)
 *
 * Where the taste is unknown there is nothing to calibrate to: every p_g is 0, and the order is that by score.
 *
 * It does not always raise the tail: a list with more of it than the user likes gets less.  As models favour what is
 * popular, lists have less, and over many users the share rises, which the test shows; but it is not a promise.
 */
#include "rerank.h"

#include <math.h>

#define SMOOTHING 0.01
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

static const lt_option options[] = {
    {.name = "smoothing",
     .type = LT_OPT_FLOAT,
     .default_value = TEXT(SMOOTHING),
     .minimum = 1e-6,
     .maximum = 0.5,
     .help =
         "Share of the user's taste mixed into the list's, so that a group the list lacks costs no endless amount."},
};

typedef struct calibration {
    const int64_t *start; /* as of lt_groups */
    const int32_t *group;
    int64_t *own_start; /* where these are of segments */
    int32_t *own_group;
    double *p;     /* by group: the share it should have; all 0: unknown */
    double *count; /* by group: C */
    double smoothing;
} calibration;

/* Head, mid and tail as groups. */
static lt_status take_segments(lt_env *env, const lt_rerank_input *in, calibration *c)
{
    double total = in->user_taste[LT_HEAD] + in->user_taste[LT_MID] + in->user_taste[LT_TAIL];

    LT_TRY(lt_alloc(env, &c->own_start, (size_t)in->n + 1, sizeof *c->own_start, "the candidates' groups"));
    LT_TRY(lt_alloc(env, &c->own_group, (size_t)in->n, sizeof *c->own_group, "the candidates' groups"));
    LT_TRY(lt_alloc(env, &c->p, 2 * 3, sizeof *c->p, "the candidates' groups"));
    for (int64_t i = 0; i < in->n; i++) {
        c->own_start[i + 1] = i + 1;
        c->own_group[i] = (int32_t)lt_rerank_segment(in, i);
    }
    for (int s = 0; s < 3 && total > 0; s++)
        c->p[s] = in->user_taste[s] / total;
    c->count = c->p + 3;
    c->start = c->own_start;
    c->group = c->own_group;
    return LT_OK;
}

static lt_status take_groups(lt_env *env, const lt_groups *groups, calibration *c)
{
    LT_TRY(lt_alloc(env, &c->p, 2 * (size_t)groups->n, sizeof *c->p, "the candidates' groups"));
    for (int32_t g = 0; g < groups->n && groups->target != NULL; g++)
        c->p[g] = groups->target[g];
    c->count = c->p + groups->n;
    c->start = groups->start;
    c->group = groups->group;
    return LT_OK;
}

/* What candidate i, as item t + 1 of the list, takes from the divergence. */
static double gain(const void *context, int64_t i, int64_t t)
{
    const calibration *c = context;
    int64_t members = c->start[i + 1] - c->start[i];
    double sum = 0;

    for (int64_t e = c->start[i]; e < c->start[i + 1]; e++) {
        int32_t g = c->group[e];
        double has = (1 - c->smoothing) * c->count[g] + c->smoothing * (double)(t + 1) * c->p[g];

        if (c->p[g] > 0)
            sum += c->p[g] * log1p((1 - c->smoothing) / (double)members / has);
    }
    return sum;
}

static lt_status add(lt_env *env, void *context, int64_t i)
{
    calibration *c = context;

    (void)env;
    for (int64_t e = c->start[i]; e < c->start[i + 1]; e++)
        c->count[c->group[e]] += 1 / (double)(c->start[i + 1] - c->start[i]);
    return LT_OK;
}

static lt_status run(lt_env *env, const lt_rerank_input *in, int32_t *chosen, double *value, int64_t *n_chosen)
{
    calibration c = {.smoothing = in->options == NULL ? SMOOTHING : lt_option_float(in->options, "smoothing")};
    lt_rerank_growth growth = {gain, add, &c};

    LT_TRY(in->groups != NULL ? take_groups(env, in->groups, &c) : take_segments(env, in, &c));
    LT_TRY(lt_rerank_grow(env, in, &growth, chosen, value, n_chosen));
    lt_free(env, c.own_start);
    lt_free(env, c.own_group);
    lt_free(env, c.p);
    return LT_OK;
}

const lt_reranker lt_rerank_calibrated = {
    .name = "calibrated",
    .help = "Brings the shares of head, mid and tail in a list, or of an attribute's values, near the user's own.",
    .needs_segment = true,
    .uses_taste = true,
    .max_strength = 1,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
