/* bench/shared.c: what the works have in common: numbers, memory, tapes, digests of results.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>

#include "bench.h"

int threads = 1;

tg_tape *new_tape(void) {
    return tg_tape_new();
}

void must(tg_tape *tape) {
    if (tape && tg_error_status(tape) == TG_OK) return;
    fprintf(stderr, "bench: %s\n", tape ? tg_error(tape) : "out of memory");
    exit(1);
}

void *room(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (memory) return memory;
    fprintf(stderr, "bench: out of memory\n");
    exit(1);
}

/* The last steps of a hash function of 32 bits: Chris Wellons, "Prospecting for hash functions" (2018), lowbias32. */
static uint32_t mixed(uint32_t x) {
    x ^= x >> 16;
    x *= 0x7feb352d;
    x ^= x >> 15;
    x *= 0x846ca68b;
    return x ^ x >> 16;
}

static double unit(int64_t i, uint32_t salt) {
    return (mixed((uint32_t)i + salt * 0x9e3779b9) >> 8) * 0x1p-24;
}

float *numbers(int64_t n, uint32_t salt, double low, double high) {
    float *x = room((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(low + (high - low) * unit(i, salt));
    return x;
}

tg_tensor constant(tg_tape *tape, tg_shape shape, uint32_t salt, double low, double high) {
    float    *x = numbers(tg_shape_size(shape), salt, low, high);
    tg_tensor made = tg_constant(tape, TG_F32, shape, x);
    free(x);
    return made;
}

tg_tensor parameter(tg_tape *tape, const char *name, tg_shape shape, uint32_t salt, double low, double high) {
    float    *x = numbers(tg_shape_size(shape), salt, low, high);
    tg_tensor zeros = tg_broadcast_to(tg_full(tape, TG_F32, TG_SHAPE(), 0), shape); /* without memory, which would count */
    tg_keep(zeros);
    tg_tensor made = tg_parameter(tape, name, zeros);
    tg_write(made, x, tg_shape_size(shape));
    free(x);
    return made;
}

/* ---- digests ----------------------------------------------------------------------------------------------------- */

int digest(const float *x, int64_t n, double *to) {
    double square = 0, product = 0;
    for (int64_t i = 0; i < n; i++) {
        square += (double)x[i] * (double)x[i];
        product += (double)x[i] * (2 * unit(i, 99) - 1);
    }
    to[0] = sqrt(square);
    to[1] = product;
    return 2;
}

int digest_tensor(tg_tensor x, double *to) {
    int64_t      n = tg_size(x);
    const float *values = tg_data(x);
    must(x.tape);
    return digest(values, n, to);
}
