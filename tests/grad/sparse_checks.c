/* tests/grad/sparse_checks.c: a sparse matrix compared with the dense one.
 *
 * SPDX-License-Identifier: MIT */
#include "grad/sparse_checks.h"

#include <math.h>
#include <stdlib.h>

/* Row by row, columns ascending, and all sizes as they should be. */
static void check_form(const char *what, const tg_csr *csr, int64_t rows, int64_t cols) {
    ck_assert_msg(csr->rows == rows && csr->cols == cols, "%s: %d rows, %d columns", what, (int)csr->rows, (int)csr->cols);
    ck_assert_int_eq(tg_size(csr->row_starts), rows + 1);
    ck_assert_int_eq(tg_size(csr->columns), csr->entries);
    ck_assert_int_eq(tg_size(csr->values), csr->entries);
    const int64_t *start = tg_data(csr->row_starts), *column = tg_data(csr->columns);
    ck_assert(start[0] == 0 && start[rows] == csr->entries);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = start[i]; k < start[i + 1]; k++) {
            bool right = column[k] >= 0 && column[k] < cols && (k == start[i] || column[k - 1] < column[k]);
            if (!right) ck_abort_msg("%s: column %d in row %d", what, (int)column[k], (int)i);
        }
}

/* dense is (rows, cols). NaN is where the dense matrix has one. */
static void compare(const char *what, const tg_csr *csr, const double *dense, exactness how) {
    const int64_t *start = tg_data(csr->row_starts), *column = tg_data(csr->columns);
    const double  *value = tg_data(csr->values);
    double         largest = 1;
    for (int64_t k = 0; k < csr->rows * csr->cols; k++)
        if (fabs(dense[k]) > largest) largest = fabs(dense[k]);
    for (int64_t i = 0; i < csr->rows; i++) {
        int64_t k = start[i];
        for (int64_t j = 0; j < csr->cols; j++) {
            double expected = dense[i * csr->cols + j], found = 0;
            bool   is_entry = k < start[i + 1] && column[k] == j;
            if (is_entry) found = value[k++];
            bool same = fabs(found - expected) <= 1e-13 * largest || (isnan(found) && isnan(expected));
            if (!same) ck_abort_msg("%s: (%d, %d) is %.17g, not %.17g", what, (int)i, (int)j, found, expected);
            if (how == EXACT && is_entry != (expected != 0))
                ck_abort_msg("%s: (%d, %d) is %.17g, and %s entry", what, (int)i, (int)j, expected, is_entry ? "an" : "no");
        }
    }
}

/* The Jacobians for all inputs, side by side. */
static double *read_dense(tg_tensor y, int n, const tg_tensor *inputs, int64_t cols) {
    int64_t rows = tg_size(y), before = 0;
    double *dense = calloc((size_t)(rows * cols) + 1, sizeof *dense), *one = calloc((size_t)(rows * cols) + 1, sizeof *one);
    for (int k = 0; k < n; k++) {
        int64_t size = tg_size(inputs[k]);
        ck_assert_msg(tg_read_jacobian(y, inputs[k], one, rows * size) == TG_OK, "%s", tg_error(y.tape));
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < size; j++)
                dense[i * cols + before + j] = one[i * size + j];
        before += size;
    }
    free(one);
    return dense;
}

void check_sparse_jacobian(const char *what, tg_tensor y, int n, const tg_tensor *inputs, exactness how) {
    int64_t cols = 0;
    tg_csr  csr;
    for (int k = 0; k < n; k++)
        cols += tg_size(inputs[k]);
    double *dense = read_dense(y, n, inputs, cols);
    ck_assert_msg(tg_sparse_jacobian(y.tape, 1, &y, n, inputs, &csr) == TG_OK, "%s: %s", what, tg_error(y.tape));
    check_form(what, &csr, tg_size(y), cols);
    compare(what, &csr, dense, how);
    free(dense);
}

int64_t check_sparse_hessian(const char *what, tg_tensor loss, tg_tensor x, exactness how) {
    int64_t size = tg_size(x);
    tg_csr  csr;
    double *dense = calloc((size_t)(size * size) + 1, sizeof *dense);
    ck_assert_msg(tg_read_hessian(loss, x, dense, size * size) == TG_OK, "%s: %s", what, tg_error(x.tape));
    ck_assert_msg(tg_sparse_hessian(loss, 1, &x, &csr) == TG_OK, "%s: %s", what, tg_error(x.tape));
    check_form(what, &csr, size, size);
    compare(what, &csr, dense, how);
    free(dense);
    return csr.colors;
}
