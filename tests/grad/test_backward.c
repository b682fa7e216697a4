/* tests/grad/test_backward.c: the backward walk: reuse, long chains, which paths are walked, and what is rejected. What
 * several walks do to one tape is in test_history.c, rules of the user's own are in test_own_rule.c.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/values.h"

/* ---- the shape of the graph -------------------------------------------------------------------------------------- */

START_TEST(reused_values_count_every_time) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3), b = tg_mul(2, a), c = tg_add(b, b);
    ck_assert_int_eq(tg_backward(c), TG_OK);
    CHECK_IS(tg_grad(a), 4);
    finish(tape);
}
END_TEST

/* y = (a b) (a + b), and each again below. */
START_TEST(diamonds) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3), b = tg_parameter(tape, "b", 5);
    tg_tensor product = tg_mul(a, b), sum = tg_add(a, b), y = tg_add(tg_mul(product, sum), product);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    CHECK_IS(tg_grad(a), 2 * 3 * 5 + 25 + 5);
    CHECK_IS(tg_grad(b), 2 * 3 * 5 + 9 + 3);
    finish(tape);
}
END_TEST

/* 2^40 paths through 40 additions. */
START_TEST(a_tower_of_diamonds_is_walked_once) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 1), y = a;
    for (int i = 0; i < 40; i++)
        y = tg_add(y, y);
    int64_t before = tg_instruction_count(tape);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    CHECK_IS(tg_grad(a), 0x1p40);
    ck_assert_int_le(tg_instruction_count(tape) - before, 2 * 40 + 2);
    finish(tape);
}
END_TEST

/* All frames of the walk, and of rewind and free, must fit on this stack. */
enum { LINKS = 1000000, STACK = 256 << 10 };

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(SANITIZED)
enum { STACK_SCALE = 4 };
#else
enum { STACK_SCALE = 1 };
#endif

static void *differentiate_chain(void *result) {
    double   *found = result;
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", 1), y = x;
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < LINKS; i++)
        y = tg_neg(y);
    found[0] = tg_backward(y);
    found[1] = tg_item(tg_grad(x));
    found[2] = tg_item(y);
    found[3] = tg_rewind(tape, mark);
    found[4] = tg_item(x);
    tg_tape_free(tape);
    return NULL;
}

START_TEST(a_million_ops_need_no_more_stack_than_one) {
    double         found[5] = {0};
    pthread_t      thread;
    pthread_attr_t small;
    ck_assert_int_eq(pthread_attr_init(&small), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&small, (size_t)STACK_SCALE * STACK), 0);
    ck_assert_int_eq(pthread_create(&thread, &small, differentiate_chain, found), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&small);
    ck_assert(found[0] == (double)TG_OK && found[1] == 1 && found[2] == 1 && found[3] == (double)TG_OK && found[4] == 1);
}
END_TEST

START_TEST(a_loss_that_is_a_leaf) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3), b = PARAMETER(tape, "b", 7);
    ck_assert_int_eq(tg_backward(a), TG_OK);
    CHECK_IS(tg_grad(a), 1);
    ck_assert_int_eq(tg_backward(b), TG_OK);
    CHECK_IS(tg_grad(b), 1);
    ck_assert(tg_shape_equal(tg_shape_of(tg_grad(b)), TG_SHAPE(1)));
    finish(tape);
}
END_TEST

START_TEST(a_leaf_used_by_nothing_has_no_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3), idle = tg_parameter(tape, "idle", 4), late;
    tg_tensor y = tg_square(a), aside = tg_exp(idle);
    late = tg_parameter(tape, "late", 5);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    ck_assert(tg_has_grad(a) && !tg_has_grad(idle) && !tg_has_grad(late) && tg_valid(aside));
    ck_assert(!tg_valid(tg_grad(idle)));
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "test_backward.c:", "grad: ", "'idle'");
    ck_assert(!tg_valid(tg_grad(late)));
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "'late'");
    finish(tape);
}
END_TEST

START_TEST(broadcast_operands_get_the_sum) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = PARAMETER(tape, "a", 1, 2, 3), s = tg_parameter(tape, "s", 2);
    tg_tensor column = tg_parameter(tape, "column", tg_full(tape, TG_F64, TG_SHAPE(2, 1), 1));
    ck_assert_int_eq(tg_backward(tg_sum(tg_mul(tg_mul(a, column), s))), TG_OK);
    CHECK_IS(tg_grad(a), 4, 4, 4);
    CHECK_IS(tg_grad(column), 12, 12);
    CHECK_IS(tg_grad(s), 12);
    ck_assert(tg_shape_equal(tg_shape_of(tg_grad(column)), TG_SHAPE(2, 1)));
    ck_assert(tg_shape_equal(tg_shape_of(tg_grad(s)), TG_SHAPE()));
    finish(tape);
}
END_TEST

