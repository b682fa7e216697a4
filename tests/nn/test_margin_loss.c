/* tests/nn/test_margin_loss.c: losses of margins: their rows of the op table; where just nothing is missing, targets of neither side, and
 * what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "nn/near.h"
#include "nn/reduced.h"
#include "ops/op_table.h"

/* ---- the rows: the first setting is the reduction, the second one four times the margin ------------------------------ */

/* clang-format off */
#define DIMS(...) {sizeof((int[]){0, __VA_ARGS__}) / sizeof(int) - 1, {__VA_ARGS__}}
#define SINGLE {0, {0}}
#define WITH(...) .with = {sizeof((int[]){__VA_ARGS__}) / sizeof(int), {__VA_ARGS__}}
#define TWO(a, b, ...) {.shape = {a, b}, WITH(__VA_ARGS__)}
#define THREE(a, b, c, ...) {.shape = {a, b, c}, WITH(__VA_ARGS__)}
/* clang-format on */

static const op_case ranking_cases[] = {
    THREE(DIMS(2, 3), DIMS(2, 3), DIMS(2, 3), TG_REDUCE_MEAN, 0),
    THREE(DIMS(2, 3), DIMS(3), DIMS(2, 1), TG_REDUCE_NONE, 2),
    THREE(SINGLE, DIMS(3), SINGLE, TG_REDUCE_SUM, -2),
    THREE(DIMS(0, 3), DIMS(3), SINGLE, TG_REDUCE_SUM, 4),
    THREE(DIMS(2, 3), DIMS(3), DIMS(3), TG_REDUCE_BATCH_MEAN, 4),
    THREE(DIMS(30, 60), DIMS(60), DIMS(60), TG_REDUCE_MEAN, 4),
};
/* Targets are 0 and 1 here; -1 is among those of the fixtures. */
static const op_case hinge_cases[] = {
    TWO(DIMS(2, 3), DIMS(2, 3), TG_REDUCE_MEAN, 4),
    TWO(DIMS(2, 3), DIMS(3), TG_REDUCE_NONE, 2),
    TWO(SINGLE, SINGLE, TG_REDUCE_MEAN, 4),
    TWO(DIMS(0), DIMS(0), TG_REDUCE_SUM, 4),
    TWO(DIMS(3, 1, 2), DIMS(3, 1, 1), TG_REDUCE_BATCH_MEAN, 6),
    TWO(DIMS(30, 60), DIMS(60), TG_REDUCE_MEAN, 4),
};
static const op_case soft_cases[] = {
    TWO(DIMS(2, 3), DIMS(2, 3), TG_REDUCE_MEAN),
    TWO(DIMS(2, 3), DIMS(3), TG_REDUCE_NONE),
    TWO(SINGLE, SINGLE, TG_REDUCE_MEAN),
    TWO(DIMS(0, 3), DIMS(3), TG_REDUCE_SUM),
    TWO(DIMS(3), DIMS(2, 1), TG_REDUCE_BATCH_MEAN),
    TWO(DIMS(30, 60), DIMS(60), TG_REDUCE_MEAN),
};
/* Behind the reduction come four times the weights of the last axis, if there are any. */
static const op_case multilabel_cases[] = {
    TWO(DIMS(2, 3), DIMS(2, 3), TG_REDUCE_MEAN),
    TWO(DIMS(2, 3), DIMS(3), TG_REDUCE_NONE, 1, 8, 3),
    TWO(DIMS(3), DIMS(3), TG_REDUCE_MEAN),
    TWO(DIMS(0, 3), DIMS(3), TG_REDUCE_SUM),
    TWO(DIMS(3), DIMS(2, 1), TG_REDUCE_BATCH_MEAN, 4, 0, 2),
    TWO(DIMS(30, 60), DIMS(60), TG_REDUCE_MEAN),
};
static const op_case cosine_cases[] = {
    THREE(DIMS(2, 3), DIMS(2, 3), DIMS(2), TG_REDUCE_MEAN, 0),
    THREE(DIMS(5, 3), DIMS(3), DIMS(5), TG_REDUCE_NONE, -2),
    THREE(DIMS(3), DIMS(3), SINGLE, TG_REDUCE_MEAN, 1),
    THREE(DIMS(0, 3), DIMS(3), DIMS(0), TG_REDUCE_SUM, 0),
    THREE(DIMS(4, 1), DIMS(4, 3), SINGLE, TG_REDUCE_BATCH_MEAN, -1),
    THREE(DIMS(30, 60), DIMS(60), DIMS(30), TG_REDUCE_MEAN, 0),
};
/* Behind the margin 2 p, and whether to swap. */
static const op_case triplet_cases[] = {
    THREE(DIMS(2, 3), DIMS(2, 3), DIMS(2, 3), TG_REDUCE_MEAN, 4, 4, 0),
    THREE(DIMS(4, 3), DIMS(3), DIMS(4, 3), TG_REDUCE_NONE, 8, 4, 1),
    THREE(DIMS(3), DIMS(3), DIMS(3), TG_REDUCE_MEAN, 12, 2, 0),
    THREE(DIMS(0, 3), DIMS(3), DIMS(3), TG_REDUCE_SUM, 4, 4, 0),
    THREE(DIMS(4, 3), DIMS(4, 1), SINGLE, TG_REDUCE_BATCH_MEAN, 9, 6, 1),
    THREE(DIMS(30, 60), DIMS(60), DIMS(30, 60), TG_REDUCE_MEAN, 4, 4, 1),
};
/* Behind the margin p, and four times the weights, if there are any; classes are 0, 1, 2. */
static const op_case multi_cases[] = {
    TWO(DIMS(4, 3), DIMS(4), TG_REDUCE_MEAN, 4, 1),      TWO(DIMS(4, 3), DIMS(4), TG_REDUCE_NONE, 2, 2),
    TWO(DIMS(3), SINGLE, TG_REDUCE_MEAN, 4, 1),          TWO(DIMS(4, 3), DIMS(4), TG_REDUCE_BATCH_MEAN, 6, 1, 1, 8, 3),
    TWO(DIMS(3), SINGLE, TG_REDUCE_NONE, 4, 2, 4, 2, 1), TWO(DIMS(0, 3), DIMS(0), TG_REDUCE_SUM, 4, 1),
    TWO(DIMS(20, 60), DIMS(20), TG_REDUCE_MEAN, 4, 2),
};

