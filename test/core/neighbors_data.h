/*
 * neighbors_data.h: interactions of a small made-up catalogue, dense and as a dataset, and item-item models trained on
 * them, for the tests of each such algorithm.
 */
#ifndef LT_TEST_NEIGHBORS_DATA_H
#define LT_TEST_NEIGHBORS_DATA_H

#include "alike.h"

#define USERS 40
#define ITEMS 17
#define COLD 16 /* an item nobody has */

typedef struct matrix {
    double at[ITEMS][ITEMS];
} matrix;

typedef struct interactions {
    double x[USERS][ITEMS]; /* 0: no pair */
    lt_dataset data;
} interactions;

enum { WEIGHTED = 1, SIGNED = 2 };

/* Each user has items beside one another more often than others; user 3 has none. */
static interactions *interactions_of(lt_env *env, int what)
{
    interactions *s;
    lt_pairs *p;
    lt_random r;

    lt_random_seed(&r, 5);
    lt_alloc(env, &s, 1, sizeof *s, "test");
    p = &s->data.seen;
    p->rows = s->data.design.users = USERS;
    p->cols = s->data.design.items = ITEMS;
    lt_alloc(env, &p->start, USERS + 1, sizeof *p->start, "test");
    lt_alloc(env, &p->col, USERS * ITEMS, sizeof *p->col, "test");
    lt_alloc(env, &p->time, USERS * ITEMS, sizeof *p->time, "test");
    if (what != 0)
        lt_alloc(env, &p->val, USERS * ITEMS, sizeof *p->val, "test");
    for (int u = 0; u < USERS; u++) {
        int64_t n = p->start[u];

        for (int i = 0; i < ITEMS && u != 3; i++) {
            double chance = abs(u % 10 - i) < 4 ? 0.7 : 0.15, drawn = lt_random_uniform(&r);
            double value = (double)(1 + lt_random_below(&r, 6)) / 2;

            if (i == COLD || drawn > chance)
                continue;
            s->x[u][i] = what == 0 ? 1 : what & SIGNED && u % 4 == 0 ? -value : value;
            p->col[n] = i;
            if (p->val != NULL)
                p->val[n] = (float)s->x[u][i];
            n++;
        }
        p->start[u + 1] = n;
    }
    return s;
}

/* Options given as name, value, ..., NULL. */
typedef struct setting {
    const char *name;
    double value;
} setting;

static lt_status train_model(lt_env *env, const lt_algorithm *algorithm, const lt_dataset *data,
                             const setting *settings, int n, lt_model *m)
{
    lt_options o;
    lt_fit fit;

    LT_TRY(lt_options_init(env, &o, algorithm->options, algorithm->n_options));
    for (int i = 0; i < n; i++)
        LT_TRY(lt_options_set_number(env, &o, settings[i].name, settings[i].value));
    *m = (lt_model){.algorithm = algorithm};
    LT_TRY(algorithm->train(env, data, &o, m, &fit));
    return algorithm->check(env, m);
}
#define SETTINGS(...) (const setting[]){__VA_ARGS__}, sizeof((const setting[]){__VA_ARGS__}) / sizeof(setting)

/* W, dense, from the model's arrays. */
static matrix weights_in(const lt_model *m)
{
    const lt_array *start = lt_model_array(m, "start"), *weight = lt_model_array(m, "weight");
    matrix w = {{{0}}};

    for (int i = 0; i < ITEMS; i++) {
        if (start == NULL)
            for (int j = 0; j < ITEMS; j++)
                w.at[i][j] = weight->f[i * ITEMS + j];
        else
            for (int k = start->i[i]; k < start->i[i + 1]; k++)
                w.at[i][lt_model_array(m, "item")->i[k]] = weight->f[k];
    }
    return w;
}

static void prune(matrix *w, int most, bool by_magnitude) __attribute__((unused));
static double difference(const matrix *a, const matrix *b) __attribute__((unused));
static int entries(const matrix *w) __attribute__((unused));
static double apart_from_rows(lt_env *env, const lt_scorer *scorer, const matrix *w, const char *what)
    __attribute__((unused));
static void check_serving(lt_env *env, const lt_model *m, const interactions *s, double (*strength)[ITEMS],
                          const char *what) __attribute__((unused));
static void check_cancel(lt_env *env, const lt_algorithm *algorithm, const lt_dataset *data) __attribute__((unused));

