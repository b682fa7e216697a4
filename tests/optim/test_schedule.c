/* tests/optim/test_schedule.c: rates that change from step to step, beside those of PyTorch.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "ops/values.h"
#include "optim/fixture.h"

/* ---- PyTorch's rates --------------------------------------------------------------------------------------------- */

enum { ARGUMENTS, STEPS, RATES };

/* The schedule of that name, with arguments as in tests/fixtures/make_schedules.py. */
static tg_tensor schedule(const char *name, tg_tensor step, const double *a, int count) {
    if (!strcmp(name, "constant")) return tg_constant_schedule(step, a[0], a[1]);
    if (!strcmp(name, "linear")) return tg_linear_schedule(step, a[0], a[1], a[2]);
    if (!strcmp(name, "exponential")) return tg_exponential_schedule(step, a[0]);
    if (!strcmp(name, "step")) return tg_step_schedule(step, a[0], a[1]);
    if (!strcmp(name, "multi_step")) return tg_multi_step_schedule(step, count - 1, a + 1, a[0]);
    if (!strcmp(name, "polynomial")) return tg_polynomial_schedule(step, a[0], a[1]);
    if (!strcmp(name, "cosine")) return tg_cosine_schedule(step, a[0], a[1]);
    if (!strcmp(name, "cosine_restarts")) return tg_cosine_restarts_schedule(step, a[0], a[1], a[2]);
    if (!strcmp(name, "chained")) return tg_mul(tg_linear_schedule(step, 0.25, 1, 20), tg_exponential_schedule(step, 0.9));
    if (!strcmp(name, "sequential"))
        return tg_where(tg_lt(step, 5), tg_linear_schedule(step, 0.25, 1, 5), tg_cosine_schedule(tg_sub(step, 5), 90, 0.125));
    if (!strcmp(name, "one_cycle_momentum"))
        return tg_one_cycle_momentum(step, a[0], a[1], a[2],
                                     (&(tg_one_cycle_options){.warm_up = a[3], .linear = a[4] != 0, .three_phase = a[5] != 0}));
    ck_assert_str_eq(name, "one_cycle");
    tg_one_cycle_options o = {a[1], a[2], a[3], a[4] != 0, a[5] != 0};
    return tg_one_cycle_schedule(step, a[0], &o);
}

static void check_line(const fixture_line *line, const void *context) {
    const tg_dtype dtype = *(const tg_dtype *)context;
    tg_tape       *tape = tg_tape_new();
    int            count = line->count[STEPS];
    tg_tensor      step = tg_cast(tg_constant(tape, TG_F64, TG_SHAPE(count), line->number[STEPS]), dtype);
    tg_tensor      rate = schedule(line->name, step, line->number[ARGUMENTS], line->count[ARGUMENTS]);
    values         got;
    read_values(line->name, rate, &got);
    ck_assert_int_eq(got.dtype, strcmp(line->name, "sequential") && dtype == TG_F32 ? TG_F64 : got.dtype);
    for (int i = 0; i < count; i++) {
        double expected = line->number[RATES][i];
        ck_assert_msg(fabs((double)got.at[i].real - expected) <= 1e-9 * fabs(expected) + 1e-12,
                      "%s with %g, %g, %g at step %g: %.17Lg, not %.17g", line->name, line->number[ARGUMENTS][0],
                      line->number[ARGUMENTS][1], line->number[ARGUMENTS][2], line->number[STEPS][i], got.at[i].real, expected);
    }
    finish(tape);
}

START_TEST(the_rates_are_those_of_pytorch) {
    const tg_dtype dtypes[] = {TG_F64, TG_F32, TG_I64};
    ck_assert_int_ge(each_line("schedules.csv", check_line, &dtypes[_i]), 33);
}
END_TEST

/* A cycle of an optimizer's rate and momentum: the fields of its line, and of the weights and gradients. */
enum { CYCLE, START, GRADIENTS, AFTER, CYCLED = 3, PERIOD = 4 };

