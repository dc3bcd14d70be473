/*
 * models.c: the life of models besides training, and what algorithms and options there are.
 */
#include "longtail.h"

#include <math.h>

#include "catalog.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "model.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(longtail_promote);
PG_FUNCTION_INFO_V1(longtail_drop_version);
PG_FUNCTION_INFO_V1(longtail_drop_model);
PG_FUNCTION_INFO_V1(longtail_grant_model);
PG_FUNCTION_INFO_V1(longtail_revoke_model);
PG_FUNCTION_INFO_V1(longtail_options);
PG_FUNCTION_INFO_V1(longtail_algorithms);

Datum longtail_promote(PG_FUNCTION_ARGS)
{
    PreventCommandIfReadOnly("longtail.promote()");
    ltpg_catalog_promote(text_to_cstring(PG_GETARG_TEXT_PP(0)), ltpg_version_argument(fcinfo, 1));
    PG_RETURN_VOID();
}

Datum longtail_drop_version(PG_FUNCTION_ARGS)
{
    PreventCommandIfReadOnly("longtail.drop_version()");
    ltpg_catalog_drop_version(text_to_cstring(PG_GETARG_TEXT_PP(0)), ltpg_version_argument(fcinfo, 1));
    PG_RETURN_VOID();
}

Datum longtail_drop_model(PG_FUNCTION_ARGS)
{
    PreventCommandIfReadOnly("longtail.drop_model()");
    ltpg_catalog_drop(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    PG_RETURN_VOID();
}

Datum longtail_grant_model(PG_FUNCTION_ARGS)
{
    PreventCommandIfReadOnly("longtail.grant_model()");
    ltpg_catalog_grant(text_to_cstring(PG_GETARG_TEXT_PP(0)), NameStr(*PG_GETARG_NAME(1)), true);
    PG_RETURN_VOID();
}

Datum longtail_revoke_model(PG_FUNCTION_ARGS)
{
    PreventCommandIfReadOnly("longtail.revoke_model()");
    ltpg_catalog_grant(text_to_cstring(PG_GETARG_TEXT_PP(0)), NameStr(*PG_GETARG_NAME(1)), false);
    PG_RETURN_VOID();
}

static bool has_range(const lt_option *option)
{
    return option->type == LT_OPT_INT || option->type == LT_OPT_FLOAT || option->type == LT_OPT_INTS;
}

Datum longtail_options(PG_FUNCTION_ARGS)
{
    const lt_algorithm *algorithm = ltpg_algorithm(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    lt_options options;

    InitMaterializedSRF(fcinfo, 0);
    LTPG(env, lt_options_init(env, &options, algorithm->options, algorithm->n_options));
    for (int i = 0; i < options.n; i++) {
        const lt_option *o = options.spec[i];
        const char *type = o->choices != NULL ? o->choices : lt_option_type_name(o->type);
        Datum value[6] = {
            CStringGetTextDatum(o->name), CStringGetTextDatum(type),  CStringGetTextDatum(o->default_value),
            Float8GetDatum(o->minimum),   Float8GetDatum(o->maximum), CStringGetTextDatum(o->help)};
        bool null[6] = {false, false, false, !has_range(o), !has_range(o), false};

        tuplestore_putvalues(result->setResult, result->setDesc, value, null);
    }
    return (Datum)0;
}

Datum longtail_algorithms(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;

    InitMaterializedSRF(fcinfo, 0);
    for (int i = 0; i == 0 || lt_algorithms[i - 1] != NULL; i++) {
        const lt_algorithm *a = i == 0 ? &ltpg_auto : lt_algorithms[i - 1];
        Datum value[4] = {CStringGetTextDatum(a->name), BoolGetDatum(a->supervised), BoolGetDatum(a->recommender),
                          CStringGetTextDatum(a->help)};
        bool null[4] = {false};

        tuplestore_putvalues(result->setResult, result->setDesc, value, null);
    }
    return (Datum)0;
}
