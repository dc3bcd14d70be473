/*
 * faults.c: a library to preload into a server, so that a test can stop one of its processes, or have a call of its
 * fail, at a moment of the test's choosing: the n-th time it writes rows, syncs, renames, asks for memory ...
 *
 * The test and the server's processes share a file, named by LONGTAIL_FAULTS.  Calls of one process are counted by
 * kind; at the n-th of a kind the process does what it is told: nothing, stand still (until it is killed), or fail.
 * Without that file nothing is changed.  See faults.pm.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WAL, ROWS, TEMPORARY, SYNC, RENAME, REMOVE, OPEN, MEMORY, MAP, DUPLICATE, KINDS };
enum action { COUNT, STAND_STILL, FAIL_ONCE, FAIL_FROM_THERE_ON };

/* As faults.pm packs it. */
static volatile struct control {
    int32_t pid, kind, action, error, reached, unused;
    int64_t at, count[KINDS];
} *control;

static __typeof__(write) *real_write;
static __typeof__(pwrite) *real_pwrite;
static __typeof__(pwritev) *real_pwritev;
static __typeof__(ftruncate) *real_ftruncate;
static __typeof__(posix_fallocate) *real_posix_fallocate;
static __typeof__(fsync) *real_fsync;
static __typeof__(fdatasync) *real_fdatasync;
static __typeof__(rename) *real_rename;
static __typeof__(unlink) *real_unlink;
static __typeof__(open) *real_open;
static __typeof__(dup) *real_dup;
static __typeof__(mmap) *real_mmap;

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);

/* Before main, or in the first call made before that. */
__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("LONGTAIL_FAULTS");
    void *bytes;
    int file;

    if (real_mmap != NULL)
        return;
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_pwritev = dlsym(RTLD_NEXT, "pwritev");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_posix_fallocate = dlsym(RTLD_NEXT, "posix_fallocate");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_open = dlsym(RTLD_NEXT, "open");
    real_dup = dlsym(RTLD_NEXT, "dup");
    real_mmap = dlsym(RTLD_NEXT, "mmap");
    file = path == NULL ? -1 : real_open(path, O_RDWR);
    if (file < 0)
        return;
    bytes = real_mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (bytes != MAP_FAILED)
        control = bytes;
}

/* True where the call is to fail, with errno set. */
static int fault(enum kind kind)
{
    int64_t n;

    if (control == NULL || control->pid == 0 || control->pid != getpid())
        return 0;
    n = __atomic_add_fetch(&control->count[kind], 1, __ATOMIC_SEQ_CST);
    if (kind != (enum kind)control->kind || control->action == COUNT || n < control->at ||
        (n > control->at && control->action != FAIL_FROM_THERE_ON))
        return 0;
    control->reached = 1;
    while (control->action == STAND_STILL)
        pause();
    errno = control->error;
    return 1;
}

/*
 * Memory is not refused to OpenBLAS and its threads: they end the process where they get none, which nobody outside can
 * help.  What helps is to see that there is room before they are called, and a limited address space shows whether.
 */
static _Thread_local int loading;

static int of_openblas(void *caller)
{
    Dl_info found;

    if (loading)
        return 1;
    return dladdr(caller, &found) != 0 && found.dli_fname != NULL &&
           (strstr(found.dli_fname, "openblas") != NULL || strstr(found.dli_fname, "libgomp") != NULL);
}

void *dlopen(const char *path, int flags)
{
    static __typeof__(dlopen) *real_dlopen;
    void *library;

    if (real_dlopen == NULL)
        real_dlopen = dlsym(RTLD_NEXT, "dlopen");
    loading = path != NULL && strstr(path, "openblas") != NULL;
    library = real_dlopen(path, flags);
    loading = 0;
    return library;
}

static int memory_fault(void *caller)
{
    if (control == NULL || control->pid == 0 || control->pid != getpid() || of_openblas(caller))
        return 0;
    return fault(MEMORY);
}
#define MEMORY_FAULT memory_fault(__builtin_return_address(0))

static int path_fault(const char *path)
{
    return fault(strstr(path, "pg_wal/") != NULL      ? WAL
                 : strstr(path, "pgsql_tmp") != NULL  ? TEMPORARY
                                                      : ROWS);
}

