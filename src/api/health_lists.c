/*
 * health_lists.c: how much of the catalogue lists show, beside how much they used to.
 *
 * By a log of impressions: the period beside the seven before it, in one pass, a bit an item each.  Without one: lists
 * made for some users of the period beside lists for as many users of the training.  Coverage grows with the number of
 * lists, so only like is compared with like.
 */
#include "health.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "ids.h"
#include "method.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define LEAST_USERS 10 /* with fewer, one more who has the list of the unknown halves what is shown */
#define PERIODS 8 /* the last one, and those it is compared with: bits of a byte */

static int64 catalogue(const lt_bundle *b)
{
    int64 n = b->items.n;

    for (int32 i = 0; b->hidden != NULL && i < b->items.n; i++)
        n -= b->hidden[i];
    return n;
}

/* Below half of what it was is to be watched, below a quarter to be acted on. */
static void judge(const ltpg_health *h, const char *subject, double value, double before, const char *detail)
{
    ltpg_status status = isnan(before)        ? LTPG_HEALTH_UNKNOWN
                         : value < before / 4 ? LTPG_HEALTH_ACT
                         : value < before / 2 ? LTPG_HEALTH_WATCH
                                              : LTPG_HEALTH_OK;

    ltpg_health_put(h, "coverage", subject, value, status == LTPG_HEALTH_ACT ? before / 4 : before / 2, status, "%s",
                    detail);
}

/* ---- a log ---- */

typedef struct log_reader {
    const ltpg_health *h;
    ltpg_key_column key;
    Oid time_type; /* InvalidOid: all rows are of the period */
    double to, period;
    uint8 *shown; /* I: a bit a period */
    int64 rows[PERIODS];
} log_reader;

static void read_impression(void *context, TupleTableSlot *slot)
{
    log_reader *r = context;
    double time;
    int period = 0;
    ltpg_key key;
    int32 item;

    if (slot->tts_isnull[0] || (OidIsValid(r->time_type) && slot->tts_isnull[1]))
        return;
    if (OidIsValid(r->time_type)) {
        if (!ltpg_number(slot->tts_values[1], r->time_type, &time))
            return;
        period = (int)Min(PERIODS - 1, Max(0, floor((r->to - time) / r->period)));
    }
    r->rows[period]++;
    ltpg_key_of(&key, &r->key, slot->tts_values[0]);
    item = lt_dictionary_find(&r->h->model->bundle.items, key.bytes, key.length);
    if (item >= 0)
        r->shown[item] |= 1 << period;
}

static double covered(const log_reader *r, int period)
{
    const lt_bundle *b = &r->h->model->bundle;
    int64 shown = 0;

    for (int32 i = 0; i < b->items.n; i++)
        shown += (r->shown[i] >> period & 1) && (b->hidden == NULL || !b->hidden[i]);
    return (double)shown / Max(catalogue(b), 1);
}

static int compare_numbers(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

void ltpg_health_log(const ltpg_health *h, Oid log, const char *item_column, const char *time_column)
{
    lt_bundle *b = &h->model->bundle;
    log_reader r = {.h = h, .period = h->period};
    const char *relation = ltpg_relation_name(log, "log"), *where = "", *time = "";
    double before[PERIODS];
    int n = 0;
    Oid type;

    ltpg_column_find(log, item_column, "item_column", &type);
    if (ltpg_id_kind(type) != b->item_id)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("item_column is of type %s, which has no ids of the items of model \"%s\"",
                               format_type_be(type), h->model->definition->name)));
    ltpg_key_column_init(&r.key, type, b->item_id);
    if (time_column != NULL) {
        ltpg_column_find(log, time_column, "time_column", &r.time_type);
        if (!ltpg_is_time(r.time_type) && (!ltpg_is_number(r.time_type) || r.time_type == BOOLOID))
            ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                            errmsg("time_column is of type %s", format_type_be(r.time_type)),
                            errhint("It must be a timestamp, a date, or a number: seconds since 1970.")));
        if (r.time_type == DATEOID)
            r.period = Max(1, round(r.period / SECS_PER_DAY)) * SECS_PER_DAY;
        r.to = ltpg_health_instant(r.time_type, h->at);
        time = psprintf(", %s", quote_identifier(time_column));
        where = psprintf(" WHERE %s", ltpg_health_between(quote_identifier(time_column), r.time_type,
                                                          r.to - PERIODS * r.period, r.to));
        /* what is at the very begin of a period is of it */
        r.to -= 1e-6;
    }
    LTPG(h->env, lt_alloc(h->env, &r.shown, Max(b->items.n, 1), 1, "the items shown"));
    ltpg_scan(psprintf("SELECT %s%s FROM %s%s", quote_identifier(item_column), time, relation, where),
              (Oid[]){type, r.time_type}, OidIsValid(r.time_type) ? 2 : 1, read_impression, &r);
    for (int p = 1; p < PERIODS; p++)
        if (r.rows[p] > 0)
            before[n++] = covered(&r, p);
    if (n > 0)
        qsort(before, n, sizeof *before, compare_numbers);
    if (r.rows[0] == 0 && n > 0)
        ltpg_health_put(h, "coverage", "log", 0, NAN, LTPG_HEALTH_ACT,
                        "no impressions in the period; there were some before");
    else
        judge(h, "log", covered(&r, 0), n > 0 ? before[n / 2] : NAN,
              psprintf("of the catalogue, by " INT64_FORMAT " impressions; %s", r.rows[0],
                       n > 0 ? psprintf("%.4g is the median of the %d period(s) before", before[n / 2], n)
                             : "there are none before to compare them with"));
}

