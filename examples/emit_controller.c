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
#include <stdio.h>
#include <stdlib.h>
#include <tapegrad.h>

#include "complain.h"

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

static FILE *create(const char *directory, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    if (!file) perror(path);
    return file;
}

int main(int argc, char **argv) {
    const char *directory = argc > 1 ? argv[1] : ".";
    FILE       *source = create(directory, "controller.c"), *header = source ? create(directory, "controller.h") : NULL;
    if (!header) return EXIT_FAILURE;

    tg_tape *tape = tg_tape_new();
    record_cost(tape);
    static const tg_emit_function look = {.name = "look_ahead"};
    bool failed = tg_emit_c(tape, source, header, &(tg_emit_options){.prefix = "controller", .function_count = 1, .functions = &look});
    if (failed) complain("%s", tg_error(tape));
    failed |= fclose(source) != 0;
    failed |= fclose(header) != 0;
    tg_tape_free(tape);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
