/*
 * builder.c: rows as they come in: columns that grow, ids looked up by batches and numbered.
 *
 * Invariants: between calls, the ids of fewer than LT_KEYS_MOST rows, the last ones, are kept as bytes; user and item
 * are filled for all before them.
 */
#include "builder.h"

#include "threads.h"

#include <string.h>

#define TASK_ROWS 262144 /* numbers mapped in one task */

lt_status lt_builder_init(lt_env *env, lt_builder *b, lt_bundle *bundle, bool frozen, const lt_options *options)
{
    memset(b, 0, sizeof *b);
    b->bundle = bundle;
    b->frozen = frozen;
    b->pairs = lt_bundle_is_recommender(bundle);
    b->own = -1;
    b->seed = (uint64_t)lt_option_int(options, "seed");
    b->min_users = frozen ? 1 : (int32_t)lt_option_int(options, "min_users");
    if (b->pairs) {
        LT_TRY(lt_alloc(env, &b->user_keys, 1, sizeof *b->user_keys, "the ids of rows"));
        LT_TRY(lt_alloc(env, &b->item_keys, 1, sizeof *b->item_keys, "the ids of rows"));
    }
    LT_TRY(lt_dictionary_init(env, &b->unknown_users));
    return lt_dictionary_init(env, &b->unknown_items);
}

static lt_status look_up(lt_env *env, const lt_builder *b, lt_dictionary *known, lt_dictionary *unknown, lt_keys *keys,
                         int32_t *number)
{
    if (b->frozen) {
        lt_dictionary_find_keys(known, keys, number);
        for (int i = 0; i < keys->n; i++) {
            if (number[i] >= 0)
                continue;
            LT_TRY(lt_dictionary_add(env, unknown, keys->bytes + keys->start[i], keys->start[i + 1] - keys->start[i], 1,
                                     &number[i]));
            number[i] = -1 - number[i];
        }
    } else {
        LT_TRY(lt_dictionary_add_keys(env, known, keys, 1, number));
    }
    keys->n = 0;
    return LT_OK;
}

lt_status lt_builder_flush(lt_env *env, lt_builder *b)
{
    int64_t first;

    if (!b->pairs || b->user_keys->n == 0)
        return LT_OK;
    first = b->n - b->user_keys->n;
    LT_TRY(lt_grow(env, &b->user, &b->cap_user, (size_t)b->n, sizeof *b->user, "the users of rows"));
    LT_TRY(lt_grow(env, &b->item, &b->cap_item, (size_t)b->n, sizeof *b->item, "the items of rows"));
    LT_TRY(look_up(env, b, &b->bundle->users, &b->unknown_users, b->user_keys, b->user + first));
    return look_up(env, b, &b->bundle->items, &b->unknown_items, b->item_keys, b->item + first);
}

lt_status lt_builder_add(lt_env *env, lt_builder *b, const lt_row *row)
{
    size_t need = (size_t)b->n + 1;

    if (b->n >= INT32_MAX - 1)
        return lt_fail(env, LT_INVALID, "more than %d rows", INT32_MAX - 1);
    if (b->has_label) {
        if (need > b->cap_label)
            LT_TRY(lt_grow(env, &b->label, &b->cap_label, need, sizeof(float), "the labels"));
        b->label[b->n] = (float)row->label;
    }
    if (b->has_weight) {
        if (need > b->cap_weight)
            LT_TRY(lt_grow(env, &b->weight, &b->cap_weight, need, sizeof(float), "the weights"));
        b->weight[b->n] = (float)row->weight;
    }
    if (b->has_time) {
        if (need > b->cap_time)
            LT_TRY(lt_grow(env, &b->time, &b->cap_time, need, sizeof(double), "the times"));
        b->time[b->n] = row->time;
    }
    if (b->frozen && b->bundle->row_encoder.n_features > 0)
        LT_TRY(lt_table_append(env, &b->rows, &b->bundle->row_encoder.row));
    b->n++;
    if (!b->pairs)
        return LT_OK;
    LT_TRY(lt_keys_append(env, b->user_keys, row->user, row->user_length));
    LT_TRY(lt_keys_append(env, b->item_keys, row->item, row->item_length));
    return b->user_keys->n == LT_KEYS_MOST ? lt_builder_flush(env, b) : LT_OK;
}

lt_status lt_builder_start_domain(lt_env *env, lt_builder *b)
{
    LT_TRY(lt_builder_flush(env, b));
    b->own = b->n;
    if (b->has_weight)
        return LT_OK;
    b->has_weight = b->counted = true;
    LT_TRY(lt_grow(env, &b->weight, &b->cap_weight, (size_t)b->n, sizeof(float), "the weights"));
    for (int64_t i = 0; i < b->n; i++)
        b->weight[i] = 1;
    return LT_OK;
}

/* ---- final numbers ---- */

typedef struct mapping {
    const int32_t *map;
    int32_t *number;
    int64_t n;
} mapping;

