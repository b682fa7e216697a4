/* tests/optim/test_step.c: what all optimizers have in common: PyTorch's steps, both styles of recording, and the states,
 * which outlive rewinds.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/op_table.h"

/* ---- the optimizers ---------------------------------------------------------------------------------------------- */

/* The step of that name; options as in tests/fixtures/make_optim.py. */
static tg_status step(const char *name, tg_tape *tape, tg_tensor rate, const double *o) {
    if (!strcmp(name, "sgd"))
        return tg_sgd_step_with(tape, rate, &(tg_sgd_options){.momentum = o[0], .weight_decay = o[1], .nesterov = o[2] != 0});
    tg_adam_options adam = {.beta1 = o[0], .beta2 = o[1], .eps = o[2], .weight_decay = o[3]};
    return !strcmp(name, "adam") ? tg_adam_step(tape, rate, &adam) : tg_adamw_step(tape, rate, &adam);
}

static const char *const names[] = {"sgd", "adam", "adamw"};
static const double      usual[][4] = {{0.9, 0, 1}, {0.9, 0.999, 1e-8, 0}, {0.9, 0.999, 1e-8, 0.01}};

enum { NAMES = 3 };

/* ---- PyTorch's steps --------------------------------------------------------------------------------------------- */

enum { MOST_WEIGHTS = 8, MOST_STEPS = 8, LINE = 1 << 14 };

typedef struct fixture {
    char   name[8];
    int    weights, steps;
    double rate, options[4], start[MOST_WEIGHTS], gradient[MOST_STEPS * MOST_WEIGHTS], after[MOST_STEPS * MOST_WEIGHTS];
} fixture;

/* The numbers up to the next comma, at most `most`. */
static int parse(char **text, double *to, int most) {
    int count = 0;
    while (**text != ',' && **text != '\n') {
        char *end;
        ck_assert_int_lt(count, most);
        to[count++] = strtod(*text, &end);
        ck_assert(end > *text);
        *text = end;
    }
    ++*text;
    return count;
}

static void parse_line(char *text, fixture *f) {
    double with[5] = {0}, sizes[2];
    size_t length = strcspn(text, ",");
    *f = (fixture){0};
    ck_assert(length < sizeof f->name);
    memcpy(f->name, text, length);
    text += length + 1;
    parse(&text, with, 5);
    parse(&text, sizes, 2);
    f->weights = (int)sizes[0];
    f->steps = (int)sizes[1];
    f->rate = with[0];
    memcpy(f->options, with + 1, sizeof f->options);
    ck_assert_int_eq(parse(&text, f->start, MOST_WEIGHTS), f->weights);
    ck_assert_int_eq(parse(&text, f->gradient, MOST_STEPS * MOST_WEIGHTS), f->weights * f->steps);
    ck_assert_int_eq(parse(&text, f->after, MOST_STEPS * MOST_WEIGHTS), f->weights * f->steps);
}

typedef struct style {
    tg_dtype dtype;
    bool     each, rate_is_a_tensor;
} style;

/* `numbers` in the style's dtype. */
static void write(tg_tensor x, const double *numbers, int n, tg_dtype dtype) {
    float narrow[MOST_WEIGHTS];
    for (int i = 0; i < n; i++)
        narrow[i] = (float)numbers[i];
    tg_write(x, dtype == TG_F32 ? (const void *)narrow : numbers, n);
}

static void record(const fixture *f, const style *s, tg_tape *tape, tg_tensor w, tg_tensor g) {
    tg_backward(tg_sum(tg_mul(w, g)));
    tg_tensor rate = s->rate_is_a_tensor ? tg_full(tape, s->dtype, TG_SHAPE(), f->rate) : tg_num(f->rate);
    ck_assert_int_eq(step(f->name, tape, rate, f->options), TG_OK);
}

static void check_weights(const fixture *f, const style *s, int k, tg_tensor w) {
    values got;
    read_values(f->name, w, &got);
    for (int i = 0; i < f->weights; i++) {
        double expected = f->after[k * f->weights + i], tolerance = s->dtype == TG_F32 ? 3e-6 : 1e-14;
        double scale = 1 + fabs(expected) + fabs(f->start[i]); /* a step may be larger than what is left */
        ck_assert_msg(fabs((double)got.at[i].real - expected) <= tolerance * scale * (k + 1),
                      "%s, step %d, weight %d: %.17Lg, not %.17g", f->name, k, i, got.at[i].real, expected);
    }
}

