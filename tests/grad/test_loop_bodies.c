/* tests/grad/test_loop_bodies.c: what a loop's body may be, where loops may stand, and what they cost.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "grad/loops.h"
#include "ops/values.h"

enum { WIDTH = 5, STEPS = 7 };

/* ---- kinds of bodies --------------------------------------------------------------------------------------------- */

static void exchange(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_tensor first = state[0];
    (void)tape, (void)x, (void)y, (void)context;
    state[0] = state[1];
    state[1] = tg_add(first, state[1]);
}

/* Fibonacci's numbers; the first state after a step is the second one before it. */
START_TEST(states_can_change_places) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    a = PARAMETER(tape, "a", 0), b = PARAMETER(tape, "b", 1), state[2] = {a, b}, g[2];
    tg_loop_spec spec = loop(exchange, NULL, 10, 2, state);
    ck_assert(!tg_scan(tape, &spec));
    CHECK_F64(state[0], 55);
    CHECK_F64(state[1], 89);
    ck_assert(!tg_vjp(tape, 1, &state[1], NULL, 2, (tg_tensor[]){a, b}, g));
    CHECK_F64(g[0], 55);
    CHECK_F64(g[1], 89);
    finish(tape);
}
END_TEST

static void hand_on(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)state;
    y[0] = *(tg_tensor *)context;
    y[1] = x[0];
    y[2] = tg_reshape(state[0], TG_SHAPE(2, 1));
}

START_TEST(outputs_can_be_inputs_states_views_and_values_from_outside) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    w = PARAMETER(tape, "w", 5), x = PARAMETER(tape, "x", 1, 2, 3), h = PARAMETER(tape, "h", 7, 8), y[3];
    tg_tensor    last = h;
    tg_loop_spec spec = loop(hand_on, &w, 3, 1, &last);
    spec.inputs = 1, spec.outputs = 3, spec.x = &x, spec.y = y;
    ck_assert(!tg_scan(tape, &spec));
    CHECK_F64(y[0], 5, 5, 5);
    CHECK_F64(y[1], 1, 2, 3);
    CHECK_F64(y[2], 7, 8, 7, 8, 7, 8);
    ck_assert_int_eq(tg_shape_of(y[2]).rank, 3);
    CHECK_F64(last, 7, 8);
    tg_tensor weighted = tg_mul(y[1], tg_constant(tape, TG_F64, TG_SHAPE(3), ((double[]){1, 10, 100})));
    tg_tensor loss = tg_add(tg_add(tg_sum(weighted), tg_sum(y[0])), tg_add(tg_sum(y[2]), tg_sum(tg_square(last))));
    ck_assert(!tg_backward(loss));
    CHECK_F64(tg_grad(w), 3);
    CHECK_F64(tg_grad(x), 1, 10, 100);
    CHECK_F64(tg_grad(h), 17, 19);
    finish(tape);
}
END_TEST

static void no_state(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)state, (void)context;
    y[0] = tg_sum(tg_square(x[0]));
}

START_TEST(a_loop_without_states_is_a_map) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    x = tg_parameter(tape, "x", tg_constant(tape, TG_F64, TG_SHAPE(2, 2), ((double[]){1, 2, 3, 4}))), y;
    tg_loop_spec spec = {.body = no_state, .steps = 2, .inputs = 1, .outputs = 1, .x = &x, .y = &y};
    ck_assert(!tg_scan(tape, &spec));
    CHECK_F64(y, 5, 25);
    ck_assert(!tg_backward(tg_sum(tg_square(y))));
    CHECK_F64(tg_grad(x), 20, 40, 300, 400);
    finish(tape);
}
END_TEST

