/* tests/optim/test_clip.c: gradients that are clipped, set, frozen, and gathered over several losses.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>

#include "support.h"

/* Two parameters with the gradients (3, 0) and (0, 4): their norm is 5. */
typedef struct pair {
    tg_tape  *tape;
    tg_tensor a, b, loss;
} pair;

static pair new_pair(void) {
    pair p = {.tape = tg_tape_new()};
    p.a = tg_parameter(p.tape, "a", VECTOR(p.tape, 1, 1));
    p.b = tg_parameter(p.tape, "b", VECTOR(p.tape, 1, 1));
    p.loss = tg_add(tg_sum(tg_mul(p.a, VECTOR(p.tape, 3, 0))), tg_sum(tg_mul(p.b, VECTOR(p.tape, 0, 4))));
    return p;
}

static bool is_near(double x, double y) {
    return fabs(x - y) <= 4e-16 * fabs(y);
}

/* ---- clipping ---------------------------------------------------------------------------------------------------- */

START_TEST(a_norm_above_the_bound_becomes_the_bound) {
    pair      p = new_pair();
    tg_tensor norm, a;
    ck_assert(!tg_backward(p.loss) && !tg_clip_grad_norm(p.tape, 2, &norm));
    ck_assert(is_near(tg_item(norm), 5));
    a = tg_grad(p.a);
    ck_assert(is_near(tg_item(tg_slice(a, 0, 0, 1, 1)), 3 * (2 / (5 + 1e-6))));
    ck_assert(!tg_sgd_step(p.tape, 1) && !tg_run_pending(p.tape));
    ck_assert(is_near(tg_item(tg_slice(p.b, 0, 1, 2, 1)), 1 - 4 * (2 / (5 + 1e-6))));
    CHECK_OK(p.tape);
    tg_tape_free(p.tape);
}
END_TEST

START_TEST(a_norm_below_the_bound_stays) {
    pair p = new_pair();
    ck_assert(!tg_backward(p.loss) && !tg_clip_grad_norm(p.tape, 6, NULL));
    CHECK_F64(tg_grad(p.a), 3, 0);
    CHECK_F64(tg_grad(p.b), 0, 4);
    tg_tape_free(p.tape);
}
END_TEST

START_TEST(squares_do_not_overflow) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F32, TG_SHAPE(4), 1)), norm;
    ck_assert(!tg_backward(tg_sum(tg_mul(w, 1e30))) && !tg_clip_grad_norm(tape, 2, &norm));
    ck_assert(tg_dtype_of(norm) == TG_F32 && tg_item(norm) == (double)2e30f);
    float g[4];
    ck_assert(!tg_read(tg_grad(w), g, 4) && fabsf(g[3] - 1) < 1e-6f);
    tg_tape_free(tape);
}
END_TEST

START_TEST(more_parameters_than_are_joined_at_a_time) {
    enum { COUNT = 150 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor loss = tg_full(tape, TG_F64, TG_SHAPE(), 0), norm;
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        loss = tg_add(loss, tg_mul(i % 2 ? 1 : 2, tg_parameter(tape, name, 1.0)));
    }
    ck_assert(!tg_backward(loss) && !tg_clip_grad_norm(tape, 1, &norm));
    ck_assert(fabs(tg_item(norm) - sqrt(COUNT / 2 * 5)) < 1e-12);
    tg_tape_free(tape);
}
END_TEST

START_TEST(two_dtypes_have_one_norm) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", tg_full(tape, TG_F32, TG_SHAPE(), 1)), b = tg_parameter(tape, "b", 1.0), norm;
    tg_tensor loss = tg_add(tg_cast(tg_mul(3, a), TG_F64), tg_mul(4, b));
    ck_assert(!tg_backward(loss) && !tg_clip_grad_norm(tape, 1, &norm));
    ck_assert(tg_dtype_of(norm) == TG_F64 && tg_item(norm) == 5 && tg_dtype_of(tg_grad(a)) == TG_F32);
    ck_assert(is_near(tg_item(tg_grad(b)), 4 * (1 / (5 + 1e-6))));
    tg_tape_free(tape);
}
END_TEST

START_TEST(elements_are_clamped) {
    pair p = new_pair();
    ck_assert(!tg_backward(p.loss) && !tg_clip_grad_value(p.tape, 3.5));
    CHECK_F64(tg_grad(p.a), 3, 0);
    CHECK_F64(tg_grad(p.b), 0, 3.5);
    tg_tape_free(p.tape);
}
END_TEST

