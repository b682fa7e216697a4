/* kernels/threads.h: work that consists of independent units, shared out to threads.
 *
 * What a unit gives must not depend on the share that it is in: then the bits do not depend on the number of threads.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_THREADS_H
#define TGI_KERNELS_THREADS_H

#include <stdint.h>

/* Does units `from` .. `to` - 1 of the job; `share` is the number of the share. */
typedef void tgi_units(const void *job, int share, int64_t from, int64_t to);

/* Divides `units` into `shares` shares, as equal as possible, and does each on its own thread; without OpenMP one after the
 * other. */
void tgi_share_out(int shares, int64_t units, tgi_units *some, const void *job);

/* Into how many shares it pays to divide units that take `steps` steps together, where `worth` steps are worth a thread: at
 * least 1, at most `threads`. */
int tgi_shares_of(int threads, int64_t units, double steps, double worth);

/* Before a statement that touches what several threads share. */
#ifdef _OPENMP
#define TGI_ONE_THREAD_AT_A_TIME _Pragma("omp critical(tapegrad)")
#else
#define TGI_ONE_THREAD_AT_A_TIME
#endif

#endif
