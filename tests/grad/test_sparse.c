/* tests/grad/test_sparse.c: sparse Jacobians and Hessians, against the dense ones: which entries there are through each kind of op, and
 * their values.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "grad/sparse_checks.h"
#include "ops/trial.h"

static tg_tensor parameter(tg_tape *tape, const char *name, tg_shape shape) {
    return tg_parameter(tape, name, tg_randn(tape, TG_F64, shape));
}

/* ---- what each op depends on ---------------------------------------------------------------------------------------- */

typedef struct pattern_case {
    const char *name;
    tg_shape    shape;
    tg_tensor (*record)(tg_tensor x);
    exactness how;
} pattern_case;

#define CASE(name, formula) \
    static tg_tensor record_##name(tg_tensor x) { \
        return (formula); \
    }
CASE(square, tg_square(x))
CASE(constant, tg_full(x.tape, TG_F64, TG_SHAPE(3), 1))
CASE(twice, tg_add(x, x))
CASE(broadcast, tg_mul(x, tg_slice(x, 1, 0, 1, 1)))
CASE(outer, tg_mul(tg_reshape(x, TG_SHAPE(12, 1)), tg_reshape(x, TG_SHAPE(1, 12))))
CASE(where, tg_where(tg_gt(x, 0), tg_square(x), tg_slice(tg_reshape(x, TG_SHAPE(12)), 0, 0, 4, 1)))
CASE(stopped, tg_mul(tg_detach(x), x))
CASE(cast, tg_cast(tg_cast(x, TG_F32), TG_F64))
CASE(compared, tg_mul(tg_cast(tg_gt(x, 0), TG_F64), tg_slice(x, 0, 0, 1, 1)))
CASE(permuted, tg_reshape(tg_transpose(tg_exp(x), 0, 1), TG_SHAPE(6, 2)))
CASE(flipped, tg_mul(x, tg_flip(x, TG_AXES(0, 1))))
CASE(differences, tg_sub(tg_slice(x, 1, 1, 4, 1), tg_slice(x, 1, 0, 3, 1)))
CASE(windows, tg_sum_axes(tg_square(tg_unfold(x, 1, 2, 1)), TG_AXES(2), false))
CASE(diagonal, tg_exp(tg_diagonal(x, 1, 0, 1)))
CASE(embedded, tg_diag_embed(tg_exp(x), 1))
CASE(triangle, tg_tril(tg_matmul(x, tg_transpose(x, 0, 1)), 0))
CASE(packed, tg_tril_pack(tg_exp(tg_tril_unpack(tg_slice(tg_reshape(x, TG_SHAPE(12)), 0, 0, 6, 1)))))
CASE(concat, tg_concat(TG_LIST(tg_exp(x), tg_full(x.tape, TG_F64, TG_SHAPE(3, 2), 1), x), 1))
CASE(stack, tg_stack(TG_LIST(x, tg_square(x), tg_flip(x, TG_AXES(1))), 1))
CASE(padded, tg_square(tg_pad(x, 1, 2, 1, TG_PAD_CONSTANT, 3)))
CASE(mirrored, tg_square(tg_pad(x, 1, 2, 1, TG_PAD_REFLECT, 0)))
CASE(rolled, tg_mul(x, tg_roll(x, 1, 1)))
CASE(repeated, tg_exp(tg_repeat(x, 0, 2)))
CASE(taken, tg_mul(tg_take(x, tg_constant(x.tape, TG_I64, TG_SHAPE(2, 2), (int64_t[]){2, 0, 0, 1}), 0), 3))
CASE(gathered, tg_gather(x, tg_constant(x.tape, TG_I64, TG_SHAPE(2, 4), (int64_t[]){2, 0, 0, 1, 1, 1, 0, 2}), 0))
CASE(scattered, tg_scatter(tg_exp(x), tg_constant(x.tape, TG_I64, TG_SHAPE(2, 2), (int64_t[]){2, 0, 0, 0}),
                           tg_square(tg_slice(tg_slice(x, 1, 0, 2, 1), 0, 1, 3, 1)), 0))
CASE(scatter_added, tg_scatter_add(tg_exp(x), tg_constant(x.tape, TG_I64, TG_SHAPE(2, 2), (int64_t[]){2, 0, 0, 0}),
                                   tg_square(tg_slice(tg_slice(x, 1, 0, 2, 1), 0, 1, 3, 1)), 0))
