/* tests/run/test_run.c: the tape means what it says, in the order in which it was recorded: assigns and their readers, runs
 * again, rewinds, and runs that fail in the middle.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/tape.h"

/* ---- program order ----------------------------------------------------------------------------------------------- */

START_TEST(readers_see_the_value_of_their_place) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(2), 1));
    tg_tensor before = tg_mul(10, w);
    ck_assert(!tg_assign(w, tg_add(w, 1)));
    tg_tensor between = tg_mul(10, w);
    ck_assert(!tg_assign(w, tg_mul(w, w)));
    tg_tensor after = tg_mul(10, w);
    CHECK_F64(w, 4, 4);
    CHECK_F64(before, 10, 10);
    CHECK_F64(between, 20, 20);
    CHECK_F64(after, 40, 40);
    ck_assert(!tg_run(tape));
    CHECK_F64(before, 40, 40);
    CHECK_F64(between, 50, 50);
    CHECK_F64(after, 250, 250);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_has_run_is_not_run_again_until_the_next_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor n = tg_input(tape, "n", TG_I64, TG_SHAPE());
    ck_assert(!tg_assign(n, tg_add(n, 1)));
    for (int i = 1; i <= 20; i++) {
        for (int j = 0; j < 3; j++)
            ck_assert(tg_item(n) == i);
        tg_neg(n);
        ck_assert(tg_item(n) == i && !tg_run(tape));
    }
    ck_assert(!tg_assign(n, tg_mul(n, 2)) && tg_item(n) == 42 && !tg_run(tape) && tg_item(n) == 86);
    tg_tape_free(tape);
}
END_TEST

START_TEST(recording_goes_on_after_a_value_was_read) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 2.0), y = tg_square(w), v = tg_reshape(w, TG_SHAPE(1));
    CHECK_F64(y, 4);
    ck_assert(!tg_assign(w, 3.0));
    tg_tensor z = tg_add(tg_add(y, w), v);
    CHECK_F64(z, 9);
    ck_assert(!tg_run(tape));
    CHECK_F64(y, 9);
    CHECK_F64(z, 15);
    tg_tape_free(tape);
}
END_TEST

