/*
 * bpr_blocks.c: an epoch of Bayesian personalised ranking, by blocks of users and items.
 *
 * Users and items are cut to P parts each; a triple of a user, an item that was seen and one that was not belongs to a
 * block of one part of the users and one of the items.  P blocks at a time have no user and no item in common, so that
 * threads follow their gradients side by side and nothing depends on which of them is ahead (Gemulla, Nijkamp, Haas and
 * Sismanis, "Large-scale matrix factorization with distributed stochastic gradient descent", 2011).  The negative of a
 * triple is drawn from the part of its positive; which items share a part is drawn anew for each epoch, so that over
 * epochs every item meets every other, as often as the sampler says.  P depends on the data alone, and each block has
 * random numbers of its own: the model is the same for every number of threads.
 */
#include "bpr_blocks.h"

#include "lanes.h"
#include "threads.h"
#include "vectorize.h"

#include <math.h>
#include <string.h>

#define ITEMS_A_PART 128 /* at least: among whom negatives are drawn */
#define USERS_A_PART 16  /* at least */
#define TASK (1 << 23)   /* numbers that a task's triples touch, about */
#define DRAWN 64         /* triples drawn, then learned from, at once */
#define BITS_A_PAIR 16   /* where they are found by a hash, at least */
#define AHEAD 4          /* triples ahead whose rows are fetched */
#define MOST_FACTORS 64  /* factors and bias that are in registers, at most */

typedef struct pair {
    int32_t user, item;
} pair;

typedef struct triple {
    int32_t user, positive, negative;
} triple;

/* Where a part of the users is in an epoch; 64 bytes, so that members do not write to each other's. */
typedef struct place {
    lt_random rng;
    int64_t next, end; /* of `order`: pairs of the block still to come */
    int64_t learned;
    double loss;
} place;

typedef struct lt_bpr_blocks {
    int parts;
    int32_t *user_first; /* parts + 1 */
    int32_t *items;      /* I: in random order; part q has those from I q / parts on */
    int32_t *part_of;    /* I */
    double *mass;        /* I + 1: running sum of the sampler's chances in that order; NULL: all alike */
    pair *order;         /* n + 1: by part of the users, part of the items, then at random */
    uint64_t *has;       /* bits that are set of all pairs, and of few others */
    int64_t width;       /* of each user, in bits: one an item; 0: there are too many */
    int bits;            /* then: of each part of the users, their logarithm; a pair's is found by a hash */
    int64_t *start;      /* parts x (parts + 1): where a block's are */
    place *place;        /* parts */
    uint64_t epoch;
    int step;        /* part p of the users is at part (p + step) % parts of the items */
    double shift;    /* for rounding shares, anew each epoch */
    int64_t at_once; /* draws of a task */
} lt_bpr_blocks;

static void seed_for(const lt_bpr_fit *bpr, uint64_t what, uint64_t part, lt_random *rng)
{
    uint64_t numbers[4] = {bpr->seed, bpr->blocks->epoch, what, part};

    lt_random_seed(rng, lt_hash_bytes(numbers, sizeof numbers, 0));
}

/* ---- learning ---- */

/* One step a triple, in rows of `width` lanes. *product, of 1 + exp(-|margin|), gives with *sum the losses. */
LT_INLINE void learn_one(const lt_bpr_fit *bpr, int width, lt_lanes *x, lt_lanes *a, lt_lanes *b, double *sum,
                         double *product)
{
    float keep = 1 - bpr->rate * bpr->penalty, margin, power, slope;
    lt_lanes total = x[0] * (a[0] - b[0]);

    for (int l = 1; l < width; l++)
        total += x[l] * (a[l] - b[l]);
    margin = lt_lanes_sum(&total);
    power = expf(-fabsf(margin));
    *product *= 1 + power;
    *sum += margin < 0 ? -margin : 0;
    slope = bpr->rate * (margin < 0 ? 1 : power) / (1 + power); /* times sigma(-margin) */
    for (int l = 0; l < width; l++) {
        lt_lanes was = x[l], step = slope * was;

        x[l] = keep * was + slope * (a[l] - b[l]);
        a[l] = keep * a[l] + step;
        b[l] = keep * b[l] - step;
    }
    if (bpr->bias)
        ((float *)x)[bpr->k] = 1;
}

