/* tests/grad/test_gradcheck.c: the gradient check itself: that it finds a wrong rule at the right element and order, leaves the
 * tape as it was, obeys its terms, and rejects what it cannot measure.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "ops/op_table.h"

/* ---- ops with a rule that lies ----------------------------------------------------------------------------------- */

static void cube_loop(int64_t n, void *out, const void *const *in, const int64_t *step) {
    for (int64_t i = 0; i < n; i++) {
        double x = ((const double *)in[0])[i * step[0]];
        ((double *)out)[i] = x * x * x;
    }
}

/* 3 x^2, but 1.001 times that from x = 4 on. */
static tg_tensor wrong_rule(const tg_rule_call *call) {
    tg_tensor x = call->x[0];
    return tg_mul(call->g, tg_mul(tg_where(tg_ge(x, 4), 3.003, tg_full(x.tape, TG_F64, TG_SHAPE(), 3)), tg_square(x)));
}

/* Right in value, but as a product with a factor that hides the dependence on x: wrong from the second order on. */
static tg_tensor shallow_rule(const tg_rule_call *call) {
    tg_tensor x = call->x[0];
    tg_tensor frozen = tg_where(tg_gt(x, 1e9), x, tg_cast(tg_cast(x, TG_I64), TG_F64));
    return tg_mul(call->g, tg_mul(3, tg_mul(frozen, x)));
}

static tg_tensor nan_rule(const tg_rule_call *call) {
    return tg_mul(call->g, (double)NAN);
}

static tg_rule *const wrong_rules[] = {wrong_rule}, *const shallow_rules[] = {shallow_rule}, *const nan_rules[] = {nan_rule};
static const tg_loops cube_loops = TG_LOOPS([TG_F64] = cube_loop);
static const tg_op    wrong = {"wrong", 1, tg_infer_elementwise, .loops = &cube_loops, .rules = wrong_rules};
static const tg_op    shallow = {"shallow", 1, tg_infer_elementwise, .loops = &cube_loops, .rules = shallow_rules};
static const tg_op    lost = {"lost", 1, tg_infer_elementwise, .loops = &cube_loops, .rules = nan_rules};
static const tg_op    silent = {"silent", 1, tg_infer_elementwise, .loops = &cube_loops};

static tg_tensor record(const tg_op *op, tg_tensor x) {
    return tg_record(x.tape, op, 1, &x, NULL, 0);
}

START_TEST(finds_the_worst_element) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           in[2] = {F64(tape, 1, 2), F64(tape, 1, 2, 5, 4)};
    tg_gradcheck_report report = {0};
    tg_tensor           y = tg_add(tg_sum(in[0]), tg_sum(record(&wrong, in[1])));
    ck_assert_int_eq(tg_gradcheck(y, 2, in, &report), TG_ERR_GRADIENT);
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "test_gradcheck.c:", "gradcheck: order 1, input 1, element 2: ");
    ck_assert(report.worst_order == 1 && report.worst_input == 1 && report.worst_element == 2);
    ck_assert_double_eq_tol(report.recorded / report.measured, 1.001, 1e-7);
    ck_assert_double_eq_tol(report.error, 1000, 20);
    ck_assert_int_eq(report.count, 6);
    finish(tape);
}
END_TEST

START_TEST(finds_a_wrong_second_derivative) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = F64(tape, 2, 3), y = record(&shallow, x);
    tg_gradcheck_report report = {.order = 2};
    ck_assert_int_eq(tg_gradcheck(y, 1, &x, NULL), TG_OK);
    ck_assert_int_eq(tg_gradcheck(y, 1, &x, &report), TG_ERR_GRADIENT);
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "order 2, input 0");
    ck_assert_int_eq(report.worst_order, 2);
    ck_assert_int_eq(report.count, 4);
    finish(tape);
}
END_TEST

