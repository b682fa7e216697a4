/* tests/optim/test_optimizer_state.c: what optimizers keep from step to step: states, which outlive rewinds.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/op_table.h"

static const tg_sgd_options half = {.momentum = 0.5};

/* Gradient 1: the momentum is 1, 1.5, 1.75, ... */
static tg_tensor record_momentum(tg_tensor w) {
    tg_backward(tg_sum(w));
    ck_assert_int_eq(tg_sgd_step_with(w.tape, 1, &half), TG_OK);
    return tg_find(w.tape, "w.momentum");
}

/* The same, and runs it. */
static tg_tensor step_by_momentum(tg_tensor w) {
    tg_tensor state = record_momentum(w);
    ck_assert_int_eq(tg_run_pending(w.tape), TG_OK);
    return state;
}

START_TEST(a_state_outlives_rewinds) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 10, 20));
    tg_mark   mark = tg_tape_mark(tape);
    CHECK_IS(step_by_momentum(w), 1, 1);
    tg_rewind(tape, mark);
    tg_tensor state = step_by_momentum(w);
    CHECK_IS(state, 1.5, 1.5);
    tg_run(tape);
    CHECK_IS(state, 1.75, 1.75);
    CHECK_IS(w, 10 - 1 - 1.5 - 1.75, 20 - 1 - 1.5 - 1.75);
    tg_rewind(tape, mark);
    ck_assert(!tg_valid(state));
    ck_assert(!tg_valid(tg_find(tape, "w.momentum")));
    tg_clear_error(tape);
    finish(tape);
}
END_TEST

START_TEST(a_state_goes_with_its_parameter) {
    tg_tape *tape = tg_tape_new();
    tg_mark  empty = tg_tape_mark(tape);
    for (int i = 0; i < 3; i++) {
        CHECK_IS(step_by_momentum(tg_parameter(tape, "w", F64(tape, 10, 20))), 1, 1);
        tg_rewind(tape, empty);
    }
    finish(tape);
}
END_TEST

START_TEST(a_state_can_be_written) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 10, 20)), state = record_momentum(w);
    ck_assert_int_eq(tg_write(state, ((double[]){4, 6}), 2), TG_OK); /* the step is pending, and will see it */
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(w, 10 - 3, 20 - 4);
    CHECK_IS(state, 3, 4);
    ck_assert_str_eq(tg_name(state), "w.momentum");
    ck_assert(!tg_requires_grad(state));
    finish(tape);
}
END_TEST

START_TEST(a_step_that_is_discarded_leaves_its_state) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 10, 20));
    tg_mark   mark = tg_tape_mark(tape);
    record_momentum(w);
    tg_discard(tape, mark);
    CHECK_IS(step_by_momentum(w), 1, 1);
    finish(tape);
}
END_TEST

START_TEST(a_state_is_read_in_the_order_of_the_tape) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 10, 20)), state = record_momentum(w);
    tg_tensor after = tg_mul(state, 2);
    tg_zero_grad(tape);
    record_momentum(w);
    tg_tensor later = tg_mul(state, 2);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(after, 2, 2);
    CHECK_IS(later, 3, 3);
    finish(tape);
}
END_TEST

/* The first is one step ahead of the second all the time. */
START_TEST(each_parameter_counts_its_own_steps) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1.0), late = tg_parameter(tape, "late", tg_full(tape, TG_F32, TG_SHAPE(), 1));
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < 3; i++) {
        tg_tensor loss = tg_square(w);
        if (i > 0) loss = tg_add(loss, tg_cast(tg_square(late), TG_F64));
        tg_backward(loss);
        ck_assert_int_eq(tg_adam_step(tape, 0.125, NULL), TG_OK);
        ck_assert(!tg_run_pending(tape));
        CHECK_IS(tg_find(tape, "w.adam.t"), i + 1);
        if (i > 0) CHECK_IS(tg_find(tape, "late.adam.t"), i);
        tg_rewind(tape, mark);
        ck_assert(fabs(tg_item(w) - (1 - 0.125 * (i + 1))) < 0.01);
        ck_assert(fabs(tg_item(late) - (1 - 0.125 * i)) < 0.01);
    }
    finish(tape);
}
END_TEST

START_TEST(a_name_that_a_state_needs_may_be_taken) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 10, 20));
    tg_backward(tg_sum(w));
    tg_mark mark = tg_tape_mark(tape);
    tg_input(tape, "w.momentum", TG_F64, TG_SHAPE());
    int64_t count = tg_instruction_count(tape);
    ck_assert_int_eq(tg_sgd_step_with(tape, 1, &half), TG_ERR_NAME);
    CHECK_ERROR(tape, TG_ERR_NAME, "test_optimizer_state.c:", "sgd_step_with: the name 'w.momentum' is taken");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    tg_rewind(tape, mark);
    ck_assert_int_eq(tg_sgd_step_with(tape, 1, &half), TG_OK);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(w, 9, 19);
    finish(tape);
}
END_TEST

START_TEST(a_parameter_without_elements_is_updated) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F32, TG_SHAPE(3, 0), 1));
    tg_backward(tg_sum(w));
    ck_assert_int_eq(tg_adam_step(tape, 0.1, NULL), TG_OK);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    CHECK_IS(tg_find(tape, "w.adam.t"), 1);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_optimizer_state(void) {
    Suite *suite = suite_create("optimizer_state");
    TCase *tcase = tcase_create("states");
    tcase_add_test(tcase, a_state_outlives_rewinds);
    tcase_add_test(tcase, a_state_goes_with_its_parameter);
    tcase_add_test(tcase, a_state_can_be_written);
    tcase_add_test(tcase, a_step_that_is_discarded_leaves_its_state);
    tcase_add_test(tcase, a_state_is_read_in_the_order_of_the_tape);
    tcase_add_test(tcase, each_parameter_counts_its_own_steps);
    tcase_add_test(tcase, a_name_that_a_state_needs_may_be_taken);
    tcase_add_test(tcase, a_parameter_without_elements_is_updated);
    suite_add_tcase(suite, tcase);
    return suite;
}
