/*
 * privacy.c: differentially private training: what of a training would break the promise is refused, what the promise
 * leaves out is said by privacy_guarantee.
 */
#include "training.h"

#include "cache.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "private_fit.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_privacy_guarantee);

/* ---- before training ---- */

static void refuse(const char *what, const char *why, const char *hint)
{
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("%s cannot be combined with differentially private training", what), errdetail("%s", why),
                    hint == NULL ? 0 : errhint("%s", hint)));
}

static bool asked_for(const lt_options *o, const char *name, const char *text)
{
    return lt_option_value(o, name)->given && lt_option_is(o, name, text);
}

/*
 * The split by which rows are held out must be one that another row more or less does not shift: by a lot of each row's
 * own, drawn where nobody can see.  A seed that was not given is drawn as well.
 */
static void hide_lots(lt_env *env, lt_options *o, double seed)
{
    lt_value *value = &o->value[lt_options_find(o, "seed")];

    if (lt_option_is(o, "split", "auto"))
        LTPG(env, lt_options_set_text(env, o, "split", "random"));
    if (!value->given)
        value->number = seed;
}

void ltpg_privacy_prepare(lt_env *env, const ltpg_definition *definition, ltpg_plan *plan)
{
    uint64 random;

    for (int i = 0; i < plan->n; i++)
        plan->private |= lt_private_wanted(&plan->candidate[i].options);
    if (!plan->private)
        return;
    if (definition->user_column != NULL)
        refuse("a recommender",
               "It stores ids and histories of users, so that a promise about weights would promise nothing.",
               "Leave out dp_epsilon, or user_column and item_column. longtail.forget takes single users out.");
    if (plan->searched)
        refuse("a search", "Each trial would spend the budget again, and the choice among them is made without noise.",
               "Give each option one value.");
    if (lt_option_is(&plan->options, "split", "time"))
        refuse("a split by time", "One row more would change which others are held out.",
               "Use \"split\": \"random\", or \"none\".");
    if (lt_option_is(&plan->options, "refit", "always"))
        refuse("option \"refit\"", "Training again on all rows would spend the budget again.",
               "Use \"split\": \"none\".");
    if (asked_for(&plan->options, "promote", "if_better"))
        refuse("\"promote\": \"if_better\"", "The comparison would be made on rows, without noise.",
               "Use \"always\" or \"never\".");
    LTPG(env, lt_private_check(env, &plan->candidate[0].options));
    if (lt_option_value(&plan->options, "seed")->given)
        ereport(WARNING,
                (errmsg("option \"seed\" makes the noise of differentially private training repeatable"),
                 errdetail("Whoever knows it can take the noise away: the weights are then private to nobody."),
                 errhint("Leave out seed but for experiments.")));
    if (!pg_strong_random(&random, sizeof random))
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
    hide_lots(env, &plan->options, (double)(random >> 11));
    for (int i = 0; i < plan->n; i++)
        hide_lots(env, &plan->candidate[i].options, (double)(random >> 11));
}

/* ---- what is promised ---- */

/* Whether what the feature has learned of its column's numbers is in the model. */
static bool is_scaled(const lt_feature *f)
{
    for (int32 k = 0; k < f->width; k++)
        if (f->mean[k] != 0 || f->scale[k] != 1)
            return true;
    return false;
}

typedef enum about { ABOUT_SCALES, ABOUT_CATEGORIES, ABOUT_WORDS } about;

/* The names of row features of which the model has that, in quotes; NULL when of none. */
static char *names_of(const lt_encoder *e, about what)
{
    StringInfoData names;

    initStringInfo(&names);
    for (int i = 0; i < e->n_features; i++) {
        const lt_feature *f = &e->feature[i];
        bool has = what == ABOUT_SCALES       ? f->kind != LT_TEXT && is_scaled(f)
                   : what == ABOUT_CATEGORIES ? f->kind == LT_CATEGORY || f->kind == LT_BAG
                                              : f->kind == LT_TEXT;

        if (has)
            appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "", f->name);
    }
    return names.len > 0 ? names.data : NULL;
}

static void add(ArrayBuildState **list, const char *text)
{
    *list = accumArrayResult(*list, CStringGetTextDatum(text), false, TEXTOID, CurrentMemoryContext);
}

static Datum outside(const ltpg_model *model, const lt_privacy *p)
{
    const lt_encoder *e = &model->bundle.row_encoder;
    char *numbers = names_of(e, ABOUT_SCALES), *categories = names_of(e, ABOUT_CATEGORIES);
    char *texts = names_of(e, ABOUT_WORDS);
    ArrayBuildState *list = NULL;

    if (p->seeded != 0)
        add(&list, "everything: option seed was given, and whoever knows it can take the noise away");
    add(&list, "the number of rows, and of NULLs in each column");
    if (numbers != NULL)
        add(&list, psprintf("means and standard deviations of %s, stored exactly", numbers));
    if (categories != NULL)
        add(&list, psprintf("the names of all categories of %s (option min_users leaves out rare ones)", categories));
    if (texts != NULL)
        add(&list, psprintf("how frequent the words of %s are", texts));
    if (p->scaled != 0)
        add(&list, "the label's mean and standard deviation, which the weights contain");
    if (p->validated != 0)
        add(&list, "figures of the validation part, and its log (\"split\": \"none\" has none)");
    if (ltpg_catalog_has_part(&model->version, LTPG_PROFILE_PART))
        add(&list, "the profile of the columns that longtail.health compares with");
    add(&list, "other versions and models of the same rows: their epsilons and deltas add up");
    return makeArrayResult(list, CurrentMemoryContext);
}

/* privacy_guarantee(model, version) */
Datum longtail_privacy_guarantee(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    const char *name = ltpg_text_argument(fcinfo, 0, "model");
    bool null[8] = {false};
    ltpg_model *model;
    Datum value[8];
    lt_privacy p;

    model = ltpg_model_load(name, ltpg_version_argument(fcinfo, 1));
    InitMaterializedSRF(fcinfo, 0);
    if (!lt_privacy_of(&model->bundle.model, &p))
        return (Datum)0;
    value[0] = Float8GetDatum(p.epsilon);
    value[1] = Float8GetDatum(p.delta);
    value[2] = Float8GetDatum(p.sigma);
    value[3] = Float8GetDatum(p.clip);
    value[4] = Float8GetDatum(p.q);
    value[5] = Int64GetDatum((int64)p.steps);
    value[6] = CStringGetTextDatum("row");
    value[7] = outside(model, &p);
    tuplestore_putvalues(result->setResult, result->setDesc, value, null);
    return (Datum)0;
}
