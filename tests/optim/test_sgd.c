/* tests/optim/test_sgd.c: gradient descent: the update to the bit, the rate in all its forms, both styles of recording,
 * momentum, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/op_table.h"

/* ---- the update -------------------------------------------------------------------------------------------------- */

START_TEST(the_update_is_w_minus_rate_times_gradient) {
    tg_tape  *tape = tg_tape_new();
    double    a = 0.1, b = -0.7, rate = 0.3;
    tg_tensor w = tg_parameter(tape, "w", F64(tape, a, b));
    tg_backward(tg_sum(tg_square(w)));
    ck_assert_int_eq(tg_sgd_step(tape, rate), TG_OK);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(w, a - rate * (a * 2), b - rate * (b * 2));
    tg_tensor again = tg_grad(w);
    CHECK_IS(again, 2 * a, 2 * b);
    finish(tape);
}
END_TEST

START_TEST(each_run_is_a_step) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1.0), loss = tg_square(w);
    tg_backward(loss);
    tg_sgd_step(tape, 0.25);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(tg_run(tape), TG_OK);
    CHECK_IS(w, 0x1p-10);
    CHECK_IS(loss, 0x1p-18); /* of the weights before the last step */
    finish(tape);
}
END_TEST

START_TEST(float32_is_updated_in_float32) {
    tg_tape  *tape = tg_tape_new();
    float     a = 0.1f, rate = 0.01f;
    tg_tensor w = tg_parameter(tape, "w", F32(tape, (double)a)), v = tg_parameter(tape, "v", 1.0);
    tg_backward(tg_add(tg_sum(tg_square(tg_cast(w, TG_F64))), tg_mul(2, v)));
    ck_assert_int_eq(tg_sgd_step(tape, 0.01), TG_OK);
    float product = rate * (2 * a), expected = a - product;
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(w, (double)expected);
    CHECK_IS(v, 1 - 0.01 * 2);
    finish(tape);
}
END_TEST

/* All gradients are those of the old weights, whichever is updated first. */
START_TEST(parameters_are_updated_together) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3.0), b = tg_parameter(tape, "b", 5.0), idle = tg_parameter(tape, "idle", 7.0);
    tg_backward(tg_mul(a, b));
    tg_sgd_step(tape, 1);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(a, -2);
    CHECK_IS(b, 2);
    CHECK_IS(idle, 7);
    finish(tape);
}
END_TEST

START_TEST(the_sum_of_several_backwards_is_stepped) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1.0);
    tg_backward(tg_mul(3, w));
    tg_backward(tg_mul(4, w));
    tg_sgd_step(tape, 1);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(w, -6);
    finish(tape);
}
END_TEST

/* ---- the rate ---------------------------------------------------------------------------------------------------- */

START_TEST(the_rate_may_be_an_input) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 16.0), rate = tg_input(tape, "rate", TG_F64, TG_SHAPE());
    tg_backward(tg_mul(2, w));
    ck_assert_int_eq(tg_sgd_step(tape, rate), TG_OK);
    for (double r = 1; r < 4; r++) {
        tg_write(rate, &r, 1);
        tg_run(tape);
    }
    CHECK_IS(w, 16 - 2 * (1 + 2 + 3));
    finish(tape);
}
END_TEST

START_TEST(the_rate_may_be_computed) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 16.0), count = tg_input(tape, "count", TG_F64, TG_SHAPE());
    tg_backward(tg_mul(2, w));
    tg_assign(count, tg_add(count, 1));
    tg_sgd_step(tape, tg_div(1, count));
    tg_run(tape);
    tg_run(tape);
    CHECK_IS(w, 16 - 2 - 1);
    finish(tape);
}
END_TEST

/* ---- both styles ------------------------------------------------------------------------------------------------- */

enum { STEPS = 25, WEIGHTS = 6 };

static tg_tensor weights(tg_tape *tape) {
    return tg_parameter(tape, "w", tg_constant(tape, TG_F32, TG_SHAPE(2, 3), (float[]){.1f, .2f, -.3f, .4f, -.5f, .6f}));
}

static tg_tensor loss_of(tg_tape *tape, tg_tensor w) {
    tg_tensor x = tg_constant(tape, TG_F32, TG_SHAPE(3, 2), (float[]){1, 2, 3, -1, 0.5f, -2});
    return tg_mean(tg_square(tg_sub(tg_sigmoid(tg_matmul(x, w)), 0.25)));
}

static void record_once(float *losses, float *found) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = weights(tape), loss = loss_of(tape, w);
    tg_backward(loss);
    tg_sgd_step(tape, 0.1);
    for (int i = 0; i < STEPS; i++) {
        tg_run(tape);
        losses[i] = (float)tg_item(loss);
    }
    tg_read(w, found, WEIGHTS);
    finish(tape);
}

