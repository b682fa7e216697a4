/* tests/run/random_matrix.h: random instructions on matrices, for programs of parts.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_RUN_RANDOM_MATRIX_H
#define TESTS_RUN_RANDOM_MATRIX_H

#include "support.h"

/* Of 3 x 3 matrices another one: a result, a view, or a draw. */
static inline tg_tensor random_matrix(uint32_t *state, int count, const tg_tensor *x) {
    tg_tensor a = x[next_number(state) % (uint32_t)count], b = x[next_number(state) % (uint32_t)count];
    switch (next_number(state) % 14) {
    case 0: return tg_add(a, b);
    case 1: return tg_mul(a, tg_select(tg_select(b, 0, 1), 0, 2));
    case 2: return tg_tanh(tg_sub(a, b));
    case 3: return tg_transpose(a, 0, 1);
    case 4: return tg_flip(a, TG_AXES(1));
    case 5: return tg_tanh(tg_matmul(a, b));
    case 6: return tg_sub(a, tg_sum(b));
    case 7: return tg_tanh(tg_add(a, tg_max_axes(b, TG_AXES(1), true)));
    case 8: return tg_concat(TG_LIST(tg_slice(a, 0, 0, 2, 1), tg_slice(b, 0, 1, 2, 1)), 0);
    case 9: return tg_reshape(tg_transpose(a, 0, 1), TG_SHAPE(3, 3));
    case 10: return tg_where(tg_gt(a, 0.123), a, tg_neg(b)); /* no tie that rounding would decide */
    case 11: return tg_dropout(a, 0.25, true);
    case 12: return tg_reshape(a, TG_SHAPE(3, 3));
    default: return tg_broadcast_to(tg_slice(a, 1, 1, 2, 1), TG_SHAPE(3, 3));
    }
}

#endif
