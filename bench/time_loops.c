/* bench/time_loops.c: loops that are one instruction, and derivatives for many directions at once: the LSTM of ADBench, 2 layers of 14
 * units over 1,024 characters, with its gradient; 100,000 steps of an integrator, with theirs, in little memory; a Hessian of 200
 * unknowns. All in float64.
 *
 * SPDX-License-Identifier: MIT */
#include "cppad.h"
#include "recorded.h"

#include <math.h>
#include <string.h>

static tg_tensor values(tg_tape *tape, tg_shape shape, uint32_t salt, double low, double high) {
    double   *wide = doubles(tg_shape_size(shape), salt, low, high);
    tg_tensor x = tg_constant(tape, TG_F64, shape, wide);
    free(wide);
    return x;
}

/* ---- an LSTM ----------------------------------------------------------------------------------------------------- */

enum { LAYERS = 2, BITS = 14, CHARACTERS = 1024, STEPS = CHARACTERS - 1 };
enum { FORGET, IN, OUT, CHANGE, GATES };
enum { IN_WEIGHT, OUT_WEIGHT, OUT_BIAS, EXTRAS };
enum { HIDDEN, CELL, STATES };

typedef struct lstm {
    tg_tensor main, extra, text; /* (LAYERS, 2, GATES, BITS), (EXTRAS, BITS), (CHARACTERS, BITS) */
    tg_tensor weight[LAYERS][GATES], bias[LAYERS][GATES], extras[EXTRAS];
    tg_tensor state[LAYERS * STATES];
} lstm;

static tg_tape *lstm_start(lstm *l) {
    tg_tape *tape = new_tape();
    tg_set_keep(tape, TG_KEEP_ASKED);
    l->main = tg_parameter(tape, "main", values(tape, TG_SHAPE(LAYERS, 2, GATES, BITS), 1, -1, 1));
    l->extra = tg_parameter(tape, "extra", values(tape, TG_SHAPE(EXTRAS, BITS), 2, -1, 1));
    l->text = tg_cast(tg_gt(values(tape, TG_SHAPE(CHARACTERS, BITS), 3, 0, 1), 0.5), TG_F64);
    tg_unstack(l->extra, 0, EXTRAS, l->extras);
    for (int i = 0; i < LAYERS; i++) {
        tg_unstack(tg_select(tg_select(l->main, 0, i), 0, 0), 0, GATES, l->weight[i]);
        tg_unstack(tg_select(tg_select(l->main, 0, i), 0, 1), 0, GATES, l->bias[i]);
    }
    for (int i = 0; i < LAYERS * STATES; i++)
        l->state[i] = tg_full(tape, TG_F64, TG_SHAPE(BITS), 0.1);
    return tape;
}

static tg_tensor gate(const lstm *l, int layer, int which, tg_tensor x) {
    return tg_add(tg_mul(x, l->weight[layer][which]), l->bias[layer][which]);
}

/* A character goes through all layers. */
static void lstm_character(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const lstm *l = context;
    y[0] = tg_mul(x[0], l->extras[IN_WEIGHT]);
    (void)tape;
    for (int i = 0; i < LAYERS; i++, state += STATES) {
        tg_tensor forget = tg_sigmoid(gate(l, i, FORGET, y[0])), in = tg_sigmoid(gate(l, i, IN, state[HIDDEN]));
        tg_tensor out = tg_sigmoid(gate(l, i, OUT, y[0])), change = tg_tanh(gate(l, i, CHANGE, state[HIDDEN]));
        state[CELL] = tg_add(tg_mul(state[CELL], forget), tg_mul(in, change));
        y[0] = state[HIDDEN] = tg_mul(out, tg_tanh(state[CELL]));
    }
}

