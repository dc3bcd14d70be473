/*
 * test_propensity.c: inverse-propensity weights by hand, their sum and bound on random counts, and where they go.
 */
#include "propensity.h"

#include "factors.h"
#include "shop_data.h"

extern const lt_algorithm lt_als, lt_bpr, lt_blend, lt_content, lt_item_knn;

/* ---- the weights ---- */

static void weigh(lt_env *env, const double *count, const double *weight, int n, double exponent, double clip,
                  double *out)
{
    if (lt_propensity_weights(env, count, weight, n, exponent, clip, out) != LT_OK)
        printf("Bail out! %s\n", env->error.message);
}

static void test_by_hand(lt_env *env)
{
    const double count[5] = {8, 4, 2, 1, 0}, heavy[5] = {8, 4, 2, 6, 0}, none[5] = {0};
    double w[5];

    /* Each item gets a fourth of the 15 positives. */
    weigh(env, count, count, 5, 1, 10, w);
    for (int i = 0; i < 4; i++)
        near(w[i], 15 / (4 * count[i]), 1e-15, "exponent 1: all items weigh the same in all (%d)", i);
    near(w[4], 1, 0, "an item without positives has 1");

    /* sum of count sqrt(1 / count) is the sum of roots. */
    weigh(env, count, count, 5, 0.5, 10, w);
    for (int i = 0; i < 4; i++)
        near(w[i], 15 / (sqrt(8) + 2 + sqrt(2) + 1) / sqrt(count[i]), 1e-15, "exponent 0.5 (%d)", i);

    /* 15/4 and then, of the 13 left for three, 13/6 are beyond 2; 9 are left for two. */
    weigh(env, count, count, 5, 1, 2, w);
    near(w[3], 2, 0, "clipped");
    near(w[2], 2, 0, "and what the first clip raised beyond it");
    near(w[1], 9.0 / 8, 1e-15, "what was cut off goes to the others");
    near(w[0], 9.0 / 16, 1e-15, "in proportion");

    /* Weights of their own: raw 1/8, 1/4, 1/2, 1 times 8, 4, 2, 6 are 9, of 20. */
    weigh(env, count, heavy, 5, 1, 10, w);
    near(w[3], 20.0 / 9, 1e-15, "the mean is that of the weights read");
    near(w[0], 20.0 / 72, 1e-15, "popularity that of the pairs");

    weigh(env, count, count, 5, 0, 10, w);
    for (int i = 0; i < 5; i++)
        near(w[i], 1, 0, "exponent 0: nothing (%d)", i);
    weigh(env, count, count, 5, 2, 1, w);
    for (int i = 0; i < 5; i++)
        near(w[i], 1, 1e-15, "clip 1: nothing (%d)", i);
    weigh(env, count, none, 5, 1, 10, w);
    ok(w[0] == 1 && w[3] == 1, "weights of zero are left alone");
    weigh(env, none, none, 5, 1, 10, w);
    ok(w[0] == 1 && w[4] == 1, "without positives there is nothing to weigh");
}

/* Sum kept, bound kept, rarer never weighs less, and what is not clipped is in proportion to the propensities. */
static void test_properties(lt_env *env)
{
    enum { MOST = 200, TURNS = 2000 };
    double count[MOST], weight[MOST], w[MOST], sum_error = 0, above = 0, ratio_error = 0;
    int falls = 0, clipped = 0;
    lt_random r;

    lt_random_seed(&r, 1);
    for (int turn = 0; turn < TURNS; turn++) {
        int n = 1 + (int)lt_random_below(&r, MOST);
        double exponent = 2 * lt_random_uniform(&r), clip = 1 + pow(10, 3 * lt_random_uniform(&r) - 1), before = 0,
               after = 0;

        for (int i = 0; i < n; i++) {
            count[i] = floor(pow(10, 6 * lt_random_uniform(&r)) - 1);
            weight[i] = count[i] * (turn % 2 == 0 ? 1 : 0.1 + lt_random_uniform(&r));
        }
        weigh(env, count, weight, n, exponent, clip, w);
        for (int i = 0; i < n; i++) {
            before += weight[i];
            after += weight[i] * w[i];
            above = fmax(above, count[i] > 0 ? w[i] - clip : 0);
            clipped += w[i] == clip;
            for (int j = 0; j < n; j++) {
                if (count[i] <= 0 || count[j] <= 0)
                    continue;
                falls += count[i] < count[j] && w[i] < w[j];
                if (w[i] < clip && w[j] < clip)
                    ratio_error = fmax(ratio_error, fabs(w[i] / w[j] / pow(count[i] / count[j], -exponent) - 1));
            }
        }
        sum_error = fmax(sum_error, before > 0 ? fabs(after / before - 1) : 0);
    }
    ok(sum_error < 1e-12, "%d random catalogues: the sum of weights is kept (%g)", TURNS, sum_error);
    ok(above <= 0 && clipped > TURNS, "none is beyond the clip, %d are at it", clipped);
    ok(falls == 0, "rarer never weighs less");
    ok(ratio_error < 1e-12, "the others are popularity's power (%g)", ratio_error);
}

