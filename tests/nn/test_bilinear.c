/* tests/nn/test_bilinear.c: bilinear: its row of the op table, with the triple sum as the formula, and what it rejects.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/nn.h>

#include "ops/op_table.h"

/* ---- the row: the operands are a, b and the weight; the settings four times the bias, if there is one ------------------ */

static const op_case cases[] = {
    {.shape = {{2, {2, 3}}, {2, {2, 2}}, {3, {2, 3, 2}}}, .with = {0, {0}}},
    {.shape = {{2, {2, 3}}, {2, {2, 2}}, {3, {2, 3, 2}}}, .with = {2, {1, -3}}},
    {.shape = {{1, {2}}, {1, {3}}, {3, {1, 2, 3}}}, .with = {1, {2}}},
    {.shape = {{3, {2, 1, 2}}, {3, {2, 1, 1}}, {3, {3, 2, 1}}}, .with = {0, {0}}},
    {.shape = {{2, {0, 3}}, {2, {0, 2}}, {3, {2, 3, 2}}}, .with = {2, {1, -3}}},
    {.shape = {{2, {2, 0}}, {2, {2, 2}}, {3, {2, 0, 2}}}, .with = {2, {1, -3}}},
    {.shape = {{8, {2, 1, 1, 2, 1, 1, 1, 2}}, {8, {2, 1, 1, 2, 1, 1, 1, 2}}, {3, {1, 2, 2}}}, .with = {0, {0}}},
    {.shape = {{2, {30, 10}}, {2, {30, 12}}, {3, {9, 10, 12}}}, .with = {0, {0}}},
};

static tg_tensor record_bilinear(const tg_tensor *x, const settings *with) {
    static values bias;
    if (!with->count) return tg_bilinear(x[0], x[1], x[2], TG_NONE);
    clear_values(&bias, tg_dtype_of(x[0]), TG_SHAPE(with->count));
    for (int i = 0; i < with->count; i++)
        bias.at[i].real = with->value[i] / 4.0L;
    return tg_bilinear(x[0], x[1], x[2], leaf_of(x[0].tape, &bias));
}

static void expect_bilinear(const values *x, const settings *with, values *y) {
    const int64_t *dims = x[2].shape.dims;
    tg_shape       shape = x->shape;
    shape.dims[shape.rank - 1] = dims[0];
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        int64_t     sample = n / dims[0], k = n % dims[0];
        long double sum = with->count ? with->value[k] / 4.0L : 0;
        for (int64_t i = 0; i < dims[1]; i++)
            for (int64_t j = 0; j < dims[2]; j++)
                sum += x[0].at[sample * dims[1] + i].real * x[2].at[(k * dims[1] + i) * dims[2] + j].real *
                       x[1].at[sample * dims[2] + j].real;
        y->at[n].real = sum;
    }
    y->scale = 12;
}

const op_row bilinear_rows[] = {
    {.name = "bilinear",
     .called = "bilinear",
     .arity = 3,
     .takes = TAKES_FLOAT,
     .record = record_bilinear,
     .expect = expect_bilinear,
     .low = {-1, -1, -1},
     .high = {1, 1, 1},
     .cases = cases,
     .case_count = sizeof cases / sizeof *cases},
    {.name = NULL},
};

/* ---- what it rejects --------------------------------------------------------------------------------------------- */

START_TEST(what_it_rejects) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1), b = tg_full(tape, TG_F64, TG_SHAPE(2, 4), 1),
              w = tg_full(tape, TG_F64, TG_SHAPE(5, 3, 4), 1), other = tg_full(tape, TG_F64, TG_SHAPE(3, 4), 1),
              narrow = tg_cast(w, TG_F32);
    ck_assert_int_eq(tg_gradcheck(tg_bilinear(a, b, w, tg_full(tape, TG_F64, TG_SHAPE(5), 1)), 3, (tg_tensor[]){a, b, w}, NULL),
                     TG_OK);
    REFUSED(tg_bilinear(1, b, w, TG_NONE), TG_ERR_SHAPE, "bilinear: () x (2, 4) x (5, 3, 4): a and b have one axis at least");
    REFUSED(tg_bilinear(a, b, a, TG_NONE), TG_ERR_SHAPE, "bilinear: ", "the weight must be (out, in a, in b)");
    REFUSED(tg_bilinear(a, other, w, TG_NONE), TG_ERR_SHAPE, "bilinear: ", "the axes before the last one differ");
    REFUSED(tg_bilinear(b, a, w, TG_NONE), TG_ERR_SHAPE, "bilinear: ", "the last axes are not those of the weight");
    REFUSED(tg_bilinear(a, b, w, b), TG_ERR_SHAPE, "bilinear: ", "the bias is not of shape (5)");
    REFUSED(tg_bilinear(a, b, narrow, TG_NONE), TG_ERR_DTYPE, "bilinear: ", "tg_cast");
    REFUSED(tg_bilinear(a, b, w, narrow), TG_ERR_DTYPE, "bilinear: ", "tg_cast");
    finish(tape);
}
END_TEST

Suite *suite_bilinear(void) {
    Suite *suite = suite_create("bilinear");
    TCase *tcase = tcase_create("forms");
    add_rows(suite, bilinear_rows);
    tcase_add_test(tcase, what_it_rejects);
    suite_add_tcase(suite, tcase);
    return suite;
}
