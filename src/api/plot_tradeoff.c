/*
 * plot_tradeoff.c: longtail.plot_tradeoff: what the tail's share of the lists costs in accuracy.
 */
#include "plot.h"

#include <math.h>

#include "cache.h"
#include "catalog/pg_type.h"
#include "rows.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"

PG_FUNCTION_INFO_V1(longtail_plot_tradeoff);

typedef struct tradeoff {
    int64 n;
    const double *strength, *ndcg, *aplt; /* n each */
    int64 plain, chosen;                  /* rows; -1: none */
    double budget;
} tradeoff;

/* The most tail among the strengths that stay within the budget. */
static void choose(tradeoff *t)
{
    t->plain = t->chosen = -1;
    for (int64 i = 0; i < t->n; i++)
        if (t->strength[i] == 0 && isfinite(t->ndcg[i]))
            t->plain = i;
    if (t->plain < 0)
        return;
    t->chosen = t->plain;
    for (int64 i = 0; i < t->n; i++)
        if (t->ndcg[i] >= t->ndcg[t->plain] * (1 - t->budget) && t->aplt[i] > t->aplt[t->chosen])
            t->chosen = i;
}

/* The strengths with 0, the plain lists, among them. */
static Datum strengths_argument(FunctionCallInfo fcinfo, int n)
{
    int count;
    const float8 *given = ltpg_float8s(PG_GETARG_ARRAYTYPE_P(n), "strengths", &count);
    Datum *all = palloc(((Size)count + 1) * sizeof *all);
    int at = 0;

    for (int i = 0; i < count && at == 0; i++)
        at = given[i] == 0;
    at = 1 - at;
    if (at > 0)
        all[0] = Float8GetDatum(0);
    for (int i = 0; i < count; i++)
        all[at++] = Float8GetDatum(given[i]);
    return PointerGetDatum(construct_array(all, at, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static lt_mark *tradeoff_marks(const tradeoff *t)
{
    lt_mark *mark = palloc0((Size)Max(t->n, 1) * sizeof *mark);

    for (int64 i = 0; i < t->n; i++) {
        const char *strength = ltpg_figure_text(t->strength[i]);

        mark[i] = (lt_mark){.x = t->aplt[i], .y = t->ndcg[i], .colour = i == t->chosen ? LT_ORANGE : LT_BLUE};
        mark[i].strong = i == t->chosen;
        mark[i].label = i == t->plain ? "plain" : strength;
        mark[i].tooltip = psprintf("strength %s: tail %s, NDCG %s", strength, ltpg_share_text(t->aplt[i]),
                                   ltpg_figure_text(t->ndcg[i]));
    }
    return mark;
}

static const char *tradeoff_subtitle(const tradeoff *t, const char *method)
{
    if (t->chosen < 0)
        return "No user of the test could be measured.";
    if (t->chosen == t->plain)
        return psprintf("Each point is a strength of %s. None shows more of the tail within %s of the plain NDCG.",
                        method, ltpg_share_text(t->budget));
    return psprintf(
        "Each point is a strength of %s. Strength %s shows most of the tail within %s of the plain NDCG: %s "
        "instead of %s, NDCG %s instead of %s.",
        method, ltpg_figure_text(t->strength[t->chosen]), ltpg_share_text(t->budget),
        ltpg_share_text(t->aplt[t->chosen]), ltpg_share_text(t->aplt[t->plain]), ltpg_figure_text(t->ndcg[t->chosen]),
        ltpg_figure_text(t->ndcg[t->plain]));
}

/* The figures, by longtail.tradeoff with the call's arguments. */
static tradeoff read_tradeoff(FunctionCallInfo fcinfo)
{
    Oid types[6] = {TEXTOID, REGCLASSOID, INT4OID, TEXTOID, FLOAT8ARRAYOID, JSONBOID};
    char nulls[6] = {' ', ' ', ' ', PG_ARGISNULL(3) ? 'n' : ' ', ' ', ' '};
    Datum arguments[6];
    double *column;
    tradeoff t;
    int64 n;

    for (int i = 0; i < 6; i++)
        arguments[i] = PG_GETARG_DATUM(i);
    t.budget = *ltpg_plot_numbers("SELECT coalesce(($1->>'ndcg_budget'::pg_catalog.text)::pg_catalog.float8, 0.02)", 1,
                                  &types[5], &arguments[5], NULL, 1, &n);
    if (!(t.budget >= 0 && t.budget <= 1))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("option \"ndcg_budget\" is %s", float8out_internal(t.budget)),
                        errdetail("It must be from 0 to 1.")));
    arguments[4] = strengths_argument(fcinfo, 4);
    arguments[5] = JsonbPGetDatum(ltpg_options_without(PG_GETARG_JSONB_P(5), "ndcg_budget"));
    column = ltpg_plot_numbers("SELECT strength, ndcg, aplt FROM longtail.tradeoff($1, $2, $3, $4, $5, options => $6)",
                               6, types, arguments, nulls, 3, &t.n);
    t.strength = column;
    t.ndcg = column + t.n;
    t.aplt = column + 2 * t.n;
    choose(&t);
    return t;
}

/* The NDCG that the budget allows; the line goes as far as the axis, which therefore is fixed. line: x, then y. */
static lt_series limit(const tradeoff *t, lt_axis *axis, double line[4])
{
    lt_series series = {.kind = LT_CHART_LINE, .colour = LT_GREY, .dashed = true};
    double most = 0;
    lt_ticks ticks;

    if (t->plain < 0)
        return series;
    for (int64 i = 0; i < t->n; i++)
        most = fmax(most, t->aplt[i]);
    lt_ticks_make(axis, 0, most, 8, &ticks);
    axis->given = true;
    axis->min = line[0] = ticks.min;
    axis->max = line[1] = ticks.max;
    line[2] = line[3] = t->ndcg[t->plain] * (1 - t->budget);
    series.name = psprintf("plain NDCG less %s", ltpg_share_text(t->budget));
    series.n = 2;
    series.x = line;
    series.y = line + 2;
    return series;
}

/* plot_tradeoff(model, test, k, method, strengths, options) */
Datum longtail_plot_tradeoff(PG_FUNCTION_ARGS)
{
    static const char *const names[] = {"model", "test", "k", NULL, "strengths", "options"};
    const char *name, *method;
    lt_series series[2];
    lt_panel panel = {.height = 360, .series = series, .n_series = lengthof(series)};
    lt_chart chart = {.panels = &panel, .n_panels = 1};
    double line[4];
    tradeoff t;

    ltpg_refuse_nulls(fcinfo, names, lengthof(names));
    name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    method = PG_ARGISNULL(3) ? ltpg_model_open(fcinfo, name)->bundle.rerank
                             : ltpg_utf8(text_to_cstring(PG_GETARG_TEXT_PP(3)));
    t = read_tradeoff(fcinfo);
    panel.marks = tradeoff_marks(&t);
    panel.n_marks = (int)t.n;
    panel.x = (lt_axis){.label = psprintf("share of tail items in lists of %d", PG_GETARG_INT32(2)),
                        .percent = true,
                        .from_zero = true};
    panel.y.label = psprintf("NDCG@%d", PG_GETARG_INT32(2));
    series[0] = limit(&t, &panel.x, line);
    series[1] = (lt_series){.kind = LT_CHART_LINE,
                            .colour = LT_BLUE,
                            .name = psprintf("%s, by strength", method),
                            .n = t.n,
                            .x = t.aplt,
                            .y = t.ndcg};
    chart.title = psprintf("What the tail costs: %s", ltpg_utf8(name));
    chart.subtitle = tradeoff_subtitle(&t, method);
    return ltpg_plot(ltpg_env(CurrentMemoryContext, 0), &chart);
}
