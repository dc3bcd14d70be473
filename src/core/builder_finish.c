/*
 * builder_finish.c: rows in order to a dataset: duplicates combined, features encoded, examples made.
 *
 * What rows came with is given back as soon as examples have it: a large dataset is mostly that.
 */
#include "builder_parts.h"

#include "duplicates.h"

#include <string.h>

#define POLL_EVERY 65536 /* rows: about a millisecond, as they are visited out of order */

/* The end of the run of rows that are combined with the one at `from`. */
static int64_t run_end(const lt_order *o, int64_t from)
{
    int64_t to = from + 1, end = from < o->trained ? o->trained : o->n;

    while (to < end && o->user[to] == o->user[from] && o->item[to] == o->item[from])
        to++;
    return to;
}

/* Leaves one row of each pair in the order, label and weight the combined ones. */
static lt_status combine_rows(lt_env *env, lt_builder *b, lt_combination how, lt_order *o)
{
    lt_combination weights =
        b->counted ? LT_MAX : how; /* what is bought again weighs no more for another source's sake */
    int64_t kept = 0, trained = 0;

    for (int64_t from = 0, to, runs = 0; from < o->n; from = to, runs++) {
        int32_t last;

        if (runs % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        to = run_end(o, from);
        last = lt_last_row(b->has_time ? b->time : NULL, o->row, from, to);
        if (b->has_label)
            b->label[last] = lt_combine(how, b->label, o->row, from, to, last);
        if (b->has_weight)
            b->weight[last] = lt_combine(weights, b->weight, o->row, from, to, last);
        for (int64_t i = from; b->domain != NULL && i < to; i++)
            b->domain[last] &= b->domain[o->row[i]];
        trained += from < o->trained;
        o->user[kept] = o->user[from];
        o->item[kept] = o->item[from];
        o->row[kept++] = last;
    }
    o->n = kept;
    o->trained = trained;
    return LT_OK;
}

static lt_status take_examples(lt_env *env, const lt_builder *b, const lt_order *o, int64_t first, int64_t n,
                               lt_examples *out)
{
    const int32_t *row = o->row + first;

    memset(out, 0, sizeof *out);
    out->n = n;
    out->row_first = first;
    if (b->pairs) {
        out->user = o->user + first;
        out->item = o->item + first;
    }
    LT_TRY(lt_alloc(env, &out->label, (size_t)n, sizeof(float), "the labels"));
    if (b->has_weight)
        LT_TRY(lt_alloc(env, &out->weight, (size_t)n, sizeof(float), "the weights"));
    if (b->has_time)
        LT_TRY(lt_alloc(env, &out->time, (size_t)n, sizeof(double), "the times"));
    if (b->domain != NULL)
        LT_TRY(lt_alloc(env, &out->domain, (size_t)n, 1, "the sources of rows"));
    for (int64_t i = 0; i < n; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        out->label[i] = b->has_label ? b->label[row[i]] : 1;
        if (b->has_weight)
            out->weight[i] = b->weight[row[i]];
        if (out->time != NULL)
            out->time[i] = b->time[row[i]];
        if (out->domain != NULL)
            out->domain[i] = b->domain[row[i]];
    }
    return LT_OK;
}

static void free_rows(lt_env *env, lt_builder *b)
{
    lt_free(env, b->label);
    lt_free(env, b->weight);
    lt_free(env, b->time);
    lt_free(env, b->domain);
    b->label = b->weight = NULL;
    b->time = NULL;
    b->domain = NULL;
}

/* Of the rows that stay: the sum or mean of two labels of 1 and 0 need not be one. */
static lt_label_kind label_kind_of(const lt_builder *b, const lt_order *o)
{
    if (!b->has_label)
        return LT_LABEL_IMPLICIT;
    for (int64_t i = 0; i < o->n; i++)
        if (b->label[o->row[i]] != 0 && b->label[o->row[i]] != 1)
            return LT_LABEL_REAL;
    return LT_LABEL_BINARY;
}

/* Row features of the examples: encoded now (fitting) or gathered from the encoded rows (frozen). */
static lt_status place_rows(lt_env *env, lt_builder *b, const lt_options *options, const lt_order *o, lt_table *out)
{
    lt_encoder *e = &b->bundle->row_encoder;
    int64_t *place = NULL;

    if (b->frozen) {
        lt_table_builder placed = {.t = {.dense = e->dense, .sparse = e->sparse}};

        for (int64_t i = 0; e->n_features > 0 && i < o->n; i++) {
            int64_t start[2];
            lt_table one = lt_table_row(&b->rows.t, o->row[i], start);

            if (i % POLL_EVERY == 0)
                LT_TRY(lt_poll(env));
            LT_TRY(lt_table_append(env, &placed, &one));
        }
        *out = placed.t;
        return LT_OK;
    }
    if (e->n_features > 0) {
        LT_TRY(lt_alloc(env, &place, (size_t)b->n, sizeof *place, "the order of rows"));
        for (int64_t i = 0; i < b->n; i++)
            place[i] = -1;
        for (int64_t i = 0; i < o->n; i++)
            place[o->row[i]] = i;
    }
    e->min_users = b->min_users;
    e->user = o->user;
    LT_TRY(lt_encoder_finish(env, e, (double)lt_option_int(options, "min_count"),
                             lt_option_bool(options, "standardize"), place, e->n_features > 0 ? o->n : 0, out));
    lt_free(env, place);
    return LT_OK;
}

static lt_status mark_domain(lt_env *env, lt_builder *b)
{
    if (lt_builder_own_rows(b) == b->n)
        return LT_OK;
    LT_TRY(lt_alloc(env, &b->domain, (size_t)b->n, 1, "the sources of rows"));
    memset(b->domain + b->own, 1, (size_t)(b->n - b->own));
    return LT_OK;
}

lt_status lt_builder_finish(lt_env *env, lt_builder *b, const lt_options *options, lt_dataset *out)
{
    lt_bundle *bundle = b->bundle;
    lt_combination how = lt_combination_of(lt_option_text(options, "duplicates"), b->has_label);
    lt_order order;

    memset(out, 0, sizeof *out);
    LT_TRY(lt_builder_flush(env, b));
    LT_TRY(mark_domain(env, b));
    LT_TRY(lt_builder_order(env, b, options, &order));
    if (b->pairs && how != LT_KEEP)
        LT_TRY(combine_rows(env, b, how, &order));
    out->label_kind = b->frozen ? bundle->label_kind : label_kind_of(b, &order);
    LT_TRY(take_examples(env, b, &order, 0, order.trained, &out->train));
    LT_TRY(take_examples(env, b, &order, order.trained, order.n - order.trained, &out->validation));
    free_rows(env, b);
    LT_TRY(place_rows(env, b, options, &order, &out->row));
    lt_free(env, order.row);
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
        LT_TRY(lt_builder_user_lots(env, b, &out->validation, &out->validation_lot));
        LT_TRY(lt_builder_seen(env, out));
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
