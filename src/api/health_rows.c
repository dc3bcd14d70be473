/*
 * health_rows.c: what the source and the relations of features say of a version's health.
 *
 * The source is read once: its rows from the period's begin, or from the latest row trained on, whichever is earlier;
 * all of it where there is no time column.  Memory: a number an item, and the bins of the profile.
 *
 * Chance: a threshold has what its measure comes to on unchanged data but for one day in a hundred (over all measures
 * of drift together).  Habit: it has half more than what the last days of the training's own rows came to.
 */
#include "health.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "ids.h"
#include "private_fit.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define DAY 86400.0
#define FALSE_ALARMS 0.01 /* a day */
#define TOO_FEW "the period has " INT64_FORMAT " rows, too few to tell"

/* A column with a role; attnum 0: not there. */
typedef struct column {
    int attnum;
    Oid type;
    ltpg_key_column key;
} column;

typedef struct reader {
    ltpg_health *h;
    lt_encoder *encoder;
    const lt_drift_side *side; /* NULL: there is no profile of features */
    ltpg_features features;
    lt_drift_counts counts;
    StringInfoData select;
    int n_selected;
    column user, item, label, time;
    bool has_time;
    double from, to, newer_than; /* of the period; both in the column's units */
    int64 rows, newer, unknown_users, unknown_items, taken;
    double latest;
    double *item_count; /* I */
    double *label_count;
    int64 labels;
    int64 matched; /* rows of a relation of features whose id the version knows */
} reader;

/* ---- what is read ---- */

static void problem(const ltpg_health *h, const char *subject, const char *what)
{
    ltpg_health_put(h, "source", subject, NAN, NAN, LTPG_HEALTH_ACT, "%s; the next training will fail", what);
}

static int select_column(reader *r, const char *name)
{
    appendStringInfo(&r->select, "%s%s", r->n_selected > 0 ? ", " : "", quote_identifier(name));
    return ++r->n_selected;
}

/* False, and told, where a column that the version was trained on is gone. */
static bool take_column(reader *r, Oid relation, const char *name, column *out)
{
    if (name == NULL || name[0] == '\0')
        return true;
    if (get_attnum(relation, name) <= 0) {
        problem(r->h, name, "the column is gone");
        return false;
    }
    out->type = getBaseType(get_atttype(relation, get_attnum(relation, name)));
    out->attnum = select_column(r, name);
    return true;
}

static bool take_id(reader *r, Oid relation, const char *name, lt_id_kind kind, column *out)
{
    if (!take_column(r, relation, name, out))
        return false;
    if (out->attnum == 0)
        return true;
    if (ltpg_id_kind(out->type) != kind) {
        problem(r->h, name, psprintf("the column is of type %s now", format_type_be(out->type)));
        return false;
    }
    ltpg_key_column_init(&out->key, out->type, kind);
    return true;
}

/* The features of the encoder that the relation still has; the others are told. */
static void take_features(reader *r, Oid relation)
{
    bool *gone = palloc0(Max(r->encoder->n_features, 1) * sizeof *gone);

    r->features = ltpg_features_bind_some(relation, r->encoder, r->n_selected + 1, gone);
    for (int i = 0; i < r->encoder->n_features; i++)
        if (gone[i])
            problem(r->h, r->encoder->feature[i].name, "the column is gone, or of another kind of type");
    appendStringInfoString(&r->select, r->features.select);
    r->side = NULL;
}

static void count_features(reader *r, TupleTableSlot *slot)
{
    if (r->side == NULL || !ltpg_features_encode(r->h->model->env, &r->features, r->encoder, slot))
        return;
    lt_drift_count_encoded(r->encoder, r->side, &r->counts);
}

/* Runs the query over what is selected, with the types that the columns were found to have. */
static void scan(reader *r, const char *from, ltpg_row_function each)
{
    const column *const roles[] = {&r->user, &r->item, &r->label, &r->time};
    Oid *types;
    int n;

    types = ltpg_features_types(&r->features, r->n_selected + 1, &n);
    for (int i = 0; i < (int)lengthof(roles); i++)
        if (roles[i]->attnum > 0)
            types[roles[i]->attnum - 1] = roles[i]->type;
    ltpg_scan(psprintf("SELECT %s FROM %s", r->select.data, from), types, n, each, r);
}

