/* tests/optim/test_own_optimizer.c: optimizers of one's own: RMSprop, written on the public headers, against the formula; groups of
 * parameters, gradients that are handed in, and states.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "ops/values.h"

/* ---- RMSprop ----------------------------------------------------------------------------------------------------- */

/* v <- alpha v + (1 - alpha) g^2,   w <- w - rate g / (sqrt(v) + eps) */
static tg_tensor rmsprop_update(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    double    alpha = *(const double *)options;
    tg_tensor v = tg_optimizer_state_like(w, "rmsprop.v");
    tg_tensor mean = tg_add(tg_mul(alpha, v), tg_mul(1 - alpha, tg_square(g)));
    tg_assign(v, mean);
    return tg_sub(w, tg_div(tg_mul(rate, g), tg_add(tg_sqrt(mean), 1e-8)));
}

static tg_status(rmsprop_step)(tg_tape *tape, tg_tensor rate, double alpha) {
    tg_status status = tg_check_option(tape, "rmsprop_step", "alpha", alpha, 0, 1, TG_RIGHT_OPEN);
    if (status) return status;
    return tg_record_step(tape, &(tg_step){.name = "rmsprop_step", .update = rmsprop_update, .options = &alpha, .rate = rate});
}
#define rmsprop_step(tape, rate, alpha) TG_STEP_CALL(rmsprop_step, tape, rate, alpha)

enum { STEPS = 6 };

/* What it comes to for (w - 3)^2, from w = 0. */
static double by_hand(double rate, double alpha, int steps) {
    double w = 0, v = 0;
    for (int i = 0; i < steps; i++) {
        double g = 2 * (w - 3);
        v = alpha * v + (1 - alpha) * g * g;
        w -= rate * g / (sqrt(v) + 1e-8);
    }
    return w;
}

START_TEST(a_program_that_runs_again_and_again_steps) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.0), rate = tg_full(tape, TG_F64, TG_SHAPE(), 0.25);
    tg_backward(tg_square(tg_sub(w, 3)));
    ck_assert_int_eq(rmsprop_step(tape, rate, 0.75), TG_OK);
    for (int i = 1; i <= STEPS; i++) {
        tg_run(tape);
        ck_assert_double_eq_tol(tg_item(w), by_hand(0.25, 0.75, i), 1e-14);
    }
    finish(tape);
}
END_TEST

START_TEST(a_program_that_is_recorded_afresh_steps) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.0);
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 1; i <= STEPS; i++) {
        tg_backward(tg_square(tg_sub(w, 3)));
        ck_assert_int_eq(rmsprop_step(tape, 0.25, 0.75), TG_OK);
        tg_rewind(tape, mark);
        ck_assert_double_eq_tol(tg_item(w), by_hand(0.25, 0.75, i), 1e-14);
    }
    finish(tape);
}
END_TEST

START_TEST(its_errors_have_its_name) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.0), text = I64(tape, 1);
    FAILS(tape, rmsprop_step(tape, 0.25, 1.0), TG_ERR_ARGUMENT, "rmsprop_step: alpha 1 is not in [0, 1)");
    FAILS(tape, rmsprop_step(tape, 0.25, 0.5), TG_ERR_GRADIENT, "rmsprop_step: no parameter has a gradient");
    tg_backward(tg_square(w));
    FAILS(tape, rmsprop_step(tape, text, 0.5), TG_ERR_SHAPE, "rmsprop_step: the rate is (1), not one number");
    FAILS(tape, rmsprop_step(tape, tg_reshape(text, TG_SHAPE()), 0.5), TG_ERR_DTYPE, "rmsprop_step: the rate is int64");
    FAILS(tape, rmsprop_step(tape, TG_NONE, 0.5), TG_ERR_HANDLE, "rmsprop_step: the rate is TG_NONE");
    FAILS(tape, rmsprop_step(tape, tg_full(tape, TG_F32, TG_SHAPE(), 1), 0.5), TG_ERR_DTYPE, "rmsprop_step: float32");
    finish(tape);
}
END_TEST

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static tg_tensor descend(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    (void)options;
    return tg_sub(w, tg_mul(rate, g));
}

static void (*meddle)(tg_tape *tape, tg_tensor w);

static tg_tensor meddling_update(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    (void)options;
    meddle(w.tape, w);
    return tg_sub(w, tg_mul(rate, g));
}

