/* examples/optimal_control.c: a pendulum that is swung up by a motor too weak to lift it, by direct shooting.
 *
 * A rod of length l with a weight at its end hangs down, and has a motor at its pivot. With the angle a from hanging and the motor's
 * acceleration u, |u| <= strength < g / l,
 *     a'' = u - g / l sin a - friction a'
 * The motor has to swing the pendulum to and fro until it stands, a = pi or -pi. What it does in each of n equal times is chosen so that
 *     integral of  stand (1 + cos a) + effort u^2  +  at the end  final (1 + cos a) + slow a'^2
 * is least. The states follow from the choice by n steps of Runge and Kutta, which are a loop on the tape (tg_scan), recorded once. Its
 * gradient for all n choices is the loop that goes back, and tg_minimize needs no more.
 *
 * For another machine change the state and slopes_of.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad/extend.h>

#include "command.h"
#include "complain.h"
#include "figure.h"

const char program_name[] = "optimal_control";

typedef struct settings {
    const char *plot;
    int64_t     steps, iterations;
    double      time, strength;
} settings;

/* ---- the machine ------------------------------------------------------------------------------------------------- */

enum { ANGLE, SPEED, STATES };

static const double gravity = 9.81, friction = 0.1; /* g / l for a rod of 1 m; 1 / s */
static const double stand = 1, effort = 0.01, final = 100, slow = 10;

static void slopes_of(const tg_tensor state[STATES], tg_tensor u, tg_tensor slope[STATES]) {
    slope[ANGLE] = state[SPEED];
    slope[SPEED] = tg_sub(u, tg_add(tg_mul(gravity, tg_sin(state[ANGLE])), tg_mul(friction, state[SPEED])));
}

/* state + h slope, for all states. */
static void go_on(const tg_tensor state[STATES], double h, const tg_tensor slope[STATES], tg_tensor to[STATES]) {
    for (int i = 0; i < STATES; i++)
        to[i] = tg_add(state[i], tg_mul(h, slope[i]));
}

/* One step of Runge and Kutta; context: its length. x is what the motor does; y the state after it. */
static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    double    h = *(const double *)context;
    tg_tensor k[4][STATES], at[STATES];
    (void)tape;
    slopes_of(state, x[0], k[0]);
    for (int i = 1; i < 4; i++) {
        go_on(state, i < 3 ? h / 2 : h, k[i - 1], at);
        slopes_of(at, x[0], k[i]);
    }
    for (int i = 0; i < STATES; i++) {
        tg_tensor sum = tg_add(tg_add(k[0][i], tg_mul(2, k[1][i])), tg_add(tg_mul(2, k[2][i]), k[3][i]));
        y[i] = state[i] = tg_add(state[i], tg_mul(h / 6, sum));
    }
}

/* ---- the problem ------------------------------------------------------------------------------------------------- */

typedef struct problem {
    tg_tensor u, course[STATES]; /* (steps): what the motor does, and the states after it */
    tg_tensor cost;
} problem;

static tg_tensor height(tg_tensor angle) {
    return tg_add(1, tg_cos(angle)); /* 0 where it stands, 2 where it hangs */
}

/* It begins with a push to one side: where nothing moves, the gradient is 0. */
static problem new_problem(tg_tape *tape, const settings *o) {
    double       h = o->time / (double)o->steps;
    tg_tensor    zero = tg_full(tape, TG_F64, TG_SHAPE(), 0), state[STATES] = {zero, zero};
    tg_tensor    early = tg_lt(tg_arange(tape, TG_I64, 0, (double)o->steps, 1), (double)(o->steps / 8));
    problem      p = {.u = tg_parameter(tape, "u", tg_mul(tg_cast(early, TG_F64), 0.1 * o->strength))};
    tg_loop_spec loop = {.body = step,
                         .context = &h,
                         .steps = o->steps,
                         .states = STATES,
                         .inputs = 1,
                         .outputs = STATES,
                         .state = state,
                         .x = &p.u,
                         .y = p.course};
    tg_scan(tape, &loop);
    tg_tensor running = tg_add(tg_mul(stand, tg_sum(height(p.course[ANGLE]))), tg_mul(effort, tg_sum(tg_square(p.u))));
    tg_tensor at_end = tg_add(tg_mul(final, height(state[ANGLE])), tg_mul(slow, tg_square(state[SPEED])));
    p.cost = tg_add(tg_mul(h, running), at_end);
    return p;
}

/* ---- the results ------------------------------------------------------------------------------------------------- */

/* Values over the time of the steps. */
typedef struct course {
    int64_t steps;
    double *time, *angle, *u, *strong, *weak;
} course;

