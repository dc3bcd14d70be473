/*
 * newcomers.h: users and items that the relations of features have and a stored model does not know.
 */
#ifndef LTPG_NEWCOMERS_H
#define LTPG_NEWCOMERS_H

#include "source.h"

/*
 * Appends them to the bundle (which lives in env), encoded as its training encoded the others; the relations are read
 * with the caller's rights.  *users and *items: how many there were. The weights are for lt_bundle_grow to follow.
 */
extern void ltpg_read_newcomers(lt_env *env, const ltpg_definition *definition, lt_bundle *bundle, int64 *users,
                                int64 *items);

#endif
