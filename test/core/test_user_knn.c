/* test_user_knn.c: user-based neighbors against the definition over dense matrices, edges between users among them. */
#include "model.h"
#include "tap.h"

extern const lt_algorithm lt_user_knn;

#define USERS 40
#define ITEMS 25

/* r and the edges, dense; 0: none. */
typedef struct world {
    lt_dataset data;
    double r[USERS][ITEMS], edge[USERS][USERS];
} world;

typedef struct knn {
    int neighbors;
    double shrinkage, social_weight;
} knn;

static lt_pairs pairs_of(lt_env *env, int rows, int cols, const double *cell, bool weighted)
{
    lt_pairs p = {.rows = rows, .cols = cols};

    lt_alloc(env, &p.start, (size_t)rows + 1, sizeof *p.start, "test");
    lt_alloc(env, &p.col, (size_t)(rows * cols), sizeof *p.col, "test");
    if (weighted)
        lt_alloc(env, &p.val, (size_t)(rows * cols), sizeof *p.val, "test");
    for (int u = 0; u < rows; u++) {
        p.start[u + 1] = p.start[u];
        for (int i = 0; i < cols; i++) {
            if (cell[u * cols + i] == 0)
                continue;
            if (weighted)
                p.val[p.start[u + 1]] = (float)cell[u * cols + i];
            p.col[p.start[u + 1]++] = i;
        }
    }
    return p;
}

/* User 7 has nothing, item 3 nobody has; the last item has a weight of 0 once, the ratings negative ones. */
static world *make_world(lt_env *env, bool weighted, bool social, double offset)
{
    lt_random rng;
    world *w;

    lt_alloc(env, &w, 1, sizeof *w, "test");
    lt_random_seed(&rng, 5);
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            if (u != 7 && i != 3 && lt_random_below(&rng, 4) == 0)
                w->r[u][i] = weighted ? (double)(1 + lt_random_below(&rng, 8)) / 4 - offset : 1;
    for (int u = 0; u < USERS && social; u++)
        for (int v = 0; v < USERS; v++)
            if (lt_random_below(&rng, 10) == 0)
                w->edge[u][v] = (double)(1 + lt_random_below(&rng, 4)) / 8;
    w->data.design = (lt_design){.users = USERS, .items = ITEMS};
    w->data.seen = pairs_of(env, USERS, ITEMS, &w->r[0][0], weighted);
    if (social)
        w->data.social = pairs_of(env, USERS, USERS, &w->edge[0][0], true);
    return w;
}

static lt_options options_of(lt_env *env, knn how)
{
    lt_options o;

    fine(env, lt_options_init(env, &o, lt_user_knn.options, lt_user_knn.n_options));
    fine(env, lt_options_set_number(env, &o, "neighbors", how.neighbors));
    fine(env, lt_options_set_number(env, &o, "shrinkage", how.shrinkage));
    fine(env, lt_options_set_number(env, &o, "social_weight", how.social_weight));
    return o;
}

static lt_scorer *train(lt_env *env, const world *w, knn how)
{
    lt_options o = options_of(env, how);
    lt_scorer *scorer;
    lt_model *model;
    lt_fit fit;

    lt_alloc(env, &scorer, 1, sizeof *scorer, "test");
    lt_alloc(env, &model, 1, sizeof *model, "test");
    model->algorithm = &lt_user_knn;
    fine(env, lt_user_knn.train(env, &w->data, &o, model, &fit));
    fine(env, lt_user_knn.check(env, model));
    scorer->model = model;
    fine(env, lt_user_knn.prepare(env, scorer));
    return scorer;
}

/* The definition: strengths s over all items, margin of each; user -1: an edge to nobody. */
static void naive(const world *w, knn how, int user, const double s[ITEMS], double margin[ITEMS])
{
    double weight[USERS], size = 0;
    bool asked[USERS] = {false};
    int most = how.neighbors == 0 ? USERS : how.neighbors;

    for (int i = 0; i < ITEMS; i++)
        size += s[i] * s[i];
    for (int v = 0; v < USERS; v++) {
        double dot = 0, other = 0;

        for (int i = 0; i < ITEMS; i++) {
            dot += s[i] * w->r[v][i];
            other += w->r[v][i] * w->r[v][i];
        }
        weight[v] = dot == 0 ? 0 : dot / (sqrt(size) * sqrt(other) + how.shrinkage);
        if (user >= 0)
            weight[v] += how.social_weight * w->edge[user][v];
        if (v == user)
            weight[v] = 0;
    }
    memset(margin, 0, ITEMS * sizeof *margin);
    for (int k = 0; k < most; k++) {
        int best = -1;

        for (int v = 0; v < USERS; v++)
            if (!asked[v] && weight[v] > 0 && (best < 0 || (float)weight[v] > (float)weight[best]))
                best = v;
        if (best < 0)
            break;
        asked[best] = true;
        for (int i = 0; i < ITEMS; i++)
            margin[i] += weight[best] * w->r[best][i];
    }
}

