/*
 * chart.c: the layout of a chart, and what stands around its plots: titles, legends, grids, axes, bands.
 *
 * What is drawn in the plots is in chart_series.c.  From top to bottom: title, subtitle, and for each panel the name of
 * y with the legend, the names of the bands, the plot, the ticks and the name of x.  Plots of all panels begin and end
 * at the same x.
 *
 * Colours: Okabe and Ito, "Color universal design", 2008, darkened on light ground and lightened on dark ground so that
 * each has a contrast of at least 3 to 1 with it.
 */
#include "chart_plot.h"

#include "codec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SIDE 20.0 /* the margin */
#define RIGHT 26.0
#define ROW 19.0 /* a row of text in a panel */
#define GAP 18.0 /* between panels */

/* The rules are the same in every chart, so that several stand in one page. */
static const char style[] =
    ".lt-chart{font-family:system-ui,-apple-system,\"Segoe UI\",\"Helvetica Neue\",Arial,sans-serif;font-size:12px}"
    ".lt-chart text{fill:#57606a}.lt-chart .lt-title{font-size:18px;font-weight:600;fill:#1f2328}"
    ".lt-chart .lt-sub{font-size:13px}.lt-chart .lt-key,.lt-chart .lt-mark{fill:#1f2328}"
    ".lt-chart .lt-mark{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}"
    ".lt-chart .lt-strong{font-weight:600;font-size:13px}.lt-bg{fill:#fff}"
    ".lt-grid{stroke:#e4e7eb;fill:none}.lt-axis{stroke:#8c959f;fill:none}"
    ".lt-line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.lt-dash{stroke-dasharray:2 5}"
    ".lt-area{opacity:.2}.lt-bar{opacity:.8}.lt-band{opacity:.09}.lt-dot{stroke:#fff;stroke-width:1.5}"
    ".lt-s0{stroke:#7d8590}.lt-s1{stroke:#0072b2}.lt-s2{stroke:#d55e00}.lt-s3{stroke:#008a62}.lt-s4{stroke:#b0508c}"
    ".lt-f0{fill:#7d8590}.lt-f1{fill:#0072b2}.lt-f2{fill:#d55e00}.lt-f3{fill:#008a62}.lt-f4{fill:#b0508c}"
    "@media screen and (prefers-color-scheme:dark){"
    ".lt-chart text{fill:#9aa4af}.lt-chart .lt-title,.lt-chart .lt-key,.lt-chart .lt-mark{fill:#e6edf3}"
    ".lt-chart .lt-mark{stroke:#14181d}.lt-bg{fill:#14181d}.lt-grid{stroke:#2a3038}.lt-axis{stroke:#6e7681}"
    ".lt-area{opacity:.28}.lt-band{opacity:.14}.lt-dot{stroke:#14181d}"
    ".lt-s0{stroke:#8b949e}.lt-s1{stroke:#56b4e9}.lt-s2{stroke:#ff9a4d}.lt-s3{stroke:#3fcf9f}.lt-s4{stroke:#e69ac8}"
    ".lt-f0{fill:#8b949e}.lt-f1{fill:#56b4e9}.lt-f2{fill:#ff9a4d}.lt-f3{fill:#3fcf9f}.lt-f4{fill:#e69ac8}}";

/* ---- ranges ---- */

bool lt_axis_shows(const lt_axis *axis, double v)
{
    return fabs(v) <= 1e300 && (!axis->log || v > 0);
}

typedef struct range {
    double min, max;
} range;

/* fmin and fmax leave NaN out. */
static void take(range *r, const lt_axis *axis, double v)
{
    if (lt_axis_shows(axis, v)) {
        r->min = fmin(r->min, v);
        r->max = fmax(r->max, v);
    }
}

static lt_status find_ranges(lt_env *env, const lt_panel *panel, range *x, range *y)
{
    *x = *y = (range){NAN, NAN};
    for (int s = 0; s < panel->n_series; s++) {
        const lt_series *series = &panel->series[s];
        bool stands = series->kind == LT_CHART_BARS || series->kind == LT_CHART_AREA;

        for (int64_t i = 0; i < series->n; i++) {
            if ((i & 0xffff) == 0)
                LT_TRY(lt_poll(env));
            if (!lt_axis_shows(&panel->x, series->x[i]) || !lt_axis_shows(&panel->y, series->y[i]))
                continue;
            take(x, &panel->x, series->x[i] - series->width / 2);
            take(x, &panel->x, series->x[i] + series->width / 2);
            take(y, &panel->y, series->y[i]);
            if (stands)
                take(y, &panel->y, 0);
        }
    }
    for (int i = 0; i < panel->n_marks; i++)
        if (lt_axis_shows(&panel->x, panel->marks[i].x) && lt_axis_shows(&panel->y, panel->marks[i].y)) {
            take(x, &panel->x, panel->marks[i].x);
            take(y, &panel->y, panel->marks[i].y);
        }
    return LT_OK;
}

