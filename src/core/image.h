/*
 * image.h: a served version ready for use, as bytes that are used where they lie.
 *
 * An image holds a bundle and its recommender with all that reading, checking and preparing them worked out, in the
 * layout they have in memory. Opening one copies the structs and points them into the bytes: it takes no longer for a
 * large catalogue than for a small one, and processes that map the bytes share them. It is good for the build of this
 * code that wrote it, on the machine where it was written; what lasts is the stored version (bundle.h).
 *
 * The same walk goes both ways: writing, it hands out what it meets; reading, it sets what it meets. A struct is taken
 * as it is, then each of its pointers in turn. Pointers that are NULL stay NULL and take no room.
 *
 * Every file that keeps prepared state behind lt_scorer.state has a walk through it: lt_algorithm.image.
 */
#ifndef LT_IMAGE_H
#define LT_IMAGE_H

#include "recommend.h"

typedef struct lt_image {
    lt_env *env;
    /* writing: takes the next n bytes, false when it cannot; NULL: reading */
    bool (*put)(void *context, const void *bytes, size_t n);
    void *context;
    const char *bytes; /* reading: the image */
    size_t at;         /* arrays so far, each at a multiple of 64 bytes from the beginning */
    size_t end;        /* reading: where they end */
    char *structs;     /* structs and texts, which stand behind the arrays */
    size_t struct_at, n_structs, cap_structs;
} lt_image;

/* `put` is called in the order of the bytes. */
lt_status lt_image_write(lt_env *env, lt_image *im, bool (*put)(void *context, const void *bytes, size_t n),
                         void *context);
/*
 * bytes: 64-byte aligned; they must outlive what is read from them, and are never written to.  LT_CORRUPT when they do
 * not end as an image does, or when a bit of a struct is not what it was.
 */
lt_status lt_image_read(lt_env *env, lt_image *im, const void *bytes, size_t n);
static inline bool lt_image_reading(const lt_image *im)
{
    return im->put == NULL;
}

/* A struct by value. Its pointers mean nothing until they are walked. */
lt_status lt_image_struct(lt_image *im, void *s, size_t size);
/* *pointer: count structs; read into memory of env, so that their pointers can be set. */
lt_status lt_image_structs(lt_image *im, void *pointer, int64_t count, size_t size);
/* *pointer: count values without pointers, used in place: read-only, 64-byte aligned. */
lt_status lt_image_array(lt_image *im, void *pointer, int64_t count, size_t size);
lt_status lt_image_text(lt_image *im, const char **text);

lt_status lt_image_table(lt_image *im, lt_table *t);
lt_status lt_image_pairs(lt_image *im, lt_pairs *p);
lt_status lt_image_model(lt_image *im, lt_model *m);
/* The recommender of a bundle that has been walked. */
lt_status lt_image_recommender(lt_image *im, lt_recommender *r, const lt_bundle *b);
/* Both: what a version serves from. */
lt_status lt_image_served(lt_image *im, lt_bundle *b, lt_recommender *r);

/* After the last walk. Writing: the structs and what tells their end. Reading: LT_CORRUPT unless everything was read.
 */
lt_status lt_image_finish(lt_image *im);

#endif
