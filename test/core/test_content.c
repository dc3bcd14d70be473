/*
 * test_content.c: items nobody has bought find their buyers.
 */
#include "alike.h"
#include "recommend_data.h"
#include "ridge.h"

extern const lt_algorithm lt_als, lt_content, lt_ease;

#define USERS 120
#define ITEMS 48
#define COLD 8 /* newcomers */

/* Users of taste t buy items of kind t (see encode_item): 4 tastes. */
static event *tasteful(lt_env *env, int *n)
{
    lt_random r;
    event *v;

    *n = 0;
    lt_random_seed(&r, 2);
    lt_alloc(env, &v, USERS * ITEMS, sizeof *v, "test");
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++) {
            double drawn = lt_random_uniform(&r), mark = (double)(4 + lt_random_below(&r, 2));

            if (drawn < (u % 4 == i % 4 ? 0.5 : 0.04))
                v[(*n)++] = (event){.user = u, .item = i, .label = u % 4 == i % 4 ? mark : 1, .weight = mark - 3};
        }
    return v;
}

/* Trained by content; base NULL: on its own als. The error is left in env. */
static lt_status content_on(lt_env *env, int what, const event *v, int n, const trained *base, const char *const *list,
                            trained **out)
{
    const lt_bundle **bases;
    trained *t;
    lt_fit fit;

    lt_alloc(env, &t, 1, sizeof *t, "test");
    lt_alloc(env, &bases, 1, sizeof *bases, "test");
    t->options = options_of(env, &lt_content, list);
    t->data = build(env, &t->bundle, false, what, v, n, &t->options).data;
    bases[0] = base == NULL ? NULL : &base->bundle;
    t->data.n_bases = base != NULL;
    t->data.base = bases;
    t->bundle.model = (lt_model){.algorithm = &lt_content};
    *out = t;
    LT_TRY(lt_content.train(env, &t->data, &t->options, &t->bundle.model, &fit));
    LT_TRY(lt_content.check(env, &t->bundle.model));
    return lt_recommender_init(env, &t->r, &t->bundle);
}

/* Newcomers ITEMS, ITEMS + 1, ..., by their features alone. */
static void add_newcomers(lt_env *env, trained *t)
{
    lt_table_builder rows = lt_table_reopen(&t->bundle.item);
    int32_t number;

    for (int i = ITEMS; i < ITEMS + COLD; i++) {
        id_bytes id = id_of(i);

        fine(env, encode_item(env, &t->bundle.item_encoder, i));
        fine(env, lt_table_append(env, &rows, &t->bundle.item_encoder.row));
        fine(env, lt_dictionary_add(env, &t->bundle.items, &id, 8, 0, &number));
    }
    t->bundle.item = rows.t;
    fine(env, lt_bundle_grow(env, &t->bundle));
    fine(env, lt_recommender_init(env, &t->r, &t->bundle));
}

/* The share of (user, cold item of their kind, cold item of another) where the first is scored higher: chance 0.5. */
static double cold_auc(lt_env *env, const trained *t)
{
    const lt_bundle *b = &t->bundle;
    double right = 0, pairs = 0;
    float margin[ITEMS + COLD];

    for (int32_t u = 0; u < b->users.n; u++) {
        lt_subject s = {.user = u};
        int taste = number_in(&b->users, u) % 4;

        lt_subject_take_history(&s, &t->data.seen, u);
        if (lt_content.score(env, &t->r.scorer, &s, NULL, ITEMS + COLD, margin) != LT_OK)
            return NAN;
        for (int i = ITEMS; i < ITEMS + COLD; i++)
            for (int j = ITEMS; j < ITEMS + COLD; j++)
                if (i % 4 == taste && j % 4 != taste) {
                    right += margin[i] > margin[j];
                    pairs++;
                }
    }
    return right / pairs;
}

