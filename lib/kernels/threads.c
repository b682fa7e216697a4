/* kernels/threads.c: see threads.h.
 *
 * The units are cut into chunks, a few for each thread. A thread claims one chunk after the other, in one atomic step, until none is
 * left; the caller does, too. So the caller waits in the end for chunks that others have in hand, and for nothing else: a thread that the
 * system does not run, as others have its processor, holds up one chunk if it has one, and nobody if it has none.
 *
 * Which chunk it is that was claimed is another step. The chunks are divided into ranges, and a thread takes those of its own range first,
 * the same one in every job: much of what it reads it wrote in the job before, and has in its cache.
 *
 * `open` is a word of which job it is, how many of its shares nobody has, and how many of its chunks. A claim takes a chunk, and a share
 * if it is the thread's first of this job: a worker that comes late finds another job in the word, or nothing left. The other members of
 * the job are written while nothing is left to claim, and are read by who has claimed a chunk and not finished it: the caller waits for
 * that before it writes the next one.
 *
 * Who has nothing to do spins for a moment, as the next job may be near, and sleeps then. A sleeper counts itself, and looks at the word
 * again; the caller writes the word, and looks at the count: one of them sees what the other did. The caller never waits for the lock
 * under which workers go to sleep.
 *
 * The first worker is made by the caller, every other one by the worker before it, which also waits for its end: so they need no memory
 * but their stacks. One that cannot be made, and those after it, are missing.
 *
 * Where threads are lent, the team makes none: each share is a call that the lender makes, and claims chunks from a counter.
 *
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* for sched_getaffinity */
#endif

#include "threads.h"

#include <stdlib.h>

/* So many threads a team has at most. */
#ifdef TGI_HAVE_THREADS
enum { MOST_THREADS = 1024 };
#else
enum { MOST_THREADS = 1 };
#endif

/* ---- sharing out ------------------------------------------------------------------------------------------------- */

int tgi_shares_of(int threads, int64_t units, double steps, double worth) {
    double shares = steps / worth;
    if (shares > (double)units) shares = (double)units;
    return threads <= 1 || shares < 2 ? 1 : shares < threads ? (int)shares : threads;
}

#ifdef TGI_HAVE_THREADS

#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* The parts of the word `open`: 40 bits, 12 and 12. */
enum { CHUNKS_A_SHARE = 8, MOST_CHUNKS = 4095, PART_BITS = 12, ONE_CHUNK = 1, ONE_SHARE = 1 << PART_BITS };

_Static_assert((int)MOST_THREADS <= (int)MOST_CHUNKS, "the free shares fit into their part");

static uint64_t job_in(uint64_t open) {
    return open >> 2 * PART_BITS;
}

static int shares_in(uint64_t open) {
    return (int)(open >> PART_BITS & MOST_CHUNKS);
}

static int chunks_in(uint64_t open) {
    return (int)(open & MOST_CHUNKS);
}

/* A thread, the caller being number 0, and the share that it has of a job; job 0 is none. */
typedef struct member {
    uint64_t job;
    int      share, number;
} member;

static bool may_claim(uint64_t open, const member *self) {
    return chunks_in(open) > 0 && (job_in(open) == self->job || shares_in(open) > 0);
}

/* Claims a chunk, whichever it will be; false when there is none for the thread. */
static bool claim(tgi_team *team, member *self) {
    uint64_t open = atomic_load(&team->open), left;
    do {
        if (!may_claim(open, self)) return false;
        left = open - ONE_CHUNK - (job_in(open) == self->job ? 0 : ONE_SHARE);
    } while (!atomic_compare_exchange_weak(&team->open, &open, left));
    if (job_in(open) != self->job) self->job = job_in(open), self->share = shares_in(open);
    return true;
}

/* Chunk `i` begins at this unit: units / chunks of them each, and one more for the first ones. */
static int64_t start_of(int64_t i, int64_t chunks, int64_t units) {
    int64_t rest = units % chunks;
    return units / chunks * i + (i < rest ? i : rest);
}

/* The next chunk of a range, -1 where there is none. */
static int64_t pick_from(tgi_team *team, int range) {
    int64_t first = start_of(range, team->range_count, team->chunks);
    int64_t count = start_of(range + 1, team->range_count, team->chunks) - first;
    if (atomic_load(&team->ranges[range].taken) >= count) return -1;
    int64_t i = atomic_fetch_add(&team->ranges[range].taken, 1);
    return i < count ? first + i : -1;
}

/* The chunk that a thread does, having claimed one. There are as many chunks as claims, so that one look at each range finds it. */
static int64_t pick(tgi_team *team, const member *self) {
    int64_t chunk = -1;
    for (int i = 0; chunk < 0; i++)
        chunk = pick_from(team, (self->number + i) % team->range_count);
    return chunk;
}

