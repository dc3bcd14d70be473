/*
 * chart_series.c: what is drawn within the axes of a plot: series, thinned to what can be seen, and marked points.
 *
 * Lines are thinned by columns of pixels: of the points that follow each other in one column the first, the lowest, the
 * highest and the last are drawn, which leaves the picture as it was (Jugel et al., "M4: a visualization-oriented time
 * series data aggregation", 2014).  Points are drawn once a pixel; bars narrower than a pixel once a column, the
 * highest.
 *
 * Labels of marked points go to the first of eight places around their point, near it or a little further, that is
 * free of other labels, points and lines; strong ones choose first.
 */
#include "chart_plot.h"

#include <string.h>

/* ---- lines ---- */

typedef struct pen {
    lt_markup *m;
    bool step;
    double base; /* AREA: where it stands; else NaN */
    /* the column being gathered */
    int64_t seen;
    double column, first_x, first_y, low_x, low_y, high_x, high_y, last_x, last_y;
    int64_t low_at, high_at;
    /* the run drawn */
    int64_t drawn;
    double x, y;
} pen;

static void draw_to(pen *p, double x, double y)
{
    if (p->drawn > 0 && x == p->x && y == p->y)
        return;
    if (p->drawn == 0) {
        lt_markup_put(p->m, "M");
        lt_put_number(p->m, x);
        lt_markup_put(p->m, " ");
        lt_put_number(p->m, isnan(p->base) ? y : p->base);
        if (!isnan(p->base)) {
            lt_markup_put(p->m, "V");
            lt_put_number(p->m, y);
        }
    } else if (p->step) {
        lt_markup_put(p->m, "H");
        lt_put_number(p->m, x);
        lt_markup_put(p->m, "V");
        lt_put_number(p->m, y);
    } else {
        lt_markup_put(p->m, "L");
        lt_put_number(p->m, x);
        lt_markup_put(p->m, " ");
        lt_put_number(p->m, y);
    }
    p->x = x;
    p->y = y;
    p->drawn++;
}

static void end_column(pen *p)
{
    if (p->seen == 0)
        return;
    draw_to(p, p->first_x, p->first_y);
    if (p->low_at < p->high_at)
        draw_to(p, p->low_x, p->low_y);
    draw_to(p, p->high_x, p->high_y);
    if (p->low_at > p->high_at)
        draw_to(p, p->low_x, p->low_y);
    draw_to(p, p->last_x, p->last_y);
    p->seen = 0;
}

/* A gap, or the end. A lone point is a dot, which round ends give. */
static void end_run(pen *p)
{
    end_column(p);
    if (p->drawn == 1)
        lt_markup_put(p->m, isnan(p->base) ? "h0" : "h1");
    if (p->drawn > 0 && !isnan(p->base)) {
        lt_markup_put(p->m, "V");
        lt_put_number(p->m, p->base);
        lt_markup_put(p->m, "Z");
    }
    p->drawn = 0;
}

static void add_point(pen *p, double x, double y)
{
    if (p->seen > 0 && floor(x) != p->column)
        end_column(p);
    if (p->seen == 0) {
        p->column = floor(x);
        p->first_x = p->low_x = p->high_x = x;
        p->first_y = p->low_y = p->high_y = y;
        p->low_at = p->high_at = 0;
    }
    if (y > p->low_y) { /* pixels count downward */
        p->low_x = x;
        p->low_y = y;
        p->low_at = p->seen;
    }
    if (y < p->high_y) {
        p->high_x = x;
        p->high_y = y;
        p->high_at = p->seen;
    }
    p->last_x = x;
    p->last_y = y;
    p->seen++;
}

static bool shows(const lt_plot *p, const lt_series *s, int64_t i)
{
    return lt_axis_shows(&p->panel->x, s->x[i]) && lt_axis_shows(&p->panel->y, s->y[i]);
}

/* Where bars and areas stand. */
static double floor_of(const lt_plot *p)
{
    return p->panel->y.log || p->y.min > 0 ? p->top + p->height : lt_plot_y(p, fmin(0, p->y.max));
}

