/*
 * shared.c: files of images, made, mapped and removed.
 *
 * A file is base/pgsql_tmp/pgsql_tmp_longtail.<database>.<model>.<version>.<identity>, the identity a hash of the
 * three, of the transaction that made the version active, of the server's start or recovery since which it runs (before
 * that, a lost transaction may have had the same number) and of the library that wrote the file; its head repeats all
 * of them.  While it is written, the writer's process id follows.  PostgreSQL removes files of this name when it
 * starts; until then those left over are removed by whoever makes another: files of versions no longer active, of
 * databases that are gone, of writers that are gone.
 *
 * DROP EXTENSION takes the database's files with it.
 *
 * Files are not synced: none is looked at after a restart.
 */
#include "shared.h"

#include <elf.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xact.h"
#include "commands/extension.h"
#include "common/file_perm.h"
#include "common/file_utils.h"
#include "common/hashfn.h"
#include "image.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/pg_shmem.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define DIRECTORY "base/" PG_TEMP_FILES_DIR
#define PREFIX PG_TEMP_FILE_PREFIX "_longtail."
#define PIECE (8 * 1024 * 1024) /* bytes written between polls */

/* The beginning of a file; the image follows. */
typedef union head {
    struct {
        char magic[8];
        uint64 length; /* of the whole file */
        Oid database;
        int32 model_id, version;
        TransactionId activated;
        uint32 run; /* of the server */
        uint8 library[32];
    };
    char aligned[128];
} head;

/* The linker's identity of this library: equal only for equal code and layouts. All zero: it gave none. */
static uint8 library[32];

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

void ltpg_shared_start(void)
{
    const char *base = (const char *)&__ehdr_start;
    const ElfW(Phdr) *part = (const ElfW(Phdr) *)(base + __ehdr_start.e_phoff);

    for (int i = 0; i < __ehdr_start.e_phnum; i++) {
        const char *at = base + part[i].p_vaddr, *last = at + part[i].p_memsz;

        while (part[i].p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) <= last) {
            const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
            const char *name = at + sizeof *note, *bytes = name + TYPEALIGN(4, note->n_namesz);

            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(name, "GNU", 4) == 0)
                memcpy(library, bytes, Min(note->n_descsz, sizeof library));
            at = bytes + TYPEALIGN(4, note->n_descsz);
        }
    }
}

static head head_of(const ltpg_version *version)
{
    head h;

    memset(&h, 0, sizeof h);
    memcpy(h.magic, "longtail", sizeof h.magic);
    h.database = MyDatabaseId;
    h.model_id = version->model_id;
    h.version = version->version;
    h.activated = version->activated;
    h.run = ((const PGShmemHeader *)UsedShmemSegAddr)->dsm_control; /* drawn whenever shared memory is made */
    memcpy(h.library, library, sizeof library);
    return h;
}

static void path_of(const ltpg_version *version, char path[MAXPGPATH])
{
    head h = head_of(version);

    snprintf(path, MAXPGPATH, DIRECTORY "/" PREFIX "%u.%d.%d.%016llx", h.database, h.model_id, h.version,
             (unsigned long long)hash_bytes_extended((const unsigned char *)&h, sizeof h, 0));
}

bool ltpg_shared_wanted(const ltpg_version *version)
{
    static const uint8 none[sizeof library];

    return ltpg_shared_cache && memcmp(library, none, sizeof none) != 0 &&
           !TransactionIdIsCurrentTransactionId(version->activated);
}

bool ltpg_shared_there(const ltpg_version *version)
{
    char path[MAXPGPATH];

    path_of(version, path);
    return access(path, F_OK) == 0;
}

/* ---- the walk ---- */

static lt_status image_definition(lt_image *im, ltpg_definition *d)
{
    int64 size = lt_image_reading(im) ? 0 : VARSIZE(d->options);

    LT_TRY(lt_image_struct(im, d, sizeof *d));
    LT_TRY(lt_image_text(im, &d->name));
    LT_TRY(lt_image_text(im, &d->algorithm));
    LT_TRY(lt_image_text(im, &d->user_column));
    LT_TRY(lt_image_text(im, &d->item_column));
    LT_TRY(lt_image_text(im, &d->label_column));
    LT_TRY(lt_image_text(im, &d->weight_column));
    LT_TRY(lt_image_text(im, &d->time_column));
    LT_TRY(lt_image_struct(im, &size, sizeof size));
    return lt_image_structs(im, &d->options, size, 1);
}

