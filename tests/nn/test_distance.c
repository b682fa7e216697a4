/* tests/nn/test_distance.c: cosine_similarity, pairwise_distance, cdist: their rows of the op table; vectors that are zero, equal, very large
 * or very small, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "nn/near.h"
#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

/* clang-format off */
#define DIMS(...) {sizeof((int[]){0, __VA_ARGS__}) / sizeof(int) - 1, {__VA_ARGS__}}
#define SINGLE {0, {0}}
#define CASE(a, b, ...) {.shape = {a, b}, .with = {sizeof((int[]){__VA_ARGS__}) / sizeof(int), {__VA_ARGS__}}}
/* clang-format on */

/* The axis, and eps: in quarters, or for 0 the usual one. */
static const op_case cosine_cases[] = {
    CASE(DIMS(2, 3), DIMS(2, 3), 1, 0), CASE(DIMS(2, 3), DIMS(2, 3), -2, 0),
    CASE(DIMS(3), DIMS(3), 0, 0),       CASE(DIMS(2, 3), DIMS(3), 1, 12),
    CASE(DIMS(2, 3), DIMS(1), 1, 0),    CASE(DIMS(2, 3), SINGLE, -1, 0),
    CASE(DIMS(1), DIMS(1), 0, 0),       CASE(DIMS(2, 0), DIMS(2, 0), 1, 0),
    CASE(DIMS(0, 2), DIMS(0, 2), 1, 0), CASE(DIMS(2, 1, 2, 1, 2, 1, 2, 2), DIMS(2, 2), 2, 0),
    CASE(DIMS(30, 60), DIMS(60), 1, 0),
};

/* 2 p, or 1000 for infinity; and of pairs, eps in quarters, or for 0 the usual one, and keepdim. */
static const op_case pair_cases[] = {
    CASE(DIMS(2, 3), DIMS(2, 3), 4, 0, 0),
    CASE(DIMS(2, 3), DIMS(3), 2, 1, 1),
    CASE(DIMS(3), DIMS(2, 3), 1000, 0, 0),
    CASE(DIMS(2, 3), SINGLE, 6, 0, 1),
    CASE(DIMS(4), DIMS(4), 1, 1, 0),
    CASE(DIMS(1), SINGLE, 4, 2, 0),
    CASE(DIMS(0, 3), DIMS(3), 4, 0, 0),
    CASE(DIMS(2, 0), DIMS(2, 0), 1000, 0, 0),
    CASE(DIMS(2, 1, 2, 1, 1, 2, 1, 2), DIMS(2, 2), 4, 0, 0),
    CASE(DIMS(30, 60), DIMS(60), 4, 0, 0),
};
static const op_case cdist_cases[] = {
    CASE(DIMS(2, 3), DIMS(3, 3), 4),       CASE(DIMS(2, 3), DIMS(3, 3), 2),
    CASE(DIMS(2, 3), DIMS(2, 3), 1000),    CASE(DIMS(2, 3), DIMS(2, 3), 6),
    CASE(DIMS(2, 3), DIMS(2, 3), 1),       CASE(DIMS(2, 1, 2), DIMS(3, 2), 4),
    CASE(DIMS(2, 2, 1), DIMS(1, 3, 1), 4), CASE(DIMS(0, 3), DIMS(2, 3), 4),
    CASE(DIMS(2, 0), DIMS(3, 0), 1000),    CASE(DIMS(1, 2, 1, 1, 2, 2, 2), DIMS(2, 2), 2),
    CASE(DIMS(20, 9), DIMS(30, 9), 4),
};

static double eps_in(const settings *with) {
    return with->value[1] ? with->value[1] / 4.0 : 1e-8;
}

static tg_tensor record_cosine_similarity(const tg_tensor *x, const settings *with) {
    return tg_cosine_similarity(x[0], x[1], with->value[0], eps_in(with));
}

