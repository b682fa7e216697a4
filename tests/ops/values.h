/* tests/ops/values.h: arrays of numbers as the formulas of the tests see them, and short ways to make tensors and to say what
 * is in them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_OPS_VALUES_H
#define TESTS_OPS_VALUES_H

#include "support.h"

enum { MOST_OPERANDS = 3, MOST_ELEMENTS = 2048, MOST_SETTINGS = 14 };

/* One element: `real` where the dtype is floating, `whole` where it is int64 or bool. */
typedef struct element {
    long double real;
    int64_t     whole;
} element;

/* A row-major array. `scale` is the magnitude of what was added up for an element, which rounding errors are relative to. */
typedef struct values {
    tg_dtype    dtype;
    tg_shape    shape;
    int64_t     size;
    long double scale;
    element     at[MOST_ELEMENTS];
} values;

/* What a function is given beside its operands: axes, sizes, a dtype. */
typedef struct settings {
    int count;
    int value[MOST_SETTINGS];
} settings;

/* ---- what the formulas use --------------------------------------------------------------------------------------- */

/* Makes *v an array of that dtype and shape, all zeros. */
void clear_values(values *v, tg_dtype dtype, tg_shape shape);

/* The n-th element's index along each axis, and back; an axis of size 1 counts as stretched to any size. */
void    unravel(tg_shape shape, int64_t n, int64_t *index);
int64_t ravel(tg_shape shape, const int64_t *index);

/* The element of x that broadcasting puts at an index of an array of `rank` axes. */
int64_t ravel_broadcast(tg_shape x, int rank, const int64_t *index);

/* NumPy's rule, for shapes that follow it. */
tg_shape broadcast_shapes(tg_shape a, tg_shape b);

/* The settings from `from` on as a shape. */
tg_shape shape_in(const settings *with, int from);

/* Whether the dtype is float32 or float64. */
bool is_floating(tg_dtype dtype);

/* A constant with these values. */
tg_tensor leaf_of(tg_tape *tape, const values *v);

/* ---- comparing --------------------------------------------------------------------------------------------------- */

/* The value of a tensor; `what` begins the message when it cannot be read. */
void read_values(const char *what, tg_tensor x, values *v);

/* Fails unless the i-th elements agree: within the tolerance when they are floating, else exactly. */
void check_element(const char *what, const values *got, const values *expected, int64_t i, long double tolerance);

/* Fails unless all elements agree as well as float32 allows. A NaN or an infinity of one must be one of the other too. */
void check_near_f32(const char *what, const values *got, const values *expected);

/* ---- for tests of single values ---------------------------------------------------------------------------------- */

/* Fails unless y has these values; `what` begins the message. */
void check_values(const char *what, tg_tensor y, const values *expected);

/* Fails unless the tape has that error, and its text names all of these. Clears it. */
#define CHECK_ERROR(tape, status, ...) check_rejection(tape, status, (const char *const[]){__VA_ARGS__, NULL})
void check_rejection(tg_tape *tape, tg_status status, const char *const *texts);

/* Fails when the tape has an error; frees it. */
void finish(tg_tape *tape);

/* Constants from numbers. */
#define F64(tape, ...) VECTOR(tape, __VA_ARGS__)
#define F32(tape, ...) vector_f32(tape, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__})
#define I64(tape, ...) vector_i64(tape, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})
#define BOOL(tape, ...) vector_bool(tape, (int)(sizeof((bool[]){__VA_ARGS__}) / sizeof(bool)), (bool[]){__VA_ARGS__})
tg_tensor vector_f32(tg_tape *tape, int count, const double *x);
tg_tensor vector_i64(tg_tape *tape, int count, const int64_t *x);
tg_tensor vector_bool(tg_tape *tape, int count, const bool *x);

/* The elements are exactly these numbers: NaN is NaN, and 0 has its sign when it is -0.0. */
#define CHECK_IS(y, ...) check_is(__LINE__, y, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__})
void check_is(int line, tg_tensor y, int count, const double *expected);

/* dy/dx for seeds of 1, and d2y/dx dz. */
tg_tensor slope(tg_tensor y, tg_tensor x);

/* The values where functions are special. */
#define INF ((double)INFINITY)
#define NOT ((double)NAN)

/* For a test that is run once for each floating dtype, tcase_add_loop_test(tcase, test, 0, 2): a vector of the one whose turn
 * it is. */
extern const tg_dtype floats[2];
#define POINTS(tape, ...) (floats[_i] == TG_F32 ? F32(tape, __VA_ARGS__) : F64(tape, __VA_ARGS__))

/* The call gives no tensor and records nothing, and the error on `tape` names this file and all of the texts. */
#define REFUSED(call, status, ...) \
    do { \
        int64_t count_before = tg_instruction_count(tape); \
        ck_assert(!tg_valid(call)); \
        ck_assert_int_eq(tg_instruction_count(tape), count_before); \
        CHECK_ERROR(tape, status, __FILE__ ":", __VA_ARGS__); \
    } while (0)

/* A float64 parameter of rank 1. */
#define PARAMETER(tape, name, ...) tg_parameter(tape, name, F64(tape, __VA_ARGS__))

#endif
