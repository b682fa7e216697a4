/* tests/run/probe_races.c: whether the thread sanitizer is of use here (make tsan): it must say nothing when threads write each to
 * its own part of an array, which is read afterwards; and report it when they write to one variable, which an argument asks for.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

enum { THREADS = 4, PART = 1000, ROUNDS = 50 };

int main(int argc, char **argv) {
    int *x = calloc(THREADS * PART, sizeof *x), last = 0;
    (void)argv;
    for (int round = 1; x && round <= ROUNDS; round++) {
#pragma omp parallel for num_threads(THREADS) schedule(static, 1)
        for (int thread = 0; thread < THREADS; thread++) {
            for (int i = 0; i < PART; i++)
                x[thread * PART + i]++;
            if (argc > 1) last += thread;
        }
        for (int i = 0; i < THREADS * PART; i++)
            if (x[i] != round) return EXIT_FAILURE;
    }
    free(x);
    return EXIT_SUCCESS;
}
