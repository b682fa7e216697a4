/* tests/emit/test_compile.c: tg_compile: a part that is compiled does what it does when its instructions run.
 *
 * Most tests record the same on two tapes, compile the parts of one, and compare all that can be read of both. Where there is no compiler
 * they are left out.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad/compile.h>

#include "emit/compiled.h"
#include "emit/emitted.h"
#include "ops/values.h"
#include "run/random_matrix.h"

/* All elements, as doubles. */
static int64_t read_any(tg_tensor x, double *to) {
    int64_t     size = tg_size(x);
    tg_dtype    dtype = tg_dtype_of(x);
    const void *data = tg_peek(x);
    ck_assert_msg(data && size <= MOST_ELEMENTS, "%s", tg_error(x.tape));
    for (int64_t i = 0; i < size; i++)
        to[i] = dtype == TG_F32   ? (double)((const float *)data)[i]
                : dtype == TG_F64 ? ((const double *)data)[i]
                : dtype == TG_I64 ? (double)((const int64_t *)data)[i]
                                  : ((const bool *)data)[i];
    return size;
}

/* The values agree to that many units of the largest element; 0: to the bit. */
static void check_same(tg_tensor got, tg_tensor expected, double tolerance, const char *name) {
    static double a[MOST_ELEMENTS], b[MOST_ELEMENTS];
    int64_t       size = read_any(got, a);
    double        most = 1e-6; /* what is smaller is left over of what was not */
    ck_assert_int_eq(read_any(expected, b), size);
    for (int64_t i = 0; i < size; i++)
        if (isfinite(b[i])) most = fmax(most, fabs(b[i]));
    for (int64_t i = 0; i < size; i++) {
        bool same = isfinite(b[i]) ? fabs(a[i] - b[i]) <= tolerance * most : isnan(b[i]) ? isnan(a[i]) : a[i] == b[i];
        ck_assert_msg(same, "%s: element %d is %.17g, and %.17g in the library", name, (int)i, a[i], b[i]);
    }
}

/* ---- whole programs ---------------------------------------------------------------------------------------------- */

enum { MOST_HANDLES = 128 };

/* What is recorded, and can be read. */
typedef struct program {
    tg_tape  *tape;
    tg_tensor handle[MOST_HANDLES];
    int       count;
} program;

static tg_tensor note(program *p, tg_tensor x) {
    p->handle[p->count++] = x;
    return x;
}

static void compare(const program *a, const program *b, double tolerance) {
    char name[32];
    ck_assert_int_eq(a->count, b->count);
    for (int k = 0; k < a->count; k++) {
        snprintf(name, sizeof name, "handle %d", k);
        check_same(a->handle[k], b->handle[k], tolerance, name);
    }
}

static program new_program(void (*record)(program *p)) {
    program p = {.tape = tg_tape_new()};
    record(&p);
    CHECK_OK(p.tape);
    return p;
}

static void finish_both(program *a, program *b) {
    finish(a->tape);
    finish(b->tape);
}

static void record_training(program *p) {
    tg_tape  *tape = p->tape;
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(20, 5)), t = tg_randn(tape, TG_F64, TG_SHAPE(20, 3));
    tg_tensor w1 = tg_parameter(tape, "w1", tg_randn(tape, TG_F64, TG_SHAPE(5, 8)));
    tg_tensor b1 = tg_parameter(tape, "b1", tg_randn(tape, TG_F64, TG_SHAPE(8)));
    tg_tensor w2 = tg_parameter(tape, "w2", tg_randn(tape, TG_F64, TG_SHAPE(8, 3)));
    tg_begin_part(tape, "train");
    tg_tensor loss = note(p, tg_mean(tg_square(tg_sub(tg_matmul(tg_tanh(tg_add(tg_matmul(x, w1), b1)), w2), t))));
    tg_backward(loss);
    note(p, tg_grad(w1));
    tg_keep(tg_grad(w1));
    (tg_adam_step)(tape, tg_num(0.01), NULL);
    tg_end_part(tape);
    tg_begin_part(tape, "predict");
    note(p, tg_softmax(tg_matmul(tg_tanh(tg_add(tg_matmul(x, w1), b1)), w2), 1));
    tg_end_part(tape);
    note(p, w1), note(p, b1), note(p, w2);
}

