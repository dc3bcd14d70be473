/*
 * builder.c: splitting, ordering and combining rows.
 *
 * All sorts are stable counting sorts over dense numbers, so that building is linear in the rows and the result depends
 * only on the ids and, among rows of one pair, on their order.
 */
#include "builder.h"

#include "duplicates.h"
#include "sort.h"

#include <math.h>
#include <string.h>

#define POLL_EVERY 65536 /* rows: about a millisecond, as they are visited out of order */

lt_status lt_builder_init(lt_env *env, lt_builder *b, lt_bundle *bundle, bool frozen, const lt_options *options)
{
    memset(b, 0, sizeof *b);
    b->bundle = bundle;
    b->frozen = frozen;
    b->pairs = lt_bundle_is_recommender(bundle);
    b->own = -1;
    b->seed = (uint64_t)lt_option_int(options, "seed");
    LT_TRY(lt_dictionary_init(env, &b->unknown_users));
    return lt_dictionary_init(env, &b->unknown_items);
}

static float lot_of(uint64_t hash)
{
    return (float)(hash >> 40) * 0x1.0p-24f;
}

/* A random split looks at a row's ids alone, so that all rows of a pair fall on one side in every version. */
static float draw_lot(const lt_builder *b, const lt_row *row)
{
    uint64_t hash;

    if (b->pairs) {
        hash = lt_hash_bytes(row->user, row->user_length, b->seed);
        hash = lt_hash_bytes(row->item, row->item_length, hash);
    } else {
        hash = lt_hash_bytes(&b->n, sizeof b->n, b->seed);
    }
    return lot_of(hash);
}

static lt_status number_of(lt_env *env, const lt_builder *b, lt_dictionary *known, lt_dictionary *unknown,
                           const void *key, int64_t length, int32_t *number)
{
    if (!b->frozen)
        return lt_dictionary_add(env, known, key, length, 1, number);
    *number = lt_dictionary_find(known, key, length);
    if (*number < 0) {
        LT_TRY(lt_dictionary_add(env, unknown, key, length, 1, number));
        *number = -1 - *number;
    }
    return LT_OK;
}

lt_status lt_builder_add(lt_env *env, lt_builder *b, const lt_row *row)
{
    size_t need = (size_t)b->n + 1;

    if (b->n >= INT32_MAX - 1)
        return lt_fail(env, LT_INVALID, "more than %d rows", INT32_MAX - 1);
    if (b->pairs) {
        LT_TRY(lt_grow(env, &b->user, &b->cap_user, need, sizeof(int32_t), "the users of rows"));
        LT_TRY(lt_grow(env, &b->item, &b->cap_item, need, sizeof(int32_t), "the items of rows"));
        LT_TRY(number_of(env, b, &b->bundle->users, &b->unknown_users, row->user, row->user_length, &b->user[b->n]));
        LT_TRY(number_of(env, b, &b->bundle->items, &b->unknown_items, row->item, row->item_length, &b->item[b->n]));
    }
    if (b->has_label) {
        LT_TRY(lt_grow(env, &b->label, &b->cap_label, need, sizeof(float), "the labels"));
        b->label[b->n] = (float)row->label;
    }
    if (b->has_weight) {
        LT_TRY(lt_grow(env, &b->weight, &b->cap_weight, need, sizeof(float), "the weights"));
        b->weight[b->n] = (float)row->weight;
    }
    if (b->has_time) {
        LT_TRY(lt_grow(env, &b->time, &b->cap_time, need, sizeof(double), "the times"));
        b->time[b->n] = row->time;
    }
    LT_TRY(lt_grow(env, &b->lot, &b->cap_lot, need, sizeof(float), "the split"));
    b->lot[b->n] = draw_lot(b, row);
    if (b->frozen && b->bundle->row_encoder.n_features > 0)
        LT_TRY(lt_table_append(env, &b->rows, &b->bundle->row_encoder.row));
    b->n++;
    return LT_OK;
}

lt_status lt_builder_start_domain(lt_env *env, lt_builder *b)
{
    b->own = b->n;
    if (b->has_weight)
        return LT_OK;
    b->has_weight = b->counted = true;
    LT_TRY(lt_grow(env, &b->weight, &b->cap_weight, (size_t)b->n, sizeof(float), "the weights"));
    for (int64_t i = 0; i < b->n; i++)
        b->weight[i] = 1;
    return LT_OK;
}

