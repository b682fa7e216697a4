/* core/error.c: the error that stays in the tape.
 *
 * Only the first one is noted; what follows from it says nothing new. The text has its place in the tape, so that
 * running out of memory can be reported too.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#include "core/tape.h"

const char *tg_error(const tg_tape *tape) {
    return tape ? tape->text : "no tape: out of memory when it was made, or a handle that never was a tensor";
}

tg_status tg_error_status(const tg_tape *tape) {
    return tape ? tape->status : TG_ERR_HANDLE;
}

void tg_clear_error(tg_tape *tape) {
    if (!tape || !tape->executor || (tape->callback.name && tgi_check_outside(tape, "clear_error")))
        return; /* what is no tape */
    tape->status = TG_OK;
    tape->text[0] = 0;
    tgi_done(tape, TG_OK);
}

/* ---- the text ---------------------------------------------------------------------------------------------------- */

/* Numbers in a text are the C locale's, whatever the program's is. */
#ifdef _WIN32
int tgi_format(char *text, size_t size, const char *format, va_list arguments) {
    char users[128];
    int  per_thread = _configthreadlocale(_ENABLE_PER_THREAD_LOCALE);
    snprintf(users, sizeof users, "%s", setlocale(LC_NUMERIC, NULL));
    setlocale(LC_NUMERIC, "C");
    int n = vsnprintf(text, size, format, arguments);
    setlocale(LC_NUMERIC, users);
    _configthreadlocale(per_thread);
    return n;
}
#else
int tgi_format(char *text, size_t size, const char *format, va_list arguments) {
    locale_t ours = newlocale(LC_ALL_MASK, "C", (locale_t)0), users = ours ? uselocale(ours) : (locale_t)0;
    int      n = vsnprintf(text, size, format, arguments);
    if (users) uselocale(users);
    if (ours) freelocale(ours);
    return n;
}
#endif

int tgi_formatted(char *text, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n = tgi_format(text, size, format, arguments);
    va_end(arguments);
    return n;
}

/* How many bytes the UTF-8 character has that begins with `c`. */
static size_t character_bytes(unsigned char c) {
    return c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

void tgi_make_line(char *text) {
    size_t length = strlen(text), last = length;
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = ' ';
    while (last && ((unsigned char)text[last - 1] & 0xc0) == 0x80)
        last--;
    if (last && last - 1 + character_bytes((unsigned char)text[last - 1]) > length) text[last - 1] = 0;
}

static void append(tg_tape *tape, size_t *length, const char *format, va_list arguments) {
    int n = tgi_format(tape->text + *length, sizeof tape->text - *length, format, arguments);
    if (n > 0) *length += (size_t)n;
    if (*length >= sizeof tape->text) *length = sizeof tape->text - 1;
}

static void appendf(tg_tape *tape, size_t *length, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    append(tape, length, format, arguments);
    va_end(arguments);
}

/* A status that is none, which only the user's own code can bring along, becomes one that is. */
static tg_status fail(tg_tape *tape, tg_status status, const char *what, const char *operands, const char *format,
                      va_list arguments) {
    if (!tape) return TG_ERR_HANDLE;
    if (tape->status) return tgi_done(tape, tape->status);
    size_t length = 0;
    if (tape->file) appendf(tape, &length, "%s:%" PRIu32 ": ", tape->file, tape->line);
    if (tape->within) what = tape->within;
    if (what) appendf(tape, &length, "%s: ", what);
    if (operands && *operands) appendf(tape, &length, "%s: ", operands);
    append(tape, &length, format, arguments);
    tgi_make_line(tape->text);
    tape->status = (unsigned)status - 1 < TG_ERR_CANCELLED ? status : TG_ERR_ARGUMENT;
    tape->unlogged = true;
    tgi_log_error(tape);
    return tgi_done(tape, tape->status);
}

tg_status tgi_fail(tg_tape *tape, tg_status status, const char *what, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    status = fail(tape, status, what, NULL, format, arguments);
    va_end(arguments);
    return status;
}

tg_status tgi_out_of_memory(tg_tape *tape, const char *what) {
    if (!tape->memory.limited) return tgi_fail(tape, TG_ERR_MEMORY, what, "out of memory");
    tape->memory.limited = false;
    return tgi_fail(tape, TG_ERR_MEMORY, what, "out of memory: the tape has %zu bytes, and its host allows %zu",
                    tape->memory.bytes, tape->memory.host.memory_limit);
}

tg_status tg_refuse(const tg_infer *call, tg_status status, const char *format, ...) {
    char operands[TGI_TEXT];
    tgi_operands_text(operands, call->count, call->in, status == TG_ERR_DTYPE);
    va_list arguments;
    va_start(arguments, format);
    status = fail(call->tape, status, call->op->name, operands, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- how operands are written ------------------------------------------------------------------------------------ */

static void write_text(char text[TGI_TEXT], size_t *length, const char *piece) {
    int n = snprintf(text + *length, TGI_TEXT - *length, "%s", piece);
    if (n > 0) *length += (size_t)n;
    if (*length >= TGI_TEXT) *length = TGI_TEXT - 1;
}

const char *tgi_shape_text(char text[TGI_TEXT], int rank, const int64_t *dims) {
    size_t length = 0;
    write_text(text, &length, "(");
    for (int i = 0; i < rank; i++) {
        char size[32];
        snprintf(size, sizeof size, i ? ", %" PRId64 : "%" PRId64, dims[i]);
        write_text(text, &length, size);
    }
    write_text(text, &length, ")");
    return text;
}

const char *tgi_operands_text(char text[TGI_TEXT], int count, const tg_type *operands, bool dtypes) {
    size_t length = 0;
    text[0] = 0;
    for (int i = 0; i < count; i++) {
        char shape[TGI_TEXT];
        if (i) write_text(text, &length, " x ");
        if (dtypes) {
            write_text(text, &length, tg_dtype_name(operands[i].dtype));
            write_text(text, &length, " ");
        }
        write_text(text, &length, tgi_shape_text(shape, operands[i].rank, operands[i].dims));
    }
    return text;
}