static lt_status make_ticks(lt_env *env, const lt_axis *axis, range r, double pixels, double each, lt_ticks *out)
{
    if (axis->given) {
        r = (range){axis->min, axis->max};
        if (!lt_axis_shows(axis, r.min) || !lt_axis_shows(axis, r.max) || r.min >= r.max)
            return lt_fail(env, LT_INVALID, "an axis from %g to %g is none", r.min, r.max);
    }
    lt_ticks_make(axis, r.min, r.max, (int)fmin(fmax(2, pixels / each), 8), out);
    return LT_OK;
}

/* ---- texts ---- */

void lt_put_number(lt_markup *m, double v)
{
    char text[32];
    size_t n = (size_t)snprintf(text, sizeof text, "%.1f", v);

    if (text[n - 1] == '0')
        text[n - 2] = '\0';
    lt_markup_put(m, strcmp(text, "-0") == 0 ? "0" : text);
}

void lt_put_attribute(lt_markup *m, const char *name, double v)
{
    lt_markup_format(m, " %s=\"", name);
    lt_put_number(m, v);
    lt_markup_put(m, "\"");
}

void lt_put_text(lt_markup *m, const char *class, const char *anchor, double x, double y, const char *text)
{
    lt_markup_format(m, "<text class=\"%s\"", class);
    lt_put_attribute(m, "x", x);
    lt_put_attribute(m, "y", y);
    if (strcmp(anchor, "start") != 0)
        lt_markup_format(m, " text-anchor=\"%s\"", anchor);
    lt_markup_put(m, ">");
    lt_markup_text(m, text);
    lt_markup_put(m, "</text>\n");
}

/* A text in at most two lines, the last cut where it does not fit; returns the y below. */
static double put_lines(lt_markup *m, const char *class, double size, double y, double width, const char *text)
{
    for (int line = 1; line <= 2 && *text != '\0'; line++) {
        size_t all = strlen(text), fits = lt_text_fits(text, size, width);
        bool cut = fits < all && line == 2;

        if (cut)
            fits = lt_text_fits(text, size, width - size);
        y += size * 1.4;
        lt_markup_format(m, "<text class=\"%s\"", class);
        lt_put_attribute(m, "x", SIDE);
        lt_put_attribute(m, "y", y);
        lt_markup_put(m, ">");
        lt_markup_part(m, text, fits);
        lt_markup_put(m, cut ? "&#x2026;</text>\n" : "</text>\n");
        text += fits;
        text += strspn(text, " ");
    }
    return y;
}

/* ---- legend and bands ---- */

static void put_key(lt_markup *m, const lt_series *series, double x, double y)
{
    int c = series->colour;

    if (series->kind == LT_CHART_POINTS) {
        lt_markup_format(m, "<circle class=\"lt-dot lt-f%d\" r=\"4.5\"", c);
        lt_put_attribute(m, "cx", x + 9);
        lt_put_attribute(m, "cy", y - 4);
    } else if (series->kind == LT_CHART_AREA || series->kind == LT_CHART_BARS) {
        lt_markup_format(m, "<rect class=\"%s lt-f%d\" width=\"16\" height=\"10\"",
                         series->kind == LT_CHART_AREA ? "lt-area" : "lt-bar", c);
        lt_put_attribute(m, "x", x + 1);
        lt_put_attribute(m, "y", y - 9);
    } else {
        lt_markup_format(m, "<path class=\"lt-line lt-s%d%s\" d=\"M", c, series->dashed ? " lt-dash" : "");
        lt_put_number(m, x + 1);
        lt_markup_put(m, " ");
        lt_put_number(m, y - 4);
        lt_markup_put(m, "h16\"");
    }
    lt_markup_put(m, "/>");
    lt_put_text(m, "lt-key", "start", x + 23, y, series->name);
}

static double key_width(const lt_series *series)
{
    return series->name == NULL ? 0 : 23 + lt_text_width(series->name, 12) + 18;
}

