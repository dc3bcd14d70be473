/*
 * test_blend.c: two models as one, against the definitions; and models that grow by newcomers.
 */
#include "alike.h"
#include "recommend_data.h"

#include <string.h>

extern const lt_algorithm lt_als, lt_blend, lt_bpr, lt_content, lt_ease, lt_graph_filter, lt_item_knn, lt_markov,
    lt_popular, lt_rp3beta, lt_user_knn;

#define ITEMS 30
#define USERS 40

/* A blend of two trained models on data of its own. */
static trained *blend_of(lt_env *env, const trained *a, const trained *b, const event *v, int n,
                         const char *const *list)
{
    const lt_bundle *bases[2] = {&a->bundle, &b->bundle};
    trained *t;
    built rows;
    lt_fit fit;
    lt_status status;

    lt_alloc(env, &t, 1, sizeof *t, "test");
    t->options = options_of(env, &lt_blend, list);
    rows = build(env, &t->bundle, false, PAIRS, v, n, &t->options);
    t->data = rows.data;
    t->data.n_bases = 2;
    t->data.base = bases;
    t->bundle.model = (lt_model){.algorithm = &lt_blend};
    status = lt_blend.train(env, &t->data, &t->options, &t->bundle.model, &fit);
    if (status != LT_OK)
        printf("Bail out! %s\n", env->error.message);
    fine(env, lt_recommender_init(env, &t->r, &t->bundle));
    return t;
}

static void standardised(float *v, int n)
{
    double mean = 0, sd = 0;

    for (int i = 0; i < n; i++)
        mean += v[i] / n;
    for (int i = 0; i < n; i++)
        sd += (v[i] - mean) * (v[i] - mean) / n;
    for (int i = 0; i < n; i++)
        v[i] = (float)((v[i] - mean) / sqrt(sd));
}

static void ranked_scores(float *v, int n)
{
    float out[ITEMS];

    for (int i = 0; i < n; i++) {
        double better = 0, same = 0;

        for (int j = 0; j < n; j++) {
            better += v[j] > v[i];
            same += v[j] == v[i];
        }
        out[i] = (float)(1 / (60 + better + (same + 1) / 2));
    }
    memcpy(v, out, (size_t)n * sizeof *v);
}

static void score_case(lt_env *env, const trained *a, const trained *b, const trained *t, double weight, bool ranks)
{
    float blended[ITEMS], one[ITEMS], two[ITEMS];
    double worst = 0;

    for (int u = 0; u < t->bundle.users.n; u += 7) {
        lt_subject subject = {.user = u};

        fine(env, lt_blend.score(env, &t->r.scorer, &subject, NULL, ITEMS, blended));
        fine(env, a->bundle.model.algorithm->score(env, &a->r.scorer, &subject, NULL, ITEMS, one));
        fine(env, b->bundle.model.algorithm->score(env, &b->r.scorer, &subject, NULL, ITEMS, two));
        (ranks ? ranked_scores : standardised)(one, ITEMS);
        (ranks ? ranked_scores : standardised)(two, ITEMS);
        for (int i = 0; i < ITEMS; i++)
            worst = fmax(worst, fabs(blended[i] - (weight * one[i] + (1 - weight) * two[i])));
    }
    near(worst, 0, 1e-4, "%s, weight %g", ranks ? "ranks" : "standardised", weight);
}

static void test_scores(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, 700, USERS, ITEMS, 5);
    trained *a = train_on(env, &lt_logistic, PAIRS, v, 700, OPTIONS("id_features", "both"));
    trained *b = train_on(env, &lt_mlp, PAIRS, v, 700, OPTIONS("hidden", "3", "epochs", "2"));
    trained *t;

    ok(a->bundle.items.n == ITEMS && a->bundle.users.n == USERS, "all of them are there");
    for (int scale = 0; scale < 2; scale++) {
        const char *name = scale == 0 ? "zscore" : "rank";

        t = blend_of(env, a, b, v, 700, OPTIONS("weight", "0.3", "scale", name));
        score_case(env, a, b, t, 0.3, scale == 1);
        t = blend_of(env, a, b, v, 700, OPTIONS("weight", "1", "scale", name));
        score_case(env, a, b, t, 1, scale == 1);
    }
    test_env_drop(env);
}