/* ---- rows of the source ---- */

static bool is_null(const column *c, TupleTableSlot *slot)
{
    return c->attnum > 0 && slot->tts_isnull[c->attnum - 1];
}

/* Of users, not of rows: algorithm R ("Random sampling with a reservoir", Vitter 1985). */
static void offer_user(ltpg_health *h, const ltpg_key *key)
{
    ltpg_health_users *u = &h->users;
    int32 before = u->all.n, number;
    int64 at;

    LTPG(h->env, lt_dictionary_add(h->env, &u->all, key->bytes, key->length, 1, &number));
    if (u->all.n == before)
        return;
    if (u->most == 0)
        return;
    at = u->n < u->most ? u->n++ : lt_random_below(&u->random, u->all.n);
    if (at < u->most)
        u->drawn[at] = number;
}

static void count_pair(reader *r, TupleTableSlot *slot, bool positive)
{
    const lt_bundle *b = &r->h->model->bundle;
    ltpg_key user, item;
    int32 number;

    ltpg_key_of(&user, &r->user.key, slot->tts_values[r->user.attnum - 1]);
    ltpg_key_of(&item, &r->item.key, slot->tts_values[r->item.attnum - 1]);
    r->unknown_users += lt_dictionary_find(&b->users, user.bytes, user.length) < 0;
    number = lt_dictionary_find(&b->items, item.bytes, item.length);
    r->unknown_items += number < 0;
    if (number >= 0 && positive)
        r->item_count[number]++;
    offer_user(r->h, &user);
}

static void read_row(void *context, TupleTableSlot *slot)
{
    reader *r = context;
    const lt_bundle *b = &r->h->model->bundle;
    double time = 0, label = 1;

    if (is_null(&r->user, slot) || is_null(&r->item, slot) || is_null(&r->time, slot))
        return;
    if (r->has_time) {
        if (!ltpg_number(slot->tts_values[r->time.attnum - 1], r->time.type, &time))
            return;
        r->newer += time > r->newer_than;
        r->latest = Max(r->latest, time);
        if (time < r->from)
            return;
    }
    count_features(r, slot);
    if (is_null(&r->label, slot) ||
        (r->label.attnum > 0 && !ltpg_number(slot->tts_values[r->label.attnum - 1], r->label.type, &label)))
        return;
    r->rows++;
    if (r->label_count != NULL) {
        r->label_count[lt_drift_bin(&r->h->profile->label, label)]++;
        r->labels++;
    }
    if (r->user.attnum > 0)
        count_pair(r, slot, b->label_kind != LT_LABEL_BINARY || label > 0);
}

/* ---- judging ---- */

static char *percent(double share)
{
    return psprintf(share > 0 && share < 0.0995 ? "%.2g %%" : "%.1f %%", 100 * share);
}

static void judge_drift(const ltpg_health *h, const char *of, const char *subject, const lt_encoder *e, int32 feature,
                        const lt_drift *d, int64 then, const double *count, int64 n)
{
    double chance = lt_drift_chance(d->share, then, n, d->bins, h->alpha), value;
    double natural = 1.5 * d->natural;
    double watch = Max(lt_option_float(&h->options, "psi_watch"), natural) + chance;
    double act = Max(lt_option_float(&h->options, "psi_act"), 2 * natural) + chance;
    int32 most;
    char name[300];

    if (n < LT_DRIFT_LEAST_ROWS || then == 0) {
        ltpg_health_put(h, "drift", subject, NAN, NAN, LTPG_HEALTH_UNKNOWN, TOO_FEW, n);
        return;
    }
    value = lt_drift_index(d->share, then, count, n, d->bins);
    most = lt_drift_most(d->share, then, count, n, d->bins);
    LTPG(h->env, lt_drift_bin_name(h->env, e, feature, d, most, name, sizeof name));
    ltpg_health_judge(h, "drift", subject, value, watch, act,
                      psprintf("%s: %s of %s in training, %s of " INT64_FORMAT " now", name, percent(d->share[most]),
                               of, percent(count[most] / (double)n), n));
}

