/* kernels/gemm_sizes.h: what the parts of gemm share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_GEMM_SIZES_H
#define TGI_KERNELS_GEMM_SIZES_H

#include <stdbool.h>

#include "gemm.h"
#include "threads.h"
#include "vector.h"

/* Elements in a block of A, and of B, their panels filled up: as many for every instruction set and type, so that scratch does
 * not depend on them. ROWS is a multiple of every MR, COLUMNS of every NR. */
static inline int64_t a_room(int64_t m, int64_t k) {
    return round_up(min_of(m, TGI_GEMM_MC), TGI_GEMM_ROWS) * min_of(k, TGI_GEMM_KC);
}

static inline int64_t b_room(int64_t n, int64_t k) {
    return round_up(min_of(n, TGI_GEMM_NC), TGI_GEMM_COLUMNS) * min_of(k, TGI_GEMM_KC);
}

/* Bytes for a block of each: what a thread needs, in whole cache lines. */
static inline size_t room_of(int64_t m, int64_t n, int64_t k, size_t element) {
    return ((size_t)(a_room(m, k) + b_room(n, k)) * element + 63) / 64 * 64;
}

/* Whether a product takes that many multiplications: a number that may overflow an int64_t. */
static inline bool at_least(int64_t limit, int64_t m, int64_t n, int64_t k) {
    return (double)m * (double)n * (double)k >= (double)limit;
}

/* How many threads it pays to use. With a vector a product takes as long as with four: it waits for the matrix. */
static inline int threads_for(int64_t m, int64_t n, int64_t k, int threads) {
    double steps = (double)(m < 4 ? 4 : m) * (double)(n < 4 ? 4 : n) * (double)k;
    return tgi_shares_of(threads, INT32_MAX, steps, TGI_GEMM_THREAD);
}

/* Whether a product is so large that threads do each step of it together. */
static inline bool is_worth_steps(int64_t m, int64_t n, int64_t k, int threads) {
    return threads > 1 && at_least(threads * (int64_t)TGI_GEMM_PIECES * TGI_GEMM_PIECE, m, n, k);
}

/* How C is cut into pieces for those threads, TGI_GEMM_PIECES for each of them where a piece is then large enough: into as many as
 * there can be, and of such cuts the one whose pieces read least. A piece has at least a whole unit of rows and of columns. */
typedef struct pieces {
    int64_t down, across;
} pieces;

static inline pieces pieces_of(int64_t m, int64_t n, int64_t k, int threads) {
    int64_t most = threads_for(m, n, k, threads), rows = m / TGI_GEMM_ROWS, columns = n / TGI_GEMM_COLUMNS;
    if (is_worth_steps(m, n, k, (int)most)) most *= TGI_GEMM_PIECES;
    pieces best = {1, 1};
    for (int64_t down = 1; down <= most && (down <= rows || down == 1); down++) {
        int64_t across = min_of(most / down, columns > 1 ? columns : 1), more = down * across - best.down * best.across;
        if (more > 0 || (more == 0 && m / down + n / across < m / best.down + n / best.across)) best = (pieces){down, across};
    }
    return best;
}

/* Where one of the pieces is: its first row and column, and how many it has. */
typedef struct piece {
    int64_t top, left, m, n;
} piece;

/* Where piece i of `count` begins, along an axis of that size; only the last piece has what is left of a unit. */
static inline int64_t cut(int64_t size, int64_t unit, int64_t count, int64_t i) {
    return i == count ? size : size / unit * i / count * unit;
}

static inline piece piece_of(int64_t m, int64_t n, pieces cuts, int64_t number) {
    int64_t i = number / cuts.across, j = number % cuts.across;
    piece   at = {cut(m, TGI_GEMM_ROWS, cuts.down, i), cut(n, TGI_GEMM_COLUMNS, cuts.across, j), 0, 0};
    at.m = cut(m, TGI_GEMM_ROWS, cuts.down, i + 1) - at.top;
    at.n = cut(n, TGI_GEMM_COLUMNS, cuts.across, j + 1) - at.left;
    return at;
}

static inline void share_out_pieces(tgi_team *team, pieces cuts, int threads, tgi_units *work, const void *job) {
    int64_t count = cuts.down * cuts.across;
    tgi_share_out(team, (int)min_of(count, threads), count, work, job);
}

#endif
