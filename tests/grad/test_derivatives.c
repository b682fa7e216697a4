/* tests/grad/test_derivatives.c: products with Jacobians and Hessians, and whole ones, against closed forms and each other.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/op_table.h"

static tg_tensor parameter(tg_tape *tape, const char *name, tg_shape shape) {
    return tg_parameter(tape, name, tg_randn(tape, TG_F64, shape));
}

static void check_close(const double *found, const double *expected, int count, double tolerance) {
    for (int i = 0; i < count; i++)
        ck_assert_msg(fabs(found[i] - expected[i]) <= tolerance * fmax(1, fabs(expected[i])), "element %d is %.17g, not %.17g",
                      i, found[i], expected[i]);
}

/* (1 - x)^2 + 100 (y - x^2)^2, where p is (x, y) */
static tg_tensor rosenbrock(tg_tensor p) {
    tg_tensor x = tg_sum(tg_mul(p, F64(p.tape, 1, 0))), y = tg_sum(tg_mul(p, F64(p.tape, 0, 1)));
    return tg_add(tg_square(tg_sub(1, x)), tg_mul(100, tg_square(tg_sub(y, tg_square(x)))));
}

/* ---- whole matrices ---------------------------------------------------------------------------------------------- */

START_TEST(hessian_of_rosenbrock_is_exact) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor p = tg_parameter(tape, "p", F64(tape, -1.5, 2)), f = rosenbrock(p);
    int64_t   count = tg_instruction_count(tape);
    double    hessian[4];
    ck_assert_int_eq(tg_read_hessian(f, p, hessian, 4), TG_OK);
    ck_assert(hessian[0] == 2 + 1200 * 2.25 - 400 * 2 && hessian[1] == 600 && hessian[2] == 600 && hessian[3] == 200);
    ck_assert_int_eq(tg_instruction_count(tape), count);
    CHECK_IS(p, -1.5, 2);
    finish(tape);
}
END_TEST

START_TEST(jacobian_of_a_product_of_a_matrix_and_a_vector_is_the_matrix) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", TG_SHAPE(3, 4)), x = parameter(tape, "x", TG_SHAPE(4)), y = tg_matmul(a, x);
    double    jacobian[12], matrix[12];
    ck_assert_int_eq(tg_read_jacobian(y, x, jacobian, 12), TG_OK);
    tg_read(a, matrix, 12);
    check_close(jacobian, matrix, 12, 0);
    finish(tape);
}
END_TEST

START_TEST(jacobian_for_a_value_in_between_and_in_float32) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", F32(tape, 1, 2)), z = tg_square(x),
              y = tg_transpose(tg_mul(tg_reshape(z, TG_SHAPE(2, 1)), z), 0, 1);
    float found[8], expected[8] = {2, 0, 4, 1, 4, 1, 0, 8};
    ck_assert_int_eq(tg_read_jacobian(y, z, found, 8), TG_OK);
    for (int i = 0; i < 8; i++)
        ck_assert(found[i] == expected[i]);
    finish(tape);
}
END_TEST

START_TEST(jacobian_of_what_does_not_depend_is_zero) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(2)), y = tg_exp(parameter(tape, "w", TG_SHAPE(2)));
    double    jacobian[4] = {1, 1, 1, 1}, zeros[4] = {0};
    ck_assert_int_eq(tg_read_jacobian(y, x, jacobian, 4), TG_OK);
    check_close(jacobian, zeros, 4, 0);
    ck_assert_int_eq(tg_read_jacobian(tg_full(tape, TG_F64, TG_SHAPE(0), 1), x, NULL, 0), TG_OK);
    finish(tape);
}
END_TEST

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* The iris network with a few hidden units, on made-up data: the loss for both parameters. */
static tg_tensor network(tg_tape *tape, tg_tensor w[2]) {
    tg_seed(tape, 2);
    tg_tensor x = tg_rand(tape, TG_F64, TG_SHAPE(20, 2)), y = tg_bernoulli(tape, TG_F64, TG_SHAPE(20, 1), 0.5);
    w[0] = parameter(tape, "w1", TG_SHAPE(2, 5));
    w[1] = parameter(tape, "w2", TG_SHAPE(5, 1));
    tg_tensor y_hat = tg_sigmoid(tg_matmul(tg_sigmoid(tg_matmul(x, w[0])), w[1]));
    return tg_neg(tg_mean(tg_add(tg_mul(y, tg_log(y_hat)), tg_mul(tg_sub(1, y), tg_log(tg_sub(1, y_hat))))));
}

