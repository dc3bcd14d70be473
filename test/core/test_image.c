/*
 * test_image.c: images of served versions: every algorithm answers alike from one, to the bit, after what it was made
 * from is gone and from memory that nobody can write to; and images that are damaged.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "image.h"
#include "recommend_data.h"

#include <sys/mman.h>

#define USERS 24
#define ITEMS 20
#define EVENTS 300
#define LONG_TEXT "A quiet lamp of brass, with a quiet lamp's shade"

/* Bytes that grow: an image, or all that a model answers. */
typedef struct bytes {
    char *b;
    size_t n, cap;
    size_t most; /* 0: no limit */
} bytes;

static bool collect(void *context, const void *b, size_t n)
{
    bytes *to = context;

    if (to->most > 0 && to->n + n > to->most)
        return false;
    if (to->n + n > to->cap) {
        to->cap = 2 * (to->n + n);
        to->b = realloc(to->b, to->cap);
    }
    memcpy(to->b + to->n, b, n);
    to->n += n;
    return true;
}

/* ---- answers ---- */

static void answer_user(lt_env *env, const lt_recommender *r, const lt_subject *subject, bytes *out)
{
    static const int32_t some[] = {3, 7, 1};
    const lt_algorithm *a = r->bundle->model.algorithm;
    lt_request q = {.subject = *subject, .k = 5, .adjust = r->own};
    lt_status status;
    float margin[ITEMS];
    double value[4096] = {0};
    lt_list list;

    status = a->score(env, &r->scorer, subject, NULL, ITEMS, margin);
    collect(out, &status, sizeof status);
    collect(out, margin, sizeof margin);
    status = a->score(env, &r->scorer, subject, some, 3, margin);
    collect(out, margin, 3 * sizeof *margin);
    q.popularity_only = !lt_recommender_knows(r, subject);
    for (int m = 0; lt_rerankers[m] != NULL; m++) {
        lt_rerank_stage stage = {.method = lt_rerankers[m], .strength = 0.5};

        if (stage.method->needs_similarity)
            continue;
        q.stages = &stage;
        q.n_stages = 1;
        status = lt_recommend(env, r, &q, &list);
        collect(out, &status, sizeof status);
        collect(out, list.item, (size_t)list.n * sizeof *list.item);
        collect(out, list.score, (size_t)list.n * sizeof *list.score);
    }
    if (a->explain_history != NULL && a->explain_history(env, &r->scorer, subject, 2, value) == LT_OK)
        collect(out, value, (1 + (size_t)subject->n_history) * sizeof *value);
}

static void answer_rows(lt_env *env, lt_bundle *b, bytes *out)
{
    int32_t row = 0, user = 1, item = 2;
    lt_encoder *sides[] = {&b->row_encoder, &b->user_encoder, &b->item_encoder};
    lt_inputs in = {.design = &b->model.design, .row = &b->row_encoder.row, .user = &b->user, .item = &b->item};
    lt_examples ex = {.n = 1, .row = &row, .user = &user, .item = &item};
    double value[4096] = {0};
    float margin;
    char name[80];

    if (b->row_encoder.n_features == 2)
        fine(env, encode_event(env, &b->row_encoder, &(event){.price = 4, .colour = 3}));
    for (int s = 0; s < 3; s++)
        for (int dense = 0; dense < 2; dense++)
            for (int32_t c = 0; c < (dense ? sides[s]->dense : sides[s]->sparse); c++)
                if (lt_encoder_column_name(env, sides[s], dense, c, name, sizeof name) == LT_OK)
                    collect(out, name, strlen(name));
    if (!lt_bundle_is_recommender(b))
        ex.user = ex.item = NULL;
    if (b->model.algorithm->predict != NULL && b->model.algorithm->predict(env, &b->model, &in, &ex, &margin) == LT_OK)
        collect(out, &margin, sizeof margin);
    if (b->model.algorithm->explain != NULL && b->model.algorithm->explain(env, &b->model, &in, &ex, value) == LT_OK)
        collect(out, value, sizeof value);
}

