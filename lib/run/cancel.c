/* run/cancel.c: a run seen from outside: how far it is; and how another thread, or a signal handler, stops it.
 *
 * SPDX-License-Identifier: MIT */
#include "core/tape_part.h"
#include "run/run.h"

_Static_assert(ATOMIC_BOOL_LOCK_FREE == 2, "a signal handler may store it");

void tg_cancel(tg_tape *tape) {
    if (tape && tape->executor) atomic_store_explicit(&tape->cancelled, true, memory_order_relaxed);
}

tg_status tgi_stop_run(tg_tape *tape, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    atomic_store_explicit(&tape->cancelled, false, memory_order_relaxed);
    tape->file = node->file;
    tape->line = node->line;
    return tgi_fail(tape, TG_ERR_CANCELLED, "run", "cancelled before %s", node->op->name);
}

void tgi_report_progress(const tg_tape *tape) {
    const tg_host *host = &tape->memory.host;
    if (!host->progress) return;
    uint16_t        number = tgi_node_at(tape, tape->done)->part;
    const tgi_part *part = number ? tgi_part_at(tape, number) : NULL;
    if (part && part->loop) return; /* its steps are one instruction */
    uint32_t start = part ? part->start : 0, end = part ? part->end : tape->count;
    host->progress(host->context, tape->done - start, end - start);
}
