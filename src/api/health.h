/*
 * health.h: what the measures of longtail.health share: the call, and one row of its result.
 */
#ifndef LONGTAIL_HEALTH_H
#define LONGTAIL_HEALTH_H

#include "cache.h"
#include "profile.h"
#include "utils/timestamp.h"

/* Users of the period, each once, and some drawn from them for lists. */
typedef struct ltpg_health_users {
    lt_dictionary all;
    int n, most;
    int32 *drawn; /* n numbers of `all` */
    lt_random random;
} ltpg_health_users;

typedef struct ltpg_health {
    ReturnSetInfo *result;
    lt_env *env;
    ltpg_model *model;
    lt_options options;
    TimestampTz at, trained; /* trained: when the version was */
    double period;           /* seconds */
    int64 rows_trained;
    const lt_profile *profile; /* NULL: the version has none */
    double alpha;              /* how often one measure of drift may be called that by chance */
    ltpg_health_users users;
} ltpg_health;

typedef enum ltpg_status { LTPG_HEALTH_OK, LTPG_HEALTH_WATCH, LTPG_HEALTH_ACT, LTPG_HEALTH_UNKNOWN } ltpg_status;

/* One row. subject may be NULL; value and threshold NaN. */
extern void ltpg_health_put(const ltpg_health *h, const char *measure, const char *subject, double value,
                            double threshold, ltpg_status status, const char *format, ...)
    __attribute__((format(__printf__, 7, 8)));
/* The same of a value that is to stay at or below two thresholds; the one that is passed, or the first, is told. */
extern void ltpg_health_judge(const ltpg_health *h, const char *measure, const char *subject, double value,
                              double watch, double act, const char *detail);

/* What the source and the relations of features say (health_rows.c). */
extern void ltpg_health_rows(ltpg_health *h);

/* An instant as a time column has it, in seconds (health.c). */
extern double ltpg_health_instant(Oid type, TimestampTz at);
/* SQL: `column`, of a type with times, is from `from` to before `to`. */
extern char *ltpg_health_between(const char *column, Oid type, double from, double to);

/* How much of the catalogue lists show: by a log, or made for the users of the period (health_lists.c). */
extern void ltpg_health_log(const ltpg_health *h, Oid log, const char *item_column, const char *time_column);
extern void ltpg_health_lists(const ltpg_health *h);

#endif
