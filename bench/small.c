/* bench/small.c: what a small graph costs that is recorded anew in each step: recorded, differentiated, run, and forgotten by a rewind.
 *
 *     small [WORK [STEPS]]
 *
 * prints for each work how many instructions a step records, and the least time of a step, in all and for an instruction. With a number
 * of steps it does that many, whatever they take: under valgrind, the difference of two numbers of steps is what they execute (bench/run_small).
 *
 * SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>
#include <time.h>

enum { STEPS_OF_A_ROUND = 100, ROUNDS = 500, VECTOR = 3 };

typedef struct graph {
    tg_tape  *tape;
    tg_tensor x, w, v; /* two numbers and a vector */
    tg_mark   mark;
    int64_t   before; /* instructions on the tape before a step */
} graph;

/* A turn is three instructions. */
static tg_tensor formula(tg_tensor x, tg_tensor w, int turns) {
    tg_tensor y = x;
    for (int i = 0; i < turns; i++)
        y = tg_add(tg_mul(tg_sin(y), w), x);
    return y;
}

static double reverse(graph *g) {
    tg_backward(formula(g->x, g->w, 3));
    return tg_item(tg_grad(g->w));
}

static double forward(graph *g) {
    tg_tensor y = formula(g->x, g->w, 2), inputs[] = {g->x, g->w}, tangent = TG_NONE;
    tg_jvp(g->tape, 2, inputs, NULL, 1, &y, &tangent);
    return tg_item(tangent);
}

static double numbers(graph *g) {
    tg_tensor y = g->x;
    for (int i = 0; i < 3; i++)
        y = tg_add(tg_mul(0.25 + i, tg_sin(y)), g->x);
    tg_backward(y);
    return tg_item(tg_grad(g->x));
}

static double vectors(graph *g) {
    tg_backward(tg_sum(formula(g->v, g->w, 3)));
    return tg_item(tg_grad(g->w));
}

/* The tape grows: a value is read in each step, and only the whole is forgotten. */
static double descent(graph *g) {
    enum { TURNS = 10 };
    tg_tensor x = g->x, slope = TG_NONE;
    double    at = 0;
    for (int i = 0; i < TURNS; i++) {
        tg_tensor y = tg_square(tg_sub(x, g->w));
        tg_vjp(g->tape, 1, &y, NULL, 1, &x, &slope);
        x = tg_sub(x, tg_mul(0.1, slope));
        at = tg_item(x);
    }
    return at;
}

typedef struct work {
    const char *name;
    double (*step)(graph *g);
} work;

static const work works[] = {{"reverse", reverse},
                             {"forward", forward},
                             {"numbers", numbers},
                             {"vectors", vectors},
                             {"descent", descent}};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* The least time of a step; `steps` are done, or as many as it takes. */
static double measure(const work *w, graph *g, long steps, int64_t *count) {
    double least = 1e30, sum = 0;
    long   all = steps ? steps : (long)ROUNDS * STEPS_OF_A_ROUND, round = steps ? steps : STEPS_OF_A_ROUND;
    for (long done = 0; done < all; done += round) {
        double begun = now();
        for (long i = 0; i < round; i++) {
            sum += w->step(g);
            *count = tg_instruction_count(g->tape) - g->before;
            tg_rewind(g->tape, g->mark);
        }
        double time = (now() - begun) / (double)round;
        if (time < least) least = time;
    }
    return sum == sum ? least : 0;
}

static bool run(const work *w, long steps) {
    graph g = {.tape = tg_tape_new()};
    tg_set_threads(g.tape, 1);
    g.x = tg_parameter(g.tape, "x", 0.5);
    g.w = tg_parameter(g.tape, "w", 0.25);
    g.v = tg_parameter(g.tape, "v", tg_full(g.tape, TG_F64, TG_SHAPE(VECTOR), 0.5));
    g.mark = tg_tape_mark(g.tape);
    g.before = tg_instruction_count(g.tape);
    int64_t count = 1;
    double  time = measure(w, &g, steps, &count);
    bool    failed = tg_error_status(g.tape) != TG_OK;
    if (failed) fprintf(stderr, "%s\n", tg_error(g.tape));
    printf("%-8s instructions: %lld  ns a step: %.0f  ns an instruction: %.1f\n", w->name, (long long)count, time,
           time / (double)count);
    tg_tape_free(g.tape);
    return !failed;
}

int main(int argc, char **argv) {
    bool fine = true;
    for (size_t i = 0; i < sizeof works / sizeof *works; i++)
        if (argc < 2 || !strcmp(argv[1], works[i].name)) fine = run(&works[i], argc > 2 ? atol(argv[2]) : 0) && fine;
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
