/* tests/core/test_record.c: how an instruction gets onto the tape: operands, plain numbers, shape rules, attributes, ops of the
 * user's own, and that a step recorded again takes no more memory.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <math.h>
#include <string.h>

#include "core/tape.h"

/* ---- plain numbers among the operands ---------------------------------------------------------------------------- */

START_TEST(a_number_stands_in_every_position) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, -2);
    CHECK_F64(tg_sub(1, x), 0, 3);
    CHECK_F64(tg_sub(x, 1), 0, -3);
    CHECK_F64(tg_where(tg_lt(x, 0), 7, x), 1, 7);
    CHECK_F64(tg_where(tg_gt(0, x), x, 7.5f), 7.5, -2);
    CHECK_F64(tg_matmul(x, x), 5);
    CHECK_F64(tg_add(tg_num(0.5), x), 1.5, -1.5);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_number_takes_the_dtype_beside_it) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor f = tg_full(tape, TG_F32, TG_SHAPE(), 1), i = tg_full(tape, TG_I64, TG_SHAPE(), 1), b = tg_eq(i, 1);
    ck_assert_int_eq(tg_dtype_of(tg_add(0.1, f)), TG_F32);
    ck_assert(tg_item(tg_add(0.1, f)) == (double)(0.1f + 1));
    ck_assert_int_eq(tg_dtype_of(tg_mul(3, i)), TG_I64);
    ck_assert_int_eq(tg_dtype_of(tg_where(b, 1, f)), TG_F32);
    ck_assert_int_eq(tg_dtype_of(tg_where(b, i, 2)), TG_I64);
    ck_assert_int_eq(tg_dtype_of(tg_where(b, b, 0)), TG_BOOL);
    ck_assert(tg_item(tg_eq(b, 1)) == 1 && tg_item(tg_ne(true, b)) == 0);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_number_that_the_dtype_does_not_hold_is_an_error) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor i = tg_full(tape, TG_I64, TG_SHAPE(), 1), b = tg_eq(i, 1);
    FAILS(tape, tg_add(i, 1.5), TG_ERR_DTYPE, "add: the number 1.5 is no int64");
    FAILS(tape, tg_add(0x1p63, i), TG_ERR_DTYPE, "add: the number 9.2233720368547758e+18 is no int64");
    FAILS(tape, tg_maximum(i, NAN), TG_ERR_DTYPE, "maximum: the number ");
    FAILS(tape, tg_eq(b, 2), TG_ERR_DTYPE, "eq: the number 2 is no bool");
    FAILS(tape, tg_where(0.5, b, b), TG_ERR_DTYPE, "where: the number 0.5 is no bool");
    ck_assert_int_eq(tg_instruction_count(tape), 3);
    tg_tape_free(tape);
}
END_TEST

START_TEST(dtypes_never_mix) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x[TG_DTYPES];
    for (int i = 0; i < TG_DTYPES; i++)
        x[i] = tg_full(tape, (tg_dtype)i, TG_SHAPE(2), 1);
    for (int i = 0; i < TG_DTYPES; i++)
        for (int j = 0; j < TG_DTYPES; j++) {
            tg_tensor y = tg_eq(x[i], x[j]);
            ck_assert_int_eq(tg_valid(y), i == j);
            if (i == j) continue;
            ck_assert_ptr_nonnull(strstr(tg_error(tape), tg_dtype_name((tg_dtype)i)));
            ck_assert_ptr_nonnull(strstr(tg_error(tape), tg_dtype_name((tg_dtype)j)));
            ck_assert_ptr_nonnull(strstr(tg_error(tape), "tg_cast"));
            CHECK_ERROR_TEXT(tape, TG_ERR_DTYPE, "");
        }
    tg_tape_free(tape);
}
END_TEST

