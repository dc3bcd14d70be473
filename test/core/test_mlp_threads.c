/*
 * test_mlp_threads.c: the perceptron's training on several threads gives the same bytes as on one.
 */
#include "tap.h"

#include "mlp_data.h"

static bool same(const lt_model *a, const lt_model *b)
{
    for (int i = 0; i < a->n_arrays; i++)
        if (a->array[i].f != NULL &&
            memcmp(a->array[i].f, b->array[i].f, (size_t)(a->array[i].rows * a->array[i].cols) * sizeof(float)) != 0)
            return false;
    return a->n_arrays == b->n_arrays;
}

static void compare(lt_env *env, const char *name, const lt_dataset *data, const lt_options *o)
{
    static const int threads[] = {1, 2, 5, 1};
    lt_model model[4];
    bool all = true, margins_too = true;
    float *margin[4];

    for (int k = 0; k < 4; k++) {
        test_env_team(env, threads[k]);
        model[k] = train(env, data, o);
        margin[k] = margins(env, &model[k], data, &data->train);
        all = all && same(&model[0], &model[k]);
        margins_too = margins_too && memcmp(margin[0], margin[k], (size_t)data->train.n * sizeof(float)) == 0;
    }
    ok(all, "%s: the same weights", name);
    ok(margins_too, "%s: the same margins", name);
}

static float likes(int32_t u, int32_t i)
{
    return (u + i) % 3 == 0;
}

static void test_dense(lt_env *env)
{
    lt_dataset *data = dense_data(env, LT_LABEL_BINARY, 3000, 300, 7, 21);
    lt_options o = options_new(env);

    for (int64_t i = 0; i < 3000; i++)
        data->train.label[i] = data->row.x[7 * i] * data->row.x[7 * i + 1] > 0;
    set(env, &o, "epochs", 2);
    set(env, &o, "batch_size", 200); /* unequal blocks, and a last batch of few */
    compare(env, "dense", data, &o);
    set(env, &o, "dropout", 0.3);
    compare(env, "dropout", data, &o);
    fine(env, lt_options_set_bool(env, &o, "batch_norm", true));
    compare(env, "dropout and batch norm", data, &o);
    choose(env, &o, "optimizer", "momentum");
    set(env, &o, "l1", 0.1);
    hidden(env, &o, 0, 0, 0);
    compare(env, "linear, momentum, l1", data, &o);
    hidden(env, &o, 2, 300, 200); /* weights not kept turned, larger blocks */
    set(env, &o, "batch_size", 600);
    set(env, &o, "dropout", 0);
    compare(env, "wide", data, &o);
    set(env, &o, "batch_size", 20);
    compare(env, "batches of one part", data, &o);
}

static void test_pairs(lt_env *env)
{
    lt_dataset *data = pair_data(env, LT_LABEL_IMPLICIT, 60, 40, likes, 0.8, 0.1, 22);
    lt_options o = options_new(env);

    data->design.user_ids = data->design.item_ids = true; /* sparse columns */
    fine(env, lt_design_finish(env, &data->design));
    set(env, &o, "epochs", 2);
    set(env, &o, "factors", 5);
    compare(env, "embeddings, factors and ids", data, &o);
    choose(env, &o, "loss", "softmax");
    set(env, &o, "negatives", 7);
    compare(env, "groups", data, &o);
    fine(env, lt_options_set_bool(env, &o, "batch_norm", true));
    compare(env, "groups, batch norm", data, &o);
}

/* Threads are left and the error comes out, wherever it says no. */
static void test_cancel(lt_env *env)
{
    lt_dataset *data = pair_data(env, LT_LABEL_IMPLICIT, 60, 40, likes, 0.8, 0.1, 23);
    lt_options o = options_new(env);
    test_context *c = env->context;
    long polls;
    bool all = true;

    test_env_team(env, 3);
    c->polls = 0;
    train(env, data, &o);
    polls = c->polls;
    for (long at = 1; at < polls; at += 1 + polls / 10) {
        lt_model model = {.algorithm = &lt_mlp};
        lt_fit fit;

        c->polls = 0;
        c->cancel_at = at;
        all = all && lt_mlp.train(env, data, &o, &model, &fit) == LT_CANCELLED;
    }
    c->cancel_at = 0;
    ok(all && polls > 20, "training on three threads stops wherever it is told to (%ld polls)", polls);
}

int main(void)
{
    lt_env *env = test_env();

    test_dense(env);
    test_pairs(env);
    test_cancel(env);
    test_env_drop(env);
    return done();
}
