/* tests/ops/test_matmul.c: the matrix product: its row of the op table, with three plain loops as formula, and stacks, vectors,
 * transposed operands and empty ones.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/op_table.h"

/* ---- the row ----------------------------------------------------------------------------------------------------- */

static const op_case cases[] = {
    {.shape = {{2, {2, 3}}, {2, {3, 2}}}},
    {.shape = {{2, {4, 1}}, {2, {1, 5}}}},
    {.shape = {{2, {1, 1}}, {2, {1, 1}}}},
    {.shape = {{1, {3}}, {1, {3}}}},
    {.shape = {{1, {1}}, {1, {1}}}},
    {.shape = {{1, {3}}, {2, {3, 4}}}},
    {.shape = {{2, {4, 3}}, {1, {3}}}},
    {.shape = {{1, {3}}, {3, {2, 3, 4}}}},
    {.shape = {{3, {2, 4, 3}}, {1, {3}}}},
    {.shape = {{3, {2, 3, 4}}, {3, {2, 4, 2}}}},
    {.shape = {{3, {2, 3, 4}}, {2, {4, 2}}}},
    {.shape = {{2, {3, 4}}, {3, {2, 4, 2}}}},
    {.shape = {{4, {2, 1, 3, 4}}, {3, {5, 4, 2}}}},
    {.shape = {{4, {2, 1, 1, 2}}, {4, {1, 3, 2, 1}}}},
    {.shape = {{2, {2, 0}}, {2, {0, 3}}}},
    {.shape = {{2, {0, 3}}, {2, {3, 2}}}},
    {.shape = {{2, {2, 3}}, {2, {3, 0}}}},
    {.shape = {{1, {0}}, {1, {0}}}},
    {.shape = {{1, {0}}, {2, {0, 3}}}},
    {.shape = {{2, {3, 0}}, {1, {0}}}},
    {.shape = {{3, {0, 2, 3}}, {2, {3, 2}}}},
    {.shape = {{3, {1, 2, 3}}, {3, {0, 3, 2}}}},
    {.shape = {{8, {2, 1, 1, 1, 2, 1, 2, 3}}, {8, {1, 1, 2, 1, 1, 1, 3, 1}}}},
    {.shape = {{8, {1, 1, 2, 1, 1, 2, 2, 3}}, {1, {3}}}},
    {.shape = {{2, {37, 29}}, {2, {29, 41}}}},
};

static tg_tensor record_matmul(const tg_tensor *x, const settings *with) {
    (void)with;
    return tg_matmul(x[0], x[1]);
}

/* The shape without its last `drop` axes. */
static tg_shape stack_of(tg_shape shape, int drop) {
    shape.rank = shape.rank > drop ? shape.rank - drop : 0;
    return shape;
}

/* One element, at index (stack..., i, j): the sum over l of a(..., i, l) b(..., l, j). */
static element product_at(const values *a, const values *b, int stack, const int64_t *index, int64_t i, int64_t j) {
    element  sum = {0};
    int      vector_a = a->shape.rank == 1, vector_b = b->shape.rank == 1;
    int64_t  count = a->shape.dims[a->shape.rank - 1], at_a[TG_MAX_RANK + 2], at_b[TG_MAX_RANK + 2];
    tg_shape none = TG_SHAPE();
    for (int k = 0; k < stack; k++)
        at_a[k] = at_b[k] = index[k];
    for (int64_t l = 0; l < count; l++) {
        at_a[stack] = i;
        at_a[stack + 1] = l;
        at_b[stack] = l;
        at_b[stack + 1] = j;
        tg_shape shape = a->shape.rank ? a->shape : none;
        int64_t  n = vector_a ? l : ravel_broadcast(shape, stack + 2, at_a),
                m = vector_b ? l : ravel_broadcast(b->shape, stack + 2, at_b);
        sum.real += a->at[n].real * b->at[m].real;
    }
    return sum;
}

