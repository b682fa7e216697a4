/* tests/grad/test_loop.c: loops that are one instruction do what their steps do one by one, and so do their derivatives.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "grad/loops.h"
#include "ops/values.h"

/* ---- like the steps one by one ----------------------------------------------------------------------------------- */

enum { WIDTH = 5, STEPS = 11 }; /* in halves with a step left over, and so are these */

/* The loss of a recurrence of that cell, all its derivatives up to second order, and what they are for. */
typedef struct recurrence {
    tg_tape  *tape;
    tg_tensor leaf[4], loss, g[4], hv[4];
} recurrence;

typedef struct variant {
    bool     unrolled, reverse, eager, plain; /* plain: its leaves are no parameters */
    size_t   memory;
    int      threads;
    tg_dtype dtype;
} variant;

static tg_tensor leaf(tg_tape *tape, const variant *v, const char *name, tg_shape shape) {
    tg_tensor value = tg_cast(tg_uniform(tape, TG_F64, shape, -0.5, 0.5), v->dtype);
    return v->plain ? value : tg_parameter(tape, name, value);
}

static recurrence new_recurrence(const variant *v) {
    recurrence r = {.tape = tg_tape_new()};
    tg_tape   *tape = r.tape;
    tg_seed(tape, 3);
    tg_set_eager(tape, v->eager);
    tg_set_threads(tape, v->threads);
    r.leaf[0] = leaf(tape, v, "w", TG_SHAPE(WIDTH, WIDTH));
    r.leaf[1] = leaf(tape, v, "b", TG_SHAPE(WIDTH));
    r.leaf[2] = leaf(tape, v, "x", TG_SHAPE(STEPS, WIDTH));
    r.leaf[3] = leaf(tape, v, "h", TG_SHAPE(WIDTH));
    tg_tensor    h = r.leaf[3], y;
    tg_loop_spec spec = {.body = cell,
                         .context = r.leaf,
                         .steps = STEPS,
                         .states = 1,
                         .inputs = 1,
                         .outputs = 1,
                         .state = &h,
                         .x = &r.leaf[2],
                         .y = &y,
                         .reverse = v->reverse,
                         .memory = v->memory};
    ck_assert_msg(!(v->unrolled ? unrolled(tape, &spec) : tg_scan(tape, &spec)), "%s", tg_error(tape));
    r.loss = tg_add(tg_sum(tg_square(y)), tg_sum(tg_exp(h)));
    ck_assert_msg(!tg_vjp(tape, 1, &r.loss, NULL, 4, r.leaf, r.g) && !tg_hvp(r.loss, 4, r.leaf, NULL, r.hv), "%s",
                  tg_error(tape));
    if (!v->plain) ck_assert(!tg_backward(r.loss));
    ck_assert_msg(!tg_run(tape), "%s", tg_error(tape));
    return r;
}

