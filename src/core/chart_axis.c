/*
 * chart_axis.c: where an axis begins and ends, its ticks, and numbers in short.
 *
 * Ticks of a linear axis stand at multiples of 1, 2 or 5 times a power of ten, so that all of an axis have the same
 * digits; those of a log axis at powers of ten.  An axis of data ends at ticks.
 */
#include "chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    double size;
    const char *name;
} units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}};

/* The unit for numbers as large as this. */
static int unit_of(double largest)
{
    int u = 0;

    while (units[u].size > 1 && largest < units[u].size * (1 - 1e-12))
        u++;
    return u;
}

/* 1e-07 to 1e-7, 1e+20 to 1e20, -0 to 0. */
static void tidy(char *text)
{
    char *e = strchr(text, 'e');

    if (e != NULL) {
        char *digits = e + 1;
        char *to = digits;

        if (*digits == '-')
            to++;
        if (*digits == '+' || *digits == '-')
            digits++;
        while (*digits == '0' && digits[1] != '\0')
            digits++;
        memmove(to, digits, strlen(digits) + 1);
    }
    if (text[0] == '-' && strspn(text + 1, "0.") == strlen(text + 1))
        memmove(text, text + 1, strlen(text));
}

static void end_percent(char out[LT_NUMBER_SIZE], bool percent)
{
    if (percent && strlen(out) + 4 <= LT_NUMBER_SIZE)
        strcat(out, "\xC2\xA0%"); /* a space that does not break */
}

void lt_number_text(double value, bool percent, char out[LT_NUMBER_SIZE])
{
    double v = percent ? value * 100 : value, size = fabs(v);
    int u = unit_of(size * 1.0005); /* 999,600 is 1M, not 1000k */

    if (!isfinite(v))
        snprintf(out, LT_NUMBER_SIZE, "%s", isnan(v) ? "\xE2\x80\x93" : v > 0 ? "\xE2\x88\x9E" : "-\xE2\x88\x9E");
    else if (size >= 1e15 || (size < 1e-4 && size > 0))
        snprintf(out, LT_NUMBER_SIZE, "%.3g", v);
    else if (size >= 100 && size < 999.5)
        snprintf(out, LT_NUMBER_SIZE, "%.0f", v);
    else if (units[u].size > 1 && size / units[u].size >= 999.5)
        snprintf(out, LT_NUMBER_SIZE, "%.0f%s", v / units[u].size, units[u].name);
    else
        snprintf(out, LT_NUMBER_SIZE, "%.3g%s", v / units[u].size, units[u].name);
    tidy(out);
    if (isfinite(v))
        end_percent(out, percent);
}

/* 1, 2 or 5 times a power of ten, the smallest that is not below x > 0. */
static double nice_above(double x)
{
    double power = pow(10, floor(log10(x)));
    static const double steps[] = {1, 2, 5, 10};

    for (int i = 0; i < 3; i++)
        if (steps[i] * power >= x * (1 - 1e-9))
            return steps[i] * power;
    return 10 * power;
}

/* The largest that is not above it. */
static double nice_below(double x)
{
    double power = pow(10, floor(log10(x)));

    for (int step = 5; step > 1; step = step == 5 ? 2 : 1)
        if (step * power <= x * (1 + 1e-9))
            return step * power;
    return power;
}

/* ---- linear ---- */

/* A tick's number as the others of its axis, which are `step` apart and at most `largest`, have theirs. */
static void linear_label(double value, double step, double largest, bool percent, char out[LT_NUMBER_SIZE])
{
    double scale = percent ? 100 : 1;
    int u = unit_of(largest * scale), decimals;

    value *= scale;
    step *= scale;
    if (largest * scale >= 1e15 || step < 1e-6) {
        snprintf(out, LT_NUMBER_SIZE, "%.6g", value);
        tidy(out);
        end_percent(out, percent);
        return;
    }
    decimals = (int)fmax(0, ceil(-log10(step / units[u].size) - 1e-9));
    if (decimals > 3 && units[u].size > 1) {
        u = unit_of(1);
        decimals = (int)fmax(0, ceil(-log10(step) - 1e-9));
    }
    if (fabs(value) < step * 1e-6)
        snprintf(out, LT_NUMBER_SIZE, "0");
    else
        snprintf(out, LT_NUMBER_SIZE, "%.*f%s", decimals, value / units[u].size, units[u].name);
    end_percent(out, percent);
}

static void make_linear(const lt_axis *axis, int want, lt_ticks *out)
{
    double step, largest;

    if (!axis->given && axis->from_zero) {
        out->min = fmin(out->min, 0);
        out->max = fmax(out->max, 0);
    }
    if (out->max - out->min <= 1e-9 * fmax(fabs(out->min), fabs(out->max))) {
        double around = out->min == 0 ? (axis->percent ? 0.01 : 1) : fabs(out->min) * 0.1;

        out->min -= around;
        out->max += around;
        if (axis->from_zero && out->min < 0 && out->max > 0)
            out->min = 0;
    }
    step = nice_above((out->max - out->min) / want);
    if (axis->whole)
        step = fmax(step, 1);
    if (!axis->given) {
        out->min = floor(out->min / step + 1e-9) * step;
        out->max = ceil(out->max / step - 1e-9) * step;
    }
    largest = fmax(fabs(out->min), fabs(out->max));
    for (double k = ceil(out->min / step - 1e-9); k <= out->max / step + 1e-9 && out->n < LT_TICKS_MOST; k++) {
        out->at[out->n] = k * step;
        linear_label(k * step, step, largest, axis->percent, out->label[out->n]);
        out->n++;
    }
}

/* ---- log ---- */

static void make_log(const lt_axis *axis, int want, lt_ticks *out)
{
    static const int within[] = {1, 2, 5};
    int first, last, apart, finer;

    if (!axis->given) {
        if (out->max <= out->min * (1 + 1e-9)) {
            out->min /= 2;
            out->max *= 2;
        }
        out->min = nice_below(out->min);
        out->max = nice_above(out->max);
    }
    first = (int)floor(log10(out->min) + 1e-9);
    last = (int)floor(log10(out->max) + 1e-9);
    apart = (last - first) / (2 * want) + 1; /* their labels are short */
    finer = last - first <= 2 ? 3 : 1;
    for (int e = first; e <= last; e++)
        for (int i = 0; i < finer; i++) {
            double at = within[i] * pow(10, e);

            if ((e - last) % apart != 0 || at < out->min * (1 - 1e-9) || at > out->max * (1 + 1e-9) ||
                out->n == LT_TICKS_MOST)
                continue;
            out->at[out->n] = at;
            lt_number_text(at, axis->percent, out->label[out->n++]);
        }
}

void lt_ticks_make(const lt_axis *axis, double min, double max, int want, lt_ticks *out)
{
    memset(out, 0, sizeof *out);
    if (isnan(min) || isnan(max)) {
        min = axis->log ? 1 : 0;
        max = axis->log ? 10 : 1;
    }
    out->min = min;
    out->max = max;
    if (axis->log)
        make_log(axis, want, out);
    else
        make_linear(axis, want, out);
}
