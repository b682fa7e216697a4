/* kernels/threads.h: work that consists of independent units, shared out to threads.
 *
 * What a unit gives must not depend on the share that it is in: then the bits do not depend on the number of threads.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_THREADS_H
#define TGI_KERNELS_THREADS_H

#include <stdint.h>
#ifdef _OPENMP
#include <omp.h>
#endif

/* Does units `from` .. `to` - 1 of the job; `share` is the number of the share. */
typedef void tgi_units(const void *job, int share, int64_t from, int64_t to);

/* Divides `units` into `shares` shares, as equal as possible, and does each on its own thread; without OpenMP one after the
 * other. */
void tgi_share_out(int shares, int64_t units, tgi_units *some, const void *job);

/* Into how many shares it pays to divide units that take `steps` steps together, where `worth` steps are worth a thread: at
 * least 1, at most `threads`. */
int tgi_shares_of(int threads, int64_t units, double steps, double worth);

/* A lock for what threads share. */
#ifdef _OPENMP
typedef omp_lock_t tgi_lock;
#else
typedef char tgi_lock;
#endif

static inline void tgi_lock_begin(tgi_lock *lock) {
#ifdef _OPENMP
    omp_init_lock(lock);
#else
    *lock = 0;
#endif
}

static inline void tgi_lock_end(tgi_lock *lock) {
#ifdef _OPENMP
    omp_destroy_lock(lock);
#else
    (void)lock;
#endif
}

static inline void tgi_lock_take(tgi_lock *lock) {
#ifdef _OPENMP
    omp_set_lock(lock);
#else
    (void)lock;
#endif
}

static inline void tgi_lock_give(tgi_lock *lock) {
#ifdef _OPENMP
    omp_unset_lock(lock);
#else
    (void)lock;
#endif
}

#endif