static double number_in(const settings *with, int i) {
    return with->value[i] / 4.0;
}

/* Settings from `from` on as a vector of x's dtype; TG_NONE for none. */
static tg_tensor weights_in(tg_tensor x, const settings *with, int from) {
    static values v;
    if (with->count <= from) return TG_NONE;
    clear_values(&v, tg_dtype_of(x), TG_SHAPE(with->count - from));
    for (int i = 0; i < v.size; i++)
        v.at[i].real = (long double)number_in(with, from + i);
    return leaf_of(x.tape, &v);
}

static long double weight_in(const settings *with, int from, int64_t i) {
    return with->count > from ? (long double)number_in(with, from + (int)i) : 1;
}

static long double number_at(const values *x, int64_t i) {
    return x->dtype == TG_I64 ? (long double)x->at[i].whole : x->at[i].real;
}

static tg_reduction how(const settings *with) {
    return (tg_reduction)with->value[0];
}

/* ---- elementwise: x[k] is operand k there, i its place --------------------------------------------------------------- */

#define ELEMENTWISE(name, operands, formula) \
    static void expect_##name(const values *in, const settings *with, values *y) { \
        static values each; \
        int64_t       index[TG_MAX_RANK]; \
        tg_shape      shape = in->shape; \
        for (int k = 1; k < operands; k++) \
            shape = broadcast_shapes(shape, in[k].shape); \
        clear_values(&each, in->dtype, shape); \
        for (int64_t i = 0; i < each.size; i++) { \
            long double x[operands], margin = (long double)number_in(with, 1); \
            (void)margin; \
            unravel(shape, i, index); \
            for (int k = 0; k < operands; k++) \
                x[k] = number_at(&in[k], ravel_broadcast(in[k].shape, shape.rank, index)); \
            each.at[i].real = formula; \
        } \
        expect_reduced(&each, how(with), NULL, y); \
    }

static long double hinge(long double x, long double target, long double margin) {
    long double different = fmaxl(0, margin - x);
    return target == 1 ? x : target == -1 ? different : x + different;
}