static void map_numbers(void *context, int64_t task, int member)
{
    const mapping *m = context;
    int64_t end = (task + 1) * TASK_ROWS < m->n ? (task + 1) * TASK_ROWS : m->n;

    (void)member;
    for (int64_t i = task * TASK_ROWS; i < end; i++)
        m->number[i] = m->map[m->number[i]];
}

static lt_status renumber(lt_env *env, lt_dictionary *d, int32_t *numbers, int64_t n, int32_t **map)
{
    int32_t dropped;

    LT_TRY(lt_dictionary_finish(env, d, 0, map, &dropped));
    /* how many rows each had is of no use later, and would have to be taken back for somebody who is forgotten */
    memset(d->count, 0, (size_t)d->n * sizeof *d->count);
    return lt_run(env, (n + TASK_ROWS - 1) / TASK_ROWS, map_numbers, &(mapping){*map, numbers, n});
}

/* ---- items that few users have ---- */

/* few[i]: fewer than min_users users have rows of item i. */
static lt_status find_few(lt_env *env, const lt_builder *b, uint8_t *few)
{
    int32_t items = b->bundle->items.n, *user, *last;
    int64_t *end, at = 0;

    LT_TRY(lt_alloc(env, &user, (size_t)b->n, sizeof *user, "counting the items' users"));
    LT_TRY(lt_alloc(env, &end, (size_t)items + 1, sizeof *end, "counting the items' users"));
    LT_TRY(lt_alloc(env, &last, (size_t)b->bundle->users.n, sizeof *last, "counting the items' users"));
    for (int64_t k = 0; k < b->n; k++)
        end[b->item[k] + 1]++;
    for (int32_t i = 0; i < items; i++)
        end[i + 1] += end[i];
    for (int64_t k = 0; k < b->n; k++) {
        if (k % TASK_ROWS == 0)
            LT_TRY(lt_poll(env));
        user[end[b->item[k]]++] = b->user[k]; /* end[i] moves on to where item i's rows end */
    }
    for (int32_t i = 0; i < items; i++) {
        int32_t users = 0;

        for (; at < end[i]; at++) {
            if (at % TASK_ROWS == 0)
                LT_TRY(lt_poll(env));
            users += last[user[at]] != i + 1;
            last[user[at]] = i + 1;
        }
        few[i] = users < b->min_users;
    }
    lt_free(env, last);
    lt_free(env, end);
    lt_free(env, user);
    return LT_OK;
}

/*
 * Marks those who stay by a count of 1, others by 0: items that enough users have, or that are named; users with rows
 * of such items, or without any rows: they are here for another reason.
 */
static void mark_staying(lt_builder *b, const uint8_t *few)
{
    lt_dictionary *users = &b->bundle->users, *items = &b->bundle->items;

    for (int32_t i = 0; i < items->n; i++)
        items->count[i] = !few[i];
    for (size_t k = 0; k < b->n_named; k++)
        if (b->named[k] >= 0)
            items->count[b->named[k]] = 1;
    for (int32_t u = 0; u < users->n; u++)
        users->count[u] = 1;
    for (int64_t k = 0; k < b->n; k++)
        users->count[b->user[k]] = 0;
    for (int64_t k = 0; k < b->n; k++)
        if (!few[b->item[k]])
            users->count[b->user[k]] = 1;
}

/* Rows of items that few users have lose their item; of the ids, those go that nobody else brings. */
static lt_status drop_few(lt_env *env, lt_builder *b, int32_t **user_map, int32_t **item_map)
{
    int64_t own = b->own < 0 ? b->n : b->own;
    int32_t dropped;
    uint8_t *few;

    LT_TRY(lt_alloc(env, &few, (size_t)b->bundle->items.n, 1, "counting the items' users"));
    LT_TRY(find_few(env, b, few));
    mark_staying(b, few);
    LT_TRY(lt_dictionary_finish(env, &b->bundle->users, 1, user_map, &dropped));
    LT_TRY(lt_dictionary_finish(env, &b->bundle->items, 1, item_map, &dropped));
    memset(b->bundle->users.count, 0, (size_t)b->bundle->users.n * sizeof *b->bundle->users.count);
    memset(b->bundle->items.count, 0, (size_t)b->bundle->items.n * sizeof *b->bundle->items.count);
    for (int64_t k = 0; k < b->n; k++) {
        bool gone = few[b->item[k]];

        if (k % TASK_ROWS == 0)
            LT_TRY(lt_poll(env));
        b->user[k] = (*user_map)[b->user[k]];
        b->item[k] = gone ? -1 : (*item_map)[b->item[k]];
        b->drops |= gone;
        b->dropped += gone && k < own;
    }
    lt_free(env, few);
    return LT_OK;
}

lt_status lt_builder_number_ids(lt_env *env, lt_builder *b, int32_t **user_map, int32_t **item_map)
{
    LT_TRY(lt_builder_flush(env, b));
    if (b->min_users > 1)
        return drop_few(env, b, user_map, item_map);
    LT_TRY(renumber(env, &b->bundle->users, b->user, b->n, user_map));
    return renumber(env, &b->bundle->items, b->item, b->n, item_map);
}
