/* kernels/gemm_blas.h: the product by a BLAS for one element type. gemm.c includes this file once a type, with T the type,
 * NAME(x) the name of x for that type, and BLAS(x) the BLAS function x for it.
 *
 * A BLAS reads matrices whose rows, or whose columns, are contiguous. Any other operand (every second column, a
 * broadcast one, one that runs backwards) is copied for it, a square at a time.
 *
 * SPDX-License-Identifier: MIT */

typedef struct NAME(operand) {
    const T        *at;
    int64_t         row, col; /* strides */
    bool            copy;
    CBLAS_TRANSPOSE order;
    int64_t         pitch;
} NAME(operand);

/* How a BLAS would read the operand of rows x cols elements at x. */
static NAME(operand) NAME(operand_of)(int64_t rows, int64_t cols, const T *x, int64_t row, int64_t col) {
    bool by_rows = lines(rows, cols, row, col), by_cols = lines(cols, rows, col, row);
    return (NAME(operand)){x,
                           row,
                           col,
                           !by_rows && !by_cols,
                           by_rows ? CblasNoTrans : CblasTrans,
                           by_rows ? pitch(rows, cols, row) : pitch(cols, rows, col)};
}

/* Its part of rows x cols elements from (i, j), copied if need be. */
static NAME(operand) NAME(operand_part)(NAME(operand) x, int64_t i, int64_t j, int64_t rows, int64_t cols, T *copy) {
    x.at += i * x.row + j * x.col;
    if (!x.copy) return x;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t q = 0; q < cols; q++)
            copy[r * cols + q] = x.at[r * x.row + q * x.col];
    return (NAME(operand)){copy, cols, 1, true, CblasNoTrans, cols};
}

/* C = A B, none of them empty. Only the blocks of an operand that must be copied are smaller than the operand. */
static void NAME(by_blas)(int64_t m, int64_t n, int64_t k, NAME(operand) a, NAME(operand) b, T *c, T *scratch) {
    int64_t m_step = a.copy ? TGI_GEMM_COPY : m, n_step = b.copy ? TGI_GEMM_COPY : n;
    int64_t k_step = a.copy || b.copy ? TGI_GEMM_COPY : k;
    T      *a_copy = scratch, *b_copy = scratch + (a.copy ? min_of(m, m_step) * min_of(k, k_step) : 0);
    for (int64_t j = 0; j < n; j += n_step)
        for (int64_t p = 0; p < k; p += k_step) {
            int64_t jn = min_of(n - j, n_step), pk = min_of(k - p, k_step);
            NAME(operand) bp = NAME(operand_part)(b, p, j, pk, jn, b_copy);
            for (int64_t i = 0; i < m; i += m_step) {
                int64_t im = min_of(m - i, m_step);
                NAME(operand) ap = NAME(operand_part)(a, i, p, im, pk, a_copy);
                BLAS(gemm)
                (CblasRowMajor, ap.order, bp.order, (int)im, (int)jn, (int)pk, 1, ap.at, (int)ap.pitch, bp.at, (int)bp.pitch,
                 p > 0, c + i * n + j, (int)n);
            }
        }
}

void NAME(tgi_gemm_by_blas)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b,
                            int64_t b_row, int64_t b_col, T *c, tgi_team *team, void *scratch) {
    if (!can_blas(m, n, k))
        NAME(tgi_gemm_builtin)(m, n, k, a, a_row, a_col, b, b_row, b_col, c, team, scratch);
    else
        NAME(by_blas)(m, n, k, NAME(operand_of)(m, k, a, a_row, a_col), NAME(operand_of)(k, n, b, b_row, b_col), c, scratch);
}

void NAME(tgi_gemm)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row,
                    int64_t b_col, T *c, tgi_team *team, void *scratch) {
    (worth_blas(m, n, k) ? NAME(tgi_gemm_by_blas) : NAME(tgi_gemm_builtin))(m, n, k, a, a_row, a_col, b, b_row, b_col, c, team,
                                                                            scratch);
}
