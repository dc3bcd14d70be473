/*
 * progress.c: a training seen from outside while it runs.
 *
 * PostgreSQL's progress views are closed to extensions, so the state goes into the session's activity string, which
 * the view longtail.training_progress reads back; its pattern and the formats here belong together.
 */
#include "longtail.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"

#define MAX_NAME 128 /* bytes of a model's name that are shown: the activity string is short */

struct ltpg_progress {
    MemoryContext memory;
    const char *model;
    const char *trial; /* "", or "trial 3 of 12 ease " */
    lt_epoch *epochs;
    int n, capacity;
    instr_time began, last_notice;
};

ltpg_progress *ltpg_progress_start(const char *model)
{
    ltpg_progress *p = palloc0(sizeof *p);

    p->memory = CurrentMemoryContext;
    p->trial = "";
    p->model = pnstrdup(model, pg_mbcliplen(model, strlen(model), MAX_NAME));
    INSTR_TIME_SET_CURRENT(p->began);
    p->last_notice = p->began;
    return p;
}

static double seconds_since(instr_time then)
{
    instr_time now;

    INSTR_TIME_SET_CURRENT(now);
    INSTR_TIME_SUBTRACT(now, then);
    return INSTR_TIME_GET_DOUBLE(now);
}

/* True at most once an interval. */
static bool is_time_to_tell(ltpg_progress *p)
{
    if (ltpg_progress_interval == 0 || seconds_since(p->last_notice) < ltpg_progress_interval)
        return false;
    INSTR_TIME_SET_CURRENT(p->last_notice);
    return true;
}

void ltpg_progress_phase(ltpg_progress *p, const char *phase)
{
    char activity[NAMEDATALEN * 4];

    snprintf(activity, sizeof activity, "longtail training \"%s\": %s%s", p->model, p->trial, phase);
    pgstat_report_activity(STATE_RUNNING, activity);
    /* where the time of a training goes */
    ereport(DEBUG1, (errmsg_internal("model \"%s\": %s%s, from %.4f s on", p->model, p->trial, phase,
                                     seconds_since(p->began))));
    if (is_time_to_tell(p))
        ereport(NOTICE, (errmsg("model \"%s\": %s%s", p->model, p->trial, phase)));
}

void ltpg_progress_rows(ltpg_progress *p, int64 rows)
{
    char activity[NAMEDATALEN * 4];

    snprintf(activity, sizeof activity, "longtail training \"%s\": %sreading rows " INT64_FORMAT, p->model, p->trial,
             rows);
    pgstat_report_activity(STATE_RUNNING, activity);
    if (is_time_to_tell(p))
        ereport(NOTICE, (errmsg("model \"%s\": %sreading, " INT64_FORMAT " rows so far", p->model, p->trial, rows)));
}

void ltpg_progress_epoch(ltpg_progress *p, const lt_epoch *epoch)
{
    char activity[NAMEDATALEN * 4], loss[32];

    if (p->n == p->capacity) {
        p->capacity = Max(64, p->capacity * 2);
        p->epochs = p->n == 0 ? MemoryContextAlloc(p->memory, p->capacity * sizeof *p->epochs)
                              : repalloc_huge(p->epochs, p->capacity * sizeof *p->epochs);
    }
    p->epochs[p->n++] = *epoch;
    /* not as the server's snprintf has it: longtail.training_progress reads small letters */
    snprintf(loss, sizeof loss, isnan(epoch->train_loss) ? "nan" : "%.6g", epoch->train_loss);
    snprintf(activity, sizeof activity, "longtail training \"%s\": %straining epoch %d of %d loss %s", p->model,
             p->trial, epoch->epoch, epoch->epochs, loss);
    pgstat_report_activity(STATE_RUNNING, activity);
    if (!is_time_to_tell(p))
        return;
    ereport(NOTICE,
            (errmsg("model \"%s\": %sepoch %d of at most %d%s%s, %.1f s", p->model, p->trial, epoch->epoch,
                    epoch->epochs, isnan(epoch->train_loss) ? "" : psprintf(", training loss %.5f", epoch->train_loss),
                    isnan(epoch->validation_loss) ? "" : psprintf(", validation loss %.5f", epoch->validation_loss),
                    epoch->seconds)));
}

int ltpg_progress_epochs(ltpg_progress *p, lt_epoch **epochs)
{
    int n = p->n;

    *epochs = p->epochs;
    p->epochs = NULL;
    p->n = p->capacity = 0;
    return n;
}

void ltpg_progress_trial(ltpg_progress *p, int trial, int trials, const char *algorithm)
{
    p->trial =
        trial == 0 ? "" : MemoryContextStrdup(p->memory, psprintf("trial %d of %d %s ", trial, trials, algorithm));
}

void ltpg_progress_end(ltpg_progress *p)
{
    pgstat_report_activity(STATE_RUNNING, debug_query_string);
}
