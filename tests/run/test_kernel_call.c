/* tests/run/test_kernel_call.c: a kernel that runs in a group, on some rows of a tile, on any thread, may borrow memory and may fail as
 * any other may.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 4096, COLUMNS = 64, SIZE = ROWS * COLUMNS };

static tg_status infer_same(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

static int all_but_the_last_axis(const tg_type *x, const void *attr) {
    (void)attr;
    return x->rank - 1;
}

/* Twice x, by way of as much scratch memory as x takes. */
static tg_status double_it(tg_kernel_call *call) {
    double *copy = tg_scratch(call, (size_t)call->out.size * sizeof *copy);
    if (!copy) return TG_ERR_MEMORY;
    const double *x = tg_contiguous(call, 0);
    double       *y = call->out.data;
    for (int64_t i = 0; i < call->out.size; i++)
        copy[i] = x[i];
    for (int64_t i = 0; i < call->out.size; i++)
        y[i] = 2 * copy[i];
    return TG_OK;
}

static const tg_op op_double = {.name = "double",
                                .arity = 1,
                                .infer = infer_same,
                                .kernel = double_it,
                                .lead = all_but_the_last_axis};

/* Fails at the first row that begins with a negative number, and names that. */
static tg_status reject_negative(tg_kernel_call *call) {
    const double *x = call->in[0].data;
    int64_t       columns = call->out.dims[call->out.rank - 1];
    for (int64_t i = 0; i < call->out.size; i += columns)
        if (x[i] < 0) return tg_kernel_fail(call, "%g is negative", x[i]);
    memcpy(call->out.data, x, (size_t)call->out.size * sizeof *x);
    return TG_OK;
}

static const tg_op op_reject = {.name = "reject",
                                .arity = 1,
                                .infer = infer_same,
                                .kernel = reject_negative,
                                .lead = all_but_the_last_axis};

static tg_status fail_silently(tg_kernel_call *call) {
    (void)call;
    return TG_ERR_VALUE;
}

static const tg_op op_silent = {.name = "silent",
                                .arity = 1,
                                .infer = infer_same,
                                .kernel = fail_silently,
                                .lead = all_but_the_last_axis};

static tg_tensor numbers(tg_tape *tape) {
    double *values = malloc(SIZE * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (int i = 0; i < SIZE; i++)
        values[i] = i + 1;
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(ROWS, COLUMNS), values);
    free(values);
    return x;
}

/* A tape that runs in groups with that many threads. */
static tg_tape *tape_with(int threads) {
    tg_tape *tape = tg_tape_new();
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED) && !tg_set_threads(tape, threads));
    return tape;
}

static void check_groups(const tg_tape *tape) {
    ck_assert_int_eq(tg_stats(tape).kernels, 0);
    ck_assert_int_ge(tg_stats(tape).groups, 1);
}

