/* emit/fast_math.c: exponentials and logarithms for parts that this library compiles (tg_compile).
 *
 * Those of <math.h> are calls, and a loop around a call is no vector code. These have no branches, so that a compiler makes vectors of the
 * loops that they stand in. The reductions and series are those of own_math.c. What an exponent is multiplied by is made of bits: adding
 * 1.5 times the largest power of 2 that has a unit bit rounds a number, and leaves it as an integer in the last bits.
 *
 * Largest errors, in units in the last place, against the functions of <math.h> in the next larger type, of 8 million arguments:
 *
 *     float32   exp 1.01   log 0.89   tanh 2.4   log1p 1.3
 *     float64   exp 0.95   log 1.23   tanh 2.5   log1p 1.5
 *
 * SPDX-License-Identifier: MIT */
#include "emit/helpers.h"

#include <tapegrad/tensor.h>

enum { F32 = 1 << TG_F32, F64 = 1 << TG_F64, FLOATS = F32 | F64 };

const tgi_helper tgi_fast_math[] = {
    {"FAST_NEAR", F64,
     "/* exp(x) - 1 for |x| <= log(2) / 2: Taylor's series. */\n"
     "static inline double FAST_NEAR(double x) {\n"
     "return x + x * x * (0.5 + x * (0.16666666666666666 + x * (0.041666666666666664 + x * (0.0083333333333333332 + x * "
     "(0.0013888888888888889 + x * (0.00019841269841269841 + x * (2.4801587301587302e-05 + x * (2.7557319223985893e-06 + x * "
     "(2.7557319223985888e-07 + x * (2.505210838544172e-08 + x * (2.08767569878681e-09 + x * "
     "1.6059043836821613e-10)))))))))));\n"
     "}\n"},
    {"FAST_NEAR", F32,
     "/* exp(x) - 1 for |x| <= log(2) / 2: Taylor's series. */\n"
     "static inline float FAST_NEAR(float x) {\n"
     "return x + x * x * (0.5f + x * (0.166666667f + x * (0.0416666667f + x * (0.00833333333f + x * (0.00138888889f + x * "
     "0.000198412698f)))));\n"
     "}\n"},
    {"exp", F64,
     "static inline double exp(double x) {\n"
     "union { double value; uint64_t bits; } a, b;\n"
     "const double y = x < -746 ? -746 : x > 710 ? 710 : x, shifted = y * 1.4426950408889634 + 6755399441055744.0;\n"
     "const double n = shifted - 6755399441055744.0, r = y - n * 0.6931471803691238 - n * 1.9082149292705877e-10;\n"
     "a.value = n * 0.5 + 6755399441055744.0;\n"
     "b.value = shifted;\n"
     "b.bits = (b.bits - a.bits + 1023) << 52;\n"
     "a.bits = (a.bits + 1023) << 52;\n"
     "return (1 + FAST_NEAR(r)) * a.value * b.value;\n"
     "}\n"},
    {"exp", F32,
     "static inline float exp(float x) {\n"
     "union { float value; uint32_t bits; } a, b;\n"
     "const float y = x < -104 ? -104 : x > 89 ? 89 : x, shifted = y * 1.44269504f + 12582912.0f;\n"
     "const float n = shifted - 12582912.0f, r = y - n * 0.693145752f - n * 1.42860677e-06f;\n"
     "a.value = n * 0.5f + 12582912.0f;\n"
     "b.value = shifted;\n"
     "b.bits = (b.bits - a.bits + 127) << 23;\n"
     "a.bits = (a.bits + 127) << 23;\n"
     "return (1 + FAST_NEAR(r)) * a.value * b.value;\n"
     "}\n"},
    {"tanh", F64,
     "static inline double tanh(double x) {\n"
     "union { double value; uint64_t bits; } power;\n"
     "const double size = fabs(x), y = size > 20 ? 40 : 2 * size, shifted = y * 1.4426950408889634 + 6755399441055744.0;\n"
     "const double n = shifted - 6755399441055744.0, r = y - n * 0.6931471803691238 - n * 1.9082149292705877e-10;\n"
     "double e;\n"
     "power.value = shifted;\n"
     "power.bits = (power.bits + 1023) << 52;\n"
     "e = FAST_NEAR(r) * power.value + (power.value - 1);\n"
     "return copysign(e / (e + 2), x);\n"
     "}\n"},
    {"tanh", F32,
     "static inline float tanh(float x) {\n"
     "union { float value; uint32_t bits; } power;\n"
     "const float size = fabs(x), y = size > 10 ? 20 : 2 * size, shifted = y * 1.44269504f + 12582912.0f;\n"
     "const float n = shifted - 12582912.0f, r = y - n * 0.693145752f - n * 1.42860677e-06f;\n"
     "float e;\n"
     "power.value = shifted;\n"
     "power.bits = (power.bits + 127) << 23;\n"
     "e = FAST_NEAR(r) * power.value + (power.value - 1);\n"
     "return copysign(e / (e + 2), x);\n"
     "}\n"},
    {"log", F64,
     "static inline double log(double x) {\n"
     "union { double value; uint64_t bits; } a, k;\n"
     "const double less = x < 2.2250738585072014e-308 ? 54 : 0;\n"
     "double n, f, s, z, half, y;\n"
     "a.value = less > 0 ? x * 18014398509481984.0 : x;\n"
     "a.bits += 0x00095f619980c433u;\n"
     "k.bits = (a.bits >> 52) | 0x4330000000000000u;\n"
     "n = k.value - 4503599627371519.0 - less;\n"
     "a.bits = (a.bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu;\n"
     "f = a.value - 1;\n"
     "s = f / (2 + f);\n"
     "z = s * s;\n"
     "half = f * f * 0.5;\n"
     "y = f - (half - s * (half + z * (0.66666666666666663 + z * (0.40000000000000002 + z * (0.2857142857142857 + z * "
     "(0.22222222222222221 + z * (0.18181818181818182 + z * (0.15384615384615385 + z * (0.13333333333333333 + z * "
     "(0.11764705882352941 + z * (0.10526315789473684 + z * (0.095238095238095233 + z * 0.086956521739130432))))))))))));\n"
     "y = n * 0.6931471803691238 + (y + n * 1.9082149292705877e-10);\n"
     "y = x == 0 ? -(double)INFINITY : y;\n"
     "y = x < 0 ? (double)NAN : y;\n"
     "return x - x == 0 ? y : x < 0 ? (double)NAN : x;\n"
     "}\n"},
    {"log", F32,
     "static inline float log(float x) {\n"
     "union { float value; uint32_t bits; } a;\n"
     "const float less = x < 1.17549435e-38f ? 25 : 0;\n"
     "float n, f, s, z, half, y;\n"
     "a.value = less > 0 ? x * 33554432.0f : x;\n"
     "a.bits += 0x004afb0du;\n"
     "n = (float)(int32_t)(a.bits >> 23) - 127 - less;\n"
     "a.bits = (a.bits & 0x007fffffu) + 0x3f3504f3u;\n"
     "f = a.value - 1;\n"
     "s = f / (2 + f);\n"
     "z = s * s;\n"
     "half = f * f * 0.5f;\n"
     "y = f - (half - s * (half + z * (0.666666667f + z * (0.4f + z * (0.285714286f + z * (0.222222222f + z * "
     "0.181818182f))))));\n"
     "y = n * 0.693145752f + (y + n * 1.42860677e-06f);\n"
     "y = x == 0 ? -INFINITY : y;\n"
     "y = x < 0 ? NAN : y;\n"
     "return x - x == 0 ? y : x < 0 ? NAN : x;\n"
     "}\n"},
    {"log1p", FLOATS,
     "/* D. Goldberg, as in own_math.c. */\n"
     "static inline T log1p(T x) {\n"
     "const T sum = 1 + x, y = log(sum), better = y + (x - (sum - 1)) / sum;\n"
     "return sum > 0 && sum - sum == 0 ? (x == 0 ? x : better) : y;\n"
     "}\n"},
    {0},
};
