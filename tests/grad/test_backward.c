/* tests/grad/test_backward.c: the backward walk: reuse, long chains, accumulation, gradients of gradients, which paths are
 * walked, leaves that are assigned, and what is refused.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/op_table.h"

static tg_tensor parameter(tg_tape *tape, const char *name, double value) {
    return tg_parameter(tape, name, value);
}

#define PARAMETER(tape, name, ...) tg_parameter(tape, name, F64(tape, __VA_ARGS__))

/* ---- the shape of the graph -------------------------------------------------------------------------------------- */

START_TEST(reused_values_count_every_time) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 3), b = tg_mul(2, a), c = tg_add(b, b);
    ck_assert_int_eq(tg_backward(c), TG_OK);
    CHECK_IS(tg_grad(a), 4);
    finish(tape);
}
END_TEST

/* y = (a b) (a + b), and each again below. */
START_TEST(diamonds) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 3), b = parameter(tape, "b", 5);
    tg_tensor product = tg_mul(a, b), sum = tg_add(a, b), y = tg_add(tg_mul(product, sum), product);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    CHECK_IS(tg_grad(a), 2 * 3 * 5 + 25 + 5);
    CHECK_IS(tg_grad(b), 2 * 3 * 5 + 9 + 3);
    finish(tape);
}
END_TEST

/* 2^40 paths through 40 additions. */
START_TEST(a_tower_of_diamonds_is_walked_once) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 1), y = a;
    for (int i = 0; i < 40; i++)
        y = tg_add(y, y);
    int64_t before = tg_instruction_count(tape);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    CHECK_IS(tg_grad(a), 0x1p40);
    ck_assert_int_le(tg_instruction_count(tape) - before, 2 * 40 + 2);
    finish(tape);
}
END_TEST

/* All frames of the walk, and of rewind and free, must fit on this stack. */
enum { LINKS = 1000000, STACK = 256 << 10 };

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(SANITIZED)
enum { STACK_SCALE = 4 };
#else
enum { STACK_SCALE = 1 };
#endif

static void *differentiate_chain(void *result) {
    double   *found = result;
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = parameter(tape, "x", 1), y = x;
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < LINKS; i++)
        y = tg_neg(y);
    found[0] = tg_backward(y);
    found[1] = tg_item(tg_grad(x));
    found[2] = tg_item(y);
    found[3] = tg_rewind(tape, mark);
    found[4] = tg_item(x);
    tg_tape_free(tape);
    return NULL;
}

START_TEST(a_million_ops_need_no_more_stack_than_one) {
    double         found[5] = {0};
    pthread_t      thread;
    pthread_attr_t small;
    ck_assert_int_eq(pthread_attr_init(&small), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&small, (size_t)STACK_SCALE * STACK), 0);
    ck_assert_int_eq(pthread_create(&thread, &small, differentiate_chain, found), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&small);
    ck_assert(found[0] == TG_OK && found[1] == 1 && found[2] == 1 && found[3] == TG_OK && found[4] == 1);
}
END_TEST

START_TEST(a_loss_that_is_a_leaf) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 3), b = PARAMETER(tape, "b", 7);
    ck_assert_int_eq(tg_backward(a), TG_OK);
    CHECK_IS(tg_grad(a), 1);
    ck_assert_int_eq(tg_backward(b), TG_OK);
    CHECK_IS(tg_grad(b), 1);
    ck_assert(tg_shape_equal(tg_shape_of(tg_grad(b)), TG_SHAPE(1)));
    finish(tape);
}
END_TEST

START_TEST(a_leaf_used_by_nothing_has_no_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 3), idle = parameter(tape, "idle", 4), late;
    tg_tensor y = tg_square(a), aside = tg_exp(idle);
    late = parameter(tape, "late", 5);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    ck_assert(tg_has_grad(a) && !tg_has_grad(idle) && !tg_has_grad(late) && tg_valid(aside));
    ck_assert(!tg_valid(tg_grad(idle)));
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "test_backward.c:", "grad: ", "'idle'");
    ck_assert(!tg_valid(tg_grad(late)));
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "'late'");
    finish(tape);
}
END_TEST

