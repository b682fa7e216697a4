/* tests/grad/test_vjp.c: the functional form of the backward walk.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/values.h"

/* ---- the functional form ----------------------------------------------------------------------------------------- */

static tg_tensor vjp_with(tg_tensor y, tg_tensor seed, tg_tensor x) {
    tg_tensor g = {0};
    ck_assert_int_eq(tg_vjp(y.tape, 1, &y, &seed, 1, &x, &g), TG_OK);
    return g;
}

START_TEST(seeds_are_weights) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 2), (double[]){1, 2, 3, 4}), y = tg_square(x);
    CHECK_IS(slope(y, x), 2, 4, 6, 8);
    CHECK_IS(vjp_with(y, tg_num(3), x), 6, 12, 18, 24);
    CHECK_IS(vjp_with(y, F64(tape, 1, 10), x), 2, 40, 6, 80);
    CHECK_IS(vjp_with(y, y, x), 2, 16, 54, 128);
    CHECK_IS(vjp_with(x, F64(tape, 1, 10), x), 1, 10, 1, 10);
    finish(tape);
}
END_TEST

START_TEST(seeds_can_be_differentiated) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", 3), u = tg_parameter(tape, "u", 2);
    tg_tensor g = vjp_with(tg_square(x), u, x);
    CHECK_IS(slope(g, u), 6);
    CHECK_IS(slope(g, x), 4);
    finish(tape);
}
END_TEST

static void check_vjp_rejected(tg_tensor y, const tg_tensor *seed, tg_tensor x, tg_status status, const char *text) {
    tg_tape  *tape = y.tape ? y.tape : x.tape;
    tg_tensor g = tg_num(0);
    int64_t   count = tg_instruction_count(tape);
    ck_assert_int_eq(tg_vjp(tape, 1, &y, seed, 1, &x, &g), status);
    CHECK_ERROR(tape, status, "test_vjp.c:", ": ", text);
    ck_assert(!tg_valid(g));
    ck_assert_int_eq(tg_instruction_count(tape), count);
}

START_TEST(errors_of_vjp_leave_the_tape_as_it_was) {
    tg_tape  *tape = tg_tape_new(), *other = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2), y = tg_square(x), whole = tg_cast(x, TG_I64), stranger = F64(other, 1);
    tg_tensor narrow = F32(tape, 1, 2), wide = F64(tape, 1, 2, 3), tall = tg_full(tape, TG_F64, TG_SHAPE(2, 2), 1);
    check_vjp_rejected(y, &narrow, x, TG_ERR_DTYPE, "float32");
    check_vjp_rejected(y, &whole, x, TG_ERR_DTYPE, "int64");
    check_vjp_rejected(y, &wide, x, TG_ERR_SHAPE, "(3)");
    check_vjp_rejected(y, &tall, x, TG_ERR_SHAPE, "(2, 2)");
    check_vjp_rejected(whole, NULL, x, TG_ERR_DTYPE, "output 0 is int64");
    check_vjp_rejected(y, NULL, whole, TG_ERR_DTYPE, "input 0 is int64");
    check_vjp_rejected(y, NULL, stranger, TG_ERR_HANDLE, "another tape");
    check_vjp_rejected(y, &stranger, x, TG_ERR_HANDLE, "another tape");
    check_vjp_rejected((tg_tensor){0}, NULL, x, TG_ERR_HANDLE, "output");
    check_vjp_rejected(y, NULL, tg_num(1), TG_ERR_HANDLE, "input");
    finish(tape);
    finish(other);
}
END_TEST

START_TEST(vjp_with_bad_counts_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2), g;
    ck_assert_int_eq(tg_vjp(tape, -1, &x, NULL, 1, &x, &g), TG_ERR_ARGUMENT);
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "vjp: ");
    ck_assert_int_eq(tg_vjp(tape, 1, &x, NULL, -1, &x, &g), TG_ERR_ARGUMENT);
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "vjp: ");
    ck_assert_int_eq(tg_vjp(tape, 1, NULL, NULL, 1, &x, &g), TG_ERR_ARGUMENT);
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "vjp: ");
    ck_assert_int_eq(tg_vjp(tape, 1, &x, NULL, 1, &x, NULL), TG_ERR_ARGUMENT);
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "vjp: ");
    ck_assert_int_eq(tg_vjp(NULL, 1, &x, NULL, 1, &x, &g), TG_ERR_HANDLE);
    finish(tape);
}
END_TEST

