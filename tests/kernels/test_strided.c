/* tests/kernels/test_strided.c: walks over arrays with strides, against the plain definition: element (i, j, ...) is at
 * i * strides[0] + j * strides[1] + ... from the first.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernels/strided.h"
#include "support.h"

enum { ARRAYS = 400, MEMORY = 4096, ORIGIN = MEMORY / 2 };

static int64_t size_of(int rank, const int64_t *dims) {
    int64_t size = 1;
    for (int i = 0; i < rank; i++)
        size *= dims[i];
    return size;
}

/* The offset of the n-th element in row-major order. */
static int64_t offset_of(int64_t n, int rank, const int64_t *dims, const int64_t *strides) {
    int64_t offset = 0;
    for (int i = rank - 1; i >= 0; i--) {
        offset += n % dims[i] * strides[i];
        n /= dims[i];
    }
    return offset;
}

/* A random array of up to 256 elements within MEMORY: sizes 1 to 4, strides that may be 0 or negative. */
static void random_array(uint32_t *state, int *rank, int64_t *dims, int64_t *strides) {
    *rank = (int)(next_number(state) % 9);
    for (int i = 0; i < *rank; i++) {
        dims[i] = size_of(i, dims) >= 64 ? 1 : 1 + next_number(state) % 4;
        strides[i] = (int64_t)(next_number(state) % 41) - 20;
    }
    if (next_number(state) % 2) tgi_row_major(*rank, dims, strides);
    for (int i = 0; i < *rank; i++)
        if (next_number(state) % 4 == 0) strides[i] = 0;
}

/* The copy at `out` has the elements from `start` on of an array in `memory`, which is numbered through in bytes. */
static void check_gathered(size_t width, const unsigned char *out, const unsigned char *origin, int64_t start, int64_t count,
                           int rank, const int64_t *dims, const int64_t *strides) {
    for (int64_t i = 0; i < count; i++) {
        int64_t offset = offset_of(start + i, rank, dims, strides) * (int64_t)width;
        ck_assert_mem_eq(out + (size_t)i * width, origin + offset, width);
    }
    ck_assert_uint_eq(out[(size_t)count * width], 0xee);
}

static void gather_parts(uint32_t state, size_t width, const unsigned char *origin) {
    static unsigned char out[300 * 16];
    int                  rank;
    int64_t              dims[8], strides[8];
    random_array(&state, &rank, dims, strides);
    int64_t  size = size_of(rank, dims);
    tgi_walk walk = tgi_walk_of(width, rank, dims, strides);
    for (int trial = 0; trial < 10; trial++) {
        int64_t start = trial ? next_number(&state) % size : 0;
        int64_t count = trial ? next_number(&state) % (size - start + 1) : size;
        memset(out, 0xee, sizeof out);
        tgi_gather(&walk, origin, start, count, out);
        check_gathered(width, out, origin, start, count, rank, dims, strides);
    }
}

START_TEST(gathers_any_part_of_any_array) {
    static const size_t  widths[] = {1, 2, 3, 4, 8, 16};
    static unsigned char memory[MEMORY * 16];
    for (size_t i = 0; i < sizeof memory; i++)
        memory[i] = (unsigned char)(i * 7 + i / 251);
    for (uint32_t seed = 0; seed < ARRAYS; seed++)
        gather_parts(seed, widths[_i], memory + ORIGIN * widths[_i]);
}
END_TEST

/* Any part of an array of three axes in a memory of `width` times ROOM bytes. */
enum { ROOM = 5000 };

static void gather_parts_of(size_t width, const int64_t *dims, const int64_t *strides, uint32_t state) {
    static unsigned char memory[ROOM * 8], out[ROOM * 8];
    int64_t              size = size_of(3, dims);
    tgi_walk             walk = tgi_walk_of(width, 3, dims, strides);
    for (size_t i = 0; i < sizeof memory; i++)
        memory[i] = (unsigned char)(i * 7 + i / 251);
    for (int trial = 0; trial < 50; trial++) {
        int64_t start = trial ? next_number(&state) % size : 0;
        int64_t count = trial ? next_number(&state) % (size - start + 1) : size;
        memset(out, 0xee, sizeof out);
        tgi_gather(&walk, memory, start, count, out);
        check_gathered(width, out, memory, start, count, 3, dims, strides);
    }
}

/* Matrices that lie transposed, larger than the squares in which they are copied. */
START_TEST(gathers_transposed_matrices) {
    static const size_t  widths[] = {1, 2, 4, 8};
    static const int64_t shapes[][3] = {{1, 16, 16}, {3, 37, 41}, {2, 33, 5}, {2, 3, 70}, {1, 90, 2}};
    for (int k = 0; k < 5; k++) {
        const int64_t *dims = shapes[k], strides[] = {dims[1] * dims[2], 1, dims[1]};
        gather_parts_of(widths[_i], dims, strides, 5);
    }
}
END_TEST

/* Runs that are short, and not: of one element each, the same run again and again, and runs that lie apart. */
START_TEST(gathers_short_runs) {
    static const size_t  widths[] = {1, 2, 4, 8};
    static const int64_t lengths[] = {2, 3, 4, 5, 7, 8, 10, 31, 63, 64, 70};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        int64_t n = lengths[k], dims[] = {2, 9, n};
        gather_parts_of(widths[_i], dims, (int64_t[]){9, 1, 0}, 6);
        gather_parts_of(widths[_i], dims, (int64_t[]){0, 3, 0}, 7);
        gather_parts_of(widths[_i], dims, (int64_t[]){n, 0, 1}, 8);
        gather_parts_of(widths[_i], dims, (int64_t[]){9 * (n + 1), n + 1, 1}, 9);
    }
}
END_TEST

