/* tests/ops/test_join.c: concat, stack, pad, roll, repeat, tile, split, chunk: their rows of the op table, with one index at
 * a time as the formula; lists, parts, margins, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

/* The axis. */
static const op_case concat_cases[] = {
    {.shape = {{2, {2, 3}}, {2, {2, 1}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 3}}, {2, {4, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}, {2, {2, 0}}}, .with = {1, {-1}}},
    {.shape = {{1, {1}}, {1, {1}}}, .with = {1, {0}}},
    {.shape = {{1, {0}}, {1, {0}}}, .with = {1, {0}}},
    {.shape = {{2, {0, 3}}, {2, {0, 2}}}, .with = {1, {1}}},
    {.shape = {{3, {2, 3, 4}}, {3, {2, 1, 4}}}, .with = {1, {-2}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}, {8, {2, 1, 2, 1, 2, 3, 2, 1}}}, .with = {1, {5}}},
    {.shape = {{2, {20, 31}}, {2, {20, 9}}}, .with = {1, {1}}},
};
static const op_case stack_cases[] = {
    {.shape = {{2, {2, 3}}, {2, {2, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}, {2, {2, 3}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 3}}, {2, {2, 3}}}, .with = {1, {-1}}},
    {.shape = {{0, {0}}, {0, {0}}}, .with = {1, {0}}},
    {.shape = {{1, {0}}, {1, {0}}}, .with = {1, {1}}},
    {.shape = {{7, {2, 1, 2, 1, 2, 1, 2}}, {7, {2, 1, 2, 1, 2, 1, 2}}}, .with = {1, {3}}},
    {.shape = {{2, {20, 31}}, {2, {20, 31}}}, .with = {1, {2}}},
};
/* Axis, before, after, mode, value. */
static const op_case pad_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {5, {1, 1, 2, TG_PAD_CONSTANT, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {5, {-1, 2, 2, TG_PAD_REFLECT, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {5, {0, 4, 1, TG_PAD_EDGE, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {5, {0, 0, 0, TG_PAD_REFLECT, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {5, {0, 1, 0, TG_PAD_REFLECT, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {5, {1, 0, 5, TG_PAD_EDGE, 0}}},
    {.shape = {{1, {0}}}, .with = {5, {0, 2, 1, TG_PAD_CONSTANT, 0}}},
    {.shape = {{1, {0}}}, .with = {5, {0, 0, 0, TG_PAD_EDGE, 0}}},
    {.shape = {{1, {1}}}, .with = {5, {0, 3, 3, TG_PAD_EDGE, 0}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {5, {7, 2, 1, TG_PAD_REFLECT, 0}}},
    {.shape = {{2, {20, 31}}}, .with = {5, {1, 30, 7, TG_PAD_REFLECT, 0}}},
};
/* Axis, and how often or how far. */
static const op_case moved_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {1, 2}}},   {.shape = {{2, {2, 3}}}, .with = {2, {0, 3}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {-1, 0}}},  {.shape = {{2, {2, 3}}}, .with = {2, {1, 1}}},
    {.shape = {{1, {1}}}, .with = {2, {0, 4}}},      {.shape = {{1, {0}}}, .with = {2, {0, 3}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {1, 2}}},   {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {2, {6, 2}}},
    {.shape = {{2, {20, 31}}}, .with = {2, {0, 3}}},
};

static tg_tensor record_concat(const tg_tensor *x, const settings *with) {
    return tg_concat(TG_LIST(x[0], x[1]), with->value[0]);
}

static tg_tensor record_stack(const tg_tensor *x, const settings *with) {
    return tg_stack(TG_LIST(x[0], x[1]), with->value[0]);
}

static tg_tensor record_pad(const tg_tensor *x, const settings *with) {
    const int *s = with->value;
    return tg_pad(x[0], s[0], s[1], s[2], (tg_pad_mode)s[3], s[4]);
}

static tg_tensor record_roll(const tg_tensor *x, const settings *with) {
    return tg_roll(x[0], with->value[0], with->value[1]);
}

static tg_tensor record_repeat(const tg_tensor *x, const settings *with) {
    return tg_repeat(x[0], with->value[0], with->value[1]);
}

static tg_tensor record_tile(const tg_tensor *x, const settings *with) {
    return tg_tile(x[0], with->value[0], with->value[1]);
}

/* ---- the formulas ------------------------------------------------------------------------------------------------ */

static void expect_concat(const values *x, const settings *with, values *y) {
    int      axis = (with->value[0] + x->shape.rank) % x->shape.rank;
    int64_t  index[TG_MAX_RANK], first = x->shape.dims[axis];
    tg_shape shape = x->shape;
    shape.dims[axis] += x[1].shape.dims[axis];
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        unravel(shape, n, index);
        bool second = index[axis] >= first;
        if (second) index[axis] -= first;
        y->at[n] = x[second].at[ravel(x[second].shape, index)];
    }
}

static void expect_stack(const values *x, const settings *with, values *y) {
    int      rank = x->shape.rank + 1, axis = (with->value[0] + rank) % rank;
    int64_t  index[TG_MAX_RANK], from[TG_MAX_RANK];
    tg_shape shape = {.rank = rank};
    for (int i = 0, k = 0; i < rank; i++)
        shape.dims[i] = i == axis ? 2 : x->shape.dims[k++];
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        unravel(shape, n, index);
        for (int i = 0, k = 0; i < rank; i++)
            if (i != axis) from[k++] = index[i];
        y->at[n] = x[index[axis]].at[ravel(x->shape, from)];
    }
}

/* Element i along the axis of the result is element from(i, size, settings) of x, or for -1 the value. */
typedef int64_t origin(int64_t i, int64_t size, const int *with);

static void expect_moved(const values *x, const settings *with, int64_t size, origin *from, double value, values *y) {
    int      axis = (with->value[0] + x->shape.rank) % x->shape.rank;
    int64_t  index[TG_MAX_RANK];
    tg_shape shape = x->shape;
    shape.dims[axis] = size;
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        unravel(shape, n, index);
        index[axis] = from(index[axis], x->shape.dims[axis], with->value);
        y->at[n] = index[axis] < 0 ? (element){(long double)value, (int64_t)value} : x->at[ravel(x->shape, index)];
    }
}

static int64_t size_along(const values *x, const settings *with) {
    return x->shape.dims[(with->value[0] + x->shape.rank) % x->shape.rank];
}

static int64_t from_padded(int64_t i, int64_t size, const int *with) {
    i -= with[1];
    if (i >= 0 && i < size) return i;
    if (with[3] == TG_PAD_CONSTANT) return -1;
    if (with[3] == TG_PAD_EDGE) return i < 0 ? 0 : size - 1;
    return i < 0 ? -i : 2 * (size - 1) - i;
}

static int64_t from_rolled(int64_t i, int64_t size, const int *with) {
    return ((i - with[1]) % size + size) % size;
}

static int64_t from_repeated(int64_t i, int64_t size, const int *with) {
    (void)size;
    return i / with[1];
}

static int64_t from_tiled(int64_t i, int64_t size, const int *with) {
    (void)with;
    return i % size;
}

static void expect_pad(const values *x, const settings *with, values *y) {
    expect_moved(x, with, size_along(x, with) + with->value[1] + with->value[2], from_padded, with->value[4], y);
}

static void expect_roll(const values *x, const settings *with, values *y) {
    expect_moved(x, with, size_along(x, with), from_rolled, 0, y);
}

static void expect_repeat(const values *x, const settings *with, values *y) {
    expect_moved(x, with, size_along(x, with) * with->value[1], from_repeated, 0, y);
}

static void expect_tile(const values *x, const settings *with, values *y) {
    expect_moved(x, with, size_along(x, with) * with->value[1], from_tiled, 0, y);
}

#define ROW(function, count, list) \
    { \
        .name = #function, .called = #function, .arity = count, .takes = TAKES_ANY, .record = record_##function, \
        .expect = expect_##function, .low = {-3, -3}, .high = {3, 3}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row join_rows[] = {
    ROW(concat, 2, concat_cases), ROW(stack, 2, stack_cases), ROW(pad, 1, pad_cases), ROW(roll, 1, moved_cases),
    ROW(repeat, 1, moved_cases),  ROW(tile, 1, moved_cases),  {.name = NULL},
};

/* ---- lists ------------------------------------------------------------------------------------------------------- */

START_TEST(lists_of_any_length) {
    enum { MANY = 100 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_arange(tape, TG_F64, 0, 3, 1), many[MANY];
    CHECK_IS(tg_concat(TG_LIST(x), 0), 0, 1, 2);
    CHECK_IS(tg_concat(TG_LIST(x, tg_neg(x), tg_flip(x, TG_AXES(0))), -1), 0, 1, 2, -0.0, -1, -2, 2, 1, 0);
    CHECK_IS(tg_stack(TG_LIST(tg_sum(x), tg_num(7)), 0), 3, 7);
    for (int i = 0; i < MANY; i++)
        many[i] = tg_sum(tg_mul(x, i));
    tg_tensor all = tg_stack(tg_list_from(MANY, many), 0);
    ck_assert_double_eq(tg_item(tg_sum(all)), 3.0 * (double)MANY * (MANY - 1) / 2);
    CHECK_IS(slope(tg_sum(tg_mul(all, all)), x), 1970100, 1970100, 1970100);
    CHECK_IS(slope(tg_concat(TG_LIST(x, x), 0), x), 2, 2, 2);
    CHECK_IS(tg_concat(TG_LIST(tg_concat(TG_LIST(x, x), 0), tg_stack(TG_LIST(tg_sum(x), tg_sum(x)), 0)), 0), 0, 1, 2, 0, 1, 2,
             3, 3);
    finish(tape);
}
END_TEST

START_TEST(lists_that_do_not_fit_are_rejected) {
    tg_tape  *tape = tg_tape_new(), *other = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), y = tg_full(tape, TG_F32, TG_SHAPE(3, 2), 1);
    tg_tensor wide = tg_full(tape, TG_F32, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2), 1),
              foreign = tg_full(other, TG_F32, TG_SHAPE(2, 3), 1);
    ck_assert(!tg_valid(tg_concat(TG_LIST(), 0)) && !tg_valid(tg_stack(tg_list_from(0, NULL), 0)));
    ck_assert(!tg_valid(tg_concat(TG_LIST(x, y), 0)));
    CHECK_ERROR(tape, TG_ERR_SHAPE,
                "test_join.c:", "concat: (2, 3) x (3, 2): sizes differ along axis 1, not just along axis 0");
    ck_assert(!tg_valid(tg_stack(TG_LIST(x, y), 0)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_join.c:", "stack: (2, 3) x (3, 2): the shapes differ");
    ck_assert(!tg_valid(tg_concat(TG_LIST(x, x), 2)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_join.c:", "concat: axis 2 of a result of rank 2");
    ck_assert(!tg_valid(tg_stack(TG_LIST(x, x), 3)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_join.c:", "stack: axis 3 of a result of rank 3");
    ck_assert(!tg_valid(tg_stack(TG_LIST(wide, wide), 0)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "stack: ", "9 axes");
    ck_assert(!tg_valid(tg_concat(TG_LIST(x, tg_num(1)), 0)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "concat: (2, 3) x (): the ranks differ");
    ck_assert(!tg_valid(tg_concat(TG_LIST(x, foreign), 0)));
    CHECK_ERROR(tape, TG_ERR_HANDLE, "concat: operand 2", "another tape");
    tg_tensor large = tg_broadcast_to(tg_full(tape, TG_F32, TG_SHAPE(1), 1), TG_SHAPE(HALF_THE_LARGEST));
    tg_tensor lots[40];
    for (int i = 0; i < 40; i++)
        lots[i] = large;
    ck_assert(!tg_valid(tg_concat(tg_list_from(40, lots), 0)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "concat: ", "too many elements");
    finish(other);
    finish(tape);
}
END_TEST

/* What the gradient of a join of n operands records, runs and holds. */
typedef struct join_costs {
    int64_t recorded, kernels, groups, fused;
    size_t  bytes;
} join_costs;

static join_costs costs_of_join(bool stacked, int count) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor p = tg_parameter(tape, "p", tg_full(tape, TG_F64, TG_SHAPE(3), 0.5)),
              *parts = calloc((size_t)count, sizeof *parts);
    join_costs c;
    tg_set_keep(tape, TG_KEEP_ASKED);
    for (int i = 0; i < count; i++)
        parts[i] = tg_mul(p, i);
    tg_list   list = tg_list_from(count, parts);
    tg_tensor loss = tg_sum(tg_square(stacked ? tg_stack(list, 0) : tg_concat(list, 0)));
    int64_t   before = tg_stats(tape).instructions;
    ck_assert(!tg_backward(loss) && !tg_run(tape) && !tg_run(tape));
    tg_figures f = tg_stats(tape);
    c = (join_costs){f.instructions - before, f.kernels, f.groups, f.fused, f.block_bytes};
    CHECK_IS(tg_grad(p), count / 6.0 * (count - 1) * (2 * count - 1), count / 6.0 * (count - 1) * (2 * count - 1),
             count / 6.0 * (count - 1) * (2 * count - 1));
    free(parts);
    finish(tape);
    return c;
}

START_TEST(an_operand_more_costs_the_same_however_many_there_are) {
    join_costs some = costs_of_join(_i, 60), more = costs_of_join(_i, 120), most = costs_of_join(_i, 240);
    ck_assert_int_eq(most.recorded - more.recorded, 2 * (more.recorded - some.recorded));
    ck_assert_int_le(most.kernels + most.groups, 4 * (some.kernels + some.groups) + 4);
    ck_assert_int_le(most.fused, 4 * some.fused + 16);
    ck_assert_uint_le(most.bytes, 5 * some.bytes);
}
END_TEST

/* ---- parts ------------------------------------------------------------------------------------------------------- */

START_TEST(arrays_that_are_null_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, 2, 3), parts[3];
    ck_assert(!tg_valid(tg_concat(tg_list_from(3, NULL), 0)));
    ck_assert(!tg_valid(tg_stack(tg_list_from(3, NULL), 0)));
    ck_assert(!tg_valid((tg_einsum)("i->", 1, NULL)));
    CHECK_OK(tape);
    FAILS(tape, tg_split(x, 0, 3, NULL, parts), TG_ERR_ARGUMENT, "split: the array of 3 sizes is NULL");
    FAILS(tape, tg_split(x, 0, 3, ((int64_t[]){1, 1, 1}), NULL), TG_ERR_ARGUMENT, "split: 3 parts, or nowhere");
    FAILS(tape, tg_chunk(x, 0, 3, NULL), TG_ERR_ARGUMENT, "chunk: 3 parts, or nowhere");
    FAILS(tape, tg_full(tape, TG_F64, tg_shape_from(2, NULL), 0), TG_ERR_SHAPE, "full: ");
    FAILS(tape, tg_sum_axes(x, tg_axes_from(1, NULL), false), TG_ERR_SHAPE, "sum: ");
    ck_assert_int_eq(tg_split(tg_slice(x, 0, 0, 0, 1), 0, 0, NULL, NULL), TG_OK);
    tg_tape_free(tape);
}
END_TEST

START_TEST(split_gives_the_parts) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_reshape(tg_arange(tape, TG_F64, 0, 10, 1), TG_SHAPE(2, 5)), parts[3];
    ck_assert_int_eq(tg_split(x, -1, 3, (int64_t[]){2, 0, 3}, parts), TG_OK);
    CHECK_IS(parts[0], 0, 1, 5, 6);
    ck_assert_int_eq(tg_size(parts[1]), 0);
    CHECK_IS(parts[2], 2, 3, 4, 7, 8, 9);
    CHECK_IS(slope(tg_mul(parts[2], parts[2]), x), 0, 0, 4, 6, 8, 0, 0, 14, 16, 18);
    CHECK_IS(tg_concat(tg_list_from(3, parts), 1), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    ck_assert_int_eq(tg_split(tg_full(tape, TG_F64, TG_SHAPE(0), 1), 0, 0, NULL, parts), TG_OK);
    finish(tape);
}
END_TEST

START_TEST(chunk_divides_as_pytorch_does) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_arange(tape, TG_F64, 0, 7, 1), parts[5];
    ck_assert_int_eq(tg_chunk(x, 0, 3, parts), TG_OK);
    CHECK_IS(parts[0], 0, 1, 2);
    CHECK_IS(parts[1], 3, 4, 5);
    CHECK_IS(parts[2], 6);
    ck_assert_int_eq(tg_chunk(x, 0, 5, parts), TG_OK);
    CHECK_IS(parts[3], 6);
    ck_assert_int_eq(tg_size(parts[4]), 0);
    ck_assert_int_eq(tg_chunk(x, 0, 1, parts), TG_OK);
    ck_assert_int_eq(tg_size(parts[0]), 7);
    finish(tape);
}
END_TEST

START_TEST(parts_are_the_user_s) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(4)), parts[2];
    ck_assert_int_eq(tg_chunk(x, 0, 2, parts), TG_OK);
    for (double k = 1; k < 3; k++) {
        tg_write(x, (double[]){k, 2 * k, 3 * k, 4 * k}, 4);
        tg_run(tape);
        CHECK_IS(parts[0], k, 2 * k);
        CHECK_IS(parts[1], 3 * k, 4 * k);
    }
    finish(tape);
}
END_TEST

START_TEST(parts_that_do_not_add_up_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 5), 1), parts[2];
    int64_t   count = tg_instruction_count(tape);
    ck_assert_int_eq(tg_split(x, 1, 2, (int64_t[]){2, 2}, parts), TG_ERR_SHAPE);
    ck_assert(!tg_valid(parts[0]) && !tg_valid(parts[1]));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_join.c:", "split: the sizes do not add up to 5, the size of axis 1");
    ck_assert_int_eq(tg_split(x, 1, 2, (int64_t[]){6, -1}, parts), TG_ERR_SHAPE);
    CHECK_ERROR(tape, TG_ERR_SHAPE, "split: ");
    ck_assert_int_eq(tg_split(x, 2, 2, (int64_t[]){2, 3}, parts), TG_ERR_SHAPE);
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_join.c:", "split: axis 2");
    ck_assert_int_eq(tg_split(x, 1, 2, (int64_t[]){2, 3}, NULL), TG_ERR_ARGUMENT);
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "split: ", "nowhere");
    ck_assert_int_eq(tg_chunk(x, 1, 0, parts), TG_ERR_ARGUMENT);
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "test_join.c:", "chunk: ");
    ck_assert_int_eq(tg_chunk(x, 1, -1, parts), TG_ERR_ARGUMENT);
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "chunk: -1 parts");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    finish(tape);
}
END_TEST

/* ---- around ------------------------------------------------------------------------------------------------------ */

START_TEST(margins_and_repetitions) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_arange(tape, TG_F64, 1, 4, 1);
    CHECK_IS(tg_pad(x, 0, 2, 1, TG_PAD_CONSTANT, -0.5), -0.5, -0.5, 1, 2, 3, -0.5);
    CHECK_IS(tg_pad(x, 0, 2, 2, TG_PAD_REFLECT, 0), 3, 2, 1, 2, 3, 2, 1);
    CHECK_IS(tg_pad(x, 0, 0, 2, TG_PAD_EDGE, 0), 1, 2, 3, 3, 3);
    CHECK_IS(tg_roll(x, 0, 1), 3, 1, 2);
    CHECK_IS(tg_roll(x, 0, -1), 2, 3, 1);
    CHECK_IS(tg_roll(x, 0, INT64_MAX), 3, 1, 2);
    CHECK_IS(tg_roll(x, 0, INT64_MIN), 3, 1, 2);
    CHECK_IS(tg_repeat(x, 0, 2), 1, 1, 2, 2, 3, 3);
    CHECK_IS(tg_tile(x, 0, 2), 1, 2, 3, 1, 2, 3);
    CHECK_IS(slope(tg_pad(x, 0, 2, 2, TG_PAD_REFLECT, 0), x), 2, 3, 2);
    CHECK_IS(slope(tg_pad(x, 0, 3, 1, TG_PAD_EDGE, 0), x), 4, 1, 2);
    finish(tape);
}
END_TEST