/* The name of y and the legend, beside each other where they fit; returns the y below. m NULL: only that. */
static double put_head(lt_markup *m, const lt_plot *p, double y)
{
    const lt_panel *panel = p->panel;
    double all = 0, x, right = p->left + p->width;
    bool beside;

    for (int s = 0; s < panel->n_series; s++)
        all += key_width(&panel->series[s]);
    if (panel->y.label == NULL && all == 0)
        return y;
    x = right - all + 18;
    beside = panel->y.label == NULL || all == 0 || x > SIDE + lt_text_width(panel->y.label, 12) + 20;
    if (!beside || x < SIDE)
        x = SIDE;
    for (int s = 0; s < panel->n_series; s++) {
        double width = key_width(&panel->series[s]);

        if (width == 0)
            continue;
        if (x > SIDE && x + width - 18 > right + 1) {
            x = SIDE;
            y += ROW;
        }
        if (m != NULL)
            put_key(m, &panel->series[s], x, y + 12);
        x += width;
    }
    if (!beside)
        y += ROW;
    if (panel->y.label != NULL && m != NULL)
        lt_put_text(m, "lt-name", "start", SIDE, y + 12, panel->y.label);
    return y + ROW;
}

/* Names of bands in a row, each where its band begins or as near to that as the others let it. */
static lt_status put_band_names(lt_env *env, lt_markup *m, const lt_plot *p, double y)
{
    const lt_panel *panel = p->panel;
    double end = p->left, *x;

    LT_TRY(lt_alloc(env, &x, (size_t)panel->n_bands, sizeof *x, "the picture"));
    for (int i = 0; i < panel->n_bands; i++) {
        x[i] = fmax(end, lt_plot_x(p, panel->bands[i].from));
        end = x[i] + lt_text_width(panel->bands[i].label, 12) + 32;
    }
    end = p->left + p->width + 16;
    for (int i = panel->n_bands - 1; i >= 0; i--) {
        x[i] = fmin(x[i], end - lt_text_width(panel->bands[i].label, 12) - 32);
        end = x[i];
    }
    for (int i = 0; i < panel->n_bands; i++) {
        lt_markup_format(m, "<rect class=\"lt-bar lt-f%d\" width=\"10\" height=\"10\" rx=\"2\"",
                         panel->bands[i].colour);
        lt_put_attribute(m, "x", x[i]);
        lt_put_attribute(m, "y", y + 3);
        lt_markup_put(m, "/>");
        lt_put_text(m, "lt-key", "start", x[i] + 15, y + 12, panel->bands[i].label);
    }
    lt_free(env, x);
    return LT_OK;
}

static void put_bands(lt_markup *m, const lt_plot *p)
{
    for (int i = 0; i < p->panel->n_bands; i++) {
        const lt_band *band = &p->panel->bands[i];
        double from = fmax(lt_plot_x(p, band->from), p->left);
        double to = fmin(lt_plot_x(p, band->to), p->left + p->width);

        if (!(to > from))
            continue;
        lt_markup_format(m, "<rect class=\"lt-band lt-f%d\"", band->colour);
        lt_put_attribute(m, "x", from);
        lt_put_attribute(m, "y", p->top);
        lt_put_attribute(m, "width", to - from);
        lt_put_attribute(m, "height", p->height);
        lt_markup_put(m, "/>\n");
    }
}

/* ---- grid and axes ---- */

static void put_line(lt_markup *m, double x1, double y1, double x2, double y2)
{
    lt_markup_put(m, "M");
    lt_put_number(m, x1);
    lt_markup_put(m, " ");
    lt_put_number(m, y1);
    lt_markup_put(m, x1 == x2 ? "V" : "H");
    lt_put_number(m, x1 == x2 ? y2 : x2);
}

static void put_grid(lt_markup *m, const lt_plot *p)
{
    double right = p->left + p->width, bottom = p->top + p->height;

    lt_markup_put(m, "<path class=\"lt-grid\" d=\"");
    for (int i = 0; i < p->x.n; i++)
        put_line(m, lt_plot_x(p, p->x.at[i]), p->top, lt_plot_x(p, p->x.at[i]), bottom);
    for (int i = 0; i < p->y.n; i++)
        put_line(m, p->left, lt_plot_y(p, p->y.at[i]), right, lt_plot_y(p, p->y.at[i]));
    lt_markup_put(m, "\"/>\n<path class=\"lt-axis\" d=\"");
    put_line(m, p->left, bottom, right, bottom);
    lt_markup_put(m, "\"/>\n");
}

static void put_axes(lt_markup *m, const lt_plot *p)
{
    double right = p->left + p->width, bottom = p->top + p->height;

    for (int i = 0; i < p->y.n; i++)
        lt_put_text(m, "lt-tick", "end", p->left - 8, lt_plot_y(p, p->y.at[i]) + 4, p->y.label[i]);
    for (int i = 0; i < p->x.n; i++) {
        double x = lt_plot_x(p, p->x.at[i]), half = lt_text_width(p->x.label[i], 12) / 2;
        const char *anchor = x + half > right + RIGHT ? "end" : "middle";

        lt_put_text(m, "lt-tick", anchor, x, bottom + 17, p->x.label[i]);
    }
    if (p->panel->x.label != NULL)
        lt_put_text(m, "lt-name", "end", right, bottom + 17 + ROW, p->panel->x.label);
}

