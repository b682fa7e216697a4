/* core/dtype.h: what the library knows of dtypes, and how code is chosen by dtype.
 *
 * Whoever adds a dtype adds it to tg_dtype and a row to the table in dtype.c: it can then be recorded, viewed, read, written,
 * printed and made of numbers. An op takes it when there is code for it: a loop in the op's tg_loops, or a kernel of a set below.
 * Until then the op rejects it when it is recorded.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_DTYPE_H
#define TGI_CORE_DTYPE_H

#include "core/inside.h"

/* ---- the traits of a dtype (dtype.c) ----------------------------------------------------------------------------- */

typedef struct tgi_dtype_traits {
    const char *name;
    size_t      size;
    double (*to_double)(const void *element);         /* an int64 beyond 2^53 is rounded */
    bool (*from_double)(double value, void *element); /* false when it does not hold the value, as int64 does not hold 0.5 */

    /* of floating dtypes, which carry gradients, and have NaN and infinities; of the others it is zero */
    int    precision;                  /* in bits: it holds every integer from -2^precision to 2^precision */
    double largest;                    /* finite value */
    double (*parse)(const char *text); /* of a number in decimal, rounded once */
} tgi_dtype_traits;

/* Those of a dtype; for what is none a name of "?", a size of 0, and no conversions. */
const tgi_dtype_traits *tgi_traits_of(tg_dtype dtype);

/* The value converted to `dtype` into up to 8 bytes at `out`; false when the dtype does not hold it. */
bool tgi_convert(double value, tg_dtype dtype, void *out);

/* An element as a double. */
double tgi_element(tg_dtype dtype, const void *element);

/* ---- code by dtype ----------------------------------------------------------------------------------------------- */

/* The sets of dtypes that kernels are written for. */
typedef enum tgi_dtype_set {
    TGI_FLOATS = 1 << TG_F32 | 1 << TG_F64,
    TGI_NUMBERS = TGI_FLOATS | 1 << TG_I64,
    TGI_ANY = TGI_NUMBERS | 1 << TG_BOOL
} tgi_dtype_set;

static inline bool tgi_dtype_in(tg_dtype dtype, tgi_dtype_set set) {
    return (unsigned)dtype < TG_DTYPES && set >> dtype & 1;
}

static inline bool tgi_floating(tg_dtype dtype) {
    return tgi_dtype_in(dtype, TGI_FLOATS);
}

/* Calls f_f32(...), f_f64(...), f_i64(...) or f_b8(...), whichever is for the dtype. An expression: TG_OK, or TG_ERR_DTYPE, and
 * nothing called, when the dtype is not in the set. A result is assigned in place: TGI_DISPATCH_FLOATS(dtype, sign = sign_of, x).
 * `dtype` is evaluated more than once. */
#define TGI_DISPATCH_FLOATS(dtype, f, ...) \
    TGI_DISPATCH_ONE(dtype, TG_F32, f##_f32(__VA_ARGS__), TGI_DISPATCH_ONE(dtype, TG_F64, f##_f64(__VA_ARGS__), TG_ERR_DTYPE))
#define TGI_DISPATCH_NUMBERS(dtype, f, ...) \
    TGI_DISPATCH_ONE(dtype, TG_I64, f##_i64(__VA_ARGS__), TGI_DISPATCH_FLOATS(dtype, f, __VA_ARGS__))
#define TGI_DISPATCH_ANY(dtype, f, ...) \
    TGI_DISPATCH_ONE(dtype, TG_BOOL, f##_b8(__VA_ARGS__), TGI_DISPATCH_NUMBERS(dtype, f, __VA_ARGS__))
#define TGI_DISPATCH_ONE(dtype, which, call, otherwise) ((dtype) == (which) ? ((void)(call), TG_OK) : (otherwise))

/* The loop of an elementwise op for operands of that dtype; NULL when it has none. */
static inline tg_loop *tgi_loop_of(const tg_op *op, tg_dtype dtype) {
    return op->loops && (int)dtype < op->loops->count && dtype < TG_DTYPES ? op->loops->by_dtype[dtype] : NULL;
}

/* ---- what shape rules ask of dtypes (infer.c) -------------------------------------------------------------------- */

/* Each gives TG_OK, or rejects the operands with an error. */
tg_status tgi_require_equal(const tg_infer *call, tg_dtype a, tg_dtype b);
tg_status tgi_require_one_dtype(const tg_infer *call); /* of all operands */
tg_status tgi_require_dtype(const tg_infer *call, tg_dtype dtype, tgi_dtype_set set);
tg_status tgi_require_loop(const tg_infer *call, tg_dtype dtype);

/* The same for a function that looks at its operand, a tensor of the tape, before it records anything. */
tg_status tgi_require_operand(tg_tensor x, const char *what, tgi_dtype_set set);

#endif
