/*
 * logistic_data.h: what the tests of logistic regression share: training in one call, and made-up data.
 */
#ifndef LT_TEST_LOGISTIC_DATA_H
#define LT_TEST_LOGISTIC_DATA_H

#include "model.h"
#include "tap.h"

extern const lt_algorithm lt_logistic;

typedef struct fitted {
    lt_model model;
    lt_fit fit;
    lt_status status;
} fitted;

/* Trains with options given as name, value, ..., NULL. Numbers are recognised by their first character. */
static fitted train(lt_env *env, const lt_dataset *d, const char *const *options)
{
    fitted f = {.model.algorithm = &lt_logistic};
    lt_options o;

    lt_options_init(env, &o, lt_logistic.options, lt_logistic.n_options);
    for (; options != NULL && *options != NULL; options += 2) {
        if (strchr("0123456789", options[1][0]) != NULL)
            lt_options_set_number(env, &o, options[0], atof(options[1]));
        else if (strcmp(options[1], "true") == 0)
            lt_options_set_bool(env, &o, options[0], true);
        else
            lt_options_set_text(env, &o, options[0], options[1]);
    }
    env->error.message[0] = '\0';
    f.status = lt_logistic.train(env, d, &o, &f.model, &f.fit);
    return f;
}
#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const double *array(const fitted *f, const char *name)
{
    const lt_array *a = lt_model_array(&f->model, name);

    return a == NULL ? NULL : a->d;
}

static bool trained(const fitted *f, lt_env *env, const char *what) __attribute__((unused));
static bool trained(const fitted *f, lt_env *env, const char *what)
{
    return ok(f->status == LT_OK && f->fit.converged, "%s: trained in %d iterations %s", what, f->fit.epochs,
              env->error.message);
}

/* 300 rows x 4 by a formula whose numbers floats hold exactly; scikit-learn was given the same. */
static lt_dataset formula_data(lt_env *env) __attribute__((unused));
static lt_dataset formula_data(lt_env *env)
{
    lt_dataset d = {.row = {.n = 300, .dense = 4}, .design.row_dense = 4, .train.n = 300};

    lt_design_finish(env, &d.design);
    lt_alloc(env, &d.row.x, 300 * 4, sizeof *d.row.x, "x");
    lt_alloc(env, &d.train.label, 300, sizeof *d.train.label, "y");
    for (int i = 0; i < 300; i++) {
        float *x = d.row.x + 4 * i;

        for (int j = 0; j < 4; j++)
            x[j] = (float)((i * (7 + 6 * j) + 3 * j) % 31 - 15) / 16;
        d.train.label[i] = x[0] - 0.5 * x[1] + 0.25 * x[3] + ((i * 11) % 13 - 6) / 4.0 > 0.5;
    }
    return d;
}

/* n rows with `dense` correlated columns, a category of 6 and a bag of 5. */
static lt_dataset mixed_data(lt_env *env, int n, int dense)
{
    lt_dataset d = {.row = {.n = n, .dense = dense, .sparse = 11}, .train.n = n};
    lt_random r;

    d.design = (lt_design){.row_dense = dense, .row_sparse = 11};
    lt_design_finish(env, &d.design);
    lt_alloc(env, &d.row.x, (size_t)n * (size_t)dense, sizeof *d.row.x, "x");
    lt_alloc(env, &d.row.start, (size_t)n + 1, sizeof *d.row.start, "start");
    lt_alloc(env, &d.row.col, (size_t)n * 6, sizeof *d.row.col, "col");
    lt_alloc(env, &d.row.val, (size_t)n * 6, sizeof *d.row.val, "val");
    lt_alloc(env, &d.train.label, (size_t)n, sizeof *d.train.label, "y");
    lt_random_seed(&r, 17);
    for (int i = 0; i < n; i++) {
        float *x = d.row.x + (size_t)i * (size_t)dense;
        int64_t at = d.row.start[i];
        double m = -0.5;
        int32_t category = (int32_t)lt_random_below(&r, 6);

        for (int j = 0; j < dense; j++) {
            x[j] = (float)(lt_random_normal(&r) + (j > 0 ? 0.8 * x[j - 1] : 0));
            m += x[j] * (j % 3 - 1) * 0.7;
        }
        d.row.col[at] = category;
        d.row.val[at++] = 1;
        m += 0.4 * category;
        for (int32_t c = 6; c < 11; c++) {
            if (lt_random_below(&r, 4) == 0) {
                d.row.col[at] = c;
                d.row.val[at++] = (float)(1 + lt_random_below(&r, 2));
                m -= 0.3 * (c - 8);
            }
        }
        d.row.start[i + 1] = at;
        d.train.label[i] = lt_random_uniform(&r) < 1 / (1 + exp(-m));
    }
    return d;
}

