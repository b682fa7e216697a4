/* solve/problem.c: the beginning and the end of a solver's work, its options and its limits.
 *
 * What is recorded is recorded in one scope, so that errors have the name of the function that the user called. It is taken off the
 * tape in the end by a mark.
 *
 * SPDX-License-Identifier: MIT */
#include "solve/problem.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- beginning --------------------------------------------------------------------------------------------------- */

static tg_status check_leaf(tgi_problem *p, int i) {
    if (tg_check_tensor(p->tape, p->name, "a leaf", p->leaves[i])) return tg_error_status(p->tape);
    tg_dtype dtype = tg_dtype_of(p->leaves[i]);
    if (dtype != TG_F32 && dtype != TG_F64)
        return tg_fail(p->tape, TG_ERR_DTYPE, p->name, "leaf %d is %s, and only float32 and float64 have gradients", i,
                       tg_dtype_name(dtype));
    for (int j = 0; j < i; j++)
        if (p->leaves[j].ref == p->leaves[i].ref)
            return tg_fail(p->tape, TG_ERR_ARGUMENT, p->name, "leaf %d is leaf %d once more", i, j);
    if (dtype == TG_F32) p->eps = FLT_EPSILON;
    p->size += tg_size(p->leaves[i]);
    return TG_OK;
}

static tg_status check(tgi_problem *p) {
    if (tg_check_tensor(p->tape, p->name, "what is solved", p->solved)) return tg_error_status(p->tape);
    tg_dtype dtype = tg_dtype_of(p->solved);
    if (dtype != TG_F32 && dtype != TG_F64)
        return tg_fail(p->tape, TG_ERR_DTYPE, p->name, "%s has no gradients: only float32 and float64 have",
                       tg_dtype_name(dtype));
    p->rows = tg_size(p->solved);
    p->eps = dtype == TG_F32 ? FLT_EPSILON : DBL_EPSILON;
    if (p->n < 1 || !p->leaves) return tg_fail(p->tape, TG_ERR_ARGUMENT, p->name, "there are no leaves to change");
    for (int i = 0; i < p->n; i++)
        if (check_leaf(p, i)) return tg_error_status(p->tape);
    return TG_OK;
}

static tg_status take_memory(tgi_problem *p) {
    size_t n = (size_t)p->n, size = (size_t)p->size, handles = 3 * n * sizeof(tg_tensor);
    size_t most = (SIZE_MAX - handles) / (6 * sizeof(double));
    p->block = (uint64_t)p->size <= most ? calloc(1, handles + 6 * size * sizeof(double)) : NULL;
    if (!p->block) return tg_fail(p->tape, TG_ERR_MEMORY, p->name, "out of memory");
    p->gradients = p->block;
    p->directions = p->gradients + n;
    p->products = p->directions + n;
    p->start = (double *)(p->products + n);
    p->here = p->start + size;
    p->lower = p->here + size;
    p->upper = p->lower + size;
    p->unit = p->upper + size;
    p->buffer = p->unit + size;
    return TG_OK;
}

tg_status tgi_begin_problem(tgi_problem *p, const char *name, tg_tensor solved, int n, const tg_tensor *leaves) {
    tg_tape *tape = tg_tape_of(solved);
    *p = (tgi_problem){.tape = tape, .name = name, .n = n, .leaves = leaves, .solved = solved};
    p->mark = tg_tape_mark(tape);
    if (tg_discard(tape, p->mark)) return tg_error_status(tape); /* not where the end could not do it */
    p->recorded = true;
    p->scope = tg_begin_scope(tape, name);
    if (check(p) || take_memory(p)) return tg_error_status(tape);
    tgi_peek(n, leaves, p->start);
    if (tg_error_status(tape) == TG_ERR_VALUE) tg_clear_error(tape); /* a leaf has a value: what has none is rejected below */
    return tgi_write_leaves(p, p->start);                            /* so that what cannot be written is an error now */
}

static tg_status end_recording(tgi_problem *p) {
    tg_status status = p->scope.tape ? tg_end_scope(p->scope) : tg_error_status(p->tape);
    p->scope.tape = NULL;
    return status;
}

/* What is pending before the value may be an assign to a leaf. */
tg_status tgi_start(tgi_problem *p) {
    if (end_recording(p) || tgi_run_pending(p)) return tg_error_status(p->tape);
    tgi_peek(p->n, p->leaves, p->start);
    memcpy(p->here, p->start, (size_t)p->size * sizeof *p->here);
    p->entered = true;
    return tg_error_status(p->tape);
}

