/*
 * cache.c: loading model versions and keeping them in the session.
 *
 * An active version is mapped from the file that all backends share, or loaded from the catalog where there is none
 * (shared.h); the first backend that misses the file makes it, others wait for it.
 *
 * A model lives in a context of its own under CacheMemoryContext. When together they exceed longtail.cache_memory,
 * those not used for longest and not pinned go. Mappings do not count, and go when another version of their model comes
 * or their file is found gone. A pin is held by the expression that opened the model and released by a
 * callback when the expression's memory goes, also on errors.
 */
#include "cache.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "access/xact.h"
#include "ids.h"
#include "miscadmin.h"
#include "relation.h"
#include "shared.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* Tells the advisory locks under which files are made from those of users, who have 1 and 2. */
#define MAKING_LOCK 0x4c54

static ltpg_model *models; /* all kept in this session */
static uint64 uses;

/* What an expression remembers (fn_extra): a model that was looked up under these circumstances. */
typedef struct opened {
    MemoryContextCallback release;
    char *name;
    ltpg_model *model;
    Oid role;
    TimestampTz statement;
    LocalTransactionId transaction;
    CommandId command;
} opened;

/* ---- loading ---- */

static ltpg_model *blank(const ltpg_version *version)
{
    MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "longtail model", ALLOCSET_DEFAULT_SIZES);
    ltpg_model *model = MemoryContextAllocZero(memory, sizeof *model);

    model->memory = memory;
    model->version = *version;
    model->env = ltpg_env(memory, 0);
    return model;
}

/* From the catalog, into memory of its own. */
static ltpg_model *load(const ltpg_version *version, const char *part)
{
    ltpg_model *model = blank(version);
    MemoryContext old = MemoryContextSwitchTo(model->memory);
    lt_reader reader;
    uint8 *bytes;
    size_t n;

    model->definition = ltpg_catalog_definition(version->model_id, version->version);
    model->duplicates = lt_combination_of(ltpg_options_text(model->definition->options, "duplicates", "auto"),
                                          model->definition->label_column != NULL);
    bytes = ltpg_catalog_load(version, part, &n);
    lt_reader_init(model->env, &reader, bytes, n);
    if (lt_bundle_read(&reader, &model->bundle) != LT_OK) {
        lt_fail_hint(model->env, "Model \"%s\", version %d. Promote another version, or train again.",
                     model->definition->name, version->version);
        ltpg_raise(model->env);
    }
    pfree(bytes);
    LTPG(model->env, lt_recommender_init(model->env, &model->recommender, &model->bundle));
    MemoryContextSwitchTo(old);
    return model;
}

static ltpg_model *map(const ltpg_version *version)
{
    ltpg_model *model = blank(version);

    model->mapped = ltpg_shared_map(model);
    if (model->mapped)
        return model;
    MemoryContextDelete(model->memory);
    return NULL;
}