/* Margins of users, of a stranger and of a basket with a newcomer against their explanations. */
static void check_explanations(lt_env *env, const trained *t, const char *name)
{
    int32_t basket[] = {2, ITEMS + 1};
    float weights[] = {1, 0.5f};
    double worst = 0;

    for (int u = 0; u < 12; u++) {
        lt_subject s = {.user = u};

        lt_subject_take_history(&s, &t->data.seen, u);
        if (u > 8) /* somebody else's */
            s.user = -1;
        if (u > 10)
            s = (lt_subject){.user = -1, .n_history = 2, .history = basket, .history_weight = weights};
        for (int32_t i = 0; i < ITEMS + COLD; i += 5) {
            double contribution[1 + ITEMS + COLD], sum = 0, largest = 0;
            float margin;

            if (lt_content.score(env, &t->r.scorer, &s, &i, 1, &margin) != LT_OK ||
                lt_content.explain_history(env, &t->r.scorer, &s, i, contribution) != LT_OK)
                worst = NAN;
            for (int64_t h = 0; h <= s.n_history; h++) {
                sum += contribution[h];
                largest = fmax(largest, fabs(contribution[h]));
            }
            worst = fmax(worst, fabs(sum - margin));
            if (u > 10 && i == ITEMS + 1 - (ITEMS + 1) % 5)
                ok(largest > 0, "%s: a newcomer in a basket has a say", name);
        }
    }
    ok(worst < 1e-6, "%s: contributions of the history sum to the margin (%.1e)", name, worst);
}

/* The vectors used are the definition's: of als's own and the map's. */
static void check_vectors(lt_env *env, const trained *t, const trained *als, double shrinkage)
{
    const lt_model *m = &t->bundle.model;
    const lt_array *own = lt_model_array(m, "own"), *item = lt_model_array(&als->bundle.model, "item_factors");
    int k = (int)own->cols;
    float *predicted, similar[ITEMS];
    double y[ITEMS][64], worst = 0, gap = 0;

    ok(own->rows == ITEMS && k == item->cols && k <= 64, "own vectors for each item");
    ok(memcmp(own->f, item->f, (size_t)(ITEMS * k) * sizeof(float)) == 0, "which are those of als");
    lt_alloc(env, &predicted, (size_t)(ITEMS * k), sizeof *predicted, "test");
    fine(env, lt_ridge_predict(env, &t->bundle.item, lt_model_array(m, "map")->f, k, predicted));
    for (int i = 0; i < ITEMS; i++)
        for (int c = 0; c < k; c++) {
            double n = t->bundle.item_count[i];

            y[i][c] = (n * own->f[i * k + c] + shrinkage * predicted[i * k + c]) / (n + shrinkage);
            gap = fmax(gap, fabs(y[i][c] - own->f[i * k + c]));
        }
    fine(env, lt_content.similar(env, &t->r.scorer, 3, similar));
    for (int i = 0; i < ITEMS; i++) {
        double dot = 0, a = 0, b = 0;

        for (int c = 0; c < k; c++) {
            dot += y[i][c] * y[3][c];
            a += y[i][c] * y[i][c];
            b += y[3][c] * y[3][c];
        }
        worst = fmax(worst, fabs(similar[i] - dot / sqrt(a * b)));
    }
    ok(worst < 1e-5 && gap > 1e-3, "similar is the cosine of vectors weighed by interactions (%.1e)", worst);
    near(apart_from_similar(env, &t->r.scorer, ITEMS, "content"), 0, 1e-6, "which item_vectors gives");
}

/* ease's margins, when as many factors as items leave nothing out and interactions outweigh features. */
static void check_ease(lt_env *env, const trained *t, const trained *ease)
{
    double worst = 0, size = 0;
    float a[ITEMS], b[ITEMS];

    for (int u = 0; u < USERS; u += 7) {
        lt_subject s = {.user = u};

        lt_subject_take_history(&s, &t->data.seen, u);
        fine(env, lt_content.score(env, &t->r.scorer, &s, NULL, ITEMS, a));
        fine(env, lt_ease.score(env, &ease->r.scorer, &s, NULL, ITEMS, b));
        for (int i = 0; i < ITEMS; i++) {
            worst = fmax(worst, fabs(a[i] - b[i]));
            size = fmax(size, fabs(b[i]));
        }
    }
    ok(worst < 1e-4 * size, "all of ease's factors without shrinkage are ease (%.1e of %.1e)", worst, size);
}

