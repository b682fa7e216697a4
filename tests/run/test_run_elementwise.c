/* tests/run/test_run_elementwise.c: the loop of an elementwise op gets every operand right, whatever its shape and strides, against
 * an index calculation of its own.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>

/* ---- an op of up to 8 operands: sum of 3^k times operand k, small whole numbers, exact ---------------------------- */

static int operands_of_mix; /* set before each run: a loop is not told how many it has */

static void mix(int64_t n, void *out, const void *const *in, const int64_t *step) {
    for (int k = 0; k < operands_of_mix; k++)
        ck_assert(step[k] == 0 || step[k] == 1);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0, power = 1;
        for (int k = 0; k < operands_of_mix; k++, power *= 3)
            sum += power * ((const double *)in[k])[i * step[k]];
        ((double *)out)[i] = sum;
    }
}

static const tg_loops mix_loops = TG_LOOPS([TG_F64] = mix);
static const tg_op    op_mix = {.name = "mix", .arity = -1, .infer = tg_infer_elementwise, .loops = &mix_loops};

/* An operand, and the same numbers where the test can see them. */
typedef struct operand {
    tg_tensor tensor;
    tg_shape  shape;
    double   *values;
} operand;

static double element_at(const operand *x, const tg_shape *result, int64_t n) {
    int64_t offset = 0, stride = 1;
    for (int i = 1; i <= x->shape.rank; i++) {
        int64_t index = n % result->dims[result->rank - i], size = x->shape.dims[x->shape.rank - i];
        n /= result->dims[result->rank - i];
        offset += (size == 1 ? 0 : index) * stride;
        stride *= size;
    }
    return x->values[offset];
}

static void check_mix(tg_tape *tape, int count, const operand *x, tg_shape result) {
    tg_tensor in[TG_MAX_LOOP_OPERANDS];
    int64_t   size = tg_shape_size(result);
    for (int k = 0; k < count; k++)
        in[k] = x[k].tensor;
    operands_of_mix = count;
    tg_tensor y = tg_record(tape, &op_mix, count, in, NULL, 0);
    ck_assert_msg(tg_shape_equal(tg_shape_of(y), result), "%s", tg_error(tape));
    const double *values = tg_data(y);
    CHECK_OK(tape);
    for (int64_t i = 0; i < size; i++) {
        double sum = 0, power = 1;
        for (int k = 0; k < count; k++, power *= 3)
            sum += power * element_at(&x[k], &result, i);
        if (values[i] != sum) ck_abort_msg("element %lld is %g, not %g", (long long)i, values[i], sum);
    }
}

/* A constant of the shape, or a view of one whose axes lie in memory in another order, or that was stretched. */
static operand new_operand(tg_tape *tape, tg_shape shape, uint32_t *state) {
    operand  x = {.shape = shape};
    int64_t  size = tg_shape_size(shape);
    double  *stored = calloc((size_t)size + 1, sizeof *stored);
    tg_shape reversed = {.rank = shape.rank};
    tg_axes  axes = {.count = shape.rank};
    bool     turned = next_number(state) % 2;
    for (int i = 0; i < shape.rank; i++) {
        reversed.dims[i] = shape.dims[turned ? shape.rank - 1 - i : i];
        axes.axis[i] = turned ? shape.rank - 1 - i : i;
    }
    for (int64_t i = 0; i < size; i++)
        stored[i] = next_number(state) % 100;
    x.tensor = tg_permute(tg_constant(tape, TG_F64, reversed, stored), axes);
    x.values = stored;
    ck_assert(!tg_read(x.tensor, stored, size));
    return x;
}

START_TEST(operands_of_any_shapes_and_strides) {
    uint32_t state = (uint32_t)_i;
    for (int trial = 0; trial < 60; trial++) {
        tg_tape *tape = tg_tape_new();
        operand  x[TG_MAX_LOOP_OPERANDS];
        tg_shape result = {.rank = (int)(next_number(&state) % 9)};
        int      count = 1 + (int)(next_number(&state) % TG_MAX_LOOP_OPERANDS);
        for (int i = 0; i < result.rank; i++)
            result.dims[i] = next_number(&state) % 40 == 0 ? 0 : 1 + next_number(&state) % 4;
        for (int k = 0; k < count; k++) {
            int      rank = k ? (int)(next_number(&state) % (unsigned)(result.rank + 1)) : result.rank;
            tg_shape shape = tg_shape_from(rank, result.dims + result.rank - rank);
            for (int i = 0; k && i < rank; i++)
                if (next_number(&state) % 3 == 0) shape.dims[i] = 1;
            x[k] = new_operand(tape, shape, &state);
        }
        check_mix(tape, count, x, result);
        for (int k = 0; k < count; k++)
            free(x[k].values);
        tg_tape_free(tape);
    }
}
END_TEST