START_TEST(vjp_of_nothing_is_nothing) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2), g;
    ck_assert_int_eq(tg_vjp(tape, 0, NULL, NULL, 0, NULL, NULL), TG_OK);
    ck_assert_int_eq(tg_vjp(tape, 1, &x, NULL, 0, NULL, NULL), TG_OK);
    ck_assert_int_eq(tg_vjp(tape, 0, NULL, NULL, 1, &x, &g), TG_OK);
    CHECK_IS(g, 0, 0);
    finish(tape);
}
END_TEST

START_TEST(several_outputs_are_added) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2), y[3] = {tg_square(x), tg_sum(x), x}, seeds[3] = {tg_num(1), tg_num(10), tg_num(100)}, g;
    ck_assert_int_eq(tg_vjp(tape, 3, y, seeds, 1, &x, &g), TG_OK);
    CHECK_IS(g, 112, 114);
    y[1] = y[0]; /* the same one twice */
    ck_assert_int_eq(tg_vjp(tape, 2, y, NULL, 1, &x, &g), TG_OK);
    CHECK_IS(g, 4, 8);
    finish(tape);
}
END_TEST

/* y = h^2, h = 3 x. What goes through h goes on to x, as in PyTorch's autograd.grad. */
START_TEST(inputs_may_be_computed_from_one_another) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", 2), h = tg_mul(3, x), y = tg_square(h), in[3] = {x, h, y}, g[3];
    ck_assert_int_eq(tg_vjp(tape, 1, &y, NULL, 3, in, g), TG_OK);
    CHECK_IS(g[0], 36);
    CHECK_IS(g[1], 12);
    CHECK_IS(g[2], 1);
    finish(tape);
}
END_TEST

START_TEST(an_unrelated_input_gets_zeros) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2), other = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), y = tg_square(x),
              in[2] = {other, tg_exp(x)}, g[2];
    ck_assert_int_eq(tg_vjp(tape, 1, &y, NULL, 2, in, g), TG_OK);
    CHECK_IS(g[0], 0, 0, 0, 0, 0, 0);
    ck_assert_int_eq(tg_dtype_of(g[0]), TG_F32);
    ck_assert(tg_shape_equal(tg_shape_of(g[0]), TG_SHAPE(2, 3)));
    CHECK_IS(g[1], 0, 0);
    finish(tape);
}
END_TEST

START_TEST(inputs_may_be_repeated) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2), y = tg_square(x), in[2] = {x, x}, g[2];
    ck_assert_int_eq(tg_vjp(tape, 1, &y, NULL, 2, in, g), TG_OK);
    CHECK_IS(g[0], 2, 4);
    CHECK_IS(g[1], 2, 4);
    finish(tape);
}
END_TEST

/* One derivative after the other in one variable: what is asked for is read before the answer is written. */
START_TEST(gradients_may_take_the_place_of_inputs_and_outputs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2), y = tg_pow(x, 4);
    for (int order = 1; order <= 3; order++)
        ck_assert_msg(tg_vjp(tape, 1, &y, NULL, 1, &x, &y) == TG_OK, "%s", tg_error(tape));
    CHECK_IS(y, 24, 48);
    y = tg_square(x);
    ck_assert_msg(tg_vjp(tape, 1, &y, NULL, 1, &x, &x) == TG_OK, "%s", tg_error(tape));
    CHECK_IS(x, 2, 4);
    finish(tape);
}
END_TEST

START_TEST(vjp_touches_no_parameters_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3), y = tg_square(a);
    slope(y, a);
    ck_assert(!tg_has_grad(a));
    tg_backward(y);
    slope(y, a);
    CHECK_IS(tg_grad(a), 6);
    finish(tape);
}
END_TEST

/* ---- for what is a broadcast ------------------------------------------------------------------------------------- */

