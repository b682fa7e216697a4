/* tests/ops/test_det.c: determinants of singular matrices, and their derivatives, which are those of a polynomial.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include <tapegrad/linalg.h>

#include "ops/values.h"

/* ---- the formula: minors, to the last ------------------------------------------------------------------------------ */

enum { MOST_ROWS = 5, MOST = MOST_ROWS * MOST_ROWS };

/* The determinant of n x n without the rows and columns whose bits are set, along the first row that is left. */
static double minor_of(int n, const double *a, unsigned rows, unsigned columns) {
    int    row = 0, sign = 1;
    double sum = 0;
    while (row < n && rows >> row & 1)
        row++;
    if (row == n) return 1;
    for (int j = 0; j < n; j++) {
        if (columns >> j & 1) continue;
        sum += sign * a[row * n + j] * minor_of(n, a, rows | 1u << row, columns | 1u << j);
        sign = -sign;
    }
    return sum;
}

/* How many of the bits below i are not set. */
static int place_of(unsigned bits, int i) {
    int place = 0;
    for (int k = 0; k < i; k++)
        place += !(bits >> k & 1);
    return place;
}

/* The derivative of det a by the elements at `by`. */
static double derivative(int n, const double *a, int count, const int *by) {
    unsigned rows = 0, columns = 0;
    double   sign = 1;
    for (int i = 0; i < count; i++) {
        int row = by[i] / n, column = by[i] % n;
        if (rows >> row & 1 || columns >> column & 1) return 0;
        if ((place_of(rows, row) + place_of(columns, column)) % 2) sign = -sign;
        rows |= 1u << row;
        columns |= 1u << column;
    }
    return sign * minor_of(n, a, rows, columns);
}

/* ---- singular matrices --------------------------------------------------------------------------------------------- */

