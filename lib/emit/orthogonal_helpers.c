/* emit/orthogonal_helpers.c: what C files get of their own for eigenvectors, singular vectors and QR: the loops of kernels/orthogonal.c, in
 * double as there, with its signs.
 *
 * SPDX-License-Identifier: MIT */
#include "emit/helpers.h"

#include <tapegrad/tensor.h>

enum { F64 = 1 << TG_F64 };

const tgi_helper tgi_orthogonal_helpers[] = {
    /* ---- vectors ---- */
    {"DOT", F64,
     "static double DOT(int n, const double *x, const double *y) {\n"
     "double sum = 0;\n"
     "int i;\n"
     "for (i = 0; i < n; i++) sum += x[i] * y[i];\n"
     "return sum;\n"
     "}\n"},
    {"SCALE", F64,
     "static void SCALE(int n, double factor, double *x) {\n"
     "int i;\n"
     "for (i = 0; i < n; i++) x[i] *= factor;\n"
     "}\n"},
    {"ADD_TIMES", F64,
     "static void ADD_TIMES(int n, double factor, const double *x, double *y) {\n"
     "int i;\n"
     "for (i = 0; i < n; i++) y[i] += factor * x[i];\n"
     "}\n"},
    {"SWAP", F64,
     "static void SWAP(int n, double *x, double *y) {\n"
     "int i;\n"
     "for (i = 0; i < n; i++) {\n"
     "const double z = x[i];\n"
     "x[i] = y[i];\n"
     "y[i] = z;\n"
     "}\n"
     "}\n"},
    {"LARGEST", F64,
     "static double LARGEST(int n, const double *x) {\n"
     "double most = 0;\n"
     "int i;\n"
     "for (i = 0; i < n; i++) {\n"
     "if (fabs(x[i]) > fabs(most)) most = x[i];\n"
     "}\n"
     "return most;\n"
     "}\n"},
    {"NOT_FINITE", F64,
     "static bool NOT_FINITE(int n, const double *x) {\n"
     "int i;\n"
     "for (i = 0; i < n; i++) {\n"
     "if (x[i] - x[i] != 0) return true;\n"
     "}\n"
     "return false;\n"
     "}\n"},
    {"EXPONENT", F64,
     "/* By so many powers of 2 x is below 1, and not far below it. */\n"
     "static int EXPONENT(double x) {\n"
     "int n = 0;\n"
     "while (fabs(ldexp(x, -n)) >= 1) n += 32;\n"
     "while (x != 0 && fabs(ldexp(x, -n)) < 2e-10) n -= 32;\n"
     "return n;\n"
     "}\n"},
    {"ROTATE", F64,
     "static void ROTATE(int n, int step, double c, double s, double *x, double *y) {\n"
     "int i;\n"
     "for (i = 0; i < n * step; i += step) {\n"
     "const double a = x[i], b = y[i];\n"
     "x[i] = c * a - s * b;\n"
     "y[i] = s * a + c * b;\n"
     "}\n"
     "}\n"},
    {"FIND_ANGLE", F64,
     "/* Cosine and sine of the smaller angle that makes b of [[a, b], [b, d]] zero. */\n"
     "static void FIND_ANGLE(double a, double b, double d, double *c, double *s) {\n"
     "const double theta = (d - a) / (2 * b), t = (theta < 0 ? -1 : 1) / (fabs(theta) + hypot(theta, 1));\n"
     "*c = 1 / hypot(t, 1);\n"
     "*s = t * *c;\n"
     "}\n"},
    {"SORT_VECTORS", F64,
     "/* Puts the values in order, with their vectors. */\n"
     "static void SORT_VECTORS(int k, bool falling, double *value, int n, double *x, int m, double *y) {\n"
     "int i, j;\n"
     "for (i = 0; i < k; i++) {\n"
     "int best = i;\n"
     "for (j = i + 1; j < k; j++) {\n"
     "if (falling ? value[j] > value[best] : value[j] < value[best]) best = j;\n"
     "}\n"
     "if (best == i) continue;\n"
     "SWAP(1, value + i, value + best);\n"
     "SWAP(n, x + i * n, x + best * n);\n"
     "SWAP(m, y + i * m, y + best * m);\n"
     "}\n"
     "}\n"},
    {"CHOOSE_SIGNS", F64,
     "/* The largest component of each vector of x becomes positive. */\n"
     "static void CHOOSE_SIGNS(int k, int n, double *x, int m, double *y) {\n"
     "int i;\n"
     "for (i = 0; i < k; i++) {\n"
     "if (LARGEST(n, x + i * n) >= 0) continue;\n"
     "SCALE(n, -1, x + i * n);\n"
     "SCALE(m, -1, y + i * m);\n"
     "}\n"
     "}\n"},
    /* ---- eigenvectors ---- */
    {"EIGH", F64,
     "/* Jacobi's cyclic method (G. Golub and C. Van Loan, \"Matrix Computations\", 4th edition, 2013, 8.5). The vectors are "
     "the rows of v. */\n"
     "static void EIGH(int n, double *a, double *value, double *v) {\n"
     "const double eps = sizeof(double) == 4 ? 1.1920928955078125e-07 : 2.220446049250313e-16;\n"
     "bool turned = true;\n"
     "int sweep, p, q;\n"
     "for (p = 0; p < n * n; p++) v[p] = p % (n + 1) == 0;\n"
     "for (sweep = 0; sweep < 60 && turned; sweep++) {\n"
     "turned = false;\n"
     "for (p = 0; p < n; p++) {\n"
     "for (q = p + 1; q < n; q++) {\n"
     "const double b = a[p * n + q];\n"
     "double c, s;\n"
     "if (fabs(b) <= eps / 8 * sqrt(fabs(a[p * n + p])) * sqrt(fabs(a[q * n + q]))) continue;\n"
     "FIND_ANGLE(a[p * n + p], b, a[q * n + q], &c, &s);\n"
     "ROTATE(n, 1, c, s, a + p * n, a + q * n);\n"
     "ROTATE(n, n, c, s, a + p, a + q);\n"
     "ROTATE(n, 1, c, s, v + p * n, v + q * n);\n"
     "a[p * n + q] = a[q * n + p] = 0;\n"
     "turned = true;\n"
     "}\n"
     "}\n"
     "}\n"
     "for (p = 0; p < n; p++) value[p] = a[p * (n + 1)];\n"
     "SORT_VECTORS(n, false, value, n, v, 0, v);\n"
     "CHOOSE_SIGNS(n, n, v, 0, v);\n"
     "}\n"},
    /* ---- singular vectors ---- */
    {"COMPLETE", F64,
     "/* Row i of u becomes a unit vector that is orthogonal to those before it: what is left of one of the basis. */\n"
     "static void COMPLETE(int i, int n, double *u) {\n"
     "double *const x = u + i * n;\n"
     "double size = 0;\n"
     "int axis, j, twice;\n"
     "for (axis = 0; axis < n && size < 0.5 / sqrt((double)n); axis++) {\n"
     "for (j = 0; j < n; j++) x[j] = j == axis;\n"
     "for (twice = 0; twice < 2; twice++) {\n"
     "for (j = 0; j < i; j++) ADD_TIMES(n, -DOT(n, u + j * n, x), u + j * n, x);\n"
     "}\n"
     "size = sqrt(DOT(n, x, x));\n"
     "}\n"
     "SCALE(n, 1 / size, x);\n"
     "}\n"},
    {"SVD", F64,
     "/* One-sided Jacobi (G. Golub and C. Van Loan, \"Matrix Computations\", 4th edition, 2013, 8.6.3): the rows of u, k of n "
     "elements, are turned until they are orthogonal, and those of v, k of k, with them. Their lengths are the values. */\n"
     "static void SVD(int k, int n, double *u, double *value, double *v) {\n"
     "const double eps = sizeof(double) == 4 ? 1.1920928955078125e-07 : 2.220446049250313e-16, fourth = eps * eps * (eps * "
     "eps);\n"
     "const int power = EXPONENT(LARGEST(k * n, u));\n"
     "bool turned = true;\n"
     "int sweep, p, q;\n"
     "for (p = 0; p < k * n; p++) u[p] = ldexp(u[p], -power);\n"
     "for (p = 0; p < k * k; p++) v[p] = p % (k + 1) == 0;\n"
     "for (sweep = 0; sweep < 60 && turned; sweep++) {\n"
     "turned = false;\n"
     "for (p = 0; p < k; p++) {\n"
     "for (q = p + 1; q < k; q++) {\n"
     "double *const x = u + p * n, *const y = u + q * n;\n"
     "const double a = DOT(n, x, x), b = DOT(n, x, y), d = DOT(n, y, y);\n"
     "double c, s;\n"
     "if (fabs(b) <= eps * sqrt(a) * sqrt(d)) continue;\n"
     "FIND_ANGLE(a, b, d, &c, &s);\n"
     "ROTATE(n, 1, c, s, x, y);\n"
     "ROTATE(k, 1, c, s, v + p * k, v + q * k);\n"
     "turned = true;\n"
     "}\n"
     "}\n"
     "}\n"
     "for (p = 0; p < k; p++) value[p] = sqrt(DOT(n, u + p * n, u + p * n));\n"
     "SORT_VECTORS(k, true, value, n, u, k, v);\n"
     "for (p = 0; p < k; p++) {\n"
     "if (value[p] <= fourth * fourth) {\n"
     "value[p] = 0;\n"
     "COMPLETE(p, n, u);\n"
     "} else {\n"
     "SCALE(n, 1 / value[p], u + p * n);\n"
     "}\n"
     "}\n"
     "CHOOSE_SIGNS(k, n, u, k, v);\n"
     "for (p = 0; p < k; p++) value[p] = ldexp(value[p], power);\n"
     "}\n"},
    /* ---- QR ---- */
    {"REFLECTION", F64,
     "/* x becomes the vector h of the reflection I - h h^T that takes it to a multiple of the first unit vector: that "
     "multiple. */\n"
     "static double REFLECTION(int n, double *x) {\n"
     "const double most = LARGEST(n, x);\n"
     "const int power = EXPONENT(most);\n"
     "double multiple;\n"
     "int i;\n"
     "if (most == 0) return 0;\n"
     "for (i = 0; i < n; i++) x[i] = ldexp(x[i], -power);\n"
     "multiple = sqrt(DOT(n, x, x));\n"
     "if (x[0] > 0) multiple = -multiple;\n"
     "x[0] -= multiple;\n"
     "SCALE(n, sqrt(2 / DOT(n, x, x)), x);\n"
     "return ldexp(multiple, power);\n"
     "}\n"},
    {"QR", F64,
     "/* Householder's reflections (G. Golub and C. Van Loan, \"Matrix Computations\", 4th edition, 2013, 5.2): the rows of q, "
     "k of n elements, are the columns of the matrix, and become those of Q. */\n"
     "static void QR(int k, int n, double *q, double *r) {\n"
     "int i, j;\n"
     "for (i = 0; i < k * k; i++) r[i] = 0;\n"
     "for (i = 0; i < k; i++) {\n"
     "double *const h = q + i * n + i;\n"
     "for (j = 0; j < i; j++) r[j * k + i] = q[i * n + j];\n"
     "r[i * (k + 1)] = REFLECTION(n - i, h);\n"
     "for (j = i + 1; j < k; j++) ADD_TIMES(n - i, -DOT(n - i, h, q + j * n + i), h, q + j * n + i);\n"
     "}\n"
     "for (i = k - 1; i >= 0; i--) {\n"
     "double *const x = q + i * n;\n"
     "const double first = x[i];\n"
     "for (j = 0; j < n; j++) x[j] = j < i ? 0 : (j == i) - first * x[j];\n"
     "for (j = i - 1; j >= 0; j--) ADD_TIMES(n - j, -DOT(n - j, q + j * n + j, x + j), q + j * n + j, x + j);\n"
     "}\n"
     "for (i = 0; i < k; i++) {\n"
     "if (r[i * (k + 1)] >= 0) continue;\n"
     "SCALE(k, -1, r + i * k);\n"
     "SCALE(n, -1, q + i * n);\n"
     "}\n"
     "}\n"},
    {0},
};
