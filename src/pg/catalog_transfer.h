/*
 * catalog_transfer.h: what the catalog says of a version, gathered to leave the database.
 */
#ifndef LTPG_CATALOG_TRANSFER_H
#define LTPG_CATALOG_TRANSFER_H

#include "archive.h"
#include "catalog.h"

/*
 * Everything stored of a version but what `version` itself says, in the current context.  What retrain does is the
 * model's definition where that still names the version's columns and relations, else what the version was trained by.
 * Checksums of parts are verified.
 */
extern void ltpg_catalog_gather(const ltpg_version *version, lt_archive *out);

#endif
