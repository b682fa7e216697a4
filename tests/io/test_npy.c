/* tests/io/test_npy.c: .npy: round trips, and headers that are wrong in one place each.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"

static const tg_shape shapes[] = {
    {0, {0}},
    {1, {7}},
    {2, {3, 4}},
    {3, {2, 3, 4}},
    {4, {2, 1, 3, 2}},
    {5, {1, 2, 1, 2, 3}},
    {6, {2, 1, 2, 1, 2, 1}},
    {7, {1, 1, 2, 2, 1, 1, 3}},
    {8, {2, 1, 2, 1, 2, 1, 2, 2}},
    {1, {0}},
    {3, {2, 0, 3}},
    {8, {1, 1, 1, 1, 0, 1, 1, 1}},
};

START_TEST(what_is_saved_is_loaded) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("x.npy");
    for (int dtype = 0; dtype < TG_DTYPES; dtype++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            tg_tensor x = counted(tape, (tg_dtype)dtype, shapes[i]);
            ck_assert_int_eq(tg_save_npy(x, path), TG_OK);
            CHECK_SAME(tg_load_npy(tape, path), x);
        }
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(views_and_values_that_have_not_run_are_saved) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counted(tape, TG_F32, TG_SHAPE(3, 4)), y = tg_transpose(tg_add(x, 1), 0, 1);
    ck_assert_int_eq(tg_save_npy(y, scratch("view.npy")), TG_OK);
    CHECK_SAME(tg_load_npy(tape, scratch("view.npy")), y);
    tg_tape_free(tape);
}
END_TEST

START_TEST(the_file_is_that_of_numpy) {
    tg_tape *tape = tg_tape_new();
    size_t   ours, numpys;
    ck_assert_int_eq(tg_save_npy(tg_mul(2, counted(tape, TG_F32, TG_SHAPE(2, 3, 4))), scratch("rank3.npy")), TG_OK);
    uint8_t *a = read_bytes(scratch("rank3.npy"), &ours), *b = read_bytes(fixture("rank3.npy"), &numpys);
    ck_assert_uint_eq(ours, numpys);
    ck_assert(!memcmp(a, b, ours));
    free(a);
    free(b);
    tg_tape_free(tape);
}
END_TEST

/* ---- headers ----------------------------------------------------------------------------------------------------- */

/* A file of version 1 with that literal and so many bytes of elements. */
static const char *file_with(const char *literal, int elements) {
    static char bytes[4096];
    const char *path = scratch("header.npy");
    size_t      length = strlen(literal);
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, "\x93NUMPY\1\0", 8);
    bytes[8] = (char)(length & 255);
    bytes[9] = (char)(length >> 8);
    memcpy(bytes + 10, literal, length);
    write_bytes(path, bytes, 10 + length + (size_t)elements);
    return path;
}

START_TEST(a_header_may_be_written_otherwise) {
    static const char *const headers[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
        "{\"shape\":(2,3),\"descr\":\"<f4\",\"fortran_order\":False}",
        "  {'fortran_order' : False , 'descr':'=f4','shape':( 2 , 3 , )}  ",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L)}",
        "{'descr': 'f4', 'fortran_order': False, 'shape': (2, 3)}",
    };
    tg_tape *tape = tg_tape_new();
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        CHECK_SAME(tg_load_npy(tape, file_with(headers[i], 24)), tg_full(tape, TG_F32, TG_SHAPE(2, 3), 0));
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_wrong_header_is_an_error_that_says_where) {
    static const struct {
        const char *literal, *text;
    } headers[] = {
        {"", "offset 10 of the header: there should be a literal in braces"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)", "offset 64 of the header: there should be a comma"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} x", "offset 66 of the header: there should be nothing more"},
        {"{'descr': '<f4', 'fortran_order': False}",
         "offset 50 of the header: there should be the keys descr, fortran_order and shape before this"},
        {"{'descr': '<f4', 'descr': '<f4'}", "offset 35 of the header: there should be no key twice"},
        {"{'dtype': '<f4'}", "offset 19 of the header: there should be one of the keys descr, fortran_order and shape"},
        {"{'descr' '<f4'}", "offset 19 of the header: there should be a colon"},
        {"{'descr': <f4}", "offset 20 of the header: there should be a text in quotes"},
        {"{'descr': '<f4", "offset 20 of the header: there should be a text whose quotes end"},
        {"{'fortran_order': 1}", "offset 28 of the header: there should be True or False"},
        {"{'shape': 6}", "offset 20 of the header: there should be a shape in parentheses"},
        {"{'shape': (-6,)}", "offset 21 of the header: there should be a size"},
        {"{'shape': (6 6)}", "offset 23 of the header: there should be a comma"},
        {"{'shape': (99999999999999999999,)}", "offset 40 of the header: there should be a size that is not too large"},
        {"{'shape': (67108864, 1099511627776)}", "offset 44 of the header: there should be a shape of fewer elements"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}",
         "offset 65: the shape needs 20 bytes of elements, there are 24"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}",
         "offset 65: the shape needs 28 bytes of elements, there are 24"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 600000000000000000)}",
         "offset 82 of the header: there should be"},
    };
    tg_tape *tape = tg_tape_new();
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        char        text[256];
        const char *path = file_with(headers[i].literal, 24);
        snprintf(text, sizeof text, "load_npy: PATH: %s", headers[i].text);
        FAILS_ON(tape, tg_load_npy(tape, path), TG_ERR_IO, path, text);
    }
    ck_assert_int_eq(tg_instruction_count(tape), 0);
    tg_tape_free(tape);
}
END_TEST

