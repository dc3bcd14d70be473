/*
 * test_spill.c: rows in files and rows in memory, on one thread and on several, are encoded to the same bytes.
 */
#include "encoder.h"
#include "random.h"
#include "spill.h"
#include "tap.h"
#include "threads.h"

#include <stdlib.h>
#include <string.h>

#define ROWS 3000
#define PLACES 2800

/* ---- files in memory, which lose what was not written ---- */

typedef struct file {
    struct file *next;
    char *bytes;
    size_t n;
    bool mapped, closed;
} file;

typedef struct files {
    lt_spill core;
    file *first;
    int opened, drops;
    bool misused;
} files;

static void *create_file(void *context)
{
    files *f = context;
    file *new = calloc(1, sizeof *new);

    new->next = f->first;
    f->first = new;
    f->opened++;
    return new;
}

static void append_bytes(void *context, void *at, const void *bytes, size_t n)
{
    files *f = context;
    file *to = at;

    f->misused |= to->mapped || to->closed;
    to->bytes = realloc(to->bytes, to->n + n + 1);
    if (n > 0)
        memcpy(to->bytes + to->n, bytes, n);
    to->n += n;
    f->core.written += (int64_t)n;
}

static void *map_file(void *context, void *at, size_t bytes)
{
    files *f = context;
    file *m = at;

    f->misused |= m->mapped || m->closed || m->n > bytes;
    m->bytes = realloc(m->bytes, bytes + 1);
    memset(m->bytes + m->n, 0, bytes - m->n);
    f->core.written += (int64_t)(bytes - m->n);
    m->n = bytes;
    m->mapped = true;
    return m->bytes;
}

/* Of what is mapped only. Called in tasks. */
static void drop_bytes(void *context, const void *first, size_t bytes)
{
    files *f = context;
    const char *from = first;
    bool within = bytes == 0;

    for (const file *m = f->first; m != NULL; m = m->next)
        within |= m->mapped && !m->closed && from >= m->bytes && from + bytes <= m->bytes + m->n;
    if (!within)
        __atomic_store_n(&f->misused, true, __ATOMIC_RELAXED);
    __atomic_add_fetch(&f->drops, 1, __ATOMIC_RELAXED);
}

static void read_bytes(void *context, const void *from, void *to, size_t bytes)
{
    (void)context;
    memcpy(to, from, bytes);
}

static void close_file(void *context, void *at)
{
    file *c = at;

    (void)context;
    c->closed = true;
    free(c->bytes);
    c->bytes = NULL;
}

static void spill_beyond(lt_env *env, files *f, size_t most)
{
    *f = (files){.core = {.context = f,
                          .most = most,
                          .create = create_file,
                          .append = append_bytes,
                          .map = map_file,
                          .drop = drop_bytes,
                          .read = read_bytes,
                          .close = close_file}};
    env->spill = &f->core;
}

static void free_files(files *f)
{
    while (f->first != NULL) {
        file *next = f->first->next;

        free(f->first->bytes);
        free(f->first);
        f->first = next;
    }
}

/* ---- rows of every kind ---- */

enum { NUMBER, FLAG, CATEGORY, BAG, VECTOR, WHEN, DAY, TEXT };

static lt_status add_features(lt_env *env, lt_encoder *e, bool texts)
{
    static const lt_kind kind[] = {LT_NUMBER, LT_BOOLEAN, LT_CATEGORY, LT_BAG, LT_VECTOR, LT_TIMESTAMP, LT_DATE};
    static const char *const name[] = {"number", "flag", "category", "bag", "vector", "when", "day"};

    LT_TRY(lt_encoder_init(env, e));
    for (int i = 0; i < 7; i++)
        LT_TRY(lt_encoder_add(env, e, name[i], kind[i]));
    return texts ? lt_encoder_add_text(env, e, "text", 64) : LT_OK;
}

