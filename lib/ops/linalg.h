/* ops/linalg.h: what ops on stacks of matrices share: shape rules, walks over the stacks, factors.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_LINALG_H
#define TGI_OPS_LINALG_H

#include <tapegrad/linalg.h>

#include "kernels/strided.h"
#include "ops/ops.h"

/* ---- for shape rules and recording functions ----------------------------------------------------------------------- */

/* (..., n, n) gives the same. */
tg_status tgi_infer_square(tg_infer *call);

/* Whether the function that records `op` takes these operands, two at most; an error when it does not. */
bool tgi_takes_matrices(const tg_op *op, int count, const tg_tensor *x, const void *attr);

/* The factors of a; and a^-1 from them, or with TG_TRANSPOSED its transpose, whose gradient flows to a. */
tg_tensor tgi_lu_of(tg_tensor a);
tg_tensor tgi_inverse_by(tg_tensor a, tg_tensor lu, int options);

/* The identity matrix, n x n. */
tg_tensor tgi_identity(tg_tape *tape, tg_dtype dtype, int64_t n);

/* ---- attributes ---------------------------------------------------------------------------------------------------- */

typedef struct tgi_solve_attr {
    int64_t options;
} tgi_solve_attr;

/* Factors of what is below, on and above the diagonal. */
typedef struct tgi_triangle_attr {
    double below, on, above;
} tgi_triangle_attr;

enum { TGI_DET, TGI_SIGN, TGI_LOG_ABS, TGI_LOG };
typedef struct tgi_det_attr {
    int64_t kind;
} tgi_det_attr;

/* The columns from `from` on of what was found. As a matrix of these columns, or turned over; or one of them as a vector. */
enum { TGI_COLUMNS, TGI_ROWS, TGI_VECTOR };

typedef struct tgi_part_attr {
    int64_t from, count, form;
} tgi_part_attr;

typedef struct tgi_eigh_attr {
    int64_t upper;
} tgi_eigh_attr;

/* ---- in C (linalg_text.c, decompose_text.c) ------------------------------------------------------------------------------------------ */

void tgi_triangle_emit(tg_emit_call *call);
void tgi_solve_triangular_emit(tg_emit_call *call);
void tgi_cholesky_emit(tg_emit_call *call);
void tgi_lu_emit(tg_emit_call *call);
void tgi_solve_emit(tg_emit_call *call);
void tgi_det_emit(tg_emit_call *call);
void tgi_lacking_emit(tg_emit_call *call);
void tgi_found_emit(tg_emit_call *call);
void tgi_eigh_emit(tg_emit_call *call);
void tgi_svd_emit(tg_emit_call *call);
void tgi_qr_emit(tg_emit_call *call);

/* ---- for kernels --------------------------------------------------------------------------------------------------- */

/* The matrices of an operand, one after the other, as they are seen in a stack that it broadcasts to. */
typedef struct tgi_stack {
    const tg_array *array;
    int             rank; /* of the stack */
    const int64_t  *dims;
    int64_t         rows, columns, row, col; /* sizes and strides of a matrix */
    tgi_steps       steps;
} tgi_stack;

tgi_stack   tgi_stack_of(const tg_array *x, int rank, const int64_t *dims);
const void *tgi_next_matrix(tgi_stack *s);
void        tgi_copy_next_matrix(tgi_stack *s, void *out); /* row-major */

/* An operand in one piece; data is NULL when there is no memory. */
tg_array tgi_packed(tg_kernel_call *call, int i);

/* The i-th element from `data` on. */
void *tgi_element_at(void *data, tg_dtype dtype, int64_t i);

/* The name of matrix i of the stack in errors: "matrix (1, 0)". */
const char *tgi_matrix_text(char text[TGI_TEXT], const tgi_stack *s, int64_t i);

/* Whether the factors of matrix i, the next one of the stack, solve anything: an error when they do not. */
tg_status tgi_check_factors(const tg_kernel_call *call, const tgi_stack *lu, int64_t i, const void *factors);

#endif
