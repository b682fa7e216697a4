/* ops/elementwise_table.h: the elementwise ops: name, dtypes, formula, gradient.
 *
 * A row is the whole op. The formula is C with the functions of <tgmath.h>, compiled once for each dtype. The gradient records
 * dL/dx by other ops, where g is dL/dy and y the result. The includer defines UNARY, BINARY and COMPARISON, and gets every
 * row.
 *
 * SPDX-License-Identifier: MIT */
/* clang-format off */

/*    name     dtypes  y = f(x)                       dL/dx                                   */
UNARY(neg,     NUMBER, -x,                            tg_neg(g)                               )
UNARY(abs,     NUMBER, x > 0 ? x : 0 - x,             tg_mul(g, tg_sign(x))                   )
UNARY(sign,    NUMBER, x > 0 ? 1 : x < 0 ? -1 : x,    tgi_filled(x, 0)                        )
UNARY(square,  NUMBER, x * x,                         tg_mul(g, tg_mul(2, x))                 )
UNARY(sqrt,    FLOAT,  sqrt(x),                       tg_div(g, tg_mul(2, y))                 )
UNARY(exp,     FLOAT,  exp(x),                        tg_mul(g, y)                            )
UNARY(log,     FLOAT,  log(x),                        tg_div(g, x)                            )
UNARY(log1p,   FLOAT,  log1p(x),                      tg_div(g, tg_add(1, x))                 )
UNARY(expm1,   FLOAT,  expm1(x),                      tg_mul(g, tg_exp(x))                    )
UNARY(sin,     FLOAT,  sin(x),                        tg_mul(g, tg_cos(x))                    )
UNARY(cos,     FLOAT,  cos(x),                        tg_neg(tg_mul(g, tg_sin(x)))            )
UNARY(tanh,    FLOAT,  tanh(x),                       tg_mul(g, tg_sub(1, tg_square(y)))      )
UNARY(sigmoid, FLOAT,  1 / (1 + exp(-x)),             tg_mul(g, tg_mul(y, tg_sub(1, y)))      )
UNARY(relu,    NUMBER, x <= 0 ? 0 : x,                tg_where(tg_le(x, 0), 0, g)             )

/*     name    dtypes  y = f(a, b)                    dL/da                                dL/db */
BINARY(add,    NUMBER, a + b,                         g,                                   g                                   )
BINARY(sub,    NUMBER, a - b,                         g,                                   tg_neg(g)                           )
BINARY(mul,    NUMBER, a * b,                         tg_mul(g, b),                        tg_mul(g, a)                        )
BINARY(div,    FLOAT,  a / b,                         tg_div(g, b),                        tg_neg(tg_mul(g, tg_div(y, b)))     )
BINARY(pow,    FLOAT,  pow(a, b),                     tg_mul(g, pow_slope(a, b)),          tg_mul(g, tg_mul(y, pow_log(a, b))) )
BINARY(minimum, NUMBER, a < b || a != a ? a : b,      share(g, tg_gt(a, b), tg_eq(a, b)),  share(g, tg_gt(b, a), tg_eq(a, b))  )
BINARY(maximum, NUMBER, a > b || a != a ? a : b,      share(g, tg_lt(a, b), tg_eq(a, b)),  share(g, tg_lt(b, a), tg_eq(a, b))  )

/*         name  y = whether         */
COMPARISON(eq,   a == b)
COMPARISON(ne,   a != b)
COMPARISON(lt,   a < b)
COMPARISON(le,   a <= b)
COMPARISON(gt,   a > b)
COMPARISON(ge,   a >= b)
