/* tests/grad/test_jacobian.c: Jacobians and Hessians as tensors, against closed forms, and against those that are read row by row.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "ops/op_table.h"

static tg_tensor parameter(tg_tape *tape, const char *name, tg_shape shape) {
    return tg_parameter(tape, name, tg_randn(tape, TG_F64, shape));
}

static void check_shape(tg_tensor x, tg_shape shape) {
    ck_assert_msg(tg_shape_equal(tg_shape_of(x), shape), "rank %d: %s", tg_shape_of(x).rank, tg_error(x.tape));
}

/* The same numbers, but for rounding. */
static void check_same(tg_tensor x, tg_tensor expected) {
    check_shape(x, tg_shape_of(expected));
    ck_assert_msg(tg_size(x) == 0 || tg_item(tg_max(tg_abs(tg_sub(x, expected)))) < 1e-13, "differs: %s", tg_error(x.tape));
}

/* A constant with what tg_read_jacobian gives, in the shape of the Jacobian. */
static tg_tensor read_by_rows(tg_tensor y, tg_tensor x, tg_shape shape) {
    double   *rows = calloc((size_t)(tg_size(y) * tg_size(x)) + 1, sizeof *rows);
    tg_tensor found;
    ck_assert_int_eq(tg_read_jacobian(y, x, rows, tg_size(y) * tg_size(x)), TG_OK);
    found = tg_constant(y.tape, tg_dtype_of(y), shape, rows);
    free(rows);
    return found;
}

/* The iris network with a few hidden units, on made-up data: how far each output is off. */
static tg_tensor network(tg_tape *tape, int64_t flowers, tg_tensor w[2]) {
    tg_seed(tape, 2);
    tg_tensor x = tg_rand(tape, TG_F64, TG_SHAPE(flowers, 2)), y = tg_bernoulli(tape, TG_F64, TG_SHAPE(flowers, 1), 0.5);
    w[0] = parameter(tape, "w1", TG_SHAPE(2, 5));
    w[1] = parameter(tape, "w2", TG_SHAPE(5, 1));
    return tg_sub(tg_sigmoid(tg_matmul(tg_sigmoid(tg_matmul(x, w[0])), w[1])), y);
}

/* ---- Jacobians --------------------------------------------------------------------------------------------------- */

/* 3 rows of 4, by rows, and 4 of 3, by columns. */
START_TEST(jacobian_of_a_matrix_times_a_vector_is_the_matrix) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", TG_SHAPE(3 + _i, 4 - _i)), x = parameter(tape, "x", TG_SHAPE(4 - _i));
    tg_tensor j = tg_jacobian(tg_matmul(a, x), x);
    check_shape(j, tg_shape_of(a));
    ck_assert(tg_item(tg_all(tg_eq(j, a))) == 1);
    finish(tape);
}
END_TEST

START_TEST(jacobian_of_a_product_of_matrices) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", tg_constant(tape, TG_F64, TG_SHAPE(2, 2), (double[]){1, 2, 3, 4}));
    tg_tensor j = tg_jacobian(tg_matmul(a, a), a);
    check_shape(j, TG_SHAPE(2, 2, 2, 2));
    CHECK_IS(tg_reshape(j, TG_SHAPE(16)), 2, 3, 2, 0, 2, 5, 0, 2, 3, 0, 5, 3, 0, 3, 2, 8);
    finish(tape);
}
END_TEST

static const struct {
    int64_t flowers;
    int     which;
} trials[] = {{4, 0}, {20, 0}, {4, 1}, {20, 1}, {1, 1}};

START_TEST(jacobian_is_the_one_that_is_read) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w[2], y = network(tape, trials[_i].flowers, w), x = w[trials[_i].which];
    tg_shape  shape = tg_shape_of(x);
    check_same(tg_jacobian(y, x), read_by_rows(y, x, TG_SHAPE(trials[_i].flowers, 1, shape.dims[0], shape.dims[1])));
    finish(tape);
}
END_TEST

START_TEST(jacobian_for_values_in_between_and_in_float32) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", F32(tape, 1, 2)), z = tg_square(x);
    tg_tensor y = tg_transpose(tg_mul(tg_reshape(z, TG_SHAPE(2, 1)), z), 0, 1);
    check_shape(tg_jacobian(y, z), TG_SHAPE(2, 2, 2));
    CHECK_IS(tg_reshape(tg_jacobian(y, z), TG_SHAPE(8)), 2, 0, 4, 1, 4, 1, 0, 8);
    CHECK_IS(tg_reshape(tg_jacobian(z, y), TG_SHAPE(8)), 0, 0, 0, 0, 0, 0, 0, 0);
    CHECK_IS(tg_reshape(tg_jacobian(x, x), TG_SHAPE(4)), 1, 0, 0, 1);
    finish(tape);
}
END_TEST

