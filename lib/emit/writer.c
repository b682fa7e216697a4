/* emit/writer.c: text that grows.
 *
 * SPDX-License-Identifier: MIT */
#include "emit/writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "inspect/text.h"

/* ---- the buffer -------------------------------------------------------------------------------------------------- */

void tgi_writer_free(tgi_writer *w) {
    tgi_memory_give(w->memory, w->text, w->capacity);
    *w = (tgi_writer){.memory = w->memory};
}

void tgi_writer_clear(tgi_writer *w) {
    w->length = 0;
    w->indent = 0;
    if (w->text) *w->text = 0;
}

/* Room for `more` characters and the zero behind them. */
static bool has_room(tgi_writer *w, size_t more) {
    if (w->failed || more < w->capacity - w->length) return !w->failed;
    size_t capacity = 2 * (w->length + more) + 64;
    char  *grown = tgi_memory_grow(w->memory, w->text, w->capacity, capacity);
    w->failed = !grown;
    if (!grown) return false;
    w->text = grown;
    w->capacity = capacity;
    return true;
}

void tgi_put_bytes(tgi_writer *w, const char *text, size_t length) {
    if (!has_room(w, length)) return;
    if (length) memcpy(w->text + w->length, text, length);
    w->length += length;
    w->text[w->length] = 0;
}

void tgi_put_string(tgi_writer *w, const char *text) {
    tgi_put_bytes(w, text, strlen(text));
}

static void put_formatted(tgi_writer *w, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, arguments);
    if (n >= 0 && has_room(w, (size_t)n)) {
        vsnprintf(w->text + w->length, (size_t)n + 1, format, again);
        w->length += (size_t)n;
    }
    va_end(again);
}

void tgi_put(tgi_writer *w, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_formatted(w, format, arguments);
    va_end(arguments);
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

void tgi_put_lines(tgi_writer *w, const char *text) {
    while (*text) {
        text += strspn(text, " ");
        size_t length = strcspn(text, "\n");
        if (*text == '}') w->indent--;
        if (length) tgi_put(w, "%*s", 4 * w->indent, "");
        tgi_put_bytes(w, text, length);
        tgi_put_string(w, "\n");
        if (length && text[length - 1] == '{') w->indent++;
        text += length + (text[length] == '\n');
    }
}

void tgi_put_line(tgi_writer *w, const char *format, ...) {
    tgi_writer line = {.memory = w->memory};
    va_list    arguments;
    va_start(arguments, format);
    put_formatted(&line, format, arguments);
    va_end(arguments);
    if (line.text && !line.failed) tgi_put_lines(w, line.text);
    w->failed |= line.failed;
    tgi_writer_free(&line);
}

/* No character that ends a comment, a line or a line's comment. */
void tgi_put_comment(tgi_writer *w, const char *text) {
    for (; *text; text++) {
        char c = *text;
        bool plain = (unsigned char)c >= ' ' && c != 127 && c != '\\' && c != '*' && c != '?';
        tgi_put_bytes(w, plain ? &c : "_", 1);
    }
}

/* ---- elements ---------------------------------------------------------------------------------------------------- */

const char *tgi_c_type(tg_dtype dtype) {
    static const char *const types[TG_DTYPES] =
        {[TG_F32] = "float", [TG_F64] = "double", [TG_I64] = "int64_t", [TG_BOOL] = "bool"};
    return types[dtype];
}

static void put_whole(tgi_writer *w, int64_t x) {
    if (x == INT64_MIN)
        tgi_put_string(w, "INT64_MIN");
    else if (x > INT16_MAX || x < -INT16_MAX)
        tgi_put(w, "INT64_C(%" PRId64 ")", x);
    else
        tgi_put(w, "%" PRId64, x);
}

static void put_floating(tgi_writer *w, tg_dtype dtype, const void *element) {
    char   text[TGI_NUMBER_TEXT];
    double x = tgi_element(dtype, element);
    if (isnan(x))
        tgi_put(w, dtype == TG_F32 ? "NAN" : "(double)NAN");
    else if (isinf(x))
        tgi_put(w, "%s%sINFINITY", x < 0 ? "-" : "", dtype == TG_F32 ? "" : "(double)");
    else
        tgi_put(w, "%s%s", tgi_element_text(text, dtype, element), dtype == TG_F32 ? "f" : "");
}

void tgi_put_literal(tgi_writer *w, tg_dtype dtype, const void *element) {
    if (dtype == TG_BOOL)
        tgi_put_string(w, *(const bool *)element ? "true" : "false");
    else if (dtype == TG_I64)
        put_whole(w, *(const int64_t *)element);
    else
        put_floating(w, dtype, element);
}

size_t tgi_identifier_length(const char *text) {
    size_t length = 0;
    if (!tgi_is_letter(*text)) return 0;
    while (tgi_is_letter(text[length]) || tgi_is_digit(text[length]))
        length++;
    return length;
}

bool tgi_has_word(const char *text, const char *word) {
    size_t length = strlen(word);
    while (*text) {
        const char *comment = strncmp(text, "/*", 2) ? NULL : strstr(text + 2, "*/");
        size_t      its_length = tgi_identifier_length(text);
        if (its_length == length && !memcmp(text, word, length)) return true;
        text = comment ? comment + 2 : text + (its_length ? its_length : 1);
    }
    return false;
}
