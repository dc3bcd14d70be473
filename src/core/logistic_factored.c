/*
 * logistic_factored.c: log-loss and gradient over users and items, whose features are never multiplied out.
 *
 * margin = intercept + row part + user part[u] + item part[i] + crosses, and backwards residuals are summed per user
 * and per item first.  The examples are sorted by user, so that a user's part is at hand and its sum is written by one
 * task; where a task begins amid a user's examples, it leaves what it has of that user in head[task].  Items' sums are
 * a slot's, as are the crosses' and the intercept's.
 *
 * A cross's cells are never multiplied out: a user's non-zero columns are collapsed into a vector over the item's
 * columns, which all examples of that user share.  It is filled in where an item asks for it, so that neither a wide
 * item side nor many examples a user cost more than needed.
 *
 * The row's own columns are gone through in the order of the rows, before and after: rows may be many more than what
 * memory holds.
 */
#include "logistic_link.h"
#include "logistic_parts.h"
#include "vectorize.h"

#include <math.h>
#include <string.h>

#define SORTED 4194304 /* examples a round of sorting: some milliseconds */

/* ---- setting up ---- */

/*
 * Sorting by counting: each task has a range of the users, looks at all examples of the round and takes those of its
 * users.  Looking is much cheaper than taking, and the order does not depend on the number of tasks.
 */
typedef struct sorting {
    lt_logistic_objective *o;
    int64_t first, end; /* examples of the round */
    int tasks;
} sorting;

/* Users low .. high-1 are the task's; those without one are users. */
static void find_range(const sorting *s, int64_t task, int32_t *low, int32_t *high)
{
    int64_t users = (int64_t)s->o->in.design->users + 1;

    *low = (int32_t)(users * task / s->tasks);
    *high = (int32_t)(users * (task + 1) / s->tasks);
}

static int32_t user_of(const lt_logistic_objective *o, int64_t i)
{
    const int32_t *user = o->examples->user;

    return user == NULL || user[i] < 0 ? o->in.design->users : user[i];
}

static void count_users(void *context, int64_t task, int member)
{
    const sorting *s = context;
    int32_t low, high;

    (void)member;
    find_range(s, task, &low, &high);
    for (int64_t i = s->first; i < s->end; i++) {
        int32_t u = user_of(s->o, i);

        if (u >= low && u < high)
            s->o->user_start[u + 2]++;
    }
}

static void place_examples(void *context, int64_t task, int member)
{
    const sorting *s = context;
    lt_logistic_objective *o = s->o;
    const lt_examples *ex = o->examples;
    int32_t low, high, items = o->in.design->items;

    (void)member;
    find_range(s, task, &low, &high);
    for (int64_t i = s->first; i < s->end; i++) {
        int32_t u = user_of(o, i);
        int64_t place;

        if (u < low || u >= high)
            continue;
        place = o->user_start[u + 1]++;
        o->item[place] = ex->item == NULL || ex->item[i] < 0 ? items : ex->item[i];
        o->label[place] = ex->label[i];
        if (o->weight != NULL)
            o->weight[place] = ex->weight[i];
        if (o->offset != NULL)
            o->offset[place] = ex->offset[i];
        if (o->order != NULL)
            o->order[place] = i;
    }
}

static lt_status by_rounds(lt_env *env, lt_logistic_objective *o, lt_task run)
{
    sorting s = {.o = o, .tasks = lt_threads(env)};

    for (s.first = 0; s.first < o->examples->n; s.first = s.end) {
        s.end = o->examples->n - s.first < SORTED ? o->examples->n : s.first + SORTED;
        LT_TRY(lt_run(env, s.tasks, run, &s));
    }
    return LT_OK;
}

/* The examples in the order of users, and where each user's begin; those without a user come last. */
static lt_status sort_by_user(lt_env *env, lt_logistic_objective *o)
{
    int32_t users = o->in.design->users;

    LT_TRY(by_rounds(env, o, count_users));
    for (int32_t u = 0; u <= users; u++)
        o->user_start[u + 2] += o->user_start[u + 1];
    return by_rounds(env, o, place_examples);
}

