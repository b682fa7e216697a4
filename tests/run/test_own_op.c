/* tests/run/test_own_op.c: what an op of the user's own may rely on, what is refused of it; and the way out when its kernel
 * fails each time.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <math.h>
#include <string.h>

#include "core/tape.h"

static tg_status infer_same(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

/* ---- operands in row-major order --------------------------------------------------------------------------------- */

static const void *given, *got;

/* Copies its operand, and notes where it found it. */
static tg_status copy_contiguous(tg_kernel_call *call) {
    const double *x = tg_contiguous(call, 0);
    if (!x) return TG_ERR_MEMORY;
    given = call->in[0].data;
    got = x;
    for (int64_t i = 0; i < call->out.size; i++)
        ((double *)call->out.data)[i] = x[i];
    return TG_OK;
}

static const tg_op op_copy = {.name = "copy", .arity = 1, .infer = infer_same, .kernel = copy_contiguous};

static tg_tensor copy(tg_tensor x) {
    return tg_record(NULL, &op_copy, 1, &x, NULL, 0);
}

START_TEST(a_contiguous_operand_is_given_as_it_is) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, 2, 3, 4, 5, 6);
    CHECK_F64(copy(x), 1, 2, 3, 4, 5, 6);
    ck_assert_ptr_eq(given, got);
    CHECK_F64(copy(tg_reshape(x, TG_SHAPE(2, 1, 3))), 1, 2, 3, 4, 5, 6);
    ck_assert_ptr_eq(given, got);
    ck_assert(tg_size(copy(tg_full(tape, TG_F64, TG_SHAPE(0, 3), 1))) == 0 && !tg_run(tape));
    ck_assert_ptr_eq(given, got);
    tg_tape_free(tape);
}
END_TEST

START_TEST(any_other_operand_is_copied) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_reshape(VECTOR(tape, 1, 2, 3, 4, 5, 6), TG_SHAPE(2, 3));
    CHECK_F64(copy(tg_transpose(x, 0, 1)), 1, 4, 2, 5, 3, 6);
    ck_assert_ptr_ne(given, got);
    CHECK_F64(copy(tg_broadcast_to(VECTOR(tape, 7, 8), TG_SHAPE(2, 2))), 7, 8, 7, 8);
    CHECK_F64(copy(tg_slice(x, 1, TG_END, TG_BEGIN, -2)), 3, 1, 6, 4);
    CHECK_F64(copy(tg_slice(x, 1, 1, 2, 1)), 2, 5);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- shapes that broadcast ----------------------------------------------------------------------------------------- */

static tg_status infer_float(tg_infer *call) {
    call->out.dtype = TG_F64;
    return tg_infer_broadcast(call);
}

static void hypotenuse(int64_t n, void *out, const void *const *in, const int64_t *step) {
    const double *a = in[0], *b = in[1];
    for (int64_t i = 0; i < n; i++)
        ((double *)out)[i] = sqrt(a[i * step[0]] * a[i * step[0]] + b[i * step[1]] * b[i * step[1]]);
}

START_TEST(an_op_may_broadcast) {
    static const tg_loops loops = TG_LOOPS([TG_F64] = hypotenuse);
    static const tg_op    op = {.name = "hypotenuse", .arity = 2, .infer = infer_float, .loops = &loops};
    tg_tape              *tape = tg_tape_new();
    tg_tensor             column = tg_reshape(VECTOR(tape, 3, 5), TG_SHAPE(2, 1)), row = VECTOR(tape, 4, 12, 0);
    tg_tensor             y = tg_record(NULL, &op, 2, (tg_tensor[]){column, row}, NULL, 0);
    ck_assert(tg_shape_of(y).rank == 2 && tg_shape_of(y).dims[0] == 2 && tg_shape_of(y).dims[1] == 3);
    CHECK_F64(y, 5, sqrt(153), 3, sqrt(41), 13, 5);
    FAILS(tape, tg_record(NULL, &op, 2, (tg_tensor[]){VECTOR(tape, 1, 2), row}, NULL, 0), TG_ERR_SHAPE,
          "hypotenuse: (2) x (3): ");
    tg_tape_free(tape);
}
END_TEST

/* ---- views of the user's own ------------------------------------------------------------------------------------- */

