/* tests/ops/test_resize.c: interpolate: its row of the op table, with one element at a time as the formula; edges, and what
 * is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/conv.h>

#include <math.h>

#include "ops/op_table.h"

/* ---- the row: whether linear, whether corners are aligned, and the sizes --------------------------------------------- */

static const op_case cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {4, {1, 0, 3, 4}}},
    {.shape = {{2, {2, 3}}}, .with = {4, {1, 1, 4, 2}}},
    {.shape = {{2, {3, 4}}}, .with = {3, {1, 0, 2}}},
    {.shape = {{1, {5}}}, .with = {3, {1, 1, 1}}},
    {.shape = {{1, {1}}}, .with = {3, {1, 0, 3}}},
    {.shape = {{2, {0, 2}}}, .with = {3, {1, 0, 3}}},
    {.shape = {{3, {2, 2, 2}}}, .with = {5, {1, 0, 3, 2, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {4, {0, 0, 5, 2}}},
    {.shape = {{3, {1, 4, 7}}}, .with = {3, {0, 0, 3}}},
    {.shape = {{4, {2, 3, 8, 9}}}, .with = {4, {1, 0, 5, 13}}},
    {.shape = {{8, {2, 1, 2, 1, 1, 1, 2, 3}}}, .with = {4, {1, 1, 3, 2}}},
};

static tg_tensor record_interpolate(const tg_tensor *x, const settings *with) {
    return tg_interpolate(x[0], shape_in(with, 2), with->value[0] ? TG_LINEAR : TG_NEAREST, with->value[1] != 0);
}

/* The value at a place between elements, along the axes from `axis` on. */
static long double between(const values *x, const long double *place, int axis, int64_t *index) {
    if (axis == x->shape.rank) return x->at[ravel(x->shape, index)].real;
    int64_t     last = x->shape.dims[axis] - 1, low = (int64_t)floorl(place[axis]);
    long double part = place[axis] - (long double)low;
    index[axis] = low < last ? low : last;
    long double first = between(x, place, axis + 1, index);
    index[axis] = low < last ? low + 1 : last;
    return part == 0 ? first : (1 - part) * first + part * between(x, place, axis + 1, index);
}

static void expect_interpolate(const values *x, const settings *with, values *y) {
    tg_shape size = shape_in(with, 2), shape = x->shape;
    int      before = shape.rank - size.rank;
    for (int i = 0; i < size.rank; i++)
        shape.dims[before + i] = size.dims[i];
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        int64_t     index[TG_MAX_RANK], at[TG_MAX_RANK];
        long double place[TG_MAX_RANK];
        unravel(shape, n, index);
        for (int i = 0; i < shape.rank; i++) {
            long double old = (long double)x->shape.dims[i], new = (long double)shape.dims[i], k = (long double)index[i];
            place[i] = k;
            if (i < before) continue;
            if (!with->value[0])
                place[i] = floorl((k * old + 0.25L) / new);
            else if (with->value[1])
                place[i] = new > 1 ? k *(old - 1) / (new - 1) : 0;
            else
                place[i] = fmaxl(0, (k + 0.5L) * old / new - 0.5L);
        }
        y->at[n].real = between(x, place, 0, at);
    }
}

const op_row resize_rows[] = {
    {.name = "interpolate",
     .called = "interpolate",
     .arity = 1,
     .takes = TAKES_FLOAT,
     .record = record_interpolate,
     .expect = expect_interpolate,
     .low = {-3},
     .high = {3},
     .cases = cases,
     .case_count = sizeof cases / sizeof *cases},
    {.name = NULL},
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

START_TEST(edges_and_corners) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 1, 3);
    CHECK_IS(tg_interpolate(x, TG_SHAPE(4), TG_LINEAR, false), 1, 1.5, 2.5, 3);
    CHECK_IS(tg_interpolate(x, TG_SHAPE(5), TG_LINEAR, true), 1, 1.5, 2, 2.5, 3);
    CHECK_IS(tg_interpolate(x, TG_SHAPE(3), TG_NEAREST, false), 1, 1, 3);
    CHECK_IS(slope(tg_interpolate(x, TG_SHAPE(4), TG_LINEAR, false), x), 2, 2);
    CHECK_IS(tg_interpolate(I64(tape, 5, 6, 7, 8), TG_SHAPE(2), TG_NEAREST, false), 5, 7);
    ck_assert(tg_interpolate(x, TG_SHAPE(2), TG_LINEAR, false).ref == x.ref);
    finish(tape);
}
END_TEST

START_TEST(what_has_no_size_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1), whole = I64(tape, 1, 2),
              none = tg_full(tape, TG_F64, TG_SHAPE(2, 0), 1);
    REFUSED(tg_interpolate(x, TG_SHAPE(), TG_LINEAR, false), TG_ERR_SHAPE, "interpolate: 0 sizes for a tensor of rank 2");
    REFUSED(tg_interpolate(x, TG_SHAPE(1, 1, 1), TG_LINEAR, false), TG_ERR_SHAPE, "interpolate: 3 sizes");
    REFUSED(tg_interpolate(x, TG_SHAPE(0), TG_NEAREST, false), TG_ERR_SHAPE, "interpolate: ", "(2, 3)", "(0)");
    REFUSED(tg_interpolate(none, TG_SHAPE(2), TG_NEAREST, false), TG_ERR_SHAPE, "interpolate: ", "(2, 0)");
    REFUSED(tg_interpolate(x, TG_SHAPE(INT64_MAX), TG_NEAREST, false), TG_ERR_SHAPE, "interpolate: ");
    REFUSED(tg_interpolate(x, TG_SHAPE(2), TG_NEAREST, true), TG_ERR_ARGUMENT, "interpolate: align_corners");
    REFUSED(tg_interpolate(x, TG_SHAPE(2), (tg_interpolation)5, false), TG_ERR_ARGUMENT, "interpolate: 5 is no mode");
    REFUSED(tg_interpolate(whole, TG_SHAPE(3), TG_LINEAR, false), TG_ERR_DTYPE, "interpolate: ", "int64");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_resize(void) {
    Suite *suite = suite_create("resize");
    TCase *tcase = tcase_create("sizes");
    add_rows(suite, resize_rows);
    tcase_add_loop_test(tcase, edges_and_corners, 0, 2);
    tcase_add_test(tcase, what_has_no_size_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
