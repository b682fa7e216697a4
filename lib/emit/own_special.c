/* emit/own_special.c: circular and hyperbolic functions, error functions and gamma, for C files that do without <math.h>: see own_math.c.
 *
 *     sin, cos, tan   large arguments: M. H. Payne and R. N. Hanek, "Radian reduction for trigonometric functions", SIGNUM 18 (1983)
 *     erf, erfc       F. Matta and A. Reichel, "Uniform computation of the error function", Mathematics of Computation 25 (1971)
 *     lgamma          Stirling's series (Abramowitz & Stegun 6.1.41), reflected below 1/2 (6.1.17)
 *
 * SPDX-License-Identifier: MIT */
#include "emit/helpers.h"

#include <tapegrad/tensor.h>

enum { F32 = 1 << TG_F32, F64 = 1 << TG_F64, FLOATS = F32 | F64 };

const tgi_helper tgi_own_special[] = {
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