/* ---- where they go ---- */

enum { USERS = 60, ITEMS = 30 };

/* Pairs whose items' popularity falls with their number; labels of both kinds when asked for. */
static built shop(lt_env *env, lt_bundle *bundle, int what, bool ratings)
{
    lt_options o = options_of(env, &lt_logistic, OPTIONS("split", "none"));
    lt_random r;
    event *v;
    int n = 0;

    lt_random_seed(&r, 4);
    fine(env, lt_alloc(env, &v, USERS * ITEMS, sizeof *v, "test"));
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            if (lt_random_uniform(&r) < 8.0 / (i + 10)) {
                v[n] = (event){.user = u, .item = i, .weight = 1 + (u + i) % 3, .time = (double)lt_random_below(&r, 9)};
                v[n].label = ratings ? 1 + (u * 7 + i) % 5 : lt_random_uniform(&r) < 0.5;
                n++;
            }
    return build(env, bundle, false, PAIRS | what, v, n, &o);
}

static lt_status apply(lt_env *env, const lt_dataset *d, const lt_algorithm *a, const char *const *list,
                       lt_dataset *out)
{
    lt_options o = options_of(env, a, list);

    env->error = (lt_error){.status = LT_OK};
    return lt_propensity_apply(env, d, a, &o, out);
}

/* lt_propensity_weights of the rows that count. */
static void expected(lt_env *env, const lt_dataset *d, double exponent, double *w)
{
    double count[ITEMS] = {0}, weight[ITEMS] = {0};

    for (int64_t i = 0; i < d->train.n; i++)
        if (d->label_kind == LT_LABEL_REAL || d->train.label[i] > 0) {
            count[d->train.item[i]]++;
            weight[d->train.item[i]] += d->train.weight == NULL ? 1 : d->train.weight[i];
        }
    weigh(env, count, weight, d->design.items, exponent, 10, w);
}