/* These are linear: only in a formula that is not do second derivatives go through their gradients' gradients. */
static void check_cube(tg_tensor y, tg_tensor x) {
    tg_gradcheck_report report = {.order = 3};
    ck_assert_msg(tg_gradcheck(tg_mul(y, tg_square(y)), 1, &x, &report) == TG_OK, "%s", tg_error(x.tape));
}

START_TEST(higher_derivatives_of_formulas) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 3), (double[]){0.5, -1, 0.25, 1, 0.75, -0.5});
    check_cube(tg_concat(TG_LIST(x, tg_flip(x, TG_AXES(0))), 1), x);
    check_cube(tg_stack(TG_LIST(x, tg_neg(x)), 1), x);
    check_cube(tg_pad(x, 1, 2, 1, TG_PAD_REFLECT, 0), x);
    check_cube(tg_pad(x, 0, 1, 2, TG_PAD_EDGE, 0), x);
    check_cube(tg_roll(x, 1, 1), x);
    check_cube(tg_repeat(x, 1, 2), x);
    check_cube(tg_tile(x, 0, 2), x);
    finish(tape);
}
END_TEST

START_TEST(what_does_not_go_around_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_I64, TG_SHAPE(2, 3), 1), none = tg_full(tape, TG_F32, TG_SHAPE(0), 1);
    REFUSED(tg_pad(x, 2, 1, 1, TG_PAD_EDGE, 0), TG_ERR_SHAPE, "pad: axis 2");
    REFUSED(tg_pad(x, 1, -1, 1, TG_PAD_EDGE, 0), TG_ERR_ARGUMENT, "pad: -1 before and 1 after an axis of size 3");
    REFUSED(tg_pad(x, 1, 1, 3, TG_PAD_REFLECT, 0), TG_ERR_ARGUMENT, "pad: 1 before and 3 after an axis of size 3");
    REFUSED(tg_pad(none, 0, 1, 0, TG_PAD_REFLECT, 0), TG_ERR_ARGUMENT, "pad: ", "size 0");
    REFUSED(tg_pad(none, 0, 0, 1, TG_PAD_EDGE, 0), TG_ERR_ARGUMENT, "pad: ", "size 0");
    REFUSED(tg_pad(x, 1, 1, 1, (tg_pad_mode)3, 0), TG_ERR_ARGUMENT, "pad: 3 is no mode");
    REFUSED(tg_pad(x, 1, 1, 1, TG_PAD_CONSTANT, 0.5), TG_ERR_DTYPE, "pad: the number 0.5 is no int64");
    REFUSED(tg_pad(x, 1, INT64_MAX, INT64_MAX, TG_PAD_CONSTANT, 0), TG_ERR_ARGUMENT, "pad: ");
    REFUSED(tg_pad(x, 1, HALF_THE_LARGEST, HALF_THE_LARGEST, TG_PAD_CONSTANT, 0), TG_ERR_SHAPE, "pad: ", "too many elements");
    REFUSED(tg_roll(x, -3, 1), TG_ERR_SHAPE, "roll: axis -3");
    REFUSED(tg_repeat(x, 2, 1), TG_ERR_SHAPE, "repeat: axis 2");
    REFUSED(tg_repeat(x, 0, -1), TG_ERR_ARGUMENT, "repeat: -1 times");
    REFUSED(tg_tile(x, 0, INT64_MAX), TG_ERR_ARGUMENT, "tile: 9223372036854775807 times an axis of size 2");
    REFUSED(tg_tile(x, 0, LARGEST_SIZE / 4), TG_ERR_SHAPE, "tile: ", "too many elements");
    finish(tape);
}
END_TEST

