/* tests/grad/test_parts.c: gradients of many parts of one value: that they are right, of any order, and cost what the parts hold,
 * which is counted.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ops/values.h"

/* ---- how parts are taken ----------------------------------------------------------------------------------------- */

/* Part number i of x (count, 3): a row, or so. */
typedef tg_tensor take_part(tg_tensor x, int64_t i);

static tg_tensor by_slice(tg_tensor x, int64_t i) {
    return tg_slice(x, 0, i, i + 1, 1);
}

static tg_tensor by_squeezed_slice(tg_tensor x, int64_t i) {
    return tg_squeeze_axes(by_slice(x, i), TG_AXES(0));
}

static tg_tensor by_take(tg_tensor x, int64_t i) {
    return tg_take(x, (double)i, 0);
}

static tg_tensor by_gather(tg_tensor x, int64_t i) {
    int64_t index[3] = {i, i, i};
    return tg_gather(x, tg_constant(tg_tape_of(x), TG_I64, TG_SHAPE(1, 3), index), 0);
}

static tg_tensor by_diagonal(tg_tensor x, int64_t i) {
    return tg_diagonal(x, -i, 0, 1);
}

static tg_tensor by_flip(tg_tensor x, int64_t i) {
    return tg_slice(tg_flip(x, TG_AXES(1)), 0, i, i + 1, 1);
}

static tg_tensor by_window(tg_tensor x, int64_t i) {
    return tg_slice(tg_unfold(x, 0, 1, 1), 0, i, i + 1, 1);
}

static take_part *const takers[] = {by_slice, by_squeezed_slice, by_take, by_gather, by_diagonal};
enum { TAKERS = sizeof takers / sizeof *takers };

/* The sum over all parts of part number i times i + 1, squared. */
static tg_tensor loss_of_parts(take_part *take, tg_tensor x, int64_t count) {
    tg_tensor loss = tg_num(0);
    for (int64_t i = 0; i < count; i++)
        loss = tg_add(loss, tg_sum(tg_square(tg_mul((double)i + 1, take(x, i)))));
    return loss;
}

static tg_tensor parameter_of_rows(tg_tape *tape, int64_t rows) {
    return tg_parameter(tape, "x",
                        tg_add(tg_mul(0.01, tg_reshape(tg_arange(tape, TG_F64, 0, 3 * (double)rows, 1), TG_SHAPE(rows, 3))),
                               1));
}

/* ---- parts in a row of memory ------------------------------------------------------------------------------------- */

/* Two that overlap, the first of which is put there and the second added: an element's gradient is its number, once or twice. */
START_TEST(long_parts_add_up) {
    static const int64_t lengths[] = {1, 63, 64, 65, 700};
    enum { N = 1000 };
    const int64_t length = lengths[_i % 5], start = length / 3;
    tg_tape      *tape = tg_tape_new();
    tg_dtype      dtype = _i < 5 ? TG_F32 : TG_F64;
    tg_tensor     x = tg_parameter(tape, "x", tg_full(tape, dtype, TG_SHAPE(N), 1)), c = tg_arange(tape, dtype, 0, N, 1);
    tg_tensor     a = tg_slice(x, 0, 0, length, 1), b = tg_slice(x, 0, start, start + length, 1);
    tg_tensor     ca = tg_slice(c, 0, 0, length, 1), cb = tg_slice(c, 0, start, start + length, 1);
    ck_assert(!tg_backward(tg_add(tg_sum(tg_mul(a, ca)), tg_sum(tg_mul(b, cb)))));
    tg_tensor g = tg_cast(tg_grad(x), TG_F64);
    for (int64_t i = 0; i < N; i++)
        ck_assert_double_eq(((const double *)tg_data(g))[i], (double)i * ((i < length) + (i >= start && i < start + length)));
    finish(tape);
}
END_TEST

/* ---- what they cost ---------------------------------------------------------------------------------------------- */

typedef struct costs {
    int64_t recorded, kernels, bytes;
} costs;

