/* tests/allocator.h: an allocator that counts, and fails when it is told to.
 *
 * The program is linked so that every malloc, calloc, realloc and free of the library and of the iris example comes by here.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_ALLOCATOR_H
#define TESTS_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

/* Check allocates for its own assertions, which the counts leave out. */
extern bool watching;

/* Calls so far; blocks that are not freed; how many allocations from now on the one is that fails, 0 for none. */
extern long calls, live, until_failure;

/* And every malloc of just so many bytes fails, 0 for none; how many the latest one was asked for. */
extern size_t failing_bytes, latest_bytes;

/* Each test begins with this: nothing is live yet. */
void watch(void);

#define unwatched(assertion) \
    do { \
        watching = false; \
        assertion; \
        watching = true; \
    } while (0)

#endif