/* clang-format off */
/* The conversion of plain numbers must not double the text at each level. */
START_TEST(forty_levels_of_nesting_compile) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 5);
    CHECK_F64(tg_neg(tg_neg(tg_neg(tg_neg(tg_neg(tg_neg(tg_neg(tg_neg(tg_neg(tg_neg(
              tg_neg(tg_neg(tg_neg(tg_neg(tg_neg(tg_neg(tg_neg(tg_neg(tg_neg(tg_neg(
              tg_add(1, tg_add(1, tg_add(1, tg_add(1, tg_add(1, tg_add(1, tg_add(1, tg_add(1, tg_add(1, tg_add(1,
              tg_add(tg_add(tg_add(tg_add(tg_add(tg_add(tg_add(tg_add(tg_add(tg_add(x,
              1), 1), 1), 1), 1), 1), 1), 1), 1), 1))))))))))))))))))))))))))))))),
              25);
    tg_tape_free(tape);
}
END_TEST

/* clang-format on */

static tg_tensor counted(tg_tensor x, int *count) {
    ++*count;
    return x;
}

START_TEST(each_argument_is_evaluated_once) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, 2);
    int       count = 0;
    tg_neg(counted(x, &count));
    tg_add(counted(x, &count), counted(x, &count));
    tg_where(counted(tg_lt(x, 1), &count), counted(x, &count), counted(x, &count));
    tg_reshape(counted(x, &count), TG_SHAPE((count++, 2)));
    tg_parameter((count++, tape), "p", counted(x, &count));
    ck_assert_int_eq(count, 10);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- broadcasting ------------------------------------------------------------------------------------------------ */

START_TEST(shapes_broadcast_up_to_rank_8) {
#define NONE \
    { \
        TG_MAX_RANK + 1, { \
            0 \
        } \
    }
    static const struct {
        tg_shape a, b, out;
    } rows[] = {
        {{0, {0}}, {0, {0}}, {0, {0}}},
        {{0, {0}}, {2, {2, 3}}, {2, {2, 3}}},
        {{1, {3}}, {2, {2, 3}}, {2, {2, 3}}},
        {{2, {2, 1}}, {1, {3}}, {2, {2, 3}}},
        {{1, {0}}, {1, {1}}, {1, {0}}},
        {{1, {0}}, {2, {5, 1}}, {2, {5, 0}}},
        {{1, {0}}, {0, {0}}, {1, {0}}},
        {{3, {1, 1, 1}}, {0, {0}}, {3, {1, 1, 1}}},
        {{8, {2, 1, 2, 1, 2, 1, 2, 1}}, {8, {1, 2, 1, 2, 1, 2, 1, 2}}, {8, {2, 2, 2, 2, 2, 2, 2, 2}}},
        {{8, {1, 1, 1, 1, 1, 1, 1, 3}}, {1, {3}}, {8, {1, 1, 1, 1, 1, 1, 1, 3}}},
        {{1, {2}}, {1, {3}}, NONE},
        {{2, {2, 3}}, {1, {2}}, NONE},
        {{2, {2, 3}}, {2, {3, 2}}, NONE},
        {{1, {0}}, {1, {2}}, NONE},
        {{3, {4, 2, 3}}, {2, {4, 3}}, NONE},
    };
    tg_tape *tape = tg_tape_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tg_tensor a = tg_full(tape, TG_F64, rows[i].a, 1), b = tg_full(tape, TG_F64, rows[i].b, 2);
        for (int swap = 0; swap < 2; swap++) {
            tg_tensor y = swap ? tg_add(b, a) : tg_add(a, b);
            if (rows[i].out.rank > TG_MAX_RANK) {
                CHECK_ERROR_TEXT(tape, TG_ERR_SHAPE, __FILE__);
                continue;
            }
            CHECK_OK(tape);
            ck_assert(tg_shape_equal(tg_shape_of(y), rows[i].out));
        }
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(rank_9_is_refused) {
    tg_tape *tape = tg_tape_new();
    tg_shape nine = TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1);
    FAILS(tape, tg_full(tape, TG_F64, nine, 1), TG_ERR_SHAPE, "full: a shape has at most 8 axes");
    FAILS(tape, tg_input(tape, NULL, TG_F64, nine), TG_ERR_SHAPE, "input: ");
    FAILS(tape, tg_reshape(VECTOR(tape, 1), nine), TG_ERR_SHAPE, "reshape: ");
    FAILS(tape, tg_broadcast_to(VECTOR(tape, 1), nine), TG_ERR_SHAPE, "broadcast_to: ");
    tg_tensor eight = tg_full(tape, TG_F64, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 3);
    CHECK_F64(tg_neg(eight), -3);
    tg_tape_free(tape);
}
END_TEST