static void expect_matmul(const values *x, const settings *with, values *y) {
    const values *a = &x[0], *b = &x[1];
    int           ra = a->shape.rank, rb = b->shape.rank;
    int64_t       m = ra > 1 ? a->shape.dims[ra - 2] : 1, n = rb > 1 ? b->shape.dims[rb - 1] : 1, index[TG_MAX_RANK];
    tg_shape      stack = broadcast_shapes(stack_of(a->shape, 2), stack_of(b->shape, 2)), shape = stack;
    (void)with;
    if (ra > 1) shape.dims[shape.rank++] = m;
    if (rb > 1) shape.dims[shape.rank++] = n;
    clear_values(y, a->dtype, shape);
    y->scale = 9 * (long double)a->shape.dims[ra - 1];
    for (int64_t e = 0; e < y->size; e++) {
        unravel(stack, e / (m * n), index);
        y->at[e] = product_at(a, b, stack.rank, index, e / n % m, e % n);
    }
}

const op_row matmul_rows[] = {
    {.name = "matmul",
     .called = "matmul",
     .arity = 2,
     .takes = TAKES_FLOAT,
     .record = record_matmul,
     .expect = expect_matmul,
     .low = {-3, -3},
     .high = {3, 3},
     .cases = cases,
     .case_count = sizeof cases / sizeof *cases},
    {.name = NULL},
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

static tg_tensor matrix(tg_tape *tape, int64_t rows, int64_t columns) {
    double x[64];
    for (int64_t i = 0; i < rows * columns; i++)
        x[i] = (double)(i * i % 7) - 3;
    return tg_constant(tape, TG_F64, TG_SHAPE(rows, columns), x);
}

START_TEST(nan_and_infinity_spread) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_reshape(F64(tape, (double)INFINITY, 1, 0, 2), TG_SHAPE(2, 2));
    tg_tensor b = tg_reshape(F64(tape, 0, 1, NOT, 3), TG_SHAPE(2, 2));
    CHECK_IS(tg_matmul(a, b), NOT, (double)INFINITY, NOT, 6);
    finish(tape);
}
END_TEST

START_TEST(empty_inner_size_gives_zeros) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor y = tg_matmul(tg_full(tape, TG_F64, TG_SHAPE(2, 0), 1), tg_full(tape, TG_F64, TG_SHAPE(0, 2), 1));
    CHECK_IS(y, 0, 0, 0, 0);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    CHECK_IS(y, 0, 0, 0, 0);
    CHECK_IS(tg_matmul(tg_full(tape, TG_F64, TG_SHAPE(0), 1), tg_full(tape, TG_F64, TG_SHAPE(0), 1)), 0);
    finish(tape);
}
END_TEST

/* (a b)^T = b^T a^T, with the strides of either side exchanged, both, or neither. */
START_TEST(transposed_operands_on_both_sides) {
    static values expected;
    tg_tape      *tape = tg_tape_new();
    tg_tensor     a = matrix(tape, 3, 4), b = matrix(tape, 4, 5);
    double        got[15];
    ck_assert_int_eq(tg_read(tg_transpose(tg_matmul(a, b), 0, 1), got, 15), TG_OK);
    clear_values(&expected, TG_F64, TG_SHAPE(5, 3));
    for (int i = 0; i < 15; i++)
        expected.at[i].real = (long double)got[i];
    check_values("both", tg_matmul(tg_transpose(b, 0, 1), tg_transpose(a, 0, 1)), &expected);
    tg_tensor copy = tg_constant(tape, TG_F64, TG_SHAPE(5, 4), tg_data(tg_transpose(b, 0, 1)));
    check_values("right", tg_matmul(copy, tg_transpose(a, 0, 1)), &expected);
    finish(tape);
}
END_TEST

/* Nothing is recorded but the product and the view. */
START_TEST(transposed_operands_are_not_copied) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = matrix(tape, 3, 4), t = tg_transpose(a, 0, 1);
    int64_t   count = tg_instruction_count(tape);
    ck_assert(tg_valid(tg_matmul(t, a)));
    ck_assert_int_eq(tg_instruction_count(tape), count + 1);
    finish(tape);
}
END_TEST

