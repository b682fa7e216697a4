/* kernels/orthogonal_lapack.h: eigenvectors, singular vectors and QR by LAPACK, of large matrices; orthogonal.c includes it once.
 *
 * LAPACK stores by columns: what is a set of rows here is its matrix of columns. The signs are orthogonal.c's to choose. Where LAPACK's
 * iterations do not converge the result is false, and the matrix as it was.
 *
 * SPDX-License-Identifier: MIT */

/* Fortran passes addresses, and after them the lengths of strings. A `room` of -1 asks how large `work` should be. */
void dsyevd_(const char *job, const char *triangle, const int *n, double *a, const int *pitch, double *value, double *work,
             const int *room, int *places, const int *place_room, int *info, size_t job_length, size_t triangle_length);
void dgesdd_(const char *job, const int *m, const int *n, double *a, const int *pitch, double *value, double *u,
             const int *u_pitch, double *vt, const int *vt_pitch, double *work, const int *room, int *places, int *info,
             size_t job_length);
void dgeqrf_(const int *m, const int *n, double *a, const int *pitch, double *factors, double *work, const int *room,
             int *info);
void dorgqr_(const int *m, const int *n, const int *k, double *a, const int *pitch, const double *factors, double *work,
             const int *room, int *info);

/* Whether sizes pay, which is where k is at least `least`; up to those whose work LAPACK cannot count in an int. */
static bool worth_lapack(int64_t least, int64_t k, int64_t n) {
    return k >= least && k <= 1 << 14 && n <= 1 << 24;
}

static const int asking = -1;

/* Doubles that hold so many ints. */
static int64_t doubles_for(int64_t ints) {
    return (ints * (int64_t)sizeof(int) + 7) / 8;
}

/* ---- eigenvectors ------------------------------------------------------------------------------------------------ */

static void call_dsyevd(int64_t n, double *v, double *value, double *work, int room, int *places, int *info) {
    int size = (int)n, place_room = room == asking ? asking : 3 + 5 * size;
    dsyevd_("V", "L", &size, v, &size, value, work, &room, places, &place_room, info, 1, 1);
}

static int64_t eigh_room(int64_t n) {
    double most = 0;
    int    places = 0, info = 0;
    call_dsyevd(n, NULL, NULL, &most, asking, &places, &info);
    return (int64_t)most;
}

static bool eigh_by_lapack(int64_t n, const double *a, double *value, double *v, double *scratch) {
    int64_t room = eigh_room(n);
    int     info = 0;
    memcpy(v, a, (size_t)(n * n) * sizeof *v);
    call_dsyevd(n, v, value, scratch, (int)room, (int *)(void *)(scratch + room), &info);
    return info == 0;
}

/* ---- singular vectors: A is copied, and U made beside it ------------------------------------------------------------ */

static void call_dgesdd(int64_t k, int64_t n, double *a, double *value, double *u, double *vt, double *work, int room,
                        int *places, int *info) {
    int rows = (int)n, columns = (int)k;
    dgesdd_("S", &rows, &columns, a, &rows, value, u, &rows, vt, &columns, work, &room, places, info, 1);
}

static int64_t svd_room(int64_t k, int64_t n) {
    double most = 0;
    int    places = 0, info = 0;
    call_dgesdd(k, n, NULL, NULL, NULL, NULL, &most, asking, &places, &info);
    return (int64_t)most;
}

static bool svd_by_lapack(int64_t k, int64_t n, double *u, double *value, double *v, double *scratch) {
    int64_t room = svd_room(k, n);
    double *a = scratch, *columns = a + k * n, *work = columns + k * n;
    int     info = 0;
    memcpy(a, u, (size_t)(k * n) * sizeof *a);
    call_dgesdd(k, n, a, value, columns, v, work, (int)room, (int *)(void *)(work + room), &info);
    if (info != 0) return false;
    memcpy(u, columns, (size_t)(k * n) * sizeof *u);
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < i; j++)
            swap(1, v + i * k + j, v + j * k + i);
    return true;
}

/* ---- QR ---------------------------------------------------------------------------------------------------------- */

static int64_t qr_room(int64_t k, int64_t n) {
    int    rows = (int)n, columns = (int)k, info = 0;
    double factored = 0, made = 0;
    dgeqrf_(&rows, &columns, NULL, &rows, NULL, &factored, &asking, &info);
    dorgqr_(&rows, &columns, &columns, NULL, &rows, NULL, &made, &asking, &info);
    return (int64_t)(factored > made ? factored : made);
}

static void qr_by_lapack(int64_t k, int64_t n, double *q, double *r, double *scratch) {
    int     rows = (int)n, columns = (int)k, room = (int)qr_room(k, n), info = 0;
    double *factors = scratch, *work = factors + k;
    memset(r, 0, (size_t)(k * k) * sizeof *r);
    dgeqrf_(&rows, &columns, q, &rows, factors, work, &room, &info);
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = i; j < k; j++)
            r[i * k + j] = q[j * n + i];
    dorgqr_(&rows, &columns, &columns, q, &rows, factors, work, &room, &info);
}
