/*
 * test_neighbors.c: which weights are kept; stored lists that are corrupt; scoring's corners; growing.
 */
#include "neighbors.h"
#include "neighbors_data.h"

extern const lt_algorithm lt_ease, lt_item_knn, lt_rp3beta, lt_graph_filter;

/* Target 0 has five sources, the others none. */
static int32_t five(void *context, int32_t target, int member, int32_t *source, float *weight)
{
    static const int32_t from[] = {5, 2, 9, 0, 7};
    static const float of[] = {0.5f, -2, 0.5f, 0, 0.5f};

    (void)context;
    (void)member;
    memcpy(source, from, sizeof from);
    memcpy(weight, of, sizeof of);
    return target == 0 ? 5 : 0;
}

static void test_lists(void)
{
    static const struct {
        int most;
        bool by_magnitude;
        const char *kept;
    } cases[] = {{0, false, "5 9 7 "},  {2, false, "5 7 "}, {1, false, "5 "},     {4, false, "5 9 7 "},
                 {0, true, "5 2 9 7 "}, {2, true, "5 2 "},  {9, true, "5 2 9 7 "}};
    lt_env *env = test_env();

    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        lt_neighbor_lists l;
        char kept[64] = "";

        fine(env, lt_neighbor_lists_init(env, &l, 10, cases[c].most, 0));
        fine(env, lt_neighbor_lists_fill(env, &l, cases[c].by_magnitude, five, NULL));
        for (int64_t k = 0; k < l.n; k++)
            snprintf(kept + strlen(kept), sizeof kept - strlen(kept), "%d ", l.source[k]);
        ok(strcmp(kept, cases[c].kept) == 0, "of 5 the best %d%s: %s(of equals the lower)", cases[c].most,
           cases[c].by_magnitude ? " by magnitude" : "", kept);
    }
    test_env_drop(env);
}

enum { TARGETS = 3000, MOST = 40 };

/* Sources from the highest down, with few different weights, so that there are ties; some below 0, some not there. */
static int32_t many(void *context, int32_t target, int member, int32_t *source, float *weight)
{
    lt_random r;
    int32_t n = 0;

    (void)context;
    (void)member;
    lt_random_seed(&r, (uint64_t)target);
    for (int32_t i = TARGETS - 1; i >= 0; i--)
        if (lt_random_below(&r, 30) < target % 30) {
            source[n] = i;
            weight[n++] = (float)(lt_random_below(&r, 200) - 50) * (target % 2 ? 1e-6f : 1e4f);
        }
    return n;
}

/* What of a target's sources is kept, found one by one. */
static bool kept_rightly(const lt_neighbor_lists *l, int32_t target, bool by_magnitude)
{
    static int32_t source[TARGETS];
    static float weight[TARGETS];
    int64_t at = l->start[target];
    int32_t n = many(NULL, target, 0, source, weight);
    bool right = true;

    for (int32_t k = 0; k < n; k++) {
        float key = by_magnitude ? fabsf(weight[k]) : weight[k];
        int32_t better = 0;

        if (key <= 0)
            continue;
        for (int32_t o = 0; o < n; o++) {
            float other = by_magnitude ? fabsf(weight[o]) : weight[o];

            better += other > key || (other == key && source[o] < source[k]);
        }
        if (better < MOST) {
            right = right && at < l->start[target + 1] && l->source[at] == source[k] && l->weight[at] == weight[k];
            at++;
        }
    }
    return right && at == l->start[target + 1];
}