START_TEST(a_missing_rule_is_found) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 2), y = record(&silent, x);
    ck_assert_int_eq(tg_gradcheck(y, 1, &x, NULL), TG_ERR_GRADIENT);
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "gives 0");
    finish(tape);
}
END_TEST

START_TEST(nan_is_wrong_and_worst) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           in[2] = {F64(tape, 1, 2), F64(tape, 5)};
    tg_gradcheck_report report = {0};
    tg_tensor           y = tg_add(tg_sum(record(&lost, in[0])), record(&wrong, in[1]));
    ck_assert_int_eq(tg_gradcheck(y, 2, in, &report), TG_ERR_GRADIENT);
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "input 0");
    ck_assert(isnan(report.recorded) && isinf(report.error) && report.count == 3);
    finish(tape);
}
END_TEST

/* Off by a part in 1000: found or passed as the tolerance has it. */
START_TEST(tolerances_are_obeyed) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = F64(tape, 4), y = record(&wrong, x);
    tg_gradcheck_report loose = {.rtol = 2e-3}, absolute = {.atol = 0.1}, tight = {.rtol = 5e-4};
    ck_assert_int_eq(tg_gradcheck(y, 1, &x, &loose), TG_OK);
    ck_assert(loose.error > 0.4 && loose.error < 0.6);
    ck_assert_int_eq(tg_gradcheck(y, 1, &x, &absolute), TG_OK);
    ck_assert_int_eq(tg_gradcheck(y, 1, &x, &tight), TG_ERR_GRADIENT);
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "order 1, input 0, element 0");
    finish(tape);
}
END_TEST

/* A third derivative of 6 makes differences with h = 0.1 wrong by 0.01. */
START_TEST(the_step_is_obeyed) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = F64(tape, 1), y = tg_mul(x, tg_square(x));
    tg_gradcheck_report wide = {.step = 0.1};
    ck_assert_int_eq(tg_gradcheck(y, 1, &x, NULL), TG_OK);
    ck_assert_int_eq(tg_gradcheck(y, 1, &x, &wide), TG_ERR_GRADIENT);
    tg_clear_error(tape);
    ck_assert_double_eq_tol(wide.measured / wide.recorded, 3.01 / 3, 1e-12);
    finish(tape);
}
END_TEST

START_TEST(the_report_names_the_terms) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = F64(tape, 1, 2, 3), y = tg_exp(x);
    tg_gradcheck_report report = {0};
    ck_assert_int_eq(tg_gradcheck(y, 1, &x, &report), TG_OK);
    ck_assert(report.step == 6e-6 && report.rtol == 1e-6 && report.atol == 1e-6 && report.order == 1);
    ck_assert(report.count == 3 && report.worst_order == 1 && report.worst_input == 0 && report.error <= 1);
    ck_assert(fabs(report.recorded - report.measured) <= 1e-6 + 1e-6 * fabs(report.measured));
    report.order = 3;
    ck_assert_int_eq(tg_gradcheck(y, 1, &x, &report), TG_OK);
    ck_assert_int_eq(report.count, 9);
    finish(tape);
}
END_TEST

/* ---- nothing is changed ------------------------------------------------------------------------------------------ */

START_TEST(the_tape_and_its_values_are_as_before) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           w = tg_parameter(tape, "w", F64(tape, 0.1, 0.2, 0.3)), x = tg_input(tape, "x", TG_F64, TG_SHAPE(2, 1));
    double              at[2] = {1.1, 2.2}, before[6], after[6], loss_before;
    tg_gradcheck_report report = {.order = 2};
    tg_write(x, at, 2);
    tg_tensor y = tg_exp(tg_mul(tg_transpose(tg_mul(w, x), 0, 1), 0.5)), loss = tg_sum(y), in[2] = {w, x};
    tg_backward(loss);
    tg_read(y, before, 6);
    loss_before = tg_item(loss);
    tg_tensor grad = tg_grad(w);
    int64_t   count = tg_instruction_count(tape);
    ck_assert_int_eq(tg_gradcheck(loss, 2, in, &report), TG_OK);
    ck_assert_int_eq(tg_instruction_count(tape), count);
    ck_assert(tg_grad(w).ref == grad.ref);
    CHECK_IS(w, 0.1, 0.2, 0.3);
    CHECK_IS(x, 1.1, 2.2);
    tg_read(y, after, 6);
    ck_assert_mem_eq(before, after, sizeof before);
    ck_assert(tg_item(loss) == loss_before);
    tg_run(tape);
    ck_assert(tg_item(loss) == loss_before);
    finish(tape);
}
END_TEST

