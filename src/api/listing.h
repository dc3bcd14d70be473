/*
 * listing.h: what functions that make lists share (recommend.c).
 */
#ifndef LONGTAIL_LISTING_H
#define LONGTAIL_LISTING_H

#include "cache.h"
#include "method.h"

/* The model named by the first argument, which must have users and items. */
extern ltpg_model *ltpg_listing_model(FunctionCallInfo fcinfo);
/* The argument k. */
extern int ltpg_listing_k(FunctionCallInfo fcinfo, int n);
/* The argument popularity_exponent; NULL is the model's own. */
extern double ltpg_listing_exponent(FunctionCallInfo fcinfo, const ltpg_model *model, int n);
/* head, mid or tail. */
extern const char *ltpg_listing_segment(const ltpg_model *model, int32 item);

#endif
