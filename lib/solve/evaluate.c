/* solve/evaluate.c: values of a tape, and derivatives of them, as functions of one vector.
 *
 * Derivatives are recorded once, each kind in a part of the tape of its own, behind all that is on it. To evaluate is to write the
 * leaves and to run a part: what it reads of the formula, which stands outside, was computed before the leaves were written, and so is
 * computed again, and nothing else is (tapegrad/tape.h: a run never mixes).
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "solve/problem.h"

/* The parts. No user's part has such a name. */
static const char value_part[] = "tapegrad: value", gradient_part[] = "tapegrad: value and gradient",
                  product_part[] = "tapegrad: product";

/* ---- elements of tensors ----------------------------------------------------------------------------------------- */

static bool peek(tg_tensor x, double *values) {
    const void *data = tg_peek(x);
    int64_t     n = tg_size(x);
    bool        finite = true, narrow = tg_dtype_of(x) == TG_F32;
    for (int64_t i = 0; data && i < n; i++) {
        values[i] = narrow ? (double)((const float *)data)[i] : ((const double *)data)[i];
        finite &= isfinite(values[i]) != 0;
    }
    return finite;
}

bool tgi_peek(int count, const tg_tensor *x, double *values) {
    bool finite = true;
    for (int i = 0; i < count; values += tg_size(x[i]), i++)
        finite &= peek(x[i], values);
    return finite;
}

