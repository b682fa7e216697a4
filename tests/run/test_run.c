/* tests/run/test_run.c: the tape means what it says, in the order in which it was recorded: assigns and their readers, views
 * that outlive what they show, runs again, rewinds, and runs that fail in the middle.
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

/* ---- views and assigns ------------------------------------------------------------------------------------------- */

/* A 2 x 2 parameter with 1, 2, 3, 4. */
static tg_tensor new_matrix(tg_tape *tape, const char *name) {
    return tg_parameter(tape, name, tg_constant(tape, TG_F64, TG_SHAPE(2, 2), (double[]){1, 2, 3, 4}));
}

START_TEST(a_leaf_may_be_assigned_a_view_of_itself) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = new_matrix(tape, "w");
    ck_assert(!tg_set_keep(tape, _i ? TG_KEEP_ASKED : TG_KEEP_RECORDED));
    ck_assert(!tg_assign(w, tg_transpose(w, 0, 1)));
    CHECK_F64(w, 1, 3, 2, 4);
    ck_assert(!tg_run(tape));
    CHECK_F64(w, 1, 2, 3, 4);
    ck_assert(!tg_assign(w, w));
    CHECK_F64(w, 1, 2, 3, 4);
    ck_assert(!tg_assign(w, tg_reshape(tg_transpose(tg_reshape(w, TG_SHAPE(4, 1)), 0, 1), TG_SHAPE(2, 2))) && !tg_run(tape));
    CHECK_F64(w, 1, 3, 2, 4);
    tg_tape_free(tape);
}
END_TEST

START_TEST(two_leaves_change_places) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = new_matrix(tape, "a"), b = tg_parameter(tape, "b", tg_mul(10, a)), old = tg_transpose(a, 0, 1);
    ck_assert(!tg_set_keep(tape, _i ? TG_KEEP_ASKED : TG_KEEP_RECORDED));
    ck_assert(!tg_assign(a, tg_transpose(b, 0, 1)) && !tg_assign(b, old));
    CHECK_F64(a, 10, 30, 20, 40);
    CHECK_F64(b, 1, 3, 2, 4);
    ck_assert(!tg_run(tape));
    CHECK_F64(a, 1, 2, 3, 4);
    CHECK_F64(b, 10, 20, 30, 40);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_view_outlives_an_assign_and_a_write) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = new_matrix(tape, "w"), t = tg_transpose(w, 0, 1), row = tg_reshape(t, TG_SHAPE(4)),
              r = tg_reshape(w, TG_SHAPE(4));
    tg_tensor wide = tg_broadcast_to(r, TG_SHAPE(2, 4)), tt = tg_transpose(t, 0, 1);
    ck_assert(!tg_assign(w, tg_mul(2, w)));
    tg_tensor later = tg_transpose(w, 0, 1), old = tg_neg(t);
    for (int pass = 0; pass < 3; pass++) {
        double k = (double)(1 << pass);
        CHECK_F64(w, 2 * k, 4 * k, 6 * k, 8 * k);
        CHECK_F64(t, k, 3 * k, 2 * k, 4 * k);
        CHECK_F64(tt, k, 2 * k, 3 * k, 4 * k);
        CHECK_F64(row, k, 3 * k, 2 * k, 4 * k);
        CHECK_F64(r, k, 2 * k, 3 * k, 4 * k);
        CHECK_F64(wide, k, 2 * k, 3 * k, 4 * k, k, 2 * k, 3 * k, 4 * k);
        CHECK_F64(later, 2 * k, 6 * k, 4 * k, 8 * k);
        CHECK_F64(old, -k, -3 * k, -2 * k, -4 * k);
        ck_assert(!tg_run(tape));
    }
    ck_assert(!tg_write(w, (double[]){0, 0, 0, 0}, 4));
    CHECK_F64(later, 16, 48, 32, 64);
    CHECK_F64(tg_neg(later), -16, -48, -32, -64);
    CHECK_F64(tt, 8, 16, 24, 32);
    CHECK_F64(w, 0, 0, 0, 0);
    tg_tape_free(tape);
}
END_TEST

