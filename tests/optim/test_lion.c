/* tests/optim/test_lion.c: Lion where its steps can be told by a formula, its defaults, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/values.h"

/* What a step comes to depends on the sign of the gradient alone. */
START_TEST(each_step_is_as_long_as_the_rate) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 1, 1, 1)), slopes = F64(tape, 1e-9, -3, 0);
    tg_backward(tg_sum(tg_mul(slopes, w)));
    ck_assert_int_eq(tg_lion_step(tape, 0.125, NULL), TG_OK);
    for (int k = 0; k < 4; k++)
        tg_run(tape);
    CHECK_IS(w, 0.5, 1.5, 1);
    finish(tape);
}
END_TEST

/* m is 1/4 g after the first step, so that the second one goes by beta1 / 4 - (1 - beta1) 2. */
START_TEST(beta1_weighs_the_past_against_the_gradient) {
    for (int k = 0; k < 2; k++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor w = tg_parameter(tape, "w", 0.0), g = tg_input(tape, "g", TG_F64, TG_SHAPE());
        tg_backward(tg_mul(w, g));
        ck_assert_int_eq(tg_lion_step(tape, 1, &(tg_lion_options){.beta1 = k ? 0.875 : 0.9375, .beta2 = 0.75}), TG_OK);
        for (int i = 0; i < 2; i++) {
            tg_write(g, (double[]){i ? -2 : 1}, 1);
            tg_run(tape);
        }
        CHECK_IS(tg_find(tape, "w.lion.m"), 0.75 * 0.25 - 0.25 * 2);
        CHECK_IS(w, k ? 0 : -2);
        finish(tape);
    }
}
END_TEST

START_TEST(weight_decay_is_not_in_the_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 8.0);
    tg_backward(tg_mul(w, 0));
    ck_assert_int_eq(tg_lion_step(tape, 0.5, &(tg_lion_options){.weight_decay = 0.5}), TG_OK);
    tg_run(tape);
    CHECK_IS(w, 8 - 0.5 * 0.5 * 8);
    CHECK_IS(tg_find(tape, "w.lion.m"), 0);
    finish(tape);
}
END_TEST

START_TEST(options_out_of_range_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3.0);
    tg_backward(tg_square(w));
    int64_t count = tg_instruction_count(tape);
    FAILS(tape, tg_lion_step(tape, 1, &(tg_lion_options){.beta1 = 1}), TG_ERR_ARGUMENT, "lion_step: beta1 1 is not in [0, 1)");
    FAILS(tape, tg_lion_step(tape, 1, &(tg_lion_options){.beta2 = -1}), TG_ERR_ARGUMENT, "lion_step: beta2 -1");
    FAILS(tape, tg_lion_step(tape, 1, &(tg_lion_options){.weight_decay = NAN}), TG_ERR_ARGUMENT, "lion_step: weight_decay nan");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_lion(void) {
    Suite *suite = suite_create("lion");
    TCase *tcase = tcase_create("lion");
    tcase_add_test(tcase, each_step_is_as_long_as_the_rate);
    tcase_add_test(tcase, beta1_weighs_the_past_against_the_gradient);
    tcase_add_test(tcase, weight_decay_is_not_in_the_gradient);
    tcase_add_test(tcase, options_out_of_range_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