static lt_status make_crosses(lt_env *env, lt_logistic_objective *o)
{
    const lt_design *d = o->in.design;
    int32_t widest = 0;

    LT_TRY(lt_alloc(env, &o->cross, (size_t)d->n_crosses, sizeof *o->cross, "the crosses"));
    for (int c = 0; c < d->n_crosses; c++) {
        LT_TRY(lt_logistic_cross_table(env, &d->cross[c], false, o->in.user, o->in.user->n, &o->cross[c].user));
        LT_TRY(lt_logistic_cross_table(env, &d->cross[c], true, o->in.item, o->in.item->n, &o->cross[c].item));
        if (o->cross[c].item.sparse > widest)
            widest = o->cross[c].item.sparse;
    }
    for (int k = 0; k < o->members; k++) {
        lt_logistic_member *m = &o->member[k];

        LT_TRY(lt_alloc(env, &m->collapsed, (size_t)widest, sizeof *m->collapsed, "a cross"));
        LT_TRY(lt_alloc(env, &m->used, (size_t)widest, sizeof *m->used, "a cross"));
        LT_TRY(lt_alloc(env, &m->touched, (size_t)widest, sizeof *m->touched, "a cross"));
    }
    return LT_OK;
}

static bool has_row(const lt_logistic_objective *o)
{
    return o->in.design->row_dense > 0 || o->in.design->row_sparse > 0;
}

lt_status lt_logistic_factor(lt_env *env, lt_logistic_objective *o)
{
    const char *what = "the users' and items' parts", *order = "the examples' order";
    const lt_design *d = o->in.design;
    const lt_examples *ex = o->examples;
    size_t n = (size_t)ex->n;

    LT_TRY(lt_alloc(env, &o->user_part, 2 * (size_t)d->users, sizeof *o->user_part, what));
    o->user_sum = o->user_part + d->users;
    LT_TRY(lt_alloc(env, &o->item_part, (size_t)d->items + 1, sizeof *o->item_part, what));
    LT_TRY(lt_alloc(env, &o->user_start, (size_t)d->users + 3, sizeof *o->user_start, order));
    LT_TRY(lt_alloc(env, &o->item, n, sizeof *o->item, order));
    LT_TRY(lt_alloc(env, &o->label, n, sizeof *o->label, order));
    if (ex->weight != NULL)
        LT_TRY(lt_alloc(env, &o->weight, n, sizeof *o->weight, order));
    if (ex->offset != NULL)
        LT_TRY(lt_alloc(env, &o->offset, n, sizeof *o->offset, order));
    if (has_row(o)) {
        LT_TRY(lt_alloc(env, &o->row_value, n, sizeof *o->row_value, "the examples' margins"));
        LT_TRY(lt_alloc(env, &o->order, n, sizeof *o->order, order));
    }
    LT_TRY(sort_by_user(env, o));
    return d->n_crosses > 0 && ex->user != NULL && ex->item != NULL ? make_crosses(env, o) : LT_OK;
}

static void table_free(lt_env *env, lt_table *t)
{
    lt_free(env, t->start);
    lt_free(env, t->col);
    lt_free(env, t->val);
}

void lt_logistic_factor_free(lt_env *env, lt_logistic_objective *o)
{
    for (int c = 0; o->cross != NULL && c < o->in.design->n_crosses; c++) {
        table_free(env, &o->cross[c].user);
        table_free(env, &o->cross[c].item);
    }
    lt_free(env, o->cross);
    lt_free(env, o->user_start);
    lt_free(env, o->item);
    lt_free(env, o->label);
    lt_free(env, o->weight);
    lt_free(env, o->offset);
    lt_free(env, o->order);
    lt_free(env, o->row_value);
    lt_free(env, o->user_part);
    lt_free(env, o->item_part);
    lt_free(env, o->head);
}

/* ---- tables: rows, users, items ---- */

/* value[r] for rows 0 .. n-1 of a table (of examples: their rows): its share of the margin, or back from there. */
typedef struct side {
    const lt_logistic_objective *o;
    const lt_table *table;
    const lt_examples *examples; /* NULL: value r is row r's */
    const double *dense, *sparse;
    double *value;
    bool squares;
    lt_logistic_plan plan;
    int64_t width, first;
} side;

