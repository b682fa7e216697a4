/* tests/core/test_promises.c: ops of the user's own that do not keep what they promise: an error each, whether the instruction is run by a
 * plan or by itself.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "support.h"

static tg_status infer_same(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

static tg_status zeros(tg_kernel_call *call) {
    memset(call->out.data, 0, (size_t)call->out.size * tg_dtype_size(call->out.dtype));
    return TG_OK;
}

static void neg_f64(int64_t n, void *out, const void *const *in, const int64_t *step) {
    for (int64_t i = 0; i < n; i++)
        ((double *)out)[i] = -((const double *)in[0])[i * step[0]];
}

/* ---- shape rules ------------------------------------------------------------------------------------------------- */

static tg_status no_dtype(tg_infer *call) {
    call->out.rank = 0;
    return TG_OK;
}
static tg_status no_rank(tg_infer *call) {
    call->out.dtype = TG_F64;
    return TG_OK;
}
static tg_status high_rank(tg_infer *call) {
    call->out = (tg_type){TG_F64, TG_MAX_RANK + 1, call->dims};
    return TG_OK;
}
static tg_status no_dims(tg_infer *call) {
    call->out = (tg_type){TG_F64, 2, NULL};
    return TG_OK;
}
static tg_status foreign_dims(tg_infer *call) {
    static const int64_t dims[] = {2, 3};
    call->out = (tg_type){TG_F64, 2, dims};
    return TG_OK;
}
static tg_status dims_past_the_end(tg_infer *call) {
    call->out = (tg_type){TG_F64, 2, call->in[0].dims + 1};
    return TG_OK;
}
static tg_status negative_size(tg_infer *call) {
    call->out = (tg_type){TG_F64, 1, call->dims};
    call->dims[0] = -1;
    return TG_OK;
}
static tg_status too_many_elements(tg_infer *call) {
    call->out = (tg_type){TG_F64, 2, call->dims};
    call->dims[0] = call->dims[1] = INT64_MAX;
    return TG_OK;
}
static tg_status no_words(tg_infer *call) {
    (void)call;
    return TG_ERR_SHAPE;
}
static tg_status unknown_status(tg_infer *call) {
    (void)call;
    return (tg_status)77;
}
static tg_status refused_with_ok(tg_infer *call) {
    call->out = call->in[0];
    return tg_refuse(call, TG_OK, "all is well");
}
static tg_status refused_and_ok(tg_infer *call) {
    tg_refuse(call, TG_ERR_SHAPE, "but goes on");
    call->out = call->in[0];
    return TG_OK;
}
static tg_status scribbling(tg_infer *call) {
    call->out = call->in[0];
    call->count = 1000;
    call->in = NULL;
    call->op = NULL;
    call->tape = NULL;
    return TG_OK;
}
static tg_status some_of_the_dims(tg_infer *call) {
    call->out = (tg_type){TG_F64, 1, call->in[0].dims + 1};
    return TG_OK;
}

