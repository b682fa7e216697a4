/* tests/core/test_shape.c: shapes, axes; broadcasting against NumPy's rule said in another way.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/tape.h"
#include "support.h"

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

START_TEST(shapes_of_every_rank) {
    const int64_t dims[TG_MAX_RANK] = {2, 1, 3, 1, 1, 2, 1, 5};
    tg_shape      shape = tg_shape_from(_i, dims);
    int64_t       size = 1;
    ck_assert_int_eq(shape.rank, _i);
    for (int i = 0; i < _i; i++) {
        ck_assert_int_eq(shape.dims[i], dims[i]);
        size *= dims[i];
    }
    ck_assert_int_eq(tg_shape_size(shape), size);
    ck_assert(tg_shape_equal(shape, shape));
    ck_assert(!tg_shape_equal(shape, tg_shape_from((_i + 1) % 9, dims)));
}
END_TEST

START_TEST(the_macro_counts) {
    ck_assert_int_eq(TG_SHAPE().rank, 0);
    ck_assert_int_eq(tg_shape_size(TG_SHAPE()), 1);
    ck_assert(tg_shape_equal(TG_SHAPE(100, 2), tg_shape_from(2, (int64_t[]){100, 2})));
    ck_assert_int_eq(TG_SHAPE(1, 2, 3, 4, 5, 6, 7, 8).rank, 8);
    ck_assert_int_eq(TG_SHAPE(1, 2, 3, 4, 5, 6, 7, 8, 9).rank, TG_MAX_RANK + 1);
    ck_assert_int_eq(TG_SHAPE(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12).rank, TG_MAX_RANK + 1);
    ck_assert_int_eq(TG_AXES().count, 0);
    ck_assert_int_eq(TG_AXES(0, -1).axis[1], -1);
    ck_assert_int_eq(TG_AXES(0, 1, 2, 3, 4, 5, 6, 7).count, 8);
    ck_assert_int_gt(TG_AXES(0, 1, 2, 3, 4, 5, 6, 7, 8).count, TG_MAX_RANK);
}
END_TEST

START_TEST(what_is_no_shape_has_size_minus_1) {
    const int64_t one[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    ck_assert_int_eq(tg_shape_size(tg_shape_from(9, one)), -1);
    ck_assert_int_eq(tg_shape_size(tg_shape_from(-1, one)), -1);
    ck_assert_int_eq(tg_shape_size((tg_shape){.rank = -3}), -1);
    ck_assert_int_eq(tg_shape_size((tg_shape){.rank = 99}), -1);
    ck_assert_int_eq(tg_shape_size(TG_SHAPE(2, -1)), -1);
    ck_assert_int_eq(tg_shape_size(TG_SHAPE(0, -1)), -1);
    ck_assert_int_eq(tg_shape_size(TG_SHAPE(-1, 0)), -1);
    ck_assert_int_eq(tg_shape_size(TG_SHAPE(INT64_MIN, INT64_MIN)), -1);
    ck_assert_int_eq(tg_shape_size(TG_SHAPE(INT64_MAX, 2)), -1);
    ck_assert_int_eq(tg_shape_size(TG_SHAPE((int64_t)1 << 32, (int64_t)1 << 32)), -1);
    ck_assert_int_eq(tg_shape_size(TG_SHAPE((int64_t)1 << 32, (int64_t)1 << 32, 0)), -1);
    ck_assert_int_eq(tg_shape_size(TG_SHAPE(LARGEST_SIZE)), LARGEST_SIZE);
    ck_assert_int_eq(tg_shape_size(TG_SHAPE(LARGEST_SIZE + 1)), -1);
    ck_assert_int_eq(tg_shape_size(TG_SHAPE(2, HALF_THE_LARGEST)), -1);
    ck_assert(!tg_shape_equal((tg_shape){.rank = 9}, (tg_shape){.rank = 9}));
    ck_assert(!tg_shape_equal((tg_shape){.rank = -1}, (tg_shape){.rank = -1}));
}
END_TEST

START_TEST(empty_shapes) {
    ck_assert_int_eq(tg_shape_size(TG_SHAPE(0)), 0);
    ck_assert_int_eq(tg_shape_size(TG_SHAPE(3, 0, 5)), 0);
    ck_assert(!tg_shape_equal(TG_SHAPE(0, 3), TG_SHAPE(3, 0)));
    ck_assert(!tg_shape_equal(TG_SHAPE(), TG_SHAPE(1)));
}
END_TEST

/* ---- broadcasting ------------------------------------------------------------------------------------------------ */

/* NumPy's rule: both shapes are padded with ones in front to 8 axes; each pair is equal or has a 1. */
static bool numpy(const tg_shape *a, const tg_shape *b, tg_shape *out) {
    int64_t p[8], q[8];
    for (int i = 0; i < 8; i++)
        p[i] = q[i] = 1;
    memcpy(p + 8 - a->rank, a->dims, (size_t)a->rank * sizeof *p);
    memcpy(q + 8 - b->rank, b->dims, (size_t)b->rank * sizeof *q);
    out->rank = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 8 - out->rank; i < 8; i++) {
        if (p[i] != q[i] && p[i] != 1 && q[i] != 1) return false;
        out->dims[i - 8 + out->rank] = p[i] == q[i] ? p[i] : p[i] * q[i];
    }
    return true;
}

static tg_shape random_shape(uint32_t *state) {
    tg_shape shape = {.rank = (int)(next_number(state) % 9)};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = next_number(state) % 3 ? 1 : next_number(state) % 4;
    return shape;
}

START_TEST(shapes_broadcast_as_numpys) {
    uint32_t state = 1;
    for (int trial = 0; trial < 20000; trial++) {
        tg_shape a = random_shape(&state), b = random_shape(&state), expected, out;
        bool     fits = numpy(&a, &b, &expected);
        ck_assert_int_eq(tgi_broadcast(&out.rank, out.dims, a.rank, a.dims, b.rank, b.dims), fits);
        if (fits) ck_assert(tg_shape_equal(out, expected));
        ck_assert_int_eq(tgi_broadcast(&out.rank, out.dims, b.rank, b.dims, a.rank, a.dims), fits);
        if (fits) ck_assert(tg_shape_equal(out, expected));
    }
}
END_TEST

/* ---- axes -------------------------------------------------------------------------------------------------------- */

START_TEST(axes_count_from_both_ends) {
    for (int axis = -12; axis < 12; axis++) {
        int expected = axis >= 0 && axis < _i ? axis : axis < 0 && axis >= -_i ? axis + _i : -1;
        ck_assert_int_eq(tgi_axis(axis, _i), expected);
    }
}
END_TEST

Suite *suite_shape(void) {
    Suite *suite = suite_create("core/shape");
    TCase *tcase = tcase_create("shape");
    tcase_add_loop_test(tcase, shapes_of_every_rank, 0, 9);
    tcase_add_test(tcase, the_macro_counts);
    tcase_add_test(tcase, what_is_no_shape_has_size_minus_1);
    tcase_add_test(tcase, empty_shapes);
    tcase_add_test(tcase, shapes_broadcast_as_numpys);
    tcase_add_loop_test(tcase, axes_count_from_both_ends, 0, 9);
    suite_add_tcase(suite, tcase);
    return suite;
}