typedef struct asker {
    lt_subject subject;
    int32_t item[ITEMS];
    float weight[ITEMS];
} asker;

static void ask_as(asker *a, int user, const double s[ITEMS], bool weighted)
{
    memset(a, 0, sizeof *a);
    a->subject = (lt_subject){.user = user, .history = a->item, .history_weight = weighted ? a->weight : NULL};
    for (int32_t i = 0; i < ITEMS; i++) {
        if (s[i] == 0)
            continue;
        a->weight[a->subject.n_history] = (float)s[i];
        a->item[a->subject.n_history++] = i;
    }
}

/* Scores and contributions of one asker against the definition; the largest error of each. */
static void compare(lt_env *env, const world *w, const lt_scorer *scorer, knn how, int user, const double s[ITEMS],
                    double error[2])
{
    double want[ITEMS], contribution[1 + ITEMS];
    float margin[ITEMS], some[2];
    int32_t pick[] = {ITEMS - 1, -1};
    asker a;

    ask_as(&a, user, s, w->data.seen.val != NULL);
    naive(w, how, user, s, want);
    if (lt_user_knn.score(env, scorer, &a.subject, NULL, ITEMS, margin) != LT_OK ||
        lt_user_knn.score(env, scorer, &a.subject, pick, 2, some) != LT_OK || some[0] != margin[ITEMS - 1] ||
        some[1] != 0)
        error[0] = INFINITY;
    for (int32_t i = 0; i < ITEMS; i++) {
        double sum = 0;

        if (lt_user_knn.explain_history(env, scorer, &a.subject, i, contribution) != LT_OK)
            error[1] = INFINITY;
        for (int64_t h = 0; h <= a.subject.n_history; h++)
            sum += contribution[h];
        error[0] = fmax(error[0], fabs(margin[i] - want[i]));
        error[1] = fmax(error[1], fabs(sum - margin[i]));
    }
}

static void definition(lt_env *env)
{
    static const knn ways[] = {{0, 0, 1}, {5, 0, 1}, {5, 3, 1}, {1, 10, 0.25}, {1000, 1, 0}};

    for (int kind = 0; kind < 6; kind++) {
        bool weighted = kind % 3 > 0, social = kind >= 3;
        const world *w = make_world(env, weighted, social, kind % 3 == 2 ? 1.1 : 0);

        for (size_t k = 0; k < sizeof ways / sizeof ways[0]; k++) {
            const lt_scorer *scorer = train(env, w, ways[k]);
            double error[2] = {0, 0}, basket[ITEMS] = {[2] = 1, [3] = 1, [9] = 1};

            for (int u = 0; u < USERS; u++)
                compare(env, w, scorer, ways[k], u, w->r[u], error);
            compare(env, w, scorer, ways[k], -1, w->r[4], error);
            compare(env, w, scorer, ways[k], -1, basket, error);
            compare(env, w, scorer, ways[k], 11, basket, error);
            near(error[0], 0, 1e-5, "kind %d, way %zu: as defined, by each customer, basket and stranger", kind, k);
            near(error[1], 0, 1e-5, "kind %d, way %zu: contributions sum to the margin", kind, k);
        }
    }
}

