/*
 * factors.h: what models of user and item vectors share: storing, scoring, folding in, explaining.
 *
 * Legend: U users, I items, k factors; n a history's items.
 *
 * Margin of user u and item i: mean + user_bias[u] + item_bias[i] + x_u . y_i; what an algorithm has none of is 0.
 *
 * Folding in: from a history (items h of weight w_h) comes the vector that minimises, item vectors held,
 *     sum_h w_h (target_h - x . y_h)^2 + unobserved * sum over all items of (x . y_i)^2
 *         + regularization * (n + unobserved * I)^frequency * |x|^2,
 * times `scale`: one k x k solve.  Of implicit feedback target_h = 1.  Of ratings w_h = 1 and target_h = rating - mean
 * - item_bias[h], and the user's bias is one more unknown, penalised as the rest; items without a rating count as
 * liked: target_h = liked.
 *
 * Arrays: user_factors U x k, item_factors I x k, user_bias U x 1 and item_bias I x 1 (or absent), history U x 1 i32 (a
 * hash of each user's training history), fold_in 1 x LT_FOLD_SETTINGS f64.
 */
#ifndef LT_FACTORS_H
#define LT_FACTORS_H

#include "model.h"
#include "normal.h"

/* Memory of U x k and I x k is asked for at once; a solve between two polls is of k^3 / 3. */
#define LT_FACTORS_MOST 2048

/* How to fold in: the columns of array fold_in, in this order. */
typedef struct lt_fold {
    double ratings; /* 1: histories are ratings; 0: weights */
    double mean, liked;
    double unobserved, regularization, frequency, items; /* items: I in training */
    double scale;
} lt_fold;
#define LT_FOLD_SETTINGS 8

/* A stored model's arrays by name. */
typedef struct lt_factors {
    int32_t users, items, k;
    const float *user, *item, *user_bias, *item_bias; /* biases: NULL when absent */
    const int32_t *history;
    lt_fold fold;
} lt_factors;

lt_factors lt_factors_of(const lt_model *m);

/* The arrays to fill, zeroed but for history and fold_in. *user_bias and *item_bias are made where the pointer to them
 * is not NULL. model->design is set before. histories: as users are served from them (lt_dataset_histories). */
typedef struct lt_factors_out {
    float *user, *item, *user_bias, *item_bias;
} lt_factors_out;
lt_status lt_factors_add(lt_env *env, lt_model *m, const lt_pairs *histories, int32_t k, bool user_bias, bool item_bias,
                         const lt_fold *fold, lt_factors_out *out);
/* The same settings written anew, for what is only known after training. */
void lt_factors_set_fold(lt_model *m, const lt_fold *fold);

/* x (k + 1): the vector and bias (0 without) that score uses: the stored ones of a user whose history is that of
 * training or empty, else folded in. After prepare. */
lt_status lt_factors_user(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, float *x);

/* After prepare, when the items' vectors were changed: what is searched in follows. */
lt_status lt_factors_renew_scan(lt_env *env, const lt_scorer *scorer);

/* The hooks of lt_algorithm. */
lt_status lt_factors_check(lt_env *env, const lt_model *m);
lt_status lt_factors_predict(lt_env *env, const lt_model *m, const lt_inputs *in, const lt_examples *ex, float *margin);
lt_status lt_factors_prepare(lt_env *env, lt_scorer *scorer);
lt_status lt_factors_image(struct lt_image *im, lt_scorer *scorer);
lt_status lt_factors_seek(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, lt_seek *out);
lt_status lt_factors_score(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items,
                           int64_t n, float *margin);
lt_status lt_factors_explain(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, int32_t item,
                             double *contribution);
lt_status lt_factors_similar(lt_env *env, const lt_scorer *scorer, int32_t item, float *score);
/* The items' vectors, biases left out. */
lt_status lt_factors_item_vectors(lt_env *env, const lt_scorer *scorer, const int32_t *items, int64_t n, lt_table *out);
lt_status lt_factors_extend(lt_env *env, lt_model *m, const lt_design *grown);
lt_status lt_factors_forget(lt_env *env, lt_model *m, struct lt_leaver *who);

#endif