static void record_each(bool read, float *losses, float *found) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = weights(tape);
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < STEPS; i++) {
        tg_tensor loss = loss_of(tape, w);
        tg_backward(loss);
        tg_sgd_step(tape, 0.1);
        if (read) losses[i] = (float)tg_item(loss);
        ck_assert_int_eq(tg_rewind(tape, mark), TG_OK);
    }
    tg_read(w, found, WEIGHTS);
    finish(tape);
}

START_TEST(both_styles_give_the_same_bits) {
    float losses[2][STEPS], found[3][WEIGHTS];
    record_once(losses[0], found[0]);
    record_each(true, losses[1], found[1]);
    record_each(false, NULL, found[2]);
    ck_assert_mem_eq(losses[0], losses[1], sizeof losses[0]);
    ck_assert_mem_eq(found[0], found[1], sizeof found[0]);
    ck_assert_mem_eq(found[0], found[2], sizeof found[0]);
    ck_assert(losses[0][STEPS - 1] < losses[0][0]);
}
END_TEST

/* ---- momentum ---------------------------------------------------------------------------------------------------- */

/* With a constant gradient g and momentum 1/2, step k is rate g (2 - 2^(1 - k)); Nesterov's is ahead by one. */
START_TEST(momentum_adds_up_to_a_multiple_of_the_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.0);
    double    expected = 0, late = 1;
    tg_backward(tg_mul(4, w));
    tg_sgd_step_with(tape, 0.25, &(tg_sgd_options){.momentum = 0.5, .nesterov = _i});
    for (int k = 1; k <= 20; k++) {
        late /= 2;
        expected -= 2 - (_i ? late : 2 * late);
        tg_run(tape);
        CHECK_IS(w, expected);
    }
    finish(tape);
}
END_TEST

START_TEST(weight_decay_is_a_part_of_the_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 8, 16));
    tg_backward(tg_sum(w));
    tg_sgd_step_with(tape, 0.5, &(tg_sgd_options){.weight_decay = 0.5});
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(w, 8 - 0.5 * (1 + 4), 16 - 0.5 * (1 + 8));
    finish(tape);
}
END_TEST

START_TEST(without_options_it_is_plain_gradient_descent) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3.0);
    tg_backward(tg_square(w));
    int64_t before = tg_instruction_count(tape);
    tg_sgd_step_with(tape, 0.25, NULL);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(w, 1.5);
    int64_t count = tg_instruction_count(tape) - before;
    tg_sgd_step(tape, 0.25);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(w, 0);
    ck_assert_int_eq(tg_instruction_count(tape), before + 2 * count); /* nothing is recorded for what is 0 */
    finish(tape);
}
END_TEST

/* ---- what is rejected --------------------------------------------------------------------------------------------- */

static void check_rejected(tg_tape *tape, tg_tensor rate, tg_status status, const char *text) {
    int64_t count = tg_instruction_count(tape);
    ck_assert_int_eq(tg_sgd_step(tape, rate), status);
    CHECK_ERROR(tape, status, "test_sgd.c:", ": ", text);
    ck_assert_int_eq(tg_instruction_count(tape), count);
}

START_TEST(without_a_gradient_it_is_rejected) {
    tg_tape *tape = tg_tape_new();
    check_rejected(tape, tg_num(0.1), TG_ERR_GRADIENT, "sgd_step: no parameter has a gradient");
    tg_tensor w = tg_parameter(tape, "w", 1.0);
    check_rejected(tape, tg_num(0.1), TG_ERR_GRADIENT, "tg_backward");
    tg_backward(tg_square(w));
    tg_zero_grad(tape);
    check_rejected(tape, tg_num(0.1), TG_ERR_GRADIENT, "sgd_step: ");
    ck_assert_int_eq(tg_sgd_step(NULL, 0.1), TG_ERR_HANDLE);
    finish(tape);
}
END_TEST

/* And then none of the others is updated. */
START_TEST(a_borrowed_parameter_is_rejected) {
    static double memory[1] = {2};
    tg_tape      *tape = tg_tape_new();
    tg_tensor     w = tg_parameter(tape, "w", 1.0), b = tg_borrow_parameter(tape, "b", TG_F64, TG_SHAPE(), memory);
    tg_tensor     loss = tg_mul(w, b);
    tg_backward(loss);
    CHECK_IS(tg_grad(b), 1);
    check_rejected(tape, tg_num(0.1), TG_ERR_ARGUMENT, "'b'");
    tg_run(tape);
    CHECK_IS(w, 1);
    ck_assert(memory[0] == 2);
    ck_assert_int_eq(tg_backward(loss), TG_OK); /* nothing is assigned on the tape */
    finish(tape);
}
END_TEST