static void write_input(program *p, int i) {
    double x[100];
    for (int k = 0; k < 100; k++)
        x[k] = sin(i + k);
    tg_write(tg_find(p->tape, "x"), x, 100);
}

START_TEST(training_goes_on_as_it_would) {
    program a = new_program(record_training), b = new_program(record_training);
    ck_assert(!tg_is_compiled(a.tape, "train"));
    compile(a.tape, NULL);
    ck_assert(tg_is_compiled(a.tape, "train") && tg_is_compiled(a.tape, "predict") && !tg_is_compiled(a.tape, "no"));
    for (int i = 0; i < 5; i++) {
        write_input(&a, i), write_input(&b, i);
        run_part(a.tape, "train"), run_part(b.tape, "train");
        run_part(a.tape, "predict"), run_part(b.tape, "predict");
        compare(&a, &b, 1e-12);
    }
    compile(a.tape, NULL); /* has nothing to do */
    finish_both(&a, &b);
}
END_TEST

/* From one way to the other, and back, in the middle of training. */
START_TEST(a_part_can_be_compiled_at_any_time) {
    program a = new_program(record_training), b = new_program(record_training);
    for (int i = 0; i < 8; i++) {
        if (i % 4 == 1) compile(a.tape, "train");
        if (i % 4 == 2) compile(a.tape, i == 2 ? "train" : NULL);
        if (i % 4 == 3) ck_assert(!tg_uncompile(a.tape, i == 3 ? NULL : "train"));
        if (i == 6) ck_assert(!tg_set_eager(a.tape, true));
        if (i == 7) ck_assert(!tg_set_eager(a.tape, false) && !tg_set_anomaly(a.tape, true));
        write_input(&a, i), write_input(&b, i);
        run_part(a.tape, "train"), run_part(b.tape, "train");
        run_part(a.tape, "predict"), run_part(b.tape, "predict");
        compare(&a, &b, 1e-12);
    }
    finish_both(&a, &b);
}
END_TEST

/* Eager and anomaly mode run a compiled part as it was recorded; afterwards its code runs again. */
START_TEST(modes_that_look_at_instructions_are_as_without) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2));
    tg_begin_part(tape, "part");
    tg_tensor y = tg_log(x), z = tg_slice(tg_mul(y, 2), 0, 1, 2, 1);
    tg_end_part(tape);
    compile(tape, "part");
    tg_write(x, ((double[]){-1, 1}), 2);
    run_part(tape, "part");
    ck_assert(isnan(((const double *)tg_data(y))[0]));
    tg_set_anomaly(tape, true);
    ck_assert_int_eq(tg_run_part(tape, "part"), TG_ERR_ANOMALY);
    CHECK_ERROR_TEXT(tape, TG_ERR_ANOMALY, "");
    tg_set_anomaly(tape, false);
    tg_set_eager(tape, true);
    tg_write(x, ((double[]){1, 1}), 2);
    run_part(tape, "part");
    CHECK_F64(y, 0, 0);
    CHECK_F64(z, 0);
    tg_set_eager(tape, false);
    tg_write(x, ((double[]){1, exp(1)}), 2);
    run_part(tape, "part");
    CHECK_F64(y, 0, 1);
    CHECK_F64(z, 2);
    ck_assert(tg_is_compiled(tape, "part"));
    finish(tape);
}
END_TEST

/* ---- the same bits ----------------------------------------------------------------------------------------------- */

static void record_arithmetic(program *p) {
    tg_tape  *tape = p->tape;
    tg_tensor x = tg_input(tape, "x", TG_F32, TG_SHAPE(40)), y = tg_randn(tape, TG_F32, TG_SHAPE(40));
    tg_begin_part(tape, "part");
    tg_tensor z = note(p, tg_sub(tg_mul(x, y), tg_div(y, tg_add(1.5, tg_square(x)))));
    tg_tensor s = note(p, tg_sqrt(tg_abs(tg_add(tg_mul(z, z), tg_mul(x, -3.25)))));
    note(p, tg_where(tg_gt(s, 1), tg_floor(z), tg_clamp(s, 0.25, 0.75)));
    tg_end_part(tape);
}

