/* tests/nn/test_class_loss.c: nll_loss and cross_entropy: their rows of the op table, with one sample at a time as the formula;
 * large logits, ignored classes, weights, smoothing, probabilities as targets, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "nn/reduced.h"
#include "ops/op_table.h"

/* ---- the rows: targets are 0, 1, 2; the settings are the reduction, 8 times the smoothing, whether a class is ignored, which,
 * and 4 times the weight of each class, if there are any ------------------------------------------------------------- */

/* clang-format off */
#define DIMS(...) {sizeof((int[]){0, __VA_ARGS__}) / sizeof(int) - 1, {__VA_ARGS__}}
#define SINGLE {0, {0}}
#define CASE(x, target, ...) {.shape = {x, target}, .with = {sizeof((int[]){__VA_ARGS__}) / sizeof(int), {__VA_ARGS__}}}
#define NLL_CASES \
    CASE(DIMS(4, 3), DIMS(4), TG_REDUCE_MEAN, 0, 0, 0), \
    CASE(DIMS(4, 3), DIMS(4), TG_REDUCE_NONE, 0, 1, 1), \
    CASE(DIMS(4, 3), DIMS(4), TG_REDUCE_MEAN, 0, 1, 2, 1, 8, 3), \
    CASE(DIMS(4, 3), DIMS(4), TG_REDUCE_SUM, 0, 0, 0, 1, 8, 3), \
    CASE(DIMS(3), SINGLE, TG_REDUCE_MEAN, 0, 0, 0), \
    CASE(DIMS(3), SINGLE, TG_REDUCE_NONE, 0, 0, 0, 4, 8, 2), \
    CASE(DIMS(1, 3), DIMS(1), TG_REDUCE_SUM, 0, 0, 0), \
    CASE(DIMS(2, 5, 3), DIMS(2, 3), TG_REDUCE_MEAN, 0, 1, 0), \
    CASE(DIMS(2, 4, 1, 3), DIMS(2, 1, 3), TG_REDUCE_BATCH_MEAN, 0, 0, 0, 1, 8, 3, 2), \
    CASE(DIMS(0, 3), DIMS(0), TG_REDUCE_MEAN, 0, 0, 0), \
    CASE(DIMS(2, 3, 0), DIMS(2, 0), TG_REDUCE_NONE, 0, 0, 0), \
    CASE(DIMS(2, 3, 1, 2, 1, 2, 1, 2), DIMS(2, 1, 2, 1, 2, 1, 2), TG_REDUCE_NONE, 0, 1, 1), \
    CASE(DIMS(20, 70), DIMS(20), TG_REDUCE_MEAN, 0, 0, 0)
/* clang-format on */

static const op_case nll_cases[] = {NLL_CASES};
static const op_case entropy_cases[] = {
    NLL_CASES,
    CASE(DIMS(4, 3), DIMS(4), TG_REDUCE_MEAN, 1, 0, 0),
    CASE(DIMS(4, 3), DIMS(4), TG_REDUCE_MEAN, 2, 1, 2, 1, 8, 3),
    CASE(DIMS(2, 4, 3), DIMS(2, 3), TG_REDUCE_NONE, 8, 1, 1, 4, 2, 1, 8),
    CASE(DIMS(3), SINGLE, TG_REDUCE_SUM, 4, 0, 0),
    CASE(DIMS(20, 70), DIMS(20), TG_REDUCE_BATCH_MEAN, 3, 0, 0),
};

enum { WEIGHTS = 4 }; /* where they begin in the settings */

static tg_class_options options_in(tg_tensor x, const settings *with) {
    static values    v;
    tg_class_options o = {.reduction = (tg_reduction)with->value[0],
                          .label_smoothing = with->value[1] / 8.0,
                          .has_ignore_index = with->value[2] != 0,
                          .ignore_index = with->value[3]};
    if (with->count <= WEIGHTS) return o;
    clear_values(&v, tg_dtype_of(x), TG_SHAPE(with->count - WEIGHTS));
    for (int i = 0; i < v.size; i++)
        v.at[i].real = with->value[WEIGHTS + i] / 4.0L;
    o.weight = leaf_of(x.tape, &v);
    return o;
}

