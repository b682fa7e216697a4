/* tests/run/test_bind.c: what is recorded again in each step, as it was before: values, leaves and constants may have moved since, or have
 * not, and a step may fail.
 *
 * SPDX-License-Identifier: MIT */
#include "run/random_tape.h"

#include <stdlib.h>

enum { N = 40, STEPS = 7 };

static tg_tensor filled(tg_tape *tape, double number) {
    return tg_full(tape, TG_F64, TG_SHAPE(N), number);
}

static void check_all_are(tg_tensor x, double expected) {
    const double *values = tg_data(x);
    ck_assert_msg(values, "%s", tg_error(x.tape));
    for (int i = 0; i < N; i++)
        ck_assert_double_eq(values[i], expected);
}

/* Groups of one tile, and kernels before and behind one that fails when it is told to: 1, 2, ... n times x, each plus 1, doubled. */
static tg_tensor formula(tg_tensor x) {
    tg_tensor sum = tg_cumsum(tg_add(tg_mul(x, 0.5), tg_mul(x, 0.5)), 0), still = balky(balky(sum, 1), 2);
    return tg_mul(tg_add(tg_flip(tg_cumsum(tg_neg(tg_neg(still)), 0), TG_AXES(0)), 1), 2);
}

static void check_formula(tg_tensor y, double x) {
    const double *values = tg_data(y);
    ck_assert_msg(values, "%s", tg_error(y.tape));
    for (int i = 0; i < N; i++)
        ck_assert_double_eq(values[N - 1 - i], 2 * (x * (i + 1) * (i + 2) / 2 + 1));
}

static double next_input(tg_tensor x, int step) {
    double values[N];
    for (int i = 0; i < N; i++)
        values[i] = step + 3;
    ck_assert(!tg_write(x, values, N));
    return step + 3;
}

/* A step that fails leaves what is known of the next ones' addresses half written. */
START_TEST(steps_behind_one_that_failed) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, NULL, TG_F64, TG_SHAPE(N));
    tg_mark   mark = tg_tape_mark(tape);
    for (int step = 0; step < 2 * STEPS; step++) {
        double    now = next_input(x, step);
        tg_tensor y = formula(x);
        failing = step == _i || step == STEPS;
        if (failing) {
            ck_assert(!tg_data(y) && tg_error_status(tape) == TG_ERR_VALUE);
            tg_clear_error(tape);
            failing = 0;
            if (_i % 2) check_formula(y, now);
            ck_assert(!tg_discard(tape, mark));
            continue;
        }
        check_formula(y, now);
        ck_assert(!tg_rewind(tape, mark));
    }
    tg_tape_free(tape);
}
END_TEST

/* One value has memory of its own, which is the same when it gets it again. */
START_TEST(runs_behind_one_that_failed) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, NULL, TG_F64, TG_SHAPE(N)), y;
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED));
    ck_assert(!tg_keep(y = formula(x)));
    for (int step = 0; step < STEPS; step++) {
        double now = next_input(x, step);
        failing = step == _i;
        ck_assert(tg_run(tape) == (failing ? TG_ERR_VALUE : TG_OK));
        tg_clear_error(tape);
        failing = 0;
        if (step != _i) check_formula(y, now);
    }
    tg_tape_free(tape);
}
END_TEST

/* Constants that were recorded in the step, of other elements each time and in other places. */
START_TEST(constants_of_the_step) {
    tg_tape *tape = tg_tape_new();
    double   of_all[STEPS][N], values[N];
    tg_mark  mark = tg_tape_mark(tape);
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < N; i++)
            values[i] = of_all[step][i] = step + 3;
        tg_tensor before = tg_neg(filled(tape, 1));
        tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(N), values),
                  borrowed = tg_borrow(tape, TG_F64, TG_SHAPE(N), of_all[step]);
        check_all_are(tg_add(tg_mul(tg_sub(x, before), step), borrowed), (step + 4) * step + step + 3);
        check_formula(formula(borrowed), step + 3);
        ck_assert(!tg_rewind(tape, mark));
        if (step % _i == 0) mark = (tg_neg(filled(tape, step)), tg_tape_mark(tape)); /* what follows begins elsewhere */
    }
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* A leaf gets other memory when it is overwritten and a view of it shows what it was. */
START_TEST(a_leaf_that_moved_between_two_steps) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", filled(tape, 1)), shown[STEPS];
    for (int step = 0; step < STEPS; step++) {
        tg_mark mark = tg_tape_mark(tape);
        check_formula(formula(w), step + 1);
        ck_assert(!tg_rewind(tape, mark));
        shown[step] = tg_reshape(w, TG_SHAPE(2, N / 2));
        ck_assert(tg_data(shown[step]) && !tg_assign(w, tg_add(w, 1)) && !tg_run_pending(tape));
    }
    for (int step = 0; step < STEPS; step++)
        check_all_are(tg_reshape(shown[step], TG_SHAPE(N)), step + 1);
    tg_tape_free(tape);
}
END_TEST

/* And so does a value that is computed, when it is computed again, or taken back by a rewind: the step is the same, and stands where the one before
 * stood. */
