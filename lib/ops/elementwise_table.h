/* ops/elementwise_table.h: the elementwise ops: name, dtypes, formula, gradient.
 *
 * A row is the whole op. The formula is C with the functions of <tgmath.h>, compiled once for each dtype; ANGLE is FLOAT with
 * vector code for all but very large numbers, EXACT is FLOAT with a formula of which each step is exactly rounded, as all of NUMBER are.
 * The gradient records dL/dx by other ops, where g is dL/dy and y the result; g may have a shape that broadcasts to theirs: what is done
 * to g first may be done to fewer elements. What is in capitals, and takes int64 too, is in elementwise_loops.c; what the gradients
 * call, in elementwise.c. The includer defines UNARY, BINARY, TERNARY, PREDICATE and COMPARISON, and gets every row.
 *
 * SPDX-License-Identifier: MIT */
/* clang-format off */

/*    name        dtypes  y = f(x)                      dL/dx                                                           */
UNARY(neg,        NUMBER, -x,                           tg_neg(g)                                                       )
UNARY(abs,        NUMBER, x > 0 ? x : 0 - x,            tg_mul(g, tg_sign(x))                                           )
UNARY(sign,       NUMBER, x > 0 ? 1 : x < 0 ? -1 : x,   tgi_full_like(x, 0)                                             )
UNARY(square,     NUMBER, x * x,                        tg_mul(tg_mul(2, g), x)                                         )
UNARY(sqrt,       EXACT,  sqrt(x),                      tg_div(g, tg_mul(2, y))                                         )
UNARY(exp,        FLOAT,  exp(x),                       tg_mul(g, y)                                                    )
UNARY(log,        FLOAT,  log(x),                       tg_div(g, x)                                                    )
UNARY(log1p,      FLOAT,  log1p(x),                     tg_div(g, tg_add(1, x))                                         )
UNARY(expm1,      FLOAT,  expm1(x),                     tg_mul(g, tg_exp(x))                                            )
UNARY(sin,        ANGLE,  sin(x),                       tg_mul(g, tg_cos(x))                                            )
UNARY(cos,        ANGLE,  cos(x),                       tg_mul(tg_neg(g), tg_sin(x))                                    )
UNARY(tanh,       FLOAT,  tanh(x),                      tg_mul(g, tg_sub(1, tg_square(y)))                              )
UNARY(sigmoid,    FLOAT,  1 / (1 + exp(-x)),            tg_mul(g, bell(x, tg_detach(y)))                                )
UNARY(relu,       NUMBER, x <= 0 ? 0 : x,               tg_where(tg_le(x, 0), 0, g)                                     )
UNARY(reciprocal, EXACT,  1 / x,                        tg_mul(tg_mul(tg_neg(g), y), y)                                 )
UNARY(rsqrt,      EXACT,  1 / sqrt(x),                  tg_mul(tg_mul(tg_mul(tg_mul(-0.5, g), y), y), y)                )
UNARY(cbrt,       FLOAT,  cbrt(x),                      tg_div(g, tg_mul(3, tg_square(y)))                              )
UNARY(exp2,       FLOAT,  exp2(x),                      tg_mul(g, tg_mul(LN_2, y))                                      )
UNARY(log2,       FLOAT,  log2(x),                      tg_div(g, tg_mul(LN_2, x))                                      )
UNARY(log10,      FLOAT,  log10(x),                     tg_div(g, tg_mul(LN_10, x))                                     )
UNARY(tan,        ANGLE,  tan(x),                       tg_mul(g, tg_add(1, tg_square(y)))                              )
UNARY(asin,       FLOAT,  asin(x),                      tg_mul(g, tg_rsqrt(one_minus_square(x)))                        )
UNARY(acos,       FLOAT,  acos(x),                      tg_mul(tg_neg(g), tg_rsqrt(one_minus_square(x)))                )
UNARY(atan,       FLOAT,  atan(x),                      tg_div(g, tg_add(1, tg_square(x)))                              )
UNARY(sinh,       FLOAT,  sinh(x),                      tg_mul(g, tg_cosh(x))                                           )
UNARY(cosh,       FLOAT,  cosh(x),                      tg_mul(g, tg_sinh(x))                                           )
UNARY(asinh,      FLOAT,  asinh(x),                     tg_div(g, tg_hypot(x, 1))                                       )
UNARY(acosh,      FLOAT,  acosh(x),                     tg_div(tg_div(g, tg_sqrt(tg_sub(x, 1))), tg_sqrt(tg_add(x, 1))) )
UNARY(atanh,      FLOAT,  atanh(x),                     tg_div(g, one_minus_square(x))                                  )
UNARY(erf,        FLOAT,  erf(x),                       tg_mul(g, tg_mul(TWO_OVER_ROOT_PI, gauss(x)))                   )
UNARY(erfc,       FLOAT,  erfc(x),                      tg_mul(g, tg_mul(-TWO_OVER_ROOT_PI, gauss(x)))                  )
UNARY(gelu,       FLOAT,  GELU(x),                      tg_mul(g, gelu_slope(x))                                        )
UNARY(erfinv,     FLOAT,  tgi_erfinv((double)x),        tg_mul(g, tg_mul(HALF_ROOT_PI, tg_exp(tg_square(y))))     )
UNARY(lgamma,     FLOAT,  LGAMMA(x),                    tg_mul(g, tg_digamma(x))                                        )
UNARY(digamma,    FLOAT,  tgi_digamma((double)x),       tg_mul(g, tg_polygamma(1, x))                                   )
UNARY(floor,      NUMBER, FLOOR(x),                     tgi_full_like(x, 0)                                             )
UNARY(ceil,       NUMBER, CEIL(x),                      tgi_full_like(x, 0)                                             )
UNARY(round,      NUMBER, ROUND(x),                     tgi_full_like(x, 0)                                             )
UNARY(trunc,      NUMBER, TRUNC(x),                     tgi_full_like(x, 0)                                             )

