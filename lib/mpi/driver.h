/* mpi/driver.h: the thread that drives communications on while the tape computes, and the lock that it takes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_MPI_DRIVER_H
#define TGI_MPI_DRIVER_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifdef TGI_HAVE_THREADS
#include <pthread.h>
typedef pthread_mutex_t tgi_lock;
#else
typedef int tgi_lock;
#endif

void tgi_lock_make(tgi_lock *lock);
void tgi_lock_free(tgi_lock *lock);
void tgi_lock_hold(tgi_lock *lock);
void tgi_lock_leave(tgi_lock *lock);

/* A thread that calls work(argument) again and again, pausing in between, as long as that says there is more; then it sleeps until it is
 * woken. NULL where there are no threads, or none can be made. */
typedef struct tgi_driver tgi_driver;
tgi_driver               *tgi_driver_new(int (*work)(void *argument), void *argument);
void                      tgi_driver_wake(tgi_driver *driver);
void                      tgi_driver_free(tgi_driver *driver);

/* Sleeps for that long. */
void tgi_pause(double seconds);

#endif