static costs costs_of(take_part *take, int64_t count) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter_of_rows(tape, count), loss = loss_of_parts(take, tg_mul(2, x), count);
    tg_set_keep(tape, TG_KEEP_ASKED);
    int64_t before = tg_stats(tape).instructions;
    ck_assert_int_eq(tg_backward(loss), TG_OK);
    costs c = {.recorded = tg_stats(tape).instructions - before};
    ck_assert_int_eq(tg_run(tape), TG_OK);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    c.kernels = tg_stats(tape).kernels;
    c.bytes = (int64_t)tg_stats(tape).block_bytes;
    finish(tape);
    return c;
}

START_TEST(a_part_more_costs_the_same_however_many_there_are) {
    take_part *take = takers[_i];
    costs      some = costs_of(take, 40), more = costs_of(take, 80), most = costs_of(take, 160);
    ck_assert_int_eq(most.recorded - more.recorded, 2 * (more.recorded - some.recorded));
    ck_assert_int_eq(most.kernels - more.kernels, 2 * (more.kernels - some.kernels));
    ck_assert_int_le(most.bytes, 5 * some.bytes);
}
END_TEST

START_TEST(parts_of_a_value_are_added_up_by_one_kernel) {
    ck_assert_int_eq(costs_of(by_slice, 40).kernels, costs_of(by_slice, 400).kernels);
}
END_TEST

/* ---- a part taken by an op of the user's own --------------------------------------------------------------------- */

/* Row number `attr` of x (rows, 3), by a kernel that counts, and another one back. */
static int64_t elements_added, calls;

static tg_status infer_row(tg_infer *call) {
    call->out = (tg_type){call->in[0].dtype, 1, &call->in[0].dims[1]};
    return TG_OK;
}

static tg_status row_kernel(tg_kernel_call *call) {
    const double *x = tg_contiguous(call, 0);
    for (int64_t i = 0; x && i < call->out.size; i++)
        ((double *)call->out.data)[i] = x[*(const int64_t *)call->attr * call->out.size + i];
    return x ? TG_OK : TG_ERR_MEMORY;
}

static tg_status row_back(tg_kernel_call *call) {
    const double *g = tg_contiguous(call, 0);
    double       *out = (double *)call->out.data + *(const int64_t *)call->attr * call->in[0].size;
    ck_assert_int_eq(call->count, 1);
    calls++;
    elements_added += call->in[0].size;
    for (int64_t i = 0; g && i < call->in[0].size; i++)
        out[i] += g[i];
    return g ? TG_OK : TG_ERR_MEMORY;
}

static tg_rule *const row_rules[] = {tg_part_rule};
static const tg_op    row = {"row", 1, infer_row, .kernel = row_kernel, .rules = row_rules, .add_back = row_back};

static tg_tensor by_own_op(tg_tensor x, int64_t i) {
    return tg_record(NULL, &row, 1, &x, &i, sizeof i);
}

/* The same, by a view. */
static bool row_view(const tg_array *in, const void *attr, tg_array *out) {
    out->data = (double *)in->data + *(const int64_t *)attr * in->strides[0];
    out->strides[0] = in->strides[1];
    return true;
}

static const tg_op shown_row = {"shown_row", 1, infer_row, .view = row_view, .rules = row_rules};

static tg_tensor by_own_view(tg_tensor x, int64_t i) {
    return tg_record(NULL, &shown_row, 1, &x, &i, sizeof i);
}

/* The same again, by a rule that the walk does not know. */
static tg_tensor row_rule(const tg_rule_call *call) {
    return tg_part_rule(call);
}

static tg_rule *const unknown_rules[] = {row_rule};
static const tg_op    unknown_row = {"unknown_row", 1, infer_row, .view = row_view, .rules = unknown_rules};

static tg_tensor by_unknown_rule(tg_tensor x, int64_t i) {
    return tg_record(NULL, &unknown_row, 1, &x, &i, sizeof i);
}

START_TEST(each_element_of_a_part_is_added_once) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter_of_rows(tape, 1000);
    ck_assert_int_eq(tg_backward(loss_of_parts(by_own_op, x, 1000)), TG_OK);
    calls = elements_added = 0;
    ck_assert_int_eq(tg_run(tape), TG_OK);
    ck_assert_int_eq(calls, 1000);
    ck_assert_int_eq(elements_added, 3000);
    finish(tape);
}
END_TEST

