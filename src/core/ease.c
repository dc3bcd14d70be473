/*
 * ease.c: the linear autoencoder without self-weights, in closed form.
 *
 * W minimises |X - X W|^2 + regularization |W|^2 with W_jj = 0, where X is U x I, the pairs' weight or 1:
 *     P = (X^T X + regularization)^-1,    W_ij = -P_ij / P_jj    (Steck, "Embarrassingly shallow autoencoders for
 * sparse data", 2019).
 *
 * X^T X is added up column by column from the sparse interactions, by a team, the inverse is taken in place
 * (inverse.c), and W as well where it is kept whole, so that one matrix of items by items is nearly all the memory.  It
 * is of floats where the matrix's condition leaves them digits enough, and of doubles where it does not, as with
 * weights of thousands. What training takes is compared with the budget before anything is taken.
 *
 * Of each item's weights the `neighbors` largest in magnitude are kept.  With 200 of 10,000 (goodbooks) or of 4,000 (an
 * online shop) lists are as good as with all or better, and the model is a fiftieth; as many as there are items make
 * the published model.
 */
#include "inverse.h"
#include "neighbors.h"
#include "threads.h"
#include "vectorize.h"

#include <math.h>
#include <string.h>

extern const lt_algorithm lt_ease;

#define FLOAT_CONDITION 1e4  /* up to which P in float has errors below about 1e-4 of its norm */
#define FEW_BYTES_AN_ITEM 80 /* what training takes of memory besides matrix, interactions and weights */
#define FEW_BYTES 8192

static const lt_option options[] = {
    {"regularization", LT_OPT_FLOAT, "200", 1e-6, 1e30, NULL,
     "strength of the l2 penalty, in users: what is added to each item's interactions on the diagonal; try 20 to 2000"},
    {"neighbors", LT_OPT_INT, "200", 0, 1e6, NULL,
     "weights kept for each item, those of the largest magnitude: fewer make the model smaller and less exact; 0 keeps "
     "all"},
};

/* A matrix of items by items; one of f and d. Symmetric, so that rows are columns. */
typedef struct square {
    int32_t n;
    float *f;
    double *d;
} square;

static inline double at(const square *a, size_t k)
{
    return a->f != NULL ? a->f[k] : a->d[k];
}

/*
 * Whether floats will do: the largest eigenvalue of X^T X is at most its largest row sum, which is that of
 * |x_uj| sum_i |x_ui| over the users (Gershgorin), and no eigenvalue is smaller than the regularization.
 */
static lt_status floats_will_do(lt_env *env, const lt_pairs *seen, double regularization, bool *will)
{
    double *sum, most = 0;

    LT_TRY(lt_alloc(env, &sum, (size_t)seen->cols, sizeof *sum, "the items' sums"));
    for (int32_t u = 0; u < seen->rows; u++) {
        double total = 0;

        if (u % 256 == 0)
            LT_TRY(lt_poll(env));
        for (int64_t k = seen->start[u]; k < seen->start[u + 1]; k++)
            total += seen->val == NULL ? 1 : fabsf(seen->val[k]);
        for (int64_t k = seen->start[u]; k < seen->start[u + 1]; k++)
            sum[seen->col[k]] += seen->val == NULL ? total : total * fabsf(seen->val[k]);
    }
    for (int32_t i = 0; i < seen->cols; i++)
        most = fmax(most, sum[i]);
    lt_free(env, sum);
    *will = most <= FLOAT_CONDITION * regularization;
    return LT_OK;
}