ELEMENTWISE(margin_ranking_loss, 3, fmaxl(0, -x[2] * (x[0] - x[1]) + margin))
ELEMENTWISE(hinge_embedding_loss, 2, hinge(x[0], x[1], margin))
ELEMENTWISE(soft_margin_loss, 2, logl(1 + expl(-x[0] * x[1])))

static tg_tensor record_margin_ranking_loss(const tg_tensor *x, const settings *with) {
    return tg_margin_ranking_loss(x[0], x[1], x[2], number_in(with, 1), how(with));
}

static tg_tensor record_hinge_embedding_loss(const tg_tensor *x, const settings *with) {
    return tg_hinge_embedding_loss(x[0], x[1], number_in(with, 1), how(with));
}

static tg_tensor record_soft_margin_loss(const tg_tensor *x, const settings *with) {
    return tg_soft_margin_loss(x[0], x[1], how(with));
}

/* ---- of vectors, along the last axis ----------------------------------------------------------------------------- */

/* Vector i of operand x, broadcast to a shape. */
static void vector_at(const values *x, tg_shape shape, int64_t i, long double *vector) {
    int64_t index[TG_MAX_RANK];
    for (int64_t j = 0, n = shape.dims[shape.rank - 1]; j < n; j++) {
        unravel(shape, i * n + j, index);
        vector[j] = x->at[ravel_broadcast(x->shape, shape.rank, index)].real;
    }
}

/* The losses of vectors, n elements each, by a function of them and of a number, that of the target where there is one. */
static void expect_vectors(const values *x, int operands, const values *target, const settings *with,
                           long double (*loss)(long double v[3][64], int64_t n, long double target, const settings *with),
                           values *y) {
    static values each;
    long double   v[3][64];
    tg_shape      shape = x->shape;
    for (int k = 1; k < operands; k++)
        shape = broadcast_shapes(shape, x[k].shape);
    clear_values(&each, x->dtype, tg_shape_from(shape.rank - 1, shape.dims));
    for (int64_t i = 0; i < each.size; i++) {
        for (int k = 0; k < operands; k++)
            vector_at(&x[k], shape, i, v[k]);
        each.at[i].real = loss(v, shape.dims[shape.rank - 1], target ? number_at(target, target->size > 1 ? i : 0) : 0, with);
    }
    expect_reduced(&each, how(with), NULL, y);
}

static long double multilabel(long double v[3][64], int64_t n, long double target, const settings *with) {
    long double sum = 0;
    (void)target;
    for (int64_t j = 0; j < n; j++)
        sum += weight_in(with, 1, j) * (v[1][j] * logl(1 + expl(-v[0][j])) + (1 - v[1][j]) * logl(1 + expl(v[0][j])));
    return sum / (long double)n;
}

static long double cosine(long double v[3][64], int64_t n, long double target, const settings *with) {
    long double ab = 0, aa = 1e-12L, bb = 1e-12L, c;
    for (int64_t j = 0; j < n; j++) {
        ab += v[0][j] * v[1][j];
        aa += v[0][j] * v[0][j];
        bb += v[1][j] * v[1][j];
    }
    c = ab / sqrtl(aa * bb);
    return target == 1 ? 1 - c : target == -1 ? fmaxl(0, c - (long double)number_in(with, 1)) : 0;
}

static long double distance(const long double *a, const long double *b, int64_t n, long double p) {
    long double sum = 0;
    for (int64_t j = 0; j < n; j++)
        sum += powl(fabsl(a[j] - b[j] + 1e-6L), p);
    return powl(sum, 1 / p);
}

static long double triplet(long double v[3][64], int64_t n, long double target, const settings *with) {
    long double p = with->value[2] / 2.0L, far = distance(v[0], v[2], n, p);
    (void)target;
    if (with->value[3]) far = fminl(far, distance(v[1], v[2], n, p));
    return fmaxl(0, distance(v[0], v[1], n, p) - far + (long double)number_in(with, 1));
}

#define VECTORS(name, operands, target, loss) \
    static void expect_##name(const values *x, const settings *with, values *y) { \
        expect_vectors(x, operands, target, with, loss, y); \
    }
VECTORS(multilabel_soft_margin_loss, 2, NULL, multilabel)
VECTORS(cosine_embedding_loss, 2, &x[2], cosine)
VECTORS(triplet_margin_loss, 3, NULL, triplet)