/* Overwrites a leaf, and puts into `values` what it holds then. */
static void write(tgi_problem *p, tg_tensor leaf, double *values) {
    int64_t n = tg_size(leaf);
    float  *narrow = p->buffer;
    if (tg_dtype_of(leaf) == TG_F64) {
        tg_write(leaf, values, n);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        values[i] = (double)(narrow[i] = (float)values[i]);
    tg_write(leaf, narrow, n);
}

static tg_status write_all(tgi_problem *p, const tg_tensor *leaves, double *values) {
    for (int i = 0; i < p->n; values += tg_size(leaves[i]), i++)
        write(p, leaves[i], values);
    return tg_error_status(p->tape);
}

tg_status tgi_write_leaves(tgi_problem *p, double *x) {
    return write_all(p, p->leaves, x);
}

tg_status tgi_move_to(tgi_problem *p, double *x) {
    size_t bytes = (size_t)p->size * sizeof *x;
    if (!memcmp(x, p->here, bytes)) return tg_error_status(p->tape);
    tgi_write_leaves(p, x);
    memcpy(p->here, x, bytes);
    p->current = false;
    return tg_error_status(p->tape);
}

/* ---- recording --------------------------------------------------------------------------------------------------- */

/* A value in the part that is being recorded: so that a run of the part computes it. */
static tg_tensor copy(tg_tensor x) {
    x = tg_mul(x, 1);
    tg_keep(x);
    return x;
}

static void keep_all(int count, const tg_tensor *x) {
    for (int i = 0; i < count; i++)
        tg_keep(x[i]);
}

void tgi_record_value(tgi_problem *p, tg_tensor value) {
    tg_begin_part(p->tape, value_part);
    p->value = copy(value);
    tg_end_part(p->tape);
}

void tgi_record_gradient(tgi_problem *p, tg_tensor loss) {
    tg_begin_part(p->tape, gradient_part);
    p->value_with_gradient = copy(loss);
    tg_vjp(p->tape, 1, &loss, NULL, p->n, p->leaves, p->gradients);
    keep_all(p->n, p->gradients);
    tg_end_part(p->tape);
}

static void record_directions(tgi_problem *p) {
    for (int i = 0; i < p->n; i++)
        p->directions[i] = tg_input(p->tape, NULL, tg_dtype_of(p->leaves[i]), tg_shape_of(p->leaves[i]));
}

static void end_product(tgi_problem *p, int count) {
    p->product_count = count;
    keep_all(count, p->products);
    tg_end_part(p->tape);
}

void tgi_record_hessian_product(tgi_problem *p, tg_tensor loss) {
    record_directions(p);
    tg_begin_part(p->tape, product_part);
    tg_hvp(loss, p->n, p->leaves, p->directions, p->products);
    end_product(p, p->n);
}

void tgi_record_jacobian_product(tgi_problem *p) {
    record_directions(p);
    tg_begin_part(p->tape, product_part);
    tg_jvp(p->tape, p->n, p->leaves, p->directions, 1, &p->solved, p->products);
    end_product(p, 1);
}

void tgi_record_normal_product(tgi_problem *p, tg_tensor weights) {
    tg_tensor moved;
    record_directions(p);
    tg_begin_part(p->tape, product_part);
    tg_jvp(p->tape, p->n, p->leaves, p->directions, 1, &p->solved, &moved);
    if (!tg_is_none(weights)) moved = tg_mul(weights, moved);
    tg_vjp(p->tape, 1, &p->solved, &moved, p->n, p->leaves, p->products);
    end_product(p, p->n);
}

/* ---- evaluating -------------------------------------------------------------------------------------------------- */

/* Errors other than an op's have the solver's name. */
static tg_status run_part(tgi_problem *p, const char *part) {
    tg_scope scope = tg_begin_scope(p->tape, p->name);
    tg_run_part(p->tape, part);
    return tg_end_scope(scope);
}

static tgi_outcome run(tgi_problem *p, const char *part) {
    tg_status status = run_part(p, part);
    if (status == TG_ERR_NUMERIC && p->begun) {
        tg_clear_error(p->tape);
        return TGI_FAR;
    }
    return status ? TGI_FAILED : TGI_FINE;
}

/* What the run of a part gave. */
static tgi_outcome take(tgi_problem *p, int count, const tg_tensor *x, double *values) {
    bool finite = tgi_peek(count, x, values);
    if (tg_error_status(p->tape)) return TGI_FAILED;
    return finite ? TGI_FINE : TGI_FAR;
}

tg_status tgi_run_pending(tgi_problem *p) {
    return run_part(p, value_part);
}

tgi_outcome tgi_value_here(tgi_problem *p, double *value) {
    p->report.values += !p->current;
    tgi_outcome outcome = run(p, value_part);
    p->begun = true;
    p->current = outcome == TGI_FINE;
    return outcome == TGI_FINE ? take(p, 1, &p->value, value) : outcome;
}

tgi_outcome tgi_value_and_gradient(tgi_problem *p, double *value, double *gradient) {
    p->report.values += !p->current;
    p->report.gradients++;
    tgi_outcome outcome = run(p, gradient_part);
    p->begun = true;
    p->current = outcome == TGI_FINE;
    if (outcome != TGI_FINE) return outcome;
    outcome = take(p, 1, &p->value_with_gradient, value);
    return outcome == TGI_FINE ? take(p, p->n, p->gradients, gradient) : outcome;
}

tg_status tgi_settle_at(tgi_problem *p, double *x) {
    if (!tgi_move_to(p, x) && !p->current) run_part(p, value_part);
    return tg_error_status(p->tape);
}

tgi_outcome tgi_product(tgi_problem *p, double *v, double *product) {
    p->report.products++;
    if (write_all(p, p->directions, v)) return TGI_FAILED;
    tgi_outcome outcome = run(p, product_part);
    return outcome == TGI_FINE ? take(p, p->product_count, p->products, product) : outcome;
}

tgi_outcome tgi_jacobian_here(tgi_problem *p, double *columns) {
    tgi_outcome outcome = TGI_FINE;
    memset(p->unit, 0, (size_t)p->size * sizeof *p->unit);
    for (int64_t k = 0; k < p->size && outcome == TGI_FINE; k++) {
        p->unit[k] = 1;
        outcome = tgi_product(p, p->unit, columns + k * p->rows);
        p->unit[k] = 0;
    }
    return outcome;
}