/* What a file holds of a model. */
static lt_status image_model(lt_image *im, ltpg_model *model)
{
    if (lt_image_reading(im))
        model->definition = MemoryContextAllocZero(model->memory, sizeof *model->definition);
    LT_TRY(lt_image_struct(im, &model->duplicates, sizeof model->duplicates));
    LT_TRY(image_definition(im, (ltpg_definition *)model->definition));
    LT_TRY(lt_image_served(im, &model->bundle, &model->recommender));
    return lt_image_finish(im);
}

/* ---- mapping ---- */

typedef struct mapping {
    MemoryContextCallback release;
    void *bytes;
    size_t n;
} mapping;

static void unmap(void *arg)
{
    mapping *m = arg;

    munmap(m->bytes, m->n);
}

/*
 * A file whole, for as long as `memory` lives; false: it is not there or cannot be had.  Whatever else may have the
 * name, a pipe say, must not be waited for.
 */
static bool map_file(const char *path, MemoryContext memory, mapping **out)
{
    mapping *m = MemoryContextAllocZero(memory, sizeof *m);
    int file = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);
    struct stat found;

    if (file < 0)
        return false;
    m->bytes = MAP_FAILED;
    if (fstat(file, &found) == 0 && S_ISREG(found.st_mode) && found.st_size >= (off_t)sizeof(head)) {
        m->n = (size_t)found.st_size;
        m->bytes = mmap(NULL, m->n, PROT_READ, MAP_SHARED, file, 0);
    }
    CloseTransientFile(file);
    if (m->bytes == MAP_FAILED)
        return false;
    m->release.func = unmap;
    m->release.arg = m;
    MemoryContextRegisterResetCallback(memory, &m->release);
    *out = m;
    return true;
}

bool ltpg_shared_map(ltpg_model *model)
{
    head wanted = head_of(&model->version);
    char path[MAXPGPATH];
    mapping *m;
    lt_image image;

    path_of(&model->version, path);
    if (!map_file(path, model->memory, &m))
        return false;
    wanted.length = m->n;
    return memcmp(m->bytes, &wanted, sizeof wanted) == 0 &&
           lt_image_read(model->env, &image, (const char *)m->bytes + sizeof wanted, m->n - sizeof wanted) == LT_OK &&
           image_model(&image, model) == LT_OK;
}

/* ---- making ---- */

typedef struct output {
    int file;
    uint64 length;
} output;

static bool put(void *context, const void *bytes, size_t n)
{
    output *out = context;

    for (size_t at = 0; at < n;) {
        ssize_t written;

        CHECK_FOR_INTERRUPTS();
        errno = 0;
        written = write(out->file, (const char *)bytes + at, Min(n - at, PIECE));
        if (written <= 0) {
            if (errno == EINTR)
                continue;
            if (errno == 0)
                errno = ENOSPC;
            return false;
        }
        at += (size_t)written;
    }
    out->length += n;
    return true;
}

/* errno is what was wrong when false, or 0 where there was not enough memory. */
static bool write_file(ltpg_model *model, const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | PG_BINARY;
    head h = head_of(&model->version);
    output out;
    lt_env *env = ltpg_env(CurrentMemoryContext, 0);
    lt_image image;
    bool good;

    unlink(path); /* of a process that had the same number */
    out = (output){.file = OpenTransientFile(path, flags)};
    if (out.file < 0 && errno == ENOENT && (MakePGDirectory(DIRECTORY) == 0 || errno == EEXIST))
        out.file = OpenTransientFile(path, flags);
    if (out.file < 0)
        return false;
    good = put(&out, &h, sizeof h);
    if (good) {
        lt_image_write(env, &image, put, &out);
        good = image_model(&image, model) == LT_OK;
    }
    h.length = out.length;
    if (good && pwrite(out.file, &h, sizeof h, 0) != sizeof h)
        good = false;
    if (CloseTransientFile(out.file) != 0)
        good = false;
    return good;
}

static void sweep(void);

static void complain(const char *path)
{
    static bool said;
    int reason = errno;

    if (said)
        return;
    said = true;
    errno = reason;
    ereport(LOG, (errcode_for_file_access(), errmsg("could not make \"%s\": %m", path),
                  errdetail("This session keeps models in memory of its own.")));
}