START_TEST(shape_rules) {
    static const struct {
        tg_status (*infer)(tg_infer *call);
        tg_status   status;
        const char *text;
    } cases[] = {{no_dtype, TG_ERR_DTYPE, "op: (2, 3): the op's shape rule gives no dtype"},
                 {no_rank, TG_ERR_SHAPE, "op: (2, 3): the result would have -1 axes"},
                 {high_rank, TG_ERR_SHAPE, "op: (2, 3): the result would have 9 axes"},
                 {no_dims, TG_ERR_SHAPE, "op: (2, 3): the op's shape rule gives no sizes"},
                 {foreign_dims, TG_ERR_SHAPE, "op: (2, 3): the op's shape rule gives no sizes"},
                 {dims_past_the_end, TG_ERR_SHAPE, "op: (2, 3): the op's shape rule gives no sizes"},
                 {negative_size, TG_ERR_SHAPE, "op: (2, 3): the result would have a negative size"},
                 {too_many_elements, TG_ERR_SHAPE, "op: (2, 3): the result would have a negative size, or too many"},
                 {no_words, TG_ERR_SHAPE, "op: (2, 3): the op refuses them"},
                 {unknown_status, TG_ERR_ARGUMENT, "op: (2, 3): the op refuses them"},
                 {refused_with_ok, TG_ERR_ARGUMENT, "op: (2, 3): all is well"},
                 {refused_and_ok, TG_ERR_SHAPE, "op: (2, 3): but goes on"}};
    tg_tape *tape = tg_tape_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tg_op     op = {"op", 1, cases[i].infer, .kernel = zeros};
        tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1);
        int64_t   count = tg_instruction_count(tape);
        if (cases[i].status == TG_ERR_DTYPE)
            FAILS(tape, tg_record(tape, &op, 1, &x, NULL, 0), TG_ERR_DTYPE, "op: float64 (2, 3): ");
        else
            FAILS(tape, tg_record(tape, &op, 1, &x, NULL, 0), cases[i].status, cases[i].text);
        ck_assert_int_eq(tg_instruction_count(tape), count);
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(shape_rules_that_are_odd_and_right) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1);
    tg_op     scribbles = {"scribbles", 1, scribbling, .kernel = zeros}, some = {"some", 1, some_of_the_dims, .kernel = zeros};
    CHECK_F64(tg_record(tape, &scribbles, 1, &x, NULL, 0), 0, 0, 0, 0, 0, 0);
    CHECK_F64(tg_record(tape, &some, 1, &x, NULL, 0), 0, 0, 0);
    tg_tape_free(tape);
}
END_TEST

/* ---- code -------------------------------------------------------------------------------------------------------- */

static int nine(const tg_type *x, const void *attr) {
    (void)x, (void)attr;
    return 9;
}
static int minus_seven(const tg_type *x, const void *attr) {
    (void)x, (void)attr;
    return -7;
}
static int one(const tg_type *x, const void *attr) {
    (void)x, (void)attr;
    return 1;
}
static void take_nothing(tg_dtype dtype, int64_t rows, int64_t n, const void *x, bool add, void *partial) {
    (void)dtype, (void)rows, (void)n, (void)x, (void)add, (void)partial;
}
static void total_nothing(tg_dtype dtype, int64_t blocks, int64_t n, void *partial, void *out) {
    (void)dtype, (void)blocks, (void)n, (void)partial, (void)out;
}
static tg_status infer_other_rows(tg_infer *call) {
    call->out = (tg_type){TG_F64, 2, call->dims};
    call->dims[0] = 5;
    call->dims[1] = 3;
    return TG_OK;
}
static tg_status infer_bool(tg_infer *call) {
    call->out = call->in[0];
    call->out.dtype = TG_BOOL;
    return TG_OK;
}
static bool view_same(const tg_array *in, const void *attr, tg_array *out) {
    (void)attr;
    out->data = in->data;
    memcpy(out->strides, in->strides, sizeof out->strides);
    return true;
}

static const tg_loops f32_loops = {1, {[TG_F32] = neg_f64}}, f64_loops = TG_LOOPS([TG_F64] = neg_f64),
                      many_loops = {99, {[TG_F64] = neg_f64}};
static const tg_block_reduce nothing = {take_nothing, total_nothing};

