/*
 * logistic_blocks.c: log-loss, gradient and Hessian in blocks of rows.
 *
 * A block's dense columns are widened to double, then margins, gradient and Hessian of them are BLAS's while they are
 * in the cache; sparse columns go by their entries.  Blocks are where they are in the table, when it has them side by
 * side, or gathered.  A slot's sums: gradient (c), then the Hessian (c x c) where it is asked for.
 */
#include "logistic_link.h"
#include "logistic_parts.h"
#include "vectorize.h"

#include "blas.h"
#include <math.h>
#include <string.h>

typedef struct way {
    lt_logistic_objective *o;
    lt_logistic_purpose purpose;
    const double *w;
    lt_logistic_plan plan;
    int64_t width, first; /* of a slot; of the round */
} way;

/* A block's float rows. */
typedef struct rows {
    const float *x;
    const int64_t *start; /* NULL without sparse columns */
    const int32_t *col;
    const float *val;
} rows;

static bool gathers(const lt_examples *ex)
{
    return ex->user != NULL || ex->item != NULL || ex->row != NULL;
}

/* Memory for tasks, which must not ask for any. */
static lt_status make_ready(lt_env *env, lt_logistic_objective *o)
{
    const char *what = "a block of rows";
    size_t width = 1 + (size_t)o->in.design->dense;

    for (int k = 0; k < o->members && o->member[k].z == NULL; k++) {
        LT_TRY(lt_alloc(env, &o->member[k].z, (size_t)o->block * width, sizeof(double), what));
        if (gathers(o->examples))
            LT_TRY(lt_gather_reserve(env, &o->in, o->block, &o->member[k].batch));
    }
    return LT_OK;
}

static rows find_rows(const lt_logistic_objective *o, lt_logistic_member *m, int64_t first, int b)
{
    const lt_examples *ex = o->examples;
    const lt_design *d = o->in.design;
    const lt_table *t = o->in.row;

    if (gathers(ex)) {
        /* There is room: neither env nor its memory is asked, nothing can fail. */
        (void)lt_gather(NULL, &o->in, ex, NULL, first, b, &m->batch);
        return (rows){m->batch.x, d->sparse > 0 ? m->batch.start : NULL, m->batch.col, m->batch.val};
    }
    /* Only the row has features, so that the table's columns are the design's. */
    lt_table_touch(t, b, true);
    first += ex->row_first;
    return (rows){.x = t->dense > 0 ? t->x + first * t->dense : NULL,
                  .start = d->sparse > 0 ? t->start + first : NULL,
                  .col = t->col,
                  .val = t->val};
}

/* z = [1 | x], in double. */
static LT_VECTORIZED void widen(const float *restrict x, int b, int dense, double *restrict z)
{
    for (int k = 0; k < b; k++) {
        *z++ = 1;
        for (int j = 0; j < dense; j++)
            z[j] = x[j];
        x += dense;
        z += dense;
    }
}

/* Each row times the root of its curvature. */
static LT_VECTORIZED void scale_rows(const double *curvature, int b, int width, double *z)
{
    for (int k = 0; k < b; k++, z += width) {
        double root = sqrt(curvature[k]);

        for (int j = 0; j < width; j++)
            z[j] *= root;
    }
}

static LT_VECTORIZED void add_squares(const double *weight, int b, int width, const double *restrict z,
                                      double *restrict sum)
{
    for (int k = 0; k < b; k++, z += width)
        for (int j = 0; j < width; j++)
            sum[j] += weight[k] * z[j] * z[j];
}

static void find_margins(const lt_logistic_objective *o, lt_logistic_member *m, const rows *r, int b, const double *w)
{
    int width = 1 + o->in.design->dense;

    if (width > 1)
        cblas_dgemv(CblasRowMajor, CblasNoTrans, b, width, 1, m->z, width, w, 1, 0, m->margin, 1);
    else
        for (int k = 0; k < b; k++)
            m->margin[k] = w[0];
    for (int k = 0; r->start != NULL && k < b; k++) {
        double sum = 0;

        for (int64_t e = r->start[k]; e < r->start[k + 1]; e++)
            sum += r->val[e] * w[width + r->col[e]];
        m->margin[k] += sum;
    }
}

/* sum += weight_k times the row (times the row's squares). */
static void add_rows(const lt_logistic_objective *o, const lt_logistic_member *m, const rows *r, int b, bool squares,
                     double *sum)
{
    int width = 1 + o->in.design->dense;
    const double *weight = m->residual;

    if (squares)
        add_squares(weight, b, width, m->z, sum);
    else if (width > 1)
        cblas_dgemv(CblasRowMajor, CblasTrans, b, width, 1, m->z, width, weight, 1, 1, sum, 1);
    else
        for (int k = 0; k < b; k++)
            sum[0] += weight[k];
    sum += width;
    for (int k = 0; r->start != NULL && k < b; k++)
        for (int64_t e = r->start[k]; e < r->start[k + 1]; e++)
            sum[r->col[e]] += weight[k] * (squares ? (double)r->val[e] * r->val[e] : r->val[e]);
}