START_TEST(broadcast_operands_get_the_sum) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = PARAMETER(tape, "a", 1, 2, 3), s = parameter(tape, "s", 2);
    tg_tensor column = tg_parameter(tape, "column", tg_full(tape, TG_F64, TG_SHAPE(2, 1), 1));
    ck_assert_int_eq(tg_backward(tg_sum(tg_mul(tg_mul(a, column), s))), TG_OK);
    CHECK_IS(tg_grad(a), 4, 4, 4);
    CHECK_IS(tg_grad(column), 12, 12);
    CHECK_IS(tg_grad(s), 12);
    ck_assert(tg_shape_equal(tg_shape_of(tg_grad(column)), TG_SHAPE(2, 1)));
    ck_assert(tg_shape_equal(tg_shape_of(tg_grad(s)), TG_SHAPE()));
    finish(tape);
}
END_TEST

/* ---- only wanted paths ------------------------------------------------------------------------------------------- */

/* The deep branch holds constants alone: differentiating it would record much. */
START_TEST(paths_to_no_parameter_are_not_walked) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 3), deep = tg_full(tape, TG_F64, TG_SHAPE(), 0.5);
    for (int i = 0; i < 100; i++)
        deep = tg_sin(deep);
    tg_tensor y = tg_mul(a, deep);
    int64_t   before = tg_instruction_count(tape);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    ck_assert_int_le(tg_instruction_count(tape) - before, 2);
    finish(tape);
}
END_TEST

START_TEST(what_does_not_lead_to_the_loss_is_not_walked) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 3), aside = a;
    for (int i = 0; i < 100; i++)
        aside = tg_sin(aside);
    tg_tensor y = tg_neg(a);
    int64_t   before = tg_instruction_count(tape);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    ck_assert_int_le(tg_instruction_count(tape) - before, 2);
    finish(tape);
}
END_TEST

/* The gradient for h stops at h, although h depends on a. */
START_TEST(vjp_walks_to_its_inputs_and_no_further) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor h = parameter(tape, "a", 0.5), g;
    for (int i = 0; i < 100; i++)
        h = tg_sin(h);
    tg_tensor y = tg_neg(h);
    int64_t   before = tg_instruction_count(tape);
    ck_assert_int_eq(tg_vjp(tape, 1, &y, NULL, 1, &h, &g), TG_OK);
    ck_assert_int_le(tg_instruction_count(tape) - before, 2);
    CHECK_IS(g, -1);
    finish(tape);
}
END_TEST

START_TEST(conditions_and_casts_to_integers_stop_gradients) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = PARAMETER(tape, "a", 1.5, -2.5);
    tg_tensor floor = tg_cast(tg_cast(a, TG_I64), TG_F64),
              sign = tg_where(tg_gt(a, 0), 1, tg_full(tape, TG_F64, TG_SHAPE(), -1));
    ck_assert(!tg_requires_grad(floor) && !tg_requires_grad(sign) && !tg_requires_grad(tg_gt(a, 0)));
    ck_assert_int_eq(tg_backward(tg_sum(tg_add(tg_mul(a, floor), tg_mul(a, sign)))), TG_OK);
    CHECK_IS(tg_grad(a), 1 + 1, -2 - 1);
    ck_assert_int_eq(tg_backward(tg_sum(floor)), TG_ERR_GRADIENT);
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "backward: ", "no parameter");
    finish(tape);
}
END_TEST

START_TEST(gradients_pass_through_casts) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F32(tape, 1, 2));
    ck_assert_int_eq(tg_backward(tg_sum(tg_square(tg_cast(w, TG_F64)))), TG_OK);
    ck_assert_int_eq(tg_dtype_of(tg_grad(w)), TG_F32);
    CHECK_IS(tg_grad(w), 2, 4);
    finish(tape);
}
END_TEST

/* ---- several backwards ------------------------------------------------------------------------------------------- */

START_TEST(several_backwards_add_up) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 3), b = parameter(tape, "b", 1), y = tg_square(a);
    tg_backward(y);
    tg_tensor first = tg_grad(a);
    tg_backward(y);
    tg_backward(tg_mul(a, b));
    CHECK_IS(tg_grad(a), 6 + 6 + 1);
    CHECK_IS(tg_grad(b), 3);
    CHECK_IS(first, 6);
    finish(tape);
}
END_TEST

