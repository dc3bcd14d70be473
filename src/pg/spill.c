/*
 * spill.c: temporary files for rows that do not fit into a training's memory (core/spill.h).
 *
 * They are PostgreSQL's own: temp_tablespaces says where, temp_file_limit how much, and they are gone after an error, a
 * crash or the end of the statement, whatever happens.  A file has its name in pgsql_tmp until it is closed.
 *
 * Lifetime: a mapping ends with the environment's memory context.  A file ends when ltpg_env_close_files is called; on
 * an error that does not happen, and the transaction's resource owner, which may be gone before the memory is, has
 * closed it.  So a mapping never looks at its file again.
 *
 * A mapping is made of space that was written before: a full disk is an error of a write, not a signal.
 */
#include "longtail.h"

#include <sys/mman.h>
#include <unistd.h>

#include "commands/tablespace.h"
#include "miscadmin.h"
#include "spill.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#define BLOCK 65536 /* bytes written between interrupts */

typedef struct spilled_file {
    struct spilled_file *next;
    File file; /* -1: closed */
    off_t size;
    char *map;
    size_t mapped;
    int descriptor; /* of the same, for reading in tasks: the server may close its own to make room for others */
} spilled_file;

typedef struct spill {
    lt_spill core;
    MemoryContext memory;
    spilled_file *files;
    MemoryContextCallback unmap;
} spill;

static void unmap_file(spilled_file *f)
{
    if (f->map == NULL)
        return;
    munmap(f->map, f->mapped);
    close(f->descriptor);
    ReleaseExternalFD();
    f->map = NULL;
}

static void unmap_all(void *context)
{
    for (spilled_file *f = ((spill *)context)->files; f != NULL; f = f->next)
        unmap_file(f);
}

static void *spill_create(void *context)
{
    spill *s = context;
    spilled_file *f = MemoryContextAllocZero(s->memory, sizeof *f);

    f->file = -1;
    f->next = s->files;
    s->files = f;
    PrepareTempTablespaces();
    f->file = OpenTemporaryFile(false);
    return f;
}

static void spill_append(void *context, void *file, const void *bytes, size_t n)
{
    spill *s = context;
    spilled_file *f = file;
    char *from = (char *)bytes;

    while (n > 0) {
        int amount = Min(n, BLOCK), written;

        CHECK_FOR_INTERRUPTS();
        errno = 0;
        written = FileWrite(f->file, from, amount, f->size, WAIT_EVENT_BUFFILE_WRITE);
        if (written != amount) {
            if (written >= 0 && errno == 0)
                errno = ENOSPC;
            ereport(ERROR, (errcode_for_file_access(), errmsg("could not write rows to a temporary file: %m"),
                            errhint("The rows of this training do not fit into longtail.training_memory: raise it, or"
                                    " give temp_tablespaces more room.")));
        }
        f->size += amount;
        from += amount;
        n -= amount;
        s->core.written += amount;
    }
}

static void *spill_map(void *context, void *file, size_t bytes)
{
    static const char zeros[BLOCK];
    spilled_file *f = file;
    void *map;

    while ((size_t)f->size < bytes)
        spill_append(context, file, zeros, Min(bytes - f->size, BLOCK));
    FileSize(f->file); /* opens it again, had it made room for others */
    if (!AcquireExternalFD())
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("too many files are open: %m")));
    f->descriptor = dup(FileGetRawDesc(f->file));
    if (f->descriptor < 0) {
        ReleaseExternalFD();
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("too many files are open: %m")));
    }
    map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->descriptor, 0);
    if (map == MAP_FAILED) {
        int reason = errno;

        close(f->descriptor);
        ReleaseExternalFD();
        errno = reason;
        ereport(ERROR, (reason == ENOMEM ? errcode(ERRCODE_OUT_OF_MEMORY) : errcode_for_file_access(),
                        errmsg("could not map a temporary file of rows: %m")));
    }
    f->map = map;
    f->mapped = bytes;
    return map;
}

static void spill_drop(void *context, const void *first, size_t bytes)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)first & ~(page - 1);

    madvise((void *)from, (uintptr_t)first + bytes - from, MADV_DONTNEED);
}

static void spill_read(void *context, const void *from, void *to, size_t bytes)
{
    const char *at = from;

    for (const spilled_file *f = ((spill *)context)->files; f != NULL; f = f->next)
        if (f->map != NULL && at >= f->map && at < f->map + f->mapped &&
            pread(f->descriptor, to, bytes, at - f->map) == (ssize_t)bytes)
            return;
    memcpy(to, from, bytes);
}

static void close_file(spilled_file *f)
{
    unmap_file(f);
    if (f->file >= 0)
        FileClose(f->file);
    f->file = -1;
}

static void spill_close(void *context, void *file)
{
    close_file(file);
}

void ltpg_env_spill(lt_env *env, MemoryContext memory)
{
    spill *s = MemoryContextAllocZero(memory, sizeof *s);

    s->core = (lt_spill){.context = s,
                         .most = env->budget / 5 * 2,
                         .create = spill_create,
                         .append = spill_append,
                         .map = spill_map,
                         .drop = spill_drop,
                         .read = spill_read,
                         .close = spill_close};
    s->memory = memory;
    s->unmap.func = unmap_all;
    s->unmap.arg = s;
    MemoryContextRegisterResetCallback(memory, &s->unmap);
    env->spill = &s->core;
}

int64 ltpg_env_close_files(lt_env *env)
{
    int64 written;

    if (env->spill == NULL)
        return 0;
    for (spilled_file *f = ((spill *)env->spill->context)->files; f != NULL; f = f->next)
        close_file(f);
    written = env->spill->written;
    env->spill = NULL;
    return written;
}