/* Whether data was asked for in between makes no difference. */
START_TEST(views_of_views_hold_the_value_of_their_place) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = new_matrix(tape, "w"), t = tg_transpose(w, 0, 1);
    if (_i & 1) ck_assert_ptr_nonnull(tg_data(t));
    tg_tensor tt = tg_transpose(t, 0, 1);
    if (_i & 2) ck_assert_ptr_nonnull(tg_data(tt));
    ck_assert(!tg_assign(w, 0));
    if (_i & 4) ck_assert(!tg_run(tape) && !tg_write(w, (double[]){1, 2, 3, 4}, 4) && !tg_run(tape));
    tg_tensor ttt = tg_transpose(tt, 0, 1);
    CHECK_F64(ttt, 1, 3, 2, 4);
    CHECK_F64(tt, 1, 2, 3, 4);
    CHECK_F64(t, 1, 3, 2, 4);
    ck_assert(!tg_write(w, (double[]){5, 6, 7, 8}, 4) && !tg_run(tape));
    CHECK_F64(ttt, 5, 7, 6, 8);
    CHECK_F64(tt, 5, 6, 7, 8);
    CHECK_F64(t, 5, 7, 6, 8);
    CHECK_F64(w, 0, 0, 0, 0);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_view_that_nobody_wanted_is_an_error_and_no_stray_value) {
    tg_tape *tape = tg_tape_new();
    char     text[300];
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor w = new_matrix(tape, "w");
    tg_tensor t = tg_transpose(w, 0, 1), tt = tg_transpose(t, 0, 1);
    int       line = __LINE__ - 1;
    ck_assert(!tg_assign(w, 0) && !tg_run(tape) && !tg_set_keep(tape, TG_KEEP_RECORDED));
    tg_tensor y = _i ? tg_neg(_i == 1 ? t : tt) : tg_transpose(t, 0, 1);
    snprintf(text, sizeof text, "%s:%d: %s: operand 1 (permute at %s:%d) was overwritten by an assign", __FILE__, line + 3,
             _i ? "neg" : "permute", __FILE__, line);
    ck_assert(isnan(tg_item(tg_sum(y))));
    CHECK_ERROR_TEXT(tape, TG_ERR_VALUE, text);
    ck_assert(!tg_write(w, (double[]){1, 2, 3, 4}, 4) && !tg_run(tape)); /* from now on it is wanted */
    CHECK_F64(y, _i == 1 ? -1 : _i ? -1 : 1, _i == 1 ? -3 : _i ? -2 : 2, _i == 1 ? -2 : _i ? -3 : 3, _i ? -4 : 4);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_view_can_be_kept_late) {
    tg_tape *tape = tg_tape_new();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor w = new_matrix(tape, "w"), t = tg_transpose(w, 0, 1);
    ck_assert(!tg_run(tape) && !tg_keep(t));
    ck_assert(!tg_assign(w, 0) && !tg_run(tape));
    CHECK_F64(t, 1, 3, 2, 4);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_view_of_a_result_holds_its_own_value) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2, 2)), t = tg_transpose(tg_add(x, 1), 0, 1);
    for (int i = 0; i < 3; i++) {
        ck_assert(!tg_write(x, (double[]){i, 2, 3, 4}, 4));
        if (i) ck_assert(!tg_run(tape));
        CHECK_F64(t, i + 1, 4, 3, 5);
    }
    tg_tape_free(tape);
}
END_TEST

/* ---- views of the user's own ------------------------------------------------------------------------------------- */

static tg_status infer_every_second(tg_infer *call) {
    call->out = (tg_type){call->in[0].dtype, 1, call->dims};
    call->dims[0] = (call->in[0].dims[0] + 1) / 2;
    return TG_OK;
}

static int64_t size_given;

/* The elements 0, 2, 4, ... or from the back when attr says so. */
static bool every_second(const tg_array *in, const void *attr, tg_array *out) {
    bool back = attr && *(const int64_t *)attr;
    out->data = (char *)in->data + (back ? (in->dims[0] - 1) * in->strides[0] * (int64_t)sizeof(double) : 0);
    out->strides[0] = (back ? -2 : 2) * in->strides[0];
    size_given = out->size;
    return true;
}

