/* ops/decompose.c: eigenvectors of symmetric matrices, singular vectors, QR.
 *
 * One op decomposes a matrix, and gives all that it finds side by side, in rows of one tensor, without a gradient. What a
 * function returns are parts of that: ops which take the matrix too, and to which their gradient flows. Their rules are made
 * of the parts again, and so have all derivatives.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/orthogonal.h"

#include <math.h>
#include <string.h>

#include "kernels/strided.h"
#include "ops/linalg.h"
#include "ops/operands.h"

/* ---- the parts: operands are the matrix, and what was found -------------------------------------------------------- */

static tg_status infer_found(tg_infer *call) {
    const tgi_part_attr *attr = call->attr;
    const tg_type       *found = &call->in[1];
    int                  rank = found->rank;
    int64_t              k = found->dims[rank - 2];
    call->out = (tg_type){.dtype = found->dtype, .rank = attr->form == TGI_VECTOR ? rank - 1 : rank, .dims = call->dims};
    memcpy(call->dims, found->dims, (size_t)(rank - 2) * sizeof(int64_t));
    call->dims[rank - 2] = attr->form == TGI_ROWS ? attr->count : k;
    if (attr->form != TGI_VECTOR) call->dims[rank - 1] = attr->form == TGI_ROWS ? k : attr->count;
    return TG_OK;
}

static tg_status found_kernel(tg_kernel_call *call) {
    const tgi_part_attr *attr = call->attr;
    tg_array             part = call->in[1];
    int                  row = part.rank - 2, column = part.rank - 1;
    size_t               width = tg_dtype_size(part.dtype);
    if (call->out.size == 0) return TG_OK;
    part.data = (char *)part.data + attr->from * part.strides[column] * (int64_t)width;
    part.dims[column] = attr->count;
    if (attr->form == TGI_ROWS) {
        int64_t size = part.dims[row], stride = part.strides[row];
        part.dims[row] = part.dims[column];
        part.strides[row] = part.strides[column];
        part.dims[column] = size;
        part.strides[column] = stride;
    }
    tgi_walk walk = tgi_walk_of(width, part.rank, part.dims, part.strides);
    tgi_gather(&walk, part.data, 0, call->out.size, call->out.data);
    return TG_OK;
}

static tg_tensor record_part(const tg_op *op, tg_tensor a, tg_tensor found, int64_t from, int64_t count, int form) {
    tgi_part_attr attr = {from, count, form};
    return tg_record(NULL, op, 2, ((tg_tensor[]){a, found}), &attr, sizeof attr);
}

#define PART(name, op_rules) \
    { name, 2, infer_found, .kernel = found_kernel, .rules = op_rules, .emit = tgi_found_emit }

/* ---- what rules and recording functions share ---------------------------------------------------------------------- */

static tg_tensor transposed(tg_tensor x) {
    return tg_transpose(x, -1, -2);
}

/* The columns of x, each times an element of a vector. */
static tg_tensor columns_times(tg_tensor x, tg_tensor factors) {
    return tg_mul(x, tg_unsqueeze(factors, -2));
}

static int64_t last_size(tg_tensor x, int from_end) {
    tg_shape shape = tg_shape_of(x);
    return shape.rank < from_end || shape.rank > TG_MAX_RANK ? 0 : shape.dims[shape.rank - from_end]; /* invalid, in a rule */
}

/* x_ij / d_ij, and 0 on the diagonal. */
static tg_tensor over_gaps(tg_tensor x, tg_tensor d) {
    int64_t   n = last_size(x, 1);
    tg_tensor on = tg_eye(x.tape, TG_BOOL, n, n);
    return tg_where(on, 0, tg_div(x, tg_where(on, 1, d)));
}

/* d_ij = x_j - x_i */
static tg_tensor gaps(tg_tensor x) {
    return tg_sub(tg_unsqueeze(x, -2), tg_unsqueeze(x, -1));
}

static tg_status check_matrix(const tg_infer *call, bool square) {
    const tg_type *a = &call->in[0];
    if (tgi_require_dtype(call, a->dtype, TGI_FLOATS)) return call->tape->status;
    if (a->rank < 2) return tg_refuse(call, TG_ERR_SHAPE, "a tensor of rank %d is no matrix", a->rank);
    int64_t rows = a->dims[a->rank - 2], columns = a->dims[a->rank - 1];
    if (!square || rows == columns) return TG_OK;
    return tg_refuse(call, TG_ERR_SHAPE, "a matrix of %lld rows and %lld columns is not square", (long long)rows,
                     (long long)columns);
}

