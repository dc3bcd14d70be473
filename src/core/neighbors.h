/*
 * neighbors.h: models that are weights from item to item; what their algorithms share.
 *
 * The margin of item j for somebody with history H is the sum over i in H of strength_i * W_ij; strength is the
 * history's weight, 1 without.  So it is exactly the sum of what each item of the history contributes, and an item on
 * which nobody's history has a bearing has margin 0.  W_jj is 0.
 *
 * A model's arrays:
 *     start   1 x (I + 1), i32; absent when every weight is kept
 *     item    1 x start[I], i32: row i's targets j, ascending, in item[start[i] .. start[i + 1]); absent with start
 *     weight  1 x start[I], f32: W_ij; I x I without start
 */
#ifndef LT_NEIGHBORS_H
#define LT_NEIGHBORS_H

#include "model.h"

/* ---- serving: hooks of lt_algorithm ---- */

lt_status lt_neighbors_check(lt_env *env, const lt_model *model);
lt_status lt_neighbors_prepare(lt_env *env, lt_scorer *scorer);
lt_status lt_neighbors_score(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, const int32_t *items,
                             int64_t n, float *margin);
lt_status lt_neighbors_explain_history(lt_env *env, const lt_scorer *scorer, const lt_subject *subject, int32_t item,
                                       double *contribution);
/* The margins of a history of that one item: W's row. */
lt_status lt_neighbors_similar(lt_env *env, const lt_scorer *scorer, int32_t item, float *score);
/*
 * Rows of W, with the largest magnitude of a row put on the diagonal, so that two items that point at each other are
 * alike, and not only those that point at the same others.  Dense where every weight is kept.
 */
lt_status lt_neighbors_item_vectors(lt_env *env, const lt_scorer *scorer, const int32_t *items, int64_t n,
                                    lt_table *out);
/* New items have no weights from or to them. */
lt_status lt_neighbors_extend(lt_env *env, lt_model *model, const lt_design *grown);

/* ---- training ---- */

/* W being gathered target by target, in ascending order. */
typedef struct lt_neighbor_lists {
    int32_t items, targets; /* I; how many targets were added */
    int32_t most;           /* sources kept a target; 0: all */
    int64_t n;              /* entries */
    int32_t *source;        /* n */
    float *weight;          /* n */
    int64_t *start;         /* I + 1: of each target's sources */
    size_t cap_source, cap_weight;
} lt_neighbor_lists;

/* expected: entries there will be, where that is known; memory is taken for them at once. */
lt_status lt_neighbor_lists_init(lt_env *env, lt_neighbor_lists *lists, int32_t items, int64_t most, int64_t expected);
/* A target's sources and their weights, at most I, in any order; returns how many. A task of a team, by `member`. */
typedef int32_t (*lt_neighbor_row)(void *context, int32_t target, int member, int32_t *source, float *weight);
/*
 * All targets, shared by the team.  Keeps the sources of the largest weights, or of the largest magnitudes; of equals
 * the lower item.  Weights that are 0 are left out, and so are negative ones unless by magnitude.  The same for every
 * number of threads, where row's is.
 */
lt_status lt_neighbor_lists_fill(lt_env *env, lt_neighbor_lists *lists, bool by_magnitude, lt_neighbor_row row,
                                 void *context);
/* Bytes that filling takes besides the lists. */
size_t lt_neighbor_lists_memory(const lt_env *env, int32_t items, int64_t most);
/* Adds the arrays to the model; frees the lists. LT_INVALID when there are more than INT32_MAX entries. */
lt_status lt_neighbor_lists_store(lt_env *env, lt_neighbor_lists *lists, lt_model *model);

/*
 * W_ij = sum over users u of source(u, i) * target(u, j), divided by norm_i * norm_j + shrinkage (norm NULL: by 1); of
 * each target j the `most` largest are kept, 0: all.  source, target: U x I, of one pattern; may be the same.  Takes
 * time in proportion to the users' squared history lengths.
 */
lt_status lt_neighbors_multiply(lt_env *env, const lt_pairs *source, const lt_pairs *target, const double *norm,
                                double shrinkage, int64_t most, lt_model *model);

/*
 * The same of the graph of users and items: of each pair of weight x > 0, `weigh` gives source and target from x and
 * the sums of such weights of its user and its item; other pairs have 0. parameters: weigh's own.
 */
typedef void (*lt_weigh_pair)(const double *parameters, double x, double of_user, double of_item, float *source,
                              float *target);
lt_status lt_neighbors_of_graph(lt_env *env, const lt_pairs *seen, lt_weigh_pair weigh, const double *parameters,
                                int64_t most, lt_model *model);

#endif