START_TEST(zero_grad_starts_anew) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 3), y = tg_square(a);
    ck_assert_int_eq(tg_zero_grad(tape), TG_OK);
    tg_backward(y);
    tg_tensor first = tg_grad(a);
    ck_assert_int_eq(tg_zero_grad(tape), TG_OK);
    ck_assert(!tg_has_grad(a));
    ck_assert_int_eq(tg_zero_grad(tape), TG_OK);
    tg_backward(tg_mul(5, a));
    CHECK_IS(tg_grad(a), 5);
    CHECK_IS(first, 6);
    finish(tape);
}
END_TEST

START_TEST(rewind_brings_earlier_gradients_back) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 3), b = parameter(tape, "b", 3);
    tg_backward(tg_square(a));
    tg_mark mark = tg_tape_mark(tape);
    for (int i = 0; i < 3; i++) {
        tg_backward(tg_mul(a, b));
        CHECK_IS(tg_grad(a), 9);
        ck_assert(tg_has_grad(b));
        ck_assert_int_eq(tg_rewind(tape, mark), TG_OK);
        CHECK_IS(tg_grad(a), 6);
        ck_assert(!tg_has_grad(b));
    }
    finish(tape);
}
END_TEST

START_TEST(rewind_past_a_zero_grad_undoes_it) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 3);
    tg_backward(tg_square(a));
    tg_mark mark = tg_tape_mark(tape);
    tg_zero_grad(tape);
    tg_backward(tg_mul(5, a));
    CHECK_IS(tg_grad(a), 5);
    ck_assert_int_eq(tg_rewind(tape, mark), TG_OK);
    ck_assert(tg_has_grad(a));
    CHECK_IS(tg_grad(a), 6);
    finish(tape);
}
END_TEST

START_TEST(a_zero_grad_before_the_mark_stays) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 3);
    tg_backward(tg_square(a));
    tg_zero_grad(tape);
    tg_mark mark = tg_tape_mark(tape);
    tg_backward(tg_mul(5, a));
    ck_assert_int_eq(tg_rewind(tape, mark), TG_OK);
    ck_assert(!tg_has_grad(a));
    finish(tape);
}
END_TEST

/* ---- gradients of gradients -------------------------------------------------------------------------------------- */

/* (1 - x)^2 + 100 (y - x^2)^2 at (3, 2), in numbers that are exact. */
START_TEST(hessian_of_rosenbrock_is_exact) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor v[2] = {parameter(tape, "x", 3), parameter(tape, "y", 2)}, g[2], row[2];
    tg_tensor f = tg_add(tg_square(tg_sub(1, v[0])), tg_mul(100, tg_square(tg_sub(v[1], tg_square(v[0])))));
    ck_assert_int_eq(tg_vjp(tape, 1, &f, NULL, 2, v, g), TG_OK);
    CHECK_IS(g[0], 2 * (3 - 1) - 400.0 * 3 * (2 - 9));
    CHECK_IS(g[1], 200.0 * (2 - 9));
    ck_assert_int_eq(tg_vjp(tape, 1, &g[0], NULL, 2, v, row), TG_OK);
    CHECK_IS(row[0], 2 - 400.0 * (2 - 3 * 9));
    CHECK_IS(row[1], -400.0 * 3);
    ck_assert_int_eq(tg_vjp(tape, 1, &g[1], NULL, 2, v, row), TG_OK);
    CHECK_IS(row[0], -400.0 * 3);
    CHECK_IS(row[1], 200);
    finish(tape);
}
END_TEST

static void check_close(tg_tensor y, double expected) {
    double got = tg_item(y);
    ck_assert_msg(fabs(got - expected) <= 1e-14 * (1 + fabs(expected)), "%.17g, not %.17g", got, expected);
}

