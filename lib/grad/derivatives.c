/* grad/derivatives.c: derivatives in other directions, all made of the backward walk.
 *
 * A product J v costs two walks: the first one with a placeholder u for the seeds gives J^T u, which is linear in u, and its own
 * backward walk for u, with v for the seeds, gives J v whatever u is (J. Townsend, "A new trick for calculating Jacobian vector
 * products", 2017). A product H v is a walk through the gradient.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "grad/again.h"
#include "grad/grad.h"
#include "ops/ops.h"
#include "run/run.h"

/* ---- recorded products ------------------------------------------------------------------------------------------- */

/* Room for n tensors, in the name of `what`; NULL and an error when there is none. */
static tg_tensor *take_tensors(tg_tape *tape, int n, const char *what) {
    tg_tensor *tensors = tgi_pool_take(&tape->pool, (size_t)n * sizeof *tensors);
    if (!tensors) tgi_out_of_memory(tape, what);
    return tensors;
}

static tg_status check_counts(tg_tape *tape, const char *what, int n, int m, const void *results) {
    if (tgi_check(tape)) return tg_error_status(tape);
    if (n >= 0 && m >= 0 && (results || m == 0)) return TG_OK;
    return tgi_fail(tape, TG_ERR_ARGUMENT, what, "%d inputs, %d results, and where to put them", n, m);
}

tg_status(tg_jvp)(tg_tape *tape, int n, const tg_tensor *inputs, const tg_tensor *tangents, int m, const tg_tensor *outputs,
                  tg_tensor *results) {
    tg_status status = check_counts(tape, "jvp", n, m, results);
    if (status) return status;
    tgi_call   call = tgi_begin(tape);
    tape->role = TGI_BACKWARD;
    tg_tensor *u = take_tensors(tape, m, "jvp"), *g = take_tensors(tape, n, "jvp");
    for (int i = 0; i < m && u && tgi_resolve(tape, outputs[i], "jvp", "an output"); i++)
        u[i] = tgi_filled(outputs[i], 0);
    if (!tape->status && !tg_vjp(tape, m, outputs, u, n, inputs, g)) {
        tgi_resume(tape, call);
        tg_vjp(tape, n, g, tangents, m, u, results);
    }
    tgi_pool_give(&tape->pool, u);
    tgi_pool_give(&tape->pool, g);
    status = tgi_end(tape, call);
    tgi_give_results(tape, status, m, results);
    return status;
}

tg_status(tg_hvp)(tg_tensor loss, int n, const tg_tensor *inputs, const tg_tensor *vectors, tg_tensor *results) {
    tg_tape  *tape = tgi_tape_of(loss);
    tg_status status = check_counts(tape, "hvp", n, n, results);
    if (status) return status;
    tgi_call   call = tgi_begin(tape);
    tape->role = TGI_BACKWARD;
    tg_tensor *g = take_tensors(tape, n, "hvp");
    if (g && !tg_vjp(tape, 1, &loss, NULL, n, inputs, g)) {
        tgi_resume(tape, call);
        tg_vjp(tape, n, g, vectors, n, inputs, results);
    }
    tgi_pool_give(&tape->pool, g);
    status = tgi_end(tape, call);
    tgi_give_results(tape, status, n, results);
    return status;
}

/* ---- whole matrices, into the caller's memory -------------------------------------------------------------------- */

/* The rows of dy/dx: the seed is a leaf that is 1 in one place after the other, and what depends on it runs again. */
static tg_status read_rows(tg_tensor y, tg_tensor x, tgi_node *seed, tg_tensor u, char *values) {
    tg_tape  *tape = y.tape;
    tgi_again again = {0};
    tg_tensor g;
    uint64_t  one = 0;
    if (tg_vjp(tape, 1, &y, &u, 1, &x, &g)) return tape->status;
    tgi_keep_node(tape, tgi_index(g));
    if (tgi_run_pending(tape)) return tape->status;
    const tgi_node *row = tgi_node_at(tape, tgi_index(g));
    size_t          width = tg_dtype_size((tg_dtype)seed->dtype), bytes = tgi_node_bytes(row);
    tgi_convert(1, (tg_dtype)seed->dtype, &one);
    tgi_find_again(&again, tape, 1, &u, 1, &g, "read_jacobian");
    for (int64_t i = 0, rows = tgi_node_size(seed); i < rows && !tape->status; i++, values += bytes) {
        char *element = (char *)seed->data + (size_t)i * width;
        memcpy(element, &one, width);
        if (!tgi_run_again(&again)) {
            tg_array array = tgi_array_of(row);
            tgi_copy_array(&array, array.rank, array.dims, values);
        }
        memset(element, 0, width);
    }
    tgi_end_again(&again);
    return tape->status;
}

static tg_status read_jacobian(tg_tensor y, tg_tensor x, const char *what, void *values, int64_t count) {
    tg_tape        *tape = y.tape;
    const tgi_node *rows = tgi_resolve(tape, y, what, "y"), *columns = tgi_resolve(tape, x, what, "x");
    if (!rows || !columns) return tape->status;
    if (!tgi_floating((tg_dtype)rows->dtype) || columns->dtype != rows->dtype)
        return tgi_fail(tape, TG_ERR_DTYPE, what, "y is %s and x %s: both must be float32, or both float64",
                        tg_dtype_name((tg_dtype)rows->dtype), tg_dtype_name((tg_dtype)columns->dtype));
    if (count != tgi_node_size(rows) * tgi_node_size(columns) || (count && !values))
        return tgi_fail(tape, TG_ERR_SHAPE, what, "room for %lld values, where there are %lld", (long long)count,
                        (long long)(tgi_node_size(rows) * tgi_node_size(columns)));
    tgi_node *seed = tgi_new_leaf(tape, what, &tgi_input, NULL, (tg_dtype)rows->dtype, tgi_node_shape(rows), NULL);
    if (!seed) return tape->status;
    memset(seed->data, 0, tgi_node_bytes(seed));
    return read_rows(y, x, seed, tgi_tensor(tape, tape->count - 1), values);
}

/* Ends a call that leaves nothing on the tape. */
static tg_status end_reading(tg_tape *tape, tgi_call call) {
    tgi_truncate(tape, call.count);
    return tgi_end(tape, call);
}

tg_status(tg_read_jacobian)(tg_tensor y, tg_tensor x, void *values, int64_t count) {
    tg_tape *tape = tgi_tape_of(y);
    if (tgi_check(tape)) return tg_error_status(tape);
    tgi_call call = tgi_begin(tape);
    read_jacobian(y, x, "read_jacobian", values, count);
    return end_reading(tape, call);
}

tg_status(tg_read_hessian)(tg_tensor loss, tg_tensor x, void *values, int64_t count) {
    tg_tape  *tape = tgi_tape_of(loss);
    tg_tensor g;
    if (tgi_check(tape)) return tg_error_status(tape);
    tgi_call call = tgi_begin(tape);
    if (!tg_vjp(tape, 1, &loss, NULL, 1, &x, &g)) {
        tgi_resume(tape, call);
        read_jacobian(g, x, "read_hessian", values, count);
    }
    return end_reading(tape, call);
}
