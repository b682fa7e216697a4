/* tests/run/test_print_plan.c: a printed plan tells which instructions are run together, where values are, and why a unit is split off.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "ops/values.h"

/* What tg_print_plan writes. Valid until the next call. */
static const char *printed_plan(tg_tape *tape) {
    FILE *out = tmpfile();
    ck_assert_int_eq(tg_print_plan(tape, out), TG_OK);
    return text_of(out);
}

/* The plan's text has these lines in it, in this order. */
static void check_lines(tg_tape *tape, const char *const *lines) {
    const char *text = printed_plan(tape), *from = text;
    for (; *lines; lines++) {
        const char *found = strstr(from, *lines);
        ck_assert_msg(found, "'%s' does not follow in\n%s", *lines, text);
        from = found + strlen(*lines);
    }
}
#define CHECK_LINES(tape, ...) check_lines(tape, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(a_chain_is_one_group_with_registers) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2, 3);
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED));
    tg_tensor y = tg_mul(2, tg_exp(x));
    ck_assert(!tg_keep(y));
    CHECK_LINES(tape, "units: 1, groups: 1, fused ops: 2, bytes of the block: 0\n",
                "unit 0: group over (3): 1 x 3, elements of a tile: 3\n", " exp float64 (3)",
                "test_print_plan.c:", "(loop) -> memory of %", "reads leaf \"x\", contiguous", " mul float64 (3)",
                "-> memory of %", "reads number 2, scalar");
    ck_assert_int_eq(tg_stats(tape).plans, 1);
    CHECK_F64(y, 2 * exp(1), 2 * exp(2), 2 * exp(3));
    finish(tape);
}
END_TEST

START_TEST(a_register_is_told) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2, 3);
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED));
    tg_tensor e = tg_exp(x), y = tg_add(tg_mul(e, e), e);
    ck_assert(!tg_keep(y));
    CHECK_LINES(tape, "registers: 1 of 64 bytes", " exp float64 (3)", "(loop) -> register 0", " mul float64 (3)",
                "reads register 0, contiguous");
    finish(tape);
}
END_TEST

/* The layer norm of some rows of 770, and its gradient: many ops for each value that goes through memory. */
static void check_tiles_of_rows(int64_t rows, const char *tile) {
    tg_tape *tape = tg_tape_new();
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED));
    tg_tensor x = tg_parameter(tape, "x", tg_full(tape, TG_F32, TG_SHAPE(rows, 770), 0.5)), gradient;
    tg_tensor w = tg_full(tape, TG_F32, TG_SHAPE(770), 2), y = tg_layer_norm(x, 1, w, w, 1e-5),
              seed = tg_full(tape, TG_F32, TG_SHAPE(rows, 770), 1);
    ck_assert(!tg_keep(y) && !tg_vjp(tape, 1, &y, &seed, 1, &x, &gradient));
    CHECK_LINES(tape, "units: 1, groups: 1", tile);
    finish(tape);
}

/* So that a tile of them, what is fetched of the next one, and the registers are in the caches together. */
START_TEST(what_comes_from_memory_has_shorter_tiles) {
    check_tiles_of_rows(1000, ": 1000 x 770, elements of a tile: 6160,");
    check_tiles_of_rows(1500, ": 1500 x 770, elements of a tile: 1540,");
}
END_TEST

START_TEST(a_kernel_is_a_unit_and_what_follows_says_why_it_is_split_off) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 3, 1, 2), index = tg_argsort(x, 0, false), y = tg_exp(tg_neg(x));
    ck_assert(tg_valid(index) && tg_valid(y));
    CHECK_LINES(tape, "unit 0: kernel\n", "argsort int64 (3)", "unit 1: group over (3)", "split: the unit before is a kernel");
    finish(tape);
}
END_TEST

START_TEST(another_shape_is_another_group) {
    tg_tape *tape = tg_tape_new();
    tg_exp(PARAMETER(tape, "x", 1, 2, 3));
    tg_exp(PARAMETER(tape, "y", 1, 2));
    CHECK_LINES(tape, "unit 0: group over (3)", "unit 1: group over (2)", "split: its shape is not that of the group before");
    finish(tape);
}
END_TEST