static void judge_features(const reader *r)
{
    const lt_bundle *b = &r->h->model->bundle;
    const char *of = r->encoder == &b->user_encoder ? "users" : r->encoder == &b->item_encoder ? "items" : "rows";

    for (int i = 0; r->side != NULL && i < r->features.n; i++) {
        int feature = r->features.column[i].feature;

        judge_drift(r->h, of, r->features.column[i].name, r->encoder, feature, &r->side->feature[feature],
                    r->side->rows, r->counts.count[feature], r->counts.rows);
        if (r->features.column[i].invalid > 0)
            ltpg_health_put(
                r->h, "source", r->features.column[i].name, r->features.column[i].invalid, 0,
                strcmp(ltpg_options_text(r->h->model->definition->options, "invalid", "error"), "skip") == 0
                    ? LTPG_HEALTH_WATCH
                    : LTPG_HEALTH_ACT,
                "rows with NaN or an infinity in the column: unless option invalid is skip, the next training fails");
    }
}

/* Whether no row has come for more than twice as long as in the training's last days, some of which had none. */
static bool is_long_gap(const reader *r, double *gap)
{
    const lt_profile *p = r->h->profile;
    int longest = 0, run = 0;

    *gap = (r->to - Max(r->latest, p->latest)) / DAY;
    for (int i = 0; i < p->days; i++) {
        run = p->day_rows[i] == 0 ? run + 1 : 0;
        longest = Max(longest, run);
    }
    return *gap > 2 * (longest + 1);
}

/*
 * The least rows a day that the same days of the week had in the training's last weeks, NaN where fewer than three are
 * known. A profile's days begin with its latest row, those of a period somewhere between: of `days` days and the one
 * more that they reach into, at most one is not theirs, and it is no larger than the largest thereabouts.
 */
static double least_of_week(const reader *r)
{
    const lt_profile *p = r->h->profile;
    int days = (int)Max(1, Min(round(r->h->period / DAY), LT_PROFILE_DAYS)), weeks = 0;
    double end = (p->latest - r->to) / DAY, least = INFINITY;

    for (end += 7 * Max(1, ceil(-end / 7)); ceil(end) + days <= p->days; end += 7) {
        int first = (int)floor(end), last = (int)ceil(end) + days;
        double sum = 0, most = 0;

        for (int i = Max(0, first - 1); i < Min(p->days, last + 1); i++) {
            sum += i >= first && i < last ? p->day_rows[i] : 0;
            most = Max(most, p->day_rows[i]);
        }
        least = Min(least, Max(0, sum - (last - first - days) * most) / days);
        weeks++;
    }
    return weeks < 3 ? NAN : least;
}

/* Rows of the period beside those of the training's last days. */
static void judge_rows(const reader *r)
{
    const lt_profile *p = r->h->profile;
    double days = r->h->period / DAY, value = r->rows / days, least = INFINITY, most = 0, week, low, high, gap;

    if (!r->has_time) {
        ltpg_health_put(r->h, "rows", NULL, r->rows, NAN, r->rows > 0 ? LTPG_HEALTH_UNKNOWN : LTPG_HEALTH_ACT,
                        "there is no time column: these are all rows, and so what is below is of all rows");
        return;
    }
    for (int i = 0; p != NULL && i < p->days; i++) {
        least = Min(least, p->day_rows[i]);
        most = Max(most, p->day_rows[i]);
    }
    if (p == NULL || p->days == 0 || days < 0.999) {
        ltpg_health_put(r->h, "rows", NULL, value, NAN, r->rows > 0 ? LTPG_HEALTH_OK : LTPG_HEALTH_WATCH,
                        "rows a day in the period; %s",
                        days < 0.999 ? "a period below a day is compared with nothing"
                                     : "training has no days to compare it with");
        return;
    }
    week = least_of_week(r);
    if (!isnan(week))
        least = week;
    low = least / 2 - 3 * sqrt(least / 2);
    high = 2 * most + 3 * sqrt(2 * most);
    if (r->rows == 0 && is_long_gap(r, &gap))
        ltpg_health_put(r->h, "rows", NULL, 0, NAN, LTPG_HEALTH_ACT, "no rows for %.1f days", gap);
    else if (value < low)
        ltpg_health_put(r->h, "rows", NULL, value, low, r->rows == 0 ? LTPG_HEALTH_ACT : LTPG_HEALTH_WATCH,
                        "rows a day: the last %d days of training had at least %.0f%s", p->days, least,
                        isnan(week) ? "" : " on the same days of the week");
    else
        ltpg_health_put(r->h, "rows", NULL, value, high, value > high ? LTPG_HEALTH_WATCH : LTPG_HEALTH_OK,
                        "rows a day; the last %d days of training had at least %.0f%s, at most %.0f", p->days, least,
                        isnan(week) ? "" : " on the same days of the week", most);
}

