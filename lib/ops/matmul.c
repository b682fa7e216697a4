/* ops/matmul.c: the matrix product, for stacks of matrices too.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernels/gemm.h"
#include "kernels/strided.h"
#include "kernels/threads.h"
#include "ops/batched.h"
#include "ops/c_text.h"

/* ---- the shape rule: (..., m, k) x (..., k, n) -> (..., m, n) ----------------------------------------------------- */

/* A vector is a row at the left, a column at the right: a matrix with one more axis, of size 1. */
static tg_type as_matrix(tg_type x, bool left, int64_t dims[2]) {
    if (x.rank != 1) return x;
    dims[0] = left ? 1 : x.dims[0];
    dims[1] = left ? x.dims[0] : 1;
    return (tg_type){x.dtype, 2, dims};
}

static tg_status infer_matmul(tg_infer *call) {
    const tg_type *x = call->in;
    if (tgi_require_one_dtype(call) || tgi_require_dtype(call, x[0].dtype, TGI_FLOATS)) return call->tape->status;
    if (x[0].rank == 0 || x[1].rank == 0) return tg_refuse(call, TG_ERR_SHAPE, "a single number is no matrix: tg_mul scales");

    int64_t a_dims[2], b_dims[2];
    tg_type a = as_matrix(x[0], true, a_dims), b = as_matrix(x[1], false, b_dims);
    int64_t k = a.dims[a.rank - 1], l = b.dims[b.rank - 2];
    if (k != l) return tg_refuse(call, TG_ERR_SHAPE, "inner sizes %lld and %lld differ", (long long)k, (long long)l);
    call->out = (tg_type){.dtype = a.dtype, .dims = call->dims};
    if (!tgi_broadcast(&call->out.rank, call->dims, a.rank - 2, a.dims, b.rank - 2, b.dims))
        return tg_refuse(call, TG_ERR_SHAPE, "the axes before the last two do not broadcast");
    if (x[0].rank > 1) call->dims[call->out.rank++] = a.dims[a.rank - 2];
    if (x[1].rank > 1) call->dims[call->out.rank++] = b.dims[b.rank - 1];
    return TG_OK;
}

/* ---- the kernel: one product for each matrix of the stack -------------------------------------------------------- */

/* How a product is computed. Small ones, and many that are no job for a BLAS, are distributed over the threads; a large one uses all of
 * them, or those of the BLAS. */
typedef struct product {
    tg_dtype  dtype;
    int64_t   m, n, k, a_row, a_col, b_row, b_col;
    bool      shared;
    tgi_team *team; /* of a product */
    char     *scratch;
    size_t    room; /* of a product */
} product;

/* The stack, with the strides between its matrices in the operands. */
typedef struct stack {
    product         product;
    const tg_array *a, *b, *c;
    int64_t         a_strides[TG_MAX_RANK], b_strides[TG_MAX_RANK];
} stack;

#define DEFINE_MULTIPLY(suffix) \
    static void multiply_##suffix(const product *p, const void *a, const void *b, void *c, void *scratch) { \
        (p->shared ? tgi_gemm_builtin_##suffix : tgi_gemm_##suffix)(p->m, p->n, p->k, a, p->a_row, p->a_col, b, p->b_row, \
                                                                    p->b_col, c, p->team, scratch); \
    }
DEFINE_MULTIPLY(f32)
DEFINE_MULTIPLY(f64)

