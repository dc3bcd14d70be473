/*
 * drift.c: bins of encoded values, and the population stability index over them.
 *
 * The index is the symmetric divergence of Jeffreys ("An invariant form for the prior probability in estimation
 * problems", 1946).  When nothing has changed it is, times 1 / (1/n + 1/m) for n rows now and m then, about chi-squared
 * with one degree of freedom less than there are bins (Yurdakul, "Statistical properties of population stability
 * index", 2018): that is what a small sample is allowed to show.  The quantile is Wilson and Hilferty's ("The
 * distribution of chi-square", 1931).
 *
 * Invariants: cuts ascend strictly; shares are at least 0 and sum to 1, or are all 0 where there were no rows.
 */
#include "drift.h"

#include "encoder_raw.h"
#include "sort.h"

#include <stdio.h>
#include <stdlib.h>

#define TENTHS 10
#define TOPS 20 /* categories with a bin of their own */

/* ---- values of rows ---- */

/* The first of a row's entries that is not before `column`. */
static int64_t first_entry(const lt_table *t, int64_t row, int32_t column)
{
    int64_t low = t->start[row], high = t->start[row + 1];

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (t->col[middle] < column)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_null(const lt_feature *f, const lt_table *t, int64_t row)
{
    int64_t at;

    if (f->null_column < 0)
        return false;
    at = first_entry(t, row, f->null_column);
    return at < t->start[row + 1] && t->col[at] == f->null_column;
}

/* Of a feature that is binned by a number; NaN: NULL. */
static double value_of(const lt_feature *f, const lt_table *t, int64_t row)
{
    int64_t first = row * t->dense + f->dense_first;
    double sum = 0;

    if (is_null(f, t, row))
        return NAN;
    switch (f->kind) {
    case LT_NUMBER:
    case LT_BOOLEAN:
        return t->x[first];
    case LT_VECTOR:
        for (int32_t k = 0; k < f->width; k++)
            sum += (double)t->x[first + k] * t->x[first + k];
        return sqrt(sum);
    case LT_TEXT:
        return (double)(first_entry(t, row, f->sparse_first + f->buckets) - first_entry(t, row, f->sparse_first));
    default:
        return 0;
    }
}

static bool has_categories(const lt_feature *f)
{
    return f->kind == LT_CATEGORY || f->kind == LT_BAG;
}

/* A category's bin: one of the most frequent, or the one for the other known. */
static int32_t category_bin(const lt_drift *d, int32_t category)
{
    int32_t low = 0, high = d->n_top;

    while (low < high) {
        int32_t middle = low + (high - low) / 2;

        if (d->top[middle] < category)
            low = middle + 1;
        else
            high = middle;
    }
    return low < d->n_top && d->top[low] == category ? low : d->n_top;
}

/* A row's known categories, each with its part of the row. */
static void count_categories(const lt_feature *f, const lt_drift *d, const lt_table *t, int64_t row, bool null,
                             double *count)
{
    int64_t from = 0, to = 0;
    double sum = 0;

    if (f->sparse_count > 0 && !null) {
        from = first_entry(t, row, f->sparse_first);
        to = first_entry(t, row, f->sparse_first + f->sparse_count - (f->null_column >= 0));
    }
    for (int64_t k = from; k < to; k++)
        sum += t->val[k];
    if (sum == 0)
        count[null ? d->bins - 1 : d->bins - 2] += 1;
    for (int64_t k = from; k < to; k++)
        count[category_bin(d, t->col[k] - f->sparse_first)] += t->val[k] / sum;
}

int32_t lt_drift_bin(const lt_drift *d, double value)
{
    int32_t bin = 0;

    if (isnan(value))
        return d->bins - 1;
    while (bin < d->n_cut && d->cut[bin] <= value)
        bin++;
    return bin;
}

static void count_row(const lt_encoder *e, const lt_drift_side *side, const lt_table *t, int64_t row, const bool *given,
                      lt_drift_counts *out)
{
    for (int32_t i = 0; i < side->n; i++) {
        const lt_feature *f = &e->feature[i];
        const lt_drift *d = &side->feature[i];
        /* a NULL where training saw none leaves no trace in the row */
        bool null = given != NULL ? !given[i] && f->kind != LT_BAG : is_null(f, t, row);

        if (d->categories)
            count_categories(f, d, t, row, null, out->count[i]);
        else
            out->count[i][null ? d->bins - 1 : lt_drift_bin(d, value_of(f, t, row))] += 1;
    }
    out->rows++;
}

void lt_drift_count(const lt_encoder *e, const lt_drift_side *side, const lt_table *t, int64_t row,
                    lt_drift_counts *out)
{
    count_row(e, side, t, row, NULL, out);
}

void lt_drift_count_encoded(const lt_encoder *e, const lt_drift_side *side, lt_drift_counts *out)
{
    count_row(e, side, &e->row, 0, e->given, out);
}

lt_status lt_drift_counts_init(lt_env *env, const lt_drift_side *side, lt_drift_counts *out)
{
    *out = (lt_drift_counts){0};
    LT_TRY(lt_alloc(env, &out->count, (size_t)side->n, sizeof *out->count, "the counts of a profile"));
    for (int32_t i = 0; i < side->n; i++)
        LT_TRY(lt_alloc(env, &out->count[i], (size_t)side->feature[i].bins, sizeof(double), "the counts of a profile"));
    return LT_OK;
}

/* ---- bins ---- */

static lt_status finish_bins(lt_env *env, lt_drift *d)
{
    d->bins = d->categories ? d->n_top + 3 : d->n_cut + 2;
    return lt_alloc(env, &d->share, (size_t)d->bins, sizeof *d->share, "a profile");
}

/*
 * Cuts at the tenths of the values.  One that two tenths meet in is cut out: a cut at it and one right above.  So is
 * that of a constant, below which there was nothing.
 */
static lt_status make_cuts(lt_env *env, double *value, int64_t n, lt_drift *d)
{
    lt_keyed *sorted;
    int64_t kept = 0;

    LT_TRY(lt_alloc(env, &d->cut, 2 * TENTHS, sizeof *d->cut, "a profile"));
    LT_TRY(lt_alloc(env, &sorted, (size_t)n, sizeof *sorted, "the values of a feature"));
    for (int64_t i = 0; i < n; i++)
        if (!isnan(value[i]))
            sorted[kept++] = (lt_keyed){.key = lt_sort_key(value[i]), .number = value[i]};
    LT_TRY(lt_sort(env, sorted, kept));
    for (int tenth = 1; tenth < TENTHS && kept > 0; tenth++) {
        double at = sorted[kept * tenth / TENTHS].number, before = sorted[kept * (tenth - 1) / TENTHS].number;

        if (d->n_cut == 0 || d->cut[d->n_cut - 1] < at)
            d->cut[d->n_cut++] = at;
        if (at == before && d->cut[d->n_cut - 1] == at)
            d->cut[d->n_cut++] = nextafter(at, INFINITY);
    }
    lt_free(env, sorted);
    return LT_OK;
}

lt_status lt_drift_take_numbers(lt_env *env, double *value, int64_t n, lt_drift *out)
{
    *out = (lt_drift){0};
    LT_TRY(make_cuts(env, value, n, out));
    LT_TRY(finish_bins(env, out));
    for (int64_t i = 0; i < n; i++)
        out->share[lt_drift_bin(out, value[i])] += 1.0 / (double)n;
    return LT_OK;
}

static int by_column(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;

    return (left > right) - (left < right);
}

/* The categories that most of the rows' entries are of. */
static lt_status find_tops(lt_env *env, const lt_feature *f, const lt_table *t, lt_drift *d)
{
    int32_t categories = f->dictionary.n; /* "(other)" and NULL stand behind them */
    double *count;

    LT_TRY(lt_alloc(env, &d->top, TOPS, sizeof *d->top, "a profile"));
    if (categories == 0)
        return LT_OK;
    LT_TRY(lt_alloc(env, &count, (size_t)categories, sizeof *count, "the categories of a feature"));
    for (int64_t row = 0; row < t->n; row++)
        for (int64_t k = first_entry(t, row, f->sparse_first);
             k < t->start[row + 1] && t->col[k] < f->sparse_first + categories; k++)
            count[t->col[k] - f->sparse_first] += t->val[k];
    while (d->n_top < TOPS) {
        int32_t best = 0;

        for (int32_t i = 1; i < categories; i++)
            best = count[i] > count[best] ? i : best;
        if (count[best] <= 0)
            break;
        d->top[d->n_top++] = best;
        count[best] = 0;
        LT_TRY(lt_poll(env));
    }
    qsort(d->top, (size_t)d->n_top, sizeof *d->top, by_column);
    lt_free(env, count);
    return LT_OK;
}

static void set_shares(lt_drift_side *side, const lt_drift_counts *counts)
{
    for (int32_t i = 0; i < side->n; i++)
        for (int32_t bin = 0; bin < side->feature[i].bins; bin++)
            side->feature[i].share[bin] = counts->rows == 0 ? 0 : counts->count[i][bin] / (double)counts->rows;
}

lt_status lt_drift_take(lt_env *env, const lt_encoder *e, const lt_table *t, const int32_t *row, int64_t n,
                        lt_drift_side *out)
{
    lt_drift_counts counts;
    lt_table picked;
    double *value;

    *out = (lt_drift_side){.n = e->n_features, .rows = n};
    if (!e->frozen)
        return lt_fail(env, LT_INVALID, "an encoder that is still fitted has no profile");
    LT_TRY(lt_table_pick(env, t, row, n, &picked));
    LT_TRY(lt_alloc(env, &out->feature, (size_t)out->n, sizeof *out->feature, "a profile"));
    LT_TRY(lt_alloc(env, &value, (size_t)n, sizeof *value, "the values of a feature"));
    for (int32_t i = 0; i < out->n; i++) {
        const lt_feature *f = &e->feature[i];
        lt_drift *d = &out->feature[i];

        LT_TRY(lt_poll(env));
        d->categories = has_categories(f);
        if (d->categories) {
            LT_TRY(find_tops(env, f, &picked, d));
        } else if (!lt_kind_is_time(f->kind)) {
            for (int64_t j = 0; j < n; j++)
                value[j] = value_of(f, &picked, j);
            LT_TRY(make_cuts(env, value, n, d));
        }
        LT_TRY(finish_bins(env, d));
    }
    LT_TRY(lt_drift_counts_init(env, out, &counts));
    for (int64_t j = 0; j < n; j++) {
        if (j % 1024 == 0)
            LT_TRY(lt_poll(env));
        lt_drift_count(e, out, &picked, j, &counts);
    }
    set_shares(out, &counts);
    lt_free(env, value);
    lt_free(env, picked.x);
    lt_free(env, picked.start);
    lt_free(env, picked.col);
    lt_free(env, picked.val);
    return LT_OK;
}

/* ---- the index ---- */

static double term(const double *share, int64_t rows, const double *count, double n, int32_t bin)
{
    double p = share[bin] > 0 ? share[bin] : 0.5 / fmax((double)rows, 1), q = (count[bin] + p) / (n + 1);

    return share[bin] > 0 || count[bin] > 0 ? (q - p) * log(q / p) : 0;
}

double lt_drift_index(const double *share, int64_t rows, const double *count, double n, int32_t bins)
{
    double sum = 0;

    for (int32_t bin = 0; bin < bins; bin++)
        sum += term(share, rows, count, n, bin);
    return sum;
}

int32_t lt_drift_most(const double *share, int64_t rows, const double *count, double n, int32_t bins)
{
    int32_t most = 0;

    for (int32_t bin = 1; bin < bins; bin++)
        if (term(share, rows, count, n, bin) > term(share, rows, count, n, most))
            most = bin;
    return most;
}

/* Bins that had nothing do not vary. */
static double freedom(const double *share, int32_t bins)
{
    int32_t filled = 0;

    for (int32_t bin = 0; bin < bins; bin++)
        filled += share[bin] > 0;
    return filled > 1 ? filled - 1 : 1;
}

static double scale(int64_t rows, double n)
{
    return 1 / fmax(n, 1) + 1 / fmax((double)rows, 1);
}

double lt_drift_mean(const double *share, int64_t rows, double n, int32_t bins)
{
    return freedom(share, bins) * scale(rows, n);
}

/* What a standard normal number exceeds with probability alpha < 1/2. */
static double normal_above(double alpha)
{
    double low = 0, high = 40;

    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;

        if (erfc(middle / sqrt(2)) / 2 > alpha)
            low = middle;
        else
            high = middle;
    }
    return low;
}

