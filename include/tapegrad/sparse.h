/* tapegrad/sparse.h: Jacobians and Hessians that are mostly zeros.
 *
 * Where each element of y depends on a few elements of x, a Jacobian of thousands of rows and columns has a few entries a row, and costs
 * no more than a few products with it. Which entries there are is found on the tape when it is recorded:
 *
 *     tg_csr j;
 *     tg_sparse_jacobian(tape, 1, &y, 1, &x, &j);
 *     const int64_t *start = tg_data(j.row_starts), *column = tg_data(j.columns);
 *     const double  *value = tg_data(j.values);
 *     for (int64_t i = 0; i < j.rows; i++)
 *         for (int64_t k = start[i]; k < start[i + 1]; k++)
 *             printf("dy[%d]/dx[%d] = %g\n", (int)i, (int)column[k], value[k]);
 *
 * The matrix is three tensors, which are the tape's as all others are: `values` is computed anew in each run, can stand in formulas, and
 * be differentiated; a rewind forgets all three, and handles from before it are errors. To compute a Jacobian again and again, by itself,
 * record it in a part (tg_begin_part).
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_SPARSE_H
#define TAPEGRAD_SPARSE_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* A sparse matrix in compressed rows (CSR): the entries of row i are those from row_starts[i] to row_starts[i + 1] - 1, by ascending
 * column. An entry is there if the derivative can be other than 0, whatever the values of the inputs are. */
typedef struct tg_csr {
    int64_t   rows, cols;
    int64_t   entries;    /* how many there are */
    int64_t   colors;     /* so many products, or passes, they cost */
    tg_tensor row_starts; /* int64 (rows + 1) */
    tg_tensor columns;    /* int64 (entries) */
    tg_tensor values;     /* (entries), of the dtype of the inputs */
} tg_csr;

/* Records the Jacobian of m outputs for n inputs: a row for each element of the first output, then of the second, and so on, and a
 * column for each element of the inputs, all row-major. All have one floating dtype (TG_ERR_DTYPE). Both may be any tensors, as in
 * tg_vjp; an input may be computed from another one.
 *
 * Which entries there are is known exactly through elementwise ops, views, parts, joins, reductions along axes, products of
 * matrices, and what is added up by index. Where an index chooses elements (tg_take, tg_gather, tg_scatter), the entries are those of the
 * index values that are there when it is recorded, and what is pending runs as far as they need it; a run in which these values are
 * others fails with TG_ERR_VALUE: then record the Jacobian anew. Where the index depends on an input, as in tg_sort, any element may be chosen. Of an op of which no more is
 * known, and of a loop (tg_scan), each element depends on all of all operands.
 *
 * Columns that share no row are computed together by one forward walk (tg_jvp), or rows that share no column by one backward walk
 * (tg_vjp), whichever costs less; more than a few of them in a loop. Several outputs cost less than their tg_concat, where they do not
 * depend on the same. After an error the tape is as it was before, and the tensors are invalid. TG_ERR_ARGUMENT in a callback, in the
 * body of a loop, and, in a part, for an index that is computed: the part has not run yet.
 *
 * (The methods: A. R. Curtis, M. J. D. Powell and J. K. Reid, "On the estimation of sparse Jacobian matrices", 1974; T. F. Coleman and
 * J. J. Moré, "Estimation of sparse Jacobian matrices and graph coloring problems", 1983.) */
tg_status tg_sparse_jacobian(tg_tape *tape, int m, const tg_tensor *outputs, int n, const tg_tensor *inputs, tg_csr *jacobian);

/* Records the Hessian of a loss (of its sum, if it has several elements) for n inputs in the same way: symmetric, with both halves, and
 * an entry where the gradient says so. The two halves have the same bits. (The method: star coloring, and direct recovery: A. H.
 * Gebremedhin, F. Manne and A. Pothen, "What color is your Jacobian? Graph coloring for computing derivatives", 2005.) */
tg_status tg_sparse_hessian(tg_tensor loss, int n, const tg_tensor *inputs, tg_csr *hessian);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_sparse_jacobian(tape, ...) TG_TAPE_CALL(tg_sparse_jacobian, tape, __VA_ARGS__)
#define tg_sparse_hessian(loss, ...) TG_CALL1_WITH(tg_sparse_hessian, loss, __VA_ARGS__)

#endif
