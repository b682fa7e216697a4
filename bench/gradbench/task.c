/* bench/gradbench/task.c: tasks: their memory, their variables and results, and how they are evaluated.
 *
 * SPDX-License-Identifier: MIT */
#include "task.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ------------------------------------------------------------------------------------------------------ */

struct block {
    struct block *next;
    max_align_t   room[];
};

void *task_room(task *t, size_t bytes) {
    struct block *b = calloc(1, sizeof *b + bytes);
    if (!b) {
        fputs("gradbench: out of memory\n", stderr);
        exit(1);
    }
    b->next = t->blocks;
    t->blocks = b;
    return b->room;
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

bool task_fail(task *t, const char *format, ...) {
    if (*t->error) return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(t->error, sizeof t->error, format, arguments);
    va_end(arguments);
    return false;
}

const char *task_error(const task *t) {
    return *t->error ? t->error : tg_error(t->tape);
}

/* ---- variables and results --------------------------------------------------------------------------------------- */

tg_tensor task_variable(task *t, const char *name, tg_shape shape, const double *values) {
    tg_tensor leaf = tg_input(t->tape, name, TG_F64, shape);
    t->leaf[t->leaf_count].leaf = leaf;
    t->leaf[t->leaf_count++].values = values;
    return leaf;
}

tg_tensor task_constant(const task *t, tg_shape shape, const double *values) {
    return tg_borrow(t->tape, TG_F64, shape, values);
}

void task_result(task *t, tg_tensor x) {
    int i = t->result_count++;
    tg_keep(x);
    t->result[i].tensor = x;
    t->result[i].count = tg_valid(x) ? tg_size(x) : 0;
    if (t->options.afresh && !t->result[i].copy) t->result[i].copy = task_room(t, (size_t)t->result[i].count * sizeof(double));
}

void task_gradient(task *t, tg_tensor y) {
    tg_tensor x[MOST_LEAVES];
    for (int i = 0; i < t->leaf_count; i++)
        x[i] = t->leaf[i].leaf;
    tg_vjp(t->tape, 1, &y, NULL, t->leaf_count, x, x);
    for (int i = 0; i < t->leaf_count; i++)
        task_result(t, x[i]);
}

json_t *json_append(json_t *list, json_t *item) {
    if (list && !json_array_append_new(list, item)) return list;
    json_decref(list);
    return NULL;
}

json_t *json_list(const double *values, int64_t count) {
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++)
        list = json_append(list, json_real(values[i]));
    return list;
}

json_t *json_rows(const double *values, int64_t rows, int64_t columns) {
    json_t *list = json_array();
    for (int64_t i = 0; i < rows; i++)
        list = json_append(list, json_list(values + i * columns, columns));
    return list;
}

json_t *output_number(const task *t) {
    return json_real(t->result[0].values[0]);
}

json_t *output_list(const task *t) {
    return json_list(t->result[0].values, t->result[0].count);
}

/* ---- the life of a task ------------------------------------------------------------------------------------------ */

static const char part[] = "evaluation"; /* of the tape: what is recorded once */

static void record(task *t) {
    t->result_count = 0;
    t->eval->record(t);
}

/* Where that cannot be, it is run as it was recorded. */
static void compile(const task *t) {
    if (tg_error_status(t->tape) || !tg_compile(t->tape, part, NULL)) return;
    fprintf(stderr, "gradbench: not compiled: %s\n", tg_error(t->tape));
    tg_clear_error(t->tape);
}

static void record_once(task *t) {
    tg_begin_part(t->tape, part);
    record(t);
    tg_end_part(t->tape);
    if (t->options.compiled) compile(t);
}

task *task_new(const eval *e, int function, const json_t *input, run_options options) {
    task *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->eval = e;
    t->function = function;
    t->options = options;
    t->tape = tg_tape_new();
    tg_set_threads(t->tape, options.threads);
    tg_set_keep(t->tape, TG_KEEP_ASKED);
    if (e->read(t, input) && !options.afresh) record_once(t);
    return t;
}

void task_free(task *t) {
    tg_tape_free(t->tape);
    for (struct block *b = t->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(t);
}

static void write_variables(const task *t) {
    for (int i = 0; i < t->leaf_count; i++)
        tg_write(t->leaf[i].leaf, t->leaf[i].values, tg_size(t->leaf[i].leaf));
}

static void find_results(task *t) {
    for (int i = 0; i < t->result_count; i++)
        t->result[i].values = tg_data(t->result[i].tensor);
}

static void copy_results(task *t) {
    for (int i = 0; i < t->result_count; i++) {
        tg_read(t->result[i].tensor, t->result[i].copy, t->result[i].count);
        t->result[i].values = t->result[i].copy;
    }
}

void task_evaluate(task *t) {
    write_variables(t);
    if (t->options.afresh) {
        tg_mark mark = tg_tape_mark(t->tape);
        record(t);
        copy_results(t);
        tg_rewind(t->tape, mark);
    } else {
        tg_run_part(t->tape, part);
        find_results(t);
    }
    if (t->eval->finish) t->eval->finish(t);
}
