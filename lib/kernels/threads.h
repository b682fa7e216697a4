/* kernels/threads.h: work that consists of independent units, shared out to a team of threads.
 *
 * What a unit gives must not depend on the thread that does it: then the bits do not depend on the number of threads.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_THREADS_H
#define TGI_KERNELS_THREADS_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdbool.h>
#include <stdint.h>

#ifdef TGI_HAVE_THREADS
#include <pthread.h>
#include <stdatomic.h>
#endif

/* Does units `from` .. `to` - 1 of the job, some of the units of a share. `share` is the number of the share: memory that belongs to
 * it is used by one thread at a time. */
typedef void tgi_units(const void *job, int share, int64_t from, int64_t to);

/* Threads of somebody else's: calls share(job, i) for i = 0 ... count - 1, on any threads and in any order, and returns when all these calls
 * have. NULL: there are none. */
typedef struct tgi_lender {
    void *context;
    void (*parallel_for)(void *context, int count, void (*share)(void *job, int i), void *job);
} tgi_lender;

#ifdef TGI_HAVE_THREADS
/* How many chunks of a range have been taken, alone in its line of the cache. */
enum { TGI_RANGES = 8 };
typedef struct tgi_range {
    char       apart[64 - sizeof(atomic_int)];
    atomic_int taken;
} tgi_range;
#endif

/* The thread that calls, and workers: those are made by the first work that is for two, or lent. */
typedef struct tgi_team {
    int        threads; /* at most; 0 as long as nobody has asked how many processors there are */
    tgi_lender lender;
#ifdef TGI_HAVE_THREADS
    /* the job: threads.c says who may read it when */
    tgi_units       *work; /* NULL: there is none */
    const void      *job;
    int64_t          units, chunks;
    uint64_t         jobs; /* so far */
    _Atomic uint64_t open; /* which job it is, and what is left of it: shares, and chunks */
    atomic_int       unfinished;
    int              range_count;
    tgi_range        ranges[TGI_RANGES];

    /* the workers */
    bool            started;
    pid_t           process; /* in which they are */
    pthread_t       first;
    bool            has_first;
    atomic_int      count, asleep;
    atomic_bool     ending, caller_sleeps;
    pthread_mutex_t workers_lock, caller_lock;
    pthread_cond_t  work_begun, work_done;
#endif
} tgi_team;

/* A team of at most so many threads, 0 meaning as many as there are processors for this process, or OMP_NUM_THREADS. It has no threads
 * and no memory yet, and no lender, which may be set then. */
void tgi_team_begin(tgi_team *team, int threads);

/* Ends its own threads, and waits for that. It may go on, with the same lender: the next work makes others. */
void tgi_team_end(tgi_team *team);

/* The same, and it has at most so many from then on. */
void tgi_team_resize(tgi_team *team, int threads);

/* How many threads it may have, that of the caller included; 1 for NULL. */
int tgi_team_size(tgi_team *team);

/* Divides `units` into `shares` shares, tgi_team_size at most, and does each on its own thread; those that have no thread at present are
 * done by the others. Returns when all is done. In another process than the one in which they were made the team's threads are not
 * there: the caller does all. NULL: as a team of one. */
void tgi_share_out(tgi_team *team, int shares, int64_t units, tgi_units *work, const void *job);

/* Into how many shares it pays to divide units that take `steps` steps together, where `worth` steps are worth a thread: at
 * least 1, at most `threads`. */
int tgi_shares_of(int threads, int64_t units, double steps, double worth);

/* A lock for what threads share. */
#ifdef TGI_HAVE_THREADS
typedef pthread_mutex_t tgi_lock;
#else
typedef char tgi_lock;
#endif

static inline void tgi_lock_begin(tgi_lock *lock) {
#ifdef TGI_HAVE_THREADS
    pthread_mutex_init(lock, NULL);
#else
    *lock = 0;
#endif
}

static inline void tgi_lock_end(tgi_lock *lock) {
#ifdef TGI_HAVE_THREADS
    pthread_mutex_destroy(lock);
#else
    (void)lock;
#endif
}

static inline void tgi_lock_take(tgi_lock *lock) {
#ifdef TGI_HAVE_THREADS
    pthread_mutex_lock(lock);
#else
    (void)lock;
#endif
}

static inline void tgi_lock_give(tgi_lock *lock) {
#ifdef TGI_HAVE_THREADS
    pthread_mutex_unlock(lock);
#else
    (void)lock;
#endif
}

#endif
