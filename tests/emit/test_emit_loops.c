/* tests/emit/test_emit_loops.c: loops as C: values and derivatives are the library's, and what nobody reads is not there.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "emit/emitted.h"
#include "grad/loops.h"
#include "ops/values.h"

enum { STEPS = 5 };

static tg_tensor leaf(tg_tape *tape, const char *name, tg_shape shape) {
    return tg_parameter(tape, name, tg_mul(0.5, tg_randn(tape, TG_F64, shape)));
}

/* The values of a loop, and the gradients of their squares, and of the squares of the first of these, to that order. */
static void give_with_gradients(tg_tape *tape, emitted_function *f, int results, const tg_tensor *y, int count,
                                const tg_tensor *x, int orders) {
    tg_tensor sum = tg_sum(tg_square(y[0])), grads[MOST_OUTPUTS];
    for (int k = 0; k < results; k++) {
        give_output(f, y[k]);
        if (k) sum = tg_add(sum, tg_sum(tg_square(y[k])));
    }
    for (int order = 0; order < orders; order++) {
        ck_assert_msg(!tg_vjp(tape, 1, &sum, NULL, count, x, grads), "%s", tg_error(tape));
        sum = tg_sum(tg_square(grads[0]));
        for (int k = 0; k < count; k++)
            if (f->count < MOST_OUTPUTS) give_output(f, grads[k]);
    }
}

/* ---- a recurrent cell -------------------------------------------------------------------------------------------- */

/* reverse; memory for states */
static const struct {
    bool   reverse;
    size_t memory;
    int    steps;
} cells[] = {{false, 0, STEPS}, {true, 0, STEPS}, {false, 64, 9}, {true, 48, 7}, {false, 0, 1}, {false, 0, 0}};

START_TEST(a_recurrent_cell_has_its_derivatives) {
    tg_tape         *tape = tg_tape_new();
    int              steps = cells[_i].steps;
    tg_tensor        w[2] = {leaf(tape, "w", TG_SHAPE(2, 2)), leaf(tape, "v", TG_SHAPE(2, 3))};
    tg_tensor        first = leaf(tape, "h0", TG_SHAPE(2, 3)), x = leaf(tape, "x", TG_SHAPE(3, steps, 2)), h = first, y;
    tg_tensor        turned = tg_permute(x, TG_AXES(1, 2, 0));
    emitted_function f = {.what = "cell"};
    char             name[NAME_TEXT];
    tg_loop_spec     spec = {.body = cell,
                             .context = w,
                             .steps = steps,
                             .states = 1,
                             .inputs = 1,
                             .outputs = 1,
                             .state = &h,
                             .x = &turned,
                             .y = &y,
                             .reverse = cells[_i].reverse,
                             .memory = cells[_i].memory};
    ck_assert_msg(!tg_scan(tape, &spec), "%s", tg_error(tape));
    give_with_gradients(tape, &f, 2, (tg_tensor[]){h, y}, 4, (tg_tensor[]){w[0], w[1], first, x}, cells[_i].memory ? 1 : 2);
    snprintf(name, sizeof name, "loop_cell%d", _i);
    check_emitted(tape, name, 1, &f, 2, 1e-12);
    finish(tape);
}
END_TEST

/* ---- a loop that ends early -------------------------------------------------------------------------------------- */

static void shrink(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape;
    y[0] = tg_mul(state[0], x[0]);
    state[1] = state[0];
    state[0] = tg_mul(*(tg_tensor *)context, tg_sin(state[0]));
}

/* Of what a state is (0), of another state (1), of a value of outside (2). */
static tg_tensor goes_on[3];
static int       which;

static tg_tensor is_large(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape, (void)context;
    return which == 2 ? goes_on[2] : tg_gt(tg_sum(tg_square(state[which])), 0.05);
}

/* which; memory for states */
static const int conditions[][2] = {{0, 0}, {1, 0}, {2, 0}, {0, 1}, {1, 1}};

