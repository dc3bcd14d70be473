/*
 * relation.h: relations as the catalog stores them: found again when renamed, restored or made anew.
 */
#ifndef LTPG_RELATION_H
#define LTPG_RELATION_H

#include "longtail.h"

/* Stands for a relation that is gone: no relation has this OID, and it is not "none was given". */
#define LTPG_RELATION_GONE ((Oid)1)
/* Stands for one that never was in this database: the model came without it (transfer.c), or in a dump. */
#define LTPG_LEFT_BEHIND ((Oid)2)

extern bool ltpg_relation_there(Oid oid);
/* InvalidOid: there is no such relation. */
extern Oid ltpg_relation_owner(Oid oid);
/* The relation that a value of type longtail.relation means now, or one of the above. */
extern Oid ltpg_relation_find(Datum stored);

#endif
