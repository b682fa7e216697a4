/* tests/core/test_elements.c: whether a pointer's type fits the dtype, where only the run knows the dtype. tests/elements.sh tests
 * what the compiler knows.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

START_TEST(elements_of_another_type_are_an_error_that_changes_nothing) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2)), w = matrix_parameter(tape, "w"), y = tg_neg(x);
    float     f[4] = {1, 2, 3, 4};
    int64_t   i[2] = {1, 2};
    FAILS(tape, tg_write(x, f, 2), TG_ERR_DTYPE, "write: float values for a float64 input");
    FAILS(tape, tg_write(w, f, 4), TG_ERR_DTYPE, "write: float values for a float64 parameter");
    FAILS(tape, tg_write(x, i, 2), TG_ERR_DTYPE, "write: int64_t values for a float64 input");
    FAILS(tape, tg_read(y, f, 2), TG_ERR_DTYPE, "read: float values for a float64 tensor");
    CHECK_F64(x, 0, 0);
    ck_assert(f[0] == 1);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_leaf_of_a_dtype_that_only_the_run_knows) {
    tg_tape *tape = tg_tape_new();
    double   d[2] = {1, 2};
    bool     b[2] = {true, false};
    for (tg_dtype dtype = TG_F32; dtype < TG_DTYPES; dtype++) {
        if (dtype != TG_F64) {
            FAILS(tape, tg_constant(tape, dtype, TG_SHAPE(2), d), TG_ERR_DTYPE, "constant: double values for a ");
            FAILS(tape, tg_borrow(tape, dtype, TG_SHAPE(2), d), TG_ERR_DTYPE, "borrow: double values for a ");
        }
        if (dtype != TG_BOOL)
            FAILS(tape, tg_borrow_parameter(tape, "p", dtype, TG_SHAPE(2), b), TG_ERR_DTYPE,
                  "borrow_parameter: bool values for a ");
    }
    tg_dtype f64 = TG_F64;
    CHECK_F64(tg_constant(tape, f64, TG_SHAPE(2), d), 1, 2);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(jacobians_and_hessians_are_read_to_their_own_dtype) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = matrix_parameter(tape, "w"), loss = tg_sum(tg_square(w));
    float     f[16];
    FAILS(tape, tg_read_jacobian(loss, w, f, 4), TG_ERR_DTYPE, "read_jacobian: float values for a float64 tensor");
    FAILS(tape, tg_read_hessian(loss, w, f, 16), TG_ERR_DTYPE, "read_hessian: float values for a float64 tensor");
    tg_tape_free(tape);
}
END_TEST

START_TEST(void_and_bytes_may_be_anything) {
    tg_tape             *tape = tg_tape_new();
    tg_tensor            x = tg_input(tape, "x", TG_F64, TG_SHAPE(2));
    double               d[2] = {1, 2}, out[2] = {0};
    const void          *v = d;
    const unsigned char *u = (const unsigned char *)d;
    ck_assert(!tg_write(x, v, 2) && !tg_write(x, u, 2) && !tg_write(x, (const signed char *)v, 2));
    ck_assert(!tg_read(x, (char *)out, 2) && out[1] == 2 && !tg_read(x, (void *)out, 2));
    CHECK_F64(tg_constant(tape, TG_F64, TG_SHAPE(2), u), 1, 2);
    ck_assert(tg_valid(tg_constant(tape, TG_F32, TG_SHAPE(0), NULL)));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(integers_of_64_bits_by_either_name) {
    tg_tape  *tape = tg_tape_new();
    long long a[2] = {1, 2};
    int64_t   b[2] = {3, 4};
    ck_assert(tg_item(tg_sum(tg_constant(tape, TG_I64, TG_SHAPE(2), a))) == 3);
    ck_assert(tg_item(tg_sum(tg_constant(tape, TG_I64, TG_SHAPE(2), b))) == 7);
#if __LONG_MAX__ == __LONG_LONG_MAX__
    long c[2] = {5, 6};
    ck_assert(tg_item(tg_sum(tg_constant(tape, TG_I64, TG_SHAPE(2), c))) == 11);
#endif
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(arrays_of_arrays) {
    tg_tape     *tape = tg_tape_new();
    int          n = 2;
    const double two[2][2] = {{1, 2}, {3, 4}};
    double       three[1][2][2] = {{{1, 2}, {3, 4}}}, four[1][1][2][2] = {{{{1, 2}, {3, 4}}}}, any[n][n];
    float        wrong[1][1][2][2];
    tg_tensor    x = tg_input(tape, "x", TG_F64, TG_SHAPE(2, 2));
    ck_assert(!tg_write(x, two, 4) && !tg_write(x, three, 4) && !tg_write(x, four, 4) && !tg_read(x, any, 4));
    ck_assert(any[1][1] == 4);
    FAILS(tape, tg_read(x, wrong, 4), TG_ERR_DTYPE, "read: float values for a float64 input");
    tg_tape_free(tape);
}
END_TEST

START_TEST(each_argument_is_evaluated_once) {
    tg_tape *tape = tg_tape_new();
    double   d[4] = {1, 2, 3, 4};
    int      i = 0;
    CHECK_F64(tg_constant(tape, TG_F64, TG_SHAPE(2), &d[i++]), 1, 2);
    ck_assert_int_eq(i, 1);
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2));
    ck_assert(!tg_write(x, &d[i++], 2));
    CHECK_F64(x, 2, 3);
    ck_assert_int_eq(i, 2);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_elements(void) {
    Suite *suite = suite_create("core/elements");
    TCase *cases = tcase_create("elements");
    tcase_add_test(cases, elements_of_another_type_are_an_error_that_changes_nothing);
    tcase_add_test(cases, a_leaf_of_a_dtype_that_only_the_run_knows);
    tcase_add_test(cases, jacobians_and_hessians_are_read_to_their_own_dtype);
    tcase_add_test(cases, void_and_bytes_may_be_anything);
    tcase_add_test(cases, integers_of_64_bits_by_either_name);
    tcase_add_test(cases, arrays_of_arrays);
    tcase_add_test(cases, each_argument_is_evaluated_once);
    suite_add_tcase(suite, cases);
    return suite;
}
