/* tests/optim/test_adafactor.c: Adafactor where its steps can be told by a formula, its states, its defaults, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>

#include "ops/values.h"

/* The squares of a gradient that is a product of a column and a row are the product of their means: each element moves by the sign of
 * its gradient times the rate times the root of the mean square of the weights. */
START_TEST(a_matrix_of_rank_one_is_remembered_whole) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(3, 2), 4)), column = F64(tape, 1, -8, 0.5);
    tg_tensor g = tg_mul(tg_unsqueeze(column, 1), F64(tape, 3, -0.25));
    tg_backward(tg_sum(tg_mul(w, g)));
    ck_assert_int_eq(tg_adafactor_step(tape, 0.125, NULL), TG_OK);
    tg_run(tape);
    double found[6], signs[] = {1, -1, -1, 1, 1, -1};
    tg_read(w, found, 6);
    for (int i = 0; i < 6; i++)
        ck_assert_double_eq_tol(found[i], 4 - 0.125 * 4 * signs[i], 1e-13);
    finish(tape);
}
END_TEST

static void check_size(tg_tape *tape, const char *name, tg_shape shape) {
    ck_assert(tg_shape_equal(tg_shape_of(tg_find(tape, name)), shape));
}

START_TEST(the_states_of_a_matrix_are_its_rows_and_columns) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor stack = tg_parameter(tape, "stack", tg_full(tape, TG_F32, TG_SHAPE(5, 3, 4), 1));
    tg_tensor vector = tg_parameter(tape, "vector", tg_full(tape, TG_F32, TG_SHAPE(4), 1));
    tg_tensor number = tg_parameter(tape, "number", tg_full(tape, TG_F32, TG_SHAPE(), 1));
    tg_tensor empty = tg_parameter(tape, "empty", tg_full(tape, TG_F32, TG_SHAPE(0, 4), 1));
    tg_backward(tg_add(tg_sum(tg_mul(tg_mul(stack, vector), number)), tg_sum(empty)));
    ck_assert_int_eq(tg_adafactor_step(tape, 0.01, NULL), TG_OK);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    check_size(tape, "stack.adafactor.r", TG_SHAPE(5, 3, 1));
    check_size(tape, "stack.adafactor.c", TG_SHAPE(5, 1, 4));
    check_size(tape, "vector.adafactor.v", TG_SHAPE(4));
    check_size(tape, "number.adafactor.v", TG_SHAPE());
    ck_assert(!tg_valid(tg_find(tape, "stack.adafactor.v")));
    tg_clear_error(tape);
    ck_assert(tg_item(number) < 1);
    finish(tape);
}
END_TEST

static double after_a_few(tg_dtype dtype, const tg_adafactor_options *options) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, dtype, TG_SHAPE(2), 0.75));
    tg_backward(tg_mul(dtype == TG_F32 ? 1e-7 : 1e-16, tg_sum(tg_exp(w)))); /* so small that eps1 counts */
    ck_assert_int_eq(tg_adafactor_step(tape, 0.125, options), TG_OK);
    for (int k = 0; k < 5; k++)
        tg_run(tape);
    double found = tg_item(tg_mean(w));
    finish(tape);
    return found;
}

START_TEST(what_is_left_out_is_the_default) {
    tg_dtype             dtype = floats[_i];
    tg_adafactor_options all = {.beta2_decay = -0.8, .eps1 = dtype == TG_F32 ? FLT_EPSILON : DBL_EPSILON, .eps2 = 1e-3, .d = 1};
    double               expected = after_a_few(dtype, NULL);
    ck_assert(expected < 0.74 && after_a_few(dtype, &all) == expected);
    ck_assert(after_a_few(dtype, &(tg_adafactor_options){.eps1 = 8 * all.eps1}) != expected);
}
END_TEST

START_TEST(options_out_of_range_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3.0);
    tg_backward(tg_square(w));
    int64_t count = tg_instruction_count(tape);
    FAILS(tape, tg_adafactor_step(tape, 1, &(tg_adafactor_options){.beta2_decay = 0.5}), TG_ERR_ARGUMENT,
          "adafactor_step: beta2_decay 0.5 is not in (-inf, 0]");
    FAILS(tape, tg_adafactor_step(tape, 1, &(tg_adafactor_options){.d = 0.5}), TG_ERR_ARGUMENT, "adafactor_step: d 0.5");
    FAILS(tape, tg_adafactor_step(tape, 1, &(tg_adafactor_options){.eps1 = -1}), TG_ERR_ARGUMENT, "adafactor_step: eps1 -1");
    FAILS(tape, tg_adafactor_step(tape, 1, &(tg_adafactor_options){.eps2 = -1}), TG_ERR_ARGUMENT, "adafactor_step: eps2 -1");
    FAILS(tape, tg_adafactor_step(tape, 1, &(tg_adafactor_options){.weight_decay = -1}), TG_ERR_ARGUMENT,
          "adafactor_step: weight");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_adafactor(void) {
    Suite *suite = suite_create("adafactor");
    TCase *tcase = tcase_create("adafactor");
    tcase_add_test(tcase, a_matrix_of_rank_one_is_remembered_whole);
    tcase_add_test(tcase, the_states_of_a_matrix_are_its_rows_and_columns);
    tcase_add_loop_test(tcase, what_is_left_out_is_the_default, 0, 2);
    tcase_add_test(tcase, options_out_of_range_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
