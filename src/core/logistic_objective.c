/*
 * logistic_objective.c: log-loss, gradient and Hessian of a linear model, two ways.
 *
 * In blocks: a block of rows is widened to double, then BLAS makes margins, gradient and Hessian of its dense columns
 * while it is in the cache; sparse columns go by their entries.  Serves supervised models, and every Hessian.
 *
 * Factored, when there are users and items: margin = intercept + row part + user part[u] + item part[i] + crosses, and
 * backwards residuals are summed per user and per item first.  A cross's cells are never multiplied out: a user's
 * non-zero columns are collapsed into a vector over the item's columns, which all examples of that user share.  It is
 * filled in where an item asks for it, so that neither a wide item side nor many examples a user cost more than needed.
 *
 * Sums run in double throughout: features are float, but a million rows' gradient must vanish to 1e-6 of its parts.
 */
#include "logistic_objective.h"
#include "blas.h"

#include <math.h>
#include <string.h>

#define BLOCK_CELLS 32768 /* of z: 256 kB, which stays in the second-level cache */
#define BLOCK_MOST 1024
#define BLOCK_LEAST 16
#define LOG_EVERY 512    /* factors below 2 whose product is a double */
#define POLL_EVERY 16384 /* examples or table rows of light work between polls */

/* ---- setting up ---- */

lt_logistic_groups lt_logistic_find_groups(const lt_design *d)
{
    lt_logistic_groups g;

    g.row_dense = 1;
    g.user_dense = g.row_dense + d->row_dense;
    g.item_dense = g.user_dense + d->user_dense;
    g.sparse = g.row_sparse = 1 + d->dense;
    g.user_sparse = g.row_sparse + d->row_sparse;
    g.item_sparse = g.user_sparse + d->user_sparse;
    g.user_ids = g.item_sparse + d->item_sparse;
    g.item_ids = g.user_ids + (d->user_ids ? d->users : 0);
    return g;
}

double lt_logistic_share(const lt_table *t, int64_t row, const double *dense, const double *sparse)
{
    double sum = 0;

    if (row < 0 || row >= t->n)
        return 0;
    for (int32_t j = 0; j < t->dense; j++)
        sum += t->x[row * t->dense + j] * dense[j];
    if (t->sparse > 0)
        for (int64_t e = t->start[row]; e < t->start[row + 1]; e++)
            sum += t->val[e] * sparse[t->col[e]];
    return sum;
}

lt_status lt_logistic_cross_table(lt_env *env, const lt_cross *c, bool item, const lt_table *from, int64_t n,
                                  lt_table *out)
{
    const char *what = "the crosses' entries";
    int32_t dense = item ? c->item_dense_count : c->user_dense_count;
    int64_t at = 0, most = n * dense + (from->sparse > 0 ? from->start[n] : 0);

    memset(out, 0, sizeof *out);
    out->n = n;
    out->sparse = dense + (item ? c->item_sparse_count : c->user_sparse_count);
    LT_TRY(lt_alloc(env, &out->start, (size_t)n + 1, sizeof *out->start, what));
    LT_TRY(lt_alloc(env, &out->col, (size_t)most, sizeof *out->col, what));
    LT_TRY(lt_alloc(env, &out->val, (size_t)most, sizeof *out->val, what));
    for (int64_t i = 0; i < n; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        at += (item ? lt_cross_item : lt_cross_user)(c, from, i, out->col + at, out->val + at);
        out->start[i + 1] = at;
    }
    return LT_OK;
}

