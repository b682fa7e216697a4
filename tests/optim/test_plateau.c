/* tests/optim/test_plateau.c: a rate that is reduced when a metric has stopped becoming better, beside that of PyTorch.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/values.h"
#include "optim/fixture.h"

/* ---- PyTorch's rates --------------------------------------------------------------------------------------------- */

enum { OPTIONS, METRICS, RATES };

static tg_plateau_options options_of(const double *o) {
    return (tg_plateau_options){.factor = o[0],
                                .patience = o[1] > 0 ? o[1] : TG_ZERO,
                                .threshold = o[2],
                                .cooldown = o[3],
                                .min_rate = o[4],
                                .eps = o[5],
                                .maximize = o[6] != 0,
                                .absolute = o[7] != 0};
}

typedef struct style {
    tg_dtype dtype;
    bool     each; /* recorded in each step */
} style;

static void check_line(const fixture_line *line, const void *context) {
    const style       *s = context;
    tg_tape           *tape = tg_tape_new();
    tg_plateau_options options = options_of(line->number[OPTIONS]);
    tg_tensor rate = tg_input(tape, "rate", s->dtype, TG_SHAPE()), state = tg_input(tape, "plateau", TG_F64, TG_SHAPE(4));
    tg_tensor metric = tg_input(tape, "metric", TG_F64, TG_SHAPE(1));
    tg_mark   mark = tg_tape_mark(tape);
    tg_write(rate, s->dtype == TG_F32 ? (const void *)(float[]){0.5f} : (const void *)(double[]){0.5}, 1);
    if (!s->each) ck_assert_int_eq(tg_reduce_on_plateau(rate, metric, state, &options), TG_OK);
    for (int i = 0; i < line->count[METRICS]; i++) {
        tg_write(metric, &line->number[METRICS][i], 1);
        if (s->each) {
            ck_assert_int_eq(tg_reduce_on_plateau(rate, metric, state, &options), TG_OK);
            tg_rewind(tape, mark);
        } else
            tg_run(tape);
        double expected = line->number[RATES][i], found = tg_item(rate);
        ck_assert_msg(fabs(found - expected) <= (s->dtype == TG_F32 ? 1e-6 : 1e-15) * expected, "%g, %g, call %d: %g, not %g",
                      options.factor, options.patience, i, found, expected);
    }
    finish(tape);
}

START_TEST(the_rates_are_those_of_pytorch) {
    const style styles[] = {{TG_F64, false}, {TG_F64, true}, {TG_F32, false}};
    ck_assert_int_ge(each_line("plateau.csv", check_line, &styles[_i]), 5);
}
END_TEST

/* ---- in a program ------------------------------------------------------------------------------------------------ */

/* The metric is that of an evaluation, the rate that of a training. */
START_TEST(one_part_reduces_the_rate_of_another) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.0), rate = tg_input(tape, "rate", TG_F64, TG_SHAPE());
    tg_tensor plateau = tg_input(tape, "plateau", TG_F64, TG_SHAPE(4));
    tg_write(rate, (double[]){4}, 1);
    tg_begin_part(tape, "train");
    tg_backward(w);
    tg_sgd_step(tape, rate);
    tg_end_part(tape);
    tg_begin_part(tape, "evaluate");
    tg_reduce_on_plateau(rate, tg_square(tg_sub(w, 2)), plateau, &(tg_plateau_options){.factor = 0.5, .patience = TG_ZERO});
    tg_end_part(tape);
    for (int k = 0; k < 3; k++) { /* w runs away from 2: each evaluation but the first halves the rate */
        tg_run_part(tape, "evaluate");
        tg_run_part(tape, "train");
    }
    CHECK_IS(w, -4 - 2 - 1);
    CHECK_IS(plateau, 4, 0, 0, 1);
    finish(tape);
}
END_TEST

START_TEST(what_is_left_out_is_the_default) {
    tg_plateau_options all = {.factor = 0.1, .patience = 10, .threshold = 1e-4, .eps = 1e-8};
    for (int k = 0; k < 2; k++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor rate = tg_input(tape, "rate", TG_F64, TG_SHAPE()), state = tg_input(tape, "plateau", TG_F64, TG_SHAPE(4));
        tg_write(rate, (double[]){1}, 1);
        tg_reduce_on_plateau(rate, tg_full(tape, TG_F64, TG_SHAPE(), 3), state, k ? &all : NULL);
        for (int i = 0; i < 11; i++)
            tg_run(tape);
        CHECK_IS(rate, 1);
        tg_run(tape);
        CHECK_IS(rate, 0.1);
        finish(tape);
    }
}
END_TEST

