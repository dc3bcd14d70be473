/*
 * plot_long_tail.c: longtail.plot_long_tail: the catalogue by popularity, and who is shown.
 *
 * The walk: cache -> lists of a sample of users, plain and by the method (core) -> exposure by popularity rank -> a
 * chart.  The sample is spread evenly over the users in the order of training, so that the same model gives the same
 * picture.
 */
#include "plot.h"

#include <limits.h>
#include <math.h>

#include "listing.h"
#include "miscadmin.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(longtail_plot_long_tail);

static const lt_option plot_options[] = {
    LTPG_SEED_OPTION,
    {"users", LT_OPT_INT, "2000", 0, INT_MAX, NULL, "how many users are asked, spread evenly; 0: all"},
};

/* Legend: n items of the catalogue in descending popularity. */
typedef struct long_tail {
    ltpg_model *model;
    int k;
    int32 n, users, asked;
    double *rank;                    /* n: 0.5, 1.5, ... the middle of each item's place */
    double *interactions;            /* n */
    double *place;                   /* n + 1: 0 .. n */
    double *bought, *plain, *method; /* n + 1: cumulated shares; method NULL: none was asked for */
    double segment_end[3];           /* items up to the end of head, mid, tail */
    char *method_name;               /* "xquad 0.4" */
} long_tail;

/* exposure[place] of lists for the users asked. */
static void expose(const long_tail *t, lt_request request, const lt_pairs *seen, double *exposure)
{
    MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "longtail user", ALLOCSET_DEFAULT_SIZES);
    const lt_recommender *r = &t->model->recommender;
    uint64 seed = request.seed;

    for (int32 i = 0; i < t->asked; i++) {
        int32 user = (int32)((int64)i * t->users / t->asked);
        MemoryContext old = MemoryContextSwitchTo(memory);
        lt_env *env = ltpg_env(memory, 0);
        lt_list list;

        CHECK_FOR_INTERRUPTS();
        request.subject.user = user;
        lt_subject_take_history(&request.subject, seen, user);
        request.seed = seed + (uint64)user;
        request.left_out = request.subject.history;
        request.n_left_out = request.subject.n_history;
        LTPG(env, lt_recommend(env, r, &request, &list));
        for (int64 j = 0; j < list.n; j++)
            exposure[r->popularity.rank[list.item[j]] - 1]++;
        MemoryContextSwitchTo(old);
        MemoryContextReset(memory);
    }
    MemoryContextDelete(memory);
}

/* Shares of the first 0 .. n items; NaN when there is nothing to share. */
static double *cumulate(const double *amount, int32 n)
{
    double *out = palloc_extended(((Size)n + 1) * sizeof *out, MCXT_ALLOC_HUGE), sum = 0;

    for (int32 i = 0; i < n; i++)
        sum += amount[i];
    out[0] = 0 / sum;
    for (int32 i = 0; i < n; i++)
        out[i + 1] = out[i] + amount[i] / sum;
    return out;
}

static void take_catalogue(long_tail *t)
{
    const lt_popularity *p = &t->model->recommender.popularity;

    for (int32 item = 0; item < p->items; item++)
        t->n += p->hidden == NULL || !p->hidden[item];
    t->rank = palloc_extended(((Size)t->n * 3 + 2) * sizeof *t->rank, MCXT_ALLOC_HUGE);
    t->interactions = t->rank + t->n;
    t->place = t->interactions + t->n;
    for (int32 item = 0; item < p->items; item++) {
        if (p->hidden != NULL && p->hidden[item])
            continue;
        t->interactions[p->rank[item] - 1] = p->count[item];
        for (int s = p->segment[item]; s < 3; s++)
            t->segment_end[s]++;
    }
    for (int32 i = 0; i <= t->n; i++)
        t->place[i] = i;
    for (int32 i = 0; i < t->n; i++)
        t->rank[i] = i + 0.5;
    t->bought = cumulate(t->interactions, t->n);
}