static lt_status factor(lt_env *env, lt_logistic_objective *o)
{
    const char *what = "the users' and items' parts";
    const lt_design *d = o->in.design;
    const lt_examples *ex = o->examples;
    int32_t widest = 0;

    LT_TRY(lt_alloc(env, &o->user_part, (size_t)d->users, sizeof *o->user_part, what));
    LT_TRY(lt_alloc(env, &o->item_part, (size_t)d->items, sizeof *o->item_part, what));
    LT_TRY(lt_alloc(env, &o->margin, (size_t)ex->n, sizeof *o->margin, "the examples' margins"));
    if (d->n_crosses == 0 || ex->user == NULL || ex->item == NULL)
        return LT_OK;

    LT_TRY(lt_alloc(env, &o->cross, (size_t)d->n_crosses, sizeof *o->cross, "the crosses"));
    for (int c = 0; c < d->n_crosses; c++) {
        LT_TRY(lt_logistic_cross_table(env, &d->cross[c], false, o->in.user, o->in.user->n, &o->cross[c].user));
        LT_TRY(lt_logistic_cross_table(env, &d->cross[c], true, o->in.item, o->in.item->n, &o->cross[c].item));
        if (o->cross[c].item.sparse > widest)
            widest = o->cross[c].item.sparse;
    }
    LT_TRY(lt_alloc(env, &o->collapsed, (size_t)widest, sizeof *o->collapsed, "a cross"));
    LT_TRY(lt_alloc(env, &o->used, (size_t)widest, sizeof *o->used, "a cross"));
    LT_TRY(lt_alloc(env, &o->touched, (size_t)widest, sizeof *o->touched, "a cross"));

    /* Examples without a user or an item have no crosses and are left out of the order. */
    LT_TRY(lt_alloc(env, &o->user_start, (size_t)d->users + 2, sizeof *o->user_start, "the examples' order"));
    LT_TRY(lt_alloc(env, &o->by_user, (size_t)ex->n, sizeof *o->by_user, "the examples' order"));
    for (int64_t i = 0; i < ex->n; i++)
        if (ex->user[i] >= 0 && ex->item[i] >= 0)
            o->user_start[ex->user[i] + 2]++;
    for (int32_t u = 0; u < d->users; u++)
        o->user_start[u + 2] += o->user_start[u + 1];
    for (int64_t i = 0; i < ex->n; i++)
        if (ex->user[i] >= 0 && ex->item[i] >= 0)
            o->by_user[o->user_start[ex->user[i] + 1]++] = i;
    return LT_OK;
}

static double weight_of(const lt_logistic_objective *o, int64_t i)
{
    const lt_examples *ex = o->examples;

    return o->class_weight[ex->label[i] != 0] * (ex->weight == NULL ? 1 : ex->weight[i]);
}

lt_status lt_logistic_check_label(lt_env *env, float label)
{
    if (label == 0 || label == 1)
        return LT_OK;
    lt_fail(env, LT_INVALID, "the label %g is neither 0 nor 1", label);
    return lt_fail_hint(env, "Logistic models need a boolean label, or numbers 0 and 1.");
}

lt_status lt_logistic_objective_init(lt_env *env, lt_logistic_objective *o, const lt_inputs *in,
                                     const lt_examples *examples, const double class_weight[2])
{
    const char *what = "a block of rows";
    size_t width = 1 + (size_t)in->design->dense;

    memset(o, 0, sizeof *o);
    o->in = *in;
    o->examples = examples;
    o->class_weight[0] = class_weight[0];
    o->class_weight[1] = class_weight[1];
    o->columns = 1 + in->design->dense + in->design->sparse;
    for (int64_t i = 0; i < examples->n; i++) {
        LT_TRY(lt_logistic_check_label(env, examples->label[i]));
        if (examples->weight != NULL && !(examples->weight[i] >= 0 && isfinite(examples->weight[i])))
            return lt_fail(env, LT_INVALID, "the weight %g is not a number of at least 0", examples->weight[i]);
        o->total_weight += weight_of(o, i);
    }

    o->block = (int)(BLOCK_CELLS / width);
    o->block = o->block > BLOCK_MOST ? BLOCK_MOST : o->block < BLOCK_LEAST ? BLOCK_LEAST : o->block;
    LT_TRY(lt_alloc(env, &o->z, (size_t)o->block * width, sizeof *o->z, what));
    LT_TRY(lt_alloc(env, &o->residual, (size_t)o->block, sizeof *o->residual, what));
    LT_TRY(lt_alloc(env, &o->curvature, (size_t)o->block, sizeof *o->curvature, what));
    o->factored = examples->user != NULL || examples->item != NULL;
    if (o->factored)
        return factor(env, o);
    return lt_alloc(env, &o->margin, (size_t)o->block, sizeof *o->margin, what);
}

static void table_free(lt_env *env, lt_table *t)
{
    lt_free(env, t->start);
    lt_free(env, t->col);
    lt_free(env, t->val);
}

