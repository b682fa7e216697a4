/* kernels/orthogonal.c: eigenvectors, singular vectors, QR.
 *
 * Eigenvectors by Jacobi's cyclic method, singular vectors by its one-sided form, which turns pairs of columns until they
 * are orthogonal (Hestenes), QR by Householder's reflections: G. Golub and C. Van Loan, "Matrix Computations", 4th edition
 * (2013), 8.5, 8.6.3 and 5.2. Jacobi's methods are slower than others for large matrices, but simple, and no other is more
 * accurate. LAPACK, where configure found one, does the large ones. With one thread it is faster from 16 on; its threads, which
 * wait for each other in every call, make it slower beside busy programs up to twice the sizes that are left to it here.
 *
 * The sign of a vector is free. The largest component of an eigenvector, and of a u_i, is positive: the first of several. The
 * diagonal of R is not negative. What LAPACK finds gets these signs too.
 *
 * SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "kernels/orthogonal.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Sweeps through all pairs. It takes about ten of them, as the convergence is quadratic at the end. */
enum { MOST_SWEEPS = 60 };

/* ---- vectors ----------------------------------------------------------------------------------------------------- */

static double dot(int64_t n, const double *x, const double *y) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

static void scale(int64_t n, double factor, double *x) {
    for (int64_t i = 0; i < n; i++)
        x[i] *= factor;
}

static void swap(int64_t n, double *x, double *y) {
    for (int64_t i = 0; i < n; i++) {
        double z = x[i];
        x[i] = y[i];
        y[i] = z;
    }
}

/* y += factor x */
static void add(int64_t n, double factor, const double *x, double *y) {
    for (int64_t i = 0; i < n; i++)
        y[i] += factor * x[i];
}

static double largest(int64_t n, const double *x) {
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        if (fabs(x[i]) > fabs(most)) most = x[i];
    return most;
}

/* x, y <- c x - s y, s x + c y; elements are `step` apart. */
static void rotate(int64_t n, int64_t step, double c, double s, double *x, double *y) {
    for (int64_t i = 0; i < n * step; i += step) {
        double a = x[i], b = y[i];
        x[i] = c * a - s * b;
        y[i] = s * a + c * b;
    }
}

static void make_identity(int64_t n, double *x) {
    for (int64_t i = 0; i < n * n; i++)
        x[i] = i % (n + 1) == 0;
}

/* Cosine and sine of the smaller angle that makes the off-diagonal element of [[a, b], [b, d]] zero. */
static void find_angle(double a, double b, double d, double *c, double *s) {
    double theta = (d - a) / (2 * b), t = (theta < 0 ? -1 : 1) / (fabs(theta) + hypot(theta, 1));
    *c = 1 / hypot(t, 1);
    *s = t * *c;
}

/* ---- eigenvectors ------------------------------------------------------------------------------------------------ */

/* Turns rows and columns p and q of A; false when the element between them is 0 already, or nothing beside them. */
static bool eigh_pair(int64_t n, double *a, double *v, int64_t p, int64_t q) {
    double b = a[p * n + q], c, s;
    if (fabs(b) <= DBL_EPSILON / 8 * sqrt(fabs(a[p * n + p])) * sqrt(fabs(a[q * n + q]))) return false;
    find_angle(a[p * n + p], b, a[q * n + q], &c, &s);
    rotate(n, 1, c, s, a + p * n, a + q * n);
    rotate(n, n, c, s, a + p, a + q);
    rotate(n, 1, c, s, v + p * n, v + q * n);
    a[p * n + q] = a[q * n + p] = 0;
    return true;
}

/* Puts the values in order, with the rows of x and y. */
static void sort(int64_t k, bool falling, double *value, int64_t n, double *x, int64_t m, double *y) {
    for (int64_t i = 0; i < k; i++) {
        int64_t best = i;
        for (int64_t j = i + 1; j < k; j++)
            if (falling ? value[j] > value[best] : value[j] < value[best]) best = j;
        if (best == i) continue;
        swap(1, value + i, value + best);
        swap(n, x + i * n, x + best * n);
        swap(m, y + i * m, y + best * m);
    }
}

/* Makes the largest component of each of k vectors positive; with one of `other`, if there are any, that of the same number. */
static void choose_signs(int64_t k, int64_t n, double *x, int64_t m, double *other) {
    for (int64_t i = 0; i < k; i++) {
        if (largest(n, x + i * n) >= 0) continue;
        scale(n, -1, x + i * n);
        scale(m, -1, other + i * m);
    }
}