static void judge_newer(const reader *r)
{
    double share = (double)r->newer / Max(r->h->rows_trained, 1);

    if (r->has_time)
        ltpg_health_judge(r->h, "newer_rows", NULL, share, 0.5, 2,
                          psprintf(INT64_FORMAT " rows are newer than the " INT64_FORMAT " of training", r->newer,
                                   r->h->rows_trained));
    else
        ltpg_health_put(r->h, "newer_rows", NULL, NAN, NAN, LTPG_HEALTH_UNKNOWN, "there is no time column");
}

/* Rows come a basket at a time: how many users who had one row each would vary by as much (Kish, Survey Sampling). */
static double effective_users(const lt_dictionary *users)
{
    double rows = 0, squares = 0;

    for (int32 i = 0; i < users->n; i++) {
        rows += users->count[i];
        squares += users->count[i] * users->count[i];
    }
    return squares > 0 ? rows * rows / squares : 1;
}

/*
 * Beyond what a version of this age must expect, or so far beyond one of a day's that training again is worth it; and
 * beyond what chance makes of `independent` rows.
 */
static void judge_unknown(const reader *r, const char *measure, int64 unknown, const double *by_age, double independent)
{
    double share = (double)unknown / Max(r->rows, 1);
    double age = r->h->profile != NULL && r->has_time ? (r->to - r->h->profile->latest) / DAY : NAN;
    double fresh = isnan(age) ? NAN : lt_profile_new(by_age, 1);
    double expected = isnan(age) ? NAN : lt_profile_new(by_age, age);
    double watch = 0.3, act = 0.6, chance;

    if (r->rows == 0) {
        ltpg_health_put(r->h, measure, NULL, NAN, NAN, LTPG_HEALTH_UNKNOWN, "no rows in the period");
        return;
    }
    if (!isnan(fresh)) {
        watch = fresh + 0.2;
        act = fresh + 0.4;
    }
    if (!isnan(expected)) {
        watch = Min(watch, expected + Max(0.05, expected / 2));
        act = Min(act, expected + Max(0.2, 1.5 * expected));
    }
    chance = 3 * sqrt(Max(watch * (1 - Min(watch, 1)), 0) / independent);
    ltpg_health_judge(r->h, measure, NULL, share, watch + chance, act + chance,
                      isnan(expected) ? psprintf("of " INT64_FORMAT " rows", r->rows)
                                      : psprintf("of " INT64_FORMAT " rows; %s are usual so long after training",
                                                 r->rows, percent(expected)));
}

static void judge_parts(const reader *r, const char *subject, const uint8 *part, int parts, const char *const *names,
                        const double *share, double natural)
{
    int64 then = r->h->profile->rows;
    double count[LT_PROFILE_GROUPS] = {0}, n = 0, value, chance, watch, act;
    int32 most;
    char *name;

    for (int32 i = 0; i < r->h->model->bundle.items.n; i++) {
        count[part[i]] += r->item_count[i];
        n += r->item_count[i];
    }
    if (n < LT_DRIFT_LEAST_ROWS) {
        ltpg_health_put(r->h, "popularity", subject, NAN, NAN, LTPG_HEALTH_UNKNOWN, TOO_FEW, (int64)n);
        return;
    }
    value = lt_drift_index(share, then, count, n, parts);
    most = lt_drift_most(share, then, count, n, parts);
    chance = lt_drift_chance(share, then, n, parts, r->h->alpha);
    watch = Max(lt_option_float(&r->h->options, "psi_watch"), 1.5 * natural) + chance;
    act = Max(lt_option_float(&r->h->options, "psi_act"), 3 * natural) + chance;
    name = names != NULL ? psprintf("the %s", names[most])
                         : psprintf("items of group %d of %d, the first being the most popular", most + 1, parts);
    ltpg_health_judge(r->h, "popularity", subject, value, watch, act,
                      psprintf("%s: %s of rows in training, %s of %.0f now", name, percent(share[most]),
                               percent(count[most] / n), n));
}

