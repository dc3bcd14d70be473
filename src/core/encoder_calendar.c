/*
 * encoder_calendar.c: instants to points on the circles of day, week and year.
 *
 * Invariant: the same instant gives the same bits everywhere an encoder meets it.  The calendar is the proleptic
 * Gregorian one, in UTC.
 */
#include "encoder_raw.h"

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Day of the year from 0, and the year's length, of a day counted from 1970-01-01 in the proleptic Gregorian calendar.
 */
static int64_t day_of_year(int64_t day, int64_t *year_length)
{
    int64_t since_year_1 = day + 719162;
    int64_t rest = since_year_1 - floor_div(since_year_1, 146097) * 146097; /* within 400 years */
    int64_t century = rest / 36524 < 3 ? rest / 36524 : 3; /* the fourth has the leap day of its last year */
    int64_t four, year;

    rest -= century * 36524;
    four = rest / 1461;
    rest -= four * 1461;
    year = rest / 365 < 3 ? rest / 365 : 3;
    rest -= year * 365;
    *year_length = year == 3 && (four != 24 || century == 3) ? 366 : 365;
    return rest;
}

static void cycle(double part, float *out)
{
    const double turn = 6.283185307179586476925;

    out[0] = (float)sin(turn * part);
    out[1] = (float)cos(turn * part);
}

/*
 * Each cycle as a point on the unit circle, so that its end lies next to its start.  The hour counts fractions; week
 * and year count whole days, from Monday and 1 January, so that a timestamp and its date agree.
 */
void lt_encode_cycles(lt_kind kind, double unix_seconds, float *out)
{
    double bounded = fmin(fmax(unix_seconds, -1e13), 1e13); /* 300,000 years: no timestamp type reaches farther */
    double days = floor(bounded / 86400);
    int64_t day = (int64_t)days, weekday, in_year, year_length;

    if (kind == LT_TIMESTAMP) {
        cycle((bounded - days * 86400) / 86400, out);
        out += 2;
    }
    weekday = day + 3 - floor_div(day + 3, 7) * 7; /* 1970-01-01 was a Thursday */
    cycle((double)weekday / 7, out);
    in_year = day_of_year(day, &year_length);
    cycle((double)in_year / (double)year_length, out + 2);
}