/* The loss of what the last layer gave for each character but the last one, and its gradient. */
static void *lstm_end(tg_tape *tape, const lstm *l, tg_tensor hidden) {
    tg_tensor y = tg_add(tg_mul(hidden, l->extras[OUT_WEIGHT]), l->extras[OUT_BIAS]);
    tg_tensor normalized = tg_sub(y, tg_log(tg_add(tg_sum_axes(tg_exp(y), TG_AXES(1), true), 2)));
    tg_tensor likelihood = tg_sum(tg_mul(tg_slice(l->text, 0, 1, TG_END, 1), normalized));
    tg_tensor loss = tg_div(tg_neg(likelihood), (double)(BITS * STEPS));
    tg_backward(loss);
    return recorded_new(tape, 3, (tg_tensor[]){loss, tg_grad(l->main), tg_grad(l->extra)});
}

static void *lstm_by_loop(void) {
    lstm         l;
    tg_tape     *tape = lstm_start(&l);
    tg_tensor    x = tg_slice(l.text, 0, 0, STEPS, 1), hidden;
    tg_loop_spec loop = {.body = lstm_character,
                         .context = &l,
                         .steps = STEPS,
                         .states = LAYERS * STATES,
                         .inputs = 1,
                         .outputs = 1,
                         .state = l.state,
                         .x = &x,
                         .y = &hidden};
    tg_scan(tape, &loop);
    return lstm_end(tape, &l, hidden);
}

static void *lstm_unrolled(void) {
    lstm      l;
    tg_tape  *tape = lstm_start(&l);
    tg_tensor hidden[STEPS];
    for (int t = 0; t < STEPS; t++)
        lstm_character(tape, l.state, (tg_tensor[]){tg_select(l.text, 0, t)}, &hidden[t], &l);
    return lstm_end(tape, &l, tg_stack(tg_list_from(STEPS, hidden), 0));
}

static const contestant loop_lstm = {lstm_by_loop, recorded_step, recorded_result, NULL, recorded_free};
static const contestant unrolled_lstm = {lstm_unrolled, recorded_step, recorded_result, NULL, recorded_free};

const work derivatives_lstm = {.name = "derivatives lstm",
                               .tapegrad = &loop_lstm,
                               .tolerance = 1e-5,
                               .rival = {{"", 15e6, NULL, BYTES},
                                         {"unrolled", 0.8, &unrolled_lstm, TIME},
                                         {"JAX jit", 0, NULL, TIME},
                                         {"CasADi", 0, NULL, TIME},
                                         {"CppAD", 0, &cppad_lstm, TIME}}};

/* ---- an integrator ----------------------------------------------------------------------------------------------- */

/* A pendulum with friction, 100,000 steps of Runge and Kutta of order 4; the gradient of the sum of the squares of all angles for the
 * friction and the first state. */
enum { MANY = 100000, ANGLE = 0, SPEED = 1, ORDER = 4 };
static const double h = 1e-3;

static void slopes_of(const tg_tensor *state, tg_tensor friction, tg_tensor *slope) {
    slope[ANGLE] = state[SPEED];
    slope[SPEED] = tg_neg(tg_add(tg_sin(state[ANGLE]), tg_mul(friction, state[SPEED])));
}

static void pendulum_step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_tensor friction = *(tg_tensor *)context, k[ORDER][2], at[2];
    (void)tape, (void)x;
    slopes_of(state, friction, k[0]);
    for (int i = 1; i < ORDER; i++) {
        for (int j = 0; j < 2; j++)
            at[j] = tg_add(state[j], tg_mul(i < ORDER - 1 ? h / 2 : h, k[i - 1][j]));
        slopes_of(at, friction, k[i]);
    }
    for (int j = 0; j < 2; j++)
        state[j] = tg_add(state[j], tg_mul(h / 6, tg_add(tg_add(k[0][j], k[3][j]), tg_mul(2, tg_add(k[1][j], k[2][j])))));
    y[0] = state[ANGLE];
}

