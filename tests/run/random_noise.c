/* tests/run/random_noise.c: random programs whose second tape has other digits at the end of its numbers.
 *
 * SPDX-License-Identifier: MIT */
#include "core/residency.h"
#include "run/random_tape.h"

static double most_noise(const program *p, tg_dtype dtype) {
    return p->strength * (dtype == TG_F32 ? 1e-6 : 2e-15);
}

void add_noise(program *p, tg_dtype dtype, int64_t count, void *numbers) {
    for (int64_t i = 0; i < count && p->strength && dtype <= TG_F64; i++) {
        double factor = 1 + ((double)(next_of(&p->noise) >> 11) * 0x1p-52 - 1) * most_noise(p, dtype);
        if (dtype == TG_F32)
            ((float *)numbers)[i] *= (float)factor;
        else
            ((double *)numbers)[i] *= factor;
    }
}

/* Assigns are for leaves, which stay what they are. */
tg_tensor noisy(program *p, tg_tensor x) {
    static _Alignas(64) char factors[LARGEST * 8];
    tg_dtype                 dtype = tg_dtype_of(x);
    int64_t                  size = tg_size(x);
    if (!p->strength || dtype > TG_F64 || size > LARGEST || !tgi_node_at(x.tape, tgi_index(x))->op->infer) return x;
    for (int64_t i = 0; i < size; i++)
        if (dtype == TG_F32)
            ((float *)factors)[i] = 1;
        else
            ((double *)factors)[i] = 1;
    add_noise(p, dtype, size, factors);
    tg_tensor y = tg_mul(x, tg_constant(x.tape, dtype, tg_shape_of(x), factors));
    return p->strength % 2 ? tg_where(tg_eq(x, tg_floor(x)), x, y) : y;
}