START_TEST(an_operand_that_is_not_read_element_by_element_is_named) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", tg_full(tape, TG_F64, TG_SHAPE(4, 4), 1));
    char      text[100];
    tg_tensor y = tg_exp(x), z = tg_neg(tg_transpose(y, 0, 1));
    ck_assert(tg_valid(z));
    snprintf(text, sizeof text, "split: the unit before makes an operand, which is not read there element by element: %%%d",
             (int)tg_instruction_count(tape) - 2);
    CHECK_LINES(tape, "unit 0: group over (4, 4)", "unit 1: group over (4, 4)", text, "neg float64 (4, 4)",
                "strided, gathered");
    finish(tape);
}
END_TEST

START_TEST(an_update_is_made_in_the_leaf) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2);
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED));
    ck_assert(!tg_assign(w, tg_mul(w, 2)));
    CHECK_LINES(tape, "mul float64 (2)", "-> leaf \"w\"", "assign float64 (2)", "(assign) -> leaf \"w\"");
    CHECK_F64(w, 2, 4);
    finish(tape);
}
END_TEST

static void body(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y, (void)context;
    state[0] = tg_sin(state[0]);
}

/* What tg_run runs is one thing, each part another, and the body of a loop a third. */
START_TEST(parts_and_loops_have_plans_of_their_own) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2, 3), y = tg_exp(x), state = x;
    ck_assert(tg_valid(y) && !tg_begin_part(tape, "step"));
    ck_assert(!tg_assign(x, tg_cos(x)) && !tg_end_part(tape));
    ck_assert(!tg_scan(tape, &(tg_loop_spec){.body = body, .steps = 5, .states = 1, .state = &state}));
    CHECK_LINES(tape, "plan of instructions", " exp float64 (3)", "plan of instructions", " scan float64", "part \"step\"\n",
                "plan of instructions", " cos float64 (3)", "body of a loop, ", "test_print_plan.c:", "plan of instructions",
                " sin float64 (3)");
    const char *text = printed_plan(tape);
    ck_assert_ptr_null(strstr(strstr(text, " cos ") + 1, " cos "));
    CHECK_F64(y, exp(1), exp(2), exp(3));
    finish(tape);
}
END_TEST

START_TEST(printing_runs_nothing) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2);
    ck_assert(!tg_assign(w, tg_mul(w, 2)));
    printed_plan(tape);
    printed_plan(tape);
    CHECK_F64(w, 2, 4);
    finish(tape);
}
END_TEST

START_TEST(nothing_to_run_is_said) {
    tg_tape *tape = tg_tape_new();
    CHECK_LINES(tape, "plan: there is nothing to run\n");
    PARAMETER(tape, "w", 1, 2);
    CHECK_LINES(tape, "plan: there is nothing to run\n");
    finish(tape);
}
END_TEST

START_TEST(no_file_is_an_error) {
    tg_tape *tape = tg_tape_new();
    FAILS(tape, tg_print_plan(tape, NULL), TG_ERR_ARGUMENT, "print_plan: the file is NULL");
    ck_assert_int_eq((tg_print_plan)(NULL, stdout), TG_ERR_HANDLE);
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        setvbuf(full, NULL, _IONBF, 0);
        FAILS(tape, tg_print_plan(tape, full), TG_ERR_IO, "print_plan: ");
        fclose(full);
    }
    finish(tape);
}
END_TEST

Suite *suite_print_plan(void) {
    Suite *suite = suite_create("run/print plan");
    TCase *plan = tcase_create("plan");
    tcase_add_test(plan, a_chain_is_one_group_with_registers);
    tcase_add_test(plan, what_comes_from_memory_has_shorter_tiles);
    tcase_add_test(plan, a_register_is_told);
    tcase_add_test(plan, a_kernel_is_a_unit_and_what_follows_says_why_it_is_split_off);
    tcase_add_test(plan, another_shape_is_another_group);
    tcase_add_test(plan, an_operand_that_is_not_read_element_by_element_is_named);
    tcase_add_test(plan, an_update_is_made_in_the_leaf);
    tcase_add_test(plan, parts_and_loops_have_plans_of_their_own);
    tcase_add_test(plan, printing_runs_nothing);
    tcase_add_test(plan, nothing_to_run_is_said);
    tcase_add_test(plan, no_file_is_an_error);
    suite_add_tcase(suite, plan);
    return suite;
}
