/* tests/grad/test_history.c: gradients in the life of a tape: several backwards, rewinds, gradients of gradients, runs, and
 * leaves that are assigned.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>

#include "ops/values.h"

/* ---- several backwards ------------------------------------------------------------------------------------------- */

START_TEST(several_backwards_add_up) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3), b = tg_parameter(tape, "b", 1), y = tg_square(a);
    tg_backward(y);
    tg_tensor first = tg_grad(a);
    tg_backward(y);
    tg_backward(tg_mul(a, b));
    CHECK_IS(tg_grad(a), 6 + 6 + 1);
    CHECK_IS(tg_grad(b), 3);
    CHECK_IS(first, 6);
    finish(tape);
}
END_TEST

START_TEST(zero_grad_starts_anew) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3), y = tg_square(a);
    ck_assert_int_eq(tg_zero_grad(tape), TG_OK);
    tg_backward(y);
    tg_tensor first = tg_grad(a);
    ck_assert_int_eq(tg_zero_grad(tape), TG_OK);
    ck_assert(!tg_has_grad(a));
    ck_assert_int_eq(tg_zero_grad(tape), TG_OK);
    tg_backward(tg_mul(5, a));
    CHECK_IS(tg_grad(a), 5);
    CHECK_IS(first, 6);
    finish(tape);
}
END_TEST

/* Training steps of several losses stand in parts of their own, in any order: none adds to the gradient of another. */
START_TEST(each_part_adds_up_its_own) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3);
    tg_backward(tg_mul(2, a));
    tg_begin_part(tape, "one");
    tg_backward(tg_square(a));
    tg_tensor one = tg_grad(a);
    tg_end_part(tape);
    tg_begin_part(tape, "two");
    tg_backward(tg_mul(5, a));
    tg_backward(tg_mul(7, a));
    tg_tensor two = tg_grad(a);
    tg_end_part(tape);
    tg_begin_part(tape, "three");
    tg_set_grad(a, one);
    tg_backward(a);
    tg_tensor three = tg_grad(a);
    tg_end_part(tape);
    tg_backward(tg_mul(4, a));
    CHECK_IS(tg_grad(a), 2 + 4);

    ck_assert_int_eq(tg_run_part(tape, "two"), TG_OK); /* needs nothing of "one" */
    CHECK_IS(two, 12);
    ck_assert_int_eq(tg_run_part(tape, "one"), TG_OK);
    CHECK_IS(one, 6);
    ck_assert_int_eq(tg_run_part(tape, "three"), TG_OK);
    CHECK_IS(three, 6 + 1);
    finish(tape);
}
END_TEST

START_TEST(rewind_brings_earlier_gradients_back) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3), b = tg_parameter(tape, "b", 3);
    tg_backward(tg_square(a));
    tg_mark mark = tg_tape_mark(tape);
    for (int i = 0; i < 3; i++) {
        tg_backward(tg_mul(a, b));
        CHECK_IS(tg_grad(a), 9);
        ck_assert(tg_has_grad(b));
        ck_assert_int_eq(tg_rewind(tape, mark), TG_OK);
        CHECK_IS(tg_grad(a), 6);
        ck_assert(!tg_has_grad(b));
    }
    finish(tape);
}
END_TEST

START_TEST(rewind_past_a_zero_grad_undoes_it) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3);
    tg_backward(tg_square(a));
    tg_mark mark = tg_tape_mark(tape);
    tg_zero_grad(tape);
    tg_backward(tg_mul(5, a));
    CHECK_IS(tg_grad(a), 5);
    ck_assert_int_eq(tg_rewind(tape, mark), TG_OK);
    ck_assert(tg_has_grad(a));
    CHECK_IS(tg_grad(a), 6);
    finish(tape);
}
END_TEST

START_TEST(a_zero_grad_before_the_mark_stays) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3);
    tg_backward(tg_square(a));
    tg_zero_grad(tape);
    tg_mark mark = tg_tape_mark(tape);
    tg_backward(tg_mul(5, a));
    ck_assert_int_eq(tg_rewind(tape, mark), TG_OK);
    ck_assert(!tg_has_grad(a));
    finish(tape);
}
END_TEST

