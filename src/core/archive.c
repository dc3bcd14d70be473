/*
 * archive.c: a version of a model as bytes that leave the database.
 *
 * Invariants of what was read: texts are C strings, numbers are in the range of their columns, epochs ascend from 1,
 * and parts have names of their own.
 */
#include "archive.h"

#include <math.h>
#include <string.h>

#define FORMAT_VERSION 1
#define LOG_BYTES 36   /* an epoch's */
#define TRIAL_BYTES 53 /* of one without any text */

static const char magic[8] = {'L', 'T', 'E', 'X', 'P', 'O', 'R', 'T'};

/* ---- writing ---- */

static void write_relation(lt_writer *w, const lt_archive_relation *r)
{
    lt_write_text(w, r->schema);
    lt_write_text(w, r->name);
}

static void write_definition(lt_writer *w, const lt_archive *a)
{
    lt_write_text(w, a->release);
    lt_write_text(w, a->encoding);
    lt_write_text(w, a->model);
    lt_write_i32(w, a->version);
    write_relation(w, &a->source);
    write_relation(w, &a->user_features);
    write_relation(w, &a->item_features);
    lt_write_u8(w, a->has_user_features);
    lt_write_u8(w, a->has_item_features);
    lt_write_text(w, a->user_column);
    lt_write_text(w, a->item_column);
    lt_write_text(w, a->label_column);
    lt_write_text(w, a->weight_column);
    lt_write_text(w, a->time_column);
    lt_write_text(w, a->algorithm);
    lt_write_text(w, a->options);
    lt_write_text(w, a->definition_algorithm);
    lt_write_text(w, a->definition_options);
}

static void write_figures(lt_writer *w, const lt_archive *a)
{
    lt_write_i64(w, a->rows);
    lt_write_i64(w, a->rows_skipped);
    lt_write_i64(w, a->users);
    lt_write_i64(w, a->items);
    lt_write_i32(w, a->features);
    lt_write_i32(w, a->epochs);
    lt_write_f64(w, a->loss);
    lt_write_text(w, a->metric);
    lt_write_f64(w, a->metric_value);
    lt_write_f64(w, a->active_value);
    lt_write_f64(w, a->seconds);
    lt_write_i64(w, a->trained);
    lt_write_i32(w, a->n_log);
    for (int32_t i = 0; i < a->n_log; i++) {
        lt_write_i32(w, a->log[i].epoch);
        lt_write_f64(w, a->log[i].train_loss);
        lt_write_f64(w, a->log[i].validation_loss);
        lt_write_f64(w, a->log[i].validation_metric);
        lt_write_f64(w, a->log[i].seconds);
    }
    lt_write_i32(w, a->n_trials);
    for (int32_t i = 0; i < a->n_trials; i++) {
        lt_write_text(w, a->trial[i].algorithm);
        lt_write_text(w, a->trial[i].options);
        lt_write_text(w, a->trial[i].error);
        lt_write_f64(w, a->trial[i].value);
        lt_write_f64(w, a->trial[i].aplt);
        lt_write_i32(w, a->trial[i].epochs);
        lt_write_f64(w, a->trial[i].seconds);
        lt_write_u8(w, a->trial[i].chosen);
    }
}

void lt_archive_write(lt_writer *w, const lt_archive *a)
{
    for (size_t i = 0; i < sizeof magic; i++)
        lt_write_u8(w, (uint8_t)magic[i]);
    lt_write_i32(w, FORMAT_VERSION);
    write_definition(w, a);
    write_figures(w, a);
    lt_write_i32(w, a->n_parts);
    for (int32_t i = 0; i < a->n_parts; i++) {
        lt_write_text(w, a->part[i].name);
        lt_write_bytes(w, a->part[i].bytes, a->part[i].n);
    }
    if (w->status == LT_OK)
        lt_write_i32(w, (int32_t)lt_crc32c(0, w->bytes, w->n));
}

/* ---- reading ---- */

static bool read_bool(lt_reader *r)
{
    uint8_t v = lt_read_u8(r);

    if (v > 1)
        lt_reader_corrupt(r, "what is true or false is neither");
    return v == 1;
}

static double read_time(lt_reader *r)
{
    double v = lt_read_f64(r);

    if (r->status == LT_OK && !(v >= 0 && isfinite(v)))
        lt_reader_corrupt(r, "a number of seconds is out of range");
    return v;
}

static void read_relation(lt_reader *r, lt_archive_relation *out)
{
    out->schema = lt_read_text(r);
    out->name = lt_read_text(r);
}

static void read_definition(lt_reader *r, lt_archive *a)
{
    a->release = lt_read_text(r);
    a->encoding = lt_read_text(r);
    a->model = lt_read_text(r);
    a->version = lt_read_i32(r);
    read_relation(r, &a->source);
    read_relation(r, &a->user_features);
    read_relation(r, &a->item_features);
    a->has_user_features = read_bool(r);
    a->has_item_features = read_bool(r);
    a->user_column = lt_read_text(r);
    a->item_column = lt_read_text(r);
    a->label_column = lt_read_text(r);
    a->weight_column = lt_read_text(r);
    a->time_column = lt_read_text(r);
    a->algorithm = lt_read_text(r);
    a->options = lt_read_text(r);
    a->definition_algorithm = lt_read_text(r);
    a->definition_options = lt_read_text(r);
}