static tg_status infer_every_second(tg_infer *call) {
    call->out = (tg_type){call->in[0].dtype, 1, call->dims};
    call->dims[0] = (call->in[0].dims[0] + 1) / 2;
    return TG_OK;
}

static int64_t size_given;

/* The elements 0, 2, 4, ... or from the back when attr says so. */
static bool every_second(const tg_array *in, const void *attr, tg_array *out) {
    bool back = attr && *(const int64_t *)attr;
    out->data = (char *)in->data + (back ? (in->dims[0] - 1) * in->strides[0] * (int64_t)sizeof(double) : 0);
    out->strides[0] = (back ? -2 : 2) * in->strides[0];
    size_given = out->size;
    return true;
}

START_TEST(a_view_may_be_shorter_and_reversed) {
    static const tg_op op = {.name = "every_second", .arity = 1, .infer = infer_every_second, .view = every_second};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          w = tg_parameter(tape, "w", VECTOR(tape, 1, 2, 3, 4, 5));
    tg_tensor y = tg_record(tape, &op, 1, &w, NULL, 0), z = tg_record(tape, &op, 1, &w, &(int64_t){1}, sizeof(int64_t));
    tg_tensor sum = tg_add(y, z), zz = tg_record(tape, &op, 1, &z, NULL, 0);
    ck_assert(!tg_assign(w, 0));
    CHECK_F64(y, 1, 3, 5);
    CHECK_F64(z, 5, 3, 1);
    CHECK_F64(zz, 5, 1);
    CHECK_F64(sum, 6, 6, 6);
    ck_assert_mem_eq(tg_data(zz), ((double[]){5, 1}), 2 * sizeof(double));
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_view_is_told_its_own_size) {
    static const tg_op op = {.name = "every_second", .arity = 1, .infer = infer_every_second, .view = every_second};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          x = VECTOR(tape, 1, 2, 3, 4, 5);
    CHECK_F64(tg_record(tape, &op, 1, &x, NULL, 0), 1, 3, 5);
    ck_assert_int_eq(size_given, 3);
    tg_tape_free(tape);
}
END_TEST

/* Has no strides for what it was given, and so is copied. */
static bool no_strides(const tg_array *in, const void *attr, tg_array *out) {
    (void)in, (void)attr, (void)out;
    return false;
}

static tg_status infer_flat(tg_infer *call) {
    call->out = (tg_type){call->in[0].dtype, 1, call->dims};
    call->dims[0] = tgi_size(call->in[0].rank, call->in[0].dims);
    return TG_OK;
}

START_TEST(a_view_without_strides_is_a_copy) {
    static const tg_op op = {.name = "flat", .arity = 1, .infer = infer_flat, .view = no_strides};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          w = matrix_parameter(tape, "w"), t = tg_transpose(w, 0, 1), y = tg_record(tape, &op, 1, &t, NULL, 0);
    ck_assert(!tg_assign(w, tg_add(w, 1)));
    CHECK_F64(y, 1, 3, 2, 4);
    ck_assert(!tg_run_pending(tape) && !tg_run(tape));
    CHECK_F64(y, 2, 4, 3, 5);
    tg_tape_free(tape);
}
END_TEST

/* ---- a kernel's own memory --------------------------------------------------------------------------------------- */

static tg_status take_scratch(tg_kernel_call *call) {
    int   count = *(const int *)call->attr;
    char *scratch[64];
    for (int i = 0; i < count; i++) {
        scratch[i] = tg_scratch(call, (size_t)i * 100);
        if (!scratch[i]) return TG_ERR_MEMORY;
        ck_assert_uint_eq((uintptr_t)scratch[i] % 64, 0);
        memset(scratch[i], i, (size_t)i * 100);
    }
    for (int i = 1; i < count; i++)
        ck_assert(scratch[i][0] == i && scratch[i][i * 100 - 1] == i);
    *(double *)call->out.data = count;
    return TG_OK;
}

static tg_status infer_scalar(tg_infer *call) {
    call->out = (tg_type){TG_F64, 0, call->dims};
    return TG_OK;
}