START_TEST(what_does_not_fit_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor rate = tg_input(tape, "rate", TG_F64, TG_SHAPE()), state = tg_input(tape, "plateau", TG_F64, TG_SHAPE(4));
    tg_tensor whole = tg_input(tape, "whole", TG_I64, TG_SHAPE()), x = F64(tape, 1, 2),
              one = tg_full(tape, TG_F64, TG_SHAPE(1, 1), 1);
    tg_tensor fixed = tg_full(tape, TG_F64, TG_SHAPE(), 1), four = tg_full(tape, TG_F64, TG_SHAPE(4), 0),
              narrow = tg_input(tape, "narrow", TG_F32, TG_SHAPE(4));
    int64_t count = tg_instruction_count(tape);
    FAILS(tape, tg_reduce_on_plateau(x, one, state, NULL), TG_ERR_SHAPE, "reduce_on_plateau: ");
    FAILS(tape, tg_reduce_on_plateau(rate, x, state, NULL), TG_ERR_SHAPE,
          "reduce_on_plateau: () x (2) x (4): the metric is not");
    FAILS(tape, tg_reduce_on_plateau(rate, one, x, NULL), TG_ERR_SHAPE, "reduce_on_plateau: ");
    FAILS(tape, tg_reduce_on_plateau(whole, one, state, NULL), TG_ERR_DTYPE, "reduce_on_plateau: ");
    FAILS(tape, tg_reduce_on_plateau(rate, one, narrow, NULL), TG_ERR_DTYPE, "reduce_on_plateau: ");
    FAILS(tape, tg_reduce_on_plateau(fixed, one, state, NULL), TG_ERR_ARGUMENT,
          "reduce_on_plateau: only inputs and parameters");
    FAILS(tape, tg_reduce_on_plateau(rate, one, four, NULL), TG_ERR_ARGUMENT, "reduce_on_plateau: only inputs and parameters");
    FAILS(tape, tg_reduce_on_plateau(rate, one, state, &(tg_plateau_options){.factor = 1}), TG_ERR_ARGUMENT,
          "reduce_on_plateau: factor 1");
    FAILS(tape, tg_reduce_on_plateau(rate, one, state, &(tg_plateau_options){.patience = -1}), TG_ERR_ARGUMENT,
          "reduce_on_plateau: pat");
    FAILS(tape, tg_reduce_on_plateau(rate, one, state, &(tg_plateau_options){.threshold = NAN}), TG_ERR_ARGUMENT,
          "reduce_on_plateau: thr");
    FAILS(tape, tg_reduce_on_plateau(rate, one, state, &(tg_plateau_options){.cooldown = -1}), TG_ERR_ARGUMENT,
          "reduce_on_plateau: coo");
    FAILS(tape, tg_reduce_on_plateau(rate, one, state, &(tg_plateau_options){.min_rate = -1}), TG_ERR_ARGUMENT,
          "reduce_on_plateau: min");
    FAILS(tape, tg_reduce_on_plateau(rate, one, state, &(tg_plateau_options){.eps = -1}), TG_ERR_ARGUMENT,
          "reduce_on_plateau: eps -1");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    FAILS(tape, tg_reduce_on_plateau(rate, 1, state, NULL), TG_ERR_HANDLE, "reduce_on_plateau: the metric is ");
    ck_assert_int_eq(tg_reduce_on_plateau(1, 2, 3, NULL), TG_ERR_HANDLE);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_plateau(void) {
    Suite *suite = suite_create("plateau");
    TCase *tcase = tcase_create("plateau");
    tcase_add_loop_test(tcase, the_rates_are_those_of_pytorch, 0, 3);
    tcase_add_test(tcase, one_part_reduces_the_rate_of_another);
    tcase_add_test(tcase, what_is_left_out_is_the_default);
    tcase_add_test(tcase, what_does_not_fit_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
