/*
 * blas.c: loading OpenBLAS, and functions of its names that pass on to it.
 *
 * The only state of the core: where the library's functions are, found once a process, for how many threads it has
 * buffers, and whom to tell that there is no library.  The first call is made by the thread that owns the process's
 * work, before any other thread runs (threads.c sees to that), so that no lock is needed.
 *
 * A call of OpenBLAS that finds no buffer free maps one, and where there is no room for it tries for ever.  So they are
 * taken beforehand, once there is known to be room, and given back to it: it never unmaps one.
 */
#include "blas.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LT_OPENBLAS
#error "LT_OPENBLAS is to be the path of the OpenMP build of libopenblas"
#endif

typedef CBLAS_LAYOUT layout;
typedef CBLAS_TRANSPOSE transpose;
typedef CBLAS_UPLO uplo;
typedef CBLAS_DIAG diag;
typedef CBLAS_SIDE side;
typedef blasint integer;

/* What is passed on: X(result, name, parameters, arguments). R returns, V does not. */
#define VECTORS(R, V, real, s)                                                                                         \
    R(real, cblas_##s##dot, (integer n, const real *x, integer dx, const real *y, integer dy), (n, x, dx, y, dy))      \
    R(real, cblas_##s##nrm2, (integer n, const real *x, integer dx), (n, x, dx))                                       \
    V(cblas_##s##axpy, (integer n, real a, const real *x, integer dx, real *y, integer dy), (n, a, x, dx, y, dy))      \
    V(cblas_##s##scal, (integer n, real a, real *x, integer dx), (n, a, x, dx))
#define MATRICES(V, real, s)                                                                                           \
    V(cblas_##s##gemv,                                                                                                 \
      (layout o, transpose t, integer m, integer n, real alpha, const real *a, integer da, const real *x, integer dx,  \
       real beta, real *y, integer dy),                                                                                \
      (o, t, m, n, alpha, a, da, x, dx, beta, y, dy))                                                                  \
    V(cblas_##s##gemm,                                                                                                 \
      (layout o, transpose ta, transpose tb, integer m, integer n, integer k, real alpha, const real *a, integer da,   \
       const real *b, integer db, real beta, real *c, integer dc),                                                     \
      (o, ta, tb, m, n, k, alpha, a, da, b, db, beta, c, dc))                                                          \
    V(cblas_##s##syrk,                                                                                                 \
      (layout o, uplo u, transpose t, integer n, integer k, real alpha, const real *a, integer da, real beta, real *c, \
       integer dc),                                                                                                    \
      (o, u, t, n, k, alpha, a, da, beta, c, dc))                                                                      \
    V(cblas_##s##trmm,                                                                                                 \
      (layout o, side l, uplo u, transpose t, diag d, integer m, integer n, real alpha, const real *a, integer da,     \
       real *b, integer db),                                                                                           \
      (o, l, u, t, d, m, n, alpha, a, da, b, db))                                                                      \
    V(cblas_##s##trsm,                                                                                                 \
      (layout o, side l, uplo u, transpose t, diag d, integer m, integer n, real alpha, const real *a, integer da,     \
       real *b, integer db),                                                                                           \
      (o, l, u, t, d, m, n, alpha, a, da, b, db))
#define LAPACK(V, real, s)                                                                                             \
    V(s##potrf_, (const char *u, const int *n, real *a, const int *da, int *info), (u, n, a, da, info))                \
    V(s##potrs_,                                                                                                       \
      (const char *u, const int *n, const int *m, const real *a, const int *da, real *b, const int *db, int *info),    \
      (u, n, m, a, da, b, db, info))                                                                                   \
    V(s##trtri_, (const char *u, const char *d, const int *n, real *a, const int *da, int *info),                      \
      (u, d, n, a, da, info))                                                                                          \
    V(s##lauum_, (const char *u, const int *n, real *a, const int *da, int *info), (u, n, a, da, info))
#define FUNCTIONS(R, V)                                                                                                \
    VECTORS(R, V, float, s)                                                                                            \
    VECTORS(R, V, double, d)                                                                                           \
    MATRICES(V, float, s)                                                                                              \
    MATRICES(V, double, d)                                                                                             \
    LAPACK(V, float, s)                                                                                                \
    LAPACK(V, double, d)                                                                                               \
    V(dpotri_, (const char *u, const int *n, double *a, const int *da, int *info), (u, n, a, da, info))                \
    V(ssyev_,                                                                                                          \
      (const char *j, const char *u, const int *n, float *a, const int *da, float *w, float *work, const int *lwork,   \
       int *info),                                                                                                     \
      (j, u, n, a, da, w, work, lwork, info))

#define RETURNING_MEMBER(result, name, parameters, arguments) result(*name) parameters;
#define VOID_MEMBER(name, parameters, arguments) void(*name) parameters;

#define BUFFER ((size_t)129 << 20) /* and what goes with it */
#define MOST_BUFFERS 65

static struct {
    void *library;
    FUNCTIONS(RETURNING_MEMBER, VOID_MEMBER)
    char *(*config)(void);
    char *(*kernel)(void);
    void (*use_threads)(int);
    void *(*take_buffer)(int); /* the argument counts for nothing */
    void (*give_buffer)(void *);
    int buffers; /* it has for calls at once */
    void (*raise)(lt_env *env);
} blas;

/* Data pointers and function pointers are of one kind wherever there is dlsym. */
static bool find(void *out, const char *name)
{
    void *symbol = dlsym(blas.library, name);

    memcpy(out, &symbol, sizeof symbol);
    return symbol != NULL;
}

static lt_status unload(lt_env *env, const char *why)
{
    lt_fail(env, LT_UNSUPPORTED, "cannot use OpenBLAS, \"%s\"", LT_OPENBLAS);
    lt_fail_detail(env, "%s", why);
    lt_fail_hint(env, "Install the OpenMP build of OpenBLAS; Debian has it as libopenblas0-openmp.");
    if (blas.library != NULL)
        dlclose(blas.library);
    blas.library = NULL;
    return env->error.status;
}

/* The machine's processors, also those that this process may not use: as it loads, OpenBLAS takes a buffer for each. */
static int processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_CONF);

    return n > 0 && n < MOST_BUFFERS ? (int)n : MOST_BUFFERS;
}

static void take_buffers(int wanted)
{
    void *buffer[MOST_BUFFERS];

    for (int i = 0; i < wanted; i++)
        buffer[i] = blas.take_buffer(0);
    for (int i = 0; i < wanted; i++)
        blas.give_buffer(buffer[i]);
    blas.buffers = wanted;
}

/* One by one, as OpenBLAS has them: the system may refuse one as large as all. */
static lt_status check_room(lt_env *env, int wanted)
{
    void *volatile buffer[MOST_BUFFERS];
    int n = 0;

    while (n < wanted && (buffer[n] = malloc(BUFFER)) != NULL)
        n++;
    for (int i = 0; i < n; i++)
        free(buffer[i]);
    if (n == wanted)
        return LT_OK;
    lt_fail(env, LT_NO_MEMORY, "out of memory for OpenBLAS");
    lt_fail_detail(env, "It takes %d buffers of 128 MiB of address space; there is room for %d.", wanted, n);
    return lt_fail_hint(env, "Raise the server's limit of address space, or set longtail.threads lower.");
}

lt_status lt_blas_room(lt_env *env, int threads)
{
    int wanted = threads < MOST_BUFFERS ? threads : MOST_BUFFERS;

    if (wanted <= blas.buffers)
        return LT_OK;
    LT_TRY(check_room(env, wanted - blas.buffers));
    take_buffers(wanted);
    return LT_OK;
}

lt_status lt_blas_load(lt_env *env)
{
    bool all = true;

    if (blas.library != NULL)
        return LT_OK;
    LT_TRY(check_room(env, processors() + 1)); /* and a call's */
    errno = 0;
    blas.library = dlopen(LT_OPENBLAS, RTLD_NOW | RTLD_LOCAL);
    if (blas.library == NULL && errno == ENOMEM)
        return lt_fail(env, LT_NO_MEMORY, "out of memory for OpenBLAS");
    if (blas.library == NULL)
        return unload(env, dlerror());
#define FIND(name) all = find(&blas.name, #name) && all;
#define FIND_RETURNING(result, name, parameters, arguments) FIND(name)
#define FIND_VOID(name, parameters, arguments) FIND(name)
    FUNCTIONS(FIND_RETURNING, FIND_VOID)
    all = find(&blas.config, "openblas_get_config") && find(&blas.kernel, "openblas_get_corename") && all;
    all = find(&blas.take_buffer, "blas_memory_alloc") && find(&blas.give_buffer, "blas_memory_free") && all;
    if (!all)
        return unload(env, "Functions are missing from it.");
    if (strstr(blas.config(), "USE_OPENMP") == NULL || !find(&blas.use_threads, "omp_set_num_threads"))
        return unload(env, "It is another build, which several threads cannot call at once.");
    lt_blas_enter_thread();
    take_buffers(1);
    return LT_OK;
}

void lt_blas_enter_thread(void)
{
    blas.use_threads(1);
}

void lt_blas_when_missing(void (*raise)(lt_env *env))
{
    blas.raise = raise;
}

static void load_now(void) __attribute__((noinline, cold));
static void load_now(void)
{
    lt_env env = {0};

    if (lt_blas_load(&env) == LT_OK)
        return;
    if (blas.raise != NULL)
        blas.raise(&env);
    abort();
}

/* For calls that come without lt_blas_load. */
static void need(void)
{
    if (blas.library == NULL)
        load_now();
}

#define PASS_RETURNING(result, name, parameters, arguments)                                                            \
    result name parameters                                                                                             \
    {                                                                                                                  \
        need();                                                                                                        \
        return blas.name arguments;                                                                                    \
    }
#define PASS_VOID(name, parameters, arguments)                                                                         \
    void name parameters                                                                                               \
    {                                                                                                                  \
        need();                                                                                                        \
        blas.name arguments;                                                                                           \
    }
FUNCTIONS(PASS_RETURNING, PASS_VOID)

/* ---- which kernel ---- */

const char *lt_blas_path(void)
{
    return LT_OPENBLAS;
}

const char *lt_blas_config(void)
{
    return blas.config();
}

const char *lt_blas_kernel(void)
{
    return blas.kernel();
}

/* 0: SSE, or another kind of processor; 1: AVX2 with fused multiply-add; 2: AVX-512. */
static int width_of_processor(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return 2;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 0;
#endif
}

static int width_of_kernel(const char *kernel)
{
    static const char *const wide[] = {"SkylakeX", "Cooperlake", "SapphireRapids", NULL},
                             *const middle[] = {"Haswell", "Zen", NULL};

    for (int i = 0; wide[i] != NULL; i++)
        if (strcmp(kernel, wide[i]) == 0)
            return 2;
    for (int i = 0; middle[i] != NULL; i++)
        if (strcmp(kernel, middle[i]) == 0)
            return 1;
    return 0;
}

const char *lt_vector_instructions(void)
{
    static const char *const names[] = {"baseline", "AVX2", "AVX-512"};

    return names[width_of_processor()];
}

bool lt_blas_slow(void)
{
    return width_of_kernel(lt_blas_kernel()) < width_of_processor();
}