START_TEST(a_loop_ends_where_its_condition_is_false) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        factor = tg_parameter(tape, "factor", tg_full(tape, TG_F64, TG_SHAPE(3), 0.5));
    tg_tensor        first = leaf(tape, "h0", TG_SHAPE(3)), x = leaf(tape, "x", TG_SHAPE(9, 3)), state[2] = {first, first}, y;
    tg_tensor        done;
    emitted_function f = {.what = "shrink"};
    char             name[NAME_TEXT];
    tg_loop_spec     spec = loop(shrink, &factor, 9, 2, state);
    which = conditions[_i][0];
    goes_on[2] = tg_gt(tg_sum(first), 100);
    spec.inputs = 1, spec.x = &x, spec.outputs = 1, spec.y = &y, spec.memory = (size_t)conditions[_i][1];
    spec.condition = is_large, spec.done = &done;
    ck_assert_msg(!tg_scan(tape, &spec), "%s", tg_error(tape));
    give_output(&f, done);
    give_with_gradients(tape, &f, 2, (tg_tensor[]){state[0], y}, 3, (tg_tensor[]){factor, first, x}, spec.memory ? 1 : 2);
    snprintf(name, sizeof name, "loop_while%d", _i);
    check_emitted(tape, name, 1, &f, 2, 1e-12);
    double steps = tg_item(done);
    ck_assert_msg(which == 2 ? steps == 0 : steps > 0 && steps < 9, "%g", steps);
    finish(tape);
}
END_TEST

/* ---- what becomes of states -------------------------------------------------------------------------------------- */

/* Two change places, one becomes a view of another, one stays, one becomes a number, and one what was captured. */
static void shuffle(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const tg_tensor *captured = context;
    tg_tensor        a = state[0], b = state[1], c = state[2], d = state[3];
    (void)tape, (void)x;
    state[0] = b;
    state[1] = tg_sin(tg_add(a, *captured));
    state[2] = tg_transpose(d, 0, 1);
    state[3] = tg_add(c, tg_mul(2, a));
    state[5] = tg_broadcast_to(tg_mul(0.5, tg_sum(b)), TG_SHAPE(2, 2));
    state[6] = *captured;
    y[0] = a;
    y[1] = tg_transpose(tg_mul(state[3], state[4]), 0, 1);
    y[2] = y[1];
    y[3] = *captured;
}

START_TEST(states_become_what_others_were) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        state[7], leaves[7], y[4], captured = leaf(tape, "captured", TG_SHAPE(2, 2));
    emitted_function f[2] = {{.what = "last"}, {.what = "steps"}};
    char             name[16];
    for (int i = 0; i < 7; i++) {
        snprintf(name, sizeof name, "s%d", i);
        state[i] = leaves[i] = leaf(tape, name, TG_SHAPE(2, 2));
    }
    tg_loop_spec spec =
        {.body = shuffle, .context = &captured, .steps = STEPS, .states = 7, .outputs = 4, .state = state, .y = y};
    ck_assert_msg(!tg_scan(tape, &spec), "%s", tg_error(tape));
    for (int i = 0; i < 7; i++)
        give_output(&f[0], state[i]);
    give_with_gradients(tape, &f[1], 4, y, 4, (tg_tensor[]){captured, leaves[1], leaves[3], leaves[4]}, 2);
    check_emitted(tape, "loop_shuffle", 2, f, 2, 1e-12);
    finish(tape);
}
END_TEST

/* ---- loops in loops ---------------------------------------------------------------------------------------------- */

static void inner(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const tg_tensor *w = context;
    (void)tape;
    state[0] = tg_tanh(tg_add(tg_mul(state[0], w[0]), x[0]));
    y[0] = tg_sum(tg_mul(state[0], w[1]));
}