static int64_t row_of(const side *s, int64_t r)
{
    if (s->examples == NULL)
        return r;
    return s->examples->row == NULL ? s->examples->row_first + r : s->examples->row[r];
}

static void side_shares(void *context, int64_t task, int member)
{
    const side *s = context;
    int64_t r = s->first + task * s->plan.rows, end = r + s->plan.rows;

    (void)member;
    lt_table_touch(s->table, s->plan.rows, s->examples == NULL || s->examples->row == NULL);
    for (end = end < s->plan.n ? end : s->plan.n; r < end; r++)
        s->value[r] = lt_logistic_share(s->table, row_of(s, r), s->dense, s->sparse);
}

static LT_VECTORIZED void add_dense(const float *x, int32_t n, double value, bool squares, double *sum)
{
    for (int32_t j = 0; j < n; j++)
        sum[j] += value * (squares ? (double)x[j] * x[j] : x[j]);
}

static void side_sums(void *context, int64_t task, int member)
{
    const side *s = context;
    const lt_table *t = s->table;
    int64_t i = s->first + task * s->plan.rows, end = i + s->plan.rows;
    double *dense = s->o->partial + task * s->width, *sparse = dense + t->dense;

    (void)member;
    lt_table_touch(t, s->plan.rows, s->examples == NULL || s->examples->row == NULL);
    if (s->first == 0)
        memset(dense, 0, (size_t)s->width * sizeof *dense);
    for (end = end < s->plan.n ? end : s->plan.n; i < end; i++) {
        int64_t r = row_of(s, i);

        if (r < 0 || r >= t->n)
            continue;
        if (t->dense > 0)
            add_dense(t->x + r * t->dense, t->dense, s->value[i], s->squares, dense);
        for (int64_t e = t->sparse > 0 ? t->start[r] : 0; t->sparse > 0 && e < t->start[r + 1]; e++)
            sparse[t->col[e]] += s->value[i] * (s->squares ? (double)t->val[e] * t->val[e] : t->val[e]);
    }
}

/* Of n rows of t: shares from coefficients, or, where sums are given, the values' sums to those of the columns. */
static lt_status go_through(lt_env *env, lt_logistic_objective *o, const lt_table *t, const lt_examples *ex, int64_t n,
                            const double *dense, const double *sparse, double *value, bool squares, double *dense_sum,
                            double *sparse_sum)
{
    double entries = t->sparse > 0 && t->n > 0 ? (double)t->start[t->n] / (double)t->n : 0;
    side s = {.o = o, .table = t, .examples = ex, .dense = dense, .sparse = sparse, .value = value, .squares = squares};

    s.width = dense_sum == NULL ? 0 : (int64_t)t->dense + t->sparse;
    s.plan = lt_logistic_share_out(n, 256, t->dense + 4 * entries + 4, (double)s.width);
    LT_TRY(lt_logistic_rounds(env, o, &s.plan, s.width, dense_sum == NULL ? side_shares : side_sums, &s, &s.first));
    if (dense_sum == NULL)
        return LT_OK;
    LT_TRY(lt_logistic_add_up(env, o, s.plan.slots, s.width, 0, t->dense, dense_sum));
    return lt_logistic_add_up(env, o, s.plan.slots, s.width, t->dense, t->sparse, sparse_sum);
}

static bool has_columns(const lt_table *t)
{
    return t->n > 0 && (t->dense > 0 || t->sparse > 0);
}

/* part[r] = the share of user or item r, by its columns and its own. */
static lt_status find_parts(lt_env *env, lt_logistic_objective *o, const lt_table *t, int32_t n, const double *dense,
                            const double *sparse, const double *ids, double *part)
{
    if (has_columns(t))
        LT_TRY(go_through(env, o, t, NULL, n, dense, sparse, part, false, NULL, NULL));
    else
        memset(part, 0, (size_t)n * sizeof *part);
    for (int32_t r = 0; ids != NULL && r < n; r++)
        part[r] += ids[r];
    return LT_OK;
}

/* ---- crosses ---- */