/* Whether all that training takes fits the budget; kept: weights a target, 0: all. */
static lt_status check_budget(lt_env *env, const lt_pairs *seen, bool floats, double kept)
{
    double items = seen->cols, pairs = (double)seen->start[seen->rows];
    double matrix = items * items * (floats ? sizeof(float) : sizeof(double));
    double transposed = pairs * (sizeof(float) + sizeof(int32_t));
    /* floats become the weights where they are; lists are held by target, and as the model has them */
    double weights = kept > 0  ? 2 * items * kept * (sizeof(float) + sizeof(int32_t))
                     : !floats ? items * items * sizeof(float)
                               : 0;
    double inverse = (double)lt_invert_room(seen->cols) * (floats ? sizeof(float) : sizeof(double));
    double filling = kept > 0 ? (double)lt_neighbor_lists_memory(env, seen->cols, (int64_t)kept) : 0;
    double columns = lt_threads(env) * items * sizeof(double);
    double need =
        matrix + fmax(fmax(weights + filling, transposed + columns), inverse) + FEW_BYTES_AN_ITEM * items + FEW_BYTES;

    if (env->budget == 0 || (double)env->used + need <= (double)env->budget)
        return LT_OK;
    lt_fail(env, LT_NO_MEMORY, "ease over %.0f items needs %.0f kB of memory", items, ceil(need / 1024));
    lt_fail_detail(env, "A matrix of items by items takes %.0f kB of it; %zu kB are in use, and the limit is %zu kB.",
                   ceil(matrix / 1024), env->used / 1024, env->budget / 1024);
    return lt_fail_hint(env,
                        "Use rp3beta, graph_filter, item_knn or als, whose memory grows with the interactions, or "
                        "raise longtail.training_memory to %.0f kB.",
                        ceil((need + (double)env->used) / 1024));
}

/* ---- the matrix ---- */

typedef struct products {
    lt_pairs by_user, by_item;
    double regularization;
    const square *a;
    double **sum; /* by member: I */
} products;

/* Column j of X^T X + regularization, from the diagonal down. */
static void add_column(void *context, int64_t j, int member)
{
    const products *p = context;
    const lt_pairs *by_user = &p->by_user, *by_item = &p->by_item;
    double *sum = p->sum[member];
    size_t n = (size_t)p->a->n, column = (size_t)j * n;

    memset(sum + j, 0, (n - (size_t)j) * sizeof *sum);
    for (int64_t e = by_item->start[j]; e < by_item->start[j + 1]; e++) {
        int64_t first = by_user->start[by_item->col[e]], k = by_user->start[by_item->col[e] + 1];
        double x = by_item->val == NULL ? 1 : by_item->val[e];

        for (k--; k >= first && by_user->col[k] >= j; k--)
            sum[by_user->col[k]] += by_user->val == NULL ? x : x * by_user->val[k];
    }
    sum[j] += p->regularization;
    for (size_t i = (size_t)j; i < n; i++) {
        if (p->a->f != NULL)
            p->a->f[column + i] = (float)sum[i];
        else
            p->a->d[column + i] = sum[i];
    }
}

/* a: X^T X + regularization, on and below the diagonal. */
static lt_status add_products(lt_env *env, const lt_pairs *seen, double regularization, const square *a)
{
    products p = {.by_user = *seen, .regularization = regularization, .a = a};
    int members = lt_threads(env);

    p.by_user.time = NULL;
    LT_TRY(lt_pairs_transpose(env, &p.by_user, &p.by_item));
    LT_TRY(lt_alloc(env, &p.sum, (size_t)members, sizeof *p.sum, "a column of ease's matrix"));
    for (int m = 0; m < members; m++)
        LT_TRY(lt_alloc(env, &p.sum[m], (size_t)a->n, sizeof **p.sum, "a column of ease's matrix"));
    LT_TRY(lt_run(env, a->n, add_column, &p));
    for (int m = 0; m < members; m++)
        lt_free(env, p.sum[m]);
    lt_free(env, p.sum);
    lt_free(env, p.by_item.start);
    lt_free(env, p.by_item.col);
    lt_free(env, p.by_item.val);
    return LT_OK;
}

static lt_status invert(lt_env *env, const square *a)
{
    lt_status status = a->f != NULL ? lt_invert_f32(env, a->n, a->f) : lt_invert_f64(env, a->n, a->d);

    if (status != LT_DIVERGED)
        return status;
    lt_fail(env, LT_DIVERGED, "the items' interactions are too much alike for ease's regularization");
    return lt_fail_hint(env, "Raise regularization.");
}

/* ---- the weights ---- */

typedef struct weights {
    const square *p;
    const double *diagonal; /* of P */
    float *weight;          /* I x I; may be p's own floats */
} weights;

/* Row i of W from P. */
static void keep_row(void *context, int64_t i, int member)
{
    const weights *w = context;
    size_t n = (size_t)w->p->n;

    (void)member;
    for (size_t j = 0; j < n; j++)
        w->weight[(size_t)i * n + j] = (size_t)i == j ? 0 : (float)(-at(w->p, (size_t)i * n + j) / w->diagonal[j]);
}

