/* bench/recurrence.c: a recurrence of two layers, element by element, a thousand steps through time, and its gradients:
 *     h1 <- tanh(a1 h1 + b1 x + c1),   h2 <- tanh(a2 h2 + b2 h1 + c2),   loss = sum(h2^2) at the end
 * in float64, with 16 units a layer and a single number x that changes in time. Some 40 thousand instructions on very short
 * vectors.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "bench.h"

enum { UNITS = 16, STEPS = 1000, WEIGHTS = 6 };
enum { A1, B1, C1, A2, B2, C2 };

static const char *const name[WEIGHTS] = {"a1", "b1", "c1", "a2", "b2", "c2"};

static double input(int t) {
    return sin(0.1 * t);
}

static void start(double w[WEIGHTS][UNITS]) {
    for (int i = 0; i < WEIGHTS; i++) {
        float *x = numbers(UNITS, (uint32_t)i, 0.5, 1);
        for (int j = 0; j < UNITS; j++)
            w[i][j] = (double)x[j];
        free(x);
    }
}

/* The loss and the gradients as a result. */
static int result_of(double loss, double grad[WEIGHTS][UNITS], double *to) {
    float x[UNITS] = {(float)loss};
    int   count = digest(x, 1, to);
    for (int i = 0; i < WEIGHTS; i++) {
        for (int j = 0; j < UNITS; j++)
            x[j] = (float)grad[i][j];
        count += digest(x, UNITS, to + count);
    }
    return count;
}

/* ---- tapegrad ---------------------------------------------------------------------------------------------------- */

typedef struct net {
    tg_tape  *tape;
    tg_tensor w[WEIGHTS], loss;
} net;

static tg_tensor cell(tg_tensor a, tg_tensor h, tg_tensor b, tg_tensor x, tg_tensor c) {
    return tg_tanh(tg_add(tg_add(tg_mul(a, h), tg_mul(b, x)), c));
}

static void *net_new(void) {
    net   *n = room(sizeof *n);
    double w[WEIGHTS][UNITS];
    start(w);
    n->tape = new_tape();
    tg_set_keep(n->tape, TG_KEEP_ASKED);
    for (int i = 0; i < WEIGHTS; i++)
        n->w[i] = tg_parameter(n->tape, name[i], tg_constant(n->tape, TG_F64, TG_SHAPE(UNITS), w[i]));
    tg_tensor h1 = tg_full(n->tape, TG_F64, TG_SHAPE(UNITS), 0), h2 = h1;
    for (int t = 0; t < STEPS; t++) {
        h1 = cell(n->w[A1], h1, n->w[B1], tg_num(input(t)), n->w[C1]);
        h2 = cell(n->w[A2], h2, n->w[B2], h1, n->w[C2]);
    }
    n->loss = tg_sum(tg_square(h2));
    tg_keep(n->loss);
    tg_backward(n->loss);
    return n;
}

static void net_step(void *state) {
    tg_run(((net *)state)->tape);
}

static double net_count(void *state) {
    return (double)tg_instruction_count(((net *)state)->tape);
}

static int net_result(void *state, double *to) {
    net   *n = state;
    double grad[WEIGHTS][UNITS];
    for (int i = 0; i < WEIGHTS; i++)
        tg_read(tg_grad(n->w[i]), grad[i], UNITS);
    double loss = tg_item(n->loss);
    must(n->tape);
    return result_of(loss, grad, to);
}

static void net_free(void *state) {
    net *n = state;
    must(n->tape);
    tg_tape_free(n->tape);
    free(n);
}

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

typedef struct loops {
    double w[WEIGHTS][UNITS], grad[WEIGHTS][UNITS];
    double h1[STEPS + 1][UNITS], h2[STEPS + 1][UNITS]; /* from time 0 on, which is 0 */
} loops;

static void *loops_new(void) {
    loops *l = room(sizeof *l);
    memset(l, 0, sizeof *l);
    start(l->w);
    return l;
}

static void loops_step(void *state) {
    loops *l = state;
    double(*w)[UNITS] = l->w, d1[UNITS] = {0}, d2[UNITS];
    for (int t = 0; t < STEPS; t++) {
        double x = input(t), *h1 = l->h1[t + 1], *h2 = l->h2[t + 1];
        for (int j = 0; j < UNITS; j++)
            h1[j] = tanh(w[A1][j] * l->h1[t][j] + w[B1][j] * x + w[C1][j]);
        for (int j = 0; j < UNITS; j++)
            h2[j] = tanh(w[A2][j] * l->h2[t][j] + w[B2][j] * h1[j] + w[C2][j]);
    }
    double grad[WEIGHTS][UNITS] = {{0}};
    for (int j = 0; j < UNITS; j++)
        d2[j] = 2 * l->h2[STEPS][j];
    for (int t = STEPS; t-- > 0;) {
        double x = input(t), *h1 = l->h1[t + 1], *h2 = l->h2[t + 1];
        for (int j = 0; j < UNITS; j++) {
            double g2 = d2[j] * (1 - h2[j] * h2[j]);
            double g1 = (d1[j] + g2 * w[B2][j]) * (1 - h1[j] * h1[j]);
            grad[A2][j] += g2 * l->h2[t][j];
            grad[B2][j] += g2 * h1[j];
            grad[C2][j] += g2;
            grad[A1][j] += g1 * l->h1[t][j];
            grad[B1][j] += g1 * x;
            grad[C1][j] += g1;
            d2[j] = g2 * w[A2][j];
            d1[j] = g1 * w[A1][j];
        }
    }
    memcpy(l->grad, grad, sizeof grad);
}

static int loops_result(void *state, double *to) {
    loops *l = state;
    double loss = 0;
    for (int j = 0; j < UNITS; j++)
        loss += l->h2[STEPS][j] * l->h2[STEPS][j];
    return result_of(loss, l->grad, to);
}

/* ---- the work ---------------------------------------------------------------------------------------------------- */

static const contestant tape = {net_new, net_step, net_result, net_count, net_free};
static const contestant by_hand = {loops_new, loops_step, loops_result, NULL, free};

const work recurrence = {.name = "recurrence",
                         .tapegrad = &tape,
                         .tolerance = 1e-6,
                         .one_thread = true,
                         .rival = {{"", 40, NULL, NANOSECONDS},
                                   {"C", 0, &by_hand, TIME},
                                   {"PyTorch eager", 0, NULL, TIME},
                                   {"JAX jit", 0, NULL, TIME}}};