START_TEST(a_view_may_be_shorter_and_reversed) {
    static const tg_op op = {.name = "every_second", .arity = 1, .infer = infer_every_second, .view = every_second};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          w = tg_parameter(tape, "w", VECTOR(tape, 1, 2, 3, 4, 5));
    tg_tensor y = tg_record(tape, &op, 1, &w, NULL, 0), z = tg_record(tape, &op, 1, &w, &(int64_t){1}, sizeof(int64_t));
    tg_tensor sum = tg_add(y, z), zz = tg_record(tape, &op, 1, &z, NULL, 0);
    ck_assert(!tg_assign(w, 0));
    CHECK_F64(y, 1, 3, 5);
    CHECK_F64(z, 5, 3, 1);
    CHECK_F64(zz, 5, 1);
    CHECK_F64(sum, 6, 6, 6);
    ck_assert_mem_eq(tg_data(zz), ((double[]){5, 1}), 2 * sizeof(double));
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_view_is_told_its_own_size) {
    static const tg_op op = {.name = "every_second", .arity = 1, .infer = infer_every_second, .view = every_second};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          x = VECTOR(tape, 1, 2, 3, 4, 5);
    CHECK_F64(tg_record(tape, &op, 1, &x, NULL, 0), 1, 3, 5);
    ck_assert_int_eq(size_given, 3);
    tg_tape_free(tape);
}
END_TEST

/* Has no strides for what it was given, and so is copied. */
static bool no_strides(const tg_array *in, const void *attr, tg_array *out) {
    (void)in, (void)attr, (void)out;
    return false;
}

static tg_status infer_flat(tg_infer *call) {
    call->out = (tg_type){call->in[0].dtype, 1, call->dims};
    call->dims[0] = tgi_size(call->in[0].rank, call->in[0].dims);
    return TG_OK;
}

START_TEST(a_view_without_strides_is_a_copy) {
    static const tg_op op = {.name = "flat", .arity = 1, .infer = infer_flat, .view = no_strides};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          w = new_matrix(tape, "w"), t = tg_transpose(w, 0, 1), y = tg_record(tape, &op, 1, &t, NULL, 0);
    ck_assert(!tg_assign(w, tg_add(w, 1)));
    CHECK_F64(y, 1, 3, 2, 4);
    ck_assert(!tg_run(tape));
    CHECK_F64(y, 2, 4, 3, 5);
    tg_tape_free(tape);
}
END_TEST

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

static tg_status take_scratch(tg_kernel_call *call) {
    int   count = *(const int *)call->attr;
    char *scratch[64];
    for (int i = 0; i < count; i++) {
        scratch[i] = tg_scratch(call, (size_t)i * 100);
        if (!scratch[i]) return TG_ERR_MEMORY;
        ck_assert_uint_eq((uintptr_t)scratch[i] % 64, 0);
        memset(scratch[i], i, (size_t)i * 100);
    }
    for (int i = 1; i < count; i++)
        ck_assert(scratch[i][0] == i && scratch[i][i * 100 - 1] == i);
    *(double *)call->out.data = count;
    return TG_OK;
}

static tg_status infer_scalar(tg_infer *call) {
    call->out = (tg_type){TG_F64, 0, call->dims};
    return TG_OK;
}

START_TEST(scratch_memory_lasts_until_the_kernel_returns) {
    static const tg_op op = {.name = "scratch", .arity = 0, .infer = infer_scalar, .kernel = take_scratch};
    static const int   counts[] = {0, 1, 2, 8, 9, 20, 64};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          y = tg_record(tape, &op, 0, NULL, &counts[_i], sizeof(int));
    CHECK_F64(y, counts[_i]);
    tgi_buffer *newest = tape->pool.all;
    for (int i = 0; i < 10; i++)
        ck_assert(!tg_run(tape));
    ck_assert_ptr_eq(tape->pool.all, newest);
    tg_tape_free(tape);
}
END_TEST