/* weight (I x I): W from P; may be p's own floats. */
static lt_status keep_all(lt_env *env, const square *p, float *weight)
{
    weights w = {.p = p, .weight = weight};
    size_t n = (size_t)p->n;
    double *diagonal;

    LT_TRY(lt_alloc(env, &diagonal, n, sizeof *diagonal, "the items' variances"));
    for (size_t j = 0; j < n; j++)
        diagonal[j] = at(p, j * n + j);
    w.diagonal = diagonal;
    LT_TRY(lt_run(env, p->n, keep_row, &w));
    lt_free(env, diagonal);
    return LT_OK;
}

/* Column j of W, as a lt_neighbor_row. */
LT_VECTORIZED static int32_t weights_to(void *context, int32_t j, int member, int32_t *source, float *weight)
{
    const square *p = context;
    size_t row = (size_t)j * (size_t)p->n;
    double diagonal = at(p, row + (size_t)j);

    (void)member;
    for (int32_t i = 0; i < p->n; i++)
        source[i] = i;
    for (int32_t i = 0; p->f != NULL && i < p->n; i++)
        weight[i] = (float)(-p->f[row + (size_t)i] / diagonal);
    for (int32_t i = 0; p->f == NULL && i < p->n; i++)
        weight[i] = (float)(-p->d[row + (size_t)i] / diagonal);
    weight[j] = 0;
    return p->n;
}

static lt_status keep_largest(lt_env *env, square *p, int64_t neighbors, lt_model *model)
{
    lt_neighbor_lists lists;

    LT_TRY(lt_neighbor_lists_init(env, &lists, p->n, neighbors, p->n * neighbors));
    LT_TRY(lt_neighbor_lists_fill(env, &lists, true, weights_to, p));
    return lt_neighbor_lists_store(env, &lists, model);
}

static lt_status ease_train(lt_env *env, const lt_dataset *data, const lt_options *o, lt_model *model, lt_fit *fit)
{
    const lt_pairs *seen = &data->seen;
    square a = {.n = seen->cols};
    size_t cells = (size_t)a.n * (size_t)a.n;
    int64_t neighbors = lt_option_int(o, "neighbors");
    double regularization = lt_option_float(o, "regularization");
    float *weight = NULL;
    bool floats;

    neighbors = neighbors >= a.n - 1 ? 0 : neighbors;
    model->link = LT_LINK_IDENTITY;
    model->design = data->design;
    LT_TRY(floats_will_do(env, seen, regularization, &floats));
    LT_TRY(check_budget(env, seen, floats, (double)neighbors));
    if (neighbors == 0 && floats)
        LT_TRY(lt_model_add_f32(env, model, "weight", a.n, a.n, &weight));
    if (!floats)
        LT_TRY(lt_alloc(env, &a.d, cells, sizeof *a.d, "ease's matrix of items by items"));
    else if (weight != NULL)
        a.f = weight;
    else
        LT_TRY(lt_alloc(env, &a.f, cells, sizeof *a.f, "ease's matrix of items by items"));
    LT_TRY(add_products(env, seen, regularization, &a));
    LT_TRY(invert(env, &a));
    if (neighbors > 0) {
        LT_TRY(keep_largest(env, &a, neighbors, model));
    } else {
        if (weight == NULL)
            LT_TRY(lt_model_add_f32(env, model, "weight", a.n, a.n, &weight));
        LT_TRY(keep_all(env, &a, weight));
    }
    if (a.f != weight)
        lt_free(env, a.f);
    lt_free(env, a.d);
    *fit = (lt_fit){.epochs = 1, .loss = NAN, .converged = true};
    return LT_OK;
}

const lt_algorithm lt_ease = {
    .name = "ease",
    .help =
        "a linear model of each item from all others in closed form; accurate, for catalogues up to some 20,000 items",
    .recommender = true,
    .uses_history = true,
    .no_features = true,
    .weights = LT_WEIGHTS_OF_PAIRS,
    .ranks_only = true,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .train = ease_train,
    .check = lt_neighbors_check,
    .prepare = lt_neighbors_prepare,
    .score = lt_neighbors_score,
    .explain_history = lt_neighbors_explain_history,
    .similar = lt_neighbors_similar,
    .item_vectors = lt_neighbors_item_vectors,
    .extend = lt_neighbors_extend,
};
