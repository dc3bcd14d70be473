/*
 * image.c: the walk through a bundle and its recommender, and the two ways to go it.
 *
 * Layout: arrays, each at a multiple of 64 bytes; then structs and texts, without gaps; then a tail with the length of
 * both parts and a CRC-32C of the second.  Structs stand together so that opening reads a page or two of a mapping, and
 * checks them before it uses any.  Arrays are not checked: their lengths come from the structs, and must fit the bytes.
 */
#include "image.h"

#include "encoder_raw.h"

#include <string.h>

#define ALIGN 64
#define MAGIC 0x31474d49544c5f5f /* "__LTIMG1" */

typedef struct tail {
    uint64_t magic, arrays, structs; /* bytes */
    uint32_t checksum, zero;
} tail;

static lt_status corrupt(lt_image *im, const char *what)
{
    return lt_fail(im->env, LT_CORRUPT, "the image of the model is damaged: %s", what);
}

/* ---- bytes ---- */

lt_status lt_image_write(lt_env *env, lt_image *im, bool (*put)(void *context, const void *bytes, size_t n),
                         void *context)
{
    *im = (lt_image){.env = env, .put = put, .context = context};
    return LT_OK;
}

lt_status lt_image_read(lt_env *env, lt_image *im, const void *bytes, size_t n)
{
    tail end;

    *im = (lt_image){.env = env, .bytes = bytes};
    if (n < sizeof end)
        return corrupt(im, "it ends too early");
    n -= sizeof end;
    memcpy(&end, im->bytes + n, sizeof end);
    if (end.magic != MAGIC || end.zero != 0 || end.arrays > n || end.structs != n - end.arrays)
        return corrupt(im, "it does not end as it should");
    im->end = end.arrays;
    im->n_structs = end.structs;
    im->structs = (char *)im->bytes + end.arrays; /* not written to when reading */
    if (lt_crc32c(0, im->structs, im->n_structs) != end.checksum)
        return corrupt(im, "its checksum does not match");
    return LT_OK;
}

static lt_status put(lt_image *im, const void *bytes, size_t n)
{
    if (n > 0 && !im->put(im->context, bytes, n))
        return lt_fail(im->env, LT_INVALID, "the image of the model cannot be written");
    return LT_OK;
}

lt_status lt_image_struct(lt_image *im, void *s, size_t size)
{
    if (lt_image_reading(im)) {
        if (size > im->n_structs - im->struct_at)
            return corrupt(im, "a struct exceeds it");
        memcpy(s, im->structs + im->struct_at, size);
        im->struct_at += size;
        return LT_OK;
    }
    LT_TRY(lt_grow(im->env, &im->structs, &im->cap_structs, im->n_structs + size, 1, "the image of the model"));
    memcpy(im->structs + im->n_structs, s, size);
    im->n_structs += size;
    return LT_OK;
}

lt_status lt_image_structs(lt_image *im, void *pointer, int64_t count, size_t size)
{
    void **p = pointer;
    size_t bytes;

    if (*p == NULL)
        return LT_OK;
    if (count < 0 || __builtin_mul_overflow((size_t)count, size, &bytes))
        return corrupt(im, "a length is out of range");
    if (lt_image_reading(im)) {
        if (bytes > im->n_structs - im->struct_at)
            return corrupt(im, "structs exceed it");
        LT_TRY(lt_alloc(im->env, p, (size_t)count, size, "the model"));
    }
    return bytes == 0 ? LT_OK : lt_image_struct(im, *p, bytes);
}

lt_status lt_image_array(lt_image *im, void *pointer, int64_t count, size_t size)
{
    static const char zeros[ALIGN];
    const char **p = pointer;
    size_t bytes, gap = (ALIGN - im->at % ALIGN) % ALIGN;

    if (*p == NULL)
        return LT_OK;
    if (count < 0 || __builtin_mul_overflow((size_t)count, size, &bytes))
        return corrupt(im, "a length is out of range");
    if (lt_image_reading(im)) {
        if (gap > im->end - im->at || bytes > im->end - im->at - gap)
            return corrupt(im, "an array exceeds it");
        *p = im->bytes + im->at + gap;
    } else {
        LT_TRY(put(im, zeros, gap));
        LT_TRY(put(im, *p, bytes));
    }
    im->at += gap + bytes;
    return LT_OK;
}

