/*
 * health.c: longtail.health: whether a served version is still what was trained, by one row a measure.
 *
 * The walk: the active version and its profile -> how it was trained and what came after it -> rows of the period
 * (health_rows.c) -> lists (health_lists.c).  Nothing is stored.  Relations are read as the caller, each once.
 *
 * A measure acts on what is unusual, not on what is large: what days of the training varied by, and what chance makes
 * of few rows, is in its threshold.
 */
#include "health.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_health);

static const lt_option health_options[] = {
    {"at", LT_OPT_TEXT, "", 0, 0, NULL, "the instant that age and period are counted back from; not given: now"},
    {"max_age", LT_OPT_FLOAT, "30", 0, 1e6, NULL,
     "days: an older version is to be watched, one twice as old to be acted on"},
    {"psi_watch", LT_OPT_FLOAT, "0.1", 0, 1e6, NULL, "population stability index that is to be watched"},
    {"psi_act", LT_OPT_FLOAT, "0.25", 0, 1e6, NULL, "population stability index that is to be acted on"},
    {"source_time_column", LT_OPT_TEXT, "", 0, 0, NULL,
     "the source's time column, where the model was trained without one"},
    {"users", LT_OPT_INT, "200", 0, 100000, NULL, "users of the period that lists are made for, without a log"},
    {"k", LT_OPT_INT, "10", 1, 10000, NULL, "places of these lists"},
    {"seed", LT_OPT_INT, "1", 0, 9007199254740992.0, NULL, "seed of the choice of users"},
};

/* ---- rows of the result ---- */

static void put(const ltpg_health *h, const char *measure, const char *subject, double value, double threshold,
                ltpg_status status, const char *detail)
{
    static const char *const names[] = {"ok", "watch", "act", "unknown"};
    Datum values[6] = {CStringGetTextDatum(measure)};
    bool null[6] = {false};

    null[1] = subject == NULL;
    if (subject != NULL)
        values[1] = CStringGetTextDatum(subject);
    null[2] = isnan(value);
    values[2] = Float8GetDatum(value);
    null[3] = isnan(threshold);
    values[3] = Float8GetDatum(threshold);
    values[4] = CStringGetTextDatum(names[status]);
    values[5] = CStringGetTextDatum(detail);
    tuplestore_putvalues(h->result->setResult, h->result->setDesc, values, null);
}

void ltpg_health_put(const ltpg_health *h, const char *measure, const char *subject, double value, double threshold,
                     ltpg_status status, const char *format, ...)
{
    char detail[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    put(h, measure, subject, value, threshold, status, detail);
}

void ltpg_health_judge(const ltpg_health *h, const char *measure, const char *subject, double value, double watch,
                       double act, const char *detail)
{
    ltpg_status status = value > act ? LTPG_HEALTH_ACT : value > watch ? LTPG_HEALTH_WATCH : LTPG_HEALTH_OK;

    put(h, measure, subject, value, status == LTPG_HEALTH_ACT ? act : watch, status, detail);
}

/* ---- times ---- */

double ltpg_health_instant(Oid type, TimestampTz at)
{
    double seconds = (double)at / USECS_PER_SEC + UNIX_TO_POSTGRES_SECONDS;

    if (type == TIMESTAMPOID || type == DATEOID)
        seconds = (double)DatumGetTimestamp(DirectFunctionCall1(timestamptz_timestamp, TimestampTzGetDatum(at))) /
                      USECS_PER_SEC +
                  UNIX_TO_POSTGRES_SECONDS;
    return type == DATEOID ? floor(seconds / SECS_PER_DAY) * SECS_PER_DAY : seconds;
}

static char *instant_literal(Oid type, double seconds)
{
    double since = seconds - UNIX_TO_POSTGRES_SECONDS;
    Datum value;

    switch (type) {
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        since = Min(Max(since * USECS_PER_SEC, (double)MIN_TIMESTAMP), (double)END_TIMESTAMP / 2);
        value = TimestampGetDatum((Timestamp)since);
        break;
    case DATEOID:
        since = Min(Max(floor(since / SECS_PER_DAY), -2000000), 1e8);
        value = DateADTGetDatum((DateADT)since);
        break;
    case INT2OID:
    case INT4OID:
    case INT8OID:
        type = INT8OID;
        value = Int64GetDatum((int64)Min(Max(ceil(seconds), -9e18), 9e18));
        break;
    case NUMERICOID:
        return psprintf("%.6f::pg_catalog.numeric", Min(Max(seconds, -1e30), 1e30));
    default:
        type = FLOAT8OID;
        value = Float8GetDatum(seconds);
    }
    {
        Oid output;
        bool is_varlena;

        getTypeOutputInfo(type, &output, &is_varlena);
        return psprintf("%s::%s", quote_literal_cstr(OidOutputFunctionCall(output, value)),
                        format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY));
    }
}