/* Adds the crosses' shares of examples first .. end-1 of user u to their margins, margin[0] being first's. */
static void cross_margins(const lt_logistic_objective *o, lt_logistic_member *m, int32_t u, int64_t first, int64_t end,
                          const double *w, double *margin)
{
    for (int c = 0; c < o->in.design->n_crosses; c++) {
        const lt_table *user = &o->cross[c].user, *item = &o->cross[c].item;
        const double *cells = w + o->in.design->cross[c].first;
        int32_t touched = 0;

        if (u >= user->n || user->start[u] == user->start[u + 1])
            continue;
        for (int64_t k = first; k < end; k++) {
            double sum = 0;

            if (o->item[k] >= item->n)
                continue;
            for (int64_t e = item->start[o->item[k]]; e < item->start[o->item[k] + 1]; e++) {
                int32_t b = item->col[e];

                if (!m->used[b]) {
                    double v = 0;

                    for (int64_t f = user->start[u]; f < user->start[u + 1]; f++)
                        v += user->val[f] * cells[(int64_t)user->col[f] * item->sparse + b];
                    m->collapsed[b] = v;
                    m->used[b] = true;
                    m->touched[touched++] = b;
                }
                sum += item->val[e] * m->collapsed[b];
            }
            margin[k - first] += sum;
        }
        while (touched > 0)
            m->used[m->touched[--touched]] = false;
    }
}

/* The way back. sum: of the sparse columns from the first cross's on, which is number `from` among them. */
static void add_crosses(const lt_logistic_objective *o, lt_logistic_member *m, int32_t u, int64_t first, int64_t end,
                        const double *value, bool squares, double *sum, int32_t from)
{
    for (int c = 0; c < o->in.design->n_crosses; c++) {
        const lt_table *user = &o->cross[c].user, *item = &o->cross[c].item;
        double *cells = sum + (o->in.design->cross[c].first - from);
        int32_t touched = 0;

        if (u >= user->n || user->start[u] == user->start[u + 1])
            continue;
        for (int64_t k = first; k < end; k++) {
            if (o->item[k] >= item->n)
                continue;
            for (int64_t e = item->start[o->item[k]]; e < item->start[o->item[k] + 1]; e++) {
                int32_t b = item->col[e];
                double x = item->val[e];

                if (!m->used[b]) {
                    m->collapsed[b] = 0;
                    m->used[b] = true;
                    m->touched[touched++] = b;
                }
                m->collapsed[b] += value[k - first] * (squares ? x * x : x);
            }
        }
        while (touched > 0) {
            int32_t b = m->touched[--touched];

            m->used[b] = false;
            for (int64_t f = user->start[u]; f < user->start[u + 1]; f++) {
                double x = user->val[f];

                cells[(int64_t)user->col[f] * item->sparse + b] += m->collapsed[b] * (squares ? x * x : x);
            }
        }
    }
}

/* ---- the examples ---- */

/* A slot's sums: items + 1 of items, that of the intercept, those of the crosses' cells. */
typedef struct way {
    lt_logistic_objective *o;
    lt_logistic_purpose purpose;
    const double *w, *user_part; /* user_part: NULL where users have none */
    double *user_sum;            /* zeros to begin with; NULL likewise */
    int32_t cells;               /* the first cross's column among the sparse; sparse without crosses */
    lt_logistic_plan plan;
    int64_t width, first;
} way;

static void block_margins(const way *v, lt_logistic_member *m, int32_t u, int64_t first, int64_t end)
{
    const lt_logistic_objective *o = v->o;

    for (int64_t k = first; k < end; u++) {
        int64_t stop = o->user_start[u + 1] < end ? o->user_start[u + 1] : end, from = k;
        double base = v->w[0] + (v->user_part != NULL && u < o->in.design->users ? v->user_part[u] : 0);

        for (; k < stop; k++)
            m->margin[k - first] = base + o->item_part[o->item[k]];
        if (o->cross != NULL && u < o->in.design->users && from < stop)
            cross_margins(o, m, u, from, stop, v->w + 1 + o->in.design->dense, m->margin + (from - first));
    }
    for (int64_t k = first; o->order != NULL && k < end; k++)
        m->margin[k - first] += o->row_value[o->order[k]];
}