START_TEST(a_value_that_moved_between_two_steps) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, NULL, TG_F64, TG_SHAPE(N)), large[STEPS];
    tg_mark   first = tg_tape_mark(tape);
    for (int step = 0; step < STEPS; step++) {
        double    now = next_input(x, step);
        tg_tensor y = tg_mul(x, 3);
        check_all_are(y, 3 * now);
        tg_mark second = tg_tape_mark(tape);
        for (int again = 0; again < 1 + step % 4; again++) {
            check_formula(formula(y), 3 * now);
            ck_assert(!tg_rewind(tape, second));
        }
        now = next_input(x, step + 9); /* y is computed again, where there is memory then */
        large[step % 2] = filled(tape, step);
        check_formula(formula(y), 3 * now);
        ck_assert(!tg_rewind(tape, first));
    }
    (void)large;
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* A leaf moves in the middle of a run when a view was recorded since that shows it: what stands behind the assign finds it there. */
START_TEST(a_leaf_that_moves_during_a_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", filled(tape, 1)), view[STEPS];
    ck_assert(!tg_begin_part(tape, "change"));
    tg_tensor before = balky(tg_mul(w, 2), 2);
    ck_assert(!tg_assign(w, tg_add(w, 1)));
    tg_tensor after = balky(w, 2), doubled = tg_mul(w, 2), shown = balky(tg_add(tg_mul(w, 3), after), 2);
    ck_assert(!tg_keep(before) && !tg_keep(after) && !tg_keep(doubled) && !tg_keep(shown) && !tg_end_part(tape));
    for (int step = 0, now = 1; step < STEPS; step++) {
        for (int again = 0; again < 4; again++, now++) {
            ck_assert(!tg_run_part(tape, "change"));
            check_all_are(before, 2 * now);
            check_all_are(after, now + 1);
            check_all_are(doubled, 2 * now + 2);
            check_all_are(shown, 4 * now + 4);
        }
        view[step] = tg_reshape(w, TG_SHAPE(2, N / 2));
        if (step % 2) tg_run_pending(tape);
        if (step % 3) ck_assert_ptr_nonnull(tg_data(view[step]));
    }
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* Views alone are bound, and nothing is computed: they show the leaf when that is overwritten later. */
START_TEST(views_that_ran_by_themselves) {
    tg_tape *tape = tg_tape_new();
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED));
    tg_tensor w = tg_parameter(tape, "w", filled(tape, 2)), view = tg_flip(w, TG_AXES(0));
    if (_i % 2) ck_assert(!tg_keep(tg_reshape(view, TG_SHAPE(2, N / 2))));
    for (int run = 0; run < _i / 2; run++)
        ck_assert(!tg_run(tape));
    ck_assert(!tg_assign(w, tg_mul(w, 10)));
    tg_tensor y = tg_add(view, 1);
    ck_assert(!tg_keep(y) && !tg_run_pending(tape));
    check_all_are(y, 3);
    check_all_are(w, 20);
    tg_tape_free(tape);
}
END_TEST

/* Memory may fail when all is bound, and nothing has been written down of where. */
static bool large_fail;

static void *allocate(void *context, size_t bytes) {
    (void)context;
    return large_fail && bytes >= 8000 ? NULL : malloc(bytes);
}

static void release(void *context, void *memory, size_t bytes) {
    (void)context, (void)bytes;
    free(memory);
}

START_TEST(memory_that_fails_before_the_first_kernel) {
    tg_tape  *tape = tg_tape_new_with(&(tg_host){.allocate = allocate, .release = release});
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(1000)), y = tg_input(tape, "y", TG_F64, TG_SHAPE(3));
    ck_assert(!tg_begin_part(tape, "step"));
    tg_tensor sums = balky(y, 2);
    ck_assert(!tg_assign(x, tg_sum(sums)) && !tg_end_part(tape) && !tg_begin_part(tape, "show"));
    tg_reshape(x, TG_SHAPE(10, 100));
    ck_assert(!tg_end_part(tape) && !tg_run_part(tape, "show"));
    for (int run = 0; run < _i; run++)
        ck_assert(!tg_run_part(tape, "step"));
    ck_assert(!tg_run_part(tape, "show"));
    tg_trim(tape);
    large_fail = true;
    ck_assert_int_eq(tg_run_part(tape, "step"), TG_ERR_MEMORY);
    large_fail = false;
    tg_clear_error(tape);
    for (int run = 1; run < 4; run++) {
        ck_assert(!tg_write(y, ((double[]){run, run, run}), 3) && !tg_run_part(tape, "step"));
        ck_assert(((const double *)tg_data(sums))[2] == run && ((const double *)tg_data(x))[999] == 3 * run);
    }
    tg_tape_free(tape);
}
END_TEST

Suite *suite_bind(void) {
    Suite *suite = suite_create("run/bind");
    TCase *again = tcase_create("again");
    tcase_add_loop_test(again, steps_behind_one_that_failed, 0, STEPS);
    tcase_add_loop_test(again, runs_behind_one_that_failed, 0, STEPS);
    tcase_add_loop_test(again, constants_of_the_step, 1, STEPS + 1);
    tcase_add_test(again, a_leaf_that_moved_between_two_steps);
    tcase_add_test(again, a_value_that_moved_between_two_steps);
    tcase_add_test(again, a_leaf_that_moves_during_a_run);
    tcase_add_loop_test(again, views_that_ran_by_themselves, 0, 6);
    tcase_add_loop_test(again, memory_that_fails_before_the_first_kernel, 1, 5);
    suite_add_tcase(suite, again);
    return suite;
}