/* Of the sum of (a - row)^2 all elements are in -2 (a - row) alone, and in its negative, which nobody reads: 2 g is one number, and the sum
 * over the rows is negated. */
START_TEST(what_is_the_same_for_all_elements_is_computed_once) {
    enum { ROWS = 100, COLUMNS = 3 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_arange(tape, TG_F64, 0, ROWS * COLUMNS, 1), row = PARAMETER(tape, "row", 1, 2, 3);
    tg_tensor loss = tg_sum(tg_square(tg_sub(tg_reshape(a, TG_SHAPE(ROWS, COLUMNS)), row)));
    ck_assert(!tg_backward(loss));
    FILE *out = tmpfile();
    ck_assert(!tg_print(tape, out));
    const char *backward = strstr(text_of(out), "# backward");
    ck_assert_int_eq(occurrences(backward, "float64 (100, 3) "), 3); /* g is a view */
    /* Of the first column of a: */
    const double sum = 3.0 * ROWS * (ROWS - 1) / 2;
    CHECK_IS(tg_grad(row), -2 * (sum - ROWS), -2 * (sum + ROWS - 2 * ROWS), -2 * (sum + 2 * ROWS - 3 * ROWS));
    finish(tape);
}
END_TEST

/* ---- only wanted paths ------------------------------------------------------------------------------------------- */

/* The deep branch holds constants alone: differentiating it would record much. */
START_TEST(paths_to_no_parameter_are_not_walked) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3), deep = tg_full(tape, TG_F64, TG_SHAPE(), 0.5);
    for (int i = 0; i < 100; i++)
        deep = tg_sin(deep);
    tg_tensor y = tg_mul(a, deep);
    int64_t   before = tg_instruction_count(tape);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    ck_assert_int_le(tg_instruction_count(tape) - before, 2);
    finish(tape);
}
END_TEST

START_TEST(what_does_not_lead_to_the_loss_is_not_walked) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 3), aside = a;
    for (int i = 0; i < 100; i++)
        aside = tg_sin(aside);
    tg_tensor y = tg_neg(a);
    int64_t   before = tg_instruction_count(tape);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    ck_assert_int_le(tg_instruction_count(tape) - before, 2);
    finish(tape);
}
END_TEST

/* The gradient for h stops at h, although h depends on a. */
START_TEST(vjp_walks_to_its_inputs_and_no_further) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor h = tg_parameter(tape, "a", 0.5), g;
    for (int i = 0; i < 100; i++)
        h = tg_sin(h);
    tg_tensor y = tg_neg(h);
    int64_t   before = tg_instruction_count(tape);
    ck_assert_int_eq(tg_vjp(tape, 1, &y, NULL, 1, &h, &g), TG_OK);
    ck_assert_int_le(tg_instruction_count(tape) - before, 2);
    CHECK_IS(g, -1);
    finish(tape);
}
END_TEST

START_TEST(conditions_and_casts_to_integers_stop_gradients) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = PARAMETER(tape, "a", 1.5, -2.5);
    tg_tensor floor = tg_cast(tg_cast(a, TG_I64), TG_F64),
              sign = tg_where(tg_gt(a, 0), 1, tg_full(tape, TG_F64, TG_SHAPE(), -1));
    ck_assert(!tg_requires_grad(floor) && !tg_requires_grad(sign) && !tg_requires_grad(tg_gt(a, 0)));
    ck_assert_int_eq(tg_backward(tg_sum(tg_add(tg_mul(a, floor), tg_mul(a, sign)))), TG_OK);
    CHECK_IS(tg_grad(a), 1 + 1, -2 - 1);
    ck_assert_int_eq(tg_backward(tg_sum(floor)), TG_ERR_GRADIENT);
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "backward: ", "no parameter");
    finish(tape);
}
END_TEST

START_TEST(gradients_pass_through_casts) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F32(tape, 1, 2));
    ck_assert_int_eq(tg_backward(tg_sum(tg_square(tg_cast(w, TG_F64)))), TG_OK);
    ck_assert_int_eq(tg_dtype_of(tg_grad(w)), TG_F32);
    CHECK_IS(tg_grad(w), 2, 4);
    finish(tape);
}
END_TEST

/* ---- nothing to add up ------------------------------------------------------------------------------------------- */

