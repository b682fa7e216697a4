/* examples/emit_controller.c: a controller that looks ahead, as plain C: writes controller.c and controller.h into a directory.
 *
 * A pendulum is to come to rest upright. What is to be found in each step of time are the torques of the next ten steps; what is written is a
 * function of where the pendulum is, and of these torques: the cost, its gradient and its Hessian, all exact. emitted/controller_main.c
 * finds the best torques with it, by Newton's method, as a small computer would do it in each step of time:
 *
 *     examples/emit_controller .
 *     cc -O3 -o controller controller.c examples/emitted/controller_main.c -I . -lm
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <tapegrad.h>

#include "complain.h"
#include "write_c.h"

const char program_name[] = "emit_controller";

enum { STEPS = 10 };

/* A step of 0.1 seconds: gravity drives the pendulum away from upright, where the angle is 0. */
static void record_cost(tg_tape *tape) {
    tg_tensor start = tg_input(tape, "start", TG_F64, TG_SHAPE(2)), torque = tg_input(tape, "torque", TG_F64, TG_SHAPE(STEPS));
    tg_tensor angle = tg_select(start, 0, 0), speed = tg_select(start, 0, 1), cost = tg_mul(0.01, tg_sum(tg_square(torque)));
    for (int t = 0; t < STEPS; t++) {
        speed = tg_add(speed, tg_mul(0.1, tg_add(tg_mul(9.81, tg_sin(angle)), tg_select(torque, 0, t))));
        angle = tg_add(angle, tg_mul(0.1, speed));
        cost = tg_add(cost, tg_add(tg_square(angle), tg_mul(0.1, tg_square(speed))));
    }
    tg_tensor gradient;
    tg_vjp(tape, 1, &cost, NULL, 1, &torque, &gradient);
    tg_set_name(cost, "cost");
    tg_set_name(gradient, "gradient");
    tg_set_name(tg_hessian(cost, torque), "hessian");
}

int main(int argc, char **argv) {
    tg_tape *tape = tg_tape_new();
    record_cost(tape);
    bool written = write_c(tape, argc > 1 ? argv[1] : ".", "controller", "look_ahead");
    tg_tape_free(tape);
    return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
