/* tests/nn/test_attention.c: scaled_dot_product_attention: its row of the op table; rows in which nothing takes part, masks with
 * gradients, large scores, and what it rejects.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/nn.h>

#include <math.h>

#include "ops/op_table.h"

/* ---- the row ----------------------------------------------------------------------------------------------------- */

enum { NO_MASK, BOOL_MASK, FLOAT_MASK, BOOL_DEAD, FLOAT_DEAD, BOOL_OF_KEYS };

/* The settings are the kind of mask, causal or not, 8 times the scale, and, in the fixtures only, 10 times the dropout. */
static const op_case cases[] = {
    {.shape = {{2, {2, 3}}, {2, {2, 3}}, {2, {2, 2}}}, .with = {4, {NO_MASK, 0, 0, 0}}},
    {.shape = {{2, {2, 2}}, {2, {3, 2}}, {2, {3, 1}}}, .with = {4, {BOOL_MASK, 0, 0, 0}}},
    {.shape = {{2, {2, 2}}, {2, {3, 2}}, {2, {3, 1}}}, .with = {4, {FLOAT_MASK, 0, 8, 0}}},
    {.shape = {{2, {3, 2}}, {2, {2, 2}}, {2, {2, 1}}}, .with = {4, {BOOL_DEAD, 0, 0, 0}}},
    {.shape = {{2, {3, 2}}, {2, {4, 2}}, {2, {4, 1}}}, .with = {4, {FLOAT_DEAD, 0, -5, 0}}},
    {.shape = {{2, {3, 2}}, {2, {2, 2}}, {2, {2, 1}}}, .with = {4, {NO_MASK, 1, 0, 0}}},
    {.shape = {{2, {2, 2}}, {2, {4, 2}}, {2, {4, 1}}}, .with = {4, {NO_MASK, 1, 0, 0}}},
    {.shape = {{2, {3, 2}}, {2, {3, 2}}, {2, {3, 1}}}, .with = {4, {BOOL_DEAD, 1, 0, 0}}},
    {.shape = {{2, {3, 2}}, {2, {3, 2}}, {2, {3, 1}}}, .with = {4, {FLOAT_MASK, 1, 0, 0}}},
    {.shape = {{3, {2, 2, 2}}, {3, {2, 3, 2}}, {3, {2, 3, 1}}}, .with = {4, {BOOL_OF_KEYS, 0, 0, 0}}},
    {.shape = {{4, {2, 1, 2, 2}}, {3, {2, 3, 2}}, {2, {3, 2}}}, .with = {4, {BOOL_MASK, 0, 0, 0}}},
    {.shape = {{2, {1, 1}}, {2, {1, 1}}, {2, {1, 1}}}, .with = {4, {NO_MASK, 1, 0, 0}}},
    {.shape = {{2, {2, 3}}, {2, {0, 3}}, {2, {0, 2}}}, .with = {4, {BOOL_MASK, 0, 0, 0}}},
    {.shape = {{2, {0, 3}}, {2, {2, 3}}, {2, {2, 2}}}, .with = {4, {FLOAT_MASK, 1, 0, 0}}},
    {.shape = {{2, {2, 0}}, {2, {3, 0}}, {2, {3, 2}}}, .with = {4, {NO_MASK, 0, 0, 0}}},
    {.shape = {{8, {1, 2, 1, 1, 2, 1, 2, 2}}, {8, {1, 1, 1, 1, 2, 1, 2, 2}}, {2, {2, 1}}}, .with = {4, {BOOL_MASK, 1, 0, 0}}},
    {.shape = {{3, {3, 9, 16}}, {3, {3, 12, 16}}, {3, {3, 12, 8}}}, .with = {4, {BOOL_DEAD, 0, 0, 0}}},
};

/* The mask of one of these kinds, as make_layers.py makes it: of (queries, keys), or for each batch along the first axis of the
 * keys alone. */
static void fill_mask(int kind, tg_shape q, int64_t keys, tg_dtype dtype, values *mask) {
    bool     adds = kind == FLOAT_MASK || kind == FLOAT_DEAD;
    int64_t  queries = q.dims[q.rank - 2];
    tg_shape shape = TG_SHAPE(queries, keys);
    if (kind == BOOL_OF_KEYS) {
        shape = q;
        shape.dims[q.rank - 1] = keys;
        for (int i = 1; i < q.rank - 1; i++)
            shape.dims[i] = 1;
    }
    clear_values(mask, adds ? dtype : TG_BOOL, shape);
    for (int64_t i = 0; i < mask->size; i++) {
        bool takes_part = i % 3 != 1 && !((kind == BOOL_DEAD || kind == FLOAT_DEAD) && i / keys == 1);
        mask->at[i].whole = takes_part;
        mask->at[i].real = kind == FLOAT_DEAD && !takes_part ? -INFINITY : (long double)(i * 5 % 7 - 3) / 4;
    }
}

