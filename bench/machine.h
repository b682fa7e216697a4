/* bench/machine.h: what the system tells of this process and of the others; 0 where it does not.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

/* The memory of this process now, and at its peak, in bytes. */
double memory_now(void);
double memory_peak(void);

/* The peak is what it is now. */
void memory_forget_peak(void);

/* For how many seconds, since the system was started, there were processes that had to wait for a processor. */
double waiting_seconds(void);

#endif