static tg_tensor record_nll_loss(const tg_tensor *x, const settings *with) {
    tg_class_options o = options_in(x[0], with);
    return tg_nll_loss(x[0], x[1], &o);
}

static tg_tensor record_cross_entropy(const tg_tensor *x, const settings *with) {
    tg_class_options o = options_in(x[0], with);
    return tg_cross_entropy(x[0], x[1], &o);
}

/* ---- the formula ------------------------------------------------------------------------------------------------- */

/* What sample n of the target looks at: x along the axis of classes. Returns how many they are. */
static int row_of(const values *x, int64_t n, long double *row) {
    int     axis = x->shape.rank > 1, rank = x[1].shape.rank;
    int64_t index[TG_MAX_RANK];
    unravel(x[1].shape, n, index);
    for (int i = rank; i > axis; i--)
        index[i] = index[i - 1];
    for (index[axis] = 0; index[axis] < x->shape.dims[axis]; index[axis]++)
        row[index[axis]] = x->at[ravel(x->shape, index)].real;
    return (int)x->shape.dims[axis];
}

static void to_log_softmax(int classes, long double *row) {
    long double sum = 0;
    for (int c = 0; c < classes; c++)
        sum += expl(row[c]);
    for (int c = 0; c < classes; c++)
        row[c] -= logl(sum);
}

static long double weight_of(const settings *with, int64_t c) {
    return with->count > WEIGHTS ? with->value[WEIGHTS + c] / 4.0L : 1;
}

static void expect_classes(const values *x, const settings *with, bool logits, values *y) {
    static values each;
    long double   row[128], total = 0, smoothing = with->value[1] / 8.0L;
    clear_values(&each, x->dtype, x[1].shape);
    for (int64_t n = 0; n < each.size; n++) {
        int64_t target = x[1].at[n].whole;
        int     classes = row_of(x, n, row);
        if (logits) to_log_softmax(classes, row);
        if (with->value[2] && target == with->value[3]) continue;
        total += weight_of(with, target);
        each.at[n].real = -(1 - smoothing) * weight_of(with, target) * row[target];
        for (int c = 0; c < classes; c++)
            each.at[n].real -= smoothing / classes * weight_of(with, c) * row[c];
    }
    expect_reduced(&each, (tg_reduction)with->value[0], &total, y);
}

static void expect_nll_loss(const values *x, const settings *with, values *y) {
    expect_classes(x, with, false, y);
}

static void expect_cross_entropy(const values *x, const settings *with, values *y) {
    expect_classes(x, with, true, y);
}

#define ROW(function, list) \
    { \
        .name = #function, .called = #function, .arity = 2, .takes = TAKES_FLOAT, .indices = 2, .record = record_##function, \
        .expect = expect_##function, .low = {-3, 0}, .high = {3, 3}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row class_loss_rows[] = {ROW(nll_loss, nll_cases), ROW(cross_entropy, entropy_cases), {.name = NULL}};

/* ---- values at the extremes -------------------------------------------------------------------------------------- */

static tg_tensor matrix(tg_tape *tape, tg_dtype dtype, int64_t rows, int64_t columns, const double *x) {
    return tg_cast(tg_constant(tape, TG_F64, TG_SHAPE(rows, columns), x), dtype);
}
#define MATRIX(dtype, rows, columns, ...) matrix(tape, dtype, rows, columns, (double[]){__VA_ARGS__})

START_TEST(large_logits_are_right) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        x = MATRIX(floats[_i], 3, 2, 1000, -1000, 1000, -1000, 1000, 1000), classes = I64(tape, 0, 1, 0);
    tg_class_options each = {.reduction = TG_REDUCE_NONE};
    tg_tensor        y = tg_cross_entropy(x, classes, &each), p = MATRIX(floats[_i], 3, 2, 1, 0, 0.25, 0.75, 0.5, 0.5);
    double           ln_2 = tg_item(tg_log(tg_full(tape, floats[_i], TG_SHAPE(), 2)));
    CHECK_IS(y, 0, 2000, ln_2);
    CHECK_IS(slope(y, x), 0, 0, 1, -1, -0.5, 0.5);
    CHECK_IS(slope(tg_slice(slope(y, x), 1, 0, 1, 1), x), 0, 0, 0, 0, 0.25, -0.25);
    CHECK_IS(slope(tg_cross_entropy(x, classes, NULL), tg_neg(x)), 0, 0, 0, 0, 0, 0);
    y = tg_cross_entropy(x, p, &each);
    CHECK_IS(y, 0, 1500, ln_2);
    CHECK_IS(slope(y, x), 0, 0, 0.75, -0.75, 0, 0);
    each.label_smoothing = 0.5;
    y = tg_cross_entropy(x, classes, &each);
    CHECK_IS(y, 500, 1500, ln_2);
    CHECK_IS(slope(y, x), 0.25, -0.25, 0.75, -0.75, -0.25, 0.25);
    finish(tape);
}
END_TEST