START_TEST(a_failed_check_changes_nothing_either) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", F64(tape, 1, 5)), y = record(&wrong, x), z = tg_square(y);
    int64_t   count = tg_instruction_count(tape);
    ck_assert_int_eq(tg_gradcheck(z, 1, &x, NULL), TG_ERR_GRADIENT);
    tg_clear_error(tape);
    ck_assert_int_eq(tg_instruction_count(tape), count);
    CHECK_IS(x, 1, 5);
    CHECK_IS(y, 1, 125);
    CHECK_IS(z, 1, 15625);
    ck_assert(!tg_has_grad(x));
    finish(tape);
}
END_TEST

START_TEST(pending_values_are_run_first) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = F64(tape, 1, 2), c = tg_exp(tg_neg(F64(tape, 3, 4))), y = tg_mul(a, c);
    ck_assert_int_eq(tg_gradcheck(y, 1, &a, NULL), TG_OK);
    finish(tape);
}
END_TEST

/* ---- what can be checked ----------------------------------------------------------------------------------------- */

START_TEST(any_leaf_and_any_shape_of_y) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor c = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 0.5), i = tg_input(tape, "i", TG_F64, TG_SHAPE(3));
    tg_tensor p = tg_parameter(tape, "p", 2.0), in[3] = {c, i, p};
    tg_tensor y = tg_mul(tg_exp(tg_add(c, i)), tg_square(p));
    ck_assert_int_eq(tg_gradcheck(y, 3, in, NULL), TG_OK);
    ck_assert_int_eq(tg_gradcheck(p, 1, &p, NULL), TG_OK);
    ck_assert_int_eq(tg_gradcheck(y, 1, in + 1, NULL), TG_OK);
    finish(tape);
}
END_TEST

START_TEST(an_input_that_y_does_not_depend_on) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = F64(tape, 1, 2), idle = F64(tape, 3), in[2] = {x, idle}, y = tg_square(x);
    tg_tensor           late = F64(tape, 4), both[2] = {late, x};
    tg_gradcheck_report report = {.order = 3};
    ck_assert_int_eq(tg_gradcheck(y, 2, in, &report), TG_OK);
    ck_assert_int_eq(report.count, 9);
    ck_assert_int_eq(tg_gradcheck(y, 2, both, NULL), TG_OK);
    finish(tape);
}
END_TEST

START_TEST(empty_tensors_pass) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = tg_full(tape, TG_F64, TG_SHAPE(0, 3), 1);
    tg_gradcheck_report report = {.order = 2};
    ck_assert_int_eq(tg_gradcheck(tg_exp(x), 1, &x, &report), TG_OK);
    ck_assert_int_eq(report.count, 0);
    finish(tape);
}
END_TEST

/* A function of three layers, with every family of ops in it. */
START_TEST(a_network_passes_to_third_order) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 2), (double[]){0.3, -0.4, 0.5, 0.9});
    tg_tensor in[2] = {tg_parameter(tape, "w", tg_constant(tape, TG_F64, TG_SHAPE(2, 3), (double[]){.1, .2, -.3, .4, .5, -.6})),
                       tg_parameter(tape, "v", F64(tape, 0.7, -0.8, 0.9))};
    tg_tensor y = tg_matmul(tg_sigmoid(tg_matmul(x, in[0])), tg_reshape(in[1], TG_SHAPE(3, 1)));
    tg_gradcheck_report report = {.order = 3};
    ck_assert_int_eq(tg_gradcheck(tg_mean(tg_square(tg_sub(y, 0.5))), 2, in, &report), TG_OK);
    ck_assert_int_eq(report.count, 27);
    finish(tape);
}
END_TEST

