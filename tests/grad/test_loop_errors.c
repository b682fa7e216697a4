/* tests/grad/test_loop_errors.c: what cannot be a loop, and loops that fail.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "grad/loops.h"
#include "ops/values.h"

static void takes_an_input(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)context;
    state[0] = y[0] = tg_add(state[0], x[0]);
}

static void too_long(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y, (void)context;
    state[0] = tg_concat(TG_LIST(state[0], state[0]), 0);
}

static void of_float32(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y, (void)context;
    state[0] = tg_cast(state[0], TG_F32);
}

static void draws(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y, (void)context;
    state[0] = tg_dropout(state[0], 0.5, true);
}

static void assigns(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y;
    tg_assign(*(tg_tensor *)context, state[0]);
}

static void makes_an_input(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)x, (void)y, (void)context;
    state[0] = tg_input(tape, NULL, TG_F64, TG_SHAPE(2));
}

static void forgets_an_output(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)state, (void)x, (void)y, (void)context;
}

static void reads(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y, (void)context;
    tg_item(state[0]);
}

static void adds_wrongly(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y;
    state[0] = tg_add(state[0], *(tg_tensor *)context);
}

static void differentiates_outside(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_tensor z = tg_mul(state[0], *(tg_tensor *)context), g;
    (void)x, (void)y;
    tg_vjp(tape, 1, &z, NULL, 1, context, &g);
}

static tg_tensor leaked;

static void leaks(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y;
    *(tg_tensor *)context = state[0] = tg_exp(state[0]);
}

static void gives_its_state(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)context;
    y[0] = state[0];
}

static void has_many_axes(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)context;
    y[0] = tg_reshape(tg_sum(state[0]), TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
}

/* Hands on what the body of a loop in it recorded. */
static void hands_on_from_within(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_tensor    within, h = state[0];
    tg_loop_spec inner = loop(leaks, &within, 2, 1, &h);
    (void)x, (void)y, (void)context;
    if (!tg_scan(tape, &inner)) state[0] = within;
}

typedef struct fault {
    tg_loop_body *body;
    int           states, inputs, outputs;
    int64_t       steps;
    tg_status     status;
    const char   *text;
} fault;

static const fault faults[] = {
    {NULL, 1, 0, 0, 3, TG_ERR_ARGUMENT, "scan: no body"},
    {takes_an_input, 0, 1, 0, 3, TG_ERR_ARGUMENT, "scan: no state, and no output"},
    {takes_an_input, -1, 0, 1, 3, TG_ERR_ARGUMENT, "scan: 3 steps with -1 states"},
    {takes_an_input, 1, 0, 0, -3, TG_ERR_ARGUMENT, "scan: -3 steps"},
    {takes_an_input, 1, 1, 0, 4, TG_ERR_SHAPE, "scan: input 0 is (3, 2): its first axis must be that of the 4 steps"},
    {too_long, 1, 0, 0, 3, TG_ERR_SHAPE, "scan: a state is (2) before a step, and (4) after it"},
    {of_float32, 1, 0, 0, 3, TG_ERR_DTYPE, "scan: a state after a step is float32, and what came before it float64"},
    {gives_its_state, 1, 0, 1, INT64_MAX, TG_ERR_SHAPE, "scan: (2): 9223372036854775807 steps have too many elements"},
    {has_many_axes, 1, 0, 1, 3, TG_ERR_SHAPE, "scan: an output of a step has 8 axes"},
    {hands_on_from_within, 1, 0, 0, 3, TG_ERR_HANDLE, "scan: a state after a step was recorded in the body of another loop"},
    {draws, 1, 0, 0, 3, TG_ERR_ARGUMENT, "scan: the body draws numbers"},
    {assigns, 1, 0, 0, 3, TG_ERR_ARGUMENT, "assign: not in the body of a loop"},
    {makes_an_input, 1, 0, 0, 3, TG_ERR_ARGUMENT, "scan: the body records input"},
    {forgets_an_output, 1, 0, 1, 3, TG_ERR_HANDLE, "scan: an output of a step is no tensor"},
    {reads, 1, 0, 0, 3, TG_ERR_ARGUMENT, "item: not from inside the body of a loop"},
    {adds_wrongly, 1, 0, 0, 3, TG_ERR_SHAPE, "add: (2) x (3)"},
    {differentiates_outside, 1, 0, 0, 3, TG_ERR_ARGUMENT, "vjp: some inputs and outputs stand before the loop"},
};
enum { FAULTS = sizeof faults / sizeof *faults };

