/* kernels/vmath_numbers.h: the numbers of vmath.h: BY_TYPE(for double, for float).
 *
 * SPDX-License-Identifier: MIT */

#define HALF ((T)0.5)
#define ROOT_HALF ((T)0.70710678118654752440)
#define ONE_OVER_ROOT_TWO_PI ((T)0.39894228040143267794)
#define INF ((T)INFINITY)
#define NONE ((T)NAN)
#define SQRT BY_TYPE(__builtin_sqrt, __builtin_sqrtf)

/* ---- of the dtypes ----------------------------------------------------------------------------------------------- */

#define MANTISSA BY_TYPE(52, 23)
#define BIAS BY_TYPE(1023, 127)
#define LEAST BY_TYPE(0x1p-1022, 0x1p-126f)      /* the least normal number */
#define UNIT BY_TYPE(0x1p52, 0x1p23f)            /* from here on all numbers are whole */
#define SHIFTER BY_TYPE(0x1.8p52, 0x1.8p23f)     /* added and taken away again, it rounds to a whole number */
#define SPLITTER BY_TYPE(0x8000001p0, 0x1001p0f) /* a product with it cuts a number in halves */
#define TINY_STEPS BY_TYPE(54, 24)               /* so many powers of 2 make a subnormal number normal */
#define TINY_SCALE BY_TYPE(0x1p54, 0x1p24f)

/* ---- where functions become something else ----------------------------------------------------------------------- */

#define EXP_LOW BY_TYPE(-746, -104) /* below, e^x is 0 */
#define EXP_HIGH BY_TYPE(711, 90)   /* above, e^x / 2 is infinite */
#define EXP2_LOW BY_TYPE(-1076, -151)
#define EXP2_HIGH BY_TYPE(1025, 129)
#define EXPM1_LOW BY_TYPE(-50, -25)           /* below, e^x - 1 is -1 */
#define EXPM1_HIGH BY_TYPE(60, 30)            /* above that power of 2, it is e^x */
#define TANH_HIGH BY_TYPE(20, 10)             /* above, it is 1 */
#define ERFC_HIGH BY_TYPE(28, 11)             /* above, it is 0 */
#define SQUARE_HIGH BY_TYPE(0x1p60, 0x1p30f)  /* above, sqrt(x^2 + 1) is x, and x + 1 too */
#define HYPOT_LOW BY_TYPE(0x1p-500, 0x1p-50f) /* below, and above one over it, squares are not to be trusted, */
#define HYPOT_STEPS BY_TYPE(600, 90)          /* but so many powers of 2 nearer to 1 they are */

/* ---- constants: a sum of two, where one is not enough ------------------------------------------------------------ */

/* Products of these two with exponents are exact. */
#define LOG_2 BY_TYPE(0x1.62e42feep-1, 0x1.62e4p-1f)
#define LOG_2_REST BY_TYPE(0x1.a39ef35793c76p-33, 0x1.7f7d1cp-20f)
#define LOG10_2 BY_TYPE(0x1.34413509f6p-2, 0x1.344p-2f)
#define LOG10_2_REST BY_TYPE(0x1.9fef311f12b36p-42, 0x1.3509f8p-18f)

#define LOG_2_WHOLE BY_TYPE(0x1.62e42fefa39efp-1, 0x1.62e43p-1f)
#define LOG2_E BY_TYPE(0x1.71547652b82fep+0, 0x1.715476p+0f)
#define LOG2_E_REST BY_TYPE(0x1.777d0ffda0d24p-56, 0x1.4ae0cp-26f)
#define LOG10_E BY_TYPE(0x1.bcb7b1526e50ep-2, 0x1.bcb7b2p-2f)
#define LOG10_E_REST BY_TYPE(0x1.95355baaafad3p-57, -0x1.5b235ep-27f)
#define ONE_OVER_PI BY_TYPE(0x1.45f306dc9c883p-2, 0x1.45f306p-2f)
#define PI_HALF BY_TYPE(0x1.921fb54442d18p+0, 0x1.921fb6p+0f)
#define PI_HALF_REST BY_TYPE(0x1.1a62633145c07p-54, -0x1.777a5cp-25f)

/* ---- polynomials: vmath.sollya prints them ----------------------------------------------------------------------- */

