/*
 * encoder_categories.c: which categories of a feature get a column: by the rows that have them, and by the users.
 *
 * Counts of provisional numbers are made again from the rows that became part of the table; a count of 0 says that the
 * category is not there.
 */
#include "encoder_raw.h"
#include "sort.h"

#include <string.h>

/* Counts again from the rows with a place: what was added with rows dropped or left out does not count. */
static lt_status count_tokens(lt_env *env, lt_encoder *e, const int64_t *place, int64_t n_out)
{
    const struct lt_encoder_raw *raw = e->raw;
    int64_t row = 0, n, *last_row;

    LT_TRY(lt_alloc(env, &last_row, (size_t)e->n_features, sizeof *last_row, "the features"));
    for (int i = 0; i < e->n_features; i++) {
        lt_feature *f = &e->feature[i];

        last_row[i] = -1;
        if (!lt_kind_has_tokens(f->kind))
            continue;
        f->nulls = n_out;
        if (f->dictionary.n > 0)
            memset(f->dictionary.count, 0, (size_t)f->dictionary.n * sizeof *f->dictionary.count);
    }
    for (size_t i = 0; i < raw->n_chunks; i++) {
        const lt_chunk *c = &raw->chunk[i];

        for (int32_t r = 0; r < c->rows; r++, row++) {
            const lt_token *token = lt_row_tokens(c, r, &n);

            if (lt_place_of(place, row) < 0)
                continue;
            for (int64_t k = 0; k < n; k++) {
                lt_feature *f = &e->feature[token[k].feature];

                f->dictionary.count[token[k].number]++;
                f->nulls -= last_row[token[k].feature] != row;
                last_row[token[k].feature] = row;
            }
        }
        lt_encoder_drop_chunk(env, c);
        LT_TRY(lt_poll(env));
    }
    lt_free(env, last_row);
    return LT_OK;
}

/* Pairs of a category, in the high half, and a user who has it; a feature's categories are numbered from first[] on. */
static lt_status take_pairs(lt_env *env, const lt_encoder *e, const int64_t *place, const uint64_t *first,
                            lt_keyed **out, int64_t *many)
{
    const struct lt_encoder_raw *raw = e->raw;
    int64_t tokens = 0, row = 0, n, at = 0;
    lt_keyed *pair;

    for (size_t i = 0; i < raw->n_chunks; i++)
        tokens += raw->chunk[i].n_tokens;
    LT_TRY(lt_alloc(env, &pair, (size_t)tokens, sizeof *pair, "counting the categories' users"));
    for (size_t i = 0; i < raw->n_chunks; i++) {
        const lt_chunk *c = &raw->chunk[i];

        for (int32_t r = 0; r < c->rows; r++, row++) {
            const lt_token *token = lt_row_tokens(c, r, &n);
            int64_t to = lt_place_of(place, row);
            uint32_t user = to < 0 ? 0 : e->user == NULL ? (uint32_t)to : (uint32_t)e->user[to];

            for (int64_t k = 0; to >= 0 && k < n; k++)
                pair[at++].key = (first[token[k].feature] + (uint64_t)token[k].number) << 32 | user;
        }
        lt_encoder_drop_chunk(env, c);
        LT_TRY(lt_poll(env));
    }
    *out = pair;
    *many = at;
    return LT_OK;
}

/* Categories that fewer than min_users users have are not there any more: their counts are 0. */
static lt_status leave_out_few(lt_env *env, lt_encoder *e, const int64_t *place)
{
    uint64_t *first;
    lt_keyed *pair;
    int64_t n, k = 0;

    LT_TRY(lt_alloc(env, &first, (size_t)e->n_features + 1, sizeof *first, "counting the categories' users"));
    for (int i = 0; i < e->n_features; i++)
        first[i + 1] = first[i] + (uint64_t)e->feature[i].dictionary.n;
    LT_TRY(take_pairs(env, e, place, first, &pair, &n));
    LT_TRY(lt_sort(env, pair, n));
    for (int i = 0; i < e->n_features; i++) {
        lt_dictionary *d = &e->feature[i].dictionary;

        for (int32_t category = 0; category < d->n; category++) {
            int32_t users = 0;

            for (; k < n && pair[k].key >> 32 == first[i] + (uint64_t)category; k++)
                users += k == 0 || pair[k].key != pair[k - 1].key;
            if (users < e->min_users && e->feature[i].kind != LT_TEXT)
                d->count[category] = 0;
        }
        LT_TRY(lt_poll(env));
    }
    lt_free(env, pair);
    lt_free(env, first);
    return LT_OK;
}

/* number: of each provisional number the one in the dictionary, its n for a rare one, -1 for one that is not there. */
static lt_status fit_feature(lt_env *env, lt_feature *f, double min_count, int32_t **number)
{
    int32_t *unused, dropped, many = f->dictionary.n, other;
    double *count;
    int64_t length;

    LT_TRY(lt_dictionary_init(env, &f->rare));
    for (int32_t i = 0; i < many; i++) {
        const char *key = lt_dictionary_key(&f->dictionary, i, &length);
        double seen = f->dictionary.count[i];

        if (i % 65536 == 65535)
            LT_TRY(lt_poll(env));
        if (seen > 0 && seen < min_count)
            LT_TRY(lt_dictionary_add(env, &f->rare, key, length, seen, &other));
    }
    LT_TRY(lt_dictionary_finish(env, &f->rare, 0, &unused, &dropped));
    lt_free(env, unused);
    /* finishing frees the counts by provisional number, which tell rare from not there */
    LT_TRY(lt_alloc(env, &count, (size_t)many, sizeof *count, "a dictionary"));
    if (many > 0)
        memcpy(count, f->dictionary.count, (size_t)many * sizeof *count);
    LT_TRY(lt_dictionary_finish(env, &f->dictionary, fmax(min_count, 1), number, &dropped));
    for (int32_t i = 0; i < many; i++)
        if ((*number)[i] < 0 && count[i] > 0)
            (*number)[i] = f->dictionary.n;
    lt_free(env, count);
    return LT_OK;
}

lt_status lt_categories_fit(lt_env *env, lt_encoder *e, const int64_t *place, int64_t n_out, double min_count,
                            int32_t **number)
{
    LT_TRY(count_tokens(env, e, place, n_out));
    if (e->min_users > 1)
        LT_TRY(leave_out_few(env, e, place));
    for (int i = 0; i < e->n_features; i++)
        if (e->feature[i].kind == LT_CATEGORY || e->feature[i].kind == LT_BAG)
            LT_TRY(fit_feature(env, &e->feature[i], min_count, &number[i]));
    return LT_OK;
}
