/*
 * bases.h: stored models that a training builds on.
 */
#ifndef LTPG_BASES_H
#define LTPG_BASES_H

#include "longtail.h"

#include "dataset.h"

/*
 * The active versions that options "models" and "base" name, for the current role, into data->base. They live in the
 * current memory context.
 */
extern void ltpg_load_bases(const lt_options *options, lt_dataset *data);

#endif
