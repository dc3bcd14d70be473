/*
 * method.h: the arguments method and strength, which rerank, recommend and evaluate share.
 */
#ifndef LONGTAIL_METHOD_H
#define LONGTAIL_METHOD_H

#include "longtail.h"

#include "cache.h"

/*
 * The method and strength given as arguments number `method` and `strength`. NULL takes the model's own; a strength is
 * needed for a method that is not the model's own, and both are without a model (NULL).
 */
extern const lt_reranker *ltpg_method_argument(FunctionCallInfo fcinfo, const ltpg_model *model, int method,
                                               int strength, double *strength_out);

#endif
