/* bench/compiled.c: parts that are compiled (tapegrad/compile.h) beside the same parts run by the library, and beside C that others write:
 * CasADi, and Tapenade for GradBench.
 *
 * A step writes the variables, runs the part, and reads the results, as a program does that evaluates a function.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>
#include <tapegrad/compile.h>

#include "bench.h"
#include "foreign.h"

/* ---- a function that is evaluated -------------------------------------------------------------------------------- */

enum { MOST_RESULTS = 3 };

typedef struct function {
    tg_tape  *tape;
    tg_tensor x, result[MOST_RESULTS];
    double   *input, *value[MOST_RESULTS];
    int64_t   inputs, values[MOST_RESULTS];
    int       results;
} function;

typedef void recorder(function *f);

static void give(function *f, tg_tensor y) {
    int k = f->results++;
    tg_keep(y);
    f->result[k] = y;
    f->values[k] = tg_size(y);
    f->value[k] = room((size_t)f->values[k] * sizeof(double));
}

static void give_gradient(function *f, tg_tensor y) {
    tg_tensor gradient = TG_NONE;
    tg_vjp(f->tape, 1, &y, NULL, 1, &f->x, &gradient);
    give(f, gradient);
}

/* How the part of a function is run. */
typedef enum way { BY_LIBRARY, COMPILED, COMPILED_FINITE } way;

static function *new_function(int64_t inputs, recorder *record, way by) {
    function *f = room(sizeof *f);
    *f = (function){.tape = new_tape(), .inputs = inputs, .input = room((size_t)inputs * sizeof(double))};
    float *start = numbers(inputs, 7, 0.1, 0.9);
    for (int64_t i = 0; i < inputs; i++)
        f->input[i] = (double)start[i];
    free(start);
    tg_set_keep(f->tape, TG_KEEP_ASKED);
    f->x = tg_input(f->tape, "x", TG_F64, TG_SHAPE(inputs));
    tg_begin_part(f->tape, "function");
    record(f);
    tg_end_part(f->tape);
    if (by != BY_LIBRARY) tg_compile(f->tape, "function", &(tg_compile_options){.finite = by == COMPILED_FINITE});
    must(f->tape);
    return f;
}

static void evaluate(void *state) {
    function *f = state;
    tg_write(f->x, f->input, f->inputs);
    tg_run_part(f->tape, "function");
    for (int k = 0; k < f->results; k++)
        tg_read(f->result[k], f->value[k], f->values[k]);
}

/* Of each result its length and its product with a fixed vector. */
static int digest_values(const double *x, int64_t n, double *to) {
    double length = 0, product = 0;
    for (int64_t i = 0; i < n; i++) {
        length += x[i] * x[i];
        product += x[i] * cos((double)i);
    }
    to[0] = sqrt(length);
    to[1] = product;
    return 2;
}

static int results_of(void *state, double *to) {
    function *f = state;
    int       count = 0;
    for (int k = 0; k < f->results; k++)
        count += digest_values(f->value[k], f->values[k], to + count);
    return count;
}

static void free_function(void *state) {
    function *f = state;
    must(f->tape);
    tg_tape_free(f->tape);
    for (int k = 0; k < f->results; k++)
        free(f->value[k]);
    free(f->input);
    free(f);
}

/* Somebody else's function of the same numbers. */
typedef struct foreign {
    void   *function;
    double *input, *more, *value[MOST_RESULTS];
    int64_t values[MOST_RESULTS];
    int     results;
} foreign;

static void *new_foreign(void *found, int64_t inputs, int results, const int64_t *values) {
    if (!found) return NULL;
    foreign *f = room(sizeof *f);
    *f = (foreign){.function = found, .results = results, .input = room((size_t)inputs * sizeof(double))};
    float *start = numbers(inputs, 7, 0.1, 0.9);
    for (int64_t i = 0; i < inputs; i++)
        f->input[i] = (double)start[i];
    free(start);
    for (int k = 0; k < results; k++) {
        f->values[k] = values[k];
        f->value[k] = room((size_t)values[k] * sizeof(double));
    }
    return f;
}

static int foreign_results(void *state, double *to) {
    foreign *f = state;
    int      count = 0;
    for (int k = 0; k < f->results; k++)
        count += digest_values(f->value[k], f->values[k], to + count);
    return count;
}

static void free_foreign(void *state) {
    foreign *f = state;
    for (int k = 0; k < f->results; k++)
        free(f->value[k]);
    free(f->input);
    free(f->more);
    free(f);
}

/* As CasADi's functions are called. */
typedef int casadi(const double **arguments, double **results, long long int *integers, double *work, int memory);

static casadi *as_casadi(void *address) {
    casadi *f;
    memcpy(&f, &address, sizeof f);
    return f;
}

