/* ops/linalg_text.c: systems of equations, factors and determinants in C.
 *
 * What is done with one matrix is a helper of the C file (emit/helpers.c); here are the loops over the stacks. Kernels work in place: the
 * matrix is copied into the result first.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/linalg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/c_text.h"

/* ---- stacks of matrices ------------------------------------------------------------------------------------------ */

/* The loops over the stack of the result, and the indices of the first element of a matrix. */
static tgi_indices open_stack(tg_emit_call *call, int rank, int after) {
    tgi_indices x = tgi_indices_of(rank, call->out.dims, 0);
    tgi_open_loops(call, &x, 0, rank, call->out.dims);
    for (int i = 0; i < after; i++)
        strcpy(x.axis[x.rank++], "0");
    return x;
}

static void close_stack(tg_emit_call *call, const tgi_indices *x, int after) {
    tgi_close_loops(call, x, 0, x->rank - after);
}

/* "i, 0, 0": of a matrix of an operand that broadcasts to the stack. */
static const char *matrix_of(const tg_emit_call *call, const tgi_indices *x, int k, char text[TGI_INDICES_TEXT]) {
    tgi_indices last = tgi_last_indices(x, call->in[k].rank);
    return tgi_indices_text(&last, text);
}

/* Copies a matrix of operand k to the first rows of one of the result. */
static void write_matrix_copy(tg_emit_call *call, const tgi_indices *x, int k, const char *to, int64_t columns) {
    int         rank = call->in[k].rank;
    tgi_indices from = tgi_last_indices(x, rank);
    char        text[TGI_INDICES_TEXT];
    strcpy(from.axis[rank - 2], "ii");
    strcpy(from.axis[rank - 1], "jj");
    tg_emit(call, "$for(ii, %" PRId64 ")\n$for(jj, %" PRId64 ")", call->in[k].dims[rank - 2], call->in[k].dims[rank - 1]);
    tg_emit(call, "%s[ii * %" PRId64 " + jj] = $%d[%s];\n}\n}", to, columns, k, tgi_indices_text(&from, text));
}

static void write_matrix_pointer(tg_emit_call *call, const tgi_indices *x) {
    char text[TGI_INDICES_TEXT];
    tg_emit(call, "$T *const y_ = &$y[%s];", tgi_indices_text(x, text));
}

/* The factors of a matrix lie as they were made, in one piece. */
static void require_one_piece(tg_emit_call *call, int k) {
    const tg_type *x = &call->in[k];
    int64_t        columns = x->dims[x->rank - 1];
    bool good = columns < 2 || (tg_emit_stride(call, k, x->rank - 1) == 1 && tg_emit_stride(call, k, x->rank - 2) == columns);
    if (!good) tg_emit_refuse(call, "the factors are not those of a matrix");
}

static const char *truth(bool yes) {
    return yes ? "true" : "false";
}

/* ---- triangles --------------------------------------------------------------------------------------------------- */

static void part_text(double factor, const char *at, char out[TGI_INDICES_TEXT + 64]) {
    if (factor == 0)
        strcpy(out, "0");
    else if (factor == 1)
        snprintf(out, TGI_INDICES_TEXT + 64, "$0[%s]", at);
    else
        snprintf(out, TGI_INDICES_TEXT + 64, "(($T)%.17g) * $0[%s]", factor, at);
}

void tgi_triangle_emit(tg_emit_call *call) {
    const tgi_triangle_attr *by = call->attr;
    int                      rank = call->out.rank;
    char                     at[TGI_INDICES_TEXT], below[TGI_INDICES_TEXT + 64], on[sizeof below], above[sizeof below];
    tgi_indices              x = tgi_indices_of(rank - 2, call->out.dims, 0);
    tgi_open_loops(call, &x, 0, rank - 2, call->out.dims);
    strcpy(x.axis[x.rank++], "ii");
    strcpy(x.axis[x.rank++], "jj");
    tgi_indices_text(&x, at);
    part_text(by->below, at, below);
    part_text(by->on, at, on);
    part_text(by->above, at, above);
    tg_emit(call, "$for(ii, %" PRId64 ")\n$for(jj, %" PRId64 ")", call->out.dims[rank - 2], call->out.dims[rank - 1]);
    tg_emit(call, "$y[%s] = jj < ii ? %s : jj > ii ? %s : %s;\n}\n}", at, below, above, on);
    tgi_close_loops(call, &x, 0, rank - 2);
}

void tgi_solve_triangular_emit(tg_emit_call *call) {
    int64_t        options = ((const tgi_solve_attr *)call->attr)->options;
    const tg_type *y = &call->out;
    int            t_rank = call->in[0].rank;
    bool           turn = options & TG_TRANSPOSED, upper = !(options & TG_UPPER) == turn, unit = options & TG_UNIT;
    int64_t        n = y->dims[y->rank - 2], m = y->dims[y->rank - 1];
    int64_t        row = tg_emit_stride(call, 0, t_rank - 2), col = tg_emit_stride(call, 0, t_rank - 1);
    char           at[TGI_INDICES_TEXT];
    if (tgi_size(y->rank, y->dims) == 0) return;
    tgi_indices x = open_stack(call, y->rank - 2, 2);
    write_matrix_pointer(call, &x);
    tg_emit(call, "const $T *const t_ = &$0[%s];", matrix_of(call, &x, 0, at));
    if (!unit) {
        tg_emit(call, "if ($TRIANGLE_FAULT(%" PRId64 ", t_, %" PRId64 ")) {", n, row + col);
        tg_emit(call, "$fail_numeric(a matrix is singular: an element of its diagonal is 0 or NaN)\n}");
    }
    write_matrix_copy(call, &x, 1, "y_", m);
    tg_emit(call, "$SOLVE_TRIANGLE(%" PRId64 ", %" PRId64 ", t_, %" PRId64 ", %" PRId64 ", %s, %s, y_);", n, m,
            turn ? col : row, turn ? row : col, truth(upper), truth(unit));
    close_stack(call, &x, 2);
}