/* c0 + c1 x + c2 x^2 + ..., of so many coefficients */
#define POLY_2(x, c, d) NAME(fma)(d, x, c)
#define POLY_3(x, c, ...) NAME(fma)(POLY_2(x, __VA_ARGS__), x, c)
#define POLY_4(x, c, ...) NAME(fma)(POLY_3(x, __VA_ARGS__), x, c)
#define POLY_5(x, c, ...) NAME(fma)(POLY_4(x, __VA_ARGS__), x, c)
#define POLY_6(x, c, ...) NAME(fma)(POLY_5(x, __VA_ARGS__), x, c)
#define POLY_7(x, c, ...) NAME(fma)(POLY_6(x, __VA_ARGS__), x, c)
#define POLY_8(x, c, ...) NAME(fma)(POLY_7(x, __VA_ARGS__), x, c)
#define POLY_9(x, c, ...) NAME(fma)(POLY_8(x, __VA_ARGS__), x, c)
#define POLY_10(x, c, ...) NAME(fma)(POLY_9(x, __VA_ARGS__), x, c)
#define POLY_11(x, c, ...) NAME(fma)(POLY_10(x, __VA_ARGS__), x, c)
#define POLY_12(x, c, ...) NAME(fma)(POLY_11(x, __VA_ARGS__), x, c)
#define POLY_13(x, c, ...) NAME(fma)(POLY_12(x, __VA_ARGS__), x, c)
#define POLY_14(x, c, ...) NAME(fma)(POLY_13(x, __VA_ARGS__), x, c)
#define POLY_15(x, c, ...) NAME(fma)(POLY_14(x, __VA_ARGS__), x, c)
#define POLY_16(x, c, ...) NAME(fma)(POLY_15(x, __VA_ARGS__), x, c)
#define POLY_17(x, c, ...) NAME(fma)(POLY_16(x, __VA_ARGS__), x, c)
#define POLY_18(x, c, ...) NAME(fma)(POLY_17(x, __VA_ARGS__), x, c)
#define POLY_19(x, c, ...) NAME(fma)(POLY_18(x, __VA_ARGS__), x, c)
#define POLY_20(x, c, ...) NAME(fma)(POLY_19(x, __VA_ARGS__), x, c)
#define POLY_21(x, c, ...) NAME(fma)(POLY_20(x, __VA_ARGS__), x, c)

/* (e^r - 1 - r) / r^2 */
#define EXP_REST(r) \
    BY_TYPE(POLY_10(r, 0x1.0000000000001p-1, 0x1.555555555554dp-3, 0x1.5555555553cd3p-5, 0x1.11111111144d5p-7, \
                    0x1.6c16c178af63dp-10, 0x1.a01a018c38ee2p-13, 0x1.a019b8a383509p-16, 0x1.71de59d80e58dp-19, \
                    0x1.2891eeaceded5p-22, 0x1.aeac27647964fp-26), \
            POLY_6(r, 0x1p-1f, 0x1.555556p-3f, 0x1.555502p-5f, 0x1.110ff4p-7f, 0x1.6d2e1ap-10f, 0x1.a262a8p-13f))

/* Below, log(1 + f) is f to less than half a unit in the last place. */
#define NO_SQUARE BY_TYPE(0x1p-70, 0x1p-40f)

/* (log((1 + s) / (1 - s)) / s - 2) / z, where z = s^2 */
#define LOG_REST(z) \
    BY_TYPE(POLY_7(z, 0x1.5555555555558p-1, 0x1.9999999995323p-2, 0x1.2492492deec37p-2, 0x1.c71c62e684aaap-3, \
                   0x1.7462b4ab7b39ap-3, 0x1.39fe5b524a36fp-3, 0x1.2b58abb5b7255p-3), \
            POLY_3(z, 0x1.55555cp-1f, 0x1.997ba2p-2f, 0x1.2ef58p-2f))

/* (sin(r) / r - 1) / z, where z = r^2 */
#define SIN_REST(z) \
    BY_TYPE(POLY_8(z, -0x1.5555555555555p-3, 0x1.11111111110bap-7, -0x1.a01a01a013714p-13, 0x1.71de3a51d52f5p-19, \
                   -0x1.ae645465d93d5p-26, 0x1.6123ade58c474p-33, -0x1.ae3ac142a6ccep-41, 0x1.8738e6accf7a9p-49), \
            POLY_5(z, -0x1.555556p-3f, 0x1.111148p-7f, -0x1.a02d1ep-13f, 0x1.74449ep-19f, -0x1.dae6a6p-26f))

/* erf(x) / x - 1, where z = x^2 */
#define ERF_REST(z) \
    BY_TYPE(POLY_9(z, 0x1.06eba8214db68p-3, -0x1.812746b037982p-2, 0x1.ce2f21a03a3ddp-4, -0x1.b82ce30dbbf05p-6, \
                   0x1.565bcba5e44e4p-8, -0x1.c02d3a911fcp-11, 0x1.f98ac083f50c2p-14, -0x1.f1eccd82e52a3p-17, \
                   0x1.89974d0846d03p-20), \
            POLY_5(z, 0x1.06eba8p-3f, -0x1.81273p-2f, 0x1.ce23d6p-4f, -0x1.b642a4p-6f, 0x1.341966p-8f))