START_TEST(an_empty_tape_runs) {
    tg_tape *tape = tg_tape_new();
    ck_assert(!tg_run(tape) && !tg_run(tape) && !tg_rewind(tape, tg_tape_mark(tape)));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(empty_tensors_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(3, 0), 1));
    tg_tensor t = tg_transpose(w, 0, 1), y = tg_exp(tg_add(t, tg_full(tape, TG_F64, TG_SHAPE(2, 1, 3), 1)));
    ck_assert(!tg_assign(w, tg_reshape(y, TG_SHAPE(3, 0))) && !tg_backward(tg_sum(y)));
    tg_tensor product = tg_matmul(w, t);
    ck_assert(tg_shape_equal(tg_shape_of(y), TG_SHAPE(2, 0, 3)) && !tg_read(y, NULL, 0) && !tg_read(t, NULL, 0) && tg_data(t));
    CHECK_F64(product, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    CHECK_F64(tg_sum(y), 0);
    ck_assert(!tg_read(tg_grad(w), NULL, 0) && !tg_run(tape));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- a run that fails -------------------------------------------------------------------------------------------- */

/* Gives its operand back, unless it is blown. */
enum fuse { WHOLE, BLOWN, BLOWN_WITHOUT_WORDS, BLOWN_BUT_RETURNS_OK };
static enum fuse fuse;

static tg_status conduct(tg_kernel_call *call) {
    *(double *)call->out.data = *(const double *)call->in[0].data;
    if (fuse == BLOWN) return tg_kernel_fail(call, "blown at %g", *(const double *)call->in[0].data);
    if (fuse == BLOWN_BUT_RETURNS_OK) tg_kernel_fail(call, "blown at %g", *(const double *)call->in[0].data);
    return fuse == BLOWN_WITHOUT_WORDS ? TG_ERR_VALUE : TG_OK;
}

static tg_status infer_scalar(tg_infer *call) {
    call->out = (tg_type){TG_F64, 0, call->dims};
    return TG_OK;
}

static const tg_op op_fuse = {.name = "fuse", .arity = 1, .infer = infer_scalar, .kernel = conduct};

/* a <- a + 1, then the fuse, then b <- b + 1. */
typedef struct circuit {
    tg_tape  *tape;
    tg_tensor a, b, y;
    tg_mark   start;
    char      error[200];
} circuit;

static circuit new_circuit(void) {
    circuit c = {.tape = tg_tape_new()};
    c.a = tg_parameter(c.tape, "a", 0.0);
    c.b = tg_parameter(c.tape, "b", 0.0);
    c.start = tg_tape_mark(c.tape);
    tg_assign(c.a, tg_add(c.a, 1));
    c.y = tg_record(c.tape, &op_fuse, 1, &c.a, NULL, 0);
    snprintf(c.error, sizeof c.error, "%s:%d: fuse: ", __FILE__, __LINE__ - 1);
    tg_assign(c.b, tg_add(c.b, 1));
    CHECK_OK(c.tape);
    fuse = WHOLE;
    return c;
}

/* Mends the fuse and sees where a and b stand, nothing having run in between. */
static void check_circuit(circuit *c, double a, double b) {
    fuse = WHOLE;
    CHECK_F64(c->a, a);
    CHECK_F64(c->b, b);
    CHECK_F64(c->y, a);
}

START_TEST(a_failing_kernel_stops_the_run_where_it_stands) {
    circuit c = new_circuit();
    ck_assert(!tg_run(c.tape));
    check_circuit(&c, 1, 1);
    fuse = (enum fuse)_i;
    ck_assert_int_eq(tg_run(c.tape), TG_ERR_VALUE);
    if (fuse != BLOWN_WITHOUT_WORDS) strcat(c.error, "blown at 2");
    ck_assert(*(double *)tgi_node_at(c.tape, tgi_index(c.a))->data == 2);
    ck_assert(*(double *)tgi_node_at(c.tape, tgi_index(c.b))->data == 1);
    ck_assert_int_eq(tg_run(c.tape), TG_ERR_VALUE); /* while the error stands nothing runs */
    CHECK_ERROR_TEXT(c.tape, TG_ERR_VALUE, c.error);
    check_circuit(&c, 2, 2);
    ck_assert(!tg_run(c.tape));
    check_circuit(&c, 3, 3);
    tg_tape_free(c.tape);
}
END_TEST

START_TEST(a_failing_read_names_the_line_of_the_recording) {
    circuit c = new_circuit();
    double  room;
    fuse = BLOWN;
    ck_assert(isnan(tg_item(c.b)));
    CHECK_ERROR_TEXT(c.tape, TG_ERR_VALUE, c.error);
    ck_assert_int_eq(tg_read(c.y, &room, 1), TG_ERR_VALUE);
    CHECK_ERROR_TEXT(c.tape, TG_ERR_VALUE, c.error);
    ck_assert(!tg_data(c.y));
    CHECK_ERROR_TEXT(c.tape, TG_ERR_VALUE, c.error);
    ck_assert(!tg_read(c.a, &room, 1) && room == 1); /* its assign stands before */
    ck_assert(!tg_valid(tg_parameter(c.tape, "p", c.y)));
    CHECK_ERROR_TEXT(c.tape, TG_ERR_VALUE, c.error);
    check_circuit(&c, 1, 1);
    tg_tape_free(c.tape);
}
END_TEST

START_TEST(a_failing_op_without_a_line_claims_none) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 7);
    (tg_record)(tape, &op_fuse, 1, &x, NULL, 0);
    fuse = BLOWN;
    tg_run(tape);
    CHECK_ERROR_TEXT(tape, TG_ERR_VALUE, "fuse: blown at 7");
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_kernel_that_fails_has_failed_whatever_it_returns) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 7), y = tg_record(tape, &op_fuse, 1, &x, NULL, 0), z = tg_neg(y);
    fuse = BLOWN_BUT_RETURNS_OK;
    ck_assert_int_eq(tg_run(tape), TG_ERR_VALUE);
    tg_clear_error(tape);
    ck_assert(isnan(tg_item(y)) && !tg_data(z));
    tg_clear_error(tape);
    fuse = WHOLE;
    CHECK_F64(z, -7);
    tg_tape_free(tape);
}
END_TEST

/* The failed run can be given up: the next one begins at the start. */
START_TEST(a_new_run_begins_at_the_start) {
    circuit c = new_circuit();
    fuse = BLOWN;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(tg_run(c.tape), TG_ERR_VALUE);
        CHECK_ERROR_TEXT(c.tape, TG_ERR_VALUE, c.error);
    }
    check_circuit(&c, 3, 1);
    tg_tape_free(c.tape);
}
END_TEST

