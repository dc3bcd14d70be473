/*
 * read.c: the relations of a training to its bundle and dataset.
 */
#include "training.h"

#include "utils/memutils.h"

/* Lists of options "features", "categorical" and "text" that name no column are mistakes. */
static void check_names_used(const ltpg_run *run, const char *option)
{
    const lt_value *list = lt_option_value(&run->plan.options, option);
    const lt_encoder *encoders[] = {&run->bundle.row_encoder, &run->bundle.user_encoder, &run->bundle.item_encoder};

    for (int i = 0; i < list->n; i++) {
        const char *name = list->names[i];
        bool found = name[0] == '-' && strcmp(option, "features") == 0;

        for (int e = 0; e < 3; e++)
            for (int f = 0; f < encoders[e]->n_features; f++)
                found |= strcmp(encoders[e]->feature[f].name, name) == 0;
        if (!found)
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                            errmsg("option \"%s\" names \"%s\", which is no feature column", option, name),
                            errhint("Columns with a role, ids and columns that do not exist cannot be features.")));
    }
}

/* The plan's options, or those of a candidate that has more to be read: edges between users. */
static const lt_options *reading_options(const ltpg_run *run)
{
    for (int i = 0; i < run->plan.n; i++) {
        const ltpg_candidate *c = &run->plan.candidate[i];

        if ((run->chosen == NULL || run->chosen == c) && lt_options_find(&c->options, "social") >= 0 &&
            lt_option_text(&c->options, "social")[0] != '\0')
            return &c->options;
    }
    return &run->plan.options;
}

/* As bytes, which outlive the dataset. */
static void keep_profile(ltpg_run *run, lt_profile *profile)
{
    MemoryContext old = MemoryContextSwitchTo(MemoryContextGetParent(run->memory));
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);

    lt_writer_init(env, &run->profile);
    if (profile->rows > 0) {
        lt_profile_write(&run->profile, profile);
        LTPG(env, run->profile.status);
    }
    MemoryContextSwitchTo(old);
}

void ltpg_run_read(ltpg_run *run)
{
    lt_profile profile;
    /* a profile says of rows what differential privacy promises not to say */
    ltpg_reading reading = {.progress = run->progress, .profile = run->plan.private ? NULL : &profile};

    ltpg_progress_phase(run->progress, "reading");
    LTPG(run->env, lt_bundle_init(run->env, &run->bundle, &run->plan.options));
    ltpg_read_training(run->env, run->definition, run->plan.reads, reading_options(run), &run->bundle, &run->dataset,
                       &reading);
    if (reading.profile != NULL)
        keep_profile(run, &profile);
    if (run->plan.reads != LTPG_READS_NONE) {
        check_names_used(run, "features");
        check_names_used(run, "categorical");
        check_names_used(run, "text");
    }
    run->result.rows = reading.rows;
    run->result.rows_skipped = reading.rows_skipped;
    run->result.users = lt_bundle_is_recommender(&run->bundle) ? run->bundle.users.n : -1;
    run->result.items = run->bundle.items.n;
    for (int32 i = 0; run->bundle.hidden != NULL && i < run->bundle.items.n; i++)
        run->result.items -= run->bundle.hidden[i];
    if (reading.rows == 0)
        ereport(ERROR,
                (errcode(ERRCODE_NO_DATA_FOUND),
                 errmsg("there are no rows to train on in %s", ltpg_relation_name(run->definition->source, "source")),
                 reading.rows_skipped > 0
                     ? errdetail(INT64_FORMAT
                                 " row(s) were skipped: NULL ids, labels, weights or times, or invalid numbers.",
                                 reading.rows_skipped)
                     : 0));
}