char *ltpg_health_between(const char *column, Oid type, double from, double to)
{
    return psprintf("%s OPERATOR(pg_catalog.>=) %s AND %s OPERATOR(pg_catalog.<) %s", column,
                    instant_literal(type, from), column, instant_literal(type, to));
}

/* ---- what the catalog says ---- */

/* Runs a query of one row on the views, as the caller, with the model's name as $1; connected to SPI. */
static void ask(const ltpg_health *h, const char *query)
{
    Oid type[] = {TEXTOID, INT4OID};
    Datum value[] = {CStringGetTextDatum(h->model->definition->name), Int32GetDatum(h->model->version.version)};

    if (SPI_execute_with_args(query, 2, type, value, NULL, true, 0) != SPI_OK_SELECT || SPI_processed != 1)
        elog(ERROR, "version %d of model \"%s\" is gone", h->model->version.version, h->model->definition->name);
}

static Datum answer(int column, bool *is_null)
{
    return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, is_null);
}

/* refresh and autotune make versions of others, whose decision names them: the one that was trained is at the end. */
static void look_at_version(ltpg_health *h)
{
    bool is_null;

    SPI_connect();
    ask(h, "WITH RECURSIVE origin (trained, rows, decision, version) AS ("
           "SELECT trained, rows, decision, version FROM longtail.model_versions"
           " WHERE model OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2"
           " UNION ALL SELECT v.trained, v.rows, v.decision, v.version FROM origin AS o, longtail.model_versions AS v"
           " WHERE v.model OPERATOR(pg_catalog.=) $1 AND v.version OPERATOR(pg_catalog.<) o.version"
           " AND v.version OPERATOR(pg_catalog.=)"
           " (pg_catalog.regexp_match(o.decision, '^promoted: version ([0-9]{1,9}) with '))[1]::pg_catalog.int4)"
           " SELECT pg_catalog.min(trained), pg_catalog.max(rows) FROM origin");
    h->trained = DatumGetTimestampTz(answer(1, &is_null));
    h->rows_trained = DatumGetInt64(answer(2, &is_null));
    SPI_finish();
}

static void judge_validation(const ltpg_health *h)
{
    const char *metric;
    double value;
    bool no_metric, no_value;

    SPI_connect();
    ask(h, "SELECT validation_metric, validation_value FROM longtail.model_versions"
           " WHERE model OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2");
    metric = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
    no_metric = metric == NULL;
    value = DatumGetFloat8(answer(2, &no_value));
    if (no_metric || no_value)
        ltpg_health_put(h, "validation", metric, NAN, NAN, LTPG_HEALTH_UNKNOWN,
                        "version %d was trained without a validation part", h->model->version.version);
    else
        ltpg_health_put(h, "validation", metric, value, NAN, LTPG_HEALTH_OK,
                        "of version %d when it was trained; longtail.evaluate measures it on newer rows",
                        h->model->version.version);
    SPI_finish();
}