START_TEST(no_steps_leave_the_states_as_they_are) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    h = PARAMETER(tape, "h", 1, 2), last = h, y, w[2] = {tg_full(tape, TG_F64, TG_SHAPE(2, 2), 1), h};
    tg_tensor    x = tg_full(tape, TG_F64, TG_SHAPE(0, 2), 0);
    tg_loop_spec spec = loop(cell, w, 0, 1, &last);
    spec.inputs = 1, spec.outputs = 1, spec.x = &x, spec.y = &y;
    ck_assert(!tg_scan(tape, &spec));
    ck_assert_int_eq(tg_size(y), 0);
    CHECK_F64(last, 1, 2);
    ck_assert(!tg_backward(tg_add(tg_sum(tg_square(last)), tg_sum(y))));
    CHECK_F64(tg_grad(h), 2, 4);
    finish(tape);
}
END_TEST

/* context: a table of float32, and indices; a mask and a scale of float32 come step by step; the states are float64. */
static void mixed(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const tg_tensor *table = context;
    (void)tape, (void)y;
    tg_tensor rows = tg_cast(tg_mul(tg_take(table[0], table[1], 0), x[1]), TG_F64);
    state[0] = tg_where(x[0], tg_add(tg_square(state[0]), rows), state[0]);
}

START_TEST(what_is_read_may_be_of_any_dtype) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    table[2] = {tg_parameter(tape, "table", tg_constant(tape, TG_F32, TG_SHAPE(3), ((float[]){1, 2, 3}))),
                             tg_constant(tape, TG_I64, TG_SHAPE(2), ((int64_t[]){2, 0}))};
    tg_tensor    x[2] = {tg_constant(tape, TG_BOOL, TG_SHAPE(2), ((bool[]){true, false})),
                         tg_parameter(tape, "scale", tg_constant(tape, TG_F32, TG_SHAPE(2), ((float[]){2, 4})))};
    tg_tensor    h = PARAMETER(tape, "h", 3, 5), last = h;
    tg_loop_spec spec = loop(mixed, table, 2, 1, &last);
    spec.inputs = 2, spec.x = x;
    ck_assert_msg(!tg_scan(tape, &spec), "%s", tg_error(tape));
    CHECK_F64(last, 15, 27);
    ck_assert(!tg_backward(tg_sum(last)));
    CHECK_F64(tg_grad(h), 6, 10);
    float g[3];
    ck_assert(!tg_read(tg_grad(table[0]), g, 3) && g[0] == 2 && g[1] == 0 && g[2] == 2);
    ck_assert(!tg_read(tg_grad(x[1]), g, 2) && g[0] == 4 && g[1] == 0);
    finish(tape);
}
END_TEST

/* A loop of integers, which has no gradient. */
static void count_up(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)context;
    y[0] = state[0];
    state[0] = tg_add(tg_mul(state[0], 3), 1);
}

START_TEST(states_can_be_integers) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    n = tg_constant(tape, TG_I64, TG_SHAPE(), ((int64_t[]){0})), y;
    tg_loop_spec spec = loop(count_up, NULL, 4, 1, &n);
    int64_t      n_before[4];
    spec.outputs = 1, spec.y = &y;
    ck_assert(!tg_scan(tape, &spec) && !tg_read(y, n_before, 4));
    ck_assert(n_before[0] == 0 && n_before[1] == 1 && n_before[2] == 4 && n_before[3] == 13 && tg_item(n) == 40);
    finish(tape);
}
END_TEST

/* ---- loops in loops, parts, derivatives in bodies ---------------------------------------------------------------- */

/* context: what the inner one reads from outside of both. */
static void inner_step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const tg_tensor *of_both = context;
    (void)tape, (void)x;
    state[0] = tg_sin(tg_add(tg_mul(state[0], of_both[0]), of_both[1]));
    y[0] = tg_mul(state[0], of_both[1]);
}

typedef struct nest {
    tg_tensor w;
    bool      unrolled;
} nest;

static void outer_step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const nest  *n = context;
    tg_tensor    of_both[2] = {n->w, tg_exp(x[0])}, gs;
    tg_loop_spec inner = loop(inner_step, of_both, 3, 1, state);
    inner.outputs = 1, inner.y = &gs;
    if (n->unrolled)
        unrolled(tape, &inner);
    else
        tg_scan(tape, &inner);
    state[0] = tg_add(state[0], tg_mean(gs));
    y[0] = tg_sum(gs);
}