START_TEST(scratch_memory_lasts_until_the_kernel_returns) {
    static const tg_op op = {.name = "scratch", .arity = 0, .infer = infer_scalar, .kernel = take_scratch};
    static const int   counts[] = {0, 1, 2, 8, 9, 20, 64};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          y = tg_record(tape, &op, 0, NULL, &counts[_i], sizeof(int));
    CHECK_F64(y, counts[_i]);
    ck_assert(!tg_run(tape)); /* which makes the plan */
    tgi_buffer *newest = tape->pool.all;
    for (int i = 0; i < 10; i++)
        ck_assert(!tg_run(tape));
    ck_assert_ptr_eq(tape->pool.all, newest);
    tg_tape_free(tape);
}
END_TEST

/* ---- what is refused --------------------------------------------------------------------------------------------- */

static tg_status infer_longer(tg_infer *call) {
    call->out = (tg_type){.dtype = call->in[0].dtype, .rank = 1, .dims = call->dims};
    call->dims[0] = call->in[0].dims[0] + 1;
    return TG_OK;
}

static tg_status infer_whole(tg_infer *call) {
    call->out = call->in[0];
    call->out.dtype = TG_I64;
    return TG_OK;
}

START_TEST(a_view_is_of_the_operands_own_elements) {
    static const tg_op longer = {.name = "longer", .arity = 1, .infer = infer_longer, .view = no_strides};
    static const tg_op whole = {.name = "whole", .arity = 1, .infer = infer_whole, .view = no_strides};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          x = VECTOR(tape, 1, 2);
    tg_mark            mark = tg_tape_mark(tape);
    tg_record(tape, &longer, 1, &x, NULL, 0);
    ck_assert_int_eq(tg_run(tape), TG_ERR_SHAPE);
    tg_clear_error(tape);
    ck_assert_int_eq(tg_discard(tape, mark), TG_OK);
    tg_record(tape, &whole, 1, &x, NULL, 0);
    ck_assert_int_eq(tg_run(tape), TG_ERR_DTYPE);
    tg_clear_error(tape);
    tg_tape_free(tape);
}
END_TEST

static void add_up(int64_t n, void *out, const void *const *in, const int64_t *step) {
    for (int64_t i = 0; i < n; i++) {
        ((double *)out)[i] = 0;
        for (int k = 0; k < TG_MAX_LOOP_OPERANDS; k++)
            ((double *)out)[i] += ((const double *)in[k])[i * step[k]];
    }
}

START_TEST(a_loop_has_eight_operands_at_most) {
    static const tg_loops loops = TG_LOOPS([TG_F64] = add_up);
    static const tg_op    op = {.name = "add_up", .arity = -1, .infer = tg_infer_elementwise, .loops = &loops};
    tg_tape              *tape = tg_tape_new();
    tg_tensor             x[9];
    for (int i = 0; i < 9; i++)
        x[i] = VECTOR(tape, i, 10 * i);
    CHECK_F64(tg_record(tape, &op, 8, x, NULL, 0), 28, 280);
    FAILS(tape, tg_record(tape, &op, 9, x, NULL, 0), TG_ERR_ARGUMENT,
          "add_up: an elementwise op takes 8 operands at most, not 9");
    tg_tape_free(tape);
}
END_TEST

START_TEST(nothing_can_be_borrowed_from_nowhere) {
    tg_tape *tape = tg_tape_new();
    ck_assert_int_eq(tg_size(tg_borrow(tape, TG_F64, TG_SHAPE(0, 2), NULL)), 0);
    ck_assert_int_eq(tg_size(tg_borrow_parameter(tape, "w", TG_F32, TG_SHAPE(0), NULL)), 0);
    CHECK_OK(tape);
    FAILS(tape, tg_borrow(tape, TG_F64, TG_SHAPE(1), NULL), TG_ERR_ARGUMENT, "borrow: the data is NULL");
    tg_tape_free(tape);
}
END_TEST

START_TEST(an_op_without_code_is_rejected_when_it_is_recorded) {
    static const tg_op op = {.name = "codeless", .arity = 0, .infer = infer_scalar};
    tg_tape           *tape = tg_tape_new();
    FAILS(tape, tg_record(tape, &op, 0, NULL, NULL, 0), TG_ERR_DTYPE, "codeless: the op has no code");
    tg_tape_free(tape);
}
END_TEST

/* ---- an update that fails each time ------------------------------------------------------------------------------ */