/* ---- the chart ---- */

static lt_status put_panel(lt_env *env, lt_markup *m, lt_plot *p, double *y)
{
    *y = put_head(m, p, *y);
    if (p->panel->n_bands > 0) {
        LT_TRY(put_band_names(env, m, p, *y));
        *y += ROW;
    }
    p->top = *y + 6;
    put_bands(m, p);
    put_grid(m, p);
    LT_TRY(lt_plot_series(env, m, p));
    put_axes(m, p);
    LT_TRY(lt_plot_marks(env, m, p));
    *y = p->top + p->height + ROW + (p->panel->x.label != NULL ? ROW : 0);
    return m->status;
}

/* Tells charts of one page apart. */
static uint32_t fingerprint(const lt_chart *chart)
{
    uint32_t crc = lt_crc32c(0, chart->title, strlen(chart->title));

    crc = lt_crc32c(crc, chart->subtitle, strlen(chart->subtitle));
    for (int i = 0; i < chart->n_panels; i++)
        for (int s = 0; s < chart->panels[i].n_series; s++) {
            const lt_series *series = &chart->panels[i].series[s];

            crc = lt_crc32c(crc, series->x, (size_t)series->n * sizeof *series->x);
            crc = lt_crc32c(crc, series->y, (size_t)series->n * sizeof *series->y);
        }
    return crc;
}

static void put_description(lt_markup *m, const lt_chart *chart)
{
    lt_markup_text(m, chart->subtitle);
    for (int i = 0; i < chart->n_panels; i++) {
        const lt_panel *panel = &chart->panels[i];

        if (panel->y.label == NULL || panel->x.label == NULL)
            continue;
        lt_markup_put(m, " ");
        lt_markup_text(m, panel->y.label);
        lt_markup_put(m, " by ");
        lt_markup_text(m, panel->x.label);
        lt_markup_put(m, ".");
    }
}

lt_status lt_chart_svg(lt_env *env, const lt_chart *chart, lt_markup *m)
{
    double width = chart->width > 0 ? chart->width : 760, left = 0, y = 10;
    unsigned id = fingerprint(chart);
    lt_markup body;
    lt_plot *plots;

    lt_markup_init(env, &body);
    LT_TRY(lt_alloc(env, &plots, (size_t)chart->n_panels, sizeof *plots, "the picture"));
    for (int i = 0; i < chart->n_panels; i++) {
        const lt_panel *panel = &chart->panels[i];
        lt_plot *p = &plots[i];
        range rx, ry;

        p->panel = panel;
        snprintf(p->clip, sizeof p->clip, "lt-%08x-%d", id, i);
        LT_TRY(find_ranges(env, panel, &rx, &ry));
        LT_TRY(make_ticks(env, &panel->x, rx, width - 80, 80, &p->x));
        LT_TRY(make_ticks(env, &panel->y, ry, panel->height > 0 ? panel->height : width - 80, 50, &p->y));
        for (int t = 0; t < p->y.n; t++)
            left = fmax(left, SIDE + lt_text_width(p->y.label[t], 12) + 8);
    }
    y = put_lines(&body, "lt-title", 18, y, width - 2 * SIDE, chart->title);
    y = put_lines(&body, "lt-sub", 13, y + 3, width - 2 * SIDE, chart->subtitle);
    for (int i = 0; i < chart->n_panels; i++) {
        plots[i].left = left;
        plots[i].width = width - left - RIGHT;
        plots[i].height = chart->panels[i].height > 0 ? chart->panels[i].height : plots[i].width;
        y += GAP;
        LT_TRY(put_panel(env, &body, &plots[i], &y));
    }
    y = ceil(y + 14);
    lt_markup_format(m,
                     "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lt-chart\" viewBox=\"0 0 %g %g\" width=\"%g\" "
                     "height=\"%g\" role=\"img\" aria-labelledby=\"lt-%08x-t lt-%08x-d\">\n",
                     width, y, width, y, id, id);
    lt_markup_format(m, "<title id=\"lt-%08x-t\">", id);
    lt_markup_text(m, chart->title);
    lt_markup_format(m, "</title>\n<desc id=\"lt-%08x-d\">", id);
    put_description(m, chart);
    lt_markup_put(m, "</desc>\n<style>");
    lt_markup_put(m, style);
    lt_markup_format(m, "</style>\n<rect class=\"lt-bg\" width=\"%g\" height=\"%g\" rx=\"6\"/>\n", width, y);
    if (body.text != NULL)
        lt_markup_put(m, body.text);
    lt_markup_put(m, "</svg>\n");
    lt_free(env, plots);
    lt_free(env, body.text);
    return body.status != LT_OK ? body.status : m->status;
}