static bool read_course(tg_tape *tape, const problem *p, const settings *o, course *c) {
    double *room = calloc((size_t)o->steps * 5, sizeof *room);
    if (!room) return !tg_fail(tape, TG_ERR_MEMORY, NULL, "out of memory");
    *c = (course){o->steps, room, room + o->steps, room + 2 * o->steps, room + 3 * o->steps, room + 4 * o->steps};
    for (int64_t i = 0; i < o->steps; i++) {
        c->time[i] = o->time * (double)(i + 1) / (double)o->steps;
        c->strong[i] = o->strength;
        c->weak[i] = -o->strength;
    }
    return !tg_read(p->course[ANGLE], c->angle, o->steps) && !tg_read(p->u, c->u, o->steps);
}

static void print_results(const problem *p, const settings *o, const tg_solve_report *report, const course *c) {
    double  most = 0, degrees = 180 / acos(-1);
    int64_t turns = 0;
    for (int64_t i = 0; i < c->steps; i++) {
        most = fmax(most, fabs(c->u[i]));
        turns += i > 0 && c->angle[i] * c->angle[i - 1] < 0;
    }
    printf("%lld choices, each for %.3g s; the motor has %.3g of the strength that lifts the pendulum, and uses %.3g\n",
           (long long)o->steps, o->time / (double)o->steps, o->strength / gravity, most / gravity);
    printf("It swings through the bottom %lld times\n", (long long)turns);
    printf("Cost %.6f after %lld iterations (%lld gradients): %s\n", tg_item(p->cost), (long long)report->iterations,
           (long long)report->gradients, tg_stop_text(report->stop));
    printf("At the end it stands within %.3f degrees\n", fabs(180 - fabs(c->angle[c->steps - 1]) * degrees));
}

static bool draw(const char *path, const course *c) {
    const figure_series series[] = {
        {"acceleration by the motor, 1 / s^2", FIGURE_LINE, "#c2452d", c->steps, c->time, c->u, NULL},
        {"its strength", FIGURE_LINE, "#d8a59a", c->steps, c->time, c->strong, NULL},
        {NULL, FIGURE_LINE, "#d8a59a", c->steps, c->time, c->weak, NULL},
        {"angle from hanging, radians", FIGURE_LINE, "#1b6ca8", c->steps, c->time, c->angle, NULL},
    };
    return figure_draw(path, &(figure){.title = "A pendulum that is swung up",
                                       .x_label = "seconds",
                                       .y_label = "",
                                       .count = 4,
                                       .series = series});
}

static bool run(tg_tape *tape, const settings *o) {
    course          c = {.steps = 0};
    tg_solve_report report;
    problem         p = new_problem(tape, o);
    tg_tensor low = tg_full(tape, TG_F64, TG_SHAPE(), -o->strength), high = tg_full(tape, TG_F64, TG_SHAPE(), o->strength);
    tg_minimize_options options = {.max_iterations = o->iterations, .lower = TG_LIST(low), .upper = TG_LIST(high)};
    bool                ok = !tg_minimize(p.cost, 1, &p.u, &options, &report) && !tg_run(tape) && read_course(tape, &p, o, &c);
    if (ok) print_results(&p, o, &report, &c);
    ok = ok && (!o->plot || draw(o->plot, &c));
    free(c.time);
    return ok;
}

int main(int argc, char **argv) {
    settings             o = {.steps = 400, .iterations = 2000, .time = 6, .strength = 4};
    const command_option rows[] = {
        {"steps", "N", "how many choices the motor has", COMMAND_COUNT, &o.steps, 8},
        {"time", "S", "for so many seconds in all", COMMAND_REAL, &o.time, 0.1},
        {"strength", "A", "the most that the motor accelerates, in 1 / s^2; 9.81 would lift the pendulum", COMMAND_REAL,
         &o.strength, 0.1},
        {"iterations", "N", "how often to better the choices, at most", COMMAND_COUNT, &o.iterations, 1},
        {"plot", "FILE", "draw the course with gnuplot; FILE ends in .png, .svg or .pdf", COMMAND_TEXT, &o.plot, 0},
    };
    const command c = {"Finds what a motor has to do that swings up a pendulum which it is too weak to lift.\n",
                       sizeof rows / sizeof *rows, rows};
    int           exit_code;
    if (!command_read(&c, argc, argv, &exit_code)) return exit_code;
    if (o.plot && !figure_possible(o.plot)) return 2;

    tg_tape *tape = tg_tape_new();
    bool     ok = run(tape, &o);
    complain_of(tape);
    tg_tape_free(tape);
    if (fflush(stdout) != 0) ok = complain("standard output: %s", strerror(errno));
    return ok ? 0 : 2;
}