void tgi_eigh_builtin(int64_t n, double *a, double *value, double *v) {
    bool turned = true;
    make_identity(n, v);
    for (int sweep = 0; sweep < MOST_SWEEPS && turned; sweep++) {
        turned = false;
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++)
                turned |= eigh_pair(n, a, v, p, q);
    }
    for (int64_t i = 0; i < n; i++)
        value[i] = a[i * (n + 1)];
    sort(n, false, value, n, v, 0, v);
    choose_signs(n, n, v, 0, v);
}

/* ---- singular vectors -------------------------------------------------------------------------------------------- */

static bool svd_pair(int64_t k, int64_t n, double *u, double *v, int64_t p, int64_t q) {
    double a = dot(n, u + p * n, u + p * n), b = dot(n, u + p * n, u + q * n), d = dot(n, u + q * n, u + q * n), c, s;
    if (fabs(b) <= DBL_EPSILON * sqrt(a) * sqrt(d)) return false;
    find_angle(a, b, d, &c, &s);
    rotate(n, 1, c, s, u + p * n, u + q * n);
    rotate(k, 1, c, s, v + p * k, v + q * k);
    return true;
}

/* Makes row i of u, which belongs to a value of 0, a unit vector that is orthogonal to those before it: the rest of a unit
 * vector of the basis, of which at least one has a long one. */
static void complete(int64_t i, int64_t n, double *u) {
    double *x = u + i * n, size = 0;
    for (int64_t e = 0; e < n && size < 0.5 / sqrt((double)n); e++) {
        for (int64_t j = 0; j < n; j++)
            x[j] = j == e;
        for (int twice = 0; twice < 2; twice++)
            for (int64_t j = 0; j < i; j++)
                add(n, -dot(n, u + j * n, x), u + j * n, x);
        size = sqrt(dot(n, x, x));
    }
    scale(n, 1 / size, x);
}

/* Lengths of the columns are the values; below `least` they are 0. */
static void normalize(int64_t k, int64_t n, double *u, double *value, double *v, double least) {
    for (int64_t i = 0; i < k; i++)
        value[i] = sqrt(dot(n, u + i * n, u + i * n));
    sort(k, true, value, n, u, k, v);
    for (int64_t i = 0; i < k; i++) {
        if (value[i] <= least) {
            value[i] = 0;
            complete(i, n, u);
        } else {
            scale(n, 1 / value[i], u + i * n);
        }
    }
    choose_signs(k, n, u, k, v);
}

/* The elements are brought below 1 by a power of 2 first, so that no square overflows; what is then below the root of the
 * smallest number counts for nothing. */
void tgi_svd_builtin(int64_t k, int64_t n, double *u, double *value, double *v) {
    int  exponent = 0;
    bool turned = true;
    frexp(largest(k * n, u), &exponent);
    for (int64_t i = 0; i < k * n; i++)
        u[i] = ldexp(u[i], -exponent);
    make_identity(k, v);
    for (int sweep = 0; sweep < MOST_SWEEPS && turned; sweep++) {
        turned = false;
        for (int64_t p = 0; p < k; p++)
            for (int64_t q = p + 1; q < k; q++)
                turned |= svd_pair(k, n, u, v, p, q);
    }
    normalize(k, n, u, value, v, sqrt(DBL_MIN) / DBL_EPSILON);
    for (int64_t i = 0; i < k; i++)
        value[i] = ldexp(value[i], exponent);
}

/* ---- QR ---------------------------------------------------------------------------------------------------------- */

/* Makes of x the vector h of length sqrt(2) of the reflection I - h h^T that takes x to a multiple of the first unit vector;
 * gives the multiple. Zeros stay, and reflect nothing. */
static double make_reflection(int64_t n, double *x) {
    int    exponent = 0;
    double most = largest(n, x);
    if (most == 0) return 0;
    frexp(most, &exponent);
    for (int64_t i = 0; i < n; i++)
        x[i] = ldexp(x[i], -exponent);
    double size = sqrt(dot(n, x, x)), multiple = x[0] > 0 ? -size : size;
    x[0] -= multiple;
    scale(n, sqrt(2 / dot(n, x, x)), x);
    return ldexp(multiple, exponent);
}

