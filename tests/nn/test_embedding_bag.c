/* tests/nn/test_embedding_bag.c: embedding_bag: its row of the op table, with one bag after the other as the formula; bags that are empty
 * or all padding, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/nn.h>

#include <math.h>

#include "ops/op_table.h"

/* ---- the row: indices are 0, 1, 2 ---------------------------------------------------------------------------------- */

/* The mode, whether there are factors, the padding plus 1, or 0 for none, whether the last offset begins no bag; and the offsets. */
enum { MODE, FACTORS, PADDING, LAST, FIRST_OFFSET };

#define INDICES(...) \
    { \
        sizeof((int[]){0, __VA_ARGS__}) / sizeof(int) - 1, { \
            __VA_ARGS__ \
        } \
    }
#define CASE(index, rows, columns, ...) \
    { \
        .shape = {index, {2, {rows, columns}}}, .with = { sizeof((int[]){__VA_ARGS__}) / sizeof(int), {__VA_ARGS__} } \
    }

static const op_case cases[] = {
    CASE(INDICES(2, 3), 3, 2, TG_BAG_MEAN, 0, 0, 0),
    CASE(INDICES(2, 3), 3, 2, TG_BAG_SUM, 1, 0, 0),
    CASE(INDICES(3, 2), 4, 3, TG_BAG_MAX, 0, 0, 0),
    CASE(INDICES(3, 2), 3, 2, TG_BAG_MEAN, 0, 2, 0),
    CASE(INDICES(4, 2), 3, 2, TG_BAG_MAX, 0, 1, 0),
    CASE(INDICES(2, 0), 3, 2, TG_BAG_MEAN, 0, 0, 0),
    CASE(INDICES(2, 0), 3, 2, TG_BAG_MAX, 0, 0, 0),
    CASE(INDICES(0, 2), 3, 2, TG_BAG_SUM, 0, 1, 0),
    CASE(INDICES(6), 3, 2, TG_BAG_MEAN, 0, 0, 0, 0, 2, 2, 5),
    CASE(INDICES(6), 3, 2, TG_BAG_SUM, 1, 3, 0, 0, 1, 4),
    CASE(INDICES(6), 3, 2, TG_BAG_MAX, 0, 0, 0, 0, 3, 3),
    CASE(INDICES(6), 3, 2, TG_BAG_MAX, 0, 2, 1, 0, 3, 4, 6),
    CASE(INDICES(5), 3, 2, TG_BAG_MEAN, 0, 1, 1, 0, 2, 5),
    CASE(INDICES(0), 3, 2, TG_BAG_MEAN, 0, 0, 0, 0, 0),
    CASE(INDICES(60), 20, 9, TG_BAG_SUM, 0, 0, 0, 0, 7, 20, 50),
};

static long double factor_at(int64_t i) {
    return (long double)(i % 5 - 1) / 2;
}

static tg_bag_options options_in(tg_tensor index, tg_tensor weight, const settings *with) {
    static values  v;
    tg_bag_options o = {.mode = (tg_bag_mode)with->value[MODE],
                        .include_last_offset = with->value[LAST] != 0,
                        .has_padding = with->value[PADDING] != 0,
                        .padding = with->value[PADDING] - 1};
    if (!with->value[FACTORS]) return o;
    clear_values(&v, tg_dtype_of(weight), tg_shape_of(index));
    for (int64_t i = 0; i < v.size; i++)
        v.at[i].real = factor_at(i);
    o.per_sample_weights = leaf_of(index.tape, &v);
    return o;
}

static tg_tensor record_embedding_bag(const tg_tensor *x, const settings *with) {
    static values offsets;
    if (with->count == FIRST_OFFSET && !with->value[FACTORS] && !with->value[PADDING])
        return tg_embedding_bag(x[0], x[1], TG_NONE, &(tg_bag_options){.mode = (tg_bag_mode)with->value[MODE]});
    tg_bag_options o = options_in(x[0], x[1], with);
    clear_values(&offsets, TG_I64, TG_SHAPE(with->count - FIRST_OFFSET));
    for (int i = 0; i < offsets.size; i++)
        offsets.at[i].whole = with->value[FIRST_OFFSET + i];
    return tg_embedding_bag(x[0], x[1], offsets.size ? leaf_of(x[0].tape, &offsets) : TG_NONE, &o);
}

