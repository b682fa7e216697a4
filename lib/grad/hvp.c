/* grad/hvp.c: products with second derivatives: H v is a walk through the gradient.
 *
 * SPDX-License-Identifier: MIT */
#include "grad/grad.h"

/* Room for n tensors, in the name of `what`; NULL and an error when there is none. */
static tg_tensor *take_tensors(tg_tape *tape, int n, const char *what) {
    tg_tensor *tensors = tgi_pool_take(&tape->pool, (size_t)n * sizeof *tensors);
    if (!tensors) tgi_out_of_memory(tape, what);
    return tensors;
}

static tg_status check_results(tg_tape *tape, const char *what, int count, const void *results) {
    if (tgi_check(tape)) return tg_error_status(tape);
    return results || count <= 0 ? TG_OK : tgi_fail(tape, TG_ERR_ARGUMENT, what, "nowhere to put the results");
}

static tg_status record_hvp(tg_tensor loss, int n, const tg_tensor *inputs, const tg_tensor *vectors, tg_tensor *results) {
    tg_tape   *tape = loss.tape;
    tg_scope   scope = tgi_begin_derivative(tape, "hvp");
    tg_tensor *g = take_tensors(tape, n, "hvp");
    if (g && !tg_vjp(tape, 1, &loss, NULL, n, inputs, g)) tg_vjp(tape, n, g, vectors, n, inputs, results);
    tgi_pool_give(&tape->pool, g);
    return tg_end_scope(scope);
}

tg_status(tg_hvp)(tg_tensor loss, int n, const tg_tensor *inputs, const tg_tensor *vectors, tg_tensor *results) {
    tg_tape  *tape = tgi_tape_of(loss);
    tg_status status = check_results(tape, "hvp", n, results);
    if (!status) status = tgi_check_list(tape, "hvp", "loss", 1, &loss);
    if (!status) status = tgi_check_list(tape, "hvp", "input", n, inputs);
    if (!status) status = record_hvp(loss, n, inputs, vectors, results);
    tgi_give_results(tape, status, n, results);
    return status;
}
