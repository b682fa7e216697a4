/* random/fill.h: how an array of floating numbers is filled. random.c includes it once for float and once for double, with
 * REAL and OF defined, since where each of the two rounds is part of what it promises. Hence no guard.
 *
 * SPDX-License-Identifier: MIT */

/* In [low, high): the one way to `high` is a rounding up, and is turned back to `low`. */
static void OF(fill_uniform)(tgi_mt19937 *generator, REAL *out, int64_t n, double low, double high) {
    REAL start = (REAL)low, end = (REAL)high, width = end - start;
    for (int64_t i = 0; i < n; i++) {
        REAL x = OF(unit)(generator) * width + start;
        out[i] = x == end ? start : x;
    }
}

/* Turns 16 uniform numbers into normal ones; the two of a pair are 8 elements apart. 1 - u is never 0 and has a logarithm. */
static void OF(box_muller)(REAL *u, REAL mean, REAL deviation) {
    for (int j = 0; j < BLOCK / 2; j++) {
        REAL radius = sqrt(-2 * log(1 - u[j]));
        REAL angle = (REAL)(TWO_PI * (double)u[j + BLOCK / 2]);
        u[j] = fma(radius * cos(angle), deviation, mean);
        u[j + BLOCK / 2] = fma(radius * sin(angle), deviation, mean);
    }
}

/* A block at a time; when the last one is not full, the last 16 numbers are drawn again. Fewer numbers than a block are drawn one
 * at a time. */
static void OF(fill_normal)(tgi_mt19937 *generator, REAL *out, int64_t n, double mean, double deviation) {
    if (n < BLOCK) {
        for (int64_t i = 0; i < n; i++)
            out[i] = (REAL)(one_normal(generator) * deviation + mean);
        return;
    }
    OF(fill_uniform)(generator, out, n, 0, 1);
    for (int64_t i = 0; i + BLOCK <= n; i += BLOCK)
        OF(box_muller)(out + i, (REAL)mean, (REAL)deviation);
    if (n % BLOCK == 0) return;
    OF(fill_uniform)(generator, out + n - BLOCK, BLOCK, 0, 1);
    OF(box_muller)(out + n - BLOCK, (REAL)mean, (REAL)deviation);
}

#undef REAL
#undef OF
