/* io/worker.h: a thread that does one piece of work at a time, while its owner goes on.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_WORKER_H
#define TGI_IO_WORKER_H

typedef struct tgi_worker tgi_worker;

/* `work` is what it does, each time, with the same argument. NULL without memory. */
tgi_worker *tgi_worker_new(void (*work)(void *argument), void *argument);

/* Waits, and ends it. NULL is ignored. */
void tgi_worker_free(tgi_worker *worker);

/* Has it do its work; there is none under way. Where it can have no thread it is done when it is waited for. */
void tgi_worker_start(tgi_worker *worker);

/* Until what was started is done; at once, if nothing was. */
void tgi_worker_wait(tgi_worker *worker);

#endif
