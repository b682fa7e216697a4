/* tests/emit/test_emit_random.c: random programs as C give what the library gives, as far as rounding does not decide.
 *
 * The programs are those of run/random_tape.h, recorded on two tapes. One is written as C and run; on the other the leaves are different in
 * their last digits: how far its values are from those of the first tells what rounding errors may come to. Many programs are one C
 * program.
 *
 * TAPEGRAD_FUZZ_EMIT is the number of programs (see make fuzz-emit), TAPEGRAD_FUZZ_SEED the first one.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "emit/emitted.h"
#include "run/random_tape.h"

enum { BATCH = 20, STEPS = 40, PROGRAMS = 40 };

typedef struct trial_program {
    program          p;
    emitted_function f;
    int              at[MOST_OUTPUTS]; /* of the outputs among the values */
    bool             written;
} trial_program;

static long refused;

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static double element_of(tg_dtype dtype, const void *data, int64_t i) {
    switch (dtype) {
    case TG_F32: return (double)((const float *)data)[i];
    case TG_F64: return ((const double *)data)[i];
    case TG_I64: return (double)((const int64_t *)data)[i];
    default: return ((const bool *)data)[i];
    }
}

static double noise_of(tg_dtype dtype) {
    return dtype == TG_F32 ? 2e-6 : 4e-15;
}

/* Changes floating leaves by a few units in the last place. */
static void disturb(program *p) {
    static _Alignas(64) char data[LARGEST * 8];
    for (int i = 0; i < p->count; i++) {
        const value *v = &p->values[i];
        int64_t      size = tg_shape_size(v->shape);
        if (!v->variable || v->dtype > TG_F64 || !size) continue;
        const void *now = tg_peek(v->x[1]);
        double      noise = noise_of(v->dtype);
        for (int64_t k = 0; k < size; k++) {
            double x = element_of(v->dtype, now, k) * (1 + ((double)(roll(p, 1000)) - 499.5) / 500 * noise);
            if (v->dtype == TG_F32)
                ((float *)data)[k] = (float)x;
            else
                ((double *)data)[k] = x;
        }
        tg_write(v->x[1], data, size);
    }
}

/* ---- one program ------------------------------------------------------------------------------------------------- */

/* The last values, and the leaves. */
static void choose_outputs(trial_program *t) {
    program *p = &t->p;
    t->f = (emitted_function){.count = 0};
    snprintf(t->f.what, sizeof t->f.what, "program %llu", (unsigned long long)p->seed);
    for (int i = p->count - 1; i >= 0 && t->f.count<MOST_OUTPUTS; i -= i> 5 ? 2 : 1) {
        t->at[t->f.count] = i;
        t->f.outputs[t->f.count++] = p->values[i].x[0];
    }
}

static bool is_same(double x, double y) {
    return x == y || (isnan(x) && isnan(y));
}

/* What rounding of the order of the noise has come to, or could come to where a sum is near a step of a function. */
static void check_output(const trial_program *t, int j) {
    tg_tensor   y = t->f.outputs[j], other = t->p.values[t->at[j]].x[1];
    tg_dtype    dtype = tg_dtype_of(y);
    int64_t     size = tg_size(y);
    const void *expected = tg_data(y), *disturbed = tg_data(other);
    double      most = 0, spread = 0;
    if (!expected || !disturbed) return; /* which fails in the library */
    for (int64_t i = 0; i < size; i++) {
        double a = element_of(dtype, expected, i), b = element_of(dtype, disturbed, i);
        if (isfinite(a)) most = fmax(most, fabs(a));
        spread = is_same(a, b) ? spread : isfinite(a - b) ? fmax(spread, fabs(a - b)) : INFINITY;
    }
    for (int64_t i = 0; i < size; i++) {
        double a = element_of(dtype, expected, i), c = element_of(dtype, t->f.values[j], i);
        double tolerance = 1000 * spread + (dtype == TG_F32 ? 1e-4 : dtype == TG_F64 ? 1e-11 : 0) * most;
        ck_assert_msg(is_same(a, c) || fabs(a - c) <= tolerance || isinf(tolerance),
                      "TAPEGRAD_FUZZ_SEED=%llu, output %d: element %lld is %.17g, and %.17g in the library; the spread is %g",
                      (unsigned long long)t->p.seed, j, (long long)i, c, a, spread);
    }
}

static void record(trial_program *t, uint64_t seed) {
    static tallies sums;
    record_random_program(seed, STEPS, &t->p, &sums);
    choose_outputs(t);
}

static void finish_program(trial_program *t) {
    for (int j = 0; j < t->f.count && t->written; j++)
        free(t->f.values[j]);
    tg_tape_free(t->p.tape[0]);
    tg_tape_free(t->p.tape[1]);
}

static void compare(trial_program *t) {
    disturb(&t->p);
    tg_status status = tg_run(t->p.tape[0]);
    (void)tg_run(t->p.tape[1]);
    for (int j = 0; j < t->f.count && !status; j++)
        check_output(t, j);
}

/* ---- many -------------------------------------------------------------------------------------------------------- */

static void check_batch(uint64_t first, int count) {
    static trial_program trials[BATCH];
    emitted_tape         tapes[BATCH] = {0};
    int                  n = 0;
    for (int i = 0; i < count; i++) {
        trial_program *t = &trials[i];
        record(t, first + (uint64_t)i);
        tapes[n] = (emitted_tape){.tape = t->p.tape[0], .count = 1, .functions = &t->f};
        snprintf(tapes[n].name, sizeof tapes[n].name, "random_tape%d", i);
        t->written = write_emitted(&tapes[n]);
        n += t->written;
        if (t->written) continue;
        refused++;
        const char *error = tg_error(t->p.tape[0]);
        ck_assert_msg(strstr(error, "a part of a leaf is made of the leaf itself") != NULL, "program %llu: %s",
                      (unsigned long long)t->p.seed, error);
    }
    run_written("random_tapes", "-O1 " EMITTED_SANITIZERS, n, tapes, 1);
    for (int i = 0; i < count; i++) {
        if (trials[i].written) compare(&trials[i]);
        finish_program(&trials[i]);
    }
}

static uint64_t from_environment(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

START_TEST(random_tapes_are_the_librarys) {
    uint64_t first = from_environment("TAPEGRAD_FUZZ_SEED", 1), count = from_environment("TAPEGRAD_FUZZ_EMIT", PROGRAMS);
    for (uint64_t i = 0; i < count; i += BATCH)
        check_batch(first + i, count - i < BATCH ? (int)(count - i) : BATCH);
    if (getenv("TAPEGRAD_FUZZ_EMIT"))
        printf("# %llu programs as C, %ld could not be written\n", (unsigned long long)count, refused);
}
END_TEST

Suite *suite_emit_random(void) {
    Suite *suite = suite_create("emit/random");
    TCase *tcase = tcase_create("tapes");
    tcase_set_timeout(tcase, getenv("TAPEGRAD_FUZZ_EMIT") ? 0 : 120);
    tcase_add_test(tcase, random_tapes_are_the_librarys);
    suite_add_tcase(suite, tcase);
    return suite;
}