static void judge_popularity(const reader *r)
{
    const lt_popularity *p = &r->h->model->recommender.popularity;
    const lt_profile *profile = r->h->profile;
    uint8 *group;

    LTPG(r->h->env, lt_alloc(r->h->env, &group, Max(p->items, 1), 1, "the groups of items"));
    LTPG(r->h->env, lt_profile_groups(r->h->env, p, group));
    judge_parts(r, "segments", p->segment, 3, lt_segment_names, profile->segment_share, profile->natural_segments);
    judge_parts(r, "items", group, LT_PROFILE_GROUPS, NULL, profile->group_share, profile->natural_groups);
}

/* ---- the source ---- */

/* Where reading starts, and what is of the period. */
static const char *take_times(reader *r, const char *name)
{
    const ltpg_health *h = r->h;

    if (r->time.attnum == 0)
        return "";
    r->has_time = true;
    r->to = ltpg_health_instant(r->time.type, h->at);
    r->from = r->time.type == DATEOID ? r->to - Max(1, round(h->period / DAY)) * DAY : r->to - h->period;
    r->newer_than =
        h->profile != NULL && h->profile->has_time ? h->profile->latest : ltpg_health_instant(r->time.type, h->trained);
    r->latest = -INFINITY;
    return psprintf(" WHERE %s",
                    ltpg_health_between(quote_identifier(name), r->time.type, Min(r->from, r->newer_than), r->to));
}

static const char *time_column(const ltpg_health *h)
{
    const char *given = lt_option_text(&h->options, "source_time_column");

    return given[0] != '\0' ? given : h->model->definition->time_column;
}

static bool take_columns(reader *r, const ltpg_definition *d, Oid source)
{
    const lt_bundle *b = &r->h->model->bundle;
    bool found = take_id(r, source, d->user_column, b->user_id, &r->user);

    found &= take_id(r, source, d->item_column, b->item_id, &r->item);
    found &= take_column(r, source, d->label_column, &r->label);
    found &= take_column(r, source, time_column(r->h), &r->time);
    if (r->label.attnum > 0 && !ltpg_is_number(r->label.type)) {
        problem(r->h, d->label_column, psprintf("the column is of type %s now", format_type_be(r->label.type)));
        found = false;
    }
    if (r->time.attnum > 0 &&
        !(ltpg_is_time(r->time.type) || (ltpg_is_number(r->time.type) && r->time.type != BOOLOID))) {
        problem(r->h, time_column(r->h), psprintf("the column is of type %s now", format_type_be(r->time.type)));
        found = false;
    }
    return found;
}

static void open_counts(reader *r, const lt_drift_side *side)
{
    if (r->h->profile == NULL || side->n == 0)
        return;
    r->side = side;
    LTPG(r->h->env, lt_drift_counts_init(r->h->env, side, &r->counts));
}

static void open_users(ltpg_health *h)
{
    h->users.most = (int)lt_option_int(&h->options, "users");
    h->users.drawn = palloc(Max(h->users.most, 1) * sizeof *h->users.drawn);
    LTPG(h->env, lt_dictionary_init(h->env, &h->users.all));
    lt_random_seed(&h->users.random, (uint64)lt_option_int(&h->options, "seed"));
}

