/* tests/ops/values.c: arrays of numbers, compared.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/values.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const tg_dtype floats[2] = {TG_F32, TG_F64};

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

bool is_floating(tg_dtype dtype) {
    return dtype == TG_F32 || dtype == TG_F64;
}

void clear_values(values *v, tg_dtype dtype, tg_shape shape) {
    v->dtype = dtype;
    v->shape = shape;
    v->size = tg_shape_size(shape);
    v->scale = 1;
    if (v->size < 0 || v->size > MOST_ELEMENTS) ck_abort_msg("an array of %" PRId64 " elements", v->size);
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

void read_values(const char *what, tg_tensor x, values *v) {
    static double memory[MOST_ELEMENTS];
    const void   *at = memory;
    clear_values(v, tg_dtype_of(x), tg_shape_of(x));
    ck_assert_msg(tg_read(x, (void *)memory, v->size) == TG_OK, "%s: %s", what, tg_error(x.tape));
    for (int64_t i = 0; i < v->size; i++)
        switch (v->dtype) {
        case TG_F32: v->at[i].real = (long double)((const float *)at)[i]; break;
        case TG_F64: v->at[i].real = (long double)((const double *)at)[i]; break;
        case TG_I64: v->at[i].whole = ((const int64_t *)at)[i]; break;
        default: v->at[i].whole = ((const unsigned char *)at)[i];
        }
}

tg_tensor leaf_of(tg_tape *tape, const values *v) {
    return tg_constant(tape, v->dtype, v->shape, pack(v));
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

static bool is_near(long double got, long double expected, long double tolerance) {
    if (isnan(expected)) return isnan(got);
    return got == expected || fabsl(got - expected) <= tolerance;
}

/* Check writes a file each time something is asserted: not for each element. */
void check_element(const char *what, const values *got, const values *expected, int64_t i, long double tolerance) {
    const element *y = &got->at[i], *e = &expected->at[i];
    if (is_floating(got->dtype) && !is_near(y->real, e->real, tolerance))
        ck_abort_msg("%s: element %" PRId64 " is %.17Lg, not %.17Lg", what, i, y->real, e->real);
    if (!is_floating(got->dtype) && y->whole != e->whole)
        ck_abort_msg("%s: element %" PRId64 " is %" PRId64 ", not %" PRId64, what, i, y->whole, e->whole);
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

void check_rejection(tg_tape *tape, tg_status status, const char *const *texts) {
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

void check_near_f32(const char *what, const values *got, const values *expected) {
    ck_assert_int_eq(got->size, expected->size);
    for (int64_t i = 0; i < got->size; i++) {
        long double e = expected->at[i].real;
        if (isinf(e) || fabsl(e) < 1e37L) check_element(what, got, expected, i, 1e-5L * (1 + fabsl(e)));
    }
}

/* ---- single values ----------------------------------------------------------------------------------------------- */

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