CASE(sum, tg_sum(tg_square(x)))
CASE(sum_of_rows, tg_sum_axes(tg_exp(x), TG_AXES(1), true))
CASE(sum_of_columns, tg_mean_axes(tg_exp(x), TG_AXES(0), false))
CASE(sum_in_the_middle, tg_sum_axes(tg_reshape(tg_exp(x), TG_SHAPE(2, 3, 2)), TG_AXES(1), false))
CASE(sum_around, tg_sum_axes(tg_reshape(tg_exp(x), TG_SHAPE(2, 3, 2)), TG_AXES(0, 2), false))
CASE(norm, tg_norm_axes(x, TG_AXES(1), 2, false))
CASE(softmax, tg_softmax(x, 1))
CASE(matrix_by_vector, tg_matmul(tg_exp(x), tg_full(x.tape, TG_F64, TG_SHAPE(4), 1)))
CASE(vector_by_matrix, tg_matmul(tg_full(x.tape, TG_F64, TG_SHAPE(3), 1), tg_exp(x)))
CASE(row_by_column, tg_matmul(tg_select(x, 0, 0), tg_select(x, 0, 1)))
CASE(product, tg_matmul(x, tg_transpose(x, 0, 1)))
CASE(stack_of_products, tg_matmul(tg_reshape(x, TG_SHAPE(3, 2, 2)), tg_reshape(tg_exp(x), TG_SHAPE(3, 2, 2))))
CASE(one_by_a_stack, tg_matmul(tg_full(x.tape, TG_F64, TG_SHAPE(5, 2), 2), tg_reshape(tg_exp(x), TG_SHAPE(3, 2, 2))))
CASE(einsum, tg_einsum("ij,ik->ijk", x, tg_exp(x)))
CASE(largest, tg_max_axes(x, TG_AXES(1), false))
CASE(sorted, tg_sort(tg_exp(x), 1, false, NULL))
CASE(cumulated, tg_cumsum(tg_exp(x), 1))
CASE(by_rows, tg_rms_norm(x, 1, TG_NONE, 1e-5))
CASE(itself, x)

#define ROW(name, exactness) \
    { #name, {2, {3, 4 } }, record_##name, exactness }
static const pattern_case cases[] = {
    ROW(square, EXACT),
    ROW(constant, EXACT),
    ROW(twice, EXACT),
    ROW(broadcast, EXACT),
    ROW(outer, EXACT),
    ROW(stopped, EXACT),
    ROW(cast, EXACT),
    ROW(compared, COVERS),
    ROW(permuted, EXACT),
    ROW(flipped, EXACT),
    ROW(differences, EXACT),
    ROW(windows, EXACT),
    ROW(diagonal, EXACT),
    ROW(embedded, EXACT),
    ROW(triangle, EXACT),
    ROW(packed, EXACT),
    ROW(concat, EXACT),
    ROW(stack, EXACT),
    ROW(padded, EXACT),
    ROW(mirrored, EXACT),
    ROW(rolled, EXACT),
    ROW(repeated, EXACT),
    ROW(taken, EXACT),
    ROW(gathered, EXACT),
    ROW(scattered, EXACT),
    ROW(scatter_added, EXACT),
    ROW(sum, EXACT),
    ROW(sum_of_rows, EXACT),
    ROW(sum_of_columns, EXACT),
    ROW(sum_in_the_middle, EXACT),
    ROW(sum_around, EXACT),
    ROW(norm, EXACT),
    ROW(softmax, EXACT),
    ROW(matrix_by_vector, EXACT),
    ROW(vector_by_matrix, EXACT),
    ROW(row_by_column, EXACT),
    ROW(product, EXACT),
    ROW(stack_of_products, EXACT),
    ROW(one_by_a_stack, EXACT),
    ROW(einsum, EXACT),
    ROW(itself, EXACT),
    ROW(where, COVERS),
    ROW(largest, COVERS),
    ROW(sorted, COVERS),
    ROW(cumulated, COVERS),
    ROW(by_rows, EXACT),
};

START_TEST(entries_are_those_of_the_dense_jacobian) {
    const pattern_case *c = &cases[_i];
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = parameter(tape, "x", c->shape), y = c->record(x);
    check_sparse_jacobian(c->name, y, 1, &x, c->how);
    finish(tape);
}
END_TEST

/* The gradients, too, are formulas: of the sum of the squares of each. */
START_TEST(entries_are_those_of_the_dense_hessian) {
    const pattern_case *c = &cases[_i];
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = parameter(tape, "x", c->shape), loss = tg_sum(tg_pow(c->record(x), 3));
    check_sparse_hessian(c->name, loss, x, COVERS);
    finish(tape);
}
END_TEST

/* Each function of the library, in each case of its row. */
START_TEST(no_op_has_a_derivative_that_is_missed) {
    const op_row *row = row_at(_i);
    for (int i = 0; i < row->case_count && row->takes >> TG_F64 & 1; i++) {
        tg_tensor leaves[MOST_OPERANDS];
        trial     t = begin(row, i, TG_F64, is_small(&row->cases[i]) ? TRANSPOSED : PLAIN);
        int       count = floating_leaves(row, &t, leaves);
        bool      large = tg_size(t.y) > 100;
        for (int k = 0; k < count; k++)
            large |= tg_size(leaves[k]) > 100;
        if (!large && tg_dtype_of(t.y) == TG_F64) check_sparse_jacobian(t.what, t.y, count, leaves, COVERS);
        finish(t.tape);
    }
}
END_TEST

/* ---- colors ------------------------------------------------------------------------------------------------------------ */

/* f_i = (3 - 2 x_i) x_i - x_{i-1} - 2 x_{i+1} + 1, with 0 at the ends (C. G. Broyden, 1965). */
static tg_tensor tridiagonal(tg_tensor x) {
    int64_t   n = tg_size(x);
    tg_tensor wide = tg_pad(x, 0, 1, 1, TG_PAD_CONSTANT, 0);
    tg_tensor left = tg_slice(wide, 0, 0, n, 1), right = tg_slice(wide, 0, 2, n + 2, 1);
    return tg_add(tg_sub(tg_sub(tg_mul(tg_sub(3, tg_mul(2, x)), x), left), tg_mul(2, right)), 1);
}

/* The chained function of Rosenbrock. */
static tg_tensor rosenbrock(tg_tensor x) {
    int64_t   n = tg_size(x);
    tg_tensor a = tg_slice(x, 0, 0, n - 1, 1), b = tg_slice(x, 0, 1, n, 1);
    return tg_sum(tg_add(tg_mul(100, tg_square(tg_sub(b, tg_square(a)))), tg_square(tg_sub(1, a))));
}

START_TEST(a_band_costs_as_many_products_as_it_is_wide) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(200));
    tg_csr    j;
    ck_assert_int_eq(tg_sparse_jacobian(tape, 1, (tg_tensor[]){tridiagonal(x)}, 1, &x, &j), TG_OK);
    ck_assert_int_eq(j.entries, 3 * 200 - 2);
    ck_assert_int_le(j.colors, 3);
    check_sparse_jacobian("tridiagonal", tridiagonal(x), 1, &x, EXACT);
    ck_assert_int_le(check_sparse_hessian("rosenbrock", rosenbrock(x), x, EXACT), 3);
    finish(tape);
}
END_TEST