START_TEST(third_derivatives) {
    tg_tape  *tape = tg_tape_new();
    double    at = 0.7, s = 1 / (1 + exp(-at));
    tg_tensor x = parameter(tape, "x", at);
    check_close(slope(slope(slope(tg_sin(x), x), x), x), -cos(at));
    check_close(slope(slope(slope(tg_exp(x), x), x), x), exp(at));
    check_close(slope(slope(slope(tg_sigmoid(x), x), x), x), s * (1 - s) * (1 - 6 * s + 6 * s * s));
    check_close(slope(slope(slope(tg_log(x), x), x), x), 2 / (at * at * at));
    finish(tape);
}
END_TEST

START_TEST(a_gradient_goes_into_the_next_loss) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 2);
    tg_backward(tg_pow(a, 3));
    tg_tensor g = tg_grad(a);
    tg_zero_grad(tape);
    ck_assert_int_eq(tg_backward(tg_square(g)), TG_OK); /* (3 a^2)^2, 36 a^3 */
    CHECK_IS(g, 12);
    CHECK_IS(tg_grad(a), 288);
    finish(tape);
}
END_TEST

/* ---- what is kept ------------------------------------------------------------------------------------------------ */

START_TEST(gradients_are_kept_over_runs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE()), a = parameter(tape, "a", 3);
    tg_backward(tg_mul(tg_square(a), x));
    for (double k = 1; k < 4; k++) {
        tg_write(x, &k, 1);
        tg_run(tape);
        CHECK_IS(tg_grad(a), 6 * k);
    }
    finish(tape);
}
END_TEST

START_TEST(gradients_are_kept_when_only_what_is_asked_for_is) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 3), g;
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor y = tg_exp(tg_square(a));
    ck_assert_int_eq(tg_backward(y), TG_OK);
    check_close(tg_grad(a), 6 * exp(9));
    ck_assert_int_eq(tg_vjp(tape, 1, &y, NULL, 1, &a, &g), TG_OK);
    check_close(g, 6 * exp(9));
    ck_assert(isnan(tg_item(y)));
    CHECK_ERROR(tape, TG_ERR_VALUE, "item: ", "exp", "tg_keep");
    finish(tape);
}
END_TEST

/* ---- leaves that are assigned ------------------------------------------------------------------------------------ */

START_TEST(a_value_that_was_overwritten_is_not_differentiated) {
    tg_tape  *tape = tg_tape_new();
    char      read_at[64], assigned_at[64];
    tg_tensor w = parameter(tape, "w", 3);
    tg_tensor y = tg_square(w);
    snprintf(read_at, sizeof read_at, "test_backward.c:%d: square: ", __LINE__ - 1);
    tg_assign(w, 5);
    snprintf(assigned_at, sizeof assigned_at, "test_backward.c:%d", __LINE__ - 1);
    int64_t count = tg_instruction_count(tape);
    ck_assert_int_eq(tg_backward(y), TG_ERR_GRADIENT);
    CHECK_ERROR(tape, TG_ERR_GRADIENT, read_at, assigned_at, "'w'", "before the assign");
    ck_assert(!tg_has_grad(w));
    ck_assert_int_eq(tg_instruction_count(tape), count);
    CHECK_IS(y, 9);
    finish(tape);
}
END_TEST

START_TEST(a_rule_that_needs_no_old_value_works_after_an_assign) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = parameter(tape, "w", 3), y = tg_add(tg_exp(w), tg_mul(2, w));
    tg_assign(w, 5);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    check_close(tg_grad(w), exp(3) + 2);
    finish(tape);
}
END_TEST

START_TEST(what_reads_the_new_value_is_differentiated_there) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = parameter(tape, "w", 3);
    tg_assign(w, 5);
    tg_tensor y = tg_square(w);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    CHECK_IS(tg_grad(w), 10);
    finish(tape);
}
END_TEST

START_TEST(no_gradient_flows_through_an_assign) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = parameter(tape, "a", 3), w = parameter(tape, "w", 1);
    tg_assign(w, tg_square(a));
    ck_assert_int_eq(tg_backward(tg_mul(w, a)), TG_OK);
    CHECK_IS(tg_grad(w), 3);
    CHECK_IS(tg_grad(a), 9);
    finish(tape);
}
END_TEST