START_TEST(hvp_of_the_network_is_the_hessian_times_the_vector) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w[2], v[2], found[2], grads[2];
    tg_tensor loss = network(tape, w);
    double    blocks[2][2][100], vector[2][10], expected[10], product[10];
    int       size[2] = {10, 5};
    for (int i = 0; i < 2; i++) {
        v[i] = tg_randn(tape, TG_F64, tg_shape_of(w[i]));
        tg_read(v[i], vector[i], size[i]);
    }
    tg_vjp(tape, 1, &loss, NULL, 2, w, grads);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            ck_assert_int_eq(tg_read_jacobian(grads[i], w[j], blocks[i][j], size[i] * size[j]), TG_OK);
    ck_assert_int_eq(tg_hvp(loss, 2, w, v, found), TG_OK);
    for (int i = 0; i < 2; i++) {
        tg_read(found[i], product, size[i]);
        for (int r = 0; r < size[i]; r++) {
            expected[r] = 0;
            for (int j = 0; j < 2; j++)
                for (int c = 0; c < size[j]; c++)
                    expected[r] += blocks[i][j][r * size[j] + c] * vector[j][c];
        }
        check_close(product, expected, size[i], 1e-14);
    }
    finish(tape);
}
END_TEST

START_TEST(jvp_is_the_jacobian_times_the_tangent) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(3)), z = parameter(tape, "z", TG_SHAPE(3)),
              v = tg_randn(tape, TG_F64, TG_SHAPE(3));
    tg_tensor y[2] = {tg_mul(tg_sin(x), z), tg_sum(tg_exp(x))}, found[2];
    double    a[3], b[3], t[3], product[3], expected[3], total = 0;
    ck_assert_int_eq(tg_jvp(tape, 2, (tg_tensor[]){x, z}, (tg_tensor[]){v, tg_num(2)}, 2, y, found), TG_OK);
    tg_read(x, a, 3);
    tg_read(z, b, 3);
    tg_read(v, t, 3);
    for (int i = 0; i < 3; i++) {
        expected[i] = cos(a[i]) * b[i] * t[i] + 2 * sin(a[i]);
        total += exp(a[i]) * t[i];
    }
    tg_read(found[0], product, 3);
    check_close(product, expected, 3, 1e-15);
    check_close((double[]){tg_item(found[1])}, &total, 1, 1e-15);
    finish(tape);
}
END_TEST

START_TEST(third_derivatives) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", 0.7);
    double    s = 1 / (1 + exp(-0.7));
    tg_tensor f[3] = {tg_sin(x), tg_exp(x), tg_sigmoid(x)};
    double    expected[3] = {-cos(0.7), exp(0.7), s * (1 - s) * (1 - 6 * s + 6 * s * s)};
    for (int i = 0; i < 3; i++)
        check_close((double[]){tg_item(slope(slope(slope(f[i], x), x), x))}, &expected[i], 1, 1e-14);
    finish(tape);
}
END_TEST

START_TEST(third_derivatives_of_the_network) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           w[2], loss = network(tape, w);
    tg_gradcheck_report report = {.order = 3};
    ck_assert_int_eq(tg_gradcheck(loss, 2, w, &report), TG_OK);
    ck_assert_int_eq(report.count, 3 * 15);
    finish(tape);
}
END_TEST

START_TEST(products_are_kept_and_can_be_differentiated) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", F64(tape, 1, 2)), f = tg_sum(tg_pow(x, 4)), hv;
    ck_assert_int_eq(tg_hvp(f, 1, &x, NULL, &hv), TG_OK);
    tg_run(tape);
    CHECK_IS(hv, 12, 48);
    CHECK_IS(slope(hv, x), 24, 48);
    finish(tape);
}
END_TEST

/* ---- what is rejected --------------------------------------------------------------------------------------------- */

START_TEST(errors_name_the_call_and_leave_the_tape_as_it_was) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(2)), y = tg_exp(x), n = I64(tape, 1, 2), half = F32(tape, 1, 2), found = x;
    int64_t   count = tg_instruction_count(tape);
    double    matrix[4];
    ck_assert_int_eq(tg_read_jacobian(y, x, matrix, 3), TG_ERR_SHAPE);
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_derivatives.c:", "read_jacobian: room for 3 values, where there are 4");
    ck_assert_int_eq(tg_read_jacobian(y, x, NULL, 4), TG_ERR_ARGUMENT);
    tg_clear_error(tape);
    ck_assert_int_eq(tg_read_jacobian(y, half, matrix, 4), TG_ERR_DTYPE);
    CHECK_ERROR(tape, TG_ERR_DTYPE, "read_jacobian: y is float64 and x float32");
    ck_assert_int_eq(tg_read_hessian(n, x, matrix, 4), TG_ERR_DTYPE);
    CHECK_ERROR(tape, TG_ERR_DTYPE, "test_derivatives.c:", "int64");
    ck_assert_int_eq(tg_read_hessian(y, (tg_tensor){0}, matrix, 4), TG_ERR_HANDLE);
    CHECK_ERROR(tape, TG_ERR_HANDLE, "is no tensor");
    ck_assert_int_eq(tg_jvp(tape, 1, &x, &half, 1, &y, &found), TG_ERR_DTYPE);
    ck_assert(!tg_valid(found));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "test_derivatives.c:", "float32");
    ck_assert_int_eq(tg_jvp(tape, 1, &x, NULL, -1, &y, &found), TG_ERR_ARGUMENT);
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "jvp: ");
    FAILS(tape, tg_jvp(tape, 1, &x, NULL, 1, NULL, &found), TG_ERR_ARGUMENT, "jvp: 1 outputs, or no array of them");
    FAILS(tape, tg_jvp(tape, 1, NULL, NULL, 1, &y, &found), TG_ERR_ARGUMENT, "jvp: 1 inputs, or no array of them");
    FAILS(tape, tg_hvp(y, 1, NULL, NULL, &found), TG_ERR_ARGUMENT, "hvp: 1 inputs, or no array of them");
    ck_assert_int_eq(tg_hvp(y, 1, &x, NULL, NULL), TG_ERR_ARGUMENT);
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "hvp: ");
    ck_assert_int_eq(tg_hvp(tg_num(1), 1, &x, NULL, &found), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_instruction_count(tape), count);
    finish(tape);
}
END_TEST