static lt_status put_curve(lt_env *env, lt_markup *m, const lt_plot *p, const lt_series *s)
{
    bool area = s->kind == LT_CHART_AREA;
    pen pen = {.m = m, .step = s->kind == LT_CHART_STEP, .base = area ? floor_of(p) : NAN};

    lt_markup_format(m, "<path class=\"%s%d%s\" d=\"", area ? "lt-area lt-f" : "lt-line lt-s", s->colour,
                     s->dashed ? " lt-dash" : "");
    for (int64_t i = 0; i < s->n && m->status == LT_OK; i++) {
        if ((i & 0xffff) == 0)
            LT_TRY(lt_poll(env));
        if (shows(p, s, i))
            add_point(&pen, lt_plot_x(p, s->x[i]), lt_plot_y(p, s->y[i]));
        else
            end_run(&pen);
    }
    end_run(&pen);
    lt_markup_put(m, "\"/>\n");
    return m->status;
}

/* ---- points and bars ---- */

static lt_status put_points(lt_env *env, lt_markup *m, const lt_plot *p, const lt_series *s)
{
    int64_t columns = (int64_t)p->width + 1, rows = (int64_t)p->height + 1;
    uint8_t *taken;

    LT_TRY(lt_alloc(env, &taken, (size_t)(columns * rows), 1, "the picture"));
    lt_markup_format(m, "<g class=\"lt-dot lt-f%d\">", s->colour);
    for (int64_t i = 0; i < s->n && m->status == LT_OK; i++) {
        double x, y;
        uint8_t *cell;

        if ((i & 0xffff) == 0)
            LT_TRY(lt_poll(env));
        if (!shows(p, s, i))
            continue;
        x = lt_plot_x(p, s->x[i]);
        y = lt_plot_y(p, s->y[i]);
        if (x < p->left || x > p->left + p->width || y < p->top || y > p->top + p->height)
            continue;
        cell = &taken[(int64_t)(y - p->top) * columns + (int64_t)(x - p->left)];
        if (*cell)
            continue;
        *cell = 1;
        lt_markup_put(m, "<circle");
        lt_put_attribute(m, "cx", x);
        lt_put_attribute(m, "cy", y);
        lt_put_attribute(m, "r", s->size == NULL ? 3.5 : fmin(fmax(s->size[i], 1), 50));
        lt_markup_put(m, "/>");
    }
    lt_markup_put(m, "</g>\n");
    lt_free(env, taken);
    return m->status;
}

static void put_bar(lt_markup *m, double x, double width, double y, double base)
{
    lt_markup_put(m, "<rect");
    lt_put_attribute(m, "x", x);
    lt_put_attribute(m, "y", fmin(y, base));
    lt_put_attribute(m, "width", width);
    lt_put_attribute(m, "height", fabs(base - y));
    lt_markup_put(m, "/>");
}

static lt_status put_bars(lt_env *env, lt_markup *m, const lt_plot *p, const lt_series *s)
{
    int64_t columns = (int64_t)p->width + 1;
    double base = floor_of(p), *far;

    LT_TRY(lt_alloc(env, &far, (size_t)columns, sizeof *far, "the picture"));
    for (int64_t c = 0; c < columns; c++)
        far[c] = base;
    lt_markup_format(m, "<g class=\"lt-bar lt-f%d\">", s->colour);
    for (int64_t i = 0; i < s->n && m->status == LT_OK; i++) {
        double from, to, y;

        if ((i & 0xffff) == 0)
            LT_TRY(lt_poll(env));
        if (!shows(p, s, i))
            continue;
        from = lt_plot_x(p, s->x[i] - s->width / 2);
        to = lt_plot_x(p, s->x[i] + s->width / 2);
        y = lt_plot_y(p, s->y[i]);
        if (to - from >= 1)
            put_bar(m, from + 0.5, fmax(to - from - 1, 0.5), y, base); /* a gap between neighbors */
        else if (from >= p->left && from <= p->left + p->width) {
            double *at = &far[(int64_t)(from - p->left)];

            *at = fabs(y - base) > fabs(*at - base) ? y : *at;
        }
    }
    for (int64_t c = 0; c < columns; c++)
        if (far[c] != base)
            put_bar(m, p->left + (double)c, 1, far[c], base);
    lt_markup_put(m, "</g>\n");
    lt_free(env, far);
    return m->status;
}