/* Rows that are all in one column go backward, columns that are all in one row forward. */
START_TEST(a_dense_row_or_column_does_not_cost_its_length) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(100)), t = tg_slice(x, 0, 0, 1, 1);
    tg_csr    j;
    ck_assert_int_eq(tg_sparse_jacobian(tape, 1, (tg_tensor[]){tg_mul(x, t)}, 1, &x, &j), TG_OK);
    ck_assert_int_eq(j.colors, 2);
    ck_assert_int_eq(tg_sparse_jacobian(tape, 2, (tg_tensor[]){tg_sum(x), tg_exp(x)}, 1, &x, &j), TG_OK);
    ck_assert_int_eq(j.colors, 2);
    check_sparse_jacobian("column", tg_mul(x, t), 1, &x, EXACT);
    check_sparse_jacobian("row", tg_concat(TG_LIST(tg_reshape(tg_sum(x), TG_SHAPE(1)), tg_exp(x)), 0), 1, &x, EXACT);
    finish(tape);
}
END_TEST

/* An arrow: each unknown with the first one. Its columns share a row, but two products give it by symmetry. */
START_TEST(an_arrow_costs_two_products) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(100)), t = tg_slice(x, 0, 0, 1, 1);
    ck_assert_int_eq(check_sparse_hessian("arrow", tg_sum(tg_mul(tg_square(x), t)), x, EXACT), 2);
    finish(tape);
}
END_TEST

/* Rows that meet in an element of x need not meet in the parts of it that they are computed from. */
START_TEST(rows_of_parts_are_computed_together) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(50)), at = tg_constant(tape, TG_I64, TG_SHAPE(4), (int64_t[]){3, 3, 0, 9});
    tg_tensor left = tg_slice(x, 0, 0, 49, 1), right = tg_slice(x, 0, 1, 50, 1), pairs = tg_unfold(x, 0, 2, 1);
    tg_tensor y[] = {tg_mul(left, tg_exp(right)), tg_sum_axes(tg_exp(pairs), TG_AXES(1), false),
                     tg_mul(tg_take(x, at, 0), tg_exp(tg_flip(tg_take(x, at, 0), TG_AXES(0))))};
    for (int i = 0; i < 3; i++) {
        tg_csr j;
        ck_assert_int_eq(tg_sparse_jacobian(tape, 1, &y[i], 1, &x, &j), TG_OK);
        ck_assert_int_eq(j.colors, 1);
        check_sparse_jacobian("parts", y[i], 1, &x, EXACT);
    }
    finish(tape);
}
END_TEST