/* 2 x u, for u that is ones everywhere, has the derivative 2 x for u. */
START_TEST(derivatives_for_a_seed_that_is_a_broadcast) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2, 3), u = tg_broadcast_to(F64(tape, 1), TG_SHAPE(3)), v = F64(tape, 1, 10, 100), gx, gu, y;
    y = tg_neg(tg_square(x));
    ck_assert(!tg_vjp(tape, 1, &y, &u, 1, &x, &gx) && !tg_vjp(tape, 1, &gx, &v, 1, &u, &gu));
    CHECK_IS(gx, -2, -4, -6);
    CHECK_IS(gu, -2, -40, -600);
    ck_assert(!tg_jvp(tape, 1, &x, &u, 1, &y, &gx) && !tg_vjp(tape, 1, &gx, &v, 1, &u, &gu));
    CHECK_IS(gx, -2, -4, -6);
    CHECK_IS(gu, -2, -40, -600);
    finish(tape);
}
END_TEST

/* The gradient of a sum of rows is the sum of the seed's, which is -z, and is differentiated for the seed. */
START_TEST(derivatives_for_a_seed_that_is_a_negative) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor row = F64(tape, 1, 2), x = tg_reshape(F64(tape, 1, 2, 3, 4), TG_SHAPE(2, 2)), v = F64(tape, 1, 10), g, gu;
    tg_tensor y = tg_add(x, row), u = tg_neg(x);
    ck_assert(!tg_vjp(tape, 1, &y, &u, 1, &row, &g) && !tg_vjp(tape, 1, &g, &v, 1, &u, &gu));
    CHECK_IS(g, -4, -6);
    CHECK_IS(gu, 1, 10, 1, 10);
    finish(tape);
}
END_TEST

/* The gradient for h is ones, as the gradient of a sum is, and what goes on from it depends on it; and so does a tangent. */
START_TEST(derivatives_for_a_gradient_on_the_way) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2, 3), v = F64(tape, 1, 10, 100), h = tg_square(x), y = tg_sum(h), way[2], gh;
    ck_assert(!tg_vjp(tape, 1, &y, NULL, 2, (tg_tensor[]){h, x}, way) && !tg_vjp(tape, 1, &way[1], &v, 1, &way[0], &gh));
    CHECK_IS(way[0], 1, 1, 1);
    CHECK_IS(way[1], 2, 4, 6);
    CHECK_IS(gh, 2, 40, 600);
    h = tg_sub(1, x);
    y = tg_square(h);
    ck_assert(!tg_jvp(tape, 1, &x, NULL, 2, (tg_tensor[]){h, y}, way) && !tg_vjp(tape, 1, &way[1], &v, 1, &way[0], &gh));
    CHECK_IS(way[0], -1, -1, -1);
    CHECK_IS(way[1], 0, 2, 4);
    CHECK_IS(gh, 0, -20, -400);
    finish(tape);
}
END_TEST

Suite *suite_vjp(void) {
    Suite *suite = suite_create("grad/vjp");
    TCase *tcase = tcase_create("vjp");
    tcase_add_test(tcase, seeds_are_weights);
    tcase_add_test(tcase, seeds_can_be_differentiated);
    tcase_add_test(tcase, derivatives_for_a_seed_that_is_a_broadcast);
    tcase_add_test(tcase, derivatives_for_a_seed_that_is_a_negative);
    tcase_add_test(tcase, derivatives_for_a_gradient_on_the_way);
    tcase_add_test(tcase, errors_of_vjp_leave_the_tape_as_it_was);
    tcase_add_test(tcase, vjp_with_bad_counts_is_rejected);
    tcase_add_test(tcase, vjp_of_nothing_is_nothing);
    tcase_add_test(tcase, several_outputs_are_added);
    tcase_add_test(tcase, inputs_may_be_computed_from_one_another);
    tcase_add_test(tcase, an_unrelated_input_gets_zeros);
    tcase_add_test(tcase, inputs_may_be_repeated);
    tcase_add_test(tcase, gradients_may_take_the_place_of_inputs_and_outputs);
    tcase_add_test(tcase, vjp_touches_no_parameters_gradient);
    suite_add_tcase(suite, tcase);
    return suite;
}
