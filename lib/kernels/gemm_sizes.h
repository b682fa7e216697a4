/* kernels/gemm_sizes.h: what the parts of gemm share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_GEMM_SIZES_H
#define TGI_KERNELS_GEMM_SIZES_H

#include <stdbool.h>

#include "gemm.h"

static inline int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t round_up(int64_t x, int64_t step) {
    return (x + step - 1) / step * step;
}

/* Elements in a block of A, and of B, their panels filled up: as many for every instruction set and type, so that scratch does
 * not depend on them. 24 is a multiple of every MR, 32 of every NR. */
static inline int64_t a_room(int64_t m, int64_t k) {
    return round_up(least(m, TGI_GEMM_MC), 24) * least(k, TGI_GEMM_KC);
}

static inline int64_t b_room(int64_t n, int64_t k) {
    return round_up(least(n, TGI_GEMM_NC), 32) * least(k, TGI_GEMM_KC);
}

/* Whether a product takes that many multiplications: a number that may overflow an int64_t. */
static inline bool at_least(int64_t limit, int64_t m, int64_t n, int64_t k) {
    return (double)m * (double)n * (double)k >= (double)limit;
}

#endif
