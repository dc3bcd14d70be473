/*
 * factors_data.h: pairs and trained factor models for the tests of als, bpr and what they share.
 */
#ifndef LT_TEST_FACTORS_DATA_H
#define LT_TEST_FACTORS_DATA_H

#include "alike.h"
#include "factors.h"

extern const lt_algorithm lt_als, lt_bpr;

enum { VALUES = 1 };

/*
 * users x items of two tastes: a pair is there with chance 0.6 where the numbers' parities agree, else 0.1. Values are
 * weights 1, 2 and 3, or with LT_LABEL_REAL ratings of rank two around 3.5 with a little noise.
 */
static lt_dataset *tastes(lt_env *env, lt_label_kind kind, int32_t users, int32_t items, int what, uint64_t seed)
{
    lt_dataset *d;
    lt_random rng;
    int64_t n = 0;

    lt_random_seed(&rng, seed);
    fine(env, lt_alloc(env, &d, 1, sizeof *d, "test"));
    d->label_kind = kind;
    d->design.users = users;
    d->design.items = items;
    fine(env, lt_design_finish(env, &d->design));
    d->seen = (lt_pairs){.rows = users, .cols = items};
    fine(env, lt_alloc(env, &d->seen.start, (size_t)users + 1, sizeof(int64_t), "test"));
    fine(env, lt_alloc(env, &d->seen.col, (size_t)users * (size_t)items, sizeof(int32_t), "test"));
    fine(env, lt_alloc(env, &d->item_count, (size_t)items, sizeof(double), "test"));
    if (what & VALUES)
        fine(env, lt_alloc(env, &d->seen.val, (size_t)users * (size_t)items, sizeof(float), "test"));
    for (int32_t u = 0; u < users; u++) {
        for (int32_t i = 0; i < items; i++) {
            double draw = lt_random_uniform(&rng), noise = 0.1 * lt_random_normal(&rng);

            if (draw >= (u % 2 == i % 2 ? 0.6 : 0.1))
                continue;
            if (d->seen.val != NULL)
                d->seen.val[n] = kind == LT_LABEL_REAL
                                     ? (float)(3.5 + sin(u) * cos(2 * i) + sin(3 * u + 1) * sin(i) + noise)
                                     : (float)(1 + (u + i) % 3);
            d->seen.col[n++] = i;
            d->item_count[i]++;
        }
        d->seen.start[u + 1] = n;
    }
    return d;
}

/* Options given as name, value, ..., NULL; numbers by their first character. */
static lt_options options_of(lt_env *env, const lt_algorithm *algorithm, const char *const *list)
{
    lt_options o;
    lt_status status = lt_options_init(env, &o, algorithm->options, algorithm->n_options);

    for (; *list != NULL && status == LT_OK; list += 2) {
        if (strcmp(list[1], "true") == 0 || strcmp(list[1], "false") == 0)
            status = lt_options_set_bool(env, &o, list[0], list[1][0] == 't');
        else if (strchr("-0123456789", list[1][0]) != NULL)
            status = lt_options_set_number(env, &o, list[0], atof(list[1]));
        else
            status = lt_options_set_text(env, &o, list[0], list[1]);
    }
    if (status != LT_OK)
        printf("Bail out! %s\n", env->error.message);
    return o;
}
#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static lt_model *fit_with(lt_env *env, const lt_algorithm *algorithm, const lt_dataset *d, const char *const *list,
                          double *loss)
{
    lt_options o = options_of(env, algorithm, list);
    lt_model *m;
    lt_fit fit;

    fine(env, lt_alloc(env, &m, 1, sizeof *m, "test"));
    m->algorithm = algorithm;
    fine(env, algorithm->train(env, d, &o, m, &fit));
    fine(env, algorithm->check(env, m));
    if (loss != NULL)
        *loss = fit.loss;
    return m;
}

static lt_subject history_of(const lt_dataset *d, int32_t user, int32_t row) __attribute__((unused));
static lt_subject history_of(const lt_dataset *d, int32_t user, int32_t row)
{
    lt_subject s = {.user = user};

    lt_subject_take_history(&s, &d->seen, row);
    return s;
}

/* The largest difference of two models' item vectors, or -1 where their shapes differ. */
static double differ(const lt_model *a, const lt_model *b) __attribute__((unused));
static double differ(const lt_model *a, const lt_model *b)
{
    const lt_array *x = lt_model_array(a, "item_factors"), *y = lt_model_array(b, "item_factors");
    double most = 0;

    if (x->cols != y->cols)
        return -1;
    for (int64_t j = 0; j < x->rows * x->cols; j++)
        most = fmax(most, fabs((double)x->f[j] - y->f[j]));
    return most;
}

#endif
