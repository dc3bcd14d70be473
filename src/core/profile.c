/*
 * profile.c: taking a profile while a dataset is built, and its stored form.
 *
 * Cost: two passes over the rows' times, and LT_DRIFT_ROWS sampled rows for each side's features; whatever the number
 * of rows, samples are of bounded size, drawn with a fixed seed.
 */
#include "profile.h"

#include "random.h"
#include "sort.h"

#include <math.h>
#include <string.h>

#define FORMAT_VERSION 1
#define DAY 86400.0
#define POLL_EVERY 65536
#define MOST_TIMES 100000         /* that are sorted */
#define DAY_SAMPLE 2000           /* rows of a day that popularity is measured by */
#define DAY_FEATURES 400          /* and features, each row's being dear */
#define MOST_CELLS (4L * 1048576) /* of a sample of features */
#define LEAST_ROWS 1000

/* ---- rows ---- */

/* The day before the latest, from 0; LT_PROFILE_DAYS: before all that are looked at. */
static int day_of(const lt_profile *p, double time)
{
    double day = floor((p->latest - time) / DAY);

    return day < 0 ? 0 : day < LT_PROFILE_DAYS ? (int)day : LT_PROFILE_DAYS;
}

/* The latest row's, unless it is more than a week after all but one in a thousand: a row dated into the future. */
static lt_status find_latest(lt_env *env, const double *time, int64_t n, double *latest)
{
    int64_t step = n / MOST_TIMES + 1, kept = 0;
    double *some, most;

    LT_TRY(lt_alloc(env, &some, (size_t)(n / step + 1), sizeof *some, "the times"));
    for (int64_t i = 0; i < n; i += step)
        some[kept++] = time[i];
    LT_TRY(lt_latest_time(env, some, kept, &most));
    lt_free(env, some);
    *latest = most;
    for (int64_t i = 0; i < n; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (time[i] > *latest && time[i] <= most + 7 * DAY)
            *latest = time[i];
    }
    return LT_OK;
}

static lt_status count_days(lt_env *env, const double *time, int64_t n, lt_profile *p)
{
    double first = INFINITY;
    bool dates = true;
    int day;

    LT_TRY(find_latest(env, time, n, &p->latest));
    for (int64_t i = 0; i < n; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        first = fmin(first, time[i]);
        dates = dates && floor(time[i] / DAY) * DAY == time[i];
        day = day_of(p, time[i]);
        if (day < LT_PROFILE_DAYS)
            p->day_rows[day]++;
    }
    p->first = first;
    p->days = (int32_t)fmin(LT_PROFILE_DAYS, floor((p->latest - first) / DAY));
    /* of dates, the latest may be of a day that has just begun */
    if (dates && p->days > 0) {
        memmove(p->day_rows, p->day_rows + 1, (LT_PROFILE_DAYS - 1) * sizeof *p->day_rows);
        p->days--;
    }
    return LT_OK;
}