/* More targets than a batch has; by any number of threads the same lists, and the right ones. */
static void test_batches(void)
{
    static const int members[] = {1, 2, 5};
    lt_env *env = test_env();
    lt_neighbor_lists l[3];

    for (int by_magnitude = 0; by_magnitude < 2; by_magnitude++) {
        int wrong = 0;

        for (int t = 0; t < 3; t++) {
            test_env_team(env, members[t]);
            fine(env, lt_neighbor_lists_init(env, &l[t], TARGETS, MOST, 0));
            fine(env, lt_neighbor_lists_fill(env, &l[t], by_magnitude, many, NULL));
            ok(l[t].n == l[0].n && memcmp(l[t].start, l[0].start, (TARGETS + 1) * sizeof *l[t].start) == 0 &&
                   memcmp(l[t].source, l[0].source, (size_t)l[0].n * sizeof *l[t].source) == 0 &&
                   memcmp(l[t].weight, l[0].weight, (size_t)l[0].n * sizeof *l[t].weight) == 0,
               "%d threads: the same lists", members[t]);
        }
        for (int32_t target = 0; target < TARGETS; target += 97)
            wrong += !kept_rightly(&l[0], target, by_magnitude);
        ok(wrong == 0, "%d targets are wrong", wrong);
    }
    test_env_drop(env);
}

static bool same_arrays(const lt_model *a, const lt_model *b)
{
    bool same = a->n_arrays == b->n_arrays;

    for (int i = 0; same && i < a->n_arrays; i++) {
        const lt_array *x = &a->array[i], *y = &b->array[i];
        size_t n = (size_t)(x->rows * x->cols);

        same = x->rows == y->rows && x->cols == y->cols &&
               (x->f == NULL || memcmp(x->f, y->f, n * sizeof *x->f) == 0) &&
               (x->i == NULL || memcmp(x->i, y->i, n * sizeof *x->i) == 0);
    }
    return same;
}

static void test_threads(void)
{
    static const lt_algorithm *const all[] = {&lt_ease, &lt_item_knn, &lt_rp3beta, &lt_graph_filter};
    lt_env *env = test_env();

    for (int a = 0; a < 4; a++)
        for (int neighbors = 0; neighbors < 5; neighbors += 4) {
            lt_model alone, shared;

            fine(env,
                 train_model(env, all[a], &interactions_of(env, 0)->data, SETTINGS({"neighbors", neighbors}), &alone));
            test_env_team(env, 3);
            fine(env,
                 train_model(env, all[a], &interactions_of(env, 0)->data, SETTINGS({"neighbors", neighbors}), &shared));
            test_env_team(env, 1);
            ok(same_arrays(&alone, &shared), "%s, %d neighbors: three threads make the model of one", all[a]->name,
               neighbors);
        }
    test_env_drop(env);
}

static lt_model trained(lt_env *env, const lt_algorithm *algorithm, int neighbors)
{
    lt_model m;

    fine(env, train_model(env, algorithm, &interactions_of(env, 0)->data, SETTINGS({"neighbors", neighbors}), &m));
    return m;
}

#define REFUSED(m, change, what)                                                                                       \
    do {                                                                                                               \
        lt_model *refused_ = &(m);                                                                                     \
        change;                                                                                                        \
        ok(refused_->algorithm->check(env, refused_) == LT_CORRUPT, "%s: %s", what, env->error.message);               \
    } while (0)
#define ARRAY(m, name) ((lt_array *)lt_model_array(&(m), name))

