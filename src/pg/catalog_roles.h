/*
 * catalog_roles.h: roles as the catalog keeps them, and who owns a model.
 *
 * A role is kept by its OID: renamed it is the same, and one made later under the name of one that was dropped is
 * another.  As text, which is what dumps have, it is the name that it has at the time; a text is read as the role of
 * that name here and now.  Where there is none, as after a restore on another server, it is nobody, and stays so.
 */
#ifndef LTPG_CATALOG_ROLES_H
#define LTPG_CATALOG_ROLES_H

#include "longtail.h"

#include "catalog_query.h"

/* The type longtail.role; sql/parts/roles.sql has its length. */
typedef struct ltpg_role {
    Oid id;        /* InvalidOid: everybody (then it is named public), or nobody here */
    NameData name; /* when it was stored */
} ltpg_role;

extern ltpg_role ltpg_role_of(Oid role);
/* public: everybody. */
extern ltpg_role ltpg_role_named(const char *name);
/* A stored one; catalog tables that were not updated from 0.1.0 yet have names. */
extern ltpg_role ltpg_role_stored(Datum value, Oid type);
/* Its name now; of one that was dropped, a name that no role can have. Palloc'ed. */
extern char *ltpg_role_text(const ltpg_role *role);
extern void ltpg_give_role(ltpg_arguments *a, const ltpg_role *role);

/* Whether the current role has its rights, as everybody has those of public. */
extern bool ltpg_role_held(const ltpg_role *role);
/* The same for an owner: what belongs to nobody here belongs to the owner of the database. */
extern bool ltpg_role_owns(const ltpg_role *owner);

#endif
