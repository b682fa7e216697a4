/* ops/joined_loops.h: two elementwise ops in one loop, each result rounded as if it were made by itself.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_JOINED_LOOPS_H
#define TGI_OPS_JOINED_LOOPS_H

#include "core/inside.h"

/* JOINED(name, first, then, operand, formula): `then` after `first`, whose result is that operand of it. The operands are those of
 * `first`, a and b, and then the other one, c. */
#define TGI_EACH_JOINED(JOINED) \
    JOINED(mul_add, mul, add, 0, (a * b) + c) \
    JOINED(add_mul, mul, add, 1, c + (a * b)) \
    JOINED(mul_sub, mul, sub, 0, (a * b) - c) \
    JOINED(sub_mul, mul, sub, 1, c - (a * b)) \
    JOINED(mul_mul, mul, mul, 0, (a * b) * c) \
    JOINED(mul_by_mul, mul, mul, 1, c *(a * b)) \
    JOINED(add_add, add, add, 0, (a + b) + c) \
    JOINED(add_to_add, add, add, 1, c + (a + b)) \
    JOINED(mul_of_add, add, mul, 0, (a + b) * c) \
    JOINED(mul_by_add, add, mul, 1, c *(a + b)) \
    JOINED(mul_of_sub, sub, mul, 0, (a - b) * c) \
    JOINED(mul_by_sub, sub, mul, 1, c *(a - b))

#define TGI_DECLARE_JOINED(name, first, then, operand, formula) tg_loop tgi_##name##_f32, tgi_##name##_f64;
TGI_EACH_JOINED(TGI_DECLARE_JOINED)
tg_loop tgi_square_of_sub_f32, tgi_square_of_sub_f64;
#undef TGI_DECLARE_JOINED

#endif
