/* tests/io/test_bytes.c: files as they are.
 *
 * SPDX-License-Identifier: MIT */
#include "files.h"

START_TEST(every_byte_is_an_element) {
    uint8_t  bytes[256];
    int64_t  elements[256];
    tg_tape *tape = tg_tape_new();
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)(elements[i] = 255 - i);
    write_bytes(scratch("all"), (const char *)bytes, sizeof bytes);
    CHECK_SAME(tg_load_bytes(tape, scratch("all")), tg_constant(tape, TG_I64, TG_SHAPE(256), elements));
    tg_tape_free(tape);
}
END_TEST

START_TEST(an_empty_file_is_a_tensor_without_elements) {
    tg_tape *tape = tg_tape_new();
    write_bytes(scratch("empty"), "", 0);
    CHECK_SAME(tg_load_bytes(tape, scratch("empty")), tg_full(tape, TG_I64, TG_SHAPE(0), 0));
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_compressed_file_is_decompressed) {
    tg_tape *tape = tg_tape_new();
    CHECK_SAME(tg_load_bytes(tape, fixture("images.idx.gz")), tg_load_bytes(tape, fixture("images.idx")));
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_an_error) {
    tg_tape *tape = tg_tape_new();
    FAILS_ON(tape, tg_load_bytes(tape, "no/such"), TG_ERR_IO, "no/such", "load_bytes: PATH: it cannot be opened: No such file or directory");
    tg_tape_free(tape);
}
END_TEST

Suite *suite_bytes(void) {
    Suite *suite = suite_create("io/bytes");
    TCase *tcase = tcase_create("bytes");
    tcase_add_test(tcase, every_byte_is_an_element);
    tcase_add_test(tcase, an_empty_file_is_a_tensor_without_elements);
    tcase_add_test(tcase, a_compressed_file_is_decompressed);
    tcase_add_test(tcase, a_file_that_is_not_there_is_an_error);
    suite_add_tcase(suite, tcase);
    return suite;
}
