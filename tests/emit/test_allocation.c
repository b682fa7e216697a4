/* tests/emit/test_allocation.c: a tape written as C without memory: whichever allocation fails, there is an error that says so, the files are as
 * they were, nothing has leaked, and the same tape can then be written.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <tapegrad.h>

#include "allocation.h"

/* Its states change places. */
static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_tensor a = state[0];
    (void)tape, (void)context;
    state[0] = tg_add(state[1], x[0]);
    state[1] = a;
    y[0] = tg_matmul(state[0], state[0]);
}

static void record_loop(tg_tape *tape) {
    tg_tensor    p = tg_parameter(tape, "p", tg_randn(tape, TG_F64, TG_SHAPE(3, 3))), state[2] = {p, tg_square(p)}, y;
    tg_tensor    steps = tg_input(tape, "steps", TG_F64, TG_SHAPE(4, 3, 3));
    tg_loop_spec loop = {.body = step, .steps = 4, .states = 2, .inputs = 1, .outputs = 1, .state = state, .x = &steps, .y = &y};
    tg_begin_part(tape, "loop");
    tg_scan(tape, &loop);
    tg_tensor sum = tg_sum(y), g;
    tg_vjp(tape, 1, &sum, NULL, 1, &p, &g);
    tg_set_name(g, "gradient");
    tg_set_name(state[1], "last");
    tg_end_part(tape);
}

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
    record_loop(tape);
}

START_TEST(without_memory_nothing_is_written) {
    FILE *source = tmpfile(), *header = tmpfile();
    long  failures = 0, blocks;
    bool  failed = true;
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

/* How many blocks a tape has that can be compiled, when it is, and after its runs: nothing is allocated in the steady state, and each
 * allocation that fails is an error, which leaves the tape as it was. */
START_TEST(without_memory_nothing_is_compiled) {
    long     failures = 0;
    bool     failed = true;
    tg_tape *probe = tg_tape_new();
    record(probe);
    bool none = tg_compile(probe, "train", NULL) == TG_ERR_IO; /* where there is no compiler */
    tg_tape_free(probe);
    if (none) return;
    watch();
    tg_tape *tape = tg_tape_new();
    record(tape);
    tg_trim(tape);
    for (long blocks = live; failed; failures++) {
        until_failure = failures + 1;
        tg_status status = tg_compile(tape, NULL, &(tg_compile_options){.flags = (const char *const[]){"-O0", NULL}});
        failed = until_failure == 0;
        until_failure = 0;
        unwatched(ck_assert_int_eq(status, failed ? TG_ERR_MEMORY : TG_OK));
        unwatched(ck_assert(!failed || strstr(tg_error(tape), "compile: out of memory")));
        unwatched(ck_assert(tg_is_compiled(tape, "train") == !failed && tg_is_compiled(tape, "pick") == !failed));
        tg_trim(tape);
        unwatched(ck_assert(!failed || live <= blocks));
        tg_clear_error(tape);
    }
    unwatched(ck_assert_int_gt(failures, 40));
    long before = 0;
    for (int i = 0; i < 4; i++) {
        bool good = !tg_run_part(tape, "train") && !tg_run_part(tape, "pick");
        unwatched(ck_assert(good));
        if (i == 0) before = calls;
    }
    unwatched(ck_assert_int_eq(calls, before));
    tg_tape_free(tape);
    unwatched(ck_assert_int_eq(live, 0));
}
END_TEST

TCase *emit_allocation(void) {
    TCase *tcase = tcase_create("emit");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, without_memory_nothing_is_written);
    tcase_add_test(tcase, without_memory_nothing_is_compiled);
    return tcase;
}