/* Larger than the tile in which operands are gathered, and no multiple of it. */
START_TEST(operands_larger_than_a_tile) {
    static const tg_shape shapes[][3] = {
        {{2, {37, 113}}, {2, {37, 1}}, {1, {113}}},
        {{2, {1, 4099}}, {2, {3, 1}}, {0, {0}}},
        {{3, {5, 1, 1031}}, {2, {3, 1}}, {3, {1, 3, 1}}},
        {{1, {1024}}, {2, {2, 1}}, {1, {1024}}},
        {{1, {1025}}, {2, {2, 1}}, {1, {1}}},
        {{2, {1023, 2}}, {1, {2}}, {2, {1023, 1}}},
    };
    static const tg_shape results[] = {{2, {37, 113}}, {2, {3, 4099}}, {3, {5, 3, 1031}},
                                       {2, {2, 1024}}, {2, {2, 1025}}, {2, {1023, 2}}};
    tg_tape              *tape = tg_tape_new();
    uint32_t              state = 0;
    for (int trial = 0; trial < 8; trial++) {
        operand x[3];
        for (int k = 0; k < 3; k++)
            x[k] = new_operand(tape, shapes[_i][k], &state);
        check_mix(tape, 3, x, results[_i]);
        for (int k = 0; k < 3; k++)
            free(x[k].values);
    }
    tg_tape_free(tape);
}
END_TEST

/* Bit k of the pattern: operand k is a single number, the same for all. */
START_TEST(all_combinations_of_steps) {
    tg_tape *tape = tg_tape_new();
    uint32_t state = 3;
    for (unsigned pattern = 0; pattern < 255; pattern++) {
        operand x[TG_MAX_LOOP_OPERANDS];
        tg_mark mark = tg_tape_mark(tape);
        for (int k = 0; k < TG_MAX_LOOP_OPERANDS; k++)
            x[k] = new_operand(tape, pattern >> k & 1 ? TG_SHAPE() : TG_SHAPE(5), &state);
        check_mix(tape, TG_MAX_LOOP_OPERANDS, x, TG_SHAPE(5));
        for (int k = 0; k < TG_MAX_LOOP_OPERANDS; k++)
            free(x[k].values);
        ck_assert(!tg_rewind(tape, mark));
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(the_same_operand_many_times) {
    tg_tape *tape = tg_tape_new();
    uint32_t state = 5;
    operand  x = new_operand(tape, TG_SHAPE(3, 4), &state);
    operand  all[] = {x, x, x, x, x, x, x, x};
    check_mix(tape, 8, all, TG_SHAPE(3, 4));
    free(x.values);
    tg_tape_free(tape);
}
END_TEST

START_TEST(nine_operands_are_too_many) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor in[9];
    for (int i = 0; i < 9; i++)
        in[i] = VECTOR(tape, i, i);
    operands_of_mix = 9;
    tg_tensor y = tg_record(tape, &op_mix, 9, in, NULL, 0);
    ck_assert(tg_item(tg_sum(y)) != 0 && tg_error_status(tape) != TG_OK);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "mix: "));
    tg_tape_free(tape);
}
END_TEST

/* ---- dtypes ------------------------------------------------------------------------------------------------------ */

#define COPY_LOOP(type) \
    static void copy_##type(int64_t n, void *out, const void *const *in, const int64_t *step) { \
        for (int64_t i = 0; i < n; i++) \
            ((type *)out)[i] = ((const type *)in[0])[i * step[0]]; \
    }
COPY_LOOP(float)
COPY_LOOP(double)
COPY_LOOP(int64_t)
COPY_LOOP(bool)

START_TEST(every_dtype_is_gathered) {
    static const tg_loops loops =
        TG_LOOPS([TG_F32] = copy_float, [TG_F64] = copy_double, [TG_I64] = copy_int64_t, [TG_BOOL] = copy_bool);
    static const tg_op copy = {.name = "copy", .arity = 1, .infer = tg_infer_elementwise, .loops = &loops};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          x = tg_cast(tg_constant(tape, TG_I64, TG_SHAPE(2, 3), (int64_t[]){0, 1, 1, 1, 0, 1}), (tg_dtype)_i);
    tg_tensor          view = tg_broadcast_to(tg_transpose(x, 0, 1), TG_SHAPE(2, 3, 2));
    tg_tensor          y = tg_record(tape, &copy, 1, &view, NULL, 0);
    ck_assert_int_eq(tg_dtype_of(y), _i);
    CHECK_F64(tg_cast(y, TG_F64), 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_dtype_without_a_loop_is_refused) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x[] = {tg_full(tape, TG_F32, TG_SHAPE(2), 1), VECTOR(tape, 1, 2)};
    FAILS(tape, tg_record(tape, &op_mix, 1, x, NULL, 0), TG_ERR_DTYPE, "mix: float32 (2): it takes no float32");
    FAILS(tape, tg_record(tape, &op_mix, 2, x, NULL, 0), TG_ERR_DTYPE, "mix: float32 (2) x float64 (2): dtypes differ");
    tg_tape_free(tape);
}
END_TEST

Suite *suite_run_elementwise(void) {
    Suite *suite = suite_create("run/elementwise");
    TCase *tcase = tcase_create("elementwise");
    tcase_set_timeout(tcase, 20);
    tcase_add_loop_test(tcase, operands_of_any_shapes_and_strides, 0, 10);
    tcase_add_loop_test(tcase, operands_larger_than_a_tile, 0, 6);
    tcase_add_test(tcase, all_combinations_of_steps);
    tcase_add_test(tcase, the_same_operand_many_times);
    tcase_add_test(tcase, nine_operands_are_too_many);
    tcase_add_loop_test(tcase, every_dtype_is_gathered, 0, TG_DTYPES);
    tcase_add_test(tcase, a_dtype_without_a_loop_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
