/*
 * rp3beta.c: a random walk of three steps, user to item to user to item, with popularity taken out.
 *
 * With x the pairs' weight, or 1, P_ui = x_ui / sum_j x_uj and Q_iu = x_ui / sum_v x_vi the chances of a step,
 *     margin_uj = sum_i P_ui^alpha W_ij,    W_ij = sum_v Q_iv^alpha P_vj^alpha / (sum_v x_vj)^beta,
 * Paudel, Christoffel, Newell and Bernstein, "Updatable, accurate, diverse, and scalable recommendations for
 * interactive applications", 2017.  A walk takes no step of negative weight.
 *
 * A model's arrays: those of neighbors.h, and alpha, 1 x 1, f64.
 */
#include "neighbors.h"

#include <math.h>

extern const lt_algorithm lt_rp3beta;

static const lt_option options[] = {
    {"neighbors", LT_OPT_INT, "100", 0, 1e6, NULL,
     "for each item, from how many others walks are kept, the likeliest; 0 keeps all"},
    {"alpha", LT_OPT_FLOAT, "0.7", 0, 3, NULL,
     "power of the chance of each step; below 1 evens out the steps, above 1 sharpens them"},
    {"beta", LT_OPT_FLOAT, "0.2", 0, 3, NULL,
     "weights are divided by the recommended item's popularity to this power; more favours the tail"},
};

static double step(double x, double sum, double alpha)
{
    return x > 0 ? pow(x / sum, alpha) : 0;
}

/* parameters: alpha, beta. */
static void weigh(const double *parameters, double x, double of_user, double of_item, float *source, float *target)
{
    *source = (float)step(x, of_item, parameters[0]);
    *target = (float)(step(x, of_user, parameters[0]) / pow(of_item, parameters[1]));
}

static lt_status rp3beta_train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model, lt_fit *fit)
{
    double parameters[2] = {lt_option_float(o, "alpha"), lt_option_float(o, "beta")}, *alpha;

    model->link = LT_LINK_IDENTITY;
    model->design = data->design;
    LT_TRY(lt_model_add_f64(env, model, "alpha", 1, 1, &alpha));
    *alpha = parameters[0];
    *fit = (lt_fit){.epochs = 1, .loss = NAN, .converged = true};
    return lt_neighbors_of_graph(env, &data->seen, weigh, parameters, lt_option_int(o, "neighbors"), model);
}

static lt_status rp3beta_check(lt_env *env, const lt_model *m)
{
    const lt_array *alpha = lt_model_array(m, "alpha");

    if (alpha == NULL || alpha->d == NULL || alpha->rows != 1 || alpha->cols != 1 || !(alpha->d[0] >= 0) ||
        !isfinite(alpha->d[0]))
        return lt_fail(env, LT_CORRUPT, "the power of steps of a model of algorithm \"rp3beta\" is not a number");
    return lt_neighbors_check(env, m);
}

/* The subject with P_ui^alpha for its weights; *steps is to be freed. */
static lt_status walk_from(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, lt_subject *out,
                           float **steps)
{
    double alpha = lt_model_array(scorer->model, "alpha")->d[0], sum = 0;

    LT_TRY(lt_alloc(env, steps, (size_t)subject->n_history, sizeof **steps, "a user's history"));
    for (int64_t k = 0; k < subject->n_history; k++)
        sum += subject->history_weight == NULL ? 1 : fmax(subject->history_weight[k], 0);
    for (int64_t k = 0; k < subject->n_history; k++)
        (*steps)[k] = (float)step(subject->history_weight == NULL ? 1 : subject->history_weight[k], sum, alpha);
    *out = *subject;
    out->history_weight = *steps;
    return LT_OK;
}

static lt_status rp3beta_score(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items,
                               int64_t n, float *margin)
{
    lt_subject walker;
    float *steps;

    LT_TRY(walk_from(env, scorer, subject, &walker, &steps));
    LT_TRY(lt_neighbors_score(env, scorer, &walker, items, n, margin));
    lt_free(env, steps);
    return LT_OK;
}

static lt_status rp3beta_explain_history(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, int32_t item,
                                         double *contribution)
{
    lt_subject walker;
    float *steps;

    LT_TRY(walk_from(env, scorer, subject, &walker, &steps));
    LT_TRY(lt_neighbors_explain_history(env, scorer, &walker, item, contribution));
    lt_free(env, steps);
    return LT_OK;
}

const lt_algorithm lt_rp3beta = {
    .name = "rp3beta",
    .help = "random walks from a user's items over their users to other items, with popularity taken out",
    .recommender = true,
    .uses_history = true,
    .no_features = true,
    .weights = LT_WEIGHTS_OF_PAIRS,
    .ranks_only = true,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = rp3beta_train,
    .check = rp3beta_check,
    .prepare = lt_neighbors_prepare,
    .score = rp3beta_score,
    .explain_history = rp3beta_explain_history,
    .similar = lt_neighbors_similar,
    .item_vectors = lt_neighbors_item_vectors,
    .extend = lt_neighbors_extend,
};
