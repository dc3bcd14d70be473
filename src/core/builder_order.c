/*
 * builder_order.c: which rows are held out, and all rows in the order of examples.
 *
 * Rows are scattered once, by part and user, and each user's then sorted by (item, position), which differ: the result
 * is one and the same however the work is shared.  Threads take stripes of the rows, each with counts of its own, for
 * scattering, and runs of users for sorting.
 */
#include "builder_parts.h"

#include "sort.h"
#include "threads.h"

#include <math.h>
#include <string.h>

#define TASK_ROWS 65536   /* a few milliseconds of any work here */
#define STEP_ROWS 1048576 /* of a stripe that are scattered between polls */
#define SHORT 16          /* up to here insertion beats merging */
#define TRAINED 0         /* parts */
#define HELD_OUT 1
#define LEFT_OUT 2

/* ---- the split ---- */

static float lot_of(uint64_t hash)
{
    return (float)(hash >> 40) * 0x1.0p-24f;
}

static uint64_t hash_of(const lt_dictionary *known, const lt_dictionary *unknown, int32_t number, uint64_t seed)
{
    int64_t length;
    const char *key =
        number >= 0 ? lt_dictionary_key(known, number, &length) : lt_dictionary_key(unknown, -1 - number, &length);

    return lt_hash_bytes(key, length, seed);
}

static uint64_t hash_of_user(const lt_builder *b, int32_t user)
{
    return hash_of(&b->bundle->users, &b->unknown_users, user, b->seed);
}

typedef struct drawing {
    const lt_builder *b;
    float fraction;
    uint8_t *part;
} drawing;

/* A random split looks at a row's ids alone, so that all rows of a pair fall on one side in every version. */
static void draw_lots(void *context, int64_t task, int member)
{
    const drawing *d = context;
    const lt_builder *b = d->b;
    int64_t end = (task + 1) * TASK_ROWS < b->n ? (task + 1) * TASK_ROWS : b->n;

    (void)member;
    for (int64_t i = task * TASK_ROWS; i < end; i++) {
        uint64_t hash = b->drops && b->item[i] < 0 ? 0
                        : b->pairs
                            ? hash_of(&b->bundle->items, &b->unknown_items, b->item[i], hash_of_user(b, b->user[i]))
                            : lt_hash_bytes(&i, sizeof i, b->seed);

        d->part[i] = lot_of(hash) < d->fraction ? HELD_OUT : TRAINED;
    }
}

static lt_status split_at_random(lt_env *env, const lt_builder *b, double fraction, uint8_t *part)
{
    int64_t held_out = 0;

    LT_TRY(lt_run(env, (b->n + TASK_ROWS - 1) / TASK_ROWS, draw_lots, &(drawing){b, (float)fraction, part}));
    for (int64_t i = 0; i < lt_builder_own_rows(b); i++)
        held_out += part[i];
    if (held_out == lt_builder_own_rows(b))
        memset(part, TRAINED, (size_t)b->n);
    return LT_OK;
}

/*
 * The latest rows. Rows of one time stay together, so there are two cuts around the fraction wanted, before and after
 * the rows of one time; the nearer is taken, unless it leaves nothing to train on.
 */
static lt_status split_by_time(lt_env *env, const lt_builder *b, double fraction, uint8_t *part)
{
    int64_t n = lt_builder_own_rows(b);
    int64_t trained = (int64_t)floor((1 - fraction) * (double)n + 1e-9); /* 0.1 * 20 is meant to be 2 */
    int64_t later = 0, not_before = 0;
    double *sorted, cut;
    bool with_cut;

    trained = trained < 1 ? 1 : trained;
    LT_TRY(lt_alloc(env, &sorted, (size_t)n, sizeof *sorted, "the split by time"));
    memcpy(sorted, b->time, (size_t)n * sizeof *sorted);
    LT_TRY(lt_kth_smallest(env, sorted, n, trained - 1, &cut));
    lt_free(env, sorted);
    for (int64_t i = 0; i < n; i++) {
        later += b->time[i] > cut;
        not_before += b->time[i] >= cut;
    }
    with_cut = not_before < n && not_before - (n - trained) < n - trained - later;
    for (int64_t i = 0; i < b->n; i++)
        part[i] = b->time[i] > cut || (with_cut && b->time[i] == cut) ? HELD_OUT : TRAINED;
    return LT_OK;
}