/* Sums, products, quotients and roots of single elements are those of the library, to the bit: nothing is contracted. */
START_TEST(arithmetic_gives_the_same_bits) {
    program a = new_program(record_arithmetic), b = new_program(record_arithmetic);
    ck_assert_msg(!tg_compile(a.tape, NULL, NULL), "%s", tg_error(a.tape)); /* at -O3, for this machine */
    float x[40];
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < 40; k++)
            x[k] = (float)sin(i * 40 + k) * 3;
        tg_write(tg_find(a.tape, "x"), x, 40), tg_write(tg_find(b.tape, "x"), x, 40);
        run_part(a.tape, "part"), run_part(b.tape, "part");
        compare(&a, &b, 0);
    }
    finish_both(&a, &b);
}
END_TEST

static void record_hessian(program *p) {
    tg_tape  *tape = p->tape;
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(5)), each[5], y;
    tg_begin_part(tape, "part");
    tg_unstack(x, 0, 5, each);
    y = each[0];
    for (int k = 1; k < 5; k++)
        y = tg_mul(tg_sin(tg_add(y, each[k])), each[k - 1]);
    note(p, y);
    note(p, tg_hessian(y, x));
    tg_end_part(tape);
}

/* Without the products with 0 that its rows begin with. */
START_TEST(a_hessian_of_finite_values_is_the_same) {
    program a = new_program(record_hessian), b = new_program(record_hessian);
    ck_assert_msg(!tg_compile(a.tape, NULL, &(tg_compile_options){.finite = true}), "%s", tg_error(a.tape));
    for (int i = 0; i < 3; i++) {
        double x[5] = {i + 0.5, 2, -i, 1.5, 3};
        tg_write(tg_find(a.tape, "x"), x, 5), tg_write(tg_find(b.tape, "x"), x, 5);
        run_part(a.tape, "part"), run_part(b.tape, "part");
        compare(&a, &b, 1e-14);
    }
    finish_both(&a, &b);
}
END_TEST

static void record_draws(program *p) {
    tg_tape  *tape = p->tape;
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(700), 1);
    tg_seed(tape, 7);
    tg_begin_part(tape, "part");
    note(p, tg_dropout(x, 0.5, true));
    note(p, tg_dropout(tg_cast(x, TG_F32), 0.25, true));
    tg_end_part(tape);
    tg_begin_part(tape, "other");
    note(p, tg_dropout(x, 0.5, true));
    tg_end_part(tape);
}

/* By code and by instructions, in turn, from one generator. */
START_TEST(random_numbers_are_the_same_ones) {
    program a = new_program(record_draws), b = new_program(record_draws);
    compile(a.tape, "part");
    for (int i = 0; i < 4; i++) {
        run_part(a.tape, "part"), run_part(b.tape, "part");
        run_part(a.tape, "other"), run_part(b.tape, "other");
        compare(&a, &b, 0);
    }
    finish_both(&a, &b);
}
END_TEST

/* ---- leaves, views, what stands outside -------------------------------------------------------------------------- */

static void record_order(program *p) {
    tg_tape  *tape = p->tape;
    tg_tensor w = tg_parameter(tape, "w", tg_randn(tape, TG_F64, TG_SHAPE(3, 3)));
    tg_tensor v = tg_parameter(tape, "v", tg_randn(tape, TG_F64, TG_SHAPE(3, 3)));
    tg_tensor outside = tg_mul(v, 3), view = note(p, tg_transpose(w, 0, 1)),
              part_of_it = note(p, tg_slice(outside, 1, 0, 3, 2));
    tg_begin_part(tape, "part");
    tg_tensor turned = note(p, tg_transpose(w, 0, 1)), before = note(p, tg_mul(w, 2));
    tg_assign(w, tg_add(turned, tg_add(v, view)));
    note(p, tg_add(w, turned));
    note(p, tg_sum_axes(tg_add(part_of_it, tg_slice(w, 1, 1, 3, 1)), TG_AXES(0), false));
    tg_assign(v, tg_mul(0.25, w));
    tg_assign(w, tg_flip(w, TG_AXES(0)));
    tg_assign_slice(v, 0, 0, 2, 1, tg_slice(tg_mul(w, v), 0, 1, 3, 1));
    note(p, tg_add(w, tg_add(v, before)));
    tg_end_part(tape);
    tg_begin_part(tape, "reader");
    note(p, tg_add(tg_mul(before, turned), outside));
    tg_end_part(tape);
    note(p, w), note(p, v);
}

