/* emit/own_math.c: functions of <math.h> for C files that do without it (tg_emit_options.no_libm).
 *
 * They are written for few bytes rather than for the last half of a unit: Taylor's and other series, whose coefficients need no table,
 * behind reductions that are exact (W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980). A float32 has functions of
 * its own where these are short; the rest is computed in float64. docs/emit.md says how accurate each is.
 *
 *     log1p           the quotient of the two roundings: D. Goldberg, "What every computer scientist should know ...", 1991, theorem 4
 *     pow, sqrt       T. J. Dekker, "A floating-point technique for extending the available precision", Numer. Math. 18 (1971)
 *
 * SPDX-License-Identifier: MIT */
#include "emit/helpers.h"

#include <tapegrad/tensor.h>

enum { F32 = 1 << TG_F32, F64 = 1 << TG_F64, FLOATS = F32 | F64 };

const tgi_helper tgi_own_math[] = {
    /* ---- bits ---- */
    {"fabs", FLOATS, "static T fabs(T x) {\nreturn x <= 0 ? 0 - x : x;\n}\n"},
    {"copysign", F64,
     "static double copysign(double x, double sign) {\n"
     "union { double value; uint64_t bits; } a, b;\n"
     "a.value = x;\n"
     "b.value = sign;\n"
     "a.bits = (a.bits & 0x7fffffffffffffffu) | (b.bits & 0x8000000000000000u);\n"
     "return a.value;\n"
     "}\n"},
    {"copysign", F32,
     "static float copysign(float x, float sign) {\n"
     "union { float value; uint32_t bits; } a, b;\n"
     "a.value = x;\n"
     "b.value = sign;\n"
     "a.bits = (a.bits & 0x7fffffffu) | (b.bits & 0x80000000u);\n"
     "return a.value;\n"
     "}\n"},
    {"ldexp", F64,
     "/* x 2^n, rounded once. */\n"
     "static double ldexp(double x, int n) {\n"
     "union { double value; uint64_t bits; } power;\n"
     "int k;\n"
     "for (k = 0; k < 2 && n > 1023; k++) {\n"
     "x *= 8.98846567431158e+307;\n"
     "n -= 1023;\n"
     "}\n"
     "for (k = 0; k < 2 && n < -1022; k++) {\n"
     "x *= 2.004168360008973e-292;\n"
     "n += 969;\n"
     "}\n"
     "if (n > 1023) n = 1023;\n"
     "if (n < -1022) n = -1022;\n"
     "power.bits = (uint64_t)(n + 1023) << 52;\n"
     "return x * power.value;\n"
     "}\n"},
    {"FREXP", F64,
     "/* The exponent, and x in [1/2, 1); x is finite and not 0. */\n"
     "static double FREXP(double x, int *exponent) {\n"
     "union { double value; uint64_t bits; } a;\n"
     "const int below = fabs(x) < 2.2250738585072014e-308 ? 54 : 0;\n"
     "a.value = ldexp(x, below);\n"
     "*exponent = (int)(a.bits >> 52 & 2047u) - 1022 - below;\n"
     "a.bits = (a.bits & ~((uint64_t)2047u << 52)) | (uint64_t)1022u << 52;\n"
     "return a.value;\n"
     "}\n"},
    {"ldexp", F32,
     "/* x 2^n, rounded once. */\n"
     "static float ldexp(float x, int n) {\n"
     "union { float value; uint32_t bits; } power;\n"
     "int k;\n"
     "for (k = 0; k < 2 && n > 127; k++) {\n"
     "x *= 1.7014118346046923e+38f;\n"
     "n -= 127;\n"
     "}\n"
     "for (k = 0; k < 2 && n < -126; k++) {\n"
     "x *= 1.9721522630525295e-31f;\n"
     "n += 102;\n"
     "}\n"
     "if (n > 127) n = 127;\n"
     "if (n < -126) n = -126;\n"
     "power.bits = (uint32_t)(n + 127) << 23;\n"
     "return x * power.value;\n"
     "}\n"},
    {"FREXP", F32,
     "/* The exponent, and x in [1/2, 1); x is finite and not 0. */\n"
     "static float FREXP(float x, int *exponent) {\n"
     "union { float value; uint32_t bits; } a;\n"
     "const int below = fabs(x) < 1.1754943508222875e-38f ? 25 : 0;\n"
     "a.value = ldexp(x, below);\n"
     "*exponent = (int)(a.bits >> 23 & 255u) - 126 - below;\n"
     "a.bits = (a.bits & ~((uint32_t)255u << 23)) | (uint32_t)126u << 23;\n"
     "return a.value;\n"
     "}\n"},
    /* ---- roundings ---- */
    {"rint", FLOATS,
     "static T rint(T x) {\n"
     "const T big = sizeof(T) == 4 ? (T)8388608.0 : (T)4503599627370496.0;\n"
     "T sum;\n"
     "if (!(fabs(x) < big)) return x;\n"
     "sum = x < 0 ? x - big : x + big;\n"
     "return copysign(x < 0 ? sum + big : sum - big, x);\n"
     "}\n"},
    {"floor", FLOATS,
     "static T floor(T x) {\n"
     "const T y = rint(x);\n"
     "return y > x ? copysign(y - 1, x) : y;\n"
     "}\n"},
    {"ceil", FLOATS, "static T ceil(T x) {\nreturn -floor(-x);\n}\n"},
    {"trunc", FLOATS, "static T trunc(T x) {\nreturn x < 0 ? ceil(x) : floor(x);\n}\n"},
    {"round", FLOATS,
     "static T round(T x) {\n"
     "const T y = trunc(x);\n"
     "return fabs(x - y) >= (T)0.5 ? y + copysign(1, x) : y;\n"
     "}\n"},
    {"fmax", FLOATS, "static T fmax(T a, T b) {\nreturn a > b || b != b ? a : b;\n}\n"},
    {"fmin", FLOATS, "static T fmin(T a, T b) {\nreturn a < b || b != b ? a : b;\n}\n"},
    {"fmod", FLOATS,
     "static T fmod(T a, T b) {\n"
     "T rest = fabs(a), step;\n"
     "const T size = fabs(b);\n"
     "int high, low;\n"
     "if (!(size > 0) || rest - rest != 0) return (a * b) / (a * b);\n"
     "if (!(rest >= size)) return a;\n"
     "FREXP(rest, &high);\n"
     "FREXP(size, &low);\n"
     "for (high -= low; high >= 0; high--) {\n"
     "step = ldexp(size, high);\n"
     "if (rest >= step) rest -= step;\n"
     "}\n"
     "return copysign(rest, a);\n"
     "}\n"},
    /* ---- roots ---- */
    {"sqrt", FLOATS,
     "/* Newton's steps, and at last the rest x - y y, whose product is in two pieces. */\n"
     "static T sqrt(T x) {\n"
     "const T split = sizeof(T) == 4 ? (T)4097.0 : (T)134217729.0;\n"
     "T m, y, h, l, high;\n"
     "int exponent, i;\n"
     "if (!(x > 0) || x - x != 0) return x < 0 ? (x - x) / (x - x) : x;\n"
     "m = FREXP(x, &exponent);\n"
     "if (exponent % 2 != 0) {\n"
     "m /= 2;\n"
     "exponent++;\n"
     "}\n"
     "y = (T)0.41731 + (T)0.59016 * m;\n"
     "for (i = 0; i < 4; i++) y = (y + m / y) / 2;\n"
     "high = split * y;\n"
     "h = high - (high - y);\n"
     "l = y - h;\n"
     "y += ((m - h * h) - 2 * h * l - l * l) / (2 * y);\n"
     "return ldexp(y, exponent / 2);\n"
     "}\n"},
    {"cbrt", FLOATS,
     "/* Halley's steps. */\n"
     "static T cbrt(T x) {\n"
     "T m, y, cube;\n"
     "int exponent, rest, i;\n"
     "if (x == 0 || x - x != 0) return x;\n"
     "m = FREXP(fabs(x), &exponent);\n"
     "rest = (exponent % 3 + 3) % 3;\n"
     "if (rest > 0) m = ldexp(m, rest - 3);\n"
     "exponent += rest > 0 ? 3 - rest : 0;\n"
     "y = (T)0.4 + (T)0.6 * m;\n"
     "for (i = 0; i < 4; i++) {\n"
     "cube = y * y * y;\n"
     "y -= y * ((cube - m) / (2 * cube + m));\n"
     "}\n"
     "return copysign(ldexp(y, exponent / 3), x);\n"
     "}\n"},
    {"hypot", FLOATS,
     "static T hypot(T a, T b) {\n"
     "const T x = fabs(a), y = fabs(b), large = x > y ? x : y, small = x > y ? y : x;\n"
     "if (x - x != 0 || y - y != 0) return (x == x && x - x != 0) || (y == y && y - y != 0) ? (T)INFINITY : x + y;\n"
     "return large == 0 ? 0 : large * sqrt(1 + small / large * (small / large));\n"
     "}\n"},
    /* ---- exponentials ---- */
    {"EXPM1_NEAR", F64,
     "/* exp(x) - 1 for |x| <= log(2) / 2: Taylor's series. */\n"
     "static double EXPM1_NEAR(double x) {\n"
     "return x + x * x * (0.5 + x * (0.16666666666666666 + x * (0.041666666666666664 + x * (0.0083333333333333332 + x * "
     "(0.0013888888888888889 + x * (0.00019841269841269841 + x * (2.4801587301587302e-05 + x * (2.7557319223985893e-06 + x * "
     "(2.7557319223985888e-07 + x * (2.505210838544172e-08 + x * (2.08767569878681e-09 + x * "
     "(1.6059043836821613e-10))))))))))));\n"
     "}\n"},
    {"EXPM1_NEAR", F32,
     "/* exp(x) - 1 for |x| <= log(2) / 2: Taylor's series. */\n"
     "static float EXPM1_NEAR(float x) {\n"
     "return x + x * x * (0.5f + x * (0.166666667f + x * (0.0416666667f + x * (0.00833333333f + x * (0.00138888889f + x * "
     "(0.000198412698f))))));\n"
     "}\n"},
    {"LN2_TIMES", F64,
     "/* x less n log(2), which is in two pieces. */\n"
     "static double LN2_TIMES(double x, double n) {\n"
     "return x - n * 0.6931471803691238 - n * 1.9082149292705877e-10;\n"
     "}\n"},
    {"LN2_TIMES", F32,
     "/* x less n log(2), which is in two pieces. */\n"
     "static float LN2_TIMES(float x, float n) {\n"
     "return x - n * 0.693145752f - n * 1.42860677e-06f;\n"
     "}\n"},
    {"exp", FLOATS,
     "static T exp(T x) {\n"
     "const T most = sizeof(T) == 4 ? 104 : 746;\n"
     "T n;\n"
     "if (x != x) return x;\n"
     "if (x > most) return (T)INFINITY;\n"
     "if (x < -most) return 0;\n"
     "n = rint(x * (T)1.4426950408889634);\n"
     "return ldexp(1 + EXPM1_NEAR(LN2_TIMES(x, n)), (int)n);\n"
     "}\n"},
    {"exp2", FLOATS,
     "static T exp2(T x) {\n"
     "const T most = sizeof(T) == 4 ? 150 : 1080;\n"
     "T n;\n"
     "if (x != x) return x;\n"
     "if (x > most) return (T)INFINITY;\n"
     "if (x < -most) return 0;\n"
     "n = rint(x);\n"
     "return ldexp(1 + EXPM1_NEAR((x - n) * (T)0.6931471805599453), (int)n);\n"
     "}\n"},
    {"expm1", FLOATS,
     "static T expm1(T x) {\n"
     "T n, y;\n"
     "if (x != x || x > 1000) return x > 1000 ? (T)INFINITY : x;\n"
     "if (x < -50) return -1;\n"
     "n = rint(x * (T)1.4426950408889634);\n"
     "y = EXPM1_NEAR(LN2_TIMES(x, n));\n"
     "if (n == 0) return x == 0 ? x : y;\n"
     "if (n > 60) return ldexp(1 + y, (int)n);\n"
     "return ldexp(y, (int)n) + (ldexp(1, (int)n) - 1);\n"
     "}\n"},
    /* ---- logarithms ---- */
    {"LOG_NEAR", F64,
     "/* log(1 + f) for 1 + f from root(1/2) to root(2): 2 artanh(s), s = f / (2 + f), by its series; 2 s is f - s f. */\n"
     "static double LOG_NEAR(double f) {\n"
     "const double s = f / (2 + f), z = s * s, half = f * f / 2;\n"
     "return f - (half - s * (half + z * (0.66666666666666663 + z * (0.40000000000000002 + z * (0.2857142857142857 + z * "
     "(0.22222222222222221 + z * (0.18181818181818182 + z * (0.15384615384615385 + z * (0.13333333333333333 + z * "
     "(0.11764705882352941 + z * (0.10526315789473684 + z * (0.095238095238095233 + z * (0.086956521739130432)))))))))))));\n"
     "}\n"},
    {"LOG_NEAR", F32,
     "/* log(1 + f) for 1 + f from root(1/2) to root(2): 2 artanh(s), s = f / (2 + f), by its series; 2 s is f - s f. */\n"
     "static float LOG_NEAR(float f) {\n"
     "const float s = f / (2 + f), z = s * s, half = f * f / 2;\n"
     "return f - (half - s * (half + z * (0.666666667f + z * (0.4f + z * (0.285714286f + z * (0.222222222f + z * "
     "(0.181818182f)))))));\n"
     "}\n"},
    {"LOG_SPLIT", FLOATS,
     "/* f and n with x = 2^n (1 + f). */\n"
     "static T LOG_SPLIT(T x, int *n) {\n"
     "T m = FREXP(x, n);\n"
     "if (m < (T)0.70710678118654752) {\n"
     "m *= 2;\n"
     "(*n)--;\n"
     "}\n"
     "return m - 1;\n"
     "}\n"},
    {"log", F64,
     "static double log(double x) {\n"
     "double f;\n"
     "int n;\n"
     "if (!(x > 0) || x - x != 0) return x == 0 ? -(double)INFINITY : x < 0 ? (double)NAN : x;\n"
     "f = LOG_SPLIT(x, &n);\n"
     "return n * 0.6931471803691238 + (LOG_NEAR(f) + n * 1.9082149292705877e-10);\n"
     "}\n"},
    {"log", F32,
     "static float log(float x) {\n"
     "float f;\n"
     "int n;\n"
     "if (!(x > 0) || x - x != 0) return x == 0 ? -INFINITY : x < 0 ? NAN : x;\n"
     "f = LOG_SPLIT(x, &n);\n"
     "return (float)n * 0.693145752f + (LOG_NEAR(f) + (float)n * 1.42860677e-06f);\n"
     "}\n"},
    {"log1p", FLOATS,
     "static T log1p(T x) {\n"
     "const T sum = 1 + x;\n"
     "if (x > (T)-0.29 && x < (T)0.41) return x == 0 ? x : LOG_NEAR(x);\n"
     "if (!(sum > 0) || sum - sum != 0) return log(sum);\n"
     "return log(sum) + (x - (sum - 1)) / sum;\n"
     "}\n"},
    {"log2", FLOATS,
     "static T log2(T x) {\n"
     "int n;\n"
     "T f;\n"
     "if (!(x > 0) || x - x != 0) return log(x);\n"
     "f = LOG_SPLIT(x, &n);\n"
     "return (T)n + LOG_NEAR(f) * (T)1.4426950408889634;\n"
     "}\n"},
    {"log10", F64,
     "static double log10(double x) {\n"
     "int n;\n"
     "double f;\n"
     "if (!(x > 0) || x - x != 0) return log(x);\n"
     "f = LOG_SPLIT(x, &n);\n"
     "return n * 0.30102999566027196 + (LOG_NEAR(f) * 0.4342944819032518 + n * 3.7092338135e-12);\n"
     "}\n"},
    {"log10", F32, "static float log10(float x) {\nreturn (float)DOUBLE_LOG10((double)x);\n}\n"},
    {"DOUBLE_LOG10", F64, "static double DOUBLE_LOG10(double x) {\nreturn log10(x);\n}\n"},
    /* ---- powers ---- */
    {"POWER_OF", F64,
     "/* x^y for x > 0 and finite: the logarithm is a sum of two numbers. */\n"
     "static double POWER_OF(double x, double y) {\n"
     "double t;\n"
     "int n;\n"
     "const double f = LOG_SPLIT(x, &n), g = 2 + f, s = f / g, split = 134217729.0;\n"
     "double s_high, s_low, g_high, g_low, rest, z, z_high, z_low, tail, high, low, product, p_low, k;\n"
     "if (x == 1 || y == 0) return 1;\n"
     "t = split * s;\n"
     "s_high = t - (t - s);\n"
     "s_low = s - s_high;\n"
     "t = split * g;\n"
     "g_high = t - (t - g);\n"
     "g_low = (f - (g - 2)) + (g - g_high);\n"
     "rest = (((f - s_high * g_high) - s_high * g_low) - s_low * (g_high + g_low)) / g;\n"
     "s_low += rest;\n"
     "z = s * s;\n"
     "z_high = s_high * s_high;\n"
     "z_low = 2 * s_high * s_low + s_low * s_low;\n"
     "tail = z * z * (0.40000000000000002 + z * (0.2857142857142857 + z * (0.22222222222222221 + z * (0.18181818181818182 + z "
     "* (0.15384615384615385 + z * (0.13333333333333333 + z * (0.11764705882352941 + z * (0.10526315789473684 + z * "
     "(0.095238095238095233 + z * (0.086956521739130432))))))))));\n"
     "t = (z_high + (z_low + 1.5 * tail));\n"
     "z_low = (z_high - t) + (z_low + 1.5 * tail);\n"
     "z_high = t;\n"
     "t = split * z_high;\n"
     "product = t - (t - z_high);\n"
     "z_low += z_high - product;\n"
     "high = product * s_high;\n"
     "low = product * s_low + z_low * s;\n"
     "t = high / 3;\n"
     "z = split * t;\n"
     "t = z - (z - t);\n"
     "rest = (high - 3 * t + low) / 3;\n"
     "high = 2 * t;\n"
     "low = 2 * rest;\n"
     "product = 2 * s_high;\n"
     "z = n * 0.6931471803691238;\n"
     "k = z + product;\n"
     "p_low = fabs(z) > fabs(product) ? (z - k) + product : (product - k) + z;\n"
     "p_low += 2 * s_low + n * 1.9082149292705877e-10;\n"
     "t = k + high;\n"
     "low += ((k - t) + high) + p_low;\n"
     "high = t;\n"
     "t = high + low;\n"
     "low = (high - t) + low;\n"
     "high = t;\n"
     "product = y * high;\n"
     "if (!(fabs(product) < 800)) return product > 0 ? (double)INFINITY : 0;\n"
     "t = split * y;\n"
     "s_high = t - (t - y);\n"
     "s_low = y - s_high;\n"
     "t = split * high;\n"
     "g_high = t - (t - high);\n"
     "g_low = high - g_high;\n"
     "p_low = ((s_high * g_high - product) + s_high * g_low + s_low * g_high) + s_low * g_low + y * low;\n"
     "k = rint(product * 1.4426950408889634);\n"
     "z = (product - k * 0.6931471803691238);\n"
     "return ldexp(1 + EXPM1_NEAR(z + (p_low - k * 1.9082149292705877e-10)), (int)k);\n"
     "}\n"},
    {"pow", F64,
     "static double pow(double x, double y) {\n"
     "const double size = fabs(x);\n"
     "const bool whole = rint(y) == y, odd = whole && fabs(y) < 9007199254740992.0 && rint(y / 2) * 2 != y;\n"
     "double power;\n"
     "if (y == 0 || x == 1) return 1;\n"
     "if (x != x || y != y) return x + y;\n"
     "if (y - y != 0) return size == 1 ? 1 : (size > 1) == (y > 0) ? (double)INFINITY : 0;\n"
     "if (x < 0 && !whole && size - size == 0) return (double)NAN;\n"
     "if (size == 0 || size - size != 0) {\n"
     "power = (size == 0) == (y < 0) ? (double)INFINITY : 0;\n"
     "} else {\n"
     "power = POWER_OF(size, y);\n"
     "}\n"
     "return odd ? copysign(power, x) : power;\n"
     "}\n"},
    {"pow", F32,
     "static float pow(float x, float y) {\n"
     "return (float)DOUBLE_POW((double)x, (double)y);\n"
     "}\n"},
    {"DOUBLE_POW", F64, "static double DOUBLE_POW(double x, double y) {\nreturn pow(x, y);\n}\n"},
    {0},
};
