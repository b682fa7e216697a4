/* tests/optim/test_lbfgs.c: L-BFGS beside that of PyTorch, on a parabola, and with several parameters.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/values.h"
#include "optim/fixture.h"

/* ---- PyTorch's steps --------------------------------------------------------------------------------------------- */

/* The fields of a line; and the steps after which the weights are in it. */
enum { OPTIONS, START, AFTER, WEIGHTS = 6 };

static const int checked[] = {1, 2, 3, 8, 30, 100};

/* The loss of tests/fixtures/make_optim.py. */
static tg_tensor loss_of(tg_tensor w) {
    tg_tensor factors = F64(w.tape, 1, 2, 4, 8, 0.5, 0.25);
    tg_tensor parabola = tg_sum(tg_mul(factors, tg_square(w))), far = tg_sum(tg_square(tg_square(tg_sub(w, 1))));
    return tg_add(tg_add(tg_mul(0.5, parabola), tg_mul(0.25, far)), tg_square(tg_sum(w)));
}

static void check_line(const fixture_line *line, const void *context) {
    const bool    split = *(const bool *)context; /* into two parameters */
    const double *o = line->number[OPTIONS], *start = line->number[START];
    tg_tape      *tape = tg_tape_new();
    tg_tensor     a = tg_parameter(tape, "a", tg_constant(tape, TG_F64, split ? TG_SHAPE(2, 2) : TG_SHAPE(WEIGHTS), start));
    tg_tensor     w = a, b = TG_NONE;
    if (split) {
        b = tg_parameter(tape, "b", tg_constant(tape, TG_F64, TG_SHAPE(2), start + 4));
        w = tg_concat(TG_LIST(tg_reshape(a, TG_SHAPE(4)), b), 0);
    }
    tg_backward(o[2] != 0 ? tg_neg(loss_of(w)) : loss_of(w));
    tg_lbfgs_options options = {.history = (int64_t)o[1], .maximize = o[2] != 0};
    ck_assert_int_eq(tg_lbfgs_step(tape, o[0], &options), TG_OK);
    for (int i = 1, k = 0; k < line->count[AFTER] / WEIGHTS; i++) {
        double found[WEIGHTS];
        tg_run(tape);
        if (i < checked[k]) continue;
        ck_assert_int_eq(tg_read(a, found, split ? 4 : WEIGHTS), TG_OK);
        if (split) ck_assert_int_eq(tg_read(b, found + 4, 2), TG_OK);
        for (int j = 0; j < WEIGHTS; j++)
            ck_assert_msg(fabs(found[j] - line->number[AFTER][k * WEIGHTS + j]) < 1e-10,
                          "rate %g, history %g, step %d, weight %d: %.17g, not %.17g", o[0], o[1], i, j, found[j],
                          line->number[AFTER][k * WEIGHTS + j]);
        k++;
    }
    finish(tape);
}

START_TEST(the_steps_are_those_of_pytorch) {
    bool split = _i == 1;
    ck_assert_int_eq(each_line("lbfgs.csv", check_line, &split), 4);
}
END_TEST

/* ---- what it is for ---------------------------------------------------------------------------------------------- */

/* A parabola of 3 variables, of which curvature is known after 3 pairs: it is done in a few steps, where gradient descent takes
 * thousands. */
START_TEST(a_parabola_takes_a_few_steps) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 1, 1, 1)), factors = F64(tape, 1, 30, 1000);
    tg_backward(tg_sum(tg_mul(factors, tg_square(tg_sub(w, 2)))));
    ck_assert_int_eq(tg_lbfgs_step(tape, 1, NULL), TG_OK);
    for (int k = 0; k < 25; k++)
        tg_run(tape);
    double found[3];
    tg_read(w, found, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq_tol(found[i], 2, 1e-6);
    finish(tape);
}
END_TEST

/* Many numbers are as one vector of them. */
START_TEST(all_parameters_are_one_vector) {
    enum { MANY = 150 };
    double found[2][MANY];
    for (int apart = 0; apart < 2; apart++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor w[MANY], factors = tg_arange(tape, TG_F64, 1, MANY + 1, 1), all;
        for (int i = 0; apart && i < MANY; i++) {
            char name[8];
            snprintf(name, sizeof name, "w%d", i);
            w[i] = tg_parameter(tape, name, 3.0);
        }
        all = apart ? tg_stack(tg_list_from(MANY, w), 0) : tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(MANY), 3));
        tg_backward(tg_sum(tg_mul(factors, tg_square(all))));
        ck_assert_int_eq(tg_lbfgs_step(tape, 1, &(tg_lbfgs_options){.history = 4}), TG_OK);
        for (int k = 0; k < 12; k++)
            tg_run(tape);
        for (int i = 0; apart && i < MANY; i++)
            found[1][i] = tg_item(w[i]);
        if (!apart) tg_read(all, found[0], MANY);
        finish(tape);
    }
    ck_assert_mem_eq(found[0], found[1], sizeof found[0]);
    ck_assert(fabs(found[0][MANY - 1]) < 0.1);
}
END_TEST

