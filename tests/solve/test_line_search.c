/* tests/solve/test_line_search.c: the line search on functions of J. J. Moré and D. J. Thuente, "Line search algorithms with guaranteed
 * sufficient decrease" (1994), section 5.
 *
 * SPDX-License-Identifier: MIT */
#include "solve/line_search.h"

#include <math.h>

#include "suites.h"

typedef struct values {
    double value, slope;
} values;

/* (5.1) with beta = 2 */
static values first(double a) {
    return (values){-a / (a * a + 2), (a * a - 2) / ((a * a + 2) * (a * a + 2))};
}

/* (5.4) of Yanai, Ozawa and Kaneko with that beta1 and beta2 */
static values yanai(double a, double beta1, double beta2) {
    double left = sqrt((1 - a) * (1 - a) + beta2 * beta2), right = sqrt(a * a + beta1 * beta1);
    double c1 = sqrt(1 + beta1 * beta1) - beta1, c2 = sqrt(1 + beta2 * beta2) - beta2;
    return (values){c1 * left + c2 * right, -c1 * (1 - a) / left + c2 * a / right};
}

static values second(double a) {
    return yanai(a, 0.001, 0.001);
}

static values third(double a) {
    return yanai(a, 0.001, 0.01);
}

static values (*const functions[])(double) = {first, second, third};

/* From steps that are far too short to far too long. */
START_TEST(the_conditions_of_wolfe_hold_where_it_ends) {
    for (double begin = 1e-3; begin < 1e4; begin *= 100) {
        values           start = functions[_i](0), at = start;
        tgi_line_search  search = tgi_begin_search(start.value, start.slope, 0, begin, 1e10);
        tgi_search_state state = TGI_SEARCH_ON;
        int              trials = 0;
        for (; state == TGI_SEARCH_ON; trials++) {
            at = functions[_i](search.step);
            state = tgi_search(&search, at.value, at.slope);
        }
        ck_assert_msg(state == TGI_SEARCH_DONE, "function %d from %g", _i, begin);
        ck_assert(at.value <= start.value + 1e-3 * search.step * start.slope && fabs(at.slope) <= 0.9 * fabs(start.slope));
        ck_assert_int_le(trials, 12);
    }
}
END_TEST

/* Downhill without end: the longest step is taken. */
START_TEST(the_longest_step_is_kept) {
    tgi_line_search  search = tgi_begin_search(0, -1, 0, 1, 30);
    tgi_search_state state = TGI_SEARCH_ON;
    while (state == TGI_SEARCH_ON)
        state = tgi_search(&search, -search.step, -1);
    ck_assert_int_eq(state, TGI_SEARCH_DONE);
    ck_assert_double_eq(search.step, 30);
}
END_TEST

/* Beyond 0.5 there is nothing; before, the minimum is at 0.3. */
START_TEST(a_step_without_a_value_is_followed_by_a_nearer_one) {
    tgi_line_search  search = tgi_begin_search(0.09, -0.6, 0, 64, 1e10);
    tgi_search_state state = TGI_SEARCH_ON;
    while (state == TGI_SEARCH_ON) {
        double a = search.step, off = a - 0.3;
        state = a > 0.5 ? tgi_search_nearer(&search) : tgi_search(&search, off * off, 2 * off);
    }
    ck_assert_int_eq(state, TGI_SEARCH_DONE);
    ck_assert(search.step > 0 && search.step < 0.5);
}
END_TEST

/* A parabola around 0.5 whose values, but for that of 0, all come out as the number after 1. */
START_TEST(slopes_count_where_values_are_noise) {
    for (int noisy = 0; noisy < 2; noisy++) {
        tgi_line_search  search = tgi_begin_search(1, -1e-20, noisy ? 1e-15 : 0, 0.7, 1e10);
        tgi_search_state state = TGI_SEARCH_ON;
        while (state == TGI_SEARCH_ON)
            state = tgi_search(&search, 1 + 2.3e-16, 1e-20 * (2 * search.step - 1));
        ck_assert_int_eq(state, noisy ? TGI_SEARCH_DONE : TGI_SEARCH_FAILED);
    }
}
END_TEST

START_TEST(where_nothing_is_better_it_gives_up) {
    tgi_line_search  search = tgi_begin_search(0, -1, 0, 1, 1e10);
    tgi_search_state state = TGI_SEARCH_ON;
    while (state == TGI_SEARCH_ON)
        state = tgi_search(&search, search.step, 1); /* the slope at 0 is wrong */
    ck_assert_int_eq(state, TGI_SEARCH_FAILED);
    ck_assert_double_eq(search.step, 0);
    search = tgi_begin_search(0, -1, 0, 1, 1e10);
    for (state = TGI_SEARCH_ON; state == TGI_SEARCH_ON;)
        state = tgi_search_nearer(&search);
    ck_assert_int_eq(state, TGI_SEARCH_FAILED);
    ck_assert_double_eq(search.step, 0);
}
END_TEST

Suite *suite_line_search(void) {
    Suite *suite = suite_create("line_search");
    TCase *tcase = tcase_create("line_search");
    tcase_add_loop_test(tcase, the_conditions_of_wolfe_hold_where_it_ends, 0, 3);
    tcase_add_test(tcase, the_longest_step_is_kept);
    tcase_add_test(tcase, a_step_without_a_value_is_followed_by_a_nearer_one);
    tcase_add_test(tcase, slopes_count_where_values_are_noise);
    tcase_add_test(tcase, where_nothing_is_better_it_gives_up);
    suite_add_tcase(suite, tcase);
    return suite;
}