static void *pendulum_new(void) {
    tg_tape *tape = new_tape();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor    leaf[3] = {tg_parameter(tape, "friction", 0.1), tg_parameter(tape, "angle", 2.0),
                            tg_parameter(tape, "speed", 0.0)};
    tg_tensor    state[2] = {leaf[1], leaf[2]}, angles;
    tg_loop_spec loop = {.body = pendulum_step,
                         .context = leaf,
                         .steps = MANY,
                         .states = 2,
                         .outputs = 1,
                         .state = state,
                         .y = &angles,
                         .memory = 1 << 20};
    tg_scan(tape, &loop);
    tg_tensor loss = tg_sum(tg_square(angles));
    tg_backward(loss);
    return recorded_new(tape, 2,
                        (tg_tensor[]){loss, tg_stack(TG_LIST(tg_grad(leaf[0]), tg_grad(leaf[1]), tg_grad(leaf[2])), 0)});
}

/* By hand: all states are kept, and the steps are done backwards. */
typedef struct pendulum {
    double *state; /* (MANY + 1, 2) */
    double  loss, grad[3];
} pendulum;

static void *hand_new(void) {
    pendulum *p = room(sizeof *p);
    *p = (pendulum){.state = room((MANY + 1) * 2 * sizeof(double))};
    return p;
}

static void hand_slopes(const double *s, double friction, double *slope) {
    slope[ANGLE] = s[SPEED];
    slope[SPEED] = -(sin(s[ANGLE]) + friction * s[SPEED]);
}

/* The states at which the slopes of a step are taken, and the slopes. */
static void hand_stages(const double *s, double friction, double at[ORDER][2], double k[ORDER][2]) {
    memcpy(at[0], s, sizeof at[0]);
    hand_slopes(at[0], friction, k[0]);
    for (int i = 1; i < ORDER; i++) {
        for (int j = 0; j < 2; j++)
            at[i][j] = s[j] + (i < ORDER - 1 ? h / 2 : h) * k[i - 1][j];
        hand_slopes(at[i], friction, k[i]);
    }
}

/* g: the gradient for the state after the step, and then for the one before it. */
static void hand_back(const double *s, double friction, double *g, double *friction_g) {
    double at[ORDER][2], k[ORDER][2], gk[ORDER][2], before[2] = {g[0], g[1]};
    hand_stages(s, friction, at, k);
    for (int i = 0; i < ORDER; i++)
        for (int j = 0; j < 2; j++)
            gk[i][j] = g[j] * (i == 0 || i == ORDER - 1 ? h / 6 : h / 3);
    for (int i = ORDER - 1; i >= 0; i--) {
        double ga[2] = {-gk[i][SPEED] * cos(at[i][ANGLE]), gk[i][ANGLE] - friction * gk[i][SPEED]};
        *friction_g -= gk[i][SPEED] * at[i][SPEED];
        for (int j = 0; j < 2; j++) {
            before[j] += ga[j];
            if (i > 0) gk[i - 1][j] += (i < ORDER - 1 ? h / 2 : h) * ga[j];
        }
    }
    memcpy(g, before, sizeof before);
}

static void hand_step(void *state) {
    pendulum    *p = state;
    const double friction = 0.1, *weight = (const double[]){1, 2, 2, 1};
    double       at[ORDER][2], k[ORDER][2], g[2] = {0};
    p->state[ANGLE] = 2, p->state[SPEED] = 0, p->loss = 0, p->grad[0] = 0;
    for (int t = 0; t < MANY; t++) {
        double *s = p->state + 2 * t, *next = s + 2;
        hand_stages(s, friction, at, k);
        for (int j = 0; j < 2; j++) {
            next[j] = s[j];
            for (int i = 0; i < ORDER; i++)
                next[j] += h / 6 * weight[i] * k[i][j];
        }
        p->loss += next[ANGLE] * next[ANGLE];
    }
    for (int t = MANY - 1; t >= 0; t--) {
        g[ANGLE] += 2 * p->state[2 * t + 2 + ANGLE];
        hand_back(p->state + 2 * t, friction, g, &p->grad[0]);
    }
    p->grad[1] = g[ANGLE], p->grad[2] = g[SPEED];
}

