/*
 * plot.c: longtail.plot_roc, plot_calibration: pictures of predictions as SVG; and what all plots share.
 *
 * The walk of every plot: figures, from the core or a query with the caller's rights; a chart of them; its text
 * (chart.h of the core).  Texts of charts are UTF-8, whatever the server's encoding is.
 */
#include "plot.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "evaluate.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "measure.h"
#include "metrics.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"

PG_FUNCTION_INFO_V1(longtail_plot_roc);
PG_FUNCTION_INFO_V1(longtail_plot_roc_model);
PG_FUNCTION_INFO_V1(longtail_plot_calibration);
PG_FUNCTION_INFO_V1(longtail_plot_calibration_model);
PG_FUNCTION_INFO_V1(longtail_markup);

/* ---- texts ---- */

char *ltpg_utf8(const char *text)
{
    /* An SQL_ASCII server knows no encoding; what is not UTF-8 is replaced in the picture. */
    if (GetDatabaseEncoding() == PG_SQL_ASCII)
        return pstrdup(text);
    return pg_server_to_any(pstrdup(text), (int)strlen(text), PG_UTF8);
}

char *ltpg_count_text(double n)
{
    char *digits = psprintf("%.0f", n);
    size_t length = strlen(digits);
    StringInfoData out;

    initStringInfo(&out);
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            appendStringInfoChar(&out, ',');
        appendStringInfoChar(&out, digits[i]);
    }
    return out.data;
}

static char *number_text(double value, bool percent)
{
    char *out = palloc(LT_NUMBER_SIZE);

    lt_number_text(value, percent, out);
    return out;
}

char *ltpg_figure_text(double value)
{
    return number_text(value, false);
}

char *ltpg_share_text(double share)
{
    if (!(share >= 0.0001))
        return number_text(share, true);
    return psprintf(share >= 0.0995 ? "%.0f\xC2\xA0%%" : "%.2g\xC2\xA0%%", share * 100);
}

Datum ltpg_plot(lt_env *env, const lt_chart *chart)
{
    lt_markup m;

    lt_markup_init(env, &m);
    LTPG(env, lt_chart_svg(env, chart, &m));
    return PointerGetDatum(cstring_to_text_with_len(m.text, (int)m.n));
}

/* markup(text): escaped, for HTML and XML */
Datum longtail_markup(PG_FUNCTION_ARGS)
{
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    lt_markup m;

    lt_markup_init(env, &m);
    lt_markup_text(&m, ltpg_utf8(text_to_cstring(PG_GETARG_TEXT_PP(0))));
    if (m.status != LT_OK)
        ltpg_raise(env);
    PG_RETURN_TEXT_P(cstring_to_text_with_len(m.n > 0 ? m.text : "", (int)m.n));
}

/* ---- figures from a query ---- */

/* A float8 of the row SPI holds; NaN for NULL. */
static double spi_number(uint64 row, int column)
{
    bool null;
    Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &null);

    return null ? NAN : DatumGetFloat8(value);
}

