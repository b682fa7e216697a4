/* tests/io/test_damaged.c: files of each format, cut off at every length and with bits flipped: an error, or a tensor; where there is a
 * checksum, or the flipped bit is in the elements, the right one.
 *
 * SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/system.h"
#include "training.h"

#ifndef O_BINARY /* only Windows has files that are not */
#define O_BINARY 0
#endif

enum { DAMAGES = 10000 };

/* ---- a whole file of each format --------------------------------------------------------------------------------- */

static void write_whole(format kind, const char *path) {
    tg_tape      *tape = tg_tape_new();
    tg_tensor     x = counted(tape, TG_F32, TG_SHAPE(5, 3)), y = counted(tape, TG_I64, TG_SHAPE(4));
    tg_named_list list = TG_NAMED({"x", x}, {"name", y});
    if (kind == NPY) tg_save_npy(x, path);
    if (kind == NPZ) tg_save_npz(tape, path, list, true);
    if (kind == SAFETENSORS) tg_save_safetensors(tape, path, list, TG_METADATA({"a", "b"}));
    if (kind == CSV) write_text(path, "x,\"y\"\n1,2.5\n-3e1,\"4\"\r\n5,6\n");
    if (kind == CHECKPOINT) {
        record_leaves(tape);
        tg_optimizer_state_like(tg_find(tape, "w"), "adam.m");
        tg_save_checkpoint(tape, path, NULL);
    }
    CHECK_OK(tape);
    tg_tape_free(tape);
    if (kind != IDX) return;
    size_t   count;
    uint8_t *bytes = read_bytes(fixture("images.idx.gz"), &count);
    write_bytes(path, bytes, count);
    free(bytes);
}

/* ---- damages ----------------------------------------------------------------------------------------------------- */

/* Another file of that name: a file that is cut off and written again would go to the disk at once on some systems. */
static void rewrite(const char *path, const uint8_t *bytes, size_t count) {
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_BINARY, 0644);
    ck_assert(fd >= 0 && write(fd, bytes, (unsigned)count) == (ssize_t)count);
    close(fd);
}

/* A tape that the checkpoint fits, as far as it goes. */
static tg_tape *new_tape(format kind) {
    tg_tape *tape = tg_tape_new();
    if (kind == CHECKPOINT) record_leaves(tape);
    return tape;
}

/* Loads it. Either there is an error and nothing else, or tensors that can be read. True if it was loaded. */
static bool try(format kind, const char *path, int tensors) {
    tg_tape *tape = new_tape(kind);
    int64_t  before = tg_instruction_count(tape);
    int      count = load_file(tape, kind, path);
    if (count >= 0 && kind != CHECKPOINT) {
        CHECK_OK(tape);
        ck_assert_int_le(count, tensors);
        ck_assert_int_eq(tg_instruction_count(tape) - before, count);
    }
    if (tg_error_status(tape)) ck_assert(strstr(tg_error(tape), "damaged.c:") || strstr(tg_error(tape), "load_file.c:"));
    tg_tape_free(tape);
    return count >= 0;
}

/* Every length, or evenly spread ones. */
static void cut_off(format kind, const char *path, const uint8_t *bytes, size_t count) {
    size_t step = count / (DAMAGES / 2) + 1;
    for (size_t length = 0; length < count; length += step) {
        rewrite(path, bytes, length);
        bool loaded = try(kind, path, 2);
        ck_assert_msg(!loaded || kind == CSV, "the first %zu bytes of %zu were taken for the file", length, count);
    }
}

/* One to three bits somewhere; more often near the start, where the headers are. */
static void flip(format kind, const char *path, uint8_t *bytes, size_t count, uint32_t *state) {
    size_t places[3];
    int    flips = 1 + (int)(next_number(state) % 3), bits[3];
    for (int i = 0; i < flips; i++) {
        places[i] = next_number(state) % (next_number(state) % 2 && count > 300 ? 300 : count);
        bits[i] = (int)(next_number(state) % 8);
        bytes[places[i]] ^= (uint8_t)(1 << bits[i]);
    }
    rewrite(path, bytes, count);
    try(kind, path, 3);
    for (int i = 0; i < flips; i++)
        bytes[places[i]] ^= (uint8_t)(1 << bits[i]);
}

START_TEST(damaged_files) {
    format      kind = (format)_i;
    const char *path = scratch("damaged");
    uint32_t    state = 5;
    size_t      count;
    write_whole(kind, path);
    ck_assert(try(kind, path, 2));
    uint8_t *bytes = read_bytes(path, &count);
    cut_off(kind, path, bytes, count);
    for (int i = 0; i < DAMAGES / 2; i++)
        flip(kind, path, bytes, count, &state);
    free(bytes);
}
END_TEST

/* ---- what checksums find, and what nothing can ------------------------------------------------------------------- */

/* Each bit of the file by itself: an error, or the tensors that were saved. */
START_TEST(a_zip_file_is_right_or_an_error) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("flipped");
    size_t      count;
    tg_tensor   x = counted(tape, TG_F32, TG_SHAPE(5, 3));
    tg_save_npz(tape, path, TG_NAMED({"x", x}), _i);
    uint8_t *bytes = read_bytes(path, &count);
    tg_mark  mark = tg_tape_mark(tape);
    int      errors = 0;
    for (size_t i = 0; i < 8 * count; i++, tg_rewind(tape, mark)) {
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
        rewrite(path, bytes, count);
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
        tg_archive *archive = tg_archive_open(path);
        tg_tensor   y = tg_archive_load(tape, archive, "x");
        if (tg_valid(y)) CHECK_SAME(y, x);
        errors += !tg_valid(y);
        tg_clear_error(tape);
        tg_archive_close(archive);
    }
    ck_assert_int_gt(errors, (int)count);
    free(bytes);
    tg_tape_free(tape);
}
END_TEST

/* A bit of the elements changes this element, and no other. */
START_TEST(an_element_is_what_the_file_has) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("flipped");
    size_t      count;
    float       expected[15];
    tg_tensor   x = counted(tape, TG_F32, TG_SHAPE(5, 3));
    tg_read(x, expected, 15);
    tg_save_npy(x, path);
    uint8_t *bytes = read_bytes(path, &count);
    tg_mark  mark = tg_tape_mark(tape);
    for (size_t i = 0; i < 8 * sizeof expected; i++, tg_rewind(tape, mark)) {
        uint8_t bit = (uint8_t)(1 << i % 8);
        size_t  at = TGI_BIG_ENDIAN ? i / 8 ^ 3 : i / 8; /* in memory */
        bytes[count - sizeof expected + i / 8] ^= bit;
        ((uint8_t *)expected)[at] ^= bit;
        rewrite(path, bytes, count);
        CHECK_SAME(tg_load_npy(tape, path), tg_constant(tape, TG_F32, TG_SHAPE(5, 3), expected));
        bytes[count - sizeof expected + i / 8] ^= bit;
        ((uint8_t *)expected)[at] ^= bit;
    }
    free(bytes);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_damaged(void) {
    Suite *suite = suite_create("io/damaged");
    TCase *tcase = tcase_create("damaged");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, damaged_files, 0, FORMATS);
    tcase_add_loop_test(tcase, a_zip_file_is_right_or_an_error, 0, 2);
    tcase_add_test(tcase, an_element_is_what_the_file_has);
    suite_add_tcase(suite, tcase);
    return suite;
}