static void check_steps(const fixture *f, const style *s) {
    tg_tape  *tape = tg_tape_new();
    tg_shape  shape = TG_SHAPE(f->weights);
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, s->dtype, shape, 0)), g = tg_input(tape, "g", s->dtype, shape);
    tg_mark   mark = tg_tape_mark(tape);
    write(w, f->start, f->weights, s->dtype);
    if (!s->each) record(f, s, tape, w, g);
    for (int k = 0; k < f->steps; k++) {
        write(g, f->gradient + k * f->weights, f->weights, s->dtype);
        if (s->each) {
            record(f, s, tape, w, g);
            tg_rewind(tape, mark);
        } else
            tg_run(tape);
        check_weights(f, s, k, w);
    }
    finish(tape);
}

static const style styles[] = {{TG_F64, false, false},
                               {TG_F64, true, false},
                               {TG_F64, false, true},
                               {TG_F32, false, false},
                               {TG_F32, true, true}};

enum { STYLES = sizeof styles / sizeof *styles };

START_TEST(the_steps_are_those_of_pytorch) {
    static char    line[LINE];
    static fixture f;
    int            count = 0;
    FILE          *file = fopen(source_path("tests/fixtures/optim.csv"), "r");
    ck_assert_ptr_nonnull(file);
    for (; fgets(line, sizeof line, file); count++) {
        parse_line(line, &f);
        check_steps(&f, &styles[_i]);
    }
    fclose(file);
    ck_assert_int_ge(count, 30);
}
END_TEST

/* ---- both styles ------------------------------------------------------------------------------------------------- */

enum { STEPS = 20, WEIGHTS = 3 };

static tg_tensor new_weights(tg_tape *tape) {
    return tg_parameter(tape, "w", tg_constant(tape, TG_F32, TG_SHAPE(WEIGHTS), (float[]){1, -2, 0.5f}));
}

static void record_descent(int name, tg_tensor w) {
    tg_backward(tg_sum(tg_square(tg_square(w))));
    ck_assert_int_eq(step(names[name], w.tape, tg_num(0.01), usual[name]), TG_OK);
}

static void run_often(int name, float *found) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = new_weights(tape);
    record_descent(name, w);
    for (int i = 0; i < STEPS; i++)
        tg_run(tape);
    tg_read(w, found, WEIGHTS);
    finish(tape);
}

static void record_often(int name, float *found) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = new_weights(tape);
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < STEPS; i++) {
        record_descent(name, w);
        ck_assert_int_eq(tg_rewind(tape, mark), TG_OK);
    }
    tg_read(w, found, WEIGHTS);
    finish(tape);
}

/* All steps on one tape, each with the gradient where it stands. */
static void record_all(int name, float *found) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = new_weights(tape);
    for (int i = 0; i < STEPS; i++) {
        tg_zero_grad(tape);
        record_descent(name, w);
    }
    ck_assert_int_eq(tg_run_pending(tape), TG_OK);
    tg_read(w, found, WEIGHTS);
    finish(tape);
}

START_TEST(all_styles_give_the_same_bits) {
    float found[3][WEIGHTS];
    run_often(_i, found[0]);
    record_often(_i, found[1]);
    record_all(_i, found[2]);
    ck_assert_mem_eq(found[0], found[1], sizeof found[0]);
    ck_assert_mem_eq(found[0], found[2], sizeof found[0]);
    ck_assert(found[0][0] < 1 && found[0][1] > -2 && found[0][2] < 0.5f);
}
END_TEST

/* ---- states ------------------------------------------------------------------------------------------------------ */

static const tg_sgd_options half = {.momentum = 0.5};

/* Gradient 1: the momentum is 1, 1.5, 1.75, ... */
static tg_tensor record_momentum(tg_tensor w) {
    tg_backward(tg_sum(w));
    ck_assert_int_eq(tg_sgd_step_with(w.tape, 1, &half), TG_OK);
    return tg_find(w.tape, "w.momentum");
}

/* The same, and runs it. */
static tg_tensor step_by_momentum(tg_tensor w) {
    tg_tensor state = record_momentum(w);
    ck_assert_int_eq(tg_run_pending(w.tape), TG_OK);
    return state;
}

START_TEST(a_state_outlives_rewinds) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 10, 20));
    tg_mark   mark = tg_tape_mark(tape);
    CHECK_IS(step_by_momentum(w), 1, 1);
    tg_rewind(tape, mark);
    tg_tensor state = step_by_momentum(w);
    CHECK_IS(state, 1.5, 1.5);
    tg_run(tape);
    CHECK_IS(state, 1.75, 1.75);
    CHECK_IS(w, 10 - 1 - 1.5 - 1.75, 20 - 1 - 1.5 - 1.75);
    tg_rewind(tape, mark);
    ck_assert(!tg_valid(state));
    ck_assert(!tg_valid(tg_find(tape, "w.momentum")));
    tg_clear_error(tape);
    finish(tape);
}
END_TEST