static tg_tensor record_multilabel_soft_margin_loss(const tg_tensor *x, const settings *with) {
    tg_tensor weight = with->count > 1 ? weights_in(x[0], with, 1) : TG_NONE;
    return tg_multilabel_soft_margin_loss(x[0], x[1], weight, how(with));
}

static tg_tensor record_cosine_embedding_loss(const tg_tensor *x, const settings *with) {
    return tg_cosine_embedding_loss(x[0], x[1], x[2], number_in(with, 1), how(with));
}

static tg_tensor record_triplet_margin_loss(const tg_tensor *x, const settings *with) {
    return tg_triplet_margin_loss(x[0], x[1], x[2], number_in(with, 1), with->value[2] / 2.0, 1e-6, with->value[3] != 0,
                                  how(with));
}

/* ---- of classes -------------------------------------------------------------------------------------------------- */

static tg_tensor record_multi_margin_loss(const tg_tensor *x, const settings *with) {
    return tg_multi_margin_loss(x[0], x[1], with->value[2], number_in(with, 1), weights_in(x[0], with, 3), how(with));
}

static void expect_multi_margin_loss(const values *x, const settings *with, values *y) {
    static values each;
    int64_t       n = x->shape.dims[x->shape.rank - 1];
    clear_values(&each, x->dtype, x[1].shape);
    for (int64_t i = 0; i < each.size; i++) {
        int64_t own = x[1].at[i].whole;
        for (int64_t j = 0; j < n; j++) {
            long double missing = fmaxl(0, (long double)number_in(with, 1) - x->at[i * n + own].real + x->at[i * n + j].real);
            if (j != own) each.at[i].real += weight_in(with, 3, own) * powl(missing, with->value[2]) / (long double)n;
        }
    }
    expect_reduced(&each, how(with), NULL, y);
}

#define ROW(function, operands, list, ...) \
    { \
        .name = #function, .called = #function, .arity = operands, .takes = TAKES_FLOAT, .record = record_##function, \
        .expect = expect_##function, .cases = list, .case_count = sizeof list / sizeof *list, __VA_ARGS__ \
    }

const op_row margin_loss_rows[] = {
    ROW(margin_ranking_loss, 3, ranking_cases, .low = {-2, -2, -2}, .high = {2, 2, 2}),
    ROW(hinge_embedding_loss, 2, hinge_cases, .indices = 2, .low = {-2, 0}, .high = {2, 2}),
    ROW(soft_margin_loss, 2, soft_cases, .low = {-2, -2}, .high = {2, 2}),
    ROW(multilabel_soft_margin_loss, 2, multilabel_cases, .low = {-2, 0}, .high = {2, 1}),
    ROW(cosine_embedding_loss, 3, cosine_cases, .indices = 4, .low = {-2, -2, 0}, .high = {2, 2, 2}),
    ROW(triplet_margin_loss, 3, triplet_cases, .low = {-2, -2, -2}, .high = {2, 2, 2}),
    ROW(multi_margin_loss, 2, multi_cases, .indices = 2, .low = {-2, 0}, .high = {2, 3}),
    {.name = NULL},
};

/* ---- where just nothing is missing, and far from it ------------------------------------------------------------------ */

START_TEST(at_the_margin_gradients_are_pytorchs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 0, 1, 2), classes = I64(tape, 1), pair = tg_reshape(POINTS(tape, 1, 2), TG_SHAPE(1, 2));
    CHECK_IS(tg_margin_ranking_loss(x, 0, 1, 1, TG_REDUCE_NONE), 1, 0, 0);
    CHECK_IS(slope(tg_margin_ranking_loss(x, 0, 1, 1, TG_REDUCE_NONE), x), -1, 0, 0);
    CHECK_IS(tg_hinge_embedding_loss(x, -1, 1, TG_REDUCE_NONE), 1, 0, 0);
    CHECK_IS(slope(tg_hinge_embedding_loss(x, -1, 1, TG_REDUCE_NONE), x), -1, 0, 0);
    CHECK_IS(tg_hinge_embedding_loss(x, 1, 1, TG_REDUCE_NONE), 0, 1, 2);
    CHECK_IS(tg_multi_margin_loss(pair, classes, 1, 1, TG_NONE, TG_REDUCE_NONE), 0);
    CHECK_IS(slope(tg_multi_margin_loss(pair, classes, 1, 1, TG_NONE, TG_REDUCE_NONE), pair), 0, 0);
    CHECK_NEAR(1e-6, tg_multi_margin_loss(x, 0, 2, 1, TG_NONE, TG_REDUCE_NONE), 13 / 3.0);
    finish(tape);
}
END_TEST