START_TEST(masked_logits_are_pytorchs) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        x = MATRIX(floats[_i], 3, 2, -INF, 0, -INF, 0, -INF, -INF);
    tg_class_options each = {.reduction = TG_REDUCE_NONE};
    tg_tensor        y = tg_cross_entropy(x, I64(tape, 1, 0, 0), &each);
    CHECK_IS(y, 0, INF, NOT);
    CHECK_IS(slope(tg_slice(y, 0, 0, 2, 1), x), 0, 0, -1, 1, NOT, NOT);
    finish(tape);
}
END_TEST

/* A class that cannot be, of which nothing is expected, costs nothing: by its probability, or by its weight. */
START_TEST(masked_classes_without_a_part_cost_nothing) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        x = MATRIX(floats[_i], 2, 3, 0, -INF, 0, 0, 0, -INF);
    tg_tensor        target = MATRIX(floats[_i], 2, 3, 1, 0, 0, 0, 1, 0), ln_2 = tg_log(POINTS(tape, 2));
    tg_class_options each = {.reduction = TG_REDUCE_NONE};
    tg_tensor        y = tg_cross_entropy(x, target, &each);
    CHECK_IS(y, tg_item(ln_2), tg_item(ln_2));
    CHECK_IS(slope(y, x), -0.5, 0, 0.5, 0.5, -0.5, 0);
    CHECK_IS(slope(slope(y, x), x), 0, 0, 0, 0, 0, 0);
    each.weight = POINTS(tape, 1, 0, 1);
    CHECK_IS(tg_cross_entropy(x, I64(tape, 1, 1), &each), 0, 0);
    CHECK_IS(slope(tg_cross_entropy(x, I64(tape, 1, 1), &each), x), 0, 0, 0, 0, 0, 0);
    CHECK_IS(tg_nll_loss(x, I64(tape, 1, 1), &each), 0, 0);
    finish(tape);
}
END_TEST

/* ---- the options ------------------------------------------------------------------------------------------------- */

START_TEST(ignored_classes_cost_nothing) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        x = MATRIX(TG_F64, 3, 2, 0, 0, 1, 3, NOT, NOT), log_p = MATRIX(TG_F64, 3, 2, -1, -2, -3, -4, -5, -6);
    tg_class_options sum = {.reduction = TG_REDUCE_SUM}, own = {.has_ignore_index = true, .ignore_index = 1},
                     each = {.reduction = TG_REDUCE_NONE};
    CHECK_IS(tg_nll_loss(log_p, I64(tape, 0, 1, -100), NULL), 2.5);
    CHECK_IS(tg_nll_loss(log_p, I64(tape, -100, 1, -100), &each), 0, 4, 0);
    CHECK_IS(slope(tg_nll_loss(log_p, I64(tape, 0, 1, -100), NULL), log_p), -0.5, 0, 0, -0.5, 0, 0);
    CHECK_IS(tg_nll_loss(log_p, I64(tape, 0, 1, 0), &own), 3);
    CHECK_IS(tg_nll_loss(log_p, I64(tape, 1, 1, 1), &own), NOT);
    CHECK_IS(tg_cross_entropy(log_p, I64(tape, -100, -100, -100), NULL), NOT);
    CHECK_IS(tg_cross_entropy(log_p, I64(tape, -100, -100, -100), &sum), 0);
    CHECK_IS(slope(tg_cross_entropy(log_p, I64(tape, -100, -100, -100), &sum), log_p), 0, 0, 0, 0, 0, 0);
    ck_assert_double_eq_tol(tg_item(tg_cross_entropy(x, I64(tape, 0, -100, -100), NULL)), log(2),
                            1e-15); /* the NaN is ignored */
    finish(tape);
}
END_TEST

