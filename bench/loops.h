/* bench/loops.h: for loops written by hand that are to be fast, as a C programmer would tell the compiler: which ones may
 * run on all threads (those that everybody may use), and in which ones the turns may be done side by side in a vector.
 * Where the compiler has no OpenMP they are plain loops.
 *
 * gcc and glibc have expf and tanhf for whole vectors, once they are told that nobody minds the last bit.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include <math.h>

#if defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__) && defined(__x86_64__)
float expf(float) __attribute__((simd("notinbranch")));
float tanhf(float) __attribute__((simd("notinbranch")));
#endif

/* The mean cross entropy of rows of logits, the classes being 0, 1, 2, ... in turn; and its gradient for them. */
static inline double cross_entropy_by_hand(int samples, int classes, const float *logits, float *delta) {
    double total = 0;
    for (int s = 0; s < samples; s++, logits += classes, delta += classes) {
        float largest = logits[0], sum = 0;
        for (int j = 1; j < classes; j++)
            if (logits[j] > largest) largest = logits[j];
        for (int j = 0; j < classes; j++)
            sum += delta[j] = expf(logits[j] - largest);
        total += (double)(logf(sum) + largest - logits[s % classes]);
        for (int j = 0; j < classes; j++)
            delta[j] = (delta[j] / sum - (float)(j == s % classes)) / (float)samples;
    }
    return total / samples;
}

#define PRAGMA(text) _Pragma(#text)

#ifdef _OPENMP
#define PARALLEL PRAGMA(omp parallel for schedule(static))
#define PARALLEL_SUM(sum) PRAGMA(omp parallel for schedule(static) reduction(+ : sum))
#define VECTOR PRAGMA(omp simd)
#define VECTOR_SUM(sum) PRAGMA(omp simd reduction(+ : sum))
#define VECTOR_MAX(largest) PRAGMA(omp simd reduction(max : largest))
#else
#define PARALLEL
#define PARALLEL_SUM(sum)
#define VECTOR
#define VECTOR_SUM(sum)
#define VECTOR_MAX(largest)
#endif

#endif
