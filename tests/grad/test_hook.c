/* tests/grad/test_hook.c: what is called in the middle of a backward walk.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "ops/values.h"

/* Which parameters came, and how many instructions were on the tape then. */
typedef struct seen {
    int       count;
    char      names[16];
    int64_t   at[16];
    tg_tensor instead; /* what the hook returns; the gradient itself where it is zero */
} seen;

static tg_tensor look(tg_tensor parameter, tg_tensor gradient, void *context) {
    seen *s = context;
    s->names[s->count] = *tg_name(parameter);
    s->at[s->count++] = tg_instruction_count(gradient.tape);
    return tg_is_none(tg_or_none(s->instead)) ? gradient : s->instead;
}

/* Each once, when the walk has been at all that reads it: the last layer's first. */
START_TEST(a_hook_comes_when_the_gradient_is_complete) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 2), b = tg_parameter(tape, "b", 3), c = tg_parameter(tape, "c", 5);
    tg_parameter(tape, "unused", 1);
    tg_tensor x = tg_mul(tg_exp(tg_mul(a, a)), b), y = tg_mul(tg_mul(x, c), b);
    seen      s = {0};
    ck_assert_int_eq(tg_backward_with(y, look, &s), TG_OK);
    ck_assert_str_eq(s.names, "cba");
    ck_assert_int_lt(s.at[0], s.at[1]);
    ck_assert_int_lt(s.at[1], s.at[2]);
    ck_assert_int_lt(s.at[1], tg_instruction_count(tape));
    tg_tensor w[] = {a, b, c}, g[3];
    tg_vjp(tape, 1, &y, NULL, 3, w, g);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq(tg_item(tg_grad(w[i])), tg_item(g[i]));
    finish(tape);
}
END_TEST

static tg_tensor doubled(tg_tensor parameter, tg_tensor gradient, void *context) {
    (void)parameter, (void)context;
    return tg_mul(2, gradient);
}

static tg_tensor none(tg_tensor parameter, tg_tensor gradient, void *context) {
    (void)gradient, (void)context;
    return *tg_name(parameter) == 'a' ? TG_NONE : gradient;
}

/* What it returns is the gradient; what was there before is added after it. */
START_TEST(a_hook_changes_gradients) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 2), b = tg_parameter(tape, "b", 3), y = tg_mul(a, b);
    tg_backward(y);
    tg_backward_with(y, doubled, NULL);
    CHECK_IS(tg_grad(a), 9);
    CHECK_IS(tg_grad(b), 6);
    tg_zero_grad(tape);
    tg_backward_with(y, none, NULL);
    ck_assert(!tg_has_grad(a));
    CHECK_IS(tg_grad(b), 2);
    tg_zero_grad(tape);
    ck_assert_int_eq(tg_backward_with(y, NULL, NULL), TG_OK);
    CHECK_IS(tg_grad(a), 3);
    finish(tape);
}
END_TEST

/* Parts of a parameter are added up before the hook sees them. */
START_TEST(a_hook_sees_parts_added_up) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", VECTOR(tape, 1, 2, 3));
    tg_tensor x = tg_sum(tg_slice(w, 0, 0, 2, 1)), y = tg_mul(3, tg_sum(tg_slice(w, 0, 1, 3, 1)));
    tg_backward_with(tg_add(x, y), doubled, NULL);
    CHECK_F64(tg_grad(w), 2, 8, 6);
    finish(tape);
}
END_TEST

START_TEST(a_loss_that_is_a_parameter_has_a_hook_too) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 4);
    tg_backward_with(w, doubled, NULL);
    CHECK_IS(tg_grad(w), 2);
    finish(tape);
}
END_TEST

static tg_tensor runs(tg_tensor parameter, tg_tensor gradient, void *context) {
    (void)parameter, (void)context;
    tg_run(gradient.tape);
    return gradient;
}

/* It may record and no more; a wrong answer is an error, and leaves the tape as it was. */
START_TEST(what_a_hook_may_not_do) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", VECTOR(tape, 1, 2)), y = tg_sum(tg_square(w));
    int64_t   count = tg_instruction_count(tape);
    FAILS(tape, tg_backward_with(y, runs, NULL), TG_ERR_ARGUMENT, "run: not from inside a gradient hook");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    seen s = {.instead = tg_full(tape, TG_F32, TG_SHAPE(2), 1)};
    seen longer = {.instead = tg_full(tape, TG_F64, TG_SHAPE(3, 2), 1)};
    count = tg_instruction_count(tape);
    FAILS(tape, tg_backward_with(y, look, &longer), TG_ERR_GRADIENT, "backward: a gradient hook gave float64 (3, 2)");
    FAILS(tape, tg_backward_with(y, look, &s), TG_ERR_GRADIENT,
          "backward: a gradient hook gave float32 (2) for 'w', which is float64 (2)");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    ck_assert(!tg_has_grad(w));
    finish(tape);
}
END_TEST

Suite *suite_hook(void) {
    Suite *suite = suite_create("hook");
    TCase *hook = tcase_create("hook");
    tcase_add_test(hook, a_hook_comes_when_the_gradient_is_complete);
    tcase_add_test(hook, a_hook_changes_gradients);
    tcase_add_test(hook, a_hook_sees_parts_added_up);
    tcase_add_test(hook, a_loss_that_is_a_parameter_has_a_hook_too);
    tcase_add_test(hook, what_a_hook_may_not_do);
    suite_add_tcase(suite, hook);
    return suite;
}
