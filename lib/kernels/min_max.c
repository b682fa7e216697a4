/* kernels/min_max.c: maximum and minimum, once for each instruction set.
 *
 * One loop does the work: it compares the elements of a row with the best of their columns, and the compiler turns it into
 * vector code. A run is cut into rows of BLOCK elements; the best of the columns are then halved until few are left.
 * The index of the best is searched for when its value is known.
 *
 * SPDX-License-Identifier: MIT */
#include "min_max.h"

#include <stdbool.h>
#include <string.h>

#include "isa.h"

enum { BLOCK = 128, FEW = 16 };

#define ROW_PARAMETERS (int64_t row, int64_t n, const void *x, void *best, int64_t *index)

/* NaN, which is not equal to itself, beats all. */
#define DEFINE_EXTREME(name, T, BEATS) \
    static inline void name##_take(int64_t n, const T *restrict x, T *restrict best) { \
        for (int64_t j = 0; j < n; j++) \
            best[j] = ((x[j] BEATS best[j]) | (x[j] != x[j])) ? x[j] : best[j]; \
    } \
    static T name##_of_few(int64_t n, const T *x) { \
        T   best = x[0]; \
        int none = best != best; \
        for (int64_t i = 1; i < n; i++) { \
            best = x[i] BEATS best ? x[i] : best; \
            none |= x[i] != x[i]; \
        } \
        for (int64_t i = 0; none && i < n; i++) \
            if (x[i] != x[i]) return x[i]; \
        return best; \
    } \
    static T name##_run(int64_t n, const T *x) { \
        T best[BLOCK]; \
        if (n < BLOCK) return name##_of_few(n, x); \
        memcpy(best, x, sizeof best); \
        for (; n >= 2 * BLOCK; n -= BLOCK) \
            name##_take(BLOCK, x += BLOCK, best); \
        name##_take(n - BLOCK, x + BLOCK, best); \
        for (int width = BLOCK / 2; width >= FEW; width /= 2) \
            name##_take(width, best + width, best); \
        return name##_of_few(FEW, best); \
    } \
    /* Of zeros the first is taken, be it 0 or -0, as by rows. */ \
    static T name##_first(int64_t n, const T *x) { \
        T best = name##_run(n, x); \
        if (best == 0 && n >= BLOCK) \
            for (best = *x; best != 0; best = *++x) \
                ; \
        return best; \
    } \
    TGI_KERNEL(tgi_##name, (int64_t n, const void *x, void *out), (n, x, out)) { \
        T best = name##_first(n, x); \
        memcpy(out, &best, sizeof best); \
    } \
    TGI_KERNEL(tgi_##name##_row, ROW_PARAMETERS, (row, n, x, best, index)) { \
        (void)row, (void)index; \
        name##_take(n, x, best); \
    }

/* The index of the first element that equals `best`, or is NaN as it is. */
#define DEFINE_FIND(suffix, T) \
    static inline bool is_in_##suffix(int64_t n, const T *x, T best) { \
        int found = 0; \
        for (int64_t i = 0; i < n; i++) \
            found |= (x[i] == best) | (x[i] != x[i]); \
        return found; \
    } \
    static int64_t find_##suffix(const T *x, T best) { \
        int64_t i = 0; \
        for (; !is_in_##suffix(1, x + i, best); i++) \
            ; \
        return i; \
    } \
    static int64_t index_##suffix(int64_t n, const T *x, T best) { \
        int64_t i = 0; \
        while (n - i >= BLOCK && !is_in_##suffix(BLOCK, x + i, best)) \
            i += BLOCK; \
        return i + find_##suffix(x + i, best); \
    }

#define DEFINE_INDEX(name, extreme, suffix, T, BEATS) \
    TGI_KERNEL(tgi_##name##_##suffix, (int64_t n, const void *x, void *out), (n, x, out)) { \
        int64_t at = index_##suffix(n, x, extreme##_##suffix##_run(n, x)); \
        memcpy(out, &at, sizeof at); \
    } \
    TGI_KERNEL(tgi_##name##_##suffix##_row, ROW_PARAMETERS, (row, n, x, best, index)) { \
        const T *restrict p = x; \
        T *restrict b = best; \
        for (int64_t j = 0; j < n; j++) { \
            T    xj = p[j], bj = b[j]; \
            bool better = (xj BEATS bj) | ((xj != xj) & (bj == bj)); \
            b[j] = better ? xj : bj; \
            index[j] = (row & -(int64_t)better) | (index[j] & ((int64_t)better - 1)); \
        } \
    }

#define DEFINE_BOTH(suffix, T) \
    DEFINE_EXTREME(max_##suffix, T, >) \
    DEFINE_EXTREME(min_##suffix, T, <)
#define DEFINE_ALL(suffix, T) \
    DEFINE_BOTH(suffix, T) \
    DEFINE_FIND(suffix, T) \
    DEFINE_INDEX(argmax, max, suffix, T, >) \
    DEFINE_INDEX(argmin, min, suffix, T, <)
DEFINE_ALL(f32, float)
DEFINE_ALL(f64, double)
DEFINE_ALL(i64, int64_t)
DEFINE_BOTH(b8, uint8_t)
