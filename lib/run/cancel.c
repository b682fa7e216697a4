/* run/cancel.c: a run that is stopped by another thread, or by a signal handler.
 *
 * SPDX-License-Identifier: MIT */
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