static const variant variants[] = {
    {.reverse = false},
    {.reverse = true},
    {.eager = true},
    {.threads = 2},
    {.plain = true},
    {.plain = true, .reverse = true},
    {.memory = 4 * WIDTH * sizeof(double)},
    {.memory = 1},
    {.memory = 1, .reverse = true},
    {.memory = 1, .plain = true},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static void check_variant(variant v, tg_dtype dtype, double tolerance) {
    v.dtype = dtype;
    variant    one_by_one = {.unrolled = true, .reverse = v.reverse, .plain = v.plain, .dtype = dtype};
    recurrence a = new_recurrence(&one_by_one), b = new_recurrence(&v);
    ck_assert(tg_item(a.loss) == tg_item(b.loss));
    for (int i = 0; i < 4; i++) {
        ck_assert_msg(difference(a.g[i], b.g[i]) <= (v.memory ? tolerance : 0), "gradient %d",
                      i); /* sums are of segments then */
        ck_assert_msg(difference(a.hv[i], b.hv[i]) <= tolerance, "second order, %d: %g", i, difference(a.hv[i], b.hv[i]));
        if (!v.plain) ck_assert(difference(tg_grad(a.leaf[i]), tg_grad(b.leaf[i])) <= (v.memory ? tolerance : 0));
    }
    double before = tg_item(b.loss);
    ck_assert(!tg_run(b.tape) && tg_item(b.loss) == before);
    finish(a.tape);
    finish(b.tape);
}

START_TEST(a_loop_has_the_values_and_gradients_of_its_steps) {
    check_variant(variants[_i], TG_F64, 1e-13);
    check_variant(variants[_i], TG_F32, 1e-5);
}
END_TEST

/* Three more loops are differentiated for it. */
START_TEST(third_derivatives_are_right) {
    tg_tape            *tape = tg_tape_new();
    tg_gradcheck_report report = {.order = 3};
    tg_tensor           leaves[3] = {tg_input(tape, "w", TG_F64, TG_SHAPE(2, 2)), tg_input(tape, "x", TG_F64, TG_SHAPE(3, 2)),
                                     tg_input(tape, "h", TG_F64, TG_SHAPE(2))};
    tg_write(leaves[0], (double[]){0.5, -0.2, 0.3, 0.8}, 4);
    tg_write(leaves[1], (double[]){1, 0.5, -0.3, 0.2, 0.7, -0.6}, 6);
    tg_write(leaves[2], (double[]){0.1, 0.4}, 2);
    tg_tensor w[2] = {leaves[0], tg_constant(tape, TG_F64, TG_SHAPE(2), ((double[]){1, 2}))}, h = leaves[2], y;
    tg_scan(tape, &(tg_loop_spec){.body = cell,
                                  .context = w,
                                  .steps = 3,
                                  .states = 1,
                                  .inputs = 1,
                                  .outputs = 1,
                                  .state = &h,
                                  .x = &leaves[1],
                                  .y = &y,
                                  .memory = _i ? 1 : 0});
    ck_assert_msg(!tg_gradcheck(tg_add(tg_sum(tg_square(y)), h), 3, leaves, &report), "%s", tg_error(tape));
    finish(tape);
}
END_TEST

START_TEST(forward_mode_goes_through) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor leaves[2] = {PARAMETER(tape, "h", 0.1, 0.4), PARAMETER(tape, "b", 1, 2)}, jv[2][2];
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(3, 2), 0.3), w[2] = {tg_full(tape, TG_F64, TG_SHAPE(2, 2), 0.5), leaves[1]};
    for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
        tg_tensor    h = leaves[0], y;
        tg_loop_spec spec =
            {.body = cell, .context = w, .steps = 3, .states = 1, .inputs = 1, .outputs = 1, .state = &h, .x = &x, .y = &y};
        ck_assert(!(one_by_one ? unrolled(tape, &spec) : tg_scan(tape, &spec)));
        ck_assert(!tg_jvp(tape, 2, leaves, NULL, 2, (tg_tensor[]){h, y}, jv[one_by_one]));
    }
    ck_assert_msg(difference(jv[0][0], jv[1][0]) < 1e-14 && difference(jv[0][1], jv[1][1]) < 1e-14, "%s", tg_error(tape));
    finish(tape);
}
END_TEST

/* Of a gradient, which is a loop: its product with a tangent is that of the Hessian. */
START_TEST(forward_mode_goes_through_a_gradient) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    w = VECTOR(tape, 0.5, 0.6), h = tg_input(tape, "h", TG_F64, TG_SHAPE(2)), last = h, y, g, jv, hv;
    tg_tensor    context[2] = {tg_full(tape, TG_F64, TG_SHAPE(2, 2), 0.5), w}, x = tg_full(tape, TG_F64, TG_SHAPE(3, 2), 0.3);
    tg_loop_spec spec = {.body = cell,
                         .context = context,
                         .steps = 3,
                         .states = 1,
                         .inputs = 1,
                         .outputs = 1,
                         .state = &last,
                         .x = &x,
                         .y = &y};
    tg_write(h, ((double[]){0.1, 0.4}), 2);
    ck_assert(!tg_scan(tape, &spec));
    tg_tensor loss = tg_add(tg_sum(tg_square(last)), tg_sum(y));
    ck_assert(!tg_vjp(tape, 1, &loss, NULL, 1, &h, &g) && !tg_hvp(loss, 1, &h, NULL, &hv));
    ck_assert_msg(!tg_jvp(tape, 1, &h, NULL, 1, &g, &jv), "%s", tg_error(tape));
    ck_assert(difference(jv, hv) < 1e-14);
    finish(tape);
}
END_TEST

Suite *suite_loop(void) {
    Suite *suite = suite_create("grad/loop");
    TCase *tcase = tcase_create("loop");
    tcase_add_loop_test(tcase, a_loop_has_the_values_and_gradients_of_its_steps, 0, VARIANTS);
    tcase_add_loop_test(tcase, third_derivatives_are_right, 0, 2);
    tcase_add_test(tcase, forward_mode_goes_through);
    tcase_add_test(tcase, forward_mode_goes_through_a_gradient);
    suite_add_tcase(suite, tcase);
    return suite;
}