LT_INLINE double learn_all(const lt_bpr_fit *bpr, int width, const triple *t, int n)
{
    lt_lanes *user = (lt_lanes *)bpr->user, *item = (lt_lanes *)bpr->item;
    double sum = 0, product = 1; /* below 2^DRAWN */

    for (int i = 0; i < n; i++) {
        const triple *next = &t[i + AHEAD < n ? i + AHEAD : i];

        for (int l = 0; l < width && l < MOST_FACTORS / LT_LANES + 1; l++) {
            __builtin_prefetch(user + (int64_t)next->user * width + l, 1);
            __builtin_prefetch(item + (int64_t)next->positive * width + l, 1);
            __builtin_prefetch(item + (int64_t)next->negative * width + l, 1);
        }
        learn_one(bpr, width, user + (int64_t)t[i].user * width, item + (int64_t)t[i].positive * width,
                  item + (int64_t)t[i].negative * width, &sum, &product);
    }
    return sum + log(product);
}

/* Returns the sum of -ln sigma. */
LT_VECTORIZED static double learn(const lt_bpr_fit *bpr, const triple *t, int n)
{
    int width = bpr->stride / LT_LANES;

    /* loops that are unrolled where their number is known */
    if (width == 5)
        return learn_all(bpr, 5, t, n);
    if (width == 2)
        return learn_all(bpr, 2, t, n);
    return learn_all(bpr, width, t, n);
}

/* ---- drawing ---- */

/* Where the bit of a pair is, the user being of part p. */
static inline uint64_t bit_of(const lt_bpr_blocks *b, int p, int32_t user, int32_t item)
{
    uint64_t key = (uint64_t)(uint32_t)user << 32 | (uint32_t)item;

    if (b->width > 0)
        return (uint64_t)(user * b->width + item);
    return ((uint64_t)p << b->bits) + (key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - b->bits));
}

/* Most that a user does not have, the bits tell without looking it up. */
static bool user_has(const lt_bpr_fit *bpr, int p, int32_t user, int32_t item)
{
    const lt_bpr_blocks *b = bpr->blocks;
    uint64_t bit = bit_of(b, p, user, item);

    return (b->has[bit / 64] >> bit % 64 & 1) != 0 && (b->width > 0 || lt_pairs_has(bpr->seen, user, item));
}

/* An item of part q, which has some chance; -1: none has. */
static int32_t draw_item(const lt_bpr_blocks *b, int32_t from, int32_t end, lt_random *rng)
{
    double drawn;
    int32_t at = from, n = end - from;

    if (b->mass == NULL)
        return b->items[from + lt_random_below(rng, end - from)];
    if (!(b->mass[end] > b->mass[from]))
        return -1;
    drawn = b->mass[from] + lt_random_uniform(rng) * (b->mass[end] - b->mass[from]);
    while (n > 1) {
        int32_t half = n / 2;

        at += b->mass[at + half] <= drawn ? half : 0;
        n -= half;
    }
    return b->items[at];
}

/* One that the user does not have, or -1 for a user who has nearly everything. */
static int32_t draw_negative(const lt_bpr_fit *bpr, int p, int32_t user, int32_t from, int32_t end, lt_random *rng,
                             int64_t *draws)
{
    for (int draw = 0; draw < LT_SAMPLER_REJECTED; draw++) {
        int32_t item = draw_item(bpr->blocks, from, end, rng);

        ++*draws;
        if (item < 0 || !user_has(bpr, p, user, item))
            return item;
    }
    return -1;
}

static int64_t part_begins(int64_t items, int parts, int q)
{
    return items * q / parts;
}

/* Some pairs of the block that part `task` of the users is at. */
static void run_block(void *context, int64_t task, int member)
{
    const lt_bpr_fit *bpr = context;
    lt_bpr_blocks *b = bpr->blocks;
    place *p = &b->place[task];
    int q = (int)(task + b->step) % b->parts, held = 0;
    int32_t from = (int32_t)part_begins(bpr->seen->cols, b->parts, q);
    int32_t end = (int32_t)part_begins(bpr->seen->cols, b->parts, q + 1);
    int64_t draws = 0; /* of which there are many more than triples where users have nearly everything */
    triple drawn[DRAWN];

    (void)member;
    for (; p->next < p->end && draws < b->at_once; p->next++) {
        triple t = {.user = b->order[p->next].user, .positive = b->order[p->next].item};

        for (int draw = 0; draw < bpr->negatives; draw++) {
            t.negative = draw_negative(bpr, (int)task, t.user, from, end, &p->rng, &draws);
            if (t.negative >= 0)
                drawn[held++] = t;
            if (held == DRAWN) {
                p->loss += learn(bpr, drawn, held);
                p->learned += held;
                held = 0;
            }
        }
    }
    p->loss += learn(bpr, drawn, held);
    p->learned += held;
}