/* A count of things of at least so many bytes each. */
static int32_t read_count(lt_reader *r, size_t least, int32_t most)
{
    int32_t n = lt_read_i32(r);

    if (r->status == LT_OK && (n < 0 || n > most || (size_t)n > (r->n - r->at) / least))
        lt_reader_corrupt(r, "a number of rows exceeds the bytes there are");
    return r->status == LT_OK ? n : 0;
}

static void read_log(lt_reader *r, lt_archive *a)
{
    a->n_log = read_count(r, LOG_BYTES, INT32_MAX);
    if (r->status == LT_OK)
        r->status = lt_alloc(r->env, &a->log, (size_t)a->n_log, sizeof *a->log, "the training log");
    for (int32_t i = 0; i < a->n_log && r->status == LT_OK; i++) {
        lt_epoch *e = &a->log[i];

        e->epoch = lt_read_i32(r);
        e->train_loss = lt_read_f64(r);
        e->validation_loss = lt_read_f64(r);
        e->validation_metric = lt_read_f64(r);
        e->seconds = read_time(r);
        if (e->epoch < 1 || (i > 0 && e->epoch <= a->log[i - 1].epoch))
            lt_reader_corrupt(r, "the epochs of its training log are out of order");
    }
}

static void read_trials(lt_reader *r, lt_archive *a)
{
    a->n_trials = read_count(r, TRIAL_BYTES, INT32_MAX);
    if (r->status == LT_OK)
        r->status = lt_alloc(r->env, &a->trial, (size_t)a->n_trials, sizeof *a->trial, "the trials");
    for (int32_t i = 0; i < a->n_trials && r->status == LT_OK; i++) {
        lt_archive_trial *t = &a->trial[i];

        t->algorithm = lt_read_text(r);
        t->options = lt_read_text(r);
        t->error = lt_read_text(r);
        t->value = lt_read_f64(r);
        t->aplt = lt_read_f64(r);
        t->epochs = lt_read_i32(r);
        t->seconds = read_time(r);
        t->chosen = read_bool(r);
        if (t->epochs < -1)
            lt_reader_corrupt(r, "a trial's number of epochs is out of range");
    }
}

static void read_figures(lt_reader *r, lt_archive *a)
{
    a->rows = lt_read_i64(r);
    a->rows_skipped = lt_read_i64(r);
    a->users = lt_read_i64(r);
    a->items = lt_read_i64(r);
    a->features = lt_read_i32(r);
    a->epochs = lt_read_i32(r);
    a->loss = lt_read_f64(r);
    a->metric = lt_read_text(r);
    a->metric_value = lt_read_f64(r);
    a->active_value = lt_read_f64(r);
    a->seconds = read_time(r);
    a->trained = lt_read_i64(r);
    if (a->rows < 0 || a->rows_skipped < 0 || a->users < -1 || a->items < 0 || a->features < 0 || a->epochs < 0)
        lt_reader_corrupt(r, "a figure of its training is out of range");
    read_log(r, a);
    read_trials(r, a);
}

static void read_parts(lt_reader *r, lt_archive *a)
{
    a->n_parts = read_count(r, 16, LT_ARCHIVE_PARTS);
    for (int32_t i = 0; i < a->n_parts && r->status == LT_OK; i++) {
        lt_archive_part *p = &a->part[i];

        p->name = lt_read_text(r);
        p->bytes = lt_read_place(r, &p->n);
        if (p->name[0] == '\0')
            lt_reader_corrupt(r, "a part has no name");
        for (int32_t other = 0; other < i; other++)
            if (strcmp(p->name, a->part[other].name) == 0)
                lt_reader_corrupt(r, "a part is there twice");
    }
}

static lt_status fail_damaged(lt_env *env, const char *what)
{
    return lt_fail(env, LT_CORRUPT, "the exported model is damaged: %s", what);
}

lt_status lt_archive_read(lt_env *env, const void *bytes, size_t n, lt_archive *a)
{
    lt_reader r, end;
    int32_t format;

    memset(a, 0, sizeof *a);
    if (n < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0)
        return lt_fail(env, LT_CORRUPT, "these are not the bytes of an exported model");
    if (n < sizeof magic + 2 * sizeof(int32_t))
        return fail_damaged(env, "it ends too early");
    lt_reader_init(env, &end, (const uint8_t *)bytes + n - sizeof(int32_t), sizeof(int32_t));
    lt_reader_init(env, &r, bytes, n - sizeof(int32_t));
    r.at = sizeof magic;
    format = lt_read_i32(&r);
    if (format > FORMAT_VERSION)
        return lt_fail(env, LT_UNSUPPORTED, "the model was exported in format %d, and this release reads up to %d",
                       (int)format, FORMAT_VERSION);
    if (lt_crc32c(0, bytes, r.n) != (uint32_t)lt_read_i32(&end))
        return fail_damaged(env, "its checksum does not match");
    if (format != FORMAT_VERSION)
        return fail_damaged(env, "its format is out of range");
    read_definition(&r, a);
    read_figures(&r, a);
    read_parts(&r, a);
    if (r.status == LT_OK && r.at != r.n)
        lt_reader_corrupt(&r, "it goes on behind its end");
    return r.status;
}
