/* ops/c_text.c: what the C texts of ops share.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/c_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

tgi_indices tgi_indices_of(int rank, const int64_t *dims, int first) {
    static const char *const variables[] = {"i", "j", "k", "l", "m", "n", "o", "p", "ii", "jj", "kk", "ll"};
    tgi_indices              x = {.rank = rank};
    for (int i = 0; i < rank; i++)
        strcpy(x.axis[i], dims[i] == 1 ? "0" : variables[first + i]);
    return x;
}

const char *tgi_indices_text(const tgi_indices *x, char text[TGI_INDICES_TEXT]) {
    size_t length = 0;
    text[0] = 0;
    for (int i = 0; i < x->rank; i++)
        length += (size_t)snprintf(text + length, TGI_INDICES_TEXT - length, i ? ", %s" : "%s", x->axis[i]);
    return text;
}

tgi_indices tgi_last_indices(const tgi_indices *x, int rank) {
    tgi_indices last = {.rank = rank};
    for (int i = 0; i < rank; i++)
        strcpy(last.axis[i], x->axis[x->rank - rank + i]);
    return last;
}

const char *tgi_number_text(int64_t offset, const int64_t *strides, const tgi_indices *x, char text[TGI_INDICES_TEXT]) {
    size_t length = (size_t)snprintf(text, TGI_INDICES_TEXT, "%" PRId64, offset);
    for (int i = 0; i < x->rank; i++) {
        if (!strcmp(x->axis[i], "0") || !strides[i]) continue;
        if (length == 1 && *text == '0' && strides[i] > 0) length = 0;
        length += (size_t)snprintf(text + length, TGI_INDICES_TEXT - length, "%s%s",
                                   !length          ? ""
                                   : strides[i] < 0 ? " - "
                                                    : " + ",
                                   x->axis[i]);
        if (strides[i] != 1 && strides[i] != -1)
            length += (size_t)snprintf(text + length, TGI_INDICES_TEXT - length, " * %" PRId64,
                                       strides[i] < 0 ? -strides[i] : strides[i]);
    }
    return text;
}

void tgi_write_zeros(tg_emit_call *call) {
    tg_emit(call, "$for(i, %" PRId64 ")\n$y[#i] = 0;\n}", tgi_size(call->out.rank, call->out.dims));
}

void tgi_write_copy(tg_emit_call *call) {
    tg_emit(call, "$for(i, %" PRId64 ")\n$y[#i] = $0[#i];\n}", tgi_size(call->out.rank, call->out.dims));
}

static bool is_loop(const tgi_indices *x, int axis) {
    return strcmp(x->axis[axis], "0") != 0;
}

void tgi_open_loops(tg_emit_call *call, const tgi_indices *x, int from, int to, const int64_t *dims) {
    for (int i = from; i < to; i++)
        if (is_loop(x, i)) tg_emit(call, "$for(%s, %" PRId64 ")", x->axis[i], dims[i]);
}

void tgi_close_loops(tg_emit_call *call, const tgi_indices *x, int from, int to) {
    for (int i = from; i < to; i++)
        if (is_loop(x, i)) tg_emit(call, "}");
}

const char *tgi_with_index(const char *text, const char *index, char out[TGI_INDICES_TEXT]) {
    size_t length = 0, size = strlen(index);
    for (; *text && length + size + 1 < TGI_INDICES_TEXT; text++) {
        if (*text != '@') {
            out[length++] = *text;
            continue;
        }
        memcpy(out + length, index, size);
        length += size;
    }
    out[length] = 0;
    return out;
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

enum { LANES = 8, BLOCK = 512, FEW = 32 };

static void write_term(tg_emit_call *call, const char *sum, const char *term, const char *index) {
    char text[TGI_INDICES_TEXT];
    tg_emit(call, "%s += %s;", sum, tgi_with_index(term, index, text));
}

/* Opens the loop over blocks. */
static void open_blocks(tg_emit_call *call, int64_t n) {
    tg_emit(call, "for ($I block = 0; block < %" PRId64 "; block += %d) {", n, BLOCK);
    tg_emit(call, "const $I end = block + %d < %" PRId64 " ? block + %d : %" PRId64 ";", BLOCK, n, BLOCK, n);
}

/* The sum of each block by itself, so that the rounding error of many terms stays small. */
static void write_blocks(tg_emit_call *call, const char *sum, const char *variable, int64_t n, const char *term) {
    open_blocks(call, n);
    tg_emit(call, "$T part = 0;\nfor ($I %s = block; %s < end; %s++) {", variable, variable, variable);
    write_term(call, "part", term, variable);
    tg_emit(call, "}\n%s += part;\n}", sum);
}

/* The first `n` terms, a multiple of the lanes. */
static void write_lanes(tg_emit_call *call, const char *sum, const char *variable, int64_t n, const char *term) {
    char index[TGI_INDEX_TEXT];
    bool blocks = n > 2 * BLOCK;
    snprintf(index, sizeof index, "%s + lane", variable);
    if (blocks) open_blocks(call, n);
    tg_emit(call, "$T lanes[%d] = {0, 0, 0, 0, 0, 0, 0, 0};", LANES);
    if (blocks)
        tg_emit(call, "for ($I %s = block; %s < end; %s += %d) {", variable, variable, variable, LANES);
    else
        tg_emit(call, "for ($I %s = 0; %s < %" PRId64 "; %s += %d) {", variable, variable, n, variable, LANES);
    tg_emit(call, "$for(lane, %d)", LANES);
    write_term(call, "lanes[lane]", term, index);
    tg_emit(call,
            "}\n}\n%s += ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));",
            sum);
    if (blocks) tg_emit(call, "}");
}

void tgi_write_sum(tg_emit_call *call, const char *sum, const char *variable, int64_t n, const char *term) {
    int64_t in_lanes = tgi_floating(call->out.dtype) && n > FEW && !call->small ? n / LANES * LANES : 0;
    if (call->small && n > 2 * BLOCK) {
        write_blocks(call, sum, variable, n, term);
        return;
    }
    if (in_lanes) tg_emit(call, "{");
    if (in_lanes) write_lanes(call, sum, variable, in_lanes, term);
    if (in_lanes) tg_emit(call, "}");
    if (n == 1) {
        write_term(call, sum, term, "0");
        return;
    }
    if (in_lanes == n) return;
    tg_emit(call, "for ($I %s = %" PRId64 "; %s < %" PRId64 "; %s++) {", variable, in_lanes, variable, n, variable);
    write_term(call, sum, term, variable);
    tg_emit(call, "}");
}
