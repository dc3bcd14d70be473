/*
 * trials.c: training and measuring what a plan says, choosing, and training the choice again on all rows.
 *
 * Each candidate is trained in memory of its own within the one budget; that of the best so far is kept, others' is
 * given back.  Where the tail decides, the choice may fall on one that was given up: it is then trained once more,
 * which gives the same model.
 */
#include "training.h"

#include <math.h>

#include "bases.h"
#include "portability/instr_time.h"
#include "propensity.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* A candidate's training. */
typedef struct attempt {
    const ltpg_candidate *candidate;
    MemoryContext memory;
    lt_env *env;
    lt_model model;
    lt_fit fit;
    int n_epochs;
    lt_epoch *epochs;
} attempt;

/* A new environment in `memory`, within what `outer` leaves of the budget. */
static lt_env *env_within(const lt_env *outer, MemoryContext memory, size_t used)
{
    lt_env *env = ltpg_env(memory, 0);

    env->budget = outer->budget;
    env->used = used;
    env->team = outer->team;
    return env;
}

static size_t used_by(const attempt *a, const lt_env *outer)
{
    return a->memory == NULL ? 0 : a->env->used - outer->used;
}

static void give_back(attempt *a)
{
    if (a->memory != NULL)
        MemoryContextDelete(a->memory);
    *a = (attempt){0};
}

/*
 * Trains with a candidate's options on the run's dataset. measured: it is to be measured on the validation part. The
 * bundle and the dataset are lent with its design.
 */
static lt_status train(ltpg_run *run, const ltpg_candidate *c, bool measured, lt_env *env, lt_bundle *bundle,
                       lt_dataset *data, lt_fit *fit)
{
    lt_measuring measuring = {.bundle = bundle, .data = data, .options = &c->options};
    lt_dataset weighed;

    *bundle = run->bundle;
    *data = run->dataset;
    LT_TRY(lt_bundle_design(env, bundle, &c->options, &data->design));
    bundle->model = (lt_model){.algorithm = c->algorithm};
    run->base_refitted |= ltpg_load_bases(&c->options, measured, data);
    data->measure = lt_measure_epoch;
    data->measure_context = &measuring;
    ltpg_progress_phase(run->progress, "training");
    LT_TRY(lt_propensity_apply(env, data, c->algorithm, &c->options, &weighed));
    LT_TRY(c->algorithm->train(env, &weighed, &c->options, &bundle->model, fit));
    lt_propensity_free(env, data, &weighed);
    data->measure = NULL; /* its context ends here */
    return LT_OK;
}

/* The adjustments of a candidate's ways of scoring. */
static lt_status adjustments(lt_env *env, const ltpg_candidate *c, const lt_dataset *data, lt_adjustment *out)
{
    for (int i = 0; i < c->n_scorings; i++) {
        const ltpg_scoring *s = &c->scoring[i], *before = i > 0 ? s - 1 : NULL;
        lt_bundle lent;

        out[i] = (lt_adjustment){.popularity = s->popularity_exponent, .trend = s->trend_exponent};
        if (s->trend_exponent == 0)
            continue;
        if (data->seen.time == NULL)
            return lt_fail(env, LT_INVALID, "option \"trend_exponent\" needs to know when the interactions were");
        if (before != NULL && before->trend_half_life == s->trend_half_life &&
            before->trend_smoothing == s->trend_smoothing && out[i - 1].trends != NULL) {
            out[i].trends = out[i - 1].trends;
            continue;
        }
        LT_TRY(lt_bundle_take_trend(env, &lent, &data->had, s->trend_half_life, s->trend_smoothing));
        out[i].trends = lent.trend;
    }
    return LT_OK;
}

static lt_status measure(ltpg_run *run, const ltpg_candidate *c, lt_env *env, const lt_bundle *bundle,
                         const lt_dataset *data, lt_validation *figure)
{
    lt_recommender recommender;
    lt_adjustment *adjust;

    ltpg_progress_phase(run->progress, "validating");
    LT_TRY(lt_recommender_init(env, &recommender, bundle));
    LT_TRY(lt_alloc(env, &adjust, c->n_scorings, sizeof *adjust, "the ways of scoring"));
    if (lt_bundle_is_recommender(bundle))
        LT_TRY(adjustments(env, c, data, adjust));
    return lt_validate_adjusted(env, &recommender, data, &c->options, adjust, c->n_scorings, &run->result.metric,
                                figure);
}