bool ltpg_shared_make(ltpg_model *model)
{
    MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "longtail image", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(scratch);
    char path[MAXPGPATH], unfinished[MAXPGPATH + 16];
    volatile bool made = false;

    path_of(&model->version, path);
    snprintf(unfinished, sizeof unfinished, "%s.%d", path, MyProcPid);
    PG_TRY();
    {
        made = write_file(model, unfinished) && rename(unfinished, path) == 0;
    }
    PG_FINALLY();
    {
        if (!made) {
            int reason = errno;

            unlink(unfinished);
            errno = reason;
        }
    }
    PG_END_TRY();
    if (!made)
        complain(path);
    else
        sweep();
    MemoryContextSwitchTo(old);
    MemoryContextDelete(scratch);
    return made;
}

/* ---- removing ---- */

static bool left_over(const char *name)
{
    ltpg_version active, version = {0};
    unsigned database;
    int pid, end = 0;
    char path[MAXPGPATH];

    if (sscanf(name, PREFIX "%u.%d.%d.%*16[0-9a-f]%n", &database, &version.model_id, &version.version, &end) < 3 ||
        end == 0)
        return false;
    if (sscanf(name + end, ".%d", &pid) == 1)
        return pid == MyProcPid || (kill(pid, 0) != 0 && errno == ESRCH);
    if (database != MyDatabaseId)
        return !SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(database));
    if (!ltpg_catalog_active(version.model_id, &active))
        return true;
    path_of(&active, path);
    return strcmp(path + strlen(DIRECTORY "/"), name) != 0;
}

static void sweep(void)
{
    DIR *directory = AllocateDir(DIRECTORY);
    struct dirent *entry;

    while ((entry = ReadDirExtended(directory, DIRECTORY, LOG)) != NULL)
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 && left_over(entry->d_name)) {
            char path[MAXPGPATH];

            snprintf(path, sizeof path, DIRECTORY "/%s", entry->d_name);
            unlink(path);
        }
    if (directory != NULL)
        FreeDir(directory);
}

/* Files to remove at commit, the innermost subtransaction's first; in TopTransactionContext. */
typedef struct superseded {
    struct superseded *next;
    int level; /* of the subtransaction */
    char path[MAXPGPATH];
} superseded;

static superseded *leaving;
static Oid watched; /* the extension, while this transaction may drop it */

static superseded *leave(void)
{
    superseded *s = MemoryContextAlloc(TopTransactionContext, sizeof *s);

    s->level = GetCurrentTransactionNestLevel();
    s->next = leaving;
    leaving = s;
    return s;
}

/* All files of this database.  At commit itself nothing may fail any more, so they are looked up before. */
static void leave_all(void)
{
    DIR *directory = AllocateDir(DIRECTORY);
    struct dirent *entry;
    unsigned database;

    while ((entry = ReadDirExtended(directory, DIRECTORY, DEBUG1)) != NULL)
        if (sscanf(entry->d_name, PREFIX "%u.", &database) == 1 && database == MyDatabaseId)
            snprintf(leave()->path, MAXPGPATH, DIRECTORY "/%s", entry->d_name);
    if (directory != NULL)
        FreeDir(directory);
}

static void at_end(XactEvent event, void *arg)
{
    switch (event) {
    case XACT_EVENT_PRE_COMMIT:
        if (OidIsValid(watched) && get_extension_name(watched) == NULL)
            leave_all();
        break;
    case XACT_EVENT_COMMIT:
        for (superseded *s = leaving; s != NULL; s = s->next)
            unlink(s->path);
        leaving = NULL;
        watched = InvalidOid;
        break;
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE: /* what is prepared and then committed is swept */
        leaving = NULL;
        watched = InvalidOid;
        break;
    default:
        break;
    }
}

static void at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
    int level = GetCurrentTransactionNestLevel();

    if (event == SUBXACT_EVENT_ABORT_SUB)
        while (leaving != NULL && leaving->level >= level) /* the innermost come first */
            leaving = leaving->next;
    if (event == SUBXACT_EVENT_COMMIT_SUB)
        for (superseded *s = leaving; s != NULL && s->level >= level; s = s->next)
            s->level = level - 1;
}

static void await_end(void)
{
    static bool registered;

    if (registered)
        return;
    RegisterXactCallback(at_end, NULL);
    RegisterSubXactCallback(at_subtransaction_end, NULL);
    registered = true;
}

void ltpg_shared_supersede(const ltpg_version *version)
{
    await_end();
    path_of(version, leave()->path);
}

/* What drops an extension may drop this one: called before, by the event trigger of sql/parts/leave.sql. */
PG_FUNCTION_INFO_V1(longtail_watch_drop);
Datum longtail_watch_drop(PG_FUNCTION_ARGS)
{
    await_end();
    watched = get_extension_oid("longtail", true);
    PG_RETURN_VOID();
}
