/*
 * decide.c: whether a new version is served: the active one measured beside it.
 */
#include "training.h"

#include <math.h>

#include "cache.h"
#include "source.h"
#include "utils/memutils.h"

/*
 * The active version's figure on this training's validation part, read and encoded as that version does, with the
 * weights it was measured with: those of a version trained again on all its rows have seen rows of this part.  NaN when
 * it has no such figure; false when it cannot read the source as it is now.
 */
static bool validate_active(ltpg_run *run, double *value)
{
    MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "longtail comparison", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    lt_env *env = ltpg_env(memory, ltpg_training_memory);
    ltpg_model *active = ltpg_model_load_validated(run->definition->name, NULL);
    lt_dataset dataset;
    ltpg_reading reading;
    bool readable;

    env->team = run->env->team;
    ltpg_progress_phase(run->progress, "comparing");
    readable = active->bundle.label_kind == run->bundle.label_kind &&
               ltpg_can_read(run->definition, run->definition->source, &active->bundle);
    if (readable) {
        ltpg_read_frozen(env, run->definition, run->definition->source, &run->plan.options, &active->bundle,
                         active->env, &dataset, &reading);
        *value = NAN;
        if (lt_metric_of_lists(run->result.metric) || !active->bundle.model.algorithm->ranks_only)
            LTPG(env, lt_validate(env, &active->recommender, &dataset, &run->plan.options, &run->result.metric, value));
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
    return readable;
}

/*
 * Promote or not, and why, in words for longtail.model_versions.  What was asked to be compared and cannot be is held
 * back: a night that lost rows, columns or the sense of its ids must not reach the users.
 */
void ltpg_run_decide(ltpg_run *run, bool new_definition, bool has_active)
{
    ltpg_training *r = &run->result;
    double tolerance = lt_option_float(&run->plan.options, "promote_tolerance");
    double slack;

    r->active_value = NAN;
    if (lt_option_is(&run->plan.options, "promote", "never")) {
        r->promoted = false;
        r->decision = "not promoted: option promote is never";
        return;
    }
    r->promoted = true;
    if (new_definition)
        r->decision = "promoted: a new definition";
    else if (!has_active)
        r->decision = "promoted: no version was active";
    else if (lt_option_is(&run->plan.options, "promote", "always"))
        r->decision = "promoted: option promote is always";
    else if (run->plan.private)
        r->decision = "promoted: a comparison on rows would break the promise of private training";
    else if (lt_option_is(&run->plan.options, "split", "none") ||
             lt_option_float(&run->plan.options, "validation_fraction") == 0)
        r->decision = "promoted: no validation part to compare on was asked for";
    else if (isnan(r->metric_value)) {
        r->promoted = false;
        r->decision = "not promoted: the rows leave no validation part to compare on";
    } else if (!validate_active(run, &r->active_value)) {
        r->promoted = false;
        r->decision = "not promoted: the active version cannot be compared, for columns it was trained on are gone or"
                      " of another kind";
    } else if (isnan(r->active_value)) {
        r->promoted = false;
        r->decision = "not promoted: the active version gives no figure on the validation part";
    } else {
        slack = tolerance * fabs(r->active_value);
        r->promoted = lt_metric_higher_is_better(r->metric) ? r->metric_value >= r->active_value - slack
                                                            : r->metric_value <= r->active_value + slack;
        r->decision =
            psprintf("%s: %s %.6g, active version %.6g on the same rows, tolerance %g",
                     r->promoted ? "promoted" : "not promoted", r->metric, r->metric_value, r->active_value, tolerance);
    }
}
