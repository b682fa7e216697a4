/* ops/matmul.c: the matrix product, for stacks of matrices too.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernels/gemm.h"
#include "kernels/strided.h"
#include "ops/ops.h"

/* ---- the shape rule: (..., m, k) x (..., k, n) -> (..., m, n) ----------------------------------------------------- */

static tg_status infer_matmul(tg_infer *call) {
    const tg_type *a = &call->in[0], *b = &call->in[1];
    if (a->dtype != b->dtype) return tg_refuse(call, TG_ERR_DTYPE, "dtypes differ: convert one with tg_cast");
    if (!tgi_floating(a->dtype))
        return tg_refuse(call, TG_ERR_DTYPE, "it takes no %s: convert with tg_cast", tg_dtype_name(a->dtype));
    if (a->rank < 2 || b->rank < 2) return tg_refuse(call, TG_ERR_SHAPE, "a single number is no matrix: tg_mul scales");
    int64_t m = a->dims[a->rank - 2], k = a->dims[a->rank - 1], l = b->dims[b->rank - 2], n = b->dims[b->rank - 1];
    if (k != l)
        return tg_refuse(call, TG_ERR_SHAPE, "inner sizes %lld and %lld differ", (long long)k, (long long)l);
    if (!tgi_broadcast(&call->out.rank, call->dims, a->rank - 2, a->dims, b->rank - 2, b->dims))
        return tg_refuse(call, TG_ERR_SHAPE, "the axes before the last two do not broadcast");
    if (call->out.rank + 2 > TG_MAX_RANK) return tg_refuse(call, TG_ERR_SHAPE, "too many axes");
    call->dims[call->out.rank++] = m;
    call->dims[call->out.rank++] = n;
    call->out.dtype = a->dtype;
    call->out.dims = call->dims;
    return TG_OK;
}

/* ---- the kernel: one product for each matrix of the stack -------------------------------------------------------- */

typedef struct product {
    tg_dtype dtype;
    int64_t  m, n, k, a_row, a_col, b_row, b_col;
    void    *scratch;
} product;

static void multiply(const product *p, const char *a, const char *b, char *c) {
    if (p->dtype == TG_F32)
        tgi_gemm_f32(p->m, p->n, p->k, (const float *)a, p->a_row, p->a_col, (const float *)b, p->b_row, p->b_col, (float *)c,
                     p->scratch);
    else
        tgi_gemm_f64(p->m, p->n, p->k, (const double *)a, p->a_row, p->a_col, (const double *)b, p->b_row, p->b_col, (double *)c,
                     p->scratch);
}

static product product_of(const tg_array *a, const tg_array *b) {
    int i = a->rank - 2, j = b->rank - 2;
    return (product){.dtype = a->dtype,
                     .m = a->dims[i],
                     .k = a->dims[i + 1],
                     .n = b->dims[j + 1],
                     .a_row = a->strides[i],
                     .a_col = a->strides[i + 1],
                     .b_row = b->strides[j],
                     .b_col = b->strides[j + 1]};
}

/* Where the matrix lies that belongs to position `index` in the stack, in elements. */
static int64_t offset_in_stack(const int64_t *strides, const int64_t *index, int rank) {
    int64_t offset = 0;
    for (int i = 0; i < rank; i++)
        offset += index[i] * strides[i];
    return offset;
}

static void next_index(int64_t *index, const int64_t *dims, int rank) {
    for (int i = rank - 1; i >= 0; i--) {
        if (++index[i] < dims[i]) return;
        index[i] = 0;
    }
}

static tg_status matmul_kernel(tg_kernel_call *call) {
    const tg_array *a = &call->in[0], *b = &call->in[1], *c = &call->out;
    if (c->size == 0) return TG_OK;
    product p = product_of(a, b);
    size_t  width = tg_dtype_size(p.dtype);
    p.scratch = tg_scratch(call, tgi_gemm_scratch(p.m, p.n, p.k, width));
    if (!p.scratch) return TG_ERR_MEMORY;

    int     rank = c->rank - 2;
    int64_t a_strides[TG_MAX_RANK], b_strides[TG_MAX_RANK], index[TG_MAX_RANK] = {0};
    tgi_stretch(a->rank - 2, a->dims, a->strides, rank, c->dims, a_strides);
    tgi_stretch(b->rank - 2, b->dims, b->strides, rank, c->dims, b_strides);
    ptrdiff_t element = (ptrdiff_t)width;
    for (int64_t i = 0, count = tgi_size(rank, c->dims); i < count; i++) {
        multiply(&p, (const char *)a->data + offset_in_stack(a_strides, index, rank) * element,
                 (const char *)b->data + offset_in_stack(b_strides, index, rank) * element,
                 (char *)c->data + i * p.m * p.n * element);
        next_index(index, c->dims, rank);
    }
    return TG_OK;
}

/* ---- the gradient rules ------------------------------------------------------------------------------------------ */

static tg_tensor matmul_rule_a(const tg_rule_call *call) {
    return tg_matmul(call->g, tg_transpose(call->x[1], -1, -2));
}

static tg_tensor matmul_rule_b(const tg_rule_call *call) {
    return tg_matmul(tg_transpose(call->x[0], -1, -2), call->g);
}

static tg_rule *const matmul_rules[] = {matmul_rule_a, matmul_rule_b};

static const tg_op matmul = {"matmul", 2, infer_matmul, .kernel = matmul_kernel, .rules = matmul_rules};

/* ---- the recording function -------------------------------------------------------------------------------------- */

static tg_shape without_axis(tg_shape shape, int axis) {
    shape.rank--;
    memmove(&shape.dims[axis], &shape.dims[axis + 1], (size_t)(shape.rank - axis) * sizeof *shape.dims);
    return shape;
}

static bool is_vector(tg_tensor x) {
    return tgi_tape_of(x) && tg_valid(x) && tgi_node_at(x.tape, tgi_index(x))->rank == 1;
}

/* Vectors become matrices of one row or one column, and that axis leaves the result again. */
static tg_tensor matmul_of_vectors(tg_tensor a, tg_tensor b, bool row, bool column) {
    tg_tensor matrix = row ? tg_reshape(a, TG_SHAPE(1, -1)) : a;
    tg_tensor c = tg_matmul(matrix, column ? tg_reshape(b, TG_SHAPE(-1, 1)) : b);
    if (!tg_valid(c)) return c;
    tg_shape shape = tg_shape_of(c);
    if (column) shape = without_axis(shape, shape.rank - 1);
    if (row) shape = without_axis(shape, shape.rank - 1 - !column);
    return tg_reshape(c, shape);
}

tg_tensor(tg_matmul)(tg_tensor a, tg_tensor b) {
    bool row = is_vector(a), column = is_vector(b);
    if (!row && !column) return tg_record(NULL, &matmul, 2, ((tg_tensor[]){a, b}), NULL, 0);
    tg_tape *tape = row ? a.tape : b.tape;
    tgi_call call = tgi_begin(tape);
    return tgi_end_with(tape, call, matmul_of_vectors(a, b, row, column));
}
