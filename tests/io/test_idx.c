/* tests/io/test_idx.c: IDX that is wrong in one place. What is right is in test_fixtures.c.
 *
 * SPDX-License-Identifier: MIT */
#include "files.h"

START_TEST(a_wrong_file_is_an_error_that_says_where) {
    static const struct {
        size_t      count;
        const char *bytes, *text;
        tg_status   status;
    } cases[] = {
        {3, "\0\0\x08", "load_idx: PATH: offset 0: it does not begin as IDX does", TG_ERR_IO},
        {4, "\0\1\x08\0", "load_idx: PATH: offset 0: it does not begin as IDX does", TG_ERR_IO},
        {4, "\0\0\x0a\0", "load_idx: PATH: offset 2: 10 is no type of IDX", TG_ERR_IO},
        {6, "\0\0\x08\1\0\0", "load_idx: PATH: offset 4: the sizes of 1 axes do not end within the file", TG_ERR_IO},
        {16, "\0\0\x08\3\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\1",
         SIZE_MAX < INT64_MAX ? "load_idx: PATH: offset 4: the shape has too many elements"
                              : "load_idx: PATH: offset 8: the shape has too many elements",
         TG_ERR_IO},
        {10, "\0\0\x08\1\0\0\0\3ab", "load_idx: PATH: offset 8: the shape needs 3 bytes of elements, there are 2", TG_ERR_IO},
        {12, "\0\0\x08\1\0\0\0\3abcd", "load_idx: PATH: offset 8: the shape needs 3 bytes of elements, there are 4", TG_ERR_IO},
        {41, "\0\0\x08\x09\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1a",
         "load_idx: PATH: it has more than 8 axes", TG_ERR_SHAPE},
    };
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("x.idx");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_bytes(path, cases[i].bytes, cases[i].count);
        FAILS_ON(tape, tg_load_idx(tape, path), cases[i].status, path, cases[i].text);
    }
    write_bytes(path, "\0\0\x08\0a", 5);
    CHECK_SAME(tg_load_idx(tape, path), tg_full(tape, TG_I64, TG_SHAPE(), 'a'));
    tg_tape_free(tape);
}
END_TEST

Suite *suite_idx(void) {
    Suite *suite = suite_create("io/idx");
    TCase *tcase = tcase_create("idx");
    tcase_add_test(tcase, a_wrong_file_is_an_error_that_says_where);
    suite_add_tcase(suite, tcase);
    return suite;
}
