/* emit/helpers.c: what C files get of their own: what <math.h> does not have, or does otherwise than a tape; and random numbers.
 *
 * The formulas are those of ops/elementwise_loops.c and kernels/, whose comments say why they are so.
 *
 * SPDX-License-Identifier: MIT */
#include "emit/helpers.h"

#include <tapegrad/tensor.h>

enum { FLOATS = 1 << TG_F32 | 1 << TG_F64, F64 = 1 << TG_F64, I64 = 1 << TG_I64, NUMBERS = FLOATS | I64, B8 = 1 << TG_BOOL };

const tgi_helper tgi_helpers[] = {
    /* ---- roundings, rests, quotients ---- */
    {"FLOOR", FLOATS, "floor"},
    {"CEIL", FLOATS, "ceil"},
    {"ROUND", FLOATS, "rint"},
    {"TRUNC", FLOATS, "trunc"},
    {"FLOOR", I64, "static int64_t FLOOR(int64_t x) {\nreturn x;\n}\n"},
    {"CEIL", I64, "static int64_t CEIL(int64_t x) {\nreturn x;\n}\n"},
    {"ROUND", I64, "static int64_t ROUND(int64_t x) {\nreturn x;\n}\n"},
    {"TRUNC", I64, "static int64_t TRUNC(int64_t x) {\nreturn x;\n}\n"},
    {"COPYSIGN", FLOATS, "copysign"},
    {"FMOD", FLOATS, "fmod"},
    {"FMOD", I64, "static int64_t FMOD(int64_t a, int64_t b) {\nreturn b == 0 || b == -1 ? 0 : a % b;\n}\n"},
    {"REMAINDER", NUMBERS,
     "static T REMAINDER(T a, T b) {\n"
     "const T rest = FMOD(a, b);\n"
     "return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;\n"
     "}\n"},
    {"FLOOR_DIVIDE", FLOATS,
     "static T FLOOR_DIVIDE(T a, T b) {\n"
     "const T rest = fmod(a, b);\n"
     "T quotient = (a - rest) / b, down;\n"
     "if (b == 0) return a / b;\n"
     "if (rest != 0 && (rest < 0) != (b < 0)) quotient -= 1;\n"
     "if (quotient == 0) return copysign((T)0, a / b);\n"
     "down = floor(quotient);\n"
     "return quotient - down > (T)0.5 ? down + 1 : down;\n"
     "}\n"},
    {"FLOOR_DIVIDE", I64,
     "static int64_t FLOOR_DIVIDE(int64_t a, int64_t b) {\n"
     "if (b == 0 || b == -1) return (int64_t)((uint64_t)b * (uint64_t)a);\n"
     "return a / b - (a % b != 0 && (a < 0) != (b < 0));\n"
     "}\n"},
    {"TO_I64", FLOATS,
     "static int64_t TO_I64(T x) {\n"
     "const T limit = (T)9223372036854775808.0;\n"
     "return x >= -limit && x < limit ? (int64_t)x : INT64_MIN;\n"
     "}\n"},
    {"TO_I64", I64 | B8, "static int64_t TO_I64(T x) {\nreturn x;\n}\n"},

    /* ---- choices ---- */
    {"CLAMP", FLOATS,
     "static T CLAMP(T x, T low, T high) {\n"
     "const T larger = x > low || x != x ? x : low;\n"
     "return larger < high || larger != larger ? larger : high;\n"
     "}\n"},
    {"CLAMP", I64,
     "static int64_t CLAMP(int64_t x, int64_t low, int64_t high) {\n"
     "const int64_t larger = x > low ? x : low;\n"
     "return larger < high ? larger : high;\n"
     "}\n"},

    /* ---- functions ---- */
    {"LOGADDEXP", FLOATS,
     "static T LOGADDEXP(T a, T b) {\n"
     "const T distance = a == b ? 0 : a > b ? b - a : a - b;\n"
     "return (a > b ? a : b) + log1p(exp(distance));\n"
     "}\n"},
    {"LGAMMA", FLOATS, "lgamma"},
    {"XLOGY", FLOATS, "static T XLOGY(T a, T b) {\nreturn b != b ? b : a == 0 ? 0 : a * log(b);\n}\n"},
    {"EXP_OF_SQUARE", F64,
     "/* exp(scale * x * x), with what the square loses. */\n"
     "static double EXP_OF_SQUARE(double scale, double x) {\n"
     "const double high = (double)(float)x, low = x - high;\n"
     "return fabs(x) > 40 ? 0 : exp(scale * high * high) * exp(scale * low * (high + x));\n"
     "}\n"},
    {"EXP_OF_SQUARE", 1 << TG_F32,
     "/* exp(scale * x * x), with what the square loses. */\n"
     "static float EXP_OF_SQUARE(float scale, float x) {\n"
     "float high, low;\n"
     "if (!(fabs(x) < 16)) return x != x ? x : 0;\n"
     "high = (float)(int)(x * 64) / 64;\n"
     "low = x - high;\n"
     "return exp(scale * high * high) * exp(scale * low * (high + x));\n"
     "}\n"},
    {"GAUSS", FLOATS, "static T GAUSS(T x) {\nreturn EXP_OF_SQUARE(-1, x);\n}\n"},
    {"DENSITY", FLOATS, "static T DENSITY(T x) {\nreturn (T)0.39894228040143267794 * EXP_OF_SQUARE((T)-0.5, x);\n}\n"},
    {"NORMAL", FLOATS, "static T NORMAL(T x) {\nreturn erfc(x * (T)-0.70710678118654752440) / 2;\n}\n"},
    {"GELU", FLOATS, "static T GELU(T x) {\nreturn x < -40 ? 0 : x * NORMAL(x);\n}\n"},
    {"GELU_SLOPE", FLOATS, "static T GELU_SLOPE(T x) {\nreturn NORMAL(x) + (fabs(x) > 40 ? 0 : x * DENSITY(x));\n}\n"},
    {"POLYNOMIALS", F64,
     "static double POLYNOMIALS(const double *above, const double *below, double x) {\n"
     "double a = above[7], b = below[7];\n"
     "int i;\n"
     "for (i = 6; i >= 0; i--) {\n"
     "a = a * x + above[i];\n"
     "b = b * x + below[i];\n"
     "}\n"
     "return a / b;\n"
     "}\n"},
    {"tgi_erfinv", F64,
     "/* By the quotients of M. J. Wichura, \"Algorithm AS 241\", Applied Statistics 37 (1988). */\n"
     "static double tgi_erfinv(double x) {\n"
     "static const double middle_above[] = {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, "
     "1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, "
     "2.5090809287301226727e3};\n"
     "static const double middle_below[] = {1, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, "
     "2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3};\n"
     "static const double tail_above[] = {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, "
     "3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, "
     "7.74545014278341407640e-4};\n"
     "static const double tail_below[] = {1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1, "
     "1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9};\n"
     "static const double far_above[] = {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, "
     "2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, "
     "2.01033439929228813265e-7};\n"
     "static const double far_below[] = {1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, "
     "7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15};\n"
     "const double root_half = 0.70710678118654752440, size = fabs(x);\n"
     "double r, y;\n"
     "if (size <= 0.85) return root_half * (x / 2) * POLYNOMIALS(middle_above, middle_below, 0.180625 - x / 2 * (x / 2));\n"
     "if (!(size < 1)) return size == 1 ? x * (double)INFINITY : (double)NAN;\n"
     "r = sqrt(-log((1 - size) / 2));\n"
     "y = root_half * (r <= 5 ? POLYNOMIALS(tail_above, tail_below, r - 1.6) : POLYNOMIALS(far_above, far_below, r - 5));\n"
     "return x < 0 ? -y : y;\n"
     "}\n"},
    {"tgi_digamma", F64,
     "/* The recurrence up to 12, and the asymptotic series there (Abramowitz & Stegun 6.3.5, 6.3.18); below 0 the reflection "
     "(6.3.7). */\n"
     "static double tgi_digamma(double x) {\n"
     "static const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, "
     "-3617.0 / 510, 43867.0 / 798, -174611.0 / 330, 854513.0 / 138, -236364091.0 / 2730};\n"
     "const double pi = 3.14159265358979323846;\n"
     "double start = x, a, square, steps = 0, tail = 0, reflected = 0;\n"
     "int i;\n"
     "if (x == 0) return -1 / x;\n"
     "if (x < 0 && x == floor(x)) return (double)NAN;\n"
     "if (x < 0) {\n"
     "start = 1 - x;\n"
     "reflected = pi / tan(pi * (x - round(x)));\n"
     "}\n"
     "a = start;\n"
     "for (i = 1; a < 12; i++) {\n"
     "steps += 1 / a;\n"
     "a = start + i;\n"
     "}\n"
     "square = 1 / (a * a);\n"
     "for (i = 12; i > 0; i--) {\n"
     "tail = square * (bernoulli[i - 1] / (2 * i) + tail);\n"
     "}\n"
     "return log(a) - 0.5 / a - tail - steps - reflected;\n"
     "}\n"},

    {"POLYGAMMA_TERM", F64,
     "static double POLYGAMMA_TERM(int n, double factorial, double t) {\n"
     "const double half = n > 170 ? 0 : pow(t, -(n + 1) / 2.0);\n"
     "return n > 170 ? exp(factorial - (n + 1.0) * log(t)) : factorial * half * half;\n"
     "}\n"},
    {"POLYGAMMA_SERIES", F64,
     "static double POLYGAMMA_SERIES(int n, double factorial, double x) {\n"
     "static const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, "
     "-3617.0 / 510, 43867.0 / 798, -174611.0 / 330, 854513.0 / 138, -236364091.0 / 2730};\n"
     "const double s = n + 1.0;\n"
     "double sum = 0, t = x, integral, half, tail, factor;\n"
     "int64_t k;\n"
     "int j;\n"
     "if (x - x != 0) return 0;\n"
     "for (k = 1; t < n + 15.0; k++) {\n"
     "const double one = POLYGAMMA_TERM(n, factorial, t);\n"
     "sum += one;\n"
     "if (sum - sum != 0 || one * (1 + t / n) < 1.3877787807814457e-17 * sum) return sum;\n"
     "t = x + (double)k;\n"
     "}\n"
     "half = n > 170 ? 0 : pow(t, -n / 2.0);\n"
     "integral = n > 170 ? exp(factorial - log((double)n) - n * log(t)) : factorial / n * half * half;\n"
     "tail = 1 + n / (2 * t);\n"
     "factor = s / (2 * t) * (n / t);\n"
     "for (j = 1; j <= 12; j++) {\n"
     "tail += factor * bernoulli[j - 1];\n"
     "factor *= (s + 2 * j - 1) / t * ((s + 2 * j) / t) / ((2 * j + 1) * (2 * j + 2));\n"
     "}\n"
     "return sum + integral * tail;\n"
     "}\n"},
    {"POLYGAMMA", F64,
     "/* n! / x^(n+1) and so on, summed (Abramowitz & Stegun 6.4.10), the tail by Euler and Maclaurin; below 0 the reflection "
     "(6.4.7). */\n"
     "static double POLYGAMMA(int n, double factorial, double x) {\n"
     "const double sign = n % 2 ? 1 : -1, near = x - round(x);\n"
     "double nearest;\n"
     "if (x != x || (x < 0 && x - x != 0)) return (double)NAN;\n"
     "if (x <= 0 && x == floor(x)) return sign * (double)INFINITY;\n"
     "if (x > 0) return sign * POLYGAMMA_SERIES(n, factorial, x);\n"
     "nearest = POLYGAMMA_TERM(n, factorial, fabs(near)) * (near < 0 ? sign : 1);\n"
     "return sign * (nearest + (POLYGAMMA_SERIES(n, factorial, 1 + near) + sign * POLYGAMMA_SERIES(n, factorial, 1 - near)) - "
     "sign * POLYGAMMA_SERIES(n, factorial, 1 - x));\n"
     "}\n"},

    /* ---- losses ---- */
    {"NOT_BELOW", FLOATS, "static T NOT_BELOW(T x) {\nreturn x < -100 ? -100 : x;\n}\n"},
    {"BCE", FLOATS,
     "static T BCE(T p, T target) {\n"
     "return (target - 1) * NOT_BELOW(log1p(-p)) - target * NOT_BELOW(log(p));\n"
     "}\n"},
    {"LOGIT_BCE", FLOATS,
     "static T LOGIT_BCE(T z, T yes, T no) {\n"
     "const T rest = log1p(exp(z > 0 ? -z : z)), side = z > 0 ? no : yes, size = z > 0 ? z : -z;\n"
     "return (side == 0 && size == size ? 0 : side * size) + (yes + no) * rest;\n"
     "}\n"},
    {"LOGIT_SLOPE", FLOATS,
     "static T LOGIT_SLOPE(T z, T yes, T no) {\n"
     "const T power = exp(z > 0 ? -z : z), near = 1 / (1 + power), far = power * near;\n"
     "return no * (z > 0 ? near : far) - yes * (z > 0 ? far : near);\n"
     "}\n"},

    /* ---- random numbers: the Mersenne Twister of kernels/mt19937.c, whose state is the file's ---- */
    {"RANDOM_WORD", F64,
     "/* By M. Matsumoto and T. Nishimura, \"Mersenne Twister\", ACM Transactions on Modeling and Computer Simulation 8 "
     "(1998). */\n"
     "static uint32_t RANDOM_WORD(uint32_t *words, int *next) {\n"
     "uint32_t y;\n"
     "int i;\n"
     "for (i = 0; i < 624 && *next == 624; i++) {\n"
     "const uint32_t joined = (words[i] & 0x80000000u) | (words[(i + 1) % 624] & 0x7fffffffu);\n"
     "words[i] = words[(i + 397) % 624] ^ (joined >> 1) ^ ((joined & 1u) ? 0x9908b0dfu : 0u);\n"
     "}\n"
     "if (*next == 624) *next = 0;\n"
     "y = words[(*next)++];\n"
     "y ^= y >> 11;\n"
     "y ^= (y << 7) & 0x9d2c5680u;\n"
     "y ^= (y << 15) & 0xefc60000u;\n"
     "return y ^ (y >> 18);\n"
     "}\n"},
    {"uniform_f32", F64,
     "static float uniform_f32(uint32_t *words, int *next) {\n"
     "return (float)(RANDOM_WORD(words, next) & 0xffffffu) / 16777216.0f;\n"
     "}\n"},
    {"uniform_f64", F64,
     "static double uniform_f64(uint32_t *words, int *next) {\n"
     "const uint64_t high = RANDOM_WORD(words, next), low = RANDOM_WORD(words, next);\n"
     "return (double)(((high << 32) | low) & 0x1fffffffffffffu) / 9007199254740992.0;\n"
     "}\n"},
    {"normal_f64", F64,
     "/* Two at a time, by G. E. P. Box and M. E. Muller, Annals of Mathematical Statistics 29 (1958); `there` holds the "
     "other. */\n"
     "static double normal_f64(uint32_t *words, int *next, double *there) {\n"
     "double angle, radius;\n"
     "if (there[0] != 0) {\n"
     "there[0] = 0;\n"
     "return there[1];\n"
     "}\n"
     "angle = 6.283185307179586 * uniform_f64(words, next);\n"
     "radius = sqrt(-2 * log1p(-uniform_f64(words, next)));\n"
     "there[0] = 1;\n"
     "there[1] = radius * sin(angle);\n"
     "return radius * cos(angle);\n"
     "}\n"},
    {"BOX_MULLER", FLOATS,
     "/* Makes 16 uniform numbers normal ones. */\n"
     "static void BOX_MULLER(T *u) {\n"
     "int j;\n"
     "for (j = 0; j < 8; j++) {\n"
     "const T radius = sqrt(-2 * log(1 - u[j]));\n"
     "const T angle = (T)(6.283185307179586 * (double)u[j + 8]);\n"
     "u[j] = radius * cos(angle);\n"
     "u[j + 8] = radius * sin(angle);\n"
     "}\n"
     "}\n"},
    {"EXPONENTIAL", F64, "static double EXPONENTIAL(double u) {\nreturn -log1p(-u);\n}\n"},
    {0},
};
