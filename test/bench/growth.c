/*
 * growth.c: draws the curves of speed.py: time against size, both on log scales, as SVG that stands alone.
 *
 *   build/test/bench/growth < points > growth.svg
 *
 * Lines of four columns apart by tabs: panel, curve, size, seconds; those of a curve, and of a panel, come together.  A
 * panel each, one below the other, with the curves' points marked.
 */
#include "bench.h"
#include "chart.h"

#include <string.h>

enum { PANELS = 8, CURVES = 4, POINTS = 32, NAME = 80 };

typedef struct curve {
    char name[NAME];
    int n;
    double size[POINTS], seconds[POINTS], radius[POINTS];
} curve;

typedef struct figure {
    char name[NAME];
    int n;
    curve curves[CURVES];
    lt_series series[2 * CURVES];
} figure;

/* What does not fit the arrays above is an error: the picture would be without it. */
static void need(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "growth: %s\n", what);
    exit(1);
}

static int read_points(figure *figures)
{
    char panel[NAME], name[NAME];
    double size, seconds;
    int n = 0;

    while (scanf(" %79[^\t]\t%79[^\t]\t%lf\t%lf", panel, name, &size, &seconds) == 4) {
        figure *f;
        curve *c;

        if (n == 0 || strcmp(figures[n - 1].name, panel) != 0) {
            need(n < PANELS, "too many panels");
            memcpy(figures[n++].name, panel, NAME);
        }
        f = &figures[n - 1];
        for (c = f->curves; c < f->curves + f->n && strcmp(c->name, name) != 0; c++)
            ;
        if (c == f->curves + f->n) {
            need(f->n < CURVES, "too many curves in a panel");
            memcpy(f->curves[f->n++].name, name, NAME);
        }
        need(c->n < POINTS, "too many points in a curve");
        c->size[c->n] = size;
        c->seconds[c->n] = seconds;
        c->radius[c->n++] = 3;
    }
    need(feof(stdin) && n > 0, "a line is not: panel, curve, size, seconds");
    return n;
}

int main(void)
{
    static const lt_colour colours[CURVES] = {LT_BLUE, LT_ORANGE, LT_GREEN, LT_PURPLE};
    static figure figures[PANELS];
    lt_panel panels[PANELS] = {{0}};
    lt_chart chart = {.title = "What size costs",
                      .subtitle = "time against size, both on log scales; training from table to stored version",
                      .panels = panels};
    lt_markup m;

    chart.n_panels = read_points(figures);
    for (int p = 0; p < chart.n_panels; p++) {
        figure *f = &figures[p];

        panels[p] = (lt_panel){.height = 260,
                               .x = {.label = f->name, .log = true},
                               .y = {.label = "seconds", .log = true},
                               .series = f->series,
                               .n_series = 2 * f->n};
        for (int i = 0; i < f->n; i++) {
            const curve *c = &f->curves[i];
            lt_series line = {.kind = LT_CHART_LINE,
                              .name = c->name,
                              .colour = colours[i],
                              .n = c->n,
                              .x = c->size,
                              .y = c->seconds};

            f->series[2 * i] = line;
            line.kind = LT_CHART_POINTS;
            line.name = NULL;
            line.size = c->radius;
            f->series[2 * i + 1] = line;
        }
    }
    lt_markup_init(&environment, &m);
    need(lt_chart_svg(&environment, &chart, &m) == LT_OK, environment.error.message);
    fputs(m.text, stdout);
    return 0;
}