static tg_tensor mask_in(const tg_tensor *x, const settings *with) {
    static values mask;
    if (with->value[0] == NO_MASK || tg_error_status(x[0].tape)) return TG_NONE;
    tg_shape k = tg_shape_of(x[1]);
    fill_mask(with->value[0], tg_shape_of(x[0]), k.dims[k.rank - 2], tg_dtype_of(x[0]), &mask);
    return leaf_of(x[0].tape, &mask);
}

static tg_tensor record_attention(const tg_tensor *x, const settings *with) {
    const int *s = with->value;
    return tg_scaled_dot_product_attention(x[0], x[1], x[2], mask_in(x, with),
                                           &(tg_attention_options){.causal = s[1] != 0,
                                                                   .scale = s[2] / 8.0,
                                                                   .dropout = s[3] / 10.0});
}

static long double at(const values *x, int rank, int64_t *index, int64_t row, int64_t column) {
    index[rank - 2] = row;
    index[rank - 1] = column;
    return x->at[ravel_broadcast(x->shape, rank, index)].real;
}

/* What is added to the score of query i and key j. */
static long double bias_at(const values *mask, const settings *with, int rank, int64_t *index, int64_t i, int64_t j) {
    index[rank - 2] = i;
    index[rank - 1] = j;
    if (with->value[1] && j > i) return -INFINITY;
    if (with->value[0] == NO_MASK) return 0;
    element e = mask->at[ravel_broadcast(mask->shape, rank, index)];
    return is_floating(mask->dtype) ? e.real : e.whole ? 0 : -INFINITY;
}

static void expect_attention(const values *x, const settings *with, values *y) {
    static values      mask;
    static long double weight[64];
    tg_shape           shape = broadcast_shapes(broadcast_shapes(x[0].shape, x[1].shape), x[2].shape);
    int                rank = shape.rank;
    int64_t            queries = x[0].shape.dims[x[0].shape.rank - 2], d = x[0].shape.dims[x[0].shape.rank - 1];
    int64_t            keys = x[1].shape.dims[x[1].shape.rank - 2], index[TG_MAX_RANK];
    long double        scale = with->value[2] ? (long double)with->value[2] / 8 : d ? 1 / sqrtl((long double)d) : 1;
    ck_assert(keys <= 64);
    shape.dims[rank - 2] = queries;
    shape.dims[rank - 1] = x[2].shape.dims[x[2].shape.rank - 1];
    clear_values(y, x[0].dtype, shape);
    if (with->value[0] != NO_MASK) fill_mask(with->value[0], x[0].shape, keys, x[0].dtype, &mask);
    for (int64_t n = 0; n < y->size; n++) {
        long double sum = 0;
        unravel(shape, n, index);
        int64_t query = index[rank - 2], column = index[rank - 1];
        for (int64_t j = 0; j < keys; j++) {
            long double score = 0;
            for (int64_t c = 0; c < d; c++)
                score += at(&x[0], rank, index, query, c) * at(&x[1], rank, index, j, c);
            weight[j] = expl(scale * score + bias_at(&mask, with, rank, index, query, j));
            sum += weight[j];
        }
        for (int64_t j = 0; j < keys && sum > 0; j++)
            y->at[n].real += weight[j] / sum * at(&x[2], rank, index, j, column);
    }
}

const op_row attention_rows[] = {
    {.name = "scaled_dot_product_attention",
     .called = "scaled_dot_product_attention",
     .arity = 3,
     .takes = TAKES_FLOAT,
     .record = record_attention,
     .expect = expect_attention,
     .low = {-2, -2, -2},
     .high = {2, 2, 2},
     .cases = cases,
     .case_count = sizeof cases / sizeof *cases},
    {.name = NULL},
};

/* ---- masks ------------------------------------------------------------------------------------------------------- */

static tg_tensor matrix(int64_t rows, tg_tensor vector) {
    return tg_reshape(vector, TG_SHAPE(rows, -1));
}

#define ATTEND(q, k, v, mask) tg_scaled_dot_product_attention(q, k, v, mask, NULL)

