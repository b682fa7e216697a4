/* core/dtype.c: the table of dtypes.
 *
 * Elements go through memcpy, since the memory of a plain number, or of one element among bytes, has no type of its own.
 *
 * SPDX-License-Identifier: MIT */
#include "core/dtype.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* ---- conversions ------------------------------------------------------------------------------------------------- */

#define DEFINE_TO_DOUBLE(suffix, T) \
    static double suffix##_to_double(const void *element) { \
        T x; \
        memcpy(&x, element, sizeof x); \
        return (double)x; \
    }
DEFINE_TO_DOUBLE(f32, float)
DEFINE_TO_DOUBLE(f64, double)
DEFINE_TO_DOUBLE(i64, int64_t)

/* A kernel of the user's may have made it of any bits. */
static double b8_to_double(const void *element) {
    return *(const uint8_t *)element != 0;
}

static bool f32_from_double(double value, void *element) {
    memcpy(element, &(float){(float)value}, sizeof(float));
    return true;
}

static bool f64_from_double(double value, void *element) {
    memcpy(element, &value, sizeof value);
    return true;
}

static bool i64_from_double(double value, void *element) {
    if (!(value >= -0x1p63 && value < 0x1p63 && (double)(int64_t)value == value)) return false;
    memcpy(element, &(int64_t){(int64_t)value}, sizeof(int64_t));
    return true;
}

static bool b8_from_double(double value, void *element) {
    memcpy(element, &(bool){value != 0}, sizeof(bool));
    return value == 0 || value == 1;
}

static double parse_f32(const char *text) {
    return (double)strtof(text, NULL);
}

static double parse_f64(const char *text) {
    return strtod(text, NULL);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static const tgi_dtype_traits traits[TG_DTYPES] = {
    [TG_F32] = {"float32", sizeof(float), f32_to_double, f32_from_double, FLT_MANT_DIG, (double)FLT_MAX, parse_f32},
    [TG_F64] = {"float64", sizeof(double), f64_to_double, f64_from_double, DBL_MANT_DIG, DBL_MAX, parse_f64},
    [TG_I64] = {"int64", sizeof(int64_t), i64_to_double, i64_from_double, .precision = 0},
    [TG_BOOL] = {"bool", sizeof(bool), b8_to_double, b8_from_double, .precision = 0},
};

const tgi_dtype_traits *tgi_traits_of(tg_dtype dtype) {
    static const tgi_dtype_traits none = {.name = "?"};
    return (unsigned)dtype < TG_DTYPES ? &traits[dtype] : &none;
}

const char *tg_dtype_name(tg_dtype dtype) {
    return tgi_traits_of(dtype)->name;
}

size_t tg_dtype_size(tg_dtype dtype) {
    return tgi_traits_of(dtype)->size;
}

bool tgi_convert(double value, tg_dtype dtype, void *out) {
    const tgi_dtype_traits *t = tgi_traits_of(dtype);
    return t->from_double && t->from_double(value, out);
}

double tgi_element(tg_dtype dtype, const void *element) {
    return tgi_traits_of(dtype)->to_double(element);
}