static tg_status always_fail(tg_kernel_call *call) {
    return tg_kernel_fail(call, "no luck today");
}

static const tg_op op_fail = {.name = "fail", .arity = 1, .infer = infer_same, .kernel = always_fail};

START_TEST(discard_is_the_way_out) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 2.0);
    tg_mark   mark = tg_tape_mark(tape);
    tg_assign(w, tg_record(tape, &op_fail, 1, &w, NULL, 0));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(tg_rewind(tape, mark), TG_ERR_VALUE);
        ck_assert_ptr_nonnull(strstr(tg_error(tape), "fail: no luck today"));
        tg_clear_error(tape);
    }
    ck_assert_int_eq(tg_discard(tape, mark), TG_OK);
    CHECK_F64(w, 2);
    tg_tape_free(tape);
}
END_TEST

START_TEST(discard_does_not_update_and_brings_gradients_back) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3.0);
    tg_backward(tg_square(w));
    tg_mark   mark = tg_tape_mark(tape);
    tg_tensor gone = tg_exp(w);
    tg_backward(gone);
    tg_sgd_step(tape, 0.1);
    ck_assert_int_eq(tg_discard(tape, mark), TG_OK);
    CHECK_F64(w, 3);
    CHECK_F64(tg_grad(w), 6);
    ck_assert(!tg_valid(gone));
    tg_mark early = {0};
    FAILS(tape, tg_discard(tape, early), TG_ERR_HANDLE, "discard: the mark is stale, or of another tape");
    ck_assert_int_eq(tg_discard(NULL, mark), TG_ERR_HANDLE);
    tg_tape_free(tape);
}
END_TEST

/* ---- kernels that go row by row ---------------------------------------------------------------------------------- */

/* (rows, m), (n) -> (rows, n): the sum of a row times each factor. */
static tg_status infer_sums(tg_infer *call) {
    call->out = (tg_type){.dtype = TG_F64, .rank = 2, .dims = call->dims};
    call->dims[0] = call->in[0].dims[0];
    call->dims[1] = call->in[1].dims[0];
    return TG_OK;
}

static tg_status sums_kernel(tg_kernel_call *call) {
    const double *x = call->in[0].data, *factor = call->in[1].data;
    double       *out = call->out.data;
    for (int64_t i = 0, m = call->in[0].dims[1]; i < call->in[0].dims[0]; i++, x += m) {
        double sum = 0;
        for (int64_t j = 0; j < m; j++)
            sum += x[j];
        for (int64_t j = 0; j < call->in[1].dims[0]; j++)
            *out++ = sum * factor[j];
    }
    return TG_OK;
}

static int one_axis(const tg_type *x, const void *attr) {
    (void)attr;
    return x[1].dims[0] > 1 ? 1 : -1;
}

static const tg_op op_sums = {.name = "sums", .arity = 2, .infer = infer_sums, .kernel = sums_kernel, .lead = one_axis};

START_TEST(an_op_with_several_operands_may_go_by_rows) {
    enum { ROWS = 5000 };
    tg_tape  *tape = tg_tape_new();
    double    values[ROWS * 2];
    tg_tensor factors = VECTOR(tape, 1, 10, 100);
    for (int i = 0; i < ROWS * 2; i++)
        values[i] = i;
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(ROWS, 2), values);
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED) && !tg_run(tape));
    tg_tensor y = tg_neg(tg_record(NULL, &op_sums, 2, ((tg_tensor[]){x, factors}), NULL, 0));
    ck_assert(!tg_keep(y) && !tg_run(tape));
    ck_assert_int_eq(tg_stats(tape).groups, 1);
    ck_assert_int_eq(tg_stats(tape).kernels, 0);
    const double *got_values = tg_data(y);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < 3; j++)
            ck_assert_double_eq(got_values[3 * i + j], -(4.0 * i + 1) * pow(10, j));
    tg_tape_free(tape);
}
END_TEST

/* ---- operands side by side ---------------------------------------------------------------------------------------- */

static tg_status infer_pair(tg_infer *call) {
    call->out = (tg_type){.dtype = call->in[0].dtype, .rank = 2, .dims = call->dims};
    call->dims[0] = call->in[0].dims[0];
    call->dims[1] = 2;
    return TG_OK;
}

static bool always(const tg_type *x, const void *attr) {
    (void)x, (void)attr;
    return true;
}

