/*
 * shared.h: one copy of a served version for all backends, without preload.
 *
 * A version's image (core/image.h) is kept in a file that never changes, mapped read-only by whoever serves from it.
 * The catalog tables remain the truth: the file is made from a version that was read from them and checked, and
 * whatever does not fit is made again.
 *
 * Lifetime.  The file lies among the server's temporary files, which are removed whenever it starts, on standbys too.
 * It is complete before it gets its name, so reading takes no lock, and whoever has it mapped keeps it when the name
 * goes: at the commit that makes the version inactive, or when another file is made and it is found left over.
 */
#ifndef LTPG_SHARED_H
#define LTPG_SHARED_H

#include "cache.h"

/* At module start. */
extern void ltpg_shared_start(void);
/* Whether backends share this version: by longtail.shared_cache, and not of one this transaction made active. */
extern bool ltpg_shared_wanted(const ltpg_version *version);
/*
 * Points a model with nothing but version, env and memory into the version's file, which stays mapped as long as
 * model->memory lives.  false: there is no file that fits; what is in the model then must be thrown away.
 */
extern bool ltpg_shared_map(ltpg_model *model);
/* Makes the file from a model that was loaded. false: it cannot be made, which the server's log is told once. */
extern bool ltpg_shared_make(ltpg_model *model);
/* Whether the file a model was mapped from is still there under its name. */
extern bool ltpg_shared_there(const ltpg_version *version);
/* The version's file goes if this transaction commits, and the subtransaction it is called in with it. */
extern void ltpg_shared_supersede(const ltpg_version *version);

#endif