/* What was found of each matrix of m x n: k rows of `width`. */
static tg_status give_rows(tg_infer *call, int64_t k, int64_t width) {
    const tg_type *a = &call->in[0];
    call->out = (tg_type){.dtype = a->dtype, .rank = a->rank, .dims = call->dims};
    memcpy(call->dims, a->dims, (size_t)(a->rank - 2) * sizeof(int64_t));
    call->dims[a->rank - 2] = k;
    call->dims[a->rank - 1] = width;
    return TG_OK;
}

/* Whether the function that records `op` takes this operand. */
static bool takes(const tg_op *op, tg_tensor a) {
    tg_infer call;
    tg_type  type;
    return !tgi_check_operands(&call, tgi_tape_of(a), op, 1, &a, &type) && !op->infer(&call);
}

/* ---- what kernels share: matrices in double ------------------------------------------------------------------------ */

/* The matrices of the operand, and where what is found of the next one goes. */
typedef struct work {
    tg_kernel_call *call;
    const void     *a;
    int64_t         count, m, n;
    double         *memory;
} work;

/* Memory for so many numbers. False, with the error noted, when there is none. */
static bool begin(work *w, tg_kernel_call *call, int64_t numbers) {
    const tg_array *a = &call->in[0];
    *w = (work){.call = call, .a = tg_contiguous(call, 0), .count = call->out.size ? tgi_size(a->rank - 2, a->dims) : 0};
    w->m = a->dims[a->rank - 2];
    w->n = a->dims[a->rank - 1];
    w->memory = tg_scratch(call, (size_t)numbers * sizeof *w->memory);
    return w->a && w->memory;
}

/* Matrix i as doubles, or its transpose; an error where they are not finite. */
static tg_status load(const work *w, int64_t i, bool transpose, double *to) {
    tg_dtype dtype = w->call->in[0].dtype;
    size_t   width = tg_dtype_size(dtype);
    for (int64_t row = 0; row < w->m; row++)
        for (int64_t column = 0; column < w->n; column++) {
            double x = tgi_element(dtype, (const char *)w->a + (size_t)((i * w->m + row) * w->n + column) * width);
            if (!isfinite(x))
                return tg_kernel_fail_with(w->call, TG_ERR_NUMERIC, "matrix %lld holds NaN or infinity", (long long)i);
            to[transpose ? column * w->m + row : row * w->n + column] = x;
        }
    return TG_OK;
}

/* Writes `count` doubles of row `row` of what was found of matrix i, from column `from` on. */
static void store(const work *w, int64_t i, int64_t row, int64_t from, int64_t count, const double *x) {
    const tg_array *out = &w->call->out;
    size_t          width = tg_dtype_size(out->dtype);
    int64_t         k = out->dims[out->rank - 2], columns = out->dims[out->rank - 1];
    char           *to = (char *)out->data + (size_t)((i * k + row) * columns + from) * width;
    for (int64_t e = 0; e < count; e++, to += width)
        tgi_convert(x[e], out->dtype, to);
}

/* ---- eigenvectors: rows of a value and its vector ------------------------------------------------------------------ */

static tg_status infer_eigh(tg_infer *call) {
    if (check_matrix(call, true)) return call->tape->status;
    int64_t n = call->in[0].dims[call->in[0].rank - 1];
    return give_rows(call, n, n + 1);
}

/* The other triangle is that one mirrored. */
static void mirror(int64_t n, bool upper, double *a) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            if (upper)
                a[i * n + j] = a[j * n + i];
            else
                a[j * n + i] = a[i * n + j];
}

static tg_status eigh_kernel(tg_kernel_call *call) {
    work    w;
    int64_t n = call->in[0].dims[call->in[0].rank - 1];
    if (!begin(&w, call, 2 * n * n + n + tgi_eigh_scratch(n))) return TG_ERR_MEMORY;
    double *a = w.memory, *v = a + n * n, *value = v + n * n, *scratch = value + n;
    for (int64_t i = 0; i < w.count; i++) {
        if (load(&w, i, false, a)) return TG_ERR_NUMERIC;
        mirror(n, ((const tgi_eigh_attr *)call->attr)->upper != 0, a);
        tgi_eigh(n, a, value, v, scratch);
        for (int64_t k = 0; k < n; k++) {
            store(&w, i, k, 0, 1, value + k);
            store(&w, i, k, 1, n, v + k * n);
        }
    }
    return TG_OK;
}