static void free_it(tg_tape *tape, tg_tensor w) {
    (void)w;
    tg_tape_free(tape);
}

static void run_it(tg_tape *tape, tg_tensor w) {
    (void)w;
    tg_run(tape);
}

static void read_it(tg_tape *tape, tg_tensor w) {
    (void)tape;
    tg_item(w);
}

static void write_it(tg_tape *tape, tg_tensor w) {
    (void)tape;
    tg_write(w, &(double){7}, 1);
}

static void leave_it_open(tg_tape *tape, tg_tensor w) {
    (void)w;
    tg_begin_scope(tape, "open");
}

/* After an error that says so the tape is as it was, and steps on. */
START_TEST(an_update_that_does_more_than_record_is_an_error) {
    static void (*const ways[])(tg_tape *, tg_tensor) = {free_it, run_it, read_it, write_it, leave_it_open};
    static const char *const texts[] = {"not from inside an optimizer's update", "not from inside an optimizer's update",
                                        "not from inside an optimizer's update", "not from inside an optimizer's update",
                                        "an optimizer's update began and ended scopes"};
    tg_tape                 *tape = tg_tape_new();
    tg_tensor                w = tg_parameter(tape, "w", 3.0);
    tg_backward(tg_square(w));
    meddle = ways[_i];
    tg_record_step(tape, &(tg_step){.name = "meddle_step", .update = meddling_update, .rate = tg_num(0.5)});
    ck_assert_int_eq(tg_error_status(tape), TG_ERR_ARGUMENT);
    ck_assert_msg(strstr(tg_error(tape), texts[_i]), "%s", tg_error(tape));
    tg_clear_error(tape);
    CHECK_F64(w, 3);
    tg_sgd_step(tape, 0.25);
    tg_run_pending(tape);
    CHECK_F64(w, 1.5);
    finish(tape);
}
END_TEST

START_TEST(a_group_is_updated_and_the_others_are_not) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = PARAMETER(tape, "a", 1, 2), b = PARAMETER(tape, "b", 3, 4), idle = PARAMETER(tape, "idle", 5);
    tg_backward(tg_add(tg_sum(tg_mul(2, a)), tg_sum(tg_mul(4, b))));
    tg_step slow = {.name = "slow", .update = descend, .rate = tg_num(0.5), .parameters = (tg_tensor[]){a}, .count = 1};
    tg_step fast = {.name = "fast", .update = descend, .rate = tg_num(2), .parameters = (tg_tensor[]){idle, b}, .count = 2};
    ck_assert_int_eq(tg_record_step(tape, &slow), TG_OK);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(a, 0, 1);
    CHECK_IS(b, 3, 4);
    ck_assert_int_eq(tg_record_step(tape, &fast), TG_OK);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(a, 0, 1);
    CHECK_IS(b, -5, -4);
    CHECK_IS(idle, 5);
    finish(tape);
}
END_TEST

START_TEST(gradients_may_be_handed_in) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = PARAMETER(tape, "a", 1, 2), loss = tg_sum(tg_square(a)), g;
    ck_assert_int_eq(tg_vjp(tape, 1, &loss, NULL, 1, &a, &g), TG_OK);
    tg_tensor clipped = tg_clamp(g, -3, 3);
    tg_step step = {.name = "step", .update = descend, .rate = tg_num(1), .parameters = &a, .gradients = &clipped, .count = 1};
    ck_assert_int_eq(tg_record_step(tape, &step), TG_OK);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(a, -1, -1);
    finish(tape);
}
END_TEST

static void fails(tg_tape *tape, tg_step step, tg_status status, const char *text) {
    int64_t count = tg_instruction_count(tape);
    ck_assert_int_eq(tg_record_step(tape, &step), status);
    ck_assert_int_eq(tg_instruction_count(tape), count);
    CHECK_ERROR(tape, status, text);
}