static const tg_op op_pair = {.name = "pair", .arity = 2, .infer = infer_pair, .kernel = always_fail, .side_by_side = always};

/* So the kernel is not called. */
START_TEST(what_stands_side_by_side_is_put_there_as_it_is_made) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, 2, 3), both[] = {tg_neg(x), tg_full(tape, TG_F64, TG_SHAPE(3), 7)};
    tg_tensor y = tg_record(NULL, &op_pair, 2, both, NULL, 0);
    CHECK_F64(y, -1, 7, -2, 7, -3, 7);
    ck_assert_int_eq(tg_stats(tape).groups, 1);
    ck_assert_int_eq(tg_stats(tape).kernels, 0);
    tg_tape_free(tape);
}
END_TEST

static void add_loop(int64_t n, void *out, const void *const *in, const int64_t *step) {
    for (int64_t i = 0; i < n; i++)
        ((double *)out)[i] = ((const double *)in[0])[i * step[0]] + ((const double *)in[1])[i * step[1]];
}

/* Of an elementwise op nobody asks. */
START_TEST(a_loop_puts_nothing_side_by_side) {
    static const tg_loops loops = TG_LOOPS([TG_F64] = add_loop);
    static const tg_op    op = {.name = "plus",
                                .arity = 2,
                                .infer = tg_infer_elementwise,
                                .loops = &loops,
                                .side_by_side = always};
    tg_tape              *tape = tg_tape_new();
    tg_tensor             both[] = {VECTOR(tape, 1, 2, 3), VECTOR(tape, 10, 20, 30)};
    CHECK_F64(tg_record(NULL, &op, 2, both, NULL, 0), 11, 22, 33);
    tg_tape_free(tape);
}
END_TEST

static bool at_second_thought(const tg_type *x, const void *attr) {
    static int asked;
    (void)x, (void)attr;
    return asked++ > 0;
}

static tg_status sum_of_both(tg_kernel_call *call) {
    *(double *)call->out.data = *(const double *)call->in[0].data + *(const double *)call->in[1].data;
    return TG_OK;
}

static tg_status infer_number(tg_infer *call) {
    call->out = (tg_type){.dtype = call->in[0].dtype, .rank = 0, .dims = call->dims};
    return TG_OK;
}

/* What it says later, and is not so, is not believed. */
START_TEST(an_op_that_changes_its_mind_is_a_kernel) {
    static const tg_op op = {.name = "both",
                             .arity = 2,
                             .infer = infer_number,
                             .kernel = sum_of_both,
                             .side_by_side = at_second_thought};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          both[] = {tg_neg(VECTOR(tape, 1, 2, 3)), tg_neg(VECTOR(tape, 10, 20, 30))};
    ck_assert_double_eq(tg_item(tg_record(NULL, &op, 2, both, NULL, 0)), -11);
    ck_assert_int_eq(tg_stats(tape).kernels, 1);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_does_not_is_refused) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor other[] = {VECTOR(tape, 1, 2, 3), VECTOR(tape, 1, 2)};
    ck_assert(!tg_valid(tg_record(NULL, &op_pair, 2, other, NULL, 0)));
    ck_assert_int_eq(tg_error_status(tape), TG_ERR_SHAPE);
    ck_assert_msg(strstr(tg_error(tape), "`side_by_side`") != NULL, "%s", tg_error(tape));
    tg_tape_free(tape);
}
END_TEST

static int no_axes(const tg_type *x, const void *attr) {
    (void)x, (void)attr;
    return -1;
}

/* Only a kernel that goes by rows promises not to fail. */
START_TEST(one_that_does_not_may_fail_though_nobody_wants_its_value) {
    static const tg_op op = {.name = "fail", .arity = 1, .infer = infer_same, .kernel = always_fail, .lead = no_axes};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          x = VECTOR(tape, 1, 2);
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED));
    tg_record(NULL, &op, 1, &x, NULL, 0);
    int  line = __LINE__ - 1;
    char text[200];
    snprintf(text, sizeof text, "%s:%d: fail: no luck today", __FILE__, line);
    ck_assert_int_eq(tg_run(tape), TG_ERR_VALUE);
    ck_assert_str_eq(tg_error(tape), text);
    tg_tape_free(tape);
}
END_TEST