/* The array with an axis of size 1 before its axis `at`. */
static tg_array with_axis(const tg_array *array, int at) {
    tg_array wide = *array;
    for (int i = wide.rank++; i > at; i--) {
        wide.dims[i] = wide.dims[i - 1];
        wide.strides[i] = wide.strides[i - 1];
    }
    wide.dims[at] = wide.strides[at] = 1;
    return wide;
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

/* The address of matrix i of a stack. */
static const char *matrix_at(const stack *s, const tg_array *x, const int64_t *strides, int64_t i) {
    int64_t offset = 0;
    for (int axis = s->c->rank - 3; axis >= 0; i /= s->c->dims[axis--])
        offset += i % s->c->dims[axis] * strides[axis];
    return (const char *)x->data + offset * (int64_t)tg_dtype_size(x->dtype);
}

/* The shape rule lets no other dtype in. */
static void multiply_some(const void *job, int share, int64_t from, int64_t to) {
    const stack   *s = job;
    const product *p = &s->product;
    int64_t        bytes = p->m * p->n * (int64_t)tg_dtype_size(p->dtype);
    for (int64_t i = from; i < to; i++) {
        const char *a = matrix_at(s, s->a, s->a_strides, i), *b = matrix_at(s, s->b, s->b_strides, i);
        char       *c = (char *)s->c->data + i * bytes;
        (void)TGI_DISPATCH_FLOATS(p->dtype, multiply, p, a, b, c, p->scratch + (size_t)share * p->room);
    }
}

/* So many that it hardly matters which thread is the last. */
enum { PRODUCTS_A_THREAD = 4 };

static tg_status multiply_stack(tg_kernel_call *call, const tg_array *a, const tg_array *b, const tg_array *c) {
    stack    s = {product_of(a, b), a, b, c, {0}, {0}};
    product *p = &s.product;
    int      rank = c->rank - 2, shares = 1;
    int64_t  count = tgi_size(rank, c->dims);
    double   steps = (double)p->m * (double)p->n * (double)p->k;
    bool many = count >= (int64_t)PRODUCTS_A_THREAD * tg_kernel_threads(call) && steps < (double)TGI_GEMM_BLAS;
    p->shared = count > 1 && (many || steps < (double)TGI_GEMM_PACK);
    p->team = p->shared ? NULL : tgi_team_of(call);
    if (p->shared) shares = tgi_shares_of(tg_kernel_threads(call), count, steps * (double)count, TGI_GEMM_THREAD);
    p->room = tgi_gemm_scratch(p->m, p->n, p->k, tg_dtype_size(p->dtype), tgi_team_size(p->team));
    p->scratch = tg_scratch(call, (size_t)shares * p->room);
    if (!p->scratch) return TG_ERR_MEMORY;
    tgi_stretch(a->rank - 2, a->dims, a->strides, rank, c->dims, s.a_strides);
    tgi_stretch(b->rank - 2, b->dims, b->strides, rank, c->dims, s.b_strides);
    tgi_share_out(tgi_team_of(call), shares, count, multiply_some, &s);
    return TG_OK;
}

/* A stack of matrices as one that has all their rows, if these lie in memory like those of one; else it stays as it is. */
static void join_rows(tg_array *x) {
    int     row = x->rank - 2;
    int64_t count = x->dims[row], step = x->strides[row];
    for (int axis = row - 1; axis >= 0; axis--) {
        if (x->dims[axis] == 1) continue;
        if (count > 1 && x->strides[axis] != count * step) return;
        if (count == 1) step = x->strides[axis];
        count *= x->dims[axis];
    }
    x->dims[0] = count, x->strides[0] = step;
    x->dims[1] = x->dims[row + 1], x->strides[1] = x->strides[row + 1];
    x->rank = 2;
}

static bool is_row_major(const tg_array *x) {
    return tgi_is_row_major(x->rank, x->dims, x->strides);
}

/* Whether the second matrix is a single small one, and all are row-major: then each row of the result is computed by itself. */
static bool is_small(const tg_array *a, const tg_array *b) {
    return b->rank == 2 && tgi_gemm_is_small(b->dims[1], b->dims[0]) && is_row_major(a) && is_row_major(b);
}

static tg_status multiply_rows(const tg_array *a, const tg_array *b, const tg_array *c) {
    int64_t n = b->dims[1], k = b->dims[0], rows = c->size / n;
    return TGI_DISPATCH_FLOATS(c->dtype, tgi_gemm_small, rows, n, k, a->data, b->data, c->data);
}

static int matmul_lead(const tg_type *x, const void *attr) {
    (void)attr;
    return x[0].rank > 1 && x[1].rank == 2 && tgi_gemm_is_small(x[1].dims[1], x[1].dims[0]) ? x[0].rank - 1 : -1;
}

static tg_status matmul_kernel(tg_kernel_call *call) {
    tg_array a = call->in[0], b = call->in[1], c = call->out;
    if (c.size == 0) return TG_OK;
    bool row = a.rank == 1, column = b.rank == 1;
    if (row) a = with_axis(&a, 0);
    if (column) b = with_axis(&b, 1);
    if (column) c = with_axis(&c, c.rank);
    if (row) c = with_axis(&c, c.rank - 1);
    if (is_small(&a, &b)) return multiply_rows(&a, &b, &c);
    if (b.rank == 2 && a.rank > 2) join_rows(&a);
    if (a.rank == 2 && b.rank == 2) join_rows(&c);
    return multiply_stack(call, &a, &b, &c);
}

/* ---- the gradient rules ------------------------------------------------------------------------------------------ */

/* An axis of size 1 put in, or taken out, before axis `at`, counted from the front. */
static tg_tensor put_in_axis(tg_tensor x, int at) {
    if (!tg_valid(x)) return x;
    tg_shape shape = tg_shape_of(x);
    for (int i = shape.rank++; i > at; i--)
        shape.dims[i] = shape.dims[i - 1];
    shape.dims[at] = 1;
    return tg_reshape(x, shape);
}

/* A stack of matrices as one that has all their rows. */
static tg_tensor all_rows(tg_tensor x) {
    if (!tg_valid(x)) return x;
    tg_shape shape = tg_shape_of(x);
    int64_t  columns = shape.dims[shape.rank - 1];
    shape.rank--;
    return tg_reshape(x, TG_SHAPE(tg_shape_size(shape), columns));
}

/* The operands and g as matrices, for vectors among them. */
static void as_matrices(const tg_rule_call *call, tg_tensor *a, tg_tensor *b, tg_tensor *g) {
    int  rank = tg_shape_of(call->g).rank;
    bool row = tg_shape_of(call->x[0]).rank == 1, column = tg_shape_of(call->x[1]).rank == 1;
    *a = row ? put_in_axis(call->x[0], 0) : call->x[0];
    *b = column ? put_in_axis(call->x[1], 1) : call->x[1];
    *g = column ? put_in_axis(call->g, rank) : call->g;
    if (row) *g = put_in_axis(*g, rank - !column);
}

/* Whether a matrix has its columns one after the other in memory, being a transposed view of another one. */
static bool is_transposed(tg_tensor x) {
    enum { MOST_VIEWS = 8 };
    static char     memory[1];
    const tgi_node *views[MOST_VIEWS], *node;
    int             count = 0;
    if (!tgi_tape_of(x) || !tg_valid(x)) return false;
    for (node = tgi_node_at(x.tape, tgi_index(x)); node->op->view; node = tgi_node_at(x.tape, node->in[0])) {
        if (count == MOST_VIEWS) return false;
        views[count++] = node;
    }
    tg_array array = {.data = memory, .dtype = (tg_dtype)node->dtype, .rank = node->rank, .size = tgi_node_size(node)};
    memcpy(array.dims, node->dims, node->rank * sizeof *node->dims);
    tgi_row_major(array.rank, array.dims, array.strides);
    while (count-- > 0) {
        tg_array shown = {.dtype = array.dtype, .rank = views[count]->rank, .size = tgi_node_size(views[count])};
        memcpy(shown.dims, views[count]->dims, views[count]->rank * sizeof *shown.dims);
        if (!views[count]->op->view(&array, views[count]->attr, &shown)) tgi_row_major(shown.rank, shown.dims, shown.strides);
        shown.data = memory;
        array = shown;
    }
    int rank = array.rank;
    return rank > 1 && array.dims[rank - 1] > 1 && array.dims[rank - 2] > 1 && array.strides[rank - 2] == 1 &&
           array.strides[rank - 1] > 1;
}

static tg_tensor transposed(tg_tensor x) {
    return tg_transpose(x, -1, -2);
}

/* a b, the gradient of x. Where x is the transpose of a matrix, it is recorded as the transpose of b^T a^T, so that the gradient of
 * that matrix is row-major, and goes into an update as it lies. */
static tg_tensor product_like(tg_tensor x, tg_tensor a, tg_tensor b) {
    return is_transposed(x) ? transposed(tg_matmul(transposed(b), transposed(a))) : tg_matmul(a, b);
}

static tg_tensor matmul_rule_a(const tg_rule_call *call) {
    tg_tensor a, b, g;
    as_matrices(call, &a, &b, &g);
    return product_like(call->x[0], g, transposed(b));
}

static tg_tensor matmul_rule_b(const tg_rule_call *call) {
    tg_tensor a, b, g;
    as_matrices(call, &a, &b, &g);
    if (tg_shape_of(b).rank == 2 && tg_shape_of(a).rank > 2) a = all_rows(a), g = all_rows(g);
    tg_tensor slope = product_like(call->x[1], transposed(a), g);
    return tg_shape_of(call->x[1]).rank == 1 ? tg_sum_axes(slope, TG_AXES(-1), false) : slope;
}

static tg_rule *const matmul_rules[] = {matmul_rule_a, matmul_rule_b};

/* ---- in C -------------------------------------------------------------------------------------------------------- */

/* The indices of an operand's element: those of the result's axes before the matrix, as far as it has them, and two of its own. */
static const char *matrix_index(const tgi_indices *y, int stack_rank, int rank, const char *row, const char *column,
                                char text[TGI_INDICES_TEXT]) {
    tgi_indices x = {.rank = rank};
    int         before = rank - 2;
    for (int i = 0; i < before; i++)
        strcpy(x.axis[i], y->axis[stack_rank - before + i]);
    if (rank > 1) strcpy(x.axis[rank - 2], row);
    strcpy(x.axis[rank - 1], rank > 1 || !*row ? column : row);
    return tgi_indices_text(&x, text);
}

/* Of few terms the sum is one expression: rows of them would be read and written once a term. */
enum { FEW_TERMS = 4 };

static void write_few_terms(tg_emit_call *call, const char *y_at, int64_t k, const char *term) {
    char   sum[FEW_TERMS * 3 * TGI_INDICES_TEXT], one[3 * TGI_INDICES_TEXT], index[TGI_INDEX_TEXT];
    size_t length = 0;
    for (int64_t i = 0; i < k; i++) {
        snprintf(index, sizeof index, "%lld", (long long)i);
        length += (size_t)snprintf(sum + length, sizeof sum - length, i ? " + %s" : "%s", tgi_with_index(term, index, one));
    }
    tg_emit(call, "$y[%s] = %s;", y_at, sum);
}

/* Along one of the last two axes of an operand; vectors have one of them. */
typedef struct axis_of {
    int64_t size, step;
} axis_of;

static axis_of matrix_axis(const tg_emit_call *call, int operand, bool rows) {
    int rank = call->in[operand].rank, axis = rows && rank > 1 ? rank - 2 : rank - 1;
    if (rank == 1 && rows != (operand == 1)) return (axis_of){1, 0};
    return (axis_of){call->in[operand].dims[axis], tg_emit_stride(call, operand, axis)};
}

/* The product of two matrices as a call of the function that all products share, where its ints can count them; false where not: so many
 * terms are better added up in blocks. */
static bool write_shared(tg_emit_call *call, int stack_rank) {
    enum { MOST_TERMS = 1024, MOST = INT16_MAX };
    axis_of     axes[] = {matrix_axis(call, 0, true), matrix_axis(call, 0, false), matrix_axis(call, 1, true),
                          matrix_axis(call, 1, false)};
    tgi_indices at = tgi_indices_of(call->out.rank, call->out.dims, 0);
    char        a_at[TGI_INDICES_TEXT], b_at[TGI_INDICES_TEXT], y_at[TGI_INDICES_TEXT];
    for (int i = 0; i < 4; i++)
        if (axes[i].size < 1 || axes[i].size > MOST || axes[i].step < -MOST || axes[i].step > MOST) return false;
    if (axes[1].size > MOST_TERMS || (axes[0].size * axes[3].size == 1 && axes[1].size <= FEW_TERMS)) return false;
    for (int axis = stack_rank; axis < at.rank; axis++)
        strcpy(at.axis[axis], "0");
    matrix_index(&at, stack_rank, call->in[0].rank, "0", "0", a_at);
    matrix_index(&at, stack_rank, call->in[1].rank, "0", "0", b_at);
    tgi_open_loops(call, &at, 0, at.rank, call->out.dims);
    tg_emit(call, "$PRODUCT(%lld, %lld, %lld, &$0[%s], %lld, %lld, &$1[%s], %lld, %lld, &$y[%s]);", (long long)axes[0].size,
            (long long)axes[3].size, (long long)axes[1].size, a_at, (long long)axes[0].step, (long long)axes[1].step, b_at,
            (long long)axes[2].step, (long long)axes[3].step, tgi_indices_text(&at, y_at));
    tgi_close_loops(call, &at, 0, at.rank);
    return true;
}

/* Rows of b are added up, each times an element of a, where neighbours in the result are neighbours in b; else products of a row and a
 * column. */
static void matmul_emit(tg_emit_call *call) {
    const tg_type *a = &call->in[0], *b = &call->in[1], *y = &call->out;
    bool           is_row = a->rank == 1, is_column = b->rank == 1;
    int            stack_rank = y->rank - !is_row - !is_column;
    if (call->small && write_shared(call, stack_rank)) return;
    int64_t     k = a->dims[a->rank - 1], n = is_column ? 1 : b->dims[b->rank - 1];
    tgi_indices at = tgi_indices_of(y->rank, y->dims, 0);
    const char *i = is_row ? "" : at.axis[stack_rank], *j = is_column ? "" : at.axis[y->rank - 1];
    char        a_at[TGI_INDICES_TEXT], b_at[TGI_INDICES_TEXT], y_at[TGI_INDICES_TEXT], term[3 * TGI_INDICES_TEXT];
    bool        few = k > 0 && k <= FEW_TERMS;
    bool by_rows = !few && n > 2 && (tg_emit_stride(call, 1, b->rank - 1) == 1 || tg_emit_stride(call, 1, b->rank - 2) != 1);
    matrix_index(&at, stack_rank, a->rank, is_row ? "@" : i, "@", a_at);
    matrix_index(&at, stack_rank, b->rank, "@", is_column ? "@" : j, b_at);
    tgi_indices_text(&at, y_at);
    tgi_open_loops(call, &at, 0, by_rows ? y->rank - 1 : y->rank, y->dims);
    if (by_rows) {
        tg_emit(call, "$for(%s, %lld)\n$y[%s] = 0;\n}", j, (long long)n, y_at);
        tg_emit(call, "$for(kk, %lld)", (long long)k);
        tg_emit(call, "const $T acc = $0[%s];", tgi_with_index(a_at, "kk", term));
        tg_emit(call, "$for(%s, %lld)", j, (long long)n);
        tg_emit(call, "$y[%s] += acc * $1[%s];\n}\n}", y_at, tgi_with_index(b_at, "kk", term));
    } else if (few) {
        snprintf(term, sizeof term, "$0[%s] * $1[%s]", a_at, b_at);
        write_few_terms(call, y_at, k, term);
    } else {
        snprintf(term, sizeof term, "$0[%s] * $1[%s]", a_at, b_at);
        tg_emit(call, "$T acc = 0;");
        tgi_write_sum(call, "acc", "kk", k, term);
        tg_emit(call, "$y[%s] = acc;", y_at);
    }
    tgi_close_loops(call, &at, 0, by_rows ? y->rank - 1 : y->rank);
}

/* ---- many products at once --------------------------------------------------------------------------------------- */

/* Rows of all parts, times one matrix: a single product, wherever they lie. */
static tg_tensor multiply_all_rows(tg_tensor a, tg_tensor b) {
    tg_shape  shape = tg_shape_of(a);
    tg_tensor c = tg_matmul(all_rows(a), b);
    if (!tg_valid(c)) return c;
    shape.dims[shape.rank - 1] = tg_shape_of(c).dims[1];
    return tg_reshape(c, shape);
}

/* Vectors as matrices, and a stack as deep for all. */
static tg_tensor multiply_stacks(const tg_batch_call *call) {
    tg_shape  part[2] = {tgi_shape_of_part(call, 0), tgi_shape_of_part(call, 1)};
    bool      row = part[0].rank == 1, column = part[1].rank == 1;
    tg_tensor a = tg_batched(call, 0), b = tg_batched(call, 1);
    if (row) a = put_in_axis(a, 1);
    if (column) b = put_in_axis(b, 2);
    int       rank = part[0].rank + row > part[1].rank + column ? part[0].rank + row : part[1].rank + column;
    tg_tensor c = tg_matmul(tgi_align_batched(a, rank), tgi_align_batched(b, rank));
    if (!tg_valid(c) || (!row && !column)) return c;
    tg_shape shape = tg_shape_of(c), without = {.rank = 0};
    for (int i = 0; i < shape.rank; i++)
        if (!(row && i == shape.rank - 2) && !(column && i == shape.rank - 1)) without.dims[without.rank++] = shape.dims[i];
    return tg_reshape(c, without);
}

/* One matrix, times the vectors of all parts, is a single product, too. */
static tg_tensor matmul_batch(const tg_batch_call *call) {
    tg_shape a = tgi_shape_of_part(call, 0), b = tgi_shape_of_part(call, 1);
    bool     column = b.rank == 2 && b.dims[1] == 1;
    if (!call->has_axis[1] && b.rank == 2) return multiply_all_rows(call->x[0], call->x[1]);
    if (call->has_axis[0] || a.rank != 2 || (b.rank != 1 && !column)) return multiply_stacks(call);
    tg_tensor rows = column ? tg_reshape(call->x[1], TG_SHAPE(call->size, b.dims[0])) : call->x[1];
    tg_tensor c = multiply_all_rows(rows, transposed(call->x[0]));
    return column ? tg_reshape(c, TG_SHAPE(call->size, a.dims[0], 1)) : c;
}

const tg_op tgi_matmul_op = {"matmul",
                             2,
                             infer_matmul,
                             .kernel = matmul_kernel,
                             .rules = matmul_rules,
                             .lead = matmul_lead,
                             .linearity = TG_LINEAR_EACH,
                             .emit = matmul_emit,
                             .batch = matmul_batch};

tg_tensor(tg_matmul)(tg_tensor a, tg_tensor b) {
    return tg_record(NULL, &tgi_matmul_op, 2, ((tg_tensor[]){a, b}), NULL, 0);
}