/* Everything that is asked of a version in service. */
static bytes answers_of(lt_env *env, lt_bundle *b, const lt_recommender *r)
{
    static const int32_t history[] = {2, 5, 11}, items[] = {0, 4, -1};
    static const float weight[] = {1, 2.5F, 0.5F};
    static const double time[] = {3, 1, 9};
    bytes out = {0};
    float similar[ITEMS];
    lt_table vectors;
    lt_list list;

    answer_rows(env, b, &out);
    if (!lt_bundle_is_recommender(b))
        return out;
    for (int u = -1; u < b->users.n; u++) {
        lt_subject subject = {.user = u}, with = {u, NULL, NULL, 3, history, weight, time};

        if (u < 0 && b->user_encoder.n_features > 0) {
            fine(env, encode_user(env, &b->user_encoder, 77));
            subject.features = with.features = &b->user_encoder.row;
        }
        answer_user(env, r, &subject, &out);
        answer_user(env, r, &with, &out);
    }
    for (int i = 0; i < ITEMS; i++) {
        id_bytes id = id_of(i);
        int32_t number = lt_dictionary_find(&b->items, &id, 8);

        collect(&out, &number, sizeof number);
        collect(&out, &r->popularity.count[i], sizeof(double));
        collect(&out, &r->popularity.rank[i], sizeof(int32_t));
        collect(&out, &r->popularity.novelty[i], sizeof(double));
        collect(&out, &r->popularity.segment[i], 1);
        if (b->model.algorithm->similar != NULL && b->model.algorithm->similar(env, &r->scorer, i, similar) == LT_OK)
            collect(&out, similar, sizeof similar);
        if (lt_similar(env, r, i, 4, &list) == LT_OK)
            collect(&out, list.item, (size_t)list.n * sizeof *list.item);
    }
    if (lt_item_vectors(env, r, LT_VECTORS_AUTO, items, 3, &vectors) == LT_OK && vectors.dense > 0)
        collect(&out, vectors.x, (size_t)(3 * vectors.dense) * sizeof *vectors.x);
    return out;
}

/* ---- there and back ---- */

static bytes image_of(lt_env *env, lt_bundle *b, lt_recommender *r)
{
    bytes out = {0};
    lt_image im;

    fine(env, lt_image_write(env, &im, collect, &out));
    fine(env, lt_image_served(&im, b, r));
    fine(env, lt_image_finish(&im));
    return out;
}