START_TEST(what_cannot_be_clipped_is_an_error) {
    pair      p = new_pair();
    tg_tensor norm;
    FAILS(p.tape, tg_clip_grad_norm(p.tape, 1, &norm), TG_ERR_GRADIENT, "clip_grad_norm: no parameter has a gradient");
    ck_assert(!tg_valid(norm));
    FAILS(p.tape, tg_clip_grad_value(p.tape, 1), TG_ERR_GRADIENT, "clip_grad_value: no parameter has a gradient");
    tg_backward(p.loss);
    FAILS(p.tape, tg_clip_grad_norm(p.tape, -1, NULL), TG_ERR_ARGUMENT, "clip_grad_norm: max_norm -1 is not in");
    FAILS(p.tape, tg_clip_grad_value(p.tape, NAN), TG_ERR_ARGUMENT, "clip_grad_value: max nan is not in");
    ck_assert_int_eq(tg_clip_grad_norm(NULL, 1, &norm), TG_ERR_HANDLE);
    ck_assert(!tg_valid(norm));
    CHECK_F64(tg_grad(p.a), 3, 0);
    tg_tape_free(p.tape);
}
END_TEST

/* ---- gradients of one's own -------------------------------------------------------------------------------------- */

START_TEST(a_gradient_that_is_set_is_what_steps_use) {
    pair p = new_pair();
    ck_assert(!tg_set_grad(p.a, VECTOR(p.tape, 10, 20)) && !tg_set_grad(p.b, 5));
    CHECK_F64(tg_grad(p.a), 10, 20);
    CHECK_F64(tg_grad(p.b), 5, 5);
    ck_assert(!tg_sgd_step(p.tape, 1) && !tg_run_pending(p.tape));
    CHECK_F64(p.a, -9, -19);
    CHECK_F64(p.b, -4, -4);
    tg_tape_free(p.tape);
}
END_TEST

START_TEST(a_rewind_undoes_it) {
    pair      p = new_pair();
    tg_tensor g = VECTOR(p.tape, 10, 20);
    ck_assert(!tg_backward(p.loss));
    tg_mark mark = tg_tape_mark(p.tape);
    ck_assert(!tg_set_grad(p.a, g) && !tg_set_grad(p.b, TG_NONE) && !tg_has_grad(p.b));
    CHECK_F64(tg_grad(p.a), 10, 20);
    ck_assert(!tg_rewind(p.tape, mark));
    CHECK_F64(tg_grad(p.a), 3, 0);
    CHECK_F64(tg_grad(p.b), 0, 4);
    tg_tape_free(p.tape);
}
END_TEST

START_TEST(a_second_backward_adds_to_it) {
    pair p = new_pair();
    ck_assert(!tg_set_grad(p.a, 100) && !tg_backward(p.loss) && !tg_backward(p.loss));
    CHECK_F64(tg_grad(p.a), 106, 100);
    CHECK_F64(tg_grad(p.b), 0, 8);
    ck_assert(!tg_zero_grad(p.tape) && !tg_backward(p.loss));
    CHECK_F64(tg_grad(p.a), 3, 0);
    tg_tape_free(p.tape);
}
END_TEST

START_TEST(what_is_no_gradient_is_rejected) {
    pair      p = new_pair();
    tg_tensor f = tg_full(p.tape, TG_F32, TG_SHAPE(2), 1);
    FAILS(p.tape, tg_set_grad(p.a, f), TG_ERR_DTYPE, "set_grad: the gradient is float32, and 'a' is float64");
    FAILS(p.tape, tg_set_grad(p.a, VECTOR(p.tape, 1, 2, 3)), TG_ERR_SHAPE, "set_grad: the gradient is (3), and 'a' is (2)");
    FAILS(p.tape, tg_set_grad(p.loss, 1), TG_ERR_ARGUMENT, "set_grad: the tensor (add) is no parameter");
    FAILS(p.tape, tg_set_grad(p.a, (tg_tensor){0}), TG_ERR_HANDLE, "set_grad: the gradient is no tensor");
    ck_assert(!tg_has_grad(p.a));
    ck_assert_int_eq(tg_set_grad(1, 1), TG_ERR_HANDLE);
    tg_tape_free(p.tape);
}
END_TEST

/* ---- freezing ---------------------------------------------------------------------------------------------------- */

START_TEST(a_frozen_parameter_has_no_gradient_and_stays) {
    pair p = new_pair();
    ck_assert(!tg_set_requires_grad(p.a, false) && !tg_requires_grad(p.a) && tg_requires_grad(p.loss));
    ck_assert(tg_is_frozen(p.a) && !tg_is_frozen(p.b) && !tg_is_frozen(p.loss) && !tg_is_frozen(TG_NONE));
    ck_assert(!tg_backward(p.loss) && !tg_has_grad(p.a) && tg_has_grad(p.b));
    ck_assert(!tg_sgd_step(p.tape, 1) && !tg_run_pending(p.tape));
    CHECK_F64(p.a, 1, 1);
    CHECK_F64(p.b, 1, -3);
    ck_assert(!tg_set_requires_grad(p.b, false) && !tg_requires_grad(p.loss));
    FAILS(p.tape, tg_backward(p.loss), TG_ERR_GRADIENT, "backward: the loss depends on no parameter");
    tg_tape_free(p.tape);
}
END_TEST