START_TEST(weights_are_in_the_mean) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        log_p = MATRIX(TG_F64, 3, 2, -1, -2, -3, -4, -5, -6);
    tg_class_options o = {.weight = F64(tape, 1, 3)};
    CHECK_IS(tg_nll_loss(log_p, I64(tape, 0, 1, -100), &o), 13 / 4.0);
    o.reduction = TG_REDUCE_SUM;
    CHECK_IS(tg_nll_loss(log_p, I64(tape, 0, 1, 1), &o), 31);
    o.reduction = TG_REDUCE_BATCH_MEAN;
    CHECK_IS(tg_nll_loss(log_p, I64(tape, 0, 1, -100), &o), 13 / 3.0);
    o = (tg_class_options){.weight = F64(tape, 1, 0)};
    CHECK_IS(tg_nll_loss(log_p, I64(tape, 1, 1, 1), &o), NOT);
    finish(tape);
}
END_TEST

START_TEST(no_options_are_the_defaults) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        x = MATRIX(TG_F64, 2, 3, 1, 2, 3, 4, 0, -1), classes = I64(tape, 2, 0);
    tg_class_options zeros = {0}, none = {.weight = TG_NONE};
    double expected = tg_item(tg_mean(tg_cross_entropy(x, classes, &(tg_class_options){.reduction = TG_REDUCE_NONE})));
    ck_assert_double_eq(tg_item(tg_cross_entropy(x, classes, NULL)), expected);
    ck_assert_double_eq(tg_item(tg_cross_entropy(x, classes, &zeros)), expected);
    ck_assert_double_eq(tg_item(tg_cross_entropy(x, classes, &none)), expected);
    ck_assert_double_eq(tg_item(tg_nll_loss(x, classes, &none)), tg_item(tg_nll_loss(x, classes, NULL)));
    ck_assert_double_eq_tol(tg_item(tg_nll_loss(tg_log_softmax(x, 1), classes, NULL)), expected, 1e-15);
    ck_assert_double_eq_tol(tg_item(tg_cross_entropy(x, tg_one_hot(classes, 3, TG_F64), NULL)), expected, 1e-15);
    finish(tape);
}
END_TEST

START_TEST(a_number_is_a_class) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, -1, -2, -3), one = MATRIX(TG_F64, 2, 1, 5, -7);
    CHECK_IS(tg_nll_loss(x, 2, NULL), 3);
    CHECK_IS(tg_nll_loss(x, -100, NULL), NOT);
    ck_assert_double_eq(tg_item(tg_cross_entropy(x, 1, NULL)),
                        tg_item(tg_cross_entropy(x, tg_full(tape, TG_I64, TG_SHAPE(), 1), NULL)));
    CHECK_IS(tg_cross_entropy(one, I64(tape, 0, 0), &(tg_class_options){.reduction = TG_REDUCE_NONE}), 0, 0);
    finish(tape);
}
END_TEST

/* ---- derivatives that no row has --------------------------------------------------------------------------------- */

static void check_derivatives(tg_tensor y, int count, const tg_tensor *in) {
    tg_gradcheck_report report = {.order = 3};
    ck_assert_msg(tg_gradcheck(y, count, in, &report) == TG_OK, "%s", tg_error(y.tape));
}

/* Of logits, weights, and targets that are probabilities. */
START_TEST(derivatives_of_all_operands_are_right) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = MATRIX(TG_F64, 2, 3, 1, -0.5, 0.25, -1, 0.5, 0), classes = I64(tape, 2, 1), weight = F64(tape, 0.5, 2, 1);
    tg_tensor p = tg_constant(tape, TG_F64, TG_SHAPE(2, 3), (double[]){0.25, 0.5, 0.25, 0, 0.125, 0.875});
    tg_class_options o = {.weight = weight, .label_smoothing = 0.25};
    x = tg_constant(tape, TG_F64, TG_SHAPE(2, 3), tg_data(x));
    check_derivatives(tg_cross_entropy(x, classes, &o), 2, (tg_tensor[]){x, weight});
    check_derivatives(tg_cross_entropy(x, p, &o), 3, (tg_tensor[]){x, p, weight});
    check_derivatives(tg_cross_entropy(x, p, NULL), 2, (tg_tensor[]){x, p});
    o.label_smoothing = 0;
    check_derivatives(tg_nll_loss(x, classes, &o), 2, (tg_tensor[]){x, weight});
    check_derivatives(tg_cross_entropy(tg_slice(x, 0, 1, 2, 1), tg_slice(p, 0, 0, 1, 1), &o), 3, (tg_tensor[]){x, p, weight});
    finish(tape);
}
END_TEST