/* All training when either part would be empty. */
static lt_status split_rows(lt_env *env, const lt_builder *b, const lt_options *options, uint8_t *part)
{
    double fraction = lt_option_float(options, "validation_fraction");
    bool by_time = lt_option_is(options, "split", "time") || (lt_option_is(options, "split", "auto") && b->has_time);

    if (lt_option_is(options, "split", "none") || fraction == 0 || lt_builder_own_rows(b) < 2)
        return LT_OK;
    if (by_time && !b->has_time) {
        lt_fail(env, LT_INVALID, "a split by time needs a time column");
        return lt_fail_hint(env, "Name it in time_column, or use \"split\": \"random\".");
    }
    LT_TRY(by_time ? split_by_time(env, b, fraction, part) : split_at_random(env, b, fraction, part));
    for (int64_t i = lt_builder_own_rows(b); i < b->n; i++)
        part[i] = part[i] == HELD_OUT ? LEFT_OUT : TRAINED;
    return LT_OK;
}

lt_status lt_builder_user_lots(lt_env *env, const lt_builder *b, const lt_examples *ex, float **lots)
{
    LT_TRY(lt_alloc(env, lots, (size_t)ex->n, sizeof **lots, "the validation part"));
    for (int64_t i = 0; i < ex->n; i++)
        (*lots)[i] = i > 0 && ex->user[i] == ex->user[i - 1] ? (*lots)[i - 1] : lot_of(hash_of_user(b, ex->user[i]));
    return LT_OK;
}

/* ---- rows without ids ---- */

static lt_status order_positions(lt_env *env, const lt_builder *b, const uint8_t *part, lt_order *out)
{
    int64_t at[2] = {0, 0};

    LT_TRY(lt_alloc(env, &out->row, (size_t)b->n, sizeof *out->row, "the order of rows"));
    for (int64_t i = 0; i < b->n; i++)
        at[1] += part[i] == TRAINED;
    out->n = b->n;
    out->trained = at[1];
    for (int64_t i = 0; i < b->n; i++)
        out->row[at[part[i]]++] = (int32_t)i;
    return LT_OK;
}

/* ---- rows of users and items ---- */

typedef struct ordering {
    const lt_builder *b;
    const uint8_t *part;
    int32_t lowest_user, lowest_item;
    int64_t users; /* range of user numbers; a bucket is part x users + (user - lowest_user) */
    int stripes;
    int64_t stripe_rows, step; /* rows of a stripe; where in it the rows are that are at hand */
    uint32_t *at;              /* stripes x 2 users: counts, then where the next row goes */
    uint64_t *packed;          /* (item - lowest_item) << 32 | position */
    int64_t *task_bucket;      /* first bucket of each sorting task, and one more */
    uint64_t *scratch;         /* members x longest */
    int64_t longest;           /* bucket */
    lt_order *out;
} ordering;

static void stripe_range(const ordering *o, int64_t stripe, int64_t *first, int64_t *end)
{
    int64_t last = (stripe + 1) * o->stripe_rows;

    *first = stripe * o->stripe_rows + o->step;
    *end = *first + STEP_ROWS;
    *end = *end < last ? *end : last;
    *end = *end < o->b->n ? *end : o->b->n;
}

static void count_rows(void *context, int64_t stripe, int member)
{
    const ordering *o = context;
    uint32_t *at = o->at + stripe * 2 * o->users;
    const int32_t *user = o->b->user;
    int64_t first, end;

    (void)member;
    stripe_range(o, stripe, &first, &end);
    for (int64_t i = first; i < end; i++)
        if (o->part[i] != LEFT_OUT)
            at[o->part[i] * o->users + (user[i] - o->lowest_user)]++;
}