static tg_tensor eigenvalues(tg_tensor a, tg_tensor found);
static tg_tensor eigenvectors(tg_tensor a, tg_tensor found);

/* V diag(g) V^T */
static tg_tensor eigenvalues_rule(const tg_rule_call *call) {
    tg_tensor v = eigenvectors(call->x[0], call->x[1]);
    return tg_matmul(columns_times(v, call->g), transposed(v));
}

/* V (V^T g / d) V^T with d_ij = value_j - value_i, in equal parts for an element and its mirror image. */
static tg_tensor eigenvectors_rule(const tg_rule_call *call) {
    tg_tensor v = eigenvectors(call->x[0], call->x[1]), value = eigenvalues(call->x[0], call->x[1]);
    tg_tensor inner = over_gaps(tg_matmul(transposed(v), call->g), gaps(value));
    tg_tensor outer = tg_matmul(tg_matmul(v, inner), transposed(v));
    return tg_mul(0.5, tg_add(outer, transposed(outer)));
}

static tg_rule *const eigenvalues_rules[] = {eigenvalues_rule, NULL}, *const eigenvectors_rules[] = {eigenvectors_rule, NULL};

static tg_tensor eigenvalues(tg_tensor a, tg_tensor found) {
    static const tg_op op = PART("eigh", eigenvalues_rules);
    return record_part(&op, a, found, 0, 1, TGI_VECTOR);
}

static tg_tensor eigenvectors(tg_tensor a, tg_tensor found) {
    static const tg_op op = PART("eigh", eigenvectors_rules);
    return record_part(&op, a, found, 1, last_size(a, 1), TGI_ROWS);
}

tg_tensor(tg_eigh)(tg_tensor a, int triangle, tg_tensor *vectors) {
    static const tg_op op = {"eigh", 1, infer_eigh, .kernel = eigh_kernel, .emit = tgi_eigh_emit};
    tg_tape           *tape = tgi_tape_of(a);
    if (vectors) *vectors = tgi_invalid(tape);
    if (!takes(&op, a)) return tgi_invalid(tape);
    if (triangle != TG_LOWER && triangle != TG_UPPER) {
        tgi_fail(tape, TG_ERR_ARGUMENT, "eigh", "unknown options %d", triangle);
        return tgi_invalid(tape);
    }
    tg_scope  scope = tg_begin_scope(tape, "eigh");
    tg_tensor found = tg_record(NULL, &op, 1, &a, &(tgi_eigh_attr){triangle == TG_UPPER}, sizeof(tgi_eigh_attr));
    if (!tg_valid(found)) return tg_end_scope_with(scope, found);
    if (vectors) *vectors = tg_keep_result(scope, eigenvectors(a, found));
    return tg_end_scope_with(scope, eigenvalues(a, found));
}

/* ---- singular vectors: rows of a value and its two vectors, u and v -------------------------------------------------- */

static tg_status infer_svd(tg_infer *call) {
    if (check_matrix(call, false)) return call->tape->status;
    const tg_type *a = &call->in[0];
    int64_t        m = a->dims[a->rank - 2], n = a->dims[a->rank - 1];
    return give_rows(call, m < n ? m : n, 1 + m + n);
}

/* The columns of a tall matrix, and the rows of a wide one, are what is turned. */
static tg_status svd_kernel(tg_kernel_call *call) {
    work    w;
    int64_t m = call->in[0].dims[call->in[0].rank - 2], n = call->in[0].dims[call->in[0].rank - 1], k = m < n ? m : n;
    bool    wide = m < n;
    if (!begin(&w, call, m * n + k * k + k + tgi_svd_scratch(k, wide ? n : m))) return TG_ERR_MEMORY;
    double *u = w.memory, *v = u + m * n, *value = v + k * k, *scratch = value + k;
    for (int64_t i = 0; i < w.count; i++) {
        if (load(&w, i, !wide, u)) return TG_ERR_NUMERIC;
        tgi_svd(k, wide ? n : m, u, value, v, scratch);
        for (int64_t j = 0; j < k; j++) {
            store(&w, i, j, 0, 1, value + j);
            store(&w, i, j, 1, m, wide ? v + j * k : u + j * m);
            store(&w, i, j, 1 + m, n, wide ? u + j * n : v + j * k);
        }
    }
    return TG_OK;
}