/* The places of the indices of bag b. */
static void bag_at(const values *index, const settings *with, int64_t b, int64_t *from, int64_t *to) {
    int at = FIRST_OFFSET + (int)b;
    if (index->shape.rank == 2) {
        *from = b * index->shape.dims[1];
        *to = *from + index->shape.dims[1];
    } else {
        *from = with->value[at];
        *to = at + 1 < with->count ? with->value[at + 1] : index->size;
    }
}

static void expect_embedding_bag(const values *x, const settings *with, values *y) {
    int64_t columns = x[1].shape.dims[1],
            bags = x->shape.rank == 2 ? x->shape.dims[0] : with->count - FIRST_OFFSET - with->value[LAST];
    clear_values(y, x[1].dtype, TG_SHAPE(bags, columns));
    for (int64_t n = 0; n < y->size; n++) {
        int64_t     from, to, count = 0;
        long double sum = 0, most = -(long double)INFINITY;
        bag_at(x, with, n / columns, &from, &to);
        for (int64_t i = from; i < to; i++) {
            if (x->at[i].whole == with->value[PADDING] - 1) continue;
            long double e = x[1].at[x->at[i].whole * columns + n % columns].real;
            count++;
            most = fmaxl(most, e);
            sum += with->value[FACTORS] ? factor_at(i) * e : e;
        }
        if (with->value[MODE] == TG_BAG_SUM) y->at[n].real = sum;
        if (with->value[MODE] == TG_BAG_MEAN) y->at[n].real = count ? sum / (long double)count : 0;
        if (with->value[MODE] == TG_BAG_MAX) y->at[n].real = count ? most : 0;
    }
}

const op_row embedding_bag_rows[] = {
    {.name = "embedding_bag",
     .called = "embedding_bag",
     .arity = 2,
     .takes = TAKES_FLOAT,
     .indices = 1,
     .record = record_embedding_bag,
     .expect = expect_embedding_bag,
     .low = {0, -2},
     .high = {3, 2},
     .cases = cases,
     .case_count = sizeof cases / sizeof *cases},
    {.name = NULL},
};

/* ---- single bags ------------------------------------------------------------------------------------------------- */

static tg_tensor table(tg_tape *tape) {
    return tg_constant(tape, TG_F64, TG_SHAPE(3, 2), ((double[]){1, 2, 3, 4, 5, 6}));
}

START_TEST(bags_without_a_row_are_zero) {
    static const tg_bag_mode modes[] = {TG_BAG_MEAN, TG_BAG_SUM, TG_BAG_MAX};
    tg_tape                 *tape = tg_tape_new();
    tg_tensor                w = table(tape), index = I64(tape, -1, -1, 2, -1);
    for (int i = 0; i < 3; i++) {
        tg_bag_options o = {.mode = modes[i], .has_padding = true, .padding = -1};
        tg_tensor      y = tg_embedding_bag(tg_reshape(index, TG_SHAPE(2, 2)), w, TG_NONE, &o);
        CHECK_IS(y, 0, 0, 5, 6);
        CHECK_IS(slope(y, w), 0, 0, 0, 0, 1, 1);
        CHECK_IS(tg_embedding_bag(index, w, I64(tape, 0, 2, 2), &o), 0, 0, 0, 0, 5, 6);
    }
    CHECK_IS(tg_embedding_bag(tg_reshape(I64(tape, 0, 2), TG_SHAPE(1, 2)), w, TG_NONE, NULL), 3, 4);
    finish(tape);
}
END_TEST

START_TEST(factors_have_gradients) {
    tg_tape       *tape = tg_tape_new();
    tg_tensor      w = table(tape), factors = F64(tape, 0.5, 2, 1), index = I64(tape, 0, 2, 1);
    tg_bag_options o = {.mode = TG_BAG_SUM, .per_sample_weights = factors};
    tg_tensor      y = tg_embedding_bag(index, w, I64(tape, 0, 2), &o);
    CHECK_IS(y, 10.5, 13, 3, 4);
    CHECK_IS(slope(y, factors), 3, 11, 7);
    ck_assert_int_eq(tg_gradcheck(y, 2, (tg_tensor[]){w, factors}, &(tg_gradcheck_report){.order = 2}), TG_OK);
    finish(tape);
}
END_TEST

/* ---- what is rejected, and when ---------------------------------------------------------------------------------- */