START_TEST(loops_can_be_nested) {
    tg_tensor g[2][3], hv[2][3], loss[2];
    tg_tape  *tape = tg_tape_new();
    tg_tensor leaves[3] = {PARAMETER(tape, "w", 0.7), PARAMETER(tape, "h", 0.2, -0.4),
                           tg_parameter(tape, "x", tg_constant(tape, TG_F64, TG_SHAPE(4), ((double[]){0.1, 0.2, -0.3, 0.5})))};
    for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
        nest         n = {leaves[0], one_by_one};
        tg_tensor    h = leaves[1], y;
        tg_loop_spec spec = loop(outer_step, &n, 4, 1, &h);
        spec.inputs = 1, spec.outputs = 1, spec.x = &leaves[2], spec.y = &y, spec.memory = _i ? 1 : 0;
        ck_assert_msg(!(one_by_one ? unrolled(tape, &spec) : tg_scan(tape, &spec)), "%s", tg_error(tape));
        loss[one_by_one] = tg_add(tg_sum(tg_square(h)), tg_sum(tg_square(y)));
        ck_assert_msg(!tg_vjp(tape, 1, &loss[one_by_one], NULL, 3, leaves, g[one_by_one]), "%s", tg_error(tape));
        ck_assert(!tg_hvp(loss[one_by_one], 3, leaves, NULL, hv[one_by_one]));
    }
    ck_assert(tg_item(loss[0]) == tg_item(loss[1]));
    for (int i = 0; i < 3; i++) {
        ck_assert_msg(difference(g[0][i], g[1][i]) < 1e-14, "gradient %d: %g", i, difference(g[0][i], g[1][i]));
        ck_assert_msg(difference(hv[0][i], hv[1][i]) < 1e-12, "second order %d: %g", i, difference(hv[0][i], hv[1][i]));
    }
    finish(tape);
}
END_TEST

/* Two loops in a body use the same value from outside of both; context: w, and whether they are unrolled. */
static void grow(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y;
    state[0] = tg_sin(tg_mul(*(tg_tensor *)context, state[0]));
}

static void twice(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const nest *n = context;
    (void)x, (void)y;
    for (int k = 0; k < 2; k++) {
        tg_loop_spec spec = loop(grow, (void *)&n->w, 2 + k, 1, state);
        if (n->unrolled)
            unrolled(tape, &spec);
        else
            tg_scan(tape, &spec);
    }
    state[0] = tg_mul(n->w, state[0]);
}

START_TEST(loops_in_a_body_share_what_they_take_from_outside) {
    tg_tensor g[2][2], hv[2][2];
    tg_tape  *tape = tg_tape_new();
    tg_tensor leaves[2] = {PARAMETER(tape, "w", 0.7, 1.2), PARAMETER(tape, "h", 0.2, -0.4)};
    for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
        nest         n = {leaves[0], one_by_one};
        tg_tensor    h = leaves[1];
        tg_loop_spec spec = loop(twice, &n, 3, 1, &h);
        ck_assert_msg(!(one_by_one ? unrolled(tape, &spec) : tg_scan(tape, &spec)), "%s", tg_error(tape));
        tg_tensor loss = tg_sum(tg_square(h));
        ck_assert(!tg_vjp(tape, 1, &loss, NULL, 2, leaves, g[one_by_one]));
        ck_assert(!tg_hvp(loss, 2, leaves, NULL, hv[one_by_one]));
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_double_lt(difference(g[0][i], g[1][i]), 1e-14);
        ck_assert_double_lt(difference(hv[0][i], hv[1][i]), 1e-13);
    }
    finish(tape);
}
END_TEST

/* Gradient descent on (x - w)^4 / 4, in a loop; context: w. */
static void descend(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_tensor energy = tg_mul(0.25, tg_pow(tg_sub(state[0], *(tg_tensor *)context), 4)), g;
    (void)x, (void)y;
    if (!tg_vjp(tape, 1, &energy, NULL, 1, state, &g)) state[0] = tg_sub(state[0], tg_mul(0.5, g));
}