static tg_tensor singular_values(tg_tensor a, tg_tensor found);
static tg_tensor left_vectors(tg_tensor a, tg_tensor found);
static tg_tensor right_vectors(tg_tensor a, tg_tensor found);

/* A matrix and its parts: the rules' symbols. */
typedef struct svd {
    tg_tensor u, s, vh;
} svd;

static svd svd_of(const tg_rule_call *call) {
    tg_tensor a = call->x[0], found = call->x[1];
    return (svd){left_vectors(a, found), singular_values(a, found), right_vectors(a, found)};
}

/* U diag(g) V^T */
static tg_tensor singular_values_rule(const tg_rule_call *call) {
    svd d = svd_of(call);
    return tg_matmul(columns_times(d.u, call->g), d.vh);
}

/* (x^T g - g^T x) / d with d_ij = s_j^2 - s_i^2 */
static tg_tensor turned(tg_tensor x, tg_tensor g, tg_tensor s) {
    tg_tensor p = tg_matmul(transposed(x), g), sums = tg_add(tg_unsqueeze(s, -2), tg_unsqueeze(s, -1));
    return over_gaps(tg_sub(p, transposed(p)), tg_mul(gaps(s), sums));
}

/* What of g is orthogonal to the columns of x; there is nothing where these are a basis. */
static tg_tensor beyond(tg_tensor x, tg_tensor g) {
    return tg_sub(g, tg_matmul(x, tg_matmul(transposed(x), g)));
}

/* Of U for g: [U ((U^T g - g^T U) / d) S + (1 - U U^T) g S^-1] V^T: J. Townsend, "Differentiating the Singular Value
 * Decomposition" (2016). V is U of the transposed matrix, whose gradient is the transposed one. */
static tg_tensor vectors_gradient(tg_tensor u, tg_tensor s, tg_tensor vh, tg_tensor g) {
    tg_tensor left = columns_times(tg_matmul(u, turned(u, g, s)), s);
    if (last_size(u, 2) > last_size(u, 1)) left = tg_add(left, tg_div(beyond(u, g), tg_unsqueeze(s, -2)));
    return tg_matmul(left, vh);
}

static tg_tensor left_vectors_rule(const tg_rule_call *call) {
    svd d = svd_of(call);
    return vectors_gradient(d.u, d.s, d.vh, call->g);
}

static tg_tensor right_vectors_rule(const tg_rule_call *call) {
    svd d = svd_of(call);
    return transposed(vectors_gradient(transposed(d.vh), d.s, transposed(d.u), transposed(call->g)));
}

static tg_rule *const singular_values_rules[] = {singular_values_rule, NULL};
static tg_rule *const left_vectors_rules[] = {left_vectors_rule, NULL}, *const right_vectors_rules[] = {right_vectors_rule,
                                                                                                        NULL};

static tg_tensor singular_values(tg_tensor a, tg_tensor found) {
    static const tg_op op = PART("svd", singular_values_rules);
    return record_part(&op, a, found, 0, 1, TGI_VECTOR);
}

static tg_tensor left_vectors(tg_tensor a, tg_tensor found) {
    static const tg_op op = PART("svd", left_vectors_rules);
    return record_part(&op, a, found, 1, last_size(a, 2), TGI_ROWS);
}

static tg_tensor right_vectors(tg_tensor a, tg_tensor found) {
    static const tg_op op = PART("svd", right_vectors_rules);
    return record_part(&op, a, found, 1 + last_size(a, 2), last_size(a, 1), TGI_COLUMNS);
}

tg_tensor(tg_svd)(tg_tensor a, tg_tensor *u, tg_tensor *vh) {
    static const tg_op op = {"svd", 1, infer_svd, .kernel = svd_kernel, .emit = tgi_svd_emit};
    tg_tape           *tape = tgi_tape_of(a);
    if (u) *u = tgi_invalid(tape);
    if (vh) *vh = tgi_invalid(tape);
    if (!takes(&op, a)) return tgi_invalid(tape);
    tg_scope  scope = tg_begin_scope(tape, "svd");
    tg_tensor found = tg_record(NULL, &op, 1, &a, NULL, 0);
    if (!tg_valid(found)) return tg_end_scope_with(scope, found);
    if (u) *u = tg_keep_result(scope, left_vectors(a, found));
    if (vh) *vh = tg_keep_result(scope, right_vectors(a, found));
    return tg_end_scope_with(scope, singular_values(a, found));
}

/* ---- QR, of matrices that are not wide: rows of a column of Q and a row of R ------------------------------------------- */

