/*
 * codec.h: bytes of a stored model. Little-endian on every machine, every length checked on reading.
 *
 * A reader never trusts a length: it is checked against the bytes left before anything is allocated, and every
 * failure is LT_CORRUPT naming the part.
 */
#ifndef LT_CODEC_H
#define LT_CODEC_H

#include "base.h"

typedef struct lt_writer {
    lt_env *env;
    uint8_t *bytes;
    size_t n, capacity;
    lt_status status; /* sticky: check once at the end */
} lt_writer;

typedef struct lt_reader {
    lt_env *env;
    const uint8_t *bytes;
    size_t n, at;
    lt_status status; /* sticky */
    int depth;        /* of what is being read within another of its kind; see bundle.h */
} lt_reader;

void lt_writer_init(lt_env *env, lt_writer *w);
void lt_write_u8(lt_writer *w, uint8_t v);
void lt_write_i32(lt_writer *w, int32_t v);
void lt_write_i64(lt_writer *w, int64_t v);
void lt_write_f64(lt_writer *w, double v);
void lt_write_text(lt_writer *w, const char *s); /* length + bytes; NULL is written as "" */
void lt_write_bytes(lt_writer *w, const void *p, int64_t n);
void lt_write_i32s(lt_writer *w, const int32_t *v, int64_t n); /* count + values */
void lt_write_i64s(lt_writer *w, const int64_t *v, int64_t n);
void lt_write_f32s(lt_writer *w, const float *v, int64_t n);
void lt_write_f64s(lt_writer *w, const double *v, int64_t n);

void lt_reader_init(lt_env *env, lt_reader *r, const void *bytes, size_t n);
uint8_t lt_read_u8(lt_reader *r);
int32_t lt_read_i32(lt_reader *r);
int64_t lt_read_i64(lt_reader *r);
double lt_read_f64(lt_reader *r);
const char *lt_read_text(lt_reader *r); /* a NUL-terminated copy; "" after an error */
/* Arrays: allocated, *n set; NULL and 0 after an error. */
char *lt_read_bytes(lt_reader *r, int64_t *n);
int32_t *lt_read_i32s(lt_reader *r, int64_t *n);
int64_t *lt_read_i64s(lt_reader *r, int64_t *n);
float *lt_read_f32s(lt_reader *r, int64_t *n);
double *lt_read_f64s(lt_reader *r, int64_t *n);
const void *lt_read_place(lt_reader *r, int64_t *n); /* bytes as lt_read_bytes has them, where they stand */
/* Sets LT_CORRUPT (once) with what was wrong. */
void lt_reader_corrupt(lt_reader *r, const char *what);

/* CRC-32C (Castagnoli), as iSCSI and PostgreSQL use; crc of nothing is 0. Chain by passing the last value. */
uint32_t lt_crc32c(uint32_t crc, const void *bytes, size_t n);

#endif