/* Keeps of each column the `most` largest (of equals the lower row), in magnitude or those above 0. */
static void prune(matrix *w, int most, bool by_magnitude)
{
    for (int j = 0; j < ITEMS; j++) {
        bool keep[ITEMS] = {false};

        for (int n = 0; n < most; n++) {
            int best = -1;

            for (int i = 0; i < ITEMS; i++) {
                double v = by_magnitude ? fabs(w->at[i][j]) : w->at[i][j];
                double held = best < 0 ? 0 : by_magnitude ? fabs(w->at[best][j]) : w->at[best][j];

                if (!keep[i] && v > 0 && (float)v > (float)held)
                    best = i;
            }
            if (best >= 0)
                keep[best] = true;
        }
        for (int i = 0; i < ITEMS; i++)
            if (!keep[i])
                w->at[i][j] = 0;
    }
}

static double difference(const matrix *a, const matrix *b)
{
    double worst = 0;

    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++) {
            double d = fabs(a->at[i][j] - b->at[i][j]);

            worst = isnan(d) || d > worst ? d : worst;
        }
    return worst;
}

static int entries(const matrix *w)
{
    int n = 0;

    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++)
            n += w->at[i][j] != 0;
    return n;
}

/* The vectors' cosines against those of W's rows with their largest magnitude on the diagonal. */
static double apart_from_rows(lt_env *env, const lt_scorer *scorer, const matrix *w, const char *what)
{
    const float *cosine = cosines_of(env, scorer, ITEMS, what);
    matrix v = *w;
    double worst = 0;

    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++)
            v.at[i][i] = fmax(v.at[i][i], fabs(w->at[i][j]));
    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++) {
            double ab = 0, aa = 0, bb = 0;

            for (int c = 0; c < ITEMS; c++) {
                ab += v.at[i][c] * v.at[j][c];
                aa += v.at[i][c] * v.at[i][c];
                bb += v.at[j][c] * v.at[j][c];
            }
            worst = fmax(worst, fabs(cosine[i * ITEMS + j] - (aa * bb > 0 ? ab / sqrt(aa * bb) : 0)));
        }
    return worst;
}

/*
 * Every user's margins against strength * W summed in the open, contributions against the margins, and W's row against
 * similar.  strength (U x I) is what the algorithm makes of a history.
 */
static void check_serving(lt_env *env, const lt_model *m, const interactions *s, double (*strength)[ITEMS],
                          const char *what)
{
    matrix w = weights_in(m);
    lt_scorer scorer = {.model = m};
    double worst = 0, apart = 0, unlike = 0;
    float margin[ITEMS];

    fine(env, m->algorithm->prepare(env, &scorer));
    for (int u = 0; u < USERS; u++) {
        lt_subject who = {.user = u};

        lt_subject_take_history(&who, &s->data.seen, u);
        if (m->algorithm->score(env, &scorer, &who, NULL, ITEMS, margin) != LT_OK)
            worst = NAN;
        for (int j = 0; j < ITEMS; j++) {
            double contribution[1 + ITEMS], sum = 0, want = 0;

            for (int i = 0; i < ITEMS; i++)
                want += strength[u][i] * w.at[i][j];
            if (m->algorithm->explain_history(env, &scorer, &who, j, contribution) != LT_OK)
                apart = NAN;
            for (int64_t k = 0; k <= who.n_history; k++)
                sum += contribution[k];
            worst = fmax(worst, fabs(margin[j] - want));
            apart = fmax(apart, fabs(margin[j] - (float)sum));
        }
    }
    ok(worst < 1e-5, "%s: margins are sums of weights (%.1e)", what, worst);
    ok(apart == 0, "%s: the history's contributions sum to the margin exactly (%.1e)", what, apart);
    for (int i = 0; i < ITEMS; i++) {
        fine(env, m->algorithm->similar(env, &scorer, i, margin));
        for (int j = 0; j < ITEMS; j++)
            unlike = fmax(unlike, fabs(margin[j] - w.at[i][j]));
    }
    ok(unlike == 0, "%s: similar is a row of the weights", what);
    near(apart_from_rows(env, &scorer, &w, what), 0, 1e-6, "%s: vectors are rows with their largest added", what);
}

/* Cancelled at each of its polls, training says so. */
static void check_cancel(lt_env *env, const lt_algorithm *algorithm, const lt_dataset *data)
{
    test_context *c = env->context;
    bool all = true;
    long polls;
    lt_model m;

    c->polls = c->cancel_at = 0;
    fine(env, train_model(env, algorithm, data, NULL, 0, &m));
    polls = c->polls;
    for (long at = 1; at <= polls; at++) {
        c->polls = 0;
        c->cancel_at = at;
        all = all && train_model(env, algorithm, data, NULL, 0, &m) == LT_CANCELLED;
    }
    c->cancel_at = 0;
    ok(all && polls >= 3, "%s: cancelled at each of %ld polls", algorithm->name, polls);
}

#endif
