/* run/executor.c: the executor, as the tape reaches it.
 *
 * SPDX-License-Identifier: MIT */
#include "core/executor.h"

#include "core/tape_part.h"
#include "run/initial_value.h"
#include "run/profile.h"
#include "run/run.h"

/* What is recorded next belongs to the line that was being recorded. */
static void run_recorded(tg_tape *tape) {
    tg_scope call = {.file = tape->file, .line = tape->line};
    if (!tgi_run_early(tape)) tgi_resume(tape, call);
}

static void free_all(tg_tape *tape) {
    if (tape->print_profile) tgi_write_profile(tape, stderr);
    tgi_free_profile(tape);
    tgi_free_plans(tape);
    for (uint16_t i = 1; i <= tape->part_count; i++)
        tgi_release_part(tape, tgi_part_at(tape, i));
}

static const tgi_executor executor = {.run_recorded = run_recorded, .restore = tgi_restore_value, .free = free_all};

tg_tape *tg_tape_new(void) {
    return tgi_new_tape(&executor, NULL);
}

tg_tape *tg_tape_new_with(const tg_host *host) {
    return tgi_new_tape(&executor, host);
}
