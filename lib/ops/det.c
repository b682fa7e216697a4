/* ops/det.c: determinants.
 *
 * The gradient of det a is the matrix of cofactors, det(a) a^-T. A singular matrix has cofactors too, and derivatives of those. So where
 * the factors say that a is singular, ones (times a power of 2) are put where elimination with both rows and columns exchanged found
 * nothing left: a' = a + u v^T is regular, and
 *
 *     det a = det(a') det(s),  s = 1 - v^T a'^-1 u,
 *
 * is a formula of a that holds around it, and can be differentiated. u and v are constants; they have two columns, and are zeros where
 * nothing is missing. Where more than two ones would be missing, the first and second derivatives are zeros.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/factor.h"
#include "ops/linalg.h"

/* ---- values: operands a, and its factors --------------------------------------------------------------------------- */

/* (..., n, n) gives (...). */
static tg_status infer_det(tg_infer *call) {
    tg_status status = tgi_infer_square(call);
    call->out.rank -= 2;
    return status;
}

/* In double, whatever the dtype. */
#define DEFINE_DET(suffix) \
    static tgi_det_f64 det_##suffix(int64_t n, const void *lu, const void *pivots) { \
        tgi_det_##suffix d = tgi_lu_det_##suffix(n, lu, pivots); \
        return (tgi_det_f64){(double)d.det, (double)d.sign, (double)d.log}; \
    }
DEFINE_DET(f32)
DEFINE_DET(f64)

static tg_status det_kernel(tg_kernel_call *call) {
    const tg_array *y = &call->out;
    int64_t         kind = ((const tgi_det_attr *)call->attr)->kind;
    tg_array        factors = tgi_packed(call, 1);
    char            text[TGI_TEXT];
    tgi_stack       lu = tgi_stack_of(&factors, y->rank, y->dims);
    if (factors.size && !factors.data) return TG_ERR_MEMORY;
    for (int64_t i = 0; i < y->size; i++) {
        const void *matrix = tgi_next_matrix(&lu);
        const void *pivots = tgi_element_at((void *)matrix, y->dtype, lu.columns * lu.columns);
        tgi_det_f64 d;
        if (kind != TGI_DET && tgi_check_factors(call, &lu, i, matrix)) return TG_ERR_NUMERIC;
        if (TGI_DISPATCH_FLOATS(y->dtype, d = det, lu.columns, matrix, pivots)) return TG_ERR_DTYPE;
        if (kind == TGI_LOG && d.sign < 0)
            return tg_kernel_fail_with(call, TG_ERR_NUMERIC,
                                       "the determinant of %s is negative: tg_slogdet gives the logarithm of its absolute "
                                       "value",
                                       tgi_matrix_text(text, &lu, i));
        tgi_convert(kind == TGI_DET    ? d.det
                    : kind == TGI_SIGN ? d.sign
                                       : d.log,
                    y->dtype, tgi_element_at(y->data, y->dtype, i));
    }
    return TG_OK;
}

static tg_tensor record_det(const tg_op *op, tg_tensor a, tg_tensor lu, int kind) {
    tgi_det_attr attr = {.kind = kind};
    return tg_record(NULL, op, 2, ((tg_tensor[]){a, lu}), &attr, sizeof attr);
}

/* ---- regular matrices ---------------------------------------------------------------------------------------------- */

/* A number for each matrix of a, (...), as (..., 1, 1). */
static tg_tensor for_matrices(tg_tensor x, tg_tensor a) {
    if (!tg_valid(x)) return x;
    tg_shape shape = tg_shape_of(a);
    shape.dims[shape.rank - 2] = shape.dims[shape.rank - 1] = 1;
    return tg_reshape(x, shape);
}

/* d log|det a| / da = a^-T */
static tg_tensor log_det_rule(const tg_rule_call *call) {
    return tg_mul(for_matrices(call->g, call->x[0]), tgi_inverse_by(call->x[0], call->x[1], TG_TRANSPOSED));
}

static tg_tensor regular_det_rule(const tg_rule_call *call) {
    tg_rule_call with_det = *call;
    with_det.g = tg_mul(call->g, call->y);
    return log_det_rule(&with_det);
}

static tg_rule *const regular_det_rules[] = {regular_det_rule, NULL}, *const log_det_rules[] = {log_det_rule, NULL};

static const tg_op regular_det =
    {"det", 2, infer_det, .kernel = det_kernel, .rules = regular_det_rules, .emit = tgi_det_emit, .batch = tg_batch_stack};
static const tg_op logdet =
    {"logdet", 2, infer_det, .kernel = det_kernel, .rules = log_det_rules, .emit = tgi_det_emit, .batch = tg_batch_stack};
static const tg_op slogdet =
    {"slogdet", 2, infer_det, .kernel = det_kernel, .rules = log_det_rules, .emit = tgi_det_emit, .batch = tg_batch_stack};