/* Each option changes a margin, and the edges bring something to those who have nothing. */
static void options(lt_env *env)
{
    static const knn plain = {5, 1, 1}, other[] = {{4, 1, 1}, {5, 2, 1}, {5, 1, 2}};
    const world *w = make_world(env, true, true, 0), *lonely = make_world(env, true, false, 0);
    const lt_scorer *scorer = train(env, w, plain);
    float margin[ITEMS], changed[ITEMS];
    double contribution[1], sum = 0;
    asker a;

    ask_as(&a, 0, w->r[0], true);
    fine(env, lt_user_knn.score(env, scorer, &a.subject, NULL, ITEMS, margin));
    for (int k = 0; k < 3; k++) {
        fine(env, lt_user_knn.score(env, train(env, w, other[k]), &a.subject, NULL, ITEMS, changed));
        ok(memcmp(margin, changed, sizeof margin) != 0, "option %d acts", k);
    }
    a.subject.history_weight = NULL;
    fine(env, lt_user_knn.score(env, scorer, &a.subject, NULL, ITEMS, changed));
    ok(memcmp(margin, changed, sizeof margin) != 0, "the strength of the own items acts");

    ask_as(&a, 7, w->r[7], true);
    fine(env, lt_user_knn.score(env, scorer, &a.subject, NULL, ITEMS, margin));
    fine(env, lt_user_knn.explain_history(env, scorer, &a.subject, 5, contribution));
    for (int i = 0; i < ITEMS; i++)
        sum += margin[i];
    ok(a.subject.n_history == 0 && sum > 0, "with edges somebody without items is told what friends have");
    ok((float)contribution[0] == margin[5], "for the reason that they do");
    fine(env, lt_user_knn.score(env, train(env, lonely, plain), &a.subject, NULL, ITEMS, margin));
    sum = 0;
    for (int i = 0; i < ITEMS; i++)
        sum += fabsf(margin[i]);
    ok(sum == 0, "without them there is nothing to say");
    a.subject = (lt_subject){.user = USERS + 3, .n_history = 2, .history = (int32_t[]){-1, ITEMS}};
    fine(env, lt_user_knn.score(env, scorer, &a.subject, NULL, ITEMS, margin));
    ok(margin[0] == 0, "numbers beyond the model's say nothing");
}

/* Of equal neighbors the lower numbers are asked. */
static void ties(lt_env *env)
{
    static const knn two = {2, 0, 1};
    world w = {.data.design = {.users = 4, .items = 5}};
    const double cell[4][5] = {{1, 1, 0, 0, 0}, {1, 0, 1, 0, 0}, {1, 0, 0, 1, 0}, {1, 0, 0, 0, 1}};
    float margin[5];

    w.data.seen = pairs_of(env, 4, 5, &cell[0][0], false);
    fine(env, lt_user_knn.score(env, train(env, &w, two),
                                &(lt_subject){.user = 3, .n_history = 1, .history = (int32_t[]){0}}, NULL, 5, margin));
    ok(margin[1] > 0 && margin[2] == margin[1] && margin[3] == 0 && margin[4] == 0, "ties by number, oneself left out");
    near(margin[1], 1 / sqrt(2), 1e-6, "a cosine");
}

static void similar(lt_env *env)
{
    const world *w = make_world(env, true, false, 0);
    const lt_scorer *scorer = train(env, w, (knn){5, 2, 1});
    float score[ITEMS];
    double worst = 0;

    for (int32_t i = 0; i < ITEMS; i++) {
        fine(env, lt_user_knn.similar(env, scorer, i, score));
        for (int j = 0; j < ITEMS; j++) {
            double dot = 0, a = 0, b = 0;

            for (int u = 0; u < USERS; u++) {
                dot += w->r[u][i] * w->r[u][j];
                a += w->r[u][i] * w->r[u][i];
                b += w->r[u][j] * w->r[u][j];
            }
            worst = fmax(worst, fabs(score[j] - (dot == 0 ? 0 : dot / (sqrt(a) * sqrt(b) + 2))));
        }
    }
    near(worst, 0, 1e-6, "items are similar by cosine");
}

static void extending(lt_env *env)
{
    const world *w = make_world(env, true, true, 0);
    lt_scorer *scorer = train(env, w, (knn){5, 2, 1});
    lt_model *model = (lt_model *)scorer->model;
    lt_design grown = model->design;
    float margin[ITEMS], after[ITEMS + 2];
    asker a;

    ask_as(&a, 1, w->r[1], true);
    fine(env, lt_user_knn.score(env, scorer, &a.subject, NULL, ITEMS, margin));
    grown.users += 3;
    grown.items += 2;
    fine(env, lt_user_knn.extend(env, model, &grown));
    model->design = grown;
    fine(env, lt_user_knn.check(env, model));
    fine(env, lt_user_knn.prepare(env, scorer));
    fine(env, lt_user_knn.score(env, scorer, &a.subject, NULL, ITEMS + 2, after));
    ok(memcmp(margin, after, sizeof margin) == 0 && after[ITEMS] == 0 && after[ITEMS + 1] == 0,
       "newcomers change nothing for the others");
    a.subject.user = USERS + 2;
    fine(env, lt_user_knn.score(env, scorer, &a.subject, NULL, ITEMS + 2, after));
    ok(memcmp(margin, after, sizeof margin) != 0, "and are answered by what they have");
    fine(env, lt_user_knn.similar(env, scorer, ITEMS + 1, after));
}

