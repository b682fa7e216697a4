/* core/scope.c: functions that record more than one instruction, public and of the library's own.
 *
 * A scope remembers the line of the user's source that called, and where the tape ended. How deep the tape is in scopes decides
 * what is kept, and keeps the macros inside from stamping their own lines. The name costs nothing unless there is an error: it is
 * put into the error's text when the outermost scope ends, and only where the error speaks for the line of that scope: what a
 * read or a backward walk meets in between may be another line's fault.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/residency.h"

tg_scope tg_begin_scope(tg_tape *tape, const char *name) {
    if (!tape) return (tg_scope){.name = name};
    tape->inside++;
    return (tg_scope){.tape = tape,
                      .name = name,
                      .file = tape->file,
                      .line = tape->line,
                      .start = tape->count,
                      .role = tape->role,
                      .failed = tape->status != TG_OK};
}

tg_scope tg_begin_update(tg_tape *tape, const char *name) {
    tg_scope scope = tg_begin_scope(tape, name);
    if (tape) tape->role = TGI_UPDATE;
    return scope;
}

void tgi_resume(tg_tape *tape, tg_scope scope) {
    tape->file = scope.file;
    tape->line = scope.line;
}

/* ---- the name in the error --------------------------------------------------------------------------------------- */

/* Puts "name: " behind the line that the text begins with, unless it is there. */
static void insert_name(const tg_scope *scope) {
    char  *text = scope->tape->text;
    size_t room = sizeof scope->tape->text, length = strlen(text), name = strlen(scope->name);
    int    line = scope->file ? snprintf(NULL, 0, "%s:%" PRIu32 ": ", scope->file, scope->line) : 0;
    if (line < 0 || (size_t)line > length || (size_t)line + name + 2 >= room) return;
    char *place = text + line;
    if (!memcmp(place, scope->name, name) && place[name] == ':') return;
    size_t behind = length - (size_t)line + 1, most = room - (size_t)line - name - 2;
    memmove(place + name + 2, place, behind < most ? behind : most);
    memcpy(place, scope->name, name);
    memcpy(place + name, ": ", 2);
    text[room - 1] = 0;
}

static bool speaks_for(const tg_scope *scope) {
    const tg_tape *tape = scope->tape;
    return scope->name && !scope->failed && tape->inside == 1 && tape->file == scope->file && tape->line == scope->line;
}

/* ---- the ends ---------------------------------------------------------------------------------------------------- */

static tg_status end(const tg_scope *scope) {
    tg_tape *tape = scope->tape;
    if (!tape) return TG_ERR_HANDLE;
    if (!tape->status)
        tgi_resume(tape, *scope);
    else if (speaks_for(scope))
        insert_name(scope);
    tape->inside--;
    tape->role = scope->role;
    if (tape->status && tape->count > scope->start) tgi_truncate(tape, scope->start);
    return tgi_done(tape, tape->status);
}

static tg_tensor keep(const tg_scope *scope, tg_tensor result) {
    tg_tape *tape = scope->tape;
    if (tgi_check(tape) || !tgi_resolve(tape, result, scope->name, "the result")) return tgi_invalid(tape);
    if (tape->inside == 1 && tape->keep == TG_KEEP_RECORDED) tgi_keep_node(tape, tgi_index(result));
    return result;
}

tg_status tg_end_scope(tg_scope scope) {
    return end(&scope);
}

tg_tensor tg_keep_result(tg_scope scope, tg_tensor result) {
    return keep(&scope, result);
}

tg_tensor tg_end_scope_with(tg_scope scope, tg_tensor result) {
    result = keep(&scope, result);
    return end(&scope) ? tgi_invalid(scope.tape) : result;
}