double lt_drift_chance(const double *share, int64_t rows, double n, int32_t bins, double alpha)
{
    double k = freedom(share, bins), spread = 2 / (9 * k);
    double root = 1 - spread + normal_above(alpha) * sqrt(spread);

    return k * root * root * root * scale(rows, n);
}

/* ---- days of training ---- */

lt_status lt_drift_learn_natural(lt_env *env, const lt_encoder *e, const lt_table *t, const int32_t *row,
                                 const uint8_t *day, int64_t n, lt_drift_side *side)
{
    for (int d = 0; d < LT_DRIFT_DAYS; d++) {
        lt_drift_counts counts;

        LT_TRY(lt_drift_counts_init(env, side, &counts));
        for (int64_t j = 0; j < n; j++) {
            if (j % 1024 == 0)
                LT_TRY(lt_poll(env));
            if (day[j] == d)
                lt_drift_count(e, side, t, row[j], &counts);
        }
        for (int32_t i = 0; i < side->n; i++) {
            lt_drift *f = &side->feature[i];
            double rows = (double)counts.rows;

            if (counts.rows >= LT_DRIFT_DAY_ROWS)
                f->natural = fmax(f->natural, lt_drift_index(f->share, side->rows, counts.count[i], rows, f->bins) -
                                                  lt_drift_mean(f->share, side->rows, rows, f->bins));
            lt_free(env, counts.count[i]);
        }
        lt_free(env, counts.count);
    }
    return LT_OK;
}