lt_status lt_plot_series(lt_env *env, lt_markup *m, const lt_plot *p)
{
    if (p->panel->n_series == 0)
        return LT_OK;
    /* a little wider than the plot, for lines that lie on its edge */
    lt_markup_format(m, "<clipPath id=\"%s\"><rect", p->clip);
    lt_put_attribute(m, "x", p->left - 2);
    lt_put_attribute(m, "y", p->top - 2);
    lt_put_attribute(m, "width", p->width + 4);
    lt_put_attribute(m, "height", p->height + 4);
    lt_markup_format(m, "/></clipPath>\n<g clip-path=\"url(#%s)\">\n", p->clip);
    for (int s = 0; s < p->panel->n_series; s++) {
        const lt_series *series = &p->panel->series[s];

        if (series->kind == LT_CHART_BARS)
            LT_TRY(put_bars(env, m, p, series));
        else if (series->kind != LT_CHART_POINTS)
            LT_TRY(put_curve(env, m, p, series));
    }
    lt_markup_put(m, "</g>\n");
    for (int s = 0; s < p->panel->n_series; s++) /* whole, also those on the edge */
        if (p->panel->series[s].kind == LT_CHART_POINTS)
            LT_TRY(put_points(env, m, p, &p->panel->series[s]));
    return LT_OK;
}

/* ---- marked points ---- */

typedef struct box {
    double x, y, width, height, cost;
} box;

typedef struct boxes {
    lt_env *env;
    box *box;
    size_t n, capacity;
} boxes;

static lt_status add_box(boxes *all, box b)
{
    LT_TRY(lt_grow(all->env, &all->box, &all->capacity, all->n + 1, sizeof *all->box, "the picture"));
    all->box[all->n++] = b;
    return LT_OK;
}

static double cost_of(const boxes *all, const box *b)
{
    double cost = 0;

    for (size_t i = 0; i < all->n; i++) {
        const box *o = &all->box[i];

        if (b->x < o->x + o->width && o->x < b->x + b->width && b->y < o->y + o->height && o->y < b->y + b->height)
            cost += o->cost;
    }
    return cost;
}

/* What labels had better not cover of a line: a box every few pixels, 1000 at most. */
static lt_status add_line(boxes *all, const lt_plot *p, const lt_series *s)
{
    int64_t every = s->n / 500 + 1;
    double x0 = NAN, y0 = NAN;

    for (int64_t i = 0; i < s->n; i += every) {
        double x = NAN, y = NAN;
        int pieces;

        if (shows(p, s, i)) {
            x = lt_plot_x(p, s->x[i]);
            y = lt_plot_y(p, s->y[i]);
        }
        pieces = isnan(x) || isnan(x0) ? 1 : (int)fmin(ceil(hypot(x - x0, y - y0) / 5), s->n < 50 ? 100 : 2);
        for (int k = 1; k <= pieces && !isnan(x); k++) {
            double part = isnan(x0) ? 1 : (double)k / pieces;
            double at_x = isnan(x0) ? x : x0 + (x - x0) * part, at_y = isnan(y0) ? y : y0 + (y - y0) * part;

            LT_TRY(add_box(all, (box){at_x - 1.5, at_y - 1.5, 3, 3, 1}));
        }
        x0 = x;
        y0 = y;
    }
    return LT_OK;
}

#define COVERS_MARK 1000.0 /* more than any line costs */