static lt_array *array_of(lt_model *m, const char *name)
{
    return (lt_array *)lt_model_array(m, name);
}

static void corrupt(lt_env *env)
{
    static const char *const names[] = {"start",       "item",          "weight",  "social_start",
                                        "social_user", "social_weight", "settings"};
    lt_scorer *scorer = train(env, make_world(env, true, true, 0), (knn){5, 2, 1});
    lt_model *m = (lt_model *)scorer->model;

    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        lt_array *a = array_of(m, names[k]), kept = *a;

        a->cols--;
        ok(lt_user_knn.check(env, m) == LT_CORRUPT, "%s too short", names[k]);
        *a = kept;
        a->rows = 2;
        ok(lt_user_knn.check(env, m) == LT_CORRUPT, "%s of two rows", names[k]);
        *a = kept;
        a->f = NULL;
        a->d = NULL;
        a->i = NULL;
        ok(lt_user_knn.check(env, m) == LT_CORRUPT, "%s of another type", names[k]);
        *a = kept;
        a->name = "other";
        ok(lt_user_knn.check(env, m) == (strcmp(names[k], "weight") == 0 || strncmp(names[k], "social_", 7) == 0
                                             ? (strcmp(names[k], "social_user") == 0 ? LT_CORRUPT : LT_OK)
                                             : LT_CORRUPT),
           "without %s", names[k]);
        *a = kept;
        if (a->i != NULL) {
            int32_t was = a->i[1];

            a->i[1] = -1;
            ok(lt_user_knn.check(env, m) == LT_CORRUPT, "%s below 0", names[k]);
            a->i[1] = INT32_MAX;
            ok(lt_user_knn.check(env, m) == LT_CORRUPT, "%s too high", names[k]);
            a->i[1] = was;
        } else {
            float was = a->f != NULL ? a->f[1] : 0;
            double wide = a->d != NULL ? a->d[1] : 0;

            if (a->f != NULL)
                a->f[1] = NAN;
            else
                a->d[1] = NAN;
            ok(lt_user_knn.check(env, m) == LT_CORRUPT, "%s not a number", names[k]);
            if (a->f != NULL)
                a->f[1] = was;
            else
                a->d[1] = wide;
        }
        fine(env, lt_user_knn.check(env, m));
    }
}

static void limits(lt_env *env)
{
    test_context *c = env->context;
    const world *w = make_world(env, true, true, 0);
    lt_options o = options_of(env, (knn){5, 2, 1});
    lt_scorer *scorer = train(env, w, (knn){5, 2, 1});
    float margin[ITEMS];
    lt_model model = {.algorithm = &lt_user_knn};
    lt_fit fit;
    asker a;

    ask_as(&a, 1, w->r[1], true);
    c->cancel_at = c->polls + 1;
    ok(lt_user_knn.train(env, &w->data, &o, &model, &fit) == LT_CANCELLED, "training is cancelled");
    c->cancel_at = c->polls + 1;
    ok(lt_user_knn.prepare(env, scorer) == LT_CANCELLED, "loading is");
    fine(env, lt_user_knn.prepare(env, scorer));
    c->cancel_at = c->polls + 3;
    ok(lt_user_knn.score(env, scorer, &a.subject, NULL, ITEMS, margin) == LT_CANCELLED, "scoring is");
    env->budget = env->used + 64;
    ok(lt_user_knn.train(env, &w->data, &o, &model, &fit) == LT_NO_MEMORY, "training keeps to the budget");
    ok(lt_user_knn.score(env, scorer, &a.subject, NULL, ITEMS, margin) == LT_NO_MEMORY, "scoring does");
    env->budget = 0;
}

int main(void)
{
    lt_env *env = test_env();

    definition(env);
    options(env);
    ties(env);
    similar(env);
    extending(env);
    corrupt(env);
    limits(env);
    test_env_drop(env);
    return done();
}