/* The same loop twice, over the input and over the outputs of the first. */
static void outer(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const tg_tensor *w = context;
    tg_tensor        both[2] = {w[0], state[0]}, sums, turned = tg_flip(x[0], TG_AXES(0)), h = state[0];
    tg_loop_spec     spec = {.body = inner,
                             .context = both,
                             .steps = 3,
                             .states = 1,
                             .inputs = 1,
                             .outputs = 1,
                             .state = &h,
                             .x = &turned,
                             .y = &sums};
    tg_scan(tape, &spec);
    state[0] = tg_mul(h, 0.9);
    y[0] = tg_add(sums, tg_sum(h));
    y[1] = sums;
}

START_TEST(loops_stand_in_loops) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = leaf(tape, "w", TG_SHAPE(2)), first = leaf(tape, "h0", TG_SHAPE(2)), x = leaf(tape, "x", TG_SHAPE(4, 3, 2)),
              h = first, y[2];
    emitted_function f = {.what = "nested"};
    tg_loop_spec     spec =
        {.body = outer, .context = &w, .steps = 4, .states = 1, .inputs = 1, .outputs = 2, .state = &h, .x = &x, .y = y};
    ck_assert_msg(!tg_scan(tape, &spec), "%s", tg_error(tape));
    give_with_gradients(tape, &f, 2, (tg_tensor[]){h, y[0]}, 3, (tg_tensor[]){w, first, x}, 2);
    check_emitted(tape, "loop_nested", 1, &f, 2, 1e-12);
    finish(tape);
}
END_TEST

/* ---- loops that the library records ------------------------------------------------------------------------------ */

static void product(tg_tape *tape, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)context;
    y[0] = tg_softmax(tg_matmul(x[0], x[1]), 1);
}

START_TEST(jacobians_maps_and_batches_are_loops) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor p = leaf(tape, "p", TG_SHAPE(6)), w = leaf(tape, "w", TG_SHAPE(6, 6)),
              x[2] = {leaf(tape, "a", TG_SHAPE(3, 2, 4)), leaf(tape, "b", TG_SHAPE(4, 2, 3))};
    emitted_function f[2] = {{.what = "matrices"}, {.what = "maps"}};
    tg_tensor        y = tg_tanh(tg_matmul(w, tg_square(p))), seeds = tg_randn(tape, TG_F64, TG_SHAPE(3, 6)), mapped, grads[2];
    give_output(&f[0], tg_jacobian(y, p));
    give_output(&f[0], tg_hessian(tg_sum(tg_square(y)), p));
    ck_assert(!tg_vjp_batch(tape, 3, 1, &y, &seeds, 2, (tg_tensor[]){p, w}, grads));
    give_output(&f[0], grads[0]);
    give_output(&f[0], grads[1]);
    ck_assert(!tg_jvp_batch(tape, 3, 1, &p, &seeds, 1, &y, grads));
    give_output(&f[0], grads[0]);
    ck_assert(!tg_map(tape, product, NULL, 1, 2, x, 1, &mapped));
    give_with_gradients(tape, &f[1], 1, &mapped, 2, x, 2);
    check_emitted(tape, "loop_matrices", 2, f, 1, 1e-11);
    finish(tape);
}
END_TEST

static void lstm_step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_recurrent_state after =
        tg_apply_recurrent_cell(*(const tg_recurrent_cell *)context, x[0], ((tg_recurrent_state){state[0], state[1]}));
    (void)tape;
    state[0] = y[0] = after.h;
    state[1] = after.c;
}

