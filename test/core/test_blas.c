/*
 * test_blas.c: loading the library when it is needed, and calls that need it where it, or room for it, cannot be had.
 */
#include "tap.h"

#include "blas.h"

#include <setjmp.h>
#include <sys/resource.h>
#include <unistd.h>

/* With the address sanitizer, memory that cannot be had is NULL as without it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static jmp_buf back;
static lt_error told;

static void raise_it(lt_env *env)
{
    told = env->error;
    longjmp(back, 1);
}

static double product(void)
{
    static const double x[] = {1, 2, 3}, y[] = {4, 5, 6};

    return cblas_ddot(3, x, 1, y, 1);
}

/* Leaves room for `megabytes` of further mappings. */
static void leave_room(int megabytes)
{
    FILE *in = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    struct rlimit limit;

    if (in == NULL || fscanf(in, "%lu", &pages) != 1)
        exit(1);
    fclose(in);
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)megabytes << 20);
    setrlimit(RLIMIT_AS, &limit);
}

int main(void)
{
    lt_env *env = test_env();
    struct rlimit before, none, space;
    struct lt_team *team;

    if (getrlimit(RLIMIT_NOFILE, &before) != 0)
        return 1;
    none = before;
    none.rlim_cur = 0; /* no file can be opened: that of the library neither */
    lt_blas_when_missing(raise_it);
    setrlimit(RLIMIT_NOFILE, &none);
    for (int time = 1; time <= 2; time++) {
        memset(&told, 0, sizeof told);
        if (setjmp(back) == 0) {
            product();
            ok(false, "time %d: a call without the library does not return", time);
        } else {
            ok(told.status == LT_UNSUPPORTED && strstr(told.message, "cannot use OpenBLAS") != NULL,
               "time %d: a call without the library is an error that says so", time);
        }
    }
    ok(lt_blas_load(env) == LT_UNSUPPORTED, "so is loading it");
    setrlimit(RLIMIT_NOFILE, &before);
    getrlimit(RLIMIT_AS, &space);
    leave_room(80);
    ok(lt_blas_load(env) == LT_NO_MEMORY && strstr(env->error.message, "OpenBLAS") != NULL,
       "without room for its buffers the library is not loaded, which would never end");
    setrlimit(RLIMIT_AS, &space);
    near(product(), 32, 0, "once it can be had, calls load it");
    ok(lt_blas_load(env) == LT_OK, "and loading it does nothing more");
    leave_room(80);
    ok(lt_team_start(env, 2, &team) == LT_NO_MEMORY, "nor are threads started without room for theirs");
    setrlimit(RLIMIT_AS, &space);
    ok(lt_team_start(env, 2, &team) == LT_OK, "with it they are");
    lt_team_stop(team);
    test_env_drop(env);
    return done();
}
