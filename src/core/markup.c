/*
 * markup.c: text of SVG and HTML as it grows.
 *
 * Which characters XML 1.0 forbids: its section 2.2.  Those from U+007F to U+009F are allowed there, but HTML reads
 * references to them as others: they are left out as well.  UTF-8 is decoded as RFC 3629 says: overlong forms and
 * surrogates are no characters.
 */
#include "markup.h"

#include <stdio.h>
#include <string.h>

#define REPLACEMENT 0xFFFD
#define MOST ((size_t)1000000000) /* bytes: a text of the server holds no more than 1 GB */
#define POLLED 65536              /* characters between polls, a power of two */

void lt_markup_init(lt_env *env, lt_markup *m)
{
    memset(m, 0, sizeof *m);
    m->env = env;
}

static void put_bytes(lt_markup *m, const char *bytes, size_t n)
{
    if (m->status == LT_OK && m->n + n > MOST)
        m->status = lt_fail(m->env, LT_NO_MEMORY, "the text grows beyond 1 GB when it is escaped");
    if (m->status == LT_OK)
        m->status = lt_grow(m->env, &m->text, &m->capacity, m->n + n + 1, 1, "the picture");
    if (m->status != LT_OK)
        return;
    memcpy(m->text + m->n, bytes, n);
    m->n += n;
    m->text[m->n] = '\0';
}

void lt_markup_put(lt_markup *m, const char *text)
{
    put_bytes(m, text, strlen(text));
}

void lt_markup_format(lt_markup *m, const char *format, ...)
{
    char text[501];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    lt_markup_put(m, text);
}

/* How many bytes a character takes that begins with this one, its lowest code point, and the bits of this byte. */
static int sequence(unsigned char first, uint32_t *lowest, uint32_t *bits)
{
    if (first >= 0xC2 && first <= 0xDF) {
        *lowest = 0x80;
        *bits = first & 0x1F;
        return 2;
    }
    if ((first & 0xF0) == 0xE0) {
        *lowest = 0x800;
        *bits = first & 0x0F;
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        *lowest = 0x10000;
        *bits = first & 0x07;
        return 4;
    }
    return 0;
}

static uint32_t next_character(const char **at, const char *end)
{
    const unsigned char *p = (const unsigned char *)*at;
    uint32_t lowest, point;
    int length;

    (*at)++;
    if (p[0] < 0x80)
        return p[0];
    length = sequence(p[0], &lowest, &point);
    if (length == 0 || end - (const char *)p < length)
        return REPLACEMENT;
    for (int i = 1; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return REPLACEMENT;
        point = point << 6 | (p[i] & 0x3F);
    }
    if (point < lowest || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
        return REPLACEMENT;
    *at = (const char *)p + length;
    return point;
}

void lt_markup_part(lt_markup *m, const char *utf8, size_t bytes)
{
    const char *end = utf8 + bytes;
    uint32_t characters = 0;

    while (utf8 < end && m->status == LT_OK) {
        uint32_t c = next_character(&utf8, end);

        if (++characters % POLLED == 0 && (m->status = lt_poll(m->env)) != LT_OK)
            return;
        if (c == '\t' || c == '\n' || c == '\r')
            c = ' ';
        if (c < 0x20 || (c >= 0x7F && c < 0xA0) || (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF))
            c = REPLACEMENT;
        if (c >= 0x80 || c == '&' || c == '<' || c == '>' || c == '"' || c == '\'')
            lt_markup_format(m, "&#x%X;", (unsigned)c);
        else
            put_bytes(m, &(char){(char)c}, 1);
    }
}

void lt_markup_text(lt_markup *m, const char *utf8)
{
    lt_markup_part(m, utf8, strlen(utf8));
}

/* ---- widths ---- */

/* In thousandths of the font size, near those of the common sans-serif fonts, rather too wide than too narrow. */
static double character_width(uint32_t c)
{
    if (c >= 0x1100)
        return c >= 0x2E80 ? 1000 : 620; /* ideographs, kana, hangul, pictures fill a square */
    if (c >= 0x80)
        return c >= 0x300 && c < 0x370 ? 0 : 620; /* marks stand on the letter before them */
    if (strchr("iIjl.,:;'!|", (int)c) != NULL)
        return 320;
    if (strchr(" ftr()[]{}/\\-*\"`", (int)c) != NULL)
        return 400;
    if (strchr("mMW@%", (int)c) != NULL)
        return 930;
    return c >= 'A' && c <= 'Z' ? 700 : 610;
}

double lt_text_width(const char *utf8, double size)
{
    const char *end = utf8 + strlen(utf8);
    double width = 0;

    while (utf8 < end)
        width += character_width(next_character(&utf8, end));
    return width * size / 1000;
}

size_t lt_text_fits(const char *utf8, double size, double width)
{
    const char *end = utf8 + strlen(utf8), *at = utf8, *space = NULL;
    double used = 0;

    while (at < end) {
        const char *from = at;
        uint32_t c = next_character(&at, end);

        used += character_width(c) * size / 1000;
        if (used > width && from > utf8)
            return (size_t)((space != NULL ? space : from) - utf8);
        if (c == ' ')
            space = from;
    }
    return (size_t)(end - utf8);
}