static void expect_cosine_similarity(const values *x, const settings *with, values *y) {
    tg_shape shape = broadcast_shapes(x[0].shape, x[1].shape), left = {0};
    int      axis = (with->value[0] + shape.rank) % shape.rank;
    int64_t  index[TG_MAX_RANK];
    for (int i = 0; i < shape.rank; i++)
        if (i != axis) left.dims[left.rank++] = shape.dims[i];
    clear_values(y, x->dtype, left);
    for (int64_t n = 0; n < y->size; n++) {
        long double ab = 0, aa = 0, bb = 0, least = (long double)eps_in(with);
        unravel(left, n, index);
        for (int i = shape.rank - 1; i > axis; i--)
            index[i] = index[i - 1];
        for (index[axis] = 0; index[axis] < shape.dims[axis]; index[axis]++) {
            long double a = x[0].at[ravel_broadcast(x[0].shape, shape.rank, index)].real;
            long double b = x[1].at[ravel_broadcast(x[1].shape, shape.rank, index)].real;
            ab += a * b;
            aa += a * a;
            bb += b * b;
        }
        y->at[n].real = ab / (fmaxl(sqrtl(aa), least) * fmaxl(sqrtl(bb), least));
    }
}

static double p_in(const settings *with) {
    return with->value[0] == 1000 ? (double)INFINITY : with->value[0] / 2.0;
}

static long double norm_of(int64_t count, const long double *d, long double p) {
    long double sum = 0, most = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += powl(fabsl(d[i]), p);
        most = fmaxl(most, fabsl(d[i]));
    }
    return isinf(p) ? most : powl(sum, 1 / p);
}

static tg_tensor record_pairwise_distance(const tg_tensor *x, const settings *with) {
    return tg_pairwise_distance(x[0], x[1], p_in(with), with->value[1] ? with->value[1] / 4.0 : 1e-6, with->value[2] != 0);
}

static void expect_pairwise_distance(const values *x, const settings *with, values *y) {
    tg_shape    both = broadcast_shapes(x[0].shape, x[1].shape), shape = both;
    int         rank = both.rank;
    int64_t     index[TG_MAX_RANK], n = both.dims[rank - 1];
    long double d[64], eps = with->value[1] ? with->value[1] / 4.0L : 1e-6L;
    shape.dims[rank - 1] = 1;
    if (!with->value[2]) shape.rank--;
    clear_values(y, x->dtype, shape);
    for (int64_t i = 0; i < y->size; i++) {
        unravel(shape, i, index);
        for (index[rank - 1] = 0; index[rank - 1] < n; index[rank - 1]++)
            d[index[rank - 1]] = x[0].at[ravel_broadcast(x[0].shape, rank, index)].real -
                                 x[1].at[ravel_broadcast(x[1].shape, rank, index)].real + eps;
        y->at[i].real = norm_of(n, d, (long double)p_in(with));
    }
}

static tg_tensor record_cdist(const tg_tensor *x, const settings *with) {
    return tg_cdist(x[0], x[1], p_in(with));
}

static tg_shape without_last(tg_shape shape, int count) {
    return tg_shape_from(shape.rank - count, shape.dims);
}

static void expect_cdist(const values *x, const settings *with, values *y) {
    tg_shape    batch = broadcast_shapes(without_last(x[0].shape, 2), without_last(x[1].shape, 2)), shape = batch;
    int64_t     index[TG_MAX_RANK], at[TG_MAX_RANK], m = x[0].shape.dims[x[0].shape.rank - 1];
    int         rank = batch.rank + 2;
    long double d[64];
    for (int k = 0; k < 2; k++)
        shape.dims[shape.rank++] = x[k].shape.dims[x[k].shape.rank - 2];
    clear_values(y, x->dtype, shape);
    for (int64_t i = 0; i < y->size; i++) {
        unravel(shape, i, index);
        for (int64_t c = 0; c < m; c++) {
            long double of[2];
            for (int k = 0; k < 2; k++) {
                unravel(shape, i, at);
                at[rank - 2] = index[rank - 2 + k];
                at[rank - 1] = c;
                of[k] = x[k].at[ravel_broadcast(x[k].shape, rank, at)].real;
            }
            d[c] = of[0] - of[1];
        }
        y->at[i].real = norm_of(m, d, (long double)p_in(with));
    }
}

