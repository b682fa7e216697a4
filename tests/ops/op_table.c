/* tests/ops/op_table.c: drives the rows of the op table.
 *
 * Every check takes one row, and for values one dtype too, and goes through the row's cases. Operands are random, the same in
 * each run, and laid out in memory in the ways that views can. A dtype that an op does not take must be refused. What PyTorch
 * gives is in tests/fixtures/ops.csv, whose form is told in fixture.py beside it.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/op_table.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the rows, in one sequence ----------------------------------------------------------------------------------- */

static const op_row *const families[] = {elementwise_rows, math_rows,    matmul_rows, reduce_rows,
                                         view_rows,        product_rows, linalg_rows, activation_rows,
                                         part_rows,        join_rows,    index_rows,  sort_rows,
                                         extreme_rows,     scan_rows,    norm_rows};

enum { FAMILIES = sizeof families / sizeof *families };

static int count_rows(const op_row *rows) {
    int count = 0;
    while (rows[count].name)
        count++;
    return count;
}

static int first_of(const op_row *rows) {
    int first = 0;
    for (int i = 0; i < FAMILIES && families[i] != rows; i++)
        first += count_rows(families[i]);
    return first;
}

/* NULL behind the last. */
static const op_row *row_at(int index) {
    for (int i = 0; i < FAMILIES; i++) {
        int count = count_rows(families[i]);
        if (index < count) return &families[i][index];
        index -= count;
    }
    return NULL;
}

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

static bool is_floating(tg_dtype dtype) {
    return dtype == TG_F32 || dtype == TG_F64;
}

void clear_values(values *v, tg_dtype dtype, tg_shape shape) {
    v->dtype = dtype;
    v->shape = shape;
    v->size = tg_shape_size(shape);
    v->scale = 1;
    ck_assert(v->size >= 0 && v->size <= MOST_ELEMENTS);
    memset(v->at, 0, (size_t)v->size * sizeof *v->at);
}

void unravel(tg_shape shape, int64_t n, int64_t *index) {
    for (int i = shape.rank - 1; i >= 0; i--) {
        index[i] = n % shape.dims[i];
        n /= shape.dims[i];
    }
}

int64_t ravel(tg_shape shape, const int64_t *index) {
    int64_t n = 0;
    for (int i = 0; i < shape.rank; i++)
        n = n * shape.dims[i] + (shape.dims[i] == 1 ? 0 : index[i]);
    return n;
}

int64_t ravel_broadcast(tg_shape x, int rank, const int64_t *index) {
    return ravel(x, index + (rank - x.rank));
}

tg_shape broadcast_shapes(tg_shape a, tg_shape b) {
    tg_shape wide = a.rank > b.rank ? a : b, narrow = a.rank > b.rank ? b : a;
    for (int i = 0, missing = wide.rank - narrow.rank; i < narrow.rank; i++)
        if (wide.dims[i + missing] == 1) wide.dims[i + missing] = narrow.dims[i];
    return wide;
}

tg_shape shape_in(const settings *with, int from) {
    tg_shape shape = {.rank = with->count - from};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = with->value[from + i];
    return shape;
}

/* The elements as they lie in memory; valid until the next call. */
static void *pack(const values *v) {
    static union {
        float   f32[MOST_ELEMENTS];
        double  f64[MOST_ELEMENTS];
        int64_t i64[MOST_ELEMENTS];
        bool    b8[MOST_ELEMENTS];
    } memory;
    for (int64_t i = 0; i < v->size; i++)
        switch (v->dtype) {
        case TG_F32: memory.f32[i] = (float)v->at[i].real; break;
        case TG_F64: memory.f64[i] = (double)v->at[i].real; break;
        case TG_I64: memory.i64[i] = v->at[i].whole; break;
        default: memory.b8[i] = v->at[i].whole != 0;
        }
    return &memory;
}

