/* grad/gradcheck.c: recorded gradients against central differences.
 *
 * y is reduced to one number s by a weighted sum; the tape gives ds/dx, and moving x by +h and -h measures it, for which only the
 * instructions between the inputs and s are computed anew. The check of the next order takes a weighted sum of the gradients for s.
 * All that is recorded for it is cut off in the end.
 *
 * The error of a central difference is h^2 s'''/6 + eps s/h, least where h is about the cube root of the rounding unit: Press et
 * al., Numerical Recipes, section 5.7.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>

#include "core/residency.h"
#include "grad/replay.h"
#include "ops/ops.h"
#include "run/run.h"

/* The check of one s: what to compute anew for it, and where the findings go. */
typedef struct check {
    tg_tape             *tape;
    int                  n;
    const tg_tensor     *inputs;
    tg_gradcheck_report *report;
    tgi_replay           between; /* the inputs and s */
    uint32_t             s;
} check;

/* ---- the number that is differentiated --------------------------------------------------------------------------- */

/* Fixed weights between 0.5 and 1.5, in no simple relation to one another. */
static tg_tensor weights_like(tg_tape *tape, tg_tensor y) {
    tgi_node *node = tgi_new_leaf(tape, "gradcheck", &tgi_constant, NULL, TG_F64, tg_shape_of(y), NULL);
    if (!node) return tgi_invalid(tape);
    for (int64_t i = 0, size = tgi_node_size(node); i < size; i++)
        ((double *)node->data)[i] = 1 + 0.5 * sin(1 + 12.9898 * (double)i);
    return tgi_tensor(tape, tape->count - 1);
}