static lt_table random_table(lt_env *env, lt_random *r, int64_t n, int32_t dense, int32_t sparse)
{
    lt_table t = {.n = n, .dense = dense, .sparse = sparse};

    lt_alloc(env, &t.x, (size_t)(n * dense), sizeof *t.x, "x");
    lt_alloc(env, &t.start, (size_t)n + 1, sizeof *t.start, "start");
    lt_alloc(env, &t.col, (size_t)(n * sparse), sizeof *t.col, "col");
    lt_alloc(env, &t.val, (size_t)(n * sparse), sizeof *t.val, "val");
    for (int64_t i = 0; i < n * dense; i++)
        t.x[i] = (float)lt_random_normal(r);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = t.start[i];

        for (int32_t c = 0; c < sparse; c++) {
            if (lt_random_below(r, 3) == 0) {
                t.col[at] = c;
                t.val[at++] = 1;
            }
        }
        t.start[i + 1] = at;
    }
    return t;
}

#define USERS 12
#define ITEMS 15

/* A recommender with every group of columns, two crosses, unknown users and items, weights, and n examples in no order.
 */
static lt_dataset recommender_data(lt_env *env, int n)
{
    lt_dataset d = {.train.n = n, .label_kind = LT_LABEL_BINARY};
    lt_random r;

    lt_random_seed(&r, 23);
    d.design = (lt_design){.row_dense = 2,
                           .row_sparse = 2,
                           .user_dense = 2,
                           .user_sparse = 3,
                           .item_dense = 2,
                           .item_sparse = 4,
                           .users = USERS,
                           .items = ITEMS,
                           .user_ids = true,
                           .item_ids = true,
                           .n_crosses = 2};
    lt_alloc(env, &d.design.cross, 2, sizeof *d.design.cross, "crosses");
    d.design.cross[0] = (lt_cross){.user_dense_count = 2, .item_dense_first = 1, .item_dense_count = 1};
    d.design.cross[1] = (lt_cross){.user_dense_first = 1,
                                   .user_dense_count = 1,
                                   .user_sparse_count = 3,
                                   .item_dense_count = 1,
                                   .item_sparse_first = 1,
                                   .item_sparse_count = 3};
    lt_design_finish(env, &d.design);
    d.row = random_table(env, &r, n, 2, 2);
    d.user = random_table(env, &r, USERS, 2, 3);
    d.item = random_table(env, &r, ITEMS, 2, 4);
    lt_alloc(env, &d.train.user, (size_t)n, sizeof *d.train.user, "user");
    lt_alloc(env, &d.train.item, (size_t)n, sizeof *d.train.item, "item");
    lt_alloc(env, &d.train.label, (size_t)n, sizeof *d.train.label, "label");
    lt_alloc(env, &d.train.weight, (size_t)n, sizeof *d.train.weight, "weight");
    for (int i = 0; i < n; i++) {
        int32_t u = (int32_t)lt_random_below(&r, USERS + 1) - 1, j = (int32_t)lt_random_below(&r, ITEMS + 1) - 1;
        double m = u < 0 || j < 0 ? 0 : d.user.x[2 * u] * d.item.x[2 * j + 1] + 0.3 * u - 0.2 * j;

        d.train.user[i] = u;
        d.train.item[i] = j;
        d.train.label[i] = lt_random_uniform(&r) < 1 / (1 + exp(-m));
        d.train.weight[i] = (float)(0.5 + lt_random_uniform(&r));
    }
    return d;
}

#endif