/* What stood in the array before is no tensor afterwards. */
START_TEST(after_an_error_results_are_invalid) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, 2), y = tg_sum(tg_square(x)), results[3] = {x, x, x};
    tg_log(tg_eq(x, 1));
    ck_assert_int_eq(tg_vjp(tape, 1, &y, NULL, 1, &x, &results[0]), TG_ERR_DTYPE);
    ck_assert_int_eq(tg_jvp(tape, 1, &x, NULL, 1, &y, &results[1]), TG_ERR_DTYPE);
    ck_assert_int_eq(tg_hvp(y, 1, &x, NULL, &results[2]), TG_ERR_DTYPE);
    ck_assert(!tg_valid(results[0]) && !tg_valid(results[1]) && !tg_valid(results[2]));
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_matrix_of_too_many_elements_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = parameter(tape, "w", TG_SHAPE(1)), many = tg_broadcast_to(w, TG_SHAPE(HALF_THE_LARGEST));
    tg_tensor y = tg_broadcast_to(w, TG_SHAPE(64));
    double    room;
    char      text[2][64];
    snprintf(text[0], sizeof text[0], "read_jacobian: %lld times ", (long long)HALF_THE_LARGEST);
    snprintf(text[1], sizeof text[1], "read_hessian: %lld times ", (long long)HALF_THE_LARGEST);
    FAILS(tape, tg_read_jacobian(tg_neg(many), many, &room, 0), TG_ERR_SHAPE, text[0]);
    FAILS(tape, tg_read_jacobian(y, many, &room, 0), TG_ERR_SHAPE, "read_jacobian: 64 times ");
    FAILS(tape, tg_read_jacobian(y, many, &room, LARGEST_SIZE), TG_ERR_SHAPE, "read_jacobian: 64 times ");
    FAILS(tape, tg_read_hessian(tg_sum(tg_square(many)), many, &room, 0), TG_ERR_SHAPE, text[1]);
    FAILS(tape, tg_jacobian(tg_neg(many), many), TG_ERR_SHAPE, "jacobian: ");
    finish(tape);
}
END_TEST

START_TEST(a_matrix_of_what_the_tape_assigns_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(2)), y = tg_square(x);
    double    matrix[4];
    tg_assign(x, 1);
    ck_assert_int_eq(tg_read_jacobian(y, x, matrix, 4), TG_ERR_GRADIENT);
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "test_derivatives.c:", "'x'");
    CHECK_IS(x, 1, 1);
    finish(tape);
}
END_TEST

Suite *suite_derivatives(void) {
    Suite *suite = suite_create("grad/derivatives");
    TCase *whole = tcase_create("matrices"), *product = tcase_create("products"), *rejected = tcase_create("rejected");
    tcase_add_test(whole, hessian_of_rosenbrock_is_exact);
    tcase_add_test(whole, jacobian_of_a_product_of_a_matrix_and_a_vector_is_the_matrix);
    tcase_add_test(whole, jacobian_for_a_value_in_between_and_in_float32);
    tcase_add_test(whole, jacobian_of_what_does_not_depend_is_zero);
    suite_add_tcase(suite, whole);
    tcase_add_test(product, hvp_of_the_network_is_the_hessian_times_the_vector);
    tcase_add_test(product, jvp_is_the_jacobian_times_the_tangent);
    tcase_add_test(product, third_derivatives);
    tcase_add_test(product, third_derivatives_of_the_network);
    tcase_add_test(product, products_are_kept_and_can_be_differentiated);
    suite_add_tcase(suite, product);
    tcase_add_test(rejected, errors_name_the_call_and_leave_the_tape_as_it_was);
    tcase_add_test(rejected, after_an_error_results_are_invalid);
    tcase_add_test(rejected, a_matrix_of_too_many_elements_is_rejected);
    tcase_add_test(rejected, a_matrix_of_what_the_tape_assigns_is_rejected);
    suite_add_tcase(suite, rejected);
    return suite;
}
