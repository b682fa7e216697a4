/* tests/ops/test_pack.c: the identity; triangles as vectors, and back: their rows of the op table, with one index at a time
 * as the formula, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

static const op_case pack_cases[] = {
    {.shape = {{2, {3, 3}}}},
    {.shape = {{2, {1, 1}}}},
    {.shape = {{2, {0, 0}}}},
    {.shape = {{3, {2, 2, 2}}}},
    {.shape = {{3, {0, 3, 3}}}},
    {.shape = {{2, {40, 40}}}},
    {.shape = {{8, {2, 1, 2, 1, 1, 1, 3, 3}}}},
};
static const op_case unpack_cases[] = {
    {.shape = {{1, {6}}}},
    {.shape = {{1, {1}}}},
    {.shape = {{1, {0}}}},
    {.shape = {{2, {2, 3}}}},
    {.shape = {{2, {0, 3}}}},
    {.shape = {{1, {820}}}},
    {.shape = {{7, {2, 1, 2, 1, 1, 1, 6}}}},
};

static tg_tensor record_tril_pack(const tg_tensor *x, const settings *with) {
    (void)with;
    return tg_tril_pack(x[0]);
}

static tg_tensor record_tril_unpack(const tg_tensor *x, const settings *with) {
    (void)with;
    return tg_tril_unpack(x[0]);
}

static void expect_tril_pack(const values *x, const settings *with, values *y) {
    int64_t  n = x->shape.dims[x->shape.rank - 1], index[TG_MAX_RANK], at = 0;
    tg_shape shape = x->shape;
    (void)with;
    shape.dims[--shape.rank - 1] = n * (n + 1) / 2;
    clear_values(y, x->dtype, shape);
    for (int64_t i = 0; i < x->size; i++) {
        unravel(x->shape, i, index);
        if (index[x->shape.rank - 1] <= index[x->shape.rank - 2]) y->at[at++] = x->at[i];
    }
}

static void expect_tril_unpack(const values *x, const settings *with, values *y) {
    int64_t  n = 0, index[TG_MAX_RANK], at = 0;
    tg_shape shape = x->shape;
    (void)with;
    while (n * (n + 1) / 2 < shape.dims[shape.rank - 1])
        n++;
    shape.dims[shape.rank - 1] = shape.dims[shape.rank] = n;
    shape.rank++;
    clear_values(y, x->dtype, shape);
    for (int64_t i = 0; i < y->size; i++) {
        unravel(shape, i, index);
        if (index[shape.rank - 1] <= index[shape.rank - 2]) y->at[i] = x->at[at++];
    }
}

#define ROW(function, list) \
    { \
        .name = #function, .called = #function, .arity = 1, .takes = TAKES_ANY, .record = record_##function, \
        .expect = expect_##function, .low = {-3}, .high = {3}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row pack_rows[] = {ROW(tril_pack, pack_cases), ROW(tril_unpack, unpack_cases), {.name = NULL}};

/* ---- values ------------------------------------------------------------------------------------------------------ */

START_TEST(rows_follow_one_another) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_reshape(tg_arange(tape, TG_F64, 0, 9, 1), TG_SHAPE(3, 3));
    CHECK_IS(tg_tril_pack(x), 0, 3, 4, 6, 7, 8);
    CHECK_IS(tg_tril_unpack(F64(tape, 1, 2, 3)), 1, 0, 2, 3);
    CHECK_IS(tg_tril_unpack(tg_tril_pack(x)), 0, 0, 0, 3, 4, 0, 6, 7, 8);
    finish(tape);
}
END_TEST

START_TEST(identities) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor bools = tg_eye(tape, TG_BOOL, 1, 3);
    CHECK_IS(tg_eye(tape, TG_F32, 2, 3), 1, 0, 0, 0, 1, 0);
    CHECK_IS(tg_eye(tape, TG_I64, 2, 1), 1, 0);
    CHECK_IS(bools, 1, 0, 0);
    ck_assert(tg_dtype_of(bools) == TG_BOOL && tg_size(tg_eye(tape, TG_F64, 0, 3)) == 0);
    REFUSED(tg_eye(tape, TG_F64, -1, 2), TG_ERR_ARGUMENT, "eye: -1 rows and 2 columns");
    REFUSED(tg_eye(tape, (tg_dtype)9, 2, 2), TG_ERR_DTYPE, "eye: ");
    ck_assert(!tg_valid(tg_eye(NULL, TG_F64, 1, 1)));
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(shapes_that_are_no_triangle_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1), one = tg_full(tape, TG_F64, TG_SHAPE(), 1);
    REFUSED(tg_tril_pack(x), TG_ERR_SHAPE, "tril_pack: (2, 3): ", "square");
    REFUSED(tg_tril_pack(one), TG_ERR_SHAPE, "tril_pack: (): ");
    tg_tensor four = tg_full(tape, TG_F64, TG_SHAPE(4), 1), deep = tg_full(tape, TG_F64, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 3), 1);
    tg_tensor huge = tg_broadcast_to(tg_full(tape, TG_F64, TG_SHAPE(), 1), TG_SHAPE(LARGEST_SIZE));
    REFUSED(tg_tril_unpack(four), TG_ERR_SHAPE, "tril_unpack: (4): 4 elements are no triangle");
    REFUSED(tg_tril_unpack(one), TG_ERR_SHAPE, "tril_unpack: (): ");
    REFUSED(tg_tril_unpack(deep), TG_ERR_SHAPE, "tril_unpack: ", "8 axes");
    REFUSED(tg_tril_unpack(huge), TG_ERR_SHAPE, "tril_unpack: ", "no triangle");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_pack(void) {
    Suite *suite = suite_create("pack");
    TCase *tcase = tcase_create("triangles");
    add_rows(suite, pack_rows);
    tcase_add_test(tcase, rows_follow_one_another);
    tcase_add_test(tcase, identities);
    tcase_add_test(tcase, shapes_that_are_no_triangle_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
