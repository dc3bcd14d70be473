/*
 * item_knn.c: items are near each other when the same users have them.
 *
 *     W_ij = sum_u x_ui x_uj / (|x_i| |x_j| + shrinkage),
 * the cosine of two items' columns of interactions, shrunk towards 0 where there are few (Sarwar, Karypis, Konstan and
 * Riedl, "Item-based collaborative filtering recommendation algorithms", 2001; the shrinkage is that of Bell and Koren,
 * 2007, in the form of Ferrari Dacrema, Cremonesi and Jannach, 2019).  x is the pairs' weight, or 1.  Only positive
 * weights are kept: two items that were rated against each other are not near.
 */
#include "neighbors.h"

#include <math.h>

extern const lt_algorithm lt_item_knn;

static const lt_option options[] = {
    {"neighbors", LT_OPT_INT, "50", 0, 1e6, NULL,
     "the most similar items kept for each item; 0 keeps all that share a user"},
    {"shrinkage", LT_OPT_FLOAT, "10", 0, 1e12, NULL,
     "added to a similarity's denominator, a number of users where there are no weights: similarities that rest on few "
     "users are pulled towards 0"},
};

static lt_status item_knn_train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model, lt_fit *fit)
{
    const lt_pairs *seen = &data->seen;
    double *norm;

    if (data->histories != NULL && lt_option_float(o, "shrinkage") == 0) {
        lt_fail(env, LT_INVALID, "option \"propensity_exponent\" does nothing with shrinkage 0");
        return lt_fail_hint(env, "A cosine is the same whatever an item weighs. Raise shrinkage.");
    }
    model->link = LT_LINK_IDENTITY;
    model->design = data->design;
    LT_TRY(lt_alloc(env, &norm, (size_t)seen->cols, sizeof *norm, "the items' norms"));
    for (int64_t k = 0; k < seen->start[seen->rows]; k++)
        norm[seen->col[k]] += seen->val == NULL ? 1 : (double)seen->val[k] * seen->val[k];
    for (int32_t i = 0; i < seen->cols; i++)
        norm[i] = sqrt(norm[i]);
    LT_TRY(lt_neighbors_multiply(env, seen, seen, norm, lt_option_float(o, "shrinkage"), lt_option_int(o, "neighbors"),
                                 model));
    lt_free(env, norm);
    *fit = (lt_fit){.epochs = 1, .loss = NAN, .converged = true};
    return LT_OK;
}

const lt_algorithm lt_item_knn = {
    .name = "item_knn",
    .help = "item-based neighbors: recommends what is most often had together with a user's items, by cosine",
    .recommender = true,
    .uses_history = true,
    .no_features = true,
    .weights = LT_WEIGHTS_OF_PAIRS,
    .ranks_only = true,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = item_knn_train,
    .check = lt_neighbors_check,
    .prepare = lt_neighbors_prepare,
    .score = lt_neighbors_score,
    .explain_history = lt_neighbors_explain_history,
    .similar = lt_neighbors_similar,
    .item_vectors = lt_neighbors_item_vectors,
    .extend = lt_neighbors_extend,
};