static void test_places(lt_env *env, int what, bool ratings, const char *name)
{
    lt_bundle bundle;
    built b = shop(env, &bundle, what, ratings);
    const lt_dataset *d = &b.data;
    const char *const *off = OPTIONS("propensity_exponent", "0", "propensity_clip", "2");
    const char *const *on = OPTIONS("propensity_exponent", "0.5");
    double w[ITEMS], worst = 0;
    int unweighed = 0;
    lt_dataset out;

    ok(b.status == LT_OK && d->train.n > 300, "%s: %d rows", name, (int)d->train.n);
    fine(env, apply(env, d, &lt_mlp, off, &out));
    ok(out.train.weight == d->train.weight && out.seen.val == d->seen.val && out.histories == NULL,
       "%s: off is the data as it was", name);
    lt_propensity_free(env, d, &out);

    expected(env, d, 0.5, w);
    fine(env, apply(env, d, &lt_mlp, on, &out));
    for (int64_t i = 0; i < d->train.n; i++) {
        double read = d->train.weight == NULL ? 1 : d->train.weight[i];

        unweighed += !ratings && d->train.label[i] <= 0;
        worst = fmax(worst,
                     fabs(out.train.weight[i] - read * (!ratings && d->train.label[i] <= 0 ? 1 : w[d->train.item[i]])));
    }
    ok(worst < 1e-6, "%s: weights of examples are those read times the item's", name);
    ok((unweighed > 0) == (d->label_kind == LT_LABEL_BINARY), "%s: labels of 0 keep theirs", name);
    ok(out.seen.val == d->seen.val && out.had.val == d->had.val && out.item_count == d->item_count &&
           out.validation.weight == d->validation.weight,
       "%s: nothing else is weighed", name);
    lt_propensity_free(env, d, &out);

    if (ratings) {
        ok(apply(env, d, &lt_als, on, &out) == LT_INVALID, "%s: pairs have no weights: %s", name, env->error.message);
        return;
    }
    fine(env, apply(env, d, &lt_als, on, &out));
    worst = 0;
    for (int64_t e = 0; e < d->seen.start[d->seen.rows]; e++)
        worst = fmax(worst, fabs(out.seen.val[e] - (d->seen.val == NULL ? 1 : d->seen.val[e]) * w[d->seen.col[e]]));
    ok(worst < 1e-6, "%s: pairs as well", name);
    ok(out.train.weight == d->train.weight && out.had.val == d->had.val, "%s: for those who read them", name);
    ok(lt_dataset_histories(&out)->val == d->seen.val && lt_dataset_histories(d) == &d->seen,
       "%s: histories are as they were read", name);
    lt_propensity_free(env, d, &out);
}

/* ---- every algorithm ---- */

typedef struct bytes {
    uint8_t *at;
    size_t n;
} bytes;

static bytes trained(lt_env *env, const lt_dataset *d, const lt_algorithm *a, const char *const *list, lt_model *m)
{
    lt_options o = options_of(env, a, list);
    lt_dataset weighed;
    lt_writer w;
    lt_fit fit;

    *m = (lt_model){.algorithm = a};
    if (lt_propensity_apply(env, d, a, &o, &weighed) != LT_OK || a->train(env, &weighed, &o, m, &fit) != LT_OK)
        printf("Bail out! %s: %s\n", a->name, env->error.message);
    lt_propensity_free(env, d, &weighed);
    lt_writer_init(env, &w);
    lt_model_write(&w, m);
    return (bytes){w.bytes, w.n};
}

static bool same(bytes a, bytes b)
{
    return a.n == b.n && memcmp(a.at, b.at, a.n) == 0;
}

/* What an algorithm says of the weights it reads is true. */
static void test_algorithms(lt_env *env)
{
    lt_bundle bundle;
    built b = shop(env, &bundle, TIME | SIDES, false);
    int read = 0;

    for (int i = 0; lt_algorithms[i] != NULL; i++) {
        const lt_algorithm *a = lt_algorithms[i];
        lt_dataset out;
        lt_model m;
        bytes off;

        if (!a->recommender)
            continue;
        if (a->weights == LT_WEIGHTS_NONE) {
            ok(apply(env, &b.data, a, OPTIONS("propensity_exponent", "1"), &out) == LT_INVALID, "%s is refused: %s",
               a->name, env->error.message);
            continue;
        }
        off = trained(env, &b.data, a, OPTIONS("seed", "1"), &m);
        ok(same(off, trained(env, &b.data, a, OPTIONS("propensity_clip", "3"), &m)), "%s: off is what it was", a->name);
        ok(!same(off, trained(env, &b.data, a, OPTIONS("propensity_exponent", "0.5"), &m)), "%s: on is not", a->name);
        read++;
    }
    ok(read >= 11, "%d algorithms read weights", read);
}

