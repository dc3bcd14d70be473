/*
 * model.c: a trained model as named arrays of weights, and its stored form.
 *
 * Stored: format version, algorithm's name, link, design, then each array's name, shape, type and values.  Array names
 * are unique.  What the shapes must be is the algorithm's business: reading ends with its check.
 */
#include "bundle.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FORMAT_VERSION 1
#define MAX_PARTS 16    /* a blend's models */
#define MAX_ARRAYS 1024 /* far above any algorithm's; bounds the search for repeated names */

enum { STORED_F32 = 1, STORED_F64 = 2, STORED_I32 = 3 };

double lt_link_apply(lt_link link, double margin)
{
    switch (link) {
    case LT_LINK_IDENTITY:
        return margin;
    case LT_LINK_LOGISTIC:
        /* either way exp's argument is not positive, so that small probabilities keep their digits */
        return margin >= 0 ? 1 / (1 + exp(-margin)) : exp(margin) / (1 + exp(margin));
    case LT_LINK_EXP:
        return exp(margin);
    }
    return NAN;
}

static lt_status add_array(lt_env *env, lt_model *m, const char *name, int64_t rows, int64_t cols, size_t size,
                           lt_array **out, void *values)
{
    size_t length = strlen(name) + 1;
    int64_t cells;
    char *copy;

    if (rows < 0 || cols < 0 || __builtin_mul_overflow(rows, cols, &cells))
        return lt_fail(env, LT_NO_MEMORY, "weights \"%s\" would take more memory than can be addressed", name);
    if (m->n_arrays >= MAX_ARRAYS)
        return lt_fail(env, LT_INVALID, "a model cannot have more than %d arrays", MAX_ARRAYS);
    LT_TRY(lt_grow(env, &m->array, &m->cap_arrays, (size_t)m->n_arrays + 1, sizeof *m->array, "the model"));
    LT_TRY(lt_alloc(env, &copy, length, 1, "the model"));
    memcpy(copy, name, length);
    LT_TRY(lt_alloc(env, values, (size_t)cells, size, "the model's weights"));
    *out = &m->array[m->n_arrays++];
    **out = (lt_array){.name = copy, .rows = rows, .cols = cols};
    return LT_OK;
}

lt_status lt_model_add_f32(lt_env *env, lt_model *m, const char *name, int64_t rows, int64_t cols, float **out)
{
    lt_array *a = NULL;

    LT_TRY(add_array(env, m, name, rows, cols, sizeof **out, &a, out));
    a->f = *out;
    return LT_OK;
}

lt_status lt_model_add_f64(lt_env *env, lt_model *m, const char *name, int64_t rows, int64_t cols, double **out)
{
    lt_array *a = NULL;

    LT_TRY(add_array(env, m, name, rows, cols, sizeof **out, &a, out));
    a->d = *out;
    return LT_OK;
}

lt_status lt_model_add_i32(lt_env *env, lt_model *m, const char *name, int64_t rows, int64_t cols, int32_t **out)
{
    lt_array *a = NULL;

    LT_TRY(add_array(env, m, name, rows, cols, sizeof **out, &a, out));
    a->i = *out;
    return LT_OK;
}

const lt_array *lt_model_array(const lt_model *m, const char *name)
{
    for (int i = 0; i < m->n_arrays; i++)
        if (strcmp(m->array[i].name, name) == 0)
            return &m->array[i];
    return NULL;
}

void lt_model_write(lt_writer *w, const lt_model *m)
{
    lt_write_u8(w, FORMAT_VERSION);
    lt_write_text(w, m->algorithm->name);
    lt_write_u8(w, (uint8_t)m->link);
    lt_design_write(w, &m->design);
    lt_write_i32(w, m->n_arrays);
    for (int i = 0; i < m->n_arrays; i++) {
        const lt_array *a = &m->array[i];

        lt_write_text(w, a->name);
        lt_write_i64(w, a->rows);
        lt_write_i64(w, a->cols);
        lt_write_u8(w, a->f != NULL ? STORED_F32 : a->d != NULL ? STORED_F64 : STORED_I32);
        if (a->f != NULL)
            lt_write_f32s(w, a->f, a->rows * a->cols);
        else if (a->d != NULL)
            lt_write_f64s(w, a->d, a->rows * a->cols);
        else
            lt_write_i32s(w, a->i, a->rows * a->cols);
    }
    lt_write_i32(w, m->n_parts);
    for (int i = 0; i < m->n_parts; i++)
        lt_bundle_write(w, &m->part[i]);
}