/* Trains a candidate in new memory; figure (of each way of scoring): measures it as well. */
static lt_status try_candidate(ltpg_run *run, const ltpg_candidate *c, size_t kept, attempt *out, lt_validation *figure)
{
    MemoryContext old;
    lt_bundle bundle;
    lt_dataset data;
    lt_scope scope;
    lt_status status;

    *out = (attempt){.candidate = c};
    out->memory = AllocSetContextCreate(run->memory, "longtail trial", ALLOCSET_DEFAULT_SIZES);
    old = MemoryContextSwitchTo(out->memory);
    out->env = env_within(run->env, out->memory, run->env->used + kept);
    ltpg_env_log(out->env, run->progress);
    status = train(run, c, true, out->env, &bundle, &data, &out->fit);
    if (status == LT_OK && figure != NULL) {
        lt_scope_open(out->env, &scope);
        status = measure(run, c, &scope.env, &bundle, &data, figure);
        lt_scope_close(&scope);
    }
    out->env->used -= kept;
    out->model = bundle.model;
    MemoryContextSwitchTo(old);
    out->n_epochs = ltpg_progress_epochs(run->progress, &out->epochs);
    if (status == LT_CANCELLED)
        ltpg_raise(out->env);
    return status;
}

/* ---- the table of trials ---- */

static const char *error_text(const lt_error *e)
{
    return e->detail[0] == '\0' ? pstrdup(e->message) : psprintf("%s. %s", e->message, e->detail);
}

/* The options with those of a way of scoring; of the trend's where it has a say. */
static Jsonb *with_scoring(const Jsonb *options, const ltpg_scoring *s)
{
    char *more =
        s->trend_exponent == 0
            ? psprintf("{\"popularity_exponent\": %.15g, \"trend_exponent\": 0}", s->popularity_exponent)
            : psprintf("{\"popularity_exponent\": %.15g, \"trend_exponent\": %.15g, \"trend_half_life\": %.15g,"
                       " \"trend_smoothing\": %.15g}",
                       s->popularity_exponent, s->trend_exponent, s->trend_half_life, s->trend_smoothing);

    return ltpg_options_merge(options, ltpg_options_parse(more));
}

/* What orders the bundle's lists from now on. */
static void take_scoring(ltpg_run *run)
{
    const ltpg_scoring *s = &run->scoring;

    run->bundle.popularity_exponent = s->popularity_exponent;
    run->bundle.trend_exponent = s->trend_exponent;
    if (lt_bundle_is_recommender(&run->bundle))
        LTPG(run->env,
             lt_bundle_take_trend(run->env, &run->bundle, &run->dataset.had, s->trend_half_life, s->trend_smoothing));
}

/* A row for each way of scoring; one alone when there is an error. */
static void add_trials(ltpg_run *run, ltpg_candidate *c, const attempt *a, const lt_validation *figure,
                       const char *error, double seconds)
{
    ltpg_training *r = &run->result;
    int n = error != NULL ? 1 : c->n_scorings;

    r->trials =
        r->n_trials == 0 ? palloc(n * sizeof *r->trials) : repalloc(r->trials, (r->n_trials + n) * sizeof *r->trials);
    for (int i = 0; i < n; i++)
        r->trials[r->n_trials++] = (ltpg_trial){
            .candidate = c - run->plan.candidate,
            .scoring = i,
            .algorithm = c->algorithm->name,
            .options = c->scorings_searched && error == NULL ? with_scoring(c->tried, &c->scoring[i]) : c->tried,
            .value = error != NULL ? NAN : figure[i].value,
            .aplt = error != NULL ? NAN : figure[i].aplt,
            .epochs = error != NULL ? -1 : a->fit.epochs,
            .seconds = seconds,
            .error = error,
        };
}

static bool is_better(const ltpg_run *run, double value, double than)
{
    if (isnan(value) || isnan(than))
        return !isnan(value);
    return lt_metric_higher_is_better(run->result.metric) ? value > than : value < than;
}

static double tail_of(const ltpg_trial *t)
{
    return isnan(t->aplt) ? -1 : t->aplt;
}

/*
 * Of trials [from, to): the best, or within ndcg_budget of it the one with most tail; of equals the first. -1: none
 * has succeeded.
 */
static int best_trial(const ltpg_run *run, int from, int to)
{
    const ltpg_trial *trial = run->result.trials;
    double budget = lt_option_float(&run->plan.options, "ndcg_budget");
    int best = -1, chosen;

    for (int i = from; i < to; i++)
        if (trial[i].error == NULL && (best < 0 || is_better(run, trial[i].value, trial[best].value)))
            best = i;
    chosen = best;
    if (best < 0 || budget == 0 || !lt_metric_higher_is_better(run->result.metric))
        return best;
    for (int i = from; i < to; i++) {
        const ltpg_trial *t = &trial[i], *c = &trial[chosen];

        if (t->error != NULL || !(t->value >= trial[best].value * (1 - budget)))
            continue;
        if (tail_of(t) > tail_of(c) || (tail_of(t) == tail_of(c) && t->value > c->value))
            chosen = i;
    }
    return chosen;
}

