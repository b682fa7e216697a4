/* tests/optim/test_allocation.c: every optimizer, schedules, averages and accumulated gradients without memory.
 *
 * A few steps are recorded and run while one allocation after the other fails. Each time there is an error that says so at the line in
 * this file; after it the same tape trains from the start to the same bits, and in the end nothing has leaked.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <tapegrad.h>

#include "allocation.h"

/* ---- what is recorded after tg_backward -------------------------------------------------------------------------- */

static void sgd(tg_tape *tape, tg_tensor rate) {
    tg_sgd_step_with(tape, rate, &(tg_sgd_options){.momentum = 0.5, .dampening = 0.25, .weight_decay = 0.1});
}

static void adam(tg_tape *tape, tg_tensor rate) {
    tg_adam_step(tape, rate, &(tg_adam_options){.amsgrad = true});
}

static void adamw(tg_tape *tape, tg_tensor rate) {
    tg_adamw_step(tape, rate, NULL);
}

static void nadam(tg_tape *tape, tg_tensor rate) {
    tg_nadam_step(tape, rate, NULL);
}

static void radam(tg_tape *tape, tg_tensor rate) {
    tg_radam_step(tape, rate, NULL);
}

static void lion(tg_tape *tape, tg_tensor rate) {
    tg_lion_step(tape, rate, NULL);
}

static void rmsprop(tg_tape *tape, tg_tensor rate) {
    tg_rmsprop_step(tape, rate, &(tg_rmsprop_options){.momentum = 0.5, .centered = true});
}

static void adagrad(tg_tape *tape, tg_tensor rate) {
    tg_adagrad_step(tape, rate, NULL);
}

static void adadelta(tg_tape *tape, tg_tensor rate) {
    tg_adadelta_step(tape, rate, NULL);
}

static void adafactor(tg_tape *tape, tg_tensor rate) {
    tg_adafactor_step(tape, rate, NULL);
}

static void lbfgs(tg_tape *tape, tg_tensor rate) {
    tg_lbfgs_step(tape, rate, &(tg_lbfgs_options){.history = 2});
}

static void averages(tg_tape *tape, tg_tensor rate) {
    tg_sgd_step(tape, rate);
    tg_ema_update(tape, 0.5);
    tg_ema_swap(tape);
}

static void accumulated(tg_tape *tape, tg_tensor rate) {
    tg_accumulate_grad(tape);
    tg_use_accumulated_grad(tape, 0.5);
    tg_sgd_step(tape, rate);
}

static void (*const updates[])(tg_tape *tape, tg_tensor rate) = {sgd,   adam,     adamw,      nadam,    radam,
                                                                 lion,  rmsprop,  adagrad,    adadelta, adafactor,
                                                                 lbfgs, averages, accumulated};

enum { UPDATES = sizeof updates / sizeof *updates, STEPS = 3, WEIGHTS = 6 };

/* ---- training ---------------------------------------------------------------------------------------------------- */

typedef struct training {
    tg_tensor w, step, rate, plateau, loss;
} training;

static training begin(tg_tape *tape) {
    static const float start[WEIGHTS] = {1, -2, 0.5f, 3, -1, 2};
    training           t = {.w = tg_parameter(tape, "w", tg_constant(tape, TG_F32, TG_SHAPE(2, 3), start))};
    t.step = tg_input(tape, "step", TG_F64, TG_SHAPE());
    t.rate = tg_input(tape, "rate", TG_F32, TG_SHAPE());
    t.plateau = tg_input(tape, "plateau", TG_F64, TG_SHAPE(4));
    tg_write(t.rate, (float[]){0.1f}, 1);
    return t;
}

static void record(tg_tape *tape, training *t, int which) {
    tg_tensor loss = tg_sum(tg_square(tg_square(t->w)));
    tg_tensor factor = tg_mul(tg_one_cycle_schedule(t->step, 10, NULL), tg_cosine_restarts_schedule(t->step, 4, 2, 0));
    factor = tg_mul(factor, tg_multi_step_schedule(t->step, 2, (double[]){1, 2}, 0.5));
    factor = tg_mul(factor, tg_one_cycle_momentum(t->step, 10, 0.95, 0.85, NULL));
    tg_backward(loss);
    updates[which](tape, tg_mul(t->rate, tg_cast(factor, TG_F32)));
    tg_reduce_on_plateau(t->rate, loss, t->plateau, &(tg_plateau_options){.patience = TG_ZERO});
    tg_assign(t->step, tg_add(t->step, 1));
}

/* Once, run again and again; and then anew in each step. */
static void train(tg_tape *tape, int which, float *found) {
    memset(found, 0, WEIGHTS * sizeof *found);
    training t = begin(tape);
    tg_mark  mark = tg_tape_mark(tape);
    record(tape, &t, which);
    for (int k = 0; k < STEPS; k++)
        tg_run(tape);
    for (int k = 0; k < STEPS; k++) {
        tg_rewind(tape, mark);
        record(tape, &t, which);
    }
    tg_run_pending(tape);
    tg_read(t.w, found, WEIGHTS);
}

START_TEST(each_allocation_that_fails_is_an_error_after_which_training_gives_the_same) {
    float expected[WEIGHTS], found[WEIGHTS];
    watch();
    tg_tape *whole = tg_tape_new();
    train(whole, _i, expected);
    unwatched(ck_assert_str_eq(tg_error(whole), ""));
    unwatched(ck_assert(expected[0] < 1));
    tg_tape_free(whole);
    long failures = 0;
    for (bool failed = true; failed; failures += failed) {
        until_failure = failures + 1;
        tg_tape *tape = tg_tape_new();
        if (!tape) continue;
        tg_mark empty = tg_tape_mark(tape);
        train(tape, _i, found);
        failed = until_failure == 0;
        until_failure = 0;
        if (failed) {
            const char *text = tg_error(tape);
            bool        right =
                tg_error_status(tape) == TG_ERR_MEMORY && strstr(text, "out of memory") && strstr(text, "test_allocation.c:");
            unwatched(ck_assert_msg(right, "failure %ld: %s", failures, text));
            tg_clear_error(tape);
            tg_discard(tape, empty);
            train(tape, _i, found);
        }
        unwatched(ck_assert_str_eq(tg_error(tape), ""));
        unwatched(ck_assert_mem_eq(found, expected, sizeof found));
        tg_tape_free(tape);
        unwatched(ck_assert_int_eq(live, 0));
    }
    unwatched(ck_assert_int_gt(failures, 10));
}
END_TEST

TCase *optimizer_allocation(void) {
    TCase *tcase = tcase_create("optimizers");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, each_allocation_that_fails_is_an_error_after_which_training_gives_the_same, 0, UPDATES);
    return tcase;
}
