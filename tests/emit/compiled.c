/* tests/emit/compiled.c: parts that are compiled.
 *
 * SPDX-License-Identifier: MIT */
#include "emit/compiled.h"

#include "emit/emitted.h"

static const char *const quick_flags[] = {"-O1", NULL};
const tg_compile_options quick = {.flags = quick_flags};

void compile(tg_tape *tape, const char *part) {
    ck_assert_msg(!tg_compile(tape, part, &quick), "%s", tg_error(tape));
}

void run_part(tg_tape *tape, const char *part) {
    ck_assert_msg(!tg_run_part(tape, part), "%s", tg_error(tape));
}

tg_tape *small_part(void) {
    tg_tape *tape = tg_tape_new();
    tg_begin_part(tape, "part");
    tg_exp(tg_input(tape, "x", TG_F64, TG_SHAPE(2)));
    tg_end_part(tape);
    return tape;
}

bool can_compile(void) {
    tg_tape *tape = small_part();
    bool     good = !tg_compile(tape, NULL, &quick);
    tg_tape_free(tape);
    return good;
}
