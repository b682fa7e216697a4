/* tests/emit/test_allocation.c: a tape written as C without memory: whichever allocation fails, there is an error that says so, the files are as
 * they were, nothing has leaked, and the same tape can then be written.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <tapegrad.h>

#include "allocation.h"

/* With loops, kernels, data, a state, helpers, parts, an index that may be out of range, numbers drawn at random. */
static void record(tg_tape *tape) {
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(3, 4)), at = tg_input(tape, "at", TG_I64, TG_SHAPE(2));
    tg_tensor w = tg_parameter(tape, "w", tg_randn(tape, TG_F64, TG_SHAPE(4, 2)));
    tg_begin_part(tape, "train");
    tg_tensor loss = tg_mean(tg_square(tg_dropout(tg_logaddexp(tg_matmul(x, w), 0), 0.5, true)));
    tg_backward(loss);
    tg_set_name(loss, "loss");
    tg_sgd_step(tape, 0.1);
    tg_end_part(tape);
    tg_begin_part(tape, "pick");
    tg_set_name(tg_reshape(tg_transpose(tg_take(x, at, 0), 0, 1), TG_SHAPE(-1)), "picked");
    tg_end_part(tape);
}

START_TEST(without_memory_nothing_is_written) {
    FILE    *source = tmpfile(), *header = tmpfile();
    long     failures = 0, blocks;
    bool     failed = true;
    watch();
    tg_tape *tape = tg_tape_new();
    record(tape);
    unwatched(ck_assert_str_eq(tg_error(tape), ""));
    for (blocks = live; failed; failures++) {
        until_failure = failures + 1;
        tg_status status = tg_emit_c(tape, source, header, NULL);
        failed = until_failure == 0;
        until_failure = 0;
        unwatched(ck_assert_int_eq(status, failed ? TG_ERR_MEMORY : TG_OK));
        unwatched(ck_assert(!failed || strstr(tg_error(tape), "emit_c: out of memory")));
        unwatched(ck_assert(failed ? ftell(source) == 0 && ftell(header) == 0 : ftell(source) > 0 && ftell(header) > 0));
        unwatched(ck_assert_int_eq(live, blocks));
        tg_clear_error(tape);
    }
    unwatched(ck_assert_int_gt(failures, 20));
    tg_tape_free(tape);
    unwatched(ck_assert_int_eq(live, 0));
    fclose(source);
    fclose(header);
}
END_TEST

TCase *emit_allocation(void) {
    TCase *tcase = tcase_create("emit");
    tcase_add_test(tcase, without_memory_nothing_is_written);
    return tcase;
}