void tgi_cholesky_emit(tg_emit_call *call) {
    const tg_type *y = &call->out;
    int64_t        n = y->dims[y->rank - 1];
    if (tgi_size(y->rank, y->dims) == 0) return;
    tgi_indices x = open_stack(call, y->rank - 2, 2);
    write_matrix_pointer(call, &x);
    write_matrix_copy(call, &x, 0, "y_", n);
    tg_emit(call, "if ($CHOLESKY(%" PRId64 ", y_)) {\n$fail_numeric(a matrix is not positive definite)\n}", n);
    close_stack(call, &x, 2);
}

/* ---- general matrices -------------------------------------------------------------------------------------------- */

void tgi_lu_emit(tg_emit_call *call) {
    const tg_type *y = &call->out;
    int64_t        n = y->dims[y->rank - 1];
    if (tgi_size(y->rank, y->dims) == 0) return;
    tgi_indices x = open_stack(call, y->rank - 2, 2);
    write_matrix_pointer(call, &x);
    write_matrix_copy(call, &x, 0, "y_", n);
    tg_emit(call, "$LU(%" PRId64 ", y_);", n);
    close_stack(call, &x, 2);
}

static void write_factor_check(tg_emit_call *call, int64_t n) {
    tg_emit(call, "if ($LU_FAULT(%" PRId64 ", lu_) > 0) {\n$fail_numeric(a matrix is singular)\n}", n);
    tg_emit(call,
            "if ($LU_FAULT(%" PRId64 ", lu_) < 0) {\n$fail_numeric(a matrix holds NaN or infinity, or so large elements that its "
            "factors do)\n}",
            n);
}

void tgi_solve_emit(tg_emit_call *call) {
    const tg_type *y = &call->out;
    int64_t        n = y->dims[y->rank - 2], m = y->dims[y->rank - 1];
    bool           turn = ((const tgi_solve_attr *)call->attr)->options & TG_TRANSPOSED;
    char           at[TGI_INDICES_TEXT];
    if (tgi_size(y->rank, y->dims) == 0) return;
    require_one_piece(call, 2);
    tgi_indices x = open_stack(call, y->rank - 2, 2);
    write_matrix_pointer(call, &x);
    tg_emit(call, "const $T *const lu_ = &$2[%s];", matrix_of(call, &x, 2, at));
    write_factor_check(call, n);
    write_matrix_copy(call, &x, 1, "y_", m);
    tg_emit(call, "$LU_SOLVE(%" PRId64 ", %" PRId64 ", lu_, %s, y_);", n, m, truth(turn));
    close_stack(call, &x, 2);
}

void tgi_det_emit(tg_emit_call *call) {
    const tg_type *y = &call->out, *lu = &call->in[1];
    int64_t        kind = ((const tgi_det_attr *)call->attr)->kind, n = lu->dims[lu->rank - 1];
    char           at[TGI_INDICES_TEXT], y_at[TGI_INDICES_TEXT];
    if (tgi_size(y->rank, y->dims) == 0) return;
    if (n == 0) {
        tg_emit(call, "$for(i, %" PRId64 ")\n$y[#i] = %d;\n}", tgi_size(y->rank, y->dims), kind == TGI_DET || kind == TGI_SIGN);
        return;
    }
    require_one_piece(call, 1);
    tgi_indices x = open_stack(call, y->rank, 2), whole = tgi_indices_of(y->rank, y->dims, 0);
    tg_emit(call, "const $T *const lu_ = &$1[%s];", matrix_of(call, &x, 1, at));
    if (kind != TGI_DET) write_factor_check(call, n);
    if (kind == TGI_LOG) tg_emit(call, "if ($LU_SIGN(%" PRId64 ", lu_) < 0) {\n$fail_numeric(a determinant is negative)\n}", n);
    tg_emit(call, "$y[%s] = %s(%" PRId64 ", lu_);", tgi_indices_text(&whole, y_at),
            kind == TGI_DET    ? "$LU_DET"
            : kind == TGI_SIGN ? "$LU_SIGN"
                               : "$LU_LOG",
            n);
    close_stack(call, &x, 2);
}

void tgi_lacking_emit(tg_emit_call *call) {
    enum { MORE = 5 };
    const tg_type *y = &call->out, *a = &call->in[0];
    int64_t        n = a->dims[a->rank - 1];
    char           at[TGI_INDICES_TEXT];
    if (tgi_size(y->rank, y->dims) == 0) return;
    require_one_piece(call, 1);
    tgi_indices x = open_stack(call, y->rank - 2, 2);
    write_matrix_pointer(call, &x);
    tg_emit(call, "double *const m_ = $scratch(%" PRId64 ");\nint row_[%" PRId64 "], column_[%" PRId64 "];", n * n, n, n);
    tg_emit(call, "const $T *const lu_ = &$1[%s];", matrix_of(call, &x, 1, at));
    tg_emit(call, "$for(ii, %" PRId64 ")\ny_[ii] = ii %% %" PRId64 " == %" PRId64 " ? 1 : 0;\n}", n * (n + MORE), n + MORE,
            n + MORE - 1);
    write_matrix_copy(call, &x, 0, "m_", n);
    tg_emit(call, "if ($LU_FAULT(%" PRId64 ", lu_) > 0) $LACKING(%" PRId64 ", m_, row_, column_, y_);", n, n);
    close_stack(call, &x, 2);
}
