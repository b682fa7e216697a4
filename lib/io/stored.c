/* io/stored.c: tensors as files hold them, and what becomes of their elements.
 *
 * Conversions are exact. What differs from the library only in the order of its bytes or its axes is copied in the right order; the
 * rest is copied by nobody here.
 *
 * SPDX-License-Identifier: MIT */
#include "io/stored.h"

#include <stdlib.h>
#include <string.h>

#include "io/system.h"

static const struct {
    const char *safetensors, *npy;
    tg_dtype    dtype;
    size_t      width;
} types[] = {
#define ROW(name, safetensors, npy, dtype, width) {safetensors, npy, dtype, width},
    TGI_STORED_TYPES(ROW)
#undef ROW
        {"?", "?", TG_DTYPES, 0}};

/* ---- names ------------------------------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b, size_t length) {
    return strlen(a) == length && !memcmp(a, b, length);
}

tgi_stored tgi_stored_of_safetensors(const char *name, size_t length) {
    int i = 0;
    while (i < TGI_STORED_UNKNOWN && !same(types[i].safetensors, name, length))
        i++;
    return (tgi_stored)i;
}

tgi_stored tgi_stored_of_npy(const char *name, size_t length) {
    int i = 0;
    while (i < TGI_STORED_UNKNOWN && (!length || !same(types[i].npy, name, length)))
        i++;
    return (tgi_stored)i;
}

/* The type that has the library's own elements. */
static tgi_stored own_type(tg_dtype dtype) {
    static const tgi_stored own[] =
        {[TG_F32] = TGI_STORED_F32, [TG_F64] = TGI_STORED_F64, [TG_I64] = TGI_STORED_I64, [TG_BOOL] = TGI_STORED_BOOL};
    return own[dtype];
}

const char *tgi_safetensors_name(tg_dtype dtype) {
    return types[own_type(dtype)].safetensors;
}

const char *tgi_npy_name(tg_dtype dtype) {
    return types[own_type(dtype)].npy;
}

tg_dtype tgi_stored_dtype(tgi_stored type) {
    return types[type].dtype;
}