/* Of relations, write-ahead log and temporary files; not of the server's log and connections. */
static int write_fault(int file)
{
    char name[64], path[512];
    ssize_t n;

    if (control == NULL || control->pid == 0 || control->pid != getpid())
        return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    n = readlink(name, path, sizeof path - 1);
    if (n <= 0)
        return 0;
    path[n] = '\0';
    if (strstr(path, "pg_wal/") == NULL && strstr(path, "pgsql_tmp") == NULL && strstr(path, "/base/") == NULL &&
        strstr(path, "/global/") == NULL && strstr(path, "/PG_") == NULL && strstr(path, "/pg_xact/") == NULL)
        return 0;
    return path_fault(path);
}

#define INSTEAD(kind_of_fault, failure, call)                                                                          \
    do {                                                                                                               \
        if (kind_of_fault)                                                                                             \
            return failure;                                                                                            \
        return call;                                                                                                   \
    } while (0)

ssize_t write(int file, const void *bytes, size_t n) { INSTEAD(write_fault(file), -1, real_write(file, bytes, n)); }
ssize_t pwrite(int file, const void *bytes, size_t n, off_t at)
{
    INSTEAD(write_fault(file), -1, real_pwrite(file, bytes, n, at));
}
ssize_t pwrite64(int file, const void *bytes, size_t n, off_t at)
{
    INSTEAD(write_fault(file), -1, real_pwrite(file, bytes, n, at));
}
ssize_t pwritev(int file, const struct iovec *parts, int n, off_t at)
{
    INSTEAD(write_fault(file), -1, real_pwritev(file, parts, n, at));
}
ssize_t pwritev64(int file, const struct iovec *parts, int n, off_t at)
{
    INSTEAD(write_fault(file), -1, real_pwritev(file, parts, n, at));
}
int ftruncate(int file, off_t n) { INSTEAD(write_fault(file), -1, real_ftruncate(file, n)); }
int posix_fallocate(int file, off_t at, off_t n)
{
    INSTEAD(write_fault(file), errno, real_posix_fallocate(file, at, n)); /* which returns it */
}
int fsync(int file) { INSTEAD(fault(SYNC), -1, real_fsync(file)); }
int fdatasync(int file) { INSTEAD(fault(SYNC), -1, real_fdatasync(file)); }
int rename(const char *from, const char *to) { INSTEAD(fault(RENAME), -1, real_rename(from, to)); }
int unlink(const char *path) { INSTEAD(fault(REMOVE), -1, real_unlink(path)); }
int dup(int file) { INSTEAD(fault(DUPLICATE), -1, real_dup(file)); }

static int opened(const char *path, int flags, mode_t mode)
{
    if (real_open == NULL)
        start();
    INSTEAD((flags & O_CREAT) != 0 && fault(OPEN), -1, real_open(path, flags, mode));
}
int open(const char *path, int flags, ...)
{
    va_list rest;
    mode_t mode;

    va_start(rest, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(path, flags, mode);
}
int open64(const char *path, int flags, ...)
{
    va_list rest;
    mode_t mode;

    va_start(rest, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(path, flags, mode);
}

static void *mapped(void *at, size_t n, int protection, int flags, int file, off_t from)
{
    if (real_mmap == NULL)
        start();
    INSTEAD(fault(MAP), MAP_FAILED, real_mmap(at, n, protection, flags, file, from));
}
void *mmap(void *at, size_t n, int protection, int flags, int file, off_t from)
{
    return mapped(at, n, protection, flags, file, from);
}
void *mmap64(void *at, size_t n, int protection, int flags, int file, off_t from)
{
    return mapped(at, n, protection, flags, file, from);
}

void *malloc(size_t n) { INSTEAD(MEMORY_FAULT, NULL, __libc_malloc(n)); }
void *calloc(size_t n, size_t each) { INSTEAD(MEMORY_FAULT, NULL, __libc_calloc(n, each)); }
void *realloc(void *old, size_t n) { INSTEAD(MEMORY_FAULT, NULL, __libc_realloc(old, n)); }
void *aligned_alloc(size_t to, size_t n) { INSTEAD(MEMORY_FAULT, NULL, __libc_memalign(to, n)); }
void *memalign(size_t to, size_t n) { INSTEAD(MEMORY_FAULT, NULL, __libc_memalign(to, n)); }
int posix_memalign(void **out, size_t to, size_t n)
{
    if (MEMORY_FAULT)
        return ENOMEM;
    *out = __libc_memalign(to, n);
    return *out == NULL ? ENOMEM : 0;
}
