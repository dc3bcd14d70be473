/*
 * shop_data.h: events of a made-up shop through the builder, for the tests of the builder, bundles and recommending.
 *
 * Users and items are whole numbers; their features follow from the number, so that a test can say what they must be.
 */
#ifndef LT_TEST_SHOP_DATA_H
#define LT_TEST_SHOP_DATA_H

#include "builder.h"
#include "tap.h"

extern const lt_algorithm lt_logistic, lt_mlp;

typedef struct event {
    int user, item;
    double label, weight, time;
    int price; /* the row's own features: a number, and a category */
    int colour;
} event;

enum { LABEL = 1, WEIGHT = 2, TIME = 4, ROWS = 8, SIDES = 16, PAIRS = 32 };

/* What came out of one build. */
typedef struct built {
    lt_builder builder;
    lt_dataset data;
    lt_status status;
} built;

/* Options given as name, value, ..., NULL. Numbers are recognised by their first character. */
static lt_options options_of(lt_env *env, const lt_algorithm *algorithm, const char *const *list)
{
    static const char *const crosses[] = {"country", "category", "price", "age"}; /* in either order */
    lt_status status = LT_OK;
    lt_options o;

    lt_options_init(env, &o, algorithm->options, algorithm->n_options);
    for (; list != NULL && *list != NULL && status == LT_OK; list += 2) {
        if (strcmp(list[0], "crosses") == 0)
            status = lt_options_set_names(env, &o, "crosses", crosses, 4);
        else if (strcmp(list[0], "hidden") == 0)
            status = lt_options_set_numbers(env, &o, "hidden", &(double){atof(list[1])}, 1);
        else if (strcmp(list[1], "true") == 0)
            status = lt_options_set_bool(env, &o, list[0], true);
        else if (strchr("0123456789", list[1][0]) != NULL)
            status = lt_options_set_number(env, &o, list[0], atof(list[1]));
        else
            status = lt_options_set_text(env, &o, list[0], list[1]);
    }
    if (status != LT_OK)
        printf("Bail out! %s\n", env->error.message);
    return o;
}
#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* An integer id's bytes, as dictionary.h has them. */
typedef struct id_bytes {
    unsigned char b[8];
} id_bytes;

static id_bytes id_of(int number)
{
    uint64_t v = (uint64_t)(int64_t)number ^ UINT64_C(1) << 63;
    id_bytes id;

    for (int i = 0; i < 8; i++)
        id.b[i] = (unsigned char)(v >> (56 - 8 * i));
    return id;
}

/* The whole number an id in a dictionary stands for. */
static int number_in(const lt_dictionary *d, int32_t at)
{
    int64_t length;
    const char *key = lt_dictionary_key(d, at, &length);
    uint64_t v = 0;

    for (int i = 0; i < 8; i++)
        v = v << 8 | (unsigned char)key[i];
    return (int)(int64_t)(v ^ UINT64_C(1) << 63);
}

static lt_status encode_text(lt_env *env, lt_encoder *e, int feature, const char *format, int value)
{
    char text[32];

    snprintf(text, sizeof text, format, value);
    return lt_encode_token(env, e, feature, text, (int64_t)strlen(text));
}

static lt_status encode_event(lt_env *env, lt_encoder *e, const event *v)
{
    LT_TRY(lt_encoder_begin_row(env, e));
    if (e->n_features > 0) {
        LT_TRY(lt_encode_number(env, e, 0, v->price));
        LT_TRY(encode_text(env, e, 1, "colour%d", v->colour));
    }
    return lt_encoder_end_row(env, e);
}

/* Every kind of feature; each fifth user's age is NULL. */
static lt_status encode_user(lt_env *env, lt_encoder *e, int user)
{
    LT_TRY(lt_encoder_begin_row(env, e));
    if (user % 5 != 0)
        LT_TRY(lt_encode_number(env, e, 0, user * 7 % 13));
    LT_TRY(encode_text(env, e, 1, "land%d", user % 3));
    LT_TRY(lt_encode_number(env, e, 2, user % 2));
    return lt_encoder_end_row(env, e);
}

static lt_status encode_item(lt_env *env, lt_encoder *e, int item)
{
    LT_TRY(lt_encoder_begin_row(env, e));
    LT_TRY(lt_encode_number(env, e, 0, item * 5 % 11));
    LT_TRY(encode_text(env, e, 1, "kind%d", item % 4));
    LT_TRY(encode_text(env, e, 2, "tag%d", item % 2));
    LT_TRY(encode_text(env, e, 2, "tag%d", item % 3));
    LT_TRY(lt_encode_vector(env, e, 3, (double[]){item % 3, item % 7}, 2));
    LT_TRY(lt_encode_time(env, e, 4, 86400.0 * item));
    LT_TRY(lt_encode_time(env, e, 5, 3600.0 * item));
    return lt_encoder_end_row(env, e);
}

/* The features of everybody in ids, in the dictionary's present order. */
static lt_status encode_side(lt_env *env, lt_encoder *e, const lt_dictionary *ids,
                             lt_status (*encode)(lt_env *, lt_encoder *, int))
{
    for (int32_t i = 0; i < ids->n; i++)
        LT_TRY(encode(env, e, number_in(ids, i)));
    return LT_OK;
}

