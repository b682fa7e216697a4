/* tests/optim/test_step.c: what all optimizers have in common: PyTorch's steps, both styles of recording, and which parameters
 * are updated.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "ops/op_table.h"
#include "optim/fixture.h"

/* ---- the optimizers ---------------------------------------------------------------------------------------------- */

/* A step, with options in the order of the function of that name in tests/fixtures/make_optim.py. */
typedef tg_status step(tg_tape *tape, tg_tensor rate, const double *o);

/* The parameters that steps are for: all. */
static tg_list group = {0};

static tg_status sgd(tg_tape *tape, tg_tensor rate, const double *o) {
    return tg_sgd_step_with(tape, rate,
                            &(tg_sgd_options){.momentum = o[0],
                                              .weight_decay = o[1],
                                              .nesterov = o[2] != 0,
                                              .dampening = o[3],
                                              .maximize = o[4] != 0,
                                              .parameters = group});
}

static tg_adam_options adam_options(const double *o) {
    return (tg_adam_options){.beta1 = o[0],
                             .beta2 = o[1],
                             .eps = o[2],
                             .weight_decay = o[3],
                             .amsgrad = o[4] != 0,
                             .maximize = o[5] != 0,
                             .parameters = group};
}

static tg_status adam(tg_tape *tape, tg_tensor rate, const double *o) {
    tg_adam_options options = adam_options(o);
    return tg_adam_step(tape, rate, &options);
}

static tg_status adamw(tg_tape *tape, tg_tensor rate, const double *o) {
    tg_adam_options options = adam_options(o);
    return tg_adamw_step(tape, rate, &options);
}

static tg_status nadam(tg_tape *tape, tg_tensor rate, const double *o) {
    return tg_nadam_step(tape, rate,
                         &(tg_nadam_options){.beta1 = o[0],
                                             .beta2 = o[1],
                                             .eps = o[2],
                                             .weight_decay = o[3],
                                             .momentum_decay = o[4],
                                             .decoupled_weight_decay = o[5] != 0,
                                             .maximize = o[6] != 0,
                                             .parameters = group});
}

static tg_status radam(tg_tape *tape, tg_tensor rate, const double *o) {
    return tg_radam_step(tape, rate,
                         &(tg_radam_options){.beta1 = o[0],
                                             .beta2 = o[1],
                                             .eps = o[2],
                                             .weight_decay = o[3],
                                             .decoupled_weight_decay = o[4] != 0,
                                             .maximize = o[5] != 0,
                                             .parameters = group});
}

static tg_status lion(tg_tape *tape, tg_tensor rate, const double *o) {
    return tg_lion_step(tape, rate,
                        &(tg_lion_options){.beta1 = o[0],
                                           .beta2 = o[1],
                                           .weight_decay = o[2],
                                           .maximize = o[3] != 0,
                                           .parameters = group});
}

static tg_status rmsprop(tg_tape *tape, tg_tensor rate, const double *o) {
    return tg_rmsprop_step(tape, rate,
                           &(tg_rmsprop_options){.alpha = o[0],
                                                 .eps = o[1],
                                                 .weight_decay = o[2],
                                                 .momentum = o[3],
                                                 .centered = o[4] != 0,
                                                 .maximize = o[5] != 0,
                                                 .parameters = group});
}

static tg_status adagrad(tg_tape *tape, tg_tensor rate, const double *o) {
    return tg_adagrad_step(tape, rate,
                           &(tg_adagrad_options){.lr_decay = o[0],
                                                 .weight_decay = o[1],
                                                 .initial_accumulator_value = o[2],
                                                 .eps = o[3],
                                                 .maximize = o[4] != 0,
                                                 .parameters = group});
}

static tg_status adadelta(tg_tape *tape, tg_tensor rate, const double *o) {
    return tg_adadelta_step(tape, rate,
                            &(tg_adadelta_options){.rho = o[0],
                                                   .eps = o[1],
                                                   .weight_decay = o[2],
                                                   .maximize = o[3] != 0,
                                                   .parameters = group});
}