/* After the rewind the assign is forgotten, though it has happened. */
START_TEST(an_assign_that_was_rewound_is_in_nobodys_way) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = parameter(tape, "w", 3);
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < 3; i++) {
        tg_tensor y = tg_square(w);
        ck_assert_int_eq(tg_backward(y), TG_OK);
        tg_assign(w, tg_sub(w, 1));
        ck_assert_int_eq(tg_rewind(tape, mark), TG_OK);
    }
    CHECK_IS(w, 0);
    finish(tape);
}
END_TEST

/* ---- nothing to add up ------------------------------------------------------------------------------------------- */

START_TEST(empty_tensors_have_empty_gradients) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(0, 2), 1)), s = parameter(tape, "s", 2);
    ck_assert_int_eq(tg_backward(tg_sum(tg_mul(s, tg_exp(w)))), TG_OK);
    ck_assert(tg_shape_equal(tg_shape_of(tg_grad(w)), TG_SHAPE(0, 2)));
    CHECK_IS(tg_grad(s), 0);
    finish(tape);
}
END_TEST

/* ---- what is refused --------------------------------------------------------------------------------------------- */

static void check_backward_refused(tg_tensor loss, tg_status status, const char *text) {
    int64_t count = tg_instruction_count(loss.tape);
    ck_assert_int_eq(tg_backward(loss), status);
    CHECK_ERROR(loss.tape, status, "test_backward.c:", "backward: ", text);
    ck_assert_int_eq(tg_instruction_count(loss.tape), count);
}

START_TEST(what_is_no_loss_is_refused) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2), none = tg_parameter(tape, "none", tg_full(tape, TG_F64, TG_SHAPE(0), 1));
    check_backward_refused(w, TG_ERR_SHAPE, "(2)");
    check_backward_refused(none, TG_ERR_SHAPE, "(0)");
    check_backward_refused(tg_sum(tg_cast(w, TG_I64)), TG_ERR_DTYPE, "int64");
    check_backward_refused(tg_eq(tg_sum(w), 3), TG_ERR_DTYPE, "bool");
    check_backward_refused(tg_full(tape, TG_F64, TG_SHAPE(), 1), TG_ERR_GRADIENT, "no parameter");
    ck_assert_int_eq(tg_backward(1.5), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_backward((tg_tensor){0}), TG_ERR_HANDLE);
    ck_assert(!tg_has_grad(w) && !tg_has_grad(tg_num(1)) && !tg_has_grad((tg_tensor){0}));
    finish(tape);
}
END_TEST

START_TEST(grad_of_what_is_no_parameter_is_refused) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = parameter(tape, "w", 1), y = tg_exp(w), c = F64(tape, 1);
    tg_backward(y);
    ck_assert(!tg_valid(tg_grad(y)));
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "test_backward.c:", "grad: ", "exp", "tg_vjp");
    ck_assert(!tg_valid(tg_grad(c)));
    CHECK_ERROR(tape, TG_ERR_GRADIENT, "constant");
    ck_assert(!tg_valid(tg_grad(1)));
    finish(tape);
}
END_TEST

START_TEST(after_an_error_nothing_is_differentiated) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = parameter(tape, "w", 1), y = tg_exp(w), g = w;
    tg_find(tape, "nobody");
    ck_assert_int_eq(tg_backward(y), TG_ERR_NAME);
    ck_assert_int_eq(tg_vjp(tape, 1, &y, NULL, 1, &w, &g), TG_ERR_NAME);
    ck_assert_int_eq(tg_zero_grad(tape), TG_ERR_NAME);
    ck_assert(!tg_valid(g) && !tg_valid(tg_grad(w)));
    CHECK_ERROR(tape, TG_ERR_NAME, "nobody");
    ck_assert_int_eq(tg_backward(y), TG_OK);
    finish(tape);
}
END_TEST

/* ---- an op of the user's ----------------------------------------------------------------------------------------- */

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
        w[i] = parameter(tape, name[i], i);
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
static const tg_op    bad = {"bad", 1, tg_infer_elementwise, .loop = {[TG_F64] = same_loop}, .rules = bad_rules};