START_TEST(an_op_without_code_fails_when_it_runs) {
    static const tg_op op = {.name = "codeless", .arity = 0, .infer = infer_scalar};
    tg_tape           *tape = tg_tape_new();
    tg_tensor          y = tg_record(tape, &op, 0, NULL, NULL, 0);
    CHECK_OK(tape);
    ck_assert(isnan(tg_item(y)));
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "codeless: "));
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
    ck_assert_int_eq(tg_read(c.a, &room, 1), TG_ERR_VALUE);
    CHECK_ERROR_TEXT(c.tape, TG_ERR_VALUE, c.error);
    ck_assert(!tg_data(c.y));
    CHECK_ERROR_TEXT(c.tape, TG_ERR_VALUE, c.error);
    ck_assert(!tg_valid(tg_parameter(c.tape, "p", c.a)));
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
    tg_tensor w = new_matrix(tape, "w"), t = tg_transpose(w, 0, 1);
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

/* ---- random programs --------------------------------------------------------------------------------------------- */

/* The same program in its plainest form: each statement has a value of its own, computed in its turn. */
enum { LEAVES = 2, STATEMENTS = 60, ELEMENTS = 4 };

typedef enum action { LEAF, NEGATE, ADD, TRANSPOSE, FLATTEN, ASSIGN } action;

typedef struct statement {
    action    what;
    int       x, y; /* operands: earlier statements */
    double    value[ELEMENTS];
    tg_tensor tensor;
} statement;

typedef struct program {
    tg_tape  *tape;
    statement line[LEAVES + STATEMENTS];
    int       count, done;
    tg_mark   mark;
    int       marked;
} program;

static void perform(program *p, statement *s) {
    const double *x = p->line[s->x].value, *y = p->line[s->y].value;
    for (int i = 0; i < ELEMENTS; i++)
        switch (s->what) {
        case LEAF: break;
        case NEGATE: s->value[i] = -x[i]; break;
        case ADD: s->value[i] = x[i] + y[i]; break;
        case TRANSPOSE: s->value[i] = x[i % 2 * 2 + i / 2]; break;
        case FLATTEN: s->value[i] = x[i]; break;
        case ASSIGN: p->line[s->x].value[i] = y[i]; break;
        }
}

static void perform_until(program *p, int end) {
    while (p->done < end)
        perform(p, &p->line[p->done++]);
}

static int any_value(const program *p, uint32_t *state) {
    int i;
    do
        i = (int)(next_number(state) % (unsigned)p->count);
    while (p->line[i].what == ASSIGN);
    return i;
}

/* Appends a statement to the program and to the tape. Flattened and back is a view of a view. */
static void append_statement(program *p, uint32_t *state) {
    statement s = {.what = (action)(NEGATE + (int)(next_number(state) % 5)),
                   .x = any_value(p, state),
                   .y = any_value(p, state)};
    if (s.what == ASSIGN) s.x = (int)(next_number(state) % LEAVES);
    tg_tensor x = p->line[s.x].tensor, y = p->line[s.y].tensor;
    switch (s.what) {
    case LEAF: break;
    case NEGATE: s.tensor = tg_neg(x); break;
    case ADD: s.tensor = tg_add(x, y); break;
    case TRANSPOSE: s.tensor = tg_transpose(x, 0, 1); break;
    case FLATTEN: s.tensor = tg_reshape(tg_reshape(x, TG_SHAPE(4)), TG_SHAPE(2, 2)); break;
    case ASSIGN: ck_assert(!tg_assign(x, y)); break;
    }
    p->line[p->count++] = s;
}

static void check_value(program *p, int i, bool data) {
    double room[ELEMENTS];
    perform_until(p, p->count);
    if (data)
        memcpy(room, tg_data(p->line[i].tensor), sizeof room);
    else
        tg_read(p->line[i].tensor, room, ELEMENTS);
    CHECK_OK(p->tape);
    for (int k = 0; k < ELEMENTS; k++)
        ck_assert_msg(room[k] == p->line[i].value[k], "statement %d: element %d is %g, not %g", i, k, room[k],
                      p->line[i].value[k]);
}

static void write_leaf(program *p, uint32_t *state) {
    statement *leaf = &p->line[next_number(state) % LEAVES];
    for (int i = 0; i < ELEMENTS; i++)
        leaf->value[i] = next_number(state) % 10;
    ck_assert(!tg_write(leaf->tensor, leaf->value, ELEMENTS));
}