static void test_cold(void)
{
    lt_env *env = test_env();
    int n;
    event *v = tasteful(env, &n);
    trained *als = train_on(env, &lt_als, PAIRS, v, n, OPTIONS("factors", "8", "split", "none"));
    trained *weighted = train_on(env, &lt_als, PAIRS | WEIGHT, v, n, OPTIONS("factors", "8", "split", "none"));
    trained *rated = train_on(env, &lt_als, PAIRS | LABEL, v, n, OPTIONS("factors", "4", "split", "none"));
    trained *ease = train_on(env, &lt_ease, PAIRS, v, n, OPTIONS("regularization", "20", "split", "none"));
    struct {
        const char *name;
        int what;
        const trained *base;
        double auc;
    } cases[] = {{"own als", 0, NULL, 0.9},
                 {"base als", 0, als, 0.9},
                 {"base als with weights", WEIGHT, weighted, 0.9},
                 {"base als of ratings", LABEL, rated, 0.7},
                 {"base ease", 0, ease, 0.9}};
    const char *const *list = OPTIONS("factors", "8", "split", "none", "shrinkage", "5");
    trained *t;

    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double auc;

        fine(env, content_on(env, PAIRS | SIDES | cases[c].what, v, n, cases[c].base, list, &t));
        if (c < 2)
            check_vectors(env, t, als, 5);
        add_newcomers(env, t);
        auc = cold_auc(env, t);
        ok(auc > cases[c].auc, "%s: who gets what nobody has bought (%.3f, chance 0.5)", cases[c].name, auc);
        check_explanations(env, t, cases[c].name);
    }
    list = OPTIONS("factors", "48", "split", "none", "shrinkage", "0");
    fine(env, content_on(env, PAIRS | SIDES, v, n, ease, list, &t));
    check_ease(env, t, ease);
    test_env_drop(env);
}

/* A base of fewer items under other numbers: vectors go by id. */
static void test_other_numbers(void)
{
    lt_env *env = test_env();
    int n, m = 0;
    event *v = tasteful(env, &n), *some;
    trained *base, *t;
    const lt_array *own, *item;

    lt_alloc(env, &some, (size_t)n, sizeof *some, "test");
    for (int e = 0; e < n; e++)
        if (v[e].item % 3 != 0 && v[e].user > 5)
            some[m++] = v[e];
    for (int ease = 0; ease < 2; ease++) {
        double auc;

        base = train_on(env, ease ? &lt_ease : &lt_als, PAIRS, some, m,
                        ease ? OPTIONS("split", "none") : OPTIONS("split", "none", "factors", "6"));
        fine(env, content_on(env, PAIRS | SIDES, v, n, base, OPTIONS("split", "none", "factors", "6"), &t));
        own = lt_model_array(&t->bundle.model, "own");
        item = lt_model_array(&base->bundle.model, "item_factors");
        ok(own->f[0] == 0 && lt_model_array(&t->bundle.model, "count")->f[0] == 0, "an item the base does not know");
        ok(own->f[own->cols] != 0, "one it does");
        if (!ease)
            ok(memcmp(own->f + 2 * own->cols, item->f + item->cols, (size_t)own->cols * sizeof(float)) == 0,
               "has its vector there");
        add_newcomers(env, t);
        auc = cold_auc(env, t);
        ok(auc > 0.9, "%s: it serves those it was not trained on as well (%.3f)", ease ? "ease" : "als", auc);
    }
    test_env_drop(env);
}

static void margins_with(lt_env *env, const event *v, int n, const trained *base, const char *const *list, float *out)
{
    trained *t;

    fine(env, content_on(env, PAIRS | SIDES, v, n, base, list, &t));
    for (int u = 0; u < 5; u++) {
        lt_subject s = {.user = u};

        lt_subject_take_history(&s, &t->data.seen, u);
        fine(env, lt_content.score(env, &t->r.scorer, &s, NULL, ITEMS, out + (ptrdiff_t)u * ITEMS));
    }
}

static void test_options(void)
{
    lt_env *env = test_env();
    int n;
    event *v = tasteful(env, &n);
    trained *als = train_on(env, &lt_als, PAIRS, v, n, OPTIONS("factors", "5", "split", "none"));
    trained *ease = train_on(env, &lt_ease, PAIRS, v, n, OPTIONS("split", "none"));
    const char *const *changed[] = {OPTIONS("factors", "3"), OPTIONS("regularization", "50"), OPTIONS("shrinkage", "2"),
                                    OPTIONS("seed", "7")};
    float plain[5 * ITEMS], on_als[5 * ITEMS], on_ease[5 * ITEMS], other[5 * ITEMS];

    margins_with(env, v, n, NULL, NULL, plain);
    margins_with(env, v, n, NULL, NULL, other);
    ok(memcmp(plain, other, sizeof plain) == 0, "the same twice");
    margins_with(env, v, n, als, NULL, on_als);
    margins_with(env, v, n, ease, NULL, on_ease);
    ok(memcmp(plain, on_als, sizeof plain) != 0 && memcmp(on_als, on_ease, sizeof plain) != 0, "base matters");
    for (size_t o = 0; o < sizeof changed / sizeof *changed; o++) {
        margins_with(env, v, n, NULL, changed[o], other);
        ok(memcmp(plain, other, sizeof plain) != 0, "option %s matters", changed[o][0]);
        if (strcmp(changed[o][0], "seed") == 0)
            continue; /* ease's vectors come out the same from other directions */
        margins_with(env, v, n, ease, changed[o], other);
        ok(memcmp(on_ease, other, sizeof plain) != 0, "also with ease's weights");
    }
    test_env_drop(env);
}

