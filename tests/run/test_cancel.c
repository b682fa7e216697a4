/* tests/run/test_cancel.c: runs that are stopped from outside.
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "support.h"

/* ---- an op that cancels the run it is in ------------------------------------------------------------------------- */

static tg_tape   *to_cancel;
static atomic_int calls;

static tg_status cancelling_kernel(tg_kernel_call *call) {
    *(double *)call->out.data = *(const double *)call->in[0].data;
    tg_cancel(to_cancel);
    return TG_OK;
}

static tg_status infer_same(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

static const tg_op cancelling = {"cancelling", 1, infer_same, .kernel = cancelling_kernel};

static tg_tensor cancel_at(tg_tensor x) {
    return tg_record(NULL, &cancelling, 1, &x, NULL, 0);
}

/* The same, element by element: x + 1, so that it runs in tiles. */
static void cancelling_loop(int64_t n, void *out, const void *const *in, const int64_t *step) {
    const double *x = in[0];
    double       *y = out;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i * step[0]] + 1;
    if (calls++ == 0) tg_cancel(to_cancel);
}

static const tg_loops cancelling_loops = TG_LOOPS([TG_F64] = cancelling_loop);
static const tg_op    cancelling_by_tiles = {"cancelling_by_tiles", 1, tg_infer_elementwise, .loops = &cancelling_loops};

static tg_tensor cancel_in(tg_tensor x) {
    return tg_record(NULL, &cancelling_by_tiles, 1, &x, NULL, 0);
}

/* ---- where a run stops ------------------------------------------------------------------------------------------- */

START_TEST(the_next_run_stops_at_once_and_the_one_after_runs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1.0);
    tg_assign(w, tg_add(w, 1));
    int line = __LINE__ - 1;
    tg_cancel(tape);
    ck_assert_int_eq(tg_run(tape), TG_ERR_CANCELLED);
    char text[300];
    snprintf(text, sizeof text, "%s:%d: run: cancelled before ", __FILE__, line);
    CHECK_ERROR_TEXT(tape, TG_ERR_CANCELLED, text);
    ck_assert(!tg_run_pending(tape));
    CHECK_F64(w, 2);
    ck_assert(!tg_run(tape));
    CHECK_F64(w, 3);
    tg_cancel(NULL);
    tg_tape_free(tape);
}
END_TEST

START_TEST(assigns_before_are_done_and_those_after_are_pending) {
    to_cancel = tg_tape_new();
    tg_set_eager(to_cancel, _i == 1);
    tg_tensor a = tg_parameter(to_cancel, "a", 1.0), b = tg_parameter(to_cancel, "b", 1.0);
    tg_tensor x = tg_add(a, 1);
    tg_assign(a, 10);
    tg_tensor y = cancel_at(x);
    tg_tensor z = tg_mul(y, b);
    tg_assign(b, 20);
    ck_assert_int_eq(tg_run_pending(to_cancel), TG_ERR_CANCELLED);
    tg_clear_error(to_cancel);
    ck_assert(((const double *)tg_peek(a))[0] == 10 && ((const double *)tg_peek(b))[0] == 1);
    ck_assert(!tg_run_pending(to_cancel));
    CHECK_F64(b, 20);
    CHECK_F64(z, 2);
    CHECK_F64(x, 2);
    CHECK_OK(to_cancel);
    tg_tape_free(to_cancel);
}
END_TEST

enum { MANY = 1 << 20 };

START_TEST(a_long_group_is_left_in_the_middle) {
    to_cancel = tg_tape_new();
    calls = 0;
    tg_tensor x = tg_full(to_cancel, TG_F64, TG_SHAPE(MANY), 1), y = cancel_in(tg_mul(x, 2)), sum = tg_sum(y);
    ck_assert_int_eq(tg_run(to_cancel), TG_ERR_CANCELLED);
    int until = calls;
    tg_clear_error(to_cancel);
    ck_assert(tg_item(sum) == 3.0 * (double)MANY);
    ck_assert_int_lt(2 * until, calls - until);
    tg_tape_free(to_cancel);
}
END_TEST

