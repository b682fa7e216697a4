/* tests/core/test_label.c: names that are given to tensors.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

/* What a function that prints writes, in memory that the next call overwrites. */
static const char *printed(tg_tape *tape, tg_status (*print)(tg_tape *, FILE *)) {
    static char text[8192];
    FILE       *file = tmpfile();
    ck_assert(file && !print(tape, file));
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

START_TEST(results_and_constants_have_the_name_that_they_are_given) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, 2), loss = tg_sum(tg_square(x));
    char      name[] = "loss";
    ck_assert(!tg_name(loss) && !tg_set_name(loss, name) && !tg_set_name(x, "loss"));
    name[0] = 'x';
    ck_assert_str_eq(tg_name(loss), "loss");
    ck_assert_str_eq(tg_name(x), "loss");
    ck_assert(!tg_set_name(x, "the \"data\""));
    ck_assert_str_eq(tg_name(x), "the \"data\"");
    ck_assert(!tg_set_name(x, NULL) && !tg_name(x));
    ck_assert_str_eq(tg_name(loss), "loss");
    FAILS(tape, tg_find(tape, "loss"), TG_ERR_NAME, "find: there is no input or parameter 'loss'");
    ck_assert(!tg_name(tg_num(1.5)) && !tg_name((tg_tensor){0}));
    tg_tape_free(tape);
}
END_TEST

START_TEST(inputs_and_parameters_keep_theirs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1.0), x = tg_input(tape, NULL, TG_F64, TG_SHAPE());
    FAILS(tape, tg_set_name(w, "v"), TG_ERR_NAME, "set_name: 'w' keeps the name that it was recorded with");
    ck_assert(!tg_set_name(x, "w"));
    ck_assert_str_eq(tg_name(x), "w");
    ck_assert_str_eq(tg_name(tg_find(tape, "w")), "w");
    ck_assert(tg_find(tape, "w").ref == w.ref);
    ck_assert_int_eq(tg_set_name(2, "two"), TG_ERR_HANDLE);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_rewind_to_before_the_naming_forgets_it) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, 2);
    ck_assert(!tg_set_name(x, "first"));
    tg_tensor y = tg_neg(x);
    tg_mark   mark = tg_tape_mark(tape);
    for (int step = 0; step < 3; step++) {
        tg_tensor z = tg_exp(y);
        ck_assert(!tg_name(z) && !tg_name(y));
        ck_assert(!tg_set_name(z, "z") && !tg_set_name(y, "y") && !tg_set_name(x, "second"));
        tg_tensor more = tg_neg(z);
        ck_assert(!tg_set_name(more, "a name that is longer than the others, so that the memory is taken anew"));
        ck_assert_str_eq(tg_name(x), "second");
        ck_assert(!tg_rewind(tape, mark) && !tg_name(y));
        ck_assert_str_eq(tg_name(x), "first");
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_is_printed_shows_names) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, 2), h = tg_exp(x), loss = tg_sum(h);
    ck_assert(!tg_set_name(x, "data") && !tg_set_name(h, "hidden") && !tg_set_name(loss, "loss"));
    const char *text = printed(tape, tg_print);
    ck_assert(strstr(text, "constant \"data\"") && strstr(text, "exp(%0 \"data\") \"hidden\"") &&
              strstr(text, "\"hidden\") \"loss\""));
    text = printed(tape, tg_print_plan);
    ck_assert(strstr(text, "(2) \"hidden\"") && strstr(text, "reads leaf \"data\""));
    text = printed(tape, tg_write_dot);
    ck_assert(strstr(text, "<i>data</i>") && strstr(text, "<i>loss</i>"));
    tg_tape_free(tape);
}
END_TEST

START_TEST(the_origin_of_a_nan_shows_names) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, -1), shifted = tg_sub(x, 0.5), y = tg_log(shifted);
    ck_assert(!tg_set_name(shifted, "shifted") && !tg_set_name(y, "scores") && !tg_set_anomaly(tape, true));
    ck_assert(tg_run(tape));
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "log 'scores' (2): made nan"));
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "sub 'shifted' (2)"));
    tg_tape_free(tape);
}
END_TEST

Suite *suite_label(void) {
    Suite *suite = suite_create("core/label");
    TCase *cases = tcase_create("label");
    tcase_add_test(cases, results_and_constants_have_the_name_that_they_are_given);
    tcase_add_test(cases, inputs_and_parameters_keep_theirs);
    tcase_add_test(cases, a_rewind_to_before_the_naming_forgets_it);
    tcase_add_test(cases, what_is_printed_shows_names);
    tcase_add_test(cases, the_origin_of_a_nan_shows_names);
    suite_add_tcase(suite, cases);
    return suite;
}