/* ---- names ---- */

/* A cut in the column's own unit. */
static double in_units(const lt_feature *f, double cut)
{
    return f != NULL && f->kind == LT_NUMBER && f->scale[0] > 0 ? cut / f->scale[0] + f->mean[0] : cut;
}

/* Whether cuts bin - 1 and bin enclose one value. */
static bool is_next(const lt_drift *d, int32_t bin)
{
    return d->cut[bin] == nextafter(d->cut[bin - 1], INFINITY);
}

static void name_interval(const lt_feature *f, const lt_drift *d, int32_t bin, char *out, size_t size)
{
    static const char *const units[] = {[LT_VECTOR] = "length ", [LT_TEXT] = "words and parts "};
    const char *unit = f != NULL && (f->kind == LT_VECTOR || f->kind == LT_TEXT) ? units[f->kind] : "";
    double low = bin > 0 ? in_units(f, d->cut[bin - 1]) : -INFINITY;
    double high = bin < d->n_cut ? in_units(f, d->cut[bin]) : INFINITY;

    if (f != NULL && lt_kind_is_time(f->kind))
        snprintf(out, size, "not NULL");
    else if (f != NULL && f->kind == LT_BOOLEAN)
        snprintf(out, size, "%s", low > 0 ? "true" : "false");
    else if (bin > 0 && bin < d->n_cut && is_next(d, bin))
        snprintf(out, size, "%s%.5g", unit, low);
    else if (isinf(low) && isinf(high))
        snprintf(out, size, "any value");
    else if (isinf(low))
        snprintf(out, size, "%sbelow %.5g", unit, high);
    else if (isinf(high))
        snprintf(out, size, "%s%s %.5g", unit, bin > 1 && is_next(d, bin - 1) ? "above" : "at least", low);
    else
        snprintf(out, size, "%s%.5g to %.5g", unit, low, high);
}