/* A part of a part that is read itself; an output that is a part, and read; an index that an input changes. */
START_TEST(parts_that_are_read_where_they_are_cut_further) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(12)), part = tg_slice(x, 0, 2, 10, 1), row = tg_reshape(part, TG_SHAPE(2, 4));
    tg_tensor both = tg_mul(tg_exp(part), tg_flip(tg_reshape(tg_transpose(row, 0, 1), TG_SHAPE(8)), TG_AXES(0)));
    tg_tensor joined = tg_square(tg_concat(TG_LIST(tg_slice(part, 0, 0, 3, 1), tg_exp(tg_slice(part, 0, 1, 2, 1)), x), 0));
    tg_tensor sorted = tg_sort(x, 0, false, NULL), y;
    check_sparse_jacobian("both", both, 1, &x, EXACT);
    check_sparse_jacobian("joined", joined, 1, &x, EXACT);
    check_sparse_jacobian("part", part, 1, &x, EXACT);
    check_sparse_jacobian("sorted", tg_mul(tg_slice(sorted, 0, 0, 4, 1), tg_slice(x, 0, 0, 4, 1)), 1, &x, COVERS);
    y = tg_concat(TG_LIST(part, tg_exp(tg_slice(part, 0, 0, 2, 1)), tg_slice(part, 0, 3, 8, 1)), 0);
    check_sparse_jacobian("an output and more", y, 2, (tg_tensor[]){part, x}, EXACT);
    finish(tape);
}
END_TEST

/* One of each row, by an index that is a constant, or is computed: the others have no entries, and cost nothing. */
START_TEST(one_gathered_of_each_row_is_one_entry) {
    enum { ROWS = 10, WIDTH = 7 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(ROWS, WIDTH)), index = tg_fmod(tg_arange(tape, TG_I64, 0, 3 * ROWS, 3), WIDTH),
              g;
    int64_t at[ROWS];
    ck_assert(!tg_read(index, at, ROWS));
    tg_tensor indices[2] = {tg_constant(tape, TG_I64, TG_SHAPE(ROWS, 1), at), tg_reshape(index, TG_SHAPE(ROWS, 1))};
    for (int i = 0; i < 2; i++) {
        tg_tensor loss = tg_sum(tg_exp(tg_gather(x, indices[i], 1)));
        ck_assert(!tg_vjp(tape, 1, &loss, NULL, 1, &x, &g));
        check_sparse_jacobian("of the gradient", g, 1, &x, EXACT);
        ck_assert_int_eq(check_sparse_hessian("of the loss", loss, x, EXACT), 1);
    }
    finish(tape);
}
END_TEST

/* ---- several inputs, and other dtypes ------------------------------------------------------------------------------------- */

START_TEST(inputs_stand_side_by_side) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x[3] = {parameter(tape, "a", TG_SHAPE(2, 3)), parameter(tape, "b", TG_SHAPE(3)),
                      parameter(tape, "c", TG_SHAPE())};
    tg_tensor y = tg_mul(tg_add(tg_mul(x[0], x[1]), x[2]), tg_exp(x[1])), first = x[0];
    check_sparse_jacobian("three", y, 3, x, EXACT);
    x[0] = x[2];
    x[2] = first;
    check_sparse_jacobian("another order", y, 3, x, EXACT);
    check_sparse_jacobian("transposed", tg_transpose(tg_matmul(x[2], tg_transpose(y, 0, 1)), 0, 1), 3, x, EXACT);
    finish(tape);
}
END_TEST

START_TEST(an_input_may_be_computed_from_another_or_stand_there_twice) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(6)), z = tg_mul(x, tg_flip(x, TG_AXES(0)));
    tg_tensor y = tg_mul(z, tg_roll(x, 0, 1));
    check_sparse_jacobian("both", y, 2, (tg_tensor[]){x, z}, EXACT);
    check_sparse_jacobian("between", y, 1, &z, EXACT);
    check_sparse_jacobian("twice", y, 2, (tg_tensor[]){x, x}, EXACT);
    check_sparse_jacobian("backward", x, 1, &z, EXACT);
    finish(tape);
}
END_TEST