START_TEST(a_write_between_failure_and_retry_counts) {
    circuit c = new_circuit();
    fuse = BLOWN;
    ck_assert_int_eq(tg_run(c.tape), TG_ERR_VALUE);
    tg_clear_error(c.tape);
    ck_assert(!tg_write(c.a, (double[]){50}, 1) && !tg_write(c.b, (double[]){70}, 1));
    check_circuit(&c, 50, 71);
    tg_tape_free(c.tape);
}
END_TEST

/* ---- rewinds and what is pending --------------------------------------------------------------------------------- */

START_TEST(a_rewind_performs_pending_updates_once) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.0);
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 1; i <= 100; i++) {
        ck_assert(!tg_assign(w, tg_add(w, 1)));
        tg_tensor unread = tg_neg(w);
        if (i % 3 == 0) ck_assert(tg_item(unread) == -i);
        if (i % 3 == 1) ck_assert(tg_item(w) == i);
        ck_assert(!tg_rewind(tape, mark) && !tg_rewind(tape, mark));
    }
    CHECK_F64(w, 100);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_rewind_runs_nothing_behind_the_last_update) {
    circuit c = new_circuit();
    tg_mark mark = tg_tape_mark(c.tape);
    tg_record(c.tape, &op_fuse, 1, &c.a, NULL, 0);
    ck_assert(!tg_run(c.tape) && !tg_rewind(c.tape, mark));
    tg_tensor y = tg_record(c.tape, &op_fuse, 1, &c.a, NULL, 0);
    fuse = BLOWN;
    ck_assert(!tg_rewind(c.tape, mark) && !tg_valid(y));
    check_circuit(&c, 1, 1);
    tg_tape_free(c.tape);
}
END_TEST

START_TEST(a_rewind_whose_update_fails_forgets_nothing) {
    circuit c = new_circuit();
    int64_t count = tg_instruction_count(c.tape);
    fuse = BLOWN;
    ck_assert_int_eq(tg_rewind(c.tape, c.start), TG_ERR_VALUE);
    CHECK_ERROR_TEXT(c.tape, TG_ERR_VALUE, c.error);
    ck_assert(tg_instruction_count(c.tape) == count && tg_valid(c.y));
    fuse = WHOLE;
    ck_assert(!tg_rewind(c.tape, c.start) && !tg_valid(c.y));
    CHECK_F64(c.a, 1);
    CHECK_F64(c.b, 1);
    tg_tape_free(c.tape);
}
END_TEST

START_TEST(a_rewind_to_a_bad_mark_runs_nothing) {
    circuit c = new_circuit();
    tg_mark bad = {.tape = c.tape, .ref = 1000};
    FAILS(c.tape, tg_rewind(c.tape, bad), TG_ERR_HANDLE, "rewind: ");
    ck_assert_int_eq(c.tape->done, 0);
    check_circuit(&c, 1, 1);
    tg_tape_free(c.tape);
}
END_TEST

/* Updates before the mark are pending too, and their readers are still there. */
START_TEST(a_rewind_performs_updates_before_the_mark) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = matrix_parameter(tape, "w"), t = tg_transpose(w, 0, 1);
    ck_assert(!tg_assign(w, tg_mul(10, w)));
    tg_mark mark = tg_tape_mark(tape);
    ck_assert(!tg_assign(w, tg_transpose(w, 0, 1)) && !tg_rewind(tape, mark));
    CHECK_F64(w, 10, 30, 20, 40);
    CHECK_F64(t, 1, 3, 2, 4);
    ck_assert(!tg_run(tape));
    CHECK_F64(w, 100, 300, 200, 400);
    CHECK_F64(t, 10, 20, 30, 40);
    tg_tape_free(tape);
}
END_TEST

START_TEST(after_a_rewind_gradients_need_no_forgotten_assign) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3.0), loss = tg_square(w);
    tg_mark   mark = tg_tape_mark(tape);
    ck_assert(!tg_assign(w, 4) && !tg_assign(w, 5));
    ck_assert_int_eq(tg_backward(loss), TG_ERR_GRADIENT);
    tg_clear_error(tape);
    ck_assert(!tg_rewind(tape, mark) && !tg_backward(loss));
    CHECK_F64(loss, 9);
    CHECK_F64(tg_grad(w), 10); /* runs now, on what the updates left */
    tg_tape_free(tape);
}
END_TEST

/* ---- threads ----------------------------------------------------------------------------------------------------- */

enum { RESULTS = 64 * 3 };