START_TEST(assigns_happen_where_they_stand) {
    program a = new_program(record_order), b = new_program(record_order);
    compile(a.tape, "part");
    for (int i = 0; i < 4; i++) {
        if (i == 2) compile(a.tape, NULL);
        if (i == 3)
            tg_write(tg_find(a.tape, "v"), ((double[9]){1, 2, 3}), 9),
                tg_write(tg_find(b.tape, "v"), ((double[9]){1, 2, 3}), 9);
        run_part(a.tape, "part"), run_part(b.tape, "part");
        run_part(a.tape, "reader"), run_part(b.tape, "reader");
        compare(&a, &b, 1e-15);
    }
    finish_both(&a, &b);
}
END_TEST

/* A value that is not kept cannot be read, by code as by instructions. */
START_TEST(what_is_kept_can_be_read) {
    tg_tape *tape = tg_tape_new();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2));
    tg_begin_part(tape, "part");
    tg_tensor y = tg_mul(x, 2), z = tg_add(y, 1), unkept = tg_exp(x);
    tg_keep(z);
    tg_end_part(tape);
    compile(tape, "part");
    FAILS(tape, tg_data(z), TG_ERR_VALUE, "data: the value of add, ");
    tg_write(x, ((double[]){3, 4}), 2);
    run_part(tape, "part");
    CHECK_F64(z, 7, 9);
    tg_write(x, ((double[]){5, 6}), 2);
    CHECK_F64(z, 7, 9); /* of the last run */
    ck_assert(tg_data(unkept) == NULL);
    tg_clear_error(tape);
    ck_assert(tg_is_compiled(tape, "part"));
    tg_keep(y); /* asks for more than the code gives: a plan runs the part */
    run_part(tape, "part");
    ck_assert(!tg_is_compiled(tape, "part"));
    CHECK_F64(y, 10, 12);
    CHECK_F64(z, 11, 13);
    compile(tape, "part");
    tg_write(x, ((double[]){1, 1}), 2);
    run_part(tape, "part");
    CHECK_F64(y, 2, 2);
    tg_tensor later = tg_add(unkept, z);
    tg_keep(later);
    run_part(tape, "part");
    ck_assert(!tg_is_compiled(tape, "part"));
    CHECK_F64(later, exp(1) + 3, exp(1) + 3);
    finish(tape);
}
END_TEST

START_TEST(a_rewind_takes_the_code_with_it) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2));
    tg_write(x, ((double[]){3, 4}), 2);
    tg_mark before = tg_tape_mark(tape);
    for (int i = 1; i < 4; i++) {
        tg_begin_part(tape, "part");
        tg_tensor y = tg_mul(x, i);
        tg_mark   inside = tg_tape_mark(tape);
        tg_tensor z = tg_add(y, 1);
        tg_end_part(tape);
        compile(tape, "part");
        run_part(tape, "part");
        CHECK_F64(z, 3 * i + 1, 4 * i + 1);
        tg_mark after = tg_tape_mark(tape);
        tg_mul(z, 2);
        tg_rewind(tape, after);
        run_part(tape, "part");
        CHECK_F64(z, 3 * i + 1, 4 * i + 1);
        ck_assert(tg_is_compiled(tape, "part"));
        if (i == 2) {
            tg_rewind(tape, inside);
            ck_assert(!tg_is_compiled(tape, "part"));
            run_part(tape, "part");
            CHECK_F64(y, 6, 8);
        }
        tg_rewind(tape, before);
        ck_assert(!tg_is_compiled(tape, "part"));
        FAILS(tape, tg_run_part(tape, "part"), TG_ERR_NAME, "run_part: there is no part 'part'");
    }
    finish(tape);
}
END_TEST