#define ROW(function, list) \
    { \
        .name = #function, .called = #function, .arity = 2, .takes = TAKES_FLOAT, .record = record_##function, \
        .expect = expect_##function, .low = {-2, -2}, .high = {2, 2}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row distance_rows[] = {
    ROW(cosine_similarity, cosine_cases),
    ROW(pairwise_distance, pair_cases),
    ROW(cdist, cdist_cases),
    {.name = NULL},
};

/* ---- angles ------------------------------------------------------------------------------------------------------ */

START_TEST(the_size_of_vectors_does_not_matter_to_their_angle) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = F32(tape, 3, 4), b = F32(tape, 4, 3), large = tg_mul(0x1p100, a), small = tg_mul(0x1p-100, b);
    tg_tensor y = tg_cosine_similarity(large, small, 0, 0), y1 = tg_cosine_similarity(a, b, 0, 0);
    tg_tensor ratios =
        tg_concat(TG_LIST(tg_reshape(tg_div(y, y1), TG_SHAPE(1)), tg_div(tg_mul(0x1p100, slope(y, large)), slope(y1, a)),
                          tg_div(tg_mul(0x1p-100, slope(y, small)), slope(y1, b))),
                  0);
    CHECK_IS(tg_lt(tg_abs(tg_sub(ratios, 1)), 4e-6), 1, 1, 1, 1, 1);
    finish(tape);
}
END_TEST

START_TEST(cosine_of_zero_vectors) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor zero = POINTS(tape, 0, 0, 0), b = POINTS(tape, 2, 4, 4), short_one = POINTS(tape, 0.125, 0, 0);
    tg_tensor y = tg_cosine_similarity(zero, b, 0, 0.5);
    CHECK_IS(y, 0);
    CHECK_NEAR(1e-6, slope(y, zero), 2 / 3.0, 4 / 3.0, 4 / 3.0);
    CHECK_IS(slope(y, b), 0, 0, 0);
    CHECK_IS(slope(slope(y, zero), zero), 0, 0, 0);
    CHECK_NEAR(1e-6, tg_cosine_similarity(short_one, b, 0, 0.5), 1 / 12.0);
    CHECK_NEAR(1e-6, slope(tg_cosine_similarity(short_one, b, 0, 0.5), short_one), 2 / 3.0, 4 / 3.0, 4 / 3.0);
    CHECK_NEAR(1e-6, slope(tg_cosine_similarity(zero, b, 0, 1e-8), zero), 1e8 / 3, 2e8 / 3, 2e8 / 3);
    CHECK_IS(tg_cosine_similarity(zero, zero, 0, 1e-8), 0);
    CHECK_IS(slope(tg_cosine_similarity(zero, zero, 0, 1e-8), zero), 0, 0, 0);
    CHECK_IS(tg_cosine_similarity(zero, b, 0, 0), NOT);
    CHECK_NEAR(1e-6, tg_cosine_similarity(b, 1, 0, 1e-8), 10 / (6 * sqrt(3)));
    CHECK_NEAR(1e-6, tg_cosine_similarity(POINTS(tape, 1000, 0), POINTS(tape, -1000, 1000), -1, 1e-8), -sqrt(0.5));
    finish(tape);
}
END_TEST

/* ---- distances --------------------------------------------------------------------------------------------------- */

/* As PyTorch has it; and the second derivatives are not NaN. */
START_TEST(equal_points_have_no_gradient) {
    static const double p[] = {0.5, 1, 1.5, 2, 3, (double)INFINITY};
    tg_tape            *tape = tg_tape_new();
    tg_tensor a = tg_reshape(POINTS(tape, 1, 2, 0, 0), TG_SHAPE(2, 2)), b = tg_reshape(POINTS(tape, 1, 2), TG_SHAPE(1, 2));
    for (int i = 0; i < 6; i++) {
        tg_tensor y = tg_cdist(a, b, p[i]), g = tg_slice(slope(y, a), 0, 0, 1, 1);
        CHECK_IS(tg_slice(y, 0, 0, 1, 1), 0);
        CHECK_IS(g, 0, 0);
        CHECK_IS(tg_isnan(slope(slope(y, a), a)), 0, 0, 0, 0);
    }
    finish(tape);
}
END_TEST