double *ltpg_plot_numbers(const char *query, int n_arguments, Oid *types, Datum *values, const char *nulls, int columns,
                          int64 *n)
{
    MemoryContext caller = CurrentMemoryContext;
    double *out;

    SPI_connect();
    if (SPI_execute_with_args(query, n_arguments, types, values, nulls, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "reading what to plot failed");
    *n = (int64)SPI_processed;
    out = MemoryContextAllocHuge(caller, Max(SPI_processed, 1) * (Size)columns * sizeof *out);
    for (uint64 row = 0; row < SPI_processed; row++)
        for (int c = 0; c < columns; c++)
            out[(uint64)c * SPI_processed + row] = spi_number(row, c + 1);
    SPI_finish();
    return out;
}

/* ---- predictions and what happened ---- */

/* From arguments model and test: the model's probabilities for the rows, and their labels. */
static ltpg_scored score_test(FunctionCallInfo fcinfo, lt_env *env, const char **name)
{
    ltpg_model *model = ltpg_model_open(fcinfo, ltpg_text_argument(fcinfo, 0, "model"));
    const lt_algorithm *algorithm = model->bundle.model.algorithm;
    lt_link link = model->bundle.model.link;
    lt_dataset data;
    lt_inputs in;
    float *margin;
    double *score;
    uint8 *positive;

    *name = model->definition->name;
    ltpg_read_test(env, model, PG_GETARG_OID(1), &data);
    if (data.label_kind == LT_LABEL_IMPLICIT || algorithm->ranks_only || link != LT_LINK_LOGISTIC)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("model \"%s\" predicts no probabilities of a boolean label", *name),
                        errhint("The picture is for models with a label of two values.")));
    LTPG(env, lt_alloc(env, &margin, (size_t)data.train.n, sizeof *margin, "the predictions"));
    LTPG(env, lt_alloc(env, &score, (size_t)data.train.n, sizeof *score, "the predictions"));
    LTPG(env, lt_alloc(env, &positive, (size_t)data.train.n, 1, "the predictions"));
    in = lt_dataset_inputs(&data);
    LTPG(env, algorithm->predict(env, &model->bundle.model, &in, &data.train, margin));
    for (int64 i = 0; i < data.train.n; i++) {
        score[i] = lt_link_apply(link, margin[i]);
        positive[i] = data.train.label[i] > 0;
    }
    return (ltpg_scored){data.train.n, score, positive};
}

static int64 count_positives(const ltpg_scored *o)
{
    int64 n = 0;

    for (int64 i = 0; i < o->n; i++)
        n += o->positive[i] != 0;
    return n;
}

/* model: whose predictions they are; NULL: not said, here and in what follows. */
static const char *title_of(const char *what, const char *model)
{
    return model == NULL ? what : psprintf("%s of %s", what, ltpg_utf8(model));
}

/* ---- ROC ---- */

static const double ends[2] = {0, 1};

static Datum plot_roc(lt_env *env, const ltpg_scored *o, const char *model)
{
    lt_series series[3] = {
        {.kind = LT_CHART_AREA, .colour = LT_BLUE},
        {.kind = LT_CHART_LINE, .colour = LT_GREY, .dashed = true, .name = "by chance", .n = 2, .x = ends, .y = ends},
        {.kind = LT_CHART_LINE, .colour = LT_BLUE},
    };
    lt_axis share = {.percent = true, .given = true, .min = 0, .max = 1};
    lt_panel panel = {.x = share, .y = share, .series = series, .n_series = lengthof(series)};
    lt_chart chart = {.width = 600, .panels = &panel, .n_panels = 1};
    int64 positives = count_positives(o);
    lt_roc_point *point;
    int64_t n;
    double auc, *x, *y;

    LTPG(env, lt_roc_curve(env, o->score, o->positive, NULL, o->n, &point, &n));
    LTPG(env, lt_auc(env, o->score, o->positive, NULL, o->n, &auc));
    LTPG(env, lt_alloc(env, &x, (size_t)n, sizeof *x, "the ROC curve"));
    LTPG(env, lt_alloc(env, &y, (size_t)n, sizeof *y, "the ROC curve"));
    for (int64 i = 0; i < n; i++) {
        x[i] = point[i].false_positive_rate;
        y[i] = point[i].true_positive_rate;
    }
    series[0].n = series[2].n = n;
    series[0].x = series[2].x = x;
    series[0].y = series[2].y = y;
    series[2].name = psprintf("AUC %.3f", auc);
    panel.x.label = "negatives taken for positives (false positive rate)";
    panel.y.label = "positives found (true positive rate)";
    chart.title = title_of("ROC curve", model);
    chart.subtitle = psprintf("A positive outranks a negative %.0f times in 100. %s positives, %s negatives.",
                              auc * 100, ltpg_count_text(positives), ltpg_count_text(o->n - positives));
    return ltpg_plot(env, &chart);
}

