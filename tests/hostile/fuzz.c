/* tests/hostile/fuzz.c: the hostile program under libFuzzer.
 *
 * SPDX-License-Identifier: MIT */
#include "allocator.h"
#include "hostile.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

void hostile_fail_allocation(long n) {
    until_failure = n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    hostile_run(bytes, count);
    return 0;
}
