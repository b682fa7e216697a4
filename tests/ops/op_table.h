/* tests/ops/op_table.h: the table of all functions of tapegrad/ops.h, and the checks that every row goes through.
 *
 * A row says how to record the function, what it should give, by formulas of its own in long double and in integers modulo
 * 2^64, and on which shapes. Each family has its rows in its own test file; op_table.c drives them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_OPS_OP_TABLE_H
#define TESTS_OPS_OP_TABLE_H

#include "suites.h"

enum { MOST_OPERANDS = 3, MOST_ELEMENTS = 2048 };

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
    int value[TG_MAX_RANK + 2];
} settings;

typedef struct op_case {
    tg_shape shape[MOST_OPERANDS];
    settings with;
} op_case;

enum {
    TAKES_FLOAT = 1 << TG_F32 | 1 << TG_F64,
    TAKES_NUMBER = TAKES_FLOAT | 1 << TG_I64,
    TAKES_ANY = TAKES_NUMBER | 1 << TG_BOOL
};

typedef struct op_row {
    const char *name;   /* tg_name is the function */
    const char *called; /* and this its name in messages */
    int         arity;
    unsigned    takes;     /* bit d is set for dtype d */
    bool        condition; /* the first operand is always bool */
    unsigned    indices;   /* bit k is set when operand k is always int64, of indices from 0 up to high[k] - 1 */
    bool        compares;  /* the result is always bool, and has no gradient */
    tg_tensor (*record)(const tg_tensor *x, const settings *with);

    /* One element of the result of an elementwise function, or else the whole result. */
    long double (*real)(const long double *x);
    int64_t     (*whole)(const int64_t *x);
    void        (*expect)(const values *x, const settings *with, values *y);

    double         low[MOST_OPERANDS], high[MOST_OPERANDS]; /* floating operands are taken from here */
    const op_case *cases; /* the first is small */
    int            case_count;
} op_row;

/* The families, each in its test file, ended by a row without a name. */
extern const op_row elementwise_rows[], math_rows[], matmul_rows[], reduce_rows[], view_rows[], product_rows[], linalg_rows[],
    activation_rows[], part_rows[], join_rows[], index_rows[], sort_rows[], extreme_rows[], scan_rows[], norm_rows[];

/* Adds the checks of a family's rows to its suite; and the check that no function lacks a row. */
void add_rows(Suite *suite, const op_row *rows);
void add_completeness(Suite *suite);

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

/* ---- for tests of single values ---------------------------------------------------------------------------------- */

/* Fails unless y has these values; `what` begins the message. */
void check_values(const char *what, tg_tensor y, const values *expected);

/* Fails unless the tape has that error, and its text names all of these. Clears it. */
#define CHECK_ERROR(tape, status, ...) check_refusal(tape, status, (const char *const[]){__VA_ARGS__, NULL})
void check_refusal(tg_tape *tape, tg_status status, const char *const *texts);

/* Fails when the tape has an error; frees it. */
void finish(tg_tape *tape);

/* Constants from numbers. */
#define F64(tape, ...) vector_f64(tape, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__})
#define F32(tape, ...) vector_f32(tape, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__})
#define I64(tape, ...) vector_i64(tape, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})
#define BOOL(tape, ...) vector_bool(tape, (int)(sizeof((bool[]){__VA_ARGS__}) / sizeof(bool)), (bool[]){__VA_ARGS__})
tg_tensor vector_f64(tg_tape *tape, int count, const double *x);
tg_tensor vector_f32(tg_tape *tape, int count, const double *x);
tg_tensor vector_i64(tg_tape *tape, int count, const int64_t *x);
tg_tensor vector_bool(tg_tape *tape, int count, const bool *x);

/* The elements are exactly these numbers: NaN is NaN, and 0 has its sign when it is -0.0. */
#define CHECK_IS(y, ...) check_is(__LINE__, y, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__})
void check_is(int line, tg_tensor y, int count, const double *expected);

/* dy/dx for seeds of 1, and d2y/dx dz. */
tg_tensor slope(tg_tensor y, tg_tensor x);

#endif
