/* bench/recorded.c: see recorded.h.
 *
 * SPDX-License-Identifier: MIT */
#include "recorded.h"

enum { MOST_RESULTS = 3 };

typedef struct recorded {
    tg_tape  *tape;
    int       count;
    tg_tensor results[MOST_RESULTS];
} recorded;

void *recorded_new(tg_tape *tape, int count, const tg_tensor *results) {
    recorded *r = room(sizeof *r);
    *r = (recorded){tape, count, {{0}}};
    for (int i = 0; i < count; i++) {
        r->results[i] = results[i];
        tg_keep(results[i]);
    }
    must(tape);
    return r;
}

void recorded_step(void *state) {
    tg_run(((recorded *)state)->tape);
}

int recorded_result(void *state, double *to) {
    recorded *r = state;
    int       count = 0;
    for (int i = 0; i < r->count; i++) {
        const double *values = tg_data(r->results[i]);
        must(r->tape);
        count += digest_doubles(values, tg_size(r->results[i]), to + count);
    }
    return count;
}

void recorded_free(void *state) {
    recorded *r = state;
    must(r->tape);
    tg_tape_free(r->tape);
    free(r);
}

double *doubles(int64_t n, uint32_t salt, double low, double high) {
    float  *narrow = numbers(n, salt, low, high);
    double *x = room((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)narrow[i];
    free(narrow);
    return x;
}

int digest_doubles(const double *x, int64_t n, double *to) {
    float *narrow = room((size_t)n * sizeof *narrow);
    for (int64_t i = 0; i < n; i++)
        narrow[i] = (float)x[i];
    int count = digest(narrow, n, to);
    free(narrow);
    return count;
}
