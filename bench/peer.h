/* bench/peer.h: the Python process that has the rivals from there.
 *
 * It is started when the first of them is needed, and answers one line with one line (rivals.py). All functions report on
 * stderr what is wrong, and then give false, 0 or -1.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stdint.h>

/* How to start it, and how many threads it may use; nothing is started yet. */
void peer_is(const char *python, const char *script, int threads);

/* Makes the rival ready, under that number. */
bool peer_setup(int rival, const char *work, const char *name);

/* Seconds that that many steps take. */
double peer_run(int rival, int64_t steps);

/* The numbers that the contestants must agree on, at most `most`; returns how many. */
int peer_result(int rival, double *to, int most);

/* The peak of the memory of the rival in bytes, found by a process of its own. */
double peer_memory(const char *work, const char *name);

/* Drops the rivals of a work; ends the process. */
void peer_clear(void);
void peer_end(void);

#endif