void lt_logistic_objective_free(lt_env *env, lt_logistic_objective *o)
{
    for (int c = 0; o->cross != NULL && c < o->in.design->n_crosses; c++) {
        table_free(env, &o->cross[c].user);
        table_free(env, &o->cross[c].item);
    }
    lt_free(env, o->cross);
    lt_batch_free(env, &o->batch);
    lt_free(env, o->z);
    lt_free(env, o->margin);
    lt_free(env, o->residual);
    lt_free(env, o->curvature);
    lt_free(env, o->user_part);
    lt_free(env, o->item_part);
    lt_free(env, o->user_start);
    lt_free(env, o->by_user);
    lt_free(env, o->collapsed);
    lt_free(env, o->used);
    lt_free(env, o->touched);
}

/* ---- the loss ---- */

/*
 * margin[0..b) of examples first.. to residual = weight * (p - label) and curvature = weight * p * (1 - p), which may
 * be the same array as margin, or NULL. Returns the loss.  exp is taken of -|margin| alone, which cannot overflow.
 * Without weights, logarithms are taken of products of LOG_EVERY factors between 1 and 2.
 */
static double link_loss(const lt_logistic_objective *o, int64_t first, int64_t b, const double *margin,
                        double *residual, double *curvature)
{
    const lt_examples *ex = o->examples;
    double loss = 0, product[2] = {1, 1};

    for (int64_t k = 0; k < b; k++) {
        int class = ex->label[first + k] != 0;
        double weight = weight_of(o, first + k);
        double m = margin[k], e = exp(-fabs(m)), share = 1 / (1 + e);

        if (ex->weight == NULL)
            product[class] *= 1 + e;
        else
            loss += weight * log1p(e);
        if ((k + 1) % LOG_EVERY == 0 || k + 1 == b)
            for (int c = 0; c < 2; c++) {
                loss += o->class_weight[c] * log(product[c]);
                product[c] = 1;
            }
        loss += weight * (m > 0 ? (1 - class) * m : -class * m);
        residual[k] = weight * ((m > 0 ? share : e * share) - class);
        if (curvature != NULL)
            curvature[k] = weight * e * share * share;
    }
    return loss;
}

/* ---- in blocks ---- */

/* A block's float rows, where they are: in the table, when it has them side by side, or gathered. */
typedef struct rows {
    const float *x;
    const int64_t *start;
    const int32_t *col;
    const float *val;
} rows;

static lt_status find_rows(lt_env *env, lt_logistic_objective *o, int64_t first, int b, rows *out)
{
    const lt_examples *ex = o->examples;
    const lt_table *t = o->in.row;

    if (ex->user != NULL || ex->item != NULL || ex->row != NULL) {
        LT_TRY(lt_gather(env, &o->in, ex, NULL, first, b, &o->batch));
        *out = (rows){o->batch.x, o->batch.start, o->batch.col, o->batch.val};
        return LT_OK;
    }
    /* Only the row has features, so that the table's columns are the design's. */
    first += ex->row_first;
    *out = (rows){.x = t->dense > 0 ? t->x + first * t->dense : NULL,
                  .start = t->sparse > 0 ? t->start + first : NULL,
                  .col = t->col,
                  .val = t->val};
    return LT_OK;
}

/* z = [1 | x], in double. */
static void widen(const lt_logistic_objective *o, const float *x, int b)
{
    int dense = o->in.design->dense;
    double *z = o->z;

    for (int k = 0; k < b; k++) {
        *z++ = 1;
        for (int j = 0; j < dense; j++)
            z[j] = x[j];
        x += dense;
        z += dense;
    }
}

/* The *b rows of the block that begins at `first`, with their dense columns in z. */
static lt_status load_block(lt_env *env, lt_logistic_objective *o, int64_t first, rows *r, int *b)
{
    int64_t left = o->examples->n - first;

    *b = left < o->block ? (int)left : o->block;
    LT_TRY(lt_poll(env));
    LT_TRY(find_rows(env, o, first, *b, r));
    widen(o, r->x, *b);
    return LT_OK;
}

