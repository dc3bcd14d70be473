/*
 * catalog_roles.c: roles as the catalog keeps them; granting a model, giving it to another owner.
 *
 * PostgreSQL keeps no role from being dropped for what an extension's tables say of it, so that a stored OID may be
 * nobody's; OIDs of roles come from the counter that all objects share, and pg_upgrade keeps them.
 */
#include "catalog_roles.h"

#include "catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#define EVERYBODY "public"    /* no role can have that name */
#define DROPPED "pg_dropped:" /* nor one that begins with pg_ */

/* ---- roles ---- */

ltpg_role ltpg_role_of(Oid role)
{
    ltpg_role r = {.id = role};

    namestrcpy(&r.name, GetUserNameFromId(role, false));
    return r;
}

ltpg_role ltpg_role_named(const char *name)
{
    ltpg_role r = {.id = InvalidOid};
    int length = strlen(name);

    if (length < NAMEDATALEN && strcmp(name, EVERYBODY) != 0)
        r.id = get_role_oid(name, true);
    memcpy(NameStr(r.name), name, pg_mbcliplen(name, length, NAMEDATALEN - 1));
    return r;
}

ltpg_role ltpg_role_stored(Datum value, Oid type)
{
    return type == NAMEOID ? ltpg_role_named(NameStr(*DatumGetName(value))) : *(ltpg_role *)DatumGetPointer(value);
}

static bool is_everybody(const ltpg_role *role)
{
    return !OidIsValid(role->id) && strcmp(NameStr(role->name), EVERYBODY) == 0;
}

static bool is_there(const ltpg_role *role)
{
    return OidIsValid(role->id) && SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role->id));
}

char *ltpg_role_text(const ltpg_role *role)
{
    char *name = OidIsValid(role->id) ? GetUserNameFromId(role->id, true) : pstrdup(NameStr(role->name));
    NameData dropped = {{0}};

    if (name != NULL)
        return name;
    name = psprintf(DROPPED "%s", NameStr(role->name));
    memcpy(NameStr(dropped), name, pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1));
    return pstrdup(NameStr(dropped));
}

void ltpg_give_role(ltpg_arguments *a, const ltpg_role *role)
{
    Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("role"),
                               ObjectIdGetDatum(get_namespace_oid("longtail", false)));
    ltpg_role *value = palloc(sizeof *value);

    if (!OidIsValid(type))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the extension longtail of this database is older than its library"),
                        errhint("ALTER EXTENSION longtail UPDATE.")));
    *value = *role;
    ltpg_give(a, type, PointerGetDatum(value));
}

/* ---- rights ---- */

bool ltpg_role_held(const ltpg_role *role)
{
    return is_everybody(role) || (is_there(role) && has_privs_of_role(GetUserId(), role->id));
}

static Oid database_owner(void)
{
    HeapTuple database = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
    Oid owner;

    if (!HeapTupleIsValid(database))
        elog(ERROR, "cache lookup failed for database %u", MyDatabaseId);
    owner = ((Form_pg_database)GETSTRUCT(database))->datdba;
    ReleaseSysCache(database);
    return owner;
}

bool ltpg_role_owns(const ltpg_role *owner)
{
    return has_privs_of_role(GetUserId(), is_there(owner) ? owner->id : database_owner());
}

/* ---- grants and owners ---- */

void ltpg_catalog_grant(const char *model, const char *role, bool grant)
{
    ltpg_arguments a = {0};
    ltpg_role grantee = ltpg_role_named(role);
    ltpg_version found;

    ltpg_catalog_find(model, LTPG_NO_VERSION, LTPG_OWN, false, &found);
    if (grant && !is_everybody(&grantee))
        get_role_oid(role, false);
    SPI_connect();
    ltpg_catalog_lock(model, found.model_id);
    /* By name: also what nobody here, or a role that was dropped, was granted is taken back by what the text says. */
    ltpg_give(&a, INT4OID, Int32GetDatum(found.model_id));
    ltpg_give_text(&a, role);
    ltpg_catalog_run("DELETE FROM longtail.model_grant WHERE model_id = $1 AND grantee::text = $2", &a, false,
                     SPI_OK_DELETE);
    if (grant) {
        memset(&a, 0, sizeof a);
        ltpg_give(&a, INT4OID, Int32GetDatum(found.model_id));
        ltpg_give_role(&a, &grantee);
        ltpg_catalog_run("INSERT INTO longtail.model_grant (model_id, grantee) VALUES ($1, $2)", &a, false,
                         SPI_OK_INSERT);
    }
    SPI_finish();
}

void ltpg_catalog_set_owner(const char *model, const char *role)
{
    ltpg_arguments a = {0};
    ltpg_role owner;
    ltpg_version found;

    ltpg_catalog_find(model, LTPG_NO_VERSION, LTPG_OWN, false, &found);
    owner = ltpg_role_of(get_role_oid(role, false));
    ltpg_check_can_become(owner.id);
    SPI_connect();
    ltpg_catalog_lock(model, found.model_id);
    ltpg_catalog_supersede(found.model_id);
    ltpg_give(&a, INT4OID, Int32GetDatum(found.model_id));
    ltpg_give_role(&a, &owner);
    ltpg_catalog_run("UPDATE longtail.model SET owner = $2 WHERE model_id = $1", &a, false, SPI_OK_UPDATE);
    SPI_finish();
}