/* ---- many rows, many operands ------------------------------------------------------------------------------------ */

/* Rows long and short, contiguous, transposed and reversed: more of them than are written at a time. */
START_TEST(rows_are_put_side_by_side) {
    static const int64_t columns[] = {1, 3, 700};
    tg_tape             *tape = tg_tape_new();
    int64_t              rows = _i ? 300 : 2500, n = columns[_i];
    tg_tensor            x = tg_reshape(tg_arange(tape, TG_F64, 0, (double)(rows * n), 1), TG_SHAPE(rows, n));
    tg_tensor            turned = tg_transpose(tg_mul(-1, tg_reshape(x, TG_SHAPE(n, rows))), 0, 1);
    tg_tensor            parts[] = {x, turned, tg_flip(x, TG_AXES(0)), tg_broadcast_to(VECTOR(tape, 7), TG_SHAPE(rows, n))};
    tg_tensor            joined = tg_concat(TG_LIST(parts[0], parts[1], parts[2], parts[3]), 1);
    tg_tensor            stacked = tg_stack(TG_LIST(parts[0], parts[1], parts[2], parts[3]), 2);
    for (int64_t k = 0; k < 4; k++) {
        CHECK_IS(tg_any(tg_ne(tg_slice(joined, 1, k * n, (k + 1) * n, 1), parts[k])), 0);
        CHECK_IS(tg_any(tg_ne(tg_squeeze_axes(tg_slice(stacked, 2, k, k + 1, 1), TG_AXES(2)), parts[k])), 0);
    }
    finish(tape);
}
END_TEST