/* The copy that a file was made from: once some large blocks were freed, malloc would keep those after them. */
static void give_back(ltpg_model *model)
{
    MemoryContextDelete(model->memory);
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/*
 * From the file, which is made if need be.  The lock is no part of what makes that right: it keeps backends that all
 * miss the file, as after a start, from each loading the version to make it.
 */
static ltpg_model *open_active(const ltpg_version *version)
{
    ltpg_model *model, *own;
    LOCKTAG making;

    if (!ltpg_shared_wanted(version))
        return load(version, "model");
    model = map(version);
    if (model != NULL)
        return model;
    SET_LOCKTAG_ADVISORY(making, MyDatabaseId, version->model_id, version->version, MAKING_LOCK);
    LockAcquire(&making, ExclusiveLock, false, false);
    model = map(version);
    if (model == NULL) {
        own = load(version, "model");
        if (ltpg_shared_make(own))
            model = map(version);
        if (model != NULL)
            give_back(own);
        else
            model = own;
    }
    LockRelease(&making, ExclusiveLock, false);
    return model;
}

static void forget(ltpg_model *model)
{
    if (model->seen_plan != NULL)
        SPI_freeplan(model->seen_plan);
    if (model->user_plan != NULL)
        SPI_freeplan(model->user_plan);
    MemoryContextDelete(model->memory);
}

static void make_room(void)
{
    for (;;) {
        Size total = 0;
        ltpg_model **oldest = NULL;

        for (ltpg_model **m = &models; *m != NULL; m = &(*m)->next) {
            total += MemoryContextMemAllocated((*m)->memory, true);
            if ((*m)->pins == 0 && (oldest == NULL || (*m)->last_use < (*oldest)->last_use))
                oldest = m;
        }
        if (total / 1024 <= (Size)ltpg_cache_memory || oldest == NULL)
            return;
        else {
            ltpg_model *gone = *oldest;

            *oldest = gone->next;
            forget(gone);
        }
    }
}

/* Before another is opened: versions that have been superseded, as far as can be told without asking the catalog. */
static void forget_superseded(const ltpg_version *by)
{
    for (ltpg_model **m = &models; *m != NULL;) {
        ltpg_model *model = *m;

        if (model->pins == 0 &&
            (model->version.model_id == by->model_id || (model->mapped && !ltpg_shared_there(&model->version)))) {
            *m = model->next;
            forget(model);
        } else {
            m = &model->next;
        }
    }
}

static ltpg_model *get(const ltpg_version *version)
{
    ltpg_model *model;

    for (model = models; model != NULL; model = model->next)
        if (model->version.model_id == version->model_id && model->version.version == version->version &&
            model->version.activated == version->activated)
            break;
    if (model == NULL) {
        forget_superseded(version);
        model = open_active(version);
        MemoryContextSetParent(model->memory, CacheMemoryContext);
        model->next = models;
        models = model;
    }
    model->last_use = ++uses;
    return model;
}

ltpg_model *ltpg_model_load(const char *name, int version)
{
    ltpg_version found;

    ltpg_catalog_find(name, version, LTPG_USE, false, &found);
    return load(&found, "model");
}

ltpg_model *ltpg_model_load_validated(const char *name, bool *other)
{
    ltpg_version found;

    ltpg_catalog_find(name, LTPG_ACTIVE_VERSION, LTPG_USE, false, &found);
    if (!ltpg_catalog_has_part(&found, "validated"))
        return load(&found, "model");
    if (other != NULL)
        *other = true;
    return load(&found, "validated");
}

/*
 * Once the transaction has changed a version again there is no other identity for it.  No version that is looked up was
 * activated by no transaction.
 */
void ltpg_model_outdate(int model_id)
{
    for (ltpg_model *m = models; m != NULL; m = m->next)
        if (m->version.model_id == model_id)
            m->version.activated = InvalidTransactionId;
}

/* ---- opening ---- */

static void unpin(void *arg)
{
    opened *o = arg;

    if (o->model != NULL)
        o->model->pins--;
    o->model = NULL;
}

static bool still_current(const opened *o, const char *name)
{
    return o->model != NULL && o->role == GetUserId() && o->statement == GetCurrentStatementStartTimestamp() &&
           o->transaction == LTPG_LOCAL_TRANSACTION && o->command == GetActiveSnapshot()->curcid &&
           strcmp(o->name, name) == 0;
}

/* A relation that was dropped since the model was opened may be there again. */
static void find_relations_again(ltpg_model *model)
{
    ltpg_definition *d = (ltpg_definition *)model->definition, *now;

    if (ltpg_relation_there(d->source) && (!OidIsValid(d->user_features) || ltpg_relation_there(d->user_features)))
        return;
    now = ltpg_catalog_definition(model->version.model_id, model->version.version);
    d->source = now->source;
    d->user_features = now->user_features;
}

ltpg_model *ltpg_model_open(FunctionCallInfo fcinfo, const char *name)
{
    FmgrInfo *flinfo = fcinfo->flinfo;
    opened *o = flinfo->fn_extra;
    ltpg_version found;

    if (o != NULL && still_current(o, name))
        return o->model;
    if (o == NULL) {
        o = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof *o);
        o->release.func = unpin;
        o->release.arg = o;
        MemoryContextRegisterResetCallback(flinfo->fn_mcxt, &o->release);
        flinfo->fn_extra = o;
    }
    unpin(o);
    ltpg_catalog_find(name, LTPG_ACTIVE_VERSION, LTPG_USE, false, &found);
    o->model = get(&found);
    find_relations_again(o->model);
    o->model->pins++;
    o->name = MemoryContextStrdup(flinfo->fn_mcxt, name);
    o->role = GetUserId();
    o->statement = GetCurrentStatementStartTimestamp();
    o->transaction = LTPG_LOCAL_TRANSACTION;
    o->command = GetActiveSnapshot()->curcid;
    make_room();
    return o->model;
}

/* ---- ids ---- */

void ltpg_model_check_recommender(const ltpg_model *model)
{
    if (!lt_bundle_is_recommender(&model->bundle))
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("model \"%s\" has no users and items", model->definition->name),
                 errhint("It was trained without user_column and item_column; use longtail.predict with a row.")));
}

static int32 number_of(const lt_dictionary *d, lt_id_kind kind, Datum value, Oid type)
{
    ltpg_key key;

    ltpg_key_make(&key, value, type, kind);
    return lt_dictionary_find(d, key.bytes, key.length);
}

int32 ltpg_model_item(const ltpg_model *model, Datum value, Oid type)
{
    return number_of(&model->bundle.items, model->bundle.item_id, value, type);
}

int32 ltpg_model_user(const ltpg_model *model, Datum value, Oid type)
{
    return number_of(&model->bundle.users, model->bundle.user_id, value, type);
}

char *ltpg_model_item_text(const ltpg_model *model, int32 item)
{
    int64_t length;
    const char *bytes = lt_dictionary_key(&model->bundle.items, item, &length);

    return ltpg_key_text(model->bundle.item_id, bytes, length);
}

char *ltpg_model_column_name(lt_env *env, const ltpg_model *model, int32 column)
{
    const lt_bundle *b = &model->bundle;
    Size size = 512;
    char *name = palloc(size);
    int32_t number;
    int64_t length;
    const char *bytes;

    switch (lt_bundle_column_id(b, column, &number)) {
    case LT_ID_OF_USER:
        bytes = lt_dictionary_key(&b->users, number, &length);
        return psprintf("user id=%s", ltpg_key_text(b->user_id, bytes, length));
    case LT_ID_OF_ITEM:
        return psprintf("item id=%s", ltpg_model_item_text(model, number));
    case LT_ID_OF_NOBODY:
        break;
    }
    LTPG(env, lt_bundle_column_name(env, b, column, name, size));
    return name;
}

lt_pairs ltpg_model_seen(lt_env *env, const ltpg_model *model)
{
    lt_reader reader;
    lt_pairs seen;
    uint8 *bytes;
    size_t n;

    bytes = ltpg_catalog_load(&model->version, "seen", &n);
    lt_reader_init(env, &reader, bytes, n);
    LTPG(env, lt_pairs_read(&reader, &seen));
    pfree(bytes);
    if (seen.rows != model->bundle.users.n || seen.cols != model->bundle.items.n)
        ereport(ERROR,
                (errcode(ERRCODE_DATA_CORRUPTED),
                 errmsg("the seen items of model \"%s\" do not fit its users and items", model->definition->name)));
    return seen;
}
