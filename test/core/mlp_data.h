/*
 * mlp_data.h: small datasets for the tests of the multi-layer perceptron.
 */
#ifndef LT_MLP_DATA_H
#define LT_MLP_DATA_H

#include "alike.h"

extern const lt_algorithm lt_mlp;

static lt_options options_new(lt_env *env)
{
    lt_options o;

    if (lt_options_init(env, &o, lt_mlp.options, lt_mlp.n_options) != LT_OK)
        printf("# %s\n", env->error.message);
    return o;
}

static void set(lt_env *env, lt_options *o, const char *name, double value)
{
    if (lt_options_set_number(env, o, name, value) != LT_OK)
        printf("Bail out! %s\n", env->error.message);
}

static void choose(lt_env *env, lt_options *o, const char *name, const char *value)
{
    if (lt_options_set_text(env, o, name, value) != LT_OK)
        printf("Bail out! %s\n", env->error.message);
}

static void hidden(lt_env *env, lt_options *o, int n, double first, double second)
{
    double width[2] = {first, second};

    if (lt_options_set_numbers(env, o, "hidden", width, n) != LT_OK)
        printf("Bail out! %s\n", env->error.message);
}

/* n rows of d normal numbers, labels 0; the last `held_out` are the validation part. */
static lt_dataset *dense_data(lt_env *env, lt_label_kind kind, int64_t n, int64_t held_out, int32_t d, uint64_t seed)
{
    lt_dataset *data;
    lt_random rng;
    float *label;

    lt_random_seed(&rng, seed);
    fine(env, lt_alloc(env, &data, 1, sizeof *data, "test"));
    data->label_kind = kind;
    data->design.row_dense = d;
    data->row = (lt_table){.n = n, .dense = d};
    fine(env, lt_alloc(env, &data->row.x, (size_t)(n * d), sizeof(float), "test"));
    fine(env, lt_alloc(env, &label, (size_t)n, sizeof *label, "test"));
    for (int64_t i = 0; i < n * d; i++)
        data->row.x[i] = (float)lt_random_normal(&rng);
    fine(env, lt_design_finish(env, &data->design));
    data->train = (lt_examples){.n = n - held_out, .label = label};
    data->validation = (lt_examples){.n = held_out, .row_first = n - held_out, .label = label + n - held_out};
    return data;
}

/*
 * U users and I items without features. pair(u, i) in [0, 1): the dataset gets (u, i) for training when below `share`,
 * for validation when below share + held_out; labels are label(u, i), or implicit positives where that is 1.
 */
static lt_dataset *pair_data(lt_env *env, lt_label_kind kind, int32_t users, int32_t items,
                             float (*label)(int32_t u, int32_t i), double share, double held_out, uint64_t seed)
    __attribute__((unused));
static lt_dataset *pair_data(lt_env *env, lt_label_kind kind, int32_t users, int32_t items,
                             float (*label)(int32_t u, int32_t i), double share, double held_out, uint64_t seed)
{
    lt_dataset *data;
    lt_random rng;
    size_t cells = (size_t)users * (size_t)items;
    lt_examples *part[2];

    fine(env, lt_alloc(env, &data, 1, sizeof *data, "test"));
    data->label_kind = kind;
    data->design.users = users;
    data->design.items = items;
    fine(env, lt_design_finish(env, &data->design));
    data->seen = (lt_pairs){.rows = users, .cols = items};
    fine(env, lt_alloc(env, &data->seen.start, (size_t)users + 1, sizeof *data->seen.start, "test"));
    fine(env, lt_alloc(env, &data->seen.col, cells, sizeof *data->seen.col, "test"));
    fine(env, lt_alloc(env, &data->item_count, (size_t)items, sizeof *data->item_count, "test"));
    part[0] = &data->train;
    part[1] = &data->validation;
    for (int p = 0; p < 2; p++) {
        fine(env, lt_alloc(env, &part[p]->user, cells, sizeof *part[p]->user, "test"));
        fine(env, lt_alloc(env, &part[p]->item, cells, sizeof *part[p]->item, "test"));
        fine(env, lt_alloc(env, &part[p]->label, cells, sizeof *part[p]->label, "test"));
    }
    lt_random_seed(&rng, seed);
    for (int32_t u = 0; u < users; u++) {
        data->seen.start[u + 1] = data->seen.start[u];
        for (int32_t i = 0; i < items; i++) {
            double draw = lt_random_uniform(&rng);
            float y = label(u, i);
            lt_examples *ex = part[draw >= share];

            if (draw >= share + held_out || (kind == LT_LABEL_IMPLICIT && y != 1))
                continue;
            ex->user[ex->n] = u;
            ex->item[ex->n] = i;
            ex->label[ex->n++] = y;
            if (draw < share && y > 0) {
                data->seen.col[data->seen.start[u + 1]++] = i;
                data->item_count[i]++;
            }
        }
    }
    return data;
}

static lt_model train(lt_env *env, const lt_dataset *data, const lt_options *o)
{
    lt_model model = {.algorithm = &lt_mlp};
    lt_fit fit;

    fine(env, lt_mlp.train(env, data, o, &model, &fit));
    return model;
}

/* Margins of examples, from lt_alloc. */
static float *margins(lt_env *env, const lt_model *model, const lt_dataset *data, const lt_examples *ex)
{
    lt_inputs in = lt_dataset_inputs(data);
    float *margin;

    fine(env, lt_alloc(env, &margin, (size_t)ex->n, sizeof *margin, "test"));
    fine(env, lt_mlp.predict(env, model, &in, ex, margin));
    return margin;
}

#endif