START_TEST(a_recurrent_network_is_trained) {
    tg_tape          *tape = tg_tape_new();
    tg_tensor         x = tg_randn(tape, TG_F64, TG_SHAPE(6, 2, 3)), zeros = tg_full(tape, TG_F64, TG_SHAPE(2, 4), 0);
    emitted_function  f[2] = {{.part = "train", .what = "train"}, {.part = "predict", .what = "predict"}};
    tg_recurrent_cell lstm = tg_new_recurrent_cell(tape, "lstm", TG_LSTM, 3, 4, &(tg_recurrent_options){.dtype = TG_F64});
    for (int k = 0; k < 2; k++) {
        tg_begin_part(tape, f[k].part);
        tg_tensor    state[2] = {zeros, zeros}, y;
        tg_loop_spec spec = {.body = lstm_step,
                             .context = &lstm,
                             .steps = 6,
                             .states = 2,
                             .inputs = 1,
                             .outputs = 1,
                             .state = state,
                             .x = &x,
                             .y = &y};
        tg_scan(tape, &spec);
        tg_tensor loss = tg_mean(tg_square(tg_sub(y, 0.25)));
        give_output(&f[k], loss);
        if (k) give_output(&f[k], state[1]);
        if (!k) tg_backward(loss);
        if (!k) (tg_adam_step)(tape, tg_num(0.01), NULL);
        tg_end_part(tape);
    }
    check_emitted(tape, "loop_lstm", 2, f, 3, 1e-11);
    finish(tape);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static const char *source_and_header(tg_tape *tape) {
    FILE *source = tmpfile(), *header = tmpfile();
    ck_assert_msg(!tg_emit_c(tape, source, header, NULL), "%s", tg_error(tape));
    fclose(source);
    return text_of(header);
}

/* The states of the steps are recorded for a derivative, and nobody asks for it: so they are not in the work memory, only the state is. */
START_TEST(what_nobody_reads_of_a_loop_is_not_there) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w[2] = {leaf(tape, "w", TG_SHAPE(3, 3)), leaf(tape, "v", TG_SHAPE(3, 3))};
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(100, 3, 3)), h = tg_full(tape, TG_F64, TG_SHAPE(3, 3), 0), y;
    tg_scan(tape, &((tg_loop_spec){.body = cell,
                                   .context = w,
                                   .steps = 100,
                                   .states = 1,
                                   .inputs = 1,
                                   .outputs = 1,
                                   .state = &h,
                                   .x = &x,
                                   .y = &y}));
    tg_set_name(h, "h");
    const char *text = source_and_header(tape);
    ck_assert_msg(strstr(text, "double f64[18];") != NULL, "%s", text);
    finish(tape);
}
END_TEST

/* An index out of range in a step ends the function. */
static void pick(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)y, (void)context;
    state[0] = tg_add(state[0], tg_take(state[0], x[0], 0));
}

START_TEST(a_step_may_fail) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor at = tg_input(tape, "at", TG_I64, TG_SHAPE(4, 3)), h = leaf(tape, "h0", TG_SHAPE(3));
    tg_scan(tape, &((tg_loop_spec){.body = pick, .steps = 4, .states = 1, .inputs = 1, .state = &h, .x = &at}));
    tg_set_name(h, "h");
    const char *text = source_and_header(tape);
    ck_assert_msg(strstr(text, "int tape_run(const int64_t *at, double *h") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "an index is out of range for an axis of size 3") != NULL, "%s", text);
    finish(tape);
}
END_TEST

Suite *suite_emit_loops(void) {
    Suite *suite = suite_create("emit/loops");
    TCase *tcase = tcase_create("loops");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_recurrent_cell_has_its_derivatives, 0, sizeof cells / sizeof *cells);
    tcase_add_loop_test(tcase, a_loop_ends_where_its_condition_is_false, 0, sizeof conditions / sizeof *conditions);
    tcase_add_test(tcase, states_become_what_others_were);
    tcase_add_test(tcase, loops_stand_in_loops);
    tcase_add_test(tcase, jacobians_maps_and_batches_are_loops);
    tcase_add_test(tcase, a_recurrent_network_is_trained);
    tcase_add_test(tcase, what_nobody_reads_of_a_loop_is_not_there);
    tcase_add_test(tcase, a_step_may_fail);
    suite_add_tcase(suite, tcase);
    return suite;
}