START_TEST(gathers_nothing_of_an_empty_array) {
    static const int64_t shapes[][3] = {{0, 2, 3}, {2, 0, 3}, {2, 3, 0}, {0, 0, 0}, {1, 0, 1}};
    int64_t              strides[3];
    char                 out = 42;
    tgi_row_major(3, shapes[_i], strides);
    tgi_walk walk = tgi_walk_of(1, 3, shapes[_i], strides);
    tgi_gather(&walk, "", 0, 0, &out);
    ck_assert_int_eq(out, 42);
}
END_TEST

START_TEST(a_walk_goes_on_from_any_element) {
    tgi_walk  walk = {.element = 1, .rank = 3, .dims = {2, 3, 4}, .strides = {-1, 100, 7}};
    tgi_steps from_start = tgi_steps_of(&walk);
    for (int64_t n = 0; n < 24; n++) {
        tgi_steps sought = tgi_steps_of(&walk), rest = from_start;
        tgi_next(&sought); /* wherever it was */
        tgi_seek(&sought, n);
        for (int64_t i = n; i < 24; i++)
            ck_assert_int_eq(tgi_next(&sought), tgi_next(&rest));
        tgi_next(&from_start);
    }
}
END_TEST

START_TEST(row_major_strides) {
    int64_t strides[4] = {9, 9, 9, 9};
    tgi_row_major(0, NULL, strides);
    ck_assert_int_eq(strides[0], 9);
    tgi_row_major(4, (int64_t[]){2, 1, 3, 4}, strides);
    ck_assert_mem_eq(strides, ((int64_t[]){12, 12, 4, 1}), sizeof strides);
}
END_TEST

static tgi_walk walk_of(int rank, const int64_t *dims, const int64_t *strides) {
    return tgi_walk_of(8, rank, dims, strides);
}

START_TEST(a_walk_has_as_few_axes_as_can_be) {
    tgi_walk row_major = walk_of(4, (int64_t[]){2, 1, 3, 4}, (int64_t[]){12, 99, 4, 1});
    ck_assert_int_eq(row_major.rank, 1);
    ck_assert_int_eq(row_major.dims[0], 24);
    tgi_walk ones = walk_of(3, (int64_t[]){1, 1, 1}, (int64_t[]){5, 6, 7});
    ck_assert_int_eq(ones.rank, 0);
    tgi_walk broadcast = walk_of(3, (int64_t[]){5, 2, 3}, (int64_t[]){0, 0, 0});
    ck_assert_int_eq(broadcast.rank, 1);
    ck_assert_int_eq(broadcast.dims[0], 30);
    tgi_walk transposed = walk_of(3, (int64_t[]){4, 2, 3}, (int64_t[]){1, 12, 4});
    ck_assert_int_eq(transposed.rank, 2);
    tgi_walk reversed = walk_of(2, (int64_t[]){2, 3}, (int64_t[]){-3, -1});
    ck_assert_int_eq(reversed.rank, 1);
    ck_assert_int_eq(reversed.strides[0], -1);
}
END_TEST

START_TEST(contiguous_is_one_after_the_other) {
    tgi_walk walk = walk_of(0, NULL, NULL);
    ck_assert(tgi_walk_is_contiguous(&walk));
    walk = walk_of(2, (int64_t[]){2, 3}, (int64_t[]){3, 1});
    ck_assert(tgi_walk_is_contiguous(&walk));
    walk = walk_of(2, (int64_t[]){2, 3}, (int64_t[]){4, 1});
    ck_assert(!tgi_walk_is_contiguous(&walk));
    walk = walk_of(1, (int64_t[]){3}, (int64_t[]){-1});
    ck_assert(!tgi_walk_is_contiguous(&walk));
    walk = walk_of(1, (int64_t[]){3}, (int64_t[]){0});
    ck_assert(!tgi_walk_is_contiguous(&walk));
}
END_TEST

START_TEST(broadcast_axes_have_stride_0) {
    int64_t strides[4];
    tgi_stretch(2, (int64_t[]){1, 3}, (int64_t[]){3, 1}, 4, (int64_t[]){5, 4, 2, 3}, strides);
    ck_assert_mem_eq(strides, ((int64_t[]){0, 0, 0, 1}), sizeof strides);
    tgi_stretch(0, NULL, NULL, 2, (int64_t[]){2, 3}, strides);
    ck_assert_mem_eq(strides, ((int64_t[]){0, 0}), 2 * sizeof *strides);
    tgi_stretch(2, (int64_t[]){2, 3}, (int64_t[]){-3, 7}, 2, (int64_t[]){2, 3}, strides);
    ck_assert_mem_eq(strides, ((int64_t[]){-3, 7}), 2 * sizeof *strides);
}
END_TEST

Suite *suite_strided(void) {
    Suite *suite = suite_create("kernels/strided");
    TCase *gather = tcase_create("gather"), *walk = tcase_create("walk");
    tcase_add_loop_test(gather, gathers_any_part_of_any_array, 0, 6);
    tcase_add_loop_test(gather, gathers_transposed_matrices, 0, 4);
    tcase_add_loop_test(gather, gathers_short_runs, 0, 4);
    tcase_add_loop_test(gather, gathers_nothing_of_an_empty_array, 0, 5);
    suite_add_tcase(suite, gather);
    tcase_add_test(walk, a_walk_goes_on_from_any_element);
    tcase_add_test(walk, row_major_strides);
    tcase_add_test(walk, a_walk_has_as_few_axes_as_can_be);
    tcase_add_test(walk, contiguous_is_one_after_the_other);
    tcase_add_test(walk, broadcast_axes_have_stride_0);
    suite_add_tcase(suite, walk);
    return suite;
}
