/* bench/gradbench/gradbench.c: tapegrad as a tool of GradBench, https://github.com/gradbench/gradbench: answers its
 * messages, JSON objects, one a line, on standard input (CONTRIBUTING.md there describes them).
 *
 *     gradbench [--afresh | --compiled] [--tuned] [--threads N | --multithreaded]
 *
 * --afresh         records for each evaluation, as a program does whose graph depends on its data; else once
 * --compiled       compiles what was recorded once; what the compiler takes is a part of "prepare"
 * --tuned          where tapegrad has a better form of a formula than GradBench's own, that
 * --threads N      1 if it is not given; 0, or --multithreaded: as many as there are processors
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "task.h"

static const eval *const evals[] = {&eval_ba,   &eval_det, &eval_gmm,  &eval_hello, &eval_ht,       &eval_kmeans,
                                    &eval_llsq, &eval_lse, &eval_lstm, &eval_ode,   &eval_particle, &eval_saddle};

enum { EVALS = sizeof evals / sizeof *evals };

static const eval *find_eval(const char *name) {
    for (int i = 0; name && i < EVALS; i++)
        if (!strcmp(evals[i]->name, name)) return evals[i];
    return NULL;
}

static int find_function(const eval *e, const char *name) {
    for (int i = 0; name && e->functions[i]; i++)
        if (!strcmp(e->functions[i], name)) return i;
    return -1;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void append_timing(json_t *timings, const char *name, double seconds) {
    json_array_append_new(timings, json_pack("{s:s, s:I}", "name", name, "nanoseconds", (json_int_t)(1e9 * seconds + 0.5)));
}

static void fail(json_t *response, const char *error) {
    json_object_set_new(response, "success", json_false());
    json_object_set_new(response, "error", json_string(error));
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static void define(const json_t *message, json_t *response) {
    bool known = find_eval(json_string_value(json_object_get(message, "module")));
    json_object_set_new(response, "success", json_boolean(known));
}

/* As often as the input asks for: an input that is no object is evaluated once. */
static void evaluate_often(task *t, const json_t *input, json_t *timings) {
    json_int_t least = json_integer_value(json_object_get(input, "min_runs"));
    double     seconds = json_number_value(json_object_get(input, "min_seconds")), elapsed = 0;
    for (json_int_t i = 0; (i < 1 || i < least || elapsed < seconds) && !*task_error(t); i++) {
        double start = now();
        task_evaluate(t);
        double time = now() - start;
        append_timing(timings, "evaluate", time);
        elapsed += time;
    }
}

static void evaluate(const json_t *message, json_t *response, run_options options) {
    const json_t *input = json_object_get(message, "input");
    const eval   *e = find_eval(json_string_value(json_object_get(message, "module")));
    int           function = e ? find_function(e, json_string_value(json_object_get(message, "function"))) : -1;
    if (function < 0) {
        fail(response, "no such function");
        return;
    }
    json_t *timings = json_array();
    double  start = now();
    task   *t = task_new(e, function, input, options);
    append_timing(timings, "prepare", now() - start);
    evaluate_often(t, input, timings);
    json_t *output = *task_error(t) ? NULL : e->output(t);
    if (*task_error(t))
        fail(response, task_error(t));
    else if (!output)
        fail(response, "the result is not finite");
    else
        json_object_set_new(response, "success", json_true());
    if (output) json_object_set_new(response, "output", output);
    json_object_set_new(response, "timings", timings);
    task_free(t);
}

static void answer(const json_t *message, run_options options) {
    const char *kind = json_string_value(json_object_get(message, "kind"));
    json_t     *response = json_object();
    json_object_set(response, "id", json_object_get(message, "id"));
    if (kind && !strcmp(kind, "start"))
        json_object_set_new(response, "tool", json_string("tapegrad"));
    else if (kind && !strcmp(kind, "define"))
        define(message, response);
    else if (kind && !strcmp(kind, "evaluate"))
        evaluate(message, response, options);
    json_dumpf(response, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17));
    putchar('\n');
    fflush(stdout);
    json_decref(response);
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static int usage(void) {
    fputs("usage: gradbench [--afresh | --compiled] [--tuned] [--threads N | --multithreaded]\n", stderr);
    return 2;
}

static bool read_options(int argc, char **argv, run_options *to) {
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--afresh"))
            to->afresh = true;
        else if (!strcmp(argv[i], "--compiled"))
            to->compiled = true;
        else if (!strcmp(argv[i], "--tuned"))
            to->tuned = true;
        else if (!strcmp(argv[i], "--multithreaded"))
            to->threads = 0;
        else if (!strcmp(argv[i], "--threads") && i + 1 < argc)
            to->threads = atoi(argv[++i]);
        else
            return false;
    return to->threads >= 0 && !(to->afresh && to->compiled);
}

int main(int argc, char **argv) {
    run_options options = {.threads = 1};
    if (!read_options(argc, argv, &options)) return usage();
    char   *line = NULL;
    size_t  room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, stdin)) > 0) {
        json_error_t error;
        json_t      *message = json_loadb(line, (size_t)length, 0, &error);
        if (!message) {
            fprintf(stderr, "gradbench: a line that is no JSON: %s\n", error.text);
            return 1;
        }
        answer(message, options);
        json_decref(message);
    }
    free(line);
    return 0;
}