/* The rows of the source itself. */
static int64_t own_rows(const lt_builder *b)
{
    return b->own < 0 ? b->n : b->own;
}

static lt_status renumber(lt_env *env, lt_dictionary *d, int32_t *numbers, int64_t n, int32_t **map)
{
    int32_t dropped;

    LT_TRY(lt_dictionary_finish(env, d, 0, map, &dropped));
    for (int64_t i = 0; i < n; i++)
        numbers[i] = (*map)[numbers[i]];
    return LT_OK;
}

lt_status lt_builder_number_ids(lt_env *env, lt_builder *b, int32_t **user_map, int32_t **item_map)
{
    LT_TRY(renumber(env, &b->bundle->users, b->user, b->n, user_map));
    return renumber(env, &b->bundle->items, b->item, b->n, item_map);
}

/* order[0..n) stably rearranged by key[order[i]], which is in lowest .. highest - 1. */
static lt_status sort_by(lt_env *env, int32_t *order, int64_t n, const int32_t *key, int32_t lowest, int32_t highest)
{
    int64_t *at;
    int32_t *sorted;
    int64_t range = (int64_t)highest - lowest;

    LT_TRY(lt_alloc(env, &at, (size_t)range + 1, sizeof *at, "sorting rows"));
    LT_TRY(lt_alloc(env, &sorted, (size_t)n, sizeof *sorted, "sorting rows"));
    for (int64_t i = 0; i < n; i++)
        at[key[order[i]] - lowest + 1]++;
    for (int64_t i = 1; i <= range; i++)
        at[i] += at[i - 1]; /* at[k - lowest] becomes where key k starts */
    for (int64_t i = 0; i < n; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        sorted[at[key[order[i]] - lowest]++] = order[i];
    }
    memcpy(order, sorted, (size_t)n * sizeof *order);
    lt_free(env, sorted);
    lt_free(env, at);
    return LT_OK;
}

/*
 * The latest rows. Rows of one time stay together, so there are two cuts around the fraction wanted, before and after
 * the rows of one time; the nearer is taken, unless it leaves nothing to train on.
 */
static lt_status split_by_time(lt_env *env, const lt_builder *b, double fraction, int32_t *held_out)
{
    int64_t n = own_rows(b);
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
        held_out[i] = b->time[i] > cut || (with_cut && b->time[i] == cut);
    return LT_OK;
}

/* held_out[i] = 1 for validation rows. All training when either part would be empty. */
static lt_status split_rows(lt_env *env, const lt_builder *b, const lt_options *options, int32_t *held_out)
{
    double fraction = lt_option_float(options, "validation_fraction");
    bool by_time = lt_option_is(options, "split", "time") || (lt_option_is(options, "split", "auto") && b->has_time);
    int64_t n_held_out = 0;

    if (lt_option_is(options, "split", "none") || fraction == 0 || own_rows(b) < 2)
        return LT_OK;
    if (by_time && !b->has_time) {
        lt_fail(env, LT_INVALID, "a split by time needs a time column");
        return lt_fail_hint(env, "Name it in time_column, or use \"split\": \"random\".");
    }
    if (by_time)
        return split_by_time(env, b, fraction, held_out);
    for (int64_t i = 0; i < b->n; i++) {
        held_out[i] = b->lot[i] < (float)fraction;
        n_held_out += held_out[i] && i < own_rows(b);
    }
    if (n_held_out == own_rows(b))
        memset(held_out, 0, (size_t)b->n * sizeof *held_out);
    return LT_OK;
}

/* The end of the run of rows that are combined with order[from], of order[0..n). */
static int64_t run_end(const lt_builder *b, const int32_t *order, int64_t n, const int32_t *held_out, int64_t from)
{
    int32_t first = order[from];
    int64_t to = from + 1;

    while (to < n && b->user[order[to]] == b->user[first] && b->item[order[to]] == b->item[first] &&
           held_out[order[to]] == held_out[first])
        to++;
    return to;
}