/* ---- that they are right ----------------------------------------------------------------------------------------- */

static take_part *const all_takers[] = {by_slice, by_squeezed_slice, by_take,   by_gather,   by_diagonal,
                                        by_flip,  by_window,         by_own_op, by_own_view, by_unknown_rule};
enum { ALL_TAKERS = sizeof all_takers / sizeof *all_takers };

/* Whole, in parts, some of them twice, and in part of a part. */
START_TEST(their_gradients_are_right_to_any_order) {
    tg_tape            *tape = tg_tape_new();
    take_part          *take = all_takers[_i];
    tg_tensor           x = parameter_of_rows(tape, 3);
    tg_tensor           loss = tg_add(loss_of_parts(take, x, 3), tg_sum(tg_tanh(x)));
    tg_gradcheck_report report = {.order = 3};
    loss = tg_add(loss, tg_mul(tg_sum(tg_exp(take(x, 1))), tg_sum(tg_slice(take(x, 2), -1, 0, 1, 1))));
    ck_assert_msg(!tg_gradcheck(loss, 1, &x, &report), "%s", tg_error(tape));
    finish(tape);
}
END_TEST

START_TEST(parts_that_overlap_are_added_up) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", VECTOR(tape, 1, 2, 3, 4));
    tg_tensor y = tg_mul(1, x), loss = tg_sum(tg_mul(10, y));
    for (int i = 0; i < 3; i++)
        loss = tg_add(loss, tg_sum(tg_mul(i + 1, tg_slice(y, 0, i, i + 2, 1))));
    ck_assert_int_eq(tg_backward(loss), TG_OK);
    CHECK_F64(tg_grad(x), 11, 13, 15, 13);
    finish(tape);
}
END_TEST

START_TEST(a_whole_that_nothing_took_a_part_of_but_an_empty_one_has_zeros) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", VECTOR(tape, 1, 2)), g;
    tg_tensor empty = tg_sum(tg_slice(x, 0, 1, 1, 1));
    ck_assert_int_eq(tg_vjp(tape, 1, &empty, NULL, 1, &x, &g), TG_OK);
    CHECK_F64(g, 0, 0);
    finish(tape);
}
END_TEST

/* The indices that chose are still there for a second backward pass, though nobody keeps them. */
START_TEST(a_backward_pass_can_be_recorded_again) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", VECTOR(tape, 1, 2, 3)), index = tg_input(tape, "i", TG_I64, TG_SHAPE());
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor loss = tg_sum(tg_add(tg_take(x, tg_add(index, 1), 0), tg_mul(5, tg_take(x, tg_add(index, 2), 0))));
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(tg_backward(loss), TG_OK);
        CHECK_F64(tg_grad(x), 0, 1, 5);
        ck_assert_int_eq(tg_rewind(tape, mark), TG_OK);
    }
    finish(tape);
}
END_TEST

/* ---- what is rejected -------------------------------------------------------------------------------------------- */

START_TEST(indices_that_were_overwritten_are_an_error) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", VECTOR(tape, 1, 2, 3)), index = tg_input(tape, "i", TG_I64, TG_SHAPE());
    tg_tensor loss = tg_sum(tg_take(x, index, 0));
    tg_assign(index, 1);
    loss = tg_add(loss, tg_sum(tg_take(x, index, 0)));
    ck_assert_int_eq(tg_backward(loss), TG_ERR_GRADIENT);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "before the assign"));
    tg_tape_free(tape);
}
END_TEST

static const tg_op nowhere = {"nowhere", 1, infer_row, .kernel = row_kernel, .rules = row_rules};

START_TEST(an_op_must_say_where_its_part_is) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter_of_rows(tape, 2), y = tg_record(tape, &nowhere, 1, &x, &(int64_t){1}, sizeof(int64_t));
    ck_assert_int_eq(tg_backward(tg_sum(y)), TG_ERR_GRADIENT);
    ck_assert_msg(strstr(tg_error(tape), "tg_part_rule of nowhere needs to know where the part is"), "%s", tg_error(tape));
    tg_tape_free(tape);
}
END_TEST

