/* tests/run/test_profile.c: what is timed, how often it ran, and how it is written. The times themselves are not tested.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

static char profile[20000];

static const char *read_profile(tg_tape *tape) {
    FILE *out = tmpfile();
    ck_assert(!tg_print_profile(tape, out));
    rewind(out);
    profile[fread(profile, 1, sizeof profile - 1, out)] = 0;
    fclose(out);
    return profile;
}

/* The number in front of the column that begins with that op: how often it ran. 0 when it is not there. */
static long runs_of(const char *op) {
    char column[400];
    snprintf(column, sizeof column, "  %s", op);
    const char *at = strstr(profile, column);
    if (!at) return 0;
    while (at[-1] != ' ')
        at--;
    return atol(at);
}

/* The sum of the column of shares. */
static double sum_of_shares(void) {
    double sum = 0, share;
    for (const char *line = profile; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (sscanf(line, "%lf%%", &share) == 1) sum += share;
    return sum;
}

typedef struct net {
    tg_tape *tape;
    int      product, activation;
} net;

static net new_net(void) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(64, 32), 0.5);
    tg_tensor w = tg_parameter(tape, "w", tg_randn(tape, TG_F32, TG_SHAPE(32, 16)));
    tg_tensor z = tg_matmul(x, w);
    int       product = __LINE__ - 1;
    tg_tensor y = tg_softmax(z, 1);
    int       activation = __LINE__ - 1;
    tg_backward(tg_mean(tg_square(y)));
    tg_sgd_step(tape, 0.1);
    return (net){tape, product, activation};
}

START_TEST(ops_are_counted_with_their_lines) {
    net  n = new_net();
    char text[300];
    tg_set_threads(n.tape, _i + 1);
    ck_assert(!tg_set_profile(n.tape, true));
    for (int i = 0; i < 7; i++)
        ck_assert(!tg_run(n.tape));
    read_profile(n.tape);
    ck_assert_ptr_nonnull(strstr(profile, "profile: 7 runs of a segment in "));
    snprintf(text, sizeof text, "matmul  %s:%d\n", __FILE__, n.product);
    ck_assert_int_eq(runs_of(text), 7);
    snprintf(text, sizeof text, "matmul, in a gradient of matmul  %s:%d\n", __FILE__, n.product);
    ck_assert_int_eq(runs_of(text), 7);
    snprintf(text, sizeof text, "exp of softmax  %s:%d\n", __FILE__, n.activation);
    ck_assert_int_eq(runs_of(text), 7);
    ck_assert_ptr_nonnull(strstr(profile, "assign, in an update of sgd_step  "));
    ck_assert_double_eq_tol(sum_of_shares(), 100, 2);
    tg_tape_free(n.tape);
}
END_TEST

START_TEST(eager_mode_is_counted_too) {
    net  n = new_net();
    char text[300];
    tg_run(n.tape);
    tg_set_profile(n.tape, true);
    tg_set_eager(n.tape, true);
    tg_run(n.tape);
    read_profile(n.tape);
    snprintf(text, sizeof text, "exp of softmax  %s:%d\n", __FILE__, n.activation);
    ck_assert_int_eq(runs_of(text), 1);
    tg_tape_free(n.tape);
}
END_TEST

START_TEST(off_keeps_what_was_counted_and_on_begins_anew) {
    net n = new_net();
    tg_run(n.tape);
    ck_assert_str_eq(read_profile(n.tape), "profile: nothing has run\n");
    tg_set_profile(n.tape, true);
    tg_run(n.tape);
    tg_set_profile(n.tape, false);
    tg_run(n.tape);
    read_profile(n.tape);
    ck_assert_ptr_nonnull(strstr(profile, "profile: 1 runs"));
    tg_set_profile(n.tape, true);
    ck_assert_str_eq(read_profile(n.tape), "profile: nothing has run\n");
    tg_tape_free(n.tape);
}
END_TEST