static void block_margins(lt_logistic_objective *o, const rows *r, int64_t first, int b, const double *w)
{
    const lt_examples *ex = o->examples;
    int width = 1 + o->in.design->dense;

    cblas_dgemv(CblasRowMajor, CblasNoTrans, b, width, 1, o->z, width, w, 1, 0, o->margin, 1);
    for (int k = 0; o->in.design->sparse > 0 && k < b; k++)
        for (int64_t e = r->start[k]; e < r->start[k + 1]; e++)
            o->margin[k] += r->val[e] * w[width + r->col[e]];
    for (int k = 0; ex->offset != NULL && k < b; k++)
        o->margin[k] += ex->offset[first + k];
}

static void block_gradient(const lt_logistic_objective *o, const rows *r, int b, double *gradient)
{
    int width = 1 + o->in.design->dense;

    cblas_dgemv(CblasRowMajor, CblasTrans, b, width, 1, o->z, width, o->residual, 1, 1, gradient, 1);
    for (int k = 0; o->in.design->sparse > 0 && k < b; k++)
        for (int64_t e = r->start[k]; e < r->start[k + 1]; e++)
            gradient[width + r->col[e]] += o->residual[k] * r->val[e];
}

/* Adds X'QX to the lower triangle. Overwrites z with Q^(1/2) z. */
static void block_hessian(lt_logistic_objective *o, const rows *r, int b, double *hessian)
{
    int width = 1 + o->in.design->dense;
    int64_t c = o->columns;

    for (int k = 0; k < b; k++) {
        double root = sqrt(o->curvature[k]);
        double *z = o->z + (int64_t)k * width;

        cblas_dscal(width, root, z, 1);
        for (int64_t e = o->in.design->sparse > 0 ? r->start[k] : 0; o->in.design->sparse > 0 && e < r->start[k + 1];
             e++) {
            double *line = hessian + (width + r->col[e]) * c;

            cblas_daxpy(width, root * r->val[e], z, 1, line, 1);
            for (int64_t f = r->start[k]; f <= e; f++)
                line[width + r->col[f]] += o->curvature[k] * r->val[e] * r->val[f];
        }
    }
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, width, b, 1, o->z, width, 1, hessian, (int)c);
}

static lt_status evaluate_blocks(lt_env *env, lt_logistic_objective *o, const double *w, double *loss, double *gradient,
                                 double *hessian)
{
    double *margin = o->margin;

    for (int64_t first = 0; first < o->examples->n; first += o->block) {
        int b;
        rows r;

        LT_TRY(load_block(env, o, first, &r, &b));
        block_margins(o, &r, first, b, w);
        *loss += link_loss(o, first, b, margin, o->residual, o->curvature);
        if (gradient != NULL)
            block_gradient(o, &r, b, gradient);
        if (hessian != NULL)
            block_hessian(o, &r, b, hessian);
    }
    return LT_OK;
}

/* ---- factored ---- */