/* The vector's width is known from row 700 on; a third of all values are NULL. */
static lt_status add_row(lt_env *env, lt_encoder *e, lt_random *r, int row, bool texts)
{
    char text[64];
    int length;

#define GIVEN (lt_random_below(r, 3) > 0)
    LT_TRY(lt_encoder_begin_row(env, e));
    if (GIVEN)
        LT_TRY(lt_encode_number(env, e, NUMBER, 1e6 + lt_random_normal(r)));
    if (GIVEN)
        LT_TRY(lt_encode_number(env, e, FLAG, (double)lt_random_below(r, 2)));
    length = snprintf(text, sizeof text, "c%d", (int)lt_random_below(r, 40) * (int)lt_random_below(r, 40));
    if (GIVEN)
        LT_TRY(lt_encode_token(env, e, CATEGORY, text, length));
    for (int64_t i = lt_random_below(r, 5); i > 0; i--)
        LT_TRY(lt_encode_token(env, e, BAG, "abcdefgh" + lt_random_below(r, 8), 1));
    if (row >= 700 && GIVEN)
        LT_TRY(lt_encode_vector(env, e, VECTOR, (double[]){lt_random_normal(r), row, 1}, 3));
    if (GIVEN)
        LT_TRY(lt_encode_time(env, e, WHEN, 1e9 + 1e4 * row));
    if (GIVEN)
        LT_TRY(lt_encode_time(env, e, DAY, 86400.0 * row));
    length = snprintf(text, sizeof text, "the %d quick foxes", (int)lt_random_below(r, 100));
    if (texts && GIVEN)
        LT_TRY(lt_encode_text(env, e, TEXT, text, length));
    return lt_encoder_end_row(env, e);
}

typedef struct encoded {
    lt_encoder e;
    lt_table t;
    lt_writer w;
} encoded;

static lt_status encode(lt_env *env, bool placed, bool texts, encoded *out)
{
    int64_t *place;
    int32_t *order;
    lt_random r;

    lt_random_seed(&r, 3);
    LT_TRY(add_features(env, &out->e, texts));
    for (int i = 0; i < ROWS; i++)
        LT_TRY(add_row(env, &out->e, &r, i, texts));
    LT_TRY(lt_alloc(env, &place, ROWS, sizeof *place, "test"));
    LT_TRY(lt_alloc(env, &order, ROWS, sizeof *order, "test"));
    for (int32_t i = 0; i < ROWS; i++)
        order[i] = i;
    lt_random_shuffle(&r, order, ROWS);
    for (int i = 0; i < ROWS; i++)
        place[order[i]] = i < PLACES - 5 ? i : -1; /* the last five places have no row */
    LT_TRY(lt_encoder_finish(env, &out->e, 3, true, placed ? place : NULL, PLACES, &out->t));
    lt_writer_init(env, &out->w);
    lt_encoder_write(&out->w, &out->e);
    lt_table_write(&out->w, &out->t);
    return out->w.status;
}

static void test_same(bool placed, bool texts)
{
    lt_env *env = test_env();
    encoded plain;

    fine(env, encode(env, placed, texts, &plain));
    for (int c = 0; c < 6; c++) {
        static const size_t most[] = {SIZE_MAX, 2000, 30000};
        lt_env *other = test_env();
        encoded got;
        files f;

        test_env_team(other, c % 2 == 0 ? 1 : 3);
        spill_beyond(other, &f, most[c / 2]);
        fine(other, encode(other, placed, texts, &got));
        ok(got.w.n == plain.w.n && memcmp(got.w.bytes, plain.w.bytes, (size_t)plain.w.n) == 0,
           "the same bytes, %s, %s, beyond %zu bytes in files, with %d threads", placed ? "placed" : "in order",
           texts ? "with texts" : "without texts", most[c / 2], lt_threads(other));
        if (most[c / 2] == SIZE_MAX)
            ok(f.opened == 0 && f.core.written == 0 && got.t.spill == NULL, "nothing is written that fits");
        else
            ok(f.opened > 1 && f.core.written > 100000 && got.t.spill == &f.core && f.drops > 10 && !f.misused,
               "files are written, mapped once, and dropped within: %d files, %d drops", f.opened, f.drops);
        test_env_drop(other);
        free_files(&f);
    }
    test_env_drop(env);
}

/* What is held of raw rows stays within what was said, whatever their number. */
static void test_bounded(void)
{
    lt_env *env = test_env();
    lt_encoder e;
    lt_random r;
    files f;
    size_t most = 0;

    lt_random_seed(&r, 5);
    spill_beyond(env, &f, 64 * 1024);
    fine(env, add_features(env, &e, false));
    for (int i = 0; i < 20000; i++) {
        if (add_row(env, &e, &r, i, false) != LT_OK)
            break;
        most = env->used > most ? env->used : most;
    }
    /* dictionaries, and the list of chunks, which grows by a hundred bytes each */
    ok(most < 64 * 1024 + 128 * 1024 && f.core.written > 1500000, "%zu bytes in memory, %lld in a file", most,
       (long long)f.core.written);
    test_env_drop(env);
    free_files(&f);
}

int main(void)
{
    test_same(false, false);
    test_same(true, false);
    test_same(true, true);
    test_bounded();
    return done();
}