/* 1e-12 keeps the gradient finite. */
START_TEST(zero_vectors_have_directions_to_go) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor zero = POINTS(tape, 0, 0), b = POINTS(tape, 3, 4), y = tg_cosine_embedding_loss(zero, b, 1, 0, TG_REDUCE_NONE);
    CHECK_IS(y, 1);
    CHECK_NEAR(1e-6, slope(y, zero), -0.6e6, -0.8e6);
    CHECK_IS(slope(y, b), 0, 0);
    finish(tape);
}
END_TEST

START_TEST(numbers_are_operands) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 3, 4), one = POINTS(tape, 1);
    CHECK_IS(tg_margin_ranking_loss(1, 2, one, 0, TG_REDUCE_NONE), 1);
    CHECK_IS(tg_hinge_embedding_loss(0.5, one, 1, TG_REDUCE_NONE), 0.5);
    CHECK_IS(tg_triplet_margin_loss(0, 0, x, 6, 2, 0, false, TG_REDUCE_NONE), 1);
    CHECK_NEAR(1e-5, tg_cosine_embedding_loss(x, 1, 1, 0, TG_REDUCE_NONE), 1 - 7 / (5 * sqrt(2)));
    CHECK_NEAR(1e-6, tg_cosine_embedding_loss(x, 1, -1, 0, TG_REDUCE_NONE), 7 / (5 * sqrt(2)));
    CHECK_IS(tg_multilabel_soft_margin_loss(tg_mul(1000, x), 0, 2, TG_REDUCE_NONE), 7000);
    CHECK_IS(tg_soft_margin_loss(POINTS(tape, -1000, 1000, INF), 1, TG_REDUCE_NONE), 1000, 0, 0);
    finish(tape);
}
END_TEST

/* What a run finds. */
START_TEST(a_class_that_is_none_fails_the_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1), classes = tg_input(tape, "classes", TG_I64, TG_SHAPE(2));
    tg_tensor y = tg_multi_margin_loss(x, classes, 1, 1, TG_NONE, TG_REDUCE_MEAN);
    ck_assert(tg_item(y) > 0);
    tg_write(classes, ((int64_t[]){0, 3}), 2);
    ck_assert_int_eq(tg_run(tape), TG_ERR_INDEX);
    CHECK_ERROR(tape, TG_ERR_INDEX, "test_margin_loss.c:", "multi_margin_loss: ", "3");
    finish(tape);
}
END_TEST