START_TEST(a_body_can_differentiate) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    w = PARAMETER(tape, "w", 0.25), x = PARAMETER(tape, "x", 1), last = x;
    double       value = 1, slope_of_x = 1, slope_of_w = 0;
    tg_loop_spec spec = loop(descend, &w, 20, 1, &last);
    for (int i = 0; i < 20; i++) {
        double away = value - 0.25;
        slope_of_x -= 1.5 * away * away * slope_of_x;
        slope_of_w -= 1.5 * away * away * (slope_of_w - 1);
        value -= 0.5 * away * away * away;
    }
    ck_assert_msg(!tg_scan(tape, &spec) && !tg_backward(last), "%s", tg_error(tape));
    ck_assert(fabs(tg_item(last) - value) < 1e-14 && fabs(tg_item(tg_grad(x)) - slope_of_x) < 1e-14);
    ck_assert(fabs(tg_item(tg_grad(w)) - slope_of_w) < 1e-14);
    finish(tape);
}
END_TEST

/* Differentiates a loop that reads the weight, and reads the weight again; context: a nest. */
static void differentiate_loop(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const nest  *n = context;
    tg_tensor    h = state[0], g;
    tg_loop_spec spec = loop(grow, (void *)&n->w, 2, 1, &h);
    (void)x, (void)y;
    if (n->unrolled)
        unrolled(tape, &spec);
    else
        tg_scan(tape, &spec);
    if (!tg_vjp(tape, 1, &h, NULL, 1, state, &g)) state[0] = tg_mul(tg_sin(g), n->w);
}

START_TEST(a_body_can_differentiate_a_loop_and_go_on) {
    tg_tensor g[2][2], t[2], hv[2][2];
    tg_tape  *tape = tg_tape_new();
    tg_tensor leaves[2] = {PARAMETER(tape, "w", 0.7, 1.2), PARAMETER(tape, "h", 0.2, -0.4)};
    for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
        nest         n = {leaves[0], one_by_one};
        tg_tensor    h = tg_mul(leaves[1], 1);
        tg_loop_spec spec = loop(differentiate_loop, &n, 3, 1, &h);
        ck_assert_msg(!(one_by_one ? unrolled(tape, &spec) : tg_scan(tape, &spec)), "%s", tg_error(tape));
        ck_assert(!tg_vjp(tape, 1, &h, NULL, 2, leaves, g[one_by_one]));
        ck_assert(!tg_jvp(tape, 2, leaves, NULL, 1, &h, &t[one_by_one]));
        ck_assert(!tg_hvp(h, 2, leaves, NULL, hv[one_by_one]));
    }
    ck_assert_double_lt(difference(t[0], t[1]), 1e-13);
    for (int i = 0; i < 2; i++) {
        ck_assert_double_lt(difference(g[0][i], g[1][i]), 1e-13);
        ck_assert_double_lt(difference(hv[0][i], hv[1][i]), 1e-12);
    }
    finish(tape);
}
END_TEST

/* Multiplies by the derivative of a loop that stands before; context: what it was computed from, and what it came to. */
static void multiply_by_slope(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const tg_tensor *ends = context;
    tg_tensor        g;
    (void)x, (void)y;
    if (!tg_vjp(tape, 1, &ends[1], NULL, 1, &ends[0], &g)) state[0] = tg_mul(state[0], g);
}