static lt_status train_again(lt_env *env, const trained *t)
{
    lt_model m = {.algorithm = &lt_content};
    lt_fit fit;

    return lt_content.train(env, &t->data, &t->options, &m, &fit);
}

static void test_errors(void)
{
    lt_env *env = test_env();
    test_context *context = env->context;
    int n;
    event *v = tasteful(env, &n), strange[] = {{.user = 1000, .item = 1000}, {.user = 1001, .item = 1001}};
    trained *rated = train_on(env, &lt_als, PAIRS | LABEL, v, n, OPTIONS("factors", "4", "split", "none"));
    trained *logistic = train_on(env, &lt_logistic, PAIRS, v, n, OPTIONS("id_features", "both", "split", "none"));
    trained *als = train_on(env, &lt_als, PAIRS, v, n, OPTIONS("factors", "4", "split", "none"));
    const char *const *list = OPTIONS("factors", "4", "split", "none");
    long polls;
    bool all = true;
    trained *t;
    lt_model *m;

    ok(content_on(env, PAIRS, v, n, NULL, list, &t) == LT_INVALID && strstr(env->error.hint, "item_features") != NULL,
       "without features: %s", env->error.message);
    ok(content_on(env, PAIRS | SIDES, v, n, rated, list, &t) == LT_INVALID, "ratings: %s", env->error.message);
    ok(content_on(env, PAIRS | SIDES, v, n, logistic, list, &t) == LT_INVALID, "no vectors: %s", env->error.message);
    ok(content_on(env, PAIRS | SIDES, strange, 2, als, list, &t) == LT_INVALID, "strangers: %s", env->error.message);

    fine(env, content_on(env, PAIRS | SIDES, v, n, NULL, list, &t));
    context->polls = 0;
    fine(env, train_again(env, t));
    polls = context->polls;
    for (long at = 1; at <= polls; at++) {
        context->polls = 0;
        context->cancel_at = at;
        all = all && train_again(env, t) == LT_CANCELLED;
    }
    context->cancel_at = 0;
    ok(all && polls > 10, "cancelled at each of %ld polls", polls);
    env->budget = env->used + 10000;
    ok(train_again(env, t) == LT_NO_MEMORY, "over the budget: %s", env->error.message);
    env->budget = 0;

    m = &t->bundle.model;
    for (int a = 0; a < m->n_arrays; a++) {
        lt_array *array = &m->array[a], was = *array;
        lt_scorer scorer = t->r.scorer;

        array->rows++;
        ok(lt_content.check(env, m) == LT_CORRUPT, "%s of another shape", array->name);
        *array = was;
        array->name = "gone";
        ok(lt_content.check(env, m) == LT_CORRUPT, "%s missing", was.name);
        *array = was;
        if (array->f != NULL) {
            float first = array->f[0];

            array->f[0] = NAN;
            ok(lt_content.check(env, m) == LT_CORRUPT, "%s not a number", array->name);
            array->f[0] = first;
        } else if (array->d != NULL) {
            double first = array->d[0];

            array->d[0] = NAN;
            ok(lt_content.check(env, m) == LT_CORRUPT || lt_content.prepare(env, &scorer) == LT_CORRUPT,
               "%s not a number", array->name);
            array->d[0] = first;
        } else {
            array->i[0] = 3;
            ok(lt_content.check(env, m) == LT_CORRUPT, "%s out of range", array->name);
            array->i[0] = 0;
        }
    }
    fine(env, lt_content.check(env, m));
    test_env_drop(env);
}

int main(void)
{
    test_cold();
    test_other_numbers();
    test_options();
    test_errors();
    return done();
}
