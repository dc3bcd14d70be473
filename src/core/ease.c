/*
 * ease.c: the linear autoencoder without self-weights, in closed form.
 *
 * W minimises |X - X W|^2 + regularization |W|^2 with W_jj = 0, where X is U x I, the pairs' weight or 1:
 *     P = (X^T X + regularization)^-1,    W_ij = -P_ij / P_jj    (Steck, "Embarrassingly shallow autoencoders for
 * sparse data", 2019).  Double throughout: with weights X^T X is too badly conditioned for float. X^T X is added up
 * column by column from the sparse interactions, the inverse taken in place (inverse.c), so that one I x I matrix is
 * all the memory besides the weights kept.  What that comes to is compared with the budget before anything is taken. Of
 * each item's weights the `neighbors` of the largest magnitude are kept; negative ones matter as much as positive ones.
 */
#include "inverse.h"
#include "neighbors.h"

#include <math.h>
#include <string.h>

extern const lt_algorithm lt_ease;

#define POLL_EVERY (1 << 20) /* multiplications between polls */

static const lt_option options[] = {
    {"regularization", LT_OPT_FLOAT, "500", 1e-6, 1e30, NULL,
     "strength of the l2 penalty, in users: what is added to each item's interactions on the diagonal"},
    {"neighbors", LT_OPT_INT, "1000", 0, 1e6, NULL,
     "weights kept for each item, those of the largest magnitude; 0 keeps all"},
};

/* Whether all that training takes fits the budget; kept: weights a target, items: all of them. */
static lt_status check_budget(lt_env *env, double items, double kept, double pairs)
{
    double matrix = items * items * sizeof(double);
    double lists = 2 * items * kept * (sizeof(float) + sizeof(int32_t)); /* by target, and as the model has them */
    double weights = kept == items ? items * items * sizeof(float) : lists;
    double transposed = pairs * (sizeof(float) + sizeof(int32_t));
    /* the transposed interactions are given back before the weights are taken; the rest is a few numbers an item */
    double need = matrix + (weights > transposed ? weights : transposed) + 64 * items + 4096;

    if (env->budget == 0 || (double)env->used + need <= (double)env->budget)
        return LT_OK;
    lt_fail(env, LT_NO_MEMORY, "ease over %.0f items needs %.0f kB of memory", items, ceil(need / 1024));
    lt_fail_detail(
        env,
        "A matrix of items by items takes %.0f kB, and the weights kept take %.0f kB; %zu kB are in use, and "
        "the limit is %zu kB.",
        ceil(matrix / 1024), ceil((need - matrix) / 1024), env->used / 1024, env->budget / 1024);
    return lt_fail_hint(
        env,
        "Use rp3beta, graph_filter, item_knn or als, whose memory grows with the interactions, or raise "
        "longtail.training_memory to %.0f kB.",
        ceil((need + (double)env->used) / 1024));
}

/* a (I x I): X^T X on and below the diagonal. Column by column, so that sums go to one stretch of memory. */
static lt_status add_products(lt_env *env, const lt_pairs *seen, double *a)
{
    lt_pairs by_user = *seen, by_item;
    size_t items = (size_t)seen->cols;
    int64_t work = 0;

    by_user.time = NULL;
    LT_TRY(lt_pairs_transpose(env, &by_user, &by_item));
    for (int32_t j = 0; j < by_item.rows; j++) {
        double *column = a + (size_t)j * items;

        for (int64_t e = by_item.start[j]; e < by_item.start[j + 1]; e++) {
            int64_t first = by_user.start[by_item.col[e]], k = by_user.start[by_item.col[e] + 1];
            double x = by_item.val == NULL ? 1 : by_item.val[e];

            work += k - first;
            for (k--; k >= first && by_user.col[k] >= j; k--)
                column[by_user.col[k]] += by_user.val == NULL ? x : x * by_user.val[k];
            if (work > POLL_EVERY) {
                work = 0;
                LT_TRY(lt_poll(env));
            }
        }
    }
    lt_free(env, by_item.start);
    lt_free(env, by_item.col);
    lt_free(env, by_item.val);
    return LT_OK;
}

/* W whole, from P. */
static lt_status keep_all(lt_env *env, const double *p, int32_t items, lt_model *model)
{
    size_t n = (size_t)items;
    float *weight;

    LT_TRY(lt_model_add_f32(env, model, "weight", items, items, &weight));
    for (size_t i = 0; i < n; i++) {
        if (i % 256 == 0)
            LT_TRY(lt_poll(env));
        for (size_t j = 0; j < n; j++)
            weight[i * n + j] = i == j ? 0 : (float)(-p[i * n + j] / p[j * n + j]);
    }
    return LT_OK;
}

static lt_status keep_largest(lt_env *env, const double *p, int32_t items, int64_t neighbors, lt_model *model)
{
    size_t n = (size_t)items;
    lt_neighbor_lists lists;
    int32_t *source;
    float *weight;

    LT_TRY(lt_neighbor_lists_init(env, &lists, items, neighbors, items * neighbors));
    LT_TRY(lt_alloc(env, &source, n, sizeof *source, "an item's weights"));
    LT_TRY(lt_alloc(env, &weight, n, sizeof *weight, "an item's weights"));
    for (int32_t i = 0; i < items; i++)
        source[i] = i;
    for (int32_t j = 0; j < items; j++) {
        const double *row = p + (size_t)j * n; /* and column: P is symmetric */

        if (j % 64 == 0)
            LT_TRY(lt_poll(env));
        for (int32_t i = 0; i < items; i++)
            weight[i] = i == j ? 0 : (float)(-row[i] / row[j]);
        LT_TRY(lt_neighbor_lists_add(env, &lists, source, weight, items, true));
    }
    lt_free(env, source);
    lt_free(env, weight);
    return lt_neighbor_lists_store(env, &lists, model);
}

static lt_status ease_train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model, lt_fit *fit)
{
    int32_t items = data->seen.cols;
    size_t n = (size_t)items;
    int64_t neighbors = lt_option_int(o, "neighbors");
    bool all = neighbors == 0 || neighbors >= items - 1;
    lt_status status;
    double *p;

    model->link = LT_LINK_IDENTITY;
    model->design = data->design;
    LT_TRY(check_budget(env, items, all ? items : (double)neighbors, (double)data->seen.start[data->seen.rows]));
    LT_TRY(lt_alloc(env, &p, n * n, sizeof *p, "ease's matrix of items by items"));
    LT_TRY(add_products(env, &data->seen, p));
    for (size_t i = 0; i < n; i++)
        p[i * n + i] += lt_option_float(o, "regularization");
    status = lt_invert(env, items, p);
    if (status == LT_DIVERGED) {
        lt_fail(env, LT_DIVERGED, "the items' interactions are too much alike for ease's regularization");
        return lt_fail_hint(env, "Raise regularization.");
    }
    LT_TRY(status);
    LT_TRY(all ? keep_all(env, p, items, model) : keep_largest(env, p, items, neighbors, model));
    lt_free(env, p);
    *fit = (lt_fit){.epochs = 1, .loss = NAN, .converged = true};
    return LT_OK;
}

const lt_algorithm lt_ease = {
    .name = "ease",
    .help = "a linear model of each item from all others in closed form; most accurate on up to some 15,000 items",
    .recommender = true,
    .uses_history = true,
    .no_features = true,
    .ranks_only = true,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = ease_train,
    .check = lt_neighbors_check,
    .prepare = lt_neighbors_prepare,
    .score = lt_neighbors_score,
    .explain_history = lt_neighbors_explain_history,
    .similar = lt_neighbors_similar,
    .extend = lt_neighbors_extend,
};
