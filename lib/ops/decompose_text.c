/* ops/decompose_text.c: eigenvectors, singular vectors and QR in C.
 *
 * What is done with one matrix, in double, is a helper of the C file (emit/orthogonal_helpers.c); here are the loops over the stacks.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/c_text.h"
#include "ops/linalg.h"

void tgi_found_emit(tg_emit_call *call) {
    const tgi_part_attr *attr = call->attr;
    int                  rank = call->in[1].rank, column = attr->form == TGI_ROWS ? rank - 2 : rank - 1;
    tgi_indices          y = tgi_indices_of(call->out.rank, call->out.dims, 0), x = y;
    char                 y_at[TGI_INDICES_TEXT], x_at[TGI_INDICES_TEXT];
    x.rank = rank;
    if (attr->form == TGI_ROWS) strcpy(x.axis[rank - 2], y.axis[rank - 1]);
    snprintf(x.axis[rank - 1], TGI_INDEX_TEXT, "%s + %" PRId64, attr->form == TGI_VECTOR ? "0" : y.axis[column], attr->from);
    tgi_open_loops(call, &y, 0, y.rank, call->out.dims);
    tg_emit(call, "$y[%s] = $1[%s];", tgi_indices_text(&y, y_at), tgi_indices_text(&x, x_at));
    tgi_close_loops(call, &y, 0, y.rank);
}

/* ---- what they share --------------------------------------------------------------------------------------------- */

/* Opens the loops over the stack; a_ becomes `numbers` doubles, the first of which are the matrix, whose element "ii, jj" goes to `to`. What is
 * read has the indices `row` and `column` then. Returns the indices in the stack. */
static tgi_indices begin_text(tg_emit_call *call, int64_t numbers, const char *row, const char *column, const char *to) {
    const tg_type *a = &call->in[0];
    int64_t        m = a->dims[a->rank - 2], n = a->dims[a->rank - 1];
    tgi_indices    stack = tgi_indices_of(a->rank - 2, a->dims, 0), at = stack;
    char           text[TGI_INDICES_TEXT];
    tgi_open_loops(call, &stack, 0, stack.rank, a->dims);
    strcpy(at.axis[at.rank++], row);
    strcpy(at.axis[at.rank++], column);
    tg_emit(call, "double *const a_ = $scratch(%" PRId64 ");", numbers);
    tg_emit(call, "$for(ii, %" PRId64 ")\n$for(jj, %" PRId64 ")\na_[%s] = $0[%s];\n}\n}", m, n, to,
            tgi_indices_text(&at, text));
    tg_emit(call, "if ($NOT_FINITE(%" PRId64 ", a_)) {\n$fail_numeric(a matrix holds NaN or infinity)\n}", m * n);
    return stack;
}

/* Writes `count` doubles a row of `rows` into what is found, from column `from` on. */
static void write_rows(tg_emit_call *call, const tgi_indices *stack, int64_t rows, int64_t from, int64_t count,
                       const char *name) {
    tgi_indices at = *stack;
    char        text[TGI_INDICES_TEXT];
    strcpy(at.axis[at.rank++], "ii");
    snprintf(at.axis[at.rank++], TGI_INDEX_TEXT, "jj + %" PRId64, from);
    tg_emit(call, "$for(ii, %" PRId64 ")\n$for(jj, %" PRId64 ")\n$y[%s] = ($T)%s[ii * %" PRId64 " + jj];\n}\n}", rows, count,
            tgi_indices_text(&at, text), name, count);
}

static void end_text(tg_emit_call *call, const tgi_indices *stack) {
    tgi_close_loops(call, stack, 0, stack->rank);
}

/* ---- the decompositions ------------------------------------------------------------------------------------------ */

void tgi_eigh_emit(tg_emit_call *call) {
    int64_t n = call->in[0].dims[call->in[0].rank - 1];
    bool    upper = ((const tgi_eigh_attr *)call->attr)->upper != 0;
    char    to[TGI_INDEX_TEXT];
    if (tgi_size(call->out.rank, call->out.dims) == 0) return;
    snprintf(to, sizeof to, "ii * %" PRId64 " + jj", n);
    tgi_indices stack = begin_text(call, 2 * n * n + n, upper ? "ii < jj ? ii : jj" : "ii > jj ? ii : jj",
                                   upper ? "ii < jj ? jj : ii" : "ii > jj ? jj : ii", to);
    tg_emit(call, "double *const v_ = a_ + %" PRId64 ", *const value_ = v_ + %" PRId64 ";", n * n, n * n);
    tg_emit(call, "$EIGH(%" PRId64 ", a_, value_, v_);", n);
    write_rows(call, &stack, n, 0, 1, "value_");
    write_rows(call, &stack, n, 1, n, "v_");
    end_text(call, &stack);
}

void tgi_svd_emit(tg_emit_call *call) {
    int64_t m = call->in[0].dims[call->in[0].rank - 2], n = call->in[0].dims[call->in[0].rank - 1], k = m < n ? m : n;
    bool    wide = m < n;
    char    to[TGI_INDEX_TEXT];
    if (tgi_size(call->out.rank, call->out.dims) == 0) return;
    snprintf(to, sizeof to, wide ? "ii * %" PRId64 " + jj" : "jj * %" PRId64 " + ii", wide ? n : m);
    tgi_indices stack = begin_text(call, m * n + k * k + k, "ii", "jj", to);
    tg_emit(call, "double *const v_ = a_ + %" PRId64 ", *const value_ = v_ + %" PRId64 ";", m * n, k * k);
    tg_emit(call, "$SVD(%" PRId64 ", %" PRId64 ", a_, value_, v_);", k, wide ? n : m);
    write_rows(call, &stack, k, 0, 1, "value_");
    write_rows(call, &stack, k, 1, m, wide ? "v_" : "a_");
    write_rows(call, &stack, k, 1 + m, n, wide ? "a_" : "v_");
    end_text(call, &stack);
}

void tgi_qr_emit(tg_emit_call *call) {
    int64_t m = call->in[0].dims[call->in[0].rank - 2], n = call->in[0].dims[call->in[0].rank - 1];
    char    to[TGI_INDEX_TEXT];
    if (tgi_size(call->out.rank, call->out.dims) == 0) return;
    snprintf(to, sizeof to, "jj * %" PRId64 " + ii", m);
    tgi_indices stack = begin_text(call, m * n + n * n, "ii", "jj", to);
    tg_emit(call, "double *const r_ = a_ + %" PRId64 ";\n$QR(%" PRId64 ", %" PRId64 ", a_, r_);", m * n, n, m);
    write_rows(call, &stack, n, 0, m, "a_");
    write_rows(call, &stack, n, m, n, "r_");
    end_text(call, &stack);
}