START_TEST(outputs_stand_one_below_the_other) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x[2] = {parameter(tape, "a", TG_SHAPE(5)), parameter(tape, "b", TG_SHAPE(5))}, part = tg_slice(x[0], 0, 0, 2, 1);
    tg_tensor y[4] = {tg_mul(x[0], tg_exp(x[1])), part, tg_sub(tg_slice(x[0], 0, 1, 5, 1), tg_exp(tg_slice(x[0], 0, 0, 4, 1))),
                      tg_sum(tg_exp(part))};
    tg_csr    all, one;
    int64_t   entries = 0, rows = 0;
    ck_assert_int_eq(tg_sparse_jacobian(tape, 4, y, 2, x, &all), TG_OK);
    const int64_t *start = tg_data(all.row_starts), *column = tg_data(all.columns);
    const double  *value = tg_data(all.values);
    for (int i = 0; i < 4; i++) {
        check_sparse_jacobian("one", y[i], 2, x, EXACT);
        ck_assert_int_eq(tg_sparse_jacobian(tape, 1, &y[i], 2, x, &one), TG_OK);
        for (int64_t k = 0; k <= one.rows; k++)
            ck_assert_int_eq(start[rows + k] - start[rows], ((const int64_t *)tg_data(one.row_starts))[k]);
        ck_assert(!memcmp(column + entries, tg_data(one.columns), (size_t)one.entries * sizeof *column));
        for (int64_t k = 0; k < one.entries; k++)
            ck_assert(fabs(value[entries + k] - ((const double *)tg_data(one.values))[k]) < 1e-13);
        rows += one.rows;
        entries += one.entries;
    }
    ck_assert(all.rows == rows && all.entries == entries && all.cols == 10);
    ck_assert_int_eq(tg_sparse_jacobian(tape, 0, NULL, 2, x, &all), TG_OK);
    ck_assert(all.rows == 0 && all.cols == 10 && all.entries == 0);
    finish(tape);
}
END_TEST

START_TEST(a_hessian_of_several_inputs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x[2] = {parameter(tape, "a", TG_SHAPE(2, 3)), parameter(tape, "b", TG_SHAPE(3))}, row, h;
    tg_tensor loss = tg_sum(tg_square(tg_mul(x[0], tg_exp(x[1]))));
    tg_csr    csr;
    ck_assert_int_eq(tg_sparse_hessian(loss, 2, x, &csr), TG_OK);
    ck_assert_int_eq(csr.rows, 9);
    ck_assert_int_eq(csr.cols, 9);
    ck_assert_int_eq(csr.entries, 9 + 2 * 6);
    const int64_t *start = tg_data(csr.row_starts), *column = tg_data(csr.columns);
    const double  *value = tg_data(csr.values);
    for (int i = 0; i < 9; i++) {
        double found[9] = {0};
        for (int64_t k = start[i]; k < start[i + 1]; k++)
            found[column[k]] = value[k];
        tg_tensor unit = tg_one_hot(tg_constant(tape, TG_I64, TG_SHAPE(), (int64_t[]){i}), 9, TG_F64), hv[2];
        tg_tensor v[2] = {tg_reshape(tg_slice(unit, 0, 0, 6, 1), TG_SHAPE(2, 3)), tg_slice(unit, 0, 6, 9, 1)};
        ck_assert_int_eq(tg_hvp(loss, 2, x, v, hv), TG_OK);
        row = tg_concat(TG_LIST(tg_reshape(hv[0], TG_SHAPE(6)), hv[1]), 0);
        h = tg_sub(row, tg_constant(tape, TG_F64, TG_SHAPE(9), found));
        ck_assert(tg_item(tg_max(tg_abs(h))) < 1e-12);
    }
    finish(tape);
}
END_TEST

START_TEST(float32) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", F32(tape, 1, 2, 4)),
              y = tg_sub(tg_square(tg_slice(x, 0, 1, 3, 1)), tg_slice(x, 0, 0, 2, 1));
    tg_csr j, h;
    ck_assert_int_eq(tg_sparse_jacobian(tape, 1, &y, 1, &x, &j), TG_OK);
    CHECK_IS(j.row_starts, 0, 2, 4);
    CHECK_IS(j.columns, 0, 1, 1, 2);
    CHECK_IS(j.values, -1, 4, -1, 8);
    ck_assert(tg_dtype_of(j.values) == TG_F32);
    ck_assert_int_eq(tg_sparse_hessian(tg_pow(x, 3), 1, &x, &h), TG_OK);
    CHECK_IS(h.row_starts, 0, 1, 2, 3);
    CHECK_IS(h.values, 6, 12, 24);
    finish(tape);
}
END_TEST