START_TEST(a_mask_chooses) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor q = matrix(3, POINTS(tape, 1, 2, -1, 0, 3, 3)), k = matrix(2, POINTS(tape, 1, 0, 2, -1));
    tg_tensor v = matrix(2, POINTS(tape, 5, 7)), one = matrix(3, BOOL(tape, 1, 0, 0, 1, 0, 0));
    CHECK_IS(ATTEND(q, k, v, one), 5, 7, 0);
    CHECK_IS(ATTEND(q, k, v, BOOL(tape, 0, 1)), 7, 7, 7);
    CHECK_IS(ATTEND(q, k, v, BOOL(tape, 0)), 0, 0, 0);
    CHECK_IS(ATTEND(q, k, v, matrix(3, POINTS(tape, 0, -INF, -INF, 0, -INF, -INF))), 5, 7, 0);
    CHECK_IS(ATTEND(tg_mul(q, 0), k, v, TG_NONE), 6, 6, 6);
    CHECK_IS(ATTEND(tg_mul(q, 0), k, v, POINTS(tape, 3)), 6, 6, 6);
    CHECK_IS(ATTEND(q, k, v, POINTS(tape, NOT)), NOT, NOT, NOT);
    CHECK_IS(tg_scaled_dot_product_attention(tg_mul(q, 0), k, v, TG_NONE, &(tg_attention_options){.causal = true}), 5, 6, 6);
    CHECK_IS(tg_scaled_dot_product_attention(tg_mul(q, 0), k, v, BOOL(tape, 0, 1), &(tg_attention_options){.causal = true}), 0,
             7, 7);
    finish(tape);
}
END_TEST

/* A query to which nothing takes part: 0, with gradients 0, whatever the others have. */
START_TEST(dead_rows_have_no_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor q = matrix(2, POINTS(tape, 1, 2, -1, 0)), k = matrix(2, POINTS(tape, 1, 0, 2, -1));
    tg_tensor v = matrix(2, POINTS(tape, 5, 7)), none = matrix(2, POINTS(tape, -INF, -INF, -INF, -INF));
    tg_tensor dead[] = {none, matrix(2, BOOL(tape, 0, 0, 0, 0))};
    for (int i = 0; i < 2; i++) {
        tg_tensor y = ATTEND(q, k, v, dead[i]);
        CHECK_IS(y, 0, 0);
        CHECK_IS(slope(y, q), 0, 0, 0, 0);
        CHECK_IS(slope(y, k), 0, 0, 0, 0);
        CHECK_IS(slope(y, v), 0, 0);
        CHECK_IS(slope(slope(y, v), q), 0, 0, 0, 0);
    }
    CHECK_IS(slope(ATTEND(q, k, v, none), none), 0, 0, 0, 0);
    finish(tape);
}
END_TEST

START_TEST(a_mask_that_is_added_has_gradients) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           in[4] = {tg_constant(tape, TG_F64, TG_SHAPE(3, 2), (double[]){1, 2, -1, 0, 0.5, 1}),
                                 tg_constant(tape, TG_F64, TG_SHAPE(4, 2), (double[]){1, 0, 2, -1, -0.5, 1, 0.25, 0}),
                                 tg_constant(tape, TG_F64, TG_SHAPE(4, 1), (double[]){5, 7, -1, 2}),
                                 tg_constant(tape, TG_F64, TG_SHAPE(3, 4), (double[]){0, 1, -1, 0.5, 2, -2, 0, 1, 0, 0, 0.25, 1})};
    tg_gradcheck_report report = {.order = 2};
    for (int causal = 0; causal < 2; causal++) {
        tg_tensor y = tg_scaled_dot_product_attention(in[0], in[1], in[2], in[3], &(tg_attention_options){.causal = causal});
        ck_assert_msg(tg_gradcheck(y, 4, in, &report) == TG_OK, "%s", tg_error(tape));
    }
    finish(tape);
}
END_TEST

/* ---- options ----------------------------------------------------------------------------------------------------- */

START_TEST(large_scores_do_not_overflow) {
    tg_tape  *tape = tg_tape_new();
    double    large = floats[_i] == TG_F32 ? 1e18 : 1e150;
    tg_tensor q = matrix(1, POINTS(tape, large, -large)), k = matrix(2, POINTS(tape, large, 0, 0, large));
    tg_tensor v = matrix(2, POINTS(tape, 5, 7));
    CHECK_IS(ATTEND(q, k, v, TG_NONE), 5);
    CHECK_IS(ATTEND(tg_neg(q), k, v, TG_NONE), 7);
    CHECK_IS(slope(ATTEND(q, k, v, TG_NONE), v), 1, 0);
    CHECK_IS(slope(ATTEND(q, k, v, TG_NONE), q), 0, 0);
    finish(tape);
}
END_TEST