/* ---- ops of the user's own --------------------------------------------------------------------------------------- */

/* sum over the operands, each a vector of the same size, of weight^k times operand k; with a weight from attr. */
static tg_status infer_like_first(tg_infer *call) {
    call->out = (tg_type){TG_F64, call->count ? call->in[0].rank : 0, call->count ? call->in[0].dims : call->dims};
    return TG_OK;
}

static tg_status weigh(tg_kernel_call *call) {
    double *out = call->out.data, weight = call->attr ? *(const double *)call->attr : 1, power = 1;
    memset(out, 0, (size_t)call->out.size * sizeof *out);
    for (int k = 0; k < call->count; k++, power *= weight)
        for (int64_t i = 0; i < call->out.size; i++)
            out[i] += power * ((const double *)call->in[k].data)[i * (call->in[k].rank ? call->in[k].strides[0] : 0)];
    return TG_OK;
}

static const tg_op op_weigh = {.name = "weigh", .arity = -1, .infer = infer_like_first, .kernel = weigh};

START_TEST(an_op_takes_any_number_of_operands) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x[300];
    double    weight = 1;
    for (int n = 0; n < 300; n += n < 20 ? 1 : 93) {
        for (int i = 0; i < n; i++)
            x[i] = tg_full(tape, TG_F64, TG_SHAPE(3), i + 1);
        tg_tensor y = tg_record(tape, &op_weigh, n, x, &weight, sizeof weight);
        double    sum = n * (n + 1) / 2;
        if (n) CHECK_F64(y, sum, sum, sum);
        if (!n) CHECK_F64(y, 0);
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(attributes_are_copied) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x[] = {VECTOR(tape, 1, 2), VECTOR(tape, 3, 4)};
    double    weight = 10;
    tg_tensor y = tg_record(tape, &op_weigh, 2, x, &weight, sizeof weight);
    weight = -1;
    x[0] = x[1];
    CHECK_F64(y, 31, 42);
    CHECK_F64(tg_record(tape, &op_weigh, 2, x, NULL, 0), 6, 8);
    CHECK_F64(tg_record(NULL, &op_weigh, 2, x, NULL, 0), 6, 8);
    tg_tape_free(tape);
}
END_TEST

START_TEST(an_op_with_numbers_alone_needs_a_tensor) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x[] = {tg_num(1), tg_num(2)};
    FAILS(tape, tg_record(tape, &op_weigh, 2, x, NULL, 0), TG_ERR_ARGUMENT, "weigh: no operand is a tensor");
    ck_assert(!tg_valid(tg_record(NULL, &op_weigh, 2, x, NULL, 0)));
    x[0] = tg_full(tape, TG_F64, TG_SHAPE(), 40);
    CHECK_F64(tg_record(tape, &op_weigh, 2, x, NULL, 0), 42);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_is_no_op_is_refused) {
    static const tg_op no_rule = {.name = "no_rule", .arity = 1, .kernel = weigh};
    static const tg_op two = {.name = "two", .arity = 2, .infer = infer_like_first, .kernel = weigh};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          x[3] = {VECTOR(tape, 1), VECTOR(tape, 2), VECTOR(tape, 3)};
    FAILS(tape, tg_record(tape, NULL, 1, x, NULL, 0), TG_ERR_ARGUMENT, "record: ");
    FAILS(tape, tg_record(tape, &no_rule, 1, x, NULL, 0), TG_ERR_ARGUMENT, "no_rule: ");
    FAILS(tape, tg_record(tape, &two, 1, x, NULL, 0), TG_ERR_ARGUMENT, "two: ");
    FAILS(tape, tg_record(tape, &two, 3, x, NULL, 0), TG_ERR_ARGUMENT, "two: ");
    FAILS(tape, tg_record(tape, &two, -1, x, NULL, 0), TG_ERR_ARGUMENT, "two: ");
    FAILS(tape, tg_record(tape, &op_weigh, -1, x, NULL, 0), TG_ERR_ARGUMENT, "weigh: ");
    ck_assert_int_eq(tg_instruction_count(tape), 3);
    tg_tape_free(tape);
}
END_TEST

