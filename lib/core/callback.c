/* core/callback.c: what code of the user's may call while the library is calling it.
 *
 * A gradient rule, a checkpointed function: they record. To run, to read, to write or to rewind from in there would change what the
 * library is in the middle of. A shape rule, a kernel: they do not even record, for the tape may be in pieces, and they may be on
 * any thread. What is called in spite of that is an error and does nothing: every public function begins with one of the two
 * checks below. The host's functions are such code, too; an error from inside of a run waits until that is over to be logged, so that
 * the log is not called by a kernel's thread.
 *
 * SPDX-License-Identifier: MIT */
#include "core/tape.h"
#include "kernels/threads.h"

tgi_callback tgi_enter_run(tg_tape *tape) {
    return tgi_enter(tape, "a run: kernels compute from their operands alone", false);
}

tg_status tgi_leave_oddly(tg_tape *tape, tgi_callback left) {
    tgi_log_error(tape);
    if (tape->inside == left.inside) return tape->status;
    tape->inside = left.inside;
    return tgi_fail(tape, TG_ERR_ARGUMENT, NULL, "%s began and ended scopes that are not in pairs", left.name);
}

/* Errors in between have the name of the scope in which it is called. */
tg_callback tg_begin_callback(tg_tape *tape, const char *name) {
    if (!tape) return (tg_callback){.tape = NULL};
    tgi_callback outer = tgi_enter(tape, name, true);
    tape->within = tape->callback.within;
    return (tg_callback){tape, outer.name, outer.within, !outer.closed, outer.inside};
}

tg_status tg_end_callback(tg_callback callback) {
    if (!callback.tape) return TG_ERR_HANDLE;
    tgi_callback outer = {callback.name, callback.within, callback.name && !callback.records, callback.inside};
    return tgi_leave(callback.tape, outer);
}

void tgi_log_error(tg_tape *tape) {
    const tg_host *host = &tape->memory.host;
    if (!tape->unlogged || !host->log || tgi_is_closed(tape)) return;
    tape->unlogged = false;
    tgi_callback outer = tgi_enter(tape, "the host's log", false);
    host->log(host->context, tape->text);
    tgi_leave(tape, outer);
}

/* Kernels are called by several threads. */
static tg_status reject(tg_tape *tape, const char *what) {
    tgi_lock_take(&tape->lock);
    tg_status status = tgi_fail(tape, TG_ERR_ARGUMENT, what, "not from inside %s", tape->callback.name);
    tgi_lock_give(&tape->lock);
    return status;
}

tg_status tgi_check(tg_tape *tape) {
    if (!tape) return TG_ERR_HANDLE;
    if (tgi_is_closed(tape)) return reject(tape, "a function of the tape was called");
    return tape->status ? tgi_done(tape, tape->status) : TG_OK;
}

tg_status tgi_check_outside(tg_tape *tape, const char *what) {
    if (!tape) return TG_ERR_HANDLE;
    if (tape->callback.name) return reject(tape, what);
    return tape->status ? tgi_done(tape, tape->status) : TG_OK;
}
