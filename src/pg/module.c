/*
 * module.c: module start and settings. No preload is needed; settings exist from the first call in a session on.
 */
#include "longtail.h"

#include <limits.h>

#include "blas.h"
#include "shared.h"
#include "threads.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

int ltpg_training_memory = 2 * 1024 * 1024;
int ltpg_cache_memory = 1024 * 1024;
int ltpg_progress_interval = 5;
int ltpg_threads = 2;
bool ltpg_shared_cache = true;

void _PG_init(void);

/*
 * Defined, not just set by name.  Where memory runs out in _PG_init the server calls it again the next time the library
 * is asked for, and then finds some settings defined.
 */
static bool is_defined(const char *setting)
{
    return GetConfigOption(setting, true, false) != NULL &&
           (GetConfigOptionFlags(setting, true) & GUC_CUSTOM_PLACEHOLDER) == 0;
}

void _PG_init(void)
{
    if (!is_defined("longtail.training_memory"))
        DefineCustomIntVariable("longtail.training_memory",
                                "Sets the most memory one training may use, or one call that measures or reranks.",
                                "Encoded rows that take more than two fifths of it go to temporary files; what else is"
                                " needed is checked against it before it is taken.",
                                &ltpg_training_memory, 2 * 1024 * 1024, 1024, MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB,
                                NULL, NULL, NULL);
    if (!is_defined("longtail.cache_memory"))
        DefineCustomIntVariable("longtail.cache_memory", "Sets the memory in which one session keeps models ready.",
                                "Models not used for longest go first; the one in use always stays.",
                                &ltpg_cache_memory, 1024 * 1024, 1024, MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, NULL,
                                NULL, NULL);
    if (!is_defined("longtail.progress_interval"))
        DefineCustomIntVariable("longtail.progress_interval", "Sets the time between progress notices while training.",
                                "0 turns them off.", &ltpg_progress_interval, 5, 0, 3600, PGC_USERSET, GUC_UNIT_S, NULL,
                                NULL, NULL);
    if (!is_defined("longtail.threads"))
        DefineCustomIntVariable("longtail.threads", "Sets the threads of one training, evaluation or recommend_all.",
                                "The backend's own is one of them; the others end with the call.", &ltpg_threads, 2, 1,
                                LT_THREADS_MOST, PGC_USERSET, 0, NULL, NULL, NULL);
    if (!is_defined("longtail.shared_cache"))
        DefineCustomBoolVariable("longtail.shared_cache", "Shares the weights of active versions among all sessions.",
                                 "They are mapped from a temporary file. Models opened while it is off are read into "
                                 "memory of the session's own.",
                                 &ltpg_shared_cache, true, PGC_USERSET, 0, NULL, NULL, NULL);
    lt_blas_when_missing(ltpg_raise); /* also in what serves, which asks for the library when it comes to need it */
    ltpg_shared_start();
    MarkGUCPrefixReserved("longtail");
}
