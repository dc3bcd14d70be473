/*
 * lookup.c: which version of a model is active, and whether the caller may use it.
 *
 * This runs at every statement that serves, often as the first of its session, so it reads the catalog tables by their
 * indexes rather than by a query, whose parsing and planning would take several times as long.  The rows are those the
 * statement's snapshot shows.
 *
 * Rights: a model belongs to the role that trained it; members of that role own it with it, and superusers all models.
 * Others use it once granted. Here it is decided for functions and views alike.
 */
#include "catalog.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Columns by number, as sql/parts/catalog.sql has them; a later release adds columns behind these. */
enum { MODEL_ID = 1, MODEL_NAME = 2, MODEL_OWNER = 3, MODEL_ACTIVE = 14 };
enum { VERSION_MODEL = 1, VERSION_NUMBER = 2 };
enum { GRANT_MODEL = 1, GRANT_GRANTEE = 2 };

/* ---- rows by index ---- */

typedef struct lookup {
    Relation relation;
    SysScanDesc scan;
} lookup;

static HeapTuple first_row(lookup *l, const char *table, const char *index, ScanKey keys, int n)
{
    Oid schema = get_namespace_oid("longtail", false);
    Oid by = get_relname_relid(index, schema);

    l->relation = table_open(get_relname_relid(table, schema), AccessShareLock);
    l->scan = systable_beginscan(l->relation, by, OidIsValid(by), GetActiveSnapshot(), n, keys);
    return systable_getnext(l->scan);
}

static void end(lookup *l)
{
    systable_endscan(l->scan);
    table_close(l->relation, AccessShareLock);
}

static Datum column(const lookup *l, HeapTuple row, int number, bool *is_null)
{
    return heap_getattr(row, number, RelationGetDescr(l->relation), is_null);
}

static ltpg_role role_column(const lookup *l, HeapTuple row, int number)
{
    bool is_null;
    Datum value = column(l, row, number, &is_null);

    return ltpg_role_stored(value, TupleDescAttr(RelationGetDescr(l->relation), number - 1)->atttypid);
}

static void take_number(ScanKey key, int column, int32 value)
{
    ScanKeyInit(key, column, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(value));
}

static bool there_is(const ltpg_version *version)
{
    ScanKeyData keys[2];
    lookup l;
    bool found;

    take_number(&keys[0], VERSION_MODEL, version->model_id);
    take_number(&keys[1], VERSION_NUMBER, version->version);
    found = first_row(&l, "model_version", "model_version_pkey", keys, 2) != NULL;
    end(&l);
    return found;
}

/* The active version by the model's row; false: there is none. */
static bool take_active(const lookup *l, HeapTuple row, ltpg_version *out)
{
    bool is_null;

    out->model_id = DatumGetInt32(column(l, row, MODEL_ID, &is_null));
    out->version = DatumGetInt32(column(l, row, MODEL_ACTIVE, &is_null));
    out->activated = HeapTupleHeaderGetRawXmin(row->t_data);
    return !is_null;
}

bool ltpg_catalog_active(int model_id, ltpg_version *out)
{
    ScanKeyData key;
    lookup l;
    HeapTuple row;
    bool found;

    PushActiveSnapshot(GetTransactionSnapshot());
    take_number(&key, MODEL_ID, model_id);
    row = first_row(&l, "model", "model_pkey", &key, 1);
    found = row != NULL && take_active(&l, row, out);
    end(&l);
    PopActiveSnapshot();
    return found;
}

/* ---- rights ---- */

static bool is_granted(int model_id)
{
    ScanKeyData key;
    lookup l;
    bool granted = false;

    take_number(&key, GRANT_MODEL, model_id);
    for (HeapTuple row = first_row(&l, "model_grant", "model_grant_model_id", &key, 1); row != NULL && !granted;
         row = systable_getnext(l.scan)) {
        ltpg_role grantee = role_column(&l, row, GRANT_GRANTEE);

        granted = ltpg_role_held(&grantee);
    }
    end(&l);
    return granted;
}

bool ltpg_catalog_may_use(int model_id, const ltpg_role *owner)
{
    return ltpg_role_owns(owner) || is_granted(model_id);
}

void ltpg_catalog_check(const char *model, int model_id, const ltpg_role *owner, ltpg_right right)
{
    if (right == LTPG_OWN ? ltpg_role_owns(owner) : ltpg_catalog_may_use(model_id, owner))
        return;
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    right == LTPG_OWN ? errmsg("must be owner of model \"%s\"", model)
                                      : errmsg("permission denied for model \"%s\"", model),
                    right == LTPG_OWN ? 0 : errhint("Its owner can give it with longtail.grant_model.")));
}

/* ---- transactions of one snapshot ---- */

static int versions_of(int model_id, Snapshot snapshot)
{
    ScanKeyData key;
    lookup l;
    int n = 0;

    PushActiveSnapshot(snapshot);
    take_number(&key, VERSION_MODEL, model_id);
    for (HeapTuple row = first_row(&l, "model_version", "model_version_pkey", &key, 1); row != NULL;
         row = systable_getnext(l.scan))
        n++;
    end(&l);
    PopActiveSnapshot();
    return n;
}

/* A version that was held back leaves the model's row as it is: locking that one does not tell. */
void ltpg_catalog_check_snapshot(int model_id)
{
    if (IsolationUsesXactSnapshot() &&
        versions_of(model_id, GetTransactionSnapshot()) != versions_of(model_id, GetLatestSnapshot()))
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("could not serialize access due to concurrent update"),
                        errdetail("A version of the model was stored since this transaction began."),
                        errhint("Run the transaction again.")));
}

/* ---- a model by name ---- */

bool ltpg_catalog_find(const char *model, int version, ltpg_right right, bool missing_ok, ltpg_version *out)
{
    ScanKeyData key;
    lookup l;
    HeapTuple row;
    ltpg_role owner;
    bool found;

    ScanKeyEntryInitialize(&key, 0, MODEL_NAME, BTEqualStrategyNumber, InvalidOid, DEFAULT_COLLATION_OID, F_TEXTEQ,
                           CStringGetTextDatum(model));
    row = first_row(&l, "model", "model_name_key", &key, 1);
    if (row == NULL) {
        end(&l);
        if (missing_ok)
            return false;
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", model),
                        errhint("SELECT model FROM longtail.models lists the models you may use.")));
    }
    found = take_active(&l, row, out);
    owner = role_column(&l, row, MODEL_OWNER);
    end(&l);
    ltpg_catalog_check(model, out->model_id, &owner, right);
    if (version > 0) {
        out->version = version;
        out->activated = InvalidTransactionId;
        found = there_is(out);
    }
    if (!found && version != LTPG_NO_VERSION)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        version == LTPG_ACTIVE_VERSION ? errmsg("model \"%s\" has no promoted version", model)
                                                       : errmsg("model \"%s\" has no version %d", model, version),
                        errhint("longtail.model_versions lists them.")));
    if (!found)
        out->version = 0;
    return true;
}