START_TEST(no_rows_no_columns_no_entries_no_inputs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor none = tg_parameter(tape, "none", tg_full(tape, TG_F64, TG_SHAPE(0, 3), 1)),
              x = parameter(tape, "x", TG_SHAPE(2));
    tg_tensor t = tg_parameter(tape, "t", 3);
    tg_csr    j;
    check_sparse_jacobian("no rows", none, 1, &x, EXACT);
    check_sparse_jacobian("no columns", x, 1, &none, EXACT);
    check_sparse_jacobian("neither", tg_exp(none), 1, &none, EXACT);
    check_sparse_jacobian("none of both", tg_mul(x, tg_sum(none)), 2, (tg_tensor[]){none, x}, COVERS);
    check_sparse_jacobian("another", x, 1, &t, EXACT);
    check_sparse_jacobian("number", tg_exp(t), 1, &t, EXACT);
    check_sparse_hessian("linear", tg_sum(x), x, EXACT);
    check_sparse_hessian("none", tg_sum(none), none, EXACT);
    check_sparse_hessian("number", tg_exp(t), t, EXACT);
    check_sparse_jacobian("no input", x, 0, NULL, EXACT);
    ck_assert_int_eq(tg_sparse_hessian(t, 0, NULL, &j), TG_OK);
    ck_assert(j.rows == 0 && j.cols == 0 && j.entries == 0);
    finish(tape);
}
END_TEST

/* ---- values of a tape ------------------------------------------------------------------------------------------------------- */

START_TEST(the_values_run_again_and_stand_in_formulas) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = tg_parameter(tape, "x", F64(tape, 1, 2, 3)), y = tg_mul(tg_square(x), tg_roll(x, 0, 1));
    tg_gradcheck_report report = {.order = 2};
    tg_csr              j;
    ck_assert_int_eq(tg_sparse_jacobian(tape, 1, &y, 1, &x, &j), TG_OK);
    CHECK_IS(j.values, 2 * 3, 1, 4, 4 * 1, 9, 6 * 2);
    ck_assert_msg(tg_gradcheck(tg_square(j.values), 1, &x, &report) == TG_OK, "%s", tg_error(tape));
    tg_write(x, (double[]){0, 1, 2}, 3);
    tg_run(tape);
    CHECK_IS(j.values, 0, 0, 1, 0, 4, 4);
    finish(tape);
}
END_TEST

START_TEST(a_part_computes_it_by_itself) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", F64(tape, 1, 2, 3)), y = tg_square(x);
    tg_csr    h;
    tg_begin_part(tape, "hessian");
    ck_assert_int_eq(tg_sparse_hessian(tg_pow(y, 2), 1, &x, &h), TG_OK);
    tg_end_part(tape);
    tg_run_part(tape, "hessian");
    CHECK_IS(h.values, 12, 48, 108);
    tg_write(x, (double[]){0, 1, -1}, 3);
    tg_run_part(tape, "hessian");
    CHECK_IS(h.values, 0, 12, 12);
    finish(tape);
}
END_TEST

START_TEST(after_a_rewind_it_is_stale) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", F64(tape, 1, 2, 3)), y = tg_square(x);
    tg_csr    j;
    double    three[3];
    tg_mark   mark = tg_tape_mark(tape);
    ck_assert_int_eq(tg_sparse_jacobian(tape, 1, &y, 1, &x, &j), TG_OK);
    tg_rewind(tape, mark);
    FAILS(tape, tg_read(j.values, three, 3), TG_ERR_HANDLE, "read: the tensor");
    FAILS(tape, tg_read(j.columns, (int64_t *)NULL, 0), TG_ERR_HANDLE, "read: the tensor");
    finish(tape);
}
END_TEST

/* The index is computed, of an input that is written before and is no part of the derivative. */
START_TEST(indices_that_are_computed_are_looked_at) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(8)), from = tg_input(tape, "from", TG_I64, TG_SHAPE(3));
    tg_write(from, (int64_t[]){3, 0, 3}, 3);
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor at = tg_add(tg_mul(from, 2), tg_constant(tape, TG_I64, TG_SHAPE(2, 1), (int64_t[]){0, 1}));
    int64_t   count;
    tg_tensor y = tg_exp(tg_take(x, at, 0));
    tg_csr    j;
    ck_assert_int_eq(tg_sparse_jacobian(tape, 1, &y, 1, &x, &j), TG_OK);
    CHECK_IS(j.columns, 6, 0, 6, 7, 1, 7);
    check_sparse_jacobian("taken", y, 1, &x, EXACT);
    check_sparse_hessian("taken", tg_sum(y), x, EXACT);
    tg_write(from, (int64_t[]){3, 0, 3}, 3);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    count = tg_instruction_count(tape);
    tg_begin_part(tape, "part");
    FAILS(tape, tg_sparse_jacobian(tape, 1, &y, 1, &x, &j), TG_ERR_ARGUMENT,
          "sparse_jacobian: which elements it depends on says an index");
    tg_end_part(tape);
    ck_assert_int_eq(tg_instruction_count(tape), count + 1);
    finish(tape);
}
END_TEST

