/* tests/core/test_callback.c: what shape rules, kernels, gradient rules and checkpointed functions must not call is rejected, and the
 * tape is as it was.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

/* ---- what is called from inside ---------------------------------------------------------------------------------- */

static tg_tape  *the_tape;
static tg_tensor w; /* on it */
static tg_mark   start;

static void call_run(void) {
    tg_run(the_tape);
}
static void call_rewind(void) {
    tg_rewind(the_tape, start);
}
static void call_discard(void) {
    tg_discard(the_tape, start);
}
static void call_item(void) {
    tg_item(tg_num(1)); /* which is none of the tape's */
    tg_item(w);
}
static void call_read(void) {
    double room[2];
    tg_read(w, room, 2);
}
static void call_data(void) {
    tg_data(w);
}
static void call_write(void) {
    tg_write(w, ((double[]){7, 7}), 2);
}
static void call_parameter(void) {
    tg_parameter(the_tape, "new", w);
}
static void call_set_eager(void) {
    tg_set_eager(the_tape, true);
}
static void call_clear_error(void) {
    tg_clear_error(the_tape);
}
static void call_free(void) {
    tg_tape_free(the_tape);
}
static void call_gradcheck(void) {
    tg_gradcheck(w, 1, &w, NULL);
}
static void call_read_jacobian(void) {
    double room[4];
    tg_read_jacobian(w, w, room, 4);
}
static void call_read_hessian(void) {
    double room[4];
    tg_read_hessian(w, w, room, 4);
}
static void call_print_tensor(void) {
    tg_print_tensor(w, stderr);
}
static void call_print_plan(void) {
    tg_print_plan(the_tape, stderr);
}
static void call_run_pending(void) {
    tg_run_pending(the_tape);
}
static void call_run_part(void) {
    tg_run_part(the_tape, "part");
}
static void call_begin_part(void) {
    tg_begin_part(the_tape, "part");
}
static void call_abandon(void) {
    tg_abandon(the_tape);
}
static void call_peek(void) {
    tg_peek(w);
}
static void call_trim(void) {
    tg_trim(the_tape);
}
static void leave_a_scope_open(void) {
    tg_begin_scope(the_tape, "open");
}
static void end_a_scope_twice(void) {
    tg_scope scope = tg_begin_scope(the_tape, "scope");
    tg_end_scope(scope);
    tg_end_scope(scope);
}
static void nothing(void) {
}
static void record(void) {
    tg_exp(w);
}
static void make_a_leaf(void) {
    tg_full(the_tape, TG_F64, TG_SHAPE(3), 1);
}
static void differentiate(void) {
    tg_backward(tg_sum(w));
}
static void forget_gradients(void) {
    tg_zero_grad(the_tape);
}
static void change_settings(void) {
    tg_seed(the_tape, 1), tg_set_threads(the_tape, 1), tg_set_keep(the_tape, TG_KEEP_RECORDED), tg_set_anomaly(the_tape, false);
}

/* What no callback may call; and what only those may that record. */
static void (*const never[])(void) = {call_run,           call_rewind,       call_discard,       call_item,
                                      call_read,          call_data,         call_write,         call_parameter,
                                      call_set_eager,     call_clear_error,  call_free,          call_gradcheck,
                                      call_read_jacobian, call_read_hessian, call_print_tensor,  call_print_plan,
                                      call_run_pending,   call_run_part,     call_begin_part,    call_abandon,
                                      call_peek,          call_trim,         leave_a_scope_open, end_a_scope_twice};
static void (*const recording[])(void) = {record, make_a_leaf, differentiate, forget_gradients, change_settings};
enum { NEVER = sizeof never / sizeof *never, RECORDING = sizeof recording / sizeof *recording };

static void (*inside)(void);

/* ---- the callbacks ----------------------------------------------------------------------------------------------- */

