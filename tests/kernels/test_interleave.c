/* tests/kernels/test_interleave.c: lines side by side, against the definition: element i of row r is element r of line i.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernels/interleave.h"
#include "support.h"

enum { MOST_ROWS = 40, MOST_LINES = 40, GAP = 3, WIDEST = 8, UNTOUCHED = 0xee };

/* Lines that begin anywhere, each with bytes of its own. */
static void check(size_t width, int64_t rows, int count, int64_t pitch) {
    static unsigned char memory[MOST_LINES][(MOST_ROWS + 1) * WIDEST];
    static unsigned char out[(MOST_ROWS * (MOST_LINES + GAP) + 1) * WIDEST];
    const void          *line[MOST_LINES];
    for (int i = 0; i < count; i++) {
        for (size_t k = 0; k < sizeof *memory; k++)
            memory[i][k] = (unsigned char)(k * 5 + (size_t)i * 37 + k / 256);
        line[i] = memory[i] + (size_t)(i % 2) * width;
    }
    memset(out, UNTOUCHED, sizeof out);
    tgi_interleave(width, rows, count, pitch, line, out);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < pitch; i++) {
            const unsigned char *at = out + (size_t)(r * pitch + i) * width;
            if (i < count)
                ck_assert_mem_eq(at, (const unsigned char *)line[i] + (size_t)r * width, width);
            else
                ck_assert_uint_eq(*at, UNTOUCHED);
        }
    ck_assert_uint_eq(out[(size_t)(rows * pitch) * width], UNTOUCHED);
}

START_TEST(puts_lines_side_by_side) {
    static const size_t widths[] = {1, 4, 8};
    for (int64_t rows = 0; rows <= MOST_ROWS; rows++)
        for (int count = 0; count <= MOST_LINES; count++) {
            check(widths[_i], rows, count, count);
            check(widths[_i], rows, count, count + GAP);
        }
}
END_TEST

Suite *suite_interleave(void) {
    Suite *suite = suite_create("kernels/interleave");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, puts_lines_side_by_side, 0, 3);
    suite_add_tcase(suite, all);
    return suite;
}