START_TEST(a_matrix_without_elements_needs_no_memory) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor none = tg_parameter(tape, "none", tg_full(tape, TG_F64, TG_SHAPE(0, 3), 1)), x = PARAMETER(tape, "x", 1, 2);
    int64_t   count = tg_instruction_count(tape);
    ck_assert(!tg_read_jacobian(x, none, (double *)NULL, 0));
    ck_assert(!tg_read_jacobian(none, x, (double *)NULL, 0));
    ck_assert_int_eq(tg_instruction_count(tape), count);
    ck_assert(!tg_read_hessian(tg_sum(none), none, (double *)NULL, 0));
    finish(tape);
}
END_TEST

START_TEST(single_numbers_have_no_axes) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor t = tg_parameter(tape, "t", 3), x = PARAMETER(tape, "x", 1, 2, 4);
    check_shape(tg_jacobian(tg_square(t), t), TG_SHAPE());
    CHECK_IS(tg_jacobian(tg_square(t), t), 6);
    check_shape(tg_jacobian(tg_mul(t, x), t), TG_SHAPE(3));
    CHECK_IS(tg_jacobian(tg_mul(t, x), t), 1, 2, 4);
    check_shape(tg_jacobian(tg_prod(x), x), TG_SHAPE(3));
    CHECK_IS(tg_jacobian(tg_prod(x), x), 8, 4, 2);
    finish(tape);
}
END_TEST

START_TEST(most_axes) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor t = tg_parameter(tape, "t", 3), ones = tg_full(tape, TG_F64, TG_SHAPE(1, 1, 2, 1, 1, 1, 1, 1), 1);
    tg_tensor x = tg_parameter(tape, "x", ones);
    CHECK_IS(tg_reshape(tg_jacobian(tg_mul(t, x), t), TG_SHAPE(2)), 1, 1);
    CHECK_IS(tg_reshape(tg_jacobian(tg_mul(t, tg_sum(x)), x), TG_SHAPE(2)), 3, 3);
    check_shape(tg_jacobian(tg_mul(t, x), t), tg_shape_of(x));
    check_shape(tg_jacobian(tg_mul(t, tg_sum(x)), x), tg_shape_of(x));
    finish(tape);
}
END_TEST

START_TEST(nothing_by_nothing) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor none = tg_parameter(tape, "none", tg_full(tape, TG_F64, TG_SHAPE(0, 2), 1)), x = PARAMETER(tape, "x", 1, 2, 4);
    check_shape(tg_jacobian(tg_exp(none), none), TG_SHAPE(0, 2, 0, 2));
    check_shape(tg_jacobian(tg_mul(x, tg_sum(none)), none), TG_SHAPE(3, 0, 2));
    check_shape(tg_jacobian(tg_mul(none, tg_sum(x)), x), TG_SHAPE(0, 2, 3));
    check_shape(tg_hessian(tg_sum(none), none), TG_SHAPE(0, 2, 0, 2));
    ck_assert_int_eq(tg_run(tape), TG_OK);
    finish(tape);
}
END_TEST

START_TEST(what_does_not_depend_gives_zeros) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2), w = PARAMETER(tape, "w", 1, 2, 3), sorted = tg_argsort(x, 0, false);
    CHECK_IS(tg_reshape(tg_jacobian(tg_exp(w), x), TG_SHAPE(6)), 0, 0, 0, 0, 0, 0);
    CHECK_IS(tg_reshape(tg_jacobian(tg_exp(x), w), TG_SHAPE(6)), 0, 0, 0, 0, 0, 0);
    CHECK_IS(tg_reshape(tg_jacobian(tg_cast(sorted, TG_F64), x), TG_SHAPE(4)), 0, 0, 0, 0);
    CHECK_IS(tg_reshape(tg_hessian(tg_sum(x), x), TG_SHAPE(4)), 0, 0, 0, 0);
    CHECK_IS(tg_reshape(tg_hessian(tg_sum(w), x), TG_SHAPE(4)), 0, 0, 0, 0);
    finish(tape);
}
END_TEST

