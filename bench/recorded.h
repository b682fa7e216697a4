/* bench/recorded.h: contestants that are a tape in float64: a step is a run of all of it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_RECORDED_H
#define BENCH_RECORDED_H

#include "bench.h"

/* The functions of a contestant. recorded_new ends its setup: the tape is the contestant's, and all must agree on the `count` results, 3 at
 * most. */
void *recorded_new(tg_tape *tape, int count, const tg_tensor *results);
void  recorded_step(void *state);
int   recorded_result(void *state, double *to);
void  recorded_free(void *state);

/* As `numbers` and `digest`, in float64. */
double *doubles(int64_t n, uint32_t salt, double low, double high);
int     digest_doubles(const double *x, int64_t n, double *to);

#endif