static bool lost_view(const tg_array *in, const void *attr, tg_array *out) {
    (void)attr, (void)out;
    return in->strides[0] == 0;
}

static tg_status infer_same(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

static const tg_op lost = {"lost", 1, infer_same, .view = lost_view, .rules = row_rules};

START_TEST(a_view_must_be_one_of_contiguous_elements) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter_of_rows(tape, 2), y = tg_record(tape, &lost, 1, &x, NULL, 0);
    ck_assert_int_eq(tg_backward(tg_sum(y)), TG_OK);
    ck_assert_int_eq(tg_run(tape), TG_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "strides do not say where the part is"));
    tg_tape_free(tape);
}
END_TEST

/* The choosing operand of this one is floating, and has the rule, too. */
static tg_status infer_chosen(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

static tg_status chosen_kernel(tg_kernel_call *call) {
    memcpy(call->out.data, call->in[0].data, sizeof(double));
    return TG_OK;
}

static tg_status chosen_back(tg_kernel_call *call) {
    *(double *)call->out.data += *(const double *)call->in[0].data;
    return TG_OK;
}

static tg_rule *const chosen_rules[] = {tg_part_rule, NULL}, *const both_rules[] = {tg_part_rule, tg_part_rule};
static const tg_op chosen =
    {"chosen", 2, infer_chosen, .kernel = chosen_kernel, .rules = chosen_rules, .add_back = chosen_back};
static const tg_op both = {"both", 2, infer_chosen, .kernel = chosen_kernel, .rules = both_rules, .add_back = chosen_back};

START_TEST(what_chooses_has_no_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", 2), c = tg_parameter(tape, "c", 3), g, second;
    tg_tensor y = tg_record(tape, &chosen, 2, ((tg_tensor[]){x, c}), NULL, 0), z = tg_square(y);
    ck_assert_int_eq(tg_vjp(tape, 1, &z, NULL, 1, &x, &g), TG_OK);
    CHECK_IS(g, 4);
    ck_assert_int_eq(tg_vjp(tape, 1, &g, NULL, 1, &x, &second), TG_OK);
    CHECK_IS(second, 2);
    ck_assert_int_eq(tg_vjp(tape, 1, &g, NULL, 1, &c, &second), TG_ERR_GRADIENT);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "chosen: only the first operand"));
    tg_clear_error(tape);
    y = tg_record(tape, &both, 2, ((tg_tensor[]){x, c}), NULL, 0);
    ck_assert_int_eq(tg_backward(y), TG_ERR_GRADIENT);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "both: only the first operand"));
    tg_clear_error(tape);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_parts(void) {
    Suite *suite = suite_create("parts");
    TCase *tcase = tcase_create("parts");
    tcase_add_loop_test(tcase, a_part_more_costs_the_same_however_many_there_are, 0, TAKERS);
    tcase_add_test(tcase, parts_of_a_value_are_added_up_by_one_kernel);
    tcase_add_test(tcase, each_element_of_a_part_is_added_once);
    tcase_add_loop_test(tcase, their_gradients_are_right_to_any_order, 0, ALL_TAKERS);
    tcase_add_test(tcase, parts_that_overlap_are_added_up);
    tcase_add_loop_test(tcase, long_parts_add_up, 0, 10);
    tcase_add_test(tcase, a_whole_that_nothing_took_a_part_of_but_an_empty_one_has_zeros);
    tcase_add_test(tcase, a_backward_pass_can_be_recorded_again);
    tcase_add_test(tcase, indices_that_were_overwritten_are_an_error);
    tcase_add_test(tcase, an_op_must_say_where_its_part_is);
    tcase_add_test(tcase, a_view_must_be_one_of_contiguous_elements);
    tcase_add_test(tcase, what_chooses_has_no_gradient);
    suite_add_tcase(suite, tcase);
    return suite;
}
