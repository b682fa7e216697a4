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

static tg_tensor wave(tg_tape *tape, int64_t rows, int64_t columns) {
    tg_tensor i = tg_arange(tape, TG_F64, 0, (double)(rows * columns), 1);
    return tg_reshape(tg_sin(i), TG_SHAPE(rows, columns));
}

/* A stack times a matrix that is not small: matrix by matrix, and at once, wherever the rows of all lie. */
START_TEST(a_stack_times_a_matrix_is_that_of_its_matrices) {
    enum { STACK = 3, ROWS = 2, SIZE = 260 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor all = wave(tape, STACK * ROWS, 2 * SIZE), b = wave(tape, SIZE, SIZE + 1), one = wave(tape, ROWS, SIZE);
    tg_tensor pairs = tg_reshape(all, TG_SHAPE(STACK, ROWS, 2 * SIZE));
    tg_tensor stacks[] = {tg_slice(pairs, 2, 0, SIZE, 1), tg_slice(pairs, 2, 1, 2 * SIZE, 2),
                          tg_transpose(tg_reshape(tg_slice(all, 1, 0, SIZE, 1), TG_SHAPE(ROWS, STACK, SIZE)), 0, 1),
                          tg_broadcast_to(one, TG_SHAPE(STACK, ROWS, SIZE)), tg_slice(pairs, 2, SIZE, 2 * SIZE, 1)};
    for (size_t i = 0; i < sizeof stacks / sizeof *stacks; i++) {
        tg_tensor together = tg_matmul(stacks[i], b);
        for (int j = 0; j < STACK; j++) {
            tg_tensor alone = tg_matmul(tg_select(stacks[i], 0, j), b), off = tg_sub(tg_select(together, 0, j), alone);
            double    error = tg_item(tg_max(tg_abs(off))), size = tg_item(tg_max(tg_abs(alone)));
            ck_assert(error <= 1e-12 * size);
        }
    }
    finish(tape);
}
END_TEST

/* So many matrices that each is one thread's, and as large as those that threads share otherwise. */
START_TEST(many_large_products_are_those_of_their_matrices) {
    enum { STACK = 9, ROWS = 167, INNER = 160, COLUMNS = 163 };
    for (int threads = 1; threads <= 3; threads++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor a = tg_reshape(wave(tape, STACK * ROWS, INNER), TG_SHAPE(STACK, ROWS, INNER));
        tg_tensor b = tg_reshape(wave(tape, STACK * INNER, COLUMNS), TG_SHAPE(STACK, INNER, COLUMNS));
        ck_assert(!tg_set_threads(tape, threads));
        tg_tensor together = tg_matmul(a, b);
        for (int i = 0; i < STACK; i++) {
            tg_tensor alone = tg_matmul(tg_select(a, 0, i), tg_select(b, 0, i));
            ck_assert_mem_eq((const double *)tg_data(together) + i * ROWS * COLUMNS, tg_data(alone),
                             ROWS * COLUMNS * sizeof(double));
        }
        finish(tape);
    }
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

/* It is one product, not as many as there are matrices in the stack, and their sum. */
START_TEST(gradient_of_a_matrix_that_a_stack_is_multiplied_with) {
    enum { STACK = 40, SIZE = 30 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor rows = wave(tape, STACK * 2, SIZE), a = tg_reshape(rows, TG_SHAPE(STACK, 2, SIZE));
    tg_tensor b = wave(tape, SIZE, SIZE);
    double    together[SIZE * SIZE], expected[SIZE * SIZE];
    ck_assert_int_eq(tg_read(slope(tg_matmul(rows, b), b), expected, SIZE * SIZE), TG_OK);
    size_t before = tg_stats(tape).bytes;
    ck_assert_int_eq(tg_read(slope(tg_matmul(a, b), b), together, SIZE * SIZE), TG_OK);
    ck_assert_uint_lt(tg_stats(tape).bytes - before, STACK * SIZE * SIZE * sizeof(double) / 2);
    ck_assert_mem_eq(together, expected, sizeof expected);
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
    tcase_add_test(tcase, a_stack_times_a_matrix_is_that_of_its_matrices);
    tcase_add_test(tcase, many_large_products_are_those_of_their_matrices);
    tcase_add_test(tcase, gradients_of_a_stack_are_summed);
    tcase_add_test(tcase, gradient_of_a_matrix_that_a_stack_is_multiplied_with);
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