/* Of 1000 rows and 2 columns, the two are recorded. */
START_TEST(the_shorter_way_is_taken) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 0.5, 2), t = tg_arange(tape, TG_F64, 0, 1000, 1);
    tg_tensor y = tg_mul(tg_slice(x, 0, 0, 1, 1), tg_exp(tg_mul(tg_slice(x, 0, 1, 2, 1), tg_mul(-0.001, t))));
    int64_t   count = tg_instruction_count(tape);
    tg_tensor j = tg_jacobian(y, x);
    ck_assert_int_lt(tg_instruction_count(tape), count + 100);
    check_same(j, read_by_rows(y, x, TG_SHAPE(1000, 2)));
    finish(tape);
}
END_TEST

/* ---- tensors like any other ---------------------------------------------------------------------------------------- */

START_TEST(a_jacobian_goes_into_formulas_and_runs_again) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2), j = tg_jacobian(tg_pow(x, 3), x), total = tg_sum(tg_square(j));
    tg_backward(total);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    CHECK_IS(tg_reshape(j, TG_SHAPE(4)), 3, 0, 0, 12);
    CHECK_IS(tg_grad(x), 36, 288);
    tg_write(x, (double[]){-1, 3}, 2);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    CHECK_IS(total, 9 + 27 * 27);
    CHECK_IS(tg_grad(x), -36, 36 * 27);
    finish(tape);
}
END_TEST

/* By rows, by columns, and both at once. */
START_TEST(a_jacobian_has_the_right_derivatives) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           w[2], y = network(tape, trials[_i].flowers, w), j = tg_jacobian(y, w[trials[_i].which]);
    tg_gradcheck_report report = {.order = 2};
    ck_assert_msg(tg_gradcheck(j, 2, w, &report) == TG_OK, "%s", tg_error(tape));
    finish(tape);
}
END_TEST

/* The residuals of a line through three points: one Gauss-Newton step finds it. */
START_TEST(a_gauss_newton_step) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor p = PARAMETER(tape, "p", 5, -7), a = tg_constant(tape, TG_F64, TG_SHAPE(3, 2), (double[]){1, 0, 1, 1, 1, 2});
    tg_tensor r = tg_sub(tg_matmul(a, p), F64(tape, 1, 3, 5)), j = tg_jacobian(r, p), jt = tg_transpose(j, 0, 1);
    tg_assign(p, tg_sub(p, tg_solve(tg_matmul(jt, j), tg_matmul(jt, r))));
    ck_assert_int_eq(tg_run(tape), TG_OK);
    check_same(p, F64(tape, 1, 2));
    finish(tape);
}
END_TEST

/* ---- Hessians ---------------------------------------------------------------------------------------------------- */

/* (1 - x)^2 + 100 (y - x^2)^2, where p is (x, y) */
static tg_tensor rosenbrock(tg_tensor p) {
    tg_tensor x = tg_slice(p, 0, 0, 1, 1), y = tg_slice(p, 0, 1, 2, 1);
    return tg_sum(tg_add(tg_square(tg_sub(1, x)), tg_mul(100, tg_square(tg_sub(y, tg_square(x))))));
}

START_TEST(hessian_of_rosenbrock_is_exact) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor p = PARAMETER(tape, "p", -1.5, 2), h = tg_hessian(rosenbrock(p), p);
    check_shape(h, TG_SHAPE(2, 2));
    CHECK_IS(tg_reshape(h, TG_SHAPE(4)), 2 + 1200 * 2.25 - 400 * 2, 600, 600, 200);
    tg_write(p, (double[]){1, 1}, 2);
    tg_run(tape);
    CHECK_IS(tg_reshape(h, TG_SHAPE(4)), 802, -400, -400, 200);
    finish(tape);
}
END_TEST

START_TEST(third_derivatives_through_a_hessian) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor p = PARAMETER(tape, "p", -1.5, 2), third = tg_jacobian(tg_hessian(rosenbrock(p), p), p);
    check_shape(third, TG_SHAPE(2, 2, 2));
    CHECK_IS(tg_reshape(third, TG_SHAPE(8)), 2400 * -1.5, -400, -400, 0, -400, 0, 0, 0);
    finish(tape);
}
END_TEST

