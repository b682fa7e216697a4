/* bench/adam.c: a step of Adam over 10 million parameters in 50 tensors, whose gradients cost nothing.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "loops.h"

enum { TENSORS = 50, SIZE = 200000, NAME = 8 };

static const double rate = 0.001, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;

/* Every tensor starts from its own numbers; the results of a few are compared. */
static float *weights(int i) {
    return numbers(SIZE, (uint32_t)i, -1, 1);
}

static float *gradients(int i) {
    return numbers(SIZE, (uint32_t)(TENSORS + i), -1, 1);
}

static bool is_compared(int i) {
    return i % 12 == 0;
}

/* ---- tapegrad ---------------------------------------------------------------------------------------------------- */

/* constant_gradient(w, g) is 0, and its gradient for w is g: so that gradients take no computation. */
static tg_status constant_infer(tg_infer *call) {
    call->out = (tg_type){.dtype = call->in[0].dtype, .rank = 0, .dims = call->dims};
    return TG_OK;
}

static tg_status constant_kernel(tg_kernel_call *call) {
    *(float *)call->out.data = 0;
    return TG_OK;
}

static tg_tensor constant_rule(const tg_rule_call *call) {
    return call->x[1];
}

static tg_rule *const constant_rules[] = {constant_rule, NULL};
static const tg_op    constant_gradient = {"constant_gradient", 2, constant_infer, .kernel = constant_kernel,
                                           .rules = constant_rules};

typedef struct net {
    tg_tape  *tape;
    tg_tensor w[TENSORS];
} net;

static void *net_new(void) {
    net *n = room(sizeof *n);
    n->tape = new_tape();
    tg_set_keep(n->tape, TG_KEEP_ASKED);
    for (int i = 0; i < TENSORS; i++) {
        char name[NAME];
        snprintf(name, sizeof name, "w%d", i);
        n->w[i] = parameter(n->tape, name, TG_SHAPE(SIZE), (uint32_t)i, -1, 1);
        tg_tensor g = constant(n->tape, TG_SHAPE(SIZE), (uint32_t)(TENSORS + i), -1, 1);
        tg_backward(tg_record(n->tape, &constant_gradient, 2, ((tg_tensor[]){n->w[i], g}), NULL, 0));
    }
    tg_adam_step(n->tape, rate, NULL);
    return n;
}

static void net_step(void *state) {
    tg_run(((net *)state)->tape);
}

static int net_result(void *state, double *to) {
    net *n = state;
    int  count = 0;
    for (int i = 0; i < TENSORS; i++)
        if (is_compared(i)) count += digest_tensor(n->w[i], to + count);
    return count;
}

static void net_free(void *state) {
    net *n = state;
    must(n->tape);
    tg_tape_free(n->tape);
    free(n);
}

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

typedef struct loops {
    float *w[TENSORS], *g[TENSORS], *m[TENSORS], *v[TENSORS];
    int    t;
} loops;

static void *loops_new(void) {
    loops *l = room(sizeof *l);
    for (int i = 0; i < TENSORS; i++) {
        l->w[i] = weights(i);
        l->g[i] = gradients(i);
        l->m[i] = numbers(SIZE, 0, 0, 0);
        l->v[i] = numbers(SIZE, 0, 0, 0);
    }
    l->t = 0;
    return l;
}

static void update(float *w, const float *g, float *m, float *v, float size, float root) {
    const float b1 = (float)beta1, b2 = (float)beta2, c1 = (float)(1 - beta1), c2 = (float)(1 - beta2), e = (float)eps;
    VECTOR
    for (int j = 0; j < SIZE; j++) {
        m[j] = b1 * m[j] + c1 * g[j];
        v[j] = b2 * v[j] + c2 * g[j] * g[j];
        w[j] -= size * m[j] / (sqrtf(v[j]) / root + e);
    }
}

static void loops_step(void *state) {
    loops      *l = state;
    const int   t = ++l->t;
    const float size = (float)(rate / (1 - pow(beta1, t))), root = (float)sqrt(1 - pow(beta2, t));
    PARALLEL
    for (int i = 0; i < TENSORS; i++)
        update(l->w[i], l->g[i], l->m[i], l->v[i], size, root);
}

static int loops_result(void *state, double *to) {
    loops *l = state;
    int    count = 0;
    for (int i = 0; i < TENSORS; i++)
        if (is_compared(i)) count += digest(l->w[i], SIZE, to + count);
    return count;
}

static void loops_free(void *state) {
    loops *l = state;
    for (int i = 0; i < TENSORS; i++) {
        free(l->w[i]);
        free(l->g[i]);
        free(l->m[i]);
        free(l->v[i]);
    }
    free(l);
}

/* ---- the work ---------------------------------------------------------------------------------------------------- */

static const contestant tape = {net_new, net_step, net_result, NULL, net_free};
static const contestant by_hand = {loops_new, loops_step, loops_result, NULL, loops_free};

const work adam = {.name = "adam",
                   .tapegrad = &tape,
                   .tolerance = 1e-5,
                   .rival = {{"C", 0, &by_hand, TIME},
                             {"PyTorch fused", 1.0, NULL, TIME},
                             {"PyTorch foreach", 1.0, NULL, TIME},
                             {"JAX jit", 0, NULL, TIME}}};