/* ---- an epoch's order ---- */

/* How often pair e is met: its share, rounded up or down. */
static int64_t times(const lt_bpr_fit *bpr, int64_t e)
{
    double shift = bpr->blocks->shift;

    if (bpr->share == NULL)
        return 1;
    return (int64_t)(floor(bpr->share[e + 1] + shift) - floor(bpr->share[e] + shift));
}

static void shuffle(lt_random *rng, pair *v, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = lt_random_below(rng, i + 1);
        pair t = v[i];

        v[i] = v[j];
        v[j] = t;
    }
}

/* The pairs of part `task` of the users to their blocks, at random in each. */
static void order_part(void *context, int64_t task, int member)
{
    const lt_bpr_fit *bpr = context;
    lt_bpr_blocks *b = bpr->blocks;
    const lt_pairs *seen = bpr->seen;
    int32_t first = b->user_first[task], end = b->user_first[task + 1];
    int64_t *start = b->start + task * (b->parts + 1), at[LT_BPR_PARTS] = {0};
    lt_random rng;

    (void)member;
    start[0] = bpr->share == NULL ? seen->start[first]
                                  : (int64_t)(floor(bpr->share[seen->start[first]] + b->shift) - floor(b->shift));
    for (int64_t e = seen->start[first]; e < seen->start[end]; e++)
        at[b->part_of[seen->col[e]]] += times(bpr, e);
    for (int q = 0; q < b->parts; q++) {
        start[q + 1] = start[q] + at[q];
        at[q] = start[q];
    }
    for (int32_t u = first; u < end; u++)
        for (int64_t e = seen->start[u]; e < seen->start[u + 1]; e++) {
            int32_t i = seen->col[e];

            for (int64_t more = times(bpr, e); more > 0; more--)
                b->order[at[b->part_of[i]]++] = (pair){.user = u, .item = i};
        }
    seed_for(bpr, 1, (uint64_t)task, &rng);
    for (int q = 0; q < b->parts; q++)
        shuffle(&rng, b->order + start[q], start[q + 1] - start[q]);
}

/* Which items share a part. */
static void order_items(lt_bpr_fit *bpr)
{
    lt_bpr_blocks *b = bpr->blocks;
    int32_t items = bpr->seen->cols;
    lt_random rng;

    seed_for(bpr, 0, 0, &rng);
    b->shift = bpr->share == NULL ? 0 : lt_random_uniform(&rng);
    lt_random_shuffle(&rng, b->items, items);
    for (int q = 0; q < b->parts; q++)
        for (int64_t i = part_begins(items, b->parts, q); i < part_begins(items, b->parts, q + 1); i++)
            b->part_of[b->items[i]] = q;
    for (int32_t i = 0; b->mass != NULL && i < items; i++)
        b->mass[i + 1] = b->mass[i] + bpr->sampler->p[b->items[i]];
}

/* The blocks at one step, some of each at once until all are through. */
static lt_status run_step(lt_env *env, lt_bpr_fit *bpr)
{
    lt_bpr_blocks *b = bpr->blocks;
    bool through = false;

    for (int p = 0; p < b->parts; p++) {
        const int64_t *start = b->start + p * (b->parts + 1) + (p + b->step) % b->parts;

        b->place[p].next = start[0];
        b->place[p].end = start[1];
        seed_for(bpr, 2 + (uint64_t)b->step, (uint64_t)p, &b->place[p].rng);
    }
    while (!through) {
        LT_TRY(lt_run(env, b->parts, run_block, bpr));
        through = true;
        for (int p = 0; p < b->parts; p++)
            through = through && b->place[p].next == b->place[p].end;
    }
    return LT_OK;
}

lt_status lt_bpr_epoch(lt_env *env, lt_bpr_fit *bpr, int epoch, double *loss)
{
    lt_bpr_blocks *b = bpr->blocks;
    int64_t learned = 0;
    double sum = 0;

    b->epoch = (uint64_t)epoch;
    LT_TRY(lt_poll(env));
    order_items(bpr);
    LT_TRY(lt_run(env, b->parts, order_part, bpr));
    for (int p = 0; p < b->parts; p++)
        b->place[p] = (place){.loss = 0};
    for (b->step = 0; b->step < b->parts; b->step++)
        LT_TRY(run_step(env, bpr));
    for (int p = 0; p < b->parts; p++) {
        sum += b->place[p].loss;
        learned += b->place[p].learned;
    }
    *loss = learned > 0 ? sum / (double)learned : 0;
    return LT_OK;
}