/* A shape rule of each bad kind; attr says which. */
static tg_status infer_badly(tg_infer *call) {
    call->out = call->in[0];
    switch (*(const int *)call->attr) {
    case 0: return tg_refuse(call, TG_ERR_SHAPE, "rank %d is odd", call->in[0].rank);
    case 1: return TG_ERR_VALUE;
    case 2: call->out.dtype = TG_DTYPES; break;
    case 3: call->out.rank = TG_MAX_RANK + 1; break;
    case 4: call->out.rank = -1; break;
    case 5: call->out.dims = call->dims, call->dims[0] = -5; break;
    case 6: call->out.dims = call->dims, call->dims[0] = INT64_MAX; break;
    case 7: tg_refuse(call, TG_ERR_SHAPE, "whatever the rule returns"); break;
    }
    return TG_OK;
}

START_TEST(a_bad_shape_rule_records_nothing) {
    static const tg_op bad = {.name = "bad", .arity = 2, .infer = infer_badly, .kernel = weigh};
    static const struct {
        tg_status   status;
        const char *text;
    } rows[] = {{TG_ERR_SHAPE, "bad: (1) x (): rank 1 is odd"},
                {TG_ERR_VALUE, "bad: (1) x (): "},
                {TG_ERR_DTYPE, "bad: float64 (1) x float64 (): "},
                {TG_ERR_SHAPE, "bad: (1) x (): "},
                {TG_ERR_SHAPE, "bad: (1) x (): "},
                {TG_ERR_SHAPE, "bad: (1) x (): "},
                {TG_ERR_SHAPE, "bad: (1) x (): "},
                {TG_ERR_SHAPE, "bad: (1) x (): whatever the rule returns"}};
    tg_tape  *tape = tg_tape_new();
    tg_tensor x[] = {VECTOR(tape, 1), tg_num(2)}, y = {0};
    FAILS(tape, y = tg_record(tape, &bad, 2, x, &_i, sizeof _i), rows[_i].status, rows[_i].text);
    ck_assert(!tg_valid(y));
    ck_assert_int_eq(tg_instruction_count(tape), 1);
    CHECK_F64(tg_neg(x[0]), -1);
    tg_tape_free(tape);
}
END_TEST

/* Elementwise, but nobody says with how many operands. */
static void add_all(int64_t n, void *out, const void *const *in, const int64_t *step) {
    for (int64_t i = 0; i < n; i++)
        ((double *)out)[i] = ((const double *)in[0])[i * step[0]];
}

START_TEST(an_elementwise_op_of_no_operands_is_refused) {
    static const tg_loops loops = TG_LOOPS([TG_F64] = add_all);
    static const tg_op    any = {.name = "any", .arity = -1, .infer = tg_infer_elementwise, .loops = &loops};
    tg_tape              *tape = tg_tape_new();
    VECTOR(tape, 1, 2);
    tg_tensor y = tg_record(tape, &any, 0, NULL, NULL, 0);
    ck_assert(!tg_valid(y) && tg_error_status(tape) != TG_OK);
    tg_tape_free(tape);
}
END_TEST

/* A result whose sizes are an operand's, one of another operand's, or new ones. */
static tg_status infer_tail(tg_infer *call) {
    call->out = (tg_type){TG_F64, call->in[1].rank - 1, call->in[1].dims + 1};
    return TG_OK;
}

static tg_status fill_with_rank(tg_kernel_call *call) {
    for (int64_t i = 0; i < call->out.size; i++)
        ((double *)call->out.data)[i] = (double)call->in[1].dims[0];
    return TG_OK;
}

START_TEST(a_result_may_have_a_part_of_an_operands_sizes) {
    static const tg_op tail = {.name = "tail", .arity = 2, .infer = infer_tail, .kernel = fill_with_rank};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          x[] = {VECTOR(tape, 1), tg_full(tape, TG_F64, TG_SHAPE(7, 2, 1), 0)};
    tg_tensor          y = tg_record(tape, &tail, 2, x, NULL, 0);
    ck_assert(tg_shape_equal(tg_shape_of(y), TG_SHAPE(2, 1)));
    CHECK_F64(tg_neg(y), -7, -7);
    tg_tape_free(tape);
}
END_TEST