/* ---- controller: examples/emit_controller.c: a cost, its gradient, its Hessian ------------------------------------- */

enum { TORQUES = 10 };

static void record_controller(function *f) {
    tg_tensor x = f->x, torque = tg_slice(x, 0, 2, TG_END, 1), cost = tg_mul(0.01, tg_sum(tg_square(torque)));
    tg_tensor angle = tg_select(x, 0, 0), speed = tg_select(x, 0, 1);
    for (int t = 0; t < TORQUES; t++) {
        speed = tg_add(speed, tg_mul(0.1, tg_add(tg_mul(9.81, tg_sin(angle)), tg_select(torque, 0, t))));
        angle = tg_add(angle, tg_mul(0.1, speed));
        cost = tg_add(cost, tg_add(tg_square(angle), tg_mul(0.1, tg_square(speed))));
    }
    tg_tensor gradient = TG_NONE;
    tg_vjp(f->tape, 1, &cost, NULL, 1, &torque, &gradient);
    give(f, cost);
    give(f, gradient);
    give(f, tg_hessian(cost, torque));
}

static void *controller_compiled(void) {
    return new_function(2 + TORQUES, record_controller, COMPILED_FINITE);
}
static void *controller_run(void) {
    return new_function(2 + TORQUES, record_controller, BY_LIBRARY);
}
static void *controller_casadi(void) {
    return new_foreign(casadi_function("controller"), 2 + TORQUES, 3, (int64_t[]){1, TORQUES, TORQUES * TORQUES});
}
static void step_controller_casadi(void *state) {
    foreign      *f = state;
    const double *arguments[] = {f->input, f->input + 2};
    as_casadi(f->function)(arguments, f->value, NULL, NULL, 0);
}

/* ---- det: the gradient of a determinant by minors: gradbench/eval_det.c --------------------------------------------- */

enum { ROWS = 5 };

static tg_tensor expand(const tg_tensor *a, int row, unsigned gone) {
    tg_tensor sum = TG_NONE;
    int       terms = 0;
    for (int j = 0; j < ROWS; j++) {
        if (gone >> j & 1) continue;
        if (row == ROWS - 1) return a[row * ROWS + j];
        tg_tensor term = tg_mul(a[row * ROWS + j], expand(a, row + 1, gone | 1u << j));
        sum = !terms ? term : terms % 2 ? tg_sub(sum, term) : tg_add(sum, term);
        terms++;
    }
    return sum;
}

static void record_det(function *f) {
    tg_tensor a[ROWS * ROWS];
    tg_unstack(f->x, 0, ROWS * ROWS, a);
    give_gradient(f, expand(a, 0, 0));
}

static void *det_compiled(void) {
    return new_function(ROWS * ROWS, record_det, COMPILED);
}
static void *det_run(void) {
    return new_function(ROWS * ROWS, record_det, BY_LIBRARY);
}
static void *det_casadi(void) {
    return new_foreign(casadi_function("det"), ROWS * ROWS, 1, (int64_t[]){ROWS * ROWS});
}
static void step_det_casadi(void *state) {
    foreign *f = state;
    as_casadi(f->function)((const double *[]){f->input}, f->value, NULL, NULL, 0);
}

/* ---- ode: steps of Runge and Kutta: gradbench/eval_ode.c ------------------------------------------------------------ */

enum { EQUATIONS = 20, ODE_STEPS = 20 };

static tg_tensor slope(tg_tensor x, tg_tensor y) {
    return tg_mul(x, tg_pad(tg_slice(y, 0, 0, -1, 1), 0, 1, 0, TG_PAD_CONSTANT, 1));
}

static void record_ode(function *f) {
    tg_tensor x = f->x, y = tg_full(f->tape, TG_F64, tg_shape_of(x), 0);
    double    h = 2.0 / (double)ODE_STEPS;
    for (int i = 0; i < ODE_STEPS; i++) {
        tg_tensor k1 = slope(x, y), k2 = slope(x, tg_add(y, tg_mul(h / 2, k1)));
        tg_tensor k3 = slope(x, tg_add(y, tg_mul(h / 2, k2))), k4 = slope(x, tg_add(y, tg_mul(h, k3)));
        y = tg_add(y, tg_mul(h / 6, tg_add(tg_add(k1, tg_mul(2, k2)), tg_add(tg_mul(2, k3), k4))));
    }
    give_gradient(f, tg_select(y, 0, -1));
}

static void *ode_compiled(void) {
    return new_function(EQUATIONS, record_ode, COMPILED);
}
static void *ode_run(void) {
    return new_function(EQUATIONS, record_ode, BY_LIBRARY);
}

/* ---- particle: a flight past two charges, number by number: gradbench/eval_particle.c, for a fixed time ------------- */

enum { FLIGHT = 40 };