static tg_status cycled_step(const char *name, tg_tape *tape, tg_tensor rate, tg_tensor momentum) {
    tg_sgd_options  sgd = {.varying_momentum = momentum, .nesterov = !strcmp(name, "nesterov")};
    tg_adam_options adam = {.varying_beta1 = momentum, .amsgrad = !strcmp(name, "amsgrad"), .weight_decay = 0};
    if (!strcmp(name, "sgd") || !strcmp(name, "nesterov")) return tg_sgd_step_with(tape, rate, &sgd);
    if (!strcmp(name, "adam") || !strcmp(name, "amsgrad")) return tg_adam_step(tape, rate, &adam);
    adam.weight_decay = 0.125;
    return tg_adamw_step(tape, rate, &adam);
}

static void check_cycle(const fixture_line *line, const void *context) {
    const tg_dtype dtype = *(const tg_dtype *)context;
    const double  *a = line->number[CYCLE];
    tg_tape       *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_cast(tg_constant(tape, TG_F64, TG_SHAPE(CYCLED), line->number[START]), dtype));
    tg_tensor g = tg_input(tape, "g", TG_F64, TG_SHAPE(CYCLED)), step = tg_input(tape, "step", TG_I64, TG_SHAPE());
    tg_backward(tg_sum(tg_mul(tg_cast(g, dtype), w)));
    tg_tensor rate = tg_mul(a[0], tg_one_cycle_schedule(step, a[1], NULL));
    ck_assert_int_eq(cycled_step(line->name, tape, rate, tg_one_cycle_momentum(step, a[1], a[2], a[3], NULL)), TG_OK);
    tg_assign(step, tg_add(step, 1));
    for (int k = 0; k < line->count[AFTER] / CYCLED; k++) {
        values got;
        tg_write(g, line->number[GRADIENTS] + k % PERIOD * CYCLED, CYCLED);
        tg_run(tape);
        read_values(line->name, w, &got);
        for (int i = 0; i < CYCLED; i++) {
            double expected = line->number[AFTER][k * CYCLED + i], error = fabs((double)got.at[i].real - expected);
            ck_assert_msg(error <= (dtype == TG_F32 ? 1e-5 : 1e-12), "%s: weight %d after step %d is %.17Lg, not %.17g",
                          line->name, i, k + 1, got.at[i].real, expected);
        }
    }
    finish(tape);
}

START_TEST(a_cycle_trains_as_pytorch_does) {
    const tg_dtype dtypes[] = {TG_F64, TG_F32};
    ck_assert_int_eq(each_line("one_cycle.csv", check_cycle, &dtypes[_i]), 5);
}
END_TEST

/* ---- in a program ------------------------------------------------------------------------------------------------ */

/* The sum of the rates is what a weight with gradient 1 moves by. */
static double sum_of_rates(int steps) {
    double sum = 0;
    for (int k = 0; k < steps; k++)
        sum += 0.5 * (1 + cos(3.14159265358979323846 * k / 10));
    return sum;
}

static void record_step(tg_tensor w, tg_tensor step) {
    tg_backward(w);
    ck_assert_int_eq(tg_sgd_step(w.tape, tg_mul(2, tg_cosine_schedule(step, 10, 0))), TG_OK);
    ck_assert_int_eq(tg_assign(step, tg_add(step, 1)), TG_OK);
}

START_TEST(a_program_that_runs_again_and_again_changes_its_rate) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.0), step = tg_input(tape, "step", TG_I64, TG_SHAPE());
    record_step(w, step);
    for (int k = 1; k <= 10; k++) {
        tg_run(tape);
        ck_assert_double_eq_tol(tg_item(w), -2 * sum_of_rates(k), 1e-14);
    }
    CHECK_IS(step, 10);
    finish(tape);
}
END_TEST

