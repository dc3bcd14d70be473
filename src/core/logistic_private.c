/*
 * logistic_private.c: logistic regression with differential privacy: a network of one layer and no hidden units.
 *
 * By default a step takes all rows, and steps are of gradient descent with momentum: what noise does to weights is then
 * in proportion to the noise, as it is not with Adam, whose steps are of one length.
 */
#include "logistic_private.h"

#include "private_fit.h"

#include <math.h>

#define EPOCHS 100 /* unless option epochs is given, whose default is for a solver that stops by itself */
#define MOMENTUM 0.9
#define ENTRIES 16 /* sparse entries that a row is taken to have at most */

typedef struct measuring {
    const lt_dataset *data;
    lt_model *model; /* with the array "coefficients" */
    double *w;
} measuring;

static void take_weights(const lt_design *d, const lt_network *net, double *w)
{
    w[0] = net->bias[0][0];
    for (int32_t j = 0; j < d->dense; j++)
        w[1 + j] = net->dense_in[j];
    for (int32_t j = 0; j < d->sparse; j++)
        w[1 + d->dense + j] = net->sparse_in[j];
}

static lt_status measure(lt_env *env, void *context, lt_network *net, double *value)
{
    const measuring *m = context;

    take_weights(&m->model->design, net, m->w);
    return m->data->measure(env, m->data->measure_context, m->model, value);
}

/*
 * Encoded columns have a variance of 1, so that no eigenvalue of the mean Hessian is above a quarter of their number,
 * the intercept's included.  Known without a look at the rows.
 */
static double rate_of(const lt_options *o, const lt_design *d)
{
    double given = lt_option_float(o, "learning_rate");

    return given > 0 ? given : 4.0 / (1 + d->dense + (d->sparse < ENTRIES ? d->sparse : ENTRIES));
}

lt_status lt_logistic_train_private(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model,
                                    lt_fit *fit)
{
    lt_inputs in = lt_dataset_inputs(data);
    lt_network net = {.dense = data->design.dense, .sparse = data->design.sparse, .layers = 1, .width = {1}};
    int64_t n = data->train.n;
    measuring m = {.data = data, .model = model};
    lt_private_spec spec = {.inputs = &in,
                            .train = &data->train,
                            .validation = &data->validation,
                            .options = o,
                            .objective = {.loss = LT_LOSS_LOGISTIC, .sd = 1, .class_weight = {1, 1}, .weight_scale = 1},
                            .batch = lt_option_int(o, "batch_size"),
                            .epochs = lt_option_value(o, "epochs")->given ? (int)lt_option_int(o, "epochs") : EPOCHS,
                            .measure = data->measure == NULL ? NULL : measure,
                            .context = &m};
    lt_private_fit *f;
    lt_privacy privacy;

    LT_TRY(lt_private_check(env, o));
    LT_TRY(lt_optimizer_init(env, &spec.optimizer, LT_OPTIMIZER_MOMENTUM, rate_of(o, &data->design), MOMENTUM));
    spec.optimizer.l2 = (float)(lt_option_float(o, "regularization") / (double)n);
    spec.optimizer.l1 = (float)(lt_option_float(o, "l1") / (double)n);
    LT_TRY(lt_model_add_f64(env, model, "coefficients", 1, 1 + (int64_t)net.dense + net.sparse, &m.w));
    LT_TRY(lt_mlp_alloc(env, &net));
    LT_TRY(lt_alloc(env, &f, 1, sizeof *f, "the training"));
    LT_TRY(lt_private_init(env, &spec, &net, f));
    LT_TRY(lt_private_run(env, f, &net, &privacy));
    take_weights(&data->design, &net, m.w);
    *fit = (lt_fit){.epochs = spec.epochs, .loss = NAN};
    return lt_privacy_store(env, &privacy, model);
}
