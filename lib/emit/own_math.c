/* emit/own_math.c: functions of <math.h> for C files that do without it (tg_emit_options.no_libm).
 *
 * They are written for few bytes rather than for the last half of a unit: Taylor's and other series, whose coefficients need no table,
 * behind reductions that are exact (W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980). A float32 has functions of
 * its own where these are short; the rest is computed in float64. docs/emit.md says how accurate each is.
 *
 *     sin, cos, tan   large arguments: M. H. Payne and R. N. Hanek, "Radian reduction for trigonometric functions", SIGNUM 18 (1983)
 *     log1p           the quotient of the two roundings: D. Goldberg, "What every computer scientist should know ...", 1991, theorem 4
 *     pow, sqrt       T. J. Dekker, "A floating-point technique for extending the available precision", Numer. Math. 18 (1971)
 *     erf, erfc       F. Matta and A. Reichel, "Uniform computation of the error function", Mathematics of Computation 25 (1971)
 *     lgamma          Stirling's series (Abramowitz & Stegun 6.1.41), reflected below 1/2 (6.1.17)
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
    /* ---- circular functions ---- */
    {"REDUCE_LARGE", F64,
     "/* x less k pi/2, of which `quadrant` is k mod 4, for a whole number m 2^exponent above 2^18, by as many digits of 2/pi "
     "as count. */\n"
     "static double REDUCE_LARGE(uint64_t m, int exponent, int *quadrant) {\n"
     "static const uint32_t digits[40] = {0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, "
     "0xfe5163abu, 0xdebbc561u, 0xb7246e3au, 0x424dd2e0u, 0x06492eeau, 0x09d1921cu, 0xfe1deb1cu, 0xb129a73eu, 0xe88235f5u, "
     "0x2ebb4484u, 0xe99c7026u, 0xb45f7e41u, 0x3991d639u, 0x835339f4u, 0x9c845f8bu, 0xbdf9283bu, 0x1ff897ffu, 0xde05980fu, "
     "0xef2f118bu, 0x5a0a6d1fu, 0x6d367ecfu, 0x27cb09b7u, 0x4f463f66u, 0x9e5fea2du, 0x7527bac7u, 0xebe5f17bu, 0x3d0739f7u, "
     "0x8a5292eau, 0x6bfb5fb1u, 0x1f8d5d08u, 0x56033046u, 0xfc7b6babu, 0xf0cfbc20u, 0x9af4361du};\n"
     "const int first = exponent < 34 ? 0 : (exponent - 2) / 32, point = 32 * (first + 7) - exponent;\n"
     "uint32_t product[9] = {0};\n"
     "double fraction = 0;\n"
     "bool up;\n"
     "int i, j, whole;\n"
     "for (i = 6; i >= 0; i--) {\n"
     "uint64_t carry = 0;\n"
     "for (j = 0; j < 2; j++) {\n"
     "const uint64_t sum = (uint64_t)digits[first + i] * (uint32_t)(m >> 32 * j) + product[6 - i + j] + carry;\n"
     "product[6 - i + j] = (uint32_t)sum;\n"
     "carry = sum >> 32;\n"
     "}\n"
     "for (j = 8 - i; j < 9 && carry; j++) {\n"
     "carry += product[j];\n"
     "product[j] = (uint32_t)carry;\n"
     "carry >>= 32;\n"
     "}\n"
     "}\n"
     "whole = 0;\n"
     "for (i = 1; i >= 0; i--) whole = 2 * whole + (int)(product[(point + i) / 32] >> (point + i) % 32 & 1);\n"
     "up = product[(point - 1) / 32] >> (point - 1) % 32 & 1;\n"
     "for (i = 0; i <= (point - 1) / 32; i++) {\n"
     "uint32_t digit = up ? ~product[i] : product[i];\n"
     "if (i == (point - 1) / 32 && point % 32 != 0) digit &= ((uint32_t)1 << point % 32) - 1;\n"
     "fraction = fraction / 4294967296.0 + digit;\n"
     "}\n"
     "fraction = ldexp(fraction, 32 * ((point - 1) / 32) - point);\n"
     "*quadrant = (whole + (up ? 1 : 0)) & 3;\n"
     "return (up ? -fraction : fraction) * 1.5707963267948966;\n"
     "}\n"},
    {"REDUCE", F64,
     "/* x less a multiple of pi/2, for |x| <= pi/4 beyond; in `quadrant` the multiple mod 4. */\n"
     "static double REDUCE(double x, int *quadrant) {\n"
     "const double k = rint(x * 0.6366197723675814);\n"
     "double y;\n"
     "int exponent;\n"
     "*quadrant = 0;\n"
     "if (x - x != 0) return x - x;\n"
     "if (fabs(k) < 262144) {\n"
     "*quadrant = (int)k & 3;\n"
     "return ((x - k * 1.5707963267341256) - k * 6.077100506303966e-11) - k * 2.0222662487959506e-21;\n"
     "}\n"
     "y = ldexp(FREXP(fabs(x), &exponent), 53);\n"
     "y = REDUCE_LARGE((uint64_t)y, exponent - 53, quadrant);\n"
     "if (x > 0) return y;\n"
     "*quadrant = -*quadrant & 3;\n"
     "return -y;\n"
     "}\n"},
    {"REDUCE", F32,
     "/* x less a multiple of pi/2, for |x| <= pi/4 beyond; in `quadrant` the multiple mod 4. */\n"
     "static float REDUCE(float x, int *quadrant) {\n"
     "const float k = rint(x * 0.636619772f);\n"
     "if (fabs(k) < 2048) {\n"
     "*quadrant = (int)k & 3;\n"
     "return (((x - k * 1.5703125f) - k * 0.0004837512969970703f) - k * 7.54979013e-08f) - k * -1.71512451e-15f;\n"
     "}\n"
     "return (float)DOUBLE_REDUCE((double)x, quadrant);\n"
     "}\n"},
    {"DOUBLE_REDUCE", F64,
     "static double DOUBLE_REDUCE(double x, int *quadrant) {\n"
     "return REDUCE(x, quadrant);\n"
     "}\n"},
    {"SIN_NEAR", F64,
     "static double SIN_NEAR(double x) {\n"
     "const double z = x * x;\n"
     "return x + x * z * (-0.16666666666666666 + z * (0.0083333333333333332 + z * (-0.00019841269841269841 + z * "
     "(2.7557319223985893e-06 + z * (-2.505210838544172e-08 + z * (1.6059043836821613e-10 + z * (-7.6471637318198164e-13 + z * "
     "(2.8114572543455206e-15))))))));\n"
     "}\n"},
    {"COS_NEAR", F64,
     "static double COS_NEAR(double x) {\n"
     "const double z = x * x, half = z / 2, whole = 1 - half;\n"
     "return whole + (((1 - whole) - half) + z * z * (0.041666666666666664 + z * (-0.0013888888888888889 + z * "
     "(2.4801587301587302e-05 + z * (-2.7557319223985888e-07 + z * (2.08767569878681e-09 + z * (-1.1470745597729725e-11 + z * "
     "(4.7794773323873853e-14 + z * (-1.5619206968586225e-16)))))))));\n"
     "}\n"},
    {"SIN_NEAR", F32,
     "static float SIN_NEAR(float x) {\n"
     "const float z = x * x;\n"
     "return x + x * z * (-0.166666667f + z * (0.00833333333f + z * (-0.000198412698f + z * (2.75573192e-06f))));\n"
     "}\n"},
    {"COS_NEAR", F32,
     "static float COS_NEAR(float x) {\n"
     "const float z = x * x, half = z / 2, whole = 1 - half;\n"
     "return whole + (((1 - whole) - half) + z * z * (0.0416666667f + z * (-0.00138888889f + z * (2.48015873e-05f + z * "
     "(-2.75573192e-07f)))));\n"
     "}\n"},
    {"sin", FLOATS,
     "static T sin(T x) {\n"
     "int quadrant;\n"
     "const T r = REDUCE(x, &quadrant), y = quadrant % 2 ? COS_NEAR(r) : SIN_NEAR(r);\n"
     "return x == 0 ? x : quadrant > 1 ? -y : y;\n"
     "}\n"},
    {"cos", FLOATS,
     "static T cos(T x) {\n"
     "int quadrant;\n"
     "const T r = REDUCE(x, &quadrant), y = quadrant % 2 ? SIN_NEAR(r) : COS_NEAR(r);\n"
     "return quadrant == 1 || quadrant == 2 ? -y : y;\n"
     "}\n"},
    {"tan", FLOATS,
     "static T tan(T x) {\n"
     "int quadrant;\n"
     "const T r = REDUCE(x, &quadrant);\n"
     "if (x == 0) return x;\n"
     "return quadrant % 2 ? -COS_NEAR(r) / SIN_NEAR(r) : SIN_NEAR(r) / COS_NEAR(r);\n"
     "}\n"},
    {"ATAN_NEAR", F64,
     "/* For 0 <= x <= 1, from the nearest eighth on. */\n"
     "static double ATAN_NEAR(double x) {\n"
     "static const double table[9] = {0.0, 0.12435499454676144, 0.24497866312686414, 0.35877067027057225, 0.4636476090008061, "
     "0.5585993153435624, 0.6435011087932844, 0.7188299996216245, 0.7853981633974483};\n"
     "const double k = rint(8 * x), c = k / 8, t = (x - c) / (1 + x * c), z = t * t;\n"
     "return table[(int)k] + (t + t * z * (-0.33333333333333331 + z * (0.20000000000000001 + z * (-0.14285714285714285 + z * "
     "(0.1111111111111111 + z * (-0.090909090909090912 + z * (0.076923076923076927)))))));\n"
     "}\n"},
    {"ATAN_NEAR", F32,
     "/* For 0 <= x <= 1, from the nearest eighth on. */\n"
     "static float ATAN_NEAR(float x) {\n"
     "static const float table[9] = {0.0f, 0.124354996f, 0.244978666f, 0.358770669f, 0.463647604f, 0.558599293f, 0.643501103f, "
     "0.718829989f, 0.785398185f};\n"
     "const float k = rint(8 * x), c = k / 8, t = (x - c) / (1 + x * c), z = t * t;\n"
     "return table[(int)k] + (t + t * z * (-0.333333333f + z * (0.2f + z * (-0.142857143f))));\n"
     "}\n"},
    {"atan", FLOATS,
     "static T atan(T x) {\n"
     "const T size = fabs(x);\n"
     "if (x != x) return x;\n"
     "if (size <= 1) return copysign(ATAN_NEAR(size), x);\n"
     "return copysign((T)1.5707963267948966 - (ATAN_NEAR(1 / size) - (T)6.123233995736766e-17), x);\n"
     "}\n"},
    {"atan2", FLOATS,
     "static T atan2(T y, T x) {\n"
     "const T pi = (T)3.141592653589793, a = fabs(y), b = fabs(x);\n"
     "const bool left = copysign(1, x) < 0;\n"
     "T angle;\n"
     "if (x != x || y != y) return x + y;\n"
     "if (a == 0 || b - b != 0) {\n"
     "angle = a - a == 0 ? 0 : pi / 4;\n"
     "} else if (b == 0 || a - a != 0) {\n"
     "angle = pi / 2;\n"
     "} else {\n"
     "angle = a > b ? pi / 2 - ATAN_NEAR(b / a) : ATAN_NEAR(a / b);\n"
     "}\n"
     "return copysign(left ? pi - angle : angle, y);\n"
     "}\n"},
    {"asin", FLOATS,
     "static T asin(T x) {\n"
     "return x == 0 ? x : atan2(x, sqrt((1 - x) * (1 + x)));\n"
     "}\n"},
    {"acos", FLOATS, "static T acos(T x) {\nreturn 2 * atan2(sqrt(1 - x), sqrt(1 + x));\n}\n"},
    /* ---- hyperbolic functions ---- */
    {"sinh", FLOATS,
     "static T sinh(T x) {\n"
     "const T size = fabs(x), far = sizeof(T) == 4 ? 80 : 700;\n"
     "T y;\n"
     "if (size > far) {\n"
     "y = exp(size / 2);\n"
     "return copysign(y / 2 * y, x);\n"
     "}\n"
     "y = expm1(size);\n"
     "return copysign((y + y / (y + 1)) / 2, x);\n"
     "}\n"},
    {"cosh", FLOATS,
     "static T cosh(T x) {\n"
     "const T size = fabs(x), far = sizeof(T) == 4 ? 80 : 700, y = exp(size > far ? size / 2 : size);\n"
     "return size > far ? y / 2 * y : (y + 1 / y) / 2;\n"
     "}\n"},
    {"tanh", FLOATS,
     "static T tanh(T x) {\n"
     "const T size = fabs(x);\n"
     "T y;\n"
     "if (size > 20) return copysign(1, x);\n"
     "y = expm1(2 * size);\n"
     "return x != x ? x : copysign(y / (y + 2), x);\n"
     "}\n"},
    {"asinh", FLOATS,
     "static T asinh(T x) {\n"
     "const T size = fabs(x);\n"
     "if (size > 100000000) return copysign(log(size) + (T)0.6931471805599453, x);\n"
     "return copysign(log1p(size + size * size / (1 + sqrt(1 + size * size))), x);\n"
     "}\n"},
    {"acosh", FLOATS,
     "static T acosh(T x) {\n"
     "const T t = x - 1;\n"
     "if (x > 100000000) return log(x) + (T)0.6931471805599453;\n"
     "return x < 1 ? (T)NAN : log1p(t + sqrt(2 * t + t * t));\n"
     "}\n"},
    {"atanh", FLOATS,
     "static T atanh(T x) {\n"
     "const T size = fabs(x);\n"
     "return copysign(log1p(2 * size / (1 - size)) / 2, x);\n"
     "}\n"},
    /* ---- error functions and gamma ---- */
    {"ERF_NEAR", F64,
     "/* For small x: Kummer's series, 2/root(pi) exp(-x x) sum of 2^n x^(2n+1) / (1 3 ... (2n+1)) (Abramowitz & Stegun "
     "7.1.6). */\n"
     "static double ERF_NEAR(double x) {\n"
     "double term = x, sum = x;\n"
     "int n;\n"
     "for (n = 1; fabs(term) > fabs(sum) * 1e-17; n++) {\n"
     "term *= 2 * x * x / (2 * n + 1);\n"
     "sum += term;\n"
     "}\n"
     "return 1.1283791670955126 * exp(-x * x) * sum;\n"
     "}\n"},
    {"ERFC_FAR", F64,
     "/* For x >= 1/2: the sum of exp(-n n / 4) / (x x + n n / 4) over all whole n, with steps of 1/2, and what it is wrong "
     "by. */\n"
     "static double ERFC_FAR(double x) {\n"
     "static const double weights[13] = {0.7788007830714049, 0.36787944117144233, 0.10539922456186433, 0.01831563888873418, "
     "0.0019304541362277093, 0.00012340980408667956, 4.785117392129009e-06, 1.1253517471925912e-07, 1.6052280551856116e-09, "
     "1.3887943864964021e-11, 7.287724095819692e-14, 2.3195228302435696e-16, 4.4777324417183015e-19};\n"
     "const double high = (double)(float)x, low = x - high;\n"
     "double sum = 0;\n"
     "int n;\n"
     "if (x > 28) return 0;\n"
     "for (n = 13; n > 0; n--) sum += weights[n - 1] / (x * x + n * n * 0.25);\n"
     "sum = 0.15915494309189535 * x * (exp(-high * high) * exp(-low * (high + x))) * (1 / (x * x) + 2 * sum);\n"
     "return x < 7 ? sum - 2 / expm1(12.566370614359172 * x) : sum;\n"
     "}\n"},
    {"erf", F64,
     "static double erf(double x) {\n"
     "const double size = fabs(x);\n"
     "if (x == 0 || x != x) return x;\n"
     "return size < 0.5 ? ERF_NEAR(x) : copysign(1 - ERFC_FAR(size), x);\n"
     "}\n"},
    {"erfc", F64,
     "static double erfc(double x) {\n"
     "if (x != x) return x;\n"
     "if (x < 0.5) return x > -0.5 ? 1 - ERF_NEAR(x) : 2 - ERFC_FAR(-x);\n"
     "return ERFC_FAR(x);\n"
     "}\n"},
    {"erf", F32, "static float erf(float x) {\nreturn (float)DOUBLE_ERF((double)x);\n}\n"},
    {"DOUBLE_ERF", F64, "static double DOUBLE_ERF(double x) {\nreturn erf(x);\n}\n"},
    {"erfc", F32, "static float erfc(float x) {\nreturn (float)DOUBLE_ERFC((double)x);\n}\n"},
    {"DOUBLE_ERFC", F64, "static double DOUBLE_ERFC(double x) {\nreturn erfc(x);\n}\n"},
    {"STIRLING", F64,
     "static double STIRLING(double x) {\n"
     "double product = 1, y = x, z;\n"
     "if (x == 1 || x == 2) return 0;\n"
     "for (; y < 10; y++) product *= y;\n"
     "z = 1 / (y * y);\n"
     "z = (0.08333333333333333 - z * (0.002777777777777778 - z * (0.0007936507936507937 - z * (0.0005952380952380953 - z * "
     "(0.0008417508417508417 - z * (0.0019175269175269176 - z * 0.00641025641025641)))))) / y;\n"
     "return (y - 0.5) * log(y) - y + 0.9189385332046728 + z - log(product);\n"
     "}\n"},
    {"lgamma", F64,
     "static double lgamma(double x) {\n"
     "if (x != x || x - x != 0) return x != x ? x : (double)INFINITY;\n"
     "if (x <= 0 && floor(x) == x) return (double)INFINITY;\n"
     "if (x >= 0.5) return STIRLING(x);\n"
     "return log(3.141592653589793 / fabs(sin(3.141592653589793 * (x - 2 * rint(x / 2))))) - STIRLING(1 - x);\n"
     "}\n"},
    {"lgamma", F32,
     "static float lgamma(float x) {\n"
     "return (float)DOUBLE_LGAMMA((double)x);\n"
     "}\n"},
    {"DOUBLE_LGAMMA", F64, "static double DOUBLE_LGAMMA(double x) {\nreturn lgamma(x);\n}\n"},
    {0},
};