lt_status lt_image_text(lt_image *im, const char **text)
{
    size_t length;

    if (*text == NULL)
        return LT_OK;
    length = lt_image_reading(im) ? 0 : strlen(*text) + 1;
    LT_TRY(lt_image_struct(im, &length, sizeof length));
    if (!lt_image_reading(im))
        return lt_image_struct(im, (char *)*text, length);
    if (length == 0 || length > im->n_structs - im->struct_at)
        return corrupt(im, "a text exceeds it");
    *text = im->structs + im->struct_at;
    im->struct_at += length;
    return LT_OK;
}

lt_status lt_image_finish(lt_image *im)
{
    tail end = {.magic = MAGIC, .arrays = im->at, .structs = im->n_structs};

    if (lt_image_reading(im))
        return im->at == im->end && im->struct_at == im->n_structs ? LT_OK : corrupt(im, "there is more than was read");
    end.checksum = lt_crc32c(0, im->structs, im->n_structs);
    LT_TRY(put(im, im->structs, im->n_structs));
    return put(im, &end, sizeof end);
}

/* ---- the walk ---- */

lt_status lt_image_table(lt_image *im, lt_table *t)
{
    if (lt_image_reading(im))
        t->spill = NULL;
    LT_TRY(lt_image_array(im, &t->x, t->n * t->dense, sizeof *t->x));
    LT_TRY(lt_image_array(im, &t->start, t->n + 1, sizeof *t->start));
    if (t->start == NULL)
        return LT_OK;
    LT_TRY(lt_image_array(im, &t->col, t->start[t->n], sizeof *t->col));
    return lt_image_array(im, &t->val, t->start[t->n], sizeof *t->val);
}

lt_status lt_image_pairs(lt_image *im, lt_pairs *p)
{
    LT_TRY(lt_image_array(im, &p->start, (int64_t)p->rows + 1, sizeof *p->start));
    if (p->start == NULL)
        return LT_OK;
    LT_TRY(lt_image_array(im, &p->col, p->start[p->rows], sizeof *p->col));
    LT_TRY(lt_image_array(im, &p->val, p->start[p->rows], sizeof *p->val));
    return lt_image_array(im, &p->time, p->start[p->rows], sizeof *p->time);
}

static lt_status image_dictionary(lt_image *im, lt_dictionary *d)
{
    LT_TRY(lt_image_array(im, &d->start, (int64_t)d->n + 1, sizeof *d->start));
    if (d->start == NULL)
        return LT_OK;
    LT_TRY(lt_image_array(im, &d->bytes, d->start[d->n], 1));
    LT_TRY(lt_image_array(im, &d->count, d->n, sizeof *d->count));
    LT_TRY(lt_image_array(im, &d->hash, d->n, sizeof *d->hash));
    return lt_image_array(im, &d->slot, d->slots, sizeof *d->slot);
}

/* What encodes a row at hand is written to: each reader has its own. */
static lt_status image_encoder(lt_image *im, lt_encoder *e)
{
    LT_TRY(lt_image_structs(im, &e->feature, e->n_features, sizeof *e->feature));
    for (int i = 0; i < e->n_features; i++) {
        lt_feature *f = &e->feature[i];

        LT_TRY(lt_image_text(im, &f->name));
        LT_TRY(lt_image_array(im, &f->mean, f->width, sizeof *f->mean));
        LT_TRY(lt_image_array(im, &f->scale, f->width, sizeof *f->scale));
        LT_TRY(image_dictionary(im, &f->dictionary));
        LT_TRY(image_dictionary(im, &f->rare));
        LT_TRY(lt_image_array(im, &f->idf, f->buckets, sizeof *f->idf));
    }
    if (!lt_image_reading(im) || !e->frozen)
        return LT_OK;
    e->raw = NULL;
    e->given = NULL;
    e->cap_given = e->cap_entries = 0;
    LT_TRY(lt_grow(im->env, &e->given, &e->cap_given, (size_t)e->n_features, sizeof *e->given, "the features"));
    return lt_encoder_freeze(im->env, e);
}

