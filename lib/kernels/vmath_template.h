/* kernels/vmath_template.h: the functions for one dtype. vmath.h includes this file once a dtype, with T the dtype, U the
 * unsigned integer of its size, NAME(x) the name of x for it, and BY_TYPE(a, b) the first of two for double, the second for float;
 * vmath.h also tells how it works.
 *
 * SPDX-License-Identifier: MIT */

/* ---- numbers and their bits -------------------------------------------------------------------------------------- */

INLINE U NAME(bits)(T x) {
    U u;
    memcpy(&u, &x, sizeof u);
    return u;
}

INLINE T NAME(of_bits)(U u) {
    T x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* a * b + c: in one rounding where the processor has an instruction for it, else in two. */
INLINE T NAME(fma)(T a, T b, T c) {
#ifdef ONE_ROUNDING
    return BY_TYPE(__builtin_fma, __builtin_fmaf)(a, b, c);
#else
    return a * b + c;
#endif
}

INLINE T NAME(magnitude)(T x) {
    return NAME(of_bits)(NAME(bits)(x) & ~NAME(bits)(-(T)0));
}

INLINE T NAME(with_sign)(T x, T sign) {
    U bit = NAME(bits)(-(T)0);
    return NAME(of_bits)((NAME(bits)(x) & ~bit) | (NAME(bits)(sign) & bit));
}

/* What a ?: gives, without branches for a compiler to make paths of, each with the rest of a formula. */
INLINE T NAME(choose)(bool first, T a, T b) {
    U mask = (U)0 - first;
    return NAME(of_bits)((NAME(bits)(a) & mask) | (NAME(bits)(b) & ~mask));
}

INLINE T NAME(larger)(T x, T low) { /* NaN for x = NaN, and so below */
    return NAME(choose)(x < low, low, x);
}

INLINE T NAME(smaller)(T x, T high) {
    return NAME(choose)(x > high, high, x);
}

/* The nearest whole number, for |x| < 2^(mantissa - 1). */
INLINE T NAME(nearest)(T x) {
    return (x + SHIFTER) - SHIFTER;
}

/* 2^n for a whole n that makes it a normal number; 0 for -bias. */
INLINE T NAME(power_of_2)(T n) {
    return NAME(of_bits)(NAME(bits)(n + (SHIFTER + BIAS)) << MANTISSA);
}

/* x 2^n for twice as many n, rounded once. */
INLINE T NAME(scaled)(T x, T n) {
    T half = NAME(nearest)(n * HALF);
    return x * NAME(power_of_2)(half) * NAME(power_of_2)(n - half);
}

/* What the sum a + b lost by being rounded, and the product a * b. */
INLINE T NAME(sum_error)(T a, T b, T sum) {
    T b_kept = sum - a;
    return (a - (sum - b_kept)) + (b - b_kept);
}

INLINE T NAME(product_error)(T a, T b, T product) {
#ifdef ONE_ROUNDING
    return NAME(fma)(a, b, -product);
#else
    T a_high = a * SPLITTER - (a * SPLITTER - a), a_low = a - a_high;
    T b_high = b * SPLITTER - (b * SPLITTER - b), b_low = b - b_high;
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
#endif
}

/* x = 2^k (1 + f) > 0, with 1 + f between sqrt(1/2) and sqrt(2). */
typedef struct NAME(split) {
    T k, f;
} NAME(split);

INLINE NAME(split) NAME(split_of)(T x) {
    T tiny = NAME(choose)(x < LEAST, 1, 0), root = (T)0.70710678118654752440;
    U one = NAME(bits)(1), low = NAME(bits)(root), unit = NAME(bits)(UNIT);
    U u = NAME(bits)(NAME(choose)(x < LEAST, x * TINY_SCALE, x)) - low + one;
    T k = NAME(of_bits)(u >> MANTISSA | unit) - (UNIT + BIAS);
    T m = NAME(of_bits)((u & (((U)1 << MANTISSA) - 1)) + low);
    return (NAME(split)){k - tiny * TINY_STEPS, m - 1};
}

/* ---- exponentials ------------------------------------------------------------------------------------------------ */

/* e^(r + rest + n log 2), |r| <= log(2) / 2, the rest being what r lost in rounding: (1 + r + ...) 2^n, and 1 + r in full. */
INLINE T NAME(exp_of)(T r, T rest, T n) {
    T one_r = 1 + r, lost = r - (one_r - 1);
    return NAME(scaled)(one_r + (lost + NAME(fma)(r * r, EXP_REST(r), rest)), n);
}

/* e^(x + rest) 2^steps. Where it is 0 it is multiplied by 0: to round a product to 0 takes a processor as long as many of them. */
INLINE T NAME(exp_sum)(T x, T rest, T steps) {
    x = NAME(smaller)(NAME(larger)(x, EXP_LOW), EXP_HIGH);
    T n = NAME(nearest)(x * LOG2_E), high = NAME(fma)(-n, LOG_2, x), low = NAME(fma)(-n, LOG_2_REST, rest), r = high + low;
    return NAME(exp_of)(r, low - (r - high), NAME(choose)(x <= EXP_LOW, -2 * BIAS, n + steps));
}

INLINE T NAME(exp)(T x) {
    return NAME(exp_sum)(x, 0, 0);
}

INLINE T NAME(exp2)(T x) {
    x = NAME(smaller)(NAME(larger)(x, EXP2_LOW), EXP2_HIGH);
    T n = NAME(nearest)(x);
    T r = (x - n) * LOG_2_WHOLE;
    return NAME(exp_of)(r, 0, NAME(choose)(x <= EXP2_LOW, -2 * BIAS, n)); /* as in exp_sum */
}

/* e^x - 1 = 2^n part + (2^n - 1) = 2^n (part + (1 - 2^-n)) */
typedef struct NAME(less_1) {
    T part, n;
} NAME(less_1);

INLINE NAME(less_1) NAME(less_1_of)(T x) {
    T n = NAME(nearest)(x * LOG2_E), high = NAME(fma)(-n, LOG_2, x), low = -n * LOG_2_REST, r = high + low;
    return (NAME(less_1)){NAME(fma)(r * r, EXP_REST(r), low - (r - high)) + r, n};
}

INLINE T NAME(expm1)(T x) {
    NAME(less_1) e = NAME(less_1_of)(NAME(smaller)(NAME(larger)(x, EXPM1_LOW), EXP_HIGH));
    T rest = 1 - NAME(power_of_2)(NAME(larger)(-e.n, -EXPM1_HIGH));
    return NAME(with_sign)(NAME(scaled)(e.part + rest, e.n), x);
}

/* e^x - 1 for x between 0 and EXPM1_HIGH log(2). */
INLINE T NAME(small_expm1)(T x) {
    NAME(less_1) e = NAME(less_1_of)(x);
    T power = NAME(power_of_2)(e.n);
    return NAME(fma)(power, e.part, power - 1);
}

INLINE T NAME(sinh)(T x) {
    T a = NAME(magnitude)(x), e = NAME(small_expm1)(NAME(smaller)(a, 1)), half = NAME(exp_sum)(a, 0, -1);
    return NAME(with_sign)(NAME(choose)(a < 1, HALF * (e + e / (e + 1)), half - (T)0.25 / half), x);
}

INLINE T NAME(cosh)(T x) {
    T half = NAME(exp_sum)(NAME(magnitude)(x), 0, -1);
    return half + (T)0.25 / half;
}

INLINE T NAME(tanh)(T x) {
    T e = NAME(small_expm1)(2 * NAME(smaller)(NAME(magnitude)(x), TANH_HIGH));
    return NAME(with_sign)(e / (e + 2), x);
}

/* ---- logarithms -------------------------------------------------------------------------------------------------- */

/* log(1 + f) + k log 2: with s = f / (2 + f) the logarithm of 1 + f is 2 s + s^3 (...), and 2 s is f - s f. */
INLINE T NAME(log_of)(T f, T k) {
    /* Of less, squares and cubes would be too small to be normal numbers. */
    T felt = NAME(choose)(NAME(magnitude)(f) < NO_SQUARE, 0, f);
    T s = felt / (2 + felt), z = s * s, square = HALF * felt * felt;
    T rest = s * NAME(fma)(z, LOG_REST(z), square);
    return NAME(fma)(k, LOG_2, f - (square - NAME(fma)(k, LOG_2_REST, rest)));
}

/* y, the logarithm of x, where x has one; else the limit or NaN. */
INLINE T NAME(log_at_edges)(T x, T y) {
    y = NAME(choose)(x < INF, y, x);
    y = NAME(choose)(x < 0, NONE, y);
    return NAME(choose)(x == 0, -INF, y);
}

INLINE T NAME(log)(T x) {
    NAME(split) p = NAME(split_of)(x);
    return NAME(log_at_edges)(x, NAME(log_of)(p.f, p.k));
}

INLINE T NAME(log2)(T x) {
    NAME(split) p = NAME(split_of)(x);
    T log = NAME(log_of)(p.f, 0);
    return NAME(log_at_edges)(x, NAME(fma)(log, LOG2_E_REST, log * LOG2_E) + p.k);
}

INLINE T NAME(log10)(T x) {
    NAME(split) p = NAME(split_of)(x);
    T log = NAME(log_of)(p.f, 0), rest = NAME(fma)(log, LOG10_E_REST, p.k * LOG10_2_REST);
    return NAME(log_at_edges)(x, (rest + log * LOG10_E) + p.k * LOG10_2);
}

/* log(1 + x + rest): what 1 + x loses goes into f. */
INLINE T NAME(log1p_sum)(T x, T rest) {
    T one_x = 1 + x, lost = NAME(sum_error)(1, x, one_x) + rest;
    NAME(split) p = NAME(split_of)(one_x);
    T y = NAME(log_of)(p.f + lost * NAME(power_of_2)(NAME(larger)(-p.k, -BIAS)), p.k);
    return NAME(with_sign)(NAME(log_at_edges)(one_x, y), x);
}

INLINE T NAME(log1p)(T x) {
    return NAME(log1p_sum)(x, 0);
}

/* log(x + sqrt(x^2 + 1)) */
INLINE T NAME(asinh)(T x) {
    T    a = NAME(magnitude)(x), z = a * a, more = z / (1 + SQRT(z + 1)), sum = a + more;
    bool far = a > SQUARE_HIGH;
    T    y = NAME(log1p_sum)(NAME(choose)(far, a, sum), NAME(choose)(far, 0, more - (sum - a)));
    return NAME(with_sign)(NAME(choose)(far, y + LOG_2_WHOLE, y), x);
}

/* log(x + sqrt(x^2 - 1)) */
INLINE T NAME(acosh)(T x) {
    T    t = x - 1, root = SQRT(t * (x + 1)), sum = root + t;
    bool far = x > SQUARE_HIGH;
    T    y = NAME(log1p_sum)(NAME(choose)(far, x, sum), NAME(choose)(far, 0, t - (sum - root)));
    y = NAME(choose)(far, y + LOG_2_WHOLE, y);
    return NAME(choose)(x < 1, NONE, y);
}

/* log((1 + x) / (1 - x)) / 2 */
INLINE T NAME(atanh)(T x) {
    T a = NAME(magnitude)(x), t = 2 * a;
    return NAME(with_sign)(HALF * NAME(log1p)(NAME(choose)(a < HALF, t + t * a / (1 - a), t / (1 - a))), x);
}

/* ---- angles ------------------------------------------------------------------------------------------------------ */

/* x - n pi = r + rest, in vmath.h. */
typedef struct NAME(angle) {
    T r, rest;
} NAME(angle);

INLINE NAME(angle) NAME(angle_less)(T x, T n);

/* sin(r + rest), |r| <= pi / 2, and the same or its negative for an odd number of pi's. */
INLINE T NAME(sin_of)(NAME(angle) a, T n) {
    T z = a.r * a.r, y = a.r + NAME(fma)(a.r * z, SIN_REST(z), a.rest * (1 - HALF * z));
    return NAME(of_bits)(NAME(bits)(y) ^ NAME(bits)(n + SHIFTER) << (sizeof(U) * 8 - 1));
}

INLINE T NAME(sin)(T x) {
    T n = NAME(nearest)(x * ONE_OVER_PI), y = NAME(sin_of)(NAME(angle_less)(x, n), n);
    return NAME(choose)(x == 0, x, y);
}

INLINE T NAME(cos)(T x) { /* sin(x + pi / 2) */
    T n = NAME(nearest)(NAME(fma)(x, ONE_OVER_PI, HALF));
    return NAME(sin_of)(NAME(angle_less)(x, n - HALF), n);
}

INLINE T NAME(tan)(T x) {
    return NAME(sin)(x) / NAME(cos)(x);
}

/* asin(sqrt(z)), sqrt(z) = x <= 1/2. */
INLINE T NAME(asin_of)(T x, T z) {
    return NAME(fma)(x * z, ASIN_REST(z), x);
}

/* Above 1/2 it is pi/2 - 2 asin(sqrt((1 - x) / 2)). */
INLINE T NAME(asin)(T x) {
    T a = NAME(magnitude)(x), z = NAME(choose)(a > HALF, (1 - a) * HALF, a * a);
    T y = NAME(asin_of)(NAME(choose)(a > HALF, SQRT(z), a), z);
    return NAME(with_sign)(NAME(choose)(a > HALF, PI_HALF - (2 * y - PI_HALF_REST), y), x);
}

INLINE T NAME(acos)(T x) {
    T a = NAME(magnitude)(x), z = NAME(choose)(a > HALF, (1 - a) * HALF, a * a);
    T y = NAME(asin_of)(NAME(choose)(a > HALF, SQRT(z), x), z);
    T far = NAME(choose)(x < 0, 2 * PI_HALF - (2 * y - 2 * PI_HALF_REST), 2 * y);
    return NAME(choose)(a > HALF, far, PI_HALF - (y - PI_HALF_REST));
}

/* atan(y / x) for y, x >= 0, not both 0 or infinite: less 0, pi/4 or pi/2, the tangent of which is at most tan(pi/8). */
INLINE T NAME(atan_of)(T y, T x) {
    bool low = !(y > x * (T)0.41421356237309504880), high = y > x * (T)2.41421356237309504880;
    T above = NAME(choose)(low, y, NAME(choose)(high, -x, y - x)), below = NAME(choose)(low, x, NAME(choose)(high, y, y + x));
    T q = above / below, z = q * q, turns = NAME(choose)(low, 0, NAME(choose)(high, 1, HALF));
    T base = turns * PI_HALF, base_rest = turns * PI_HALF_REST;
    return base + (NAME(fma)(q * z, ATAN_REST(z), base_rest) + q);
}

INLINE T NAME(atan)(T x) {
    return NAME(with_sign)(NAME(atan_of)(NAME(magnitude)(x), 1), x);
}

INLINE T NAME(atan2)(T y, T x) {
    T    a = NAME(magnitude)(x), b = NAME(magnitude)(y), scale = NAME(choose)((a > 1 / LEAST) | (b > 1 / LEAST), (T)0.25, 1);
    bool zero = (a == 0) & (b == 0), infinite = (a == INF) & (b == INF);
    T    angle = NAME(atan_of)(NAME(choose)(infinite, 1, b * scale), NAME(choose)(zero | infinite, 1, a * scale));
    bool left = NAME(with_sign)(1, x) < 0;
    return NAME(with_sign)(NAME(choose)(left, 2 * PI_HALF - (angle - 2 * PI_HALF_REST), angle), y);
}

/* ---- the error function ------------------------------------------------------------------------------------------ */

/* e^(a^2) erfc(a) for a >= 1/2: t p(t), where t = 1 / (a + 3). */
INLINE T NAME(erfcx)(T a) {
    T t = 1 / (a + 3);
    return t * ERFC_REST((a - (T)3.25) * t);
}

/* erfc(a) for a >= 1/2. */
INLINE T NAME(erfc_far)(T a) {
    a = NAME(smaller)(a, ERFC_HIGH);
    T z = a * a;
    return NAME(erfcx)(a) * NAME(exp_sum)(-z, -NAME(product_error)(a, a, z), 0);
}

INLINE T NAME(erf)(T x) {
    T a = NAME(magnitude)(x), z = a * a, near = NAME(fma)(x, ERF_REST(z), x);
    return NAME(choose)(a < HALF, near, NAME(with_sign)(1 - NAME(erfc_far)(a), x));
}

INLINE T NAME(erfc)(T x) {
    T a = NAME(magnitude)(x), z = a * a, rest = x * ERF_REST(z), far = NAME(erfc_far)(a);
    T near = NAME(choose)(x < (T)0.25, 1 - (x + rest), HALF - ((x - HALF) + rest));
    return NAME(choose)(a < HALF, near, NAME(choose)(x < 0, 2 - far, far));
}

/* e^(-x^2), with what the square loses; beyond 32 it is 0. */
INLINE T NAME(gauss)(T x) {
    T a = NAME(smaller)(NAME(magnitude)(x), 32), z = a * a;
    return NAME(exp_sum)(-z, -NAME(product_error)(a, a, z), 0);
}

/* ---- the normal distribution --------------------------------------------------------------------------------------- */

/* Its density at x, and what of it is below x: for |x| >= 1/sqrt(2) from the density, which is that of the exact square. Beyond 40 there
 * is nothing. */
typedef struct NAME(normal) {
    T density, below;
} NAME(normal);

INLINE NAME(normal) NAME(normal_at)(T x) {
    T a = NAME(smaller)(NAME(magnitude)(x), 40), z = a * a;
    T e = NAME(exp_sum)(-HALF * z, -HALF * NAME(product_error)(a, a, z), 0);
    T b = a * ROOT_HALF, tail = HALF * e * NAME(erfcx)(b);
    T c = x * ROOT_HALF, near = HALF + HALF * NAME(fma)(c, ERF_REST(c * c), c);
    return (NAME(normal)){e * ONE_OVER_ROOT_TWO_PI, NAME(choose)(b < HALF, near, NAME(choose)(x < 0, tail, 1 - tail))};
}

INLINE T NAME(density)(T x) {
    return NAME(normal_at)(x).density;
}

INLINE T NAME(gelu)(T x) {
    return NAME(choose)(x < -40, 0, x * NAME(normal_at)(x).below);
}

INLINE T NAME(gelu_slope)(T x) {
    NAME(normal) at = NAME(normal_at)(x);
    return at.below + NAME(smaller)(NAME(larger)(x, -40), 40) * at.density;
}

/* ---- powers and roots -------------------------------------------------------------------------------------------- */

INLINE T NAME(power)(T x, T y); /* x^y for x >= 0, in vmath.h */

/* Whether y >= 0 is a whole number. */
INLINE bool NAME(whole)(T y) {
    return (y >= UNIT) | ((y + UNIT) - UNIT == y);
}

/* Beyond 2^64 and -2^64, every power but those of 1 is 0 or infinite. */
INLINE T NAME(pow)(T x, T y) {
    T    b = NAME(magnitude)(y), limit = (T)0x1p64;
    bool whole = NAME(whole)(b), odd = whole & !NAME(whole)(b * HALF);
    T    power = NAME(power)(NAME(magnitude)(x), NAME(smaller)(NAME(larger)(y, -limit), limit));
    power = NAME(with_sign)(power, NAME(choose)(odd, x, 1));
    power = NAME(choose)((x < 0) & (x > -INF) & !whole, NONE, power);
    power = NAME(choose)((x != x) | (y != y), NONE, power);
    return NAME(choose)((y == 0) | (x == 1), 1, power);
}

/* From an approximation of x^(-1/3), a better one: an error of e becomes one of 5 e^3. */
INLINE T NAME(cbrt_step)(T x, T r) {
    T h = 1 - x * r * r * r;
    return NAME(fma)(r * h, NAME(fma)(h, (T)(2.0 / 9), (T)(1.0 / 3)), r);
}

/* 2^j times the root of m, between 1/3 and 3: first one over it, and then it, in Newton's way, the last step with all bits. */
INLINE T NAME(cbrt)(T x) {
    NAME(split) p = NAME(split_of)(NAME(magnitude)(x));
    T j = NAME(nearest)(p.k * (T)(1.0 / 3)), m = (1 + p.f) * NAME(power_of_2)(p.k - 3 * j);
    T r = NAME(cbrt_step)(m, CBRT_OVER(m));
    r = BY_TYPE(NAME(cbrt_step)(m, r), r);
    T y = m * r * r;
    T square = y * y, square_ = NAME(product_error)(y, y, square), cube = square * y;
    T excess = (cube - m) + (NAME(product_error)(square, y, cube) + square_ * y);
    y = (y - excess * r * r * (T)(1.0 / 3)) * NAME(power_of_2)(j);
    return NAME(choose)((x == 0) | (x - x != 0), x, NAME(with_sign)(y, x));
}

/* sqrt(x^2 + y^2), the squares neither too large nor too small. */
INLINE T NAME(hypot)(T x, T y) {
    T a = NAME(magnitude)(x), b = NAME(magnitude)(y), large = NAME(larger)(a, b);
    T steps = NAME(choose)(large > 1 / HYPOT_LOW, -HYPOT_STEPS, NAME(choose)(large < HYPOT_LOW, HYPOT_STEPS, 0));
    T up = NAME(power_of_2)(steps), u = a * up, v = b * up;
    return NAME(choose)((a == INF) | (b == INF), INF, SQRT(u * u + v * v) * NAME(power_of_2)(-steps));
}