/* What the first loop has saved is read by the second one's body: its derivative goes that way, too. */
START_TEST(a_body_can_differentiate_a_loop_before_it) {
    tg_tensor g[2], t[2], hv[2];
    tg_tape  *tape = tg_tape_new();
    tg_tensor leaf = PARAMETER(tape, "h", 0.2, -0.4), w = PARAMETER(tape, "w", 0.7, 1.2);
    for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
        nest         n = {w, true};
        tg_tensor    ends[2] = {leaf, tg_mul(leaf, 1)}, state = tg_mul(w, 1);
        tg_loop_spec first = loop(grow, &n.w, 3, 1, &ends[1]), second = loop(multiply_by_slope, ends, 2, 1, &state);
        ck_assert(!tg_scan(tape, &first));
        ck_assert_msg(!(one_by_one ? unrolled(tape, &second) : tg_scan(tape, &second)), "%s", tg_error(tape));
        ck_assert(!tg_vjp(tape, 1, &state, NULL, 1, &leaf, &g[one_by_one]));
        ck_assert(!tg_jvp(tape, 1, &leaf, NULL, 1, &state, &t[one_by_one]));
        ck_assert(!tg_hvp(state, 1, &leaf, NULL, &hv[one_by_one]));
    }
    ck_assert_double_lt(difference(g[0], g[1]), 1e-13);
    ck_assert_double_lt(difference(t[0], t[1]), 1e-13);
    ck_assert_double_lt(difference(hv[0], hv[1]), 1e-12);
    finish(tape);
}
END_TEST

/* context: a value from before both loops. */
static void differentiate_across(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_tensor *ends = context;
    (void)x, (void)y;
    tg_vjp(tape, 1, &ends[1], NULL, 1, &ends[0], &state[0]);
}

static void reads_and_loops(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_tensor    ends[2] = {*(tg_tensor *)context, tg_mul(*(tg_tensor *)context, state[0])};
    tg_loop_spec spec = loop(differentiate_across, ends, 2, 1, state);
    (void)x, (void)y;
    tg_scan(tape, &spec);
}

/* In the body of a loop what stands before it is constant: in the body of a loop in it, too. */
START_TEST(a_derivative_does_not_cross_two_loops) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    w = PARAMETER(tape, "w", 0.7), state = PARAMETER(tape, "h", 0.2);
    tg_loop_spec spec = loop(reads_and_loops, &w, 2, 1, &state);
    ck_assert_int_eq(tg_scan(tape, &spec), TG_ERR_ARGUMENT);
    ck_assert_msg(strstr(tg_error(tape), "some inputs and outputs stand before the loop") != NULL, "%s", tg_error(tape));
    tg_tape_free(tape);
}
END_TEST

static void mix(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y, (void)context;
    state[0] = tg_sin(tg_add(state[0], tg_mul(0.1, tg_sum(state[0]))));
}

/* Of more than 32 numbers the Jacobian is a loop. */
START_TEST(a_jacobian_of_a_loop_has_derivatives) {
    for (int64_t n = 32; n < 35; n += 2) {
        tg_tape     *tape = tg_tape_new();
        tg_tensor    x = tg_input(tape, "x", TG_F64, TG_SHAPE(n)), state = x;
        tg_loop_spec spec = loop(mix, NULL, 3, 1, &state);
        double       numbers[34];
        for (int i = 0; i < 34; i++)
            numbers[i] = sin(i);
        ck_assert(!tg_write(x, numbers, n) && !tg_scan(tape, &spec));
        ck_assert_msg(!tg_gradcheck(tg_mean(tg_square(tg_jacobian(state, x))), 1, &x, NULL), "%s", tg_error(tape));
        finish(tape);
    }
}
END_TEST