static void ask_users(FunctionCallInfo fcinfo, lt_env *env, long_tail *t)
{
    ltpg_method_arguments arguments = {2, 3, 4, .own = plot_options, .n_own = lengthof(plot_options), .many = true};
    ltpg_method method = ltpg_method_read(fcinfo, env, t->model, &arguments);
    lt_request request = {.k = t->k, .adjust = t->model->recommender.own};
    lt_pairs seen = ltpg_model_seen(env, t->model);
    int64 most = lt_option_int(&method.options, "users");
    double *exposure = palloc_extended(Max((Size)t->n, 1) * sizeof *exposure, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    StringInfoData name;

    t->users = t->model->bundle.users.n;
    t->asked = most == 0 ? t->users : (int32)Min(most, t->users);
    request.seed = (uint64)lt_option_int(&method.options, "seed");
    expose(t, request, &seen, exposure);
    t->plain = cumulate(exposure, t->n);
    if (method.n_stages == 1 && strcmp(method.stages[0].method->name, "none") == 0)
        return;
    memset(exposure, 0, (Size)t->n * sizeof *exposure);
    request.stages = method.stages;
    request.n_stages = method.n_stages;
    expose(t, request, &seen, exposure);
    t->method = cumulate(exposure, t->n);
    initStringInfo(&name);
    for (int i = 0; i < method.n_stages; i++)
        appendStringInfo(&name, "%s%s %s", i > 0 ? ", then " : "", method.stages[i].method->name,
                         ltpg_figure_text(method.stages[i].strength));
    t->method_name = name.data;
}

/* A cumulated share's part in a segment. */
static double part(const long_tail *t, const double *cumulated, int segment)
{
    int32 from = segment == 0 ? 0 : (int32)t->segment_end[segment - 1], to = (int32)t->segment_end[segment];

    return cumulated[to] - cumulated[from];
}

static void set_bands(const long_tail *t, lt_band *items, lt_band *exposure)
{
    static const lt_colour colours[3] = {LT_PURPLE, LT_GREY, LT_GREEN};

    for (int s = 0; s < 3; s++) {
        double from = s == 0 ? 0 : t->segment_end[s - 1], n = t->segment_end[s] - from;
        const char *before = ltpg_share_text(part(t, t->plain, s));

        items[s] = exposure[s] = (lt_band){from, t->segment_end[s], NULL, colours[s]};
        items[s].label = psprintf("%s: %s item%s", lt_segment_names[s], ltpg_count_text(n), n == 1 ? "" : "s");
        exposure[s].label = t->method == NULL ? psprintf("%s %s", lt_segment_names[s], before)
                                              : psprintf("%s %s \xE2\x86\x92 %s", lt_segment_names[s], before,
                                                         ltpg_share_text(part(t, t->method, s)));
    }
}

static const char *subtitle(const long_tail *t)
{
    const char *who = t->asked == t->users ? psprintf("all %s users", ltpg_count_text(t->users))
                                           : psprintf("%s of %s users, spread evenly", ltpg_count_text(t->asked),
                                                      ltpg_count_text(t->users));
    const char *with =
        t->method == NULL ? "" : psprintf(", and %s with %s", ltpg_share_text(part(t, t->method, 2)), t->method_name);

    return psprintf("The tail gets %s of the lists of %d%s (%s).", ltpg_share_text(part(t, t->plain, 2)), t->k, with,
                    who);
}

static Datum plot(lt_env *env, const long_tail *t)
{
    lt_series items[2] = {
        {.kind = LT_CHART_AREA, .colour = LT_BLUE, .n = t->n, .x = t->rank, .y = t->interactions},
        {.kind = LT_CHART_LINE, .colour = LT_BLUE, .n = t->n, .x = t->rank, .y = t->interactions},
    };
    lt_series shares[3] = {
        {.kind = LT_CHART_LINE, .colour = LT_GREY, .dashed = true, .name = "interactions", .y = t->bought},
        {.kind = LT_CHART_LINE, .colour = LT_BLUE, .name = "lists, plain", .y = t->plain},
        {.kind = LT_CHART_LINE, .colour = LT_ORANGE, .y = t->method},
    };
    lt_axis ranks = {.whole = true, .given = true, .max = Max(t->n, 1)};
    lt_band items_bands[3], share_bands[3];
    lt_panel panels[2] = {
        {.height = 220, .x = ranks, .series = items, .n_series = 2, .bands = items_bands, .n_bands = 3},
        {.height = 260,
         .x = ranks,
         .series = shares,
         .n_series = t->method == NULL ? 2 : 3,
         .bands = share_bands,
         .n_bands = 3}};
    lt_chart chart = {.panels = panels, .n_panels = 2};
    double least = INFINITY, most = 0;

    for (int32 i = 0; i < t->n; i++)
        if (t->interactions[i] > 0) {
            least = fmin(least, t->interactions[i]);
            most = fmax(most, t->interactions[i]);
        }
    set_bands(t, items_bands, share_bands);
    for (int s = 0; s < panels[1].n_series; s++) {
        shares[s].n = (int64)t->n + 1;
        shares[s].x = t->place;
    }
    if (t->method != NULL)
        shares[2].name = psprintf("lists, %s", t->method_name);
    /* Items with the fewest interactions stand above the ground, for there may be some with none. */
    panels[0].y =
        (lt_axis){.label = "interactions", .log = true, .given = most > 0, .min = least / 2, .max = most * 1.5};
    panels[1].y = (lt_axis){.label = "share of places in lists, cumulated", .percent = true, .given = true, .max = 1};
    panels[1].x.label = "items, most popular first";
    chart.title = psprintf("The long tail of %s", ltpg_utf8(t->model->definition->name));
    chart.subtitle = subtitle(t);
    return ltpg_plot(env, &chart);
}

/* plot_long_tail(model, k, method, strength, options) */
Datum longtail_plot_long_tail(PG_FUNCTION_ARGS)
{
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    long_tail t = {.model = ltpg_listing_model(fcinfo)};

    t.k = ltpg_listing_k(fcinfo, 1);
    take_catalogue(&t);
    ask_users(fcinfo, env, &t);
    return plot(env, &t);
}
