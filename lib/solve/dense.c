/* solve/dense.c: orthogonal factors of small matrices, by reflections and rotations (G. H. Golub and C. F. Van Loan, Matrix Computations
 * (2013), 5.1 and 5.2).
 *
 * SPDX-License-Identifier: MIT */
#include "solve/dense.h"

#include <string.h>

#include "solve/numbers.h"

/* Reflects y along the vector v, of which beta is 2 / v v. */
static void reflect(int64_t n, const double *v, double beta, double *y) {
    tgi_add_times(n, -beta * tgi_dot(n, v, y), v, y);
}

void tgi_make_triangle(int64_t rows, int64_t n, double *a, double *b) {
    for (int64_t k = 0; k < n && k < rows; k++) {
        double *v = a + k * rows + k, norm = tgi_norm(rows - k, v);
        if (!(norm > 0)) continue;
        double diagonal = v[0] > 0 ? -norm : norm;
        for (int64_t i = 0; i < rows - k; i++)
            v[i] /= norm;
        v[0] -= diagonal / norm;
        double beta = 1 / fabs(v[0]); /* v v is 2 |v[0]| now */
        for (int64_t j = k + 1; j < n; j++)
            reflect(rows - k, v, beta, a + j * rows + k);
        reflect(rows - k, v, beta, b + k);
        v[0] = diagonal;
    }
}

bool tgi_solve_upper(int64_t rows, int64_t n, const double *r, double smallest, const double *b, double *x) {
    double largest = 0;
    for (int64_t k = 0; k < n; k++)
        largest = fmax(largest, fabs(r[k * rows + k]));
    memcpy(x, b, (size_t)n * sizeof *x);
    for (int64_t k = n; k-- > 0;) {
        const double *column = r + k * rows;
        bool          empty = tgi_norm_max(k + 1, column) == 0;
        if (!empty && !(fabs(column[k]) > smallest * largest)) return false;
        x[k] = empty ? 0 : x[k] / column[k];
        tgi_add_times(k, -x[k], column, x);
    }
    return true;
}

void tgi_solve_upper_transposed(int64_t rows, int64_t n, const double *r, const double *b, double *x) {
    for (int64_t k = 0; k < n; k++) {
        const double *column = r + k * rows;
        double        rest = b[k] - tgi_dot(k, column, x);
        x[k] = column[k] == 0 ? 0 : rest / column[k];
    }
}

/* Each row below is rotated into R, from its first element on. */
void tgi_add_diagonal(int64_t n, double *r, double *b, const double *d, double *below) {
    for (int64_t k = 0; k < n; k++) {
        double rest = 0; /* of b, in this row */
        memset(below, 0, (size_t)n * sizeof *below);
        below[k] = d[k];
        for (int64_t j = k; j < n; j++) {
            if (below[j] == 0) continue;
            double diagonal = r[j * n + j], length = hypot(diagonal, below[j]), c = diagonal / length, s = below[j] / length;
            for (int64_t i = j; i < n; i++) {
                double upper = r[i * n + j], lower = below[i];
                r[i * n + j] = c * upper + s * lower;
                below[i] = c * lower - s * upper;
            }
            double upper = b[j];
            b[j] = c * upper + s * rest;
            rest = c * rest - s * upper;
        }
    }
}