START_TEST(empty_tensors_have_empty_gradients) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(0, 2), 1)), s = tg_parameter(tape, "s", 2);
    ck_assert_int_eq(tg_backward(tg_sum(tg_mul(s, tg_exp(w)))), TG_OK);
    ck_assert(tg_shape_equal(tg_shape_of(tg_grad(w)), TG_SHAPE(0, 2)));
    CHECK_IS(tg_grad(s), 0);
    finish(tape);
}
END_TEST

/* ---- what is rejected --------------------------------------------------------------------------------------------- */

static void check_backward_rejected(tg_tensor loss, tg_status status, const char *text) {
    int64_t count = tg_instruction_count(loss.tape);
    ck_assert_int_eq(tg_backward(loss), status);
    CHECK_ERROR(loss.tape, status, "test_backward.c:", "backward: ", text);
    ck_assert_int_eq(tg_instruction_count(loss.tape), count);
}

START_TEST(what_is_no_loss_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2), none = tg_parameter(tape, "none", tg_full(tape, TG_F64, TG_SHAPE(0), 1));
    check_backward_rejected(w, TG_ERR_SHAPE, "(2)");
    check_backward_rejected(none, TG_ERR_SHAPE, "(0)");
    check_backward_rejected(tg_sum(tg_cast(w, TG_I64)), TG_ERR_DTYPE, "int64");
    check_backward_rejected(tg_eq(tg_sum(w), 3), TG_ERR_DTYPE, "bool");
    check_backward_rejected(tg_full(tape, TG_F64, TG_SHAPE(), 1), TG_ERR_GRADIENT, "no parameter");
    ck_assert_int_eq(tg_backward(1.5), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_backward((tg_tensor){0}), TG_ERR_HANDLE);
    ck_assert(!tg_has_grad(w) && !tg_has_grad(tg_num(1)) && !tg_has_grad((tg_tensor){0}));
    finish(tape);
}
END_TEST

START_TEST(grad_of_what_is_no_parameter_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1), y = tg_exp(w), c = F64(tape, 1);
    tg_backward(y);
    ck_assert(!tg_valid(tg_grad(y)));
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "test_backward.c:", "grad: ", "exp", "tg_vjp");
    ck_assert(!tg_valid(tg_grad(c)));
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "constant");
    ck_assert(!tg_valid(tg_grad(1)));
    finish(tape);
}
END_TEST

START_TEST(after_an_error_nothing_is_differentiated) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1), y = tg_exp(w), g = w;
    tg_find(tape, "nobody");
    ck_assert_int_eq(tg_backward(y), TG_ERR_NAME);
    ck_assert_int_eq(tg_vjp(tape, 1, &y, NULL, 1, &w, &g), TG_ERR_NAME);
    ck_assert_int_eq(tg_zero_grad(tape), TG_ERR_NAME);
    ck_assert(!tg_valid(g) && !tg_valid(tg_grad(w)));
    CHECK_ERROR(tape, TG_ERR_NAME, "nobody");
    ck_assert_int_eq(tg_backward(y), TG_OK);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

static void add_graphs(Suite *suite) {
    TCase *tcase = tcase_create("graphs");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, reused_values_count_every_time);
    tcase_add_test(tcase, diamonds);
    tcase_add_test(tcase, a_tower_of_diamonds_is_walked_once);
    tcase_add_test(tcase, a_million_ops_need_no_more_stack_than_one);
    tcase_add_test(tcase, a_loss_that_is_a_leaf);
    tcase_add_test(tcase, a_leaf_used_by_nothing_has_no_gradient);
    tcase_add_test(tcase, broadcast_operands_get_the_sum);
    tcase_add_test(tcase, what_is_the_same_for_all_elements_is_computed_once);
    tcase_add_test(tcase, paths_to_no_parameter_are_not_walked);
    tcase_add_test(tcase, what_does_not_lead_to_the_loss_is_not_walked);
    tcase_add_test(tcase, vjp_walks_to_its_inputs_and_no_further);
    tcase_add_test(tcase, conditions_and_casts_to_integers_stop_gradients);
    tcase_add_test(tcase, gradients_pass_through_casts);
    tcase_add_test(tcase, empty_tensors_have_empty_gradients);
    suite_add_tcase(suite, tcase);
}

static void add_errors(Suite *suite) {
    TCase *tcase = tcase_create("errors");
    tcase_add_test(tcase, what_is_no_loss_is_rejected);
    tcase_add_test(tcase, grad_of_what_is_no_parameter_is_rejected);
    tcase_add_test(tcase, after_an_error_nothing_is_differentiated);
    suite_add_tcase(suite, tcase);
}

Suite *suite_backward(void) {
    Suite *suite = suite_create("backward");
    add_graphs(suite);
    add_errors(suite);
    return suite;
}
