/* run/executor.c: the executor, as the tape reaches it.
 *
 * SPDX-License-Identifier: MIT */
#include "core/executor.h"

#include "run/initial_value.h"
#include "run/run.h"

/* What is recorded next belongs to the line that was being recorded. */
static void run_recorded(tg_tape *tape) {
    tg_scope call = {.file = tape->file, .line = tape->line};
    if (!tgi_run_early(tape)) tgi_resume(tape, call);
}

static const tgi_executor executor = {.run_recorded = run_recorded, .restore = tgi_restore_value, .free = tgi_free_plans};

tg_tape *tg_tape_new(void) {
    return tgi_new_tape(&executor);
}
