/* bench/iris.c: an epoch of the network of examples/iris_fnn.c, on numbers like those of its table.
 *
 * Forward; the mean cross entropy, which is read; the gradients of the half squared error; the update. The loops written by hand
 * do it sample by sample, and keep nothing but the hidden layer of one.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "bench.h"

enum { SAMPLES = 100, FEATURES = 2, HIDDEN = 32 };

static const double rate = 0.001;

static float *labels(void) {
    float *y = room(SAMPLES * sizeof *y);
    for (int i = 0; i < SAMPLES; i++)
        y[i] = (float)(i >= SAMPLES / 2);
    return y;
}

/* ---- tapegrad ---------------------------------------------------------------------------------------------------- */

typedef struct net {
    tg_tape  *tape;
    tg_tensor x, y, w1, w2, bce;
    tg_mark   mark;
    double    loss;
} net;

static void *net_new(void) {
    net   *n = room(sizeof *n);
    float *y = labels();
    n->tape = new_tape();
    n->x = constant(n->tape, TG_SHAPE(SAMPLES, FEATURES), 1, 0.4, 0.9);
    n->y = tg_constant(n->tape, TG_F32, TG_SHAPE(SAMPLES, 1), y);
    n->w1 = parameter(n->tape, "w1", TG_SHAPE(FEATURES, HIDDEN), 2, -2, 2);
    n->w2 = parameter(n->tape, "w2", TG_SHAPE(HIDDEN, 1), 3, -2, 2);
    n->mark = tg_tape_mark(n->tape);
    free(y);
    return n;
}

static void record(net *n) {
    tg_tensor y = n->y;
    tg_tensor y_hat = tg_sigmoid(tg_matmul(tg_sigmoid(tg_matmul(n->x, n->w1)), n->w2));
    tg_tensor half_squared = tg_mul(0.5, tg_sum(tg_square(tg_sub(y_hat, y))));
    n->bce = tg_neg(tg_mean(tg_add(tg_mul(y, tg_log(y_hat)), tg_mul(tg_sub(1, y), tg_log(tg_sub(1, y_hat))))));
    tg_backward(half_squared);
    tg_sgd_step(n->tape, rate);
}

static void *net_recorded(void) {
    net *n = net_new();
    record(n);
    return n;
}

static void step_once(void *state) {
    net *n = state;
    tg_run(n->tape);
    n->loss = tg_item(n->bce);
}

/* The same as a part, run by the library or compiled. */
static void *net_in_part(bool compiled) {
    net *n = net_new();
    tg_set_keep(n->tape, TG_KEEP_ASKED);
    tg_begin_part(n->tape, "epoch");
    record(n);
    tg_keep(n->bce);
    tg_end_part(n->tape);
    if (compiled) tg_compile(n->tape, "epoch", NULL);
    must(n->tape);
    return n;
}

static void *net_compiled(void) {
    return net_in_part(true);
}
static void *net_of_library(void) {
    return net_in_part(false);
}

static void step_part(void *state) {
    net *n = state;
    tg_run_part(n->tape, "epoch");
    n->loss = tg_item(n->bce);
}

static void step_each(void *state) {
    net *n = state;
    record(n);
    n->loss = tg_item(n->bce);
    tg_rewind(n->tape, n->mark);
}

static int net_result(void *state, double *to) {
    net *n = state;
    to[0] = to[1] = n->loss;
    int count = 2;
    count += digest_tensor(n->w1, to + count);
    return count + digest_tensor(n->w2, to + count);
}

static void net_free(void *state) {
    net *n = state;
    must(n->tape);
    tg_tape_free(n->tape);
    free(n);
}

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

typedef struct loops {
    float *x, *y, *w1, *w2;
    double loss;
} loops;

static void *loops_new(void) {
    loops *l = room(sizeof *l);
    l->x = numbers(SAMPLES * FEATURES, 1, 0.4, 0.9);
    l->y = labels();
    l->w1 = numbers(FEATURES * HIDDEN, 2, -2, 2);
    l->w2 = numbers(HIDDEN, 3, -2, 2);
    return l;
}

static float sigmoid(float t) {
    return 1 / (1 + expf(-t));
}

static void loops_step(void *state) {
    loops *l = state;
    float *w1 = l->w1, *w2 = l->w2, loss = 0;
    float  h[HIDDEN], grad_w1[FEATURES * HIDDEN] = {0}, grad_w2[HIDDEN] = {0};
    for (int i = 0; i < SAMPLES; i++) {
        float x0 = l->x[2 * i], x1 = l->x[2 * i + 1], y = l->y[i], sum = 0;
        for (int j = 0; j < HIDDEN; j++)
            h[j] = sigmoid(x0 * w1[j] + x1 * w1[HIDDEN + j]);
        for (int j = 0; j < HIDDEN; j++)
            sum += h[j] * w2[j];
        float y_hat = sigmoid(sum);
        loss -= y * logf(y_hat) + (1 - y) * logf(1 - y_hat);

        float delta = (y_hat - y) * y_hat * (1 - y_hat);
        for (int j = 0; j < HIDDEN; j++) {
            float delta1 = delta * w2[j] * h[j] * (1 - h[j]);
            grad_w2[j] += delta * h[j];
            grad_w1[j] += delta1 * x0;
            grad_w1[HIDDEN + j] += delta1 * x1;
        }
    }
    for (int j = 0; j < FEATURES * HIDDEN; j++)
        w1[j] -= (float)rate * grad_w1[j];
    for (int j = 0; j < HIDDEN; j++)
        w2[j] -= (float)rate * grad_w2[j];
    l->loss = (double)(loss / (float)SAMPLES);
}

static int loops_result(void *state, double *to) {
    loops *l = state;
    to[0] = to[1] = l->loss;
    int count = 2;
    count += digest(l->w1, FEATURES * HIDDEN, to + count);
    return count + digest(l->w2, HIDDEN, to + count);
}

static void loops_free(void *state) {
    loops *l = state;
    free(l->x);
    free(l->y);
    free(l->w1);
    free(l->w2);
    free(l);
}

/* ---- the works --------------------------------------------------------------------------------------------------- */

static const contestant once = {net_recorded, step_once, net_result, NULL, net_free};
static const contestant each = {net_new, step_each, net_result, NULL, net_free};
static const contestant by_hand = {loops_new, loops_step, loops_result, NULL, loops_free};

const work iris_once = {.name = "iris, recorded once",
                        .tapegrad = &once,
                        .tolerance = 1e-5,
                        .rival = {{"C", 0.7, &by_hand, TIME},
                                  {"PyTorch eager", 0, NULL, TIME},
                                  {"PyTorch compiled", 0, NULL, TIME},
                                  {"JAX jit", 0, NULL, TIME}}};

const work iris_each = {.name = "iris, recorded each time",
                        .tapegrad = &each,
                        .tolerance = 1e-5,
                        .rival = {{"C", 1.0, &by_hand, TIME},
                                  {"PyTorch eager", 0.1, NULL, TIME},
                                  {"PyTorch compiled", 0, NULL, TIME},
                                  {"JAX jit", 0, NULL, TIME}}};

static const contestant by_code = {net_compiled, step_part, net_result, NULL, net_free};
static const contestant by_plan = {net_of_library, step_part, net_result, NULL, net_free};

const work compiled_iris = {.name = "compiled iris",
                            .tapegrad = &by_code,
                            .tolerance = 1e-5,
                            .one_thread = true,
                            .rival = {{"run by the library", 0, &by_plan, TIME}, {"C", 0, &by_hand, TIME}}};