static void test_check(void)
{
    lt_env *env = test_env();
    lt_model m;
    int32_t n;

#define AGAIN m = trained(env, &lt_item_knn, 3)
    REFUSED(m, AGAIN; ARRAY(m, "weight")->f[2] = NAN, "a weight that is no number");
    REFUSED(m, AGAIN; ARRAY(m, "weight")->cols--, "a weight less");
    REFUSED(m, AGAIN; ARRAY(m, "weight")->name = "weights", "no weights");
    REFUSED(m, AGAIN; ARRAY(m, "item")->name = "items", "no items");
    REFUSED(m, AGAIN; ARRAY(m, "item")->cols--, "an item less");
    REFUSED(m, AGAIN; ARRAY(m, "item")->i = NULL, "items of another type");
    REFUSED(m, AGAIN; ARRAY(m, "item")->i[0] = ITEMS, "an item that does not exist");
    REFUSED(m, AGAIN; ARRAY(m, "item")->i[0] = -1, "an item below 0");
    REFUSED(m, AGAIN; n = ARRAY(m, "start")->i[4];
            ARRAY(m, "item")->i[n + 1] = ARRAY(m, "item")->i[n], "an item twice");
    REFUSED(m, AGAIN; ARRAY(m, "start")->name = "begin", "lists without a start");
    REFUSED(m, AGAIN; ARRAY(m, "start")->i = NULL, "starts of another type");
    REFUSED(m, AGAIN; ARRAY(m, "start")->cols--, "a start less");
    REFUSED(m, AGAIN; ARRAY(m, "start")->i[0] = 1, "a first list that starts later");
    REFUSED(m, AGAIN; ARRAY(m, "start")->i[4] = ARRAY(m, "start")->i[5] + 1, "starts that descend");
    REFUSED(m, AGAIN; n = ARRAY(m, "start")->i[ITEMS]; ARRAY(m, "start")->i[3] = n + 1, "a start behind the end");
    REFUSED(m, AGAIN; ARRAY(m, "start")->i[ITEMS]++, "an end behind the end");
    REFUSED(m, AGAIN; m.design.items++, "another catalogue");
#undef AGAIN
#define AGAIN m = trained(env, &lt_ease, 0)
    REFUSED(m, AGAIN; ARRAY(m, "weight")->f[7] = INFINITY, "a weight without end");
    REFUSED(m, AGAIN; ARRAY(m, "weight")->rows--, "a row less");
    REFUSED(m, AGAIN; ARRAY(m, "weight")->cols++, "a column more");
    REFUSED(m, AGAIN; m.design.items--, "another catalogue, all kept");
#undef AGAIN
    test_env_drop(env);
}

/* Baskets, candidates, unknown items; then all the same on a catalogue that grew. */
static void test_scores(const lt_algorithm *algorithm, int neighbors)
{
    static const int32_t basket[] = {1, 4, COLD, 100}, candidates[] = {9, 2, -1, 100, COLD, 2};
    static const float strength[] = {2, -0.5f, 3, 1};
    lt_env *env = test_env();
    lt_model m = trained(env, algorithm, neighbors);
    lt_design grown = m.design;
    matrix w = weights_in(&m);
    lt_scorer scorer = {.model = &m};
    lt_subject who = {.user = -1, .n_history = 4, .history = basket, .history_weight = strength};
    float margin[ITEMS + 3], before[ITEMS];
    double contribution[5];

    fine(env, algorithm->prepare(env, &scorer));
    fine(env, algorithm->score(env, &scorer, &who, candidates, 6, margin));
    near(margin[0], 2 * w.at[1][9] - 0.5 * w.at[4][9], 1e-6, "a basket's items count by their weights");
    ok(margin[1] == margin[5] && margin[2] == 0 && margin[3] == 0 && margin[4] == 0,
       "a candidate twice; unknown and cold ones have nothing");
    fine(env, algorithm->explain_history(env, &scorer, &who, 9, contribution));
    near(contribution[1], 2 * w.at[1][9], 1e-12, "its first item's part");
    near(contribution[2], -0.5 * w.at[4][9], 1e-12, "its second's");
    ok(contribution[0] == 0 && contribution[3] == 0 && contribution[4] == 0, "and no other");
    fine(env, algorithm->explain_history(env, &scorer, &who, 100, contribution));
    ok(contribution[1] == 0 && contribution[2] == 0, "an item that does not exist is nobody's");
    fine(env, algorithm->score(env, &scorer, &who, NULL, ITEMS, before));
    who.n_history = 0;
    fine(env, algorithm->score(env, &scorer, &who, NULL, ITEMS, margin));
    ok(margin[0] == 0 && margin[ITEMS - 1] == 0, "an empty history says nothing");

    grown.items = ITEMS + 3;
    fine(env, algorithm->extend(env, &m, &grown));
    m.design = grown;
    fine(env, algorithm->check(env, &m));
    scorer = (lt_scorer){.model = &m};
    fine(env, algorithm->prepare(env, &scorer));
    who.n_history = 4;
    fine(env, algorithm->score(env, &scorer, &who, NULL, ITEMS + 3, margin));
    ok(memcmp(margin, before, sizeof before) == 0, "%s, neighbors %d: a grown model scores old items as before",
       algorithm->name, neighbors);
    ok(margin[ITEMS] == 0 && margin[ITEMS + 1] == 0 && margin[ITEMS + 2] == 0, "and new ones with 0");
    test_env_drop(env);
}