/* Fewer items and users than the models know, under other numbers; and one they do not know. */
static void test_other_numbers(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, 700, USERS, ITEMS, 5), *some;
    trained *a = train_on(env, &lt_logistic, PAIRS, v, 700, OPTIONS("id_features", "both"));
    trained *t;
    float blended[ITEMS + 1], one[ITEMS];
    lt_writer w;
    lt_reader r;
    lt_bundle again;
    lt_recommender recommender;
    int n = 0;

    lt_alloc(env, &some, 701, sizeof *some, "test");
    for (int i = 0; i < 700; i++)
        if (v[i].item % 2 == 0 && v[i].user > 9)
            some[n++] = v[i];
    some[n++] = (event){.user = 100, .item = 100};
    t = blend_of(env, a, a, some, n, OPTIONS("weight", "0.5"));
    ok(t->bundle.items.n == ITEMS / 2 + 1, "half the items and one more");
    fine(env, lt_blend.score(env, &t->r.scorer, &(lt_subject){.user = 4}, NULL, t->bundle.items.n, blended));
    fine(env,
         lt_logistic.score(env, &a->r.scorer, &(lt_subject){.user = number_in(&t->bundle.users, 4)}, NULL, ITEMS, one));
    standardised(one, ITEMS);
    near(blended[3], one[number_in(&t->bundle.items, 3)], 1e-4, "scores go by id, not by number");
    ok(blended[ITEMS / 2] <= blended[3] && blended[ITEMS / 2] < 0, "an item nobody knows is at the end");

    lt_writer_init(env, &w);
    lt_bundle_write(&w, &t->bundle);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_bundle_read(&r, &again));
    fine(env, lt_recommender_init(env, &recommender, &again));
    fine(env, lt_blend.score(env, &recommender.scorer, &(lt_subject){.user = 4}, NULL, 3, one));
    ok(memcmp(one, blended, 3 * sizeof *one) == 0, "the same after storing");
    again.model.array[0].i[0] = 1000;
    ok(lt_blend.check(env, &again.model) == LT_CORRUPT, "a number out of range is corrupt");
    test_env_drop(env);
}

/* lt_dataset.measure: prefers the second model. */
static lt_status likes_second(lt_env *env, void *context, const lt_model *model, double *value)
{
    double weight = lt_model_array(model, "weight")->d[0];

    (void)env;
    (void)context;
    *value = 1 - fabs(weight - 0.2);
    return LT_OK;
}

static void test_learning(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, 700, USERS, ITEMS, 5);
    trained *a = train_on(env, &lt_logistic, PAIRS, v, 700, OPTIONS("id_features", "both"));
    trained *t = blend_of(env, a, a, v, 700, OPTIONS("weight", "0.5"));
    const lt_bundle *bases[2] = {&a->bundle, &a->bundle};
    lt_options o = options_of(env, &lt_blend, NULL);
    lt_model m = {.algorithm = &lt_blend};
    lt_fit fit;

    t->data.base = bases;
    ok(lt_blend.train(env, &t->data, &o, &m, &fit) == LT_INVALID && strstr(env->error.message, "validation") != NULL,
       "nothing to learn the weight on: %s", env->error.message);
    t->data.measure = likes_second;
    m = (lt_model){.algorithm = &lt_blend};
    fine(env, lt_blend.train(env, &t->data, &o, &m, &fit));
    near(lt_model_array(&m, "weight")->d[0], 0.2, 1e-12, "the weight that measures best");
    t->data.n_bases = 1;
    ok(lt_blend.train(env, &t->data, &o, &m, &fit) == LT_INVALID, "one model is no blend: %s", env->error.message);
    test_env_drop(env);
}