static tg_status adafactor(tg_tape *tape, tg_tensor rate, const double *o) {
    return tg_adafactor_step(tape, rate,
                             &(tg_adafactor_options){.beta2_decay = o[0],
                                                     .eps1 = o[1],
                                                     .eps2 = o[2],
                                                     .d = o[3],
                                                     .weight_decay = o[4],
                                                     .maximize = o[5] != 0,
                                                     .parameters = group});
}

static tg_status lbfgs(tg_tape *tape, tg_tensor rate, const double *o) {
    return tg_lbfgs_step(tape, rate, &(tg_lbfgs_options){.history = (int64_t)o[0], .maximize = o[1] != 0, .parameters = group});
}

/* Each with options as they may be. */
typedef struct optimizer {
    const char *name;
    step       *step;
    double      usual[8];
} optimizer;

static const optimizer optimizers[] = {
    {"sgd", sgd, {0.9, 0, 0, 0.5}},
    {"adam", adam, {0.9, 0.999, 1e-8, 0}},
    {"adam", adam, {0.9, 0.999, 1e-8, 0, 1}},
    {"adamw", adamw, {0.9, 0.999, 1e-8, 0.01}},
    {"nadam", nadam, {0}},
    {"radam", radam, {0.9, 0.99}},
    {"lion", lion, {0}},
    {"rmsprop", rmsprop, {0.9, 1e-8, 0, 0.5, 1}},
    {"adagrad", adagrad, {0.5}},
    {"adadelta", adadelta, {0}},
    {"adafactor", adafactor, {0}},
    {"lbfgs", lbfgs, {3}},
};

enum { OPTIMIZERS = sizeof optimizers / sizeof *optimizers };

static step *step_of(const char *name) {
    int i = 0;
    while (i < OPTIMIZERS && strcmp(optimizers[i].name, name) != 0)
        i++;
    ck_assert_msg(i < OPTIMIZERS, "no optimizer %s", name);
    return optimizers[i].step;
}

/* ---- PyTorch's steps --------------------------------------------------------------------------------------------- */

/* The fields of a line, and the steps after which the weights are in it. */
enum { OPTIONS, SHAPE, START, GRADIENTS, AFTER, MOST_WEIGHTS = 8 };

static const int checked[] = {1, 2, 3, 8, 30, 100};

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

static void record(const fixture_line *line, const style *s, tg_tape *tape, tg_tensor w, tg_tensor g) {
    const double *o = line->number[OPTIONS];
    tg_backward(tg_sum(tg_mul(w, g)));
    tg_tensor rate = s->rate_is_a_tensor ? tg_full(tape, s->dtype, TG_SHAPE(), o[0]) : tg_num(o[0]);
    ck_assert_int_eq(step_of(line->name)(tape, rate, o + 1), TG_OK);
}

/* After the k-th checked step. */
static void check_weights(const fixture_line *line, const style *s, int k, tg_tensor w) {
    const int weights = line->count[START];
    values    got;
    read_values(line->name, w, &got);
    for (int i = 0; i < weights; i++) {
        double expected = line->number[AFTER][k * weights + i], tolerance = s->dtype == TG_F32 ? 3e-6 : 1e-14;
        double scale = 1 + fabs(expected) + fabs(line->number[START][i]); /* a step may be larger than what is left */
        ck_assert_msg(fabs((double)got.at[i].real - expected) <= tolerance * scale * (checked[k] + 1),
                      "%s with %g, %g, %g, %g, step %d, weight %d: %.17Lg, not %.17g", line->name, line->number[OPTIONS][1],
                      line->number[OPTIONS][2], line->number[OPTIONS][3], line->number[OPTIONS][4], checked[k], i,
                      got.at[i].real, expected);
    }
}

static tg_shape shape_of(const fixture_line *line) {
    int64_t dims[MOST_WEIGHTS];
    for (int i = 0; i < line->count[SHAPE]; i++)
        dims[i] = (int64_t)line->number[SHAPE][i];
    return tg_shape_from(line->count[SHAPE], dims);
}

