/* tests/nn/test_ctc.c: ctc_loss: its row of the op table, with every path through the steps, one at a time, as the formula;
 * lengths, impossible labels, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/op_table.h"

/* ---- the row: labels 0 and 1; the settings are the reduction, the blank, and whether infinity becomes zero. The target
 * lengths are an operand, and the input lengths are the number of steps minus these
 * ------------------------------------------------------ */

static const op_case cases[] = {
    {.shape = {{3, {4, 2, 3}}, {2, {2, 1}}, {1, {2}}}, .with = {3, {TG_REDUCE_SUM, 2, 0}}},
    {.shape = {{3, {5, 2, 3}}, {2, {2, 2}}, {1, {2}}}, .with = {3, {TG_REDUCE_MEAN, 2, 0}}},
    {.shape = {{3, {5, 3, 4}}, {2, {3, 2}}, {1, {3}}}, .with = {3, {TG_REDUCE_NONE, 3, 0}}},
    {.shape = {{3, {5, 1, 3}}, {2, {1, 2}}, {0, {0}}}, .with = {3, {TG_REDUCE_BATCH_MEAN, 2, 1}}},
    {.shape = {{2, {5, 3}}, {1, {2}}, {0, {0}}}, .with = {3, {TG_REDUCE_MEAN, 2, 0}}},
    {.shape = {{3, {4, 0, 3}}, {2, {0, 2}}, {1, {0}}}, .with = {3, {TG_REDUCE_SUM, 2, 0}}},
    {.shape = {{3, {6, 20, 3}}, {2, {20, 2}}, {1, {20}}}, .with = {3, {TG_REDUCE_NONE, 2, 0}}},
};

static tg_tensor record_ctc_loss(const tg_tensor *x, const settings *with) {
    tg_ctc_options o = {.blank = with->value[1], .reduction = (tg_reduction)with->value[0], .zero_infinity = with->value[2]};
    bool           usable = tg_valid(x[0]);
    double         steps = usable && tg_shape_of(x[0]).rank ? (double)tg_shape_of(x[0]).dims[0] : 0;
    tg_scope       scope = tg_begin_scope(TG_AT(x[tg_tape_of(x[0]) == NULL].tape), "ctc_loss");
    tg_tensor      log_p = usable ? tg_log_softmax(x[0], -1) : x[0];
    return tg_end_scope_with(scope, tg_ctc_loss(log_p, x[1], tg_sub(steps, x[2]), x[2], &o));
}

enum { MOST_LABELS = 4 };

/* Whether a path, class after class, says these labels: equal neighbours are one, and blanks none. */
static bool says(const int *path, int64_t steps, int blank, const int64_t *labels, int64_t count) {
    int64_t found = 0;
    for (int64_t t = 0; t < steps; t++) {
        if (path[t] == blank || (t > 0 && path[t] == path[t - 1])) continue;
        if (found == count || labels[found] != path[t]) return false;
        found++;
    }
    return found == count;
}

/* The loss of sample n: all paths are tried. */
static long double loss_of(const values *x, int64_t n, int blank, int64_t samples) {
    int64_t     classes = x->shape.dims[x->shape.rank - 1], width = x[1].shape.dims[x[1].shape.rank - 1], labels[MOST_LABELS];
    int64_t     count = x[2].at[x[2].shape.rank ? n : 0].whole, steps = x->shape.dims[0] - count, paths = 1;
    long double sum = 0;
    for (int64_t k = 0; k < width; k++)
        labels[k] = x[1].at[n * width + k].whole;
    for (int64_t t = 0; t < steps; t++)
        paths *= classes;
    for (int64_t p = 0; p < paths; p++) {
        int         path[8];
        long double product = 1;
        for (int64_t t = 0, rest = p; t < steps; t++, rest /= classes)
            path[t] = (int)(rest % classes);
        if (!says(path, steps, blank, labels, count)) continue;
        for (int64_t t = 0; t < steps; t++) {
            const element *row = &x->at[(t * samples + n) * classes];
            long double    all = 0;
            for (int64_t c = 0; c < classes; c++)
                all += expl(row[c].real);
            product *= expl(row[path[t]].real) / all;
        }
        sum += product;
    }
    return -logl(sum);
}