START_TEST(a_group_that_updates_is_not) {
    to_cancel = tg_tape_new();
    calls = 0;
    tg_tensor w = tg_parameter(to_cancel, "w", tg_full(to_cancel, TG_F64, TG_SHAPE(MANY), 1));
    tg_assign(w, cancel_in(w));
    tg_tensor next = tg_exp(tg_sum(w));
    (void)next;
    tg_status status = tg_run(to_cancel);
    tg_clear_error(to_cancel);
    const double *v = tg_data(w);
    ck_assert(status == TG_ERR_CANCELLED && v[0] == 2 && v[MANY / 2] == 2 && v[MANY - 1] == 2);
    ck_assert(!tg_run(to_cancel) && ((const double *)tg_data(w))[MANY - 1] == 3);
    tg_tape_free(to_cancel);
}
END_TEST

/* Whatever is recorded between, no assign happens twice, or not at all: what runs after the clearing goes on where it stopped. */
START_TEST(no_update_happens_twice) {
    to_cancel = tg_tape_new();
    calls = 0;
    enum { SIZE = 3000 };
    tg_tensor a = tg_parameter(to_cancel, "a", tg_full(to_cancel, TG_F64, TG_SHAPE(SIZE), 1));
    tg_tensor b = tg_parameter(to_cancel, "b", tg_full(to_cancel, TG_F64, TG_SHAPE(7, 5), 1));
    tg_tensor x = tg_mul(a, 2), other = tg_exp(b), y = _i == 0 ? cancel_in(x) : x;
    tg_assign(a, tg_add(a, y));
    tg_tensor row = tg_sum_axes(_i == 1 ? cancel_in(other) : other, TG_AXES(0), false);
    tg_assign(b, tg_add(b, 1));
    tg_tensor end = tg_sum(tg_mul(_i == 2 ? cancel_in(a) : a, 3));
    (void)row;
    tg_status status = tg_run(to_cancel);
    if (!status) status = tg_run(to_cancel); /* cancelled at the end of the last group */
    ck_assert_int_eq(status, TG_ERR_CANCELLED);
    tg_clear_error(to_cancel);
    ck_assert(!tg_run_pending(to_cancel) && tg_item(end) > 0);
    double first = ((const double *)tg_data(b))[0];
    ck_assert(first == 2 || first == 3);
    double expected = 1;
    for (int run = 1; run < (int)first; run++)
        expected = expected + 2 * expected + (_i == 0 ? 1 : 0);
    ck_assert(((const double *)tg_data(a))[SIZE - 1] == expected);
    tg_tape_free(to_cancel);
}
END_TEST

/* ---- from another thread ----------------------------------------------------------------------------------------- */

static void *cancel_soon(void *tape) {
    tg_cancel(tape);
    return NULL;
}

START_TEST(from_another_thread) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(100), 1));
    tg_assign(w, tg_tanh(tg_mul(w, 2)));
    pthread_t thread;
    ck_assert(!pthread_create(&thread, NULL, cancel_soon, tape));
    while (!tg_run(tape)) {}
    ck_assert_int_eq(tg_error_status(tape), TG_ERR_CANCELLED);
    ck_assert(!pthread_join(thread, NULL));
    tg_clear_error(tape);
    ck_assert(!tg_run(tape));
    tg_tape_free(tape);
}
END_TEST

Suite *suite_cancel(void) {
    Suite *suite = suite_create("run/cancel");
    TCase *cases = tcase_create("cancel");
    tcase_add_test(cases, the_next_run_stops_at_once_and_the_one_after_runs);
    tcase_add_loop_test(cases, assigns_before_are_done_and_those_after_are_pending, 0, 2);
    tcase_add_test(cases, a_long_group_is_left_in_the_middle);
    tcase_add_test(cases, a_group_that_updates_is_not);
    tcase_add_loop_test(cases, no_update_happens_twice, 0, 3);
    tcase_add_test(cases, from_another_thread);
    suite_add_tcase(suite, cases);
    return suite;
}