/* A small descent, recorded afresh in each step; what it leaves goes to `results`. */
static void *descend(void *results) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, 7);
    tg_tensor x = tg_randn(tape, TG_F64, TG_SHAPE(50, 64)), y = tg_randn(tape, TG_F64, TG_SHAPE(50, 3));
    tg_tensor w = tg_parameter(tape, "w", tg_randn(tape, TG_F64, TG_SHAPE(64, 3)));
    tg_mark   mark = tg_tape_mark(tape);
    for (int step = 0; step < 50; step++) {
        tg_backward(tg_mean(tg_square(tg_sub(tg_tanh(tg_matmul(x, w)), y))));
        tg_sgd_step(tape, 0.5);
        tg_rewind(tape, mark);
    }
    tg_read(w, results, RESULTS);
    tg_add(x, w); /* an error too */
    bool failed = tg_error_status(tape) == TG_ERR_SHAPE;
    tg_tape_free(tape);
    return failed ? results : NULL;
}

START_TEST(two_tapes_on_two_threads_give_the_same_bits) {
    static double results[5][RESULTS];
    pthread_t     threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert(!pthread_create(&threads[i], NULL, descend, results[i]));
    ck_assert_ptr_nonnull(descend(results[4]));
    for (int i = 0; i < 4; i++) {
        void *returned;
        ck_assert(!pthread_join(threads[i], &returned) && returned);
        ck_assert_mem_eq(results[i], results[4], sizeof results[4]);
    }
    ck_assert(isfinite(results[4][0]) && results[4][0] != 0);
}
END_TEST

static void add_rewind_tests(TCase *rewind) {
    tcase_add_test(rewind, a_rewind_performs_pending_updates_once);
    tcase_add_test(rewind, a_rewind_runs_nothing_behind_the_last_update);
    tcase_add_test(rewind, a_rewind_whose_update_fails_forgets_nothing);
    tcase_add_test(rewind, a_rewind_to_a_bad_mark_runs_nothing);
    tcase_add_test(rewind, a_rewind_performs_updates_before_the_mark);
    tcase_add_test(rewind, after_a_rewind_gradients_need_no_forgotten_assign);
}

/* Nobody has read it before the write: not by a read of what is in a part, nor of what stands before it where only what is asked for is kept. */
START_TEST(what_was_not_read_sees_what_was_written) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(1));
    bool      eager = _i % 2, asked = _i / 2;
    ck_assert(!tg_set_eager(tape, eager) && !tg_set_keep(tape, asked ? TG_KEEP_ASKED : TG_KEEP_RECORDED));
    ck_assert(!tg_begin_part(tape, "part"));
    tg_tensor inside = tg_add(x, 1);
    ck_assert(!tg_keep(inside) && !tg_end_part(tape) && !tg_run_part(tape, "part"));
    tg_tensor before = tg_add(x, 3), z = tg_mul(2, x);
    ck_assert(!tg_keep(before) && !tg_keep(z) && tg_item(inside) == 1);
    if (asked) ck_assert(tg_item(before) == 3);
    ck_assert(!tg_write(x, &(double){5}, 1) && tg_item(z) == 10);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_run(void) {
    Suite *suite = suite_create("run/run");
    TCase *order = tcase_create("order"), *kernel = tcase_create("kernel");
    TCase *rewind = tcase_create("rewind"), *thread = tcase_create("thread");
    tcase_add_test(order, readers_see_the_value_of_their_place);
    tcase_add_test(order, what_has_run_is_not_run_again_until_the_next_run);
    tcase_add_test(order, recording_goes_on_after_a_value_was_read);
    tcase_add_loop_test(order, what_was_not_read_sees_what_was_written, 0, 4);
    tcase_add_test(order, an_empty_tape_runs);
    tcase_add_test(order, empty_tensors_run);
    suite_add_tcase(suite, order);
    tcase_add_loop_test(kernel, a_failing_kernel_stops_the_run_where_it_stands, BLOWN, BLOWN_BUT_RETURNS_OK + 1);
    tcase_add_test(kernel, a_kernel_that_fails_has_failed_whatever_it_returns);
    tcase_add_test(kernel, a_failing_read_names_the_line_of_the_recording);
    tcase_add_test(kernel, a_failing_op_without_a_line_claims_none);
    tcase_add_test(kernel, a_new_run_begins_at_the_start);
    tcase_add_test(kernel, a_write_between_failure_and_retry_counts);
    suite_add_tcase(suite, kernel);
    add_rewind_tests(rewind);
    suite_add_tcase(suite, rewind);
    tcase_add_test(thread, two_tapes_on_two_threads_give_the_same_bits);
    suite_add_tcase(suite, thread);
    return suite;
}