/* The notice of a candidate whose trials begin at `from`. */
static void tell(const ltpg_run *run, int number, int from)
{
    const ltpg_trial *t = &run->result.trials[from];
    const ltpg_candidate *c = &run->plan.candidate[t->candidate];
    int best = best_trial(run, from, run->result.n_trials);
    StringInfoData text;

    initStringInfo(&text);
    appendStringInfo(&text, "trial %d of %d: %s %s", number, run->plan.n, c->algorithm->name,
                     JsonbToCString(NULL, &c->tried->root, VARSIZE(c->tried)));
    if (t->error != NULL) {
        ereport(NOTICE, (errmsg("%s: %s", text.data, t->error)));
        return;
    }
    t = &run->result.trials[best];
    appendStringInfo(&text, ": %s %.5f", run->result.metric, t->value);
    if (!isnan(t->aplt))
        appendStringInfo(&text, ", tail share %.3f", t->aplt);
    if (c->n_scorings > 1) {
        const ltpg_scoring *way = &c->scoring[t->scoring];

        appendStringInfo(&text, " with popularity_exponent %g", way->popularity_exponent);
        if (way->trend_exponent > 0)
            appendStringInfo(&text, ", trend_exponent %g, trend_half_life %g, trend_smoothing %g", way->trend_exponent,
                             way->trend_half_life, way->trend_smoothing);
    }
    ereport(NOTICE, (errmsg("%s, %.1f s", text.data, t->seconds)));
}

/* ---- choosing ---- */

/* Nothing succeeded: the error of the only candidate as it came, or the first one's in short. */
static void raise_failure(const ltpg_run *run, lt_env *env)
{
    const ltpg_trial *first = run->result.trials;

    if (!run->plan.searched)
        ltpg_raise(env);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("every trial of the search failed"),
                    errdetail("The first, %s: %s", first->algorithm, first->error)));
}

static void choose(ltpg_run *run, int best, attempt *kept)
{
    ltpg_training *r = &run->result;
    ltpg_candidate *c = &run->plan.candidate[r->trials[best].candidate];

    if (run->plan.searched && isnan(r->trials[best].value))
        ereport(ERROR,
                (errcode(ERRCODE_NO_DATA_FOUND), errmsg("the rows leave no validation part to compare the trials on"),
                 errhint("Train on more rows, or without a search.")));
    if (kept->candidate != c) {
        give_back(kept);
        if (try_candidate(run, c, 0, kept, NULL) != LT_OK)
            ltpg_raise(kept->env);
    }
    r->trials[best].chosen = true;
    r->metric_value = r->trials[best].value;
    r->algorithm = c->algorithm->name;
    run->scoring = c->scoring[r->trials[best].scoring];
    r->options = c->scorings_searched ? with_scoring(c->stored, &run->scoring) : c->stored;
    r->fit = kept->fit;
    r->n_epochs = kept->n_epochs;
    r->epochs = kept->epochs;
    run->chosen = c;
    run->bundle.model = kept->model;
    run->dataset.design = kept->model.design;
    take_scoring(run);
    r->features = kept->model.design.dense + kept->model.design.sparse;
    if (!run->plan.searched)
        r->n_trials = 0;
}

void ltpg_run_trials(ltpg_run *run)
{
    attempt kept = {0}, a = {0};
    int best = -1;

    run->result.metric = run->plan.metric;
    for (int i = 0; i < run->plan.n; i++) {
        ltpg_candidate *c = &run->plan.candidate[i];
        lt_validation *figure = palloc(c->n_scorings * sizeof *figure);
        const char *error = NULL;
        int from = run->result.n_trials;
        instr_time start, end;

        if (run->plan.searched)
            ltpg_progress_trial(run->progress, i + 1, run->plan.n, c->algorithm->name);
        INSTR_TIME_SET_CURRENT(start);
        if (c->most_items > 0 && run->bundle.items.n > c->most_items)
            error = psprintf("left out: more than %d items; name it in option \"algorithms\" to try it", c->most_items);
        else if (try_candidate(run, c, used_by(&kept, run->env), &a, figure) != LT_OK)
            error = error_text(&a.env->error);
        INSTR_TIME_SET_CURRENT(end);
        INSTR_TIME_SUBTRACT(end, start);
        add_trials(run, c, &a, figure, error, INSTR_TIME_GET_DOUBLE(end));
        if (run->plan.searched)
            tell(run, i + 1, from);
        else if (error != NULL)
            raise_failure(run, a.env);
        best = best_trial(run, 0, run->result.n_trials);
        if (error == NULL && run->result.trials[best].candidate == i) {
            give_back(&kept);
            kept = a;
            a = (attempt){0};
        }
        give_back(&a);
    }
    if (best < 0)
        raise_failure(run, NULL);
    choose(run, best, &kept);
    ltpg_progress_trial(run->progress, 0, 0, NULL);
}

