/* tests/run/test_rematerialize.c: what is computed again where it is read. That it gives the same bits in any program is a test of the
 * programs in random_tape.c, most of all when the library is compiled with -DTGI_COPY_BYTES=0 -DTGI_COPY_FAR=0.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "support.h"

enum { ROWS = 64, SIZE = 512, BYTES = ROWS * SIZE * 8 };

static tg_tensor wave(tg_tape *tape, int64_t rows) {
    tg_tensor i = tg_arange(tape, TG_F64, 0, (double)(rows * SIZE), 1);
    return tg_reshape(tg_sin(i), TG_SHAPE(rows, SIZE));
}

/* So many layers, each a product and a gelu. Gives the gradient of the first weight. */
static void train(tg_tape *tape, int layers, double *grad) {
    tg_tensor w[16], x = wave(tape, ROWS);
    tg_set_keep(tape, TG_KEEP_ASKED);
    for (int i = 0; i < layers; i++)
        w[i] = tg_parameter(tape, TG_FORMAT("w%d", i), tg_div(wave(tape, SIZE), 16 + i));
    for (int i = 0; i < layers; i++)
        x = tg_gelu(tg_matmul(x, w[i]));
    tg_backward(tg_sum(tg_square(x)));
    tg_tensor sum = tg_sum_axes(tg_grad(w[0]), TG_AXES(1), false);
    tg_keep(sum);
    tg_run_pending(tape);
    tg_read(sum, grad, SIZE);
    CHECK_OK(tape);
}

/* All that a layer keeps until its gradient is computed is the operand of gelu: the operand of the next product is computed from it again, and
 * what both are computed from on the way is not kept because of that. */
START_TEST(of_a_chain_only_its_ends_are_kept) {
    size_t bytes[2];
    double grad[SIZE];
    for (int i = 0; i < 2; i++) {
        tg_tape *tape = tg_tape_new();
        train(tape, i ? 12 : 8, grad);
        bytes[i] = tg_stats(tape).block_bytes;
        tg_tape_free(tape);
    }
    ck_assert_uint_gt(bytes[1], bytes[0]);
    ck_assert_uint_le((bytes[1] - bytes[0]) / 4, 5 * BYTES / 4);
}
END_TEST

START_TEST(the_gradient_has_the_same_bits) {
    double   planned[SIZE], eager[SIZE];
    tg_tape *tape = tg_tape_new();
    train(tape, 10, planned);
    tg_tape_free(tape);
    tape = tg_tape_new();
    tg_set_eager(tape, true);
    train(tape, 10, eager);
    ck_assert_mem_eq(planned, eager, sizeof eager);
    tg_tape_free(tape);
}
END_TEST

/* Kernels between what is made and what reads it. */
static tg_tensor many_products(tg_tensor x, tg_tensor w) {
    for (int i = 0; i < 10; i++)
        x = tg_div(tg_matmul(x, w), 8);
    return x;
}

/* The value from before the assign, though the leaf is there all the time. */
START_TEST(a_leaf_that_is_assigned_between_has_its_old_value) {
    double sum[2];
    for (int i = 0; i < 2; i++) {
        tg_tape *tape = tg_tape_new();
        tg_set_eager(tape, i == 1);
        tg_set_keep(tape, TG_KEEP_ASKED);
        tg_tensor a = tg_parameter(tape, "a", wave(tape, ROWS)), w = tg_mul(wave(tape, SIZE), 1);
        tg_tensor y = tg_exp(tg_neg(a)), z = many_products(y, w);
        tg_assign(a, tg_add(a, 1));
        tg_tensor total = tg_sum(tg_mul(y, many_products(z, w))), later = tg_sum(tg_mul(tg_exp(tg_neg(a)), z));
        tg_tensor both = tg_add(total, tg_mul(3, later));
        tg_keep(both);
        tg_run_pending(tape);
        sum[i] = tg_item(both);
        CHECK_OK(tape);
        tg_tape_free(tape);
    }
    ck_assert_double_eq(sum[0], sum[1]);
}
END_TEST