/* In loops over colors, and where an output is seeded wholly. */
START_TEST(indices_that_have_changed_are_an_error) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(30)), at = tg_input(tape, "at", TG_I64, TG_SHAPE(2)), far = tg_neg(at);
    tg_tensor y = tg_square(tg_take(x, tg_neg(far), 0));
    tg_csr    j;
    if (_i)
        y = tg_mul(tg_take(x, at, 0),
                   tg_exp(tg_matmul(tg_reshape(tg_slice(x, 0, 0, 26, 1), TG_SHAPE(2, 13)), tg_slice(x, 0, 0, 13, 1))));
    ck_assert_int_eq(tg_sparse_jacobian(tape, 1, &y, 1, &x, &j), TG_OK);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    tg_write(at, (int64_t[]){0, 7}, 2);
    ck_assert_int_eq(tg_run(tape), TG_ERR_VALUE);
    CHECK_ERROR(tape, TG_ERR_VALUE, "sparse_jacobian: an index by which elements are chosen has other values than");
    finish(tape);
}
END_TEST

/* What is chosen by the order of x may be another element for another x, whatever part of x it is taken of. */
START_TEST(what_is_chosen_by_an_input_may_be_any) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", F64(tape, 1, 2, 3, 4)), part = tg_slice(x, 0, 0, 3, 1);
    tg_tensor order = tg_argsort(tg_slice(x, 0, 1, 4, 1), 0, true), y = tg_gather(tg_exp(part), order, 0);
    tg_csr    j;
    ck_assert_int_eq(tg_sparse_jacobian(tape, 1, &y, 1, &x, &j), TG_OK);
    ck_assert_int_eq(j.entries, 9);
    tg_write(x, (double[]){3, 1, 2, 0}, 4);
    tg_run(tape);
    CHECK_IS(j.values, 0, exp(1), 0, exp(3), 0, 0, 0, 0, exp(2));
    finish(tape);
}
END_TEST

/* One element of x alone may be chosen, or a number that stands beside it. */
START_TEST(what_is_chosen_may_be_no_input) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", F64(tape, 1, 5)), two = F64(tape, 2);
    tg_tensor y = tg_topk(tg_concat(TG_LIST(tg_slice(x, 0, 0, 1, 1), two), 0), 1, 0, true, NULL);
    tg_csr    j;
    ck_assert_int_eq(tg_sparse_jacobian(tape, 1, &y, 1, &x, &j), TG_OK);
    CHECK_IS(j.values, 0);
    tg_write(x, (double[]){3, 5}, 2);
    tg_run(tape);
    CHECK_IS(j.values, 1);
    finish(tape);
}
END_TEST

/* ---- loops --------------------------------------------------------------------------------------------------------------------- */

static void decay(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)context;
    state[0] = tg_mul(state[0], tg_sub(1, tg_mul(0.1, state[0])));
    y[0] = state[0];
}

START_TEST(through_loops_and_checkpoints) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(3)), state = x, outputs;
    tg_scan(tape, &(tg_loop_spec){.body = decay, .steps = 4, .states = 1, .outputs = 1, .state = &state, .y = &outputs});
    check_sparse_jacobian("scan", outputs, 1, &x, COVERS);
    check_sparse_hessian("scan", tg_sum(tg_square(state)), x, COVERS);
    finish(tape);
}
END_TEST

static void derive(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_csr j;
    (void)x, (void)y;
    tg_sparse_jacobian(tape, 1, state, 1, context, &j);
}

/* ---- what is rejected ------------------------------------------------------------------------------------------------------------ */