static void read_values(const char *what, tg_tensor x, values *v) {
    static double memory[MOST_ELEMENTS];
    const void   *at = memory;
    clear_values(v, tg_dtype_of(x), tg_shape_of(x));
    ck_assert_msg(tg_read(x, memory, v->size) == TG_OK, "%s: %s", what, tg_error(x.tape));
    for (int64_t i = 0; i < v->size; i++)
        switch (v->dtype) {
        case TG_F32: v->at[i].real = (long double)((const float *)at)[i]; break;
        case TG_F64: v->at[i].real = (long double)((const double *)at)[i]; break;
        case TG_I64: v->at[i].whole = ((const int64_t *)at)[i]; break;
        default: v->at[i].whole = ((const unsigned char *)at)[i];
        }
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

static bool is_near(long double got, long double expected, long double tolerance) {
    if (isnan(expected)) return isnan(got);
    return got == expected || fabsl(got - expected) <= tolerance;
}

static void check_element(const char *what, const values *got, const values *expected, int64_t i, long double tolerance) {
    const element *y = &got->at[i], *e = &expected->at[i];
    if (is_floating(got->dtype))
        ck_assert_msg(is_near(y->real, e->real, tolerance), "%s: element %" PRId64 " is %.17Lg, not %.17Lg", what, i, y->real,
                      e->real);
    else
        ck_assert_msg(y->whole == e->whole, "%s: element %" PRId64 " is %" PRId64 ", not %" PRId64, what, i, y->whole,
                      e->whole);
}

static void check_shape(const char *what, tg_tensor y, tg_shape expected) {
    ck_assert_msg(tg_valid(y), "%s: %s", what, tg_error(y.tape));
    ck_assert_msg(tg_shape_equal(tg_shape_of(y), expected), "%s: the shape is wrong", what);
}

void check_values(const char *what, tg_tensor y, const values *expected) {
    static values got;
    check_shape(what, y, expected->shape);
    ck_assert_msg(tg_dtype_of(y) == expected->dtype, "%s: dtype %s", what, tg_dtype_name(tg_dtype_of(y)));
    read_values(what, y, &got);
    long double unit = expected->dtype == TG_F32 ? (long double)FLT_EPSILON : (long double)DBL_EPSILON;
    for (int64_t i = 0; i < got.size; i++)
        check_element(what, &got, expected, i, 16 * unit * (fabsl(expected->at[i].real) + expected->scale));
}

void check_refusal(tg_tape *tape, tg_status status, const char *const *texts) {
    ck_assert_msg(tg_error_status(tape) == status, "status %d, not %d: %s", (int)tg_error_status(tape), (int)status,
                  tg_error(tape));
    for (int i = 0; texts[i]; i++)
        ck_assert_msg(strstr(tg_error(tape), texts[i]) != NULL, "\"%s\" does not say \"%s\"", tg_error(tape), texts[i]);
    tg_clear_error(tape);
}

void finish(tg_tape *tape) {
    ck_assert_str_eq(tg_error(tape), "");
    tg_tape_free(tape);
}

/* ---- single values ----------------------------------------------------------------------------------------------- */

tg_tensor vector_f64(tg_tape *tape, int count, const double *x) {
    return tg_constant(tape, TG_F64, TG_SHAPE(count), x);
}

tg_tensor vector_f32(tg_tape *tape, int count, const double *x) {
    float few[64];
    for (int i = 0; i < count && i < 64; i++)
        few[i] = (float)x[i];
    return tg_constant(tape, TG_F32, TG_SHAPE(count), few);
}

tg_tensor vector_i64(tg_tape *tape, int count, const int64_t *x) {
    return tg_constant(tape, TG_I64, TG_SHAPE(count), x);
}

tg_tensor vector_bool(tg_tape *tape, int count, const bool *x) {
    return tg_constant(tape, TG_BOOL, TG_SHAPE(count), x);
}

void check_is(int line, tg_tensor y, int count, const double *expected) {
    static values got;
    char          what[32];
    snprintf(what, sizeof what, "line %d", line);
    ck_assert_msg(tg_valid(y), "%s: %s", what, y.tape ? tg_error(y.tape) : "no tape");
    read_values(what, y, &got);
    ck_assert_msg(got.size == count, "%s: %" PRId64 " elements", what, got.size);
    for (int i = 0; i < count; i++) {
        double x = is_floating(got.dtype) ? (double)got.at[i].real : (double)got.at[i].whole;
        bool   same = isnan(expected[i]) ? isnan(x) : x == expected[i];
        if (expected[i] == 0 && signbit(expected[i])) same = same && signbit(x);
        ck_assert_msg(same, "%s: element %d is %.17g, not %.17g", what, i, x, expected[i]);
    }
}

tg_tensor slope(tg_tensor y, tg_tensor x) {
    tg_tensor g = {0};
    tg_vjp(y.tape, 1, &y, NULL, 1, &x, &g);
    return g;
}

/* ---- random operands --------------------------------------------------------------------------------------------- */

/* Knuth's constants, MMIX. */
static uint64_t next_bits(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ *state >> 29;
}

static int64_t random_whole(uint64_t *state) {
    static const int64_t edges[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MIN + 1, 2, 4294967296};
    uint64_t             bits = next_bits(state) >> 20;
    if (bits % 3 == 0) return edges[bits / 3 % 8];
    return bits % 3 == 1 ? (int64_t)next_bits(state) : (int64_t)(bits / 3 % 9) - 4;
}

static element random_element(tg_dtype dtype, double low, double high, uint64_t *state) {
    if (dtype == TG_BOOL) return (element){.whole = (int64_t)(next_bits(state) >> 40 & 1)};
    if (dtype == TG_I64) return (element){.whole = random_whole(state)};
    double unit = (double)(next_bits(state) >> 11) * 0x1p-53;
    return (element){.real = (long double)(float)(low + (high - low) * unit)};
}

static tg_dtype dtype_of_operand(const op_row *row, int which, tg_dtype dtype) {
    if (row->indices >> which & 1) return TG_I64;
    return row->condition && which == 0 ? TG_BOOL : dtype;
}

/* Of an operand that is always of one dtype, or else any. */
static element element_of_operand(const op_row *row, int k, tg_dtype dtype, uint64_t *state) {
    element e = random_element(dtype, row->low[k], row->high[k], state);
    if (row->indices >> k & 1) e.whole = (int64_t)((uint64_t)e.whole % (uint64_t)row->high[k]);
    return e;
}

static void fill_operands(const op_row *row, const op_case *c, tg_dtype dtype, values *x) {
    uint64_t state = 20;
    for (int k = 0; k < row->arity; k++) {
        clear_values(&x[k], dtype_of_operand(row, k, dtype), c->shape[k]);
        for (int64_t i = 0; i < x[k].size; i++)
            x[k].at[i] = element_of_operand(row, k, x[k].dtype, &state);
    }
}

/* ---- layouts: the same operand as a leaf, or as a view of one ---------------------------------------------------- */

typedef enum layout { PLAIN, TRANSPOSED, STRETCHED, RESHAPED, LAYOUTS } layout;

static tg_tensor leaf_of(tg_tape *tape, const values *v) {
    return tg_constant(tape, v->dtype, v->shape, pack(v));
}

static tg_tensor transposed(tg_tape *tape, const values *v, tg_tensor *leaf) {
    static values turned;
    tg_shape      shape = {.rank = v->shape.rank};
    tg_axes       axes = {.count = v->shape.rank};
    int64_t       index[TG_MAX_RANK], back[TG_MAX_RANK];
    for (int i = 0; i < shape.rank; i++) {
        axes.axis[i] = shape.rank - 1 - i;
        shape.dims[i] = v->shape.dims[axes.axis[i]];
    }
    clear_values(&turned, v->dtype, shape);
    for (int64_t n = 0; n < v->size; n++) {
        unravel(v->shape, n, index);
        for (int i = 0; i < shape.rank; i++)
            back[i] = index[axes.axis[i]];
        turned.at[ravel(shape, back)] = v->at[n];
    }
    *leaf = leaf_of(tape, &turned);
    return tg_permute(*leaf, axes);
}

/* Equal along the first axis, which is then one of size 1 in memory. */
static tg_tensor stretched(tg_tape *tape, values *v, tg_tensor *leaf) {
    values  *one = v;
    tg_shape shape = v->shape, full = v->shape;
    if (shape.rank == 0 || shape.dims[0] == 0) return *leaf = leaf_of(tape, v);
    int64_t size = v->size, part = size / shape.dims[0];
    for (int64_t i = part; i < size; i++)
        v->at[i] = v->at[i % part];
    shape.dims[0] = 1;
    one->shape = shape;
    one->size = part;
    *leaf = leaf_of(tape, one);
    v->shape = full;
    v->size = size;
    return tg_broadcast_to(*leaf, full);
}

/* A transposed matrix of the same elements, reshaped, which has to copy them. */
static tg_tensor reshaped(tg_tape *tape, const values *v, tg_tensor *leaf) {
    static values matrix;
    if (v->shape.rank == 0 || v->size == 0) return *leaf = leaf_of(tape, v);
    int64_t columns = v->shape.dims[v->shape.rank - 1], rows = v->size / columns;
    clear_values(&matrix, v->dtype, TG_SHAPE(columns, rows));
    for (int64_t i = 0; i < v->size; i++)
        matrix.at[i % columns * rows + i / columns] = v->at[i];
    *leaf = leaf_of(tape, &matrix);
    return tg_reshape(tg_transpose(*leaf, 0, 1), v->shape);
}

static tg_tensor lay_out(tg_tape *tape, layout as, values *v, tg_tensor *leaf) {
    switch (as) {
    case TRANSPOSED: return transposed(tape, v, leaf);
    case STRETCHED: return stretched(tape, v, leaf);
    case RESHAPED: return reshaped(tape, v, leaf);
    default: return *leaf = leaf_of(tape, v);
    }
}

/* ---- what should come out ---------------------------------------------------------------------------------------- */

static void expect_elementwise(const op_row *row, const values *x, values *y) {
    tg_shape shape = x[0].shape;
    int64_t  index[TG_MAX_RANK];
    for (int k = 1; k < row->arity; k++)
        shape = broadcast_shapes(shape, x[k].shape);
    tg_dtype dtype = x[row->arity - 1].dtype;
    clear_values(y, row->compares ? TG_BOOL : dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        long double real[MOST_OPERANDS] = {0};
        int64_t     whole[MOST_OPERANDS] = {0};
        unravel(shape, n, index);
        for (int k = 0; k < row->arity; k++) {
            element e = x[k].at[ravel_broadcast(x[k].shape, shape.rank, index)];
            real[k] = x[k].dtype == TG_BOOL ? (long double)e.whole : e.real;
            whole[k] = e.whole;
        }
        if (is_floating(dtype))
            y->at[n].real = row->real(real);
        else
            y->at[n].whole = row->whole(whole);
        if (row->compares && is_floating(dtype)) y->at[n].whole = (int64_t)y->at[n].real;
    }
}

static void expect(const op_row *row, const op_case *c, const values *x, values *y) {
    if (row->expect)
        row->expect(x, &c->with, y);
    else
        expect_elementwise(row, x, y);
}

/* One case on a tape of its own. */
typedef struct trial {
    tg_tape  *tape;
    char      what[64];
    tg_tensor leaf[MOST_OPERANDS], x[MOST_OPERANDS], y;
} trial;

static values operands[MOST_OPERANDS];

static trial begin(const op_row *row, int which, tg_dtype dtype, layout as) {
    static const char *const names[LAYOUTS] = {"plain", "transposed", "stretched", "reshaped"};
    trial                    t = {.tape = tg_tape_new()};
    const op_case           *c = &row->cases[which];
    snprintf(t.what, sizeof t.what, "%s %s case %d %s", row->name, tg_dtype_name(dtype), which, names[as]);
    fill_operands(row, c, dtype, operands);
    for (int k = 0; k < row->arity; k++)
        t.x[k] = lay_out(t.tape, as, &operands[k], &t.leaf[k]);
    t.y = row->record(t.x, &c->with);
    return t;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* A dtype that the row takes: this one if it does. */
static tg_dtype taken(const op_row *row, tg_dtype wanted) {
    for (tg_dtype dtype = 0; dtype < TG_DTYPES && !(row->takes >> wanted & 1); dtype++)
        if (row->takes >> dtype & 1) return dtype;
    return wanted;
}

static void check_refused_dtype(const op_row *row, tg_dtype dtype) {
    trial t = begin(row, 0, dtype, PLAIN);
    ck_assert_msg(!tg_valid(t.y), "%s: is not refused", t.what);
    CHECK_ERROR(t.tape, TG_ERR_DTYPE, row->called, ": ", tg_dtype_name(dtype), "tg_cast");
    finish(t.tape);
}

static void check_case(const op_row *row, int which, tg_dtype dtype, layout as) {
    static values y;
    trial         t = begin(row, which, dtype, as);
    expect(row, &row->cases[which], operands, &y);
    check_values(t.what, t.y, &y);
    finish(t.tape);
}

START_TEST(values_are_right) {
    const op_row *row = row_at(_i / TG_DTYPES);
    tg_dtype      dtype = (tg_dtype)(_i % TG_DTYPES);
    if (!(row->takes >> dtype & 1))
        check_refused_dtype(row, dtype);
    else
        for (int i = 0; i < row->case_count; i++)
            check_case(row, i, dtype, PLAIN);
}
END_TEST

START_TEST(values_of_views_are_right) {
    const op_row *row = row_at(_i);
    for (tg_dtype dtype = 0; dtype < TG_DTYPES; dtype++)
        for (int i = 0; i < row->case_count && row->takes >> dtype & 1; i++)
            for (layout as = TRANSPOSED; as < LAYOUTS; as++)
                check_case(row, i, dtype, as);
}
END_TEST

/* The same instruction, run again, gives the same bits. */
START_TEST(runs_again) {
    const op_row *row = row_at(_i);
    static values y;
    for (int i = 0; i < row->case_count; i++) {
        trial t = begin(row, i, taken(row, TG_F64), RESHAPED);
        expect(row, &row->cases[i], operands, &y);
        ck_assert_int_eq(tg_run(t.tape), TG_OK);
        ck_assert_int_eq(tg_run(t.tape), TG_OK);
        check_values(t.what, t.y, &y);
        finish(t.tape);
    }
}
END_TEST

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* The leaves that gradients are taken for. */
static int floating_leaves(const op_row *row, const trial *t, tg_tensor *leaves) {
    int count = 0;
    for (int k = 0; k < row->arity; k++)
        if (is_floating(tg_dtype_of(t->leaf[k]))) leaves[count++] = t->leaf[k];
    return count;
}

static bool is_small(const op_case *c) {
    for (int k = 0; k < MOST_OPERANDS; k++)
        if (tg_shape_size(c->shape[k]) > 64) return false;
    return true;
}

static void check_gradient(const op_row *row, int which, layout as, int order) {
    tg_tensor leaves[MOST_OPERANDS];
    trial     t = begin(row, which, TG_F64, as);
    ck_assert_msg(tg_valid(t.y), "%s: %s", t.what, tg_error(t.tape));
    int                 count = floating_leaves(row, &t, leaves);
    tg_gradcheck_report report = {.order = order};
    if (count && tg_dtype_of(t.y) == TG_F64)
        ck_assert_msg(tg_gradcheck(t.y, count, leaves, &report) == TG_OK, "%s: %s", t.what, tg_error(t.tape));
    finish(t.tape);
}

START_TEST(second_derivatives_are_right) {
    const op_row *row = row_at(_i);
    for (int i = 0; i < row->case_count; i++)
        if (is_small(&row->cases[i])) check_gradient(row, i, PLAIN, 2);
}
END_TEST

START_TEST(third_derivatives_are_right) {
    check_gradient(row_at(_i), 0, PLAIN, 3);
}
END_TEST

START_TEST(derivatives_through_views_are_right) {
    const op_row *row = row_at(_i);
    for (int i = 0; i < row->case_count; i++)
        for (layout as = TRANSPOSED; as < LAYOUTS && is_small(&row->cases[i]); as++)
            check_gradient(row, i, as, as == TRANSPOSED ? 2 : 1);
}
END_TEST

static tg_tensor seeds_like(tg_tensor y) {
    static values seeds;
    clear_values(&seeds, tg_dtype_of(y), tg_shape_of(y));
    for (int64_t i = 0; i < seeds.size; i++)
        seeds.at[i].real = (long double)(4 + i % 7) / 4;
    return leaf_of(y.tape, &seeds);
}

/* A NaN or an infinity of one must be one of the other too. */
static void check_near_f32(const char *what, const values *got, const values *expected) {
    ck_assert_int_eq(got->size, expected->size);
    for (int64_t i = 0; i < got->size; i++) {
        long double e = expected->at[i].real;
        if (isinf(e) || fabsl(e) < 1e37L) check_element(what, got, expected, i, 1e-5L * (1 + fabsl(e)));
    }
}

/* The gradients that the tape records for the leaves. */
static void gradients_of(const op_row *row, const trial *t, values *grads) {
    tg_tensor leaves[MOST_OPERANDS], g[MOST_OPERANDS], seeds = seeds_like(t->y);
    int       count = floating_leaves(row, t, leaves);
    ck_assert_msg(tg_vjp(t->tape, 1, &t->y, &seeds, count, leaves, g) == TG_OK, "%s: %s", t->what, tg_error(t->tape));
    for (int k = 0; k < count; k++) {
        ck_assert(tg_shape_equal(tg_shape_of(g[k]), tg_shape_of(leaves[k])) && tg_dtype_of(g[k]) == tg_dtype_of(leaves[k]));
        read_values(t->what, g[k], &grads[k]);
    }
}

START_TEST(float32_gradients_are_right) {
    static values narrow[MOST_OPERANDS], wide[MOST_OPERANDS];
    const op_row *row = row_at(_i);
    for (int i = 0; i < row->case_count; i++) {
        trial f32 = begin(row, i, TG_F32, TRANSPOSED), f64 = begin(row, i, TG_F64, PLAIN);
        if (is_floating(tg_dtype_of(f32.y))) {
            trial back = f32;
            gradients_of(row, &f64, wide);
            for (int k = 0; k < row->arity; k++) /* of the view, whose elements are in the order of the plain ones */
                back.leaf[k] = f32.x[k];
            gradients_of(row, &back, narrow);
            tg_tensor leaves[MOST_OPERANDS];
            for (int k = floating_leaves(row, &f32, leaves) - 1; k >= 0; k--)
                check_near_f32(f32.what, &narrow[k], &wide[k]);
        }
        finish(f32.tape);
        finish(f64.tape);
    }
}
END_TEST

START_TEST(no_gradient_flows) {
    const op_row *row = row_at(_i);
    tg_tape      *tape = tg_tape_new();
    tg_tensor     w = tg_parameter(tape, "w", 2.0), g = {0};
    tg_tensor     y = row->record((tg_tensor[]){w, w}, &row->cases[0].with);
    ck_assert(!tg_requires_grad(y));
    ck_assert_int_eq(tg_vjp(tape, 1, &y, NULL, 1, &w, &g), TG_ERR_DTYPE);
    CHECK_ERROR(tape, TG_ERR_DTYPE, "vjp", "bool");
    finish(tape);
}
END_TEST

/* ---- plain numbers ----------------------------------------------------------------------------------------------- */

/* A number at place k gives what a constant of rank 0 gives there. */
static void check_number(const op_row *row, int k, tg_dtype dtype) {
    static values y;
    trial         t = begin(row, 0, dtype, PLAIN);
    tg_tensor     number = tg_full(t.tape, dtype, TG_SHAPE(), 1);
    t.x[k] = number;
    read_values(t.what, row->record(t.x, &row->cases[0].with), &y);
    t.x[k] = tg_num(1);
    y.scale = 0;
    check_values(t.what, row->record(t.x, &row->cases[0].with), &y);
    finish(t.tape);
}

START_TEST(numbers_stand_for_tensors) {
    const op_row *row = row_at(_i);
    for (tg_dtype dtype = 0; dtype < TG_DTYPES; dtype++)
        for (int k = row->condition; k < row->arity && row->takes >> dtype & 1; k++)
            check_number(row, k, dtype);
}
END_TEST

START_TEST(int64_takes_no_fraction) {
    const op_row *row = row_at(_i);
    trial         t = begin(row, 0, TG_I64, PLAIN);
    t.x[row->arity - 1] = tg_num(1.5);
    ck_assert(!tg_valid(row->record(t.x, &row->cases[0].with)));
    CHECK_ERROR(t.tape, TG_ERR_DTYPE, row->called, "1.5", "int64");
    finish(t.tape);
}
END_TEST

START_TEST(numbers_alone_are_nowhere) {
    const op_row *row = row_at(_i);
    tg_tensor     numbers[MOST_OPERANDS] = {tg_num(1), tg_num(1), tg_num(1)};
    ck_assert(!tg_valid(row->record(numbers, &row->cases[0].with)));
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static void check_unchanged(const trial *t, int64_t count) {
    ck_assert_msg(tg_instruction_count(t->tape) == count, "%s: an error leaves instructions", t->what);
}

START_TEST(dtypes_never_mix) {
    const op_row *row = row_at(_i);
    trial         t = begin(row, 0, TG_F32, PLAIN);
    t.x[row->arity - 1] = tg_full(t.tape, TG_F64, row->cases[0].shape[row->arity - 1], 1);
    int64_t count = tg_instruction_count(t.tape);
    ck_assert(!tg_valid(row->record(t.x, &row->cases[0].with)));
    check_unchanged(&t, count);
    CHECK_ERROR(t.tape, TG_ERR_DTYPE, row->called, "float32", "float64", "tg_cast", ".c:");
    finish(t.tape);
}
END_TEST

START_TEST(shapes_that_do_not_fit_are_refused) {
    const op_row *row = row_at(_i);
    trial         t = begin(row, 0, TG_F32, PLAIN);
    t.x[row->arity - 2] = tg_full(t.tape, TG_F32, TG_SHAPE(2, 3), 1);
    t.x[row->arity - 1] = tg_full(t.tape, TG_F32, TG_SHAPE(4), 1);
    int64_t count = tg_instruction_count(t.tape);
    ck_assert(!tg_valid(row->record(t.x, &row->cases[0].with)));
    check_unchanged(&t, count);
    CHECK_ERROR(t.tape, TG_ERR_SHAPE, row->called, ": ", "(2, 3) x (4): ", ".c:");
    finish(t.tape);
}
END_TEST

static void check_handle(const op_row *row, trial *t, int k, tg_tensor bad) {
    tg_tensor good = t->x[k];
    t->x[k] = bad;
    int64_t count = tg_instruction_count(t->tape);
    ck_assert_msg(!tg_valid(row->record(t->x, &row->cases[0].with)), "%s: operand %d is no tensor", t->what, k + 1);
    check_unchanged(t, count);
    if (row->arity > 1) CHECK_ERROR(t->tape, TG_ERR_HANDLE, row->called, ": operand");
    t->x[k] = good;
    tg_clear_error(t->tape);
}

START_TEST(bad_handles_are_refused) {
    const op_row *row = row_at(_i);
    tg_dtype      dtype = taken(row, TG_F32);
    trial         t = begin(row, 0, dtype, PLAIN), other = begin(row, 0, dtype, PLAIN);
    tg_mark       mark = tg_tape_mark(t.tape);
    tg_tensor     stale = tg_full(t.tape, TG_F32, row->cases[0].shape[0], 1);
    tg_rewind(t.tape, mark);
    for (int k = 0; k < row->arity; k++) {
        check_handle(row, &t, k, stale);
        if (row->arity > 1) check_handle(row, &t, row->arity - 1, other.x[k]);
        if (row->arity > 1) check_handle(row, &t, k, (tg_tensor){0});
    }
    t.x[0] = stale;
    ck_assert(!tg_valid(row->record(t.x, &row->cases[0].with)));
    CHECK_ERROR(t.tape, TG_ERR_HANDLE, row->called, ": ", "operand", "stale", ".c:");
    finish(t.tape);
    finish(other.tape);
}
END_TEST

START_TEST(first_error_stays) {
    const op_row *row = row_at(_i);
    trial         t = begin(row, 0, taken(row, TG_F32), PLAIN);
    int64_t       count = tg_instruction_count(t.tape);
    tg_tensor     invalid = tg_find(t.tape, "nobody");
    ck_assert(!tg_valid(row->record(t.x, &row->cases[0].with)));
    t.x[0] = invalid;
    ck_assert(!tg_valid(row->record(t.x, &row->cases[0].with)));
    check_unchanged(&t, count);
    CHECK_ERROR(t.tape, TG_ERR_NAME, "find: ", "nobody");
    finish(t.tape);
}
END_TEST

/* ---- PyTorch as referee ------------------------------------------------------------------------------------------ */

enum { LINE = 1 << 15 };

/* The text up to the next `end`, which is cut off; NULL after the last. */
static char *take(char **rest, char end) {
    char *text = *rest;
    if (!text) return NULL;
    *rest = strchr(text, end);
    if (*rest) *(*rest)++ = 0;
    return text;
}

static settings parse_settings(char *text) {
    settings with = {0};
    char    *end;
    for (int value = (int)strtol(text, &end, 10); end > text; value = (int)strtol(text, &end, 10)) {
        ck_assert(with.count < (int)(sizeof with.value / sizeof *with.value));
        with.value[with.count++] = value;
        text = end;
    }
    return with;
}

/* "float64 2 3 = 1 2 3 4 5 6" */
static void parse_values(char *text, values *v) {
    ck_assert_ptr_nonnull(text);
    tg_dtype    dtype = 0;
    const char *name = take(&text, ' ');
    while (dtype < TG_DTYPES && strcmp(tg_dtype_name(dtype), name) != 0)
        dtype++;
    ck_assert_ptr_nonnull(text);
    settings dims = parse_settings(text);
    clear_values(v, dtype, shape_in(&dims, 0));
    text = strchr(text, '=');
    ck_assert_ptr_nonnull(text++);
    for (int64_t i = 0; i < v->size; i++) {
        char *end;
        if (is_floating(dtype))
            v->at[i].real = (long double)strtod(text, &end);
        else
            v->at[i].whole = strtoll(text, &end, 10);
        ck_assert_msg(end > text, "a value is missing");
        text = end;
    }
}

/* False where an element is no float32. */
static bool narrow(values *v) {
    if (v->dtype != TG_F64) return true;
    v->dtype = TG_F32;
    for (int64_t i = 0; i < v->size; i++)
        if (!isnan(v->at[i].real) && (long double)(float)v->at[i].real != v->at[i].real) return false;
    return true;
}

static void compare(const char *what, const values *got, const values *expected, tg_dtype dtype) {
    ck_assert_msg(tg_shape_equal(got->shape, expected->shape), "%s: another shape than PyTorch's", what);
    if (dtype == TG_F32 && is_floating(got->dtype)) {
        check_near_f32(what, got, expected);
        return;
    }
    ck_assert_msg(got->dtype == expected->dtype, "%s: another dtype than PyTorch's", what);
    for (int64_t i = 0; i < got->size; i++)
        check_element(what, got, expected, i, 1e-10L * fabsl(expected->at[i].real) + 1e-14L);
}

static void compare_gradients(const op_row *row, const trial *t, char *rest, tg_dtype dtype) {
    static values grads[MOST_OPERANDS], expected;
    char         *text;
    int           count = 0;
    gradients_of(row, t, grads);
    while ((text = take(&rest, ','))) {
        if (!strcmp(text, "none")) continue;
        parse_values(text, &expected);
        compare(t->what, &grads[count++], &expected, dtype);
    }
}

/* One line, behind its name, with float64 operands as they are, or as float32. */
static void check_line(const op_row *row, int number, const char *line, tg_dtype dtype) {
    static char   copy[LINE];
    static values expected, got;
    char         *rest = strcpy(copy, line);
    settings      with = parse_settings(take(&rest, ','));
    trial         t = {.tape = tg_tape_new()};
    bool          exact = true;
    snprintf(t.what, sizeof t.what, "line %d: %s %s", number, row->name, tg_dtype_name(dtype));
    for (int k = 0; k < row->arity; k++) {
        parse_values(take(&rest, ','), &operands[k]);
        if (dtype == TG_F32) exact = narrow(&operands[k]) && exact;
        t.x[k] = t.leaf[k] = leaf_of(t.tape, &operands[k]);
    }
    parse_values(take(&rest, ','), &expected);
    t.y = row->record(t.x, &with);
    ck_assert_msg(tg_valid(t.y), "%s: %s", t.what, tg_error(t.tape));
    read_values(t.what, t.y, &got);
    if (exact) compare(t.what, &got, &expected, dtype);
    if (exact && rest) compare_gradients(row, &t, rest, dtype);
    finish(t.tape);
}

/* Compares what a file says of a row, and returns in how many cases. */
static int check_file(const op_row *row, const char *name) {
    static char line[LINE];
    int         number = 0, count = 0;
    size_t      length = strlen(row->name);
    FILE       *file = fopen(source_path(name), "r");
    ck_assert_msg(file != NULL, "cannot open %s", name);
    while (fgets(line, sizeof line, file)) {
        number++;
        ck_assert_msg(strchr(line, '\n') != NULL, "%s:%d: too long", name, number);
        *strchr(line, '\n') = 0;
        if (strncmp(line, row->name, length) != 0 || line[length] != ',') continue;
        count++;
        check_line(row, number, line + length + 1, TG_F64);
        check_line(row, number, line + length + 1, TG_F32);
    }
    fclose(file);
    return count;
}

START_TEST(pytorch_agrees) {
    static const char *const files[] = {"tests/fixtures/ops.csv", "tests/fixtures/math.csv", "tests/fixtures/products.csv",
                                        "tests/fixtures/index.csv"};
    const op_row            *row = row_at(_i);
    int                      count = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        count += check_file(row, files[i]);
    ck_assert_msg(count >= 5, "%s: %d cases in tests/fixtures, not 5 or more", row->name, count);
}
END_TEST

/* ---- no function without a row ----------------------------------------------------------------------------------- */

static bool has_row(const char *name, size_t length) {
    for (int i = 0; row_at(i); i++)
        if (strlen(row_at(i)->name) == length && !memcmp(row_at(i)->name, name, length)) return true;
    return false;
}

/* The number of functions in a header; those of a tape make leaves, and have no operands to be tested with. */
static int check_header(const char *name) {
    static const char prototype[] = "tg_tensor tg_";
    char              line[256];
    int               functions = 0;
    FILE             *file = fopen(source_path(name), "r");
    ck_assert_msg(file != NULL, "cannot open %s", name);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, prototype, strlen(prototype)) != 0 || strstr(line, "(tg_tape *")) continue;
        const char *function = line + strlen(prototype);
        size_t      length = strcspn(function, "(");
        ck_assert_msg(has_row(function, length), "tg_%.*s has no row in the tests of ops", (int)length, function);
        functions++;
    }
    fclose(file);
    return functions;
}

