/* bench/elementwise.c: sum(tanh(a * b + c) * sigmoid(d)) of long vectors, and its gradients for all four.
 *
 * By hand it is one loop over the elements, which reads four numbers and writes four. A second version of the loop is compiled for
 * AVX2, which the build's flags may not be.
 *
 * SPDX-License-Identifier: MIT */
#include "formula.h"
#include "loops.h"

enum { N = 4 << 20, VECTORS = 4 };

static variable vector(const char *name) {
    return (variable){name, TG_SHAPE(N), -2, 2};
}

/* ---- tapegrad ---------------------------------------------------------------------------------------------------- */

static void *formula_recorded(void) {
    formula  *f = formula_new(VECTORS, (variable[]){vector("a"), vector("b"), vector("c"), vector("d")});
    tg_tensor a = f->x[0], b = f->x[1], c = f->x[2], d = f->x[3];
    formula_is(f, tg_sum(tg_mul(tg_tanh(tg_add(tg_mul(a, b), c)), tg_sigmoid(d))), tg_num(1));
    return f;
}

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

enum { BLOCK = 1024 };

static void *loops_new(void) {
    return arrays_new(VECTORS, (variable[]){vector("a"), vector("b"), vector("c"), vector("d")}, 1);
}

/* One block; its sum. */
static inline __attribute__((always_inline)) float block(const arrays *l, int64_t from) {
    const float *a = l->x[0] + from, *b = l->x[1] + from, *c = l->x[2] + from, *d = l->x[3] + from;
    float       *ga = l->grad[0] + from, *gb = l->grad[1] + from, *gc = l->grad[2] + from, *gd = l->grad[3] + from;
    float        sum = 0;
    VECTOR_SUM(sum)
    for (int i = 0; i < BLOCK; i++) {
        float t = tanhf(a[i] * b[i] + c[i]), s = 1 / (1 + expf(-d[i]));
        float g = s * (1 - t * t);
        sum += t * s;
        ga[i] = g * b[i];
        gb[i] = g * a[i];
        gc[i] = g;
        gd[i] = t * s * (1 - s);
    }
    return sum;
}

static void loops_step(void *state) {
    const arrays *l = state;
    double        sum = 0;
    PARALLEL_SUM(sum)
    for (int64_t i = 0; i < N; i += BLOCK)
        sum += (double)block(l, i);
    *l->y = (float)sum;
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx2,fma"))) static float block_avx2(const arrays *l, int64_t from) {
    return block(l, from);
}

static void loops_step_avx2(void *state) {
    const arrays *l = state;
    double        sum = 0;
    PARALLEL_SUM(sum)
    for (int64_t i = 0; i < N; i += BLOCK)
        sum += (double)block_avx2(l, i);
    *l->y = (float)sum;
}

static void *loops_new_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? loops_new() : NULL;
}
#else
static void *loops_new_avx2(void) {
    return NULL;
}
#define loops_step_avx2 loops_step
#endif

/* ---- the work ---------------------------------------------------------------------------------------------------- */

static const contestant tape = {formula_recorded, formula_step, formula_result, NULL, formula_free};
static const contestant by_hand = {loops_new, loops_step, arrays_result, NULL, arrays_free};
static const contestant by_hand_avx2 = {loops_new_avx2, loops_step_avx2, arrays_result, NULL, arrays_free};

const work elementwise = {.name = "elementwise",
                          .tapegrad = &tape,
                          .tolerance = 1e-5,
                          .rival = {{"C", 1.2, &by_hand, TIME},
                                    {"C, AVX2", 0, &by_hand_avx2, TIME},
                                    {"PyTorch eager", 0.3, NULL, TIME},
                                    {"PyTorch eager", 0.5, NULL, MEMORY},
                                    {"PyTorch compiled", 0, NULL, TIME},
                                    {"JAX jit", 0, NULL, TIME}}};