START_TEST(what_a_run_finds) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor index = tg_input(tape, "index", TG_I64, TG_SHAPE(2)), offsets = tg_input(tape, "offsets", TG_I64, TG_SHAPE(2));
    tg_tensor y = tg_embedding_bag(index, table(tape), offsets, NULL);
    ck_assert(tg_item(tg_sum(y)) > 0);
    tg_write(index, ((int64_t[]){0, 3}), 2);
    ck_assert_int_eq(tg_run(tape), TG_ERR_INDEX);
    CHECK_ERROR(tape, TG_ERR_INDEX, "test_embedding_bag.c:", "embedding_bag: ", "3");
    tg_write(index, ((int64_t[]){0, 1}), 2);
    tg_write(offsets, ((int64_t[]){1, 2}), 2);
    ck_assert_int_eq(tg_run(tape), TG_ERR_INDEX);
    CHECK_ERROR(tape, TG_ERR_INDEX, "embedding_bag: ", "-1");
    finish(tape);
}
END_TEST

START_TEST(what_it_rejects) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = table(tape), i = I64(tape, 0, 1), row = tg_reshape(i, TG_SHAPE(1, 2)), f = F64(tape, 1, 2),
              zero = I64(tape, 0), none = tg_slice(zero, 0, 0, 0, 1), narrow = tg_cast(f, TG_F32);
    REFUSED(tg_embedding_bag(f, w, TG_NONE, NULL), TG_ERR_DTYPE, "embedding_bag: ", "indices and offsets must be int64");
    REFUSED(tg_embedding_bag(i, w, f, NULL), TG_ERR_DTYPE, "embedding_bag: ", "indices and offsets must be int64");
    REFUSED(tg_embedding_bag(i, i, zero, NULL), TG_ERR_DTYPE, "embedding_bag: ", "the weight is not floating");
    REFUSED(tg_embedding_bag(i, f, zero, NULL), TG_ERR_SHAPE,
            "embedding_bag: (2) x (2) x (1): the weight must be (count, size)");
    REFUSED(tg_embedding_bag(i, w, TG_NONE, NULL), TG_ERR_SHAPE, "embedding_bag: (2) x (3, 2): the indices must be (bags, n)");
    REFUSED(tg_embedding_bag(row, w, zero, NULL), TG_ERR_SHAPE, "embedding_bag: ", "the indices must be (bags, n)");
    REFUSED(tg_embedding_bag(i, w, row, NULL), TG_ERR_SHAPE, "embedding_bag: ", "the offsets must be (bags)");
    REFUSED(tg_embedding_bag(i, w, none, &(tg_bag_options){.include_last_offset = true}), TG_ERR_SHAPE,
            "embedding_bag: ", "the offsets must be (bags), and one more");
    REFUSED(tg_embedding_bag(row, w, TG_NONE, &(tg_bag_options){.include_last_offset = true}), TG_ERR_ARGUMENT,
            "embedding_bag: include_last_offset, and no offsets");
    REFUSED(tg_embedding_bag(row, w, TG_NONE, &(tg_bag_options){.mode = (tg_bag_mode)3}), TG_ERR_ARGUMENT,
            "embedding_bag: 3 is no tg_bag_mode");
    REFUSED(tg_embedding_bag(i, w, zero, &(tg_bag_options){.per_sample_weights = f}), TG_ERR_ARGUMENT,
            "embedding_bag: per_sample_weights");
    REFUSED(tg_embedding_bag(row, w, TG_NONE, &(tg_bag_options){TG_BAG_SUM, .per_sample_weights = f}), TG_ERR_SHAPE,
            "embedding_bag: ", "the per_sample_weights is not of shape (1, 2)");
    REFUSED(tg_embedding_bag(i, w, zero, &(tg_bag_options){TG_BAG_SUM, .per_sample_weights = narrow}), TG_ERR_DTYPE,
            "embedding_bag: ", "dtypes of the weights differ");
    finish(tape);
}
END_TEST

Suite *suite_embedding_bag(void) {
    Suite *suite = suite_create("embedding_bag");
    TCase *tcase = tcase_create("bags");
    add_rows(suite, embedding_bag_rows);
    tcase_add_test(tcase, bags_without_a_row_are_zero);
    tcase_add_test(tcase, factors_have_gradients);
    tcase_add_test(tcase, what_a_run_finds);
    tcase_add_test(tcase, what_it_rejects);
    suite_add_tcase(suite, tcase);
    return suite;
}
