/* tests/kernels/test_copy.c: copying bytes, against a copy one by one: wherever the destination is, in its page and to the source.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "kernels/copy.h"
#include "support.h"

enum { PAGE = 4096, ROOM = 8 * PAGE, SOURCE = 3 * PAGE + 24 };

static const int64_t lengths[] = {0, 1, 2047, 2048, 2049, 2175, 2176, 4096, 5000};

static unsigned char before[ROOM], after[ROOM], expected[ROOM];

static void check_copy(int64_t to, int64_t bytes) {
    for (int64_t i = 0; i < ROOM; i++)
        after[i] = expected[i] = before[i] = (unsigned char)(i * 7 + i / 251);
    for (int64_t i = 0; i < bytes; i++)
        expected[to + i] = before[SOURCE + i];
    tgi_copy_bytes(after + to, after + SOURCE, (size_t)bytes);
    ck_assert_msg(!memcmp(after, expected, ROOM), "%d bytes to %d", (int)bytes, (int)(to - SOURCE));
}

/* Within the source too, before it and behind it. */
START_TEST(bytes_arrive_anywhere) {
    for (int64_t page = -2; page <= 2; page++)
        for (int64_t ahead = -70; ahead <= 70; ahead++)
            check_copy(SOURCE + page * PAGE + ahead, lengths[_i]);
}
END_TEST

Suite *suite_copy(void) {
    Suite *suite = suite_create("copy");
    TCase *tcase = tcase_create("bytes");
    tcase_add_loop_test(tcase, bytes_arrive_anywhere, 0, sizeof lengths / sizeof *lengths);
    suite_add_tcase(suite, tcase);
    return suite;
}