/* What stands outside runs for it when it is pending, and is computed again when a leaf under it was written. */
START_TEST(values_from_outside_are_those_that_a_read_would_give) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2)), twice = tg_mul(x, 2);
    tg_begin_part(tape, "first");
    tg_tensor y = tg_add(twice, 1);
    tg_end_part(tape);
    tg_begin_part(tape, "second");
    tg_tensor z = tg_mul(y, y);
    tg_end_part(tape);
    compile(tape, NULL);
    FAILS(tape, tg_run_part(tape, "second"), TG_ERR_VALUE, "run_part: the value of add, ");
    for (int i = 0; i < 3; i++) {
        tg_write(x, ((double[]){i, i + 1}), 2);
        run_part(tape, "first");
        CHECK_F64(y, 2 * i + 1, 2 * i + 3);
        run_part(tape, "second");
        CHECK_F64(z, (2 * i + 1) * (2 * i + 1), (2 * i + 3) * (2 * i + 3));
    }
    finish(tape);
}
END_TEST

/* ---- loops ------------------------------------------------------------------------------------------------------- */

/* A vector and single numbers as states; what is captured; an index that may be out of range. */
static void wander(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const tg_tensor *w = context;
    tg_tensor        before = state[1];
    (void)tape;
    state[0] = tg_tanh(tg_add(tg_mul(w[0], state[0]), tg_mul(state[1], x[0])));
    state[1] = tg_add(tg_mul(0.5, state[2]), tg_sin(tg_add(before, w[1])));
    state[2] = before;
    y[0] = tg_mul(state[1], x[0]);
    y[1] = tg_take(state[0], x[1], 0);
}

enum { LOOP_STEPS = 6 };

static tg_tensor is_near(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape, (void)context;
    return tg_lt(tg_abs(state[1]), 0.6);
}

static void record_loop_that(program *p, tg_loop_condition *condition) {
    tg_tape  *tape = p->tape;
    tg_tensor w[2] = {tg_parameter(tape, "w", tg_randn(tape, TG_F64, TG_SHAPE(3))), tg_parameter(tape, "v", 0.25)};
    tg_tensor x[2] = {tg_randn(tape, TG_F64, TG_SHAPE(LOOP_STEPS)), tg_input(tape, "at", TG_I64, TG_SHAPE(LOOP_STEPS))}, y[2];
    tg_tensor state[3] = {tg_randn(tape, TG_F64, TG_SHAPE(3)), w[1], tg_constant(tape, TG_F64, TG_SHAPE(), ((double[]){1.5}))};
    tg_loop_spec loop = {.body = wander,
                         .context = w,
                         .steps = LOOP_STEPS,
                         .states = 3,
                         .inputs = 2,
                         .outputs = 2,
                         .state = state,
                         .x = x,
                         .y = y,
                         .condition = condition};
    tg_begin_part(tape, "part");
    tg_scan(tape, &loop);
    for (int k = 0; k < 3; k++)
        note(p, state[k]);
    note(p, y[0]), note(p, y[1]);
    tg_tensor loss = tg_add(tg_sum(tg_square(y[0])), tg_add(tg_sum(y[1]), tg_mul(state[1], tg_sum(state[0])))), grads[2];
    tg_vjp(tape, 1, &loss, NULL, 2, w, grads);
    for (int k = 0; k < 2; k++)
        tg_keep(note(p, grads[k]));
    tg_assign(w[1], tg_sub(w[1], tg_mul(0.1, grads[1])));
    tg_end_part(tape);
    note(p, w[1]);
}

static void record_loop(program *p) {
    record_loop_that(p, NULL);
}

static void record_loop_that_ends(program *p) {
    record_loop_that(p, is_near);
}

START_TEST(loops_are_loops) {
    void (*record)(program *) = _i ? record_loop_that_ends : record_loop;
    program a = new_program(record), b = new_program(record);
    compile(a.tape, NULL);
    for (int i = 0; i < 3; i++) {
        run_part(a.tape, "part"), run_part(b.tape, "part");
        compare(&a, &b, 1e-13);
    }
    int64_t at[LOOP_STEPS] = {3, 1, 2, 0, 0, 1};
    tg_write(tg_find(a.tape, "at"), at, LOOP_STEPS);
    ck_assert_int_eq(tg_run_part(a.tape, "part"), TG_ERR_INDEX);
    ck_assert_msg(strstr(tg_error(a.tape), "take: an index is out of range for an axis of size 3") != NULL, "%s",
                  tg_error(a.tape));
    tg_clear_error(a.tape);
    finish_both(&a, &b);
}
END_TEST

