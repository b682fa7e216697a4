/* tests/run/test_fusion.c: whatever the executor fuses, reorders and puts where, no one can tell: random programs by their plans and
 * one instruction at a time.
 *
 * TAPEGRAD_FUZZ is the number of programs (see make fuzz), TAPEGRAD_FUZZ_SEED the first one: of a program that failed,
 *     CK_FORK=no CK_RUN_SUITE=run/fusion TAPEGRAD_FUZZ=1 TAPEGRAD_FUZZ_SEED=... tests/check_tapegrad
 *
 * SPDX-License-Identifier: MIT */
#include "run/random_tape.h"

#include <stdio.h>
#include <stdlib.h>

enum { PARTS = 4, PROGRAMS = 2000 };

static uint64_t from_environment(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

START_TEST(random_programs_are_the_same_one_by_one) {
    uint64_t first = from_environment("TAPEGRAD_FUZZ_SEED", 1), count = from_environment("TAPEGRAD_FUZZ", PROGRAMS);
    tallies  sums = {0};
    for (uint64_t i = (uint64_t)_i; i < count; i += PARTS)
        perform_random_program(first + i, &sums);
    if (!getenv("TAPEGRAD_FUZZ")) return;
    printf("# Random programs: %ld, on whose tapes in the end %ld instructions, %ld of the last plans fused, %ld plans found, "
           "%ld kernels failed; %ld programs left early\n",
           sums.programs, sums.instructions, sums.fused, sums.hits, sums.failures, sums.lost);
    fflush(stdout);
}
END_TEST

Suite *suite_fusion(void) {
    Suite *suite = suite_create("run/fusion");
    TCase *random = tcase_create("random");
    tcase_set_timeout(random, getenv("TAPEGRAD_FUZZ") ? 0 : 60);
    tcase_add_loop_test(random, random_programs_are_the_same_one_by_one, 0, PARTS);
    suite_add_tcase(suite, random);
    return suite;
}
