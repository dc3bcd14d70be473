/*
 * archive.h: a version of a model as bytes that leave the database: what longtail.export_model gives.
 *
 *     "LTEXPORT", i32 format, the fields of lt_archive in order, u32 CRC-32C of everything before it
 * in the encoding of codec.h, little-endian on every machine.
 *
 * The checksum tells damage, not intent: whoever may import can make one.  So reading checks each length and range
 * here, and the reader of each part does for its own bytes.
 */
#ifndef LT_ARCHIVE_H
#define LT_ARCHIVE_H

#include "codec.h"

#define LT_ARCHIVE_PARTS 64 /* at most */

/* Texts are never NULL; "" stands for what there is not. */
typedef struct lt_archive_relation {
    const char *schema, *name;
} lt_archive_relation;

typedef struct lt_archive_trial {
    const char *algorithm, *options, *error;
    double value, aplt; /* NaN: not measured */
    int32_t epochs;     /* -1: it failed */
    double seconds;
    bool chosen;
} lt_archive_trial;

typedef struct lt_archive_part {
    const char *name;
    const void *bytes; /* read: within the archive */
    int64_t n;
} lt_archive_part;

typedef struct lt_archive {
    const char *release;  /* that wrote it */
    const char *encoding; /* of its texts and of the model's */
    const char *model;    /* what it was called, and the version's number */
    int32_t version;
    lt_archive_relation source, user_features, item_features;
    bool has_user_features, has_item_features; /* also where the relation was gone */
    const char *user_column, *item_column, *label_column, *weight_column, *time_column;
    const char *algorithm, *options;                       /* of the version; options are JSON */
    const char *definition_algorithm, *definition_options; /* of what retrain does */
    int64_t rows, rows_skipped, users, items;              /* users -1: a supervised model */
    int32_t features, epochs;
    double loss; /* NaN: none, as the next two */
    const char *metric;
    double metric_value, active_value, seconds;
    int64_t trained; /* microseconds since 2000-01-01 UTC */
    int32_t n_log;
    lt_epoch *log; /* epoch, losses, metric and seconds of it */
    int32_t n_trials;
    lt_archive_trial *trial;
    int32_t n_parts;
    lt_archive_part part[LT_ARCHIVE_PARTS];
} lt_archive;

void lt_archive_write(lt_writer *w, const lt_archive *a);
/*
 * LT_CORRUPT when the bytes are no archive, are damaged or do not hold together; LT_UNSUPPORTED for a format of a later
 * release.  The archive points into the bytes.
 */
lt_status lt_archive_read(lt_env *env, const void *bytes, size_t n, lt_archive *a);

#endif