/* Many queries are done in parts, each with the keys that it sees: as with the mask. What no query sees may be anything. */
static const int64_t sizes[][2] = {{128, 128}, {129, 129}, {300, 170}, {150, 400}, {1100, 1100}};

static void check_near(tg_tensor a, tg_tensor b) {
    double difference;
    ck_assert_int_eq(tg_read(tg_max(tg_abs(tg_sub(a, b))), &difference, 1), TG_OK);
    ck_assert_msg(difference < 1e-12, "%g", difference);
}

START_TEST(many_queries_see_what_is_before_them) {
    tg_tape  *tape = tg_tape_new();
    int64_t   queries = sizes[_i][0], keys = sizes[_i][1], seen = queries < keys ? queries : keys;
    tg_tensor x[] = {tg_normal(tape, TG_F64, TG_SHAPE(2, queries, 3), 0, 1), tg_normal(tape, TG_F64, TG_SHAPE(keys, 3), 0, 1),
                     tg_normal(tape, TG_F64, TG_SHAPE(2, keys, 2), 0, 1)};
    tg_tensor mask = tg_tril(tg_full(tape, TG_BOOL, TG_SHAPE(queries, keys), 1), 0);
    tg_tensor y = tg_scaled_dot_product_attention(x[0], x[1], x[2], TG_NONE, &(tg_attention_options){.causal = true});
    tg_tensor expected = ATTEND(x[0], x[1], x[2], mask), weight = tg_normal(tape, TG_F64, tg_shape_of(y), 0, 1);
    check_near(y, expected);
    for (int i = 0; i < 3; i++)
        check_near(slope(tg_mul(y, weight), x[i]), slope(tg_mul(expected, weight), x[i]));
    tg_tensor unseen = tg_ge(tg_arange(tape, TG_I64, 0, (double)keys, 1), (double)seen);
    tg_tensor v = tg_where(tg_unsqueeze(unseen, -1), NAN, x[2]);
    check_near(tg_scaled_dot_product_attention(x[0], x[1], v, TG_NONE, &(tg_attention_options){.causal = true}), expected);
    finish(tape);
}
END_TEST

START_TEST(dropout_drops_weights) {
    tg_tape  *tape = tg_tape_new(), *other = tg_tape_new();
    tg_tensor q = tg_full(tape, TG_F64, TG_SHAPE(20, 3), 0), k = tg_full(tape, TG_F64, TG_SHAPE(8, 3), 1);
    tg_tensor v = tg_constant(tape, TG_F64, TG_SHAPE(8, 1), (double[]){1, 2, 4, 8, 16, 32, 64, 128});
    tg_tensor y = tg_scaled_dot_product_attention(q, k, v, TG_NONE, &(tg_attention_options){.dropout = 0.5});
    double    sums[20];
    bool      kept[20 * 8];
    tg_seed(tape, 5);
    tg_seed(other, 5);
    for (int run = 0; run < 3; run++) {
        ck_assert_int_eq(tg_run(tape), TG_OK);
        ck_assert_int_eq(tg_read(y, sums, 20), TG_OK);
        ck_assert_int_eq(tg_read(tg_bernoulli(other, TG_BOOL, TG_SHAPE(20, 8), 0.5), kept, 20 * 8), TG_OK);
        for (int i = 0; i < 20; i++) {
            double expected = 0;
            for (int j = 0; j < 8; j++)
                expected += kept[8 * i + j] ? (1 << j) * 0.25 : 0; /* 2 / 8 */
            ck_assert(sums[i] == expected);
        }
    }
    finish(tape);
    finish(other);
}
END_TEST