START_TEST(hessian_of_the_network_is_the_one_that_is_read_and_gives_the_products) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w[2], y = network(tape, 20, w), loss = tg_mean(tg_square(y));
    for (int i = 0; i < 2; i++) {
        tg_tensor h = tg_hessian(loss, w[i]), v = tg_randn(tape, TG_F64, tg_shape_of(w[i])), hv;
        int64_t   size = tg_size(w[i]), rows = tg_shape_of(w[i]).dims[0], columns = tg_shape_of(w[i]).dims[1];
        double    matrix[100];
        ck_assert_int_eq(tg_read_hessian(loss, w[i], matrix, size * size), TG_OK);
        check_same(h, tg_constant(tape, TG_F64, TG_SHAPE(rows, columns, rows, columns), matrix));
        ck_assert_int_eq(tg_hvp(loss, 1, &w[i], &v, &hv), TG_OK);
        check_same(tg_matmul(tg_reshape(h, TG_SHAPE(size, size)), tg_reshape(v, TG_SHAPE(size))), tg_reshape(hv, TG_SHAPE(size)));
    }
    finish(tape);
}
END_TEST

START_TEST(hessian_of_single_numbers_and_of_a_loss_of_several_elements) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor t = tg_parameter(tape, "t", 3), x = PARAMETER(tape, "x", 1, 2);
    check_shape(tg_hessian(tg_pow(t, 3), t), TG_SHAPE());
    CHECK_IS(tg_hessian(tg_pow(t, 3), t), 18);
    CHECK_IS(tg_reshape(tg_hessian(tg_pow(x, 3), x), TG_SHAPE(4)), 6, 0, 0, 12);
    finish(tape);
}
END_TEST

/* ---- what is rejected --------------------------------------------------------------------------------------------- */

START_TEST(errors_name_the_call_and_leave_the_tape_as_it_was) {
    tg_tape  *tape = tg_tape_new(), *other = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2), y = tg_exp(x), n = I64(tape, 1, 2), half = F32(tape, 1, 2), stranger = F64(other, 1);
    tg_tensor five = tg_parameter(tape, "five", tg_full(tape, TG_F64, TG_SHAPE(1, 2, 1, 1, 1), 1)), deep = tg_exp(five);
    tg_tensor four = tg_reshape(deep, TG_SHAPE(2, 1, 1, 1)), loss = tg_sum(deep);
    tg_tensor wide = tg_broadcast_to(tg_sum(x), TG_SHAPE(HALF_THE_LARGEST)), nobody = {0};
    REFUSED(tg_jacobian(y, half), TG_ERR_DTYPE, "jacobian: y is float64 and x float32: both must be");
    REFUSED(tg_jacobian(n, x), TG_ERR_DTYPE, "jacobian: y is int64 and x float64");
    REFUSED(tg_jacobian(n, n), TG_ERR_DTYPE, "jacobian: y is int64 and x int64");
    REFUSED(tg_jacobian(four, five), TG_ERR_SHAPE, "jacobian: (2, 1, 1, 1) x (1, 2, 1, 1, 1): the result would have 9 axes, and 8");
    REFUSED(tg_jacobian(wide, x), TG_ERR_SHAPE, "jacobian: (", ") x (2): the result would have too many elements");
    REFUSED(tg_hessian(loss, five), TG_ERR_SHAPE, "hessian: (1, 2, 1, 1, 1) x (1, 2, 1, 1, 1): the result would have 10 axes");
    REFUSED(tg_hessian(loss, half), TG_ERR_DTYPE, "hessian: ", "float32");
    REFUSED(tg_hessian(n, x), TG_ERR_DTYPE, "hessian: ", "int64");
    REFUSED(tg_jacobian(y, stranger), TG_ERR_HANDLE, "jacobian: x belongs to another tape");
    REFUSED(tg_jacobian(1, x), TG_ERR_HANDLE, "jacobian: y is no tensor");
    REFUSED(tg_jacobian(y, nobody), TG_ERR_HANDLE, "jacobian: x is no tensor");
    REFUSED(tg_hessian(loss, 2.5), TG_ERR_HANDLE, "hessian: x is no tensor");
    tg_find(tape, "nobody");
    ck_assert(!tg_valid(tg_jacobian(y, x)) && !tg_valid(tg_hessian(loss, x)));
    CHECK_ERROR(tape, TG_ERR_NAME, "find: ");
    CHECK_IS(tg_reshape(tg_jacobian(tg_square(x), x), TG_SHAPE(4)), 2, 0, 0, 4);
    finish(tape);
    finish(other);
}
END_TEST

