/* kernels/factor_template.h: factors and solves for one element type. factor.c includes this file once a type, with T the type,
 * NAME(x) the name of x for that type, LAPACK(x) the LAPACK function x for it, ABS, SQRT, LOG and LARGEST.
 *
 * SPDX-License-Identifier: MIT */

/* Scratch, cut in two, and the threads for products. */
typedef struct NAME(work) {
    tgi_team *team;
    void     *gemm;
    T        *product;
} NAME(work);

static NAME(work) NAME(work_of)(int64_t n, int64_t m, tgi_team *team, void *scratch) {
    return (NAME(work)){team, scratch, (T *)(void *)((char *)scratch + product_scratch(n, m, sizeof(T), tgi_team_size(team)))};
}

/* y -= s x, n elements. */
static void NAME(take_off)(int64_t n, T s, const T *restrict x, T *restrict y) {
    for (int64_t i = 0; i < n; i++)
        y[i] -= s * x[i];
}

/* C -= A B, C being m x n with rows that are c_row elements apart. */
static void NAME(subtract)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row,
                           int64_t b_col, T *c, int64_t c_row, NAME(work) work) {
    if (m == 0 || n == 0 || k == 0) return;
    NAME(tgi_gemm)(m, n, k, a, a_row, a_col, b, b_row, b_col, work.product, work.team, work.gemm);
    for (int64_t i = 0; i < m; i++)
        NAME(take_off)(n, 1, work.product + i * n, c + i * c_row);
}

/* ---- triangles --------------------------------------------------------------------------------------------------- */

/* Row i of X, of which rows from .. to - 1 of the block are known. */
static void NAME(solve_row)(int64_t m, const T *t, int64_t row, int64_t col, bool unit, T *x, int64_t i, int64_t from,
                            int64_t to) {
    for (int64_t p = from; p < to; p++)
        NAME(take_off)(m, t[i * row + p * col], x + p * m, x + i * m);
    T pivot = t[i * (row + col)];
    for (int64_t j = 0; j < m && !unit; j++)
        x[i * m + j] /= pivot;
}

static void NAME(solve_lower)(int64_t n, int64_t m, const T *t, int64_t row, int64_t col, bool unit, T *x, NAME(work) work) {
    for (int64_t start = 0; start < n; start += BLOCK) {
        int64_t end = min_of(start + BLOCK, n);
        NAME(subtract)(end - start, m, start, t + start * row, row, col, x, m, 1, x + start * m, m, work);
        for (int64_t i = start; i < end; i++)
            NAME(solve_row)(m, t, row, col, unit, x, i, start, i);
    }
}

static void NAME(solve_upper)(int64_t n, int64_t m, const T *t, int64_t row, int64_t col, bool unit, T *x, NAME(work) work) {
    for (int64_t end = n, start; end > 0; end = start) {
        start = end > BLOCK ? end - BLOCK : 0;
        const T *right = t + start * row + end * col;
        NAME(subtract)(end - start, m, n - end, right, row, col, x + end * m, m, 1, x + start * m, m, work);
        for (int64_t i = end - 1; i >= start; i--)
            NAME(solve_row)(m, t, row, col, unit, x, i, i + 1, end);
    }
}

void NAME(tgi_triangle_solve)(int64_t n, int64_t m, const T *t, int64_t row, int64_t col, bool upper, bool unit, T *x,
                              tgi_team *team, void *scratch) {
    if (m > 0) (upper ? NAME(solve_upper) : NAME(solve_lower))(n, m, t, row, col, unit, x, NAME(work_of)(n, m, team, scratch));
}

int64_t NAME(tgi_triangle_fault)(int64_t n, const T *t, int64_t row, int64_t col) {
    for (int64_t i = 0; i < n; i++) {
        T pivot = t[i * (row + col)];
        if (pivot == 0 || pivot != pivot) return i + 1;
    }
    return 0;
}

/* ---- Cholesky ---------------------------------------------------------------------------------------------------- */

static bool NAME(is_pivot)(T x) {
    return x > 0 && x <= LARGEST;
}

