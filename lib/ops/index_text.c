/* ops/index_text.c: take, gather and scatter in C.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/index.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/c_text.h"

/* ---- take --------------------------------------------------------------------------------------------------- */

void tgi_write_index_check(tg_emit_call *call, int k, int64_t size) {
    if (size == 0) { /* which no index is in */
        tg_emit(call, "$for(i, %" PRId64 ")\n$fail(an index is out of range for an axis of size 0)\n}",
                tgi_size(call->in[k].rank, call->in[k].dims));
        return;
    }
    tg_emit(call, "$for(i, %" PRId64 ")\nif ($%d[#i] < 0 || $%d[#i] >= %" PRId64 ") {",
            tgi_size(call->in[k].rank, call->in[k].dims), k, k, size);
    tg_emit(call, "$fail_index(an index is out of range for an axis of size %" PRId64 ")\n}\n}", size);
}

/* For each slice that is taken: what is done with the whole, of that type, and with the slices. */
static void write_take(tg_emit_call *call, const tg_type *whole, const char *whole_array, const char *with,
                       const char *slices) {
    const tgi_along *attr = call->attr;
    const tg_type   *index = &call->in[1];
    int              axis = (int)attr->axis;
    int64_t          outer = tgi_size(axis, whole->dims), inner = tgi_size(whole->rank - axis - 1, whole->dims + axis + 1);
    int64_t          count = tgi_size(index->rank, index->dims);
    char             of_whole[128], of_slices[128];
    snprintf(of_whole, sizeof of_whole, "%s[#(o * %" PRId64 " + ($I)$1[#k]) * %" PRId64 " + i]", whole_array, attr->size,
             inner);
    snprintf(of_slices, sizeof of_slices, "%s[#(o * %" PRId64 " + k) * %" PRId64 " + i]", slices, count, inner);
    bool back = whole == &call->out;
    tgi_write_index_check(call, 1, attr->size);
    tg_emit(call, "$for(o, %" PRId64 ")\n$for(k, %" PRId64 ")\n$for(i, %" PRId64 ")", outer, count, inner);
    tg_emit(call, "%s %s %s;\n}\n}\n}", back ? of_whole : of_slices, with, back ? of_slices : of_whole);
}

void tgi_take_emit(tg_emit_call *call) {
    write_take(call, &call->in[0], "$0", "=", "$y");
}

void tgi_take_emit_add_back(tg_emit_call *call) {
    write_take(call, &call->out, "$y", "+=", "$0");
}

/* ---- gather and scatter ------------------------------------------------------------------------------------- */

/* Opens the loops over the indices of operand 1, and gives those of an index and, in text, the indices of an element of the whole. */
static tgi_indices open_indices(tg_emit_call *call, char at[TGI_INDICES_TEXT], char whole_at[TGI_INDICES_TEXT]) {
    const tgi_along *attr = call->attr;
    const tg_type   *index = &call->in[1];
    tgi_indices      x = tgi_indices_of(index->rank, index->dims, 0), whole = x;
    tgi_indices_text(&x, at);
    strcpy(whole.axis[attr->axis], "@");
    char pattern[TGI_INDICES_TEXT], index_text[TGI_INDICES_TEXT + 16];
    snprintf(index_text, sizeof index_text, "($I)$1[%s]", at);
    tgi_with_index(tgi_indices_text(&whole, pattern), index_text, whole_at);
    tgi_write_index_check(call, 1, attr->size);
    tgi_open_loops(call, &x, 0, index->rank, index->dims);
    return x;
}

static void close_indices(tg_emit_call *call, const tgi_indices *x) {
    tgi_close_loops(call, x, 0, x->rank);
}

void tgi_gather_emit(tg_emit_call *call) {
    char        at[TGI_INDICES_TEXT], whole_at[TGI_INDICES_TEXT];
    tgi_indices x = open_indices(call, at, whole_at);
    tg_emit(call, "$y[%s] = $0[%s];", at, whole_at);
    close_indices(call, &x);
}

void tgi_gather_emit_add_back(tg_emit_call *call) {
    char        at[TGI_INDICES_TEXT], whole_at[TGI_INDICES_TEXT];
    tgi_indices x = open_indices(call, at, whole_at);
    tg_emit(call, "$y[%s] += $0[%s];", whole_at, at);
    close_indices(call, &x);
}

void tgi_write_scattered(tg_emit_call *call, const char *statement) {
    char        at[TGI_INDICES_TEXT], whole_at[TGI_INDICES_TEXT], source_at[TGI_INDICES_TEXT];
    tgi_indices x = open_indices(call, at, whole_at), source = tgi_last_indices(&x, call->in[2].rank);
    tgi_indices_text(&source, source_at);
    tg_emit(call, statement, whole_at, source_at, whole_at);
    close_indices(call, &x);
}

/* Sums of integers wrap around, those of bool are "or". */
static void write_scatter(tg_emit_call *call, bool add) {
    static const char *const sums[TG_DTYPES] = {[TG_F32] = "$y[%s] += $2[%s];",
                                                [TG_F64] = "$y[%s] += $2[%s];",
                                                [TG_I64] = "$y[%s] = (int64_t)((uint64_t)$2[%s] + (uint64_t)$y[%s]);",
                                                [TG_BOOL] = "$y[%s] = $2[%s] || $y[%s];"};
    tgi_write_copy(call);
    tgi_write_scattered(call, add ? sums[call->out.dtype] : "$y[%s] = $2[%s];");
}

void tgi_scatter_emit(tg_emit_call *call) {
    write_scatter(call, false);
}

void tgi_scatter_add_emit(tg_emit_call *call) {
    write_scatter(call, true);
}