static lt_status read_array(lt_reader *r, lt_model *m)
{
    lt_array a = {0};
    uint8_t type;
    int64_t cells, values = 0;

    a.name = lt_read_text(r);
    a.rows = lt_read_i64(r);
    a.cols = lt_read_i64(r);
    type = lt_read_u8(r);
    if (type == STORED_F32)
        a.f = lt_read_f32s(r, &values);
    else if (type == STORED_F64)
        a.d = lt_read_f64s(r, &values);
    else if (type == STORED_I32)
        a.i = lt_read_i32s(r, &values);
    else
        lt_reader_corrupt(r, "an array's type is unknown");
    if (r->status == LT_OK &&
        (a.rows < 0 || a.cols < 0 || __builtin_mul_overflow(a.rows, a.cols, &cells) || cells != values))
        lt_reader_corrupt(r, "an array's shape does not fit its values");
    if (r->status == LT_OK && lt_model_array(m, a.name) != NULL)
        lt_reader_corrupt(r, "an array is there twice");
    LT_TRY(r->status);
    r->status = lt_grow(r->env, &m->array, &m->cap_arrays, (size_t)m->n_arrays + 1, sizeof a, "the model");
    LT_TRY(r->status);
    m->array[m->n_arrays++] = a;
    return LT_OK;
}

static lt_status read_parts(lt_reader *r, lt_model *m)
{
    int32_t parts = lt_read_i32(r);

    if (parts < 0 || parts > MAX_PARTS)
        lt_reader_corrupt(r, "its number of parts is out of range");
    LT_TRY(r->status);
    if (parts > 0 && r->depth == LT_BUNDLE_DEPTH) {
        lt_reader_corrupt(r, "models stand too deep within models");
        return r->status;
    }
    r->status = lt_alloc(r->env, &m->part, (size_t)parts, sizeof *m->part, "the model");
    LT_TRY(r->status);
    r->depth++;
    for (; m->n_parts < parts; m->n_parts++)
        LT_TRY(lt_bundle_read(r, &m->part[m->n_parts]));
    r->depth--;
    return LT_OK;
}

lt_status lt_model_read(lt_reader *r, lt_model *m)
{
    const char *algorithm;
    char what[200];
    uint8_t version, link;
    int32_t arrays;

    memset(m, 0, sizeof *m);
    version = lt_read_u8(r);
    if (r->status == LT_OK && version != FORMAT_VERSION) {
        snprintf(what, sizeof what, "its format is %d, this release reads %d", version, FORMAT_VERSION);
        lt_reader_corrupt(r, what);
    }
    algorithm = lt_read_text(r);
    LT_TRY(r->status);
    m->algorithm = lt_algorithm_find(algorithm);
    if (m->algorithm == NULL) {
        snprintf(what, sizeof what, "its algorithm \"%.64s\" is unknown", algorithm);
        lt_reader_corrupt(r, what);
    }
    link = lt_read_u8(r);
    if (link > LT_LINK_EXP)
        lt_reader_corrupt(r, "its link is unknown");
    LT_TRY(r->status);
    m->link = (lt_link)link;
    LT_TRY(lt_design_read(r, &m->design));
    arrays = lt_read_i32(r);
    if (arrays < 0 || arrays > MAX_ARRAYS)
        lt_reader_corrupt(r, "its number of arrays is out of range");
    LT_TRY(r->status);
    for (int32_t i = 0; i < arrays; i++)
        LT_TRY(read_array(r, m));
    LT_TRY(read_parts(r, m));
    r->status = m->algorithm->check(r->env, m);
    return r->status;
}