/*     name       dtypes  y = f(a, b)               dL/da                               dL/db                                 */
BINARY(add,       NUMBER, a + b,                    g,                                  g                                      )
BINARY(sub,       NUMBER, a - b,                    g,                                  tg_neg(g)                              )
BINARY(mul,       NUMBER, a * b,                    tg_mul(g, b),                       tg_mul(g, a)                           )
BINARY(div,       EXACT,  a / b,                    tg_div(g, b),                       tg_mul(tg_neg(g), tg_div(y, b))        )
BINARY(pow,       FLOAT,  pow(a, b),                tg_mul(g, pow_slope(a, b)),         tg_mul(g, tg_mul(y, pow_log(a, b)))    )
BINARY(minimum,   NUMBER, a < b || a != a ? a : b,  share(g, tg_gt(a, b), tg_eq(a, b)), share(g, tg_gt(b, a), tg_eq(a, b))     )
BINARY(maximum,   NUMBER, a > b || a != a ? a : b,  share(g, tg_lt(a, b), tg_eq(a, b)), share(g, tg_lt(b, a), tg_eq(a, b))     )
BINARY(atan2,     FLOAT,  atan2(a, b),              tg_mul(g, over_hypot(b, a, b)),     tg_mul(tg_neg(g), over_hypot(a, a, b)) )
BINARY(hypot,     FLOAT,  hypot(a, b),              tg_mul(g, cosine(a, b)),            tg_mul(g, cosine(b, a))                )
BINARY(logaddexp, FLOAT,  LOGADDEXP(a, b),          tg_mul(g, share_of(a, b)),          tg_mul(g, share_of(b, a))              )
BINARY(fmod,      NUMBER, FMOD(a, b),               g,                                  tg_mul(tg_neg(g), quotient(a, b, y))   )
BINARY(remainder, NUMBER, REMAINDER(a, b),          g,                                  tg_mul(tg_neg(g), quotient(a, b, y))   )
BINARY(floor_divide, NUMBER, FLOOR_DIVIDE(a, b),    tgi_full_like(a, 0),                tgi_full_like(b, 0)                    )
BINARY(copysign,  FLOAT,  COPYSIGN(a, b),           tg_mul(g, tg_mul(tg_sign(a), tg_sign(y))), tgi_full_like(b, 0)             )
BINARY(xlogy,     FLOAT,  XLOGY(a, b),              tg_xlogy(g, nonzero_pair(a, b)),    tg_div(tg_mul(g, a), nonzero_pair(a, b)) )

/*      name    dtypes  y = f(x, low, high)         and below: dL/dx, dL/dlow, dL/dhigh */
TERNARY(clamp,  NUMBER, CLAMP(x, low, high),
        tg_where(tg_logical_or(tg_lt(x, low), tg_gt(x, high)), 0, g),
        tg_where(tg_logical_and(tg_lt(x, low), tg_le(low, high)), g, 0),
        tg_where(tg_logical_or(tg_gt(x, high), tg_gt(low, high)), g, 0))

/*        name         y = whether                        */
PREDICATE(isnan,       x != x                             )
PREDICATE(isinf,       x == x && x - x != 0               )
PREDICATE(isfinite,    x - x == 0                         )
PREDICATE(logical_not, x == 0                             )

/*         name         y = whether                       */
COMPARISON(eq,          a == b                            )
COMPARISON(ne,          a != b                            )
COMPARISON(lt,          a < b                             )
COMPARISON(le,          a <= b                            )
COMPARISON(gt,          a > b                             )
COMPARISON(ge,          a >= b                            )
COMPARISON(logical_and, a != 0 && b != 0                  )
COMPARISON(logical_or,  a != 0 || b != 0                  )
COMPARISON(logical_xor, (a != 0) != (b != 0)              )

/*          name              y = f(x)          dL/dx */
INNER_UNARY(one_minus_square, (1 - x) * (1 + x), tg_mul(g, tg_mul(-2, x))             ) /* exact near 1 and -1 */
INNER_UNARY(gauss,            GAUSS(x),          tg_mul(g, tg_mul(tg_mul(-2, x), y))  ) /* e^(-x^2) */
INNER_UNARY(density,          DENSITY(x),        tg_mul(g, tg_neg(tg_mul(x, y)))      ) /* of the normal distribution, for x in -40 .. 40 */
INNER_UNARY(gelu_slope,       GELU_SLOPE(x),     tg_mul(g, gelu_curve(x))             )

/*           name    y = f(a, b)         dL/da, dL/db */
INNER_BINARY(cosine, a / hypot(a, b),
             tg_mul(tg_mul(g, cosine(b, a)), tg_div(cosine(b, a), tg_hypot(a, b))),
             tg_mul(tg_mul(g, y), tg_div(cosine(b, a), tg_neg(tg_hypot(a, b)))))

/* y (1 - y) for y = sigmoid(x), whose derivative for x, y (1 - y) (1 - 2 y), cancels near 0 if it is made of y; y is a constant to it. */
INNER_BINARY(bell,   ((void)a, b * (1 - b)), tg_mul(tg_mul(g, y), tg_neg(tg_tanh(tg_mul(0.5, a)))), tgi_full_like(b, 0))