START_TEST(what_does_not_fit_is_rejected) {
    static const double lent[] = {1, 2};
    tg_tape            *tape = tg_tape_new(), *elsewhere = tg_tape_new();
    tg_tensor           a = PARAMETER(tape, "a", 1, 2), other = PARAMETER(elsewhere, "b", 1, 2);
    tg_tensor           borrowed = tg_borrow_parameter(tape, "lent", TG_F64, TG_SHAPE(2), lent);
    tg_tensor three = F64(tape, 1, 2, 3), narrow = F32(tape, 1, 2), good = F64(tape, 1, 2), constant = F64(tape, 1, 2);
    tg_step   step = {.name = "step", .update = descend, .rate = tg_num(1), .parameters = &a, .count = 1};
    fails(tape, step, TG_ERR_GRADIENT, "step: no parameter has a gradient");
    step.gradients = &three;
    fails(tape, step, TG_ERR_SHAPE, "step: a gradient is (3), and what it is for is (2)");
    step.gradients = &narrow;
    fails(tape, step, TG_ERR_DTYPE, "step: a gradient is float32, and what it is for is float64");
    step.gradients = &other;
    fails(tape, step, TG_ERR_HANDLE, "step: a gradient belongs to another tape");
    step.gradients = &good;
    step.parameters = &other;
    fails(tape, step, TG_ERR_HANDLE, "step: a parameter belongs to another tape");
    step.parameters = &constant;
    fails(tape, step, TG_ERR_ARGUMENT, "step: only inputs and parameters can be overwritten");
    step.parameters = &borrowed;
    fails(tape, step, TG_ERR_ARGUMENT, "step: 'lent' is borrowed memory");
    step.parameters = NULL;
    fails(tape, step, TG_ERR_ARGUMENT, "step: there are gradients, and no parameters");
    step.gradients = NULL;
    ck_assert_int_eq(tg_record_step(NULL, &step), TG_ERR_HANDLE);
    finish(tape);
    finish(elsewhere);
}
END_TEST

/* ---- states ------------------------------------------------------------------------------------------------------ */

START_TEST(a_state_is_there_before_a_step_is) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.0);
    tg_mark   mark = tg_tape_mark(tape);
    tg_tensor v = tg_optimizer_state_like(w, "rmsprop.v");
    CHECK_IS(v, 0);
    ck_assert_str_eq(tg_name(v), "w.rmsprop.v");
    tg_write(v, (double[]){16}, 1);
    tg_rewind(tape, mark);
    tg_backward(tg_mul(4, w)); /* v becomes 0.75 * 16 + 0.25 * 16 */
    rmsprop_step(tape, 1, 0.75);
    ck_assert(!tg_run_pending(tape));
    ck_assert_double_eq_tol(tg_item(w), -1, 1e-8);
    finish(tape);
}
END_TEST

START_TEST(the_kind_is_copied) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.0);
    char      kind[] = "one";
    tg_tensor one = tg_optimizer_state(w, kind, TG_F32, TG_SHAPE(3));
    strcpy(kind, "two");
    tg_tensor two = tg_optimizer_state(w, kind, TG_I64, TG_SHAPE());
    ck_assert(one.ref != two.ref && tg_optimizer_state(w, "one", TG_F32, TG_SHAPE(3)).ref == one.ref);
    ck_assert_str_eq(tg_name(tg_find(tape, "w.two")), "w.two");
    finish(tape);
}
END_TEST

START_TEST(a_state_is_asked_for_as_what_it_is) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2), x = tg_input(tape, "x", TG_F64, TG_SHAPE(2));
    tg_optimizer_state_like(w, "m");
    tg_input(tape, "w.n", TG_F64, TG_SHAPE());
    FAILS(tape, tg_optimizer_state(w, "m", TG_F64, TG_SHAPE(3)), TG_ERR_SHAPE,
          "optimizer_state: 'w.m' is float64 (2), not float64 (3)");
    FAILS(tape, tg_optimizer_state(w, "m", TG_F32, TG_SHAPE(2)), TG_ERR_DTYPE,
          "optimizer_state: 'w.m' is float64 (2), not float32 (2)");
    FAILS(tape, tg_optimizer_state_like(w, "n"), TG_ERR_NAME, "optimizer_state: the name 'w.n' is taken");
    FAILS(tape, tg_optimizer_state_like(x, "m"), TG_ERR_ARGUMENT, "optimizer_state: the tensor is no parameter (input)");
    FAILS(tape, tg_optimizer_state_like(w, ""), TG_ERR_ARGUMENT, "optimizer_state: a state needs a kind");
    FAILS(tape, tg_optimizer_state_like(w, NULL), TG_ERR_ARGUMENT, "optimizer_state: a state needs a kind");
    FAILS(tape, tg_optimizer_state(w, "k", TG_DTYPES, TG_SHAPE()), TG_ERR_DTYPE, "optimizer_state: 4 is no dtype");
    FAILS(tape, tg_optimizer_state(w, "k", TG_F64, TG_SHAPE(-1)), TG_ERR_SHAPE, "optimizer_state: 'k' has no shape");
    ck_assert(!tg_valid((tg_optimizer_state_like)(TG_NONE, "m")));
    finish(tape);
}
END_TEST