/* ---- gradients of gradients -------------------------------------------------------------------------------------- */

/* (1 - x)^2 + 100 (y - x^2)^2 at (3, 2), in numbers that are exact. */
START_TEST(hessian_of_rosenbrock_is_exact) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor v[2] = {tg_parameter(tape, "x", 3), tg_parameter(tape, "y", 2)}, g[2], row[2];
    tg_tensor f = tg_add(tg_square(tg_sub(1, v[0])), tg_mul(100, tg_square(tg_sub(v[1], tg_square(v[0])))));
    ck_assert_int_eq(tg_vjp(tape, 1, &f, NULL, 2, v, g), TG_OK);
    CHECK_IS(g[0], 2 * (3 - 1) - 400.0 * 3 * (2 - 9));
    CHECK_IS(g[1], 200.0 * (2 - 9));
    ck_assert_int_eq(tg_vjp(tape, 1, &g[0], NULL, 2, v, row), TG_OK);
    CHECK_IS(row[0], 2 - 400.0 * (2 - 3 * 9));
    CHECK_IS(row[1], -400.0 * 3);
    ck_assert_int_eq(tg_vjp(tape, 1, &g[1], NULL, 2, v, row), TG_OK);
    CHECK_IS(row[0], -400.0 * 3);
    CHECK_IS(row[1], 200);
    finish(tape);
}
END_TEST

static void check_close(tg_tensor y, double expected) {
    double got = tg_item(y);
    ck_assert_msg(fabs(got - expected) <= 1e-14 * (1 + fabs(expected)), "%.17g, not %.17g", got, expected);
}

START_TEST(third_derivatives) {
    tg_tape  *tape = tg_tape_new();
    double    at = 0.7, s = 1 / (1 + exp(-at));
    tg_tensor x = tg_parameter(tape, "x", at);
    check_close(slope(slope(slope(tg_sin(x), x), x), x), -cos(at));
    check_close(slope(slope(slope(tg_exp(x), x), x), x), exp(at));
    check_close(slope(slope(slope(tg_sigmoid(x), x), x), x), s * (1 - s) * (1 - 6 * s + 6 * s * s));
    check_close(slope(slope(slope(tg_log(x), x), x), x), 2 / (at * at * at));
    finish(tape);
}
END_TEST

START_TEST(a_gradient_goes_into_the_next_loss) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 2);
    tg_backward(tg_pow(a, 3));
    tg_tensor g = tg_grad(a);
    tg_zero_grad(tape);
    ck_assert_int_eq(tg_backward(tg_square(g)), TG_OK); /* (3 a^2)^2, 36 a^3 */
    CHECK_IS(g, 12);
    CHECK_IS(tg_grad(a), 288);
    finish(tape);
}
END_TEST

/* ---- what is kept ------------------------------------------------------------------------------------------------ */

START_TEST(gradients_are_kept_over_runs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE()), a = tg_parameter(tape, "a", 3);
    tg_backward(tg_mul(tg_square(a), x));
    for (double k = 1; k < 4; k++) {
        tg_write(x, &k, 1);
        tg_run(tape);
        CHECK_IS(tg_grad(a), 6 * k);
    }
    finish(tape);
}
END_TEST

START_TEST(gradients_are_kept_when_only_what_is_asked_for_is) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3), g;
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor y = tg_exp(tg_square(a));
    ck_assert_int_eq(tg_backward(y), TG_OK);
    check_close(tg_grad(a), 6 * exp(9));
    ck_assert_int_eq(tg_vjp(tape, 1, &y, NULL, 1, &a, &g), TG_OK);
    check_close(g, 6 * exp(9));
    ck_assert(isnan(tg_item(y)));
    CHECK_ERROR(tape, TG_ERR_VALUE, "item: ", "exp", "tg_keep");
    finish(tape);
}
END_TEST

/* ---- leaves that are assigned ------------------------------------------------------------------------------------ */