static lt_status image_bundle(lt_image *im, lt_bundle *b)
{
    LT_TRY(lt_image_text(im, &b->rerank));
    LT_TRY(lt_image_text(im, &b->rerank_options));
    LT_TRY(image_encoder(im, &b->row_encoder));
    LT_TRY(image_dictionary(im, &b->users));
    LT_TRY(image_dictionary(im, &b->items));
    LT_TRY(image_encoder(im, &b->user_encoder));
    LT_TRY(image_encoder(im, &b->item_encoder));
    LT_TRY(lt_image_table(im, &b->user));
    LT_TRY(lt_image_table(im, &b->item));
    LT_TRY(lt_image_array(im, &b->item_count, b->items.n, sizeof *b->item_count));
    LT_TRY(lt_image_array(im, &b->hidden, b->items.n, sizeof *b->hidden));
    LT_TRY(lt_image_array(im, &b->trend, b->items.n, sizeof *b->trend));
    return lt_image_model(im, &b->model);
}

lt_status lt_image_model(lt_image *im, lt_model *m)
{
    const char *algorithm = lt_image_reading(im) ? "" : m->algorithm->name;

    LT_TRY(lt_image_text(im, &algorithm));
    m->algorithm = lt_algorithm_find(algorithm);
    if (m->algorithm == NULL)
        return corrupt(im, "its algorithm is unknown");
    LT_TRY(lt_image_array(im, &m->design.cross, m->design.n_crosses, sizeof *m->design.cross));
    LT_TRY(lt_image_structs(im, &m->array, m->n_arrays, sizeof *m->array));
    for (int i = 0; i < m->n_arrays; i++) {
        lt_array *a = &m->array[i];

        LT_TRY(lt_image_text(im, &a->name));
        LT_TRY(lt_image_array(im, &a->f, a->rows * a->cols, sizeof *a->f));
        LT_TRY(lt_image_array(im, &a->d, a->rows * a->cols, sizeof *a->d));
        LT_TRY(lt_image_array(im, &a->i, a->rows * a->cols, sizeof *a->i));
    }
    LT_TRY(lt_image_structs(im, &m->part, m->n_parts, sizeof *m->part));
    for (int p = 0; p < m->n_parts; p++)
        LT_TRY(image_bundle(im, &m->part[p]));
    return LT_OK;
}

lt_status lt_image_recommender(lt_image *im, lt_recommender *r, const lt_bundle *b)
{
    const lt_algorithm *algorithm = b->model.algorithm;
    lt_popularity *p = &r->popularity;

    LT_TRY(lt_image_array(im, &p->rank, p->items, sizeof *p->rank));
    LT_TRY(lt_image_array(im, &p->segment, p->items, sizeof *p->segment));
    LT_TRY(lt_image_array(im, &p->novelty, p->items, sizeof *p->novelty));
    LT_TRY(lt_image_array(im, &r->log_count, p->items, sizeof *r->log_count));
    LT_TRY(lt_image_array(im, &r->popular, p->items, sizeof *r->popular));
    LT_TRY(lt_image_array(im, &r->own.prepared, p->items, sizeof *r->own.prepared));
    if (lt_image_reading(im)) {
        r->bundle = b;
        p->count = b->item_count; /* which it is a copy of */
        p->hidden = b->hidden;
        r->own.trends = b->trend;
        r->scorer.model = &b->model;
        r->scorer.user = &b->user;
        r->scorer.item = &b->item;
        r->scorer.item_count = b->item_count;
    }
    if (r->scorer.state == NULL)
        return LT_OK;
    if (algorithm->image != NULL)
        return algorithm->image(im, &r->scorer);
    return lt_image_reading(im) ? algorithm->prepare(im->env, &r->scorer) : LT_OK;
}

lt_status lt_image_served(lt_image *im, lt_bundle *b, lt_recommender *r)
{
    LT_TRY(lt_image_struct(im, b, sizeof *b));
    LT_TRY(image_bundle(im, b));
    LT_TRY(lt_image_struct(im, r, sizeof *r));
    return lt_image_recommender(im, r, b);
}
