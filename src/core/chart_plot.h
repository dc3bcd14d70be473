/*
 * chart_plot.h: what the files of charts share: a panel laid out, and what is drawn in it.
 */
#ifndef LT_CHART_PLOT_H
#define LT_CHART_PLOT_H

#include "chart.h"

#include <math.h>

typedef struct lt_plot {
    const lt_panel *panel;
    lt_ticks x, y;
    double left, top, width, height; /* pixels */
    char clip[24];                   /* the id of its outline */
} lt_plot;

/* Whether an axis can show a number at all. */
bool lt_axis_shows(const lt_axis *axis, double v);

static inline double lt_plot_part(const lt_axis *axis, const lt_ticks *ticks, double v)
{
    if (axis->log)
        return (log10(v) - log10(ticks->min)) / (log10(ticks->max) - log10(ticks->min));
    return (v / 2 - ticks->min / 2) / (ticks->max / 2 - ticks->min / 2); /* the range may be twice the largest number */
}

/* The pixel of a number that its axis shows, at most 10 plots outside. */
static inline double lt_plot_x(const lt_plot *p, double v)
{
    return p->left + p->width * fmin(fmax(lt_plot_part(&p->panel->x, &p->x, v), -10), 10);
}

static inline double lt_plot_y(const lt_plot *p, double v)
{
    return p->top + p->height * (1 - fmin(fmax(lt_plot_part(&p->panel->y, &p->y, v), -10), 10));
}

/* What is drawn within the axes. */
lt_status lt_plot_series(lt_env *env, lt_markup *m, const lt_plot *p);
lt_status lt_plot_marks(lt_env *env, lt_markup *m, const lt_plot *p);

/* A coordinate: one digit behind the point, if that. */
void lt_put_number(lt_markup *m, double v);
void lt_put_attribute(lt_markup *m, const char *name, double v);
/* anchor: start, middle or end. */
void lt_put_text(lt_markup *m, const char *class, const char *anchor, double x, double y, const char *text);

#endif