START_TEST(what_they_reject) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), t = tg_full(tape, TG_F32, TG_SHAPE(4), 1),
              wide = F64(tape, 1, 2, 3), i = I64(tape, 1, 2), one = tg_full(tape, TG_F32, TG_SHAPE(), 1),
              none = tg_slice(x, 1, 0, 0, 1);
    REFUSED(tg_margin_ranking_loss(x, x, 1, NOT, TG_REDUCE_SUM), TG_ERR_ARGUMENT, "margin_ranking_loss: margin nan");
    REFUSED(tg_hinge_embedding_loss(x, t, 1, TG_REDUCE_SUM), TG_ERR_SHAPE, "hinge_embedding_loss: (2, 3) x (4): the shapes");
    REFUSED(tg_hinge_embedding_loss(x, wide, 1, TG_REDUCE_SUM), TG_ERR_DTYPE,
            "hinge_embedding_loss: ", "the target is int64, or");
    REFUSED(tg_cosine_embedding_loss(x, x, tg_num(1), 0, (tg_reduction)-1), TG_ERR_ARGUMENT,
            "cosine_embedding_loss: -1 is no tg_reduction");
    REFUSED(tg_hinge_embedding_loss(x, 1, INF, TG_REDUCE_SUM), TG_ERR_ARGUMENT, "hinge_embedding_loss: margin inf");
    REFUSED(tg_soft_margin_loss(x, x, (tg_reduction)9), TG_ERR_ARGUMENT, "soft_margin_loss: 9 is no tg_reduction");
    REFUSED(tg_multilabel_soft_margin_loss(one, 1, TG_NONE, TG_REDUCE_SUM), TG_ERR_SHAPE,
            "multilabel_soft_margin_loss: () x (): there is no last axis");
    REFUSED(tg_multilabel_soft_margin_loss(t, 1, TG_NONE, TG_REDUCE_BATCH_MEAN), TG_ERR_SHAPE,
            "multilabel_soft_margin_loss: ", "a single loss");
    REFUSED(tg_multilabel_soft_margin_loss(x, 1, wide, TG_REDUCE_SUM), TG_ERR_DTYPE,
            "multilabel_soft_margin_loss: ", "tg_cast");
    REFUSED(tg_cosine_embedding_loss(x, x, t, 0, TG_REDUCE_SUM), TG_ERR_SHAPE,
            "cosine_embedding_loss: (2, 3) x (2, 3) x (4): the target is not of shape (2)");
    REFUSED(tg_cosine_embedding_loss(x, t, 1, 0, TG_REDUCE_SUM), TG_ERR_SHAPE,
            "cosine_embedding_loss: (2, 3) x (4) x (): the shapes");
    REFUSED(tg_cosine_embedding_loss(x, x, 1, NOT, TG_REDUCE_SUM), TG_ERR_ARGUMENT, "cosine_embedding_loss: margin nan");
    REFUSED(tg_triplet_margin_loss(x, x, x, 0, 2, 0, false, TG_REDUCE_SUM), TG_ERR_ARGUMENT,
            "triplet_margin_loss: margin 0 is not in (0, inf)");
    REFUSED(tg_triplet_margin_loss(x, x, x, 1, -2, 0, false, TG_REDUCE_SUM), TG_ERR_ARGUMENT, "triplet_margin_loss: p -2 ");
    REFUSED(tg_triplet_margin_loss(one, one, 1, 1, 2, 0, false, TG_REDUCE_SUM), TG_ERR_SHAPE,
            "triplet_margin_loss: ", "there is no last axis");
    REFUSED(tg_multi_margin_loss(one, 0, 1, 1, TG_NONE, TG_REDUCE_SUM), TG_ERR_SHAPE,
            "multi_margin_loss: () x (): x must be (N, C) or (C)");
    REFUSED(tg_multi_margin_loss(none, i, 1, 1, TG_NONE, TG_REDUCE_SUM), TG_ERR_SHAPE,
            "multi_margin_loss: ", "there are no classes");
    REFUSED(tg_multi_margin_loss(x, t, 1, 1, TG_NONE, TG_REDUCE_SUM), TG_ERR_DTYPE,
            "multi_margin_loss: ", "the classes must be int64");
    REFUSED(tg_multi_margin_loss(x, 0, 1, 1, TG_NONE, TG_REDUCE_SUM), TG_ERR_SHAPE,
            "multi_margin_loss: ", "the target is not of shape (2)");
    REFUSED(tg_multi_margin_loss(x, i, 1, 1, t, TG_REDUCE_SUM), TG_ERR_SHAPE,
            "multi_margin_loss: ", "the weight is not of shape (3)");
    REFUSED(tg_multi_margin_loss(x, i, 1, 1, wide, TG_REDUCE_SUM), TG_ERR_DTYPE, "multi_margin_loss: ", "the weights differ");
    REFUSED(tg_multi_margin_loss(x, i, 3, 1, TG_NONE, TG_REDUCE_SUM), TG_ERR_ARGUMENT,
            "multi_margin_loss: p 3 is not in [1, 2]");
    REFUSED(tg_multi_margin_loss(t, 0, 1, 1, TG_NONE, TG_REDUCE_BATCH_MEAN), TG_ERR_SHAPE,
            "multi_margin_loss: ", "a single loss");
    finish(tape);
}
END_TEST

Suite *suite_margin_loss(void) {
    Suite *suite = suite_create("margin_loss");
    TCase *tcase = tcase_create("margins");
    add_rows(suite, margin_loss_rows);
    tcase_add_loop_test(tcase, at_the_margin_gradients_are_pytorchs, 0, 2);
    tcase_add_loop_test(tcase, zero_vectors_have_directions_to_go, 0, 2);
    tcase_add_loop_test(tcase, numbers_are_operands, 0, 2);
    tcase_add_test(tcase, a_class_that_is_none_fails_the_run);
    tcase_add_test(tcase, what_they_reject);
    suite_add_tcase(suite, tcase);
    return suite;
}