static void check_steps(const fixture_line *line, const void *context) {
    const style *s = context;
    const int    weights = line->count[START], period = line->count[GRADIENTS] / weights;
    tg_tape     *tape = tg_tape_new();
    tg_shape     shape = shape_of(line);
    tg_tensor    w = tg_parameter(tape, "w", tg_full(tape, s->dtype, shape, 0)), g = tg_input(tape, "g", s->dtype, shape);
    tg_mark      mark = tg_tape_mark(tape);
    write(w, line->number[START], weights, s->dtype);
    if (!s->each) record(line, s, tape, w, g);
    for (int i = 0, k = 0; k < line->count[AFTER] / weights; i++) {
        write(g, line->number[GRADIENTS] + i % period * weights, weights, s->dtype);
        if (s->each) {
            record(line, s, tape, w, g);
            tg_rewind(tape, mark);
        } else
            tg_run(tape);
        if (i + 1 == checked[k]) check_weights(line, s, k++, w);
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
    ck_assert_int_ge(each_line("optim.csv", check_steps, &styles[_i]), 90);
}
END_TEST

/* ---- both styles ------------------------------------------------------------------------------------------------- */

enum { STEPS = 20, WEIGHTS = 3 };

static tg_tensor new_weights(tg_tape *tape) {
    return tg_parameter(tape, "w", tg_constant(tape, TG_F32, TG_SHAPE(WEIGHTS), (float[]){1, -2, 0.5f}));
}

static void record_descent(int which, tg_tensor w) {
    tg_backward(tg_sum(tg_square(tg_square(w))));
    ck_assert_int_eq(optimizers[which].step(w.tape, tg_num(0.01), optimizers[which].usual), TG_OK);
}

static void run_often(int which, float *found) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = new_weights(tape);
    record_descent(which, w);
    for (int i = 0; i < STEPS; i++)
        tg_run(tape);
    tg_read(w, found, WEIGHTS);
    finish(tape);
}

static void record_often(int which, float *found) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = new_weights(tape);
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < STEPS; i++) {
        record_descent(which, w);
        ck_assert_int_eq(tg_rewind(tape, mark), TG_OK);
    }
    tg_read(w, found, WEIGHTS);
    finish(tape);
}

/* All steps on one tape, each with the gradient where it stands. */
static void record_all(int which, float *found) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = new_weights(tape);
    for (int i = 0; i < STEPS; i++) {
        tg_zero_grad(tape);
        record_descent(which, w);
    }
    ck_assert_int_eq(tg_run_pending(tape), TG_OK);
    tg_read(w, found, WEIGHTS);
    finish(tape);
}

/* As a part. */
static void run_part_often(int which, float *found) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = new_weights(tape);
    tg_begin_part(tape, "train");
    record_descent(which, w);
    tg_end_part(tape);
    for (int i = 0; i < STEPS; i++)
        ck_assert_int_eq(tg_run_part(tape, "train"), TG_OK);
    tg_read(w, found, WEIGHTS);
    finish(tape);
}

START_TEST(all_styles_give_the_same_bits) {
    float found[4][WEIGHTS];
    run_often(_i, found[0]);
    record_often(_i, found[1]);
    record_all(_i, found[2]);
    ck_assert_mem_eq(found[0], found[1], sizeof found[0]);
    ck_assert_mem_eq(found[0], found[2], sizeof found[0]);
    run_part_often(_i, found[3]);
    ck_assert_mem_eq(found[0], found[3], sizeof found[0]);
    ck_assert(found[0][0] < 1 && found[0][1] > -2 && found[0][2] < 0.5f);
}
END_TEST

/* ---- which parameters -------------------------------------------------------------------------------------------- */

/* Records a step for three parameters, of which the last is frozen. */
static void record_for_three(int which, tg_tape *tape, tg_tensor *x) {
    const char *const called[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++)
        x[i] = tg_parameter(tape, called[i], F64(tape, 1, -2));
    tg_backward(tg_sum(tg_square(tg_concat(tg_list_from(3, x), 0))));
    tg_set_requires_grad(x[2], false);
    ck_assert_int_eq(optimizers[which].step(tape, tg_num(0.125), optimizers[which].usual), TG_OK);
    ck_assert(!tg_run_pending(tape));
}

static bool has_moved(tg_tensor x) {
    double now[2];
    ck_assert_int_eq(tg_read(x, now, 2), TG_OK);
    ck_assert((now[0] < 1) == (now[1] > -2));
    return now[0] < 1;
}