START_TEST(results_have_the_same_bits) {
    net   timed = new_net(), other = new_net();
    float a[32 * 16], b[32 * 16];
    tg_set_profile(timed.tape, true);
    for (int i = 0; i < 3; i++)
        ck_assert(!tg_run(timed.tape) && !tg_run(other.tape));
    ck_assert(!tg_read(tg_find(timed.tape, "w"), a, 32 * 16) && !tg_read(tg_find(other.tape, "w"), b, 32 * 16));
    ck_assert_mem_eq(a, b, sizeof a);
    tg_tape_free(timed.tape);
    tg_tape_free(other.tape);
}
END_TEST

START_TEST(recording_again_adds_to_the_same_lines) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(8, 8), 0.5);
    tg_mark   mark = tg_tape_mark(tape);
    tg_set_profile(tape, true);
    for (int i = 0; i < 5; i++) {
        tg_item(tg_sum(tg_matmul(x, x)));
        tg_rewind(tape, mark);
    }
    read_profile(tape);
    ck_assert_int_eq(runs_of("matmul  "), 5);
    ck_assert_ptr_null(strstr(strstr(profile, "matmul  ") + 1, "matmul  "));
    tg_tape_free(tape);
}
END_TEST

/* A gradient check runs instructions by itself. */
START_TEST(what_runs_outside_of_a_run_is_counted) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", tg_full(tape, TG_F64, TG_SHAPE(3), 0.5)), y = tg_sum(tg_exp(x));
    tg_item(y);
    tg_set_profile(tape, true);
    ck_assert(!tg_gradcheck(y, 1, &x, NULL));
    read_profile(tape);
    ck_assert_int_gt(runs_of("exp  "), 6);
    tg_tape_free(tape);
}
END_TEST

START_TEST(the_environment_can_ask_for_it) {
    FILE *file = tmpfile();
    int   before = dup(STDERR_FILENO);
    set_environment("TAPEGRAD_PROFILE", "1");
    dup2(fileno(file), STDERR_FILENO);
    tg_tape_free(new_net().tape);
    net n = new_net();
    tg_run(n.tape);
    tg_tape_free(n.tape);
    dup2(before, STDERR_FILENO);
    close(before);
    set_environment("TAPEGRAD_PROFILE", NULL);
    rewind(file);
    profile[fread(profile, 1, sizeof profile - 1, file)] = 0;
    fclose(file);
    ck_assert_ptr_eq(strstr(profile, "profile: nothing has run\nprofile: 1 runs of a segment in "), profile);
}
END_TEST

START_TEST(errors_are_reported) {
    net n = new_net();
    ck_assert_int_eq(tg_print_profile(n.tape, NULL), TG_ERR_ARGUMENT);
    ck_assert_int_eq(tg_print_profile(NULL, stdout), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_set_profile(NULL, true), TG_ERR_HANDLE);
    tg_clear_error(n.tape);
    FILE *closed = fopen(NULL_DEVICE, "r");
    ck_assert_int_eq(tg_print_profile(n.tape, closed), TG_ERR_IO);
    fclose(closed);
    tg_tape_free(n.tape);
}
END_TEST

Suite *suite_profile(void);
Suite *suite_profile(void) {
    Suite *suite = suite_create("run/profile");
    TCase *tcase = tcase_create("profile");
    tcase_add_loop_test(tcase, ops_are_counted_with_their_lines, 0, 2);
    tcase_add_test(tcase, eager_mode_is_counted_too);
    tcase_add_test(tcase, off_keeps_what_was_counted_and_on_begins_anew);
    tcase_add_test(tcase, results_have_the_same_bits);
    tcase_add_test(tcase, recording_again_adds_to_the_same_lines);
    tcase_add_test(tcase, what_runs_outside_of_a_run_is_counted);
    tcase_add_test(tcase, the_environment_can_ask_for_it);
    tcase_add_test(tcase, errors_are_reported);
    suite_add_tcase(suite, tcase);
    return suite;
}