/* A user with the history of training gets the vector that training made, not one folded in. */
static void test_histories(lt_env *env)
{
    static const lt_algorithm *const algorithms[] = {&lt_als, &lt_bpr};

    for (int weighted = 0; weighted < 2; weighted++)
        for (int a = 0; a < 2; a++) {
            lt_bundle bundle;
            built b = shop(env, &bundle, weighted ? WEIGHT : 0, false);
            lt_model m;
            lt_scorer scorer = {.model = &m};
            float *x, *changed;
            lt_factors f;
            int stored = 0, folded = 0;

            trained(env, &b.data, algorithms[a], OPTIONS("propensity_exponent", "0.5", "factors", "4"), &m);
            f = lt_factors_of(&m);
            fine(env, lt_factors_prepare(env, &scorer));
            fine(env, lt_alloc(env, &x, 5, sizeof *x, "test"));
            fine(env, lt_alloc(env, &changed, 5, sizeof *changed, "test"));
            for (int32_t u = 0; u < f.users; u++) {
                lt_subject s = {.user = u};

                lt_subject_take_history(&s, &b.data.had, u);
                if (s.n_history < 2 || lt_factors_user(env, &scorer, &s, x) != LT_OK)
                    continue;
                s.n_history--;
                if (lt_factors_user(env, &scorer, &s, changed) != LT_OK)
                    continue;
                stored += memcmp(x, f.user + (int64_t)u * 4, 4 * sizeof *x) == 0;
                folded += memcmp(changed, f.user + (int64_t)u * 4, 4 * sizeof *x) != 0;
            }
            ok(stored > 50 && stored == folded, "%s%s: %d users are served the vectors of training",
               algorithms[a]->name, weighted ? ", weights" : "", stored);
        }
}

/* Users who each have one item: what a popularity of the rows says, weighed. */
static void test_popular(lt_env *env)
{
    lt_bundle bundle;
    built b = shop(env, &bundle, 0, false);
    const lt_algorithm *popular = lt_algorithm_find("popularity");
    lt_model m;
    double least = INFINITY, most = 0;

    trained(env, &b.data, popular, OPTIONS("propensity_exponent", "1"), &m);
    for (int i = 0; i < b.data.design.items; i++) {
        least = fmin(least, lt_model_array(&m, "count")->d[i]);
        most = fmax(most, lt_model_array(&m, "count")->d[i]);
    }
    near(most / least, 1, 1e-5, "with exponent 1 all items are as popular as another");
}

static void test_refusals(lt_env *env)
{
    event v[2] = {{.label = 1, .price = 1}, {.label = 0, .price = 2}};
    lt_options o = options_of(env, &lt_logistic, OPTIONS("split", "none"));
    lt_bundle rows, pairs;
    built supervised = build(env, &rows, false, ROWS | LABEL, v, 2, &o), implicit = shop(env, &pairs, 0, false);
    test_context *context = env->context;
    lt_dataset out;
    lt_model m = {.algorithm = &lt_item_knn};
    lt_fit fit;

    ok(apply(env, &supervised.data, &lt_logistic, OPTIONS("propensity_exponent", "1"), &out) == LT_INVALID,
       "rows without items: %s", env->error.message);
    fine(env, apply(env, &implicit.data, &lt_item_knn, OPTIONS("propensity_exponent", "1", "shrinkage", "0"), &out));
    o = options_of(env, &lt_item_knn, OPTIONS("shrinkage", "0"));
    ok(lt_item_knn.train(env, &out, &o, &m, &fit) == LT_INVALID, "a plain cosine: %s", env->error.message);
    context->cancel_at = context->polls + 2;
    ok(apply(env, &implicit.data, &lt_als, OPTIONS("propensity_exponent", "1"), &out) == LT_CANCELLED, "cancel acts");
    o = options_of(env, &lt_als, OPTIONS("propensity_exponent", "1"));
    env->budget = env->used + 100;
    ok(lt_propensity_apply(env, &implicit.data, &lt_als, &o, &out) == LT_NO_MEMORY, "no memory");
}

int main(void)
{
    lt_env *env = test_env();

    test_by_hand(env);
    test_properties(env);
    test_places(env, 0, false, "implicit");
    test_places(env, WEIGHT, false, "implicit with weights");
    test_places(env, LABEL | WEIGHT, false, "labels");
    test_places(env, LABEL | WEIGHT, true, "ratings");
    test_algorithms(env);
    test_histories(env);
    test_popular(env);
    test_refusals(env);
    test_env_drop(env);
    return done();
}