/* ---- vectors ---- */

/* Those of the first model that has any, in the blend's own numbers. */
static void test_vectors(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, 700, USERS, ITEMS, 5), *fewer = random_events(env, 150, USERS, ITEMS / 2, 5);
    trained *popular = train_on(env, &lt_popular, PAIRS, v, 700, NULL);
    trained *als = train_on(env, &lt_als, PAIRS, fewer, 150, OPTIONS("factors", "4"));
    trained *ease = train_on(env, &lt_ease, PAIRS, v, 700, NULL);
    trained *first = blend_of(env, popular, als, v, 700, OPTIONS("weight", "0.5"));
    trained *second = blend_of(env, als, ease, v, 700, OPTIONS("weight", "0.5"));
    int32_t n = first->bundle.items.n, m = als->bundle.items.n, known = 0, wrong = 0;
    float *blended = cosines_of(env, &first->r.scorer, n, "popularity and als");
    float *both = cosines_of(env, &second->r.scorer, n, "als and ease");
    float *own = cosines_of(env, &als->r.scorer, m, "als");
    const int32_t *theirs = lt_model_array(&first->bundle.model, "items 1")->i;

    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < n; j++) {
            float want = theirs[i] < 0 || theirs[j] < 0 ? 0 : own[theirs[i] * m + theirs[j]];

            known += theirs[i] >= 0;
            wrong += fabsf(blended[i * n + j] - want) > 1e-6f || both[i * n + j] != blended[i * n + j];
        }
    ok(wrong == 0 && known > 0 && known < n * n, "of a blend: als's, where als knows both (%d wrong)", wrong);
    test_env_drop(env);
}

/* ---- newcomers ---- */

/* Two users and three items more; what was there scores as before. shifted: but for what is the same for all items. */
static void growing_case(lt_env *env, const lt_algorithm *algorithm, int what, const char *const *list, bool shifted)
{
    event *v = random_events(env, 500, USERS, ITEMS, 8);
    trained *t = train_on(env, algorithm, what, v, 500, list);
    int32_t users = t->bundle.users.n, items = t->bundle.items.n, number, new_item = items + 1;
    float before[ITEMS], after[ITEMS + 3], stranger[ITEMS + 3];
    lt_subject known = {.user = 5}, newcomer = {.user = users + 1};
    double worst = 0, size = 0;
    lt_bundle *b = &t->bundle, again;
    lt_table_builder rows[2];
    lt_writer w;
    lt_reader r;

    lt_subject_take_history(&known, &t->data.seen, 5);
    fine(env, algorithm->score(env, &t->r.scorer, &known, NULL, items, before));
    rows[0] = lt_table_reopen(&b->user);
    rows[1] = lt_table_reopen(&b->item);
    for (int i = 0; i < 5; i++) {
        bool user = i < 2;
        id_bytes id = id_of(-1 - i); /* sorts before those there are */

        fine(env, lt_dictionary_add(env, user ? &b->users : &b->items, &id, 8, 0, &number));
        if (what & SIDES) {
            lt_encoder *e = user ? &b->user_encoder : &b->item_encoder;

            fine(env, (user ? encode_user : encode_item)(env, e, 1 + i));
            fine(env, lt_table_append(env, &rows[!user], &e->row));
        }
    }
    b->user = rows[0].t;
    b->item = rows[1].t;
    fine(env, lt_bundle_grow(env, b));
    ok(b->model.design.users == users + 2 && b->model.design.items == items + 3, "%s has grown", algorithm->name);
    lt_writer_init(env, &w);
    lt_bundle_write(&w, b);
    lt_reader_init(env, &r, w.bytes, w.n);
    fine(env, lt_bundle_read(&r, &again));
    fine(env, lt_recommender_init(env, &t->r, &again));
    fine(env, algorithm->score(env, &t->r.scorer, &known, NULL, items + 3, after));
    for (int i = 0; i < items; i++) {
        worst = fmax(worst, fabs(after[i] - before[i] - (shifted ? after[0] - before[0] : 0)));
        size = fmax(size, fabs(before[i]));
    }
    ok(size > 0 && worst <= 1e-5 * size, "%s scores as before (%.1e of %.1e)", algorithm->name, worst, size);
    fine(env, algorithm->score(env, &t->r.scorer, &newcomer, NULL, items + 3, stranger));
    ok(isfinite(stranger[0]) && isfinite(stranger[items + 2]), "%s has a score for new ones", algorithm->name);
    newcomer.n_history = 1;
    newcomer.history = &new_item;
    fine(env, algorithm->score(env, &t->r.scorer, &newcomer, NULL, items + 3, stranger));
    ok(isfinite(stranger[0]) && isfinite(stranger[items + 2]), "%s: also for one who has a new item", algorithm->name);
    if (algorithm->similar != NULL) {
        fine(env, algorithm->similar(env, &t->r.scorer, new_item, stranger));
        ok(isfinite(stranger[0]) && isfinite(stranger[items + 2]), "%s: what is similar to it", algorithm->name);
    }
    if (algorithm->item_vectors != NULL) {
        float *cosine = cosines_of(env, &t->r.scorer, items + 3, algorithm->name);

        ok(isfinite(cosine[(int64_t)new_item * (items + 3)]), "%s: and its vector", algorithm->name);
    }
    if (what & SIDES) /* item 4 and the newcomer made like it, were it not for what was learned of the item itself */
        ok(fabs(after[items] - after[items + 1]) > 1e-6, "%s tells newcomers apart by their features", algorithm->name);
}

