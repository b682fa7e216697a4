/* mpi/driver.c: the thread that drives communications on.
 *
 * Most MPI libraries move data only while one of their functions is called. A thread that calls MPI_Test every now and then lets a reduction
 * go on beside the walk. It pauses between the calls: what computes needs the processor more.
 *
 * SPDX-License-Identifier: MIT */
#include "mpi/driver.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

void tgi_pause(double seconds) {
    struct timespec t = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&t, NULL);
}

#ifdef TGI_HAVE_THREADS

static const double pause_between = 50e-6;

struct tgi_driver {
    int (*work)(void *argument);
    void           *argument;
    pthread_t       thread;
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    bool            woken, ends;
};

void tgi_lock_make(tgi_lock *lock) {
    pthread_mutex_init(lock, NULL);
}
void tgi_lock_free(tgi_lock *lock) {
    pthread_mutex_destroy(lock);
}
void tgi_lock_hold(tgi_lock *lock) {
    pthread_mutex_lock(lock);
}
void tgi_lock_leave(tgi_lock *lock) {
    pthread_mutex_unlock(lock);
}

/* Whether there may be work: sleeps until there is, or it is to end. */
static bool await(tgi_driver *d) {
    pthread_mutex_lock(&d->lock);
    while (!d->woken && !d->ends)
        pthread_cond_wait(&d->changed, &d->lock);
    d->woken = false;
    bool goes_on = !d->ends;
    pthread_mutex_unlock(&d->lock);
    return goes_on;
}

static bool is_ending(tgi_driver *d) {
    pthread_mutex_lock(&d->lock);
    bool ends = d->ends;
    pthread_mutex_unlock(&d->lock);
    return ends;
}

static void *drive(void *argument) {
    tgi_driver *d = argument;
    while (await(d))
        while (d->work(d->argument) && !is_ending(d))
            tgi_pause(pause_between);
    return NULL;
}

/* Signals are for the program's own threads. */
static bool start(tgi_driver *d) {
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before)) return false;
    bool started = !pthread_create(&d->thread, NULL, drive, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

tgi_driver *tgi_driver_new(int (*work)(void *argument), void *argument) {
    tgi_driver *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->work = work;
    d->argument = argument;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->changed, NULL);
    if (start(d)) return d;
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    free(d);
    return NULL;
}

void tgi_driver_wake(tgi_driver *d) {
    if (!d) return;
    pthread_mutex_lock(&d->lock);
    d->woken = true;
    pthread_cond_signal(&d->changed);
    pthread_mutex_unlock(&d->lock);
}

void tgi_driver_free(tgi_driver *d) {
    if (!d) return;
    pthread_mutex_lock(&d->lock);
    d->ends = true;
    pthread_cond_signal(&d->changed);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

#else

void tgi_lock_make(tgi_lock *lock) {
    *lock = 0;
}
void tgi_lock_free(tgi_lock *lock) {
    (void)lock;
}
void tgi_lock_hold(tgi_lock *lock) {
    (void)lock;
}
void tgi_lock_leave(tgi_lock *lock) {
    (void)lock;
}
tgi_driver *tgi_driver_new(int (*work)(void *argument), void *argument) {
    (void)work, (void)argument;
    return NULL;
}
void tgi_driver_wake(tgi_driver *d) {
    (void)d;
}
void tgi_driver_free(tgi_driver *d) {
    (void)d;
}

#endif