static tg_tensor weighted_sum(tg_tape *tape, int count, const tg_tensor *y) {
    tg_tensor s = tg_sum(tg_mul(y[0], weights_like(tape, y[0])));
    for (int i = 1; i < count; i++)
        s = tg_add(s, tg_sum(tg_mul(y[i], weights_like(tape, y[i]))));
    return s;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

static tg_status evaluate(const check *c, double *s) {
    if (tgi_run_replay(&c->between)) return c->tape->status;
    *s = *(const double *)tgi_node_at(c->tape, c->s)->data;
    return TG_OK;
}

static tg_status measure(const check *c, double *x, double *slope) {
    double    here = *x, h = c->report->step * fmax(1, fabs(here)), above = 0, below = 0;
    tg_status status;
    *x = here + h;
    double high = *x;
    status = evaluate(c, &above);
    *x = here - h;
    if (!status) status = evaluate(c, &below);
    if (!status) *slope = (above - below) / (high - *x);
    *x = here;
    return status;
}

static void note(tg_gradcheck_report *report, int order, int input, int64_t element, double recorded, double measured) {
    double error = fabs(recorded - measured) / (report->atol + report->rtol * fabs(measured));
    if (isnan(error)) error = INFINITY;
    if (report->count++ && error <= report->error) return;
    report->worst_order = order;
    report->worst_input = input;
    report->worst_element = element;
    report->recorded = recorded;
    report->measured = measured;
    report->error = error;
}

static tg_status compare(const check *c, int order, const tg_tensor *grads) {
    for (int j = 0; j < c->n; j++) {
        tgi_node *input = tgi_node_at(c->tape, tgi_index(c->inputs[j]));
        tgi_node *grad = tgi_node_at(c->tape, tgi_index(grads[j]));
        int64_t   size = tgi_node_size(input);
        double   *recorded = tgi_pool_take(&c->tape->pool, (size_t)size * sizeof *recorded);
        if (!recorded) return tgi_out_of_memory(c->tape, "gradcheck");
        tg_array array = tgi_array_of(grad);
        tgi_copy_array(&array, array.rank, array.dims, recorded);
        for (int64_t i = 0; i < size && !c->tape->status; i++) {
            double measured;
            if (!measure(c, (double *)input->data + i, &measured)) note(c->report, order, j, i, recorded[i], measured);
        }
        tgi_pool_give(&c->tape->pool, recorded);
    }
    return c->tape->status;
}

/* Checks ds/dx. The gradients are left in `grads`; the values computed from the inputs are as before. */
static tg_status check_order(check *c, int order, tg_tensor s, tg_tensor *grads) {
    if (tg_vjp(c->tape, 1, &s, NULL, c->n, c->inputs, grads)) return c->tape->status;
    for (int j = 0; j < c->n; j++)
        tgi_keep_node(c->tape, tgi_index(grads[j]));
    for (int j = 0; j < c->n; j++)
        if (tgi_run_for(c->tape, tgi_index(grads[j]), "gradcheck")) return c->tape->status;
    c->s = tgi_index(s);
    if (!tgi_begin_replay(&c->between, c->tape, c->n, c->inputs, 1, &s, "gradcheck") && !compare(c, order, grads))
        tgi_run_replay(&c->between);
    tgi_end_replay(&c->between);
    return c->tape->status;
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static tg_status check_inputs(tg_tape *tape, tg_tensor y, int n, const tg_tensor *inputs) {
    const tgi_node *node = tgi_resolve(tape, y, "gradcheck", "y");
    if (!node) return tape->status;
    if (node->dtype != TG_F64)
        return tgi_fail(tape, TG_ERR_DTYPE, "gradcheck", "y is %s: differences need float64",
                        tg_dtype_name((tg_dtype)node->dtype));
    if (n < 1 || !inputs) return tgi_fail(tape, TG_ERR_ARGUMENT, "gradcheck", "there are no inputs");
    for (int j = 0; j < n; j++) {
        node = tgi_resolve(tape, inputs[j], "gradcheck", "an input");
        if (!node) return tape->status;
        if (node->dtype != TG_F64 || !tgi_leaf_of(node) || tgi_is_borrowed(node))
            return tgi_fail(tape, TG_ERR_ARGUMENT, "gradcheck", "input %d (%s %s) is no float64 leaf in the tape's own memory",
                            j, tg_dtype_name((tg_dtype)node->dtype), node->op->name);
    }
    return TG_OK;
}

static tg_gradcheck_report terms(const tg_gradcheck_report *asked) {
    tg_gradcheck_report report = {.step = 6e-6, .rtol = 1e-6, .atol = 1e-6, .order = 1};
    if (!asked) return report;
    if (asked->step > 0) report.step = asked->step;
    if (asked->rtol > 0) report.rtol = asked->rtol;
    if (asked->atol > 0) report.atol = asked->atol;
    if (asked->order > 0) report.order = asked->order;
    return report;
}

static void check_orders(check *c, tg_tensor y, tg_tensor *grads) {
    tg_tensor s = weighted_sum(c->tape, 1, &y);
    for (int order = 1; order <= c->report->order && !c->tape->status; order++) {
        if (order > 1) s = weighted_sum(c->tape, c->n, grads);
        if (!c->tape->status) check_order(c, order, s, grads);
    }
}

static tg_status verdict(tg_tape *tape, const tg_gradcheck_report *r) {
    if (r->error <= 1) return TG_OK;
    return tgi_fail(tape, TG_ERR_GRADIENT, "gradcheck",
                    "order %d, input %d, element %" PRId64
                    ": the tape gives %.10g, central differences %.10g: %.3g times what is "
                    "tolerated",
                    r->worst_order, r->worst_input, r->worst_element, r->recorded, r->measured, r->error);
}

tg_status(tg_gradcheck)(tg_tensor y, int n, const tg_tensor *inputs, tg_gradcheck_report *report) {
    tg_tape *tape = tgi_tape_of(y);
    if (tgi_check_outside(tape, "gradcheck") || check_inputs(tape, y, n, inputs)) return tg_error_status(tape);
    tg_scope scope = tg_begin_scope(tape, "gradcheck");
    if (tgi_run_for(tape, tgi_index(y), "gradcheck")) return tg_end_scope(scope);
    tgi_resume(tape, scope);

    tg_gradcheck_report found = terms(report);
    tg_tensor          *grads = tgi_pool_take(&tape->pool, (size_t)n * sizeof *grads);
    check               c = {.tape = tape, .n = n, .inputs = inputs, .report = &found};
    if (grads)
        check_orders(&c, y, grads);
    else
        tgi_out_of_memory(tape, "gradcheck");
    tgi_pool_give(&tape->pool, grads);
    tgi_truncate(tape, scope.start);
    tgi_resume(tape, scope);
    if (!tape->status) verdict(tape, &found);
    if (report) *report = found;
    return tg_end_scope(scope);
}