/* More columns than go in together, every fifth of them reversed, every seventh with two elements a row. */
START_TEST(columns_are_put_side_by_side) {
    enum { COLUMNS = 75, ROWS = 130 };
    static const tg_dtype dtypes[] = {TG_F32, TG_F64, TG_I64, TG_BOOL};
    tg_tape              *tape = tg_tape_new();
    tg_tensor             x[COLUMNS];
    int64_t               at = 0;
    for (int i = 0; i < COLUMNS; i++) {
        int64_t   width = i % 7 == 3 ? 2 : 1;
        tg_tensor numbers = tg_remainder(tg_arange(tape, TG_I64, i, (double)(i + ROWS * width), 1), 11);
        x[i] = tg_reshape(tg_cast(_i < 3 ? numbers : tg_gt(numbers, 5), dtypes[_i]), TG_SHAPE(ROWS, width));
        if (i % 5 == 4) x[i] = tg_flip(x[i], TG_AXES(0));
    }
    tg_tensor joined = tg_concat(tg_list_from(COLUMNS, x), 1);
    for (int i = 0; i < COLUMNS; i++) {
        int64_t width = i % 7 == 3 ? 2 : 1;
        CHECK_IS(tg_any(tg_ne(tg_slice(joined, 1, at, at + width, 1), x[i])), 0);
        at += width;
    }
    finish(tape);
}
END_TEST