START_TEST(a_loop_in_a_part_sees_the_leaves_as_they_are) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w[2] = {tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(2, 2), 0.5)), PARAMETER(tape, "b", 1, 2)};
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(3, 2)), h[2], y[2];
    double    loss = 0, other, after[2];
    tg_write(x, (double[]){1, 2, 3, 4, 5, 6}, 6);
    for (int i = 0; i < 2; i++) {
        tg_begin_part(tape, i ? "evaluate" : "train");
        h[i] = tg_full(tape, TG_F64, TG_SHAPE(2), 0.1);
        tg_loop_spec spec = loop(cell, w, 3, 1, &h[i]);
        spec.inputs = 1, spec.outputs = 1, spec.x = &x, spec.y = &y[i];
        ck_assert_msg(!tg_scan(tape, &spec), "%s", tg_error(tape));
        y[i] = tg_add(tg_sum(y[i]), tg_sum(h[i]));
        if (i == 0) ck_assert(!tg_backward(y[0]) && !tg_sgd_step(tape, 0.1));
        tg_end_part(tape);
    }
    for (int step = 0; step < 3; step++) {
        ck_assert_msg(!tg_run_part(tape, "evaluate"), "%s", tg_error(tape));
        other = tg_item(y[1]);
        ck_assert_msg(!tg_run_part(tape, "train"), "%s", tg_error(tape));
        ck_assert(tg_item(y[0]) == other && other != loss);
        loss = other;
    }
    ck_assert(!tg_read(w[1], after, 2) && after[0] != 1);
    finish(tape);
}
END_TEST

/* A view of a parameter that is captured, and updated: the loop of the next step sees the new value. */
START_TEST(training_in_both_styles_gives_the_same_bits) {
    double trained[2][WIDTH * WIDTH];
    for (int again = 0; again < 2; again++) {
        tg_tape *tape = tg_tape_new();
        tg_seed(tape, 1);
        tg_tensor p = tg_parameter(tape, "w", tg_randn(tape, TG_F64, TG_SHAPE(WIDTH, WIDTH)));
        tg_tensor b = tg_parameter(tape, "b", tg_randn(tape, TG_F64, TG_SHAPE(WIDTH)));
        tg_tensor x = tg_randn(tape, TG_F64, TG_SHAPE(STEPS, WIDTH)), zero = tg_full(tape, TG_F64, TG_SHAPE(WIDTH), 0);
        tg_mark   mark = tg_tape_mark(tape);
        for (int step = 0; step < 4; step++) {
            if (again || step == 0) {
                tg_rewind(tape, mark);
                tg_tensor    w[2] = {tg_transpose(p, 0, 1), b}, h = zero, y;
                tg_loop_spec spec = loop(cell, w, STEPS, 1, &h);
                spec.inputs = 1, spec.outputs = 1, spec.x = &x, spec.y = &y;
                ck_assert(!tg_scan(tape, &spec) && !tg_backward(tg_sum(tg_mul(y, h))) && !tg_sgd_step(tape, 0.1));
            }
            ck_assert_msg(!tg_run(tape), "%s", tg_error(tape));
        }
        ck_assert(!tg_read(p, trained[again], WIDTH * WIDTH));
        finish(tape);
    }
    ck_assert_mem_eq(trained[0], trained[1], sizeof trained[0]);
}
END_TEST

/* ---- what it costs ----------------------------------------------------------------------------------------------- */

/* A pendulum, by the symplectic Euler method; context: its length. */
static void swing(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y;
    state[1] = tg_sub(state[1], tg_mul(1e-4, tg_div(tg_sin(state[0]), *(tg_tensor *)context)));
    state[0] = tg_add(state[0], tg_mul(1e-4, state[1]));
}

/* Returns the peak of the memory of a tape with the gradient of so many steps. */
static double pendulum(int64_t steps, size_t memory, double *slope, int64_t *instructions) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    length = PARAMETER(tape, "length", 2), state[2] = {PARAMETER(tape, "angle", 1), PARAMETER(tape, "speed", 0)};
    tg_loop_spec spec = loop(swing, &length, steps, 2, state);
    spec.memory = memory;
    ck_assert(!tg_scan(tape, &spec) && !tg_backward(state[0]));
    *instructions = tg_instruction_count(tape);
    *slope = tg_item(tg_grad(length));
    double bytes = (double)tg_stats(tape).peak_bytes;
    finish(tape);
    return bytes;
}

/* A product of numbers that counts how often it is computed. */
static int counted;

static tg_status count_product(tg_kernel_call *call) {
    counted++;
    *(double *)call->out.data = *(const double *)call->in[0].data * *(const double *)call->in[1].data;
    return TG_OK;
}

