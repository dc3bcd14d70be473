/*
 * catalog_forget.h: versions changed in place, and trainings that must not bring back what was taken out of them.
 *
 * A training may have read somebody before they were forgotten, and store them afterwards.  So trainings of a model
 * hold a lock of it until their transaction ends, which forgetting waits for; and they read by a snapshot taken under
 * that lock.  Where the transaction's isolation has but one snapshot, the model's row, which forgetting writes, makes
 * the training fail when it stores (40001).
 */
#ifndef LTPG_CATALOG_FORGET_H
#define LTPG_CATALOG_FORGET_H

#include "catalog.h"

/*
 * A training of an existing model begins, or a forgetting, in which case it waits for the trainings under way.  Pushes
 * the snapshot to read by: the caller pops it.
 */
extern void ltpg_catalog_training_begins(int model_id);
extern void ltpg_catalog_forgetting_begins(const char *model, int model_id);

/* The numbers of the model's versions, ascending, palloc'ed; returns how many. After forgetting_begins. */
extern int ltpg_catalog_versions(int model_id, int **versions);
/* Stores parts in place of those of the same names; users: how many the version has now. */
extern void ltpg_catalog_replace(const ltpg_version *version, const ltpg_part *parts, int n_parts, int64 users);
/* After the last replacement: the active version gets another identity, so that no session serves the old bytes. */
extern void ltpg_catalog_renew(int model_id);

#endif