START_TEST(a_gradient_from_before_the_freezing_is_not_used) {
    pair p = new_pair();
    ck_assert(!tg_backward(p.loss) && !tg_set_requires_grad(p.a, false));
    ck_assert(!tg_clip_grad_value(p.tape, 1) && !tg_sgd_step(p.tape, 1) && !tg_run_pending(p.tape));
    CHECK_F64(tg_grad(p.a), 3, 0);
    CHECK_F64(p.a, 1, 1);
    CHECK_F64(p.b, 1, 0);
    tg_tape_free(p.tape);
}
END_TEST

START_TEST(a_thawed_parameter_is_as_before) {
    pair p = new_pair();
    ck_assert(!tg_set_requires_grad(p.a, false) && !tg_set_requires_grad(p.b, false));
    tg_tensor square = tg_sum(tg_square(p.a));
    ck_assert(!tg_requires_grad(square) && tg_item(square) == 2);
    ck_assert(!tg_set_requires_grad(p.a, true) && tg_requires_grad(square) && !tg_backward(square));
    CHECK_F64(tg_grad(p.a), 2, 2);
    ck_assert(!tg_has_grad(p.b));
    FAILS(p.tape, tg_set_requires_grad(square, true), TG_ERR_ARGUMENT, "set_requires_grad: the tensor (sum");
    tg_tape_free(p.tape);
}
END_TEST

/* ---- groups ------------------------------------------------------------------------------------------------------ */

START_TEST(groups_have_rates_and_options_of_their_own) {
    pair p = new_pair();
    ck_assert(!tg_backward(p.loss));
    ck_assert(!tg_sgd_step_with(p.tape, 0.5, &(tg_sgd_options){.parameters = TG_LIST(p.a)}));
    ck_assert(!tg_sgd_step_with(p.tape, 0.25, &(tg_sgd_options){.weight_decay = 2, .parameters = TG_LIST(p.b)}));
    ck_assert(!tg_run_pending(p.tape));
    CHECK_F64(p.a, -0.5, 1);
    CHECK_F64(p.b, 0.5, -0.5);
    tg_tape_free(p.tape);
}
END_TEST

START_TEST(a_group_of_adam_leaves_the_others) {
    pair p = new_pair();
    ck_assert(!tg_backward(p.loss));
    ck_assert(!tg_adam_step(p.tape, 0.5, &(tg_adam_options){.parameters = TG_LIST(p.a)}));
    ck_assert(!tg_run_pending(p.tape));
    CHECK_F64(p.b, 1, 1);
    ck_assert(fabs(tg_item(tg_slice(p.a, 0, 0, 1, 1)) - 0.5) < 1e-8);
    ck_assert(!tg_adamw_step(p.tape, 0.5, &(tg_adam_options){.parameters = TG_LIST(p.b)}));
    ck_assert(!tg_run_pending(p.tape));
    ck_assert(fabs(tg_item(tg_slice(p.b, 0, 1, 2, 1)) - (1 - 0.005 - 0.5)) < 1e-8);
    const tg_tensor none[1] = {p.a};
    FAILS(p.tape, tg_adam_step(p.tape, 0.5, &(tg_adam_options){.parameters = tg_list_from(0, none)}), TG_ERR_GRADIENT,
          "adam_step: no parameter has a gradient");
    tg_tape_free(p.tape);
}
END_TEST

Suite *suite_clip(void) {
    Suite *suite = suite_create("optim/clip");
    TCase *cases = tcase_create("clip");
    tcase_add_test(cases, a_norm_above_the_bound_becomes_the_bound);
    tcase_add_test(cases, a_norm_below_the_bound_stays);
    tcase_add_test(cases, squares_do_not_overflow);
    tcase_add_test(cases, more_parameters_than_are_joined_at_a_time);
    tcase_add_test(cases, two_dtypes_have_one_norm);
    tcase_add_test(cases, elements_are_clamped);
    tcase_add_test(cases, what_cannot_be_clipped_is_an_error);
    tcase_add_test(cases, a_gradient_that_is_set_is_what_steps_use);
    tcase_add_test(cases, a_rewind_undoes_it);
    tcase_add_test(cases, a_second_backward_adds_to_it);
    tcase_add_test(cases, what_is_no_gradient_is_rejected);
    tcase_add_test(cases, a_frozen_parameter_has_no_gradient_and_stays);
    tcase_add_test(cases, a_gradient_from_before_the_freezing_is_not_used);
    tcase_add_test(cases, a_thawed_parameter_is_as_before);
    tcase_add_test(cases, groups_have_rates_and_options_of_their_own);
    tcase_add_test(cases, a_group_of_adam_leaves_the_others);
    suite_add_tcase(suite, cases);
    return suite;
}
