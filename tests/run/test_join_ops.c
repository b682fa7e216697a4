/* tests/run/test_join_ops.c: which ops of a group are one loop, and that it makes no difference to a bit.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "ops/values.h"

/* A formula of x and w, both of n elements, and of one number. */
typedef tg_tensor formula(tg_tensor x, tg_tensor w, tg_tensor number);

static tg_tensor product_and_sum(tg_tensor x, tg_tensor w, tg_tensor number) {
    tg_tensor y = tg_exp(x), product = tg_mul(x, w);
    (void)number;
    return tg_add(product, y);
}

static tg_tensor scaled_difference(tg_tensor x, tg_tensor w, tg_tensor number) {
    return tg_mul(tg_sub(x, w), number);
}

static tg_tensor square_of_difference(tg_tensor x, tg_tensor w, tg_tensor number) {
    return tg_add(tg_square(tg_sub(tg_exp(x), w)), number);
}

/* (Within bounds: of what is not a number the bits may differ.) */
static tg_tensor chain(tg_tensor x, tg_tensor w, tg_tensor number) {
    tg_tensor y = tg_sin(x);
    for (int i = 0; i < 6; i++)
        y = tg_sin(tg_sub(tg_mul(tg_add(tg_mul(y, number), w), tg_add(y, 0.5)), tg_mul(w, y)));
    return y;
}

/* The product is read twice; by two ops; and by one that has it again behind another. */
static tg_tensor both_operands(tg_tensor x, tg_tensor w, tg_tensor number) {
    tg_tensor product = tg_mul(tg_exp(x), w);
    (void)number;
    return tg_add(product, product);
}

static tg_tensor read_later(tg_tensor x, tg_tensor w, tg_tensor number) {
    tg_tensor product = tg_mul(tg_exp(x), w), sum = tg_add(product, number);
    return tg_div(sum, product);
}

/* Elements beside those that the result goes over. */
static tg_tensor shifted(tg_tensor x, tg_tensor w, tg_tensor number) {
    int64_t   n = tg_size(x);
    tg_tensor y = tg_exp(x), left = tg_slice(y, 0, 0, n - 1, 1), right = tg_slice(y, 0, 1, n, 1);
    tg_tensor z = tg_sub(tg_mul(right, number), tg_slice(w, 0, 0, n - 1, 1));
    return tg_concat(TG_LIST(tg_add(tg_mul(left, z), right), tg_slice(w, 0, 0, 1, 1)), 0);
}

/* One number that the group makes, and an element of a value that is not needed any more. */
static tg_tensor numbers_of_its_own(tg_tensor x, tg_tensor w, tg_tensor number) {
    tg_tensor scale = tg_exp(tg_mul(number, 0.25)), y = tg_exp(x), fourth = tg_slice(y, 0, 3, 4, 1);
    return tg_add(tg_mul(tg_add(tg_mul(y, scale), w), fourth), scale);
}

static tg_tensor by_rows(tg_tensor x, tg_tensor w, tg_tensor number) {
    tg_tensor table = tg_reshape(x, TG_SHAPE(-1, 10)), row = tg_slice(w, 0, 0, 10, 1);
    tg_tensor mean = tg_mean_axes(table, TG_AXES(1), true), turned = tg_reshape(w, TG_SHAPE(10, -1));
    tg_tensor y = tg_add(tg_mul(tg_sub(table, mean), row), tg_transpose(turned, 0, 1));
    return tg_reshape(tg_sub(tg_mul(y, tg_add(mean, number)), tg_mul(tg_transpose(turned, 0, 1), row)), TG_SHAPE(-1));
}

static const struct {
    formula *of;
    int      joined; /* pairs of the forward part; -1: whatever */
} cases[] = {{product_and_sum, 1}, {scaled_difference, 1}, {square_of_difference, 1}, {chain, -1},  {both_operands, 0},
             {read_later, 0},      {shifted, -1},          {numbers_of_its_own, -1},  {by_rows, -1}};
enum { CASES = sizeof cases / sizeof *cases };

static int pairs_in_plan(tg_tape *tape) {
    FILE *file = tmpfile();
    ck_assert(file && !tg_print_plan(tape, file));
    return occurrences(text_of(file), ", in one loop\n");
}

/* The result and the gradients of its sum, by a plan or one by one. Returns how many pairs the plan has. */
static int compute(formula *of, tg_dtype dtype, int64_t n, bool gradients, bool eager, void *bits) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", tg_rand(tape, dtype, TG_SHAPE(n)));
    tg_tensor w = tg_parameter(tape, "w", tg_rand(tape, dtype, TG_SHAPE(n)));
    tg_tensor number = tg_parameter(tape, "number", tg_full(tape, dtype, TG_SHAPE(), 1.7));
    size_t    bytes = (size_t)n * tg_dtype_size(dtype);
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED) && !tg_run(tape) && !tg_set_eager(tape, eager));
    tg_tensor y = of(x, w, number);
    ck_assert(!tg_keep(y) && (!gradients || !tg_backward(tg_sum(tg_mul(y, y)))) && !tg_run(tape));
    memcpy(bits, tg_data(y), bytes);
    if (gradients) memcpy((char *)bits + bytes, tg_data(tg_grad(x)), bytes);
    int pairs = eager ? 0 : pairs_in_plan(tape);
    finish(tape);
    return pairs;
}

START_TEST(joined_or_not_the_bits_are_the_same) {
    static const int64_t sizes[] = {10, 40, 700, 20000, 70000};
    static char          bits[2][2 * 70000 * sizeof(double)];
    const tg_dtype       dtype = _i % 2 ? TG_F32 : TG_F64;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (int gradients = 0; gradients < 2; gradients++) {
            int pairs = compute(cases[_i / 2].of, dtype, sizes[k], gradients, false, bits[0]);
            compute(cases[_i / 2].of, dtype, sizes[k], gradients, true, bits[1]);
            ck_assert_mem_eq(bits[0], bits[1], (size_t)(sizes[k] * (1 + gradients)) * tg_dtype_size(dtype));
            if (!gradients && cases[_i / 2].joined >= 0) ck_assert_int_eq(pairs, cases[_i / 2].joined);
        }
}
END_TEST

START_TEST(what_is_kept_is_not_joined) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", tg_rand(tape, TG_F64, TG_SHAPE(50)));
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor product = tg_mul(x, x), sum = tg_add(product, 1);
    ck_assert(!tg_keep(product) && !tg_keep(sum) && !tg_run(tape));
    ck_assert_int_eq(pairs_in_plan(tape), 0);
    for (int i = 0; i < 50; i++)
        ck_assert_double_eq(((const double *)tg_data(sum))[i], ((const double *)tg_data(product))[i] + 1);
    finish(tape);
}
END_TEST

Suite *suite_join_ops(void);
Suite *suite_join_ops(void) {
    Suite *suite = suite_create("run/join_ops");
    TCase *tcase = tcase_create("join");
    tcase_add_loop_test(tcase, joined_or_not_the_bits_are_the_same, 0, 2 * CASES);
    tcase_add_test(tcase, what_is_kept_is_not_joined);
    suite_add_tcase(suite, tcase);
    return suite;
}