static void add_input(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)context;
    state[0] = tg_add(tg_mul(state[0], x[0]), x[1]);
    y[0] = state[0];
}

/* Inputs that are one number: the same in all steps, or that of the only one. */
static void record_loop_over_a_number(program *p) {
    tg_tape  *tape = p->tape;
    tg_tensor a = tg_input(tape, "a", TG_F64, TG_SHAPE());
    tg_write(a, (double[]){0.5}, 1);
    tg_begin_part(tape, "part");
    for (int64_t steps = 1; steps < 4; steps += 2) {
        tg_tensor kept = note(p, tg_exp(a)), state = tg_full(tape, TG_F64, TG_SHAPE(), 1), y;
        tg_tensor x[2] = {tg_broadcast_to(kept, TG_SHAPE(steps)), tg_broadcast_to(tg_mean(tg_square(a)), TG_SHAPE(steps))};
        tg_scan(tape, &(tg_loop_spec){.body = add_input,
                                      .steps = steps,
                                      .states = 1,
                                      .inputs = 2,
                                      .outputs = 1,
                                      .state = &state,
                                      .x = x,
                                      .y = &y});
        note(p, state), note(p, y);
    }
    tg_end_part(tape);
}

START_TEST(a_loop_reads_numbers) {
    program a = new_program(record_loop_over_a_number), b = new_program(record_loop_over_a_number);
    compile(a.tape, NULL);
    for (int i = 0; i < 2; i++) {
        run_part(a.tape, "part"), run_part(b.tape, "part");
        compare(&a, &b, 1e-13);
    }
    finish_both(&a, &b);
}
END_TEST

/* ---- failures of a run ------------------------------------------------------------------------------------------- */

START_TEST(a_failure_names_the_op_and_its_line) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(3)), at = tg_input(tape, "at", TG_I64, TG_SHAPE(2));
    tg_tensor before = tg_parameter(tape, "before", 0.0), after = tg_parameter(tape, "after", 0.0);
    char      expected[200];
    tg_write(x, ((double[]){5, 6, 7}), 3);
    tg_begin_part(tape, "part");
    tg_assign(before, tg_add(before, 1));
    int       line = __LINE__ + 1;
    tg_tensor y = tg_take(x, at, 0);
    tg_assign(after, tg_add(after, 1));
    tg_end_part(tape);
    compile(tape, "part");
    for (int i = 0; i < 2; i++) {
        tg_write(at, ((int64_t[]){2, 1}), 2);
        run_part(tape, "part");
        CHECK_F64(y, 7, 6);
        tg_write(at, ((int64_t[]){0, 3}), 2);
        ck_assert_int_eq(tg_run_part(tape, "part"), TG_ERR_INDEX);
        snprintf(expected, sizeof expected, "%s:%d: take: an index is out of range for an axis of size 3", __FILE__, line);
        CHECK_ERROR_TEXT(tape, TG_ERR_INDEX, expected);
        ck_assert(tg_item(before) == 2 * i + 2 && tg_item(after) == i + 1);
        FAILS(tape, tg_data(y), TG_ERR_VALUE, "data: the value of take, ");
    }
    finish(tape);
}
END_TEST

START_TEST(it_can_be_cancelled_before_it_begins) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", 1.0);
    tg_begin_part(tape, "part");
    tg_assign(x, tg_add(x, 1));
    tg_end_part(tape);
    compile(tape, "part");
    tg_cancel(tape);
    ck_assert_int_eq(tg_run_part(tape, "part"), TG_ERR_CANCELLED);
    tg_clear_error(tape);
    ck_assert(tg_item(x) == 1);
    run_part(tape, "part");
    ck_assert(tg_item(x) == 2);
    finish(tape);
}
END_TEST

/* ---- random programs --------------------------------------------------------------------------------------------- */

enum { PROGRAMS = 25, STEPS = 30, OUTSIDE = 4, KEPT = 4 };

static tg_tensor any(uint32_t *state, const program *p) {
    return p->handle[next_number(state) % (uint32_t)p->count];
}

/* Parts of random instructions, of what the other parts and the outside have, too; views, assigns, draws. Under TG_KEEP_ASKED every third
 * value is kept, and the others are internal. */