START_TEST(where_there_is_no_slope_it_stays) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3.0), x = tg_input(tape, "x", TG_F64, TG_SHAPE());
    tg_write(x, (double[]){3}, 1);
    tg_backward(tg_square(tg_sub(w, x)));
    ck_assert_int_eq(tg_lbfgs_step(tape, 1, &(tg_lbfgs_options){.history = 2}), TG_OK);
    tg_run(tape);
    CHECK_IS(w, 3);
    CHECK_IS(tg_find(tape, "w.lbfgs.t"), 0);
    tg_write(x, (double[]){11}, 1);
    tg_run(tape); /* the first step is not far */
    CHECK_IS(w, 4);
    CHECK_IS(tg_find(tape, "w.lbfgs.t"), 1);
    finish(tape);
}
END_TEST

/* The sum of sqrt(1 + x^2), which is almost a straight line where it starts: what L-BFGS makes of the first two slopes leads far past the
 * minimum. With max_step no step does, all elements are held back by one factor, and what is remembered is the step that was done. */
START_TEST(a_step_that_is_too_long_is_held_back) {
    static const double start[] = {10, 5};
    for (int held = 0; held < 2; held++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor w = tg_parameter(tape, "w", tg_constant(tape, TG_F64, TG_SHAPE(2), start));
        double    before[2], found[2], step[2], longest = 0;
        tg_backward(tg_sum(tg_sqrt(tg_add(1, tg_square(w)))));
        ck_assert_int_eq(tg_lbfgs_step(tape, 1, &(tg_lbfgs_options){.max_step = held ? 0.75 : 0}), TG_OK);
        memcpy(found, start, sizeof found);
        for (int k = 0; k < 40; k++) {
            memcpy(before, found, sizeof found);
            tg_run(tape);
            tg_read(w, found, 2);
            tg_read(tg_find(tape, "w.lbfgs.step"), step, 2);
            for (int i = 0; i < 2; i++) {
                ck_assert_double_eq_tol(found[i] - before[i], step[i], 1e-12 * fmax(1, fabs(found[i])));
                longest = fmax(longest, fabs(step[i]));
            }
        }
        ck_assert_msg(held ? longest == 0.75 : longest > 100, "the longest step is %g", longest);
        for (int i = 0; held && i < 2; i++)
            ck_assert_double_eq_tol(found[i], 0, 1e-6);
        finish(tape);
    }
}
END_TEST

START_TEST(anomaly_mode_finds_nothing) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 1, 2));
    ck_assert_int_eq(tg_set_anomaly(tape, true), TG_OK);
    tg_backward(tg_sum(tg_square(w)));
    ck_assert_int_eq(tg_lbfgs_step(tape, 1, NULL), TG_OK);
    for (int k = 0; k < 5; k++)
        ck_assert_int_eq(tg_run(tape), TG_OK);
    finish(tape);
}
END_TEST

START_TEST(what_does_not_fit_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3.0), narrow = tg_parameter(tape, "narrow", tg_full(tape, TG_F32, TG_SHAPE(), 1));
    tg_backward(tg_mul(w, tg_cast(narrow, TG_F64)));
    int64_t count = tg_instruction_count(tape);
    FAILS(tape, tg_lbfgs_step(tape, 1, &(tg_lbfgs_options){.history = -1}), TG_ERR_ARGUMENT, "lbfgs_step: history -1");
    FAILS(tape, tg_lbfgs_step(tape, 1, &(tg_lbfgs_options){.tolerance_grad = -1}), TG_ERR_ARGUMENT,
          "lbfgs_step: tolerance_grad");
    FAILS(tape, tg_lbfgs_step(tape, 1, &(tg_lbfgs_options){.tolerance_change = NAN}), TG_ERR_ARGUMENT,
          "lbfgs_step: tolerance_c");
    FAILS(tape, tg_lbfgs_step(tape, 1, &(tg_lbfgs_options){.max_step = -1}), TG_ERR_ARGUMENT, "lbfgs_step: max_step");
    FAILS(tape, tg_lbfgs_step(tape, 1, NULL), TG_ERR_DTYPE, "lbfgs_step: ");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_lbfgs(void) {
    Suite *suite = suite_create("lbfgs");
    TCase *tcase = tcase_create("lbfgs");
    tcase_add_loop_test(tcase, the_steps_are_those_of_pytorch, 0, 2);
    tcase_add_test(tcase, a_parabola_takes_a_few_steps);
    tcase_add_test(tcase, all_parameters_are_one_vector);
    tcase_add_test(tcase, where_there_is_no_slope_it_stays);
    tcase_add_test(tcase, a_step_that_is_too_long_is_held_back);
    tcase_add_test(tcase, anomaly_mode_finds_nothing);
    tcase_add_test(tcase, what_does_not_fit_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