START_TEST(every_function_has_a_row) {
    static const char *const headers[] = {"include/tapegrad/ops.h", "include/tapegrad/product.h", "include/tapegrad/linalg.h",
                                          "include/tapegrad/nn.h", "include/tapegrad/view.h", "include/tapegrad/index.h"};
    int                      functions = 0, rows = 0;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        functions += check_header(headers[i]);
    while (row_at(rows))
        rows++;
    ck_assert_int_eq(functions, rows);
}
END_TEST

void add_completeness(Suite *suite) {
    TCase *tcase = tcase_create("completeness");
    tcase_add_test(tcase, every_function_has_a_row);
    suite_add_tcase(suite, tcase);
}

/* ---- which row goes through what --------------------------------------------------------------------------------- */

static void add_value_checks(TCase *tcase, const op_row *row, int i) {
    tcase_add_loop_test(tcase, values_are_right, i * TG_DTYPES, (i + 1) * TG_DTYPES);
    tcase_add_loop_test(tcase, values_of_views_are_right, i, i + 1);
    tcase_add_loop_test(tcase, runs_again, i, i + 1);
    tcase_add_loop_test(tcase, pytorch_agrees, i, i + 1);
    tcase_add_loop_test(tcase, numbers_alone_are_nowhere, i, i + 1);
    if (row->arity > 1 && !row->expect) tcase_add_loop_test(tcase, numbers_stand_for_tensors, i, i + 1);
}