static void scatter_rows(void *context, int64_t stripe, int member)
{
    const ordering *o = context;
    uint32_t *at = o->at + stripe * 2 * o->users;
    const int32_t *user = o->b->user, *item = o->b->item;
    int64_t first, end;

    (void)member;
    stripe_range(o, stripe, &first, &end);
    for (int64_t i = first; i < end; i++)
        if (o->part[i] != LEFT_OUT)
            o->packed[at[o->part[i] * o->users + (user[i] - o->lowest_user)]++] =
                (uint64_t)(uint32_t)(item[i] - o->lowest_item) << 32 | (uint64_t)i;
}

static lt_status run_stripes(lt_env *env, ordering *o, lt_task run)
{
    for (o->step = 0; o->step < o->stripe_rows; o->step += STEP_ROWS)
        LT_TRY(lt_run(env, o->stripes, run, o));
    return LT_OK;
}

/* Once rows are scattered: where a bucket ends, and starts. */
static int64_t bucket_end(const ordering *o, int64_t bucket)
{
    return bucket < 0 ? 0 : o->at[(o->stripes - 1) * 2 * o->users + bucket];
}

static void insertion_sort(uint64_t *v, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        uint64_t moving = v[i];
        int64_t j = i;

        for (; j > 0 && v[j - 1] > moving; j--)
            v[j] = v[j - 1];
        v[j] = moving;
    }
}

/* Merges upwards from short runs. */
static void sort_bucket(uint64_t *v, uint64_t *scratch, int64_t n)
{
    uint64_t *from = v, *to = scratch;

    for (int64_t first = 0; first < n; first += SHORT)
        insertion_sort(v + first, n - first < SHORT ? n - first : SHORT);
    for (int64_t width = SHORT; width < n; width *= 2) {
        uint64_t *swap = from;

        for (int64_t first = 0; first < n; first += 2 * width) {
            int64_t middle = first + width < n ? first + width : n;
            int64_t end = middle + width < n ? middle + width : n;
            int64_t a = first, b = middle;

            for (int64_t at = first; at < end; at++) {
                bool left = a < middle && (b == end || from[a] < from[b]);

                to[at] = from[left ? a : b];
                a += left;
                b += !left;
            }
        }
        from = to;
        to = swap;
    }
    if (from != v)
        memcpy(v, from, (size_t)n * sizeof *v);
}

static void sort_buckets(void *context, int64_t task, int member)
{
    const ordering *o = context;

    for (int64_t bucket = o->task_bucket[task]; bucket < o->task_bucket[task + 1]; bucket++) {
        int64_t first = bucket_end(o, bucket - 1), end = bucket_end(o, bucket);
        int32_t user = (int32_t)(bucket % o->users) + o->lowest_user;

        sort_bucket(o->packed + first, o->scratch + member * o->longest, end - first);
        for (int64_t i = first; i < end; i++) {
            o->out->row[i] = (int32_t)(o->packed[i] & UINT32_MAX);
            o->out->item[i] = (int32_t)(o->packed[i] >> 32) + o->lowest_item;
            o->out->user[i] = user;
        }
    }
}

/* Counts of all stripes to places; buckets in order, and stripes in order within. */
static lt_status place_stripes(lt_env *env, ordering *o)
{
    uint32_t before = 0;

    for (int64_t bucket = 0; bucket < 2 * o->users; bucket++) {
        uint32_t first = before;

        if (bucket % STEP_ROWS == 0)
            LT_TRY(lt_poll(env));
        for (int s = 0; s < o->stripes; s++) {
            uint32_t *at = &o->at[s * 2 * o->users + bucket], count = *at;

            *at = before;
            before += count;
        }
        o->longest = before - first > o->longest ? before - first : o->longest;
        if (bucket == o->users - 1)
            o->out->trained = before;
    }
    o->out->n = before;
    return LT_OK;
}

/* Buckets to tasks of about TASK_ROWS rows, or one bucket. */
static int64_t share_buckets(ordering *o)
{
    int64_t tasks = 0, first_row = 0;

    o->task_bucket[0] = 0;
    for (int64_t bucket = 0; bucket < 2 * o->users; bucket++) {
        if (bucket_end(o, bucket) - first_row < TASK_ROWS && bucket + 1 < 2 * o->users)
            continue;
        o->task_bucket[++tasks] = bucket + 1;
        first_row = bucket_end(o, bucket);
    }
    return tasks;
}

