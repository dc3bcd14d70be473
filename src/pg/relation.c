/*
 * relation.c: the type longtail.relation: a relation by its OID and by the name it had when it was written down.
 *
 * The OID decides as long as there is such a relation, so models follow one that is renamed or moved.  The name counts
 * where the OID names nothing: in a database that a dump was restored into, and where the relation was dropped and made
 * again.  A dump has the name, and reading it back needs no relation of that name: the models of tables that were left
 * out of a dump, or were temporary, are restored with the others.
 *
 * Whoever may create something in a schema could put it in the place of what was dropped there, to be read as whoever
 * asks for a recommendation.  So a name leads only to what belongs to the owner of the old one, to the schema's, who
 * could have dropped it, or to a superuser.
 *
 * Stored: the OID, the owner's, then the name, qualified and quoted, without an end; a name without characters is none.
 */
#include "relation.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

typedef struct relation {
    int32 length; /* the varlena's */
    Oid oid, owner;
    char name[FLEXIBLE_ARRAY_MEMBER];
} relation;

#define relation_datum(d) ((const relation *)PG_DETOAST_DATUM(d))

Oid ltpg_relation_owner(Oid oid)
{
    HeapTuple class = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
    Oid owner = InvalidOid;

    if (HeapTupleIsValid(class)) {
        owner = ((Form_pg_class)GETSTRUCT(class))->relowner;
        ReleaseSysCache(class);
    }
    return owner;
}

static Oid schema_owner_of(Oid oid)
{
    HeapTuple schema = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(get_rel_namespace(oid)));
    Oid owner = InvalidOid;

    if (HeapTupleIsValid(schema)) {
        owner = ((Form_pg_namespace)GETSTRUCT(schema))->nspowner;
        ReleaseSysCache(schema);
    }
    return owner;
}

/* Qualified and quoted; NULL: there is no such relation. */
static char *name_now(Oid oid)
{
    char *name = OidIsValid(oid) ? get_rel_name(oid) : NULL;

    return name == NULL ? NULL : quote_qualified_identifier(get_namespace_name(get_rel_namespace(oid)), name);
}

static char *name_then(const relation *r)
{
    return pnstrdup(r->name, VARSIZE(r) - offsetof(relation, name));
}

/* The relation that has this name now, whosever it is and in whatever schema; InvalidOid: none. */
static Oid named(const char *name)
{
    char *schema, *relname;
    Oid in;

    if (name[0] == '\0')
        return InvalidOid;
    DeconstructQualifiedName(LTPG_NAME_PARTS(name), &schema, &relname);
    if (schema == NULL)
        return RelnameGetRelid(relname);
    in = get_namespace_oid(schema, true);
    return OidIsValid(in) ? get_relname_relid(relname, in) : InvalidOid;
}

static Datum make(Oid oid, const char *name)
{
    Size length = offsetof(relation, name) + strlen(name);
    relation *r = palloc(length);

    SET_VARSIZE(r, length);
    r->oid = oid;
    r->owner = ltpg_relation_owner(oid);
    memcpy(r->name, name, strlen(name));
    return PointerGetDatum(r);
}

/* Whether what has its name now may stand for what had it then. */
static bool may_replace(Oid oid, const relation *then)
{
    Oid owner = ltpg_relation_owner(oid), schema_owner = schema_owner_of(oid);

    return superuser_arg(owner) || (OidIsValid(then->owner) && has_privs_of_role(owner, then->owner)) ||
           (OidIsValid(schema_owner) && has_privs_of_role(owner, schema_owner));
}

bool ltpg_relation_there(Oid oid)
{
    return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(oid));
}

Oid ltpg_relation_find(Datum stored)
{
    const relation *r = relation_datum(stored);
    Oid found;

    if (OidIsValid(r->oid) && ltpg_relation_there(r->oid))
        return r->oid;
    found = named(name_then(r));
    if (OidIsValid(found) && may_replace(found, r))
        return found;
    return OidIsValid(r->oid) ? LTPG_RELATION_GONE : LTPG_LEFT_BEHIND;
}

/* ---- SQL ---- */

PG_FUNCTION_INFO_V1(longtail_relation_in);
PG_FUNCTION_INFO_V1(longtail_relation_out);
PG_FUNCTION_INFO_V1(longtail_relation_of);
PG_FUNCTION_INFO_V1(longtail_relation_now);

/* A bare number is what regclass printed for a relation that was dropped: here it may be the OID of anything. */
Datum longtail_relation_in(PG_FUNCTION_ARGS)
{
    const char *text = PG_GETARG_CSTRING(0);

    if (strcmp(text, "-") == 0 || text[strspn(text, "0123456789")] == '\0')
        text = "";
    PG_RETURN_DATUM(make(named(text), text));
}

Datum longtail_relation_out(PG_FUNCTION_ARGS)
{
    const relation *r = relation_datum(PG_GETARG_DATUM(0));
    char *name = name_now(r->oid);

    if (name == NULL)
        name = name_then(r);
    PG_RETURN_CSTRING(name[0] == '\0' ? pstrdup("-") : name);
}

Datum longtail_relation_of(PG_FUNCTION_ARGS)
{
    Oid oid = PG_GETARG_OID(0);
    const char *name = name_now(oid);

    PG_RETURN_DATUM(make(oid, name == NULL ? "" : name));
}

/* For showing: without asking whose it is. */
Datum longtail_relation_now(PG_FUNCTION_ARGS)
{
    const relation *r = relation_datum(PG_GETARG_DATUM(0));
    Oid oid = OidIsValid(r->oid) && ltpg_relation_there(r->oid) ? r->oid : named(name_then(r));

    if (!OidIsValid(oid))
        PG_RETURN_NULL();
    PG_RETURN_OID(oid);
}