START_TEST(a_stack_is_multiplied_matrix_by_matrix) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_constant(tape, TG_F64, TG_SHAPE(2, 1, 1, 2), (double[]){1, 2, 3, 4});
    tg_tensor b = tg_constant(tape, TG_F64, TG_SHAPE(2, 2, 1), (double[]){1, 10, 100, 1000});
    CHECK_IS(tg_matmul(a, b), 21, 2100, 43, 4300);
    finish(tape);
}
END_TEST

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* d sum(a b) / da = ones b^T, d / db = a^T ones, summed over the axes that broadcast. */
START_TEST(gradients_of_a_stack_are_summed) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_constant(tape, TG_F64, TG_SHAPE(2, 1, 1, 2), (double[]){1, 2, 3, 4});
    tg_tensor b = tg_constant(tape, TG_F64, TG_SHAPE(2, 2, 1), (double[]){1, 10, 100, 1000});
    CHECK_IS(slope(tg_matmul(a, b), a), 101, 1010, 101, 1010);
    CHECK_IS(slope(tg_matmul(a, b), b), 4, 6, 4, 6);
    finish(tape);
}
END_TEST

START_TEST(gradient_of_a_square_form) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor m = tg_constant(tape, TG_F64, TG_SHAPE(2, 2), (double[]){1, 2, 3, 4}), v = F64(tape, 5, 6);
    tg_tensor y = tg_matmul(v, tg_matmul(m, v)), g = slope(y, v); /* (m + m^T) v */
    CHECK_IS(y, 25 + 150 + 144);
    CHECK_IS(g, 2 * 5 + 5 * 6, 5 * 5 + 8 * 6);
    CHECK_IS(slope(g, v), 2 + 5, 5 + 8);
    CHECK_IS(slope(y, m), 25, 30, 30, 36);
    finish(tape);
}
END_TEST

START_TEST(gradients_of_empty_products) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_full(tape, TG_F64, TG_SHAPE(2, 0), 1), b = tg_full(tape, TG_F64, TG_SHAPE(0, 3), 1);
    ck_assert(tg_shape_equal(tg_shape_of(slope(tg_matmul(a, b), a)), TG_SHAPE(2, 0)));
    tg_tensor c = tg_full(tape, TG_F64, TG_SHAPE(0, 2), 1), d = tg_full(tape, TG_F64, TG_SHAPE(2, 2), 1);
    CHECK_IS(slope(tg_matmul(c, d), d), 0, 0, 0, 0);
    finish(tape);
}
END_TEST

/* The product reads the vector through a view of its own. Either that still holds the value from before the assign, or the
 * gradient is rejected as that of any overwritten leaf is; what it must not do is to be recorded, and then fail in the run. */
START_TEST(gradient_of_a_vector_that_was_assigned_after_a_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 1, 2)), m = tg_parameter(tape, "m", matrix(tape, 2, 2));
    tg_tensor loss = tg_sum(tg_matmul(w, m));
    tg_assign(w, 7);
    tg_item(loss);
    if (tg_backward(loss) == TG_OK)
        CHECK_IS(tg_grad(m), 1, 1, 2, 2);
    else
        CHECK_ERROR(tape, TG_ERR_GRADIENT, "test_matmul.c:", "'w'", "before the assign");
    finish(tape);
}
END_TEST