START_TEST(a_program_that_is_recorded_afresh_changes_its_rate) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.0), step = tg_input(tape, "step", TG_F64, TG_SHAPE());
    tg_mark   mark = tg_tape_mark(tape);
    for (int k = 1; k <= 10; k++) {
        record_step(w, step);
        tg_rewind(tape, mark);
        ck_assert_double_eq_tol(tg_item(w), -2 * sum_of_rates(k), 1e-14);
    }
    finish(tape);
}
END_TEST

/* Before, between and after the steps where something happens, where there is none of it to be had from PyTorch. */
START_TEST(edges) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor step = F64(tape, 0, 2, 2.5, 4, 1e6);
    CHECK_IS(tg_linear_schedule(step, 0, 1, 4), 0, 0.5, 0.625, 1, 1);
    CHECK_IS(tg_constant_schedule(step, 0, 2.5), 0, 0, 1, 1, 1);
    CHECK_IS(tg_polynomial_schedule(step, 4, 2), 1, 0.25, 0.140625, 0, 0);
    CHECK_IS(tg_step_schedule(step, 2, 0.5), 1, 0.5, 0.5, 0.25, 0);
    CHECK_IS(tg_multi_step_schedule(step, 3, ((double[]){4, 2.5, INFINITY}), 0.5), 1, 1, 0.5, 0.25, 0.25);
    CHECK_IS(tg_multi_step_schedule(step, 0, NULL, 0.5), 1, 1, 1, 1, 1);
    CHECK_IS(tg_one_cycle_schedule(step, 5, (&(tg_one_cycle_options){0.6, 2, 4, true, false})), 0.5, 1, 0.78125, 0.125, 0.125);
    CHECK_IS(tg_one_cycle_schedule(step, 5,
                                   (&(tg_one_cycle_options){.warm_up = 0.2,
                                                            .div_factor = 2,
                                                            .final_div_factor = 4,
                                                            .linear = true})),
             0.5, 0.5625, 0.453125, 0.125, 0.125);
    CHECK_IS(tg_cosine_restarts_schedule(F64(tape, 0, 5, 15, 35, 75), 5, 2, 0), 1, 1, 1, 1, 1);
    ck_assert_int_eq(tg_shape_of(tg_exponential_schedule(tg_full(tape, TG_I64, TG_SHAPE(2, 3), 1), 2)).rank, 2);
    finish(tape);
}
END_TEST