static void test_growing(void)
{
    lt_env *env = test_env();

    growing_case(env, &lt_logistic, PAIRS | SIDES, OPTIONS("id_features", "both"), false);
    growing_case(env, &lt_logistic, PAIRS | SIDES, OPTIONS("id_features", "item", "crosses", ""), false);
    growing_case(env, &lt_logistic, PAIRS, OPTIONS("id_features", "both"), false);
    growing_case(env, &lt_mlp, PAIRS, OPTIONS("hidden", "8", "epochs", "3"), false);
    growing_case(env, &lt_mlp, PAIRS | SIDES, OPTIONS("hidden", "8", "epochs", "3", "factors", "4"), false);
    growing_case(env, &lt_mlp, PAIRS | SIDES, OPTIONS("hidden", "8", "epochs", "3", "crosses", ""), false);
    growing_case(env, &lt_als, PAIRS, OPTIONS("factors", "6"), false);
    growing_case(env, &lt_als, PAIRS | WEIGHT, OPTIONS("factors", "6"), false);
    growing_case(env, &lt_bpr, PAIRS, OPTIONS("factors", "6", "epochs", "5"), false);
    growing_case(env, &lt_content, PAIRS | SIDES, OPTIONS("factors", "6"), false);
    growing_case(env, &lt_ease, PAIRS, OPTIONS("neighbors", "0"), false);
    growing_case(env, &lt_ease, PAIRS, OPTIONS("neighbors", "7"), false);
    growing_case(env, &lt_item_knn, PAIRS, NULL, false);
    growing_case(env, &lt_rp3beta, PAIRS, NULL, false);
    growing_case(env, &lt_graph_filter, PAIRS, NULL, false);
    growing_case(env, &lt_user_knn, PAIRS, NULL, false);
    growing_case(env, &lt_user_knn, PAIRS | WEIGHT, NULL, false);
    growing_case(env, &lt_markov, PAIRS | TIME, NULL, false);
    growing_case(env, &lt_popular, PAIRS, NULL, true); /* shares of a larger catalogue */
    test_env_drop(env);
}

int main(void)
{
    test_scores();
    test_other_numbers();
    test_learning();
    test_vectors();
    test_growing();
    return done();
}