static void add_gradient_checks(TCase *tcase, const op_row *row, int i) {
    if (row->compares && !row->expect) tcase_add_loop_test(tcase, no_gradient_flows, i, i + 1);
    if (row->compares) return;
    tcase_add_loop_test(tcase, second_derivatives_are_right, i, i + 1);
    tcase_add_loop_test(tcase, third_derivatives_are_right, i, i + 1);
    tcase_add_loop_test(tcase, derivatives_through_views_are_right, i, i + 1);
    tcase_add_loop_test(tcase, float32_gradients_are_right, i, i + 1);
}

static void add_error_checks(TCase *tcase, const op_row *row, int i) {
    tcase_add_loop_test(tcase, bad_handles_are_refused, i, i + 1);
    tcase_add_loop_test(tcase, first_error_stays, i, i + 1);
    if (row->arity < 2 || row->indices) return;
    tcase_add_loop_test(tcase, dtypes_never_mix, i, i + 1);
    tcase_add_loop_test(tcase, shapes_that_do_not_fit_are_refused, i, i + 1);
    if (row->takes >> TG_I64 & 1) tcase_add_loop_test(tcase, int64_takes_no_fraction, i, i + 1);
}

void add_rows(Suite *suite, const op_row *rows) {
    TCase *tcase = tcase_create("table");
    tcase_set_timeout(tcase, 60);
    for (int k = 0, first = first_of(rows); rows[k].name; k++) {
        add_value_checks(tcase, &rows[k], first + k);
        add_gradient_checks(tcase, &rows[k], first + k);
        add_error_checks(tcase, &rows[k], first + k);
    }
    suite_add_tcase(suite, tcase);
}