static tg_tensor product_rule(const tg_rule_call *call) {
    return tg_mul(call->g, call->x[1 - call->which]);
}

static tg_status infer_product(tg_infer *call) {
    call->out = (tg_type){.dtype = TG_F64, .rank = 1, .dims = call->dims};
    call->dims[0] = 1;
    return TG_OK;
}

static tg_tensor product(tg_tensor a, tg_tensor b) {
    static tg_rule *const rules[] = {product_rule, product_rule};
    static const tg_op    op = {.name = "product",
                                .arity = 2,
                                .infer = infer_product,
                                .kernel = count_product,
                                .rules = rules,
                                .linearity = TG_LINEAR_EACH};
    return tg_record(NULL, &op, 2, ((tg_tensor[]){a, b}), NULL, 0);
}

static void multiply(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y;
    state[0] = tg_sin(product(state[0], *(tg_tensor *)context));
}

START_TEST(products_are_not_computed_again) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    w = PARAMETER(tape, "w", 0.5), h = PARAMETER(tape, "h", 1), last = h;
    tg_loop_spec spec = loop(multiply, &w, 10, 1, &last);
    double       value = 1, slope_of_h = 1;
    for (int i = 0; i < 10; i++) {
        slope_of_h *= 0.5 * cos(0.5 * value);
        value = sin(0.5 * value);
    }
    counted = 0;
    ck_assert(!tg_scan(tape, &spec) && !tg_backward(tg_sum(last)) && !tg_run(tape));
    ck_assert_int_eq(counted, 10);
    ck_assert(fabs(tg_item(tg_sum(tg_grad(h))) - slope_of_h) < 1e-16);
    finish(tape);
}
END_TEST

START_TEST(recording_costs_the_same_for_any_number_of_steps) {
    double  slope[3], bytes;
    int64_t count[3];
    pendulum(10, 0, &slope[0], &count[0]);
    bytes = pendulum(100000, 0, &slope[1], &count[1]);
    ck_assert_int_eq(count[0], count[1]);
    ck_assert_msg(bytes < 8e6, "%g bytes", bytes);
    bytes = pendulum(100000, 16384, &slope[2], &count[2]);
    ck_assert_msg(fabs(slope[2] - slope[1]) < 1e-10 * fabs(slope[1]), "%.17g, %.17g", slope[1], slope[2]);
    ck_assert_msg(bytes < 1e6, "%g bytes", bytes);
}
END_TEST

Suite *suite_loop_bodies(void) {
    Suite *suite = suite_create("grad/loop_bodies");
    TCase *tcase = tcase_create("loop_bodies");
    tcase_add_test(tcase, states_can_change_places);
    tcase_add_test(tcase, outputs_can_be_inputs_states_views_and_values_from_outside);
    tcase_add_test(tcase, a_loop_without_states_is_a_map);
    tcase_add_test(tcase, no_steps_leave_the_states_as_they_are);
    tcase_add_test(tcase, what_is_read_may_be_of_any_dtype);
    tcase_add_test(tcase, states_can_be_integers);
    tcase_add_loop_test(tcase, loops_can_be_nested, 0, 2);
    tcase_add_test(tcase, loops_in_a_body_share_what_they_take_from_outside);
    tcase_add_test(tcase, a_body_can_differentiate);
    tcase_add_test(tcase, a_body_can_differentiate_a_loop_and_go_on);
    tcase_add_test(tcase, a_body_can_differentiate_a_loop_before_it);
    tcase_add_test(tcase, a_jacobian_of_a_loop_has_derivatives);
    tcase_add_test(tcase, a_derivative_does_not_cross_two_loops);
    tcase_add_test(tcase, a_loop_in_a_part_sees_the_leaves_as_they_are);
    tcase_add_test(tcase, training_in_both_styles_gives_the_same_bits);
    tcase_add_test(tcase, products_are_not_computed_again);
    tcase_add_test(tcase, recording_costs_the_same_for_any_number_of_steps);
    suite_add_tcase(suite, tcase);
    return suite;
}