/* Column i is reflected to its place in R; so are those after it. The vector of the reflection stays in row i of q. */
static void reflect(int64_t k, int64_t n, double *q, double *r, int64_t i) {
    double *h = q + i * n + i;
    for (int64_t j = 0; j < i; j++)
        r[j * k + i] = q[i * n + j];
    r[i * (k + 1)] = make_reflection(n - i, h);
    for (int64_t j = i + 1; j < k; j++)
        add(n - i, -dot(n - i, h, q + j * n + i), h, q + j * n + i);
}

/* Row i of q, which has the vector of reflection i, becomes column i of the product of all reflections: the first i + 1 of
 * them, the last one first, of unit vector i. Those before it are needed for it, and so it is the last one that is made
 * first. */
static void make_column(int64_t n, double *q, int64_t i) {
    double *x = q + i * n, first = x[i];
    for (int64_t j = 0; j < n; j++)
        x[j] = j < i ? 0 : (j == i) - first * x[j];
    for (int64_t h = i - 1; h >= 0; h--)
        add(n - h, -dot(n - h, q + h * n + h, x + h), q + h * n + h, x + h);
}

static void make_diagonal_positive(int64_t k, int64_t n, double *q, double *r) {
    for (int64_t i = 0; i < k; i++) {
        if (r[i * (k + 1)] >= 0) continue;
        scale(k, -1, r + i * k);
        scale(n, -1, q + i * n);
    }
}

void tgi_qr_builtin(int64_t k, int64_t n, double *q, double *r) {
    memset(r, 0, (size_t)(k * k) * sizeof *r);
    for (int64_t i = 0; i < k; i++)
        reflect(k, n, q, r, i);
    for (int64_t i = k - 1; i >= 0; i--)
        make_column(n, q, i);
    make_diagonal_positive(k, n, q, r);
}

/* ---- by LAPACK or not --------------------------------------------------------------------------------------------- */

#ifdef TGI_HAVE_LAPACK
#include "orthogonal_lapack.h"
#endif

void tgi_eigh(int64_t n, double *a, double *value, double *v, double *scratch) {
#ifdef TGI_HAVE_LAPACK
    if (worth_lapack(TGI_ORTHOGONAL_LAPACK, n, n) && eigh_by_lapack(n, a, value, v, scratch)) {
        choose_signs(n, n, v, 0, v);
        return;
    }
#endif
    (void)scratch;
    tgi_eigh_builtin(n, a, value, v);
}

void tgi_svd(int64_t k, int64_t n, double *u, double *value, double *v, double *scratch) {
#ifdef TGI_HAVE_LAPACK
    if (worth_lapack(TGI_ORTHOGONAL_LAPACK, k, n) && svd_by_lapack(k, n, u, value, v, scratch)) {
        choose_signs(k, n, u, k, v);
        return;
    }
#endif
    (void)scratch;
    tgi_svd_builtin(k, n, u, value, v);
}

void tgi_qr(int64_t k, int64_t n, double *q, double *r, double *scratch) {
#ifdef TGI_HAVE_LAPACK
    if (worth_lapack(TGI_QR_LAPACK, k, n)) {
        qr_by_lapack(k, n, q, r, scratch);
        make_diagonal_positive(k, n, q, r);
        return;
    }
#endif
    (void)scratch;
    tgi_qr_builtin(k, n, q, r);
}

int64_t tgi_eigh_scratch(int64_t n) {
#ifdef TGI_HAVE_LAPACK
    if (worth_lapack(TGI_ORTHOGONAL_LAPACK, n, n)) return eigh_room(n) + doubles_for(3 + 5 * n);
#endif
    (void)n;
    return 0;
}

int64_t tgi_svd_scratch(int64_t k, int64_t n) {
#ifdef TGI_HAVE_LAPACK
    if (worth_lapack(TGI_ORTHOGONAL_LAPACK, k, n)) return 2 * k * n + svd_room(k, n) + doubles_for(8 * k);
#endif
    (void)k, (void)n;
    return 0;
}

int64_t tgi_qr_scratch(int64_t k, int64_t n) {
#ifdef TGI_HAVE_LAPACK
    if (worth_lapack(TGI_QR_LAPACK, k, n)) return k + qr_room(k, n);
#endif
    (void)k, (void)n;
    return 0;
}
