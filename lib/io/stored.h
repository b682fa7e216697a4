/* io/stored.h: tensors as files hold them: their dtypes, the order of their bytes and axes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_STORED_H
#define TGI_IO_STORED_H

#include "io/failure.h"

/* The dtypes of files: name, in safetensors, in NumPy's .npy; the dtype they are loaded with, the bytes of an element. */
#define TGI_STORED_TYPES(X) \
    X(TGI_STORED_F16, "F16", "f2", TG_F32, 2) \
    X(TGI_STORED_BF16, "BF16", "", TG_F32, 2) \
    X(TGI_STORED_F32, "F32", "f4", TG_F32, 4) \
    X(TGI_STORED_F64, "F64", "f8", TG_F64, 8) \
    X(TGI_STORED_I8, "I8", "i1", TG_I64, 1) \
    X(TGI_STORED_I16, "I16", "i2", TG_I64, 2) \
    X(TGI_STORED_I32, "I32", "i4", TG_I64, 4) \
    X(TGI_STORED_I64, "I64", "i8", TG_I64, 8) \
    X(TGI_STORED_U8, "U8", "u1", TG_I64, 1) \
    X(TGI_STORED_U16, "U16", "u2", TG_I64, 2) \
    X(TGI_STORED_U32, "U32", "u4", TG_I64, 4) \
    X(TGI_STORED_U64, "U64", "u8", TG_I64, 8) \
    X(TGI_STORED_BOOL, "BOOL", "b1", TG_BOOL, 1)

#define TGI_STORED_NAME(name, safetensors, npy, dtype, width) name,
typedef enum tgi_stored { TGI_STORED_TYPES(TGI_STORED_NAME) TGI_STORED_UNKNOWN } tgi_stored;

/* The type of that name, of so many characters, in safetensors or in .npy. */
tgi_stored tgi_stored_of_safetensors(const char *name, size_t length);
tgi_stored tgi_stored_of_npy(const char *name, size_t length);

/* How the library's dtypes are named there. */
const char *tgi_safetensors_name(tg_dtype dtype);
const char *tgi_npy_name(tg_dtype dtype);

/* TG_DTYPES and 0 for an unknown type. */
tg_dtype tgi_stored_dtype(tgi_stored type);
size_t   tgi_stored_width(tgi_stored type);

/* A tensor in a file. */
typedef struct tgi_array {
    tgi_stored     type;
    bool           big_endian, fortran; /* fortran: the first axis varies fastest */
    tg_shape       shape;               /* of rank TG_MAX_RANK + 1 where there are more axes */
    uint64_t       count;               /* of elements */
    const uint8_t *bytes;
} tgi_array;

/* Adds an axis to the shape, which begins as {.count = 1}; false when there would be more elements than a tensor can have. */
bool tgi_add_axis(tgi_array *array, uint64_t size);

/* The bytes of its elements, for a known type. */
uint64_t tgi_array_bytes(const tgi_array *array);

/* Whether the library can have it: dtype and rank. `stored` is how the file names the dtype. */
tg_status tgi_check_array(const tgi_array *array, const char *stored, tgi_failure *failure);

/* Whether the bytes of an element are in the other order than this machine has; whether all are what the library has in memory, aligned
 * or not. */
bool tgi_is_swapped(const tgi_array *array);
bool tgi_is_native(const tgi_array *array);

/* Its elements as the library has them, row-major: its own bytes, or memory that *owned is set to, for the caller to free. NULL after a
 * failure; for an array without elements NULL is no failure. */
const void *tgi_elements(const tgi_array *array, void **owned, tgi_failure *failure);

/* Records a constant with a copy of the elements. */
tg_tensor tgi_record_array(tg_tape *tape, const tgi_array *array, tgi_failure *failure);

#endif