/* Versions trained after the active one that were not promoted: one may be a bad night, three say something. */
static void judge_later_versions(const ltpg_health *h)
{
    const char *last;
    bool is_null;
    int64 held, trials;

    SPI_connect();
    ask(h, "SELECT pg_catalog.count(*), pg_catalog.max(version) FROM longtail.model_versions"
           " WHERE model OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.>) $2"
           " AND pg_catalog.starts_with(decision, 'not promoted')"
           " AND NOT pg_catalog.starts_with(decision, 'not promoted: option promote is never')"
           " AND NOT pg_catalog.starts_with(decision, 'not promoted: imported')");
    held = DatumGetInt64(answer(1, &is_null));
    last = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
    ltpg_health_judge(h, "held_back", NULL, held, 0, 2,
                      held == 0 ? "no later version was held back"
                                : psprintf("later versions were held back, the last of them version %s: see decision"
                                           " in longtail.model_versions",
                                           last));
    ask(h, "SELECT pg_catalog.count(*), pg_catalog.count(error) FROM longtail.training_trials"
           " WHERE model OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=)"
           " (SELECT pg_catalog.max(version) FROM longtail.model_versions WHERE model OPERATOR(pg_catalog.=) $1)"
           " AND $2 IS NOT NULL");
    trials = DatumGetInt64(answer(1, &is_null));
    if (trials > 0)
        ltpg_health_judge(
            h, "failed_trials", NULL, DatumGetInt64(answer(2, &is_null)), 0, INFINITY,
            psprintf("of " INT64_FORMAT " trials of the newest version; see longtail.training_trials", trials));
    SPI_finish();
}

static void judge_age(const ltpg_health *h)
{
    double days = Max(0, (double)(h->at - h->trained) / USECS_PER_DAY);
    double most = lt_option_float(&h->options, "max_age");

    ltpg_health_judge(h, "age", NULL, days, most, 2 * most,
                      psprintf("days since version %d was trained", h->model->version.version));
}

/* ---- the call ---- */

static const lt_profile *load_profile(const ltpg_health *h)
{
    lt_profile *profile = palloc0(sizeof *profile);
    lt_reader reader;
    uint8 *bytes;
    size_t n;

    if (!ltpg_catalog_has_part(&h->model->version, LTPG_PROFILE_PART))
        return NULL;
    bytes = ltpg_catalog_load(&h->model->version, LTPG_PROFILE_PART, &n);
    lt_reader_init(h->env, &reader, bytes, n);
    LTPG(h->env, lt_profile_read(&reader, profile));
    LTPG(h->env, lt_profile_check(h->env, profile, &h->model->bundle));
    return profile;
}

static TimestampTz instant_argument(const lt_options *options)
{
    const char *at = lt_option_text(options, "at");

    if (at[0] == '\0')
        return GetCurrentTimestamp();
    return DatumGetTimestampTz(
        DirectFunctionCall3(timestamptz_in, CStringGetDatum(at), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static double period_argument(FunctionCallInfo fcinfo, int n)
{
    double seconds = DatumGetFloat8(DirectFunctionCall2(interval_part, PointerGetDatum(cstring_to_text("epoch")),
                                                        PointerGetDatum(PG_GETARG_INTERVAL_P(n))));

    if (!(seconds > 0 && seconds < 1e11))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("period must be more than 0 and below 3000 years")));
    return seconds;
}

/* health(model, log, item_column, time_column, period, options) */
Datum longtail_health(PG_FUNCTION_ARGS)
{
    static const char *const names[] = {"model", NULL, "item_column", NULL, "period", "options"};
    ltpg_health h = {.env = ltpg_env(CurrentMemoryContext, 0)};

    ltpg_refuse_nulls(fcinfo, names, lengthof(names));
    LTPG(h.env, lt_options_init_own(h.env, &h.options, health_options, lengthof(health_options)));
    ltpg_options_set(h.env, &h.options, PG_GETARG_JSONB_P(5));
    h.at = instant_argument(&h.options);
    if (TIMESTAMP_NOT_FINITE(h.at))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"at\" must be finite")));
    h.period = period_argument(fcinfo, 4);
    h.model = ltpg_model_open(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    if (!PG_ARGISNULL(1))
        ltpg_model_check_recommender(h.model);
    InitMaterializedSRF(fcinfo, 0);
    h.result = (ReturnSetInfo *)fcinfo->resultinfo;
    look_at_version(&h);
    h.profile = load_profile(&h);
    judge_age(&h);
    ltpg_health_rows(&h);
    if (!PG_ARGISNULL(1))
        ltpg_health_log(&h, PG_GETARG_OID(1), NameStr(*PG_GETARG_NAME(2)),
                        PG_ARGISNULL(3) ? NULL : NameStr(*PG_GETARG_NAME(3)));
    else if (lt_bundle_is_recommender(&h.model->bundle))
        ltpg_health_lists(&h);
    judge_validation(&h);
    judge_later_versions(&h);
    return (Datum)0;
}