START_TEST(all_but_the_frozen_are_updated) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x[3];
    record_for_three(_i, tape, x);
    ck_assert(has_moved(x[0]) && has_moved(x[1]) && !has_moved(x[2]));
    finish(tape);
}
END_TEST

START_TEST(of_a_group_all_but_the_frozen_are_updated) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x[3];
    group = tg_list_from(2, x + 1);
    record_for_three(_i, tape, x);
    group = (tg_list){0};
    ck_assert(!has_moved(x[0]) && has_moved(x[1]) && !has_moved(x[2]));
    finish(tape);
}
END_TEST

START_TEST(without_a_gradient_or_a_rate_it_is_rejected) {
    const optimizer *o = &optimizers[_i];
    tg_tape         *tape = tg_tape_new(), *other = tg_tape_new();
    tg_tensor        w = tg_parameter(tape, "w", F64(tape, 1, 2)), elsewhere = tg_parameter(other, "w", F64(other, 1, 2));
    int64_t          count = tg_instruction_count(tape);
    ck_assert_int_eq(o->step(tape, tg_num(0.1), o->usual), TG_ERR_GRADIENT);
    CHECK_ERROR(tape, TG_ERR_GRADIENT, o->name, "_step", "no parameter has a gradient: call tg_backward first");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    tg_tensor pair = F64(tape, 1, 2);
    tg_backward(tg_sum(tg_square(w)));
    count = tg_instruction_count(tape);
    ck_assert_int_eq(o->step(tape, pair, o->usual), TG_ERR_SHAPE);
    CHECK_ERROR(tape, TG_ERR_SHAPE, o->name, "the rate is (2), not one number");
    group = tg_list_from(1, &elsewhere);
    ck_assert_int_eq(o->step(tape, tg_num(0.1), o->usual), TG_ERR_HANDLE);
    group = (tg_list){0};
    CHECK_ERROR(tape, TG_ERR_HANDLE, o->name, "a parameter belongs to another tape");
    ck_assert_int_eq(o->step(NULL, tg_num(0.1), o->usual), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_instruction_count(tape), count);
    CHECK_IS(w, 1, 2);
    finish(tape);
    finish(other);
}
END_TEST

/* float64 and float32 rates, numbers, for float64 and float32 weights, are all the same. */
START_TEST(the_rate_may_be_of_either_dtype) {
    for (int narrow = 0; narrow < 2; narrow++) {
        double found[3];
        for (int as = 0; as < 3; as++) {
            tg_tape  *tape = tg_tape_new();
            tg_tensor w = tg_parameter(tape, "w", narrow ? F32(tape, 3) : F64(tape, 3));
            tg_tensor rates[] = {tg_num(0.125), tg_full(tape, TG_F32, TG_SHAPE(), 0.125),
                                 tg_full(tape, TG_F64, TG_SHAPE(), 0.125)};
            tg_backward(tg_sum(tg_square(w)));
            for (int k = 0; k < 3; k++)
                ck_assert_int_eq(optimizers[_i].step(tape, rates[as], optimizers[_i].usual), TG_OK);
            ck_assert(!tg_run_pending(tape));
            found[as] = tg_item(w);
            finish(tape);
        }
        double tolerance = narrow ? 1e-6 : 1e-15;
        ck_assert(found[0] < 3 && fabs(found[1] - found[0]) < tolerance && fabs(found[2] - found[0]) < tolerance);
    }
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_step(void) {
    Suite *suite = suite_create("step");
    TCase *steps = tcase_create("steps");
    tcase_add_loop_test(steps, the_steps_are_those_of_pytorch, 0, STYLES);
    tcase_add_loop_test(steps, all_styles_give_the_same_bits, 0, OPTIMIZERS);
    tcase_add_loop_test(steps, all_but_the_frozen_are_updated, 0, OPTIMIZERS);
    tcase_add_loop_test(steps, of_a_group_all_but_the_frozen_are_updated, 0, OPTIMIZERS);
    tcase_add_loop_test(steps, without_a_gradient_or_a_rate_it_is_rejected, 0, OPTIMIZERS);
    tcase_add_loop_test(steps, the_rate_may_be_of_either_dtype, 0, OPTIMIZERS);
    suite_add_tcase(suite, steps);
    return suite;
}