/* The bytes where nobody writes to them. */
static void *read_only(const bytes *image)
{
    void *p = mmap(NULL, image->n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memcpy(p, image->b, image->n);
    mprotect(p, image->n, PROT_READ);
    return p;
}

static lt_status open_image(lt_env *env, const void *p, size_t n, lt_bundle *b, lt_recommender *r)
{
    lt_image im;

    LT_TRY(lt_image_read(env, &im, p, n));
    LT_TRY(lt_image_served(&im, b, r));
    return lt_image_finish(&im);
}

/* The environment of the model is gone before the image is used: a pointer left as it was is found out. */
static void there_and_back(lt_env *env, lt_bundle *b, lt_recommender *r, const char *what)
{
    lt_env *other = test_env();
    bytes before = answers_of(env, b, r), image = image_of(env, b, r), after, second;
    lt_bundle *back;
    lt_recommender *rec;
    void *p = read_only(&image);

    test_env_drop(env);
    lt_alloc(other, &back, 1, sizeof *back, "test");
    lt_alloc(other, &rec, 1, sizeof *rec, "test");
    fine(other, open_image(other, p, image.n, back, rec));
    after = answers_of(other, back, rec);
    ok(before.n == after.n && memcmp(before.b, after.b, before.n) == 0, "%s: %zu bytes of answers, the same", what,
       before.n);
    second = image_of(other, back, rec);
    ok(second.n == image.n, "%s: an image of the image is as long", what);
    munmap(p, image.n);
    free(image.b);
    free(second.b);
    free(before.b);
    free(after.b);
    test_env_drop(other);
}

static void test_algorithms(void)
{
    static const struct {
        const char *name;
        int what;
        const char *options[5];
    } cases[] = {
        {"logistic", PAIRS | LABEL | ROWS | SIDES, {"crosses", "", "id_features", "both"}},
        {"logistic", LABEL | ROWS, {NULL}},
        {"mlp", PAIRS | LABEL | ROWS | SIDES, {"hidden", "6", "epochs", "2"}},
        {"mlp", PAIRS, {"factors", "3", "epochs", "2"}},
        {"mlp", LABEL | ROWS, {"hidden", "6", "epochs", "2"}},
        {"ease", PAIRS | WEIGHT, {NULL}},
        {"ease", PAIRS, {"neighbors", "5"}},
        {"rp3beta", PAIRS, {"popularity_exponent", "0.3"}},
        {"item_knn", PAIRS | SIDES, {NULL}},
        {"graph_filter", PAIRS, {NULL}},
        {"als", PAIRS | WEIGHT, {"factors", "4", "popularity_exponent", "0.2"}},
        {"als", PAIRS | LABEL, {"factors", "4"}},
        {"bpr", PAIRS, {"factors", "4", "epochs", "2"}},
        {"popularity", PAIRS | TIME, {"trend_exponent", "0.3"}},
        {"user_knn", PAIRS | WEIGHT, {NULL}},
        {"markov", PAIRS | TIME, {NULL}},
        {"content", PAIRS | SIDES, {NULL}},
    };
    int tried = 0;

    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        lt_env *env = test_env();
        event *v = random_events(env, EVENTS, USERS, ITEMS, 9 + c);
        trained *t = train_on(env, lt_algorithm_find(cases[c].name), cases[c].what, v, EVENTS, cases[c].options);

        if (cases[c].what & PAIRS)
            fine(env, lt_bundle_take_trend(env, &t->bundle, &t->data.seen, 10, 0.1));
        fine(env, lt_recommender_init(env, &t->r, &t->bundle));
        there_and_back(env, &t->bundle, &t->r, cases[c].name);
    }
    for (int a = 0; lt_algorithms[a] != NULL; a++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
            if (strcmp(cases[c].name, lt_algorithms[a]->name) == 0) {
                tried++;
                break;
            }
    ok(lt_algorithms[tried + 1] == NULL, "every algorithm was tried; blend comes next");
}

static void test_blend(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, EVENTS, USERS, ITEMS, 4);
    const lt_algorithm *blend = lt_algorithm_find("blend");
    trained *one = train_on(env, lt_algorithm_find("als"), PAIRS, v, EVENTS, OPTIONS("factors", "4"));
    trained *two = train_on(env, lt_algorithm_find("content"), PAIRS | SIDES, v, EVENTS, OPTIONS(NULL));
    const lt_bundle *bases[2] = {&one->bundle, &two->bundle};
    lt_options o = options_of(env, blend, OPTIONS("weight", "0.3"));
    lt_bundle *b;
    lt_recommender r;
    lt_fit fit;
    built rows;

    lt_alloc(env, &b, 1, sizeof *b, "test");
    rows = build(env, b, false, PAIRS, v, EVENTS, &o);
    rows.data.n_bases = 2;
    rows.data.base = bases;
    b->model = (lt_model){.algorithm = blend};
    fine(env, blend->train(env, &rows.data, &o, &b->model, &fit));
    fine(env, lt_recommender_init(env, &r, b));
    there_and_back(env, b, &r, "blend");
}