/* ---- lists ---- */

typedef struct maker {
    const ltpg_health *h;
    lt_request request;
    lt_pairs seen;
    MemoryContext memory; /* of a list */
    uint8 *shown;         /* I */
} maker;

static void make_list(const maker *m, int32 user, const lt_table *features)
{
    const lt_recommender *r = &m->h->model->recommender;
    lt_env *env = ltpg_env(m->memory, 0);
    MemoryContext old = MemoryContextSwitchTo(m->memory);
    lt_request request = m->request;
    lt_list list;

    CHECK_FOR_INTERRUPTS();
    request.subject.user = user;
    request.subject.features = features;
    if (user >= 0) {
        lt_subject_take_history(&request.subject, &m->seen, user);
        request.left_out = request.subject.history;
        request.n_left_out = request.subject.n_history;
    }
    request.popularity_only = !lt_recommender_knows(r, &request.subject);
    LTPG(env, lt_recommend(env, r, &request, &list));
    for (int64 i = 0; i < list.n; i++)
        m->shown[list.item[i]] = 1;
    MemoryContextSwitchTo(old);
    MemoryContextReset(m->memory);
}

/* How many items were shown since the last time. */
static int64 take_shown(const maker *m)
{
    int64 n = 0;

    for (int32 i = 0; i < m->h->model->bundle.items.n; i++) {
        n += m->shown[i];
        m->shown[i] = 0;
    }
    return n;
}

void ltpg_health_lists(const ltpg_health *h)
{
    static const Oid natural[] = {[LT_ID_INTEGER] = INT8OID, [LT_ID_TEXT] = TEXTOID, [LT_ID_UUID] = UUIDOID};
    const ltpg_health_users *u = &h->users;
    lt_bundle *b = &h->model->bundle;
    ltpg_method_arguments arguments = {.many = true};
    maker m = {.h = h, .request = {.k = lt_option_int(&h->options, "k")}};
    int64 now, then;
    int32 n, left;
    ltpg_method method;
    lt_random random;

    if (u->n < LEAST_USERS || b->users.n == 0) {
        ltpg_health_put(h, "coverage", "lists", NAN, NAN, LTPG_HEALTH_UNKNOWN,
                        "lists are made for %d users of the period, too few to tell", u->n);
        return;
    }
    method = ltpg_method_make(h->env, h->model, NULL, NULL, NULL, &arguments);
    m.request.adjust = h->model->recommender.own;
    m.request.stages = method.stages;
    m.request.n_stages = method.n_stages;
    m.request.seed = (uint64)lt_option_int(&h->options, "seed");
    m.seen = ltpg_model_seen(h->env, h->model);
    m.memory = AllocSetContextCreate(CurrentMemoryContext, "longtail list", ALLOCSET_DEFAULT_SIZES);
    LTPG(h->env, lt_alloc(h->env, &m.shown, Max(b->items.n, 1), 1, "the items shown"));
    for (int i = 0; i < u->n; i++) {
        int64 length;
        const char *key = lt_dictionary_key(&u->all, u->drawn[i], &length);
        int32 user = lt_dictionary_find(&b->users, key, length);
        Oid type = natural[b->user_id];

        make_list(&m, user,
                  user >= 0 ? NULL : ltpg_live_user(h->model, ltpg_key_datum(b->user_id, key, length, type), type));
    }
    now = take_shown(&m);
    lt_random_seed(&random, m.request.seed);
    left = n = Min(u->n, b->users.n);
    /* each once: algorithm S (Knuth, The Art of Computer Programming 2, 3.4.2) */
    for (int32 user = 0; left > 0; user++) {
        if (lt_random_below(&random, b->users.n - user) < left) {
            make_list(&m, user, NULL);
            left--;
        }
    }
    then = take_shown(&m);
    MemoryContextDelete(m.memory);
    judge(h, "lists", (double)now / Max(catalogue(b), 1), (double)then / Max(catalogue(b), 1),
          psprintf(INT64_FORMAT " items in lists of %d for %d users of the period, " INT64_FORMAT
                                " in lists for %d users of training",
                   now, (int)m.request.k, u->n, then, n));
}