/* ---- what a checkpoint holds --------------------------------------------------------------------------------------- */

/* The names that an iteration gives, one after the other. */
static void list_states(tg_tensor w, char *names) {
    *names = 0;
    for (tg_tensor s = tg_next_optimizer_state(w, TG_NONE); !tg_is_none(s); s = tg_next_optimizer_state(w, s)) {
        ck_assert(tg_valid(s));
        strcat(strcat(names, tg_name(s)), " ");
    }
}

START_TEST(states_are_listed_in_their_order_on_the_tape_or_not) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2), b = PARAMETER(tape, "b", 1);
    tg_mark   mark = tg_tape_mark(tape);
    char      names[200];
    tg_backward(tg_sum(w));
    tg_adam_step(tape, 1, NULL);
    tg_rewind(tape, mark);
    list_states(b, names);
    ck_assert_str_eq(names, "");
    list_states(w, names);
    ck_assert_str_eq(names, "w.adam.m w.adam.v w.adam.t ");
    CHECK_IS(tg_find(tape, "w.adam.t"), 1);
    list_states(w, names);
    ck_assert_str_eq(names, "w.adam.m w.adam.v w.adam.t ");
    FAILS(tape, tg_next_optimizer_state(w, b), TG_ERR_ARGUMENT, "optimizer_state: the one before is no state of 'w'");
    tg_tensor constant = F64(tape, 1);
    FAILS(tape, tg_next_optimizer_state(constant, TG_NONE), TG_ERR_ARGUMENT, "optimizer_state: the tensor is no parameter");
    finish(tape);
}
END_TEST

START_TEST(inputs_are_listed_in_their_order_without_the_states) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2), x = tg_input(tape, "x", TG_F64, TG_SHAPE());
    tg_optimizer_state(w, "m", TG_F64, TG_SHAPE(100));
    tg_optimizer_state(w, "t", TG_F64, TG_SHAPE());
    tg_tensor y = tg_input(tape, NULL, TG_I64, TG_SHAPE(100)), lost;
    tg_tensor first = tg_next_input(tape, TG_NONE), second = tg_next_input(tape, first);
    ck_assert(first.ref == x.ref && second.ref == y.ref && tg_is_none(tg_next_input(tape, second)));
    tg_mark mark = tg_tape_mark(tape);
    lost = tg_neg(x);
    tg_rewind(tape, mark);
    ck_assert(!tg_valid(tg_next_input(tape, lost)));
    CHECK_ERROR(tape, TG_ERR_HANDLE, "next_input: the one before is stale");
    ck_assert(!tg_valid(tg_next_input(NULL, TG_NONE)));
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_own_optimizer(void) {
    Suite *suite = suite_create("own_optimizer");
    TCase *steps = tcase_create("steps"), *states = tcase_create("states");
    tcase_add_test(steps, a_program_that_runs_again_and_again_steps);
    tcase_add_test(steps, a_program_that_is_recorded_afresh_steps);
    tcase_add_test(steps, its_errors_have_its_name);
    tcase_add_loop_test(steps, an_update_that_does_more_than_record_is_an_error, 0, 5);
    tcase_add_test(steps, a_group_is_updated_and_the_others_are_not);
    tcase_add_test(steps, gradients_may_be_handed_in);
    tcase_add_test(steps, what_does_not_fit_is_rejected);
    tcase_add_test(states, a_state_is_there_before_a_step_is);
    tcase_add_test(states, the_kind_is_copied);
    tcase_add_test(states, a_state_is_asked_for_as_what_it_is);
    tcase_add_test(states, states_are_listed_in_their_order_on_the_tape_or_not);
    tcase_add_test(states, inputs_are_listed_in_their_order_without_the_states);
    suite_add_tcase(suite, steps);
    suite_add_tcase(suite, states);
    return suite;
}
