/*
 * plot_training.c: longtail.plot_training: the learning curve of a version.
 */
#include "plot.h"

#include <math.h>

#include "catalog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(longtail_plot_training);

typedef struct curve {
    const char *model, *algorithm, *metric;
    int version;
    int64 n; /* epochs */
    const double *epoch, *train, *validation, *value, *seconds;
    int64 kept;        /* the epoch whose weights the version has; -1: not known */
    bool same_metrics; /* the validation metric is the loss, or not known */
} curve;

/* Algorithm and metric from the views, which show what the current role may see. */
static void read_names(curve *c, Oid *types, Datum *arguments)
{
    MemoryContext caller = CurrentMemoryContext;
    char *metric;

    SPI_connect();
    if (SPI_execute_with_args("SELECT algorithm, CASE WHEN validation_metric IN ('auc', 'mae', 'ndcg', 'rmse')"
                              " THEN pg_catalog.upper(validation_metric)"
                              " ELSE pg_catalog.replace(validation_metric, '_', ' ') END"
                              " FROM longtail.model_versions WHERE model = $1 AND version = $2",
                              2, types, arguments, NULL, true, 1) != SPI_OK_SELECT ||
        SPI_processed != 1)
        elog(ERROR, "version %d of model \"%s\" is gone", c->version, c->model);
    c->algorithm = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
    metric = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
    c->metric = MemoryContextStrdup(caller, metric == NULL ? "metric" : metric);
    SPI_finish();
}

static void read_curve(curve *c)
{
    Oid types[2] = {TEXTOID, INT4OID};
    Datum arguments[2] = {CStringGetTextDatum(c->model), Int32GetDatum(c->version)};
    const double *is_kept;

    read_names(c, types, arguments);
    /* The loss of a version is that of the epoch whose weights it has. */
    c->epoch = ltpg_plot_numbers("SELECT e.epoch::float8, e.train_loss, e.validation_loss, e.validation_metric,"
                                 " e.seconds, (e.train_loss = v.loss)::integer::float8"
                                 " FROM longtail.training_log e JOIN longtail.model_versions v USING (model, version)"
                                 " WHERE model = $1 AND version = $2 ORDER BY e.epoch",
                                 2, types, arguments, NULL, 6, &c->n);
    if (c->n == 0)
        ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND),
                        errmsg("version %d of model \"%s\" has no learning curve", c->version, c->model),
                        errdetail("Algorithm %s does not learn in steps.", c->algorithm)));
    c->train = c->epoch + c->n;
    c->validation = c->train + c->n;
    c->value = c->validation + c->n;
    c->seconds = c->value + c->n;
    is_kept = c->seconds + c->n;
    c->kept = -1;
    c->same_metrics = true;
    for (int64 i = 0; i < c->n; i++) {
        if (is_kept[i] == 1)
            c->kept = i;
        if (isfinite(c->value[i]) && !(fabs(c->value[i] - c->validation[i]) <= 1e-6 * fabs(c->value[i])))
            c->same_metrics = false;
    }
}

/* A series of the figures that there are: one that was not computed in every epoch is still one line. */
static lt_series line_of(const curve *c, const double *value, const char *name, lt_colour colour)
{
    double *x = palloc((Size)c->n * 2 * sizeof *x), *y = x + c->n;
    lt_series s = {.kind = LT_CHART_LINE, .colour = colour, .name = name, .x = x, .y = y};

    for (int64 i = 0; i < c->n; i++)
        if (isfinite(value[i])) {
            x[s.n] = c->epoch[i];
            y[s.n++] = value[i];
        }
    if (s.n == 0)
        s.name = NULL;
    return s;
}

static Datum plot_curve(lt_env *env, const curve *c)
{
    bool validated = c->kept >= 0 && isfinite(c->validation[c->kept]);
    lt_axis epochs = {.whole = true, .given = c->n > 1, .min = c->epoch[0], .max = c->epoch[c->n - 1]};
    lt_series loss[2] = {line_of(c, c->train, "training", LT_BLUE), line_of(c, c->validation, "validation", LT_ORANGE)};
    lt_series metric = line_of(c, c->value, NULL, LT_ORANGE);
    lt_mark kept[2] = {{.rule = true, .strong = true, .colour = validated ? LT_ORANGE : LT_BLUE},
                       {.rule = true, .colour = LT_ORANGE}};
    lt_panel panels[2] = {
        {.height = c->same_metrics ? 320 : 220, .x = epochs, .series = loss, .n_series = 2, .marks = &kept[0]},
        {.height = 170, .x = epochs, .series = &metric, .n_series = 1, .marks = &kept[1]}};
    lt_chart chart = {.panels = panels, .n_panels = c->same_metrics ? 1 : 2};

    if (c->kept >= 0) {
        kept[0].x = kept[1].x = c->epoch[c->kept];
        kept[0].y = validated ? c->validation[c->kept] : c->train[c->kept];
        kept[0].label = psprintf("epoch %.0f kept", c->epoch[c->kept]);
        kept[1].y = c->value[c->kept];
        panels[0].n_marks = panels[1].n_marks = 1;
    }
    panels[0].y.label = "loss";
    panels[1].y.label = psprintf("%s on the validation part", c->metric);
    panels[chart.n_panels - 1].x.label = "epoch";
    chart.title = psprintf("Learning curve of %s", ltpg_utf8(c->model));
    chart.subtitle =
        psprintf("%s, version %d: %s epoch%s in %s s%s.", c->algorithm, c->version, ltpg_count_text((double)c->n),
                 c->n == 1 ? "" : "s", ltpg_figure_text(c->seconds[c->n - 1]),
                 loss[1].n == 0 ? "; no loss was measured on the validation part" : "");
    return ltpg_plot(env, &chart);
}

/* plot_training(model, version) */
Datum longtail_plot_training(PG_FUNCTION_ARGS)
{
    curve c = {.model = ltpg_text_argument(fcinfo, 0, "model")};
    ltpg_version version;

    ltpg_catalog_find(c.model, ltpg_version_argument(fcinfo, 1), LTPG_USE, false, &version);
    c.version = version.version;
    read_curve(&c);
    return plot_curve(ltpg_env(CurrentMemoryContext, 0), &c);
}