/* Combines order[0..*n) in place: order[0..*n) are then the rows that stay, label and weight the combined ones. */
static lt_status combine_rows(lt_env *env, lt_builder *b, lt_combination how, int32_t *order, const int32_t *held_out,
                              int64_t *n)
{
    lt_combination weights =
        b->counted ? LT_MAX : how; /* what is bought again weighs no more for another source's sake */
    int64_t kept = 0;

    for (int64_t from = 0, to, runs = 0; from < *n; from = to, runs++) {
        int32_t last;

        if (runs % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        to = run_end(b, order, *n, held_out, from);
        last = lt_last_row(b->has_time ? b->time : NULL, order, from, to);
        if (b->has_label)
            b->label[last] = lt_combine(how, b->label, order, from, to, last);
        if (b->has_weight)
            b->weight[last] = lt_combine(weights, b->weight, order, from, to, last);
        for (int64_t i = from; b->domain != NULL && i < to; i++)
            b->domain[last] &= b->domain[order[i]];
        order[kept++] = last;
    }
    *n = kept;
    return LT_OK;
}

static lt_status take_examples(lt_env *env, const lt_builder *b, const int32_t *order, int64_t first, int64_t n,
                               lt_examples *out)
{
    memset(out, 0, sizeof *out);
    out->n = n;
    out->row_first = first;
    LT_TRY(lt_alloc(env, &out->label, (size_t)n, sizeof(float), "the labels"));
    if (b->pairs) {
        LT_TRY(lt_alloc(env, &out->user, (size_t)n, sizeof(int32_t), "the users of rows"));
        LT_TRY(lt_alloc(env, &out->item, (size_t)n, sizeof(int32_t), "the items of rows"));
    }
    if (b->has_weight)
        LT_TRY(lt_alloc(env, &out->weight, (size_t)n, sizeof(float), "the weights"));
    if (b->has_time && b->pairs)
        LT_TRY(lt_alloc(env, &out->time, (size_t)n, sizeof(double), "the times"));
    if (b->domain != NULL)
        LT_TRY(lt_alloc(env, &out->domain, (size_t)n, 1, "the sources of rows"));
    for (int64_t i = 0; i < n; i++) {
        int32_t row = order[first + i];

        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        out->label[i] = b->has_label ? b->label[row] : 1;
        if (b->pairs) {
            out->user[i] = b->user[row];
            out->item[i] = b->item[row];
        }
        if (b->has_weight)
            out->weight[i] = b->weight[row];
        if (out->time != NULL)
            out->time[i] = b->time[row];
        if (out->domain != NULL)
            out->domain[i] = b->domain[row];
    }
    return LT_OK;
}

/* A number for each validation example that any bundle draws alike: by the user's id. */
static lt_status draw_user_lots(lt_env *env, const lt_builder *b, const lt_examples *ex, float **lots)
{
    LT_TRY(lt_alloc(env, lots, (size_t)ex->n, sizeof **lots, "the validation part"));
    for (int64_t i = 0; i < ex->n; i++) {
        int32_t user = ex->user[i];
        int64_t length;
        const char *key = user >= 0 ? lt_dictionary_key(&b->bundle->users, user, &length)
                                    : lt_dictionary_key(&b->unknown_users, -1 - user, &length);

        (*lots)[i] = lot_of(lt_hash_bytes(key, length, b->seed));
    }
    return LT_OK;
}

/* Of the rows that stay: the sum or mean of two labels of 1 and 0 need not be one. */
static lt_label_kind label_kind_of(const lt_builder *b, const int32_t *order, int64_t kept)
{
    if (!b->has_label)
        return LT_LABEL_IMPLICIT;
    for (int64_t i = 0; i < kept; i++)
        if (b->label[order[i]] != 0 && b->label[order[i]] != 1)
            return LT_LABEL_REAL;
    return LT_LABEL_BINARY;
}

/* One more row of a pair that is there already. */
static void add_to_pair(lt_pairs *seen, int64_t at, const lt_examples *ex, int64_t i, bool ratings)
{
    bool later = ex->time == NULL || ex->time[i] >= seen->time[at];

    if (seen->val != NULL && ratings)
        seen->val[at] = later ? ex->label[i] : seen->val[at];
    else if (seen->val != NULL)
        seen->val[at] += ex->weight[i];
    if (seen->time != NULL && later)
        seen->time[at] = ex->time[i];
}

static void put_pair(lt_pairs *seen, int64_t at, const lt_examples *ex, int64_t i, bool ratings)
{
    seen->col[at] = ex->item[i];
    if (seen->val != NULL)
        seen->val[at] = ratings ? ex->label[i] : ex->weight[i];
    if (seen->time != NULL)
        seen->time[at] = ex->time[i];
}

/* The next example from `at` on that says a user has an item; own: another source's do not count. */
static int64_t next_had(const lt_examples *ex, int64_t at, bool ratings, bool own)
{
    while (at < ex->n && (ex->user[at] < 0 || ex->item[at] < 0 || (!ratings && ex->label[at] <= 0) ||
                          (own && ex->domain != NULL && ex->domain[at])))
        at++;
    return at;
}

/* What the rows of all parts say that users have; each part is in order of user, then item. */
static lt_status collect(lt_env *env, const lt_dataset *d, const lt_examples *const part[2], bool own, lt_pairs *seen)
{
    bool ratings = d->label_kind == LT_LABEL_REAL;
    int64_t at[2] = {next_had(part[0], 0, ratings, own), next_had(part[1], 0, ratings, own)};
    size_t most = (size_t)(part[0]->n + part[1]->n);
    int32_t user = 0;
    int64_t n = 0;

    memset(seen, 0, sizeof *seen);
    seen->rows = d->design.users;
    seen->cols = d->design.items;
    LT_TRY(lt_alloc(env, &seen->start, (size_t)seen->rows + 1, sizeof(int64_t), "the seen items"));
    LT_TRY(lt_alloc(env, &seen->col, most, sizeof(int32_t), "the seen items"));
    if (ratings || part[0]->weight != NULL)
        LT_TRY(lt_alloc(env, &seen->val, most, sizeof(float), "the seen items"));
    if (part[0]->time != NULL)
        LT_TRY(lt_alloc(env, &seen->time, most, sizeof(double), "the seen items"));
    for (int64_t steps = 0; at[0] < part[0]->n || at[1] < part[1]->n; steps++) {
        int from = at[0] >= part[0]->n;
        const lt_examples *ex;
        int64_t i;

        if (steps % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (at[0] < part[0]->n && at[1] < part[1]->n) {
            int32_t u[2] = {part[0]->user[at[0]], part[1]->user[at[1]]};

            from = u[1] < u[0] || (u[1] == u[0] && part[1]->item[at[1]] < part[0]->item[at[0]]);
        }
        ex = part[from];
        i = at[from];
        while (user < ex->user[i])
            seen->start[++user] = n;
        if (n > seen->start[user] && seen->col[n - 1] == ex->item[i])
            add_to_pair(seen, n - 1, ex, i, ratings);
        else
            put_pair(seen, n++, ex, i, ratings);
        at[from] = next_had(ex, i + 1, ratings, own);
    }
    while (user < seen->rows)
        seen->start[++user] = n;
    return LT_OK;
}

lt_status lt_builder_all_seen(lt_env *env, const lt_dataset *d, lt_pairs *out)
{
    return collect(env, d, (const lt_examples *const[2]){&d->train, &d->validation}, true, out);
}

/* lt_dataset.seen, had and item_count. */
static lt_status collect_seen(lt_env *env, lt_dataset *d)
{
    bool ratings = d->label_kind == LT_LABEL_REAL;
    static const lt_examples none;
    const lt_examples *ex = &d->train;

    LT_TRY(collect(env, d, (const lt_examples *const[2]){ex, &none}, false, &d->seen));
    d->had = d->seen;
    if (ex->domain != NULL)
        LT_TRY(collect(env, d, (const lt_examples *const[2]){ex, &none}, true, &d->had));
    LT_TRY(lt_alloc(env, &d->item_count, (size_t)d->design.items, sizeof(double), "the items' counts"));
    for (int64_t i = next_had(ex, 0, ratings, true); i < ex->n; i = next_had(ex, i + 1, ratings, true))
        d->item_count[ex->item[i]]++;
    return LT_OK;
}

/* Row features of the examples: encoded now (fitting) or gathered from the encoded rows (frozen). */
static lt_status place_rows(lt_env *env, lt_builder *b, const lt_options *options, const int32_t *order, int64_t kept,
                            lt_table *out)
{
    lt_encoder *e = &b->bundle->row_encoder;

    if (b->frozen) {
        lt_table_builder placed = {0};
        const lt_table *all = &b->rows.t;

        placed.t.dense = out->dense = e->dense;
        placed.t.sparse = out->sparse = e->sparse;
        for (int64_t i = 0; e->n_features > 0 && i < kept; i++) {
            int64_t start[2];
            lt_table one = lt_table_row(all, order[i], start);

            if (i % POLL_EVERY == 0)
                LT_TRY(lt_poll(env));
            LT_TRY(lt_table_append(env, &placed, &one));
        }
        *out = placed.t;
        return LT_OK;
    } else {
        int64_t *place;

        LT_TRY(lt_alloc(env, &place, (size_t)b->n, sizeof *place, "the order of rows"));
        for (int64_t i = 0; i < b->n; i++)
            place[i] = -1;
        for (int64_t i = 0; i < kept; i++)
            place[order[i]] = i;
        LT_TRY(lt_encoder_finish(env, e, (double)lt_option_int(options, "min_count"),
                                 lt_option_bool(options, "standardize"), e->n_features > 0 ? place : NULL,
                                 e->n_features > 0 ? kept : 0, out));
        lt_free(env, place);
        return LT_OK;
    }
}

/* order[0..result): all rows but those of another source that are held out. */
static int64_t take_rows(const lt_builder *b, const int32_t *held_out, int32_t *order)
{
    int64_t n = 0;

    for (int64_t i = 0; i < b->n; i++)
        if (i < own_rows(b) || !held_out[i])
            order[n++] = (int32_t)i;
    return n;
}

static lt_status mark_domain(lt_env *env, lt_builder *b)
{
    if (own_rows(b) == b->n)
        return LT_OK;
    LT_TRY(lt_alloc(env, &b->domain, (size_t)b->n, 1, "the sources of rows"));
    memset(b->domain + b->own, 1, (size_t)(b->n - b->own));
    return LT_OK;
}

lt_status lt_builder_finish(lt_env *env, lt_builder *b, const lt_options *options, lt_dataset *out)
{
    lt_bundle *bundle = b->bundle;
    lt_combination how = lt_combination_of(lt_option_text(options, "duplicates"), b->has_label);
    int32_t *order, *held_out;
    int64_t kept, trained = 0;

    memset(out, 0, sizeof *out);
    LT_TRY(lt_alloc(env, &order, (size_t)b->n, sizeof *order, "the order of rows"));
    LT_TRY(lt_alloc(env, &held_out, (size_t)b->n, sizeof *held_out, "the split"));
    LT_TRY(split_rows(env, b, options, held_out));
    LT_TRY(mark_domain(env, b));
    kept = take_rows(b, held_out, order);
    if (b->pairs) {
        LT_TRY(sort_by(env, order, kept, b->item, -b->unknown_items.n, bundle->items.n));
        LT_TRY(sort_by(env, order, kept, b->user, -b->unknown_users.n, bundle->users.n));
    }
    LT_TRY(sort_by(env, order, kept, held_out, 0, 2));
    if (b->pairs && how != LT_KEEP)
        LT_TRY(combine_rows(env, b, how, order, held_out, &kept));
    out->label_kind = b->frozen ? bundle->label_kind : label_kind_of(b, order, kept);
    while (trained < kept && !held_out[order[trained]])
        trained++;
    lt_free(env, held_out);
    LT_TRY(take_examples(env, b, order, 0, trained, &out->train));
    LT_TRY(take_examples(env, b, order, trained, kept - trained, &out->validation));
    LT_TRY(place_rows(env, b, options, order, kept, &out->row));
    lt_free(env, order);
    out->user = bundle->user;
    out->item = bundle->item;
    if (b->frozen) {
        out->design = bundle->model.design;
    } else {
        bundle->label_kind = out->label_kind;
        LT_TRY(lt_bundle_design(env, bundle, options, &out->design));
    }
    if (b->pairs) {
        out->unknown_users = b->unknown_users;
        out->user_ids = &bundle->users;
        out->item_ids = &bundle->items;
        LT_TRY(draw_user_lots(env, b, &out->validation, &out->validation_lot));
        LT_TRY(collect_seen(env, out));
        if (!b->frozen) {
            bundle->item_count = out->item_count;
            if (!b->has_time && lt_option_float(options, "trend_exponent") > 0) {
                lt_fail(env, LT_INVALID, "option \"trend_exponent\" needs to know when the interactions were");
                return lt_fail_hint(env, "Give time_column, or leave trend_exponent at 0.");
            }
            LT_TRY(lt_bundle_take_trend(env, bundle, &out->had, lt_option_float(options, "trend_half_life"),
                                        lt_option_float(options, "trend_smoothing")));
        }
    }
    return LT_OK;
}