static void add_block(const way *v, lt_logistic_member *m, int32_t u, int32_t head_user, int64_t first, int64_t end,
                      double *head, double *sum)
{
    lt_logistic_objective *o = v->o;
    int32_t items = o->in.design->items, users = o->in.design->users;
    bool squares = v->purpose == LT_LOGISTIC_DIAGONAL;

    for (int64_t k = first; k < end; u++) {
        int64_t stop = o->user_start[u + 1] < end ? o->user_start[u + 1] : end, from = k;
        double of_user = 0;

        for (; k < stop; k++) {
            double value = m->residual[k - first];

            of_user += value;
            sum[o->item[k]] += value;
        }
        sum[items + 1] += of_user;
        if (u == head_user)
            *head += of_user;
        else if (v->user_sum != NULL && u < users)
            v->user_sum[u] += of_user;
        if (o->cross != NULL && u < users && from < stop)
            add_crosses(o, m, u, from, stop, m->residual + (from - first), squares, sum + items + 2, v->cells);
    }
    for (int64_t k = first; o->order != NULL && k < end; k++)
        o->row_value[o->order[k]] = m->residual[k - first];
}

/* One block, which begins with user u. Returns its loss. */
static double block(const way *v, lt_logistic_member *m, int32_t u, int32_t head_user, int64_t first, int64_t end,
                    double *head, double *sum)
{
    const lt_logistic_objective *o = v->o;
    const float *weight = o->weight == NULL ? NULL : o->weight + first;
    float *kept = o->curvature == NULL ? NULL : o->curvature + first;
    int64_t b = end - first;
    double loss = 0;

    if (v->purpose != LT_LOGISTIC_DIAGONAL)
        block_margins(v, m, u, first, end);
    if (v->purpose == LT_LOGISTIC_PRODUCT || v->purpose == LT_LOGISTIC_DIAGONAL) {
        for (int64_t k = 0; k < b; k++)
            m->residual[k] = kept[k] * (v->purpose == LT_LOGISTIC_PRODUCT ? m->margin[k] : 1);
    } else {
        for (int64_t k = 0; o->offset != NULL && k < b; k++)
            m->margin[k] += o->offset[first + k];
        loss = lt_logistic_link(b, o->label + first, weight, o->class_weight, m->margin,
                                v->purpose == LT_LOGISTIC_LOSS ? NULL : m->residual, m->curvature);
        for (int64_t k = 0; v->purpose == LT_LOGISTIC_GRADIENT && kept != NULL && k < b; k++)
            kept[k] = (float)m->curvature[k];
    }
    if (v->purpose != LT_LOGISTIC_LOSS)
        add_block(v, m, u, head_user, first, end, head, sum);
    return loss;
}

