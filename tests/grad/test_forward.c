/* tests/grad/test_forward.c: forward mode, where the op table does not reach: many operands, operands that do not move, inputs of inputs,
 * ops of one's own.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "ops/values.h"

static tg_tensor tangent(tg_tensor y, tg_tensor x, tg_tensor v) {
    tg_tensor moved;
    ck_assert(!tg_jvp(x.tape, 1, &x, &v, 1, &y, &moved));
    return moved;
}

START_TEST(of_many_operands_some_move) {
    enum { N = 20 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 3), still = PARAMETER(tape, "still", 7), parts[N];
    for (int i = 0; i < N; i++)
        parts[i] = i % 4 ? still : tg_mul(x, i);
    CHECK_IS(tangent(tg_concat(tg_list_from(N, parts), 0), x, VECTOR(tape, 2)), 0, 0, 0, 0, 8, 0, 0, 0, 16, 0, 0, 0, 24, 0, 0, 0, 32,
             0, 0, 0);
    CHECK_IS(tangent(tg_square(still), x, VECTOR(tape, 2)), 0);
    finish(tape);
}
END_TEST

/* z = x^2, and y = x z: dy = z dx + x dz, where dz is 2 x dx and what z itself moves by. */
START_TEST(an_input_may_be_computed_from_another) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 3), z = tg_square(x), y = tg_mul(x, z), moved;
    ck_assert(!tg_jvp(tape, 2, (tg_tensor[]){x, z}, (tg_tensor[]){tg_num(1), tg_num(10)}, 1, &y, &moved));
    CHECK_IS(moved, 9 + 3 * (6 + 10));
    ck_assert(!tg_jvp(tape, 0, NULL, NULL, 1, &y, &moved));
    CHECK_IS(moved, 0);
    finish(tape);
}
END_TEST

static tg_status infer_first(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

/* x times as many as the int64 operand says. */
static tg_status scale_kernel(tg_kernel_call *call) {
    const double  *x = tg_contiguous(call, 0);
    const int64_t *by = tg_contiguous(call, 1);
    if (!x || !by) return TG_ERR_MEMORY;
    for (int64_t i = 0; i < call->out.size; i++)
        ((double *)call->out.data)[i] = x[i] * (double)by[0];
    return TG_OK;
}

static tg_tensor scaled(const tg_op *op, tg_tensor x, tg_tensor by) {
    return tg_record(NULL, op, 2, ((tg_tensor[]){x, by}), NULL, 0);
}

static tg_tensor scale_rule(const tg_rule_call *call) {
    return tg_mul(call->g, tg_cast(call->x[1], TG_F64));
}

/* An op of any number of operands has one rule for all, also for those that no gradient flows to. */
START_TEST(an_op_of_ones_own_is_linear_or_goes_by_its_rules) {
    static tg_rule *const rules[] = {scale_rule};
    static const tg_op    ops[] = {
        {"scale", -1, infer_first, .kernel = scale_kernel, .rules = rules},
        {"scale", -1, infer_first, .kernel = scale_kernel, .rules = rules, .linearity = TG_LINEAR_TOGETHER}};
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2), y = scaled(&ops[_i], tg_square(x), I64(tape, 5));
    CHECK_IS(tangent(y, x, VECTOR(tape, 1, 10)), 10, 200);
    finish(tape);
}
END_TEST

Suite *suite_forward(void) {
    Suite *suite = suite_create("forward");
    TCase *all = tcase_create("all");
    tcase_add_test(all, of_many_operands_some_move);
    tcase_add_test(all, an_input_may_be_computed_from_another);
    tcase_add_loop_test(all, an_op_of_ones_own_is_linear_or_goes_by_its_rules, 0, 2);
    suite_add_tcase(suite, all);
    return suite;
}