static tg_status infer_qr(tg_infer *call) {
    if (check_matrix(call, false)) return call->tape->status;
    const tg_type *a = &call->in[0];
    int64_t        m = a->dims[a->rank - 2], n = a->dims[a->rank - 1];
    return give_rows(call, n, m + n);
}

static tg_status qr_kernel(tg_kernel_call *call) {
    work    w;
    int64_t m = call->in[0].dims[call->in[0].rank - 2], n = call->in[0].dims[call->in[0].rank - 1];
    if (!begin(&w, call, m * n + n * n + tgi_qr_scratch(n, m))) return TG_ERR_MEMORY;
    double *q = w.memory, *r = q + m * n, *scratch = r + n * n;
    for (int64_t i = 0; i < w.count; i++) {
        if (load(&w, i, true, q)) return TG_ERR_NUMERIC;
        tgi_qr(n, m, q, r, scratch);
        for (int64_t j = 0; j < n; j++) {
            store(&w, i, j, 0, m, q + j * m);
            store(&w, i, j, m, n, r + j * n);
        }
    }
    return TG_OK;
}

static tg_tensor q_of(tg_tensor a, tg_tensor found);
static tg_tensor r_of(tg_tensor a, tg_tensor found);

/* (gQ + Q M) R^-T, M being the lower triangle of R gR^T - gQ^T Q, mirrored: M. Seeger et al., "Auto-Differentiating Linear
 * Algebra" (2017). A rule has one of the two; gQ is none where the triangle is of R gR^T. */
static tg_tensor qr_gradient(tg_tensor q, tg_tensor r, tg_tensor gq, tg_tensor triangle) {
    tg_tensor mirrored = tg_add(tg_tril(triangle, 0), transposed(tg_tril(triangle, -1))), b = tg_matmul(q, mirrored);
    if (!tg_is_none(gq)) b = tg_add(gq, b);
    return tg_solve_triangular(r, b, TG_UPPER | TG_TRANSPOSED | TG_RIGHT);
}

static tg_tensor q_rule(const tg_rule_call *call) {
    tg_tensor q = q_of(call->x[0], call->x[1]), r = r_of(call->x[0], call->x[1]);
    return qr_gradient(q, r, call->g, tg_neg(tg_matmul(transposed(call->g), q)));
}

static tg_tensor r_rule(const tg_rule_call *call) {
    tg_tensor q = q_of(call->x[0], call->x[1]), r = r_of(call->x[0], call->x[1]);
    return qr_gradient(q, r, TG_NONE, tg_matmul(r, transposed(tg_triu(call->g, 0))));
}

static tg_rule *const q_rules[] = {q_rule, NULL}, *const r_rules[] = {r_rule, NULL};

static tg_tensor q_of(tg_tensor a, tg_tensor found) {
    static const tg_op op = PART("qr", q_rules);
    return record_part(&op, a, found, 0, last_size(a, 2), TGI_ROWS);
}

static tg_tensor r_of(tg_tensor a, tg_tensor found) {
    static const tg_op op = PART("qr", r_rules);
    return record_part(&op, a, found, last_size(a, 2), last_size(a, 1), TGI_COLUMNS);
}

/* Of a wide matrix the columns of the first square are decomposed; the others are Q times the rest of R. */
tg_tensor(tg_qr)(tg_tensor a, tg_tensor *r) {
    static const tg_op op = {"qr", 1, infer_qr, .kernel = qr_kernel, .emit = tgi_qr_emit};
    tg_tape           *tape = tgi_tape_of(a);
    if (r) *r = tgi_invalid(tape);
    if (!takes(&op, a)) return tgi_invalid(tape);
    int64_t   m = last_size(a, 2), n = last_size(a, 1);
    tg_scope  scope = tg_begin_scope(tape, "qr");
    tg_tensor tall = n > m ? tg_slice(a, -1, 0, m, 1) : a, found = tg_record(NULL, &op, 1, &tall, NULL, 0);
    if (!tg_valid(found)) return tg_end_scope_with(scope, found);
    tg_tensor q = q_of(tall, found);
    if (r) {
        tg_tensor square = r_of(tall, found), rest = n > m ? tg_matmul(transposed(q), tg_slice(a, -1, m, n, 1)) : square;
        *r = tg_keep_result(scope, n > m ? tg_concat(TG_LIST(square, rest), -1) : square);
    }
    return tg_end_scope_with(scope, q);
}
