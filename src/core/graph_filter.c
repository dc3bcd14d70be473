/*
 * graph_filter.c: a linear low-pass filter over the graph of items, without training.
 *
 *     W = R^T R,    R_ui = x_ui / sqrt(d_u d_i),    d_u = sum_i x_ui,    d_i = sum_u x_ui,
 * the linear filter of Shen, Wu, Zhang, Shan, Zhang, Letaief and Li, "How powerful is graph convolution for
 * recommendation?" (GF-CF), 2021, without its ideal low-pass part; x is the pairs' weight, or 1, and what is negative
 * is left out.
 */
#include "neighbors.h"

#include <math.h>

extern const lt_algorithm lt_graph_filter;

static const lt_option options[] = {
    {"neighbors", LT_OPT_INT, "200", 0, 1e6, NULL,
     "the strongest connections kept for each item; 0 keeps all to items that share a user"},
};

static lt_status graph_filter_train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model,
                                    lt_fit *fit)
{
    const lt_pairs *seen = &data->seen;
    lt_pairs normalised = *seen;
    int64_t n = seen->start[seen->rows];
    double *of_user, *of_item;

    model->link = LT_LINK_IDENTITY;
    model->design = data->design;
    LT_TRY(lt_alloc(env, &of_user, (size_t)seen->rows, sizeof *of_user, "the normalised interactions"));
    LT_TRY(lt_alloc(env, &of_item, (size_t)seen->cols, sizeof *of_item, "the normalised interactions"));
    LT_TRY(lt_alloc(env, &normalised.val, (size_t)n, sizeof *normalised.val, "the normalised interactions"));
    for (int32_t u = 0; u < seen->rows; u++)
        for (int64_t k = seen->start[u]; k < seen->start[u + 1]; k++) {
            normalised.val[k] = seen->val == NULL ? 1 : fmaxf(seen->val[k], 0);
            of_user[u] += normalised.val[k];
            of_item[seen->col[k]] += normalised.val[k];
        }
    LT_TRY(lt_poll(env));
    for (int32_t u = 0; u < seen->rows; u++)
        for (int64_t k = seen->start[u]; k < seen->start[u + 1]; k++)
            if (normalised.val[k] > 0)
                normalised.val[k] = (float)(normalised.val[k] / sqrt(of_user[u] * of_item[seen->col[k]]));
    lt_free(env, of_user);
    lt_free(env, of_item);
    LT_TRY(lt_neighbors_multiply(env, &normalised, &normalised, NULL, 0, lt_option_int(o, "neighbors"), model));
    lt_free(env, normalised.val);
    *fit = (lt_fit){.epochs = 1, .loss = NAN, .converged = true};
    return LT_OK;
}

const lt_algorithm lt_graph_filter = {
    .name = "graph_filter",
    .help = "a linear filter over the graph of users and items, without training (GF-CF's)",
    .recommender = true,
    .uses_history = true,
    .no_features = true,
    .ranks_only = true,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = graph_filter_train,
    .check = lt_neighbors_check,
    .prepare = lt_neighbors_prepare,
    .score = lt_neighbors_score,
    .explain_history = lt_neighbors_explain_history,
    .similar = lt_neighbors_similar,
    .extend = lt_neighbors_extend,
};