/* ---- instructions, errors ---------------------------------------------------------------------------------------- */

/* These run in every step of every classifier: the number of instructions must not grow unnoticed. */
START_TEST(few_instructions) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", tg_full(tape, TG_F32, TG_SHAPE(64, 10), 1)),
              classes = tg_full(tape, TG_I64, TG_SHAPE(64), 3);
    int64_t   before = tg_instruction_count(tape);
    tg_tensor y = tg_cross_entropy(x, classes, NULL);
    ck_assert_int_le(tg_instruction_count(tape) - before, 20);
    before = tg_instruction_count(tape);
    tg_backward(y);
    ck_assert_int_le(tg_instruction_count(tape) - before, 15);
    finish(tape);
}
END_TEST

/* The error comes with the run, and names the class. */
#define FAILS_IN_RUN(call, ...) \
    do { \
        tg_mark   mark = tg_tape_mark(tape); \
        tg_tensor result = call; \
        ck_assert(tg_valid(result)); \
        ck_assert_int_eq(tg_run(tape), TG_ERR_INDEX); \
        CHECK_ERROR(tape, TG_ERR_INDEX, "test_class_loss.c:", __VA_ARGS__); \
        tg_discard(tape, mark); \
    } while (0)

START_TEST(a_class_out_of_range_fails_the_run) {
    tg_tape         *tape = tg_tape_new();
    tg_tensor        x = MATRIX(TG_F32, 2, 3, 1, 2, 3, 4, 5, 6);
    tg_class_options o = {.weight = F32(tape, 1, 2, 3)}, own = {.has_ignore_index = true, .ignore_index = 0};
    FAILS_IN_RUN(tg_cross_entropy(x, I64(tape, 0, 3), NULL),
                 "index 3 (element 1 of the indices) is out of range for an axis of size 3");
    FAILS_IN_RUN(tg_cross_entropy(x, I64(tape, -1, 0), &o), "index -1 (element 0");
    FAILS_IN_RUN(tg_nll_loss(x, I64(tape, 0, INT64_MIN), NULL), "index -9223372036854775808");
    FAILS_IN_RUN(tg_nll_loss(x, I64(tape, 0, -100), &own), "index -100");
    finish(tape);
}
END_TEST

START_TEST(operands_that_do_not_fit_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), wide = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1),
              classes = I64(tape, 0, 1);
    tg_tensor number = tg_full(tape, TG_F32, TG_SHAPE(), 1), none = tg_full(tape, TG_F32, TG_SHAPE(2, 0), 1);
    tg_tensor more = I64(tape, 1, 2, 0), vector = F32(tape, 1, 2);
    REFUSED(tg_cross_entropy(x, more, NULL), TG_ERR_SHAPE, "cross_entropy: (2, 3) x (3): the classes must be (2)");
    REFUSED(tg_cross_entropy(x, 1, NULL), TG_ERR_SHAPE, "cross_entropy: (2, 3) x (): the classes must be (2)");
    REFUSED(tg_cross_entropy(x, number, NULL), TG_ERR_SHAPE, "cross_entropy: (2, 3) x (): the probabilities must be (2, 3)");
    REFUSED(tg_cross_entropy(x, wide, NULL), TG_ERR_DTYPE,
            "cross_entropy: float32 (2, 3) x float64 (2, 3): the target is int64 classes, or");
    REFUSED(tg_cross_entropy(classes, classes, NULL), TG_ERR_DTYPE, "cross_entropy: int64 (2) x int64 (2): it takes no int64",
            "tg_cast");
    REFUSED(tg_cross_entropy(number, 0, NULL), TG_ERR_SHAPE, "cross_entropy: () x (): a single number has no axis of classes");
    REFUSED(tg_cross_entropy(none, classes, NULL), TG_ERR_SHAPE,
            "cross_entropy: (2, 0) x (2): there are no classes along axis 1");
    REFUSED(tg_cross_entropy(vector, 0.5, NULL), TG_ERR_DTYPE, "cross_entropy: the number 0.5 is no int64");
    REFUSED(tg_nll_loss(x, x, NULL), TG_ERR_DTYPE, "nll_loss: float32 (2, 3) x float32 (2, 3): the classes must be int64");
    REFUSED(tg_nll_loss(x, vector, NULL), TG_ERR_DTYPE, "nll_loss: float32 (2, 3) x float32 (2): the classes must be int64");
    REFUSED(tg_nll_loss(x, (tg_tensor){0}, NULL), TG_ERR_HANDLE, "nll_loss: operand 2");
    finish(tape);
}
END_TEST

