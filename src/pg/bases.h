/*
 * bases.h: stored models that a training builds on.
 */
#ifndef LTPG_BASES_H
#define LTPG_BASES_H

#include "longtail.h"

#include "dataset.h"

/*
 * The active versions that options "models" and "base" name, for the current role, into data->base. They live in the
 * current memory context. measured: with the weights their validation figures are of, where a version was trained
 * again since; true when one was: what is to be measured on the validation part must not build on weights that have
 * seen it.
 */
extern bool ltpg_load_bases(const lt_options *options, bool measured, lt_dataset *data);

#endif