static void tell_caller(tgi_team *team) {
    if (!atomic_load(&team->caller_sleeps)) return;
    pthread_mutex_lock(&team->caller_lock);
    pthread_cond_signal(&team->work_done);
    pthread_mutex_unlock(&team->caller_lock);
}

static void do_chunks(tgi_team *team, member *self) {
    while (claim(team, self)) {
        int64_t i = pick(team, self), units = team->units;
        team->work(team->job, self->share, start_of(i, team->chunks, units), start_of(i + 1, team->chunks, units));
        if (atomic_fetch_sub(&team->unfinished, 1) == 1) tell_caller(team);
    }
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

/* To be woken takes some 20 us on a virtual machine, and as long to wake: who waits spins for longer than that, and leaves its processor to
 * others on the way. */
enum { SPIN_NANOSECONDS = 100000, YIELD_NANOSECONDS = 20000, SPINS_A_LOOK = 32 };

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void pause_a_moment(void) {
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__ || defined __arm__
    __asm__ volatile("yield");
#endif
}

typedef bool condition(tgi_team *team, const member *self);

static bool comes_soon(condition *is_there, tgi_team *team, const member *self) {
    int64_t at = now(), end = at + SPIN_NANOSECONDS, yield = at + YIELD_NANOSECONDS;
    for (; at < end; at = now()) {
        for (int i = 0; i < SPINS_A_LOOK; i++) {
            if (is_there(team, self)) return true;
            pause_a_moment();
        }
        if (at < yield) continue;
        sched_yield();
        yield = at + YIELD_NANOSECONDS;
    }
    return false;
}

static bool is_done(tgi_team *team, const member *self) {
    (void)self;
    return atomic_load(&team->unfinished) == 0;
}

static bool has_work(tgi_team *team, const member *self) {
    return may_claim(atomic_load(&team->open), self) || atomic_load(&team->ending);
}

static void wait_for_others(tgi_team *team) {
    if (comes_soon(is_done, team, NULL)) return;
    pthread_mutex_lock(&team->caller_lock);
    atomic_store(&team->caller_sleeps, true);
    while (!is_done(team, NULL))
        pthread_cond_wait(&team->work_done, &team->caller_lock);
    atomic_store(&team->caller_sleeps, false);
    pthread_mutex_unlock(&team->caller_lock);
}

/* Returns false when the team ends. */
static bool wait_for_work(tgi_team *team, const member *self) {
    if (!comes_soon(has_work, team, self)) {
        pthread_mutex_lock(&team->workers_lock);
        atomic_fetch_add(&team->asleep, 1);
        while (!has_work(team, self))
            pthread_cond_wait(&team->work_begun, &team->workers_lock);
        atomic_fetch_sub(&team->asleep, 1);
        pthread_mutex_unlock(&team->workers_lock);
    }
    return !atomic_load(&team->ending);
}

/* Who holds the lock is going to sleep, or waking up: that is soon over, unless the system stops it in the middle. */
static void wake(tgi_team *team, int workers) {
    enum { TRIES = 100 };
    int asleep = atomic_load(&team->asleep), tries = 0;
    if (asleep == 0) return;
    while (pthread_mutex_trylock(&team->workers_lock)) {
        if (++tries == TRIES) return;
        pause_a_moment();
    }
    for (int i = 0; i < workers && i < asleep; i++)
        pthread_cond_signal(&team->work_begun);
    pthread_mutex_unlock(&team->workers_lock);
}

/* ---- the team ---------------------------------------------------------------------------------------------------- */

/* A unit that cancels its thread would take the chunk in hand along: that waits for the end. */
static void *be_worker(void *argument) {
    tgi_team *team = argument;
    member    self = {.number = atomic_fetch_add(&team->count, 1) + 1};
    pthread_t next;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    bool has_next = self.number + 1 < team->threads && !pthread_create(&next, NULL, be_worker, team);
    while (wait_for_work(team, &self))
        do_chunks(team, &self);
    if (has_next) pthread_join(next, NULL);
    return NULL;
}

/* The program's signals are for its own threads: workers take none, as who makes a thread gives it its mask. */
static void make_first(tgi_team *team) {
#ifndef _WIN32
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
#endif
    team->has_first = !pthread_create(&team->first, NULL, be_worker, team);
#ifndef _WIN32
    pthread_sigmask(SIG_SETMASK, &before, NULL);
#endif
}

/* Whether there may be workers, in this process. */
static bool has_workers(tgi_team *team) {
    if (!team->started) {
        team->started = true;
        team->process = getpid();
        pthread_mutex_init(&team->workers_lock, NULL);
        pthread_mutex_init(&team->caller_lock, NULL);
        pthread_cond_init(&team->work_begun, NULL);
        pthread_cond_init(&team->work_done, NULL);
        make_first(team);
    }
    return team->has_first && team->process == getpid();
}

/* In another process they are left as they are. */
void tgi_team_resize(tgi_team *team, int threads) {
    tgi_lender lender = team->lender;
    if (team->started && team->process == getpid()) {
        pthread_mutex_lock(&team->workers_lock);
        atomic_store(&team->ending, true);
        pthread_cond_broadcast(&team->work_begun);
        pthread_mutex_unlock(&team->workers_lock);
        if (team->has_first) pthread_join(team->first, NULL);
        pthread_mutex_destroy(&team->workers_lock);
        pthread_mutex_destroy(&team->caller_lock);
        pthread_cond_destroy(&team->work_begun);
        pthread_cond_destroy(&team->work_done);
    }
    tgi_team_begin(team, threads);
    team->lender = lender;
}

/* ---- threads that are lent --------------------------------------------------------------------------------------- */

typedef struct lent_job {
    const tgi_team *team;
    int             shares;
    atomic_int      next_share, next_chunk;
} lent_job;

static void do_lent_chunks(lent_job *l, int share) {
    const tgi_team *team = l->team;
    for (int i; (i = atomic_fetch_add(&l->next_chunk, 1)) < team->chunks;)
        team->work(team->job, share, start_of(i, team->chunks, team->units), start_of(i + 1, team->chunks, team->units));
}

/* A share gets its number here, so that no two have the same whatever the lender says. */
static void do_lent_share(void *job, int i) {
    lent_job *l = job;
    int       share = atomic_fetch_add(&l->next_share, 1);
    (void)i;
    if (share < l->shares) do_lent_chunks(l, share);
}

/* What the lender has left out is done by the caller. */
static void share_out_to_lent(tgi_team *team, int shares) {
    lent_job job = {.team = team, .shares = shares};
    team->lender.parallel_for(team->lender.context, shares, do_lent_share, &job);
    do_lent_chunks(&job, 0);
}

/* ---- a job ------------------------------------------------------------------------------------------------------- */

static void share_out_to_workers(tgi_team *team, int shares) {
    atomic_store(&team->unfinished, (int)team->chunks);
    team->range_count = shares < TGI_RANGES ? shares : TGI_RANGES;
    for (int i = 0; i < team->range_count; i++)
        atomic_store_explicit(&team->ranges[i].taken, 0, memory_order_relaxed);
    member self = {.job = ++team->jobs};
    atomic_store(&team->open, self.job << 2 * PART_BITS | (uint64_t)(shares - 1) << PART_BITS | (uint64_t)team->chunks);
    wake(team, shares - 1);
    do_chunks(team, &self);
    wait_for_others(team);
}

/* What a unit shares out in its turn is done by its own thread. */
void tgi_share_out(tgi_team *team, int shares, int64_t units, tgi_units *work, const void *job) {
    bool is_lent = team && team->lender.parallel_for;
    if (!team || shares <= 1 || team->work || (!is_lent && !has_workers(team))) {
        work(job, 0, 0, units);
        return;
    }
    int64_t chunks = (int64_t)shares * CHUNKS_A_SHARE;
    if (chunks > units) chunks = units;
    if (chunks > MOST_CHUNKS) chunks = MOST_CHUNKS;
    team->work = work, team->job = job, team->units = units, team->chunks = chunks;
    is_lent ? share_out_to_lent(team, shares) : share_out_to_workers(team, shares);
    team->work = NULL;
}

/* ---- how many ---------------------------------------------------------------------------------------------------- */

static long processors(void) {
#ifdef TGI_HAVE_AFFINITY
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set)) return CPU_COUNT(&set);
#endif
#ifdef _WIN32
    return pthread_num_processors_np();
#else
    return sysconf(_SC_NPROCESSORS_ONLN);
#endif
}

static long default_threads(void) {
    const char *wanted = getenv("OMP_NUM_THREADS");
    long        count = wanted ? strtol(wanted, NULL, 10) : 0;
    return count > 0 ? count : processors();
}

#else

void tgi_share_out(tgi_team *team, int shares, int64_t units, tgi_units *work, const void *job) {
    (void)team, (void)shares;
    work(job, 0, 0, units);
}

void tgi_team_resize(tgi_team *team, int threads) {
    tgi_team_begin(team, threads);
}

static long default_threads(void) {
    return 1;
}

#endif

void tgi_team_begin(tgi_team *team, int threads) {
    *team = (tgi_team){.threads = threads < MOST_THREADS ? threads : MOST_THREADS};
}

void tgi_team_end(tgi_team *team) {
    tgi_team_resize(team, team->threads);
}

int tgi_team_size(tgi_team *team) {
    if (!team) return 1;
    if (team->threads == 0) {
        long count = default_threads();
        team->threads = count < 1 ? 1 : count < MOST_THREADS ? (int)count : MOST_THREADS;
    }
    return team->threads;
}