START_TEST(options_that_do_not_fit_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), classes = I64(tape, 0, 1), vector = F32(tape, 1, 2),
              three = F64(tape, 1, 2, 3);
    tg_mark   mark = tg_tape_mark(tape);
    tg_tensor stale = tg_square(x);
    tg_rewind(tape, mark);
#define WITH(...) &(tg_class_options){__VA_ARGS__}
    REFUSED(tg_cross_entropy(x, classes, WITH(.weight = vector)), TG_ERR_SHAPE,
            "cross_entropy: (2, 3) x (2) x (2): the weights must be (3), one a class");
    REFUSED(tg_cross_entropy(x, classes, WITH(.weight = tg_num(1))), TG_ERR_SHAPE,
            "cross_entropy: (2, 3) x (2) x (): the weights");
    REFUSED(tg_cross_entropy(x, classes, WITH(.weight = three)), TG_ERR_DTYPE, "cross_entropy: ", "float64 (3)", "tg_cast");
    REFUSED(tg_cross_entropy(x, classes, WITH(.weight = stale)), TG_ERR_HANDLE, "cross_entropy: operand 3", "stale");
    REFUSED(tg_cross_entropy(x, classes, WITH(.label_smoothing = 1.5)), TG_ERR_ARGUMENT,
            "cross_entropy: label_smoothing 1.5 is not in [0, 1]");
    REFUSED(tg_cross_entropy(x, classes, WITH(.label_smoothing = NOT)), TG_ERR_ARGUMENT, "cross_entropy: label_smoothing nan ");
    REFUSED(tg_cross_entropy(x, classes, WITH(.reduction = (tg_reduction)4)), TG_ERR_ARGUMENT,
            "cross_entropy: 4 is no tg_reduction");
    REFUSED(tg_cross_entropy(x, x, WITH(.has_ignore_index = true)), TG_ERR_ARGUMENT,
            "cross_entropy: ignore_index is for classes");
    REFUSED(tg_cross_entropy(vector, 0, WITH(.reduction = TG_REDUCE_BATCH_MEAN)), TG_ERR_SHAPE,
            "cross_entropy: (2) x (): a single loss");
    REFUSED(tg_nll_loss(x, classes, WITH(.label_smoothing = 0.5)), TG_ERR_ARGUMENT, "nll_loss: label_smoothing",
            "tg_cross_entropy");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_class_loss(void) {
    Suite *suite = suite_create("class_loss");
    TCase *tcase = tcase_create("losses of classes");
    add_rows(suite, class_loss_rows);
    tcase_add_loop_test(tcase, large_logits_are_right, 0, 2);
    tcase_add_loop_test(tcase, masked_logits_are_pytorchs, 0, 2);
    tcase_add_loop_test(tcase, masked_classes_without_a_part_cost_nothing, 0, 2);
    tcase_add_test(tcase, ignored_classes_cost_nothing);
    tcase_add_test(tcase, weights_are_in_the_mean);
    tcase_add_test(tcase, no_options_are_the_defaults);
    tcase_add_test(tcase, a_number_is_a_class);
    tcase_add_test(tcase, derivatives_of_all_operands_are_right);
    tcase_add_test(tcase, few_instructions);
    tcase_add_test(tcase, a_class_out_of_range_fails_the_run);
    tcase_add_test(tcase, operands_that_do_not_fit_are_rejected);
    tcase_add_test(tcase, options_that_do_not_fit_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
