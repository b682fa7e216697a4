/* tests/mpi/no_memory.c: in the place of test_memory.c where the linker cannot interpose the allocator.
 *
 * SPDX-License-Identifier: MIT */
#include "ranks.h"

rank_suite memory_suite(void) {
    return (rank_suite){0, NULL};
}