static void rewind_program(program *p) {
    int end = p->count;
    while (end > p->done && p->line[end - 1].what != ASSIGN)
        end--;
    perform_until(p, end);
    p->count = p->marked;
    if (p->done > p->count) p->done = p->count;
    ck_assert(!tg_rewind(p->tape, p->mark));
}

static void set_mark(program *p) {
    p->mark = tg_tape_mark(p->tape);
    p->marked = p->count;
}

static void take_step(program *p, uint32_t *state) {
    switch (next_number(state) % 24) {
    case 0: write_leaf(p, state); break;
    case 1: rewind_program(p); break;
    case 2: set_mark(p); break;
    case 3: p->done = LEAVES, ck_assert(!tg_run(p->tape)), perform_until(p, p->count); break;
    case 4:
    case 5:
    case 6: check_value(p, any_value(p, state), false); break;
    case 7: check_value(p, any_value(p, state), true); break;
    default:
        if (p->count < LEAVES + STATEMENTS) append_statement(p, state);
    }
}

START_TEST(random_programs_mean_what_they_say) {
    for (int trial = 0; trial < 100; trial++) {
        uint32_t state = (uint32_t)(_i * 100 + trial);
        program  p = {.tape = tg_tape_new()};
        for (; p.count < LEAVES; p.count++)
            p.line[p.count].tensor = tg_input(p.tape, NULL, TG_F64, TG_SHAPE(2, 2));
        p.done = LEAVES;
        set_mark(&p);
        for (int step = 0; step < 300; step++)
            take_step(&p, &state);
        for (int i = 0; i < p.count; i++)
            if (p.line[i].what != ASSIGN) check_value(&p, i, i % 2);
        tg_tape_free(p.tape);
    }
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

static void add_view_tests(TCase *view) {
    tcase_add_loop_test(view, a_leaf_may_be_assigned_a_view_of_itself, 0, 2);
    tcase_add_loop_test(view, two_leaves_change_places, 0, 2);
    tcase_add_test(view, a_view_outlives_an_assign_and_a_write);
    tcase_add_loop_test(view, views_of_views_hold_the_value_of_their_place, 0, 8);
    tcase_add_loop_test(view, a_view_that_nobody_wanted_is_an_error_and_no_stray_value, 0, 3);
    tcase_add_test(view, a_view_can_be_kept_late);
    tcase_add_test(view, a_view_of_a_result_holds_its_own_value);
    tcase_add_test(view, a_view_may_be_shorter_and_reversed);
    tcase_add_test(view, a_view_is_told_its_own_size);
    tcase_add_test(view, a_view_without_strides_is_a_copy);
}

static void add_rewind_tests(TCase *rewind) {
    tcase_add_test(rewind, a_rewind_performs_pending_updates_once);
    tcase_add_test(rewind, a_rewind_runs_nothing_behind_the_last_update);
    tcase_add_test(rewind, a_rewind_whose_update_fails_forgets_nothing);
    tcase_add_test(rewind, a_rewind_to_a_bad_mark_runs_nothing);
    tcase_add_test(rewind, a_rewind_performs_updates_before_the_mark);
    tcase_add_test(rewind, after_a_rewind_gradients_need_no_forgotten_assign);
}

Suite *suite_run(void) {
    Suite *suite = suite_create("run/run");
    TCase *order = tcase_create("order"), *view = tcase_create("view"), *kernel = tcase_create("kernel");
    TCase *rewind = tcase_create("rewind"), *thread = tcase_create("thread");
    tcase_add_test(order, readers_see_the_value_of_their_place);
    tcase_add_test(order, what_has_run_is_not_run_again_until_the_next_run);
    tcase_add_test(order, recording_goes_on_after_a_value_was_read);
    tcase_add_test(order, an_empty_tape_runs);
    tcase_add_test(order, empty_tensors_run);
    tcase_add_loop_test(order, random_programs_mean_what_they_say, 0, 10);
    suite_add_tcase(suite, order);
    add_view_tests(view);
    suite_add_tcase(suite, view);
    tcase_add_loop_test(kernel, scratch_memory_lasts_until_the_kernel_returns, 0, 7);
    tcase_add_test(kernel, an_op_without_code_fails_when_it_runs);
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