static program random_parts(uint32_t seed) {
    program   p = {.tape = tg_tape_new()};
    uint32_t  state = seed;
    bool      asked = seed % 2;
    tg_tensor leaves[2];
    tg_seed(p.tape, seed);
    if (asked) tg_set_keep(p.tape, TG_KEEP_ASKED);
    leaves[0] = tg_parameter(p.tape, "a", tg_tanh(tg_randn(p.tape, TG_F64, TG_SHAPE(3, 3))));
    leaves[1] = tg_parameter(p.tape, "b", tg_tanh(tg_randn(p.tape, TG_F64, TG_SHAPE(3, 3))));
    note(&p, leaves[0]), note(&p, leaves[1]);
    tg_keep(note(&p, tg_mul(leaves[0], 0.5)));
    tg_keep(note(&p, tg_transpose(p.handle[2], 0, 1)));
    for (int k = 0; k < PROGRAMS; k++) {
        char    name[16];
        program inside = {.tape = p.tape, .count = OUTSIDE};
        memcpy(inside.handle, p.handle, sizeof inside.handle);
        snprintf(name, sizeof name, "part%d", k);
        tg_begin_part(p.tape, name);
        for (int i = 0; i < STEPS; i++) {
            if (next_number(&state) % 8 == 0)
                tg_assign(leaves[next_number(&state) % 2], tg_tanh(any(&state, &inside)));
            else
                note(&inside, random_matrix(&state, inside.count, inside.handle));
        }
        for (int i = 0; i < KEPT; i++)
            tg_keep(note(&p, inside.handle[inside.count - 1 - 3 * i]));
        tg_end_part(p.tape);
    }
    ck_assert_msg(!tg_error_status(p.tape), "%s", tg_error(p.tape));
    return p;
}

START_TEST(random_parts_are_the_librarys) {
    uint32_t seed = (uint32_t)_i + 1, state = seed;
    program  a = random_parts(seed), b = random_parts(seed);
    compile(a.tape, NULL);
    for (int i = 0; i < 2 * PROGRAMS; i++) {
        char name[16];
        int  part = i < PROGRAMS ? i : (int)(next_number(&state) % PROGRAMS);
        snprintf(name, sizeof name, "part%d", part);
        if (next_number(&state) % 4 == 0) {
            double x[9];
            for (int k = 0; k < 9; k++)
                x[k] = cos((double)next_number(&state));
            tg_write(a.handle[i % 2], x, 9), tg_write(b.handle[i % 2], x, 9);
        }
        run_part(a.tape, name), run_part(b.tape, name);
        for (int k = 0; k < 2; k++)
            check_same(a.handle[k], b.handle[k], 1e-9, name);
        for (int k = OUTSIDE; k < OUTSIDE + KEPT * (i < PROGRAMS ? i + 1 : PROGRAMS); k++)
            check_same(a.handle[k], b.handle[k], 1e-9, name);
    }
    ck_assert(tg_is_compiled(a.tape, "part0"));
    finish_both(&a, &b);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_compile(void) {
    Suite *suite = suite_create("emit/compile");
    TCase *tcase = tcase_create("compiled parts");
    suite_add_tcase(suite, tcase);
    if (!can_compile()) return suite;
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, training_goes_on_as_it_would);
    tcase_add_test(tcase, a_part_can_be_compiled_at_any_time);
    tcase_add_test(tcase, modes_that_look_at_instructions_are_as_without);
    tcase_add_test(tcase, arithmetic_gives_the_same_bits);
    tcase_add_test(tcase, a_hessian_of_finite_values_is_the_same);
    tcase_add_test(tcase, random_numbers_are_the_same_ones);
    tcase_add_test(tcase, assigns_happen_where_they_stand);
    tcase_add_test(tcase, what_is_kept_can_be_read);
    tcase_add_test(tcase, a_rewind_takes_the_code_with_it);
    tcase_add_test(tcase, values_from_outside_are_those_that_a_read_would_give);
    tcase_add_loop_test(tcase, loops_are_loops, 0, 2);
    tcase_add_test(tcase, a_loop_reads_numbers);
    tcase_add_test(tcase, a_failure_names_the_op_and_its_line);
    tcase_add_test(tcase, it_can_be_cancelled_before_it_begins);
    tcase_add_loop_test(tcase, random_parts_are_the_librarys, 0, 8);
    return suite;
}
