/* io/worker.c: a thread that does one piece of work at a time.
 *
 * Who owns the worker hands it the work, and takes it back done: between the two only the worker's thread touches what the work is about.
 * The thread is made when it is needed first. Where there is none, because the system gives none, the library is built without, or this is
 * another process after a fork, the owner does the work himself when he waits for it.
 *
 * SPDX-License-Identifier: MIT */
#include "worker.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#ifdef TGI_HAVE_THREADS
#include <pthread.h>
#include <signal.h>
#endif

struct tgi_worker {
    void (*work)(void *argument);
    void *argument;
    bool  started; /* the owner's: there is work that he has not waited for */
#ifdef TGI_HAVE_THREADS
    pthread_t       thread;
    bool            tried, has_thread;
    pid_t           process; /* that has the thread */
    pthread_mutex_t lock;    /* of those below */
    pthread_cond_t  changed;
    bool            busy, ending;
#endif
};

tgi_worker *tgi_worker_new(void (*work)(void *argument), void *argument) {
    tgi_worker *worker = calloc(1, sizeof *worker);
    if (!worker) return NULL;
    worker->work = work;
    worker->argument = argument;
    return worker;
}

#ifdef TGI_HAVE_THREADS

static void *be_worker(void *argument) {
    tgi_worker *worker = argument;
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        while (!worker->busy && !worker->ending)
            pthread_cond_wait(&worker->changed, &worker->lock);
        if (!worker->busy) break;
        pthread_mutex_unlock(&worker->lock);
        worker->work(worker->argument);
        pthread_mutex_lock(&worker->lock);
        worker->busy = false;
        pthread_cond_signal(&worker->changed);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

/* The program's signals are for its own threads: this one takes none, as who makes a thread gives it its mask. */
static void make_thread(tgi_worker *worker) {
    worker->tried = true;
    worker->process = getpid();
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, NULL);
#ifndef _WIN32
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
#endif
    worker->has_thread = !pthread_create(&worker->thread, NULL, be_worker, worker);
#ifndef _WIN32
    pthread_sigmask(SIG_SETMASK, &before, NULL);
#endif
}

static bool has_thread(const tgi_worker *worker) {
    return worker->has_thread && worker->process == getpid();
}

void tgi_worker_start(tgi_worker *worker) {
    worker->started = true;
    if (!worker->tried) make_thread(worker);
    if (!has_thread(worker)) return;
    pthread_mutex_lock(&worker->lock);
    worker->busy = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

void tgi_worker_wait(tgi_worker *worker) {
    if (!worker->started) return;
    worker->started = false;
    if (!has_thread(worker)) {
        worker->work(worker->argument);
        return;
    }
    pthread_mutex_lock(&worker->lock);
    while (worker->busy)
        pthread_cond_wait(&worker->changed, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
}

/* In another process the thread's locks are left as they are. */
void tgi_worker_free(tgi_worker *worker) {
    if (worker && worker->tried && worker->process == getpid()) {
        if (worker->has_thread) {
            pthread_mutex_lock(&worker->lock);
            worker->ending = true;
            pthread_cond_signal(&worker->changed);
            pthread_mutex_unlock(&worker->lock);
            pthread_join(worker->thread, NULL);
        }
        pthread_mutex_destroy(&worker->lock);
        pthread_cond_destroy(&worker->changed);
    }
    free(worker);
}

#else

void tgi_worker_start(tgi_worker *worker) {
    worker->started = true;
}

void tgi_worker_wait(tgi_worker *worker) {
    if (worker->started) worker->work(worker->argument);
    worker->started = false;
}

void tgi_worker_free(tgi_worker *worker) {
    free(worker);
}

#endif