static void read_source(ltpg_health *h)
{
    const ltpg_definition *d = h->model->definition;
    lt_bundle *b = &h->model->bundle;
    reader r = {.h = h, .encoder = &b->row_encoder};
    const char *where;

    if (get_rel_name(d->source) == NULL) {
        problem(h, NULL, "the model's source does not exist any more");
        return;
    }
    initStringInfo(&r.select);
    if (!take_columns(&r, d, d->source))
        return;
    if (r.n_selected == 0) {
        appendStringInfoString(&r.select, "NULL");
        r.n_selected = 1;
    }
    take_features(&r, d->source);
    if (h->profile != NULL)
        open_counts(&r, &h->profile->row);
    if (h->profile != NULL && h->profile->has_label && r.label.attnum > 0)
        r.label_count = palloc0(h->profile->label.bins * sizeof *r.label_count);
    if (r.user.attnum > 0) {
        LTPG(h->env, lt_alloc(h->env, &r.item_count, Max(b->items.n, 1), sizeof *r.item_count, "the items' counts"));
        open_users(h);
    }
    where = take_times(&r, time_column(h));
    scan(&r, psprintf("%s%s", ltpg_relation_name(d->source, "source"), where), read_row);
    judge_newer(&r);
    judge_rows(&r);
    if (r.user.attnum > 0) {
        judge_unknown(&r, "unknown_users", r.unknown_users, h->profile != NULL ? h->profile->new_users : NULL,
                      effective_users(&h->users.all));
        judge_unknown(&r, "unknown_items", r.unknown_items, h->profile != NULL ? h->profile->new_items : NULL, r.rows);
        if (h->profile != NULL)
            judge_popularity(&r);
    }
    if (r.label_count != NULL)
        judge_drift(h, "rows", d->label_column, NULL, -1, &h->profile->label, h->profile->label_rows, r.label_count,
                    r.labels);
    judge_features(&r);
}

/* ---- relations of features ---- */

static void read_side_row(void *context, TupleTableSlot *slot)
{
    reader *r = context;
    const lt_bundle *b = &r->h->model->bundle;
    bool users = r->encoder == &b->user_encoder;
    ltpg_key key = {.length = 0};

    if (slot->tts_isnull[0])
        return;
    ltpg_key_of(&key, &r->user.key, slot->tts_values[0]);
    if (lt_dictionary_find(users ? &b->users : &b->items, key.bytes, key.length) >= 0)
        r->matched++;
    else if (users)
        return;
    count_features(r, slot);
}

/* Ids that the version knows and the relation has not: no values, as in training. */
static void count_gaps(reader *r, int64 gaps)
{
    for (int32 i = 0; i < r->side->n; i++) {
        const lt_drift *d = &r->side->feature[i];

        r->counts.count[i][r->encoder->feature[i].kind == LT_BAG ? d->bins - 2 : d->bins - 1] += gaps;
    }
    r->counts.rows += gaps;
}

/* Of users those the version knows, as training had them; of items all, for all become part of the catalogue. */
static void read_side(ltpg_health *h, Oid relation, const char *id_column, lt_id_kind kind, int32 known,
                      lt_encoder *encoder, const lt_drift_side *side)
{
    reader r = {.h = h, .encoder = encoder};
    const char *key;

    if (!OidIsValid(relation) || side->n == 0)
        return;
    if (get_rel_name(relation) == NULL) {
        problem(h, id_column, "the relation of its features does not exist any more");
        return;
    }
    initStringInfo(&r.select);
    key = ltpg_features_key(relation, id_column);
    if (!take_id(&r, relation, key, kind, &r.user))
        return;
    take_features(&r, relation);
    open_counts(&r, side);
    scan(&r, ltpg_relation_name(relation, "features relation"), read_side_row);
    count_gaps(&r, Max(0, known - r.matched));
    judge_features(&r);
}

void ltpg_health_rows(ltpg_health *h)
{
    const ltpg_definition *d = h->model->definition;
    const lt_profile *p = h->profile;
    lt_bundle *b = &h->model->bundle;
    lt_privacy privacy;

    if (p == NULL)
        ltpg_health_put(h, "drift", NULL, NAN, NAN, LTPG_HEALTH_UNKNOWN, "version %d has no profile: %s",
                        h->model->version.version,
                        lt_privacy_of(&b->model, &privacy)
                            ? "it is differentially private, and a profile would tell what the promise is against"
                            : "an earlier release stored it, or memory did not suffice; train again");
    else
        h->alpha = FALSE_ALARMS / (p->row.n + p->user.n + p->item.n + 3);
    read_source(h);
    if (p == NULL || !lt_bundle_is_recommender(b))
        return;
    read_side(h, d->user_features, d->user_column, b->user_id, b->users.n, &b->user_encoder, &p->user);
    read_side(h, d->item_features, d->item_column, b->item_id, b->items.n, &b->item_encoder, &p->item);
}
