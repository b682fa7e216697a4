/* tests/random/test_generator.c: the generator's state, read and put back.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "ops/values.h"

enum { COUNT = 700 }; /* more words than the generator makes at a time */

/* Numbers of every kind, fewer and more than a block of them; the odd normal ones leave one over. */
static void draw(tg_tape *tape, double *x) {
    ck_assert_int_eq(tg_read(tg_randn(tape, TG_F64, TG_SHAPE(3)), x, 3), TG_OK);
    ck_assert_int_eq(tg_read(tg_rand(tape, TG_F64, TG_SHAPE(COUNT - 6)), x + 3, COUNT - 6), TG_OK);
    ck_assert_int_eq(tg_read(tg_randn(tape, TG_F64, TG_SHAPE(3)), x + COUNT - 3, 3), TG_OK);
}

/* At the start, in the middle of a state, with and without a normal number that is left over; on this tape and on another. */
START_TEST(the_same_numbers_come_after_it_is_put_back) {
    tg_tape           *tape = tg_tape_new(), *other = tg_tape_new();
    double             x[COUNT], again[COUNT];
    tg_generator_state state;
    tg_seed(tape, 3);
    if (_i > 0) tg_randn(tape, TG_F64, TG_SHAPE(_i));
    ck_assert_int_eq(tg_get_generator(tape, &state), TG_OK);
    ck_assert_int_eq(state.has_normal, _i < 16 && _i % 2);
    draw(tape, x);
    ck_assert_int_eq(tg_set_generator(tape, &state), TG_OK);
    draw(tape, again);
    ck_assert_mem_eq(x, again, sizeof x);
    ck_assert_int_eq(tg_set_generator(other, &state), TG_OK);
    draw(other, again);
    ck_assert_mem_eq(x, again, sizeof x);
    finish(tape);
    finish(other);
}
END_TEST

/* numpy.random.RandomState(1).get_state()[1][:3] */
START_TEST(the_key_is_numpy_s) {
    tg_tape           *tape = tg_tape_new();
    tg_generator_state state;
    tg_seed(tape, 1);
    tg_get_generator(tape, &state);
    ck_assert_uint_eq(state.key[0], 1);
    ck_assert_uint_eq(state.key[1], 1812433254u);
    ck_assert_uint_eq(state.key[2], 3713160357u);
    ck_assert_int_eq(state.position, 624);
    ck_assert_uint_eq(sizeof state, 2512);
    finish(tape);
}
END_TEST

START_TEST(what_no_generator_has_is_rejected) {
    tg_tape           *tape = tg_tape_new();
    tg_generator_state state, bad, after;
    tg_get_generator(tape, &state);
    bad = state;
    bad.position = 625;
    FAILS(tape, tg_set_generator(tape, &bad), TG_ERR_ARGUMENT, "set_generator: the position is 625, not 0 to 624");
    bad.position = -1;
    FAILS(tape, tg_set_generator(tape, &bad), TG_ERR_ARGUMENT, "set_generator: the position is -1");
    bad = state;
    bad.has_normal = 2;
    FAILS(tape, tg_set_generator(tape, &bad), TG_ERR_ARGUMENT, "set_generator: has_normal is 2, not 0 or 1");
    FAILS(tape, tg_set_generator(tape, NULL), TG_ERR_ARGUMENT, "set_generator: the state is NULL");
    FAILS(tape, tg_get_generator(tape, NULL), TG_ERR_ARGUMENT, "get_generator: the state is NULL");
    ck_assert_int_eq(tg_get_generator(NULL, &after), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_set_generator(NULL, &state), TG_ERR_HANDLE);
    tg_get_generator(tape, &after);
    ck_assert_mem_eq(&state, &after, sizeof state);
    finish(tape);
}
END_TEST

Suite *suite_generator(void) {
    Suite *suite = suite_create("generator");
    TCase *tcase = tcase_create("state");
    tcase_add_loop_test(tcase, the_same_numbers_come_after_it_is_put_back, 0, 20);
    tcase_add_test(tcase, the_key_is_numpy_s);
    tcase_add_test(tcase, what_no_generator_has_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