/* The rows of a block, each taken off those below it. */
static int64_t NAME(cholesky_block)(int64_t n, T *a, int64_t start, int64_t end) {
    for (int64_t i = start; i < end; i++) {
        T *r = a + i * n, pivot = r[i];
        if (!NAME(is_pivot)(pivot)) return i + 1;
        pivot = SQRT(pivot);
        r[i] = pivot;
        for (int64_t j = i + 1; j < n; j++)
            r[j] /= pivot;
        for (int64_t below = i + 1; below < end; below++)
            NAME(take_off)(n - below, r[below], r + below, a + below * n + below);
    }
    return 0;
}

static int64_t NAME(cholesky_builtin)(int64_t n, T *a, NAME(work) work) {
    int64_t minor = 0;
    for (int64_t start = 0; start < n && !minor; start += BLOCK) {
        int64_t end = min_of(start + BLOCK, n);
        NAME(subtract)(end - start, n - start, start, a + start, 1, n, a + start, n, 1, a + start * (n + 1), n, work);
        minor = NAME(cholesky_block)(n, a, start, end);
    }
    return minor;
}

#ifdef TGI_HAVE_LAPACK
/* Not every LAPACK stops at a pivot that is NaN, and none at one that is infinite. */
static int64_t NAME(cholesky_lapack)(int64_t n, T *a) {
    int size = (int)n, info = 0;
    LAPACK(potrf)("L", &size, a, &size, &info, 1);
    for (int64_t i = 0; i < n && !info; i++)
        if (!NAME(is_pivot)(a[i * (n + 1)])) info = (int)i + 1;
    return info;
}
#endif

static int64_t NAME(cholesky_upper)(int64_t n, T *a, tgi_team *team, void *scratch) {
#ifdef TGI_HAVE_LAPACK
    if (worth_lapack(n)) return NAME(cholesky_lapack)(n, a);
#endif
    return NAME(cholesky_builtin)(n, a, NAME(work_of)(n, n, team, scratch));
}

/* Works on R = L^T, whose rows are in one piece: the triangle is turned over before, and back afterwards. */
int64_t NAME(tgi_cholesky)(int64_t n, T *a, tgi_team *team, void *scratch) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            a[j * n + i] = a[i * n + j];
    int64_t minor = NAME(cholesky_upper)(n, a, team, scratch);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++) {
            a[i * n + j] = a[j * n + i];
            a[j * n + i] = 0;
        }
    return minor;
}

/* ---- LU ---------------------------------------------------------------------------------------------------------- */

/* Exchanges columns start .. end - 1 with their pivots, in rows from .. to - 1. */
static void NAME(exchange)(int64_t n, T *a, const T *pivots, int64_t start, int64_t end, int64_t from, int64_t to) {
    for (T *row = a + from * n; row < a + to * n; row += n)
        for (int64_t i = start; i < end; i++) {
            int64_t p = (int64_t)pivots[i];
            T       x = row[i];
            row[i] = row[p];
            row[p] = x;
        }
}

/* Where the largest element is, or a NaN. */
static int64_t NAME(largest)(const T *row, int64_t from, int64_t to) {
    int64_t best = from;
    for (int64_t j = from + 1; j < to; j++)
        if (ABS(row[j]) > ABS(row[best]) || row[j] != row[j]) best = j;
    return best;
}

/* The rows of a block: the largest element becomes the pivot, and the rest of the row a row of U. */
static void NAME(lu_block)(int64_t n, T *a, T *pivots, int64_t start, int64_t end) {
    for (int64_t i = start; i < end; i++) {
        T *u = a + i * n;
        pivots[i] = (T)NAME(largest)(u, i, n);
        NAME(exchange)(n, a, pivots, i, i + 1, start, end);
        T pivot = u[i];
        if (pivot == 0) continue; /* and so is the rest of the row */
        for (int64_t j = i + 1; j < n; j++)
            u[j] /= pivot;
        for (int64_t below = i + 1; below < end; below++)
            NAME(take_off)(n - i - 1, a[below * n + i], u + i + 1, a + below * n + i + 1);
    }
}

