/* tests/grad/test_batch.c: functions along an axis, and several seeds and tangents at once, give what they give one by one.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <math.h>

#include "ops/values.h"

/* ---- functions --------------------------------------------------------------------------------------------------- */

/* y[0]: a product with what the context says; y[1]: a number. */
static void both(tg_tape *tape, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape;
    y[0] = tg_matmul(*(tg_tensor *)context, x[0]);
    y[1] = tg_sum(tg_mul(x[0], x[1]));
}

START_TEST(a_function_is_applied_along_an_axis) {
    tg_tape  *tape = tg_tape_new();
    double    numbers[6] = {1, 2, 3, 4, 5, 6};
    tg_tensor w = matrix_parameter(tape, "w"), y[2], x[2];
    x[0] = tg_parameter(tape, "a", tg_constant(tape, TG_F64, TG_SHAPE(2, 3), numbers)); /* the parts are columns */
    x[1] = tg_parameter(tape, "b", tg_constant(tape, TG_F64, TG_SHAPE(2, 3), numbers));
    ck_assert_msg(!tg_map(tape, both, &w, _i ? -1 : 1, 2, x, 2, y), "%s", tg_error(tape));
    CHECK_F64(y[0], 1 + 8, 3 + 16, 2 + 10, 6 + 20, 3 + 12, 9 + 24);
    CHECK_F64(y[1], 1 + 16, 4 + 25, 9 + 36);
    ck_assert(!tg_backward(tg_add(tg_sum(y[0]), tg_sum(y[1]))));
    CHECK_F64(tg_grad(w), 6, 15, 6, 15);
    CHECK_F64(tg_grad(x[0]), 4 + 1, 4 + 2, 4 + 3, 6 + 4, 6 + 5, 6 + 6);
    finish(tape);
}
END_TEST

static void middle(tg_tape *tape, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)context;
    y[0] = x[0];
}

START_TEST(the_axis_goes_to_the_front) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_reshape(tg_arange(tape, TG_F64, 0, 24, 1), TG_SHAPE(2, 3, 4)), y;
    ck_assert(!tg_map(tape, middle, NULL, 1, 1, &x, 1, &y));
    tg_tensor same = tg_all(tg_eq(y, tg_permute(x, TG_AXES(1, 0, 2))));
    ck_assert(tg_item(same) == 1 && tg_shape_equal(tg_shape_of(y), TG_SHAPE(3, 2, 4)));
    finish(tape);
}
END_TEST

/* ---- derivatives ------------------------------------------------------------------------------------------------- */

enum { SEEDS = 3 };

/* Two outputs of two inputs. */
static void formula(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_tanh(tg_matmul(x[0], x[1]));
    y[1] = tg_sum(tg_square(tg_mul(x[1], y[0])));
}

static tg_tensor random_of(tg_tape *tape, tg_tensor like) {
    tg_shape shape = tg_shape_of(like), seeds = {.rank = shape.rank + 1, .dims = {SEEDS}};
    for (int i = 0; i < shape.rank; i++)
        seeds.dims[i + 1] = shape.dims[i];
    return tg_randn(tape, tg_dtype_of(like), seeds);
}

static void check_near(tg_tensor a, tg_tensor b) {
    ck_assert(tg_shape_equal(tg_shape_of(a), tg_shape_of(b)));
    double difference = tg_item(tg_max(tg_abs(tg_sub(a, b))));
    ck_assert_msg(difference < 1e-14, "%g", difference);
}

