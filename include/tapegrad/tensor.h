/* tapegrad/tensor.h: the types that all other headers use: handles, dtypes, shapes, axes, plain numbers.
 *
 * A tensor is a handle: a small value that names one recorded result on a tape. It is copied and passed like an int.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_TENSOR_H
#define TAPEGRAD_TENSOR_H
#pragma GCC system_header

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* A tape: the recorded program, and the owner of everything on it. See tapegrad/tape.h. */
typedef struct tg_tape tg_tape;

/* A handle to one value on a tape. Both members are private to the library. A handle is never freed by the user. A handle that the
 * tape was rewound past, that belongs to another tape, or that was zero-initialised is detected where it is used, and is an
 * error (TG_ERR_HANDLE) of the tape of the other operands; where there is none, the result is an invalid tensor. A handle to a
 * tape that was freed cannot be detected. */
typedef struct tg_tensor {
    tg_tape *tape;
    uint64_t ref;
} tg_tensor;

/* What a call returns. A failure is also kept in the tape, with a text that says what failed and where: see tg_error in
 * tapegrad/tape.h. */
typedef enum tg_status {
    TG_OK = 0,
    TG_ERR_MEMORY,   /* out of memory; nothing that was there before is lost */
    TG_ERR_HANDLE,   /* a tensor or mark that is stale, of another tape, or invalid; a tape of NULL */
    TG_ERR_SHAPE,    /* shapes, axes or ranks that do not fit */
    TG_ERR_DTYPE,    /* dtypes that do not fit, or that the op does not take */
    TG_ERR_ARGUMENT, /* any other argument that is out of range */
    TG_ERR_NAME,     /* a name that is taken already, or that does not exist */
    TG_ERR_VALUE,    /* a value that cannot be read: not kept, or overwritten; a kernel that failed for no reason below */
    TG_ERR_GRADIENT, /* a derivative that does not exist, or that tg_gradcheck found to be wrong */
    TG_ERR_IO,       /* a file that cannot be read or written */
    TG_ERR_INDEX,    /* an index that is out of range */
    TG_ERR_NUMERIC,  /* a matrix that is singular, or not positive definite */
    TG_ERR_ANOMALY,  /* a NaN or an infinity, where tg_set_anomaly looks for them */
    TG_ERR_CANCELLED /* a run that was stopped before its end */
} tg_status;

/* ---- dtypes ------------------------------------------------------------------------------------------------------ */

/* The type of the elements: float, double, int64_t, and one byte that is 0 or 1. Dtypes are never converted silently: use tg_cast.
 * Only the two floating dtypes have gradients. TG_DTYPES is the number of dtypes. */
typedef enum tg_dtype { TG_F32, TG_F64, TG_I64, TG_BOOL, TG_DTYPES } tg_dtype;

/* The name, "float32" for example; "?" if it is not a dtype. The text is static. */
const char *tg_dtype_name(tg_dtype dtype);

/* The bytes of one element; 0 if it is not a dtype. */
size_t tg_dtype_size(tg_dtype dtype);

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

enum { TG_MAX_RANK = 8 };

/* The sizes of a tensor's axes, outermost first. Elements are in row-major order. A tensor of rank 0 is a single number; one with a
 * size of 0 is empty. A shape that is built from more than TG_MAX_RANK sizes has rank TG_MAX_RANK + 1, and is an error
 * (TG_ERR_SHAPE) wherever it is used. */
typedef struct tg_shape {
    int     rank;
    int64_t dims[TG_MAX_RANK];
} tg_shape;

/* TG_SHAPE(100, 2) is the shape (100, 2); TG_SHAPE() that of a single number. */
#define TG_SHAPE(...) TGI_ARRAY_CALL(tg_shape_from, int64_t, 0, __VA_ARGS__)

/* The same from an array of `rank` sizes, which is copied. */
tg_shape tg_shape_from(int rank, const int64_t *dims);

/* The number of elements: the product of the sizes. -1 for an invalid shape: one with a negative size, with a rank that is out of
 * range, or with 2^59 elements or more (2^27 where an address has 32 bits; sizes of 0 count as 1). */
int64_t tg_shape_size(tg_shape shape);

/* Whether rank and sizes are the same. */
bool tg_shape_equal(tg_shape a, tg_shape b);

/* A set of axes, as NumPy's axis=(0, -1). Negative axes count from the end. */
typedef struct tg_axes {
    int count;
    int axis[TG_MAX_RANK];
} tg_axes;

/* TG_AXES(0, -1) is the first and the last axis; TG_AXES() has no axes. */
#define TG_AXES(...) TGI_ARRAY_CALL(tg_axes_from, int, 0, __VA_ARGS__)

/* The same from an array of `count` axes, which is copied. More than TG_MAX_RANK axes are an error where they are used. */
tg_axes tg_axes_from(int count, const int *axis);

/* ---- plain numbers ----------------------------------------------------------------------------------------------- */

/* A plain number as a tensor of rank 0. It takes the dtype of the tensors beside it: tg_sub(tg_num(1), y). In C and C++ the
 * functions of tensors take plain numbers directly, tg_sub(1, y), so only other languages need to call this.
 *
 * A number belongs to no tape. An op of numbers alone cannot be recorded: it returns an invalid tensor, and leaves no error. A
 * number that the dtype cannot hold (1.5 beside int64) is an error. Integers beyond 2^53 are rounded. A number that is too large
 * for float32 becomes infinite beside float32. */
tg_tensor tg_num(double number);

/* ---- no tensor --------------------------------------------------------------------------------------------------- */

/* TG_NONE stands for a tensor that is left out: an optional weight, bias or mask. Functions that take it say so. For all others it
 * is an error. Nothing else stands for no tensor: a handle that is zero-initialised, or invalid because its recording failed, is an
 * error even where TG_NONE is allowed. */
tg_tensor tg_none(void);
#define TG_NONE (tg_none)()

/* ---- lines of the user's source, for bindings to other languages ------------------------------------------------- */

/* Sets the source line of the next call on this tape, for error texts and for what the call records. Returns the tape. In C and
 * C++ the macros of these headers call it. `file` is not copied and must live as long as the tape. A tape of NULL is ignored. */
tg_tape *tg_at(tg_tape *tape, const char *file, int line);

/* The same for a call whose arguments may call the library too: the line holds until tg_release, which takes what tg_hold
 * returned. */
typedef struct tg_line {
    const char *file;
    int         line;
} tg_line;
tg_line tg_hold(tg_tape *tape, const char *file, int line);
void    tg_release(tg_tape *tape, tg_line before);

/* ---- element types, for bindings to other languages -------------------------------------------------------------- */

/* Functions that copy elements from or to the caller's memory take any pointer, and trust it. In C and C++ their macros look at its
 * type first: it must point to float, double, int64_t or bool, whichever the dtype is, or to an array of these; or to void, bytes
 * or a struct, which may be anything. Where the dtype is a constant, another type is a compile-time error; else the macros call one
 * of these functions, which note TG_ERR_DTYPE where the memory has elements of the dtype `elements`, and should have others: those
 * of x, or of a new leaf's dtype. `name` is that of the function that copies. */
tg_status tg_check_elements(tg_tensor x, const char *name, tg_dtype elements);
tg_status tg_check_leaf_elements(tg_tape *tape, const char *name, tg_dtype elements, tg_dtype dtype);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

/* Every function of tensors has a macro of the same name, which takes plain numbers too, evaluates each argument once, and tells
 * the tape the line that it stands on. To take a function's address, or to call it without the macro, write (tg_exp). */
#include <tapegrad/detail/call.h>

#endif