/* ---- again, on all rows ---- */

/*
 * How many epochs gave the weights that were measured: without a validation part early stopping has nothing to watch,
 * so that training goes on as long as it was worth.  Algorithms that do not stop early need not be told.
 */
static void fix_epochs(ltpg_run *run)
{
    lt_options *o = &run->chosen->options;
    const ltpg_training *r = &run->result;
    bool implicit = run->bundle.label_kind == LT_LABEL_IMPLICIT;
    int epochs = r->fit.epochs;
    double patience, best = INFINITY;

    if (lt_options_find(o, "early_stopping") < 0)
        return;
    patience = lt_option_float(o, "early_stopping");
    if (patience == 0 || (patience < 0 && implicit))
        return;
    for (int i = 0; i < r->n_epochs; i++)
        if (r->epochs[i].validation_loss < best) {
            best = r->epochs[i].validation_loss;
            epochs = r->epochs[i].epoch;
        }
    LTPG(run->env, lt_options_set_number(run->env, o, "early_stopping", 0));
    LTPG(run->env, lt_options_set_number(run->env, o, "epochs", Max(epochs, 1)));
}

/* The weights that were measured take room beside those to be trained: what fitted before may not fit now. */
static void tell_not_refitted(const ltpg_run *run)
{
    ereport(NOTICE,
            (errmsg("model \"%s\" keeps the weights that were measured: there is not enough memory to train again"
                    " on all rows",
                    run->definition->name),
             errhint("Raise longtail.training_memory, or say \"refit\": \"never\".")));
}

/* A blend's weight is learned on the validation part: what was learned is kept. */
static void fix_weight(ltpg_run *run)
{
    lt_options *o = &run->chosen->options;
    const lt_array *weight = lt_model_array(&run->bundle.model, "weight");

    if (lt_options_find(o, "weight") >= 0 && lt_option_float(o, "weight") < 0 && weight != NULL && weight->d != NULL)
        LTPG(run->env, lt_options_set_number(run->env, o, "weight", weight->d[0]));
}

void ltpg_run_refit(ltpg_run *run)
{
    lt_env *env = ltpg_env(CurrentMemoryContext, ltpg_training_memory);
    MemoryContext memory = run->memory, old;
    ltpg_training first;
    lt_status status;
    int32 users, items;
    lt_bundle bundle;
    lt_dataset data;
    lt_fit fit;

    if (lt_option_is(&run->plan.options, "refit", "never") || run->dataset.validation.n == 0 ||
        (lt_option_is(&run->plan.options, "refit", "auto") && !run->plan.searched && !run->base_refitted))
        return;
    env->team = run->env->team;
    lt_writer_init(env, &run->validated);
    lt_bundle_write(&run->validated, &run->bundle);
    if (run->validated.status == LT_NO_MEMORY) {
        run->validated.n = 0;
        tell_not_refitted(run);
        return;
    }
    LTPG(env, run->validated.status);
    fix_epochs(run);
    fix_weight(run);
    first = run->result;
    users = run->bundle.users.n;
    items = run->bundle.items.n;
    run->memory = AllocSetContextCreate(CurrentMemoryContext, "longtail training", ALLOCSET_DEFAULT_SIZES);
    run->spilled += ltpg_env_close_files(run->env);
    MemoryContextDelete(memory);
    run->env = env_within(env, run->memory, env->used);
    ltpg_env_spill(run->env, run->memory);
    LTPG(env, lt_options_set_text(env, &run->plan.options, "split", "none"));
    LTPG(env, lt_options_set_text(env, &run->chosen->options, "split", "none"));
    run->plan.reads = ltpg_reads_of(run->chosen->algorithm);
    ltpg_progress_trial(run->progress, 1, 1, run->chosen->algorithm->name);
    old = MemoryContextSwitchTo(run->memory);
    ltpg_run_read(run);
    ltpg_env_log(run->env, run->progress);
    status = train(run, run->chosen, false, run->env, &bundle, &data, &fit);
    MemoryContextSwitchTo(old);
    if (status == LT_NO_MEMORY && run->bundle.users.n == users && run->bundle.items.n == items) {
        run->serves_validated = true; /* the same ids, so that what users have is right for it */
        run->result = first;
        tell_not_refitted(run);
        ltpg_progress_trial(run->progress, 0, 0, NULL);
        return;
    }
    LTPG(run->env, status);
    run->bundle = bundle;
    run->dataset = data;
    take_scoring(run);
    first.features = bundle.model.design.dense + bundle.model.design.sparse;
    run->result = first; /* what was measured is reported */
    ltpg_progress_trial(run->progress, 0, 0, NULL);
}