lt_status lt_drift_bin_name(lt_env *env, const lt_encoder *e, int32_t feature, const lt_drift *d, int32_t bin,
                            char *out, size_t size)
{
    const lt_feature *f = feature >= 0 ? &e->feature[feature] : NULL;
    char name[256];

    if (bin == d->bins - 1)
        snprintf(out, size, "NULL");
    else if (!d->categories)
        name_interval(f, d, bin, out, size);
    else if (bin == d->bins - 2)
        snprintf(out, size, f->kind == LT_BAG ? "none known" : "never seen in training");
    else if (bin == d->n_top)
        snprintf(out, size, "other known");
    else {
        LT_TRY(lt_encoder_column_name(env, e, false, f->sparse_first + d->top[bin], name, sizeof name));
        snprintf(out, size, "%s", name);
    }
    return LT_OK;
}

/* ---- stored form ---- */

void lt_drift_write(lt_writer *w, const lt_drift *d)
{
    lt_write_u8(w, d->categories);
    lt_write_f64s(w, d->cut, d->n_cut);
    lt_write_i32s(w, d->top, d->n_top);
    lt_write_f64s(w, d->share, d->bins);
    lt_write_f64(w, d->natural);
}

/* n numbers of at least 0 that sum to 1, or are all 0. */
static bool are_shares(const double *share, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++) {
        if (!(share[i] >= 0 && share[i] <= 1 + 1e-9))
            return false;
        sum += share[i];
    }
    return sum == 0 || fabs(sum - 1) < 1e-6;
}