static tg_status infer_same(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

static tg_status calling_infer(tg_infer *call) {
    inside();
    return infer_same(call);
}

static tg_status copy_kernel(tg_kernel_call *call) {
    memcpy(call->out.data, tg_contiguous(call, 0), (size_t)call->out.size * sizeof(double));
    return TG_OK;
}

static tg_status calling_kernel(tg_kernel_call *call) {
    inside();
    return copy_kernel(call);
}

static void calling_loop(int64_t n, void *out, const void *const *in, const int64_t *step) {
    inside();
    for (int64_t i = 0; i < n; i++)
        ((double *)out)[i] = ((const double *)in[0])[i * step[0]];
}

static bool calling_view(const tg_array *in, const void *attr, tg_array *out) {
    (void)attr;
    inside();
    out->data = in->data;
    memcpy(out->strides, in->strides, sizeof out->strides);
    return true;
}

static tg_tensor calling_rule(const tg_rule_call *call) {
    inside();
    return call->g;
}

static tg_tensor calling_segment(const tg_tensor *x, void *context) {
    (void)context;
    inside();
    return tg_neg(x[0]);
}

static const tg_loops     loops = TG_LOOPS([TG_F64] = calling_loop);
static tg_rule *const     rules[] = {calling_rule};
static const tg_op        in_infer = {"in_infer", 1, calling_infer, .kernel = copy_kernel};
static const tg_op        in_kernel = {"in_kernel", 1, infer_same, .kernel = calling_kernel};
static const tg_op        in_loop = {"in_loop", 1, infer_same, .loops = &loops};
static const tg_op        in_view = {"in_view", 1, infer_same, .view = calling_view};
static const tg_op        in_rule = {"in_rule", 1, infer_same, .kernel = copy_kernel, .rules = rules};
static const tg_op *const running[] = {&in_kernel, &in_loop, &in_view};

/* ---- the tests --------------------------------------------------------------------------------------------------- */

static int64_t before;

static tg_tensor begin(void (*call)(void)) {
    the_tape = tg_tape_new();
    start = tg_tape_mark(the_tape);
    w = tg_parameter(the_tape, "w", VECTOR(the_tape, 1, 2));
    tg_tensor y = tg_exp(w);
    before = tg_instruction_count(the_tape);
    inside = call;
    return y;
}

/* It was rejected, and nothing else has happened. */
static void check_rejected(tg_tensor y, const char *text, int64_t count) {
    ck_assert_int_eq(tg_error_status(the_tape), TG_ERR_ARGUMENT);
    ck_assert_msg(strstr(tg_error(the_tape), text), "'%s' does not say '%s'", tg_error(the_tape), text);
    inside = nothing;
    tg_clear_error(the_tape);
    ck_assert_int_eq(tg_instruction_count(the_tape), count);
    ck_assert(tg_valid(w) && tg_valid(y));
    tg_discard(the_tape, start);
    ck_assert_int_eq(tg_instruction_count(the_tape), 0);
    tg_tape_free(the_tape);
}

static void check_infer(void (*call)(void)) {
    tg_tensor y = begin(call);
    ck_assert(!tg_valid(tg_record(the_tape, &in_infer, 1, &w, NULL, 0)));
    check_rejected(y, call == leave_a_scope_open ? "shape rule" : "inside a shape rule", before);
}

static void check_run(const tg_op *op, bool eager, void (*call)(void)) {
    tg_tensor y = begin(call);
    if (eager) tg_set_eager(the_tape, true);
    tg_record(the_tape, op, 1, &w, NULL, 0);
    tg_run(the_tape);
    check_rejected(y, "inside a run", before + 1);
}

START_TEST(shape_rules_and_kernels_call_nothing) {
    void (*call)(void) = _i < NEVER ? never[_i] : recording[_i - NEVER];
    check_infer(call);
    for (size_t i = 0; i < sizeof running / sizeof *running; i++) {
        check_run(running[i], false, call);
        check_run(running[i], true, call);
    }
}
END_TEST

static const char *rejection(void (*call)(void), const char *name) {
    static char text[128];
    if (call == leave_a_scope_open)
        snprintf(text, sizeof text, "%s began and ended scopes that are not in pairs", name);
    else if (call == end_a_scope_twice)
        snprintf(text, sizeof text, "the scope had ended before");
    else
        snprintf(text, sizeof text, "not from inside %s", name);
    return text;
}

START_TEST(gradient_rules_only_record) {
    tg_tensor y = begin(never[_i]), z = tg_sum(tg_record(the_tape, &in_rule, 1, &w, NULL, 0));
    ck_assert_int_ne(tg_backward(z), TG_OK);
    check_rejected(y, rejection(never[_i], "a gradient rule"), before + 2);
}
END_TEST

START_TEST(checkpointed_functions_only_record) {
    tg_tensor y = begin(never[_i]);
    ck_assert(!tg_valid(tg_checkpoint(the_tape, calling_segment, NULL, 1, &w)));
    check_rejected(y, rejection(never[_i], "a checkpointed function"), before);
    y = begin(nothing);
    tg_tensor z = tg_sum(tg_checkpoint(the_tape, calling_segment, NULL, 1, &w));
    int64_t   count = tg_instruction_count(the_tape);
    inside = never[_i];
    ck_assert_int_ne(tg_backward(z), TG_OK);
    check_rejected(y, rejection(never[_i], "a checkpointed function"), count);
}
END_TEST

START_TEST(gradient_rules_record) {
    begin(recording[_i]);
    tg_tensor z = tg_sum(tg_record(the_tape, &in_rule, 1, &w, NULL, 0));
    ck_assert_int_eq(tg_backward(z), TG_OK);
    CHECK_OK(the_tape);
    tg_tape_free(the_tape);
}
END_TEST

/* Tiles of a group on all threads: one of them is reported. */
START_TEST(loops_on_many_threads_call_nothing) {
    begin(nothing);
    tg_set_threads(the_tape, 4);
    tg_tensor x = tg_full(the_tape, TG_F64, TG_SHAPE(1 << 20), 1), y = tg_record(the_tape, &in_loop, 1, &x, NULL, 0);
    tg_exp(y);
    inside = record;
    ck_assert_int_eq(tg_run(the_tape), TG_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tg_error(the_tape), "a function of the tape was called: not from inside a run"));
    tg_tape_free(the_tape);
}
END_TEST