/* The acceleration is minus the gradient of the potential, which is differentiated once more. */
static void accelerate(tg_tape *tape, tg_tensor w, const tg_tensor place[2], tg_tensor a[2]) {
    tg_tensor dx = tg_sub(place[0], 10), dy = tg_sub(place[1], tg_sub(10, w)), ex = dx, ey = place[1];
    tg_tensor potential =
        tg_add(tg_rsqrt(tg_add(tg_square(dx), tg_square(dy))), tg_rsqrt(tg_add(tg_square(ex), tg_square(ey))));
    tg_vjp(tape, 1, &potential, NULL, 2, place, a);
}

static void record_particle(function *f) {
    tg_tensor w = tg_select(f->x, 0, 0), place[2] = {tg_mul(w, 0), tg_add(8, tg_mul(w, 0))},
              speed[2] = {tg_add(0.75, place[0]), place[0]};
    for (int i = 0; i < FLIGHT; i++) {
        tg_tensor a[2] = {TG_NONE, TG_NONE};
        accelerate(f->tape, w, place, a);
        for (int k = 0; k < 2; k++) {
            place[k] = tg_add(place[k], tg_mul(0.1, speed[k]));
            speed[k] = tg_sub(speed[k], tg_mul(0.1, a[k]));
        }
    }
    give_gradient(f, tg_add(tg_square(place[0]), tg_square(place[1])));
}

static void *particle_compiled(void) {
    return new_function(1, record_particle, COMPILED);
}
static void *particle_run(void) {
    return new_function(1, record_particle, BY_LIBRARY);
}

/* ---- lstm: the gradient of an LSTM with diagonal matrices: gradbench/eval_lstm.c, layer by layer --------------------- */

enum { LAYERS = 2, BITS = 14, CHARACTERS = 64, MAIN = 8 * LAYERS * BITS, EXTRA = 3 * BITS };

typedef struct lstm_layer {
    tg_tensor weight[4], bias[4];
} lstm_layer;

static tg_tensor gate(const lstm_layer *l, int which, tg_tensor x) {
    return tg_add(tg_mul(x, l->weight[which]), l->bias[which]);
}

static void lstm_step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const lstm_layer *l = context;
    (void)tape;
    state[1] = tg_add(tg_mul(state[1], x[0]), tg_mul(tg_sigmoid(gate(l, 1, state[0])), tg_tanh(gate(l, 3, state[0]))));
    y[0] = state[0] = tg_mul(x[1], tg_tanh(state[1]));
}

/* The numbers that do not change: the state before, and the text. */
static double *lstm_numbers(int64_t n, uint32_t salt) {
    float  *from = numbers(n, salt, 0.1, 0.9);
    double *to = room((size_t)n * sizeof *to);
    for (int64_t i = 0; i < n; i++)
        to[i] = (double)from[i];
    free(from);
    return to;
}

static void record_lstm(function *f) {
    double   *first = lstm_numbers(2 * LAYERS * BITS, 8), *text = lstm_numbers(CHARACTERS * BITS, 9);
    tg_tensor all = tg_reshape(tg_slice(f->x, 0, 0, MAIN, 1), TG_SHAPE(LAYERS, 2, 4, BITS)), before;
    tg_tensor extra = tg_reshape(tg_slice(f->x, 0, MAIN, TG_END, 1), TG_SHAPE(3, BITS));
    tg_tensor sequence = tg_constant(f->tape, TG_F64, TG_SHAPE(CHARACTERS, BITS), text);
    before = tg_constant(f->tape, TG_F64, TG_SHAPE(LAYERS, 2, BITS), first);
    int64_t   n = CHARACTERS - 1;
    tg_tensor x = tg_mul(tg_slice(sequence, 0, 0, n, 1), tg_select(extra, 0, 0));
    for (int64_t i = 0; i < LAYERS; i++) {
        lstm_layer l;
        tg_tensor  own = tg_select(all, 0, i), state = tg_select(before, 0, i);
        tg_unstack(tg_select(own, 0, 0), 0, 4, l.weight);
        tg_unstack(tg_select(own, 0, 1), 0, 4, l.bias);
        tg_tensor    gates[2] = {tg_sigmoid(gate(&l, 0, x)), tg_sigmoid(gate(&l, 2, x))}, hidden = TG_NONE;
        tg_tensor    states[2] = {tg_select(state, 0, 0), tg_select(state, 0, 1)};
        tg_loop_spec loop = {.body = lstm_step,
                             .context = &l,
                             .steps = n,
                             .states = 2,
                             .inputs = 2,
                             .outputs = 1,
                             .state = states,
                             .x = gates,
                             .y = &hidden};
        tg_scan(f->tape, &loop);
        x = hidden;
    }
    tg_tensor y = tg_add(tg_mul(x, tg_select(extra, 0, 1)), tg_select(extra, 0, 2));
    tg_tensor normalized = tg_sub(y, tg_log(tg_add(tg_sum_axes(tg_exp(y), TG_AXES(1), true), 2)));
    tg_tensor likelihood = tg_sum(tg_mul(tg_slice(sequence, 0, 1, TG_END, 1), normalized));
    give_gradient(f, tg_div(tg_neg(likelihood), (double)(BITS * n)));
    free(first);
    free(text);
}

