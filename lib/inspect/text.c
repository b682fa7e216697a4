/* inspect/text.c: how numbers, names and instructions are written.
 *
 * The C library rounds numbers; what it prints is parsed into digits and exponent, so that the user's locale does not affect what
 * another program may read.
 *
 * SPDX-License-Identifier: MIT */
#include "inspect/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Parses what "%.*e" or "%.*f" printed, with any decimal point. */
static tgi_decimal parse_decimal(const char *text) {
    tgi_decimal d = {.negative = *text == '-'};
    bool        fraction = false;
    for (text += d.negative; *text && *text != 'e'; text++) {
        if (!is_digit(*text))
            fraction = true;
        else if (d.count || *text != '0') {
            d.digits[d.count++] = *text;
            d.point += !fraction;
        } else
            d.point -= fraction;
    }
    if (*text) d.point += atoi(text + 1);
    while (d.count && d.digits[d.count - 1] == '0')
        d.count--;
    if (!d.count) d.point = 1;
    return d;
}

tgi_decimal tgi_shortest(double value, tg_dtype dtype) {
    char text[TGI_NUMBER_TEXT];
    int  digits = 0, before = errno;
    double (*parse)(const char *) = tgi_traits_of(dtype)->parse;
    do
        snprintf(text, sizeof text, "%.*e", digits, value);
    while (parse(text) != value && ++digits <= 16);
    errno = before; /* which is set for a subnormal number */
    return parse_decimal(text);
}

tgi_decimal tgi_rounded(double value, int places, bool scientific) {
    char text[TGI_NUMBER_TEXT];
    snprintf(text, sizeof text, scientific ? "%.*e" : "%.*f", places, value);
    return parse_decimal(text);
}

int tgi_places(const tgi_decimal *d, bool scientific) {
    int whole = scientific ? 1 : d->point;
    return d->count > whole ? d->count - whole : 0;
}

static char *put_digits(char *end, const tgi_decimal *d, int from, int to) {
    for (int i = from; i < to; i++)
        *end++ = i >= 0 && i < d->count ? d->digits[i] : '0';
    return end;
}

char *tgi_decimal_text(char text[TGI_NUMBER_TEXT], const tgi_decimal *d, int exponent, int places) {
    char *end = text;
    int   whole = exponent ? 1 : d->point, needed = tgi_places(d, exponent != 0);
    if (needed > places) places = needed;
    if (d->negative) *end++ = '-';
    end = put_digits(end, d, whole < 1 ? whole - 1 : 0, whole);
    *end++ = '.';
    end = put_digits(end, d, whole, whole + places);
    *end = 0;
    if (exponent) snprintf(end, TGI_NUMBER_TEXT - (size_t)(end - text), exponent > 2 ? "e%+04d" : "e%+03d", d->point - 1);
    return text;
}

static void floating_text(char text[TGI_NUMBER_TEXT], double value, tg_dtype dtype) {
    if (!isfinite(value)) {
        snprintf(text, TGI_NUMBER_TEXT, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return;
    }
    tgi_decimal d = tgi_shortest(value, dtype);
    int         exponent = d.point < -3 || d.point > 16 ? 2 : 0;
    tgi_decimal_text(text, &d, exponent, exponent ? 0 : 1);
    char *point = strchr(text, '.');
    if (!is_digit(point[1])) memmove(point, point + 1, strlen(point));
}

const char *tgi_element_text(char text[TGI_NUMBER_TEXT], tg_dtype dtype, const void *element) {
    if (dtype == TG_I64) /* which may be beyond what a double holds */
        snprintf(text, TGI_NUMBER_TEXT, "%" PRId64, *(const int64_t *)element);
    else if (dtype == TG_BOOL)
        snprintf(text, TGI_NUMBER_TEXT, "%s", tgi_element(dtype, element) != 0 ? "True" : "False");
    else
        floating_text(text, tgi_element(dtype, element), dtype);
    return text;
}

const char *tgi_short_text(char text[TGI_NUMBER_TEXT], tg_dtype dtype, const void *element) {
    tgi_element_text(text, dtype, element);
    size_t length = strlen(text);
    if (length > 2 && !strcmp(text + length - 2, ".0")) text[length - 2] = 0;
    return text;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* The bytes of the UTF-8 character that `c` begins with; 0 when it is none, or one that only controls. */
static int character_length(const unsigned char *c) {
    if (*c < 0x80) return *c >= ' ' && *c != 127;
    int      length = *c >= 0xf0 ? 4 : *c >= 0xe0 ? 3 : 2;
    uint32_t code = *c & (0x7fu >> length);
    if (*c < 0xc2 || *c > 0xf4) return 0;
    for (int i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (c[i] & 0x3fu);
    }
    static const uint32_t least[] = {[2] = 0xa0, [3] = 0x800, [4] = 0x10000}; /* below 0xa0 characters control */
    bool                  good = code >= least[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return good && code != 0x2028 && code != 0x2029 ? length : 0;
}

/* What stands for a character that has a meaning; NULL for all others. */
static const char *escape_for(char c, bool html) {
    switch (c) {
    case '"': return html ? "&quot;" : "\\\"";
    case '\\': return html ? NULL : "\\\\";
    case '&': return html ? "&amp;" : NULL;
    case '<': return html ? "&lt;" : NULL;
    case '>': return html ? "&gt;" : NULL;
    default: return NULL;
    }
}

int tgi_put_text(FILE *out, const char *text, bool html) {
    int                  written = 0;
    const unsigned char *c = (const unsigned char *)text;
    while (*c) {
        int         length = character_length(c);
        const char *escape = escape_for((char)*c, html);
        if (!length) {
            written += fprintf(out, "\\x%02x", *c++);
            continue;
        }
        if (escape)
            written += fprintf(out, "%s", escape);
        else
            written += fwrite(c, (size_t)length, 1, out) == 1;
        c += length;
    }
    return written;
}

/* ---- instructions ------------------------------------------------------------------------------------------------ */

/* The one that did may have been forgotten by a rewind. */
bool tgi_is_used(const tg_tape *tape, const tgi_node *node) {
    return node->last_use > 0 && node->last_use < tape->count;
}

enum tgi_role tgi_role_of(const tgi_node *node) {
    return node->op->effect ? TGI_UPDATE : (enum tgi_role)node->role;
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

bool tgi_writable(tg_tape *tape, FILE *out, const char *what) {
    if (tape && !out) tgi_fail(tape, TG_ERR_ARGUMENT, what, "the stream is NULL");
    return tape && out;
}

tg_status tgi_written(tg_tape *tape, FILE *out, const char *what) {
    errno = EIO; /* for a write that failed before; what fails now says more */
    if (fflush(out) || ferror(out)) return tgi_fail(tape, TG_ERR_IO, what, "%s", strerror(errno));
    return tgi_done(tape, tape->status);
}