START_TEST(a_gradient_of_the_wrong_kind_is_an_error) {
    static const tg_status   expected[] = {TG_ERR_GRADIENT, TG_ERR_GRADIENT, TG_ERR_GRADIENT,
                                           TG_ERR_HANDLE,   TG_ERR_HANDLE,   TG_ERR_SHAPE};
    static const char *const texts[] = {"float32", "(2, 1)", "()", "gradient rule", "gradient rule", "(3)"};
    tg_tape                 *tape = tg_tape_new();
    tg_tensor                w = PARAMETER(tape, "w", 1, 2), y = tg_sum(tg_record(tape, &bad, 1, &w, NULL, 0));
    int64_t                  count = tg_instruction_count(tape);
    bad_gradient = _i;
    ck_assert_int_eq(tg_backward(y), expected[_i]);
    CHECK_ERROR(tape, expected[_i], "test_backward.c:", texts[_i]);
    ck_assert_int_eq(tg_instruction_count(tape), count);
    ck_assert(!tg_has_grad(w));
    ck_assert_int_eq(tg_backward(tg_sum(tg_square(w))), TG_OK);
    CHECK_IS(tg_grad(w), 2, 4);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

static void add_graphs(Suite *suite) {
    TCase *tcase = tcase_create("graphs");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, reused_values_count_every_time);
    tcase_add_test(tcase, diamonds);
    tcase_add_test(tcase, a_tower_of_diamonds_is_walked_once);
    tcase_add_test(tcase, a_million_ops_need_no_more_stack_than_one);
    tcase_add_test(tcase, a_loss_that_is_a_leaf);
    tcase_add_test(tcase, a_leaf_used_by_nothing_has_no_gradient);
    tcase_add_test(tcase, broadcast_operands_get_the_sum);
    tcase_add_test(tcase, paths_to_no_parameter_are_not_walked);
    tcase_add_test(tcase, what_does_not_lead_to_the_loss_is_not_walked);
    tcase_add_test(tcase, vjp_walks_to_its_inputs_and_no_further);
    tcase_add_test(tcase, conditions_and_casts_to_integers_stop_gradients);
    tcase_add_test(tcase, gradients_pass_through_casts);
    tcase_add_test(tcase, empty_tensors_have_empty_gradients);
    suite_add_tcase(suite, tcase);
}

static void add_histories(Suite *suite) {
    TCase *tcase = tcase_create("several backwards, kept values, assigns");
    tcase_add_test(tcase, several_backwards_add_up);
    tcase_add_test(tcase, zero_grad_starts_anew);
    tcase_add_test(tcase, rewind_brings_earlier_gradients_back);
    tcase_add_test(tcase, rewind_past_a_zero_grad_undoes_it);
    tcase_add_test(tcase, a_zero_grad_before_the_mark_stays);
    tcase_add_test(tcase, hessian_of_rosenbrock_is_exact);
    tcase_add_test(tcase, third_derivatives);
    tcase_add_test(tcase, a_gradient_goes_into_the_next_loss);
    tcase_add_test(tcase, gradients_are_kept_over_runs);
    tcase_add_test(tcase, gradients_are_kept_when_only_what_is_asked_for_is);
    tcase_add_test(tcase, a_value_that_was_overwritten_is_not_differentiated);
    tcase_add_test(tcase, a_rule_that_needs_no_old_value_works_after_an_assign);
    tcase_add_test(tcase, what_reads_the_new_value_is_differentiated_there);
    tcase_add_test(tcase, no_gradient_flows_through_an_assign);
    tcase_add_test(tcase, an_assign_that_was_rewound_is_in_nobodys_way);
    suite_add_tcase(suite, tcase);
}

static void add_errors(Suite *suite) {
    TCase *tcase = tcase_create("errors");
    tcase_add_test(tcase, what_is_no_loss_is_refused);
    tcase_add_test(tcase, grad_of_what_is_no_parameter_is_refused);
    tcase_add_test(tcase, after_an_error_nothing_is_differentiated);
    tcase_add_test(tcase, an_op_of_many_operands_has_one_rule);
    tcase_add_loop_test(tcase, a_gradient_of_the_wrong_kind_is_an_error, NARROW, FAILING + 1);
    suite_add_tcase(suite, tcase);
}

Suite *suite_backward(void) {
    Suite *suite = suite_create("backward");
    add_graphs(suite);
    add_histories(suite);
    add_errors(suite);
    return suite;
}