START_TEST(nothing_is_rewound_inside_a_scope) {
    begin(nothing);
    tg_scope scope = tg_begin_scope(the_tape, "f");
    ck_assert_int_eq(tg_rewind(the_tape, start), TG_ERR_ARGUMENT);
    ck_assert_int_eq(tg_end_scope(scope), TG_ERR_ARGUMENT);
    CHECK_ERROR_TEXT(the_tape, TG_ERR_ARGUMENT, "f: not from inside a scope");
    ck_assert_int_eq(tg_discard(the_tape, start), TG_OK);
    tg_tape_free(the_tape);
}
END_TEST

START_TEST(a_plain_number_has_no_tape) {
    tg_tape *none[] = {tg_num(1).tape, tg_none().tape};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(tg_error_status(none[i]), TG_ERR_HANDLE);
        tg_clear_error(none[i]);
        ck_assert(!tg_valid(tg_full(none[i], TG_F64, TG_SHAPE(), 1)));
        ck_assert_int_eq(tg_run(none[i]), TG_ERR_HANDLE);
        ck_assert_int_eq(tg_instruction_count(none[i]), 0);
        tg_tape_free(none[i]);
        ck_assert_int_eq(tg_error_status(none[i]), TG_ERR_HANDLE);
    }
}
END_TEST

Suite *suite_callback(void) {
    Suite *suite = suite_create("core/callback");
    TCase *callbacks = tcase_create("callbacks");
    tcase_add_loop_test(callbacks, shape_rules_and_kernels_call_nothing, 0, NEVER + RECORDING);
    tcase_add_loop_test(callbacks, gradient_rules_only_record, 0, NEVER);
    tcase_add_loop_test(callbacks, checkpointed_functions_only_record, 0, NEVER);
    tcase_add_loop_test(callbacks, gradient_rules_record, 0, RECORDING);
    tcase_add_test(callbacks, loops_on_many_threads_call_nothing);
    tcase_add_test(callbacks, nothing_is_rewound_inside_a_scope);
    tcase_add_test(callbacks, a_plain_number_has_no_tape);
    suite_add_tcase(suite, callbacks);
    return suite;
}