static int hand_result(void *state, double *to) {
    const pendulum *p = state;
    digest((float[]){(float)p->loss}, 1, to);
    return 2 + digest((float[]){(float)p->grad[0], (float)p->grad[1], (float)p->grad[2]}, 3, to + 2);
}

static void hand_free(void *state) {
    free(((pendulum *)state)->state);
    free(state);
}

static const contestant loop_pendulum = {pendulum_new, recorded_step, recorded_result, NULL, recorded_free};
static const contestant hand_pendulum = {hand_new, hand_step, hand_result, NULL, hand_free};

const work derivatives_integrator = {.name = "derivatives integrator",
                                     .tapegrad = &loop_pendulum,
                                     .tolerance = 1e-4,
                                     .one_thread = true,
                                     .rival = {{"", 50e6, NULL, BYTES},
                                               {"C", 0, &hand_pendulum, TIME},
                                               {"JAX jit", 0, NULL, TIME},
                                               {"CasADi", 0, NULL, TIME},
                                               {"CppAD", 0, &cppad_integrator, TIME}}};

/* ---- a dense Hessian --------------------------------------------------------------------------------------------- */

enum { DENSE = 200 };

typedef struct hessian {
    tg_tape  *tape;
    tg_tensor x, loss;
    tg_mark   mark;
    double   *matrix;
} hessian;

/* Each unknown meets each other one: sum(tanh(A x)^2). */
static void *hessian_new(void) {
    hessian *p = room(sizeof *p);
    p->tape = new_tape();
    p->x = tg_parameter(p->tape, "x", values(p->tape, TG_SHAPE(DENSE), 1, -1, 1));
    p->loss = tg_sum(tg_square(tg_tanh(tg_matmul(values(p->tape, TG_SHAPE(DENSE, DENSE), 2, -0.1, 0.1), p->x))));
    p->matrix = room(DENSE * DENSE * sizeof *p->matrix);
    p->mark = tg_tape_mark(p->tape);
    return p;
}

static void hessian_at_once(void *state) {
    hessian *p = state;
    tg_read_hessian(p->loss, p->x, p->matrix, DENSE * DENSE);
}

/* A product with each unit vector, recorded, run and forgotten. */
static void hessian_one_by_one(void *state) {
    hessian *p = state;
    for (int i = 0; i < DENSE; i++) {
        double unit[DENSE] = {0};
        unit[i] = 1;
        tg_tensor v = tg_constant(p->tape, TG_F64, TG_SHAPE(DENSE), unit), product;
        tg_hvp(p->loss, 1, &p->x, &v, &product);
        tg_read(product, p->matrix + DENSE * i, DENSE);
        tg_rewind(p->tape, p->mark);
    }
}

static int hessian_result(void *state, double *to) {
    hessian *p = state;
    must(p->tape);
    return digest_doubles(p->matrix, DENSE * DENSE, to);
}

static void hessian_free(void *state) {
    hessian *p = state;
    must(p->tape);
    tg_tape_free(p->tape);
    free(p->matrix);
    free(p);
}

static const contestant at_once = {hessian_new, hessian_at_once, hessian_result, NULL, hessian_free};
static const contestant one_by_one = {hessian_new, hessian_one_by_one, hessian_result, NULL, hessian_free};

const work derivatives_hessian = {.name = "derivatives hessian",
                                  .tapegrad = &at_once,
                                  .tolerance = 1e-5,
                                  .rival = {{"one by one", 0.333, &one_by_one, TIME},
                                            {"JAX jit", 0, NULL, TIME},
                                            {"CasADi", 0, NULL, TIME},
                                            {"CppAD", 0, &cppad_hessian, TIME}}};