static void *lstm_compiled(void) {
    return new_function(MAIN + EXTRA, record_lstm, COMPILED);
}
static void *lstm_run(void) {
    return new_function(MAIN + EXTRA, record_lstm, BY_LIBRARY);
}

/* The state is overwritten: behind the input stand the state before, and room for it; then the text. */
static void *lstm_tapenade(void) {
    foreign *f = new_foreign(tapenade_function("lstm", "lstm_objective_b"), MAIN + EXTRA, 1, (int64_t[]){MAIN + EXTRA});
    if (!f) return NULL;
    double *first = lstm_numbers(2 * LAYERS * BITS, 8), *text = lstm_numbers(CHARACTERS * BITS, 9);
    f->more = room((4 * LAYERS * BITS + CHARACTERS * BITS) * sizeof(double));
    memcpy(f->more, first, 2 * LAYERS * BITS * sizeof(double));
    memcpy(f->more + 4 * LAYERS * BITS, text, CHARACTERS * BITS * sizeof(double));
    free(first);
    free(text);
    return f;
}

typedef void tapenade_lstm(int l, int c, int b, const double *main, double *main_b, const double *extra, double *extra_b,
                           double *state, const double *sequence, double *loss, double *loss_b);

static void step_lstm_tapenade(void *state) {
    foreign       *f = state;
    double        *working = f->more + 2 * LAYERS * BITS, loss = 0, seed = 1;
    tapenade_lstm *gradient;
    memcpy(&gradient, &f->function, sizeof gradient);
    memcpy(working, f->more, 2 * LAYERS * BITS * sizeof(double));
    gradient(LAYERS, CHARACTERS, BITS, f->input, f->value[0], f->input + MAIN, f->value[0] + MAIN, working,
             f->more + 4 * LAYERS * BITS, &loss, &seed);
}

/* ---- the works --------------------------------------------------------------------------------------------------- */

#define CONTESTANT(name, setup) static const contestant name = {setup, evaluate, results_of, NULL, free_function}

CONTESTANT(controller_by_code, controller_compiled);
CONTESTANT(controller_by_plan, controller_run);
CONTESTANT(det_by_code, det_compiled);
CONTESTANT(det_by_plan, det_run);
CONTESTANT(lstm_by_code, lstm_compiled);
CONTESTANT(lstm_by_plan, lstm_run);
CONTESTANT(ode_by_code, ode_compiled);
CONTESTANT(ode_by_plan, ode_run);
CONTESTANT(particle_by_code, particle_compiled);
CONTESTANT(particle_by_plan, particle_run);

static const contestant controller_of_casadi = {controller_casadi, step_controller_casadi, foreign_results, NULL, free_foreign};
static const contestant det_of_casadi = {det_casadi, step_det_casadi, foreign_results, NULL, free_foreign};

static const contestant lstm_of_tapenade = {lstm_tapenade, step_lstm_tapenade, foreign_results, NULL, free_foreign};

const work compiled_lstm = {.name = "compiled LSTM",
                            .tapegrad = &lstm_by_code,
                            .tolerance = 1e-10,
                            .one_thread = true,
                            .rival = {{"run by the library", 0, &lstm_by_plan, TIME},
                                      {"Tapenade's C", 1, &lstm_of_tapenade, TIME}}};

const work compiled_controller = {.name = "compiled controller",
                                  .tapegrad = &controller_by_code,
                                  .tolerance = 1e-12,
                                  .one_thread = true,
                                  .rival = {{"run by the library", 0.6, &controller_by_plan, TIME},
                                            {"CasADi's C", 1.1, &controller_of_casadi, TIME}}};

const work compiled_det = {.name = "compiled det",
                           .tapegrad = &det_by_code,
                           .tolerance = 1e-12,
                           .one_thread = true,
                           .rival = {{"run by the library", 0.6, &det_by_plan, TIME},
                                     {"CasADi's C", 1.1, &det_of_casadi, TIME}}};

const work compiled_ode = {.name = "compiled ode",
                           .tapegrad = &ode_by_code,
                           .tolerance = 1e-12,
                           .one_thread = true,
                           .rival = {{"run by the library", 0, &ode_by_plan, TIME}}};

const work compiled_particle = {.name = "compiled particle",
                                .tapegrad = &particle_by_code,
                                .tolerance = 1e-12,
                                .one_thread = true,
                                .rival = {{"run by the library", 0.6, &particle_by_plan, TIME}}};
