/* kernels/gemm_vector.h: the built-in product of a vector and a matrix for one element type. gemm_template.h includes this file, whose
 * names it uses. Every element of the matrix is used once, so that it is read in the order of the memory; there are no tiles.
 *
 * SPDX-License-Identifier: MIT */

/* c[j] += a . column j of B for `cols` columns, each in one piece of memory. cols and chains, the number of vectors that are
 * summed side by side for each column, are constants. */
static ALWAYS_INLINE void NAME(dot)(int cols, int chains, int64_t k, const T *a, const T *b, int64_t b_col, T *c) {
    VECTOR  sum[4][4] = {{{0}}};
    int64_t p = 0;
    for (; p + chains * LANES <= k; p += chains * LANES)
        UNROLL for (int v = 0; v < chains; v++) {
            VECTOR av = *(const UNALIGNED_VECTOR *)(a + p + v * LANES);
            UNROLL for (int j = 0; j < cols; j++) sum[j][v] =
                MULTIPLY_ADD(av, *(const UNALIGNED_VECTOR *)(b + j * b_col + p + v * LANES), sum[j][v]);
        }
    UNROLL for (int j = 0; j < cols; j++) {
        UNROLL for (int half = chains / 2; half > 0; half /= 2) UNROLL for (int v = 0; v < half; v++) sum[j][v] +=
            sum[j][v + half];
        T total = 0;
        UNROLL for (int lane = 0; lane < LANES; lane++) total += sum[j][0][lane];
        for (int64_t q = p; q < k; q++)
            total = NUMBER_ADD(a[q], b[j * b_col + q], total);
        c[j] += total;
    }
}

/* c += a B where the columns of B are contiguous: scalar products, with a copy of a where a is not. */
static void NAME(dots)(int64_t n, int64_t k, const T *a, int64_t a_step, MATRIX b, T *c, T *scratch) {
    int64_t  j = 0;
    const T *ap = a;
    if (a_step != 1) {
        NAME(pack)(1, 1, k, (MATRIX){a, 0, a_step}, scratch, k);
        ap = scratch;
    }
    for (; j + 4 <= n; j += 4)
        NAME(dot)(4, 1, k, ap, b.at + j * b.col, b.col, c + j);
    for (; j < n; j++)
        NAME(dot)(1, 4, k, ap, b.at + j * b.col, b.col, c + j);
}

/* c += a B for `rows` rows of B, a constant. */
static ALWAYS_INLINE void NAME(add_rows)(int rows, int64_t n, const T *a, int64_t a_step, MATRIX b, T *c) {
    T       ap[8];
    int64_t j = 0;
    UNROLL for (int p = 0; p < rows; p++) ap[p] = a[p * a_step];
    if (b.col == 1)
        for (; j + LANES <= n; j += LANES) {
            VECTOR sum = *(UNALIGNED_VECTOR *)(c + j);
            UNROLL for (int p = 0; p < rows; p++) sum =
                MULTIPLY_ADD(ap[p] - (VECTOR){0}, *(const UNALIGNED_VECTOR *)(b.at + p * b.row + j), sum);
            *(UNALIGNED_VECTOR *)(c + j) = sum;
        }
    for (; j < n; j++)
        UNROLL for (int p = 0; p < rows; p++) c[j] = NUMBER_ADD(ap[p], b.at[p * b.row + j * b.col], c[j]);
}

/* The same sums as those of `dot`, to the bit, of at most STRIP columns that are not contiguous: the lanes are rows of sums. */
static void NAME(dots_apart)(int chains, int64_t n, int64_t k, const T *a, int64_t a_step, MATRIX b, T *c) {
    T       sum[LANES * NAME(strip_columns)], total[NAME(strip_columns)];
    int64_t lanes = chains * LANES, p = 0;
    memset(sum, 0, (size_t)(lanes * n) * sizeof *sum);
    memset(total, 0, (size_t)n * sizeof *total);
    for (; p + lanes <= k; p += lanes)
        for (int64_t l = 0; l < lanes; l++)
            NAME(add_rows)(1, n, a + (p + l) * a_step, a_step, NAME(part)(b, p + l, 0), sum + l * n);
    for (int64_t half = lanes / 2 * n; half >= LANES * n; half /= 2)
        for (int64_t i = 0; i < half; i++)
            sum[i] += sum[half + i];
    for (int64_t l = 0; l < LANES; l++)
        for (int64_t j = 0; j < n; j++)
            total[j] += sum[l * n + j];
    for (; p < k; p++)
        NAME(add_rows)(1, n, a + p * a_step, a_step, NAME(part)(b, p, 0), total);
    for (int64_t j = 0; j < n; j++)
        c[j] += total[j];
}

static void NAME(all_dots_apart)(int64_t n, int64_t k, const T *a, int64_t a_step, MATRIX b, T *c) {
    int64_t fours = n - n % 4;
    for (int64_t j = 0; j < fours; j += NAME(strip_columns))
        NAME(dots_apart)(1, min_of(fours - j, NAME(strip_columns)), k, a, a_step, NAME(part)(b, 0, j), c + j);
    if (fours < n) NAME(dots_apart)(4, n - fours, k, a, a_step, NAME(part)(b, 0, fours), c + fours);
}

/* Rows of B, each times an element of a, are added up one after the other. Columns that are not side by side are made some at a time, so
 * that a line of the cache is used to its end. */
static void NAME(sum_of_rows)(int64_t n, int64_t k, const T *a, int64_t a_step, MATRIX b, T *c) {
    int64_t p = 0;
    if (b.col == 1) {
        for (; p + 4 <= k; p += 4)
            NAME(add_rows)(4, n, a + p * a_step, a_step, NAME(part)(b, p, 0), c);
        for (; p < k; p++)
            NAME(add_rows)(1, n, a + p * a_step, a_step, NAME(part)(b, p, 0), c);
        return;
    }
    for (int64_t j = 0, cols; j < n; j += cols) {
        cols = min_of(n - j, NAME(apart_columns));
        for (p = 0; p + 8 <= k; p += 8)
            NAME(add_rows)(8, cols, a + p * a_step, a_step, NAME(part)(b, p, j), c + j);
        for (; p < k; p++)
            NAME(add_rows)(1, cols, a + p * a_step, a_step, NAME(part)(b, p, j), c + j);
    }
}

/* c = a B, a and c being vectors: every element of B is used once, so it is read in the order of the memory. In what order the products
 * are added up does not depend on that: `by_dots` says whether B is the transpose of a matrix that is multiplied with a column. */
static void NAME(vector_matrix)(bool by_dots, int64_t n, int64_t k, const T *a, int64_t a_step, MATRIX b, T *c, T *scratch) {
    memset(c, 0, (size_t)n * sizeof *c);
    if (!by_dots) {
        NAME(sum_of_rows)(n, k, a, a_step, b, c);
        return;
    }
    for (int64_t p = 0; p < k; p += TGI_GEMM_DOT) {
        int64_t  pk = min_of(k - p, TGI_GEMM_DOT);
        MATRIX   bp = NAME(part)(b, p, 0);
        const T *ap = a + p * a_step;
        if (b.row == 1)
            NAME(dots)(n, pk, ap, a_step, bp, c, scratch);
        else
            NAME(all_dots_apart)(n, pk, ap, a_step, bp, c);
    }
}
