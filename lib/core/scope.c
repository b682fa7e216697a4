/* core/scope.c: functions that record more than one instruction, public and of the library's own.
 *
 * A scope remembers the line of the user's source that called, and where the tape ended. How deep the tape is in scopes decides
 * what is kept, and keeps the macros inside from stamping their own lines. The name of the outermost scope stands for that of all ops
 * in it: in errors while they are recorded (error.c), and in each instruction, for errors when it runs.
 *
 * SPDX-License-Identifier: MIT */
#include "core/residency.h"

tg_scope tg_begin_scope(tg_tape *tape, const char *name) {
    if (!tape || (tgi_is_closed(tape) && tgi_check(tape))) return (tg_scope){.name = name};
    tg_scope scope = {.tape = tape,
                      .name = name,
                      .file = tape->file,
                      .within = tape->within,
                      .line = tape->line,
                      .start = tape->count,
                      .role = tape->role};
    tape->inside++;
    if (!tape->within) tape->within = name;
    return scope;
}

tg_scope tg_begin_update(tg_tape *tape, const char *name) {
    tg_scope scope = tg_begin_scope(tape, name);
    if (scope.tape) tape->role = TGI_UPDATE;
    return scope;
}

void tgi_resume(tg_tape *tape, tg_scope scope) {
    tape->file = scope.file;
    tape->line = scope.line;
}

/* ---- the ends ---------------------------------------------------------------------------------------------------- */

static tg_status end(const tg_scope *scope) {
    tg_tape *tape = scope->tape;
    if (!tape) return TG_ERR_HANDLE;
    if (tape->inside == tape->callback.inside)
        return tgi_fail(tape, TG_ERR_ARGUMENT, scope->name, "the scope had ended before");
    if (!tape->status) tgi_resume(tape, *scope);
    tape->inside--;
    tape->within = scope->within;
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
