/* solve/implicit.c: tg_implicit: derivatives of a root by the implicit function theorem.
 *
 * What is recorded is one step of Newton's method, x - J^-1 f(x, p), without a gradient for J. At a root its value is x, and its derivative
 * for p is that of the root: f is 0 there, so that what J^-1 contributes is, too. For x itself it is 0.
 *
 * SPDX-License-Identifier: MIT */
#include "core/inside.h"

static const char name[] = "implicit";

static tg_tensor flat(tg_tensor x) {
    return tg_reshape(x, TG_SHAPE(tg_size(x)));
}

static tg_status check(tg_tape *tape, tg_tensor equations, int n, const tg_tensor *unknowns, const tg_tensor *roots) {
    int64_t size = 0;
    if (tg_check_tensor(tape, name, "what is solved", equations)) return tg_error_status(tape);
    if (n < 1 || !unknowns || !roots)
        return tg_fail(tape, TG_ERR_ARGUMENT, name, "there are no unknowns, or no room for the roots");
    for (int i = 0; i < n; i++) {
        if (tg_check_tensor(tape, name, "an unknown", unknowns[i])) return tg_error_status(tape);
        size += tg_size(unknowns[i]);
    }
    if (size == tg_size(equations)) return TG_OK;
    return tg_fail(tape, TG_ERR_SHAPE, name, "%lld equations for %lld unknowns", (long long)tg_size(equations),
                   (long long)size);
}

/* J^-1 f, with one column of J after the other. */
static tg_tensor newton_step(tg_tape *tape, tg_tensor equations, int n, const tg_tensor *unknowns) {
    enum { SEVERAL = 64 };
    const int64_t rows = tg_size(equations);
    tg_tensor     f = flat(equations), blocks[SEVERAL];
    int           count = 0;
    for (int i = 0; i < n && !tg_error_status(tape); i++) {
        blocks[count++] = tg_reshape(tg_jacobian(f, unknowns[i]), TG_SHAPE(rows, tg_size(unknowns[i])));
        if (count < SEVERAL) continue;
        blocks[0] = tg_concat(tg_list_from(count, blocks), 1);
        count = 1;
    }
    return tg_solve(tg_detach(tg_concat(tg_list_from(count, blocks), 1)), f);
}

tg_status(tg_implicit)(tg_tensor equations, int n, const tg_tensor *unknowns, tg_tensor *roots) {
    tg_tape *tape = tg_tape_of(equations);
    if (check(tape, equations, n, unknowns, roots)) {
        for (int i = 0; roots && i < n; i++)
            roots[i] = tg_invalid(tape);
        return tape ? tg_error_status(tape) : TG_ERR_HANDLE;
    }
    tg_scope  scope = tg_begin_scope(tape, name);
    tg_tensor step = newton_step(tape, equations, n, unknowns);
    int64_t   at = 0;
    for (int i = 0; i < n && !tg_error_status(tape); i++) {
        int64_t   size = tg_size(unknowns[i]);
        tg_tensor part = tg_slice(step, 0, at, at + size, 1);
        at += size;
        roots[i] = tg_keep_result(scope, tg_sub(unknowns[i], tg_reshape(part, tg_shape_of(unknowns[i]))));
    }
    tg_status status = tg_end_scope(scope);
    for (int i = 0; status && i < n; i++)
        roots[i] = tg_invalid(tape);
    return status;
}