/* Adds X'QX to the lower triangle. Overwrites z with Q^(1/2) z. */
static void add_hessian(const lt_logistic_objective *o, lt_logistic_member *m, const rows *r, int b, double *hessian)
{
    int width = 1 + o->in.design->dense;
    int64_t c = o->columns;

    scale_rows(m->curvature, b, width, m->z);
    for (int k = 0; r->start != NULL && k < b; k++) {
        const double *z = m->z + (int64_t)k * width;
        double root = sqrt(m->curvature[k]);

        for (int64_t e = r->start[k]; e < r->start[k + 1]; e++) {
            double *line = hessian + (width + r->col[e]) * c;

            cblas_daxpy(width, root * r->val[e], z, 1, line, 1);
            for (int64_t f = r->start[k]; f <= e; f++)
                line[width + r->col[f]] += m->curvature[k] * r->val[e] * r->val[f];
        }
    }
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, width, b, 1, m->z, width, 1, hessian, (int)c);
}

/* One block, to the slot's sums. Returns its loss. */
static double block(const way *v, lt_logistic_member *m, int64_t first, int b, double *sum)
{
    const lt_logistic_objective *o = v->o;
    const lt_examples *ex = o->examples;
    const float *label = ex->label + first, *weight = ex->weight == NULL ? NULL : ex->weight + first;
    float *kept = o->curvature == NULL ? NULL : o->curvature + first;
    double loss = 0;
    rows r = find_rows(o, m, first, b);

    if (o->in.design->dense > 0 || v->purpose == LT_LOGISTIC_HESSIAN || v->purpose == LT_LOGISTIC_DIAGONAL)
        widen(r.x, b, o->in.design->dense, m->z);
    if (v->purpose != LT_LOGISTIC_DIAGONAL)
        find_margins(o, m, &r, b, v->w);
    switch (v->purpose) {
    case LT_LOGISTIC_LOSS:
    case LT_LOGISTIC_GRADIENT:
    case LT_LOGISTIC_HESSIAN:
        for (int k = 0; ex->offset != NULL && k < b; k++)
            m->margin[k] += ex->offset[first + k];
        loss = lt_logistic_link(b, label, weight, o->class_weight, m->margin,
                                v->purpose == LT_LOGISTIC_LOSS ? NULL : m->residual, m->curvature);
        break;
    case LT_LOGISTIC_PRODUCT:
    case LT_LOGISTIC_DIAGONAL:
        for (int k = 0; k < b; k++)
            m->residual[k] = kept[k] * (v->purpose == LT_LOGISTIC_PRODUCT ? m->margin[k] : 1);
        break;
    }
    for (int k = 0; v->purpose == LT_LOGISTIC_GRADIENT && kept != NULL && k < b; k++)
        kept[k] = (float)m->curvature[k];
    if (v->purpose != LT_LOGISTIC_LOSS)
        add_rows(o, m, &r, b, v->purpose == LT_LOGISTIC_DIAGONAL, sum);
    if (v->purpose == LT_LOGISTIC_HESSIAN)
        add_hessian(o, m, &r, b, sum + o->columns);
    return loss;
}

static void run_blocks(void *context, int64_t task, int member)
{
    const way *v = context;
    lt_logistic_objective *o = v->o;
    int64_t first = v->first + task * v->plan.rows, end = first + v->plan.rows;
    double *sum = o->partial + task * v->width;

    if (v->first == 0) {
        if (v->width > 0)
            memset(sum, 0, (size_t)v->width * sizeof *sum);
        o->slot_loss[task] = 0;
    }
    for (end = end < v->plan.n ? end : v->plan.n; first < end; first += o->block)
        o->slot_loss[task] +=
            block(v, &o->member[member], first, (int)(end - first < o->block ? end - first : o->block), sum);
}

lt_status lt_logistic_blocks(lt_env *env, lt_logistic_objective *o, lt_logistic_purpose purpose, const double *w,
                             double *loss, double *sum, double *hessian)
{
    int64_t c = o->columns, cells = c * c;
    double dense = 1 + o->in.design->dense, work = dense + 4 * o->entries + 16;
    way v = {.o = o, .purpose = purpose, .w = w};

    if (purpose != LT_LOGISTIC_LOSS)
        v.width = c + (purpose == LT_LOGISTIC_HESSIAN ? cells : 0);
    if (purpose == LT_LOGISTIC_HESSIAN)
        work += lt_logistic_hessian_work(o) / (double)(o->examples->n + 1) / 4;
    v.plan = lt_logistic_share_out(o->examples->n, o->block, work, (double)v.width);
    LT_TRY(make_ready(env, o));
    LT_TRY(lt_logistic_rounds(env, o, &v.plan, v.width, run_blocks, &v, &v.first));
    for (int s = 0; loss != NULL && s < v.plan.slots; s++)
        *loss += o->slot_loss[s];
    if (sum != NULL)
        LT_TRY(lt_logistic_add_up(env, o, v.plan.slots, v.width, 0, c, sum));
    return hessian == NULL ? LT_OK : lt_logistic_add_up(env, o, v.plan.slots, v.width, c, cells, hessian);
}