size_t tgi_stored_width(tgi_stored type) {
    return types[type].width;
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

bool tgi_add_axis(tgi_array *array, uint64_t size) {
    const uint64_t most = PTRDIFF_MAX / 16; /* as in tg_shape_size */
    if (size > most) return false;
    if (array->shape.rank < TG_MAX_RANK) array->shape.dims[array->shape.rank] = (int64_t)size;
    if (array->shape.rank <= TG_MAX_RANK) array->shape.rank++;
    if (__builtin_mul_overflow(array->count, size, &array->count)) return false;
    return array->count <= most;
}

uint64_t tgi_array_bytes(const tgi_array *array) {
    return array->count * types[array->type].width;
}

tg_status tgi_check_array(const tgi_array *array, const char *stored, tgi_failure *failure) {
    if (array->type == TGI_STORED_UNKNOWN)
        return tgi_failed(failure, TG_ERR_DTYPE, "its dtype is %s, which the library cannot load", stored);
    if (array->shape.rank > TG_MAX_RANK) return tgi_failed(failure, TG_ERR_SHAPE, "it has more than %d axes", TG_MAX_RANK);
    if (tg_shape_size(array->shape) < 0) return tgi_failed(failure, TG_ERR_SHAPE, "its shape is too large");
    return TG_OK;
}

bool tgi_is_swapped(const tgi_array *array) {
    return array->big_endian != TGI_BIG_ENDIAN && types[array->type].width > 1;
}

bool tgi_is_native(const tgi_array *array) {
    bool ordered = !array->fortran || array->shape.rank < 2 || array->count == 0;
    return ordered && array->type != TGI_STORED_UNKNOWN && array->type == own_type(types[array->type].dtype) &&
           !tgi_is_swapped(array);
}

/* ---- elements ---------------------------------------------------------------------------------------------------- */

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* IEEE 754 binary16: 1 bit of sign, 5 of exponent with a bias of 15, 10 of fraction. */
static float half(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31u, fraction = h & 1023u;
    if (exponent == 31) return float_of(sign | 0x7f800000 | fraction << 13);
    if (exponent) return float_of(sign | (exponent + 127 - 15) << 23 | fraction << 13);
    float tiny = (float)fraction * 0x1p-24f;
    return sign ? -tiny : tiny;
}

/* Its upper half is a float32. */
static float bfloat(uint16_t b) {
    return float_of((uint32_t)b << 16);
}

#define swapped8(x) (x)
#define swapped16 __builtin_bswap16
#define swapped32 __builtin_bswap32
#define swapped64 __builtin_bswap64

/* to[i] = f(bits) for each element, the bits in the machine's order. */
#define EACH(width, result, f) \
    for (uint64_t i = 0; i < array->count; i++) { \
        uint##width##_t bits; \
        memcpy(&bits, array->bytes + i * sizeof bits, sizeof bits); \
        if (swap) bits = swapped##width(bits); \
        ((result *)to)[i] = (result)f; \
    } \
    break

static void convert(const tgi_array *array, void *to) {
    bool swap = tgi_is_swapped(array);
    switch (array->type) {
    case TGI_STORED_F16: EACH(16, float, half(bits));
    case TGI_STORED_BF16: EACH(16, float, bfloat(bits));
    case TGI_STORED_F32: EACH(32, uint32_t, bits);
    case TGI_STORED_F64:
    case TGI_STORED_I64:
    case TGI_STORED_U64: EACH(64, uint64_t, bits);
    case TGI_STORED_I8: EACH(8, int64_t, (int8_t)bits);
    case TGI_STORED_I16: EACH(16, int64_t, (int16_t)bits);
    case TGI_STORED_I32: EACH(32, int64_t, (int32_t)bits);
    case TGI_STORED_U8: EACH(8, int64_t, bits);
    case TGI_STORED_U16: EACH(16, int64_t, bits);
    case TGI_STORED_U32: EACH(32, int64_t, bits);
    case TGI_STORED_BOOL: EACH(8, uint8_t, (bits != 0));
    case TGI_STORED_UNKNOWN: break;
    }
}

/* What an int64 does not hold became negative. */
static bool all_fit(const tgi_array *array, const int64_t *elements, tgi_failure *failure) {
    for (uint64_t i = 0; array->type == TGI_STORED_U64 && i < array->count; i++)
        if (elements[i] < 0) {
            tgi_failed(failure, TG_ERR_VALUE, "element %llu is %llu, which int64 does not hold", (unsigned long long)i,
                       (unsigned long long)elements[i]);
            return false;
        }
    return true;
}

/* From the first axis fastest to the last axis fastest. */
static void reorder(const tgi_array *array, size_t width, const uint8_t *from, uint8_t *to) {
    int      rank = array->shape.rank;
    uint64_t at[TG_MAX_RANK] = {0}, stride[TG_MAX_RANK], place = 0;
    for (int k = 0; k < rank; k++)
        stride[k] = k ? stride[k - 1] * (uint64_t)array->shape.dims[k - 1] : 1;
    for (uint64_t i = 0; i < array->count; i++) {
        memcpy(to + i * width, from + place * width, width);
        for (int k = rank - 1; k >= 0; k--) {
            place += stride[k];
            if (++at[k] < (uint64_t)array->shape.dims[k]) break;
            place -= stride[k] * at[k];
            at[k] = 0;
        }
    }
}

/* Memory for the array's elements as the library has them. */
static void *take(const tgi_array *array, size_t width, tgi_failure *failure) {
    void *memory = array->count <= SIZE_MAX / width ? malloc((size_t)array->count * width) : NULL;
    if (!memory) tgi_failed_memory(failure);
    return memory;
}

const void *tgi_elements(const tgi_array *array, void **owned, tgi_failure *failure) {
    *owned = NULL;
    if (array->count == 0) return NULL;
    if (tgi_is_native(array)) return array->bytes;
    size_t width = tg_dtype_size(types[array->type].dtype);
    void  *made = *owned = take(array, width, failure);
    if (!made) return NULL;
    convert(array, made);
    if (!all_fit(array, made, failure)) return NULL;
    if (!array->fortran || array->shape.rank < 2) return made;
    *owned = take(array, width, failure);
    if (*owned) reorder(array, width, made, *owned);
    free(made);
    return *owned;
}

tg_tensor tgi_record_array(tg_tape *tape, const tgi_array *array, tgi_failure *failure) {
    void       *owned;
    const void *elements = tgi_elements(array, &owned, failure);
    tg_tensor   x = failure->status ? tg_invalid(tape) : tg_constant(tape, types[array->type].dtype, array->shape, elements);
    free(owned);
    return x;
}
