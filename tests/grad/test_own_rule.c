/* tests/grad/test_own_rule.c: gradient rules of the user's own: what they are given, what they may return, and whose line an
 * error is on.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "ops/values.h"

/* ---- what a rule is given, and what it returns ------------------------------------------------------------------- */

/* The sum of any number of scalars times its attribute. */
static tg_status infer_first(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

static tg_status scaled_sum_kernel(tg_kernel_call *call) {
    double sum = 0;
    for (int i = 0; i < call->count; i++)
        sum += *(const double *)call->in[i].data;
    *(double *)call->out.data = sum * *(const double *)call->attr;
    return TG_OK;
}

static tg_tensor scaled_sum_rule(const tg_rule_call *call) {
    ck_assert(call->which >= 0 && call->which < call->count);
    return tg_mul(call->g, *(const double *)call->attr);
}

static tg_rule *const scaled_sum_rules[] = {scaled_sum_rule};
static const tg_op    scaled_sum = {"scaled_sum", -1, infer_first, .kernel = scaled_sum_kernel, .rules = scaled_sum_rules};

START_TEST(an_op_of_many_operands_has_one_rule) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w[20];
    char      name[20][8];
    double    scale = 3;
    for (int i = 0; i < 20; i++) {
        snprintf(name[i], sizeof name[i], "w%d", i);
        w[i] = tg_parameter(tape, name[i], i);
    }
    w[7] = w[6];
    tg_tensor y = tg_record(tape, &scaled_sum, 20, w, &scale, sizeof scale);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    CHECK_IS(y, 3 * (190 - 1));
    CHECK_IS(tg_grad(w[0]), 3);
    CHECK_IS(tg_grad(w[6]), 6);
    CHECK_IS(tg_grad(w[19]), 3);
    finish(tape);
}
END_TEST

/* What the rule of `bad` returns. */
enum { NARROW, WRONG_SHAPE, SCALAR, NUMBER, INVALID, FAILING };
static int bad_gradient;

static tg_tensor bad_rule(const tg_rule_call *call) {
    switch (bad_gradient) {
    case NARROW: return tg_cast(call->g, TG_F32);
    case WRONG_SHAPE: return tg_reshape(call->g, TG_SHAPE(2, 1));
    case SCALAR: return tg_sum(call->g);
    case NUMBER: return tg_num(1);
    case INVALID: return (tg_tensor){0};
    default: return tg_add(call->g, tg_broadcast_to(call->g, TG_SHAPE(3)));
    }
}

static void same_loop(int64_t n, void *out, const void *const *in, const int64_t *step) {
    for (int64_t i = 0; i < n; i++)
        ((double *)out)[i] = ((const double *)in[0])[i * step[0]];
}

static tg_rule *const bad_rules[] = {bad_rule};
static const tg_loops same_loops = TG_LOOPS([TG_F64] = same_loop);
static const tg_op    bad = {"bad", 1, tg_infer_elementwise, .loops = &same_loops, .rules = bad_rules};

START_TEST(a_gradient_of_the_wrong_kind_is_an_error) {
    static const tg_status   expected[] = {TG_ERR_GRADIENT, TG_ERR_GRADIENT, TG_ERR_GRADIENT,
                                           TG_ERR_HANDLE,   TG_ERR_HANDLE,   TG_ERR_SHAPE};
    static const char *const texts[] = {"float32", "(2, 1)", "()", "gradient rule", "gradient rule", "(3)"};
    tg_tape                 *tape = tg_tape_new();
    tg_tensor                w = PARAMETER(tape, "w", 1, 2), y = tg_sum(tg_record(tape, &bad, 1, &w, NULL, 0));
    int64_t                  count = tg_instruction_count(tape);
    bad_gradient = _i;
    ck_assert_int_eq(tg_backward(y), expected[_i]);
    CHECK_ERROR(tape, expected[_i], "test_own_rule.c:", texts[_i]);
    ck_assert_int_eq(tg_instruction_count(tape), count);
    ck_assert(!tg_has_grad(w));
    ck_assert_int_eq(tg_backward(tg_sum(tg_square(w))), TG_OK);
    CHECK_IS(tg_grad(w), 2, 4);
    finish(tape);
}
END_TEST

Suite *suite_own_rule(void) {
    Suite *suite = suite_create("own rule");
    TCase *rule = tcase_create("rule");
    tcase_add_test(rule, an_op_of_many_operands_has_one_rule);
    tcase_add_loop_test(rule, a_gradient_of_the_wrong_kind_is_an_error, NARROW, FAILING + 1);
    suite_add_tcase(suite, rule);
    return suite;
}
