/* tests/io/test_archive.c: archives: safetensors and .npz, what is saved is loaded, and borrowed, and what is wrong says where.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "io/system.h"

/* ---- round trips ------------------------------------------------------------------------------------------------- */

enum { TENSORS = 5 };

/* Of every dtype, one without elements, one without axes. */
static void make_tensors(tg_tape *tape, tg_named list[TENSORS]) {
    list[0] = (tg_named){"b", counted(tape, TG_BOOL, TG_SHAPE(5))};
    list[1] = (tg_named){"layer.0 \"w\"", counted(tape, TG_F32, TG_SHAPE(3, 4))};
    list[2] = (tg_named){"größe", counted(tape, TG_F64, TG_SHAPE())};
    list[3] = (tg_named){"i", counted(tape, TG_I64, TG_SHAPE(2, 1, 3))};
    list[4] = (tg_named){"none", counted(tape, TG_F32, TG_SHAPE(2, 0))};
}

static void check_round_trip(const char *path, const tg_named list[TENSORS], tg_tape *tape) {
    tg_archive *archive = tg_archive_open(path);
    ck_assert_str_eq(tg_archive_error(archive), "");
    ck_assert_int_eq(tg_archive_count(archive), TENSORS);
    for (int i = 0; i < TENSORS; i++) {
        const tg_archive_tensor *info = tg_archive_find(archive, list[i].name);
        ck_assert_str_eq(info->name, list[i].name);
        ck_assert_int_eq(info->dtype, tg_dtype_of(list[i].tensor));
        ck_assert(tg_shape_equal(info->shape, tg_shape_of(list[i].tensor)));
        CHECK_SAME(tg_archive_load(tape, archive, list[i].name), list[i].tensor);
    }
    tg_archive_close(archive);
    CHECK_OK(tape);
}