/* By hand: 0 and 1 point at each other, 2 at 0, and 3 at nothing. */
static void test_vectors(bool dense)
{
    static const float full[16] = {0, 2, 0, 0, -1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0};
    lt_env *env = test_env();
    lt_model m = {.algorithm = &lt_ease, .design = {.items = 4}};
    lt_scorer scorer = {.model = &m};
    int32_t *start, *item;
    float *weight, *cosine;

    if (dense) {
        fine(env, lt_model_add_f32(env, &m, "weight", 4, 4, &weight));
        memcpy(weight, full, sizeof full);
    } else {
        fine(env, lt_model_add_i32(env, &m, "start", 1, 5, &start));
        fine(env, lt_model_add_i32(env, &m, "item", 1, 3, &item));
        fine(env, lt_model_add_f32(env, &m, "weight", 1, 3, &weight));
        memcpy(start, (int32_t[]){0, 1, 2, 3, 3}, 5 * sizeof *start);
        memcpy(item, (int32_t[]){1, 0, 0}, 3 * sizeof *item);
        memcpy(weight, (float[]){2, -1, 3}, 3 * sizeof *weight);
    }
    fine(env, lt_ease.check(env, &m));
    fine(env, lt_ease.prepare(env, &scorer));
    cosine = cosines_of(env, &scorer, 4, dense ? "all weights" : "lists");
    near(cosine[0 * 4 + 1], 0, 0, "(2, 2) and (-1, 1) are at right angles");
    near(cosine[0 * 4 + 2], 0.5, 1e-7, "(2, 2, 0) and (3, 0, 3) halfway");
    near(cosine[1 * 4 + 2], -0.5, 1e-7, "(-1, 1, 0) and (3, 0, 3) halfway apart");
    ok(cosine[3 * 4 + 3] == 0 && cosine[3 * 4 + 0] == 0, "one that points at nothing is like none");
    test_env_drop(env);
}

/* No users, no items, one item. */
static void test_empty(const lt_algorithm *algorithm)
{
    lt_env *env = test_env();
    int64_t start[] = {0, 0, 0, 1};
    int32_t col[] = {0};

    for (int items = 0; items < 3; items++)
        for (int users = 0; users < 4; users += items == 0 ? 2 : 3) {
            lt_dataset data = {.design = {.users = users, .items = items},
                               .seen = {.rows = users, .cols = items, .start = start, .col = col}};
            float margin[2] = {-1, -1};
            lt_scorer scorer;
            lt_model m;

            if (items == 0 && users > 2)
                continue;
            fine(env, train_model(env, algorithm, &data, NULL, 0, &m));
            scorer = (lt_scorer){.model = &m};
            fine(env, algorithm->prepare(env, &scorer));
            fine(env, algorithm->score(env, &scorer, &(lt_subject){.user = 0}, NULL, items, margin));
            ok(items == 0 || margin[0] == 0, "%s: %d items, %d users", algorithm->name, items, users);
        }
    test_env_drop(env);
}

int main(void)
{
    test_lists();
    test_batches();
    test_threads();
    test_check();
    test_scores(&lt_item_knn, 6);
    test_scores(&lt_item_knn, 0);
    test_scores(&lt_ease, 6);
    test_scores(&lt_ease, 0);
    test_vectors(false);
    test_vectors(true);
    test_empty(&lt_item_knn);
    test_empty(&lt_ease);
    return done();
}
