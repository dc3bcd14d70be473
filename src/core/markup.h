/*
 * markup.h: text of SVG and HTML as it grows: escaping, and how wide a line of it will be.
 *
 * What comes out is ASCII, other characters as references (&#x2013;): the same in every encoding it may be kept in.
 * Texts come in as UTF-8.  Bytes that are none, and characters that XML forbids, become U+FFFD.
 */
#ifndef LT_MARKUP_H
#define LT_MARKUP_H

#include "base.h"

typedef struct lt_markup {
    lt_env *env;
    char *text; /* n bytes and a NUL once anything was put */
    size_t n, capacity;
    lt_status status; /* sticky: check once at the end */
} lt_markup;

void lt_markup_init(lt_env *env, lt_markup *m);
/* As it is. */
void lt_markup_put(lt_markup *m, const char *text);
/* As it is, up to 500 bytes of it. */
void lt_markup_format(lt_markup *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Escaped, fit for the content of an element and for an attribute in quotes; control characters become spaces. */
void lt_markup_text(lt_markup *m, const char *utf8);
/* The first `bytes` of it. */
void lt_markup_part(lt_markup *m, const char *utf8, size_t bytes);

/* How wide a text is, roughly (the shapes are the reader's fonts'), at a font size; in pixels. */
double lt_text_width(const char *utf8, double size);
/* How many of the text's first bytes fit a width: all of them, or up to a space, or at least one character. */
size_t lt_text_fits(const char *utf8, double size, double width);

#endif
