/* tests/run/test_initial_value.c: a parameter takes over the memory of its initial value, and nobody can tell.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

enum { SIDE = 128, N = SIDE * SIDE, BYTES = N * 8 };
#define SQUARE TG_SHAPE(SIDE, SIDE)

/* ---- initial values ---------------------------------------------------------------------------------------------- */

static tg_tensor by_full(tg_tape *tape) {
    return tg_full(tape, TG_F64, SQUARE, 0.1);
}

static tg_tensor by_broadcast(tg_tape *tape) {
    return tg_broadcast_to(tg_full(tape, TG_F64, TG_SHAPE(), 3), SQUARE);
}

static tg_tensor by_randn(tg_tape *tape) {
    return tg_randn(tape, TG_F64, SQUARE);
}

static tg_tensor by_uniform(tg_tape *tape) {
    return tg_uniform(tape, TG_F64, SQUARE, -2, 3);
}

static tg_tensor by_mul(tg_tape *tape) {
    return tg_mul(0.02, tg_normal(tape, TG_F64, SQUARE, 1, 2));
}

static tg_tensor by_formula(tg_tape *tape) {
    return tg_add(tg_sub(tg_mul(tg_rand(tape, TG_F64, SQUARE), 2), 1), tg_reshape(tg_rand(tape, TG_F64, TG_SHAPE(N)), SQUARE));
}

typedef tg_tensor  init(tg_tape *tape);
static init *const inits[] = {by_full, by_broadcast, by_randn, by_uniform, by_mul, by_formula};
static _Alignas(64) double values[2][N];

/* The value on a tape that makes no parameter of it. */
static void read_expected(init *make) {
    tg_tape *tape = tg_tape_new();
    ck_assert(!tg_read(make(tape), values[0], N));
    tg_tape_free(tape);
}

static void check_same(tg_tensor x) {
    ck_assert_msg(!tg_read(x, values[1], N), "%s", tg_error(x.tape));
    ck_assert_mem_eq(values[0], values[1], sizeof values[0]);
}

START_TEST(a_parameter_costs_its_own_memory) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", inits[_i](tape));
    tg_item(tg_sum(w));
    ck_assert(!tg_run(tape));
    ck_assert_uint_lt(tg_stats(tape).value_bytes + tg_stats(tape).spare_bytes, BYTES + BYTES / 2);
    read_expected(inits[_i]);
    check_same(w);
    tg_tape_free(tape);
}
END_TEST

START_TEST(the_initial_value_can_still_be_used) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = inits[_i](tape), w = tg_parameter(tape, "w", x);
    tg_assign(w, tg_mul(2, w));
    ck_assert(!tg_set_eager(tape, _i % 2));
    ck_assert(!tg_run(tape) && !tg_run(tape));
    tg_tensor difference = tg_sub(tg_add(x, 1), 1), again = tg_parameter(tape, "again", x);
    ck_assert(!tg_run(tape));
    read_expected(inits[_i]);
    check_same(x);
    check_same(again);
    for (int i = 0; i < N; i++)
        values[0][i] = values[0][i] + 1 - 1;
    check_same(difference);
    read_expected(inits[_i]);
    for (int i = 0; i < N; i++)
        values[0][i] *= 8;
    check_same(w);
    tg_tape_free(tape);
}
END_TEST

START_TEST(it_is_there_after_a_rewind) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = inits[_i](tape), next;
    tg_mark   mark = tg_tape_mark(tape);
    read_expected(inits[_i]);
    for (int i = 0; i < 3; i++) {
        check_same(tg_parameter(tape, "w", x));
        next = tg_rand(tape, TG_F64, TG_SHAPE(1)); /* what was drawn again is not what is drawn next */
        ck_assert(i == 0 || tg_item(next) != values[1][0]);
        ck_assert(!tg_rewind(tape, mark));
    }
    check_same(x);
    tg_tape_free(tape);
}
END_TEST

/* ---- what it cannot take over ------------------------------------------------------------------------------------ */

START_TEST(what_others_use_stays) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor z = tg_randn(tape, TG_F64, SQUARE), used = tg_mul(3, z), w = tg_parameter(tape, "w", tg_mul(2, z));
    tg_tensor x = tg_input(tape, "x", TG_F64, SQUARE), v = tg_parameter(tape, "v", tg_add(x, 1));
    tg_tensor product = tg_matmul(z, z), u = tg_parameter(tape, "u", product);
    tg_tensor data = tg_constant(tape, TG_F64, SQUARE, values[0]), t = tg_parameter(tape, "t", data);
    tg_assign(w, 0), tg_assign(v, 0), tg_assign(u, 0), tg_assign(t, 0);
    for (int i = 0; i < 2; i++) {
        ck_assert(!tg_run(tape));
        CHECK_F64(tg_sum(tg_abs(tg_sub(used, tg_mul(3, z)))), 0);
        CHECK_F64(tg_sum(tg_abs(tg_sub(product, tg_matmul(z, z)))), 0);
        CHECK_F64(tg_sum(tg_abs(x)), 0);
    }
    ck_assert_ptr_nonnull(tg_data(data));
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_name_that_is_taken_takes_nothing) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1), x = by_randn(tape);
    (void)w;
    FAILS(tape, tg_parameter(tape, "w", x), TG_ERR_NAME, "parameter: the name 'w' is taken");
    read_expected(by_randn);
    check_same(x);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_initial_value(void) {
    Suite *suite = suite_create("run/initial_value");
    TCase *tcase = tcase_create("initial value");
    int    count = (int)(sizeof inits / sizeof *inits);
    tcase_add_loop_test(tcase, a_parameter_costs_its_own_memory, 0, count);
    tcase_add_loop_test(tcase, the_initial_value_can_still_be_used, 0, count);
    tcase_add_loop_test(tcase, it_is_there_after_a_rewind, 0, count);
    tcase_add_test(tcase, what_others_use_stays);
    tcase_add_test(tcase, a_name_that_is_taken_takes_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