/* Dropout draws a number for each query and key, seen or not, as with the mask. */
START_TEST(dropout_of_many_queries) {
    tg_tape  *tape = tg_tape_new();
    int64_t   queries = sizes[_i][0], keys = sizes[_i][1];
    tg_tensor q = tg_normal(tape, TG_F64, TG_SHAPE(queries, 3), 0, 1), k = tg_normal(tape, TG_F64, TG_SHAPE(keys, 3), 0, 1);
    tg_tensor mask = tg_tril(tg_full(tape, TG_BOOL, TG_SHAPE(queries, keys), 1), 0), y[2];
    for (int masked = 0; masked < 2; masked++) {
        tg_attention_options options = {.dropout = 0.5, .causal = !masked};
        tg_seed(tape, 5);
        y[masked] = tg_scaled_dot_product_attention(q, k, k, masked ? mask : TG_NONE, &options);
        ck_assert_int_eq(tg_run_pending(tape), TG_OK);
    }
    check_near(y[0], y[1]);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static tg_tensor of(tg_tape *tape, int64_t rows, int64_t columns) {
    return tg_full(tape, TG_F32, TG_SHAPE(rows, columns), 1);
}

START_TEST(what_it_rejects) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor q = of(tape, 2, 3), k = of(tape, 4, 3), v = of(tape, 4, 5), three = tg_full(tape, TG_F32, TG_SHAPE(3, 4, 3), 1);
    tg_tensor vector = tg_full(tape, TG_F32, TG_SHAPE(3), 1), wide = tg_full(tape, TG_F64, TG_SHAPE(2, 4), 1);
    tg_tensor wrong = tg_full(tape, TG_BOOL, TG_SHAPE(2, 3), 1), many = tg_full(tape, TG_BOOL, TG_SHAPE(3, 2, 4), 1);
    tg_tensor single = tg_full(tape, TG_F32, TG_SHAPE(), 1), batch = tg_full(tape, TG_F32, TG_SHAPE(2, 2, 3), 1);
    REFUSED(ATTEND(q, k, q, TG_NONE), TG_ERR_SHAPE,
            "scaled_dot_product_attention: (2, 3) x (4, 3) x (2, 3): there are not as many");
    REFUSED(ATTEND(q, v, v, TG_NONE), TG_ERR_SHAPE, "(2, 3) x (4, 5) x (4, 5): the last axes of queries and keys differ");
    REFUSED(ATTEND(q, vector, v, TG_NONE), TG_ERR_SHAPE, "two axes at least");
    REFUSED(ATTEND(1, k, v, TG_NONE), TG_ERR_SHAPE, "() x (4, 3) x (4, 5): ", "two axes at least");
    REFUSED(ATTEND(batch, three, v, TG_NONE), TG_ERR_SHAPE, "(2, 2, 3) x (3, 4, 3) x (4, 5): ", "do not broadcast");
    REFUSED(ATTEND(q, k, v, wrong), TG_ERR_SHAPE, "(2, 3) x (4, 3) x (4, 5) x (2, 3): the mask does not broadcast to (2, 4)");
    REFUSED(ATTEND(q, k, v, many), TG_ERR_SHAPE, "the mask does not broadcast to (2, 4)");
    REFUSED(ATTEND(q, k, v, single), TG_ERR_SHAPE, "the mask does not broadcast to (2, 4)");
    REFUSED(ATTEND(q, k, v, wide), TG_ERR_DTYPE, "float64 (2, 4): dtypes differ");
    REFUSED(ATTEND(q, k, v, 0), TG_ERR_ARGUMENT, "the mask is a plain number", "TG_NONE");
    REFUSED(ATTEND(q, k, v, (tg_tensor){0}), TG_ERR_HANDLE, "operand 4 is no tensor");
    REFUSED(ATTEND(TG_NONE, k, v, TG_NONE), TG_ERR_HANDLE, "operand 1 is TG_NONE");
    REFUSED(tg_scaled_dot_product_attention(q, k, v, TG_NONE, &(tg_attention_options){.scale = NAN}), TG_ERR_ARGUMENT,
            "scale nan is not in (-inf, inf)");
    REFUSED(tg_scaled_dot_product_attention(q, k, v, TG_NONE, &(tg_attention_options){.dropout = 2}), TG_ERR_ARGUMENT,
            "scaled_dot_product_attention: dropout 2 is not in [0, 1]");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_attention(void) {
    Suite *suite = suite_create("attention");
    TCase *tcase = tcase_create("special cases");
    add_rows(suite, attention_rows);
    tcase_add_loop_test(tcase, a_mask_chooses, 0, 2);
    tcase_add_loop_test(tcase, dead_rows_have_no_gradient, 0, 2);
    tcase_add_test(tcase, a_mask_that_is_added_has_gradients);
    tcase_add_loop_test(tcase, large_scores_do_not_overflow, 0, 2);
    tcase_add_loop_test(tcase, many_queries_see_what_is_before_them, 0, sizeof sizes / sizeof *sizes);
    tcase_add_loop_test(tcase, dropout_of_many_queries, 0, sizeof sizes / sizeof *sizes);
    tcase_add_test(tcase, dropout_drops_weights);
    tcase_add_test(tcase, what_it_rejects);
    suite_add_tcase(suite, tcase);
    return suite;
}