START_TEST(what_recording_can_know) {
    static const struct {
        tg_op       op;
        int         count;
        tg_status   status;
        const char *text;
    } cases[] =
        {{{NULL, 1, infer_same, .kernel = zeros}, 1, TG_ERR_ARGUMENT, "record: the op is NULL, or has no name"},
         {{.name = "op", .arity = 1, .infer = infer_same}, 1, TG_ERR_DTYPE, "op: float64 (2, 3): the op has no code"},
         {{"op", 1, infer_same, .loops = &f32_loops}, 1, TG_ERR_DTYPE, "op: float64 (2, 3): the op has no code"},
         {{"op", -1, infer_other_rows, .loops = &f64_loops}, 0, TG_ERR_DTYPE, "op: the op has no code"},
         {{"op", 1, infer_other_rows, .loops = &f64_loops}, 1, TG_ERR_SHAPE, "op: (2, 3): operand 1 does not broadcast"},
         {{"op", -1, infer_other_rows, .view = view_same}, 0, TG_ERR_ARGUMENT, "op: a view has an operand"},
         {{"op", 1, infer_bool, .view = view_same}, 1, TG_ERR_DTYPE, "op: float64 (2, 3): a view cannot change the dtype"},
         {{"op", 1, infer_same, .kernel = zeros, .lead = nine}, 1, TG_ERR_SHAPE, "op: (2, 3): the op's `lead`"},
         {{"op", 1, infer_same, .kernel = zeros, .lead = minus_seven}, 1, TG_ERR_SHAPE, "op: (2, 3): the op's `lead`"},
         {{"op", 1, infer_other_rows, .kernel = zeros, .lead = one}, 1, TG_ERR_SHAPE, "op: (2, 3): the op's `lead`"},
         {{"op", 1, infer_same, .kernel = zeros, .reduced = nine, .block_reduce = &nothing},
          1,
          TG_ERR_SHAPE,
          "op: (2, 3): the op's `red"},
         {{"op", 1, infer_same, .kernel = zeros, .reduced = one, .block_reduce = &nothing},
          1,
          TG_ERR_SHAPE,
          "op: (2, 3): the op's `red"},
         {{"op", 1, infer_same, .kernel = zeros, .effect = TG_ASSIGNS}, 1, TG_ERR_ARGUMENT, "op: only tg_assign"}};
    tg_tape *tape = tg_tape_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1);
        FAILS(tape, tg_record(tape, &cases[i].op, cases[i].count, &x, NULL, 0), cases[i].status, cases[i].text);
    }
    tg_op     many = {"many", 1, infer_same, .loops = &many_loops};
    tg_tensor n = tg_full(tape, TG_I64, TG_SHAPE(2), 1), x = VECTOR(tape, 1, 2);
    FAILS(tape, tg_record(tape, &many, 1, &n, NULL, 0), TG_ERR_DTYPE, "many: int64 (2): the op has no code");
    CHECK_F64(tg_record(tape, &many, 1, &x, NULL, 0), -1, -2);
    tg_tape_free(tape);
}
END_TEST

START_TEST(arrays_and_attributes_that_are_null) {
    static const tg_op op = {"op", -1, infer_same, .kernel = zeros};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          x = VECTOR(tape, 1, 2);
    FAILS(tape, tg_record(tape, &op, 2, NULL, NULL, 0), TG_ERR_ARGUMENT, "op: the array of 2 operands is NULL");
    FAILS(tape, tg_record(tape, &op, 1, &x, NULL, 8), TG_ERR_ARGUMENT, "op: the attributes are NULL, or too large: 8 bytes");
    FAILS(tape, tg_record(tape, &op, 1, &x, &x, SIZE_MAX), TG_ERR_ARGUMENT, "op: the attributes are NULL, or too large");
    tg_tape_free(tape);
}
END_TEST

/* ---- views ------------------------------------------------------------------------------------------------------- */

static int64_t view_offset, view_stride;

/* The two elements of the view, in memory of four. */
static tg_status infer_two(tg_infer *call) {
    call->out = (tg_type){call->in[0].dtype, 1, call->dims};
    call->dims[0] = 2;
    return TG_OK;
}
static bool view_of_two(const tg_array *in, const void *attr, tg_array *out) {
    (void)attr;
    out->data = (char *)in->data + view_offset;
    out->strides[0] = view_stride;
    return true;
}
static bool view_of_other_size(const tg_array *in, const void *attr, tg_array *out) {
    (void)attr;
    view_same(in, attr, out);
    out->size = 1000;
    out->rank = 8;
    out->dims[0] = 1000;
    return true;
}
static bool no_view(const tg_array *in, const void *attr, tg_array *out) {
    (void)in, (void)attr, (void)out;
    return false;
}

static void check_view(bool eager, int64_t offset, int64_t stride, bool good) {
    static const tg_op op = {"two", 1, infer_two, .view = view_of_two};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          x = tg_neg(VECTOR(tape, -1, -2, -3, -4));
    double             room[2];
    tg_set_eager(tape, eager);
    view_offset = offset;
    view_stride = stride;
    tg_tensor z = tg_exp(tg_record(tape, &op, 1, &x, NULL, 0));
    ck_assert_int_eq(tg_read(z, room, 2), good ? TG_OK : TG_ERR_SHAPE);
    if (!good) ck_assert_ptr_nonnull(strstr(tg_error(tape), "two: the op's view shows what its operand has not"));
    tg_tape_free(tape);
}

