/* tests/io/files.h: files for tests: where they are, their bytes; and tensors compared.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_IO_FILES_H
#define TESTS_IO_FILES_H

#include "load_file.h"
#include "support.h"

#define SUITE(name) Suite *suite_##name(void);
#include "io_suite_list.h"
#undef SUITE

/* A file of that name in the directory of this run, which is removed in the end; one of the fixtures. The text of each is valid until
 * the third call after it. */
const char *scratch(const char *name);
const char *fixture(const char *name);

/* The bytes of a file, for the caller to free; and a file of these bytes. */
uint8_t *read_bytes(const char *path, size_t *count);
void     write_bytes(const char *path, const void *bytes, size_t count);
void     write_text(const char *path, const char *text);

/* A constant whose element i is 0.5 i, 3 i, or whether i is a multiple of 3. */
tg_tensor counted(tg_tape *tape, tg_dtype dtype, tg_shape shape);

/* x is there, and has the dtype, shape and bits of y. */
#define CHECK_SAME(x, y) check_same(__FILE__, __LINE__, x, y)
void check_same(const char *file, int line, tg_tensor x, tg_tensor y);

/* x is int64 and holds these numbers. */
#define CHECK_I64(x, ...) \
    check_i64(__FILE__, __LINE__, x, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})
void check_i64(const char *file, int line, tg_tensor x, int count, const int64_t *expected);

/* The call fails, and the text has this after the line and the function; "PATH" in it stands for the path. */
#define FAILS_ON(tape, call, status, path, text) ((void)(call), check_failure(__FILE__, __LINE__, tape, status, path, text))
void check_failure(const char *file, int line, tg_tape *tape, tg_status status, const char *path, const char *text);

#endif
