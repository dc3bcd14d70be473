/*
 * compat.h: what differs between the PostgreSQL versions that are built for (15 to 18).
 */
#ifndef LTPG_COMPAT_H
#define LTPG_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Whether the current role may look up names in a schema. Needs utils/acl.h, and catalog/pg_namespace.h. */
#if PG_VERSION_NUM >= 160000
#define LTPG_MAY_USE_SCHEMA(schema)                                                                                    \
    (object_aclcheck(NamespaceRelationId, schema, GetUserId(), ACL_USAGE) == ACLCHECK_OK)
#else
#define LTPG_MAY_USE_SCHEMA(schema) (pg_namespace_aclcheck(schema, GetUserId(), ACL_USAGE) == ACLCHECK_OK)
#endif

/* The transaction's number within its backend. Needs storage/proc.h. */
#if PG_VERSION_NUM >= 170000
#define LTPG_LOCAL_TRANSACTION (MyProc->vxid.lxid)
#else
#define LTPG_LOCAL_TRANSACTION (MyProc->lxid)
#endif

/* A qualified name's parts. Needs utils/regproc.h. */
#if PG_VERSION_NUM >= 160000
#define LTPG_NAME_PARTS(name) stringToQualifiedNameList(name, NULL)
#else
#define LTPG_NAME_PARTS(name) stringToQualifiedNameList(name)
#endif

/* An error unless the current role may make the role the owner of something. Needs miscadmin.h and utils/acl.h. */
#if PG_VERSION_NUM >= 160000
#define ltpg_check_can_become(role) check_can_set_role(GetUserId(), role)
#else
#define ltpg_check_can_become(role) check_is_member_of_role(GetUserId(), role)
#endif

#endif
