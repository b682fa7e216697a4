/* tests/core/test_shape.c: dtypes, shapes, axes; broadcasting against NumPy's rule said in another way.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "core/tape.h"
#include "support.h"

START_TEST(dtypes_have_names_and_sizes) {
    static const struct {
        int         dtype;
        const char *name;
        size_t      size;
    } rows[] = {{TG_F32, "float32", 4}, {TG_F64, "float64", 8}, {TG_I64, "int64", 8}, {TG_BOOL, "bool", 1},
                {TG_DTYPES, "?", 0},    {-1, "?", 0},           {1000, "?", 0}};
    ck_assert_str_eq(tg_dtype_name((tg_dtype)rows[_i].dtype), rows[_i].name);
    ck_assert_uint_eq(tg_dtype_size((tg_dtype)rows[_i].dtype), rows[_i].size);
}
END_TEST

START_TEST(only_two_dtypes_float) {
    ck_assert(tgi_floating(TG_F32) && tgi_floating(TG_F64));
    ck_assert(!tgi_floating(TG_I64) && !tgi_floating(TG_BOOL) && !tgi_floating(TG_DTYPES));
}
END_TEST

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

/* ---- axes and numbers -------------------------------------------------------------------------------------------- */

START_TEST(axes_count_from_both_ends) {
    for (int axis = -12; axis < 12; axis++) {
        int expected = axis >= 0 && axis < _i ? axis : axis < 0 && axis >= -_i ? axis + _i : -1;
        ck_assert_int_eq(tgi_axis(axis, _i), expected);
    }
}
END_TEST

START_TEST(int64_holds_whole_numbers_only) {
    static const double good[] = {0, -0.0, 1, -1, 0x1p52, 0x1p62, -0x1p63, 9007199254740993.0};
    static const double bad[] = {0.5, -1.5, 1e-300, 0x1p63, -0x1.1p63, 1e300, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t out = 42;
        ck_assert(tgi_convert(good[i], TG_I64, &out));
        ck_assert(out == (int64_t)good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t out = 42;
        ck_assert(!tgi_convert(bad[i], TG_I64, &out));
    }
}
END_TEST

START_TEST(bool_holds_0_and_1_only) {
    static const double bad[] = {0.5, -1, 2, 1e300, NAN, INFINITY};
    bool                out;
    ck_assert(tgi_convert(0, TG_BOOL, &out) && !out);
    ck_assert(tgi_convert(1, TG_BOOL, &out) && out);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert(!tgi_convert(bad[i], TG_BOOL, &out));
    ck_assert(!tgi_convert(1, TG_DTYPES, &out));
}
END_TEST

START_TEST(floats_hold_anything) {
    static const double numbers[] = {0.1, -0.0, INFINITY, 0x1p-1074, 3.5};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double wide;
        float  narrow;
        ck_assert(tgi_convert(numbers[i], TG_F64, &wide) && wide == numbers[i]);
        ck_assert(tgi_convert(numbers[i], TG_F32, &narrow) && narrow == (float)numbers[i]);
    }
}
END_TEST

Suite *suite_shape(void) {
    Suite *suite = suite_create("core/shape");
    TCase *tcase = tcase_create("shape");
    tcase_add_loop_test(tcase, dtypes_have_names_and_sizes, 0, 7);
    tcase_add_test(tcase, only_two_dtypes_float);
    tcase_add_loop_test(tcase, shapes_of_every_rank, 0, 9);
    tcase_add_test(tcase, the_macro_counts);
    tcase_add_test(tcase, what_is_no_shape_has_size_minus_1);
    tcase_add_test(tcase, empty_shapes);
    tcase_add_test(tcase, shapes_broadcast_as_numpys);
    tcase_add_loop_test(tcase, axes_count_from_both_ends, 0, 9);
    tcase_add_test(tcase, int64_holds_whole_numbers_only);
    tcase_add_test(tcase, bool_holds_0_and_1_only);
    tcase_add_test(tcase, floats_hold_anything);
    suite_add_tcase(suite, tcase);
    return suite;
}