/* And the same when it was written from outside. */
START_TEST(gradient_of_a_vector_that_was_written_after_a_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2)), m = tg_parameter(tape, "m", matrix(tape, 2, 2));
    tg_tensor loss = tg_sum(tg_matmul(x, m));
    CHECK_IS(loss, 0);
    tg_write(x, (double[]){1, 2}, 2);
    ck_assert_int_eq(tg_backward(loss), TG_OK);
    ck_assert_int_eq(tg_size(tg_grad(m)), 4);
    tg_data(tg_grad(m));
    ck_assert_str_eq(tg_error(tape), "");
    tg_run(tape);
    CHECK_IS(tg_grad(m), 1, 1, 2, 2);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(errors_say_what_does_not_fit) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_full(tape, TG_F32, TG_SHAPE(100, 2), 1), b = tg_full(tape, TG_F32, TG_SHAPE(3, 32), 1);
    ck_assert(!tg_valid(tg_matmul(a, b)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_matmul.c:", "matmul: (100, 2) x (3, 32): inner sizes 2 and 3 differ");
    tg_tensor c = tg_full(tape, TG_F32, TG_SHAPE(2, 3, 4), 1), d = tg_full(tape, TG_F32, TG_SHAPE(3, 4, 5), 1);
    ck_assert(!tg_valid(tg_matmul(c, d)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "matmul: (2, 3, 4) x (3, 4, 5): ", "broadcast");
    ck_assert(!tg_valid(tg_matmul(tg_cast(a, TG_I64), tg_cast(b, TG_I64))));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "matmul: int64 (100, 2) x int64 (3, 32): ", "tg_cast");
    finish(tape);
}
END_TEST

START_TEST(rank_0_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor m = matrix(tape, 2, 2), s = tg_full(tape, TG_F64, TG_SHAPE(), 1);
    ck_assert(!tg_valid(tg_matmul(m, s)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "matmul: (2, 2) x (): ");
    ck_assert(!tg_valid(tg_matmul(2, m)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "matmul: () x (2, 2): ");
    finish(tape);
}
END_TEST

/* The user's shapes, not those of the matrices that stand in for the vectors. */
START_TEST(errors_name_vectors_as_they_are) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor v = F64(tape, 1, 2, 3), m = matrix(tape, 2, 2), s = tg_full(tape, TG_F64, TG_SHAPE(), 1);
    int64_t   count = tg_instruction_count(tape);
    ck_assert(!tg_valid(tg_matmul(v, m)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_matmul.c:", "matmul: (3) x (2, 2): inner sizes 3 and 2 differ");
    ck_assert(!tg_valid(tg_matmul(m, v)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "matmul: (2, 2) x (3): inner sizes 2 and 3 differ");
    ck_assert(!tg_valid(tg_matmul(v, s)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "matmul: (3) x (): ");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    finish(tape);
}
END_TEST

/* Each of the two is a matrix or a vector; the tape of the second is not touched. */
START_TEST(operands_of_two_tapes_are_rejected) {
    tg_tape  *tape = tg_tape_new(), *other = tg_tape_new();
    tg_tensor a[2] = {matrix(tape, 2, 2), F64(tape, 1, 2)}, b[2] = {matrix(other, 2, 2), F64(other, 1, 2)};
    int64_t   count = tg_instruction_count(tape), others = tg_instruction_count(other);
    ck_assert(!tg_valid(tg_matmul(a[_i / 2], b[_i % 2])));
    CHECK_ERROR(tape, TG_ERR_HANDLE, "test_matmul.c:", "matmul: ", "another tape");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    ck_assert_int_eq(tg_instruction_count(other), others);
    finish(tape);
    finish(other);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_matmul(void) {
    Suite *suite = suite_create("matmul");
    TCase *tcase = tcase_create("products");
    add_rows(suite, matmul_rows);
    tcase_add_test(tcase, nan_and_infinity_spread);
    tcase_add_test(tcase, empty_inner_size_gives_zeros);
    tcase_add_test(tcase, transposed_operands_on_both_sides);
    tcase_add_test(tcase, transposed_operands_are_not_copied);
    tcase_add_test(tcase, a_stack_is_multiplied_matrix_by_matrix);
    tcase_add_test(tcase, gradients_of_a_stack_are_summed);
    tcase_add_test(tcase, gradient_of_a_square_form);
    tcase_add_test(tcase, gradients_of_empty_products);
    tcase_add_test(tcase, gradient_of_a_vector_that_was_assigned_after_a_run);
    tcase_add_test(tcase, gradient_of_a_vector_that_was_written_after_a_run);
    tcase_add_loop_test(tcase, operands_of_two_tapes_are_rejected, 0, 4);
    tcase_add_test(tcase, errors_say_what_does_not_fit);
    tcase_add_test(tcase, rank_0_is_rejected);
    tcase_add_test(tcase, errors_name_vectors_as_they_are);
    suite_add_tcase(suite, tcase);
    return suite;
}