/* Sums of squares would have no digits left. */
START_TEST(small_distances_far_out_are_right) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_reshape(F64(tape, 1e8, 1e8), TG_SHAPE(1, 2)), b = tg_reshape(F64(tape, 1e8 + 3, 1e8 - 4), TG_SHAPE(1, 2));
    CHECK_IS(tg_cdist(a, b, 2), 5);
    CHECK_IS(tg_cdist(tg_mul(1e200, a), tg_mul(-1e200, a), INFINITY), 2e208);
    CHECK_IS(tg_pairwise_distance(F64(tape, 3, 0), F64(tape, 0, 4), 2, 0, true), 5);
    CHECK_IS(tg_pairwise_distance(F64(tape, 3, 0), 0, 0, 0, false), 1);
    finish(tape);
}
END_TEST

START_TEST(what_they_reject) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), t = tg_full(tape, TG_F32, TG_SHAPE(4), 1),
              one = tg_full(tape, TG_F32, TG_SHAPE(), 1), deep = tg_full(tape, TG_F32, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 3), 1),
              turned = tg_transpose(x, 0, 1), two = tg_full(tape, TG_F32, TG_SHAPE(2, 4, 3), 1),
              three = tg_full(tape, TG_F32, TG_SHAPE(3, 4, 3), 1);
    REFUSED(tg_cosine_similarity(x, x, 2, 1e-8), TG_ERR_SHAPE,
            "cosine_similarity: (2, 3) x (2, 3): axis 2 of a tensor of rank 2");
    REFUSED(tg_cosine_similarity(x, x, 0, -1), TG_ERR_ARGUMENT, "cosine_similarity: eps -1 is not in [0, inf]");
    REFUSED(tg_cosine_similarity(x, t, 0, 1e-8), TG_ERR_SHAPE, "cosine_similarity: (2, 3) x (4)");
    REFUSED(tg_pairwise_distance(x, t, 2, 0, false), TG_ERR_SHAPE,
            "pairwise_distance: (2, 3) x (4): the shapes do not broadcast");
    REFUSED(tg_pairwise_distance(one, 1, 2, 0, false), TG_ERR_SHAPE,
            "pairwise_distance: () x (): there is no axis of coordinates");
    REFUSED(tg_pairwise_distance(x, x, -1, 0, false), TG_ERR_ARGUMENT, "pairwise_distance: p -1 is not in [0, inf]");
    REFUSED(tg_cdist(x, 1, 2), TG_ERR_SHAPE, "cdist: (2, 3) x (): both are (..., points, coordinates)");
    REFUSED(tg_cdist(x, turned, 2), TG_ERR_SHAPE, "cdist: (2, 3) x (3, 2): the numbers of coordinates differ");
    REFUSED(tg_cdist(x, deep, 2), TG_ERR_SHAPE, "cdist: ", "they have more than 7 axes");
    REFUSED(tg_cdist(two, three, 2), TG_ERR_SHAPE,
            "cdist: (2, 4, 3) x (3, 4, 3): the axes before the last two do not broadcast");
    REFUSED(tg_cdist(x, x, NOT), TG_ERR_ARGUMENT, "cdist: p nan");
    finish(tape);
}
END_TEST

Suite *suite_distance(void) {
    Suite *suite = suite_create("distance");
    TCase *tcase = tcase_create("vectors");
    add_rows(suite, distance_rows);
    tcase_add_test(tcase, the_size_of_vectors_does_not_matter_to_their_angle);
    tcase_add_loop_test(tcase, cosine_of_zero_vectors, 0, 2);
    tcase_add_loop_test(tcase, equal_points_have_no_gradient, 0, 2);
    tcase_add_test(tcase, small_distances_far_out_are_right);
    tcase_add_test(tcase, what_they_reject);
    suite_add_tcase(suite, tcase);
    return suite;
}