/* ---- long tapes, and the same again ------------------------------------------------------------------------------ */

START_TEST(a_million_instructions) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 0), y = x;
    tg_mark   mark = tg_tape_mark(tape);
    for (int pass = 0; pass < 2; pass++) {
        y = x;
        for (int i = 0; i < 500000; i++)
            y = tg_add(y, 1);
        ck_assert_int_eq(tg_instruction_count(tape), 1000001);
        CHECK_F64(y, 500000);
        uint32_t segments = tape->chunk_count;
        ck_assert(!tg_rewind(tape, mark) && !tg_valid(y) && tape->chunk_count == segments);
    }
    CHECK_F64(x, 0);
    tg_tape_free(tape);
}
END_TEST

/* One step of everything that takes memory: views, copies of views, gradients, updates, names, numbers. */
static const void *record_step(tg_tape *tape, tg_tensor w, int step) {
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(3, 4));
    tg_tensor y = tg_matmul(tg_transpose(w, 0, 1), tg_reshape(tg_transpose(x, 0, 1), TG_SHAPE(3, 4)));
    tg_tensor loss = tg_sum(tg_square(tg_add(y, step)));
    ck_assert(!tg_backward(loss) && !tg_sgd_step(tape, 1e-9) && !tg_write(x, tg_peek(w), 12));
    ck_assert(isfinite(tg_item(loss)) && !tg_run_pending(tape) && tg_data(tg_transpose(w, 0, 1)));
    ck_assert(!tg_assign(w, tg_reshape(tg_transpose(w, 0, 1), TG_SHAPE(3, 4))));
    return tgi_node_at(tape, tape->count - 1)->in;
}

START_TEST(a_step_recorded_again_takes_no_more_memory) {
    tg_tape    *tape = tg_tape_new();
    tg_tensor   w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(3, 4), 0.5));
    tg_mark     mark = tg_tape_mark(tape);
    tgi_buffer *newest = NULL;
    const void *last = NULL;
    for (int step = 0; step < 1000; step++) {
        const void *block = record_step(tape, w, step % 3);
        ck_assert(!tg_rewind(tape, mark));
        if (step > 1) {
            ck_assert_ptr_eq(tape->pool.all, newest);
            ck_assert_ptr_eq(block, last);
            ck_assert_uint_eq(tape->chunk_count, 1);
        }
        newest = tape->pool.all;
        last = block;
    }
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_record(void) {
    Suite *suite = suite_create("core/record");
    TCase *number = tcase_create("number"), *shape = tcase_create("shape"), *op = tcase_create("op"),
          *size = tcase_create("size");
    tcase_add_test(number, a_number_stands_in_every_position);
    tcase_add_test(number, a_number_takes_the_dtype_beside_it);
    tcase_add_test(number, a_number_that_the_dtype_does_not_hold_is_an_error);
    tcase_add_test(number, dtypes_never_mix);
    tcase_add_test(number, forty_levels_of_nesting_compile);
    tcase_add_test(number, each_argument_is_evaluated_once);
    suite_add_tcase(suite, number);
    tcase_add_test(shape, shapes_broadcast_up_to_rank_8);
    tcase_add_test(shape, rank_9_is_refused);
    suite_add_tcase(suite, shape);
    tcase_add_test(op, an_op_takes_any_number_of_operands);
    tcase_add_test(op, attributes_are_copied);
    tcase_add_test(op, an_op_with_numbers_alone_needs_a_tensor);
    tcase_add_test(op, what_is_no_op_is_refused);
    tcase_add_loop_test(op, a_bad_shape_rule_records_nothing, 0, 8);
    tcase_add_test(op, an_elementwise_op_of_no_operands_is_refused);
    tcase_add_test(op, a_result_may_have_a_part_of_an_operands_sizes);
    suite_add_tcase(suite, op);
    tcase_set_timeout(size, 60);
    tcase_add_test(size, a_million_instructions);
    tcase_add_test(size, a_step_recorded_again_takes_no_more_memory);
    suite_add_tcase(suite, size);
    return suite;
}