START_TEST(a_value_that_was_overwritten_is_not_differentiated) {
    tg_tape  *tape = tg_tape_new();
    char      read_at[64], assigned_at[64];
    tg_tensor w = tg_parameter(tape, "w", 3);
    tg_tensor y = tg_square(w);
    snprintf(read_at, sizeof read_at, "test_history.c:%d: square: ", __LINE__ - 1);
    tg_assign(w, 5);
    snprintf(assigned_at, sizeof assigned_at, "test_history.c:%d", __LINE__ - 1);
    int64_t count = tg_instruction_count(tape);
    ck_assert_int_eq(tg_backward(y), TG_ERR_GRADIENT);
    CHECK_ERROR(tape, TG_ERR_GRADIENT, read_at, assigned_at, "'w'", "before the assign");
    ck_assert(!tg_has_grad(w));
    ck_assert_int_eq(tg_instruction_count(tape), count);
    CHECK_IS(y, 9);
    finish(tape);
}
END_TEST

START_TEST(a_rule_that_needs_no_old_value_works_after_an_assign) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3), y = tg_add(tg_exp(w), tg_mul(2, w));
    tg_assign(w, 5);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    check_close(tg_grad(w), exp(3) + 2);
    finish(tape);
}
END_TEST

START_TEST(what_reads_the_new_value_is_differentiated_there) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3);
    tg_assign(w, 5);
    tg_tensor y = tg_square(w);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    CHECK_IS(tg_grad(w), 10);
    finish(tape);
}
END_TEST

START_TEST(no_gradient_flows_through_an_assign) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3), w = tg_parameter(tape, "w", 1);
    tg_assign(w, tg_square(a));
    ck_assert_int_eq(tg_backward(tg_mul(w, a)), TG_OK);
    CHECK_IS(tg_grad(w), 3);
    CHECK_IS(tg_grad(a), 9);
    finish(tape);
}
END_TEST

/* After the rewind the assign is forgotten, though it has happened. */
START_TEST(an_assign_that_was_rewound_is_in_nobodys_way) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3);
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < 3; i++) {
        tg_tensor y = tg_square(w);
        ck_assert_int_eq(tg_backward(y), TG_OK);
        tg_assign(w, tg_sub(w, 1));
        ck_assert_int_eq(tg_rewind(tape, mark), TG_OK);
    }
    CHECK_IS(w, 0);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

static void add_several(Suite *suite) {
    TCase *tcase = tcase_create("several backwards");
    tcase_add_test(tcase, several_backwards_add_up);
    tcase_add_test(tcase, zero_grad_starts_anew);
    tcase_add_test(tcase, each_part_adds_up_its_own);
    tcase_add_test(tcase, rewind_brings_earlier_gradients_back);
    tcase_add_test(tcase, rewind_past_a_zero_grad_undoes_it);
    tcase_add_test(tcase, a_zero_grad_before_the_mark_stays);
    suite_add_tcase(suite, tcase);
}

static void add_orders(Suite *suite) {
    TCase *tcase = tcase_create("gradients of gradients");
    tcase_add_test(tcase, hessian_of_rosenbrock_is_exact);
    tcase_add_test(tcase, third_derivatives);
    tcase_add_test(tcase, a_gradient_goes_into_the_next_loss);
    suite_add_tcase(suite, tcase);
}

static void add_kept(Suite *suite) {
    TCase *tcase = tcase_create("kept");
    tcase_add_test(tcase, gradients_are_kept_over_runs);
    tcase_add_test(tcase, gradients_are_kept_when_only_what_is_asked_for_is);
    suite_add_tcase(suite, tcase);
}

static void add_assigns(Suite *suite) {
    TCase *tcase = tcase_create("assigns");
    tcase_add_test(tcase, a_value_that_was_overwritten_is_not_differentiated);
    tcase_add_test(tcase, a_rule_that_needs_no_old_value_works_after_an_assign);
    tcase_add_test(tcase, what_reads_the_new_value_is_differentiated_there);
    tcase_add_test(tcase, no_gradient_flows_through_an_assign);
    tcase_add_test(tcase, an_assign_that_was_rewound_is_in_nobodys_way);
    suite_add_tcase(suite, tcase);
}

Suite *suite_history(void) {
    Suite *suite = suite_create("history");
    add_several(suite);
    add_orders(suite);
    add_kept(suite);
    add_assigns(suite);
    return suite;
}
