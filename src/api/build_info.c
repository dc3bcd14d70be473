/*
 * build_info.c: longtail.build_info: what the extension was built with and what it uses here.
 */
#include "longtail.h"

#include "blas.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(longtail_build_info);

static void put(FunctionCallInfo fcinfo, const char *name, const char *value)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    Datum values[2] = {CStringGetTextDatum(name), CStringGetTextDatum(value)};
    bool nulls[2] = {false};

    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum longtail_build_info(PG_FUNCTION_ARGS)
{
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);

    LTPG(env, lt_blas_load(env));
    InitMaterializedSRF(fcinfo, 0);
    put(fcinfo, "longtail", LONGTAIL_VERSION);
    put(fcinfo, "built for PostgreSQL", PG_VERSION);
    put(fcinfo, "running in PostgreSQL", GetConfigOption("server_version", false, false));
    put(fcinfo, "compiler", __VERSION__);
    put(fcinfo, "BLAS", lt_blas_config());
    put(fcinfo, "BLAS library", lt_blas_path());
    put(fcinfo, "BLAS kernel", lt_blas_kernel());
    put(fcinfo, "vector instructions", lt_vector_instructions());
    put(fcinfo, "BLAS kernel is slow", lt_blas_slow() ? "yes" : "no");
    put(fcinfo, "threads", GetConfigOption("longtail.threads", false, false));
    return (Datum)0;
}