START_TEST(lists_of_thousands) {
    enum { N = 20000 };
    tg_tape   *tape = tg_tape_new();
    tg_tensor  w = tg_parameter(tape, "w", VECTOR(tape, 1)), weights = tg_arange(tape, TG_F64, 0, N, 1);
    tg_tensor *x = calloc(N, sizeof *x);
    for (int i = 0; i < N; i++)
        x[i] = tg_mul(w, i % 7);
    tg_tensor loss = tg_sum(tg_mul(weights, tg_concat(tg_list_from(N, x), 0)));
    loss = tg_add(loss, tg_sum(tg_mul(weights, tg_stack(tg_list_from(N, x), 1))));
    double expected = 0;
    for (int i = 0; i < N; i++)
        expected += 2.0 * i * (i % 7);
    ck_assert_int_eq(tg_backward(loss), TG_OK);
    CHECK_IS(tg_grad(w), expected);
    CHECK_IS(loss, expected);
    free(x);
    finish(tape);
}
END_TEST

START_TEST(unstack_gives_the_slices) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_reshape(tg_arange(tape, TG_F64, 0, 6, 1), TG_SHAPE(2, 3)), column[3];
    ck_assert_int_eq(tg_unstack(x, -1, 3, column), TG_OK);
    CHECK_IS(column[1], 1, 4);
    CHECK_IS(tg_stack(tg_list_from(3, column), 1), 0, 1, 2, 3, 4, 5);
    CHECK_IS(slope(tg_mul(column[0], column[2]), x), 2, 0, 0, 5, 0, 3);
    tg_tensor none = tg_full(tape, TG_F64, TG_SHAPE(0, 3), 1);
    ck_assert_int_eq(tg_unstack(none, 0, 0, NULL), TG_OK);
    ck_assert_int_eq(tg_unstack(x, 0, 3, column), TG_ERR_SHAPE);
    ck_assert(!tg_valid(column[0]));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_join.c:", "unstack: 3 parts of axis 0, which has size 2");
    ck_assert_int_eq(tg_unstack(x, 2, 2, column), TG_ERR_SHAPE);
    CHECK_ERROR(tape, TG_ERR_SHAPE, "unstack: axis 2");
    ck_assert_int_eq(tg_unstack(x, 0, 2, NULL), TG_ERR_ARGUMENT);
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "unstack: ");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_join(void) {
    Suite *suite = suite_create("join");
    TCase *tcase = tcase_create("joins");
    add_rows(suite, join_rows);
    tcase_add_test(tcase, lists_of_any_length);
    tcase_add_test(tcase, lists_that_do_not_fit_are_rejected);
    tcase_add_test(tcase, arrays_that_are_null_are_rejected);
    tcase_add_test(tcase, split_gives_the_parts);
    tcase_add_test(tcase, chunk_divides_as_pytorch_does);
    tcase_add_test(tcase, unstack_gives_the_slices);
    tcase_add_test(tcase, parts_are_the_user_s);
    tcase_add_test(tcase, parts_that_do_not_add_up_are_rejected);
    tcase_add_test(tcase, margins_and_repetitions);
    tcase_add_test(tcase, what_does_not_go_around_is_rejected);
    tcase_add_test(tcase, higher_derivatives_of_formulas);
    tcase_add_loop_test(tcase, rows_are_put_side_by_side, 0, 3);
    tcase_add_loop_test(tcase, columns_are_put_side_by_side, 0, 4);
    tcase_add_loop_test(tcase, an_operand_more_costs_the_same_however_many_there_are, 0, 2);
    tcase_add_test(tcase, lists_of_thousands);
    suite_add_tcase(suite, tcase);
    return suite;
}