START_TEST(what_is_saved_is_loaded) {
    tg_tape *tape = tg_tape_new();
    tg_named list[TENSORS];
    make_tensors(tape, list);
    tg_save_safetensors(tape, scratch("x.safetensors"), tg_named_list_from(TENSORS, list), TG_METADATA());
    check_round_trip(scratch("x.safetensors"), list, tape);
    for (int compressed = 0; compressed < 2; compressed++) {
        tg_save_npz(tape, scratch("x.npz"), tg_named_list_from(TENSORS, list), compressed);
        check_round_trip(scratch("x.npz"), list, tape);
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(an_archive_of_nothing) {
    tg_tape *tape = tg_tape_new();
    tg_save_safetensors(tape, scratch("x"), TG_NAMED(), TG_METADATA({"key", "value"}));
    tg_archive *archive = tg_archive_open(scratch("x"));
    ck_assert_str_eq(tg_archive_error(archive), "");
    ck_assert_int_eq(tg_archive_count(archive), 0);
    ck_assert_str_eq(tg_archive_metadata(archive, "key"), "value");
    ck_assert_ptr_null(tg_archive_find(archive, "key"));
    tg_archive_close(archive);
    tg_save_npz(tape, scratch("x"), TG_NAMED(), false);
    archive = tg_archive_open(scratch("x"));
    ck_assert_str_eq(tg_archive_error(archive), "");
    ck_assert_int_eq(tg_archive_count(archive), 0);
    tg_archive_close(archive);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* More than one piece of zlib's, and a member that shrinks. */
START_TEST(large_members) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_randn(tape, TG_F64, TG_SHAPE(100, 1000)), y = tg_full(tape, TG_I64, TG_SHAPE(300000), 7);
    tg_save_npz(tape, scratch("large.npz"), TG_NAMED({"x", x}, {"y", y}), true);
    tg_archive *archive = tg_archive_open(scratch("large.npz"));
    CHECK_SAME(tg_archive_load(tape, archive, "x"), x);
    CHECK_SAME(tg_archive_load(tape, archive, "y"), y);
    tg_archive_close(archive);
    tg_tape_free(tape);
}
END_TEST

/* ---- borrowing --------------------------------------------------------------------------------------------------- */

/* It cannot be borrowed because this machine is big-endian, which files are not. */
static void check_other_order(tg_tape *tape, const tg_archive *archive, const char *name) {
    ck_assert(TGI_BIG_ENDIAN);
    ck_assert(!tg_valid(tg_archive_borrow(tape, archive, name)));
    ck_assert_int_eq(tg_error_status(tape), TG_ERR_ARGUMENT);
    ck_assert(strstr(tg_error(tape), "its elements are in the other order of bytes: tg_archive_load copies them"));
    tg_clear_error(tape);
}

START_TEST(all_that_is_saved_can_be_borrowed) {
    tg_tape *tape = tg_tape_new(), *other = tg_tape_new();
    tg_named list[TENSORS];
    make_tensors(tape, list);
    tg_save_safetensors(tape, scratch("x"), tg_named_list_from(TENSORS, list), TG_METADATA());
    tg_archive *archive = tg_archive_open(scratch("x"));
    for (int i = 0; i < TENSORS; i++) {
        if (!tg_archive_find(archive, list[i].name)->in_place) {
            check_other_order(tape, archive, list[i].name);
            continue;
        }
        tg_tensor x = tg_archive_borrow(tape, archive, list[i].name);
        CHECK_SAME(x, list[i].tensor);
        if (tg_size(x)) ck_assert_ptr_eq(tg_data(tg_archive_borrow(other, archive, list[i].name)), tg_data(x));
    }
    CHECK_OK(tape);
    CHECK_OK(other);
    tg_tape_free(other);
    tg_tape_free(tape);
    tg_archive_close(archive);
}
END_TEST

START_TEST(a_borrowed_parameter_has_a_gradient_and_is_not_written) {
    tg_tape *tape = tg_tape_new();
    tg_save_safetensors(tape, scratch("x"), TG_NAMED({"w", counted(tape, TG_F32, TG_SHAPE(3))}), TG_METADATA());
    tg_archive *archive = tg_archive_open(scratch("x"));
    if (TGI_BIG_ENDIAN) {
        check_other_order(tape, archive, "w");
    } else {
        tg_tensor w = tg_archive_borrow_parameter(tape, archive, "w");
        ck_assert_str_eq(tg_name(w), "w");
        tg_backward(tg_sum(tg_square(w)));
        CHECK_SAME(tg_grad(w), tg_mul(2, counted(tape, TG_F32, TG_SHAPE(3))));
        FAILS(tape, tg_write(w, (float[]){1, 2, 3}, 3), TG_ERR_ARGUMENT, "write: ");
        FAILS(tape, tg_archive_borrow_parameter(tape, archive, "w"), TG_ERR_NAME,
              "archive_borrow_parameter: the name 'w' is taken");
    }
    tg_tape_free(tape);
    tg_archive_close(archive);
}
END_TEST

START_TEST(what_cannot_be_borrowed_says_why) {
    tg_tape    *tape = tg_tape_new();
    const char *path = fixture("all.safetensors");
    tg_archive *archive = tg_archive_open(path);
    FAILS_ON(tape, tg_archive_borrow(tape, archive, "bf16"), TG_ERR_DTYPE, path,
             "archive_borrow: PATH: bf16: its elements are BF16, which have to be converted to float32");
    FAILS_ON(tape, tg_archive_borrow(tape, archive, "f8_e4m3"), TG_ERR_DTYPE, path,
             "archive_borrow: PATH: f8_e4m3: its dtype is F8_E4M3, which the library cannot load");
    tg_archive_close(archive);
    tg_save_npz(tape, scratch("x"), TG_NAMED({"w", counted(tape, TG_F32, TG_SHAPE(3))}), true);
    archive = tg_archive_open(scratch("x"));
    FAILS_ON(tape, tg_archive_borrow(tape, archive, "w"), TG_ERR_ARGUMENT, scratch("x"),
             "archive_borrow: PATH: w: its elements are compressed: tg_archive_load copies them");
    tg_archive_close(archive);
    tg_tape_free(tape);
}
END_TEST

/* ---- wrong calls ------------------------------------------------------------------------------------------------- */

START_TEST(an_archive_that_is_not_there) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("none");
    tg_archive *archive = tg_archive_open(path);
    char        text[600];
    snprintf(text, sizeof text, "%s: it cannot be opened: No such file or directory", path);
    ck_assert_str_eq(tg_archive_error(archive), text);
    ck_assert_int_eq(tg_archive_error_status(archive), TG_ERR_IO);
    ck_assert_int_eq(tg_archive_count(archive), 0);
    FAILS_ON(tape, tg_archive_load(tape, archive, "w"), TG_ERR_IO, path,
             "archive_load: PATH: it cannot be opened: No such file or directory");
    FAILS(tape, tg_archive_load(tape, NULL, "w"), TG_ERR_MEMORY, "archive_load: no archive: out of memory when it was opened");
    ck_assert_int_eq(tg_archive_count(NULL), 0);
    ck_assert_int_eq(tg_archive_metadata_count(NULL), 0);
    tg_archive_close(archive);
    tg_archive_close(NULL);
    archive = tg_archive_open(NULL);
    ck_assert_str_eq(tg_archive_error(archive), "the path is NULL");
    tg_archive_close(archive);
    archive = tg_archive_open(fixture("all.safetensors"));
    FAILS_ON(tape, tg_archive_load(tape, archive, "w"), TG_ERR_NAME, fixture("all.safetensors"),
             "archive_load: PATH: there is no tensor 'w'");
    FAILS_ON(tape, tg_archive_load(tape, archive, NULL), TG_ERR_NAME, fixture("all.safetensors"),
             "archive_load: PATH: there is no tensor '(NULL)'");
    tg_archive_close(archive);
    tg_tape_free(tape);
}
END_TEST

START_TEST(names_and_metadata_that_cannot_be_saved) {
    tg_tape    *tape = tg_tape_new();
    tg_tensor   x = counted(tape, TG_F32, TG_SHAPE(3));
    const char *path = scratch("never");
    FAILS_ON(tape, tg_save_safetensors(tape, path, TG_NAMED({"a", x}, {"a", x}), TG_METADATA()), TG_ERR_NAME, path,
             "save_safetensors: PATH: the name 'a' comes twice");
    FAILS_ON(tape, tg_save_npz(tape, path, TG_NAMED({"", x}), false), TG_ERR_NAME, path, "save_npz: PATH: the name is empty");
    FAILS_ON(tape, tg_save_npz(tape, path, TG_NAMED({NULL, x}), false), TG_ERR_NAME, path, "save_npz: PATH: the name is empty");
    FAILS_ON(tape, tg_save_npz(tape, path, TG_NAMED({"\xff", x}), false), TG_ERR_NAME, path, "save_npz: PATH: the name '");
    FAILS_ON(tape, tg_save_npz(tape, path, TG_NAMED({"\xed\xa0\x80", x}), false), TG_ERR_NAME, path,
             "save_npz: PATH: the name '");
    FAILS_ON(tape, tg_save_npz(tape, path, TG_NAMED({"\xc0\x80", x}), false), TG_ERR_NAME, path, "save_npz: PATH: the name '");
    FAILS_ON(tape, tg_save_safetensors(tape, path, TG_NAMED({"__metadata__", x}), TG_METADATA()), TG_ERR_NAME, path,
             "save_safetensors: PATH: the name '__metadata__' has another meaning in safetensors");
    FAILS_ON(tape, tg_save_safetensors(tape, path, TG_NAMED({"a", x}), TG_METADATA({"k", "v"}, {"k", "w"})), TG_ERR_NAME, path,
             "save_safetensors: PATH: the key 'k' comes twice");
    FAILS_ON(tape, tg_save_safetensors(tape, path, TG_NAMED({"a", x}), TG_METADATA({"k", NULL})), TG_ERR_NAME, path,
             "save_safetensors: PATH: the value of 'k' in the metadata is not UTF-8");
    FAILS(tape, tg_save_npz(tape, path, TG_NAMED({"a", tg_num(1)}), false), TG_ERR_HANDLE, "save_npz: the tensor 'a' is");
    ck_assert(!fopen(path, "rb"));
    tg_tape_free(tape);
}
END_TEST

/* ---- safetensors that are wrong in one place --------------------------------------------------------------------- */

static const char *file_with(const char *header, size_t elements) {
    static uint8_t bytes[4096];
    const char    *path = scratch("header.safetensors");
    size_t         length = strlen(header);
    memset(bytes, 0, sizeof bytes);
    bytes[0] = (uint8_t)(length & 255);
    bytes[1] = (uint8_t)(length >> 8);
    memcpy(bytes + 8, header, length);
    write_bytes(path, bytes, 8 + length + elements);
    return path;
}

#define A(dtype, shape, from, to) "\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"
#define B(from, to) "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" #from "," #to "]}"

START_TEST(a_wrong_header_is_an_error_that_says_where) {
    static const struct {
        const char *header, *text;
    } cases[] = {
        {"[]", "offset 8: the header of safetensors begins with {"},
        {"{\"a\":1", "offset 14: "},
        {"{\"a\":1}", "a: it has no dtype"},
        {"{\"a\":{\"dtype\":1}}", "a: it has no dtype"},
        {"{\"a\":{\"dtype\":\"F32\"}}", "a: its shape is no list"},
        {"{" A("F32", "[2.0]", 0, 8) "}", "a: its shape has what is no size"},
        {"{" A("F32", "[-2]", 0, 8) "}", "a: its shape has what is no size"},
        {"{" A("F32", "[4294967296,4294967296]", 0, 8) "}", "a: its shape has too many elements"},
        {"{" A("F32", "[2]", 8, 0) "}", "a: its data_offsets are no two offsets"},
        {"{" A("F32", "[2]", -8, 0) "}", "a: its data_offsets are no two offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", "a: its data_offsets are no two offsets"},
        {"{" A("F32", "[2]", 0, 4) "}", "a: its shape needs 8 bytes of elements, there are 4"},
        {"{" A("F32", "[6]", 0, 24) "}", "a: its elements end at 24, those of the file at 16: the file was cut off"},
        {"{" A("F32", "[2]", 0, 99999999999999999999) "}", "offset "},
        {"{" A("F32", "[2]", 0, 8) "," A("F32", "[2]", 8, 16) "}", "offset "},
        {"{" A("F32", "[2]", 0, 8) "," B(4, 12) "}", "offset 120: 'a' and 'b' overlap"},
        {"{" A("F32", "[2]", 0, 8) "}", "offset 70: the bytes from here on belong to no tensor"},
        {"{" A("F32", "[2]", 8, 16) "}", "offset 63: the bytes from here on belong to no tensor"},
        {"{\"__metadata__\":1}", "__metadata__: it is no object"},
        {"{\"__metadata__\":{\"k\":1}}", "__metadata__: 'k' is no text"},
        {"{\"a\\u0000b\":1}", "offset "},
        {"{\"\xff\":1}", "offset "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char        expected[600];
        tg_archive *archive = tg_archive_open(file_with(cases[i].header, 16));
        snprintf(expected, sizeof expected, "%s: %s", scratch("header.safetensors"), cases[i].text);
        ck_assert_msg(!strncmp(tg_archive_error(archive), expected, strlen(expected)), "'%s', not '%s'",
                      tg_archive_error(archive), expected);
        ck_assert_int_eq(tg_archive_error_status(archive), TG_ERR_IO);
        ck_assert_int_eq(tg_archive_count(archive), 0);
        tg_archive_close(archive);
    }
}
END_TEST

START_TEST(a_header_may_not_be_too_deep_or_too_long) {
    static char deep[1 << 17];
    memset(deep, '[', sizeof deep);
    memcpy(deep, "\xf8\xff\1\0\0\0\0\0", 8); /* sizeof deep - 8 */
    memcpy(deep + 8, "{\"a\":", 5);
    write_bytes(scratch("deep"), deep, sizeof deep);
    tg_archive *archive = tg_archive_open(scratch("deep"));
    ck_assert_msg(strstr(tg_archive_error(archive), "depth") != NULL, "%s", tg_archive_error(archive));
    tg_archive_close(archive);
    write_bytes(scratch("long"), "\x01\xe1\xf5\x05\0\0\0\0{}", 10); /* 100,000,001 */
    archive = tg_archive_open(scratch("long"));
    ck_assert_msg(strstr(tg_archive_error(archive), "offset 0: no header of safetensors is so long") != NULL, "%s",
                  tg_archive_error(archive));
    tg_archive_close(archive);
    write_bytes(scratch("short"), "\x03\0\0\0\0\0\0\0{}", 10);
    archive = tg_archive_open(scratch("short"));
    ck_assert_msg(strstr(tg_archive_error(archive), "offset 0: the header does not end within the file") != NULL, "%s",
                  tg_archive_error(archive));
    tg_archive_close(archive);
}
END_TEST

/* Elements that a foreign program did not align. */
START_TEST(elements_that_are_not_aligned_are_copied) {
    tg_tape    *tape = tg_tape_new();
    tg_archive *archive = tg_archive_open(file_with("{" A("F32", "[2]", 0, 8) "," B(8, 16) "}  ", 16));
    ck_assert_str_eq(tg_archive_error(archive), "");
    ck_assert(!tg_archive_find(archive, "a")->in_place);
    CHECK_SAME(tg_archive_load(tape, archive, "a"), tg_full(tape, TG_F32, TG_SHAPE(2), 0));
    const char *path = scratch("header.safetensors");
    const char *text = TGI_BIG_ENDIAN ? "archive_borrow: PATH: a: its elements are in the other order of bytes"
                                      : "archive_borrow: PATH: a: its elements are not aligned: tg_archive_load copies them";
    FAILS_ON(tape, tg_archive_borrow(tape, archive, "a"), TG_ERR_ARGUMENT, path, text);
    tg_archive_close(archive);
    tg_tape_free(tape);
}
END_TEST

/* ---- zip files that are wrong in one place ----------------------------------------------------------------------- */

/* Changes a saved .npz of one member "w" of 12 bytes by a number at an offset from its beginning, or, if negative, from its end. */
static void check_changed(bool compressed, long offset, int width, uint64_t number, const char *text) {
    tg_tape *tape = tg_tape_new();
    size_t   count;
    tg_save_npz(tape, scratch("x.npz"), TG_NAMED({"w", counted(tape, TG_F32, TG_SHAPE(3))}), compressed);
    uint8_t *bytes = read_bytes(scratch("x.npz"), &count), *at = bytes + (offset < 0 ? (long)count + offset : offset);
    for (int i = 0; i < width; i++)
        at[i] = (uint8_t)(number >> (8 * i));
    write_bytes(scratch("x.npz"), bytes, count);
    int loaded = load_file(tape, NPZ, scratch("x.npz"));
    if (loaded < 0 && tg_error_status(tape)) {
        ck_assert_msg(strstr(tg_error(tape), text) != NULL, "'%s', not '%s'", tg_error(tape), text);
    } else {
        tg_archive *archive = tg_archive_open(scratch("x.npz"));
        ck_assert_msg(strstr(tg_archive_error(archive), text) != NULL, "'%s', not '%s'", tg_archive_error(archive), text);
        tg_archive_close(archive);
    }
    free(bytes);
    tg_tape_free(tape);
}

START_TEST(a_wrong_zip_file_is_an_error) {
    const long end = -22, locator = end - 20, end64 = locator - 56, central = end64 - (46 + 5 + 28);
    check_changed(false, end, 4, 0, "it has no end of a zip file: it was cut off, or is none");
    check_changed(false, end64 + 48, 8, 1 << 20, "offset 1048576: the directory of 79 bytes is not within the file");
    check_changed(false, end64 + 40, 8, UINT64_MAX, "is not within the file");
    check_changed(false, end64 + 32, 8, 2, "there is no member where the directory should have one");
    check_changed(false, end64 + 32, 8, 0, "the directory goes on after its last member");
    check_changed(false, central + 28, 2, 60000, "the member goes beyond the directory");
    check_changed(false, central + 8, 2, 1, "the member is encrypted");
    check_changed(false, central + 10, 2, 14, "the member is neither stored nor deflated");
    check_changed(false, central + 46 + 5, 2, 2, "the member's sizes are not there");
    check_changed(false, central + 46 + 5 + 4 + 16, 8, 5, "the member is not where the directory says");
    check_changed(false, central + 46 + 5 + 4 + 16, 8, UINT64_MAX, "the member is not where the directory says");
    check_changed(false, central + 46 + 5 + 4 + 8, 8, UINT64_MAX, "the member is not where the directory says");
    check_changed(false, central + 46 + 5 + 4, 8, 141, "the member's sizes cannot be");
    check_changed(true, central + 46 + 5 + 4, 8, UINT64_MAX, "the member's sizes cannot be");
    check_changed(true, central + 46 + 5 + 4, 8, 1000, "the shape needs 12 bytes of elements, there are 872");
    check_changed(false, central + 46, 1, 'v', "the member is not where the directory says");
    check_changed(false, central - 1, 1, 99, "w: its checksum is not that of its bytes");
    check_changed(true, central + 16, 4, 99, "w: its checksum is not that of its bytes");
}
END_TEST

Suite *suite_archive(void) {
    Suite *suite = suite_create("io/archive");
    TCase *tcase = tcase_create("archive");
    tcase_add_test(tcase, what_is_saved_is_loaded);
    tcase_add_test(tcase, an_archive_of_nothing);
    tcase_add_test(tcase, large_members);
    tcase_add_test(tcase, all_that_is_saved_can_be_borrowed);
    tcase_add_test(tcase, a_borrowed_parameter_has_a_gradient_and_is_not_written);
    tcase_add_test(tcase, what_cannot_be_borrowed_says_why);
    tcase_add_test(tcase, an_archive_that_is_not_there);
    tcase_add_test(tcase, names_and_metadata_that_cannot_be_saved);
    tcase_add_test(tcase, a_wrong_header_is_an_error_that_says_where);
    tcase_add_test(tcase, a_header_may_not_be_too_deep_or_too_long);
    tcase_add_test(tcase, elements_that_are_not_aligned_are_copied);
    tcase_add_test(tcase, a_wrong_zip_file_is_an_error);
    suite_add_tcase(suite, tcase);
    return suite;
}