static lt_status finish_side(lt_env *env, lt_encoder *e, const lt_options *o, int32_t n, const int32_t *map,
                             lt_table *out)
{
    int64_t *place;

    LT_TRY(lt_alloc(env, &place, (size_t)n, sizeof *place, "test"));
    for (int32_t i = 0; i < n; i++)
        place[i] = map[i];
    return lt_encoder_finish(env, e, (double)lt_option_int(o, "min_count"), lt_option_bool(o, "standardize"),
                             e->n_features > 0 ? place : NULL, e->n_features > 0 ? n : 0, out);
}

static lt_status add_features(lt_env *env, lt_bundle *b, int what)
{
    static const struct {
        const char *name;
        lt_kind kind;
    } user[] = {{"age", LT_NUMBER}, {"country", LT_CATEGORY}, {"member", LT_BOOLEAN}},
      item[] = {{"price", LT_NUMBER}, {"category", LT_CATEGORY}, {"tags", LT_BAG},
                {"look", LT_VECTOR},  {"since", LT_DATE},        {"shown", LT_TIMESTAMP}};

    if (what & ROWS) {
        LT_TRY(lt_encoder_add(env, &b->row_encoder, "paid", LT_NUMBER));
        LT_TRY(lt_encoder_add(env, &b->row_encoder, "colour", LT_CATEGORY));
    }
    for (int i = 0; what & SIDES && i < 3; i++)
        LT_TRY(lt_encoder_add(env, &b->user_encoder, user[i].name, user[i].kind));
    for (int i = 0; what & SIDES && i < 6; i++)
        LT_TRY(lt_encoder_add(env, &b->item_encoder, item[i].name, item[i].kind));
    return LT_OK;
}

static lt_status build_or_fail(lt_env *env, lt_bundle *bundle, bool frozen, int what, const event *v, int n,
                               const lt_options *o, built *out)
{
    lt_builder *b = &out->builder;
    int32_t *user_map, *item_map;

    if (!frozen) {
        LT_TRY(lt_bundle_init(env, bundle, o));
        bundle->user_id = bundle->item_id = what & PAIRS ? LT_ID_INTEGER : LT_ID_NONE;
        LT_TRY(add_features(env, bundle, what));
    }
    LT_TRY(lt_builder_init(env, b, bundle, frozen, o));
    b->has_label = (what & LABEL) != 0;
    b->has_weight = (what & WEIGHT) != 0;
    b->has_time = (what & TIME) != 0;
    for (int i = 0; i < n; i++) {
        id_bytes user = id_of(v[i].user), item = id_of(v[i].item);
        lt_row row = {&user, &item, 8, 8, v[i].label, v[i].weight, v[i].time};

        LT_TRY(encode_event(env, &bundle->row_encoder, &v[i]));
        LT_TRY(lt_builder_add(env, b, &row));
    }
    LT_TRY(lt_builder_flush(env, b));
    if (b->pairs && !frozen) {
        int32_t users = bundle->users.n, items = bundle->items.n;

        if (what & SIDES) {
            LT_TRY(encode_side(env, &bundle->user_encoder, &bundle->users, encode_user));
            LT_TRY(encode_side(env, &bundle->item_encoder, &bundle->items, encode_item));
        }
        LT_TRY(lt_builder_number_ids(env, b, &user_map, &item_map));
        LT_TRY(finish_side(env, &bundle->user_encoder, o, users, user_map, &bundle->user));
        LT_TRY(finish_side(env, &bundle->item_encoder, o, items, item_map, &bundle->item));
    }
    LT_TRY(lt_builder_finish(env, b, o, &out->data));
    if (!frozen)
        bundle->model.design = out->data.design; /* as training does */
    return LT_OK;
}

/* Rows into *bundle (fitting) or through it (frozen). */
static built build(lt_env *env, lt_bundle *bundle, bool frozen, int what, const event *v, int n, const lt_options *o)
    __attribute__((unused));
static built build(lt_env *env, lt_bundle *bundle, bool frozen, int what, const event *v, int n, const lt_options *o)
{
    built out = {.status = LT_OK};

    env->error.message[0] = env->error.hint[0] = '\0';
    out.status = build_or_fail(env, bundle, frozen, what, v, n, o, &out);
    return out;
}

/* n events of distinct (user, item) below `users` and `items`, in no order. */
static event *random_events(lt_env *env, int n, int users, int items, uint64_t seed) __attribute__((unused));
static event *random_events(lt_env *env, int n, int users, int items, uint64_t seed)
{
    lt_random r;
    int32_t *pair;
    event *v;

    lt_random_seed(&r, seed);
    lt_alloc(env, &pair, (size_t)(users * items), sizeof *pair, "test");
    lt_alloc(env, &v, (size_t)n, sizeof *v, "test");
    for (int32_t i = 0; i < users * items; i++)
        pair[i] = i;
    lt_random_shuffle(&r, pair, users * items);
    for (int i = 0; i < n; i++) {
        v[i] = (event){.user = pair[i] / items, .item = pair[i] % items};
        v[i].label = lt_random_uniform(&r) < 0.2 + 0.6 * ((v[i].user + v[i].item) % 3 == 0);
        v[i].weight = (double)(1 + lt_random_below(&r, 4)) / 2;
        v[i].time = (double)lt_random_below(&r, 50);
        v[i].price = (int)lt_random_below(&r, 9);
        v[i].colour = (int)lt_random_below(&r, 5);
    }
    return v;
}

#endif