/* Items that another source alone has, and an encoder of texts. */
static void test_rest(void)
{
    lt_env *env = test_env(), *other = test_env();
    event *v = random_events(env, EVENTS, USERS, ITEMS, 3);
    trained *t = train_on(env, lt_algorithm_find("popularity"), PAIRS, v, EVENTS, OPTIONS(NULL));
    lt_encoder *e = &t->bundle.row_encoder;
    lt_table rows, before;
    lt_bundle b;
    lt_recommender r;
    int64_t start[2];
    bytes image;

    fine(env, lt_encoder_init(env, e));
    fine(env, lt_encoder_add_text(env, e, "title", 32));
    for (int i = 0; i < 3; i++) {
        fine(env, lt_encoder_begin_row(env, e));
        fine(env, lt_encode_text(env, e, 0, LONG_TEXT, 10 + 9 * i));
        fine(env, lt_encoder_end_row(env, e));
    }
    fine(env, lt_encoder_finish(env, e, 1, true, NULL, 0, &rows));
    lt_alloc(env, &t->bundle.hidden, ITEMS, 1, "test");
    t->bundle.hidden[3] = 1;
    fine(env, lt_recommender_init(env, &t->r, &t->bundle));
    image = image_of(env, &t->bundle, &t->r);
    fine(other, open_image(other, image.b, image.n, &b, &r));
    before = lt_table_row(&rows, 2, start);
    fine(other, lt_encoder_begin_row(other, &b.row_encoder));
    fine(other, lt_encode_text(other, &b.row_encoder, 0, LONG_TEXT, 28));
    fine(other, lt_encoder_end_row(other, &b.row_encoder));
    ok(b.row_encoder.row.start[1] == start[1] &&
           memcmp(b.row_encoder.row.col, before.col, (size_t)start[1] * sizeof *before.col) == 0 &&
           memcmp(b.row_encoder.row.val, before.val, (size_t)start[1] * sizeof *before.val) == 0,
       "a text is encoded alike");
    ok(b.hidden[3] == 1 && r.popularity.hidden == b.hidden && r.popularity.rank[3] == ITEMS,
       "hidden items stay hidden");
    free(image.b);
    test_env_drop(env);
    test_env_drop(other);
}

/* ---- damage ---- */

static void test_damage(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, EVENTS, USERS, ITEMS, 6);
    trained *t = train_on(env, lt_algorithm_find("als"), PAIRS | SIDES, v, EVENTS, OPTIONS("factors", "4"));
    bytes image = image_of(env, &t->bundle, &t->r), cut = {0};
    lt_bundle b;
    lt_recommender r;
    lt_image im;
    uint64_t structs;
    int refused = 0, tried = 0, shortened = 0, lengths = 0, stopped = 0, stops = 0;

    memcpy(&structs, image.b + image.n - 16, sizeof structs);
    for (size_t at = image.n - structs - 32; at < image.n; at++) {
        image.b[at] ^= 1 << at % 8;
        tried++;
        refused += open_image(env, image.b, image.n, &b, &r) == LT_CORRUPT;
        image.b[at] ^= 1 << at % 8;
    }
    ok(structs > 1000 && refused == tried, "%d of %d changes of structs are refused", refused, tried);
    for (size_t n = 0; n < image.n; n += n < 64 ? 1 : 61) {
        lengths++;
        shortened += open_image(env, image.b, n, &b, &r) == LT_CORRUPT;
    }
    ok(shortened == lengths, "%d of %d shortened ones are refused", shortened, lengths);
    fine(env, open_image(env, image.b, image.n, &b, &r));
    for (size_t most = 1; most < image.n; most += 97) {
        cut.n = 0;
        cut.most = most;
        stops++;
        lt_image_write(env, &im, collect, &cut);
        stopped += lt_image_served(&im, &t->bundle, &t->r) != LT_OK || lt_image_finish(&im) != LT_OK;
    }
    ok(stopped == stops, "%d of %d that could not be written say so", stopped, stops);
    free(image.b);
    free(cut.b);
    test_env_drop(env);
}

int main(void)
{
    test_algorithms();
    test_blend();
    test_rest();
    test_damage();
    return done();
}