/* Windows does not open one. */
#ifdef _WIN32
#define IS_A_DIRECTORY "cannot be opened: Permission denied"
#else
#define IS_A_DIRECTORY "is a directory"
#endif

START_TEST(what_is_no_npy_file_is_an_error) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("none.npy");
    FAILS_ON(tape, tg_load_npy(tape, path), TG_ERR_IO, path, "load_npy: PATH: it cannot be opened: No such file or directory");
    FAILS_ON(tape, tg_load_npy(tape, NULL), TG_ERR_ARGUMENT, path, "load_npy: the path is NULL");
    FAILS_ON(tape, tg_load_npy(tape, SOURCE_DIR), TG_ERR_IO, SOURCE_DIR, "load_npy: PATH: it " IS_A_DIRECTORY);
    FAILS_ON(tape, tg_load_npy(tape, NULL_DEVICE), TG_ERR_IO, NULL_DEVICE, "load_npy: PATH: it is no regular file");
    write_text(path, "");
    FAILS_ON(tape, tg_load_npy(tape, path), TG_ERR_IO, path, "load_npy: PATH: offset 0: it does not begin as .npy does");
    write_bytes(path, "\x93NUMPY\4\0\0\0\0\0", 12);
    FAILS_ON(tape, tg_load_npy(tape, path), TG_ERR_IO, path, "load_npy: PATH: offset 6: version 4 of .npy is not known");
    write_bytes(path, "\x93NUMPY\1\0\xff\xff{}", 12);
    FAILS_ON(tape, tg_load_npy(tape, path), TG_ERR_IO, path,
             "load_npy: PATH: offset 8: the header of 65535 bytes does not end within the file");
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_cannot_be_saved_is_an_error) {
    tg_tape *tape = tg_tape_new(), *other = tg_tape_new();
    FAILS(tape, tg_save_npy(tg_full(tape, TG_F32, TG_SHAPE(), 0), NULL), TG_ERR_ARGUMENT, "save_npy: the path is NULL");
    tg_mark   mark = tg_tape_mark(tape);
    tg_tensor stale = tg_full(tape, TG_F32, TG_SHAPE(), 0);
    tg_rewind(tape, mark);
    FAILS(tape, tg_save_npy(stale, scratch("stale.npy")), TG_ERR_HANDLE, "save_npy: the tensor is stale");
    ck_assert_int_eq(tg_save_npy(tg_num(1), scratch("number.npy")), TG_ERR_HANDLE);
    ck_assert(!tg_valid(tg_load_npy(NULL, scratch("x.npy"))));
    tg_tape_free(tape);
    tg_tape_free(other);
}
END_TEST

/* Past 2 GB, and then past what 32 bits count; nothing is in it, and so it takes no room. */
START_TEST(a_large_file_is_opened) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("large.npy");
    const char *text = SIZE_MAX < INT64_MAX ? "load_npy: PATH: it is too large for this machine"
                                            : "load_npy: PATH: offset 0: it does not begin as .npy does";
    FILE       *file = fopen(path, "wb");
    for (int64_t gigabytes = 3; gigabytes <= 5; gigabytes += 2) {
        ck_assert(!fseeko(file, (off_t)(gigabytes << 30), SEEK_SET) && fputc(0, file) == 0 && !fflush(file));
        FAILS_ON(tape, tg_load_npy(tape, path), TG_ERR_IO, path, text);
    }
    fclose(file);
    ck_assert(!remove(path));
    tg_tape_free(tape);
}
END_TEST

Suite *suite_npy(void) {
    Suite *suite = suite_create("io/npy");
    TCase *tcase = tcase_create("npy");
    tcase_add_test(tcase, what_is_saved_is_loaded);
    tcase_add_test(tcase, views_and_values_that_have_not_run_are_saved);
    tcase_add_test(tcase, the_file_is_that_of_numpy);
    tcase_add_test(tcase, a_header_may_be_written_otherwise);
    tcase_add_test(tcase, a_wrong_header_is_an_error_that_says_where);
    tcase_add_test(tcase, what_is_no_npy_file_is_an_error);
    tcase_add_test(tcase, a_large_file_is_opened);
    tcase_add_test(tcase, what_cannot_be_saved_is_an_error);
    suite_add_tcase(suite, tcase);
    return suite;
}
