/* ops/pack.c: the identity; triangles of matrices as vectors, and back.
 *
 * A packed triangle has the rows of the lower triangle one after the other. Packing and unpacking are each other's gradient.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "kernels/copy.h"
#include "ops/c_text.h"
#include "ops/ops.h"

/* ---- the identity ------------------------------------------------------------------------------------------------ */

tg_tensor(tg_eye)(tg_tape *tape, tg_dtype dtype, int64_t rows, int64_t columns) {
    if (tgi_check(tape)) return tgi_invalid(tape);
    if (rows < 0 || columns < 0) {
        tgi_fail(tape, TG_ERR_ARGUMENT, "eye", "%lld rows and %lld columns", (long long)rows, (long long)columns);
        return tgi_invalid(tape);
    }
    tg_scope  scope = tg_begin_scope(tape, "eye");
    tg_tensor row = tg_arange(tape, TG_I64, 0, (double)rows, 1), column = tg_arange(tape, TG_I64, 0, (double)columns, 1);
    return tg_end_scope_with(scope, tg_cast(tg_eq(tg_unsqueeze(row, 1), column), dtype));
}

/* ---- packed triangles -------------------------------------------------------------------------------------------- */

static tg_status infer_pack(tg_infer *call) {
    const tg_type *x = &call->in[0];
    int            rank = x->rank;
    if (rank < 2 || x->dims[rank - 2] != x->dims[rank - 1])
        return tg_refuse(call, TG_ERR_SHAPE, "the last two axes are no square matrix");
    int64_t n = x->dims[rank - 1];
    call->out = (tg_type){.dtype = x->dtype, .rank = rank - 1, .dims = call->dims};
    memcpy(call->dims, x->dims, (size_t)(rank - 2) * sizeof(int64_t));
    call->dims[rank - 2] = n % 2 ? (n + 1) / 2 * n : n / 2 * (n + 1);
    return TG_OK;
}

/* The n with n (n + 1) / 2 = packed; -1 when there is none. By bisection: exact for all sizes. */
static int64_t order_of(int64_t packed) {
    int64_t low = 0, high = (int64_t)1 << 31;
    while (low < high) {
        int64_t n = low + (high - low) / 2;
        if (n * (n + 1) / 2 < packed)
            low = n + 1;
        else
            high = n;
    }
    return low * (low + 1) / 2 == packed ? low : -1;
}

static tg_status infer_unpack(tg_infer *call) {
    const tg_type *x = &call->in[0];
    int            rank = x->rank;
    int64_t        n = rank ? order_of(x->dims[rank - 1]) : -1;
    if (rank == 0) return tg_refuse(call, TG_ERR_SHAPE, "a single number has no axis");
    if (n < 0) return tg_refuse(call, TG_ERR_SHAPE, "%lld elements are no triangle", (long long)x->dims[rank - 1]);
    if (rank == TG_MAX_RANK) return tg_refuse(call, TG_ERR_SHAPE, "the result would have more than %d axes", TG_MAX_RANK);
    call->out = (tg_type){.dtype = x->dtype, .rank = rank + 1, .dims = call->dims};
    memcpy(call->dims, x->dims, (size_t)rank * sizeof(int64_t));
    call->dims[rank - 1] = call->dims[rank] = n;
    return TG_OK;
}

/* Copies the rows of triangles between matrices of n x n and where they are packed. */
static void copy_rows(int64_t matrices, int64_t n, size_t width, const char *matrix, const char *packed, char *to) {
    for (int64_t i = 0; i < matrices * n; i++) {
        int64_t row = i % n, before = i / n * (n * (n + 1) / 2) + row * (row + 1) / 2;
        size_t  bytes = (size_t)(row + 1) * width;
        if (packed)
            tgi_copy_bytes(to + (size_t)(i * n) * width, packed + (size_t)before * width, bytes);
        else
            tgi_copy_bytes(to + (size_t)before * width, matrix + (size_t)(i * n) * width, bytes);
    }
}

static tg_status pack_kernel(tg_kernel_call *call) {
    const tg_array *x = &call->in[0];
    const char     *from = tg_contiguous(call, 0);
    int64_t         n = x->dims[x->rank - 1];
    if (!from) return TG_ERR_MEMORY;
    copy_rows(x->size ? x->size / n / n : 0, n, tg_dtype_size(x->dtype), from, NULL, call->out.data);
    return TG_OK;
}

static tg_status unpack_kernel(tg_kernel_call *call) {
    const tg_array *y = &call->out;
    const char     *from = tg_contiguous(call, 0);
    int64_t         n = y->dims[y->rank - 1];
    if (!from) return TG_ERR_MEMORY;
    memset(y->data, 0, (size_t)y->size * tg_dtype_size(y->dtype));
    copy_rows(y->size ? y->size / n / n : 0, n, tg_dtype_size(y->dtype), NULL, from, y->data);
    return TG_OK;
}

static void pack_emit(tg_emit_call *call) {
    const tg_type *x = &call->in[0];
    int64_t        n = x->dims[x->rank - 1];
    tg_emit(call, "$for(k, %" PRId64 ")\n$for(i, %" PRId64 ")\nfor ($I j = 0; j <= i; j++) {", tgi_size(x->rank - 2, x->dims),
            n);
    tg_emit(call, "$y[#k * %" PRId64 " + i * (i + 1) / 2 + j] = $0[#(k * %" PRId64 " + i) * %" PRId64 " + j];\n}\n}\n}",
            n * (n + 1) / 2, n, n);
}

static void unpack_emit(tg_emit_call *call) {
    const tg_type *y = &call->out;
    int64_t        n = y->dims[y->rank - 1];
    tgi_write_zeros(call);
    tg_emit(call, "$for(k, %" PRId64 ")\n$for(i, %" PRId64 ")\nfor ($I j = 0; j <= i; j++) {", tgi_size(y->rank - 2, y->dims),
            n);
    tg_emit(call, "$y[#(k * %" PRId64 " + i) * %" PRId64 " + j] = $0[#k * %" PRId64 " + i * (i + 1) / 2 + j];\n}\n}\n}", n, n,
            n * (n + 1) / 2);
}

static tg_tensor pack_rule(const tg_rule_call *call) {
    return tg_tril_unpack(call->g);
}

static tg_tensor unpack_rule(const tg_rule_call *call) {
    return tg_tril_pack(call->g);
}

static tg_rule *const pack_rules[] = {pack_rule}, *const unpack_rules[] = {unpack_rule};

tg_tensor(tg_tril_pack)(tg_tensor x) {
    static const tg_op op = {"tril_pack",         1,
                             infer_pack,          .kernel = pack_kernel,
                             .rules = pack_rules, .linearity = TG_MOVES,
                             .emit = pack_emit,   .batch = tg_batch_stack};
    return tg_record(NULL, &op, 1, &x, NULL, 0);
}

tg_tensor(tg_tril_unpack)(tg_tensor x) {
    static const tg_op op = {"tril_unpack",         1,
                             infer_unpack,          .kernel = unpack_kernel,
                             .rules = unpack_rules, .linearity = TG_MOVES,
                             .emit = unpack_emit,   .batch = tg_batch_stack};
    return tg_record(NULL, &op, 1, &x, NULL, 0);
}