lt_status lt_drift_read(lt_reader *r, lt_drift *d)
{
    int64_t cuts, tops, bins;

    *d = (lt_drift){0};
    d->categories = lt_read_u8(r) != 0;
    d->cut = lt_read_f64s(r, &cuts);
    d->top = lt_read_i32s(r, &tops);
    d->share = lt_read_f64s(r, &bins);
    d->natural = lt_read_f64(r);
    if (r->status == LT_OK && (cuts > 2 * TENTHS || tops > TOPS || bins != (d->categories ? tops + 3 : cuts + 2) ||
                               !are_shares(d->share, bins) || !(d->natural >= 0 && isfinite(d->natural))))
        lt_reader_corrupt(r, "its profile has bins that do not fit");
    for (int64_t i = 0; i < cuts && r->status == LT_OK; i++)
        if (isnan(d->cut[i]) || (i > 0 && !(d->cut[i] > d->cut[i - 1])))
            lt_reader_corrupt(r, "its profile's bins are out of order");
    for (int64_t i = 0; i < tops && r->status == LT_OK; i++)
        if (d->top[i] < 0 || (i > 0 && d->top[i] <= d->top[i - 1]))
            lt_reader_corrupt(r, "its profile's bins are out of order");
    LT_TRY(r->status);
    d->n_cut = (int32_t)cuts;
    d->n_top = (int32_t)tops;
    d->bins = (int32_t)bins;
    return LT_OK;
}

void lt_drift_side_write(lt_writer *w, const lt_drift_side *s)
{
    lt_write_i32(w, s->n);
    lt_write_i64(w, s->rows);
    for (int32_t i = 0; i < s->n; i++)
        lt_drift_write(w, &s->feature[i]);
}

lt_status lt_drift_side_read(lt_reader *r, lt_drift_side *s)
{
    *s = (lt_drift_side){0};
    s->n = lt_read_i32(r);
    s->rows = lt_read_i64(r);
    /* each takes some bytes */
    if (r->status == LT_OK && (s->n < 0 || s->rows < 0 || (size_t)s->n > r->n - r->at))
        lt_reader_corrupt(r, "its profile's number of features is out of range");
    LT_TRY(r->status);
    r->status = lt_alloc(r->env, &s->feature, (size_t)s->n, sizeof *s->feature, "a profile");
    for (int32_t i = 0; i < s->n && r->status == LT_OK; i++)
        lt_drift_read(r, &s->feature[i]);
    return r->status;
}

lt_status lt_drift_side_check(lt_env *env, const lt_drift_side *s, const lt_encoder *e)
{
    bool fits = s->n == e->n_features;

    for (int32_t i = 0; fits && i < s->n; i++) {
        const lt_drift *d = &s->feature[i];
        const lt_feature *f = &e->feature[i];

        fits = d->categories == has_categories(f) && (d->n_top == 0 || d->top[d->n_top - 1] < f->dictionary.n);
    }
    return fits ? LT_OK : lt_fail(env, LT_CORRUPT, "the profile does not fit the model's features");
}