/* ---- memory ---- */

/* Parts of users with about as many pairs each. */
static void cut_users(const lt_pairs *seen, lt_bpr_blocks *b)
{
    int64_t n = seen->start[seen->rows];
    int p = 0;

    for (int32_t u = 0; u < seen->rows; u++)
        while (p < b->parts && seen->start[u] >= part_begins(n, b->parts, p))
            b->user_first[p++] = u;
    for (; p <= b->parts; p++)
        b->user_first[p] = seen->rows;
}

/* One bit a user and item takes as much as the pairs do, where one in 64 of them is there. */
static lt_status mark_pairs(lt_env *env, const lt_pairs *seen, lt_bpr_blocks *b)
{
    uint64_t n = (uint64_t)seen->start[seen->rows], bits;

    b->width = (seen->cols + 63) / 64 * 64;
    bits = (uint64_t)b->width * (uint64_t)seen->rows;
    if (bits > 64 * n + 4096) {
        b->width = 0;
        for (b->bits = 6; (uint64_t)b->parts << b->bits < BITS_A_PAIR * n; b->bits++)
            ;
        bits = (uint64_t)b->parts << b->bits;
    }
    LT_TRY(lt_alloc(env, &b->has, bits / 64, sizeof *b->has, "the pairs"));
    for (int p = 0; p < b->parts; p++)
        for (int32_t u = b->user_first[p]; u < b->user_first[p + 1]; u++) {
            if (u % 256 == 0)
                LT_TRY(lt_poll(env));
            for (int64_t e = seen->start[u]; e < seen->start[u + 1]; e++) {
                uint64_t bit = bit_of(b, p, u, seen->col[e]);

                b->has[bit / 64] |= UINT64_C(1) << bit % 64;
            }
        }
    return LT_OK;
}

lt_status lt_bpr_fit_init(lt_env *env, lt_bpr_fit *bpr)
{
    const lt_pairs *seen = bpr->seen;
    size_t n = (size_t)seen->start[seen->rows], items = (size_t)seen->cols;
    int32_t most =
        seen->cols / ITEMS_A_PART < seen->rows / USERS_A_PART ? seen->cols / ITEMS_A_PART : seen->rows / USERS_A_PART;
    lt_bpr_blocks *b;
    size_t parts;

    LT_TRY(lt_alloc(env, &b, 1, sizeof *b, "the pairs"));
    bpr->blocks = b;
    b->parts = most < 1 ? 1 : most > LT_BPR_PARTS ? LT_BPR_PARTS : most;
    b->at_once = TASK / bpr->stride + 1;
    parts = (size_t)b->parts;
    LT_TRY(lt_alloc(env, &b->user_first, parts + 1, sizeof *b->user_first, "the pairs"));
    LT_TRY(lt_alloc(env, &b->items, items, sizeof *b->items, "the pairs"));
    LT_TRY(lt_alloc(env, &b->part_of, items, sizeof *b->part_of, "the pairs"));
    if (bpr->sampler->keep != NULL)
        LT_TRY(lt_alloc(env, &b->mass, items + 1, sizeof *b->mass, "the pairs"));
    LT_TRY(lt_alloc(env, &b->order, n + 1, sizeof *b->order, "the pairs")); /* shares are rounded sums */
    LT_TRY(lt_alloc(env, &b->start, parts * (parts + 1), sizeof *b->start, "the pairs"));
    LT_TRY(lt_alloc(env, &b->place, parts, sizeof *b->place, "the pairs"));
    for (int32_t i = 0; i < seen->cols; i++)
        b->items[i] = i;
    cut_users(seen, b);
    return mark_pairs(env, seen, b);
}

void lt_bpr_fit_free(lt_env *env, lt_bpr_fit *bpr)
{
    lt_bpr_blocks *b = bpr->blocks;
    void *memory[] = {b->user_first, b->items, b->part_of, b->mass, b->order, b->has, b->start, b->place, b};

    for (size_t m = 0; m < sizeof memory / sizeof memory[0]; m++)
        lt_free(env, memory[m]);
}