START_TEST(a_rate_of_the_wrong_kind_is_rejected) {
    tg_tape  *tape = tg_tape_new(), *other = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 1, 2));
    tg_backward(tg_sum(tg_square(w)));
    check_rejected(tape, tg_full(tape, TG_I64, TG_SHAPE(), 1), TG_ERR_DTYPE, "the rate is int64, not float32 or float64");
    check_rejected(tape, tg_full(tape, TG_F64, TG_SHAPE(3), 0.1), TG_ERR_SHAPE, "(3)");
    check_rejected(tape, tg_full(other, TG_F64, TG_SHAPE(), 0.1), TG_ERR_HANDLE, "another tape");
    check_rejected(tape, (tg_tensor){0}, TG_ERR_HANDLE, "");
    CHECK_IS(w, 1, 2);
    finish(tape);
    finish(other);
}
END_TEST

START_TEST(a_rate_of_a_higher_rank_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 1, 2));
    tg_backward(tg_sum(tg_square(w)));
    check_rejected(tape, F64(tape, 0.1, 0.2), TG_ERR_SHAPE, "(2)");
    finish(tape);
}
END_TEST

static void check_rejected_with(tg_tape *tape, tg_sgd_options options, const char *text) {
    int64_t count = tg_instruction_count(tape);
    ck_assert_int_eq(tg_sgd_step_with(tape, 1, &options), TG_ERR_ARGUMENT);
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "test_sgd.c:", "sgd_step_with: ", text);
    ck_assert_int_eq(tg_instruction_count(tape), count);
}

START_TEST(options_out_of_range_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3.0);
    tg_backward(tg_square(w));
    check_rejected_with(tape, (tg_sgd_options){.momentum = -0.5}, "momentum -0.5 is not in [0, inf)");
    check_rejected_with(tape, (tg_sgd_options){.momentum = NAN}, "momentum nan");
    check_rejected_with(tape, (tg_sgd_options){.weight_decay = -1}, "weight_decay -1");
    check_rejected_with(tape, (tg_sgd_options){.dampening = -1}, "dampening -1");
    check_rejected_with(tape, (tg_sgd_options){.nesterov = true}, "Nesterov");
    check_rejected_with(tape, (tg_sgd_options){.varying_momentum = tg_num(-1)}, "momentum -1");
    check_rejected_with(tape, (tg_sgd_options){.nesterov = true, .varying_momentum = tg_num(0)}, "Nesterov");
    check_rejected_with(tape, (tg_sgd_options){.nesterov = true, .momentum = 0.5, .dampening = 0.5}, "dampening is 0.5");
    tg_sgd_options  two = {.varying_momentum = F64(tape, 0.1, 0.2)};
    tg_adam_options whole = {.varying_beta1 = tg_full(tape, TG_I64, TG_SHAPE(), 1)};
    ck_assert_int_eq(tg_sgd_step_with(tape, 1, &two), TG_ERR_SHAPE);
    CHECK_ERROR(tape, TG_ERR_SHAPE, "sgd_step_with: ", "the momentum is (2), not one number");
    ck_assert_int_eq(tg_adam_step(tape, 1, &whole), TG_ERR_DTYPE);
    CHECK_ERROR(tape, TG_ERR_DTYPE, "adam_step: ", "beta1 is int64, not float32 or float64");
    ck_assert_int_eq(tg_sgd_step_with(NULL, 1, NULL), TG_ERR_HANDLE);
    CHECK_IS(w, 3);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_sgd(void) {
    Suite *suite = suite_create("sgd");
    TCase *tcase = tcase_create("steps");
    tcase_add_test(tcase, the_update_is_w_minus_rate_times_gradient);
    tcase_add_test(tcase, each_run_is_a_step);
    tcase_add_test(tcase, float32_is_updated_in_float32);
    tcase_add_test(tcase, parameters_are_updated_together);
    tcase_add_test(tcase, the_sum_of_several_backwards_is_stepped);
    tcase_add_test(tcase, the_rate_may_be_an_input);
    tcase_add_test(tcase, the_rate_may_be_computed);
    tcase_add_test(tcase, both_styles_give_the_same_bits);
    tcase_add_test(tcase, without_a_gradient_it_is_rejected);
    tcase_add_test(tcase, a_borrowed_parameter_is_rejected);
    tcase_add_test(tcase, a_rate_of_the_wrong_kind_is_rejected);
    tcase_add_test(tcase, a_rate_of_a_higher_rank_is_rejected);
    tcase_add_loop_test(tcase, momentum_adds_up_to_a_multiple_of_the_gradient, 0, 2);
    tcase_add_test(tcase, weight_decay_is_a_part_of_the_gradient);
    tcase_add_test(tcase, without_options_it_is_plain_gradient_descent);
    tcase_add_test(tcase, options_out_of_range_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
