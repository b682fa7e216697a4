/* tests/core/test_marks.c: sets of instructions, against an array of flags.
 *
 * SPDX-License-Identifier: MIT */
#include "core/marks.h"

#include "support.h"

#include <string.h>

enum { MOST = 300 };

/* What the functions should find, by looking at one flag after the other. */
static uint32_t flag_before(const bool *flags, uint32_t i) {
    while (i-- > 0)
        if (flags[i]) return i;
    return TGI_NONE;
}

static uint32_t flag_from(const bool *flags, uint32_t i) {
    for (; i < MOST; i++)
        if (flags[i]) return i;
    return TGI_NONE;
}

/* Marks every `step`th of all, in a set of those in the range; one in 7 has neighbours. */
static void compare(uint32_t first, uint32_t end, uint32_t step) {
    uint64_t  words[MOST / 64 + 1] = {0};
    bool      flags[MOST] = {false};
    tgi_marks marks = {words, first, end};
    for (uint32_t i = 0; i < MOST; i += step)
        for (uint32_t j = i; j < MOST && j < i + (i % 7 == 0 ? 3 : 1); j++) {
            tgi_mark(&marks, j);
            flags[j] = j >= first && j < end;
        }
    ck_assert_uint_le(tgi_words_of_marks(first, end), sizeof words / sizeof *words);
    for (uint32_t i = 0; i < MOST; i++) {
        ck_assert(tgi_is_marked(&marks, i) == flags[i]);
        ck_assert_uint_eq(tgi_marked_from(&marks, i), flag_from(flags, i));
        if (i <= end) ck_assert_uint_eq(tgi_marked_before(&marks, i), flag_before(flags, i));
    }
}

START_TEST(what_is_marked_is_found_in_both_directions) {
    static const uint32_t edges[] = {0, 1, 63, 64, 65, 127, 128, 129, 200, 256, 299, 300};
    const int             count = sizeof edges / sizeof *edges;
    for (int i = 0; i < count; i++)
        for (int j = i; j < count; j++)
            for (uint32_t step = 1; step < 150; step = 2 * step + 1)
                compare(edges[i], edges[j], step);
}
END_TEST

/* As the walk does: operands, which come before, are marked on the way. */
START_TEST(marks_set_on_the_way_back_are_found) {
    uint64_t  words[5] = {0};
    tgi_marks marks = {words, 10, 300};
    uint32_t  expected = 299;
    tgi_mark(&marks, 299);
    for (uint32_t i = 300; (i = tgi_marked_before(&marks, i)) != TGI_NONE; expected -= 17) {
        ck_assert_uint_eq(i, expected);
        if (i >= 17) tgi_mark(&marks, i - 17);
    }
    ck_assert_int_eq((int)expected, 299 - 18 * 17);
}
END_TEST

Suite *suite_marks(void) {
    Suite *suite = suite_create("marks");
    TCase *all = tcase_create("all");
    tcase_add_test(all, what_is_marked_is_found_in_both_directions);
    tcase_add_test(all, marks_set_on_the_way_back_are_found);
    suite_add_tcase(suite, all);
    return suite;
}