/* ---- a random one --------------------------------------------------------------------------------------------------- */

static int drawn;

static void draw_f32(int64_t n, void *out, const void *const *in, const int64_t *step) {
    (void)in, (void)step;
    for (int64_t i = 0; i < n; i++)
        ((float *)out)[i] = (float)++drawn;
}

static void draw_f64(int64_t n, void *out, const void *const *in, const int64_t *step) {
    (void)in, (void)step;
    for (int64_t i = 0; i < n; i++)
        ((double *)out)[i] = ++drawn;
}

static const tg_loops loops_draw = TG_LOOPS([TG_F32] = draw_f32, [TG_F64] = draw_f64);
static const tg_op    op_draw = {"draw", 1, tg_infer_elementwise, .loops = &loops_draw, .random = true};

/* A read runs on to the next random op, and no further, however small the values are. */
START_TEST(a_read_stops_before_a_random_op) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = _i ? tg_full(tape, TG_F64, TG_SHAPE(_i), 2) : tg_full(tape, TG_F64, TG_SHAPE(), 2);
    tg_tensor y = tg_mul(x, 3), z = tg_record(NULL, &op_draw, 1, &y, NULL, 0), sum = tg_add(tg_sum(y), tg_sum(z));
    int       all = _i ? _i : 1;
    drawn = 0;
    ck_assert(tg_item(tg_sum(y)) == 6 * all);
    ck_assert_int_eq(drawn, all); /* the sum stands behind it */
    drawn = 0;
    tg_tensor a = tg_mul(x, 5), b = tg_record(NULL, &op_draw, 1, &a, NULL, 0);
    ck_assert(((const double *)tg_data(a))[0] == 10);
    ck_assert_int_eq(drawn, 0);
    ck_assert(((const double *)tg_data(b))[0] == 1 && ((const double *)tg_data(b))[0] == 1);
    ck_assert_int_eq(drawn, all);
    ck_assert(tg_item(sum) == 6 * all + all * (all + 1) / 2);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_own_op(void) {
    Suite *suite = suite_create("run/own op");
    TCase *operand = tcase_create("operands"), *view = tcase_create("view"), *scratch = tcase_create("scratch");
    TCase *random = tcase_create("random"), *refused = tcase_create("refused"), *rows = tcase_create("rows"),
          *discard = tcase_create("discard");
    tcase_add_test(operand, a_contiguous_operand_is_given_as_it_is);
    tcase_add_test(operand, any_other_operand_is_copied);
    tcase_add_test(operand, an_op_may_broadcast);
    suite_add_tcase(suite, operand);
    tcase_add_test(view, a_view_may_be_shorter_and_reversed);
    tcase_add_test(view, a_view_is_told_its_own_size);
    tcase_add_test(view, a_view_without_strides_is_a_copy);
    suite_add_tcase(suite, view);
    tcase_add_loop_test(scratch, scratch_memory_lasts_until_the_kernel_returns, 0, 7);
    suite_add_tcase(suite, scratch);
    tcase_add_test(refused, a_view_is_of_the_operands_own_elements);
    tcase_add_test(refused, a_loop_has_eight_operands_at_most);
    tcase_add_test(refused, nothing_can_be_borrowed_from_nowhere);
    tcase_add_test(refused, an_op_without_code_is_rejected_when_it_is_recorded);
    suite_add_tcase(suite, refused);
    tcase_add_test(rows, an_op_with_several_operands_may_go_by_rows);
    tcase_add_test(rows, what_stands_side_by_side_is_put_there_as_it_is_made);
    tcase_add_test(rows, a_loop_puts_nothing_side_by_side);
    tcase_add_test(rows, an_op_that_changes_its_mind_is_a_kernel);
    tcase_add_test(rows, what_does_not_is_refused);
    tcase_add_test(rows, one_that_does_not_may_fail_though_nobody_wants_its_value);
    suite_add_tcase(suite, rows);
    tcase_add_loop_test(random, a_read_stops_before_a_random_op, 0, 4);
    suite_add_tcase(suite, random);
    tcase_add_test(discard, discard_is_the_way_out);
    tcase_add_test(discard, discard_does_not_update_and_brings_gradients_back);
    suite_add_tcase(suite, discard);
    return suite;
}