START_TEST(what_does_not_fit_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor s = F64(tape, 1);
    double    milestones[] = {1, -1};
    REFUSED(tg_constant_schedule(s, -1, 1), TG_ERR_ARGUMENT, "constant_schedule: factor -1 is not in [0, inf)");
    REFUSED(tg_constant_schedule(s, 1, -1), TG_ERR_ARGUMENT, "constant_schedule: steps -1");
    REFUSED(tg_linear_schedule(s, 1, 1, 0), TG_ERR_ARGUMENT, "linear_schedule: steps 0 is not in (0, inf)");
    REFUSED(tg_linear_schedule(s, NAN, 1, 1), TG_ERR_ARGUMENT, "linear_schedule: start nan");
    REFUSED(tg_linear_schedule(s, 1, -1, 1), TG_ERR_ARGUMENT, "linear_schedule: end -1");
    REFUSED(tg_exponential_schedule(s, 0), TG_ERR_ARGUMENT, "exponential_schedule: gamma 0");
    REFUSED(tg_step_schedule(s, 0, 1), TG_ERR_ARGUMENT, "step_schedule: steps 0");
    REFUSED(tg_step_schedule(s, 1, 0), TG_ERR_ARGUMENT, "step_schedule: gamma 0");
    REFUSED(tg_multi_step_schedule(s, 2, milestones, 0.1), TG_ERR_ARGUMENT, "multi_step_schedule: a milestone -1");
    REFUSED(tg_multi_step_schedule(s, 2, NULL, 0.1), TG_ERR_ARGUMENT, "multi_step_schedule: 2 milestones");
    REFUSED(tg_multi_step_schedule(s, -1, milestones, 0.1), TG_ERR_ARGUMENT, "multi_step_schedule: -1 milestones");
    REFUSED(tg_multi_step_schedule(s, 1, milestones, 0), TG_ERR_ARGUMENT, "multi_step_schedule: gamma 0");
    REFUSED(tg_polynomial_schedule(s, 0, 1), TG_ERR_ARGUMENT, "polynomial_schedule: steps 0");
    REFUSED(tg_polynomial_schedule(s, 1, 0), TG_ERR_ARGUMENT, "polynomial_schedule: power 0");
    REFUSED(tg_cosine_schedule(s, 0, 0), TG_ERR_ARGUMENT, "cosine_schedule: steps 0");
    REFUSED(tg_cosine_schedule(s, 1, -1), TG_ERR_ARGUMENT, "cosine_schedule: end -1");
    REFUSED(tg_cosine_restarts_schedule(s, 0, 1, 0), TG_ERR_ARGUMENT, "cosine_restarts_schedule: steps 0");
    REFUSED(tg_cosine_restarts_schedule(s, 1, 0.5, 0), TG_ERR_ARGUMENT, "cosine_restarts_schedule: multiplier 0.5");
    REFUSED(tg_cosine_restarts_schedule(s, 1, 1, -1), TG_ERR_ARGUMENT, "cosine_restarts_schedule: end -1");
    REFUSED(tg_one_cycle_schedule(s, 1, NULL), TG_ERR_ARGUMENT, "one_cycle_schedule: steps 1");
    REFUSED(tg_one_cycle_schedule(s, 9, &(tg_one_cycle_options){.warm_up = 2}), TG_ERR_ARGUMENT,
            "one_cycle_schedule: warm_up 2");
    REFUSED(tg_one_cycle_schedule(s, 9, (&(tg_one_cycle_options){.warm_up = 0.6, .three_phase = true})), TG_ERR_ARGUMENT,
            "one_cycle_schedule: warm_up 0.6 is not in [0, 0.5]");
    REFUSED(tg_one_cycle_schedule(s, 9, &(tg_one_cycle_options){.div_factor = -1}), TG_ERR_ARGUMENT, "div_factor -1");
    REFUSED(tg_one_cycle_schedule(s, 9, &(tg_one_cycle_options){.final_div_factor = -1}), TG_ERR_ARGUMENT,
            "final_div_factor -1");
    REFUSED(tg_one_cycle_momentum(s, 1, 0.9, 0.8, NULL), TG_ERR_ARGUMENT, "one_cycle_momentum: steps 1");
    REFUSED(tg_one_cycle_momentum(s, 9, 1, 0.8, NULL), TG_ERR_ARGUMENT, "one_cycle_momentum: high 1 is not in [0, 1)");
    REFUSED(tg_one_cycle_momentum(s, 9, 0.9, -1, NULL), TG_ERR_ARGUMENT, "one_cycle_momentum: low -1");
    REFUSED(tg_cosine_schedule(tg_invalid(tape), 1, 0), TG_ERR_HANDLE, "cosine_schedule: ");
    ck_assert(!tg_valid(tg_cosine_schedule(3, 1, 0)));
    ck_assert(!tg_valid(tg_one_cycle_schedule(TG_NONE, 9, NULL)));
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_schedule(void) {
    Suite *suite = suite_create("schedule");
    TCase *tcase = tcase_create("schedule");
    tcase_add_loop_test(tcase, the_rates_are_those_of_pytorch, 0, 3);
    tcase_add_loop_test(tcase, a_cycle_trains_as_pytorch_does, 0, 2);
    tcase_add_test(tcase, a_program_that_runs_again_and_again_changes_its_rate);
    tcase_add_test(tcase, a_program_that_is_recorded_afresh_changes_its_rate);
    tcase_add_test(tcase, edges);
    tcase_add_test(tcase, what_does_not_fit_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