/* The columns of L below a block, solved from its triangle of U. */
static void NAME(lu_below)(int64_t n, T *a, int64_t start, int64_t end) {
    for (T *l = a + end * n; l < a + n * n; l += n)
        for (int64_t j = start; j < end; j++)
            NAME(take_off)(end - j - 1, l[j], a + j * n + j + 1, l + j + 1);
}

static void NAME(lu_builtin)(int64_t n, T *a, T *pivots, NAME(work) work) {
    for (int64_t start = 0; start < n; start += BLOCK) {
        int64_t end = min_of(start + BLOCK, n);
        T      *block = a + start * (n + 1), *below = a + end * n + start;
        NAME(subtract)(end - start, n - start, start, a + start * n, n, 1, a + start, n, 1, block, n, work);
        NAME(lu_block)(n, a, pivots, start, end);
        NAME(exchange)(n, a, pivots, start, end, 0, start);
        NAME(exchange)(n, a, pivots, start, end, end, n);
        NAME(subtract)(n - end, end - start, start, a + end * n, n, 1, a + start, n, 1, below, n, work);
        NAME(lu_below)(n, a, start, end);
    }
}

#ifdef TGI_HAVE_LAPACK
static void NAME(lu_lapack)(int64_t n, T *a, T *pivots, void *scratch) {
    int size = (int)n, info = 0, *places = scratch;
    LAPACK(getrf)(&size, &size, a, &size, places, &info);
    for (int64_t i = 0; i < n; i++)
        pivots[i] = (T)(places[i] - 1);
}
#endif

void NAME(tgi_lu)(int64_t n, T *a, T *pivots, tgi_team *team, void *scratch) {
#ifdef TGI_HAVE_LAPACK
    if (worth_lapack(n)) {
        NAME(lu_lapack)(n, a, pivots, scratch);
        return;
    }
#endif
    NAME(lu_builtin)(n, a, pivots, NAME(work_of)(n, n, team, scratch));
}

int64_t NAME(tgi_lu_fault)(int64_t n, const T *lu) {
    int64_t zero = 0;
    for (int64_t i = n; i-- > 0;)
        if (lu[i * (n + 1)] == 0) zero = i + 1;
    for (int64_t i = 0; i < n * n; i++)
        if (!(ABS(lu[i]) <= LARGEST)) return -1;
    return zero;
}

NAME(tgi_det) NAME(tgi_lu_det)(int64_t n, const T *lu, const T *pivots) {
    NAME(tgi_det) d = {1, 1, 0};
    for (int64_t i = 0; i < n; i++) {
        T pivot = lu[i * (n + 1)], one = pivots[i] == (T)i ? (T)1 : (T)-1;
        d.det *= one * pivot;
        d.sign *= pivot > 0 ? one : pivot < 0 ? -one : pivot;
        d.log += LOG(ABS(pivot));
    }
    if (d.sign == 0) d.det = 0; /* even where the product before the 0 was infinite */
    return d;
}

static void NAME(exchange_rows)(int64_t m, T *x, int64_t i, int64_t p) {
    for (int64_t j = 0; j < m && i != p; j++) {
        T y = x[i * m + j];
        x[i * m + j] = x[p * m + j];
        x[p * m + j] = y;
    }
}

/* A X = B: L Y = B, U Z = Y, X = P Z. And A^T = P U^T L^T. */
void NAME(tgi_lu_solve)(int64_t n, int64_t m, const T *lu, const T *pivots, bool transposed, T *x, tgi_team *team,
                        void *scratch) {
    NAME(work) work = NAME(work_of)(n, m, team, scratch);
    if (transposed) {
        for (int64_t i = 0; i < n; i++)
            NAME(exchange_rows)(m, x, i, (int64_t)pivots[i]);
        NAME(solve_lower)(n, m, lu, 1, n, true, x, work);
        NAME(solve_upper)(n, m, lu, 1, n, false, x, work);
    } else {
        NAME(solve_lower)(n, m, lu, n, 1, false, x, work);
        NAME(solve_upper)(n, m, lu, n, 1, true, x, work);
        for (int64_t i = n; i-- > 0;)
            NAME(exchange_rows)(m, x, i, (int64_t)pivots[i]);
    }
}
