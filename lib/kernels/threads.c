/* kernels/threads.c: see threads.h.
 *
 * SPDX-License-Identifier: MIT */
#include "threads.h"

/* Share `i` begins at this unit: units / shares of them each, and one more for the first ones. */
static int64_t start_of(int64_t i, int shares, int64_t units) {
    int64_t rest = units % shares;
    return units / shares * i + (i < rest ? i : rest);
}

/* One share needs no OpenMP, which would take memory for it. */
void tgi_share_out(int shares, int64_t units, tgi_units *some, const void *job) {
    if (shares <= 1) {
        some(job, 0, 0, units);
        return;
    }
#ifdef _OPENMP
#pragma omp parallel for num_threads(shares) schedule(static, 1)
#endif
    for (int i = 0; i < shares; i++)
        some(job, i, start_of(i, shares, units), start_of(i + 1, shares, units));
}

int tgi_shares_of(int threads, int64_t units, double steps, double worth) {
    double shares = steps / worth;
    if (shares > (double)units) shares = (double)units;
    return threads <= 1 || shares < 2 ? 1 : shares < threads ? (int)shares : threads;
}
