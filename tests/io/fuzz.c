/* tests/io/fuzz.c: the bytes of libFuzzer as a file of one format (FORMAT), in memory that has a name (memfd_create: Linux).
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "load_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* What the fixture of a checkpoint is for. */
static void record_leaves(tg_tape *tape) {
    tg_parameter(tape, "w", tg_full(tape, TG_F32, TG_SHAPE(2, 3), 0));
    tg_parameter(tape, "f8", tg_full(tape, TG_F64, TG_SHAPE(10), 0));
    tg_input(tape, "x", TG_I64, TG_SHAPE(2));
}

/* Every element is read, as far as it is there. */
static void borrow_all(tg_tape *tape, const char *path) {
    tg_archive *archive = tg_archive_open(path);
    for (int64_t i = 0; i < tg_archive_count(archive); i++, tg_clear_error(tape))
        tg_sum(tg_cast(tg_archive_borrow(tape, archive, tg_archive_at(archive, i)->name), TG_F64));
    tg_run(tape);
    tg_tape_free(tape);
    tg_archive_close(archive);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    static int  fd = -1;
    static char path[64];
    if (fd < 0) fd = memfd_create("file", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, bytes, count, 0) != (ssize_t)count) abort();

    tg_tape *tape = tg_tape_new();
    record_leaves(tape);
    int loaded = load_file(tape, FORMAT, path);
    if (loaded < 0 && !*tg_error(tape) && FORMAT != NPZ && FORMAT != SAFETENSORS) abort(); /* an error says why */
    tg_tape_free(tape);
    if (FORMAT == NPZ || FORMAT == SAFETENSORS) borrow_all(tg_tape_new(), path);
    return 0;
}