static const struct {
    int    n;
    double a[MOST];
} matrices[] = {
    {1, {0}},
    {2, {1, 2, 2, 4}},
    {2, {0, 0, 0, 0}},
    {2, {0, 1, 0, 0}},
    {3, {1, 2, 3, 4, 5, 6, 5, 7, 9}},    /* of rank 2 */
    {3, {0, 1, 0, 0, 0, 1, 0, 0, 0}},    /* of rank 2, with no pivot at all where rows alone are exchanged */
    {3, {1, 2, 3, 2, 4, 6, -1, -2, -3}}, /* of rank 1 */
    {3, {0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {4, {2, 0, 0, 1, 0, 3, 1, 0, 2, 3, 1, 1, 0, 0, 0, 0}},
    {4, {1, 1, 1, 1, 1, 1, 1, 1, 2, 0, 1, 3, 3, 1, 2, 4}},
    {4, {1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4}},
    {5, {1, 0, 2, 0, 0, 0, 1, 0, 1, 0, 1, 1, 2, 1, 0, 3, 0, 0, 1, 0, 4, 1, 2, 2, 0}},
    {3, {2, 1, 0, 1, 3, 1, 0, 1, 4}}, /* a regular one among them */
};
enum { MATRICES = sizeof matrices / sizeof *matrices };

static void check_close(double got, double expected, double tolerance) {
    ck_assert_msg(fabs(got - expected) <= tolerance * (1 + fabs(expected)), "%.17g, not %.17g", got, expected);
}

START_TEST(the_gradient_of_a_determinant_is_its_cofactors) {
    int           n = matrices[_i / 2].n;
    tg_dtype      dtype = _i % 2 ? TG_F32 : TG_F64;
    const double *m = matrices[_i / 2].a;
    double        tolerance = dtype == TG_F32 ? 1e-4 : 1e-12, weights[MOST], got[MOST];
    tg_tape      *tape = tg_tape_new();
    for (int i = 0; i < n * n; i++)
        weights[i] = (i * 7 + 3) % 5 - 1.5;
    tg_tensor a = tg_parameter(tape, "a", tg_cast(tg_constant(tape, TG_F64, TG_SHAPE(n, n), m), dtype)), d = tg_det(a);
    tg_tensor w = tg_cast(tg_constant(tape, TG_F64, TG_SHAPE(n, n), weights), dtype), g = slope(d, a);
    check_close(tg_item(d), minor_of(n, m, 0, 0), tolerance);
    ck_assert_int_eq(tg_read(tg_cast(g, TG_F64), got, n * n), TG_OK);
    for (int i = 0; i < n * n; i++)
        check_close(got[i], derivative(n, m, 1, &i), tolerance);
    ck_assert_int_eq(tg_read(tg_cast(slope(tg_sum(tg_mul(w, g)), a), TG_F64), got, n * n), TG_OK);
    for (int i = 0; i < n * n; i++) {
        double expected = 0;
        for (int j = 0; j < n * n; j++)
            expected += weights[j] * derivative(n, m, 2, (int[]){i, j});
        check_close(got[i], expected, tolerance);
    }
    finish(tape);
}
END_TEST

/* Of order 3, where one row is missing, or two: of the sum of all second derivatives. */
START_TEST(derivatives_of_any_order_where_little_is_missing) {
    enum { N = 4 };
    const double *m = matrices[8 + _i].a;
    double        got[N * N];
    tg_tape      *tape = tg_tape_new();
    tg_tensor     a = tg_parameter(tape, "a", tg_constant(tape, TG_F64, TG_SHAPE(N, N), m));
    tg_tensor     second = slope(tg_sum(slope(tg_det(a), a)), a);
    ck_assert_int_eq(tg_read(slope(tg_sum(second), a), got, N * N), TG_OK);
    for (int i = 0; i < N * N; i++) {
        double expected = 0;
        for (int j = 0; j < N * N * N * N; j++)
            expected += derivative(N, m, 3, (int[]){i, j / (N * N), j % (N * N)});
        check_close(got[i], expected, 1e-12);
    }
    finish(tape);
}
END_TEST

START_TEST(stacks_hold_singular_and_regular_matrices) {
    static const double stack[2][2][4] = {{{1, 2, 2, 4}, {1, 2, 3, 4}}, {{0, 0, 0, 0}, {3, 6, 1, 2}}};
    tg_tape            *tape = tg_tape_new();
    tg_tensor           a = tg_parameter(tape, "a", tg_constant(tape, TG_F64, TG_SHAPE(2, 2, 2, 2), stack));
    tg_tensor           turned = tg_transpose(a, -1, -2), d = tg_det(turned);
    double              got[16];
    ck_assert_int_eq(tg_read(slope(tg_sum(d), a), got, 16), TG_OK);
    for (int i = 0; i < 16; i++)
        check_close(got[i], (i % 4 == 1 || i % 4 == 2 ? -1 : 1) * (&stack[0][0][0])[i / 4 * 4 + (int[]){3, 2, 1, 0}[i % 4]],
                    1e-12);
    finish(tape);
}
END_TEST

START_TEST(large_singular_matrices_have_cofactors) {
    enum { N = 60 };
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, 1);
    /* Unlike eigenvalues or pivots, a row of zeros is exactly singular in any arithmetic: its cofactors are all that is not 0. */
    tg_tensor x = tg_mul(0.25, tg_randn(tape, TG_F64, TG_SHAPE(N, N))), row = tg_slice(x, 0, 0, 1, 1);
    tg_tensor a = tg_concat(TG_LIST(tg_mul(0, row), tg_slice(x, 0, 1, N, 1)), 0), g = slope(tg_det(a), a);
    tg_tensor along = tg_sum(tg_mul(tg_slice(g, 0, 0, 1, 1), row)); /* the determinant with the row in its place */
    check_close(tg_item(tg_div(along, tg_det(x))), 1, 1e-10);
    check_close(tg_item(tg_div(tg_norm(tg_slice(g, 0, 1, N, 1), 2), tg_norm(g, 2))), 0, 1e-10);
    finish(tape);
}
END_TEST

START_TEST(of_nothing) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor none = tg_full(tape, TG_F64, TG_SHAPE(2, 0, 0), 1), no_stack = tg_full(tape, TG_F64, TG_SHAPE(0, 2, 2), 1);
    CHECK_IS(tg_det(none), 1, 1);
    ck_assert_int_eq(tg_size(slope(tg_sum(tg_det(none)), none)), 0);
    ck_assert(tg_size(slope(tg_sum(tg_det(no_stack)), no_stack)) == 0 && !tg_run(tape));
    finish(tape);
}
END_TEST

START_TEST(what_is_not_finite_has_no_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_constant(tape, TG_F64, TG_SHAPE(2, 2), (double[]){NOT, 0, 0, 0});
    CHECK_IS(tg_det(a), NOT);
    CHECK_IS(tg_det(tg_flip(a, TG_AXES(1))), NOT);
    ck_assert(isnan(tg_item(tg_sum(slope(tg_det(a), a)))));
    CHECK_ERROR(tape, TG_ERR_NUMERIC, "test_det.c:", "holds NaN");
    tg_tape_free(tape);
}
END_TEST

/* ---- the suite ----------------------------------------------------------------------------------------------------- */

Suite *suite_det(void) {
    Suite *suite = suite_create("ops/det");
    TCase *tcase = tcase_create("singular");
    tcase_add_loop_test(tcase, the_gradient_of_a_determinant_is_its_cofactors, 0, 2 * MATRICES);
    tcase_add_loop_test(tcase, derivatives_of_any_order_where_little_is_missing, 0, 2);
    tcase_add_test(tcase, stacks_hold_singular_and_regular_matrices);
    tcase_add_test(tcase, large_singular_matrices_have_cofactors);
    tcase_add_test(tcase, of_nothing);
    tcase_add_test(tcase, what_is_not_finite_has_no_gradient);
    suite_add_tcase(suite, tcase);
    return suite;
}