START_TEST(values_that_were_overwritten_are_missed) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2), y = tg_square(x), before = tg_jacobian(y, x), loss = tg_sum(tg_pow(x, 3));
    tg_assign(x, 5);
    REFUSED(tg_jacobian(y, x), TG_ERR_GRADIENT, "'x'");
    REFUSED(tg_hessian(loss, x), TG_ERR_GRADIENT, "'x'");
    tg_run(tape);
    CHECK_IS(tg_reshape(before, TG_SHAPE(4)), 2, 0, 0, 4);
    CHECK_IS(tg_reshape(tg_jacobian(tg_square(x), x), TG_SHAPE(4)), 10, 0, 0, 10);
    finish(tape);
}
END_TEST

/* Of many lines, which are a loop: by rows, and by columns; as a tensor, and read. */
START_TEST(many_lines_are_a_loop) {
    enum { MOST = 60 };
    static double w[MOST * MOST], y_at[MOST], found[2][MOST * MOST];
    tg_tape      *tape = tg_tape_new();
    int64_t       rows = _i ? 60 : 40, columns = _i ? 40 : 60;
    tg_tensor     a = tg_mul(0.1, tg_randn(tape, TG_F64, TG_SHAPE(rows, columns))), x = tg_randn(tape, TG_F64, TG_SHAPE(columns));
    int64_t       count = tg_instruction_count(tape);
    tg_tensor     y = tg_tanh(tg_matmul(a, x)), j = tg_jacobian(y, x);
    ck_assert_int_lt(tg_instruction_count(tape), count + 60);
    ck_assert(!tg_read(a, w, rows * columns) && !tg_read(y, y_at, rows) && !tg_read(j, found[0], rows * columns));
    ck_assert(!tg_read_jacobian(y, x, found[1], rows * columns));
    for (int64_t k = 0; k < rows * columns; k++) {
        double expected = w[k] * (1 - y_at[k / columns] * y_at[k / columns]);
        ck_assert(fabs(found[0][k] - expected) < 1e-15 && fabs(found[1][k] - expected) < 1e-15);
    }
    finish(tape);
}
END_TEST

Suite *suite_jacobian(void) {
    Suite *suite = suite_create("grad/jacobian");
    TCase *jacobian = tcase_create("Jacobian"), *tensor = tcase_create("tensors"), *hessian = tcase_create("Hessian");
    TCase *rejected = tcase_create("rejected");
    tcase_add_loop_test(jacobian, jacobian_of_a_matrix_times_a_vector_is_the_matrix, 0, 2);
    tcase_add_loop_test(jacobian, many_lines_are_a_loop, 0, 2);
    tcase_add_test(jacobian, jacobian_of_a_product_of_matrices);
    tcase_add_loop_test(jacobian, jacobian_is_the_one_that_is_read, 0, sizeof trials / sizeof *trials);
    tcase_add_test(jacobian, jacobian_for_values_in_between_and_in_float32);
    tcase_add_test(jacobian, a_matrix_without_elements_needs_no_memory);
    tcase_add_test(jacobian, single_numbers_have_no_axes);
    tcase_add_test(jacobian, most_axes);
    tcase_add_test(jacobian, nothing_by_nothing);
    tcase_add_test(jacobian, what_does_not_depend_gives_zeros);
    tcase_add_test(jacobian, the_shorter_way_is_taken);
    suite_add_tcase(suite, jacobian);
    tcase_add_test(tensor, a_jacobian_goes_into_formulas_and_runs_again);
    tcase_add_loop_test(tensor, a_jacobian_has_the_right_derivatives, 0, sizeof trials / sizeof *trials);
    tcase_add_test(tensor, a_gauss_newton_step);
    suite_add_tcase(suite, tensor);
    tcase_add_test(hessian, hessian_of_rosenbrock_is_exact);
    tcase_add_test(hessian, third_derivatives_through_a_hessian);
    tcase_add_test(hessian, hessian_of_the_network_is_the_one_that_is_read_and_gives_the_products);
    tcase_add_test(hessian, hessian_of_single_numbers_and_of_a_loss_of_several_elements);
    suite_add_tcase(suite, hessian);
    tcase_add_test(rejected, errors_name_the_call_and_leave_the_tape_as_it_was);
    tcase_add_test(rejected, values_that_were_overwritten_are_missed);
    suite_add_tcase(suite, rejected);
    return suite;
}