/* e^(x^2) erfc(x) (x + 3), where u = (x - 3.25) / (x + 3) */
#define ERFC_REST(u) \
    BY_TYPE(POLY_21(u, 0x1.0a22f56e6324ep0, -0x1.9bb705bf7d2d1p-1, 0x1.0575588e2699ap-1, -0x1.085679ab1fe9dp-2, \
                    0x1.8d15824dcbad9p-4, -0x1.68f08662631b1p-6, -0x1.3f2dd379b9cd5p-12, 0x1.18116617beb03p-9, \
                    -0x1.e40bc95cacd08p-12, -0x1.4ff98a02ac018p-13, 0x1.4bde18d911b88p-14, 0x1.cc1fc644c832ap-17, \
                    -0x1.9124419d054c7p-17, -0x1.e03641552afbap-20, 0x1.f11d21789a7f9p-20, 0x1.8755728141a57p-22, \
                    -0x1.37308c1ca4a1dp-22, -0x1.596c76bb3d95p-24, 0x1.67d3709933e15p-25, 0x1.8df1751baac75p-27, \
                    -0x1.26d71c0acbe6bp-28), \
            POLY_10(u, 0x1.0a22f6p0f, -0x1.9bb706p-1f, 0x1.057528p-1f, -0x1.085662p-2f, 0x1.8d274cp-4f, -0x1.68f492p-6f, \
                    -0x1.91ae38p-12f, 0x1.16609p-9f, -0x1.49d7cap-12f, -0x1.da4884p-14f))

/* (asin(x) / x - 1) / z, where z = x^2 */
#define ASIN_REST(z) \
    BY_TYPE(POLY_12(z, 0x1.555555555554ep-3, 0x1.3333333337233p-4, 0x1.6db6db67f6d9fp-5, 0x1.f1c71fbd29fb8p-6, \
                    0x1.6e8b264d46888p-6, 0x1.1c5997c356d91p-6, 0x1.c86a22cdaff3ep-7, 0x1.856073c14bd94p-7, \
                    0x1.fd1151b570dd7p-8, 0x1.087182f11a045p-6, -0x1.6602746b9f34fp-7, 0x1.cfa0dd17fcda8p-6), \
            POLY_6(z, 0x1.555554p-3f, 0x1.3334c8p-4f, 0x1.6d4032p-5f, 0x1.ff9494p-6f, 0x1.10abf6p-6f, 0x1.1a258cp-5f))

/* (atan(x) / x - 1) / z, where z = x^2 */
#define ATAN_REST(z) \
    BY_TYPE(POLY_11(z, -0x1.5555555555555p-2, 0x1.999999999942ap-3, -0x1.249249243d6d6p-3, 0x1.c71c7188b62e8p-4, \
                    -0x1.745d0b9b9da0ep-4, 0x1.3b126be5ea07fp-4, -0x1.10fae4fa67fc5p-4, 0x1.dfece5cfa3ef5p-5, \
                    -0x1.a0b8e240a3e2p-5, 0x1.41b551bc2d613p-5, -0x1.3aec2086c31aep-6), \
            POLY_5(z, -0x1.555554p-2f, 0x1.99970ap-3f, -0x1.241d46p-3f, 0x1.b7e562p-4f, -0x1.07dbecp-4f))

/* (atanh(s) / s - 1 - z / 3) / z^2, where z = s^2, in float64 */
#define ATANH_REST(z) \
    POLY_9(z, 0x1.999999999999ap-3, 0x1.2492492492204p-3, 0x1.c71c71c7b4e04p-4, 0x1.745d16c63984dp-4, 0x1.3b13e9e80f92bp-4, \
           0x1.1102c438b6153p-4, 0x1.e600fdaaf4811p-5, 0x1.5de8108d42554p-5, 0x1.0aef9c1c266ecp-3)

/* log2((1 + s) / (1 - s)) / s, where z = s^2, in float64 for the powers of float32 */
#define LOG2_OVER(z) \
    POLY_6(z, 0x1.71547652b8251p1, 0x1.ec709dc53c4a8p-1, 0x1.2776c2936e51p-1, 0x1.a61a2e9cb24eep-2, 0x1.47955e53ee95p-2, \
           0x1.21b06bc6d774p-2)

/* 2^r, for the same */
#define EXP2_OF(r) \
    POLY_8(r, 0x1.ffffffffabbcep-1, 0x1.62e42ff116291p-1, 0x1.ebfbe0a4be7c8p-3, 0x1.c6b08aaf2e0acp-5, 0x1.3b29dc40d8f27p-7, \
           0x1.5d8a708923689p-10, 0x1.446a1fd95ccb4p-13, 0x1.fe1782f43403ap-17)

/* x^(-1/3), roughly, in either */
#define CBRT_OVER(x) POLY_5(x, (T)0x1.e46442p0, (T)-0x1.c3a718p0, (T)0x1.3a72dcp0, (T)-0x1.a9bf5p-2, (T)0x1.b211d2p-5)