static void expect_ctc_loss(const values *x, const settings *with, values *y) {
    int64_t      samples = x->shape.rank == 3 ? x->shape.dims[1] : 1;
    tg_reduction reduction = (tg_reduction)with->value[0];
    clear_values(y, x->dtype, reduction == TG_REDUCE_NONE ? TG_SHAPE(samples) : TG_SHAPE());
    y->scale = 50;
    for (int64_t n = 0; n < samples; n++) {
        int64_t     count = x[2].at[x[2].shape.rank ? n : 0].whole;
        long double loss = loss_of(x, n, with->value[1], samples);
        if (isinf(loss) && with->value[2]) loss = 0;
        if (reduction == TG_REDUCE_MEAN) loss /= count > 1 ? (long double)count : 1;
        y->at[reduction == TG_REDUCE_NONE ? n : 0].real += loss;
    }
    if (reduction == TG_REDUCE_MEAN || reduction == TG_REDUCE_BATCH_MEAN) y->at[0].real /= (long double)samples;
}

const op_row ctc_rows[] = {
    {.name = "ctc_loss",
     .called = "",
     .arity = 3,
     .takes = TAKES_FLOAT,
     .indices = 6,
     .record = record_ctc_loss,
     .expect = expect_ctc_loss,
     .low = {-2, 0, 0},
     .high = {2, 2, 2},
     .cases = cases,
     .case_count = sizeof cases / sizeof *cases},
    {.name = NULL},
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

static tg_tensor halves(tg_tape *tape, int64_t steps) {
    return tg_full(tape, TG_F64, TG_SHAPE(steps, 1, 2), log(0.5));
}

START_TEST(lengths_that_are_left_out_are_whole) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor log_p = halves(tape, 3), targets = tg_full(tape, TG_I64, TG_SHAPE(1, 1), 1);
    double    loss = tg_item(tg_ctc_loss(log_p, targets, TG_NONE, TG_NONE, NULL));
    ck_assert_double_le(fabs(loss - log(8.0 / 6)), 1e-15); /* all paths but "   " and "- -" */
    ck_assert(tg_item(tg_ctc_loss(log_p, targets, 3, 1, NULL)) == loss);
    ck_assert_double_le(fabs(tg_item(tg_ctc_loss(log_p, targets, 2, 1, NULL)) - log(4.0 / 3)), 1e-15);
    ck_assert_double_le(fabs(tg_item(tg_ctc_loss(log_p, targets, 2, 0, NULL)) - log(4)), 1e-15);
    finish(tape);
}
END_TEST

START_TEST(what_lies_beyond_is_not_looked_at) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor log_p = tg_log_softmax(tg_randn(tape, TG_F64, TG_SHAPE(4, 1, 3)), -1);
    tg_tensor one = tg_reshape(I64(tape, 2), TG_SHAPE(1, 1)), wide = tg_reshape(I64(tape, 2, -7, 99), TG_SHAPE(1, 3));
    tg_tensor a = tg_ctc_loss(tg_slice(log_p, 0, 0, 3, 1), one, TG_NONE, TG_NONE, NULL),
              b = tg_ctc_loss(log_p, wide, 3, 1, NULL);
    ck_assert(tg_item(a) == tg_item(b));
    tg_tensor g = slope(b, log_p);
    CHECK_IS(tg_reshape(tg_slice(g, 0, 3, 4, 1), TG_SHAPE(-1)), 0, 0, 0);
    finish(tape);
}
END_TEST

START_TEST(labels_that_do_not_fit_into_the_steps) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor log_p = halves(tape, 2), twice = tg_full(tape, TG_I64, TG_SHAPE(1, 2), 1);
    tg_tensor loss = tg_ctc_loss(log_p, twice, TG_NONE, TG_NONE, NULL);
    tg_tensor zero = tg_ctc_loss(log_p, twice, TG_NONE, TG_NONE, &(tg_ctc_options){.zero_infinity = true});
    tg_tensor leaf = tg_constant(tape, TG_F64, TG_SHAPE(2, 1, 2), tg_data(log_p));
    CHECK_IS(loss, INF);
    CHECK_IS(zero, 0);
    zero = tg_ctc_loss(leaf, twice, TG_NONE, TG_NONE, &(tg_ctc_options){.zero_infinity = true});
    CHECK_IS(slope(zero, leaf), 0, 0, 0, 0);
    CHECK_IS(slope(slope(zero, leaf), leaf), 0, 0, 0, 0);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

