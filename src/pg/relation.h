/*
 * relation.h: relations as the catalog stores them: found again when renamed, restored or made anew.
 */
#ifndef LTPG_RELATION_H
#define LTPG_RELATION_H

#include "longtail.h"

/* Stands for a relation that is gone: no relation has this OID, and it is not "none was given". */
#define LTPG_RELATION_GONE ((Oid)1)

extern bool ltpg_relation_there(Oid oid);
/* The relation that a value of type longtail.relation means now, or LTPG_RELATION_GONE. */
extern Oid ltpg_relation_find(Datum stored);

#endif
