/*
 * method.c: reading the arguments method and strength.
 */
#include "method.h"

#include <math.h>

#include "utils/builtins.h"

static const lt_reranker *find_method(const char *name)
{
    const lt_reranker *method = lt_reranker_find(name);

    if (method == NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown rerank method \"%s\"", name),
                        errhint("SELECT name, description FROM longtail.rerank_methods() lists them.")));
    return method;
}

const lt_reranker *ltpg_method_argument(FunctionCallInfo fcinfo, const ltpg_model *model, int method, int strength,
                                        double *strength_out)
{
    const char *own = model == NULL ? "" : model->bundle.rerank;
    const char *name = PG_ARGISNULL(method) ? own : text_to_cstring(PG_GETARG_TEXT_PP(method));
    const lt_reranker *found;

    if (name[0] == '\0')
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("method must not be NULL"),
                        errhint("NULL takes the model's own method, and no model is given.")));
    found = find_method(name);
    if (!PG_ARGISNULL(strength))
        *strength_out = PG_GETARG_FLOAT8(strength);
    else if (strcmp(name, "none") == 0)
        *strength_out = 0;
    else if (strcmp(name, own) == 0)
        *strength_out = model->bundle.rerank_strength;
    else
        ereport(
            ERROR,
            (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("method \"%s\" needs a strength", name),
             own[0] == '\0' ? 0 : errhint("The model's own method is \"%s\"; another needs its strength named.", own)));
    if (!(*strength_out >= 0 && *strength_out <= found->max_strength) || isinf(*strength_out))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("strength of method \"%s\" is %g", name, *strength_out),
                        isinf(found->max_strength) ? errdetail("It must be a number of at least 0.")
                                                   : errdetail("It must be from 0 to %g.", found->max_strength)));
    if (PG_ARGISNULL(method) && strcmp(name, "none") == 0 && *strength_out > 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("strength %g needs a method: the model's own is \"none\"", *strength_out),
                        errhint("Name one in the call, or set option \"rerank\" in training.")));
    return found;
}
