/* tests/io/files.c: files for tests.
 *
 * SPDX-License-Identifier: MIT */
#include "files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *next_path(void) {
    static char paths[4][512];
    static int  next;
    next = (next + 1) % 4;
    return paths[next];
}

const char *scratch(const char *name) {
    char *path = next_path();
    snprintf(path, 512, "%s/%s", getenv("TAPEGRAD_SCRATCH"), name);
    return path;
}

const char *fixture(const char *name) {
    char *path = next_path();
    snprintf(path, 512, "%s/tests/fixtures/io/%s", SOURCE_DIR, name);
    return path;
}

uint8_t *read_bytes(const char *path, size_t *count) {
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    ck_assert(!fseek(file, 0, SEEK_END));
    *count = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*count + 1);
    ck_assert_uint_eq(fread(bytes, 1, *count, file), *count);
    fclose(file);
    return bytes;
}

void write_bytes(const char *path, const void *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file != NULL, "%s cannot be written", path);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    ck_assert(!fclose(file));
}

void write_text(const char *path, const char *text) {
    write_bytes(path, text, strlen(text));
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

tg_tensor counted(tg_tape *tape, tg_dtype dtype, tg_shape shape) {
    int64_t size = tg_shape_size(shape);
    char   *elements = calloc((size_t)size + 1, 8);
    for (int64_t i = 0; i < size; i++)
        if (dtype == TG_F32)
            ((float *)elements)[i] = (float)i / 2;
        else if (dtype == TG_F64)
            ((double *)elements)[i] = (double)i / 2;
        else if (dtype == TG_I64)
            ((int64_t *)elements)[i] = 3 * i;
        else
            elements[i] = i % 3 == 0;
    tg_tensor x = tg_constant(tape, dtype, shape, elements);
    free(elements);
    return x;
}

void check_same(const char *file, int line, tg_tensor x, tg_tensor y) {
    char text[2][TG_SHAPE_TEXT];
    ck_assert_msg(tg_valid(x), "%s:%d: no tensor: %s", file, line, tg_error(y.tape));
    ck_assert_msg(tg_dtype_of(x) == tg_dtype_of(y), "%s:%d: the dtype is %s, not %s", file, line, tg_dtype_name(tg_dtype_of(x)),
                  tg_dtype_name(tg_dtype_of(y)));
    ck_assert_msg(tg_shape_equal(tg_shape_of(x), tg_shape_of(y)), "%s:%d: the shape is %s, not %s", file, line,
                  tg_shape_text(text[0], tg_shape_of(x)), tg_shape_text(text[1], tg_shape_of(y)));
    size_t      bytes = (size_t)tg_size(x) * tg_dtype_size(tg_dtype_of(x));
    const void *a = tg_data(x), *b = tg_data(y);
    ck_assert_msg(bytes == 0 || (a && b), "%s:%d: no elements: %s", file, line, tg_error(y.tape));
    ck_assert_msg(bytes == 0 || !memcmp(a, b, bytes), "%s:%d: the elements differ", file, line);
}

void check_i64(const char *file, int line, tg_tensor x, int count, const int64_t *expected) {
    ck_assert_msg(tg_valid(x), "%s:%d: no tensor: %s", file, line, tg_error(x.tape));
    ck_assert_msg(tg_dtype_of(x) == TG_I64 && tg_size(x) == count, "%s:%d: not %d of int64", file, line, count);
    const int64_t *found = tg_data(x);
    for (int i = 0; i < count; i++)
        ck_assert_msg(found[i] == expected[i], "%s:%d: element %d is %lld, not %lld", file, line, i, (long long)found[i],
                      (long long)expected[i]);
}

void check_failure(const char *file, int line, tg_tape *tape, tg_status status, const char *path, const char *text) {
    char        expected[1024] = "";
    const char *mark = strstr(text, "PATH");
    if (mark)
        snprintf(expected, sizeof expected, "%.*s%s%s", (int)(mark - text), text, path, mark + 4);
    else
        snprintf(expected, sizeof expected, "%s", text);
    check_error(file, line, tape, status, expected);
}