/* Stripes have counts of all buckets each, which should not outweigh the rows. */
static int count_stripes(const lt_env *env, const ordering *o)
{
    int64_t most = o->b->n / 4 / (o->users > 0 ? o->users : 1);
    int threads = lt_threads(env);

    return most < 1 ? 1 : most < threads ? (int)most : threads;
}

static lt_status order_pairs(lt_env *env, lt_builder *b, const uint8_t *part, lt_order *out)
{
    ordering o = {.b = b, .part = part, .out = out};
    size_t n = (size_t)b->n;

    o.lowest_user = -b->unknown_users.n;
    o.lowest_item = -b->unknown_items.n;
    o.users = (int64_t)b->bundle->users.n + b->unknown_users.n;
    o.stripes = count_stripes(env, &o);
    o.stripe_rows = (b->n + o.stripes - 1) / o.stripes;
    LT_TRY(lt_alloc(env, &o.at, (size_t)o.stripes * 2 * (size_t)o.users, sizeof *o.at, "sorting rows"));
    LT_TRY(lt_alloc(env, &o.packed, n, sizeof *o.packed, "sorting rows"));
    LT_TRY(run_stripes(env, &o, count_rows));
    LT_TRY(place_stripes(env, &o));
    LT_TRY(run_stripes(env, &o, scatter_rows));
    lt_free(env, b->user);
    lt_free(env, b->item);
    b->user = b->item = NULL;
    n = (size_t)out->n;
    LT_TRY(lt_alloc(env, &out->row, n, sizeof *out->row, "the order of rows"));
    LT_TRY(lt_alloc(env, &out->user, n, sizeof *out->user, "the users of rows"));
    LT_TRY(lt_alloc(env, &out->item, n, sizeof *out->item, "the items of rows"));
    LT_TRY(lt_alloc(env, &o.task_bucket, n / TASK_ROWS + 3, sizeof *o.task_bucket, "sorting rows"));
    LT_TRY(lt_alloc(env, &o.scratch, (size_t)lt_threads(env) * (size_t)o.longest, sizeof *o.scratch, "sorting rows"));
    LT_TRY(lt_run(env, share_buckets(&o), sort_buckets, &o));
    lt_free(env, o.scratch);
    lt_free(env, o.task_bucket);
    lt_free(env, o.packed);
    lt_free(env, o.at);
    return LT_OK;
}

/* Rows that lost their item; the others are trained on, if nothing else is. */
static lt_status leave_out_dropped(lt_env *env, const lt_builder *b, uint8_t *part)
{
    int64_t rows[LEFT_OUT + 1] = {0};

    for (int64_t i = 0; i < b->n; i++) {
        if (i % TASK_ROWS == 0)
            LT_TRY(lt_poll(env));
        if (b->item[i] < 0)
            part[i] = LEFT_OUT;
        rows[part[i]]++;
    }
    if (rows[TRAINED] + rows[HELD_OUT] == 0) {
        lt_fail(env, LT_INVALID, "no item has as many as %d users", (int)b->min_users);
        return lt_fail_hint(env, "Option \"min_users\" asks for them; make it smaller, or train on more rows.");
    }
    for (int64_t i = 0; rows[TRAINED] == 0 && i < b->n; i++)
        if (part[i] == HELD_OUT)
            part[i] = TRAINED;
    return LT_OK;
}

lt_status lt_builder_order(lt_env *env, lt_builder *b, const lt_options *options, lt_order *out)
{
    uint8_t *part;

    memset(out, 0, sizeof *out);
    LT_TRY(lt_alloc(env, &part, (size_t)b->n, 1, "the split"));
    LT_TRY(split_rows(env, b, options, part));
    if (b->drops)
        LT_TRY(leave_out_dropped(env, b, part));
    LT_TRY(b->pairs ? order_pairs(env, b, part, out) : order_positions(env, b, part, out));
    lt_free(env, part);
    return LT_OK;
}
