/* tests/io/test_inflate.c: gzip: several in one file, and what is damaged.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "files.h"

/* The fixture twice, which is not one .npy, but has twice its bytes. */
START_TEST(several_in_one_file) {
    tg_tape *tape = tg_tape_new();
    size_t   count;
    uint8_t *bytes = read_bytes(fixture("images.idx.gz"), &count), *twice = malloc(2 * count + 1);
    memcpy(twice, bytes, count);
    memcpy(twice + count, bytes, count);
    write_bytes(scratch("twice.gz"), twice, 2 * count);
    FAILS_ON(tape, tg_load_idx(tape, scratch("twice.gz")), TG_ERR_IO, scratch("twice.gz"),
             "load_idx: PATH: offset 16: the shape needs 24 bytes of elements, there are 64");
    twice[count] = 'x';
    write_bytes(scratch("twice.gz"), twice, count + 1);
    FAILS_ON(tape, tg_load_idx(tape, scratch("twice.gz")), TG_ERR_IO, scratch("twice.gz"),
             "load_idx: PATH: offset 57: there is something after the end of the compressed data");
    free(twice);
    free(bytes);
    tg_tape_free(tape);
}
END_TEST

START_TEST(damaged_data) {
    tg_tape *tape = tg_tape_new();
    size_t   count;
    uint8_t *bytes = read_bytes(fixture("images.idx.gz"), &count);
    for (size_t cut = 2; cut < count; cut++) {
        write_bytes(scratch("cut.gz"), bytes, cut);
        FAILS_ON(tape, tg_load_idx(tape, scratch("cut.gz")), TG_ERR_IO, scratch("cut.gz"),
                 "load_idx: PATH: the compressed data ends too early");
    }
    bytes[count - 8] ^= 1; /* the checksum */
    write_bytes(scratch("cut.gz"), bytes, count);
    FAILS_ON(tape, tg_load_idx(tape, scratch("cut.gz")), TG_ERR_IO, scratch("cut.gz"),
             "load_idx: PATH: the compressed data is damaged: incorrect data check");
    free(bytes);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_inflate(void) {
    Suite *suite = suite_create("io/inflate");
    TCase *tcase = tcase_create("gzip");
    tcase_add_test(tcase, several_in_one_file);
    tcase_add_test(tcase, damaged_data);
    suite_add_tcase(suite, tcase);
    return suite;
}