START_TEST(a_state_goes_with_its_parameter) {
    tg_tape *tape = tg_tape_new();
    tg_mark  empty = tg_tape_mark(tape);
    for (int i = 0; i < 3; i++) {
        CHECK_IS(step_by_momentum(tg_parameter(tape, "w", F64(tape, 10, 20))), 1, 1);
        tg_rewind(tape, empty);
    }
    finish(tape);
}
END_TEST

START_TEST(a_state_can_be_written) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 10, 20)), state = record_momentum(w);
    ck_assert_int_eq(tg_write(state, ((double[]){4, 6}), 2), TG_OK); /* the step is pending, and will see it */
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(w, 10 - 3, 20 - 4);
    CHECK_IS(state, 3, 4);
    ck_assert_str_eq(tg_name(state), "w.momentum");
    ck_assert(!tg_requires_grad(state));
    finish(tape);
}
END_TEST

START_TEST(a_step_that_is_discarded_leaves_its_state) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 10, 20));
    tg_mark   mark = tg_tape_mark(tape);
    record_momentum(w);
    tg_discard(tape, mark);
    CHECK_IS(step_by_momentum(w), 1, 1);
    finish(tape);
}
END_TEST

START_TEST(a_state_is_read_in_the_order_of_the_tape) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 10, 20)), state = record_momentum(w);
    tg_tensor after = tg_mul(state, 2);
    tg_zero_grad(tape);
    record_momentum(w);
    tg_tensor later = tg_mul(state, 2);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(after, 2, 2);
    CHECK_IS(later, 3, 3);
    finish(tape);
}
END_TEST

/* The first is one step ahead of the second all the time. */
START_TEST(each_parameter_counts_its_own_steps) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1.0), late = tg_parameter(tape, "late", tg_full(tape, TG_F32, TG_SHAPE(), 1));
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < 3; i++) {
        tg_tensor loss = tg_square(w);
        if (i > 0) loss = tg_add(loss, tg_cast(tg_square(late), TG_F64));
        tg_backward(loss);
        ck_assert_int_eq(tg_adam_step(tape, 0.125, NULL), TG_OK);
        ck_assert(!tg_run_pending(tape));
        CHECK_IS(tg_find(tape, "w.adam.t"), i + 1);
        if (i > 0) CHECK_IS(tg_find(tape, "late.adam.t"), i);
        tg_rewind(tape, mark);
        ck_assert(fabs(tg_item(w) - (1 - 0.125 * (i + 1))) < 0.01);
        ck_assert(fabs(tg_item(late) - (1 - 0.125 * i)) < 0.01);
    }
    finish(tape);
}
END_TEST

START_TEST(a_name_that_a_state_needs_may_be_taken) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 10, 20));
    tg_backward(tg_sum(w));
    tg_mark mark = tg_tape_mark(tape);
    tg_input(tape, "w.momentum", TG_F64, TG_SHAPE());
    int64_t count = tg_instruction_count(tape);
    ck_assert_int_eq(tg_sgd_step_with(tape, 1, &half), TG_ERR_NAME);
    CHECK_ERROR(tape, TG_ERR_NAME, "test_step.c:", "sgd_step_with: the name 'w.momentum' is taken");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    tg_rewind(tape, mark);
    ck_assert_int_eq(tg_sgd_step_with(tape, 1, &half), TG_OK);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(w, 9, 19);
    finish(tape);
}
END_TEST

START_TEST(a_parameter_without_elements_is_updated) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F32, TG_SHAPE(3, 0), 1));
    tg_backward(tg_sum(w));
    ck_assert_int_eq(tg_adam_step(tape, 0.1, NULL), TG_OK);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    CHECK_IS(tg_find(tape, "w.adam.t"), 1);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_step(void) {
    Suite *suite = suite_create("step");
    TCase *steps = tcase_create("steps"), *states = tcase_create("states");
    tcase_add_loop_test(steps, the_steps_are_those_of_pytorch, 0, STYLES);
    tcase_add_loop_test(steps, all_styles_give_the_same_bits, 0, NAMES);
    tcase_add_test(states, a_state_outlives_rewinds);
    tcase_add_test(states, a_state_goes_with_its_parameter);
    tcase_add_test(states, a_state_can_be_written);
    tcase_add_test(states, a_step_that_is_discarded_leaves_its_state);
    tcase_add_test(states, a_state_is_read_in_the_order_of_the_tape);
    tcase_add_test(states, each_parameter_counts_its_own_steps);
    tcase_add_test(states, a_name_that_a_state_needs_may_be_taken);
    tcase_add_test(states, a_parameter_without_elements_is_updated);
    suite_add_tcase(suite, steps);
    suite_add_tcase(suite, states);
    return suite;
}