static const tg_op sign_of_det = {"slogdet", 2, infer_det, .kernel = det_kernel, .emit = tgi_det_emit, .batch = tg_batch_stack};

/* ---- what a singular matrix lacks ---------------------------------------------------------------------------------- */

static void exchange(int64_t count, double *a, double *b, int64_t stride) {
    for (int64_t i = 0; i < count * stride; i += stride) {
        double x = a[i];
        a[i] = b[i];
        b[i] = x;
    }
}

static void exchange_indices(int64_t *index, int64_t i, int64_t j) {
    int64_t x = index[i];
    index[i] = index[j];
    index[j] = x;
}

/* Where the largest element is, from row and column k on. */
static int64_t largest_from(int64_t n, const double *m, int64_t k) {
    int64_t best = k * n + k;
    for (int64_t i = k; i < n; i++)
        for (int64_t j = k; j < n; j++)
            if (fabs(m[i * n + j]) > fabs(m[best])) best = i * n + j;
    return best;
}

/* Eliminates, and gives the rank, which is n - 1 at most: the rows row[rank], ... and columns column[rank], ... are left over. */
static int64_t eliminate(int64_t n, double *m, int64_t *row, int64_t *column, double eps) {
    double first = fabs(m[largest_from(n, m, 0)]);
    for (int64_t k = 0; k < n - 1; k++) {
        int64_t at = largest_from(n, m, k), i = at / n, j = at % n;
        if (fabs(m[at]) <= first * (double)n * eps) return k;
        exchange(n, m + k * n, m + i * n, 1);
        exchange(n, m + k, m + j, n);
        exchange_indices(row, k, i);
        exchange_indices(column, k, j);
        for (i = k + 1; i < n; i++) {
            double factor = m[i * n + k] / m[k * n + k];
            for (j = k + 1; j < n; j++)
                m[i * n + j] -= factor * m[k * n + j];
        }
    }
    return n - 1;
}

#define DEFINE_LOAD(suffix, T) \
    static void load_##suffix(int64_t n, const T *x, double *m) { \
        for (int64_t i = 0; i < n * n; i++) \
            m[i] = (double)x[i]; \
    }
DEFINE_LOAD(f32, float)
DEFINE_LOAD(f64, double)

/* The columns of what is lacking: n of all ones that are put in, two of u, two of v, and one of 1 where these are all, else 0. */
enum { U = 0, V = 2, ALL = 4, LACKING = 5 };

static tg_status infer_lacking(tg_infer *call) {
    tg_status status = tgi_infer_square(call);
    if (status) return status;
    memcpy(call->dims, call->out.dims, (size_t)call->out.rank * sizeof *call->dims);
    call->dims[call->out.rank - 1] += LACKING;
    call->out.dims = call->dims;
    return TG_OK;
}

/* Sets an element of a matrix of rows of n + LACKING. */
static void put(const tg_array *out, void *rows, int64_t row, int64_t column, double value) {
    tgi_convert(value, out->dtype, tgi_element_at(rows, out->dtype, row * out->dims[out->rank - 1] + column));
}

/* For one singular matrix; m is n x n of scratch memory, with 2n indices after it. */
static tg_status find_lacking(const tg_array *out, int64_t n, const void *matrix, double *m, void *rows) {
    int64_t *row = (int64_t *)(m + n * n), *column = row + n;
    int      exponent;
    for (int64_t i = 0; i < n; i++)
        row[i] = column[i] = i;
    if (TGI_DISPATCH_FLOATS(out->dtype, load, n, matrix, m)) return TG_ERR_DTYPE;
    frexp(m[largest_from(n, m, 0)], &exponent);
    int64_t rank = eliminate(n, m, row, column, out->dtype == TG_F32 ? (double)FLT_EPSILON : DBL_EPSILON);
    for (int64_t i = rank; i < n; i++) {
        double one = ldexp(1, exponent);
        put(out, rows, row[i], column[i], one);
        if (i >= rank + 2) continue;
        put(out, rows, row[i], n + U + i - rank, one);
        put(out, rows, column[i], n + V + i - rank, 1);
    }
    for (int64_t i = 0; i < n; i++)
        put(out, rows, i, n + ALL, n - rank <= 2);
    return TG_OK;
}