START_TEST(several_seeds_give_what_each_gives) {
    tg_tape   *tape = tg_tape_new();
    tg_tensor  x[2] = {matrix_parameter(tape, "w"), PARAMETER(tape, "x", 0.3, -0.2)}, y[2], all[2], one[2];
    bool       forward = _i;
    tg_tensor *from = forward ? x : y;
    formula(x, y);
    tg_tensor seeds[2] = {random_of(tape, from[0]), random_of(tape, from[1])};
    ck_assert_msg(!(forward ? tg_jvp_batch(tape, SEEDS, 2, x, seeds, 2, y, all)
                            : tg_vjp_batch(tape, SEEDS, 2, y, seeds, 2, x, all)),
                  "%s", tg_error(tape));
    for (int i = 0; i < SEEDS; i++) {
        tg_tensor seed[2] = {tg_take(seeds[0], i, 0), tg_take(seeds[1], i, 0)};
        ck_assert(!(forward ? tg_jvp(tape, 2, x, seed, 2, y, one) : tg_vjp(tape, 2, y, seed, 2, x, one)));
        check_near(tg_take(all[0], i, 0), one[0]);
        check_near(tg_take(all[1], i, 0), one[1]);
    }
    finish(tape);
}
END_TEST

START_TEST(they_can_be_differentiated) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor leaves[2] = {tg_input(tape, "w", TG_F64, TG_SHAPE(2, 2)), tg_input(tape, "x", TG_F64, TG_SHAPE(2))}, y[2], g[2];
    tg_write(leaves[0], (double[]){0.5, -0.2, 0.3, 0.8}, 4);
    tg_write(leaves[1], (double[]){0.3, -0.6}, 2);
    formula(leaves, y);
    tg_tensor seeds[2] = {random_of(tape, y[0]), random_of(tape, y[1])};
    ck_assert(!tg_vjp_batch(tape, SEEDS, 2, y, seeds, 2, leaves, g));
    tg_tensor sum = tg_add(tg_sum(tg_square(g[0])), tg_sum(tg_square(g[1])));
    ck_assert_msg(!tg_gradcheck(sum, 2, leaves, &(tg_gradcheck_report){.order = 2}), "%s", tg_error(tape));
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(what_does_not_fit_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2), y = tg_square(x), seed = tg_full(tape, TG_F64, TG_SHAPE(3, 2), 1), r = x;
    tg_tensor other[2] = {x, tg_full(tape, TG_F64, TG_SHAPE(3), 1)};
    FAILS(tape, tg_vjp_batch(tape, 4, 1, &y, &seed, 1, &x, &r), TG_ERR_SHAPE, "vjp_batch: the seed 0 is (3, 2), not (4, 2)");
    ck_assert(!tg_valid(r));
    FAILS(tape, tg_jvp_batch(tape, 3, 1, &x, &y, 1, &y, &r), TG_ERR_SHAPE, "jvp_batch: the tangent 0 is (2), not (3, 2)");
    FAILS(tape, tg_jvp_batch(tape, -1, 1, &x, &seed, 1, &y, &r), TG_ERR_ARGUMENT, "jvp_batch: -1 times");
    FAILS(tape, tg_vjp_batch(tape, 3, 1, &y, NULL, 1, &x, &r), TG_ERR_ARGUMENT, "vjp_batch: 3 times");
    tg_tensor many = tg_reshape(tg_sum(x), TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    FAILS(tape, tg_vjp_batch(tape, 3, 1, &many, &seed, 1, &x, &r), TG_ERR_SHAPE,
          "vjp_batch: there is no axis left for the seeds");
    FAILS(tape, tg_map(tape, NULL, NULL, 0, 1, &x, 1, &r), TG_ERR_ARGUMENT, "map: no function");
    FAILS(tape, tg_map(tape, middle, NULL, 1, 1, &x, 1, &r), TG_ERR_SHAPE, "map: ");
    FAILS(tape, tg_map(tape, middle, NULL, 0, 2, other, 1, &r), TG_ERR_SHAPE, "map: operand 1 has 3 parts");
    finish(tape);
}
END_TEST

Suite *suite_batch(void) {
    Suite *suite = suite_create("grad/batch");
    TCase *tcase = tcase_create("batch");
    tcase_add_loop_test(tcase, a_function_is_applied_along_an_axis, 0, 2);
    tcase_add_test(tcase, the_axis_goes_to_the_front);
    tcase_add_loop_test(tcase, several_seeds_give_what_each_gives, 0, 2);
    tcase_add_test(tcase, they_can_be_differentiated);
    tcase_add_test(tcase, what_does_not_fit_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