/* by_age of the ids id[0..n), of which there are `ids`. */
static lt_status find_newcomers(lt_env *env, const lt_profile *p, const int32_t *id, const double *time, int64_t n,
                                int32_t ids, double *by_age)
{
    double *first, late = 0;
    int bucket;

    LT_TRY(lt_alloc(env, &first, (size_t)ids, sizeof *first, "when ids were first seen"));
    for (int32_t i = 0; i < ids; i++)
        first[i] = INFINITY;
    for (int64_t i = 0; i < n; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (id[i] >= 0)
            first[id[i]] = fmin(first[id[i]], time[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        double age;

        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (id[i] < 0 || day_of(p, time[i]) >= LT_PROFILE_DAYS) /* -1: of too few users (option min_users) */
            continue;
        age = fmax(0, time[i] - first[id[i]]) / DAY;
        late++;
        bucket = age < 1 ? 0 : ilogb(age) + 1;
        if (bucket < LT_PROFILE_AGES)
            by_age[bucket]++;
    }
    for (int a = 1; a < LT_PROFILE_AGES; a++)
        by_age[a] += by_age[a - 1];
    /* a row's past must be there for as long: the earliest of those looked at decides */
    for (int a = 0; a < LT_PROFILE_AGES; a++)
        by_age[a] = ldexp(1, a) > (p->latest - p->first) / DAY - LT_PROFILE_DAYS ? NAN : by_age[a] / late;
    lt_free(env, first);
    return LT_OK;
}

/* Reservoirs of a few rows of each day: Vitter's algorithm R ("Random sampling with a reservoir", 1985). */
typedef struct reservoirs {
    int64_t seen[LT_DRIFT_DAYS];
    int64_t *row; /* LT_DRIFT_DAYS x size */
    int64_t size;
    lt_random random;
} reservoirs;

static lt_status open_reservoirs(lt_env *env, int64_t size, reservoirs *r)
{
    *r = (reservoirs){.size = size};
    lt_random_seed(&r->random, 1);
    return lt_alloc(env, &r->row, (size_t)(LT_DRIFT_DAYS * size), sizeof *r->row, "a profile's sample");
}

static void offer(reservoirs *r, int day, int64_t row)
{
    int64_t at = r->seen[day] < r->size ? r->seen[day] : lt_random_below(&r->random, r->seen[day] + 1);

    r->seen[day]++;
    if (at < r->size)
        r->row[day * r->size + at] = row;
}

static int64_t held(const reservoirs *r, int day)
{
    return r->seen[day] < r->size ? r->seen[day] : r->size;
}

/* Whether only rows with a positive label are interactions. */
static bool are_classes(const lt_builder *b, int64_t n)
{
    if (!b->has_label)
        return false;
    for (int64_t i = 0; i < n; i++)
        if (b->label[i] != 0 && b->label[i] != 1)
            return false;
    return true;
}

static lt_status count_items(lt_env *env, const lt_builder *b, int64_t n, bool classes, lt_profile_sample *sample)
{
    LT_TRY(lt_alloc(env, &sample->item_rows, (size_t)b->bundle->items.n, sizeof(double), "the items' counts"));
    for (int64_t i = 0; i < n; i++) {
        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (b->item[i] >= 0 && (!classes || b->label[i] > 0))
            sample->item_rows[b->item[i]]++;
    }
    return LT_OK;
}

static lt_status sample_items(lt_env *env, const lt_builder *b, const lt_profile *p, int64_t n, bool classes,
                              lt_profile_sample *sample)
{
    reservoirs r;

    LT_TRY(open_reservoirs(env, DAY_SAMPLE, &r));
    for (int64_t i = 0; i < n; i++) {
        int day = day_of(p, b->time[i]);

        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (day < LT_DRIFT_DAYS && b->item[i] >= 0 && (!classes || b->label[i] > 0))
            offer(&r, day, i);
    }
    LT_TRY(lt_alloc(env, &sample->item, (size_t)LT_DRIFT_DAYS * DAY_SAMPLE, sizeof(int32_t), "a profile's sample"));
    LT_TRY(lt_alloc(env, &sample->day, (size_t)LT_DRIFT_DAYS * DAY_SAMPLE, 1, "a profile's sample"));
    for (int day = 0; day < LT_DRIFT_DAYS; day++)
        for (int64_t j = 0; j < held(&r, day); j++) {
            sample->item[sample->n] = b->item[r.row[day * r.size + j]];
            sample->day[sample->n++] = (uint8_t)day;
        }
    lt_free(env, r.row);
    return LT_OK;
}

/* n rows at most of `of`, one of each of as many equal stretches. */
static lt_status spread_rows(lt_env *env, int64_t of, int64_t n, int32_t **row, int64_t *taken)
{
    lt_random random;

    lt_random_seed(&random, 1);
    *taken = of < n ? of : n;
    LT_TRY(lt_alloc(env, row, (size_t)*taken, sizeof **row, "a profile's sample"));
    for (int64_t i = 0; i < *taken; i++) {
        double from = (double)of * (double)i / (double)*taken, to = (double)of * (double)(i + 1) / (double)*taken;
        int64_t at = (int64_t)(from + (to - from) * lt_random_uniform(&random));

        (*row)[i] = (int32_t)(of <= n ? i : at < of ? at : of - 1);
    }
    return LT_OK;
}

static lt_status profile_labels(lt_env *env, const lt_builder *b, int64_t n, lt_profile *out)
{
    int32_t *row;
    double *label;

    LT_TRY(spread_rows(env, n, LT_DRIFT_ROWS, &row, &out->label_rows));
    LT_TRY(lt_alloc(env, &label, (size_t)out->label_rows, sizeof *label, "a profile's sample"));
    for (int64_t i = 0; i < out->label_rows; i++)
        label[i] = b->label[row[i]];
    out->has_label = true;
    LT_TRY(lt_drift_take_numbers(env, label, out->label_rows, &out->label));
    lt_free(env, label);
    lt_free(env, row);
    return LT_OK;
}

lt_status lt_profile_rows(lt_env *env, lt_builder *b, lt_profile *out, lt_profile_sample *sample)
{
    int64_t n = b->own < 0 ? b->n : b->own;
    bool classes = are_classes(b, n);

    *out = (lt_profile){.rows = n, .has_time = b->has_time && n > 0};
    *sample = (lt_profile_sample){0};
    for (int a = 0; a < LT_PROFILE_AGES; a++)
        out->new_users[a] = out->new_items[a] = NAN;
    LT_TRY(lt_builder_flush(env, b));
    if (b->has_label && n > 0)
        LT_TRY(profile_labels(env, b, n, out));
    if (b->pairs)
        LT_TRY(count_items(env, b, n, classes, sample));
    if (!out->has_time)
        return LT_OK;
    LT_TRY(count_days(env, b->time, n, out));
    if (!b->pairs)
        return LT_OK;
    memset(out->new_users, 0, sizeof out->new_users);
    memset(out->new_items, 0, sizeof out->new_items);
    LT_TRY(find_newcomers(env, out, b->user, b->time, n, b->bundle->users.n, out->new_users));
    LT_TRY(find_newcomers(env, out, b->item, b->time, n, b->bundle->items.n, out->new_items));
    return sample_items(env, b, out, n, classes, sample);
}

double lt_profile_new(const double *by_age, double days)
{
    double at = log2(fmax(days, 1));
    int below = (int)fmin(floor(at), LT_PROFILE_AGES - 1), above = below < LT_PROFILE_AGES - 1 ? below + 1 : below;

    if (isnan(by_age[below]) || days > ldexp(1, LT_PROFILE_AGES - 1))
        return NAN;
    return at > below ? by_age[below] + (at - below) * (by_age[above] - by_age[below]) : by_age[below];
}

/* ---- popularity ---- */

lt_status lt_profile_groups(lt_env *env, const lt_popularity *p, uint8_t *group)
{
    int32_t *by_rank;
    double before = 0;

    LT_TRY(lt_alloc(env, &by_rank, (size_t)p->items, sizeof *by_rank, "the items by popularity"));
    for (int32_t i = 0; i < p->items; i++)
        by_rank[p->rank[i] - 1] = i;
    for (int32_t i = 0; i < p->items; i++) {
        double at = p->total > 0 ? LT_PROFILE_GROUPS * before / p->total : 0;

        group[by_rank[i]] = (uint8_t)fmin(at, LT_PROFILE_GROUPS - 1);
        before += p->count[by_rank[i]];
    }
    lt_free(env, by_rank);
    return LT_OK;
}

/* Shares of parts of the catalogue; returns the natural drift of these. */
static double profile_parts(int32_t items, const uint8_t *part, int32_t parts, const lt_profile_sample *s,
                            double *share)
{
    double natural = 0, total = 0;

    for (int32_t i = 0; i < items; i++)
        total += s->item_rows[i];
    for (int32_t i = 0; i < items && total > 0; i++)
        share[part[i]] += s->item_rows[i] / total;
    for (int day = 0; day < LT_DRIFT_DAYS; day++) {
        double count[LT_PROFILE_GROUPS] = {0}, n = 0;

        for (int64_t j = 0; j < s->n; j++)
            if (s->day[j] == day) {
                count[part[s->item[j]]]++;
                n++;
            }
        if (n >= LT_DRIFT_DAY_ROWS)
            natural = fmax(natural, lt_drift_index(share, (int64_t)total, count, n, parts) -
                                        lt_drift_mean(share, (int64_t)total, n, parts));
    }
    return natural;
}

static lt_status profile_popularity(lt_env *env, const lt_bundle *b, lt_profile *p, const lt_profile_sample *sample)
{
    lt_popularity popularity;
    lt_scope scope;
    uint8_t *group;
    lt_status status;

    if (sample->item_rows == NULL)
        return LT_OK;
    lt_scope_open(env, &scope);
    status = lt_popularity_build(&scope.env, b->item_count, b->items.n, b->head_share, b->tail_share, &popularity);
    if (status == LT_OK)
        status = lt_alloc(&scope.env, &group, (size_t)b->items.n, 1, "the groups of items");
    if (status == LT_OK)
        status = lt_profile_groups(&scope.env, &popularity, group);
    if (status == LT_OK) {
        p->natural_segments = profile_parts(b->items.n, popularity.segment, 3, sample, p->segment_share);
        p->natural_groups = profile_parts(b->items.n, group, LT_PROFILE_GROUPS, sample, p->group_share);
    }
    lt_scope_close(&scope);
    return status;
}

/* ---- features ---- */

static int64_t rows_of(const lt_table *t)
{
    int64_t rows = MOST_CELLS / (t->dense > 0 ? t->dense : 1);

    rows = rows < LT_DRIFT_ROWS ? rows : LT_DRIFT_ROWS;
    return rows > LEAST_ROWS ? rows : LEAST_ROWS;
}

static lt_status profile_side(lt_env *env, const lt_encoder *e, const lt_table *t, int64_t rows, lt_drift_side *out)
{
    int32_t *row;
    int64_t n;

    *out = (lt_drift_side){0};
    if (!e->frozen || e->n_features == 0)
        return LT_OK;
    LT_TRY(spread_rows(env, rows < t->n ? rows : t->n, rows_of(t), &row, &n));
    LT_TRY(lt_drift_take(env, e, t, row, n, out));
    lt_free(env, row);
    lt_table_drop(t, 0, t->n);
    return LT_OK;
}

static lt_status offer_examples(lt_env *env, reservoirs *r, const lt_profile *p, const lt_examples *ex)
{
    for (int64_t i = 0; i < ex->n; i++) {
        int day = day_of(p, ex->time[i]);

        if (i % POLL_EVERY == 0)
            LT_TRY(lt_poll(env));
        if (day < LT_DRIFT_DAYS && (ex->domain == NULL || !ex->domain[i]))
            offer(r, day, ex->row_first + i);
    }
    return LT_OK;
}

static lt_status learn_row_days(lt_env *env, const lt_bundle *b, const lt_dataset *d, lt_profile *p)
{
    reservoirs r;
    int32_t *row;
    uint8_t *day;
    int64_t n = 0;

    if (p->row.n == 0 || d->train.time == NULL)
        return LT_OK;
    LT_TRY(open_reservoirs(env, DAY_FEATURES, &r));
    LT_TRY(lt_alloc(env, &row, (size_t)LT_DRIFT_DAYS * DAY_FEATURES, sizeof *row, "a profile's sample"));
    LT_TRY(lt_alloc(env, &day, (size_t)LT_DRIFT_DAYS * DAY_FEATURES, 1, "a profile's sample"));
    LT_TRY(offer_examples(env, &r, p, &d->train));
    LT_TRY(offer_examples(env, &r, p, &d->validation));
    for (int k = 0; k < LT_DRIFT_DAYS; k++)
        for (int64_t j = 0; j < held(&r, k); j++) {
            row[n] = (int32_t)r.row[k * r.size + j];
            day[n++] = (uint8_t)k;
        }
    LT_TRY(lt_drift_learn_natural(env, &b->row_encoder, &d->row, row, day, n, &p->row));
    lt_table_drop(&d->row, 0, d->row.n);
    lt_free(env, day);
    lt_free(env, row);
    lt_free(env, r.row);
    return LT_OK;
}

lt_status lt_profile_features(lt_env *env, const lt_bundle *b, const lt_dataset *data, lt_profile *p,
                              lt_profile_sample *sample)
{
    LT_TRY(profile_side(env, &b->row_encoder, &data->row, data->row.n, &p->row));
    LT_TRY(learn_row_days(env, b, data, p));
    LT_TRY(profile_side(env, &b->user_encoder, &b->user, b->users.n, &p->user));
    LT_TRY(profile_side(env, &b->item_encoder, &b->item, b->items.n, &p->item));
    LT_TRY(profile_popularity(env, b, p, sample));
    lt_free(env, sample->item);
    lt_free(env, sample->day);
    lt_free(env, sample->item_rows);
    return LT_OK;
}

/* ---- stored form ---- */

void lt_profile_write(lt_writer *w, const lt_profile *p)
{
    lt_write_u8(w, FORMAT_VERSION);
    lt_write_i64(w, p->rows);
    lt_write_u8(w, p->has_time);
    lt_write_f64(w, p->first);
    lt_write_f64(w, p->latest);
    lt_write_f64s(w, p->day_rows, p->days);
    lt_write_f64s(w, p->new_users, LT_PROFILE_AGES);
    lt_write_f64s(w, p->new_items, LT_PROFILE_AGES);
    lt_write_f64s(w, p->segment_share, 3);
    lt_write_f64s(w, p->group_share, LT_PROFILE_GROUPS);
    lt_write_f64(w, p->natural_segments);
    lt_write_f64(w, p->natural_groups);
    lt_drift_side_write(w, &p->row);
    lt_drift_side_write(w, &p->user);
    lt_drift_side_write(w, &p->item);
    lt_write_u8(w, p->has_label);
    lt_write_i64(w, p->label_rows);
    if (p->has_label)
        lt_drift_write(w, &p->label);
}

/* n numbers at most, all from `least` to `most` or NaN, into out. */
static int64_t read_numbers(lt_reader *r, double *out, int64_t n, double least, double most)
{
    int64_t count;
    double *v = lt_read_f64s(r, &count);

    if (r->status == LT_OK && count > n)
        lt_reader_corrupt(r, "its profile's numbers are too many");
    for (int64_t i = 0; i < count && r->status == LT_OK; i++) {
        if (v[i] < least || v[i] > most) /* NaN is neither */
            lt_reader_corrupt(r, "its profile's numbers are out of range");
        out[i] = v[i];
    }
    return r->status == LT_OK ? count : 0;
}

static double read_number(lt_reader *r, double least, double most)
{
    double v = lt_read_f64(r);

    if (r->status == LT_OK && !(v >= least && v <= most))
        lt_reader_corrupt(r, "its profile's numbers are out of range");
    return v;
}

lt_status lt_profile_read(lt_reader *r, lt_profile *p)
{
    *p = (lt_profile){0};
    if (lt_read_u8(r) != FORMAT_VERSION)
        lt_reader_corrupt(r, "its profile has an unknown format");
    p->rows = lt_read_i64(r);
    p->has_time = lt_read_u8(r) != 0;
    p->first = read_number(r, -1e300, 1e300);
    p->latest = read_number(r, -1e300, 1e300);
    p->days = (int32_t)read_numbers(r, p->day_rows, LT_PROFILE_DAYS, 0, 1e18);
    for (int a = 0; a < LT_PROFILE_AGES; a++)
        p->new_users[a] = p->new_items[a] = NAN;
    read_numbers(r, p->new_users, LT_PROFILE_AGES, 0, 1);
    read_numbers(r, p->new_items, LT_PROFILE_AGES, 0, 1);
    read_numbers(r, p->segment_share, 3, 0, 1 + 1e-9);
    read_numbers(r, p->group_share, LT_PROFILE_GROUPS, 0, 1 + 1e-9);
    for (int i = 0; i < LT_PROFILE_GROUPS && r->status == LT_OK; i++)
        if (isnan(p->group_share[i]) || (i < 3 && isnan(p->segment_share[i])))
            lt_reader_corrupt(r, "its profile's numbers are out of range");
    p->natural_segments = read_number(r, 0, 1e6);
    p->natural_groups = read_number(r, 0, 1e6);
    lt_drift_side_read(r, &p->row);
    lt_drift_side_read(r, &p->user);
    lt_drift_side_read(r, &p->item);
    p->has_label = lt_read_u8(r) != 0;
    p->label_rows = lt_read_i64(r);
    if (p->has_label)
        lt_drift_read(r, &p->label);
    if (r->status == LT_OK && (p->rows < 0 || p->label_rows < 0))
        lt_reader_corrupt(r, "its profile's numbers are out of range");
    return r->status;
}

lt_status lt_profile_check(lt_env *env, const lt_profile *p, const lt_bundle *b)
{
    if (p->row.n > 0)
        LT_TRY(lt_drift_side_check(env, &p->row, &b->row_encoder));
    if (p->user.n > 0)
        LT_TRY(lt_drift_side_check(env, &p->user, &b->user_encoder));
    if (p->item.n > 0)
        LT_TRY(lt_drift_side_check(env, &p->item, &b->item_encoder));
    return LT_OK;
}
