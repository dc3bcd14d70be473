/*
 * catalog_forget.c: versions changed in place (see catalog_forget.h).
 *
 * Locking: trainings share an advisory lock of the model, forgetting takes it alone, both until the end of their
 * transaction.  The model's row is locked after it, by both, when they store.
 */
#include "catalog_forget.h"

#include "cache.h"
#include "catalog/pg_type.h"
#include "catalog_query.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/snapmgr.h"

#define TRAINING_LOCK 0x4c55 /* tells it from users' advisory locks, who have 1 and 2, and from cache.c's */

static void lock_trainings(int model_id, LOCKMODE mode)
{
    LOCKTAG tag;

    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, model_id, 0, TRAINING_LOCK);
    LockAcquire(&tag, mode, false, false);
    PushActiveSnapshot(GetTransactionSnapshot());
}

void ltpg_catalog_training_begins(int model_id)
{
    lock_trainings(model_id, ShareLock);
}

int ltpg_catalog_versions(int model_id, int **versions)
{
    MemoryContext caller = CurrentMemoryContext;
    ltpg_arguments a = {0};
    bool is_null;
    int n;

    SPI_connect();
    ltpg_give(&a, INT4OID, Int32GetDatum(model_id));
    ltpg_catalog_run("SELECT version FROM longtail.model_version WHERE model_id = $1 ORDER BY version", &a, true,
                     SPI_OK_SELECT);
    n = (int)SPI_processed;
    *versions = MemoryContextAlloc(caller, Max(n, 1) * sizeof **versions);
    for (int i = 0; i < n; i++)
        (*versions)[i] = DatumGetInt32(ltpg_field(i, 1, &is_null));
    SPI_finish();
    return n;
}

void ltpg_catalog_forgetting_begins(const char *model, int model_id)
{
    lock_trainings(model_id, ExclusiveLock);
    SPI_connect();
    ltpg_catalog_lock(model, model_id);
    SPI_finish();
    /* Who had the row until now may have stored a version, or dropped one. */
    PopActiveSnapshot();
    PushActiveSnapshot(GetTransactionSnapshot());
}

void ltpg_catalog_replace(const ltpg_version *version, const ltpg_part *parts, int n_parts, int64 users)
{
    ltpg_arguments a = {0};

    SPI_connect();
    ltpg_give(&a, INT4OID, Int32GetDatum(version->model_id));
    ltpg_give(&a, INT4OID, Int32GetDatum(version->version));
    for (int i = 0; i < n_parts; i++) {
        ltpg_arguments part = a;

        ltpg_give_text(&part, parts[i].name);
        ltpg_catalog_run("DELETE FROM longtail.model_data WHERE model_id = $1 AND version = $2 AND part = $3", &part,
                         false, SPI_OK_DELETE);
        ltpg_catalog_store_part(version->model_id, version->version, &parts[i]);
    }
    ltpg_give(&a, INT8OID, Int64GetDatum(users));
    ltpg_catalog_run("UPDATE longtail.model_version SET users = $3 WHERE model_id = $1 AND version = $2", &a, false,
                     SPI_OK_UPDATE);
    SPI_finish();
}

void ltpg_catalog_renew(int model_id)
{
    ltpg_arguments a = {0};

    SPI_connect();
    ltpg_catalog_supersede(model_id);
    ltpg_give(&a, INT4OID, Int32GetDatum(model_id));
    ltpg_catalog_run("UPDATE longtail.model SET active_version = active_version WHERE model_id = $1", &a, false,
                     SPI_OK_UPDATE);
    SPI_finish();
    ltpg_model_outdate(model_id);
}