START_TEST(views_stay_inside) {
    for (int eager = 0; eager < 2; eager++) {
        check_view(eager, 0, 1, true);
        check_view(eager, 16, 1, true);
        check_view(eager, 24, -3, true);
        check_view(eager, 24, 0, true);
        check_view(eager, 24, 1, false);
        check_view(eager, 0, -1, false);
        check_view(eager, -8, 1, false);
        check_view(eager, 0, 4, false);
        check_view(eager, 4, 1, false);
        check_view(eager, 0, INT64_MAX, false);
        check_view(eager, 0, INT64_MIN, false);
        check_view(eager, INT64_MAX - 7, 1, false);
    }
}
END_TEST

START_TEST(views_fill_in_no_more_than_they_should) {
    static const tg_op other = {"other", 1, infer_same, .view = view_of_other_size},
                       none = {"none", 1, infer_two, .view = no_view};
    for (int eager = 0; eager < 2; eager++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor x = tg_neg(VECTOR(tape, -1, -2, -3, -4));
        tg_set_eager(tape, eager);
        CHECK_F64(tg_neg(tg_record(tape, &other, 1, &x, NULL, 0)), -1, -2, -3, -4);
        tg_exp(tg_record(tape, &none, 1, &x, NULL, 0));
        ck_assert_int_eq(tg_run(tape), TG_ERR_SHAPE);
        tg_tape_free(tape);
    }
}
END_TEST

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

static tg_status a_status;

static tg_status kernel_of_any_status(tg_kernel_call *call) {
    zeros(call);
    return a_status;
}
static tg_status kernel_that_fails_with(tg_kernel_call *call) {
    return tg_kernel_fail_with(call, a_status, "it is %g too late", 1.5);
}
static tg_status kernel_with_a_wrong_operand(tg_kernel_call *call) {
    ck_assert_ptr_null(tg_contiguous(call, call->count));
    return TG_ERR_ARGUMENT;
}

START_TEST(kernels_of_any_status) {
    static const tg_op ops[] = {{"op", 1, infer_same, .kernel = kernel_of_any_status},
                                {"op", 1, infer_same, .kernel = kernel_that_fails_with}};
    static const int   statuses[] = {TG_ERR_NUMERIC, TG_ERR_CANCELLED, TG_ERR_CANCELLED + 1, 1000, -1};
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < sizeof statuses / sizeof *statuses; k++) {
            tg_tape  *tape = tg_tape_new();
            tg_tensor x = VECTOR(tape, 1, 2);
            a_status = (tg_status)statuses[k];
            tg_exp(tg_record(tape, &ops[i], 1, &x, NULL, 0));
            tg_status right = k < 2 ? (tg_status)statuses[k] : TG_ERR_ARGUMENT;
            ck_assert_int_eq(tg_run(tape), right);
            ck_assert_int_eq(tg_error_status(tape), right);
            ck_assert_ptr_nonnull(strstr(tg_error(tape), i ? "op: it is 1.5 too late" : "op: the op's kernel failed"));
            tg_tape_free(tape);
        }
}
END_TEST

START_TEST(an_operand_that_there_is_not) {
    static const tg_op op = {"op", 1, infer_same, .kernel = kernel_with_a_wrong_operand};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          x = VECTOR(tape, 1, 2);
    tg_record(tape, &op, 1, &x, NULL, 0);
    ck_assert_int_eq(tg_run(tape), TG_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "op: it asks for operand 1 of 1"));
    tg_tape_free(tape);
}
END_TEST

Suite *suite_promises(void) {
    Suite *suite = suite_create("core/promises");
    TCase *broken = tcase_create("broken");
    tcase_add_test(broken, shape_rules);
    tcase_add_test(broken, shape_rules_that_are_odd_and_right);
    tcase_add_test(broken, what_recording_can_know);
    tcase_add_test(broken, arrays_and_attributes_that_are_null);
    tcase_add_test(broken, views_stay_inside);
    tcase_add_test(broken, views_fill_in_no_more_than_they_should);
    tcase_add_test(broken, kernels_of_any_status);
    tcase_add_test(broken, an_operand_that_there_is_not);
    suite_add_tcase(suite, broken);
    return suite;
}
