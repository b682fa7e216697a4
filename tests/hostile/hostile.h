/* tests/hostile/hostile.h: the hostile program, and what it needs of who runs it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_HOSTILE_HOSTILE_H
#define TESTS_HOSTILE_HOSTILE_H

#include <stddef.h>
#include <stdint.h>

/* Runs the bytes as a program. */
void hostile_run(const uint8_t *bytes, size_t count);

/* The n-th allocation from now on fails; 0 for none. */
void hostile_fail_allocation(long n);

#endif