START_TEST(a_kernel_in_a_group_has_scratch_memory) {
    tg_tape  *tape = tape_with(_i);
    tg_tensor x = numbers(tape), y = tg_neg(tg_record(NULL, &op_double, 1, (tg_tensor[]){tg_add(x, 1)}, NULL, 0));
    ck_assert(!tg_keep(y));
    for (int run = 0; run < 3; run++) {
        ck_assert(!tg_run(tape));
        const double *values = tg_data(y);
        int           wrong = 0;
        for (int i = 0; i < SIZE; i++)
            wrong += values[i] != -2.0 * (i + 2);
        ck_assert_int_eq(wrong, 0);
    }
    check_groups(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(its_scratch_memory_is_used_again) {
    tg_tape  *tape = tape_with(_i);
    tg_tensor y = tg_neg(tg_record(NULL, &op_double, 1, (tg_tensor[]){tg_exp(numbers(tape))}, NULL, 0));
    ck_assert(!tg_keep(y) && !tg_run(tape) && !tg_run(tape) && !tg_run(tape));
    size_t bytes = tg_stats(tape).bytes;
    for (int run = 0; run < 50; run++)
        ck_assert(!tg_run(tape));
    ck_assert_uint_le(tg_stats(tape).bytes, bytes + 4 * SIZE * sizeof(double));
    tg_tape_free(tape);
}
END_TEST

/* Rows 1000, 3000 and 4000 begin with a negative number, in tiles of which threads may reach any first. */
START_TEST(a_failure_in_a_group_is_that_of_the_first_tile_on_the_users_line) {
    tg_tape  *tape = tape_with(_i);
    tg_tensor x = numbers(tape), bad = tg_input(tape, "bad", TG_F64, TG_SHAPE(ROWS, 1));
    double   *sign = calloc(ROWS, sizeof *sign);
    ck_assert_ptr_nonnull(sign);
    tg_tensor checked = tg_record(NULL, &op_reject, 1, (tg_tensor[]){tg_sub(x, bad)}, NULL, 0);
    int       line = __LINE__ - 1;
    tg_tensor y = tg_sum(tg_exp(tg_mul(0, checked)));
    ck_assert(!tg_keep(y));
    ck_assert(!tg_write(bad, sign, ROWS) && !tg_run(tape));
    ck_assert_double_eq(tg_item(y), SIZE);
    for (int i = 1000; i <= 4000; i += i == 1000 ? 2000 : 1000)
        sign[i] = 1e6;
    ck_assert(!tg_write(bad, sign, ROWS));
    for (int run = 0; run < 20; run++) {
        char text[200];
        snprintf(text, sizeof text, "%s:%d: reject: %g is negative", __FILE__, line, 1000 * COLUMNS + 1 - 1e6);
        ck_assert_int_eq(tg_run(tape), TG_ERR_VALUE);
        CHECK_ERROR_TEXT(tape, TG_ERR_VALUE, text);
    }
    check_groups(tape);
    memset(sign, 0, ROWS * sizeof *sign);
    ck_assert(!tg_write(bad, sign, ROWS) && !tg_run(tape));
    ck_assert_double_eq(tg_item(y), SIZE);
    free(sign);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_kernel_in_a_group_that_gives_no_reason_fails_too) {
    tg_tape  *tape = tape_with(_i);
    tg_tensor y = tg_exp(tg_record(NULL, &op_silent, 1, (tg_tensor[]){tg_exp(numbers(tape))}, NULL, 0));
    ck_assert(!tg_keep(y));
    ck_assert_int_eq(tg_run(tape), TG_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "silent: the op's kernel failed"));
    check_groups(tape);
    tg_tape_free(tape);
}
END_TEST

static tg_status take_too_much(tg_kernel_call *call) {
    return tg_scratch(call, SIZE_MAX / 2) ? TG_OK : TG_ERR_MEMORY;
}

static const tg_op op_greedy = {.name = "greedy",
                                .arity = 1,
                                .infer = infer_same,
                                .kernel = take_too_much,
                                .lead = all_but_the_last_axis};

START_TEST(scratch_memory_that_is_not_there_is_an_error) {
    tg_tape  *tape = tape_with(_i);
    tg_tensor y = tg_exp(tg_record(NULL, &op_greedy, 1, (tg_tensor[]){tg_exp(numbers(tape))}, NULL, 0));
    ck_assert(!tg_keep(y));
    ck_assert_int_eq(tg_run(tape), TG_ERR_MEMORY);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "greedy: out of memory"));
    check_groups(tape);
    tg_tape_free(tape);
}
END_TEST

/* What draws random numbers draws them in one order: it is in no group. */
START_TEST(a_random_kernel_is_in_no_group) {
    static const tg_op op =
        {.name = "noise", .arity = 1, .infer = infer_same, .kernel = double_it, .random = true, .lead = all_but_the_last_axis};
    tg_tape  *tape = tape_with(2);
    tg_tensor y = tg_exp(tg_record(NULL, &op, 1, (tg_tensor[]){tg_exp(numbers(tape))}, NULL, 0));
    ck_assert(!tg_keep(y) && !tg_run(tape));
    ck_assert_int_eq(tg_stats(tape).kernels, 1);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_kernel_call(void) {
    Suite *suite = suite_create("run/kernel call");
    TCase *group = tcase_create("in a group");
    tcase_add_loop_test(group, a_kernel_in_a_group_has_scratch_memory, 1, 5);
    tcase_add_loop_test(group, its_scratch_memory_is_used_again, 1, 5);
    tcase_add_loop_test(group, a_failure_in_a_group_is_that_of_the_first_tile_on_the_users_line, 1, 5);
    tcase_add_loop_test(group, a_kernel_in_a_group_that_gives_no_reason_fails_too, 1, 5);
    tcase_add_loop_test(group, scratch_memory_that_is_not_there_is_an_error, 1, 5);
    tcase_add_test(group, a_random_kernel_is_in_no_group);
    suite_add_tcase(suite, group);
    return suite;
}
