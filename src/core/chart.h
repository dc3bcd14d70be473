/*
 * chart.h: pictures of numbers as SVG that stands alone.
 *
 * A chart is one or several panels, one below the other; a panel has two axes, series, marked points and shaded bands.
 * It has no scripts and no fonts of its own, shows light or dark as its reader prefers, and is named to those who
 * cannot see it.  The same chart gives the same text.
 *
 * Any numbers give a valid picture: none, one, all equal, NaN and infinite ones (gaps), 0 and less on a log axis
 * (gaps), a million (thinned to what can be seen).  Magnitudes above 1e300 count as infinite.  Texts are any bytes.
 */
#ifndef LT_CHART_H
#define LT_CHART_H

#include "markup.h"

/* Eight colours would not be told apart by everybody; these are, on both backgrounds. */
typedef enum lt_colour { LT_GREY, LT_BLUE, LT_ORANGE, LT_GREEN, LT_PURPLE } lt_colour;

typedef enum lt_series_kind {
    LT_CHART_LINE,
    LT_CHART_STEP,
    LT_CHART_AREA,
    LT_CHART_POINTS,
    LT_CHART_BARS
} lt_series_kind;

typedef struct lt_series {
    lt_series_kind kind;
    const char *name; /* in the legend; NULL: not there */
    lt_colour colour;
    bool dashed;
    int64_t n;
    const double *x, *y; /* n each; lines are thinned where x ascends */
    const double *size;  /* POINTS: radii in pixels; NULL: all alike */
    double width;        /* BARS: each one's, in units of x; they stand around x */
} lt_series;

/* A point that is pointed out. */
typedef struct lt_mark {
    double x, y;
    const char *label;   /* NULL: none. Left out where there is no room, unless it is strong */
    const char *tooltip; /* what the pointer is told; NULL: nothing */
    lt_colour colour;
    bool strong; /* the one to look at */
    bool rule;   /* a line down to the axis */
} lt_mark;

/* A range of x, shaded and named above the plot. Bands are given in ascending order. */
typedef struct lt_band {
    double from, to;
    const char *label;
    lt_colour colour;
} lt_band;

typedef struct lt_axis {
    const char *label; /* with its unit; NULL: none */
    bool log;          /* base 10 */
    bool percent;      /* shares, shown as per cent */
    bool from_zero;    /* 0 is in the range (not on a log axis) */
    bool whole;        /* numbers that are counted: no ticks between them */
    bool given;        /* min and max are the range; else the data's, rounded outward */
    double min, max;
} lt_axis;

typedef struct lt_panel {
    double height; /* of the plot, in pixels; 0: as high as it is wide */
    lt_axis x, y;
    const lt_series *series; /* in the order they are drawn */
    int n_series;
    const lt_mark *marks;
    int n_marks;
    const lt_band *bands;
    int n_bands;
} lt_panel;

typedef struct lt_chart {
    const char *title, *subtitle; /* the subtitle says what one sees */
    double width;                 /* in pixels; 0: 760 */
    const lt_panel *panels;
    int n_panels;
} lt_chart;

/* Appends the chart to m. LT_INVALID for an axis whose given range is none. */
lt_status lt_chart_svg(lt_env *env, const lt_chart *chart, lt_markup *m);

/* ---- axes (chart_axis.c) ---- */

#define LT_TICKS_MOST 24
#define LT_NUMBER_SIZE 40
typedef struct lt_ticks {
    double min, max; /* the axis: what was asked for, rounded outward unless given */
    int n;
    double at[LT_TICKS_MOST];
    char label[LT_TICKS_MOST][LT_NUMBER_SIZE];
} lt_ticks;

/*
 * About `want` ticks (2 or more) at 1, 2 or 5 times powers of ten; on a log axis at powers of ten, between them where
 * these are few.  min and max: of the data, NaN where there are none, or, where the axis is given, its own.
 */
void lt_ticks_make(const lt_axis *axis, double min, double max, int want, lt_ticks *out);
/* A number in short: 12k, 0.05, 3.4M, 1e-7; three digits of it, or all before the point. percent: 5 %. */
void lt_number_text(double value, bool percent, char out[LT_NUMBER_SIZE]);

#endif
