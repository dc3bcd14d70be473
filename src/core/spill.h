/*
 * spill.h: rows that memory has no room for, in temporary files.
 *
 * The server makes the files; the core writes rows to them in turn and reads them in place, mapped.  What is mapped
 * takes memory only as it is touched, which does not count against env->budget: whoever works through it drops it again
 * every so often.  Dropping loses nothing.
 *
 * A result is the same whether rows were spilled or not.
 */
#ifndef LT_SPILL_H
#define LT_SPILL_H

#include "base.h"

typedef struct lt_spill {
    void *context;
    size_t most;    /* bytes of rows that are kept in memory; half of it is touched before it is dropped */
    size_t touched; /* since rows were last dropped */
    int64_t written;
    /* The first three may also not return. A file ends with its environment, or when it is closed. */
    void *(*create)(void *context);
    void (*append)(void *context, void *file, const void *bytes, size_t n);
    /* All of the file, which is made that long first; for reading and writing. Once. */
    void *(*map)(void *context, void *file, size_t bytes);
    /* Memory of a mapping is needed no more for now: of whole pages, may be more than was said. Tasks may call it. */
    void (*drop)(void *context, const void *first, size_t bytes);
    /* Copies from a mapping, without that its memory is taken: for what is wanted here and there. Tasks may call it. */
    void (*read)(void *context, const void *from, void *to, size_t bytes);
    void (*close)(void *context, void *file);
} lt_spill;

/* Counts what was touched of mappings; true when it is time to drop them. Tasks may call it. */
static inline bool lt_spill_touch(lt_spill *s, size_t bytes)
{
    if (__atomic_add_fetch(&s->touched, bytes, __ATOMIC_RELAXED) <= s->most / 2)
        return false;
    __atomic_store_n(&s->touched, 0, __ATOMIC_RELAXED);
    return true;
}

#endif