/* ---- what is rejected --------------------------------------------------------------------------------------------- */

static void check_rejected(tg_tensor y, int n, const tg_tensor *inputs, tg_status status, const char *text) {
    int64_t count = tg_instruction_count(y.tape);
    ck_assert_int_eq(tg_gradcheck(y, n, inputs, NULL), status);
    CHECK_ERROR(y.tape, status, "test_gradcheck.c:", "gradcheck: ", text);
    ck_assert_int_eq(tg_instruction_count(y.tape), count);
}

START_TEST(what_cannot_be_measured_is_rejected) {
    static double memory[2] = {1, 2};
    tg_tape      *tape = tg_tape_new();
    tg_tensor     x = F64(tape, 1, 2), y = tg_square(x), narrow = F32(tape, 1), whole = I64(tape, 1);
    tg_tensor     borrowed = tg_borrow(tape, TG_F64, TG_SHAPE(2), memory), invalid = {0};
    check_rejected(tg_square(narrow), 1, &narrow, TG_ERR_DTYPE, "float32");
    check_rejected(tg_cast(y, TG_I64), 1, &x, TG_ERR_DTYPE, "int64");
    check_rejected(y, 1, &narrow, TG_ERR_ARGUMENT, "input 0");
    check_rejected(y, 1, &whole, TG_ERR_ARGUMENT, "int64");
    check_rejected(y, 1, &y, TG_ERR_ARGUMENT, "square");
    check_rejected(y, 1, &borrowed, TG_ERR_ARGUMENT, "own memory");
    check_rejected(y, 0, &x, TG_ERR_ARGUMENT, "no inputs");
    check_rejected(y, 1, NULL, TG_ERR_ARGUMENT, "no inputs");
    check_rejected(y, -1, &x, TG_ERR_ARGUMENT, "no inputs");
    check_rejected(y, 1, &invalid, TG_ERR_HANDLE, "input");
    ck_assert_int_eq(tg_gradcheck(1.5, 1, &x, NULL), TG_ERR_HANDLE);
    ck_assert(memory[0] == 1 && memory[1] == 2);
    finish(tape);
}
END_TEST

START_TEST(a_leaf_that_the_tape_assigns_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", F64(tape, 1, 2)), y = tg_exp(x);
    tg_assign(x, 5);
    check_rejected(y, 1, &x, TG_ERR_GRADIENT, "'x'");
    CHECK_IS(x, 5, 5);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_gradcheck(void) {
    Suite *suite = suite_create("gradcheck");
    TCase *tcase = tcase_create("gradcheck");
    tcase_add_test(tcase, finds_the_worst_element);
    tcase_add_test(tcase, finds_a_wrong_second_derivative);
    tcase_add_test(tcase, a_missing_rule_is_found);
    tcase_add_test(tcase, nan_is_wrong_and_worst);
    tcase_add_test(tcase, tolerances_are_obeyed);
    tcase_add_test(tcase, the_step_is_obeyed);
    tcase_add_test(tcase, the_report_names_the_terms);
    tcase_add_test(tcase, the_tape_and_its_values_are_as_before);
    tcase_add_test(tcase, a_failed_check_changes_nothing_either);
    tcase_add_test(tcase, pending_values_are_run_first);
    tcase_add_test(tcase, any_leaf_and_any_shape_of_y);
    tcase_add_test(tcase, an_input_that_y_does_not_depend_on);
    tcase_add_test(tcase, empty_tensors_pass);
    tcase_add_test(tcase, a_network_passes_to_third_order);
    tcase_add_test(tcase, what_cannot_be_measured_is_rejected);
    tcase_add_test(tcase, a_leaf_that_the_tape_assigns_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