static tg_status lacking_kernel(tg_kernel_call *call) {
    const tg_array *out = &call->out;
    tg_array        matrices = tgi_packed(call, 0), factors = tgi_packed(call, 1);
    if (out->size == 0) return TG_OK;
    int64_t   n = out->dims[out->rank - 2], size = n * (n + LACKING);
    tgi_stack a = tgi_stack_of(&matrices, out->rank - 2, out->dims), lu = tgi_stack_of(&factors, out->rank - 2, out->dims);
    double   *m = tg_scratch(call, (size_t)(n * n) * sizeof *m + (size_t)(2 * n) * sizeof(int64_t));
    if (!m || !matrices.data || !factors.data) return TG_ERR_MEMORY;
    memset(out->data, 0, (size_t)out->size * tg_dtype_size(out->dtype));
    for (int64_t i = 0, count = out->size / size; i < count; i++) {
        const void *matrix = tgi_next_matrix(&a), *factors_of_it = tgi_next_matrix(&lu);
        void       *rows = tgi_element_at(out->data, out->dtype, i * size);
        int64_t     fault;
        if (TGI_DISPATCH_FLOATS(out->dtype, fault = tgi_lu_fault, n, factors_of_it)) return TG_ERR_DTYPE;
        for (int64_t k = 0; k < n; k++)
            put(out, rows, k, n + ALL, 1);
        if (fault > 0 && find_lacking(out, n, matrix, m, rows)) return TG_ERR_DTYPE;
    }
    return TG_OK;
}

static tg_tensor lacking(tg_tensor a, tg_tensor lu) {
    static const tg_op op =
        {"det", 2, infer_lacking, .kernel = lacking_kernel, .emit = tgi_lacking_emit, .batch = tg_batch_stack};
    return tg_record(NULL, &op, 2, ((tg_tensor[]){a, lu}), NULL, 0);
}

/* ---- the gradient of any determinant ------------------------------------------------------------------------------- */

static tg_tensor sum_of_matrix(tg_tensor x) {
    return tg_sum_axes(x, TG_AXES(-2, -1), true);
}

/* With b = a'^-1, and adj(s) = tr(s) - s for s of 2 x 2: det(a') (det(s) b + (b u) adj(s) (v^T b)), transposed. */
static tg_tensor cofactors(tg_tensor a, tg_tensor lu) {
    tg_shape  shape = tg_shape_of(a);
    int64_t   n = shape.dims[shape.rank - 1];
    tg_tensor more = lacking(a, lu), u = tg_slice(more, -1, n + U, n + U + 2, 1), v = tg_slice(more, -1, n + V, n + V + 2, 1);
    tg_tensor regular = tg_add(a, tg_slice(more, -1, 0, n, 1)), factors = tgi_lu_of(regular);
    tg_tensor det = tg_mul(for_matrices(record_det(&regular_det, regular, factors, TGI_DET), a),
                           tg_slice(more, -1, n + ALL, n + ALL + 1, 1));
    tg_tensor b = tgi_inverse_by(regular, factors, 0), bu = tg_matmul(b, u), vb = tg_matmul(tg_transpose(v, -1, -2), b);
    tg_tensor one = tgi_identity(a.tape, tg_dtype_of(a), 2), s = tg_sub(one, tg_matmul(tg_transpose(v, -1, -2), bu));
    tg_tensor adj = tg_sub(tg_mul(sum_of_matrix(tg_mul(s, one)), one), s);
    tg_tensor det_s = tg_mul(0.5, sum_of_matrix(tg_mul(s, tg_transpose(adj, -1, -2))));
    return tg_transpose(tg_mul(det, tg_add(tg_mul(det_s, b), tg_matmul(tg_matmul(bu, adj), vb))), -1, -2);
}

static tg_tensor det_rule(const tg_rule_call *call) {
    return tg_mul(for_matrices(call->g, call->x[0]), cofactors(call->x[0], call->x[1]));
}

static tg_rule *const det_rules[] = {det_rule, NULL};

static const tg_op det =
    {"det", 2, infer_det, .kernel = det_kernel, .rules = det_rules, .emit = tgi_det_emit, .batch = tg_batch_stack};

/* ---- recording functions ------------------------------------------------------------------------------------------- */

static tg_tensor determinant(const tg_op *op, tg_tensor a, int kind) {
    tg_tape *tape = tgi_tape_of(a);
    if (!tgi_takes_matrices(op, 1, &a, NULL)) return tgi_invalid(tape);
    tg_scope scope = tg_begin_scope(tape, op->name);
    return tg_end_scope_with(scope, record_det(op, a, tgi_lu_of(a), kind));
}

tg_tensor(tg_det)(tg_tensor a) {
    return determinant(&det, a, TGI_DET);
}

tg_tensor(tg_logdet)(tg_tensor a) {
    return determinant(&logdet, a, TGI_LOG);
}

/* The sign is the user's too. */
tg_tensor(tg_slogdet)(tg_tensor a, tg_tensor *sign) {
    tg_tape *tape = tgi_tape_of(a);
    if (sign) *sign = tgi_invalid(tape);
    if (!tgi_takes_matrices(&slogdet, 1, &a, NULL)) return tgi_invalid(tape);
    tg_scope  scope = tg_begin_scope(tape, "slogdet");
    tg_tensor lu = tgi_lu_of(a);
    if (sign) *sign = tg_keep_result(scope, record_det(&sign_of_det, a, lu, TGI_SIGN));
    tg_tensor log = tg_end_scope_with(scope, record_det(&slogdet, a, lu, TGI_LOG_ABS));
    if (sign && !tg_valid(log)) *sign = log;
    return log;
}