double *tgi_take_work(tgi_problem *p, double count) {
    const double most = (double)(INT64_MAX / 2 / (int64_t)sizeof *p->work);
    p->work = count < most && count < (double)SIZE_MAX / sizeof *p->work ? malloc((size_t)(count + 1) * sizeof *p->work) : NULL;
    if (!p->work) tg_fail(p->tape, TG_ERR_MEMORY, p->name, "out of memory");
    return p->work;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* Puts leaves and tape back although there is an error, which then is as it was. */
static void restore(tgi_problem *p) {
    char      text[1024];
    tg_status status = tg_error_status(p->tape);
    snprintf(text, sizeof text, "%s", tg_error(p->tape));
    tg_clear_error(p->tape);
    if (p->entered) tgi_write_leaves(p, p->start);
    tg_discard(p->tape, p->mark);
    tg_at(p->tape, NULL, 0); /* the line is in the text already */
    tg_fail(p->tape, status, NULL, "%s", text);
}

tg_status tgi_end_problem(tgi_problem *p, tg_solve_report *report) {
    tg_status status = end_recording(p);
    if (!status)
        status = tg_discard(p->tape, p->mark);
    else if (p->recorded)
        restore(p);
    if (status) p->report.stop = TG_STOP_NONE;
    p->report.converged = p->report.stop >= TG_STOP_GRADIENT && p->report.stop <= TG_STOP_STEP;
    if (report) *report = p->report;
    free(p->block);
    free(p->work);
    return status;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

double tgi_number_option(tgi_problem *p, const char *option, double value, double usual) {
    tg_check_option(p->tape, p->name, option, value, 0, INFINITY, TG_RIGHT_OPEN);
    return value == 0 ? usual : value <= TG_ZERO ? 0 : value;
}

int64_t tgi_count_option(tgi_problem *p, const char *option, int64_t value, int64_t usual) {
    tgi_number_option(p, option, (double)value, 0);
    return value ? value : usual;
}

tgi_limits tgi_limits_of(tgi_problem *p, tgi_limits asked, int64_t usual_iterations) {
    asked.iterations = tgi_count_option(p, "max_iterations", asked.iterations, usual_iterations);
    asked.evaluations = tgi_count_option(p, "max_evaluations", asked.evaluations, 15000);
    return asked;
}

static void read_bound(tgi_problem *p, const char *role, int i, tg_tensor bound, double none, double *values) {
    int64_t n = tg_size(p->leaves[i]);
    double  number = none;
    if (tg_is_none(bound) || tg_is_number(bound, &number)) {
        for (int64_t k = 0; k < n; k++)
            values[k] = number;
    } else if (!tg_check_tensor(p->tape, p->name, role, bound)) {
        int64_t       size = tg_size(bound);
        const double *data = tg_dtype_of(bound) == TG_F64 ? tg_data(bound) : NULL;
        if (tg_dtype_of(bound) != TG_F64)
            tg_fail(p->tape, TG_ERR_DTYPE, p->name, "%s %d is %s, and a bound is float64", role, i,
                    tg_dtype_name(tg_dtype_of(bound)));
        else if (size != 1 && size != n)
            tg_fail(p->tape, TG_ERR_SHAPE, p->name, "%s %d has %lld elements, and its leaf %lld", role, i, (long long)size,
                    (long long)n);
        for (int64_t k = 0; data && (size == 1 || size == n) && k < n; k++)
            values[k] = data[size == 1 ? 0 : k];
    }
}

static void read_side(tgi_problem *p, const char *role, tg_list bounds, double none, double *values) {
    if (bounds.x && bounds.count != p->n)
        tg_fail(p->tape, TG_ERR_ARGUMENT, p->name, "%d %ss for %d leaves", bounds.count, role, p->n);
    for (int i = 0; i < p->n && !tg_error_status(p->tape); values += tg_size(p->leaves[i]), i++)
        read_bound(p, role, i, bounds.x ? tg_or_none(bounds.x[i]) : TG_NONE, none, values);
}

tg_status tgi_read_bounds(tgi_problem *p, tg_list lower, tg_list upper) {
    read_side(p, "lower bound", lower, -INFINITY, p->lower);
    read_side(p, "upper bound", upper, INFINITY, p->upper);
    for (int64_t i = 0; i < p->size && !tg_error_status(p->tape); i++)
        if (!(p->lower[i] <= p->upper[i]))
            tg_fail(p->tape, TG_ERR_ARGUMENT, p->name, "element %lld: the lower bound %g is above the upper one, %g",
                    (long long)i, p->lower[i], p->upper[i]);
    return tg_error_status(p->tape);
}

/* ---- going on ---------------------------------------------------------------------------------------------------- */

void tgi_stop(tgi_problem *p, tg_stop stop) {
    p->report.stop = stop;
}

bool tgi_may_evaluate(tgi_problem *p) {
    if (p->report.values < p->limits.evaluations) return true;
    tgi_stop(p, TG_STOP_EVALUATIONS);
    return false;
}

static bool callback_goes_on(tgi_problem *p, const double *x) {
    tg_callback outer = tg_begin_callback(p->tape, "a solver's callback");
    bool        on = p->limits.callback(&p->report, p->size, x, p->limits.context);
    return !tg_end_callback(outer) && on;
}

bool tgi_go_on(tgi_problem *p, const double *x) {
    p->report.iterations++;
    bool on = !p->limits.callback || callback_goes_on(p, x);
    if (p->report.stop || tg_error_status(p->tape)) return false;
    if (on && p->report.iterations < p->limits.iterations) return true;
    tgi_stop(p, on ? TG_STOP_ITERATIONS : TG_STOP_CALLBACK);
    return false;
}