static lt_status put_label(boxes *all, lt_markup *m, const lt_plot *p, const lt_mark *mark)
{
    static const struct {
        int x, y;
    } places[] = {{0, -1}, {1, -1}, {1, 0}, {-1, -1}, {-1, 0}, {0, 1}, {1, 1}, {-1, 1}};
    double size = mark->strong ? 13 : 12, least = INFINITY;
    double width = lt_text_width(mark->label, size) * (mark->strong ? 1.06 : 1), height = size + 2;
    double away = mark->strong ? 10 : 8;
    box best = {0};

    for (int i = 0; i < 16; i++) {
        double cx = lt_plot_x(p, mark->x), cy = lt_plot_y(p, mark->y);
        bool corner = places[i % 8].x != 0 && places[i % 8].y != 0;
        double reach = (corner ? away * 0.91 : away) + (i < 8 ? 0 : 9);
        box b = {cx + places[i % 8].x * (reach + width / 2) - width / 2,
                 cy + places[i % 8].y * (reach + height / 2) - height / 2, width, height, COVERS_MARK};
        double cost;

        /* moved along the edge rather than left out */
        b.x = fmin(fmax(b.x, p->left + 2), fmax(p->left + p->width - width - 2, p->left + 2));
        cost = cost_of(all, &b);
        if (b.x < p->left || b.x + width > p->left + p->width + 12 || b.y < p->top - 8 ||
            b.y + height > p->top + p->height)
            cost += COVERS_MARK;
        if (cost < least) {
            least = cost;
            best = b;
        }
    }
    if (least >= COVERS_MARK && !mark->strong)
        return LT_OK;
    lt_put_text(m, mark->strong ? "lt-mark lt-strong" : "lt-mark", "middle", best.x + width / 2, best.y + height - 4,
                mark->label);
    return add_box(all, best);
}

static void put_mark(lt_markup *m, const lt_plot *p, const lt_mark *mark)
{
    double x = lt_plot_x(p, mark->x), y = lt_plot_y(p, mark->y);

    if (mark->rule) {
        lt_markup_format(m, "<path class=\"lt-line lt-dash lt-s%d\" d=\"M", mark->colour);
        lt_put_number(m, x);
        lt_markup_put(m, " ");
        lt_put_number(m, y);
        lt_markup_put(m, "V");
        lt_put_number(m, p->top + p->height);
        lt_markup_put(m, "\"/>\n");
    }
    lt_markup_format(m, "<circle class=\"lt-dot lt-f%d\"", mark->colour);
    lt_put_attribute(m, "cx", x);
    lt_put_attribute(m, "cy", y);
    lt_put_attribute(m, "r", mark->strong ? 7 : 4.5);
    lt_markup_put(m, ">");
    if (mark->tooltip != NULL) {
        lt_markup_put(m, "<title>");
        lt_markup_text(m, mark->tooltip);
        lt_markup_put(m, "</title>");
    }
    lt_markup_put(m, "</circle>\n");
}

static bool mark_shows(const lt_plot *p, const lt_mark *mark)
{
    double x, y;

    if (!lt_axis_shows(&p->panel->x, mark->x) || !lt_axis_shows(&p->panel->y, mark->y))
        return false;
    x = lt_plot_x(p, mark->x) - p->left;
    y = lt_plot_y(p, mark->y) - p->top;
    return x >= -0.01 && x <= p->width + 0.01 && y >= -0.01 && y <= p->height + 0.01;
}

lt_status lt_plot_marks(lt_env *env, lt_markup *m, const lt_plot *p)
{
    const lt_panel *panel = p->panel;
    boxes all = {.env = env};

    if (panel->n_marks == 0)
        return LT_OK;
    for (int s = 0; s < panel->n_series; s++)
        if (panel->series[s].kind == LT_CHART_LINE || panel->series[s].kind == LT_CHART_STEP)
            LT_TRY(add_line(&all, p, &panel->series[s]));
    for (int pass = 0; pass < 2; pass++) /* the strong ones lie above the others */
        for (int i = 0; i < panel->n_marks; i++) {
            const lt_mark *mark = &panel->marks[i];
            double r = mark->strong ? 9 : 7; /* with a little room: labels should be seen to be theirs */

            if (mark->strong != (pass == 1) || !mark_shows(p, mark))
                continue;
            put_mark(m, p, mark);
            LT_TRY(
                add_box(&all, (box){lt_plot_x(p, mark->x) - r, lt_plot_y(p, mark->y) - r, 2 * r, 2 * r, COVERS_MARK}));
        }
    for (int pass = 1; pass >= 0; pass--)
        for (int i = 0; i < panel->n_marks; i++) {
            const lt_mark *mark = &panel->marks[i];

            LT_TRY(lt_poll(env));
            if (mark->strong == (pass == 1) && mark->label != NULL && mark_shows(p, mark))
                LT_TRY(put_label(&all, m, p, mark));
        }
    lt_free(env, all.box);
    return m->status;
}