START_TEST(what_cannot_be_a_loop_is_rejected) {
    const fault *f = &faults[_i];
    tg_tape     *tape = tg_tape_new();
    tg_tensor    h = PARAMETER(tape, "h", 1, 2), x = tg_full(tape, TG_F64, TG_SHAPE(3, 2), 1), last = h, y;
    tg_tensor    context = f->body == adds_wrongly ? tg_full(tape, TG_F64, TG_SHAPE(3), 1) : h;
    int64_t      count = tg_instruction_count(tape);
    tg_loop_spec spec = loop(f->body, &context, f->steps, f->states, &last);
    spec.inputs = f->inputs, spec.outputs = f->outputs, spec.x = &x, spec.y = &y;
    FAILS(tape, tg_scan(tape, &spec), f->status, f->text);
    ck_assert_int_eq(tg_instruction_count(tape), count);
    ck_assert(tg_valid(last) && tg_item(tg_sum(last)) == 3);
    finish(tape);
}
END_TEST

START_TEST(states_of_two_dtypes_are_rejected) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    state[2] = {VECTOR(tape, 1, 2), tg_full(tape, TG_F32, TG_SHAPE(2), 1)};
    tg_loop_spec spec = loop(leaks, &(tg_tensor){0}, 3, 2, state);
    FAILS(tape, tg_scan(tape, &spec), TG_ERR_DTYPE, "scan: state 1 is float32, and the first one float64");
    finish(tape);
}
END_TEST

/* Segments take an axis more. */
START_TEST(an_input_of_8_axes_has_no_room_for_segments) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    h = tg_full(tape, TG_F64, TG_SHAPE(1, 1, 1, 1, 1, 1, 1), 1);
    tg_tensor    x = tg_full(tape, TG_F64, TG_SHAPE(9, 1, 1, 1, 1, 1, 1, 1), 1), y;
    tg_loop_spec spec = loop(takes_an_input, NULL, 9, 1, &h);
    spec.inputs = 1, spec.x = &x, spec.outputs = 1, spec.y = &y, spec.memory = 1;
    FAILS(tape, tg_scan(tape, &spec), TG_ERR_SHAPE, "scan: an input of rank 8 cannot be cut into segments");
    spec.memory = 0;
    ck_assert_msg(!tg_scan(tape, &spec), "%s", tg_error(tape));
    finish(tape);
}
END_TEST

START_TEST(what_a_body_recorded_stays_in_the_loop) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    h = PARAMETER(tape, "h", 0, 0), last = h;
    tg_loop_spec spec = loop(leaks, &leaked, 2, 1, &last);
    ck_assert(!tg_scan(tape, &spec));
    FAILS(tape, tg_exp(leaked), TG_ERR_HANDLE, "exp: the operand was recorded in the body of a loop");
    CHECK_F64(last, exp(1), exp(1));
    finish(tape);
}
END_TEST

/* context: a table that the last step's index is beyond. */
static void looks_up(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)y;
    state[0] = tg_add(state[0], tg_take(*(tg_tensor *)context, x[0], 0));
}

START_TEST(a_step_that_fails_fails_the_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor table = VECTOR(tape, 1, 2), x = tg_input(tape, "x", TG_I64, TG_SHAPE(2)),
              sum = tg_full(tape, TG_F64, TG_SHAPE(), 0);
    tg_loop_spec spec = loop(looks_up, &table, 2, 1, &sum);
    spec.inputs = 1, spec.x = &x;
    ck_assert(!tg_scan(tape, &spec));
    tg_write(x, ((int64_t[]){1, 2}), 2);
    ck_assert_int_eq(tg_run(tape), TG_ERR_INDEX);
    ck_assert_msg(strstr(tg_error(tape), "index 2"), "%s", tg_error(tape));
    tg_clear_error(tape);
    tg_write(x, ((int64_t[]){1, 0}), 2);
    ck_assert(!tg_run(tape));
    CHECK_F64(sum, 3);
    finish(tape);
}
END_TEST

START_TEST(a_nan_in_a_step_is_found) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    h = tg_full(tape, TG_F64, TG_SHAPE(), 1000);
    tg_loop_spec spec = loop(leaks, &leaked, 2, 1, &h);
    tg_set_anomaly(tape, true);
    ck_assert(!tg_scan(tape, &spec));
    ck_assert_int_eq(tg_run(tape), TG_ERR_ANOMALY);
    ck_assert_msg(strstr(tg_error(tape), "exp"), "%s", tg_error(tape));
    tg_tape_free(tape);
}
END_TEST

Suite *suite_loop_errors(void) {
    Suite *suite = suite_create("grad/loop_errors");
    TCase *tcase = tcase_create("loop_errors");
    tcase_add_loop_test(tcase, what_cannot_be_a_loop_is_rejected, 0, FAULTS);
    tcase_add_test(tcase, states_of_two_dtypes_are_rejected);
    tcase_add_test(tcase, an_input_of_8_axes_has_no_room_for_segments);
    tcase_add_test(tcase, what_a_body_recorded_stays_in_the_loop);
    tcase_add_test(tcase, a_step_that_fails_fails_the_run);
    tcase_add_test(tcase, a_nan_in_a_step_is_found);
    suite_add_tcase(suite, tcase);
    return suite;
}