/* part[r] = row r's share of the margin, for the n users or items. ids: NULL, or their id coefficients. */
static lt_status side_parts(lt_env *env, const lt_table *t, int32_t n, const double *dense, const double *sparse,
                            const double *ids, double *part)
{
    for (int32_t r = 0; r < n; r++) {
        if (r % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        part[r] = lt_logistic_share(t, r, dense, sparse) + (ids != NULL ? ids[r] : 0);
    }
    return LT_OK;
}

/* The way back: each row's summed residual to the side's coefficients; squared: with the features squared. */
static lt_status side_gradient(lt_env *env, const lt_table *t, int32_t n, const double *part, bool squared,
                               double *dense, double *sparse, double *ids)
{
    for (int32_t r = 0; r < n; r++) {
        if (r % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (ids != NULL)
            ids[r] += part[r];
        if (r >= t->n)
            continue;
        for (int32_t j = 0; j < t->dense; j++) {
            double x = t->x[(int64_t)r * t->dense + j];

            dense[j] += part[r] * (squared ? x * x : x);
        }
        for (int64_t e = t->sparse > 0 ? t->start[r] : 0; t->sparse > 0 && e < t->start[r + 1]; e++)
            sparse[t->col[e]] += part[r] * (squared ? (double)t->val[e] * t->val[e] : t->val[e]);
    }
    return LT_OK;
}

/* Adds each cross's share to the margins. w points at the sparse coefficients, as do the gradients below. */
static lt_status cross_margins(lt_env *env, lt_logistic_objective *o, const double *w)
{
    int64_t work = 0;

    for (int c = 0; o->cross != NULL && c < o->in.design->n_crosses; c++) {
        const lt_table *user = &o->cross[c].user, *item = &o->cross[c].item;
        const double *cells = w + o->in.design->cross[c].first;

        for (int32_t u = 0; u < user->n; u++) {
            int32_t touched = 0;

            if (user->start[u] == user->start[u + 1] || item->n == 0)
                continue;
            for (int64_t k = o->user_start[u]; k < o->user_start[u + 1]; k++) {
                int64_t i = o->by_user[k], at = o->examples->item[i];
                double sum = 0;

                for (int64_t e = item->start[at]; e < item->start[at + 1]; e++) {
                    int32_t b = item->col[e];

                    if (!o->used[b]) {
                        double v = 0;

                        for (int64_t f = user->start[u]; f < user->start[u + 1]; f++)
                            v += user->val[f] * cells[(int64_t)user->col[f] * item->sparse + b];
                        o->collapsed[b] = v;
                        o->used[b] = true;
                        o->touched[touched++] = b;
                    }
                    sum += item->val[e] * o->collapsed[b];
                }
                o->margin[i] += sum;
                if (++work % POLL_EVERY == 0)
                    LT_TRY(lt_poll(env));
            }
            while (touched > 0)
                o->used[o->touched[--touched]] = false;
        }
    }
    return LT_OK;
}

static lt_status cross_gradient(lt_env *env, lt_logistic_objective *o, const double *residual, bool squared,
                                double *gradient)
{
    int64_t work = 0;

    for (int c = 0; o->cross != NULL && c < o->in.design->n_crosses; c++) {
        const lt_table *user = &o->cross[c].user, *item = &o->cross[c].item;
        double *cells = gradient + o->in.design->cross[c].first;

        for (int32_t u = 0; u < user->n; u++) {
            int32_t touched = 0;

            if (user->start[u] == user->start[u + 1] || item->n == 0)
                continue;
            for (int64_t k = o->user_start[u]; k < o->user_start[u + 1]; k++) {
                int64_t i = o->by_user[k], at = o->examples->item[i];

                for (int64_t e = item->start[at]; e < item->start[at + 1]; e++) {
                    int32_t b = item->col[e];
                    double x = item->val[e];

                    if (!o->used[b]) {
                        o->collapsed[b] = 0;
                        o->used[b] = true;
                        o->touched[touched++] = b;
                    }
                    o->collapsed[b] += residual[i] * (squared ? x * x : x);
                }
                if (++work % POLL_EVERY == 0)
                    LT_TRY(lt_poll(env));
            }
            while (touched > 0) {
                int32_t b = o->touched[--touched];

                o->used[b] = false;
                for (int64_t f = user->start[u]; f < user->start[u + 1]; f++) {
                    double x = user->val[f];

                    cells[(int64_t)user->col[f] * item->sparse + b] += o->collapsed[b] * (squared ? x * x : x);
                }
            }
        }
    }
    return LT_OK;
}

static lt_status factored_margins(lt_env *env, lt_logistic_objective *o, const double *w)
{
    const lt_design *d = o->in.design;
    const lt_examples *ex = o->examples;
    lt_logistic_groups g = lt_logistic_find_groups(d);

    LT_TRY(side_parts(env, o->in.user, d->users, w + g.user_dense, w + g.user_sparse,
                      d->user_ids ? w + g.user_ids : NULL, o->user_part));
    LT_TRY(side_parts(env, o->in.item, d->items, w + g.item_dense, w + g.item_sparse,
                      d->item_ids ? w + g.item_ids : NULL, o->item_part));
    for (int64_t i = 0; i < ex->n; i++) {
        int64_t row = ex->row == NULL ? ex->row_first + i : ex->row[i];
        double m = w[0] + (ex->offset == NULL ? 0 : ex->offset[i]);

        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (ex->user != NULL && ex->user[i] >= 0)
            m += o->user_part[ex->user[i]];
        if (ex->item != NULL && ex->item[i] >= 0)
            m += o->item_part[ex->item[i]];
        o->margin[i] = m + lt_logistic_share(o->in.row, row, w + g.row_dense, w + g.row_sparse);
    }
    return cross_margins(env, o, w + g.sparse);
}

/* gradient += sum_i residual_i * (1, x_i), or of the squares. Uses the user and item parts for the sums. */
static lt_status factored_gradient(lt_env *env, lt_logistic_objective *o, const double *residual, bool squared,
                                   double *gradient)
{
    const lt_design *d = o->in.design;
    const lt_examples *ex = o->examples;
    const lt_table *t = o->in.row;
    lt_logistic_groups g = lt_logistic_find_groups(d);

    memset(o->user_part, 0, (size_t)d->users * sizeof *o->user_part);
    memset(o->item_part, 0, (size_t)d->items * sizeof *o->item_part);
    for (int64_t i = 0; i < ex->n; i++) {
        int64_t row = ex->row == NULL ? ex->row_first + i : ex->row[i];
        double r = residual[i];

        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        gradient[0] += r;
        if (ex->user != NULL && ex->user[i] >= 0)
            o->user_part[ex->user[i]] += r;
        if (ex->item != NULL && ex->item[i] >= 0)
            o->item_part[ex->item[i]] += r;
        for (int32_t j = 0; row >= 0 && j < d->row_dense; j++) {
            double x = t->x[row * d->row_dense + j];

            gradient[g.row_dense + j] += r * (squared ? x * x : x);
        }
        if (row >= 0 && d->row_sparse > 0)
            for (int64_t e = t->start[row]; e < t->start[row + 1]; e++)
                gradient[g.row_sparse + t->col[e]] += r * (squared ? (double)t->val[e] * t->val[e] : t->val[e]);
    }
    LT_TRY(side_gradient(env, o->in.user, d->users, o->user_part, squared, gradient + g.user_dense,
                         gradient + g.user_sparse, d->user_ids ? gradient + g.user_ids : NULL));
    LT_TRY(side_gradient(env, o->in.item, d->items, o->item_part, squared, gradient + g.item_dense,
                         gradient + g.item_sparse, d->item_ids ? gradient + g.item_ids : NULL));
    return cross_gradient(env, o, residual, squared, gradient + g.sparse);
}

/* ---- either ---- */

lt_status lt_logistic_evaluate(lt_env *env, lt_logistic_objective *o, const double *w, double *loss, double *gradient,
                               double *hessian)
{
    *loss = 0;
    if (gradient != NULL)
        memset(gradient, 0, (size_t)o->columns * sizeof *gradient);
    if (hessian != NULL)
        memset(hessian, 0, (size_t)o->columns * (size_t)o->columns * sizeof *hessian);
    if (!o->factored || hessian != NULL)
        return evaluate_blocks(env, o, w, loss, gradient, hessian);

    LT_TRY(factored_margins(env, o, w));
    for (int64_t first = 0; first < o->examples->n; first += POLL_EVERY) {
        int64_t b = o->examples->n - first < POLL_EVERY ? o->examples->n - first : POLL_EVERY;

        LT_TRY(lt_poll(env));
        *loss += link_loss(o, first, b, o->margin + first, o->margin + first, NULL);
    }
    return gradient == NULL ? LT_OK : factored_gradient(env, o, o->margin, false, gradient);
}

lt_status lt_logistic_curvature(lt_env *env, lt_logistic_objective *o, double *diagonal)
{
    int width = 1 + o->in.design->dense;

    memset(diagonal, 0, (size_t)o->columns * sizeof *diagonal);
    if (o->factored) {
        for (int64_t i = 0; i < o->examples->n; i++)
            o->margin[i] = weight_of(o, i) / 4;
        return factored_gradient(env, o, o->margin, true, diagonal);
    }
    for (int64_t first = 0; first < o->examples->n; first += o->block) {
        int b;
        rows r;

        LT_TRY(load_block(env, o, first, &r, &b));
        for (int k = 0; k < b; k++) {
            double q = weight_of(o, first + k) / 4;
            const double *z = o->z + (int64_t)k * width;

            for (int j = 0; j < width; j++)
                diagonal[j] += q * z[j] * z[j];
            for (int64_t e = o->in.design->sparse > 0 ? r.start[k] : 0; o->in.design->sparse > 0 && e < r.start[k + 1];
                 e++)
                diagonal[width + r.col[e]] += q * r.val[e] * r.val[e];
        }
    }
    return LT_OK;
}