/* The user whose examples the k-th is among. */
static int32_t find_user(const lt_logistic_objective *o, int64_t k)
{
    int32_t low = 0, high = o->in.design->users;

    while (low < high) {
        int32_t middle = low + (high - low) / 2;

        if (o->user_start[middle + 1] <= k)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void run_examples(void *context, int64_t task, int member)
{
    const way *v = context;
    lt_logistic_objective *o = v->o;
    int64_t first = v->first + task * v->plan.rows, end = first + v->plan.rows;
    int32_t head_user = find_user(o, first), u = head_user;
    double *sum = o->partial + task * v->width, *head = o->head + first / v->plan.rows;

    if (v->first == 0) {
        if (v->width > 0)
            memset(sum, 0, (size_t)v->width * sizeof *sum);
        o->slot_loss[task] = 0;
    }
    *head = 0;
    for (end = end < v->plan.n ? end : v->plan.n; first < end; first += o->block) {
        int64_t stop = end - first < o->block ? end : first + o->block;

        while (o->user_start[u + 1] <= first)
            u++;
        o->slot_loss[task] += block(v, &o->member[member], u, head_user, first, stop, head, sum);
    }
}

/* What the slots and heads have, to sum (c) and the users' and items' sums. */
static lt_status collect(lt_env *env, const way *v, double *sum)
{
    lt_logistic_objective *o = v->o;
    const lt_design *d = o->in.design;
    int64_t cells = d->sparse - v->cells;

    memset(o->item_part, 0, ((size_t)d->items + 1) * sizeof *o->item_part);
    LT_TRY(lt_logistic_add_up(env, o, v->plan.slots, v->width, 0, d->items, o->item_part));
    o->item_part[d->items] = 0;
    LT_TRY(lt_logistic_add_up(env, o, v->plan.slots, v->width, d->items + 1, 1, sum));
    if (o->cross != NULL)
        LT_TRY(lt_logistic_add_up(env, o, v->plan.slots, v->width, d->items + 2, cells, sum + 1 + d->dense + v->cells));
    for (int64_t first = 0; v->user_sum != NULL && first < v->plan.n; first += v->plan.rows) {
        int32_t u = find_user(o, first);

        if (u < d->users)
            v->user_sum[u] += o->head[first / v->plan.rows];
    }
    return LT_OK;
}

lt_status lt_logistic_factored(lt_env *env, lt_logistic_objective *o, lt_logistic_purpose purpose, const double *w,
                               double *loss, double *sum)
{
    const lt_design *d = o->in.design;
    const lt_examples *ex = o->examples;
    lt_logistic_groups g = lt_logistic_find_groups(d);
    bool squares = purpose == LT_LOGISTIC_DIAGONAL, users = has_columns(o->in.user);
    way v = {.o = o, .purpose = purpose, .w = w, .cells = d->sparse};

    if (o->cross != NULL)
        v.cells = d->cross[0].first;
    if (purpose != LT_LOGISTIC_LOSS)
        v.width = (int64_t)d->items + 2 + (o->cross != NULL ? d->sparse - v.cells : 0);
    v.plan = lt_logistic_share_out(ex->n, o->block, 4 + (o->cross != NULL ? 8 * o->entries : 0), (double)v.width);
    if (o->head == NULL)
        LT_TRY(lt_alloc(env, &o->head, (size_t)(ex->n / o->block) + 1, sizeof *o->head, "the threads' sums"));
    if (purpose != LT_LOGISTIC_DIAGONAL) {
        if (users)
            LT_TRY(find_parts(env, o, o->in.user, d->users, w + g.user_dense, w + g.user_sparse,
                              d->user_ids ? w + g.user_ids : NULL, o->user_part));
        LT_TRY(find_parts(env, o, o->in.item, d->items, w + g.item_dense, w + g.item_sparse,
                          d->item_ids ? w + g.item_ids : NULL, o->item_part));
        o->item_part[d->items] = 0;
        v.user_part = users ? o->user_part : d->user_ids ? w + g.user_ids : NULL;
        if (has_row(o))
            LT_TRY(go_through(env, o, o->in.row, ex, ex->n, w + g.row_dense, w + g.row_sparse, o->row_value, false,
                              NULL, NULL));
    }
    if (purpose != LT_LOGISTIC_LOSS && d->user_ids)
        v.user_sum = sum + g.user_ids;
    else if (purpose != LT_LOGISTIC_LOSS && users)
        v.user_sum = memset(o->user_sum, 0, (size_t)d->users * sizeof *o->user_sum);
    LT_TRY(lt_logistic_rounds(env, o, &v.plan, v.width, run_examples, &v, &v.first));
    for (int s = 0; loss != NULL && s < v.plan.slots; s++)
        *loss += o->slot_loss[s];
    if (purpose == LT_LOGISTIC_LOSS)
        return LT_OK;
    LT_TRY(collect(env, &v, sum));
    if (users)
        LT_TRY(go_through(env, o, o->in.user, NULL, d->users, NULL, NULL, v.user_sum, squares, sum + g.user_dense,
                          sum + g.user_sparse));
    if (d->item_ids)
        memcpy(sum + g.item_ids, o->item_part, (size_t)d->items * sizeof *sum);
    if (has_columns(o->in.item))
        LT_TRY(go_through(env, o, o->in.item, NULL, d->items, NULL, NULL, o->item_part, squares, sum + g.item_dense,
                          sum + g.item_sparse));
    if (has_row(o))
        LT_TRY(go_through(env, o, o->in.row, ex, ex->n, NULL, NULL, o->row_value, squares, sum + g.row_dense,
                          sum + g.row_sparse));
    return LT_OK;
}
