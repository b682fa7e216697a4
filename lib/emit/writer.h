/* emit/writer.h: text that grows: lines of C, indented by their braces, and names that are taken.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_EMIT_WRITER_H
#define TGI_EMIT_WRITER_H

#include "core/tape.h"

/* Once there was no memory, `failed` is set, and nothing more is written. */
typedef struct tgi_writer {
    tgi_memory *memory;
    char       *text;
    size_t      length, capacity;
    int         indent;
    bool        failed;
} tgi_writer;

void tgi_writer_free(tgi_writer *w);

/* Forgets the text, and keeps its memory. */
void tgi_writer_clear(tgi_writer *w);

/* Appends as printf does, with a point in numbers. */
void tgi_put(tgi_writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tgi_put_bytes(tgi_writer *w, const char *text, size_t length);
void tgi_put_string(tgi_writer *w, const char *text);

/* Appends lines, each with its indentation: one that begins with } is further to the left, and so is what follows one that ends with {
 * further to the right. */
void tgi_put_lines(tgi_writer *w, const char *text);
void tgi_put_line(tgi_writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends a text of the user's as a part of a comment, which it cannot end. */
void tgi_put_comment(tgi_writer *w, const char *text);

/* Appends an element as a literal of its type. */
void tgi_put_literal(tgi_writer *w, tg_dtype dtype, const void *element);

/* The type in C. */
const char *tgi_c_type(tg_dtype dtype);

static inline bool tgi_is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static inline bool tgi_is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* How many characters the identifier has that the text begins with; 0 for none. */
size_t tgi_identifier_length(const char *text);

/* Whether that identifier stands in the text, outside of comments. */
bool tgi_has_word(const char *text, const char *word);

#endif