/* plot_roc(scores float8[], labels bool[]) */
Datum longtail_plot_roc(PG_FUNCTION_ARGS)
{
    ltpg_scored o = ltpg_scored_arguments(fcinfo);

    return plot_roc(ltpg_env(CurrentMemoryContext, ltpg_training_memory), &o, NULL);
}

/* plot_roc(model text, test regclass) */
Datum longtail_plot_roc_model(PG_FUNCTION_ARGS)
{
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    const char *model;
    ltpg_scored o = score_test(fcinfo, env, &model);

    return plot_roc(env, &o, model);
}

/* ---- calibration ---- */

static Datum plot_calibration(lt_env *env, const ltpg_scored *o, const char *model, int bins)
{
    lt_series above[3] = {
        {.kind = LT_CHART_LINE, .colour = LT_GREY, .dashed = true, .name = "perfect", .n = 2, .x = ends, .y = ends},
        {.kind = LT_CHART_LINE, .colour = LT_BLUE},
        {.kind = LT_CHART_POINTS, .colour = LT_BLUE, .name = "what happened, larger for more rows"},
    };
    lt_series below = {.kind = LT_CHART_BARS, .colour = LT_BLUE, .width = 1.0 / bins};
    lt_axis share = {.percent = true, .given = true, .min = 0, .max = 1};
    lt_panel panels[2] = {{.height = 440, .x = share, .y = share, .series = above, .n_series = lengthof(above)},
                          {.height = 70, .x = share, .series = &below, .n_series = 1}};
    lt_chart chart = {.width = 600, .panels = panels, .n_panels = 2};
    lt_calibration_bin *bin;
    double *x, *y, *middle, *count, *size, most = 0, gap = 0;
    int64_t n;

    if (o->n == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a calibration curve needs predictions"),
                        errdetail("There are none.")));
    ltpg_check_probabilities(o);
    LTPG(env, lt_calibration_curve(env, o->score, o->positive, o->n, bins, &bin, &n));
    LTPG(env, lt_alloc(env, &x, (size_t)n * 5, sizeof *x, "the calibration curve"));
    y = x + n;
    middle = y + n;
    count = middle + n;
    size = count + n;
    for (int64 i = 0; i < n; i++) {
        x[i] = bin[i].mean_predicted;
        y[i] = bin[i].observed;
        middle[i] = (bin[i].lower + bin[i].upper) / 2;
        count[i] = (double)bin[i].n;
        most = fmax(most, count[i]);
        gap += fabs(x[i] - y[i]) * count[i] / (double)o->n;
    }
    for (int64 i = 0; i < n; i++)
        size[i] = 3 + 7 * sqrt(count[i] / most); /* areas as the rows, but none too small to see */
    above[1].n = above[2].n = below.n = n;
    above[1].x = above[2].x = x;
    above[1].y = above[2].y = y;
    above[2].size = size;
    below.x = middle;
    below.y = count;
    panels[0].y.label = "share of positives";
    panels[1].y = (lt_axis){.label = "rows", .from_zero = true, .whole = true};
    panels[1].x.label = "predicted probability";
    chart.title = title_of("Calibration", model);
    chart.subtitle = psprintf("%s predictions. What happened is %.1f percentage points off on average.",
                              ltpg_count_text((double)o->n), gap * 100);
    return ltpg_plot(env, &chart);
}

/* plot_calibration(scores float8[], labels bool[], bins) */
Datum longtail_plot_calibration(PG_FUNCTION_ARGS)
{
    ltpg_scored o = ltpg_scored_arguments(fcinfo);

    return plot_calibration(ltpg_env(CurrentMemoryContext, ltpg_training_memory), &o, NULL, PG_GETARG_INT32(2));
}

/* plot_calibration(model text, test regclass, bins) */
Datum longtail_plot_calibration_model(PG_FUNCTION_ARGS)
{
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    const char *model;
    ltpg_scored o = score_test(fcinfo, env, &model);

    return plot_calibration(env, &o, model, PG_GETARG_INT32(2));
}
