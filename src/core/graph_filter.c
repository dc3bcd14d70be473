/*
 * graph_filter.c: a linear low-pass filter over the graph of items, without training.
 *
 *     W_ij = d_i^-alpha d_j^(alpha - 1) sum_u x_ui x_uj / d_u,    d_u = sum_i x_ui,    d_i = sum_u x_ui;
 * x is the pairs' weight, or 1, and what is negative is left out.  With alpha 0.5 it is R^T R of the degree-normalised
 * matrix R = D_u^-1/2 X D_i^-1/2, the linear filter of Shen, Wu, Zhang, Shan, Zhang, Letaief and Li, "How powerful is
 * graph convolution for recommendation?" (GF-CF), 2021, without its ideal low-pass part.  With alpha 1 a row of W sums
 * to the chances of a walk, and what is popular stays so.
 */
#include "neighbors.h"

#include <math.h>

extern const lt_algorithm lt_graph_filter;

static const lt_option options[] = {
    {"neighbors", LT_OPT_INT, "100", 0, 1e6, NULL,
     "the strongest connections kept for each item; 0 keeps all to items that share a user"},
    {"alpha", LT_OPT_FLOAT, "0.5", 0, 1, NULL,
     "connections are divided by the interactions of the item had to this power, and of the item recommended to 1 less "
     "this; 0.5 is the published filter, more favours popular items"},
};

static void weigh(const double *alpha, double x, double of_user, double of_item, float *source, float *target)
{
    *source = (float)(x / sqrt(of_user) / pow(of_item, *alpha));
    *target = (float)(x / sqrt(of_user) / pow(of_item, 1 - *alpha));
}

static lt_status graph_filter_train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model,
                                    lt_fit *fit)
{
    double alpha = lt_option_float(o, "alpha");

    model->link = LT_LINK_IDENTITY;
    model->design = data->design;
    *fit = (lt_fit){.epochs = 1, .loss = NAN, .converged = true};
    return lt_neighbors_of_graph(env, &data->seen, weigh, &alpha, lt_option_int(o, "neighbors"), model);
}

const lt_algorithm lt_graph_filter = {
    .name = "graph_filter",
    .help = "a linear filter over the graph of users and items, without training (GF-CF's)",
    .recommender = true,
    .uses_history = true,
    .no_features = true,
    .weights = LT_WEIGHTS_OF_PAIRS,
    .ranks_only = true,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = graph_filter_train,
    .check = lt_neighbors_check,
    .prepare = lt_neighbors_prepare,
    .score = lt_neighbors_score,
    .explain_history = lt_neighbors_explain_history,
    .similar = lt_neighbors_similar,
    .item_vectors = lt_neighbors_item_vectors,
    .extend = lt_neighbors_extend,
};