START_TEST(errors_name_the_call_and_leave_the_tape_as_it_was) {
    tg_tape  *tape = tg_tape_new(), *other = tg_tape_new();
    tg_tensor x = parameter(tape, "x", TG_SHAPE(3)), y = tg_exp(x), n = I64(tape, 1, 2), half = F32(tape, 1, 2);
    tg_tensor stranger = F64(other, 1), list[2] = {x, half}, state = x;
    int64_t   count = tg_instruction_count(tape);
    tg_csr    j;
    FAILS(tape, tg_sparse_jacobian(tape, 1, &y, 2, list, &j), TG_ERR_DTYPE,
          "sparse_jacobian: input 1 is float32, and what comes before it float64");
    FAILS(tape, tg_sparse_jacobian(tape, 1, &n, 1, &x, &j), TG_ERR_DTYPE, "sparse_jacobian: output 0 is int64");
    FAILS(tape, tg_sparse_jacobian(tape, 1, &y, 1, &n, &j), TG_ERR_DTYPE, "sparse_jacobian: input 0 is int64");
    FAILS(tape, tg_sparse_hessian(y, 1, &half, &j), TG_ERR_DTYPE,
          "sparse_hessian: input 0 is float32, and what comes before it float64");
    FAILS(tape, tg_sparse_jacobian(tape, 1, &y, -1, &x, &j), TG_ERR_ARGUMENT, "sparse_jacobian: -1 inputs");
    FAILS(tape, tg_sparse_jacobian(tape, 1, &y, 1, NULL, &j), TG_ERR_ARGUMENT, "sparse_jacobian: 1 inputs");
    FAILS(tape, tg_sparse_jacobian(tape, 1, &y, 1, &x, NULL), TG_ERR_ARGUMENT, "sparse_jacobian: nowhere to put the matrix");
    FAILS(tape, tg_sparse_jacobian(tape, 1, &y, 1, &stranger, &j), TG_ERR_HANDLE,
          "sparse_jacobian: input belongs to another tape");
    ck_assert(!tg_valid(j.values) && !tg_valid(j.columns) && !tg_valid(j.row_starts));
    ck_assert_int_eq(tg_instruction_count(tape), count);
    tg_scan(tape, &(tg_loop_spec){.body = derive, .context = &x, .steps = 4, .states = 1, .state = &state});
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "sparse_jacobian: not from inside the body of a loop");
    ck_assert_int_eq(tg_sparse_jacobian(tape, 1, &y, 1, &x, &j), TG_OK);
    finish(tape);
    finish(other);
}
END_TEST

Suite *suite_sparse(void) {
    Suite *suite = suite_create("grad/sparse");
    TCase *entries = tcase_create("entries"), *ops = tcase_create("ops"), *colors = tcase_create("colors");
    TCase *inputs = tcase_create("inputs"), *tensors = tcase_create("tensors"), *rejected = tcase_create("rejected");
    int    rows = 0;
    while (row_at(rows))
        rows++;
    tcase_add_loop_test(entries, entries_are_those_of_the_dense_jacobian, 0, sizeof cases / sizeof *cases);
    tcase_add_loop_test(entries, entries_are_those_of_the_dense_hessian, 0, sizeof cases / sizeof *cases);
    suite_add_tcase(suite, entries);
    tcase_add_loop_test(ops, no_op_has_a_derivative_that_is_missed, 0, rows);
    suite_add_tcase(suite, ops);
    tcase_add_test(colors, a_band_costs_as_many_products_as_it_is_wide);
    tcase_add_test(colors, a_dense_row_or_column_does_not_cost_its_length);
    tcase_add_test(colors, an_arrow_costs_two_products);
    tcase_add_test(colors, rows_of_parts_are_computed_together);
    tcase_add_test(colors, one_gathered_of_each_row_is_one_entry);
    tcase_add_test(colors, parts_that_are_read_where_they_are_cut_further);
    suite_add_tcase(suite, colors);
    tcase_add_test(inputs, inputs_stand_side_by_side);
    tcase_add_test(inputs, an_input_may_be_computed_from_another_or_stand_there_twice);
    tcase_add_test(inputs, outputs_stand_one_below_the_other);
    tcase_add_test(inputs, a_hessian_of_several_inputs);
    tcase_add_test(inputs, float32);
    tcase_add_test(inputs, no_rows_no_columns_no_entries_no_inputs);
    suite_add_tcase(suite, inputs);
    tcase_add_test(tensors, the_values_run_again_and_stand_in_formulas);
    tcase_add_test(tensors, a_part_computes_it_by_itself);
    tcase_add_test(tensors, after_a_rewind_it_is_stale);
    tcase_add_test(tensors, indices_that_are_computed_are_looked_at);
    tcase_add_loop_test(tensors, indices_that_have_changed_are_an_error, 0, 2);
    tcase_add_test(tensors, what_is_chosen_by_an_input_may_be_any);
    tcase_add_test(tensors, what_is_chosen_may_be_no_input);
    tcase_add_test(tensors, through_loops_and_checkpoints);
    suite_add_tcase(suite, tensors);
    tcase_add_test(rejected, errors_name_the_call_and_leave_the_tape_as_it_was);
    suite_add_tcase(suite, rejected);
    return suite;
}
