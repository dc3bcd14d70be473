/*
 * test_similar.c: similar items against every pair's cosine, and what cannot be compared.
 */
#include "recommend_data.h"

extern const lt_algorithm lt_als;

#define SHOP_USERS 30
#define SHOP_ITEMS 24

/* Row `item` of the items' features, all columns. */
static void wide_row(const lt_table *t, int64_t item, double *row)
{
    for (int32_t j = 0; j < t->dense + t->sparse; j++)
        row[j] = j < t->dense ? t->x[item * t->dense + j] : 0;
    for (int64_t k = t->sparse > 0 ? t->start[item] : 0; t->sparse > 0 && k < t->start[item + 1]; k++)
        row[t->dense + t->col[k]] = t->val[k];
}

static double naive_cosine(const lt_table *t, int64_t a, int64_t b)
{
    double x[256], y[256], dot = 0, xx = 0, yy = 0;

    wide_row(t, a, x);
    wide_row(t, b, y);
    for (int32_t j = 0; j < t->dense + t->sparse; j++) {
        dot += x[j] * y[j];
        xx += x[j] * x[j];
        yy += y[j] * y[j];
    }
    return xx > 0 && yy > 0 ? dot / sqrt(xx * yy) : 0;
}

static void test_features(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, 300, SHOP_USERS, SHOP_ITEMS, 8);
    trained *t = train_on(env, &lt_logistic, PAIRS | LABEL | SIDES, v, 300, OPTIONS("split", "none"));
    const lt_table *features = &t->bundle.item;
    int32_t items = t->bundle.items.n;
    lt_list list, shorter;
    int wrong = 0;

    ok(features->dense > 1 && features->sparse > 1 && features->dense + features->sparse <= 256,
       "%d dense columns and %d sparse ones", features->dense, features->sparse);
    for (int32_t item = 0; item < items; item++) {
        fine(env, lt_similar(env, &t->r, item, 1000, &list));
        wrong += list.n != items - 1;
        for (int64_t i = 0; i < list.n; i++) {
            wrong += list.item[i] == item || fabs(list.score[i] - naive_cosine(features, item, list.item[i])) > 1e-6;
            wrong += i > 0 && (list.score[i] > list.score[i - 1] ||
                               (list.score[i] == list.score[i - 1] &&
                                t->r.popularity.rank[list.item[i]] < t->r.popularity.rank[list.item[i - 1]]));
        }
    }
    ok(wrong == 0, "all other items by the cosine, equal ones by popularity");
    fine(env, lt_similar(env, &t->r, 3, 1000, &list));
    fine(env, lt_similar(env, &t->r, 3, 4, &shorter));
    ok(shorter.n == 4 && memcmp(shorter.item, list.item, 4 * sizeof *list.item) == 0, "k of them");
    for (int32_t j = 0; j < features->dense; j++)
        features->x[3 * features->dense + j] = 0;
    for (int64_t k = features->start[3]; k < features->start[4]; k++)
        features->val[k] = 0;
    fine(env, lt_similar(env, &t->r, 3, 1000, &list));
    ok(list.n == items - 1 && list.score[0] == 0 && list.score[list.n - 1] == 0, "an item of which nothing is said");
    test_env_drop(env);
}

/* An algorithm's own similarity, so that what it says is known. */
static lt_status by_distance(lt_env *env, const lt_scorer *s, int32_t item, float *score)
{
    (void)env;
    for (int32_t i = 0; i < s->model->design.items; i++)
        score[i] = (float)-abs(i - item);
    return LT_OK;
}

static void test_algorithm(void)
{
    lt_env *env = test_env();
    event *v = random_events(env, 300, SHOP_USERS, SHOP_ITEMS, 8);
    trained *t = train_on(env, &lt_logistic, PAIRS | LABEL, v, 300, OPTIONS("split", "none"));
    lt_algorithm own = lt_logistic;
    lt_list list;

    ok(lt_similar(env, &t->r, 5, 3, &list) == LT_UNSUPPORTED && strstr(env->error.message, "logistic") != NULL &&
           strstr(env->error.hint, "item_features") != NULL,
       "without features: %s | %s", env->error.message, env->error.hint);
    own.similar = by_distance;
    t->bundle.model.algorithm = &own;
    fine(env, lt_similar(env, &t->r, 5, 3, &list));
    ok(list.n == 3 && list.score[0] == -1 && list.score[1] == -1 && list.score[2] == -2 &&
           (list.item[0] == 4 || list.item[0] == 6),
       "as the algorithm says");
    test_env_drop(env);
}

/* Where vectors come from: the model, the features, or neither. */
static void test_vectors(void)
{
    static const int32_t items[] = {3, -1, 3, 0};
    lt_env *env = test_env();
    event *v = random_events(env, 300, SHOP_USERS, SHOP_ITEMS, 8);
    trained *sides = train_on(env, &lt_logistic, PAIRS | LABEL | SIDES, v, 300, OPTIONS("split", "none"));
    trained *bare = train_on(env, &lt_logistic, PAIRS | LABEL, v, 300, OPTIONS("split", "none"));
    trained *als = train_on(env, &lt_als, PAIRS | SIDES, v, 300, OPTIONS("split", "none", "factors", "4"));
    trained *plain = train_on(env, &lt_mlp, PAIRS | LABEL | SIDES, v, 300,
                              OPTIONS("split", "none", "embedding", "0", "hidden", "3", "epochs", "1"));
    const lt_table *features = &sides->bundle.item;
    lt_table rows;
    double x[256], y[256];
    int wrong = 0;

    fine(env, lt_item_vectors(env, &sides->r, LT_VECTORS_AUTO, items, 4, &rows));
    ok(rows.n == 4 && rows.dense == features->dense && rows.sparse == features->sparse, "of logistic the features'");
    for (int i = 0; i < 4; i++) {
        wide_row(&rows, i, x);
        if (items[i] >= 0)
            wide_row(features, items[i], y);
        for (int j = 0; j < rows.dense + rows.sparse; j++)
            wrong += x[j] != (items[i] >= 0 ? y[j] : 0);
    }
    ok(wrong == 0, "row by row, and zeros for an item that is not there");
    ok(lt_item_vectors(env, &sides->r, LT_VECTORS_MODEL, items, 4, &rows) == LT_UNSUPPORTED, "not the model's: %s | %s",
       env->error.message, env->error.hint);
    ok(lt_item_vectors(env, &bare->r, LT_VECTORS_AUTO, items, 4, &rows) == LT_UNSUPPORTED, "nor anybody's: %s | %s",
       env->error.message, env->error.hint);
    ok(lt_item_vectors(env, &bare->r, LT_VECTORS_FEATURES, items, 4, &rows) == LT_UNSUPPORTED, "nor features: %s",
       env->error.message);
    fine(env, lt_item_vectors(env, &als->r, LT_VECTORS_AUTO, items, 4, &rows));
    ok(rows.dense == 4 && rows.sparse == 0, "of als its own");
    fine(env, lt_item_vectors(env, &plain->r, LT_VECTORS_AUTO, items, 4, &rows));
    ok(rows.dense == features->dense && rows.sparse == features->sparse, "of an mlp without embeddings the features'");
    ok(lt_item_vectors(env, &plain->r, LT_VECTORS_MODEL, items, 4, &rows) == LT_UNSUPPORTED, "it has none of its own");
    test_env_drop(env);
}

int main(void)
{
    test_vectors();
    test_features();
    test_algorithm();
    return done();
}