#define FAILS_IN_RUN(call, ...) \
    do { \
        tg_mark mark = tg_tape_mark(tape); \
        ck_assert(tg_valid(call)); \
        ck_assert_int_eq(tg_run(tape), TG_ERR_INDEX); \
        CHECK_ERROR(tape, TG_ERR_INDEX, "test_ctc.c:", "ctc_loss: ", __VA_ARGS__); \
        tg_discard(tape, mark); \
    } while (0)

START_TEST(labels_and_lengths_out_of_range_fail_the_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor log_p = halves(tape, 3), good = tg_full(tape, TG_I64, TG_SHAPE(1, 1), 1),
              bad = tg_full(tape, TG_I64, TG_SHAPE(1, 1), 2);
    FAILS_IN_RUN(tg_ctc_loss(log_p, bad, TG_NONE, TG_NONE, NULL), "index 2");
    FAILS_IN_RUN(tg_ctc_loss(log_p, good, 4, TG_NONE, NULL), "index 3", "size 3");
    FAILS_IN_RUN(tg_ctc_loss(log_p, good, 0, TG_NONE, NULL), "index -1");
    FAILS_IN_RUN(tg_ctc_loss(log_p, good, TG_NONE, 2, NULL), "out of range", "size 3");
    FAILS_IN_RUN(tg_ctc_loss(log_p, good, TG_NONE, -1, NULL), "index -2");
    finish(tape);
}
END_TEST

START_TEST(operands_that_do_not_fit_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor log_p = halves(tape, 3), targets = tg_full(tape, TG_I64, TG_SHAPE(1, 1), 1), one = I64(tape, 1),
              two = I64(tape, 1, 1);
    tg_tensor none = tg_full(tape, TG_F64, TG_SHAPE(0, 1, 2), 0), x = F64(tape, 1), sample = tg_reshape(log_p, TG_SHAPE(3, 2));
    tg_ctc_options blank = {.blank = 2}, batch = {.reduction = TG_REDUCE_BATCH_MEAN};
    REFUSED(tg_ctc_loss(x, targets, TG_NONE, TG_NONE, NULL), TG_ERR_SHAPE, "ctc_loss: (1) x (1, 1): ", "(T, N, C)");
    REFUSED(tg_ctc_loss(none, targets, TG_NONE, TG_NONE, NULL), TG_ERR_SHAPE, "ctc_loss: ", "no steps");
    REFUSED(tg_ctc_loss(log_p, one, TG_NONE, TG_NONE, NULL), TG_ERR_SHAPE, "ctc_loss: ", "(N, S)");
    REFUSED(tg_ctc_loss(sample, targets, TG_NONE, TG_NONE, NULL), TG_ERR_SHAPE, "ctc_loss: ", "(S)");
    REFUSED(tg_ctc_loss(log_p, log_p, TG_NONE, TG_NONE, NULL), TG_ERR_DTYPE, "ctc_loss: ", "int64");
    REFUSED(tg_ctc_loss(log_p, targets, x, TG_NONE, NULL), TG_ERR_DTYPE, "ctc_loss: ", "input lengths");
    REFUSED(tg_ctc_loss(log_p, targets, TG_NONE, two, NULL), TG_ERR_SHAPE, "ctc_loss: ", "target lengths");
    REFUSED(tg_ctc_loss(log_p, targets, TG_NONE, TG_NONE, &blank), TG_ERR_ARGUMENT, "ctc_loss: ", "blank, 2");
    REFUSED(tg_ctc_loss(sample, one, TG_NONE, TG_NONE, &batch), TG_ERR_SHAPE, "ctc_loss: ");
    REFUSED(tg_ctc_loss(log_p, targets, 1.5, TG_NONE, NULL), TG_ERR_DTYPE, "ctc_loss: ", "1.5");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_ctc(void) {
    Suite *suite = suite_create("ctc");
    TCase *tcase = tcase_create("sequences");
    add_rows(suite, ctc_rows);
    tcase_add_test(tcase, lengths_that_are_left_out_are_whole);
    tcase_add_test(tcase, what_lies_beyond_is_not_looked_at);
    tcase_add_test(tcase, labels_that_do_not_fit_into_the_steps);
    tcase_add_test(tcase, labels_and_lengths_out_of_range_fail_the_run);
    tcase_add_test(tcase, operands_that_do_not_fit_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
