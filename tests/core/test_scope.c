/* tests/core/test_scope.c: scopes of composed functions: what is kept, whose line and whose name an error has, what is left after
 * one.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/things.h"
#include "ops/values.h"

/* ---- composed functions, as users write them ---------------------------------------------------------------------- */

/* (x + y)^2 */
static tg_tensor(square_sum)(tg_tensor x, tg_tensor y) {
    tg_scope scope = tg_begin_scope(tg_tape_of(x), "square_sum");
    return tg_end_scope_with(scope, tg_square(tg_add(x, y)));
}
#define square_sum(x, y) TG_CALL2(square_sum, x, y)

/* A function that calls another one, and records before it. */
static tg_tensor(outer)(tg_tensor x, tg_tensor y) {
    tg_scope scope = tg_begin_scope(tg_tape_of(x), "outer");
    return tg_end_scope_with(scope, square_sum(tg_exp(x), y));
}
#define outer(x, y) TG_CALL2(outer, x, y)

/* Two results, the second one the negative of the first. */
static tg_tensor(both_signs)(tg_tensor x, tg_tensor *negative) {
    tg_scope  scope = tg_begin_scope(tg_tape_of(x), "both_signs");
    tg_tensor y = tg_exp(x);
    *negative = tg_keep_result(scope, tg_neg(y));
    return tg_end_scope_with(scope, y);
}
#define both_signs(x, ...) TG_CALL1_WITH(both_signs, x, __VA_ARGS__)

/* Says in its own name what is wrong. */
static tg_tensor(choosy)(tg_tensor x) {
    tg_scope scope = tg_begin_scope(tg_tape_of(x), "choosy");
    tg_fail(scope.tape, TG_ERR_ARGUMENT, "choosy", "x is not to its taste");
    return tg_end_scope_with(scope, x);
}
#define choosy(x) TG_CALL1(choosy, x)

/* Looks at a value, or at a gradient, before it goes wrong. */
static tg_tensor(reads)(tg_tensor x, tg_tensor y) {
    tg_scope scope = tg_begin_scope(tg_tape_of(x), "reads");
    tg_data(x);
    return tg_end_scope_with(scope, tg_add(x, y));
}
#define reads(x, y) TG_CALL2(reads, x, y)

static tg_tensor(differentiates)(tg_tensor x, tg_tensor y) {
    tg_scope  scope = tg_begin_scope(tg_tape_of(x), "differentiates");
    tg_tensor s = tg_sum(x), g;
    tg_vjp(scope.tape, 1, &s, NULL, 1, &x, &g);
    return tg_end_scope_with(scope, tg_add(g, y));
}
#define differentiates(x, y) TG_CALL2(differentiates, x, y)

/* ---- what is kept ------------------------------------------------------------------------------------------------ */

START_TEST(only_the_result_is_kept) {
    things    t = new_things();
    tg_tensor inside;
    tg_scope  scope = tg_begin_scope(t.tape, "triple");
    inside = tg_mul(2, t.v);
    tg_tensor y = tg_end_scope_with(scope, tg_add(inside, t.v));
    CHECK_F64(y, 3, 6, 9, 12, 15);
    ck_assert_int_eq(tg_read(inside, t.room, 5), TG_ERR_VALUE);
    ck_assert(strstr(tg_error(t.tape), "is not kept"));
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(each_of_several_results_is_kept) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor negative, y = both_signs(F64(tape, 0, 0), &negative);
    CHECK_IS(y, 1, 1);
    CHECK_IS(negative, -1, -1);
    finish(tape);
}
END_TEST

START_TEST(a_result_of_a_scope_inside_a_scope_is_not_kept) {
    tg_tape  *tape = tg_tape_new();
    tg_scope  scope = tg_begin_scope(tape, "outside");
    tg_tensor x = F64(tape, 1, 2), inside = square_sum(x, 1);
    tg_tensor y = tg_end_scope_with(scope, tg_neg(inside));
    CHECK_IS(y, -4, -9);
    ck_assert_int_eq(tg_read(inside, (double[2]){0}, 2), TG_ERR_VALUE);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_tape_that_keeps_what_it_is_asked_to_keeps_no_result) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2);
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor y = square_sum(x, 1);
    ck_assert(!tg_run(tape));
    ck_assert_int_eq(tg_read(y, (double[2]){0}, 2), TG_ERR_VALUE);
    tg_tape_free(tape);
}
END_TEST