/* A run that fails between the two goes on to the same result. */
START_TEST(a_run_that_failed_between_goes_on) {
    double sum[2];
    for (int i = 0; i < 2; i++) {
        tg_tape *tape = tg_tape_new();
        tg_set_keep(tape, TG_KEEP_ASKED);
        tg_tensor a = tg_mul(wave(tape, ROWS), 1), w = tg_mul(wave(tape, SIZE), 1),
                  at = tg_input(tape, "at", TG_I64, TG_SHAPE(1));
        tg_tensor x = tg_matmul(a, w), y = tg_exp(tg_neg(tg_square(x))), z = many_products(y, w);
        tg_tensor picked = tg_take(z, at, 0), result = tg_sum(tg_mul(tg_mul(y, x), many_products(tg_add(z, picked), w)));
        tg_keep(result);
        tg_write(at, (int64_t[]){i ? ROWS : 3}, 1);
        if (i) {
            tg_run_pending(tape);
            ck_assert_int_eq(tg_error_status(tape), TG_ERR_INDEX);
            tg_clear_error(tape);
            tg_write(at, (int64_t[]){3}, 1);
        }
        tg_run_pending(tape);
        sum[i] = tg_item(result);
        CHECK_OK(tape);
        tg_tape_free(tape);
    }
    ck_assert_double_eq(sum[0], sum[1]);
}
END_TEST

/* A run that is stopped before its unit number `left` goes on to the same result. */
typedef struct stopper {
    tg_tape *tape;
    int      left;
} stopper;

static void stop_there(void *context, int64_t done, int64_t all) {
    stopper *s = context;
    (void)done, (void)all;
    if (s->left-- == 0) tg_cancel(s->tape);
}

/* A step of three layers, from which there is a part of a weight; false when there was no unit to stop before. */
static bool step_stopped_before(int unit, double *weight) {
    stopper  s = {.left = -1};
    tg_tape *tape = s.tape = tg_tape_new_with(&(tg_host){.context = &s, .progress = stop_there});
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor w[3], x = wave(tape, ROWS);
    for (int i = 0; i < 3; i++)
        w[i] = tg_parameter(tape, TG_FORMAT("w%d", i), tg_div(wave(tape, SIZE), 16 + i));
    for (int i = 0; i < 3; i++)
        x = tg_gelu(tg_matmul(x, w[i]));
    tg_backward(tg_sum(tg_square(x)));
    tg_sgd_step(tape, 0.01);
    s.left = unit;
    bool stopped = tg_run_pending(tape) == TG_ERR_CANCELLED;
    tg_clear_error(tape);
    tg_run_pending(tape);
    tg_read(tg_slice(w[0], 0, 0, 1, 1), weight, SIZE);
    CHECK_OK(tape);
    tg_tape_free(tape);
    return stopped;
}

START_TEST(a_run_that_was_stopped_goes_on) {
    double weight[SIZE], expected[SIZE];
    int    unit = 0;
    ck_assert(!step_stopped_before(-1, expected));
    while (step_stopped_before(unit, weight)) {
        ck_assert_msg(!memcmp(weight, expected, sizeof weight), "stopped before unit %d", unit);
        unit++;
    }
    ck_assert_int_gt(unit, 10);
}
END_TEST

/* The printed plan shows what is computed again: for a product and for the gradient beside it once. */
START_TEST(a_plan_says_what_is_computed_again) {
    tg_tape *tape = tg_tape_new();
    FILE    *out = tmpfile();
    double   grad[SIZE];
    train(tape, 4, grad);
    ck_assert_int_eq(tg_print_plan(tape, out), TG_OK);
    const char *text = text_of(out);
    ck_assert_ptr_nonnull(strstr(text, "(loop, again)"));
    ck_assert_int_le(occurrences(text, " erfc "), 2 * 4 - 1);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_rematerialize(void) {
    Suite *suite = suite_create("run/rematerialize");
    TCase *tcase = tcase_create("rematerialize");
    tcase_add_test(tcase, of_a_chain_only_its_ends_are_kept);
    tcase_add_test(tcase, the_gradient_has_the_same_bits);
    tcase_add_test(tcase, a_leaf_that_is_assigned_between_has_its_old_value);
    tcase_add_test(tcase, a_run_that_failed_between_goes_on);
    tcase_add_test(tcase, a_run_that_was_stopped_goes_on);
    tcase_add_test(tcase, a_plan_says_what_is_computed_again);
    suite_add_tcase(suite, tcase);
    return suite;
}
