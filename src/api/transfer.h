/*
 * transfer.h: which relations exported bytes may name.
 *
 * Reading a view runs its functions as whoever reads, and in an import it is the bytes that choose the view: only what
 * belongs to whom the caller trusts anyway is taken.
 */
#ifndef LTPG_TRANSFER_H
#define LTPG_TRANSFER_H

#include "longtail.h"

/* Whether rows can be read from it: tables, views and the like. */
extern bool ltpg_import_can_be_read(Oid relation);
/*
 * Whether it belongs to the caller or a role that has the caller's rights anyway, to a superuser, or to the owner of
 * `source`, which the caller named (InvalidOid: none).
 */
extern bool ltpg_import_trusts(Oid relation, Oid source);
/* An error (42501) where a bundle's own rerank_options name a relation that is not trusted, or not there. */
extern void ltpg_import_check_rerank(const char *options, Oid source);
/*
 * A version's or a definition's options without social and domain_source where what these name is not trusted or not
 * there: retrain does without, as a notice says with `tells`.  Whatever else names such a relation is an error (42501).
 */
extern Jsonb *ltpg_import_options(Jsonb *options, Oid source, bool tells);

#endif