START_TEST(gradients_flow_through_a_scope) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2);
    tg_backward(tg_sum(square_sum(x, 3)));
    CHECK_IS(tg_grad(x), 8, 10);
    finish(tape);
}
END_TEST

/* A dropout mask is drawn anew by an update only where the update stands; what it records is shown as one. */
START_TEST(an_update_is_printed_as_one) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2);
    tg_scope  scope = tg_begin_update(tape, "halve");
    tg_assign(w, tg_mul(0.5, w));
    ck_assert_int_eq(tg_end_scope(scope), TG_OK);
    tg_neg(w);
    FILE *out = tmpfile();
    ck_assert_int_eq(tg_print(tape, out), TG_OK);
    const char *text = text_of(out), *update = strstr(text, "update"), *neg = strstr(text, "neg");
    ck_assert_msg(update && neg && update < neg, "%s", text);
    ck_assert_msg(!strstr(neg, "update"), "%s", text);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(w, 0.5, 1);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(an_error_inside_has_the_name_and_the_line_of_the_call) {
    things t = new_things();
    FAILS(t.tape, square_sum(t.w, t.v), TG_ERR_SHAPE, "square_sum: (2, 3) x (5): ");
    FAILS(t.tape, square_sum(t.w, t.lost), TG_ERR_HANDLE, "square_sum: operand 2 is stale");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(the_outermost_name_counts) {
    things t = new_things();
    FAILS(t.tape, outer(t.w, t.v), TG_ERR_SHAPE, "outer: (2, 3) x (5): ");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(a_name_is_said_once) {
    things t = new_things();
    FAILS(t.tape, choosy(t.w), TG_ERR_ARGUMENT, "choosy: x is not to its taste");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(a_scope_without_a_name_leaves_errors_as_they_are) {
    things   t = new_things();
    tg_scope scope = tg_begin_scope(t.tape, NULL);
    tg_add(t.w, t.v);
    ck_assert_int_eq(tg_end_scope(scope), TG_ERR_SHAPE);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_SHAPE, "add: (2, 3) x (5): ");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(a_call_without_a_line_has_its_name_all_the_same) {
    things t = new_things();
    (square_sum)(t.w, t.v);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_SHAPE, "square_sum: (2, 3) x (5): ");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(an_error_from_before_gets_no_other_name) {
    things t = new_things();
    tg_exp(t.n);
    char before[256];
    snprintf(before, sizeof before, "%s", tg_error(t.tape));
    ck_assert(!tg_valid(square_sum(t.w, t.w)));
    ck_assert_str_eq(tg_error(t.tape), before);
    tg_tape_free(t.tape);
}
END_TEST

/* The index is read in the middle of the function, and out of range: that is the gather's fault, at another line. */
START_TEST(what_is_pending_fails_in_its_own_name) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2), index = I64(tape, 7);
    tg_tensor y = tg_take(x, index, 0);
    int       line = __LINE__ - 1;
    char      expected[256];
    reads(y, 1);
    snprintf(expected, sizeof expected, "%s:%d: take: ", __FILE__, line);
    CHECK_ERROR_TEXT(tape, TG_ERR_INDEX, expected);
    tg_tape_free(tape);
}
END_TEST

START_TEST(reading_and_differentiating_inside_do_not_take_the_line) {
    things t = new_things();
    FAILS(t.tape, reads(t.w, t.v), TG_ERR_SHAPE, "reads: (2, 3) x (5): ");
    tg_tensor y = tg_neg(t.w);
    FAILS(t.tape, reads(y, t.v), TG_ERR_SHAPE, "reads: (2, 3) x (5): ");
    FAILS(t.tape, differentiates(y, t.v), TG_ERR_SHAPE, "differentiates: (2, 3) x (5): ");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(nothing_stays_on_the_tape_after_an_error) {
    things  t = new_things();
    int64_t count = tg_instruction_count(t.tape);
    ck_assert(!tg_valid(outer(t.w, t.v)));
    ck_assert_int_eq(tg_instruction_count(t.tape), count);
    tg_clear_error(t.tape);
    CHECK_F64(outer(t.v, tg_neg(tg_exp(t.v))), 0, 0, 0, 0, 0);
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(a_result_that_is_none_of_the_tape_s_is_an_error) {
    things    a = new_things(), b = new_things();
    tg_tensor wrong[] = {tg_num(1), TG_NONE, a.lost, b.w, {0}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tg_scope scope = tg_begin_scope(a.tape, "f");
        tg_neg(a.w);
        ck_assert(!tg_valid(tg_end_scope_with(scope, wrong[i])));
        CHECK_ERROR_TEXT(a.tape, TG_ERR_HANDLE, "f: the result ");
    }
    CHECK_OK(b.tape);
    CHECK_F64(tg_neg(a.v), -1, -2, -3, -4, -5); /* kept: the scopes are over */
    tg_tape_free(a.tape);
    tg_tape_free(b.tape);
}
END_TEST

START_TEST(no_tape_is_reported_at_the_end) {
    tg_scope scope = tg_begin_scope(NULL, "f");
    ck_assert_int_eq(tg_end_scope(scope), TG_ERR_HANDLE);
    scope = tg_begin_update(tg_tape_of(tg_num(1)), "f");
    ck_assert(!tg_valid(tg_end_scope_with(scope, tg_num(1))));
}
END_TEST

START_TEST(a_name_that_is_too_long_for_the_text_is_cut) {
    things t = new_things();
    char   name[2000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    for (size_t length = 1; length < sizeof name; length += length < 600 ? 1 : 200) {
        const char *end = name + sizeof name - 1 - length;
        tg_scope    scope = tg_begin_scope(t.tape, end);
        tg_add(t.w, t.v);
        tg_end_scope(scope);
        size_t written = strlen(tg_error(t.tape));
        ck_assert_uint_lt(written, 512);
        ck_assert(!strncmp(tg_error(t.tape), end, length < 511 ? length : 511));
        tg_clear_error(t.tape);
    }
    tg_tape_free(t.tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_scope(void) {
    Suite *suite = suite_create("core/scope");
    TCase *kept = tcase_create("kept"), *errors = tcase_create("errors");
    tcase_add_test(kept, only_the_result_is_kept);
    tcase_add_test(kept, each_of_several_results_is_kept);
    tcase_add_test(kept, a_result_of_a_scope_inside_a_scope_is_not_kept);
    tcase_add_test(kept, a_tape_that_keeps_what_it_is_asked_to_keeps_no_result);
    tcase_add_test(kept, gradients_flow_through_a_scope);
    tcase_add_test(kept, an_update_is_printed_as_one);
    tcase_add_test(errors, an_error_inside_has_the_name_and_the_line_of_the_call);
    tcase_add_test(errors, the_outermost_name_counts);
    tcase_add_test(errors, a_name_is_said_once);
    tcase_add_test(errors, a_scope_without_a_name_leaves_errors_as_they_are);
    tcase_add_test(errors, a_call_without_a_line_has_its_name_all_the_same);
    tcase_add_test(errors, an_error_from_before_gets_no_other_name);
    tcase_add_test(errors, what_is_pending_fails_in_its_own_name);
    tcase_add_test(errors, reading_and_differentiating_inside_do_not_take_the_line);
    tcase_add_test(errors, nothing_stays_on_the_tape_after_an_error);
    tcase_add_test(errors, a_result_that_is_none_of_the_tape_s_is_an_error);
    tcase_add_test(errors, no_tape_is_reported_at_the_end);
    tcase_add_test(errors, a_name_that_is_too_long_for_the_text_is_cut);
    suite_add_tcase(suite, kept);
    suite_add_tcase(suite, errors);
    return suite;
}
