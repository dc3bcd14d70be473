/*
 * roles.c: the type longtail.role, set_owner, and what the views ask.
 */
#include "longtail.h"

#include "catalog.h"
#include "catalog_roles.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(longtail_role_in);
PG_FUNCTION_INFO_V1(longtail_role_out);
PG_FUNCTION_INFO_V1(longtail_role_recv);
PG_FUNCTION_INFO_V1(longtail_role_send);
PG_FUNCTION_INFO_V1(longtail_may_use);
PG_FUNCTION_INFO_V1(longtail_set_owner);

static Datum role_datum(const char *name)
{
    ltpg_role *role = palloc(sizeof *role);

    *role = ltpg_role_named(name);
    return PointerGetDatum(role);
}

Datum longtail_role_in(PG_FUNCTION_ARGS)
{
    return role_datum(PG_GETARG_CSTRING(0));
}

Datum longtail_role_out(PG_FUNCTION_ARGS)
{
    PG_RETURN_CSTRING(ltpg_role_text((ltpg_role *)PG_GETARG_POINTER(0)));
}

/* Binary it is the text too: an OID would be another server's. */
Datum longtail_role_recv(PG_FUNCTION_ARGS)
{
    StringInfo message = (StringInfo)PG_GETARG_POINTER(0);
    int length;

    return role_datum(pq_getmsgtext(message, message->len - message->cursor, &length));
}

Datum longtail_role_send(PG_FUNCTION_ARGS)
{
    const char *name = ltpg_role_text((ltpg_role *)PG_GETARG_POINTER(0));
    StringInfoData message;

    pq_begintypsend(&message);
    pq_sendtext(&message, name, strlen(name));
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* may_use(model_id, owner) */
Datum longtail_may_use(PG_FUNCTION_ARGS)
{
    PG_RETURN_BOOL(ltpg_catalog_may_use(PG_GETARG_INT32(0), (ltpg_role *)PG_GETARG_POINTER(1)));
}

/* set_owner(model, role) */
Datum longtail_set_owner(PG_FUNCTION_ARGS)
{
    PreventCommandIfReadOnly("longtail.set_owner()");
    ltpg_catalog_set_owner(text_to_cstring(PG_GETARG_TEXT_PP(0)), NameStr(*PG_GETARG_NAME(1)));
    PG_RETURN_VOID();
}
