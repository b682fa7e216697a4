/* tapegrad/tensor.h: the words every other header uses.
 *
 * Handles, dtypes, shapes, axes and plain numbers. Nothing here does any work: a tensor is a small value that names one
 * recorded result on a tape, and is copied, passed and dropped like an int.
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

/* A handle to one value on a tape. Both members are the library's: compare nothing, change nothing. Never freed by the
 * user. A handle that outlives a rewind past it, belongs to another tape, or was zero-initialised is recognised where it
 * is used, and reported as an error. A handle to a tape that was freed cannot be recognised. */
typedef struct tg_tensor {
    tg_tape *tape;
    uint64_t ref;
} tg_tensor;

/* What a call reports. Everything but TG_OK is also kept in the tape, with a sentence that says what went wrong where:
 * see tg_error in tapegrad/tape.h. */
typedef enum tg_status {
    TG_OK = 0,
    TG_ERR_MEMORY,   /* out of memory; nothing that was there before is lost */
    TG_ERR_HANDLE,   /* a tensor or mark that is stale, of another tape, or never was one; no tape */
    TG_ERR_SHAPE,    /* shapes, axes or ranks that do not fit */
    TG_ERR_DTYPE,    /* dtypes that do not fit, or that the op does not take */
    TG_ERR_ARGUMENT, /* any other argument out of its range */
    TG_ERR_NAME,     /* a name that is taken, or not there */
    TG_ERR_VALUE,    /* a value that is not there to read: not kept, or overwritten; a kernel that failed */
    TG_ERR_GRADIENT, /* no derivative there, or tg_gradcheck found one that is wrong */
    TG_ERR_IO        /* a file that cannot be read or written */
} tg_status;

/* ---- dtypes ------------------------------------------------------------------------------------------------------ */

/* What the elements are: float, double, int64_t, and one byte that is 0 or 1. Dtypes never mix silently: tg_cast
 * converts. Only the two floating dtypes carry gradients. */
typedef enum tg_dtype { TG_F32, TG_F64, TG_I64, TG_BOOL, TG_DTYPES } tg_dtype;

/* The name a message would use, "float32" for example; "?" for what is no dtype. */
const char *tg_dtype_name(tg_dtype dtype);

/* Bytes of one element; 0 for what is no dtype. */
size_t tg_dtype_size(tg_dtype dtype);

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

enum { TG_MAX_RANK = 8 };

/* The sizes of a tensor's axes, outermost first; elements lie in row-major order. rank 0 is a single number, a size of
 * 0 is an empty tensor. A shape built from more than TG_MAX_RANK sizes has rank TG_MAX_RANK + 1 and is refused wherever it
 * is used. */
typedef struct tg_shape {
    int     rank;
    int64_t dims[TG_MAX_RANK];
} tg_shape;

/* TG_SHAPE(100, 2) is the shape (100, 2); TG_SHAPE() that of a single number. */
#define TG_SHAPE(...) TGI_ARRAY_CALL(tg_shape_from, int64_t, 0, __VA_ARGS__)

/* The same from an array of `rank` sizes. */
tg_shape tg_shape_from(int rank, const int64_t *dims);

/* Number of elements: the product of the sizes. -1 for a shape that is none: a negative size, a rank out of range, more than 2^59
 * elements (sizes of 0 left aside). */
int64_t tg_shape_size(tg_shape shape);

/* Same rank and same sizes. */
bool tg_shape_equal(tg_shape a, tg_shape b);

/* A set of axes of some tensor, as NumPy's axis=(0, -1): negative ones count from the end. */
typedef struct tg_axes {
    int count;
    int axis[TG_MAX_RANK];
} tg_axes;

/* TG_AXES(0, -1) is the first and the last axis; TG_AXES() is none. */
#define TG_AXES(...) TGI_ARRAY_CALL(tg_axes_from, int, 0, __VA_ARGS__)

/* The same from an array of `count` axes; more than TG_MAX_RANK are refused where they are used. */
tg_axes tg_axes_from(int count, const int *axis);

/* ---- plain numbers ----------------------------------------------------------------------------------------------- */

/* A plain number as a tensor of rank 0. It takes the dtype of the tensors it meets: tg_sub(tg_num(1), y). In C and C++
 * the functions of tensors take plain numbers directly, tg_sub(1, y), so only other languages need to call this. A
 * number belongs to no tape: an op of numbers alone has nowhere to be recorded and returns an invalid tensor, and so does
 * one whose dtype cannot hold the number (1.5 beside int64). Integers beyond 2^53 are rounded, and what is too large for
 * float32 becomes infinite beside it. */
tg_tensor tg_num(double number);

/* ---- no tensor --------------------------------------------------------------------------------------------------- */

/* TG_NONE stands for a tensor that may be left out: an optional weight, bias or mask. Functions that take it say so; all
 * others refuse it. Nothing else counts as none: a handle that is zero-initialised, or invalid because its recording
 * failed, is an error where TG_NONE is allowed as well. */
tg_tensor tg_none(void);
#define TG_NONE (tg_none)()

/* ---- lines of the user's source ---------------------------------------------------------------------------------- */

/* Says that the next call on this tape comes from that line of the user's source, for its error text and for what it
 * records; returns the tape. The macros of these headers do it for every C and C++ caller; bindings for other languages
 * may. `file` must live as long as the tape. A tape of NULL is ignored. */
tg_tape *tg_at(tg_tape *tape, const char *file, int line);

/* The same for a call whose arguments may themselves call the library: holds the line until tg_release, which is given what tg_hold
 * returned. */
typedef struct tg_line {
    const char *file;
    int         line;
} tg_line;
tg_line tg_hold(tg_tape *tape, const char *file, int line);
void    tg_release(tg_tape *tape, tg_line before);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

/* Every function of tensors has a macro of the same name, which takes plain numbers too, evaluates each argument once, and tells
 * the tape the line that it stands on. To take a function's address, or to call it without the macro, write (tg_exp). */
#include <tapegrad/detail/call.h>

#endif
